# TLS is verified always: a certificate of the configured authority for the right host passes, nothing else.
use strict;
use warnings;
use ConnectorTest;
use MockServer;
use Nginx;
use Test::More;
use TestCA;

my $ca    = TestCA->new;
my $other = TestCA->new;
my $reply = q(location / { default_type application/json; return 200 '{"ok":true,"protocol":"$server_protocol"}'; });

my @servers = (
	[ good        => { tls => $ca->server('127.0.0.1', 'localhost'), http2 => 1, locations => $reply } ],
	[ http11      => { tls => $ca->server('127.0.0.1'), locations => $reply } ],
	[ unknown_ca  => { tls => $other->server('127.0.0.1'), locations => $reply } ],
	[ wrong_host  => { tls => $ca->server({ names => ['other.example'] }), locations => $reply } ],
	[ expired     => { tls => $ca->server({ names => ['127.0.0.1'], expired => 1 }), locations => $reply } ],
	[ not_yet     => { tls => $ca->server({ names => ['127.0.0.1'], not_yet => 1 }), locations => $reply } ],
	[ self_signed => { tls => $ca->self_signed('127.0.0.1'), locations => $reply } ],
	[ old_tls     => { tls => $ca->server('127.0.0.1'), options => 'ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;', locations => $reply } ],
	[ plain       => { locations => $reply } ],
);
my $nginx = Nginx->start(servers => [ map { $_->[1] } @servers ]);
my %url   = map { $servers[$_][0] => $nginx->url($_) } 0 .. $#servers;
my $mock  = MockServer->start;

my $node = new_cluster('tls', 'connector.ca_file' => $ca->cert_file);
$node->safe_psql('app', q(SELECT connector_create_workspace('acme')));
for my $name (sort keys %url)
{
	$node->safe_psql('app', qq(INSERT INTO connectors (name, config) VALUES ('$name', '{"url": "$url{$name}/x"}')));
}

# outcome NAME -- status, code and message of a call.
sub outcome
{
	my ($name) = @_;
	return $node->safe_psql('app',
		qq(SELECT concat_ws('|', status, error_code, error_message) FROM connector_try_execute('$name')));
}

is($node->safe_psql('app', q(SELECT connector_execute('good') ->> 'protocol')), 'HTTP/2.0', 'a good certificate passes, over HTTP/2');
is($node->safe_psql('app', q(SELECT connector_execute('http11') ->> 'protocol')), 'HTTP/1.1', 'and over HTTP/1.1');
for my $name (qw(unknown_ca wrong_host expired not_yet self_signed old_tls))
{
	like(outcome($name), qr/^failed\|tls_error\|/, "$name is refused");
}
like(psql_error($node, 'app', q(SELECT connector_execute('expired'))), qr/ERROR:  NC009: .*certificate/, 'the error has its SQLSTATE and names the certificate');

# The wrong protocol on either side.
my ($plain_port) = $url{plain} =~ /:(\d+)$/;
my ($tls_port)   = $url{good}  =~ /:(\d+)$/;
$node->safe_psql('app', <<"SQL");
INSERT INTO connectors (name, config) VALUES
	('tls_to_plain', '{"url": "https://127.0.0.1:$plain_port/"}'),
	('plain_to_tls', '{"url": "http://127.0.0.1:$tls_port/"}');
SQL
like(outcome('tls_to_plain'), qr/^failed\|tls_error\|/, 'TLS spoken to a server that does not');
like(outcome('plain_to_tls'), qr/^failed\|(validation_failed|bad_response)\|/, 'plain HTTP spoken to a TLS port');

# A redirect to plain HTTP: not with a credential.
$node->safe_psql('app', <<"SQL");
SELECT connector_credential_set('api', '{"token": "token-for-tls-only"}', kind => 'bearer', allowed_hosts => ARRAY['127.0.0.1:$tls_port']);
INSERT INTO connectors (name, config) VALUES ('downgrade', '{"url": "http://127.0.0.1:$tls_port/", "credential": "api"}');
SQL
like(outcome('downgrade'), qr/^failed\|permission_denied\|credential "api\/default" may not be sent to http:/,
	'a credential bound to https is not sent over http');

# Without the authority's file the system's store counts, which does not know it.
$node->append_conf('postgresql.conf', "connector.ca_file = ''");
$node->reload;
ok($node->poll_query_until('app', q(SELECT current_setting('connector.ca_file') = '')), 'the setting is gone');
like(outcome('good'), qr/^failed\|tls_error\|/, 'without connector.ca_file the private authority is unknown');

# A file that is not there is an error, not a reason to trust.
$node->append_conf('postgresql.conf', "connector.ca_file = '/nonexistent/ca.pem'");
$node->reload;
ok($node->poll_query_until('app', q(SELECT current_setting('connector.ca_file') <> '')), 'another file is set');
like(outcome('good'), qr/^failed\|(tls_error|config_invalid)\|/, 'a missing file refuses everything');

# One session, many calls: one connection, multiplexed or kept alive.
$node->append_conf('postgresql.conf', "connector.ca_file = '" . $ca->cert_file . "'");
$node->reload;
ok($node->poll_query_until('app', q(SELECT connector_execute('good') ->> 'ok' = 'true')), 'the right file again');
done_testing();
