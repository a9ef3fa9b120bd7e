# ContractFiles -- what test/contract keeps of a provider: inputs of its actions and the requests they make.
#
#   my $files = ContractFiles->new('slack', $definition);
#   $files->inputs('actions', 'send_message')            # a list of inputs; made up if there are none yet
#   $files->compare('send_message', 1, $request)         # a list of differences to the golden request
#   $files->save                                         # with CN_CONTRACT_UPDATE set: writes both files anew
#
# A request is kept redacted: made-up secrets, identifiers and times differ from run to run.
package ContractFiles;

use strict;
use warnings;
use JSON::PP ();

my $JSON = JSON::PP->new->utf8->canonical->pretty->indent_length(2)->space_before(0)->allow_nonref;

# Headers that say something about the request; the others are the HTTP client's.
my $BORING = qr/\A(?:host|user-agent|accept-encoding|content-length|connection|expect|traceparent)\z/;

sub new
{
	my ($class, $provider, $definition) = @_;
	my $self = bless {
		provider   => $provider,
		definition => $definition,
		inputs     => read_json("test/contract/inputs/$provider.json"),
		golden     => read_json("test/contract/golden/$provider.json"),
		seen       => {},
	}, $class;
	return $self;
}

sub read_json
{
	my ($file) = @_;
	open my $handle, '<:raw', $file or return {};
	local $/;
	return $JSON->decode(scalar <$handle>);
}

sub write_json
{
	my ($file, $value) = @_;
	open my $handle, '>:raw', $file or die "$file: $!";
	print {$handle} $JSON->encode($value);
	close $handle or die "$file: $!";
	return;
}

