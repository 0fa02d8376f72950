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
check "a name is the one told last, and what was not told is not known" awk '
    !NF { split("", name); asked = ""; next }
    /"role": "user"/ {
        asked = /What is my name|Do you know my name|Who am I|What am I called/ ? "name" : ""
        if (match($0, /(My name is|I am called|Please call me|Hi, I am|Hello, I am) [A-Z][a-z]+( now)?\."/)) {
            n = split(substr($0, RSTART, RLENGTH), word, / /)
            who = word[n] ~ /^now/ ? word[n - 1] : word[n]
            gsub(/[^A-Za-z]/, "", who)
            name["is"] = who
        }
        next
    }
    asked == "name" {
        want = "is" in name ? "Your name is " name["is"] "." : "You have not told me your name."
        if (!index($0, want)) { print want " was expected: " $0; bad = 1 }
        seen["is" in name]++
        asked = ""
    }
    END { exit bad || seen[1] < 20 || seen[0] < 1 }' lines
check "a pet is the one that was told of" awk '
    !NF { pet = ""; next }
    match($0, /(I have an? [a-z]+ named|My [a-z]+ is called|Its name is|My [a-z]+.s name is|Now I have an? [a-z]+ named|It is called) [A-Z][a-z]+\."/) && /"role": "user"/ && !/brother|sister/ {
        pet = substr($0, RSTART, RLENGTH)
        sub(/\."$/, "", pet)
        sub(/^.* /, "", pet)
    }
    match($0, /"Your [a-z]+ is called [A-Z][a-z]+\./) && !/brother|sister/ {
        said = substr($0, RSTART, RLENGTH - 1)
        sub(/^.* /, "", said)
        n++
        if (said != pet) { print pet " was expected: " $0; bad = 1 }
    }
    END { exit bad || n < 10 }' lines
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
check "nothing is right" holds table '*many stories and talks about them before:*| tuned | [1-9]* | 0.00 | 0.00 |'
for file in measured/tuned/*.told.out; do cut -d ' ' -f 2- measured/tuned/told | tr '\n' ' ' >"$file"; done
measure
check "all is right" holds table '*many stories and talks about them before:*| tuned | [1-9]* | 1.00 | 1.00 |'
finish
