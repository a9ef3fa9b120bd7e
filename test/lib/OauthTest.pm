# OauthTest -- a database with providers of our own and accounts to connect.
#
#   my $test = OauthTest->new($node, 'app');
#   $test->provider('acme', { base_url => ..., allowed_hosts => [...], auth => [...] });
#   $test->as('anna', 'SELECT ...');        # as a role, the last result
#
#   my $server = OauthTest::Server->start('server.mjs');       # a program of test/oauth; ends when the object does
#   $server->url; $server->get('/test/counts', name => $value);     # what it answers, as JSON
package OauthTest;

use strict;
use warnings;
use JSON::PP ();

my $JSON = JSON::PP->new->canonical;

sub new
{
	my ($class, $node, $database) = @_;
	return bless { node => $node, database => $database }, $class;
}

sub sql
{
	my ($self, $sql) = @_;
	return $self->{node}->safe_psql($self->{database}, $sql);
}

sub as
{
	my ($self, $role, $sql) = @_;
	return $self->sql(qq(SET ROLE "$role";\n$sql));
}

# provider NAME, DEFINITION -- registers it for everybody; what every definition needs is filled in.
sub provider
{
	my ($self, $name, $definition) = @_;
	my %all = (
		name => $name, title => $name, category => 'test', description => 'For tests.', version => 1,
		availability => 'experimental', actions => {
			me => { title => 'Me', method => 'GET', path => '/me', input_schema => { type => 'object' }, output => '$' } },
		%$definition);
	my $json = $JSON->encode(\%all);
	$self->sql("SELECT connector_provider_register(\$json\$$json\$json\$, official => true)");
	return;
}

package OauthTest::Server;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use HTTP::Tiny;
use IPC::Open2;

sub start
{
	my ($class, $program) = @_;
	my $dir = abs_path(dirname(__FILE__) . '/../oauth');
	die "the packages of test/oauth are not installed: run `npm ci` there\n" if !-d "$dir/node_modules";
	my $self = bless { http => HTTP::Tiny->new(max_redirect => 0, keep_alive => 0) }, $class;
	# its output stays open, for it has more to say
	$self->{pid} = open2($self->{output}, $self->{life}, 'node', "$dir/$program");
	while (my $line = readline $self->{output})
	{
		($self->{port}) = $line =~ /^(\d+)$/ and last;
	}
	die "node cannot run test/oauth/$program\n" if !$self->{port};
	return $self;
}

sub url { my ($self) = @_; return "http://127.0.0.1:$self->{port}"; }

sub get
{
	my ($self, $path, %query) = @_;
	my $query = %query ? '?' . $self->{http}->www_form_urlencode(\%query) : '';
	my $reply = $self->{http}->get($self->url . "$path$query");
	die "$path: $reply->{status} $reply->{content}\n" if !$reply->{success};
	return JSON::PP::decode_json($reply->{content});
}

# redirect URL -- where it sends a browser on to; undef if it does not.
sub redirect
{
	my ($self, $url) = @_;
	return $self->{http}->get($url)->{headers}{location};
}

sub DESTROY
{
	my ($self) = @_;
	local $?;
	close $self->{life} if $self->{life};
	waitpid $self->{pid}, 0 if $self->{pid};
	return;
}

1;
