# Schedules and jobs with the real pg_cron: in the same database, in another one, in none.
#
# A minute is the shortest that every pg_cron knows, so what it really starts is waited for in two places only, for
# both databases at the same time; elsewhere the command of a job is run as pg_cron would.
use strict;
use warnings;
use ConnectorTest;
use Test::More;

# Our jobs as pg_cron has them.
my $jobs = q{SELECT string_agg(concat_ws(' | ', jobname, schedule, database, active), E'\n' ORDER BY jobname) FROM cron.job
	WHERE jobname LIKE 'connector %'};

# A database with tenants: alice and vera (a viewer) in acme, bob in other.
sub fill
{
	my ($node, $database) = @_;
	$node->safe_psql($database, <<'SQL');
SELECT connector_create_workspace('acme', owner => 'alice');
SELECT connector_create_workspace('other', owner => 'bob');
SELECT connector_add_member('vera', 'viewer', workspace => 'acme');
SELECT connector_add_member('eddie', 'editor', workspace => 'acme');
SELECT connector_add_member('sub-1', 'editor', 'jwt', 'acme');
SET ROLE alice;
INSERT INTO connectors (name, config, input_schema) VALUES
	('report', '{"url": "http://127.0.0.1:1/"}', '{"type": "object", "properties": {"n": {"type": "integer"}}}'),
	('second', '{"url": "http://127.0.0.1:1/"}', NULL);
SQL
	return;
}

# Run the command of a schedule's job; its execution is then in the queue, or not.
sub fire
{
	my ($node, $cron_database, $database, $name) = @_;
	my $id = $node->safe_psql($database, "SELECT id FROM connector_schedules WHERE name = '$name'");
	my $command = $node->safe_psql($cron_database, "SELECT command FROM cron.job WHERE jobname LIKE '%$id' AND database = '$database'");
	isnt($command, '', "there is a job for $name");
	$node->safe_psql($database, $command);
	return;
}

# The same a minute later.
sub fire_again
{
	my ($node, $cron_database, $database, $name) = @_;
	$node->safe_psql($database, "UPDATE connector_schedules SET last_run_at = last_run_at - interval '1 minute' WHERE name = '$name'");
	fire($node, $cron_database, $database, $name);
	return;
}

sub queued
{
	my ($node, $database, $name) = @_;
	return $node->safe_psql($database, qq{SELECT count(*) FROM connector_queue q JOIN connectors c ON c.id = q.connector_id
		WHERE c.name = '$name'});
}

sub last_error
{
	my ($node, $database, $name) = @_;
	return $node->safe_psql($database, "SELECT last_error FROM connector_schedules WHERE name = '$name'");
}

