# MockServer -- an HTTP server that behaves as badly as asked.
#
#   my $mock = MockServer->start;
#   my $url  = $mock->url . '/status/503';
#   $mock->reply('/token', { status => 401 }, { json => { access_token => 'x' } });   # in turn, the last stays
#   my @seen = $mock->requests;          # { method, path, target, headers, body, raw, connection, time }
#   $mock->stop;                         # or at END
#
# Built-in behaviour, by path:
#
#   /ok                     {"ok":true}
#   /json?bytes=N           a JSON object of N bytes
#   /echo                   the request as JSON: method, target, headers, body
#   /status/N               that status, {"status":N}
#   /headers                headers of many kinds, some twice
#   /slow?ms=N              answers after N ms
#   /drip?ms=N&bytes=N      sends a body byte by byte, ms between two bytes
#   /hang                   accepts the request and says nothing
#   /half-header            sends half of the headers, then nothing
#   /close-before           closes before a byte of the answer
#   /close-mid-header       closes in the middle of the headers
#   /close-mid-body         closes in the middle of the body
#   /reset                  closes with RST
#   /endless                a chunked body that does not end
#   /endless-headers        headers that do not end
#   /huge?bytes=N           N bytes of text, with Content-Length
#   /deep?n=N               N nested arrays
#   /brackets?n=N           N times "["
#   /not-json               text/html, though JSON was asked for
#   /not-json-typed         text that is not JSON, announced as JSON
#   /bad-utf8               JSON with a byte that is not UTF-8
#   /nul                    JSON with \u0000 in a string
#   /truncated-json         JSON without its end, Content-Length right
#   /empty                  200 with an empty body, announced as JSON
#   /gzip                   {"ok":true}, compressed
#   /gzip-bomb?bytes=N      N zero bytes, compressed
#   /gzip-broken            announced as gzip, but is not
#   /redirect?to=U&code=N   to a URL or path
#   /redirect-loop          to itself
#   /bad-header             a header line without a colon
#   /bad-status-line        not HTTP at all
#   /many-headers?n=N       N headers
#   /big-header?bytes=N     one header of N bytes
#   /chunked-bad            a chunk size that is no number
#   /length-short           more bytes than Content-Length says
#   /length-long            fewer bytes than Content-Length says, then close
#   /pages?of=P&size=S&page=N&bytes=B   page N (1) of P (3) with S (10) records of about B bytes: {"records": [...],
#                           "next": URL, "cursor": N+1, "more": ..., "total": P*S}, and a Link header; path=B: the
#                           paths of URLs have B bytes more
#   /count                  {"requests":R,"connections":C} since the start, this one included
#   /barrier?n=N&name=X     answers when N requests of that name are there at once; 500 if they do not come
#   /gate?after=A&opens=B&status=N   answers when gate A is open (500 if nobody opens it), then opens gate B
#   anything else           404
#
# Requests to /barrier, /gate and /slow are counted while they wait: $mock->most_at_once is how many there were
# at the same time, at most.  A claim about things at the same time so needs no clock.
#
# One process forks one child for each connection, so a behaviour may sleep as it likes.  The server is a
# program of its own (see run_server below), so that neither END blocks nor test output are inherited.  It ends
# when its standard input does, that is, with the test, however that ends.
package MockServer;

use strict;
use warnings;
use Cwd qw(abs_path);
use Fcntl qw(:flock F_SETFD);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use JSON::PP ();
use POSIX ':sys_wait_h';
use Socket qw(SOL_SOCKET SO_LINGER);
use Time::HiRes qw(sleep);

my $JSON = JSON::PP->new->canonical->utf8;
my %started;

#
# For tests.
#

