/*
 * template.c -- {{...}} in text.  Pure.
 *
 * A template is compiled to a list of parts, literal text and references; each
 * reference knows the place it stands in, and rendering is one pass over the
 * list.  Literal text is brought into its final form when it is compiled
 * (percent-encoded in a query, for example) and only copied afterwards.
 *
 * A value is measured before it is escaped into the output, so that what a
 * limit forbids is never allocated.
 */
#include "core/pure.h"

#include "core/escape.h"
#include "core/utf8.h"
#include "template/template_tree.h"

typedef struct Compiler
{
	const char *text;
	int			len;
	int			pos;
	CnPlace		place;
	CnTemplateError *error;
	CnTemplate *tmpl;
	int			room;			/* parts allocated */
} Compiler;

static bool compile_literal(Compiler *c);
static bool compile_reference(Compiler *c);
static Part *add_part(Compiler *c, int offset);
static bool check_header_text(const char *text, int len, int *bad);
static bool render_literal(const Part *part, Budget *budget, StringInfo out,
						   CnTemplateError *error);
static bool render_reference(const Part *part, const CnScope *scope, Budget *budget, StringInfo out,
							 CnTemplateError *error);
static bool check_reference(const Part *part, const char *text, int len, CnTemplateError *error);
static bool check_segments(const CnTemplate *tmpl, const int *starts, StringInfo out, int begin,
						   CnTemplateError *error);
static bool fail(CnTemplateError *error, int offset, const char *message);
static bool fail_reference(CnTemplateError *error, const Part *part, const char *message);
static bool fail_limit(CnTemplateError *error, const Part *part);

/*
 * cn_template_parse -- compile a text template.
 *
 * Returns NULL and *error on failure; see template.h.  The result does not
 * point into text.
 */
CnTemplate *
cn_template_parse(const char *text, int len, CnPlace place, CnTemplateError *error)
{
	Compiler	c = {text, len, 0, place, error, NULL, 0};
	int64		bad;

	memset(error, 0, sizeof(*error));
	c.tmpl = (CnTemplate *) palloc0(sizeof(CnTemplate));
	c.tmpl->place = place;
	if (!cn_utf8_valid(text, len, &bad))
	{
		fail(error, bad, "not valid UTF-8");
		return NULL;
	}
	while (c.pos < len)
	{
		if (!compile_literal(&c) || (c.pos < len && !compile_reference(&c)))
			return NULL;
	}
	if (place == CN_PLACE_URL && !cn_url_assign_places(c.tmpl->parts, c.tmpl->nparts, error))
		return NULL;
	return c.tmpl;
}

/* Text up to the next reference or the end; may be none. */
static bool
compile_literal(Compiler *c)
{
	int			start = c->pos;
	int			bad;
	StringInfoData buf;
	Part	   *part;

	initStringInfo(&buf);
	while (c->pos < c->len)
	{
		const char *at = c->text + c->pos;

		if (c->len - c->pos >= 2 && at[0] == '{' && at[1] == '{')
		{
			if (c->len - c->pos < 4 || at[2] != '{' || at[3] != '{')
				break;
			appendStringInfoString(&buf, "{{");
			c->pos += 4;
			continue;
		}
		appendStringInfoChar(&buf, *at);
		c->pos++;
	}
	if (buf.len == 0)
		return true;
	if (c->place == CN_PLACE_HEADER && !check_header_text(buf.data, buf.len, &bad))
		return fail(c->error, start, "a header must not contain control characters");

	part = add_part(c, start);
	if (c->place == CN_PLACE_QUERY)
	{
		StringInfoData encoded;

		initStringInfo(&encoded);
		cn_percent_encode(&encoded, buf.data, buf.len);
		buf = encoded;
	}
	part->text = buf.data;
	part->len = buf.len;
	return true;
}

