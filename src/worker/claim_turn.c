/*
 * claim_turn.c -- what to claim: rooms of lanes, shares of workspaces.
 *
 * The directory of lanes says whose turn it is; here stands what lets a lane have a turn:
 * that its connector is there and enabled and nothing is paused, and what its limits
 * leave.  What is known of a connector is kept until tables change.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "catalog/provider.h"
#include "catalog/service_limits.h"
#include "core/clock.h"
#include "core/install.h"
#include "core/spi.h"
#include "core/testpoint.h"
#include "core/uuid.h"
#include "credentials/store.h"
#include "worker/run.h"

/* Lanes and rows of one claim.  A commit serves all of them. */
#define MAX_PICKS 128
#define MAX_ROWS 500

/* Workspaces and connectors that are remembered; beyond, all is looked up again. */
#define MAX_FACTS 10000

/* Of the limit that executions may fill on average, each counts as this much at least. */
#define LEAST_RUN_MEMORY (32 * 1024)

/* One that is claimed again by the worker that lost it and still runs it waits for so long. */
#define LOST_DELAY_US USECS_PER_SEC

/* A suspect whose connector is paused is looked at again after so long. */
#define SUSPECT_DELAY_US (60 * USECS_PER_SEC)

/* How often memory is measured. */
#define MEASURE_US 10000

/* A lane with a row that cannot be claimed is tried again after so long. */
#define BROKEN_LANE_US (60 * INT64CONST(1000000))

typedef struct FactKey
{
	pg_uuid_t	workspace;
	pg_uuid_t	connector;		/* zeros: of the workspace itself */
} FactKey;

typedef struct Fact
{
	FactKey		key;
	uint64		generation;		/* of the tables it was read from */
	bool		blocked;		/* disabled or paused */
	bool		single_shot;	/* begins with a request that must not be repeated */
	CnLimitSubject subject;		/* of its first request */
	char		service[NAMEDATALEN * 2];
	int			weight;			/* of a workspace */
	int			cap;
} Fact;

/* What the choice under way has for a service of a workspace. */
typedef struct Promise
{
	pg_uuid_t	workspace;
	char		service[NAMEDATALEN * 2];
	int			rows;
} Promise;

static Promise promises[MAX_PICKS];
static int	promise_count;
static CnLanePick picks[MAX_PICKS];
static CnClaimInput input;		/* of the claim under way */
static CnLaneState *aside[MAX_ROWS];	/* lanes of rows that went back at once */
static int	aside_count;
static bool claiming_suspect = false;
static int64 no_suspects_before_us = 0;
static Size average_memory = LEAST_RUN_MEMORY;

/* ---- facts ---- */

static CnStatement paused_statement = {
	.sql = "SELECT FROM @.connector_pauses WHERE workspace_id = $1 AND"
	" (kind = 'workspace' OR (kind = 'connector' AND target = $2)"
	"  OR (kind = 'service' AND target = ANY ($3)))",
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, TEXTARRAYOID},
};

static CnStatement share_statement = {
	.sql = "SELECT weight, coalesce(max_in_flight, 0) FROM @.connector_workspaces WHERE id = $1",
	.nargs = 1,
	.argtypes = {UUIDOID},
};

