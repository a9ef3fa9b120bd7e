/*
 * page.c -- what the page of a stream asks for, in the request of its step.
 *
 * It is all values: a parameter is encoded like any other, and a URL that the remote gave stands
 * in place of the definition's without being looked at as a template.  Whether the credential may
 * go there is asked afterwards, as of every URL.
 */
#include "postgres.h"

#include "engine/request.h"

/* How a credential's value reads in what a remote sent, as it is and percent-encoded. */
#define REDACTED "[redacted]"
#define REDACTED_ENCODED "%5Bredacted%5D"

bool
cn_page_has(const CnStep *step, const char *name, bool in_body)
{
	const CnPageAsk *ask = step->execution->given.ask;

	for (int i = 0; ask && i < ask->count; i++)
		if (ask->parameters[i].in_body == in_body && strcmp(ask->parameters[i].name, name) == 0)
			return true;
	return false;
}

/* ---- URL ---- */

bool
cn_page_has_url(const CnStep *step)
{
	const CnPageAsk *ask = step->execution->given.ask;

	return ask && ask->url;
}

/* Is pair, "name=value", of the name that other begins with? */
static bool
same_name(const char *pair, int len, const char *other)
{
	int			name_len = strcspn(other, "=");

	return len >= name_len && strncmp(pair, other, name_len) == 0 &&
		(len == name_len || pair[name_len] == '=');
}

/* Does the remote repeat a credential's value, which was blanked, or what the kind adds anyway? */
static bool
is_credentials(const CnStep *step, const char *pair, int len)
{
	const char *added = step->secrets.addition.query;
	char	   *copy = pnstrdup(pair, len);

	return (added && same_name(pair, len, added)) || strstr(copy, REDACTED) ||
		strcasestr(copy, REDACTED_ENCODED);
}

/* The query of a URL, from its "?" on, without what is the credential's; *separator as for pairs. */
static void
append_query(const CnStep *step, const char *query, StringInfo out, char *separator)
{
	while (*query)
	{
		const char *pair = query + 1;
		int			len = strcspn(pair, "&");

		if (!is_credentials(step, pair, len))
		{
			appendStringInfoChar(out, *separator);
			appendBinaryStringInfo(out, pair, len);
			*separator = '&';
		}
		query = pair + len;
	}
}

/* Those of the definition's parameters that hold a value of the credential. */
static bool
append_secret_pairs(CnStep *step, StringInfo out, char *separator)
{
	const CnStepDef *def = step->def;

	for (int i = 0; i < def->query_count; i++)
	{
		const CnJson *value;

		if (def->query[i].fixed)
			continue;
		if (!cn_request_pair(step, &def->query[i], &value))
			return false;
		if (value && value->type == CN_JSON_STRING &&
			cn_secrets_in(&step->secrets, value->u.text, value->len))
			cn_request_append_pair(out, separator, def->query[i].name, value);
	}
	return true;
}

bool
cn_page_url(CnStep *step, StringInfo url)
{
	const char *given = step->execution->given.ask->url;
	int			path_len = strcspn(given, "?");
	char		separator = '?';

	if (step->secrets.credential == NULL)
	{
		appendStringInfoString(url, given);
		return true;
	}
	appendBinaryStringInfo(url, given, path_len);
	append_query(step, given + path_len, url, &separator);
	return append_secret_pairs(step, url, &separator);
}

/* ---- body ---- */

bool
cn_page_has_body(const CnStep *step)
{
	const CnPageAsk *ask = step->execution->given.ask;

	for (int i = 0; ask && i < ask->count; i++)
		if (ask->parameters[i].in_body)
			return true;
	return false;
}

const CnJson *
cn_page_body(CnStep *step, const CnJson *body)
{
	const CnPageAsk *ask = step->execution->given.ask;

	for (int i = 0; i < ask->count; i++)
	{
		const CnPageParameter *parameter = &ask->parameters[i];

		if (!parameter->in_body)
			continue;
		body = cn_paging_set(body, parameter->name, parameter->value);
		if (body == NULL)
		{
			cn_fail(&step->record.failure, CN_CONFIG_INVALID,
					"the body has no place for the pagination's parameter \"%s\"",
					parameter->name);
			return NULL;
		}
	}
	return body;
}
