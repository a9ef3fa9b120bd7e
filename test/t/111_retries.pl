# Retries: which failures are repeated, how often and when; which requests never are, because they may have taken
# effect; and rules that say what a reply means.
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Socket::INET;
use MockServer;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster(
	'main',
	start                       => 0,
	'connector.retry_delay'     => '1ms',
	'connector.retry_max_delay' => '1ms',
	'connector.connect_timeout' => '300ms');

# Names that resolve to what this test wants: one only at the second look-up.
my $hosts = $node->basedir . '/hosts';
my $fake  = $node->basedir . '/fake_getaddrinfo.so';
append_to_file($hosts, "late.test first fail then 127.0.0.1\n");
system_or_bail('cc', '-shared', '-fPIC', '-o', $fake, dirname(abs_path(__FILE__)) . '/../lib/fake_getaddrinfo.c', '-ldl');
{
	local %ENV = %ENV;
	$ENV{LD_PRELOAD} = $fake;
	$ENV{FAKE_HOSTS} = $hosts;
	$node->start;
}
create_database($node, 'app');
$node->safe_psql('app', q(SELECT connector_create_workspace('acme')));

# A port nobody listens on, and one whose queue is full: a connection is never made.
my $closed = 'http://127.0.0.1:' . free_port();
my $full   = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "cannot listen: $!";
my @queue;
for (1 .. 20)
{
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $full->sockport, Blocking => 0);
	push @queue, $socket;
	my $ready = '';
	vec($ready, fileno $socket, 1) = 1;
	last if !select undef, $ready, undef, 0.3;
}
cmp_ok(scalar @queue, '<', 20, 'a port whose queue is full');
my $silent = 'http://127.0.0.1:' . $full->sockport;

my $s = ConnectorSession->new($node);

#
# Helpers.
#

# in_turn PATH, STATUS... -- the mock's answers, the last one stays; `N/SECONDS` asks for that wait.
sub in_turn
{
	my ($path, @statuses) = @_;
	$mock->forget;
	$mock->reply($path, map { m{(.*)/(.*)} ? { status => $1, headers => [ 'Retry-After' => $2 ] } : { status => $_, json => { n => $_ } } } @statuses);
	return;
}

# lift_holds -- what an execution was told to wait for does not hold back the next; 125_limits is about that.
sub lift_holds { $s->ask("SELECT connector_circuit_reset('127.0.0.1:" . $mock->port . "')"); return; }

# tried STEP [, COLUMN => VALUE...] -- "status code attempts requests" of an execution of one step; the request goes to /x
# unless the step has an URL, and requests are those the mock has seen there.
sub tried
{
	my ($step, %columns) = @_;
	lift_holds();
	my $row = $s->run({ url => "$url/x", %$step }, {}, %columns);
	return join ' ', $row->{status}, $row->{error_code} // '-', $row->{steps}[0]{attempts}, scalar $mock->requests;
}

# raises STEP, PATTERN, NAME -- connector_execute raises that.
sub raises
{
	my ($step, $pattern, $name) = @_;
	lift_holds();
	like($s->raised({ url => "$url/x", %$step }), qr/^ERROR:  $pattern/, $name);
	return;
}

#
# Without being asked, nothing is repeated.
#
in_turn('/x', 503, 200);
is(tried({}), 'failed server_error 1 1', 'no retries unless asked for');
in_turn('/x', 503, 200);
is(tried({ retries => 0 }, max_retries => 3), 'failed server_error 1 1', 'a step may refuse the connector\'s');

# What would fail again is not, however many retries there are.
for my $status (301, 400, 401, 403, 404, 407, 409, 410, 413, 422, 451)
{
	in_turn('/x', $status, 200);
	like(tried({ retries => 5 }), qr/\Afailed \w+ 1 1\z/, "$status is not repeated");
}
$mock->forget;
my %final = (
	'not JSON'        => [ '/not-json-typed', 'bad_response' ], 'no HTTP'  => [ '/bad-status-line', 'bad_response' ], 'endless headers' => [ '/endless-headers', 'bad_response' ],
	'too large'       => [ '/endless', 'response_too_large' ],  'a loop'   => [ '/redirect-loop', 'bad_response' ]);
