# examples/score_server.c: its answers against softmax in double over the program's logits; requests in one batch and
# alone; what is wrong with a request.
#
#   score_server.sh BITLLAMA SCRATCH MODEL PROGRAM
. "$(dirname "$0")/../cli/expect.sh"
run=$3/run server=$4 V=400
cd "$scratch" || exit 1

# Of a context and a continuation: log-probability, tokens, and whether a greedy reader writes it.
oracle() { # CONTEXT CONTINUATION
    before=$(printf '%s' "$1" | "$bitllama" tokenize -m "$run" --no-special | tr ' \n' ',,' | sed 's/,*$//')
    after=$(printf '%s' "$2" | "$bitllama" tokenize -m "$run" --no-special | tr ' \n' ',,' | sed 's/,*$//')
    "$bitllama" logits -m "$run" --ids "0${before:+,$before},$after" -o rows.npy >log 2>&1 || { cat log; exit 1; }
    rows=$(printf '%s' "0${before:+,$before},$after" | tr ',' '\n' | grep -c .)
    skip=$(($(wc -c <rows.npy) - 4 * V * rows))
    od -An -v -tf4 -w$((4 * V)) -j "$skip" rows.npy | awk -v after="$after" -v rows="$rows" '
        BEGIN { n = split(after, id, ","); greedy = 1 }
        NR >= rows - n && NR < rows {
            want = id[NR - rows + n + 1] + 1
            most = $1
            for (i = 2; i <= NF; i++)
                most = $i > most ? $i : most
            sum = 0
            for (i = 1; i <= NF; i++)
                sum += exp($i - most)
            p += $want - most - log(sum)
            greedy = greedy && $want == most
        }
        END { printf "%.6f\t%d\t%d\n", p, n, greedy }'
}
alike() { # numbers of two lists but for rounding of what is printed
    paste "$1" "$2" | awk -F'\t' 'NF != 6 || $2 != $5 || $3 != $6 || $1 - $4 > 2e-5 || $4 - $1 > 2e-5 { bad = 1 }
        END { exit bad || !NR }'
}

while IFS='|' read -r context continuation; do
    printf '%s\t%s\n' "$context" "$continuation" >>requests
    oracle "$context" "$continuation" >>wanted
done <<'END'
Once upon a time there was a| girl named Anna.
Once upon a time there was a| xylophone of brass
The dog ran to the| river
|Once upon
One day in July, they set out to see Daddy on the far side of the river. A long time ago| the
END
"$server" "$run" <requests >together 2>stderr || fail "all at once" "exit $?" stderr
check "what softmax says" alike together wanted
while IFS= read -r line; do
    printf '%s\n' "$line" | "$server" "$run"
done <requests >alone
check "one by one" sh -c 'test "$(wc -l <alone)" -eq 5'
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do cat requests; done >many
"$server" "$run" <many >answers
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do cat together; done >twenty
check "more than a batch, in order" cmp -s answers twenty
printf 'without a tab\nOnce upon\t a time\ncaf\351\tx\nOnce\tcaf\351\n\t\nOnce upon\t a time' >mixed
"$server" "$run" <mixed >answers
check "an answer to each" test "$(wc -l <answers)" -eq 6
check "errors where they belong" sh -c 'test "$(sed -n "s/\t.*//p" answers | tr "\n" " " | sed "s/[-0-9.]\{4,\}/N/g")" = "error N error error N N "'
check "and nobody else has them" sh -c 'test "$(sed -n 2p answers)" = "$(sed -n 6p answers)"'
check "a continuation of nothing" test "$(sed -n 5p answers)" = "$(printf '0.000000\t0\t1')"
check "no model" sh -c '"$1" nothing </dev/null 2>answers; test $? -eq 3 && grep -q "^score_server: nothing" answers' sh "$server"
finish
