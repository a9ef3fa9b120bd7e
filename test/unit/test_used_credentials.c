/*
 * test_used_credentials.c -- the credentials a definition names, found and replaced.
 */
#include "catalog/used_credentials.h"

#include "tap.h"

static CnJson *
parse(const char *text)
{
	CnJsonError error;

	return cn_json_parse(text, strlen(text), NULL, &error);
}

/* "service(host host) service/label", or "none". */
static char *
used_by(const char *config)
{
	CnUsedCredential *refs;
	int			count = cn_used_credentials(parse(config), &refs);
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < count; i++)
	{
		appendStringInfo(&buf, "%s%s", i ? " " : "",
						 cn_used_credential_text(refs[i].service, refs[i].label));
		for (int j = 0; j < refs[i].host_count; j++)
			appendStringInfo(&buf, "%s%s", j ? " " : "(", refs[i].hosts[j]);
		if (refs[i].host_count > 0)
			appendStringInfoChar(&buf, ')');
	}
	return count ? buf.data : pstrdup("none");
}

static const char *
choose(void *arg, const CnUsedCredential *ref)
{
	if (strcmp(ref->service, "keep") == 0)
		return NULL;
	return psprintf("%s%s", (const char *) arg, ref->service);
}

/* The program's first word says what is done with the input; the rest is for the reader. */
static char *
run_case(const char *program, const char *input)
{
	StringInfoData buf;
	CnUsedCredential ref;

	if (strncmp(program, "used", 4) == 0)
		return used_by(input);
	if (strncmp(program, "text", 4) == 0)
	{
		ref = cn_used_credential_parse(input);
		return psprintf("%s + %s", ref.service, ref.label);
	}
	if (strncmp(program, "replace", 7) != 0)
		return pstrdup("no such program");
	initStringInfo(&buf);
	cn_json_write(&buf, cn_used_credentials_replace(parse(input), choose, "my-"));
	return buf.data;
}

int
main(void)
{
	tap_run_cases("cases/used_credentials.test", run_case);
	return tap_done();
}
