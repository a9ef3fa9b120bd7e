# The SQL side of the queue in a server of its own, without workers: what a transaction leaves, what many enqueues
# cost, what listing reads, waiting that is interrupted, notifications, dump and restore.
use strict;
use warnings;
use ConnectorTest;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	MANY => 60_000,
	WARM => 5_000,
	# What is allocated in larger and larger steps may have taken one; a leak of 4 bytes an execution would be seen.
	ALLOWED_GROWTH => 200 * 1024,
};

my $node = new_cluster('queue_sql',
	'connector.workers'         => 0,
	'max_prepared_transactions' => 4,
	'track_functions'           => 'all');

sub query { my ($sql) = @_; return $node->safe_psql('app', $sql); }

query(<<'SQL');
SELECT connector_maintain();
SELECT connector_create_workspace('acme');
SELECT connector_create('c', '{"url": "https://h/{{input.n}}"}');
SELECT connector_pause(reason => 'a test');
CREATE FUNCTION used_bytes() RETURNS bigint LANGUAGE sql AS
	'SELECT sum(used_bytes)::bigint FROM pg_backend_memory_contexts';
CREATE FUNCTION rows() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', (SELECT count(*) FROM connector_queue), (SELECT count(*) FROM connector_idempotency_keys))
$$;
SQL

#
# Transactions.
#
query(<<'SQL');
BEGIN;
SELECT connector_execute_async('c', idempotency_key => 'k');
SELECT connector_execute_async_batch('c', array_fill('{}'::jsonb, ARRAY[100]));
ROLLBACK;
DO $$ BEGIN
	PERFORM connector_execute_async('c', idempotency_key => 'k');
	PERFORM connector_execute_async_batch('c', array_fill('{}'::jsonb, ARRAY[100]));
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN NULL;
END $$;
SQL
is(query('SELECT rows()'), '0 0', 'what is rolled back was not queued');
$node->psql('app', q(SELECT connector_execute_async_batch('c', (SELECT array_agg(CASE g WHEN 500 THEN '{"x": 1}' ELSE '{}' END::jsonb)
	FROM generate_series(1, 500) g)), connector_execute_async('none')));
is(query('SELECT rows()'), '0 0', '... nor what fails behind it');
query(q(BEGIN; SELECT connector_execute_async('c', idempotency_key => 'k'); PREPARE TRANSACTION 'queue'));
is(query('SELECT rows()'), '0 0', 'a prepared transaction has not queued');
$node->restart;
query(q(COMMIT PREPARED 'queue'));
is(query('SELECT rows()'), '1 1', '... until it is committed, if after a restart');
query('TRUNCATE connector_queue, connector_idempotency_keys');

#
# Many in one transaction: the last costs what the first did, so nothing may grow.
#
my ($warm, $end) = split / /, query(<<"SQL");
CREATE PROCEDURE ask(first int, last int) LANGUAGE plpgsql AS \$\$
BEGIN
	FOR i IN first .. last LOOP
		PERFORM connector_execute_async('c', jsonb_build_object('n', i), priority => i % 10,
			run_at => CASE WHEN i % 7 = 0 THEN now() + make_interval(hours => 1) END,
			idempotency_key => CASE WHEN i % 100 = 0 THEN 'key ' || i END);
	END LOOP;
END \$\$;
BEGIN;
CALL ask(1, ${\WARM});
SELECT set_config('test.warm', used_bytes()::text, false) \\g /dev/null
CALL ask(${\WARM} + 1, ${\MANY});
SELECT set_config('test.end', used_bytes()::text, false) \\g /dev/null
COMMIT;
SELECT current_setting('test.warm') || ' ' || current_setting('test.end');
SQL
note("memory of the session: $warm bytes after ${\WARM} enqueues, $end after ${\MANY}");
cmp_ok($end - $warm, '<', ALLOWED_GROWTH, 'a session that queues ' . MANY . ' executions in one transaction does not grow');
is(query(q(SELECT concat_ws(' ', count(*), count(DISTINCT id), count(DISTINCT input ->> 'n'), count(*) FILTER (WHERE due_at IS NOT NULL))
	FROM connector_queue)), join(' ', (MANY) x 3, int(MANY / 7)), '... and queues each of them once');
