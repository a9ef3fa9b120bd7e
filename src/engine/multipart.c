/*
 * multipart.c -- multipart/form-data bodies (RFC 7578).
 */
#include "postgres.h"

#include "crypto/aead.h"
#include "engine/internal.h"
#include "engine/request.h"

/* 96 random bits: the boundary cannot be guessed by who writes a part. */
#define BOUNDARY_RANDOM 12

static char *
make_boundary(void)
{
	unsigned char random[BOUNDARY_RANDOM];
	StringInfoData buf;

	if (!cn_random_bytes(random, sizeof(random)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	initStringInfo(&buf);
	appendStringInfoString(&buf, "connector-");
	for (int i = 0; i < BOUNDARY_RANDOM; i++)
		appendStringInfo(&buf, "%02x", random[i]);
	return buf.data;
}

/* A quoted parameter; the three characters are escaped as browsers do (WHATWG HTML, 4.10.21.8). */
static void
append_parameter(StringInfo out, const char *name, const StringInfo value)
{
	appendStringInfo(out, "; %s=\"", name);
	for (int i = 0; i < value->len; i++)
	{
		char		c = value->data[i];

		if (c == '"')
			appendStringInfoString(out, "%22");
		else if (c == '\r')
			appendStringInfoString(out, "%0D");
		else if (c == '\n')
			appendStringInfoString(out, "%0A");
		else
			appendStringInfoChar(out, c);
	}
	appendStringInfoChar(out, '"');
}

/* "; name=..." for an optional template. */
static bool
render_parameter(CnExecution *execution, StringInfo out, const char *name,
				 const CnTemplate *tmpl, const char *path)
{
	StringInfoData value;

	if (tmpl == NULL)
		return true;
	initStringInfo(&value);
	if (!cn_request_text(execution, tmpl, path, &value))
		return false;
	append_parameter(out, name, &value);
	return true;
}

static bool
render_type(CnExecution *execution, StringInfo out, const CnPartDef *part, const char *path)
{
	StringInfoData value;

	if (part->content_type == NULL)
	{
		if (part->json)
			appendStringInfoString(out, "Content-Type: application/json\r\n");
		else if (part->filename)
			appendStringInfoString(out, "Content-Type: application/octet-stream\r\n");
		return true;
	}
	initStringInfo(&value);
	if (!cn_request_text(execution, part->content_type, path, &value))
		return false;
	if (strpbrk(value.data, "\r\n") || strlen(value.data) != value.len)
	{
		cn_fail(&execution->outcome.failure, CN_INPUT_INVALID,
				"the content type at %s has a line break", path);
		return false;
	}
	appendStringInfo(out, "Content-Type: %s\r\n", value.data);
	return true;
}

static bool
render_content(CnExecution *execution, StringInfo out, const CnPartDef *part, const char *path)
{
	if (part->json)
	{
		int			start = out->len;

		if (!cn_request_json(execution, part->json, out))
			return false;
		cn_secrets_quote(&execution->secrets, out->data + start, out->len - start);
		return true;
	}
	if (part->base64)
		return cn_request_base64(execution, part->base64, path, out);
	return cn_request_text(execution, part->text, path, out);
}

bool
cn_multipart_render(CnExecution *execution, StringInfo body, char **content_type)
{
	const CnDefinition *def = execution->given.definition;
	char	   *boundary = make_boundary();

	for (int i = 0; i < def->part_count; i++)
	{
		const CnPartDef *part = &def->parts[i];
		char	   *path = psprintf("$.body[%d]", i);

		appendStringInfo(body, "--%s\r\nContent-Disposition: form-data", boundary);
		if (!render_parameter(execution, body, "name", part->name, path) ||
			!render_parameter(execution, body, "filename", part->filename, path))
			return false;
		appendStringInfoString(body, "\r\n");
		if (!render_type(execution, body, part, path))
			return false;
		appendStringInfoString(body, "\r\n");
		if (!render_content(execution, body, part, path))
			return false;
		appendStringInfoString(body, "\r\n");
	}
	appendStringInfo(body, "--%s--\r\n", boundary);
	*content_type = psprintf("multipart/form-data; boundary=%s", boundary);
	return true;
}
