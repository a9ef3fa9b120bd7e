/*
 * plan.c -- a polling trigger, as its provider defines it.
 */
#include "postgres.h"

#include "catalog/compile.h"
#include "core/digest.h"
#include "trigger/plan.h"

/* What is being put together. */
typedef struct Build
{
	CnTriggerPlan *plan;
	const CnTriggerNames *names;
	const CnJson *provider;
	const CnJson *trigger;		/* NULL: a stream without one */
	const CnJson *stream;
	CnProblems	problems;
} Build;

static const CnJson *
object_member(const CnJson *object, const char *key)
{
	const CnJson *value = cn_json_get(object, key);

	return value && value->type == CN_JSON_OBJECT ? value : NULL;
}

static CnTriggerType
type_of(const CnJson *trigger)
{
	const char *type = cn_json_get_string(trigger, "type");

	if (type == NULL)
		return CN_TRIGGER_NONE;
	return strcmp(type, "poll") == 0 ? CN_TRIGGER_POLL : CN_TRIGGER_WEBHOOK;
}

/* "new_issue, updated_issue": those that are polled. */
static char *
poll_triggers(const CnJson *triggers)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; triggers && i < triggers->len; i++)
	{
		const CnJsonMember *member = &triggers->u.members[i];

		if (type_of(member->value) == CN_TRIGGER_POLL)
			appendStringInfo(&names, "%s%s", names.len ? ", " : "", member->key);
	}
	return names.data;
}

CnTriggerType
cn_trigger_type(const pg_uuid_t *workspace, const char *provider, const char *name,
				MemoryContext context)
{
	const CnProvider *found = cn_provider_find(workspace, provider, context);

	if (found == NULL)
		return CN_TRIGGER_NONE;
	return type_of(object_member(object_member(cn_provider_definition(found), "triggers"), name));
}

/* ---- the definition ---- */

static bool
find_trigger(Build *build, CnFailure *failure)
{
	const CnTriggerNames *names = build->names;
	const CnJson *triggers = object_member(build->provider, "triggers");

	build->plan->stream = names->stream;
	if (names->trigger == NULL)
		return true;
	build->trigger = object_member(triggers, names->trigger);
	if (build->trigger == NULL)
	{
		cn_fail(failure, CN_CONFIG_INVALID, "provider \"%s\" has no trigger \"%s\"",
				names->provider, names->trigger);
		failure->hint = psprintf("Those that are polled are: %s.", poll_triggers(triggers));
		return false;
	}
	if (type_of(build->trigger) == CN_TRIGGER_POLL)
	{
		build->plan->stream = cn_json_get_string(build->trigger, "stream");
		return true;
	}
	cn_fail(failure, CN_CONFIG_INVALID,
			"trigger \"%s\" of provider \"%s\" waits for webhooks, which are not yet received",
			names->trigger, names->provider);
	failure->hint = psprintf("Those that are polled are: %s.", poll_triggers(triggers));
	return false;
}

static void
compile_path(Build *build, const char *written, const char *name, CnPath *path)
{
	CnCompiler	c = {.problems = &build->problems};

	cn_compile_path(&c, written, cn_compile_child("$", name), path);
}

/* A field's name, or a list of them. */
static void
compile_keys(Build *build, const CnJson *value, const char *name)
{
	CnTriggerPlan *plan = build->plan;
	int			count = value->type == CN_JSON_ARRAY ? value->len : 1;

	plan->keys = palloc0(sizeof(CnPath) * (count + 1));
	for (int i = 0; i < count; i++)
	{
		const CnJson *item = value->type == CN_JSON_ARRAY ? value->u.items[i] : value;

		if (item->type == CN_JSON_STRING)
			compile_path(build, item->u.text, name, &plan->keys[plan->key_count++]);
	}
}

/*
 * "dedupe" is all that tells one piece of news from another.  Without it the key of the stream
 * tells records apart, and the cursor, or else all that is in them, that one has changed.
 */
