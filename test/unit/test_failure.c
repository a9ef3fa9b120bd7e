/*
 * test_failure.c -- the table of codes, HTTP statuses, and libcurl's outcomes.
 */
#include "http/failure.h"

#include "tap.h"

static const char *const names[] = {
	"ok", "auth_failed", "permission_denied", "not_found", "validation_failed", "conflict",
	"rate_limited", "timeout", "network_error", "tls_error", "blocked_address", "server_error",
	"bad_response", "response_too_large", "circuit_open", "limit_exceeded", "cancelled",
	"config_invalid", "input_invalid", "credential_missing", "unknown_outcome", "internal",
};

static const struct
{
	int			status;
	CnCode		code;
}			statuses[] = {
	{200, CN_OK}, {204, CN_OK}, {299, CN_OK}, {100, CN_BAD_RESPONSE}, {302, CN_BAD_RESPONSE},
	{304, CN_BAD_RESPONSE}, {0, CN_BAD_RESPONSE}, {600, CN_BAD_RESPONSE}, {-1, CN_BAD_RESPONSE},
	{400, CN_VALIDATION_FAILED}, {401, CN_AUTH_FAILED}, {402, CN_PERMISSION_DENIED},
	{403, CN_PERMISSION_DENIED}, {404, CN_NOT_FOUND}, {405, CN_VALIDATION_FAILED},
	{407, CN_CONFIG_INVALID}, {408, CN_TIMEOUT}, {409, CN_CONFLICT}, {410, CN_NOT_FOUND},
	{412, CN_CONFLICT}, {413, CN_VALIDATION_FAILED}, {418, CN_VALIDATION_FAILED},
	{422, CN_VALIDATION_FAILED}, {423, CN_CONFLICT}, {425, CN_SERVER_ERROR},
	{429, CN_RATE_LIMITED}, {451, CN_PERMISSION_DENIED}, {500, CN_SERVER_ERROR},
	{502, CN_SERVER_ERROR}, {503, CN_SERVER_ERROR}, {504, CN_TIMEOUT}, {599, CN_SERVER_ERROR},
};

