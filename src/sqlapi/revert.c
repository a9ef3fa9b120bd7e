/*
 * revert.c -- going back to a version of a connector, and reading one.
 *
 * History is never rewritten: going back saves the old content once more, as a
 * new version.  A connector that was deleted comes back under its id, because its
 * versions are still there.  As in manage.c, statements run as the caller.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "core/audit.h"
#include "core/spi.h"
#include "core/uuid.h"
#include "sqlapi/args.h"
#include "sqlapi/manage.h"

CN_FUNCTION(connector_revert);
CN_FUNCTION(connector_version);

/* What a version keeps, besides the name. */
#define KEPT "description, config, input_schema, field_mappings, timeout_ms, max_retries," \
	" continue_on_error, log_response_data"

/* ---- deleted connectors ---- */

/*
 * The last name of each connector of the workspace that is gone: by id, or by
 * that name, of which there may be several.
 */
#define GONE "SELECT connector_id, name FROM (" \
	"SELECT DISTINCT ON (v.connector_id) v.connector_id, v.name FROM @.connector_versions v" \
	" WHERE v.workspace_id OPERATOR(pg_catalog.=) $1 AND NOT EXISTS (SELECT FROM @.connectors c" \
	" WHERE c.workspace_id OPERATOR(pg_catalog.=) v.workspace_id" \
	" AND c.id OPERATOR(pg_catalog.=) v.connector_id)" \
	" ORDER BY v.connector_id, v.version DESC) gone WHERE "

static CnStatement gone_by_id = {
	.sql = GONE "connector_id OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

static CnStatement gone_by_name = {
	.sql = GONE "name OPERATOR(pg_catalog.=) $2 LIMIT 2",
	.nargs = 2,
	.argtypes = {UUIDOID, TEXTOID},
};

/* Id and last name of a deleted connector; raises if there is none, or more than one. */
static void
find_gone(const CnWorkspace *workspace, const char *asked, bool read_only, CnManaged *gone)
{
	Datum		values[2] = {UUIDPGetDatum(&workspace->id), UUIDPGetDatum(&gone->id)};
	uint64		rows = 0;

	if (cn_uuid_parse(asked, &gone->id))
		rows = cn_spi_run_as_caller(&gone_by_id, values, NULL, read_only);
	if (rows == 0)
	{
		values[1] = CStringGetTextDatum(asked);
		rows = cn_spi_run_as_caller(&gone_by_name, values, NULL, read_only);
	}
	if (rows == 0)
		cn_manage_unknown(workspace, asked);
	if (rows > 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("several deleted connectors of workspace \"%s\" were named \"%s\"",
						workspace->slug, asked),
				 errhint("Name the one that is meant by its id; connector_versions has it.")));
	cn_spi_uuid(0, 1, &gone->id);
	strlcpy(gone->name, cn_spi_text(0, 2, CurrentMemoryContext), sizeof(gone->name));
	gone->version = 0;
}

/* ---- versions ---- */

static CnStatement version_range = {
	.sql = "SELECT pg_catalog.min(version), pg_catalog.max(version) FROM @.connector_versions"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND connector_id OPERATOR(pg_catalog.=) $2",
	.nargs = 2,
	.argtypes = {UUIDOID, UUIDOID},
};

static CnStatement read_version = {
	.sql = "SELECT pg_catalog.to_jsonb(v) OPERATOR(pg_catalog.-) ARRAY['workspace_id',"
	" 'connector_id', 'version', 'changed_by', 'changed_at'] FROM @.connector_versions v"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND connector_id OPERATOR(pg_catalog.=) $2"
	" AND version OPERATOR(pg_catalog.=) $3",
	.nargs = 3,
	.argtypes = {UUIDOID, UUIDOID, INT4OID},
};

/* Raises 42704, saying which versions there are. */
static void
refuse_version(const CnWorkspace *workspace, const CnManaged *of, int version, bool read_only)
{
	Datum		values[2] = {UUIDPGetDatum(&workspace->id), UUIDPGetDatum(&of->id)};
	bool		isnull;
	int			first,
				last;

	(void) cn_spi_run_as_caller(&version_range, values, NULL, read_only);
	first = DatumGetInt32(cn_spi_value(0, 1, &isnull));
	last = DatumGetInt32(cn_spi_value(0, 2, &isnull));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("connector \"%s\" has no version %d", of->name, version),
			 isnull ? 0 : errdetail("Its versions are %d to %d.", first, last)));
}

/* ---- connector_revert ---- */

