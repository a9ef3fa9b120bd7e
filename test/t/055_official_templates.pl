# Every official template, installed into a workspace and run against a stand-in for its vendors: what it sends, to
# which host, with which credential; and what it makes of a reply as the vendor gives it, errors included.
#
# The vendors' names resolve to an nginx that speaks TLS for all of them and hands on to the mock server.
use strict;
use warnings;
use ConnectorTest;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use MockServer;
use Nginx;
use PostgreSQL::Test::Utils;
use Test::More;
use TestCA;

my $JSON  = JSON::PP->new->canonical->utf8->allow_nonref;
my @HOSTS = qw(api.audienceacuity.com company.clearbit.com person.clearbit.com api.zerobounce.net api.hubapi.com
  acme.my.salesforce.com slack.com api.stripe.com api.github.com api.twilio.com);

my $ca    = TestCA->new;
my $mock  = MockServer->start;
my $nginx = Nginx->start(servers => [ {
	tls => $ca->server({ names => [@HOSTS] }),
	locations => 'location / { proxy_pass ' . $mock->url . '; proxy_http_version 1.1; proxy_set_header Connection "";'
	  . ' proxy_set_header Host $host; }',
} ]);

my $node  = new_cluster('main', start => 0, 'connector.ca_file' => $ca->cert_file);
my $hosts = $node->basedir . '/hosts';
my $fake  = $node->basedir . '/fake_getaddrinfo.so';
system_or_bail('cc', '-shared', '-fPIC', '-o', $fake, dirname(abs_path(__FILE__)) . '/../lib/fake_getaddrinfo.c', '-ldl');
append_to_file($hosts, join '', map { "$_ 127.0.0.1:" . $nginx->port . "\n" } @HOSTS);
{
	local %ENV = (%ENV, LD_PRELOAD => $fake, FAKE_HOSTS => $hosts);
	$node->start;
}
create_database($node, 'app');
$node->safe_psql('app', q(CREATE ROLE tenant; SELECT connector_create_workspace('acme', owner => 'tenant')));

# The credentials a tenant would give; the rest is in the templates.
my $account    = 'AC' . '0123456789abcdef' x 2;
my %CREDENTIAL = (
	audienceacuity => { token => 'aa-token-0123456789' },
	clearbit       => { token => 'clearbit-0123456789' },
	github         => { token => 'github-0123456789' },
	hubspot        => { token => 'hubspot-0123456789' },
	salesforce     => { token => 'salesforce-0123456789', parameters => { instance_url => 'https://acme.my.salesforce.com' } },
	slack          => { token => 'slack-0123456789' },
	stripe         => { token => 'stripe-0123456789' },
	twilio         => { username => $account, password => 'twilio-0123456789', parameters => { account_sid => $account } },
	zerobounce     => { api_key => 'zerobounce/0123456789' });
my %installed;    # template => number of times
my %stored;       # service => 1

# install TEMPLATE -- returns the connector's name; each credential is stored with the first template that needs it.
sub install
{
	my ($template) = @_;
	my @services = split /\n/, $node->safe_psql('app',
		"SELECT r ->> 'service' FROM connector_templates t, jsonb_array_elements(requires_credentials) r WHERE t.name = '$template'");
	cmp_ok(scalar @services, '>=', 1, "$template says which credentials it needs");
	my $given = $JSON->encode({ map { $_ => $CREDENTIAL{$_} } grep { !$stored{$_}++ } @services });
	$node->safe_psql('app', as_role('tenant',
			"SELECT connector_template_install('$template', credentials => \$\$$given\$\$)"));
	return;
}

# run TEMPLATE, INPUT, CASE: replies => { path => reply or [replies] }, requests => [ [method, host, target, headers, body] ],
# output or error => [code, message].
sub run
{
	my ($template, $input, %case) = @_;
	my $name = delete $case{name};
	install($template) if !$installed{$template}++;
	$mock->forget;
	for my $path (keys %{ $case{replies} })
	{
		my $replies = $case{replies}{$path};
		$mock->reply($path, ref $replies eq 'ARRAY' ? @$replies : $replies);
	}
	my $text   = $JSON->encode($input);
	my $result = $JSON->decode($node->safe_psql('app',
			"SELECT to_jsonb(r) FROM connector_try_execute('$template', \$\$$text\$\$) r"));
	subtest "$template: $name" => sub {
		if ($case{error})
		{
			is($result->{status},     'failed',         'it fails');
			is($result->{error_code}, $case{error}[0], 'with the right code');
			like($result->{error_message}, $case{error}[1], 'and message');
		}
		else
		{
			is($result->{error_message}, undef, 'no error');
			is_deeply($result->{output}, $case{output}, 'the output') or diag $JSON->encode($result->{output});
		}
		check_requests($case{requests}) if $case{requests};
	};
	return;
}

