/*
 * manage.h -- saving connectors, for the functions that manage and import them.
 *
 * All of it runs with the caller's own rights, between cn_spi_begin_as_caller
 * and cn_spi_end, so grants, policies, triggers and checks are those of a plain
 * INSERT or UPDATE on connectors.
 */
#ifndef CN_SQLAPI_MANAGE_H
#define CN_SQLAPI_MANAGE_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "core/identity.h"
#include "sqlapi/fields.h"

/* A row of connectors, as far as its management is concerned. */
typedef struct CnManaged
{
	pg_uuid_t	id;
	int			version;
	char		name[CN_CONNECTOR_NAME_MAX + 1];
} CnManaged;

typedef enum CnManageMode
{
	CN_MANAGE_READ_ONLY,		/* see what the calling query sees (stable functions) */
	CN_MANAGE_READ,
	CN_MANAGE_LOCK				/* locked until the end of the transaction */
} CnManageMode;

/* The connector of that id or name, the id first as when executing. */
extern bool cn_manage_find(const CnWorkspace *workspace, const char *asked, CnManageMode mode,
						   CnManaged *found);

/* The connector of that name; locked until the end of the transaction if lock. */
extern bool cn_manage_find_name(const CnWorkspace *workspace, const char *name, bool lock,
								CnManaged *found);

/* INSERT of checked fields under name; false if the name is taken. */
extern bool cn_manage_insert(const CnWorkspace *workspace, const char *name, Jsonb *fields,
							 CnManaged *made);

/*
 * UPDATE of the columns that checked fields name, or, if whole, of all of them:
 * those not named get their defaults.  Returns the version.  Raises 42710
 * if a new name is taken.
 */
extern int	cn_manage_update(const CnWorkspace *workspace, const pg_uuid_t *id, Jsonb *fields,
							 bool whole);

/* Raise 42704 and 42710. */
extern void cn_manage_unknown(const CnWorkspace *workspace,
							  const char *asked) pg_attribute_noreturn();
extern void cn_manage_name_taken(const CnWorkspace *workspace,
								 const char *name) pg_attribute_noreturn();

#endif							/* CN_SQLAPI_MANAGE_H */
