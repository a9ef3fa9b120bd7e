/*
 * server.c -- base URL, hosts and public parameters.
 */
#include "openapi/internal.h"

#include "http/url.h"

/* What a variable of the server may be: part of a host or path, nothing that ends it. */
#define VARIABLE_PATTERN "^[A-Za-z0-9._~-]+$"

static const CnJson *
first_server(const CnOpenapi *import)
{
	const CnJson *servers = cn_json_get(import->spec, "servers");

	return servers && servers->type == CN_JSON_ARRAY && servers->len > 0 ? servers->u.items[0] : NULL;
}

/* The parameter that a variable of the server becomes. */
static CnJson *
variable_schema(const char *name, const CnJson *variable)
{
	CnJsonMembers schema = {0};
	CnJsonItems examples = {0};
	const CnJson *otherwise = cn_json_get(variable, "default");

	cn_json_add_text(&schema, "type", "string");
	cn_json_add_text(&schema, "title", name);
	cn_json_add_text(&schema, "description", cn_json_get_string(variable, "description"));
	if (cn_json_get(variable, "enum"))
		cn_json_add(&schema, "enum", cn_json_get(variable, "enum"));
	else
		cn_json_add_text(&schema, "pattern", VARIABLE_PATTERN);
	if (otherwise)
	{
		cn_json_append(&examples, otherwise);
		cn_json_add(&schema, "examples", cn_json_items(&examples));
	}
	return cn_json_members(&schema);
}

/* variable is what the server says of it, or NULL. */
static void
add_variable(CnOpenapi *import, const char *name, const CnJson *variable, StringInfo url)
{
	const char *given = cn_json_get_string(cn_json_get(import->options, "server_variables"), name);
	char	   *parameter = cn_openapi_name(name);

	if (given)
	{
		appendStringInfoString(url, given);
		return;
	}
	appendStringInfo(url, "{%s}", parameter);
	if (cn_json_added(&import->parameters, parameter) == NULL)
		cn_json_add(&import->parameters, parameter, variable_schema(name, variable));
}

/* written with its variables replaced; variables says what the server says of them. */
static char *
fill_variables(CnOpenapi *import, const char *written, const CnJson *variables)
{
	StringInfoData url;

	initStringInfo(&url);
	for (const char *at = written; *at; at++)
	{
		const char *end = *at == '{' ? strchr(at, '}') : NULL;

		if (end)
		{
			const char *name = pnstrdup(at + 1, end - at - 1);

			add_variable(import, name, cn_json_get(variables, name), &url);
			at = end;
		}
		else
			appendStringInfoChar(&url, *at);
	}
	return url.data;
}

char *
cn_openapi_url(CnOpenapi *import, const char *url)
{
	return url ? fill_variables(import, url, NULL) : NULL;
}

void
cn_openapi_parameters(const CnOpenapi *import, CnJsonMembers *provider)
{
	const CnJsonMembers *properties = &import->parameters;
	CnJsonMembers schema = {0};
	CnJsonItems required = {0};

	if (properties->count == 0)
		return;
	for (int i = 0; i < properties->count; i++)
		cn_json_append(&required, cn_json_string(properties->list[i].key, -1));
	cn_json_add_text(&schema, "type", "object");
	cn_json_add(&schema, "properties", cn_json_members(properties));
	cn_json_add(&schema, "required", cn_json_items(&required));
	cn_json_add(provider, "parameters", cn_json_members(&schema));
}

/* "https://{site}.example.com:8443/api" gives "{site}.example.com:8443". */
static char *
host_of(const char *url)
{
	const char *host = strstr(url, "://") + 3;

	return pnstrdup(host, strcspn(host, "/?#"));
}

/* Somebody may have written "<your-host>" there; parameters are another matter. */
static bool
is_host(const char *host)
{
	return *host && host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
								"0123456789.-_:[]{}")] == '\0';
}

/* The server's URL without slashes behind it, or NULL and a problem. */
static char *
server_url(CnOpenapi *import)
{
	const CnJson *server = first_server(import);
	const char *written = cn_json_get_string(import->options, "server");
	char	   *url;

	if (written == NULL)
		written = cn_json_get_string(server, "url");
	if (written == NULL || (strncmp(written, "https://", 8) != 0 && strncmp(written, "http://", 7) != 0))
	{
		cn_problem(import->problems, "$.servers",
				   "no server with an absolute URL; name one in options.server");
		return NULL;
	}
	url = fill_variables(import, written, cn_json_get(server, "variables"));
	if (!is_host(host_of(url)))
	{
		cn_problem(import->problems, "$.servers",
				   "\"%s\" is no host; name a server in options.server", host_of(url));
		return NULL;
	}
	while (url[strlen(url) - 1] == '/')
		url[strlen(url) - 1] = '\0';
	return url;
}

void
cn_openapi_server(CnOpenapi *import, CnJsonMembers *provider)
{
	char	   *url = server_url(import);
	CnJsonItems hosts = {0};

	if (url == NULL)
		return;
	cn_json_add_text(provider, "base_url", url);
	if (strncmp(url, "http://", 7) == 0)
		cn_json_append(&hosts, cn_json_string(psprintf("http://%s", host_of(url)), -1));
	else
		cn_json_append(&hosts, cn_json_string(host_of(url), -1));
	cn_json_add(provider, "allowed_hosts", cn_json_items(&hosts));
}
