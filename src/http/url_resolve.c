/*
 * url_resolve.c -- a reference, where it was found, as an absolute URL.  Pure.
 *
 * RFC 3986, section 5.2, for bases of http and https.  Only text is put
 * together here: a reference comes from a remote, can lead anywhere and need
 * not be well formed, so whoever goes there has cn_url_parse judge it first.
 */
#include "http/url.h"

static bool has_scheme(const char *reference, size_t len);
static void append_path(StringInfo out, const char *path, size_t len);

/*
 * cn_url_resolve -- the absolute URL that a reference stands for.
 *
 * The fragment is left out.  The result is palloc'd.  Throws only out of
 * memory, allocates what both texts have.
 */
char *
cn_url_resolve(const CnUrl *base, const char *reference)
{
	size_t		len = strcspn(reference, "#");
	size_t		path = strcspn(reference, "?#");
	size_t		base_path = strcspn(base->target, "?");
	StringInfoData out;

	if (has_scheme(reference, len))
		return pnstrdup(reference, len);
	initStringInfo(&out);
	if (len >= 2 && reference[0] == '/' && reference[1] == '/')
	{
		appendStringInfoString(&out, base->https ? "https:" : "http:");
		appendBinaryStringInfo(&out, reference, len);
		return out.data;
	}
	appendStringInfoString(&out, cn_url_origin(base));
	if (path == 0)
	{
		/* nothing, or a query: for nothing the base's own query stays */
		appendBinaryStringInfo(&out, base->target,
							   len == 0 ? strlen(base->target) : base_path);
	}
	else if (reference[0] == '/')
		append_path(&out, reference, path);
	else
	{
		StringInfoData merged;

		while (base->target[base_path - 1] != '/')
			base_path--;
		initStringInfo(&merged);
		appendBinaryStringInfo(&merged, base->target, base_path);
		appendBinaryStringInfo(&merged, reference, path);
		append_path(&out, merged.data, merged.len);
	}
	appendBinaryStringInfo(&out, reference + path, len - path);
	return out.data;
}

/* Does reference begin with a scheme?  RFC 3986, section 3.1. */
static bool
has_scheme(const char *reference, size_t len)
{
	size_t		colon = strcspn(reference, ":/?#");

	return colon < len && reference[colon] == ':' &&
		((reference[0] >= 'a' && reference[0] <= 'z') ||
		 (reference[0] >= 'A' && reference[0] <= 'Z')) &&
		strspn(reference, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789+-.") == colon;
}

/*
 * append_path -- a path that begins with '/', without its "." and "..".
 *
 * One segment after the other with the '/' before it; ".." takes the last one
 * away again, and a path that ends in either ends in '/'.  Section 5.2.4.
 */
static void
append_path(StringInfo out, const char *path, size_t len)
{
	const char *end = path + len;
	int			start = out->len;

	while (path < end)
	{
		const char *next = memchr(path + 1, '/', end - path - 1);
		size_t		segment = (next != NULL ? next : end) - path;
		bool		dot = segment == 2 && path[1] == '.';
		bool		dots = segment == 3 && path[1] == '.' && path[2] == '.';

		if (dots)
		{
			while (out->len > start && out->data[out->len - 1] != '/')
				out->len--;
			out->len = Max(out->len - 1, start);
			out->data[out->len] = '\0';
		}
		if (!dot && !dots)
			appendBinaryStringInfo(out, path, segment);
		else if (next == NULL)
			appendStringInfoChar(out, '/');
		path += segment;
	}
}