for my $name (sort keys %final)
{
	like(tried({ url => $url . $final{$name}[0], retries => 5 }), qr/\Afailed $final{$name}[1] 1 \d+\z/, "$name is not repeated");
}
like(tried({ url => 'http://192.0.2.1/', retries => 5 }), qr/\Afailed blocked_address 1 /, 'a blocked address is not repeated');
like(tried({ url => "$url/x?{{input.x}}", retries => 5 }), qr/\Afailed input_invalid 0 /, 'what cannot be rendered is not sent');

#
# What may pass is repeated, where it does no harm.
#
for my $method (qw(GET HEAD PUT DELETE))
{
	in_turn('/x', 503, 200);
	is(tried({ method => $method, retries => 1 }), 'success - 2 2', "$method is repeated");
}
for my $status (408, 425, 429, 500, 502, 503, 504)
{
	in_turn('/x', $status, $status, 200);
	is(tried({ retries => 5 }), 'success - 3 3', "$status is repeated, until it works");
	in_turn('/x', $status);
	like(tried({ retries => 2 }), qr/\A(?:failed|timeout) \w+ 3 3\z/, "$status is repeated as often as allowed");
}
$mock->forget;
my %broken = (
	'refused'          => [ "$closed/",          'failed network_error' ],
	'unresolved'       => [ 'http://no.invalid', 'failed network_error' ],
	'reset'            => [ "$url/reset",        'failed network_error' ],
	'closed'           => [ "$url/close-before", 'failed network_error' ],
	'cut in a header'  => [ "$url/close-mid-header", 'failed network_error' ],
	'cut in the body'  => [ "$url/close-mid-body",   'failed network_error' ],
	'no connection'    => [ "$silent/",          'timeout timeout' ],
	'no answer'        => [ "$url/hang",         'timeout timeout' ]);
for my $name (sort keys %broken)
{
	my $row = $s->run({ url => $broken{$name}[0], retries => 1, timeout_ms => 1000 });
	is("$row->{status} $row->{error_code} $row->{steps}[0]{attempts}", "$broken{$name}[1] 2", "$name is repeated");
}
# libcurl itself asks again when a kept connection turns out dead
cmp_ok(scalar $mock->requests($_), '>=', 2, "$_ was asked twice") for qw(/reset /close-before /close-mid-header /close-mid-body /hang);

# How often: the step, the definition, the connector.
in_turn('/x', 503);
is(tried({}, max_retries => 2), 'failed server_error 3 3', 'max_retries of the connector');
in_turn('/x', 503);
is(tried({ maxRetries => 1 }, max_retries => 5), 'failed server_error 2 2', 'a step\'s own counts before it');
in_turn('/x', 503);
my $row = $s->run({ retries => 1, steps => [ { url => "$url/x", continue_on_error => YES }, { url => "$url/x", retries => 4 } ] }, {}, max_retries => 3);
is(join(' ', map { $_->{attempts} } @{ $row->{steps} }), '2 5', 'a definition\'s counts for steps without');

# What is recorded: all attempts together, the last one's outcome.
in_turn('/x', 503, 429, 200);
$row = $s->run({ url => "$url/x", retries => 3 });
my $kept = $s->recorded_steps($row)->{step_1};
is_deeply([ @{$kept}{qw(status attempts http_status error_code)} ], [ 'success', 3, 200, undef ], 'an attempt that worked leaves nothing of those before it');
is(json_text($row->{output}), '{"n":200}', 'its reply is the output');
in_turn('/x', 503, 500);
$kept = $s->recorded_steps($s->run({ url => "$url/x", retries => 1 }))->{step_1};
is_deeply([ @{$kept}{qw(status attempts http_status error_code)} ], [ 'failed', 2, 500, 'server_error' ], 'the last failure counts');
is($s->ask(q(SELECT DISTINCT attempt FROM connector_executions)), 1, 'the execution itself is one attempt');
is($s->ask(qq(SELECT string_agg(status || ':' || coalesce(error_code, ''), ' ') FROM connector_test('{"url": "$url/status/503", "retries": 2}'))), 'failed:server_error', 'connector_test retries, too');

# The same bytes each time.
in_turn('/x', 503, 503, 200);
$s->run({ url => "$url/x", method => 'PUT', retries => 2, body => { id => '{{execution.id}}', now => '{{now}}' } });
my @bytes = map { $_->{raw} } $mock->requests('/x');
is("$bytes[0]|$bytes[0]", "$bytes[1]|$bytes[2]", 'every attempt sends the same request');

#
# When.
#

