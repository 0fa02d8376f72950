# Bad input of every kind: one clear line that names the file, exit 3, and nothing is left behind.
. "$(dirname "$0")/expect.sh"
data=$3/data run=$3/run
cd "$scratch" || exit 1

copy_model() { # a model folder without checkpoints
    rm -rf model
    mkdir model
    cp "$run/config.json" "$run/tokenizer.json" "$run/model.safetensors" model/
}

cut() { # FILE BYTES: keeps the first bytes
    head -c "$2" "$1" >cut.tmp && mv cut.tmp "$1"
}

# ---- files that are not there, or are something else ----
expect "no such model" 3 '' "*nothing/here/at/all*" generate -m nothing/here/at/all -p x
expect "no such model for logits" 3 '' "*nothing*" logits -m nothing --ids 1 -o x.npy
expect "no such run to evaluate" 3 '' "*nothing*" eval -m nothing --data "$data/val.bin"
expect "no such evaluation file" 3 '' "*nothing.bin*" eval -m "$run" --data nothing.bin
expect "no such text" 3 '' "*error: nothing.txt: no such file or folder" eval -m "$run" --data nothing.txt
expect "no such prompt file" 3 '' "*error: nothing.txt: no such file or folder" generate -m "$run" -f nothing.txt
expect "no such tokenizer" 3 '' "*nothing.json*" tokenize --tokenizer nothing.json -p x
expect "no such source" 3 '' "*error: nothing.txt: no such file or folder (sources are tinystories, *" prepare nothing.txt --out d
check "nothing was prepared" test ! -e d
expect "no such data folder" 3 '' "*nothing*" train --data nothing --out r
expect "no such config" 3 '' "*nothing.json*" train --data "$data" --out r --config nothing.json
expect "no such thing to describe" 3 '' "*nothing*" info nothing
mkdir -p empty
expect "an empty folder as model" 3 '' "*empty*" generate -m empty -p x
expect "an empty folder as data" 3 '' "*empty*" train --data empty --out r
printf 'Once upon a time.\n' >alice.txt
expect "text as data" 3 '' "*error: alice.txt is text: bitllama prepare makes a data folder of it" train --data alice.txt --out r
expect "tokens as data" 3 '' "*val.bin is a file: --data takes a folder made by prepare" train --data "$data/val.bin" --out r
check "no run is begun of them" test ! -e r
expect "a checkpoint as model" 0 '?*' '*' generate -m "$run/ckpt/step-00000030" -p x --max-tokens 4 --seed 1
cp stdout of-run
expect "its weights as model" 0 '?*' '*' generate -m "$run/ckpt/step-00000030/model.safetensors" -p x --max-tokens 4 --seed 1
check "the same text" cmp stdout of-run
expect "the weights of a run" 0 '?*' '*' generate -m "$run/model.safetensors" -p x --max-tokens 4 --seed 1
expect "the config of a run" 0 '?*' '*' generate -m "$run/config.json" -p x --max-tokens 4 --seed 1
check "the same text of its config" cmp stdout of-run
expect "ids of the folder" 0 '?*' '' tokenize -m "$run" -p 'Once upon'
cp stdout ids
for file in "$run/model.safetensors" "$run/config.json" "$run/tokenizer.json"; do
    expect "ids by ${file##*/}" 0 '?*' '' tokenize -m "$file" -p 'Once upon'
    check "the same ids by ${file##*/}" cmp stdout ids
done
printf 'GGUF\3\0\0\0\7\0\0\0' >other.gguf
printf 'PK\3\4\0\0\10\10other/data.pkl' >other.bin
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n' >other.safetensors
printf '\10\7\22\7pytorch' >other.onnx
gguf='*error: other.gguf: a GGUF file, *a model is a folder with config.json and model.safetensors*'
pytorch='*error: other.bin: a checkpoint of PyTorch; save its tensors as safetensors*'
pointer='*error: other.safetensors: a pointer of Git LFS, not the file itself; git lfs pull *'
ln -s "$run" linked
for command in 'generate -p x -m' 'info' 'tokenize -p x --tokenizer' 'tokenize -p x -m' 'plan --config' \
    'generate -m linked -f' 'eval -m linked --data' 'prepare --out d' 'generate -p x -m linked --load'; do
    expect "GGUF: $command" 3 '' "$gguf" $command other.gguf
    expect "PyTorch: $command" 3 '' "$pytorch" $command other.bin
    expect "pointer: $command" 3 '' "$pointer" $command other.safetensors
