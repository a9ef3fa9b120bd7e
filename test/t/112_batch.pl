# connector_execute_batch: outcomes in the order of the inputs whatever order they finish in, no more at a time than
# asked for, nothing left behind by a cancel or an error, and memory that follows the concurrency, not the inputs.
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use MockServer;
use Nginx;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster(
	'main',
	'connector.retry_delay'     => '1ms',
	'connector.retry_max_delay' => '1ms',
	'connector.connect_timeout' => '20s');
$node->safe_psql('app', q(SELECT connector_create_workspace('acme'); CREATE ROLE viewer; SELECT connector_add_member('viewer', 'viewer')));

my $s = ConnectorSession->new($node);

#
# Helpers.
#

# call NAME, INPUTS [, ARGUMENTS] -- the SQL of a batch; an input that is undef is an SQL null.
sub call
{
	my ($name, $inputs, @arguments) = @_;
	my $list = join ', ', map { defined $_ ? $s->literal($_) : 'NULL' } @$inputs;
	return 'connector_execute_batch(' . join(', ', "'$name'", "ARRAY[$list]::jsonb[]", @arguments) . ')';
}

# batch NAME, INPUTS [, ARGUMENTS] -- its rows.
sub batch { return $s->rows('SELECT to_jsonb(r) FROM ' . call(@_) . ' r'); }

sub numbered { my ($from, $to, %more) = @_; return [ map { { n => $_, %more } } $from .. $to ]; }

