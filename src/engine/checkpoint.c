/*
 * checkpoint.c -- what is kept of an execution between its steps, and put back by another run.
 *
 *   {"version": 1, "started_at": n, "key_id": "...", "next": "b",
 *    "steps": [{"id": "a", "status": "success", "output": ..., ...}]}
 *
 * A step that is over has its record, of which later steps, the result and the history read; one
 * that was begun has its start and the attempts it has behind it.  Nothing is kept of the rest.
 *
 * The definition may have changed by the time it is read.  A record counts only if all that
 * comes before it in the list has one that counts.  A step that is to run again though it must
 * not be repeated is put in doubt instead, and is not sent.
 *
 * What is read is taken for the work of a stranger: it never raises.
 */
#include "postgres.h"

#include <limits.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "core/clock.h"
#include "core/jsonb.h"
#include "core/uuid.h"
#include "engine/internal.h"
#include "engine/settings.h"

#define VERSION 1

/* What is said of a step. */
typedef enum Mark
{
	MARK_NONE,
	MARK_BEGUN,					/* not over; its condition held */
	MARK_DOUBTFUL,				/* not over, and not to be sent: see CnDoubt */
	MARK_SUCCESS,				/* the rest: over */
	MARK_SKIPPED,
	MARK_FAILED
} Mark;

static const char *const mark_names[] = {
	[MARK_BEGUN] = "begun",
	[MARK_DOUBTFUL] = "doubtful",
	[MARK_SUCCESS] = "success",
	[MARK_SKIPPED] = "skipped",
	[MARK_FAILED] = "failed",
};

/* ---- writing ---- */

/* Members that say nothing are left out. */
static void
put_text(CnJsonbBuilder *b, const char *key, const char *value)
{
	if (value == NULL)
		return;
	cn_build_key(b, key);
	cn_build_string(b, value);
}

static void
put_int(CnJsonbBuilder *b, const char *key, int64 value)
{
	if (value == 0)
		return;
	cn_build_key(b, key);
	cn_build_int(b, value);
}

static void
put_flag(CnJsonbBuilder *b, const char *key, bool value)
{
	if (!value)
		return;
	cn_build_key(b, key);
	cn_build_bool(b, true);
}

static void
put_value(CnJsonbBuilder *b, const char *key, Jsonb *value)
{
	if (value == NULL)
		return;
	cn_build_key(b, key);
	cn_build_jsonb(b, value);
}

/* Nobody but the history reads it, so it is no larger than it would be there. */
static void
put_payload(CnJsonbBuilder *b, const char *key, Jsonb *value)
{
	int64		limit = (int64) cn_engine_max_logged_payload * 1024;

	if (value && limit >= 0 && VARSIZE(value) > limit)
		value = cn_jsonb_truncated(VARSIZE(value));
	put_value(b, key, value);
}

static void
put_failure(CnJsonbBuilder *b, const CnFailure *failure)
{
	put_text(b, "error_code", cn_code_info(failure->code)->name);
	put_text(b, "message", failure->message);
	put_text(b, "remote_message", failure->remote_message);
	put_text(b, "detail", failure->detail);
	put_text(b, "hint", failure->hint);
	put_int(b, "error_status", failure->http_status);
}

static void
put_request(CnJsonbBuilder *b, const CnStepRecord *record)
{
	put_text(b, "method", record->method);
	put_text(b, "url", record->url);
	put_int(b, "request_bytes", record->request_bytes);
	put_int(b, "response_bytes", record->response_bytes);
	put_int(b, "redirects", record->redirects);
	put_payload(b, "request_body", record->request_body);
	if (record->reply && record->reply == record->output)
		put_flag(b, "reply_is_output", true);
	else
		put_payload(b, "reply", record->reply);
}

static void
put_record(CnJsonbBuilder *b, const CnStep *step)
{
	const CnStepRecord *record = &step->record;

	put_request(b, record);
	if (!step->def->is_group)
		put_value(b, "output", record->output);
	if (record->status == CN_STEP_FAILED)
		put_failure(b, &record->failure);
	put_int(b, "duration_us", (int64) (record->duration_ms * 1000));
	put_flag(b, "out_of_time", step->out_of_time);
	put_flag(b, "given_up", step->given_up);
}

