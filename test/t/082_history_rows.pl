# The rows of a batch go into the history together; each must still be there once, checked, and gone with
# its statement or subtransaction when that fails.
use strict;
use warnings;
use ConnectorTest;
use Nginx;
use Test::More;

use constant INPUTS => 300;    # more than are written at once

my $nginx = Nginx->start(servers =>
	  [ { locations => q(location / { default_type application/json; return 200 '{"ok":true}'; }) } ]);
my $node = new_cluster('rows');
my $url  = $nginx->url(0);

$node->safe_psql('app', <<"SQL");
SELECT connector_maintain();
SELECT connector_create_workspace('acme');
INSERT INTO connectors (name, config) VALUES ('c', '{"url": "$url/x/{{input.n}}"}');
CREATE FUNCTION batch(size text DEFAULT '') RETURNS bigint LANGUAGE sql AS \$\$
	SELECT count(DISTINCT execution_id) FROM connector_execute_batch('c',
		(SELECT array_agg(jsonb_build_object('n', n, 'filler', size)) FROM generate_series(1, ${\INPUTS}) n), 16)
\$\$;
SQL

# today -- the partition that rows go to now; the test does not mind midnight.
sub today { return $node->safe_psql('app', "SELECT to_char(now() AT TIME ZONE 'UTC', '\"connector_history_\"YYYYMMDD')"); }

# written -- rows, different inputs and different ids in the history, which is emptied.
sub written
{
	my $seen = $node->safe_psql('app', q(SELECT count(*) || ' ' || count(DISTINCT input_data ->> 'n') || ' ' ||
		count(DISTINCT id) FROM connector_history));
	$node->safe_psql('app', 'TRUNCATE connector_history');
	return $seen;
}

my $all = join ' ', (INPUTS) x 3;

# bad first: what a partition's own constraint refuses
$node->safe_psql('app', 'ALTER TABLE ' . today() . q( ADD CONSTRAINT no_200 CHECK (input_data ->> 'n' <> '200')));
like(psql_error($node, 'app', 'SELECT batch()'), qr/23514.*no_200/s, 'a row that a constraint refuses is an error');
is(written(), '0 0 0', '... and nothing of its statement stays');
is($node->safe_psql('app', <<'SQL'), 'caught', '... also where the error is caught');
DO $$ BEGIN PERFORM batch(); EXCEPTION WHEN check_violation THEN PERFORM set_config('test.outcome', 'caught', false); END $$;
SELECT current_setting('test.outcome');
SQL
is(written(), '0 0 0', '... which takes the rows with it');
$node->safe_psql('app', 'ALTER TABLE ' . today() . ' DROP CONSTRAINT no_200');

$node->safe_psql('app', <<'SQL');
DO $$ BEGIN
	PERFORM batch();
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN NULL;
END $$;
SQL
is(written(), '0 0 0', 'the rows go with their subtransaction');

is($node->safe_psql('app', 'SELECT batch()'), INPUTS, 'a batch');
is(written(), $all, '... has a row for each input');
is($node->safe_psql('app', q(SELECT batch(repeat('x', 20000)))), INPUTS, 'a batch of large inputs');
is(written(), $all, '... has a row for each input');

is($node->safe_psql('app', <<'SQL'), "t\nt", 'a later command of the transaction sees the rows, the same one does not');
BEGIN;
SELECT batch() > 0 AND NOT EXISTS (SELECT FROM connector_history);
SELECT count(*) = 300 FROM connector_history;
COMMIT;
SQL
is($node->safe_psql('app', <<'SQL'), INPUTS, '... and an index leads to each');
SET enable_seqscan = off;
SELECT count(*) FROM connector_history h, connector_workspaces w WHERE h.workspace_id = w.id;
SQL
is(written(), $all, '... of them');

# where rows need a statement
$node->safe_psql('app', <<'SQL' . 'CREATE TRIGGER count_rows AFTER INSERT ON ' . today() . ' FOR EACH ROW EXECUTE FUNCTION count_row()');
CREATE TABLE counted (n int);
CREATE FUNCTION count_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.counted VALUES (1); RETURN NULL; END';
SQL
$node->safe_psql('app', 'SELECT batch()');
is($node->safe_psql('app', 'SELECT count(*) FROM counted'), INPUTS, 'a trigger on the partition fires for each row');
is(written(), $all, '... which is there');

$node->safe_psql('app', 'DROP TABLE ' . today());
$node->safe_psql('app', 'SELECT batch()');
is($node->safe_psql('app', 'SELECT count(*) FROM connector_history_default'),
	INPUTS, 'rows of a day without a partition go to the default one');
is(written(), $all, '... all of them');

done_testing;
