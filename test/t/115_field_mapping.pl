# Field mappings: what a connector gives is put into a table with the rights of whoever executes, whole or not at all,
# and what goes wrong is one of our codes and says where.
use strict;
use warnings;
use ConnectorTest;
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster('main', max_prepared_transactions => 5);
my $super = $node->safe_psql('postgres', 'SELECT current_user');    # who runs the tests
$node->safe_psql('app', <<"SQL");
CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE eve LOGIN;
SELECT connector_create_workspace('acme', owner => 'ann');
SELECT connector_add_member('bob', 'editor'), connector_add_member('eve', 'editor');
GRANT CREATE ON DATABASE app TO ann;
SET ROLE ann;
CREATE SCHEMA crm;
CREATE TYPE crm.status AS ENUM ('new', 'checked');
CREATE TYPE crm.place AS (city text, zip int);
CREATE DOMAIN crm.short AS text CHECK (length(VALUE) < 5);
CREATE DOMAIN crm.wanted AS text NOT NULL DEFAULT 'w';
CREATE TABLE crm.contacts (
	id int PRIMARY KEY, owner name NOT NULL DEFAULT current_user, phone_type text, raw jsonb, tags text[],
	amount numeric, price numeric(6, 2), status crm.status, seen timestamptz, code varchar(3), email text UNIQUE,
	age int CHECK (age < 150), place crm.place, short crm.short, wanted crm.wanted DEFAULT 'w', bytes bytea, doc json,
	upper_type text GENERATED ALWAYS AS (upper(phone_type)) STORED);
INSERT INTO crm.contacts (id) VALUES (1), (2);
GRANT USAGE ON SCHEMA crm TO bob;
GRANT SELECT (id, owner), UPDATE (phone_type, raw) ON crm.contacts TO bob;
RESET ROLE;
SELECT connector_maintain();
SQL

