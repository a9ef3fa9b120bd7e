# Where a call may go: only to public addresses and those of connector.allowed_networks, however the address is
# spelled, whatever a name resolves to and wherever a redirect leads; never to anything but http and https, and
# through no proxy but connector.proxy.
use strict;
use warnings;
use ConnectorTest;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock  = MockServer->start;
my $other = MockServer->start(host => '127.0.0.2', port => $mock->port);    # another address, the same port
my $proxy = MockServer->start;
my $port  = $mock->port;
my $url   = $mock->url;

my $node = new_cluster('main', start => 0, 'connector.allowed_networks' => '', 'connector.connect_timeout' => '2s');

# Names that resolve to what this test wants, and an environment full of proxies, for the server only.
my $hosts = $node->basedir . '/hosts';
my $fake  = $node->basedir . '/fake_getaddrinfo.so';
system_or_bail('cc', '-shared', '-fPIC', '-o', $fake, dirname(abs_path(__FILE__)) . '/../lib/fake_getaddrinfo.c', '-ldl');
{
	local %ENV = %ENV;
	$ENV{LD_PRELOAD} = $fake;
	$ENV{FAKE_HOSTS} = $hosts;
	$ENV{$_} = $proxy->url for qw(http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY);
	$node->start;
}
append_to_file($hosts, <<'HOSTS');
private.test    10.9.8.7
rfc1918.test    192.168.1.1
metadata.test   169.254.169.254
loopback.test   127.0.0.1
loopback6.test  ::1
unique6.test    fd00::1
link6.test      fe80::1
mapped6.test    ::ffff:127.0.0.1
both.test       10.9.8.7 127.0.0.1
unknown.test    fail
HOSTS

create_database($node, 'app');
$node->safe_psql('app', <<"SQL");
SELECT connector_create_workspace('acme');
CREATE ROLE tenant LOGIN;
SELECT connector_add_member('tenant', 'editor');
INSERT INTO connectors (name, config) VALUES
	('any', '{"url": "{{input.url}}"}'),
	('redirect', '{"url": "$url/redirect", "query": {"to": "{{input.url}}"}}'),
	('header', '{"url": "$url/header", "headers": {"x-given": "{{input.value}}"}}'),
	('path', '{"url": "$url/users/{{input.value}}/show", "query": {"q": "{{input.value}}"}}'),
	('host', '{"url": "http://{{input.value}}:$port/ok"}');
SQL

my $session = $node->background_psql('app', on_error_stop => 0);

# ask SQL -- what the session prints, and its errors.
sub ask
{
	my ($sql) = @_;
	$session->{stderr} = '';
	my $output = $session->query($sql);
	return $output . $session->{stderr};
}

