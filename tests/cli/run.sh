# The commands at work on the tiny model: their products, and that the same input gives the same.
tree=$(cd "$(dirname "$0")/../.." && pwd)
. "$(dirname "$0")/expect.sh"
data=$3/data run=$3/run
cd "$scratch" || exit 1

# ---- plan ----
shape="--hidden-size 32 --intermediate-size 48 --num-hidden-layers 2 --num-attention-heads 2"
# shellcheck disable=SC2086 # words
expect "plan" 0 'weights *kB *optimizer *activations *scratch *state *total *parameters*machine *GB  enough' '' \
    plan --data "$data" --preset tiny --context 32 --batch 8 $shape
# shellcheck disable=SC2086
expect "plan --json" 0 '{"weights": [1-9]*, "optimizer": [1-9]*, "activations": [1-9]*, "scratch": [1-9]*, "state": [1-9]*, "total": [1-9]*, "machine": [1-9]*, "parameters": [1-9]*, "base": 0}' '' \
    plan --preset tiny --json $shape
expect "plan of a model" 0 '*optimizer *0.00B*state *kB*parameters*machine *base *kB  more*' '' plan -m "$run"
expect "plan --json of a model" 0 '*"total": [1-9]*"base": [1-9]*}' '' plan -m "$run" --json
expect "plan of a model with a batch" 2 '' "*-m plans inference, and --batch is of training" plan -m "$run" --batch 3
expect "plan without a folder" 3 '' "*nowhere*" plan --data nowhere
expect "plan of too much" 0 '*machine *too little: train would refuse' '' plan --preset micro --batch 65536 --num-hidden-layers 1000
expect "train of too much" 4 '' "*this run needs *GB of memory, and there are *lower --batch*" \
    train --data "$data" --out much --preset micro --batch 65536 --context 64 --num-hidden-layers 1000
check "leaves no model behind" test ! -e much/config.json

# ---- devices around devices ----
expect "traced" 0 '?*' '*seed 7,*trace:cpu: * ms in * calls*bitlinear_fwd *%*' \
    generate -m "$run" -p "Once" --max-tokens 5 --seed 7 --device trace:cpu
cp stdout traced
expect "guarded" 0 '?*' '*seed 7,*' generate -m "$run" -p "Once" --max-tokens 5 --seed 7 --device fault:cpu
check "the same text" cmp stdout traced
expect "a wrapped device that is none" 2 '' "*device gpu: built in are cpu*trace:*" \
    generate -m "$run" -p "Once" --device trace:gpu

# ---- tokenize and detokenize ----
expect "tokenize" 0 '[0-9]*' '' tokenize -m "$run" -p "Once upon a time"
cp stdout ids
expect "tokenize by file" 0 "$(cat ids)" '' tokenize --tokenizer "$data/tokenizer.json" -p "Once upon a time"
expect "tokenize by folder" 0 "$(cat ids)" '' tokenize --tokenizer "$data" -p "Once upon a time"
expect "tokenize --json" 0 "{\"ids\": \[$(sed 's/ /, /g' ids)\]}" '' tokenize -m "$run" -p "Once upon a time" --json
printf 'Once upon a time' >text
input=text
expect "tokenize stdin" 0 "$(cat ids)" '' tokenize -m "$run"
expect "tokenize a file" 0 "$(cat ids)" '' tokenize -m "$run" -f text
expect "tokenize nothing" 0 '' '' tokenize -m "$run" -p ''
expect "tokenize nothing --json" 0 '{"ids": \[\]}' '' tokenize -m "$run" -p '' --json
expect "a special token" 0 '0' '' tokenize -m "$run" -p '<|endoftext|>'
expect "a special token as text" 0 '?*[0-9] *' '' tokenize -m "$run" -p '<|endoftext|>' --no-special
printf 'ab c' >abc
expect "tokenize --offsets, end" 0 '*[0-9] [0-9] 4' '' tokenize -m "$run" -f abc --offsets
expect "tokenize --offsets, start" 0 '[0-9]* 0 [0-9]*' '' tokenize -m "$run" -f abc --offsets
expect "tokenize --offsets --json" 0 '{"ids": \[*\], "offsets": \[\[0, *, 4\]\]}' '' tokenize -m "$run" -f abc --offsets --json
expect "tokenize nothing --offsets" 0 '' '' tokenize -m "$run" -p '' --offsets
expect "a token a line" 0 '       2 * -[0-9]*.[0-9]*' '*' generate -m "$run" -p 'a' --max-tokens 1 --ignore-eos --log-probability
# Where a copy of the head in 8 bits pays: drawn from few logits, and from all.
"$bitllama" prepare tales --tales-facts 1024 --tales-bytes 300000 --vocab-size 1024 --out wide-data 2>stderr &&
    "$bitllama" train --data wide-data --out wide --preset tiny --hidden-size 256 --intermediate-size 64 \
        --num-hidden-layers 1 --context 32 --batch 4 --steps 30 --lr 4e-3 2>stderr
for flags in '--temperature 0' '--temperature 1' '--temperature 2 --repeat-penalty 1.3 --repeat-last 20 --top-p 1 --min-p 0'; do
    wide="generate -m wide -p Once --seed 3 --max-tokens 60 --ignore-eos $flags"
    "$bitllama" $wide --log-probability 2>stderr | awk '{print $2}' >listed
    expect "$flags, as drawn from all logits" 0 "*$("$bitllama" detokenize -m wide -f listed)" '*60 tokens*' $wide
done
expect "the copy is used" 0 '*' '*head_best *head_coarse *' generate -m wide -p Once --max-tokens 3 --device trace:cpu
expect "no list in a chat" 2 '' '*bitllama generate*' chat -m "$run" --log-probability
expect "detokenize a special token" 0 '' '' detokenize -m "$run" -p 0
expect "detokenize --special" 0 '<|endoftext|>' '' detokenize -m "$run" -p 0 --special
expect "detokenize" 0 'Once upon a time' '' detokenize -m "$run" -p "$(cat ids)"
expect "detokenize commas" 0 'Once upon a time' '' detokenize -m "$run" -p "$(tr ' ' , <ids)"
expect "detokenize JSON" 0 'Once upon a time' '' detokenize -m "$run" -p "[$(tr ' ' , <ids)]"
input=ids
expect "detokenize stdin" 0 'Once upon a time' '' detokenize -m "$run"
expect "detokenize --json" 0 '{"text": "Once upon a time"}' '' detokenize -m "$run" -f ids --json
expect "detokenize nothing" 0 '' '' detokenize -m "$run" -p ''
printf 'A "quote",\n\ttabs \303\251\360\237\246\231, 3 spaces   and a final newline\n' >round
"$bitllama" tokenize -m "$run" -f round --json 2>stderr | "$bitllama" detokenize -m "$run" >back 2>>stderr
check "there and back again" cmp round back
expect "JSON is escaped" 0 '{"text": "A \\"quote\\",\\n\\u0009tabs *newline\\n"}' '' \
    detokenize -m "$run" -p "$("$bitllama" tokenize -m "$run" -f round)" --json

