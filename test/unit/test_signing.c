/*
 * test_signing.c -- signatures of requests: OAuth 1.0a, AWS Signature Version 4, texts with names.
 *
 * Vectors: RFC 5849, sections 1.2 and 3.4.1.1; OAuth Core 1.0a, appendix A; the example
 * of "Creating a signature" in X's documentation; AWS' signature version 4 test suite and
 * the examples for S3 in "Authenticating Requests".
 */
#include "auth/oauth1.h"
#include "auth/pairs.h"
#include "auth/sign_scope.h"
#include "auth/sigv4.h"

#include "tap.h"

static StringInfoData
empty(void)
{
	StringInfoData text;

	initStringInfo(&text);
	return text;
}

/* The input of a request; the URL must be one that can be sent. */
static CnSignInput
make_input(CnUrl *url, const char *method, const char *text)
{
	CnSignInput input = {.method = method, .url = url, .nonce = "0123456789abcdef0123456789abcdef",
	.now_ms = INT64CONST(1700000000123)};
	const char *problem;

	if (!cn_url_parse(text, url, &problem))
		tap_ok(false, "%s: %s", text, problem);
	return input;
}

/* ---- names and values ---- */

static void
test_pairs(void)
{
	static const char *const cases[][3] = {
		{"", "", ""},
		{"&&", "", ""},
		{"a", "a=", "a="},
		{"=b", "=b", "=b"},
		{"a=b=c", "a=b%3Dc", "a=b%3Dc"},
		{"b=1&a=2", "a=2&b=1", "a=2&b=1"},
		{"a=%zz&b=%4", "a=%25zz&b=%254", "a=%25zz&b=%254"},
		{"a=%41%7e", "a=A~", "a=A~"},
		{"a=x+y", "a=x%20y", "a=x%2By"},
		{"a=%00", "a=%00", "a=%00"},
		{"a1=x&a-1=x&A=x", "A=x&a-1=x&a1=x", "A=x&a-1=x&a1=x"},
		{"a=2&a=10&a=1", "a=1&a=10&a=2", "a=1&a=10&a=2"},
	};

	for (int i = 0; i < 2 * lengthof(cases); i++)
	{
		const char *const *one = cases[i / 2];
		StringInfoData out = empty();
		CnPairs		pairs = {0};

		cn_pairs_parse(&pairs, one[0], strlen(one[0]), i % 2 == 0);
		cn_pairs_sort(&pairs);
		cn_pairs_write(&out, &pairs);
		tap_is(out.data, one[1 + i % 2], "\"%s\" in a %s", one[0], i % 2 ? "URL" : "form");
	}
}

/* ---- OAuth 1.0a ---- */

typedef struct OauthCase
{
	const char *name;
	const char *method;
	const char *url;
	const char *form;			/* body, NULL: none */
	CnOauth1	oauth;
	const char *signature;
} OauthCase;

static const OauthCase oauth_cases[] = {
	{"OAuth Core 1.0a, A.5", "GET", "http://photos.example.net/photos?file=vacation.jpg&size=original", NULL,
		{.consumer_key = "dpf43f3p2l4k3l03", .consumer_secret = "kd94hf93k423kf44",
			.token = "nnch734d00sl2jdk", .token_secret = "pfkkdhi9sl3r4s00", .digest = CN_DIGEST_SHA1,
		.version = true, .timestamp = "1191242096", .nonce = "kllo9940pd9333jh"},
	"tR3+Ty81lMeYAr/Fid0kMTYa/WM="},
	{"the same by HMAC-SHA256", "GET", "http://photos.example.net/photos?file=vacation.jpg&size=original",
		NULL,
		{.consumer_key = "dpf43f3p2l4k3l03", .consumer_secret = "kd94hf93k423kf44",
			.token = "nnch734d00sl2jdk", .token_secret = "pfkkdhi9sl3r4s00", .digest = CN_DIGEST_SHA256,
		.version = true, .timestamp = "1191242096", .nonce = "kllo9940pd9333jh"},
	"WVPzl1j6ZsnkIjWr7e3OZ3jkenL57KwaLFhYsroX1hg="},
	{"RFC 5849, 1.2, access to a resource", "GET",
		"http://photos.example.net/photos?file=vacation.jpg&size=original", NULL,
		{.consumer_key = "dpf43f3p2l4k3l03", .consumer_secret = "kd94hf93k423kf44",
			.token = "nnch734d00sl2jdk", .token_secret = "pfkkdhi9sl3r4s00", .digest = CN_DIGEST_SHA1,
		.timestamp = "137131202", .nonce = "chapoH"},
	"MdpQcU8iPSUjWoN/UDMsK2sui9I="},
	{"X, a form", "POST", "https://api.twitter.com/1.1/statuses/update.json?include_entities=true",
		"status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21",
		{.consumer_key = "xvz1evFS4wEEPTGEFPHBog",
			.consumer_secret = "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
			.token = "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
			.token_secret = "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE", .digest = CN_DIGEST_SHA1,
			.version = true, .timestamp = "1318622958",
		.nonce = "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"},
	"hCtSmYh+iHYCEqBWrE7C7hYmtUk="},
};

