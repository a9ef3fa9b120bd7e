/*
 * sigv4.c -- AWS Signature Version 4 in the Authorization header.
 */
#include "auth/sigv4.h"

#include "auth/pairs.h"
#include "core/chars.h"
#include "core/digest.h"
#include "core/escape.h"
#include "crypto/aead.h"
#include "crypto/sign.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define HASH_LEN 32

/* ---- path ---- */

/* Without ".", ".." and empty segments.  RFC 3986, section 5.2.4, and "//" is "/". */
static void
normalize(StringInfo out, const char *path, int len)
{
	const char *end = path + len;
	bool		slash = false;	/* does the path end with one? */

	while (path < end)
	{
		const char *slash_at;
		int			segment;

		path++;					/* the slash */
		slash_at = memchr(path, '/', end - path);
		segment = (int) ((slash_at ? slash_at : end) - path);
		slash = segment == 0 || (segment == 1 && path[0] == '.') ||
			(segment == 2 && path[0] == '.' && path[1] == '.');
		if (segment == 2 && slash)
		{
			while (out->len > 0 && out->data[--out->len] != '/')
				 ;
			out->data[out->len] = '\0';
		}
		else if (!slash)
		{
			appendStringInfoChar(out, '/');
			appendBinaryStringInfo(out, path, segment);
		}
		path += segment;
	}
	if (slash || out->len == 0)
		appendStringInfoChar(out, '/');
}

/* Each byte but the slashes encoded; unless twice, an escape that is there counts as its byte. */
static void
encode_path(StringInfo out, const char *path, int len, bool twice)
{
	for (int i = 0; i < len; i++)
	{
		char		c = path[i];

		if (!twice && c == '%' && i + 2 < len && cn_hex_value(path[i + 1]) >= 0 &&
			cn_hex_value(path[i + 2]) >= 0)
		{
			c = (char) (cn_hex_value(path[i + 1]) << 4 | cn_hex_value(path[i + 2]));
			i += 2;
			cn_percent_encode(out, &c, 1);
		}
		else if (c == '/')
			appendStringInfoChar(out, c);
		else
			cn_percent_encode(out, &c, 1);
	}
}

static void
append_path(StringInfo out, const CnSigv4 *how, const char *target)
{
	int			len = (int) strcspn(target, "?");
	StringInfoData normal;

	cn_sign_buffer(&normal, len + 1);
	if (how->path_as_is)
		appendBinaryStringInfo(&normal, target, len);
	else
		normalize(&normal, target, len);
	encode_path(out, normal.data, normal.len, how->encode_twice && !how->path_as_is);
	cn_sign_wipe(&normal);
}

/* ---- query ---- */

static void
append_query(StringInfo out, const char *target)
{
	const char *query = strchr(target, '?');
	CnPairs		pairs = {0};

	if (query == NULL)
		return;
	cn_pairs_parse(&pairs, query + 1, strlen(query + 1), false);
	cn_pairs_sort(&pairs);
	cn_pairs_write(out, &pairs);
	cn_pairs_wipe(&pairs);
}

/* ---- headers ---- */

