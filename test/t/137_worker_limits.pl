# Limits and shares in the queue: what a limit, a pause of the remote, an open breaker or a full share keeps back waits
# without being claimed, costs nothing and keeps nobody else back.  Then two workers: nothing is run twice, also not when
# one is stopped for so long that the other takes over what it runs.
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster(
	'main',
	'connector.poll_interval'        => '10min',
	'connector.retry_delay'          => '1ms',
	'connector.retry_max_delay'      => '1ms',
	'connector.breaker_min_requests' => 4,
	'connector.breaker_open_time'    => '2s');

# set_up NODE -- workspaces and sessions of it.
sub set_up
{
	my ($on) = @_;
	$on->safe_psql('app', <<'SQL');
CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN;
SELECT connector_create_workspace('acme', owner => 'ann'), connector_create_workspace('globex', owner => 'bob');
SELECT connector_maintain();
SQL
	my %session = map { $_ => ConnectorSession->new($on) } qw(super ann bob);
	$session{$_}->ask("SET SESSION AUTHORIZATION $_") for qw(ann bob);
	return %session;
}
my %s = set_up($node);
my ($s, $super) = @s{qw(ann super)};

#
# Helpers.
#
sub credential
{
	my (@services) = @_;
	$s->ask("SELECT connector_credential_set('$_', '{\"token\": \"a-token-of-$_\"}', 'bearer', allowed_hosts => ARRAY['$url'])") for @services;
	return;
}

# many NAME, N -- N executions of it, queued at once: their ids.
sub many
{
	my ($name, $n) = @_;
	return split /\n/, $s->ask("SELECT connector_execute_async_batch('$name', array_agg(jsonb_build_object('n', n))) FROM generate_series(1, $n) n");
}

# together N, NAMES... -- N of each, which are all there when the first is run.
sub together
{
	my ($n, @names) = @_;
	$s->ask('SELECT connector_pause()');
	my @queued = map { many($_, $n) } @names;
	$s->ask('SELECT connector_resume()');
	return @queued;
}

sub brief { my ($row) = @_; return join ' ', grep { defined } @$row{qw(status error_code)}; }

# all_are WANTED, IDS... -- how each of them ended.
sub all_are
{
	my ($wanted, @ids) = @_;
	my %count;
	$count{ brief($_) }++ for $s->ended(@ids);
	return is_deeply(\%count, { $wanted => scalar @ids }, scalar(@ids) . " are $wanted");
}

# meanwhile SUB -- what the workers' counters say more, after what it does: { claimed => n, commits => n, parked => n }.
sub meanwhile
{
	my ($do) = @_;
	my $sql = "SELECT json_build_object('claimed', sum(claimed), 'commits', sum(commits), 'parked', sum(parked)) FROM connector_worker_stats WHERE database = 'app'";
	my ($before) = $super->rows($sql);
	$do->();
	my ($after) = $super->rows($sql);
	return { map { $_ => $after->{$_} - $before->{$_} } keys %$after };
}

# Another tenant's executions, one after the other: each takes a claim and a record.
my $bobs = $s{bob}->save({ url => "$url/ok?bob" });
sub others { $s{bob}->ended($s{bob}->enqueue($bobs)) for 1 .. 10; return; }
use constant FEW => 10 * 15;

sub waiting { return $super->ask(q(SELECT count(*) FILTER (WHERE lease IS NULL AND due_at IS NULL), count(*) FILTER (WHERE lease IS NULL AND due_at IS NOT NULL),
	count(*) FILTER (WHERE lease IS NOT NULL) FROM connector_queue)); }
sub sent { my ($mark) = @_; return scalar grep { $_->{target} =~ /$mark/ } $mock->requests; }

others();

#
# A limit of a connector: in an hour 100, so 10 at once and the next after 40 s.
#
my $limited = $s->save({ url => "$url/ok?own", rateLimiting => { maxRequestsPerHour => 100 } });
my @ids = many($limited, 30);
ok(poll_until(sub { sent('own') == 10 && waiting() eq '20|0|0' }), 'as many as may go are sent, the rest waits for its turn') or diag waiting();
my $more = meanwhile(\&others);
is(sent('own'), 10, 'no more are sent');
is("$more->{claimed} $more->{parked}", '10 0', 'nor claimed in vain');
cmp_ok($more->{commits}, '<', FEW, '... which costs next to nothing');
is($s->ask("SELECT count(*) FROM connector_executions WHERE status = 'pending'"), '20', 'they are pending');
$s->ask("UPDATE connectors SET config = config - 'rateLimiting' WHERE name = '$limited'");
all_are('success', @ids);

# Of a service, over several connectors and priorities.
credential('paced');
is($s->ask(q(INSERT INTO api_rate_limits (service_name, requests_per_hour) VALUES ('paced', 100))), '', 'a limit of a service');
my @paced = map { $s->save({ url => "$url/ok?paced", credential => 'paced' }) } 1 .. 3;
$more = meanwhile(sub { @ids = together(10, @paced);
	ok(poll_until(sub { sent('paced') == 10 }), 'its requests count together');
	others(); });
