# Connecting accounts with a real authorization server (oidc-provider), which is strict: PKCE is required, refresh
# tokens rotate, and one that is used twice revokes the grant.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use ConnectorTest;
use OauthTest;
use Test::More;

my $server = OauthTest::Server->start('server.mjs');
my $issuer = $server->url;

sub browse { my ($url) = @_; return $server->get('/test/browse', url => $url); }
sub count  { my ($grant, $list) = @_; return $server->get('/test/counts')->{ $list // 'success' }{$grant} // 0; }

my $node = new_cluster('main', 'connector.workers' => 2, 'connector.poll_interval' => 100);
my $test = OauthTest->new($node, 'app');
$test->sql("CREATE ROLE anna; SELECT connector_create_workspace('acme', owner => 'anna')");
my @endpoints = (token_url => "$issuer/token", revoke_url => "$issuer/token/revocation", default_scopes => [ 'openid', 'offline_access' ], renew_before => 1);
$test->provider('idp', { base_url => $issuer, allowed_hosts => [$issuer], auth => [
	{ kind => 'oauth2', grant => 'authorization_code', authorize_url => "$issuer/auth", authorize_params => { prompt => 'consent' }, @endpoints },
	{ kind => 'oauth2', grant => 'client_credentials', client_auth => 'body', token_url => "$issuer/token", default_scopes => ['read'] },
	{ kind => 'oauth2', grant => 'device_code', device_url => "$issuer/device/auth", @endpoints } ] });

sub as { my ($sql) = @_; return $test->as('anna', $sql); }
sub error { my ($sql) = @_; return psql_error($node, 'app', "SET ROLE anna;\n$sql"); }
sub row { my ($label, $columns) = @_; return $test->sql("SELECT $columns FROM workspace_api_credentials WHERE label = '$label'"); }

sub connector
{
	my ($label) = @_;
	as("SELECT connector_create('$label', '{\"url\": \"$issuer/me\", \"credential\": {\"service\": \"idp\", \"label\": \"$label\"}}')");
	return;
}

# authorize LABEL [, CLIENT] -- the user allows it; what they are sent back with.
sub authorize
{
	my ($label, $client) = @_;
	my $url  = as("SELECT connector_oauth_authorize_url('idp', 'https://app.example.com/cb', label => '$label', client => '" . ($client // 'app') . "')");
	my $back = browse($url);
	like($back->{url}, qr{^https://app\.example\.com/cb\?}, 'the user comes back') or diag("$back->{status} $back->{url}");
	my %query = map { /([^=]+)=(.*)/ } split /&/, $back->{url} =~ s/.*\?//r;
	return @query{qw(state code)};
}

as("SELECT connector_oauth_client_set('idp', 'web', 'web-secret-0123456789')");
as("SELECT connector_oauth_client_set('idp', 'odd id:%&', 'odd secret+/:&=%', label => 'odd')");
as("SELECT connector_oauth_client_set('idp', 'web', 'another-0123456789', label => 'wrong')");
as("SELECT connector_oauth_client_set('idp', 'device', label => 'device')");

#
# Authorization code with PKCE.
#
my ($state, $code) = authorize('main');
like(error("SELECT connector_oauth_callback('" . reverse($state) . "', '$code')"), qr/NC001: the authorization is unknown/, 'a wrong state');
like(as("SELECT connector_oauth_callback('$state', '$code')"), qr/^[0-9a-f-]{36}$/, 'a code is exchanged');
is(row('main', "status, token_expires_at - now() BETWEEN interval '0' AND interval '3 seconds', parameters ->> 'scope'"), 'connected|t|openid offline_access', 'the credential');
like(error("SELECT connector_oauth_callback('$state', '$code')"), qr/NC001: the authorization is unknown/, 'a state is good once');
connector('main');
like(as("SELECT connector_execute('main')"), qr/"sub": "user"/, 'a call');
my ($other) = as("SELECT connector_oauth_authorize_url('idp', 'https://app.example.com/cb', label => 'replayed')") =~ /state=([^&]+)/;
like(error("SELECT connector_oauth_callback('$other', '$code')"), qr/NC001: provider "idp": .*HTTP status 400.*invalid_grant/s, 'a code that was used, with another state');
is(row('replayed', 'count(*)'), '0', 'brings nothing');
# That was the end of what the code had brought (RFC 6749, section 4.1.2).
($state, $code) = authorize('main');
as("SELECT connector_oauth_callback('$state', '$code')");
($state, $code) = authorize('bad', 'wrong');
like(error("SELECT connector_oauth_callback('$state', '$code')"), qr/NC001: .*HTTP status 401.*invalid_client/s, "a wrong secret");
($state, $code) = authorize('strange', 'odd');
like(as("SELECT connector_oauth_callback('$state', '$code')"), qr/^[0-9a-f-]{36}$/, 'an id and a secret with all that has to be encoded');

#
# Refresh: twenty sessions and two workers, one request; each refresh token is used once.
#
$server->get('/test/forget');
$test->sql("UPDATE workspace_api_credentials SET token_expires_at = now() WHERE label = 'main'");
as("SELECT connector_execute_async('main') FROM generate_series(1, 20)");
my @sessions = map { $node->background_psql('app') } 1 .. 20;
for (@sessions) { $_->{stdin} .= "SET ROLE anna; SELECT status FROM connector_try_execute('main');\n"; $_->{run}->pump_nb; }
ok(poll_until(sub { $_->{run}->pump_nb for @sessions; 20 == grep { $_->{stdout} =~ /success/ } @sessions }), 'twenty sessions');
ok(poll_until(sub { $test->sql('SELECT count(*) FROM connector_queue') eq '0' }), 'and two workers');
is($test->sql("SELECT string_agg(DISTINCT concat_ws(' ', status, error_message), ',') FROM connector_history WHERE connector_name = 'main'"), 'success', 'all succeed');
is(count('refresh_token'), row('main', 'token_generation') - 1, 'each generation is one request');
cmp_ok(count('refresh_token'), '<=', 2, 'and there was one, but for tokens that live three seconds');
is(count('refresh_token', 'error'), 0, 'none was refused');
$_->quit for @sessions;

# It goes on like that while tokens end, by the clock or because the provider says so.
for my $round (1 .. 3)
{
	$test->sql("UPDATE workspace_api_credentials SET token_expires_at = now() + interval '1 hour', token_renew_at = NULL WHERE label = 'main'") if $round == 2;
	my $generation = row('main', 'token_generation');
	ok(poll_until(sub { as("SELECT status FROM connector_try_execute('main')") eq 'success' && row('main', 'token_generation') > $generation }), "round $round");
}
is(count('refresh_token', 'error'), 0, 'no refresh token was used twice');

# One that was: the provider notices and revokes all of it.
$test->sql("CREATE TABLE old AS SELECT secret FROM workspace_api_credentials WHERE label = 'main'");
as("SELECT connector_credential_renew('idp', 'main')");
$test->sql("UPDATE workspace_api_credentials SET secret = old.secret FROM old WHERE label = 'main'");
like(error("SELECT connector_credential_renew('idp', 'main')"), qr/NC001: .*invalid_grant/, 'a refresh token that was used');
is(row('main', 'status'), 'reauthorize', 'somebody has to connect anew');
like(as("SELECT error_message FROM connector_try_execute('main')"), qr/invalid_grant/, 'which whoever needs it is told');
($state, $code) = authorize('main');
as("SELECT connector_oauth_callback('$state', '$code')");
is(row('main', 'status'), 'connected', 'and does');
like(as("SELECT connector_execute('main')"), qr/"sub": "user"/, 'a call');

#
# Revocation.
#
$test->sql("CREATE TABLE kept AS SELECT * FROM workspace_api_credentials WHERE label = 'main'");
is(as("SELECT connector_credential_revoke('idp', 'main')"), 't', 'revoked');
$test->sql('INSERT INTO workspace_api_credentials SELECT * FROM kept');
like(error("SELECT connector_credential_renew('idp', 'main')"), qr/NC001: .*invalid_grant/, 'what is kept of it is of no use');

#
# Client credentials.
#
like(error("SELECT connector_oauth_connect('idp', '{\"client_id\": \"machine\", \"client_secret\": \"wrong-0123456789\"}', label => 'machine')"), qr/NC001: .*invalid_client/s, 'a wrong secret');
as("SELECT connector_oauth_connect('idp', '{\"client_id\": \"machine\", \"client_secret\": \"machine-secret-0123456789\"}', label => 'machine')");
as("SELECT connector_credential_renew('idp', 'machine')");
is(row('machine', "status, token_generation, parameters ->> 'scope'"), 'connected|1|read', 'client credentials');

#
# A device.
#
($state, my $where) = split /\|/, as("SELECT state, verification_uri_complete FROM connector_oauth_device_start('idp', label => 'tv', client => 'device')");
my $poll = "SELECT status FROM connector_oauth_device_poll('$state')";
is(as($poll), 'pending', 'nobody has allowed it');
is(browse($where)->{status}, 200, 'the user does');
is(as($poll), 'connected', 'then it is connected');
connector('tv');
like(as("SELECT connector_execute('tv')"), qr/"sub": "user"/, 'a call');
as("SELECT connector_credential_renew('idp', 'tv')");
is(row('tv', 'token_generation'), '1', 'and its token is renewed');

done_testing();
