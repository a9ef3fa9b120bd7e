# Tokens are renewed once, whoever wants them, whatever the endpoint answers and whoever is killed when.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use ConnectorTest;
use MockServer;
use OauthTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster('main', 'connector.workers' => 0, 'connector.token_timeout' => '2s', 'connector.poll_interval' => 100, 'restart_after_crash' => 'on');
my $test = OauthTest->new($node, 'app');
my $secret = '{"client_id": "c", "client_secret": "secret-0123456789"}';

$test->sql("SELECT connector_create_workspace('acme')");
$test->provider('acme', { base_url => $url, allowed_hosts => [$url], auth => [
	{ kind => 'oauth2', grant => 'authorization_code', authorize_url => "$url/authorize", token_url => "$url/token" },
	{ kind => 'oauth2', grant => 'client_credentials', token_url => "$url/token", renew_before => 60 } ] });
$test->sql("SELECT connector_oauth_client_set('acme', 'c', 'secret-0123456789')");

# connect LABEL -- an account with a refresh token, and a connector of that name; tokens have numbers.
my $number = 0;
sub token
{
	$number++;
	return { json => { access_token => "access-token-$number", refresh_token => "refresh-token-$number", expires_in => 3600, @_ } };
}

sub connect_account
{
	my ($label) = @_;
	$mock->reply('/token', token());
	my $state = $test->sql("SELECT (regexp_match(connector_oauth_authorize_url('acme', 'https://a/cb', label => '$label'), 'state=([^&]+)'))[1]");
	$test->sql("SELECT connector_oauth_callback('$state', 'code')");
	$test->sql("SELECT connector_create('$label', '{\"url\": \"$url/api/$label\", \"credential\": {\"service\": \"acme\", \"label\": \"$label\"}}')");
	$mock->reply("/api/$label", { json => { ok => 1 } });
	$mock->forget;
	return;
}

# age LABEL, INTERVAL -- the token ends then, and is due now.
sub age
{
	my ($label, $interval) = @_;
	$test->sql("UPDATE workspace_api_credentials SET token_expires_at = now() + interval '$interval', token_renew_at = now() - interval '1 second' WHERE label = '$label'");
	return;
}

