# A call that hangs ends at once when its session is told to: by statement_timeout, a cancel, a termination or a
# fast shutdown, whatever it hangs in.  After a cancel the session works, and nothing is left behind.
#
# Remotes hang for a minute.  Within five seconds means: not by their end; what it really took is noted.
use strict;
use warnings;
use ConnectorTest;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Socket::INET;
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use constant PROMPT => 5;    # seconds

my $mock = MockServer->start;
my $url  = $mock->url;

# Nobody accepts: the kernel takes connections until its queue is full and then leaves them unanswered.
my $silent = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1') or die "cannot listen: $!";
my $full   = IO::Socket::INET->new(Listen => 1,  LocalAddr => '127.0.0.1') or die "cannot listen: $!";
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

my $node  = new_cluster('main', start => 0, 'connector.connect_timeout' => '60s');
my $hosts = $node->basedir . '/hosts';
my $fake  = $node->basedir . '/fake_getaddrinfo.so';
append_to_file($hosts, "hanging.test hang\n");
system_or_bail('cc', '-shared', '-fPIC', '-o', $fake, dirname(abs_path(__FILE__)) . '/../lib/fake_getaddrinfo.c', '-ldl');

sub start_node
{
	local %ENV = %ENV;
	$ENV{LD_PRELOAD} = $fake;
	$ENV{FAKE_HOSTS} = $hosts;
	$node->start;
	return;
}
start_node();
create_database($node, 'app');

my @phases = (
	[ 'resolving'  => 'http://hanging.test/' ],
	[ 'connecting' => 'http://127.0.0.1:' . $full->sockport . '/' ],
	[ 'handshake'  => 'https://127.0.0.1:' . $silent->sockport . '/' ],
	[ 'waiting'    => "$url/hang" ],
	[ 'headers'    => "$url/half-header" ],
	[ 'dribble'    => "$url/drip?ms=100&bytes=600" ],
	[ 'redirected' => "$url/redirect?to=/hang" ]);
$node->safe_psql('app', q(SELECT connector_create_workspace('acme')));
$node->safe_psql('app', qq(INSERT INTO connectors (name, timeout_ms, config) VALUES ('$_->[0]', 60000, '{"url": "$_->[1]"}')))
  for @phases, [ good => "$url/ok" ];

my $control = $node->background_psql('postgres');

# A session that is given statements without waiting for them.
sub new_session
{
	my $session = $node->background_psql('app', on_error_stop => 0);
	$session->query_safe('\set VERBOSITY verbose');
	$session->{pid} = $session->query_safe('SELECT pg_backend_pid()');
	return $session;
}

# hang SESSION, SQL -- gives it a statement and returns when its backend waits for the remote.
sub hang
{
	my ($session, $sql) = @_;
	$session->{stdout} = $session->{stderr} = '';
	$session->{stdin} .= "$sql;\n";
	$session->{run}->pump_nb;
	my $waits = "SELECT wait_event_type = 'Extension' AND state = 'active' FROM pg_stat_activity WHERE pid = $session->{pid}";
	return poll_until(sub { $session->{run}->pump_nb; $control->query_safe($waits) eq 't' }, 20);
}

# ends SESSION, PATTERN -- seconds until it reports that, undef if it does not.
sub ends
{
	my ($session, $pattern) = @_;
	my $started = time;
	while (time - $started < 30)
	{
		return time - $started if $session->{stderr} =~ $pattern;
		eval { $session->{run}->pump_nb; 1 } or last;
		select undef, undef, undef, 0.001;
	}
	return $session->{stderr} =~ $pattern ? time - $started : undef;
}

sub prompt
{
	my ($seconds, $what) = @_;
	ok(defined $seconds && $seconds < PROMPT, $what);
	note sprintf '%s: %.0f ms', $what, $seconds * 1000 if defined $seconds;
	return;
}

sub descriptors
{
	my ($pid) = @_;
	opendir my $dir, "/proc/$pid/fd" or die "/proc/$pid/fd: $!";
	return scalar grep { !/^\./ } readdir $dir;
}

sub works
{
	my ($session, $what) = @_;
	$session->{stderr} = $session->{stdout} = '';
	my $output = $session->query(q(SELECT pg_backend_pid(), connector_execute('good')));
	is($output . $session->{stderr}, $session->{pid} . '|{"ok": true}', $what);
	return;
}

