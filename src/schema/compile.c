/*
 * compile.c -- from a JSON Schema to what is evaluated.  Pure.
 *
 * Two passes.  The scan finds every subschema there is, by walking down the
 * keywords that hold some, and notes the names references may use: $id,
 * $anchor, $dynamicAnchor.  Then each is compiled (keywords.c); a reference to
 * a place that the scan did not know for a schema, or to a built-in document,
 * scans that and puts it at the end of the list.
 *
 * Compiling goes on after a problem, to find the others.
 */
#include "core/pure.h"

#include "core/format.h"
#include "schema/schema_tree.h"

static SchemaNode *add_node(Compiler *c, const CnJson *json, const SchemaNode *parent,
							const char *keyword, const char *name, int index);
static void map_put(Compiler *c, SchemaNode *node);
static bool count_name(Compiler *c, SchemaNode *node, const char *keyword);
static void scan_id(Compiler *c, SchemaNode *node);
static void scan_dialect(Compiler *c, SchemaNode *node);
static void scan_anchor(Compiler *c, SchemaNode *node, const char *keyword);
static void scan_keyword(Compiler *c, SchemaNode *node, const CnJsonMember *member);
static void write_pointer(StringInfo out, const SchemaNode *node);

/* See schema.h. */
CnSchema *
cn_schema_compile(const CnJson *json, const CnSchemaOptions *options, CnSchemaProblemSink sink,
				  void *arg)
{
	Compiler	c = {.options = options, .sink = sink, .arg = arg};
	CnSchema   *schema;

	c.room = 64;
	c.nodes = (SchemaNode **) palloc(sizeof(SchemaNode *) * c.room);
	c.map.nslots = 128;
	c.map.slots = (SchemaNode **) palloc0(sizeof(SchemaNode *) * c.map.nslots);

	(void) schema_scan_document(&c, json, "");
	for (int i = 0; i < c.nnodes && !c.gave_up; i++)
	{
		if (options != NULL && options->check != NULL)
			options->check();
		schema_compile_node(&c, c.nodes[i]);
	}
	if (c.nproblems > 0)
		return NULL;
	schema = (CnSchema *) palloc(sizeof(CnSchema));
	schema->root = c.nodes[0];
	return schema;
}

/* ---- problems ---- */

/*
 * schema_problem -- report what is wrong with a keyword.
 *
 * keyword: of node; NULL: node itself is wrong
 * name, index: of what is below the keyword; NULL and -1: the keyword's value
 */
void
schema_problem(Compiler *c, const SchemaNode *node, const char *keyword, const char *name,
			   int index, const char *format,...)
{
	StringInfoData path;
	StringInfoData message;
	va_list		args;

	initStringInfo(&path);
	initStringInfo(&message);
	write_pointer(&path, node);
	if (keyword != NULL)
	{
		SchemaNode	place = {.parent = NULL, .keyword = keyword, .name = name, .index = index};

		write_pointer(&path, &place);
	}
	va_start(args, format);
	cn_append_args(&message, format, args);
	va_end(args);
	c->sink(c->arg, path.data, message.data);
	if (++c->nproblems >= CN_SCHEMA_PROBLEMS_MAX)
		c->gave_up = true;
}

/* Append the JSON Pointer to node. */
static void
write_pointer(StringInfo out, const SchemaNode *node)
{
	if (node->parent != NULL)
		write_pointer(out, node->parent);
	if (node->keyword == NULL)
		return;
	if (node->keyword[0] == '/')
		appendStringInfoString(out, node->keyword);
	else
		schema_pointer_step(out, node->keyword);
	if (node->name != NULL)
		schema_pointer_step(out, node->name);
	else if (node->index >= 0)
		appendStringInfo(out, "/%d", node->index);
}

/* ---- nodes ---- */

/* Where a JSON value is, or would be put. */
static SchemaNode **
map_slot(const NodeMap *map, const CnJson *json)
{
	uintptr_t	slot = ((uintptr_t) json >> 4) * (uintptr_t) 0x9E3779B1;

	slot ^= slot >> 15;
	for (;; slot++)
	{
		SchemaNode **found = &map->slots[slot & (map->nslots - 1)];

		if (*found == NULL || (*found)->json == json)
			return found;
	}
}

