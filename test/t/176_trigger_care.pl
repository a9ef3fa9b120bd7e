# Polling triggers in trouble: rows that somebody has locked, pauses, limits and tokens of remotes, definitions that
# change, servers that stop; and what operators see of it.
use strict;
use warnings;
use ConnectorTest;
use JSON::PP ();
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $JSON = JSON::PP->new->canonical->utf8;
my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster(
	'main',
	'connector.workers'         => 0,
	'connector.retry_delay'     => '1ms',
	'connector.retry_max_delay' => '1ms',
	'connector.token_timeout'   => '2s');
$node->safe_psql('app', <<'SQL');
CREATE ROLE ann LOGIN; CREATE ROLE eve LOGIN; CREATE ROLE ned LOGIN; CREATE ROLE mon LOGIN IN ROLE pg_monitor;
SELECT connector_create_workspace('acme', owner => 'ann'), connector_create_workspace('rival', owner => 'eve');
SELECT connector_add_member('ned', 'editor', workspace => 'acme');
SELECT connector_maintain();
SQL

sub sql { my ($sql) = @_; return $node->safe_psql('app', $sql); }
sub as { my ($role, $sql) = @_; return sql("SET ROLE $role; $sql"); }

my %provider = (
	name => 'mock', title => 'Mock', base_url => $url, allowed_hosts => [$url],
	streams => {
		things => {
			title => 'Things', path => '/{{input.path | default("things")}}', records => '$[*]', primary_key => ['id'],
			input_schema => { type => 'object', properties => { path => { type => 'string' } } } },
		lists => { title => 'Lists', path => '/lists', records => '$[*]', primary_key => ['id'] },
		entries => {
			title => 'Entries', path => '/lists/{{input.list}}', records => '$[*]', primary_key => ['id'],
			input_schema => { type => 'object', required => ['list'], properties => { list => { type => 'integer' } } },
			parent => { stream => 'lists', with => { list => '{{parent.id}}' } } } },
	triggers => {
		new_thing => { type => 'poll', stream => 'things', dedupe => ['id'], filter => '$ ? (!(@.gone == true))' } });

# register ROLE [, MEMBERS]
sub register
{
	my ($role, %members) = @_;
	my $text = $JSON->encode({ %provider, %members });
	return as($role, "SELECT connector_provider_register(\$cn\$$text\$cn\$)");
}

sub answer { my ($path, @replies) = @_; $mock->reply($path, @replies); $mock->forget; return; }
sub things { return { json => [ map { { id => $_ } } @_ ] }; }

sub is_over
{
	my ($name, $since) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(poll_until(sub { sql("SELECT lease IS NULL AND last_poll_at >= '$since' AND next_poll_at > last_poll_at FROM connector_triggers WHERE name = '$name'") eq 't' }), "$name was polled")
	  or diag(sql("SELECT to_jsonb(t) FROM connector_triggers t WHERE name = '$name'"));
	return;
}

