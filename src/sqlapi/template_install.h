/*
 * template_install.h -- what installing a template and choosing its credentials share.
 */
#ifndef CN_SQLAPI_TEMPLATE_INSTALL_H
#define CN_SQLAPI_TEMPLATE_INSTALL_H

#include "postgres.h"

#include "catalog/templates.h"
#include "catalog/used_credentials.h"
#include "core/identity.h"

/* One credential that the definition refers to. */
typedef struct CnNeed
{
	CnUsedCredential ref;		/* in the template */
	char	   *key;			/* its text */
	const CnJson *hint;			/* its entry in requires_credentials, or NULL */
	char	   *chosen;			/* the reference in the workspace; NULL: none yet */
	const CnJson *secret;		/* a credential to store first, or NULL */
} CnNeed;

/* workspace and identity are set by who makes one. */
typedef struct CnInstallation
{
	CnWorkspace workspace;
	const char *identity;
	CnStoredTemplate *template;
	CnJson	   *config;			/* of the template */
	CnNeed	   *needs;
	int			need_count;
} CnInstallation;

extern void cn_installation_begin(CnInstallation *in, CnStoredTemplate *template);

/*
 * Choose the credentials as given says, {"service": label or object}, and store new
 * ones.  Raises 22023, 42704, 42710, 42501, or NC019 for those that are neither given
 * nor there.
 */
extern void cn_installation_choose(CnInstallation *in, const CnJson *given);

/*
 * Choose as before: credentials is what cn_installation_credentials gave then, config the
 * definition as it is.  Needs that were not there are chosen by their names.
 */
extern void cn_installation_keep(CnInstallation *in, const CnJson *credentials,
								 const CnJson *config);

/* The template's definition with the chosen credentials. */
extern Jsonb *cn_installation_config(CnInstallation *in);

/* {"reference in the template": "reference in the workspace"} */
extern Jsonb *cn_installation_credentials(const CnInstallation *in);

#endif							/* CN_SQLAPI_TEMPLATE_INSTALL_H */
