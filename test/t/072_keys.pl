# Keys and ciphertexts: a ciphertext opens only in its own row and under its own key; a wrong, missing or unsafe
# key file is a clear error; keys are rotated while calls go on; and the column is readable by nobody but its owner.
use strict;
use warnings;
use ConnectorTest;
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster('main');
my $keys = $node->basedir . '/keys';
my $good = slurp_file($keys);
my ($hex) = $good =~ /:([0-9a-f]{64})/;

$node->safe_psql('app', <<"SQL");
CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE viewer LOGIN;
SELECT connector_create_workspace('acme', owner => 'ann'), connector_create_workspace('other', owner => 'bob');
SELECT connector_add_member('viewer', 'viewer', workspace => 'acme');
SELECT connector_credential_set(s, jsonb_build_object('token', w || '-token-for-' || s), 'bearer', allowed_hosts => ARRAY['$url'], workspace => w)
  FROM unnest(ARRAY['one', 'two', 'three']) s, unnest(ARRAY['acme', 'other']) w;
INSERT INTO connectors (workspace_id, name, config)
SELECT id, s, jsonb_build_object('url', '$url/echo', 'credential', s)
  FROM unnest(ARRAY['one', 'two', 'three', 'four']) s, connector_workspaces;
SQL

# sent SERVICE -- the token that a call by a new session sends, or its code and message.
sub sent
{
	my ($service, $workspace) = @_;
	$workspace //= 'acme';
	$mock->forget;
	my ($stdout, $stderr) = ('', '');
	$node->psql('app', "\\set VERBOSITY verbose\nSELECT error_code || ': ' || error_message FROM connector_try_execute('$service', workspace => '$workspace')",
		stdout => \$stdout, stderr => \$stderr);
	my ($seen) = $mock->requests;
	return $stdout . $stderr if $stdout . $stderr ne '';
	return $seen->{headers}{authorization};
}

# stored CONDITION, EXPRESSION -- of the superuser, who owns the table.
sub stored { my ($sql) = @_; return $node->safe_psql('app', $sql); }

is(sent('one'), 'Bearer acme-token-for-one', 'a credential is sent');
is(sent('one', 'other'), 'Bearer other-token-for-one', 'and that of another workspace');

#
# A ciphertext is worth nothing outside its row.
#
my $undecryptable = qr/^credential_missing: credential "\w+\/default" [^\n]*\z/;
my $backup = 'CREATE TABLE IF NOT EXISTS backup AS SELECT * FROM workspace_api_credentials';
my $restore = <<'SQL';
UPDATE workspace_api_credentials c SET service_name = b.service_name, secret = b.secret, key_id = b.key_id
  FROM backup b WHERE b.workspace_id = c.workspace_id AND b.id = c.id
SQL
stored($backup);
my $target = q(workspace_id = (SELECT id FROM connector_workspaces WHERE slug = 'acme') AND service_name = 'one');
my %changes = (
	'from another service'   => "SET secret = (SELECT secret FROM backup b WHERE b.workspace_id = c.workspace_id AND b.service_name = 'two') WHERE $target",
	'from another workspace' => "SET secret = (SELECT secret FROM backup b WHERE b.workspace_id <> c.workspace_id AND b.service_name = 'one') WHERE $target",
	'with another key id'    => "SET key_id = 'another-key' WHERE $target",
	'with a bit changed'     => "SET secret = set_bit(secret, 8 * (length(secret) - 20), 1 - get_bit(secret, 8 * (length(secret) - 20))) WHERE $target",
	'with the nonce changed' => "SET secret = set_byte(secret, 1, 255 - get_byte(secret, 1)) WHERE $target",
	'with the tag changed'   => "SET secret = set_byte(secret, length(secret) - 1, 255 - get_byte(secret, length(secret) - 1)) WHERE $target",
	'of another format'      => "SET secret = set_byte(secret, 0, 2) WHERE $target",
	'cut short'              => "SET secret = substr(secret, 1, length(secret) - 1) WHERE $target",
	'with one byte more'     => "SET secret = secret || '\\x00' WHERE $target",
	'that is empty'          => "SET secret = '' WHERE $target",
	'that is a few bytes'    => "SET secret = '\\x01020304' WHERE $target");
