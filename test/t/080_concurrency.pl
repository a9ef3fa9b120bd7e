# Sessions side by side: callers of one connector never wait for each other, and what one session changes
# (definitions, memberships, roles) counts for the others at once, but not before it commits.
use strict;
use warnings;
use ConnectorTest;
use MockServer;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster('concurrency', 'max_prepared_transactions' => 5);

$node->safe_psql('app', <<"SQL");
CREATE ROLE alice LOGIN;
CREATE ROLE team;
CREATE ROLE bob LOGIN IN ROLE team;
SELECT connector_create_workspace('acme', owner => 'alice');
SET ROLE alice;
SELECT connector_add_member('team', 'editor');
INSERT INTO connectors (name, config) VALUES ('ok', '{"url": "$url/ok", "output": {"v": "\$.ok"}}');
SQL

# session ROLE -- an open session of that role; what would wait fails soon.
sub session
{
	my ($role) = @_;
	my $session = $node->background_psql('app', on_error_stop => 0);
	$session->query_safe("SET lock_timeout = '10s'; SET statement_timeout = '30s'; SET ROLE $role");
	return $session;
}

# failure SESSION, SQL -- the error the statement gives.
sub failure
{
	my ($session, $sql) = @_;
	$session->query($sql);
	my $error = $session->{stderr};
	$session->{stderr} = '';
	return $error;
}

my $call  = q(SELECT connector_execute('ok'));
my $one   = session('alice');
my $two   = session('bob');

#
# Open transactions do not meet.
#
$one->query_safe("BEGIN; $call");
$two->query_safe('BEGIN');
is($two->query_safe($call), '{"v": true}', 'a call returns while another transaction that called is open');
$two->query_safe('COMMIT');
is($node->safe_psql('app', q(SELECT total_executions FROM connector_stats('ok'))), 1, 'only what is committed counts for others');
is($one->query_safe(q(SELECT total_executions FROM connector_stats('ok'))), 2, 'in its own transaction a call counts at once');
is($node->safe_psql('app', 'SELECT connector_maintain() ->> \'statistics_folded\''), 1, 'folding does not wait for an open caller');
$one->query_safe('COMMIT');
is($node->safe_psql('app', q(SELECT total_executions FROM connector_stats('ok'))), 2, 'nothing is lost or doubled by folding');

#
# Subtransactions.
#
$one->query_safe("BEGIN; SAVEPOINT s; $call; ROLLBACK TO s; $call; SAVEPOINT t; $call; RELEASE t; COMMIT");
is($node->safe_psql('app', q(SELECT total_executions FROM connector_stats('ok'))), 4, 'calls of a subtransaction that rolls back are not counted, released ones are');
is($node->safe_psql('app', 'SELECT count(*) FROM connector_executions'), 4, 'nor recorded');
$one->query_safe("BEGIN; $call; ROLLBACK");
is($node->safe_psql('app', q(SELECT total_executions FROM connector_stats('ok'))), 4, 'a transaction that rolls back leaves no count');

#
# A prepared transaction.
#
$one->query_safe("BEGIN; $call; PREPARE TRANSACTION 'call'");
is($node->safe_psql('app', q(SELECT total_executions FROM connector_stats('ok'))), 4, 'a prepared call is not counted yet');
$_->quit for $one, $two;
$node->restart;
$node->safe_psql('app', q(COMMIT PREPARED 'call'));
is($node->safe_psql('app', q(SELECT total_executions FROM connector_stats('ok'))), 5, 'it is when it commits, after a restart too');
$one = session('alice');
$two = session('bob');

#
# A saved definition reaches the others at their next call, and only when it is committed.
#
$two->query_safe($call);
$one->query_safe(qq(BEGIN; UPDATE connectors SET config = '{"url": "$url/ok", "output": {"new": "\$.ok"}}' WHERE name = 'ok'));
is($one->query_safe($call), '{"new": true}', 'the session that saves a definition uses it');
is($two->query_safe($call), '{"v": true}', 'others do not before it commits');
$one->query_safe('ROLLBACK');
is($one->query_safe($call), '{"v": true}', 'a definition that is rolled back is forgotten');
$one->query_safe(qq(BEGIN; SAVEPOINT s;
	UPDATE connectors SET config = '{"url": "$url/ok", "output": {"a": "\$.ok"}}' WHERE name = 'ok'; $call; ROLLBACK TO s;
	UPDATE connectors SET config = '{"url": "$url/ok", "output": {"b": "\$.ok"}}' WHERE name = 'ok'));
is($one->query_safe($call), '{"b": true}', 'a version number that is given anew does not bring the old definition back');
$one->query_safe('COMMIT');
is($two->query_safe($call), '{"b": true}', 'committed, it reaches the open session of another');

$one->query_safe(q(UPDATE connectors SET enabled = false WHERE name = 'ok'));
like(failure($two, $call), qr/connector "ok" is disabled/, 'disabled at once');
$one->query_safe(q(UPDATE connectors SET enabled = true, name = 'renamed' WHERE name = 'ok'));
like(failure($two, $call), qr/connector "ok" does not exist/, 'renamed: the old name is gone at once');
$one->query_safe(q(UPDATE connectors SET name = 'ok' WHERE name = 'renamed'));
is($two->query_safe($call), '{"b": true}', 'and back');

# In a snapshot that is older than the change too: a definition is looked up like a catalog entry.
$two->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM connectors');
$one->query_safe(q(UPDATE connectors SET enabled = false WHERE name = 'ok'));
like(failure($two, $call), qr/connector "ok" is disabled/, 'disabled at once, whatever the snapshot');
$two->query_safe('ROLLBACK');
$one->query_safe(q(UPDATE connectors SET enabled = true WHERE name = 'ok'));

#
# Rights go when they are taken.
#
$one->query_safe(q(SELECT connector_add_member('team', 'viewer')));
like(failure($two, $call), qr/permission denied in workspace "acme"/, 'a smaller role counts at once');
$one->query_safe(q(SELECT connector_add_member('team', 'editor')));
is($two->query_safe($call), '{"b": true}', 'a larger one too');
$node->safe_psql('app', 'REVOKE team FROM bob');
like(failure($two, $call), qr/is not a member of any workspace/, 'who leaves the database role leaves the workspace');
$node->safe_psql('app', 'GRANT team TO bob');
is($two->query_safe($call), '{"b": true}', 'and is back with it');
$one->query_safe(q(SELECT connector_remove_member('team')));
is($two->query_safe('SELECT count(*) FROM connectors'), 0, 'a removed member sees nothing');
like(failure($two, $call), qr/is not a member of any workspace/, 'and calls nothing');

$_->quit for $one, $two;
done_testing();
