#!/bin/bash
# Training and decoding on a quiet machine, and with one and two other busy processes beside them.
#
#   bench/busy.sh PROGRAM [OTHER] [ROUNDS]
#
# Prints a table of seconds by the clock and of processor time, medians of ROUNDS (5) rounds in which
# the ways take turns: PROGRAM with as many threads as it takes, and with one; OTHER, an earlier build
# on OpenMP, as it is, told to sleep, and with one thread.  Run it on two processors (taskset -c 0,1).
# "quiet" is as quiet as the machine is: the load is printed above the table.
set -eu
program=$1 other=${2:-} rounds=${3:-5}
work=$(mktemp -d)
hogs=()
trap 'kill "${hogs[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
TIMEFORMAT='%R %U'

default() { "$program" "$@"; }
one() { "$program" "$@" --threads 1; }
other() { "$other" "$@"; }
other_sleeping() { OMP_WAIT_POLICY=passive "$other" "$@"; }
other_one() { OMP_NUM_THREADS=1 "$other" "$@"; }
ways=(default one)
[ -z "$other" ] || ways+=(other other_sleeping other_one)

train() { # train WAY
    rm -rf "$work/run"
    "$1" train --data "$work/data" --out "$work/run" --preset tiny --steps 10 --batch 8 --no-plot \
        --eval-every 1000 --sample-every 1000
}
generate() {
    "$1" generate -m "$work/model" -p "Once" --max-tokens 2000 --seed 1 --ignore-eos
}

median() { # median COLUMN FILE
    sort -g -k "$1,$1" "$2" | awk -v c="$1" '{ v[NR] = $c } END { printf "%.2f", v[int((NR + 1) / 2)] }'
}

row() { # row TASK BUSY
    rm -f "$work"/times.*
    for ((i = 0; i < rounds; i++)); do
        for way in "${ways[@]}"; do
            { time "$1" "$way" >/dev/null 2>"$work/log"; } 2>>"$work/times.$way" || { cat "$work/log"; exit 1; }
        done
    done
    printf '| %s | %s |' "$1" "$2"
    for way in "${ways[@]}"; do
        printf ' %s, %s |' "$(median 1 "$work/times.$way")" "$(median 2 "$work/times.$way")"
    done
    echo
}

"$program" prepare tales --out "$work/data" --vocab-size 2048 --tales-bytes 1000000 2>/dev/null
train default >/dev/null 2>&1
cp -r "$work/run" "$work/model"
echo "load: $(uptime | sed 's/.*average: //'), processors: $(nproc)"
echo
printf '| task | others |'
printf ' %s |' "${ways[@]}"
printf '\n|---|---|'
printf '%.0s---|' "${ways[@]}"
echo
for busy in 0 1 2; do
    if [ $busy -gt 0 ]; then
        (while :; do :; done) &
        hogs+=($!)
    fi
    row train $busy
    row generate $busy
done