static Mark
mark_of(const CnStep *step)
{
	static const Mark over[] = {
		[CN_STEP_NOT_REACHED] = MARK_NONE, [CN_STEP_SUCCESS] = MARK_SUCCESS,
		[CN_STEP_SKIPPED] = MARK_SKIPPED, [CN_STEP_FAILED] = MARK_FAILED
	};

	if (step->state == CN_STEP_OVER)
		return over[step->record.status];
	if (step->doubt)
		return MARK_DOUBTFUL;
	return step->started_us ? MARK_BEGUN : MARK_NONE;
}

static void
put_step(CnJsonbBuilder *b, const CnStep *step)
{
	const CnStepDef *def = step->def;
	Mark		mark = mark_of(step);

	if (mark == MARK_NONE)
		return;
	cn_build_begin_object(b);
	put_text(b, "id", def->id);
	put_text(b, "group", def->group ? def->group->id : NULL);
	put_flag(b, "is_group", def->is_group);
	put_text(b, "status", mark_names[mark]);
	/* one under way has not been made: the next run makes it */
	put_int(b, "attempts", step->record.attempts - (step->state == CN_STEP_SENDING));
	put_int(b, "http_status", step->record.http_status);
	put_int(b, "started_us", (int64) (step->record.started_ms * 1000));
	if (step->state == CN_STEP_OVER)
		put_record(b, step);
	cn_build_end_object(b);
}

static void
put_id(CnJsonbBuilder *b, const char *key, const pg_uuid_t *id)
{
	char	   *text = palloc(CN_UUID_TEXT_LEN + 1);	/* read when all is built */

	put_text(b, key, cn_uuid_text(id, text));
}

static Jsonb *
write_checkpoint(const CnExecution *execution)
{
	const CnStep *next = cn_exec_next_step(execution);
	CnJsonbBuilder b = {0};

	cn_build_begin_object(&b);
	put_int(&b, "version", VERSION);
	cn_build_key(&b, "started_at");
	cn_build_int(&b, execution->outcome.started_at);
	if (!cn_uuid_equal(&execution->key_id, &execution->id))
		put_id(&b, "key_id", &execution->key_id);
	put_text(&b, "next", next ? next->def->id : NULL);
	cn_build_key(&b, "steps");
	cn_build_begin_array(&b);
	for (int i = 0; i < execution->given.definition->all_count; i++)
		put_step(&b, &execution->steps[i]);
	cn_build_end_array(&b);
	cn_build_end_object(&b);
	return cn_build_done(&b);
}

Jsonb *
cn_exec_checkpoint(const CnExecution *execution)
{
	MemoryContext context = CurrentMemoryContext;
	Jsonb	   *volatile checkpoint = NULL;
	CnFailure	ignored = {CN_OK};

	PG_TRY();
	{
		checkpoint = write_checkpoint(execution);
	}
	PG_CATCH();
	{
		if (!cn_too_large(context, &ignored, "the checkpoint"))
			PG_RE_THROW();
	}
	PG_END_TRY();
	return checkpoint;
}

/* ---- reading values ---- */

/* An object; what is wrong with it is noted, and reading goes on. */
typedef struct Reader
{
	JsonbContainer *object;
	const char *wrong;			/* the key of what is not as it should be; NULL: all is well */
} Reader;

/* Numbers of this size can be added without harm. */
#define MAX_COUNT (INT_MAX / 2)
#define MAX_US (PG_INT64_MAX / 4)

static bool
begin_object(Reader *reader, const JsonbValue *value)
{
	reader->wrong = NULL;
	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		return false;
	reader->object = value->val.binary.data;
	return true;
}