# set NAME, TRIGGER [, ARGUMENTS [, ROLE]] -- and wait for its first poll.
sub set
{
	my ($name, $trigger, $arguments, $role) = @_;
	my $since = sql('SELECT clock_timestamp()');
	as($role // 'ann', "SELECT connector_trigger_set('$name', 'mock', '$trigger', 'c'" . ($arguments // '') . ')');
	is_over($name, $since);
	return;
}

sub poll
{
	my ($name, $role) = @_;
	my $since = sql('SELECT clock_timestamp()');
	as($role // 'ann', "SELECT connector_trigger_poll_now('$name')");
	is_over($name, $since);
	return;
}

sub started { return sql(q(SELECT coalesce(string_agg(r || CASE n WHEN 1 THEN '' ELSE 'x' || n END, ' ' ORDER BY r), '') FROM (SELECT input #>> '{record,id}' AS r, count(*) AS n FROM connector_queue GROUP BY 1) q)); }
sub state { my ($name) = @_; return sql("SELECT status, failures, error_code, last_error FROM connector_trigger_status WHERE name = '$name'"); }
sub alerts { my ($role) = @_; return as($role, q(SELECT coalesce(string_agg(concat_ws(':', alert, severity, subject), ' ' ORDER BY alert, subject), '') FROM connector_alerts WHERE alert LIKE 'trigger%')); }
sub metric { my ($name) = @_; return as('mon', 'SELECT connector_metrics()') =~ /^\Q$name\E (\S+)$/m ? $1 : undef; }
sub forget_all { sql('DELETE FROM connector_triggers; DELETE FROM connector_queue'); $mock->forget; return; }
sub process { return sql(q(SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE backend_type = 'connector polls')); }

for my $role (qw(ann eve))
{
	register($role);
	as($role, q(INSERT INTO connectors (name, config) VALUES ('c', '{"url": "http://127.0.0.1:1/"}')));
}

#
# What operators see.
#

is(alerts('postgres'), '', 'all is well at first');
is(metric('connector_polls{outcome="success"}'), 0, 'nothing was polled');
answer('/things', things(1, 2));
set('things', 'new_thing', ', from_now => false');
is(metric('connector_polls{outcome="success"}') . ' ' . metric('connector_polls_started') . ' ' . metric('connector_triggers{status="waiting"}'), '1 2 1', 'a poll and what it started are counted');
answer('/things', { status => 403, json => { error => 'the secret of the remote' } });
poll('things') for 1 .. 2;
is(alerts('ann'), '', 'two failures are no alert');
poll('things');
is(alerts('ann'), 'trigger_failing:warning:things', 'three are');
is(as('ann', q(SELECT value, threshold, message FROM connector_alerts WHERE alert LIKE 'trigger%')), '3|2|the last 3 polls of trigger "things" failed: permission_denied', 'which says of what');
is(alerts('eve') . alerts('mon'), '', 'not for others');
is(metric('connector_polls{outcome="permission_denied"}') . ' ' . metric('connector_triggers{status="failing"}'), '3 1', 'they are counted');
answer('/things', things(1, 2));
poll('things');
is(alerts('ann') . started(), '1 2', 'a success ends it');
sql(sprintf 'SELECT pg_terminate_backend(%d, 60000)', process());
sql(q(UPDATE connector_triggers SET next_poll_at = now() - interval '9 min'));
is(alerts('ann'), '', 'one that is a little late is no alert');
is(as('ann', q(SET connector.alert_overdue_poll = '8min'; SELECT alert, round(value / 60), threshold FROM connector_alerts)), 'trigger_overdue|9|480', 'unless somebody wants that');
sql(q(UPDATE connector_triggers SET next_poll_at = now() - interval '11 min'));
is(alerts('ann') . '|' . alerts('eve'), 'trigger_overdue:warning:acme|', 'one that nobody polls is');
is(as('ann', q(SET connector.alert_overdue_poll = 0; SELECT count(*) FROM connector_alerts)), 0, 'or is not');
cmp_ok(metric('connector_trigger_oldest_due_seconds'), '>=', 660, 'and is counted');
as('ann', q(SELECT connector_pause(reason => 'x')));
is(alerts('ann'), '', 'one that is paused is not late');
as('ann', q(SELECT connector_resume()));
as('ned', q(SELECT connector_trigger_enable('things')));
sql(q(SELECT connector_remove_member('ned', workspace => 'acme'); SELECT connector_trigger_poll_now('things', 'acme')));
ok(poll_until(sub { alerts('ann') eq 'trigger_stopped:critical:things' }), 'one that may not execute any more') or diag(alerts('ann'));
is(metric('connector_triggers{status="stopped"}'), 1, 'is counted');
as('ann', q(SELECT connector_trigger_enable('things', false)));
is(alerts('ann') . ' ' . metric('connector_triggers{status="disabled"}'), ' 1', 'one that a member has disabled is none');

#
# What a trigger leaves out.
#

forget_all();
answer('/things', { json => [ { id => 1 }, { id => 2, gone => JSON::PP::true }, { gone => JSON::PP::true, name => 'x' } ] });
set('filtered', 'new_thing', ', from_now => false');
is(started() . '|' . sql('SELECT count(*) FROM connector_trigger_seen'), '1|1', 'records that the filter does not find start nothing, nor are they remembered');

#
# Rows that a member has locked keep nobody else waiting.
#

forget_all();
answer('/things', things(1));
set('acmes', 'new_thing');
set('rivals', 'new_thing', '', 'eve');
my $pid = process();
sql(q(UPDATE connector_triggers SET lease = gen_random_uuid(), lease_until = now() + interval '1 hour', next_poll_at = last_poll_at WHERE name = 'acmes'));
sql("SELECT pg_terminate_backend($pid, 60000)");
my $session = $node->background_psql('app');
$session->query_safe(q(BEGIN; SELECT FROM connector_triggers WHERE name = 'acmes' FOR UPDATE));
poll('rivals', 'eve');
is(state('rivals'), 'waiting|0||', 'a row with the lease of a process that died, and locked');
$session->query_safe('COMMIT');
ok(poll_until(sub { sql(q(SELECT lease IS NULL FROM connector_triggers WHERE name = 'acmes')) eq 't' }), 'is taken back when it is free');
like(state('acmes'), qr/^failing\|1\|internal\|the process that polled it has died/, 'as a failure');

# The end of a poll is written when that can be.
answer('/things', { %{ things(1, 2) }, delay_ms => 1000 });
my $log = -s $node->logfile;
as('ann', q(SELECT connector_trigger_poll_now('acmes')));
ok(poll_until(sub { scalar $mock->requests }), 'a request is under way');
$session->query_safe(q(BEGIN; SELECT FROM connector_triggers WHERE name = 'acmes' FOR UPDATE));
ok(poll_until(sub { 13 <= (() = slurp_file($node->logfile, $log) =~ /could not obtain lock on row/g) }), 'a row that is locked for long');
$session->query_safe('COMMIT');
ok(poll_until(sub { sql(q(SELECT lease IS NULL FROM connector_triggers WHERE name = 'acmes')) eq 't' }), 'does not stay leased') or diag(state('acmes'));
$session->quit;

#
# Pauses.
#

register('ann', auth => [ { kind => 'bearer' } ]);
as('ann', q(SELECT connector_credential_set('mock', '{"token": "t-0123456789"}')));
for my $pause (q(), q(service => 'mock'))
{
	forget_all();
	answer('/things', things(1));
	set('paused', 'new_thing');
	as('ann', "SELECT connector_pause($pause)");
	answer('/things', things(1, 2));
	as('ann', q(SELECT connector_trigger_poll_now('paused')));
	is(sql(q(SELECT connector_tick() -> 'polls')), 0, "connector_pause($pause): none is due");
	set('rivals', 'new_thing', ', from_now => false', 'eve');
	is(sql(q(SELECT count(*) FROM connector_queue WHERE workspace_id = (SELECT id FROM connector_workspaces WHERE slug = 'acme'))), 0, 'nothing is started; others go on');
	as('ann', "SELECT connector_resume($pause)");
	sql('SELECT connector_tick()');
	is_over('paused', '-infinity');
	is(sql(q(SELECT count(*) FROM connector_queue WHERE workspace_id = (SELECT id FROM connector_workspaces WHERE slug = 'acme'))), 1, 'and polled');
}

#
# A stream with a parent.
#

forget_all();
$mock->reply('/lists', things(1, 2));
$mock->reply('/lists/1', things(10, 11));
$mock->reply('/lists/2', things(10));
set('entries', 'entries');
is(started(), '', 'entries of all lists are known');
$mock->reply('/lists', things(1, 2, 3));
$mock->reply('/lists/2', things(10, 11));
$mock->reply('/lists/3', things(10));
poll('entries') for 1 .. 2;
is(state('entries'), 'waiting|0||', 'a poll of a stream with a parent') or diag(explain([ map { $_->{target} } $mock->requests ]));
is(started(), '10 11', 'each new one of each parent once');
is(sql(q(SELECT string_agg(input #>> '{record,_parent,list}', ' ' ORDER BY input #>> '{record,id}') FROM connector_queue)), '3 2', 'and says whose it is') or diag(sql('SELECT input FROM connector_queue'));

#
# Too many requests.
#

forget_all();
answer('/things', things(1));
set('limited', 'new_thing');
answer('/things', { status => 429, headers => [ 'Retry-After' => 900 ], json => {} });
poll('limited');
like(state('limited'), qr/^failing\|1\|rate_limited\|/, 'a remote that wants to be left alone');
answer('/things', things(1, 2));
poll('limited');
is(scalar $mock->requests, 0, 'is left alone by the next poll');
like(state('limited'), qr/^failing\|2\|rate_limited\|/, 'which says so');
is(started(), '', 'and starts nothing');
as('ann', q(SELECT connector_circuit_reset('mock')));
poll('limited');
is(state('limited') . ' ' . started(), 'waiting|0|| 2', 'later it goes on');

# What the remote says of a secret is not shown.
answer('/things', { status => 400, json => { message => 'bad token t-0123456789' } });
poll('limited');
unlike(sql('SELECT to_jsonb(t) FROM connector_triggers t'), qr/t-0123456789/, 'a secret that the remote repeats is not in the row');

#
# A token that ends while it polls.
#

forget_all();
register('ann', auth => [ { kind => 'oauth2', grant => 'client_credentials', token_url => "$url/token", renew_before => 60 } ]);
$mock->reply('/token', { json => { access_token => 'access-1', expires_in => 3600 } }, { json => { access_token => 'access-2', expires_in => 3600 } });
as('ann', q(SELECT connector_credential_delete('mock')));
as('ann', q(SELECT connector_oauth_connect('mock', '{"client_id": "c", "client_secret": "secret-0123456789"}')));
answer('/things', things(1));
set('renewed', 'new_thing');
is(state('renewed'), 'waiting|0||', 'a token is had') or diag(sql('SELECT hint FROM connector_triggers'));
answer('/things', { status => 401, json => {} }, things(1, 2));
poll('renewed');
is(state('renewed') . ' ' . started(), 'waiting|0|| 2', 'a token that is refused is renewed, and the poll goes on');
is(join(' ', map { $_->{headers}{authorization} } $mock->requests('/things')), 'Bearer access-1 Bearer access-2', 'with the new one');
is(scalar $mock->requests('/token'), 1, 'which was asked for once');
answer('/things', { status => 401, json => {} });
$mock->reply('/token', { status => 400, json => { error => 'invalid_client' } });
poll('renewed');
like(state('renewed'), qr/^failing\|1\|auth_failed\|/, 'one that cannot be renewed fails');
poll('renewed');
like(state('renewed'), qr/^failing\|2\|auth_failed\|/, 'as long as nobody connects anew');
is(sql(q(SELECT hint IS NOT NULL FROM connector_triggers)), 't', 'which it says');
as('ann', q(SELECT connector_credential_delete('mock')));

#
# The provider tells records apart in another way.
#

forget_all();
register('ann');
answer('/things', { json => [ { id => 1, uid => 'a' } ] });
set('told', 'new_thing');
register('ann', triggers => { new_thing => { %{ $provider{triggers}{new_thing} }, dedupe => ['uid'] } });
poll('told');
like(state('told'), qr/^failing\|1\|config_invalid\|provider "mock" tells records apart in another way/, 'it does not take all for new');
is(started(), '', 'and starts nothing');
set('told', 'new_thing');
is(state('told') . started(), 'waiting|0||', 'set once more it begins anew');
answer('/things', { json => [ { id => 1, uid => 'a' }, { id => 1, uid => 'b' } ] });
poll('told');
is(sql(q(SELECT input #>> '{record,uid}' FROM connector_queue)), 'b', 'with what tells them apart now');
register('ann');

#
# What is forgotten, and when.
#

forget_all();
answer('/things', things(1));
set('forgets', 'new_thing');
answer('/things', things(2));
poll('forgets');
sql(q(UPDATE connector_trigger_seen SET seen_at = now() - interval '31 days' WHERE seen_at = (SELECT min(seen_at) FROM connector_trigger_seen)));
sql(q(UPDATE connector_triggers SET last_poll_at = now() - interval '1 hour'));
poll('forgets');
is(sql('SELECT count(*) FROM connector_trigger_seen'), 1, 'what has not been seen for long is forgotten');

#
# The whole server stops in the middle.
#

for my $mode (qw(fast immediate))
{
	forget_all();
	$mock->reply('/things', { json => [ { id => 1 } ], headers => [ Link => qq(<$url/things2>; rel="next") ] });
	register('ann', streams => { %{ $provider{streams} }, things => { %{ $provider{streams}{things} }, pagination => { kind => 'link_header' } } });
	$mock->reply('/things2', { %{ things(2) }, delay_ms => 3000 });
	as('ann', q(SELECT connector_trigger_set('stops', 'mock', 'new_thing', 'c', from_now => false)));
	ok(poll_until(sub { scalar $mock->requests('/things2') }), "$mode: it is on the second page");
	$node->stop($mode);
	$node->start;
	is(started(), '1', "$mode: the first page was kept");
	ok(poll_until(sub { sql('SELECT connector_tick()'); sql('SELECT lease IS NULL AND primed FROM connector_triggers') eq 't' || sql('UPDATE connector_triggers SET next_poll_at = now() WHERE lease IS NULL AND failures > 0') && 0 }), "$mode: it goes on after the start") or diag(state('stops'));
	is(started(), '1 2', "$mode: each once");
}

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|segmentation/i, 'nothing broke');
done_testing();