# What does not depend on where pg_cron is.
sub common
{
	my ($node, $cron, $db) = @_;
	my $as = sub { psql_error($node, $db, as_role(@_)) };

	# Refused, and nothing is left of it.
	my @refused = (
		[ 'alice', q{connector_schedule('nope', '* * * * *')}, qr/ERROR:  42704: connector "nope" does not exist in workspace "acme"/ ],
		[ 'alice', q{connector_schedule('report', NULL)}, qr/ERROR:  22004: argument "cron" must not be null/ ],
		[ 'alice', q{connector_schedule('report', 'at tea time')}, qr/ERROR:  22023: invalid schedule: at tea time/ ],
		[ 'alice', q{connector_schedule('report', '')}, qr/ERROR:  22023: / ],
		[ 'alice', q{connector_schedule('report', '61 * * * *')}, qr/ERROR:  22023: / ],
		[ 'alice', q{connector_schedule('report', 'never', enabled => false)}, qr/ERROR:  22023: invalid schedule/ ],
		[ 'alice', q{connector_schedule('report', '* * * * *', '{"n": "many"}')}, qr/ERROR:  NC018: .*input/ ],
		[ 'alice', q{connector_schedule('report', '* * * * *', name => '')}, qr/ERROR:  22023: the name of a schedule must have 1 to 128 characters/ ],
		[ 'alice', q{connector_schedule('report', '* * * * *', name => repeat('x', 129))}, qr/ERROR:  22023: the name/ ],
		[ 'alice', q{connector_schedule('report', '* * * * *', priority => 10)}, qr/ERROR:  22023: priority must be between/ ],
		[ 'vera', q{connector_schedule('report', '* * * * *')}, qr/ERROR:  42501: permission denied in workspace "acme"/ ],
		[ 'bob', q{connector_schedule('report', '* * * * *', workspace => 'acme')}, qr/ERROR:  42704: workspace "acme" does not exist/ ],
		[ 'alice', q{connector_setup_cron()}, qr/ERROR:  42501: permission denied for function connector_setup_cron/ ],
		[ 'alice', q{connector_tick()}, qr/ERROR:  42501: permission denied for function connector_tick/ ],
		[ 'alice', q{_connector_run_schedule(gen_random_uuid(), gen_random_uuid())}, qr/ERROR:  42501: permission denied/ ]);
	like($as->($_->[0], "SELECT $_->[1]"), $_->[2], "$_->[0]: $_->[1]") for @refused;
	like($as->('alice', 'BEGIN READ ONLY; SELECT connector_schedule(\'report\', \'* * * * *\')'), qr/ERROR:  25006: /, 'not in a read-only transaction');
	is($node->safe_psql($db, 'SELECT count(*) FROM connector_schedules'), 0, 'nothing was scheduled');
	is($node->safe_psql($cron, $jobs), '', 'and there is no job');

	# A limit.
	$node->safe_psql('postgres', "ALTER DATABASE $db SET connector.max_schedules = 1");
	is($as->('alice', q{SELECT connector_schedule('report', '0 4 * * *')}), '', 'a schedule');
	is($as->('alice', q{SELECT connector_schedule('report', '0 5 * * *')}), '', 'is replaced');
	like($as->('alice', q{SELECT connector_schedule('second', '* * * * *')}), qr/ERROR:  54000: workspace "acme" has too many schedules/, 'another is one too many');
	$node->safe_psql('postgres', "ALTER DATABASE $db RESET connector.max_schedules");
	my $id = $node->safe_psql($db, 'SELECT id FROM connector_schedules');
	is($node->safe_psql($cron, $jobs), "connector $db $id | 0 5 * * * | $db | t", 'it has one job');
	is($node->safe_psql($cron, q{SELECT DISTINCT username = current_user FROM cron.job WHERE jobname LIKE 'connector %'}), 't', 'of the owner of the extension');

	# What members see.
	is($node->safe_psql($db, as_role('vera', 'SELECT name, cron, priority, overlap, enabled, identity, run_as, last_run_at FROM connector_schedules')),
		'report|0 5 * * *|5|t|t|role:alice|alice|', 'members see it');
	is($node->safe_psql($db, as_role('bob', 'SELECT count(*) FROM connector_schedules')), 0, 'others do not');
	like($as->('alice', 'SELECT input FROM connector_schedules'), qr/ERROR:  42501: /, 'nobody sees its input');
	like($as->('alice', 'UPDATE connector_schedules SET cron = cron'), qr/ERROR:  42501: /, 'nor writes to it');

	# A run: one in a minute.
	is(queued($node, $db, 'report'), 0, 'nothing is queued yet');
	my $minute = q{SELECT date_trunc('minute', clock_timestamp())};
	my $started;
	do
	{
		$started = $node->safe_psql($db, "DELETE FROM connector_queue; UPDATE connector_schedules SET last_run_at = NULL; $minute");
		fire($node, $cron, $db, 'report') for 1 .. 2;
	} while ($node->safe_psql($db, $minute) ne $started);
	is($node->safe_psql($db, q{SELECT q.trigger, q.identity, q.run_as, q.claims IS NULL, q.input, q.priority, q.id = s.last_execution_id, q.attempt, q.due_at IS NULL
		FROM connector_queue q, connector_schedules s}), 'schedule|role:alice|alice|t|{}|5|t|1|t', 'twice in a minute is once');
	fire_again($node, $cron, $db, 'report');
	is(queued($node, $db, 'report'), 2, 'the next minute is another run');
	is(last_error($node, $db, 'report'), '', 'without an error');
	# (pg_cron 1.5 counts seconds; the one we test with does not.)
	$node->safe_psql($db, q{UPDATE connector_schedules SET cron = '1 second', last_run_at = last_run_at - interval '1 second'});
	fire($node, $cron, $db, 'report');
	is(queued($node, $db, 'report'), 3, 'where seconds are counted, the next second is');

	# Replaced by somebody else, with other values.
	is($as->('eddie', q{SELECT connector_schedule('second', '5 4 * * *', '{"n": 1}', 'report', priority => 2, overlap => false)}), '', 'another editor replaces it');
	is($node->safe_psql($db, 'SELECT count(*), bool_and(id = \'' . $id . '\'), min(identity), min(run_as) FROM connector_schedules'), '1|t|role:eddie|eddie', 'it is the same schedule, and his now');
	is($node->safe_psql($cron, $jobs), "connector $db $id | 5 4 * * * | $db | t", 'and has the same job');
	$node->safe_psql($db, 'DELETE FROM connector_queue');
	fire_again($node, $cron, $db, 'report');
	fire_again($node, $cron, $db, 'report');
	is($node->safe_psql($db, 'SELECT identity, run_as, input, priority FROM connector_queue'), 'role:eddie|eddie|{"n": 1}|2', 'without overlap the second run is left out');
	is(last_error($node, $db, 'report'), 'the execution before has not ended', 'and that is said');
	$node->safe_psql($db, 'DELETE FROM connector_queue');
	fire_again($node, $cron, $db, 'report');
	is(queued($node, $db, 'second'), 1, 'when that has ended it goes on');
	is(last_error($node, $db, 'report'), '', 'and the error is gone');

	# What keeps it from running.
	$node->safe_psql($db, 'DELETE FROM connector_queue');
	my @obstacles = (
		[ q{UPDATE connectors SET enabled = false WHERE name = 'second'}, 'connector "second" is disabled', q{UPDATE connectors SET enabled = true} ],
		[ q{SELECT connector_add_member('eddie', 'viewer', workspace => 'acme')}, 'role:eddie may not execute in this workspace any more', q{SELECT connector_add_member('eddie', 'editor', workspace => 'acme')} ],
		[ q{SELECT connector_remove_member('eddie', workspace => 'acme')}, 'role:eddie may not execute in this workspace any more', q{SELECT connector_add_member('eddie', 'editor', workspace => 'acme')} ],
		[ q{ALTER ROLE eddie RENAME TO edward}, 'role "eddie" does not exist any more', q{ALTER ROLE edward RENAME TO eddie} ]);
	for my $obstacle (@obstacles)
	{
		$node->safe_psql($db, $obstacle->[0]);
		fire_again($node, $cron, $db, 'report');
		is(queued($node, $db, 'second'), 0, "nothing is queued after $obstacle->[0]");
		is(last_error($node, $db, 'report'), $obstacle->[1], 'and why is said');
		$node->safe_psql($db, $obstacle->[2]);
	}
	fire_again($node, $cron, $db, 'report');
	is(queued($node, $db, 'second'), 1, 'with all of that undone it runs');
	is(last_error($node, $db, 'report'), '', 'without an error');
	$node->safe_psql($db, 'DELETE FROM connector_queue');

	# A subject of a token: its identity and the role it came with.
	$node->safe_psql($db, <<'SQL', extra_params => [ '-U', 'front' ]);
SELECT set_config('request.jwt.claims', '{"sub": "sub-1"}', false);
SELECT connector_schedule('report', '6 6 * * *', name => 'of a subject');
SQL
	fire($node, $cron, $db, 'of a subject');
	is($node->safe_psql($db, 'SELECT identity, run_as, claims IS NULL FROM connector_queue'), 'jwt:sub-1|front|t', 'a subject schedules as a subject');
	$node->safe_psql($db, q{SELECT connector_remove_member('sub-1', 'jwt', 'acme')});
	fire_again($node, $cron, $db, 'of a subject');
	is(last_error($node, $db, 'of a subject'), 'jwt:sub-1 may not execute in this workspace any more', 'and not when it is no member any more');
	$node->safe_psql($db, 'DELETE FROM connector_queue');

	# Disabled: the job stays and sleeps.
	is($as->('alice', q{SELECT connector_schedule('report', '5 4 * * *', name => 'report', enabled => false)}), '', 'a schedule is disabled');
	is($node->safe_psql($cron, "SELECT active FROM cron.job WHERE jobname LIKE '%$id'"), 'f', 'and its job');
	fire_again($node, $cron, $db, 'report');
	is(queued($node, $db, 'report'), 0, 'it starts nothing');
	is($as->('alice', q{SELECT connector_schedule('report', '5 4 * * *', name => 'report')}), '', 'and enabled again');
	is($node->safe_psql($cron, "SELECT active FROM cron.job WHERE jobname LIKE '%$id'"), 't', 'and its job');

	# Unscheduled by those who may.
	like($as->('vera', q{SELECT connector_unschedule('report')}), qr/ERROR:  42501: /, 'a viewer unschedules nothing');
	is($node->safe_psql($db, as_role('bob', q{SELECT connector_unschedule('report')})), 'f', 'nor another workspace');
	is($node->safe_psql($db, as_role('eddie', q{SELECT connector_unschedule('report'), connector_unschedule('report')})), 't|f', 'an editor does, once');
	unlike($node->safe_psql($cron, $jobs), qr/$id/, 'the job is gone with it');
	is($node->safe_psql($db, q{SELECT action, actor, detail FROM connector_audit_log WHERE object_type = 'schedule' AND object_name = 'report' ORDER BY id LIMIT 1}),
		'create|role:alice|connector report, cron 0 4 * * *', 'the audit log has it');

	# Jobs as the rows say, whatever happened to them.
	like($node->safe_psql($db, 'SELECT connector_setup_cron()'), qr/^\{"put": 2, "failed": \[\], "removed": 0\}$/, 'the jobs of maintenance are made');
	like($node->safe_psql($db, 'SELECT connector_setup_cron()'), qr/"put": 0, .*"removed": 0/, 'once');
	like($node->safe_psql($cron, $jobs), qr/^connector $db \S{36} \| 6 6 \* \* \* \| $db \| t\nconnector $db maintain \| 23 3 \* \* \* \| $db \| t\nconnector $db tick \| \* \* \* \* \* \| $db \| t$/,
		'tick every minute, maintenance every night, and a schedule');
	$node->safe_psql($db, as_role('alice', q{SELECT connector_schedule('report', '1 1 * * *'), connector_schedule('second', '2 2 * * *')}));
	$node->safe_psql($cron, q{UPDATE cron.job SET active = false WHERE jobname LIKE '%tick'});	# not while we count
	my $before = $node->safe_psql($cron, $jobs);
	$node->safe_psql($cron, q{
		UPDATE cron.job SET schedule = '9 9 * * *' WHERE schedule = '1 1 * * *';
		DELETE FROM cron.job WHERE schedule = '2 2 * * *';
		UPDATE cron.job SET active = false WHERE schedule = '6 6 * * *';
		INSERT INTO cron.job (jobname, nodeport, schedule, command, database) VALUES ('connector of somebody', 1, '4 4 * * *', 'SELECT 1', '} . $db . q{');});
	$node->safe_psql($cron, "INSERT INTO cron.job (jobname, nodeport, schedule, command, database) SELECT 'connector $db ' || gen_random_uuid(), nodeport, '3 3 * * *', command, database FROM cron.job WHERE schedule = '9 9 * * *'");
	like($node->safe_psql($db, 'SELECT connector_tick()'), qr/"jobs": \{"put": 3, "failed": \[\], "removed": 1\}/, 'connector_tick() repairs what was changed');
	$node->safe_psql($cron, q{DELETE FROM cron.job WHERE jobname = 'connector of somebody'});
	is($node->safe_psql($cron, $jobs), $before, 'as it was, and a stranger\'s job was left alone');
	like($node->safe_psql($db, 'SELECT connector_tick()'), qr/"jobs": \{"put": 0, "failed": \[\], "removed": 0\}.*"statistics_folded"/s, 'then there is nothing to do but maintenance');

	# With the connector goes its schedule, with the workspace all of them.
	$node->safe_psql($db, as_role('alice', q{SELECT connector_delete('second')}));
	like($node->safe_psql($db, 'SELECT connector_tick()'), qr/"removed": 1\}/, 'a connector that is deleted leaves no job');
	$node->safe_psql($db, q{DELETE FROM connector_workspaces WHERE slug = 'acme'});
	is($node->safe_psql($db, 'SELECT count(*) FROM connector_schedules'), 0, 'a workspace that is deleted leaves no schedule');
	like($node->safe_psql($db, 'SELECT connector_tick()'), qr/"removed": 2\}/, 'nor a job');

	# All away.
	like($node->safe_psql($db, 'SELECT connector_setup_cron(remove => true)'), qr/"removed": 2/, 'all jobs can be removed');
	is($node->safe_psql($cron, $jobs), '', 'and are');
	return;
}

