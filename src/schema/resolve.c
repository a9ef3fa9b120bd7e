/*
 * resolve.c -- where a reference leads.  Pure.
 *
 * A reference is resolved against the URI of the resource it stands in.  What
 * is in front of its fragment finds a resource: one of the schema itself or a
 * built-in document, which is scanned when it is first asked for.  The
 * fragment is a JSON Pointer or an anchor.
 */
#include "core/pure.h"

#include "core/chars.h"
#include "schema/schema_tree.h"

static char *decode_fragment(const char *fragment);
static SchemaNode *follow_pointer(Compiler *c, Resource *resource, const char *pointer);
static const CnJson *pointer_step(const CnJson *json, const char **pointer);
static Resource *load_builtin(Compiler *c, const char *uri);

Resource *
schema_find_resource(Compiler *c, const char *uri)
{
	for (Resource *resource = c->resources; resource != NULL; resource = resource->next)
	{
		if (resource->root != NULL && strcmp(resource->uri, uri) == 0)
			return resource;
	}
	return NULL;
}

Anchor *
schema_find_anchor(const Resource *resource, const char *name)
{
	for (Anchor *anchor = resource->anchors; anchor != NULL; anchor = anchor->next)
	{
		if (strcmp(anchor->name, name) == 0)
			return anchor;
	}
	return NULL;
}

/*
 * schema_resolve -- the schema a reference leads to.
 *
 * keyword: of node that has the reference
 * anchor: gets the name, if the reference is by a dynamic anchor; else NULL
 *
 * Returns NULL after a problem.
 */
SchemaNode *
schema_resolve(Compiler *c, const SchemaNode *node, const char *keyword, const char *reference,
			   const char **anchor)
{
	char	   *uri = schema_uri_resolve(node->resource->uri, reference);
	const char *hash = strchr(reference, '#');
	Resource   *resource = schema_find_resource(c, uri);
	SchemaNode *target = NULL;
	Anchor	   *found;
	char	   *fragment;

	*anchor = NULL;
	if (resource == NULL)
		resource = load_builtin(c, uri);
	if (resource == NULL)
	{
		schema_problem(c, node, keyword, NULL, -1,
					   "leads to %s, which is not in this schema, and nothing is fetched",
					   schema_quote_text(uri, strlen(uri)));
		return NULL;
	}
	fragment = decode_fragment(hash != NULL ? hash + 1 : "");
	if (fragment == NULL)
		return NULL;
	if (fragment[0] == '\0')
		return resource->root;
	if (fragment[0] == '/')
		target = follow_pointer(c, resource, fragment);
	else if ((found = schema_find_anchor(resource, fragment)) != NULL)
	{
		target = found->node;
		if (found->dynamic)
			*anchor = found->name;
	}
	if (target == NULL && !c->gave_up)
		schema_problem(c, node, keyword, NULL, -1, "leads nowhere: %s",
					   schema_quote_text(reference, strlen(reference)));
	return target;
}

/* With its %XX decoded; what is no %XX stays. */
static char *
decode_fragment(const char *fragment)
{
	char	   *result = pstrdup(fragment);
	char	   *out = result;

	for (const char *p = fragment; *p != '\0'; p++)
	{
		if (p[0] == '%' && cn_hex_value(p[1]) >= 0 && cn_hex_value(p[2]) >= 0)
		{
			*out++ = (char) (cn_hex_value(p[1]) * 16 + cn_hex_value(p[2]));
			p += 2;
		}
		else
			*out++ = *p;
	}
	*out = '\0';
	return result;
}

/*
 * The schema pointer leads to, from the root of a resource.  It may be in a
 * place that the scan knew nothing of, below an unknown keyword.
 */
static SchemaNode *
follow_pointer(Compiler *c, Resource *resource, const char *pointer)
{
	const CnJson *json = resource->root->json;
	const SchemaNode *nearest = resource->root;
	const char *p = pointer;
	const char *behind_nearest = pointer;

	while (*p != '\0')
	{
		SchemaNode *node;

		json = pointer_step(json, &p);
		if (json == NULL)
			return NULL;
		node = schema_node_of(c, json);
		if (node != NULL)
		{
			nearest = node;
			behind_nearest = p;
		}
	}
	if (*behind_nearest == '\0')
		return unconstify(SchemaNode *, nearest);
	return schema_scan(c, json, nearest->resource, nearest, behind_nearest, NULL, -1);
}

/* One step down, *pointer moves on; NULL: there is nothing. */
static const CnJson *
pointer_step(const CnJson *json, const char **pointer)
{
	const char *p = *pointer + 1;
	const char *end = p + strcspn(p, "/");
	char	   *token = (char *) palloc(end - p + 1);
	char	   *out = token;
	int			index = 0;

	*pointer = end;
	for (; p < end; p++)
	{
		if (p[0] == '~' && (p[1] == '0' || p[1] == '1'))
			*out++ = *++p == '0' ? '~' : '/';
		else
			*out++ = *p;
	}
	*out = '\0';
	if (json->type == CN_JSON_OBJECT)
		return cn_json_get(json, token);
	if (json->type != CN_JSON_ARRAY || token[0] == '\0' || (token[0] == '0' && token[1] != '\0'))
		return NULL;
	for (out = token; *out >= '0' && *out <= '9' && index < json->len; out++)
		index = index * 10 + (*out - '0');
	return *out == '\0' && index < json->len ? json->u.items[index] : NULL;
}

static Resource *
load_builtin(Compiler *c, const char *uri)
{
	const char *text = schema_builtin(uri);

	if (text == NULL)
		return NULL;
	return schema_scan_document(c, cn_json_parse(text, strlen(text), NULL, NULL), pstrdup(uri));
}