# waits REPLIES -- seconds between the requests the mock has seen at /x.
sub waits
{
	my @times = map { $_->{time} } $mock->requests('/x');
	return map { $times[$_] - $times[ $_ - 1 ] } 1 .. $#times;
}

in_turn('/x', '429/1', 200);
is(tried({ retries => 1 }), 'success - 2 2', 'Retry-After in seconds');
cmp_ok((waits())[0], '>=', 1, 'is waited for');
$mock->forget;
$mock->reply('/x', { status => 503, headers => [ 'Retry-After' => strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + 2)) ] }, { json => 1 });
my $at = time + 2;
is(tried({ retries => 1 }), 'success - 2 2', 'Retry-After as a date');
cmp_ok(($mock->requests('/x'))[1]{time}, '>=', $at - 1, 'is waited for');
$mock->reply('/x', { status => 503, headers => [ 'Retry-After' => 'Sun, 06 Nov 1994 08:49:37 GMT' ] }, { json => 1 });
$mock->forget;
is(tried({ retries => 1 }), 'success - 2 2', 'a date in the past is now');
$mock->reply('/x', { status => 429, headers => [ 'X-RateLimit-Reset' => 1 ] }, { json => 1 });
$mock->forget;
is(tried({ retries => 1 }), 'success - 2 2', 'a header that says when a limit ends');
cmp_ok((waits())[0], '>=', 1, 'is waited for');
for my $value ('soon', '-1', '', 'Mon, 32 Foo 2099', "1e9", "\xff")
{
	$mock->reply('/x', { status => 429, headers => [ 'Retry-After' => $value ] }, { json => 1 });
	$mock->forget;
	is(tried({ retries => 1 }), 'success - 2 2', 'a Retry-After that is none: ' . ($value =~ s/[^ -~]/?/gr));
}

# Beyond the deadline: at once.  The session would be cancelled long before the wait is over.
$s->ask(q(SET statement_timeout = '20s'));
for my $asked (100, 86_400, '99999999999999999999', 'Fri, 31 Dec 2199 23:59:59 GMT')
{
	$mock->reply('/x', { status => 429, headers => [ 'Retry-After' => $asked ] });
	$mock->forget;
	is(tried({ retries => 5 }), 'failed rate_limited 1 1', "a wait beyond the deadline is not begun: $asked");
}
raises({ retries => 5 }, 'NC006: connector "c\d+": the remote answered with HTTP status 429 \(retry after 86400 s\)\nDETAIL:  Code rate_limited', 'and is a rate limit');
$mock->reply('/x', { status => 429, headers => [ 'Retry-After' => 10 ] });
$mock->forget;
is(tried({ retries => 5, deadline_ms => 5000 }), 'failed rate_limited 1 1', 'a definition\'s deadline is one, too');
$s->ask(q(SET connector.max_execution_time = '5s'));
is(tried({ retries => 5, deadline_ms => 3_600_000 }), 'failed rate_limited 1 2', 'and the setting');
$s->ask(q(RESET connector.max_execution_time));
$s->ask(q(RESET statement_timeout));

#
# What may have taken effect is sent once.
#
my $post = sub { return { method => 'POST', body => { n => 1 }, @_ } };
for my $status (429, 503, 500, 408)
{
	in_turn('/x', $status, 200);
	like(tried($post->(retries => 5)), qr/\A(?:failed|timeout) \w+ 1 1\z/, "POST is not repeated after $status");
	in_turn('/x', $status, 200);
	like(tried($post->(method => 'PATCH', retries => 5)), qr/\A(?:failed|timeout) \w+ 1 1\z/, "nor is PATCH");
}
my %unknown = (
	'a lost connection' => [ '/close-before', 'closed the connection without a reply' ],
	'a reset'           => [ '/reset', 'connection to .* was lost' ],
	'no answer'         => [ '/hang', 'no complete reply from .* within 1000 ms' ]);