is(query(q(SELECT bool_and(ascending) FROM (SELECT id > lag(id, 1, '00000000-0000-0000-0000-000000000000')
	OVER (ORDER BY (input ->> 'n')::int) AS ascending FROM connector_queue WHERE due_at IS NULL) x)), 't', '... with ids in their order');
query('TRUNCATE connector_queue, connector_idempotency_keys');

my $batch = q(SELECT count(*) FROM connector_execute_async_batch('c', (SELECT array_agg(jsonb_build_object('n', g))
	FROM generate_series(1, 20000) g)) WITH ORDINALITY i(id, n) JOIN connector_queue q USING (id) WHERE (q.input ->> 'n')::int = i.n);
is(query($batch), 0, 'the statement that queues does not see the rows');
is(query('SELECT count(*) FROM connector_queue'), 20_000, '... which are there');

#
# Listing, with a backlog: what it costs to name and to redact is paid for the rows that are shown.
#
query('VACUUM ANALYZE connector_queue');
query('CREATE ROLE tenant');
query(q(SELECT connector_add_member('tenant', 'viewer')));

# calls -- how often inputs were redacted since the last time.
sub calls
{
	my $calls = query(q(SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions WHERE funcname = '_connector_queue_input'));
	query('SELECT pg_stat_reset()');
	return $calls;
}
my $own = q(WHERE workspace_id = connector_current_workspace());
for my $case (
	[ "SELECT * FROM connector_executions $own ORDER BY id DESC LIMIT 20", 20, 'of a workspace' ],
	[ 'SELECT * FROM connector_executions ORDER BY id DESC LIMIT 20',      20, 'of all workspaces' ],
	[ "SELECT id, status FROM connector_executions $own",                  0,  'without the input' ],
	[ "SELECT count(*) FROM connector_executions WHERE status = 'pending'", 0, 'counting' ])
{
	my ($sql, $expected, $name) = @$case;
	query(as_role('tenant', $sql));
	is(calls(), $expected, "inputs are redacted for the rows that are shown: $name");
}
my $plan = query(as_role('tenant', "EXPLAIN (COSTS off) SELECT * FROM connector_executions $own ORDER BY id DESC LIMIT 20"));
like($plan, qr/Merge Append/, 'the newest of a workspace are read in order');
like($plan, qr/Index Scan Backward using connector_queue_pkey/, '... of the queue');
unlike($plan, qr/Sort *$|Sort  |Seq Scan on connector_(?:queue|history_\d)/m, '... without sorting or reading it all');
my $one = query(q(SELECT id FROM connector_queue LIMIT 1));
for my $sql ("SELECT status FROM connector_executions WHERE id = '$one'", "SELECT status FROM connector_executions $own AND id = '$one'")
{
	like(query(as_role('tenant', "EXPLAIN (COSTS off) $sql")),
		qr/using connector_queue_pkey.*\n *Index Cond: .*\bid = /, "an id goes down to the index: $sql");
}

#
# Waiting that does not come to its end.
#
sub await { my ($timeout) = @_; return "SELECT status FROM connector_await('$one', $timeout)"; }

like(psql_error($node, 'app', "SET statement_timeout = '100ms'; " . await('NULL')), qr/57014/, 'waiting without limit ends with the statement');
is(query(<<"SQL"), 'caught pending', '... and leaves a session that can wait again');
SET statement_timeout = '100ms';
DO \$\$ BEGIN
	PERFORM connector_await('$one', NULL);
