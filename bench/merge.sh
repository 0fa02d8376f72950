#!/bin/sh
# What a merged memory recalls: facts of two memories, asked for in each, in one that read both texts, and in both merged.
#
#   bench/merge.sh PROGRAM MODEL FOLDER [PAIRS [TOKENS [WEIGHT...]]]
#
# MODEL knows facts (docs/TRAINING.md, "Facts to remember").  PAIRS times (20) two texts are made of about 128 tokens of
# tales, five facts each, and about TOKENS (100) of tales; the names of a pair differ.  Each is learned by a memory of its
# own, the second also by a copy of the first, and the two are merged with each WEIGHT (1 and 0.5).  Every memory is asked
# for all ten: the share to which the right color was the likeliest of all tokens; and what its tales cost is the loss on
# other ones, of the first eight pairs.  FOLDER keeps what was made last.
set -eu
[ $# -ge 3 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 2; }
program=$1 model=$2 folder=$3 pairs=${4:-20} tokens=${5:-100}
if [ $# -gt 5 ]; then shift 5; else set -- 1 0.5; fi
mkdir -p "$folder"

run() { "$program" "$@" 2>>"$folder/log" || { echo "failed: $*" >&2; tail -n 2 "$folder/log" >&2; exit 1; }; }
run prepare tales --tales-bytes 2000000 --seed 77 --tokenizer "$model" --out "$folder/tales"
od -An -v -tu2 "$folder/tales/train.bin" | run detokenize -m "$model" -f - | sed 's/<|endoftext|>//g' >"$folder/tales.txt"
bytes=$(($(wc -c <"$folder/tales.txt") * 10 / ($(wc -c <"$folder/tales/train.bin") / 2))) # of ten tokens

piece() { # NUMBER TOKENS: tales that no other piece has
    tail -c +$(($1 * ($2 + 40) * bytes / 10 + 1)) "$folder/tales.txt" | head -c $(($2 * bytes / 10)) | sed '1d;$d'
}
# Ten names and colors of pair $1, in lines of name, color, side.
draw() {
    awk -v seed="$1" 'BEGIN {
        srand(seed)
        n = split("Mia Tom Nora Ben Lucy Max Rosie Sam Anna Leo Ella Jack Zoe Finn Ruby Paul Julia Peter Lily Oscar", name, " ")
        m = split("red blue green yellow black white pink brown orange purple", color, " ")
        for (i = 1; i <= 10; i++) {
            k = i + int(rand() * (n - i + 1))
            t = name[k]; name[k] = name[i]; name[i] = t
            print t, color[1 + int(rand() * m)], i % 2 ? "a" : "b"
        }
    }'
}
write() { # SIDE NUMBER
    {
        piece "$2" 128
        awk -v side="$1" '$3 == side { print "This is " $1 " " $2 "." }' "$folder/facts"
        [ "$tokens" -eq 0 ] || piece $((2 * pairs + $2)) "$tokens"
    } >"$folder/$1.txt"
}
learn() { run learn -m "$model" "$folder/$1.txt" --memory "$folder/$2.mem" >>"$folder/log"; }
ask() { # MEMORY: adds to right_a, right_b and loss
    while read -r name color side; do
        answer=$(run generate -m "$model" --load "$folder/$1.mem" -p "Who is there? It is $name" -n 1 --temp 0 --no-echo)
        [ "$answer" = " $color" ] && echo "$1 $side 1" || echo "$1 $side 0"
    done <"$folder/facts" >>"$folder/answers"
    [ "$i" -ge 8 ] || run eval -m "$model" --data "$folder/other.txt" --memory "$folder/$1.mem" --json |
        sed "s/.*\"loss\": \([0-9.e+-]*\).*/$1 loss \1/" >>"$folder/answers"
}

: >"$folder/answers"
head -c 1990000 "$folder/tales.txt" | tail -c 8000 | sed '1d;$d' >"$folder/other.txt"
i=0
while [ "$i" -lt "$pairs" ]; do
    rm -f "$folder"/*.mem
    draw "$i" >"$folder/facts"
    write a $((2 * i)) && write b $((2 * i + 1))
    learn a a && learn b b
    cp "$folder/a.mem" "$folder/then.mem" && learn b then
    for row in a b then; do ask $row; done
    for weight in "$@"; do
        run memory merge "$folder/a.mem" "$folder/b.mem" -m "$model" -o "$folder/merged-$weight.mem" --weight "$weight"
        ask "merged-$weight"
    done
    i=$((i + 1))
done

echo "| memory | facts of the first | of the second | loss on other tales |"
echo "|---|---|---|---|"
for row in a b then $(printf 'merged-%s ' "$@"); do
    awk -v row="$row" '
        $1 == row && $2 == "loss" { loss += $3; losses++; next }
        $1 == row { right[$2] += $3; asked[$2]++ }
        END { printf "| %s | %.3f | %.3f | %.4f |\n", row, right["a"] / asked["a"], right["b"] / asked["b"], loss / losses }
    ' "$folder/answers"
done
