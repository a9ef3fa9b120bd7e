/*
 * templates.h -- stored templates: definitions without secrets, to install elsewhere.
 *
 * Not to be confused with src/template, which renders {{...}}.  The functions of
 * SQL are in sqlapi; here is what several of them need.
 */
#ifndef CN_CATALOG_TEMPLATES_H
#define CN_CATALOG_TEMPLATES_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/uuid.h"

/* A row of connector_templates. */
typedef struct CnStoredTemplate
{
	pg_uuid_t	workspace;		/* zeros: official */
	pg_uuid_t	id;
	char	   *name;
	char	   *title;
	char	   *description;	/* these three may be NULL */
	char	   *category;
	char	   *icon;
	char	   *status;
	bool		is_public;
	int			version;
	Jsonb	   *config;
	Jsonb	   *input_schema;	/* may be NULL */
	Jsonb	   *field_mappings; /* may be NULL */
	Jsonb	   *requirements;	/* requires_credentials, an array */
	int			timeout_ms;
	int			max_retries;
	bool		continue_on_error;
	bool		log_response_data;
} CnStoredTemplate;

static inline bool
cn_stored_template_is_official(const CnStoredTemplate *row)
{
	static const pg_uuid_t zero;

	return memcmp(row->workspace.data, zero.data, UUID_LEN) == 0;
}

/*
 * The template of that name or id among those that the caller may see, in the
 * current context.  Of several with one name the official one counts, then that
 * of home (which may be NULL).  Raises 42704 if there is none, unless missing_ok,
 * which gives NULL then; 22023 if others have published several.
 */
extern CnStoredTemplate *cn_stored_template_find(const char *asked, const pg_uuid_t *home,
												 bool missing_ok);

/* The same among those of one workspace. */
extern CnStoredTemplate *cn_stored_template_own(const char *asked, const pg_uuid_t *workspace);

/* Count installs and ratings, without waiting for others who do. */
extern void cn_stored_template_count(const CnStoredTemplate *row, int installs, int rating_sum,
									 int ratings);

#endif							/* CN_CATALOG_TEMPLATES_H */
