# Nginx -- a private nginx, run by the current user.
#
#   my $nginx = Nginx->start(
#       servers => [
#           { locations => "location / { return 200 'hello'; }" },
#           { tls => $ca->server('127.0.0.1'), http2 => 1, locations => '...' },
#       ],
#       http => 'limit_req_zone ...;');     # more lines for the http block, if need be
#   $nginx->url(0)      # http://127.0.0.1:PORT of the first server
#   $nginx->url(1)      # https://127.0.0.1:PORT of the second
#   $nginx->stop;       # or at END
#
# A server has its own free port; `options` adds lines to its block.  Files served with `root html;` are
# written by $nginx->file($name, $content); the path of that directory is $nginx->dir . '/html'.
package Nginx;

use strict;
use warnings;
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep);

my %started;

# program -- the path of nginx, undef if there is none.
sub program
{
	for my $dir (split(/:/, $ENV{PATH}), qw(/usr/sbin /usr/local/sbin))
	{
		return "$dir/nginx" if -x "$dir/nginx";
	}
	return;
}

sub start
{
	my ($class, %option) = @_;
	my $program = program() or die 'nginx is not installed';
	my $dir     = tempdir('nginx_XXXX', TMPDIR => 1);
	my $self    = bless { dir => $dir, servers => $option{servers}, owner => $$ }, $class;
	mkdir "$dir/$_" or die "$dir/$_: $!" for qw(html tmp);
	# All ports are held until each is known, so that no two are the same.
	my @held = map { IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') } @{ $option{servers} };
	$self->{ports} = [ map { $_->sockport } @held ];
	close $_ for @held;
	open my $config, '>', "$dir/nginx.conf" or die "$dir/nginx.conf: $!";
	print {$config} $self->_config($option{http} // '', $option{workers} // 1);
	close $config or die "$dir/nginx.conf: $!";

	$self->{pid} = fork // die "fork: $!";
	if (!$self->{pid})
	{
		open STDIN,  '<',  '/dev/null';
		open STDOUT, '>>', "$dir/error.log";
		open STDERR, '>&', \*STDOUT;
		exec $program, '-p', $dir, '-c', "$dir/nginx.conf", '-e', "$dir/error.log" or POSIX::_exit(1);
	}
	$started{ $self->{pid} } = $self;
	$self->_wait_for_port($_) for @{ $self->{ports} };
	return $self;
}

sub dir  { my ($self) = @_; return $self->{dir}; }
sub pid  { my ($self) = @_; return $self->{pid}; }
sub port { my ($self, $i) = @_; return $self->{ports}[ $i // 0 ]; }

sub url
{
	my ($self, $i) = @_;
	my $scheme = $self->{servers}[ $i // 0 ]{tls} ? 'https' : 'http';
	return "$scheme://127.0.0.1:" . $self->port($i);
}

sub file
{
	my ($self, $name, $content) = @_;
	open my $handle, '>:raw', "$self->{dir}/html/$name" or die "$name: $!";
	print {$handle} $content;
	close $handle or die "$name: $!";
	return;
}

sub error_log  { my ($self) = @_; return $self->_slurp('error.log'); }
sub access_log { my ($self) = @_; return $self->_slurp('access.log'); }

sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid} or return;
	delete $started{$pid};
	return if $self->{owner} != $$;
	my $status = $?;
	kill 'TERM', $pid;
	waitpid $pid, 0;
	$? = $status;
	remove_tree($self->{dir});
	return;
}

END { $_->stop for values %started; }

sub _config
{
	my ($self, $http, $workers) = @_;
	my $servers = '';
	for my $i (0 .. $#{ $self->{servers} })
	{
		my $server = $self->{servers}[$i];
		my $listen = "127.0.0.1:$self->{ports}[$i]";
		$listen .= ' ssl'   if $server->{tls};
		$listen .= ' http2' if $server->{http2};
		my $tls = $server->{tls} ? "ssl_certificate $server->{tls}{cert}; ssl_certificate_key $server->{tls}{key};" : '';
		$servers .= "server { listen $listen; $tls\n"
		  . ($server->{options} // '') . "\n" . ($server->{locations} // '') . "\n}\n";
	}
	# `user` is only understood by root; others get a warning for it.
	my $temp = join "\n",
	  map { "${_}_temp_path $self->{dir}/tmp/$_;" } qw(client_body proxy fastcgi uwsgi scgi);
	return <<"CONFIG";
daemon off;
master_process on;
worker_processes $workers;
pid $self->{dir}/nginx.pid;
error_log $self->{dir}/error.log warn;
events { worker_connections 4096; }
http {
access_log $self->{dir}/access.log;
default_type application/json;
$temp
$http
$servers
}
CONFIG
}

sub _wait_for_port
{
	my ($self, $port) = @_;
	for (1 .. 500)
	{
		return if IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
		if (waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid})
		{
			delete $started{ delete $self->{pid} };
			die "nginx ended:\n" . $self->error_log;
		}
		sleep 0.02;
	}
	die "nginx does not listen on $port:\n" . $self->error_log;
}

sub _slurp
{
	my ($self, $name) = @_;
	open my $handle, '<', "$self->{dir}/$name" or return '';
	local $/;
	return scalar(<$handle>) // '';
}

1;
