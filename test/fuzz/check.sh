#!/bin/sh
# check.sh TARGET... -- as TAP, one test a target: its corpus and RUNS mutations of it, from SEED.
# Run by the Makefile, in test/fuzz.
n=0
failed=0
echo "1..$#"
for target; do
	n=$((n + 1))
	dict=
	test -f "words/$target" && dict=-dict=words/$target
	# shellcheck disable=SC2086 # an empty option is none
	if output=$("build/fuzz_$target" -runs="$RUNS" -seed="$SEED" $dict "corpus/$target" 2>&1); then
		echo "ok $n - $target: $RUNS mutations"
	else
		failed=1
		echo "not ok $n - $target"
		echo "$output" | sed 's/^/# /'
	fi
done
exit $failed
