# The reference pages name everything there is, and nothing else: settings, error codes, filters, functions,
# and docs/definition.schema.json is valid JSON that knows the keys of a definition.
use strict;
use warnings;
use ConnectorTest;
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

my $root = dirname(__FILE__) . '/../..';
my $node = new_cluster('docs_complete');

sub page { my ($name) = @_; return slurp_file("$root/docs/$name"); }

sub query { my ($sql) = @_; return $node->safe_psql('app', $sql); }

# table_rows TEXT, FIRST -- the rows of markdown tables whose first cell is `code` matching FIRST; lists of cells.
sub table_rows
{
	my ($text, $first) = @_;
	my @rows;
	for my $line (split /\n/, $text)
	{
		next if $line !~ /^\|\s*`$first`\s*\|/;
		my @cells = map { s/^\s+|\s+$//gr } split /(?<!\\)\|/, $line, -1;
		shift @cells;
		pop @cells;
		push @rows, \@cells;
	}
	return @rows;
}

#
# settings.md: every setting with default, range and context.
#
my %context = (user => 'user', superuser => 'superuser', sighup => 'sighup', postmaster => 'postmaster');
my %documented;
for my $row (table_rows(page('settings.md'), 'connector\.\w+'))
{
	my ($name, $default, $range, $context) = @$row;
	$documented{ $name =~ s/`//gr } = "default $default, range $range, context $context";
}
my %settings;
my $settings = query(q{
	SELECT name, coalesce(nullif(concat_ws(' ', nullif(boot_val, ''), unit), ''), 'empty'),
	       CASE WHEN vartype IN ('integer', 'real') THEN min_val || ' to ' || max_val ELSE '' END, context
	  FROM pg_settings WHERE name LIKE 'connector.%' AND name <> 'connector.test_point'});
for (split /\n/, $settings)
{
	my ($name, $default, $range, $context) = split /\|/, $_, -1;
	$settings{$name} = "default $default, range $range, context $context{$context}";
}
cmp_ok(scalar keys %settings, '>', 10, 'there are settings');
is_deeply(\%documented, \%settings, 'settings.md has every setting as pg_settings has it');

#
# errors.md: every code of core/errors.c with SQLSTATE and retryability, and every status it maps.
#
my $source = slurp_file("$root/src/core/errors.c");
my %codes;
while ($source =~ /\[CN_\w+\] = \{"(\w+)", "(NC\d{3})", (true|false),/g)
{
	$codes{$1} = "$2, " . ($3 eq 'true' ? 'retryable' : 'not retryable');
}
is(scalar keys %codes, 21, 'there are 21 codes');
my %described;
my $errors = page('errors.md');
while ($errors =~ /^### `(\w+)`\n\nSQLSTATE (NC\d{3}), ((?:not )?retryable)\. \S/mg)
{
	$described{$1} = "$2, $3";
}
is_deeply(\%described, \%codes, 'errors.md has a paragraph on every code');
my ($mapping) = $errors =~ /^## HTTP status\n(.*?)^## /ms;
for my $status ($source =~ /case (\d{3}):/g)
{
	like($mapping, qr/\b$status\b/, "errors.md says what status $status means");
}

#
# transformations.md: the filters as the server has them.  (The unit tests compare the page with the table it is
# made of, word for word.)
#
my @shown = map { $_->[0] =~ s/`//gr } table_rows(page('transformations.md'), '\w+');
is(join("\n", sort @shown), query('SELECT name FROM connector_transformations ORDER BY name COLLATE "C"'),
	'transformations.md has every filter');
is(query(q{SELECT count(*) >= 60 FROM connector_transformations}), 't', 'which are many');
my $connectors = page('connectors.md');

#
# connectors.md and the schema: the keys of a definition, as the checker knows them.
#
my $definition = join '', map { slurp_file("$root/src/catalog/$_.c") } qw(definition compile_step compile_use);
my %keys;
for my $list (qw(definition_keys multi_keys cn_compile_step_keys cn_compile_use_keys))
{
	my ($known) = $definition =~ /\b$list\[\] = \{(.*?)\}/s;
	$keys{$_} = 1 for $known =~ /"(\w+)"/g;
}
my @keys = sort keys %keys;
my ($reference) = $connectors =~ /^## The definition\n(.*?)^## /ms;
my %named = map { my ($cell) = $_ =~ /^\|([^|]*)\|/; map { $_ => 1 } $cell =~ /`(\w+)`/g }
	grep { /^\| `/ } split /\n/, $reference;
is_deeply([ sort keys %named ], \@keys, 'connectors.md has every key of a definition');
my $schema = page('definition.schema.json');
is(query("SELECT string_agg(k, ' ' ORDER BY k COLLATE \"C\") FROM jsonb_object_keys((\$s\$$schema\$s\$::jsonb) -> 'properties') k"),
	join(' ', @keys), 'definition.schema.json has every key of a definition');
for my $limit ($definition =~ /#define (?:MIN|MAX)_TIMEOUT_MS (\d+)/g)
{
	like($schema, qr/: $limit\b/, "definition.schema.json has the limit $limit");
}

#
# The schema takes what the check takes: the cases of the unit tests, and our own templates.
#
my $cases = slurp_file("$root/test/unit/cases/definition.test");
my (@taken, @unknown);
while ($cases =~ /^(?:check|use)[^\n]*\n(\{[^\n]*\})\n([^\n]*)$/mg)
{
	my ($config, $problems) = ($1, $2);
	push @taken,   $config if $problems eq 'ok';
	push @unknown, $config if $problems =~ /\A\$[\w.\[\]]*: unknown key\z/;
}
cmp_ok(scalar @taken, '>', 40, 'there are definitions to try');
for my $config (@taken)
{
	is(query("SELECT string_agg(concat_ws(' ', instance_path, schema_path, message), '; ')"
			  . " FROM connector_validate_json(\$s\$$schema\$s\$, \$c\$$config\$c\$)"), '', "the schema takes $config");
}
for my $config (@unknown)
{
	is(query("SELECT connector_json_is_valid(\$s\$$schema\$s\$, \$c\$$config\$c\$)"), 'f', "the schema refuses $config");
}
is(query("SELECT string_agg(name, ', ') FROM connector_templates WHERE NOT connector_json_is_valid(\$s\$$schema\$s\$, config)"),
	'', 'the schema takes every official template');

#
# Every public function, type, table and view is mentioned.
#
my $all = join "\n", map { slurp_file($_) } glob("'$root'/docs/*.md");
my $members = query(q{
	SELECT DISTINCT name FROM (
		SELECT p.proname::text FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
		 WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
		   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'connector')
		UNION ALL
		SELECT c.relname FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
		 WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
		   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'connector') AND c.relkind IN ('r', 'p', 'v', 'c')
		UNION ALL
		SELECT t.typname FROM pg_depend d JOIN pg_type t ON t.oid = d.objid
		 WHERE d.classid = 'pg_type'::regclass AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
		   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'connector') AND t.typtype = 'c' AND t.typelem = 0
		) m(name) WHERE name !~ '^_' ORDER BY name});
cmp_ok(scalar(split /\n/, $members), '>', 20, 'the extension has public members');
for my $name (split /\n/, $members)
{
	ok($all =~ /\b$name\b/, "docs/ mention $name");
}

# Links between pages lead somewhere.
for my $file (glob("'$root'/docs/*.md"), "$root/README.md")
{
	my $text = slurp_file($file);
	my $dir  = dirname($file);
	while ($text =~ /\]\(((?!https?:)[^)\s#]*)(?:#([^)\s]+))?\)/g)
	{
		my ($target, $anchor) = ($1, $2);
		my $path = length $target ? "$dir/$target" : $file;
		ok(-e $path, "$file links to $target") or next;
		next if !defined $anchor;
		my @anchors = map { lc(s/[`.,()']//gr) =~ s/ /-/gr } slurp_file($path) =~ /^#+ (.*)$/mg;
		ok((grep { $_ eq $anchor } @anchors), "$file links to $target#$anchor");
	}
}
done_testing();