for my $name (sort keys %unknown)
{
	my ($path, $cause) = @{ $unknown{$name} };
	for my $method ($path eq '/hang' ? 'POST' : qw(POST PATCH))
	{
		$mock->forget;
		is(tried($post->(url => $url . $path, method => $method, retries => 5, timeout_ms => 1000)), 'failed unknown_outcome 1 1', "$method, $name: nobody knows");
	}
	raises($post->(url => $url . $path, retries => 5, timeout_ms => 1000),
		qr/NC020: connector "c\d+": the request was sent, and whether it took effect is not known: .*$cause.*\nDETAIL:  Code unknown_outcome, step "step_1"\./, "$name: with its own SQLSTATE");
}
$mock->forget;
is(tried($post->(url => "$url/close-before")), 'failed unknown_outcome 1 1', 'also without retries');
$mock->forget;
is(tried($post->(url => "$url/close-mid-body", retries => 5)), 'failed network_error 1 1', 'a reply that is cut after its status is an answer');
$row = $s->run({ deadline_ms => 1000, steps => [ $post->(url => "$url/hang") ] });
is(outcome($row), 'failed unknown_outcome step_1=failed', 'a deadline leaves the same doubt');
$row = $s->run({ steps => [ $post->(url => "$url/close-before", continue_on_error => YES), { url => "$url/ok", condition => q({{steps.step_1.error_code}} == 'unknown_outcome') } ] });
is(outcome($row), 'success - step_1=failed step_2=success', 'a definition can deal with it');

# A connection that was kept and turns out dead: libcurl must not send it again by itself.
$mock->forget;
$mock->reply('/keep', { json => 1 }, { raw => '', close => 1 });
is(tried({ url => "$url/keep" }), 'success - 1 1', 'a connection is there');
is(tried($post->(url => "$url/keep", retries => 5)), 'failed unknown_outcome 1 2', 'a POST on it that is lost was sent once');

