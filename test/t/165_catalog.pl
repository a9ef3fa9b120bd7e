# The catalog as files: what is loaded, replaced, refused and removed; who may name a directory; and that a dump
# takes along what was changed here, and nothing else.
use strict;
use warnings;
use ConnectorTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $JSON = JSON::PP->new->canonical->utf8->allow_nonref;
my $node = new_cluster('catalog');
my $dir  = $node->basedir . '/catalog';
mkdir $dir or die "$dir: $!";
chmod 0755, $node->basedir, $dir;

# file NAME, MEMBERS -- a good file but for these members; undef takes one away.
sub file
{
	my ($name, %members) = @_;
	my %definition = (
		name => $name, title => uc $name, base_url => 'https://h.example', allowed_hosts => ['h.example'],
		actions => { get => { path => '/' } }, %members);
	delete @definition{ grep { !defined $definition{$_} } keys %definition };
	return raw("$name.json", $JSON->encode(\%definition));
}

sub raw
{
	my ($name, $text) = @_;
	open my $file, '>', "$dir/$name" or die "$name: $!";
	print $file $text;
	close $file;
	chmod 0644, "$dir/$name";
	return;
}

# "name status problem;problem ..." of a load.
sub load
{
	my ($database) = @_;
	return $node->safe_psql($database // 'app', qq{SELECT provider, status, array_to_string(problems, ';') FROM connector_catalog_load('$dir')});
}

sub query { my ($sql) = @_; return $node->safe_psql('app', $sql); }

#
# A directory of files, some of them bad: the others are loaded, and nothing of the bad ones is.
#
file('good');
file('second', version => 7, category => 'test', availability => 'disabled', aliases => ['two']);
file('wrong', colour => 1, base_url => undef);
file('misnamed', name => 'other');
file('taken', aliases => ['two']);
raw('broken.json',    '{"name": "broken",');
raw('latin.json',     qq({"name": "latin", "title": "\xe4"}));
raw('empty.json',     '');
raw('README.md',      'not a provider');
raw('x.schema.json',  '{}');
mkdir "$dir/folder.json" or die;
my $installed = query(q{SELECT string_agg(name, ',' ORDER BY name COLLATE "C") FROM connector_providers WHERE builtin});
isnt($installed, '', 'CREATE EXTENSION has loaded a catalog');
my $out = load();
is(join(',', $out =~ /^(\S+)\|removed\|$/mg), $installed, 'built-in providers without a file are removed');
is($out =~ s/^\S+\|removed\|\n//mgr, join("\n",
	'broken|refused|$: it is not JSON: unexpected end of the text, at byte 18',
	'empty|refused|$: it is not JSON: unexpected end of the text, at byte 0',
	'folder|refused|$: it is no file',
	'good|added|',
	'latin|refused|$: it is not JSON: not valid UTF-8, at byte 28',
	'misnamed|refused|$.name: the file of provider "other" is called other.json',
	'second|added|',
	'taken|refused|$.aliases: provider "second" has one of its names',
	'wrong|refused|$: has no property "base_url";$.colour: this property is not allowed'), 'the others are loaded, the bad ones refused with their problems');
is(query(q{SELECT name, title, version, category, availability, builtin, definition ->> 'base_url' FROM connector_providers ORDER BY name}),
	"good|GOOD|1|other|experimental|t|https://h.example\nsecond|SECOND|7|test|disabled|t|https://h.example", 'rows are as the files are');

