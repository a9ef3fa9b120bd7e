/*
 * fuzz_literal_secrets.c -- src/catalog: secrets and credentials in definitions from any bytes.
 *
 * A path of a finding can be shown; what is found by shape in the text alone is also
 * found in the definition; replacing no reference changes nothing.
 */
#include "catalog/used_credentials.h"
#include "catalog/literal_secrets.h"
#include "fuzz.h"
#include "shim.h"

static void
check_finding(void *arg, const char *path, const char *what)
{
	require(path[0] == '$');
	require(cn_utf8_valid(path, strlen(path), NULL));
	require(what[0] != '\0');
	/* it would be in the log */
	require(cn_secret_shape(path, strlen(path)) == NULL);
	++*(int *) arg;
}

static const char *
keep(void *arg, const CnUsedCredential *ref)
{
	require(ref->service != NULL && ref->label != NULL);
	return NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CnJsonLimits limits = {.max_depth = 0};
	char	   *text = fuzz_copy(data, size);
	CnJson	   *config = cn_json_parse(text, size, &limits, NULL);
	CnUsedCredential *refs;
	int			sent = 0;
	int			anywhere = 0;

	(void) cn_secret_shape(text, size);
	if (config)
	{
		cn_literal_secrets(config, check_finding, &sent);
		cn_literal_secrets_in(config, "$", check_finding, &anywhere);
		require(sent > 0 || anywhere == 0);
		require(cn_used_credentials(config, &refs) >= 0);
		require(cn_json_equal(config, cn_used_credentials_replace(config, keep, NULL)));
	}
	shim_reset();
	return 0;
}
