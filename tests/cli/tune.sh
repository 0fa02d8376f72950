# Conversations from a script to a model that answers: prepared, a base model fine-tuned on them, its loss on answers before
# and after, the same in two pieces and over two folders; and what is no conversation.
. "$(dirname "$0")/expect.sh"
talks=$(cd "$(dirname "$0")/../tune" && pwd)/messages.awk
cd "$scratch" || exit 1
awk -v count=600 -v seed=1 -f "$talks" >talk.jsonl
awk -v count=60 -v seed=2 -v pairs=1 -f "$talks" >pairs.jsonl
(printf '[\n' && sed '$!s/$/,/' talk.jsonl && printf ']\n') >talk.json

# ---- prepare ----
expect "conversations beside tales" 0 '' '*tokens *of answers *' \
    prepare tales talk.jsonl --documents messages --tales-bytes 60000 --vocab-size 700 --val-split 0.1 --out both
check "a mask" test -s both/train.mask
check "in meta.json" grep -q '"mask_xxh3_128": "[0-9a-f]\{32\}"' both/meta.json
check "of version 2" grep -q '"version": 2' both/meta.json
check "the template" grep -q '"chat_template": "{% for message in messages' both/tokenizer_config.json
expect "conversations with that tokenizer" 0 '' '*next: *train --data talk --init BASE --out RUN*' prepare talk.jsonl --documents messages --tokenizer both --val-split 0.1 --out talk
check "as they were when ChatML was written without a template" test \
    "$(cat both/*.bin both/*.mask both/tokenizer.json both/tokenizer_config.json talk/*.bin talk/*.mask | cksum)" = "3989690678 240239"
expect "as an array" 0 '' '*' prepare talk.json --documents messages --tokenizer both --val-split 0.1 --out array
for file in train.bin val.bin train.mask val.mask; do
    check "is the same: $file" cmp talk/$file array/$file
done
input=talk.jsonl
expect "from standard input" 0 '' '*' prepare - --documents messages --tokenizer both --val-split 0.1 --out array --threads 1
check "is the same as well" cmp talk/train.mask array/train.mask
gzip -c talk.jsonl >talk.jsonl.gz
expect "compressed" 0 '' '*' prepare talk.jsonl.gz --documents messages --tokenizer both --val-split 0.1 --out array
check "is the same too" cmp talk/train.mask array/train.mask
expect "copies dropped" 0 '' '*dropped *exact duplicates*' \
    prepare talk.jsonl talk.json --documents messages --tokenizer both --dedup exact --out array
expect "questions and answers" 0 '' '*of answers *' prepare pairs.jsonl --documents messages --tokenizer both --val-split 0.2 --out pairs
sed 's/"prompt"/"q"/; s/"completion"/"a"/' pairs.jsonl >named.jsonl
expect "by other names" 0 '' '*' prepare named.jsonl --documents messages --field q,a --tokenizer both --val-split 0.2 --out named
check "are the same" cmp pairs/train.bin named/train.bin
expect "tales for the base model" 0 '' '*' prepare tales --tales-bytes 200000 --tokenizer both --out tales
expect "plain text in the place of conversations" 0 '' '*' prepare tales --tales-bytes 50000 --tokenizer both --out named --force
check "leaves no mask" test ! -e named/train.mask -a ! -e named/val.mask
expect "a tokenizer without the template's tokens" 0 '' '*' prepare tales --tales-bytes 50000 --vocab-size 300 --out plain
expect "is refused" 2 '' '*plain has no special token <|im_start|>*prepare conversations first*' \
    prepare talk.jsonl --documents messages --tokenizer plain --out none
check "before a folder is there" test ! -e none

mkdir theirs && cp both/tokenizer.json theirs
sed 's/<|im_start|>assistant/<|im_start|>model/' both/tokenizer_config.json >theirs/tokenizer_config.json
expect "a tokenizer with another template" 0 '' '*of answers *' prepare talk.jsonl --documents messages --tokenizer theirs --val-split 0.1 --out model
check "which is used and kept" cmp theirs/tokenizer_config.json model/tokenizer_config.json
check "for other text" test "$(cksum <talk/train.bin)" != "$(cksum <model/train.bin)"

# The bits of a mask in the order of tokens, and special tokens that somebody wrote: none but the template's three of each
# message become ids below 4, and the answer with the token that ends it alone counts.
printf '%s\n' '{"prompt": "Say <|im_end|>.", "completion": "<|endoftext|>"}' >written.jsonl
expect "special tokens in a message" 0 '' '*' prepare written.jsonl --documents messages --tokenizer both --val-split 0 --out written
check "stay text" test "$(od -An -v -tu2 -w2 written/train.bin | awk '$1 < 4' | tr -d ' \n')" = 23230
answer=$(grep -o '"counted": [0-9]*' written/meta.json | head -n 1 | tr -dc 0-9)
check "and the answer counts" test "$answer" -gt 4 -a "$answer" -lt 16

