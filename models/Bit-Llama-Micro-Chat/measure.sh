#!/bin/sh
# What a model makes of requests and questions that it was not trained on, a base model and a tuned one beside each other.
#
#   models/Bit-Llama-Micro-Chat/measure.sh PROGRAM STORIES FOLDER MODEL...
#
# talks.awk makes of the first COUNT (200) of STORIES, which no model may have read, requests and questions (seed SEED, 1).
# For each model, a line of the table:
#   words    share of the asked-for words that occur in its answer to the request
#   given    share of questions answered right when the story is one of STORIES, put into its mouth
#   own      the same of questions on the story that it has just told, from its own text
#   told     the same of questions on what the user has told of themselves, with BETWEEN (0 1 2 4 8 16) talks in between (remember.awk,
#            from TELLS (3) rounds of them): a table of its own
# Right is an answer of at most 40 tokens, the likeliest ones, that has all words which the question's answer must have.  Stories are
# drawn at temperature 0.8 with seed 1.  A model without a chat template reads the messages as a text, a line each.
# JOBS (2) run side by side.  What is there in FOLDER is not computed again.
set -eu
[ $# -ge 4 ] || { sed -n '2,16s/^# \{0,1\}//p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
program=$1 stories=$2 folder=$3
shift 3
count=${COUNT:-200} seed=${SEED:-1} jobs=${JOBS:-2} tells=${TELLS:-3}
between=${BETWEEN:-0 1 2 4 8 16}
mkdir -p "$folder"
LC_ALL=C awk -v seed="$seed" -v form=tests -f "$here/talks.awk" "$stories" 2>/dev/null |
    awk -v count="$count" '$1 == "S" && ++n > count { exit } { print }' >"$folder/tests.tsv"
n=0
while [ $n -lt "$tells" ]; do
    n=$((n + 1))
    LC_ALL=C awk -v seed=$n -f "$here/talks.awk" "$stories" 2>/dev/null
done | LC_ALL=C awk -v seed="$seed" -v form=tests -v between="$between" -f "$here/remember.awk" >"$folder/told.tsv"
cp "$here/plain.jinja" "$folder/plain.jinja"

# One prompt: FOLDER/NAME.json, messages, to NAME.out, what was written up to the token that ends a message.
cat >"$folder/one.sh" <<'ONE'
program=$1 model=$2 folder=$3 name=$4
[ ! -e "$folder/$name.out" ] || exit 0
most=40 draw="--temperature 0"
case $name in *.story) most=400 draw="--temperature 0.8 --seed 1" ;; esac
if [ -n "$PLAIN" ]; then
    "$program" template --template "$PLAIN" -f "$folder/$name.json" >"$folder/$name.prompt"
else # generate drops the last line break of a file
    { "$program" template -m "$model" -f "$folder/$name.json" --prompt; echo; } >"$folder/$name.prompt"
fi
# shellcheck disable=SC2086 # words
{
    "$program" generate -m "$model" -f "$folder/$name.prompt" --special --json --threads 1 --no-echo --max-tokens $most $draw >"$folder/$name.line" &&
        sed 's/.*"ids": \[//; s/\].*//' "$folder/$name.line" | tr -d ',' |
        awk -v mark="${MARK:--}" '{ for (i = 1; i <= NF && $i != mark; i++) print $i }' |
            "$program" detokenize -m "$model" >"$folder/$name.part"
} 2>"$folder/$name.log" || { cat "$folder/$name.log" >&2; exit 1; }
mv "$folder/$name.part" "$folder/$name.out"
rm -f "$folder/$name.prompt" "$folder/$name.line" "$folder/$name.log"
ONE

# run MODEL FOLDER: all of its prompts.
run() {
    (cd "$2" && for file in *.json; do echo "${file%.json}"; done) |
        xargs -P "$jobs" -n 1 sh "$folder/one.sh" "$program" "$1" "$2"
}

# answers FOLDER SUFFIX: of NAME.SUFFIX.out lines "NAME text" in small letters.
answers() {
    for file in "$1"/*."$2".out; do
        [ -e "$file" ] || continue
        name=${file##*/}
        printf '%s ' "${name%%.*}"
        tr 'A-Z\n' 'a-z ' <"$file"
        echo
    done
}

