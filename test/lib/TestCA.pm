# TestCA -- a private certificate authority, for TLS tests.
#
#   my $ca   = TestCA->new;                                    # in a temporary directory
#   my $good = $ca->server('127.0.0.1', 'localhost');          # { cert => FILE, key => FILE }
#   my $bad  = $ca->server({ names => ['other.example'] });    # any names that are not the server's
#   my $old  = $ca->server({ names => ['127.0.0.1'], expired => 1 });
#   my $self = $ca->self_signed('127.0.0.1');
#   my $file = $ca->cert_file;                                 # what a client has to trust
#
# Everything is done by the openssl program.  Names that look like addresses become IP entries.
package TestCA;

use strict;
use warnings;
use File::Temp qw(tempdir);

sub new
{
	my ($class) = @_;
	my $self = bless { dir => tempdir('ca_XXXX', TMPDIR => 1, CLEANUP => 1), serial => 0 }, $class;
	$self->_openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
		'-keyout', $self->_file('ca.key'), '-out', $self->cert_file, '-days', 30, '-subj', '/CN=connector test CA',
		'-addext', 'keyUsage=critical,keyCertSign,cRLSign');
	return $self;
}

sub cert_file { my ($self) = @_; return $self->_file('ca.crt'); }

# server NAME... or server({ names => [...], expired => 1, not_yet => 1 }) -- a certificate and its key.
sub server
{
	my ($self, @arguments) = @_;
	my %option = ref $arguments[0] ? %{ $arguments[0] } : (names => \@arguments);
	my $result = $self->_new_files;
	my ($from, $to) = (-86400, 30 * 86400);
	($from, $to) = (-60 * 86400, -86400)    if $option{expired};
	($from, $to) = (86400,       60 * 86400) if $option{not_yet};
	my $request    = $result->{cert} . '.csr';
	my $extensions = $self->_write($result->{cert} . '.ext',
		'subjectAltName=' . _alternative_names(@{ $option{names} }) . "\nbasicConstraints=CA:FALSE\n"
		  . "extendedKeyUsage=serverAuth\n");
	$self->_openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
		'-keyout', $result->{key}, '-out', $request, '-subj', '/CN=connector test server');
	# `openssl x509` cannot date back, `openssl ca` can; it wants a small data base.
	my $config = $self->_write($result->{cert} . '.cnf', <<"CONFIG");
[ca]
default_ca = test
[test]
database = $self->{dir}/index.txt
serial = $self->{dir}/serial
new_certs_dir = $self->{dir}
certificate = $self->{dir}/ca.crt
private_key = $self->{dir}/ca.key
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
CONFIG
	$self->_write("$self->{dir}/index.txt", '') if !-e "$self->{dir}/index.txt";
	$self->_openssl('ca', '-batch', '-notext', '-config', $config, '-extfile', $extensions, '-in', $request,
		'-out', $result->{cert}, '-startdate', _date($from), '-enddate', _date($to));
	return $result;
}

# self_signed NAME... -- a certificate that no authority has signed.
sub self_signed
{
	my ($self, @names) = @_;
	my $result = $self->_new_files;
	$self->_openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
		'-keyout', $result->{key}, '-out', $result->{cert}, '-days', 30, '-subj', '/CN=connector self-signed',
		'-addext', 'subjectAltName=' . _alternative_names(@names));
	return $result;
}

sub _alternative_names
{
	return join ',', map { (/\A[0-9.]+\z|:/ ? 'IP:' : 'DNS:') . $_ } @_;
}

sub _date
{
	my ($offset) = @_;
	my @t = gmtime(time + $offset);
	return sprintf '%04d%02d%02d%02d%02d%02dZ', $t[5] + 1900, $t[4] + 1, @t[ 3, 2, 1, 0 ];
}

sub _new_files
{
	my ($self) = @_;
	my $name = 'server' . ++$self->{serial};
	return { cert => $self->_file("$name.crt"), key => $self->_file("$name.key") };
}

sub _file
{
	my ($self, $name) = @_;
	return "$self->{dir}/$name";
}

sub _write
{
	my ($self, $file, $text) = @_;
	open my $handle, '>', $file or die "$file: $!";
	print {$handle} $text;
	close $handle or die "$file: $!";
	return $file;
}

sub _openssl
{
	my ($self, @arguments) = @_;
	my $log = $self->_file('openssl.log');
	my $pid = fork // die "fork: $!";
	if (!$pid)
	{
		open STDIN,  '<', '/dev/null';
		open STDOUT, '>', $log;
		open STDERR, '>&', \*STDOUT;
		exec 'openssl', @arguments or exit 127;
	}
	waitpid $pid, 0;
	return if $? == 0;
	open my $handle, '<', $log;
	die "openssl @arguments failed:\n", <$handle>;
}

1;
