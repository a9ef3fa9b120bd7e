# A session may make any number of calls: 20,000 of them, with failures of several kinds among them, leave
# its memory and its descriptors as they were after the first two thousand.
use strict;
use warnings;
use ConnectorTest;
use MockServer;
use Nginx;
use Test::More;

use constant {
	WARM_CALLS => 2_000,
	CALLS      => 20_000,
	# Freed memory is not always given back at once; a leak of 30 bytes a call would be seen.
	ALLOWED_GROWTH => 512 * 1024,
};

my $mock  = MockServer->start;
my $nginx = Nginx->start(servers =>
	  [ { locations => q(location / { default_type application/json; return 200 '{"ok":true,"list":[1,2,3]}'; }) } ]);
my $node = new_cluster('memory');
my $good = $nginx->url(0);
my $bad  = $mock->url;

$node->safe_psql('app', <<"SQL");
SELECT connector_create_workspace('acme');
SELECT connector_credential_set('api', '{"token": "a-token-of-some-length"}', kind => 'bearer',
	allowed_hosts => ARRAY['$good', '$bad']);
INSERT INTO connectors (name, config) VALUES
	('good',    '{"url": "$good/x/{{input.n}}", "credential": "api", "output": {"n": "\$.list[*]"}}'),
	('missing', '{"url": "$good/{{input.nothing}}", "credential": "api"}'),
	('status',  '{"url": "$bad/status/503", "credential": "api"}'),
	('garbage', '{"url": "$bad/not-json-typed"}'),
	('closed',  '{"url": "$bad/close-mid-body"}'),
	('refused', '{"url": "http://127.0.0.1:1/"}');
SQL

# One call in fifty fails, each time in another way; every hundredth raises inside a subtransaction.
$node->safe_psql('app', <<'SQL');
CREATE PROCEDURE run_calls(first int, last int) LANGUAGE plpgsql AS $$
DECLARE
	failing text[] := ARRAY['missing', 'status', 'garbage', 'closed', 'refused'];
BEGIN
	FOR i IN first .. last LOOP
		IF i % 100 = 0 THEN
			BEGIN
				PERFORM connector_execute(failing[1 + i / 100 % 5], '{}');
			EXCEPTION WHEN OTHERS THEN NULL;
			END;
		ELSIF i % 50 = 0 THEN
			PERFORM connector_try_execute(failing[1 + i / 50 % 5], '{}');
		ELSE
			PERFORM connector_execute('good', jsonb_build_object('n', i));
		END IF;
		IF i % 500 = 0 THEN
			COMMIT;
		END IF;
	END LOOP;
END $$;
CREATE FUNCTION used_bytes() RETURNS bigint LANGUAGE sql AS
	'SELECT sum(total_bytes)::bigint FROM pg_backend_memory_contexts';
SQL

my $session = $node->background_psql('app');
my $pid     = $session->query_safe('SELECT pg_backend_pid()');

sub resident_bytes
{
	open my $status, '<', "/proc/$pid/status" or die "/proc/$pid/status: $!";
	my ($kb) = map { /^RssAnon:\s+(\d+) kB/ } <$status>;
	return $kb * 1024;
}

sub descriptors
{
	opendir my $dir, "/proc/$pid/fd" or die "/proc/$pid/fd: $!";
	return scalar grep { !/^\./ } readdir $dir;
}

sub measure
{
	my $contexts = $session->query_safe('SELECT used_bytes()');
	return { contexts => $contexts, resident => resident_bytes(), descriptors => descriptors() };
}

$session->query_safe('CALL run_calls(1, ' . WARM_CALLS . ')');
my $before = measure();
$session->query_safe('CALL run_calls(' . (WARM_CALLS + 1) . ', ' . CALLS . ')');
my $after = measure();

note join ', ', map { "$_ $before->{$_} -> $after->{$_}" } sort keys %$before;
cmp_ok($after->{contexts} - $before->{contexts}, '<', ALLOWED_GROWTH, 'memory contexts have not grown');
cmp_ok($after->{resident} - $before->{resident}, '<', 4 * ALLOWED_GROWTH, 'the process has not grown');
cmp_ok($after->{descriptors}, '<=', $before->{descriptors} + 5, 'no descriptor was left behind');

is($node->safe_psql('app', 'SELECT sum(total_executions) FROM connector_stats()'), CALLS - CALLS / 100,
	'every call that did not raise was counted');
is( $node->safe_psql('app', 'SELECT count(*) FROM connector_executions'),
	CALLS - CALLS / 100,
	'and recorded');
$session->quit;
done_testing();