# credential -- made-up parameters of the credential, and optionally its kind and secret.
sub credential
{
	my ($self) = @_;
	my $properties = ($self->{definition}{parameters} // {})->{properties} // {};
	my $credential = $self->{inputs}{credential} //= {};
	$credential->{parameters}{$_} //= sample($properties->{$_}, $_) for keys %$properties;
	return $credential;
}

# inputs KIND, NAME -- of an action or a stream; KIND is actions or streams.
sub inputs
{
	my ($self, $kind, $name) = @_;
	$self->{inputs}{$kind}{$name} //= [ samples($self->{definition}{$kind}{$name}{input_schema}) ];
	return @{ $self->{inputs}{$kind}{$name} };
}

# superfluous -- names of inputs and golden requests that nothing has asked for.
sub superfluous
{
	my ($self) = @_;
	my @inputs = map {
		my $kind = $_;
		map { "inputs: $kind.$_" } grep { !$self->{definition}{$kind}{$_} } sort keys %{ $self->{inputs}{$kind} // {} }
	} qw(actions streams);
	return @inputs, map { "golden: $_" } grep { !$self->{seen}{$_} } sort keys %{ $self->{golden} };
}

#
# Made-up inputs: what is required, and everything.
#

sub samples
{
	my ($schema) = @_;
	return {} if ref $schema ne 'HASH' || !$schema->{properties};
	my $properties = $schema->{properties};
	my %required   = map { $_ => sample($properties->{$_} // {}, $_) } @{ $schema->{required} // [] };
	my %all        = map { $_ => sample($properties->{$_}, $_) } keys %$properties;
	return keys %all > keys %required ? (\%required, \%all) : (\%required);
}

sub sample
{
	my ($schema, $name) = @_;
	return $schema->{examples}[0] if $schema->{examples};
	for my $key (qw(const default)) { return $schema->{$key} if defined $schema->{$key}; }
	return $schema->{enum}[0] if $schema->{enum};
	for my $key (qw(anyOf oneOf)) { return sample($schema->{$key}[0], $name) if $schema->{$key} && !$schema->{type}; }
	my $type = ref $schema->{type} ? $schema->{type}[0] : $schema->{type} // 'string';
	return $schema->{minimum} // 1 if $type eq 'integer' || $type eq 'number';
	return JSON::PP::true if $type eq 'boolean';
	return [ sample($schema->{items} // {}, $name) ] if $type eq 'array';
	return sample_object($schema) if $type eq 'object';
	return sample_text($schema, $name);
}

sub sample_object
{
	my ($schema) = @_;
	my $properties = $schema->{properties} // {};
	return { name => 'made-up' } if !%$properties && $schema->{minProperties};
	return { map { $_ => sample($properties->{$_}, $_) } keys %$properties };
}

my %FORMAT = (
	'date-time' => '2026-01-31T12:00:00Z',
	'date'      => '2026-01-31',
	'email'     => 'ada@example.com',
	'uri'       => 'https://example.com/made-up',
	'uuid'      => '00000000-0000-4000-8000-000000000001',
);

# Texts to try where a pattern has to be matched.
my $HEX      = '0123456789abcdef' x 4;
my @PATTERNS = (
	'madeup', 'made_up', '/made-up.txt', 'made-up/thing', 'text/plain', 'made.up.example.com', 'id:made-up',
	'12', '1d', '2026-01-31', '+15005550006', 'https://made-up.example.com', 'EUR', 'eur',
	(map { substr $HEX, 0, $_ } 16, 18, 24, 32, 40, 64),
	(map { my $prefix = $_; map { $prefix . substr $HEX, 0, $_ } 9, 24, 32 } qw(AC MG SM PN CA RE US C U)));

sub sample_text
{
	my ($schema, $name) = @_;
	return $FORMAT{ $schema->{format} } if $schema->{format} && $FORMAT{ $schema->{format} };
	return "made-up-$name" if !defined $schema->{pattern};
	return (grep { /$schema->{pattern}/ } "made-up-$name", @PATTERNS)[0] // "made-up-$name";
}

#
# Golden requests.
#

# redact REQUEST, NAMES -- as it is kept: method, URL of the vendor, query, headers, body.  NAMES are query
# parameters whose values differ from run to run.
sub redact
{
	my ($request, @volatile) = @_;
	my %volatile = map { $_ => 1 } @volatile;
	my $headers = $request->{headers};
	my %kept    = (
		method  => $request->{method},
		url     => $request->{url},
		query   => [ map { "$_->[0]=" . ($volatile{ $_->[0] } ? '(volatile)' : $_->[1]) } @{ $request->{query} } ],
		headers => { map { $_ => redact_header($_, $headers->{$_}) } grep { $_ !~ $BORING } keys %$headers },
		body    => redact_body($headers->{'content-type'} // '', $request->{body}),
	);
	$_ = redact_text($_) for $kept{url}, @{ $kept{query} };
	delete $kept{query} if !@{ $kept{query} };
	delete $kept{body}  if !defined $kept{body};
	return \%kept;
}

sub redact_header
{
	my ($name, $value) = @_;
	return $value =~ s/\A(\S+ )?.*\z/($1 \/\/ '') . '(secret)'/ser if $name eq 'authorization';
	return redact_text($value);
}

sub redact_body
{
	my ($type, $body) = @_;
	return if $body eq '';
	$body = $body =~ s/\Q$1\E/(boundary)/gr if $type =~ /boundary="?([^";]+)/;
	my $text = redact_text($body);
	return JSON::PP->new->allow_nonref->decode($text) if $type =~ /json/; # characters, not bytes
	return [ split /&/, $text ] if $type =~ /form-urlencoded/;
	return $text;
}

sub redact_text
{
	my ($text) = @_;
	my $hex = qr/[0-9a-f]/;
	$text =~ s/made-up-secret[a-z0-9-]*/(secret)/g;
	$text =~ s/boundary="?[^";]+"?/boundary=(boundary)/g;
	$text =~ s/$hex{8}-$hex{4}-7$hex{3}-[89ab]$hex{3}-$hex{12}/(execution)/g;
	return $text;
}

# compare NAME, NUMBER, REQUEST -- lines that differ from the golden request; none when it is being written.
sub compare
{
	my ($self, $name, $number, $request) = @_;
	my $now    = redact($request, @{ $self->{inputs}{volatile} // [] });
	my $before = $self->{golden}{$name}[ $number - 1 ];
	$self->{seen}{$name}[ $number - 1 ] = $now;
	return () if $ENV{CN_CONTRACT_UPDATE};
	return ("there is no golden request; set CN_CONTRACT_UPDATE to write it") if !$before;
	return difference($JSON->encode($before), $JSON->encode($now));
}

# Lines of the one that the other does not have, in order.
sub difference
{
	my ($before, $now) = @_;
	return () if $before eq $now;
	my @before = split /\n/, $before;
	my @now    = split /\n/, $now;
	my %count;
	$count{$_}++ for @now;
	my @gone = grep { !$count{$_}-- } @before;
	%count = ();
	$count{$_}++ for @before;
	my @new = grep { ($count{$_}-- // 0) <= 0 } @now;
	return 'the request is not the golden one:', (map { "- $_" } @gone), map { "+ $_" } @new;
}

# save -- the files as they should be; nothing without CN_CONTRACT_UPDATE.
sub save
{
	my ($self) = @_;
	return if !$ENV{CN_CONTRACT_UPDATE};
	write_json("test/contract/inputs/$self->{provider}.json", $self->{inputs});
	write_json("test/contract/golden/$self->{provider}.json", $self->{seen});
	return;
}

1;
