# What conditions become is decided by the server's jsonpath engine: each case of
# test/unit/cases/condition_values.test, whose path and variables the unit test checks, has the truth it says.
use strict;
use warnings;
use ConnectorTest;
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

my $root = dirname(__FILE__) . '/../..';
my $node = new_cluster('conditions', extension => 0);

sub literal { my ($text) = @_; return "'" . $text =~ s/'/''/gr . "'"; }

# Rows of (case, truth, path, target, variables).
my @rows;
my @lines = split /\n/, slurp_file("$root/test/unit/cases/condition_values.test");
for (my $i = 0; $i < @lines; $i++)
{
	next if $lines[$i] eq '' || $lines[$i] =~ /^#/;
	my ($condition, $second, $third) = @lines[ $i .. $i + 2 ];
	my $number = $i + 1;
	$i += 2;
	my ($truth, $input) = split / /, $second, 2;
	next if $truth eq '-';
	my ($path, $variables) = $third =~ /^(?:whole )?(.*) with (\{.*\})$/
	  or BAIL_OUT("line $number: no path and variables");
	push @rows, [ "line $number: $condition", $truth, $path, qq({"input": $input}), $variables ];
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

$node->stop;
done_testing();
