# connector_fetch in the executor's hands, and in those of remotes that mean no good: rescans, cursors that are left,
# nested and interleaved fetches, tokens that end on the way, redirects, pages of one large record and of very many.
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use MockServer;
use Test::More;

my $mock  = MockServer->start;
my $other = MockServer->start;
my $url   = $mock->url;
my $node  = new_cluster('main', 'connector.retry_delay' => '1ms', 'connector.retry_max_delay' => '1ms', 'connector.token_timeout' => '2s');
$node->safe_psql('app', q(SELECT connector_create_workspace('acme')));
$node->safe_psql('app', q(CREATE ROLE ada LOGIN; SELECT connector_add_member('ada', 'editor', workspace => 'acme'); CREATE ROLE eve LOGIN));
my $s = ConnectorSession->new($node);
$s->ask("SET connector.workspace = 'acme'");

# register STREAM [, MEMBER => VALUE...] -- the provider "mock" anew, with the stream "s" of records under "records".
sub register
{
	my ($stream, %members) = @_;
	my %provider = (
		name => 'mock', title => 'Mock', base_url => $url, allowed_hosts => [$url], actions => {},
		streams => { s => { path => '/x', records => '$.records[*]', %$stream } }, %members);
	my $said = $s->ask('SELECT connector_provider_register(' . $s->literal(\%provider) . ')');
	die "not registered: $said" if $said ne 'mock';
	$mock->forget;
	return;
}

# pages REPLY... -- the mock's answers for /x in turn.
sub pages { my (@replies) = @_; $mock->forget; $mock->reply('/x', @replies); return; }

# page IDS, MEMBERS... -- a reply with records of these ids and other members.
sub page { my ($ids, %more) = @_; return { json => { records => [ map { +{ id => $_ } } @$ids ], %more } }; }

sub ids
{
	my $said = $s->ask(q(SELECT coalesce(string_agg(r ->> 'id', ',' ORDER BY n), '') FROM (SELECT r, row_number() OVER () AS n FROM connector_fetch('mock', 's') r) f));
	return $said =~ s/^LOCATION: .*\n?//mr;
}

sub executions { return $s->ask("SELECT string_agg((output_data -> 'rows')::text, ' ' ORDER BY id) FROM (SELECT * FROM connector_executions ORDER BY id DESC LIMIT $_[0]) e"); }
sub count_executions { return $s->ask('SELECT count(*) FROM connector_executions'); }
sub last_output { return $s->ask('SELECT output_data FROM connector_executions ORDER BY id DESC LIMIT 1'); }

my $next = { kind => 'next_url', next => '$.next' };
my %book = (path => '/pages?of=5&size=10', primary_key => ['id'], pagination => $next);

#
# Run again, backwards, by many at once.
#

register(\%book);
$s->ask('SET enable_material = off; SET enable_hashjoin = off; SET enable_mergejoin = off');
is($s->ask(q(SELECT count(*) FROM generate_series(1, 3) n LEFT JOIN connector_fetch('mock', 's', max_pages => 1) r ON true)), '30', 'the inner side of a join');
is(scalar $mock->requests, 3, 'is fetched for each row of the outer one, if the planner is made to');
is(executions(3), '10 10 10', 'and each time recorded');
$mock->forget;
is($s->ask(q(SELECT count(*) FROM generate_series(1, 3) n, LATERAL (SELECT * FROM connector_fetch('mock', 's') LIMIT n) r)), '6', 'LATERAL with a limit of its own');
is(scalar $mock->requests, 3, 'of a page each');
is(executions(3), '1 2 3', 'left early each time');
$s->ask('RESET ALL');
$s->ask("SET connector.workspace = 'acme'");

