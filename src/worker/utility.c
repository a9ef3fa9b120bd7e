/*
 * utility.c -- commands that concern the workers.
 *
 * Before a command that fails while somebody is connected to a database (DROP DATABASE,
 * RENAME, SET TABLESPACE, its use as a template) or that replaces the extension, the session
 * holds that database: its workers leave, and are started again when the transaction
 * is over and there is still something to work for.  They are waited for, but not long: whatever
 * they do, the command goes on then.
 *
 * Others only make the launcher look, when they have committed: CREATE EXTENSION, CREATE DATABASE,
 * ALTER DATABASE SET connector.workers.
 *
 * What takes the extension away without being named here (DROP OWNED, DROP SCHEMA CASCADE) is
 * noticed by the workers themselves, which hold no lock while they wait.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/latch.h"
#include "tcop/utility.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/install.h"
#include "core/place.h"
#include "stats/counters.h"
#include "worker/launches.h"
#include "worker/process.h"
#include "worker/worker.h"

/* Longest time that a command waits for the workers of a database. */
#define LEAVE_WAIT_US INT64CONST(2000000)

/* Databases that a transaction notes one by one; with more, the launcher looks at all. */
#define MAX_NOTES 16

static ProcessUtility_hook_type previous_hook = NULL;

/* What is to be told to the launcher when this transaction commits. */
static Oid	notes[MAX_NOTES];
static int	note_count = 0;
static bool note_all = false;
static bool note_list = false;

/* The database that this transaction drops. */
static Oid	dropped = InvalidOid;

static void
note_at_commit(Oid database)
{
	if (!OidIsValid(database) || note_count == MAX_NOTES)
		note_all = true;
	else
		notes[note_count++] = database;
}

void
cn_worker_installed(void)
{
	note_at_commit(MyDatabaseId);
}

/* ---- holding a database ---- */

static void
wait_until_left(Oid database)
{
	int64		deadline = cn_monotonic_us() + LEAVE_WAIT_US;

	while ((cn_launches_running(database) > 0 || cn_places_running(database)) &&
		   cn_monotonic_us() < deadline)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 5,
						 cn_wait_event_workers_leave());
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Until the end of the transaction. */
static void
hold(Oid database)
{
	(void) cn_launch_hold(database);
	(void) cn_slots_stop(database);
	cn_places_stop(database);
	wait_until_left(database);
}

/* Only for who may do it: others must not be able to stop workers. */
static void
hold_database(const char *name)
{
	Oid			database = name ? get_database_oid(name, true) : InvalidOid;

	if (OidIsValid(database) && cn_owns_database(database, GetUserId()))
		hold(database);
}

static bool
owns_our_extension(void)
{
	Oid			extension = get_extension_oid("connector", true);

	return OidIsValid(extension) && cn_owns_extension(extension, GetUserId());
}

static void
hold_for_extension(void)
{
	if (owns_our_extension())
		hold(MyDatabaseId);
}

/* ---- commands ---- */

static const char *
option_value(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0 && option->arg)
			return defGetString(option);
	}
	return NULL;
}

static bool
has_option(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
		if (strcmp(lfirst_node(DefElem, cell)->defname, name) == 0)
			return true;
	return false;
}

static bool
drops_our_extension(const DropStmt *drop)
{
	ListCell   *cell;

	if (drop->removeType != OBJECT_EXTENSION)
		return false;
	foreach(cell, drop->objects)
		if (strcmp(strVal(lfirst(cell)), "connector") == 0)
			return true;
	return false;
}

/* A setting of a database, or (NULL) of all, is to be changed. */
static void
note_setting(const VariableSetStmt *set, const char *database)
{
	if (set->name && pg_strcasecmp(set->name, "connector.workers") != 0)
		return;					/* RESET ALL has no name */
	note_at_commit(database ? get_database_oid(database, true) : InvalidOid);
}

static void
before_database_command(Node *command)
{
	switch (nodeTag(command))
	{
		case T_DropdbStmt:
			dropped = get_database_oid(((DropdbStmt *) command)->dbname, true);
			hold_database(((DropdbStmt *) command)->dbname);
			break;
		case T_RenameStmt:
			if (((RenameStmt *) command)->renameType != OBJECT_DATABASE)
				return;
			hold_database(((RenameStmt *) command)->subname);
			break;
		case T_AlterDatabaseStmt:
			if (has_option(((AlterDatabaseStmt *) command)->options, "tablespace"))
				hold_database(((AlterDatabaseStmt *) command)->dbname);
			break;
		case T_CreatedbStmt:
			hold_database(option_value(((CreatedbStmt *) command)->options, "template"));
			break;
		default:
			return;
	}
	note_list = true;
}

static void
before(Node *command)
{
	switch (nodeTag(command))
	{
		case T_DropStmt:
			if (drops_our_extension((DropStmt *) command))
				hold_for_extension();
			break;
		case T_AlterExtensionStmt:
			if (strcmp(((AlterExtensionStmt *) command)->extname, "connector") == 0)
				hold_for_extension();
			break;
		case T_AlterDatabaseSetStmt:
			note_setting(((AlterDatabaseSetStmt *) command)->setstmt,
						 ((AlterDatabaseSetStmt *) command)->dbname);
			break;
		case T_AlterRoleSetStmt:
			if (((AlterRoleSetStmt *) command)->role == NULL)
				note_setting(((AlterRoleSetStmt *) command)->setstmt,
							 ((AlterRoleSetStmt *) command)->database);
			break;
		default:
			before_database_command(command);
			break;
	}
}

/* A prepared transaction may have created the extension; nobody but who commits it can tell. */
static void
after_commit_prepared(void)
{
	if (cn_launches_running(MyDatabaseId) == 0 && cn_install_exists())
		note_at_commit(MyDatabaseId);
}

static void
utility(PlannedStmt *statement, const char *query, bool read_only_tree,
		ProcessUtilityContext context, ParamListInfo params, QueryEnvironment *environment,
		DestReceiver *destination, QueryCompletion *completion)
{
	Node	   *command = statement->utilityStmt;
	bool		prepared = IsA(command, TransactionStmt) &&
		((TransactionStmt *) command)->kind == TRANS_STMT_COMMIT_PREPARED;

	if (!RecoveryInProgress() && !creating_extension)
		before(command);
	if (previous_hook)
		previous_hook(statement, query, read_only_tree, context, params, environment, destination,
					  completion);
	else
		standard_ProcessUtility(statement, query, read_only_tree, context, params, environment,
								destination, completion);
	/* The statement may be gone now. */
	if (prepared)
		after_commit_prepared();
}

/* ---- the end of the transaction ---- */

static void
tell_launcher(void)
{
	for (int i = 0; i < note_count; i++)
		cn_launch_note(notes[i]);
	if (note_all)
		cn_launch_note(InvalidOid);
	if (note_list)
		cn_launch_note_list();
}

static void
on_xact(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (event == XACT_EVENT_COMMIT)
		tell_launcher();
	if (event == XACT_EVENT_COMMIT && OidIsValid(dropped))
		cn_counters_forget(dropped);
	dropped = InvalidOid;
	note_count = 0;
	note_all = note_list = false;
	cn_launches_release();
}

void
cn_utility_init(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = utility;
	RegisterXactCallback(on_xact, NULL);
}