/* NULL: there is none of that key, or it is of another type, which is noted. */
static JsonbValue *
find(Reader *reader, const char *key, enum jbvType type, JsonbValue *buffer)
{
	JsonbValue *found = getKeyJsonValueFromContainer(reader->object, key, strlen(key), buffer);

	if (found && found->type != type)
	{
		reader->wrong = key;
		return NULL;
	}
	return found;
}

static char *
read_text(Reader *reader, const char *key)
{
	JsonbValue	buffer;
	JsonbValue *found = find(reader, key, jbvString, &buffer);

	return found ? pnstrdup(found->val.string.val, found->val.string.len) : NULL;
}

static bool
read_flag(Reader *reader, const char *key)
{
	JsonbValue	buffer;
	JsonbValue *found = find(reader, key, jbvBool, &buffer);

	return found && found->val.boolean;
}

static int64
read_int(Reader *reader, const char *key, int64 least, int64 most)
{
	JsonbValue	buffer;
	JsonbValue *found = find(reader, key, jbvNumeric, &buffer);
	char	   *text;
	char	   *end;
	int64		value;

	if (found == NULL)
		return 0;
	text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(found->val.numeric)));
	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || value < least || value > most)
	{
		reader->wrong = key;
		return 0;
	}
	return value;
}

static int
read_count(Reader *reader, const char *key)
{
	return (int) read_int(reader, key, 0, MAX_COUNT);
}

/*
 * As milliseconds.  The history cuts off what is less than a microsecond; the half keeps it
 * from cutting one off a number that a double cannot hold exactly.
 */
static double
read_duration(Reader *reader, const char *key)
{
	int64		us = read_int(reader, key, 0, MAX_US);

	return us ? (us + 0.5) / 1000.0 : 0;
}

/* A copy of any value. */
static Jsonb *
read_value(Reader *reader, const char *key)
{
	JsonbValue	buffer;
	JsonbValue *found = getKeyJsonValueFromContainer(reader->object, key, strlen(key), &buffer);

	return found ? JsonbValueToJsonb(found) : NULL;
}

/* ---- reading steps ---- */

/* What a checkpoint says of a step of the definition. */
typedef struct Saved
{
	Mark		mark;
	bool		fits;			/* the step stands where it did */
	CnStepRecord record;
	bool		out_of_time;
	bool		given_up;
} Saved;

static Mark
read_mark(Reader *reader)
{
	const char *name = read_text(reader, "status");

	for (int i = MARK_BEGUN; name && i < lengthof(mark_names); i++)
		if (strcmp(mark_names[i], name) == 0)
			return (Mark) i;
	reader->wrong = "status";
	return MARK_NONE;
}

static void
read_failure(Reader *reader, CnFailure *failure)
{
	const char *code = read_text(reader, "error_code");

	failure->code = code ? cn_code_by_name(code) : CN_OK;
	failure->message = read_text(reader, "message");
	failure->remote_message = read_text(reader, "remote_message");
	failure->detail = read_text(reader, "detail");
	failure->hint = read_text(reader, "hint");
	failure->http_status = read_count(reader, "error_status");
	if (failure->code == CN_OK || failure->message == NULL)
		reader->wrong = "error_code";
}

static void
read_request(Reader *reader, CnStepRecord *record, CnKeep keep)
{
	record->method = read_text(reader, "method");
	record->url = read_text(reader, "url");
	record->request_bytes = read_int(reader, "request_bytes", 0, MAX_US);
	record->response_bytes = read_int(reader, "response_bytes", 0, MAX_US);
	record->redirects = read_count(reader, "redirects");
	if (keep == CN_KEEP_NONE)
		return;
	record->request_body = read_value(reader, "request_body");
	record->reply = read_flag(reader, "reply_is_output") ? record->output
		: read_value(reader, "reply");
}

static void
read_record(Reader *reader, Saved *saved, CnKeep keep)
{
	CnStepRecord *record = &saved->record;

	record->status = saved->mark == MARK_SUCCESS ? CN_STEP_SUCCESS
		: saved->mark == MARK_SKIPPED ? CN_STEP_SKIPPED : CN_STEP_FAILED;
	if (saved->mark == MARK_SUCCESS)
		record->output = read_value(reader, "output");
	if (saved->mark == MARK_FAILED)
		read_failure(reader, &record->failure);
	read_request(reader, record, keep);
	record->duration_ms = read_duration(reader, "duration_us");
	saved->out_of_time = read_flag(reader, "out_of_time");
	saved->given_up = read_flag(reader, "given_up");
}