$mock->forget;
$s->ask(q(BEGIN; DECLARE c SCROLL CURSOR FOR SELECT (r ->> 'id')::int FROM connector_fetch('mock', 's') r));
is($s->ask('FETCH 3 c'), "1\n2\n3", 'a cursor that can go back');
is($s->ask('FETCH BACKWARD 2 c'), "2\n1", 'goes back');
is($s->ask('FETCH FORWARD 3 c; FETCH ABSOLUTE 1 c; FETCH LAST c'), "2\n3\n4\n1\n50", 'and forth');
is($s->ask('MOVE BACKWARD ALL c; FETCH 1 c; COMMIT') . ' ' . scalar $mock->requests, '1 5', 'and asks for no page twice');
is(executions(1), '50', 'recorded at the end of the transaction');
like($s->ask(q(BEGIN; DECLARE c CURSOR FOR SELECT r FROM connector_fetch('mock', 's') r; FETCH 2 c; FETCH BACKWARD 1 c)), qr/55000: cursor can only scan forward/, 'another one does not');
$s->ask('ROLLBACK');

# Left at all kinds of ends.
my $before = count_executions();
$s->ask(q(BEGIN; DECLARE c CURSOR FOR SELECT r FROM connector_fetch('mock', 's') r; FETCH 7 c; COMMIT));
is((count_executions() - $before) . ' ' . executions(1), '1 7', 'open when its transaction commits: recorded');
$s->ask(q(BEGIN; SAVEPOINT a; DECLARE c CURSOR FOR SELECT r FROM connector_fetch('mock', 's') r; FETCH 7 c; ROLLBACK TO a; COMMIT));
is(count_executions() - $before, 1, 'rolled back to before it: not');
$s->ask(q(BEGIN; DECLARE c CURSOR FOR SELECT (r ->> 'id')::int FROM connector_fetch('mock', 's') r; FETCH 4 c; SAVEPOINT a));
is($s->ask('FETCH 4 c; ROLLBACK TO a; FETCH 4 c; COMMIT'), join("\n", 5 .. 12), 'rolled back to behind it: it goes on where it is, as cursors do');
is((count_executions() - $before) . ' ' . executions(1), '2 12', 'and is recorded');
$s->ask(q(BEGIN; DECLARE c CURSOR FOR SELECT 10 / ((r ->> 'id')::int - 8) FROM connector_fetch('mock', 's') r; FETCH 6 c; SAVEPOINT a));
like($s->ask('FETCH 4 c'), qr/22012/, 'an error in the middle of it');
like($s->ask('ROLLBACK TO a; FETCH 1 c'), qr/55000: portal "c" cannot be run/, 'ends it');
$s->ask('COMMIT');
is(count_executions() - $before, 2, 'and it is not recorded');
is($s->ask(q(BEGIN; DECLARE c CURSOR FOR SELECT r FROM connector_fetch('mock', 's') r; FETCH 3 c; DISCARD TEMP; CLOSE ALL; COMMIT)) =~ tr/\n//, 2, 'CLOSE ALL');
is(executions(1), '3', 'recorded');

# In functions, in loops, in each other.
is($s->ask(<<'SQL'), '10 6 25', 'two fetches take turns, and one is in the loop of another');
CREATE FUNCTION inner_fetch(n int) RETURNS int LANGUAGE sql AS $$ SELECT (r ->> 'id')::int FROM connector_fetch('mock', 's') r WHERE (r ->> 'id')::int > n LIMIT 1 $$;
CREATE FUNCTION interleave() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	a CURSOR FOR SELECT (r ->> 'id')::int AS id FROM connector_fetch('mock', 's') r;
	b CURSOR FOR SELECT (r ->> 'id')::int AS id FROM connector_fetch('mock', 's') r;
	x record; y record; r jsonb; n int := 0;
BEGIN
	OPEN a; OPEN b;
	FOR i IN 1 .. 5 LOOP
		FETCH a INTO x;
		FETCH b INTO y;
		FETCH b INTO y;
	END LOOP;
	CLOSE b;
	FETCH a INTO x;
	FOR r IN SELECT * FROM connector_fetch('mock', 's', max_pages => 1) LOOP
		BEGIN
			n := n + inner_fetch((r ->> 'id')::int);
			IF n > 30 THEN RAISE division_by_zero; END IF;
		EXCEPTION WHEN division_by_zero THEN
			n := n - 10;
		END;
	END LOOP;
	RETURN concat_ws(' ', y.id, x.id, n);
END $$;
SELECT interleave();
SQL
is($s->ask(q(SELECT count(*) FROM connector_fetch('mock', 's') r WHERE inner_fetch((r ->> 'id')::int) = (r ->> 'id')::int + 1)), '49', q(in another one's WHERE));
is($s->ask(q(SELECT count(*), sum((a ->> 'id')::int - (b ->> 'id')::int) FROM (SELECT connector_fetch('mock', 's') a, connector_fetch('mock', 's') b) f)), '50|0', 'two of them side by side');
is($s->ask(q(SELECT count(*) FROM (SELECT connector_fetch('mock', 's', max_pages => 1) a, connector_fetch('mock', 's') b) f)), '50', 'one of which ends before the other');
is($s->ask(q(SET debug_parallel_query = on; SET force_parallel_mode = on)) =~ /NOTHING/, '', 'parallel plans');
is($s->ask(q(SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SELECT count(*) FROM connector_fetch('mock', 's'))), '50', 'it stays in the leader');
$s->ask("RESET ALL; SET connector.workspace = 'acme'");
is($s->ask(q(SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'connector page%' OR name LIKE 'connector walk%')), '0', 'nothing is left behind');

# Somebody else, in the middle of it.
$s->ask(q(SET plan_cache_mode = force_generic_plan; PREPARE p AS SELECT r ->> 'id' FROM connector_fetch('mock', 's') r));
is($s->ask('EXECUTE p') =~ tr/\n//, 49, 'a prepared statement');
$s->ask(q(BEGIN; DECLARE c CURSOR FOR SELECT (r ->> 'id')::int FROM connector_fetch('mock', 's') r; FETCH 8 c));
register({ path => '/pages?of=1&size=2', primary_key => ['id'], pagination => $next });
is($s->ask('FETCH 5 c'), join("\n", 9 .. 13), 'a cursor goes on with the provider it began with');
is($s->ask('EXECUTE p'), "1\n2", 'a prepared statement takes the present one');
is($s->ask('SET ROLE eve; FETCH 20 c; CLOSE c; RESET ROLE; COMMIT'), join("\n", 14 .. 33), 'and with the rights it began with');
is($s->ask(q(SELECT output_data, executed_by FROM connector_executions ORDER BY completed_at DESC LIMIT 1)),
	'{"rows": 33, "pages": 4, "complete": false, "repeated": 0}|role:postgres', 'it is recorded for who began it');

#
# Credentials that change between pages.
#

my $cursor = { kind => 'cursor', cursor => '$.c', parameter => 'after' };
my %oauth = (auth => [ { kind => 'oauth2', grant => 'authorization_code', authorize_url => "$url/authorize", token_url => "$url/token" } ]);
my $number = 0;
sub token { return { json => { access_token => 'access-token-' . ++$number, refresh_token => "refresh-token-$number", expires_in => 3600 } }; }
sub sent { return join ' ', map { ($_->{headers}{authorization} // 'nothing') =~ s/Bearer access-token-//r } $mock->requests('/x'); }

register({ pagination => $cursor }, %oauth);
$mock->reply('/token', map { token() } 1 .. 9);
$s->ask(q(SELECT connector_oauth_client_set('mock', 'c', 'secret-0123456789')));
my $state = $s->ask(q(SELECT (regexp_match(connector_oauth_authorize_url('mock', 'https://a/cb'), 'state=([^&]+)'))[1]));
$s->ask("SELECT connector_oauth_callback('$state', 'code')");
pages(page([ 1, 2 ], c => 'a'), { status => 401, json => {} }, page([3], c => 'b'), page([4]));
is(ids(), '1,2,3,4', 'a token that is refused in the middle of a walk is renewed');
is(sent(), '1 1 2 2', 'and the new one is sent with the same page, and from there on');
is(scalar $mock->requests('/token'), 1, 'one request for it');
pages(page([1], c => 'a'), { status => 401, json => {} }, page([2], c => 'b'), { status => 401, json => {} }, page([3]));
is(ids() . ' ' . sent(), '1,2,3 2 2 3 3 4', 'each page may have that once');
pages(page([1], c => 'a'), { status => 401, json => {} });
like(ids(), qr/NC001: stream "mock\.s": page 2: the remote answered with HTTP status 401/, 'but no more');
is(sent(), '4 4 5', 'than once');
pages(page([ 1, 2 ], c => 'a'), { status => 401, json => {} }, page([3]));
is($s->ask(<<'SQL') . ' ' . sent(), "1\n2\n3 5 5 6", 'a transaction that sees nothing of what others do gets the new token, too');
BEGIN ISOLATION LEVEL REPEATABLE READ;
DECLARE c CURSOR FOR SELECT (r ->> 'id')::int FROM connector_fetch('mock', 's') r;
SELECT FROM workspace_api_credentials;
FETCH 1 c;
FETCH ALL c;
COMMIT;
SQL
pages(page([ 1, 2 ], c => 'a'), page([3]));
is($s->ask(<<'SQL'), "1\n2\n3", 'a credential that is deleted while a cursor is open is used by it on');
BEGIN;
DECLARE c CURSOR FOR SELECT (r ->> 'id')::int FROM connector_fetch('mock', 's') r;
FETCH 1 c;
DELETE FROM workspace_api_credentials WHERE service_name = 'mock';
FETCH ALL c;
ROLLBACK;
SQL

# Retry-After in the middle: obeyed, or too long.
register({ pagination => $cursor });
pages(page([1], c => 'a'), { status => 429, headers => [ 'Retry-After' => 1 ] }, page([2]));
is(ids(), '1,2', 'a remote that asks for a second');
pages(page([1], c => 'a'), { status => 429, headers => [ 'Retry-After' => 7200 ] }, page([2]));
like(ids(), qr/NC006: stream "mock\.s": page 2: .*\(retry after 7200 s\)/, 'for two hours');
my $host = $url =~ s{http://}{}r;
is($s->ask("SELECT connector_circuit_reset('$host')"), 't', 'which can be forgotten');

#
# Redirects.
#

my $key = { kind => 'api_key', parameters => { in => 'header', name => 'X-Key' } };
register({ pagination => $next }, auth => [$key], allowed_hosts => [ $url, 'http://10.1.2.3' ]);
$s->ask(qq(SELECT connector_credential_set('mock', '{"api_key": "a-secret-key"}', kind => 'api_key', parameters => '{"in": "header", "name": "X-Key"}', allowed_hosts => ARRAY['$url'])));
$other->reply('/x', page([2], next => '/x?p=3'));
pages(page([1], next => '/x?p=2'), { status => 302, headers => [ Location => $other->url . '/x' ] });
like(ids(), qr/NC002: stream "mock\.s": page 3: credential "mock\/default" may not be sent to \Q${\$other->url}\E/, 'a page that is redirected elsewhere leads on from there, where the credential may not go');
is(join(' ', map { $_->{headers}{'x-key'} // 'none' } $mock->requests, $other->requests), 'a-secret-key a-secret-key none', 'nor did it with the redirect');
register({ pagination => $next });
$other->reply('/x', page([2], next => "$url/x?p=3"));
pages(page([1], next => '/x?p=2'), { status => 307, headers => [ Location => $other->url . '/x' ] }, page([3]));
like(ids(), qr/NC002: .*page 2 leads to \Q$url\E, another origin than its own/, 'without one it stays where the page came from');
pages(page([1], next => '/x?p=2'), { status => 302, headers => [ Location => 'http://10.1.2.3/x' ] });
like(ids(), qr/NC010: stream "mock\.s": page 2: /, 'not to where nobody may go');

#
# Where a remote leads: what is no URL, or another one than it seems.
#

sub leads { my ($to) = @_; pages(page([1], next => $to), page([2])); my $said = ids(); $said =~ s/\n.*//s; $said =~ s/^ERROR:  (NC\d+): stream "mock\.s": /$1 /; return $said; }
for my $case (
	[ "http://user:pw\@$host/x", 'NC012 page 1 leads to a URL that is not one to call: user name or password in the URL' ],
	[ "http://$host\@evil.example/x", 'NC012 page 1 leads to a URL that is not one to call: user name or password in the URL' ],
	[ "//evil.example/x",         'NC002 page 1 leads to http://evil.example, another origin than its own' ],
	[ "https://$host/x",          "NC002 page 1 leads to https://$host, another origin than its own" ],
	[ '/\\evil.example/x',        'NC003 page 2: the remote answered with HTTP status 404' ],
	[ "javascript:alert(1)",      'NC012 page 1 leads to a URL that is not one to call: URL does not begin with http:// or https://' ],
	[ "http:/x?p=2",              qr/^1,2$|NC012/ ],
	[ "?p=2#http://evil.example/", '1,2' ],
	[ '../../../x?p=2',           '1,2' ],
	[ '/x?p=' . 'y' x 70000,      'NC015 page 2: the URL is longer than 65536 bytes' ],
	[ { href => '/x?p=2' },       'NC012 page 1 has an object for a URL' ],
	[ NO,                         '1' ])
{
	my ($to, $wanted) = @$case;
	my $said = leads($to);
	my $name = substr ref $to ? json_text($to) : $to, 0, 60;
	ref $wanted ? like($said, $wanted, $name) : is($said, $wanted, $name);
}
register({ pagination => { kind => 'link_header' } });
sub linked { my (@values) = @_; pages({ %{ page([1]) }, headers => [ map { (Link => $_) } @values ] }, page([2])); my $said = ids(); return $said =~ s/\n.*//sr; }
is(linked(map { "</x?p=$_>; rel=p$_" } 1 .. 1000), '1', 'a thousand links, none of them the next one');
is(linked((map { "</x?p=$_>; rel=p$_" } 1 .. 1000), '</x?p=2>; rel=next'), '1,2', 'and that behind them');
is(linked('<' x 5000), '1', 'what is no link');
like(linked('</x?p=1>; rel="next"; anchor="/y", <//evil.example>; rel=next'), qr/NC002/, 'one of something else, and one elsewhere');

#
# Cursors and counts that are none.
#

sub walk { my ($pagination, @replies) = @_; register({ pagination => $pagination }); pages(@replies); my $said = ids(); return $said =~ s/\n.*//sr; }
is(walk($cursor, map { page([$_], c => $_ % 2 ? 'a' : 'b') } 1 .. 4), 'ERROR:  NC012: stream "mock.s": page 3 leads to a page that was there before', 'two cursors in turn');
like(walk($cursor, page([1], c => 'x' x 20000)), qr/page 1 has a cursor that is too long/, 'a long cursor');
is(walk($cursor, page([1], c => 0), page([2], c => '1e3'), page([3])), '1,2,3', 'a number that is 0, and what looks like one');
is(walk($cursor, page([1], c => [ 'a', 'b' ])), 'ERROR:  NC012: stream "mock.s": page 1 has an array for a cursor', 'a list');
like(walk($cursor, map { page([], c => "c$_") } 1 .. 101), qr/page 100 is the 100th in a row without a record/, 'empty pages without end');
my $by_page = { kind => 'page', total => '$.total', page_size => { parameter => 'n', value => 2 } };
for my $total (-1, 'NaN', '-Infinity', '0x', '', 'many', { value => 4 }, [4])
{
	is(walk($by_page, page([ 1, 2 ], total => $total), page([3], total => $total)), '1,2,3', 'a total that says nothing: ' . json_text($total));
}
is(walk($by_page, page([ 1, 2 ], total => 1e300), page([ 3, 4 ], total => '9' x 400), page([])), '1,2,3,4', 'one that is too large ends with the records');
is(walk($by_page, page([ 1, 2 ], total => 9), page([ 3, 4 ], total => 4), page([5])), '1,2,3,4', 'one that shrinks ends it where it says');

# What nobody attended to in time says nothing of the service: its breaker stays closed.
$s->configure('connector.breaker_min_requests' => 2);
register({ pagination => $next, timeout_ms => 1000, retries => 0 });
pages(page([ 1, 2 ], next => '/x?p=2'), page([ 3, 4 ]));
is($s->ask(<<'SQL'), "1\n2\n\n3\n4", 'a page that came while the session did something else for longer than it may take is asked for again');
BEGIN;
DECLARE c CURSOR FOR SELECT (r ->> 'id')::int FROM connector_fetch('mock', 's') r;
FETCH 2 c;
SELECT pg_sleep(2.3);
FETCH ALL c;
COMMIT;
SQL
is(scalar $mock->requests, 3, 'once');
is($s->ask('SELECT count(*) FROM connector_circuit_breakers WHERE state <> \'closed\''), '0', 'and no breaker has opened');
$s->configure('connector.breaker_min_requests' => 0);

#
# What is written down of it.
#

register({ path => '/pages?of=30&path=60000&size=1', pagination => $next });
is(ids(), join(',', 1 .. 30), 'pages with long addresses');
my $size = $s->ask('SELECT pg_column_size(steps_executed || $$[]$$) FROM connector_executions ORDER BY completed_at DESC LIMIT 1');
cmp_ok($size, '<', 400_000, "their log has $size bytes");
is($s->ask(q(SELECT steps_executed -> -1 FROM connector_executions ORDER BY completed_at DESC LIMIT 1)), '{"pages": 24, "_truncated": true}', 'and says how many there are beyond');

#
# Very many, and very large.
#

sub megabytes { return $s->ask('SELECT sum(total_bytes) / 1000000 FROM pg_backend_memory_contexts'); }
my $many = 100_000;
register({
	primary_key => ['id'], cursor_field => 'at', incremental => { input => 'since' }, pagination => $next,
	input_schema => { properties => { since => { type => 'integer' } } }, query => [ { name => 'since', input => 'since', optional => YES } ] });
sub tiny { my ($more, @ids) = @_; return { body => '{"records": [' . join(',', map { qq({"id":$_,"at":$_}) } @ids) . "]$more}", headers => [ 'Content-Type' => 'application/json' ] }; }
pages(tiny(', "next": "/x?p=2"', 1 .. $many), tiny('', 1 .. $many + 1));
$before = megabytes();
$s->ask(q(BEGIN; DECLARE c CURSOR FOR SELECT r FROM connector_fetch('mock', 's') r; MOVE 10 c));
my $taken = megabytes() - $before;
cmp_ok($taken, '<', 12, "a page of 100,000 records, of 2.5 MB, takes $taken MB");
$s->ask('MOVE 99990 c');
is($s->ask('FETCH 2 c'), '{"at": 100001, "id": 100001}', 'one that has them all once more, and another');
$taken = megabytes() - $before;
cmp_ok($taken, '<', 12, "takes $taken MB");
$s->ask('COMMIT');
is(last_output(), '{"rows": 100001, "pages": 2, "cursor": 100001, "complete": true, "repeated": 100000}', 'what it was');
pages({ body => '{"records": [{"id": 1, "at": "' . 'x' x 9_000_000 . '"}]}', headers => [ 'Content-Type' => 'application/json' ] });
is($s->ask(q(SELECT length(r ->> 'at') FROM connector_fetch('mock', 's') r)), '9000000', 'one record of 9 MB');
is(last_output(), '{"rows": 1, "pages": 1, "complete": true, "repeated": 0}', 'which is no cursor to remember');
register({ records => '$.**', pagination => $next });
pages({ body => '[' x 40 . '"' . 'x' x 8_000_000 . '"' . ']' x 40, headers => [ 'Content-Type' => 'application/json' ] });
like($s->ask(q(SELECT count(*) FROM connector_fetch('mock', 's'))), qr/NC015: stream "mock\.s": page 1: what the paths find on it is larger than jsonb can hold/,
	'what is found in it can be larger than it is');

$s->quit;
done_testing();
