/*
 * json_template.c -- {{...}} in the strings of a JSON value.  Pure.
 *
 * A compiled template mirrors the source's tree.  Subtrees without references
 * are constants: their value is found when they are compiled, and their JSON
 * text too, so that rendering a body copies them in one piece.  A node knows
 * its parent; JSON paths are put together only when somebody asks for one.
 *
 * Recursion is as deep as the source, which was bounded when it was parsed.
 */
#include "core/pure.h"

#include "template/template_tree.h"

typedef struct Node Node;

/* Exactly one of constant, expr, text and children says what the value is. */
struct Node
{
	Node	   *parent;			/* NULL: root */
	const char *key;			/* as in the source, if the parent is an object */
	int			index;			/* if it is an array */

	const CnJson *constant;
	const char *constant_text;	/* JSON text of a constant below something that is none */
	int			constant_len;

	const CnExpr *expr;			/* a string that is one reference */
	int			expr_offset;
	CnTemplate *text;			/* any other string with references */

	bool		object;
	int			count;
	Node	  **children;
	CnTemplate **keys;			/* objects: one for each child */
	bool		keys_vary;		/* some key has references */
};

struct CnJsonTemplate
{
	Node	   *root;
	const char *base_path;
};

typedef struct Compiler
{
	const char *base_path;
	CnProblemSink sink;
	void	   *arg;
	int			problems;
} Compiler;

/* One evaluation or rendering. */
typedef struct Run
{
	const CnScope *scope;
	Budget		budget;
	CnTemplateError *error;
	const Node *failed;
} Run;

static Node *compile_node(Compiler *c, const CnJson *source, Node *parent,
						  const char *key, int index);
static void compile_string(Compiler *c, Node *node, const CnJson *source);
static void compile_array(Compiler *c, Node *node, const CnJson *source);
static void compile_object(Compiler *c, Node *node, const CnJson *source);
static void make_constant(Node *node, const CnJson *source);
static const CnJson *constant_object(const Node *node, const CnJson *source);
static void write_constants(Node *node);
static void write_constant(Node *node);
static char *node_path(const char *base_path, const Node *node);
static void append_path(StringInfo out, const Node *node);
static const CnJson *eval_node(Run *run, const Node *node);
static const CnJson *eval_expr(Run *run, const Node *node);
static const CnJson *eval_text(Run *run, const Node *node, const CnTemplate *text);
static const CnJson *eval_array(Run *run, const Node *node);
static const CnJson *eval_object(Run *run, const Node *node);
static bool render_node(Run *run, StringInfo out, const Node *node);
static bool render_children(Run *run, StringInfo out, const Node *node);
static bool render_value(Run *run, StringInfo out, const Node *node, const CnJson *value);
static bool take(Run *run, const Node *node, int64 bytes);

/* ---- compiling ---- */

/*
 * cn_json_template_compile -- compile source and everything below it.
 *
 * sink: called for each problem
 *
 * Returns NULL if there was one; see template.h.
 */
CnJsonTemplate *
cn_json_template_compile(const CnJson *source, const char *base_path, CnProblemSink sink, void *arg)
{
	Compiler	c = {base_path, sink, arg, 0};
	CnJsonTemplate *tmpl = (CnJsonTemplate *) palloc0(sizeof(CnJsonTemplate));

	tmpl->base_path = pstrdup(base_path);
	tmpl->root = compile_node(&c, source, NULL, NULL, 0);
	if (c.problems > 0)
		return NULL;
	if (tmpl->root->constant != NULL)
		write_constant(tmpl->root);
	else
		write_constants(tmpl->root);
	return tmpl;
}

static Node *
compile_node(Compiler *c, const CnJson *source, Node *parent, const char *key, int index)
{
	Node	   *node = (Node *) palloc0(sizeof(Node));

	node->parent = parent;
	node->key = key;
	node->index = index;
	switch (source->type)
	{
		case CN_JSON_STRING:
			compile_string(c, node, source);
			break;
		case CN_JSON_ARRAY:
			compile_array(c, node, source);
			break;
		case CN_JSON_OBJECT:
			compile_object(c, node, source);
			break;
		default:
			node->constant = source;
			break;
	}
	return node;
}

