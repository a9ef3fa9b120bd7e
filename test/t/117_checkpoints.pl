# Checkpoints: what an execution that is gone on with by another process does again, what it does not, and what it
# leaves to a person; standing still, parking, aborting.  The processes that die are calls of connector_probe
# (src/sqlapi/engine_probe.c), which stop where they are told.
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use JSON::PP ();
use MockServer;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster(
	'main',
	'connector.max_parallel_steps' => 4,
	'connector.retry_delay'     => '1ms',
	'connector.retry_max_delay' => '1ms');
$node->safe_psql('app', q(SELECT connector_create_workspace('acme')));
my $s = ConnectorSession->new($node);

my $created = $s->ask(
	q(CREATE FUNCTION connector_probe(config jsonb, input jsonb, options jsonb) RETURNS jsonb LANGUAGE c STRICT AS 'connector', 'connector_probe'));
plan skip_all => 'the library was built without CN_TEST_POINTS' if $created =~ /could not find function/;
is($created, '', 'the probe is there');

#
# Helpers.
#

# probe DEFINITION [, OPTION => VALUE...] -- what connector_probe says of it; never raises.
sub probe
{
	my ($definition, %options) = @_;
	# what an earlier run was told to wait for is not for this one
	$s->ask("SELECT connector_circuit_reset('127.0.0.1:" . $mock->port . "')");
	$options{input} //= {};
	my $input = delete $options{input};
	my ($result) = $s->rows('SELECT connector_probe(' . join(', ', map { $s->literal($_) } $definition, $input, \%options) . ')');
	return $result;
}

# crash DEFINITION, STOP [, OPTION => VALUE...] -- the checkpoint of one that was left there.
sub crash
{
	my ($definition, $stop, %options) = @_;
	my $left = probe($definition, stop => $stop, %options);
	isnt($left->{state}, 3, "left at $stop") or diag json_text($left);
	return $left->{checkpoint};
}

# resume DEFINITION, CHECKPOINT [, OPTION => VALUE...] -- "status code steps" of going on with it.
sub resume
{
	my ($definition, $checkpoint, %options) = @_;
	return ended(probe($definition, checkpoint => $checkpoint, %options));
}