/* From "{{" to behind "}}". */
static bool
compile_reference(Compiler *c)
{
	static const RefPlace place_of[] = {
		[CN_PLACE_TEXT] = REF_PLAIN,
		[CN_PLACE_URL] = REF_PLAIN, /* for now, see cn_url_assign_places */
		[CN_PLACE_QUERY] = REF_COMPONENT,
		[CN_PLACE_HEADER] = REF_HEADER
	};
	int			start = c->pos + 2;
	int			end = cn_expr_end(c->text, c->len, start);
	CnExprError why;
	CnExpr	   *expr;
	Part	   *part;

	if (end < 0)
		return fail(c->error, c->pos, "\"{{\" is not closed");
	expr = cn_expr_parse(c->text + start, end - start, &why);
	if (expr == NULL)
	{
		fail(c->error, start + why.offset, why.message);
		return false;
	}
	part = add_part(c, c->pos);
	part->expr = expr;
	part->expr_offset = start;
	part->place = place_of[c->place];
	c->pos = end + 2;
	return true;
}

static Part *
add_part(Compiler *c, int offset)
{
	CnTemplate *tmpl = c->tmpl;

	if (tmpl->nparts == c->room)
	{
		c->room = c->room == 0 ? 4 : c->room * 2;
		if (tmpl->parts == NULL)
			tmpl->parts = (Part *) palloc(sizeof(Part) * c->room);
		else
			tmpl->parts = (Part *) repalloc(tmpl->parts, sizeof(Part) * c->room);
	}
	memset(&tmpl->parts[tmpl->nparts], 0, sizeof(Part));
	tmpl->parts[tmpl->nparts].offset = offset;
	return &tmpl->parts[tmpl->nparts++];
}

/* RFC 9110, section 5.5: no control characters but TAB.  *bad: offset of the first one. */
static bool
check_header_text(const char *text, int len, int *bad)
{
	int			i;

	for (i = 0; i < len; i++)
	{
		unsigned char byte = (unsigned char) text[i];

		if ((byte < 0x20 && byte != '\t') || byte == 0x7F)
		{
			*bad = i;
			return false;
		}
	}
	return true;
}

/* ---- what others want to know ---- */

bool
cn_template_is_constant(const CnTemplate *tmpl, const char **text, int *len)
{
	if (tmpl->nparts > 1 || (tmpl->nparts == 1 && tmpl->parts[0].text == NULL))
		return false;
	*text = tmpl->nparts == 0 ? "" : tmpl->parts[0].text;
	*len = tmpl->nparts == 0 ? 0 : tmpl->parts[0].len;
	return true;
}

const CnExpr *
cn_template_only_expr(const CnTemplate *tmpl, int *offset)
{
	if (tmpl->nparts != 1 || tmpl->parts[0].text != NULL)
		return NULL;
	*offset = tmpl->parts[0].expr_offset;
	return tmpl->parts[0].expr;
}

void
cn_template_each_expr(const CnTemplate *tmpl, CnExprVisitor visit, void *arg)
{
	int			i;

	for (i = 0; i < tmpl->nparts; i++)
	{
		if (tmpl->parts[i].text == NULL)
			visit(arg, tmpl->parts[i].expr, tmpl->parts[i].expr_offset);
	}
}

void
cn_escape_component(StringInfo out, const char *text, int len)
{
	cn_percent_encode(out, text, len);
}

/* ---- rendering ---- */

/*
 * cn_template_render -- append the rendered text to out.
 *
 * Returns false and *error on failure; see template.h.  scope->output_limit is
 * for the text as a whole and for what each reference's filters make.
 */
bool
cn_template_render(const CnTemplate *tmpl, const CnScope *scope, StringInfo out,
				   CnTemplateError *error)
{
	Budget		budget = full_budget(scope);

	return cn_template_render_within(tmpl, scope, &budget, out, error);
}

