# Workers under AddressSanitizer and UndefinedBehaviorSanitizer: thousands of executions of every kind, and all that
# can happen to a worker meanwhile, without a report.  What comes of the executions is for other tests to see; here
# it is enough that they end, and that nothing is unexpected.
#
# Only the extension is instrumented.  What it gets wrong in memory of its own contexts, of malloc, on the stack and
# in static variables is found, and other undefined behaviour; in contexts that the server has made, only what leaves
# a block of the allocator.  Uninitialized memory shows if it becomes a bool or an enum, for malloc fills it.
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use MockServer;
use Nginx;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $reports = $ENV{CN_SANITIZER_REPORTS} // plan skip_all => 'only bin/test sanitizer has such a server';
my $mock    = MockServer->start;
my $url     = $mock->url;
my $nginx   = Nginx->start(servers => [ { locations => <<'NGINX' } ]);
root html;
default_type application/json;
keepalive_requests 50;
location /post { return 200 '{"ok": true, "n": [1, 2, 3], "text": "caf\u00e9"}'; }
location /gone { return 404 '{"error": "gone"}'; }
NGINX
$nginx->file('big.json', '[' . join(',', map { qq({"id": $_, "name": "number $_"}) } 1 .. 20_000) . ']');
my $fast = $nginx->url(0);
my $node = new_cluster('main',
	'restart_after_crash'          => 'on',
	'connector.max_in_flight'      => 200,
	'connector.poll_interval'      => '200ms',
	'connector.retry_delay'        => '5ms',
	'connector.retry_max_delay'    => '50ms',
	'connector.breaker_open_time'  => '1s',
	'connector.log_executions'     => 'all',
	'connector.max_response_size'  => '2MB',
	'connector.test_point'         => '');

sub query { my ($sql) = @_; return $node->safe_psql('app', $sql); }

# try SQL -- whatever comes of it: a worker, or all of the server, may be ending.
sub try { my ($sql) = @_; $node->psql('app', $sql, stdout => \my $out, stderr => \my $err); return $out; }

# found -- the beginnings of all reports: those of memory errors are files, those of other undefined behaviour are in
# the server's log.
my $log_read = 0;

sub found
{
	my @reports = map { slurp_file($_) } grep { -s } glob "$reports/*";
	push @reports, slurp_file($node->logfile, $log_read) =~ /^\S+: runtime error: .*\n(?:    #.*\n)*/mg;
	return join "\n", map { join "\n", grep { defined } (split /\n/)[0 .. 30] } @reports;
}

# forget -- what was found so far.
sub forget { unlink glob "$reports/*"; $log_read = -s $node->logfile; return; }

# clean NAME -- is there no report?
sub clean
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $found = found();
	ok($found eq '', "$name: no report") or diag($found);
	return;
}

#
# The server is what it should be, and a defect would be seen.
#
my $maps = query("SELECT connector_maintain(); SELECT pg_read_file('/proc/self/maps')");
like($maps, qr/libasan/, 'the server runs with AddressSanitizer');
my ($root) = $reports =~ m{(.*)/};
is(join(' ', grep { !/^\Q$root\E/ } $maps =~ m{ (/\S*/connector\.so)$}mg), '', 'and with no other build of the extension');
query(<<'SQL');
CREATE FUNCTION add(int, int) RETURNS int LANGUAGE c AS '$libdir/connector', 'cn_sanitizer_add';
CREATE FUNCTION read(int, int, freed boolean) RETURNS int LANGUAGE c AS '$libdir/connector', 'cn_sanitizer_read';
SQL
is(query('SELECT add(1, 2), read(8, 7, false)'), '3|0', 'what is no defect');
clean('no defect');
for my $case (
	[ 'add(2147483647, 1)', qr/signed integer overflow/, 'an overflow' ],
	[ 'read(8, 8, false)', qr/heap-buffer-overflow/, 'a read behind a chunk' ],
	[ 'read(8, 7, true)', qr/heap-use-after-free/, 'a read after pfree' ])
{
	my ($defect, $report, $name) = @$case;
	$node->psql('app', "SELECT $defect", stderr => \my $err);
	like(found(), $report, "$name is reported");
	forget();
	ok(poll_until(sub { try('SELECT 1') eq '1' }), '... and the server goes on');
}

