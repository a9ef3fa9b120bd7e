# What a worker must not do, whatever happens around it: hang, run hot, lend rights, run an execution twice, let one
# execution's misfortune become another's.
use strict;
use warnings;
use ConnectorTest;
use MockServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster(
	'main',
	'connector.poll_interval'       => '500ms',
	'connector.retry_delay'         => '1ms',
	'connector.max_execution_time'  => '120s',
	'extra_preload'                 => 'auto_explain',
	'auto_explain.log_min_duration' => -1,
	'auto_explain.log_nested_statements' => 'on',
	'auto_explain.log_level'        => 'log',
	'restart_after_crash'           => 'on');
my $super = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('app', <<'SQL');
CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN;
SELECT connector_create_workspace('acme', owner => 'ann'), connector_create_workspace('other', owner => 'bob');
GRANT CREATE ON DATABASE app TO ann;
SET ROLE ann;
CREATE SCHEMA crm;
CREATE TABLE crm.rows (id int PRIMARY KEY, v jsonb, at timestamptz);
CREATE TABLE crm.seen (what text, at timestamptz DEFAULT clock_timestamp());
RESET ROLE;
SELECT connector_maintain();
SQL

sub sql { my ($sql) = @_; return $node->safe_psql('app', $sql); }

# as ROLE, SQL -- output, or the errors.
sub as
{
	my ($role, $sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql('app', $sql, stdout => \$out, stderr => \$err, on_error_stop => 1, extra_params => [ '-U', $role ]);
	return $err || $out;
}

# save NAME, CONFIG [, MAPPINGS [, ROLE]] -- a connector (JSON texts).
sub save
{
	my ($name, $config, $mappings, $role) = @_;
	$mappings = $mappings ? "'$mappings'" : 'NULL';
	is(as($role // 'ann', "INSERT INTO connectors (name, config, field_mappings) VALUES ('$name', '$config', $mappings)"),
		'', "connector $name");
	return;
}

sub queue
{
	my ($name, $input, $role) = @_;
	$input //= '{}';
	my $id = as($role // 'ann', "SELECT connector_execute_async('$name', '$input')");
	like($id, qr/^[0-9a-f-]{36}$/, "$name is queued");
	return $id;
}

# ended ID -- status, code and message, once it has ended.
sub ended
{
	my ($id) = @_;
	poll_until(sub { sql("SELECT count(*) FROM connector_history WHERE id = '$id'") ne '0' })
	  or return 'not ended: ' . sql("SELECT row_to_json(q) FROM connector_queue q WHERE id = '$id'");
	return sql("SELECT concat_ws('|', status, error_code, error_message) FROM connector_history WHERE id = '$id'");
}

sub requests { my ($path) = @_; return scalar grep { $_->{path} eq $path } $mock->requests; }
sub counted { my ($what) = @_; return sql("SELECT sum($what) FROM connector_worker_stats WHERE database = 'app'"); }

# locked SQL -- a session that has done that in a transaction which is not over; ->quit ends it.
sub locked
{
	my ($sql) = @_;
	my $session = $node->background_psql('app');
	$session->query_safe("BEGIN; $sql");
	return $session;
}

my $mapping = '{"table": "crm.rows", "mode": "upsert", "key": {"id": "{{input.id}}"}, "set": {"v": "$"}}';
save('plain', qq({"url": "$url/ok"}));
save('mapped', qq({"url": "$url/ok"}), $mapping);
save('steps', qq({"type": "multi-step", "steps": [{"id": "a", "url": "$url/ok"}, {"id": "b", "url": "$url/ok"}]}));
is(ended(queue('plain')), 'success', 'a worker works');

#
# Rights: what a tenant's trigger can do in a worker.
#
as('ann', <<"SQL");
CREATE FUNCTION crm.pry() RETURNS trigger LANGUAGE plpgsql AS \$\$
DECLARE attempt text; BEGIN
	FOREACH attempt IN ARRAY ARRAY['RESET ROLE', 'SET ROLE none', 'SET LOCAL ROLE NONE', 'SET ROLE "$super"',
		'SET SESSION AUTHORIZATION DEFAULT', 'RESET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION "$super"',
		'SELECT set_config(''role'', ''none'', false)', 'RESET ALL', 'DISCARD ALL', 'ALTER ROLE ann SUPERUSER'] LOOP
		BEGIN
			EXECUTE attempt;
			IF current_user <> 'ann' THEN
				INSERT INTO crm.seen VALUES (attempt);
			END IF;
		EXCEPTION WHEN OTHERS THEN NULL; END;
	END LOOP;
	PERFORM set_config('request.jwt.claims', '{"sub": "mallory"}', false), set_config('ann.was', 'here', false),
		set_config('search_path', 'crm', false), set_config('statement_timeout', '1ms', false);
	INSERT INTO crm.seen VALUES (current_user || ' ' || (SELECT rolsuper FROM pg_roles WHERE rolname = current_user));
	RETURN NULL; END\$\$;
CREATE TRIGGER pry AFTER INSERT ON crm.rows FOR EACH ROW EXECUTE FUNCTION crm.pry();
SQL
is(ended(queue('mapped', '{"id": 1}')), 'success', 'a trigger that tries to become somebody else');
is(sql("SELECT string_agg(what, ', ') FROM crm.seen"), 'ann false', 'stays who it is');
as('ann', 'DROP TRIGGER pry ON crm.rows; TRUNCATE crm.seen');
as('ann', <<'SQL');
CREATE FUNCTION crm.ask() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
	INSERT INTO crm.seen VALUES (concat_ws(',', current_setting('request.jwt.claims', true), current_setting('ann.was', true),
		current_setting('statement_timeout')));
	RETURN NULL; END$$;
CREATE TRIGGER ask AFTER INSERT ON crm.rows FOR EACH ROW EXECUTE FUNCTION crm.ask();
SQL
is(ended(queue('mapped', '{"id": 2}')), 'success', 'the next one');
is(sql("SELECT string_agg(what, '; ') FROM crm.seen"), ',,0', 'finds nothing of what another has set');
as('ann', 'DROP TRIGGER ask ON crm.rows; TRUNCATE crm.seen');

# What is deferred is not put off until the worker is itself again.
as('ann', <<'SQL');
CREATE FUNCTION crm.late() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
	INSERT INTO crm.seen VALUES (current_user); RETURN NULL; END$$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON crm.rows DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION crm.late();
SQL
is(ended(queue('mapped', '{"id": 3}')), 'success', 'a deferred trigger');
is(sql('SELECT what FROM crm.seen'), 'ann', 'runs, with the rights of who asked');
as('ann', 'DROP TRIGGER late ON crm.rows; TRUNCATE crm.seen');

# A call that waits for the network would turn what others run, in this tenant's transaction.
for my $call ("connector_execute('plain')", "connector_try_execute('plain')", "connector_execute_batch('plain', ARRAY['{}']::jsonb[])",
	"connector_test('{\"url\": \"$url/ok\"}')", "connector_await(connector_execute_async('plain'))")
{
	my $quoted = $call =~ s/'/''/gr;
	as('ann', <<"SQL");
CREATE OR REPLACE FUNCTION crm.call() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN
	EXECUTE 'SELECT $quoted';
	RETURN NULL; END\$\$;
CREATE OR REPLACE TRIGGER call AFTER INSERT OR UPDATE ON crm.rows FOR EACH ROW EXECUTE FUNCTION crm.call();
SQL
	like(ended(queue('mapped', '{"id": 4}')), qr/^failed\|config_invalid\|.*cannot be called in a worker.*55000/, "$call in a worker");
}
as('ann', 'DROP TRIGGER call ON crm.rows');

# Locks of the session outlive transactions, and the worker's session does not end.
as('ann', <<'SQL');
CREATE FUNCTION crm.hold() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
	PERFORM pg_advisory_lock(4711);
	IF NEW.id = 6 THEN RAISE EXCEPTION 'no'; END IF;
	RETURN NULL; END$$;
CREATE TRIGGER hold AFTER INSERT ON crm.rows FOR EACH ROW EXECUTE FUNCTION crm.hold();
SQL
is(ended(queue('mapped', '{"id": 5}')), 'success', 'a trigger takes a lock of the session');
like(ended(queue('mapped', '{"id": 6}')), qr/^failed\|validation_failed/, 'and raises');
is(sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711"), 0, 'it is not kept');
as('ann', 'DROP TRIGGER hold ON crm.rows');

# now() is when the row is written, not when something else was done.
save('gated', qq({"url": "$url/gate?after=now"}), '{"table": "crm.rows", "mode": "upsert", "key": {"id": 7}, "set": {"v": "$"}}');
as('ann', 'ALTER TABLE crm.rows ALTER at SET DEFAULT now()');
my $gated = queue('gated');
ok(poll_until(sub { requests('/gate') == 1 }), 'an execution waits for its remote');
my $opened = sql('SELECT clock_timestamp()');
$mock->open_gate('now');
is(ended($gated), 'success', 'and goes on');
is(sql("SELECT at > '$opened' FROM crm.rows WHERE id = 7"), 't', 'now() is the present');

#
# Locks of others.
#
# busy SUB -- commits of the workers while SUB runs.
sub busy
{
	my ($sub) = @_;
	my $before = counted('commits');
	$sub->();
	return counted('commits') - $before;
}

# Some executions, one after the other: a few commits each.
sub some_executions { is(ended(queue('plain')), 'success', 'another one is done meanwhile') for 1 .. 10; return; }
my $FEW = 10 * 15;

save('gated_steps', qq({"type": "multi-step", "steps": [{"id": "a", "url": "$url/gate?after=steps"}, {"id": "b", "url": "$url/ok"}]}));
my $steps = queue('gated_steps');
ok(poll_until(sub { requests('/gate') == 2 }), 'an execution is in its first step');
my $session = locked("SELECT FROM connector_queue WHERE id = '$steps' FOR UPDATE");
$mock->open_gate('steps');
cmp_ok(busy(\&some_executions), '<', $FEW, 'a checkpoint that waits for a locked row costs next to nothing');
$session->quit;
is(ended($steps), 'success', 'and is taken when the row is free');

my $later = as('ann', "SELECT connector_execute_async('plain', run_at => now() + interval '1 s')");
$session = locked("SELECT FROM connector_queue WHERE id = '$later' FOR UPDATE");
ok(poll_until(sub { sql("SELECT due_at < now() FROM connector_queue WHERE id = '$later'") eq 't' }), 'a locked row becomes due');
cmp_ok(busy(\&some_executions), '<', $FEW, 'which costs next to nothing');
$session->quit;
is(ended($later), 'success', 'and is run when it is free');

# What is written with a tenant's rows waits for no table, either.
save('gated_row', qq({"url": "$url/gate?after=row"}), '{"table": "crm.rows", "mode": "upsert", "key": {"id": 8}, "set": {"v": "$"}}');
my $row = queue('gated_row');
ok(poll_until(sub { requests('/gate') == 3 }), 'an execution waits for its remote');
for my $table ('connector_queue', 'connector_history')
{
	$session = locked("LOCK TABLE $table IN ACCESS EXCLUSIVE MODE");
	$mock->open_gate('row');
	my $turns = counted('turns');
	ok(poll_until(sub { counted('turns') > $turns + 5 }, 30), "$table is locked: the worker turns");
	$session->quit;
}
is(ended($row), 'success', 'the row is written later');

#
# One execution's misfortune.
#
# Its checkpoint cannot be written.
sql(<<'SQL');
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'not this one'; END$$;
CREATE TRIGGER refuse BEFORE UPDATE ON connector_queue FOR EACH ROW
	WHEN (NEW.correlation_id IS NULL AND NEW.checkpoint IS NOT NULL) EXECUTE FUNCTION refuse();
SQL
my @good = map { queue('plain') } 1 .. 10;
my $bad = queue('steps');
push @good, map { queue('plain') } 1 .. 10;
like(ended($bad), qr/^failed\|internal\|the outcome could not be recorded: not this one/, 'an execution whose checkpoint cannot be written fails');
is(join(' ', map { ended($_) } @good), join(' ', ('success') x 20), 'and no other one');
sql('DROP TRIGGER refuse ON connector_queue');

# Its definition cannot be read any more.
save('broken', qq({"url": "$url/ok"}));
as('ann', "SELECT connector_pause('broken')");
my @broken = map { queue('broken') } 1 .. 2;
sql(q(SET session_replication_role = replica; UPDATE connectors SET config = '{"nothing": 1}' WHERE name = 'broken'));
sql(q(DELETE FROM connector_pauses));
@good = map { queue('plain') } 1 .. 3;
is(join(' ', map { ended($_) } @good), 'success success success', 'a broken definition stops no other connector');
like(ended($_), qr/^failed\|config_invalid\|/, 'its own executions end') for @broken;

#
# More cancels in one transaction than are noted one by one.
#
save('hang', qq({"url": "$url/hang", "timeout_ms": 60000}));
as('ann', q(SELECT connector_execute_async_batch('hang', array_fill('{}'::jsonb, ARRAY[400]))));
ok(poll_until(sub { sql('SELECT count(*) FROM connector_queue WHERE lease IS NOT NULL') == 400 }), '400 executions hang');
as('ann', 'SELECT connector_cancel(id) FROM connector_queue');
ok(poll_until(sub { sql('SELECT count(*) FROM connector_queue') == 0 }), 'all of them can be cancelled at once')
  or diag(sql('SELECT count(*) FROM connector_queue') . ' hang on');
is(sql("SELECT count(*) FROM connector_history WHERE status = 'cancelled'"), 400, 'and are');

#
# A lease that was lost: the row is claimed again by the one that still runs it.
#
save('lost', qq({"url": "$url/gate?after=lost"}));
my $lost = queue('lost');
ok(poll_until(sub { requests('/gate') == 4 }), 'an execution is under way');
sql("UPDATE connector_queue SET lease = NULL WHERE id = '$lost'");
my $looks = counted('commits');
ok(poll_until(sub { counted('commits') > $looks + 4 }), 'the worker looks at the queue, and finds its row free');
is(requests('/gate'), 4, 'it is not run twice at a time');
$mock->open_gate('lost');
is(ended($lost), 'success', 'it ends');
is(sql("SELECT count(*) FROM connector_history WHERE id = '$lost'"), 1, 'once');

# A suspect waits like others while its connector is paused.
as('ann', "SELECT connector_pause('plain')");
my $suspect = queue('plain');
sql("UPDATE connector_queue SET crashes = 2 WHERE id = '$suspect'");
is(ended(queue('steps')), 'success', 'another connector runs') for 1 .. 3;
is(sql("SELECT count(*) FROM connector_history WHERE id = '$suspect'"), 0, 'one that workers died with waits, too');
as('ann', "SELECT connector_resume('plain')");
sql("UPDATE connector_queue SET due_at = now() WHERE id = '$suspect'");
is(ended($suspect), 'success', 'until the pause is over');

#
# How the queue is read: by its indexes and by place, whatever statistics say.
#
sub plans_of_claims
{
	my ($what) = @_;
	$node->append_conf('postgresql.conf', "auto_explain.log_min_duration = 0");
	$node->restart;
	my $offset = -s $node->logfile;
	as('ann', q(SELECT connector_execute_async_batch('steps', array_fill('{}'::jsonb, ARRAY[50]))));
	as('ann', q(SELECT connector_execute_async('steps', run_at => now() + interval '100 ms')));
	ok(poll_until(sub { sql('SELECT count(*) FROM connector_queue') == 0 }), "$what: executions end");
	$node->append_conf('postgresql.conf', "auto_explain.log_min_duration = -1");
	$node->reload;
	my @plans = grep { /UPDATE \S*connector_queue|DELETE FROM \S*connector_queue|FROM \S*connector_queue/ && /Query Text/ && !/count\(\*\)/ }
	  split /^(?=\d{4}-\d\d-\d\d )/m, slurp_file($node->logfile, $offset);
	cmp_ok(scalar @plans, '>', 5, "$what: plans are in the log");
	is(join("\n", grep { /Seq Scan on connector_queue|Bitmap/ } @plans), '', "$what: no scan of the whole queue");
	my ($claim) = grep { /claimed_at = \$/ && /l\.single_shot/ } @plans;
	like($claim, qr/Tid Scan on connector_queue/, "$what: a claim writes by place");
	like($claim, qr/Index (?:Only )?Scan using connector_queue_ready/, "$what: and finds by lane");
	is(join("\n", grep { /JIT:/ } @plans), '', "$what: nothing is compiled for it");
	return;
}
sql('SET client_min_messages = error; ANALYZE connector_queue');
plans_of_claims('an empty queue');
sql(q(UPDATE pg_class SET reltuples = 1e8, relpages = 5000000 WHERE relname = 'connector_queue'));
plans_of_claims('a huge queue');

# What claims and checkpoints write is in no index.
sql('VACUUM (FULL, ANALYZE) connector_queue');
sql('SELECT pg_stat_reset_single_table_counters(\'connector_queue\'::regclass)');
as('ann', q(SELECT connector_execute_async_batch('steps', array_fill('{}'::jsonb, ARRAY[500]))));
ok(poll_until(sub { sql('SELECT count(*) FROM connector_queue') == 0 }), '500 executions end');
ok(poll_until(sub { sql(q(SELECT n_tup_upd > 900 FROM pg_stat_user_tables WHERE relname = 'connector_queue')) eq 't' }), 'updates are counted');
cmp_ok(sql(q(SELECT n_tup_hot_upd * 100 / n_tup_upd FROM pg_stat_user_tables WHERE relname = 'connector_queue')), '>=', 90, 'they are HOT');

#
# Poison: whoever runs it dies at once, before anything reached the disk by itself.
#
SKIP:
{
	skip 'built without CN_TEST_POINTS', 3
	  if sql("SELECT count(*) FROM pg_settings WHERE name = 'connector.test_point' AND short_desc LIKE '%killed%'") eq '0';
	my $poison = queue('plain', '{}');
	is(ended($poison), 'success', 'at first all is well');
	$node->append_conf('postgresql.conf', "connector.test_point = 'claimed'");
	$node->reload;
	$poison = as('ann', "SELECT connector_execute_async('plain')");
	ok(poll_until(sub {
		my ($out, $err) = ('', '');
		$node->psql('app', "SELECT count(*) FROM connector_history WHERE error_code = 'internal' AND error_message LIKE '%workers died%'",
			stdout => \$out, stderr => \$err);
		$out eq '1' }, 120), 'what kills every worker becomes a dead letter');
	$node->append_conf('postgresql.conf', "connector.test_point = ''");
	$node->reload;
	is(ended(as('ann', "SELECT connector_execute_async('plain')")), 'success', 'and all is well again');
}

done_testing();