#
# Not there.
#
my $none = new_cluster('none');
$none->safe_psql('postgres', 'CREATE ROLE alice; CREATE ROLE bob; CREATE ROLE vera; CREATE ROLE eddie');
fill($none, 'app');
like(psql_error($none, 'app', 'SELECT connector_setup_cron()'), qr/ERROR:  55000: pg_cron is not loaded.*HINT:  Add pg_cron to shared_preload_libraries/s, 'not loaded');
like(psql_error($none, 'app', as_role('alice', q{SET cron.database_name = 'postgres'; SELECT connector_schedule('report', '* * * * *')})), qr/ERROR:  55000: pg_cron is not loaded/,
	'whatever a user makes of its settings');
like($none->safe_psql('app', 'SELECT connector_tick()'), qr/"jobs": \{"skipped": "pg_cron is not loaded"\}.*"partitions_created": 8/, 'connector_tick() does the rest');
is($none->safe_psql('app', as_role('alice', q{SELECT connector_unschedule('report')})), 'f', 'there is nothing to unschedule');
$none->stop;

#
# In the same database, and in another one.
#
# Without workers: what is queued stays there to be looked at.
my %settings = (
	'connector.workers'           => 0,
	extra_preload                 => 'pg_cron',
	'cron.use_background_workers' => 'on',
	'connector.jwt_roles'         => 'front');
