/*
 * test_oauth2.c -- requests of OAuth 2 and what comes back, with the examples of the RFCs.
 */
#include "auth/oauth2.h"

#include "tap.h"

static CnJson *
json(const char *text)
{
	CnJsonError error;
	CnJson	   *tree = cn_json_parse(text, strlen(text), NULL, &error);

	if (tree == NULL)
	{
		fprintf(stderr, "bad JSON in a test: %s\n", text);
		exit(2);
	}
	return tree;
}

/* ---- replies ---- */

static const CnOauth2Ask nothing = {.refresh_token = "old-refresh-token-1"};

static const char *
verdict_name(CnOauth2Verdict verdict)
{
	static const char *const names[] = {
		[CN_TOKENS_FAILED] = "failed", [CN_TOKENS_REFUSED] = "refused",
		[CN_TOKENS_PENDING] = "pending", [CN_TOKENS_SLOW_DOWN] = "slow", [CN_TOKENS_GOT] = "got"
	};

	return names[verdict];
}

/* "got access/refresh/seconds/scope/parameters", or the failure. */
static char *
read_reply(const char *config, int status, const char *type, const char *body)
{
	CnOauth2Reply reply = {status, type, body, strlen(body)};
	CnFailure	failure = {CN_OK};
	CnOauth2Tokens tokens;
	CnOauth2Verdict verdict = cn_oauth2_read_tokens(json(config), &nothing, &reply, &tokens,
													&failure);
	StringInfoData parameters;

	if (verdict == CN_TOKENS_PENDING || verdict == CN_TOKENS_SLOW_DOWN)
		return pstrdup(verdict_name(verdict));
	if (verdict != CN_TOKENS_GOT)
		return psprintf("%s %s%s: %s%s%s", verdict_name(verdict),
						failure.code == CN_AUTH_FAILED ? "auth_failed" : "another code",
						failure.http_status == status ? "" : ", another status", failure.message,
						failure.remote_message ? " | " : "",
						failure.remote_message ? failure.remote_message : "");
	initStringInfo(&parameters);
	cn_json_write(&parameters, tokens.parameters);
	return psprintf("got %s/%s/" INT64_FORMAT "/%s/%s", tokens.access_token,
					tokens.refresh_token ? tokens.refresh_token : "-", tokens.expires_in,
					tokens.scope ? tokens.scope : "-", parameters.data);
}

