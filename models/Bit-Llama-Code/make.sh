#!/bin/sh
# Makes Bit-Llama-Code, 98 million parameters that go on with Python source, from the Debian packages that it is trained on.
#
#   models/Bit-Llama-Code/make.sh DEBS OUT
#   models/Bit-Llama-Code/make.sh --smoke OUT
#   models/Bit-Llama-Code/make.sh --prepared OUT
#
# DEBS is a folder of the packages that `packages` lists ("apt-get download" fetches them from Debian 12); any other file is refused.
# OUT becomes the model folder, OUT.work keeps the run, and an interrupted make.sh goes on from there.  FLAGS are added to the recipe
# ("--device cuda"); --prepared begins with OUT.work/data and heldout.txt and index.tsv of OUT.work/corpus as they were made elsewhere;
# COUNT, MEMORY, DEVICE and TOKENS are those of measure.sh.  --smoke proves all steps without data: 20 steps on
# made-up functions.  BITLLAMA names the program (build/bitllama).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../lib.sh"
begin "$@"
recipe=$(cat "$here/recipe")
made_up() { # SEED FUNCTIONS DOCUMENTS
    awk -v seed="$1" -v n="$2" -v documents="$3" 'BEGIN {
        srand(seed)
        words = split("value list name total part node first last count item", w, " ")
        for (d = 0; d < documents; d++) {
            for (i = 0; i < n; i++) {
                a = w[1 + int(rand() * words)]
                b = w[1 + int(rand() * words)]
                printf "def %s_of(%s, %s=%d):\n    if %s > %s:\n        return %s\n    return [%s]\n\n\n", a, b, a, 10 * rand(), a, b, a, b
            }
            print "<|endoftext|>"
        }
    }'
}
if [ -n "$smoke" ]; then
    recipe="--preset code --hidden-size 64 --intermediate-size 96 --num-hidden-layers 2 --num-attention-heads 2 --context 64 --batch 2 --steps 20 --eval-tokens 512"
    rm -rf "$work/corpus"
    mkdir "$work/corpus"
    made_up 1 12 80 >"$work/corpus/train.txt"
    made_up 2 12 4 >"$work/corpus/heldout.txt"
    awk 'BEGIN { for (i = 1; i <= 4; i++) print "heldout\tmade-up-" i "\t1\tnone" }' >"$work/corpus/index.tsv"
    vocabulary=400 COUNT=2 LONG=500 MEMORY=0
    export COUNT LONG MEMORY
elif [ -n "$prepared" ]; then
    made data/train.bin data/val.bin data/tokenizer.json corpus/heldout.txt
else
    [ -d "$work/corpus" ] || sh "$here/corpus.sh" "$source" "$work/corpus"
    for name in train.txt heldout.txt; do
        has_hash "$work/corpus/$name" "$(awk -v name=corpus/$name '$2 == name { print $1 }' "$here/data")" ||
            die "$work/corpus/$name is not the text that $here/data names: another awk or tar?"
    done
    vocabulary=16384
fi
[ -n "$prepared" ] || run prepare "$work/corpus/train.txt" --validation "$work/corpus/heldout.txt" --dedup near --vocab-size $vocabulary --out "$work/data"
# shellcheck disable=SC2086 # words
train_model "$work/data" "$work/run" $recipe ${FLAGS:-}
loss_of loss "$work/run" --data "$work/data" --window 1024 --device "${DEVICE:-cpu}"
export_model "$work/run" "${DTYPE:-int8}"
rm -rf "$work/measured"
sh "$here/measure.sh" "$program" "$work/corpus" "$work/measured" "$out" >"$work/measured.md"
samples "$out" "$(printf 'import os\n\n\ndef')" 120
awk '/^#/ { next } { lic = $4; for (i = 5; i <= NF; i++) lic = lic " " $i; n[lic]++ }
    END { for (l in n) printf "| %s | %d |\n", l, n[l] }' "$here/packages" | LC_ALL=C sort >"$work/licences.md"
awk '$3 == "heldout" { sub(/_.*/, "", $2); line = line (line == "" ? "" : ", ") $2 } END { print line "." }' "$here/packages" >"$work/heldout.md"
card
