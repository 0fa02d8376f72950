#!/bin/sh
# Makes Bit-Llama-Micro-Chat, which takes requests for stories and answers questions about them, from Bit-Llama-Micro.
#
#   models/Bit-Llama-Micro-Chat/make.sh DATA OUT
#   models/Bit-Llama-Micro-Chat/make.sh --smoke OUT
#   models/Bit-Llama-Micro-Chat/make.sh --prepared OUT
#
# DATA, OUT and the variables are as of Bit-Llama-Micro's make.sh, which makes the model that this one begins with, in OUT.work/base, unless
# BASE names its OUT.work.  talks.awk turns the stories into conversations (twice, with two seeds).  COUNT (200) held-out
# requests are measured.  --prepared, with BASE, begins with OUT.work/data and OUT.work/tinystories-valid.txt as they were made elsewhere.  --smoke proves all steps without data.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
begin "$@"
base=${BASE:-$work/base.work}
recipe=$(cat "$here/recipe")
if [ -n "$smoke" ]; then
    [ -n "${BASE:-}" ] || sh "$here/../Bit-Llama-Micro/make.sh" --smoke "$work/base"
    recipe="--context 64 --batch 2 --steps 20 --eval-tokens 512 --lr 2e-3"
    # the tales that the base learned from
    od -An -v -tu2 -w2 "$base/data/train.bin" | head -n 40000 | run detokenize -m "$base/data" --special >"$work/stories.txt"
    od -An -v -tu2 -w2 "$base/data/val.bin" | run detokenize -m "$base/data" --special >"$work/held.txt"
    sed 's/<|endoftext|>/\n<|endoftext|>\n/g' "$work/stories.txt" >"$work/tinystories-train.txt"
    sed 's/<|endoftext|>/\n<|endoftext|>\n/g' "$work/held.txt" >"$work/tinystories-valid.txt"
    set -- "$work/tinystories-train.txt"
elif [ -n "$prepared" ]; then
    [ -n "${BASE:-}" ] || die "--prepared needs BASE"
    made data/train.bin data/train.mask data/val.bin data/val.mask tinystories-valid.txt
else
    [ -n "${BASE:-}" ] || sh "$here/../Bit-Llama-Micro/make.sh" "$source" "$work/base"
    cp "$base/tinystories-train.txt" "$base/tinystories-extra.txt" "$base/tinystories-valid.txt" "$work"
    set -- "$work/tinystories-train.txt" "$work/tinystories-extra.txt"
fi
if [ -z "$prepared" ]; then
    for seed in 1 2; do
        LC_ALL=C awk -v seed=$seed -f "$here/talks.awk" "$@" >"$work/talks-$seed.jsonl"
    done
    LC_ALL=C awk -v seed=1 -f "$here/talks.awk" "$work/tinystories-valid.txt" >"$work/talks-valid.jsonl"
    run prepare "$work/talks-1.jsonl" "$work/talks-2.jsonl" --validation "$work/talks-valid.jsonl" --documents messages \
        --tokenizer "$base/data" --out "$work/data"
fi
# shellcheck disable=SC2086 # words
train_model "$work/data" "$work/run" --init "$base/run" $recipe ${FLAGS:-}
loss_of loss "$work/run" --data "$work/data" --window 512
loss_of story_loss "$work/run" --data "$base/data" --window 256
export_model "$work/run" "${DTYPE:-int8}"
COUNT=${COUNT:-200} sh "$here/measure.sh" "$program" "$work/tinystories-valid.txt" "$work/measured" "$base/run" "$out" >"$work/asked.md"
samples_of_chat() {
    for seed in 1 2 3; do
        printf 'Seed %s:\n\n' "$seed"
        printf '%s\n' "Tell me a story about a little dog named Max. Use the words ball and rain." "Who is the story about?" "How does the story end?" |
            run chat -m "$out" --seed "$seed" --max-tokens 250 2>/dev/null | sed 's/^/    /'
        printf '\n'
    done
}
samples_of_chat >"$work/samples.md"
card
