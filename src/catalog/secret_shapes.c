/*
 * secret_shapes.c -- texts that look like keys, and names that announce one.  Pure.
 *
 * The prefixes are those that vendors give their keys so that they can be
 * recognized.  Lengths are a little below the vendors' own: a key that was cut
 * is still a finding, while an abbreviation in a description ("sk_live_...")
 * is not.
 */
#include "catalog/literal_secrets.h"

#include <ctype.h>

/* Bytes that may follow a prefix. */
#define WORD "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define WORD_DASH WORD "_-"
#define UPPER "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define HEX "0123456789abcdef"
#define BASE64 WORD "+/="

/* Fewer different bytes than this are a placeholder ("xxxxxxxx"). */
#define MIN_DIFFERENT 5

/* A user name with a password that is longer than this is none. */
#define MAX_BASIC_LEN 512

typedef struct Shape
{
	const char *prefix;
	const char *bytes;			/* that may follow */
	int			min;			/* so many at least */
	const char *what;
} Shape;

static const Shape shapes[] = {
	{"sk_live_", WORD, 10, "a Stripe secret key"},
	{"sk_test_", WORD, 10, "a Stripe secret key"},
	{"rk_live_", WORD, 10, "a Stripe restricted key"},
	{"rk_test_", WORD, 10, "a Stripe restricted key"},
	{"whsec_", BASE64, 16, "a webhook signing secret"},
	{"xoxa-", WORD_DASH, 10, "a Slack token"},
	{"xoxb-", WORD_DASH, 10, "a Slack token"},
	{"xoxp-", WORD_DASH, 10, "a Slack token"},
	{"xoxr-", WORD_DASH, 10, "a Slack token"},
	{"xoxs-", WORD_DASH, 10, "a Slack token"},
	{"xoxe-", WORD_DASH, 10, "a Slack token"},
	{"xoxe.", WORD_DASH, 10, "a Slack token"},
	{"xapp-", WORD_DASH, 10, "a Slack token"},
	{"hooks.slack.com/services/", WORD "/", 20, "the URL of a Slack webhook"},
	{"ghp_", WORD, 20, "a GitHub token"},
	{"gho_", WORD, 20, "a GitHub token"},
	{"ghu_", WORD, 20, "a GitHub token"},
	{"ghs_", WORD, 20, "a GitHub token"},
	{"ghr_", WORD, 20, "a GitHub token"},
	{"github_pat_", WORD "_", 20, "a GitHub token"},
	{"glpat-", WORD_DASH, 16, "a GitLab token"},
	{"AKIA", UPPER, 16, "an AWS access key"},
	{"ASIA", UPPER, 16, "an AWS access key"},
	{"AIza", WORD_DASH, 30, "a Google API key"},
	{"ya29.", WORD_DASH, 20, "a Google access token"},
	{"SG.", WORD_DASH ".", 30, "a SendGrid key"},
	{"pat-na1-", HEX "-", 20, "a HubSpot token"},
	{"pat-na2-", HEX "-", 20, "a HubSpot token"},
	{"pat-eu1-", HEX "-", 20, "a HubSpot token"},
	{"pat-ap1-", HEX "-", 20, "a HubSpot token"},
	{"sk-ant-", WORD_DASH, 20, "an Anthropic key"},
	{"sk-proj-", WORD_DASH, 20, "an OpenAI key"},
	{"sk-", WORD, 32, "an OpenAI key"},
	{"shpat_", HEX, 20, "a Shopify token"},
	{"shppa_", HEX, 20, "a Shopify token"},
	{"npm_", WORD, 30, "an npm token"},
	{"dop_v1_", HEX, 40, "a DigitalOcean token"},
};

/* ---- shapes ---- */

static bool
has_different_bytes(const char *text, int len)
{
	bool		seen[256] = {false};
	int			different = 0;

	for (int i = 0; i < len; i++)
	{
		different += !seen[(unsigned char) text[i]];
		seen[(unsigned char) text[i]] = true;
	}
	return different >= MIN_DIFFERENT;
}