static const struct
{
	const char *config;
	int			status;
	const char *type;
	const char *body;
	const char *wanted;
}			replies[] = {
	/* no token at all */
	{"{}", 200, "text/html; charset=utf-8", "<html>Sign in</html>", "failed auth_failed: the token endpoint's reply is not JSON (text/html)"},
	{"{}", 200, "<b>", "x", "failed auth_failed: the token endpoint's reply is not JSON (an odd content type)"},
	{"{}", 200, "", "access_token=a", "failed auth_failed: the token endpoint's reply is not JSON (no content type)"},
	{"{}", 200, "application/json", "", "failed auth_failed: the token endpoint's reply is empty"},
	{"{}", 200, "application/json", "[]", "failed auth_failed: the token endpoint's reply is an array, not an object"},
	{"{}", 200, "application/json", "\"t\"", "failed auth_failed: the token endpoint's reply is a string, not an object"},
	{"{}", 200, "application/json", "{\"access_token\":\"a\"", "failed auth_failed: the token endpoint's reply is not JSON (application/json)"},
	{"{}", 200, "application/json", "{}", "failed auth_failed: the token endpoint's reply has no access_token"},
	{"{}", 200, "application/json", "{\"access_token\":null}", "failed auth_failed: the token endpoint's reply has no access_token"},
	{"{}", 500, "text/html", "<html>", "failed auth_failed: the token endpoint answered with HTTP status 500"},
	{"{}", 302, "text/html", "", "failed auth_failed: the token endpoint answered with HTTP status 302"},

	/* an error, whatever the status */
	{"{}", 400, "application/json", "{\"error\":\"invalid_request\"}", "failed auth_failed: the token endpoint answered with HTTP status 400 | invalid_request"},
	{"{}", 401, "application/json", "{\"error\":\"invalid_client\",\"error_description\":\"no\"}", "failed auth_failed: the token endpoint answered with HTTP status 401 | invalid_client: no"},
	{"{}", 400, "application/json", "{\"error\":\"invalid_grant\"}", "refused auth_failed: the token endpoint answered with HTTP status 400 | invalid_grant"},
	{"{}", 200, "application/json", "{\"ok\":false,\"error\":\"invalid_refresh_token\"}", "refused auth_failed: the token endpoint answered with an error | invalid_refresh_token"},
	{"{}", 200, "application/json", "{\"error\":\"bad_thing\",\"error_description\":\"a\\r\\nb\"}", "failed auth_failed: the token endpoint answered with an error | bad_thing: a  b"},
	{"{}", 200, "application/json", "{\"error\":{\"code\":7,\"message\":\"m\"}}", "failed auth_failed: the token endpoint answered with an error | m"},
	{"{}", 400, "application/json", "{\"error\":\"x\",\"error_description\":\"token old-refresh-token-1 is bad\"}", "failed auth_failed: the token endpoint answered with HTTP status 400 | x"},
	{"{}", 400, "application/json", "{\"error\":\"authorization_pending\"}", "pending"},
	{"{}", 400, "application/json", "{\"error\":\"slow_down\"}", "slow"},
	{"{}", 400, "application/json", "{\"error\":\"expired_token\"}", "refused auth_failed: the token endpoint answered with HTTP status 400 | expired_token"},

	/* things of the wrong type */
	{"{}", 200, "", "{\"access_token\":7}", "failed auth_failed: the token endpoint's access_token is a number"},
	{"{}", 200, "", "{\"access_token\":{}}", "failed auth_failed: the token endpoint's access_token is an object"},
	{"{}", 200, "", "{\"access_token\":\"\"}", "failed auth_failed: the token endpoint's access_token is empty"},
	{"{}", 200, "", "{\"access_token\":\"a\\r\\nX: y\"}", "failed auth_failed: the token endpoint's access_token has a character that no token has"},
	{"{}", 200, "", "{\"access_token\":\"\xc3\xbc\"}", "failed auth_failed: the token endpoint's access_token has a character that no token has"},
	{"{}", 200, "", "{\"access_token\":\"a\",\"refresh_token\":[1]}", "failed auth_failed: the token endpoint's refresh_token is an array"},
	{"{}", 200, "", "{\"access_token\":\"a\",\"expires_in\":\"soon\"}", "got a/-/-1/-/{}"},
	{"{}", 200, "", "{\"access_token\":\"a\",\"expires_in\":true}", "got a/-/-1/-/{}"},
	{"{}", 200, "", "{\"access_token\":\"a\",\"expires_in\":-1}", "got a/-/-1/-/{}"},
	{"{}", 200, "", "{\"access_token\":\"a\",\"expires_in\":\"\"}", "got a/-/-1/-/{}"},

	/* tokens; RFC 6749, section 5.1 */
	{"{}", 200, "application/json;charset=UTF-8", "{\"access_token\":\"2YotnFZFEjr1zCsicMWpAA\",\"token_type\":\"example\",\"expires_in\":3600,\"refresh_token\":\"tGzv3JOkF0XG5Qx2TlKWIA\",\"example_parameter\":\"example_value\"}",
	"got 2YotnFZFEjr1zCsicMWpAA/tGzv3JOkF0XG5Qx2TlKWIA/3600/-/{}"},
	{"{}", 200, "", "{\"access_token\":\"a\"}", "got a/-/-1/-/{}"},
	{"{}", 200, "", "{\"access_token\":\"a\",\"refresh_token\":\"\",\"expires_in\":\"3599\",\"scope\":\"r w\"}", "got a/-/3599/r w/{}"},
	{"{}", 200, "", "{\"access_token\":\"a\",\"expires_in\":3600.5}", "got a/-/3600/-/{}"},
	{"{}", 200, "", "{\"access_token\":\"a\",\"expires_in\":1e300}", "got a/-/316224000/-/{}"},
	{"{\"expires_in\":7200}", 200, "", "{\"access_token\":\"a\"}", "got a/-/7200/-/{}"},
	{"{\"expires_in\":7200}", 200, "", "{\"access_token\":\"a\",\"refresh_token\":\"r\",\"expires_in\":\"P1D\"}", "got a/r/7200/-/{}"},
	{"{\"expires_in\":7200}", 200, "", "{\"access_token\":\"a\",\"expires_in\":0}", "got a/-/7200/-/{}"},
	{"{\"expires_in\":7200}", 200, "", "{\"access_token\":\"a\",\"expires_in\":60}", "got a/-/60/-/{}"},
	{"{}", 200, "", "{\"access_token\":\"a\",\"error\":\"\"}", "got a/-/-1/-/{}"},
	{"{\"response\":{\"access_token\":\"$.authed_user.access_token\",\"expires_in\":\"$.t[1].s\"}}", 200, "", "{\"authed_user\":{\"access_token\":\"xoxp\"},\"t\":[0,{\"s\":5}]}", "got xoxp/-/5/-/{}"},
	{"{\"response\":{\"access_token\":\"$.a[\"}}", 200, "", "{\"a\":\"x\"}", "failed auth_failed: the token endpoint's reply has no access_token"},
	{"{\"parameters\":{\"instance_url\":\"$.instance_url\",\"n\":\"$.n\",\"none\":\"$.none\",\"odd\":\"$.odd\"}}", 200, "",
	"{\"access_token\":\"a\",\"instance_url\":\"https://x.example\",\"n\":12,\"odd\":{}}", "got a/-/-1/-/{\"instance_url\":\"https://x.example\",\"n\":\"12\"}"},
};

