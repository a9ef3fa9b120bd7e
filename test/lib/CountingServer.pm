# CountingServer -- the server that counts requests (counting_server.c), for tests.
#
#   my $server = CountingServer->start;
#   my $url    = $server->url . '/ok?set=orders&n=17';
#   $server->counts('orders');         # { 17 => 1 }: how often each number was asked for
#   $server->state;                    # { requests, accepted, open, waiting, most_waiting }
#   $server->open_gate('a');           # those who wait at /gate/a are answered; shut_gate is the opposite
#   $server->close_idle;               # closes all connections without a request, returns how many
#   $server->forget;                   # counts
#
# It is compiled when it is started first, and ends when the test does.  What paths there are is said in
# counting_server.c.
package CountingServer;

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();

my %started;

sub _compile
{
	my ($dir) = @_;
	my $source = dirname(abs_path(__FILE__)) . '/counting_server.c';
	my @command = ($ENV{CC} // 'cc', '-O2', '-o', "$dir/counting_server", $source);
	system(@command) == 0 or die "@command: failed";
	return "$dir/counting_server";
}

sub start
{
	my ($class) = @_;
	my $dir = tempdir('counting_XXXX', TMPDIR => 1, CLEANUP => 1);
	my $program = _compile($dir);
	pipe my $life_end, my $life      or die "pipe: $!";
	pipe my $output,   my $port_end  or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if (!$pid)
	{
		open STDIN,  '<&', $life_end or POSIX::_exit(1);
		open STDOUT, '>&', $port_end or POSIX::_exit(1);
		close $_ for $life, $output;
		exec $program or POSIX::_exit(1);
	}
	close $_ for $life_end, $port_end;
	my $port = <$output> // die 'the counting server does not start';
	my $self = bless { dir => $dir, pid => $pid, life => $life, port => $port + 0, owner => $$ }, $class;
	$started{$pid} = $self;
	return $self;
}

sub port { my ($self) = @_; return $self->{port}; }
sub url  { my ($self) = @_; return "http://127.0.0.1:$self->{port}"; }
sub pid  { my ($self) = @_; return $self->{pid}; }

# control PATH -- what the server says, as Perl data.
sub control
{
	my ($self, $path) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port})
	  or die "the counting server is gone: $!";
	print {$socket} "GET /control/$path HTTP/1.1\r\n\r\n";
	my $length;
	while (my $line = <$socket>)
	{
		$length = $1 if $line =~ /^Content-Length: (\d+)/;
		last if $line eq "\r\n";
	}
	read($socket, my $body, $length // 0) == ($length // -1) or die "/control/$path: no answer";
	return JSON::PP::decode_json($body);
}

sub counts     { my ($self, $set)  = @_; return $self->control("counts/$set"); }
sub state      { my ($self)        = @_; return $self->control('state'); }
sub open_gate  { my ($self, $name) = @_; return $self->control("open/$name"); }
sub shut_gate  { my ($self, $name) = @_; return $self->control("shut/$name"); }
sub close_idle { my ($self)        = @_; return $self->control('close-idle')->{closed}; }
sub forget     { my ($self)        = @_; return $self->control('forget'); }

sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid} or return;
	delete $started{$pid};
	return if $self->{owner} != $$;
	my $status = $?;
	close $self->{life};
	waitpid $pid, 0;
	$? = $status;
	return;
}

END { $_->stop for values %started; }

1;