/* How many bytes from at on, before end, are among bytes? */
static int
span(const char *at, const char *end, const char *bytes)
{
	int			n = 0;

	while (at + n < end && at[n] != '\0' && strchr(bytes, at[n]))
		n++;
	return n;
}

/* A vendor's prefix, with enough behind it. */
static const char *
vendor_key(const char *at, const char *end)
{
	for (int i = 0; i < lengthof(shapes); i++)
	{
		const Shape *shape = &shapes[i];
		int			prefix_len = strlen(shape->prefix);
		int			n;

		if (end - at < prefix_len + shape->min || memcmp(at, shape->prefix, prefix_len) != 0)
			continue;
		n = span(at + prefix_len, end, shape->bytes);
		if (n >= shape->min && has_different_bytes(at + prefix_len, n))
			return shape->what;
	}
	return NULL;
}

/* header.payload.signature, RFC 7519; both JSON objects begin with {" in base64. */
static const char *
signed_token(const char *at, const char *end)
{
	int			header;
	int			payload;

	if (end - at < 3 || memcmp(at, "eyJ", 3) != 0)
		return NULL;
	header = span(at, end, WORD_DASH);
	if (header < 10 || end - at < header + 4 || memcmp(at + header, ".eyJ", 4) != 0)
		return NULL;
	at += header + 1;
	payload = span(at, end, WORD_DASH);
	return payload >= 8 && at + payload < end && at[payload] == '.' ? "a signed token (JWT)" : NULL;
}

/* "-----BEGIN RSA PRIVATE KEY", RFC 7468 */
static const char *
pem_key(const char *at, const char *end)
{
	static const char begin[] = "-----BEGIN ";
	static const char key[] = "PRIVATE KEY";
	int			n;

	if (end - at < (int) strlen(begin) || memcmp(at, begin, strlen(begin)) != 0)
		return NULL;
	at += strlen(begin);
	n = span(at, end, UPPER " ");
	for (int i = 0; i + (int) strlen(key) <= n; i++)
		if (memcmp(at + i, key, strlen(key)) == 0)
			return "a private key";
	return NULL;
}

static int
base64_value(char c)
{
	const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c ? strchr(digits, c) : NULL;

	return found ? found - digits : -1;
}

/*
 * Does base64 text decode to printable ASCII with a colon in it?  Passwords of other
 * letters pass for it; without that "basic information" would not.
 */
static bool
is_user_and_password(const char *text, int len)
{
	uint32		bits = 0;
	int			have = 0;
	int			before = 0;		/* bytes before and behind the first colon */
	int			behind = -1;

	for (int i = 0; i < len && text[i] != '='; i++)
	{
		unsigned char byte;

		bits = (bits << 6) | base64_value(text[i]);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		byte = (bits >> have) & 0xFF;
		if (byte < 0x20 || byte > 0x7E)
			return false;
		if (behind >= 0)
			behind++;
		else if (byte == ':')
			behind = 0;
		else
			before++;
	}
	return behind >= 0 && before + behind > 0;
}

/* "Basic dXNlcjpwYXNz", RFC 7617 */
static const char *
basic_pair(const char *at, const char *end)
{
	int			n;

	if (end - at < 6 || pg_strncasecmp(at, "basic ", 6) != 0)
		return NULL;
	n = span(at + 6, end, BASE64);
	return n >= 4 && n <= MAX_BASIC_LEN && is_user_and_password(at + 6, n)
		? "a user name with its password" : NULL;
}

const char *
cn_skip_reference(const char *at, const char *end)
{
	char		quote = '\0';

	if (end - at < 2 || at[0] != '{' || at[1] != '{')
		return at;
	for (const char *p = at + 2; p < end; p++)
	{
		if (quote)
		{
			if (*p == '\\')
				p++;
			else if (*p == quote)
				quote = '\0';
		}
		else if (*p == '"' || *p == '\'')
			quote = *p;
		else if (*p == '}' && p + 1 < end && p[1] == '}')
			return p + 2;
	}
	return end;
}