#
# Cancelled, in one session, one after the other.
#
my $session = new_session();
works($session, 'the session works');
my $descriptors = descriptors($session->{pid});
for my $function (qw(connector_execute connector_try_execute))
{
	for my $phase (map { $_->[0] } @phases)
	{
		ok(hang($session, "SELECT $function('$phase')"), "$function, $phase: it hangs");
		$control->query_safe("SELECT pg_cancel_backend($session->{pid})");
		prompt(ends($session, qr/ERROR:  57014: canceling statement due to user request/), "$function, $phase: a cancel ends it");
		works($session, "$function, $phase: the session works");
	}
}
for my $phase (map { $_->[0] } @phases)
{
	$session->{stderr} = $session->{stdout} = '';
	my $started = time;
	$session->query("SET statement_timeout = '300ms'; SELECT connector_execute('$phase'); SET statement_timeout = 0");
	my $seconds = time - $started;
	like($session->{stderr}, qr/ERROR:  57014: canceling statement due to statement timeout/, "$phase: statement_timeout");
	prompt($seconds, "$phase: statement_timeout ends it");
	works($session, "$phase: the session works after statement_timeout");
}

# Within a transaction, and within a function that catches what it can.
$session->query('BEGIN; SAVEPOINT s');
ok(hang($session, q(SELECT connector_execute('waiting'))), 'in a subtransaction: it hangs');
$control->query_safe("SELECT pg_cancel_backend($session->{pid})");
prompt(ends($session, qr/57014/), 'in a subtransaction: a cancel ends it');
$session->query('ROLLBACK TO s');
works($session, 'and the transaction goes on');
$session->query('COMMIT');
ok(hang($session, q(DO $$BEGIN PERFORM connector_try_execute('dribble'); EXCEPTION WHEN OTHERS THEN RAISE NOTICE 'caught'; END$$)), 'in a handler: it hangs');
$control->query_safe("SELECT pg_cancel_backend($session->{pid})");
prompt(ends($session, qr/57014/), 'in a handler: a cancel ends it all the same');
unlike($session->{stderr}, qr/caught/, 'and is not caught');
works($session, 'the session works');

# A resolver's thread keeps its pair of sockets until the name server answers; nothing else may stay.
my $resolving = 2 * 3;
my $left = descriptors($session->{pid}) - $descriptors;
note "descriptors: $left more than before";
cmp_ok($left, '<=', $resolving, 'descriptors are as before, but for those of hanging resolvers');
is( $node->safe_psql('app', q(SELECT count(*) FROM connector_executions WHERE connector_name <> 'good')), 0, 'a cancelled call is not recorded');
is( $node->safe_psql('app', q(SELECT sum(total_executions) FROM connector_stats() WHERE name <> 'good')), 0, 'nor counted');

# Without hanging resolvers there is nothing at all.
my $second = new_session();
works($second, 'a second session works');
$descriptors = descriptors($second->{pid});
for my $phase (grep { $_ ne 'resolving' } map { $_->[0] } @phases)
{
	hang($second, "SELECT connector_execute('$phase')");
	$control->query_safe("SELECT pg_cancel_backend($second->{pid})");
	ok(defined ends($second, qr/57014/), "$phase: cancelled");
}
works($second, 'the second session works');
is(descriptors($second->{pid}), $descriptors, 'its descriptors are exactly those it had');

#
# Terminated.
#
for my $phase (map { $_->[0] } @phases)
{
	my $victim = new_session();
	ok(hang($victim, "SELECT connector_execute('$phase')"), "$phase: it hangs");
	my $started = time;
	$control->query_safe("SELECT pg_terminate_backend($victim->{pid})");
	my $gone = poll_until(sub { !-e "/proc/$victim->{pid}" }, 30);
	prompt($gone ? time - $started : undef, "$phase: pg_terminate_backend ends it");
	eval { $victim->{run}->finish };
	like($victim->{stderr}, qr/57P01: terminating connection due to administrator command/, "$phase: with its message");
}
# A session that has left a resolver behind ends like any other.
my $pid = $session->{pid};
$session->quit;
ok(poll_until(sub { !-e "/proc/$pid" }, PROMPT), 'a session that left resolvers hanging ends');

#
# Fast shutdown, with a session hanging in each.
#
my @sessions;
for my $phase (map { $_->[0] } @phases)
{
	push @sessions, new_session();
	ok(hang($sessions[-1], "SELECT connector_execute('$phase')"), "$phase: it hangs");
}
my $started = time;
$node->stop('fast');
prompt(time - $started, 'a fast shutdown does not wait for remotes');
eval { $_->{run}->finish } for @sessions, $second, $control;
start_node();
is($node->safe_psql('app', q(SELECT connector_execute('good'))), '{"ok": true}', 'the server works after it');
ok(!$node->log_contains('PANIC|TRAP:|terminated by signal|all server processes terminated'), 'nothing bad in the server log');
done_testing();