# ---- generate ----
expect "generate" 0 '?*' '*seed 7, *tok/s*' generate -m "$run" -p "Once upon a time" --max-tokens 40 --seed 7
cp stdout first
expect "the same seed" 0 '?*' '*seed 7,*' generate -m "$run" -p "Once upon a time" --max-tokens 40 --seed 7
check "gives the same text" cmp stdout first
expect "another seed" 0 '?*' '*seed 8,*' generate -m "$run" -p "Once upon a time" --max-tokens 40 --seed 8
check "gives another text" sh -c '! cmp -s stdout first'
expect "the prompt is not repeated" 0 '?*' '*' generate -m "$run" -p "Zebra" --max-tokens 20 --seed 1
check "in the output" sh -c '! grep -q Zebra stdout'
expect "-f file" 0 '?*' '*seed 7,*' generate -m "$run" -f text --max-tokens 40 --seed 7
check "as -p" cmp stdout first
printf 'Once upon a time\n' >line
input=line
expect "-p -" 0 '?*' '*seed 7,*' generate -m "$run" -p - --max-tokens 40 --seed 7
check "as -p, without the newline" cmp stdout first
expect "empty prompt" 0 '?*' '*' generate -m "$run" -p '' --max-tokens 10 --seed 1
expect "greedy" 0 '?*' '*' generate -m "$run" -p x --max-tokens 30 --temperature 0 --seed 1
cp stdout greedy
expect "greedy again" 0 '?*' '*' generate -m "$run" -p x --max-tokens 30 --temperature=0 --seed 2
check "whatever the seed" cmp stdout greedy
expect "no tokens" 0 '' '*' generate -m "$run" -p x --max-tokens 0
expect "a random seed is told" 0 '*' '*seed [0-9]*' generate -m "$run" -p x --max-tokens 1
expect "a memory is saved" 0 '?*' '*' generate -m "$run" -p "Once upon a time" --max-tokens 15 --seed 7 --save half.mem
cp stdout half
expect "and goes on" 0 '*' '*prompt 0 tokens (- tok/s)*' generate -m "$run" -p "" --max-tokens 25 --seed 7 --load half.mem
check "as one call does" sh -c 'printf "%s%s\n" "$(cat half)" "$(cat stdout)" | cmp - first'
expect "a memory of no model" 3 '' "*config.json: *" generate -m "$run" -p x --load "$run/config.json"
expect "no such memory" 3 '' "*none.mem*" generate -m "$run" -p x --load none.mem
expect "a memory that cannot be written" 4 '?*' "*none/x.mem*" generate -m "$run" -p x --max-tokens 2 --save none/x.mem
expect "the reference device" 0 '?*' '*' generate -m "$run" -p x --max-tokens 4 --device ref

# ---- logits ----
ids=5,17,300,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34
expect "logits" 0 '' "*whole.npy: float32 \[30, 400\]" logits -m "$run" --ids $ids -o whole.npy
check "NPY version 1.0" sh -c 'head -c 8 whole.npy | od -An -tx1 | tr -d " \n" | grep -q "^934e554d50590100$"'
check "its header" sh -c "head -c 128 whole.npy | LC_ALL=C grep -aq \"'descr': '<f4', 'fortran_order': False, 'shape': (30, 400), }\""
check "its size: header and 30 x 400 floats" test "$(wc -c <whole.npy)" -eq $((128 + 30 * 400 * 4))
for split in 1 1,7,16 16 3,5 15,1 1000; do
    expect "split $split" 0 '' '*' logits -m "$run" --ids $ids --split $split -o split.npy
    check "split $split gives the same bits" cmp whole.npy split.npy
done
expect "logits of a text" 0 '' '*' logits -m "$run" -p "Once upon a time" -o text.npy
expect "logits of its ids" 0 '' '*' logits -m "$run" --ids "0,$(tr ' ' , <ids)" -o ids.npy
check "the text was fed after <|endoftext|>" cmp text.npy ids.npy
expect "without it" 0 '' '*' logits -m "$run" -p "Once upon a time" --no-bos -o text.npy
expect "its ids" 0 '' '*' logits -m "$run" --ids "$(tr ' ' , <ids)" -o ids.npy
check "the same" cmp text.npy ids.npy
output=stdout.npy
expect "logits to stdout" 0 '' '*' logits -m "$run" --ids $ids -o -
check "the same file" cmp whole.npy stdout.npy

# ---- eval ----
expect "eval" 0 'loss *nats a token*perplexity *bits per byte *tokens *' '*tok/s*' eval -m "$run" --data "$data/val.bin"
expect "eval --json" 0 '{"loss": [0-9]*, "perplexity": [0-9]*, "bits_per_byte": [0-9]*, "tokens": [0-9]*, "bytes": *, "documents": *, "seconds": *}' '*' \
    eval -m "$run" --data "$data" --json
sed 's/, .seconds.*//' stdout >folder.json
expect "eval --json of a file" 0 '*' '*' eval -m "$run" --data "$data/val.bin" --json
sed 's/, .seconds.*//' stdout >file.json
check "a folder means its val.bin" cmp folder.json file.json
printf 'Once upon a time there was a fox.\n<|endoftext|>\nA cat sat.\n' >story.txt
expect "eval of a text" 0 '*loss *bytes *documents *2*' '*' eval -m "$run" --data story.txt
# Files are read as prepare reads them: the same text gives the same figures, the same prompt the same words.
printf '{"text": "Once upon a time there was a cat.\\nIt sat.", "id": 10254939386542155531}\n' >held.jsonl
printf 'Once upon a time there was a cat.\nIt sat.\n' >held.txt
printf '\357\273\277Once upon a time there was a cat.\r\nIt sat.\r\n' >windows.txt
gzip -c held.txt >held.txt.gz
printf 'O\0n\0c\0e\0 \0u\0p\0o\0n\0\r\0\n\0' >wide.txt
expect "eval of a text to compare with" 0 '*"bytes": 41, "documents": 1,*' '*' eval -m "$run" --data held.txt --json
sed 's/, .seconds.*//' "$scratch/stdout" >held
for file in held.jsonl windows.txt held.txt.gz; do
    expect "eval of $file" 0 '*' '*' eval -m "$run" --data $file --json
    check "equals that of the text" sh -c 'sed "s/, .seconds.*//" "$scratch/stdout" | cmp - held'
