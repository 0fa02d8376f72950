#!/bin/sh
# A run stopped and resumed at random steps ends with the bits of the straight run.
#
# usage: resume.sh BITLLAMA [STEPS [TERMS [KILLS [SEED]]]]
# TERMS stops are SIGTERM (finish the step, save, exit 143), KILLS are kill -9 in mid-work.
set -eu
bitllama=$1 steps=${2:-100} terms=${3:-3} kills=${4:-2} seed=${5:-$(date +%N | sed 's/^0*//')}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$bitllama" prepare tales --tales-bytes 200000 --vocab-size 400 --out "$work/data" 2>"$work/log"

# Dropout and accumulation on, so that their counters have to survive as well.  The shell becomes the
# program, so that in the background $! is its process.
train() {
    exec "$bitllama" train --preset tiny --hidden-size 64 --intermediate-size 96 --num-hidden-layers 2 \
        --data "$work/data" --out "$1" --steps "$steps" --batch 4 --context 40 --accum 2 \
        --dropout 0.1 --seed 7 --save-every 3 --save-seconds 0 --eval-every 20 --eval-tokens 400 \
        --sample-every 50 --resume 2>>"$work/log"
}

fingerprint() {
    (cd "$1/ckpt/$(cat "$1/LATEST")" && sha256sum model.safetensors optimizer.safetensors)
}

recorded() {
    [ -f "$1/metrics.jsonl" ] || { echo 0; return; }
    grep -c '"type":"train"' "$1/metrics.jsonl" || true
}

(train "$work/straight")
want=$(fingerprint "$work/straight")

# Stop points in rising order, kinds mixed, from a seeded generator.
points=$(awk -v n=$((terms + kills)) -v kills="$kills" -v steps="$steps" -v seed="$seed" 'BEGIN {
    srand(seed)
    for (i = 0; i < n; i++) at[i] = 1 + int((steps - 2) * (i + rand()) / n)
    for (i = 0; i < n; i++) kind[i] = i < kills ? "KILL" : "TERM"
    for (i = n - 1; i > 0; i--) { j = int((i + 1) * rand()); t = kind[i]; kind[i] = kind[j]; kind[j] = t }
    for (i = 0; i < n; i++) printf "%d:%s ", at[i], kind[i]
}')
echo "seed $seed, stop points $points"

for point in $points; do
    at=${point%:*} kind=${point#*:}
    train "$work/stopped" & pid=$!
    while [ "$(recorded "$work/stopped")" -lt "$at" ] && kill -0 $pid 2>/dev/null; do sleep 0.005; done
    kill -"$kind" $pid 2>/dev/null || true
    status=0; wait $pid || status=$?
    case $kind:$status in
    TERM:143 | KILL:137) ;;
    *:0) echo "  (the run was faster than the stop at step $at)" ;;
    *) echo "FAILED: SIG$kind at step $at ended with exit code $status"; tail -5 "$work/log"; exit 1 ;;
    esac
done
(train "$work/stopped")
got=$(fingerprint "$work/stopped")

if [ "$want" != "$got" ]; then
    printf 'FAILED: weights or moments differ\nstraight:\n%s\nresumed:\n%s\n' "$want" "$got"
    exit 1
fi
records=$(recorded "$work/stopped")
if [ "$records" -ne "$steps" ]; then
    echo "FAILED: metrics.jsonl has $records steps, not $steps"
    exit 1
fi
echo "$steps steps, $terms SIGTERM, $kills SIGKILL: 0 differences"
echo "$want"
