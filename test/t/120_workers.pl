# Launcher and workers: they come with the extension, go with it, stand in nobody's way, and come back.
use strict;
use warnings;
use ConnectorTest;
use PostgreSQL::Test::Utils;
use Test::More;

# The poll is slow, so that what is seen at once was told, not found.
my $node = new_cluster('workers', 'connector.poll_interval' => '10min', 'extension' => 0,
	'max_prepared_transactions' => 5, 'restart_after_crash' => 'on');

# workers DATABASE, COUNT, NAME -- waits until so many workers run there, with a turn behind them.
sub workers
{
	my ($database, $count, $name) = @_;
	ok($node->poll_query_until('postgres', qq{
		SELECT count(*) = $count FROM pg_stat_activity
		 WHERE backend_type = 'connector worker' AND datname = '$database' AND state = 'idle'}), $name)
	  or diag($node->safe_psql('postgres', 'SELECT backend_type, datname, application_name, state FROM pg_stat_activity'));
	return;
}

sub no_workers
{
	my ($database, $name) = @_;
	is($node->safe_psql('postgres',
		qq{SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ '^connector (worker|probe)' AND datname = '$database'}),
		0, $name);
	return;
}

sub pid_of
{
	my ($type, $database) = @_;
	my $where = defined $database ? "AND datname = '$database'" : '';
	return $node->safe_psql('postgres', "SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'connector $type' $where");
}

# The probes of all databases are over.
sub settled
{
	return $node->poll_query_until('postgres',
		q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'connector probe'});
}

# refused SQL, PATTERN, NAME -- the statement fails so.
sub refused
{
	my ($database, $sql, $pattern, $name) = @_;
	like(psql_error($node, $database, $sql), $pattern, $name);
	return;
}

#
# Nothing to do, nothing there.
#
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'connector launcher'}),
	'the launcher runs');
is($node->safe_psql('postgres', q{SELECT datname IS NULL, application_name FROM pg_stat_activity WHERE backend_type = 'connector launcher'}),
	't|connector launcher', 'and is connected to no database');
ok(settled(), 'databases have been looked at');
is(pid_of('worker'), '', 'without the extension there are no workers');
refused('postgres', 'CREATE FUNCTION f() RETURNS void AS \'connector\', \'connector_installed\' LANGUAGE c; SELECT f()',
	qr/55000.*install script only/, 'what the install script calls is for nobody else');

#
# CREATE and DROP EXTENSION.
#
$node->safe_psql('postgres', 'CREATE DATABASE app');
$node->safe_psql('app', 'BEGIN; CREATE EXTENSION connector; ROLLBACK');
$node->safe_psql('app', 'CREATE EXTENSION connector');
workers('app', 1, 'CREATE EXTENSION starts a worker at once');
is($node->safe_psql('postgres', q{SELECT application_name FROM pg_stat_activity WHERE backend_type = 'connector worker'}),
	'connector worker 0 (app)', 'which says what it is');
$node->safe_psql('app', 'DROP EXTENSION connector');
no_workers('app', 'DROP EXTENSION leaves none');
$node->safe_psql('app', 'CREATE EXTENSION connector');
workers('app', 1, 'a new one has a worker again');
my $first = pid_of('worker', 'app');
$node->safe_psql('app', 'BEGIN; DROP EXTENSION connector; ROLLBACK');
workers('app', 1, 'workers come back when DROP EXTENSION is rolled back');
$node->safe_psql('app', 'BEGIN; DROP EXTENSION connector; CREATE EXTENSION connector; COMMIT');
workers('app', 1, 'and work with the new one when it is created anew in the same transaction');
$node->safe_psql('app', 'BEGIN; DROP EXTENSION connector; SAVEPOINT s; SELECT 1; ROLLBACK TO s; COMMIT');
no_workers('app', 'DROP EXTENSION in a transaction');
$node->safe_psql('app', q{BEGIN; CREATE EXTENSION connector; PREPARE TRANSACTION 'later'});
no_workers('app', 'a prepared CREATE EXTENSION starts nothing');
$node->safe_psql('app', q{COMMIT PREPARED 'later'});
workers('app', 1, 'until it is committed');

# Without a command that names it: the worker notices by itself.
$node->safe_psql('app', q{CREATE SCHEMA s; DROP EXTENSION connector; CREATE EXTENSION connector SCHEMA s});
workers('app', 1, 'a worker for the extension in a schema');
$node->safe_psql('app', 'DROP SCHEMA s CASCADE');
$node->append_conf('postgresql.conf', "connector.poll_interval = '100ms'");
$node->reload;
ok($node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'connector worker'}),
	'DROP SCHEMA CASCADE ends it too');
$node->append_conf('postgresql.conf', "connector.poll_interval = '10min'");
$node->reload;
$node->safe_psql('app', 'CREATE EXTENSION connector');
workers('app', 1, 'and another one');