done
sed 's/text/body/' held.jsonl >body.jsonl
expect "eval of another field" 3 '' '*body.jsonl: line 1: no field "text"*' eval -m "$run" --data body.jsonl
expect "by its name" 0 '*"bytes": 41,*' '*' eval -m "$run" --data body.jsonl --field body --json
expect "eval of a table" 3 '' '*table.csv: a table; *' eval -m "$run" --data "$(echo a,b >table.csv && echo table.csv)"
sed 's/cat/caf\xe9/' held.txt >latin1.txt
expect "eval of Latin-1" 3 '' '*latin1.txt: not UTF-8 at byte 32 (0xE9)*encoding*' eval -m "$run" --data latin1.txt
expect "by the encoding's name" 0 '*"bytes": 43,*' '*' eval -m "$run" --data latin1.txt --encoding latin-1 --json
printf 'Once upon\n' >lf.txt && printf 'Once upon\r\n' >crlf.txt && printf '\357\273\277Once upon\n' >bom.txt
printf '{"text": "Once upon"}\n' >prompt.jsonl
expect "a prompt file to compare with" 0 '?*' '*' generate -m "$run" -f lf.txt --temperature 0 --max-tokens 6
cp "$scratch/stdout" lf.out
for file in crlf.txt bom.txt wide.txt prompt.jsonl; do
    expect "the prompt $file" 0 '?*' '*' generate -m "$run" -f $file --temperature 0 --max-tokens 6
    check "continues the same" cmp "$scratch/stdout" lf.out
done
input=crlf.txt
expect "the prompt from standard input" 0 '?*' '*' generate -m "$run" -p - --temperature 0 --max-tokens 6
check "continues the same too" cmp "$scratch/stdout" lf.out
printf '{"text": "a"}\n{"text": "b"}\n' >both.jsonl
expect "two documents as a prompt" 3 '' '*both.jsonl: holds more than one document*' generate -m "$run" -f both.jsonl
expect "tokenize keeps every byte" 0 '{"ids": *}' '' tokenize -m "$run" -f crlf.txt --json
check "the carriage return is there" sh -c '"$bitllama" tokenize -m "$run" -f crlf.txt --json | "$bitllama" detokenize -m "$run" | cmp - crlf.txt'

expect "eval --by-position" 0 '*documents *
position *tokens *loss
0 *
1 *
2-3 *
4-7 *
8-15 *' '*' eval -m "$run" --data "$data" --by-position --window 16
expect "eval --by-position of a text" 0 '*position *
0  * 2 *
1  * 2 *
2-3 * 4 *' '*' eval -m "$run" --data story.txt --by-position
expect "eval --by-position --json" 0 '{"loss": *"by_position": \[{"first": 0, "last": 0, "tokens": [1-9]*, "loss": [0-9]*}, {"first": 1, *{"first": 15, "last": 15, *}\]}' '*' \
    eval -m "$run" --data "$data" --by-position --window 16 --json
expect "eval --stream" 0 '*fresh states *nats a token
*position *tokens *stream *fresh *difference
0 *+0.0000
1 *+0.0000
2-3 *+0.0000
4-7 *+0.0000
8-15 *
16-31 *
32-63 * 9 *' '*' eval -m "$run" --data "$data" --stream --window 16 --tokens 41 --svg stream.svg
check "draws a picture" grep -q '>stream [0-9.]*</text>' stream.svg
expect "tales that tell facts" 0 '*' '*' prepare tales --tales-facts 1024 --tales-bytes 300000 --vocab-size 1024 --out facts
expect "a model of them" 0 '' '*' train --preset tiny --hidden-size 32 --intermediate-size 32 --num-hidden-layers 1 --data facts --out teller \
    --steps 1 --batch 2 --context 16 --no-samples --no-plot
expect "eval --recall" 0 '*distance *questions *right *chance *control *greedy *changed: right *old
 *20 *10 *0.[0-9]* +- 0.[0-9]* *0.100 *
 *1,000 *10 *' '*' eval -m teller --recall 20,1000 --questions 10
expect "eval --recall --json" 0 '{"recall": \[{"distance": 5, "questions": 7, "changed": [0-9]*, "chance": 0.1, "right": *, "error": *, "greedy": *, "control": *, "control_error": *, "changed_right": *, "changed_old": *, "seconds": *}\]}' '*' \
    eval -m teller --recall 5 --questions 7 --json
expect "training from another model" 0 '' '*began with the weights of [0-9a-f]*' train --data facts --out further --init teller --steps 2 \
    --batch 2 --context 32 --no-samples --no-plot
check "its name in the records" grep -q '"parent": *"[0-9a-f]\{32\}"' further/ckpt/step-00000002/state.json
expect "by the flag's older name" 0 '' '*began with the weights of [0-9a-f]*' train --data facts --out older --init-from teller --steps 1 \
    --batch 2 --context 32 --no-samples --no-plot --schedule cosine --min-lr 1e-4 --decay-until 0.5
expect "an export of it" 0 '*' '*' export -m older --out older-packed
check "its card names what it began with" grep -q 'Begun with the weights of the model of fingerprint [0-9a-f]\{32\}' older-packed/README.md
expect "training from packed weights" 3 '' '*packed weights are rounded*name the run that it was exported from*' train --data facts --out from-packed --init older-packed
expect "from another shape" 2 '' '*teller was trained with --num-hidden-layers 1, not 2*' train --data facts --out wider --init teller --num-hidden-layers 2
check "a run that was refused leaves no folder" test ! -e wider -a ! -e from-packed
mkdir wider
expect "nor takes one that was there" 2 '' '*teller was trained with*' train --data facts --out wider --init teller --num-hidden-layers 2
check "away" test -d wider
expect "recall without the colors" 3 '' '*the tokenizer has no token that begins *1024*' eval -m "$run" --recall 5
for list in '' 5, ,5 5,x -5 5.5 99999999999; do
    expect "recall after '$list' tokens" 2 '' "*--recall is a list of up to 32 numbers*'$list'*" eval -m teller --recall="$list"
