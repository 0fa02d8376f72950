#!/bin/sh
# Runs examples/train: it learns, writes what it has learned, continues, and says what is wrong.
#
#   train.sh PROGRAM
program=$1
temporary=$(mktemp -d) || exit 2
trap 'rm -rf "$temporary"' EXIT
bad=0
check() { # WHAT CONDITION...
    what=$1
    shift
    "$@" || { echo "failed: $what"; bad=1; }
}
loss() { sed -n "s/^step $1 of .*: loss \([0-9.]*\),.*/\1/p" "$2"; }
below() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a < b) }'; }

mkdir "$temporary/a" "$temporary/b"
"$program" "$temporary/a" >"$temporary/out" 2>&1 || { cat "$temporary/out"; exit 1; }
cat "$temporary/out"
check "it learns" below "$(loss 120 "$temporary/out")" 0.6
check "it began with more" below 2 "$(loss 20 "$temporary/out")"
check "it was opened again after step 60" [ "$(grep -c '^step 80 of 120' "$temporary/out")" = 1 ]
check "two checkpoints" [ -e "$temporary/a/run/ckpt/step-00000060" -a -e "$temporary/a/run/ckpt/step-00000120" ]
check "the sample is of the text" grep -qE 'sample: The fox (runs to|looks at|sleeps in|walks around) ' "$temporary/out"
check "the text held back is as likely" below "$(sed -n 's/.*not seen: \([0-9.]*\) nats.*/\1/p' "$temporary/out" | tail -1)" 0.6

# Ended after the first half, and called again: the same last line.
"$program" "$temporary/b" 2>/dev/null | sed '/saved/q' >"$temporary/first"
rm -rf "$temporary/b/run/ckpt/step-00000120"
"$program" "$temporary/b" >"$temporary/second" 2>&1
check "the same loss at the end" [ "$(loss 120 "$temporary/second")" = "$(loss 120 "$temporary/out")" ]
check "the same weights at the end" cmp "$temporary/a/run/ckpt/step-00000120/model.safetensors" \
    "$temporary/b/run/ckpt/step-00000120/model.safetensors"

"$program" >"$temporary/usage" 2>&1
check "no folder: 2" [ $? = 2 ]
"$program" /dev/null/x >"$temporary/usage" 2>&1
check "a folder that cannot be: 4" [ $? = 4 ]
check "and a line" [ "$(wc -l <"$temporary/usage")" = 1 ]
exit $bad
