/*
 * json_build.h -- what json_parse.c and filters use to build CnJson without copying twice.  Pure.
 *
 * Only for code that fills a value it has just made; everyone else uses the
 * constructors of json.h.
 */
#ifndef CN_CORE_JSON_BUILD_H
#define CN_CORE_JSON_BUILD_H

#include "core/json.h"

extern CnJson *cn_json_new_text(CnJsonType type, int len, char **room);
extern int	cn_json_drop_repeated(CnJsonMember *members, int count);

#endif							/* CN_CORE_JSON_BUILD_H */