done
expect "neither file nor recall" 2 '' '*eval needs --data FILE or --recall LIST*' eval -m teller
expect "both file and recall" 2 '' '*--recall reads no file: --data does not go with it*' eval -m teller --recall 5 --data facts
expect "questions without recall" 2 '' '*--questions is for --recall*' eval -m teller --data facts --questions 5
expect "no questions" 2 '' '*--questions is a whole number from 1 to*' eval -m teller --recall 5 --questions 0
check "of both curves" grep -q '>fresh state [0-9.]*</text>' stream.svg
expect "eval --stream --json" 0 '{"loss": *, "tokens": 41, *"fresh": [0-9]*, "stream": \[{"first": 0, "last": 0, "tokens": 1, "loss": [0-9]*, "fresh": [0-9]*, "difference": *{"first": 32, "last": 63, "tokens": 9, *}\]}' '*' \
    eval -m "$run" --data "$data" --stream --window 16 --tokens 41 --json
sed 's/"seconds": [^,]*//' stdout >stream.json
expect "eval --stream on guarded memory" 0 '{*}' '*' eval -m "$run" --data "$data" --stream --window 16 --tokens 41 --json --device fault:cpu
sed 's/"seconds": [^,]*//' stdout >guarded.json
check "is the same" cmp stream.json guarded.json
expect "eval --stream of a text" 0 '*documents *2
fresh states *
4-7 *' '*' eval -m "$run" --data story.txt --stream
expect "a stream is by position" 2 '' '*--stream and --by-position*' eval -m "$run" --data "$data" --stream --by-position
expect "a picture of no stream" 2 '' '*--svg needs --stream*' eval -m "$run" --data "$data" --svg stream.svg
expect "tokens of no stream" 2 '' '*--tokens needs --stream*' eval -m "$run" --data "$data" --tokens 4
expect "a picture that cannot be written" 4 '' '*none/x*' eval -m "$run" --data "$data" --stream --tokens 9 --svg /proc/none/x
cp "$data/val.bin" bare.bin
expect "what a token file does not say is null" 0 '*"bits_per_byte": null, "tokens": [1-9]*, "bytes": null, "documents": null, *' '*' \
    eval -m "$run" --data bare.bin --json
expect "eval by another window" 0 'loss *' '*' eval -m "$run" --data "$data/val.bin" --window 16
expect "a window past the file" 3 '' '*val.bin*' eval -m "$run" --data "$data/val.bin" --window 1000000

# ---- export ----
expect "export" 0 '' '*packed: *parameters*fingerprint*next: *bitllama* info packed*' export -m "$run" --out packed --dtype f32
for file in config.json model.safetensors tokenizer.json tokenizer_config.json generation_config.json README.md; do
    check "export writes $file" test -s "packed/$file"
done
for file in configuration_bitllama.py modeling_bitllama.py; do
    check "export writes $file, as it is in the tree" cmp "$tree/python/bitllama/hf/$file" "packed/$file"
    check "config.json names its classes" grep -q "\"${file%.py}.BitLlama[A-Z]" packed/config.json
    check "a run has no $file" test ! -e "$run/$file"
done
expect "logits of the packed model" 0 '' '*' logits -m packed --ids $ids -o packed.npy
check "are the same bits" cmp whole.npy packed.npy
mkdir unmapped && cp packed/* unmapped && rm unmapped/*.py
tr -d '\n' <packed/config.json | sed 's/, *"auto_map": {[^}]*}//' >unmapped/config.json
check "an export of earlier versions has no auto_map" sh -c '! grep -q auto_map unmapped/config.json'
expect "its logits" 0 '' '*' logits -m unmapped --ids $ids -o old.npy
check "are the same bits, too" cmp whole.npy old.npy
expect "an export in its place" 0 '' '*' export -m packed --out unmapped --force
expect "its greedy text" 0 '?*' '*' generate -m packed -p x --max-tokens 30 --temperature 0
check "is the same" cmp stdout greedy
fingerprint=$("$bitllama" info "$run" | sed -n 's/^fingerprint  *//p')
expect "info of the packed model" 0 "*weight_form *packed*fingerprint *$fingerprint*" '' info packed
expect "a memory of the run in the packed model" 0 '*' '*' generate -m packed -p "" --max-tokens 25 --seed 7 --load half.mem
expect "info of a memory" 0 "kind *memory*fingerprint *$fingerprint*position *" '' info half.mem
expect "memory show" 0 'version   1
position *tokens read
state *bytes

layer *head *half-life *distance *base *bound
0 *0 *[0-9].[0-9] *[0-9].*
1 *' '' memory show half.mem -m "$run"
expect "memory show --json" 0 '{"path": "half.mem", "version": 1, "position": *, "state_bytes": *, "heads": \[{"layer": 0, "head": 0, "half_life": [0-9]*, "distance": [0-9]*, "base": 0, "base_most": 0.[0-9]*}, *\]}' '' memory show half.mem -m "$run" --json
expect "memory show without a model" 0 "kind *memory*fingerprint *$fingerprint*" '*-m MODEL*' memory show half.mem
expect "memory without a verb" 2 '' '*FILE is missing*' memory
expect "another verb" 2 '' '*memory hide: no such action; there are show, diff, reset, merge*' memory hide half.mem
expect "a memory that is not there" 3 '' '*none.mem*' memory show none.mem -m "$run"
expect "a run is no memory" 3 '' '*not a memory file*' memory show "$run"
expect "a memory that is none" 3 '' '*not a memory file*' memory show "$run/model.safetensors" -m "$run"
expect "export twice" 2 '' '*packed is not empty*--force*' export -m "$run" --out packed
expect "export over a run" 2 '' '*no part of an export' export -m packed --out "$run" --force
expect "export to nowhere" 2 '' '*has no name' export -m packed --out ""
expect "export over the model" 2 '' '*packed holds the model that is to be exported*' export -m packed --out ./packed/ --force
expect "export again, as BF16" 0 '' '*' export -m "$run" --out packed --force
expect "its info" 0 "*parent_fingerprint *$fingerprint*" '' info packed
check "its table is BF16" grep -q '"model.embed_tokens.weight":{"dtype":"BF16"' packed/model.safetensors
expect "a memory of the run in it" 0 '?*' '*warning: half.mem is a memory of the model that this one was exported from with loss*' \
    generate -m packed -p "" --max-tokens 25 --seed 7 --load half.mem --save lossy.mem
