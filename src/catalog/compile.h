/*
 * compile.h -- what the files that compile a definition share.  Pure.
 */
#ifndef CN_CATALOG_COMPILE_H
#define CN_CATALOG_COMPILE_H

#include "catalog/definition.h"

/* State of one compilation. */
typedef struct CnCompiler
{
	CnDefinition *def;
	CnProblems *problems;
	CnPathCheck check_path;
	const char *path;			/* of the template whose references are being checked */
	bool		no_secrets;		/* it may not refer to the credential */
} CnCompiler;

/* Is name in a list that ends with NULL?  JSON keys are told apart by case. */
extern bool cn_compile_listed(const char *const *names, const char *name);

/* "$.headers" and "x-y" give $.headers."x-y". */
extern char *cn_compile_child(const char *path, const char *key);

/* A text template, its references checked; NULL if it has problems. */
extern CnTemplate *cn_compile_text(CnCompiler *c, const char *text, int len, CnPlace place,
								   const char *path, bool no_secrets);

/* A JSON template, likewise. */
extern CnJsonTemplate *cn_compile_json(CnCompiler *c, const CnJson *value, const char *path);

/* A member that must be a string template, or NULL if absent. */
extern CnTemplate *cn_compile_member(CnCompiler *c, const CnJson *object, const char *key,
									 const char *path, bool no_secrets);

/* Too many items are a problem, and false. */
extern bool cn_compile_count(CnCompiler *c, const CnJson *value, const char *path);

/* The parts of a request; each reports its problems. */
extern void cn_compile_query(CnCompiler *c, const CnJson *value);
extern void cn_compile_headers(CnCompiler *c, const CnJson *value);
extern void cn_compile_body(CnCompiler *c, const CnJson *config);

#endif							/* CN_CATALOG_COMPILE_H */
