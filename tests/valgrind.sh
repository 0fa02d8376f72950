#!/bin/sh
# One training step and one generation under valgrind's memcheck: exit code 0 when it finds nothing.
#
# usage: valgrind.sh BITLLAMA   (by hand; a minute or two)
set -eu
bitllama=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
memcheck="valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite"

"$bitllama" prepare tales --tales-bytes 60000 --vocab-size 400 --out "$work/data" 2>"$work/log"
$memcheck "$bitllama" train --preset tiny --hidden-size 64 --intermediate-size 96 \
    --num-hidden-layers 2 --data "$work/data" --out "$work/run" --steps 1 --batch 2 --context 40 \
    --dropout 0.1 --no-plot 2>>"$work/log" || { cat "$work/log"; exit 1; }
$memcheck "$bitllama" generate -m "$work/run" -p "One day" --max-tokens 20 --seed 1 2>>"$work/log" \
    || { cat "$work/log"; exit 1; }
echo "valgrind found nothing in a training step and a generation"