expect "its own memory again" 0 '?*' '[!w]*' generate -m packed -p "" --max-tokens 5 --load lossy.mem
expect "its memory in the run" 2 '' '*lossy.mem is a memory of another model*' generate -m "$run" -p "" --load lossy.mem
expect "a copy of it" 0 '' '*' export -m packed --out packed-copy
check "has the same bytes" cmp packed/model.safetensors packed-copy/model.safetensors
expect "a type that there is not" 2 '' '*f32|bf16|f16*' export -m "$run" --out other-type --dtype int4
expect "an export that cannot be written" 4 '' '*none/x*' export -m "$run" --out /proc/none/x
expect "rows of int8, and what they cost" 0 '' '*val.bin: loss [0-9.]* before, [0-9.]* exported ([-+]0.[0-9]*)*next: *' \
    export -m "$run" --out rows --dtype int8 --data "$data/val.bin"
check "they are int8" grep -q '"model.embed_tokens.weight":{"dtype":"I8"' rows/model.safetensors
expect "a model of int8 rows writes" 0 '?*' '*' generate -m rows -p x --max-tokens 5
expect "and says what it is of" 0 "*weight_form *packed*parent_fingerprint *$fingerprint*" '' info rows
expect "a loss on what is not there" 3 '' '*none.txt*' export -m "$run" --out rows --force --dtype int8 --data none.txt
check "nothing stays beside" sh -c '! ls -A | grep -F .tmp'

# ---- info ----
expect "info of a run" 0 'kind *run*parameters *vocab_size *400*training*step *30*' '' info "$run"
expect "info of data" 0 'kind *data*vocab_size *400*train*tokens*val*tokens*' '' info "$data"
expect "info of a checkpoint" 0 'kind *checkpoint*step *30*' '' info "$run/ckpt/step-00000030"
expect "info of a tokenizer" 0 'kind *tokenizer*vocab_size *400' '' info "$data/tokenizer.json"
expect "info of tokens" 0 'kind *tokens*documents *' '' info "$data/val.bin"
expect "info of tensors" 0 'kind *safetensors*model.embed_tokens.weight *F32 *400, 32*' '' info "$run/model.safetensors"
expect "info --json" 0 '{*}' '' info "$run" --json
expect "info --json" 0 '{*}' '' info "$data" --json

# ---- prepare ----
printf 'One story.\n<|endoftext|>\nAnother one.\n<|endoftext|>\n\n<|endoftext|>\nThe third.\n' >three.txt
expect "prepare a file" 0 '' '*' prepare three.txt --out three --vocab-size 258 --val-split 0
input=three.txt
expect "prepare stdin with a tokenizer" 0 '' '*' prepare - --out other --tokenizer "$data/tokenizer.json" --val-split 0
check "the tokenizer stays" cmp other/tokenizer.json "$data/tokenizer.json"
expect "its vocabulary may run out" 0 '' '*no more pairs*' prepare three.txt --out few --vocab-size 4000 --val-split 0
expect "the same again" 0 '' '*' prepare tales --tales-bytes 200000 --vocab-size 400 --val-split 0.05 --out again
for file in tokenizer.json train.bin val.bin; do
    check "gives the same $file" cmp "again/$file" "$data/$file"
done

# ---- divergence: a decay that multiplies the weights by -99 a step ----
expect "a run that diverges" 6 '' '*step 2? skipped: *back to diverged/ckpt/step-* at half the learning rate*5 steps in a row*lower --lr*' \
    train --data "$data" --out diverged --preset tiny --hidden-size 32 --intermediate-size 48 --num-hidden-layers 1 \
    --context 32 --batch 4 --steps 400 --lr 10 --weight-decay 10 --warmup 1 --save-every 5 --save-seconds 0
expect "its last checkpoint is a model" 0 '?*' '*' generate -m diverged -p x --max-tokens 20 --seed 1 --ignore-eos

expect "a run that ends worse than it began" 0 '' '*warning: the run ended worse than it began: the validation loss is *, at first it was [56].*; lower --lr*done after 20 steps*' \
    train --data "$data" --out worse --preset tiny --no-pre-conv --hidden-size 32 --intermediate-size 48 --num-hidden-layers 1 \
    --context 32 --batch 4 --steps 20 --lr 10 --warmup 1 --no-samples
expect "one that ends well says nothing" 0 '' '*done after 31 steps*' \
    train --data "$data" --out changed-not --preset tiny --hidden-size 32 --num-hidden-layers 1 --context 32 --batch 4 --steps 31
check "of its end" sh -c '! grep "the run ended" stderr'

# ---- options that changed ----
cp -r "$run" changed
expect "changed options are told" 0 '' '*changed: steps 30 -> 32, lr 0.004 -> 0.001, keep 3 -> 2*going on at step 30*' \
    train --data "$data" --out changed --resume --steps 32 --lr 0.001 --keep 2 --no-samples
check "and no others" test "$(grep -c ' -> ' stderr)" -eq 1
check "no sample when it is off" sh -c '! grep -q sample: stderr'
expect "the same options are not" 0 '' '*going on at step 32*' train --data "$data" --out changed --resume --steps 32
check "nothing is called changed" sh -c '! grep -q changed: stderr'
expect "samples on again" 0 '' '*changed: *samples false -> true*sample: Once upon a time*' \
    train --data "$data" --out changed --resume --steps 34 --samples

# ---- learning ----
printf 'The fox saw a hen. The hen had a red boat.\n<|endoftext|>\nThey went home in the boat.\n' >lesson.txt
expect "learn begins a memory" 0 'learned *tokens, 2 documents
loss *nats a token
position *
distance *' '*tok/s*' learn -m "$run" -f lesson.txt --memory new.mem
cp new.mem kept.mem
input=lesson.txt
expect "and goes on with it" 0 'learned *' '*' learn -m "$run" -f - --memory new.mem
input=/dev/null
expect "nothing to learn" 3 '' '*standard input: no documents*' learn -m "$run" -f - --memory new.mem
check "it has grown" sh -c '! cmp -s new.mem kept.mem'
expect "eval of a memory" 0 'loss *documents *2*' '*' eval -m "$run" --data lesson.txt --memory kept.mem
cp stdout with
expect "eval of none" 0 'loss *documents *2*' '*' eval -m "$run" --data lesson.txt
check "is another" sh -c '! cmp -s stdout with'
cp kept.mem new.mem
expect "eval by position" 0 'loss *
0 *
1 *' '*' eval -m "$run" --data lesson.txt --memory new.mem --by-position
check "the memory stays as it was" cmp new.mem kept.mem
expect "beside no memory" 0 'loss *
beside *nats a token
difference *[-+]0.*
position *tokens *loss *beside *difference
0 *[-+]0.*' '*' eval -m "$run" --data lesson.txt --memory new.mem --beside none --by-position
sed -n 's/^beside *\([0-9.]*\).*/\1/p' stdout >beside
expect "which is the loss without" 0 "loss *$(cat beside) nats*" '*' eval -m "$run" --data lesson.txt
expect "beside itself" 0 '*"difference": 0, "by_position": \[{"first": 0*"difference": 0}*' '*' \
    eval -m "$run" --data lesson.txt --memory new.mem --beside kept.mem --by-position --json
