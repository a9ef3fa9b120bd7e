# A history that cannot be written: the call fails with the server's own error, counts for nothing, and the
# session goes on; with room again everything works as before.
#
# A full disk is played by a limit on the size of a file, which the server is started under.
use strict;
use warnings;
use ConnectorTest;
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;

# The largest file: above a WAL segment, below what this test records.
use constant LIMIT => 18 * 1024 * 1024;

plan skip_all => 'prlimit (util-linux) is not installed' if !grep { -x "$_/prlimit" } split /:/, $ENV{PATH};

my $mock = MockServer->start;
my $url  = $mock->url;
my $node = new_cluster('main', start => 0, 'autovacuum' => 'off', 'connector.max_logged_payload' => '-1');
system_or_bail('prlimit', '--pid', $$, '--fsize=' . LIMIT . ':');
$node->start;
system_or_bail('prlimit', '--pid', $$, '--fsize=unlimited:');
create_database($node, 'app');
$node->safe_psql('app', <<"SQL");
SELECT connector_create_workspace('acme');
INSERT INTO connectors (name, config) VALUES ('c', '{"url": "$url/ok"}');
CREATE FUNCTION large() RETURNS jsonb LANGUAGE sql AS
	\$\$SELECT jsonb_build_object('text', string_agg(md5(random()::text), '')) FROM generate_series(1, 8000)\$\$;
SQL

my $session = $node->background_psql('app', on_error_stop => 0);
$session->query_safe('\set VERBOSITY verbose');

sub ask
{
	my ($sql) = @_;
	$session->{stderr} = '';
	my $output = $session->query($sql);
	return $output . $session->{stderr} =~ s/^psql:\S+ //gmr;
}

my $pid     = ask('SELECT pg_backend_pid()');
my $counted = q(SELECT total_executions - (SELECT count(*) FROM connector_executions) FROM connector_stats('c'));
my $large   = q(SELECT connector_execute('c', large()));
my ($calls, $answer) = (0, '');
while ($calls++ < 200)
{
	$answer = ask($large);
	last if $answer ne '{"ok": true}';
}
cmp_ok($calls, '>', 10, "$calls calls fill the disk");
like($answer, qr/^ERROR:  \w{5}: could not (?:extend|write) .*: File too large/, 'the error names the cause');
unlike($answer, qr/NC\d\d\d/, 'and not the remote');
like(ask(q(SELECT * FROM connector_try_execute('c', large()))), qr/^ERROR:  \w{5}: could not (?:extend|write) /, 'connector_try_execute raises it, too');
like(ask("BEGIN; SAVEPOINT s; $large"), qr/^ERROR:  \w{5}: could not (?:extend|write) /, 'also in a subtransaction');
is(ask('ROLLBACK TO s'), '', 'which can be rolled back');
is(ask('SELECT 1'), '1', 'while the transaction goes on');
is(ask('COMMIT'), '', 'and commits');
is(ask($counted), '0', 'what was not recorded was not counted');

is(ask('TRUNCATE connector_history'), '', 'room is made');
is(ask("SELECT pg_backend_pid() = $pid"), 't', 'the session is still the same');
is(ask($large), '{"ok": true}', 'and works');
is(ask('SELECT count(*) FROM connector_executions'), '1', 'and records');
is($node->safe_psql('app', q(SELECT connector_execute('c'))), '{"ok": true}', 'as do others');
$session->quit;
ok(!$node->log_contains('PANIC|TRAP:|terminated by signal'), 'nothing bad in the server log');
done_testing();
