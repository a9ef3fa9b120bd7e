# Whose rights a worker's statements have: those of who asked, as they are when the execution ends.  A tenant's triggers
# get no others, neither by claims nor by what a worker could read, and cannot keep it busy.
#
# What triggers may not do otherwise is in 138_worker_internals.pl.
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster(
	'main',
	'connector.poll_interval' => '10min',
	'connector.jwt_roles'     => 'authenticator',
	'connector.mapping_timeout' => '200ms');
my $super_name = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('app', <<'SQL');
CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE cat LOGIN; CREATE ROLE eve LOGIN; CREATE ROLE dan LOGIN;
CREATE ROLE web_user; CREATE ROLE web_other; CREATE ROLE authenticator LOGIN NOINHERIT;
GRANT web_user, web_other TO authenticator;
SELECT connector_create_workspace('acme', owner => 'ann'), connector_create_workspace('globex', owner => 'dan');
SELECT connector_add_member(m, 'editor', workspace => 'acme') FROM unnest(ARRAY['bob', 'cat', 'eve']) m;
SELECT connector_add_member('auth0|42', 'editor', kind => 'jwt', workspace => 'acme');
SELECT connector_maintain();
GRANT CREATE ON DATABASE app TO ann, dan;
SET ROLE ann;
CREATE SCHEMA crm;
GRANT USAGE ON SCHEMA crm TO PUBLIC;
CREATE TABLE crm.notes (id int PRIMARY KEY, owner text NOT NULL DEFAULT current_user, sub text DEFAULT current_setting('request.jwt.claims', true),
	who text DEFAULT public.connector_whoami(), text text);
CREATE TABLE crm.seen (what text);
ALTER TABLE crm.notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON crm.notes USING (owner = current_user) WITH CHECK (owner = current_user);
GRANT SELECT, INSERT, UPDATE ON crm.notes TO bob, web_user, web_other;
INSERT INTO crm.notes (id, text) VALUES (1, 'of ann');
SQL
my %s = map { $_ => ConnectorSession->new($node) } qw(super ann bob cat eve dan web);
$s{$_}->ask("SET SESSION AUTHORIZATION $_") for qw(ann bob cat eve dan);
$s{web}->ask('SET SESSION AUTHORIZATION authenticator');
my ($s, $super) = @s{qw(ann super)};

# A note with the input's id and what the remote says.
sub mapping { my (%more) = @_; return json_text({ table => 'crm.notes', mode => 'upsert', key => { id => '{{input.id}}' }, set => { text => '$.ok' }, %more }); }
my $note = $s->save({ url => "$url/ok" }, field_mappings => mapping());
my $plain = $s->save({ url => "$url/ok" });
my $elsewhere = $s{dan}->save({ url => "$url/ok" });

sub brief { my ($row) = @_; return join ' ', grep { defined } @$row{qw(status error_code)}; }
sub written { my ($id, $columns) = @_; return $super->ask("SELECT $columns FROM crm.notes WHERE id = $id"); }
sub letter { my ($id) = @_; return $super->ask("SELECT error_code FROM connector_dead_letters WHERE id = '$id'"); }

# as_web SUBJECT, ROLE, SQL -- a request through PostgREST.
sub as_web
{
	my ($subject, $role, $sql) = @_;
	$s{web}->ask("BEGIN; SET LOCAL ROLE $role; SET LOCAL \"request.jwt.claims\" = '{\"sub\": \"$subject\", \"role\": \"$role\"}'");
	my $said = $s{web}->ask($sql);
	$s{web}->ask('COMMIT');
	return $said;
}

