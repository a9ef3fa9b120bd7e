# The clone fence: what is queued runs where it was told to, and nowhere else.
use strict;
use warnings;
use ConnectorTest;
use MockServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The poll is slow, so that what is seen at once was told, not found.
my @settings = ('connector.poll_interval' => '10min', 'wal_level' => 'replica', 'max_wal_senders' => 5);
my $node = new_cluster('original', @settings);
$node->append_conf('pg_hba.conf', 'local replication all trust');
$node->reload;

# fence NODE, DATABASE -- state and reason.
sub fence
{
	my ($server, $database) = @_;
	return $server->safe_psql($database, 'SELECT state, reason FROM connector_fence');
}

# logged NODE, OFFSET, PATTERN, NAME -- waits until the log says so.
sub logged
{
	my ($server, $offset, $pattern, $name) = @_;
	ok(poll_until(sub { slurp_file($server->logfile, $offset) =~ $pattern }), $name)
	  or diag(slurp_file($server->logfile, $offset));
	return;
}

sub acknowledge
{
	my ($server, $database) = @_;
	return $server->safe_psql($database, 'SELECT connector_acknowledge_clone()');
}

# What is queued here was queued there.
my $queue_row = q{INSERT INTO connector_queue (workspace_id, id, connector_id, created_at, attempt, priority, crashes, sending,
	cancel_requested, notify, trigger, input) VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now(), 1, 5, 0,
	false, false, false, 'async', '{}')};

#
# A new installation, and one that is restarted.
#
is(fence($node, 'app'), 'open|', 'open after CREATE EXTENSION');
is($node->safe_psql('app', 'SELECT since IS NULL, marked_at IS NOT NULL, marked_by FROM connector_fence'), 't|t|CREATE EXTENSION',
	'and says who made it so');
$node->safe_psql('app', 'CREATE ROLE somebody');
is($node->safe_psql('app', as_role('somebody', 'SELECT state FROM connector_fence')), 'open', 'everybody sees the state');
like(psql_error($node, 'app', as_role('somebody', 'SELECT connector_acknowledge_clone()')), qr/42501/, 'not everybody may acknowledge');
like(psql_error($node, 'app', as_role('somebody', 'SELECT * FROM connector_fence_marks')), qr/42501/, 'nor see the marks');
$node->restart;
is(fence($node, 'app'), 'open|', 'still open after a restart');
$node->stop('immediate');
$node->start;
is(fence($node, 'app'), 'open|', 'and after a crash');
is(acknowledge($node, 'app'), 0, 'to acknowledge what is open removes nothing');
is(fence($node, 'app'), 'open|', 'and leaves it open');

#
# Dump and restore, with something queued.
#
my $mock = MockServer->start;
my $url  = $mock->url;
$node->safe_psql('postgres', 'ALTER DATABASE app SET connector.workers = 0');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'connector worker'}),
	'no workers while something is queued');
