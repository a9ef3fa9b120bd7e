# What a worker does with queued executions, one worker with a real queue: they are run once their transaction has
# committed, in their order, and end in the history; waiting for, cancelling, pausing and redriving them; what goes away
# while they wait.
#
# Workers look at everything only every ten minutes here, so whatever needs more than signals hangs.
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
	'connector.poll_interval'   => '10min',
	'connector.retry_delay'     => '1ms',
	'connector.retry_max_delay' => '1ms',
	'max_prepared_transactions' => 2);
$node->safe_psql('app', <<'SQL');
CREATE ROLE ann LOGIN;
CREATE ROLE bob LOGIN;
SELECT connector_create_workspace('acme', owner => 'ann'), connector_create_workspace('globex', owner => 'bob');
SELECT connector_maintain();
SQL
my %s = map { $_ => ConnectorSession->new($node) } qw(super ann other bob);
$s{$_}->ask('SET SESSION AUTHORIZATION ' . ($_ eq 'bob' ? 'bob' : 'ann')) for qw(ann other bob);
my ($s, $super) = @s{qw(ann super)};

#
# Helpers.
#

# brief ROW -- "status code step=status": what is over.
sub brief { my ($row) = @_; return outcome($row); }

# status ID -- of connector_executions.
sub status { my ($id) = @_; return $s->ask("SELECT status FROM connector_executions WHERE id = '$id'"); }

# becomes SQL, WANTED, NAME -- polls what the superuser sees.
sub becomes
{
	my ($sql, $wanted, $name) = @_;
	my $got;
	my $came = poll_until(sub { $got = $super->ask($sql); $got eq $wanted });
	return ok($came, $name) || diag "got: $got, wanted: $wanted";
}

sub runs { my ($id) = @_; return poll_until(sub { status($id) eq 'running' }); }