#
# What there is to do.
#
my $s = ConnectorSession->new($node);
$s->ask("SELECT connector_create_workspace('acme')");
$s->ask(<<"SQL");
CREATE TABLE target (n int PRIMARY KEY, ok jsonb, words text[], at timestamptz DEFAULT now());
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS \$f\$
BEGIN
	IF NEW.n % 7 = 0 THEN RAISE 'not number %', NEW.n USING ERRCODE = '23514'; END IF;
	IF NEW.n % 7 = 1 THEN PERFORM pg_sleep(0.001); END IF;
	RETURN NEW;
END \$f\$;
CREATE TRIGGER look BEFORE INSERT OR UPDATE ON target FOR EACH ROW EXECUTE FUNCTION look();
SELECT connector_credential_set('api', '{"token": "sesame-0123456789"}', 'bearer', allowed_hosts => ARRAY['$fast', '$url']);
SELECT connector_credential_set('held', '{"token": "sesame-0123456789"}', 'bearer', allowed_hosts => ARRAY['$url']);
SQL
my @busy = map { { status => 429, headers => [ 'Retry-After' => $_ ], json => {} } } 1, 3000;
$mock->reply('/held', $busy[0], ({ json => 1 }) x 40, $busy[1]);

# add NAME, DEFINITION, HOW_MANY [, COLUMN => VALUE...] -- saves a connector, of which so many will be queued.
my %many;

sub add
{
	my ($name, $definition, $how_many, %columns) = @_;
	my %all = (name => $name, config => json_text($definition), %columns);
	my @names = sort keys %all;
	query('INSERT INTO connectors (' . join(', ', @names) . ') VALUES (' . join(', ', map { "\$cn\$$all{$_}\$cn\$" } @names) . ')');
	$many{$name} = $how_many;
	return;
}

my %api = (credential => 'api');
add('get', { url => "$fast/post", query => { n => '{{input.n}}' }, %api, output => { ok => '$.ok', n => '$.n[*]' } }, 900);
add('post', { url => "$fast/post", method => 'POST', body => { n => '{{input.n}}', text => '{{input.text | upper}}' }, %api }, 400);
add('steps', { steps => [
			{ id => 'a', url => "$fast/post", method => 'POST', body => { n => '{{input.n}}' }, output => { n => '$.n' } },
			{ id => 'g', type => 'parallel', steps => [
					{ id => 'b', url => "$fast/post", query => { n => '{{a.n[0]}}' }, output => '$.text' },
					{ id => 'c', url => "$url/status/{{input.status}}", condition => '{{input.n}} < 40', retries => 1, continue_on_error => YES } ] },
			{ id => 'd', url => "$fast/post", method => 'POST', body => { b => '{{b}}' }, idempotent => YES } ],
		result => { b => '{{b}}', d => '{{d.ok}}' } }, 300);
add('mapped', { url => "$fast/post" }, 200, field_mappings => json_text({
			table => 'target', mode => 'upsert', key => { n => '{{input.n}}' }, set => { ok => '$.ok', words => '{{input.text | split(" ")}}' } }));
add('limited', { url => "$fast/post", rateLimiting => { enabled => YES, maxRequestsPerHour => 10, strategy => 'queue' } }, 30);
add('held', { url => "$url/held", credential => 'held', retries => 3 }, 60);
add('big', { url => "$fast/big.json", %api }, 20);
add('gone', { url => "$fast/gone" }, 100);
add('slow', { url => "$url/slow?ms={{input.n}}", method => 'POST' }, 60);
add('hang', { url => "$url/hang", timeout_ms => 1000, deadline_ms => 1500, retries => 1 }, 20);
add('missing', { url => "$fast/{{input.no}}" }, 20);
my @bad = qw(reset close-before close-mid-header close-mid-body endless endless-headers huge deep not-json bad-utf8 nul truncated-json empty
  gzip gzip-bomb gzip-broken redirect?to=/ok redirect-loop bad-header bad-status-line many-headers big-header chunked-bad length-short
  length-long status/503 status/204 headers);
add('bad', { url => "$url/{{input.path}}", retries => 1 }, 0);

