# Sessions side by side: executions of one connector never wait for each other's transactions, what one session
# saves, revokes or disables counts for the next call of every other, and what is rolled back has not been.
use strict;
use warnings;
use ConnectorTest;
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
$mock->reply("/v$_", { json => { version => $_ } }) for 1 .. 4;
my $node = new_cluster('main', 'max_prepared_transactions' => 5);
$node->safe_psql('app', <<"SQL");
CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE eve LOGIN; CREATE ROLE team; CREATE ROLE tim LOGIN;
GRANT team TO tim;
SELECT connector_create_workspace('acme', owner => 'ann');
SELECT connector_add_member('bob', 'editor'), connector_add_member('eve', 'editor'), connector_add_member('team', 'editor');
SELECT connector_credential_set('api', '{"token": "the-first-token"}', 'bearer', allowed_hosts => ARRAY['$url']);
INSERT INTO connectors (name, config) VALUES
	('c', '{"url": "$url/v1", "output": "\$.version"}'),
	('secret', '{"url": "$url/echo", "credential": "api", "output": "\$.headers.authorization"}'),
	('failing', '{"url": "$url/status/503"}');
SELECT connector_maintain();
SQL

# Nobody may wait for long in this test: what waits for a lock fails.
sub session
{
	my ($role) = @_;
	my $session = $node->background_psql('app', on_error_stop => 0, extra_params => [ '-U', $role ]);
	$session->query_safe("\\set VERBOSITY verbose");
	$session->query_safe("SET lock_timeout = '2s'; SET statement_timeout = '10s'");
	return $session;
}

# ask SESSION, SQL -- output and errors.
sub ask
{
	my ($session, $sql) = @_;
	$session->{stderr} = '';
	my $output = $session->query($sql);
	return $output . $session->{stderr} =~ s/^psql:\S+ //gmr;
}

my $call = q(SELECT connector_execute('c'));
my ($ann, $bob) = map { session($_) } qw(ann bob);

sub total
{
	my ($name) = @_;
	return $node->safe_psql('app', "SELECT total_executions FROM connector_stats('$name')");
}

sub recorded
{
	my ($name) = @_;
	return $node->safe_psql('app', "SELECT count(*) FROM connector_executions WHERE connector_name = '$name'");
}

#
# Nobody waits.
#
is(ask($ann, "BEGIN; $call"), '1', 'one session executes, in a transaction that stays open');
is(ask($bob, "BEGIN; $call"), '1', 'another executes the same connector meanwhile');
is(ask($ann, $call),          '1', 'the first one once more');
is(ask($ann, 'SELECT total_executions FROM connector_stats(\'c\')'), 2, 'each counts its own');
is(ask($bob, 'SELECT total_executions FROM connector_stats(\'c\')'), 1, 'at once');
is(total('c'), 0, 'and nobody else counts what is not committed');
is(ask($bob, 'COMMIT'), '', 'the second commits before the first');
is(total('c'), 1, 'and is counted');
like($node->safe_psql('app', q(SET lock_timeout = '2s'; SELECT connector_maintain())), qr/"statistics_folded": 1/, 'maintenance folds it, and does not wait either');
is(ask($ann, 'COMMIT'), '', 'the first commits');
is(total('c'), 3, 'now all are counted');
is(recorded('c'), 3, 'and recorded');
like($node->safe_psql('app', q(SELECT connector_maintain())), qr/"statistics_folded": 1/, 'a transaction leaves one delta');
is($node->safe_psql('app', q(SELECT total_executions FROM connectors WHERE name = 'c')), 3, 'folded into the connector');

# Not for one who edits the connector either.
is(ask($ann, qq(BEGIN; UPDATE connectors SET config = '{"url": "$url/v2", "output": "\$.version"}' WHERE name = 'c')), '', 'a definition is being changed');
is(ask($ann, $call), '2', 'the session that changes it executes the new one');
is(ask($bob, $call), '1', 'another the old one, without waiting');
like($node->safe_psql('app', q(SET lock_timeout = '2s'; SELECT connector_maintain())), qr/"statistics_folded": 0/, 'maintenance leaves a connector that is being changed alone');
is(ask($ann, 'ROLLBACK'), '', 'the change is rolled back');
is(ask($ann, $call), '1', 'and gone for the session that made it');
is(ask($bob, $call), '1', 'as for the other');

#
# What is saved counts at once.
#
is(ask($bob, "BEGIN; $call"), '1', 'in an open transaction, the first version');
is(ask($ann, qq(UPDATE connectors SET config = '{"url": "$url/v2", "output": "\$.version"}' WHERE name = 'c')), '', 'another session saves a second one');
is(ask($bob, $call), '2', 'and it is used by the next call of the open transaction');
is(ask($bob, 'COMMIT'), '', 'which commits');