expect "beside what is not there" 3 '' '*gone.mem*' eval -m "$run" --data lesson.txt --memory new.mem --beside gone.mem
expect "beside without a memory" 2 '' '*--beside needs --memory*' eval -m "$run" --data lesson.txt --beside none
expect "memory show of version 1" 0 'version   1
*bound
0 *0.0000 *' '' memory show new.mem -m "$run"
expect "learn --consolidate" 0 '*base *allowed; [1-9]* consolidations*' '*' learn -m "$run" -f lesson.txt --memory new.mem --consolidate 0.5 --every 8
expect "memory show of version 2" 0 'version   2, with a base of its own
*bound
0 *0.[0-9]*[1-9]*  *' '' memory show new.mem -m "$run"
expect "as JSON" 0 '*"version": 2*"base": 0.[0-9]*' '' memory show new.mem -m "$run" --json
expect "without a model" 0 '*version *2*' '*' memory show new.mem
expect "it goes on" 0 '?*' '*' generate -m "$run" -p "The" --max-tokens 5 --seed 1 --load new.mem
cp new.mem kept.mem
expect "memory diff" 1 'same *no
model *one
version *1 and 2
position *
*bound
0 *0.[0-9]*[1-9]*0.[0-9]*[1-9]*' '' memory diff half.mem new.mem -m "$run"
expect "of the same" 0 'same *yes*version *2 and 2*0 *0.0000  0.0000 *' '' memory diff kept.mem new.mem -m "$run"
expect "as JSON" 1 '{"a": "half.mem", "b": "new.mem", "same": false, "same_model": true, "version": \[1, 2\], "position": \[*\], "heads": \[{*"distance": 0.*}\]}' '' \
    memory diff half.mem new.mem -m "$run" --json
expect "without a model" 1 '*same *no*' '*give their model*' memory diff half.mem new.mem
expect "as JSON too" 0 '*"same": true*"heads": null}' '' memory diff new.mem new.mem --json
sed 's/"fingerprint":"[0-9a-f]*"/"fingerprint":"00000000000000000000000000000000"/' new.mem >alien.mem
expect "of two models" 1 '*same *no
model *two*' '' memory diff new.mem alien.mem -m "$run"
expect "diff with something else" 3 '' '*not a safetensors file*' memory diff new.mem lesson.txt
expect "diff of one" 2 '' '*usage: bitllama memory diff FILE FILE*' memory diff new.mem
expect "reset keeps the base" 0 '' '*new.mem: nothing read; what was consolidated stays*' memory reset new.mem -m "$run"
expect "which is where it begins" 0 'version *2*position *0 tokens*' '' memory show new.mem -m "$run"
expect "unless it goes too" 0 '' '*out.mem: nothing read' memory reset kept.mem -m "$run" --base -o out.mem
expect "then it is as any" 0 'version *1*position *0 tokens*0 *0.0000  0.0000 *' '' memory show out.mem -m "$run"
cp kept.mem new.mem
expect "reset without a model" 2 '' '*usage: bitllama memory reset*' memory reset new.mem
expect "of one that is not there" 3 '' '*none.mem*' memory reset none.mem -m "$run"
expect "of another model's" 2 '' '*another model*' memory reset alien.mem -m "$run"
check "what is refused stays as it is" grep -q 0000000000000000 alien.mem
expect "memory merge" 0 '' '*both.mem: * tokens read in all, with a base of its own*' memory merge half.mem new.mem -m "$run" -o both.mem
expect "is another" 1 'same *no*0 *0.[0-9]*[1-9]*0.[0-9]*' '' memory diff half.mem both.mem -m "$run"
expect "that goes on" 0 '?*' '*' generate -m "$run" -p "The" --max-tokens 5 --seed 1 --load both.mem
cp half.mem mine.mem
expect "over one of the two" 0 '' '*mine.mem: *' memory merge mine.mem new.mem -m "$run" -o mine.mem
check "gives the same" cmp mine.mem both.mem
expect "with less of the second" 0 '' '*' memory merge half.mem new.mem -m "$run" -o less.mem --weight 0.5
expect "is another again" 1 'same *no*' '*' memory diff less.mem both.mem
expect "merge without -o" 2 '' '*usage: bitllama memory merge FILE FILE*' memory merge half.mem new.mem -m "$run"
expect "a weight of nothing" 2 '' "*--weight is a number above 0 and at most 1, not '0'*" memory merge half.mem new.mem -m "$run" -o x.mem --weight 0
expect "a weight of words" 2 '' "*not 'much'*" memory merge half.mem new.mem -m "$run" -o x.mem --weight much
expect "merge with another model's" 2 '' '*alien.mem is a memory of another model*' memory merge half.mem alien.mem -m "$run" -o x.mem
check "nothing is written" test ! -e x.mem
expect "reset with --weight" 2 '' '*--weight is of memory merge*' memory reset new.mem -m "$run" --weight 1
expect "show with -o" 2 '' '*memory show writes nothing*' memory show new.mem -o x.mem
expect "diff with --base" 2 '' '*--base is of memory reset*' memory diff new.mem new.mem --base
expect "reset with --json" 2 '' '*--json does not go with it*' memory reset new.mem -m "$run" --json
check "the memory is what it was" cmp new.mem kept.mem
expect "a text that is not there" 3 '' '*none.txt*' learn -m "$run" -f none.txt --memory new.mem
expect "a text that ends in no text" 3 '' '*' learn -m "$run" -f "$run/model.safetensors" --memory new.mem
cat >pieces.jsonl <<EOF
{"text": "They went home in the boat."}
EOF
mkdir -p texts/deep binaries none && head -n 1 lesson.txt >texts/b.txt && gzip -nc pieces.jsonl >texts/deep/c.jsonl.gz
head -c 2000 "$bitllama" >binaries/x && cp binaries/x texts/a && cp kept.mem texts/kept.mem
expect "learn of the same in a folder" 0 'learned *tokens, 2 documents*' '*texts/a: *, passed over*passed over *2 files that are no text, 0 files and folders*' \
    learn -m "$run" texts --memory folder.mem