# said ROWS -- "status:output ..." of them.
sub said { return join ' ', map { ($_->{error_code} // $_->{status}) . (defined $_->{output} ? ':' . json_text($_->{output}) : '') } @_; }

sub recorded { my ($name) = @_; return $s->ask("SELECT count(*) FROM connector_executions WHERE connector_name = '$name'"); }
sub counted  { my ($name) = @_; return $s->ask("SELECT successful_executions || '+' || failed_executions FROM connector_stats('$name')"); }

my $works = $s->save({ url => "$url/barrier?n=3&name=works", result => '{{input.n}}' });

sub still_works
{
	my ($after) = @_;
	$mock->forget;
	is(said(batch($works, numbered(1, 6), 3)) . ' ' . $s->ask('SELECT pg_backend_pid()'), join(' ', map { "success:$_" } 1 .. 6) . ' ' . $s->pid, "$after: the session goes on");
	return;
}
still_works('at first');

my $echo   = $s->save({ url => "$url/echo", query => { n => '{{input.n | default("none")}}' }, output => 'target' });
my $status = $s->save({ url => "$url/status/{{input.n}}" });

#
# What is refused.
#
like($s->ask("SELECT connector_execute_batch('$echo', NULL)"), qr/22004: argument "inputs" must not be null/, 'no array');
like($s->ask(q(SELECT connector_execute_batch(NULL, '{}'))), qr/22004: argument "connector" must not be null/, 'no connector');
like($s->ask(q(SELECT connector_execute_batch('no-such', '{}'))), qr/42704: connector "no-such" does not exist/, 'an unknown connector');
for my $n (0, -1, 201, 2_147_483_647, -2_147_483_648)
{
	like($s->ask("SELECT connector_execute_batch('$echo', '{}', $n)"), qr/22023: max_concurrency must be between 1 and 200, not $n\n/, "$n at a time");
}
like($s->ask("SELECT connector_execute_batch('$echo', '{}', workspace => 'other')"), qr/42704: workspace "other"/, 'another workspace');
like($s->ask("SET ROLE viewer; SELECT connector_execute_batch('$echo', '{}', workspace => 'acme')"), qr/42501/, 'one who may not execute');
$s->ask('RESET ROLE');
like($s->ask("BEGIN READ ONLY; SELECT connector_execute_batch('$echo', '{}')"), qr/25006: cannot execute connector_execute_batch\(\) in a read-only transaction/, 'a read-only transaction');
$s->ask("ROLLBACK; UPDATE connectors SET enabled = false WHERE name = '$echo'");
like($s->ask("SELECT connector_execute_batch('$echo', '{}')"), qr/55000: connector "$echo" is disabled/, 'a disabled connector');
$s->ask("UPDATE connectors SET enabled = true WHERE name = '$echo'");
is(recorded($echo), 0, 'nothing of it is recorded');

#
# Inputs.
#
is(scalar batch($echo, []), 0, 'no inputs, no rows');
is(said(batch($echo, [undef])), 'success:"/echo?n=none"', 'a null element is an empty object');
is($s->ask("SELECT DISTINCT input_data FROM connector_executions WHERE connector_name = '$echo'"), '{}', 'in the history, too');
is(said(batch($echo, [ { n => 1 }, undef, { n => 'x y' }, [], 7, 'text', undef ])),
	join(' ', map { qq(success:"/echo?n=$_") } qw(1 none x%20y none none none none)), 'any JSON value can be an input');
is($s->ask("SELECT string_agg(output ->> 0, ' ') FROM connector_execute_batch('$echo', ARRAY[['{\"n\": 1}', '{\"n\": 2}'], ['{\"n\": 3}', NULL]]::jsonb[][])"),
	'/echo?n=1 /echo?n=2 /echo?n=3 /echo?n=none', 'so can those of an array of arrays');

# Large ones, stored out of line and compressed.
$s->ask(q(CREATE TABLE stored (id int, inputs jsonb[]); ALTER TABLE stored ALTER inputs SET STORAGE EXTENDED));
$s->ask(q(INSERT INTO stored SELECT 1, array_agg(jsonb_build_object('n', i, 'text', repeat(md5(i::text), 1 + 3000 * (i % 2)))) FROM generate_series(1, 20) i));
cmp_ok($s->ask('SELECT pg_column_size(inputs) FROM stored'), '<', $s->ask('SELECT sum(octet_length(i::text)) FROM stored, unnest(inputs) i') / 5, 'an array that is stored compressed');
my $posted = $s->save({ method => 'POST', url => "$url/echo", body => '{{input.text}}', result => { n => '{{input.n}}', bytes => '{{step_1.body | length}}' } });
is($s->ask("SELECT string_agg((output ->> 'n') || ':' || (output ->> 'bytes'), ' ' ORDER BY o) FROM stored, connector_execute_batch('$posted', inputs, 4) WITH ORDINALITY AS r(a, b, output, d, e, f, g, h, o)"),
	join(' ', map { "$_:" . (2 + 32 * (1 + 3000 * ($_ % 2))) } 1 .. 20), 'is sent whole');

#
# Order.
#
my $gates = $s->save({ url => "$url/gate", query => [ { name => 'after', input => 'after', optional => YES }, { name => 'opens', input => 'opens', optional => YES } ], result => '{{input.n}}' });
$mock->forget;
is(said(batch($gates, [ map { { n => $_, opens => "g$_", $_ < 8 ? (after => 'g' . ($_ + 1)) : () } } 1 .. 8 ], 8)), join(' ', map { "success:$_" } 1 .. 8), 'eight that finish in reverse order come in theirs');
$mock->forget;
is(said(batch($gates, [ { n => 1, after => 'last' }, @{ numbered(2, 15) }, { n => 16, opens => 'last' }, @{ numbered(17, 40) } ], 2)), join(' ', map { "success:$_" } 1 .. 40),
	'one that is slow lets others go by, within a window');
is($s->ask('SELECT string_agg(n::text, $$ $$) FROM (SELECT output AS n FROM ' . call($gates, numbered(1, 5)) . ' LIMIT 2) r'), '1 2', 'a caller may take fewer');
is($s->ask('SELECT (' . call($gates, numbered(1, 3)) . ').output'), "1\n2\n3", 'in a list of expressions');

# Failures among them.
my @rows = batch($status, [ { n => 200 }, { n => 503 }, { n => 404 }, {}, { n => 204 }, { n => 'x' } ], 3);
is(said(@rows), 'success:{"status":200} server_error not_found input_invalid success not_found', 'a failure is a row, and stops nobody');
is(join(' ', map { $_->{http_status} // '-' } @rows), '200 503 404 - 204 404', 'with its status');
is($rows[3]{error_message}, '$.url: input.n is missing', 'and its message');
is(counted($status), '2+4', 'each is counted');
is($s->ask("SELECT string_agg(coalesce(error_code, 'success'), ' ' ORDER BY id) FROM connector_executions WHERE connector_name = '$status'"),
	'success server_error not_found input_invalid success not_found', 'and recorded, ids in order of the inputs');
is($s->ask("SELECT count(*) FROM connector_executions WHERE id IN (" . join(', ', map { "'$_->{execution_id}'" } @rows) . ')'), 6, 'under the id of its row');
is($s->ask("SELECT count(DISTINCT id) FROM connector_executions WHERE connector_name = '$status'"), 6, 'once');

# Retries, each for itself.
$mock->reply('/flaky', ({ status => 503 }) x 10, { json => 1 });
is(said(batch($s->save({ url => "$url/flaky", retries => 5 }), numbered(1, 10), 10)), join(' ', ('success:1') x 10), 'executions wait for their retries side by side');
@rows = batch($s->save({ url => "$url/status/{{input.n}}", retries => 2 }), [ { n => 503 }, { n => 200 }, { n => 500 } ], 1);
is(join(' ', map { "$_->{status}:$_->{steps}[0]{attempts}" } @rows), 'failed:3 success:1 failed:3', 'also one at a time');

#
# How many at a time.
#
sub at_once
{
	my ($n, $inputs, @arguments) = @_;
	my $name = $s->save({ url => "$url/barrier?n=$n&name=at-once", output => 'ok' });
	$mock->forget;
	my $said = said(batch($name, numbered(1, $inputs), @arguments));
	return ($said eq join(' ', ('success:true') x $inputs) ? 'all' : $said) . ' ' . $mock->most_at_once;
}
is(at_once(4,   12,  4),      'all 4',   'four at a time');
is(at_once(10,  20),          'all 10',  'ten unless said otherwise');
is(at_once(10,  20,  'NULL'), 'all 10',  'also with null');
is(at_once(3,   3,   50),     'all 3',   'no more than there are');
is(at_once(200, 200, 200),    'all 200', 'two hundred');
is(at_once(1,   5,   1),      'all 1',   'one after the other');
my $slow = $s->save({ url => "$url/slow?ms=20" });
for my $n (1, 5)
{
	$mock->forget;
	batch($slow, numbered(1, 5 * $n), $n);
	cmp_ok($mock->most_at_once, '<=', $n, "never more than $n");
}

#
# Of several steps.
#
my $steps = $s->save({
		steps => [
			{ id => 'a', url => "$url/echo", query => { n => '{{input.n}}' }, output => 'target' },
			{ id => 'g', type => 'parallel', steps => [ { id => 'b', url => "$url/barrier?n=6&name=groups" }, { id => 'c', url => "$url/barrier?n=6&name=groups", condition => '{{a}} !== null' } ] },
			{ id => 'd', url => "$url/status/{{input.status | default(200)}}", continue_on_error => NO } ],
		result => '{{a}}' });
$mock->forget;
@rows = batch($steps, [ { n => 1 }, { n => 2, status => 503 }, { n => 3 }, { n => 4 }, { n => 5 }, { n => 6 } ], 3);
is(said(@rows), 'success:"/echo?n=1" server_error ' . join(' ', map { qq(success:"/echo?n=$_") } 3 .. 6), 'executions of several steps, groups of three at the same time');
is(outcome($rows[1]), 'failed server_error a=success g=success b=success c=success d=failed', 'each with its steps');
is($mock->most_at_once, 6, 'six requests at a time');
is(counted($steps), '5+1', 'counted as executions');

# Replies that are no use, between others.
my $replies = $s->save({ url => "$url/{{input.n}}", continue_on_error => NO });
$mock->reply('/nan',       { body => '{"a":NaN}' });
$mock->reply('/surrogate', { body => '{"a":"\udc00"}' });
$mock->reply('/duplicate', { body => '{"a":1,"a":2}' });
$mock->reply('/charset',   { body => qq({"a":"caf\xe9"}), headers => [ 'Content-Type' => 'application/json; charset=latin1' ] });
$mock->reply('/latin1',    { body => qq(caf\xe9), headers => [ 'Content-Type' => 'text/plain; charset=latin1' ] });
$mock->reply('/latin2',    { body => qq(caf\xe9), headers => [ 'Content-Type' => 'text/plain; charset=iso-8859-2' ] });
my @bad = qw(brackets nan surrogate nul bad-utf8 charset latin2 truncated-json bad-status-line gzip-broken);
is(said(batch($replies, [ map { ({ n => $_ }, { n => 'ok' }) } @bad ], 4)), join(' ', ('bad_response success:{"ok":true}') x @bad), 'replies of no use are rows between the others');
is(said(batch($replies, [ map { { n => $_ } } qw(duplicate latin1 close-before endless) ], 4)), qq(success:{"a":2} success:"caf\xc3\xa9" network_error response_too_large), 'odd ones, too');
still_works('after bad replies');

#
# Beside other calls.
#
is($s->ask("SELECT string_agg(r.output ->> 0, ' ' ORDER BY n) FROM generate_series(1, 5) n, LATERAL connector_try_execute('$echo', jsonb_build_object('n', n)) r"),
	join(' ', map { "/echo?n=$_" } 1 .. 5), 'connector_try_execute for each row');
is($s->ask("SELECT string_agg(r.output ->> 0, ' ' ORDER BY n, r.output ->> 0) FROM generate_series(1, 3) n, LATERAL connector_execute_batch('$echo', ARRAY[jsonb_build_object('n', n), jsonb_build_object('n', n * 10)]) r"),
	join(' ', map { "/echo?n=$_ /echo?n=${_}0" } 1 .. 3), 'a batch for each row');
is($s->ask('SELECT count(*), count(DISTINCT a.execution_id), count(DISTINCT b.execution_id) FROM ' . call($echo, numbered(1, 3)) . ' a, ' . call($echo, numbered(4, 7)) . ' b'), '12|3|4', 'two in one statement');
is($s->ask("SELECT string_agg(output ->> 0, ' ') FROM connector_execute_batch('$echo', ARRAY(SELECT jsonb_build_object('n', output) FROM " . call($echo, numbered(1, 3)) . '), 2)'),
	join(' ', map { "/echo?n=%2Fecho%3Fn%3D$_" } 1 .. 3), 'one that is given what another returns');
is($s->ask("SELECT (SELECT connector_execute('$echo', to_jsonb(r.o)) ->> 0) FROM (SELECT jsonb_build_object('n', output) o FROM " . call($echo, numbered(1, 2)) . ') r'),
	"/echo?n=%2Fecho%3Fn%3D1\n/echo?n=%2Fecho%3Fn%3D2", 'a call for each of its rows');

# A trigger of the history that calls while the batch is under way, on the same mux, and changes the connector.
my $outer = $s->save({ url => "$url/echo", query => { n => '{{input.n}}' }, result => '{{input.n}}' });
$s->ask(<<"SQL");
CREATE FUNCTION call_inside() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS \$f\$
BEGIN
	IF NEW.connector_name = '$outer' THEN
		PERFORM connector_execute('$echo', NEW.input_data);
		PERFORM FROM connector_execute_batch('$echo', ARRAY[NEW.input_data, NEW.input_data]);
		UPDATE connectors SET config = config || '{"result": "another"}' WHERE name = '$outer';
	END IF;
	RETURN NEW;
END \$f\$;
CREATE TRIGGER call_inside BEFORE INSERT ON connector_history FOR EACH ROW EXECUTE FUNCTION call_inside();
SQL
my $before = recorded($echo);
is(said(batch($outer, numbered(1, 10), 4)), join(' ', map { "success:$_" } 1 .. 10), 'a trigger that calls and changes the connector does not disturb a batch');
is(recorded($outer) . ' ' . (recorded($echo) - $before), '10 30', 'and all of it is recorded');
is(said(batch($outer, numbered(1, 1))), 'success:"another"', 'the next batch runs what the trigger has saved');
$s->ask('DROP TRIGGER call_inside ON connector_history');

#
# Transactions.
#
my $rolled = $s->save({ url => "$url/ok" });
$mock->forget;
$s->ask('BEGIN');
is(said(batch($rolled, numbered(1, 5))), join(' ', ('success:{"ok":true}') x 5), 'in a transaction');
is(recorded($rolled) . ' ' . counted($rolled), '5 5+0', 'which sees what it has done');
$s->ask('SAVEPOINT s');
batch($rolled, numbered(1, 3));
is(recorded($rolled) . ' ' . counted($rolled), '8 8+0', 'more in a subtransaction');
$s->ask('ROLLBACK TO s');
is(recorded($rolled) . ' ' . counted($rolled), '5 5+0', 'which is rolled back');
$s->ask('ROLLBACK');
is(recorded($rolled) . ' ' . counted($rolled), '0 0+0', 'as is all of it');
is(scalar $mock->requests('/ok'), 8, 'though it was sent');

# An error while recording: the statement fails, what is under way ends, nothing of it stays.
my $failing = $s->save({ url => "$url/gate", query => [ { name => 'after', input => 'after', optional => YES } ] });
$s->ask(<<"SQL");
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \$f\$ BEGIN RAISE 'not number %', NEW.input_data ->> 'n' USING ERRCODE = '23514'; END \$f\$;
CREATE TRIGGER refuse BEFORE INSERT ON connector_history FOR EACH ROW WHEN (NEW.input_data ->> 'n' = '13') EXECUTE FUNCTION refuse();
SQL
my $bad_batch = call($failing, [ map { { n => $_, $_ % 5 ? () : (after => 'never') } } 1 .. 30 ], 10);
my $open      = $s->descriptors;
$mock->forget;
like($s->ask("SELECT count(*) FROM $bad_batch"), qr/23514: not number 13/, 'an error while recording fails the statement');
is(recorded($failing) . ' ' . counted($failing), '0 0+0', 'and nothing is recorded or counted');
still_works('after an error');
$s->ask('BEGIN');
is($s->ask("DO \$\$ BEGIN PERFORM FROM $bad_batch; EXCEPTION WHEN check_violation THEN PERFORM set_config('app.caught', SQLERRM, false); END \$\$; SHOW app.caught"), 'not number 13', 'an error that is caught');
is(recorded($failing) . ' ' . counted($failing), '0 0+0', 'leaves nothing either');
still_works('in the transaction that caught it');
$s->ask('COMMIT');
is($s->ask(q(SELECT count(*) FROM pg_backend_memory_contexts WHERE name IN ('connector call', 'connector execution'))), 0, 'no context is left');
cmp_ok($s->descriptors, '<=', $open + 3, 'nor a descriptor, but for the pool\'s');
$s->ask('DROP TRIGGER refuse ON connector_history');

#
# Cancelled.
#
my $hanging = $s->save({ url => "$url/{{input.path}}", retries => 5 });
$mock->reply('/wait', { status => 503, headers => [ 'Retry-After' => 50 ] });
my $hang = call($hanging, [ ({ path => 'ok' }) x 4, ({ path => 'hang' }) x 4, ({ path => 'wait' }) x 4, ({ path => 'never' }) x 20 ], 8);
still_works('before a cancel');
$open = $s->descriptors;
for my $way ('BEGIN; SAVEPOINT s; SELECT 1', 'COMMIT; SELECT 1')
{
	$mock->forget;
	ok($s->hang("$way; SELECT * FROM $hang", sub { $mock->requests('/hang') == 4 && $mock->requests('/wait') == 4 }), 'eight are under way');
	ok($s->cancel, 'a cancel ends them');
	$s->ask('ROLLBACK TO s');
	is(scalar $mock->requests('/never'), 0, 'and starts no other');
	still_works('after a cancel');
	is(recorded($hanging) . ' ' . counted($hanging), '0 0+0', 'nothing is recorded or counted');
}
cmp_ok($s->descriptors, '<=', $open, 'there are no more descriptors than before');
is($s->ask(q(SELECT count(*) FROM pg_backend_memory_contexts WHERE name IN ('connector call', 'connector execution'))), 0, 'no context is left');
$s->quit;

#
# Memory.
#
SKIP:
{
	skip 'nginx is not installed', 7 if !Nginx::program();
	my $nginx = Nginx->start(servers => [ { locations => 'root html;' } ]);
	$nginx->file('20k.json', '{"data": "' . join('', map { chr 97 + rand 26 } 1 .. 20_000) . '"}');

	# Every 20th row of the history notes what the backend has then: what its contexts hold, and all that is its own.
	$node->safe_psql('app', <<"SQL");
CREATE TABLE measured (batch int, contexts bigint, resident bigint);
CREATE FUNCTION measure() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS \$f\$
BEGIN
	INSERT INTO measured SELECT (NEW.input_data ->> 'batch')::int, (SELECT sum(total_bytes) FROM pg_backend_memory_contexts),
		substring(pg_read_file('/proc/self/status') FROM 'RssAnon:\\s+(\\d+) kB')::bigint * 1024;
	RETURN NEW;
END \$f\$;
CREATE TRIGGER measure BEFORE INSERT ON connector_history FOR EACH ROW
	WHEN ((NEW.input_data ->> 'n')::int % 20 = 0) EXECUTE FUNCTION measure();
INSERT INTO connectors (name, config, log_response_data) VALUES ('20k', '{"url": "${\ $nginx->url(0)}/20k.json"}', false);
SQL

	# Rows that are returned may take work_mem, then they are on disk.  Both batches return more than that, so what
	# may differ is the array of inputs, 100 bytes each.  Replies that stayed would be 54 MB more.
	my $growth = 2 * 1024 * 1024;
	my $memory = $node->background_psql('app');
	for my $inputs (300, 3000)
	{
		is( $memory->query_safe("SET work_mem = '1MB'; SELECT count(*), min(status) FROM connector_execute_batch('20k',"
				  . " ARRAY(SELECT jsonb_build_object('n', n, 'batch', $inputs) FROM generate_series(1, $inputs) n), 4)"),
			"$inputs|success", "$inputs replies of 20 kB");
	}
	my ($most) = $memory->query_safe(q(SELECT string_agg(format('%s %s', contexts, resident), ' ' ORDER BY batch) FROM (SELECT batch, max(contexts) AS contexts, max(resident) AS resident FROM measured GROUP BY batch) m));
	my ($contexts, $resident, $more_contexts, $more_resident) = split ' ', $most;
	note "contexts $contexts -> $more_contexts, resident $resident -> $more_resident";
	cmp_ok($more_contexts - $contexts, '<', $growth, 'memory contexts do not grow with the inputs');
	cmp_ok($more_resident - $resident, '<', $growth, 'nor does the process');
	$memory->quit;

	# Without a trigger rows are written another way.  The most a process ever had counts shared memory, too, of which
	# 2700 rows more and their indexes touch 4 MB.
	$node->safe_psql('app', 'DROP TRIGGER measure ON connector_history');
	my %peak;
	for my $inputs (300, 3000)
	{
		my ($count, $peak) = split /\|/, $node->safe_psql('app', "SET work_mem = '1MB'; SELECT count(*),"
			  . " substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\\s+(\\d+) kB')::bigint * 1024"
			  . " FROM connector_execute_batch('20k', ARRAY(SELECT jsonb_build_object('n', n) FROM generate_series(1, $inputs) n), 4)");
		is($count, $inputs, "$inputs replies of 20 kB, without a trigger");
		$peak{$inputs} = $peak;
	}
	note "most resident $peak{300} -> $peak{3000}";
	cmp_ok($peak{3000} - $peak{300}, '<', 8 * 1024 * 1024, 'the most the process ever had does not grow, either');
}

#
# What is left of it all.
#
is($node->safe_psql('app', q(SELECT count(*) FROM connector_executions WHERE error_code = 'internal')), 0, 'nothing was unexpected');
is($mock->output, '', 'the mock server had nothing to complain about');
ok(!$node->log_contains('(?:PANIC|FATAL|TRAP):|terminated by signal'), 'nothing bad in the server log');
done_testing();