static void
test_oauth_signatures(void)
{
	static const CnHttpHeader type = {"content-type", "application/x-www-form-urlencoded", false};

	for (int i = 0; i < lengthof(oauth_cases); i++)
	{
		const OauthCase *one = &oauth_cases[i];
		StringInfoData header = empty();
		StringInfoData signature = empty();
		CnUrl		url;
		CnSignInput input = make_input(&url, one->method, one->url);

		input.headers = &type;
		input.header_count = one->form ? 1 : 0;
		input.body = one->form;
		input.body_len = one->form ? strlen(one->form) : 0;
		if (!cn_oauth1_sign(&header, &signature, &one->oauth, &input))
			appendStringInfoString(&signature, "failed");
		tap_is(signature.data, one->signature, "%s", one->name);
	}
}

static void
test_oauth_base_string(void)
{
	CnOauth1	oauth = {.consumer_key = "9djdj82h48djs9d2", .consumer_secret = "x",
		.token = "kkk9d7dh3k39sjv7", .digest = CN_DIGEST_SHA1, .timestamp = "137131201",
	.nonce = "7d8f3e4a"};
	CnHttpHeader type = {"Content-Type", "application/x-www-form-urlencoded; charset=UTF-8", false};
	StringInfoData out = empty();
	CnUrl		url;
	CnSignInput input = make_input(&url, "POST",
								   "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b");
	const char *common = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26";

	input.headers = &type;
	input.header_count = 1;
	input.body = "c2&a3=2+q";
	input.body_len = strlen(input.body);
	cn_oauth1_base_string(&out, &oauth, &input);
	tap_is(out.data,
		   "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q"
		   "%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_"
		   "key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_m"
		   "ethod%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk"
		   "9d7dh3k39sjv7", "RFC 5849, 3.4.1.1");

	type.value = "application/json";
	out = empty();
	input = make_input(&url, "POST", "http://example.com/request?a2=r%20b");
	input.headers = &type;
	input.header_count = 1;
	input.body = "c2&a3=2+q";
	input.body_len = strlen(input.body);
	cn_oauth1_base_string(&out, &oauth, &input);
	tap_ok(strncmp(out.data, common, strlen(common)) == 0 && strstr(out.data, "c2") == NULL,
		   "a body of another type is not signed");

	out = empty();
	input = make_input(&url, "GET", "https://example.com:8443/");
	cn_oauth1_base_string(&out, &oauth, &input);
	tap_ok(strncmp(out.data, "GET&https%3A%2F%2Fexample.com%3A8443%2F&oauth_", 46) == 0,
		   "a port that is not the scheme's own is signed");
}

static void
test_oauth_header(void)
{
	CnOauth1	oauth = {.consumer_key = "key", .consumer_secret = "a&b", .token = "to ken",
		.token_secret = "c%", .realm = "TST\"DRV_1\\", .digest = CN_DIGEST_SHA256, .version = true,
	.timestamp = "1", .nonce = "n"};
	StringInfoData header = empty();
	StringInfoData signature = empty();
	CnUrl		url;
	CnSignInput input = make_input(&url, "GET", "https://example.com/");

	(void) cn_oauth1_sign(&header, &signature, &oauth, &input);
	/* openssl dgst -sha256 -hmac 'a%26b&c%25' over the base string */
	tap_is(header.data,
		   "OAuth realm=\"TST\\\"DRV_1\\\\\", oauth_consumer_key=\"key\", oauth_token=\"to%20ken\", "
		   "oauth_signature_method=\"HMAC-SHA256\", oauth_timestamp=\"1\", oauth_nonce=\"n\", "
		   "oauth_version=\"1.0\", oauth_signature=\"9liSHtHKoc5r9bBh2t8iUPkedf5ZnGX6BQK6%2F1IKMEY%3D\"", "the header with a realm");
}

