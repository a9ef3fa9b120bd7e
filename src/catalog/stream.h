/*
 * stream.h -- a provider's stream, compiled to be walked through page by page.
 *
 * A fetch, a poll or a sync compiles it anew of the provider, which is cached; it lives in the
 * context that was current, and as long as the provider is pinned.
 */
#ifndef CN_CATALOG_STREAM_H
#define CN_CATALOG_STREAM_H

#include "postgres.h"

#include "catalog/incremental.h"
#include "catalog/pagination.h"
#include "catalog/provider.h"

/* Streams above a stream, each the parent of the next. */
#define CN_STREAM_MAX_DEPTH 5

/*
 * A member of a value: "id", "properties.updated", "$.a.b".  Plain ones are looked up without
 * the server's path engine, which matters for what is done for each record.
 */
typedef struct CnField
{
	char	  **names;
	int			count;
	bool		elements;		/* "[*]" behind it */
	CnPath		path;			/* of one that is not plain; no text: it is */
} CnField;

/* How the records come, by their cursor field, from the first page to the last. */
typedef enum CnStreamOrder
{
	CN_ORDER_NONE,				/* somehow, or not known */
	CN_ORDER_ASCENDING,
	CN_ORDER_DESCENDING
} CnStreamOrder;

typedef struct CnStream CnStream;

struct CnStream
{
	const char *provider;		/* canonical name */
	const char *name;
	const CnDefinition *definition; /* of one page */
	const CnDefinition *following;	/* of those behind the first; NULL: the same */
	const CnSchema *input_schema;	/* NULL: none */
	const CnJson *known_inputs; /* the properties of that, if it takes no others; NULL: any */
	const CnPagination *pagination;
	CnField		records;
	CnField    *keys;
	int			key_count;
	CnField    *cursor;			/* what tells records that are new; NULL: not known */
	CnStreamOrder order;		/* by that */
	const char *bound_input;	/* the input that is the lower bound of that; NULL: none */
	CnBoundFormat bound_format;
	CnPath		bound_reply;	/* the next bound, in the reply; no text: it is the greatest cursor */
	bool		bound_resumes;	/* it is a cursor of the pagination, and no value of records */

	const CnStream *parent;		/* its records are those of each record of this one; NULL: none */
	const CnJson *with;			/* object of templates: input made of such a record */
	CnJsonTemplate *with_template;
	CnJsonTemplate *parent_input;	/* makes the parent's input; NULL: what it knows of ours */
};

/*
 * NULL if the provider has no such stream; raises if what is stored cannot be compiled.  label: of
 * the credential; NULL is "default".
 */
extern const CnStream *cn_stream_compile(const CnProvider *provider, const char *name,
										 const char *label);

#endif							/* CN_CATALOG_STREAM_H */
