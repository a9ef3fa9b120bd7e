/*
 * errors.c -- the table of normalized outcome codes.  Pure.
 *
 * One row for each member of CnCode, in its order; SQLSTATEs count up from
 * NC001.  Both are public: never renumber, only append.
 */
#include "core/errors.h"
#include "core/format.h"

static const CnCodeInfo codes[CN_CODE_COUNT] = {
	[CN_OK] = {"ok", "00000", false, ""},
	[CN_AUTH_FAILED] = {"auth_failed", "NC001", false,
		"Check the credential of this service; it may have expired or been revoked."},
	[CN_PERMISSION_DENIED] = {"permission_denied", "NC002", false,
		"Give the credential's account or scope the right to do this at the remote service."},
	[CN_NOT_FOUND] = {"not_found", "NC003", false,
		"Check the URL and the identifiers in it; the remote service does not know them."},
	[CN_VALIDATION_FAILED] = {"validation_failed", "NC004", false,
		"Compare the request with what the remote service expects; it refused the values sent."},
	[CN_CONFLICT] = {"conflict", "NC005", false,
		"Read the remote record again and repeat the change on its present state."},
	[CN_RATE_LIMITED] = {"rate_limited", "NC006", true,
		"Send less often; the remote service limits how many requests it takes."},
	[CN_TIMEOUT] = {"timeout", "NC007", true,
		"Raise timeout_ms, or ask the remote service for less at a time."},
	[CN_NETWORK_ERROR] = {"network_error", "NC008", true,
		"Check that the remote host is reachable from the database server."},
	[CN_TLS_ERROR] = {"tls_error", "NC009", false,
		"Check the remote host's certificate, and connector.ca_file if it uses a private authority."},
	[CN_BLOCKED_ADDRESS] = {"blocked_address", "NC010", false,
		"A superuser can permit the address in connector.allowed_networks."},
	[CN_SERVER_ERROR] = {"server_error", "NC011", true,
		"The remote service failed; try again later."},
	[CN_BAD_RESPONSE] = {"bad_response", "NC012", false,
		"The reply is not what this step expects; check the URL and the remote service."},
	[CN_RESPONSE_TOO_LARGE] = {"response_too_large", "NC013", false,
		"Ask for smaller pages, or have a superuser raise connector.max_response_size."},
	[CN_CIRCUIT_OPEN] = {"circuit_open", "NC014", true,
		"The service failed repeatedly and is given a rest; it is probed again shortly."},
	[CN_LIMIT_EXCEEDED] = {"limit_exceeded", "NC015", false,
		"Do less at a time, or raise the limit named in the message."},
	[CN_CANCELLED] = {"cancelled", "NC016", false,
		"The execution was cancelled on request; start it again if it is still wanted."},
	[CN_CONFIG_INVALID] = {"config_invalid", "NC017", false,
		"Correct the definition or the setting named in the message."},
	[CN_INPUT_INVALID] = {"input_invalid", "NC018", false,
		"Compare the input with what the definition's references ask for."},
	[CN_CREDENTIAL_MISSING] = {"credential_missing", "NC019", false,
		"Store one for this workspace with connector_credential_set()."},
	[CN_UNKNOWN_OUTCOME] = {"unknown_outcome", "NC020", false,
		"Look at the remote service whether the request took effect before you send it again."},
	[CN_INTERNAL] = {"internal", "NC021", false,
		"This is a defect of the extension; report it with the server log."},
};

/*
 * cn_code_info -- the row of code.
 *
 * A value that is no code gives the row of CN_INTERNAL.  Never throws.
 */
const CnCodeInfo *
cn_code_info(CnCode code)
{
	if ((int) code < 0 || (int) code >= CN_CODE_COUNT)
		code = CN_INTERNAL;
	return &codes[code];
}

CnCode
cn_code_by_name(const char *name)
{
	for (int code = CN_OK + 1; code < CN_CODE_COUNT; code++)
		if (strcmp(codes[code].name, name) == 0)
			return (CnCode) code;
	return CN_OK;
}

CnCode
cn_code_by_sqlstate(const char *sqlstate)
{
	for (int code = CN_OK + 1; code < CN_CODE_COUNT; code++)
		if (strcmp(codes[code].sqlstate, sqlstate) == 0)
			return (CnCode) code;
	return CN_OK;
}

/* client_error_code -- the code of a status 400..499. */
static CnCode
client_error_code(int http_status)
{
	switch (http_status)
	{
		case 401:
			return CN_AUTH_FAILED;
		case 402:				/* payment required: the account may not */
		case 403:
		case 451:				/* unavailable for legal reasons */
			return CN_PERMISSION_DENIED;
		case 404:
		case 410:
			return CN_NOT_FOUND;
		case 407:				/* our proxy, not the remote: a setting is wrong */
			return CN_CONFIG_INVALID;
		case 408:
			return CN_TIMEOUT;
		case 409:
		case 412:
		case 423:				/* locked */
			return CN_CONFLICT;
		case 425:				/* too early: asks to be repeated */
			return CN_SERVER_ERROR;
		case 429:
			return CN_RATE_LIMITED;
		default:				/* 413 too: what we sent is larger than it takes */
			return CN_VALIDATION_FAILED;
	}
}

/*
 * cn_code_for_status -- what an HTTP status means unless a provider says otherwise.
 *
 * 2xx is CN_OK.  1xx and 3xx are no final answers and so a bad response, as is
 * anything outside 100..599.  RFC 9110, section 15.
 */
CnCode
cn_code_for_status(int http_status)
{
	if (http_status >= 200 && http_status <= 299)
		return CN_OK;
	if (http_status >= 400 && http_status <= 499)
		return client_error_code(http_status);
	if (http_status == 504)
		return CN_TIMEOUT;
	if (http_status >= 500 && http_status <= 599)
		return CN_SERVER_ERROR;
	return CN_BAD_RESPONSE;
}

/*
 * cn_fail -- make *failure an outcome with a formatted message.
 *
 * Sets code and message (palloc'ed in the current context), clears
 * remote_message, detail and hint, keeps http_status.  Throws only out of memory.
 */
void
cn_fail(CnFailure *failure, CnCode code, const char *fmt,...)
{
	va_list		args;

	failure->code = code;
	failure->remote_message = NULL;
	failure->detail = NULL;
	failure->hint = NULL;
	va_start(args, fmt);
	failure->message = cn_format_args(fmt, args);
	va_end(args);
}

/* Lines one behind the other. */
static void
append_lines(StringInfo text, const char *lines)
{
	appendStringInfoString(text, ": ");
	for (const char *at = lines; *at; at++)
	{
		if (*at == '\n')
			appendStringInfoString(text, "; ");
		else
			appendStringInfoChar(text, *at);
	}
}

char *
cn_failure_text(const CnFailure *failure)
{
	StringInfoData text;

	if (failure->code == CN_OK)
		return NULL;
	initStringInfo(&text);
	appendStringInfoString(&text, failure->message);
	if (failure->remote_message)
		appendStringInfo(&text, ": %s", failure->remote_message);
	if (failure->detail)
		append_lines(&text, failure->detail);
	return text.data;
}