my $near = new_cluster('near', %settings, 'cron.database_name' => 'app');
my $far  = new_cluster('far', %settings);
for my $node ($near, $far)
{
	$node->safe_psql('postgres', 'CREATE ROLE alice; CREATE ROLE bob; CREATE ROLE vera; CREATE ROLE eddie; CREATE ROLE front LOGIN; CREATE ROLE root SUPERUSER LOGIN');
	fill($node, 'app');
	like(psql_error($node, 'app', as_role('alice', q{SELECT connector_schedule('report', '* * * * *')})),
		qr/ERROR:  55000: extension "pg_cron" is not installed in database "\w+".*HINT:  Run CREATE EXTENSION pg_cron there/s, 'not installed');
	like(psql_error($node, 'app', 'SELECT connector_setup_cron()'), qr/ERROR:  55000: extension "pg_cron" is not installed/, 'no jobs either');
	like($node->safe_psql('app', 'SELECT connector_tick()'), qr/"skipped": "extension \\"pg_cron\\" is not installed in database/, 'nor for connector_tick()');
}
$near->safe_psql('app',     'CREATE EXTENSION pg_cron');
$far->safe_psql('postgres', 'CREATE EXTENSION pg_cron');
common($near, 'app',      'app');
common($far,  'postgres', 'app');

# In the same database a rollback undoes the job; in another one it stays, does nothing, and is found.
for my $node ($near, $far)
{
	fill_again($node);
	$node->safe_psql('app', "BEGIN;\n" . as_role('alice', q{SELECT connector_schedule('report', '7 7 * * *')}) . "\nROLLBACK;");
}
is($near->safe_psql('app', $jobs), '', 'in the same database nothing is left of a rollback');
my $left = $far->safe_psql('postgres', $jobs);
like($left, qr/^connector app \S{36} \| 7 7 \* \* \* \| app \| t$/, 'in another one the job is');
$far->safe_psql('app', $far->safe_psql('postgres', q{SELECT command FROM cron.job}));
is($far->safe_psql('app', 'SELECT count(*) FROM connector_queue'), 0, 'it does nothing');
like($far->safe_psql('app', 'SELECT connector_tick()'), qr/"removed": 1\}/, 'and is removed');

