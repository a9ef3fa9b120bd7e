# A worker's bad days: remotes that hang, or send without end, or hang up on everybody at once; a disk that is full;
# tenants whose tables raise, are locked or go away; a shutdown with thousands in flight.  One execution's failure
# never disturbs another's, and the counts of both sides agree after each of them.
use strict;
use warnings;
use ConnectorTest;
use Cwd qw(abs_path);
use CountingServer;
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use QueueTest;
use Test::More;

# Thousands of connections need as many files.  A workspace may have 1,000 of the 1,125 executions in flight if it is
# the only one: some room is kept for others.
raise_file_limit();
my $server = CountingServer->start;
my $node   = new_cluster('main', start => 0,
	'restart_after_crash' => 'on', 'connector.max_in_flight' => 1125, 'connector.poll_interval' => '1s');

# While the file $full exists no relation can grow.
my $full = $node->basedir . '/full';
my $fake = $node->basedir . '/fake_disk_full.so';
system_or_bail('cc', '-shared', '-fPIC', '-o', $fake, dirname(abs_path(__FILE__)) . '/../lib/fake_disk_full.c', '-ldl');

sub start_server
{
	local %ENV = %ENV;
	$ENV{LD_PRELOAD}     = $fake;
	$ENV{FAKE_DISK_FULL} = $full;
	return $node->start;
}

start_server();
create_database($node, 'app');
my $q = QueueTest->new($node, $server);
$q->add('gate',      { url => '/gate/x' });
$q->add('gate_post', { url => '/gate/x', method => 'POST', body => {} });
$q->add('hang',      { url => '/hang', timeout_ms => 1000 });
$q->add('huge',      { url => '/huge/1000000000' });
$q->add('mapped', { url => '/ok', method => 'POST', body => {} },
	field_mappings => '{"table": "target", "mode": "upsert", "key": {"n": "{{input.n}}"}, "set": {"v": "$.ok"}}');
$q->add('poison', { url => '/ok' },
	field_mappings => '{"table": "poisoned", "mode": "upsert", "key": {"n": "{{input.n}}"}, "set": {"v": "$.ok"}}');
$q->sql(<<'SQL');
CREATE TABLE target (n int PRIMARY KEY, v jsonb);
CREATE TABLE poisoned (n int PRIMARY KEY, v jsonb);
SQL

# enqueue KIND => HOW_MANY... -- in one transaction.
sub enqueue
{
	my (@kinds) = @_;
	my @sql;
	while (my ($kind, $how_many) = splice @kinds, 0, 2)
	{
		push @sql, $q->enqueue_sql($kind, $how_many);
	}
	$q->sql("BEGIN;\n" . join(";\n", @sql) . ";\nCOMMIT");
	return;
}

# all_right NAME [, CODE...] -- everything ends, and as it should, failures only with these codes.
sub all_right
{
	my ($name, @codes) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($q->wait_all, "$name: everything ends") or diag($q->left . ' left');
	is($q->problems(@codes), '', "$name: as it should");
	return;
}

# waiting N -- until the server has so many requests without an answer, or more.
sub waiting { my ($n) = @_; return poll_until(sub { $server->state->{waiting} >= $n }); }

sub done
{
	my ($kind) = @_;
	return $q->sql("SELECT count(*) FROM accepted a JOIN connector_history h ON h.id = a.id WHERE kind = '$kind'");
}

#
# Slow ones and quick ones.
#
enqueue(gate => 1);
ok(waiting(1), 'an execution waits for its answer');
enqueue(get => 200);
ok(poll_until(sub { done('get') == 200 }), '200 quick ones are recorded meanwhile');
is($server->state->{waiting}, 1, 'while it still waits');
$server->open_gate('x');
all_right('then it is answered');

enqueue(hang => 20, get => 200, post => 200);
all_right('with some that hang', 'timeout');
like($q->outcomes('hang'), qr/^\w+ timeout 20$/, 'those end with timeout');

