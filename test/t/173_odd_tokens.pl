# Renewal with a real authorization server that answers oddly (oauth2-mock-server): what comes is taken or refused, and
# what was there before is kept.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use ConnectorTest;
use OauthTest;
use Test::More;

my $server = OauthTest::Server->start('odd.mjs');
my $issuer = $server->url;
my $node   = new_cluster('main', 'connector.workers' => 0);
my $test   = OauthTest->new($node, 'app');
my $scope  = '{api}/.default';

$test->sql("SELECT connector_create_workspace('acme')");
$test->provider('odd', {
	base_url => '{api}', allowed_hosts => ['{api}'],
	parameters => { type => 'object', required => ['api'], properties => {
		api    => { type => 'string', title => 'API', pattern => '^http://127' },
		tenant => { type => 'string', title => 'Tenant', pattern => '^[a-z]+$' },
		region => { type => 'string', title => 'Region', pattern => '^[a-z]+$', default => 'eu' } } },
	auth => [
		{ kind => 'oauth2', grant => 'authorization_code', authorize_url => "$issuer/authorize?region={region}", token_url => "$issuer/token",
		  scopes => { $scope => 'All of it', offline_access => 'Refresh' }, default_scopes => [ $scope, 'offline_access' ],
		  parameters => { api => '$.api', tenant => '$.tenant' }, refresh_params => { region => 'eu' }, renew_before => 60 },
		{ kind => 'oauth2', grant => 'client_credentials', client_auth => 'body', token_url => "$issuer/token" } ] });
$test->sql("SELECT connector_oauth_client_set('odd', 'app-1', 'secret-0123456789')");

sub row { my ($columns) = @_; return $test->sql("SELECT $columns FROM workspace_api_credentials WHERE label = 'default'"); }
sub error { my ($sql) = @_; return psql_error($node, 'app', $sql); }
sub next_replies { $server->get('/test/next', @_); return; }
sub asked { return @{ $server->get('/test/asked') }; }

# begin PARAMETERS -- the user allows it; what they are sent back with.
sub begin
{
	my ($parameters) = @_;
	my $url = $test->sql("SELECT connector_oauth_authorize_url('odd', 'https://app.example.com/cb', parameters => '$parameters')");
	my %query = map { /([^=]+)=(.*)/ } split /&/, ($server->redirect($url) // '') =~ s/.*\?//r;
	return ($query{state}, $query{code}, $url);
}

#
# Parameters: the provider's form holds for those that are given and for those that come.
#
my $authorize = "SELECT connector_oauth_authorize_url('odd', 'https://app.example.com/cb', parameters => ";
like(error("$authorize '{\"api\": \"http://127.0.0.1\", \"region\": \"E U\"}')"), qr/22023: the parameters do not fit provider "odd".*region/s, 'one that does not fit');
like(error("$authorize '{}')"), qr/22023: provider "odd": scope 1 of the list needs the parameter "api"/, 'a scope needs one');
like(error("$authorize '{\"api\": \"http://127.0.0.1/a b\"}')"), qr/22023: provider "odd": scope 1 of the list is not the name of a scope/, 'a scope would become two');
my ($state, $code, $url) = begin("{\"api\": \"$issuer\"}");
like($url, qr/authorize\?region=eu&response_type=code&/, 'an address with a parameter by default');
like($url, qr/[?&]scope=\Q@{[ $issuer =~ s{:}{%3A}gr =~ s{\/}{%2F}gr ]}\E%2F\.default%20offline_access(?:&|$)/, 'a scope made of a parameter');
next_replies(set => '{"tenant": "NOT-SO"}');
like(error("SELECT connector_oauth_callback('$state', '$code')"), qr/NC001: provider "odd": with what came with the token, the parameters do not fit.*tenant/s, 'one that comes and does not fit');
is($test->sql("SELECT count(*) FROM workspace_api_credentials WHERE label = 'default'"), '0', 'nothing is stored');
next_replies(set => "{\"tenant\": \"north\"}");
($state, $code) = begin("{\"api\": \"$issuer\"}");
$test->sql("SELECT connector_oauth_callback('$state', '$code')");
is(row("parameters ->> 'tenant', parameters ? 'region', parameters ->> 'api', allowed_hosts"), "north|f|$issuer|{$issuer}", 'what came, and what was given; no defaults');
$test->sql("SELECT connector_create('me', '{\"url\": \"$issuer/userinfo\", \"credential\": \"odd\"}')");
like($test->sql("SELECT connector_execute('me')"), qr/johndoe/, 'a call');

#
# Renewals.
#
asked();
for (["200 with an error", 'odd_error', set => '{"error": "odd_error"}', drop => 'access_token'],
	['no token', 'no access_token', drop => 'access_token'],
	['a number for a token', 'access_token is a number', set => '{"access_token": 7}'],
	['an error of the server', 'HTTP status 500', status => 500])
{
	my ($what, $wanted, @reply) = @$_;
	next_replies(@reply);
	my $before = row('md5(secret), token_generation');
	# nobody asks again before a moment has passed
	$test->sql("UPDATE workspace_api_credentials SET token_failures = 0 WHERE label = 'default'");
	ok(poll_until(sub { error("SELECT connector_credential_renew('odd')") =~ qr/NC001: .*\Q$wanted/s }), $what);
	is(row('md5(secret), token_generation'), $before, 'the old one is kept');
	is(row('status'), 'expiring', 'which is seen');
	like($test->sql("SELECT connector_execute('me')"), qr/johndoe/, 'and used');
}
is((asked())[-1]{region}, 'eu', 'refresh_params are sent');
like($test->sql('SELECT connector_metrics()'), qr/^connector_token_refresh_failures\S* 4$/m, 'failures are counted');

next_replies(drop => 'refresh_token');
ok(poll_until(sub { error("SELECT connector_credential_renew('odd')") eq '' }), 'a good reply');
is(row('status, token_generation'), 'connected|1', 'no refresh token');
next_replies(drop => 'expires_in');
is($test->sql("SELECT connector_credential_renew('odd') IS NULL"), 't', 'no end');
my @forms = asked();
is($forms[-1]{refresh_token}, $forms[-2]{refresh_token}, 'the refresh token that was there is used again');
is(row('status, token_generation, token_expires_at IS NULL'), 'connected|2|t', 'nobody knows when the token ends');
# The old refresh token may be good for nothing by then: what came with an end that is none is taken.
next_replies(set => '{"expires_in": "tomorrow", "refresh_token": "rotated-0123456789"}');
is($test->sql("SELECT connector_credential_renew('odd') IS NULL"), 't', 'no end that is one');
next_replies();
is($test->sql("SELECT connector_credential_renew('odd') IS NULL"), 'f', 'a good reply again');
is((asked())[-1]{refresh_token}, 'rotated-0123456789', 'to the refresh token that came with it');
next_replies(set => '{"error": "invalid_grant"}', status => 400, drop => 'access_token');
like(error("SELECT connector_credential_renew('odd')"), qr/NC001: .*invalid_grant/s, 'refused for good');
is(row('status'), 'reauthorize', 'somebody has to connect anew');
next_replies(set => "{\"tenant\": \"north\"}");
($state, $code) = begin("{\"api\": \"$issuer\", \"region\": \"us\"}");
$test->sql("SELECT connector_oauth_callback('$state', '$code')");
is(row("status, parameters ->> 'region'"), 'connected|us', 'and does');

done_testing();
