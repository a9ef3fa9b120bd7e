# The pages of docs/providers/ say what the catalog says: the same actions with the same input, streams and
# triggers; and their examples call functions that there are, with input that is taken.
use strict;
use warnings;
use ConnectorTest;
use File::Basename qw(dirname);
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $root = dirname(__FILE__) . '/../..';
my $node = new_cluster('provider_pages');
my $JSON = JSON::PP->new->utf8(0)->canonical;

sub query { my ($sql) = @_; return $node->safe_psql('app', $sql); }

my %provider = map { my $d = $JSON->decode($_); $d->{name} => $d }
  split /\n/, query('SELECT definition FROM connector_providers WHERE builtin');
cmp_ok(scalar keys %provider, '>=', 18, 'there is a catalog');

# rows TEXT, HEADING -- rows of the table of a section; lists of cells, without code marks and links.
sub rows
{
	my ($text, $heading) = @_;
	my ($section) = $text =~ /^## \Q$heading\E\n(.*?)(?=^## |\z)/ms;
	my @rows = map {
		[ map { s/^\s+|\s+$//gr } map { s/\[(.*?)\]\(.*?\)/$1/gr } map { tr/`//dr } (split /(?<!\\)\|/, $_, -1)[ 1 .. 6 ] ]
	} grep { /^\|\s*\[?`/ } split /\n/, $section // '';
	return @rows;
}

sub names { my ($cell) = @_; return sort grep { length } split /[^\w.\@-]+/, $cell // ''; }

# statements TEXT -- those of its examples.
sub statements
{
	my ($text) = @_;
	return grep { /\S/ } map { split /;[ \t]*$/m } $text =~ /^```sql[^\n]*\n(.*?)^```/msg;
}

# The input of a call takes what its page gives it.
sub check_call
{
	my ($title, $member, $provider, $name, $input) = @_;
	my $schema = $provider{$provider} && $provider{$provider}{$member}{$name};
	ok($schema, "$title: $provider has $name in $member") or return;
	is(query(sprintf q(SELECT string_agg(concat_ws(' ', instance_path, message), '; ') FROM connector_validate_json($s$%s$s$, $i$%s$i$)),
			$JSON->encode($schema->{input_schema} // {}), $input), '', "$title: $name takes " . $input =~ s/\s+/ /gr);
	return;
}

for my $name (sort keys %provider)
{
	my $definition = $provider{$name};
	my $text       = slurp_file("$root/docs/providers/$name.md");

	my @actions = rows($text, 'Actions');
	is_deeply([ sort map { $_->[0] } @actions ], [ sort keys %{ $definition->{actions} } ], "$name: all actions");
	for (@actions)
	{
		my ($action, undef, $required, $optional) = @$_;
		my $schema = ($definition->{actions}{$action} // {})->{input_schema} // {};
		my %must   = map { $_ => 1 } @{ $schema->{required} // [] };
		is_deeply([ names($required) ], [ sort keys %must ], "$name: what $action has to be given");
		is_deeply([ names($optional) ], [ sort grep { !$must{$_} } keys %{ $schema->{properties} // {} } ], "$name: what $action may be given");
	}
	my @streams = rows($text, 'Streams');
	is_deeply([ sort map { $_->[0] } @streams ], [ sort keys %{ $definition->{streams} } ], "$name: all streams");
	for (@streams)
	{
		my ($stream, undef, $input) = @$_;
		my $declared = $definition->{streams}{$stream} // {};
		my $parent   = ($declared->{parent} // {})->{with} // {};    # what nobody has to give
		is_deeply([ grep { !exists $parent->{$_} } names($input =~ s/for each of \w+//r) ],
			[ grep { !exists $parent->{$_} } sort keys %{ ($declared->{input_schema} // {})->{properties} // {} } ], "$name: the input of $stream");
	}
	is_deeply([ sort map { $_->[0] } rows($text, 'Triggers') ], [ sort keys %{ $definition->{triggers} } ], "$name: all triggers");

	for my $statement (statements($text))
	{
		my $title = "$name: " . ($statement =~ /(connector_\w+)/ ? $1 : 'an example');
		my ($rc, $out, $err) = $node->psql('app', $statement =~ /^\s*(?:--.*\n)*\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b/i ? "EXPLAIN $statement" : $statement);
		is($err, '', "$title can be planned") or diag $statement;
		while ($statement =~ /connector_(call|fetch)\(\s*'([\w-]+)',\s*'(\w+)'(?:,\s*'((?:[^']|'')*)'|\))/g)
		{
			check_call($title, $1 eq 'call' ? 'actions' : 'streams', $2, $3, ($4 // '{}') =~ s/''/'/gr);
		}
	}
}

# The list has all of them, in order, and counts right.
my @list = map { [ (split /\s*\|\s*/, $_)[ 1 .. 6 ] ] } grep { /^\| \[/ } split /\n/, slurp_file("$root/docs/providers/README.md");
is_deeply([ map { $_->[1] =~ tr/`//dr } @list ], [ sort keys %provider ], 'the list is complete and in order');
for (@list)
{
	my ($link, $name, $category, undef, $actions, $streams) = @$_;
	my $definition = $provider{ $name =~ tr/`//dr } or next;
	is_deeply([ $link, $category, $actions, names($streams) ],
		[ "[$definition->{title}]($definition->{name}.md)", $definition->{category}, scalar keys %{ $definition->{actions} }, sort keys %{ $definition->{streams} } ],
		"the list knows $definition->{name}");
}
done_testing();
