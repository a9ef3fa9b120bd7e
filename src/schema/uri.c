/*
 * uri.c -- resolving URI references.  Pure.
 *
 * RFC 3986, section 5.2, on text: nothing is decoded or judged.  A base without
 * a scheme is taken as it is, so that schemas without an absolute $id can refer
 * to each other.
 */
#include "core/pure.h"

#include "schema/schema_tree.h"

typedef struct Part
{
	const char *text;			/* NULL: not there */
	int			len;
} Part;

/* RFC 3986, appendix B; the fragment is not kept. */
typedef struct Parts
{
	Part		scheme;
	Part		authority;
	Part		path;
	Part		query;
} Parts;

static void split(const char *uri, Parts *parts);
static void merge_paths(StringInfo out, const Parts *base, const Part *path);
static void append_without_dots(StringInfo out, const char *path, int len);

static Part
part(const char *text, int len)
{
	Part		result = {text, len};

	return result;
}

static void
split(const char *uri, Parts *parts)
{
	int			len = strcspn(uri, "#");
	int			scheme = strcspn(uri, ":/?#");
	const char *p = uri;
	const char *end = uri + len;

	memset(parts, 0, sizeof(*parts));
	if (scheme > 0 && uri[scheme] == ':')
	{
		parts->scheme = part(uri, scheme);
		p += scheme + 1;
	}
	if (end - p >= 2 && p[0] == '/' && p[1] == '/')
	{
		parts->authority = part(p + 2, strcspn(p + 2, "/?#"));
		p = parts->authority.text + parts->authority.len;
	}
	parts->path = part(p, strcspn(p, "?#"));
	p += parts->path.len;
	if (p < end && *p == '?')
		parts->query = part(p + 1, end - p - 1);
}

static void
append(StringInfo out, const char *before, const Part *added, const char *behind)
{
	if (added->text == NULL)
		return;
	appendStringInfoString(out, before);
	appendBinaryStringInfo(out, added->text, added->len);
	appendStringInfoString(out, behind);
}

char *
schema_uri_resolve(const char *base_uri, const char *reference)
{
	Parts		base;
	Parts		ref;
	StringInfoData out;
	StringInfoData path;
	bool		own_authority;

	split(base_uri, &base);
	split(reference, &ref);
	initStringInfo(&out);
	initStringInfo(&path);
	own_authority = ref.scheme.text != NULL || ref.authority.text != NULL;
	append(&out, "", ref.scheme.text != NULL ? &ref.scheme : &base.scheme, ":");
	append(&out, "//", own_authority ? &ref.authority : &base.authority, "");
	if (ref.path.len == 0 && !own_authority)
	{
		append(&out, "", &base.path, "");
		append(&out, "?", ref.query.text != NULL ? &ref.query : &base.query, "");
		return out.data;
	}
	if (own_authority || ref.path.text[0] == '/')
		append(&path, "", &ref.path, "");
	else
		merge_paths(&path, &base, &ref.path);
	append_without_dots(&out, path.data, path.len);
	append(&out, "?", &ref.query, "");
	return out.data;
}

/* Section 5.2.3. */
static void
merge_paths(StringInfo out, const Parts *base, const Part *path)
{
	int			keep = base->path.len;

	if (base->authority.text != NULL && keep == 0)
		appendStringInfoChar(out, '/');
	while (keep > 0 && base->path.text[keep - 1] != '/')
		keep--;
	appendBinaryStringInfo(out, base->path.text, keep);
	append(out, "", path, "");
}

/* Section 5.2.4, segment by segment; what stands in out before stays. */
static void
append_without_dots(StringInfo out, const char *path, int len)
{
	const char *end = path + len;
	int			start = out->len;

	while (path < end)
	{
		const char *next = memchr(path, '/', end - path);
		int			segment = (next != NULL ? next : end) - path;

		if (segment == 2 && memcmp(path, "..", 2) == 0)
		{
			/* back over the slash before, to behind the one before that */
			if (out->len > start + 1)
				out->len--;
			while (out->len > start && out->data[out->len - 1] != '/')
				out->len--;
			out->data[out->len] = '\0';
		}
		else if (segment != 1 || path[0] != '.')
		{
			appendBinaryStringInfo(out, path, segment);
			if (next != NULL)
				appendStringInfoChar(out, '/');
		}
		path += segment + (next != NULL);
	}
}
