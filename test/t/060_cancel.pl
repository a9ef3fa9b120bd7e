# A call under way ends at once with its session's wish: statement_timeout, cancel, terminate, fast shutdown,
# whatever it is waiting for; and the session that goes on has lost nothing by it.
#
# The remote would hang for a minute and more, so "at once" is told from "not at all" by a wide margin; the
# measured milliseconds are printed as notes.
use strict;
use warnings;
use ConnectorTest;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Socket::INET;
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;
use Socket qw(inet_aton pack_sockaddr_in);
use Time::HiRes qw(time);

use constant AT_ONCE => 5;    # seconds

my $mock = MockServer->start;
my $url  = $mock->url;

# Accepts connections (the kernel does) and never says a word: a TLS handshake that does not begin.
my $silent = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1') or die "listen: $!";

# A full queue: a further connection is not answered at all.
my $full = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "listen: $!";
my @queued;
for (1 .. 4)
{
	my $socket = IO::Socket::INET->new(Proto => 'tcp', Blocking => 0) or die "socket: $!";
	connect $socket, pack_sockaddr_in($full->sockport, inet_aton('127.0.0.1'));
	push @queued, $socket;
}

my $node  = new_cluster('cancel', start => 0, 'connector.connect_timeout' => '60s');
my $hosts = $node->basedir . '/hosts';
my $fake  = $node->basedir . '/fake_getaddrinfo.so';
append_to_file($hosts, "hang.test hang\n");
system_or_bail('cc', '-shared', '-fPIC', '-o', $fake, dirname(abs_path(__FILE__)) . '/../lib/fake_getaddrinfo.c', '-ldl');

sub start_node
{
	local %ENV = (%ENV, LD_PRELOAD => $fake, FAKE_HOSTS => $hosts);
	$node->start;
	return;
}
start_node();
create_database($node, 'app');

my %where = (
	'name resolution' => 'http://hang.test/',
	'connect'         => 'http://127.0.0.1:' . $full->sockport . '/',
	'TLS handshake'   => 'https://127.0.0.1:' . $silent->sockport . '/',
	'first byte'      => "$url/hang",
	'headers'         => "$url/half-header",
	'body'            => "$url/drip?ms=200&bytes=1000",
);
$node->safe_psql('app', q(SELECT connector_create_workspace('acme')));
for my $place (sort keys %where)
{
	$node->safe_psql('app', qq(INSERT INTO connectors (name, config, timeout_ms) VALUES ('$place', '{"url": "$where{$place}"}', 60000)));
}
$node->safe_psql('app', qq(INSERT INTO connectors (name, config) VALUES ('ok', '{"url": "$url/ok"}')));

my $session = $node->background_psql('app', on_error_stop => 0);
my $pid     = $session->query_safe('SELECT pg_backend_pid()');
$session->query_safe(q(SELECT connector_execute('ok')));

sub descriptors
{
	opendir my $dir, "/proc/$pid/fd" or die "/proc/$pid/fd: $!";
	return scalar grep { !/^\./ } readdir $dir;
}

# failure SQL -- the error the statement gives in the session.
sub failure
{
	my ($sql) = @_;
	$session->query($sql);
	my $error = $session->{stderr};
	$session->{stderr} = '';
	return $error;
}

# What the session waits for, seen from outside.
sub waiting
{
	my ($place) = @_;
	return $node->poll_query_until('app',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%connector_execute(''$place'')%' AND wait_event_type = 'Extension'");
}

for my $place (sort keys %where)
{
	# statement_timeout
	my $start = time;
	like(failure("SET statement_timeout = '300ms'; SELECT connector_execute('$place')"),
		qr/canceling statement due to statement timeout/, "statement_timeout ends $place");
	my $took = time - $start;
	cmp_ok($took, '<', AT_ONCE, "$place: at once");
	note sprintf '%s: statement timeout of 300 ms came after %.0f ms', $place, $took * 1000;

	# pg_cancel_backend, from another session while this one waits
	failure('SET statement_timeout = 0');
	my $other = $node->background_psql('app');
	$session->{stdin} .= "SELECT connector_execute('$place');\n";
	$session->{run}->pump_nb;
	ok(waiting($place), "$place: it waits, and says so in pg_stat_activity");
	$start = time;
	$other->query_safe("SELECT pg_cancel_backend($pid)");
	like(failure('SELECT 1'), qr/canceling statement due to user request/, "$place: cancelled");
	cmp_ok(time - $start, '<', AT_ONCE, "$place: at once");
	note sprintf '%s: cancel took effect after %.0f ms', $place, (time - $start) * 1000;
	$other->quit;
	is($session->query_safe(q(SELECT connector_execute('ok'))), '{"ok": true}', "$place: the session goes on");
}

# Nothing is left behind by interrupted calls.
failure("SET statement_timeout = '50ms'");
failure("SELECT connector_execute('$_')") for ('first byte', 'connect', 'TLS handshake', 'body') x 2;
failure('SET statement_timeout = 0');
$session->query_safe(q(SELECT connector_execute('ok')));
my $before = descriptors();
failure("SET statement_timeout = '50ms'");
failure("SELECT connector_execute('$_')") for ('first byte', 'connect', 'TLS handshake', 'body') x 5;
failure('SET statement_timeout = 0');
$session->query_safe(q(SELECT connector_execute('ok')));
cmp_ok(descriptors(), '<=', $before + 2, 'interrupted calls leave no descriptors');
is($node->safe_psql('app', q(SELECT count(*) FROM connector_executions WHERE status <> 'success')), 0,
	'and no rows: they went with their statements');
$session->quit;

# A terminated session, and a server that is told to stop.
sub hanging_session
{
	my ($place) = @_;
	my $hanging = $node->background_psql('app', on_error_stop => 0);
	$hanging->{stdin} .= "SELECT connector_execute('$place');\n";
	$hanging->{run}->pump_nb;
	ok(waiting($place), "a session waits: $place");
	return $hanging;
}

for my $place ('first byte', 'name resolution')
{
	my $hanging = hanging_session($place);
	my $start   = time;
	$node->safe_psql('app', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%connector_execute(''$place'')%' AND pid <> pg_backend_pid()");
	ok( $node->poll_query_until('app', "SELECT count(*) = 0 FROM pg_stat_activity WHERE wait_event_type = 'Extension'"),
		"terminated while in $place");
	cmp_ok(time - $start, '<', AT_ONCE, 'at once');

	$hanging = hanging_session($place);
	$start = time;
	$node->stop('fast');
	cmp_ok(time - $start, '<', AT_ONCE, "a fast shutdown does not wait for $place");
	note sprintf '%s: fast shutdown took %.0f ms', $place, (time - $start) * 1000;
	start_node();
}
is($node->safe_psql('app', q(SELECT connector_execute('ok'))), '{"ok": true}', 'the server works after it');
done_testing();
