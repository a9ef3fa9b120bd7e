# Actions of providers: called with connector_call, and used in the steps of connectors, by sessions and by workers.
# What they send, what is checked of their input, what an error says, what the history has, what follows when a
# provider changes or goes, whose limits hold, and how a credential is come by that is not there.
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use JSON::PP ();
use MockServer;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster('main', 'connector.retry_delay' => '1ms', 'connector.retry_max_delay' => '1ms');
$node->safe_psql('app', <<'SQL');
CREATE ROLE ann LOGIN; CREATE ROLE vic LOGIN; CREATE ROLE bob LOGIN;
SELECT connector_create_workspace('acme', owner => 'ann'), connector_create_workspace('globex', owner => 'bob'),
       connector_add_member('vic', 'viewer', workspace => 'acme');
SQL

my %s = map { $_ => ConnectorSession->new($node) } qw(ann vic bob);
$s{$_}->ask("SET SESSION AUTHORIZATION $_") for keys %s;
my $s = $s{ann};

#
# Helpers.
#
my %contact = (type => 'object', required => ['email'], additionalProperties => JSON::PP::false,
	properties => { email => { type => 'string', format => 'email' }, name => { type => 'string', maxLength => 20 }, tags => { type => 'array' } });
my %id = (type => 'object', required => ['id'], properties => { id => { type => [ 'string', 'integer' ] } });

# provider NAME, MEMBER => VALUE... -- the definition of one at the mock server.
sub provider
{
	my ($name, %more) = @_;
	return {
		name => $name, title => "The $name", category => 'crm', description => 'Contacts.', version => 1,
		availability => 'experimental', documentation => 'https://example.com/docs',
		base_url => "$url/$name", allowed_hosts => [$url],
		headers => { 'x-app' => 'postgres' },
		auth    => [ { kind => 'bearer', title => 'Token' } ],
		error_message => '$.errors[*].text',
		error_rules   => [ { status => 401, code => 'auth_failed', action => 'refresh_token_then_retry' } ],
		actions => {
			get_contact => { title => 'Get a contact', method => 'GET', path => '/contacts/{{input.id}}', input_schema => \%id,
				output => { id => '$.id', name => '$.name' } },
			add_contact => { title => 'Add a contact', method => 'POST', path => '/contacts', input_schema => \%contact,
				body => '{{input | pick(\'email\', \'name\', \'tags\')}}' },
			report => { title => 'A costly one', method => 'GET', path => '/report', weight => 5 },
			bad_template => { title => 'One that needs what it does not ask for', method => 'GET', path => '/x/{{input.optional}}',
				input_schema => { type => 'object', properties => { optional => { type => 'string' } } } },
		},
		%more };
}

sub register
{
	my ($session, $definition) = @_;
	my $said = $s{$session}->ask('SELECT connector_provider_register(' . $s->literal($definition) . ')');
	is($said, $definition->{name}, "$session registers $definition->{name}");
	return;
}

