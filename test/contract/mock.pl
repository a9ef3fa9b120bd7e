# The mock server itself, on descriptions of APIs that nobody has (samples/): what it refuses, what it answers, and
# that the adapters of other formats say the same as what they are made from.
use strict;
use warnings;
use ConnectorTest;
use ContractFiles;
use HTTP::Tiny;
use JSON::PP ();
use Test::More;
use VendorMock;

my $mock = VendorMock->start('test/contract/samples', 'test/contract/samples');
my $http = HTTP::Tiny->new(timeout => 60);
my $JSON = JSON::PP->new->utf8->canonical->allow_nonref;

my %TOKEN = (authorization => 'Bearer made-up-secret');
my $FORM  = 'application/x-www-form-urlencoded';

# ask PROVIDER, METHOD, URL [, BODY, TYPE, HEADER => VALUE...] -- "status: violation; ..." and the body.
sub ask
{
	my ($provider, $method, $url, $body, $type, %headers) = @_;
	my $reply = $http->request($method, $mock->url_for($provider, $url), {
		headers => { %headers, defined $body ? ('content-type' => $type // 'application/json') : () },
		defined $body ? (content => $body) : () });
	my ($request) = $mock->requests;
	my $said = join '; ', map { "$_->{path} $_->{message}" } @{ $request->{violations} };
	return ($reply->{status} . ($said ? ": $said" : ''), $reply->{content}, $request);
}

sub plain { my ($method, $path, @rest) = @_; return (ask('plain', $method, "https://acme.plain.example/v1$path", $rest[0], $rest[1], %TOKEN))[0]; }

#
# What does not fit.
#
is((ask('plain', 'GET', 'https://acme.plain.example/v1/nothing'))[0], '200: url is not in the description', 'an unknown path');
is((ask('plain', 'GET', 'https://elsewhere.example/v1/things'))[0], '200: url is not in the description', 'an unknown host');
is((ask('plain', 'GET', 'https://acme.plain.example/v2/things'))[0], '200: url is not in the description', 'another version');
is((ask('plain', 'GET', 'https://acme.plain.example/v1/things/1/x'))[0], '200: url is not in the description', 'a path that goes on');
is((ask('nobody', 'GET', 'https://acme.plain.example/v1/things'))[0], '200: url is not in the description', 'an unknown provider');
is(plain('PUT', '/things'), '200: method is not in the description', 'an unknown method');
like((ask('plain', 'GET', 'https://acme.plain.example/v1/things?kind=big'))[0], qr/\A422: .*Invalid security scheme used\z/, 'no token');
like(plain('GET', '/things'), qr/\A422: query .*required property 'kind'/, 'a parameter is missing');
like(plain('GET', '/things?kind=blue'), qr/\A422: query.kind .*big, small/, 'a value that is not allowed');
like(plain('GET', '/things?kind=big&limit=ten'), qr/\A422: query.limit .*integer/, 'a value of another type');
is(plain('GET', '/things?kind=big&limits=1'), '422: query.limits is not in the description', 'a misspelled parameter');
like(plain('DELETE', '/things/x'), qr/\A422: path.id .*pattern/, 'a wrong part of the path');
like(plain('POST', '/things'), qr/\A422: .*Body parameter is required/, 'no body');
like(plain('POST', '/things', '{}'), qr/\A422: body .*required property 'name'/, 'a member is missing');
like(plain('POST', '/things', '{"name": "x", "size": 0}'), qr/\A422: body.size .*>= 1/, 'a member is wrong');
is(plain('POST', '/things', '{"name": "x", "sise": 1}'), '422: body.sise is not in the description', 'a misspelled member');
is(plain('POST', '/things', '{"name": "x", "part": {"name": "y", "sise": 1}}'), '422: body.part.sise is not in the description', 'and one further down');
like(plain('POST', '/things', 'x', 'text/plain'), qr/\A422: .*Supported content types/, 'a body of another type');
like(plain('POST', '/things', 'sizes=1', $FORM), qr/\A422: body .*required property 'name'/, 'a field of a form is missing');
like(plain('POST', '/things', 'name=x&sizes=a', $FORM), qr/\A422: body.sizes.0 .*integer/, 'a field of a form is wrong');
like(plain('POST', '/things', 'name=x&part[size]=1', $FORM), qr/\A422: body.part .*required property 'name'.*body.part.size is not/, 'and one further down');
is(plain('POST', '/things', 'name=x&sise=1', $FORM), '422: body.sise is not in the description', 'a misspelled field');

like(plain('POST', '/things', '{"name": "x", "colour": "green"}'), qr/\A422: body.colour .*red, blue/, 'a schema that is not quite valid is repaired');
like(plain('POST', '/broken', '{}'), qr/\A422: schema schema is invalid/, 'one that is not valid at all is told');

#
# What fits.
#
is(plain('GET', '/things?kind=big&limit=10'), '200', 'parameters');
is(plain('GET', '/things?kind=big&created[gte]=1'), '200', 'a parameter with members');
is(plain('GET', '/things/latest'), '200', 'a path that a template fits, too');
is(plain('DELETE', '/things/1'), '204', 'no body in the answer');
is(plain('POST', '/things', '{"name": "x", "labels": {"any": "thing"}, "part": {"name": "y"}}'), '201', 'a body; open objects take anything');
is(plain('POST', '/things', '{"name": "x", "colour": null}'), '201', 'null where the description has it');
is(plain('POST', '/things', 'name=x&sizes=1&sizes=2&part[name]=y', $FORM), '201', 'a form with a list and an object');
is(plain('POST', '/things', 'name=x&sizes[]=1&sizes[1]=2', $FORM), '201', 'lists as other vendors write them');
is(plain('PATCH', '/things/1', 'name=x', $FORM), '200', 'a form URL-encoded, where the entry says that this is taken');
my (undef, $body) = ask('plain', 'GET', 'https://acme.plain.example/v1/things?kind=big', undef, undef, %TOKEN, accept => 'application/vnd.plain+json');
is($JSON->decode($body)->{things}[0]{name}, 'A thing', 'the example, also for a media type of the vendor');

#
# Exceptions, replies, what is missing.
#
my ($said, undef, $request) = ask('plain', 'GET', 'https://acme.plain.example/v1/things?kind=big&excused=1', undef, undef, %TOKEN);
is("$said $request->{excused}", '200 1', 'an exception');
is_deeply($request->{doubts}, [], 'leaves no doubt');
(undef, undef, $request) = ask('plain', 'GET', 'https://acme.plain.example/v1/things?kind=big&doubtful=1', undef, undef, %TOKEN);
is_deeply([ @$request{qw(violations doubts)} ], [ [], ['query.doubtful is not in the description (excused)'] ], 'unless it matters');
(undef, undef, $request) = ask('half', 'GET', 'https://acme.plain.example/v1/things?kind=big', undef, undef, %TOKEN);
is_deeply([ @$request{qw(files doubts)} ], [ ['plain.yaml'], ["plain.yaml is not the vendor's"] ], 'a description of somebody else');
is(plain('GET', '/things/latest?excused=1'), '422: query.excused is not in the description', 'holds for its path only');
is_deeply([ map { $_->{violation} } $mock->unused_exceptions('plain') ], ['query.never is not in the description'], 'one that is not needed is told');
is_deeply([ map { $_->{violation} } $mock->unused_exceptions('half') ], ['urlencoded'], 'so is another encoding of forms');
my %description = $mock->descriptions;
is_deeply([ @{ $description{half} }{qw(files missing elsewhere)} ], [ ['plain.yaml'], ['gone.yaml'], 'somewhere' ], 'a description that is not there is told');

#
# Other formats.
#
sub discovery { my ($method, $path, @rest) = @_; return (ask('discovery', $method, "https://www.discovery.example$path", @rest))[0]; }
is(discovery('POST', '/d/v1/files?fields=name&labels=a&labels=b', '{"name": "x", "size": "1"}'), '200', 'discovery: a method');
is(discovery('POST', '/d/v1/files', '{"nam": "x"}'), '422: body.nam is not in the description', 'discovery: a misspelled member');
is(discovery('GET', '/d/v1/files/1?all=1'), '422: query.all is not in the description', 'discovery: an unknown parameter');
is(discovery('POST', '/upload/d/v1/files?uploadType=media', 'x', 'text/plain'), '200', 'discovery: an upload');
like(discovery('POST', '/upload/d/v1/files', 'x', 'text/plain'), qr/\A422: query .*uploadtype/i, 'discovery: an upload of no kind');

sub requests { my ($method, $path, @rest) = @_; return ask('requests', $method, "https://acme.requests.example$path", @rest); }
is((requests('GET', '/data/v60.0/things/1?all=1&deep=2'))[1], '{"name":"ours"}', 'Postman: samples of one request together; a reply of ours');
ok((requests('GET', '/data/v60.0/things/1'))[2]{ours}, 'and it says so');
is((requests('GET', '/data/v60.0/things/1?some=1'))[0], '422: query.some is not in the description', 'Postman: an unknown parameter');
is((requests('POST', '/data/v60.0/things', '{"any": 1}'))[0], '200', 'Postman: a body; a slash at the end is no difference');
like((requests('POST', '/data/v60.0/things', '[]'))[0], qr/\A422: body .*object/, 'Postman: a body of another type');
is((requests('GET', '/'))[0], '200: url is not in the description', 'Postman: other hosts are left out');

sub files { my ($path, @rest) = @_; return ask('files', 'POST', "https://api.dropboxapi.com/2/files/$path", @rest); }
like((files('list', '{}'))[0], qr/\A422: body .*required property 'path'/, 'Stone: a field is missing');
like((files('list', '{"path": "a"}'))[0], qr/\A422: body.path .*pattern/, 'Stone: a pattern of an alias');
like((files('list', '{"path": "/a", "limit": 0}'))[0], qr/\A422: body.limit/, 'Stone: a limit over two lines');
like((files('list', '{"path": "/a", "mode": "delete"}'))[0], qr/\A422: body.mode/, 'Stone: no member of a union');
is((files('list', '{"path": "/a", "lim": 1}'))[0], '422: body.lim is not in the description', 'Stone: a misspelled field');
($said, $body) = files('list', '{"path": "/a", "limit": 1, "mode": {".tag": "add"}, "filter": {"any": 1}}');
is($said, '200', 'Stone: everything');
is($JSON->decode($body)->{entries}[0]{'.tag'}, 'file', 'Stone: a struct with subtypes is one of them');
is((files('me', 'null'))[0], '200', 'Stone: no argument');
is((files('nothing', 'null'))[0], '200: url is not in the description', 'Stone: an unknown route');
is((ask('files', 'POST', 'https://content.dropboxapi.com/2/files/upload_v2', 'x', 'application/octet-stream', 'dropbox-api-arg' => '{}'))[0], '200', 'Stone: an upload of version 2');
like((ask('files', 'POST', 'https://content.dropboxapi.com/2/files/upload_v2', 'x', 'application/octet-stream'))[0], qr/\A422: header .*dropbox-api-arg/, 'Stone: an upload without its argument');

#
# Golden requests.
#
my %sent = (
	method => 'POST', url => 'https://acme.plain.example/v1/things', query => [ [ 'kind', 'big' ], [ 'at', '12:00' ] ],
	headers => { authorization => 'Bearer made-up-secret-token', 'content-type' => 'application/json', host => '127.0.0.1:1' },
	body => '{"name": "x", "key": "made-up-secret-key", "by": "01890000-0000-7000-8000-000000000001"}');
my $kept = ContractFiles::redact(\%sent, 'at');
is_deeply($kept, {
	method => 'POST', url => $sent{url}, query => [ 'kind=big', 'at=(volatile)' ],
	headers => { authorization => 'Bearer (secret)', 'content-type' => 'application/json' },
	body => { name => 'x', key => '(secret)', by => '(execution)' } }, 'a request is kept without secrets, and what is new each time');

my $files = ContractFiles->new('nobody', {});
is_deeply([ $files->compare('actions.a', 1, \%sent) ], ['there is no golden request; set CN_CONTRACT_UPDATE to write it'], 'there is no golden request');
is_deeply([ $files->superfluous ], [], 'nothing is superfluous');
$files->{inputs} = { volatile => ['at'] };
$files->{golden} = { 'actions.a' => [$kept], 'actions.gone' => [$kept] };
is_deeply([ $files->compare('actions.a', 1, { %sent, query => [ [ 'kind', 'big' ], [ 'at', '13:00' ] ] }) ], [], 'the same, at another time');
is_deeply([ $files->compare('actions.a', 1, { %sent, method => 'PUT' }) ],
	[ 'the request is not the golden one:', '-   "method": "POST",', '+   "method": "PUT",' ], 'another one, with the difference');
is_deeply([ $files->superfluous ], ['golden: actions.gone'], 'one that nothing sends any more');

done_testing();