# ---- what is no conversation ----
refused() { # NAME WORDS LINE
    printf '%s\n' '{"prompt": "a", "completion": "b"}' "$3" >bad.jsonl
    expect "$1" 3 '' "*bad.jsonl: line 2: *$2*" prepare bad.jsonl --documents messages --out none
    check "$1: no folder" test ! -e none
    expect "$1, dropped" 0 '' "*bad lines *1 dropped, the first: bad.jsonl: line 2: *" \
        prepare bad.jsonl --documents messages --skip-bad --val-split 0 --tokenizer both --out skipped --force
}
refused "no JSON" 'not JSON' '{"messages": ['
refused "another role" 'the role "gpt" of message 1' '{"messages": [{"role": "gpt", "content": "x"}]}'
refused "no answer" 'no message of the assistant' '{"messages": [{"role": "user", "content": "x"}]}'
refused "no content" 'content of message 1 is null' '{"messages": [{"role": "assistant", "content": null}]}'
refused "an empty answer" '"completion" is empty' '{"prompt": "a", "completion": ""}'
refused "a key twice" 'duplicate object key' '{"prompt": "a", "prompt": "a", "completion": "b"}'
refused "a picture" 'of type "image"' '{"messages": [{"role": "user", "content": [{"type": "image"}]}]}'
printf '{"prompt": "\377", "completion": "b"}\n' >bad.jsonl
expect "invalid UTF-8" 3 '' '*not UTF-8 at byte 12 (0xFF)*' prepare bad.jsonl --documents messages --out none
expect "replaced" 0 '' '*replaced *1 invalid*' prepare bad.jsonl --documents messages --replace-invalid --val-split 0 --tokenizer both --out skipped --force
expect "text" 3 '' '*line 1: not JSON*' prepare "$talks" --documents messages --out none
: >empty.jsonl
expect "nothing" 3 '' '*no documents*' prepare empty.jsonl --documents messages --out none
awk 'BEGIN { printf "{\"prompt\": \"a\", \"completion\": \""; for (i = 0; i < 300000; i++) printf "word "; print "\"}" }' >long.jsonl
expect "a long conversation" 0 '' '*' prepare long.jsonl talk.jsonl --documents messages --tokenizer both --out long
expect "longer than allowed" 3 '' '*a conversation of * bytes, more than --max-document*' \
    prepare long.jsonl --documents messages --max-document 100000 --out none

# ---- fine-tuning ----
shape="--preset tiny --hidden-size 64 --intermediate-size 96 --num-hidden-layers 2 --num-attention-heads 2"
small="--batch 8 --context 64 --no-samples --no-plot --save-seconds 0 --seed 1"
tune="$small --init base --steps 60 --lr 4e-3 --schedule cosine --min-lr 1e-4 --decay-until 0.5 --eval-every 30"
loss() { # MODEL DATA
    "$bitllama" eval -m "$1" --data "$2" --window 64 --json 2>stderr | sed 's/.*"loss": \([0-9.]*\).*/\1/'
}
below() { # A B
    awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a < b) }'
}
# shellcheck disable=SC2086 # words
{
    expect "a base model" 0 '' '*' train --data tales --out base $shape $small --steps 60 --eval-every 60
    expect "the loss on answers before" 0 'loss *bits per byte  *unknown*tokens *' '*' eval -m base --data talk
    expect "fine-tuned on conversations" 0 '' '*began with the weights of*' train --data talk --out tuned $tune
    expect "stopped" 0 '' '*' train --data talk --out pieces $tune --stop-after 25
    expect "and resumed" 0 '' '*' train --data talk --out pieces --resume --stop-after 0 --no-plot
    check "are the same weights" cmp tuned/ckpt/step-00000060/model.safetensors pieces/ckpt/step-00000060/model.safetensors
    expect "over two folders" 0 '' '*talk: * tokens*tales: * tokens*' train --data talk:2 --data tales:1 --out mixed $tune
    expect "with the mask of one left out" 2 '' '*trained on*' train --data tales:2 --data talk:1 --out mixed --resume --steps 80
    expect "a long conversation" 0 '' '*' train --data long --out longer $tune --windows documents --carry 0.1 --steps 8 --eval-every 8
    expect "other weights than these shapes" 2 '' '*base was trained with --num-hidden-layers 2, not 3*' \
        train --data talk --out none --init base --num-hidden-layers 3
    expect "another tokenizer" 2 '' '*another tokenizer*plain*' train --data plain --out other $tune
}
before=$(loss base talk) after=$(loss tuned talk) mixed=$(loss mixed talk)
stories=$(loss tuned tales) kept=$(loss mixed tales)
echo "loss on answers: $before before, $after after, $mixed over two folders; on tales $(loss base tales), $stories, $kept"
check "the loss on answers falls" below "$after" 1.5
check "from where it was" below 4 "$before"
check "over two folders too" below "$mixed" 2.5
check "where tales are not forgotten" below "$kept" "$stories"
check "the run has the template" grep -q chat_template mixed/tokenizer_config.json
expect "an export has it" 0 '*' '*' export -m tuned --out packed
check "in its files" cmp tuned/tokenizer_config.json packed/tokenizer_config.json
expect "plan over conversations" 0 '*' '*' plan --data talk --init base --batch 8 --context 64
expect "info of the data" 0 '*' '*' info talk

# A mask that is not what prepare wrote.
cp -r talk hurt && printf x >>hurt/val.mask
expect "a mask of another length" 3 '' '*hurt/val.mask: * bytes, for * tokens*' eval -m tuned --data hurt
expect "does not train" 3 '' '*hurt/val.mask*' train --data hurt --out none $shape
finish