# came PATH [, N] -- true as soon as the server has got N requests for it.
sub came
{
	my ($path, $n) = @_;
	return poll_until(sub { $mock->requests($path) >= ($n // 1) });
}

# worked -- a worker has done what was queued until now: one that was queued after it is over.
my $nothing = $s->save({ url => "$url/ok?worked" });
sub worked { $s->ended($s->enqueue($nothing)); return; }

sub letter { my ($id, $columns) = @_; return $s->ask("SELECT $columns FROM connector_dead_letters WHERE id = '$id'"); }

#
# One, and what the history says of it.
#
my $echo = $s->save({ url => "$url/echo", method => 'POST', body => { n => '{{input.n}}' } });
my ($id, $row);
$s->ask(q(SET connector.correlation_id = 'order-17'));
$id  = $s->enqueue($echo, { n => 7 }, idempotency_key => q('first'));
$row = $s->ended($id);
$s->ask('RESET connector.correlation_id');
is(brief($row), 'success - step_1=success', 'a POST is run');
is($row->{output_data}{body}, '{"n":7}', '... with its input, and its output is kept');
is(join(' ', map { $_ // '-' } @$row{qw(attempt trigger executed_by correlation_id idempotency_key connector_name http_status)}),
	"1 async role:ann order-17 first $echo 200", '... with who, why and what for');
is($s->ask("SELECT created_at <= started_at AND started_at <= completed_at AND execution_time_ms > 0 FROM connector_executions WHERE id = '$id'"),
	't', '... and its times in their order');
is($row->{steps}[0]{attempts}, 1, 'in one attempt');
is($super->ask("SELECT count(*) FROM connector_queue"), '0', 'the queue is empty');
is($super->ask("SELECT count(*) FROM connector_dead_letters"), '0', 'there is no dead letter');
is($s{bob}->ask("SELECT count(*) FROM connector_executions"), '0', 'nobody else sees it');

my $several = $s->save({
	steps => [
		{ id => 'one', url => "$url/json?bytes=50" },
		{ id => 'two', type => 'parallel', steps => [ map { { id => $_, url => "$url/barrier?n=2&name=two" } } qw(a b) ] },
		{ id => 'three', url => "$url/echo", method => 'POST', body => { data => '{{one.data}}' } } ] });
$row = $s->ended($s->enqueue($several));
is(brief($row), 'success - one=success two=success a=success b=success three=success', 'several steps, some at the same time');
like($row->{output_data}{body}, qr/"data":"x+"/, 'a step sees what those before it gave');

my $refused = $s->save({ url => "$url/status/404" });
$id = $s->enqueue($refused, { secret => 1 });
is(brief($s->ended($id)), 'failed not_found step_1=failed', 'one that fails');
is(letter($id, 'connector_name, error_code, http_status, attempt, redriven_at IS NULL'), "$refused|not_found|404|1|t", '... is a dead letter');
like($s->ask("SELECT input FROM connector_dead_letters"), qr/permission denied/, 'whose input nobody may read');

my $flaky = $s->save({ url => "$url/flaky" }, max_retries => 3);
$mock->reply('/flaky', { status => 503 }, { status => 503 }, { json => { ok => YES } });
$row = $s->ended($s->enqueue($flaky));
is(brief($row) . " $row->{steps}[0]{attempts}", 'success - step_1=success 3', 'what may be retried is');

my @many = split /\n/, $s->ask("SELECT connector_execute_async_batch('$echo', array_agg(jsonb_build_object('n', n))) FROM generate_series(1, 300) n");
my @rows = $s->ended(@many);
is(join(' ', map { $_->{output_data}{body} } @rows), join(' ', map { qq({"n":$_}) } 1 .. 300), '300 of a batch, each with its own');

#
# Transactions.
#
$mock->forget;
my $seen = $s->save({ url => "$url/ok?seen" });
$s->ask('BEGIN');
$id = $s->enqueue($seen);
$s{other}->ended($s{other}->enqueue($nothing));
is(scalar(grep { $_->{target} =~ /seen/ } $mock->requests), 0, 'nothing is sent before the commit');
like($s->ask("SELECT connector_await('$id')"), qr/^ERROR:  55000: execution $id cannot end before this transaction does/m, 'nor can it be waited for');
$s->ask('ROLLBACK');
worked();
is(scalar(grep { $_->{target} =~ /seen/ } $mock->requests), 0, 'nor after a rollback');
$s->ask('BEGIN');
$id = $s->enqueue($seen);
$s->ask('SAVEPOINT a');
my $undone = $s->enqueue($seen);
$s->ask('ROLLBACK TO a');
$s->ask('COMMIT');
is(brief($s->ended($id)), 'success - step_1=success', 'it is after the commit');
worked();
is(scalar(grep { $_->{target} =~ /seen/ } $mock->requests), 1, 'but for what was undone within');
is($s->ask("SELECT count(*) FROM connector_executions WHERE id = '$undone'"), '0', 'which never was');

$mock->forget;
$s->ask('BEGIN');
my $prepared = $s->enqueue($seen);
is($s->ask(q(PREPARE TRANSACTION 'two')), '', 'a transaction is prepared');
worked();
is(scalar(grep { $_->{target} =~ /seen/ } $mock->requests), 0, 'nothing of it is sent');
$s->ask(q(COMMIT PREPARED 'two'));
$super->configure('connector.poll_interval' => '100ms');
is(brief($s->ended($prepared)), 'success - step_1=success', 'a worker that looks finds it');
$super->configure('connector.poll_interval' => '10min');

#
# Later.
#
$mock->forget;
$id = $s->enqueue($seen, {}, run_at => q(now() + '1 s'));
my $never = $s->enqueue($seen, {}, run_at => q(now() + '1 day'));
$row = $s->ended($id);
is(brief($row), 'success - step_1=success', 'what is to be run later is');
is($s->ask("SELECT started_at >= connector_id_time(id) AND created_at <= connector_id_time(id) - interval '900 ms' FROM connector_executions WHERE id = '$id'"),
	't', '... not before that');
is(status($never), 'pending', 'what is not due waits');
is($s->ask("SELECT due_at > now() + interval '23 h' FROM connector_executions WHERE id = '$never'"), 't', '... and says until when');
is($s->ask("SELECT connector_cancel('$never')"), 't', 'it can be cancelled');
is(brief($s->ended($never)), 'cancelled cancelled', '... and is over at once');

#
# Order: one at a time, by priority, then as they came.
#
$super->configure('connector.max_in_flight' => 1);
my $ordered = $s->save({ url => "$url/ok?n={{input.n}}" });
my $second  = $s->save({ url => "$url/ok?n={{input.n}}" });

# sent_order -- what n was sent.
sub sent_order { return join ' ', map { $_->{target} =~ /n=(\w+)/ ? $1 : () } $mock->requests; }

$mock->forget;
$s->ask('SELECT connector_pause()');
my @order = map { $s->enqueue($ordered, { n => "$_->[1]" }, priority => $_->[0]) } [ 9, 'h' ], [ 5, 'c' ], [ 5, 'd' ], [ 0, 'a' ], [ 5, 'e' ], [ 6, 'g' ], [ 1, 'b' ], [ 5, 'f' ];
worked_elsewhere();
is(sent_order(), '', 'paused, none is sent');
$s->ask('SELECT connector_resume()');
$s->ended(@order);
is(sent_order(), 'a b c d e f g h', 'the first priority first, and within one as they came');

# Another workspace has no pauses of acme's.
sub worked_elsewhere
{
	my $name = $s{bob}{elsewhere} //= $s{bob}->save({ url => "$url/ok?elsewhere" });
	$s{bob}->ended($s{bob}->enqueue($name));
	return;
}

$mock->forget;
$s->ask('SELECT connector_pause()');
@order = ((map { $s->enqueue($ordered, { n => "x$_" }) } 1 .. 4), (map { $s->enqueue($second, { n => "y$_" }) } 1 .. 2));
# Else the last may be looked at when the pause is over already, and before the worker is told that it is.
worked_elsewhere();
$s->ask('SELECT connector_resume()');
$s->ended(@order);
like(sent_order(), qr/\A(?:x1 y1 x2 y2|y1 x1 y2 x2) x3 x4\z/, 'connectors of one priority take turns');

# A backlog of one workspace, and one of another.
$mock->forget;
my $single = $s{bob}->save({ url => "$url/ok?n=bob" });
my $gate   = $s->save({ url => "$url/gate?after=backlog" });
my $first  = $s->enqueue($gate);
came('/gate');
@many = split /\n/, $s->ask("SELECT connector_execute_async_batch('$ordered', array_agg(jsonb_build_object('n', n))) FROM generate_series(1, 100) n");
my $lone = $s{bob}->enqueue($single);
$mock->open_gate('backlog');
$s{bob}->ended($lone);
$s->ended($first, @many);
my ($place) = grep { (split ' ', sent_order())[$_] eq 'bob' } 0 .. 100;
cmp_ok($place, '<=', 2, 'a backlog does not keep another workspace back');
$super->configure('connector.max_in_flight' => 1000);

#
# The same key is the same execution.
#
$mock->forget;
my @same = map { $s->enqueue($echo, { n => 1 }, idempotency_key => q('once')) } 1 .. 3;
$s->ended($same[0]);
push @same, $s->enqueue($echo, { n => 1 }, idempotency_key => q('once'));
worked();
is(scalar(grep { $_ eq $same[0] } @same), 4, 'an idempotency key gives the same execution');
is(scalar $mock->requests('/echo'), 1, 'which runs once');
isnt($s{bob}->enqueue($s{bob}->save({ url => "$url/ok" }), {}, idempotency_key => q('once')), $same[0], 'that of another workspace is another one');

#
# Waiting for one.
#
$mock->forget;
my $waits = $s->save({ url => "$url/gate?after=await" });
$id = $s->enqueue($waits);
came('/gate');
is($s{other}->ask("SELECT status, completed FROM connector_await('$id', '1 ms') r, LATERAL (SELECT r.execution_time_ms IS NOT NULL AS completed) c"),
	'running|f', 'when the time is over it still runs');
ok($s{other}->hang("SELECT status, error_code, output FROM connector_await('$id', NULL)", sub { 1 }), 'another session waits for it');
$mock->open_gate('await');
my $waiting = $s{other}{psql};
ok(poll_until(sub { $waiting->{run}->pump_nb; $waiting->{stdout} =~ /success\|\|\{"ok": true\}/ }), '... and is told when it is over') or diag $waiting->{stdout}, $waiting->{stderr};
$s{other}->ask('SELECT 1');    # in step again
is($s{other}->ask("SELECT status FROM connector_await('$id')"), 'success', 'what is over is told at once');
like($s{bob}->ask("SELECT connector_await('$id')"), qr/^ERROR:  42704: /, 'not to another workspace');

$s{other}->ask('LISTEN connector_execution');
my @told = ($s->enqueue($seen, {}, notify => 'true'), $s->enqueue($refused, {}, notify => 'true'));
$s->ended(@told, $s->enqueue($seen));
my $heard = '';
ok(poll_until(sub { $heard .= $s{other}->ask('SELECT 1'); 2 == (() = $heard =~ /Asynchronous/g) }), 'who listens hears of those that were to be told');
like($heard, qr/"connector_execution" with payload "\{"execution_id": "$told[0]", "status": "success"\}"/, 'of a success');
like($heard, qr/"connector_execution" with payload "\{"execution_id": "$told[1]", "status": "failed"\}"/, 'and a failure');
$s{other}->ask('UNLISTEN *');

#
# Cancelling.
#
$mock->forget;
$s->ask("SELECT connector_pause('$seen')");
$id = $s->enqueue($seen);
like($s{bob}->ask("SELECT connector_cancel('$id')"), qr/^ERROR:  42704: /, 'not by another workspace');
is($s->ask("SELECT connector_cancel('$id')"), 't', 'one that waits is cancelled');
is(brief($s->ended($id)), 'cancelled cancelled', '... without having run');
is($s->ask("SELECT connector_cancel('$id')"), 'f', 'only once');
$s->ask("SELECT connector_resume('$seen')");
worked();
is(scalar(grep { $_->{target} =~ /seen/ } $mock->requests), 0, 'and is not sent when the pause is over');

for my $method ('GET', 'POST')
{
	$mock->forget;
	$id = $s->enqueue($s->save({ url => "$url/hang", method => $method }));
	came('/hang');
	is($s->ask("SELECT connector_cancel('$id')"), 't', "a $method under way is cancelled");
	$row = $s->ended($id);
	is("$row->{status} $row->{error_code} $row->{error_message}", 'cancelled cancelled the execution was cancelled while it ran', '... and over');
	ok(poll_until(sub { $mock->hung_up == 1 }), '... its connection closed');
	is(letter($id, 'id'), '', 'it is no dead letter');
}
$mock->forget;
$id = $s->enqueue($s->save({ steps => [ { id => 'done', url => "$url/ok" }, { id => 'hangs', url => "$url/hang" }, { id => 'not', url => "$url/ok" } ] }));
came('/hang');
$s->ask("BEGIN; SELECT connector_cancel('$id')");
worked_elsewhere();
is($s{other}->ask("SELECT status FROM connector_executions WHERE id = '$id'"), 'running', 'a cancel that is not committed does nothing');
$s->ask('ROLLBACK');
worked();
is(status($id), 'running', 'nor one that is rolled back');
$s->ask("SELECT connector_cancel('$id')");
like(brief($s->ended($id)), qr/\Acancelled cancelled done=success hangs=cancelled(?: not=skipped)?\z/, 'what was done before a cancel is told');

#
# Pausing.
#
$s->ask(qq|SELECT connector_credential_set('crm', '{"token": "a-token-of-crm"}', 'bearer', allowed_hosts => ARRAY['$url'])|);
my %with = (crm => $s->save({ url => "$url/ok?crm", credential => 'crm' }), other => $s->save({ url => "$url/ok?other" }));

# held PAUSE, RESUME, HELD, GOING -- what that holds back, and what it does not.
sub held
{
	my ($what, $held, $going) = @_;
	$mock->forget;
	is($s->ask("SELECT connector_pause($what)"), '', "paused: $what");
	my $back = $s->enqueue($held);
	$s->ended($s->enqueue($going)) if $going;
	worked_elsewhere();
	is(status($back), 'pending', '... holds back');
	like($s->ask("SELECT paused_by, kind FROM connector_pauses"), qr/\Arole:ann\|\w+\z/, '... says who did it');
	is(brief($s->run_saved($held)), 'success - step_1=success', '... a call that is not queued goes on');
	is($s->ask("SELECT connector_resume($what)"), 't', 'resumed');
	is(brief($s->ended($back)), 'success - step_1=success', '... it goes on');
	return;
}
held("'$with{crm}'",       $with{crm}, $with{other});
held(q(service => 'crm'), $with{crm}, $with{other});
held('',                   $with{crm});

$id = $s->enqueue($waits);
came('/gate');
$s->ask('SELECT connector_pause()');
$mock->open_gate('await');
is(brief($s->ended($id)), 'success - step_1=success', 'what runs when a pause begins goes on');
$s->ask('SELECT connector_resume()');

#
# A connector that is disabled, changed or deleted meanwhile.
#
$mock->forget;
$s->ask("SELECT connector_pause()");
my @queued = map { $s->enqueue($_) } @with{qw(crm other)}, $second;
$s->ask("SELECT connector_set_enabled(ARRAY['$with{crm}'], false)");
$s->ask("DELETE FROM connectors WHERE name = '$with{other}'");
$s->ask("UPDATE connectors SET config = '{\"url\": \"$url/ok?changed\"}' WHERE name = '$second'");
$s->ask('SELECT connector_resume()');
$row = $s->ended($queued[1]);
is("$row->{status} $row->{error_code} $row->{error_message}", 'failed config_invalid the connector was deleted while the execution was queued', 'a connector that was deleted');
is(letter($queued[1], 'error_code'), 'config_invalid', '... is a dead letter');
is($s->ended($queued[2])->{connector_version}, 2, 'one that was changed runs as it is now');
is(scalar(grep { $_->{target} =~ /changed/ } $mock->requests), 1, '... with its new address');
worked();
is(status($queued[0]), 'pending', 'one that is disabled waits');
$s->ask("SELECT connector_set_enabled(ARRAY['$with{crm}'], true)");
is(brief($s->ended($queued[0])), 'success - step_1=success', '... until it is enabled');

#
# Again.
#
sub post_step { my ($step, %more) = @_; return { id => $step, url => "$url/$step", method => 'POST', body => { step => $step }, %more }; }
my $chain = $s->save({ steps => [ post_step('one'), post_step('two', body => '{{one}}'), post_step('three') ] });

# failed_at_two -- an execution whose second step was refused; the server has forgotten what it saw since.
sub failed_at_two
{
	my ($name) = @_;
	$mock->reply('/one', { json => { from => 'one' } });
	$mock->reply('/two', { status => 422, json => { why => 'no' } });
	$mock->reply('/three', { json => { from => 'three' } });
	my $failed = $s->enqueue($name // $chain, {}, priority => 3);
	$s->ended($failed);
	$mock->forget;
	$mock->reply('/two', { json => { from => 'two' } });
	return $failed;
}
sub sent { return join ' ', map { substr $_->{path}, 1 } grep { $_->{method} eq 'POST' } $mock->requests; }

my $failed = failed_at_two();
is(letter($failed, 'failed_step, error_code'), 'two|validation_failed', 'the second step was refused');
my $again = $s->ask("SELECT connector_retry('$failed')");
$row = $s->ended($again);
is(brief($row), 'success - one=success two=success three=success', 'retried, it comes to its end');
is(sent(), 'two three', '... behind the step that was done');
is((grep { $_->{path} eq '/two' } $mock->requests)[0]{body}, '{"from":"one"}', '... whose output is still known');
is(join(' ', @$row{qw(attempt trigger executed_by)}), '2 retry role:ann', '... as a second attempt');
is(letter($failed, 'redriven_as, redriven_by'), "$again|role:ann", 'the dead letter says what became of it');
like($s->ask("SELECT connector_retry('$failed')"), qr/^ERROR:  55000: execution $failed was queued again already/m, 'which happens once');
$failed = failed_at_two();
$s->ended($s->ask("SELECT connector_retry('$failed', from_start => true)"));
is(sent(), 'one two three', 'from the start it does all of it');
$failed = failed_at_two();
$mock->reply('/two', { status => 422, json => {} }, { json => {} });
$again = $s->ask("SELECT connector_retry('$failed')");
$s->ended($again);
$again = $s->ask("SELECT connector_retry('$again')");
is(join(' ', @{ $s->ended($again) }{qw(status attempt)}), 'success 3', 'one that fails again can be retried again');
is(sent(), 'two two three', '... and still does not repeat what is done');

$failed = failed_at_two() for 1 .. 3;
$s->ask(q(SELECT connector_dead_letter_discard(until => now() - interval '1 day')));
like($s->ask("SELECT connector_redrive('$chain', error_code => 'validation_failed')"), qr/\A[3-9]\z/, 'redriven, all of a connector with an error');
becomes("SELECT count(*) FROM connector_dead_letters d JOIN connector_history h ON h.id = d.redriven_as WHERE h.status = 'success'", '6', '... and all end');

# With a key of its own a request may be sent again; the remote gets the same one as long as it may have done it.
for my $case ([ 'nothing was heard', { raw => '', close => YES }, 'network_error', 1 ], [ 'the remote stumbled', { status => 503 }, 'server_error', 1 ],
	[ 'it was refused', { status => 422 }, 'validation_failed', 0 ])
{
	my ($what, $reply, $code, $same) = @$case;
	for my $from_start ('false', 'true')
	{
		$mock->forget;
		my $keyed = $s->save({ steps => [ { id => 'pay', url => "$url/pay", method => 'POST', body => {}, idempotency_header => 'Idempotency-Key' } ] }, max_retries => 0);
		$mock->reply('/pay', $reply, $reply, { json => { paid => YES } });
		$id = $s->enqueue($keyed);
		is(brief($s->ended($id)), "failed $code pay=failed", "a payment: $what");
		$again = $s->ask("SELECT connector_retry('$id', from_start => $from_start)");
		$s->ended($again);
		my $more = $s->ask("SELECT connector_retry('$again')");
		is(brief($s->ended($more)), 'success - pay=success', '... until it goes well');
		my @keys = map { $_->{headers}{'idempotency-key'} } $mock->requests('/pay');
		is(join(' ', @keys), join(' ', map { "$_:pay" } $same ? ($id, $id, $id) : ($id, $again, $more)), $same ? '... with one key' : '... with another key each time');
	}
}
my $blind = $s->save({ url => "$url/blind", method => 'POST', body => {} }, max_retries => 3);
$mock->reply('/blind', { raw => '', close => YES }, { json => {} });
$id = $s->enqueue($blind);
is(brief($s->ended($id)), 'failed unknown_outcome step_1=failed', 'one without a key is not sent twice by itself');
is(brief($s->ended($s->ask("SELECT connector_retry('$id')"))), 'success - step_1=success', '... but when somebody says so');

#
# Nothing is left behind.
#
worked();
my ($worker) = split /\n/, $super->ask(q(SELECT pid FROM connector_worker_stats WHERE database = 'app'));
is($super->ask('SELECT in_flight, deferred, errors FROM connector_worker_stats'), '0|0|0', 'an idle worker has nothing in flight and met no errors');
is($super->ask('SELECT count(*) FROM connector_queue'), '0', 'nothing is queued');
my $mark = -s $node->logfile;
$super->ask("SELECT pg_log_backend_memory_contexts($worker)");
ok(poll_until(sub { slurp_file($node->logfile, $mark) =~ /Grand total/ }), 'its memory');
my $contexts = slurp_file($node->logfile, $mark);
unlike($contexts, qr/connector execution/, '... has no execution');
my ($life) = $contexts =~ /level: 1; connector worker: (\d+) total/;
cmp_ok($life, '<', 1 << 20, '... and not much else');
is($super->ask(q(SELECT count(*) FROM pg_stat_activity WHERE pid = ) . $worker . q( AND state = 'idle' AND xact_start IS NULL)), '1', 'it sits outside of transactions');
unlike(slurp_file($node->logfile), qr/(?:PANIC|FATAL):|TRAP|LOG:  connector worker: /, 'the log has nothing to complain of');

$_->quit for values %s;
done_testing();