#
# Refused.
#
my $row = $s->ended($s{cat}->enqueue($note, { id => 2 }));
is(brief($row), 'failed config_invalid', 'who may not write the table does not write it through a worker');
like($row->{error_message}, qr/permission denied for table notes/, '... and is told');
$row = $s->ended($s{bob}->enqueue($note, { id => 1 }));
is(brief($row), 'failed config_invalid', q(a row of somebody else's is kept by the table's own policies));
like($row->{error_message}, qr/row-level security/, '... which is said');
is(written(1, 'owner, text'), 'ann|of ann', '... and is as it was');
$row = $s->ended($super->enqueue($note, { id => 3 }, workspace => q('acme')));
is(brief($row), 'failed config_invalid', 'a superuser does not lend its rights to a tenant');
like($row->{error_message}, qr/saved by role:ann are not applied with the rights of a superuser/, '... which is said');

#
# As who asked.
#
is(brief($s->ended($s->enqueue($note, { id => 1 }))), 'success', 'the owner of a row');
is(written(1, 'owner, who, text'), 'ann|role:ann|true', '... changes it');
is(brief($s->ended($s{bob}->enqueue($note, { id => 4 }))), 'success', 'another one');
is(written(4, 'owner, who, sub'), 'bob|role:bob|', '... has it in its name, and no claims');
my $id = as_web('auth0|42', 'web_user', "SELECT connector_execute_async('$note', '{\"id\": 5}')");
is(brief($s->ended($id)), 'success', 'a member known by a token');
is($s->ended($id)->{executed_by}, 'jwt:auth0|42', '... is who executed it');
is(written(5, 'owner'), 'web_user', '... with the rights of its role');
is(written(5, q(sub::jsonb ->> 'sub')), 'auth0|42', '... and the claims it had');
is(written(5, 'who'), 'role:web_user', '... which do not make it more in a worker');
is(brief($s->ended($s{bob}->enqueue($note, { id => 6 }))), 'success', 'the next one');
is(written(6, 'sub'), '', '... has nothing of them');
like(as_web('auth0|43', 'web_user', "SELECT connector_execute_async('$note', '{\"id\": 7}')"), qr/^ERROR/, 'who is no member cannot queue');
$s{bob}->ask(q(SET "request.jwt.claims" = '{"sub": "auth0|42"}'));
is(brief($s->ended($s{bob}->enqueue($note, { id => 8 }))), 'success', 'claims that are not believed');
is(written(8, 'owner, sub, who'), 'bob||role:bob', '... do not go with the execution');
$s{bob}->ask('RESET "request.jwt.claims"');

#
# Who is gone when it is run.
#
$s->ask('SELECT connector_pause()');
my %queued = (
	removed => $s{eve}->enqueue($plain, {}),
	lowered => $s{cat}->enqueue($plain, {}),
	dropped => $s{bob}->enqueue($plain, {}),
	token   => as_web('auth0|42', 'web_other', "SELECT connector_execute_async('$plain')"),
	writes  => as_web('auth0|42', 'web_other', "SELECT connector_execute_async('$note', '{\"id\": 9}')"),
	stays   => $s->enqueue($plain));
is($s->ask(q(SELECT connector_remove_member('eve'))), 't', 'a member is removed');
$s->ask(q(SELECT connector_add_member('cat', 'viewer')));
$s{bob}->quit;
$super->ask('REVOKE ALL ON crm.notes FROM bob, web_other');
is($super->ask('REVOKE web_other FROM authenticator; DROP ROLE bob; DROP ROLE web_other'), '', 'roles are dropped');
$mock->forget;
$s->ask('SELECT connector_resume()');
my %row;
@row{ keys %queued } = $s->ended(@queued{ keys %queued });
is(brief($row{$_}), 'failed permission_denied', "$_: not run") for qw(removed lowered dropped writes);
is(letter($queued{$_}), 'permission_denied', "$_: a dead letter") for qw(removed lowered dropped writes);
like($row{removed}{error_message}, qr/\Arole:eve queued the execution and may not execute in the workspace any more\z/, 'it says who');
like($row{dropped}{error_message}, qr/\Arole:bob queued/, '... also of a role that is gone');
like($row{writes}{error_message}, qr/role "web_other", which queued the execution, is gone/, '... or was lent');
is(brief($row{$_}), 'success', "$_: run") for qw(stays token);
is(scalar $mock->requests, 3, 'and nothing was sent for those that may not');
is(written(9, 'count(*)'), '0', 'nothing is written for a role that is gone');
is(brief($s->ended($s->ask("SELECT connector_retry('$queued{removed}')"))), 'success', 'somebody else may redrive it, with rights of their own');
is($s->ended($s->ask("SELECT connector_retry('$queued{lowered}')"))->{executed_by}, 'role:ann', '... and in their name');

