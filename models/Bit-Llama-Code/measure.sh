#!/bin/sh
# What a model of Python source is worth on held-out packages: bits a byte, functions that parse, the curve by position, memory.
#
#   models/Bit-Llama-Code/measure.sh PROGRAM CORPUS FOLDER MODEL...
#
# CORPUS is what corpus.sh made.  For each model, into FOLDER/MODEL.md, and all of it to standard output:
#   bits a byte of heldout.txt, document by document, beside gzip, xz and zstd on the same bytes;
#   the loss by position in documents of LONG (50000) bytes or more: does what was read help?
#   bench/memory.sh on those documents: the rest after its own beginning against after another's (MEMORY=0: not);
#   COUNT (200) functions of at most 256 tokens at temperature 0.4, seed 1: the share that parses (needs python3).
# DEVICE (cpu) computes the losses.  TOKENS (0: all) reads so many tokens' worth of documents.  JOBS (2) side by side.
set -eu
[ $# -ge 4 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
program=$1 corpus=$2 folder=$3
shift 3
device=${DEVICE:-cpu} count=${COUNT:-200} long=${LONG:-50000} jobs=${JOBS:-2}
mkdir -p "$folder"
text=$folder/held.txt
# about 4 bytes a token; whole documents, taken evenly
LC_ALL=C awk -v most="$((${TOKENS:-0} * 4))" -v size="$(wc -c <"$corpus/heldout.txt")" '
    { document = document $0 "\n" }
    /^<\|endoftext\|>$/ {
        read += length(document)
        if (!most || kept * size < read * most) {
            printf "%s", document
            kept += length(document)
        }
        document = ""
    }' "$corpus/heldout.txt" >"$text"
LC_ALL=C awk -v long="$long" '
    { document = document $0 "\n" }
    /^<\|endoftext\|>$/ {
        if (length(document) >= long)
            printf "%s", document
        document = ""
    }' "$corpus/heldout.txt" >"$folder/long.txt"
# each long document a file, named by its package: PACKAGE-N.txt
if [ ! -d "$folder/documents" ]; then
    mkdir "$folder/documents"
    LC_ALL=C awk -v long="$long" -v folder="$folder/documents" '
        FNR == NR { split($0, field, "\t"); if (field[1] == "heldout") package[++n] = field[2]; next }
        /^<\|endoftext\|>$/ {
            name = package[++d]
            gsub(/-/, "_", name)
            if (length(document) >= long) {
                file = folder "/" name "-" ++of[name] ".txt"
                printf "%s", document >file
                close(file)
            }
            document = ""
            next
        }
        { document = document $0 "\n" }' "$corpus/index.tsv" "$corpus/heldout.txt"
fi
[ -s "$folder/compressors" ] || sh "$here/compressors.sh" "$text" >"$folder/compressors"
number() { sed -n "s/.*\"$1\": *\([-0-9.e+]*\).*/\1/p" "$2" | head -n 1; }

# The prompt ends with the colon, as generate drops the last line break of a file: a model has seen line breaks in one token with the
# indentation that follows, and after one alone it goes on at the margin.
write_functions() { # MODEL FOLDER
    (cd "$2" && for file in *.prompt; do echo "${file%.prompt}"; done) | xargs -P "$jobs" -n 1 sh -c '
        cd "$2" && { [ -e "$3.out" ] || { "$0" generate -m "$1" -f "$3.prompt" --no-echo --json --max-tokens 256 \
            --temperature 0.4 --seed 1 --threads 1 >"$3.part" 2>"$3.log" && mv "$3.part" "$3.out"; }; }' "$program" "$1" "$2"
}

case $program in /*) ;; */*) program=$PWD/$program ;; esac
for model; do
    name=$(basename "$model")
    case $model in /*) ;; *) model=$PWD/$model ;; esac
    card=$folder/$name.md
    "$program" eval -m "$model" --data "$text" --json --device "$device" >"$folder/$name.json"
    {
        echo "| $(number documents "$folder/$name.json") held-out documents, $(number bytes "$folder/$name.json") bytes | bits a byte | each document alone |"
        echo "|---|---|---|"
        echo "| $name ($(number loss "$folder/$name.json") nats a token) | | $(number bits_per_byte "$folder/$name.json" | cut -c 1-5) |"
        cat "$folder/compressors"
        echo
        if [ -s "$folder/long.txt" ]; then
            "$program" eval -m "$model" --data "$folder/long.txt" --by-position --json --device "$device" >"$folder/$name.positions.json"
            echo "By position in the $(grep -c '^<|endoftext|>$' "$folder/long.txt") documents of $long bytes or more:"
            echo
            echo "| from token | to | nats a token | tokens |"
            echo "|---|---|---|---|"
            tr '{' '\n' <"$folder/$name.positions.json" |
                sed -n 's/.*"first": *\([0-9]*\), *"last": *\([0-9]*\), *"tokens": *\([0-9]*\), *"loss": *\([-0-9.e+]*\).*/| \1 | \2 | \4 | \3 |/p'
            echo
            if [ "${MEMORY:-1}" != 0 ]; then
                JOBS=$jobs sh "$here/../../bench/memory.sh" "$program" "$folder/documents" "$folder/memory" "$model"
            fi
        else
            echo "No document has $long bytes: no curve by position."
        fi
        if command -v python3 >/dev/null; then
            mkdir -p "$folder/$name.functions"
            python3 "$here/completions.py" prompts "$corpus/heldout.txt" "$folder/$name.functions" "$count" >"$folder/$name.prompts"
            [ "$(cat "$folder/$name.prompts")" -eq 0 ] || write_functions "$model" "$folder/$name.functions"
            echo
            echo "| functions written by | asked for | end within 256 tokens | parse |"
            echo "|---|---|---|---|"
            python3 "$here/completions.py" judge "$folder/$name.functions"
        else
            echo "skipped: functions that parse (no python3 here)" >&2
        fi
    } >"$card.part"
    mv "$card.part" "$card"
    cat "$card"
done
