# ConnectorSession -- a session that saves connectors and runs them, for TAP tests.
#
#   use ConnectorSession;
#
#   my $s   = ConnectorSession->new($node);                      # one backend, in database app, as superuser
#   my $row = $s->run({ url => "$url/ok" }, { x => 1 });         # a new connector, by connector_try_execute
#   is(outcome($row), 'success - step_1=success', 'it works');
#
# Definitions and inputs are Perl data.  A result is the row as a hash, with `steps` as a list of hashes.
package ConnectorSession;

use strict;
use warnings;
use ConnectorTest;
use Exporter qw(import);
use JSON::PP ();

our @EXPORT = qw(json_text outcome YES NO);

use constant { YES => JSON::PP::true, NO => JSON::PP::false };

my $JSON = JSON::PP->new->canonical->allow_nonref->utf8;

# json_text VALUE -- as JSON in UTF-8, keys sorted.
sub json_text { my ($value) = @_; return $JSON->encode($value); }

# outcome ROW -- "status code steps": "failed server_error a=success b=failed".
sub outcome
{
	my ($row) = @_;
	return join ' ', $row->{status}, $row->{error_code} // '-', map { "$_->{id}=$_->{status}" } @{ $row->{steps} };
}

sub new
{
	my ($class, $node) = @_;
	my $self = bless { saved => 0, psql => $node->background_psql('app', on_error_stop => 0) }, $class;
	$self->{control} = $node->background_psql('postgres');
	$self->{psql}->query_safe('\set VERBOSITY verbose');
	$self->{pid} = $self->{psql}->query_safe('SELECT pg_backend_pid()');
	return $self;
}

sub pid { my ($self) = @_; return $self->{pid}; }

sub quit
{
	my ($self) = @_;
	$self->{$_}->quit for qw(psql control);
	return;
}

# ask SQL -- what the session prints and its errors, as one text.
sub ask
{
	my ($self, $sql) = @_;
	$self->{psql}{stderr} = '';
	my $output = $self->{psql}->query($sql);
	return $output . $self->{psql}{stderr} =~ s/^psql:\S+ //gmr;
}

# configure SETTINGS -- of the server, from now on.  Returns when this session has them; another process has been
# signalled by then, and heeds them with the next thing it is told.
sub configure
{
	my ($self, %settings) = @_;
	$self->ask("ALTER SYSTEM SET \"$_\" = '$settings{$_}'") for keys %settings;
	$self->ask('SELECT pg_reload_conf()');
	for my $name (keys %settings)
	{
		poll_until(sub { $self->ask("SELECT current_setting('$name') = '$settings{$name}'") eq 't' }) or die "$name stays as it was";
	}
	return;
}

# literal VALUE -- as an SQL literal of JSON.
sub literal { my ($self, $value) = @_; return '$cn$' . json_text($value) . '$cn$'; }

# save DEFINITION [, COLUMN => VALUE...] -- a new connector, returns its name.
sub save
{
	my ($self, $definition, %columns) = @_;
	my $name  = 'c' . ++$self->{saved};
	my @names = sort keys %columns;
	my $said  = $self->ask('INSERT INTO connectors (' . join(', ', 'name', 'config', @names) . ') VALUES ('
		  . join(', ', "'$name'", $self->literal($definition), map { "'$columns{$_}'" } @names) . ')');
	die "cannot save: $said" if $said;
	return $name;
}

# rows SQL -- a list of what a query of one jsonb column gives; nothing may be raised.
sub rows
{
	my ($self, $sql) = @_;
	my $said = $self->ask($sql);
	die "$sql: $said" if $said =~ /^(?:ERROR|WARNING|FATAL)/m;
	return map { $JSON->decode($_) } split /\n/, $said;
}

# run_saved NAME [, INPUT] -- the row of connector_try_execute, which must not raise.
sub run_saved
{
	my ($self, $name, $input) = @_;
	return ($self->rows("SELECT to_jsonb(r) FROM connector_try_execute('$name', " . $self->literal($input // {}) . ') r'))[0];
}

# run DEFINITION [, INPUT [, COLUMN => VALUE...]] -- the same of a new connector.
sub run
{
	my ($self, $definition, $input, %columns) = @_;
	return $self->run_saved($self->save($definition, %columns), $input);
}

# raised DEFINITION [, INPUT] -- what connector_execute of a new connector says.
sub raised
{
	my ($self, $definition, $input) = @_;
	my $name = $self->save($definition);
	return $self->ask("SELECT connector_execute('$name', " . $self->literal($input // {}) . ')');
}

# recorded_steps ROW -- the steps of that execution in the history, by their ids.
sub recorded_steps
{
	my ($self, $row) = @_;
	my ($steps) = $self->rows("SELECT steps_executed FROM connector_executions WHERE id = '$row->{execution_id}'");
	return { map { $_->{id} => $_ } @$steps };
}

# enqueue NAME [, INPUT [, ARGUMENT => SQL...]] -- the id that connector_execute_async gives; it must not raise.
sub enqueue
{
	my ($self, $name, $input, %arguments) = @_;
	my $id = $self->ask("SELECT connector_execute_async('$name', " . $self->literal($input // {})
		  . join('', map { ", $_ => $arguments{$_}" } sort keys %arguments) . ')');
	die "cannot enqueue $name: $id" if $id !~ /\A[0-9a-f-]{36}\z/;
	return $id;
}

# executions [ID...] -- those of connector_executions that the session may read, by id.
sub executions
{
	my ($self, @ids) = @_;
	my $where = @ids ? 'WHERE id IN (' . join(', ', map { "'$_'" } @ids) . ')' : '';
	return map { $_->{id} => { %$_, steps => $_->{steps_executed} } } $self->rows("SELECT to_jsonb(e) FROM connector_executions e $where");
}

# ended ID... -- their rows in that order, as soon as all are over; dies if that does not happen.
sub ended
{
	my ($self, @ids) = @_;
	my %row;
	my $over = poll_until(sub { %row = $self->executions(@ids); !grep { !$row{$_} || !defined $row{$_}{completed_at} } @ids });
	die 'not over: ' . json_text([ map { $row{$_} // $_ } grep { !$row{$_} || !defined $row{$_}{completed_at} } @ids ]) if !$over;
	return wantarray ? @row{@ids} : $row{ $ids[0] };
}

# hang SQL, CONDITION -- gives the session a statement; true when CONDITION is and the backend waits for a remote.
sub hang
{
	my ($self, $sql, $condition) = @_;
	my $psql  = $self->{psql};
	my $waits = "SELECT wait_event_type = 'Extension' AND state = 'active' FROM pg_stat_activity WHERE pid = $self->{pid}";
	$psql->{stdout} = $psql->{stderr} = '';
	$psql->{stdin} .= "$sql;\n";
	$psql->{run}->pump_nb;
	return poll_until(sub { $psql->{run}->pump_nb; $condition->() && $self->{control}->query_safe($waits) eq 't' });
}

# cancel -- what a statement given to hang does then; true when the session says that it was cancelled.
sub cancel
{
	my ($self) = @_;
	my $psql = $self->{psql};
	$self->{control}->query_safe("SELECT pg_cancel_backend($self->{pid})");
	return poll_until(sub { $psql->{run}->pump_nb; $psql->{stderr} =~ /57014: canceling statement due to user request/ });
}

# descriptors -- how many the backend has open.
sub descriptors
{
	my ($self) = @_;
	opendir my $dir, "/proc/$self->{pid}/fd" or die "/proc/$self->{pid}/fd: $!";
	return scalar grep { !/^\./ } readdir $dir;
}

1;