# ALTER EXTENSION UPDATE restarts them, be there something to update or not.
my $before = pid_of('worker', 'app');
$node->safe_psql('app', 'ALTER EXTENSION connector UPDATE');
workers('app', 1, 'a worker after ALTER EXTENSION UPDATE');
isnt(pid_of('worker', 'app'), $before, 'which is another one');

#
# How many.
#
create_database($node, 'other');
workers('other', 1, 'a second database has its own');
$node->append_conf('postgresql.conf', 'connector.workers = 2');
$node->reload;
workers('app', 2, 'connector.workers is followed at a reload');
workers('other', 2, 'in every database');
$node->safe_psql('postgres', 'ALTER DATABASE other SET connector.workers = 3');
workers('other', 3, 'ALTER DATABASE SET is followed at once');
$node->safe_psql('postgres', 'ALTER DATABASE other SET connector.workers = 0');
workers('other', 0, 'none at all');
workers('app', 2, 'only in that database');
$node->safe_psql('postgres', 'ALTER DATABASE other RESET connector.workers');
workers('other', 2, 'RESET');
$node->safe_psql('postgres', 'ALTER ROLE ALL SET connector.workers = 1');
workers('app', 1, 'ALTER ROLE ALL');
workers('other', 1, 'in every database');
$node->safe_psql('postgres', 'ALTER ROLE ALL RESET ALL');
workers('app', 2, 'and RESET ALL');
$node->safe_psql('app', 'SET connector.workers = 5');
$node->append_conf('postgresql.conf', 'connector.workers = 1');
$node->reload;
workers('app', 1, 'fewer at a reload');
workers('other', 1, 'in every database');
is($node->safe_psql('postgres', q{SELECT string_agg(datname || application_name, ',' ORDER BY datname) FROM pg_stat_activity
	WHERE backend_type = 'connector worker'}), 'appconnector worker 0 (app),otherconnector worker 0 (other)', 'the first ones stay');

# More than there can be: said once, and made good when there is room.
my $offset = -s $node->logfile;
$node->safe_psql('postgres', 'ALTER DATABASE other SET connector.workers = 64');
ok(poll_until(sub { slurp_file($node->logfile, $offset) =~
			/WARNING:  could not start a connector worker in database "other"\n.*DETAIL:.*max_worker_processes = 20.*\n.*HINT:.*Raise max_worker_processes/ }),
	'too many workers are said to be too many');
$node->safe_psql('app', 'SELECT count(*) FROM connectors');
$node->safe_psql('postgres', 'ALTER DATABASE other SET connector.workers = 1');
workers('other', 1, 'and fewer do');
my @said = slurp_file($node->logfile, $offset) =~ /could not start a connector worker/g;
is(scalar @said, 1, 'it is said once');

#
# Commands that need the database for themselves.
#
$node->safe_psql('postgres', 'CREATE DATABASE twin TEMPLATE app');
workers('app', 1, 'CREATE DATABASE TEMPLATE works, and the worker is back');
workers('twin', 1, 'the copy has one too');
is($node->safe_psql('twin', 'SELECT state FROM connector_fence'), 'closed', 'which may not call out');
refused('postgres', 'CREATE DATABASE twin TEMPLATE app', qr/42P04/, 'the same again fails');
workers('app', 1, 'and the worker is back');
$node->safe_psql('postgres', 'ALTER DATABASE twin RENAME TO renamed');
workers('renamed', 1, 'RENAME');
mkdir $node->basedir . '/space';
$node->safe_psql('postgres', "CREATE TABLESPACE space LOCATION '" . $node->basedir . "/space'");
$node->safe_psql('postgres', 'ALTER DATABASE renamed SET TABLESPACE space');
workers('renamed', 1, 'SET TABLESPACE');
my $session = $node->background_psql('renamed');
$session->query_safe('SELECT 1');
refused('postgres', 'SET statement_timeout = 1000; DROP DATABASE renamed', qr/57014|55006/, 'DROP DATABASE while a session is there');
workers('renamed', 1, 'fails, and the worker is back');
$session->quit;
$node->safe_psql('postgres', 'DROP DATABASE renamed');
no_workers('renamed', 'DROP DATABASE');
$node->safe_psql('postgres', 'DROP DATABASE other WITH (FORCE)');
no_workers('other', 'DROP DATABASE WITH (FORCE)');
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION connector');
workers('other', 1, 'a database of the same name');
$node->safe_psql('postgres', 'ALTER DATABASE other ALLOW_CONNECTIONS false');
workers('other', 0, 'none where nobody may connect');
$node->safe_psql('postgres', 'ALTER DATABASE other ALLOW_CONNECTIONS true');
workers('other', 1, 'until one may');
$node->safe_psql('postgres', 'ALTER DATABASE other IS_TEMPLATE true');
workers('other', 0, 'nor in a template');
$node->safe_psql('postgres', 'ALTER DATABASE other IS_TEMPLATE false; DROP DATABASE other');