/* A template for text; reports what is wrong with it as a problem of node. */
static CnTemplate *
compile_text(Compiler *c, const Node *node, const char *text, int len)
{
	CnTemplateError error;
	CnTemplate *tmpl = cn_template_parse(text, len, CN_PLACE_TEXT, &error);

	if (tmpl == NULL)
	{
		c->problems++;
		c->sink(c->arg, node_path(c->base_path, node), &error);
	}
	return tmpl;
}

static void
compile_string(Compiler *c, Node *node, const CnJson *source)
{
	CnTemplate *tmpl;
	const char *text;
	int			len;

	/* most strings of a definition, and no need for a template */
	if (strstr(source->u.text, "{{") == NULL)
	{
		node->constant = source;
		return;
	}
	tmpl = compile_text(c, node, source->u.text, source->len);
	if (tmpl == NULL)
		return;
	if (cn_template_is_constant(tmpl, &text, &len))
		node->constant = cn_json_string(text, len);
	else
	{
		node->expr = cn_template_only_expr(tmpl, &node->expr_offset);
		node->text = tmpl;
	}
}

static void
compile_array(Compiler *c, Node *node, const CnJson *source)
{
	int			i;

	node->count = source->len;
	node->children = (Node **) palloc(sizeof(Node *) * Max(source->len, 1));
	for (i = 0; i < source->len; i++)
		node->children[i] = compile_node(c, source->u.items[i], node, NULL, i);
	make_constant(node, source);
}

static void
compile_object(Compiler *c, Node *node, const CnJson *source)
{
	const char *text;
	int			len;
	int			i;

	node->object = true;
	node->count = source->len;
	node->children = (Node **) palloc(sizeof(Node *) * Max(source->len, 1));
	node->keys = (CnTemplate **) palloc(sizeof(CnTemplate *) * Max(source->len, 1));
	for (i = 0; i < source->len; i++)
	{
		const CnJsonMember *member = &source->u.members[i];

		node->children[i] = compile_node(c, member->value, node, member->key, 0);
		node->keys[i] = compile_text(c, node->children[i], member->key, member->key_len);
		if (node->keys[i] != NULL && !cn_template_is_constant(node->keys[i], &text, &len))
			node->keys_vary = true;
	}
	make_constant(node, source);
}

/* If nothing below node has a reference, its value is known now. */
static void
make_constant(Node *node, const CnJson *source)
{
	CnJson	  **items;
	bool		same = true;
	int			i;

	for (i = 0; i < node->count; i++)
	{
		if (node->children[i]->constant == NULL)
			return;
		if (!node->object)
			same = same && node->children[i]->constant == source->u.items[i];
	}
	if (node->keys_vary)
		return;
	if (node->object)
		node->constant = constant_object(node, source);
	else if (same)
		node->constant = source;
	else
	{
		items = (CnJson **) palloc(sizeof(CnJson *) * node->count);
		for (i = 0; i < node->count; i++)
			items[i] = (CnJson *) node->children[i]->constant;
		node->constant = cn_json_array(items, node->count);
	}
}

/* The source itself, unless "{{{{" stood in it; NULL if a key could not be compiled. */
static const CnJson *
constant_object(const Node *node, const CnJson *source)
{
	CnJsonMember *members = (CnJsonMember *) palloc(sizeof(CnJsonMember) * Max(node->count, 1));
	bool		same = true;
	int			i;

	for (i = 0; i < node->count; i++)
	{
		const CnJsonMember *member = &source->u.members[i];

		if (node->keys[i] == NULL)
			return NULL;
		cn_template_is_constant(node->keys[i], &members[i].key, &members[i].key_len);
		members[i].value = (CnJson *) node->children[i]->constant;
		same = same && members[i].value == member->value && members[i].key_len == member->key_len;
	}
	return same ? source : cn_json_object(members, node->count);
}

/* Write the text of the topmost constants below node, which is none itself. */
static void
write_constants(Node *node)
{
	int			i;

	for (i = 0; i < node->count; i++)
	{
		if (node->children[i]->constant != NULL)
			write_constant(node->children[i]);
		else
			write_constants(node->children[i]);
	}
}