# Unless provably no byte of it has left.
is((split / /, tried($post->(url => "$closed/", retries => 3)))[2], 4, 'a refused POST is repeated');
is(tried($post->(url => "$closed/", retries => 3)) =~ s/ \d+\z//r, 'failed network_error 4', 'and is no doubtful case');
is(tried($post->(url => "$silent/", retries => 1, timeout_ms => 5000)) =~ s/ \d+\z//r, 'timeout timeout 2', 'nor is one that found no connection');
is(tried($post->(url => 'http://no.invalid/', retries => 2)) =~ s/ \d+\z//r, 'failed network_error 3', 'nor one whose host does not resolve');
$mock->forget;
is(tried($post->(url => 'http://late.test:' . $mock->port . '/echo', retries => 2)), 'success - 2 1', 'a host that resolves at last gets it once');

#
# What its author calls repeatable.
#
for my $case ([ 'idempotent' => { idempotent => YES } ], [ 'with a key' => { idempotency_header => 'Idempotency-Key' } ])
{
	my ($name, $more) = @$case;
	for my $status (429, 503)
	{
		in_turn('/x', $status, 200);
		is(tried($post->(retries => 5, %$more)), 'success - 2 2', "POST, $name: repeated after $status");
	}
	$mock->reply('/lost', { raw => '', close => 1 }, { json => 1 });
	$mock->forget;
	is(tried($post->(url => "$url/lost", retries => 5, %$more)), 'success - 2 2', "POST, $name: repeated after a lost connection");
}
$mock->forget;
is(tried($post->(url => "$url/hang", retries => 1, timeout_ms => 1000, idempotent => YES)), 'timeout timeout 2 2', 'idempotent: repeated after a timeout, which leaves no doubt then');
in_turn('/x', 503, 200);
is(tried($post->(retries => 5, idempotent => NO)), 'failed server_error 1 1', 'idempotent false says nothing new');

# The key.
in_turn('/x', 503, 503, 200);
$row = $s->run({ retries => 5, steps => [ { %{ $post->(idempotency_header => 'Idempotency-Key') }, id => 'pay', url => "$url/x" }, { %{ $post->(idempotencyHeader => 'X-Once') }, id => 'note', url => "$url/x" } ] });
is(outcome($row), 'success - pay=success note=success', 'two steps with keys');
my @seen = $mock->requests('/x');
is(join(' ', map { $_->{headers}{'idempotency-key'} // '-' } @seen), join(' ', ("$row->{execution_id}:pay") x 3, '-'), 'a key is execution and step, the same on every attempt');
is($seen[3]{headers}{'x-once'}, "$row->{execution_id}:note", 'in the header the step names');
in_turn('/x', 503, 200);
is(tried($post->(retries => 1, idempotency_header => 'idempotency-key', headers => { 'Idempotency-Key' => 'of my own' })), 'success - 2 2', 'a header of that name in the definition');
is(join('|', map { $_->{headers}{'idempotency-key'} } $mock->requests('/x')), 'of my own|of my own', 'is the one that is sent');
in_turn('/x', 200);
is(tried({ idempotency_header => 'X-Key' }), 'success - 1 1', 'a GET may have a key');
like(($mock->requests('/x'))[0]{headers}{'x-key'}, qr/\A[0-9a-f-]{36}:step_1\z/, 'which is sent');

#
# Rules.
#

# ruled RULES, REPLY [, MORE] -- "status code attempts" with these rules, when the mock answers REPLY (and 200 after two of them).
sub ruled
{
	my ($rules, $reply, %more) = @_;
	$mock->forget;
	$mock->reply('/x', $reply, $reply, { json => { ok => YES } });
	my $row = $s->run({ url => "$url/x", error_rules => $rules, %more });
	return join ' ', $row->{status}, $row->{error_code} // '-', $row->{steps}[0]{attempts};
}

my $teapot = { status => 418, json => { error => { code => 'tea', list => [ 1, 2 ] }, ok => NO } };
my $slack  = { json => { ok => NO, error => 'ratelimited' } };
my @rules  = (
	# by status
	[ [ { status => 418, code => 'conflict' } ], $teapot, 'failed conflict 1', 'a status' ],
	[ [ { status => [ 417, 418 ], code => 'conflict' } ], $teapot, 'failed conflict 1', 'a list' ],
	[ [ { status => '400-418', code => 'conflict' } ], $teapot, 'failed conflict 1', 'a range' ],
	[ [ { status => '4xx', code => 'conflict' } ], $teapot, 'failed conflict 1', 'a class' ],
	[ [ { status => '418', code => 'conflict' } ], $teapot, 'failed conflict 1', 'a status as text' ],
	[ [ { status => [ '5xx', 417, '419-499' ], code => 'conflict' } ], $teapot, 'failed validation_failed 1', 'none of a list' ],
	# by content
	[ [ { path => '$.error.code', equals => 'tea', code => 'conflict' } ], $teapot, 'failed conflict 1', 'a value at a path' ],
	[ [ { path => '$.error.code', equals => 'coffee', code => 'conflict' } ], $teapot, 'failed validation_failed 1', 'another value' ],
	[ [ { path => 'error.code', code => 'conflict' } ], $teapot, 'failed conflict 1', 'anything at a dotted path' ],
	[ [ { path => '$.ok', code => 'conflict' } ], $teapot, 'failed validation_failed 1', 'false is not anything' ],
	[ [ { path => '$.nothing', code => 'conflict' } ], $teapot, 'failed validation_failed 1', 'nor is nothing' ],
	[ [ { path => '$.error.list[*]', equals => 2, code => 'conflict' } ], $teapot, 'failed conflict 1', 'any of several values' ],
	[ [ { path => '$.error', equals => { list => [ 1, 2 ], code => 'tea' }, code => 'conflict' } ], $teapot, 'failed conflict 1', 'an object' ],
	[ [ { contains => '"code":"tea"', code => 'conflict' } ], $teapot, 'failed conflict 1', 'a text in the body' ],
	[ [ { contains => 'TEA', code => 'conflict' } ], $teapot, 'failed validation_failed 1', 'in its own case' ],
	[ [ { status => 500, contains => 'tea', code => 'conflict' } ], $teapot, 'failed validation_failed 1', 'all that a rule names must hold' ],
	[ [ { status => 418, contains => 'coffee', code => 'conflict' } ], $teapot, 'failed validation_failed 1', 'all, also this way round' ],
	[ [ { contains => 'sorry', code => 'conflict' } ], { status => 500, body => '<p>sorry', headers => [ 'Content-Type' => 'text/html' ] }, 'failed conflict 1', 'a text in HTML' ],
	[ [ { path => '$.a', code => 'conflict' } ], { status => 400, body => '<p>', headers => [ 'Content-Type' => 'application/json' ] }, 'failed validation_failed 1', 'no path fits what is no JSON' ],
	[ [ { contains => 'x', code => 'conflict' } ], { status => 400, body => '' }, 'failed validation_failed 1', 'no text is in nothing' ],
	# of a success
	[ [ { path => '$.ok', equals => NO, code => 'permission_denied' } ], $slack, 'failed permission_denied 1', 'a success that is an error by its content' ],
	[ [ { path => '$.error', equals => 'ratelimited', action => 'fail' } ], $slack, 'failed validation_failed 1', 'without a code it is one of validation' ],
	[ [ { status => 200, path => '$.error', message => 'no' } ], $slack, 'failed validation_failed 1', 'also by its status' ],
	[ [ { status => '4xx', path => '$.error', code => 'conflict' } ], $slack, 'success - 1', 'not if another is named' ],
	[ [ { path => '$.error', equals => 'ratelimited', action => 'retry' } ], $slack, 'success - 3', 'Slack asks for patience' ],
	[ [ { path => '$.error', equals => 'ratelimited', action => 'rate_limited' } ], $slack, 'success - 3', 'in other words' ],
	# actions
	[ [ { status => 418, action => 'retry' } ], $teapot, 'success - 3', 'retry repeats what would not be' ],
	[ [ { status => 503, action => 'fail' } ], { status => 503 }, 'failed server_error 1', 'fail does not repeat what would be' ],
	[ [ { status => 503, code => 'conflict' } ], { status => 503 }, 'failed conflict 1', 'a code that is not worth it is not repeated' ],
	[ [ { status => 418, code => 'server_error' } ], $teapot, 'success - 3', 'a code that is worth it is' ],
	[ [ { status => 418, action => 'ignore' } ], $teapot, 'success - 1', 'ignore makes a success' ],
	# the first one
	[ [ { status => 418, code => 'conflict' }, { status => '4xx', action => 'ignore' } ], $teapot, 'failed conflict 1', 'the first that fits counts' ],
	[ [ { status => 500, code => 'conflict' }, { status => '4xx', action => 'ignore' } ], $teapot, 'success - 1', 'whatever stands before it' ]);
is(ruled($_->[0], $_->[1], retries => 2), $_->[2], "rule: $_->[3]") for @rules;

is(ruled([ { status => 418, action => 'retry' } ], $teapot, retries => 1), 'failed validation_failed 2', 'retry is bounded like others');
is(ruled([ { status => 418, action => 'rate_limited' } ], $teapot, retries => 1), 'failed rate_limited 2', 'and so is rate_limited, which has its code');
is(ruled([ { status => 418, action => 'retry', code => 'conflict' } ], $teapot, retries => 1), 'failed conflict 2', 'a code of its own stays');
is(ruled([ { status => 418, action => 'retry' } ], $teapot, retries => 2, method => 'POST', body => 1), 'success - 3', 'a rule that says retry repeats a POST: its author knows');
is(ruled([ { status => 418, action => 'rate_limited' } ], $teapot, retries => 2, method => 'POST', body => 1), 'success - 3', 'or rate_limited');
is(ruled([ { status => 418, code => 'server_error' } ], $teapot, retries => 2, method => 'POST', body => 1), 'failed server_error 1', 'a code alone does not');

# Rules of the definition stand behind the step's.
$mock->reply('/x', $teapot);
my $both = { error_rules => [ { status => 418, code => 'conflict' }, { status => 404, action => 'ignore' } ], steps => [
		{ url => "$url/x", error_rules => [ { status => 418, code => 'not_found' } ], continue_on_error => YES }, { url => "$url/status/404" }, { url => "$url/x" } ] };
$row = $s->run($both);
is(join(' ', map { $_->{error_code} // '-' } @{ $row->{steps} }), 'not_found - conflict', 'a definition\'s rules come after a step\'s');

# What becomes of it.
$row = $s->run({ url => "$url/x", error_rules => [ { status => 418, action => 'ignore' } ], output => '$.error.code' });
is("$row->{output} $row->{http_status}", 'tea 418', 'what is ignored has the reply as its output');
$mock->reply('/html', { status => 404, body => '<p>', headers => [ 'Content-Type' => 'application/json' ] });
is(json_text($s->run({ url => "$url/html", error_rules => [ { status => 404, action => 'ignore' } ] })->{output}), 'null', 'or null, if that cannot be read');
my %sqlstates = (conflict => 'NC005', rate_limited => 'NC006', unknown_outcome => 'NC020', credential_missing => 'NC019');
raises({ error_rules => [ { status => 418, code => $_ } ] }, qr/$sqlstates{$_}: .*\nDETAIL:  Code $_, step "step_1", HTTP status 418\./, "code $_ raises with its SQLSTATE") for sort keys %sqlstates;
raises({ error_rules => [ { status => 418, message => 'no coffee here' } ] }, qr/NC004: connector "c\d+": no coffee here\nDETAIL:  Code validation_failed, step "step_1", HTTP status 418\./, 'a message of its own');
is($s->ask("SELECT error_message FROM connector_try_execute('" . $s->save({ url => "$url/x", error_rules => [ { status => 418, message => '100%s {{input}}' } ] }) . "')"), '100%s {{input}}', 'which is no template');
$mock->reply('/x', $slack);
raises({ error_rules => [ { path => '$.ok', equals => NO, code => 'rate_limited' } ] },
	qr/NC006: connector "c\d+": the remote's reply is an error by its content\nDETAIL:  .* HTTP status 200\. The remote said: ratelimited/, 'a success that is none says what the remote said');
$row = $s->run({ url => "$url/x", error_rules => [ { path => '$.ok', equals => NO, code => 'rate_limited' } ] });
is(json_text($s->recorded_steps($row)->{step_1}{response}), '{"error":"ratelimited","ok":false}', 'and its reply is recorded');

#
# In groups.
#
$mock->reply('/flaky', { status => 503 }, { status => 503 }, { json => 1 });
$row = $s->run({ steps => [ { id => 'g', type => 'parallel', steps => [ { id => 'a', url => "$url/flaky", retries => 3 }, { id => 'b', url => "$url/ok" } ] } ] });
is(outcome($row) . " $row->{steps}[1]{attempts}", 'success - g=success a=success b=success 3', 'a step of a group is repeated by itself');

# A retry is pointless when a step beside it has ended the execution: /gate answers `again` after `bad` has failed.
sub beside
{
	my ($last, %bad) = @_;
	$mock->forget;
	my @steps = ({ id => 'bad', url => "$url/gate?status=404&opens=failed", %bad }, { id => 'again', url => "$url/gate?after=failed&status=503", retries => 3 });
	my $row = $s->run({ steps => [ { id => 'g', type => 'parallel', steps => [ $last ? reverse @steps : @steps ] } ] });
	return join ' ', outcome($row), map { $_->{attempts} } grep { $_->{id} eq 'again' } @{ $row->{steps} };
}
is(beside(0), 'failed not_found g=failed bad=failed again=failed 1', 'retries stop when a step beside has failed');
is(beside(1), 'failed not_found g=failed again=failed bad=failed 1', 'whose failure is what is reported, wherever it stands');
is(beside(0, continue_on_error => YES), 'failed server_error g=failed bad=failed again=failed 4', 'but not when that is passed over');

# Nor is a wait: the session would be cancelled long before this one is over.
$mock->reply('/wait', { status => 503, headers => [ 'Retry-After' => 50 ] });
$mock->forget;
my $waiting = $s->save({ steps => [ { id => 'g', type => 'parallel', steps => [ { id => 'again', url => "$url/wait", retries => 3 }, { id => 'bad', url => "$url/gate?after=go&status=404&opens=failed" },
				{ id => 'good', url => "$url/gate?after=failed" } ] } ] });
ok($s->hang("SET statement_timeout = '20s'; SELECT concat_ws(' ', status, error_code, (SELECT string_agg((e ->> 'id') || '=' || (e ->> 'status'), ' ') FROM jsonb_array_elements(steps) e), steps #> '{1,http_status}', steps #> '{1,attempts}') FROM connector_try_execute('$waiting')", sub { $mock->requests('/wait') == 1 }), 'a step waits for its retry');
$mock->open_gate('go');
like($s->ask('RESET statement_timeout'), qr/^failed not_found g=failed again=failed bad=failed good=success 503 1$/m, 'and does not go on waiting when one beside it has failed, while a request under way is waited for');

# Attempts of one step and requests of another take turns on one mux.
$mock->forget;
$mock->reply('/flaky', ({ status => 503 }) x 5, { json => 1 });
$row = $s->run({ steps => [ { id => 'g', type => 'parallel', steps => [ map { { id => $_, url => "$url/flaky", retries => 5 } } qw(a b c) ] } ] });
is($row->{status}, 'success', 'three that are repeated side by side');

#
# What is left of it all.
#
is($s->ask(q(SELECT count(*) FROM connector_executions WHERE error_code = 'internal')), 0, 'nothing was unexpected');
is($s->ask(q(SELECT count(*) FROM pg_backend_memory_contexts WHERE name IN ('connector call', 'connector execution'))), 0, 'no context is left');
$s->quit;
is($mock->output, '', 'the mock server had nothing to complain about');
ok(!$node->log_contains('(?:PANIC|FATAL|TRAP):|terminated by signal'), 'nothing bad in the server log');
done_testing();
