# Conversations in which somebody tells of themselves: what was told last is the answer, and what measure.sh makes of it.
#
#   remember.sh ROOT SCRATCH BITLLAMA
. "$(dirname "$0")/../tools/judge.sh"
bitllama=$3
chat=$root/models/Bit-Llama-Micro-Chat
i=0
while [ $i -lt 120 ]; do # stories that differ, about a dog, a girl, a boy and a fox
    i=$((i + 1))
    echo $i | awk '{
        split("Ada Bo Cleo Dan Eva Finn Gus Hal Ivo Jo", name, " ")
        split("dog girl boy fox", noun, " ")
        split("ball shell spoon boot coin bell", thing, " ")
        n = name[$1 % 10 + 1]; k = noun[$1 % 4 + 1]; t = thing[int($1 / 20) + 1]
        printf "Once upon a time there was a little %s named %s. %s lived in a house by the river. One day, %s found a big %s in the mud. ", k, n, n, n, t
        printf "%s wanted to show the %s to Oda. Oda was an old heron, and %s met Oda at the bridge. In the end %s and Oda were friends.\n<|endoftext|>\n", n, t, n, n }'
done >stories.txt
awk -v seed=1 -f "$chat/talks.awk" stories.txt >talks.jsonl 2>told
awk -v seed=1 -f "$chat/remember.awk" talks.jsonl >one.jsonl
awk -v seed=1 -f "$chat/remember.awk" talks.jsonl >two.jsonl
awk -v seed=2 -f "$chat/remember.awk" talks.jsonl >three.jsonl
check "the same each time" cmp one.jsonl two.jsonl
check "another with another seed" test "$(cksum <one.jsonl)" != "$(cksum <three.jsonl)"
check "fewer conversations than talks" test "$(wc -l <one.jsonl)" -lt "$(wc -l <talks.jsonl)"
check "more than one of each six" test $(($(wc -l <one.jsonl) * 6)) -ge "$(wc -l <talks.jsonl)"
count() { grep -o 'found a big [a-z]* in the mud\. [A-Z][a-z]* wanted' "$1" | sort; }
count talks.jsonl >before
count one.jsonl >after
check "every story is told once" cmp before after

