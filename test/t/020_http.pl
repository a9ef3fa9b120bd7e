# Connections: kept and used again within a session, over HTTP/1.1 and HTTP/2, but never by another credential or
# another workspace; and what one call sets does not show in the next.
use strict;
use warnings;
use ConnectorTest;
use JSON::PP qw(decode_json);
use MockServer;
use Nginx;
use Test::More;
use TestCA;

my $mock  = MockServer->start;
my $url   = $mock->url;
my $ca    = TestCA->new;
my $nginx = Nginx->start(
	servers => [
		{   tls       => $ca->server('127.0.0.1'),
			http2     => 1,
			locations => q(location / { default_type application/json; return 200 '{"connection":$connection,"requests":$connection_requests,"protocol":"$server_protocol"}'; })
		} ]);
my $https = $nginx->url(0);
my $node  = new_cluster('http', 'connector.ca_file' => $ca->cert_file);

$node->safe_psql('app', <<"SQL");
CREATE ROLE alice LOGIN;
SELECT connector_create_workspace('one', owner => 'alice');
SELECT connector_create_workspace('two', owner => 'alice');
SET ROLE alice;
SELECT connector_credential_set(service, '{"token": "token-of-a-service"}', kind => 'bearer',
		allowed_hosts => ARRAY['$url', replace('$https', 'https://', '')], workspace => w)
  FROM unnest(ARRAY['first', 'second']) service, unnest(ARRAY['one', 'two']) w;
INSERT INTO connectors (workspace_id, name, config)
SELECT w.id, c.name, c.config::jsonb FROM connector_workspaces w, (VALUES
	('plain',   '{"url": "$url/count"}'),
	('first',   '{"url": "$url/count", "credential": "first"}'),
	('second',  '{"url": "$url/count", "credential": "second"}'),
	('h2',      '{"url": "$https/", "credential": "first"}'),
	('h2other', '{"url": "$https/", "credential": "second"}'),
	('echo',    '{"url": "$url/echo"}'),
	('loud',    '{"method": "POST", "url": "$url/echo", "credential": "first",
	              "headers": {"X-Loud": "yes", "Accept": "text/plain"}, "body": {"a": 1}}'),
	('closing', '{"url": "$url/close-mid-body"}')) c(name, config);
SQL

my $session = $node->background_psql('app');
$session->query_safe('SET ROLE alice');

# call CONNECTOR [, WORKSPACE] -- its output.
sub call
{
	my ($connector, $workspace) = @_;
	return decode_json($session->query_safe(
		sprintf q(SELECT connector_execute('%s', workspace => '%s')), $connector, $workspace // 'one'));
}

my $connections = call('first')->{connections};
is(call('first')->{connections}, $connections, 'a second call uses the connection of the first') for 1 .. 3;
is(call('second')->{connections}, $connections + 1, 'another credential has a connection of its own');
is(call('plain')->{connections},  $connections + 2, 'so have calls without one');
is(call('first', 'two')->{connections}, $connections + 3, 'and the credential of another workspace');
is(call($_)->{connections}, $connections + 3, "$_ is still kept") for qw(first second plain);

# A connection that broke is replaced, once.
$session->query_safe(q(SELECT connector_try_execute('closing', workspace => 'one')));
my $after = call('plain')->{connections};
is(call('plain')->{connections}, $after, 'after a broken one the next is kept again');

# HTTP/2.
my $h2 = call('h2');
is($h2->{protocol}, 'HTTP/2.0', 'TLS connections speak HTTP/2');
my $again = call('h2');
is($again->{connection}, $h2->{connection}, 'and are used again');
is($again->{requests}, $h2->{requests} + 1, 'for the next request');
isnt(call('h2other')->{connection}, $h2->{connection}, 'but not by another credential');
is(call('h2')->{connection}, $h2->{connection}, 'while the first keeps its own');

# What belongs to one call.
my $quiet = call('echo');
my $loud  = call('loud');
is($loud->{method}, 'POST', 'a call with everything');
is($loud->{headers}{authorization} // $loud->{headers}{Authorization}, 'Bearer [redacted]', 'with its credential');
is_deeply(call('echo'), $quiet, 'leaves nothing in the next');

# A setting that changes where connections may go counts for those that are open, too.
$node->append_conf('postgresql.conf', "connector.allowed_networks = ''");
$node->reload;
my $refused = 0;
for (1 .. 100)
{
	my $code = $session->query_safe(q(SELECT error_code FROM connector_try_execute('plain', workspace => 'one')));
	last if $refused = $code eq 'blocked_address';
	select undef, undef, undef, 0.05;
}
ok($refused, 'an address that is no longer allowed is refused, though a connection was open');
$session->quit;
done_testing();
