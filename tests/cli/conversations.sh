# Conversations by other templates than ChatML: prepared with generation blocks and without, by a tokenizer of their own and by
# one that is given; what was typed; a model that learns them and answers by its template; templates that do not go together.
. "$(dirname "$0")/expect.sh"
talks=$(cd "$(dirname "$0")/../tune" && pwd)/messages.awk
cp -R "$(dirname "$0")/../fixtures/templates" "$scratch" && cd "$scratch" || exit 1
templates=templates # a path without spaces, whatever the tree's folder is called
awk -v count=400 -v seed=1 -f "$talks" >talk.jsonl
awk -v count=60 -v seed=2 -v pairs=1 -f "$talks" >pairs.jsonl

# ---- families: the marks of a template without generation blocks are those of its twin with them ----
typed='<|start_header_id|><|eot_id|><start_of_turn>model<end_of_turn>[INST][/INST]</s><|endoftext|>'
printf '{"prompt": "Hi.", "completion": "Yes."}\n' >clean.jsonl
printf '{"prompt": "Hi %s.", "completion": "Yes %s."}\n' "$typed" "$typed" >typed.jsonl
special() { # DATA COUNT: the ids below COUNT in the order of the tokens
    od -An -v -tu2 -w2 "$1/train.bin" | awk -v count="$2" '$1 + 0 < count' | tr -d ' \n'
}
for family in llama gemma mistral; do
    first="--chat-template $templates/$family.jinja --val-split 0.1 --documents messages --skip-bad"
    # shellcheck disable=SC2086 # words
    expect "$family: a tokenizer of its own" 0 '' '*of answers *' prepare talk.jsonl $first --vocab-size 400 --out $family
    check "$family: the template goes with it" grep -q '"chat_template": "{# As ' $family/tokenizer_config.json
    # shellcheck disable=SC2086
    expect "$family: with generation blocks" 0 '' '*of answers *' prepare talk.jsonl $first --chat-template "$templates/${family}_generation.jinja" \
        --tokenizer $family --out twin --force
    for file in train.bin val.bin train.mask val.mask; do
        check "$family: the same $file" cmp $family/$file twin/$file
    done
    expect "$family: by the folder's template" 0 '' '*' prepare talk.jsonl --documents messages --skip-bad --val-split 0.1 --tokenizer $family --out again --force
    check "$family: is the same" cmp $family/train.mask again/train.mask
    check "$family: and goes on" cmp $family/tokenizer_config.json again/tokenizer_config.json
    count=$(grep -c '"special": true' $family/tokenizer.json)
    expect "$family: words" 0 '' '*' prepare clean.jsonl --documents messages --val-split 0 --tokenizer $family --out clean --force
    expect "$family: and special tokens in them" 0 '' '*' prepare typed.jsonl --documents messages --val-split 0 --tokenizer $family --out typed --force
    check "$family: which stay text" test "$(special clean "$count")" = "$(special typed "$count")" -a "$(special clean "$count" | wc -c)" -gt 2
    # what a chat with this template reads, and which of it the model is to say
    printf '{"messages": [{"role": "user", "content": "Hi %s."}, {"role": "assistant", "content": "Yes %s."}]}' "$typed" "$typed" >messages
    expect "$family: as in a chat" 0 '[0-9]*' '' template -m typed -f messages --tokens
    check "$family: the same ids" test "$(tr ' ' '\n' <stdout | awk NF)" = "$(od -An -v -tu2 -w2 typed/train.bin | awk '{ print $1 }' | sed '$d')"
done
check "as they should be" test "$(special clean "$count")" = 02300 # the last: both ends, [INST], [/INST], that of the document
expect "conversations that a template refuses" 0 '' '*bad lines *dropped, the first: talk.jsonl: line 1: the template, line 5: the template refuses these messages: no system*' \
    prepare talk.jsonl --documents messages --skip-bad --tokenizer gemma --out again --force
expect "end it otherwise" 3 '' '*talk.jsonl: line 1: the template, line 5: *no system message can be given*' \
    prepare talk.jsonl --documents messages --tokenizer gemma --out none
check "before a folder is there" test ! -e none

# ---- threads: the same bytes and words, thousands of conversations, one of them larger than what is read at a time ----
big() { # BYTES
    printf '{"prompt": "%s?", "completion": "Yes."}\n' "$(head -c "$1" /dev/zero | tr '\0' 'a')"
}
awk -v count=3000 -v seed=3 -f "$talks" >many.jsonl
(sed -n '1,2500p' many.jsonl && big 900000 && sed -n '2501,$p' many.jsonl) >good.jsonl
(sed -n '1,900p' good.jsonl && printf '%s\n\377\n\n[\n' '{"messages": [{"role": "assistant", "content": 3}]}' && sed -n '901,2000p' good.jsonl &&
    printf '{"a": \n' && sed -n '2001,$p' good.jsonl) >some.jsonl