# each message on a line, with a line between conversations
sed 's/^{"messages": \[//; s/\]}$//; s/}, {"role"/}\n{"role"/g; s/$/\n/' one.jsonl >lines
# what is told, with its kind, and what is asked, with the answers to those who have told it and who have not; @ is one word
{
    sed 's/^/told|name|/' <<'END'
Please call me @ now.
My name is @ now.
My name is @.
Hi, I am @.
Hello! My name is @.
I am called @.
Hello, I am @.
END
    printf 'told|age|%s\n' "I am @." "I am @ years old." "Now I am @ years old." "I just turned @." "Today I turned @."
    printf 'told|food|%s\n' "I love to eat @." "I like @ best of all food."
    printf 'told|color|%s\n' "I like the color @ best." "I love @. It is my favorite color."
    for kind in color food animal; do
        printf "told|$kind|%s\n" "My favorite $kind is @." "Now my favorite $kind is @." "The $kind that I like best is @."
        printf "asked|$kind|%s|Your favorite $kind is @.|You have not told me your favorite $kind.\n" \
            "What is my favorite $kind?" "Do you know my favorite $kind?" "Which $kind do I like best?"
    done
    echo "told|best|I like @ best now."
    for kind in brother sister dog cat rabbit bunny bird fish frog mouse duck turtle hamster pony kitten puppy horse; do
        printf "told|$kind|%s\n" "I have a $kind named @." "My $kind is called @." "My $kind's name is @." "I have a $kind. Its name is @." \
            "Now I have a $kind named @." "I got a new $kind. It is called @." "I have a new $kind now. His name is @." "I have a new $kind now. Her name is @."
        printf "asked|$kind|%s|Your $kind is called @.|You have not told me about a $kind.\n" \
            "What is my $kind called?" "What is the name of my $kind?" "What is my $kind's name?" "Do you know my $kind's name?"
    done
    printf 'asked|name|%s|Your name is @.|You have not told me your name.\n' "What is my name?" "Do you know my name?" "Who am I?" "What am I called?"
    printf 'asked|age|%s|You are @ years old.|You have not told me how old you are.\n' "How old am I?" "Do you know how old I am?"
} >forms
check "what was told last is the answer, and what was not told is not known" awk -F '|' '
    function value_in(text, pattern,  at, n) { # the word that stands for @; "" when text has another form
        at = index(pattern, "@")
        n = length(text) - length(pattern) + 1
        if (n < 1 || substr(text, 1, at - 1) substr(text, at + n) != substr(pattern, 1, at - 1) substr(pattern, at + 1))
            return ""
        text = substr(text, at, n)
        return text ~ /^[A-Za-z]+$/ ? text : ""
    }
    BEGIN {
        split("red blue green yellow pink purple orange brown black white", color, " ")
        split("pizza soup cake apples bread cheese rice pasta bananas cookies carrots honey", food, " ")
        for (i in color) kind_of[color[i]] = "color"
        for (i in food) kind_of[food[i]] = "food"
    }
    FNR == NR && $1 == "told" { kind[++forms] = $2; form[forms] = $3; next }
    FNR == NR { asks[$3] = $2; known[$3] = $4; unknown[$3] = $5; next }
    !NF { split("", is); question = ""; next }
    {
        text = $0
        user = sub(/^\{"role": "user", "content": "/, "", text)
        sub(/^\{"role": "assistant", "content": "/, "", text)
        sub(/"\}$/, "", text)
    }
    user {
        question = text in asks ? text : ""
        for (i = 1; i <= forms; i++)
            if ((value = value_in(text, form[i])) != "") {
                k = kind[i] != "best" ? kind[i] : value in kind_of ? kind_of[value] : "animal"
                is[k] = value
                told[k]++
                break
            }
        next
    }
    question != "" {
        k = asks[question]
        want = k in is ? known[question] : unknown[question]
        if (k in is)
            sub(/@/, is[k], want)
        if (text != want) { print want " was expected: " $0; bad = 1 }
        n[want ~ /^You have not/ ? "unknown" : k ~ /^(name|age|color|food|animal|brother|sister)$/ ? k : "pet"]++
        question = ""
    }
    END {
        split("name age color food animal pet brother sister", word, " ")
        for (i in word)
            if (n[word[i]] < 4) { print n[word[i]] + 0 " times " word[i]; bad = 1 }
        exit bad || n["unknown"] < 4
    }' forms lines
check "stories about me and my dog are about who was told" awk '
    !NF { name = pet = about = "" }
    /"role": "user"/ {
        text = $0
        if (match(text, /(My name is|I am called|Hi, I am|Hello, I am) [A-Z][a-z]+\."/)) { name = substr(text, RSTART, RLENGTH - 2); sub(/^.* /, "", name) }
        if (match(text, /(I have a dog named|My dog is called|Its name is|My dog.s name is) [A-Z][a-z]+\."/)) { pet = substr(text, RSTART, RLENGTH - 2); sub(/^.* /, "", pet) }
        about = text ~ / about me[.?]/ ? name : text ~ / about my dog[.?]/ ? pet : ""
        next
    }
    about != "" { n++; if (!index($0, " named " about ".")) { print about " is not in " $0; bad = 1 } about = "" }
    END { exit bad || n < 10 }' lines
check "prepare reads it" "$bitllama" prepare one.jsonl talks.jsonl --documents messages --vocab-size 400 --val-split 0.2 --out data
check "answers are marked" grep -q '"counted": [1-9]' data/meta.json

awk -v seed=1 -v form=tests -v between="0 2" -f "$chat/remember.awk" talks.jsonl >tests.tsv
check "tests of both distances" test "$(cut -f 1 tests.tsv | sort -u | tr '\n' ' ')" = "0 2 "
check "with so many talks, some of which have two stories" awk -F '\t' '{ n = gsub(/Once upon a time there was/, "&", $2); if ($1 == 0 && n || $1 == 2 && (n < 2 || n > 4)) bad = 1 } END { exit bad || NR < 20 }' tests.tsv
check "whose answers were told" awk -F '\t' '{ first = $2; sub(/"role": "assistant".*/, "", first); if (!index(tolower(first), $3) || $3 == "") { print; bad = 1 } } END { exit bad }' tests.tsv
check "and end with a question" awk -F '\t' '$2 !~ /\?"}\]$/ { print; bad = 1 } END { exit bad }' tests.tsv

# measure.sh: a model that knows nothing is wrong; put into its place, answers with the words are right
small="--preset tiny --hidden-size 32 --intermediate-size 48 --num-hidden-layers 1 --num-attention-heads 2 --batch 2 --context 32 --steps 2 --no-samples --no-plot"
# shellcheck disable=SC2086 # words
"$bitllama" train --data data --out tuned $small >/dev/null 2>log
measure() { COUNT=1 TELLS=1 JOBS=1 BETWEEN="0 2" sh "$chat/measure.sh" "$bitllama" stories.txt measured tuned >table 2>>log || cat log; }
measure
check "nothing is right" holds table '*many stories and talks about them lie in between:*| tuned | [1-9]* | 0.00 | 0.00 |'
for file in measured/tuned/*.told.out; do cut -d ' ' -f 2- measured/tuned/told | tr '\n' ' ' >"$file"; done
measure
check "all is right" holds table '*many stories and talks about them lie in between:*| tuned | [1-9]* | 1.00 | 1.00 |'

# lessons.sh: each lesson learned both ways, and asked for behind other text
COUNT=2 LENGTHS=200 sh "$chat/lessons.sh" "$bitllama" stories.txt lessons tuned >table 2>>log || cat log
check "a table of both ways" holds table '| 2 lessons, then bytes of stories | 0 | 200 |*| learned | 0 | 0 |*| learned with `--consolidate 0.05 --every 16` | 0 | 0 |'
for file in lessons/*.200; do
    name=${file##*/}
    cat "lessons/${name%%.*}.words" >"$file"
done
COUNT=2 LENGTHS=200 sh "$chat/lessons.sh" "$bitllama" stories.txt lessons tuned >table 2>>log || cat log
check "right answers are counted" holds table '*| learned | 0 | 2 |*| 0 | 2 |'
finish