#
# Many.
#
$server->shut_gate('x');
enqueue(gate => 10000);
ok(waiting(1000), '10,000 queued: 1,000 are in flight');
cmp_ok($server->state->{most_waiting}, '<=', 1125, 'and never too many');
$server->open_gate('x');
all_right('10,000');

$q->sql('ALTER SYSTEM SET connector.workers = 2');
$node->reload;
ok(poll_until(sub { $q->workers == 2 }), 'two workers');
enqueue(get => 2000, post => 1000, steps => 500);
all_right('two workers');
$q->sql('ALTER SYSTEM RESET connector.workers');
$node->reload;
ok(poll_until(sub { $q->workers == 1 }), 'one worker again');

#
# Bad remotes.
#
enqueue(get => 100, huge => 1, post => 100);
all_right('a reply of 1 GB', 'response_too_large');
like($q->outcomes('huge'), qr/^failed response_too_large 1$/, 'which is too large');

$server->shut_gate('x');
enqueue(gate => 1000);
ok(waiting(1000), '1,000 connections');
$server->open_gate('x');
all_right('1,000 connections');
my $closed = $server->close_idle;
cmp_ok($closed, '>', 0, "$closed connections are closed at once");
enqueue(get => 500, post => 500);
all_right('after that');

#
# Bad tenants.
#
$q->sql(<<'SQL');
CREATE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN IF NEW.n % 10 = 3 THEN RAISE 'not this one'; END IF; RETURN NEW; END$$;
CREATE TRIGGER raise BEFORE INSERT ON target FOR EACH ROW EXECUTE FUNCTION raise();
SQL
enqueue(mapped => 100, get => 100);
all_right('a trigger raises', 'validation_failed');
like($q->outcomes('mapped'), qr/^failed validation_failed 10, success 90$/, 'it ends those it raises for');
is($q->sql('SELECT count(*) FROM target'), 90, 'the rows of the others are there');

my $session = $node->background_psql('app');
$session->query_safe('BEGIN; LOCK target');
enqueue(mapped => 10, get => 200);
ok(poll_until(sub { $q->sql(q(SELECT count(*) FROM connector_queue q JOIN accepted a USING (id) WHERE kind = 'get')) eq '0' }),
	'somebody locks the table of one tenant: the others go on');
$session->query_safe('COMMIT');
all_right('after that', 'validation_failed', 'conflict', 'timeout');

$q->sql('DROP TRIGGER raise ON target');
enqueue(mapped => 300, get => 300);
$q->sql('TRUNCATE target');
$q->sql('DROP TABLE target');
all_right('the table is emptied and dropped meanwhile', 'config_invalid', 'conflict', 'timeout');
note('mapped: ', $q->outcomes('mapped'));

#
# A workspace is dropped, and the queue emptied, with requests under way: their outcomes are dropped, too.
#
sub lost { return $q->sql('SELECT sum(lost) FROM connector_worker_stats'); }

$q->sql(q(DO $$ BEGIN EXECUTE format('ALTER DATABASE app SET connector.workspace = %L', (SELECT slug FROM connector_workspaces)); END $$));
$q->sql(q(SELECT connector_create_workspace('doomed')));
$q->sql(sprintf q(INSERT INTO connectors (workspace_id, name, config)
	SELECT id, 'uncounted', '{"url": "%s/gate/doomed"}' FROM connector_workspaces), $server->url);
for my $end ([ doomed => q(DELETE FROM connector_workspaces WHERE slug = 'doomed') ], [ undef, 'TRUNCATE connector_queue' ])
{
	my ($workspace, $command) = @$end;
	my $before = lost();
	$server->shut_gate('doomed');
	$q->sql(sprintf q[SELECT count(*) FROM connector_execute_async_batch('uncounted', array_fill('{}'::jsonb, ARRAY[40])%s)],
		$workspace ? ", workspace => '$workspace'" : '');
	ok(waiting(40), "$command: requests are under way");
	$q->sql($command);
	$server->open_gate('doomed');
	ok(poll_until(sub { lost() == $before + 40 }), 'what they bring is dropped');
	is($q->sql(q(SELECT count(*) FROM connector_queue)), 0, 'and nothing is left');
}
enqueue(get => 20);
all_right('after that');