# Two databases whose jobs do not meet, one of a name that is too long for them and needs quotes.
my $long = 'a "long" name ' . 'x' x 40;
$far->safe_psql('postgres', 'CREATE DATABASE "' . $long =~ s/"/""/gr . '"');
$far->safe_psql($long, 'SET ROLE root; CREATE SCHEMA "odd schema"; CREATE EXTENSION connector SCHEMA "odd schema"');
like($far->safe_psql($long, q{SET search_path = "odd schema"; SELECT connector_setup_cron()}), qr/"put": 2, "failed": \[\]/, 'a database of a long name has jobs');
like($far->safe_psql('app', 'SELECT connector_setup_cron()'), qr/"put": 2, "failed": \[\], "removed": 0/, 'and the other one too');
is($far->safe_psql('postgres', q{SELECT bool_and(length(jobname) <= 63), count(DISTINCT jobname), count(*) FILTER (WHERE username = 'root') FROM cron.job}), 't|4|2',
	'with names that are names, as the user that owns the extension');
$far->safe_psql($long, $far->safe_psql('postgres', q{SELECT command FROM cron.job WHERE database LIKE '%long%' AND schedule = '* * * * *'}));
is($far->safe_psql($long, q{SET search_path = "odd schema"; SELECT count(*) FROM pg_inherits WHERE inhparent = 'connector_history'::regclass}), 9, 'its job works');
$far->safe_psql($long, 'DROP EXTENSION connector');
is($far->psql($long, $far->safe_psql('postgres', q{SELECT command FROM cron.job WHERE database LIKE '%long%' AND schedule = '* * * * *'})), 0,
	'and does nothing when the extension has gone');
$far->safe_psql('postgres', 'DROP DATABASE "' . $long =~ s/"/""/gr . '"');
like($far->safe_psql('app', 'SELECT connector_tick()'), qr/"removed": 0\}/, 'jobs of a database that has gone stay for now');
like($far->safe_psql('app', 'SELECT connector_setup_cron()'), qr/"put": 0, .*"removed": 2/, 'until connector_setup_cron() is called');

# What a background worker cannot do is said.
$far->safe_psql('app', as_role('alice', q{SELECT connector_schedule('report', '8 8 * * *')}));
$far->safe_psql('postgres', 'UPDATE cron.job SET active = false');
my $session = $far->background_psql('postgres');
$session->query_safe('BEGIN; LOCK TABLE cron.job IN ACCESS EXCLUSIVE MODE;');
like(psql_error($far, 'app', as_role('alice', q{SELECT connector_schedule('second', '* * * * *')})), qr/ERROR:  55P03: canceling statement due to lock timeout/, 'a lock in the other database');
like(psql_error($far, 'app', as_role('alice', q{SET statement_timeout = '500ms'; SELECT connector_schedule('second', '* * * * *')})), qr/ERROR:  57014: canceling statement due to statement timeout/,
	'the wait for it can be cancelled');
like(psql_error($far, 'app', 'SELECT connector_tick()'), qr/WARNING:  01000: could not compare the schedules with pg_cron: canceling statement due to lock timeout/, 'connector_tick() warns');
like(psql_error($far, 'app', as_role('alice', q{SELECT connector_unschedule('report')})), qr/WARNING:  01000: could not remove the job of the schedule now.*HINT:  connector_tick\(\) removes it later/s,
	'unscheduling warns');
$session->query_safe('ROLLBACK;');
$session->quit;
like($far->safe_psql('app', 'SELECT connector_tick()'), qr/"removed": 1\}/, 'and so it is removed later');
ok(!-e $far->data_dir . '/core', 'nothing crashed');
is($far->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'connector errand'}), 0, 'no background worker is left');