# outcome CONNECTOR, MEMBER, VALUE -- "status|code|HTTP status|message" of a call with that input.
sub outcome
{
	my ($connector, $member, $value) = @_;
	return ask("SELECT concat_ws('|', status, error_code, coalesce(http_status, 0), error_message)
		FROM connector_try_execute('$connector', jsonb_build_object('$member', \$v\$$value\$v\$))");
}

sub allow
{
	my ($networks) = @_;
	is(ask("SET connector.allowed_networks = '$networks'"), '', "allowed networks: '$networks'");
	return;
}

#
# Nothing is allowed: every spelling of what is not public is refused, and nobody is called.
#
my @literals = qw(
  127.0.0.1 127.1 127.0.1 127.0.0.1. 127.255.255.254 2130706433 0177.0.0.1 0177.1 017700000001 0x7f.0.0.1 0x7f000001
  0x7F.1 0x7f.0x0.0x0.0x1 0 0.0.0.0 0x0 10.0.0.1 10.255.255.255 012.1 167772161 100.64.0.1 100.127.255.255 172.16.0.1
  172.31.255.255 192.168.0.1 192.168.255.255 3232235777 169.254.169.254 0xA9FEA9FE 2852039166 0251.0376.0251.0376
  192.0.0.1 192.0.2.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
  255.255.255.255 168.63.129.16
  [::1] [::] [0:0:0:0:0:0:0:1] [0000::0001] [fe80::1] [febf::1] [fec0::1] [fc00::1] [fdff::1] [fd00:ec2::254] [ff02::1]
  [::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:10.0.0.1] [::ffff:169.254.169.254] [::127.0.0.1] [::ffff:0:127.0.0.1]
  [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::1] [2002:7f00:1::1] [2002:a00:1::] [2001::1]
  [2001:db8::1] [100::1] [5f00::1] [3fff::1]);
for my $literal (@literals)
{
	like(outcome('any', 'url', "http://$literal:$port/ok"), qr/\Afailed\|blocked_address\|0\|address \S+ of http:\S+ is not allowed\z/, "$literal is blocked");
}
for my $name (qw(localhost localhost. LOCALHOST LocalHost sub.localhost private.test rfc1918.test metadata.test loopback.test
	loopback6.test unique6.test link6.test mapped6.test both.test PRIVATE.test private.test.))
{
	like(outcome('any', 'url', "http://$name:$port/ok"), qr/\Afailed\|blocked_address\|0\|address \S+ of http:\S+ is not allowed\z/, "$name is blocked");
}
like(outcome('any', 'url', "https://private.test:$port/ok"), qr/\Afailed\|blocked_address\|0\|address 10\.9\.8\.7 of https/, 'with https, too');
like(outcome('any', 'url', 'http://unknown.test/'), qr/\Afailed\|network_error\|0\|could not resolve/, 'a name without an address is no blocked one');

my $error = ask(qq(\\set VERBOSITY verbose
SELECT connector_execute('any', '{"url": "http://127.0.0.1:$port/ok"}')));
like($error, qr/ERROR:  NC010: connector "any": address 127\.0\.0\.1 of http:\/\/127\.0\.0\.1:$port is not allowed/, 'SQLSTATE NC010');
like($error, qr/^DETAIL:  Code blocked_address, step "step_1"\.$/m, 'the detail names the code');
like($error, qr/^HINT:  A superuser can permit it: add 127\.0\.0\.1 to connector\.allowed_networks\.$/m, 'the hint names the setting');
ask('\set VERBOSITY default');

is($mock->connections + $other->connections, 0, 'nobody was connected to');

#
# URLs that are none to call.
#
my @urls = (
	'ftp://127.0.0.1/x', 'file:///etc/passwd', 'gopher://127.0.0.1:6379/_FLUSHALL', 'dict://127.0.0.1:11211/stats',
	'ldap://127.0.0.1/', 'smb://127.0.0.1/share', 'jar:http://127.0.0.1/', 'unix:///tmp/x', "//127.0.0.1:$port/ok",
	"127.0.0.1:$port/ok", 'http:/127.0.0.1/', 'http://', 'http:///ok', 'http://:80/', 'http://user@127.0.0.1/',
	"http://user:pass\@127.0.0.1:$port/ok", "http://example.com\@127.0.0.1:$port/ok", "http://127.0.0.1:$port\@example.com/",
	"http://127.0.0.1:$port#\@example.com/", "http://127.0.0.1:$port\\\@example.com/", "http:\\\\127.0.0.1\\ok",
	"http://127.0.0.1:$port/ok#fragment", 'http://127.0.0.1:0/', 'http://127.0.0.1:65536/', 'http://127.0.0.1:-1/',
	'http://127.0.0.1:80x/', 'http://127.0.0.1:/', 'http://256.1.1.1/', 'http://1.2.3.4.5/', 'http://0x7g.1/', 'http://08.1.1.1/',
	'http://4294967296/', 'http://[::1/', 'http://::1/', 'http://[::1%25lo]/', 'http://[::1%lo]/', 'http://[v1.x]/', 'http://[127.0.0.1]/',
	'http://a..b/', 'http://.test/', "http://127.0.0.1%00.example.com/", 'http://%31%32%37.0.0.1/', "http://127.0.0.1\t/", ' http://127.0.0.1/',
	"http://127.0.0.1/a b", "http://127.0.0.1/a\tb", "http://127.0.0.1/\r\nX: y", "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1/",
	"http://127\xe3\x80\x820.0.1/", "http://ex\xc2\xadample.com/");
allow('0.0.0.0/0, ::/0');
for my $bad (@urls)
{
	(my $shown = $bad) =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;
	like(outcome('any', 'url', $bad), qr/\Afailed\|(?:input_invalid|config_invalid)\|0\|/, "no URL to call: $shown");
}
is($mock->connections + $other->connections, 0, 'and nobody was called, though every address was allowed');

#
# What the list allows passes, and nothing besides.
#
allow('127.0.0.1');
for my $spelling ('127.0.0.1', '2130706433', '0x7f.1', '0177.0.0.1', '[::ffff:127.0.0.1]', 'loopback.test', 'LOOPBACK.test', 'localhost', 'both.test', 'mapped6.test')
{
	like(outcome('any', 'url', "http://$spelling:$port/ok"), qr/\Asuccess\|200\z/, "$spelling passes");
}
is($other->connections, 0, 'the other address has not been called');
like(outcome('any', 'url', "http://$_:$port/ok"), qr/\Afailed\|blocked_address\|0\|/, "$_ does not")
  for '127.0.0.2', '[::1]', 'private.test', '0.0.0.0', '[::]', '127.0.0.0';

like(outcome('redirect', 'url', "http://$_/"), qr/\Afailed\|blocked_address\|(?:0|302)\|address \S+ of http:\S+ is not allowed\z/, "a redirect to $_ is blocked")
  for 'private.test', 'metadata.test', '169.254.169.254', '[fe80::1]', "127.0.0.2:$port", '0xa9fea9fe', "[::1]:$port", '[::ffff:10.0.0.1]', 'loopback6.test';
like(outcome('redirect', 'url', "http://$_:$port/ok"), qr/\Asuccess\|200\z/, "a redirect to $_ passes") for '2130706433', 'loopback.test';
like(outcome('redirect', 'url', "//127.0.0.2:$port/ok"), qr/\Afailed\|blocked_address\|302\|/, 'a redirect without a scheme is checked, too');
is($other->connections, 0, 'the other address still has not been called');

allow('127.0.0.2/32, 10.0.0.0/8');
like(outcome('any', 'url', "http://127.0.0.2:$port/ok"), qr/\Asuccess\|200\z/, 'another list, another address');
like(outcome('any', 'url', "http://127.0.0.1:$port/ok"), qr/\Afailed\|blocked_address\|0\|/, 'a kept connection to the first is not used any more');
like(outcome('any', 'url', "http://loopback.test:$port/ok"), qr/\Afailed\|blocked_address\|0\|/, 'nor what a name has been resolved to');
allow('');
like(outcome('any', 'url', "http://127.0.0.2:$port/ok"), qr/\Afailed\|blocked_address\|0\|/, 'nor anything with an empty list');

# A name that means something else the second time.
allow('127.0.0.1');
append_to_file($hosts, "rebound.test 127.0.0.1\n");
like(outcome('any', 'url', "http://rebound.test:$port/ok"), qr/\Asuccess\|200\z/, 'a name resolves to an allowed address');
my $text = slurp_file($hosts) =~ s/rebound\.test 127\.0\.0\.1/rebound.test 127.0.0.2/r;
open my $handle, '>', $hosts or die "$hosts: $!";
print {$handle} $text;
close $handle;
is($node->safe_psql('app', qq(SET connector.allowed_networks = '127.0.0.1';
	SELECT error_code FROM connector_try_execute('any', '{"url": "http://rebound.test:$port/ok"}'))),
	'blocked_address', 'and then to another: a new session is refused');

#
# Malformed lists are refused and change nothing.
#
for my $list ('localhost', '127.0.0.1/33', '300.0.0.1', '127.0.0.1/', '::1/129', '127.0.0.1,,::1', '10.0.0.0/8 192.168.0.0/16', '*')
{
	like(ask("SET connector.allowed_networks = '$list'"), qr/ERROR:  invalid value for parameter "connector\.allowed_networks"/, "not a list: $list");
}
is(ask('SHOW connector.allowed_networks'), '127.0.0.1', 'the list is what it was');

#
# No tenant opens a door.
#
for my $setting (qw(allowed_networks proxy ca_file user_agent connect_timeout max_response_size max_redirects))
{
	like(psql_error($node, 'app', "SET SESSION AUTHORIZATION tenant; SET connector.$setting = '1'"), qr/ERROR:  42501/, "a tenant cannot set connector.$setting");
}

#
# Input that would break out of its place.
#
$mock->forget;
for my $value ("a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "\r\n\r\nGET /evil HTTP/1.1")
{
	(my $shown = $value) =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;
	like(outcome('header', 'value', $value), qr/\Afailed\|input_invalid\|0\|/, "header value $shown is refused");
}
$error = psql_error($node, 'app', q(SELECT connector_execute('header', jsonb_build_object('value', E'a\r\nb'))));
like($error, qr/ERROR:  NC018: connector "header": \$\.headers\."x-given": /, 'SQLSTATE NC018, with the path of the header');
is(scalar(my @none = $mock->requests), 0, 'and nothing is sent');
for my $value ('../../admin', 'a/b', 'a?b=c', 'a#b', 'a&q=2', "a\r\nb", 'a b', '%2e%2e', "caf\xc3\xa9", '..%2f', 'a\\b', 'a;b')
{
	$mock->forget;
	(my $shown = $value) =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;
	outcome('path', 'value', $value);
	(my $escaped = $value) =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge;
	my @seen = $mock->requests;
	is(@seen, 1, "$shown: one request");
	is($seen[0]{target}, "/users/$escaped/show?q=$escaped", "$shown stays in its place");
}
$mock->forget;
like(outcome('path', 'value', $_), qr/\Afailed\|input_invalid\|0\|/, "$_ is no path segment") for '.', '..', '';
like(outcome('host', 'value', $_), qr/\Afailed\|(?:input_invalid|config_invalid)\|0\|/, "$_ is no host")
  for "127.0.0.1:$port/x?", 'a@127.0.0.1', '127.0.0.1/', '127.0.0.1#', '127.0.0.1?', "127.0.0.1\\", '[::1]', '127.0.0.1 ', '%31';
like(outcome('host', 'value', '169.254.169.254'), qr/\Afailed\|blocked_address\|0\|/, 'a host from the input is checked');
is(scalar(@none = $mock->requests), 0, 'and nothing is sent');

#
# Proxies: none from the environment, the one of the setting.
#
is($proxy->connections, 0, 'the proxies of the environment were never used');
$proxy->reply("http://somewhere.test/ok", { json => { through => 'the proxy' } });
ask("SET connector.proxy = '" . $proxy->url . q('));
is(ask(q(SELECT connector_execute('any', '{"url": "http://somewhere.test/ok"}'))), '{"through": "the proxy"}', 'connector.proxy is used');
my ($seen) = $proxy->requests;
is($seen->{target}, 'http://somewhere.test/ok', 'with the name, which the proxy resolves');
is($seen->{headers}{host}, 'somewhere.test', 'and the host');
like(outcome('any', 'url', 'http://169.254.169.254/'), qr/\Afailed\|blocked_address\|0\|/, 'an address that is written out is refused all the same');
is($proxy->connections, 1, 'before the proxy hears of it');
like(outcome('any', 'url', 'https://somewhere.test/ok'), qr/\Afailed\|network_error\|/, 'a proxy that builds no tunnel');
is(($proxy->requests)[1]{method}, 'CONNECT', 'was asked for one');
ask("SET connector.proxy = 'http://127.0.0.1:" . free_port() . q('));
like(outcome('any', 'url', 'http://somewhere.test/ok'), qr/\Afailed\|network_error\|0\|could not connect to connector\.proxy/, 'a proxy that is not there');
like(ask(q(SET connector.proxy = 'ftp://127.0.0.1')), qr/ERROR:  invalid value/, 'a proxy of another kind is refused');
ask('RESET connector.proxy');
like(outcome('any', 'url', "http://127.0.0.1:$port/ok"), qr/\Asuccess\|200\z/, 'without the setting it is gone');
is($proxy->connections, 2, 'and not used');

$session->quit;
is($node->safe_psql('app', q(SELECT count(*) FROM connector_executions WHERE error_code = 'internal')), 0, 'nothing was unexpected');
done_testing();
