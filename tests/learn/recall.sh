#!/bin/sh
# Teaches a tiny model to remember facts, and scores what it recalls after 100, 1,000 and 10,000 tokens.
#
# usage: recall.sh BITLLAMA FOLDER [SECONDS]     (by hand; about half an hour on two cores)
#
# Everything is kept in FOLDER.  After SECONDS, or a Ctrl-C, it ends with 75, and the same line goes on
# from there.  At the end it prints the table, leaves it in FOLDER/recall.json, and fails unless recall
# is above chance by three standard errors at every distance up to 1,000 and the control is not.
set -eu
[ $# -ge 2 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2; }
bitllama=$(command -v "$1") || { echo "$1: no such program"; exit 2; }
case $bitllama in /*) ;; *) bitllama=$PWD/$bitllama ;; esac
mkdir -p "$2"
cd "$2"
end=$(($(date +%s) + ${3:-1000000}))

model="--preset tiny --ttt-half-life-min 64 --ttt-half-life-max 4096"
quiet="--no-samples --no-plot --save-seconds 30 --eval-tokens 32768"

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

# share DISTANCE QUESTIONS: what the first stage recalls, in percent.
share() {
    "$bitllama" eval -m dense-run --recall "$1" --questions "$2" --json 2>/dev/null |
        sed 's/.*"right": \([0-9.e-]*\).*/\1/' | awk '{ print int(100 * $1) }'
}

# The tokenizer is of the text that has stories too.
[ -f far/meta.json ] || "$bitllama" prepare tales --tales-facts 4096 --tales-bytes 45000000 --vocab-size 2048 --out far
[ -f dense/meta.json ] || "$bitllama" prepare tales --tales-facts 256 --tales-bytes 100000000 --seed 1 \
    --tokenizer far/tokenizer.json --out dense

# First short windows of dense facts, until the model has found out that a name calls up its color: long
# windows from the start, or facts far apart, are still at chance after as many tokens.
if [ ! -f far-run/config.json ]; then
    for step in 900 1000 1100 1200 1300 1400 1500 1600 1700 1800 2000 2200 2400 2600 2800 3000; do
        train $model --data dense --out dense-run --batch 128 --context 128 --lr 4e-3 --steps 3600 --stop-after $step
        percent=$(share 20 200)
        echo "dense facts, step $step: $percent % recalled after 20 tokens"
        [ "$percent" -lt 85 ] || break
    done
fi

# Then long windows, with stories between.
train --data far --out far-run --init-from dense-run --batch 16 --context 1024 --lr 2e-3 --steps 700 --preset tiny

"$bitllama" eval -m far-run --recall 100,300,1000,3000,10000 --questions 500 --json >recall.json
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