static void
test_replies(void)
{
	CnOauth2Reply reply = {200, "", NULL, 0};
	CnOauth2Tokens tokens;
	CnFailure	failure = {CN_OK};
	StringInfoData body;

	for (int i = 0; i < lengthof(replies); i++)
		tap_is(read_reply(replies[i].config, replies[i].status, replies[i].type, replies[i].body),
			   replies[i].wanted, "%d %s", replies[i].status, replies[i].body);

	initStringInfo(&body);
	appendStringInfoString(&body, "{\"access_token\":\"");
	for (int i = 0; i <= CN_TOKEN_MAX_LEN; i++)
		appendStringInfoChar(&body, 'a');
	appendStringInfoString(&body, "\"}");
	reply.body = body.data;
	reply.len = body.len;
	tap_ok(cn_oauth2_read_tokens(json("{}"), &nothing, &reply, &tokens, &failure) == CN_TOKENS_FAILED &&
		   strstr(failure.message, "24577 bytes, more than 24576"), "a token that is too long");
}

/* The remote's words in the failure of a request with these secrets; "" if there are none. */
static const char *
words_after(const CnOauth2Ask *ask, const char *body)
{
	CnOauth2Reply reply = {400, "application/json", body, strlen(body)};
	CnOauth2Tokens tokens;
	CnFailure	failure = {CN_OK};

	(void) cn_oauth2_read_tokens(json("{}"), ask, &reply, &tokens, &failure);
	return failure.remote_message ? failure.remote_message : "";
}

static void
test_words(void)
{
	static const char *const others[] = {"pa\"ss/word", "abc", NULL};
	CnOauth2Ask ask = {
		.client_id = "client", .client_secret = "s/cret+0", .authorization = "Basic Y2xpZW50", .others = others
	};

	tap_is(words_after(&ask, "{\"error\":\"client abc\"}"), "client abc", "words without a secret");
	tap_is(words_after(&ask, "{\"error\":\"x\",\"error_description\":\"no s/cret+0\"}"), "x", "a secret as it is");
	tap_is(words_after(&ask, "{\"error\":\"a=b&client_secret=s%2Fcret%2B0&c=d\"}"), "", "as a form has it");
	tap_is(words_after(&ask, "{\"error\":\"who is Y2xpZW50?\"}"), "", "in the header");
	tap_is(words_after(&ask, "{\"message\":\"not pa\\\"ss/word\"}"), "", "a password");
	tap_is(words_after(&ask, "{\"message\":\"{\\\"pass\\\":\\\"pa\\\\\\\"ss/word\\\"}\"}"), "", "as a body of JSON has it");
}