void
cn_claim_turn_init(CnWorker *worker)
{
	HASHCTL		info = {0};

	info.keysize = sizeof(FactKey);
	info.entrysize = sizeof(Fact);
	info.hcxt = worker->life;
	worker->lane_facts = hash_create("connector lane facts", 256, &info,
									 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static uint64
facts_generation(void)
{
	return cn_install_generation(CN_TABLE_CONNECTORS) + cn_install_generation(CN_TABLE_PAUSES) +
		cn_install_generation(CN_TABLE_WORKSPACES) + cn_install_generation(CN_TABLE_RATE_LIMITS) +
		cn_provider_generation();
}

static void
forget_all_facts(HTAB *facts)
{
	HASH_SEQ_STATUS status;
	Fact	   *fact;

	hash_seq_init(&status, facts);
	while ((fact = hash_seq_search(&status)) != NULL)
		(void) hash_search(facts, &fact->key, HASH_REMOVE, NULL);
}

/* The entry of key; *fresh: it is as the tables are. */
static Fact *
find_fact(CnWorker *worker, const FactKey *key, bool *fresh)
{
	uint64		generation = facts_generation();
	Fact	   *fact = hash_search(worker->lane_facts, key, HASH_FIND, fresh);

	if (fact == NULL)
	{
		if (hash_get_num_entries(worker->lane_facts) >= MAX_FACTS)
			forget_all_facts(worker->lane_facts);
		fact = hash_search(worker->lane_facts, key, HASH_ENTER, NULL);
		memset((char *) fact + sizeof(FactKey), 0, sizeof(Fact) - sizeof(FactKey));
		fact->generation = generation - 1;
	}
	*fresh = fact->generation == generation;
	return fact;
}

/* A pause may name a connector by id, and each service one of its credentials is for. */
static bool
is_paused(const CnConnector *connector)
{
	const CnDefinition *def = connector->compiled.definition;
	Datum	   *services = palloc(sizeof(Datum) * (def->all_count + def->credential_count + 1));
	int			count = 0;
	char		id[CN_UUID_TEXT_LEN + 1];
	Datum		args[3];
	bool		paused;
	CnSpi		spi;

	for (int i = 0; i < def->all_count; i++)
	{
		const char *service = cn_definition_service(def, def->all[i]);

		if (service)
			services[count++] = CStringGetTextDatum(service);
	}
	args[0] = UUIDPGetDatum(&connector->workspace);
	args[1] = CStringGetTextDatum(cn_uuid_text(&connector->id, id));
	args[2] = PointerGetDatum(construct_array(services, count, TEXTOID, -1, false, TYPALIGN_INT));
	cn_spi_begin(&spi);
	paused = cn_spi_run(&paused_statement, args, NULL, 1) > 0;
	cn_spi_end(&spi);
	return paused;
}

/* The first step that sends something: what limits that limits the lane. */
static const CnStepDef *
first_request(const CnDefinition *def)
{
	const CnStepDef *step = def->steps[0];

	return step->is_group ? step->steps[0] : step;
}

/* The workspace's credential; that of a member is asked for when the request is to be sent. */
static void
set_credential(CnLimitSubject *subject, const CnCredentialRef *ref)
{
	const CnCredentialRow *row = cn_credential_find(&subject->workspace, ref->service, ref->label,
													NULL);

	if (row)
		subject->credential = row->id;
}

static void
set_subject(Fact *fact, const CnConnector *connector)
{
	const CnDefinition *def = connector->compiled.definition;
	const CnStepDef *step = first_request(def);
	const char *service = cn_definition_service(def, step);
	CnLimitSubject *subject = &fact->subject;

	memset(subject, 0, sizeof(*subject));
	subject->workspace = connector->workspace;
	subject->connector = connector->id;
	subject->own = def->rate_limiting;
	subject->own.wait = true;	/* what is queued waits there */
	subject->weight = step->weight;
	if (service && strlen(service) < sizeof(fact->service))
	{
		strlcpy(fact->service, service, sizeof(fact->service));
		subject->service = fact->service;
		subject->service_limits = cn_service_limits(&connector->workspace, service);
	}
	if (step->credential >= 0)
		set_credential(subject, &def->credentials[step->credential]);
}

static void
read_connector(Fact *fact)
{
	CnConnector *connector = cn_cache_look(&fact->key.workspace, &fact->key.connector,
										   CurrentMemoryContext);

	memset(&fact->subject, 0, sizeof(fact->subject));
	fact->blocked = fact->single_shot = false;
	if (connector == NULL || connector->problems)
		return;					/* claimed, and ended for that */
	fact->blocked = !connector->enabled || is_paused(connector);
	fact->single_shot = cn_definition_starts_single_shot(connector->compiled.definition);
	set_subject(fact, connector);
}

static Fact *
connector_fact(CnWorker *worker, const CnLane *lane)
{
	FactKey		key = {lane->workspace, lane->connector};
	bool		fresh;
	Fact	   *fact = find_fact(worker, &key, &fresh);

	if (!fresh)
	{
		/* what changes while it is read is not in it */
		uint64		generation = facts_generation();

		read_connector(fact);
		fact->generation = generation;
	}
	return fact;
}

static void
read_workspace(Fact *fact)
{
	Datum		args[] = {UUIDPGetDatum(&fact->key.workspace)};
	bool		isnull;
	CnSpi		spi;

	fact->weight = 1;
	fact->cap = 0;
	cn_spi_begin(&spi);
	if (cn_spi_run(&share_statement, args, NULL, 1) > 0)
	{
		fact->weight = DatumGetInt32(cn_spi_value(0, 1, &isnull));
		fact->cap = DatumGetInt32(cn_spi_value(0, 2, &isnull));
	}
	cn_spi_end(&spi);
}

/* ---- what the directory of lanes asks ---- */

static Promise *
find_promise(const CnLimitSubject *subject)
{
	for (int i = 0; i < promise_count; i++)
		if (cn_uuid_equal(&promises[i].workspace, &subject->workspace) &&
			strcmp(promises[i].service, subject->service) == 0)
			return &promises[i];
	return NULL;
}

/* Lanes of one service share what its limits leave: those chosen before count as sent. */
static int
room_of_service(const CnLimitSubject *subject, int wanted, int64 *wait_us)
{
	Promise    *promise = find_promise(subject);
	int			before = promise ? promise->rows : 0;
	int			rows = cn_limit_room(subject, wanted + before, wait_us) - before;

	if (rows <= 0)
		return 0;
	if (promise == NULL)
	{
		/* one for each pick at most */
		promise = &promises[promise_count++];
		promise->workspace = subject->workspace;
		strlcpy(promise->service, subject->service, sizeof(promise->service));
	}
	promise->rows = before + rows;
	return rows;
}

static int
room_of(const CnLane *lane, int wanted, int64 *wait_us, void *arg)
{
	Fact	   *fact = connector_fact(arg, lane);

	if (fact->blocked)
	{
		*wait_us = -1;
		return 0;
	}
	if (cn_uuid_is_zero(&fact->subject.workspace))
		return wanted;
	if (fact->subject.service == NULL)
		return cn_limit_room(&fact->subject, wanted, wait_us);
	return room_of_service(&fact->subject, wanted, wait_us);
}

static void
share_of(const pg_uuid_t *workspace, int *weight, int *cap, void *arg)
{
	FactKey		key = {.workspace = *workspace};
	bool		fresh;
	Fact	   *fact = find_fact(arg, &key, &fresh);

	if (!fresh)
	{
		uint64		generation = facts_generation();

		read_workspace(fact);
		fact->generation = generation;
	}
	*weight = fact->weight;
	*cap = fact->cap;
}

/* ---- how many ---- */

/*
 * What executions take; it is measured some times a second only, for that asks all their
 * contexts.
 */
static Size
memory_used(CnWorker *worker)
{
	static Size used = 0;
	static int	count = 0;
	static int64 measured_us = 0;
	int			in_flight = hash_get_num_entries(worker->runs);
	int64		now_us = cn_monotonic_us();

	if (now_us - measured_us > MEASURE_US)
	{
		measured_us = now_us;
		count = in_flight;
		used = cn_run_memory(worker);
		cn_slot_set(worker->slot, CN_COUNT_MEMORY, used);
		average_memory = (average_memory * 7 + Max(used / in_flight, LEAST_RUN_MEMORY)) / 8;
	}
	/* those that came since then count as much as others */
	return used + average_memory * Max(in_flight - count, 0);
}

/* As many as are sure to fit into the memory limit, going by what those before took. */
static int
memory_room(CnWorker *worker)
{
	Size		limit = (Size) cn_worker_memory_limit * 1024;
	Size		used;

	if (hash_get_num_entries(worker->runs) == 0)
		return MAX_ROWS;
	used = memory_used(worker);
	if (used >= limit)
		return 0;
	return (int) Min((limit - used) / average_memory, MAX_ROWS);
}

int
cn_claim_turn_budget(CnWorker *worker)
{
	int			free_now = cn_worker_max_in_flight - hash_get_num_entries(worker->runs);

	if (worker->leaving || free_now <= 0)
		return 0;
	return Min(Min(free_now, MAX_ROWS), memory_room(worker));
}

/* ---- claiming ---- */

/*
 * A worker is dead that has been silent for longer; a tenant's statements may silence it for a
 * while.
 */
static int64
longest_silence_us(void)
{
	return (int64) Max(cn_worker_lease_timeout, 2 * cn_mapped_longest_ms()) * 1000;
}

static void
prepare_input(CnWorker *worker, bool *single_shot, int count)
{
	pg_uuid_t  *alive = palloc(sizeof(pg_uuid_t) * CN_MAX_WORKERS);

	memset(&input, 0, sizeof(input));
	input.lease = &worker->lease;
	input.alive = alive;
	input.alive_count = cn_slots_leases(MyDatabaseId, alive,
										longest_silence_us());
	input.now = cn_now();
	input.picks = picks;
	input.single_shot = single_shot;
	input.count = count;
	input.got = palloc0(sizeof(int) * (count + 1));
	input.last = palloc0(sizeof(pg_uuid_t) * (count + 1));
}

/*
 * What two workers died with goes back, to be run by itself.  So does what this worker has
 * lost, for others took it for dead, and runs all the same: not twice at a time, so it is
 * looked at again a moment later.
 */
static bool
is_to_run(CnWorker *worker, const CnClaimed *row)
{
	return row->crashes < CN_SUSPECT_CRASHES && cn_run_find(worker, &row->id) == NULL;
}

static void
set_aside(CnWorker *worker, const CnClaimed *rows, int count)
{
	CnRowRef   *refs = palloc0(sizeof(CnRowRef) * (count + 1));

	for (int i = 0; i < count; i++)
	{
		if (is_to_run(worker, &rows[i]))
			continue;
		refs[aside_count].workspace = rows[i].workspace;
		refs[aside_count].id = rows[i].id;
		refs[aside_count].sending = rows[i].interrupted;
		if (rows[i].crashes < CN_SUSPECT_CRASHES)
			refs[aside_count].due_at = input.now + LOST_DELAY_US;
		else
			worker->look_for_suspects = true;
		aside[aside_count++] = rows[i].lane;
	}
	cn_claim_release(&worker->lease, refs, aside_count);
	if (aside_count > 0)
		worker->next_due = Min(worker->next_due, input.now + LOST_DELAY_US);
}

/* Does what a claim writes down of the row have to be on disk before it starts? */
static bool
must_be_durable(const CnWorker *worker, const CnClaimed *row)
{
	return row->sending || row->taken_over || cn_monotonic_us() < worker->durable_until_us;
}

static void
claim_lanes(CnWorker *worker, int budget, bool *durable)
{
	bool		single_shot[MAX_PICKS];
	CnClaimed  *rows;
	int			count;

	promise_count = 0;
	count = cn_lanes_pick(worker->lanes, budget, cn_worker_max_in_flight, cn_monotonic_us(),
						  room_of, share_of, worker, picks, MAX_PICKS);
	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
		single_shot[i] = connector_fact(worker, &picks[i].lane)->single_shot;
	prepare_input(worker, single_shot, count);
	rows = cn_claim_rows(&input, &count);
	for (int i = 0; i < count; i++)
	{
		*durable |= must_be_durable(worker, &rows[i]);
		if (rows[i].taken_over)
			cn_slot_add(worker->slot, CN_COUNT_TAKEN_OVER, 1);
		if (is_to_run(worker, &rows[i]))
			(void) cn_run_create(worker, &rows[i]);
	}
	set_aside(worker, rows, count);
	input.single_shot = NULL;
}

/* Not now: it runs here already, or its connector is paused. */
static bool
must_wait(CnWorker *worker, const CnClaimed *row)
{
	CnLane		lane = {row->workspace, row->connector, row->priority};

	return cn_run_find(worker, &row->id) != NULL || connector_fact(worker, &lane)->blocked;
}

/* Of all workers of the database only the first runs them, or two could die at once. */
static void
claim_suspect(CnWorker *worker, bool *durable)
{
	CnClaimed	claimed;
	CnRowRef	ref = {{{0}}};

	worker->look_for_suspects = false;
	if (worker->slot->number != 0 || worker->suspect || cn_monotonic_us() < no_suspects_before_us)
		return;
	prepare_input(worker, NULL, 0);
	memset(&claimed, 0, sizeof(claimed));
	if (!cn_claim_suspect(&input, &claimed))
		return;
	*durable = true;
	if (!must_wait(worker, &claimed))
	{
		worker->suspect = cn_run_create(worker, &claimed);
		return;
	}
	ref.workspace = claimed.workspace;
	ref.id = claimed.id;
	ref.sending = claimed.interrupted;
	ref.due_at = input.now + SUSPECT_DELAY_US;
	cn_claim_release(&worker->lease, &ref, 1);
	worker->look_for_suspects = true;
}

void
cn_claim_turn(CnWorker *worker, int budget, bool *durable)
{
	memset(&input, 0, sizeof(input));
	aside_count = 0;
	if (worker->look_for_suspects)
	{
		claiming_suspect = true;
		claim_suspect(worker, durable);
		claiming_suspect = false;
	}
	if (budget > 0)
		claim_lanes(worker, budget, durable);
}

void
cn_claim_turn_committed(CnWorker *worker)
{
	for (int i = 0; i < input.count; i++)
		cn_lanes_claimed(worker->lanes, &picks[i], input.got[i], &input.last[i]);
	for (int i = 0; i < aside_count; i++)
		cn_lanes_ended(worker->lanes, aside[i]);
	input.count = aside_count = 0;
	while (!dlist_is_empty(&worker->claimed))
	{
		CnRun	   *run = dlist_container(CnRun, node, dlist_head_node(&worker->claimed));

		if (run->refusal.code == CN_OK)
			CN_TEST_POINT("claimed");
		cn_slot_add(worker->slot, CN_COUNT_CLAIMED, 1);
		cn_run_start(run);
	}
}

/* What was claimed is not.  In careful turns what is wrong is in the one row of one lane. */
void
cn_claim_turn_aborted(CnWorker *worker, bool careful)
{
	if (careful && claiming_suspect)
		no_suspects_before_us = cn_monotonic_us() + BROKEN_LANE_US;
	claiming_suspect = false;
	if (careful && input.count == 1)
		cn_lanes_postpone(worker->lanes, picks[0].state, cn_monotonic_us() + BROKEN_LANE_US);
	input.count = aside_count = 0;
	if (worker->suspect && !worker->suspect->begun && !worker->suspect->over)
		worker->suspect = NULL;
	while (!dlist_is_empty(&worker->claimed))
	{
		CnRun	   *run = dlist_container(CnRun, node, dlist_pop_head_node(&worker->claimed));

		MemoryContextDelete(run->context);
	}
	worker->look_everywhere = true;
}