/* ---- AWS ---- */

typedef struct AwsCase
{
	const char *name;
	const char *method;
	const char *target;
	const char *headers;		/* a line each */
	const char *body;
	const char *signed_headers;
	const char *signature;
} AwsCase;

#define DATE "X-Amz-Date:20150830T123600Z"
#define TOKEN \
	"AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIe" \
	"oIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq" \
	"5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC" \
	"9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
#define UNRESERVED "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static const AwsCase aws_cases[] = {
	{"get-header-key-duplicate", "GET", "/",
		"My-Header1:value2\nMy-Header1:value2\nMy-Header1:value1\n" DATE, "",
	"host;my-header1;x-amz-date", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
	{"get-header-value-multiline", "GET", "/",
		"My-Header1:value1,value2,value3\n" DATE, "",
	"host;my-header1;x-amz-date", "ba17b383a53190154eb5fa66a1b836cc297cc0a3d70a5d00705980573d8ff790"},
	{"get-header-value-order", "GET", "/",
		"My-Header1:value4\nMy-Header1:value1\nMy-Header1:value3\nMy-Header1:value2\n" DATE, "",
	"host;my-header1;x-amz-date", "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
	{"get-header-value-trim", "GET", "/",
		"My-Header1: value1\nMy-Header2: \"a   b   c\"\n" DATE, "",
	"host;my-header1;my-header2;x-amz-date", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
	{"get-unreserved", "GET", "/" UNRESERVED,
		DATE, "",
	"host;x-amz-date", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
	{"get-utf8", "GET", "/\341\210\264",
		DATE, "",
	"host;x-amz-date", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
	{"get-vanilla-empty-query-key", "GET", "/?Param1=value1",
		DATE, "",
	"host;x-amz-date", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
	{"get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1",
		DATE, "",
	"host;x-amz-date", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
	{"get-vanilla-query-order-key", "GET", "/?Param1=value2&Param1=Value1",
		DATE, "",
	"host;x-amz-date", "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1"},
	{"get-vanilla-query-order-value", "GET", "/?Param1=value2&Param1=value1",
		DATE, "",
	"host;x-amz-date", "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694"},
	{"get-vanilla-query-unreserved", "GET", "/?" UNRESERVED "=" UNRESERVED,
		DATE, "",
	"host;x-amz-date", "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
	{"get-vanilla-utf8-query", "GET", "/?\341\210\264=bar",
		DATE, "",
	"host;x-amz-date", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
	{"get-vanilla", "GET", "/",
		DATE, "",
	"host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-relative-relative", "GET", "/example1/example2/../..",
		DATE, "",
	"host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-relative", "GET", "/example/..",
		DATE, "",
	"host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-slash-dot-slash", "GET", "/./",
		DATE, "",
	"host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-slash-pointless-dot", "GET", "/./example",
		DATE, "",
	"host;x-amz-date", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
	{"get-slash", "GET", "//",
		DATE, "",
	"host;x-amz-date", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
	{"get-slashes", "GET", "//example//",
		DATE, "",
	"host;x-amz-date", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
	{"get-space", "GET", "/example space/",
		DATE, "",
	"host;x-amz-date", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
	{"post-header-key-case", "POST", "/",
		DATE, "",
	"host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
	{"post-header-key-sort", "POST", "/",
		"My-Header1:value1\n" DATE, "",
	"host;my-header1;x-amz-date", "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
	{"post-header-value-case", "POST", "/",
		"My-Header1:VALUE1\n" DATE, "",
	"host;my-header1;x-amz-date", "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
	{"post-sts-header-after", "POST", "/",
		DATE, "",
	"host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
	{"post-sts-header-before", "POST", "/",
		DATE "\nX-Amz-Security-Token:" TOKEN, "",
	"host;x-amz-date;x-amz-security-token", "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
	{"post-vanilla-empty-query-value", "POST", "/?Param1=value1",
		DATE, "",
	"host;x-amz-date", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
	{"post-vanilla-query", "POST", "/?Param1=value1",
		DATE, "",
	"host;x-amz-date", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
	{"post-vanilla", "POST", "/",
		DATE, "",
	"host;x-amz-date", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
	{"post-x-www-form-urlencoded-parameters", "POST", "/",
		"Content-Type:application/x-www-form-urlencoded; charset=utf8\n" DATE, "Param1=value1",
	"content-type;host;x-amz-date", "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe"},
	{"post-x-www-form-urlencoded", "POST", "/",
		"Content-Type:application/x-www-form-urlencoded\n" DATE, "Param1=value1",
	"content-type;host;x-amz-date", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
};

/* The suite has targets that no URL can have as they are: blanks, UTF-8. */
static int
read_headers(const char *text, CnHttpHeader *headers)
{
	int			count = 0;

	while (*text)
	{
		int			line = (int) strcspn(text, "\n");
		char	   *copy = pnstrdup(text, line);
		char	   *colon = strchr(copy, ':');

		*colon = '\0';
		headers[count].name = copy;
		headers[count++].value = colon + 1;
		text += line + (text[line] == '\n');
	}
	return count;
}

static void
check_aws(const AwsCase *one, const CnSigv4 *how, const char *host, const char *date)
{
	CnHttpHeader headers[8];
	CnUrl		url = {.https = true, .host = pstrdup(host), .port = 443,
	.target = pstrdup(one->target)};
	CnSignInput input = {.method = one->method, .url = &url, .body = one->body,
		.body_len = strlen(one->body), .headers = headers};
	char		hash[CN_SIGV4_HASH_SIZE];
	StringInfoData header = empty();
	StringInfoData signature = empty();
	char	   *wanted = psprintf("AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/%s/aws4_request, "
								  "SignedHeaders=%s, Signature=%s", how->access_key_id, date, how->service,
								  one->signed_headers, one->signature);

	input.header_count = read_headers(one->headers, headers);
	if (!cn_sigv4_body_hash(&input, hash) ||
		!cn_sigv4_sign(&header, &signature, how, &input, date, hash))
		appendStringInfoString(&header, "failed");
	tap_is(header.data, wanted, "AWS, %s", one->name);
}

static void
test_aws_suite(void)
{
	CnSigv4		how = {.access_key_id = "AKIDEXAMPLE",
		.secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", .region = "us-east-1",
	.service = "service"};

	for (int i = 0; i < lengthof(aws_cases); i++)
		check_aws(&aws_cases[i], &how, "example.amazonaws.com", "20150830T123600Z");
}

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define S3_DATE "x-amz-date:20130524T000000Z"

static void
test_aws_s3(void)
{
	static const AwsCase cases[] = {
		{"S3, GET of an object", "GET", "/test.txt",
			"Range:bytes=0-9\nx-amz-content-sha256:" EMPTY_HASH "\n" S3_DATE, "",
			"host;range;x-amz-content-sha256;x-amz-date",
		"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"S3, PUT of an object", "PUT", "/test$file.text",
			"Date:Fri, 24 May 2013 00:00:00 GMT\n" S3_DATE "\nx-amz-storage-class:REDUCED_REDUNDANCY\n"
			"x-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			"Welcome to Amazon S3.", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
		"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		{"S3, the same with the path encoded", "PUT", "/test%24file.text",
			"Date:Fri, 24 May 2013 00:00:00 GMT\n" S3_DATE "\nx-amz-storage-class:REDUCED_REDUNDANCY\n"
			"x-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			"Welcome to Amazon S3.", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
		"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
		{"S3, a parameter without value", "GET", "/?lifecycle",
			"x-amz-content-sha256:" EMPTY_HASH "\n" S3_DATE, "", "host;x-amz-content-sha256;x-amz-date",
		"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"S3, a list", "GET", "/?max-keys=2&prefix=J",
			"x-amz-content-sha256:" EMPTY_HASH "\n" S3_DATE, "", "host;x-amz-content-sha256;x-amz-date",
		"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	};
	CnSigv4		how = {.access_key_id = "AKIAIOSFODNN7EXAMPLE",
		.secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", .region = "us-east-1",
	.service = "s3", .path_as_is = true};

	for (int i = 0; i < lengthof(cases); i++)
		check_aws(&cases[i], &how, "examplebucket.s3.amazonaws.com", "20130524T000000Z");
}

/* The first two lines of a canonical request. */
static char *
canonical_start(const CnSigv4 *how, const char *url_text)
{
	StringInfoData out = empty();
	StringInfoData names = empty();
	CnUrl		url;
	CnSignInput input = make_input(&url, "GET", url_text);
	char	   *end;

	cn_sigv4_canonical_request(&out, &names, how, &input, "hash");
	end = strchr(out.data + 4, '\n');
	*strchr(end + 1, '\n') = '\0';
	return out.data + 4;
}

static void
test_aws_paths(void)
{
	CnSigv4		s3 = {.service = "s3", .path_as_is = true};
	CnSigv4		other = {.service = "sqs", .encode_twice = true};

	tap_is(canonical_start(&s3, "https://h/a//b/../c%20d"), "/a//b/../c%20d\n", "a path of S3 stays");
	tap_is(canonical_start(&s3, "https://h/a+b=c%2fd%e4"), "/a%2Bb%3Dc%2Fd%E4\n", "but it is encoded");
	tap_is(canonical_start(&other, "https://h/a//b/../c%20d/"), "/a/c%2520d/\n",
		   "any other path is normalized and encoded twice");
	tap_is(canonical_start(&other, "https://h/../.."), "/\n", "nothing is above the root");
	tap_is(canonical_start(&other, "https://h/a/.?b=%2f+&&a"), "/a/\na=&b=%2F%2B", "a query");
}

/* ---- texts ---- */

static const CnSecretField secret_fields[] = {{"key_id", "K1", 2}, {"secret", "s3cret", 6}};
static const char *const hidden_fields[] = {"secret", NULL};

static const CnJson *
parse(const char *text)
{
	CnJsonLimits limits = {0};
	CnJsonError error;

	return cn_json_parse(text, strlen(text), &limits, &error);
}

static CnSignScope
make_scope(const CnSignInput *input)
{
	CnSignScope scope = {.input = input, .fields = secret_fields, .field_count = 2,
	.hidden = hidden_fields};

	scope.parameters = parse("{\"account\":\"my-org_1\",\"user\":\"Ada\",\"claims\":{}}");
	return scope;
}

static void
test_texts(void)
{
	static const CnHttpHeader headers[] = {{"X-Id", "first", false}, {"x-id", "second", false}};
	static const char *const cases[][2] = {
		{"", ""},
		{"no names", "no names"},
		{"{\"a\": {}}", "{\"a\": {}}"},
		{"{ method }", "{ method }"},
		{"{method", "{method"},
		{"{{method}}", "{POST}"},
		{"{method}\n{path}\n{query}", "POST\n/a%20b\nx=1&y"},
		{"{url}", "https://example.com:8443/a%20b?x=1&y"},
		{"{host}", "example.com:8443"},
		{"{timestamp}.{now}.{nonce}", "1700000000123.1700000000.0123456789abcdef0123456789abcdef"},
		{"{body}", "hi"},
		{"{body_sha256_hex}", "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"},
		{"{body_md5_base64}", "SfaKXIST7CwL9ImCHCH8Ow=="},
		{"{header:X-ID}|{header:none}|", "second||"},
		{"{account}", "my-org_1"},
		{"{account|upper}.{user|upper}", "MY-ORG_1.ADA"},
		{"{account|underscore|upper}", "MY_ORG_1"},
		{"{account|hyphen|lower}", "my-org-1"},
		{"{key_id}", "K1"},
	};
	static const char *const unknown[][2] = {
		{"{nothing}", "nothing"},
		{"{user|reverse}", "user|reverse"},
		{"{user|}", "user|"},
		{"{secret}", "secret"},
		{"{signature}", "signature"},
		{"{fingerprint}", "fingerprint"},
		{"{claims}", "claims"},
		{"{body_sha256}", "body_sha256"},
		{"{body_sha3_hex}", "body_sha3_hex"},
	};
	CnUrl		url;
	CnSignInput input;
	CnSignScope scope;

	for (int i = 0; i < lengthof(cases) + lengthof(unknown); i++)
	{
		bool		known = i < lengthof(cases);
		const char *const *one = known ? cases[i] : unknown[i - lengthof(cases)];
		StringInfoData out;
		const char *problem;

		input = make_input(&url, "POST", "https://example.com:8443/a%20b?x=1&y");
		input.headers = headers;
		input.header_count = 2;
		input.body = "hi";
		input.body_len = 2;
		scope = make_scope(&input);
		scope.clock = CN_CLOCK_MILLISECONDS;
		problem = cn_sign_text_sealed(&out, one[0], &scope);
		tap_is(known && !problem ? out.data : problem, one[1], "%s %s", known ? "text" : "unknown name in",
			   one[0]);
	}
	input = make_input(&url, "GET", "https://example.com/");
	scope = make_scope(&input);
	scope.hidden = NULL;
	{
		StringInfoData out;
		const char *problem = cn_sign_text_sealed(&out, "{secret}", &scope);

		tap_is(problem ? problem : out.data, "s3cret", "where nothing is hidden, the secret can be named");
	}
}

static void
test_json_texts(void)
{
	CnUrl		url;
	CnSignInput input = make_input(&url, "GET", "https://example.com/");
	CnSignScope scope = make_scope(&input);
	const char *unknown = NULL;
	StringInfoData out = empty();
	CnJson	   *value = cn_sign_json(parse("{\"iss\":\"{user|upper}\",\"n\":[1,true,null,\"{now}\"],"
										   "\"o\":{\"{user}\":\"{host}\"}}"), &scope, &unknown);

	cn_json_write(&out, value);
	tap_is(out.data, "{\"iss\":\"ADA\",\"n\":[1,true,null,\"1700000000\"],\"o\":{\"{user}\":\"example.com\"}}",
		   "the strings of JSON are rendered, other values and keys stay");
	input = make_input(&url, "GET", "https://example.com/");
	scope = make_scope(&input);
	tap_ok(cn_sign_json(parse("{\"a\":[{\"b\":\"{c}\"}]}"), &scope, &unknown) == NULL &&
		   strcmp(unknown, "c") == 0, "an unknown name is found at any depth");
}

static void
test_clocks(void)
{
	static const char *const cases[][2] = {
		{"seconds", "1700000000"},
		{"milliseconds", "1700000000123"},
		{"milliseconds_base36", "loyw3v5n"},
		{"iso8601", "2023-11-14T22:13:20Z"},
		{"iso8601_basic", "20231114T221320Z"},
		{"http", "Tue, 14 Nov 2023 22:13:20 GMT"},
	};
	CnSignClock clock;

	tap_ok(!cn_sign_clock("minutes", &clock), "minutes are no form of time");
	for (int i = 0; i < lengthof(cases); i++)
	{
		StringInfoData out = empty();

		if (cn_sign_clock(cases[i][0], &clock))
			cn_sign_timestamp(&out, clock, INT64CONST(1700000000123));
		tap_is(out.data, cases[i][1], "%s", cases[i][0]);
	}
}

static void
test_decoding(void)
{
	static const struct
	{
		CnSignEncoding encoding;
		const char *text;
		const char *wanted;		/* NULL: refused */
	}			cases[] = {
		{CN_SIGN_HEX, "4a6", NULL}, {CN_SIGN_HEX, "zz", NULL}, {CN_SIGN_HEX, "4A65", "Je"},
		{CN_SIGN_BASE64, "S", NULL}, {CN_SIGN_BASE64, "Sm V", NULL}, {CN_SIGN_BASE64, "SmVmZQ==", "Jefe"},
		{CN_SIGN_BASE64, "SmVmZQ", "Jefe"}, {CN_SIGN_BASE64URL, "Pz8_", "???"},
		{CN_SIGN_BASE64, "Pz8/", "???"}, {CN_SIGN_HEX, "", ""},
	};

	for (int i = 0; i < lengthof(cases); i++)
	{
		uint8		out[16];
		int			len = cn_sign_decode(cases[i].encoding, cases[i].text, out);

		tap_is(len < 0 ? NULL : pnstrdup((char *) out, len), cases[i].wanted, "decoding \"%s\"",
			   cases[i].text);
	}
}

int
main(void)
{
	test_decoding();
	test_clocks();
	test_pairs();
	test_texts();
	test_json_texts();
	test_oauth_base_string();
	test_oauth_signatures();
	test_oauth_header();
	test_aws_suite();
	test_aws_s3();
	test_aws_paths();
	return tap_done();
}
