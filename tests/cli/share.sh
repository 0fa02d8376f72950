# Two processes at one run folder: a second trainer is turned away, readers read what they find.
. "$(dirname "$0")/expect.sh"
data=$3/data
cd "$scratch" || exit 1
shape="--preset tiny --hidden-size 32 --intermediate-size 48 --num-hidden-layers 1 --num-attention-heads 2 --context 32 --batch 4"

train() { # ARGUMENTS...: in the background; $! is its process
    # shellcheck disable=SC2086 # words
    "$bitllama" train --data "$data" --out run $shape --steps 1000000 --eval-every 1000000 \
        --sample-every 1000000 "$@" >trainer.out 2>trainer.err &
}
state_of() { # every file of the folder but those that the first trainer appends to
    find run -type f ! -name metrics.jsonl ! -name 'events.*' -exec cksum {} + | sort
}

# ---- two trainers ----
train --save-every 1000000
process=$!
check "the first begins" wait_for grep -q '"train"' run/metrics.jsonl
state_of >before
files=$(find run | wc -l)
for resume in "" --resume; do
    # shellcheck disable=SC2086 # words
    expect "the second $resume" 4 '' 'bitllama train: error: run: another process is training this run*' \
        train --data "$data" --out run $shape $resume
    check "one line" test "$(wc -l <stderr)" -eq 1
done
state_of >after
check "nothing was touched" cmp before after
check "nor added" test "$(find run | wc -l)" -eq "$files"
check "the first goes on" kill -0 $process
kill -KILL $process
wait $process 2>/dev/null
expect "after kill -9 the lock is free" 0 '' '*' train --data "$data" --out run --resume=auto $shape --steps 3

# ---- what kill -9 left ----
mkdir -p run/ckpt/.tmp-step-00000099 run/keep.tmp
: >run/ckpt/.tmp-step-00000099/model.safetensors
: >run/LATEST.4711.tmp
: >run/ckpt/note
expect "a run with leftovers" 0 '' '*' train --data "$data" --out run --resume --steps 4
check "a checkpoint half-written is removed" test ! -e run/ckpt/.tmp-step-00000099
check "a file half-written too" test ! -e run/LATEST.4711.tmp
check "nothing else" test -e run/keep.tmp -a -e run/ckpt/note

# ---- the only whole checkpoint is hidden: an earlier version was killed between two renames ----
for hidden in .tmp-old .step-00000004.0123456789abcdef.old; do
    rm -rf lost && cp -r run lost
    for old in lost/ckpt/step-*; do
        [ "$old" = lost/ckpt/step-00000004 ] || rm -r "$old"
    done
    mv lost/ckpt/step-00000004 "lost/ckpt/$hidden"
    cp -r "lost/ckpt/$hidden" lost/ckpt/.tmp-step-00000005 # half-written: its manifest is missing
    rm lost/ckpt/.tmp-step-00000005/MANIFEST
    expect "a reader takes $hidden" 0 '*' '*' generate -m lost -p x --max-tokens 1
    expect "the run goes on from it" 0 '' '*has its name again*step 4*' train --data "$data" --out lost --resume --steps 5
    check "no record is lost" test "$(grep -c '"type":"train"' lost/metrics.jsonl)" -eq 5
    check "nothing hidden stays" sh -c '! ls -A lost/ckpt | grep "^[.]"'
done
rm -r lost/ckpt/step-*
expect "a run that has lost its checkpoints" 3 '' '*LATEST names a checkpoint and ckpt holds none*' \
    train --data "$data" --out lost --resume --steps 6
check "keeps its records" test "$(grep -c '"type":"train"' lost/metrics.jsonl)" -eq 5

rm -r run lost

# ---- a trainer that saves and removes all the time, and readers ----
train --save-every 1 --save-seconds 0 --keep 1
process=$!
check "the trainer begins" wait_for test -s run/LATEST
read_often() {
    for _ in $(seq 15); do
        for command in "generate -m run -p x --max-tokens 2" "logits -m run --ids 1,2 -o run.npy" "info run"; do
            # shellcheck disable=SC2086 # words
            "$bitllama" $command >said.out 2>said.err || { echo "$command: exit $?"; cat said.err; return 1; }
            ! grep warning: said.err || return 1
        done
    done
}
check "45 readers read a model, without a warning" read_often
check "the trainer goes on" kill -0 $process
kill -TERM $process
wait $process
check "stopped: 143" test $? -eq 143
check "it warned of nothing" sh -c '! grep warning: trainer.err'

finish
