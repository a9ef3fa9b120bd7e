# profile.awk -- the output of `perf script -F ip,sym,dso` as shares of what an execution is made of.
#
# A sample belongs to the first part, in the order below, of which any function is on its stack.

BEGIN {
	part("the kernel's sockets, for libcurl", "^curl_multi_(socket_action|add_handle|remove_handle)$", "kernel")
	part("libcurl", "^curl_multi_(socket_action|add_handle|remove_handle)$")
	part("waiting for sockets", "^(cn_http_wait|epoll_wait)$")
	part("setting libcurl's options", "^http_hop_begin$")
	part("resetting and wiping handles", "^http_slot_release$")
	part("history: rows into table and indexes", "^(cn_history_add|cn_history_flush|cn_table_add|cn_table_close|write_rows)$")
	part("history: building rows", "^(cn_history_write|cn_history_steps)$")
	part("request: rendering, checks", "^(cn_request_build|cn_secrets_init)$")
	part("reply: checks, jsonb, output", "^cn_reply_read$")
	part("ids", "^cn_uuid_v7$")
	part("counting", "^cn_stats_count$")
	part("result rows", "^(cn_call_result|tuplestore_puttuple)$")
	part("memory contexts", "^MemoryContextDelete$|^AllocSetContextCreateInternal$")
	part("the engine's states, the loop around it", "^connector_execute")
	part("commit", "^CommitTransactionCommand$")
	part("the rest of the server", ".")
}

function part(name, pattern, where) {
	names[++parts] = name
	patterns[parts] = pattern
	places[parts] = where
}

function matches(i, frame) {
	if (places[i] != "" && where !~ places[i])
		return 0
	for (frame = 1; frame <= depth; frame++)
		if (stack[frame] ~ patterns[i])
			return 1
	return 0
}

function end_of_sample(i) {
	if (depth == 0)
		return
	samples++
	for (i = 1; i <= parts && !matches(i); i++)
		;
	count[i]++
	depth = 0
}

NF == 0 { end_of_sample(); next }
{
	symbol = $2
	sub(/\+0x.*/, "", symbol)
	stack[++depth] = symbol
	if (depth == 1)
		where = $0 ~ /kernel/ ? "kernel" : "user"
}
END {
	end_of_sample()
	for (i = 1; i <= parts; i++)
		if (count[i])
			printf "%.1f\t%s\n", 100 * count[i] / samples, names[i]
}
