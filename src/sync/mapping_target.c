/*
 * mapping_target.c -- the table a mapping writes to.
 *
 * Only names and types are looked up here.  Whether the role may write there is
 * for the statement itself: the server checks rights, row security and all else
 * as it does for the role's own SQL.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/transam.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "commands/extension.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "sync/mapping.h"

/* Columns a hint names; wider tables are named as far as this goes. */
#define HINT_COLUMNS 30

/* ---- may it be written at all ---- */

static bool
is_catalog(Relation rel)
{
	return RelationGetRelid(rel) < FirstNormalObjectId ||
		IsCatalogNamespace(RelationGetNamespace(rel)) ||
		IsToastNamespace(RelationGetNamespace(rel));
}

/* A member of the extension, or a partition of one, which is no member itself. */
static bool
is_own(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);

	if (rel->rd_rel->relispartition)
		relid = llast_oid(get_partition_ancestors(relid));
	return getExtensionOfObject(RelationRelationId, relid) == get_extension_oid("connector", true);
}

static bool
check_kind(CnMappingRun *run, Relation rel)
{
	if (is_catalog(rel))
		return cn_mapping_fail(run, CN_CONFIG_INVALID, "it is a system catalog");
	if (is_own(rel))
		return cn_mapping_fail(run, CN_CONFIG_INVALID, "it belongs to the extension itself");
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_VIEW:
		case RELKIND_FOREIGN_TABLE:
			return true;
		default:
			return cn_mapping_fail(run, CN_CONFIG_INVALID, "it is neither a table nor a view");
	}
}

/* ---- columns ---- */

static Form_pg_attribute
find_column(TupleDesc desc, const char *name)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), name) == 0)
			return attribute;
	}
	return NULL;
}

static char *
columns_hint(TupleDesc desc)
{
	StringInfoData buf;
	int			named = 0;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "Its columns are: ");
	for (int i = 0; i < desc->natts && named < HINT_COLUMNS; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			appendStringInfo(&buf, "%s%s", named++ ? ", " : "",
							 quote_identifier(NameStr(TupleDescAttr(desc, i)->attname)));
	}
	appendStringInfoString(&buf, named == HINT_COLUMNS ? " ..." : ".");
	return buf.data;
}

/* All columns the table does not have are named at once. */
static bool
check_columns(CnMappingRun *run, TupleDesc desc)
{
	const CnFieldMapping *mapping = run->mapping;
	StringInfoData missing;
	int			count = 0;

	initStringInfo(&missing);
	for (int i = 0; i < mapping->column_count; i++)
	{
		if (find_column(desc, mapping->columns[i].name) == NULL)
			appendStringInfo(&missing, "%s\"%s\"", count++ ? ", " : "", mapping->columns[i].name);
	}
	if (count == 0)
		return true;
	cn_mapping_fail(run, CN_CONFIG_INVALID, "there is no column %s", missing.data);
	run->failure->hint = columns_hint(desc);
	return false;
}

/*
 * The operator that says when two values of a type are equal, as indexes do.  It
 * is named with its schema: a bare "=" would be looked up in the search path, where
 * somebody may have put a better match for the types.  IS NOT DISTINCT FROM would
 * not use an index.
 */
static char *
equality_of(Oid type)
{
	Oid			operator = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	char	   *name;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	form = (Form_pg_operator) GETSTRUCT(tuple);
	name = psprintf("OPERATOR(%s.%s)",
					quote_identifier(get_namespace_name_or_temp(form->oprnamespace)),
					NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return name;
}

static bool
read_columns(CnMappingRun *run, TupleDesc desc, CnMappingTarget *target)
{
	const CnFieldMapping *mapping = run->mapping;

	target->types = palloc(sizeof(Oid) * mapping->column_count);
	target->typmods = palloc(sizeof(int32) * mapping->column_count);
	target->equals = palloc0(sizeof(char *) * mapping->column_count);
	for (int i = 0; i < mapping->column_count; i++)
	{
		const char *name = mapping->columns[i].name;
		Form_pg_attribute attribute = find_column(desc, name);

		target->types[i] = attribute->atttypid;
		target->typmods[i] = attribute->atttypmod;
		if (i >= mapping->key_count)
			continue;
		target->equals[i] = equality_of(attribute->atttypid);
		if (target->equals[i] == NULL)
			return cn_mapping_fail(run, CN_CONFIG_INVALID,
								   "column \"%s\" cannot be in the key: type %s has no equality",
								   name, format_type_be(attribute->atttypid));
	}
	return true;
}

bool
cn_mapping_target(CnMappingRun *run, CnMappingTarget *target)
{
	const CnFieldMapping *mapping = run->mapping;
	RangeVar   *name = makeRangeVar(mapping->schema ? pstrdup(mapping->schema) : NULL,
									pstrdup(mapping->table), -1);
	Oid			relid = RangeVarGetRelid(name, RowExclusiveLock, true);
	Relation	rel;
	bool		fits;

	if (!OidIsValid(relid))
		return cn_mapping_fail(run, CN_CONFIG_INVALID, "the table does not exist");
	rel = relation_open(relid, NoLock);
	target->name = quote_qualified_identifier(get_namespace_name_or_temp(RelationGetNamespace(rel)),
											  RelationGetRelationName(rel));
	fits = check_kind(run, rel) &&
		check_columns(run, RelationGetDescr(rel)) &&
		read_columns(run, RelationGetDescr(rel), target);
	relation_close(rel, NoLock);
	return fits;
}