# Those who may not do it do not stop workers either.
$node->safe_psql('postgres', 'CREATE ROLE somebody');
$before = pid_of('worker', 'app');
refused('app', as_role('somebody', 'DROP EXTENSION connector'), qr/42501/, 'a stranger cannot drop the extension');
refused('postgres', as_role('somebody', 'DROP DATABASE app'), qr/42501/, 'nor the database');
is(pid_of('worker', 'app'), $before, 'the worker has not been disturbed');

#
# A worker that is busy with somebody's code.
#
sub make_busy
{
	my ($code) = @_;
	$node->safe_psql('app', qq{
		CREATE FUNCTION busy() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $code END \$\$;
		CREATE TRIGGER busy BEFORE UPDATE OF foreign_since ON connector_fence_marks FOR EACH ROW EXECUTE FUNCTION busy();
		UPDATE connector_fence_marks SET control_inode = 1});
	$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'connector worker'});
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity
		WHERE backend_type = 'connector worker' AND wait_event = 'PgSleep'}), 'a worker is busy');
	return;
}
make_busy('PERFORM pg_sleep(3600);');
$node->safe_psql('app', 'BEGIN; DROP EXTENSION connector CASCADE; ROLLBACK');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity
	WHERE backend_type = 'connector worker' AND wait_event = 'PgSleep'}), 'DROP EXTENSION ends that, and the worker is back when it is undone');
$node->safe_psql('postgres', 'ALTER DATABASE app RENAME TO renamed; ALTER DATABASE renamed RENAME TO app');
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity
	WHERE backend_type = 'connector worker' AND wait_event = 'PgSleep'}), 'so does ALTER DATABASE RENAME');
$node->stop('fast');
ok(1, 'and a fast shutdown');
$node->start;
$node->safe_psql('app', 'DROP EXTENSION connector CASCADE');
no_workers('app', 'DROP EXTENSION');
$node->safe_psql('app', 'DROP FUNCTION busy; CREATE EXTENSION connector');
workers('app', 1, 'and a new one');
make_busy('PERFORM pg_sleep(3600);');
$node->safe_psql('postgres', 'DROP DATABASE app');
no_workers('app', 'DROP DATABASE ends it as well');
create_database($node, 'app');
workers('app', 1, 'a worker in a new database');

# Code that will not be cancelled.
make_busy('LOOP BEGIN PERFORM pg_sleep(3600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP;');
$node->stop('fast');
ok(1, 'a fast shutdown ends that too');
$node->append_conf('postgresql.conf', 'connector.workers = 0');
$node->start;
$node->safe_psql('app', 'DROP TRIGGER busy ON connector_fence_marks; SELECT connector_acknowledge_clone()');
$node->append_conf('postgresql.conf', 'connector.workers = 1');
$node->reload;
workers('app', 1, 'and a worker is back');

#
# Those that die.
#
sub dies
{
	my ($type, $kill, $name) = @_;
	my $old = pid_of($type);
	$kill->($old);
	# The server may be away meanwhile.
	ok(poll_until(sub { (eval { pid_of($type) } // '') =~ /^(?!$old$)\d+$/ }), "$name: another $type");
	workers('app', 1, "$name: a worker works");
	return;
}
my $terminate = sub { $node->safe_psql('postgres', "SELECT pg_terminate_backend($_[0])") };
my $kill = sub { kill 'KILL', $_[0] };
dies('launcher', $terminate, 'pg_terminate_backend');
dies('worker', $terminate, 'pg_terminate_backend');
$before = pid_of('worker');
dies('launcher', $terminate, 'pg_terminate_backend again');
is(pid_of('worker'), $before, 'a worker outlives its launcher');
# The server starts anew after these.
dies('worker', $kill, 'kill -9');
dies('launcher', $kill, 'kill -9');

# One that fails is started again, and again.
$node->append_conf('postgresql.conf', "connector.test_point = 'worker-starts:error'");
$node->reload;
$offset = -s $node->logfile;
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'connector worker'});
ok(poll_until(sub { slurp_file($node->logfile, $offset) =~ /connector worker in database "app" failed, the next one starts in 2 s/ }),
	'one that fails starts again, later each time');
$node->append_conf('postgresql.conf', "connector.test_point = ''");
$node->reload;
workers('app', 1, 'until it succeeds');

# No database of this cluster is left with what it had.
command_ok([ 'pg_dump', '-f', '/dev/null', '-d', $node->connstr('app') ], 'a dump works beside the workers');
$node->restart;
workers('app', 1, 'a restart brings them back');
done_testing();
