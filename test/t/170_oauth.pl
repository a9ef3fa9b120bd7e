# Connecting accounts against a provider that answers with anything: states, codes, odd replies, whose is what.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use ConnectorTest;
use JSON::PP ();
use MockServer;
use OauthTest;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster('main', 'connector.workers' => 0, 'connector.token_timeout' => '1s', 'log_statement' => 'all');
my $test = OauthTest->new($node, 'app');

$test->sql(<<'SQL');
CREATE ROLE anna LOGIN; CREATE ROLE ed LOGIN; CREATE ROLE olga LOGIN;
SELECT connector_create_workspace('acme', owner => 'anna'), connector_create_workspace('other', owner => 'olga');
SQL
$test->sql("SET ROLE anna; SELECT connector_add_member('ed', 'editor')");
$test->provider('acme-api', {
	base_url      => "$url/api", allowed_hosts => [$url],
	parameters => { type => 'object', properties => { site => { type => 'string', title => 'Site', default => 'main' } } },
	auth => [
		{ kind => 'oauth2', grant => 'authorization_code', authorize_url => "$url/authorize", token_url => "$url/token",
		  revoke_url => "$url/revoke", default_scopes => [ 'read', 'write' ], authorize_params => { access_type => 'offline' },
		  parameters => { instance_url => '$.instance_url' }, callback_parameters => { realm => 'realmId' }, renew_before => 60 },
		{ kind => 'oauth2', grant => 'client_credentials', token_url => "$url/token", client_auth => 'body' },
		{ kind => 'oauth2', grant => 'device_code', device_url => "$url/device", token_url => "$url/token", revoke_url => "$url/revoke" },
		{ kind => 'session', header => 'X-Session', expires_in => 600,
		  login => { method => 'POST', path => '/login', body => { user => '{{workspace.username}}', pass => '{{workspace.password}}', site => '{{workspace.site}}' },
			token => '$.credentials.token', parameters => { site_id => '$.credentials.site' } } },
	] });
$test->provider('plain', { base_url => "$url/api", allowed_hosts => [$url], auth => [ { kind => 'bearer' } ] });
$test->provider('tenanted', { base_url => 'https://{subdomain}.example.com', allowed_hosts => ['{subdomain}.example.com'],
	parameters => { type => 'object', properties => { subdomain => { type => 'string', title => 'Subdomain' } }, required => ['subdomain'] },
	auth => [ { kind => 'oauth2', grant => 'authorization_code', authorize_url => 'https://{subdomain}.example.com/auth', token_url => 'https://{subdomain}.example.com/token' } ] });

# As a member; the error's SQLSTATE and message where there is one.
sub as    { my ($role, $sql) = @_; return $test->as($role, $sql); }
sub error { my ($role, $sql) = @_; return psql_error($node, 'app', qq(SET ROLE "$role";\n$sql)); }