$node->safe_psql('app', q{SELECT connector_create_workspace('w')});
$node->safe_psql('app', qq{SELECT connector_create('charge', '{"url": "$url/ok"}'); SELECT connector_execute_async('charge')});
my $dump = $node->basedir . '/app.dump';
command_ok([ 'pg_dump', '-Fd', '-f', $dump, '-d', $node->connstr('app') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE copy');
my $offset = -s $node->logfile;
command_ok([ 'pg_restore', '-e', '-d', $node->connstr('copy'), $dump ], 'pg_restore into another database');
is(fence($node, 'copy'), 'closed|a backup was loaded into this database', 'the fence is closed');
logged($node, $offset, qr/WARNING.*workers stand still in database "copy"\n.*DETAIL:.*a backup was loaded.*\n.*HINT:.*connector_acknowledge_clone/,
	'the log says what to do');
is($node->safe_psql('copy', 'SELECT since IS NOT NULL FROM connector_fence'), 't', 'and the view since when');
ok($node->poll_query_until('copy', q{SELECT count(*) = 1 FROM connector_worker_stats WHERE database = 'copy' AND state = 'fenced'}),
	'the worker stands still');
is(scalar(my @none = $mock->requests), 0, 'what was queued is not done');
is(acknowledge($node, 'copy'), 1, 'acknowledged');
is(fence($node, 'copy'), 'open|', 'it is open');
ok(poll_until(sub { (my @seen = $mock->requests) == 1 }), 'what was queued is done');
$node->safe_psql('postgres', 'ALTER DATABASE app RESET connector.workers');
ok(poll_until(sub { (my @seen = $mock->requests) == 2 }), 'and where it was queued');
is($node->safe_psql('copy', q{SELECT actor = 'role:' || current_user, action, object_type, object_name, detail FROM connector_audit_log
	WHERE object_type = 'clone' AND object_name = 'copy'}), 't|acknowledge|clone|copy|1 marks of others removed', 'the audit log has it');
logged($node, $offset, qr/LOG:.*workers go on in database "copy"/, 'the worker goes on');
is(fence($node, 'app'), 'open|', 'the original has not been touched');

$node->safe_psql('app', 'DROP EXTENSION connector');
command_ok([ 'pg_restore', '-e', '-c', '--if-exists', '-d', $node->connstr('app'), $dump ], 'pg_restore into the same database');
is(fence($node, 'app'), 'closed|a backup was loaded into this database', 'the fence is closed');
acknowledge($node, 'app');
command_ok([ 'pg_restore', '-e', '-a', '-t', 'connector_fence_marks', '-d', $node->connstr('app'), $dump ],
	'data alone into the same installation');
is(fence($node, 'app'), 'closed|a backup was loaded into this database', 'the fence is closed');
acknowledge($node, 'app');
command_ok([ 'pg_dump', '-Fd', '-f', "$dump.2", '-d', $node->connstr('app') ], 'pg_dump of what was acknowledged');
command_ok([ 'pg_restore', '-e', '-a', '--disable-triggers', '-t', 'connector_fence_marks', '-d', $node->connstr('copy'), "$dump.2" ],
	'data alone, without triggers, into another database');
like(fence($node, 'copy'), qr/^closed\|the database is a copy of another one, with OID \d+$/, 'the fence is closed');
acknowledge($node, 'copy');

# The queue may be loaded before the marks are.
$node->safe_psql('copy', $queue_row);
is(fence($node, 'copy'), 'closed|rows of a backup were loaded into connector_queue', 'rows that are loaded close it by themselves');
$node->safe_psql('copy', $queue_row);
is(acknowledge($node, 'copy'), 1, 'with one mark, however many rows there are');
$node->safe_psql('copy', 'BEGIN; DELETE FROM connector_fence_marks; COMMIT');
is(fence($node, 'copy'), 'closed|the table connector_fence_marks is empty', 'without a mark it is closed');
acknowledge($node, 'copy');
$node->safe_psql('copy', "BEGIN; $queue_row; ROLLBACK");
is(fence($node, 'copy'), 'open|', 'a rollback leaves it open');

# A copy by CREATE DATABASE.
$node->safe_psql('postgres', 'CREATE DATABASE twin TEMPLATE app');
like(fence($node, 'twin'), qr/^closed\|the database is a copy of another one, with OID \d+$/, 'a copy by CREATE DATABASE is closed');
is(fence($node, 'app'), 'open|', 'its original is not');

#
# Copies of the data directory.
#
$node->backup('base');

my $standalone = PostgreSQL::Test::Cluster->new('standalone');
$standalone->init_from_backup($node, 'base');
$standalone->start;
is(fence($standalone, 'app'), 'closed|the data directory is a copy of another one', 'a base backup that is started is closed');
logged($standalone, 0, qr/WARNING.*stand still in database "app"/, 'its log says so');
ok($standalone->poll_query_until('app', 'SELECT since IS NOT NULL FROM connector_fence'), 'a worker wrote down since when');
$standalone->restart;
like(fence($standalone, 'app'), qr/^closed/, 'a restart does not open it');
acknowledge($standalone, 'app');
$standalone->restart;
is(fence($standalone, 'app'), 'open|', 'acknowledging does, for good');

# Recovery to a point.
$node->safe_psql('app', q{SELECT pg_create_restore_point('here')});
my $recovered = PostgreSQL::Test::Cluster->new('recovered');
$recovered->init_from_backup($node, 'base', has_restoring => 1, standby => 0);
$node->safe_psql('app', 'SELECT pg_switch_wal()');
my $wal = $node->data_dir . '/pg_wal';
$recovered->append_conf('postgresql.conf',
	"restore_command = 'cp \"$wal/%f\" \"%p\"'\nrecovery_target_name = 'here'\nrecovery_target_action = promote\nconnector.run_after_promotion = on");
$recovered->start;
ok($recovered->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'), 'recovered to a point');
is(fence($recovered, 'app'), 'closed|this server was recovered to timeline 2, the mark is of timeline 1',
	'a recovery to a point is closed, whatever connector.run_after_promotion says');

#
# A standby.
#
sub standby
{
	my ($name, $primary, $backup, $setting) = @_;
	my $server = PostgreSQL::Test::Cluster->new($name);
	$server->init_from_backup($primary, $backup, has_streaming => 1);
	$server->append_conf('postgresql.conf', "connector.run_after_promotion = $setting\nconnector.poll_interval = '100ms'");
	$server->start;
	$primary->wait_for_catchup($server);
	return $server;
}

my $off = standby('off', $node, 'base', 'off');
my $on  = standby('on', $node, 'base', 'on');
is(fence($on, 'app'), 'standby|this server is a standby', 'a standby says that it is one');
is($on->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'connector'}), 0, 'and runs nothing');
like(psql_error($on, 'app', 'SELECT connector_acknowledge_clone()'), qr/25006/, 'and cannot be told to');

$off->promote;
is(fence($off, 'app'), 'closed|this server was a standby and has been promoted, and connector.run_after_promotion is off',
	'promoted without connector.run_after_promotion');
logged($off, 0, qr/WARNING.*stand still in database "app"/, 'its log says so');
$off->append_conf('postgresql.conf', 'connector.run_after_promotion = on');
$off->reload;
ok($off->poll_query_until('app', q{SELECT state = 'open' AND marked_by = 'promotion' FROM connector_fence}), 'the setting opens it afterwards');

$on->promote;
ok($on->poll_query_until('app', q{SELECT state = 'open' AND marked_by = 'promotion' FROM connector_fence}), 'promoted with it, it is open');
logged($on, 0, qr/LOG:.*workers go on in database "app" after the promotion/, 'and the log says so');
$on->restart;
is(fence($on, 'app'), 'open|', 'for good');
like(fence($on, 'twin'), qr/^closed/, 'what was closed before is not opened by a promotion');

# The standby of a clone: its promotion opens nothing.
my $clone = PostgreSQL::Test::Cluster->new('clone');
$clone->init_from_backup($node, 'base');
$clone->start;
ok($clone->poll_query_until('app', 'SELECT since IS NOT NULL FROM connector_fence'), 'a clone is closed');
$clone->backup('clone');
my $of_clone = standby('of_clone', $clone, 'clone', 'on');
$of_clone->promote;
is(fence($of_clone, 'app'), 'closed|the data directory is a copy of another one', 'so is its standby when it is promoted');

# Promoted by one that was promoted: the chain of those that may work goes on.
$on->backup('next');
my $next = standby('next', $on, 'next', 'on');
$next->promote;
ok($next->poll_query_until('app', q{SELECT state = 'open' FROM connector_fence}), 'a second promotion goes on as well');
is(fence($node, 'app'), 'open|', 'and the original is what it was');
done_testing();
