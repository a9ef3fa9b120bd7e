# connector_test_connection, connector_smoke and bin/smoke: whose credential is tried, what is said of it, what its
# status says afterwards, what no message says, and the exit statuses.
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use JSON::PP ();
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster('main', 'connector.retry_delay' => '1ms', 'connector.retry_max_delay' => '1ms');
$node->safe_psql('app', <<'SQL');
CREATE ROLE ann LOGIN; CREATE ROLE vic LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE ed LOGIN;
SELECT connector_create_workspace('acme', owner => 'ann'), connector_create_workspace('globex', owner => 'bob'),
       connector_add_member('vic', 'viewer', workspace => 'acme'), connector_add_member('ed', 'editor', workspace => 'acme');
SQL
my %s = map { $_ => ConnectorSession->new($node) } qw(ann vic bob ed);
$s{$_}->ask("SET SESSION AUTHORIZATION $_") for keys %s;
my $s = $s{ann};

#
# Helpers.
#
sub schema { my ($name) = @_; return { type => 'object', required => [$name], properties => { $name => {} } }; }

sub register
{
	my ($name, %more) = @_;
	my $definition = {
		name => $name, title => "The $name", base_url => "$url/$name", allowed_hosts => [$url], auth => [ { kind => 'bearer' } ],
		error_message => '$.message',
		error_rules   => [ { status => 401, code => 'auth_failed' } ],
		test    => { action => 'get_me', input => { verbose => 'no' } },
		actions => {
			get_me   => { path => '/me?verbose={{input.verbose}}', input_schema => schema('verbose') },
			get_item => { path => '/items/{{input.id}}', input_schema => schema('id') },
		},
		%more };
	delete $definition->{$_} for grep { !defined $definition->{$_} } keys %$definition;
	is($s->ask('SELECT connector_provider_register(' . $s->literal($definition) . ')'), $name, "the provider $name");
	return;
}

sub connect_to
{
	my ($session, $service, %more) = @_;
	my $label = $more{label} // 'default';
	my $scope = $more{scope} // 'workspace';
	my $token = $more{token} // "token-of-$label-0123456789";
	my $said  = $s{$session}->ask(qq{SELECT connector_credential_set('$service', '{"token": "$token"}', 'bearer', label => '$label', scope => '$scope') IS NOT NULL});
	is($said, 't', "the credential $service/$label of scope $scope");
	return;
}

