# A remote that misbehaves: every way ends in its normalized code, as a row of connector_try_execute and as
# an error of connector_execute, and the session that met it goes on working, on the same backend.
use strict;
use warnings;
use ConnectorTest;
use IO::Socket::INET;
use JSON::PP ();
use MockServer;
use Nginx;
use Test::More;
use TestCA;

my $OK       = '{"ok":true}';
my $MAX_SIZE = 12 * 1024 * 1024;

my %SQLSTATE = (
	auth_failed        => 'NC001',
	permission_denied  => 'NC002',
	not_found          => 'NC003',
	validation_failed  => 'NC004',
	conflict           => 'NC005',
	rate_limited       => 'NC006',
	timeout            => 'NC007',
	network_error      => 'NC008',
	blocked_address    => 'NC010',
	server_error       => 'NC011',
	bad_response       => 'NC012',
	response_too_large => 'NC013',
	config_invalid     => 'NC017');

my $ca    = TestCA->new;
my $mock  = MockServer->start;
my $url   = $mock->url;
my $nginx = Nginx->start(servers => [ { tls => $ca->server('127.0.0.1'),
			locations => "location /down { return 302 $url/ok; } location /ok { return 200 '$OK'; }" } ]);
my $tls   = $nginx->url(0);

# A port that accepts nobody's request: connections wait in its queue.
my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "cannot listen: $!";
my $closed = free_port();

my $node = new_cluster(
	'main',
	'connector.ca_file'           => $ca->cert_file,
	'connector.max_response_size' => '12MB',
	'connector.connect_timeout'   => '2s');
$node->safe_psql('app', <<"SQL");
SELECT connector_create_workspace('acme');
SELECT connector_credential_set('api', '{"token": "a-token-of-some-length"}', kind => 'bearer', allowed_hosts => ARRAY['$url', '$tls']);
INSERT INTO connectors (name, config) VALUES
	('good', '{"url": "$url/ok"}'),
	('status', '{"url": "$url/status/{{input.n}}"}');
SQL

my $session = $node->background_psql('app', on_error_stop => 0);
$session->query_safe('\set VERBOSITY verbose');
my $pid = $session->query_safe('SELECT pg_backend_pid()');

