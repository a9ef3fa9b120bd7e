# What operators see: the page of metrics is well-formed and adds up, queue and activity show what is there and to
# whom, alerts come and go.  No workers run: the rows of the queue are put there by hand.
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use File::Basename qw(dirname);
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster(
	'operations',
	'connector.workers'              => 0,
	'connector.retry_delay'          => '1ms',
	'connector.retry_max_delay'      => '1ms',
	'connector.breaker_min_requests' => 10);
$node->safe_psql('app', <<'SQL');
CREATE ROLE ann LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE mon LOGIN;
GRANT pg_monitor TO mon;
SELECT connector_create_workspace('acme-secret', owner => 'ann'), connector_create_workspace('other', owner => 'bob');
SELECT connector_maintain();
SQL

sub query { my ($sql) = @_; return $node->safe_psql('app', $sql); }

# query_as ROLE, SQL -- output, or the errors.
sub query_as
{
	my ($role, $sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql('app', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err, extra_params => [ '-U', $role ]);
	return $err =~ s/^psql:\S+ //gmr || $out;
}

#
# The page.  A strict reader of the text format: HELP, TYPE, then the samples of that metric and nothing else.
#
my $NAME   = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
my $NUMBER = qr/NaN|[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]\d+)?/;

# parse_page TEXT -- { name => { type, help, samples => { 'suffix{labels}' => value } } }; dies at what is not right.
sub parse_page
{
	my ($text) = @_;
	my (%page, $name, $metric);
	die "no line break at the end\n" if $text !~ /\n\z/;
	for my $line (split /\n/, $text)
	{
		if ($line =~ /^# HELP ($NAME) (\S.*)$/)
		{
			die "twice: $1\n" if $page{$1};
			($name, $metric) = ($1, { help => $2, samples => {} });
			$page{$name} = $metric;
		}
		elsif ($line =~ /^# TYPE ($NAME) (counter|gauge|histogram)$/)
		{
			die "TYPE of another metric: $line\n" if $1 ne $name || $metric->{type} || %{ $metric->{samples} };
			$metric->{type} = $2;
		}
		elsif ($line =~ /^($NAME)(?:\{((?:$NAME="(?:[^"\\\n]|\\["\\n])*",?)+)\})? ($NUMBER)$/)
		{
			my ($sample, $labels, $value) = ($1, $2 // '', $3);
			die "sample before its TYPE: $line\n" if !defined $name || !$metric->{type};
			die "of another metric: $line\n" if $sample !~ /^\Q$name\E(.*)$/;
			my $suffix = $1;
			die "suffix: $line\n" if $suffix !~ ($metric->{type} eq 'histogram' ? qr/^_(?:bucket|sum|count)$/ : qr/^$/);
			die "label twice: $line\n" if do { my %seen; grep { $seen{$_}++ } $labels =~ /($NAME)=/g };
			my $key = $suffix . ($labels ? "{$labels}" : '');
			die "sample twice: $line\n" if exists $metric->{samples}{$key};
			$metric->{samples}{$key} = $value;
		}
		else { die "what is this: $line\n"; }
	}
	for my $histogram (grep { $page{$_}{type} eq 'histogram' } keys %page) { check_histogram($histogram, $page{$histogram}{samples}); }
	return \%page;
}

# Buckets ascend and the last one, +Inf, is the count.
sub check_histogram
{
	my ($name, $samples) = @_;
	my %series;
	for my $key (grep { /^_bucket/ } keys %$samples)
	{
		my ($before, $bound) = $key =~ /^_bucket\{(.*?),?le="([^"]+)"\}$/ or die "$name: bucket without le\n";
		push @{ $series{$before} }, [ $bound eq '+Inf' ? 9**9**9 : $bound, $samples->{$key} ];
	}
	die "$name: no buckets\n" if !%series;
	for my $labels (keys %series)
	{
		my @buckets = sort { $a->[0] <=> $b->[0] } @{ $series{$labels} };
		my $count   = $samples->{ '_count' . ($labels ? "{$labels}" : '') };
		for my $i (1 .. $#buckets) { die "$name: buckets descend\n" if $buckets[$i][1] < $buckets[ $i - 1 ][1]; }
		die "$name: no +Inf, or not the count\n" if $buckets[-1][0] != 9**9**9 || $buckets[-1][1] != $count;
		die "$name: no sum\n" if !defined $samples->{ '_sum' . ($labels ? "{$labels}" : '') };
	}
	return;
}

for my $bad ("x 1", "# HELP a b\n# TYPE a counter\nb 1\n", "# HELP a b\na 1\n", "# HELP a b\n# TYPE a gauge\na{x=\"\"\"} 1\n",
	"# HELP a b\n# TYPE a gauge\na 1\na 1\n", "# HELP a b\n# TYPE a gauge\na{x=\"\\t\"} 1\n", "# HELP a b\n# TYPE a gauge\na one\n",
	"# HELP h b\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n")
{
	ok(!eval { parse_page($bad); 1 }, 'the reader is strict: ' . ($@ =~ s/\n.*//sr));
}

# metrics -- the page; die if it is malformed.
sub metrics { return parse_page(query('SELECT connector_metrics()') . "\n"); }

# value PAGE, NAME [, KEY] -- of a sample.
sub value { my ($page, $name, $key) = @_; return $page->{$name}{samples}{ $key // '' }; }

sub outcome_of { my ($page, $outcome) = @_; return value($page, 'connector_executions', qq({mode="synchronous",outcome="$outcome"})); }

my $first = metrics();
my @documented = map { "connector_$_" } qw(sync_jobs_processed sync_jobs_failed sync_records_created sync_records_updated
  sync_latency_ms sync_queue_depth writeback_latency_ms token_refresh_failures);
ok($first->{$_}, "the page has $_") for @documented;
like($_, qr/^connector_/, "$_ has our prefix") for sort keys %$first;
my $guide = slurp_file(dirname(__FILE__) . '/../../docs/operations.md');
ok($guide =~ /^\| `$_[`{]/m, "operations.md explains $_") for sort keys %$first;
for my $name ($guide =~ /^\| `(connector_\w+)[`{][^|]*\| (?:counter|gauge|histogram) \|/mg)
{
	ok($first->{$name}, "$name of operations.md is on the page");
}
is(join(' ', grep { $first->{$_}{type} ne 'counter' } qw(connector_executions connector_retries connector_sync_jobs_processed)), '', 'what only grows is a counter');

#
# Synchronous calls are counted, whatever becomes of them.
#
my $s = ConnectorSession->new($node);
$s->ask("SET connector.workspace = 'acme-secret'");
my $good    = $s->save({ url => "$url/ok" });
my $missing = $s->save({ url => "$url/status/404" });
my $flaky   = $s->save({ url => "$url/status/503", retries => 2 });
my $mapped  = $s->save({ url => "$url/ok" }, field_mappings => '{"table": "no_such_table", "key": {"id": "1"}, "set": {"x": "1"}}');
$s->run_saved($good) for 1 .. 3;
$s->run_saved($missing);
like($s->ask("SELECT connector_execute('$missing')"), qr/NC003/, 'one raises');
$s->ask("BEGIN; SELECT connector_execute('$good'); ROLLBACK");
$s->ask("SELECT count(*) FROM connector_execute_batch('$good', array_fill('{}'::jsonb, ARRAY[5]))");
$s->run_saved($flaky);
like($s->ask("SELECT connector_execute('$mapped')"), qr/NC017/, 'one is not mapped');
my $page = metrics();
is(outcome_of($page, 'success'),        9, 'successes: with the one rolled back and those of a batch');
is(outcome_of($page, 'not_found'),      2, 'not_found: with the one that raised');
is(outcome_of($page, 'server_error'),   1, 'server_error');
is(outcome_of($page, 'config_invalid'), 1, 'the mapping that failed and raised');
is(value($page, 'connector_retries',              '{mode="synchronous"}'),       2,  'retries');
is(value($page, 'connector_execution_latency_ms', '_count{mode="synchronous"}'), 13, 'the histogram has them all');
cmp_ok(value($page, 'connector_execution_latency_ms', '_sum{mode="synchronous"}'), '>', 0, 'and the time they took');
is(value($page, 'connector_sync_jobs_processed'), 0, 'none of them was queued');
$s->ask("SELECT * FROM connector_test('{\"url\": \"$url/ok\"}')");
is(outcome_of(metrics(), 'success'), 9, 'tests are not counted');
create_database($node, 'second');
is(outcome_of(parse_page($node->safe_psql('second', 'SELECT connector_metrics()') . "\n"), 'success'), 0, 'another database counts for itself');
unlike(query('SELECT connector_metrics()'), qr/acme|secret|ann\b|$good\b/, 'no tenant is named');
$node->restart;
$page = metrics();
is(outcome_of($page, 'success'), 0, 'a restart begins anew');
is(query(q(SELECT sum(total_executions) FROM connector_stats(workspace => 'acme-secret'))), 10, 'the exact counts have what was committed, and go on');

#
# Who may see it.
#
like(query_as('ann', 'SELECT connector_metrics()'),                  qr/42501/, 'a tenant gets no page');
like(query_as('ann', 'SELECT * FROM connector_worker_stats'),        qr/42501/, 'nor the workers');
like(query_as('mon', 'SELECT connector_metrics()'),                  qr/^# HELP connector_/, 'a member of pg_monitor does');
is(query_as('mon', 'SELECT count(*) FROM connector_worker_stats'), 0, 'and sees the workers, of which there are none');

#
# The queue.
#
my $acme = query(q(SELECT id FROM connector_workspaces WHERE slug = 'acme-secret'));

# put COUNT, ID-TIME, LEASE, CLAIMED, DUE -- rows in the queue of connector $good; SQL expressions.
sub put
{
	my ($count, $time, $lease, $claimed, $due) = @_;
	query(<<"SQL");
INSERT INTO connector_queue (workspace_id, id, connector_id, lease, claimed_at, due_at, created_at, attempt, priority, crashes,
                             sending, cancel_requested, notify, trigger, correlation_id, input, checkpoint)
SELECT c.workspace_id, connector_id_at($time + g * '1 ms'::interval), c.id, $lease, $claimed, $due, now(), 1, 5, 0,
       false, false, false, 'async', 'corr-1', '{"secret": "unredacted"}', CASE WHEN $lease IS NOT NULL THEN '{"next": "step_2"}'::jsonb END
  FROM connectors c, generate_series(1, $count) g WHERE c.name = '$good'
SQL
	return;
}
sub alerts { my ($role) = @_; return query_as($role // 'postgres', q(SELECT string_agg(alert || ':' || subject, ' ' ORDER BY alert, subject) FROM connector_alerts)); }

my $stats = q(SELECT connector_name, ready, running, scheduled, parked, oldest_ready_seconds > 1799, next_due_at > now() FROM connector_queue_stats);
is(alerts(), '', 'all is well at first');
is(query($stats), '', 'the queue is empty');
put(3, q(now() - '30 minutes'::interval), 'NULL::uuid', 'NULL', 'NULL');
put(2, q(now() - '20 minutes'::interval), 'gen_random_uuid()', q(now() - '10 minutes'::interval), 'NULL');
put(4, q(now() + '1 hour'::interval), 'NULL::uuid', 'NULL', q(now() + '1 hour'::interval + g * '1 ms'::interval));
put(5, q(now() - '40 minutes'::interval), 'NULL::uuid', 'NULL', q(now() + '1 minute'::interval));
is(query($stats), "$good|3|2|4|5|t|t", 'ready, running, scheduled, parked');
is(query_as('ann', $stats), "$good|3|2|4|5|t|t", 'members see theirs');
is(query_as('bob', $stats), '', 'others do not');
my $activity = q(SELECT connector_name, worker, worker_pid, current_step, running_ms > 599000, attempt, crashes, cancel_requested, correlation_id, count(*)
	FROM connector_activity GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9);
is(query_as('ann', $activity), "$good|||step_2|t|1|0|f|corr-1|2", 'what is under way: the step, and no worker, for it died');
is(query_as('bob', $activity), '', 'others do not see it');
is(query_as('mon', $activity), '', 'nor do members of pg_monitor, who belong to no workspace');
$page = metrics();
is(join(' ', map { value($page, "connector_$_") } qw(sync_queue_depth queue_running queue_scheduled)), '3 2 9', 'the page has the sums');
cmp_ok(value($page, 'connector_queue_oldest_ready_seconds'), '>', 1799, 'and the age of the oldest');

#
# Alerts come with their cause and go with it.
#
is(alerts('ann'), "queue_age:acme-secret stale_run:$good", 'waiting too long, running too long');
is(alerts('bob'), '', 'not for others');
is(alerts('mon'), '', 'nor for members of pg_monitor');
is(query_as('ann', "SET connector.alert_queue_age = 0; SET connector.alert_stale_run = '1h'; SELECT count(*) FROM connector_alerts"), 0, 'thresholds are settings');
is(query_as('ann', "SET connector.alert_backlog = 2; SELECT value, threshold FROM connector_alerts WHERE alert = 'backlog'"), '3|2', 'a backlog');
is(query_as('ann', "SET connector.alert_backlog = 3; SELECT count(*) FROM connector_alerts WHERE alert = 'backlog'"), '0', 'as many as may be are none');
is(query_as('ann', "SET connector.alert_backlog = -1; SELECT count(*) FROM connector_alerts WHERE alert = 'backlog'"), '0', 'nor is any number, if it is turned off');
is(query('SELECT paused FROM connector_queue_stats'), 'f', 'nothing is paused');
query(q(SELECT connector_pause(workspace => 'acme-secret')));
is(query('SELECT paused FROM connector_queue_stats'), 't', 'a paused workspace');
is(alerts(), "stale_run:$good", 'what waits there waits as it should');
query(qq(SELECT connector_resume(workspace => 'acme-secret'), connector_pause('$good', workspace => 'acme-secret')));
is(query('SELECT paused FROM connector_queue_stats'), 't', 'a paused connector');
is(value(metrics(), 'connector_pauses'), 1, 'the page counts pauses');
query(qq(SELECT connector_resume('$good', workspace => 'acme-secret')));
query('DELETE FROM connector_queue');
is(alerts(), '', 'they go');

# finish COUNT, ERROR_CODE, AGE -- rows in the history of $good.
sub finish
{
	my ($count, $code, $age) = @_;
	query(<<"SQL");
INSERT INTO connector_history (workspace_id, id, connector_id, connector_name, status, trigger, attempt, error_code, execution_time_ms, started_at, completed_at, created_at)
SELECT c.workspace_id, overlay(connector_id_at(now() - '$age'::interval)::text PLACING right(gen_random_uuid()::text, 12) FROM 25)::uuid, c.id, c.name,
       'failed', 'async', 1, $code, 1, now(), now(), now() FROM connectors c, generate_series(1, $count) g WHERE c.name = '$good'
SQL
	return;
}
query(qq(SELECT increment_connector_stats(id, true) FROM connectors WHERE name = '$good'));
my $recent = query(qq(SELECT count(*) FROM connector_history WHERE connector_name = '$good'));
is($recent, 8, 'there are successes');
finish(1, q('timeout'), '1 second');
is(alerts(), '', 'of nine executions no rate is told');
finish(5, 'NULL', '10 seconds');
is(alerts(), '', 'one of fourteen is not above the threshold');
finish(5, q('cancelled'), '20 seconds');
finish(3, q('server_error'), '61 minutes');
is(alerts(), '', 'nor are the cancelled ones, and those of long ago, failures');
finish(2, q('timeout'), '1 second');
is(alerts(), "failure_rate:$good", 'three of twenty-one are');
is(query(q(SELECT round(value), threshold, severity, message FROM connector_alerts)), qq(14|10|warning|3 of the last 21 executions of connector "$good" failed), 'what it says');
finish(20, q('timeout'), '1 second');
is(query(q(SELECT severity FROM connector_alerts)), 'critical', 'half of all is critical');
is(query('SET connector.alert_failure_rate = 100; SELECT count(*) FROM connector_alerts'), 0, 'it can be turned off');
finish(1000, 'NULL', '0 seconds');
is(alerts(), '', 'a thousand successes later it is over');

query(<<"SQL");
SET connector.workspace = 'acme-secret';
SELECT connector_credential_set('old', '{"token": "operations-1234"}', 'bearer', allowed_hosts => '{h.example.com}', expires_at => now() + '1 hour');
UPDATE workspace_api_credentials SET expires_at = now() - '1 minute'::interval;
SQL
is(alerts('ann'), 'credential_expired:old/default', 'an expired credential');
query(q(UPDATE workspace_api_credentials SET expires_at = NULL, status = 'error'));
is(alerts('ann'), 'credential_failed:old/default', 'one that could not be refreshed');
query(q(UPDATE workspace_api_credentials SET status = 'reauthorize', status_message = 'invalid_grant'));
is(query_as('ann', 'SELECT severity, message, hint FROM connector_alerts'),
	'critical|credential "old/default" is in status reauthorize: invalid_grant|Connect the account again, under the same label.', 'with the reason, and what helps');
query(q(UPDATE workspace_api_credentials SET status = 'expiring', status_message = NULL));
is(query_as('ann', 'SELECT severity, message FROM connector_alerts'), 'warning|credential "old/default" is in status expiring', 'a warning while its token is good');
query(q(UPDATE workspace_api_credentials SET status = 'connected'));
is(alerts(), '', 'all is well again');

# Dead letters.
query(<<"SQL") for 1 .. 2;
INSERT INTO connector_dead_letters (workspace_id, id, connector_id, connector_name, error_code, error_message, attempt, priority, failed_at, created_at)
SELECT workspace_id, gen_random_uuid(), id, name, 'timeout', 'x', 1, 5, now(), now() FROM connectors WHERE name = '$good'
SQL
is(alerts('ann'), "dead_letters:$good", 'dead letters');
is(query('SELECT value FROM connector_alerts'), 2, 'two of them');
is(alerts('bob'), '', 'not for others');
is(value(metrics(), 'connector_dead_letters'), 2, 'the page counts them');
query('UPDATE connector_dead_letters SET redriven_at = now()');
is(alerts(), '', 'they are queued again');
is(value(metrics(), 'connector_dead_letters'), 0, 'and none is open');

# A service that does not answer: its breaker opens.
$s = ConnectorSession->new($node);
$s->ask("SET connector.workspace = 'acme-secret'");
$s->ask(qq(INSERT INTO connectors (name, config) VALUES ('broken', '{"url": "$url/status/500"}')));
my $opened = 0;
for (1 .. 100)
{
	last if $opened = (($s->run_saved('broken')->{error_code} // '') eq 'circuit_open');
}
ok($opened, 'a breaker opens');
like(alerts('ann'), qr/\bcircuit_open:127\.0\.0\.1/, 'an open breaker');
is(alerts('bob'), '', 'not for others');
is(value(metrics(), 'connector_circuit_breakers', '{state="open"}'), 1, 'the page counts it');
$s->ask("SELECT connector_circuit_reset(service) FROM connector_circuit_breakers");
query(q(DELETE FROM connectors WHERE name = 'broken'));
is(alerts(), '', 'closed again');
$s->quit;

#
# The installation: for operators.
#
finish(1, 'NULL', '400 days');
query(qq(INSERT INTO connector_stat_deltas SELECT workspace_id, gen_random_uuid(), id, NULL, 1, 0, now() - '1 hour'::interval FROM connectors WHERE name = '$good'));
is(alerts(), 'maintenance:connector_history_default statistics:connector_stat_deltas', 'maintenance does not run');
is(alerts('mon'), 'maintenance:connector_history_default statistics:connector_stat_deltas', 'members of pg_monitor see that');
is(alerts('ann'), '', 'tenants do not');
query('SELECT connector_maintain()');
is(alerts(), '', 'now it did');

# Folding waits for nobody, not for a whole table either.
query(qq(SELECT increment_connector_stats(id, true) FROM connectors WHERE name = '$good'));
$s = ConnectorSession->new($node);
$s->ask('BEGIN; LOCK TABLE connectors, workspace_api_credentials IN SHARE MODE');
is(query(q(SET statement_timeout = '60s'; SELECT connector_maintain() ->> 'statistics_folded')), 0, 'folding does not wait for a lock');
$s->ask('COMMIT');
is(query(q(SELECT connector_maintain() ->> 'statistics_folded')), 1, 'and makes up for it');
$s->quit;
done_testing();
