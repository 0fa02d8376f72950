#!/bin/sh
# Teaches a small model to remember facts, and scores what it recalls after 100 to 10,000 tokens.
#
# usage: recall.sh BITLLAMA FOLDER [SECONDS]     (by hand; about half an hour on two cores)
#
# Everything is kept in FOLDER.  After SECONDS, or a Ctrl-C, it ends with 75, and the same line
# continues from there.  At the end it prints the table, leaves it in FOLDER/recall.json, and fails
# unless recall is above chance by three standard errors at every distance up to 1,000 and the
# control is not.
set -eu
[ $# -ge 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
bitllama=$(command -v "$1") || { echo "$1: no such program"; exit 2; }
case $bitllama in /*) ;; *) bitllama=$PWD/$bitllama ;; esac
mkdir -p "$2"
cd "$2"
end=$(($(date +%s) + ${3:-1000000}))

model="--preset tiny --num-hidden-layers 2 --ttt-base-lr 16 --ttt-half-life-min 64 --ttt-half-life-max 4096"
quiet="--no-samples --no-plot --save-seconds 30 --eval-tokens 16384"

paused() {
    echo "paused: the same command goes on from here"
    exit 75
}

# train ARGUMENT...: until its end, or the end of the time.
train() {
    left=$((end - $(date +%s)))
    [ $left -gt 0 ] || paused
    code=0
    timeout -s TERM $left "$bitllama" train $quiet --resume=auto "$@" || code=$?
    case $code in
    0) ;;
    124 | 130 | 143) paused ;;
    *) exit $code ;;
    esac
}

# Does the first stage answer what was told 10 tokens before, by five standard errors above chance?
knows() {
    "$bitllama" eval -m nearest-run --recall 10 --questions 300 --json >nearest.json 2>/dev/null
    tr -d '{}[]" ' <nearest.json | tr ',' '\n' | awk -F: '
        { v[$(NF - 1)] = $NF }
        END {
            if (!v["error"])
                exit 2
            printf "near facts: right %.3f +- %.3f, chance %.3f\n", v["right"], v["error"], v["chance"]
            exit v["right"] < v["chance"] + 5 * v["error"]
        }'
}

# facts FOLDER BYTES SIZE SEED: a text in which facts are asked for at most BYTES later.
facts() {
    [ -f "$1/meta.json" ] || "$bitllama" prepare tales --out "$1" --tales-facts "$2" --tales-bytes "$3" --seed "$4" \
        ${5:+--tokenizer "$5"} ${6:+--vocab-size "$6"}
}

# The tokenizer is of the text that has stories too.
facts far 4096 45000000 0 "" 2048
facts dense 256 100000000 1 far/tokenizer.json
facts nearest 48 24000000 4 far/tokenizer.json
facts farther 16384 30000000 5 far/tokenizer.json

# First facts that are asked for at once, until the model has found out that a name calls up its color,
# at two marks in a row: with facts that lie farther apart the loss did not leave that plateau. Recall
# tells, and the loss does not: how low it is on the plateau differs between processors.
asked=0 known=0
[ ! -f asked ] || read -r asked known <asked
for step in 700 800 900 1000 1100 1200 1300 1400 1600 1800 2000 2400 2800 3200 3600; do
    [ "$known" -lt 2 ] && [ "$step" -gt "$asked" ] || continue
    train $model --data nearest --out nearest-run --batch 32 --context 128 --lr 4e-3 --steps 3600 --stop-after $step
    if knows; then known=$((known + 1)); else known=0; fi
    echo "$step $known" >asked
done
[ "$known" -ge 2 ] || { echo "FAILED: the first stage has not found out that a name calls up its color"; exit 1; }

# Then facts farther apart, with stories between, and longer windows.
train --preset tiny --data nearest:1 --data dense:2 --data far:3 --out middle-run --init nearest-run \
    --batch 8 --context 512 --lr 3e-3 --steps 1600
train --preset tiny --data dense:1 --data far:4 --out far-run --init middle-run \
    --batch 2 --context 2048 --lr 3e-3 --steps 1400
train --preset tiny --data farther --out farther-run --init far-run \
    --batch 1 --context 8192 --lr 2e-3 --steps 500

"$bitllama" eval -m farther-run --recall 100,300,1000,3000,10000 --questions 500 --json >recall.json
awk '
    { gsub(/[][{}" ]/, ""); sub(/^recall:/, ""); n = split($0, field, ",") }
    function show() {
        if (!v["questions"])
            return
        printf "%8d tokens: right %.3f +- %.3f, chance %.3f, control %.3f +- %.3f, would say it %.3f; changed: right %.3f, old %.3f\n",
            v["distance"], v["right"], v["error"], v["chance"], v["control"], v["control_error"], v["greedy"],
            v["changed_right"], v["changed_old"]
        bad += v["distance"] <= 1000 && v["right"] < v["chance"] + 3 * v["error"]
        bad += v["control"] > v["chance"] + 3 * v["control_error"]
    }
    END {
        for (i = 1; i <= n; i++) {
            split(field[i], pair, ":")
            if (pair[1] == "distance")
                show()
            v[pair[1]] = pair[2]
        }
        show()
        if (bad)
            print "FAILED: recall is not above chance, or the control is"
        exit bad > 0
    }' recall.json