is("$more->{claimed} $more->{parked}", '20 0', '... as many are claimed as may go');
is(sent('paced'), 10, '... and no more are sent');
is($s->ask("SELECT count(*) FROM connector_executions WHERE status = 'success' AND id IN (" . join(', ', map { "'$_'" } @ids) . ')'), '10', '... the rest waits');
$s->ask("SELECT connector_cancel(id) FROM connector_executions WHERE status IN ('pending', 'running')");
is(waiting(), '0|0|0', 'and can be cancelled');

# Requests at the same time.
credential('narrow');
is($s->ask(q(INSERT INTO api_rate_limits (service_name, concurrency) VALUES ('narrow', 2))), '', 'two at the same time');
my $narrow = $s->save({ url => "$url/gate?after=narrow", credential => 'narrow' });
$mock->forget;
my $wide = $s->save({ url => "$url/gate?after=narrow", credential => 'narrow' });
$more = meanwhile(sub { @ids = together(4, $narrow, $wide);
	ok(poll_until(sub { $mock->requests('/gate') == 2 }), 'two are sent');
	others(); });
is("$more->{claimed} $more->{parked}", '12 0', '... and two are claimed');
is(scalar $mock->requests('/gate'), 2, '... and no more');
$mock->open_gate('narrow');
all_are('success', @ids);
is($mock->most_at_once, 2, '... at any time');

#
# The remote asks for a pause.
#
credential('busy', 'free');
my $busy  = $s->save({ url => "$url/busy", credential => 'busy' }, max_retries => 2);
my $alike = $s->save({ url => "$url/ok?alike", credential => 'busy' });
my $free  = $s->save({ url => "$url/ok?free", credential => 'free' });
$mock->forget;
$mock->reply('/busy', { status => 429, headers => [ 'Retry-After' => 2 ] }, { json => { ok => YES } });
my $first = $s->enqueue($busy);
ok(poll_until(sub { $super->ask("SELECT count(*) FROM connector_rate_limit_status WHERE kind = 'credential' AND held_until > now()") eq '1' }), 'the remote asks for a pause');
@ids = ($first, many($alike, 5));
$s->ended(many($free, 3));
is(sent('alike'), 0, 'another credential goes on, the same does not');
all_are('success', @ids);
my @at = sort { $a <=> $b } map { $_->{time} } grep { $_->{path} eq '/busy' || $_->{target} =~ /alike/ } $mock->requests;
is(scalar(grep { $_ < $at[0] + 1.95 } @at), 1, 'nothing was sent with it before the pause was over');
is(scalar @at, 7, '... and nothing twice');

$mock->reply('/busy', { status => 429, headers => [ 'Retry-After' => 3000 ] }, { json => { ok => YES } });
$s->ended($s->enqueue($s->save({ url => "$url/busy", credential => 'busy' })));
@ids = many($alike, 5);
others();
is(waiting(), '5|0|0', 'a long pause');
is($s->ask(q(SELECT connector_circuit_reset('busy'))), 't', '... is lifted');
all_are('success', @ids);

#
# A breaker.
#
credential('down');
my $down = $s->save({ url => "$url/down", credential => 'down' });
$mock->forget;
$mock->reply('/down', { status => 503 });
all_are('failed server_error', map { $s->enqueue($down) } 1) for 1 .. 4;
like($s->ask(q(SELECT state FROM connector_circuit_breakers WHERE service = 'down')), qr/open/, 'a service that fails gets a rest');
my $failed = $mock->requests('/down');
$mock->reply('/down', { json => { ok => YES } });
$more = meanwhile(sub { @ids = many($down, 20); others() });
is(waiting(), '20|0|0', 'what is queued for it waits');
is($mock->requests('/down'), $failed, '... is not sent');
is("$more->{claimed} $more->{parked}", '10 0', '... not claimed');
cmp_ok($more->{commits}, '<', FEW, '... and costs next to nothing');
all_are('success', @ids);
is($mock->requests('/down') - $failed, 20, 'when the service is well again all of it is sent, once');
is($s->ask(q(SELECT state FROM connector_circuit_breakers WHERE service = 'down')), 'closed', '... and the breaker is closed');

#
# Shares: one workspace whose remote hangs has room for others, and does not make the worker busy.
#
$super->configure('connector.max_in_flight' => 18);
others();
my $hangs = $s->save({ url => "$url/gate?after=share" });
$mock->forget;
@ids = many($hangs, 40);
ok(poll_until(sub { $mock->requests('/gate') == 16 }), 'one workspace gets most of what may be in flight');
$more = meanwhile(\&others);
is(scalar $mock->requests('/gate'), 16, '... not all');
cmp_ok($more->{commits}, '<', FEW, '... which costs next to nothing');
$mock->open_gate('share');
all_are('success', @ids);
$super->configure('connector.max_in_flight' => 1000);

