# bin/audit: what it says of files, of providers in the database, and of the catalog of this checkout, which must not
# have errors; its exit statuses.
use strict;
use warnings;
use ConnectorTest;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_cluster('main');
$ENV{PGHOST}     = $node->host;
$ENV{PGPORT}     = $node->port;
$ENV{PGDATABASE} = 'app';
my $dir = PostgreSQL::Test::Utils::tempdir();

#
# Helpers.
#
sub audit
{
	my (@arguments) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'bin/audit', @arguments ], '>', \$out, '2>', \$err);
	return { status => $? >> 8, out => $out, err => $err };
}

sub write_file
{
	my ($name, $content) = @_;
	append_to_file("$dir/$name", $content);
	return "$dir/$name";
}

# definition MEMBER => VALUE... -- one that has no errors, but warnings.
sub definition
{
	return JSON::PP->new->canonical->encode({
		name => 'parcels', title => 'Parcels', base_url => 'https://api.parcels.io', allowed_hosts => ['api.parcels.io'],
		documentation => 'https://parcels.io/docs', actions => { get_parcel => { path => '/me', input_schema => {} } }, @_ });
}

my @placeholder = (documentation => 'https://example.com/docs');

#
# What cannot be found out.
#
for my $case (
	[ [ '--lax' ],         qr/^bin\/audit \[--strict\]/m,             'an unknown option' ],
	[ [ "$dir/no.json" ],  qr/^bin\/audit: \S+no\.json cannot be read$/m, 'a file that is not there' ],
	[ [ $dir . '/.json' ], qr/cannot be read/,                        '... without a name' ],
	[ ['nobody'],          qr/provider "nobody" does not exist/,      'an unknown provider' ],
	[ ["x' OR 'x"],        qr/provider "x' OR 'x" does not exist/,    '... with a quote' ])
{
	my ($arguments, $message, $name) = @$case;
	my $said = audit(@$arguments);
	is($said->{status}, 2, "$name: status");
	like($said->{err}, $message, "$name: message");
	unlike($said->{out}, qr/ errors, /, "$name: no sum that could be mistaken");
}
{
	local $ENV{PGDATABASE} = 'postgres';
	my $said = audit();
	is($said->{status}, 2, 'a database without the extension: status');
	like($said->{err}, qr/^bin\/audit: the extension connector is not in this database$/m, '... message');
}
{
	local $ENV{PGPORT} = free_port();
	is(audit()->{status}, 2, 'no server: status');
}
is(audit('--help')->{status}, 0, 'help');
like(audit('-h')->{out}, qr/exit status is 0 if .*, 1 if .*, 2 if /s, '... tells the exit statuses');

#
# Files: errors, warnings only, nothing.
#
my $cut = write_file('cut.json', '{"name": ');
my $said = audit($cut);
is($said->{status}, 1, 'a file that is no JSON: status');
like($said->{out}, qr/^error    \Q$cut\E is no JSON\n         invalid input syntax for type json\n.*^1 errors, 0 warnings, 0 other findings$/ms, '... message');

my $wrong = write_file('wrong.json', definition(@placeholder));
$said = audit($wrong);
is($said->{status}, 1, 'a placeholder: status');
like($said->{out}, qr/^error    \Q$wrong\E \$\.documentation: "https:\/\/example\.com\/docs" is a placeholder\n {9}\S/m, '... message and hint');

my $fair = write_file('fair.json', definition(description => q(It's "quoted" \\ :name)));
$said = audit($fair);
is($said->{status}, 0, 'warnings only: status');
like($said->{out}, qr/^warning  \Q$fair\E \$: there is no test$/m, '... which are shown');
like($said->{out}, qr/^0 errors, [1-9][0-9]* warnings, /m, '... and counted');
is(audit('--strict', $fair)->{status}, 1, '... and count with --strict');
is(audit($fair, $wrong, $cut)->{status}, 1, 'several files');
like(audit($cut, $fair)->{out}, qr/^1 errors, [1-9]/m, '... are all judged, whatever the first is');
my $long = write_file('long.json', definition(description => 'x' x 300_000));
is(audit($long)->{status}, 0, 'a file longer than an argument can be');

#
# The page about it.
#
mkdir "$dir/$_" or die $! for qw(catalog docs docs/providers);
my $paged = write_file('catalog/parcels.json', definition());
like(audit($paged)->{out}, qr/^warning  \Q$paged\E \$: there is no page about it$/m, 'no page');
write_file('docs/providers/parcels.md', "It's \\ :here: get_parcels\n");
like(audit($paged)->{out}, qr/^warning  \Q$paged\E \$\.actions\.get_parcel: the page about the provider does not mention it$/m, 'a page without the action');
append_to_file("$dir/docs/providers/parcels.md", "`get_parcel`\n");
unlike(audit($paged)->{out}, qr/page/, 'a page with it');
my $stable = write_file('catalog/stable.json', definition(name => 'stable', availability => 'stable'));
like(audit($stable)->{out}, qr/^error    \Q$stable\E \$: there is no page about it$/m, 'no page of a stable provider');

#
# Providers of the database, and of whose they are.
#
$node->safe_psql('app', q{CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN;
	SELECT connector_create_workspace('acme', owner => 'ann'), connector_create_workspace('globex', owner => 'bob')});
$node->safe_psql('app', q{SET ROLE ann; SELECT connector_provider_register($cn$} . definition(aliases => ['boxes']) . q{$cn$)});
$node->safe_psql('app', q{UPDATE connector_providers SET definition = jsonb_set(definition, '{documentation}', '"https://example.com"') WHERE name = 'parcels'});
$said = audit('boxes');
is($said->{status}, 1, 'a provider of the database: status');
like($said->{out}, qr/^error    parcels \$\.documentation: "https:\/\/example\.com" is a placeholder$/m, '... message');
{
	local $ENV{PGUSER} = 'bob';
	is(audit('parcels')->{status}, 2, 'another workspace does not see it');
	is(audit()->{status}, 0, '... nor is it among all');
	$ENV{PGUSER} = 'ann';
	is(audit()->{status}, 1, 'its own does');
}
is(audit('github')->{status}, 0, 'a provider of the catalog');

#
# Another schema.
#
$node->safe_psql('postgres', q{CREATE DATABASE "other"});
$node->safe_psql('other', q{CREATE SCHEMA "Odd schema"; CREATE EXTENSION connector SCHEMA "Odd schema"});
{
	local $ENV{PGDATABASE} = 'other';
	is(audit($fair)->{status}, 0, 'the extension in an odd schema');
}

#
# The catalog of this checkout.
#
my @files = glob 'catalog/*.json';
cmp_ok(scalar @files, '>=', 18, 'there is a catalog');
$said = audit(@files);
is($said->{status}, 0, 'it has no errors');
unlike($said->{out}, qr/page/, 'each provider has a page, which mentions what it has');
diag($_) for 'what is left to do:', $said->{out} =~ /^((?:error|warning).*)$/mg;

done_testing();
