# Requests that a credential signs: what arrives is verified here, by other code; each attempt is signed anew; a
# redirect takes no signature along; and nothing of it is to be seen afterwards.
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(hmac_sha1_base64 hmac_sha256 hmac_sha256_base64 hmac_sha256_hex hmac_sha512_base64 sha256 sha256_hex);
use JSON::PP ();
use MIME::Base64 qw(decode_base64 decode_base64url encode_base64 encode_base64url);
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock  = MockServer->start;
my $other = MockServer->start;
my $url   = $mock->url;
my $host  = '127.0.0.1:' . $mock->port;
my $node  = new_cluster(
	'main',
	'connector.retry_delay'     => '1ms',
	'connector.retry_max_delay' => '1ms',
	'log_statement'             => 'none');
my $workspace = $node->safe_psql('app', q(SELECT connector_create_workspace('acme')));
my $s = ConnectorSession->new($node);

sub percent { my ($text) = @_; return $text =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger; }

# base64 NAME BYTES... -- what Digest::SHA gives, with the padding it leaves out.
sub padded { my ($text) = @_; return $text . '=' x (-length($text) % 4); }

# store SERVICE KIND SECRET PARAMETERS
sub store
{
	my ($service, $kind, $secret, $parameters) = @_;
	my $said = $s->ask("SELECT connector_credential_set('$service', " . $s->literal($secret) . ", '$kind', "
		  . $s->literal($parameters // {}) . ", ARRAY['$url']) IS NOT NULL");
	die "cannot store $service: $said" if $said ne 't';
	return;
}

# sent DEFINITION -- runs it, which must succeed; the requests that arrived.
sub sent
{
	my ($definition, $wanted) = @_;
	$mock->forget;
	$other->forget;
	my $row = $s->run($definition);
	is(outcome($row), $wanted // 'success - step_1=success', "$definition->{credential}: the outcome")
	  or diag explain $row;
	return $mock->requests;
}

#
# Keys.
#
my $dir = $node->basedir;
for ([ 'rsa', 'RSA', 'rsa_keygen_bits:2048' ], [ 'ec', 'EC', 'ec_paramgen_curve:P-256' ])
{
	my ($name, $algorithm, $option) = @$_;
	run_log([ 'openssl', 'genpkey', '-algorithm', $algorithm, '-pkeyopt', $option, '-out', "$dir/$name.pem" ]);
	run_log([ 'openssl', 'pkey', '-in', "$dir/$name.pem", '-pubout', '-out', "$dir/$name.pub" ]);
}
run_log([ 'openssl', 'pkcs8', '-topk8', '-in', "$dir/rsa.pem", '-v2', 'aes-256-cbc', '-passout', 'pass:correct horse', '-out', "$dir/locked.pem" ]);
my %pem = map { $_ => slurp_file("$dir/$_.pem") } qw(rsa ec locked);

# verified NAME DATA SIGNATURE OPTION... -- by openssl.
sub verified
{
	my ($name, $data, $signature, @options) = @_;
	for ([ 'data', $data ], [ 'signature', $signature ])
	{
		open my $file, '>:raw', "$dir/$_->[0]" or die $!;
		print {$file} $_->[1];
		close $file;
	}
	return run_log([ 'openssl', 'dgst', '-sha256', @options, '-verify', "$dir/$name.pub", '-signature', "$dir/signature", "$dir/data" ]);
}

#
# OAuth 1.0a.
#
# oauth_ok REQUEST HMAC KEY -- is the signature right for what arrived?
sub oauth_ok
{
	my ($request, $hmac, $key) = @_;
	my ($list) = $request->{headers}{authorization} =~ /\AOAuth (.*)\z/s;
	my %oauth = $list =~ /(\w+)="((?:[^"\\]|\\.)*)"/g;
	my ($path, $query) = split /\?/, $request->{target}, 2;
	my @pairs = map { [ $_ => $oauth{$_} ] } grep { /\Aoauth_/ && $_ ne 'oauth_signature' } keys %oauth;
	my $form = ($request->{headers}{'content-type'} // '') =~ /form-urlencoded/ ? $request->{body} : '';
	for (grep { length } split(/&/, $query // ''), split /&/, $form)
	{
		my ($name, $value) = map { percent(s/\+/ /gr =~ s/%(..)/chr hex $1/ger) } (split(/=/, $_, 2), '');
		push @pairs, [ $name, $value ];
	}
	my $sorted = join '&', map { "$_->[0]=$_->[1]" } sort { $a->[0] cmp $b->[0] || $a->[1] cmp $b->[1] } @pairs;
	my $base = join '&', $request->{method}, percent("$url$path"), percent($sorted);
	return is($oauth{oauth_signature}, percent(padded($hmac->($base, $key))), 'the signature is that of what arrived') && \%oauth;
}

my $oauth = { consumer_key => 'ck-0123456789', consumer_secret => 'cs&0123456789', token => 'tk-0123456789', token_secret => 'ts%0123456789' };
store('oauth', 'oauth1', $oauth);
my ($seen) = sent({ url => "$url/ok?b=1&a=%20x", credential => 'oauth', query => { c => 'ü' } });
my $got = oauth_ok($seen, \&hmac_sha1_base64, 'cs%260123456789&ts%250123456789');
is($got->{oauth_signature_method}, 'HMAC-SHA1',     'SHA-1 is what is meant without a method');
is($got->{oauth_token},            'tk-0123456789', 'the token is sent');
is($got->{realm},                  undef,           'and no realm');
cmp_ok(abs($got->{oauth_timestamp} - $seen->{time}), '<', 300, 'with the time');

store('netsuite', 'oauth1', $oauth, { signature_method => 'HMAC-SHA256', realm => '{account_id|upper|underscore}', account_id => 'tstdrv1-sb1' });
($seen) = sent({ url => "$url/ok", method => 'POST', credential => 'netsuite', body_type => 'form', body => { a => '1 2', b => '&' } });
$got = oauth_ok($seen, \&hmac_sha256_base64, 'cs%260123456789&ts%250123456789');
is($got->{realm}, 'TSTDRV1_SB1', 'the realm is made of the account');
($seen) = sent({ url => "$url/ok", method => 'POST', credential => 'netsuite', body => { a => 1 } });
oauth_ok($seen, \&hmac_sha256_base64, 'cs%260123456789&ts%250123456789');

#
# Tokens signed with a key.
#
sub token_parts
{
	my ($request, $name, $prefix) = @_;
	$prefix //= 'Bearer ';
	my ($header, $claims, $signature) = $request->{headers}{ $name // 'authorization' } =~ /\A\Q$prefix\E([^.]+)\.([^.]+)\.([^.]+)\z/
	  or return;
	return ("$header.$claims", JSON::PP::decode_json(decode_base64url($header)), JSON::PP::decode_json(decode_base64url($claims)), decode_base64url($signature));
}

my $fingerprint = do
{
	run_log([ 'openssl', 'pkey', '-pubin', '-in', "$dir/rsa.pub", '-outform', 'DER', '-out', "$dir/der" ]);
	open my $der, '<:raw', "$dir/der" or die $!;
	local $/;
	encode_base64(sha256(<$der>), '');
};
store('snowflake', 'jwt', { private_key => $pem{locked}, passphrase => 'correct horse' },
	{   account => 'my_org-acc', user => 'ada', lifetime => 3600,
		claims  => { iss => '{account|upper}.{user|upper}.SHA256:{fingerprint}', sub => '{account|upper}.{user|upper}' } });
($seen) = sent({ url => "$url/ok", credential => 'snowflake' });
my ($text, $header, $claims, $signature) = token_parts($seen);
ok(verified('rsa', $text, $signature), 'RS256: the signature is good');
is_deeply($header, { alg => 'RS256', typ => 'JWT' }, 'the header');
is($claims->{iss}, "MY_ORG-ACC.ADA.SHA256:$fingerprint", 'the issuer has the fingerprint of the key');
is($claims->{sub}, 'MY_ORG-ACC.ADA',                     'the subject');
is($claims->{exp} - $claims->{iat}, 3600, 'the lifetime');
cmp_ok(abs($claims->{iat} - $seen->{time}), '<', 300, 'issued now');

store('zoomlike', 'jwt', { secret => 'shared-0123456789' },
	{ algorithm => 'HS256', name => 'X-Token', prefix => 'JWT ', backdated => 60, not_before => YES, header => { kid => 'k{user}' }, user => '1',
		claims => { jti => '{nonce}', uri => '{method} {host}{path}', n => 1 } });
($seen) = sent({ url => "$url/ok?a=1", credential => 'zoomlike' });
($text, $header, $claims, $signature) = token_parts($seen, 'x-token', 'JWT ');
is($signature, hmac_sha256($text, 'shared-0123456789'), 'HS256: the signature is good');
is_deeply($header, { alg => 'HS256', typ => 'JWT', kid => 'k1' }, 'a header with a key id');
is($claims->{uri}, "GET $host/ok", 'claims of the request');
is($claims->{exp} - $claims->{iat}, 360,             'backdated, five minutes to live');
is($claims->{nbf},                  $claims->{iat}, 'not before');
like($claims->{jti}, qr/\A[0-9a-f]{32}\z/, 'a nonce');
is($claims->{n}, 1, 'numbers stay numbers');

store('es', 'jwt', { private_key => $pem{ec} }, { algorithm => 'ES256' });
($seen) = sent({ url => "$url/ok", credential => 'es' });
($text, $header, $claims, $signature) = token_parts($seen);
is(length $signature, 64, 'ES256: r and s');
my @halves = map { s/\A\0+//r } unpack 'a32 a32', $signature;
my $der = join '', map { my $n = (ord($_) & 0x80 ? "\0" : '') . $_; "\x02" . chr(length $n) . $n } @halves;
ok(verified('ec', $text, "\x30" . chr(length $der) . $der), 'the signature is good');

store('ps', 'jwt', { private_key => $pem{rsa} }, { algorithm => 'PS256' });
($seen) = sent({ url => "$url/ok", credential => 'ps' });
($text, $header, $claims, $signature) = token_parts($seen);
ok(verified('rsa', $text, $signature, '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32'), 'PS256: the signature is good');

#
# AWS.
#
# aws_ok REQUEST SECRET SCOPE PATH -- PATH as it is signed.
sub aws_ok
{
	my ($request, $secret, $scope, $path) = @_;
	my $h = $request->{headers};
	my ($credential, $names, $given) = ($h->{authorization} // '') =~ m{\AAWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/(\S+), SignedHeaders=(\S+), Signature=(\w+)\z}
	  or return fail('an AWS signature');
	my (undef, $query) = split /\?/, $request->{target}, 2;
	my $sorted = join '&', sort split /&/, $query // '';
	my $canonical = join "\n", $request->{method}, $path, $sorted, (map { "$_:" . $h->{$_} =~ s/ +/ /gr } split /;/, $names), '', $names, sha256_hex($request->{body});
	my $day = substr $h->{'x-amz-date'}, 0, 8;
	my $key = "AWS4$secret";
	$key = hmac_sha256($_, $key) for $day, split(m{/}, $scope), 'aws4_request';
	is($credential, "$day/$scope/aws4_request", 'the scope');
	is($given, hmac_sha256_hex("AWS4-HMAC-SHA256\n$h->{'x-amz-date'}\n$credential\n" . sha256_hex($canonical), $key), 'the signature is that of what arrived');
	return $names;
}

my $aws = { access_key_id => 'AKIDEXAMPLE', secret_access_key => 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
$mock->reply($_, { json => {} }) for '/a%20b/../c', '/bucket//k%20y';
store('sqs', 'aws_sigv4', $aws, { region => 'eu-west-1', service => 'sqs' });
($seen) = sent({ url => "$url/a%20b/../c?z=1", method => 'POST', credential => 'sqs', query => { a => 'x y' }, body => { a => 1 },
		headers => { 'X-Amz-Target' => 'A.B  C', 'X-Other' => 'free', 'X-Amz-Date' => 'mine' } });
is(aws_ok($seen, $aws->{secret_access_key}, 'eu-west-1/sqs', '/c'), 'content-type;host;x-amz-date;x-amz-target', 'what is signed');
is($seen->{headers}{'x-amz-content-sha256'}, undef, 'the hash is sent to S3 only');

store('s3', 'aws_sigv4', { %$aws, session_token => 'session/0123456789==' }, { region => 'us-east-1', service => 's3' });
($seen) = sent({ url => "$url/bucket//k%20y", method => 'PUT', credential => 's3', body => 'text', body_type => 'text' });
is(aws_ok($seen, $aws->{secret_access_key}, 'us-east-1/s3', '/bucket//k%20y'), 'content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token', 'what is signed for S3');
is($seen->{headers}{'x-amz-security-token'}, 'session/0123456789==', 'the session token is sent');

#
# Schemes that vendors made up.
#
store('hmac', 'hmac', { secret => 'hm-0123456789', key_id => 'id-0123456789' },
	{ string_to_sign => "{method}\n{path}\n{query}\n{timestamp}\n{nonce}\n{header:x-own}\n{body}", name => 'X-Sign', value => 'v1={signature}',
		timestamp => 'milliseconds', headers => { 'X-Time' => '{timestamp}', 'X-Nonce' => '{nonce}', 'X-Key' => '{key_id}' } });
($seen) = sent({ url => "$url/ok?q=%20", method => 'POST', credential => 'hmac', headers => { 'X-Own' => 'o' }, body => { a => 'ü' } });
my $h = $seen->{headers};
is($h->{'x-sign'}, 'v1=' . hmac_sha256_hex("POST\n/ok\nq=%20\n$h->{'x-time'}\n$h->{'x-nonce'}\no\n$seen->{body}", 'hm-0123456789'), 'a signature in a header');
is($h->{'x-key'}, 'id-0123456789', 'a field of the secret beside it');
like($h->{'x-time'}, qr/\A\d{13}\z/, 'the time in milliseconds');

store('hmac-query', 'hmac', { secret => encode_base64('key bytes') =~ s/\n//r },
	{ string_to_sign => '{url}', in => 'query', name => 'sig', algorithm => 'sha512', encoding => 'base64', secret_encoding => 'base64', query => { t => '{now}', 'k k' => '{account}' }, account => 'a/b' });
($seen) = sent({ url => "$url/ok?x=1", credential => 'hmac-query' });
my ($before, $sig) = $seen->{target} =~ /\A(.*)&sig=(.*)\z/;
like($before, qr{\A/ok\?x=1&(?:k%20k=a%2Fb&t=\d+|t=\d+&k%20k=a%2Fb)\z}, 'parameters in the query come before the signature');
is($sig, percent(padded(hmac_sha512_base64("$url$before", 'key bytes'))), 'and are signed');

store('md5', 'hmac', { secret => '0123456789abcdef0123456789abcdef' },
	{ key_id => 'ABCDEFGHIJKLMNOP', mode => 'digest', algorithm => 'md5', timestamp => 'milliseconds_base36', string_to_sign => '{timestamp}{secret}', name => 'Authorization',
		value => 'Bearer {key_id}{timestamp}{signature}' });
($seen) = sent({ url => "$url/ok", credential => 'md5' });
my ($time, $hash) = $seen->{headers}{authorization} =~ /\ABearer ABCDEFGHIJKLMNOP([0-9a-z]{8})([0-9a-f]{32})\z/;
is($hash, md5_hex("${time}0123456789abcdef0123456789abcdef"), 'a plain digest with the secret in it');

#
# Digest: the server asks.  A body goes only with the answer.
#
sub digest_ok
{
	my ($request, $algorithm, $digest) = @_;
	my ($list) = ($request->{headers}{authorization} // '') =~ /\ADigest (.*)\z/ or return fail('an answer');
	my %d = map { /(\w+)="?([^"]*)"?/ } split /,\s*/, $list;
	my $ha1 = $digest->("Mufasa:$d{realm}:Circle of Life");
	my $ha2 = $digest->("$request->{method}:$request->{target}");
	is($d{algorithm} // 'MD5', $algorithm, 'the algorithm that was asked for');
	return is($d{response}, $digest->("$ha1:$d{nonce}:$d{nc}:$d{cnonce}:$d{qop}:$ha2"), 'the answer is right');
}

my %challenge = map { $_ => [ 'WWW-Authenticate', qq(Digest realm="here", qop="auth", algorithm=$_, nonce="abc", opaque="o") ] } 'MD5', 'SHA-256';
store('digest', 'digest', { username => 'Mufasa', password => 'Circle of Life' });
for ([ 'MD5', \&md5_hex ], [ 'SHA-256', \&sha256_hex ])
{
	my ($algorithm, $digest) = @$_;
	$mock->reply("/digest-$algorithm", { status => 401, headers => $challenge{$algorithm} }, { json => {} });
	my @seen = sent({ url => "$url/digest-$algorithm?a=1", credential => 'digest' });
	is(scalar @seen, 2, "$algorithm: one request more");
	is($seen[0]{headers}{authorization}, undef, 'the first says nothing');
	digest_ok($seen[1], $algorithm, $digest);
}
$mock->reply('/digest-post', { status => 401, headers => $challenge{'MD5'} }, { json => {} });
my @seen = sent({ url => "$url/digest-post", method => 'POST', credential => 'digest', body => { a => 1 } });
is(join('|', map { $_->{body} } @seen), '|{"a":1}', 'a POST: its body goes with the answer alone');
digest_ok($seen[1], 'MD5', \&md5_hex);

$mock->reply('/digest-refused', { status => 401, headers => $challenge{'MD5'} });
@seen = sent({ url => "$url/digest-refused", credential => 'digest' }, 'failed auth_failed step_1=failed');
is(scalar @seen, 2, 'an answer that is refused is given once');
$mock->reply('/basic', { status => 401, headers => [ 'WWW-Authenticate', 'Basic realm="here"' ] });
@seen = sent({ url => "$url/basic", credential => 'digest' }, 'failed auth_failed step_1=failed');
is(join('|', map { $_->{headers}{authorization} // 'none' } @seen), 'none', 'Basic is not answered');

# A connection that dies under the answer: the request was sent, and is not sent again.
$mock->reply('/digest-dies', { status => 401, headers => $challenge{'MD5'} }, { raw => '', close => 1 });
@seen = sent({ url => "$url/digest-dies", method => 'POST', credential => 'digest', body => { a => 1 } }, 'failed unknown_outcome step_1=failed');
is(scalar(grep { length $_->{body} } @seen), 1, 'the body was sent once');

#
# Each attempt is signed anew.
#
$mock->reply('/flaky', { status => 503 }, { status => 503 }, { json => {} });
@seen = sent({ url => "$url/flaky", credential => 'oauth', retries => 3 });
is(scalar @seen, 3, 'two retries');
my %nonces = map { ($_->{headers}{authorization} =~ /oauth_nonce="(\w+)"/)[0] => 1 } @seen;
is(scalar keys %nonces, 3, 'with a nonce each');
oauth_ok($_, \&hmac_sha1_base64, 'cs%260123456789&ts%250123456789') for @seen;
is($_->{raw} =~ s/^Authorization:.*\n//mr, $seen[0]{raw} =~ s/^Authorization:.*\n//mr, 'and nothing else differs') for @seen[ 1, 2 ];

#
# Redirects.
#
for (qw(oauth netsuite snowflake s3 sqs hmac md5 digest))
{
	my ($first) = sent({ url => "$url/redirect?code=302&to=" . percent($other->url . '/echo'), credential => $_ });
	my ($second) = $other->requests;
	is(join(' ', grep { /authorization|x-amz-security|x-sign|x-key/ } sort keys %{ $second->{headers} }), '', "$_: another origin gets no credential");
}
@seen = sent({ url => "$url/redirect?to=/ok", credential => 'oauth' });
is($seen[1]{headers}{authorization}, undef, 'a signature is for one URL, and not sent to another');
@seen = sent({ url => "$url/redirect?to=/ok", credential => 'snowflake' });
is($seen[1]{headers}{authorization}, $seen[0]{headers}{authorization}, 'a token is for the whole origin');

# At another origin a challenge is not answered.
$other->reply('/ask', { status => 401, headers => $challenge{'MD5'} });
sent({ url => "$url/redirect?code=302&to=" . percent($other->url . '/ask'), credential => 'digest' }, 'failed auth_failed step_1=failed');
is(join('|', map { $_->{headers}{authorization} // 'none' } $other->requests), 'none', 'at another origin a challenge is not answered');

#
# What is seen of it.
#
for (qw(oauth snowflake zoomlike s3 hmac md5 hmac-query))
{
	my $definition = { url => "$url/echo", method => 'POST', credential => $_, body => { a => 1 } };
	$mock->forget;
	my ($row) = $s->rows('SELECT to_jsonb(r) FROM connector_test(' . $s->literal($definition) . ') r');
	my ($request) = $mock->requests;
	my @made = grep { /authorization|x-token|x-sign\z/ } keys %{ $request->{headers} };
	my %shown = map { lc $_ => $row->{request}{headers}{$_} } keys %{ $row->{request}{headers} };
	is($shown{$_}, '[redacted]', "$definition->{credential}: $_ is not shown") for @made;
	my ($made) = map { $request->{headers}{$_} =~ /signature="([^"]+)"|Signature=(\w+)|v1=(\w+)|(?:Bearer|JWT) .{0,24}?([\w.-]{32,})\z/ ? $1 // $2 // $3 // $4 : () } @made;
	($made) = $request->{target} =~ /sig=(.*)/ if $_ eq 'hmac-query';
	ok($made, 'there is a signature');
	my $everything = JSON::PP->new->canonical->encode($row);
	unlike($everything, qr/\Q$made\E/, 'and nothing of what the remote repeats shows it');
}
for my $table (qw(connector_executions connector_activity))
{
	my $rows = $node->safe_psql('app', "SELECT coalesce(string_agg(t::text, E'\n'), '') FROM $table t");
	unlike($rows, qr/cs&0123|ts%0123|wJalr|hm-0123|shared-0123|Circle of Life|oauth_signature|Signature=/, "$table has no secret and no signature");
}
unlike(slurp_file($node->logfile), qr/cs&0123|ts%0123|wJalr|hm-0123|PRIVATE KEY|Circle of Life|oauth_signature|Signature=/, 'nor has the log');

#
# A key that is wrong is refused when it is stored, and not shown.
#
my $said = $s->ask("SELECT connector_credential_set('bad', " . $s->literal({ private_key => $pem{ec} }) . ", 'jwt', '{}', ARRAY['$url'])");
like($said, qr/ERROR:  22023: a credential of kind jwt cannot be made .*\nDETAIL:  It was found that the field "private_key" cannot be used: RS256 and PS256 need an RSA key\./, 'a key of another kind');
unlike($said . slurp_file($node->logfile), qr/PRIVATE KEY/, 'no trace of it');

$s->quit;
done_testing();