expect "in one text" 0 'learned *' '*' learn -m "$run" lesson.txt --memory whole.mem
check "gives the same memory" cmp folder.mem whole.mem
tail -n 1 lesson.txt >end.txt
input=end.txt
expect "several sources" 0 'learned *tokens, 2 documents*' '*' learn -m "$run" texts/b.txt -f - --memory piped.mem
check "of which one is a pipe" cmp piped.mem whole.mem
expect "lines are documents" 0 'learned *tokens, 2 documents*' '*' learn -m "$run" -f texts/b.txt -f pieces.jsonl --memory parts.mem
check "in their order" cmp parts.mem whole.mem
expect "only some of a folder" 0 'learned *tokens, 1 documents*' '*' learn -m "$run" texts --glob '*.txt' --memory some.mem
printf 'no JSON\n' >>pieces.jsonl
expect "a bad line" 3 '' '*pieces.jsonl: *' learn -m "$run" pieces.jsonl --memory bad.mem
expect "is dropped if asked" 0 'learned *' '*bad lines *1 dropped*' learn -m "$run" pieces.jsonl --skip-bad --memory bad.mem
expect "nothing but binaries" 3 '' '*binaries: no documents; passed over: 1 files that are no text, 0 files*' learn -m "$run" binaries --memory none.mem
expect "an empty folder" 3 '' '*none: no documents*' learn -m "$run" none --memory none.mem
: >empty
expect "an empty file" 3 '' '*empty: no documents*' learn -m "$run" empty --memory none.mem
expect "a data folder" 3 '' '*no documents; passed over: 0 files that are no text, [1-9]*' learn -m "$run" "$data" --memory none.mem
expect "no source" 2 '' '*nothing to learn is named*' learn -m "$run" --memory none.mem
expect "conversations that nothing writes" 2 '' '*no special token <|im_start|>, which ChatML writes: *--chat-template*' learn -m "$run" lesson.txt --documents messages --memory none.mem
expect "a time that is none" 2 '' "*--save-seconds is a number*'soon'*" learn -m "$run" lesson.txt --save-seconds soon --memory none.mem
check "nothing was begun" test ! -e none.mem
expect "a share of nothing" 2 '' "*--consolidate is a share above 0*'0'*" learn -m "$run" -f lesson.txt --memory new.mem --consolidate 0
expect "a share above all" 2 '' "*--consolidate is a share above 0*'1.5'*" learn -m "$run" -f lesson.txt --memory new.mem --consolidate 1.5
expect "every how many of nothing" 2 '' '*--every needs --consolidate*' learn -m "$run" -f lesson.txt --memory new.mem --every 5
expect "token files are not learned" 3 '' '*val.bin: a token file*' learn -m "$run" -f "$data/val.bin" --memory new.mem
expect "nor read from a memory" 3 '' '*val.bin: a token file*' eval -m "$run" --data "$data" --memory new.mem
expect "no stream from a memory" 2 '' '*--memory reads documents*' eval -m "$run" --data lesson.txt --memory new.mem --stream
expect "no recall from a memory" 2 '' '*--memory does not go with it*' eval -m "$run" --recall 5 --memory new.mem
expect "a memory of something else" 3 '' '*not a safetensors file*' learn -m "$run" -f lesson.txt --memory lesson.txt
check "the lesson is what it was" grep -q '^They went home' lesson.txt
expect "a memory that cannot be written" 4 '' '*none/x.mem*' learn -m "$run" -f lesson.txt --memory /proc/none/x.mem
check "the memory is what it was" cmp new.mem kept.mem

# ---- a memory that does not last ----
short="--preset tiny --no-pre-conv --hidden-size 32 --intermediate-size 48 --num-hidden-layers 2 --num-attention-heads 2 \
    --mini-batch-size 4 --context 8 --batch 8 --steps 300 --seed 1 --lr 1e-2 --no-samples --no-plot"
expect "trained on short rows" 0 '' \
    '*warning: the loss on one long text rises: it is * nats a token after 256 tokens, where a fresh state has *--ttt-forget*done after 300 steps*' \
    train --data "$data" --out short $short --no-ttt-forget
check "the records hold it" grep -q '"warning".*one long text' short/metrics.jsonl
expect "no long text is evaluated" 0 '' '*done after 300 steps*' train --data "$data" --out unseen $short --no-ttt-forget --eval-tokens 63
check "nothing is said of it" sh -c '! grep -q "long text" stderr'
expect "with forgetting it lasts" 0 '' '*done after 300 steps*' train --data "$data" --out lasts $short
check "and nothing is said of it" sh -c '! grep -q "long text" stderr'
check "the records hold half-lives" grep -q '"layers":\[{"distance":[0-9.]*,"half_life_min":[0-9.]*,"half_life_max":[0-9.]*},{' lasts/metrics.jsonl
check "which without it are none" sh -c '! grep -q half_life_min short/metrics.jsonl'
expect "info of a model that forgets" 0 '*half_lives
  - [0-9]*, [0-9]*
  - [0-9]*, [0-9]*
*' '' info lasts
expect "of one that does not" 0 '*half_lives *never forgets*' '' info short
expect "memory of one that does not" 0 '*' '*' generate -m short -p x --max-tokens 3 --save short.mem
expect "is shown so" 0 '*half-life *distance *base *bound
0 *0 *never *' '' memory show short.mem -m short
expect "and is not consolidated" 3 '' '*never forgets*' learn -m short -f lesson.txt --memory short.mem --consolidate 1
small="--preset tiny --hidden-size 32 --intermediate-size 48 --num-hidden-layers 1 --num-attention-heads 2 --context 16 --batch 2 --no-plot"
expect "half-lives of any size" 0 '' '*done after 1 steps*' \
    train --data "$data" --out extreme $small --steps 1 --ttt-half-life-min 1e-300 --ttt-half-life-max 1e12
expect "a default said again" 0 '' '*done after 1 steps*' train --data "$data" --out halves $small --steps 1 --ttt-half-life-max 0
expect "and on resume" 0 '' '*done after 2 steps*' train --data "$data" --out halves $small --steps 2 --ttt-half-life-max 0 --resume
expect "other half-lives" 2 '' '*begun with --ttt-half-life-max 64, not 65*' \
    train --data "$data" --out halves $small --steps 3 --ttt-half-life-max 65 --resume