EXCEPTION WHEN query_canceled THEN PERFORM set_config('test.outcome', 'caught', false);
END \$\$;
RESET statement_timeout;
SELECT current_setting('test.outcome') || ' ' || status FROM connector_await('$one', '1 ms');
SQL
my $waiting = $node->background_psql('app', on_error_stop => 0);
$waiting->query_until(qr/begun/, "\\echo begun\n" . await('NULL') . ";\n");
$node->poll_query_until('app', q(SELECT count(*) = 1 FROM pg_stat_activity
	WHERE wait_event_type = 'Extension' AND query LIKE '%connector_await%' AND pid <> pg_backend_pid()))
  or die 'the session does not wait';
query(qq(SELECT connector_cancel('$one')));
like($waiting->query('SELECT 1'), qr/cancelled/, 'a session that waits hears of the end');
$waiting->quit;

$one     = query(q(SELECT id FROM connector_queue LIMIT 1));
$waiting = $node->background_psql('app', on_error_stop => 0);
$waiting->query_until(qr/begun/, "\\echo begun\n" . await('NULL') . ";\n");
$node->poll_query_until('app', q(SELECT count(*) = 1 FROM pg_stat_activity
	WHERE wait_event_type = 'Extension' AND query LIKE '%connector_await%' AND pid <> pg_backend_pid()))
  or die 'the session does not wait';
$node->stop('fast');
pass('a session that waits does not hold up a shutdown');
eval { $waiting->quit };
$node->start;

#
# Notifications: of those that were asked for, when it is committed, and with nothing of the tenant in them.
#
my $heard = query(<<'SQL');
LISTEN connector_execution;
SELECT connector_execute_async('c', '{"n": "private"}', notify => true) AS told, connector_execute_async('c') AS quiet \gset
SELECT connector_cancel(:'told'), connector_cancel(:'quiet') \g /dev/null
\echo :told
SQL
my ($told) = $heard =~ /^([0-9a-f-]{36})$/m;
is(() = $heard =~ /Asynchronous notification/g, 1, 'only who asked for it is told');
like($heard, qr/"connector_execution" with payload "\{"execution_id": "$told", "status": "cancelled"\}"/, '... of id and outcome');

#
# Dump and restore.
#
query(<<'SQL');
TRUNCATE connector_queue;
SELECT connector_execute_async('c', '{"n": 1, "password": "x"}', idempotency_key => 'restored', notify => true);
SELECT connector_execute_async('c', '{"n": 2}', run_at => now() + interval '1 day', priority => 0);
UPDATE connector_queue SET lease = gen_random_uuid(), claimed_at = now(), checkpoint = '{"version": 1}' WHERE due_at IS NULL;
INSERT INTO connector_dead_letters (workspace_id, id, connector_id, connector_name, error_code, error_message, attempt, priority,
                                    failed_at, created_at, input)
SELECT workspace_id, gen_random_uuid(), connector_id, 'c', 'timeout', '', 1, 5, now(), now(), '{"n": 3}' FROM connector_queue LIMIT 1;
SQL
my $state = q(SELECT md5(string_agg(r, '|' ORDER BY r)) || ' ' || count(*) FROM (SELECT q::text FROM connector_queue q
	UNION ALL SELECT k::text FROM connector_idempotency_keys k UNION ALL SELECT d::text FROM connector_dead_letters d
	UNION ALL SELECT p::text FROM connector_pauses p) x(r));
my $before = query($state);
like($before, qr/ 5$/, 'two queued executions, a key, a dead letter and a pause');
my $dump = $node->basedir . '/queue.sql';
command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-f', $dump, 'app' ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port, '-d', 'restored', '-f', $dump ], 'restore');
is($node->safe_psql('restored', $state), $before, '... are there again');
is($node->safe_psql('restored', q(SELECT connector_execute_async('c', '{"n": 1, "password": "x"}', idempotency_key => 'restored') = id
	FROM connector_queue WHERE idempotency_key = 'restored')), 't', '... and the key stands for the same execution');

done_testing;
