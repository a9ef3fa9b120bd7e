/*
 * fuzz_header.c -- headers from any bytes: Retry-After, reset headers, Link and its targets.
 *
 * Beside memory errors it looks for waits out of bounds, and for a relative
 * reference that leads to another origin.
 */
#include "http/link.h"
#include "http/retry_after.h"
#include "http/url.h"

#include "fuzz.h"
#include "shim.h"

/* 2026-01-31 12:00:00 UTC, and clocks that are wrong. */
static const int64 clocks[] = {INT64CONST(1769860800000), 0, PG_INT64_MIN, PG_INT64_MAX};

static void
check_waits(const char *value)
{
	for (int i = 0; i < lengthof(clocks); i++)
	{
		int64		retry = cn_http_retry_after(value, clocks[i]);
		int64		reset = cn_http_reset_after(value, clocks[i]);

		require(retry >= -1 && retry <= CN_RETRY_AFTER_MAX_MS);
		require(reset >= -1 && reset <= CN_RETRY_AFTER_MAX_MS);
		/* every form of the first is one of the second */
		require(retry < 0 || reset >= 0 || strlen(value) > 14);
	}
}

/* What has neither scheme nor host stays where it was; resolving twice changes nothing more. */
static void
check_resolve(const char *reference)
{
	CnUrl		base;
	CnUrl		url;
	const char *problem;
	char	   *resolved;

	require(cn_url_parse("https://api.example.com:8443/v1/i;x?page=1&to=/a/b", &base, &problem));
	resolved = cn_url_resolve(&base, reference);
	require(strchr(resolved, '#') == NULL);
	if (!cn_url_parse(resolved, &url, &problem))
		return;
	require(strcmp(cn_url_resolve(&base, resolved), resolved) == 0);
	if (pg_strncasecmp(reference, "http:", 5) != 0 && pg_strncasecmp(reference, "https:", 6) != 0 &&
		strncmp(reference, "//", 2) != 0)
		require(cn_url_same_origin(&base, &url));
}

static void
check_link(const char *value, const char *rel)
{
	char	   *target = cn_http_link_find(value, rel);

	if (target == NULL)
		return;
	require(strchr(target, '>') == NULL);
	require(strstr(value, psprintf("<%s>", target)) != NULL);
	check_resolve(target);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	   *text = palloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	check_waits(text);
	check_link(text, "next");
	check_link(text, "prev");
	check_resolve(text);
	shim_reset();
	return 0;
}
