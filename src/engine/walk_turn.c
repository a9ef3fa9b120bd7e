/*
 * walk_turn.c -- where a walk begins: with its input, with each record of a parent, and anew.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "utils/memutils.h"

#include "core/jsonb.h"
#include "engine/input.h"
#include "engine/internal.h"
#include "engine/walk_internal.h"

/* ---- inputs ---- */

/* The members of both; those of b count where both have one. */
static CnJson *
merge(const CnJson *a, const CnJson *b)
{
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (a->len + b->len + 1));
	int			count = 0;

	for (int i = 0; i < a->len; i++)
		if (cn_json_get(b, a->u.members[i].key) == NULL)
			members[count++] = a->u.members[i];
	for (int i = 0; i < b->len; i++)
		members[count++] = b->u.members[i];
	return cn_json_object(members, count);
}

static CnJson *
one_member(const char *key, CnJson *value)
{
	CnJsonMember *member = palloc(sizeof(CnJsonMember));

	member->key = key;
	member->key_len = strlen(key);
	member->value = value;
	return cn_json_object(member, 1);
}

/* Those members of input that known names; all of them if it is NULL. */
static const CnJson *
select_known(const CnJson *input, const CnJson *known)
{
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (input->len + 1));
	int			count = 0;

	if (known == NULL)
		return input;
	for (int i = 0; i < input->len; i++)
		if (cn_json_get(known, input->u.members[i].key))
			members[count++] = input->u.members[i];
	return cn_json_object(members, count);
}

/* NULL: there is none. */
static const CnJson *
bound_of(const CnWalk *walk)
{
	const char *name = walk->stream->bound_input;
	const CnJson *value = name ? cn_json_get(walk->input, name) : NULL;

	return value && value->type != CN_JSON_NULL ? value : NULL;
}

/* The input with the lower bound as the service wants it; NULL if it cannot be. */
static CnJson *
with_bound(const CnWalk *walk)
{
	const CnStream *stream = walk->stream;
	const CnJson *value = bound_of(walk);
	CnJson	   *bound = value ? cn_bound_convert(value, stream->bound_format) : NULL;

	if (value == NULL)
		return walk->input;
	return bound ? merge(walk->input, one_member(stream->bound_input, bound)) : NULL;
}

static bool
fits(const CnWalk *walk, const CnJson *input, CnFailure *failure)
{
	const CnSchema *schema = walk->stream->input_schema;

	return schema == NULL || cn_input_check_value(schema, input, "the input", failure);
}

/*
 * Check the input, and convert the bound in it.  What records have, and a later walk is given as
 * its bound, need not be of the form that the schema asks for, if the service's form of it is.
 */
static bool
take_input(CnWalk *walk)
{
	CnJson	   *converted = with_bound(walk);
	CnFailure	failure = {CN_OK};
	CnFailure	ignored = {CN_OK};

	if (!fits(walk, walk->input, &failure) &&
		!(converted && converted != walk->input && fits(walk, converted, &ignored)))
	{
		if (failure.code == CN_INPUT_INVALID)
			failure.hint = psprintf("The input_schema of the stream \"%s\" says what it takes.",
									walk->stream->name);
		cn_walk_fail(walk, &failure, "");
		return false;
	}
	if (converted == NULL)
	{
		failure.code = CN_OK;
		cn_fail(&failure, CN_INPUT_INVALID, "input.%s is no point in time", walk->stream->bound_input);
		failure.hint = "It may be a text such as 2026-01-31T12:00:00Z, or a number of seconds or milliseconds since 1970.";
		cn_walk_fail(walk, &failure, "");
		return false;
	}
	walk->input = converted;
	return true;
}

/* ---- turns ---- */

/*
 * Begin with the first page of what input stands for.  value: the parent's record, and note what
 * of the input came from it, both in the turn's context, which is current; or NULL.
 */