#
# What a trigger may read: what its tenant may, not what the worker may.
#
my $secret = $s{dan}->enqueue($s{dan}->save({ url => "$url/hang" }), { secret => 'of globex' });
ok(poll_until(sub { $mock->requests('/hang') == 1 }), 'another tenant has something under way');
$s->ask(<<'SQL');
CREATE FUNCTION crm.spy() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE attempt text; found text; BEGIN
	FOREACH attempt IN ARRAY ARRAY[
		'SELECT string_agg(input::text, '','') FROM public.connector_queue',
		'SELECT string_agg(checkpoint::text, '','') FROM public.connector_queue',
		'SELECT string_agg(id::text, '','') FROM public.connector_queue WHERE identity = ''role:dan''',
		'SELECT string_agg(connector_name, '','') FROM public.connector_executions WHERE executed_by = ''role:dan''',
		'SELECT string_agg(encode(secret, ''hex''), '','') FROM public.workspace_api_credentials',
		'SELECT string_agg(input::text, '','') FROM public.connector_dead_letters',
		'SELECT string_agg(rolpassword, '','') FROM pg_authid WHERE rolpassword IS NOT NULL',
		'SELECT pg_read_file(''PG_VERSION'')',
		'SELECT string_agg(query, '','') FROM pg_stat_activity WHERE pid = pg_backend_pid() AND usename <> ''ann'' AND query <> ''<insufficient privilege>''',
		'SELECT ''waited'' FROM public.connector_cancel((SELECT id FROM public.connector_queue LIMIT 1))',
		'UPDATE public.connector_queue SET priority = 0 RETURNING ''wrote''',
		'DELETE FROM public.connector_history RETURNING ''deleted''',
		'CREATE TEMP TABLE planted (x int)',
		'PREPARE planted AS SELECT 1',
		'LISTEN planted',
		'COPY (SELECT 1) TO PROGRAM ''true''',
		'COPY (SELECT 1) TO ''/tmp/planted'''] LOOP
		BEGIN
			found := NULL;
			EXECUTE attempt INTO found;
			IF found IS NOT NULL OR attempt ~ '^(CREATE|PREPARE|LISTEN|COPY)' THEN
				INSERT INTO crm.seen VALUES (attempt || ': ' || coalesce(found, 'done'));
			END IF;
		EXCEPTION WHEN OTHERS THEN NULL; END;
	END LOOP;
	INSERT INTO crm.seen VALUES (current_user);
	RETURN NULL; END$$;
CREATE TRIGGER spy AFTER INSERT ON crm.notes FOR EACH ROW EXECUTE FUNCTION crm.spy();
SQL
is(brief($s->ended($s->enqueue($note, { id => 20 }))), 'success', 'a trigger looks around');
is($super->ask('SELECT string_agg(what, E\'\n\' ORDER BY what) FROM crm.seen'), 'ann', '... and sees what its tenant may see');
$s->ask('DROP TRIGGER spy ON crm.notes; TRUNCATE crm.seen');
$s{dan}->ask("SELECT connector_cancel('$secret')");
$s{dan}->ended($secret);

