# What goes over the wire: every file of test/wire is one case, a call of a connector with the exact bytes of
# the requests it makes and of the replies it gets.
#
#   The first line names the case; what follows up to the first section is a comment.
#   == config                 the connector's definition
#   == input                  the call's input; {} if there is none
#   == credential KIND        the secret of credential "wire", bound to %[host]
#   == parameters             its parameters
#   == request                a request that must be sent; none: nothing may be sent
#   == reply [close]          what it is answered with; close: and then the connection ends
#   == output                 the output, or
#   == error CODE STATUS      the failed call's code, its HTTP status (0: none) and its whole message
#
# The line feed before the next section is not part of one.  The lines of a head end in CR LF on the wire,
# those of a body in LF, or in CR LF if the section is marked `crlf`.  Placeholders, in every section:
#
#   %[usual]                  the headers of every request, as method_get.case spells them out
#   %[host] %[other]          address and port of the server; of another that answers with the same replies
#   %[length]                 bytes of the body
#   %[encodings]              what Accept-Encoding says, which depends on libcurl
#   %[boundary]               of a multipart body: connector- and 24 hexadecimal digits
#   %[hex 00ff]               bytes
#   %[gzip TEXT]              TEXT, compressed
#   %[repeat N TEXT]          TEXT, N times
#
# In every case with a credential neither the result nor the history may show its secret.
use strict;
use warnings;
use ConnectorTest;
use Encode qw(decode);
use File::Basename qw(basename dirname);
use File::Glob qw(bsd_glob);
use IO::Compress::Gzip qw(gzip);
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Storable qw(fd_retrieve store_fd);
use Test::More;

my @listeners = map {
	IO::Socket::INET->new(Listen => 16, LocalAddr => $_, LocalPort => 0) or die "cannot listen on $_: $!"
} '127.0.0.1', '127.0.0.2';
my %place = (host => address($listeners[0]), other => address($listeners[1]));

my $USUAL = join "\n", 'Host: %[host]', 'User-Agent: wire-test', 'Accept-Encoding: %[encodings]',
  'Accept: application/json, */*;q=0.5';

