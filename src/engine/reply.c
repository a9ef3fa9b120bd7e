/*
 * reply.c -- a remote's reply becomes output or failure.
 *
 * The body is what a stranger sent: the credential's values are blanked in it
 * first, then it is checked without raising, and only then it becomes jsonb.
 */
#include "postgres.h"

#include "common/base64.h"

#include "catalog/pick.h"
#include "core/jsonb.h"
#include "core/utf8.h"
#include "engine/internal.h"
#include "engine/output.h"
#include "engine/settings.h"

/* Bytes of a remote's own words in an error. */
#define MAX_REMOTE_MESSAGE 300

/* An error page longer than this is not searched for a message. */
#define MAX_ERROR_BODY 65536

/* ---- content types ---- */

static bool
ends_with(const char *text, const char *end)
{
	size_t		len = strlen(text);
	size_t		end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static bool
is_json_type(const char *type)
{
	return strcmp(type, "application/json") == 0 || strcmp(type, "text/json") == 0 ||
		ends_with(type, "+json");
}

static bool
is_text_type(const char *type)
{
	static const char *const types[] = {
		"application/xml", "application/csv", "application/javascript", "application/yaml",
		"application/x-www-form-urlencoded", "application/x-ndjson", "application/graphql"
	};

	if (strncmp(type, "text/", 5) == 0 || ends_with(type, "+xml") || ends_with(type, "+yaml"))
		return true;
	for (int i = 0; i < lengthof(types); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

/* ISO 8859-1, and none of its relatives (-15 has the euro sign where -1 has another). */
static bool
is_latin1(const char *charset)
{
	static const char *const names[] = {"iso-8859-1", "iso_8859-1", "latin1", "l1"};

	for (int i = 0; i < lengthof(names); i++)
	{
		size_t		len = strlen(names[i]);

		if (pg_strncasecmp(charset, names[i], len) == 0 && strchr("\"; \t", charset[len]))
			return true;
	}
	return false;
}

/* Split "Text/HTML; charset=utf-8" into type and whether it is Latin-1. */
static void
read_content_type(const char *header, CnReplyBody *body)
{
	int			len = strcspn(header, "; \t");
	char	   *type = pnstrdup(header, len);
	const char *charset = strcasestr(header, "charset=");

	for (char *at = type; *at; at++)
		*at = pg_ascii_tolower(*at);
	body->type = type;
	if (charset)
	{
		charset += strlen("charset=");
		charset += *charset == '"';
		body->latin1 = is_latin1(charset);
	}
}

/* ---- values ---- */

/* The server's jsonb holds a string of up to this many bytes. */
#define MAX_STRING 0x0FFFFFFF

static Jsonb *
string_value(const char *text, int64 len, CnFailure *failure)
{
	if (len > MAX_STRING)
	{
		cn_fail(failure, CN_RESPONSE_TOO_LARGE, "the reply is too long for a JSON string");
		return NULL;
	}
	return cn_jsonb_string(text, len);
}

static Jsonb *
json_value(const CnReplyBody *body, CnFailure *failure)
{
	CnJsonLimits limits = {.max_depth = cn_engine_max_json_depth};
	CnJsonError error;
	Jsonb	   *value = cn_jsonb_from_text(body->data, body->len, &limits, &error);

	if (value == NULL)
		cn_fail(failure, CN_BAD_RESPONSE, "the reply is not JSON that can be used: %s, at byte " INT64_FORMAT,
				error.message, error.offset);
	return value;
}

static Jsonb *
latin1_value(const CnReplyBody *body, CnFailure *failure)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int64 i = 0; i < body->len; i++)
	{
		unsigned char c = body->data[i];

		if (c == 0)
		{
			cn_fail(failure, CN_BAD_RESPONSE, "the reply's text holds a NUL character");
			return NULL;
		}
		if (c >= 0x80)
			appendStringInfoChar(&text, (char) (0xC0 | c >> 6));
		appendStringInfoChar(&text, (char) (c < 0x80 ? c : 0x80 | (c & 0x3F)));
	}
	return string_value(text.data, text.len, failure);
}

static Jsonb *
text_value(const CnReplyBody *body, CnFailure *failure)
{
	int64		bad;

	if (body->latin1)
		return latin1_value(body, failure);
	if (!cn_utf8_valid(body->data, body->len, &bad))
	{
		cn_fail(failure, CN_BAD_RESPONSE, "the reply's text %s, at byte " INT64_FORMAT,
				body->data[bad] ? "is not UTF-8" : "holds a NUL character", bad);
		failure->hint = "\"response\": \"binary\" in the definition gives the bytes in base64.";
		return NULL;
	}
	return string_value(body->data, body->len, failure);
}

static Jsonb *
binary_value(const CnReplyBody *body, CnFailure *failure)
{
	int			max;
	char	   *text;
	int			len;

	if (body->len > MAX_STRING / 4 * 3)
	{
		cn_fail(failure, CN_RESPONSE_TOO_LARGE, "the reply is too long for a JSON string");
		return NULL;
	}
	max = pg_b64_enc_len(body->len);
	text = palloc(max + 1);
	len = pg_b64_encode(body->data, body->len, text, max);
	return string_value(text, len, failure);
}

/* No content type: look. */
static Jsonb *
guessed_value(const CnReplyBody *body, CnFailure *failure)
{
	CnJsonLimits limits = {.max_depth = cn_engine_max_json_depth};
	CnJsonError error;

	if (cn_json_check(body->data, body->len, &limits, &error))
		return json_value(body, failure);
	if (cn_utf8_valid(body->data, body->len, NULL))
		return text_value(body, failure);
	return binary_value(body, failure);
}

static Jsonb *
body_value(const CnReplyBody *body, CnReplyKind kind, CnFailure *failure)
{
	if (body->len == 0 || kind == CN_REPLY_NONE)
		return cn_jsonb_null();
	switch (kind)
	{
		case CN_REPLY_JSON:
			return json_value(body, failure);
		case CN_REPLY_TEXT:
			return text_value(body, failure);
		case CN_REPLY_BINARY:
			return binary_value(body, failure);
		default:
			break;
	}
	if (is_json_type(body->type))
		return json_value(body, failure);
	if (is_text_type(body->type))
		return text_value(body, failure);
	return body->type[0] ? binary_value(body, failure) : guessed_value(body, failure);
}

/* ---- secrets ---- */

/* Has no step before this one prepared the same credential? */
static bool
is_first_use(const CnExecution *execution, int i)
{
	const CnCredential *credential = execution->steps[i].secrets.credential;

	for (int j = 0; credential && j < i; j++)
		if (execution->steps[j].secrets.credential == credential)
			return false;
	return credential != NULL;
}

/*
 * Blank the values of all credentials the execution has used by now: a remote
 * may tell one step what another has sent.
 */
static const char *
redact(const CnStep *step, const char *text, int64 *len)
{
	const CnExecution *execution = step->execution;

	for (int i = 0; i < execution->given.definition->all_count; i++)
		if (is_first_use(execution, i))
			text = cn_secrets_redact(&execution->steps[i].secrets, text, len);
	return text;
}

static Jsonb *
redact_jsonb(const CnStep *step, Jsonb *value)
{
	const CnExecution *execution = step->execution;

	for (int i = 0; i < execution->given.definition->all_count; i++)
		if (is_first_use(execution, i))
			value = cn_secrets_redact_jsonb(&execution->steps[i].secrets, value);
	return value;
}

/* ---- the remote's own words ---- */

/* The text at the first of the usual places of an error's message. */
static const char *
find_message(const CnJson *tree)
{
	static const char *const keys[] = {
		"message", "error_description", "detail", "error_message", "errorMessage", "title",
		"description", "msg", "error", "errors"
	};

	if (tree->type == CN_JSON_STRING)
		return tree->u.text;
	if (tree->type == CN_JSON_ARRAY)
		return tree->len > 0 ? find_message(tree->u.items[0]) : NULL;
	for (int i = 0; tree->type == CN_JSON_OBJECT && i < lengthof(keys); i++)
	{
		const CnJson *member = cn_json_get(tree, keys[i]);
		const char *found = member ? find_message(member) : NULL;

		if (found)
			return found;
	}
	return NULL;
}

/* One line of at most MAX_REMOTE_MESSAGE bytes, cut between characters. */
static char *
one_line(const char *text)
{
	char	   *line = pnstrdup(text, MAX_REMOTE_MESSAGE);
	int			len = strlen(line);
	int64		bad;

	for (char *at = line; *at; at++)
		if ((unsigned char) *at < ' ' || *at == 127)
			*at = ' ';
	if (!cn_utf8_valid(line, len, &bad))
		line[bad] = '\0';
	return line[strspn(line, " ")] ? line : NULL;
}

/* What the author's path to the message finds, or NULL. */
static char *
message_at_path(CnStep *step, CnReplyBody *body)
{
	Jsonb	   *value = step->def->error_message.text ? cn_reply_value(step, body) : NULL;
	const CnJson *found;
	int			len;

	if (value == NULL)
		return NULL;
	value = cn_path_pick(&step->def->error_message, value);
	if (value == NULL)
		return NULL;
	found = cn_json_from_jsonb(value);
	if (found->type == CN_JSON_ARRAY && found->len > 0)
		found = found->u.items[0];
	if (found->type == CN_JSON_NULL || found->type == CN_JSON_ARRAY || found->type == CN_JSON_OBJECT)
		return NULL;
	return one_line(cn_expr_text(found, &len));	/* it was blanked when it was read */
}

static char *
remote_message(CnStep *step, CnReplyBody *body)
{
	CnJsonLimits limits = {.max_depth = 32};
	CnJsonError error;
	CnJson	   *tree = NULL;
	const char *found;
	char	   *message;
	int64		len;

	if (body->len == 0 || body->len > MAX_ERROR_BODY)
		return NULL;
	if ((message = message_at_path(step, body)) != NULL)
		return message;
	if (is_json_type(body->type) || body->type[0] == '\0')
		tree = cn_json_parse(body->data, body->len, &limits, &error);
	if (tree)
		found = find_message(tree);
	else
		found = strcmp(body->type, "text/plain") == 0 ? pnstrdup(body->data, body->len) : NULL;
	if (found == NULL)
		return NULL;
	len = strlen(found);
	return one_line(redact(step, found, &len));	/* before it is cut */
}

static void
status_failed(CnStep *step, const CnHttpReply *reply, CnReplyBody *body)
{
	CnFailure  *failure = &step->record.failure;

	cn_fail(failure, cn_code_for_status(reply->status), "the remote answered with HTTP status %d",
			reply->status);
	failure->http_status = reply->status;
	failure->remote_message = remote_message(step, body);
}

/* What a rule's author calls it, or what its status says. */
static void
rule_failed(CnStep *step, const CnErrorRule *rule, const CnHttpReply *reply,
			CnReplyBody *body)
{
	CnFailure  *failure = &step->record.failure;
	bool		success = reply->status >= 200 && reply->status <= 299;
	CnCode		code = rule->code;

	if (code == CN_OK && rule->action == CN_ACTION_RATE_LIMITED)
		code = CN_RATE_LIMITED;
	if (code == CN_OK)
		code = success ? CN_VALIDATION_FAILED : cn_code_for_status(reply->status);
	if (rule->message)
		cn_fail(failure, code, "%s", rule->message);
	else if (success)
		cn_fail(failure, code, "the remote's reply is an error by its content");
	else
		cn_fail(failure, code, "the remote answered with HTTP status %d", reply->status);
	failure->http_status = reply->status;
	failure->remote_message = remote_message(step, body);
	step->action = rule->action;
	step->record.reset_pagination = rule->action == CN_ACTION_RESET_PAGINATION;
}

/* ---- all of it ---- */

static void
record_reply(CnStep *step, const CnHttpReply *reply)
{
	CnStepRecord *record = &step->record;

	if (reply->status)
		record->http_status = reply->status;
	record->response_bytes = reply->body_len;
	record->redirects = reply->redirects;
}

/* The text as it may be kept. */
static char *
blanked(const CnStep *step, const char *text)
{
	int64		len = strlen(text);
	const char *result = redact(step, text, &len);

	return pnstrdup(result, len);
}

/* What leads from a page to the next one, beside what is in its body. */
static void
record_page(CnStep *step, const CnHttpReply *reply)
{
	StringInfoData links;
	const char *link;

	initStringInfo(&links);
	for (int i = 0; (link = cn_http_reply_header(step->transfer, "Link", i)) != NULL; i++)
		appendStringInfo(&links, "%s%s", i ? ", " : "", link);
	if (links.len > 0 && cn_utf8_valid(links.data, links.len, NULL))
		step->record.link = blanked(step, links.data);
	if (reply->url)
		step->record.source = blanked(step, reply->url);
}

/* A failure of the transfer, with its strings in the execution's memory and blanked. */
static void
transfer_failed(CnStep *step, const CnFailure *source)
{
	CnFailure  *failure = &step->record.failure;

	*failure = *source;
	failure->message = blanked(step, source->message);
	failure->hint = source->hint ? pstrdup(source->hint) : NULL;
}

Jsonb *
cn_reply_value(CnStep *step, CnReplyBody *body)
{
	if (body->read)
		return body->value;
	body->read = true;
	body->value = body_value(body, step->def->reply_kind, &body->failure);
	/* without an escape in it, the text had all there is to blank */
	if (body->value && body->len > 0 && memchr(body->data, '\\', body->len))
		body->value = redact_jsonb(step, body->value);
	return body->value;
}

/* The reply is no error: its value is what the step is about. */
static void
take_value(CnStep *step, CnReplyBody *body, bool forgiven)
{
	CnStepRecord *record = &step->record;
	Jsonb	   *value = cn_reply_value(step, body);

	if (value == NULL && forgiven)
		value = cn_jsonb_null();
	if (value == NULL)
	{
		record->failure = body->failure;
		record->failure.http_status = record->http_status;
		return;
	}
	if (step->execution->given.keep != CN_KEEP_NONE)
		record->reply = value;
	record->output = cn_output_pick(step->def, value);
}

/* What the remote had to say of an error is worth keeping, if it can be read at all. */
static void
keep_error(CnStep *step, CnReplyBody *body)
{
	if (step->execution->given.keep != CN_KEEP_NONE && body->len <= MAX_ERROR_BODY)
		step->record.reply = cn_reply_value(step, body);
}

bool
cn_too_large(MemoryContext context, CnFailure *failure, const char *what)
{
	if (geterrcode() != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
		return false;
	/* only memory was used so far, which goes with the execution: there is nothing to roll back */
	MemoryContextSwitchTo(context);
	FlushErrorState();
	cn_fail(failure, CN_LIMIT_EXCEEDED, "%s is larger than jsonb can hold", what);
	return true;
}

/* A complete reply: is it an error, and what does it hold? */
static void
read_body(CnStep *step, const CnHttpReply *reply, CnReplyBody *body)
{
	const CnErrorRule *rule;

	if (body->len > 0)
		body->data = redact(step, body->data, &body->len);
	rule = cn_rule_find(step, reply->status, body);
	if (rule && rule->action == CN_ACTION_IGNORE)
		take_value(step, body, true);
	else if (rule)
		rule_failed(step, rule, reply, body);
	else if (reply->status < 200 || reply->status > 299)
		status_failed(step, reply, body);
	else
		take_value(step, body, false);
	if (step->record.failure.code != CN_OK)
		keep_error(step, body);
}

void
cn_reply_read(CnStep *step)
{
	const CnHttpReply *reply = cn_http_reply(step->transfer);
	CnReplyBody body = {.data = reply->body,.len = reply->body_len};
	MemoryContext context = CurrentMemoryContext;

	step->action = CN_ACTION_DEFAULT;
	step->record.reset_pagination = false;
	record_reply(step, reply);
	if (reply->failure.code != CN_OK)
	{
		transfer_failed(step, &reply->failure);
		return;
	}
	read_content_type(reply->content_type, &body);
	if (step->execution->given.ask)
		record_page(step, reply);
	PG_TRY();
	{
		read_body(step, reply, &body);
	}
	PG_CATCH();
	{
		/* a remote's reply never raises, whatever the definition's paths make of it */
		if (!cn_too_large(context, &step->record.failure, "what the paths find in the reply"))
			PG_RE_THROW();
		step->record.failure.http_status = step->record.http_status;
	}
	PG_END_TRY();
}
