/*
 * trust.c -- the certificate authorities, parsed once in a process.
 *
 * libcurl parses the authorities for each pool of connections (CURLM) again:
 * 17 ms of CPU for the system's 144, during which a worker does nothing else.
 * It is therefore told of no file at all; each TLS connection is handed one
 * shared, reference-counted store instead, which is loaded at first use and
 * again when connector.ca_file or the file itself changes.
 *
 * The one file outside crypto that includes OpenSSL's headers: what libcurl
 * gives the callback is an SSL_CTX.
 */
#include "http/internal.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/stat.h>

/* The store and what it was loaded from. */
static X509_STORE *store = NULL;
static uint64 store_settings;
static struct stat store_stat;

/* authorities_file -- connector.ca_file, or the file libcurl was built to use. */
static const char *
authorities_file(void)
{
	if (http_ca_file && *http_ca_file)
		return http_ca_file;
	return curl_version_info(CURLVERSION_NOW)->cainfo;
}

/* store_current -- is the store the one for file as it is now? */
static bool
store_current(const struct stat *now)
{
	return store != NULL && store_settings == http_settings_generation &&
		store_stat.st_dev == now->st_dev && store_stat.st_ino == now->st_ino &&
		store_stat.st_size == now->st_size && store_stat.st_mtime == now->st_mtime;
}

/* load_store -- parse file into a new store; keeps the old one on failure. */
static bool
load_store(const char *file, const struct stat *now)
{
	X509_STORE *fresh = X509_STORE_new();

	ERR_clear_error();
	if (fresh == NULL || X509_STORE_load_locations(fresh, file, NULL) != 1)
	{
		X509_STORE_free(fresh);
		ERR_clear_error();
		return false;
	}
	/* as libcurl does: a trusted intermediate ends a chain */
	X509_STORE_set_flags(fresh, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
	X509_STORE_free(store);
	store = fresh;
	store_settings = http_settings_generation;
	store_stat = *now;
	return true;
}

/*
 * http_set_trust -- CURLOPT_SSL_CTX_FUNCTION: give a new connection the authorities.
 *
 * Verification itself is switched on by options.  Without a store the
 * connection fails.
 */
CURLcode
http_set_trust(CURL *easy, void *ssl_ctx, void *unused)
{
	const char *file = authorities_file();
	struct stat now;

	if (file == NULL || stat(file, &now) != 0)
		return CURLE_SSL_CACERT_BADFILE;
	if (!store_current(&now) && !load_store(file, &now))
		return CURLE_SSL_CACERT_BADFILE;
	SSL_CTX_set1_cert_store(ssl_ctx, store);
	return CURLE_OK;
}