for my $what (sort keys %changes)
{
	stored("UPDATE workspace_api_credentials c $changes{$what}");
	like(sent('one'), $undecryptable, "a ciphertext $what does not open");
	is(stored(q(SELECT status FROM connector_credential_test('one', workspace => 'acme'))), 'undecryptable', "connector_credential_test sees a ciphertext $what");
	is(scalar(my @none = $mock->requests), 0, 'nothing is sent');
	stored($restore);
	is(sent('one'), 'Bearer acme-token-for-one', 'in its place it opens again');
}
stored("UPDATE workspace_api_credentials SET service_name = 'four' WHERE $target");
like(sent('four'), $undecryptable, 'a row whose service is changed does not open');
like(sent('one'), qr/^credential_missing: there is no credential "one\/default"\z/, 'and is no longer what it was');
stored($restore);
# Both rows exchange their ciphertexts; each alone is well-formed.
stored(q(UPDATE workspace_api_credentials c SET secret = b.secret FROM backup b WHERE b.workspace_id = c.workspace_id AND b.service_name <> c.service_name AND b.service_name IN ('one', 'two') AND c.service_name IN ('one', 'two')));
like(sent($_), $undecryptable, "exchanged: $_ does not open") for 'one', 'two';
stored($restore);
is(psql_error($node, 'app', q(SELECT connector_execute('one', workspace => 'acme'))), '', 'all is well again');
stored("UPDATE workspace_api_credentials SET key_id = 'another-key' WHERE $target");
like(psql_error($node, 'app', q(SELECT connector_execute('one', workspace => 'acme'))), qr/ERROR:  NC019: .*\n.*DETAIL:  Code credential_missing.*\n.*HINT:  /, 'SQLSTATE NC019, detail and hint');
stored($restore);

#
# Key files.
#
sub write_keys
{
	my ($text, $mode) = @_;
	unlink $keys;
	append_to_file($keys, $text);
	chmod $mode // 0600, $keys;
	return;
}
my $set = qq(SELECT connector_credential_set('new', '{"token": "a-new-token"}', 'bearer', allowed_hosts => ARRAY['a.example'], workspace => 'acme'));
my $other_key = 'ab' x 32;

# Another key under the same id: nothing opens, and nothing is broken.
write_keys("test-key:$other_key\n");
like(sent('one'), $undecryptable, 'under another key nothing opens');
write_keys($good);
is(sent('one'), 'Bearer acme-token-for-one', 'with the right one it does');

my @bad_files = (
	[ 'missing',                     undef,                              0600, qr/ERROR:  58P01: could not open connector\.key_file/ ],
	[ 'readable by the group',       $good,                              0640, qr/ERROR:  F0000: connector\.key_file ".*" is not safe/ ],
	[ 'readable by others',          $good,                              0604, qr/ERROR:  F0000: connector\.key_file ".*" is not safe/ ],
	[ 'writable by the group',       $good,                              0620, qr/ERROR:  F0000: connector\.key_file ".*" is not safe/ ],
	[ 'unreadable',                  $good,                              0000, qr/ERROR:  42501: could not open connector\.key_file/ ],
	[ 'empty',                       '',                                 0600, qr/ERROR:  F0000: the keys of connector are malformed/ ],
	[ 'only a comment',              "# no key\n",                       0600, qr/line 1: there is no key/ ],
	[ 'without an id',               "$hex\n",                           0600, qr/line 1: a key id of 1 to 63/ ],
	[ 'with an empty id',            ":$hex\n",                          0600, qr/line 1: a key id of 1 to 63/ ],
	[ 'with a long id',              'x' x 64 . ":$hex\n",               0600, qr/line 1: a key id of 1 to 63/ ],
	[ 'with an odd id',              "a b:$hex\n",                       0600, qr/line 1: a key id has letters/ ],
	[ 'with a short key',            'k:' . substr($hex, 2) . "\n",      0600, qr/line 1: the key is not 64 hex digits/ ],
	[ 'with a long key',             "k:${hex}00\n",                     0600, qr/line 1: the key is not 64 hex digits/ ],
	[ 'with letters for a key',      'k:' . 'z' x 64 . "\n",             0600, qr/line 1: the key is not 64 hex digits/ ],
	[ 'with bad base64',             'k:' . '*' x 44 . "\n",             0600, qr/line 1: the key is not 64 hex digits/ ],
	[ 'with one id twice',           "k:$hex\nk:$other_key\n",           0600, qr/line 2: this key id was used before/ ],
	[ 'with a bad second line',      "${good}nonsense\n",                0600, qr/line 2: a key id of 1 to 63/ ],
	[ 'with too many keys',          join('', map { "k$_:$hex\n" } 1 .. 257), 0600, qr/line 257: there are too many keys/ ],
	[ 'of zeros and control bytes',  "\0\1\2\n" x 10,                    0600, qr/line 1: / ]);