static void
write_constant(Node *node)
{
	StringInfoData buf;

	initStringInfo(&buf);
	cn_json_write(&buf, node->constant);
	node->constant_text = buf.data;
	node->constant_len = buf.len;
}

/* ---- paths and references ---- */

static char *
node_path(const char *base_path, const Node *node)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, base_path);
	append_path(&buf, node);
	return buf.data;
}

static void
append_path(StringInfo out, const Node *node)
{
	if (node->parent == NULL)
		return;
	append_path(out, node->parent);
	if (node->key != NULL)
		cn_json_path_member(out, node->key);
	else
		cn_json_path_index(out, node->index);
}

typedef struct Visit
{
	void		(*visit) (void *arg, const char *json_path, const CnExpr *expr, int offset);
	void	   *arg;
	const char *json_path;
} Visit;

static void
visit_expr(void *arg, const CnExpr *expr, int offset)
{
	Visit	   *v = (Visit *) arg;

	v->visit(v->arg, v->json_path, expr, offset);
}

static void
each_expr(Visit *v, const char *base_path, const Node *node)
{
	int			i;

	if (node->text != NULL)
	{
		v->json_path = node_path(base_path, node);
		cn_template_each_expr(node->text, visit_expr, v);
	}
	for (i = 0; i < node->count; i++)
	{
		if (node->keys_vary)
		{
			v->json_path = node_path(base_path, node->children[i]);
			cn_template_each_expr(node->keys[i], visit_expr, v);
		}
		each_expr(v, base_path, node->children[i]);
	}
}

void
cn_json_template_each_expr(const CnJsonTemplate *tmpl,
						   void (*visit) (void *arg, const char *json_path, const CnExpr *expr,
										  int offset),
						   void *arg)
{
	Visit		v = {visit, arg, NULL};

	each_expr(&v, tmpl->base_path, tmpl->root);
}

/* ---- evaluating ---- */

static void
start_run(Run *run, const CnScope *scope, CnTemplateError *error)
{
	memset(error, 0, sizeof(*error));
	run->scope = scope;
	run->budget = full_budget(scope);
	run->error = error;
	run->failed = NULL;
}

/*
 * cn_json_template_eval -- value of the template.
 *
 * path_out: gets the JSON path of what failed
 *
 * Returns NULL and *error on failure; see template.h.  The result shares parts
 * with the template, its source and the scope's values; the limit counts it as
 * if it were written out, since that is what becomes of it.
 */
const CnJson *
cn_json_template_eval(const CnJsonTemplate *tmpl, const CnScope *scope, CnTemplateError *error,
					  const char **path_out)
{
	Run			run;
	const CnJson *value;

	start_run(&run, scope, error);
	value = eval_node(&run, tmpl->root);
	if (value == NULL)
		*path_out = node_path(tmpl->base_path, run.failed);
	return value;
}

static const CnJson *
eval_node(Run *run, const Node *node)
{
	if (node->constant != NULL)
	{
		int64		size = node->constant_text != NULL ? node->constant_len
			: cn_json_size(node->constant, run->budget.output);

		return take(run, node, size) ? node->constant : NULL;
	}
	if (node->expr != NULL)
		return eval_expr(run, node);
	if (node->text != NULL)
		return eval_text(run, node, node->text);
	return node->object ? eval_object(run, node) : eval_array(run, node);
}

/* Value of a string that is one reference, not yet taken from the budget. */
static const CnJson *
reference_value(Run *run, const Node *node)
{
	CnTemplateError *error = run->error;
	CnExprError why;
	const CnJson *value = cn_expr_eval_within(node->expr, run->scope, &run->budget.work, &why);

	if (value != NULL)
		return value;
	error->offset = node->expr_offset + why.offset;
	error->missing = why.missing;
	error->limit = why.limit;
	error->path = pstrdup(cn_expr_path(node->expr));
	error->message = why.message;
	run->failed = node;
	return NULL;
}

static const CnJson *
eval_expr(Run *run, const Node *node)
{
	const CnJson *value = reference_value(run, node);

	if (value == NULL || !take(run, node, cn_json_size(value, run->budget.output)))
		return NULL;
	return value;
}