$mock->forget;
is($super->ask(q(UPDATE connector_workspaces SET max_in_flight = 3 WHERE slug = 'acme')), '', 'a workspace may have three under way');
like($s->ask(q(UPDATE connector_workspaces SET max_in_flight = 1000, weight = 100)), qr/^ERROR:  42501/, '... and cannot help itself to more');
@ids = many($hangs, 10);
ok(poll_until(sub { $mock->requests('/gate') == 3 }), '... and has');
$more = meanwhile(\&others);
is(scalar $mock->requests('/gate'), 3, '... no more');
cmp_ok($more->{commits}, '<', FEW, '... which costs next to nothing');
$super->ask(q(UPDATE connector_workspaces SET max_in_flight = 5 WHERE slug = 'acme'));
ok(poll_until(sub { $mock->requests('/gate') == 5 }), 'a change counts at once');
$mock->open_gate('share');
all_are('success', @ids);
is($mock->most_at_once, 5, '... and there were never more');

is($super->ask('SELECT in_flight, errors FROM connector_worker_stats'), '0|0', 'nothing is left, and there were no errors');
$_->quit for values %s;
$node->stop('fast');

#
# Two workers.
#
$node = new_cluster(
	'two',
	'connector.workers'       => 2,
	'connector.max_in_flight' => 5,
	'connector.poll_interval' => '200ms',
	'connector.lease_timeout' => '5s');
%s = set_up($node);
($s, $super) = @s{qw(ann super)};
sub workers { return split /\n/, $super->ask(q(SELECT pid FROM connector_worker_stats WHERE database = 'app' ORDER BY worker)); }
ok(poll_until(sub { workers() == 2 }), 'two workers');

$mock->forget;
my $once = $s->save({ url => "$url/ok?n={{input.n}}", method => 'POST', body => {} });
@ids = many($once, 400);
all_are('success', @ids);
my %sent;
$sent{ $_->{target} }++ for $mock->requests('/ok');
is(join(' ', grep { $sent{$_} != 1 } keys %sent), '', 'nothing is sent twice');
is(scalar keys %sent, 400, '... and everything once');
is($super->ask('SELECT count(*), count(DISTINCT id) FROM connector_history'), '400|400', '... and recorded once');
is($super->ask('SELECT count(*) FROM connector_worker_stats WHERE claimed > 0'), '2', 'both had a part in it');
is($super->ask('SELECT sum(taken_over), sum(lost), sum(errors) FROM connector_worker_stats'), '0|0|0', 'and none got into the way of the other');

# One is stopped with four gets and posts under way.
$mock->forget;
my %kind = map { $_ => $s->save({ url => "$url/gate?after=stop&n={{input.n}}&$_", method => $_, deadline_ms => 60000 }, timeout_ms => 60000) } qw(GET POST);
my %ids = map { $_ => [ many($kind{$_}, 4) ] } sort keys %kind;
ok(poll_until(sub { $mock->requests('/gate') == 8 }), 'eight executions, four for each worker');
my ($stopped, $other) = workers();
my %of = map { split /\|/ } split /\n/, $super->ask("SELECT id, lease FROM connector_queue");
my ($lease) = split /\n/, $super->ask("SELECT lease FROM connector_queue GROUP BY 1 ORDER BY count(*) DESC LIMIT 1");
is($super->ask("SELECT string_agg(in_flight::text, ' ') FROM connector_worker_stats"), '4 4', '... each');
my %before = map { $_->{target} => 1 } $mock->requests('/gate');
kill 'STOP', $stopped;
$mock->open_gate('stop');
my ($gets, $posts) = map { [ $s->ended(@{ $ids{$_} }) ] } qw(GET POST);
is($super->ask("SELECT taken_over FROM connector_worker_stats WHERE pid = $other"), '4', 'one stops, the other takes its executions over');
is(join(' ', map { brief($_) } @$gets), 'success success success success', 'what may be repeated is');
my @unknown = grep { brief($_) eq 'failed unknown_outcome' } @$posts;
is(scalar(grep { brief($_) eq 'success' } @$posts) + @unknown, 4, 'what may not ends as unknown');
my %times;
$times{ $_->{target} }++ for $mock->requests('/gate');
is(scalar(grep { /POST/ && $times{$_} != 1 } keys %times), 0, '... and was sent once');
is(scalar(grep { /GET/ && $times{$_} == 2 } keys %times) + @unknown, 4, '... four in all were taken over');

kill 'CONT', $stopped;
ok(poll_until(sub { $super->ask("SELECT lost FROM connector_worker_stats WHERE pid = $stopped") eq '4' }), 'when the one goes on, its results are dropped');
is($super->ask('SELECT count(*), count(DISTINCT id) FROM connector_history'), '408|408', 'each has one end in the history');
is($super->ask("SELECT count(*) FROM connector_history WHERE error_code = 'unknown_outcome'"), scalar @unknown, '... the first one');
is($super->ask("SELECT sum(total_executions), sum(successful_executions) FROM connectors WHERE workspace_id = (SELECT id FROM connector_workspaces WHERE slug = 'acme')"),
	join('|', 408, 408 - @unknown), '... and is counted once') if poll_until(sub { $super->ask('SELECT (connector_maintain() ->> \'postponed\')') eq '0' });
all_are('success', many($once, 20));
is($super->ask('SELECT sum(in_flight), sum(errors), count(*) FROM connector_worker_stats'), '0|0|2', 'both work on');

$_->quit for values %s;
done_testing();
