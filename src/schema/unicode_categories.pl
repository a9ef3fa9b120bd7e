#!/usr/bin/perl
# unicode_categories.pl -- writes unicode_categories.c, from the Unicode data that Perl brings along.
#
#   perl src/schema/unicode_categories.pl > src/schema/unicode_categories.c
use strict;
use warnings;
use Unicode::UCD qw(prop_invmap);

my ($starts, $categories) = prop_invmap('General_Category');
my @entries;
for my $i (0 .. $#$starts)
{
	last if $starts->[$i] > 0x10FFFF;
	push @entries, sprintf '{0x%X, CN_GC_%s}', $starts->[$i], uc $categories->[$i];
}
my $version = Unicode::UCD::UnicodeVersion();
print <<"HEAD";
/*
 * unicode_categories.c -- the general category of every code point.  Pure.
 *
 * Unicode $version.  Written by unicode_categories.pl; do not edit.
 *
 * The server's regular expressions know classes by the locale of a database, or
 * by none; a schema must mean the same everywhere.
 */
#include "core/pure.h"

#include "schema/unicode_categories.h"

/* Each entry holds up to the start of the next one. */
const CnUnicodeRun cn_unicode_runs[] = {
HEAD
my $line = '';
for my $entry (@entries)
{
	if (length("$line $entry,") > 94)
	{
		print "\t$line\n";
		$line = '';
	}
	$line .= (length $line ? ' ' : '') . "$entry,";
}
print "\t$line\n};\n\nconst int\tcn_unicode_nruns = lengthof(cn_unicode_runs);\n";