# tried PROVIDER[, SESSION] -- the row of connector_test_connection.
sub tried
{
	my ($provider, $session) = @_;
	return ($s{ $session // 'ann' }->rows("SELECT to_jsonb(t) FROM connector_test_connection('$provider') t"))[0];
}

sub status
{
	my ($service, $label) = @_;
	$label //= 'default';
	return $s->ask("SELECT status, status_message FROM workspace_api_credentials WHERE service_name = '$service' AND label = '$label' AND owner = ''");
}

sub smoke_rows
{
	my ($config, $session) = @_;
	return $s{ $session // 'ann' }->ask('SELECT * FROM connector_smoke(' . $s->literal($config) . ')');
}

register('crm', aliases => ['old-crm']);
$mock->reply('/crm/me', { json => { id => 1, name => 'Ada' } });

#
# What cannot be tried.
#
like($s->ask('SELECT connector_test_connection(NULL)'), qr/22004: argument "provider" must not be null/, 'nothing');
like($s->ask(q{SELECT connector_test_connection('crn')}), qr/42704: provider "crn" does not exist\nHINT:  Did you mean "crm"\?/, 'an unknown provider');
like($s->ask(q{SELECT connector_test_connection('crm/')}), qr/22023: "crm\/" is no provider/, 'no label');
like($s{bob}->ask(q{SELECT connector_test_connection('crm')}), qr/42704: provider "crm" does not exist/, 'one of another workspace');
like($s{bob}->ask(q{SELECT connector_test_connection('crm', 'acme')}), qr/42\d{3}: /, '... whose member one is not');
like($s{vic}->ask(q{SELECT connector_test_connection('crm')}), qr/42501: permission denied in workspace "acme"/, 'a viewer may not');
register('untested', test => undef);
like($s->ask(q{SELECT connector_test_connection('untested')}), qr/55000: provider "untested" has no test\nHINT:  Call one of its actions/, 'a provider without a test');
register('off', availability => 'disabled');
like($s->ask(q{SELECT connector_test_connection('off')}), qr/55000: provider "off" is disabled/, 'a disabled one');
like($s->ask(q(BEGIN READ ONLY; SELECT connector_test_connection('crm'); ROLLBACK)), qr/25006/, 'a transaction that only reads');
$s->ask('ROLLBACK');

#
# No credential.
#
my $row = tried('crm');
is("$row->{status} $row->{error_code}", 'failed credential_missing', 'a credential that is not there is an outcome');
like($row->{hint}, qr/^Connect crm with connector_credential_set\('crm', /, '... with what to do');
is(scalar $mock->requests, 0, 'nothing was sent');

#
# One that works, one that does not, and what is kept of it.
#
connect_to('ann', 'crm');
is(status('crm'), 'connected|', 'it is believed in at first');
$row = tried('crm');
is("$row->{status} $row->{http_status}", 'success 200', 'it works');
ok(!defined $row->{error_code} && !defined $row->{hint}, '... nothing has to be done');
cmp_ok($row->{execution_time_ms}, '>', 0, '... it took a while');
is_deeply($row->{output}, { id => 1, name => 'Ada' }, '... the service answers who one is');
is(($mock->requests)[0]->{target}, '/crm/me?verbose=no', 'the request is that of the test, with its input');
is($s->ask("SELECT connector_name, status FROM connector_executions WHERE id = '$row->{execution_id}'"), 'crm.get_me|success', 'it is in the history');

$mock->reply('/crm/me', { status => 401, json => { message => 'token token-of-default-0123456789 is not known' } });
$row = tried('crm');
is("$row->{status} $row->{error_code} $row->{http_status}", 'failed auth_failed 401', 'the service refuses it');
like($row->{error_message}, qr/is not known/, '... in its own words');
ok(length $row->{hint}, '... and what to do');
like(status('crm'), qr/^error\|.*401.*is not known/, 'its status says so');
unlike(JSON::PP->new->encode($row) . status('crm'), qr/token-of-default/, 'nothing says the secret, though the service did');
my $xmin = $s->ask('SELECT xmin FROM workspace_api_credentials');
tried('crm');
is($s->ask('SELECT xmin FROM workspace_api_credentials'), $xmin, 'the same once more changes nothing');

for my $case ([ 'a service that is down', { status => 503 } ], [ 'a service that asks to wait', { status => 429, headers => { 'Retry-After' => '100' } } ],
	[ 'a right that is missing', { status => 403 } ])
{
	my ($name, $reply) = @$case;
	connect_to('ann', 'crm');
	$mock->reply('/crm/me', $reply);
	is(tried('crm')->{status}, 'failed', $name);
	is(status('crm'), 'connected|', '... says nothing about the credential');
}
$mock->reply('/crm/me', { status => 401 });
tried('crm');
like(status('crm'), qr/^error/, 'refused again');
$mock->reply('/crm/me', { json => {} });
is(tried('old-crm')->{status}, 'success', 'the provider by another name');
is(status('crm'), 'connected|', 'and the credential is fine again');

# What the token process knows better is left alone.
$node->safe_psql('app', q{UPDATE workspace_api_credentials SET status = 'error', status_message = 'kept', token_failures = 2});
tried('crm');
is(status('crm'), 'error|kept', 'a token that could not be renewed keeps its status');
$node->safe_psql('app', q{UPDATE workspace_api_credentials SET status = 'expiring', token_failures = 0});
$mock->reply('/crm/me', { status => 401 });
tried('crm');
is(status('crm'), 'expiring|kept', 'one that ends soon, too');
connect_to('ann', 'crm');

#
# Which one: by label, one's own first; an editor may try what only an admin may set.
#
connect_to('ann', 'crm', label => 'work');
connect_to('ed', 'crm', scope => 'user', token => 'token-of-ed-0123456789');
is(tried('crm/work', 'ed')->{error_code}, 'auth_failed', 'another label');
is(($mock->requests)[-1]->{headers}{authorization}, 'Bearer token-of-work-0123456789', '... its token is sent');
like(status('crm', 'work'), qr/^error/, '... its status is kept');
is(status('crm'), 'connected|', '... not that of another');
is(tried('crm', 'ed')->{error_code}, 'auth_failed', 'a credential of the caller');
is(($mock->requests)[-1]->{headers}{authorization}, 'Bearer token-of-ed-0123456789', '... is sent');
is(status('crm'), 'connected|', '... and judged, not that of the workspace');
is($s{ed}->ask(q{SELECT status FROM workspace_api_credentials WHERE owner <> ''}), 'error', '... in its own row');
is($s->ask(q{BEGIN; SELECT status FROM connector_test_connection('crm'); ROLLBACK}), 'failed', 'a test that is rolled back');
is(status('crm'), 'connected|', '... leaves no trace in the status');

register('open', auth => []);
$mock->reply('/open/me', { status => 401 });
is(tried('open')->{error_code}, 'auth_failed', 'a provider without credentials');

#
# The smoke test: what it does not take.
#
like(smoke_rows($_), qr/22023: the configuration of the smoke test is not valid\nDETAIL:  .+\nHINT:  It has the form/, 'no configuration: ' . JSON::PP->new->allow_nonref->encode($_))
  for JSON::PP::null, 1, [], { crm => 1 }, { crm => { actions => ['get_me'] } }, { crm => { actions => { get_me => 'x' } } }, { crm => { colour => 'red' } };
like($s->ask('SELECT * FROM connector_smoke(NULL)'), qr/22023: the configuration/, 'no configuration at all');
like(smoke_rows({ crm => {} }, 'vic'), qr/42501: permission denied in workspace "acme"/, 'a viewer may not');
is(smoke_rows({}), '', 'nothing to try');

#
# What it finds.
#
register('silent');
$mock->reply('/crm/me',      { json => { id => 1 } });
$mock->reply('/crm/items/7', { json => { id => 7 } });
$mock->reply('/crm/items/8', { status => 404, json => { message => 'token-of-default-0123456789 has no such item' } });
my %config = (
	crm        => { actions => { get_item => { id => 7 } } },
	'crm/work' => { actions => { get_item => { id => 8 } } },
	'crm/none' => { actions => { get_item => { id => 7 } } },
	nobody     => { actions => { get_item => {} } },
	off        => {}, untested => {}, silent => { actions => { get_item => { id => 7 } } });
my @rows = split /\n/, smoke_rows(\%config);
my @expected = (
	qr/^crm\|test\|pass\|HTTP 200, \d+ ms$/, qr/^crm\|get_item\|pass\|HTTP 200, \d+ ms$/,
	qr/^crm\/none\|test\|skip\|credential_missing: /, qr/^crm\/none\|get_item\|skip\|credential_missing: /,
	qr/^crm\/work\|test\|pass\|/, qr/^crm\/work\|get_item\|fail\|not_found: .* has no such item/,
	qr/^nobody\|test\|fail\|provider "nobody" does not exist$/, qr/^nobody\|get_item\|skip\|the test failed$/,
	qr/^off\|test\|fail\|provider "off" is disabled$/,
	qr/^silent\|test\|skip\|credential_missing: /, qr/^silent\|get_item\|skip\|credential_missing: /,
	qr/^untested\|test\|skip\|the provider has no test$/);
is(scalar @rows, scalar @expected, 'a row a check');
like($rows[$_] // '', $expected[$_], "row $_") for 0 .. $#expected;
is(status('crm', 'work'), 'connected|', 'a test that passed is kept in the status');
like(smoke_rows({ crm => { actions => { get_item => {} } } }), qr/^crm\|get_item\|fail\|input_invalid: /m, 'an input that does not fit');
like(smoke_rows({ crm => { actions => { nothing => {} } } }), qr/^crm\|nothing\|fail\|provider "crm" has no action "nothing"$/m, 'an unknown action');
$node->safe_psql('app', q{UPDATE workspace_api_credentials SET key_id = 'lost' WHERE label = 'work'});
like(smoke_rows({ 'crm/work' => {} }), qr/^crm\/work\|test\|fail\|credential_missing: /, 'a credential that is there and cannot be used');

#
# bin/smoke.
#
$ENV{PGHOST}     = $node->host;
$ENV{PGPORT}     = $node->port;
$ENV{PGDATABASE} = 'app';
$ENV{PGUSER}     = 'ann';

sub smoke
{
	my ($config, @arguments) = @_;
	my ($in, $out, $err) = ($config, '', '');
	IPC::Run::run([ 'bin/smoke', @arguments ], '<', \$in, '>', \$out, '2>', \$err);
	return { status => $? >> 8, out => $out, err => $err };
}

for my $arguments ([], ['--all'], [ 'a', 'b' ], ['--workspace'])
{
	my $said = smoke('', @$arguments);
	is($said->{status}, 2, "usage of (@$arguments): status");
	like($said->{err}, qr/^bin\/smoke \[--workspace SLUG\]/m, '... message');
}
is(smoke('', '--help')->{status}, 0, 'help');
my $said = smoke('', '/nowhere.json');
is($said->{status}, 2, 'a file that is not there: status');
like($said->{err}, qr/^bin\/smoke: \/nowhere\.json cannot be read$/m, '... message');
for my $case ([ 'no JSON', '{', qr/invalid input syntax for type json/ ], [ 'a wrong form', '{"crm": 1}', qr/is not valid.*It has the form/s ])
{
	my ($name, $config, $message) = @$case;
	$said = smoke($config, '-');
	is($said->{status}, 2, "$name: status");
	like($said->{err}, $message, '... message');
}
is(smoke('{}', '--workspace', 'globex', '-')->{status}, 2, 'another workspace');

$said = smoke('{"crm": {"actions": {"get_item": {"id": 7}}}}', '--workspace', 'acme', '-');
is($said->{status}, 0, 'all is well: status');
like($said->{out}, qr/\Apass crm test: HTTP 200, \d+ ms\npass crm get_item: HTTP 200, \d+ ms\n2 passed, 0 failed, 0 skipped\n\z/, '... what it says');
$said = smoke('{"crm/none": {}}', '-');
is($said->{status}, 0, 'what is skipped is no failure: status');
like($said->{out}, qr/^skip crm\/none test: credential_missing: .*\n0 passed, 0 failed, 1 skipped$/m, '... what it says');
is(smoke('{"crm/none": {}}', '--no-skip', '-')->{status}, 1, '... unless it is asked to be');
my $file = PostgreSQL::Test::Utils::tempdir() . '/smoke.json';
append_to_file($file, '{"crm": {"actions": {"get_item": {"id": 8}}}}');
$said = smoke('', $file);
is($said->{status}, 1, 'a failure: status');
like($said->{out}, qr/^fail crm get_item: not_found: .* has no such item.*\n1 passed, 1 failed, 0 skipped$/m, '... what it says');
unlike($said->{out} . $said->{err}, qr/token-of/, '... and what it does not');
unlike(slurp_file($node->logfile), qr/token-of-\w+-0123456789(?!"\}')/, 'no secret in the log of the server');

done_testing();