# Old runs are forgotten, ours only.
for my $node ([ $near, 'app' ], [ $far, 'postgres' ])
{
	$node->[0]->safe_psql('app', 'SELECT connector_setup_cron()');
	$node->[0]->safe_psql($node->[1], q{
		INSERT INTO cron.job_run_details (jobid, runid, database, command, start_time, end_time)
		SELECT 1, -n, 'app', c, now() - d, now() - d FROM (VALUES
			(1, (SELECT command FROM cron.job WHERE jobname LIKE '%tick'), interval '8 days'), (2, (SELECT command FROM cron.job WHERE jobname LIKE '%tick'), '6 days'),
			(3, 'SELECT 1', '8 days')) v(n, c, d)});
	$node->[0]->safe_psql('app', $node->[0]->safe_psql($node->[1], q{SELECT command FROM cron.job WHERE jobname LIKE '%maintain'}));
	is($node->[0]->safe_psql($node->[1], 'SELECT array_agg(runid ORDER BY runid) FROM cron.job_run_details WHERE runid < 0'), '{-3,-2}', 'old runs of our jobs are forgotten');
}

# With the clock, in both.
for my $node ($near, $far)
{
	$node->safe_psql('app', as_role('alice', q{SELECT connector_schedule('report', '* * * * *', '{"n": 7}')}));
}
for my $node ([ $near, 'app' ], [ $far, 'postgres' ])
{
	ok($node->[0]->poll_query_until('app', q{SELECT count(*) >= 1 FROM connector_queue WHERE trigger = 'schedule' AND input = '{"n": 7}' AND identity = 'role:alice'}),
		'pg_cron starts what is scheduled');
	ok($node->[0]->poll_query_until($node->[1], q{SELECT count(*) >= 1 FROM cron.job_run_details WHERE status = 'succeeded' AND command LIKE '%connector\_tick%'}),
		'and connector_tick()');
	is($node->[0]->safe_psql($node->[1], q{SELECT string_agg(return_message, '; ') FROM cron.job_run_details WHERE status = 'failed'}), '', 'no run failed');
}

