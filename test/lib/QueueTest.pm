# QueueTest -- queued executions against the counting server, and whether both sides agree.
#
#   use QueueTest;
#
#   my $q = QueueTest->new($node, $server);       # in database app: workspace, connectors, who was accepted
#   $q->enqueue('get', 500, ms => 20);            # in one transaction; numbers of their own
#   ok($q->wait_all, 'all have ended');
#   is($q->problems, '', 'and the counts agree');
#
# A kind is a connector of that name, and how often its requests may come, counted by the server as sets:
#
#   get         a GET: may be repeated
#   post        a POST: may not
#   steps       a POST of set a, and then a GET of set b
#
# and those that a test adds:
#
#   $q->add('gate', { url => '/gate/x' });                          # a GET of set gate
#   $q->add('pay', { url => '/ok', method => 'POST', body => {} }); # a POST of set pay
#
# An input has n, the number the server counts, and ms, how long its answer takes.  The table accepted has one
# row for each execution that a committed transaction asked for, written by that transaction.
package QueueTest;

use strict;
use warnings;
use ConnectorSession qw(json_text);
use ConnectorTest;
use Exporter qw(import);
use PostgreSQL::Test::Utils;

our @EXPORT = qw(raise_file_limit);

# raise_file_limit -- as many open files as this process and what it starts may have; thousands of connections
# need them.
sub raise_file_limit
{
	system_or_bail('prlimit', '--pid', $$, '--nofile=' . (split ' ', `prlimit --pid $$ --nofile --output=HARD --noheadings`)[0] . ':');
	return;
}

sub new
{
	my ($class, $node, $server) = @_;
	my $self = bless { node => $node, server => $server, next => 1, sets => [] }, $class;
	my $slow = '/slow/{{input.ms}}';
	$node->safe_psql('app', <<'SQL');
SELECT connector_create_workspace('acme');
CREATE TABLE accepted (n int PRIMARY KEY, kind text NOT NULL, id uuid NOT NULL);
CREATE INDEX ON accepted (id);
CREATE TABLE sets (kind text, set text, repeatable boolean);
CREATE TABLE delivered (set text, n int, times int, PRIMARY KEY (set, n));
SELECT connector_maintain();
SQL
	$self->add('get', { url => $slow });
	$self->add('post', { url => $slow, method => 'POST', body => { n => '{{input.n}}' } });
	$self->add('steps', { steps => [ { id => 'a', url => $slow, method => 'POST' }, { id => 'b', url => $slow } ] });
	return $self;
}