/* Without blanks around it, and one blank for several. */
static void
append_value(StringInfo out, const char *value)
{
	int			start = out->len;

	for (; *value; value++)
	{
		bool		blank = *value == ' ' || *value == '\t';

		if (!blank)
			appendStringInfoChar(out, *value);
		else if (out->len > start && out->data[out->len - 1] != ' ')
			appendStringInfoChar(out, ' ');
	}
	while (out->len > start && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
}

/* One that is signed; the names are compared without case. */
typedef struct SignedHeader
{
	const char *name;
	const char *value;
	int			index;			/* repeated names keep their order */
} SignedHeader;

static int
compare_headers(const void *a, const void *b)
{
	const SignedHeader *left = a;
	const SignedHeader *right = b;
	int			order = pg_strcasecmp(left->name, right->name);

	return order ? order : left->index - right->index;
}

static void
append_name(StringInfo out, const char *name)
{
	for (; *name; name++)
		appendStringInfoChar(out, (char) pg_ascii_tolower((unsigned char) *name));
}

static void
append_headers(StringInfo out, StringInfo names, const CnSignInput *input)
{
	SignedHeader *list = palloc(sizeof(SignedHeader) * (input->header_count + 1));
	int			count = 0;

	list[count].name = "host";
	list[count].value = cn_url_authority(input->url);
	list[count++].index = -1;
	for (int i = 0; i < input->header_count; i++)
	{
		list[count].name = input->headers[i].name;
		list[count].value = input->headers[i].value;
		list[count++].index = i;
	}
	qsort(list, count, sizeof(SignedHeader), compare_headers);
	for (int i = 0; i < count; i++)
	{
		if (i > 0 && pg_strcasecmp(list[i].name, list[i - 1].name) == 0)
		{
			out->data[out->len - 1] = ',';
			append_value(out, list[i].value);
			appendStringInfoChar(out, '\n');
			continue;
		}
		append_name(out, list[i].name);
		appendStringInfoChar(out, ':');
		append_value(out, list[i].value);
		appendStringInfoChar(out, '\n');
		if (i > 0)
			appendStringInfoChar(names, ';');
		append_name(names, list[i].name);
	}
}

/* ---- the canonical request ---- */

/* No less than its bytes. */
static size_t
canonical_max(const CnSignInput *input)
{
	/* a character of a path that is encoded twice becomes three, three more for a pair without "=" */
	size_t		size = 4 * strlen(input->url->target) + strlen(input->url->host) + 512;

	for (int i = 0; i < input->header_count; i++)
		size += 2 * strlen(input->headers[i].name) + strlen(input->headers[i].value) + 4;
	return size;
}

void
cn_sigv4_canonical_request(StringInfo out, StringInfo signed_headers, const CnSigv4 *how,
						   const CnSignInput *input, const char *body_hash)
{
	enlargeStringInfo(out, (int) canonical_max(input));
	appendStringInfo(out, "%s\n", input->method);
	append_path(out, how, input->url->target);
	appendStringInfoChar(out, '\n');
	append_query(out, input->url->target);
	appendStringInfoChar(out, '\n');
	append_headers(out, signed_headers, input);
	appendStringInfo(out, "\n%s\n%s", signed_headers->data, body_hash);
}

/* ---- the signature ---- */

static void
to_hex(const uint8 *bytes, char *hex)
{
	for (int i = 0; i < HASH_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

bool
cn_sigv4_body_hash(const CnSignInput *input, char *hash)
{
	uint8		bytes[HASH_LEN];

	if (!cn_secret_digest(CN_DIGEST_SHA256, input->body ? input->body : "", input->body_len, bytes))
		return false;
	to_hex(bytes, hash);
	return true;
}

void
cn_sigv4_date(int64 now_ms, char *date)
{
	StringInfoData text;

	initStringInfo(&text);
	cn_sign_timestamp(&text, CN_CLOCK_COMPACT, now_ms);
	strlcpy(date, text.data, CN_SIGV4_DATE_SIZE);
}

/* key becomes its HMAC of text. */
static bool
derive(uint8 *key, const char *text, int len)
{
	uint8		next[HASH_LEN];
	bool		done = cn_secret_hmac(CN_DIGEST_SHA256, key, HASH_LEN, text, len, next);

	memcpy(key, next, HASH_LEN);
	cn_wipe(next, HASH_LEN);
	return done;
}

/* The key of a day, region and service. */
static bool
signing_key(const CnSigv4 *how, const char *date, uint8 *key)
{
	StringInfoData first;
	bool		done;

	cn_sign_buffer(&first, strlen(how->secret_access_key) + 4);
	appendStringInfoString(&first, "AWS4");
	appendStringInfoString(&first, how->secret_access_key);
	done = cn_secret_hmac(CN_DIGEST_SHA256, first.data, first.len, date, 8, key);
	cn_sign_wipe(&first);
	return done && derive(key, how->region, (int) strlen(how->region)) &&
		derive(key, how->service, (int) strlen(how->service)) &&
		derive(key, "aws4_request", strlen("aws4_request"));
}

/* What is signed: algorithm, time, scope, and the hash of the canonical request. */
static bool
string_to_sign(StringInfo out, StringInfo signed_headers, const CnSigv4 *how,
			   const CnSignInput *input, const char *date, const char *scope,
			   const char *body_hash)
{
	StringInfoData canonical;
	uint8		bytes[HASH_LEN];
	char		hash[CN_SIGV4_HASH_SIZE];
	bool		done;

	initStringInfo(&canonical);
	cn_sigv4_canonical_request(&canonical, signed_headers, how, input, body_hash);
	done = cn_secret_digest(CN_DIGEST_SHA256, canonical.data, canonical.len, bytes);
	cn_sign_wipe(&canonical);
	to_hex(bytes, hash);
	appendStringInfo(out, ALGORITHM "\n%s\n%s\n%s", date, scope, hash);
	return done;
}

bool
cn_sigv4_sign(StringInfo header, StringInfo signature, const CnSigv4 *how,
			  const CnSignInput *input, const char *date, const char *body_hash)
{
	char	   *scope = psprintf("%.8s/%s/%s/aws4_request", date, how->region, how->service);
	StringInfoData signed_headers;
	StringInfoData text;
	uint8		key[HASH_LEN] = {0};
	bool		done;

	initStringInfo(&signed_headers);
	initStringInfo(&text);
	done = string_to_sign(&text, &signed_headers, how, input, date, scope, body_hash) &&
		signing_key(how, date, key) && derive(key, text.data, text.len);
	if (done)
	{
		cn_sign_encode(signature, CN_SIGN_HEX, key, HASH_LEN);
		appendStringInfo(header, ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
						 how->access_key_id, scope, signed_headers.data, signature->data);
	}
	cn_wipe(key, sizeof(key));
	return done;
}
