/*
 * field_mapping.c -- the output of an execution put into tables of the tenant.
 *
 * A mapping is one statement with parameters.  It runs as the role that executes,
 * with that role's rights, settings and search path, like a statement of its own:
 * nothing here changes the user, and no right is lent.  The statement's text
 * has names of the catalog only, quoted; what came from outside is in parameters
 * of the columns' own types.
 *
 * An error of the server becomes a failure with one of our codes, since that is
 * how every execution ends.  For one who wants it returned, the statements run in
 * a subtransaction; raising it needs none, as the transaction is over anyway.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "core/format.h"
#include "core/report.h"
#include "sync/field_mapping.h"
#include "sync/mapping.h"

/* Of a server's message; the remote's own words are cut at the same length. */
#define MAX_MESSAGE 300

#define DEFAULT_HINT "The call itself succeeded; only writing its result to the table did not."

/* ---- failures ---- */

/* table "crm.contacts", column "age" */
static char *
place(const CnMappingRun *run)
{
	const CnFieldMapping *mapping = run->mapping;
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "table \"%s%s%s\"", mapping->schema ? mapping->schema : "",
					 mapping->schema ? "." : "", mapping->table);
	if (run->column)
		appendStringInfo(&buf, ", column \"%s\"", run->column);
	return buf.data;
}

bool
cn_mapping_fail(CnMappingRun *run, CnCode code, const char *fmt,...)
{
	StringInfoData message;
	va_list		args;

	initStringInfo(&message);
	va_start(args, fmt);
	cn_append_args(&message, fmt, args);
	va_end(args);
	cn_fail(run->failure, code, "field mapping to %s: %s", place(run), message.data);
	run->failure->hint = DEFAULT_HINT;
	return false;
}

/*
 * What says nothing about the mapping or the row: it ends the transaction or the
 * session, or would end the next execution just as well.
 */
static bool
is_beyond_us(int sqlstate)
{
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case MAKE_SQLSTATE('4', '0', '0', '0', '0'):	/* serialization failure, deadlock */
		case MAKE_SQLSTATE('5', '3', '0', '0', '0'):	/* no memory, no disk */
		case MAKE_SQLSTATE('5', '7', '0', '0', '0'):	/* cancelled, shut down */
		case MAKE_SQLSTATE('5', '8', '0', '0', '0'):	/* input or output of the server's files */
		case MAKE_SQLSTATE('X', 'X', '0', '0', '0'):	/* internal */
			return true;
		default:
			return false;
	}
}

/* Which of our codes an error of the server is; docs/field-mappings.md has the table. */
static CnCode
code_of(int sqlstate)
{
	switch (sqlstate)
	{
		case ERRCODE_UNIQUE_VIOLATION:
		case ERRCODE_EXCLUSION_VIOLATION:
		case ERRCODE_LOCK_NOT_AVAILABLE:
			return CN_CONFLICT;
	}
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case MAKE_SQLSTATE('0', 'A', '0', '0', '0'):	/* not supported for this table */
		case MAKE_SQLSTATE('3', 'F', '0', '0', '0'):	/* no such schema */
		case MAKE_SQLSTATE('4', '2', '0', '0', '0'):	/* names, types, rights */
		case MAKE_SQLSTATE('5', '5', '0', '0', '0'):	/* a view that cannot be written */
			return CN_CONFIG_INVALID;
		case MAKE_SQLSTATE('5', '4', '0', '0', '0'):	/* limits of the server */
			return CN_LIMIT_EXCEEDED;
		default:				/* 22, 23, 44: the values; P0 and others: what a trigger raised */
			return CN_VALIDATION_FAILED;
	}
}

static char *
hint_of(int sqlstate)
{
	switch (sqlstate)
	{
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
			return psprintf("The statement has the rights of the role that executes, \"%s\";"
							" its row security policies apply.",
							GetUserNameFromId(GetUserId(), false));
		case ERRCODE_INVALID_COLUMN_REFERENCE:	/* no unique index for ON CONFLICT */
			return "Mode upsert needs a unique index or constraint on exactly the columns"
				" of the key.";
		default:
			return DEFAULT_HINT;
	}
}

/* One line of bounded length. */
static char *
short_message(const char *message)
{
	int			len = pg_mbcliplen(message, strlen(message), MAX_MESSAGE);
	char	   *text = pnstrdup(message, len);

	for (char *at = text; *at; at++)
		if ((unsigned char) *at < ' ')
			*at = ' ';
	return text;
}

static void
describe(CnMappingRun *run, const ErrorData *error)
{
	(void) cn_mapping_fail(run, code_of(error->sqlerrcode), "%s (SQLSTATE %s)",
						   short_message(error->message), unpack_sql_state(error->sqlerrcode));
	run->failure->hint = hint_of(error->sqlerrcode);
}

