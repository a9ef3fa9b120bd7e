/*
 * templates.c -- stored templates: found, and counted.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "catalog/templates.h"
#include "core/identity.h"
#include "core/spi.h"
#include "core/uuid.h"

#define COLUMNS \
	"workspace_id, id, name, title, description, category, icon, status, is_public, version," \
	" config, input_schema, field_mappings, requires_credentials, timeout_ms, max_retries," \
	" continue_on_error, log_response_data"

/* $1 id or $2 name, $3 workspaces of the caller, $4 sees all, $5 home */
static CnStatement find = {
	.sql = "SELECT " COLUMNS " FROM @.connector_templates"
	" WHERE (id OPERATOR(pg_catalog.=) $1 OR $1 IS NULL AND name OPERATOR(pg_catalog.=) $2)"
	"   AND (is_public AND status OPERATOR(pg_catalog.=) 'published'"
	"        OR workspace_id OPERATOR(pg_catalog.=) ANY ($3) OR $4)"
	" ORDER BY is_official DESC, (workspace_id OPERATOR(pg_catalog.=) $5) IS TRUE DESC, id LIMIT 2",
	.nargs = 5,
	.argtypes = {UUIDOID, TEXTOID, UUIDARRAYOID, BOOLOID, UUIDOID},
};

static CnStatement find_own = {
	.sql = "SELECT " COLUMNS " FROM @.connector_templates"
	" WHERE workspace_id OPERATOR(pg_catalog.=) $3"
	"   AND (id OPERATOR(pg_catalog.=) $1 OR $1 IS NULL AND name OPERATOR(pg_catalog.=) $2)",
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, UUIDOID},
};

static CnStatement add_delta = {
	.sql = "INSERT INTO @.connector_template_deltas"
	" (workspace_id, id, template_id, installs, rating_sum, ratings)"
	" VALUES ($1, $2, $3, $4, $5, $6)",
	.write = true,
	.nargs = 6,
	.argtypes = {UUIDOID, UUIDOID, UUIDOID, INT4OID, INT4OID, INT4OID},
};

/* A jsonb column of the first row, in context; NULL for null. */
static Jsonb *
read_jsonb(int col, MemoryContext context)
{
	bool		isnull;
	Datum		value = cn_spi_value(0, col, &isnull);
	MemoryContext old;
	Jsonb	   *copy;

	if (isnull)
		return NULL;
	old = MemoryContextSwitchTo(context);
	copy = DatumGetJsonbPCopy(value);
	MemoryContextSwitchTo(old);
	return copy;
}

/* The first row of SPI_tuptable, in context. */
static CnStoredTemplate *
read_template(MemoryContext context)
{
	CnStoredTemplate *row = MemoryContextAllocZero(context, sizeof(CnStoredTemplate));
	bool		isnull;

	cn_spi_uuid(0, 1, &row->workspace);
	cn_spi_uuid(0, 2, &row->id);
	row->name = cn_spi_text(0, 3, context);
	row->title = cn_spi_text(0, 4, context);
	row->description = cn_spi_text(0, 5, context);
	row->category = cn_spi_text(0, 6, context);
	row->icon = cn_spi_text(0, 7, context);
	row->status = cn_spi_text(0, 8, context);
	row->is_public = DatumGetBool(cn_spi_value(0, 9, &isnull));
	row->version = DatumGetInt32(cn_spi_value(0, 10, &isnull));
	row->config = read_jsonb(11, context);
	row->input_schema = read_jsonb(12, context);
	row->field_mappings = read_jsonb(13, context);
	row->requirements = read_jsonb(14, context);
	row->timeout_ms = DatumGetInt32(cn_spi_value(0, 15, &isnull));
	row->max_retries = DatumGetInt32(cn_spi_value(0, 16, &isnull));
	row->continue_on_error = DatumGetBool(cn_spi_value(0, 17, &isnull));
	row->log_response_data = DatumGetBool(cn_spi_value(0, 18, &isnull));
	return row;
}

static void pg_attribute_noreturn()
raise_unknown(const char *asked)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("template \"%s\" does not exist", asked),
			 errhint("connector_template_browse() lists those you may install.")));
}

/* $1 and $2 of the statements: the id, or else the name. */
static void
set_asked(const char *asked, pg_uuid_t *id, Datum *values, char *nulls)
{
	if (cn_uuid_parse(asked, id))
		values[0] = UUIDPGetDatum(id);
	else
		nulls[0] = 'n';
	values[1] = CStringGetTextDatum(asked);
}

/* Is the row in SPI_tuptable official, or home's?  Then others of its name do not matter. */
static bool
comes_first(const CnStoredTemplate *row, const pg_uuid_t *home)
{
	return cn_stored_template_is_official(row) || (home && cn_uuid_equal(&row->workspace, home));
}

static void pg_attribute_noreturn()
raise_ambiguous(const char *asked)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("several templates are called \"%s\"", asked),
			 errhint("Name the one you mean by its id; connector_template_browse() shows it.")));
}

CnStoredTemplate *
cn_stored_template_find(const char *asked, const pg_uuid_t *home, bool missing_ok)
{
	MemoryContext context = CurrentMemoryContext;
	CnStoredTemplate *row = NULL;
	Datum		values[5] = {0};
	char		nulls[6] = "     ";
	pg_uuid_t	id;
	uint64		count;
	CnSpi		spi;

	set_asked(asked, &id, values, nulls);
	values[2] = PointerGetDatum(cn_workspaces_with(CN_RIGHT_READ));
	values[3] = BoolGetDatum(cn_identity_is_admin());
	if (home)
		values[4] = UUIDPGetDatum(home);
	else
		nulls[4] = 'n';
	cn_spi_begin(&spi);
	count = cn_spi_run(&find, values, nulls, 2);
	if (count > 0)
		row = read_template(context);
	cn_spi_end(&spi);
	if (row == NULL && !missing_ok)
		raise_unknown(asked);
	if (count > 1 && !comes_first(row, home))
		raise_ambiguous(asked);
	return row;
}

CnStoredTemplate *
cn_stored_template_own(const char *asked, const pg_uuid_t *workspace)
{
	MemoryContext context = CurrentMemoryContext;
	CnStoredTemplate *row = NULL;
	Datum		values[3] = {0};
	char		nulls[4] = "   ";
	pg_uuid_t	id;
	CnSpi		spi;

	set_asked(asked, &id, values, nulls);
	values[2] = UUIDPGetDatum(workspace);
	cn_spi_begin(&spi);
	if (cn_spi_run(&find_own, values, nulls, 1) > 0)
		row = read_template(context);
	cn_spi_end(&spi);
	if (row == NULL)
		raise_unknown(asked);
	return row;
}

void
cn_stored_template_count(const CnStoredTemplate *row, int installs, int rating_sum, int ratings)
{
	pg_uuid_t	id;
	Datum		values[6];
	CnSpi		spi;

	cn_uuid_v7(&id);
	values[0] = UUIDPGetDatum(&row->workspace);
	values[1] = UUIDPGetDatum(&id);
	values[2] = UUIDPGetDatum(&row->id);
	values[3] = Int32GetDatum(installs);
	values[4] = Int32GetDatum(rating_sum);
	values[5] = Int32GetDatum(ratings);
	cn_spi_begin(&spi);
	(void) cn_spi_run(&add_delta, values, NULL, 0);
	cn_spi_end(&spi);
}