static bool
is_in_place(Reader *reader, const CnStepDef *def)
{
	const char *group = read_text(reader, "group");
	bool		is_group = read_flag(reader, "is_group");

	if (is_group != def->is_group || (group == NULL) != (def->group == NULL))
		return false;
	return group == NULL || strcmp(group, def->group->id) == 0;
}

/* Take one of the list; false and *wrong if it cannot be read. */
static bool
read_step(const CnExecution *execution, const JsonbValue *value, Saved *all, const char **wrong)
{
	Reader		reader;
	const char *id;
	const CnStepDef *def;
	Saved	   *saved;

	*wrong = "steps";
	if (!begin_object(&reader, value) || (id = read_text(&reader, "id")) == NULL)
		return false;
	def = cn_definition_step(execution->given.definition, id);
	if (def == NULL)
		return true;			/* it is gone */
	saved = &all[def->index];
	saved->record.def = def;
	saved->mark = read_mark(&reader);
	saved->fits = is_in_place(&reader, def);
	saved->record.attempts = read_count(&reader, "attempts");
	saved->record.http_status = read_count(&reader, "http_status");
	saved->record.started_ms = read_duration(&reader, "started_us");
	if (saved->mark >= MARK_SUCCESS)
		read_record(&reader, saved, execution->given.keep);
	*wrong = reader.wrong;
	return reader.wrong == NULL;
}

static bool
read_steps(const CnExecution *execution, Reader *top, Saved *all)
{
	JsonbValue	buffer;
	JsonbValue *list = find(top, "steps", jbvBinary, &buffer);

	if (list == NULL || !JsonContainerIsArray(list->val.binary.data))
	{
		top->wrong = "steps";
		return false;
	}
	for (int i = 0; i < JsonContainerSize(list->val.binary.data); i++)
		if (!read_step(execution, getIthJsonbValueFromContainer(list->val.binary.data, i), all,
					   &top->wrong))
			return false;
	return true;
}

/* ---- putting back ---- */

static CnStep *
step_of(CnExecution *execution, const CnStepDef *def)
{
	return &execution->steps[def->index];
}

/* What the credential of a finished step was is to be blanked in the replies to later ones. */
static void
recall_secrets(CnStep *step)
{
	CnExecution *execution = step->execution;
	const CnExecCredential *credential = cn_exec_credential(execution, step->def);
	CnFailure	ignored = {CN_OK};

	if (credential && credential->opened && step->record.method)
		(void) cn_secrets_init(&step->secrets, credential->opened, execution->context, &ignored);
}

static void
restore_over(CnStep *step, const Saved *saved)
{
	step->record = saved->record;
	step->out_of_time = saved->out_of_time;
	step->given_up = saved->given_up;
	recall_secrets(step);
	cn_step_restore(step);
}

/* Not so a group that has got another step. */
static bool
may_be_over(const CnStep *step)
{
	return !step->def->is_group || cn_step_is_over(step);
}

static void
restore_begun(CnStep *step, const Saved *saved)
{
	step->begun = true;
	step->record.attempts = saved->record.attempts;
	step->record.http_status = saved->record.http_status;
	step->record.started_ms = saved->record.started_ms;
	step->started_us = step->execution->started_us + (int64) (saved->record.started_ms * 1000);
}

/* What is said of the step does not count: it runs again, unless that might be twice. */
static void
forget_step(CnStep *step, const Saved *saved)
{
	bool		sent = saved->mark >= MARK_SUCCESS && saved->record.attempts > 0;

	if ((sent || saved->mark == MARK_DOUBTFUL) &&
		!step->def->is_group && cn_step_def_is_single_shot(step->def))
		step->doubt = CN_DOUBT_MOVED;
}