for file in model.safetensors optimizer.safetensors; do
    check "the run is the same: $file" cmp short/ckpt/step-00000300/$file unseen/ckpt/step-00000300/$file
done
expect "called again" 0 '' '*' train --data "$data" --out short --resume
check "it is not said twice" sh -c '! grep -q "long text" stderr'

# ---- how convolutions begin ----
expect "other convolutions" 0 '' '*done after 1 steps*' train --data "$data" --out convs $small --steps 1 --conv-initializer-range 0.1
check "their deviation is on record" grep -q '"conv_initializer_range": 0.1,' convs/config.json
expect "the run goes on with it" 0 '' '*done after 2 steps*' train --data "$data" --out convs --steps 2 --resume --conv-initializer-range 0.1
expect "not with another" 2 '' '*begun with --conv-initializer-range 0.1, not 0.2*' \
    train --data "$data" --out convs --steps 3 --resume --conv-initializer-range 0.2
expect "weights that are there begin nowhere else" 2 '' '*was trained with --conv-initializer-range 0.1, not 0.2*' \
    train --data "$data" --out child --init convs --steps 1 --conv-initializer-range 0.2
sed '/conv_initializer_range/d' halves/config.json >without.json && cp without.json halves/config.json
check "a config of before there was the field" sh -c '! grep -q conv_initializer_range halves/config.json'
expect "goes on" 0 '' '*done after 3 steps*' \
    train --data "$data" --out halves --steps 3 --resume --conv-initializer-range 0
for bad in -0.1 10.5 nan x; do
    expect "a deviation $bad" 2 '' '*--conv-initializer-range is a number from 0 to 10*' \
        train --data "$data" --out none $small --conv-initializer-range $bad
done

# ---- commands to be pasted ----
odd="it's \$HOME; 本 (1)"
mkdir "$odd"
"$bitllama" prepare tales --tales-bytes 20000 --vocab-size 300 --out "$odd/da ta" 2>stderr
sed -n 's/^next: //p' stderr | sed "s|--out RUN|--out 'RUN 2'|" >command
check "prepare tells a command" test -s command
check "it can be pasted" sh -c "$(cat command) --preset tiny --hidden-size 32 --intermediate-size 48 --num-hidden-layers 1 \
    --num-attention-heads 2 --context 32 --batch 4 --steps 3 --stop-after 2"
sed -n 's/^next: //p; s/^      \([^ ].*bitllama\)/\1/p' said >commands
check "train tells two" test "$(wc -l <commands)" -eq 2
check "they can be pasted" sh -e ./commands
ln -sf "$bitllama" 'my llama'
"./my llama" prepare tales --tales-bytes 20000 --vocab-size 300 --out ds 2>called
check "as the program was called" grep -q "next: './my llama' train --data ds --out RUN" called

# ---- the curve and the progress line ----
shape="--preset tiny --hidden-size 32 --intermediate-size 48 --num-hidden-layers 1 --num-attention-heads 2 --context 32 --batch 4 --steps 5"
# shellcheck disable=SC2086 # words
# ---- data that a run depends on ----
tales="prepare tales --tales-bytes 20000 --vocab-size 300 --out depend"
# shellcheck disable=SC2086 # words
{
    expect "data" 0 '' '*next: * train --data depend --out RUN --preset tiny --batch 8 *' $tales
    expect "other data in its place" 0 '' '*' $tales --seed 1
    expect "a run on it" 0 '' '*reads [0-9]* training tokens [0-9.]* times*note: a text that is read [0-9]* times*' \
        train --data depend --out depending ${shape% --steps 5} --no-plot --steps 9000 --stop-after 1
    check "is noted" sh -c 'grep -qxF "$(pwd)/depending" depend/RUNS && test $(wc -l <depend/RUNS) -eq 1'
    cp -r depend before
    expect "other data is refused" 2 '' '*depend: */depending was trained on what is there*--force*' $tales --seed 2
    check "and what was there stays" diff -r before depend
    expect "the same data is fine" 0 '' '*' $tales --seed 1
    expect "the run goes on" 0 '' '*going on at step 1*' train --data depend --out depending --resume --stop-after 2 --no-plot
    check "and is noted once" test "$(wc -l <depend/RUNS)" -eq 1
    expect "by force" 0 '' '*' $tales --seed 2 --force
    expect "then nothing goes on" 2 '' '*' train --data depend --out depending --resume --stop-after 3
    expect "nor does it hold the new data" 0 '' '*' $tales --seed 3
    rm -r depending
    expect "no validation, no evaluation" 0 '' '*' $tales --seed 4 --val-split 0
    expect "proposed" 0 '' '*next: * generate -m depending *' train --data depend --out depending $shape --no-plot
    check "is none" sh -c '! grep -q " eval -m" "$scratch/stderr"'
}

expect "--no-plot" 0 '' '*loss.svg*' train --data "$data" --out plain $shape --no-plot
check "no curve" sh -c '! grep -q "loss by step" stderr'
check "no carriage return off a terminal" sh -c "! grep -q '$(printf '\r')' stderr"
if locale -a 2>/dev/null | grep -qi '^c\.utf-\{0,1\}8$'; then
    # shellcheck disable=SC2086 # words
    LC_ALL=C.UTF-8 "$bitllama" train --data "$data" --out braille $shape --plot 2>curve
    check "--plot draws in braille" sh -c "LC_ALL=C grep -q '$(printf '\342\240')' curve"
else
    echo "skipped: braille (no locale C.UTF-8 here)"
fi
on_terminal() { # COMMAND: its output on a terminal of 60 columns
    TERM=xterm COLUMNS=60 script -qec "$1" /dev/null </dev/null >screen
}
if script --version 2>/dev/null | grep -q util-linux; then
    on_terminal '"$bitllama" eval -m "$run" --data "$data/val.bin" --window 16'
    check "a progress line on a terminal" grep -q "$(printf '\r').*%.*/.*<" screen
    on_terminal '"$bitllama" generate -m nothing -p x'
    check "red errors" grep -q "$(printf '\033')\[31m" screen
    on_terminal 'NO_COLOR=1 "$bitllama" generate -m nothing -p x'
    check "unless NO_COLOR" sh -c "! grep -q '$(printf '\033')\[31m' screen"
else
    echo "skipped: the terminal (no util-linux script here)"
fi

finish