# ask SQL -- what the session prints, and its errors.
sub ask
{
	my ($sql) = @_;
	$session->{stderr} = '';
	my $output = $session->query($sql);
	return ($output, $session->{stderr} =~ s/^psql:\S+ //gmr);
}

# The session is the same one and works.
sub still_works
{
	my ($after) = @_;
	my ($output, $error) = ask(q(SELECT pg_backend_pid(), connector_execute('good')));
	is("$output$error", $pid . '|{"ok": true}', "$after: the session goes on");
	return;
}

# named TEXT -- the text as a connector's name.
sub named { my ($text) = @_; return $text =~ s/[^A-Za-z0-9_. -]/-/gr; }

# save NAME, URL, MORE... -- a connector with that definition.
sub save
{
	my ($name, $address, %more) = @_;
	$name = named($name);
	$session->{stderr} = '';
	my $config = JSON::PP->new->canonical->encode({ url => $address, %more });
	$session->query_safe("INSERT INTO connectors (name, config) VALUES ('$name', \$cn\$$config\$cn\$)");
	return;
}

# try_connector NAME -- "status|code|HTTP status|message" of an execution that does not raise.
sub try_connector
{
	my ($name) = @_;
	$name = named($name);
	my ($output, $error) =
	  ask("SELECT status, error_code, http_status, error_message FROM connector_try_execute('$name')");
	is($error, '', "$name: connector_try_execute does not raise");
	return $output;
}

# fails NAME, URL, CODE, MESSAGE [, OPTION => VALUE...] -- both functions report that code.
#
# Options: `status` the HTTP status there is, `once` 1 does not ask connector_execute too (slow cases); the
# others go into the definition.
sub fails
{
	my ($name, $address, $code, $message, %more) = @_;
	my $http_status = delete $more{status} // '';
	my $once        = delete $more{once};
	my $status      = $code eq 'timeout' ? 'timeout' : 'failed';
	$name = named($name);
	save($name, $address, %more);

	like(try_connector($name), qr/\A$status\|$code\|$http_status\|$message/, "$name: $code");
	still_works($name);
	return if $once;

	my ($output, $error) = ask("SELECT connector_execute('$name')");
	is($output, '', "$name: no output");
	like($error, qr/^ERROR:  $SQLSTATE{$code}: connector "\Q$name\E": $message/, "$name: SQLSTATE $SQLSTATE{$code}");
	my $detail = qq(Code $code, step "step_1") . ($http_status ? ", HTTP status $http_status" : '') . '.';
	like($error, qr/^DETAIL:  \Q$detail\E/m, "$name: the detail names code and step");
	like($error, qr/^HINT:  ["A-Z].*\.$/m,    "$name: there is a hint");
	still_works($name);
	return;
}

# succeeds NAME, URL, OUTPUT, MORE...
sub succeeds
{
	my ($name, $address, $expected, %more) = @_;
	save($name, $address, %more);
	my ($output, $error) = ask("SELECT connector_execute('" . named($name) . "')");
	is("$output$error", $expected, $name);
	return;
}

# served NAME, REPLY -- the URL of a scripted reply.
sub served
{
	my ($name, %reply) = @_;
	(my $path = "/$name") =~ s/[^A-Za-z0-9\/]+/-/g;
	$mock->reply($path, \%reply);
	return "$url$path";
}

# sent NAME, BYTES -- the URL of an answer of exactly these bytes; the connection is closed after it.
sub sent
{
	my ($name, $bytes) = @_;
	return served($name, raw => $bytes, close => 1);
}

still_works('at first');

#
# Too much.
#
my $too_large = qr{reply from \Q$url\E is larger than $MAX_SIZE bytes};
fails('announced too large', "$url/huge?bytes=20000000", 'response_too_large', $too_large, status => 200);
fails('chunked without end', "$url/endless",             'response_too_large', $too_large, status => 200);
fails('gzip bomb', "$url/gzip-bomb?bytes=67108864", 'response_too_large', $too_large, status => 200);
fails('one byte too large', "$url/json?bytes=" . ($MAX_SIZE + 1), 'response_too_large', $too_large, status => 200);
succeeds('as large as it may be', "$url/json?bytes=$MAX_SIZE", '"string"', output => '$.data.type()');
fails('absurd Content-Length', sent('absurd length', "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n{}"),
	'response_too_large', $too_large, status => 200);

my $too_deep = qr/the reply is not JSON that can be used: [^|]*(?:deep|depth)[^|]*, at byte 64/;
fails('too deep', "$url/deep?n=65", 'bad_response', $too_deep, status => 200);
fails('very deep', "$url/deep?n=5000000", 'bad_response', $too_deep, status => 200);
fails('ten million brackets', "$url/brackets?n=10000000", 'bad_response', $too_deep, status => 200);
fails('nested objects', served('objects', body => '{"a":' x 1_000_000), 'bad_response', qr/the reply is not JSON that can be used: /, status => 200);
succeeds('as deep as it may be', "$url/deep?n=64", '[' x 64 . ']' x 64);

my $long_headers = qr/reply headers from \Q$url\E are larger than 65536 bytes/;
fails('ten thousand headers', "$url/many-headers?n=10000", 'bad_response', $long_headers, status => 200);
fails('one long header', "$url/big-header?bytes=99000",    'bad_response', $long_headers, status => 200);
fails('headers without end', "$url/endless-headers",       'bad_response', $long_headers, status => 200);
succeeds('a thousand headers', "$url/many-headers?n=1000", '{"ok": true}');

#
# Not the JSON it claims to be.
#
my $not_json = qr/the reply is not JSON that can be used: /;
fails('HTML as JSON', "$url/not-json-typed",   'bad_response', $not_json, status => 200);
fails('HTML for JSON', "$url/not-json",        'bad_response', $not_json, status => 200, response => 'json');
fails('truncated', "$url/truncated-json",      'bad_response', $not_json, status => 200);
fails('invalid UTF-8', "$url/bad-utf8",        'bad_response', $not_json, status => 200);
fails('NUL escape', "$url/nul",                'bad_response', $not_json, status => 200);
my %bodies = (
	'lone high surrogate'   => '{"a":"\ud800"}',
	'lone low surrogate'    => '{"a":"\udc00 x"}',
	'surrogates swapped'    => '"\udc00\ud800"',
	'NaN'                   => '{"a":NaN}',
	'Infinity'              => '[-Infinity]',
	'raw NUL'               => qq({"a":"\0"}),
	'NUL key'               => '{"\u0000":1}',
	'overlong UTF-8'        => qq({"a":"\xc0\xaf"}),
	'encoded surrogate'     => qq({"a":"\xed\xa0\x80"}),
	'above U+10FFFF'        => qq({"a":"\xf4\x90\x80\x80"}),
	'trailing garbage'      => '{"a":1} x',
	'two values'            => '{"a":1}{"a":2}',
	'trailing comma'        => '[1,2,]',
	'single quotes'         => "{'a':1}",
	'comment'               => '{"a":1 /* one */}',
	'bare word'             => 'hello',
	'control in string'     => qq({"a":"x\ny"}),
	'leading zero'          => '[012]',
	'hexadecimal'           => '[0x10]',
	'huge exponent'         => '[1e999999]',
	'key without value'     => '{"a"}',
	'half an escape'        => '{"a":"\u12"}',
	'blank'                 => '   ',
	'unclosed string'       => '{"a":"',
	'long number'           => '[' . '9' x 200_000 . ']',
	'byte order mark twice' => qq(\xef\xbb\xbf\xef\xbb\xbf{"a":1}));
fails($_, served($_, body => $bodies{$_}), 'bad_response', $not_json, status => 200) for sort keys %bodies;

fails('text that is not UTF-8', served('latin', body => "caf\xe9", headers => [ 'Content-Type' => 'text/plain' ]),
	'bad_response', qr/the reply's text is not UTF-8, at byte 3/, status => 200);
fails('text with a NUL', served('text nul', body => "a\0b", headers => [ 'Content-Type' => 'text/plain' ]),
	'bad_response', qr/the reply's text holds a NUL character, at byte 1/, status => 200);
fails('Latin-1 with a NUL', served('latin nul', body => "a\0b", headers => [ 'Content-Type' => 'text/plain; charset=ISO-8859-1' ]),
	'bad_response', qr/the reply's text holds a NUL character/, status => 200);

succeeds('duplicate keys: the last one counts', served('duplicate', body => '{"a":1,"b":2,"a":3}'), '{"a": 3, "b": 2}');
succeeds('an empty reply is null', "$url/empty", 'null');
succeeds('HTML where nothing is asked for', "$url/not-json", '"<html>sorry</html>"');
succeeds('a pair of surrogates', served('pair', body => '"\ud83d\ude00"'), qq("\xf0\x9f\x98\x80"));

#
# Broken on the way.
#
fails('says nothing', "$url/hang", 'timeout', qr/no complete reply from \Q$url\E within 1000 ms/, timeout_ms => 1000);
fails('half a header', "$url/half-header", 'timeout', qr/no complete reply from \Q$url\E within 1000 ms/, timeout_ms => 1000, once => 1, status => 200);
fails('a byte now and then', "$url/drip?ms=50&bytes=1000", 'timeout', qr/no complete reply from \Q$url\E within 1000 ms/, timeout_ms => 1000,
	once => 1, status => 200);
fails('nobody accepts', 'http://127.0.0.1:' . $silent->sockport . '/', 'timeout', qr/no complete reply from /, timeout_ms => 1000, once => 1);
fails('nobody shakes hands', 'https://127.0.0.1:' . $silent->sockport . '/', 'timeout', qr/could not connect to /, timeout_ms => 1000, once => 1);
fails('redirected to silence', "$url/redirect?to=/hang", 'timeout', qr/no complete reply from \Q$url\E within 1000 ms/, timeout_ms => 1000, once => 1);
fails('slow redirects share the time', served('slow-hop', status => 302, delay_ms => 600, headers => [ Location => '/slow?ms=600' ]),
	'timeout', qr/no complete reply from \Q$url\E within 1000 ms/, timeout_ms => 1000, once => 1);

my $lost = qr/connection to \Q$url\E was lost before the reply was complete/;
fails('nobody listens', "http://127.0.0.1:$closed/", 'network_error', qr/could not connect to http:\/\/127\.0\.0\.1:$closed: Connection refused/);
fails('no such host', 'http://host.invalid/', 'network_error', qr{could not resolve the host name of http://host\.invalid});
fails('closed before the reply', "$url/close-before", 'network_error', qr/\Q$url\E closed the connection without a reply/);
fails('closed in a header', "$url/close-mid-header", 'network_error', $lost, status => 200);
fails('closed after a header', sent('after header', "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"), 'network_error', $lost, status => 200);
fails('closed in the body', "$url/close-mid-body", 'network_error', $lost, status => 200);
fails('length too long', "$url/length-long",       'network_error', $lost, status => 200);
fails('reset', "$url/reset",                       'network_error', qr/connection to \Q$url\E was lost/);
my $chunked = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
fails('chunk cut short', sent('cut chunk', $chunked . qq(b\r\n{"ok":)),         'network_error', $lost, status => 200);
fails('no last chunk', sent('no last chunk', $chunked . "b\r\n$OK\r\n"),          'network_error', $lost, status => 200);
fails('chunk size cut', sent('chunk size', $chunked . "b\r\n$OK\r\n1"),           'network_error', $lost, status => 200);
fails('chunk size is no number', "$url/chunked-bad", 'network_error', qr/connection to \Q$url\E was lost/, status => 200);
fails('chunk size overflows', sent('chunk overflow', $chunked . "fffffffffffffffffff\r\n$OK"), 'network_error',
	qr/connection to \Q$url\E was lost/, status => 200);

# Their cause is what the server says, so it would come the same way again.
my $no_http = qr/reply from \Q$url\E is not valid HTTP/;
fails('header without a colon', "$url/bad-header",      'bad_response', $no_http, status => 200);
fails('another protocol', "$url/bad-status-line",       'bad_response', $no_http);
fails('HTTP/0.9', sent('http09', $OK),                  'bad_response', $no_http);
fails('NUL in a header', sent('nul header', "HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\n{}"), 'bad_response', $no_http, status => 200);
fails('negative length', sent('negative', "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"), 'bad_response', $no_http, status => 200);
fails('length of letters', sent('letters', "HTTP/1.1 200 OK\r\nContent-Length: lots\r\n\r\n{}"), 'bad_response', $no_http, status => 200);
my $compressed = qr/reply from \Q$url\E cannot be decompressed/;
fails('announced as gzip', "$url/gzip-broken", 'bad_response', $compressed, status => 200);
fails('unknown encoding', served('rot13', body => $OK, headers => [ 'Content-Encoding' => 'rot13' ]), 'bad_response', $compressed, status => 200);
fails('encoded ten times', served('gzips', body => $OK, headers => [ 'Content-Encoding' => join ', ', ('gzip') x 10 ]), 'bad_response',
	$compressed, status => 200);

# What comes behind a reply is nobody's reply.
succeeds('more bytes than announced', "$url/length-short", '{"ok": true}');
still_works('after bytes that belong to nothing') for 1 .. 3;
$mock->reply('/smuggle', { raw => "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n$OK"
		  . "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"ok\":\"wrong\"}" });
succeeds('two replies to one request', "$url/smuggle", '{"ok": true}');
still_works('after a reply to no request') for 1 .. 3;
succeeds('interim replies', sent('early', "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" x 3
	  . "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n$OK"), '{"ok": true}');

#
# Redirects.
#
fails('redirect loop', "$url/redirect-loop", 'bad_response', qr/too many redirects/, status => 302);
my $five = '/ok';
for (1 .. 5)
{
	(my $escaped = $five) =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ge;
	$five = "/redirect?to=$escaped";
}
succeeds('five redirects', "$url$five", '{"ok": true}');
(my $six = $five) =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ge;
fails('six redirects', "$url/redirect?to=$six", 'bad_response', qr/too many redirects/, status => 302);
succeeds('a redirect to a path',      "$url/redirect?to=/ok&code=$_", '{"ok": true}') for 301;
fails("$_ without Location", "$url/status/$_", 'bad_response', qr/the remote answered with HTTP status $_/, status => $_) for 300 .. 308;
my $no_target = qr/redirect from \Q$url\E leads to no usable URL/;
my %targets = (
	'a file'          => 'file:///etc/passwd',
	'FTP'             => 'ftp://127.0.0.1/x',
	'a user name'     => 'http://user:secret@127.0.0.1/ok',
	'a script'        => 'javascript:alert(1)',
	'gopher'          => "gopher://127.0.0.1:$closed/_x",
	'a bad port'      => 'http://127.0.0.1:99999/ok',
	'a malformed host' => 'http://a b/ok');
fails("redirect to $_", served("redirect to $_", status => 302, headers => [ Location => $targets{$_} ]), 'bad_response', $no_target, status => 302)
  for sort keys %targets;
succeeds('https to http without a credential', "$tls/down", '{"ok": true}');
fails('https to http with a credential', "$tls/down", 'blocked_address',
	qr/redirect from \Q$tls\E to plain http would follow a request with a credential/, status => 302, credential => 'api');

#
# Every status.
#
my %special = (
	401 => 'auth_failed',       402 => 'permission_denied', 403 => 'permission_denied', 404 => 'not_found',
	407 => 'config_invalid',    408 => 'timeout',           409 => 'conflict',          410 => 'not_found',
	412 => 'conflict',          423 => 'conflict',          425 => 'server_error',      429 => 'rate_limited',
	451 => 'permission_denied', 504 => 'timeout');
my %expected = map { $_ => $special{$_} // ($_ < 500 ? 'validation_failed' : $_ < 600 ? 'server_error' : 'bad_response') } 400 .. 600, 999;
my ($codes, $error) = ask(<<'SQL');
SELECT r.http_status || ' ' || r.error_code || ' ' || r.status || ' ' || r.error_message
  FROM generate_series(400, 999) n CROSS JOIN LATERAL connector_try_execute('status', jsonb_build_object('n', n)) r
 WHERE n <= 600 OR n = 999
SQL
is($error, '', 'no status raises');
my %found = map { /\A(\d+) (.*)/ } split /\n/, $codes;
is_deeply(
	\%found,
	{ map { $_ => join ' ', $expected{$_}, $expected{$_} eq 'timeout' ? 'timeout' : 'failed', "the remote answered with HTTP status $_" } keys %expected },
	'every status from 400 on has its code');
still_works('after all statuses');
fails("status $_", "$url/status/$_", $expected{$_}, qr/the remote answered with HTTP status $_/, status => $_)
  for sort(keys %special), 400, 418, 500, 503;

# What the remote says of it: one line, cut, harmless.
fails('a message', served('message', status => 422, json => { error => { message => "no such\n\tphone" } }), 'validation_failed',
	qr/the remote answered with HTTP status 422/, status => 422);
is((split /\|/, try_connector('a message'))[3], 'the remote answered with HTTP status 422: no such  phone', 'the remote\'s words are one line');
save('a long message', served('long', status => 400, json => { message => 'x' x 5000 }));
is(length((split /\|/, try_connector('a long message'))[3]), length('the remote answered with HTTP status 400: ') + 300, 'and cut');
save('an error page', served('page', status => 500, body => "\xff\xfe\0" x 1000, headers => [ 'Content-Type' => 'text/plain' ]));
like(try_connector('an error page'), qr/\Afailed\|server_error\|500\|the remote answered with HTTP status 500/, 'garbage in an error is no error');
still_works('after error pages');

#
# What is left of it all.
#
is($node->safe_psql('app', q(SELECT count(*) FROM connector_executions WHERE error_code = 'internal')), 0, 'nothing was unexpected');
is( $node->safe_psql('app', q(SELECT count(*) FROM connector_executions WHERE (status = 'success') <> (error_code IS NULL))),
	0, 'every recorded failure has its code');
cmp_ok($node->safe_psql('app', q(SELECT count(*) FROM connector_executions WHERE status <> 'success')), '>', 300, 'failures are recorded');
$session->quit;
is($mock->output, '', 'the mock server had nothing to complain about');
ok(!$node->log_contains('(?:PANIC|FATAL|TRAP):|terminated by signal'), 'nothing bad in the server log');
done_testing();