sub check_requests
{
	my ($expected) = @_;
	my @sent = $mock->requests;
	is(scalar @sent, scalar @$expected, 'so many requests');
	for my $i (0 .. $#$expected)
	{
		my ($method, $host, $target, $headers, $body) = @{ $expected->[$i] };
		my $request = $sent[$i] or last;
		is("$request->{method} $request->{headers}{host} $request->{target}", "$method $host $target", 'method, host and target');
		is($request->{headers}{$_}, $headers->{$_}, "header $_") for sort keys %$headers;
		is($request->{body}, $body // '', 'body');
	}
	return;
}

my $form = 'application/x-www-form-urlencoded';

# ---- phone-enrichment

my $identities = { identities => [ { firstName => 'Ada', lastName => 'Lovelace' } ] };
run('phone-enrichment', { phone => '14155550123' }, name => 'found',
	replies  => { '/v2/identities/byPhone' => { json => $identities } },
	requests => [ [ 'GET', 'api.audienceacuity.com', '/v2/identities/byPhone?phone=14155550123&template=79123584',
			{ authorization => 'Bearer aa-token-0123456789' } ] ],
	output => $identities);

# ---- company-data

my $company = {
	name => 'Example', legalName => 'Example Inc.', domain => 'example.com', description => 'Examples.', foundedYear => 1999,
	phone => undef, tags => ['B2B'], tech => ['postgresql'], category => { sector => 'IT', industry => 'Software' },
	metrics => { employees => 42, annualRevenue => undef }, geo => { city => 'Berlin', countryCode => 'DE' },
	linkedin => { handle => 'company/example' } };
my @lookup = ('GET', 'company.clearbit.com', '/v2/companies/find?domain=example.com', { authorization => 'Bearer clearbit-0123456789' });
run('company-data', { domain => ' Example.COM ' }, name => 'found',
	replies  => { '/v2/companies/find' => { json => $company } },
	requests => [ \@lookup ],
	output => { name => 'Example', legal_name => 'Example Inc.', domain => 'example.com', description => 'Examples.',
		industry => 'Software', sector => 'IT', tags => ['B2B'], employees => 42, annual_revenue => undef, founded_year => 1999,
		phone => undef, city => 'Berlin', country => 'DE', linkedin => 'company/example', tech => ['postgresql'] });
run('company-data', { domain => 'example.com' }, name => 'unknown',
	replies => { '/v2/companies/find' => { status => 404, json => { error => { type => 'unknown_record', message => 'Unknown company.' } } } },
	error   => [ 'not_found', qr/Unknown company/ ]);
run('company-data', { domain => 'example.com' }, name => 'looked up meanwhile',
	replies  => { '/v2/companies/find' => [ { status => 202, json => { error => { type => 'queued' } } }, { json => { name => 'Late' } } ] },
	requests => [ \@lookup, \@lookup ],
	output => { name => 'Late', map { $_ => undef } qw(legal_name domain description industry sector tags employees annual_revenue
		  founded_year phone city country linkedin tech) });

# ---- email-validation

my %answer = (address => 'ada@example.com', status => 'valid', sub_status => '', did_you_mean => undef, free_email => JSON::PP::false,
	domain => 'example.com', mx_found => 'true', smtp_provider => 'example', processed_at => '2026-01-31 12:00:00.000');
run('email-validation', { email => 'ada@example.com', ip_address => '192.0.2.1' }, name => 'valid',
	replies  => { '/v2/validate' => { json => { %answer, account => 'ada', firstname => 'Ada' } } },
	requests => [ [ 'GET', 'api.zerobounce.net', '/v2/validate?email=ada%40example.com&ip_address=192.0.2.1&api_key=zerobounce%2F0123456789', {} ] ],
	output => {%answer});
run('email-validation', { email => 'ada@example.com' }, name => 'a bad key comes with status 200',
	replies => { '/v2/validate' => { json => { error => 'Invalid API Key or your account ran out of credits' } } },
	error   => [ 'auth_failed', qr/refuses the key/ ]);
run('email-validation', { email => '' }, name => 'and so does any other error',
	replies => { '/v2/validate' => { json => { error => 'Missing parameter: email' } } },
	error   => [ 'validation_failed', qr/refuses the request/ ]);

# ---- hubspot-contact-upsert

my %contact = (id => '512', properties => { email => 'ada@example.com', firstname => 'Ada' });
run('hubspot-contact-upsert', { email => 'ada@example.com', properties => { firstname => 'Ada' } }, name => 'created',
	replies  => { '/crm/v3/objects/contacts/batch/upsert' => { json => { status => 'COMPLETE', results => [ { %contact, new => JSON::PP::true, archived => JSON::PP::false } ] } } },
	requests => [ [ 'POST', 'api.hubapi.com', '/crm/v3/objects/contacts/batch/upsert',
			{ authorization => 'Bearer hubspot-0123456789', 'content-type' => 'application/json' },
			'{"inputs":[{"id":"ada@example.com","idProperty":"email","properties":{"firstname":"Ada"}}]}' ] ],
	output => { id => '512', created => JSON::PP::true, properties => $contact{properties} });
run('hubspot-contact-upsert', { email => 'ada', properties => {} }, name => 'refused, with status 207',
	replies => { '/crm/v3/objects/contacts/batch/upsert' => { status => 207, json => { status => 'COMPLETE', results => [], numErrors => 1,
				errors => [ { status => 'error', category => 'VALIDATION_ERROR', message => 'Email address ada is invalid' } ] } } },
	error => [ 'validation_failed', qr/refuses the contact/ ]);

# ---- slack-notification

run('slack-notification', { channel => '#ops', text => "it's up & running" }, name => 'posted',
	replies  => { '/api/chat.postMessage' => { json => { ok => JSON::PP::true, channel => 'C1H9RESGL', ts => '1503435956.000247', message => { text => 'x' } } } },
	requests => [ [ 'POST', 'slack.com', '/api/chat.postMessage', { authorization => 'Bearer slack-0123456789', 'content-type' => $form },
			'channel=%23ops&text=it%27s%20up%20%26%20running' ] ],
	output => { channel => 'C1H9RESGL', ts => '1503435956.000247' });
for my $error ([ channel_not_found => 'not_found' ], [ invalid_auth => 'auth_failed' ], [ missing_scope => 'permission_denied' ],
	[ msg_too_long => 'validation_failed' ])
{
	run('slack-notification', { channel => 'C1', text => 'x' }, name => "$error->[0] with status 200",
		replies => { '/api/chat.postMessage' => { json => { ok => JSON::PP::false, error => $error->[0] } } },
		error   => [ $error->[1], qr/Slack/ ]);
}

# ---- stripe-customer-lookup

my %customer = (id => 'cus_1', email => 'ada@example.com', name => 'Ada', phone => undef, currency => 'usd', balance => 0,
	delinquent => JSON::PP::false, created => 1234567890, metadata => {});
my @find = ('GET', 'api.stripe.com', '/v1/customers?email=ada%40example.com&limit=1',
	{ authorization => 'Bearer stripe-0123456789', 'stripe-version' => '2024-06-20' });
run('stripe-customer-lookup', { email => 'ada@example.com', create => JSON::PP::true }, name => 'found',
	replies  => { '/v1/customers' => { json => { object => 'list', has_more => JSON::PP::false, data => [ { %customer, object => 'customer' } ] } } },
	requests => [ \@find ],
	output => { customer => {%customer}, created => 'skipped' });
run('stripe-customer-lookup', { email => 'ada@example.com' }, name => 'not found, and not to be created',
	replies  => { '/v1/customers' => { json => { object => 'list', data => [] } } },
	requests => [ \@find ],
	output => { customer => { map { $_ => undef } keys %customer }, created => 'skipped' });
run('stripe-customer-lookup', { email => 'ada@example.com', name => 'Ada', create => JSON::PP::true }, name => 'created',
	replies  => { '/v1/customers' => [ { json => { object => 'list', data => [] } }, { json => { %customer, object => 'customer' } } ] },
	requests => [ \@find, [ 'POST', 'api.stripe.com', '/v1/customers', { 'content-type' => $form, 'stripe-version' => '2024-06-20' },
			'name=Ada&email=ada%40example.com' ] ],
	output => { customer => {%customer}, created => 'success' });
like(($mock->requests)[1]{headers}{'idempotency-key'}, qr/\S{20,}/, 'with an idempotency key');

# ---- github-issue-creation

run('github-issue-creation', { owner => 'acme', repo => 'x y', issue => { title => 'It breaks', labels => ['bug'] } }, name => 'created',
	replies  => { '/repos/acme/x%20y/issues' => { status => 201, json => { id => 1, number => 1347, html_url => 'https://github.com/acme/x/issues/1347', state => 'open', title => 'It breaks' } } },
	requests => [ [ 'POST', 'api.github.com', '/repos/acme/x%20y/issues',
			{ authorization => 'Bearer github-0123456789', accept => 'application/vnd.github+json', 'x-github-api-version' => '2022-11-28', 'content-type' => 'application/json' },
			'{"title":"It breaks","labels":["bug"]}' ] ],
	output => { number => 1347, id => 1, url => 'https://github.com/acme/x/issues/1347', state => 'open' });
run('github-issue-creation', { owner => 'acme', repo => 'x', issue => { title => 'x' } }, name => 'switched off',
	replies => { '/repos/acme/x/issues' => { status => 410, json => { message => 'Issues are disabled for this repo' } } },
	error   => [ 'not_found', qr/switched off/ ]);

# ---- twilio-sms

run('twilio-sms', { to => '+14155550123', from => '+14155550100', body => 'Hello & welcome' }, name => 'queued',
	replies  => { "/2010-04-01/Accounts/$account/Messages.json" => { status => 201,
			json => { sid => 'SM1', status => 'queued', to => '+14155550123', from => '+14155550100', num_segments => '1', error_code => undef } } },
	requests => [ [ 'POST', 'api.twilio.com', "/2010-04-01/Accounts/$account/Messages.json",
			{ authorization => 'Basic ' . encode_base64("$account:twilio-0123456789", ''), 'content-type' => $form },
			'To=%2B14155550123&Body=Hello%20%26%20welcome&From=%2B14155550100' ] ],
	output => { sid => 'SM1', status => 'queued', to => '+14155550123', from => '+14155550100', segments => '1' });
run('twilio-sms', { to => '+14155550123', messaging_service_sid => 'MG1', body => 'x' }, name => 'opted out',
	replies => { "/2010-04-01/Accounts/$account/Messages.json" => { status => 400, json => { code => 21610, message => 'Attempt to send to unsubscribed recipient', status => 400 } } },
	error   => [ 'permission_denied', qr/opted out/ ]);

# ---- salesforce-lead-enrichment

my $soql = 'SELECT%20Id%2C%20Website%2C%20Industry%2C%20NumberOfEmployees%2C%20Phone%20FROM%20Lead%20WHERE%20Email%20%3D%20%27%s%27'
  . '%20AND%20IsConverted%20%3D%20false%20ORDER%20BY%20LastModifiedDate%20DESC%20LIMIT%201';
my $query = sub { my ($email) = @_; return '/services/data/v59.0/query?q=' . $soql =~ s/%s/$email/r };
my %salesforce = (authorization => 'Bearer salesforce-0123456789');
run('salesforce-lead-enrichment', { email => 'ada@example.com' }, name => 'enriched',
	replies => {
		'/services/data/v59.0/query' => { json => { totalSize => 1, done => JSON::PP::true, records => [ { Id => '00Q1', Website => 'https://ada.example.com', Industry => undef, NumberOfEmployees => undef, Phone => undef } ] } },
		'/v2/companies/find' => { json => { %$company, phone => '+49 30 1' } },
		'/services/data/v59.0/sobjects/Lead/00Q1' => { status => 204 } },
	requests => [ [ 'GET', 'acme.my.salesforce.com', $query->('ada%40example.com'), \%salesforce ], \@lookup,
		[ 'PATCH', 'acme.my.salesforce.com', '/services/data/v59.0/sobjects/Lead/00Q1', { %salesforce, 'content-type' => 'application/json' },
			'{"Phone":"+49 30 1","Website":"https://ada.example.com","Industry":"Software","NumberOfEmployees":42}' ] ],
	output => { lead_id => '00Q1', update => 'success',
		company => { name => 'Example', domain => 'example.com', industry => 'Software', employees => 42, phone => '+49 30 1' } });
run('salesforce-lead-enrichment', { email => q(o'brien\\@example.com) }, name => 'no lead; quotes stay inside of the query',
	replies  => { '/services/data/v59.0/query' => { json => { totalSize => 0, done => JSON::PP::true, records => [] } } },
	requests => [ [ 'GET', 'acme.my.salesforce.com', $query->('o%5C%27brien%5C%5C%40example.com'), \%salesforce ] ],
	output => { lead_id => undef, update => 'skipped', company => undef });
run('salesforce-lead-enrichment', { email => 'ada@example.com' }, name => 'the company is unknown',
	replies => {
		'/services/data/v59.0/query' => { json => { records => [ { Id => '00Q1' } ] } },
		'/v2/companies/find' => { status => 404, json => { error => { message => 'Unknown company.' } } } },
	output => { lead_id => '00Q1', update => 'skipped', company => undef });
run('salesforce-lead-enrichment', { email => 'ada@example.com' }, name => 'the daily limit',
	replies => { '/services/data/v59.0/query' => { status => 403, json => [ { errorCode => 'REQUEST_LIMIT_EXCEEDED', message => 'TotalRequests Limit exceeded.' } ] } },
	error   => [ 'rate_limited', qr/daily limit/ ]);

# ---- enrichment-waterfall

my %validate = ('/v2/validate' => { json => {%answer} });
my %combined = (person => { name => { fullName => 'Ada Lovelace' }, employment => { title => 'Countess' }, geo => { city => 'London', countryCode => 'GB' },
		linkedin => { handle => 'in/ada' } }, company => { name => 'Engines', category => { industry => 'Software' }, metrics => { employees => 2 } });
my @validate = ('GET', 'api.zerobounce.net', '/v2/validate?email=ada%40example.com&api_key=zerobounce%2F0123456789', {});
my @combined = ('GET', 'person.clearbit.com', '/v2/combined/find?email=ada%40example.com', { authorization => 'Bearer clearbit-0123456789' });
my @identity = ('GET', 'api.audienceacuity.com', '/v2/identities/byEmail?email=ada%40example.com&template=79123584', { authorization => 'Bearer aa-token-0123456789' });
my %unknown  = (map { $_ => undef } qw(did_you_mean name title linkedin company industry employees identities));
run('enrichment-waterfall', { email => 'ada@example.com' }, name => 'the first provider knows all',
	replies  => { %validate, '/v2/combined/find' => { json => \%combined } },
	requests => [ \@validate, \@combined ],
	output => { %unknown, email => 'ada@example.com', deliverable => 'valid', name => 'Ada Lovelace', title => 'Countess', linkedin => 'in/ada',
		company => 'Engines', industry => 'Software', employees => 2,
		steps => { check => 'success', person => 'success', company => 'skipped', identity => 'skipped' } });
run('enrichment-waterfall', { email => 'ada@example.com' }, name => 'each of the next is asked for what is missing',
	replies => { %validate, '/v2/combined/find' => { status => 404, json => { error => { message => 'Unknown person.' } } },
		'/v2/companies/find' => { json => $company }, '/v2/identities/byEmail' => { json => $identities } },
	requests => [ \@validate, \@combined, \@lookup, \@identity ],
	output => { %unknown, email => 'ada@example.com', deliverable => 'valid', company => 'Example', industry => 'Software', employees => 42,
		identities => $identities, steps => { check => 'success', person => 'failed', company => 'success', identity => 'success' } });
run('enrichment-waterfall', { email => 'ada@example.com' }, name => 'a free provider has no company',
	replies => { '/v2/validate' => { json => { %answer, free_email => JSON::PP::true } },
		'/v2/combined/find' => { json => { person => $combined{person}, company => undef } } },
	requests => [ \@validate, \@combined ],
	output => { %unknown, email => 'ada@example.com', deliverable => 'valid', name => 'Ada Lovelace', title => 'Countess', linkedin => 'in/ada',
		steps => { check => 'success', person => 'success', company => 'skipped', identity => 'skipped' } });
run('enrichment-waterfall', { email => 'ada@example.com' }, name => 'nobody is asked about an address that is not deliverable',
	replies  => { '/v2/validate' => { json => { %answer, status => 'invalid', sub_status => 'mailbox_not_found', did_you_mean => 'ada@example.org' } } },
	requests => [ \@validate ],
	output => { %unknown, email => 'ada@example.com', deliverable => 'invalid', did_you_mean => 'ada@example.org',
		steps => { check => 'success', person => 'skipped', company => 'skipped', identity => 'skipped' } });

# None was forgotten, and each knows where it is from.
is_deeply([ sort keys %installed ], [ split /\n/, $node->safe_psql('app', q(SELECT name FROM connector_templates WHERE builtin ORDER BY name)) ],
	'every official template has a case');
is($node->safe_psql('app', q(SELECT count(*) FROM connectors c JOIN connector_templates t ON t.id = c.created_from_template
	 AND t.version = c.created_from_template_version AND t.name = c.name)), scalar keys %installed, 'connectors know their template');
is($node->safe_psql('app', q(SELECT string_agg(DISTINCT install_count::text, ',') FROM connector_template_browse(official => true))), 1, 'and are counted');
done_testing();
