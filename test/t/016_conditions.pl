# What conditions become is decided by the server's jsonpath engine: each case of
# test/unit/cases/condition_values.test, whose path and variables the unit test checks, has the truth it says.  And
# the examples of docs/conditions.md are among the cases.
use strict;
use warnings;
use ConnectorTest;
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

my $root = dirname(__FILE__) . '/../..';
my $node = new_cluster('conditions', extension => 0);

# cases NAME -- [line, condition, second line, third line] of each case.
sub cases
{
	my ($name) = @_;
	my @lines = split /\n/, slurp_file("$root/test/unit/cases/$name.test");
	my @cases;
	for (my $i = 0; $i < @lines; $i++)
	{
		next if $lines[$i] eq '' || $lines[$i] =~ /^#/;
		push @cases, [ $i + 1, @lines[ $i .. $i + 2 ] ];
		$i += 2;
	}
	return @cases;
}

sub literal { my ($text) = @_; return "'" . $text =~ s/'/''/gr . "'"; }

# Rows of (case, truth, path, target, variables).
my @rows;
for my $case (cases('condition_values'))
{
	my ($line, $condition, $second, $third) = @$case;
	my ($truth, $input) = split / /, $second, 2;
	next if $truth eq '-';
	my ($path, $variables) = $third =~ /^(?:whole )?(.*) with (\{.*\})$/
	  or BAIL_OUT("line $line: no path and variables");
	push @rows, [ "line $line: $condition", $truth, $path, qq({"input": $input}), $variables ];
}
cmp_ok(scalar @rows, '>', 100, 'there are cases');

# One statement, so that the server starts its work once; NULL is false, as for the engine.
my $values = join(",\n", map { '(' . join(', ', map { literal($_) } @$_) . ')' } @rows);
my $results = $node->safe_psql('postgres', <<"SQL");
SELECT coalesce(jsonb_path_match(target::jsonb, path::jsonpath, variables::jsonb, true), false)
  FROM (VALUES $values) AS v(name, truth, path, target, variables);
SQL
my @results = map { $_ eq 't' ? 'true' : 'false' } split /\n/, $results;
is(scalar @results, scalar @rows, 'each has a result');
is($results[$_], $rows[$_][1], $rows[$_][0]) for 0 .. $#rows;

#
# The tables of the page: `condition` | yes or no, and `condition` | problem (at byte N).
#
my $page = slurp_file("$root/docs/conditions.md");
my ($input) = $page =~ /^With the input `(.*?)`:$/ms or BAIL_OUT('the page has no input');
my $same = $node->safe_psql('postgres', 'SELECT ' . literal($input) . '::jsonb');
my (%examples, %wanted);
for my $line (split /\n/, $page)
{
	if (my ($condition, $holds) = $line =~ /^\| `(.*)` \| (yes|no)\b.*\|$/)
	{
		$examples{ $condition =~ s/\\\|/|/gr } = ($holds eq 'yes' ? 'true' : 'false') . " $same";
	}
	elsif ($line =~ /^\| `(.*)` \| (.*) \(at byte (\d+)\) \|$/)
	{
		$examples{$1} = "error $3: $2";
	}
}
cmp_ok(scalar keys %examples, '>', 15, 'the page has examples');
for my $case (cases('condition_values'))
{
	my ($truth, $json) = split / /, $case->[2], 2;
	next if !exists $examples{ $case->[1] } || $truth eq '-';
	my $jsonb = $node->safe_psql('postgres', 'SELECT ' . literal($json) . '::jsonb');
	$wanted{ $case->[1] } = "$truth $jsonb" if $jsonb eq $same;
}
for my $case (cases('condition_errors'))
{
	$wanted{ $case->[1] } = $case->[3] if exists $examples{ $case->[1] };
}
is_deeply(\%examples, \%wanted, 'each example of the page is a case');

$node->stop;
done_testing();