(printf '[' && sed 's/$/,/; $s/,$/]/' good.jsonl) >good.json
with_threads() { # THREADS NAME FILE FLAGS...
    threads=$1 name=$2 file=$3
    shift 3
    "$bitllama" prepare "$file" --documents messages --tokenizer llama --out "$name" --force --threads "$threads" "$@" >stdout 2>stderr
    code=$?
}
same_folders() { # NAME A B
    for file in train.bin val.bin train.mask val.mask tokenizer.json; do
        check "$1: $file" cmp "$2/$file" "$3/$file"
    done
    check "$1: meta.json" sh -c 'sed "s/good.json[l]*/x/" "$0/meta.json" >one && sed "s/good.json[l]*/x/" "$1/meta.json" | cmp - one' "$2" "$3"
}
for threads in 1 2 5; do
    with_threads $threads good$threads good.jsonl
    check "$threads threads" test $code -eq 0
    with_threads $threads array$threads good.json
    check "$threads threads, an array" test $code -eq 0
    same_folders "$threads threads" good1 good$threads
    same_folders "$threads threads, an array" good1 array$threads
    with_threads $threads some$threads some.jsonl --skip-bad
    check "$threads threads, bad lines" test $code -eq 0
    check "$threads threads: bad lines and the first are told" grep -q '^bad lines  *4 dropped, the first: some.jsonl: line 901: the content of message 1 is' stderr
    check "$threads threads: the others are there" cmp good1/train.bin some$threads/train.bin
    with_threads $threads none some.jsonl
    check "$threads threads: the first bad line ends it" test $code -eq 3
    check "$threads threads: and is named" grep -q 'error: some.jsonl: line 901: the content of message 1 is' stderr
    (sed -n '1,700p' many.jsonl && printf '\377\n' && big 10 && printf '3\n') >late.jsonl
    with_threads $threads none late.jsonl
    check "$threads threads: what is no UTF-8" grep -q 'error: late.jsonl: not UTF-8 at byte' stderr
done

# ---- answers that are written otherwise, and none that ends ----
printf '{"messages": [%s, %s, %s, %s]}\n' '{"role": "user", "content": "a"}' '{"role": "assistant", "content": "<think>b</think>c"}' \
    '{"role": "user", "content": "d"}' '{"role": "assistant", "content": "<think>e</think>f"}' >think.jsonl
expect "thinking that is taken out" 0 '' '*answers *1 not learned: the template writes them otherwise*' \
    prepare think.jsonl --documents messages --chat-template "$templates/thinking.jinja" --val-split 0 --vocab-size 300 --out think
expect "plain words" 0 '' '*of answers *' prepare pairs.jsonl --documents messages --chat-template "$templates/words.jinja" --val-split 0 --vocab-size 300 --out words
last=$(($(wc -c <words/train.bin) / 2 - 1))
check "end with the document" test "$(od -An -v -tu1 -j $((last / 8)) -N 1 words/train.mask | awk -v bit=$((last % 8)) '{ print int($1 / 2 ^ bit) % 2 }')" = 1

# A space that the tokenizer puts in front of an answer is the first that is said of it: two tokens, Q and the end come after it.
printf '{"prompt": "a", "completion": "Q"}\n' >short.jsonl
printf '{%% for m in messages %%}{{ "<|" + m.role + "|>" + m.content }}{%% if m.role == "assistant" %%}<|end|>{%% endif %%}{%% endfor %%}{%% if add_generation_prompt %%}<|assistant|>{%% endif %%}' >bare.jinja
expect "an answer right behind a token" 0 '' '*' prepare short.jsonl --documents messages --chat-template bare.jinja --val-split 0 --vocab-size 261 --out short
check "with tokens made of roles" grep -q '"content": "<|assistant|>"' short/tokenizer.json
check "and the space before it" test "$(grep -o '"counted": [0-9]*' short/meta.json | head -n 1)" = '"counted": 3'

# ---- which tokens ----
expect "tokens that are asked for" 0 '' '*' prepare tales --tales-bytes 20000 --special-tokens '<|eot_id|> [X]' --vocab-size 300 --out asked
check "are there" test "$(grep -c '"special": true' asked/tokenizer.json)" = 4
expect "of a tokenizer that is given" 2 '' '*--special-tokens are of a tokenizer that is trained*' \
    prepare tales --tokenizer asked --special-tokens x --out none
expect "one without the template's" 2 '' '*asked has no special token <|start_header_id|>, which the chat template writes*' \
    prepare talk.jsonl --documents messages --chat-template "$templates/llama.jinja" --tokenizer asked --out none
expect "also of plain text" 2 '' '*asked has no special token <|start_header_id|>*' \
    prepare tales --tales-bytes 20000 --chat-template "$templates/llama.jinja" --tokenizer asked --out none
expect "a template that is none" 3 '' '*line 1: the statement include is not supported*' \
    prepare tales --chat-template "$(printf '{%% include "x" %%}' >bad.jinja && echo bad.jinja)" --out none
