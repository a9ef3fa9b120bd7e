/*
 * fuzz_url.c -- URLs, allowed hosts and network lists from any bytes.
 *
 * Beside memory errors it looks for what the safety of credentials rests on:
 * a URL put together from its parts again is the same URL, so that libcurl,
 * which is given the parts, goes where the check said.
 */
#include "http/address.h"
#include "http/url.h"

#include "shim.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* check_url -- parts, put together, must parse to the same parts. */
static void
check_url(const char *text)
{
	CnUrl		url;
	CnUrl		again;
	const char *problem = NULL;

	if (!cn_url_parse(text, &url, &problem))
	{
		if (problem == NULL)
			abort();
		return;
	}
	if (!cn_url_parse(psprintf("%s%s", cn_url_origin(&url), url.target), &again, &problem) ||
		!cn_url_same_origin(&url, &again) || strcmp(url.target, again.target) != 0 ||
		url.host_is_ip != again.host_is_ip)
		abort();
	if (strpbrk(url.host, "/?#@\\% \r\n[]") || url.target[0] != '/')
		abort();
}

/* check_entry -- a valid entry without wildcard covers the URL made of it. */
static void
check_entry(const char *text)
{
	CnUrl		url;
	const char *problem = NULL;
	const char *made;

	if (!cn_url_host_entry_valid(text, &problem))
	{
		if (problem == NULL)
			abort();
		return;
	}
	if (strchr(text, '*'))
		return;
	made = strstr(text, "://") ? text : psprintf("https://%s", text);
	if (!cn_url_parse(made, &url, &problem) || !cn_url_host_matches(&url, text))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = palloc(size + 1);
	CnNetwork  *networks;
	const char *problem = NULL;

	memcpy(text, data, size);
	text[size] = '\0';
	check_url(text);
	check_entry(text);
	if (cn_networks_parse(text, &networks, &problem) < 0 && problem == NULL)
		abort();
	free(networks);
	shim_reset();
	return 0;
}
