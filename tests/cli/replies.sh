# What generate writes by grammars and schemas, before texts to stop at, many at once, as JSON.
. "$(dirname "$0")/expect.sh"
run=$3/run
cd "$scratch" || exit 1

# text NAME EXIT STDOUT STDERR ARGUMENTS...: generate, after the same prompt.
text() {
    name=$1 code=$2 out=$3 err=$4
    shift 4
    expect "$name" "$code" "$out" "$err" generate -m "$run" -p "Once" "$@"
}

# ---- grammars ----
text "one of two words" 0 'yes' '*ended by the model*' --grammar 'root ::= "yes" | "no"' --grammar 'root ::= "yes"'
printf 'root ::= "a" [bc]{2} # a comment\n' >abc.gbnf
text "from a file" 0 'a[bc][bc]' '*' --grammar-file abc.gbnf -s 1
printf '{"properties": {"n": {"type": "integer", "maximum": -5}}, "required": ["n"]}' >n.json
text "a schema" 0 '{*"n"*-*}' '*' -j @n.json -s 1
cp stdout first
text "from a file" 0 '{*"n"*-*}' '*' --json-schema-file n.json -s 1
check "the same text" cmp first stdout
text "with three threads" 0 '{*}' '*' -j "$(cat n.json)" -s 1 -t 3
check "the same text" cmp first stdout
text "with all logits" 0 '{*}' '*' -j @n.json -s 1 --logprobs 2 --json
text "words that are not the likeliest" 0 '[qzQZ][qzQZ]*' '*trace*' --grammar 'root ::= [qzQZ]{30}' -n 40 -s 1 --top-k 2 --device trace:cpu
cp stdout some
check "of which rows are gathered" grep -q '^  embed_fwd  *[1-9][0-9] ' stderr
text "with all logits" 0 '{"seed": 1*' '*' --grammar 'root ::= [qzQZ]{30}' -n 40 -s 1 --top-k 2 --log-probability --json
check "the same text" grep -q "\"text\": \"$(cat some)\"" stdout
text "cut short" 0 'aaa' '*not whole by the grammar*' --grammar 'root ::= "a"{40}' -n 3
text "an end in time" 0 'a*b' '*ended by the model*' --grammar 'root ::= "a"+ "b"' -n 9 --temp 5
text "which may be left" 0 'a*' '*' --grammar 'root ::= "a"+ [b]{200}' -n 9 --no-finish
text "two grammars" 2 '' '*give only one of --grammar and --json-schema*' --grammar 'root ::= "a"' -j '{}'
text "no such file" 3 '' '*gone*' --grammar-file gone
text "not a grammar" 3 '' '*line 1 of the grammar: ::= after*' --grammar 'root'
text "left recursion" 3 '' '*may begin with itself*' --grammar 'root ::= root "a" | "b"'
text "not JSON" 3 '' '*the schema is not JSON*' -j '{'
text "a keyword" 3 '' '*at #/items: the keyword not*' -j '{"items": {"not": {}}}'
printf 'hi\n\n/quit\n' >lines
input=lines
expect "each reply of a chat" 0 "no
no" '' chat -m "$run" --grammar 'root ::= "no"'

# ---- texts to stop at ----
text "without" 0 '?*' '*' -n 40 -s 3
cp stdout whole
stop=$(head -c 9 whole | tail -c 3)
text "in the middle" 0 "$(head -c 6 whole)" '*' -n 40 -s 3 --stop zzzz --stop "$stop"
text "one that begins and does not come" 0 '?*' '*' -n 40 -s 3 --stop "$(head -c 9 whole)zzzz"
check "holds nothing back in the end" cmp whole stdout
text "an empty one" 2 '' '*1 to 4096 bytes*' --stop ''

# ---- many at once ----
text "three" 0 '?*' '*3 samples of the seeds from 3 on*' -n 20 -s 3 --samples 3 --json
i=0
while [ $i -lt 3 ]; do
    sed -n "$((i + 1))p" stdout | sed 's/"sample": [0-9]*, //' >"of$i"
    i=$((i + 1))