# ended RESULT -- "status code a=success:1 ...", with the attempts of the steps.
sub ended
{
	my ($row) = @_;
	return join ' ', $row->{status} // 'unfinished', $row->{code} // '-',
	  map { "$_->{id}=$_->{status}" . (defined $_->{attempts} ? ":$_->{attempts}" : '') } @{ $row->{steps} // [] };
}

# sent -- "a=1 b=2": how often each path but /hang was asked for.
sub sent
{
	my %count;
	$count{ substr $_->{path}, 1 }++ for $mock->requests;
	delete $count{hang};
	return join ' ', map { "$_=$count{$_}" } sort keys %count;
}

# answers PATH => REPLY... -- forgets what was seen; a list is one reply for each request.
sub answers
{
	my (%replies) = @_;
	$mock->forget;
	$mock->reply("/$_", ref $replies{$_} eq 'ARRAY' ? @{ $replies{$_} } : $replies{$_}) for keys %replies;
	return;
}

sub get_step  { my ($id, %more) = @_; return { id => $id, url => "$url/$id", %more }; }
sub post_step { my ($id, %more) = @_; return { id => $id, url => "$url/$id", method => 'POST', body => { id => $id }, %more }; }
sub group     { my ($id, @steps) = @_; return { id => $id, type => 'parallel', steps => \@steps }; }
sub steps     { my (@steps) = @_; return { steps => \@steps }; }

my @letters = qw(a b c d e x y);
answers(map { $_ => { json => { from => $_ } } } @letters);

# changed VALUE, SUB -- a deep copy, after SUB has changed it.
sub changed
{
	my ($value, $change) = @_;
	my $copy = JSON::PP->new->allow_nonref->decode(JSON::PP->new->allow_nonref->encode($value));
	$change->($copy);
	return $copy;
}

sub member { my ($checkpoint, $id) = @_; return (grep { $_->{id} eq $id } @{ $checkpoint->{steps} })[0]; }

#
# What cannot be read ends it; it is never raised, and nothing is sent.
#
my $three = steps(get_step('a'), post_step('b', body => '{{a.from}}'), get_step('c', url => "$url/c?{{b.from}}"));
my $good  = crash($three, 'step_over', stop_n => 2);
my %bad   = (
	'no object'              => sub { $_[0] = [1] },
	'a string'               => sub { $_[0] = 'x' },
	'null'                   => sub { $_[0] = undef },
	'nothing'                => sub { $_[0] = {} },
	'no version'             => sub { delete $_[0]{version} },
	'a version to come'      => sub { $_[0]{version} = 2 },
	'a version of words'     => sub { $_[0]{version} = 'one' },
	'no start'               => sub { delete $_[0]{started_at} },
	'a start before time'    => sub { $_[0]{started_at} = -9_223_372_036_854_775_808 },
	'a start after time'     => sub { $_[0]{started_at} = 9_223_372_036_854_775_807 },
	'a number too large'     => sub { $_[0]{steps}[0]{attempts} = 1e30 },
	'a number below nothing' => sub { $_[0]{steps}[0]{attempts} = -1 },
	'half a number'          => sub { $_[0]{steps}[0]{http_status} = 200.5 },
	'a key id that is none'  => sub { $_[0]{key_id} = 'me' },
	'no steps'               => sub { delete $_[0]{steps} },
	'steps in an object'     => sub { $_[0]{steps} = {} },
	'a step that is none'    => sub { $_[0]{steps}[0] = 7 },
	'a step without an id'   => sub { delete $_[0]{steps}[1]{id} },
	'a step without status'  => sub { delete $_[0]{steps}[1]{status} },
	'an unknown status'      => sub { $_[0]{steps}[1]{status} = 'done' },
	'a failure without code' => sub { $_[0]{steps}[1]{status} = 'failed' },
	'an unknown code'        => sub { @{ $_[0]{steps}[1] }{qw(status error_code message)} = qw(failed odd m) },
	'a flag of words'        => sub { $_[0]{steps}[1]{given_up} = 'yes' },
	'a text of numbers'      => sub { $_[0]{steps}[1]{url} = 1 });
$mock->forget;
for my $name (sort keys %bad)
{
	my $row = probe($three, checkpoint => changed($good, $bad{$name}), interrupted => YES);
	is(ended($row) . " done=$row->{done}", 'failed internal done=1', "$name");
	like($row->{message}, qr/\Athe checkpoint cannot be read: its "\w+" is not what it should be\z/, '... says what of it') if $name eq 'no version';
}
is(sent(), '', 'nothing was sent');
like(ended(probe($three, checkpoint => $bad{nothing}->(my $x = {}), stop => 'new', then => 'abort')), qr/\Acancelled /, 'one that cannot be read can be cancelled');

# Anything else: whatever was changed, it ends, with an outcome.
srand 117;
my $mixed = steps(get_step('a'), group('g', get_step('x', url => "$url/gate?after=never"), post_step('y'), post_step('b', url => "$url/gate?after=never")), get_step('c'));
my $rich = crash($mixed, 'progress', key_id => '11111111-2222-7333-8444-555555555555', payloads => YES);
my @junk = (undef, YES, -1, 0, 3, 1e18, '', 'success', 'failed', 'a', 'g', [], {}, [ { id => 'a' } ], { id => 'y' });
my %seen;
$mock->forget;
$mock->open_gate('never');
for my $n (1 .. 150)
{
	my $mutated = changed($rich, sub { mutate($_[0]) for 0 .. int rand 3 });
	my $row = probe($mixed, checkpoint => $mutated, rand(2) < 1 ? (interrupted => YES) : (), payloads => YES);
	my $how = $row->{code} // 'success';
	$seen{$how}++;
	fail("mutation $n: " . json_text($mutated) . ' gives ' . json_text($row)) if $how !~ /\A(?:success|internal|unknown_outcome|input_invalid)\z/ || $row->{done} != 1;
}
cmp_ok($seen{$_} // 0, '>', 0, "some mutations end as $_") for qw(success internal unknown_outcome);

# mutate VALUE -- changes something somewhere below it.
sub mutate
{
	my ($value) = @_;
	my @keys = ref $value eq 'HASH' ? sort keys %$value : 0 .. $#$value;
	return if !@keys;
	my $key   = $keys[ rand @keys ];
	my $place = ref $value eq 'HASH' ? \$value->{$key} : \$value->[$key];
	if    (ref $$place && rand(4) < 3 && ref $$place ne 'JSON::PP::Boolean') { mutate($$place) }
	elsif (rand(3) < 1 && ref $value eq 'HASH') { delete $value->{$key} }
	else                                        { $$place = changed($junk[ rand @junk ], sub { }) }
	return;
}

#
# Standing still.
#
$mock->forget;
my $row = probe($three, holds => undef);
is(ended($row) . "|$row->{holds}|$row->{done}", 'success - a=success:1 b=success:1 c=success:1||1', 'nobody asks: never');
is(probe($three)->{holds}, 'step_over! step_over', 'between steps; the first of them marks the request behind it, too');
is(probe($three, holds => [])->{holds}, 'step_over! sending! step_over', 'an owner that goes on is asked before the request again');
is(probe($three, holds => ['sending'])->{holds}, 'step_over! sending! step_over', 'or marks only there');
is(probe(steps(post_step('a'), get_step('b')))->{holds}, 'sending! step_over', 'a first request is to be marked');
is(probe(steps(post_step('a'), get_step('b')), marked => YES)->{holds}, 'step_over', 'unless it was');
is(probe(steps(post_step('a'), post_step('b'), post_step('c')), holds => ['sending'])->{holds}, 'sending! step_over! sending! step_over! sending!', 'a mark is for one step');
is(probe(post_step('a'))->{holds}, 'sending!', 'a definition of one step');
is(probe(get_step('a'))->{holds}, '', 'that may be repeated');
is(probe(post_step('a', idempotent => YES))->{holds}, '', 'by what its author says');
is(probe(post_step('a', idempotency_header => 'Key'))->{holds}, '', 'or by a key');
is(probe(post_step('a', condition => q({{input.x}} == 1)))->{holds}, '', 'a step that is skipped needs no mark');
is(probe(post_step('a', url => "$url/{{input.x}}"))->{holds}, '', 'nor one that cannot be made');
is(probe(steps(get_step('a'), get_step('b', condition => q({{a.from}} == 'x')), get_step('c')))->{holds}, 'step_over step_over', 'a skipped step is over, too');
is(probe(steps(get_step('a', url => "$url/status/404"), get_step('b')))->{holds}, '', 'a failed execution is not asked any more');

my $pair = steps(group('g', post_step('a'), get_step('x'), post_step('b')), get_step('c'));
like(probe($pair)->{holds}, qr/\Asending!(?: progress!?)* step_over\z/, 'a group asks once, before all of its requests');
is(probe(steps(group('g', get_step('x', url => "$url/{{input.x}}"), post_step('b'))))->{holds}, '', 'but not if it fails without one');
is(probe(steps(group('g', post_step('a'), get_step('x')), get_step('c')), stop => 'sending')->{in_flight}, 0, 'and none is sent before');

# Time does not stand still.
$mock->forget;
$row = probe({ deadline_ms => 1000, steps => [ get_step('a'), get_step('b') ] }, held_ms => 1100);
is(ended($row) . '|' . sent(), 'timeout timeout a=success:1 b=timeout:0|a=1', 'the deadline passes meanwhile');

#
# Going on: what is over is not done again, and can be read.
#
my $whole = steps(get_step('a'), group('g', get_step('x'), post_step('y', body => '{{a.from}}')), post_step('b', body => '{{g.y.from}}{{steps.a.status}}{{execution.id}}'), get_step('c', condition => q({{steps.x.http_status}} == 200), url => "$url/c?{{x.from}}"));
for my $n (1 .. 3)
{
	$mock->forget;
	my $left = probe($whole, stop => 'step_over', stop_n => $n, payloads => YES);
	$row = probe($whole, checkpoint => $left->{checkpoint}, id => $left->{id}, payloads => YES);
	is(ended($row) . '|' . sent(), 'success - a=success:1 g=success x=success:1 y=success:1 b=success:1 c=success:1|a=1 b=1 c=1 x=1 y=1', "behind step $n: each is sent once");
	is(json_text(($mock->requests('/b'))[0]{body}), json_text("\"ysuccess$left->{id}\""), 'later ones read the outputs of earlier ones, and the id is the same');
	is(($mock->requests('/c'))[0]{target}, '/c?x', 'outputs of a group, too');
}
my $first = probe($whole, payloads => YES, stop => 'step_over', stop_n => 2);
my $ended = probe($whole, payloads => YES, stop => 'step_over', stop_n => 2, then => 'abort', checkpoint => $first->{checkpoint}, id => $first->{id});
my $again = probe($whole, payloads => YES, checkpoint => $first->{checkpoint}, stop => 'new', then => 'abort');
is(json_text([ map { $_->{id} } @{ $again->{steps} } ]), '["a","g","x","y"]', 'the history has what earlier runs have done');
is(json_text($again->{steps}), json_text([ @{ $ended->{steps} }[ 0 .. 3 ] ]), 'as it was');
is(json_text($again->{checkpoint}{steps}), json_text($first->{checkpoint}{steps}), 'and so has the next checkpoint');
is($again->{started_at}, $first->{started_at}, 'it started when it first did');
my ($y) = grep { $_->{id} eq 'y' } @{ $again->{steps} };
is(json_text([ @{$y}{qw(request response)} ]), '["a",{"from":"y"}]', 'with requests and replies, where they are kept');
ok(!grep({ exists $_->{request} || exists $_->{response} } @{ probe($whole, checkpoint => $first->{checkpoint}, stop => 'new', then => 'abort')->{steps} }), 'and without, where they are not any more');
ok(!grep({ exists $_->{request_body} || exists $_->{reply} } @{ crash($whole, 'step_over', stop_n => 2)->{steps} }), 'or never were');

# An hour later: a new deadline, the same start.
my $old = changed($good, sub { $_[0]{started_at} -= 3600 * 1_000_000 });
$row = probe($three, checkpoint => $old);
is($row->{status}, 'success', 'another run has the whole of the time that is allowed');
cmp_ok($row->{time_ms}, '>=', 3_600_000, 'and is measured from the first start');
cmp_ok($row->{steps}[2]{started_ms}, '>=', 3_600_000, 'as are its steps');
is(probe($three, checkpoint => changed($good, sub { $_[0]{started_at} += 3600 * 1_000_000 }))->{status}, 'success', 'a clock that was put back does not matter');

# Failures that were passed over, and skipped steps.
my $lenient = steps(get_step('a', url => "$url/status/404", continue_on_error => YES), get_step('b', condition => '{{input.x}} == 1'), group('g', get_step('x', url => "$url/status/409", continue_on_error => YES), get_step('y')),
	get_step('c', url => "$url/c?{{steps.a.error_code}}{{steps.b.status}}{{steps.x.error_code}}{{y.from}}"));
my $kept = crash($lenient, 'step_over', stop_n => 3);
answers();
is(resume($lenient, $kept), 'success - a=failed:1 b=skipped g=success x=failed:1 y=success:1 c=success:1', 'failed and skipped steps stay so');
is(sent() . ' ' . ($mock->requests('/c'))[0]{target}, 'c=1 /c?not_foundskippedconflicty', 'and say how they ended');
is(member($kept, 'a')->{message}, 'the remote answered with HTTP status 404', 'with their messages');
is(resume(changed($lenient, sub { delete $_[0]{steps}[0]{continue_on_error} }), $kept), 'failed not_found a=failed:1 b=skipped g=success x=failed:1 y=success:1', 'a failure that is not passed over any more ends it');

# The result.
my $result = { steps => [ get_step('a'), get_step('b') ], result => { both => '{{a.from}}{{b.from}}' } };
is(json_text(probe($result, checkpoint => crash($result, 'step_over'))->{output}), '{"both":"ab"}', 'a result reads all of them');
my $last = steps(get_step('a'), get_step('b'));
is(json_text(probe(steps(get_step('a')), checkpoint => crash($last, 'step_over'))->{output}), '{"from":"a"}', 'the output of a last step that was over');
my $null = { steps => [ get_step('a', output => '$.nothing'), get_step('b') ], result => { a => '{{a}}' } };
is(json_text(probe($null, checkpoint => crash($null, 'step_over'))->{output}), '{"a":null}', 'an output that is null is one');

# Large payloads are cut where the history would cut them, outputs never.
$s->ask(q(SET connector.max_logged_payload = '1kB'));
answers(a => { json => { from => 'a', much => 'x' x 5000, other => 1 } });
my $large = steps(post_step('a', body => { much => 'y' x 5000 }, output => { much => 'much' }), get_step('b', url => "$url/b?{{a.much | length}}"));
my $cut = crash($large, 'step_over', payloads => YES);
like(json_text([ @{ member($cut, 'a') }{qw(request_body reply)} ]), qr/\A\[\{"_truncated":true,"bytes":\d+\},\{"_truncated":true,"bytes":\d+\}\]\z/, 'payloads are cut');
$row = probe($large, checkpoint => $cut, payloads => YES);
is(($mock->requests('/b'))[0]{target}, '/b?5000', 'outputs are not');
is(json_text($row->{steps}[0]{request}), json_text(member($cut, 'a')->{request_body}), 'and the history says so');
$s->ask(q(RESET connector.max_logged_payload));
answers(a => { json => { from => 'a' } });

#
# What may have been under way.
#
my $pays = steps(get_step('a'), post_step('b'), get_step('c', url => "$url/c?{{steps.b.error_code}}"));
my $before = crash($pays, 'step_over');
for my $case (
	[ 'POST', {}, 'failed unknown_outcome a=success:1 b=failed:1', '' ],
	[ 'PATCH', { method => 'PATCH' }, 'failed unknown_outcome a=success:1 b=failed:1', '' ],
	[ 'POST, and goes on', { continue_on_error => YES }, 'success - a=success:1 b=failed:1 c=success:1', 'c=1' ],
	[ 'POST, idempotent', { idempotent => YES }, 'success - a=success:1 b=success:1 c=success:1', 'b=1 c=1' ],
	[ 'POST, with a key', { idempotency_header => 'Key' }, 'success - a=success:1 b=success:1 c=success:1', 'b=1 c=1' ],
	[ 'PUT', { method => 'PUT' }, 'success - a=success:1 b=success:1 c=success:1', 'b=1 c=1' ],
	[ 'GET', { method => 'GET', body => undef }, 'success - a=success:1 b=success:1 c=success:1', 'b=1 c=1' ],
	[ 'POST that was not due', { condition => q({{a.from}} == 'z') }, 'success - a=success:1 b=skipped c=success:1', 'c=1' ])
{
	my ($name, $more, $outcome, $sent) = @$case;
	my $definition = changed($pays, sub { %{ $_[0]{steps}[1] } = (%{ $_[0]{steps}[1] }, %$more); delete $_[0]{steps}[1]{body} if !defined $_[0]{steps}[1]{body}; $_[0]{steps}[2]{url} =~ s/\?.*/?{{steps.b.status}}/ });
	$mock->forget;
	is(resume($definition, $before, interrupted => YES) . '|' . sent(), "$outcome|$sent", "interrupted: $name");
	next if $outcome !~ /unknown/;
	$mock->forget;
	is(resume($definition, $before) . '|' . sent(), 'success - a=success:1 b=success:1 c=success:1|b=1 c=1', '... is sent if nothing was under way');
}
$row = probe($pays, checkpoint => $before, interrupted => YES);
like($row->{message}, qr/\Athe process that ran it ended while the request may have been under way, and whether it took effect is not known\z/, 'it says why');
is(join(' ', @{ $row->{steps}[1] }{qw(method url error_code)}, $row->{failed_step}, $row->{holds}), "POST $url/b unknown_outcome b ", 'what may have been sent is recorded, and nobody is asked');
$mock->forget;
is(ended(probe(steps(post_step('a')), interrupted => YES)) . '|' . sent(), 'failed unknown_outcome a=failed:1|', 'a first step, without a checkpoint');
is(ended(probe(steps(get_step('a')), interrupted => YES)) . '|' . sent(), 'success - a=success:1|a=1', 'that may be repeated');
$mock->forget;
is(ended(probe($three, checkpoint => $good, interrupted => YES)) . '|' . sent(), 'success - a=success:1 b=success:1 c=success:1|c=1', 'a request that is over is not in doubt');
is(probe($pays, checkpoint => $before)->{holds}, 'sending! step_over', 'another run marks its own requests');
is(probe($pays, checkpoint => $before, marked => YES)->{holds}, 'step_over', 'unless its owner has');

# While it is under way: the checkpoint is that of the step before.
my $under_way = crash(changed($pays, sub { $_[0]{steps}[1]{url} = "$url/hang" }), 'b:sending');
is(json_text([ map { $_->{id} . ' ' . $_->{status} } @{ $under_way->{steps} } ]), '["a success","b begun"]', 'a request under way is not over');
is(member($under_way, 'b')->{attempts} // 0, 0, 'and no attempt that was made');
is(resume($pays, $under_way, interrupted => YES), 'failed unknown_outcome a=success:1 b=failed:1', 'it is in doubt');

#
# Groups: each step by itself.
#
# The runs that are left ask for /hang what the next ones ask for elsewhere: such a request may be seen late.
my $hang = "$url/hang";
my $gated = sub { return steps(get_step('a'), group('g', get_step('x'), post_step('y'), get_step('b', url => $_[0])), get_step('c', url => "$url/c?{{g.x.from}}{{y.from}}")) };
my $part = crash($gated->($hang), 'progress', stop_n => 2);
answers();
is(resume($gated->("$url/b"), $part, interrupted => YES) . '|' . sent(), 'success - a=success:1 g=success x=success:1 y=success:1 b=success:1 c=success:1|b=1 c=1', 'of a group that is partly over the rest is sent');
is(($mock->requests('/c'))[0]{target}, '/c?xy', 'and all can be read');
my $slow_post = sub { return steps(group('g', get_step('x'), post_step('y', url => $_[0])), get_step('c')) };
$part = crash($slow_post->($hang), 'progress');
answers();
is(resume($slow_post->("$url/y"), $part, interrupted => YES) . '|' . sent(), 'failed unknown_outcome g=failed x=success:1 y=failed:1|', 'one that must not be repeated is in doubt');
is(resume($slow_post->("$url/y"), $part) . '|' . sent(), 'success - g=success x=success:1 y=success:1 c=success:1|c=1 y=1', 'if it was under way');
answers();
is(ended(probe($slow_post->("$url/y"), interrupted => YES)) . '|' . sent(), 'failed unknown_outcome g=failed x=cancelled:0 y=failed:1|', 'without a checkpoint, all of the group that must not be repeated is');
my $conditional = sub { return steps({ %{ group('g', get_step('x'), get_step('y', url => $_[0])) }, condition => '{{input.go}} == 1' }) };
$part = crash($conditional->($hang), 'progress', input => { go => 1 });
is(resume($conditional->("$url/y"), $part, input => { go => 2 }), 'success - g=success x=success:1 y=success:1', 'a group that has begun goes on, whatever its condition would say now');
my $failing = sub { return steps(group('g', get_step('x', url => "$url/status/404"), get_step('y', url => $_[0]))) };
$part = crash($failing->($hang), 'progress');
answers();
is(resume($failing->("$url/y"), $part) . '|' . sent(), 'failed not_found g=failed x=failed:1 y=cancelled:0|', 'a step that ended the group ends it again, and nothing more is sent');
my $late = { deadline_ms => 1000, steps => [ group('g', get_step('x', url => "$url/hang", continue_on_error => YES), get_step('y')) ] };
$part = crash($late, 'progress');
is(json_text([ map { "$_->{id} $_->{status}" } @{ $part->{steps} } ]), '["g begun","x begun","y success"]', 'one that was left before its deadline');
$part = changed(probe($late)->{checkpoint}, sub { member($_[0], 'g')->{status} = 'begun' });
is(resume($late, $part), 'timeout timeout g=timeout x=timeout:1 y=success:1', 'a step that the deadline ended ends it again, though errors are passed over');

#
# Parked.
#
my $limited = { status => 429, headers => [ 'Retry-After' => 100 ] };
my $parks = steps(get_step('a'), get_step('b', retries => 2), get_step('c'));
answers(b => [ $limited, { json => { from => 'b' } } ]);
is(ended(probe($parks)), 'failed rate_limited a=success:1 b=failed:1', 'who cannot be parked fails');
answers(b => [ $limited, { json => { from => 'b' } } ]);
$row = probe($parks, may_park => YES);
is(join(' ', @{$row}{qw(status code failed_step http_status done message)}), 'parked rate_limited b 429 1 the remote answered with HTTP status 429 (retry after 100 s)', 'a wait beyond the deadline ends a run as parked');
ok($row->{park_s} == 100 || $row->{park_s} == 101, 'until the remote will listen');
is(member($row->{checkpoint}, 'b')->{status} . member($row->{checkpoint}, 'b')->{attempts}, 'begun1', 'with the attempts that were made');
is(resume($parks, $row->{checkpoint}, may_park => YES) . '|' . sent(), 'success - a=success:1 b=success:2 c=success:1|a=1 b=2 c=1', 'another run makes the next');
answers(b => $limited);
my $checkpoint;
for my $n (1 .. 3)
{
	$row = probe($parks, may_park => YES, $checkpoint ? (checkpoint => $checkpoint) : ());
	$checkpoint = $row->{checkpoint};
	is($row->{status}, $n < 3 ? 'parked' : 'failed', "attempt $n of three");
}
is(ended($row) . '|' . sent(), 'failed rate_limited a=success:1 b=failed:3|a=1 b=3', 'as many as are allowed, over all runs');
is(ended(probe(steps(post_step('b', retries => 2)), may_park => YES)), 'failed rate_limited b=failed:1', 'what is not repeated is not waited for');
answers();
is(ended(probe({ deadline_ms => 1000, steps => [ get_step('a', url => "$url/hang", retries => 3) ] }, may_park => YES)), 'timeout timeout a=timeout:1', 'time that is used up is no wait');
answers(b => [ $limited, { json => { from => 'b' } } ]);
my $promised = steps(post_step('b', retries => 2, error_rules => [ { status => 429, action => 'retry' } ]));
$row = probe($promised, may_park => YES);
is("$row->{status} $row->{holds}", 'parked sending!', 'a request that was not done, says a rule');
$row = probe($promised, may_park => YES, checkpoint => $row->{checkpoint});
is(ended($row) . " $row->{holds}", 'success - b=success:2 sending!', 'is marked anew');

# In groups: when nothing else is under way.
answers(x => [ $limited, { json => { from => 'x' } } ], y => { json => { from => 'y' }, delay_ms => 300 });
my $beside = steps(group('g', get_step('x', retries => 2), get_step('y')), get_step('c'));
$row = probe($beside, may_park => YES);
is("$row->{status} $row->{failed_step} " . member($row->{checkpoint}, 'y')->{status}, 'parked x success', 'steps beside it end first');
is(resume($beside, $row->{checkpoint}, may_park => YES) . '|' . sent(), 'success - g=success x=success:2 y=success:1 c=success:1|c=1 x=2 y=1', 'and are not sent again');
answers(x => $limited, y => { status => 429, headers => [ 'Retry-After' => 200 ], delay_ms => 100 });
for my $ids ([qw(x y)], [qw(y x)])
{
	$row = probe(steps(group('g', map { get_step($_, retries => 2) } @$ids)), may_park => YES);
	ok($row->{status} eq 'parked' && $row->{park_s} >= 199 && $row->{park_s} <= 201, "the longest wait counts: @$ids");
}
answers(x => $limited, y => { status => 404, delay_ms => 300, json => 1 });
is(ended(probe($beside, may_park => YES)), 'failed not_found g=failed x=failed:1 y=failed:1', 'a failure beside it ends the wait');
answers(x => { %$limited, delay_ms => 300 }, y => { status => 404, json => 1 });
is(ended(probe($beside, may_park => YES)), 'failed not_found g=failed x=failed:1 y=failed:1', 'or keeps it from beginning');
answers(map { $_ => { json => { from => $_ } } } @letters);

#
# Keys are the same in every run.
#
my $key  = steps(get_step('a'), post_step('b', idempotency_header => 'Key'));
my @ids  = map { sprintf '0192%04x-0000-7000-8000-000000000000', $_ } 1 .. 3;
my $keys = sub { return join ' ', map { $_->{headers}{key} } $mock->requests('/b') };
$mock->forget;
$row = probe($key, id => $ids[0], stop => 'step_over');
is($row->{id}, $ids[0], 'an id that is given is taken');
probe($key, id => $ids[0], checkpoint => $row->{checkpoint});
ok(!exists $row->{checkpoint}{key_id}, 'of its own there is nothing to keep');
probe($key, id => $ids[1], key_id => $ids[2]);
$row = probe($key, id => $ids[1], key_id => $ids[2], stop => 'step_over');
probe($key, id => $ids[1], checkpoint => $row->{checkpoint});
probe($key, id => $ids[1], checkpoint => $row->{checkpoint}, key_id => $ids[0]);
is($keys->(), "$ids[0]:b $ids[2]:b $ids[2]:b $ids[0]:b", 'the execution\'s id; one that is given; the checkpoint\'s; the one given before that');
isnt(probe($key)->{id}, probe($key)->{id}, 'without one it is new');

#
# A definition that has changed.
#
my $was = steps(get_step('a'), post_step('b'), get_step('c'), get_step('d'));
$kept = crash($was, 'step_over', stop_n => 3);
for my $case (
	[ 'unchanged',              $was, 'success - a=success:1 b=success:1 c=success:1 d=success:1', 'd=1' ],
	[ 'a step is gone',         steps(get_step('a'), get_step('c'), get_step('d')), 'success - a=success:1 c=success:1 d=success:1', 'd=1' ],
	[ 'the last ones are gone', steps(get_step('a')), 'success - a=success:1', '' ],
	[ 'one more at the end',    steps(get_step('a'), post_step('b'), get_step('c'), get_step('d'), get_step('e')), 'success - a=success:1 b=success:1 c=success:1 d=success:1 e=success:1', 'd=1 e=1' ],
	[ 'one more in front',      steps(get_step('e'), get_step('a'), get_step('c')), 'success - e=success:1 a=success:1 c=success:1', 'a=1 c=1 e=1' ],
	[ 'in front of what must not be repeated', steps(get_step('a'), get_step('e'), post_step('b'), get_step('c')), 'failed unknown_outcome a=success:1 e=success:1 b=failed:1', 'e=1' ],
	[ 'another order',          steps(get_step('c'), get_step('a')), 'success - c=success:1 a=success:1', '' ],
	[ 'into a group',           steps(get_step('a'), group('g', get_step('c'), get_step('d'))), 'success - a=success:1 g=success c=success:1 d=success:1', 'c=1 d=1' ],
	[ 'into a group, and must not be repeated', steps(get_step('a'), group('g', post_step('b'), get_step('c'))), 'failed unknown_outcome a=success:1 g=failed b=failed:1 c=cancelled:0', '' ],
	[ 'a step is a group now',  steps({ %{ group('a', get_step('x')) } }, get_step('c')), 'success - a=success x=success:1 c=success:1', 'c=1 x=1' ],
	[ 'all are others',         steps(get_step('x'), post_step('y')), 'success - x=success:1 y=success:1', 'x=1 y=1' ])
{
	my ($name, $definition, $outcome, $sent) = @$case;
	$mock->forget;
	my $result = probe($definition, checkpoint => $kept);
	is(ended($result) . '|' . sent(), "$outcome|$sent", "changed: $name");
	like($result->{message}, qr/\Aan earlier run of the execution may have sent the request, before the definition was changed\z/, '... says so') if $outcome =~ /unknown/;
}
$mock->forget;
my $front = steps(get_step('e'), get_step('a'), post_step('b'), get_step('c'));
my $twice = crash($front, 'step_over', checkpoint => $kept);
is(resume($front, $twice), 'failed unknown_outcome e=success:1 a=success:1 b=failed:1', 'the doubt is kept by further checkpoints');
is(resume(changed($front, sub { $_[0]{steps}[2]{idempotent} = YES }), $twice), 'success - e=success:1 a=success:1 b=success:1 c=success:1', 'unless the request may be repeated now');
$mock->forget;
is(resume(steps(get_step('e'), get_step('a'), post_step('b')), crash(steps(get_step('a'), post_step('b')), 'step_over'), interrupted => YES), 'failed unknown_outcome e=success:1 a=success:1 b=failed:1', 'what was under way is in doubt wherever it stands now');
my $grown = group('g', get_step('x'), get_step('y'));
$kept = crash(steps($grown, get_step('c')), 'step_over');
$mock->forget;
is(resume(steps(group('g', get_step('x'), get_step('y'), get_step('e')), get_step('c')), $kept) . '|' . sent(), 'success - g=success x=success:1 y=success:1 e=success:1 c=success:1|c=1 e=1', 'a group that has got another step: that one is sent');
$kept = crash(steps({ %$grown, condition => '{{input.x}} == 1' }, get_step('c')), 'step_over');
is(resume(steps({ %{ group('g', get_step('x'), get_step('y'), get_step('e')) }, condition => '{{input.x}} == 1' }, get_step('c')), $kept), 'success - g=skipped x=skipped y=skipped e=skipped c=success:1', 'but not of one that was skipped');

#
# Aborted.
#
my $aborts = steps(get_step('a'), post_step('b', url => "$url/hang"), get_step('c'));
for my $case (
	[ 'new', 'cancelled cancelled', 0 ],
	[ 'step_over', 'cancelled cancelled a=success:1', 1 ],
	[ 'b:sending', 'cancelled cancelled a=success:1 b=failed:1', 1 ])
{
	my ($stop, $outcome, $done) = @$case;
	$row = probe($aborts, stop => $stop, then => 'abort');
	is(ended($row) . "|$row->{done}|$row->{in_flight}", "$outcome|$done|0", "aborted: $stop");
}
is("$row->{steps}[1]{error_code} $row->{failed_step} $row->{steps}[1]{error_message}", 'unknown_outcome b the request was sent, and whether it took effect is not known: the execution was cancelled', 'a request under way leaves its doubt in the record');
is(ended(probe($aborts, holds => ['sending'], stop => 'sending', then => 'abort')), 'cancelled cancelled a=success:1 b=cancelled:0', 'aborted: before a request is sent');
is(ended(probe(steps(get_step('a', url => "$url/hang")), stop => 'a:sending', then => 'abort')), 'cancelled cancelled a=cancelled:1', 'aborted: one that may be repeated');
answers(x => { status => 503, headers => [ 'Retry-After' => 50 ] });
$row = probe(steps(get_step('x', retries => 1)), stop => 'x:waiting', then => 'abort');
is(ended($row), 'cancelled cancelled x=cancelled:1', 'aborted: between attempts');
my $busy = steps(group('g', get_step('x', retries => 1), get_step('a', url => "$url/hang"), post_step('b', url => "$url/hang"), get_step('c', condition => '{{input.x}} == 1')));
$row = probe($busy, stop => 'x:waiting', then => 'abort');
is(ended($row) . "|$row->{in_flight}|$row->{failed_step}|$row->{done}", 'cancelled cancelled g=cancelled x=cancelled:1 a=cancelled:1 b=failed:1 c=skipped|0|g|1', 'aborted: a group with all of that');
answers(x => $limited);
is(ended(probe($busy, may_park => YES, stop => 'x:parked', then => 'abort')), 'cancelled cancelled g=cancelled x=cancelled:1 a=cancelled:1 b=failed:1 c=skipped', 'aborted: one that is going to be parked');
is(ended(probe($busy, stop => 'sending', then => 'abort')), 'cancelled cancelled g=cancelled x=cancelled:0 a=cancelled:0 b=cancelled:0 c=skipped', 'aborted: a group of which nothing was sent');
answers(x => { json => { from => 'x' } });

# An error out of a callback.
for my $stop (qw(step_over sending progress))
{
	$row = probe(steps(get_step('a'), group('g', get_step('x'), post_step('b'), get_step('d', url => "$url/slow?ms=300")), get_step('c')), stop => $stop, then => 'raise', holds => [ $stop eq 'sending' ? 'sending' : 'step_over' ]);
	is("$row->{code} $row->{done} $row->{in_flight} " . ($row->{culprit} ? 'its own' : 'not its own'), 'internal 1 0 its own', "an error in $stop: it is known whose it was");
}
is(probe(steps(get_step('a')))->{status}, 'success', 'the next one runs');

#
# Secrets.
#
my $secret = 'sesame-0123456789-open';
$s->ask(qq(SELECT connector_credential_set('api', '{"token": "$secret"}', 'bearer', allowed_hosts => ARRAY['$url'])));
answers(a => { json => { from => $secret, my => 'own' } }, b => { json => { told => "it was $secret" } });
my $sealed = steps(get_step('a', credential => 'api'), get_step('b'), get_step('c', url => "$url/c?{{b.told}}"));
my $left = probe($sealed, stop => 'step_over', payloads => YES);
is(($mock->requests('/a'))[0]{headers}{authorization}, "Bearer $secret", 'a credential is used');
is(json_text(member($left->{checkpoint}, 'a')->{output}), '{"from":"[redacted]","my":"own"}', 'no value of it is in a checkpoint');
$row = probe($sealed, checkpoint => $left->{checkpoint}, payloads => YES);
unlike(json_text($row) . json_text($left), qr/sesame/, 'nor anywhere else');
is(($mock->requests('/c'))[0]{target}, '/c?it%20was%20%5Bredacted%5D', 'also if a remote tells it to a run that has not used it');

#
# What is left of it all.
#
is($s->ask(q(SELECT count(*) FROM pg_backend_memory_contexts WHERE name IN ('connector call', 'connector execution'))), 0, 'no context is left');
$s->quit;
is($mock->output, '', 'the mock server had nothing to complain about');
ok(!$node->log_contains('(?:PANIC|FATAL|TRAP):|terminated by signal'), 'nothing bad in the server log');
done_testing();
