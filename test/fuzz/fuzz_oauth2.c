/*
 * fuzz_oauth2.c -- replies of token and device endpoints from any bytes.
 *
 * Beside memory errors it looks for tokens that could end a header, and for lives out of bounds.
 */
#include "auth/oauth2.h"

#include "fuzz.h"
#include "shim.h"

static const char config[] =
	"{\"response\":{\"refresh_token\":\"$.a.r\"},\"parameters\":{\"u\":\"$.u\",\"i\":\"$.list[1].\\\"x\\\"\"}}";

static void
check_token(const char *token)
{
	require(token[0] != '\0' && strlen(token) <= CN_TOKEN_MAX_LEN);
	for (; *token; token++)
		require(*token >= ' ' && *token <= '~');
}

static void
check_failure(const CnFailure *failure)
{
	require(failure->code == CN_AUTH_FAILED && failure->message);
	require(failure->remote_message == NULL || strpbrk(failure->remote_message, "\r\n") == NULL);
	require(failure->remote_message == NULL || strstr(failure->remote_message, "sesame") == NULL);
}

static void
check_reply(const char *body, size_t size, int status)
{
	CnJsonError error;
	CnOauth2Ask ask = {.refresh_token = "sesame"};
	CnOauth2Reply reply = {status, "text/html", body, size};
	CnOauth2Tokens tokens;
	CnOauth2Device device;
	CnFailure	failure = {CN_OK};
	CnOauth2Verdict verdict = cn_oauth2_read_tokens(cn_json_parse(config, strlen(config), NULL, &error),
													&ask, &reply, &tokens, &failure);

	if (verdict == CN_TOKENS_GOT)
	{
		check_token(tokens.access_token);
		if (tokens.refresh_token)
			check_token(tokens.refresh_token);
		require(tokens.expires_in >= -1 && tokens.expires_in <= CN_TOKEN_MAX_LIFE);
		require(tokens.parameters->len <= 2);
	}
	else if (verdict < CN_TOKENS_PENDING)
		check_failure(&failure);
	cn_oauth2_wipe(tokens.tree);
	memset(&failure, 0, sizeof(failure));
	if (cn_oauth2_read_device(&ask, &reply, &device, &failure))
		require(device.interval > 0 && device.expires_in > 0);
	else
		check_failure(&failure);
}

/* The text as a path, too: a provider's file holds it. */
static void
check_path(const char *text)
{
	CnJsonError error;
	static const char tree[] = "{\"a\":[{\"b\":\"c\"}]}";
	const char *missing = NULL;

	(void) cn_oauth2_at(cn_json_parse(tree, strlen(tree), NULL, &error), text);
	(void) cn_oauth2_expand(text, cn_json_parse("{\"a\":\"b\"}", 9, NULL, &error), &missing);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = palloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	check_reply(fuzz_copy(data, size), size, 200);
	check_reply(text, size, 400);
	check_path(text);
	shim_reset();
	return 0;
}
