# lib.sh -- what the benchmarks share; sourced by them, never run.
#
# A benchmark runs in a private cluster, on disk with fsync on, against a local nginx that answers 200 bytes.
# It prints one line a figure, with the limit it is compared to measured beside it in the same run.
#
# The caller sets CN_REPO and CN_PROGRAM, as for bin/lib/setup.sh, which this reads.
# shellcheck shell=bash
# shellcheck disable=SC2034 # some variables are for the caller

# shellcheck source=bin/lib/setup.sh
. "$CN_REPO/bin/lib/setup.sh"

ROUNDS=5

# With two cores or more what answers has the last one to itself, and the client, bare or backend, the first.
CLIENT_PIN=()
SERVER_PIN=()
if (($(nproc) > 1)); then
	CLIENT_PIN=(taskset -c 0)
	SERVER_PIN=(taskset -c "$(($(nproc) - 1))")
fi

figure() { printf '%-52s %10s %s\n' "$1" "$2" "$3"; }

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

# median_of COLUMN LINES -- of the rounds.
median_of() { cut -d' ' -f"$1" <<<"$2" | sort -n | sed -n "$(((ROUNDS + 1) / 2))p"; }

# ratio_of LINES LIMIT_LINES -- the median of the rounds' ratios of their first columns.
ratio_of() {
	median_of 1 "$(paste -d' ' <(cut -d' ' -f1 <<<"$1") <(cut -d' ' -f1 <<<"$2") |
		awk '{ printf "%.2f\n", $1 / $2 }')"
}

# pin_session -- what a psql session begins with: its backend goes to the client's core, PID is its process.
pin_session() {
	cat <<SQL
SELECT pg_backend_pid() AS pid \gset
\setenv PID :pid
SQL
	if ((${#CLIENT_PIN[@]} > 0)); then
		echo '\! taskset -cp 0 $PID >/dev/null'
	fi
}

as_super() { as_user "$CN_PG_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$CN_STAGE" -p "$PORT" -U postgres bench "$@"; }
as_tenant() { as_user "$CN_PG_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "$CN_STAGE" -p "$PORT" -U tenant bench "$@"; }

# prepare PACKAGE... -- the extension built and installed; the current directory becomes the stage's.
prepare() {
	install_packages "${CN_PACKAGES_BUILD[@]}" nginx "$@"
	make_stage connector-bench
	trap run_exit_commands EXIT
	on_exit 'rm -rf "$CN_STAGE"'
	as_user mkdir "$CN_STAGE/src"
	copy_checkout "$CN_STAGE/src"
	build "$CN_STAGE/src" "$CN_STAGE/build.log"
	install_extension "$CN_STAGE/src" "$CN_STAGE/build.log"
	cd "$CN_STAGE"
}

# start_nginx [COMMAND...] -- sets URL; the command, if any, is one that runs another (taskset).  Files in
# $CN_STAGE/nginx/files are at /files/.
start_nginx() {
	local body
	body=$(printf '{"ok":true,"filler":"%0178d"}' 0)
	NGINX_PORT=$(free_port)
	as_user mkdir -p "$CN_STAGE/nginx"
	as_user tee "$CN_STAGE/nginx/nginx.conf" >/dev/null <<CONF
pid $CN_STAGE/nginx/pid;
error_log $CN_STAGE/nginx/error.log;
worker_processes 1;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
	access_log off;
	keepalive_requests 1000000000;
	client_body_temp_path $CN_STAGE/nginx/body;
	proxy_temp_path $CN_STAGE/nginx/proxy;
	fastcgi_temp_path $CN_STAGE/nginx/fastcgi;
	uwsgi_temp_path $CN_STAGE/nginx/uwsgi;
	scgi_temp_path $CN_STAGE/nginx/scgi;
	server {
		listen 127.0.0.1:$NGINX_PORT;
		default_type application/json;
		location / { return 200 '$body'; }
		location /files/ { root $CN_STAGE/nginx; }
	}
}
CONF
	as_user "$@" "$(command -v nginx || echo /usr/sbin/nginx)" -c "$CN_STAGE/nginx/nginx.conf" 2>/dev/null
	on_exit 'kill_as_user "$(cat "$CN_STAGE/nginx/pid")" 2>/dev/null || true'
	URL=http://127.0.0.1:$NGINX_PORT/lookup
}

# start_database -- with a workspace "bench" of the role "tenant".
start_database() {
	PORT=$(free_port)
	init_cluster "$CN_STAGE/data" -A trust >"$CN_STAGE/initdb.log"
	printf 'k1:%s\n' "$(random_hex 32)" | write_private "$CN_STAGE/keys"
	as_user tee -a "$CN_STAGE/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = ''
port = $PORT
unix_socket_directories = '$CN_STAGE'
shared_preload_libraries = 'connector'
connector.key_file = '$CN_STAGE/keys'
connector.allowed_networks = '127.0.0.1/32'
shared_buffers = 512MB
min_wal_size = 2GB
max_wal_size = 8GB
autovacuum = off
CONF
	start_cluster "$CN_STAGE/data" "$CN_STAGE/server.log"
	on_exit 'stop_cluster "$CN_STAGE/data"'
	as_user "$CN_PG_BIN/createdb" -h "$CN_STAGE" -p "$PORT" -U postgres bench
	as_super >/dev/null <<SQL
CREATE EXTENSION connector;
SELECT connector_maintain();
CREATE ROLE tenant LOGIN;
SELECT connector_create_workspace('bench', owner => 'tenant');
SQL
}

# age_database -- have it as after some time of work: buffers that were used, WAL files to be used again.
age_database() {
	as_super <<SQL
CREATE TABLE filler (t text);
ALTER TABLE filler ALTER t SET STORAGE PLAIN;
INSERT INTO filler SELECT repeat('x', 7900) FROM generate_series(1, 65536);
DROP TABLE filler;
CHECKPOINT;
SQL
}
