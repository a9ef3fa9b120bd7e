# ConnectorTest -- clusters with connector, for TAP tests.
#
#   use ConnectorTest;
#   use Test::More;
#
#   my $mock = MockServer->start;
#   my $node = new_cluster('main', 'connector.max_steps' => 7);
#   $node->safe_psql('app', 'SELECT ...');          # PostgreSQL::Test::Cluster
#   done_testing();
#
# The cluster preloads connector, has a key file, may call the loopback interface unless
# 'connector.allowed_networks' is given, has no circuit breakers unless 'connector.breaker_min_requests' is, for tests
# fail often, and has a database `app` with the extension.  Clusters and helper
# servers are stopped when the test ends, also by a signal.
package ConnectorTest;

use strict;
use warnings;
use Exporter qw(import);
use IO::Socket::INET;
use MockServer;
use Nginx;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use TestCA;
use Test::More;

our @EXPORT = qw(new_cluster create_database write_key_file free_port start_program stop_program psql_error
  as_role poll_until);

# A signal must end in END blocks, or servers would stay; but not in a child that has not become another
# program yet.
my $test = $$;
$SIG{$_} = sub { $$ == $test ? exit 1 : POSIX::_exit(1) } for qw(INT TERM HUP);

my %programs;    # pid => 1

# new_cluster NAME, SETTING => VALUE... -- starts a cluster; a value of undef leaves that setting out.
#
# Pseudo-settings: `extension` 0 creates no database; `start` 0 does not start it; `extra_preload` names more
# libraries.
sub new_cluster
{
	my ($name, %settings) = @_;
	my $extension = delete $settings{extension}     // 1;
	my $start     = delete $settings{start}         // 1;
	my $preload   = delete $settings{extra_preload} // '';
	my $node      = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
	my %all = (
		'shared_preload_libraries'   => join(',', grep { length } $preload, 'connector'),
		'connector.key_file'         => $node->basedir . '/keys',
		'connector.allowed_networks' => '127.0.0.0/8, ::1/128',
		'connector.breaker_min_requests' => 0,
		'max_worker_processes'       => 20,
		'max_connections'            => 100,
		%settings);
	write_key_file($node->basedir . '/keys');
	$node->append_conf('postgresql.conf', _setting_line($_, $all{$_}))
	  for grep { defined $all{$_} } sort keys %all;
	$node->start                if $start;
	create_database($node, 'app') if $start && $extension;
	return $node;
}

sub _setting_line
{
	my ($name, $value) = @_;
	$value =~ s/'/''/g;
	return "$name = '$value'";
}

# create_database NODE, NAME -- with the extension in it.
sub create_database
{
	my ($node, $name) = @_;
	$node->safe_psql('postgres', qq(CREATE DATABASE "$name"));
	$node->safe_psql($name, 'CREATE EXTENSION connector');
	return;
}

# write_key_file FILE [, KEY_ID...] -- a master key for each id, the first is the one for new secrets.
sub write_key_file
{
	my ($file, @ids) = @_;
	@ids = ('test-key') if !@ids;
	open my $random, '<:raw', '/dev/urandom' or die "/dev/urandom: $!";
	unlink $file;
	my $umask = umask 077;
	open my $handle, '>', $file or die "$file: $!";
	umask $umask;
	for my $id (@ids)
	{
		sysread $random, my $bytes, 32;
		print {$handle} "$id:", unpack('H*', $bytes), "\n";
	}
	close $handle or die "$file: $!";
	return $file;
}

# free_port -- a TCP port of the loopback interface that nobody listens on.
sub free_port
{
	my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "no free port: $!";
	return $socket->sockport;
}

# psql_error NODE, DATABASE, SQL -- what psql writes to stderr, with SQLSTATEs; '' if all went well.
sub psql_error
{
	my ($node, $database, $sql) = @_;
	my $stderr = '';
	$node->psql($database, "\\set VERBOSITY verbose\n$sql", stderr => \$stderr, on_error_stop => 1);
	return $stderr;
}

# as_role ROLE, SQL -- the statements, done as that role.
sub as_role
{
	my ($role, $sql) = @_;
	return qq(SET ROLE "$role";\n$sql;\nRESET ROLE;);
}

# poll_until SUB [, SECONDS] -- true as soon as SUB returns true, false if it never does.
sub poll_until
{
	my ($condition, $seconds) = @_;
	my $end = time + ($seconds // $PostgreSQL::Test::Utils::timeout_default);
	while (time < $end)
	{
		return 1 if $condition->();
		select undef, undef, undef, 0.05;
	}
	return 0;
}

# start_program LOG, COMMAND... -- runs a helper in the background, returns its pid; stopped at the end.
sub start_program
{
	my ($log, @command) = @_;
	my $pid = fork // die "fork: $!";
	if (!$pid)
	{
		open STDIN,  '<',  '/dev/null' or POSIX::_exit(1);
		open STDOUT, '>>', $log        or POSIX::_exit(1);
		open STDERR, '>&', \*STDOUT    or POSIX::_exit(1);
		exec @command or POSIX::_exit(127);
	}
	$programs{$pid} = $$;
	return $pid;
}

sub stop_program
{
	my ($pid, $signal) = @_;
	my $owner = delete $programs{$pid};
	return if !defined $owner || $owner != $$;
	my $status = $?;
	kill $signal // 'TERM', $pid;
	waitpid $pid, 0;
	my $result = $?;
	$? = $status;
	return $result;
}

END { stop_program($_) for keys %programs; }

1;