static bool
begin_turn(CnWalk *walk, const CnJson *value, const CnJson *note)
{
	const CnStream *stream = walk->stream;

	walk->turn++;
	walk->parent_value = value;
	walk->note = note;
	walk->input = merge(walk->own_input, note ? note : cn_json_object(NULL, 0));
	walk->last.text = NULL;
	walk->new_window = true;
	cn_paging_begin(&walk->paging, stream->pagination, stream->definition->credential_count == 0);
	if (walk->given.max_pages > 0)
		walk->paging.max_pages = PG_INT64_MAX;
	walk->more = take_input(walk);
	if (walk->more && stream->bound_resumes && cn_walk_is_mark(bound_of(walk)))
		cn_paging_resume(&walk->paging, bound_of(walk));
	return walk->more;
}

/* What the templates of a parent's "with" and "input" read. */
typedef struct ParentScope
{
	const CnJson *parent;		/* NULL: nothing */
	const CnJson *input;
} ParentScope;

static const CnJson *
parent_root(void *arg, const char *name)
{
	const ParentScope *scope = arg;

	if (strcmp(name, "parent") == 0)
		return scope->parent;
	return strcmp(name, "input") == 0 ? scope->input : NULL;
}

/* NULL and the walk's failure if it cannot be rendered. */
static const CnJson *
render(CnWalk *walk, const CnJsonTemplate *tmpl, const CnJson *parent)
{
	ParentScope parent_scope = {.parent = parent,.input = walk->given.input};
	CnScope		scope = {.root = parent_root,.arg = &parent_scope};
	CnTemplateError error;
	const char *path = NULL;
	const CnJson *value = cn_json_template_eval(tmpl, &scope, &error, &path);
	CnFailure	failure = {CN_OK};

	if (value)
		return value;
	cn_fail(&failure, error.limit ? CN_LIMIT_EXCEEDED : CN_INPUT_INVALID, "%s: %s",
			path ? path : walk->stream->name, error.message);
	cn_walk_fail(walk, &failure, "");
	return NULL;
}

CnWalkResult
cn_walk_next_turn(CnWalk *walk)
{
	CnWalkResult result;
	MemoryContext old;
	Jsonb	   *record;

	/* of the turn before, nobody wants anything any more: the current page has its own copies */
	Assert(walk->ahead == NULL);
	MemoryContextReset(walk->turn_context);
	old = MemoryContextSwitchTo(walk->turn_context);
	result = cn_walk_next(walk->parent, &record);
	if (result == CN_WALK_RECORD)
	{
		const CnJson *value = cn_json_from_jsonb(record);
		const CnJson *note = render(walk, walk->stream->with_template, value);

		if (note == NULL || !begin_turn(walk, value, note))
			result = CN_WALK_FAILED;
	}
	else if (result == CN_WALK_FAILED)
		cn_walk_fail(walk, cn_walk_failure(walk->parent),
				  psprintf("%s: ", walk->parent->stream->name));
	MemoryContextSwitchTo(old);
	return result;
}

/* ---- beginning anew ---- */

/* Of a text or number. */
static CnJson *
copy_scalar(const CnJson *value)
{
	return value->type == CN_JSON_NUMBER ? cn_json_number(value->u.text, value->len)
		: cn_json_string(value->u.text, value->len);
}

void
cn_walk_restart_at(CnWalk *walk, const char *input, const CnJson *last)
{
	CnJson	   *value = copy_scalar(last);

	if (walk->stream->bound_input && strcmp(input, walk->stream->bound_input) == 0)
	{
		CnJson	   *bound = cn_bound_convert(value, walk->stream->bound_format);

		value = bound ? bound : value;
	}
	walk->input = merge(walk->input, one_member(pstrdup(input), value));
	walk->new_window = true;
}