bool
cn_template_render_within(const CnTemplate *tmpl, const CnScope *scope, Budget *budget,
						  StringInfo out, CnTemplateError *error)
{
	int			begin = out->len;
	int		   *starts = (int *) palloc(sizeof(int) * Max(tmpl->nparts, 1));
	int			i;

	memset(error, 0, sizeof(*error));
	for (i = 0; i < tmpl->nparts; i++)
	{
		const Part *part = &tmpl->parts[i];

		starts[i] = out->len - begin;
		if (part->text != NULL ? !render_literal(part, budget, out, error)
			: !render_reference(part, scope, budget, out, error))
			return false;
	}
	return check_segments(tmpl, starts, out, begin, error);
}

static bool
render_literal(const Part *part, Budget *budget, StringInfo out, CnTemplateError *error)
{
	if (part->len > budget->output)
		return fail_limit(error, part);
	budget->output -= part->len;
	appendBinaryStringInfo(out, part->text, part->len);
	return true;
}

static bool
render_reference(const Part *part, const CnScope *scope, Budget *budget, StringInfo out,
				 CnTemplateError *error)
{
	bool		encode = part->place == REF_COMPONENT || part->place == REF_URL_SEGMENT;
	const CnJson *value;
	const char *text;
	int			len;
	int64		size;
	CnExprError why;

	value = cn_expr_eval_within(part->expr, scope, &budget->work, &why);
	if (value == NULL)
	{
		error->missing = why.missing;
		error->limit = why.limit;
		error->path = pstrdup(cn_expr_path(part->expr));
		return fail(error, part->expr_offset + why.offset, why.message);
	}
	if ((value->type == CN_JSON_ARRAY || value->type == CN_JSON_OBJECT) &&
		cn_json_size(value, budget->output) > budget->output)
		return fail_limit(error, part);
	text = cn_expr_text(value, &len);
	size = encode ? cn_percent_encoded_size(text, len) : len;
	if (size > budget->output)
		return fail_limit(error, part);
	budget->output -= size;
	if (!check_reference(part, text, len, error))
		return false;
	if (encode)
		cn_percent_encode(out, text, len);
	else
		appendBinaryStringInfo(out, text, len);
	return true;
}

/* May the text stand in part's place? */
static bool
check_reference(const Part *part, const char *text, int len, CnTemplateError *error)
{
	const char *message = cn_url_check_value(part, text, len);
	int			bad;

	if (part->place == REF_HEADER && !check_header_text(text, len, &bad))
		message = text[bad] == '\r' || text[bad] == '\n'
			? "a header must not contain line ends"
			: "a header must not contain control characters";
	return message == NULL || fail_reference(error, part, message);
}

/* starts: where each part begins in out, counted from begin. */
static bool
check_segments(const CnTemplate *tmpl, const int *starts, StringInfo out, int begin,
			   CnTemplateError *error)
{
	int			i;

	for (i = 0; i < tmpl->nparts; i++)
	{
		const char *message;

		if (tmpl->parts[i].place != REF_URL_SEGMENT)
			continue;
		message = cn_url_check_segment(out->data + begin, out->len - begin, starts[i]);
		if (message != NULL)
			return fail_reference(error, &tmpl->parts[i], message);
	}
	return true;
}

static bool
fail(CnTemplateError *error, int offset, const char *message)
{
	error->offset = offset;
	error->message = pstrdup(message);
	return false;
}

/* A reference's value may not stand where it does. */
static bool
fail_reference(CnTemplateError *error, const Part *part, const char *message)
{
	error->path = pstrdup(cn_expr_path(part->expr));
	return fail(error, part->expr_offset,
				psprintf("%s: %s", cn_expr_path(part->expr), message));
}

static bool
fail_limit(CnTemplateError *error, const Part *part)
{
	error->limit = true;
	if (part->text == NULL)
		error->path = pstrdup(cn_expr_path(part->expr));
	return fail(error, part->offset, "the result is larger than allowed");
}
