#!/bin/sh
# Makes Bit-Llama-Micro-Chat, which takes requests for stories, answers questions about them and remembers what it is told, from
# Bit-Llama-Micro.
#
#   models/Bit-Llama-Micro-Chat/make.sh DATA OUT
#   models/Bit-Llama-Micro-Chat/make.sh --smoke OUT
#   models/Bit-Llama-Micro-Chat/make.sh --prepared OUT
#
# DATA, OUT and the variables are as of Bit-Llama-Micro's make.sh, which makes the model that this one begins with, in OUT.work/base, unless
# BASE names its OUT.work.  talks.awk turns the stories into conversations (twice, with two seeds), remember.awk puts up to 6 of
# them into one, for the first stage, and up to 24 for the second, in which rows are longer.  COUNT (200) held-out requests are measured.
# --prepared, with BASE, begins with OUT.work/data, OUT.work/long and OUT.work/tinystories-valid.txt as they were made elsewhere.
# --smoke proves all steps without data.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
begin "$@"
base=${BASE:-$work/base.work}
recipe=$(sed -n 1p "$here/recipe") recipe_long=$(sed -n 2p "$here/recipe")
if [ -n "$smoke" ]; then
    [ -n "${BASE:-}" ] || sh "$here/../Bit-Llama-Micro/make.sh" --smoke "$work/base"
    recipe="--context 64 --batch 2 --steps 20 --eval-tokens 512 --lr 2e-3" recipe_long="--context 256 --batch 1 --steps 4 --eval-tokens 512 --lr 1e-3"
    TELLS=1 BETWEEN="0 2"
    export TELLS BETWEEN
    # the tales that the base learned from
    od -An -v -tu2 -w2 "$base/data/train.bin" | head -n 40000 | run detokenize -m "$base/data" --special >"$work/stories.txt"
    od -An -v -tu2 -w2 "$base/data/val.bin" | run detokenize -m "$base/data" --special >"$work/held.txt"
    sed 's/<|endoftext|>/\n<|endoftext|>\n/g' "$work/stories.txt" >"$work/tinystories-train.txt"
    sed 's/<|endoftext|>/\n<|endoftext|>\n/g' "$work/held.txt" >"$work/tinystories-valid.txt"
    set -- "$work/tinystories-train.txt"
elif [ -n "$prepared" ]; then
    [ -n "${BASE:-}" ] || die "--prepared needs BASE"
    made data/train.bin data/train.mask data/val.bin data/val.mask long/train.bin long/train.mask long/val.bin long/val.mask tinystories-valid.txt
else
    [ -n "${BASE:-}" ] || sh "$here/../Bit-Llama-Micro/make.sh" "$source" "$work/base"
    cp "$base/tinystories-train.txt" "$base/tinystories-extra.txt" "$base/tinystories-valid.txt" "$work"
    set -- "$work/tinystories-train.txt" "$work/tinystories-extra.txt"
fi
if [ -z "$prepared" ]; then
    LC_ALL=C awk -v seed=1 -f "$here/talks.awk" "$work/tinystories-valid.txt" >"$work/talks-valid.jsonl"
    for seed in 1 2; do
        LC_ALL=C awk -v seed=$seed -f "$here/talks.awk" "$@" >"$work/talks-$seed.jsonl"
    done
    for most in 6 24; do
        for part in 1 2 valid; do
            [ $part = valid ] && seed=1 || seed=$part
            LC_ALL=C awk -v seed=$seed -v most=$most -f "$here/remember.awk" "$work/talks-$part.jsonl" >"$work/told-$part.jsonl"
        done
        run prepare "$work/told-1.jsonl" "$work/told-2.jsonl" --validation "$work/told-valid.jsonl" --documents messages \
            --tokenizer "$base/data" --out "$work/$([ $most = 6 ] && echo data || echo long)"
    done
fi
# shellcheck disable=SC2086 # words
train_model "$work/data" "$work/first" --init "$base/run" $recipe ${FLAGS:-}
fact recipe_first "$recipe"
fact seconds_first "$(cat "$work/first/seconds")"
# shellcheck disable=SC2086 # words
train_model "$work/long" "$work/run" --init "$work/first" $recipe_long ${FLAGS:-}
loss_of loss "$work/run" --data "$work/data" --window 512
loss_of story_loss "$work/run" --data "$base/data" --window 256
export_model "$work/run" "${DTYPE:-int8}"
COUNT=${COUNT:-200} sh "$here/measure.sh" "$program" "$work/tinystories-valid.txt" "$work/measured" "$base/run" "$out" >"$work/asked.md"
samples_of_chat() { # a turn a call, all that was said before it is in the memory
    for seed in 1 2 3; do
        printf 'Seed %s:\n\n' "$seed"
        rm -f "$work/talk.mem"
        while read -r line; do
            printf '> %s\n' "$line"
            echo "$line" | run chat -m "$out" --memory "$work/talk.mem" --seed "$seed" --max-tokens 250 2>/dev/null
        done <"$here/turns" | sed 's/^/    /'
        printf '\n'
    done
}
samples_of_chat >"$work/samples.md"
card
