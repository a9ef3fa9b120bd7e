# The official JSON Schema Test Suite: every required case of draft 2020-12, and those of the formats that are
# asserted, with the assertion on.  The suite comes with Debian's libtest-json-schema-acceptance-perl;
# json-schema-test-suite of that release ends at draft 7.
#
# CN_JSON_SCHEMA_SUITE names another directory with the suite's tests/ in it, to try a newer one.
use strict;
use warnings;
use ConnectorTest;
use File::Basename qw(basename);
use JSON::PP;
use Test::More;

my $SUITE = $ENV{CN_JSON_SCHEMA_SUITE} // '/usr/share/perl5/auto/share/dist/Test-JSON-Schema-Acceptance';
my $DRAFT = "$SUITE/tests/draft2020-12";

# Groups whose schema refers to something that is not in it: it has to be refused, and say so.
my %NETWORK = map { ($_ => 1) } (
	'dynamicRef.json: strict-tree schema, guards against misspelled properties',
	'dynamicRef.json: tests for implementation dynamic anchor and reference link',
	'dynamicRef.json: $ref and $dynamicAnchor are independent of order - $defs first',
	'dynamicRef.json: $ref and $dynamicAnchor are independent of order - $ref first',
	'dynamicRef.json: $ref to $dynamicRef finds detached $dynamicAnchor',
	'refRemote.json: remote ref',
	'refRemote.json: fragment within remote ref',
	'refRemote.json: anchor within remote ref',
	'refRemote.json: ref within remote ref',
	'refRemote.json: base URI change',
	'refRemote.json: base URI change - change folder',
	'refRemote.json: base URI change - change folder in subschema',
	'refRemote.json: root ref in remote ref',
	'refRemote.json: remote ref with ref to defs',
	'refRemote.json: Location-independent identifier in remote ref',
	'refRemote.json: retrieved nested refs resolve relative to their URI not $id',
	'refRemote.json: remote HTTP ref with different $id',
	'refRemote.json: remote HTTP ref with different URN $id',
	'refRemote.json: remote HTTP ref with nested absolute ref',
	'refRemote.json: $ref to $ref finds detached $anchor',
	'vocabulary.json: schema that uses custom metaschema with with no validation vocabulary',
	'vocabulary.json: ignore unrecognized optional vocabulary',
);

# Formats with a check; those of the suite that are not here are remarks.
my @FORMATS = qw(date date-time duration email hostname ipv4 ipv6 json-pointer regex relative-json-pointer time uri
  uri-reference uuid);

ok(-d $DRAFT, "the suite is in $SUITE") or BAIL_OUT('install libtest-json-schema-acceptance-perl');

my $node = new_cluster('json_schema_suite');
$node->safe_psql('app', <<'SQL');
-- What becomes of a case: true, false, or the error.
CREATE FUNCTION outcome(schema json, data json, OUT valid text, OUT violations text) LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
	valid := connector_json_is_valid(schema::jsonb, data::jsonb);
	SELECT count(*) INTO violations FROM connector_validate_json(schema::jsonb, data::jsonb);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	valid := SQLSTATE || ': ' || SQLERRM || ' ' || detail;
END $$;
SQL

my $cases = 0;
run_file($_, 'off') for sort glob("'$DRAFT'/*.json");
cmp_ok($cases, '>', 1000, 'there are required cases');
my $required = $cases;
run_file("$DRAFT/optional/format/$_.json", 'on') for @FORMATS;
run_file("$DRAFT/optional/$_.json", 'on') for qw(bignum ecmascript-regex float-overflow non-bmp-regex refOfUnknownKeyword);
cmp_ok($cases - $required, '>', 300, 'there are cases of formats and patterns');
done_testing();

# run_file FILE, ASSERTION -- one result a case.  A jsonb string has no NUL; U+E000 stands in for it.
sub run_file
{
	my ($file, $assertion) = @_;
	my $name = basename($file);
	my $json = $node->safe_psql('app', <<"SQL");
SET connector.schema_format_assertion = $assertion;
SELECT json_agg(json_build_object('group', g ->> 'description', 'case', t ->> 'description', 'wanted', t ->> 'valid',
	'got', o.valid, 'violations', o.violations,
	'schema', (outcome('{"\$ref": "https://json-schema.org/draft/2020-12/schema"}', g -> 'schema')).valid))
  FROM replace(pg_read_file('$file'), '\\u0000', '\\uE000') f, json_array_elements(f::json) g, json_array_elements(g -> 'tests') t,
       outcome(g -> 'schema', t -> 'data') o;
SQL
	for my $case (@{ decode_json($json) })
	{
		$cases++;
		check_case($name, $case);
	}
	return;
}

sub check_case
{
	my ($file, $case) = @_;
	my $group = "$file: $case->{group}";
	my $name  = "$group: $case->{case}";
	if ($NETWORK{$group})
	{
		like($case->{got}, qr/^22023: .*nothing is fetched$/s, "refused: $name");
		return;
	}
	is($case->{got}, $case->{wanted}, $name);
	is($case->{violations} > 0 ? 'false' : 'true', $case->{wanted}, "violations: $name");
	is($case->{schema}, 'true', "its schema is one: $name");
	return;
}