done
for i in 0 1 2; do
    text "sample $i alone" 0 '?*' '*' -n 20 -s $((3 + i)) --json
    check "is what it is in company" cmp "of$i" stdout
done
text "seventy under a grammar" 0 '?*' '*' --samples 70 -s 1 -j @n.json --json
check "all whole" sh -c '[ "$(grep -c "\"ended\": \"end\", \"whole\": true" "$scratch/stdout")" -eq 70 ]'
text "before a text" 0 '?*' '*' -n 40 -s 3 --stop "$stop" --samples 2 --json
check "the first as alone" sh -c 'head -n 1 "$scratch/stdout" | grep -q "\"ended\": \"stop\""'
# alone_and_together NAME ARGUMENTS...: three samples in company are what each is alone, as JSON and,
# with likelihoods, as lists with an empty line between them.
alone_and_together() {
    what=$1
    shift
    text "$what, together" 0 '*' '*3 samples*' "$@" -s 3 --samples 3 --json
    sed 's/"sample": [0-9]*, //' stdout >together
    text "$what, as text" 0 '*' '*3 samples*' "$@" -s 3 --samples 3
    cp stdout together.text
    : >alone
    : >alone.text
    for i in 3 4 5; do
        text "$what, $i alone" 0 '*' '*' "$@" -s $i --json
        cat stdout >>alone
        [ $i -eq 3 ] || echo >>alone.text
        text "$what, $i as text" 0 '*' '*' "$@" -s $i
        cat stdout >>alone.text
    done
    check "are the same" cmp alone together
    case $* in *log*) check "are the same as lists" cmp alone.text together.text ;; esac
}
printf 'Once upon\n' >prompt.txt
alone_and_together "likeliest" -n 20 --logprobs 3
alone_and_together "their own" -n 20 --log-probability --temp 2 --top-k 0 --repeat-penalty 1.2
alone_and_together "likeliest before a text" -n 40 --logprobs 2 --stop "$stop" --stop e
alone_and_together "likeliest under a grammar" -n 60 --logprobs 256 -j @n.json
alone_and_together "before a text, under a grammar" -n 60 --stop '"' --stop ' ' -j @n.json
alone_and_together "which goes on behind ends" -n 40 --temp 5 --top-k 0 --ignore-eos
alone_and_together "none" -n 0 --grammar 'root ::= "a"?'
expect "of a prompt in a file" 0 '?*' '*2 samples*' generate -m "$run" -f prompt.txt -n 9 -s 7 --logprobs 2 --samples 2 --json
sed -n 2p stdout | sed 's/"sample": 1, //' >second
expect "its second alone" 0 '?*' '*' generate -m "$run" -f prompt.txt -n 9 -s 8 --logprobs 2 --json
check "is the same" cmp second stdout
text "as text" 0 '?*' '*sample 1, seed 4, *' -n 5 -s 3 --samples 2
text "and one memory" 2 '' '*--save keeps one memory*' --samples 2 --save m
text "none" 2 '' '*--samples is a whole number from 1*' --samples 0
output=/dev/full
text "a full disk" 4 "" "*standard output*" --samples 2 --json -n 3

# ---- the seed that is told, and any number of threads ----
expect "a seed of its own" 0 '?*' '*seed [0-9]*' generate -m "$run" -p "Once" -n 30 --temp 1.2 -t 1
cp stdout told
seed=$(sed -n 's/.*seed \([0-9]*\),.*/\1/p' stderr)
for threads in 1 2 3; do
    text "its seed, threads $threads" 0 '?*' "*seed $seed,*" -n 30 --temp 1.2 -s "$seed" -t $threads
    check "the same text" cmp told stdout
    text "samples, threads $threads" 0 '?*' "*seeds from $seed on*" -n 20 -s "$seed" --samples 5 --top-k 0 -j @n.json --json -t $threads
    [ $threads -gt 1 ] || cp stdout samples
    check "the same samples" cmp samples stdout
