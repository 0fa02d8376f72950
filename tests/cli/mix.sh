# train over several data folders: weights, shares, resuming with the same ones only, cut files.
. "$(dirname "$0")/expect.sh"
cd "$scratch" || exit 1
flags="--preset tiny --hidden-size 32 --intermediate-size 32 --num-hidden-layers 1 --num-attention-heads 2
    --batch 4 --context 16 --eval-tokens 400 --seed 3"

"$bitllama" prepare tales --tales-bytes 60000 --vocab-size 300 --out A 2>stderr
"$bitllama" prepare tales --tales-bytes 20000 --seed 5 --tokenizer A/tokenizer.json --out B 2>stderr
"$bitllama" prepare tales --tales-bytes 20000 --seed 6 --vocab-size 310 --out other 2>stderr
cp -r B x:0.5

# shellcheck disable=SC2086 # words
train() { # NAME EXIT STDERR FLAGS...
    name=$1 code=$2 err=$3
    shift 3
    expect "$name" "$code" '' "$err" train $flags "$@"
}

train "two folders" 0 '*validation loss * (A [0-9]*, B [0-9]*A: * tokens, *% of all (asked for 70.00%), * epochs*B: * tokens, *% of all (asked for 30.00%)*--data A*' \
    --data A:0.7 --data B:0.3 --out two --steps 50
check "shares in the records" grep -q '"type":"end".*"corpora":\[{"data":"A","weight":0.7,"tokens":22[0-9][0-9],' two/metrics.jsonl
check "losses in the records" grep -q '"type":"eval".*"corpora":\[{"data":"A".*"loss":[0-9].*{"data":"B".*"loss":[0-9]' two/metrics.jsonl
check "shares in the state" grep -q '"tokens_read": 22[0-9][0-9]' "two/ckpt/$(cat two/LATEST)/state.json"
check "sources on the card" grep -q 'tales.*; .*tales' two/README.md
train "by tokens" 0 '*A: *asked for 7?.*B: *asked for 2?.*' --data A --data B --out by --steps 5

# The batches are the same with a thread that makes them ahead.
train "ahead" 0 '*' --data A:0.7 --data B:0.3 --out ahead --steps 50 --prefetch on
check "the same weights" cmp two/model.safetensors ahead/model.safetensors
train "one folder" 0 '*' --data A --out one --steps 20
train "one folder with a weight, ahead" 0 '*' --data A:5 --out weighed --steps 20 --prefetch on
check "the same weights of one" cmp one/model.safetensors weighed/model.safetensors
check "no shares of one" sh -c '! grep -q corpora one/metrics.jsonl'

# Resuming.
train "half" 0 '*' --data A:0.7 --data B:0.3 --out half --steps 50 --stop-after 23
train "the other half" 0 '*' --data A:7 --data B:3 --out half --steps 50 --stop-after 50 --resume
check "as if never stopped" cmp two/model.safetensors half/model.safetensors
train "other weights" 2 '*was trained with 0.7 of the windows from A, here it is 0.6; resume with the same weights*' \
    --data A:0.6 --data B:0.4 --out half --steps 60 --resume
train "another order" 2 '*was trained on other data: *' --data B:0.7 --data A:0.3 --out half --steps 60 --resume
train "fewer folders" 2 '*was trained on 2 data folders, here are 1; resume with the same*' --data A --out half --steps 60 --resume
train "more folders" 2 '*was trained on 1 data folders, here are 2; resume with the same*' \
    --data A --data B --out one --steps 60 --resume

# What is not a pair of folders.
train "other tokenizers" 2 '*A and other were made by different tokenizers*' --data A --data other --out no
train "the same twice" 2 '*A and A hold the same train.bin*' --data A --data A --out no
train "one weight" 2 '*A has a weight and B has none*' --data A:0.5 --data B --out no
train "weight 0" 2 '*A:0: a weight is a positive number*' --data A:0 --data B:1 --out no
train "weight -1" 2 '*a weight is a positive number*' --data A:-1 --data B:1 --out no
train "no such folder" 3 '*nowhere*' --data A:1 --data nowhere:1 --out no
check "nothing was begun" test ! -e no
train "a name with a colon" 0 '*' --data A --data x:0.5 --out colon --steps 2
train "and a weight behind it" 0 '*x:0.5: *asked for 25.00%*' --data A:3 --data x:0.5:1 --out colons --steps 2

# Another process cuts a file while it is read.
cp -r A cut
# shellcheck disable=SC2086
"$bitllama" train $flags --data cut:1 --data B:1 --out cutting --steps 1000000 --eval-every 1000000 2>stderr &
pid=$!
check "the run begins" wait_for grep -q '"step":3,' cutting/metrics.jsonl
truncate -s 100 cut/train.bin
wait $pid
check "a cut file ends the run with 4" test $? -eq 4
check "and says so" grep -q 'cut/train.bin: cut short from [0-9]* to 100 bytes while in use' stderr
finish
