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
render_parameter(CnStep *step, StringInfo out, const char *name,
				 const CnTemplate *tmpl, const char *path)
{
	StringInfoData value;

	if (tmpl == NULL)
		return true;
	initStringInfo(&value);
	if (!cn_request_text(step, tmpl, path, &value))
		return false;
	append_parameter(out, name, &value);
	return true;
}

static bool
render_type(CnStep *step, StringInfo out, const CnPartDef *part)
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
	if (!cn_request_text(step, part->content_type, part->path, &value))
		return false;
	if (strpbrk(value.data, "\r\n") || strlen(value.data) != value.len)
	{
		cn_fail(&step->record.failure, CN_INPUT_INVALID,
				"the content type at %s has a line break", part->path);
		return false;
	}
	appendStringInfo(out, "Content-Type: %s\r\n", value.data);
	return true;
}

static bool
render_content(CnStep *step, StringInfo out, const CnPartDef *part)
{
	if (part->json)
	{
		int			start = out->len;

		if (!cn_request_json(step, part->json, out))
			return false;
		cn_secrets_quote(&step->secrets, out->data + start, out->len - start);
		return true;
	}
	if (part->base64)
		return cn_request_base64(step, part->base64, part->path, out);
	return cn_request_text(step, part->text, part->path, out);
}

bool
cn_multipart_render(CnStep *step, StringInfo body, char **content_type)
{
	const CnStepDef *def = step->def;
	char	   *boundary = make_boundary();

	for (int i = 0; i < def->part_count; i++)
	{
		const CnPartDef *part = &def->parts[i];
		appendStringInfo(body, "--%s\r\nContent-Disposition: form-data", boundary);
		if (!render_parameter(step, body, "name", part->name, part->path) ||
			!render_parameter(step, body, "filename", part->filename, part->path))
			return false;
		appendStringInfoString(body, "\r\n");
		if (!render_type(step, body, part))
			return false;
		appendStringInfoString(body, "\r\n");
		if (!render_content(step, body, part))
			return false;
		appendStringInfoString(body, "\r\n");
	}
	appendStringInfo(body, "--%s--\r\n", boundary);
	*content_type = psprintf("multipart/form-data; boundary=%s", boundary);
	return true;
}