/* ---- one mapping ---- */

static uint64
run_statement(CnMappingRun *run, const CnMappingTarget *target, Datum *values, const char *nulls)
{
	SPIPlanPtr	plan;
	uint64		rows;
	int			rc;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = cn_mapping_plan(run->mapping, target, run->context);
	rc = SPI_execute_plan(plan, values, nulls, false, 0);
	if (rc < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	rows = SPI_processed;
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return rows;
}

static bool
apply_one(CnMappingRun *run, int64 *rows)
{
	int			count = run->mapping->column_count;
	CnMappingTarget target = {0};
	Datum	   *values = palloc0(sizeof(Datum) * count);
	char	   *nulls = palloc0(count + 1);

	if (!cn_mapping_target(run, &target))
		return false;
	for (int i = 0; i < count; i++)
	{
		bool		isnull;

		if (!cn_mapping_value(run, &target, i, &values[i], &isnull))
			return false;
		nulls[i] = isnull ? 'n' : ' ';
	}
	*rows += run_statement(run, &target, values, nulls);
	return true;
}

/*
 * Who saves a mapping chooses the table, and so the triggers, that run with the
 * rights of who executes.  Among members of a workspace that is agreed upon; nobody
 * may come by a superuser's rights that way.
 */
static bool
is_trusted(const char *saved_by)
{
	Oid			role;

	if (!superuser())
		return true;
	if (saved_by == NULL || strncmp(saved_by, "role:", 5) != 0)
		return false;
	role = get_role_oid(saved_by + 5, true);
	return OidIsValid(role) && superuser_arg(role);
}

static bool
refuse_superuser(CnMappingRun *run, const char *saved_by)
{
	cn_fail(run->failure, CN_CONFIG_INVALID,
			"field mappings saved by %s are not applied with the rights of a superuser",
			saved_by ? saved_by : "nobody known");
	run->failure->hint = "SET ROLE to a role that may write the table, and execute as that.";
	return false;
}

static bool
apply_all(CnMappingRun *run, const CnFieldMappings *mappings, int64 *rows)
{
	bool		fine = true;

	if (!is_trusted(mappings->saved_by))
		return refuse_superuser(run, mappings->saved_by);

	/* a domain's check is an expression, which needs a snapshot */
	PushActiveSnapshot(GetTransactionSnapshot());
	cn_mapping_start_values(run);
	for (int i = 0; fine && i < mappings->count; i++)
	{
		run->mapping = &mappings->list[i];
		run->column = NULL;
		fine = apply_one(run, rows);
	}
	PopActiveSnapshot();
	return fine;
}

/* ---- with and without a subtransaction ---- */

static void
apply_or_raise(CnMappingRun *run, const CnFieldMappings *mappings, const char *connector,
			   int64 *rows)
{
	volatile bool fine = false;

	PG_TRY();
	{
		fine = apply_all(run, mappings, rows);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		if (is_beyond_us(geterrcode()))
			PG_RE_THROW();
		MemoryContextSwitchTo(run->context);
		error = CopyErrorData();
		FlushErrorState();
		describe(run, error);
	}
	PG_END_TRY();
	if (!fine)
		cn_report_failure(connector, NULL, run->failure);
}

static bool
apply_or_return(CnMappingRun *run, const CnFieldMappings *mappings, int64 *rows)
{
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool fine = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(run->context);
	PG_TRY();
	{
		fine = apply_all(run, mappings, rows);
		if (fine)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(run->context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(run->context);
		CurrentResourceOwner = owner;
		if (is_beyond_us(error->sqlerrcode))
			ReThrowError(error);
		describe(run, error);
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(run->context);
	return fine;
}

bool
cn_field_mapping_apply(const CnFieldMappings *mappings, const CnScope *scope, Jsonb *output,
					   const char *raise_for, CnFailure *failure, int64 *rows)
{
	MemoryContext caller = CurrentMemoryContext;
	CnMappingRun *run;
	bool		fine = true;

	*rows = 0;
	if (mappings == NULL || mappings->count == 0)
		return true;
	run = palloc0(sizeof(CnMappingRun));
	run->context = AllocSetContextCreate(caller, "connector field mapping",
										 ALLOCSET_DEFAULT_SIZES);
	run->given = scope;
	run->output = output;
	run->failure = failure;
	MemoryContextSwitchTo(run->context);
	if (raise_for)
		apply_or_raise(run, mappings, raise_for, rows);
	else
		fine = apply_or_return(run, mappings, rows);
	MemoryContextSwitchTo(caller);
	if (!fine)
	{
		*rows = 0;
		failure->message = pstrdup(failure->message);
		failure->hint = failure->hint ? pstrdup(failure->hint) : NULL;
	}
	MemoryContextDelete(run->context);
	pfree(run);
	return fine;
}
