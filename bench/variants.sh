#!/bin/sh
# Trains the variants of the model side by side on one text and prints a table of their losses.
#
#   bench/variants.sh PROGRAM TRAIN.txt VALID.txt FOLDER [STEPS]
#
# A small preset of its own (1.4 million parameters at 4,096 tokens, 2,048 tokens a step), so that one
# run takes minutes on two cores.  Every variant has the same seed, data and schedule; float weights
# have half the learning rate (docs/MODEL.md, section 6).  A finished run in FOLDER is used as it is.
set -eu
program=$1 train=$2 valid=$3 folder=$4 steps=${5:-600}
mkdir -p "$folder"
size="--hidden-size 128 --intermediate-size 352 --num-hidden-layers 4 --num-attention-heads 2"
common="--batch 16 --context 128 --steps $steps --eval-every $steps --save-every $steps --seed 0"

[ -f "$folder/data/meta.json" ] ||
    "$program" prepare "$train" --out "$folder/data" --vocab-size 4096 --val-split 0
[ -f "$folder/valid/meta.json" ] ||
    "$program" prepare "$valid" --out "$folder/valid" --tokenizer "$folder/data/tokenizer.json" --val-split 0

field() { # field NAME: the number after "NAME": in JSON on standard input
    sed -n "s/.*\"$1\": *\([0-9.eE+-]*\).*/\1/p"
}
# The mean training loss of the ten steps up to $2 in metrics file $1.
smoothed() {
    grep '"type": *"train"' "$1" | sed -n "$(($2 - 9)),$2p" | field loss |
        awk '{ sum += $1 } END { printf "%.3f", sum / NR }'
}

variant() { # variant NAME FLAGS...
    name=$1 run=$folder/run-$1
    shift
    # shellcheck disable=SC2086 # lists of flags
    [ -f "$run/model.safetensors" ] ||
        "$program" train --data "$folder/data" --out "$run" --preset tiny $size $common "$@" >&2
    loss=$("$program" eval -m "$run" --data "$folder/valid/train.bin" --window 128 --json 2>/dev/null | field loss)
    parameters=$("$program" info "$run" --json | field parameters)
    speed=$(grep '"type": *"train"' "$run/metrics.jsonl" | field tokens_per_s | sort -n | awk '{ v[NR] = $1 } END { printf "%.0f", v[int((NR + 1) / 2)] }')
    printf '| %s | %s | %s | %s | %.3f | %s |\n' "$name" "$parameters" "$(smoothed "$run/metrics.jsonl" $((steps / 4)))" \
        "$(smoothed "$run/metrics.jsonl" "$steps")" "$loss" "$speed"
}

echo "| variant | parameters | train, step $((steps / 4)) | train, step $steps | valid | tokens/s |"
echo "|---|---|---|---|---|---|"
variant default --lr 4e-3
variant no-pre-conv --lr 4e-3 --no-pre-conv
variant plain --lr 4e-3 --no-share-qk --no-use-gate --no-pre-conv
variant chunk-32 --lr 4e-3 --mini-batch-size 32
variant mlp --lr 4e-3 --ttt-layer-type mlp
variant float --lr 2e-3 --quantization none