done
expect "ONNX as model" 3 '' "*error: other.onnx: an ONNX model; *" generate -m other.onnx -p x
expect "weights as text" 3 '' "*model.safetensors: weights (safetensors); *" eval -m "$run" --data "$run/model.safetensors"
expect "a config as tokenizer" 3 '' "*config.json: a config.json; the tokenizer is read from *" tokenize --tokenizer "$run/config.json" -p x
printf '{"model_type": "llama", "hidden_size": 64}' >llama.json
expect "another model's config" 3 '' '*llama.json: the config of another kind of model: model_type is "llama", *' train --data "$data" --out r --config llama.json
expect "a folder as prompt" 4 '' "*/data*" generate -m "$run" -f "$data"
for command in tokenize detokenize 'generate --max-tokens 1'; do
    expect "a device for $command" 4 '' "*error: /dev/zero: neither a file nor a folder nor a pipe" $command -m "$run" -f /dev/zero
    expect "a folder for $command" 4 '' "*error: cannot read $run: it is a folder" $command -m "$run" -f "$run"
    expect "none for $command" 3 '' "*error: nothing.txt: no such file or folder" $command -m "$run" -f nothing.txt
done
printf 'Once upon' | "$bitllama" tokenize -m "$run" -f /dev/stdin >stdout
check "a pipe by its name" cmp stdout ids
printf 'Once upon' | "$bitllama" tokenize -m "$run" >stdout
check "a pipe" cmp stdout ids

# ---- model folders ----
copy_model
expect "the copy is a model" 0 '?*' '*' generate -m model -p x --max-tokens 4 --seed 1
for bytes in 0 4 8 100 5000; do
    copy_model
    cut model/model.safetensors "$bytes"
    expect "model.safetensors of $bytes bytes" 3 '' "*model.safetensors*" generate -m model -p x
done
copy_model
size=$(wc -c <model/model.safetensors)
cut model/model.safetensors $((size - 1))
expect "one byte short" 3 '' "*model.safetensors*" logits -m model --ids 1 -o x.npy
copy_model
printf '\377\377\377\377\377\377\377\177{}' >model/model.safetensors
expect "a header of 2^63 bytes" 3 '' "*model.safetensors*" generate -m model -p x
copy_model
cut model/config.json 40
expect "half a config.json" 3 '' "*config.json*" generate -m model -p x
for bad in '' '[]' '{"hidden_size": -5}' '{"hidden_size": "wide"}' '{"hidden_size": 33}' '{"hidden_size": 1e30}'; do
    copy_model
    printf '%s' "$bad" >model/config.json
    expect "config.json '$bad'" 3 '' "*config.json*" generate -m model -p x
done
copy_model
sed 's/"hidden_size": *32/"hidden_size": 64/' "$run/config.json" >model/config.json
expect "another width than the tensors" 3 '' "*model.safetensors*" generate -m model -p x
for bytes in 0 100 3000; do
    copy_model
    cut model/tokenizer.json "$bytes"
    expect "tokenizer.json of $bytes bytes" 3 '' "*tokenizer.json*" tokenize -m model -p x
done
copy_model
printf '{"model": {"type": "Unigram", "vocab": []}}' >model/tokenizer.json
expect "another kind of tokenizer" 3 '' "*tokenizer.json*" tokenize --tokenizer model/tokenizer.json -p x
copy_model
rm model/tokenizer.json
expect "no tokenizer, prompt" 3 '' "*tokenizer*" generate -m model -p x
expect "no tokenizer, logits of a text" 3 '' "*tokenizer*" logits -m model -p x -o x.npy
expect "no tokenizer, logits of ids" 0 '' '*' logits -m model --ids 1,2 -o x.npy
rm -f x.npy

