# The requests of every action and stream of catalog/ against the vendors' own descriptions.
#
# Each provider is registered in a workspace as it is, but for its hosts: all play on one mock server, which
# refuses what a vendor's description does not allow and answers with its examples.  A test is one action or
# stream with one input: the request fits the description, it is the golden one, and the answer can be
# read.  README.md here tells how all this hangs together.
#
# CONNECTOR_VENDOR_SPECS  directories with the descriptions, separated by colons
# CN_CONTRACT_PROVIDERS   only these providers, separated by blanks
# CN_CONTRACT_UPDATE      set: inputs that are missing and golden requests are written
use strict;
use warnings;
use ConnectorSession;
use ConnectorTest;
use ContractFiles;
use JSON::PP ();
use Test::More;
use VendorMock;

my @directories = split /:/, $ENV{CONNECTOR_VENDOR_SPECS} // '../shared/vendor-specs';
my %wanted      = map { $_ => 1 } split ' ', $ENV{CN_CONTRACT_PROVIDERS} // '';

my $JSON = JSON::PP->new->utf8;
my $mock = VendorMock->start('test/contract', @directories);
my %description = $mock->descriptions;
my %evidence_files;                       # provider => files of a description, for each request that is evidence
my $node = new_cluster(
	'main',
	'connector.workers'     => 0,
	'connector.max_retries' => 0);
my $s = ConnectorSession->new($node);
$node->safe_psql('app', q(SELECT connector_create_workspace('contract')));

#
# Registering a provider.
#

