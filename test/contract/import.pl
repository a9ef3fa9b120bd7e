# Vendors' own descriptions, imported: the definitions can be saved, and the audit has no errors for them.
#
# CONNECTOR_VENDOR_SPECS  directories with the descriptions, separated by colons
use strict;
use warnings;
use ConnectorTest;
use PostgreSQL::Test::Utils;
use Test::More;

my @directories = split /:/, $ENV{CONNECTOR_VENDOR_SPECS} // '../shared/vendor-specs';

# Descriptions that do not say where the service is.
my @servers = (
	[ qr/^adp\./,        'https://api.adp.com' ],
	[ qr/^clearbit\./,   'https://person.clearbit.com/v2' ],
	[ qr/^databricks\./, 'https://{workspace}.azuredatabricks.net/api' ],
	[ qr/^zendesk\./,    'https://{subdomain}.zendesk.com' ],
	[ qr/^workday\./,    'https://{tenant}.workday.com/api' ]);

# Descriptions that are no providers, and what is said of them.
my %refused = (
	'hubspot.oauth' => qr/no operation could be imported/,      # one operation, whose form has the names of its parameters
	'xero.webhooks' => qr/there are no operations/,
	# all their parameters are in files that they refer to
	map { +"snowflake.$_" => qr/its reference leads nowhere/ } qw(database schema table task user warehouse));

my $dir  = PostgreSQL::Test::Utils::tempdir();
my $node = new_cluster('main');
$node->safe_psql('app', <<'SQL');
CREATE ROLE ann LOGIN;
SELECT connector_create_workspace('acme', owner => 'ann');
CREATE TABLE attempts (name text, refusal text, provider text, definition jsonb);
GRANT ALL ON attempts TO ann;
-- Imports a description, saves what comes of it, and keeps how that went.
CREATE FUNCTION attempt(name text, spec jsonb, server text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    options jsonb := jsonb_build_object('name', translate(name, '._', '--'));
    definition jsonb;
    message text;
    detail text;
BEGIN
    IF server <> '' THEN
        options := options || jsonb_build_object('server', server);
    END IF;
    definition := connector_import_openapi(spec, options);
    INSERT INTO attempts VALUES (name, NULL, connector_provider_register(definition), definition);
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS message = message_text, detail = pg_exception_detail;
    INSERT INTO attempts VALUES (name, concat_ws(E'\n', message, detail));
END $$;
SQL

my ($printed, $complaint) = ('', '');
IPC::Run::run([ 'node', 'test/contract/unpack.mjs', $dir, @directories ], '>', \$printed, '2>', \$complaint)
  or BAIL_OUT("the descriptions cannot be read: $complaint");
my @names = split /\n/, $printed;

#
# Each of them.
#
my $imported = 0;
for my $name (sort @names)
{
	my ($server) = map { $_->[1] } grep { $name =~ $_->[0] } @servers;
	$server //= '';
	$node->safe_psql('app', "SET ROLE ann;\n\\set spec `cat '$dir/$name.json'`\nSELECT attempt('$name', :'spec', '$server')");
	my $refusal = $node->safe_psql('app', "SELECT refusal FROM attempts WHERE name = '$name'");
	if (my $reason = $refused{$name})
	{
		like($refusal, $reason, "$name is refused");
		next;
	}
	is($refusal, '', "$name is imported and saved");
	is($node->safe_psql('app', "SET ROLE ann; SELECT f.finding FROM attempts a, connector_audit(a.provider) f WHERE a.name = '$name' AND f.severity = 'error'"),
		'', '... without errors');
	$imported++ if $refusal eq '';
}
cmp_ok($imported, '>=', 10, "$imported descriptions became providers");

#
# What they all have.
#
sub ask { my ($sql) = @_; return $node->safe_psql('app', "SET ROLE ann; $sql"); }

is(ask(q{SELECT string_agg(DISTINCT p.availability, ',') FROM attempts a JOIN connector_providers p ON p.name = a.provider AND p.owner IS NOT NULL}),
	'experimental', 'all are experimental');
my $guessed = q{SELECT a.provider, s.key FROM attempts a, jsonb_each(a.definition -> 'streams') s WHERE jsonb_typeof(s.value -> 'pagination') = 'object'};
cmp_ok(ask("SELECT count(*) FROM ($guessed) g"), '>', 0, 'some streams are paged');
is( ask(qq{
	WITH warned AS MATERIALIZED (SELECT provider, finding FROM connector_audit() WHERE severity = 'warning')
	SELECT string_agg(g.provider || '.' || g.key, ' ') FROM ($guessed) g
	 WHERE (g.provider, format('\$.streams.%s: how it is paged is a guess', g.key)) NOT IN (SELECT provider, finding FROM warned)}),
	'', 'the audit warns of each, for it is a guess');

done_testing();
