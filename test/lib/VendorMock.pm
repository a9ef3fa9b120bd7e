# VendorMock -- the server of test/contract/mock.mjs, which plays vendors by their own descriptions.
#
#   my $mock = VendorMock->start('test/contract', '../shared/vendor-specs');
#   $mock->url_for('slack', 'https://slack.com/api')     # where the mock server plays that
#   $mock->requests                                      # what it was asked since the last time
#
# It is stopped when the test ends.
package VendorMock;

use strict;
use warnings;
use ConnectorTest;
use HTTP::Tiny;
use JSON::PP ();

my $JSON = JSON::PP->new->utf8;

sub start
{
	my ($class, $about, @directories) = @_;
	my $log  = "$ENV{TESTDIR}/vendor-mock.$$.log";
	my $pid  = start_program($log, 'node', 'test/contract/mock.mjs', $about, @directories);
	my $port;
	poll_until(sub { ($port) = slurp($log) =~ /^listening (\d+)$/m; $port || !kill 0, $pid });
	die "the mock server does not start:\n" . slurp($log) if !$port;
	return bless { url => "http://127.0.0.1:$port", pid => $pid }, $class;
}

sub slurp
{
	my ($file) = @_;
	open my $handle, '<:raw', $file or return '';
	local $/;
	return scalar <$handle> // '';
}

sub url { my ($self) = @_; return $self->{url}; }

# url_for PROVIDER, URL -- a URL of a vendor as the mock server has it; what is no https URL stays as it is.
sub url_for
{
	my ($self, $provider, $url) = @_;
	return $url =~ s{\Ahttps://}{$self->{url}/$provider/}r;
}

sub control
{
	my ($self, $what) = @_;
	my $reply = HTTP::Tiny->new(timeout => 60)->get("$self->{url}/-/$what");
	die "the mock server: $reply->{status} $reply->{content}" if !$reply->{success};
	return $JSON->decode($reply->{content});
}

# requests -- a list of hashes: provider, method, url, query, headers, body, violations, excused, file, operation.
sub requests { my ($self) = @_; return @{ $self->control('requests') }; }

# descriptions -- provider => { files => [...], missing => [...] }
sub descriptions
{
	my ($self) = @_;
	return map { $_->{provider} => $_ } @{ $self->control('descriptions') };
}

# unused_exceptions PROVIDER -- those of exceptions.json that no request has needed.
sub unused_exceptions
{
	my ($self, $provider) = @_;
	return grep { $_->{provider} eq $provider } @{ $self->control('unused-exceptions') };
}

1;
