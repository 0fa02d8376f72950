#!/bin/sh
# Makes Bit-Llama-Micro, 11 million parameters that tell stories for children, from the public text that it is trained on.
#
#   models/Bit-Llama-Micro/make.sh DATA OUT
#   models/Bit-Llama-Micro/make.sh --smoke OUT
#   models/Bit-Llama-Micro/make.sh --prepared OUT
#
# DATA is a folder of the files that `data` lists, plain or .xz: any other file is refused.  OUT becomes the model folder, OUT.work
# keeps the run, and an interrupted make.sh goes on from there.  FLAGS in the environment are added to the recipe ("--device cuda").
# --prepared begins with OUT.work/data as it was made elsewhere.  --smoke proves all steps without data: 20 steps on made-up tales.  BITLLAMA names the program (build/bitllama).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
begin "$@"
marks='<|im_start|> <|im_end|>' # for Bit-Llama-Micro-Chat, which has the same tokenizer
recipe=$(cat "$here/recipe")
if [ -n "$smoke" ]; then
    recipe="--preset micro --context 64 --batch 2 --steps 20 --eval-tokens 512"
    run prepare tales --tales-bytes 400000 --vocab-size 2048 --special-tokens "$marks" --out "$work/data"
elif [ -n "$prepared" ]; then
    made data/train.bin data/val.bin data/tokenizer.json
else
    for name in tinystories-train.txt tinystories-extra.txt children-cc-by.txt tinystories-valid.txt children-cc-by.attribution.tsv; do
        file "$name"
    done
    run prepare "$work/tinystories-train.txt" "$work/tinystories-extra.txt" "$work/children-cc-by.txt" \
        --validation "$work/tinystories-valid.txt" --special-tokens "$marks" --vocab-size 16384 --out "$work/data"
fi
# shellcheck disable=SC2086 # words
train_model "$work/data" "$work/run" $recipe ${FLAGS:-}
loss_of loss "$work/run" --data "$work/data" --window 256
export_model "$work/run" "${DTYPE:-int8}"
loss_of packed_loss "$out" --data "$work/data" --window 256
samples "$out" "$(cat "$here/prompt")"
[ -n "$smoke$prepared" ] || cp "$work/children-cc-by.attribution.tsv" "$out/attribution.tsv"
card
echo "$out: $(wc -c <"$out/model.safetensors") bytes of weights" >&2
