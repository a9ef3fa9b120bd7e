/*
 * fields.h -- a connector, or changes of one, written as a JSON object.
 *
 * The keys are the columns of connectors that users write.  What is wrong with
 * an object is found before it is saved, so that all of it can be said at once and
 * with its JSON path; what is saved is checked again by the table and its triggers.
 */
#ifndef CN_SQLAPI_FIELDS_H
#define CN_SQLAPI_FIELDS_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "catalog/definition.h"

/* Length of a connector's name, as the table checks it. */
#define CN_CONNECTOR_NAME_MAX 128

typedef enum CnFieldsUse
{
	CN_FIELDS_CREATE,			/* name and config must be there */
	CN_FIELDS_CHANGE,			/* any may be there */
	CN_FIELDS_IMPORT			/* as CREATE; "credentials", which an export adds, is passed over */
} CnFieldsUse;

/* The columns, in the order of an export; NULL ends. */
extern const char *const cn_field_names[];

/* For SQL: "name text, ..." as jsonb_to_record wants it, and a jsonb with the defaults. */
#define CN_FIELDS_RECORD \
	"(name text, description text, icon text, category text, config jsonb, input_schema jsonb," \
	" field_mappings jsonb, timeout_ms integer, max_retries integer, continue_on_error boolean," \
	" log_response_data boolean, enabled boolean)"
#define CN_FIELDS_DEFAULTS \
	"'{\"timeout_ms\": 30000, \"max_retries\": 0, \"continue_on_error\": false," \
	" \"log_response_data\": true, \"enabled\": true}'::pg_catalog.jsonb"

/*
 * Report what is wrong with an object that stands at path of a document, of a connector that is to
 * be saved in workspace.
 */
extern void cn_fields_check(Jsonb *object, const char *path, CnFieldsUse use,
							const pg_uuid_t *workspace, CnProblems *problems);

/* Report the keys of object that are neither listed nor the one more (NULL: none). */
extern void cn_fields_check_keys(Jsonb *object, const char *path, const char *const *keys,
								 const char *also, CnProblems *problems);

/* Raises 22023, "<what>: 2 problems", with all of them in DETAIL. */
extern void cn_fields_refuse(const char *what, const CnProblems *problems) pg_attribute_noreturn();

/* Does object have key? */
extern bool cn_fields_has(Jsonb *object, const char *key);

/* The text of a string member, palloc'ed; NULL if there is none. */
extern char *cn_fields_text(Jsonb *object, const char *key);

/* Can text be the name of a connector?  Raises 22023 if not. */
extern void cn_fields_check_name(const char *text);

/* What the value of input_schema or field_mappings has to be, if it is not that; else NULL. */
extern const char *cn_fields_expected(const char *column, Jsonb *value);

#endif							/* CN_SQLAPI_FIELDS_H */
