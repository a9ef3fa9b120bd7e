/*
 * used_credentials.h -- the credentials a definition names.  Pure.
 *
 * A definition names one at its top and, with several steps, may name others in
 * its steps: "service", "service/label" or {"service": ..., "label": ...}.  A step that uses a
 * provider's action without naming one has that of the provider.
 */
#ifndef CN_CATALOG_USED_CREDENTIALS_H
#define CN_CATALOG_USED_CREDENTIALS_H

#include "core/json.h"

typedef struct CnUsedCredential
{
	char	   *service;
	char	   *label;			/* "default" if the definition names none */
	int			host_count;		/* where requests with it go, as far as that is written out: */
	char	  **hosts;			/* entries as in allowed_hosts, each once */
} CnUsedCredential;

/* The references in order of appearance, each once; returns how many. */
extern int	cn_used_credentials(const CnJson *config, CnUsedCredential **refs);

/* "service", or "service/label" where the label is not "default". */
extern char *cn_used_credential_text(const char *service, const char *label);

/* The reverse: the parts of that text. */
extern CnUsedCredential cn_used_credential_parse(const char *text);

/* The text of the reference to put in place of ref, or NULL to leave it. */
typedef const char *(*CnChooseCredential) (void *arg, const CnUsedCredential *ref);

/* config with other references; what is not replaced is shared with config. */
extern CnJson *cn_used_credentials_replace(const CnJson *config, CnChooseCredential choose,
										   void *arg);

#endif							/* CN_CATALOG_USED_CREDENTIALS_H */