#
# Time.
#
# stuck NAME, BODY -- executions whose trigger does that end, and those of others meanwhile.
sub stuck
{
	my ($name, $body) = @_;
	$s->ask(<<"SQL");
CREATE FUNCTION crm.stuck() RETURNS trigger LANGUAGE plpgsql AS \$\$$body\$\$;
CREATE TRIGGER stuck AFTER INSERT ON crm.notes FOR EACH ROW EXECUTE FUNCTION crm.stuck();
SQL
	my @stuck = map { $s->enqueue($note, { id => 100 + $_ }) } 1 .. 4;
	my @others = map { $s{dan}->enqueue($elsewhere) } 1 .. 20;
	is(join(' ', map { brief($_) } $s{dan}->ended(@others)), join(' ', ('success') x 20), "$name: other tenants' executions go on");
	cmp_ok($super->ask('SELECT count(*) FROM connector_queue'), '>', 0, '... while it goes on');
	my @rows = $s->ended(@stuck);
	is(join(' ', map { brief($_) } @rows), join(' ', ('timeout timeout') x 4), '... each is ended');
	is($rows[0]{error_message}, 'the field mappings took longer than 200 ms', '... and told why');
	is(written('any (array[101, 102, 104])', 'count(*)'), '0', '... nothing of it is left');
	$s->ask('DROP FUNCTION crm.stuck CASCADE');
	return;
}
stuck('one that sleeps',         'BEGIN PERFORM pg_sleep(600); RETURN NULL; END');
stuck('one that loops',          'BEGIN LOOP END LOOP; END');
stuck('one that catches all',    'BEGIN LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN OTHERS OR query_canceled THEN NULL; END; END LOOP; END');
stuck('one that catches deeper', <<'SQL');
BEGIN LOOP
	BEGIN
		BEGIN
			BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(600); END;
		EXCEPTION WHEN query_canceled THEN NULL; END;
		PERFORM pg_sleep(600);
	EXCEPTION WHEN query_canceled THEN PERFORM 1; END;
END LOOP; END
SQL
# Waiting for somebody else's lock is time, too.
my $holder = $node->background_psql('app');
$holder->query_safe('BEGIN; UPDATE crm.notes SET text = text WHERE id = 1');
$row = $s->ended($s->enqueue($note, { id => 1 }));
like(brief($row), qr/\A(?:timeout timeout|failed conflict)\z/, 'a lock on the row is not waited for any longer');
$holder->quit;
is(brief($s->ended($s->enqueue($note, { id => 1 }))), 'success', 'and it can be written afterwards');

#
# Who was a member when an execution was parked, and is none when it is to go on: what its steps did is in the
# history, and the worker, which was given no credential to go on with, lives.
#
my $host = '127.0.0.1:' . $mock->port;
$s->ask(qq(SELECT connector_add_member('eve', 'editor', workspace => 'acme')));
$s->ask(qq(SELECT connector_credential_set('parks', '{"token": "parks-0123456789"}', 'bearer', allowed_hosts => ARRAY['http://$host'])));
$mock->reply('/late', { status => 429, headers => [ 'Retry-After' => 2 ] }, { json => { ok => 1 } });
my $parks = $s->save({ credential => 'parks', deadline_ms => 1000, steps => [ { id => 'a', url => "$url/ok" }, { id => 'b', url => "$url/late", retries => 2 } ] });
my ($worker) = $super->ask(q(SELECT pid FROM connector_worker_stats WHERE database = 'app'));
my $parked = $s{eve}->enqueue($parks, {});
ok(poll_until(sub { $super->ask("SELECT due_at IS NOT NULL FROM connector_queue WHERE id = '$parked'") eq 't' }), 'an execution is parked');
is($s->ask(q(SELECT connector_remove_member('eve'))), 't', 'who queued it is no member any more');
$row = $s->ended($parked);
is(brief($row), 'failed permission_denied', 'it does not go on');
is($row->{steps}[0]{status}, 'success', 'what it did is in the history');
is($super->ask(q(SELECT pid FROM connector_worker_stats WHERE database = 'app')), $worker, 'and the worker is the same');

is($super->ask(q(SELECT started_at < now() AND pid IS NOT NULL FROM connector_worker_stats WHERE database = 'app')), 't', 'the worker lives');
unlike(slurp_file($node->logfile), qr/(?:PANIC|FATAL):|TRAP/, '... and always has');

$s{$_}->quit for qw(super ann cat eve dan web);
done_testing();