/* node: the one whose string or key text is. */
static const CnJson *
eval_text(Run *run, const Node *node, const CnTemplate *text)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (!cn_template_render_within(text, run->scope, &run->budget, &buf, run->error))
	{
		run->failed = node;
		return NULL;
	}
	/* quotes and escapes; the rest is taken already */
	if (!take(run, node, cn_json_string_size(buf.data, buf.len) - buf.len))
		return NULL;
	return cn_json_string(buf.data, buf.len);
}

static const CnJson *
eval_array(Run *run, const Node *node)
{
	CnJson	  **items = (CnJson **) palloc(sizeof(CnJson *) * Max(node->count, 1));
	int			i;

	for (i = 0; i < node->count; i++)
	{
		items[i] = (CnJson *) eval_node(run, node->children[i]);
		if (items[i] == NULL)
			return NULL;
	}
	return take(run, node, 1 + (int64) node->count) ? cn_json_array(items, node->count) : NULL;
}

static const CnJson *
eval_object(Run *run, const Node *node)
{
	CnJsonMember *members = (CnJsonMember *) palloc(sizeof(CnJsonMember) * Max(node->count, 1));
	int			i;

	for (i = 0; i < node->count; i++)
	{
		const CnJson *key = eval_text(run, node->children[i], node->keys[i]);

		if (key == NULL)
			return NULL;
		members[i].key = key->u.text;
		members[i].key_len = key->len;
		members[i].value = (CnJson *) eval_node(run, node->children[i]);
		if (members[i].value == NULL)
			return NULL;
	}
	return take(run, node, 1 + 2 * (int64) node->count)
		? cn_json_object(members, node->count) : NULL;
}

/* ---- rendering ---- */

/*
 * cn_json_template_render -- append the value as compact JSON text to out.
 *
 * Returns false and *error on failure; see template.h.
 */
bool
cn_json_template_render(const CnJsonTemplate *tmpl, const CnScope *scope, StringInfo out,
						CnTemplateError *error, const char **path_out)
{
	Run			run;

	start_run(&run, scope, error);
	if (render_node(&run, out, tmpl->root))
		return true;
	*path_out = node_path(tmpl->base_path, run.failed);
	return false;
}

static bool
render_node(Run *run, StringInfo out, const Node *node)
{
	const CnJson *value;

	if (node->constant_text != NULL)
	{
		if (!take(run, node, node->constant_len))
			return false;
		appendBinaryStringInfo(out, node->constant_text, node->constant_len);
		return true;
	}
	if (node->expr != NULL)
	{
		value = reference_value(run, node);
		return value != NULL && render_value(run, out, node, value);
	}
	/* keys that vary may turn out the same, which only building the object settles */
	if (node->text == NULL && !node->keys_vary)
		return render_children(run, out, node);
	value = eval_node(run, node);
	if (value == NULL)
		return false;
	cn_json_write(out, value);
	return true;
}

static bool
render_children(Run *run, StringInfo out, const Node *node)
{
	int			i;

	appendStringInfoChar(out, node->object ? '{' : '[');
	for (i = 0; i < node->count; i++)
	{
		const char *key;
		int			len;

		if (i > 0)
			appendStringInfoChar(out, ',');
		if (node->object)
		{
			cn_template_is_constant(node->keys[i], &key, &len);
			if (!take(run, node, cn_json_string_size(key, len) + 1))
				return false;
			cn_json_write_string(out, key, len);
			appendStringInfoChar(out, ':');
		}
		if (!render_node(run, out, node->children[i]))
			return false;
	}
	appendStringInfoChar(out, node->object ? '}' : ']');
	return take(run, node, 1 + (int64) node->count);
}

static bool
render_value(Run *run, StringInfo out, const Node *node, const CnJson *value)
{
	if (!take(run, node, cn_json_size(value, run->budget.output)))
		return false;
	cn_json_write(out, value);
	return true;
}

/* Take bytes from what may be put out; false with the error set if they are too many. */
static bool
take(Run *run, const Node *node, int64 bytes)
{
	if (bytes <= run->budget.output)
	{
		run->budget.output -= bytes;
		return true;
	}
	run->error->limit = true;
	run->error->message = pstrdup("the result is larger than allowed");
	run->failed = node;
	return false;
}