# start [host => '127.0.0.1'] [, port => 0] -- returns when the server accepts connections.
sub start
{
	my ($class, %option) = @_;
	my $dir      = tempdir('mock_XXXX', TMPDIR => 1);
	my $host     = $option{host} // '127.0.0.1';
	my $listener = IO::Socket::INET->new(
		Listen => 512, LocalAddr => $host, LocalPort => $option{port} // 0, ReuseAddr => 1)
	  or die "cannot listen on $host: $!";
	pipe my $life_end, my $life or die "pipe: $!";
	my $self = bless { dir => $dir, host => $host, port => $listener->sockport, life => $life, owner => $$ }, $class;

	$self->{pid} = fork // die "fork: $!";
	if (!$self->{pid})
	{
		fcntl $listener, F_SETFD, 0;
		open STDIN, '<&', $life_end or POSIX::_exit(1);
		open STDOUT, '>>', "$dir/output" or POSIX::_exit(1);
		open STDERR, '>&', \*STDOUT or POSIX::_exit(1);
		exec $^X, '-I', dirname(abs_path(__FILE__)), '-MMockServer', '-e', 'MockServer::run_server(@ARGV)',
		  fileno $listener, $dir
		  or POSIX::_exit(1);
	}
	$started{ $self->{pid} } = $self;
	return $self;
}

sub host { my ($self) = @_; return $self->{host}; }
sub port { my ($self) = @_; return $self->{port}; }
sub url  { my ($self) = @_; return "http://$self->{host}:$self->{port}"; }
sub pid  { my ($self) = @_; return $self->{pid}; }

# log_file -- JSON lines, one for each request, appended when the request is complete.
sub log_file { my ($self) = @_; return "$self->{dir}/requests"; }

# requests [PATH] -- all requests so far, or those for a path.
sub requests
{
	my ($self, $path) = @_;
	# The last line may be about to be written.
	my @requests = map { $JSON->decode($_) } grep { /\n\z/ } split /^/, _read($self->log_file);
	return grep { !defined $path || $_->{path} eq $path } @requests;
}

# connections -- how many were accepted so far.
sub connections { my ($self) = @_; return _counter("$self->{dir}/connections"); }

# most_at_once -- of the requests that wait, the most there were at the same time.
sub most_at_once { my ($self) = @_; return (split ' ', _read("$self->{dir}/waiting"))[1] // 0; }

# hung_up -- how many requests to /hang the client has given up.
sub hung_up { my ($self) = @_; return _counter("$self->{dir}/hung_up"); }

# open_gate NAME -- as a request to /gate does.  is_open NAME -- did one?
sub open_gate { my ($self, $name) = @_; return _write(_named_file($self->{dir}, 'gate', $name), ''); }
sub is_open   { my ($self, $name) = @_; return -e _named_file($self->{dir}, 'gate', $name); }

# forget -- starts counting and recording again, and closes all gates.
sub forget
{
	my ($self) = @_;
	unlink map { "$self->{dir}/$_" } qw(requests connections count waiting hung_up);
	unlink glob "$self->{dir}/{barrier,gate}.*";
	return;
}

# reply PATH, REPLY... -- answers requests for a path (without its query) from now on: the first with the first
# reply and so on; the last reply answers all that follow.  A reply is a hash with any of
#   status, headers (flat list), body or json, delay_ms, gate (waits until it is open), close (after the answer),
#   raw (all bytes of the answer)
sub reply
{
	my ($self, $path, @replies) = @_;
	my $file = _script_file($self->{dir}, $path);
	unlink "$file.count";
	_write("$file.new", $JSON->encode(\@replies));
	rename "$file.new", $file or die "$file: $!";
	return;
}

sub output
{
	my ($self) = @_;
	return _read("$self->{dir}/output");
}

sub stop
{
	my ($self) = @_;
	my $pid = delete $self->{pid} or return;
	delete $started{$pid};
	return if $self->{owner} != $$;
	my $status = $?;
	close $self->{life};
	kill 'TERM', $pid;
	waitpid $pid, 0;
	$? = $status;
	remove_tree($self->{dir});
	return;
}

END { $_->stop for values %started; }

#
# Files that the processes share.
#
sub _read
{
	my ($file) = @_;
	open my $handle, '<:raw', $file or return '';
	local $/;
	return scalar(<$handle>) // '';
}

sub _write
{
	my ($file, $text) = @_;
	open my $handle, '>:raw', $file or die "$file: $!";
	print {$handle} $text;
	close $handle or die "$file: $!";
	return;
}

# _counter FILE [, STEP] -- adds to a number that the processes share and returns it.
sub _counter
{
	my ($file, $step) = @_;
	return _read($file) || 0 if !$step;
	open my $handle, '+>>', $file or die "$file: $!";
	flock $handle, LOCK_EX;
	seek $handle, 0, 0;
	my $value = (<$handle> // 0) + $step;
	truncate $handle, 0;
	print {$handle} $value;
	close $handle;
	return $value;
}

sub _named_file
{
	my ($dir, $kind, $name) = @_;
	return "$dir/$kind." . unpack 'H*', $name;
}

sub _script_file { my ($dir, $path) = @_; return _named_file($dir, 'script', $path); }

#
# The server.
#
my %server;    # fd, dir, and in a connection's child: socket, buffer, connection

sub run_server
{
	my ($fd, $dir) = @_;
	my %children;
	my $listener = IO::Socket::INET->new_from_fd($fd, 'r') or die "fd $fd: $!";
	%server = (dir => $dir);
	my $stop = sub { kill 'KILL', keys %children; POSIX::_exit(0); };
	local $SIG{TERM} = $stop;
	local $SIG{INT}  = $stop;
	local $SIG{PIPE} = 'IGNORE';
	while (1)
	{
		my $ready = '';
		vec($ready, $_, 1) = 1 for 0, fileno $listener;
		my $found = select $ready, undef, undef, 1;
		while ((my $pid = waitpid -1, WNOHANG) > 0)
		{
			delete $children{$pid};
		}
		next if $found <= 0;
		$stop->() if vec($ready, 0, 1);
		my $socket = $listener->accept or next;
		my $connection = _counter("$dir/connections", 1);
		my $pid = fork;
		if (defined $pid && $pid == 0)
		{
			$SIG{TERM} = $SIG{INT} = 'DEFAULT';
			close $listener;
			$server{socket}     = $socket;
			$server{buffer}     = '';
			$server{connection} = $connection;
			eval { _serve_connection(); 1 } or print STDERR $@;
			POSIX::_exit(0);
		}
		$children{$pid} = 1 if $pid;
		close $socket;
	}
}

sub _serve_connection
{
	while (my $request = _read_request())
	{
		_record($request);
		_answer($request) or last;
		last if lc($request->{headers}{connection} // '') eq 'close';
	}
	# What was not read would make the kernel send RST and could cost the client the answer.
	shutdown $server{socket}, 1;
	my $timeout = '';
	vec($timeout, fileno $server{socket}, 1) = 1;
	sysread $server{socket}, my $rest, 65536 if select $timeout, undef, undef, 0.2;
	return;
}

sub _fill
{
	return sysread $server{socket}, $server{buffer}, 65536, length $server{buffer};
}

sub _take
{
	my ($size) = @_;
	while (length $server{buffer} < $size)
	{
		_fill() or return;
	}
	return substr $server{buffer}, 0, $size, '';
}

sub _take_line
{
	my $end;
	while (($end = index $server{buffer}, "\r\n") < 0)
	{
		_fill() or return;
	}
	return substr $server{buffer}, 0, $end + 2, '';
}

sub _read_request
{
	my $end;
	while (($end = index $server{buffer}, "\r\n\r\n") < 0)
	{
		_fill() or return;
	}
	my $head = _take($end + 4);
	my ($line, @lines) = split /\r\n/, $head;
	my %headers;
	for (@lines)
	{
		my ($name, $value) = /\A([^:]+):[ \t]*(.*?)[ \t]*\z/ or next;
		$name = lc $name;
		$headers{$name} = exists $headers{$name} ? "$headers{$name}, $value" : $value;
	}
	my ($method, $target) = split / /, $line;
	if (lc($headers{expect} // '') eq '100-continue')
	{
		_send("HTTP/1.1 100 Continue\r\n\r\n");
	}
	my ($body, $raw_body) = _read_body(\%headers);
	return if !defined $body;
	my ($path, $query) = split /\?/, $target, 2;
	my %query = map { my ($name, $value) = split /=/, $_, 2; ($name => _url_decode($value // '')) }
	  split /&/, $query // '';
	return {
		method => $method, target => $target, path => $path, query => \%query, headers => \%headers,
		body => $body, raw => $head . $raw_body, connection => $server{connection} };
}

sub _read_body
{
	my ($headers) = @_;
	if (lc($headers->{'transfer-encoding'} // '') eq 'chunked')
	{
		my ($body, $raw) = ('', '');
		while (1)
		{
			my $line = _take_line() // return;
			my $size = hex(($line =~ /\A([0-9a-fA-F]+)/)[0] // 0);
			my $chunk = _take($size + 2) // return;
			$raw .= $line . $chunk;
			return ($body, $raw) if $size == 0;
			$body .= substr $chunk, 0, $size;
		}
	}
	my $body = _take($headers->{'content-length'} // 0);
	return ($body, $body);
}

# Bytes become JSON strings one to one (Latin-1), so `raw` in the log is exact.
sub _record
{
	my ($request) = @_;
	$request->{time} = Time::HiRes::time();
	open my $log, '>>', "$server{dir}/requests" or die "$server{dir}/requests: $!";
	flock $log, LOCK_EX;
	$log->autoflush(1);
	print {$log} JSON::PP->new->canonical->ascii->encode($request), "\n";
	close $log;
	$request->{number} = _counter("$server{dir}/count", 1);
	return;
}

sub _url_decode
{
	my ($text) = @_;
	$text =~ s/%([0-9a-fA-F]{2})/chr hex $1/ge;
	return $text;
}

sub _send
{
	my ($text) = @_;
	my $sent = 0;
	while ($sent < length $text)
	{
		my $now = syswrite $server{socket}, $text, length($text) - $sent, $sent;
		POSIX::_exit(0) if !$now;
		$sent += $now;
	}
	return;
}

sub _reply
{
	my ($status, $body, @headers) = @_;
	my %given = map { lc $_ => 1 } @headers[ grep { $_ % 2 == 0 } 0 .. $#headers ];
	unshift @headers, 'Content-Type' => 'application/json' if !$given{'content-type'};
	push @headers, 'Content-Length' => length $body if !$given{'content-length'} && !$given{'transfer-encoding'};
	my $text = "HTTP/1.1 $status Mock\r\n";
	while (my ($name, $value) = splice @headers, 0, 2)
	{
		$text .= "$name: $value\r\n";
	}
	_send("$text\r\n$body");
	return 1;
}

# A behaviour returns true if the connection goes on.
my $OK = '{"ok":true}';
my %BEHAVIOUR = (
	'/ok'              => sub { _reply(200, $OK) },
	'/json'            => \&_json,
	'/echo'            => \&_echo,
	'/headers'         => \&_headers,
	'/slow'            => \&_slow,
	'/drip'            => \&_drip,
	'/hang'            => \&_hang,
	'/half-header'     => sub { _send("HTTP/1.1 200 OK\r\nContent-Ty"); _hang() },
	'/close-before'    => sub { 0 },
	'/close-mid-header' => sub { _send("HTTP/1.1 200 OK\r\nContent-Ty"); 0 },
	'/close-mid-body'  => sub { _reply(200, '{"ok":', 'Content-Length' => 11); 0 },
	'/reset'           => \&_reset,
	'/endless'         => \&_endless,
	'/endless-headers' => \&_endless_headers,
	'/huge'            => \&_huge,
	'/deep'            => \&_deep,
	'/brackets'        => sub { my ($r) = @_; _reply(200, '[' x ($r->{query}{n} // 10_000_000)) },
	'/not-json'        => sub { _reply(200, '<html>sorry</html>', 'Content-Type' => 'text/html') },
	'/not-json-typed'  => sub { _reply(200, '<html>sorry</html>') },
	'/bad-utf8'        => sub { _reply(200, qq({"name":"\xc3\x28"})) },
	'/nul'             => sub { _reply(200, '{"name":"a\u0000b"}') },
	'/truncated-json'  => sub { _reply(200, '{"name":"Ada","tags":["a",') },
	'/empty'           => sub { _reply(200, '') },
	'/gzip'            => sub { _reply(200, _gzip($OK), 'Content-Encoding' => 'gzip') },
	'/gzip-bomb'       => \&_gzip_bomb,
	'/gzip-broken'     => sub { _reply(200, $OK, 'Content-Encoding' => 'gzip') },
	'/redirect'        => \&_redirect,
	'/redirect-loop'   => sub { _reply(302, '', Location => '/redirect-loop') },
	'/bad-header'      => sub { _send("HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 2\r\n\r\n{}"); 0 },
	'/bad-status-line' => sub { _send("SSH-2.0-mock\r\n"); 0 },
	'/many-headers'    => \&_many_headers,
	'/big-header'      => \&_big_header,
	'/chunked-bad'     => sub { _reply(200, "zz\r\n$OK\r\n0\r\n\r\n", 'Transfer-Encoding' => 'chunked'); 0 },
	'/length-short'    => sub { _reply(200, $OK . 'HTTP/1.1 200 smuggled', 'Content-Length' => length $OK); 0 },
	'/length-long'     => sub { _reply(200, $OK, 'Content-Length' => 1000); 0 },
	'/count'           => \&_count,
	'/pages'           => \&_pages,
	'/barrier'         => \&_barrier,
	'/gate'            => \&_gate,
);

sub _answer
{
	my ($request) = @_;
	my $script = _script_file($server{dir}, $request->{path});
	return _scripted($script) if -e $script;
	if ($request->{path} =~ m{\A/status/(\d{3})\z})
	{
		return _reply($1, $1 == 204 || $1 == 304 ? '' : qq({"status":$1}));
	}
	my $behaviour = $BEHAVIOUR{ $request->{path} =~ s/;.*//r };
	return $behaviour ? $behaviour->($request) : _reply(404, '{"error":"no such path"}');
}

sub _scripted
{
	my ($script) = @_;
	my $replies = $JSON->decode(_read($script));
	my $call    = _counter("$script.count", 1);
	my $reply   = $replies->[ $call > @$replies ? -1 : $call - 1 ];
	sleep $reply->{delay_ms} / 1000 if $reply->{delay_ms};
	_wait_until(sub { -e _named_file($server{dir}, 'gate', $reply->{gate}) }) if defined $reply->{gate};
	my @headers = @{ $reply->{headers} // [] };
	if    (defined $reply->{raw})  { utf8::downgrade($reply->{raw}); _send($reply->{raw}); }
	elsif (defined $reply->{json}) { _reply($reply->{status} // 200, $JSON->encode($reply->{json}), @headers); }
	else
	{
		my $body = $reply->{body} // '';
		utf8::encode($body) if !utf8::downgrade($body, 1);
		_reply($reply->{status} // 200, $body, @headers);
	}
	return !$reply->{close};
}

sub _json
{
	my ($request) = @_;
	my $bytes = $request->{query}{bytes} // 100;
	my $pad   = $bytes - length '{"data":""}';
	return _reply(200, '{"data":"' . 'x' x ($pad > 0 ? $pad : 0) . '"}');
}

sub _echo
{
	my ($request) = @_;
	return _reply(200, JSON::PP->new->canonical->ascii->encode(
			{ map { $_ => $request->{$_} } qw(method target path headers body) }));
}

sub _headers
{
	return _reply(200, $OK, 'X-Plain' => 'plain', 'X-Twice' => 'one', 'X-Twice' => 'two', 'X-Empty' => '',
		'X-Long' => 'y' x 1000, 'Set-Cookie' => 'session=1; HttpOnly', 'X-Request-Id' => 'mock-1');
}

sub _drip
{
	my ($request) = @_;
	my $bytes = $request->{query}{bytes} // 20;
	_reply(200, '', 'Content-Type' => 'text/plain', 'Content-Length' => $bytes);
	for (1 .. $bytes)
	{
		_send('x');
		sleep(($request->{query}{ms} // 100) / 1000);
	}
	return 1;
}

# Says nothing until the client goes away.
sub _hang
{
	while (_fill()) { $server{buffer} = ''; }
	_counter("$server{dir}/hung_up", 1);
	return 0;
}

sub _reset
{
	setsockopt $server{socket}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
	close $server{socket};
	POSIX::_exit(0);
}

sub _endless
{
	_reply(200, '', 'Content-Type' => 'text/plain', 'Transfer-Encoding' => 'chunked');
	my $chunk = sprintf "%x\r\n%s\r\n", 16384, 'e' x 16384;
	_send($chunk) while 1;
}

sub _endless_headers
{
	_send("HTTP/1.1 200 OK\r\n");
	for (my $i = 0;; $i++)
	{
		_send("X-Header-$i: " . 'h' x 1000 . "\r\n");
	}
}

sub _huge
{
	my ($request) = @_;
	my $left = $request->{query}{bytes} // 1 << 20;
	_reply(200, '', 'Content-Type' => 'text/plain', 'Content-Length' => $left);
	while ($left > 0)
	{
		my $now = $left < 65536 ? $left : 65536;
		_send('h' x $now);
		$left -= $now;
	}
	return 1;
}

sub _deep
{
	my ($request) = @_;
	my $n = $request->{query}{n} // 100;
	return _reply(200, '[' x $n . ']' x $n);
}

sub _gzip
{
	my ($text) = @_;
	require IO::Compress::Gzip;
	IO::Compress::Gzip::gzip(\$text, \my $zipped);
	return $zipped;
}

sub _gzip_bomb
{
	my ($request) = @_;
	return _reply(200, _gzip("\0" x ($request->{query}{bytes} // 64 << 20)), 'Content-Encoding' => 'gzip');
}

sub _redirect
{
	my ($request) = @_;
	return _reply($request->{query}{code} // 302, '', Location => $request->{query}{to} // '/ok');
}

sub _many_headers
{
	my ($request) = @_;
	return _reply(200, $OK, map { ("X-Header-$_" => $_) } 1 .. $request->{query}{n} // 1000);
}

sub _big_header
{
	my ($request) = @_;
	return _reply(200, $OK, 'X-Big' => 'b' x ($request->{query}{bytes} // 100_000));
}

sub _pages
{
	my ($request) = @_;
	my ($of, $size, $page, $bytes, $path) =
	  map { $request->{query}{ $_->[0] } || $_->[1] } [ of => 3 ], [ size => 10 ], [ page => 1 ], [ bytes => 20 ], [ path => 0 ];
	my $first   = ($page - 1) * $size;
	my $text    = 'x' x $bytes;
	my $records = join ',', map { qq({"id":$_,"name":"record $_","text":"$text"}) } $first + 1 .. $first + $size;
	my $more    = $page < $of ? 1 : 0;
	my $next    = '/pages' . ';' x $path . "?of=$of&size=$size&bytes=$bytes&path=$path&page=" . ($page + 1);
	return _reply(
		200,
		qq({"records":[$records],"total":) . $of * $size
		  . ($more ? qq(,"more":true,"next":"$next","cursor":) . ($page + 1) : ',"more":false,"next":null,"cursor":null') . '}',
		$more ? (Link => qq(<$next>; rel="next")) : ());
}

sub _count
{
	my ($request) = @_;
	my $connections = _counter("$server{dir}/connections");
	return _reply(200, qq({"requests":$request->{number},"connections":$connections}));
}

#
# Waiting for each other.
#

# For how long a barrier or gate is waited at; only a test that fails waits so long.
my $PATIENCE = 20;

# _waiting STEP -- counts one more or less request that waits, and keeps the most there ever were.
sub _waiting
{
	my ($step) = @_;
	my $file = "$server{dir}/waiting";
	open my $handle, '+>>', $file or die "$file: $!";
	flock $handle, LOCK_EX;
	seek $handle, 0, 0;
	my ($now, $most) = split ' ', <$handle> // '0 0';
	$now += $step;
	$most = $now if $now > $most;
	truncate $handle, 0;
	print {$handle} "$now $most";
	close $handle;
	return;
}

# _wait_until SUB [, SECONDS] -- counted as waiting meanwhile; false if it does not come true.  The count goes down
# before the answer is sent, so that a client that goes on at once is not counted twice.
sub _wait_until
{
	my ($condition, $pause) = @_;
	my $end = Time::HiRes::time() + $PATIENCE;
	my $true;
	_waiting(1);
	sleep $pause // 0.002 while !($true = $condition->()) && Time::HiRes::time() < $end;
	_waiting(-1);
	return $true;
}

sub _slow
{
	my ($request) = @_;
	_waiting(1);
	sleep(($request->{query}{ms} // 1000) / 1000);
	_waiting(-1);
	return _reply(200, $OK);
}

# The first N that come pass together, then the next N and so on.
sub _barrier
{
	my ($request) = @_;
	my $n    = $request->{query}{n} // 2;
	my $file = _named_file($server{dir}, 'barrier', $request->{query}{name} // '');
	my $needed;
	my $complete = sub {
		$needed //= POSIX::ceil(_counter($file, 1) / $n) * $n;
		return _counter($file) >= $needed;
	};
	return _reply(200, $OK) if _wait_until($complete, $n * 0.0002 + 0.001);
	return _reply(500, qq({"error":"there are not $n at once"}));
}

sub _gate
{
	my ($request) = @_;
	my ($after, $opens) = map { $request->{query}{$_} } qw(after opens);
	if (defined $after && !_wait_until(sub { -e _named_file($server{dir}, 'gate', $after) }))
	{
		return _reply(500, '{"error":"nobody opened the gate"}');
	}
	_reply($request->{query}{status} // 200, $OK);
	_write(_named_file($server{dir}, 'gate', $opens), '') if defined $opens;
	return 1;
}

1;
