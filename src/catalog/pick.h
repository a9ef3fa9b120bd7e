/*
 * pick.h -- what a definition's SQL/JSON paths find in a value.
 */
#ifndef CN_CATALOG_PICK_H
#define CN_CATALOG_PICK_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "catalog/definition.h"

/*
 * All the items a path finds, as an array.  Paths run silently: a type that does
 * not fit finds nothing.  vars: an object, or NULL for none.
 */
extern Jsonb *cn_path_find(const CnPath *path, Jsonb *value, Jsonb *vars);

/*
 * The one item found, or several as an array; a path that is many by its form
 * gives an array always, any other NULL if it finds nothing.
 */
extern Jsonb *cn_path_pick(const CnPath *path, Jsonb *value);

#endif							/* CN_CATALOG_PICK_H */
