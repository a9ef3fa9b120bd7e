# The test helpers themselves: mock server, nginx, certificate authority, clusters.  Needs no extension.
use strict;
use warnings;
use ConnectorTest;
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use MockServer;
use Nginx;
use PostgreSQL::Test::Utils;
use TestCA;
use Test::More;
use Time::HiRes qw(time);

my $http = HTTP::Tiny->new(timeout => 5, max_redirect => 0, keep_alive => 1);

# raw PORT, REQUEST [, SECONDS] -- sends bytes, returns what comes back until the end or the time is over.
sub raw
{
	my ($port, $request, $seconds) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "connect: $!";
	syswrite $socket, $request;
	my ($answer, $end) = ('', time + ($seconds // 5));
	while ((my $left = $end - time) > 0)
	{
		my $ready = '';
		vec($ready, fileno $socket, 1) = 1;
		select $ready, undef, undef, $left or last;
		sysread $socket, $answer, 65536, length $answer or last;
	}
	return $answer;
}

sub get_raw
{
	my ($mock, $target, $seconds) = @_;
	return raw($mock->port, "GET $target HTTP/1.1\r\nHost: mock\r\nConnection: close\r\n\r\n", $seconds // 5);
}

#
# MockServer: behaviours.
#
my $mock = MockServer->start;

is($http->get($mock->url . '/ok')->{content}, '{"ok":true}', '/ok');
is(length $http->get($mock->url . '/json?bytes=5000')->{content}, 5000, '/json?bytes');
my $echo = decode_json($http->request('PUT', $mock->url . '/echo?a=b',
		{ content => 'body', headers => { 'X-Test' => 'yes' } })->{content});
is("$echo->{method} $echo->{target} $echo->{headers}{'x-test'} $echo->{body}", 'PUT /echo?a=b yes body', '/echo');
is($http->get($mock->url . "/status/$_")->{status}, $_, "/status/$_") for 200, 204, 404, 503;
is($http->get($mock->url . '/elsewhere')->{status}, 404, 'unknown path');
is_deeply($http->get($mock->url . '/headers')->{headers}{'x-twice'}, [ 'one', 'two' ], '/headers');
my $started = time;
$http->get($mock->url . '/slow?ms=300');
ok(time - $started >= 0.3, '/slow');
is($http->get($mock->url . '/redirect?to=/ok&code=307')->{headers}{location}, '/ok', '/redirect');
is($http->get($mock->url . '/redirect-loop')->{headers}{location}, '/redirect-loop', '/redirect-loop');
is($http->get($mock->url . '/deep?n=3')->{content}, '[[[]]]', '/deep');
is(length $http->get($mock->url . '/huge?bytes=300000')->{content}, 300_000, '/huge');
is($http->get($mock->url . '/empty')->{content}, '', '/empty');
is($http->get($mock->url . '/not-json')->{headers}{'content-type'}, 'text/html', '/not-json');
like($http->get($mock->url . '/bad-utf8')->{content}, qr/\xc3\x28/, '/bad-utf8');
is($http->get($mock->url . '/gzip')->{headers}{'content-encoding'}, 'gzip', '/gzip');
ok(length $http->get($mock->url . '/gzip-bomb?bytes=1000000')->{content} < 10_000, '/gzip-bomb is small');
is($http->get($mock->url . '/many-headers?n=50')->{headers}{'x-header-50'}, 50, '/many-headers');
is(get_raw($mock, '/close-before'), '', '/close-before');
like(get_raw($mock, '/close-mid-header'), qr/Content-Ty\z/, '/close-mid-header');
like(get_raw($mock, '/close-mid-body'), qr/Content-Length: 11\r\n\r\n\{"ok":\z/, '/close-mid-body');
is(get_raw($mock, '/hang', 0.3), '', '/hang');
is(get_raw($mock, '/reset'), '', '/reset');
like(get_raw($mock, '/endless', 0.3), qr/Transfer-Encoding: chunked/, '/endless');
like(get_raw($mock, '/chunked-bad'), qr/\r\n\r\nzz\r\n/, '/chunked-bad');
like(get_raw($mock, '/bad-header'), qr/no colon here/, '/bad-header');
like(get_raw($mock, '/bad-status-line'), qr/\ASSH/, '/bad-status-line');
like(get_raw($mock, '/truncated-json'), qr/\["a",\z/, '/truncated-json');

#
# MockServer: records, counts, scripts.
#
$mock->forget;
$http->post($mock->url . '/ok?x=1', { content => "raw\x00\xff" }) for 1 .. 2;
my @seen = $mock->requests('/ok');
is(@seen, 2, 'requests are recorded');
is($seen[0]{target}, '/ok?x=1', 'with their target');
like($seen[0]{raw}, qr/\APOST \/ok\?x=1 HTTP\/1\.1\r\n.*\r\n\r\nraw\x00\xff\z/s, 'and all their bytes');
is($seen[0]{connection}, $seen[1]{connection}, 'one connection for both');
is(raw($mock->port, "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
	  =~ /"body":"(.*?)"/ && $1, 'abc', 'a chunked request body is read');
$mock->forget;
HTTP::Tiny->new->get($mock->url . '/ok');
is(HTTP::Tiny->new->get($mock->url . '/count')->{content}, '{"requests":2,"connections":2}', '/count');
is($mock->connections, 2, 'connections');

$mock->reply('/token', { status => 401 }, { json => { token => 't' }, headers => [ 'X-Script' => 1 ] });
is($http->get($mock->url . '/token?a=1')->{status}, 401, 'a script answers in turn');
is($http->get($mock->url . '/token')->{content}, '{"token":"t"}', 'second reply');
is($http->get($mock->url . '/token')->{headers}{'x-script'}, 1, 'the last one stays');
$mock->reply('/raw', { raw => "HTTP/1.1 299 Raw\r\nContent-Length: 0\r\n\r\n", close => 1 });
like(get_raw($mock, '/raw'), qr/\AHTTP\/1\.1 299 Raw/, 'a raw reply');

my @children = map {
	my $pid = fork // die;
	if (!$pid) { HTTP::Tiny->new->get($mock->url . '/slow?ms=500'); POSIX::_exit(0); }
	$pid
} 1 .. 20;
$started = time;
waitpid $_, 0 for @children;
ok(time - $started < 4, 'connections are served side by side');

#
# MockServer: requests that wait for each other.
#

# together TARGET... -- asks for all of them at the same time, returns their statuses.
sub together
{
	my (@targets) = @_;
	my @children = map {
		my $pid = fork // die;
		if (!$pid) { POSIX::_exit(HTTP::Tiny->new->get($mock->url . $_)->{status} / 100); }
		$pid
	} @targets;
	return join ' ', map { waitpid $_, 0; ($? >> 8) . 'xx' } @children;
}

$mock->forget;
is(together(('/barrier?n=3&name=a') x 6, ('/barrier?n=1&name=b') x 2), join(' ', ('2xx') x 8), '/barrier lets requests pass together');
is(together('/gate?after=one', '/gate?opens=one&status=404'), '2xx 4xx', '/gate is opened by another');
ok($mock->is_open('one') && !$mock->is_open('two'), 'and stays open');
$mock->forget;
ok(!$mock->is_open('one'), 'until all is forgotten');
is($mock->most_at_once, 0, 'nothing has waited');
together(('/barrier?n=4&name=c') x 4, '/gate?opens=x', '/ok');
is($mock->most_at_once, 4, 'those that waited at the same time are counted, others are not');

my $pid = $mock->pid;
$mock->stop;
ok(!kill(0, $pid), 'the server is gone after stop');
is($mock->output, '', 'it had nothing to complain about');

#
# TestCA and Nginx.
#
SKIP:
{
	skip 'nginx is not installed', 8 if !Nginx::program();
	my $ca = TestCA->new;
	my $nginx = Nginx->start(servers => [
		{ locations => 'root html;' },
		{ tls => $ca->server('127.0.0.1', 'localhost'), http2 => 1, locations => q(location / { return 200 'hello'; }) },
		{ tls => $ca->server({ names => ['other.example'] }) },
		{ tls => $ca->server({ names => ['127.0.0.1'], expired => 1 }) },
		{ tls => $ca->self_signed('127.0.0.1') },
	]);
	$nginx->file('page.json', '{"a":1}');
	is($http->get($nginx->url . '/page.json')->{content}, '{"a":1}', 'nginx serves a file');
	like($nginx->access_log, qr/page\.json/, 'and logs it');
	like($nginx->url(1), qr/\Ahttps:/, 'the TLS server has an https URL');

	my %result;
	for my $i (1 .. 4)
	{
		my ($stdout, $stderr) = run_command([
			'openssl', 's_client', '-connect', '127.0.0.1:' . $nginx->port($i), '-CAfile', $ca->cert_file,
			'-verify_ip', '127.0.0.1', '-alpn', 'h2,http/1.1' ]);
		$result{$i} = $stdout;
	}
	like($result{1}, qr/Verify return code: 0 \(ok\).*/s, 'the good certificate is trusted');
	like($result{1}, qr/ALPN protocol: h2/,               'and the server speaks HTTP/2');
	like($result{2}, qr/Verify return code: 64/,          'a certificate for another name is not');
	like($result{3}, qr/Verify return code: 10/,          'an expired one is not');
	like($result{4}, qr/Verify return code: 18/,          'a self-signed one is not');
	$nginx->stop;
}

#
# Clusters, without the extension.
#
my $node = new_cluster('lib', shared_preload_libraries => undef, extension => 0);
is($node->safe_psql('postgres', 'SHOW server_encoding'), 'UTF8', 'a cluster starts');
like($node->safe_psql('postgres', 'SHOW "connector.allowed_networks"'), qr/^127\./, 'with the settings');
my $key_file = $node->safe_psql('postgres', 'SHOW "connector.key_file"');
is((stat $key_file)[2] & 07777, 0600, 'its key file is private');
like(slurp_file($key_file), qr/\A[a-z-]+:[0-9a-f]{64}\n\z/, 'and holds one key');
like(psql_error($node, 'postgres', 'SELECT 1/0'), qr/22012/, 'psql_error shows the SQLSTATE');
is(psql_error($node, 'postgres', 'SELECT 1'), '', 'and nothing if there is none');

my $helper = start_program($node->basedir . '/helper.log', 'sleep', 600);
ok(kill(0, $helper), 'a helper runs');
stop_program($helper);
ok(!kill(0, $helper), 'until it is stopped');
ok(poll_until(sub { 1 }), 'poll_until');
$node->stop;

done_testing();