/* A step or a group without its steps.  counts: all that comes before it is over. */
static void
restore_one(CnStep *step, const Saved *saved, bool counts)
{
	if (!counts || !saved->fits || saved->mark == MARK_DOUBTFUL)
		forget_step(step, saved);
	else if (saved->mark >= MARK_SUCCESS && may_be_over(step))
		restore_over(step, saved);
	else if (saved->mark != MARK_SKIPPED)
		restore_begun(step, saved);
}

/* The steps of a group do not wait for each other, so each counts. */
static void
restore_step(CnStep *step, const Saved *all, bool counts)
{
	for (int i = 0; i < step->def->step_count; i++)
	{
		CnStep	   *member = step_of(step->execution, step->def->steps[i]);

		restore_one(member, &all[member->def->index], counts);
		/* then the group's condition held, whatever is said of that */
		step->begun |= member->restored && member->record.status != CN_STEP_SKIPPED;
	}
	restore_one(step, &all[step->def->index], counts);
}

static void
restore_steps(CnExecution *execution, const Saved *all)
{
	const CnDefinition *def = execution->given.definition;
	bool		counts = true;

	for (int i = 0; i < def->step_count; i++)
	{
		CnStep	   *step = step_of(execution, def->steps[i]);

		restore_step(step, all, counts);
		counts = counts && cn_step_is_over(step);
	}
}

/* The clock goes on from the first start, which this moment cannot be before. */
static void
restore_times(CnExecution *execution, TimestampTz started_at)
{
	int64		elapsed_us = execution->outcome.started_at - started_at;

	execution->outcome.started_at = started_at;
	execution->started_us -= Max(elapsed_us, 0);
}

/* Whoever ran it died: what must not be sent twice may have been under way. */
static void
doubt_step(CnStep *step)
{
	for (int i = 0; i < step->def->step_count; i++)
		doubt_step(step_of(step->execution, step->def->steps[i]));
	if (!step->def->is_group && cn_step_is_single_shot(step))
		step->doubt = CN_DOUBT_INTERRUPTED;
}

static bool
refuse(CnExecution *execution, const char *wrong)
{
	cn_fail(&execution->broken, CN_INTERNAL,
			"the checkpoint cannot be read: its \"%s\" is not what it should be", wrong);
	return false;
}

static bool
read_checkpoint(CnExecution *execution)
{
	const CnExecInput *given = &execution->given;
	Saved	   *all = palloc0(sizeof(Saved) * given->definition->all_count);
	Reader		top = {.object = &given->checkpoint->root};
	TimestampTz started_at;
	const char *key_id;
	const char *next;
	const CnStepDef *next_def;

	if (!JB_ROOT_IS_OBJECT(given->checkpoint))
		return refuse(execution, "type");
	if (read_int(&top, "version", 0, MAX_COUNT) != VERSION)
		return refuse(execution, "version");
	started_at = read_int(&top, "started_at", MIN_TIMESTAMP, END_TIMESTAMP - 1);
	key_id = read_text(&top, "key_id");
	next = read_text(&top, "next");
	if (key_id && !given->key_id && !cn_uuid_parse(key_id, &execution->key_id))
		return refuse(execution, "key_id");
	if (started_at == 0)
		return refuse(execution, "started_at");
	if (top.wrong || !read_steps(execution, &top, all))
		return refuse(execution, top.wrong);
	restore_times(execution, started_at);
	restore_steps(execution, all);
	next_def = next ? cn_definition_step(given->definition, next) : NULL;
	if (next_def && given->interrupted)
		doubt_step(step_of(execution, next_def));
	return true;
}

bool
cn_checkpoint_restore(CnExecution *execution)
{
	MemoryContext old = MemoryContextSwitchTo(execution->context);
	bool		fine = execution->given.checkpoint == NULL || read_checkpoint(execution);
	CnStep	   *next = cn_exec_next_step(execution);

	if (fine && next && execution->given.interrupted)
		doubt_step(next);
	MemoryContextSwitchTo(old);
	return fine;
}
