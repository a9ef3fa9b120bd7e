# connector_fetch: the records of a stream, page by page.  What remotes do to it: they repeat themselves, lead
# elsewhere, do not end, answer something else; and that it takes no more than is asked of it.
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use MockServer;
use Test::More;

my $mock  = MockServer->start;
my $other = MockServer->start;
my $url   = $mock->url;
my $node  = new_cluster('main', 'connector.retry_delay' => '1ms', 'connector.retry_max_delay' => '1ms');
$node->safe_psql('app', <<'SQL');
SELECT connector_create_workspace('acme');
SELECT connector_create_workspace('rival');
CREATE ROLE ada LOGIN;
SELECT connector_add_member('ada', 'viewer', workspace => 'acme');
CREATE ROLE eve LOGIN;
SELECT connector_add_member('eve', 'owner', workspace => 'rival');
SQL
my $s = ConnectorSession->new($node);
$s->ask("SET connector.workspace = 'acme'");

#
# Helpers.
#

my %provider = (
	name              => 'mock',
	title             => 'Mock',
	category          => 'test',
	description       => 'A mock.',
	version           => 1,
	availability      => 'experimental',
	documentation     => 'https://example.com/',
	base_url          => $url,
	allowed_hosts     => [$url],
	auth              => [],
	test              => { action => 'ok' },
	actions           => { ok => { title => 'OK', path => '/ok' } });

# register NAME => STREAM... [, {MEMBERS}] -- the provider anew, with these streams, each of path /x unless it says.
sub register
{
	my (@streams) = @_;
	my $members = @streams % 2 ? pop @streams : {};
	my %streams = @streams;
	$_ = { title => 'Records', path => '/x', %$_ } for values %streams;
	my $said = $s->ask('SELECT connector_provider_register(' . $s->literal({ %provider, streams => \%streams, %$members }) . ')');
	die "not registered: $said" if $said ne 'mock';
	return;
}

# pages PATH, REPLY... -- the mock's answers there in turn; a list stands for records under "records".
sub pages
{
	my ($path, @replies) = @_;
	$mock->forget;
	$mock->reply($path, map { ref $_ eq 'ARRAY' ? { json => { records => $_ } } : $_ } @replies);
	return;
}

# page IDS, MEMBERS... -- a reply with records of these ids and other members.
sub page { my ($ids, %more) = @_; return { json => { records => [ map { +{ id => $_ } } @$ids ], %more } }; }