done

# ---- grammars made to hurt ----
text "a million repetitions" 0 'aaa' '*not whole*' -n 3 --grammar 'root ::= "a"{1000000}'
text "more of them" 3 '' '*too large*' -n 3 --grammar 'root ::= (("a"{1000}){1000}){1000}'
text "a number of them that is none" 3 '' '*line 1 of the grammar: more than 1048576*' --grammar 'root ::= "a"{99999999999999999999}'
text "hidden left recursion" 3 '' '*may begin with itself*' --grammar 'root ::= a* root "x" | "y"
a ::= "z"?'
text "an empty rule" 0 'b' '*ended by the model*' --grammar 'root ::= e "b" e
e ::= ""'
text "nothing else" 0 '' '*ended by the model*' --grammar 'root ::= ""'
text "no text fits" 3 '' '*no text*' --grammar 'root ::= "a" root'

# ---- the prompt, names of others ----
text "echo" 0 'Once*' '*' --echo -n 3 -s 3
text "echo of each" 0 'Once*
Once*' '*' --echo --samples 2 -n 3 -s 3
text "not in a list" 0 '  *' '*' --echo --samples 2 -n 3 -s 3 --logprobs 1
text "nothing but an end" 0 '{"seed": 3, "text": "", "ended": "end", "whole": true, "ids": [[][]], "log_probabilities": [[][]], "likeliest": [[][]]}' '*' --grammar 'root ::= ""' --logprobs 2 --json -s 3
text "a stop in what is forced" 0 '{"sample": 0, "seed": 3, "text": "ab", "ended": "stop", "whole": false, *
{"sample": 1, *"text": "ab", *' '*' --grammar 'root ::= "abcdef"{5}' --stop cd --samples 2 --json -s 3 -n 40 --logprobs 1
text "a grammar that fits no text" 3 '' '*fits no text*' --grammar 'root ::= [^\x00-\U0010FFFF]' --samples 3 --logprobs 2
text "echo under a grammar" 0 'Oncea' '*' --echo -n 3 -s 3 --grammar 'root ::= "a"'
output=/dev/full
text "a full disk, lists" 4 "" "*standard output*" --samples 2 --logprobs 2 -n 3
text "no echo into a file" 0 '[!O]*' '*' -n 3 -s 3
text "log-probabilities" 0 '{"seed": 3, *"log_probabilities": [[]-*' '*' -n 3 -s 3 --log-probability --json
text "the likeliest in a list" 0 '       [1-9]*
         *
         *
       [1-9]*
         *' '*' -n 2 -s 3 --logprobs 2
text "a number is wanted" 2 '' '*--logprobs needs a value*' --logprobs --json
text "as JSON" 0 '{"seed": 3, *"log_probabilities": [[]-*"likeliest": [[][[]{"id": *' '*' -n 40 -s 3 --temp 2 --top-k 0 --logprobs 256 --json
cat >likeliest.py <<'E'
import json, sys
r = json.load(sys.stdin)
assert len(r["likeliest"]) == len(r["ids"]) == len(r["log_probabilities"]) > 10
for id, p, best in zip(r["ids"], r["log_probabilities"], r["likeliest"]):
    of = {b["id"]: b["log_probability"] for b in best}
    assert len(of) == 256 and list(of.values()) == sorted(of.values(), reverse=True)
    assert all(isinstance(b["text"], str) for b in best)
    assert of[id] == p if id in of else p <= min(of.values())
E
if command -v python3 >/dev/null 2>&1; then
    check "what a list has" sh -c 'python3 likeliest.py <"$scratch/stdout"'
else
    echo "skipped: what a list of the likeliest has (no python3 here)"
fi
text "names of llama-cli" 0 '?*' '*written 3 tokens*' --n-predict 3 --temp 0 --repeat-last-n 5 -s 3
finish
