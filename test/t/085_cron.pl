# Maintenance under the real pg_cron: the line the documentation gives makes the partitions of the coming days
# and folds statistics, and connector_tick() has triggers polled.  A minute is the shortest that every pg_cron knows,
# so this waits for the next one.
use strict;
use warnings;
use ConnectorTest;
use MockServer;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;

my $node = new_cluster(
	'cron',
	extra_preload                 => 'pg_cron',
	'cron.database_name'          => 'app',
	'cron.use_background_workers' => 'on');

$node->safe_psql('app', <<'SQL');
CREATE EXTENSION pg_cron;
SELECT connector_create_workspace('acme');
INSERT INTO connectors (name, config) VALUES ('one', '{"url": "https://example.com/"}');
SELECT increment_connector_stats(id, true) FROM connectors;
SQL
# A trigger that is due, and nobody has called its process.
$mock->reply('/items', { json => [ { id => 1 } ] });
$node->safe_psql('app', <<"SQL");
SELECT connector_provider_register('{"name": "p", "title": "P", "base_url": "$url", "allowed_hosts": ["$url"],
	"streams": {"items": {"path": "/items", "primary_key": ["id"]}}}', 'acme');
SELECT connector_trigger_set('t', 'p', 'items', 'one', workspace => 'acme', enabled => false);
UPDATE connector_triggers SET enabled = true;
SQL
is($node->safe_psql('app', q(SELECT count(*) FROM pg_inherits WHERE inhparent = 'connector_history'::regclass)),
	1, 'only the default partition is there at first');
is($node->safe_psql('app', 'SELECT total_executions FROM connectors'), 0, 'nothing is folded yet');

$node->safe_psql('app', q(SELECT cron.schedule('connector-maintain', '* * * * *', 'SELECT connector_maintain()')));
$node->safe_psql('app', q(SELECT cron.schedule('connector-tick', '* * * * *', 'SELECT connector_tick()')));
is($node->safe_psql('app', q(SELECT status FROM connector_trigger_status)), 'new', 'nothing was polled yet');
ok( $node->poll_query_until(
		'app', q(SELECT count(*) >= 8 FROM pg_inherits WHERE inhparent = 'connector_history'::regclass)),
	'the scheduled job makes partitions');
ok($node->poll_query_until('app', 'SELECT total_executions = 1 FROM connectors'), 'and folds statistics');
ok($node->poll_query_until('app', q(SELECT status = 'waiting' FROM connector_trigger_status)), 'and the tick has triggers polled');
ok($node->poll_query_until('app', q(SELECT bool_and(status = 'succeeded') FROM cron.job_run_details WHERE status IN ('succeeded', 'failed'))),
	'no run failed');
done_testing();
