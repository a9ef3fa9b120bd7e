# Limits over several sessions: rates are exact whoever calls, a Retry-After holds back a whole credential, no more
# requests are under way than allowed, a breaker opens, lets one probe through and closes.  What a session that is
# cancelled or ended had taken is given back, and no workspace feels another's limits.
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use IPC::Run ();
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster(
	'main',
	'connector.retry_delay'          => '1ms',
	'connector.breaker_min_requests' => 4,
	'connector.breaker_open_time'    => '2s');
$node->safe_psql('app', <<"SQL");
CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN;
SELECT connector_create_workspace('acme', owner => 'ann'), connector_create_workspace('globex', owner => 'bob');
SQL

my %s = map { $_ => ConnectorSession->new($node) } qw(one two three bob);
$s{$_}->ask('SET SESSION AUTHORIZATION ' . ($_ eq 'bob' ? 'bob' : 'ann')) for keys %s;
my $s = $s{one};

#
# Helpers.
#

# credential SERVICE... -- of both workspaces.
sub credential
{
	for my $service (@_)
	{
		$s{$_}->ask("SELECT connector_credential_set('$service', '{\"token\": \"a-token-of-$service\"}', 'bearer', allowed_hosts => ARRAY['$url'])") for qw(one bob);
	}
	return;
}

sub limit
{
	my ($service, $column, $value) = @_;
	is($s->ask("INSERT INTO api_rate_limits (service_name, $column) VALUES ('$service', $value)"), '', "$column of $service is $value");
	return;
}

# call SESSION, NAME -- "status code" of one execution.
sub call
{
	my ($session, $name, $input) = @_;
	my $row = $s{$session}->run_saved($name, $input);
	return join ' ', $row->{status}, $row->{error_code} // ();
}

# crowd SESSIONS, CALLS, NAME... -- so many sessions call each connector so often at the same time; the outcomes, counted.
sub crowd
{
	my ($sessions, $calls, @names) = @_;
	my $sql = join '', map { "SELECT coalesce(error_code, status) FROM connector_try_execute('$names[$_ % @names]');\n" } 1 .. $calls;
	my @output  = ('') x $sessions;
	my @input   = ($sql) x $sessions;    # IPC::Run takes from it
	my @running = map {
		IPC::Run::start([ 'psql', '-XAtq', '-U', 'ann', '-d', $node->connstr('app'), '-f', '-' ], '<', \$input[$_], '>', \$output[$_], '2>&1')
	} 0 .. $sessions - 1;
	$_->finish for @running;
	my %count;
	$count{$_}++ for map { split /\n/ } @output;
	return \%count;
}

sub view
{
	my ($columns, $view, $where) = @_;
	return $s->ask("SELECT $columns FROM $view WHERE $where");
}