is(ask($ann, qq(BEGIN; UPDATE connectors SET config = '{"url": "$url/v3", "output": "\$.version"}' WHERE name = 'c'; SAVEPOINT s)), '', 'a third version, not committed');
is(ask($ann, $call), '3', 'used by its own transaction');
is(ask($ann, qq(UPDATE connectors SET config = '{"url": "$url/v4", "output": "\$.version"}' WHERE name = 'c')), '', 'a fourth in a subtransaction');
is(ask($ann, $call), '4', 'used, too');
is(ask($bob, $call), '2', 'but not by others');
is(ask($ann, 'ROLLBACK TO s'), '', 'the subtransaction is rolled back');
is(ask($ann, $call), '3', 'and the third version is back');
is(ask($ann, 'COMMIT'), '', 'committed');
is(ask($bob, $call), '3', 'it counts for others');
is(ask($ann, qq(BEGIN; UPDATE connectors SET config = '{"url": "$url/v4", "output": "\$.version"}' WHERE name = 'c')), '', 'a change that is rolled back as a whole');
is(ask($ann, $call), '4', 'is used until then');
is(ask($ann, 'ROLLBACK'), '', 'and is gone after it');
is(ask($ann, $call), '3', 'for its own session');
is( $node->safe_psql('app', <<'SQL'), "1:$url/v1 2:$url/v2 3:$url/v3", 'three versions were saved');
SELECT string_agg(v.version || ':' || (v.config ->> 'url'), ' ' ORDER BY v.version)
  FROM connector_versions v JOIN connectors c ON c.id = v.connector_id WHERE c.name = 'c'
SQL

is(ask($ann, q(UPDATE connectors SET enabled = false WHERE name = 'c')), '', 'the connector is disabled');
like(ask($bob, $call), qr/^ERROR:  55000: connector "c" is disabled/, 'and is for the other session');
like(ask($bob, q(SELECT * FROM connector_try_execute('c'))), qr/^ERROR:  55000: /, 'connector_try_execute says so, too');
is(ask($ann, q(UPDATE connectors SET enabled = true, name = 'd' WHERE name = 'c')), '', 'enabled and renamed');
like(ask($bob, $call), qr/^ERROR:  42704: connector "c" does not exist/, 'the old name is gone');
is(ask($bob, q(SELECT connector_execute('d'))), '3', 'the new one is there');
is(ask($ann, q(UPDATE connectors SET name = 'c' WHERE name = 'd')), '', 'and back');

is(ask($bob, q(SELECT connector_execute('secret'))), '"Bearer [redacted]"', 'a credential is used');
$mock->forget;
is(ask($ann, qq(SELECT 1 FROM connector_credential_set('api', '{"token": "the-second-token"}', 'bearer', allowed_hosts => ARRAY['$url']))), '1', 'it is replaced');
is(ask($bob, q(SELECT connector_execute('secret'))), '"Bearer [redacted]"', 'it is used by the other session');
is(($mock->requests)[0]{headers}{authorization}, 'Bearer the-second-token', 'with its new value');
is(ask($ann, q(SELECT connector_credential_delete('api'))), 't', 'it is deleted');
like(ask($bob, q(SELECT connector_execute('secret'))), qr/^ERROR:  NC019: /, 'and missing for the other session');

#
# Rights.
#
my ($eve, $tim) = map { session($_) } qw(eve tim);
is(ask($_, $call), '3', 'a member executes') for $eve, $tim;
is(ask($eve, "BEGIN; $call"), '3', 'in a transaction that stays open');
is(ask($ann, q(SELECT connector_add_member('eve', 'viewer'))), '', 'she becomes a viewer');
like(ask($eve, $call), qr/^ERROR:  42501: /, 'and executes no more, even in the open transaction');
is(ask($eve, 'ROLLBACK'), '', 'which ends');
is(ask($eve, 'SELECT count(*) > 0 FROM connector_executions'), 't', 'a viewer reads');
is(ask($ann, q(SELECT connector_remove_member('eve'))), 't', 'she is removed');
like(ask($eve, $call), qr/^ERROR:  42501: /, 'and is a stranger to her own session');
is(ask($eve, 'SELECT count(*) FROM connector_executions'), 0, 'who reads nothing');
is(ask($eve, 'SELECT count(*) FROM connectors'), 0, 'at all');
is(ask($ann, q(SELECT connector_add_member('eve', 'editor'))), '', 'she is back');
is(ask($eve, $call), '3', 'and works');