# enqueue PART -- a transaction that queues all of them, or the PARTth part; half of them one by one.
sub enqueue
{
	my ($part) = @_;
	my $input = q(jsonb_build_object('n', n, 'text', repeat('word ', n % 50), 'status', 500 + n % 5));
	return join ";\n", 'BEGIN', (map { my $half = int($many{$_} / $part / 2); (
		"SELECT count(*) FROM connector_execute_async_batch('$_', ARRAY(SELECT $input FROM generate_series(1, $half) n), priority => 3)",
		"SELECT count(connector_execute_async('$_', $input, priority => n % 10, notify => n % 9 = 0, idempotency_key => CASE WHEN n % 4 = 0 THEN gen_random_uuid()::text END,"
		  . " run_at => CASE WHEN n % 5 = 0 THEN now() + n * '5 ms'::interval END)) FROM generate_series(1, $half) n") } grep { $many{$_} } sort keys %many),
	  "SELECT count(connector_execute_async('bad', jsonb_build_object('path', p))) FROM unnest(ARRAY[" . join(', ', map { "'$_'" } @bad) . ']) p', 'COMMIT';
}

sub workers { return split /\n/, try(q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'connector worker' AND datname = 'app')); }

# left -- how many will end by themselves soon: all but those parked for long, or that a limit has wait.
sub left
{
	return try(q(SELECT count(*) FROM connector_queue q LEFT JOIN connectors c ON c.id = q.connector_id
		WHERE coalesce(c.name, '') NOT IN ('limited', 'held') AND (due_at IS NULL OR due_at < now() + interval '10 s')));
}


# over NAME -- do they?
sub over
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(poll_until(sub { left() eq '0' }), "$name: everything ends")
	  or diag(query('SELECT connector_name, ready, running, scheduled, parked, next_due_at - now() FROM connector_queue_stats'));
	clean($name);
	return;
}

# look -- what there is to look at.
sub look
{
	$s->ask("SELECT count(*) FROM $_") for qw(connector_activity connector_queue_stats connector_worker_stats connector_alerts
		connector_rate_limit_status connector_circuit_breakers connector_executions connector_dead_letters);
	$s->ask('SELECT length(connector_metrics()), connector_tick()');
	return;
}

#
# All at once, and things happen meanwhile.
#
$s->ask('LISTEN connector_execution');
query(enqueue(1));
ok(poll_until(sub { look(); query('SELECT count(*) > 50 FROM connector_history') eq 't' }), 'executions run');
$s->ask(q(SELECT count(connector_cancel(id)) FROM (SELECT id FROM connector_executions WHERE status = 'running' LIMIT 40) q));
$s->ask(q(SELECT count(connector_cancel(id)) FROM (SELECT id FROM connector_executions WHERE status = 'pending' LIMIT 40) q));
$s->ask(q(SELECT connector_pause('get'), connector_pause(service => 'held', reason => 'a test')));
$node->append_conf('postgresql.conf', "connector.max_in_flight = 150\nconnector.workers = 2");
$node->reload;
for my $name (qw(get steps mapped gone big))
{
	$s->ask("SELECT * FROM connector_try_execute('$name', '{\"n\": 1, \"text\": \"a b\", \"status\": 503}')");
	$s->ask("SELECT * FROM connector_execute_batch('$name', ARRAY(SELECT jsonb_build_object('n', n, 'text', 'a', 'status', 200) FROM generate_series(1, 20) n), 7)");
	$s->ask("SELECT * FROM connector_test((SELECT config FROM connectors WHERE name = '$name'), '{\"n\": 1, \"text\": \"a\", \"status\": 503}')");
}
$s->ask(q(SELECT connector_await(id, '2 s') FROM (SELECT id FROM connector_executions WHERE status = 'pending' AND connector_name = 'slow' LIMIT 3) q));
try("SELECT pg_terminate_backend($_)") for workers();
ok(poll_until(sub { workers() >= 2 }), 'workers that are told to go are replaced');
$s->ask(q(SELECT connector_resume('get'), connector_resume(service => 'held')));
$s->ask(q(UPDATE connectors SET config = config || '{"deadline_ms": 30000}' WHERE name IN ('get', 'steps')));
over('under load');
$s->ask('SELECT count(connector_cancel(id)) FROM connector_queue');
over('what was parked is cancelled');
is(query(q(SELECT string_agg(connector_name || ': ' || error_message, '; ') FROM connector_history WHERE error_code = 'internal')), '', 'nothing was unexpected');
cmp_ok(query('SELECT count(*) FROM connector_history'), '>', 2000, 'there were thousands');
is(query(q(SELECT string_agg(connector_name, ' ' ORDER BY connector_name) FROM (SELECT DISTINCT connector_name FROM connector_history WHERE status = 'success') h)),
	'bad big get held limited mapped post slow steps', 'and successes of all that can succeed');