/* "://user:password@" with anything written out behind the colon. */
static const char *
userinfo(const char *at, const char *end)
{
	bool		password = false;
	bool		literal = false;

	if (end - at < 3 || memcmp(at, "://", 3) != 0)
		return NULL;
	at += 3;
	while (at < end && strchr("/?# \t\r\n\"'<>", *at) == NULL)
	{
		const char *next = cn_skip_reference(at, end);

		if (*at == '@')
			return literal ? "a URL with a password" : NULL;
		if (next == at)
		{
			literal = literal || (password && *at != ':');
			password = password || *at == ':';
			next++;
		}
		at = next;
	}
	return NULL;
}

/*
 * cn_secret_shape -- what does a part of text look like?
 *
 * Returns static text for the first finding, or NULL.
 */
const char *
cn_secret_shape(const char *text, int len)
{
	const char *end = text + len;

	for (const char *at = text; at < end; at++)
	{
		bool		inside = at > text && (isalnum((unsigned char) at[-1]) || at[-1] == '_');
		const char *what = userinfo(at, end);

		if (what == NULL && !inside)
		{
			if ((what = vendor_key(at, end)) == NULL &&
				(what = signed_token(at, end)) == NULL &&
				(what = pem_key(at, end)) == NULL)
				what = basic_pair(at, end);
		}
		if (what)
			return what;
	}
	return NULL;
}

/* ---- names ---- */

/* Parts of names, without case and punctuation, that say "secret". */
static const char *const secret_parts[] = {
	"authorization", "apikey", "accesskey", "secretkey", "privatekey", "subscriptionkey",
	"functionskey", "signingkey", "encryptionkey", "sharedkey", "authkey", "licensekey",
	"token", "secret", "password", "passwd", "passphrase", "cookie", "sessionid", "sessionkey",
	"credential", "jwt", NULL
};

static const char *const secret_words[] = {"auth", "xauth", "pass", "pwd", "bearer", NULL};

/* What such a name may end with and then be about a secret, but hold none. */
static const char *const harmless_endings[] = {
	"type", "types", "typehint", "name", "names", "url", "uri", "endpoint", "hint", "limit",
	"limits", "count", "expiry", "expires", "expiresin", "expiration", "ttl", "policy",
	"version", "format", "status", "required", "enabled", "length", "location", "algorithm",
	"method", "mode", "scope", "audience", "issuer", "arn", "field", "tokens", "secretid",
	"tokenid", "keyid", "credentialid", NULL
};

/* Tokens that lead through pages or documents. */
static const char *const harmless_parts[] = {
	"pagetoken", "nexttoken", "pagingtoken", "continuationtoken", "cursortoken", "synctoken",
	"deltatoken", "starttoken", "maxtokens", "mintokens", NULL
};

static bool
any_in(const char *const *words, const char *name)
{
	for (; *words; words++)
		if (strstr(name, *words))
			return true;
	return false;
}

static bool
any_is(const char *const *words, const char *name)
{
	for (; *words; words++)
		if (strcmp(*words, name) == 0)
			return true;
	return false;
}

static bool
any_ends(const char *const *words, const char *name)
{
	size_t		len = strlen(name);

	for (; *words; words++)
	{
		size_t		n = strlen(*words);

		if (n <= len && strcmp(name + len - n, *words) == 0)
			return true;
	}
	return false;
}

bool
cn_secret_name(const char *name)
{
	char	   *plain = palloc(strlen(name) + 1);
	char	   *out = plain;

	for (; *name; name++)
		if (isalnum((unsigned char) *name))
			*out++ = tolower((unsigned char) *name);
	*out = '\0';
	if (any_is(secret_words, plain))
		return true;
	return any_in(secret_parts, plain) && !any_ends(harmless_endings, plain) &&
		!any_in(harmless_parts, plain);
}