#
# Once more: what is the same is left alone; what changed is replaced; what turned bad stays as it was.
#
unlink glob("$dir/{broken,latin,empty,misnamed,taken,wrong}.json");
rmdir "$dir/folder.json";
my $xmin = query(q{SELECT xmin FROM connector_providers WHERE name = 'good'});
is(load(), "good|unchanged|\nsecond|unchanged|", 'the same files change nothing');
is(query(q{SELECT xmin FROM connector_providers WHERE name = 'good'}), $xmin, 'not even the row');
file('good', title => 'Better');
file('second', actions => undef);
is(load(), "good|updated|\nsecond|refused|\$: there are neither actions nor streams", 'a changed file replaces, a bad one does not');
is(query(q{SELECT title, definition -> 'actions' -> 'get' ->> 'path' FROM connector_providers ORDER BY name}), "Better|/\nSECOND|/", 'the row of a bad file stays');
is(query(q{SELECT action, object_name FROM connector_audit_log WHERE object_type = 'provider' AND object_name IN ('good', 'second') ORDER BY id}),
	"create|good\ncreate|second\nupdate|good", 'loads are in the log');

#
# What was changed here is kept, until it is removed.
#
query(q{SELECT connector_provider_register(jsonb_set(definition, '{title}', '"Changed here"'), official => true) FROM connector_providers WHERE name = 'good'});
is(query(q{SELECT title, builtin FROM connector_providers WHERE name = 'good'}), 'Changed here|f', 'an official provider can be changed');
file('second');
like(load(), qr/^good\|kept\|$/m, 'and a file does not replace it');
unlink "$dir/second.json";
is(load(), "second|removed|\ngood|kept|", 'nor does it go with a file');
query(q{SELECT connector_provider_remove('good', official => true)});
is(load(), 'good|added|', 'removed, it comes back from the file');

#
# Directories: not for everybody, and not where there is none.
#
like(psql_error($node, 'app', qq{SELECT * FROM connector_catalog_load('$dir/none')}), qr/could not open directory/, 'a directory that is not there');
like(psql_error($node, 'app', q{SELECT * FROM connector_catalog_load('')}), qr/could not open directory/, 'a directory without a name');
query(q{CREATE ROLE curator; INSERT INTO connector_admins (kind, member, role) VALUES ('role', 'curator', 'admin')});
like(psql_error($node, 'app', qq{SET ROLE curator; SELECT * FROM connector_catalog_load('$dir')}), qr/permission denied to read a directory of the server/,
	'one who may curate may not read any directory');
unlike($node->safe_psql('app', 'SET ROLE curator; SELECT status FROM connector_catalog_load() GROUP BY 1'), qr/refused/, 'but load the installed catalog');
is(query(q{SELECT string_agg(name, ',' ORDER BY name COLLATE "C") FROM connector_providers WHERE builtin}), $installed, 'which brings back what it has');
query('GRANT pg_read_server_files TO curator');
like($node->safe_psql('app', "SET ROLE curator; SELECT provider, status FROM connector_catalog_load('$dir')"), qr/^good\|added$/m, 'with pg_read_server_files any');

#
# A dump: official ones that were changed here and those of workspaces, not what comes from files.
#
query('SELECT status FROM connector_catalog_load()');
my ($first) = split /,/, $installed;
query(qq{SELECT connector_provider_register(jsonb_set(definition, '{title}', '"Changed here"'), official => true) FROM connector_providers WHERE name = '$first'});
query(q{CREATE ROLE tenant; SELECT connector_create_workspace('acme', owner => 'tenant')});
$node->safe_psql('app', q{SET ROLE tenant; SELECT connector_provider_register('{"name": "mine", "title": "Mine", "base_url": "https://h.example",
	"allowed_hosts": ["h.example"], "actions": {"get": {"path": "/"}}}')});
my $rows   = q{SELECT name, title, builtin, aliases, definition FROM connector_providers ORDER BY name};
my $before = query($rows);
my $dump   = $node->basedir . '/dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('app') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'pg_restore');
is($node->safe_psql('restored', $rows), $before, 'a restored database has the same providers');
is($node->safe_psql('restored', "SELECT title, builtin FROM connector_providers WHERE name = '$first'"), 'Changed here|f', 'the changed one is there once');
like($node->safe_psql('restored', q{SELECT connector_provider_form('mine', 'acme') ->> 'title'}), qr/^Mine$/, 'and the workspace has its own');

done_testing();