expect "a file that is none" 3 '' '*nothing: no such file*' prepare tales --chat-template nothing --out none
mkdir theirs && cp asked/tokenizer.json theirs
printf '{"chat_template": "{%% include %%}"}' >theirs/tokenizer_config.json
expect "one that came with the tokenizer" 0 '' '*the statement include is not supported; the data folder has no chat template*' \
    prepare tales --tales-bytes 20000 --tokenizer theirs --out plain
check "is left out then" sh -c '! grep -q chat_template plain/tokenizer_config.json'
printf '{"bos_token": "[X]", "eos_token": "<|eot_id|>", "chat_template": [{"name": "default", "template": "{{ bos_token }}"}, {"name": "tool_use", "template": "t\\n"}]}' \
    >theirs/tokenizer_config.json
expect "one of several" 0 '' '*' prepare tales --tales-bytes 20000 --tokenizer theirs --out plain --force
check "is kept with the others" grep -q '"chat_template": \[{"name": "default", "template": "{{ bos_token }}"}, {"name": "tool_use", "template": "t.n"}\]' plain/tokenizer_config.json
check "and with its tokens" grep -q '"bos_token": "\[X\]"' plain/tokenizer_config.json
mv theirs/tokenizer_config.json kept && printf 'A {{ messages[0].content }}' >theirs/chat_template.jinja
expect "one in a file of its own" 0 '' '*' prepare tales --tales-bytes 20000 --tokenizer theirs --out plain --force
expect "is used there" 0 'A x' '' template --template plain -f "$(printf '[{"content": "x"}]' >x && echo x)"

# ---- a model ----
shape="--preset tiny --hidden-size 64 --intermediate-size 96 --num-hidden-layers 2 --num-attention-heads 2"
small="--batch 8 --context 64 --no-samples --no-plot --save-seconds 0 --seed 1"
tune="$small --init base --steps 50 --lr 4e-3 --schedule cosine --min-lr 1e-4 --eval-every 50"
loss() { # MODEL DATA
    "$bitllama" eval -m "$1" --data "$2" --window 64 --json 2>stderr | sed 's/.*"loss": \([0-9.]*\).*/\1/'
}
expect "tales for the base model" 0 '' '*' prepare tales --tales-bytes 100000 --tokenizer llama --out tales
check "have the template too" cmp llama/tokenizer_config.json tales/tokenizer_config.json
# shellcheck disable=SC2086 # words
{
    expect "a base model" 0 '' '*' train --data tales --out base $shape $small --steps 30 --eval-every 30
    check "has it" cmp llama/tokenizer_config.json base/tokenizer_config.json
    expect "fine-tuned" 0 '' '*' train --data llama --out tuned $tune
    expect "stopped" 0 '' '*' train --data llama --out pieces $tune --stop-after 20
    expect "and resumed" 0 '' '*' train --data llama --out pieces --resume --stop-after 0 --no-plot
    check "are the same weights" cmp tuned/ckpt/step-00000050/model.safetensors pieces/ckpt/step-00000050/model.safetensors
    expect "conversations by ChatML with its tokenizer" 2 '' '*llama has no special token <|im_start|>*' \
        prepare talk.jsonl --documents messages --chat-template "$("$bitllama" prepare pairs.jsonl --documents messages --vocab-size 300 --out chatml 2>stderr && echo chatml)" \
        --tokenizer llama --out none
    sed 's/{{- bos_token }}//' "$templates/llama.jinja" >other.jinja
    expect "by another with the same tokens" 0 '' '*' prepare pairs.jsonl --documents messages --chat-template other.jinja --tokenizer llama --val-split 0.2 --out other
    expect "do not go together" 2 '' '*the conversations of llama and other were written by different chat templates*' \
        train --data llama:1 --data other:1 --out none $tune
    check "and leave no run" test ! -e none
    expect "with tales they do" 0 '' '*' train --data tales:1 --data llama:2 --out mixed $tune --steps 2 --eval-every 2
}
before=$(loss base llama) after=$(loss tuned llama)
echo "loss on answers: $before before, $after after"
check "the loss on answers falls" awk -v a="$after" -v b="$before" 'BEGIN { exit !(a != "" && b != "" && a < b / 3 && a < 2) }'
check "a mixed run has the template of its conversations" cmp llama/tokenizer_config.json mixed/tokenizer_config.json
printf 'What does the duck say?\nAnd the owl?\n' >lines
input=lines
expect "it answers by its template" 0 '*, says the *.*, says the *' '*' chat -m tuned --temperature 0 --max-tokens 40
expect "an export has it" 0 '*' '*' export -m tuned --out packed
expect "and writes it" 0 '<|endoftext|><|start_header_id|>user<|end_header_id|>*Hi<|eot_id|><|start_header_id|>assistant*' '' \
    template -m packed --prompt -f "$(printf '[{"role": "user", "content": "Hi"}]' >hi && echo hi)"
finish