static char *
read_device(int status, const char *body)
{
	CnOauth2Reply reply = {status, "application/json", body, strlen(body)};
	CnFailure	failure = {CN_OK};
	CnOauth2Device device;

	if (!cn_oauth2_read_device(&nothing, &reply, &device, &failure))
		return psprintf("%s", failure.message);
	return psprintf("%s %s %s %s " INT64_FORMAT " %d", device.device_code, device.user_code,
					device.verification_uri,
					device.verification_uri_complete ? device.verification_uri_complete : "-",
					device.expires_in, device.interval);
}

static void
test_devices(void)
{
	tap_is(read_device(404, "nothing"), "the token endpoint answered with HTTP status 404", "no device endpoint");
	tap_is(read_device(200, "{\"device_code\":\"d\"}"), "the device endpoint's reply lacks user_code, verification_uri or expires_in", "half a reply");
	tap_is(read_device(200, "{\"error\":\"authorization_pending\"}"), "the device endpoint's reply has no device_code", "no code");
	/* RFC 8628, section 3.2 */
	tap_is(read_device(200, "{\"device_code\": \"GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS\",\"user_code\": \"WDJB-MJHT\","
					   "\"verification_uri\": \"https://example.com/device\","
					   "\"verification_uri_complete\":\"https://example.com/device?user_code=WDJB-MJHT\",\"expires_in\": 1800,\"interval\": 5}"),
		   "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS WDJB-MJHT https://example.com/device https://example.com/device?user_code=WDJB-MJHT 1800 5",
		   "the RFC's example");
	tap_is(read_device(200, "{\"device_code\":\"d\",\"user_code\":\"u\",\"verification_url\":\"https://g\",\"expires_in\":\"60\",\"interval\":-4}"),
		   "d u https://g - 60 5", "Google's names, an odd interval");
}

/* ---- requests ---- */

static char *
token_request(const char *config, CnOauth2Ask ask,
			  void (*make) (const CnJson *, const CnOauth2Ask *, CnOauth2Request *))
{
	CnOauth2Request request;
	CnJson	   *tree = json(config);
	int			room = cn_oauth2_request_room(tree, &ask);
	char	   *body;
	char	   *authorization;

	initStringInfo(&request.body);
	initStringInfo(&request.authorization);
	enlargeStringInfo(&request.body, room);
	enlargeStringInfo(&request.authorization, room);
	body = request.body.data;
	authorization = request.authorization.data;
	make(tree, &ask, &request);
	if (request.body.data != body || request.authorization.data != authorization)
		return pstrdup("a buffer was too small");
	return psprintf("%s [%s]", request.body.data, request.authorization.data);
}