static void
compile_identity(Build *build)
{
	CnTriggerPlan *plan = build->plan;
	const CnJson *dedupe = cn_json_get(build->trigger, "dedupe");
	const CnJson *key = cn_json_get(build->stream, "primary_key");
	const char *cursor = cn_json_get_string(build->stream, "cursor_field");

	if (dedupe && dedupe->type == CN_JSON_ARRAY)
	{
		compile_keys(build, dedupe, "dedupe");
		return;
	}
	if (key && key->type != CN_JSON_NULL)
		compile_keys(build, key, "primary_key");
	plan->versioned = plan->updated && plan->key_count > 0;
	if (plan->versioned && cursor)
		compile_path(build, cursor, "cursor_field", &plan->version);
}

static void
compile(Build *build)
{
	CnTriggerPlan *plan = build->plan;
	const char *event = build->trigger ? cn_json_get_string(build->trigger, "event")
		: build->names->event;
	const char *created = cn_json_get_string(build->trigger, "created_field");
	const char *filter = cn_json_get_string(build->trigger, "filter");
	const CnJson *interval = cn_json_get(build->trigger, "interval");

	plan->updated = event && strcmp(event, "updated") == 0;
	plan->interval = interval && interval->type == CN_JSON_NUMBER ? atoi(interval->u.text)
		: CN_TRIGGER_DEFAULT_INTERVAL;
	plan->input = object_member(build->trigger, "input");
	build->stream = object_member(object_member(build->provider, "streams"), plan->stream);
	compile_identity(build);
	if (created)
		compile_path(build, created, "created_field", &plan->created);
	if (filter)
		compile_path(build, filter, "filter", &plan->filter);
}

static bool
build_plan(Build *build, const pg_uuid_t *workspace, const char *owner, MemoryContext context,
		   CnFailure *failure)
{
	const CnTriggerNames *names = build->names;
	const CnProvider *provider = cn_provider_find(workspace, names->provider, context);

	if (provider)
	{
		build->provider = cn_provider_definition(provider);
		if (!find_trigger(build, failure))
			return false;
	}
	build->plan->source = cn_stream_source_open(workspace, owner, names->provider, names->label,
												provider ? build->plan->stream : "", context, failure);
	if (build->plan->source == NULL)
		return false;
	compile(build);
	if (build->problems.count == 0)
		return true;
	cn_fail(failure, CN_CONFIG_INVALID, "the trigger's definition cannot be used");
	failure->detail = cn_problems_text(&build->problems);
	return false;
}

CnTriggerPlan *
cn_trigger_plan(const pg_uuid_t *workspace, const char *owner, const CnTriggerNames *names,
				MemoryContext context, CnFailure *failure)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Build		build = {.plan = palloc0(sizeof(CnTriggerPlan)),.names = names};
	bool		fine = build_plan(&build, workspace, owner, context, failure);

	MemoryContextSwitchTo(old);
	return fine ? build.plan : NULL;
}

static void
append_path(StringInfo text, const CnPath *path)
{
	appendStringInfoString(text, path->text ? path->text : "");
	appendStringInfoChar(text, '\0');
}

void
cn_trigger_told_by(const CnTriggerPlan *plan, pg_uuid_t *digest)
{
	uint8		bytes[CN_DIGEST_MAX];
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfoChar(&text, plan->versioned ? 'v' : 'k');
	append_path(&text, &plan->version);
	for (int i = 0; i < plan->key_count; i++)
		append_path(&text, &plan->keys[i]);
	if (!cn_digest(CN_DIGEST_SHA256, text.data, text.len, bytes))
		elog(ERROR, "could not compute a SHA-256 digest");
	memcpy(digest->data, bytes, UUID_LEN);
	pfree(text.data);
}

/* ---- the input ---- */

/* Where a member is given more than once, the last one counts. */
const CnJson *
cn_trigger_input(const CnTriggerPlan *plan, const CnJson *input, const CnJson *bound)
{
	const char *name = plan->source->stream->bound_input;
	int			authors = plan->input ? plan->input->len : 0;
	CnJsonMember *members = palloc(sizeof(CnJsonMember) * (authors + input->len + 1));
	int			count = authors + input->len;

	if (authors > 0)
		memcpy(members, plan->input->u.members, sizeof(CnJsonMember) * authors);
	if (input->len > 0)
		memcpy(members + authors, input->u.members, sizeof(CnJsonMember) * input->len);
	if (bound && name)
	{
		members[count].key = name;
		members[count].key_len = strlen(name);
		members[count++].value = unconstify(CnJson *, bound);
	}
	return cn_json_object(members, count);
}
