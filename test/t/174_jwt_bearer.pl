# Accounts that are connected with an assertion the credential's own key has signed (RFC 7523), as Google's service
# accounts, Salesforce and DocuSign want it: the endpoint's side of it is done by openssl.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use ConnectorTest;
use File::Temp qw(tempdir);
use JSON::PP ();
use MIME::Base64 qw(decode_base64url);
use MockServer;
use OauthTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster('main', 'connector.workers' => 0, 'connector.token_timeout' => '2s', 'log_statement' => 'none');
my $test = OauthTest->new($node, 'app');
my $dir  = tempdir(CLEANUP => 1);
my $JSON = JSON::PP->new->canonical;

# A key for the accounts, one of somebody else, and the same key encrypted.
sub openssl
{
	my (@arguments) = @_;
	open my $pipe, '-|', "openssl @arguments 2>&1" or die "openssl: $!";
	my $output = do { local $/; <$pipe> };
	close $pipe;
	return ($?, $output);
}
for my $name (qw(key other))
{
	openssl("genrsa -out $dir/$name.pem 2048");
	openssl("rsa -in $dir/$name.pem -pubout -out $dir/$name.pub");
}
openssl("pkcs8 -topk8 -v2 aes-256-cbc -passout pass:open-sesame -in $dir/key.pem -out $dir/sealed.pem");
openssl("ecparam -name prime256v1 -genkey -noout -out $dir/ec.pem");
my %pem = map { $_ => slurp_file("$dir/$_.pem") } qw(key other sealed ec);

# The auth entries as the catalog has them, DocuSign's as its documentation has it, but for the address.
my %catalog = map { $_ => $JSON->decode(slurp_file("$FindBin::RealBin/../../catalog/$_.json")) } qw(google-drive salesforce);

