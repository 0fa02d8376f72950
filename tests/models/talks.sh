# Conversations out of stories: what is asked about a story, which answers are right, the same bytes each time, and what prepare makes of it.
#
#   talks.sh ROOT SCRATCH BITLLAMA
. "$(dirname "$0")/../tools/judge.sh"
bitllama=$3
talks=$root/models/Bit-Llama-Micro-Chat/talks.awk
cat >stories.txt <<'END'
Once upon a time there was a little fox named Pim. Pim lived in a hut by the river. One day, Pim found a big, round pebble in the mud.
Pim wanted to show the pebble to Oda. Oda was an old heron, and Pim met Oda at the bridge.
"What a fine pebble!" said Oda.
Pim said, "It is for you, dear Oda."
Oda was very glad because nobody had ever brought her a gift. In the end, Pim and Oda put the pebble on the bridge and were friends.
<|endoftext|>
Too short to ask about.
<|endoftext|>
A kite hung in the tree. Tom saw the kite. Then Tom saw the wind. The kite wanted to fly over the hill, and "Up!" it said with a \ in
its voice and a	tab. Tom climbed the tree, but Tom was scared. At last the kite came down, and Tom was happy. They ran home and
laughed about the windy day until it was dark outside.
<|endoftext|>
END
awk -v seed=1 -v form=questions -f "$talks" stories.txt >all.tsv 2>told
asks() { # QUESTION WORDS: is there, with these words of a right answer
    question="\"$1\"" words=$2 awk -F '\t' '
        $1 == "Q" && $3 == ENVIRON["question"] && $4 == ENVIRON["words"] { found = 1 } END { exit !found }' all.tsv || {
        cat all.tsv
        return 1
    }
}
absent() { ! grep -qF "$1" all.tsv; }
check "two stories" test "$(grep -c '^S' all.tsv)" -eq 2
check "the short one was counted" grep -q "^S	.*	3\$" all.tsv
check "the hero's name" asks 'What is the name of the fox?' 'pim'
check "what was found, two adjectives" asks 'What did Pim find?' pebble
check "who found it" asks 'Who found a big round pebble in the mud?' pim
check "where" asks 'Where did Pim live?' hut
check "what was wanted" asks 'What did Pim want to do?' 'pebble show'
check "what was said" asks 'What did Pim say?' 'dear oda'
check "who said it" asks 'Who said \"What a fine pebble!\"' oda
check "a feeling" asks 'How did Oda feel?' glad
check "its reason" asks 'Why was Oda glad?' 'brought nobody gift'
check "somebody met is asked for with who" absent 'What did Pim meet?'
check "what could be meant twice is not asked" absent 'What did Tom see?'
check "nor a feeling that changes" absent 'How did Tom feel?'
check "but who wanted to fly is clear" asks 'What did the kite want to do?' 'hill fly'

awk -v seed=1 -f "$talks" stories.txt >one.jsonl 2>told
awk -v seed=1 -f "$talks" stories.txt >two.jsonl 2>told
awk -v seed=2 -f "$talks" stories.txt >three.jsonl 2>told
check "the same each time" cmp one.jsonl two.jsonl
check "another with another seed" test "$(cksum <one.jsonl)" != "$(cksum <three.jsonl)"
check "what is told is counted" holds told '2 stories, questions: *'
sed '1,/endoftext/d' stories.txt >later.txt
awk -v seed=1 -f "$talks" later.txt >later.jsonl 2>told
awk -v seed=1 -v form=tests -f "$talks" stories.txt 2>told | awk -F '\t' '$1 == "S" { n = $4 } n == 3 { $4 = ""; print }' >first
awk -v seed=1 -v form=tests -f "$talks" later.txt 2>told | awk -F '\t' '$1 == "S" { n = $4 } n == 2 { $4 = ""; print }' >alone
check "a story's questions do not depend on others" cmp first alone
check "and there are some" test -s first

# many stories: every word asked for occurs in the story, both sides of a division, what prepare reads
i=0
while [ $i -lt 60 ]; do
    i=$((i + 1))
    sed '/endoftext/,$d' stories.txt | awk -v i=$i '
        BEGIN { split("Ada Bo Cleo Dan Eva Finn Gus Hal Ivo Jo", n, " "); split("ball shell spoon boot coin bell", k, " ") }
        { gsub(/Pim/, n[i % 10 + 1]); gsub(/pebble/, k[int((i - 1) / 10) + 1]); print }'
    echo '<|endoftext|>'
done >many.txt
for side in train held; do
    awk -v seed=1 -v held=0.3 -v side=$side -v form=tests -f "$talks" many.txt 2>told | grep -c '^S' >"$side"
done
check "both sides" test "$(cat train)" -gt 20 -a "$(cat held)" -gt 5
check "are all" test $(($(cat train) + $(cat held))) -eq 60
awk -v seed=3 -v form=tests -f "$talks" many.txt 2>told >tests.tsv
check "words asked for occur" awk -F '\t' '
    $1 == "S" { n = split($3, w, " "); asked += n }
    $1 == "T" { for (i = 1; i <= n; i++) if (!index($2, w[i])) { print w[i] " is not in " $2; bad = 1 } }
    END { exit bad || asked < 30 }' tests.tsv
check "words of an answer occur" awk -F '\t' '
    $1 == "T" { story = tolower($2) }
    $1 == "Q" { n = split($4, w, " "); asked += n; for (i = 1; i <= n; i++) if (!index(story, w[i])) { print w[i] " is not in " story; bad = 1 } }
    END { exit bad || asked < 60 }' tests.tsv
awk -v seed=1 -f "$talks" many.txt >many.jsonl 2>told
check "prepare reads it" "$bitllama" prepare one.jsonl many.jsonl --documents messages --vocab-size 400 --val-split 0.2 --out data
check "answers are marked" grep -q '"counted": [1-9]' data/meta.json
sed 's/^{"messages": //; s/}$//' later.jsonl | "$bitllama" template --template "$root/models/Bit-Llama-Micro-Chat/plain.jinja" >spelled
check "backslash and quotes are JSON's" grep -qF '"Up!" it said with a \ in' spelled

# measure.sh over a model that knows nothing and one tuned for a few steps
small="--preset tiny --hidden-size 32 --intermediate-size 48 --num-hidden-layers 1 --num-attention-heads 2 --batch 2 --context 32 --steps 2 --no-samples --no-plot"
"$bitllama" prepare many.txt --tokenizer data --out text >/dev/null 2>&1
# shellcheck disable=SC2086 # words
"$bitllama" train --data text --out base $small >/dev/null 2>log
# shellcheck disable=SC2086 # words
"$bitllama" train --data data --out tuned --init base --batch 2 --context 32 --steps 2 --no-samples --no-plot >/dev/null 2>>log
COUNT=2 JOBS=1 sh "$root/models/Bit-Llama-Micro-Chat/measure.sh" "$bitllama" many.txt measured base tuned >table 2>>log || cat log
check "a table of both" holds table '| model | *
| base | [1-9]* | [01].* | [1-9]* | [01].* | *
| tuned | [1-9]* | *'
# one whose answers are right: what was asked for is put into its place
work=measured/tuned
for file in "$work"/*.given.out "$work"/*.story.out; do
    cat "$work/words" "$work/given" | tr '\n' ' ' >"$file"
done
COUNT=2 JOBS=1 sh "$root/models/Bit-Llama-Micro-Chat/measure.sh" "$bitllama" many.txt measured tuned >table 2>>log || cat log
check "is right in all" holds table '*| tuned | [1-9]* | 1.000 | [1-9]* | 1.000 | *'
finish
