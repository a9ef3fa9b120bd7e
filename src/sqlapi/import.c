/*
 * import.c -- connector_import: the definitions of a document, all or none.
 *
 * The whole document is checked before anything is saved, so that every problem
 * can be named with its path.  Then the connectors are saved one after the other,
 * as the caller; what to do where a name is taken is decided when the INSERT says so, not
 * before, because somebody else may be saving at the same time.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/hsearch.h"

#include "core/audit.h"
#include "core/spi.h"
#include "sqlapi/args.h"
#include "sqlapi/manage.h"

CN_FUNCTION(connector_import);

/* What an export says it is. */
#define FORMAT "connector/1"

/* "name 2" up to "name 999"; whoever has that many should think of names. */
#define MAX_RENAMES 999

typedef enum OnConflict
{
	CONFLICT_ERROR,
	CONFLICT_SKIP,
	CONFLICT_REPLACE,
	CONFLICT_RENAME
} OnConflict;

/* One connector of the document. */
typedef struct ImportItem
{
	Jsonb	   *fields;
	char	   *path;
	char	   *name;
	const char *action;			/* what became of it; NULL: its name is taken */
	CnManaged	saved;
} ImportItem;

/* A name in the document, and the first item that has it. */
typedef struct NameEntry
{
	char		name[CN_CONNECTOR_NAME_MAX + 1];
	ImportItem *first;
} NameEntry;

typedef struct Import
{
	CnWorkspace workspace;
	OnConflict	on_conflict;
	ImportItem *items;
	int			count;
	HTAB	   *names;
	CnProblems	problems;
} Import;

/* ---- reading the document ---- */

static OnConflict
parse_on_conflict(const char *word)
{
	static const char *const words[] = {"error", "skip", "replace", "rename"};

	for (int i = 0; i < lengthof(words); i++)
		if (strcmp(words[i], word) == 0)
			return (OnConflict) i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown value \"%s\" of on_conflict", word),
			 errhint("It is error, skip, replace or rename.")));
}

static void
check_format(Jsonb *document)
{
	char	   *format = cn_fields_text(document, "format");

	if (format == NULL || strcmp(format, FORMAT) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 format ? errmsg("unknown format \"%s\"", format)
				 : errmsg("the document does not say its format"),
				 errhint("This version reads \"" FORMAT "\", as connector_export() writes it.")));
}

static void
check_document_keys(Import *import, Jsonb *document)
{
	static const char *const keys[] = {"format", "connectors", NULL};

	cn_fields_check_keys(document, "$", keys, NULL, &import->problems);
}

static void
add_item(Import *import, Jsonb *fields, char *path)
{
	ImportItem *item = &import->items[import->count++];

	item->fields = fields;
	item->path = path;
}

/* An export, or one connector by itself. */
static void
read_items(Import *import, Jsonb *document)
{
	JsonbValue	buffer;
	JsonbValue *list;
	int			count;

	if (!JB_ROOT_IS_OBJECT(document) ||
		!(cn_fields_has(document, "format") || cn_fields_has(document, "connectors")))
	{
		import->items = palloc0(sizeof(ImportItem));
		add_item(import, document, "$");
		return;
	}
	check_format(document);
	check_document_keys(import, document);
	list = getKeyJsonValueFromContainer(&document->root, "connectors", strlen("connectors"),
										&buffer);
	if (list == NULL || list->type != jbvBinary || !JsonContainerIsArray(list->val.binary.data))
	{
		cn_problem(&import->problems, "$.connectors", "expected an array");
		return;
	}
	count = JsonContainerSize(list->val.binary.data);
	import->items = palloc0(sizeof(ImportItem) * (count + 1));
	for (int i = 0; i < count; i++)
		add_item(import, JsonbValueToJsonb(getIthJsonbValueFromContainer(list->val.binary.data, i)),
				 psprintf("$.connectors[%d]", i));
}

/* Remember the item's name; twice the same is a problem. */
static void
note_name(Import *import, ImportItem *item)
{
	NameEntry  *entry;
	bool		found;

	item->name = cn_fields_text(item->fields, "name");
	if (item->name == NULL || strlen(item->name) > CN_CONNECTOR_NAME_MAX)
		return;
	entry = hash_search(import->names, item->name, HASH_ENTER, &found);
	if (found)
		cn_problem(&import->problems, psprintf("%s.name", item->path),
				   "%s has the same name", entry->first->path);
	else
		entry->first = item;
}