sub breaker { my ($service, $columns) = @_; return view($columns // 'state', 'connector_circuit_breakers', "service = '$service'"); }
sub in_flight { my ($service) = @_; return view('in_flight', 'connector_rate_limit_status', "kind = 'service' AND name = '$service'"); }

#
# A connector's own limit, refused: in an hour 100, so 10 at once and one every 3600 / 91 seconds.
#
my $own = $s->save({ url => "$url/ok", rateLimiting => { maxRequestsPerHour => 100, strategy => 'fail' } });
my $begin = time;
my $count = crowd(6, 20, $own);
my $most  = 10 + int((time - $begin) / (3600 / 91));
is($count->{success} + $count->{rate_limited}, 120, 'six sessions call at once');
cmp_ok($count->{success}, '>=', 10, 'as many as may go at once succeed');
cmp_ok($count->{success}, '<=', $most, 'and no more');
is(scalar $mock->requests, $count->{success}, 'those refused sent nothing');
like($s->ask("SELECT connector_execute('$own')"),
	qr/NC006: connector "$own": the connector's limit of 100 requests per hour is used up \(retry after \d+ s\)\n.*\nHINT:  Call it less often/,
	'the error says when');
is($s->ask("SELECT requests_per_hour, hour_available, next_free_at > now() FROM connector_rate_limit_status WHERE kind = 'connector' AND name = '$own'"),
	'100|0|t', 'and so does the view');
my $group = $s->save({
	rateLimiting => { maxRequestsPerHour => 1, strategy => 'fail' },
	steps => [ { id => 'p', type => 'parallel', steps => [ map { { id => $_, url => "$url/ok" } } qw(a b) ] } ] });
is(outcome($s->run_saved($group)), 'failed rate_limited p=failed a=success b=failed', 'a step of a group may be refused, too');

#
# A service's limit, waited for, over two connectors: in a minute 600, so 60 at once and one every 60 / 541 seconds.
#
credential(qw(paced));
limit('paced', 'requests_per_minute', 600);
my @paced = map { $s->save({ url => "$url/ok?$_", credential => 'paced' }) } 1, 2;
$mock->forget;
$count = crowd(6, 15, @paced);
is_deeply($count, { success => 90 }, 'all wait their turn');
my @at = sort { $a <=> $b } map { $_->{time} } $mock->requests;
is(scalar @at, 90, 'and are sent');

# What was let go in time may arrive late, and so closer to what follows: a second's worth is forgiven.
my $worst = 0;
for my $i (0 .. $#at)
{
	for my $j ($i .. $#at)
	{
		my $over = ($j - $i + 1) - (60 + ($at[$j] - $at[$i] + 1) / (60 / 541));
		$worst = $over if $over > $worst;
	}
}
is($worst, 0, 'in no stretch of time more than its limit');
is(call('bob', $s{bob}->save({ url => "$url/ok", credential => 'paced', deadline_ms => 1000 })), 'success', 'another workspace is not slowed down');

#
# Retry-After holds back the credential.
#
credential(qw(held free));
$mock->reply('/limited', { status => 429, headers => [ 'Retry-After' => 4 ] }, { json => { n => 2 } });
$mock->reply('/plain', { status => 429 });
my $limited = $s->save({ url => "$url/limited", credential => 'held' });
my $short   = $s->save({ url => "$url/ok?short", credential => 'held', deadline_ms => 1000 });
my $long    = $s->save({ url => "$url/ok?long", credential => 'held' });
is(call('one', $s->save({ url => "$url/plain", credential => 'held' })), 'failed rate_limited', 'a 429 without a time');
is(call('two', $short), 'success', 'holds nobody back');
$mock->forget;
is(call('one', $limited), 'failed rate_limited', 'the remote refuses one session and names a time');
is(call('two', $short), 'failed rate_limited', 'another session, with another connector, does not even ask');
is(scalar $mock->requests('/ok'), 0, 'nothing was sent');
like($s{three}->ask("SELECT connector_execute('$short')"), qr/NC006: .*the remote has asked for no more requests for now \(retry after [1-4] s\)/, 'the error says why and when');
is(view('held_until > now()', 'connector_rate_limit_status', q(kind = 'credential' AND name = 'held/default')), 't', 'so does the view');
is(call('three', $s->save({ url => "$url/ok", credential => 'free', deadline_ms => 1000 })), 'success', 'other credentials go on');
is(call('bob', $s{bob}->save({ url => "$url/ok", credential => 'held', deadline_ms => 1000 })), 'success', 'and so does the other workspace');
is(call('two', $long), 'success', 'who has the time waits');
my ($refused) = $mock->requests('/limited');
my ($waited) = grep { $_->{target} =~ /long/ } $mock->requests('/ok');
cmp_ok($waited->{time} - $refused->{time}, '>=', 4, 'as long as was asked for');
$mock->reply('/limited', { status => 429, headers => [ 'Retry-After' => 1 ] }, { json => { n => 2 } });
is(call('one', $s->save({ url => "$url/limited", credential => 'held', retries => 1 })), 'success', 'a retry waits for its own hold');

#
# Requests at the same time.
#
credential(qw(narrow));
limit('narrow', 'concurrency', 2);
my $slow = $s->save({ url => "$url/slow?ms=200", credential => 'narrow' });
$mock->forget;
is_deeply(crowd(6, 2, $slow), { success => 12 }, 'six sessions share two places');
cmp_ok($mock->most_at_once, '<=', 2, 'and never use more');
$mock->forget;
is($s->ask("SELECT string_agg(status, ' ') FROM connector_execute_batch('$slow', array_fill('{}'::jsonb, '{6}'), 6)"), join(' ', ('success') x 6),
	'so does one session with six at a time');
is($mock->most_at_once, 2, 'it uses two');
is(in_flight('narrow'), 0, 'all places are free again');

my $gate = $s->save({ url => "$url/gate?after=never", credential => 'narrow' });
my $next = $s->save({ url => "$url/ok", credential => 'narrow', deadline_ms => 1000 });
$mock->forget;
for my $session (qw(one two))
{
	ok($s{$session}->hang("SELECT connector_execute('$gate')", sub { $mock->requests('/gate') == ($session eq 'one' ? 1 : 2) }), "a request of session $session hangs");
}
like($s{three}->ask("SELECT connector_execute('$next')"), qr/NC006: .*service "narrow" has as many requests under way as its limit allows: 2/, 'a third has no place');
is($s{three}->ask(q(SELECT in_flight, concurrency FROM connector_rate_limit_status WHERE name = 'narrow')), '2|2', 'the view shows both');
ok($s{one}->cancel, 'one is cancelled');
is(call('three', $next), 'success', 'its place is free');
is($node->safe_psql('app', "SELECT pg_terminate_backend($s{two}{pid})"), 't', 'another session is ended');
ok(poll_until(sub { $s{three}->ask(q(SELECT in_flight FROM connector_rate_limit_status WHERE name = 'narrow')) eq '0' }), 'and so is its place');
$s{$_} = ConnectorSession->new($node) for qw(one two);
$s{$_}->ask('SET SESSION AUTHORIZATION ann'), $s{$_}{saved} = 1000 for qw(one two);
$s = $s{one};

#
# Breakers.
#
credential(qw(flaky sturdy fragile));
my ($fails, $works, $probe) = map { $s->save({ url => "$url/$_", credential => 'flaky' }) } 'status/503', 'ok', 'gate?after=probe';
my $picky = $s->save({ url => "$url/status/404", credential => 'sturdy' });
call('one', $picky) for 1 .. 5;
is(breaker('sturdy', 'state, failures, requests'), 'closed|0|5', 'a remote that refuses requests is well');
$mock->forget;
is(call('one', $fails), 'failed server_error', 'a failure') for 1 .. 3;
is(breaker('flaky'), 'closed', 'three are too few');
is(call('two', $fails), 'failed server_error', 'one more, of another session');
is(breaker('flaky', 'state, failures, requests, trips, next_probe_at - opened_at'), 'open|4|4|1|00:00:02', 'opens the breaker');
is(call('three', $works), 'failed circuit_open', 'nobody calls the service now');
is(scalar $mock->requests, 4, 'no request was sent for that');
is(call('three', $picky), 'failed not_found', 'other services go on');
is(call('bob', $s{bob}->save({ url => "$url/ok", credential => 'flaky' })), 'success', 'and the other workspace');

sub half_open { my ($service) = @_; return poll_until(sub { breaker($service) eq 'half-open' }); }
ok(half_open('flaky'), 'after its time it is half-open');
is(call('one', $fails), 'failed server_error', 'a probe fails');
is(breaker('flaky', 'state, trips, next_probe_at - opened_at'), 'open|2|00:00:04', 'it opens again, for longer');
like($s->ask("SELECT connector_execute('$works')"), qr/NC014: .*the circuit breaker of service "flaky" is open \(retry after [1-4] s\)\n.*\nHINT:  The service failed repeatedly.* probed again in [1-4] s\./, 'the error says until when');

ok(half_open('flaky'), 'it is half-open again');
$mock->forget;
ok($s{two}->hang("SELECT connector_execute('$probe')", sub { $mock->requests('/gate') == 1 }), 'one probe is under way');
is_deeply(crowd(4, 5, $works), { circuit_open => 20 }, 'nobody else gets through');
is(scalar $mock->requests('/ok'), 0, 'nothing was sent');
like($s->ask("SELECT connector_execute('$works')"), qr/NC014: .*half-open, and its probe is under way/, 'the error says so');
ok($s{two}->cancel, 'the probe is cancelled');
is(breaker('flaky'), 'half-open', 'which decides nothing');
ok($s{two}->hang("SELECT connector_execute('$probe')", sub { $mock->requests('/gate') == 2 }), 'another may probe');
$mock->open_gate('probe');
ok(poll_until(sub { breaker('flaky') ne 'half-open' }), 'it succeeds');
is(breaker('flaky'), '', 'the breaker is closed and has forgotten');
is(call('three', $works), 'success', 'all call again');

# A step that is repeated opens it on the way, and says what was wrong with the service.
my $retries = $s->save({ url => "$url/status/500", credential => 'fragile', retries => 5 });
my $row     = $s->run_saved($retries);
is("$row->{error_code} $row->{steps}[0]{attempts} $row->{error_message}",
	'server_error 4 the remote answered with HTTP status 500; not repeated: the circuit breaker of service "fragile" is open (retry after 2 s)',
	'a step is not repeated once its breaker is open');
is($s->ask(q(SELECT connector_circuit_reset('fragile'))), 't', 'an administrator closes it');
is(breaker('fragile'), '', 'it has forgotten all');
is($s->ask(q(SELECT connector_circuit_reset('fragile'))), 'f', 'once is enough');
is($s->ask(q(SELECT actor || ' ' || action || ' ' || object_name FROM connector_audit_log WHERE object_type = 'circuit_breaker' LIMIT 1)),
	'role:ann reset fragile', 'the audit log has it');

$mock->reply('/limited', { status => 429, headers => [ 'Retry-After' => 1000 ] });
is(call('one', $limited), 'failed rate_limited', 'a remote that asks for a long pause');
is(call('three', $short), 'failed rate_limited', 'gets it');
is($s->ask(q(SELECT connector_circuit_reset('held'))), 't', 'unless an administrator knows better');
is(call('three', $short), 'success', 'then it is called again');

# A host that cannot be connected to is a service like any other.
my $nobody = '127.0.0.1:' . free_port();
my $gone   = $s->save({ url => "http://$nobody/" });
is(call('one', $gone), 'failed network_error', 'a port nobody listens on') for 1 .. 4;
is(call('one', $gone), 'failed circuit_open', 'has a breaker');
is(breaker($nobody), 'open', 'under its name');

# Changed settings count at once.
$node->append_conf('postgresql.conf', 'connector.breaker_min_requests = 0');
$node->reload;
ok(poll_until(sub { call('one', $gone) eq 'failed network_error' }), 'breakers that are switched off keep nobody back');

#
# The table is bounded, and nobody fills it for the others.
#
$_->quit for values %s;
$node->append_conf('postgresql.conf', 'connector.max_limit_entries = 16');
$node->restart;
%s = map { $_ => ConnectorSession->new($node) } qw(one bob);
$s{$_}->ask('SET SESSION AUTHORIZATION ' . ($_ eq 'bob' ? 'bob' : 'ann')), $s{$_}{saved} = 2000 for keys %s;
$s = $s{one};
my %limited = (url => "$url/ok", deadline_ms => 1000, rateLimiting => { maxRequestsPerHour => 1 });
my $log = -s $node->logfile;
my @outcomes = map { $s->ask("SET client_min_messages = error; SELECT coalesce(error_code, status) FROM connector_try_execute('" . $s->save(\%limited) . "')") } 1 .. 12;
is(join(' ', @outcomes), join(' ', ('success') x 8, ('rate_limited') x 4), 'a workspace gets half of a table of 16');
is($s->ask('SELECT count(*) FROM connector_rate_limit_status'), 8, 'and the view shows it');
is(scalar(() = slurp_file($node->logfile, $log) =~ /WARNING:  the table of rate limits is full, so requests wait\n/g), 1, 'one warning in the log');
is(call('bob', $s{bob}->save(\%limited)), 'success', 'there is room for another workspace');
is(call('bob', $s{bob}->save({ %limited, rateLimiting => { strategy => 'fail' } })), 'success', 'what has no limit needs none');

$_->quit for values %s;
done_testing();
