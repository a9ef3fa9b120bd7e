/*
 * settings.c -- the http module's settings.
 *
 * All PGC_SUSET: they decide where the server may be made to connect to and
 * what it trusts, which is no tenant's choice.  Settings that a pooled
 * connection depends on raise http_settings_generation when they change; pools
 * made under an older one are not used again.
 */
#include "postgres.h"

#include <limits.h>

#include "core/compat.h"
#include "http/internal.h"
#include "utils/guc.h"

int			cn_http_max_redirects = 5;
int			cn_http_max_response = 10 * 1024;
int			http_connect_timeout = 5000;
char	   *http_ca_file = NULL;
char	   *http_proxy = NULL;
char	   *http_user_agent = NULL;
uint64		http_settings_generation = 0;

/* connector.allowed_networks, parsed: the setting's extra data, one block. */
typedef struct NetworkList
{
	int			count;
	CnNetwork	networks[FLEXIBLE_ARRAY_MEMBER];
} NetworkList;

static char *allowed_networks_text = NULL;
static const NetworkList *allowed_networks = NULL;

/* check_allowed_networks -- parse the list and keep it as the setting's extra. */
static bool
check_allowed_networks(char **newval, void **extra, GucSource source)
{
	CnNetwork  *networks;
	NetworkList *list;
	const char *problem = NULL;
	int			count = cn_networks_parse(*newval, &networks, &problem);

	if (count < 0)
	{
		GUC_check_errdetail("In the comma-separated list, %s.", problem);
		return false;
	}
	list = cn_guc_malloc(offsetof(NetworkList, networks) + count * sizeof(CnNetwork));
	if (list)
	{
		list->count = count;
		if (count > 0)
			memcpy(list->networks, networks, count * sizeof(CnNetwork));
		*extra = list;
	}
	free(networks);
	return list != NULL;
}

static void
assign_allowed_networks(const char *newval, void *extra)
{
	allowed_networks = extra;
	http_settings_generation++;
}

static void
assign_connection_setting(const char *newval, void *extra)
{
	http_settings_generation++;
}

/* check_plain_text -- no control characters: the value goes into a request. */
static bool
check_plain_text(char **newval, void **extra, GucSource source)
{
	for (const unsigned char *p = (const unsigned char *) *newval; *p; p++)
	{
		if (*p < ' ' || *p == 0x7f)
		{
			GUC_check_errdetail("The value must not contain control characters.");
			return false;
		}
	}
	return true;
}

/* check_proxy -- empty, or one of the proxy kinds that libcurl speaks for us. */
static bool
check_proxy(char **newval, void **extra, GucSource source)
{
	static const char *const schemes[] = {"http://", "https://", "socks5://", "socks5h://"};

	if (**newval == '\0')
		return true;
	if (!check_plain_text(newval, extra, source))
		return false;
	for (int i = 0; i < lengthof(schemes); i++)
	{
		if (strncmp(*newval, schemes[i], strlen(schemes[i])) == 0)
			return true;
	}
	GUC_check_errdetail("The value must begin with http://, https://, socks5:// or socks5h://.");
	return false;
}

/*
 * http_allowed_networks -- the networks listed in connector.allowed_networks.
 *
 * Callable from libcurl's callbacks.  Valid until the setting changes.
 */
const CnNetwork *
http_allowed_networks(int *count)
{
	*count = allowed_networks ? allowed_networks->count : 0;
	return allowed_networks ? allowed_networks->networks : NULL;
}

bool
http_proxy_used(void)
{
	return http_proxy != NULL && *http_proxy != '\0';
}

static void
define_strings(void)
{
	DefineCustomStringVariable("connector.allowed_networks",
							   "Addresses and CIDR blocks that may be connected to although they are not public.",
							   NULL, &allowed_networks_text, "", PGC_SUSET, GUC_LIST_INPUT,
							   check_allowed_networks, assign_allowed_networks, NULL);
	DefineCustomStringVariable("connector.ca_file",
							   "File of the certificate authorities to trust instead of the system's.",
							   NULL, &http_ca_file, "", PGC_SUSET, 0,
							   check_plain_text, assign_connection_setting, NULL);
	DefineCustomStringVariable("connector.proxy",
							   "URL of the proxy that all requests go through.",
							   NULL, &http_proxy, "", PGC_SUSET, GUC_SUPERUSER_ONLY,
							   check_proxy, assign_connection_setting, NULL);
	DefineCustomStringVariable("connector.user_agent",
							   "User-Agent of requests that do not set their own.",
							   NULL, &http_user_agent, "connector/1.0 (PostgreSQL)", PGC_SUSET, 0,
							   check_plain_text, NULL, NULL);
}

static void
define_limits(void)
{
	DefineCustomIntVariable("connector.connect_timeout",
							"Longest time to wait for a connection, name resolution and TLS included.",
							NULL, &http_connect_timeout, 5000, 1, 10 * 60 * 1000, PGC_SUSET,
							GUC_UNIT_MS, NULL, NULL, NULL);
	/* the text of a jsonb value cannot be longer than 256 MB anyway */
	DefineCustomIntVariable("connector.max_response_size",
							"Largest reply body, after decompression.",
							NULL, &cn_http_max_response, 10 * 1024, 1, 256 * 1024, PGC_SUSET,
							GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("connector.max_redirects",
							"Most redirects to follow for one request.",
							NULL, &cn_http_max_redirects, 5, 0, 50, PGC_SUSET,
							0, NULL, NULL, NULL);
}

/*
 * http_settings_init -- register the settings.
 *
 * Called once, from _PG_init by way of cn_http_init.
 */
void
http_settings_init(void)
{
	define_strings();
	define_limits();
}