static CnStatement put_back = {
	.sql = "UPDATE @.connectors c SET (" KEPT ") = ROW (v.description, v.config, v.input_schema,"
	" v.field_mappings, v.timeout_ms, v.max_retries, v.continue_on_error, v.log_response_data)"
	" FROM @.connector_versions v"
	" WHERE c.workspace_id OPERATOR(pg_catalog.=) $1 AND c.id OPERATOR(pg_catalog.=) $2"
	" AND v.workspace_id OPERATOR(pg_catalog.=) $1 AND v.connector_id OPERATOR(pg_catalog.=) $2"
	" AND v.version OPERATOR(pg_catalog.=) $3 RETURNING c.version",
	.write = true,
	.nargs = 3,
	.argtypes = {UUIDOID, UUIDOID, INT4OID},
};

static CnStatement bring_back = {
	.sql = "INSERT INTO @.connectors (workspace_id, id, name, " KEPT ")"
	" SELECT workspace_id, connector_id, $4, " KEPT " FROM @.connector_versions"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $1 AND connector_id OPERATOR(pg_catalog.=) $2"
	" AND version OPERATOR(pg_catalog.=) $3"
	" ON CONFLICT DO NOTHING RETURNING version",
	.write = true,
	.nargs = 4,
	.argtypes = {UUIDOID, UUIDOID, INT4OID, TEXTOID},
};

/* The version now, of a connector that is there and locked. */
static int
revert_present(const CnWorkspace *workspace, const CnManaged *found, int version)
{
	Datum		values[3] = {UUIDPGetDatum(&workspace->id), UUIDPGetDatum(&found->id),
	Int32GetDatum(version)};
	bool		isnull;

	if (found->version == version)
		return version;
	if (cn_spi_run_as_caller(&put_back, values, NULL, false) == 0)
		refuse_version(workspace, found, version, false);
	return DatumGetInt32(cn_spi_value(0, 1, &isnull));
}

/* The version now, of a connector that was deleted. */
static int
revert_gone(const CnWorkspace *workspace, const CnManaged *gone, int version)
{
	Datum		values[4] = {UUIDPGetDatum(&workspace->id), UUIDPGetDatum(&gone->id),
	Int32GetDatum(version), CStringGetTextDatum(gone->name)};
	bool		isnull;

	if (cn_spi_run_as_caller(&read_version, values, NULL, false) == 0)
		refuse_version(workspace, gone, version, false);
	if (cn_spi_run_as_caller(&bring_back, values, NULL, false) == 0)
		cn_manage_name_taken(workspace, gone->name);
	return DatumGetInt32(cn_spi_value(0, 1, &isnull));
}

static int
required_version(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"version\" must not be null")));
	return PG_GETARG_INT32(n);
}

Datum
connector_revert(PG_FUNCTION_ARGS)
{
	char	   *asked = cn_arg_required(fcinfo, 0, "connector");
	int			version = required_version(fcinfo, 1);
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 2), CN_RIGHT_WRITE);
	const char *by = cn_identity_name();
	CnManaged	found;
	int			now;
	CnSpi		spi;

	cn_spi_begin_as_caller(&spi);
	if (cn_manage_find(&workspace, asked, CN_MANAGE_LOCK, &found))
		now = revert_present(&workspace, &found, version);
	else
	{
		find_gone(&workspace, asked, false, &found);
		now = revert_gone(&workspace, &found, version);
	}
	cn_spi_end(&spi);
	if (now != found.version)
		cn_audit(&workspace.id, by, "revert", "connector", found.name,
				 psprintf("to version %d, as version %d", version, now));
	PG_RETURN_INT32(now);
}

/* ---- _connector_version ---- */

Datum
connector_version(PG_FUNCTION_ARGS)
{
	char	   *asked = cn_arg_required(fcinfo, 0, "connector");
	int			version = required_version(fcinfo, 1);
	CnWorkspace workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 2), CN_RIGHT_READ);
	MemoryContext context = CurrentMemoryContext;
	CnManaged	found;
	Datum		values[3] = {UUIDPGetDatum(&workspace.id), UUIDPGetDatum(&found.id),
	Int32GetDatum(version)};
	MemoryContext old;
	Jsonb	   *result;
	bool		isnull;
	CnSpi		spi;

	cn_spi_begin_as_caller(&spi);
	if (!cn_manage_find(&workspace, asked, CN_MANAGE_READ_ONLY, &found))
		find_gone(&workspace, asked, true, &found);
	if (cn_spi_run_as_caller(&read_version, values, NULL, true) == 0)
		refuse_version(&workspace, &found, version, true);
	old = MemoryContextSwitchTo(context);
	result = DatumGetJsonbPCopy(cn_spi_value(0, 1, &isnull));
	MemoryContextSwitchTo(old);
	cn_spi_end(&spi);
	PG_RETURN_JSONB_P(result);
}