for my $case (@bad_files)
{
	my ($what, $text, $mode, $expected) = @$case;
	if (defined $text) { write_keys($text, $mode); }
	else               { unlink $keys; }
  SKIP:
	{
		skip 'root reads everything', 2 if $what eq 'unreadable' && $> == 0;
		my $error = psql_error($node, 'app', $set);
		like($error, $expected, "a key file $what: connector_credential_set");
		unlike($error, qr/[0-9a-f]{32}|$hex/, 'and nothing of its content shown');
		like(sent('one'), $expected, "a key file $what: connector_try_execute");
		like(psql_error($node, 'app', 'SELECT connector_rotate_keys()'), $expected, "a key file $what: connector_rotate_keys");
	}
}
# A directory, and a device that never ends.
unlink $keys;
mkdir $keys;
like(psql_error($node, 'app', $set), qr/ERROR:  F0000: .*is not safe/, 'a directory is no key file');
rmdir $keys;
symlink '/dev/zero', $keys;
like(psql_error($node, 'app', $set), qr/ERROR:  F0000: .*is not safe/, 'nor is a device');
write_keys("# comment\n\n  test-key : $hex\n" =~ s/ : /:/r . "   # more\nsecond:" . 'qrvM3e7/ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJk=' . "  # base64\n");
is(sent('one'), 'Bearer acme-token-for-one', 'comments, blanks and base64 are fine');
is(stored(q(SELECT count(*) FROM workspace_api_credentials WHERE service_name = 'new')), 0, 'nothing was stored without a good key');

