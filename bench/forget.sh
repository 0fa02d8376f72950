#!/bin/sh
# What forgetting (docs/MODEL.md 3.7) gives and what it costs: three tables, with it and without.
#
#   bench/forget.sh PROGRAM TRAIN LONG FOLDER [FLAGS OF train...]
#
# TRAIN and LONG are texts, or both "tales" (4 MB each, of different seeds).  The tables: loss in windows
# of the training for three seeds; loss along LONG read as one text, less that of fresh states in
# windows of 1,024, by octave (seed 0); speed in ten pairs, in turn.  A finished run in FOLDER is used as it is.
set -eu
program=$1 train=$2 long=$3 folder=$4
shift 4
mkdir -p "$folder"
data() { # NAME SOURCE FLAGS...
    name=$1 source=$2
    shift 2
    [ -f "$folder/$name/meta.json" ] || "$program" prepare "$source" --out "$folder/$name" --tales-bytes 4000000 "$@" >&2
}
data train "$train" --vocab-size 2048
data long "$long" --tokenizer "$folder/train/tokenizer.json" --val-split 0 --seed 77

field() { # NAME: the numbers after "NAME": in JSON on standard input
    grep -o "\"$1\": *[-0-9.eE+]*" | sed 's/.*: *//'
}
train() { # RUN FLAGS...
    run=$folder/$1
    shift
    "$program" train --data "$folder/train" --out "$run" --preset tiny --no-samples --no-plot "$@" 2>>"$folder/log"
}
middle() { # of a column of numbers
    sort -g | awk '{ v[NR] = $1 } END { printf "%.4f", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

echo "| seed | forgetting | without |"
echo "|---|---|---|"
for seed in 0 1 2; do
    printf '| %s |' $seed
    for way in ttt-forget no-ttt-forget; do
        [ -f "$folder/$way-$seed/model.safetensors" ] || train "$way-$seed" "--$way" --seed $seed "$@"
        "$program" eval -m "$folder/$way-$seed" --data "$folder/train" --json 2>/dev/null | field loss | awk '{ printf " %.4f |", $1 }'
    done
    echo
done
echo

echo "| position | forgetting: stream - fresh | without |"
echo "|---|---|---|"
for way in ttt-forget no-ttt-forget; do
    [ -s "$folder/$way.json" ] ||
        "$program" eval -m "$folder/$way-0" --data "$folder/long/train.bin" --stream --json >"$folder/$way.json" 2>>"$folder/log"
    field difference <"$folder/$way.json" >"$folder/$way.column"
done
field first <"$folder/ttt-forget.json" | paste - "$folder/ttt-forget.column" "$folder/no-ttt-forget.column" |
    awk '$1 >= 512 { printf "| %d | %+.4f | %+.4f |\n", $1, $2, $3 }'
echo

pair() { # TASK: the ratio of a pair, forgetting to without
    for way in ttt-forget no-ttt-forget; do
        case $1 in
        training)
            rm -rf "$folder/timed"
            train timed "--$way" --steps 12 --eval-every 1000 --save-every 1000
            grep '"type":"train"' "$folder/timed/metrics.jsonl" | field tokens_per_s | middle
            ;;
        writing)
            "$program" generate -m "$folder/$way-0" -p "Once" --max-tokens 3000 --seed 1 --ignore-eos 2>&1 >/dev/null |
                sed -n 's/.*written [0-9,]* tokens (\([0-9.]*\)k tok.*/\1/p'
            ;;
        esac
        echo
    done | grep . | paste - - | awk '{ print $1 / $2 }'
}
echo "| speed | forgetting / without, median of ten pairs |"
echo "|---|---|"
for task in training writing; do
    for i in 1 2 3 4 5 6 7 8 9 10; do pair $task; done | middle | awk -v t=$task '{ printf "| %s | %.3f |\n", t, $1 }'
done