my $node = new_cluster('wire', 'connector.user_agent' => 'wire-test');
$node->safe_psql('app', "CREATE ROLE wire LOGIN; SELECT connector_maintain();
	SELECT connector_create_workspace('wire', 'Wire', owner => 'wire')");

my @files = bsd_glob(dirname(__FILE__) . '/../wire/*.case');
cmp_ok(scalar @files, '>=', 30, 'there are cases');
for my $file (@files)
{
	my $case = read_case($file);
	subtest basename($file, '.case') . ": $case->{name}" => sub { run_case($case) };
}
done_testing();

sub address
{
	my ($socket) = @_;
	return $socket->sockhost . ':' . $socket->sockport;
}

#
# Case files.
#

sub read_case
{
	my ($file) = @_;
	open my $handle, '<:raw', $file or die "$file: $!";
	local $/;
	my ($head, @sections) = split /^== (.*)\n/m, scalar <$handle>;
	my %case = (input => '{}', parameters => '{}', request => [], reply => []);
	($case{name}) = $head =~ /\A(.*)/;
	while (my ($title, $text) = splice @sections, 0, 2)
	{
		my ($kind, @words) = split ' ', $title;
		$text =~ s/\n\z//;
		if ($kind eq 'request' || $kind eq 'reply')
		{
			push @{ $case{$kind} }, { text => $text, map { ($_ => 1) } @words };
			next;
		}
		$kind =~ /\A(?:config|input|credential|parameters|output|error)\z/ or die "$file: no section is called $kind";
		$case{$kind} = expand($text);
		$case{"$kind words"} = \@words;
	}
	defined $case{config} && (defined $case{output} xor defined $case{error}) or die "$file is not complete";
	return \%case;
}

sub expand
{
	my ($text, %more) = @_;
	my %known = (%place, %more);
	$text =~ s/%\[usual\]/$USUAL/g;
	$text =~ s/%\[hex ([0-9a-f ]+)\]/pack 'H*', $1 =~ tr{ }{}dr/ge;
	$text =~ s/%\[repeat (\d+) (.*?)\]/$2 x $1/gse;
	$text =~ s/%\[gzip (.*?)\]/gzipped($1)/gse;
	$text =~ s/%\[(\w+)\]/$known{$1} \/\/ "%[$1]"/ge;
	return $text;
}

sub gzipped
{
	my ($text) = @_;
	gzip(\$text, \my $zipped);
	return $zipped;
}

# message PART, MORE... -- the bytes of a request or reply.
sub message
{
	my ($part, %more) = @_;
	my ($head, $body) = split /\n\n/, $part->{text}, 2;
	$body //= '';
	$body =~ s/\n/\r\n/g if $part->{crlf};
	$body = expand($body, %more);
	$head = expand($head, %more, length => length $body) =~ s/\n\z//r;
	return $head =~ s/\n/\r\n/gr . "\r\n\r\n$body";
}

#
# Running one.
#

sub run_case
{
	my ($case) = @_;
	my $server = start_server(map { { bytes => message($_), close => $_->{close} } } @{ $case->{reply} });
	my $result = call($case);
	my @seen   = @{ stop_server($server) };

	if (defined $case->{output})
	{
		is($result->{error_code}, undef, 'no error') or diag($result->{error_message});
		is($result->{output}, $result->{wanted}, 'output');
	}
	else
	{
		my ($code, $status) = @{ $case->{'error words'} };
		is($result->{error_code}, $code, 'error code');
		is($result->{http_status} // 0, $status, 'HTTP status');
		is($result->{error_message}, decode('UTF-8', $case->{error}), 'message');
		is($result->{output}, undef, 'no output');
	}
	is(scalar @seen, scalar @{ $case->{request} }, 'number of requests');
	for my $i (0 .. $#{ $case->{request} })
	{
		my %more = found_in($seen[$i] // '');
		is(visible($seen[$i]), visible(message($case->{request}[$i], %more)), 'request ' . ($i + 1));
	}
	check_secrets($case, $result) if defined $case->{credential};
	return;
}

# The values of placeholders that only the request itself can tell.
sub found_in
{
	my ($request) = @_;
	my %found;
	$found{boundary}  = $1 if $request =~ /^Content-Type: multipart\/form-data; boundary=(connector-[0-9a-f]{24})\r$/m;
	$found{encodings} = $1 if $request =~ /^Accept-Encoding: (\w+(?:, \w+)*)\r$/m;
	return %found;
}

# One line a line, every byte to be seen.
sub visible
{
	my ($bytes) = @_;
	return if !defined $bytes;
	$bytes =~ s/([^ -~\n])/sprintf '<%02x>', ord $1/ge;
	return $bytes;
}

sub check_secrets
{
	my ($case, $result) = @_;
	my $secret = decode_json($case->{credential});
	isnt($result->{history}, undef, 'there is a history');
	for my $field (grep { $_ ne 'username' && length $secret->{$_} >= 6 } sort keys %$secret)
	{
		is(index($result->{$_} // '', $secret->{$field}), -1, "$field is not in the $_")
		  for qw(output error_message steps history);
	}
	return;
}

# call CASE -- saves the connector and calls it as a member of the workspace; a hash of strings.
sub call
{
	my ($case) = @_;
	my $sql = "SET ROLE wire;\n";
	if (defined $case->{credential})
	{
		my ($kind) = @{ $case->{'credential words'} };
		$sql .= sprintf "DO \$do\$BEGIN PERFORM connector_credential_set('wire', %s, kind => '%s', parameters => %s,"
		  . " allowed_hosts => ARRAY['http://%s']); END\$do\$;\n",
		  quoted($case->{credential}), $kind, quoted($case->{parameters}), $place{host};
	}
	$sql .= sprintf "INSERT INTO connectors (name, config) VALUES ('wire', %s);\n", quoted($case->{config});
	$sql .= sprintf "CREATE TEMP TABLE result AS SELECT * FROM connector_try_execute('wire', %s);\n",
	  quoted($case->{input});
	$sql .= sprintf "SELECT row_to_json(r) FROM (SELECT error_code, error_message, http_status, output::text,"
	  . " steps::text, %s::jsonb::text AS wanted, (SELECT h::text FROM connector_executions h"
	  . " WHERE h.id = execution_id) AS history FROM result) r;\n",
	  defined $case->{output} ? quoted($case->{output}) : 'NULL';
	$sql .= "DELETE FROM connectors;\n";
	my ($stdout, $stderr);
	my $status = $node->psql('app', $sql, stdout => \$stdout, stderr => \$stderr, on_error_stop => 1);
	is("$status $stderr", '0 ', 'the statements run') or return {};
	return decode_json($stdout);
}

sub quoted
{
	my ($text) = @_;
	return "\$wire\$$text\$wire\$";
}

#
# The server: a child that answers requests, on whatever connection they come, with one reply after the other,
# until it is told to stop; it then hands over the bytes of all requests.
#

sub start_server
{
	my (@replies) = @_;
	pipe my $stop,   my $stop_end   or die "pipe: $!";
	pipe my $result, my $result_end or die "pipe: $!";
	my $pid = fork // die "fork: $!";
	if (!$pid)
	{
		close $stop_end;
		$SIG{PIPE} = 'IGNORE';
		my $ok = eval { store_fd(serve($stop, @replies), $result_end); $result_end->flush; 1 };
		print {*STDERR} $@ if !$ok;
		POSIX::_exit(!$ok);
	}
	return { pid => $pid, stop => $stop_end, result => $result };
}

sub stop_server
{
	my ($server) = @_;
	close $server->{stop};
	my $seen = fd_retrieve($server->{result});
	waitpid $server->{pid}, 0;
	return $seen;
}

sub serve
{
	my ($stop, @replies) = @_;
	my $select = IO::Select->new($stop, @listeners);
	my (%buffer, @seen);
	while (1)
	{
		for my $handle ($select->can_read)
		{
			return \@seen if $handle == $stop;
			if (grep { $_ == $handle } @listeners)
			{
				my $connection = $handle->accept or next;
				$buffer{$connection} = '';
				$select->add($connection);
			}
			elsif (!sysread($handle, $buffer{$handle}, 65536, length $buffer{$handle})
				|| !answer($handle, \$buffer{$handle}, \@seen, \@replies))
			{
				$select->remove($handle);
				close $handle;
			}
		}
	}
}

# Answers what is complete in the buffer; false if the connection ends.
sub answer
{
	my ($connection, $buffer, $seen, $replies) = @_;
	while ($$buffer =~ /\A(.*?\r\n\r\n)/s)
	{
		my $len = length $1;
		$len += $1 if substr($$buffer, 0, $len) =~ /^Content-Length: (\d+)\r$/mi;
		return 1 if length $$buffer < $len;
		push @$seen, substr $$buffer, 0, $len, '';
		my $reply = $replies->[$#$seen] // { bytes => "HTTP/1.1 500 Not Expected\r\nContent-Length: 0\r\n\r\n" };
		syswrite $connection, $reply->{bytes};
		return 0 if $reply->{close};
	}
	return 1;
}
