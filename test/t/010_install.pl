# Installing, restarting, dumping and restoring.
use strict;
use warnings;
use ConnectorTest;
use MockServer;
use PostgreSQL::Test::Utils;
use Test::More;

# Not preloaded: one clear error, with the line to add.
my $plain = new_cluster('plain', 'shared_preload_libraries' => undef, extension => 0);
my $error = psql_error($plain, 'postgres', 'CREATE EXTENSION connector');
like($error, qr/ERROR:  55000: connector must be loaded through shared_preload_libraries/, 'refused when it is not preloaded');
like($error, qr/HINT:  Add connector to shared_preload_libraries in postgresql.conf and restart the server/, 'with a hint');
is($plain->safe_psql('postgres', q(SELECT count(*) FROM pg_extension WHERE extname = 'connector')), 0, 'nothing is left of it');
$plain->stop;

my $mock = MockServer->start;
my $url  = $mock->url;
# Without workers, which would fold statistics between the looks at them.
my $node = new_cluster('main', 'connector.workers' => 0);

$node->safe_psql('postgres', q(CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0));
like(psql_error($node, 'latin', 'CREATE EXTENSION connector'),
	qr/ERROR:  0A000: connector needs a database with encoding UTF8/, 'a database that is not UTF8 is refused');

# A schema of its own, with a name that must be quoted.
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE SCHEMA "My Schema"; CREATE EXTENSION connector SCHEMA "My Schema"');
$node->safe_psql('other', 'SELECT "My Schema".connector_maintain()');
$node->safe_psql('other', <<"SQL");
SET search_path = "My Schema";
SELECT connector_create_workspace('w');
INSERT INTO connectors (name, config) VALUES ('ok', '{"url": "$url/ok"}');
SQL
is($node->safe_psql('other', q(SELECT "My Schema".connector_execute('ok'))), '{"ok": true}', 'it works in a schema that must be quoted');
is($node->safe_psql('other', q(SELECT count(*) FROM "My Schema".connector_executions)), 1, 'and records there');
like(psql_error($node, 'other', 'ALTER EXTENSION connector SET SCHEMA public'), qr/ERROR:  0A000/, 'it cannot be moved');

# Dropping it in the transaction that used it.
is( $node->psql('other', <<'SQL'), 0, 'the extension can be dropped by the transaction that has used it');
SET search_path = "My Schema";
BEGIN;
SELECT connector_execute('ok');
DROP EXTENSION connector CASCADE;
COMMIT;
SQL

# What a tenant has, in every table: two versions of a connector, history in a partition and in the default one; templates
# of its own, and built-in ones that were rated, hidden, no longer featured or replaced.
$node->safe_psql('app', <<"SQL");
SELECT connector_create_workspace('acme', 'Acme Inc.');
SELECT connector_credential_set('api', '{"token": "a-secret-of-acme"}', kind => 'bearer', allowed_hosts => ARRAY['$url']);
INSERT INTO connectors (name, config) VALUES ('ok', '{"url": "$url/echo", "credential": "api"}');
UPDATE connectors SET config = '{"url": "$url/ok", "credential": "api"}';
SELECT connector_provider_register('{"name": "own", "title": "Own", "base_url": "$url", "allowed_hosts": ["$url"], "actions": {"get": {"path": "/ok"}}}');
INSERT INTO connectors (name, config) VALUES ('uses-own', '{"use": "own.get"}');
SELECT connector_execute('ok');
SELECT connector_template_publish('ok', 'mine');
SELECT connector_template_install('mine', 'from-template', '{"api": "default"}');
SELECT connector_template_rate('mine', 4), connector_template_rate('twilio-sms', 2);
SELECT connector_template_feature('slack-notification', false), connector_template_moderate('twilio-sms', 'hide', 'not here');
SELECT connector_template_publish('ok', 'github-issue-creation');
SELECT connector_template_moderate(id::text, 'make_official') FROM connector_templates WHERE name = 'github-issue-creation' AND NOT is_official;
SELECT connector_maintain();
SELECT connector_template_rate('mine', 5);
SELECT connector_execute('ok');
INSERT INTO connector_history (workspace_id, id, connector_id, connector_name, status, trigger, attempt,
	execution_time_ms, started_at, completed_at, created_at)
SELECT workspace_id, connector_id_at('2001-01-01'), id, name, 'success', 'sql', 1, 1, '2001-01-01', '2001-01-01', '2001-01-01'
  FROM connectors WHERE name = 'ok';
SQL