# psql_as ROLE, SQL -- output, or errors with SQLSTATEs.
sub psql_as
{
	my ($role, $sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql('app', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err, on_error_stop => 1,
		extra_params => [ '-U', $role ]);
	return $err =~ s/^psql:\S+ //gmr =~ s/^LOCATION: .*\n?//gmr || $out;
}

# save MAPPING, OUTPUT [, ROLE] -- the connector `m`, which gives that output and has those mappings (both JSON texts).
sub save
{
	my ($mapping, $output, $role) = @_;
	$mock->reply('/m', { body => $output // '{}', headers => [ 'Content-Type' => 'application/json' ] });
	return psql_as($role // 'ann', <<"SQL");
INSERT INTO connectors (name, config, field_mappings) VALUES ('m', '{"url": "$url/m"}', \$m\$$mapping\$m\$)
ON CONFLICT (workspace_id, name) DO UPDATE SET field_mappings = EXCLUDED.field_mappings
SQL
}

# execute ROLE [, INPUT] -- by connector_execute; try_execute gives status, code and message.
sub execute
{
	my ($role, $input) = @_;
	$input //= '{}';
	return psql_as($role, "SELECT connector_execute('m', \$i\$$input\$i\$)");
}

sub try_execute
{
	my ($role, $input) = @_;
	$input //= '{}';
	return psql_as($role, "SELECT concat_ws('|', status, error_code, error_message) FROM connector_try_execute('m', \$i\$$input\$i\$)");
}

sub ann { return psql_as('ann', $_[0]); }

sub contact
{
	my ($id, $columns) = @_;
	return ann("SELECT $columns FROM crm.contacts WHERE id = $id");
}

# set JSON [, MORE] -- a mapping of contact 1.
sub set
{
	my ($set, $more) = @_;
	return qq({"table": "crm.contacts", "key": {"id": 1}, "set": $set) . ($more // '') . '}';
}

#
# Refused when they are saved.
#
like(save('{"table": "crm.contacts", "key": {}, "set": {"a": 1}, "where": 1}'),
	qr/^ERROR:  22023: the definition of connector "m" has 2 problems\nDETAIL:  \$\.field_mappings\.where: unknown key\n\$\.field_mappings\.key: it names no column\n/,
	'all problems are reported');
like(save('[{"table": "t", "key": {"id": "$.["}, "set": {"a": "$.type | nonsense"}}]'),
	qr/DETAIL:  \$\.field_mappings\[0\]\.key\.id: not a SQL\/JSON path: .*\n\$\.field_mappings\[0\]\.set\.a: unknown filter "nonsense" \(at byte 9\)\n/,
	'paths by the parser of the server, filters by ours');
like(save('{"table": "t", "key": {"id": 1}, "set": {"a": "{{workspace.key}} {{step_9.x}}"}}'),
	qr/"workspace.key" cannot be used here\n.*"step_9.x" refers to nothing: a reference begins with input, execution, now, steps, step_1, output\n/,
	'secrets cannot be mapped');
like(psql_as('ann', q(INSERT INTO connectors (name, config, field_mappings) VALUES ('bad', '{"url": 1}', '{"table": 1}'))),
	qr/has 4 problems\nDETAIL:  \$\.url: .*\n\$\.field_mappings\.table: /, 'together with those of the definition');
is(save($_), '', "$_ is no mapping"), is(execute('ann'), '{}', 'and does nothing') for '{}', '[]';

#
# Tables that may not be written, or are not there.
#
my %refused = (
	'pg_catalog.pg_class'              => 'it is a system catalog',
	'pg_class'                         => 'it is a system catalog',
	'information_schema.sql_features'  => 'it is a system catalog',
	'connectors'                       => 'it belongs to the extension itself',
	'public.workspace_api_credentials' => 'it belongs to the extension itself',
	'connector_executions'             => 'it belongs to the extension itself',
	'connector_history'                => 'it belongs to the extension itself',
	'crm.contacts_pkey'                => 'it is neither a table nor a view',
	'crm.place'                        => 'it is neither a table nor a view',
	'crm.nothing'                      => 'the table does not exist',
	'nowhere.contacts'                 => 'the table does not exist',
	'contacts'                         => 'the table does not exist',
	'CRM."Contacts"'                   => 'the table does not exist',
	'"crm.contacts"'                   => 'the table does not exist',
	'"x; drop table crm.contacts"'     => 'the table does not exist');
my ($partition) = psql_as($super, q(SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'connector_history'::regclass LIMIT 1));
$refused{$partition} = 'it belongs to the extension itself';
for my $table (sort keys %refused)
{
	my $quoted = $table =~ s/"/\\"/gr;
	save(qq({"table": "$quoted", "key": {"name": "x"}, "set": {"config": "{}"}}), '{}', $super);
	like(try_execute($super), qr/^failed\|config_invalid\|field mapping to table ".*": \Q$refused{$table}\E\z/, "$table is refused, even to a superuser")
	  or diag(try_execute($super));
}
save('{"table": "\\"x; drop table crm.contacts\\"", "key": {"name": "x"}, "set": {"config": "{}"}}');
like(execute('ann'), qr/^ERROR:  NC017: connector "m": field mapping to table "x; drop table crm.contacts": the table does not exist\nDETAIL:  Code config_invalid\.\nHINT:  The call itself succeeded/,
	'connector_execute raises it');
is(contact(1, 'count(*)'), 1, 'nothing was dropped');

#
# Columns and values that do not fit.
#
save(set('{"phone_type": 1, "nothing": 2, "ctid": 3, "Raw": 4}'));
my $error = execute('ann');
like($error, qr/field mapping to table "crm.contacts": there is no column "Raw", "ctid", "nothing"\n/, 'all unknown columns are named');
like($error, qr/HINT:  Its columns are: id, owner, phone_type, raw, /, 'and the known ones');
save('{"table": "crm.contacts", "key": {"doc": {}}, "set": {"code": "x"}}');
like(try_execute('ann'), qr/\|config_invalid\|.*: column "doc" cannot be in the key: type json has no equality\z/, 'a key needs an equality');

for (
	[ '"age"', '"abc"', 'validation_failed', 'column "age": invalid input syntax for type integer: "abc" \(SQLSTATE 22P02\)' ],
	[ '"age"', '1e30', 'validation_failed', 'column "age": .* \(SQLSTATE 22.*\)' ],
	[ '"age"', '200', 'validation_failed', '.*violates check constraint "contacts_age_check" \(SQLSTATE 23514\)' ],
	[ '"owner"', 'null', 'validation_failed', '.*null value in column "owner".* \(SQLSTATE 23502\)' ],
	[ '"wanted"', 'null', 'validation_failed', 'column "wanted": domain crm.wanted does not allow null values \(SQLSTATE 23502\)' ],
	[ '"short"', '"too long"', 'validation_failed', 'column "short": value for domain crm.short violates .* \(SQLSTATE 23514\)' ],
	[ '"code"', '"four"', 'validation_failed', 'column "code": value too long for type character varying\(3\) \(SQLSTATE 22001\)' ],
	[ '"price"', '12345.678', 'validation_failed', 'column "price": numeric field overflow \(SQLSTATE 22003\)' ],
	[ '"status"', '"old"', 'validation_failed', 'column "status": invalid input value for enum crm.status: "old" \(SQLSTATE 22P02\)' ],
	[ '"seen"', '"yesterdayish"', 'validation_failed', 'column "seen": invalid input syntax for type timestamp with time zone: .*' ],
	[ '"tags"', '"red"', 'validation_failed', 'column "tags": malformed array literal: "red" .*' ],
	[ '"tags"', '{"a": 1}', 'validation_failed', 'column "tags": .*' ],
	[ '"place"', '[1]', 'validation_failed', 'column "place": .*' ],
	[ '"upper_type"', '"X"', 'config_invalid', '.*column "upper_type" can only be updated to DEFAULT \(SQLSTATE 428C9\)' ])
{
	my ($column, $value, $code, $message) = @$_;
	save(set("{$column: \"\$.v\"}"), qq({"v": $value}));
	like(try_execute('ann'), qr/^failed\|$code\|field mapping to table "crm.contacts"(?:, |: )$message\z/, "$column = $value")
	  or diag(try_execute('ann'));
}
save('{"table": "crm.contacts", "key": {"id": "$.id"}, "set": {"code": "x"}}', '{}');
like(try_execute('ann'), qr/\|validation_failed\|.*, column "id": a column of the key has no value\z/, 'a key without a value');
save(set('{"code": "{{input.code}}"}'));
like(try_execute('ann'), qr/\|input_invalid\|.*, column "code": input.code is missing\z/, 'a reference to nothing in the input');
save(set('{"code": "{{output.code}}"}'));
like(try_execute('ann'), qr/\|bad_response\|.*, column "code": output.code is missing\z/, 'in the output');
save(set('{"code": "$.a | first"}'), '{"a": 7}');
like(try_execute('ann'), qr/\|bad_response\|.*, column "code": \$value \| first: needs an array or text, not a number\z/, 'a filter that cannot work with it');
save(set('{"code": "$.a.datetime() < $.b.datetime()"}'), '{"a": "2020-01-01", "b": "2020-01-01 10:00:00+01"}');
like(try_execute('ann'), qr/\|validation_failed\|.*, column "code": value too long for type character varying\(3\) \(SQLSTATE 22001\)/, 'a path that compares a date with a moment gives true or false');
save(set('{"email": "a@example.com"}'));
execute('ann');
save('{"table": "crm.contacts", "key": {"id": 2}, "set": {"email": "a@example.com"}}');
like(try_execute('ann'), qr/\|conflict\|.*duplicate key value violates unique constraint "contacts_email_key" \(SQLSTATE 23505\)\z/, 'a duplicate');
like(execute('ann'), qr/^ERROR:  NC005: /, 'has its code in connector_execute, too');
is(contact(1, 'phone_type, raw, age, code'), '|||', 'none of these has changed the row');

#
# Values and types.
#
is(save(set(<<'JSON'), <<'JSON'), '', 'values of many types');
{"phone_type": "$.type | lower", "raw": "$", "tags": "$.tags", "amount": "$.amount", "price": "{{output.price}}",
 "status": "checked", "seen": "$.seen", "code": "$.none", "age": "$.ages[*] | last", "place": {"city": "$.city", "zip": "{{input.zip}}"},
 "short": "{{output.type | lower | substring(0, 2)}}!", "bytes": "\\x00ff", "doc": ["$.tags[0]", {"a": "{{input.zip}}", "b": null}, "x"]}
JSON
{"type": "MOBILE", "tags": ["a b", "c\"d", null], "amount": 12345678901234567890.123456789012345678901234567890, "price": "1.239",
 "seen": "2024-02-29T12:00:00+02:00", "ages": [1, 2, 30], "city": "Paris"}
JSON
like(execute('ann', '{"zip": 75001}'), qr/^\{"ages"/, 'are written');
is(contact(1, "phone_type, upper_type, tags, amount, price, status, code IS NULL, age, place, short, bytes, doc"),
	'mobile|MOBILE|{"a b","c\"d",NULL}|12345678901234567890.123456789012345678901234567890|1.24|checked|t|30|(Paris,75001)|mo!|\x00ff|["a b", {"a": 75001, "b": null}, "x"]',
	'as they are, no digit lost');
is(contact(1, "raw -> 'amount', seen = '2024-02-29 10:00Z'"), '12345678901234567890.123456789012345678901234567890|t', 'in jsonb and timestamptz');
is(contact(2, 'phone_type IS NULL AND raw IS NULL'), 't', 'in the row of the key only');
save(set('{"raw": "$.none", "code": {"a": 1}, "tags": "{x,y}", "phone_type": "$.n | default(\"$5\") | concat($.n, \" \", input.a)"}'), '{"n": null}');
like(try_execute('ann', '{"a": "b"}'), qr/validation_failed.*column "code": value too long/, 'an object is text where text is wanted');
save(set('{"raw": "$.none", "tags": "{x,y}", "phone_type": "$.n | default(\"$5\") | concat($.m, \" \", input.a)"}'), '{"n": null, "m": 7}');
is(try_execute('ann', '{"a": "b"}'), 'success', 'null, an array as PostgreSQL writes it, arguments of filters');
is(contact(1, 'raw IS NULL, tags, phone_type'), 't|{x,y}|$57 b', 'and their values');

#
# Rights are those of whoever executes.
#
save(set('{"phone_type": "$.t", "raw": "$"}'), '{"t": "by bob"}');
is(execute('bob'), '{"t": "by bob"}', 'bob may update these columns');
is(contact(1, 'phone_type'), 'by bob', 'and has');
like(try_execute('eve'), qr/^failed\|config_invalid\|field mapping to table "crm.contacts": permission denied for schema crm \(SQLSTATE 42501\)\z/, 'eve may not even use the schema');
ann('GRANT USAGE ON SCHEMA crm TO eve');
like(try_execute('eve'), qr/: permission denied for table contacts \(SQLSTATE 42501\)\z/, 'nor the table');
like(execute('eve'), qr/^ERROR:  NC017: .*\nDETAIL:  .*\nHINT:  The statement has the rights of the role that executes, "eve"/m, 'the hint says whose rights they are');
save(set('{"phone_type": "$.t", "age": 7}'), '{"t": "again"}');
like(try_execute('bob'), qr/: permission denied for table contacts \(SQLSTATE 42501\)\z/, 'bob may not update another column');
save(set('{"phone_type": "upserted"}', ', "mode": "upsert"'));
like(try_execute('bob'), qr/: permission denied for table contacts \(SQLSTATE 42501\)\z/, 'nor insert');
is(psql_as('ann', q(CREATE FUNCTION crm.run() RETURNS jsonb LANGUAGE sql SECURITY DEFINER AS $$SELECT public.connector_execute('m')$$; SELECT 1)), 1, 'a function that runs it as ann');
is(psql_as('eve', 'SELECT crm.run()'), '{}', 'lends her rights, as such functions do');
is(contact(1, 'phone_type'), 'upserted', 'so the row is written');
is(psql_as($super, q(SET ROLE bob; SELECT error_message LIKE '%permission denied%' FROM connector_try_execute('m'))), 't', 'SET ROLE counts, not the session');

# A superuser lends nobody their rights.
ann(q(CREATE TABLE crm.bait (id int PRIMARY KEY, who text); INSERT INTO crm.bait VALUES (1);
	CREATE FUNCTION crm.bait() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.who := current_user; RETURN NEW; END$$;
	CREATE TRIGGER bait BEFORE UPDATE ON crm.bait FOR EACH ROW EXECUTE FUNCTION crm.bait()));
save('{"table": "crm.bait", "key": {"id": 1}, "set": {"who": "?"}}');
is(try_execute($super), 'failed|config_invalid|field mappings saved by role:ann are not applied with the rights of a superuser', 'a superuser does not apply the mappings of others');
like(execute($super), qr/^ERROR:  NC017: .*\nDETAIL:  .*\nHINT:  SET ROLE to a role that may write the table/, 'not by connector_execute either');
is(psql_as($super, q(SET ROLE ann; SELECT status FROM connector_try_execute('m'))), 'success', 'but by SET ROLE');
is(ann('SELECT who FROM crm.bait'), 'ann', 'with the rights of that role');
save('{"table": "crm.bait", "key": {"id": 1}, "set": {"who": "!"}}', '{}', $super);
is(try_execute($super), 'success', 'and their own');
is(ann('SELECT who FROM crm.bait'), $super, 'with their own rights');
ann(q(UPDATE connectors SET description = 'changed' WHERE name = 'm'));
like(try_execute($super), qr/saved by role:ann are not applied/, 'until somebody else saves the connector');
is(try_execute('ann'), 'success', 'who may go on');

# In one session, a plan that was made for one role is not used for another.
save(set('{"phone_type": "{{execution.id}}"}'));
is(psql_as($super, <<'SQL'), "t\nt\nt\nt", 'plans do not carry rights over');
SET ROLE ann; SELECT status = 'success' FROM connector_try_execute('m');
SET ROLE eve; SELECT error_message LIKE '%permission denied%' FROM connector_try_execute('m');
SET ROLE bob; SELECT status = 'success' FROM connector_try_execute('m');
SET ROLE eve; SELECT error_message LIKE '%permission denied%' FROM connector_try_execute('m');
SQL

#
# Row security.
#
ann(q(ALTER TABLE crm.contacts ENABLE ROW LEVEL SECURITY;
	CREATE POLICY own ON crm.contacts USING (owner = current_user OR id = 1) WITH CHECK (phone_type IS DISTINCT FROM 'forbidden');
	GRANT INSERT (id, phone_type), UPDATE (owner) ON crm.contacts TO bob; INSERT INTO crm.contacts (id, owner) VALUES (3, 'bob')));
save('{"table": "crm.contacts", "key": {"id": "{{input.id}}"}, "set": {"phone_type": "$.t"}}', '{"t": "seen"}');
is(try_execute('bob', qq({"id": $_})), 'success', "an update of row $_ succeeds") for 1 .. 4;
is(ann(q(SELECT string_agg(id || coalesce(phone_type, '-'), ' ' ORDER BY id) FROM crm.contacts)), '1seen 2- 3seen', 'where he sees the row, and otherwise changes nothing');
save('{"table": "crm.contacts", "key": {"id": 3}, "set": {"phone_type": "forbidden"}}');
like(try_execute('bob'), qr/\|config_invalid\|.*new row violates row-level security policy for table "contacts" \(SQLSTATE 42501\)\z/, 'a row he may not make is refused');
save('{"table": "crm.contacts", "key": {"id": "{{input.id}}"}, "set": {"phone_type": "upsert"}, "mode": "upsert"}');
like(try_execute('bob', '{"id": 2}'), qr/\|config_invalid\|.*row-level security policy .*SQLSTATE 42501/, 'nor does an upsert reach a row he does not see');
is(psql_as($super, <<'SQL'), "t\nt\n1\n2", 'a plan of one role is not used with the row security of another');
UPDATE connectors SET field_mappings = '{"table": "crm.contacts", "key": {"id": 2}, "set": {"phone_type": "{{input.who}}"}}';
SET ROLE bob; SELECT status = 'success' FROM connector_try_execute('m', '{"who": "bob"}');
SET ROLE ann; SELECT status = 'success' FROM connector_try_execute('m', '{"who": "ann"}');
SELECT count(*) FROM crm.contacts WHERE id = 2 AND phone_type = 'ann';
SET ROLE bob; SELECT count(*) FROM crm.contacts WHERE id = 1 OR connector_execute('m', '{"who": "bob"}') IS NULL OR owner = 'bob';
SQL
is(contact(2, 'phone_type'), 'ann', 'in either order');
ann('ALTER TABLE crm.contacts DISABLE ROW LEVEL SECURITY');

#
# Upsert.
#
save('{"table": "crm.contacts", "key": {"id": "{{input.id}}"}, "set": {"phone_type": "$.t", "amount": "$.n"}, "mode": "upsert"}', '{"t": "first", "n": 1.50}');
is(try_execute('ann', '{"id": 10}'), 'success', 'a row that is not there');
is(contact(10, 'phone_type, amount, owner'), 'first|1.50|ann', 'is inserted, with defaults');
$mock->reply('/m', { json => { t => 'second' } });
is(try_execute('ann', '{"id": "10"}'), 'success', 'a row that is there');
is(contact(10, 'phone_type, amount IS NULL, owner'), 'second|t|ann', 'is updated, the rest stays');
save('{"table": "crm.contacts", "key": {"id": 12}, "set": {"phone_type": "{{input.a}}"}, "mode": "upsert"}');
is(try_execute('bob', qq({"a": "$_"})), 'success', "SELECT on the key, INSERT on all and UPDATE on the rest are enough") for 1, 2;
is(contact(12, 'phone_type, owner'), '2|bob', 'to insert and update');
save('{"table": "crm.contacts", "key": {"code": "x"}, "set": {"phone_type": "y"}, "mode": "upsert"}');
like(try_execute('ann'), qr/\|config_invalid\|.*there is no unique or exclusion constraint matching the ON CONFLICT specification \(SQLSTATE 42P10\)\z/, 'a key without a unique index');
like(execute('ann'), qr/HINT:  Mode upsert needs a unique index or constraint on exactly the columns of the key\./, 'the hint says so');
save('{"table": "crm.contacts", "key": {"id": 11}, "set": {"email": "a@example.com"}, "mode": "upsert"}');
like(try_execute('ann'), qr/\|conflict\|.*contacts_email_key/, 'another unique constraint is a conflict');

#
# Other kinds of tables, odd names, the search path.
#
ann(<<'SQL');
CREATE TABLE crm.parts (day date, id varchar(10) COLLATE "C", "Value 1" text, "a""b" int, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE crm.parts_2024 PARTITION OF crm.parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE crm."x; drop table crm.contacts" ("select" int PRIMARY KEY, "$1" text, "'; --" text);
CREATE VIEW crm.view AS SELECT id, phone_type AS type FROM crm.contacts WHERE id < 100 WITH CHECK OPTION;
CREATE VIEW crm.sums AS SELECT owner, count(*) AS id, max(phone_type) AS type FROM crm.contacts GROUP BY owner;
CREATE SCHEMA other; CREATE TABLE other.t (id int PRIMARY KEY, a text); CREATE TABLE crm.t (id int PRIMARY KEY, a text);
CREATE TABLE crm.keys (u uuid, s crm.status, c char(5), x crm.short, r int4range, t timestamptz, n int, PRIMARY KEY (u, s, c, x, r, t));
SQL
save('{"table": "crm.parts", "key": {"day": "2024-05-01", "id": "{{input.id}}"}, "set": {"Value 1": "$.v", "a\"b": "$.n"}, "mode": "upsert"}', '{"v": "x", "n": 1}');
is(try_execute('ann', '{"id": "k"}'), 'success', 'a partitioned table, quoted columns');
$mock->reply('/m', { json => { v => 'y' } });
is(try_execute('ann', '{"id": "k"}'), 'success', 'again');
is(ann('SELECT * FROM crm.parts'), '2024-05-01|k|y|', 'one row');
save('{"table": "crm.parts", "key": {"id": "k"}, "set": {"a\"b": 2}}');
is(try_execute('ann'), 'success', 'an update by a key with a collation of its own');
is(ann('SELECT "a""b" FROM crm.parts_2024'), 2, 'of a part of the key');
save('{"table": "crm.parts", "key": {"day": "2023-05-01", "id": "k"}, "set": {"a\"b": 2}, "mode": "upsert"}');
like(try_execute('ann'), qr/\|validation_failed\|.*no partition of relation "parts" found for row \(SQLSTATE 23514\)/, 'a day without a partition');
save('{"table": "crm.\"x; drop table crm.contacts\"", "key": {"select": 1}, "set": {"$1": "a", "\'; --": "b"}, "mode": "upsert"}');
is(try_execute('ann'), 'success', 'hostile names') for 1 .. 2;
is(ann('SELECT * FROM crm."x; drop table crm.contacts"'), '1|a|b', 'are names');
save('{"table": "crm.view", "key": {"id": 2}, "set": {"type": "by view"}}');
is(try_execute('ann'), 'success', 'a view');
is(contact(2, 'phone_type'), 'by view', 'writes its table');
save('{"table": "crm.view", "key": {"id": 100}, "set": {"type": "by view"}, "mode": "upsert"}');
like(try_execute('ann'), qr/\|validation_failed\|.*new row violates check option for view "view" \(SQLSTATE 44000\)/, 'its check option holds');
save('{"table": "crm.sums", "key": {"owner": "ann"}, "set": {"type": "x"}}');
like(try_execute('ann'), qr/\|config_invalid\|.*cannot update view "sums" \(SQLSTATE 55000\)/, 'a view that cannot be updated');
save('{"table": "crm.keys", "key": {"u": "{{execution.id}}", "s": "new", "c": "ab", "x": "q", "r": "[1,3)", "t": "2024-01-01 00:00Z"}, "set": {"n": 1}, "mode": "upsert"}');
is(try_execute('ann'), 'success', 'keys of many types are inserted');
is(ann('UPDATE crm.keys SET u = \'00000000-0000-0000-0000-000000000001\'; SELECT count(*) FROM crm.keys'), 1, 'once');
save('{"table": "crm.keys", "key": {"u": "00000000-0000-0000-0000-000000000001", "s": "new", "c": "ab", "x": "q", "r": "[1,2]", "t": "2024-01-01 01:00+01"}, "set": {"n": 2}}');
is(try_execute('ann'), 'success', 'and found');
is(ann('SELECT n FROM crm.keys'), 2, 'and updated');

save('{"table": "T", "key": {"id": 1}, "set": {"a": "{{input.a}}"}, "mode": "upsert"}');
is(psql_as('ann', <<'SQL'), "success\nsuccess\nsuccess", 'a table without a schema');
SET search_path = other, crm, public; SELECT status FROM connector_try_execute('m', '{"a": "other"}');
SET search_path = crm, other, public; SELECT status FROM connector_try_execute('m', '{"a": "crm"}');
CREATE TEMP TABLE t (id int PRIMARY KEY, a text); SELECT status FROM connector_try_execute('m', '{"a": "temp"}');
SQL
is(ann('SELECT c.a, o.a FROM crm.t c, other.t o'), 'crm|other', 'is that of the search path of whoever executes');

# An operator that fits the key's type better than the server's own must not be called.
ann(<<'SQL');
CREATE SCHEMA trap;
CREATE FUNCTION trap.eq(varchar, varchar) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$;
CREATE OPERATOR trap.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = trap.eq);
SQL
save('{"table": "crm.parts", "key": {"id": "k"}, "set": {"a\"b": 3}}');
is(psql_as('ann', q(SET search_path = trap, public; SELECT status FROM connector_try_execute('m'))), 'success', 'operators are not looked up in the search path');
is(ann('SELECT "a""b" FROM crm.parts'), 3, 'and the row is found');

#
# Changed tables: a session that has a plan goes on.
#
save('{"table": "crm.t", "key": {"id": 1}, "set": {"a": "{{input.a}}"}}');
is(psql_as('ann', <<'SQL'), "success\n1\nsuccess\n2\nfailed\nsuccess\n4", 'DDL between two executions');
SELECT status FROM connector_try_execute('m', '{"a": "1"}'); SELECT a FROM crm.t;
ALTER TABLE crm.t ALTER a TYPE int USING 0, ADD b int;
SELECT status FROM connector_try_execute('m', '{"a": "2"}'); SELECT a FROM crm.t;
ALTER TABLE crm.t RENAME a TO c;
SELECT status FROM connector_try_execute('m', '{"a": "3"}');
DROP TABLE crm.t; CREATE TABLE crm.t (id int, x int, a int); INSERT INTO crm.t VALUES (1);
SELECT status FROM connector_try_execute('m', '{"a": "4"}'); SELECT a FROM crm.t;
SQL

# More tables than plans are kept, also while a plan is being used: a trigger may execute connectors itself.
ann(<<"SQL");
SET client_min_messages = error;
DO \$\$BEGIN FOR i IN 1 .. 70 LOOP
	EXECUTE format('CREATE TABLE crm.many_%s (id int PRIMARY KEY, a int)', i);
	INSERT INTO connectors (name, config, field_mappings) VALUES ('many ' || i, '{"url": "$url/ok"}',
		jsonb_build_object('table', 'crm.many_' || i, 'key', '{"id": 1}'::jsonb, 'set', '{"a": "{{input.a}}"}'::jsonb, 'mode', 'upsert'));
END LOOP; END\$\$;
CREATE FUNCTION crm.cascade() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN
	PERFORM public.connector_execute('many ' || i, jsonb_build_object('a', NEW.a)) FROM generate_series(2, 70) i; RETURN NEW; END\$\$;
CREATE TRIGGER cascade AFTER INSERT OR UPDATE ON crm.many_1 FOR EACH ROW EXECUTE FUNCTION crm.cascade();
SQL
is(psql_as('ann', q(SELECT count(*) FROM generate_series(1, 2) a, connector_try_execute('many 1', jsonb_build_object('a', a)) WHERE status = 'success')), 2,
	'a trigger that executes 69 connectors');
is(ann("SELECT string_agg((SELECT xpath('//a/text()', query_to_xml('SELECT a FROM crm.many_' || i, false, true, '')))[1]::text, '' ORDER BY i) FROM generate_series(1, 70) i"), 2 x 70, 'wrote all tables');

#
# All or nothing.
#
$node->safe_psql('app', 'UPDATE connectors SET log_response_data = true');
ann(<<'SQL');
CREATE TABLE crm.log (id int PRIMARY KEY, a text);
CREATE FUNCTION crm.refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
	IF NEW.a = 'raise' THEN RAISE 'not with
me' USING DETAIL = 'a detail'; END IF;
	IF NEW.a = 'deadlock' THEN RAISE deadlock_detected; END IF;
	IF NEW.a = 'cancel' THEN PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(10); END IF;
	IF NEW.a = 'skip' THEN RETURN NULL; END IF;
	RETURN NEW;
END$$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON crm.log FOR EACH ROW EXECUTE FUNCTION crm.refuse();
SQL
my $two = '[{"table": "crm.contacts", "key": {"id": 1}, "set": {"phone_type": "{{input.a}}"}},
	{"table": "crm.log", "key": {"id": 1}, "set": {"a": "{{input.a}}"}, "mode": "upsert"}]';
save($two, '{"secret": 1}');
my ($calls, $rows) = split /\|/, ann(q(SELECT total_executions, (SELECT count(*) FROM connector_executions) FROM connector_stats('m')));
is(try_execute('ann', '{"a": "raise"}'), 'failed|validation_failed|field mapping to table "crm.log": not with me (SQLSTATE P0001)', 'a trigger that raises');
isnt(contact(1, 'phone_type'), 'raise', 'undoes the first mapping, too');
is(ann(q(SELECT total_executions, (SELECT count(*) FROM connector_executions) FROM connector_stats('m'))), join('|', $calls + 1, $rows + 1), 'the execution is counted and recorded');
is(ann(q(SELECT status, error_code, error_message, http_status, output_data FROM connector_executions ORDER BY id DESC LIMIT 1)),
	'failed|validation_failed|field mapping to table "crm.log": not with me (SQLSTATE P0001)|200|{"secret": "[redacted]"}', 'as failed, with the output');
like(execute('ann', '{"a": "raise"}'), qr/^ERROR:  NC004: connector "m": field mapping to table "crm.log": not with me \(SQLSTATE P0001\)\nDETAIL:  Code validation_failed\.\n/, 'connector_execute raises');
is(ann(q(SELECT total_executions, (SELECT count(*) FROM connector_executions) FROM connector_stats('m'))), join('|', $calls + 1, $rows + 1), 'and rolls all back');
is(psql_as('ann', <<'SQL'), "kept|before\n1", 'in a block that catches it the rest goes on');
BEGIN;
INSERT INTO crm.log VALUES (2, 'before');
DO $$BEGIN PERFORM connector_execute('m', '{"a": "raise"}'); EXCEPTION WHEN SQLSTATE 'NC004' THEN NULL; END$$;
DO $$BEGIN PERFORM connector_execute('m', '{"a": "kept"}'); PERFORM connector_try_execute('m', '{"a": "raise"}'); END$$;
COMMIT;
SELECT c.a, b.a FROM crm.log c, crm.log b WHERE c.id = 1 AND b.id = 2;
SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'virtualxid';
SQL
is(try_execute('ann', '{"a": "skip"}'), 'success', 'a trigger that lets no row pass');
is(ann('SELECT a FROM crm.log WHERE id = 1') . contact(1, 'phone_type'), 'keptskip', 'is no failure');

# Only after a success, and only of saved connectors.
$mock->reply('/m', { status => 503, json => { t => 1 } });
like(try_execute('ann', '{"a": "failed"}'), qr/^failed\|server_error\|/, 'a call that fails');
is(ann('SELECT a FROM crm.log WHERE id = 1'), 'kept', 'is not mapped');
$mock->reply('/m', { json => {} });
is(ann(qq(SELECT status FROM connector_test('{"url": "$url/m"}', '{"a": "tested"}'))), 'success', 'connector_test');
is(ann('SELECT a FROM crm.log WHERE id = 1'), 'kept', 'writes nothing');

# Not ours to keep.
like(try_execute('ann', '{"a": "deadlock"}'), qr/^ERROR:  40P01: deadlock_detected/, 'a deadlock is raised by connector_try_execute, too');
like(try_execute('ann', '{"a": "cancel"}'), qr/^ERROR:  57014: canceling statement due to user request/, 'and a cancel');
like(execute('ann', '{"a": "cancel"}'), qr/^ERROR:  57014: canceling statement due to user request/, 'as by connector_execute');
is(psql_as('ann', <<'SQL'), "t\nfine", 'the session goes on after each');
DO $$BEGIN PERFORM connector_try_execute('m', '{"a": "deadlock"}'); EXCEPTION WHEN deadlock_detected THEN NULL; END$$;
SELECT status = 'success' FROM connector_try_execute('m', '{"a": "fine"}');
SELECT a FROM crm.log WHERE id = 1;
SQL

# A row that somebody else holds.
my $holder = $node->background_psql('app', on_error_stop => 0);
$holder->query_safe('BEGIN; UPDATE crm.log SET a = a');
like(psql_as('ann', q(SET lock_timeout = '10ms'; SELECT error_code, error_message FROM connector_try_execute('m', '{"a": "locked"}'))),
	qr/^conflict\|.*canceling statement due to lock timeout \(SQLSTATE 55P03\)$/, 'a row that is locked is a conflict');
$holder->query_safe('ROLLBACK');
$holder->quit;

# Serializable transactions, prepared ones, and many calls of one.
is(psql_as('ann', q(BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT status FROM connector_try_execute('m', '{"a": "ser"}'); COMMIT; SELECT a FROM crm.log WHERE id = 1)), "success\nser", 'serializable');
is(psql_as('ann', q(BEGIN; SELECT status FROM connector_try_execute('m', '{"a": "prep"}'); PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'; SELECT a FROM crm.log WHERE id = 1)), "success\nser", 'prepared and rolled back');
is(psql_as('ann', q(SELECT count(*) FILTER (WHERE status = 'success') || ' ' || count(*) FROM generate_series(1, 300) i, connector_try_execute('m', jsonb_build_object('a', CASE WHEN i % 3 = 0 THEN 'raise' ELSE i::text END)))),
	'200 300', 'hundreds of calls in one statement');
is(ann('SELECT a FROM crm.log WHERE id = 1'), 299, 'the last good one counts');
like(psql_as('ann', q(SET default_transaction_read_only = on; SELECT connector_execute('m', '{"a": "x"}'))), qr/^ERROR:  25006: /, 'a read-only transaction');

is(psql_as('ann', "SELECT connector_try_execute(NULL)") =~ /22004/, 1, 'the server is well');
like($node->safe_psql('app', "SELECT count(*) FROM connector_executions WHERE error_code = 'internal'"), qr/^0$/, 'nothing was a defect');
done_testing();
