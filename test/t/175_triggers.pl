# Polling triggers: each record that is new or has changed starts its connector exactly once, whatever the remote
# answers and whichever process is killed; others see and start nothing.
use strict;
use warnings;
use ConnectorTest;
use JSON::PP ();
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $JSON = JSON::PP->new->canonical->utf8;
my $now  = time;
my $mock = MockServer->start;
my $url  = $mock->url;
# What is started stays in the queue, where it is counted.
my $node = new_cluster(
	'main',
	'connector.workers'         => 0,
	'connector.retry_delay'     => '1ms',
	'connector.retry_max_delay' => '1ms',
	'connector.test_point'      => '',
	'restart_after_crash'       => 'on');
$node->safe_psql('app', <<'SQL');
CREATE ROLE ann LOGIN; CREATE ROLE eve LOGIN; CREATE ROLE vic LOGIN;
SELECT connector_create_workspace('acme', owner => 'ann'), connector_create_workspace('rival', owner => 'eve');
SELECT connector_add_member('vic', 'viewer', workspace => 'acme');
SELECT connector_maintain();
SQL

#
# Helpers.
#

sub sql { my ($sql) = @_; return $node->safe_psql('app', $sql); }

# as ROLE, SQL -- output, or the errors.
sub as
{
	my ($role, $sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql('app', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err, on_error_stop => 1, extra_params => [ '-U', $role ]);
	return $err || $out;
}

my %provider = (
	name => 'mock', title => 'Mock', base_url => $url, allowed_hosts => [$url],
	streams => {
		items => {
			title => 'Items', path => '/items', records => '$.records[*]', primary_key => ['id'], cursor_field => 'updated',
			query => [ { name => 'since', input => 'since', optional => JSON::PP::true } ],
			input_schema => { type => 'object', properties => { since => { type => 'string' }, list => { type => 'integer' } }, additionalProperties => JSON::PP::false },
			incremental => { input => 'since', format => 'iso8601' },
			pagination => { kind => 'next_url', next => '$.next' } },
		# in order, so its cursor moves with each page
		sorted => {
			title => 'Sorted', path => '/sorted', records => '$.records[*]', primary_key => ['id'], cursor_field => 'updated', order => 'ascending',
			query => [ { name => 'since', input => 'since', optional => JSON::PP::true } ],
			incremental => { input => 'since', format => 'iso8601' },
			pagination => { kind => 'next_url', next => '$.next' } },
		plain => { title => 'Plain', path => '/plain', records => '$[*]' } },
	triggers => {
		new_item     => { type => 'poll', stream => 'items', interval => 120, event => 'created', dedupe => ['id'], created_field => 'created' },
		changed_item => { type => 'poll', stream => 'items', event => 'updated', dedupe => [ 'id', 'updated' ] },
		sorted       => { type => 'poll', stream => 'sorted', event => 'updated' },
		hook         => { type => 'webhook', events => ['item'] } });

sub register
{
	my (%members) = @_;
	my $text = $JSON->encode({ %provider, %members });
	return as('ann', "SELECT connector_provider_register(\$cn\$$text\$cn\$)");
}

# item ID, MINUTES [, MINUTES] -- a record that was created so many minutes ago, and changed then.
sub item
{
	my ($id, $created, $updated) = @_;
	my $at = sub {
		my @t = gmtime($now - 60 * $_[0]);
		return sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $t[5] + 1900, $t[4] + 1, @t[ 3, 2, 1, 0 ];
	};
	return { id => $id, created => $at->($created), updated => $at->($updated // $created) };
}

# page RECORDS [, NEXT]
sub page { my ($records, $next) = @_; return { json => { records => $records, next => $next } }; }

# answer PATH, REPLY... -- from now on.
sub answer { my ($path, @replies) = @_; $mock->forget; $mock->reply($path, @replies); return; }

# set NAME, TRIGGER [, ARGUMENTS] -- as ann, and wait for its first poll.
sub set
{
	my ($name, $trigger, $arguments) = @_;
	my $said = as('ann', "SELECT connector_trigger_set('$name', 'mock', '$trigger', 'c'" . ($arguments // '') . ') IS NOT NULL');
	is($said, 't', "trigger $name is set");
	return wait_polled($name, '-infinity');
}

sub wait_polled
{
	my ($name, $since) = @_;
	my $over = poll_until(sub { sql("SELECT lease IS NULL AND last_poll_at >= '$since' AND next_poll_at > last_poll_at FROM connector_triggers WHERE name = '$name'") ne 'f' });
	ok($over, "$name was polled") or diag(sql("SELECT to_jsonb(t) FROM connector_triggers t WHERE name = '$name'"));
	return;
}

sub poll
{
	my ($name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $since = sql('SELECT clock_timestamp()');
	is(as('ann', "SELECT connector_trigger_poll_now('$name')"), 't', "$name is to be polled");
	return wait_polled($name, $since);
}

# started -- ids of the records that executions were started for, in order, and how often.
sub started
{
	return sql(q(SELECT coalesce(string_agg(r || CASE n WHEN 1 THEN '' ELSE 'x' || n END, ' ' ORDER BY r), '')
		FROM (SELECT input #>> '{record,id}' AS r, count(*) AS n FROM connector_queue GROUP BY 1) q));
}

sub state
{
	my ($name) = @_;
	return sql("SELECT status, failures, error_code, last_error FROM connector_trigger_status WHERE name = '$name'");
}

sub forget_all { sql('DELETE FROM connector_triggers; DELETE FROM connector_queue'); $mock->forget; return; }

is(register(), 'mock', 'a provider');
as('ann', q(INSERT INTO connectors (name, config) VALUES ('c', '{"url": "http://127.0.0.1:1/"}')));
answer('/items', page([]));

#
# What is refused.
#

my @refused = (
	[ 'ann', q('t', 'mock', 'hook', 'c'), qr/ERROR:  0A000: trigger "hook" of provider "mock" waits for webhooks, which are not yet received\nHINT:  Those that are polled are: sorted, new_item, changed_item/ ],
	[ 'ann', q('t', 'mook', 'new_item', 'c'), qr/ERROR:  42704: provider "mook" does not exist\nHINT:  Did you mean "mock"\?/ ],
	[ 'ann', q('t', 'mock', 'nothing', 'c'), qr/ERROR:  42704: provider "mock" has no stream "nothing"/ ],
	[ 'ann', q('t', 'mock', 'new_item', 'd'), qr/ERROR:  42704: connector "d" does not exist in workspace "acme"/ ],
	[ 'ann', q('', 'mock', 'new_item', 'c'), qr/ERROR:  22023: the name of a trigger must have 1 to 128 characters/ ],
	[ 'ann', q('t', 'mock', 'new_item', 'c', '{"lots": 1}'), qr/ERROR:  NC018: / ],
	[ 'ann', q('t', 'mock', 'new_item', 'c', '[]'), qr/ERROR:  22023: the input of a trigger must be an object/ ],
	[ 'ann', q('t', 'mock', 'new_item', 'c', "interval" => 59), qr/ERROR:  22023: interval must be between 60 and 86400 seconds, not 59/ ],
	[ 'ann', q('t', 'mock', 'new_item', 'c', "interval" => 86401), qr/ERROR:  22023: interval must be/ ],
	[ 'ann', q('t', 'mock', 'new_item', 'c', event => 'updated'), qr/ERROR:  22023: the event of trigger "new_item" is "created", not "updated"/ ],
	[ 'ann', q('t', 'mock', 'items', 'c', event => 'gone'), qr/ERROR:  22023: event must be "created" or "updated", not "gone"/ ],
	[ 'ann', q('t', 'mock', 'items', 'c', priority => 10), qr/ERROR:  22023: priority must be/ ],
	[ 'ann', q('t', NULL, 'items', 'c'), qr/ERROR:  22004: argument "provider" must not be null/ ],
	[ 'vic', q('t', 'mock', 'new_item', 'c'), qr/ERROR:  42501: / ],
	[ 'eve', q('t', 'mock', 'new_item', 'c', workspace => 'acme'), qr/ERROR:  42704: workspace "acme" does not exist/ ],
	[ 'eve', q('t', 'mock', 'new_item', 'c'), qr/ERROR:  42704: connector "c" does not exist in workspace "rival"/ ]);
like(as($_->[0], "SELECT connector_trigger_set($_->[1])"), $_->[2], "$_->[0]: $_->[1]") for @refused;
like(as('ann', q(BEGIN READ ONLY; SELECT connector_trigger_set('t', 'mock', 'new_item', 'c'))), qr/ERROR:  25006: /, 'not in a read-only transaction');
is(as('ann', q(SELECT connector_trigger_poll_now('t'), connector_trigger_enable('t'), connector_trigger_remove('t'))), 'f|f|f', 'there is none of that name');
is(sql('SELECT count(*) FROM connector_triggers'), 0, 'none was set');
is(scalar $mock->requests, 0, 'and nothing was asked for');
sql(q(ALTER DATABASE app SET connector.max_triggers = 0));
like(as('ann', q(SELECT connector_trigger_set('t', 'mock', 'new_item', 'c'))), qr/ERROR:  54000: workspace "acme" has too many triggers/, 'a limit');
sql(q(ALTER DATABASE app RESET connector.max_triggers));
as('ann', q(BEGIN; SELECT connector_trigger_set('t', 'mock', 'new_item', 'c'); ROLLBACK));
is(scalar $mock->requests, 0, 'nor after a rollback');

#
# New records: each once.
#

answer('/items', page([ item(1, 5), item(2, 3) ]));
set('new', 'new_item');
is(started(), '', 'what is there at first starts nothing');
is(sql(q(SELECT poll_interval, primed, failures, started FROM connector_triggers)), '120|t|0|0', 'it has the interval of its author');
my ($first) = $mock->requests;
like($first->{target}, qr{^/items\?since=\d{4}-}, 'the first look has a bound');
answer('/items', page([ item(2, 3), item(3, 1) ], '/items2'));
$mock->reply('/items2', page([ item(3, 1), item(4, 0), item(4, 0) ]));
poll('new');
is(started(), '3 4', 'new ones do, also those that are twice on a page or on two');
is(sql(q(SELECT count(*), min(trigger), bool_and(identity = 'role:ann' AND run_as = 'ann'), count(DISTINCT idempotency_key) FROM connector_queue)), '2|poll|t|2', 'with the rights of who set it');
is(sql(q(SELECT input FROM connector_queue WHERE input #>> '{record,id}' = '4')) =~ s/"(created|updated)": "2[^"]*"/"$1": "..."/gr,
	'{"record": {"id": 4, "created": "...", "updated": "..."}, "trigger": {"name": "new", "event": "created", "stream": "items", "provider": "mock"}}', 'the input has the record and what it is');
poll('new') for 1 .. 2;
is(started(), '3 4', 'and once only');
answer('/items', page([ item(3, 1, 0), item(90, 60 * 24 * 40, 0), item(5, 0) ]));
poll('new');
is(started(), '3 4 5', 'one that has changed is not new, even if nobody remembers it');
is(sql(q(SELECT status, started, failures, last_error IS NULL, connector_name, trigger FROM connector_trigger_status)), 'waiting|3|0|t|c|new_item', 'the status');
is(as('eve', 'SELECT count(*) FROM connector_triggers') . as('eve', 'SELECT count(*) FROM connector_trigger_status'), '00', 'others see nothing of it');
like(as('vic', 'SELECT input FROM connector_triggers'), qr/42501/, 'nobody sees the input');
like(as('vic', 'SELECT * FROM connector_trigger_seen'), qr/42501/, 'nor the memory');
is(as('eve', q(SELECT connector_trigger_poll_now('new'), connector_trigger_enable('new', false), connector_trigger_remove('new'))), 'f|f|f', 'nor do they change it');
like(as('vic', q(SELECT connector_trigger_poll_now('new'))), qr/42501/, 'nor does a viewer');

# Set anew it goes on where it was, unless it reads something else.
$mock->forget;
$mock->reply('/items', page([ item(5, 0), item(6, 0) ]));
set('new', 'new_item', q(, "interval" => 600));
is(started(), '3 4 5 6', 'set anew it goes on');
set('new', 'new_item', q(, '{"list": 7}'));
is(started(), '3 4 5 6', 'one that reads something else begins anew');

#
# Everything from the beginning; changes.
#

forget_all();
answer('/items', page([ item(1, 60 * 24 * 90), item(2, 3) ]));
set('changed', 'changed_item', ', from_now => false');
is(started(), '1 2', 'without from_now all that is there is started');
unlike(($mock->requests)[0]{target}, qr/since/, 'and all is asked for');
answer('/items', page([ item(2, 3), item(2, 3, 1), item(2, 3, 0) ]));
poll('changed') for 1 .. 2;
is(started(), '1 2x3', 'each change once');
like(($mock->requests)[0]{target}, qr/since=/, 'what came before the cursor is not asked for');

# A stream without keys and cursor: all that is in a record counts.
answer('/plain', { json => [ { id => 7 }, 'text', [ 1, 2 ] ] });
set('plain', 'plain');
answer('/plain', { json => [ { id => 7 }, { id => 7, more => 1 }, { id => 8 }, 'text', undef ] });
poll('plain') for 1 .. 2;
is(started(), '1 2x3 7 8', 'records without a key are told apart by all that is in them');

#
# Remotes that do not behave.
#

forget_all();
answer('/items', { status => 500, json => {} });
set('bad', 'new_item');
like(state('bad'), qr/^failing\|1\|server_error\|page 1: /, 'a failure is shown');
is(sql(q(SELECT next_poll_at BETWEEN last_poll_at + interval '14 s' AND last_poll_at + interval '45 s', hint IS NOT NULL FROM connector_triggers)), 't|t', 'and waited for');
poll('bad') for 1 .. 3;
like(state('bad'), qr/^failing\|4\|/, 'again and again');
is(sql(q(SELECT next_poll_at BETWEEN last_poll_at + interval '119 s' AND last_poll_at + interval '300 s' FROM connector_triggers)), 't', 'longer each time');
sql(q(UPDATE connector_triggers SET failures = 1000));
poll('bad');
is(sql(q(SELECT next_poll_at BETWEEN last_poll_at + interval '1799 s' AND last_poll_at + interval '3700 s' FROM connector_triggers)), 't', 'an hour at most');
answer('/items', page([ item(1, 5) ]));
poll('bad');
is(state('bad'), 'waiting|0||', 'a success ends it');
is(started(), '', 'that was its first one');
for my $reply ({ body => '<html>', headers => [ 'Content-Type' => 'text/html' ] }, { json => { records => 'no' } }, { json => { records => [ item(9, 0) ], next => 'http://[' } })
{
	answer('/items', $reply);
	poll('bad');
	like(state('bad'), qr/^failing\|\d\|bad_response\|/, 'no page: ' . $JSON->encode($reply));
}
is(started(), '9', 'what came before a failure was started');
answer('/items', page([ { nothing => 1 }, { id => undef, updated => 'never', created => [] }, { id => 10, updated => '9999-12-31T00:00:00Z', created => 'x' }, item(9, 0) ]));
poll('bad') for 1 .. 2;
is(sql(q(SELECT count(*) FROM connector_queue)), 4, 'odd records are records, each once');
is(sql(q(SELECT (cursor #>> '{}')::timestamptz <= now() FROM connector_triggers)), 't', 'and none moves the cursor into the future');

# Endless pages.
sql(q(ALTER SYSTEM SET connector.trigger_max_pages = 3));
sql(q(SELECT pg_reload_conf()));
forget_all();
answer('/items', page([ item(1, 1) ], '/p2'));
$mock->reply("/p$_", page([ item($_, 1) ], '/p' . ($_ + 1))) for 2 .. 9;
set('endless', 'new_item');
like(state('endless'), qr/^failing\|1\|limit_exceeded\|the stream has more than 3 pages/, 'endless pages end');
is(started(), '', 'and start nothing at first');
is(sql('SELECT primed FROM connector_triggers'), 'f', 'for that was not all');

# In order it goes on behind what was seen.
forget_all();
answer('/sorted', page([ item(1, 30) ], '/p2'), page([ item(4, 24), item(5, 22) ]));
$mock->reply("/p$_", page([ item($_, 32 - 2 * $_) ], '/p' . ($_ + 1))) for 2 .. 4;
set('sorted', 'sorted', ', from_now => false');
ok(poll_until(sub { started() eq '1 2 3 4 5' }), 'where there is an order it goes on') or diag(started());
is(state('sorted'), 'waiting|0||', 'without a failure') if poll_until(sub { state('sorted') !~ /polling/ });
sql(q(ALTER SYSTEM RESET connector.trigger_max_pages));

#
# Too much at a time.
#

sql(q(ALTER SYSTEM SET connector.trigger_max_started = 2));
sql(q(SELECT pg_reload_conf()));
forget_all();
answer('/items', page([ map { item($_, 1) } 1 .. 5 ]));
set('many', 'new_item', ', from_now => false');
is(started(), '1 2', 'a poll starts no more than it may');
poll('many') for 1 .. 2;
is(started(), '1 2 3 4 5', 'and goes on with the next one');
sql(q(ALTER SYSTEM RESET connector.trigger_max_started));
sql(q(ALTER SYSTEM SET connector.trigger_max_queued = 7));
sql(q(SELECT pg_reload_conf()));
answer('/items', page([ map { item($_, 0) } 1 .. 9 ]));
poll('many');
is(started(), '1 2 3 4 5 6 7', 'a full queue gets nothing more');
like(state('many'), qr/^waiting\|0\|limit_exceeded\|7 or more executions of connector "c" wait in the queue/, 'which is shown');
sql(q(DELETE FROM connector_queue WHERE input #>> '{record,id}' < '5'));
poll('many');
is(started(), '5 6 7 8 9', 'it goes on when there is room');
sql(q(ALTER SYSTEM RESET connector.trigger_max_queued));
sql(q(ALTER SYSTEM SET connector.trigger_max_keys = 100));
sql(q(SELECT pg_reload_conf()));
answer('/items', page([ map { item($_, 0) } 1 .. 101 ]));
poll('many');
like(state('many'), qr/^failing\|1\|limit_exceeded\|more than 100 records would have to be remembered/, 'a memory has its limit');
is(started(), '5 6 7 8 9', 'beyond which nothing is started');
sql(q(ALTER SYSTEM RESET connector.trigger_max_keys));
sql(q(SELECT pg_reload_conf()));

#
# What happens to it while it polls.
#

for my $case (
	[ q(SELECT connector_trigger_enable('slow', false)), 'disabled|0||' ],
	[ q(SELECT connector_trigger_remove('slow')), '' ],
	[ q(UPDATE connectors SET enabled = true WHERE false), 'waiting|0||' ])
{
	forget_all();
	answer('/items', { json => { records => [ item(1, 0) ] }, delay_ms => 1500 });
	as('ann', q(SELECT connector_trigger_set('slow', 'mock', 'new_item', 'c', from_now => false)));
	ok(poll_until(sub { $mock->requests }), 'a request is under way');
	as('ann', $case->[0]);
	ok(poll_until(sub { sql('SELECT count(*) FROM connector_triggers WHERE lease IS NOT NULL') eq '0' && (started() ne '' || $case->[1] !~ /waiting/) }), 'the poll is over');
	is(state('slow'), $case->[1], "after $case->[0]");
}
is(started(), '1', 'that was the one that nobody touched');

# Whose rights it has.
sql(q(SELECT connector_add_member('eve', 'editor', workspace => 'acme')));
forget_all();
answer('/items', page([ item(1, 0) ]));
is(as('eve', q(SET connector.workspace = 'acme'; SELECT connector_trigger_set('eves', 'mock', 'new_item', 'c', from_now => false) IS NOT NULL)), 't', 'an editor sets one');
wait_polled('eves', '-infinity');
is(sql('SELECT identity FROM connector_queue'), 'role:eve', 'it has that one\'s rights');
sql(q(SELECT connector_remove_member('eve', workspace => 'acme')));
answer('/items', page([ item(1, 0), item(2, 0) ]));
as('ann', q(SELECT connector_trigger_poll_now('eves')));
ok(poll_until(sub { state('eves') eq 'stopped|1|permission_denied|role:eve may not execute in this workspace any more' }), 'one of somebody who was removed is stopped') or diag(state('eves'));
is(scalar $mock->requests, 0, 'and asks for nothing');
is(started(), '1', 'and starts nothing');
is(as('ann', q(SELECT connector_trigger_enable('eves'))), 't', 'somebody else enables it');
wait_polled('eves', '-infinity');
is(started(), '1 2', 'and it goes on');
is(sql(q(SELECT identity FROM connector_queue WHERE input #>> '{record,id}' = '2')), 'role:ann', 'with that one\'s rights');

# The provider, the connector.
as('ann', q(UPDATE connectors SET enabled = false));
answer('/items', page([ item(3, 0) ]));
poll('eves');
like(state('eves'), qr/^failing\|1\|config_invalid\|connector "c" is disabled/, 'a connector that is disabled');
as('ann', q(UPDATE connectors SET enabled = true));
register(triggers => { other => { type => 'poll', stream => 'items' } });
poll('eves');
like(state('eves'), qr/^failing\|2\|config_invalid\|provider "mock" has no trigger "new_item"/, 'a trigger that is no more');
as('ann', q(SELECT connector_provider_remove('mock')));
poll('eves');
like(state('eves'), qr/^failing\|3\|config_invalid\|provider "mock" does not exist/, 'a provider that is no more');
register();
poll('eves');
is(state('eves') . ' ' . started(), 'waiting|0|| 1 2 3', 'all is well again');

# A credential.
register(auth => [ { kind => 'bearer' } ]);
poll('eves');
like(state('eves'), qr/^failing\|1\|credential_missing\|/, 'a credential that is missing');
like(sql('SELECT hint FROM connector_triggers'), qr/\S/, 'with the hint how to connect');
as('ann', q(SELECT connector_credential_set('mock', '{"token": "t-0123456789"}')));
answer('/items', page([ item(3, 0), item(4, 0) ]));
poll('eves');
is(state('eves') . ' ' . started(), 'waiting|0|| 1 2 3 4', 'and one that is there') or diag(sql('SELECT hint FROM connector_triggers'));
is(($mock->requests)[0]{headers}{authorization}, 'Bearer t-0123456789', 'is sent');
register();

#
# connector_tick().
#

answer('/items', page([ item(4, 0), item(5, 0) ]));
is(sql(q(SELECT connector_tick() -> 'polls')), 0, 'nothing is due');
sql(q(UPDATE connector_triggers SET next_poll_at = now() - interval '1 minute'));
is(sql(q(SELECT connector_tick() -> 'polls')), 1, 'one is');
ok(poll_until(sub { started() eq '1 2 3 4 5' }), 'and it is polled');

#
# Restored rows wait until the cluster may call out.
#

my $dump = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('app') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'pg_restore');
is($node->safe_psql('restored', 'SELECT name, count(*) FROM connector_triggers t JOIN connector_trigger_seen s ON s.trigger_id = t.id GROUP BY 1'), 'eves|5', 'triggers and what they know are in a dump');
$node->safe_psql('restored', q(UPDATE connector_triggers SET next_poll_at = now() - interval '1 minute'));
is($node->safe_psql('restored', q(SELECT connector_tick() -> 'polls')), 0, 'none is due behind a closed fence');
$mock->forget;
$node->safe_psql('restored', q(SELECT connector_trigger_poll_now('eves', 'acme')));
ok(poll_until(sub { $node->safe_psql('restored', q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'connector polls' AND datname = 'restored' AND state = 'idle')) eq '1' }), 'its process has nothing to do');
is(scalar $mock->requests, 0, 'nothing is asked for');
$node->safe_psql('restored', 'SELECT connector_acknowledge_clone(), connector_tick()');
ok(poll_until(sub { $mock->requests }), 'when it may, it polls');
$node->safe_psql('postgres', 'DROP DATABASE restored');
ok(1, 'and does not keep the database from being dropped');

#
# Crashes, at each place: every record once.
#

SKIP:
{
	skip 'built without CN_TEST_POINTS', 1 if sql(q(SELECT count(*) FROM pg_settings WHERE name = 'connector.test_point' AND short_desc LIKE '%killed%')) eq '0';
	for my $point (qw(poll-leased poll-started poll-committed poll-started:2 poll-committed:2))
	{
		forget_all();
		answer('/items', page([ item(1, 3), item(2, 3) ], '/p2'));
		$mock->reply('/p2', page([ item(2, 3), item(3, 1) ]));
		$node->adjust_conf('postgresql.conf', 'connector.test_point', "'$point'");
		$node->reload;
		my $start = sql('SELECT pg_postmaster_start_time()');
		my $log   = -s $node->logfile;
		$node->psql('app', q(SELECT connector_trigger_set('crash', 'mock', 'new_item', 'c', workspace => 'acme', from_now => false)), extra_params => [ '-U', 'ann' ]);
		ok(poll_until(sub { slurp_file($node->logfile, $log) =~ /was terminated by signal 9/ }), "$point: it is killed");
		$node->adjust_conf('postgresql.conf', 'connector.test_point', "''");
		$node->reload;
		ok(poll_until(sub { $node->psql('app', 'SELECT 1') == 0 }), "$point: the server is back");
		poll('crash') for 1 .. 2;
		is(started(), '1 2 3', "$point: each record once");
		is(state('crash'), 'waiting|0||', "$point: all is well");
	}
}

# Nor does the extension stay.
sql('DROP EXTENSION connector CASCADE');
ok(poll_until(sub { sql(q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'connector polls')) eq '0' }), 'no process is left');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|segmentation/i, 'nothing broke');

done_testing();
