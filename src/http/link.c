/*
 * link.c -- the Link header.  Pure.
 *
 *   <https://api.example.com/items?page=2>; rel="next", </items?page=9>; rel=last
 *
 * Read as RFC 8288, appendix B.3, says: what is between "<" and ">" and in
 * quotes is taken as it is, parameters need not be well formed, and text that
 * is no link ends the search.
 */
#include "http/link.h"

#define WHITE_SPACE " \t"

/* One link; both point into the header. */
typedef struct Link
{
	const char *target;
	int			target_len;
	bool		anchored;		/* about another resource than the one asked for */
	char	   *rel;			/* value of the first "rel", or NULL */
} Link;

static const char *read_link(const char *at, Link *link);
static const char *read_parameter(const char *at, Link *link);
static const char *read_value(const char *at, char **value);
static bool has_relation(const char *list, const char *rel);

static const char *
skip_space(const char *at)
{
	return at + strspn(at, WHITE_SPACE);
}

/*
 * cn_http_link_find -- target of the first link of a relation.
 *
 * value: of the header, NUL-terminated; several Link headers are one, joined
 *        by commas
 * rel:   one relation, compared without regard to case (RFC 8288, section 3.3)
 *
 * The result is palloc'd, any text and mostly relative.  A link with an
 * anchor says something about another resource and is passed over
 * (section 3.2).  Throws only out of memory.
 */
char *
cn_http_link_find(const char *value, const char *rel)
{
	const char *at = value;
	Link		link;

	for (;;)
	{
		at += strspn(at, WHITE_SPACE ",");
		if (*at != '<')
			return NULL;
		at = read_link(at, &link);
		if (at == NULL)
			return NULL;
		if (!link.anchored && link.rel != NULL && has_relation(link.rel, rel))
			return pnstrdup(link.target, link.target_len);
	}
}

/* From "<" to the comma behind the link, or the end.  NULL: ">" is missing. */
static const char *
read_link(const char *at, Link *link)
{
	const char *close = strchr(at, '>');

	memset(link, 0, sizeof(*link));
	if (close == NULL)
		return NULL;
	link->target = at + 1;
	link->target_len = close - at - 1;
	for (at = skip_space(close + 1); *at == ';'; at = skip_space(at))
		at = read_parameter(skip_space(at + 1), link);
	/* what stands here and is no comma belongs to nothing */
	return at + strcspn(at, ",");
}

/*
 * read_parameter -- name, or name=value; to the ";" or "," behind it.
 *
 * Only the first "rel" counts (section 3.3).  "rel*" is another name, and
 * stands for nothing.
 */
static const char *
read_parameter(const char *at, Link *link)
{
	const char *name = at;
	int			len = strcspn(at, WHITE_SPACE "=;,");
	char	   *value = NULL;

	at = skip_space(at + len);
	if (*at == '=')
		at = read_value(skip_space(at + 1), &value);
	if (len == 6 && pg_strncasecmp(name, "anchor", 6) == 0)
		link->anchored = true;
	if (len == 3 && pg_strncasecmp(name, "rel", 3) == 0 && link->rel == NULL)
		link->rel = value != NULL ? value : pstrdup("");
	return at + strcspn(at, ";,");
}

/* A quoted string, which goes to the end if it is not closed, or what stands until ";" or ",". */
static const char *
read_value(const char *at, char **value)
{
	StringInfoData buf;
	int			len;

	if (*at != '"')
	{
		len = strcspn(at, ";,");
		*value = pnstrdup(at, len);
		return at + len;
	}
	initStringInfo(&buf);
	for (at++; *at != '\0' && *at != '"'; at++)
	{
		if (*at == '\\' && at[1] != '\0')
			at++;
		appendStringInfoChar(&buf, *at);
	}
	*value = buf.data;
	return *at == '"' ? at + 1 : at;
}

/* Is rel one of the relations in list, which blanks separate? */
static bool
has_relation(const char *list, const char *rel)
{
	size_t		wanted = strlen(rel);

	for (;;)
	{
		size_t		len;

		list += strspn(list, WHITE_SPACE);
		len = strcspn(list, WHITE_SPACE);
		if (len == 0)
			return false;
		if (len == wanted && pg_strncasecmp(list, rel, len) == 0)
			return true;
		list += len;
	}
}