# score: lines "NAME words" of what must occur, then "--", then those of answers(): how many asked, how many there, how many all right.
score() {
    awk '
        $0 == "--" { answers = 1; next }
        !answers { want[$1] = substr($0, length($1) + 2); next }
        $1 in want {
            n = split($0, word, /[^a-z]+/)
            split("", there)
            for (i = 2; i <= n; i++)
                there[word[i]] = 1
            m = split(want[$1], w, " ")
            found = 0
            for (i = 1; i <= m; i++)
                found += w[i] in there
            asked += m
            got += found
            all++
            right += m == found
        }
        END { print asked + 0, got + 0, all + 0, right + 0 }'
}

# Prompts of questions: STORIES with their requests into FOLDER, NAME is the story's number and the question's.
questions() { # TSV FOLDER SUFFIX REQUESTS
    awk -F '\t' -v folder="$2" -v suffix="$3" '
        FNR == NR { if ($1 == "S") request[++n] = $2; next }
        $1 == "S" { at = suffix == "own" ? $4 : ++k; q = 0 }
        $1 == "T" { story = $2 }
        $1 == "Q" {
            file = folder "/" at "-" ++q "." suffix ".json"
            print "[{\"role\": \"user\", \"content\": " request[at] "}, {\"role\": \"assistant\", \"content\": " story "}, {\"role\": \"user\", \"content\": " $3 "}]" >file
            close(file)
            print at "-" q, $4
        }' "$4" "$1"
}

for model; do
    name=$(basename "$model")
    work=$folder/$name
    mkdir -p "$work"
    PLAIN=
    echo '[{"role": "user", "content": "x"}]' >"$work/try"
    "$program" template -m "$model" -f "$work/try" >/dev/null 2>&1 || PLAIN=$folder/plain.jinja
    rm -f "$work/try"
    MARK=
    [ -n "$PLAIN" ] || MARK=$(printf '<|im_end|>' | "$program" tokenize -m "$model" --special -f - | tr -dc 0-9)
    export PLAIN MARK
    awk -F '\t' -v folder="$work" '$1 == "S" {
        file = folder "/" ++n ".story.json"
        print "[{\"role\": \"user\", \"content\": " $2 "}]" >file
        close(file)
        print n, $3 }' "$folder/tests.tsv" >"$work/words"
    questions "$folder/tests.tsv" "$work" given "$folder/tests.tsv" >"$work/given"
    awk -F '\t' -v folder="$work" '{
        file = folder "/" $1 "-" ++n[$1] ".told.json"
        print $2 >file
        close(file)
        print $1 "-" n[$1], $3 }' "$folder/told.tsv" >"$work/told"
    run "$model" "$work"
    # its own stories in the order of their requests, and what can be asked about them
    n=0
    while [ $n -lt "$(wc -l <"$work/words")" ]; do
        n=$((n + 1))
        cat "$work/$n.story.out"
        echo
        echo '<|endoftext|>'
    done >"$work/stories"
    LC_ALL=C awk -v seed="$seed" -v form=tests -f "$here/talks.awk" "$work/stories" >"$work/own.tsv" 2>/dev/null
    rm -f "$work"/*.own.json
    questions "$work/own.tsv" "$work" own "$folder/tests.tsv" >"$work/own"
    run "$model" "$work"
    for part in words given own; do
        { cat "$work/$part"; echo --; answers "$work" "$([ $part = words ] && echo story || echo $part)"; } | score >"$work/$part.score"
    done
    for n in $between; do
        { grep "^$n-" "$work/told" || :; echo --; answers "$work" told | grep "^$n-" || :; } | score >"$work/told-$n.score"
    done
done
echo "| model | words asked for | of them in the answer | questions on a given story | right | on its own | right |"
echo "|---|---|---|---|---|---|---|"
for model; do
    work=$folder/$(basename "$model")
    cat "$work/words.score" "$work/given.score" "$work/own.score" | awk -v name="$(basename "$model")" '
        function share(a, b) { return b ? sprintf("%.3f", a / b) : "-" }
        NR == 1 { line = $1 " | " share($2, $1) }
        NR > 1 { line = line " | " $3 " | " share($4, $3) }
        END { print "| " name " | " line " |" }'
done
[ -s "$folder/told.tsv" ] || exit 0
echo
echo "Share of right answers about what the user told, by how many stories and talks about them lie in between:"
echo
printf '| model | asked of each |'
for n in $between; do printf ' %s |' "$n"; done
printf '\n|---|---|'
for n in $between; do printf -- '---|'; done
echo
for model; do
    work=$folder/$(basename "$model")
    for n in $between; do cat "$work/told-$n.score"; done | awk -v name="$(basename "$model")" '
        { line = line " " ($3 ? sprintf("%.2f", $4 / $3) : "-") " |"; n = $3 > n ? $3 : n }
        END { print "| " name " | " n " |" line }'
done