$node->safe_psql('app', 'REVOKE team FROM tim');
like(ask($tim, $call), qr/^ERROR:  42501: /, 'whoever leaves a role that is a member is none any more');
$node->safe_psql('app', 'GRANT team TO tim');
is(ask($tim, $call), '3', 'and is one again in it');
$node->safe_psql('app', 'DROP ROLE team');
like(ask($tim, $call), qr/^ERROR:  42501: /, 'a role that is dropped is no member');
$node->safe_psql('app', 'DROP ROLE eve');
like(ask($eve, $call), qr/^ERROR:  \w{5}: /, 'nor is a session whose own role is gone');
unlike(ask($eve, 'SELECT 1 AS one'), qr/server closed|terminating/, 'which is still a session');

#
# Transactions.
#
my ($before, $before_recorded) = (total('c'), recorded('c'));
is(ask($bob, "BEGIN; $call; SAVEPOINT a; $call; SAVEPOINT b; $call; ROLLBACK TO a; $call; RELEASE a; $call"), join("\n", (3) x 5), 'five calls, two of them rolled back');
is(ask($bob, q(SELECT total_executions FROM connector_stats('c'))), $before + 3, 'count as three in the transaction');
is(ask($bob, 'COMMIT'), '', 'committed');
is(total('c'), $before + 3, 'three are counted');
is(recorded('c'), $before_recorded + 3, 'and recorded');

is(ask($bob, "BEGIN; $call; ROLLBACK"), '3', 'a transaction that is rolled back');
is(total('c') . ' ' . recorded('c'), ($before + 3) . ' ' . ($before_recorded + 3), 'leaves nothing');
is(ask($bob, q(DO $$BEGIN PERFORM connector_execute('failing'); EXCEPTION WHEN SQLSTATE 'NC011' THEN NULL; END$$)), '', 'a failure that is caught by its SQLSTATE');
is(total('failing'), 0, 'goes with its subtransaction');
is(ask($bob, q(SELECT error_code FROM connector_try_execute('failing'))), 'server_error', 'connector_try_execute does not raise');
is($node->safe_psql('app', q(SELECT failed_executions || ' ' || last_error_code FROM connector_stats('failing'))), '1 server_error', 'and counts');

($before, $before_recorded) = (total('c'), recorded('c'));
is(ask($bob, "BEGIN; $call; PREPARE TRANSACTION 'one'"), '3', 'a transaction is prepared');
is(total('c') . ' ' . recorded('c'), "$before $before_recorded", 'nothing is counted yet');
is(ask($bob, $call), '3', 'its session goes on');
is(total('c'), $before + 1, 'which counts');
$node->restart('fast');
($ann, $bob) = map { session($_) } qw(ann bob);
is(ask($bob, q(COMMIT PREPARED 'one')), '', 'after a restart it is committed');
is(total('c') . ' ' . recorded('c'), ($before + 2) . ' ' . ($before_recorded + 2), 'and counted and recorded');
is(ask($bob, "BEGIN; $call; PREPARE TRANSACTION 'two'"), '3', 'another one');
is(ask($ann, "$call"), '3', 'nobody waits for it');
like($node->safe_psql('app', q(SET lock_timeout = '2s'; SELECT connector_maintain())), qr/"postponed": 0/, 'not even maintenance');
is(ask($bob, q(ROLLBACK PREPARED 'two')), '', 'is rolled back');
is(total('c') . ' ' . recorded('c'), ($before + 3) . ' ' . ($before_recorded + 3), 'and has not been');

#
# Many at once, with maintenance in between: nothing is lost, nothing doubled.
#
$before = total('c');
my $script = $node->basedir . '/load.sql';
append_to_file($script, "$call;\n");
my $upkeep = $node->basedir . '/upkeep.sql';
append_to_file($upkeep, "SELECT connector_maintain();\n");
$node->command_ok([ 'pgbench', '-n', '-c', 8, '-j', 2, '-t', 100, '-f', "$script\@9", '-f', "$upkeep\@1", '--max-tries=1', $node->connstr('app') ],
	'eight sessions and maintenance');
my $calls = total('c') - $before;
cmp_ok($calls, '>', 600, "$calls calls");
is($node->safe_psql('app', q(SELECT s.total_executions - (SELECT count(*) FROM connector_executions e WHERE e.connector_id = s.connector_id) FROM connector_stats('c') s)), 0, 'as many are recorded as are counted');
$node->safe_psql('app', 'SELECT connector_maintain()');
is($node->safe_psql('app', q(SELECT c.total_executions - s.total_executions FROM connectors c JOIN connector_stats('c') s ON s.connector_id = c.id)), 0, 'and folded');
is($node->safe_psql('app', 'SELECT count(*) FROM connector_stat_deltas'), 0, 'with nothing left over');
$_->quit for $ann, $bob;
eval { $_->quit } for $eve, $tim;
ok(!$node->log_contains('deadlock detected|lock timeout|PANIC|TRAP:|terminated by signal'), 'nobody waited, nothing bad in the server log');
done_testing();