static void
check_items(Import *import)
{
	HASHCTL		ctl = {.keysize = CN_CONNECTOR_NAME_MAX + 1,.entrysize = sizeof(NameEntry),
	.hcxt = CurrentMemoryContext};

	import->names = hash_create("connector names", 64, &ctl,
								HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	for (int i = 0; i < import->count; i++)
	{
		ImportItem *item = &import->items[i];

		CHECK_FOR_INTERRUPTS();
		cn_fields_check(item->fields, item->path, CN_FIELDS_IMPORT, &import->workspace.id,
						&import->problems);
		note_name(import, item);
	}
	if (import->problems.count > 0)
		cn_fields_refuse("the document cannot be imported", &import->problems);
}

/* ---- saving ---- */

/* Save under the first name "<name> <n>" that is free here and not in the document either. */
static void
save_renamed(Import *import, ImportItem *item)
{
	for (int n = 2; n <= MAX_RENAMES; n++)
	{
		char		suffix[16];
		char		name[CN_CONNECTOR_NAME_MAX + 1];

		snprintf(suffix, sizeof(suffix), " %d", n);
		snprintf(name, sizeof(name), "%.*s%s", (int) (CN_CONNECTOR_NAME_MAX - strlen(suffix)),
				 item->name, suffix);
		if (hash_search(import->names, name, HASH_FIND, NULL) == NULL &&
			cn_manage_insert(&import->workspace, name, item->fields, &item->saved))
		{
			item->action = "renamed";
			return;
		}
	}
	cn_manage_name_taken(&import->workspace, item->name);
}

/* The name is taken; false if it is not any more. */
static bool
settle_conflict(Import *import, ImportItem *item)
{
	switch (import->on_conflict)
	{
		case CONFLICT_ERROR:
			break;
		case CONFLICT_SKIP:
			item->action = "skipped";
			return cn_manage_find_name(&import->workspace, item->name, false, &item->saved);
		case CONFLICT_REPLACE:
			item->action = "replaced";
			if (!cn_manage_find_name(&import->workspace, item->name, true, &item->saved))
				return false;
			item->saved.version = cn_manage_update(&import->workspace, &item->saved.id,
												   item->fields, true);
			break;
		case CONFLICT_RENAME:
			save_renamed(import, item);
			break;
	}
	return true;
}

/*
 * A name can become free between the INSERT that hits it and the look at who
 * has it, but hardly time and again.
 */
static void
save_item(Import *import, ImportItem *item)
{
	for (int attempt = 0; attempt < 10; attempt++)
	{
		if (cn_manage_insert(&import->workspace, item->name, item->fields, &item->saved))
		{
			item->action = "created";
			return;
		}
		if (settle_conflict(import, item))
			return;
	}
	cn_manage_name_taken(&import->workspace, item->name);
}

/* With on_conflict error: raises with all names that are taken. */
static void
refuse_conflicts(const Import *import)
{
	StringInfoData names;
	int			count = 0;

	initStringInfo(&names);
	for (int i = 0; i < import->count; i++)
		if (import->items[i].action == NULL)
			appendStringInfo(&names, "%s\"%s\"", count++ ? ", " : "", import->items[i].name);
	if (count > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg_plural("connector %s already exists in workspace \"%s\"",
							   "connectors %s already exist in workspace \"%s\"",
							   count, names.data, import->workspace.slug),
				 errhint("With on_conflict skip, replace or rename the import goes on.")));
}

static void
save_items(Import *import)
{
	const char *by = cn_identity_name();
	CnSpi		spi;

	cn_spi_begin_as_caller(&spi);
	for (int i = 0; i < import->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		save_item(import, &import->items[i]);
	}
	refuse_conflicts(import);
	cn_spi_end(&spi);

	for (int i = 0; i < import->count; i++)
	{
		const ImportItem *item = &import->items[i];

		if (strcmp(item->action, "skipped") != 0)
			cn_audit(&import->workspace.id, by, "import", "connector", item->saved.name,
					 item->action);
	}
}

/* ---- connector_import ---- */

static void
put_results(ReturnSetInfo *rsinfo, const Import *import)
{
	bool		nulls[4] = {false};

	for (int i = 0; i < import->count; i++)
	{
		const ImportItem *item = &import->items[i];
		Datum		values[4] = {
			CStringGetTextDatum(item->saved.name), UUIDPGetDatum(&item->saved.id),
			CStringGetTextDatum(item->action), Int32GetDatum(item->saved.version)
		};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

Datum
connector_import(PG_FUNCTION_ARGS)
{
	Import		import = {{{{0}}}};
	char	   *on_conflict = cn_arg_required(fcinfo, 1, "on_conflict");

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"document\" must not be null")));
	import.on_conflict = parse_on_conflict(on_conflict);
	import.workspace = cn_workspace_resolve(cn_arg_text(fcinfo, 2), CN_RIGHT_WRITE);
	read_items(&import, PG_GETARG_JSONB_P(0));
	check_items(&import);
	save_items(&import);
	InitMaterializedSRF(fcinfo, 0);
	put_results((ReturnSetInfo *) fcinfo->resultinfo, &import);
	return (Datum) 0;
}