my @tables = split /\n/, $node->safe_psql('app', <<'SQL');
SELECT c.oid::regclass FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
 WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e' AND c.relkind IN ('r', 'p')
   AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'connector') ORDER BY 1
SQL
cmp_ok(scalar @tables, '>', 8, 'tables of the extension were found');

sub content
{
	my ($database) = @_;
	# When the files of the catalog were loaded is another time in each database.
	return {
		map {
			my $row = $_ eq 'connector_providers' ? q(to_jsonb(t) - 'created_at' - 'updated_at') : 't';
			$_ => $node->safe_psql($database, "SELECT count(*), md5(string_agg(($row)::text, E'\\n' ORDER BY ($row)::text)) FROM $_ t")
		} @tables
	};
}

my $dump = $node->basedir . '/app.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('app') ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'pg_restore');
my ($before, $after) = (content('app'), content('restored'));
is($after->{$_}, $before->{$_}, "restored: $_") for grep { $_ ne 'connector_fence_marks' } @tables;
is($node->safe_psql('restored', 'SELECT state FROM connector_fence'), 'closed', 'and the fence is closed there');
unlike($before->{connector_versions}, qr/^0/, 'there were versions to restore');
is( $node->safe_psql('restored', q(SELECT connector_execute('ok'))),
	'{"ok": true}', 'the restored connector works with the restored credential');
is($node->safe_psql('restored', q(SELECT total_executions FROM connector_stats('ok'))), 3, 'and its statistics go on');
is($node->safe_psql('restored', q(SELECT connector_execute('uses-own'))), '{"ok": true}', 'so does one that uses a provider of the workspace');

# Rows are taken as they were: a connector whose provider is not there says so when it is executed.
$node->safe_psql('postgres', 'CREATE DATABASE without_providers');
my $contents = $node->basedir . '/contents';
system("pg_restore -l $dump | grep -v 'TABLE DATA .* connector_providers ' > $contents") == 0 or die 'pg_restore -l';
$node->command_ok([ 'pg_restore', '--exit-on-error', '-L', $contents, '-d', $node->connstr('without_providers'), $dump ], 'a restore without providers');
like(psql_error($node, 'without_providers', q(SELECT connector_execute('uses-own'))), qr/there is no provider "own"/, '... is one without providers');

# Side by side, as docs/operations.md has it.
$node->safe_psql('postgres', 'CREATE DATABASE parallel');
for my $section ([ '--section=pre-data' ], [ '--section=data' ], [ '--section=post-data', '--jobs=3' ])
{
	$node->command_ok([ 'pg_restore', '--exit-on-error', @$section, '-d', $node->connstr('parallel'), $dump ], "pg_restore @$section");
}
is($node->safe_psql('parallel', 'SELECT count(*) FROM connectors'), $node->safe_psql('app', 'SELECT count(*) FROM connectors'), 'all connectors are there');

is($node->safe_psql('restored', q(SELECT count(*) FROM connector_templates WHERE builtin)), 9, 'built-in templates are there once');
is($node->safe_psql('restored', q(SELECT string_agg(name || ':' || status || ':' || is_featured, ',' ORDER BY name) FROM connector_templates
	 WHERE name IN ('twilio-sms', 'slack-notification'))), 'slack-notification:published:false,twilio-sms:hidden:false', 'as the installation wanted them');
is($node->safe_psql('restored', q(SELECT version, builtin, config ? 'url' FROM connector_templates WHERE name = 'github-issue-creation' AND is_official)),
	'2|f|t', 'and the one that was replaced is replaced');
is($node->safe_psql('restored', q(SELECT connector_template_publish('ok', 'mine') IS NOT NULL; SELECT connector_template_upgrade('from-template'))),
	"t\n2", 'a connector still follows its template');

# A restart.
$node->restart;
is($node->safe_psql('app', q(SELECT connector_execute('ok'))), '{"ok": true}', 'all is there after a restart');
is($node->safe_psql('app', q(SELECT total_executions FROM connector_stats('ok'))), 3, 'with its statistics');

# A crash: what was committed is there, what was not has not been.
my $session = $node->background_psql('app');
$session->query_safe(q(BEGIN; SELECT connector_execute('ok')));
$node->stop('immediate');
$session->{run}->finish;
$node->start;
is($node->safe_psql('app', q(SELECT total_executions FROM connector_stats('ok'))), 3, 'an uncommitted call is not counted after a crash');
is($node->safe_psql('app', 'SELECT count(*) FROM connector_executions'), 4, 'nor recorded');
done_testing();
