#!/bin/sh
# A run stopped and resumed at random steps ends with the bits of the straight run, and its records.
#
# usage: [MIX=1] [TALK=1] resume.sh BITLLAMA [STEPS [TERMS [KILLS [SEED [train's flags ...]]]]]
# MIX: two data folders by weights, and batches made ahead by a thread.  TALK: conversations, whose answers alone count.
# TERMS stops are SIGTERM (finish the step, save, exit 143), KILLS are kill -9 in mid-work.  Every step
# is saved, so that most kills fall into the writing of a checkpoint; with `--save-every 3` among the
# flags, steps are begun ahead in between where the device allows it.
set -eu
bitllama=$(cd "$(dirname "$1")" && pwd)/${1##*/} steps=${2:-100} terms=${3:-3} kills=${4:-2} seed=${5:-$(date +%N | sed 's/^0*//')}
shift $(($# < 5 ? $# : 5))
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" # names below are without folders: that of the temporary files may have spaces
printf '%s\n' "$@" >flags

"$bitllama" prepare tales --tales-bytes 200000 --vocab-size 400 --out data 2>log
echo '--data data' >folders
if [ -n "${TALK:-}" ]; then
    awk -v count=200 -v seed=3 -f "$here/../tune/messages.awk" >talk.jsonl
    rm -r data
    "$bitllama" prepare talk.jsonl --documents messages --vocab-size 400 --val-split 0.1 --out data 2>log
fi
if [ -n "${MIX:-}" ]; then
    "$bitllama" prepare tales --tales-bytes 40000 --seed 5 --tokenizer data/tokenizer.json \
        --out more 2>log
    echo '--data data:0.7 --data more:0.3 --prefetch on' >folders
fi

# Dropout and accumulation on, so that their counters have to survive as well.  The shell becomes the
# program, so that in the background $! is its process.
train() {
    # shellcheck disable=SC2046 # words
    exec "$bitllama" train --preset tiny --hidden-size 64 --intermediate-size 96 --num-hidden-layers 2 \
        $(cat folders) --out "$1" --steps "$steps" --batch 4 --context 40 --accum 2 \
        --dropout 0.1 --seed 7 --save-every 1 --save-seconds 0 --eval-every 20 --eval-tokens 400 \
        --sample-every 50 --resume=auto $(cat flags) 2>>log
}

fingerprint() {
    (cd "$1/ckpt/$(cat "$1/LATEST")" && sha256sum model.safetensors optimizer.safetensors)
}

recorded() {
    [ -f "$1/metrics.jsonl" ] || { echo 0; return; }
    grep -c '"type":"train"' "$1/metrics.jsonl" || true
}

# Every step, evaluation and sample as it was recorded, but for the speed.
records() {
    grep -E '"type":"(train|eval|sample)"' "$1/metrics.jsonl" | sed 's/,"tokens_per_s":[^,}]*//'
}

(train straight)
want=$(fingerprint straight)

# Stop points in rising order, kinds mixed, moments within a step, from a seeded generator.
points=$(awk -v n=$((terms + kills)) -v kills="$kills" -v steps="$steps" -v seed="$seed" 'BEGIN {
    srand(seed)
    for (i = 0; i < n; i++) at[i] = 1 + int((steps - 2) * (i + rand()) / n)
    for (i = 0; i < n; i++) kind[i] = i < kills ? "KILL" : "TERM"
    for (i = n - 1; i > 0; i--) { j = int((i + 1) * rand()); t = kind[i]; kind[i] = kind[j]; kind[j] = t }
    for (i = 0; i < n; i++) printf "%d:%s:0.0%02d ", at[i], kind[i], int(30 * rand())
}')
echo "seed $seed, stop points $points"

inside=0 # kills that left a checkpoint half-written
undone=0 # steps trained again
for point in $points; do
    at=${point%%:*} kind=${point#*:} pause=${point##*:}
    kind=${kind%:*}
    train stopped & pid=$!
    while [ "$(recorded stopped)" -lt "$at" ] && kill -0 $pid 2>/dev/null; do sleep 0.003; done
    sleep "$pause"
    kill -"$kind" $pid 2>/dev/null || true
    status=0; wait $pid || status=$?
    case $kind:$status in
    TERM:143 | KILL:137) ;;
    *:0) echo "  (the run was faster than the stop at step $at)" ;;
    *) echo "FAILED: SIG$kind at step $at ended with exit code $status"; tail -5 log; exit 1 ;;
    esac
    for half in stopped/ckpt/.tmp-*; do [ ! -e "$half" ] || inside=$((inside + 1)); done
    saved=$(find stopped/ckpt -path '*/step-*/MANIFEST' 2>/dev/null | sed 's/.*step-0*//; s/[^0-9].*//' | sort -n | tail -1)
    undone=$((undone + $(recorded stopped) - ${saved:-0}))
done
(train stopped)
got=$(fingerprint stopped)

if [ "$want" != "$got" ]; then
    printf 'FAILED: weights or moments differ\nstraight:\n%s\nresumed:\n%s\n' "$want" "$got"
    exit 1
fi
records straight >want
records stopped >got
if [ "$(recorded straight)" -ne "$steps" ] || ! diff want got >diff; then
    echo "FAILED: other records in metrics.jsonl"
    head -5 diff
    exit 1
fi
echo "$steps steps, $terms SIGTERM, $kills SIGKILL ($inside inside the writing of a checkpoint), $undone steps" \
    "trained again: 0 differences in weights, moments and $(grep -c . got) records"
echo "$want"