# add KIND, DEFINITION [, COLUMN => VALUE...] -- URLs are paths of the server; there are no retries.
sub add
{
	my ($self, $kind, $definition, %columns) = @_;
	for my $step ($definition->{steps} ? @{ $definition->{steps} } : $definition)
	{
		my $set = $step->{id} // $kind;
		$step->{url}   = $self->{server}->url . $step->{url};
		$step->{query} = { set => $set, n => '{{input.n}}' };
		push @{ $self->{sets} }, $set;
		$self->sql("INSERT INTO sets VALUES ('$kind', '$set', " . (($step->{method} // 'GET') eq 'GET' ? 'true' : 'false') . ')');
	}
	%columns = (name => $kind, config => json_text($definition), max_retries => 0, %columns);
	my @names = sort keys %columns;
	$self->sql('INSERT INTO connectors (' . join(', ', @names) . ') VALUES (' . join(', ', map { "\$cn\$$columns{$_}\$cn\$" } @names) . ')');
	return;
}

# numbers HOW_MANY -- the first and the last of so many that nobody has had.
sub numbers
{
	my ($self, $how_many) = @_;
	my $first = $self->{next};
	$self->{next} += $how_many;
	return ($first, $self->{next} - 1);
}

# enqueue_sql KIND, HOW_MANY [, ms => 0] [, options => ', priority => 1'] -- a statement that queues them.
sub enqueue_sql
{
	my ($self, $kind, $how_many, %option) = @_;
	my ($first, $last) = $self->numbers($how_many);
	my ($ms, $options) = ($option{ms} // 0, $option{options} // '');
	return <<"SQL";
INSERT INTO accepted SELECT n, '$kind', connector_execute_async('$kind', jsonb_build_object('n', n, 'ms', $ms)$options)
  FROM generate_series($first, $last) n
SQL
}

sub enqueue
{
	my ($self, @what) = @_;
	$self->{node}->safe_psql('app', $self->enqueue_sql(@what));
	return;
}

sub sql { my ($self, $sql) = @_; return $self->{node}->safe_psql('app', $sql); }

# workers -- the processes of the database's workers.
sub workers
{
	my ($self) = @_;
	return split /\n/, $self->sql(q(SELECT pid FROM pg_stat_activity WHERE backend_type = 'connector worker' AND datname = 'app' ORDER BY pid));
}

# left -- how many have not ended.
sub left
{
	my ($self) = @_;
	return $self->sql('SELECT count(*) FROM accepted a WHERE NOT EXISTS (SELECT FROM connector_history h WHERE h.id = a.id)');
}

sub wait_all
{
	my ($self) = @_;
	return poll_until(sub { $self->left eq '0' });
}

# delivered SET -- how many of its numbers have come at least once.
sub delivered
{
	my ($self, $set) = @_;
	return scalar keys %{ $self->{server}->counts($set) };
}

# _load_counts -- what the server has counted, into the table.
sub _load_counts
{
	my ($self) = @_;
	my $json = json_text({ map { $_ => $self->{server}->counts($_) } @{ $self->{sets} } });
	$self->sql(<<"SQL");
TRUNCATE delivered;
INSERT INTO delivered SELECT s.key, c.key::int, c.value::int
  FROM jsonb_each('$json') s, jsonb_each_text(s.value) c;
SQL
	return;
}

# problems [CODE...] -- where the two sides disagree, up to ten lines; '' if nowhere.  Executions that were queued
# since the last time may have failed with these codes only; unknown_outcome is allowed for what must not be
# repeated.
sub problems
{
	my ($self, @codes) = @_;
	my $codes = join ', ', map { "'$_'" } '', @codes;
	my $since = $self->{since} // 0;
	$self->{since} = $self->{next};
	$self->_load_counts;
	return $self->sql(<<"SQL");
WITH ended AS (
	SELECT a.n, a.kind, a.id, count(h.id) AS times, max(h.status) AS status, max(h.error_code) AS code
	  FROM accepted a LEFT JOIN connector_history h ON h.id = a.id GROUP BY a.n)
SELECT problem FROM (
	SELECT format('%s %s ended %s times', kind, n, times) AS problem FROM ended WHERE times <> 1
	UNION ALL
	SELECT format('%s %s is still queued', kind, n) FROM ended JOIN connector_queue q USING (id) WHERE times > 0
	UNION ALL
	SELECT format('%s has ended, but was not accepted', id) FROM connector_history h
	 WHERE NOT EXISTS (SELECT FROM accepted a WHERE a.id = h.id)
	UNION ALL
	SELECT format('%s %s was successful, but never sent (%s)', kind, n, set)
	  FROM ended JOIN sets USING (kind) LEFT JOIN delivered d USING (set, n)
	 WHERE status = 'success' AND d.n IS NULL
	UNION ALL
	SELECT format('%s %s was sent %s times (%s)', kind, n, d.times, set)
	  FROM ended JOIN sets USING (kind) JOIN delivered d USING (set, n) WHERE d.times > 1 AND NOT repeatable
	UNION ALL
	SELECT format('%s %s was sent, but not accepted', set, d.n) FROM delivered d JOIN sets USING (set)
	 WHERE NOT EXISTS (SELECT FROM accepted a WHERE a.n = d.n AND a.kind = sets.kind)
	UNION ALL
	SELECT format('%s %s failed: %s', kind, n, code) FROM ended
	 WHERE status <> 'success' AND n >= $since AND code NOT IN ($codes)
	   AND NOT (code = 'unknown_outcome' AND EXISTS (SELECT FROM sets WHERE sets.kind = ended.kind AND NOT repeatable))
	UNION ALL
	SELECT format('%s %s failed, but is no dead letter', kind, n) FROM ended
	 WHERE status <> 'success' AND code <> 'cancelled' AND NOT EXISTS (SELECT FROM connector_dead_letters l WHERE l.id = ended.id)
	UNION ALL
	SELECT format('%s %s is a dead letter, but was successful', kind, n) FROM ended
	 WHERE status = 'success' AND EXISTS (SELECT FROM connector_dead_letters l WHERE l.id = ended.id)
) p LIMIT 10
SQL
}

# outcomes KIND -- how its executions ended: "failed unknown_outcome 3, success 97".
sub outcomes
{
	my ($self, $kind) = @_;
	return $self->sql(<<"SQL");
SELECT string_agg(concat_ws(' ', status, error_code, count), ', ' ORDER BY status, error_code)
  FROM (SELECT status, error_code, count(*) FROM accepted a JOIN connector_history h ON h.id = a.id
		 WHERE kind = '$kind' GROUP BY status, error_code) t
SQL
}

# arm PID, POINT -- this process, and no other, is to be killed at that point ("claim-committed:3").  It alone
# reads the configuration anew; what the postmaster starts afterwards knows nothing of it.  The cluster was made
# with that setting, empty.
sub arm
{
	my ($self, $pid, $point) = @_;
	$self->{node}->adjust_conf('postgresql.conf', 'connector.test_point', "'$point'");
	kill 'HUP', $pid;
	return;
}

sub disarm { my ($self) = @_; $self->{node}->adjust_conf('postgresql.conf', 'connector.test_point', "''"); return; }

# recovered -- waits until the server has started anew after a process was killed, and a worker runs.
sub recovered
{
	my ($self, $pid) = @_;
	return poll_until(sub { !kill 0, $pid })
	  && poll_until(sub { $self->{node}->psql('app', 'SELECT 1', stdout => \my $out, stderr => \my $err) == 0 })
	  && poll_until(sub { $self->workers > 0 });
}

1;