#
# A command for a key.
#
sub configure
{
	my ($file, $command) = @_;
	$node->safe_psql('postgres', sprintf q(ALTER SYSTEM SET connector.key_file = '%s'), $file);
	$node->safe_psql('postgres', sprintf q(ALTER SYSTEM SET connector.key_command = '%s'), $command =~ s/'/''/gr);
	$node->reload;
	ok($node->poll_query_until('app', sprintf q(SELECT current_setting('connector.key_command') = '%s' AND current_setting('connector.key_file') = '%s'),
			$command =~ s/'/''/gr, $file), $command ne '' ? "key command: $command" : "key file: $file");
	return;
}
configure('', "cat $keys");
is(sent('one'), 'Bearer acme-token-for-one', 'a command gives the keys');
my $status = $node->basedir . '/ran';
configure('', "echo x >> $status; cat $keys");
stored(join ';', (q(SELECT connector_execute('one', workspace => 'acme'))) x 3);
is(slurp_file($status), "x\n", 'it is run once in a session');
configure('', 'exit 3');
like(psql_error($node, 'app', $set), qr/ERROR:  F0000: connector\.key_command failed\n.*DETAIL:  /, 'a command that fails is an error');
configure('', "cat $keys; exit 1");
like(psql_error($node, 'app', $set), qr/ERROR:  F0000: connector\.key_command failed/, 'whatever it printed');
configure('', '/nonexistent/command');
like(psql_error($node, 'app', $set), qr/ERROR:  F0000: connector\.key_command failed/, 'so is one that does not exist');
configure('', 'echo nonsense');
like(psql_error($node, 'app', $set), qr/ERROR:  F0000: the keys of connector are malformed\n.*DETAIL:  connector\.key_command, line 1/, 'and one that prints nonsense');
configure('', 'sleep 60');
my $started = time;
like(psql_error($node, 'app', "SET statement_timeout = '300ms'; $set"), qr/ERROR:  57014: canceling statement due to statement timeout/, 'a command that hangs can be cancelled');
my $seconds = time - $started;
cmp_ok($seconds, '<', 10, 'at once');
note sprintf '%.0f ms', $seconds * 1000;
configure('', '');
like(psql_error($node, 'app', $set), qr/ERROR:  55000: no key for credentials is configured\n.*HINT:  Set connector\.key_file/, 'no key at all');
like(sent('one'), qr/55000: no key for credentials is configured/, 'nor for a call');
is(stored(q(SELECT count(*) FROM workspace_api_credentials WHERE service_name = 'new')), 0, 'and nothing was stored');
configure($keys, '');

#
# Rotation, while another session executes.
#
write_keys($good);
stored(qq(SELECT count(connector_credential_set('s' || n, jsonb_build_object('token', 'token-' || n), 'bearer', allowed_hosts => ARRAY['$url'], workspace => 'acme')) FROM generate_series(1, 40) n));
my $load = $node->basedir . '/load.sql';
append_to_file($load, "SELECT connector_execute('one', workspace => 'acme'), connector_execute('two', workspace => 'other');\n");
my $pgbench = start_program($node->basedir . '/pgbench.log', 'pgbench', '-n', '-c', 2, '-T', 60, '-f', $load, $node->connstr('app'));
ok($node->poll_query_until('app', q(SELECT count(*) > 20 FROM connector_executions WHERE started_at > now() - interval '2 s')), 'calls go on');
write_keys("new-key:$other_key\n$good");
my $rotated = 0;
while ((my $count = stored('SELECT connector_rotate_keys(10)')) > 0) { $rotated += $count; cmp_ok($count, '<=', 10, "a batch of $count"); }
is($rotated, 46, 'all are re-encrypted');
is(stored('SELECT DISTINCT key_id FROM workspace_api_credentials'), 'new-key', 'under the new key');
my $position = stored('SELECT count(*) FROM connector_executions');
ok($node->poll_query_until('app', "SELECT count(*) > $position + 50 FROM connector_executions"), 'calls went on');
write_keys("new-key:$other_key\n");
ok($node->poll_query_until('app', "SELECT count(*) > $position + 100 FROM connector_executions"), 'also after the old key was removed');
stop_program($pgbench, 'INT');
unlike(slurp_file($node->basedir . '/pgbench.log'), qr/ERROR|aborted/, 'none of them failed');
is(stored(q(SELECT count(*) FROM connector_executions WHERE status <> 'success' AND started_at > now() - interval '1 minute' AND error_code <> 'credential_missing')), 0, 'nor was any recorded as failed');
is(sent('one'), 'Bearer acme-token-for-one', 'a new session uses the new key');
is(stored('SELECT connector_rotate_keys()'), 0, 'there is nothing left to do');

# Rows that cannot be opened are left alone, and do not keep the others from their turn.
stored(q(UPDATE workspace_api_credentials SET key_id = 'lost-key' WHERE id IN (SELECT id FROM workspace_api_credentials ORDER BY workspace_id, id LIMIT 3)));
write_keys("third-key:$hex\nnew-key:$other_key\n");
my ($sum, $turns) = (0, 0);
while ($turns++ < 100)
{
	my $count = stored('SELECT connector_rotate_keys(2)');
	last if $count == 0;
	$sum += $count;
}
is($sum, 43, 'the others are re-encrypted, in batches smaller than the number of those that cannot be');
like(psql_error($node, 'app', 'SELECT connector_rotate_keys()'), qr/WARNING:  .*credential [0-9a-f-]{36} cannot be re-encrypted\n.*DETAIL:  Key "lost-key" is not configured/, 'each of which is named');
stored(q(UPDATE workspace_api_credentials SET key_id = 'new-key' WHERE key_id = 'lost-key'));
is(stored('SELECT connector_rotate_keys()'), 3, 'and is taken when its key is there again');
is(sent($_), "Bearer acme-token-for-$_", "$_ works") for qw(one two three);

#
# Nobody but the owner reads the column.
#
stored('ANALYZE workspace_api_credentials');
for my $role (qw(viewer ann))
{
	my $as = sub { my ($sql) = @_; return psql_error($node, 'app', "SET SESSION AUTHORIZATION $role; $sql"); };
	is($as->('SELECT service_name, key_id, allowed_hosts FROM workspace_api_credentials'), '', "$role reads the other columns");
	my %tricks = (
		'the column'             => 'SELECT secret FROM workspace_api_credentials',
		'all columns'            => 'SELECT * FROM workspace_api_credentials',
		'the whole row'          => 'SELECT c FROM workspace_api_credentials c',
		'the row as text'        => 'SELECT c::text FROM workspace_api_credentials c',
		'the row as JSON'        => 'SELECT to_jsonb(c) FROM workspace_api_credentials c',
		'a row constructor'      => 'SELECT row(c.*) FROM workspace_api_credentials c',
		'its length'             => 'SELECT length(secret) FROM workspace_api_credentials',
		'a condition'            => "SELECT count(*) FROM workspace_api_credentials WHERE secret > '\\x01'",
		'an order'               => 'SELECT service_name FROM workspace_api_credentials ORDER BY secret',
		'an aggregate'           => 'SELECT max(secret::text) FROM workspace_api_credentials',
		'a join'                 => 'SELECT count(*) FROM workspace_api_credentials a JOIN workspace_api_credentials b USING (secret)',
		'a natural join'         => 'SELECT count(*) FROM workspace_api_credentials a NATURAL JOIN workspace_api_credentials b',
		'row security off'       => 'SET row_security = off; SELECT secret FROM workspace_api_credentials',
		'COPY'                   => 'COPY workspace_api_credentials TO STDOUT',
		'COPY of the column'     => 'COPY workspace_api_credentials (secret) TO STDOUT',
		'COPY of a query'        => 'COPY (SELECT secret FROM workspace_api_credentials) TO STDOUT',
		'XML of the table'       => "SELECT table_to_xml('workspace_api_credentials', true, true, '')",
		'a temporary view'       => 'CREATE TEMPORARY VIEW v AS SELECT secret FROM workspace_api_credentials; SELECT * FROM v',
		'a function'             => 'CREATE FUNCTION pg_temp.f() RETURNS SETOF bytea LANGUAGE sql AS $$SELECT secret FROM public.workspace_api_credentials$$; SELECT pg_temp.f()',
		'a cursor'               => 'BEGIN; DECLARE c CURSOR FOR SELECT secret FROM workspace_api_credentials',
		'a lock'                 => 'SELECT secret FROM workspace_api_credentials FOR UPDATE',
		'an update'              => "UPDATE workspace_api_credentials SET secret = '\\x00'",
		'a returning update'     => 'UPDATE workspace_api_credentials SET label = label RETURNING secret',
		'a returning delete'     => 'DELETE FROM workspace_api_credentials RETURNING secret',
		'an insert'              => "INSERT INTO workspace_api_credentials (workspace_id, id, service_name, auth_kind, secret, key_id, allowed_hosts) SELECT workspace_id, gen_random_uuid(), 'z', 'bearer', '\\x00', 'k', '{}' FROM connector_members",
		'a merge'                => "MERGE INTO workspace_api_credentials c USING connector_members m ON c.workspace_id = m.workspace_id WHEN MATCHED THEN UPDATE SET secret = '\\x00'",
		'truncation'             => 'TRUNCATE workspace_api_credentials',
		'a trigger'              => 'CREATE TRIGGER t BEFORE INSERT ON workspace_api_credentials FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()',
		'a rule'                 => 'CREATE RULE r AS ON INSERT TO workspace_api_credentials DO ALSO NOTHING',
		'a policy'               => 'CREATE POLICY p ON workspace_api_credentials USING (true)',
		'row security disabled'  => 'ALTER TABLE workspace_api_credentials DISABLE ROW LEVEL SECURITY',
		'an owner'               => "ALTER TABLE workspace_api_credentials OWNER TO $role",
		'a grant'                => "GRANT SELECT ON workspace_api_credentials TO $role; SELECT secret FROM workspace_api_credentials",
		'a child table'          => 'CREATE TEMPORARY TABLE t () INHERITS (public.workspace_api_credentials)',
		'a foreign key'          => 'CREATE TEMPORARY TABLE t (a uuid, b uuid, FOREIGN KEY (a, b) REFERENCES workspace_api_credentials)',
		'statistics'             => 'CREATE STATISTICS pg_temp.s ON secret, key_id FROM workspace_api_credentials',
		'an index'               => 'CREATE INDEX ON workspace_api_credentials (secret)',
		'a publication'          => 'CREATE PUBLICATION p FOR TABLE workspace_api_credentials',
		'the statistics table'   => 'SELECT * FROM pg_statistic',
		'private functions'      => 'SELECT connector_rotate_keys()');
	like($as->($tricks{$_}), qr/ERROR:  (?:42501|0A000|42P16): /, "$role is refused: $_") for sort keys %tricks;
	is($node->safe_psql('app', "SET SESSION AUTHORIZATION $role; SELECT count(*) FROM pg_stats WHERE tablename = 'workspace_api_credentials' AND attname = 'secret'"), 0, "$role sees no statistics of the column");
	is($node->safe_psql('app', "SET SESSION AUTHORIZATION $role; SELECT has_column_privilege('workspace_api_credentials', 'secret', 'SELECT, UPDATE, INSERT, REFERENCES')"), 'f', "$role has no privilege on the column");
}
# What leaks into a message: a leaky operator in a policy's shadow, an error while casting.
like(psql_error($node, 'app', "SET SESSION AUTHORIZATION bob; SELECT 1 / (length(label) - length(label)) FROM workspace_api_credentials WHERE workspace_id = (SELECT id FROM connector_workspaces WHERE slug = 'acme')"),
	qr/\A\z/, 'another tenant has no rows to fail on');
is($node->safe_psql('app', q(SELECT count(*) FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid JOIN pg_extension e ON e.oid = d.refobjid
	WHERE e.extname = 'connector' AND d.classid = 'pg_proc'::regclass AND p.proname ~ '(decrypt|unseal|reveal|secret)')), 0, 'there is no function that gives a plaintext');
done_testing();