#
# What changes between queueing and running; the worker hears of both at the same commit.
#
$q->sql('CREATE ROLE ann; GRANT INSERT ON accepted TO ann');
$q->sql(q(BEGIN; SELECT connector_add_member('ann', 'editor');) . as_role('ann', $q->enqueue_sql('get', 5))
	  . q(SELECT connector_remove_member('ann');) . $q->enqueue_sql('get', 5) . '; COMMIT');
all_right('a member is removed', 'permission_denied');
is($q->sql(q(SELECT count(*) FROM connector_history WHERE error_code = 'permission_denied')), 5, 'what she queued is not run');

$q->add('short', { url => '/ok' });
$q->sql('BEGIN;' . $q->enqueue_sql('short', 5) . q(; SELECT connector_delete('short'); COMMIT));
all_right('a connector is deleted', 'config_invalid');
like($q->outcomes('short'), qr/^failed config_invalid 5$/, 'what was queued for it is not run');

$q->add('often', { url => '/ok' });
$q->sql('BEGIN;' . $q->enqueue_sql('often', 5) . q(; SELECT connector_set_enabled(ARRAY['often'], false); COMMIT));
enqueue(get => 50);
ok(poll_until(sub { $q->left eq '5' }), 'a connector is disabled: the others go on');
is(done('often'), 0, 'and what was queued for it stays');
$q->sql(q(SELECT connector_set_enabled(ARRAY['often'], true)));
all_right('it is enabled again');

#
# A full disk.
#
$server->shut_gate('x');
enqueue(gate => 800, gate_post => 200);
ok(waiting(1000), '1,000 in flight');
append_to_file($full, '');
my $log = -s $node->logfile;
$server->open_gate('x');
ok(poll_until(sub { slurp_file($node->logfile, $log) =~ /No space left on device/ }), 'the disk is full when they are to be recorded');
ok(poll_until(sub { $server->state->{waiting} == 0 }), 'all of them have been answered');
cmp_ok($q->left, '>', 0, 'and not all can be recorded');
unlink $full;
all_right('there is room again');
is($q->sql(q(SELECT count(*) FROM accepted a JOIN connector_history h ON h.id = a.id WHERE kind = 'gate_post' AND status <> 'success')), 0,
	'nothing of what was answered is lost');

#
# An execution that kills whoever runs it.
#
$q->sql(<<'SQL');
CREATE FUNCTION kill() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID'; RETURN NEW; END$$;
CREATE TRIGGER kill BEFORE INSERT ON poisoned FOR EACH ROW EXECUTE FUNCTION kill();
SQL
my ($n) = $q->numbers(0);
$node->psql('app', join ";\n", $q->enqueue_sql('poison', 1), map { $q->enqueue_sql($_, 50, ms => 5) } qw(get post));
ok(poll_until(sub { $node->psql('app', "SELECT 1 / (NOT EXISTS (SELECT FROM connector_queue))::int") == 0 }), 'everything ends');
all_right('one that kills workers', 'internal');
like($q->outcomes('poison'), qr/^failed internal 1$/, 'ends as failed');
is($server->counts('poison')->{$n}, 3, 'after three workers');
is($q->sql(q(SELECT count(*) FROM connector_history WHERE error_code = 'internal')), 1, 'and no other does');

#
# Fast shutdown: with answers that never come, thousands queued and a thousand in flight.
#
$server->shut_gate('x');
enqueue(gate => 3000, gate_post => 1000);
ok(waiting(1000), '1,000 in flight');
ok($node->stop('fast', fail_ok => 1), 'the server stops by itself');
$server->open_gate('x');
start_server();
all_right('it starts again');
note("$_: ", $q->outcomes($_)) for qw(gate gate_post);

unlike(slurp_file($node->logfile), qr/PANIC|TRAP:/, 'nothing bad in the server log');
done_testing();