static const struct
{
	HttpOutcome outcome;
	CnCode		code;
	const char *message;
}			outcomes[] = {
	{{.result = CURLE_COULDNT_RESOLVE_HOST}, CN_NETWORK_ERROR,
		"could not resolve the host name of https://h"},
	{{.result = CURLE_COULDNT_CONNECT, .os_errno = 111}, CN_NETWORK_ERROR,
		"could not connect to https://h: Connection refused"},
	{{.result = CURLE_COULDNT_CONNECT}, CN_NETWORK_ERROR, "could not connect to https://h"},
	{{.result = CURLE_COULDNT_CONNECT, .proxied = true}, CN_NETWORK_ERROR,
		"could not connect to connector.proxy"},
	{{.result = CURLE_COULDNT_CONNECT, .trouble = HTTP_TROUBLE_BLOCKED, .address = "10.0.0.1"},
		CN_BLOCKED_ADDRESS, "address 10.0.0.1 of https://h is not allowed"},
	/* the blocked address was not the only one */
	{{.result = CURLE_PARTIAL_FILE, .trouble = HTTP_TROUBLE_BLOCKED, .address = "10.0.0.1",
			.sent = true}, CN_NETWORK_ERROR,
		"connection to https://h was lost before the reply was complete"},
	{{.result = CURLE_COULDNT_CONNECT, .trouble = HTTP_TROUBLE_DESCRIPTORS, .os_errno = 24},
		CN_LIMIT_EXCEEDED, "could not open a socket for https://h: Too many open files"},
	{{.result = CURLE_OPERATION_TIMEDOUT, .sent = true}, CN_TIMEOUT,
		"no complete reply from https://h within 3000 ms"},
	{{.result = CURLE_OPERATION_TIMEDOUT}, CN_TIMEOUT,
		"could not connect to https://h within 500 ms"},
	{{.result = CURLE_OPERATION_TIMEDOUT, .timed_out = true}, CN_TIMEOUT,
		"could not connect to https://h within 3000 ms"},
	{{.result = CURLE_PEER_FAILED_VERIFICATION, .verify_result = 10}, CN_TLS_ERROR,
		"certificate of https://h is not trusted: it has expired"},
	{{.result = CURLE_PEER_FAILED_VERIFICATION, .verify_result = 1}, CN_TLS_ERROR,
		"certificate of https://h is not trusted: it was made out for another host"},
	{{.result = CURLE_PEER_FAILED_VERIFICATION, .verify_result = 99}, CN_TLS_ERROR,
		"certificate of https://h is not trusted (OpenSSL verify error 99)"},
	{{.result = CURLE_SSL_CONNECT_ERROR}, CN_TLS_ERROR, "TLS handshake with https://h failed"},
	{{.result = CURLE_SSL_CACERT_BADFILE}, CN_CONFIG_INVALID,
		"could not load the certificate authorities (connector.ca_file, or the system's)"},
	{{.result = CURLE_WRITE_ERROR, .trouble = HTTP_TROUBLE_BODY_SIZE}, CN_RESPONSE_TOO_LARGE,
		"reply from https://h is larger than 1024 bytes"},
	{{.result = CURLE_FILESIZE_EXCEEDED}, CN_RESPONSE_TOO_LARGE,
		"reply from https://h is larger than 1024 bytes"},
	{{.result = CURLE_WRITE_ERROR, .trouble = HTTP_TROUBLE_HEADER_SIZE}, CN_BAD_RESPONSE,
		"reply headers from https://h are larger than 65536 bytes"},
	{{.result = CURLE_WRITE_ERROR, .trouble = HTTP_TROUBLE_MEMORY}, CN_LIMIT_EXCEEDED,
		"out of memory for the reply from https://h"},
	{{.result = CURLE_ABORTED_BY_CALLBACK, .trouble = HTTP_TROUBLE_RESEND, .sent = true},
		CN_NETWORK_ERROR, "connection to https://h was lost before a reply came"},
	{{.result = CURLE_GOT_NOTHING, .sent = true}, CN_NETWORK_ERROR,
		"https://h closed the connection without a reply"},
	{{.result = CURLE_RECV_ERROR, .sent = true}, CN_NETWORK_ERROR,
		"connection to https://h was lost"},
	{{.result = CURLE_HTTP2_STREAM, .sent = true}, CN_NETWORK_ERROR,
		"connection to https://h was lost"},
	{{.result = CURLE_WEIRD_SERVER_REPLY, .sent = true}, CN_BAD_RESPONSE,
		"reply from https://h is not valid HTTP"},
	{{.result = CURLE_UNSUPPORTED_PROTOCOL, .sent = true}, CN_BAD_RESPONSE,
		"reply from https://h is not valid HTTP"},
	{{.result = CURLE_BAD_CONTENT_ENCODING, .sent = true}, CN_BAD_RESPONSE,
		"reply from https://h cannot be decompressed"},
	/* without trouble of ours: bytes behind the compressed ones */
	{{.result = CURLE_WRITE_ERROR, .sent = true}, CN_BAD_RESPONSE,
		"reply from https://h cannot be decompressed"},
	{{.result = CURLE_OUT_OF_MEMORY}, CN_LIMIT_EXCEEDED,
		"out of memory for the request to https://h"},
	{{.result = CURLE_URL_MALFORMAT}, CN_CONFIG_INVALID, "URL for https://h is malformed"},
	{{.result = CURLE_BAD_FUNCTION_ARGUMENT}, CN_INTERNAL,
		"request to https://h failed (libcurl error 43)"},
};

static void
test_table(void)
{
	for (int i = 0; i < CN_CODE_COUNT; i++)
	{
		const CnCodeInfo *info = cn_code_info(i);

		tap_is(info->name, names[i], "name of %d", i);
		tap_is(info->sqlstate, i == 0 ? "00000" : psprintf("NC%03d", i), "SQLSTATE of %s",
			   names[i]);
		tap_ok(i == 0 || info->hint[strlen(info->hint) - 1] == '.', "hint of %s", names[i]);
	}
	tap_is(cn_code_info(CN_CODE_COUNT)->name, "internal", "code past the end");
	tap_is(cn_code_info((CnCode) -1)->name, "internal", "negative code");
}

static void
test_fail(void)
{
	CnFailure	failure = {.http_status = 7, .hint = (char *) "old"};
	char		text[1001];

	memset(text, 'x', 1000);
	text[1000] = '\0';
	cn_fail(&failure, CN_CONFLICT, "%s!%d", text, 5);
	tap_ok(failure.code == CN_CONFLICT && strlen(failure.message) == 1002 &&
		   failure.http_status == 7 && failure.hint == NULL, "a long message");
}

int
main(void)
{
	test_table();
	test_fail();
	for (int i = 0; i < lengthof(statuses); i++)
		tap_is_int(cn_code_for_status(statuses[i].status), statuses[i].code, "status %d",
				   statuses[i].status);
	for (int i = 0; i < lengthof(outcomes); i++)
	{
		HttpOutcome outcome = outcomes[i].outcome;
		CnFailure	failure = {0};

		outcome.origin = "https://h";
		outcome.timeout_ms = 3000;
		outcome.connect_timeout_ms = 500;
		outcome.max_response = 1024;
		http_failure_map(&failure, &outcome);
		tap_ok(failure.code == outcomes[i].code, "code of: %s", outcomes[i].message);
		http_failure_map(&failure, &outcome);
		tap_is(failure.message, outcomes[i].message, "message of %d", (int) outcome.result);
	}
	return tap_done();
}