static void
map_put(Compiler *c, SchemaNode *node)
{
	NodeMap		old = c->map;

	if (old.count * 2 >= old.nslots)
	{
		c->map.nslots *= 2;
		c->map.slots = (SchemaNode **) palloc0(sizeof(SchemaNode *) * c->map.nslots);
		for (int i = 0; i < old.nslots; i++)
		{
			if (old.slots[i] != NULL)
				*map_slot(&c->map, old.slots[i]->json) = old.slots[i];
		}
		pfree(old.slots);
	}
	*map_slot(&c->map, node->json) = node;
	c->map.count++;
}

/* The schema json was found to be, or NULL. */
SchemaNode *
schema_node_of(Compiler *c, const CnJson *json)
{
	return *map_slot(&c->map, json);
}

static SchemaNode *
add_node(Compiler *c, const CnJson *json, const SchemaNode *parent, const char *keyword,
		 const char *name, int index)
{
	SchemaNode *node = (SchemaNode *) palloc0(sizeof(SchemaNode));

	node->json = json;
	node->parent = parent;
	node->keyword = keyword;
	node->name = name;
	node->index = index;
	if (c->nnodes == c->room)
	{
		c->room *= 2;
		c->nodes = (SchemaNode **) repalloc(c->nodes, sizeof(SchemaNode *) * c->room);
	}
	c->nodes[c->nnodes++] = node;
	map_put(c, node);
	return node;
}

/* ---- the scan ---- */

/*
 * schema_scan_document -- scan a whole document.
 *
 * uri: where it is; an $id in it may say otherwise
 *
 * Its root is NULL after a problem.
 */
Resource *
schema_scan_document(Compiler *c, const CnJson *json, const char *uri)
{
	Resource   *resource = (Resource *) palloc0(sizeof(Resource));

	resource->uri = uri;
	resource->next = c->resources;
	c->resources = resource;
	(void) schema_scan(c, json, resource, NULL, NULL, NULL, -1);
	return resource;
}

/*
 * schema_scan -- note json as a schema, and what schemas it holds.
 *
 * resource: it belongs to, unless it has an $id
 * parent, keyword, name, index: where it is, see SchemaNode
 *
 * Returns NULL after a problem.
 */
SchemaNode *
schema_scan(Compiler *c, const CnJson *json, Resource *resource, const SchemaNode *parent,
			const char *keyword, const char *name, int index)
{
	SchemaNode	place = {.parent = parent, .keyword = keyword, .name = name, .index = index};
	SchemaNode *node = schema_node_of(c, json);

	if (node != NULL || c->gave_up)
		return node;
	if (json->type != CN_JSON_OBJECT && json->type != CN_JSON_BOOL)
	{
		schema_problem(c, &place, NULL, NULL, -1,
					   "is %s, has to be a schema: an object or a boolean",
					   cn_json_type_phrase(json->type));
		return NULL;
	}
	if (c->depth >= CN_SCHEMA_NESTING_MAX || c->nnodes >= CN_SCHEMA_SIZE_MAX)
	{
		schema_problem(c, &place, NULL, NULL, -1, c->depth >= CN_SCHEMA_NESTING_MAX
					   ? "schemas are nested too deeply" : "there are too many subschemas");
		c->gave_up = true;
		return NULL;
	}
	node = add_node(c, json, parent, keyword, name, index);
	node->resource = resource;
	if (parent == NULL)
		resource->root = node;
	if (json->type == CN_JSON_BOOL)
		return node;
	c->depth++;
	scan_id(c, node);
	scan_dialect(c, node);
	scan_anchor(c, node, "$anchor");
	scan_anchor(c, node, "$dynamicAnchor");
	for (int i = 0; i < json->len; i++)
		scan_keyword(c, node, &json->u.members[i]);
	c->depth--;
	return node;
}