sub begin
{
	my ($role, $more) = @_;
	my $address = as($role, "SELECT connector_oauth_authorize_url('acme-api', 'https://app.example.com/cb'" . ($more // '') . ')');
	my ($state) = $address =~ /[?&]state=([^&]+)/;
	return wantarray ? ($state, $address) : $state;
}

sub token { return { json => { access_token => 'at-0123456789', refresh_token => 'rt-0123456789', expires_in => 3600, @_ } }; }

#
# Before anything is connected.
#
like(error('anna', "SELECT connector_oauth_authorize_url('nobody', 'https://a/cb')"), qr/42704: provider "nobody" does not exist/, 'an unknown provider');
like(error('anna', "SELECT connector_oauth_authorize_url('plain', 'https://a/cb')"), qr/22023: provider "plain" has no authorization code grant/, 'one without OAuth');
like(error('anna', "SELECT connector_oauth_client_set('plain', 'id')"), qr/22023: provider "plain" has no OAuth 2/, 'nor has it applications');
like(error('anna', "SELECT connector_oauth_authorize_url('acme-api', 'https://a/cb')"), qr/NC\d+: provider "acme-api": there is no credential "acme-api\/app".*connector_oauth_client_set/s, 'no application');
like(error('ed', "SELECT connector_oauth_client_set('acme-api', 'id', 'secret')"), qr/42501/, 'an editor stores no application');
like(error('anna', "SELECT connector_oauth_client_set('acme-api', '')"), qr/22023: client_id is empty/, 'an application without id');
as('anna', "SELECT connector_oauth_client_set('acme-api', 'client:1', 's3cret-0123456789')");
like(as('anna', "SELECT error_code, error_message FROM connector_test('{\"url\": \"$url/api/ok\", \"credential\": \"acme-api/app\"}')"),
	qr/^credential_missing\|credential "acme-api\/app" is an application's, not an account's$/, 'no request is made with an application');
as('anna', "SELECT connector_oauth_client_set('tenanted', 'id', 's3cret-0123456789')");
is(as('anna', "SELECT allowed_hosts FROM workspace_api_credentials WHERE service_name = 'acme-api'"), "{$url}", 'the application is bound to its endpoints');
is(as('anna', "SELECT allowed_hosts FROM workspace_api_credentials WHERE service_name = 'tenanted'"), '{*.example.com}', 'to all of them, where each account has its own');
for (["redirect_uri => 'cb'", 'redirect_uri is no address'], ["redirect_uri => 'https://a/#b'", 'redirect_uri is no address'], ["redirect_uri => 'https://a', scopes => ARRAY['a b']", 'scope 1 of the list'],
	["redirect_uri => 'https://a', scope => 'team'", 'unknown scope'], ["redirect_uri => 'https://a', label => 'a b'", 'cannot be the label'], ["redirect_uri => 'https://a', parameters => '{\"a\": 1}'", 'is not a string'])
{
	like(error('anna', "SELECT connector_oauth_authorize_url('acme-api', $_->[0])"), qr/22023: .*\Q$_->[1]/, "refused: $_->[0]");
}
like(error('anna', "SELECT connector_oauth_authorize_url('tenanted', 'https://a')"), qr/22023: provider "tenanted": .* needs the parameter "subdomain"/, 'a parameter is missing');
like(error('anna', "SELECT connector_oauth_authorize_url('tenanted', 'https://a', parameters => '{\"subdomain\": \"evil.org/\"}')"), qr/22023: .*is no address/, 'a parameter that would lead elsewhere');
like(error('ed', "SELECT connector_oauth_authorize_url('acme-api', 'https://a')"), qr/42501/, 'an editor connects nothing for the workspace');

like(error('anna', "SELECT connector_oauth_authorize_url('acme-api', 'https://a', label => 'app')"), qr/22023: credential "acme-api\/app" is an application's/, 'an account does not replace the application');

like(error('anna', "SELECT connector_oauth_authorize_url('acme-api', 'https://a/' || repeat('a', 3000))"), qr/22023: redirect_uri is no address to come back to: it is too long/, 'a long address');
like(error('anna', "SELECT connector_oauth_authorize_url('acme-api', 'https://a', $_)"), qr/54000: scopes and parameters are larger than 65536 bytes/, "too much is kept of none: $_")
  for "scopes => ARRAY[repeat('a', 66000)]", "parameters => jsonb_build_object('site', repeat('a', 66000))";

#
# States.
#
my ($state, $address) = begin('anna');
like($address, qr{^\Q$url\E/authorize\?response_type=code&client_id=client%3A1&redirect_uri=https%3A%2F%2Fapp.example.com%2Fcb&scope=read%20write&state=[\w-]{43}&code_challenge=[\w-]{43}&code_challenge_method=S256&access_type=offline$}, 'the address');
is($test->sql("SELECT count(*) FROM connector_oauth_states s WHERE to_jsonb(s)::text LIKE '%$state%'"), '0', 'no state is stored as it is');
my $unknown = qr/NC001: the authorization is unknown, used up, expired, or somebody else's/;
like(error('anna', "SELECT connector_oauth_callback('" . ('x' x 43) . "', 'c')"), $unknown, 'a wrong state');
like(error('anna', "SELECT connector_oauth_callback('', 'c')"), $unknown, 'an empty one');
like(error('olga', "SELECT connector_oauth_callback('$state', 'c')"), $unknown, "another tenant's");
like(error('ed', "SELECT connector_oauth_callback('$state', 'c')"), $unknown, "another member's");
like(error('ed', 'SELECT * FROM connector_oauth_states'), qr/42501/, 'nobody reads states');
is($mock->requests, 0, 'nothing was asked for so far');

$mock->reply('/token', token(instance_url => 'https://na1.example.com', scope => 'read'));
like(error('anna', "BEGIN; SELECT connector_oauth_callback((regexp_match(connector_oauth_authorize_url('acme-api', 'https://a/cb'), 'state=([^&]+)'))[1], 'c')"), $unknown, 'one that is not committed');
my $id = as('anna', "SELECT connector_oauth_callback('$state', 'the-code-1', '{\"realmId\": \"42\", \"other\": \"x\"}')");
like($id, qr/^[0-9a-f-]{36}$/, 'a code is exchanged');
like(error('anna', "SELECT connector_oauth_callback('$state', 'the-code-1')"), $unknown, 'and its state is used up');
my ($request) = $mock->requests('/token');
like($request->{body}, qr{^grant_type=authorization_code&code=the-code-1&redirect_uri=https%3A%2F%2Fapp.example.com%2Fcb&code_verifier=[\w-]{43}$}, 'what was sent');
is($request->{headers}{authorization}, 'Basic Y2xpZW50JTNBMTpzM2NyZXQtMDEyMzQ1Njc4OQ==', 'by whom');
is($request->{headers}{accept}, 'application/json', 'JSON is asked for');
is($test->sql('SELECT count(*) FROM connector_oauth_states WHERE member = \'role:anna\' AND device IS FALSE'), '0', 'the state is gone');
is(as('anna', "SELECT auth_kind, scope, status, parameters, allowed_hosts, token_generation, token_expires_at > now() + interval '50 minutes', token_expires_at - token_renew_at FROM workspace_api_credentials WHERE id = '$id'"),
	"oauth2|workspace|connected|{\"realm\": \"42\", \"scope\": \"read\", \"instance_url\": \"https://na1.example.com\"}|{$url}|0|t|00:01:00", 'the credential');
my $rows = $test->sql("SELECT string_agg(to_jsonb(c)::text, '') FROM workspace_api_credentials c");
unlike($rows, qr/at-0123456789|rt-0123456789|s3cret/, 'no token is stored in clear');
$state = begin('ed', ", scope => 'user'");
as('ed', "SELECT connector_oauth_callback('$state', 'c')");
is(as('ed', "SELECT string_agg(owner, ',' ORDER BY owner) FROM workspace_api_credentials WHERE service_name = 'acme-api' AND label = 'default'"), ',role:ed', "an editor's own");
$state = begin('ed', ", scope => 'user', label => 'late'");
as('anna', "SELECT connector_remove_member('ed')");
like(error('ed', "SELECT connector_oauth_callback('$state', 'c')"), qr/42704|42501/, 'a member who is none any more');
as('anna', "SELECT connector_add_member('ed', 'editor')");
like(error('ed', "SELECT connector_oauth_callback('$state', 'c')"), qr/^$/, 'the state was not used up by that');
$state = begin('anna');
$test->sql('UPDATE connector_oauth_states SET expires_at = now()');
like(error('anna', "SELECT connector_oauth_callback('$state', 'c')"), $unknown, 'one that has expired');
is($test->sql("SELECT connector_tick() -> 'tokens' ->> 'authorizations_pruned'"), '1', 'connector_tick() removes it');
is($test->sql("SELECT count(*) FROM connector_audit_log WHERE action = 'connect'"), '3', 'the audit log has them');
my $many = "SELECT count(connector_oauth_authorize_url('acme-api', 'https://a/cb')) FROM generate_series(1,";
is(as('anna', "BEGIN; $many 1000); ROLLBACK"), '1000', 'a member can begin many');
like(error('anna', "$many 1001)"), qr/54000: 1000 authorizations of this member have been begun and not ended/, 'but not fill the table');

#
# What comes instead of a code.
#
$state = begin('anna', ", label => 'bad'");
like(error('anna', "SELECT connector_oauth_callback('$state', params => '{\"error\": \"access_denied\", \"error_description\": \"No\\r\\nway\"}')"),
	qr/NC001: provider "acme-api": the authorization was refused\nDETAIL:  Code auth_failed\. The remote said: access_denied: No  way/, 'a user who refuses');
like(error('anna', "SELECT connector_oauth_callback('$state', 'c')"), $unknown, 'that uses it up, too');
$state = begin('anna', ", label => 'bad'");
like(error('anna', "SELECT connector_oauth_callback('$state')"), qr/NC001: .*the provider sent no code/, 'no code');

#
# Odd replies to a code.
#
my %odd = (
	'not JSON \(text/html\)'               => { headers => [ 'Content-Type', 'text/html' ], body => '<html>Sign in</html>' },
	'answered with an error.*bad_code'      => { json => { error => 'bad_code', error_description => 'of the code' } },
	'HTTP status 400.*invalid_grant'        => { status => 400, json => { error => 'invalid_grant' } },
	'HTTP status 302'                       => { status => 302, headers => [ 'Location', "$url/elsewhere" ], body => '' },
	'access_token is a number'              => { json => { access_token => 12 } },
	'no access_token'                       => { json => { ok => JSON::PP::true } },
	'could not be asked: .*'                => { delay_ms => 4000, json => {} },
	'could not be asked: .*too large|could not be asked: .*' => { body => 'x' x 300000 },);
for my $wanted (sort keys %odd)
{
	$mock->reply('/token', $odd{$wanted});
	$state = begin('anna', ", label => 'bad'");
	like(error('anna', "SELECT connector_oauth_callback('$state', 'code-0123456789')"), qr/NC001: provider "acme-api": .*($wanted)/s, "a reply: $wanted");
}
is($test->sql("SELECT count(*) FROM workspace_api_credentials WHERE label = 'bad'"), '0', 'none of them is a credential');
is(scalar($mock->requests('/elsewhere')), 0, 'no redirect was followed');

# Without expires_in the token is used until it is refused.
$mock->reply('/token', { json => { access_token => 'at-9876543210' } });
$state = begin('anna', ", label => 'forever'");
as('anna', "SELECT connector_oauth_callback('$state', 'c')");
is(as('anna', "SELECT token_expires_at IS NULL, token_renew_at IS NULL, status FROM workspace_api_credentials WHERE label = 'forever'"), 't|t|connected', 'no expires_in');

like(error('anna', "SELECT connector_oauth_client_set('acme-api', 'x', label => 'forever')"), qr/22023: credential "acme-api\/forever" is an account's/, 'an application does not replace an account');

#
# It is sent as the provider wants it, and nothing but the token can be read by templates.
#
as('anna', "SELECT connector_create('get', '{\"url\": \"$url/api/me\", \"headers\": {\"x-realm\": \"{{workspace.realm}}\"}, \"credential\": \"acme-api\"}')");
$mock->reply('/api/me', { json => { id => 7, echo => 'at-0123456789 rt-0123456789' } });
is(as('anna', "SELECT connector_execute('get')"), '{"id": 7, "echo": "[redacted] [redacted]"}', 'a call; what the reply shows of the secret is blanked');
($request) = $mock->requests('/api/me');
is($request->{headers}{authorization}, 'Bearer at-0123456789', 'the token');
is($request->{headers}{'x-realm'}, '42', 'a parameter of the callback');
for my $field (qw(refresh_token client_secret client_id))
{
	like(error('anna', "SELECT * FROM connector_test('{\"url\": \"$url/api/me\", \"headers\": {\"x\": \"{{workspace.$field}}\"}, \"credential\": \"acme-api\"}')")
		  . as('anna', "SELECT error_message FROM connector_test('{\"url\": \"$url/api/me\", \"headers\": {\"x\": \"{{workspace.$field}}\"}, \"credential\": \"acme-api\"}')"),
		qr/workspace\.$field/, "templates cannot read $field");
}

#
# An application's secret goes to the hosts that it was stored for, whatever the provider says later.
#
my $evil = MockServer->start;
$evil->reply('/token', token());
as('anna', "SELECT connector_oauth_client_set('acme-api', 'client:1', 's3cret-0123456789', label => 'bound', allowed_hosts => ARRAY['https://elsewhere.example.com'])");
$state = begin('anna', ", label => 'bad', client => 'bound'");
like(error('anna', "SELECT connector_oauth_callback('$state', 'c')"), qr/NC001: .*the application's secret "acme-api\/bound" may not be sent to \Q$url/, 'not to another host');
is(scalar($evil->requests), 0, 'nobody was asked');

# Nor does a workspace's own provider of the name of an official one get what was stored before.
as('anna', "SELECT connector_oauth_client_set('acme-api', 'client:1', 's3cret-0123456789', label => 'before'), connector_credential_set('plain', '{\"token\": \"bearer-0123456789\"}', 'bearer', label => 'before')");
my $shadow = sub { my ($name, $auth) = @_; return JSON::PP->new->encode({ name => $name, title => 'x', category => 'x', description => 'x', version => 1, availability => 'experimental',
	base_url => $evil->url, allowed_hosts => [ $evil->url ], auth => [$auth], actions => { me => { title => 'Me', method => 'GET', path => '/me', output => '$' } } }) };
my $evil_url = $evil->url;
as('anna', sprintf q(SELECT connector_provider_register('%s'), connector_provider_register('%s')), $shadow->('plain', { kind => 'bearer' }),
	$shadow->('acme-api', { kind => 'oauth2', grant => 'authorization_code', authorize_url => "$evil_url/authorize", token_url => "$evil_url/token" }));
like(error('anna', "SELECT connector_call('plain/before', 'me')"), qr/NC002: .*credential "plain\/before" may not be sent to \Q$evil_url/, "a credential stays with the hosts it was stored for");
$state = begin('anna', ", label => 'bad', client => 'before'");
like(error('anna', "SELECT connector_oauth_callback('$state', 'c')"), qr/NC001: .*the application's secret "acme-api\/before" may not be sent to \Q$evil_url/, "so does an application");
is(scalar($evil->requests), 0, 'nobody was asked');
as('anna', "SELECT connector_provider_remove('plain'), connector_provider_remove('acme-api')");

#
# Grants without a user, and sessions.
#
like(error('anna', "SELECT connector_oauth_connect('plain', '{\"a\": \"b\"}')"), qr/22023: provider "plain" has no grant without a user/, 'a provider without');
like(error('anna', "SELECT connector_oauth_connect('acme-api', '{\"a\": \"b\"}', grant_type => 'password')"), qr/22023: provider "acme-api" has no grant "password"/, 'a grant that it has not');
like(error('anna', "SELECT connector_oauth_connect('acme-api', '{\"client_secret\": \"b\"}', label => 'bad')"), qr/NC001: .*client_id is missing/, 'a secret without what is needed');
like(error('anna', "SELECT connector_oauth_connect('acme-api', '[]', label => 'bad')"), qr/22023: the secret is malformed/, 'none at all');
$mock->reply('/token', { status => 401, json => { error => 'invalid_client' } });
like(error('anna', "SELECT connector_oauth_connect('acme-api', '{\"client_id\": \"m2m\", \"client_secret\": \"wrong-0123456789\"}', label => 'bad')"), qr/NC001: .*HTTP status 401.*invalid_client/s, 'a wrong secret');
is($test->sql("SELECT count(*) FROM workspace_api_credentials WHERE label = 'bad'"), '0', 'nothing is stored');
$mock->reply('/token', { json => { access_token => 'm2m-0123456789', expires_in => '60' } });
as('anna', "SELECT connector_oauth_connect('acme-api', '{\"client_id\": \"m2m\", \"client_secret\": \"right-0123456789\"}', label => 'm2m', scopes => ARRAY['all'])");
is(($mock->requests('/token'))[-1]{body}, 'grant_type=client_credentials&scope=all&client_id=m2m&client_secret=right-0123456789', 'client credentials, in the body');
is(as('anna', "SELECT token_expires_at - token_renew_at FROM workspace_api_credentials WHERE label = 'm2m'"), '00:00:30', 'half of a short life is left to renew it');
as('anna', "SELECT connector_oauth_connect('acme-api', label => 'm2m-app', grant_type => 'client_credentials', client => 'app')");
like(($mock->requests('/token'))[-1]{body}, qr/client_id=client%3A1&client_secret=s3cret/, "the application's");
$mock->reply('/api/login', { status => 401, json => { message => 'no' } });
my $login = "connector_oauth_connect('acme-api', '{\"username\": \"u\", \"password\": \"p\\\"w-0123456789\"}', grant_type => 'session', label => 'session')";
like(error('anna', "SELECT $login"), qr/NC001: .*HTTP status 401/s, 'a wrong password');
$mock->reply('/api/login', { status => 401, json => { error => 'denied', message => 'u has no password p"w-0123456789' } });
unlike(error('anna', "SELECT $login"), qr/DETAIL:.*w-0123456789/, 'which is not repeated, though the remote does');
$mock->reply('/api/login', { status => 401, json => { error => 'denied', message => 'u may not' } });
like(error('anna', "SELECT $login"), qr/DETAIL:.*denied: u may not/, 'as other words are');
$mock->reply('/api/login', { json => { credentials => { token => 'session-0123456789', site => 'site-1' } } });
as('anna', "SELECT $login");
is_deeply(JSON::PP::decode_json(($mock->requests('/api/login'))[-1]{body}), { user => 'u', pass => 'p"w-0123456789', site => 'main' }, 'the login, with a parameter by default');
is(as('anna', "SELECT auth_kind, parameters FROM workspace_api_credentials WHERE label = 'session'"), 'session|{"header": "X-Session", "site_id": "site-1"}', 'a session');
as('anna', "SELECT connector_create('session', '{\"url\": \"$url/api/me\", \"credential\": {\"service\": \"acme-api\", \"label\": \"session\"}}')");
as('anna', "SELECT connector_execute('session')");
is(($mock->requests('/api/me'))[-1]{headers}{'x-session'}, 'session-0123456789', 'is sent in its header');
as('anna', "SELECT connector_create('site', '{\"url\": \"$url/api/sites/{{workspace.site_id}}/views\", \"credential\": {\"service\": \"acme-api\", \"label\": \"session\"}}')");
$mock->reply('/api/sites/site-1/views', { status => 401, json => {} }, { json => { views => 2 } });
$mock->reply('/api/login', { json => { credentials => { token => 'session-9876543210', site => 'site-1' } } });
is(as('anna', "SELECT connector_execute('site')"), '{"views": 2}', 'one that has ended is replaced');
is(join(' ', map { $_->{headers}{'x-session'} } $mock->requests('/api/sites/site-1/views')), 'session-0123456789 session-9876543210', 'by another login');
is(as('anna', "SELECT token_generation, status, parameters ->> 'site_id' FROM workspace_api_credentials WHERE label = 'session'"), '1|connected|site-1', 'which is kept');

#
# Devices.
#
$mock->reply('/device', { status => 400, json => { error => 'invalid_client' } });
like(error('anna', "SELECT connector_oauth_device_start('acme-api')"), qr/NC001: .*invalid_client/s, 'a device that is not known');
$mock->reply('/device', { json => { device_code => 'dc-0123456789', user_code => 'WDJB-MJHT', verification_uri => "$url/activate", expires_in => 1800, interval => 7 } });
my ($device, @shown) = split /\|/, as('anna', "SELECT state, user_code, verification_uri, verification_uri_complete IS NULL, expires_at > now() + interval '29 minutes', retry_after FROM connector_oauth_device_start('acme-api', label => 'device')");
is("@shown", "WDJB-MJHT $url/activate t t 7", 'the codes for the user');
$mock->reply('/token', { status => 400, json => { error => 'authorization_pending' } }, { status => 400, json => { error => 'slow_down' } }, token());
my $poll = "SELECT status, credential_id IS NOT NULL, retry_after FROM connector_oauth_device_poll('$device')";
like(error('ed', $poll), $unknown, "another member's");
like(error('anna', "SELECT connector_oauth_callback('$device', 'c')"), $unknown, 'no state of a code');
is(as('anna', $poll), 'pending|f|5', 'nobody has allowed it');
is(as('anna', $poll), 'pending|f|10', 'asked too often');
is(as('anna', $poll), 'connected|t|', 'allowed');
like(error('anna', $poll), $unknown, 'that is all');
like(($mock->requests('/token'))[-1]{body}, qr/^grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=dc-0123456789$/, 'what was sent');

#
# Revoked.
#
$mock->reply('/revoke', { status => 503, json => {} });
like(error('anna', "SELECT connector_credential_revoke('acme-api', 'device')"), qr/NC001: .*revocation endpoint answered with HTTP status 503.*connector_credential_delete/s, 'a provider that does not');
like(error('ed', "SELECT connector_credential_revoke('acme-api', 'device')"), qr/42501/, 'an editor does not');
is(as('olga', "SELECT connector_credential_revoke('acme-api', 'device')"), 'f', "nor sees another tenant's");
$mock->reply('/revoke', { status => 200, body => '' });
is(as('anna', "SELECT connector_credential_revoke('acme-api', 'device')"), 't', 'one that does');
is(($mock->requests('/revoke'))[-1]{body}, 'token=rt-0123456789&token_type_hint=refresh_token', 'the refresh token is revoked');
is(as('anna', "SELECT connector_credential_revoke('acme-api', 'device')"), 'f', 'and the credential is gone');

#
# The providers' pages say how to connect: the calls are right, and the address names the application.
#
$test->sql('SELECT connector_catalog_load()');
as('olga', "SELECT connector_oauth_client_set('dynamics-365', 'id-1', 'secret-0123456789', label => 'elsewhere')");
is(as('olga', "SELECT allowed_hosts FROM workspace_api_credentials WHERE label = 'elsewhere'"), '{login.microsoftonline.com}', 'the path of an endpoint does not matter for its host');
my $pages = 0;
for my $page (sort glob("$FindBin::RealBin/../../docs/providers/*.md"))
{
	my ($calls) = PostgreSQL::Test::Utils::slurp_file($page) =~ /^```sql norun\n(SELECT connector_oauth_client_set.*?)^```/ms or next;
	my $name = $page =~ s{.*/}{}r;
	like(as('olga', $calls), qr/^\S+\nhttps:\S+[?&]client_id=%3Cclient%20id%3E&/, $name);
	$pages++;
}
is($pages, $test->sql("SELECT count(*) FROM connector_providers WHERE definition -> 'auth' \@> '[{\"grant\": \"authorization_code\"}]' AND builtin"), 'all of those with a user');

#
# Nothing of all this is in the log but statements that hold no secret of ours: the ones that failed are hidden.
#
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
$log =~ s/^.*LOG:  statement: .*\n(?:\t.*\n)*//mg;
unlike($log, qr/at-0123456789|rt-0123456789|s3cret-|dc-0123456789|wrong-0123456789|code-0123456789|w-0123456789/, 'no secret in the log');

done_testing();