bool
cn_walk_restart_after_failure(CnWalk *walk, const CnPage *page)
{
	const CnStream *stream = walk->stream;
	MemoryContext old;
	bool		fine;

	if (page->execution->steps[0].action != CN_ACTION_RESET_PAGINATION ||
		(walk->last.text == NULL && !stream->bound_resumes))
		return false;
	old = MemoryContextSwitchTo(walk->turn_context);
	fine = cn_paging_restart(&walk->paging, stream->bound_resumes ? cn_json_string("first", -1)
							 : cn_walk_mark_value(&walk->last));
	if (fine && !stream->bound_resumes)
		cn_walk_restart_at(walk, stream->bound_input, cn_walk_mark_value(&walk->last));
	MemoryContextSwitchTo(old);
	walk->more = fine;
	return fine;
}

/* ---- beginning ---- */

/* Does input have all that "with" would make?  Then it means one record of the parent. */
static bool
has_parent_values(const CnJson *input, const CnJson *with)
{
	for (int i = 0; i < with->len; i++)
		if (cn_json_get(input, with->u.members[i].key) == NULL)
			return false;
	return with->len > 0;
}

static void
begin_parent(CnWalk *walk)
{
	const CnStream *stream = walk->stream;
	CnWalkInput input = walk->given;

	input.stream = stream->parent;
	input.max_pages = 0;
	input.cursor = false;
	input.shared = true;
	if (stream->parent_input)
	{
		input.shared = false;
		input.input = render(walk, stream->parent_input, NULL);
		if (input.input == NULL)
			return;
	}
	walk->parent = cn_walk_begin(&input, walk->context);
}

/* Is there a stream among these that knows an input of that name, or may? */
static bool
is_known(const CnStream *stream, const char *name)
{
	for (; stream; stream = stream->parent)
		if (stream->known_inputs == NULL || cn_json_get(stream->known_inputs, name) ||
			stream->parent_input)
			return true;
	return false;
}

/* Each stream takes what it knows; what none of them knows is a mistake. */
static bool
check_known(CnWalk *walk)
{
	const CnJson *input = walk->given.input;
	CnFailure	failure = {CN_OK};

	for (int i = 0; i < input->len && failure.code == CN_OK; i++)
		if (!is_known(walk->stream, input->u.members[i].key))
			cn_fail(&failure, CN_INPUT_INVALID, "input.%s is nothing that the stream or its parents take",
					input->u.members[i].key);
	if (failure.code == CN_OK)
		return true;
	failure.hint = "The input_schema of each stream in the provider's definition says what it takes.";
	cn_walk_fail(walk, &failure, "");
	return false;
}

/* What of the input is for this stream: all, where there is no other one. */
static const CnJson *
choose_input(const CnWalk *walk)
{
	const CnWalkInput *given = &walk->given;

	if (walk->stream->parent == NULL && !given->shared)
		return given->input;
	return select_known(given->input, walk->stream->known_inputs);
}

/* What fails here does so at the first record. */
static void
begin(CnWalk *walk)
{
	const CnStream *stream = walk->stream;

	if (stream->parent && !walk->given.shared && !check_known(walk))
		return;
	if (stream->parent && !has_parent_values(walk->own_input, stream->with))
	{
		begin_parent(walk);
		return;
	}
	MemoryContextSwitchTo(walk->turn_context);
	(void) begin_turn(walk, NULL,
					  stream->parent ? select_known(walk->own_input, stream->with) : NULL);
}

CnWalk *
cn_walk_begin(const CnWalkInput *input, MemoryContext context)
{
	MemoryContext own = AllocSetContextCreate(context, "connector walk", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(own);
	CnWalk	   *walk = palloc0(sizeof(CnWalk));
	const CnStream *stream = input->stream;

	walk->given = *input;
	walk->stream = stream;
	walk->context = own;
	walk->turn_context = AllocSetContextCreate(own, "connector walk turn", ALLOCSET_SMALL_SIZES);
	walk->record_context = AllocSetContextCreate(own, "connector walk record", ALLOCSET_SMALL_SIZES);
	walk->salt = pg_prng_uint64(&pg_global_prng_state);
	walk->own_input = choose_input(walk);
	begin(walk);
	MemoryContextSwitchTo(old);
	return walk;
}