static void
test_requests(void)
{
	/* RFC 6749, sections 4.1.3, 6, 4.4.2 and 2.3.1; its percent-encoding of %20 is "+", which is the same */
	tap_is(token_request("{}", (CnOauth2Ask) {.grant = CN_GRANT_CODE,.client_id = "s6BhdRkqt3",.client_secret = "gX1fBat3bV",
						 .code = "SplxlOBeZQQYbYS6WxSbIA",.redirect_uri = "https://client.example.com/cb"}, cn_oauth2_token_request),
		   "grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&redirect_uri=https%3A%2F%2Fclient.example.com%2Fcb [Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW]",
		   "RFC 6749, 4.1.3");
	tap_is(token_request("{}", (CnOauth2Ask) {.grant = CN_GRANT_REFRESH,.client_id = "s6BhdRkqt3",.client_secret = "gX1fBat3bV",
						 .refresh_token = "tGzv3JOkF0XG5Qx2TlKWIA"}, cn_oauth2_token_request),
		   "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA [Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW]", "RFC 6749, 6");
	tap_is(token_request("{\"client_auth\":\"body\"}", (CnOauth2Ask) {.grant = CN_GRANT_REFRESH,.client_id = "s6BhdRkqt3",
						 .client_secret = "7Fjfp0ZBr1KtDRbnfVdmIw",.refresh_token = "tGzv3JOkF0XG5Qx2TlKWIA"}, cn_oauth2_token_request),
		   "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA&client_id=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw []",
		   "RFC 6749, 2.3.1, in the body");
	tap_is(token_request("{\"scope\":\"a b\",\"token_params\":{\"audience\":\"x/y\",\"n\":1,\"t\":true,\"o\":{}}}",
						 (CnOauth2Ask) {.grant = CN_GRANT_CLIENT,.client_id = "a:b",.client_secret = "c d%"}, cn_oauth2_token_request),
		   "grant_type=client_credentials&scope=a%20b&audience=x%2Fy&n=1&t=true [Basic YSUzQWI6YyUyMGQlMjU=]", "encoded before it is joined");
	tap_is(token_request("{}", (CnOauth2Ask) {.grant = CN_GRANT_CODE,.client_id = "public",.code = "c",.code_verifier = "v"}, cn_oauth2_token_request),
		   "grant_type=authorization_code&code=c&code_verifier=v&client_id=public []", "a client without a secret");
	/* RFC 7523, section 2.1, and 8628, section 3.4 */
	tap_is(token_request("{}", (CnOauth2Ask) {.grant = CN_GRANT_JWT,.client_id = "c",.assertion = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjE2In0.e.s"}, cn_oauth2_token_request),
		   "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=eyJhbGciOiJFUzI1NiIsImtpZCI6IjE2In0.e.s []", "RFC 7523, 2.1");
	tap_is(token_request("{}", (CnOauth2Ask) {.grant = CN_GRANT_DEVICE,.client_id = "1406020730",.device_code = "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS"}, cn_oauth2_token_request),
		   "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS&client_id=1406020730 []",
		   "RFC 8628, 3.4");
	tap_is(token_request("{\"scope\":\"example_scope\"}", (CnOauth2Ask) {.client_id = "1406020730"}, cn_oauth2_device_request),
		   "client_id=1406020730&scope=example_scope []", "RFC 8628, 3.1");
	/* RFC 7009, section 2.1 */
	tap_is(token_request("{}", (CnOauth2Ask) {.client_id = "s6BhdRkqt3",.client_secret = "gX1fBat3bV",.token = "45ghiukldjahdnhzdauz",
						 .token_hint = "refresh_token"}, cn_oauth2_revoke_request),
		   "token=45ghiukldjahdnhzdauz&token_type_hint=refresh_token [Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW]", "RFC 7009, 2.1");
	tap_is(token_request("{\"token_body\":\"json\",\"client_auth\":\"body\"}", (CnOauth2Ask) {.grant = CN_GRANT_REFRESH,.client_id = "i",
						 .client_secret = "\"\x01",.refresh_token = "r"}, cn_oauth2_token_request),
		   "{\"grant_type\":\"refresh_token\",\"refresh_token\":\"r\",\"client_id\":\"i\",\"client_secret\":\"\\\"\\u0001\"} []", "JSON");
}

static void
test_authorization(void)
{
	static const uint8 random[32] = {	/* RFC 7636, appendix B */
		116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186,
		22, 212, 37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83, 132, 141, 121
	};
	char		verifier[CN_PKCE_LEN + 1];
	char		challenge[CN_PKCE_LEN + 1];

	cn_pkce_verifier(random, verifier);
	tap_is(verifier, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "RFC 7636: the verifier");
	tap_ok(cn_pkce_challenge(verifier, challenge), "there is SHA-256");
	tap_is(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "RFC 7636: the challenge");
	/* RFC 6749, section 4.1.1, in our order */
	tap_is(cn_oauth2_authorize_url(json("{\"authorize_url\":\"https://server.example.com/authorize\",\"scope\":\"\"}"), "s6BhdRkqt3",
								   "https://client.example.com/cb", "xyz", NULL),
		   "https://server.example.com/authorize?response_type=code&client_id=s6BhdRkqt3&redirect_uri=https%3A%2F%2Fclient.example.com%2Fcb&state=xyz", "RFC 6749, 4.1.1");
	tap_is(cn_oauth2_authorize_url(json("{\"authorize_url\":\"https://a/?b=1\",\"scope\":\"r&w x\",\"authorize_params\":{\"access_type\":\"offline\"}}"),
								   "c&d", "https://r/?x=y", "s", "h"),
		   "https://a/?b=1&response_type=code&client_id=c%26d&redirect_uri=https%3A%2F%2Fr%2F%3Fx%3Dy&scope=r%26w%20x&state=s&code_challenge=h&code_challenge_method=S256&access_type=offline",
		   "all of it");
}

/* ---- grant objects ---- */

static char *
config_of(const char *provider, const char *parameters, const char *scopes)
{
	CnJson	   *tree = json(provider);
	char	   *problem;
	CnJson	   *config = cn_oauth2_config(tree, cn_json_get(tree, "auth")->u.items[0], json(parameters),
										  scopes ? json(scopes) : NULL, &problem);
	StringInfoData out;

	if (config == NULL)
		return problem;
	initStringInfo(&out);
	cn_json_write(&out, config);
	return out.data;
}

#define ENTRY "{\"auth\":[{\"kind\":\"oauth2\",\"token_url\":\"https://{subdomain}.example.com/token\",\"revoke_url\":null," \
	"\"default_scopes\":[\"a\",\"b\"],\"scopes\":{\"a\":\"all\"},\"scope_separator\":\",\"}]}"

static void
test_config(void)
{
	tap_is(config_of(ENTRY, "{}", NULL), "the provider's token_url needs the parameter \"subdomain\"", "a parameter is missing");
	tap_is(config_of(ENTRY, "{\"subdomain\":\"\"}", NULL), "the provider's token_url needs the parameter \"subdomain\"", "it is empty");
	for (int i = 0; i < 6; i++)
	{
		static const char *const evil[] = {"evil.com/", "evil.com#", "evil.com?", "u@evil.com", "evil.com:80\\\\", "a b"};

		tap_ok(strncmp(config_of(ENTRY, psprintf("{\"subdomain\":\"%s\"}", evil[i]), NULL), "with these parameters", 21) == 0,
			   "no other host by %s", evil[i]);
	}
	tap_is(config_of(ENTRY, "{\"subdomain\":\"acme\"}", "[\"a\",\"{url}/.default\"]"), "scope 2 of the list needs the parameter \"url\"", "a scope needs a parameter");
	tap_is(config_of(ENTRY, "{\"subdomain\":\"acme\",\"url\":\"https://a b\"}", "[\"{url}/.default\"]"), "scope 1 of the list is not the name of a scope", "a parameter makes two scopes");
	tap_is(config_of("{\"auth\":[{\"kind\":\"oauth2\",\"default_scopes\":[\"{url}/.default\",\"b\"]}]}", "{\"url\":\"https://x.example.com\"}", NULL),
		   "{\"kind\":\"oauth2\",\"scope\":\"https://x.example.com/.default b\",\"hosts\":[]}", "scopes with parameters, as they are");
	tap_is(config_of(ENTRY, "{\"subdomain\":\"acme\"}", "[\"a b\"]"), "scope 1 of the list is not the name of a scope", "two scopes in one");
	tap_is(config_of(ENTRY, "{\"subdomain\":\"acme\"}", "[\"a\",7]"), "scope 2 of the list is not the name of a scope", "no text");
	tap_is(config_of(ENTRY, "{\"subdomain\":\"acme\"}", NULL),
		   "{\"kind\":\"oauth2\",\"token_url\":\"https://acme.example.com/token\",\"revoke_url\":null,\"scope_separator\":\",\",\"scope\":\"a,b\",\"hosts\":[]}", "the default scopes");
	tap_is(config_of("{\"base_url\":\"https://{server}/api\",\"allowed_hosts\":[\"{server}\"],\"auth\":[{\"kind\":\"session\",\"login\":{\"path\":\"/in\",\"token\":\"$.t\"}}]}",
					 "{\"server\":\"h.example.com\"}", NULL),
		   "{\"kind\":\"session\",\"login\":{\"path\":\"/in\",\"token\":\"$.t\",\"url\":\"https://h.example.com/api/in\"},\"scope\":\"\",\"hosts\":[\"{server}\"]}", "a session's login");
	tap_is(config_of("{\"auth\":[{\"kind\":\"session\",\"login\":{\"token\":\"$.t\"}}]}", "{}", NULL), "the provider's login has no address", "a login nowhere");
}

static void
test_parts(void)
{
	CnJson	   *list = json("[\"api.example.com\",\"{sub}.example.com\",\"{gone}.example.com\",\"{url}\",\"a b\",7]");
	CnJson	   *parameters = json("{\"sub\":\"acme\",\"url\":\"https://x.my.example.com/services\"}");
	CnJson	   *provider = json("{\"auth\":[{\"kind\":\"bearer\"},{\"kind\":\"oauth2\"},{\"kind\":\"oauth2\",\"grant\":\"client_credentials\"},7]}");
	StringInfoData out;
	const char *missing = NULL;
	CnJson	   *claims;

	initStringInfo(&out);
	cn_json_write(&out, cn_oauth2_hosts(list, parameters));
	tap_is(out.data, "[\"api.example.com\",\"acme.example.com\",\"x.my.example.com\"]", "hosts");
	list = json("[\"api.example.com\"]");
	tap_ok(cn_oauth2_entry(json("{}"), "oauth2", NULL) == NULL, "no auth");
	provider = json("{\"auth\":[{\"kind\":\"bearer\"},{\"kind\":\"oauth2\"},{\"kind\":\"oauth2\",\"grant\":\"client_credentials\"},7]}");
	tap_ok(cn_oauth2_entry(provider, "oauth2", "authorization_code") == cn_json_get(provider, "auth")->u.items[1] &&
		   cn_oauth2_entry(provider, "oauth2", "client_credentials") == cn_json_get(provider, "auth")->u.items[2] &&
		   cn_oauth2_entry(provider, "session", NULL) == NULL, "entries by kind and grant");
	claims = cn_oauth2_claims(json("{\"scope\":\"s t\",\"jwt\":{\"claims\":{\"iss\":\"{client_id}\",\"x\":\"a {sub}\",\"scope\":\"{scopes}\",\"n\":1}}}"),
							  json("{\"client_id\":\"c\",\"sub\":\"u\"}"), &missing);
	initStringInfo(&out);
	cn_json_write(&out, claims);
	tap_is(out.data, "{\"iss\":\"c\",\"x\":\"a u\",\"scope\":\"s t\",\"n\":1}", "claims");
	claims = cn_oauth2_claims(json("{\"scope\":\"s t\",\"jwt\":{\"claims\":{\"sub\":\"{sub?}\",\"x\":\"{no?}\",\"scope\":\"{scope}\",\"act\":\"a/{empty?}\"}}}"),
							  json("{\"sub\":\"u\",\"empty\":\"\"}"), &missing);
	initStringInfo(&out);
	cn_json_write(&out, claims);
	tap_is(out.data, "{\"sub\":\"u\",\"scope\":\"s t\"}", "claims that may be left out");
	tap_ok(cn_oauth2_claims(json("{\"jwt\":{\"claims\":{\"iss\":\"{nobody}\"}}}"), json("{}"), &missing) == NULL &&
		   strcmp(missing, "nobody") == 0, "a claim without its value");
	tap_is(cn_oauth2_host_of("http://h:8080/x"), "http://h:8080", "a host with plain http");
	tap_is(cn_oauth2_host_of("ftp://h"), NULL, "none");
}

int
main(void)
{
	test_replies();
	test_words();
	test_devices();
	test_requests();
	test_authorization();
	test_config();
	test_parts();
	return tap_done();
}