# moved DEFINITION -- a copy of a provider whose hosts are the mock server's.
sub moved
{
	my ($definition) = @_;
	my $provider = $definition->{name};
	my $copy     = $JSON->decode($JSON->encode($definition));
	my $move     = sub { my ($thing) = @_; $thing->{base_url} = $mock->url_for($provider, $thing->{base_url}) if $thing->{base_url}; };
	$move->($_) for $copy, values %{ $copy->{actions} // {} }, values %{ $copy->{streams} // {} };
	delete $_->{pattern} for grep { ($_->{pattern} // '') =~ /\A\^https:/ } values %{ ($copy->{parameters} // {})->{properties} // {} };
	$copy->{allowed_hosts} = [ $mock->url ];
	delete $copy->{rate_limit};
	return $copy;
}

# Fields of a made-up secret, by the kind of authentication.
my %SECRET = (
	bearer  => { token => 'made-up-secret-token' },
	oauth2  => { token => 'made-up-secret-token' },
	api_key => { api_key => 'made-up-secret-key' },
	basic   => { username => 'made-up-user', password => 'made-up-secret-password' },
);

# store_credential DEFINITION, GIVEN -- with made-up secrets; GIVEN is `credential` of the inputs.  Returns what
# was said against it.
sub store_credential
{
	my ($definition, $given) = @_;
	my ($auth) = sort { ($b->{kind} ne 'oauth2') <=> ($a->{kind} ne 'oauth2') } @{ $definition->{auth} // [] };
	return if !$auth;
	my %parameters = (%{ $auth->{parameters} // {} }, %{ $given->{parameters} // {} });
	my $kind = $given->{kind} // ($auth->{kind} eq 'oauth2' ? 'bearer' : $auth->{kind});
	$_ = $mock->url_for($definition->{name}, $_) for grep { !ref } values %parameters;
	my $said = $s->ask(sprintf 'SELECT count(connector_credential_set(%s, %s, kind => %s, parameters => %s, allowed_hosts => %s))',
		map { "'$_'" } $definition->{name}, $JSON->encode($given->{secret} // $SECRET{$kind}), $kind,
		$JSON->encode(\%parameters), '{' . $mock->url . '}');
	return $said =~ /\A1\s*\z/ ? () : $said;
}

#
# One action or stream with one input: each returns a list of problems.
#

sub raised { my ($said) = @_; return $said =~ /^(?:ERROR|FATAL|WARNING): / ? ($said =~ s/\n(?:CONTEXT|LOCATION).*\z//sr) : (); }

# What is taken out of the answer has to be in the description's example, if that has an answer at all.
sub call_action
{
	my ($provider, $name, $input, $action) = @_;
	my $said   = $s->ask("SELECT connector_call('$provider', '$name', " . $s->literal($input) . ') IS NULL');
	my @raised = raised($said);
	return @raised if @raised;
	return $said =~ /t/ && ($action->{output} // '$') ne '$' ? "there is no $action->{output} in the example of the answer" : ();
}

sub fetch
{
	my ($provider, $name, $input, $pages) = @_;
	return $s->ask("SELECT record FROM connector_fetch('$provider', '$name', " . $s->literal($input) . ", max_pages => $pages) record");
}

# The members of records that others rely on must be there: the key and the cursor.
sub fetch_stream
{
	my ($provider, $name, $input, $stream) = @_;
	my $said   = fetch($provider, $name, $input, 1);
	my @raised = raised($said);
	return @raised if @raised;
	my @records = map { $JSON->decode($_) } split /\n/, $said;
	return 'no record in the example of a page' if !@records;
	return map { "the records of the example have no $_" }
	  grep { !defined member($records[0], $_) } @{ $stream->{primary_key} // [] }, $stream->{cursor_field} // ();
}

sub member
{
	my ($record, $path) = @_;
	for my $name (split /\./, $path)
	{
		return if ref $record ne 'HASH';
		$record = $record->{$name};
	}
	return $record;
}

# request_problems FILES, NAME, NUMBER, REQUEST... -- of what the mock server was asked.
sub request_problems
{
	my ($files, $name, $number, @requests) = @_;
	return 'no request was sent' if !@requests;
	return scalar(@requests) . ' requests were sent' if @requests > 1;
	my ($request) = @requests;
	my @violations = map { "$request->{method} $request->{operation}: $_->{path} $_->{message}" } @{ $request->{violations} };
	return @violations, $files->compare($name, $number, $request);
}

# doubts DEFINITION, KIND, NAME, REQUEST -- why the request proves less than that it fits the vendor's own description.
sub doubts
{
	my ($definition, $kind, $name, $request) = @_;
	my $elsewhere = $description{ $definition->{name} }{elsewhere};
	my $is_whole  = $kind eq 'actions' && ($definition->{$kind}{$name}{output} // '$') eq '$';
	my @doubts    = @{ $request->{doubts} // [] };
	push @doubts, "its description is elsewhere: $elsewhere" if $elsewhere;
	push @doubts, 'it is in no description'                  if $request->{unknown};
	push @doubts, 'the answer is one of replies.json'        if $request->{ours} && !$is_whole;
	return @doubts;
}

# check FILES, DEFINITION, KIND, NAME, RUN -- runs an action or stream with each of its inputs; returns doubts.  What
# is marked as taken from elsewhere need not be in the description; it is a test that was skipped then.
sub check
{
	my ($files, $definition, $kind, $name, $run) = @_;
	my $evidence = $definition->{$kind}{$name}{evidence} // 'guess';
	my @inputs   = $files->inputs($kind, $name);
	my %doubts;
	for my $number (1 .. @inputs)
	{
		my $label    = "$definition->{name}.$name" . ($kind eq 'streams' ? ' (stream)' : '') . ($number > 1 ? " ($number)" : '');
		my @failed   = $run->($name, $inputs[ $number - 1 ]);
		my @requests = $mock->requests;
		my $unknown  = $evidence ne 'contract' && @requests == 1 && $requests[0]{unknown};
		$requests[0]{violations} = [] if $unknown;
		my @problems = request_problems($files, "$kind.$name", $number, @requests);
		# A failure of the call is then the mock server's own answer.
		push @problems, @failed if !$unknown && !grep { @{ $_->{violations} } } @requests;
		$doubts{$_} = 1 for map { doubts($definition, $kind, $name, $_) } @requests;
		note("$label: $requests[0]{excused} of what the description says does not count") if @requests && $requests[0]{excused};
	  SKIP:
		{
			skip "$label is in no description; its evidence: $evidence", 1 if $unknown && !@problems;
			ok(!@problems, $label);
			diag(join "\n  ", $label, @problems) if @problems;
		}
		push @{ $evidence_files{ $definition->{name} } }, $requests[0]{files} if $evidence eq 'contract' && @requests;
	}
	return sort keys %doubts;
}

# check_following FILES, DEFINITION, NAME -- the request for the second page of a stream, if the example of the first one
# leads there; returns doubts.  An absolute URL leads away from the mock server, and both pages are the same: what
# the caller hears of that does not matter here.
sub check_following
{
	my ($files, $definition, $name) = @_;
	my $provider = $definition->{name};
	my $label    = "$provider.$name (stream), second page";
	my ($input)  = $files->inputs('streams', $name);
	fetch($provider, $name, $input, 2);
	my (undef, $request) = grep { ($_->{provider} // '') eq $provider } $mock->requests;
	if (!$request)
	{
		note("$label: the example of the first one does not lead there");
		return;
	}
	$request->{violations} = [] if $request->{unknown} && ($definition->{streams}{$name}{evidence} // '') ne 'contract';
	my @problems = request_problems($files, "streams.$name.following", 1, $request);
	ok(!@problems, $label);
	diag(join "\n  ", $label, @problems) if @problems;
	return doubts($definition, 'streams', $name, $request);
}

#
# What a provider's file says of itself.
#

# evidence_is PROVIDER, NAME, EVIDENCE, DOUBTS -- `contract` is said where it is proven, and nowhere else.
sub evidence_is
{
	my ($provider, $name, $evidence, @doubts) = @_;
	ok(($evidence eq 'contract') == !@doubts, "$provider.$name: its evidence is $evidence")
	  or diag(@doubts ? join "\n  ", 'it is not proven:', @doubts : 'it is proven, evidence is contract then');
	return;
}

# claims_nothing DEFINITION -- where nobody has the description, nobody can tell whether it is fitted.
sub claims_nothing
{
	my ($definition) = @_;
	my @claims = map {
		my $kind = $_;
		grep { ($definition->{$kind}{$_}{evidence} // '') eq 'contract' } sort keys %{ $definition->{$kind} // {} }
	} qw(actions streams);
	is("$definition->{availability} @claims", 'experimental ', "$definition->{name}: it claims nothing that cannot be tested");
	return;
}

sub availability_is
{
	my ($definition, %doubts) = @_;
	my $provider = $definition->{name};
	my @doubtful = grep { @{ $doubts{$_} } } sort keys %doubts;
	is($definition->{availability}, @doubtful ? 'experimental' : 'stable', "$provider: its availability");
	my @groups = @{ $evidence_files{$provider} // [] };
	my %used   = map { $_ => 1 } map { @{ $_ // [] } } @groups;
	my %listed = map { ("$_.gz" => 1) } @{ $definition->{evidence}{contract} // [] };
	is(join(' ', grep { !$used{$_} } sort keys %listed), '', "$provider: no files of its evidence prove nothing");
	my %unlisted = map { $_->[0] => 1 } grep { my $group = $_; !grep { $listed{$_} } @$group } grep { $_ } @groups;
	is(join(' ', sort keys %unlisted), '', "$provider: all are listed that do");
	return if !@doubtful;
	note("$provider.$_ is not proven: ", join '; ', @{ $doubts{$_} }) for @doubtful;
  SKIP:
	{
		skip sprintf('%s is not stable: %d of %d actions and streams are not proven', $provider, scalar @doubtful, scalar keys %doubts), 1;
	}
	return;
}

sub check_provider
{
	my ($definition) = @_;
	my $provider = $definition->{name};
	my $files    = ContractFiles->new($provider, $definition);
	my $copy     = moved($definition);
	my $said     = $s->ask('SELECT count(connector_provider_register(' . $s->literal($copy) . '))');
	my @refused  = $said =~ /\A1\s*\z/ ? store_credential($definition, $files->credential) : $said;
	if (@refused)
	{
		fail("$provider and a credential of it are accepted");
		diag(@refused);
		return;
	}
	my %run = (
		actions => sub { my ($name) = @_; return call_action($provider, @_, $definition->{actions}{$name}); },
		streams => sub { my ($name) = @_; return fetch_stream($provider, @_, $definition->{streams}{$name}); });
	my %doubts;
	for my $kind (sort keys %run)
	{
		for my $name (sort keys %{ $definition->{$kind} // {} })
		{
			my @doubts = check($files, $definition, $kind, $name, $run{$kind});
			push @doubts, check_following($files, $definition, $name) if $kind eq 'streams';
			evidence_is($provider, $name, $definition->{$kind}{$name}{evidence} // 'guess', @doubts);
			$doubts{"$kind.$name"} = \@doubts;
		}
	}
	my @superfluous = $ENV{CN_CONTRACT_UPDATE} ? () : $files->superfluous;
	push @superfluous, map { "exceptions.json: $_->{method} $_->{path}: $_->{violation}" } $mock->unused_exceptions($provider);
	is(join("\n", @superfluous), '', "$provider: nothing is superfluous");
	availability_is($definition, %doubts);
	$files->save;
	return;
}

#
# All of them.
#
for my $file (sort glob 'catalog/*.json')
{
	my $definition = ContractFiles::read_json($file);
	my $provider   = $definition->{name};
	next if %wanted && !$wanted{$provider};
	my @missing = $description{$provider} ? @{ $description{$provider}{missing} } : ('test/contract/descriptions.json has none');
	claims_nothing($definition) if @missing && (!$description{$provider} || $description{$provider}{elsewhere});
  SKIP:
	{
		diag("$provider: NO DESCRIPTION: @missing") if @missing;
		skip "no description of $provider: @missing", 1 if !$description{$provider} || !@{ $description{$provider}{files} };
		check_provider($definition);
	}
}

done_testing();