# ids [INPUT [, ARGUMENTS]] -- the ids that are fetched, or the error.
sub ids
{
	my ($input, $arguments) = @_;
	my $call = q{connector_fetch('mock', 's', } . $s->literal($input // {}) . ($arguments // '') . ')';
	my $said = $s->ask("SELECT coalesce(string_agg(coalesce(r ->> 'id', r::text), ',' ORDER BY n), '')"
		  . " FROM (SELECT r, row_number() OVER () AS n FROM $call r) f");
	return $said =~ s/^LOCATION: .*\n?//mr;
}

# targets -- what the mock was asked for, in order.
sub targets { return join ' ', map { $_->{target} } $mock->requests; }

# walk PAGINATION, REPLY... -- of /x: the ids, or the error in one line, and what was asked for.
sub walk
{
	my ($pagination, @replies) = @_;
	register(s => { records => '$.records[*]', pagination => $pagination });
	pages('/x', @replies);
	my $ids = ids();
	$ids =~ s/\n(?:DETAIL|HINT).*//s;
	return "$ids | " . targets();
}

sub last_execution
{
	my ($row) = $s->rows('SELECT to_jsonb(e) FROM connector_executions e ORDER BY id DESC LIMIT 1');
	return $row;
}

#
# Arguments.
#

register(s => {}, t => {});
like($s->ask(q(SELECT connector_fetch(NULL, 's'))),            qr/22004: argument "provider" must not be null/, 'no provider');
like($s->ask(q(SELECT connector_fetch('mock', NULL))),         qr/22004: argument "stream" must not be null/,   'no stream');
like($s->ask(q(SELECT connector_fetch('mook', 's'))),          qr/42704: provider "mook" does not exist\nHINT:  Did you mean "mock"\?/, 'an unknown provider');
$s->ask(q(SELECT connector_provider_register('{"name": "off", "title": "Off", "availability": "disabled", "base_url": "https://example.com",
	"allowed_hosts": ["example.com"], "actions": {"a": {"path": "/a"}}}')));
$s->ask(q(SELECT connector_provider_register('{"name": "on", "title": "On", "base_url": "https://example.com",
	"allowed_hosts": ["example.com"], "actions": {"a": {"path": "/a"}}}')));
like($s->ask(q(SELECT connector_fetch('off', 's'))),           qr/55000: provider "off" is disabled\nHINT:  Whoever registered/, 'one that is disabled');
like($s->ask(q(SELECT connector_fetch('on', 'a'))),            qr/42704: provider "on" has no stream "a"\nHINT:  It is an action; connector_call\(\) calls those/, 'an action');
like($s->ask("SELECT connector_fetch('$_', 's')"),             qr/22023: "\Q$_\E" is no provider/, "'$_'") for 'mock/', '/mock';
like($s->ask(q(SELECT connector_fetch('mock', 'u'))),          qr/42704: provider "mock" has no stream "u"\nHINT: .*s.*, t|t, s/, 'an unknown stream');
like($s->ask(q(SELECT connector_fetch('mock', 's', '[]'))),    qr/22023: the input of a stream must be an object/, 'an input that is a list');
like($s->ask(q(SELECT connector_fetch('mock', 's', '{}', 0))), qr/22023: max_pages must be at least 1, not 0/,  'no pages');
like($s->ask(q(SELECT connector_fetch('mock', 's', workspace => 'nobody'))), qr/42704: workspace "nobody"/, 'an unknown workspace');
like($s->ask(q(BEGIN READ ONLY; SELECT connector_fetch('mock', 's'); ROLLBACK)), qr/25006: /, 'a read-only transaction');
$s->ask('ROLLBACK');
is(scalar $mock->requests, 0, 'none of them asked for anything');

#
# Who may.
#

like($s->ask(as_role('eve', q(SELECT connector_fetch('mock', 's', workspace => 'acme')))), qr/42704: workspace "acme"/, q(another tenant's workspace));
like($s->ask(as_role('eve', q(SELECT connector_fetch('mock', 's', workspace => 'rival')))), qr/42704: provider "mock" does not exist/, q(another tenant's provider));
like($s->ask(as_role('ada', q(SELECT connector_fetch('mock', 's', workspace => 'acme')))), qr/42501: /, 'a viewer');
is(scalar $mock->requests, 0, 'none of them asked for anything');

#
# Kinds: what is asked for, and where it ends.
#

my $cursor = { kind => 'cursor', cursor => '$.c', parameter => 'after', page_size => { parameter => 'limit', value => 2 } };
is(walk($cursor, page([ 1, 2 ], c => 'a b&c'), page([3], c => 7), page([])), '1,2,3 | /x?limit=2 /x?limit=2&after=a%20b%26c /x?limit=2&after=7', 'a cursor');
is(walk($cursor, page([1], c => 'n'), page([], c => 'm'), page([2])), '1,2 | /x?limit=2 /x?limit=2&after=n /x?limit=2&after=m', 'an empty page in between');
is(walk({ %$cursor, more => '$.more' }, page([1], c => 'n', more => YES), page([2], c => 'm', more => NO)), '1,2 | /x?limit=2 /x?limit=2&after=n', 'until there is no more');
is(walk({ kind => 'cursor', last_record => '$.id', parameter => 'starting_after', more => '$.more' }, page([ 1, 2 ], more => YES), page([3], more => NO)),
	'1,2,3 | /x /x?starting_after=2', 'a cursor in the last record');
is(walk({ kind => 'next_url', next => '$.next' }, page([1], next => "$url/x?p=2&q=%20"), page([2], next => '/x?p=3'), page([3], next => '?p=4'), page([4])),
	'1,2,3,4 | /x /x?p=2&q=%20 /x?p=3 /x?p=4', 'next URLs, absolute and relative');
is(walk({ kind => 'link_header' }, { %{ page([1]) }, headers => [ Link => '</x?p=0>; rel=prev', Link => '</x?p=2>; rel="next"' ] }, page([2])),
	'1,2 | /x /x?p=2', 'Link headers');
is(walk({ kind => 'offset', page_size => { parameter => 'limit', value => 2 } }, page([ 1, 2 ]), page([ 3, 4 ]), page([5])),
	'1,2,3,4,5 | /x?limit=2&offset=0 /x?limit=2&offset=2 /x?limit=2&offset=4', 'offsets');
is(walk({ kind => 'page', parameter => 'p', start => 0, total => '$.total' }, page([ 1, 2 ], total => 3), page([3], total => 3)), '1,2,3 | /x?p=0 /x?p=1', 'page numbers');
is(walk(undef, page([ 1, 2 ], c => 'a', next => '/x?p=2')), '1,2 | /x', 'one page');

# POST: cursor and size in the body, in place of what is there, and where an object is missing.
register(s => {
	method => 'POST', records => '$.records[*]', body => { query => { text => '{{input.text}}', limit => 1 } },
	pagination => { kind => 'token_in_body', cursor => '$.c', parameter => 'page.after', page_size => { parameter => 'query.limit', value => 50 } } });
pages('/x', page([1], c => '{{input.text}}'), page([2]));
is(ids({ text => 'x' }), '1,2', 'a cursor in the body');
is(join(' ', map { $_->{body} } $mock->requests),
	'{"query":{"text":"x","limit":50}} {"query":{"text":"x","limit":50},"page":{"after":"{{input.text}}"}}', 'what looks like a template is a text');

register(s => { method => 'POST', records => '$.records[*]', body => { a => 1 }, body_type => 'form', pagination => { kind => 'token_in_body', cursor => '$.c', parameter => 'after' } });
pages('/x', page([1], c => 'b c'), page([2]));
is(ids() . ' ' . join(' ', map { $_->{body} } $mock->requests), '1,2 a=1 a=1&after=b%20c', 'a cursor in a form');

register(s => {
	method => 'POST', records => '$.records[*]', body => { path => '{{input.path}}' },
	pagination => { kind => 'cursor', cursor => '$.c', following => { path => '/more', body => { cursor => '{{page.cursor}}' } } } });
pages('/x', page([1], c => '{{x'));
$mock->reply('/more', page([2], c => 'z'), page([3]));
is(ids({ path => '/a' }), '1,2,3', 'another request for what follows');
is(join(' ', map { "$_->{path} $_->{body}" } $mock->requests), '/x {"path":"/a"} /more {"cursor":"{{x"} /more {"cursor":"z"}', 'what was asked for');

register(s => { records => '$.records[*]', path => '/x{{page.number}}', query => { o => '{{page.offset}}' }, pagination => { kind => 'page', parameter => 'p' } });
pages('/x1', page([ 1, 2 ]));
$mock->reply('/x2', page([]));
is(ids() . ' ' . targets(), '1,2 /x1?o=0&p=1 /x2?o=2&p=2', 'templates read page');

#
# Records: where they are, and where they are not.
#

my @places = (
	[ undef,         '[1,2]',                     '1,2' ],
	[ '$',           '[1,2]',                     '1,2' ],
	[ '$',           '{"id":1}',                  '{"id": 1}' ],
	[ '$.a.b[*]',    '{"a":{"b":[1,"x"]}}',       '1,"x"' ],
	[ 'a.b',         '{"a":{"b":[1,null,2]}}',    '1,2' ],
	[ '$.a[*]',      '{"a":null}',                '' ],
	[ '$.a[*]',      '{}',                        '' ],
	[ '$.a[*].b',    '{"a":[{"b":1},{"b":2}]}',   '1,2' ],
	[ '$.a ? (@ != null)', '{"a":[1,2]}',         '1,2' ],
	[ '$.a[*]',      '[{"a":[1]}]',               'bad_response: page 1: the reply has a list where its records should be' ],
	[ '$.a[*]',      '{"a":{"b":1}}',             'bad_response: page 1: the reply has an object where its records should be' ],
	[ '$.a.b[*]',    '{"a":"x"}',                 'bad_response: page 1: the reply has a text where its records should be' ],
	[ '$.a',         '"none"',                    'bad_response: page 1: the reply is a text, and not JSON that has records' ],
	[ '$.a[*]',      '{"a":',                     'bad_response: page 1: the reply is not JSON that can be used: unexpected end of the text, at byte 5' ]);
for my $place (@places)
{
	my ($path, $body, $wanted) = @$place;
	register(s => { defined $path ? (records => $path) : (), pagination => undef });
	pages('/x', { body => $body });
	my $said = $s->ask(q(SELECT coalesce(string_agg(r::text, ',' ORDER BY n), '') FROM (SELECT r, row_number() OVER () AS n FROM connector_fetch('mock', 's') r) f));
	$said = "$2: $1" if $said =~ /^ERROR:  NC\d+: stream "mock\.s": (.*)\nDETAIL:  Code (\w+)/;
	is($said, $wanted, ($path // 'no path') . " in $body");
}
register(s => { records => '$.records[*]', pagination => undef });
pages('/x', { body => '<html>', headers => [ 'Content-Type' => 'text/html' ] });
like(ids(), qr/NC012: stream "mock\.s": page 1: the reply is a text, and not JSON/, 'HTML');
pages('/x', { status => 204, body => '' });
is(ids(), '', 'nothing at all');

#
# Remotes that repeat themselves, or do not end.
#

is(walk($cursor, page([1], c => 'a'), page([2], c => 'b'), page([3], c => 'a')),
	'ERROR:  NC012: stream "mock.s": page 3 leads to a page that was there before | /x?limit=2 /x?limit=2&after=a /x?limit=2&after=b', 'a circle of cursors');
is(walk({ kind => 'next_url', next => '$.next' }, page([1], next => '/x')), 'ERROR:  NC012: stream "mock.s": page 1 leads to a page that was there before | /x', 'a URL that is its own');
is(walk({ kind => 'page' }, page([ 1, 2 ])), 'ERROR:  NC012: stream "mock.s": page 2: page 2 has the same records as the page before it | /x?page=1 /x?page=2', 'a number that nobody listens to');
is(walk({ kind => 'page', max_pages => 2 }, page([1]), page([2]), page([3])), 'ERROR:  NC015: stream "mock.s": there are more than 2 pages | /x?page=1 /x?page=2', 'more pages than allowed');
is(walk($cursor, page([1], c => { a => 1 })), 'ERROR:  NC012: stream "mock.s": page 1 has an object for a cursor | /x?limit=2', 'a cursor that is none');
is(walk({ %$cursor, more => '$.more' }, page([1], more => YES)), 'ERROR:  NC012: stream "mock.s": page 1 says that there is more, but not where | /x?limit=2', 'more, but where?');

register(s => { path => '/pages?of=100000&size=1', records => '$.records[*]', pagination => { kind => 'next_url', next => '$.next' } });
$mock->forget;
like(ids(), qr/NC015: stream "mock\.s": there are more than 1000 pages\nDETAIL:  Code limit_exceeded\.\nHINT:  max_pages of connector_fetch/, 'without end');
is(scalar $mock->requests, 1000, 'the usual limit of pages');
$mock->forget;
is($s->ask(q(SELECT count(*) FROM connector_fetch('mock', 's', max_pages => 1003))), '1003', 'max_pages can be more');
is($s->ask(q(SELECT count(*) FROM connector_fetch('mock', 's', max_pages => 3))),    '3',    'and less');
is(scalar $mock->requests, 1006, 'no page too many');

#
# Where a remote leads.
#

my $next = { kind => 'next_url', next => '$.next' };
is(walk($next, page([1], next => $other->url . '/x')),
	'ERROR:  NC002: stream "mock.s": page 1 leads to ' . $other->url . ', another origin than its own | /x', 'to another host');
is(walk($next, page([1], next => 'http://169.254.169.254/latest/meta-data')), 'ERROR:  NC002: stream "mock.s": page 1 leads to http://169.254.169.254, another origin than its own | /x', 'to where clouds keep secrets');
is(walk($next, page([1], next => 'file:///etc/passwd')), 'ERROR:  NC012: stream "mock.s": page 1 leads to a URL that is not one to call: URL does not begin with http:// or https:// | /x', 'to a file');
is(walk($next, page([1], next => "$url/x\r\nX-Evil: 1")), 'ERROR:  NC012: stream "mock.s": page 1 leads to a URL that is not one to call: white space or a control character in the URL | /x', 'into the headers');
is(walk($next, page([1], next => '/x?y={{input.secret}}'), page([2])), '1,2 | /x /x?y={{input.secret}}', 'a template is a text');

# With a credential, its hosts say where it may go.
my %auth = (auth => [ { kind => 'api_key', parameters => { in => 'query', name => 'api_key' } } ]);
register(s => { records => '$.records[*]', pagination => $next }, \%auth);
like(ids(), qr/NC019: stream "mock\.s": page 1: .*credential/, 'no credential');
sub credential
{
	my (@hosts) = @_;
	my $list = join ', ', map { "'$_'" } @hosts;
	my $said = $s->ask(qq(SELECT connector_credential_set('mock', '{"api_key": "a-secret-key"}', kind => 'api_key',
		parameters => '{"in": "query", "name": "api_key"}', allowed_hosts => ARRAY[$list])));
	die $said if $said =~ /ERROR/;
	return;
}
credential($url);
pages('/x', page([1], next => $other->url . '/x'));
like(ids(), qr/NC002: stream "mock\.s": page 2: credential "mock\/default" may not be sent to \Q${\$other->url}\E/, 'not one of its hosts');
is(scalar $other->requests, 0, 'nobody else was asked');
credential($url, $other->url, 'http://10.1.2.3');
pages('/x', page([1], next => 'http://10.1.2.3/x'));
like(ids(), qr/NC010: stream "mock\.s": page 2: /, 'an address that nobody may call');
pages('/x', page([1], next => $other->url . '/x?page=2'));
$other->reply('/x', page([2]));
is(ids(), '1,2', 'one of its hosts');
is(join(' ', map { $_->{target} } $mock->requests, $other->requests), '/x?api_key=a-secret-key /x?page=2&api_key=a-secret-key', 'both get it');

# A remote that repeats the credential in the next URL is asked with it once, and its value is nowhere to be seen.
pages('/x', page([1], next => "$url/x?api_key=a-secret-key&page=2"), page([2], next => "$url/x?page=3&k=a-secret-key"), page([3]));
is(ids(), '1,2,3', 'the credential in the next URL');
is(targets(), '/x?api_key=a-secret-key /x?page=2&api_key=a-secret-key /x?page=3&api_key=a-secret-key', 'it is put in anew');
unlike(json_text(last_execution()), qr/a-secret-key/, 'and is not in the history');

#
# Failures on the way.
#

register(s => { records => '$.records[*]', pagination => $cursor });
pages('/x', page([1], c => 'a'), { status => 429, headers => [ 'Retry-After' => 0 ] }, { status => 503 }, page([2]));
is(ids() . ' ' . scalar $mock->requests, '1,2 4', 'too often, and out of order: asked again');
is(join(' ', map { $_->{attempts} } @{ last_execution()->{steps_executed} }), '1 3', 'the attempts of each page');
pages('/x', page([1], c => 'a'), { status => 403, json => { message => 'not yours' } });
like(ids(), qr/NC002: stream "mock\.s": page 2: the remote answered with HTTP status 403\nDETAIL:  Code permission_denied, HTTP status 403\. The remote said: not yours\nHINT:  /, 'a failure says which page');
is(scalar $mock->requests, 2, 'it is not asked again');
pages('/x', page([1], c => 'a'), { status => 500 });
like(ids(), qr/NC011: .*page 2: the remote answered with HTTP status 500/, 'a failure that stays');
is($s->ask(q(SELECT count(*) FROM connector_executions WHERE error_code IS NOT NULL)), '0', 'what has failed went with its transaction');

# What was asked for ahead, and failed for want of somebody to attend to it, is asked for again when it is needed.
pages('/x', page([1], c => 'a'), ({ raw => '', close => YES }) x 4, page([2]));
is(ids() . ' ' . scalar $mock->requests, '1,2 6', 'a remote that has hung up meanwhile');

# Rules that say where to begin again.
register(s => {
	records => '$.records[*]', primary_key => ['id'], cursor_field => 'id', order => 'ascending', query => [ { name => 'from', input => 'from', optional => YES } ],
	incremental => { input => 'from', format => 'text' }, input_schema => { type => 'object', properties => { from => { type => [ 'string', 'integer' ] } } },
	pagination => $cursor, error_rules => [ { status => 410, action => 'reset_pagination' } ] });
pages('/x', page([ 1, 2 ], c => 'a'), page([ 3, 4 ], c => 'b'), { status => 410 }, page([ 4, 5 ], c => 'd'), page([6]));
is(ids(), '1,2,3,4,5,6', 'a cursor that the remote has forgotten');
is(targets(), '/x?limit=2 /x?limit=2&after=a /x?limit=2&after=b /x?from=4&limit=2 /x?from=4&limit=2&after=d', 'it begins again behind the last record');
pages('/x', page([ 1, 2 ], c => 'a'), { status => 410 }, { status => 410 });
like(ids(), qr/page \d: the remote answered with HTTP status 410/, 'but not for ever');

#
# Records that come twice.
#

register(s => { records => '$.records[*]', primary_key => ['id'], pagination => { kind => 'offset', page_size => { parameter => 'n', value => 3 } } });
pages('/x', page([ 1, 2, 3 ]), page([ 3, 4, 5 ]), page([5]));
is(ids(), '1,2,3,4,5', 'records that others have pushed to the next page');
is(last_execution()->{output_data}{repeated}, 2, 'they are counted');
register(s => { records => '$.records[*]', pagination => { kind => 'offset', page_size => { parameter => 'n', value => 3 } } });
pages('/x', page([ 1, 2, 3 ]), page([ 3, 4, 5 ]), page([5]));
is(ids(), '1,2,3,3,4,5,5', 'without a key nothing is left out');
register(s => { records => '$.records[*]', primary_key => [ 'id', 'kind.name' ], pagination => { kind => 'offset', page_size => { parameter => 'n', value => 2 } } });
pages('/x', [ { id => 1, kind => { name => 'a' } }, { id => 1 } ], [ { id => 1, kind => { name => 'b' } }, { id => 1 } ], [ { id => 1, kind => { name => 'b' } } ]);
is(ids(), '1,1,1,1', 'keys of several fields; without one of them there is no key');

# Remotes that give only so many results.
register(s => {
	records => '$.records[*]', primary_key => ['id'], cursor_field => 'at', order => 'ascending', query => [ { name => 'since', input => 'since', optional => YES } ],
	incremental => { input => 'since', format => 'epoch' },
	input_schema => { type => 'object', properties => { since => { type => 'string', format => 'date-time' } }, additionalProperties => NO },
	pagination => { kind => 'offset', page_size => { parameter => 'n', value => 2 }, reset => { after => 4, input => 'since' } } });
my @rows = map { { id => $_, at => "2026-01-01T00:00:0${_}Z" } } 1 .. 7;
pages('/x', [ @rows[ 0, 1 ] ], [ @rows[ 2, 3 ] ], [ @rows[ 3, 4 ] ], [ @rows[ 5, 6 ] ], [ $rows[6] ]);
is(ids({ since => '2026-01-01T00:00:00+00:00' }), '1,2,3,4,5,6,7', 'more than the remote gives');
is(targets(), join(' ', map { "/x?since=$_->[0]&n=2&offset=$_->[1]" } [ 1767225600, 0 ], [ 1767225600, 2 ], [ 1767225604, 0 ], [ 1767225604, 2 ], [ 1767225607, 0 ]),
	'it begins again at the last record');
pages('/x', [ @rows[ 0, 1 ] ], [ @rows[ 2, 3 ] ], [ @rows[ 3, 3 ] ], [ { %{ $rows[3] }, id => 8 }, { %{ $rows[3] }, id => 9 } ]);
like(ids(), qr/page 4 ends where the stream was begun again/, 'too many at one place');

# Bounds.
pages('/x', []);
like(ids({ since => 'yesterday' }), qr/NC018: stream "mock\.s": the input does not fit the input schema/, 'an input that does not fit');
register(s => { records => '$.records[*]', query => [ { name => 'since', input => 'since', optional => YES } ], cursor_field => 'at', incremental => { input => 'since', format => 'iso8601' },
	input_schema => { type => 'object', properties => { since => { type => [ 'string', 'number' ] } } }, pagination => undef });
like(ids({ since => 'yesterday' }), qr/NC018: stream "mock\.s": input\.since is no point in time/, 'a bound that is none');
$mock->forget;
ids({ since => 1767225600 });
ids({ since => '2026-01-01 01:00:00.5+01' });
is(targets(), '/x?since=2026-01-01T00%3A00%3A00Z /x?since=2026-01-01T00%3A00%3A00.500Z', 'bounds as the service wants them');

# Where a later fetch goes on: at the end the latest; before it, in a stream that is in order, what comes
# before the latest, for there may be more with that.
sub at { my ($c, @at) = @_; return { json => { c => $c, records => [ map { +{ id => "$_", at => $_ } } @at ] } }; }

# the_cursor QUERY -- what the history says, in JSON, after the query
sub the_cursor
{
	my $said = $s->ask($_[0]);
	die $said if $said =~ /ERROR/;
	my $is = last_execution()->{output_data};
	return ($is->{complete} ? 'complete' : 'incomplete') . ' ' . (exists $is->{cursor} ? json_text([ $is->{cursor} ]) : '-');
}
my ($all, $one_page, $one_row) = (
	q(SELECT count(*) FROM connector_fetch('mock', 's')), q(SELECT count(*) FROM connector_fetch('mock', 's', max_pages => 1)),
	q(SELECT connector_fetch('mock', 's') LIMIT 1));
for my $order (qw(ascending descending none))
{
	my @pages = (at('a', 3, 10), at('b', 10, 11), at(undef, 11, 200));
	@pages = map { my $page = $_; $page->{json}{records} = [ reverse @{ $page->{json}{records} } ]; $page } reverse @pages if $order eq 'descending';
	$pages[$_]{json}{c} = (qw(a b))[$_] for 0 .. 2;
	pages('/x', @pages);
	register(s => { records => '$.records[*]', cursor_field => 'at', order => $order, incremental => { input => 'since' },
		query => [ { name => 'since', input => 'since', optional => YES } ], pagination => $cursor });
	is(the_cursor($all), 'complete [200]', "$order: the latest");
	pages('/x', @pages);
	is(the_cursor($one_page), $order eq 'ascending' ? 'incomplete [3]' : 'incomplete -', "$order: of some pages");
	pages('/x', @pages);
	is(the_cursor($one_row), 'incomplete -', "$order: of part of a page");
	pages('/x', @pages);
	is(the_cursor(q(SELECT connector_fetch('mock', 's') LIMIT 5)), $order eq 'ascending' ? 'incomplete [10]' : 'incomplete -', "$order: of pages that were used up");
}
pages('/x', at('', "Fri, 02 Jan 2026 00:00:00 +0000", "Thu, 29 Jan 2026 00:00:00 +0000", "Sat, 03 Jan 2026 00:00:00 +0000"));
is(the_cursor($all), 'complete ["Thu, 29 Jan 2026 00:00:00 +0000"]', 'dates of mail; an empty cursor is none');
register(s => { records => '$.records[*]', cursor_field => 'at', order => 'descending', incremental => { input => 'since', format => 'iso8601' },
	input_schema => { type => 'object', properties => { since => { type => 'string', format => 'date-time' } } },
	query => [ { name => 'since', input => 'since', optional => YES } ], pagination => undef });
pages('/x', []);
ids({ since => 'Thu, 29 Jan 2026 00:00:00 +0000' });
ids({ since => '2026-01-29T00:00:00.000+0000' });
is(targets(), '/x?since=2026-01-29T00%3A00%3A00Z /x?since=2026-01-29T00%3A00%3A00Z', 'they fit, as the service wants them, where the schema wants RFC 3339');
pages('/x', []);
is(the_cursor($all), 'complete -', 'nothing came: none');

# Replies that say it: the bound is a cursor, and the first page the one behind it.
register(s => {
	method => 'POST', records => '$.records[*]', primary_key => ['id'], body => { path => '' },
	incremental => { input => 'cursor', reply => '$.c', resume => YES },
	error_rules => [ { status => 409, action => 'reset_pagination' } ],
	pagination => { kind => 'token_in_body', parameter => 'cursor', cursor => '$.c', more => '$.more', following => { path => '/more', body => { cursor => '{{page.cursor}}' } } } });
sub requests { return join ' ', map { "$_->{path} $_->{body}" } $mock->requests; }
sub replies { pages('/x', page([1], c => 'a', more => YES)); $mock->reply('/more', @_); return; }
replies(page([ 2, 3 ], c => 'b', more => NO));
is(the_cursor($all) . ' ' . requests(), 'complete ["b"] /x {"path":""} /more {"cursor":"a"}', 'a bound in the reply');
replies(page([], c => 'b', more => NO));
is(ids({ cursor => 'b' }) . ' ' . requests() . ' ' . last_execution()->{output_data}{cursor}, ' /more {"cursor":"b"} b', 'nothing is new');
replies(page([4], c => 'c', more => YES), page([5], c => 'd', more => NO));
is(ids({ cursor => 'b' }) . ' ' . requests() . ' ' . last_execution()->{output_data}{cursor}, '4,5 /more {"cursor":"b"} /more {"cursor":"c"} d', 'some is');
replies({ status => 409 }, page([2], c => 'e', more => NO));
is(ids({ cursor => 'b' }) . ' ' . requests(), '1,2 /more {"cursor":"b"} /x {"path":""} /more {"cursor":"a"}', 'it is good no more: all of it again');
replies(({ status => 409 }) x 2);
like(ids({ cursor => 'b' }), qr/HTTP status 409/, 'but once');

# Where the text of a query says where it begins.
register(s => { records => '$.records[*]', query => [ { name => 'q', value => 'select * startposition {{page.offset | add(1)}}' } ],
	pagination => { kind => 'offset', parameter => undef, page_size => { value => 2 } } });
pages('/x', page([ 1, 2 ]), page([3]));
is(ids() . ' ' . targets(), '1,2,3 /x?q=select%20%2A%20startposition%201 /x?q=select%20%2A%20startposition%203', 'an offset without a parameter');

# A first cursor in the body.
register(s => { method => 'POST', records => '$.records[*]', body => { after => '0' }, pagination => { kind => 'token_in_body', parameter => 'after', cursor => '$.paging.next.after' } });
pages('/x', page([1], paging => { next => { after => '1' } }), page([2]));
is(ids() . ' ' . requests(), '1,2 /x {"after":"0"} /x {"after":"1"}', 'the first page has a cursor of its own');

#
# Parents.
#

sub family
{
	my (%child) = @_;
	register(
		boards => { path => '/boards', records => '$.records[*]', input_schema => { type => 'object', properties => { team => { type => 'string' } }, additionalProperties => NO },
			query => [ { name => 'team', input => 'team', optional => YES } ], pagination => { kind => 'next_url', next => '$.next' } },
		s => { path => '/boards/{{input.board}}/cards', records => '$.records[*]', primary_key => ['id'],
			input_schema => { type => 'object', properties => { board => { type => 'integer' }, state => { type => 'string' } }, required => ['board'], additionalProperties => NO },
			query => [ { name => 'state', input => 'state', optional => YES } ],
			parent => { stream => 'boards', with => { board => '{{parent.id}}' } }, pagination => { kind => 'next_url', next => '$.next' }, %child });
	pages('/boards', page([ 1, 2 ], next => '/boards?p=2'), page([3]));
	$mock->reply('/boards/1/cards', page([ 11, 12 ], next => '/boards/1/cards?p=2'), page([13]));
	$mock->reply('/boards/2/cards', page([]));
	$mock->reply('/boards/3/cards', page([ 11, 31 ]));
	return;
}
family();
is(ids(), '11,12,13,11,31', q(the records of each of a parent's records; the same key under another parent is another record));
is(targets(), '/boards /boards/1/cards /boards/1/cards?p=2 /boards?p=2 /boards/2/cards /boards/3/cards', 'in order, the parents page by page, ahead as well');
family();
is($s->ask(q(SELECT string_agg(r::text, ' ') FROM connector_fetch('mock', 's') r)),
	'{"id": 11, "_parent": {"board": 1}} {"id": 12, "_parent": {"board": 1}} {"id": 13, "_parent": {"board": 1}} {"id": 11, "_parent": {"board": 3}} {"id": 31, "_parent": {"board": 3}}',
	'records say whose they are');
family();
is(ids({ board => 3 }) . ' ' . targets(), '11,31 /boards/3/cards', 'of one that the caller names');
family();
is(ids({ team => 'a', state => 'open' }, ', max_pages => 2'), '11,12,13', 'max_pages is of the stream itself');
is(targets(), '/boards?team=a /boards/1/cards?state=open /boards/1/cards?p=2', 'each takes of the input what it knows');
family();
like(ids({ teem => 'a' }), qr/NC018: .*input\.teem is nothing that the stream or its parents take/, 'what nobody knows');
family();
$mock->reply('/boards', page([ 1, 2 ], next => '/boards?p=2'), { status => 404 });
like(ids(), qr/NC003: stream "mock\.s": boards: page 2: the remote answered with HTTP status 404/, 'a parent that fails');
family();
$mock->reply('/boards/1/cards', { status => 404 });
like(ids(), qr/NC003: stream "mock\.s": page 1: the remote answered with HTTP status 404/, 'a child that fails');
family(parent => { stream => 'boards', with => { board => '{{parent.missing}}' } });
like(ids(), qr/NC018: stream "mock\.s": .*parent\.missing/, 'a parent without what is needed');
family(parent => { stream => 'boards', with => { board => '{{parent.id}}' }, input => { team => 'fixed {{input.state}}' } });
ids({ state => 'x' });
is(($mock->requests)[0]{target}, '/boards?team=fixed%20x', q(the parent's input can be said));

#
# No more than is asked for.
#

register(s => { path => '/pages?of=5&size=10', records => '$.records[*]', primary_key => ['id'], pagination => $next });
my %asks = (
	q(SELECT * FROM connector_fetch('mock', 's') LIMIT 5)                                             => [ 5,  1 ],
	q(SELECT connector_fetch('mock', 's') LIMIT 5)                                                    => [ 5,  1 ],
	q(SELECT r FROM (VALUES ('s')) v (s), LATERAL connector_fetch('mock', v.s) r LIMIT 5)             => [ 5,  1 ],
	q(SELECT r ->> 'id' FROM connector_fetch('mock', 's') r WHERE (r ->> 'id')::int > 3 LIMIT 2)      => [ 2,  1 ],
	q(SELECT * FROM connector_fetch('mock', 's') LIMIT 25)                                            => [ 25, 3 ],
	q(SELECT * FROM connector_fetch('mock', 's'))                                                     => [ 50, 5 ],
	q(SELECT a.r FROM connector_fetch('mock', 's') a (r), connector_fetch('mock', 's') b (r) WHERE a.r = b.r) => [ 50, 10 ],
	q(SELECT r FROM (VALUES (1), (2), (3)) v (n), LATERAL connector_fetch('mock', 's', jsonb_build_object('n', v.n), 1) r) => [ 30, 3 ],
	q(SELECT count(*) FROM connector_fetch('mock', 's', (SELECT '{}'::jsonb)))                        => [ 1,  5 ],
	# where the server collects all of them first
	q(SELECT * FROM connector_fetch('mock', 's', (SELECT '{}'::jsonb)) LIMIT 5)                       => [ 5,  5 ],
	q(SELECT * FROM connector_fetch('mock', 's', jsonb_build_object('n', random())) LIMIT 5)          => [ 5,  5 ],
	q(SELECT * FROM connector_fetch('mock', 's') WITH ORDINALITY LIMIT 5)                             => [ 5,  5 ],
	q(SELECT * FROM (SELECT '{}'::jsonb AS i) a, LATERAL connector_fetch('mock', 's', a.i) LIMIT 5)   => [ 5,  1 ]);
for my $sql (sort keys %asks)
{
	$mock->forget;
	my $rows = () = $s->ask($sql) =~ /^(?!ERROR).+$/mg;
	is("$rows " . scalar $mock->requests, "@{ $asks{$sql} }", $sql);
}
like($s->ask(q(EXPLAIN SELECT * FROM connector_fetch('mock', 's') LIMIT 5)), qr/Limit.*\n.*ProjectSet/, 'the function in FROM is inlined');
$s->ask(q(PREPARE p (text, jsonb) AS SELECT * FROM connector_fetch('mock', $1, $2) LIMIT 2));
$s->ask(q(SET plan_cache_mode = force_generic_plan));
like($s->ask(q(EXPLAIN EXECUTE p ('s', '{}'))), qr/Limit.*\n.*ProjectSet/, 'with parameters, too');
$s->ask(q(RESET plan_cache_mode));

# Cursors: half of a page asks for the next one; closing ends it.
$mock->forget;
$s->ask(q(BEGIN; DECLARE c CURSOR FOR SELECT r ->> 'id' FROM connector_fetch('mock', 's') r));
is($s->ask('FETCH 5 c') . ' ' . scalar $mock->requests, "1\n2\n3\n4\n5 1", 'half of a page');
$s->ask('FETCH 1 c');
ok(poll_until(sub { $mock->requests == 2 }), 'then the next one is asked for');
$s->ask('CLOSE c; COMMIT');
my $row = last_execution();
is(json_text($row->{output_data}), '{"complete":false,"pages":1,"repeated":0,"rows":6}', 'a closed cursor is recorded');
is("$row->{connector_name} $row->{trigger} $row->{status} " . ($row->{connector_id} // '-'), 'mock.s sql success -', 'under the name of its stream');

$mock->forget;
$s->ask(q(BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT r ->> 'id' FROM connector_fetch('mock', 's') r; FETCH 2 c; COMMIT));
is($s->ask('FETCH ABSOLUTE 50 c; CLOSE c') . ' ' . scalar $mock->requests, '50 5', 'a cursor that outlives its transaction');
$s->ask(q(BEGIN; DECLARE c CURSOR FOR SELECT r FROM connector_fetch('mock', 's') r; FETCH 6 c; ROLLBACK));
$s->ask(q(BEGIN; DECLARE c CURSOR FOR SELECT r FROM connector_fetch('mock', 's') r; FETCH 6 c; SAVEPOINT a; SELECT 1/0));
$s->ask('ROLLBACK TO a');
is($s->ask('FETCH ALL c') =~ tr/\n// + 1, 44, 'a cursor goes on behind an error of another statement');
$s->ask('COMMIT');
like($s->ask(q(SELECT 1 / ((r ->> 'id')::int - 17) FROM connector_fetch('mock', 's') r)), qr/22012/, 'an error of who takes the rows');
is($s->ask(<<'SQL'), 'done', 'a loop that is left');
DO $$ DECLARE r jsonb; BEGIN FOR r IN SELECT connector_fetch('mock', 's') LOOP EXIT WHEN r ->> 'id' = '12'; END LOOP; END $$;
SELECT 'done';
SQL
is(json_text(last_execution()->{output_data}), '{"complete":false,"pages":2,"repeated":0,"rows":12}', 'it is recorded, too');
is($s->ask(q(SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'connector page%' OR name LIKE 'connector walk%')), '0', 'nothing is left behind');

is($s->ask(q(BEGIN; SELECT count(*) FROM connector_fetch('mock', 's', max_pages => 1); ROLLBACK;)), '10', 'rolled back');
isnt(last_execution()->{output_data}{rows}, 10, 'and not recorded');

# A page that does not come.
register(s => { records => '$.records[*]', pagination => $next });
pages('/x', page([ 1 .. 4 ], next => '/hang'));
ok($s->hang(q(SELECT count(*) FROM connector_fetch('mock', 's')), sub { $mock->requests('/hang') }), 'it waits for a page');
ok($s->cancel, 'until it is cancelled');
ok(poll_until(sub { $mock->hung_up }), 'the request is given up');
is($s->ask(q(SELECT count(*) FROM connector_fetch('mock', 's', max_pages => 1))), '4', 'the session works');

#
# Much: memory stays as it is; of many pages the first hundred are written down.
#

register(s => { path => '/pages?of=400&size=100&bytes=300', records => '$.records[*]', primary_key => ['id'], pagination => $next });
my $memory = $s->ask(<<'SQL');
CREATE FUNCTION memory_while_fetching(OUT first bigint, OUT most bigint) LANGUAGE plpgsql AS $$
DECLARE r jsonb; n int := 0; now bigint;
BEGIN
	FOR r IN SELECT * FROM connector_fetch('mock', 's') LOOP
		n := n + 1;
		CONTINUE WHEN n % 1000 <> 0;
		SELECT sum(total_bytes) INTO now FROM pg_backend_memory_contexts;
		IF n = 5000 THEN first := now; most := now; END IF;
		IF n > 5000 THEN most := greatest(most, now); END IF;
	END LOOP;
END $$;
SELECT most - first FROM memory_while_fetching();
SQL
cmp_ok($memory, '<', 300_000, "memory of 40,000 records in 400 pages grows by $memory bytes behind the 50th");
my $steps = last_execution()->{steps_executed};
is(scalar @$steps, 101, 'a hundred pages are written down');
is(json_text($steps->[100]), '{"_truncated":true,"pages":300}', 'and how many there were beyond');

$s->quit;
done_testing();