#
# Again what has failed.
#
$s->ask(q(SELECT connector_retry(id) FROM connector_dead_letters WHERE connector_name = 'gone' LIMIT 3));
cmp_ok(query(q(SELECT connector_redrive('gone') + connector_redrive('steps', from_start => true) + connector_redrive(error_code => 'bad_response'))), '>', 50, 'dead letters are queued again');
$s->ask(q(SELECT connector_dead_letter_discard(connector => 'mapped'), connector_delete('missing')));
delete $many{missing};
over('once more');

#
# Errors where a worker writes, and its death.
#
for my $point ('deleted:2:error', 'written:2:error', 'mapped:3:error', 'turned:40', 'recorded:2')
{
	$node->adjust_conf('postgresql.conf', 'connector.test_point', "'$point'");
	kill 'HUP', workers();
	try(enqueue(8));
	poll_until(sub { -1 == index $point, 'error' and try('SELECT 1') eq '' or left() eq '0' }, 5);
	$node->adjust_conf('postgresql.conf', 'connector.test_point', "''");
	kill 'HUP', workers();
	ok(poll_until(sub { workers() > 0 }), "$point: a worker runs");
	over($point);
}
$s = ConnectorSession->new($node);

#
# What they work on goes away.
#
query(enqueue(4));
$s->ask('TRUNCATE connector_queue');
query(enqueue(4));
$s->ask('DROP TABLE target');
$s->ask(q(DELETE FROM connectors WHERE name IN ('get', 'big')));
delete @many{qw(get big)};
over('a connector and a table are gone');
query(enqueue(4));
$s->ask(q(DELETE FROM connector_workspaces));
over('the workspace is gone');
create_database($node, 'other');
$node->safe_psql('other', <<"SQL");
SELECT connector_create_workspace('acme');
INSERT INTO connectors (name, config) VALUES ('get', '{"url": "$fast/post"}'), ('hang', '{"url": "$url/hang"}');
SQL
my $queue = q(SELECT count(connector_execute_async(name)) FROM connectors, generate_series(1, 50));
$node->safe_psql('other', $queue);
ok(poll_until(sub { $node->safe_psql('other', 'SELECT count(*) FROM connector_activity') > 40 }), 'many hang');
$node->safe_psql('other', 'DROP EXTENSION connector CASCADE');
clean('DROP EXTENSION');
$node->safe_psql('other', 'CREATE EXTENSION connector');
$node->safe_psql('postgres', 'DROP DATABASE other WITH (FORCE)');
clean('DROP DATABASE');

#
# A shutdown, and the end.
#
create_database($node, 'last');
$node->safe_psql('last', <<"SQL");
SELECT connector_create_workspace('acme');
INSERT INTO connectors (name, config) VALUES ('get', '{"url": "$fast/post"}'), ('hang', '{"url": "$url/hang"}');
SQL
$node->safe_psql('last', $queue);
ok(poll_until(sub { $node->safe_psql('last', 'SELECT count(*) FROM connector_activity') > 40 }), 'many hang');
$s->quit;
$node->stop('fast');
clean('a fast shutdown');
$node->start;
ok(poll_until(sub { $node->safe_psql('last', 'SELECT count(*) FROM connector_activity') > 40 }), 'they go on');
$node->stop('fast');
clean('all');
my %signals;
$signals{$_}++ for slurp_file($node->logfile) =~ /terminated by signal (\d+)/g;
is(join(' ', map { "$_:$signals{$_}" } sort keys %signals), '6:2 9:2', 'only those processes died that should');
is($mock->output, '', 'the mock server had nothing to complain about');
done_testing();
