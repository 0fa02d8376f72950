#!/bin/sh
# What a taught book leaves: the loss on its second half after its first, and after more and more of other text.
#
#   bench/taught.sh PROGRAM MODEL BOOK UNRELATED-BOOK TEXT FOLDER [SHARE [EVERY]]
#
# Three texts: a book, another of at least half its length, and one of documents with lines <|endoftext|>
# between.  The model learns the first half of BOOK, or as much of the other book, without consolidation
# and with SHARE (0.05) after every EVERY (256) tokens and at the end, then 1k, 10k and 100k tokens of TEXT.
# Tables: the loss on the second half of BOOK from each memory; and on the last documents of TEXT and the
# other book from a memory that read 100k tokens of TEXT, with a thousand consolidations and without.
# FOLDER keeps what was made, and a finished memory is used as it is.
set -eu
[ $# -ge 6 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2; }
program=$1 model=$2 book=$3 other=$4 text=$5 folder=$6 share=${7:-0.05} every=${8:-256}
mkdir -p "$folder"

# The halves end at a line; TEXT is cut between documents, its last tenth (at most 100 kB) set aside.
half=$(($(wc -c <"$book") / 2))
head -c $half "$book" | sed '$d' >"$folder/first.txt"
tail -c +$(($(wc -c <"$folder/first.txt") + 1)) "$book" >"$folder/second.txt"
head -c $half "$other" | sed '$d' >"$folder/unrelated.txt"
aside=$(($(wc -c <"$text") / 10))
[ $aside -le 100000 ] || aside=100000
tail -c $aside "$text" | sed '1,/<|endoftext|>/d' >"$folder/aside.txt"
head -c -$aside "$text" >"$folder/rest.txt"
tail -c +$((half + 1)) "$other" | head -c 60000 >"$folder/apart.txt"

learn() { # MEMORY TEXT FLAGS...
    memory=$1 lesson=$2
    shift 2
    "$program" learn -m "$model" -f "$folder/$lesson" --memory "$folder/$memory" "$@" 2>>"$folder/log"
}
# loss TEXT [MEMORY]
loss() {
    "$program" eval -m "$model" --data "$folder/$1" ${2:+--memory "$folder/$2"} --json 2>>"$folder/log" |
        sed 's/.*"loss": \([0-9.e+-]*\).*/\1/' | awk '{ printf "%.4f", $1 }'
}

# The next bytes of TEXT that are about as many tokens.
learn ratio.mem aside.txt >"$folder/ratio"
rm "$folder/ratio.mem"
tokens=$(sed -n 's/^learned *\([0-9,]*\) tokens.*/\1/p' "$folder/ratio" | tr -d ,)
bytes=$(wc -c <"$folder/aside.txt")
piece() { # FROM TO, in tokens
    head -c $(($2 * bytes / tokens)) "$folder/rest.txt" | tail -c +$(($1 * bytes / tokens + 1))
}
piece 0 1000 >"$folder/more-1k.txt"
piece 1000 10000 >"$folder/more-10k.txt"
piece 10000 100000 >"$folder/more-100k.txt"

echo "Loss on the second half of the book, nats a token; from a fresh state $(loss second.txt)"
echo
echo "| learned before | then nothing | 1k tokens | 10k tokens | 100k tokens | base |"
echo "|---|---|---|---|---|---|"
row() { # NAME MEMORY LESSON FLAGS...
    name=$1 row=$2 lesson=$3
    shift 3
    [ -f "$folder/$row.mem" ] || learn "$row.mem" "$lesson" "$@" >"$folder/$row.out"
    printf '| %s | %s |' "$name" "$(loss second.txt "$row.mem")"
    last=$row
    for n in 1k 10k 100k; do
        if [ ! -f "$folder/$row-$n.mem" ]; then
            cp "$folder/$last.mem" "$folder/part.mem"
            learn part.mem "more-$n.txt" >/dev/null
            mv "$folder/part.mem" "$folder/$row-$n.mem"
        fi
        last=$row-$n
        printf ' %s |' "$(loss second.txt "$last.mem")"
    done
    "$program" memory show "$folder/$last.mem" -m "$model" | awk 'found && $5 > most { most = $5 } /^layer/ { found = 1 } END { printf " %.4f |\n", most }'
}
row "its first half" plain first.txt
row "the unrelated book" other unrelated.txt
row "its first half, consolidated" moved first.txt --consolidate "$share" --every "$every"
row "the unrelated book, consolidated" other-moved unrelated.txt --consolidate "$share" --every "$every"
echo

cat "$folder/more-1k.txt" "$folder/more-10k.txt" "$folder/more-100k.txt" >"$folder/long.txt"
[ -f "$folder/long.mem" ] || learn long.mem long.txt >/dev/null
[ -f "$folder/thousand.mem" ] || learn thousand.mem long.txt --consolidate "$share" --every 100 >"$folder/thousand.out"
echo "| read before | text set aside | the unrelated book |"
echo "|---|---|---|"
echo "| nothing | $(loss aside.txt) | $(loss apart.txt) |"
echo "| 100k tokens | $(loss aside.txt long.mem) | $(loss apart.txt long.mem) |"
times=$(sed -n 's/.*allowed; \([0-9,]*\) consolidations.*/\1/p' "$folder/thousand.out")
echo "| 100k tokens, $times consolidations | $(loss aside.txt thousand.mem) | $(loss apart.txt thousand.mem) |"