# A restored dump has schedules and no jobs; they are made.
my $dump = $near->basedir . '/app.dump';
$near->command_ok([ 'pg_dump', '-Fc', '-N', 'cron', '-f', $dump, $near->connstr('app') ], 'dumped');
$far->safe_psql('postgres', 'CREATE DATABASE restored');
$far->command_ok([ 'pg_restore', '--no-owner', '-d', $far->connstr('restored'), '-L', restore_list($dump), $dump ], 'restored');
is($far->safe_psql('restored', 'SELECT name, identity FROM connector_schedules'), 'report|role:alice', 'the schedule is there');
like($far->safe_psql('restored', 'SELECT connector_setup_cron()'), qr/"put": 3, "failed": \[\]/, 'and gets its job');
fire($far, 'postgres', 'restored', 'report');

# No place for a background worker.
$far->append_conf('postgresql.conf', 'max_worker_processes = 1');
$far->restart;
like(psql_error($far, 'app', as_role('alice', q{SELECT connector_schedule('report', '* * * * *')})),
	qr/ERROR:  53400: could not start a background worker\nHINT:  All places are taken/, 'no background worker can be started');
like(psql_error($far, 'app', 'SELECT connector_tick()'), qr/WARNING:  01000: could not compare the schedules with pg_cron: could not start a background worker/,
	'connector_tick() warns');

# A database that is not there.
$far->append_conf('postgresql.conf', "max_worker_processes = 20\ncron.database_name = 'nowhere'");
$far->restart;
like(psql_error($far, 'app', 'SELECT connector_setup_cron()'), qr/ERROR:  3D000: database "nowhere" does not exist/, 'the database of pg_cron does not exist');
done_testing();

# Tenants anew, after common() has deleted them.
sub fill_again
{
	my ($node) = @_;
	$node->safe_psql('app', q{DELETE FROM connector_workspaces; SELECT connector_create_workspace('acme', owner => 'alice')});
	$node->safe_psql('app', as_role('alice', q{INSERT INTO connectors (name, config) VALUES ('report', '{"url": "http://127.0.0.1:1/"}'), ('second', '{"url": "http://127.0.0.1:1/"}')}));
	return;
}

# The contents of a dump without pg_cron, which only one database may have.
sub restore_list
{
	my ($file) = @_;
	my $list = "$file.list";
	my $all  = `pg_restore -l $file`;
	open my $handle, '>', $list or die "$list: $!";
	print {$handle} join "\n", grep { !/pg_cron/ } split /\n/, $all;
	close $handle or die "$list: $!";
	return $list;
}
