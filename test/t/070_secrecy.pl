# A credential's value is nowhere but in memory and on its way to the service: not in the data directory, WAL,
# server log, pg_stat_activity, pg_stat_statements, any table, any message - with all logging there is.
#
# Stored in the three safe ways that docs/credentials.md shows, used successfully and with every kind of
# failure, by remotes that repeat it in every form; then everything is searched for it and its encodings.
use strict;
use warnings;
use ConnectorTest;
use File::Find;
use JSON::PP ();
use MIME::Base64;
use MockServer;
use Nginx;
use PostgreSQL::Test::Utils;
use Test::More;
use TestCA;

#
# Values and how they are looked for.
#

# random_hex BYTES
sub random_hex
{
	my ($bytes) = @_;
	my $text;
	open my $random, '<:raw', '/dev/urandom' or die "/dev/urandom: $!";
	sysread $random, $text, $bytes;
	return unpack 'H*', $text;
}

# A value with characters that every encoding changes; its hexadecimal parts survive most of them.
sub new_secret { return 'S/' . random_hex(12) . qq( +"\\&=%) . random_hex(12); }

sub percent { my ($text) = @_; return $text =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger; }

# needles VALUE -- strings one of which is in every trace of it.
sub needles
{
	my ($value) = @_;
	my %needle = ($value => 'as it is', percent($value) => 'percent-encoded', lc percent($value) => 'percent-encoded');
	$needle{$_} = 'a part' for $value =~ /[0-9a-f]{24}/g;
	for my $part (keys %needle)
	{
		$needle{ unpack 'H*', $part } = 'hexadecimal';
		$needle{ uc unpack 'H*', $part } = 'hexadecimal';
		# wherever in a longer text it begins, and whatever follows
		for my $before (0 .. 2)
		{
			my $text = encode_base64('x' x $before . $part, '');
			$needle{ substr $text, $before ? 4 : 0, -4 } = 'base64';
		}
	}
	return \%needle;
}

my $secret  = new_secret();    # stored with COPY, and used
my $literal = new_secret();    # stored with a literal, logging off
my $bound   = new_secret();    # stored with a parameter
my $refused = new_secret();    # given to calls of connector_credential_set that fail
my $planted = new_secret();    # put everywhere, to see that the search works
my %needles = (%{ needles($secret) }, %{ needles($literal) }, %{ needles($bound) }, %{ needles($refused) });

#
# A server that tells everything.
#
my $mock   = MockServer->start;
my $other  = MockServer->start;
my $url    = $mock->url;
my $port   = $mock->port;
my $closed = free_port();
my $nginx  = Nginx->start(servers => [ { tls => TestCA->new->self_signed('127.0.0.1'), locations => 'location / { return 200; }' } ]);
my $tls    = $nginx->url(0);
my $node   = new_cluster(
	'main',
	'extra_preload'                         => 'pg_stat_statements,auto_explain',
	'log_min_messages'                      => 'debug5',
	'log_statement'                         => 'all',
	'log_min_duration_statement'            => 0,
	'log_error_verbosity'                   => 'verbose',
	'log_parameter_max_length_on_error'     => -1,
	'log_connections'                       => 'on',
	'debug_print_parse'                     => 'on',
	'debug_print_rewritten'                 => 'on',
	'debug_print_plan'                      => 'on',
	'track_activity_query_size'             => 100_000,
	'pg_stat_statements.track'              => 'all',
	'auto_explain.log_min_duration'         => 0,
	'auto_explain.log_nested_statements'    => 'on',
	'auto_explain.log_verbose'              => 'on',
	'autovacuum'                            => 'off',
	'connector.connect_timeout'             => '2s');
my $pgbench_log = $node->basedir . '/pgbench.log';

$node->safe_psql('app', <<'SQL');
CREATE EXTENSION pg_stat_statements;
CREATE ROLE acme_admin LOGIN;
SELECT connector_create_workspace('acme', owner => 'acme_admin');
GRANT CREATE, TEMPORARY ON DATABASE app TO acme_admin;
SQL

#
# The search.
#
my $shown = '';    # all that clients got to see

sub slurp_if_there
{
	my ($file) = @_;
	open my $handle, '<:raw', $file or return '';
	local $/;
	return scalar(<$handle>) // '';
}

# found NEEDLES -- the places that hold one: "place: form".
sub found
{
	my ($needle) = @_;
	my %found;
	my $look = sub {
		my ($place, $text) = @_;
		$found{"$place: $needle->{$_}"} = 1 for grep { index($$text, $_) >= 0 } keys %$needle;
	};
	# Shared buffers and statistics reach the disk, and what was in memory of the log collector, too.
	$node->safe_psql('postgres', 'CHECKPOINT');
	my $activity = $node->safe_psql('postgres', 'SELECT pid, query FROM pg_stat_activity');
	$look->('pg_stat_activity', \$activity);
	my $statements = $node->safe_psql('app', 'SELECT query FROM pg_stat_statements(true)');
	$look->('pg_stat_statements', \$statements);
	my $dump = $node->basedir . '/dumpall.sql';
	system_or_bail('pg_dumpall', '-h', $node->host, '-p', $node->port, '-f', $dump);
	my $text = slurp_if_there($dump);
	unlink $dump;
	$look->('tables', \$text);
	my $data = $node->data_dir;
	find(
		{   no_chdir => 1,
			wanted   => sub {
				return if !-f || m{/postmaster\.pid\z};
				my $content = slurp_if_there($_);
				$look->(m{/pg_wal/} ? 'WAL' : 'data directory', \$content);
			} },
		$data);
	my $log = slurp_if_there($node->logfile);
	$look->('server log', \$log);
	$look->('messages and results', \$shown);
	return sort keys %found;
}

# run SQL [, ROLE] -- as the workspace's owner; all that is shown is kept.
sub run
{
	my ($sql, $role) = @_;
	my ($stdout, $stderr) = ('', '');
	$role //= 'acme_admin';
	$node->psql('app', "\\set VERBOSITY verbose\n$sql", stdout => \$stdout, stderr => \$stderr, on_error_stop => 0, extra_params => [ '-U', $role ]);
	# psql shows the line of a statement that fails; what the server said of it is what counts
	$shown .= $stdout . $stderr =~ s/^LINE \d+:.*\n.*\n//gmr;
	return $stdout . $stderr;
}

#
# The search finds what is there: each place has the planted value in a form of its own.
#
{
	my $idle = $node->background_psql('postgres');
	my $name = ($planted =~ /([0-9a-f]{24})/)[0];
	$idle->query_safe(qq(SELECT length('$name')));
	$node->safe_psql('app', qq(CREATE TABLE planted (value text); COMMENT ON TABLE planted IS '$name'));
	$node->safe_psql('app', sprintf "INSERT INTO planted VALUES ('%s')", encode_base64("user:$planted", '') . percent(" $planted"));
	$shown .= "output\n" . unpack('H*', $planted) . "\n";
	my @found = found(needles($planted));
	note "planted: $_" for @found;
	like("@found", qr/\Q$_\E: /, "the search finds what was planted in: $_")
	  for 'pg_stat_activity', 'pg_stat_statements', 'tables', 'data directory', 'WAL', 'server log', 'messages and results';
	like("@found", qr/(?:tables|data directory): base64/, 'and in base64, within a longer text');
	like("@found", qr/(?:tables|data directory): percent/, 'and percent-encoded');
	like("@found", qr/results: hexadecimal/,              'and in hexadecimal');
	$idle->quit;
	$node->safe_psql('app', 'DROP TABLE planted');
}
is(join(', ', found(\%needles)), '', 'nothing is found before a credential is stored');

#
# Storing, three ways; none leaves a trace.  The sessions stay open, for pg_stat_activity.
#
my $hosts = "ARRAY['$url', '$tls', 'http://127.0.0.1:$closed']";

# With COPY: a temporary table, filled by data that is no part of a statement.  Needs no privilege.
my $copier = $node->background_psql('app', extra_params => [ '-U', 'acme_admin' ]);
my $file   = $node->basedir . '/value';
append_to_file($file, $secret =~ s/\\/\\\\/gr . "\n");
$copier->query_safe('BEGIN; CREATE TEMPORARY TABLE secret (value text) ON COMMIT DROP');
$copier->query_safe("\\copy secret FROM '$file'");
unlink $file;
$copier->query_safe(<<"SQL");
SELECT connector_credential_set('header', jsonb_build_object('api_key', value), allowed_hosts => $hosts) FROM secret;
SELECT connector_credential_set('prefix', jsonb_build_object('api_key', value), allowed_hosts => $hosts, parameters => '{"name": "x-auth", "prefix": "Key "}') FROM secret;
SELECT connector_credential_set('query', jsonb_build_object('api_key', value), allowed_hosts => $hosts, parameters => '{"in": "query", "name": "key"}') FROM secret;
SELECT connector_credential_set('bearer', jsonb_build_object('token', value), 'bearer', allowed_hosts => $hosts) FROM secret;
SELECT connector_credential_set('basic', jsonb_build_object('username', 'user', 'password', value), 'basic', allowed_hosts => $hosts) FROM secret;
SQL
is(join(', ', found(\%needles)), '', 'nothing is found while COPY stores it');
$copier->query_safe('COMMIT');

# With a literal: for those who may switch the logging off.
my $writer = $node->background_psql('app');
(my $quoted = JSON::PP->new->encode({ token => $literal })) =~ s/'/''/g;
$writer->query_safe($_) for split /\n/, <<"SQL";
BEGIN
SET LOCAL log_statement = 'none'
SET LOCAL log_min_duration_statement = -1
SET LOCAL log_min_error_statement = 'panic'
SET LOCAL debug_print_parse = off; SET LOCAL debug_print_rewritten = off; SET LOCAL debug_print_plan = off; SET LOCAL auto_explain.log_min_duration = -1
SELECT connector_credential_set('literal', '$quoted', 'bearer', allowed_hosts => $hosts)
COMMIT
SQL

# With a parameter of the extended protocol, as drivers do it; logging of parameters off.
my $script = $node->basedir . '/store.sql';
append_to_file($script, <<"SQL");
BEGIN;
SET LOCAL log_parameter_max_length = 0;
SET LOCAL log_parameter_max_length_on_error = 0;
SET LOCAL debug_print_plan = off; SET LOCAL auto_explain.log_min_duration = -1;
SELECT connector_credential_set('bound', jsonb_build_object('token', :secret::text), 'bearer', allowed_hosts => $hosts);
COMMIT;
SQL
$node->command_ok([ 'pgbench', '-n', '-t', 1, '-M', 'extended', '-D', "secret=$bound", '-f', $script, $node->connstr('app') ], 'stored with a parameter');
unlink $script;
is($node->safe_psql('app', 'SELECT count(*) FROM workspace_api_credentials'), 7, 'seven credentials are stored');
is($node->safe_psql('app', "SELECT string_agg(status, ',') FROM unnest(ARRAY['header', 'literal', 'bound']) s, connector_credential_test(s)"), 'ok,ok,ok', 'and can be opened');
is(join(', ', found(\%needles)), '', 'nothing is found after storing');

#
# Calls of connector_credential_set that fail: the statement, which holds the value, is not logged.
#
(my $bad = JSON::PP->new->encode({ token => $refused })) =~ s/'/''/g;
my %failures = (
	'unknown kind'       => "SELECT connector_credential_set('x', '$bad', 'nonsense', allowed_hosts => ARRAY['a.example'])",
	'missing field'      => "SELECT connector_credential_set('x', '$bad', 'basic', allowed_hosts => ARRAY['a.example'])",
	'no host'            => "SELECT connector_credential_set('x', '$bad', 'bearer')",
	'bad host'           => "SELECT connector_credential_set('x', '$bad', 'bearer', allowed_hosts => ARRAY['a b'])",
	'bad service'        => "SELECT connector_credential_set('x y', '$bad', 'bearer', allowed_hosts => ARRAY['a.example'])",
	'bad scope'          => "SELECT connector_credential_set('x', '$bad', 'bearer', allowed_hosts => ARRAY['a.example'], scope => 'z')",
	'bad parameters'     => "SELECT connector_credential_set('x', '$bad', 'bearer', '[]', ARRAY['a.example'])",
	'unknown workspace'  => "SELECT connector_credential_set('x', '$bad', 'bearer', allowed_hosts => ARRAY['a.example'], workspace => 'other')",
	'null service'       => "SELECT connector_credential_set(NULL, '$bad', 'bearer', allowed_hosts => ARRAY['a.example'])",
	'read-only'          => "BEGIN READ ONLY; SELECT connector_credential_set('x', '$bad', 'bearer', allowed_hosts => ARRAY['a.example'])",
	'template: label'    => qq(SELECT connector_template_install('slack-notification', credentials => jsonb_build_object('slack', '$bad'::jsonb || '{"label": "a b"}'))),
	'template: name'     => "SELECT connector_template_install('slack-notification', 'bad/name', jsonb_build_object('slack', '$bad'::jsonb))",
	'template: no use'   => "SELECT connector_template_install('slack-notification', credentials => jsonb_build_object('other', '$bad'::jsonb))",
	'no member'          => "SELECT connector_credential_set('x', '$bad', 'bearer', allowed_hosts => ARRAY['a.example'])",
	'no key configured'  => "SELECT connector_credential_set('x', '$bad', 'bearer', allowed_hosts => ARRAY['a.example'])");
$node->safe_psql('app', 'CREATE ROLE stranger LOGIN');
my %log_settings = (
	log_statement => 'none', log_min_duration_statement => -1, debug_print_parse => 'off', debug_print_rewritten => 'off',
	debug_print_plan => 'off', 'auto_explain.log_min_duration' => -1);
$node->safe_psql('app', join ';', map { "ALTER DATABASE app SET $_ = '$log_settings{$_}'" } sort keys %log_settings);
my $log_position = -s $node->logfile;
for my $name (sort keys %failures)
{
	my $keys = $node->basedir . '/keys';
	if ($name eq 'no key configured')
	{
		$node->adjust_conf('postgresql.conf', 'connector.key_file', "''");
		$node->reload;
		ok($node->poll_query_until('app', q(SELECT current_setting('connector.key_file') = '')), 'no key file');
	}
	like(run($failures{$name}, $name eq 'no member' ? 'stranger' : undef), qr/ERROR:  \w{5}: /, "storing fails: $name");
	if ($name eq 'no key configured')
	{
		$node->adjust_conf('postgresql.conf', 'connector.key_file', "'$keys'");
		$node->reload;
		ok($node->poll_query_until('app', q(SELECT current_setting('connector.key_file') <> '')), 'the key file is back');
	}
}
run('SELECT 1/0 AS a_statement_that_is_logged');
like(slurp_file($node->logfile, $log_position), qr/STATEMENT:  SELECT 1\/0 AS a_statement_that_is_logged/, 'other statements that fail are logged');
$node->safe_psql('app', 'ALTER DATABASE app RESET ALL');
is($node->safe_psql('app', q(SELECT count(*) FROM workspace_api_credentials WHERE service_name = 'x')), 0, 'nothing was stored by them');
is(join(', ', found(\%needles)), '', 'nothing is found after storing has failed');

#
# Using it.
#
my $json = JSON::PP->new->canonical->ascii;
(my $escaped = join '', map { sprintf '\u%04x', ord } split //, $secret);
(my $slashed = substr $json->encode([$secret]), 1, -1) =~ s{/}{\\/}g;
my %replies = (
	'/told'        => { status => 401, json => { error => { message => "key $secret is not valid" } } },
	'/told-text'   => { status => 403, body => "key $secret is not valid", headers => [ 'Content-Type' => 'text/plain' ] },
	'/told-slash'  => { status => 400, body => qq({"message":$slashed}) },
	'/told-u'      => { status => 400, body => qq({"message":"$escaped"}) },
	'/said'        => { json => { key => $secret, $secret => 1, list => [ "a $secret", { b => percent($secret) } ] } },
	'/said-slash'  => { body => qq({"key":$slashed,"x":[{$slashed:[$slashed]}]}) },
	'/said-u'      => { body => qq({"key":"$escaped","$escaped":"$escaped","list":["x $escaped y"]}) },
	'/said-base64' => { json => { basic => encode_base64("user:$secret", '') } },
	'/said-text'   => { body => "your key is $secret!", headers => [ 'Content-Type' => 'text/plain' ] },
	'/said-html'   => { body => "<p>$secret", headers => [ 'Content-Type' => 'text/html' ] },
	'/said-bytes'  => { body => "\xff\x00$secret\xff", headers => [ 'Content-Type' => 'application/octet-stream' ] },
	'/said-broken' => { body => qq({"key":) . $json->encode($secret) },
	'/said-garbage' => { body => $secret },
	'/said-header' => { json => { ok => 1 }, headers => [ 'X-Key' => $secret, 'Set-Cookie' => "key=$secret" ] },
	'/said-type'   => { body => 'x', headers => [ 'Content-Type' => "text/$secret" ] },
	'/cross'       => { status => 302, headers => [ Location => $other->url . '/echo' ] },
	'/cross-307'   => { status => 307, headers => [ Location => $other->url . '/echo' ] },
	'/cross-told'  => { status => 302, headers => [ Location => $other->url . '/echo?key=' . percent($secret) ] },
	'/same'        => { status => 302, headers => [ Location => '/echo?key=' . percent($secret) ] },
	'/same-not-found' => { status => 302, headers => [ Location => '/' . percent($secret) ] },
	'/no-target'   => { status => 302, headers => [ Location => "ftp://$secret/" ] });
$mock->reply($_, $replies{$_}) for keys %replies;

my %config;
for my $service (qw(header prefix query bearer basic))
{
	$config{"$service $_"} = { url => "$url$_", credential => $service } for '/echo', '/ok', '/not-json-typed', '/status/503',
	  '/close-mid-body', '/close-before', '/bad-header', '/redirect-loop', '/huge?bytes=20000000', grep { $_ ne '/said-base64' || $service eq 'basic' } keys %replies;
	$config{"$service tls"}     = { url => "$tls/echo", credential => $service };
	$config{"$service refused"} = { url => "http://127.0.0.1:$closed/",    credential => $service };
	$config{"$service host"}    = { url => $other->url . '/echo',          credential => $service };
	$config{"$service text"}    = { url => "$url/echo", credential => $service, response => 'text' };
	$config{"$service binary"}  = { url => "$url/echo", credential => $service, response => 'binary' };
	$config{"$service input"}   = { url => "$url/echo?x={{input.nothing}}", credential => $service };
	$config{"$service output"}  = { url => "$url/echo", credential => $service, output => { all => '$.headers.*', no => '$.nothing' } };
}
$config{'bearer hang'} = { url => "$url/hang", credential => 'bearer', timeout_ms => 1000 };
my %places = (
	'in the query'     => { query => { key => '{{workspace.token}}', both => 'x{{workspace.token}}y' } },
	'in the URL'       => { url => "$url/echo?key={{workspace.token}}" },
	'in the path'      => { url => "$url/path/{{workspace.token}}/x" },
	'in a header'      => { headers => { 'x-key' => 'k {{workspace.token}}' } },
	'in the JSON body' => { method => 'POST', body => { a => [ { b => '{{workspace.token}}' } ], c => 'x {{workspace.token}}' } },
	'in a form'        => { method => 'POST', body_type => 'form', body => { key => '{{workspace.token}}' } },
	'in a text'        => { method => 'POST', body_type => 'text', body => 'key {{workspace.token}}' },
	'in a part'        => { method => 'POST', body_type => 'multipart', body => [ { name => 'key', value => '{{workspace.token}}' } ] },
	'in a JSON part'   => { method => 'POST', body_type => 'multipart', body => [ { name => 'key', json => { k => '{{workspace.token}}' } } ] });
for my $place (keys %places)
{
	$config{"$place $_"} = { credential => 'bearer', url => "$url$_", %{ $places{$place} } } for '/echo', '/told', '/said-slash', '/cross-307';
	$config{"$place tls"} = { credential => 'bearer', %{ $places{$place} }, url => "$tls/echo" };
}
my %sql;
for my $name (keys %config)
{
	(my $plain = $name) =~ s/[^A-Za-z0-9_. -]/-/g;
	(my $definition = $json->encode($config{$name})) =~ s/'/''/g;
	$sql{$plain} = $definition;
}
run('INSERT INTO connectors (name, config) VALUES ' . join ',', map { "('$_', '$sql{$_}')" } sort keys %sql);
is($node->safe_psql('app', 'SELECT count(*) FROM connectors'), scalar keys %config, scalar(keys %config) . ' connectors are saved');

$mock->forget;
run(join "\n", map { "SELECT * FROM connector_try_execute('$_');\nSELECT connector_execute('$_');" } sort keys %sql);
run(join "\n", map { "SELECT * FROM connector_test('$sql{$_}');" } sort keys %sql);

# A blocked address, a cancelled call, one that raises within a function, and one that is rolled back.
run(qq(SET connector.allowed_networks = ''; SELECT * FROM connector_try_execute('$_ -echo')), $ENV{PGUSER} // getpwuid $<) for qw(header query bearer basic);
run(q(SET statement_timeout = '300ms'; SELECT connector_execute('bearer hang')));
run(q(DO $$BEGIN PERFORM connector_execute('header -told'); EXCEPTION WHEN OTHERS THEN RAISE WARNING '%', SQLERRM; END$$));
run(q(BEGIN; SELECT connector_execute('query -echo'); ROLLBACK));
run(q(SELECT connector_maintain()), getpwuid $<);

# It did reach the service, as every kind should.
my %sent;
for my $request ($mock->requests)
{
	my %needle = %{ needles($secret) };
	$sent{ $request->{path} }++ if grep { index($request->{raw}, $_) >= 0 } keys %needle;
}
cmp_ok($sent{$_} // 0, '>=', 5, "the value was sent to $_") for '/echo', '/told', '/said', '/said-u', '/cross', '/same', '/status/503', '/huge';
ok($node->safe_psql('app', q(SELECT count(*) FROM connector_executions WHERE output_data::text LIKE '%[redacted]%')) > 20, 'what was repeated is blanked');
my %codes = map { $_ => 1 } split /\n/, $node->safe_psql('app', 'SELECT DISTINCT error_code FROM connector_executions WHERE error_code IS NOT NULL');
ok($codes{$_}, "there was a failure of kind $_")
  for qw(auth_failed permission_denied validation_failed timeout network_error tls_error blocked_address server_error bad_response response_too_large input_invalid);
ok(!$codes{internal}, 'none was unexpected');

# It did not leave the origin it is bound to.
my @strayed = grep { my $raw = $_->{raw}; grep { index($raw, $_) >= 0 } keys %needles } $other->requests;
is_deeply([ map { "$_->{method} $_->{path}" } grep { $_->{target} !~ /key=/ } @strayed ], [], 'no redirect took it to another origin');
cmp_ok(scalar(my @followed = $other->requests), '>', 5, 'though redirects were followed there');
is(scalar(grep { $_->{headers}{authorization} || $_->{headers}{'x-api-key'} || $_->{headers}{'x-auth'} } $other->requests), 0, 'no header of a credential went along');

is(join(', ', found(\%needles)), '', 'nothing is found at the end');
$node->stop;
my @left = grep { my $text = slurp_if_there($node->logfile); index($text, $_) >= 0 } keys %needles;
is_deeply(\@left, [], 'nor after the server was stopped');
done_testing();