sub entry
{
	my ($name) = @_;
	my ($entry) = grep { ($_->{grant} // '') eq 'jwt_bearer' } @{ $catalog{$name}{auth} };
	return { %$entry, token_url => "$url/token", revoke_url => undef };
}
my $parameters = sub { my (@names) = @_; return { type => 'object', properties => { map { $_ => { type => 'string', title => $_ } } @names } } };
$test->sql("SELECT connector_create_workspace('acme')");
$test->provider('google', { base_url => $url, allowed_hosts => [$url], parameters => $parameters->('subject'), auth => [ entry('google-drive') ] });
$test->provider('salesforce', { base_url => $url, allowed_hosts => [$url],
		parameters => $parameters->('username', 'login_host', 'instance_url'), auth => [ entry('salesforce') ] });
$test->provider('docusign', { base_url => $url, allowed_hosts => [$url], parameters => $parameters->('account_host', 'user_id'), auth => [
			{ kind => 'oauth2', grant => 'jwt_bearer', token_url => "$url/token", scopes => { signature => 'Send', impersonation => 'Act for a user' },
				default_scopes => [ 'signature', 'impersonation' ], client_auth => 'none',
				jwt => { algorithm => 'RS256', lifetime => 600, claims => { iss => '{client_id}', sub => '{user_id}', aud => '{account_host}', scope => '{scope}' } } } ] });

sub literal { my ($value) = @_; return '$json$' . $JSON->encode($value) . '$json$'; }

sub connect_sql
{
	my ($provider, $secret, $given) = @_;
	return sprintf 'SELECT connector_oauth_connect(\'%s\', %s, %s)', $provider, literal($secret), literal($given // {});
}

sub error { my (@arguments) = @_; return psql_error($node, 'app', connect_sql(@arguments)); }
sub row { my ($provider, $columns) = @_; return $test->sql("SELECT $columns FROM workspace_api_credentials WHERE service_name = '$provider'"); }

# form -- the last request as a hash; assertion -- header and claims of its assertion, if the public key verifies it.
sub form
{
	my $body = ($mock->requests('/token'))[-1]{body};
	return map { my ($name, $value) = split /=/, $_, 2; $value =~ s/%(..)/chr hex $1/ge; ($name => $value) } split /&/, $body;
}

sub assertion
{
	my ($key) = @_;
	my %form = form();
	my ($header, $claims, $signature) = split /\./, $form{assertion}, -1;
	append_to_file("$dir/signed", '');
	for ([ signed => "$header.$claims" ], [ signature => decode_base64url($signature) ])
	{
		open my $file, '>:raw', "$dir/$_->[0]" or die;
		print {$file} $_->[1];
		close $file;
	}
	my ($status, $output) = openssl("dgst -sha256 -verify $dir/$key.pub -signature $dir/signature $dir/signed");
	return if $status != 0;
	return ($JSON->decode(decode_base64url($header)), $JSON->decode(decode_base64url($claims)));
}

#
# What cannot be signed is never sent, and no key is shown.
#
my $google = { client_email => 'bot@project.iam.example.com', private_key => $pem{key}, private_key_id => 'key-id-1', type => 'service_account', project_id => 'project', token_uri => 'https://evil.example.com/token' };
like(error('google', { %$google, private_key => 'no key' }), qr/NC001: provider "google": the assertion cannot be signed with the credential's private_key: /, 'what is no key');
like(error('google', { %$google, private_key => substr($pem{key}, 0, 900) }), qr/NC001: .*the assertion cannot be signed/, 'half of one');
like(error('google', { %$google, private_key => $pem{ec} }), qr/NC001: .*the assertion cannot be signed/, 'one of another kind');
like(error('google', { %$google, private_key => $pem{sealed} }), qr/NC001: .*the assertion cannot be signed/, 'an encrypted one without its passphrase');
like(error('google', { %$google, private_key => $pem{sealed}, private_key_passphrase => 'wrong-sesame' }), qr/NC001: .*the assertion cannot be signed/, 'with a wrong one');
like(error('google', { client_email => 'a@b' }), qr/NC001: .*the credential has no private_key/, 'none');
like(error('google', { private_key => $pem{key} }), qr/NC001: .*the credential has no "client_email", which the assertion needs/, 'a claim without its value');
like(error('docusign', { private_key => $pem{key}, client_id => 'integration-key' }, { account_host => 'account-d.example.com' }), qr/NC001: .*no "user_id"/, 'a parameter that is missing');
is(scalar($mock->requests), 0, 'nobody was asked');

#
# A provider that refuses the assertion.
#
$mock->reply('/token', { status => 400, json => { error => 'invalid_grant', error_description => 'Invalid JWT Signature.' } });
like(error('google', $google), qr/NC001: provider "google": .*HTTP status 400.*invalid_grant: Invalid JWT Signature\./s, 'a provider that refuses it');
is(row('google', 'count(*)'), '0', 'nothing is stored');

#
# Google's service account: the file as it is, with a subject or without.
#
$mock->reply('/token', { json => { access_token => 'google-token-1', expires_in => 3599, token_type => 'Bearer' } });
my $before = time;
$test->sql(connect_sql('google', $google));
my %form = form();
is(join(',', sort keys %form), 'assertion,grant_type', 'what is sent: no client');
is($form{grant_type}, 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'the grant');
is(assertion('other'), undef, 'another key verifies nothing');
my ($header, $claims) = assertion('key');
is_deeply($header, { alg => 'RS256', typ => 'JWT', kid => 'key-id-1' }, 'the header names the key');
my $now = $claims->{iat};
ok($now >= $before && $now <= time, 'issued now');
is($claims->{exp} - $now, 3600, 'for an hour, the longest that Google takes');
my $first = delete $claims->{jti};
ok(length $first, 'with an id');
delete @$claims{qw(iat exp)};
is_deeply($claims, { iss => 'bot@project.iam.example.com', scope => 'https://www.googleapis.com/auth/drive', aud => 'https://oauth2.googleapis.com/token' }, "the claims; token_uri of the file leads nowhere");
is(row('google', "auth_kind, status, parameters::text, allowed_hosts, token_renew_at IS NOT NULL"), "oauth2|connected|{\"header\": \"authorization\", \"prefix\": \"Bearer \"}|{$url}|t", 'the credential');
$test->sql(connect_sql('google', { %$google, private_key => $pem{sealed}, private_key_passphrase => 'open-sesame' }, { subject => 'ada@example.com' }));
($header, $claims) = assertion('key');
is($claims->{sub}, 'ada@example.com', 'for a user, with an encrypted key');

# Renewed by the token process: a new assertion, which nobody can use again.
$test->sql("SELECT connector_create('files', '{\"url\": \"$url/files\", \"credential\": \"google\"}')");
$mock->reply('/files', { json => { ok => 1 } });
$test->sql("UPDATE workspace_api_credentials SET token_expires_at = now() WHERE service_name = 'google'");
$mock->reply('/token', { json => { access_token => 'google-token-2', expires_in => 3599 } });
$test->sql("SELECT connector_execute('files')");
is(($mock->requests('/files'))[-1]{headers}{authorization}, 'Bearer google-token-2', 'a token that has ended is replaced');
($header, $claims) = assertion('key');
isnt($claims->{jti}, $first, 'with another assertion');
is($claims->{sub}, 'ada@example.com', 'for the same user');
is(row('google', 'token_generation'), '2', 'once');
$mock->reply('/token', { status => 400, json => { error => 'invalid_grant', error_description => 'account_deleted ' . $google->{client_email} } });
like(psql_error($node, 'app', "SELECT connector_credential_renew('google')"), qr/NC001: .*invalid_grant/, 'an account that is gone');
is(row('google', 'status'), 'reauthorize', 'has to be connected anew');

#
# Salesforce: the consumer key, a user, and an instance that comes with the token.
#
$mock->reply('/token', { json => { access_token => 'salesforce-token-1', instance_url => 'https://na1.example.com', token_type => 'Bearer', scope => 'api' } });
my $salesforce = { client_id => 'consumer-key', private_key => $pem{key} };
$test->sql(connect_sql('salesforce', $salesforce, { username => 'ada@example.com', login_host => 'login.example.com' }));
%form = form();
is(join(',', sort keys %form), 'assertion,grant_type', 'Salesforce: no client beside the assertion');
($header, $claims) = assertion('key');
is_deeply($header, { alg => 'RS256', typ => 'JWT' }, 'no key id');
is($claims->{exp} - $claims->{iat}, 180, 'three minutes');
delete @$claims{qw(iat exp jti)};
is_deeply($claims, { iss => 'consumer-key', sub => 'ada@example.com', aud => 'https://login.example.com' }, 'the claims');
is(row('salesforce', "parameters ->> 'instance_url', status"), 'https://na1.example.com|connected', 'the instance');

# With an application, which holds its id: the key is the account's, and its secret stays where it is.
$test->sql("SELECT connector_oauth_client_set('salesforce', 'app-key', 'secret-0123456789')");
$test->sql("SELECT connector_oauth_connect('salesforce', " . literal({ private_key => $pem{key} }) . ", '{\"username\": \"bob\", \"login_host\": \"login.example.com\"}', label => 'bob', client => 'app')");
($header, $claims) = assertion('key');
is($claims->{iss}, 'app-key', "the application's id");
unlike(($mock->requests('/token'))[-1]{body} . (($mock->requests('/token'))[-1]{headers}{authorization} // ''), qr/secret-0123456789/, 'its secret is not sent');

#
# DocuSign: on behalf of a user, at the account server by its bare name.
#
$mock->reply('/token', { json => { access_token => 'docusign-token-1', expires_in => 28800, token_type => 'Bearer' } });
$test->sql(connect_sql('docusign', { client_id => 'integration-key', private_key => $pem{key} }, { account_host => 'account-d.example.com', user_id => 'user-guid' }));
($header, $claims) = assertion('key');
is($claims->{exp} - $claims->{iat}, 600, 'ten minutes');
delete @$claims{qw(iat exp jti)};
is_deeply($claims, { iss => 'integration-key', sub => 'user-guid', aud => 'account-d.example.com', scope => 'signature impersonation' }, 'the claims');
$mock->reply('/token', { status => 400, json => { error => 'consent_required' } });
like(psql_error($node, 'app', "SELECT connector_credential_renew('docusign')"), qr/NC001: .*consent_required/, 'a consent that was withdrawn');
is(row('docusign', 'status'), 'reauthorize', 'has to be given again');

#
# Nobody sees keys.
#
unlike($test->sql("SELECT string_agg(to_jsonb(c)::text, '') FROM workspace_api_credentials c") . slurp_file($node->logfile), qr/PRIVATE KEY|open-sesame|wrong-sesame|MII[A-Za-z0-9+\/]{20}/, 'no key in the tables and the log');

done_testing();
