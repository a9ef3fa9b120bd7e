/*
 * internal.h -- what the files of the import share.
 *
 *   openapi.c     the document: options, name, list of operations
 *   server.c      base URL, hosts, public parameters
 *   security.c    security schemes become auth kinds
 *   operation.c   an operation becomes an action: parameters and body
 *   schema.c      its schemas become JSON Schema without references
 *   stream.c      an operation that lists becomes a stream, its paging guessed
 */
#ifndef CN_OPENAPI_INTERNAL_H
#define CN_OPENAPI_INTERNAL_H

#include "core/json_members.h"
#include "openapi/openapi.h"

/* One import. */
typedef struct CnOpenapi
{
	const CnJson *spec;
	const CnJson *options;		/* an object */
	CnProblems *problems;
	CnJsonItems notes;			/* what was left out or guessed, for people */
	CnJsonMembers parameters;	/* properties: variables of URLs that have no value */
	bool		renews;			/* there is an auth kind whose token can be renewed */
	int			left_out;		/* operations, because there are more than max_actions */
} CnOpenapi;

/* An operation while it is turned into an action. */
typedef struct CnOpenapiOperation
{
	CnOpenapi  *import;
	const CnJson *source;		/* the operation object */
	const CnJson *path_item;
	const char *path;			/* as written: "/repos/{owner}" */
	const char *method;			/* lower case, the member's key */
	const char *where;			/* "GET /repos/{owner}", for notes */

	CnJsonMembers properties;	/* of the input schema */
	CnJsonItems required;
	CnJsonItems query;
	CnJsonMembers headers;
	CnJsonItems parameters;		/* names of the properties that are parameters */
	const char *refused;		/* why there can be no action; NULL: there can */

	const char *body_type;		/* NULL: no body */
	const CnJson *body;
} CnOpenapiOperation;

/* ---- openapi.c ---- */

/* value, or what its "$ref" leads to inside the document; NULL if that is nowhere. */
extern const CnJson *cn_openapi_follow(const CnOpenapi *import, const CnJson *value);

/* One more note. */
extern void cn_openapi_note(CnOpenapi *import, const char *fmt,...) pg_attribute_printf(2, 3);

/* A name of a definition ([a-z0-9_]) of any text: "listUserIssues" gives "list_user_issues". */
extern char *cn_openapi_name(const char *text);

/* ---- server.c ---- */

/* Put base_url and allowed_hosts into provider; problems if there is no usable server. */
extern void cn_openapi_server(CnOpenapi *import, CnJsonMembers *provider);

/* A URL whose variables are replaced by the values that options name, or become parameters. */
extern char *cn_openapi_url(CnOpenapi *import, const char *url);

/* Put the parameters of all URLs into provider. */
extern void cn_openapi_parameters(const CnOpenapi *import, CnJsonMembers *provider);

/* ---- security.c ---- */

/* The list of auth kinds, or NULL if the document names none. */
extern CnJson *cn_openapi_auth(CnOpenapi *import);

/* The scopes that an operation needs, or NULL. */
extern CnJson *cn_openapi_scopes(const CnOpenapi *import, const CnJson *operation);

/* ---- operation.c ---- */

/* Everything of operation that is a request: false if it cannot be one, and operation->refused. */
extern bool cn_openapi_request(CnOpenapiOperation *operation);

/* The action of an operation that is one. */
extern CnJson *cn_openapi_action(CnOpenapiOperation *operation);

/* What an action and a stream have in common. */
extern void cn_openapi_common(CnOpenapiOperation *operation, CnJsonMembers *object);

/* The schema of its JSON reply when it succeeds, or NULL; *reply gets the response object. */
extern const CnJson *cn_openapi_reply_schema(const CnOpenapiOperation *operation,
											 const CnJson **reply);

/* ---- schema.c ---- */

/* schema for input: references resolved as deep as is useful, read-only members left out. */
extern CnJson *cn_openapi_schema(const CnOpenapi *import, const CnJson *schema);

/* The schema of a member, looking through allOf; NULL: there is none. */
extern const CnJson *cn_openapi_member(const CnOpenapi *import, const CnJson *schema,
									   const char *name);

/* Is schema that of an array (object, string), as far as it says? */
extern bool cn_openapi_is(const CnOpenapi *import, const CnJson *schema, const char *type);

/* ---- stream.c ---- */

/* The stream that operation lists, or NULL; *name gets the collection's. */
extern CnJson *cn_openapi_stream(CnOpenapiOperation *operation, const char **name);

#endif							/* CN_OPENAPI_INTERNAL_H */
