# Whatever process is killed, wherever: every execution that was accepted ends exactly once in the history, those
# that may be repeated are delivered at least once, those that may not at most once, and what the history calls a
# success has been delivered.  Requests are counted outside of the database.
#
# First the places that the source names (CN_TEST_POINT), each of them; then any moment, under load.
use strict;
use warnings;
use ConnectorTest;
use CountingServer;
use File::Basename qw(dirname);
use File::Find qw(find);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use QueueTest;
use Test::More;

my $server = CountingServer->start;
my $node   = new_cluster('main',
	'restart_after_crash' => 'on', 'connector.poll_interval' => '1s', 'connector.test_point' => '');
my $q = QueueTest->new($node, $server);
plan skip_all => 'built without CN_TEST_POINTS' if $q->sql('SELECT count(*) FROM pg_settings WHERE name = \'connector.test_point\' AND short_desc LIKE \'%killed%\'') eq '0';

# What maps its output into a table is recorded together with that: rows land once.
$q->add('mapped', { url => '/ok', method => 'POST', body => {} },
	field_mappings => '{"table": "target", "mode": "upsert", "key": {"n": "{{input.n}}"}, "set": {"v": "$.ok"}}');
$q->sql(<<'SQL');
CREATE TABLE target (n int PRIMARY KEY, v jsonb);
CREATE TABLE landed (n int);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN INSERT INTO public.landed VALUES (NEW.n); RETURN NULL; END$$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON target FOR EACH ROW EXECUTE FUNCTION note();
SQL

# all_right NAME [, CODE...] -- everything ends, and as it should, failures only with these codes.
sub all_right
{
	my ($name, @codes) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($q->wait_all, "$name: everything ends") or diag($q->left . ' left');
	is($q->problems(@codes), '', "$name: as it should");
	is($q->sql(<<'SQL'), '', "$name: rows have landed once");
SELECT string_agg(concat_ws(' ', a.n, h.status, l.times), ', ')
  FROM accepted a JOIN connector_history h ON h.id = a.id LEFT JOIN (SELECT n, count(*) AS times FROM landed GROUP BY n) l USING (n)
 WHERE a.kind = 'mapped' AND coalesce(l.times, 0) <> CASE h.status WHEN 'success' THEN 1 ELSE 0 END
SQL
	return;
}

#
# Named places.  At the pass given here, the worker is in the middle of it all.
#
my %PASS = (
	'claimed'  => 2,
	'turned'   => 20,
	'deleted'  => 2,
	'written'  => 2,
	'recorded' => 2,
	'mapped'   => 10,);

my %named;
find({ no_chdir => 1, wanted => sub {
	return if !/\.c$/;
	$named{$_} = 1 for slurp_file($_) =~ /CN_TEST_POINT\("([^"]+)"\)/g;
} }, dirname(__FILE__) . '/../../src');
delete $named{'worker-starts'};    # in 120_workers.pl
delete @named{ grep { /^token-/ } keys %named };    # of the token process, in 172_tokens.pl
delete @named{ grep { /^poll-/ } keys %named };     # of the poll process, in 175_triggers.pl
is(join(' ', sort keys %PASS), join(' ', sort keys %named), 'every place that the source names is tested');

for my $point (sort keys %PASS)
{
	my ($worker) = $q->workers;
	$q->arm($worker, "$point:$PASS{$point}");
	# The one that enqueues may be ended with all others before it hears that it has committed.
	$node->psql('app', join ";\n", map { $q->enqueue_sql($_, 60, ms => 3) } qw(get post steps mapped));
	ok(poll_until(sub { !kill 0, $worker }), "a worker is killed at $point");
	$q->disarm;
	ok($q->recovered($worker), "$point: another one starts");
	all_right($point);
}
#
# Any moment: while executions run and others are being queued.  No two of these kills are so near that one
# execution could meet three of them, for then nobody would try it again.
#

# backend_pid TYPE -- of the only process of that type.
sub backend_pid
{
	my ($type) = @_;
	return $node->safe_psql('app', "SELECT pid FROM pg_stat_activity WHERE backend_type = '$type' ORDER BY pid LIMIT 1");
}

# A session that queues one execution after the other, a transaction each; it loses its connection.
sub busy_session
{
	my ($first, $last) = $q->numbers(300);
	my $session = $node->background_psql('app', on_error_stop => 0);
	my $pid     = $session->query_safe('SELECT pg_backend_pid()');
	$session->{stdin} .= <<"SQL";
DO \$\$
BEGIN
	FOR i IN $first..$last LOOP
		INSERT INTO accepted VALUES (i, 'post', connector_execute_async('post', jsonb_build_object('n', i, 'ms', 2)));
		COMMIT;
	END LOOP;
END
\$\$;
SQL
	$session->{run}->pump_nb;
	return ($session, $pid);
}

sub kill_postmaster
{
	my ($pid) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	$node->kill9;
	# the others end when they notice, and until then nobody else can have the directory
	return poll_until(sub { !kill 0, $pid })
	  && poll_until(sub { $node->start(fail_ok => 1) });
}

for my $victim (qw(worker launcher backend postmaster) x 2)
{
	my $before = $server->state->{requests};
	my ($session, $enqueuer) = busy_session();
	my ($worker) = $q->workers;
	$node->psql('app', join ";\n", map { $q->enqueue_sql($_, 150, ms => 10) } qw(get post steps mapped));
	my $moment = 20 + int rand 400;
	ok(poll_until(sub { $session->{run}->pump_nb; $server->state->{requests} > $before + $moment }), "$moment requests have come");
	if ($victim eq 'postmaster')
	{
		ok(kill_postmaster(), 'the postmaster is killed, and the server started again');
	}
	else
	{
		my $pid = $victim eq 'backend' ? $enqueuer : $victim eq 'worker' ? $worker : backend_pid('connector launcher');
		is(kill('KILL', $pid), 1, "the $victim is killed") or diag("no process \"$pid\"");
	}
	ok($q->recovered($worker), "after the $victim: a worker starts");
	eval { $session->quit };
	all_right("after the $victim");
}

#
# An error where a batch is recorded costs nobody anything; one where a table is written, the one it is for.
#
for my $point (qw(deleted written mapped))
{
	my ($worker) = $q->workers;
	$q->arm($worker, "$point:2:error");
	$q->sql(join ";\n", map { $q->enqueue_sql($_, 60, ms => 3) } qw(get post steps mapped));
	all_right("an error at $point", $point eq 'mapped' ? 'internal' : ());
	$q->disarm;
	ok(kill(0, $worker), 'the worker is still the same');
}
like(slurp_file($node->logfile), qr/ERROR:  test point $_/, "an error was raised at $_") for qw(deleted written);
is($q->sql(q(SELECT string_agg(connector_name, ',') FROM connector_history WHERE error_code = 'internal')), 'mapped', 'one execution has failed');

cmp_ok($q->sql('SELECT count(*) FROM accepted'), '>', 3000, 'that were thousands');
note("$_: ", $q->outcomes($_)) for qw(get post steps mapped);

done_testing();