sub row { my ($label, $columns) = @_; return $test->sql("SELECT $columns FROM workspace_api_credentials WHERE label = '$label'"); }
sub failure { my ($label) = @_; return $test->sql("SELECT concat_ws(': ', error_code, error_message) FROM connector_try_execute('$label')"); }
sub asked { return scalar $mock->requests('/token'); }
sub sent { my ($label) = @_; return join ' ', map { $_->{headers}{authorization} =~ s/Bearer access-token-//r } $mock->requests("/api/$label"); }

#
# Replies that bring nothing: the old token is kept and used as long as it is good.
#
my $odd = 0;
for my $reply ({ headers => [ 'Content-Type', 'text/html' ], body => '<html>' }, { json => { error => 'server_error' } }, { status => 503, body => '' }, { json => { access_token => [] } }, { delay_ms => 6000, json => {} })
{
	my $label = 'odd' . ++$odd;
	connect_account($label);
	my $old = $number;
	$mock->reply('/token', $reply);
	age($label, '1 hour');
	# after so many failures it is a while until somebody asks again
	$test->sql("UPDATE workspace_api_credentials SET token_failures = 8 WHERE label = '$label'");
	is(failure($label), '', 'a token that is due and good is used');
	ok(poll_until(sub { row($label, 'status') eq 'expiring' }), 'meanwhile it could not be renewed') or diag(row($label, 'status, status_message'));
	like(row($label, 'status_message'), qr/token endpoint/, row($label, 'status_message'));
	is(sent($label), $old, 'the old token was sent');
	age($label, '0');
	like(failure($label), qr/^auth_failed: the token of credential "acme\/$label" has ended, and a new one could not be had: /, 'one that has ended is not');
	is(asked(), 1, 'nobody asked again');
}
is($test->sql("SELECT connector_tick() -> 'tokens' ->> 'ended'"), '5', 'a tick says so');
is(row('odd1', 'status, token_generation'), 'error|0', 'in the status');
like($test->sql('SELECT connector_metrics()'), qr/^connector_token_refresh_failures\S* 5$/m, 'failures are counted');
is($test->sql("SELECT alert, subject FROM connector_alerts WHERE subject = 'acme/odd1'"), 'credential_failed|acme/odd1', 'and an alert');
connect_account('odd');
$mock->reply('/token', { status => 500, body => '' });
age('odd', '0');
like(failure('odd'), qr/^auth_failed: /, 'once more');
$mock->reply('/token', token());
ok(poll_until(sub { failure('odd') eq '' }), 'later it can be renewed');
is(row('odd', 'status, status_message IS NULL, token_generation, token_failures'), 'connected|t|1|0', 'and all is well');
is(($mock->requests('/token'))[-1]{body}, 'grant_type=refresh_token&refresh_token=refresh-token-' . ($number - 1), 'with the refresh token that it had');
is(sent('odd'), $number, 'the new one was sent');

# Refused for good: nobody asks again until somebody connects anew.
$mock->forget;
$mock->reply('/token', { status => 400, json => { error => 'invalid_grant', error_description => 'revoked' } });
age('odd', '0');
like(failure('odd'), qr/^auth_failed: .*invalid_grant: revoked/, 'a grant that is gone');
is(row('odd', 'status, status_message, token_renew_at IS NULL'), 'reauthorize|the token endpoint answered with HTTP status 400: invalid_grant: revoked|t', 'the status says that it has to be connected anew');
like(failure('odd'), qr/^auth_failed: .*invalid_grant/, 'as do all who want it');
is(asked(), 1, 'nobody asked again');
like(psql_error($node, 'app', "SELECT connector_credential_renew('acme', 'odd')"), qr/NC001: .*invalid_grant/, 'by hand neither');
connect_account('endless');
$mock->reply('/token', { json => { access_token => 'access-token-x' } });
is($test->sql("SELECT connector_credential_renew('acme', 'endless') IS NULL"), 't', 'no expires_in: nobody knows when it ends');
is(row('endless', 'token_expires_at IS NULL, token_renew_at IS NULL, status'), 't|t|connected', 'and it is used until it is refused');
like(psql_error($node, 'app', "SELECT connector_credential_renew('acme', 'none')"), qr/NC\d+: .*there is no credential/, 'a credential that is not there');

#
# Refused by the remote: once.
#
connect_account('refused');
$mock->reply('/token', token());
$mock->reply('/api/refused', { status => 401, json => {} }, { json => { ok => 1 } });
is(failure('refused'), '', 'a token that the remote refuses is renewed');
is(sent('refused'), ($number - 1) . " $number", 'and the request sent again with the new one');
$mock->reply('/api/refused', { status => 401, json => { message => 'go away' } });
$mock->reply('/token', token());
like(failure('refused'), qr/^auth_failed: .*HTTP status 401.*go away/, 'once');
is(asked(), 2, 'for each execution');
$mock->reply('/token', { status => 400, json => { error => 'invalid_grant' } });
like(failure('refused'), qr/^auth_failed: .*HTTP status 401; a new token could not be had: .*invalid_grant/, 'or not, where there is none');

#
# In time, and by whom.
#
connect_account('many');
age('many', '0');
$mock->reply('/token', token());
is(failure('many'), '', 'one that has ended is renewed');
is(row('many', 'token_generation, token_lease IS NULL'), '1|t', 'the next generation');

# Early: nobody waits.
age('many', '1 hour');
$mock->forget;
$mock->reply('/token', { %{ token() }, delay_ms => 1000 });
is(failure('many'), '', 'a token that is due');
is(sent('many'), $number - 1, 'is used on while it is renewed');
ok(poll_until(sub { row('many', 'token_generation') eq '2' }), 'and renewed');
age('many', '1 hour');
$mock->reply('/token', token());
is($test->sql("SELECT connector_tick() -> 'tokens' ->> 'due'"), '1', 'a tick finds those that are due');
ok(poll_until(sub { row('many', 'token_generation') eq '3' }), 'and has them renewed');

# Whoever waits can be cancelled; what comes is stored all the same, also if whoever asked rolls back.
age('many', '0');
$mock->forget;
$mock->reply('/token', { %{ token() }, delay_ms => 1000 });
like(psql_error($node, 'app', "SET statement_timeout = 300; SELECT connector_execute('many')"), qr/57014/, 'a session that waits can be cancelled');
ok(poll_until(sub { row('many', 'token_generation') eq '4' }), 'the token comes all the same');
age('many', '0');
$mock->reply('/token', token());
$test->sql("BEGIN; SELECT connector_execute('many'); ROLLBACK");
is(row('many', 'token_generation'), '5', 'a rollback loses nothing');
age('many', '0');
$mock->reply('/token', token());
is($test->sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; UPDATE workspace_api_credentials SET label = label WHERE false; SELECT status FROM connector_try_execute('many'); COMMIT"), "1\nsuccess", 'in any isolation level');
age('many', '0');
$mock->reply('/token', { %{ token() }, delay_ms => 5000 });
like($test->sql("SELECT error_code FROM connector_test('{\"url\": \"$url/api/many\", \"deadline_ms\": 1000, \"credential\": {\"service\": \"acme\", \"label\": \"many\"}}')"), qr/timeout/, 'nobody waits beyond the deadline');
ok(poll_until(sub { row('many', 'status') eq 'error' }), 'and the process not beyond connector.token_timeout');

# Connected anew while a token is asked for: what comes then is nobody's.
connect_account('anew');
age('anew', '0');
$mock->reply('/token', { %{ token() }, delay_ms => 1000 });
my $session = $node->background_psql('app');
$session->{stdin} .= "SELECT status FROM connector_try_execute('anew');\n";
$session->{run}->pump_nb;
ok(poll_until(sub { asked() }), 'it is asked for');
$test->sql("SELECT connector_credential_set('acme', '{\"access_token\": \"access-token-mine\"}', 'oauth2', allowed_hosts => ARRAY['$url'], label => 'anew')");
ok(poll_until(sub { $session->{run}->pump_nb; $session->{stdout} =~ /success/ }), 'who waits gets the new one');
is(sent('anew'), 'mine', 'which was stored by hand');
$session->quit;

# Who keeps a lock keeps nobody else's token.
connect_account('locked');
connect_account('free');
my $keeper = $node->background_psql('app');
$keeper->query_safe("BEGIN; SELECT 1 FROM workspace_api_credentials WHERE label = 'locked' FOR UPDATE");
my $mark = -s $node->logfile;
$mock->reply('/token', token());
is($test->sql("SELECT connector_credential_renew('acme', 'free') IS NOT NULL"), 't', 'another token is renewed');
like(psql_error($node, 'app', "SELECT connector_credential_renew('acme', 'locked')"), qr/NC001: .*the credential could not be locked or read/, 'one whose row is locked is not');
like(slurp_file($node->logfile, $mark), qr/could not obtain lock on row/, 'for that is tried');
unlike(slurp_file($node->logfile, $mark), qr/canceling statement due to lock timeout/, 'and never waited for');
$keeper->query_safe('COMMIT');
$keeper->quit;
is($test->sql("SELECT connector_credential_renew('acme', 'locked') IS NOT NULL"), 't', 'it is when the lock is gone');

#
# Killed at any moment: after the lease somebody asks again, with the refresh token that is there.
#
connect_account('crash');
my $generation = 0;

# crash POINT, LABEL -- the token process is killed there, when it renews the token of that account.
sub crash
{
	my ($point, $label) = @_;
	$node->append_conf('postgresql.conf', "connector.test_point = '$point'");
	$node->reload;
	my ($log) = (-s $node->logfile);
	$node->psql('app', "SELECT connector_execute('$label')");
	ok(poll_until(sub { slurp_file($node->logfile, $log) =~ /was terminated by signal 9/ }), "$point: the token process is killed");
	$node->append_conf('postgresql.conf', "connector.test_point = ''");
	ok(poll_until(sub { $node->psql('postgres', 'SELECT pg_reload_conf()') == 0 }), "$point: the server is back");
	return;
}

for my $point (qw(token-lease token-leased token-replied token-storing token-stored))
{
	age('crash', '0');
	$mock->forget;
	$mock->reply('/token', token());
	crash($point, 'crash');
	ok(poll_until(sub { failure('crash') eq '' }), "$point: then there is a token") or diag(failure('crash'));
	$generation++;
	is(row('crash', 'token_generation, status, token_lease IS NULL'), "$generation|connected|t", "$point: one");
	cmp_ok(asked(), '<=', 2, "$point: nobody asked more than twice");
}

# One that rotates has forgotten the old refresh token by then; so much can be lost, and is said.
connect_account('rotated');
my $kept = $number;
age('rotated', '0');
$mock->reply('/token', token(), { status => 400, json => { error => 'invalid_grant' } });
crash('token-replied', 'rotated');
ok(poll_until(sub { failure('rotated'); row('rotated', 'status') eq 'reauthorize' }), 'a rotated refresh token that nobody could store');
is(join(',', map { $_->{body} =~ /refresh_token=refresh-token-(\d+)/ } $mock->requests('/token')), "$kept,$kept", 'the old one was tried');
like(failure('rotated'), qr/^auth_failed: .*invalid_grant/, 'and the account has to be connected anew');

#
# The process keeps nobody from dropping or copying its database, and a copy renews nothing.
#
$mock->reply('/token', token());
age('crash', '0');
is(failure('crash'), '', 'the process runs');
$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE app');
$mock->forget;
$node->safe_psql('copy', "UPDATE workspace_api_credentials SET token_expires_at = now() WHERE label = 'crash'");
like($node->safe_psql('copy', "SELECT error_message FROM connector_try_execute('crash')"), qr/no token is renewed here before connector_acknowledge_clone/, 'a copy');
is(asked(), 0, 'asks nobody, or the original would be locked out');
$node->safe_psql('copy', 'SELECT connector_acknowledge_clone()');
$mock->reply('/token', token());
ok(poll_until(sub { $node->safe_psql('copy', "SELECT status FROM connector_try_execute('crash')") eq 'success' }), 'until somebody says that it shall');
$node->safe_psql('postgres', 'DROP DATABASE copy');
pass('a database whose token process runs can be dropped');
like(psql_error($node, 'app', 'DROP EXTENSION connector CASCADE'), qr/^(?!.*ERROR)/s, 'and the extension');
$node->stop;

#
# Two workers and twenty sessions at once: the endpoint does not answer until all of them wait for it.
#
$node = new_cluster('workers', 'connector.workers' => 2, 'connector.max_in_flight' => 20, 'connector.poll_interval' => 100, 'connector.token_timeout' => '60s');
$test = OauthTest->new($node, 'app');
$test->sql("SELECT connector_create_workspace('acme')");
$test->provider('acme', { base_url => $url, allowed_hosts => [$url], auth => [ { kind => 'oauth2', grant => 'authorization_code', authorize_url => "$url/authorize", token_url => "$url/token" } ] });
$test->sql("SELECT connector_oauth_client_set('acme', 'c', 'secret-0123456789')");
connect_account('both');
age('both', '0');
$mock->reply('/token', { %{ token() }, gate => 'token' });
$test->sql("SELECT connector_execute_async('both') FROM generate_series(1, 40)");
my @sessions = map { $node->background_psql('app') } 1 .. 20;
for (@sessions) { $_->{stdin} .= "SELECT status FROM connector_try_execute('both');\n"; $_->{run}->pump_nb; }
my %waited;
ok(poll_until(sub {
			$waited{$_} = 1 for split /\n/, $test->sql("SELECT pid FROM pg_stat_activity WHERE query LIKE '%try_execute(%' AND wait_event_type = 'Extension' AND state = 'active'");
			20 == keys %waited }), 'twenty sessions wait');
ok(poll_until(sub { $test->sql('SELECT count(DISTINCT lease) FROM connector_queue') eq '2' }), 'and executions of two workers');
is(asked(), 1, 'for one refresh');
is(scalar($mock->requests('/api/both')), 0, 'without which nobody sends anything');
$mock->open_gate('token');
ok(poll_until(sub { $_->{run}->pump_nb for @sessions; 20 == grep { $_->{stdout} =~ /success/ } @sessions }), 'twenty sessions get their reply');
ok(poll_until(sub { $test->sql('SELECT count(*) FROM connector_queue') eq '0' }), 'and the executions end');
is($test->sql("SELECT string_agg(DISTINCT status, ',') || ' ' || count(*) FROM connector_history"), 'success 60', 'all succeed');
is(asked(), 1, 'after that one refresh');
is(join(',', do { my %seen = map { $_ => 1 } split / /, sent('both'); keys %seen }), $number, 'nobody sent the old token');
# Refused while it runs, in a worker.
$mock->forget;
$mock->reply('/token', token());
$mock->reply('/api/both', { status => 401, json => {} }, { json => { ok => 1 } });
my $id = $test->sql("SELECT connector_execute_async('both')");
is($test->sql("SELECT status FROM connector_await('$id')"), 'success', 'a refusal in a worker');
is(sent('both'), ($number - 1) . " $number", 'is answered with a new token');
$_->quit for @sessions;


# A workspace whose endpoints hang has its share of the process, and no more.
$test->provider($_, { base_url => $url, allowed_hosts => [$url], auth => [ { kind => 'oauth2', grant => 'client_credentials', token_url => "$url/$_" } ] }) for qw(hang prompt);
$test->sql("SELECT connector_create_workspace('zen')");
$mock->forget;
$mock->reply("/$_", token()) for qw(hang prompt);
$test->sql("SELECT connector_oauth_connect('hang', '$secret', workspace => 'acme', label => 'h' || n) FROM generate_series(1, 20) n");
$test->sql("SELECT connector_oauth_connect('prompt', '$secret', workspace => 'zen')");
$mock->forget;
$mock->reply('/hang', { %{ token() }, gate => 'hang' });
$test->sql("UPDATE workspace_api_credentials SET token_renew_at = now() - interval '1 second' WHERE service_name = 'hang'");
$test->sql('SELECT connector_tick()');
ok(poll_until(sub { $mock->requests('/hang') == 16 }), 'sixteen are asked for at a time');
is($test->sql("SELECT connector_credential_renew('prompt', workspace => 'zen') IS NOT NULL"), 't', 'another workspace gets its token');
is(scalar $mock->requests('/hang'), 16, '... and the others wait');
$mock->open_gate('hang');
ok(poll_until(sub { $test->sql("SELECT count(*) FROM workspace_api_credentials WHERE service_name = 'hang' AND token_generation = 1") eq '20' }), 'for their turn, which comes');
is(scalar $mock->requests('/hang'), 20, 'once each');
done_testing();
