#!/bin/sh
# What a memory is worth: the loss on the rest of a document after its last 1k, 4k and 16k tokens, against as many of
# another document and against nothing.
#
#   bench/memory.sh PROGRAM DOCUMENTS FOLDER MODEL...
#
# DOCUMENTS is a folder of texts (*.txt), each of which is one document; those that begin alike up to the first "-" (say
# heidi-1.txt, heidi-2.txt) are parts of one book.  Of each the last 4,500 bytes are the rest, the same for all lengths, and
# what is read are the bytes in front of it that are so many tokens; "another" document is the next one of another book.
# A table for each model: nats a token over the rest's first 1,024 tokens, and what reading gained, by place in the rest.
# The standard error is that of the mean gain over the documents.  JOBS (4) runs so many documents side by side.
set -eu
[ $# -ge 4 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2; }
program=$1 documents=$2 folder=$3
shift 3
rest=4500 lengths="1000 4000 16000" jobs=${JOBS:-4}
mkdir -p "$folder"

# One document with one model, in a shell of its own: lines "LENGTH WHAT NATS TOKENS" three times, by place in the rest.
cat >"$folder/one.sh" <<'ONE'
program=$1 model=$2 work=$3 own=$4 other=$5 rest=$6 lengths=$7
mkdir -p "$work"
loss() { # LENGTH WHAT [MEMORY]
    "$program" eval -m "$model" --data "$work/rest.txt" ${3:+--memory "$3"} --by-position --json --threads 1 2>>"$work/log" |
        grep -o '"first": [0-9]*, "last": [0-9]*, "tokens": [0-9]*, "loss": [-0-9.e+]*' | tr -d ',' |
        awk -v key="$1 $2" '$2 < 1024 { i = ($2 >= 64) + ($2 >= 256); n[i] += $6; s[i] += $6 * $8 }
            END { print key, s[0], n[0], s[1], n[1], s[2], n[2] }'
}
tail -c "$rest" "$own" >"$work/rest.txt"
loss 0 nothing
for n in $lengths; do
    for what in own other; do
        eval "text=\$$what"
        head -c "-$rest" "$text" | tail -c $((n * BYTES / 100)) >"$work/read.txt"
        rm -f "$work/read.mem"
        "$program" learn -m "$model" -f "$work/read.txt" --memory "$work/read.mem" --threads 1 $LEARN >"$work/out" 2>>"$work/log"
        loss "$n" "$what" "$work/read.mem"
    done
done
rm -f "$work/rest.txt" "$work/read.txt" "$work/read.mem"
ONE

book() { basename "$1" .txt | sed 's/-.*//'; }
# Each document with the next one of another book.
pairs() {
    set -- "$documents"/*.txt
    for own; do
        found= past=
        for other in "$@" "$@"; do
            if [ -n "$past" ] && [ -z "$found" ] && [ "$(book "$other")" != "$(book "$own")" ]; then found=$other; fi
            [ "$other" != "$own" ] || past=1
        done
        echo "$own $found"
    done
}
pairs >"$folder/pairs"

export LEARN="${LEARN:-}"
for model; do
    name=$(basename "$model")
    results=$folder/$name.results
    if [ ! -s "$results" ]; then
        # Bytes of a hundred tokens, of all documents together.
        cat "$documents"/*.txt >"$folder/all.txt"
        tokens=$("$program" tokenize -m "$model" -f "$folder/all.txt" 2>/dev/null | wc -w)
        export BYTES=$(($(wc -c <"$folder/all.txt") * 100 / tokens))
        rm -f "$folder/all.txt"
        rm -rf "$folder/$name.work"
        xargs -P "$jobs" -L 1 sh -c 'sh "$1" "$2" "$3" "$4/$(basename "$7" .txt)" "$7" "$8" "$5" "$6" >"$4.$(basename "$7" .txt)"' \
            one "$folder/one.sh" "$program" "$model" "$folder/$name.work" "$rest" "$lengths" <"$folder/pairs"
        cat "$folder/$name.work".* >"$results"
        rm -rf "$folder/$name.work" "$folder/$name.work".*
    fi
    echo "$name: $(grep -c nothing "$results") documents, from nothing $(awk '/nothing/ { s += $3 + $5 + $7; n += $4 + $6 + $8 } END { printf "%.4f", s / n }' "$results") nats a token"
    echo
    echo "| tokens read | loss after another | after its own | own gains | standard error | to place 63 | to 255 | to 1,023 | another gains |"
    echo "|---|---|---|---|---|---|---|---|---|"
    awk '
        $2 == "nothing" { d++; s = $3 + $5 + $7; n = $4 + $6 + $8; none += s; all += n; nothing = s / n; next }
        { s = $3 + $5 + $7; n = $4 + $6 + $8; if (!seen[$1]++) order[++k] = $1
          if ($2 == "own") { own = s / n; sum[$1] += s; tokens[$1] += n; for (i = 0; i < 3; i++) { o[i] = $(3 + 2 * i); m[i] = $(4 + 2 * i) } }
          else { gain = s / n - own; g[$1] += gain; gg[$1] += gain * gain; c[$1]++; osum[$1] += s; fresh[$1] += nothing - s / n
                 for (i = 0; i < 3; i++) { p[$1, i] += $(3 + 2 * i) - o[i]; q[$1, i] += m[i] } } }
        END { for (j = 1; j <= k; j++) { L = order[j]; mean = g[L] / c[L]; var = c[L] > 1 ? (gg[L] / c[L] - mean * mean) / (c[L] - 1) : 0
              printf "| %d | %.4f | %.4f | %+.4f | %.4f | %+.4f | %+.4f | %+.4f | %+.4f |\n", L, osum[L] / tokens[L], sum[L] / tokens[L], mean,
                  sqrt(var > 0 ? var : 0), p[L, 0] / q[L, 0], p[L, 1] / q[L, 1], p[L, 2] / q[L, 2], fresh[L] / c[L] } }' "$results"
    echo
done