static void
scan_keyword(Compiler *c, SchemaNode *node, const CnJsonMember *member)
{
	const Keyword *keyword = schema_keyword(member->key);
	const CnJson *value = member->value;

	if (keyword == NULL)
		return;
	switch (keyword->shape)
	{
		case SHAPE_VALUE:
			break;
		case SHAPE_SCHEMA:
			(void) schema_scan(c, value, node->resource, node, keyword->name, NULL, -1);
			break;
		case SHAPE_LIST:
			if (value->type == CN_JSON_ARRAY)
				for (int i = 0; i < value->len; i++)
					(void) schema_scan(c, value->u.items[i], node->resource, node, keyword->name,
									   NULL, i);
			break;
		case SHAPE_MAP:
			if (value->type == CN_JSON_OBJECT)
				for (int i = 0; i < value->len; i++)
					(void) schema_scan(c, value->u.members[i].value, node->resource, node,
									   keyword->name, value->u.members[i].key, -1);
			break;
	}
}

/* One name more; a problem if there are too many. */
static bool
count_name(Compiler *c, SchemaNode *node, const char *keyword)
{
	if (++c->nnames <= CN_SCHEMA_NAMES_MAX)
		return true;
	schema_problem(c, node, keyword, NULL, -1, "is one name too many");
	c->gave_up = true;
	return false;
}

/* An $id makes a node the root of a resource of its own. */
static void
scan_id(Compiler *c, SchemaNode *node)
{
	const CnJson *id = cn_json_get(node->json, "$id");
	Resource   *resource;
	const char *hash;
	char	   *uri;

	if (id == NULL || id->type != CN_JSON_STRING)
		return;					/* keywords.c complains */
	hash = strchr(id->u.text, '#');
	if (hash != NULL && hash[1] != '\0')
	{
		schema_problem(c, node, "$id", NULL, -1, "has a fragment");
		return;
	}
	uri = schema_uri_resolve(node->resource->uri, id->u.text);
	if (node->parent == NULL)
	{
		node->resource->uri = uri;
		return;
	}
	if (schema_find_resource(c, uri) != NULL)
	{
		schema_problem(c, node, "$id", NULL, -1, "is that of another schema, too: %s",
					   schema_quote_text(uri, strlen(uri)));
		return;
	}
	if (!count_name(c, node, "$id"))
		return;
	resource = (Resource *) palloc0(sizeof(Resource));
	resource->uri = uri;
	resource->root = node;
	resource->next = c->resources;
	c->resources = resource;
	node->resource = resource;
}

/* $schema: nothing but the draft. */
static void
scan_dialect(Compiler *c, SchemaNode *node)
{
	const char *dialect = cn_json_get_string(node->json, "$schema");

	if (dialect == NULL || strcmp(dialect, SCHEMA_DRAFT_URI) == 0 ||
		strcmp(dialect, SCHEMA_DRAFT_URI "#") == 0)
		return;
	schema_problem(c, node, "$schema", NULL, -1,
				   "names the metaschema %s; only \"" SCHEMA_DRAFT_URI
				   "\" is known, and nothing is fetched",
				   schema_quote_text(dialect, strlen(dialect)));
}

static void
scan_anchor(Compiler *c, SchemaNode *node, const char *keyword)
{
	const char *name = cn_json_get_string(node->json, keyword);
	Anchor	   *anchor;
	bool		dynamic = keyword[1] == 'd';

	if (name == NULL)
		return;
	anchor = schema_find_anchor(node->resource, name);
	if (anchor != NULL && anchor->node == node)
	{
		anchor->dynamic |= dynamic;
		return;
	}
	if (anchor != NULL)
	{
		schema_problem(c, node, keyword, NULL, -1, "is that of another schema, too: %s",
					   schema_quote_text(name, strlen(name)));
		return;
	}
	if (!count_name(c, node, keyword))
		return;
	node->resource->nanchors++;
	anchor = (Anchor *) palloc(sizeof(Anchor));
	anchor->name = name;
	anchor->node = node;
	anchor->dynamic = dynamic;
	anchor->next = node->resource->anchors;
	node->resource->anchors = anchor;
}