sub call
{
	my ($session, $provider, $action, $input) = @_;
	return $s{$session}->ask("SELECT connector_call('$provider', '$action', " . $s->literal($input // {}) . ')');
}

sub try_call
{
	my ($provider, $action, $input) = @_;
	return ($s->rows("SELECT to_jsonb(r) FROM connector_try_call('$provider', '$action', " . $s->literal($input // {}) . ') r'))[0];
}

# sorted TEXT -- JSON with the keys of its objects in order.
sub sorted { my ($text) = @_; return json_text(JSON::PP->new->decode($text)); }

sub last_request { my @all = $mock->requests; return $all[-1]; }

sub problems
{
	my ($config) = @_;
	return $s->ask("SELECT path || ': ' || problem FROM connector_check(" . $s->literal($config) . ')');
}

$mock->reply('/crm/contacts/7', { json => { id => 7, name => 'Ada', more => 'than is taken' } });
$mock->reply('/crm/contacts',   { status => 201, json => { id => 8 } });
$mock->reply('/crm/report',     { json => { rows => 1 } });

#
# What is not there.
#
like(call('ann', 'crm', 'get_contact'), qr/42704: provider "crm" does not exist\nHINT:  The view connector_catalog lists/, 'an unknown provider');
register('ann', provider('crm', aliases => ['old-crm']));
like(call('ann', 'crn', 'get_contact'), qr/42704: provider "crn" does not exist\nHINT:  Did you mean "crm"\?/, 'one that is like another');
like(call('bob', 'crm', 'get_contact'), qr/42704: provider "crm" does not exist/, 'another workspace does not have it');
unlike(call('bob', 'crn', 'get_contact'), qr/"crm"/, '... and is not told of it');
like(call('ann', 'crm', 'get_contacts'), qr/42704: provider "crm" has no action "get_contacts"\nHINT:  Did you mean "get_contact"\?/, 'an unknown action');
like(call('ann', 'crm', 'zzz'), qr/42704: provider "crm" has no action "zzz"\nHINT:  The column actions/, '... like none');
like(call('ann', 'github', 'issues'), qr/42704: provider "github" has no action "issues"\nHINT:  It is a stream; connector_fetch/, 'a stream is none');
like(call('ann', $_, 'get_contact'), qr/22023: "\Q$_\E" is no provider\n/, "\"$_\"") for 'crm/', '/x', '/';
like($s->ask('SELECT connector_call(NULL, NULL)'), qr/22004: argument "provider" must not be null/, 'nothing');
like(call('vic', 'crm', 'get_contact', { id => 7 }), qr/42501: permission denied in workspace "acme"/, 'a viewer may not');
like($s->ask(q(BEGIN READ ONLY; SELECT connector_call('crm', 'report'); ROLLBACK)), qr/25006/, 'nor anybody in a transaction that only reads');
$s->ask('ROLLBACK');

#
# No credential: what to do.
#
like(call('ann', 'crm', 'get_contact', { id => 7 }),
	qr/NC019: action "crm\.get_contact": there is no credential "crm\/default"\nDETAIL:  Code credential_missing\.\nHINT:  Connect crm with connector_credential_set\('crm', '\{"token": \.\.\.\}', 'bearer'\)\./,
	'a credential that is not there');
register('ann', provider('grants', auth => [ { kind => 'oauth2', grant => 'authorization_code', authorize_url => 'https://example.com/a', token_url => 'https://example.com/t' } ]));
like(call('ann', 'grants', 'report'), qr/HINT:  Connect grants with connector_oauth_authorize_url\('grants', \.\.\.\)\./,
	'... that somebody has to agree to');
like($s->raised({ use => 'crm.report' }), qr/NC019: connector "c\d+": there is no credential "crm\/default"\n.*\nHINT:  Connect crm with connector_credential_set/, '... of a step');
is(scalar $mock->requests, 0, 'nothing was sent');

for my $label (qw(default work))
{
	my $said = $s->ask("SELECT connector_credential_set('crm', '{\"token\": \"token-of-$label-0123456789\"}', 'bearer', label => '$label', allowed_hosts => ARRAY['$url']) IS NOT NULL");
	is($said, 't', "the credential $label");
}

#
# Calling.
#
is(call('ann', 'crm', 'get_contact', { id => 7 }), '{"id": 7, "name": "Ada"}', 'an action gives its output');
my $seen = last_request();
is("$seen->{method} $seen->{path} $seen->{headers}{'x-app'} $seen->{headers}{authorization}",
	'GET /crm/contacts/7 postgres Bearer token-of-default-0123456789', '... and sends what its provider says');
is(call('ann', 'old-crm/work', 'get_contact', { id => 7 }), '{"id": 7, "name": "Ada"}', 'by another name, with another credential');
is(last_request()->{headers}{authorization}, 'Bearer token-of-work-0123456789', '... which is sent');
is(call('ann', 'crm', 'add_contact', { email => 'ada@example.com', tags => ['x'] }), '{"id": 8}', 'an action with a body');
is(sorted(last_request()->{body}), '{"email":"ada@example.com","tags":["x"]}', '... which has what the input has');
is($s->ask("SELECT connector_name, connector_id IS NULL, connector_version IS NULL, trigger, status, http_status, executed_by FROM connector_executions ORDER BY id DESC LIMIT 1"),
	'crm.add_contact|t|t|sql|success|201|role:ann', 'the history names the action');
is($s->ask("SELECT input_data, output_data, steps_executed -> 0 ->> 'url' FROM connector_executions ORDER BY id DESC LIMIT 1"),
	qq({"tags": ["x"], "email": "ada\@example.com"}|{"id": 8}|$url/crm/contacts), '... and what went in and out');
is($s->ask("SELECT count(*) FROM connector_stats() WHERE name ~ 'crm'"), '0', 'the statistics are of connectors');
ok(poll_until(sub { $s->ask("SELECT count(*) FROM workspace_api_credentials WHERE service_name = 'crm' AND last_used_at IS NOT NULL") eq '2' }),
	'... the credentials know that they were used');

#
# Inputs that do not fit.
#
$mock->forget;
like(call('ann', 'crm', 'add_contact', { email => 'none', name => 'x' x 21, more => 1 }),
	qr/NC018: action "crm\.add_contact": the input does not fit the input schema in 3 places\nDETAIL:  Code input_invalid\.\n(?=.*^\/email: )(?=.*^\/name: )(?=.*more).*HINT:  What it takes: SELECT definition #> '\{actions,add_contact,input_schema\}' FROM connector_providers WHERE name = 'crm'/ms,
	'an input that does not fit');
like(call('ann', 'crm', 'bad_template', {}), qr/NC018: action "crm\.bad_template": \$\.url: input\.optional is missing\n/, 'a reference to nothing');
is(scalar $mock->requests, 0, 'neither was sent');
my $row = try_call('crm', 'add_contact', {});
is("$row->{status} $row->{error_code}", 'failed input_invalid', 'connector_try_call does not raise it');
is($s->ask("SELECT connector_name, error_code FROM connector_executions WHERE id = '$row->{execution_id}'"), 'crm.add_contact|input_invalid', '... and records it');
like($s->ask("SELECT connector_try_call('crm', 'none')"), qr/42704/, 'but it raises what is the caller\'s own');

#
# Failures of the remote: its words, rules for tokens that cannot be renewed.
#
$mock->reply('/crm/contacts/1', { status => 422, json => { message => 'the usual place', errors => [ { text => "first\nline" }, { text => 'second' } ] } });
like(call('ann', 'crm', 'get_contact', { id => 1 }), qr/NC004: action "crm\.get_contact": the remote answered with HTTP status 422\nDETAIL:  Code validation_failed, HTTP status 422\. The remote said: first line/,
	"the remote's words are where the provider says");
$mock->reply('/crm/contacts/2', { status => 422, json => { errors => [ { text => 'we do not know token-of-default-0123456789 ' . ('x' x 1000) } ] } });
$row = try_call('crm', 'get_contact', { id => 2 });
like($row->{error_message}, qr/: we do not know \[redacted\] x{200,300}\z/, '... without the credential, and cut');
$mock->reply('/crm/contacts/3', { status => 422, json => { message => 'the usual place' } });
like(try_call('crm', 'get_contact', { id => 3 })->{error_message}, qr/: the usual place\z/, '... or where they usually are');
$mock->reply('/crm/contacts/4', { status => 401, json => {} });
$mock->forget;
$row = try_call('crm', 'get_contact', { id => 4 });
is("$row->{error_code} " . $mock->requests, 'auth_failed 1', 'a token that cannot be renewed fails with the code of its rule');
my $again = qr/NC001: .*\nHINT:  The credential may have expired or been revoked\. Connect crm with connector_credential_set\('crm', /s;
like(call('ann', 'crm', 'get_contact', { id => 4 }), $again, '... and says how to get another');
like($s->raised({ use => 'crm.get_contact', with => { id => 4 } }), $again, '... in a step, too');

#
# Parameters: what a credential does not say is as the provider has it.
#
my %parameters = (type => 'object', required => [ 'instance', 'version' ], properties => {
	instance => { type => 'string', pattern => '^http://' },
	version => { type => 'string', pattern => '^[0-9]+$', default => '60' },
	region => { type => 'string', default => 'eu' } });
my %sited = %{ provider('sited', base_url => '{instance}/v{version}', parameters => \%parameters, headers => { 'x-region' => '{{workspace.region}}' }) };
sub site
{
	my ($label, %given) = @_;
	return $s->ask("SELECT connector_credential_set('sited', '{\"token\": \"token-of-a-site\"}', label => '$label', parameters => " . $s->literal(\%given) . ') IS NOT NULL');
}
register('ann', \%sited);
$mock->reply("/v$_/report", { json => { version => $_ } }) for 60 .. 62;
like(call('ann', 'sited', 'report'), qr/HINT:  Connect sited with connector_credential_set\('sited', .*, parameters => '\{"instance": \.\.\.\}'\)\./, 'the hint names what has no default');
like(site('bad'), qr/22023: the parameters do not fit provider "sited"\nDETAIL:  .*instance/, 'what has none has to be given');
like(site('bad', instance => $url, version => 'new'), qr/22023: .*\nDETAIL:  \$\.parameters\.version: /s, '... and what is given has to fit');
is(site('default', instance => $url), 't', 'what has a default has not');
is(site('old', instance => $url, version => '61', region => 'us'), 't', '... but may');
is(call('ann', 'sited', 'report'), '{"version": 60}', 'the default is in the URL');
is(last_request()->{headers}{'x-region'}, 'eu', '... and wherever a template reads it');
is(call('ann', 'sited/old', 'report'), '{"version": 61}', '... unless the credential says something else');
is(last_request()->{headers}{'x-region'}, 'us', '... there, too');
is(json_text($s->run({ use => 'sited.report' })->{output}), '{"version":60}', 'in a step of a connector');
is(json_text($s->ended($s->enqueue($s->save({ use => 'sited.report' })))->{output_data}), '{"version":60}', '... and in a worker');
$parameters{properties}{version}{default} = '62';
register('ann', \%sited);
is(call('ann', 'sited', 'report'), '{"version": 62}', 'a default that changes takes the credential with it');
delete $parameters{properties}{region};
register('ann', \%sited);
like(call('ann', 'sited', 'report'), qr/NC019: .*workspace\.region is missing\n.*HINT:  The credential has no such field or parameter/s, 'neither given nor a default');

#
# A credential goes to its own hosts, whatever a definition says.
#
my $foreign = MockServer->start;
my $away    = $foreign->url;
my $held    = qr/NC\d+: .*may not be sent to/;
$foreign->reply($_, { json => {} }) for '/crm/report', '/report', '/', '/v62/report';
my %lured = %{ provider('crm', allowed_hosts => [ $url, $away ]) };
$lured{actions} = { %{ $lured{actions} },
	elsewhere => { title => 'Elsewhere', method => 'GET', path => '/report', base_url => $away },
	moved => { title => 'Where a redirect leads', method => 'GET', path => '/moved' } };
register('ann', \%lured);
like(call('ann', 'crm', 'elsewhere'), $held, 'an action that leads elsewhere');
like($s->raised({ use => 'crm.elsewhere' }), $held, '... in a step');
like($s->raised({ use => 'sited.report', credential => 'crm' }), qr/NC\d+: /, '... with the credential of another');
$mock->reply('/crm/moved', { status => 302, headers => [ Location => "$away/report" ] });
call('ann', 'crm', 'moved');
is(scalar(grep { $_->{headers}{authorization} } $foreign->requests), 0, '... by a redirect');
register('ann', provider('crm', base_url => $away, allowed_hosts => [$away]));
like(call('ann', 'crm', 'report'), $held, 'a provider that was changed does not take the credentials with it');
like(call('ann', 'crm', 'add_contact', { email => 'ada@example.com' }), $held, '... nor by a body');
like($s->ask("SELECT connector_credential_set('sited', '{\"token\": \"token-of-a-site\"}', label => 'lost', allowed_hosts => ARRAY['$url'], parameters => " . $s->literal({ instance => $away }) . ') IS NOT NULL'), qr/\At\z/, 'a parameter that leads elsewhere');
register('ann', provider('sited', base_url => '{instance}/v62', parameters => \%parameters));
like(call('ann', 'sited/lost', 'report'), $held, '... is stored in vain');
is(scalar(grep { $_->{headers}{authorization} } $foreign->requests), 0, 'it has never seen a credential');
register('ann', provider('crm', aliases => ['old-crm']));
$mock->reply('/crm/report', { json => { rows => 1 } });

# One that is never answered.
$mock->forget;
register('ann', provider('slow', base_url => $url, actions => { wait => { title => 'Wait', method => 'GET', path => '/hang' } }));
is($s->ask("SELECT connector_credential_set('slow', '{\"token\": \"token-of-the-slow\"}') IS NOT NULL"), 't', 'a credential for it');
ok($s->hang(q(SELECT connector_try_call('slow', 'wait')), sub { $mock->requests('/hang') == 1 }), 'a call waits');
ok($s->cancel, '... and can be cancelled');
ok(poll_until(sub { $mock->hung_up == 1 }), '... which ends the request');
is($s->ask('SELECT 1'), '1', '... and nothing else');

#
# Steps that use actions: when they are saved.
#
is(problems({ use => 'crm.get_contact', with => { id => '{{input.n}}' } }), '', 'a definition that is an action');
is(problems({ steps => [ { use => 'crn.get_contact' }, { use => 'crm.get_contacts' }, { use => 'none.x' }, { use => 'crm' } ] }), join("\n",
	'$.steps[0].use: there is no provider "crn": did you mean "crm"?',
	'$.steps[1].use: provider "crm" has no action "get_contacts": did you mean "get_contact"?',
	'$.steps[2].use: there is no provider "none"',
	'$.steps[3].use: expected "provider.action"'), 'actions that are none');
like($s{bob}->ask("INSERT INTO connectors (name, config) VALUES ('theirs', '{\"use\": \"crm.report\"}')"),
	qr/22023: .*\nDETAIL:  \$\.use: there is no provider "crm"\n/, 'another workspace cannot use them');
like($s->ask(q(SELECT connector_create('made', '{"use": "crm.report"}') IS NOT NULL)), qr/\At\z/, 'functions know the providers of the workspace, too');

#
# ... when they run.
#
my %two = (
	credential => 'crm/work',
	steps => [
		{ id => 'found', use => 'crm.get_contact', with => { id => '{{input.n}}' } },
		{ id => 'both', type => 'parallel', steps => [
			{ id => 'copy', use => 'crm.add_contact', condition => '{{input.n}} == 7', credential => 'crm/work',
				with => { email => 'copy@example.com', name => '{{found.name}}' } },
			{ id => 'plain', url => "$url/echo?{{input.n}}" } ] },
		{ id => 'cost', use => 'crm.report', output => '$.rows' } ],
	result => { id => '{{found.id}}', copy => '{{copy.id | default(null)}}', rows => '{{cost}}' });
$mock->forget;
$row = $s->run(\%two, { n => 7 });
is(outcome($row), 'success - found=success both=success copy=success plain=success cost=success', 'steps use actions');
is(json_text($row->{output}), '{"copy":8,"id":7,"rows":1}', '... and read what those gave');
my ($copy) = $mock->requests('/crm/contacts');
is(sorted($copy->{body}), '{"email":"copy@example.com","name":"Ada"}', 'the input of an action is what "with" says');
is($copy->{headers}{authorization}, 'Bearer token-of-work-0123456789', '... with the credential that the step chose');
is(($mock->requests('/crm/contacts/7'))[0]{headers}{authorization}, 'Bearer token-of-default-0123456789', "... or the action's, not the definition's");
$row = $s->run({ steps => [ { id => 'a', use => 'crm.add_contact', with => { email => '{{input.mail}}', extra => 1 } } ] }, { mail => 'x' });
is(outcome($row), 'failed input_invalid a=failed', 'an input that does not fit ends the step');
like($row->{error_message}, qr/\A\$\.steps\[0\]\.with does not fit the input schema in 2 places/, '... and says where it stands');
like($row->{error_message}, qr/\/email: /, '... and what is wrong with it');
like($s->raised({ steps => [ { id => 'a', use => 'crm.get_contact' } ] }),
	qr/NC018: .*: \$\.steps\[0\]\.with does not fit .*\nDETAIL:  Code input_invalid, step "a"\.\n.*id.*\nHINT:  It is the input of crm\.get_contact/, 'without "with" it is empty');
like($s->raised({ steps => [ { id => 'a', use => 'crm.get_contact', with => { id => '{{input.n}}' } } ] }),
	qr/NC018: .*: \$\.steps\[0\]\.with\.id: input\.n is missing\n/, 'a reference of "with" to nothing');
like($s->raised({ steps => [ { id => 'a', use => 'crm.bad_template' } ] }),
	qr/NC018: .*: \$\.steps\[0\]\.use\(crm\.bad_template\)\.url: input\.optional is missing\n.*\nHINT:  The input of an action is what "with" says/,
	"a reference of the action's to nothing");
is(outcome($s->run({ steps => [ { id => 'a', use => 'crm.get_contact', continue_on_error => JSON::PP::true }, { id => 'b', url => "$url/ok" } ] })),
	'success - a=failed b=success', 'which may be passed over');
is(json_text($s->run({ use => 'crm.get_contact', with => '{{input}}', output => 'more' }, { id => 7 })->{output}), '"than is taken"',
	'one action, with the whole input and an output of its own');
$mock->reply('/crm/report', { status => 503, json => {} }, { json => { rows => 2 } });
is(json_text($s->run({ use => 'crm.report', retries => 1 })->{output}), '{"rows":2}', 'retries of its own');

#
# Queued.
#
my $name = $s->save(\%two);
$row = $s->ended($s->enqueue($name, { n => 7 }));
is("$row->{status} " . json_text($row->{output_data}), 'success {"copy":8,"id":7,"rows":2}', 'a worker runs it, too');
$row = $s->ended($s->enqueue($s->save({ steps => [ { id => 'a', use => 'crm.add_contact' } ] })));
like("$row->{status} $row->{error_code} $row->{error_message}", qr/\Afailed input_invalid \$\.steps\[0\]\.with does not fit/, '... and checks the input');

#
# Gone on with by another process: the input is made again, of the same scope.
#
my $created = psql_error($node, 'app',
	q(CREATE FUNCTION connector_probe(config jsonb, input jsonb, options jsonb) RETURNS jsonb LANGUAGE c STRICT AS 'connector', 'connector_probe'));
SKIP:
{
	skip 'the library was built without CN_TEST_POINTS', 4 if $created =~ /could not find function/;
	my %left = (
		steps => [
			{ id => 'a', use => 'crm.get_contact', with => { id => '{{input.n}}' } },
			{ id => 'b', use => 'crm.add_contact', with => { email => 'b@example.com', name => '{{a.name}}' } } ]);
	my $run = sub {
		my (%options) = @_;
		return ($s->rows('SELECT connector_probe(' . join(', ', map { $s->literal($_) } \%left, { n => 7 }, \%options) . ')'))[0];
	};
	my $stopped = $run->(stop => 'step_over');
	$mock->forget;
	my $ended = $run->(checkpoint => $stopped->{checkpoint});
	is($ended->{status}, 'success', 'an execution that was left between its steps goes on');
	is(join(' ', map { "$_->{path} " . sorted($_->{body}) } $mock->requests), '/crm/contacts {"email":"b@example.com","name":"Ada"}', '... with the next');
	$mock->forget;
	my $doubt = $run->(checkpoint => $stopped->{checkpoint}, interrupted => JSON::PP::true);
	is("$doubt->{code} $doubt->{steps}[1]{url}", "unknown_outcome $url/crm/contacts", 'an action that must not be repeated is not sent again');
	is(scalar $mock->requests, 0, '... nor anything else');
}

#
# When the provider changes, and goes.
#
$mock->reply('/v2/contacts/7', { json => { id => 70, name => 'Ada' } });
my %changed = %{ provider('crm', version => 2, base_url => "$url/v2") };
my $using   = $s->save({ use => 'crm.get_contact', with => { id => 7 } });
is($s->run_saved($using)->{output}{id}, 7, 'before');
is($s->ended($s->enqueue($using))->{output_data}{id}, 7, '... in a worker');
register('ann', \%changed);
is($s->run_saved($using)->{output}{id}, 70, 'a changed provider counts at the next call');
is($s->ended($s->enqueue($using))->{output_data}{id}, 70, '... in a worker');
my $id = do { $s->ask('BEGIN'); $s->ask('SELECT connector_provider_remove(\'crm\')'); $s->ask("SELECT connector_execute('$using')") };
like($id, qr/22023: the definition of connector "$using" cannot be used\nDETAIL:  \$\.use: there is no provider "crm"\n/, 'one that was removed');
$s->ask('ROLLBACK');
is($s->run_saved($using)->{output}{id}, 70, '... and is there again when that is rolled back');
$s->ask(q(SELECT connector_provider_remove('crm')));
like($s->ask("SELECT connector_try_execute('$using')"), qr/22023: .*there is no provider "crm"/s, 'removed for good');
is($s->ask("UPDATE connectors SET enabled = false WHERE name = '$using'"), '', 'its connectors can be switched off');
like($s->ask("UPDATE connectors SET config = config || '{\"timeout_ms\": 5000}' WHERE name = '$using'"), qr/22023: .*there is no provider "crm"/s, '... but not changed');
is($s->ask("UPDATE connectors SET enabled = true WHERE name = '$using'"), '', '... and on');
register('ann', \%changed);
is($s->run_saved($using)->{output}{id}, 70, 'when it is there again they work again');

# A row of the queue whose provider goes while it waits.
$s->ask('SELECT connector_pause()');
my $waiting = $s->enqueue($using);
$s->ask(q(SELECT connector_provider_remove('crm')));
$s->ask('SELECT connector_resume()');
$row = $s->ended($waiting);
like("$row->{status} $row->{error_code} $row->{error_message}", qr/\Afailed config_invalid .*there is no provider "crm"/s, 'a worker says so, too');
register('ann', \%changed);

# Disabled.
register('ann', provider('crm', availability => 'disabled'));
like(call('ann', 'crm', 'get_contact', { id => 7 }), qr/55000: provider "crm" is disabled\n/, 'one that is disabled');
is(problems({ use => 'crm.report' }), '$.use: provider "crm" is disabled', '... cannot be used');
register('ann', provider('crm'));

#
# Limits: the provider's, unless the workspace has its own; weights; budgets.
#
$mock->reply('/crm/report', { json => { rows => 1 } });
register('ann', provider('crm', rate_limit => { requests_per_hour => 100, concurrency => 3 }));
call('ann', 'crm', 'report');
is($s->ask("SELECT requests_per_minute, requests_per_hour, hour_available, concurrency FROM connector_rate_limit_status WHERE kind = 'service' AND name = 'crm'"),
	'|100|5|3', "the provider's limits hold, and a request counts for its weight");
$s->ask("INSERT INTO api_rate_limits (service_name, requests_per_minute) VALUES ('crm', 1000)");
call('ann', 'crm', 'report');
is($s->ask("SELECT requests_per_minute, minute_available, requests_per_hour, concurrency FROM connector_rate_limit_status WHERE kind = 'service' AND name = 'crm'"),
	'1000|95||', '... unless the workspace has a row of its own');
$s->ask("DELETE FROM api_rate_limits");

register('ann', provider('crm', rate_limit => { budget => { remaining => 'X-Left', reset => 'X-Again' } }));
my $strict = $s->save({ use => 'crm.report', rateLimiting => { strategy => 'fail' } });
$mock->reply('/crm/report',
	{ json => { rows => 1 }, headers => [ 'X-Left' => 5, 'X-Again' => 600 ] },
	{ json => { rows => 1 }, headers => [ 'X-Left' => 4, 'X-Again' => 600 ] });
is(outcome($s->run_saved($strict)), 'success - step_1=success', 'enough is left for one more of its weight');
is(outcome($s->run_saved($strict)), 'success - step_1=success', 'now it is not');
$mock->forget;
$row = $s->run_saved($strict);
like("$row->{error_code} $row->{error_message}", qr/\Arate_limited the remote has asked for no more requests for now \(retry after (?:600|59\d) s\)\z/, 'so the next is held back');
is(scalar $mock->requests, 0, '... and nothing is sent');
is($s->ask(q(SELECT kind, name, held_until > now() + interval '9 minutes' FROM connector_rate_limit_status WHERE held_until IS NOT NULL)), 'credential|crm/default|t', 'the credential is held');
is(call('ann', 'crm/work', 'report'), '{"rows": 1}', '... another is not');
$s->ask(q(SELECT connector_circuit_reset('crm')));
$mock->reply('/crm/report', { status => 429, json => {}, headers => [ 'X-Again' => 300 ] });
$row = $s->run_saved($strict);
like("$row->{error_code} $row->{error_message}", qr/\Arate_limited .*\(retry after (?:300|29\d) s\)/, 'the same header says when a 429 ends');
$s->ask(q(SELECT connector_circuit_reset('crm')));

#
# Official providers are everybody's: one of the catalog's, with the mock in its place.
#
$mock->reply('/crm/v3/objects/contacts', { status => 201, json => { id => '51', properties => { email => 'ada@example.com' } } });
like(call('bob', 'hubspot', 'create_contact', { properties => { email => 'ada@example.com' } }),
	qr/NC019: action "hubspot\.create_contact": there is no credential "hubspot\/default"\n.*HINT:  Connect hubspot with connector_oauth_authorize_url\('hubspot', \.\.\.\), or with connector_credential_set\('hubspot', /s,
	'an official one');
$node->safe_psql('app', "SELECT connector_provider_register(definition || jsonb_build_object('base_url', '$url', 'allowed_hosts', ARRAY['$url']), official => true) FROM connector_providers WHERE name = 'hubspot'");
is($s{bob}->ask(q(SELECT connector_credential_set('hubspot', '{"token": "a-token-of-bob"}', 'bearer') IS NOT NULL)), 't', 'a credential for it');
like(call('bob', 'hubspot', 'create_contact', { properties => { email => 'ada@example.com' } }), qr/"id": "51"/, '... and it can be called');
is(sorted(last_request()->{body}), '{"associations":[],"properties":{"email":"ada@example.com"}}', '... with what the vendor takes');
$s{bob}->ask(q(INSERT INTO connectors (name, config) VALUES ('official', '{"use": "hubspot.create_contact", "with": {"properties": {"email": "{{input.mail}}"}}}')));
like($s{bob}->ask(q(SELECT connector_execute('official', '{"mail": "b@example.com"}'))), qr/"id": "51"/, '... and used in a step');
register('ann', provider('hubspot'));
like(call('ann', 'hubspot', 'create_contact'), qr/42704: provider "hubspot" has no action "create_contact"/, "a workspace's own goes before it");
like($s{bob}->ask(q(SELECT connector_execute('official', '{"mail": "b@example.com"}'))), qr/"id": "51"/, '... in that workspace only');

done_testing();