# ---- ids and texts ----
expect "id past the vocabulary" 3 '' "*400*" logits -m "$run" --ids 5,400 -o x.npy
expect "id past int32" 3 '' "*4294967297*" logits -m "$run" --ids 5,4294967297 -o x.npy
expect "negative id" 3 '' "*-7*" logits -m "$run" --ids 5,-7 -o x.npy
expect "id that is none" 2 '' "*--ids*byte 2*seven*" logits -m "$run" --ids 5,seven -o x.npy
expect "no ids" 2 '' "*no tokens*" logits -m "$run" --ids '' -o x.npy
check "nothing was written for bad ids" test ! -e x.npy
for bad in '5 17 x' '[5, 17' '{"ids": [5}' '{"ids": 5}' '[5 17]' '5,,17' '[5,]' '{"id": [5]}' '5]'; do
    expect "detokenize '$bad'" 3 '' "*-p: *" detokenize -m "$run" -p "$bad"
done
expect "detokenize past the vocabulary" 3 '' "*400*" detokenize -m "$run" -p 400
printf 'good \377\376 bad' >latin.txt
expect "tokenize what is not UTF-8" 3 '' "*5*" tokenize -m "$run" -f latin.txt
expect "a prompt that is not UTF-8" 3 '' "*" generate -m "$run" -f latin.txt
expect "prepare what is not UTF-8" 3 '' "*latin.txt*" prepare latin.txt --out d --vocab-size 300
expect "evaluate what is not UTF-8" 3 '' "*latin.txt*" eval -m "$run" --data latin.txt
: >nothing.txt
expect "prepare nothing" 3 '' "*nothing.txt*" prepare nothing.txt --out d --vocab-size 300
check "no half-made data folder" test ! -e d/train.bin

# ---- token files and data folders ----
printf '\1\0\2' >odd.bin
expect "half a token" 3 '' "*odd.bin*" eval -m "$run" --data odd.bin
printf '\377\377\1\0' >past.bin
expect "token past the vocabulary" 3 '' "*past.bin*" eval -m "$run" --data past.bin --window 2
: >empty.bin
expect "no tokens" 3 '' "*empty.bin*" eval -m "$run" --data empty.bin
rm -rf broken && cp -r "$data" broken
cut broken/train.bin 1001
expect "train.bin cut in a token" 3 '' "*train.bin*" train --data broken --out r --preset tiny --steps 1
rm -rf broken && cp -r "$data" broken
cut broken/meta.json 20
expect "half a meta.json" 3 '' "*meta.json*" train --data broken --out r --preset tiny --steps 1
rm -rf broken && cp -r "$data" broken
rm broken/val.bin
expect "no val.bin" 3 '' "*val.bin*" train --data broken --out r --preset tiny --steps 1

# ---- options that do not fit together ----
expect "steps and tokens" 2 '' "*error: --steps and --tokens are both given; choose one" train --data "$data" --out r --steps 5 --tokens 5000
expect "heads that do not divide" 2 '' "*error: --hidden-size 33 is not a multiple of --num-attention-heads 2" train --data "$data" --out r --hidden-size 33 --num-attention-heads 2
expect "a folder that holds a run" 2 '' "*holds a run already: --resume continues it, or choose another folder" train --data "$data" --out "$run" --preset tiny
expect "another width on resume" 2 '' "*the run was begun with --hidden-size 32, not 64" train --data "$data" --out "$run" --resume --hidden-size 64
expect "another preset on resume" 2 '' "*the run was begun with --preset tiny, not micro" train --data "$data" --out "$run" --resume --preset micro
expect "carry in half chunks" 2 '' "*--carry needs a --context of whole chunks: a multiple of 16, such as 32, not 20*" train --data "$data" --out chunks --preset tiny --carry 0.1 --context 20
expect "a typing error on resume" 3 '' "*error: nosuch holds no run to continue; --resume=auto begins one there, *" train --data "$data" --out nosuch --resume
check "leaves no folder" test ! -e nosuch
mkdir begun && cp "$run/config.json" begun/
expect "a run without a checkpoint" 3 '' "*error: begun holds no checkpoint to continue; --resume=auto *" train --data "$data" --out begun --resume
expect "unknown device" 2 '' "*tpu*" generate -m "$run" -p x --device tpu

finish
