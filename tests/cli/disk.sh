# A full disk: a file system of eight megabytes that a ballast file fills, before, during and after a run.
#
# It is mounted in a mount namespace of this script's own, by root or, where the system lets users do
# so, as root of a user namespace.  Where neither is allowed, a limit on the size of files stands in.
if [ "${4:-}" != mounted ]; then
    for how in "unshare -m" "unshare -rm"; do
        if $how sh -c 'mount -t tmpfs -o size=1m none /tmp' 2>/dev/null; then
            exec $how sh "$0" "$1" "$2" "$3" mounted
        fi
    done
    echo "skipped: a full disk (no file system can be mounted here; a limit on the size of files stands in)"
fi
. "$(dirname "$0")/expect.sh"
data=$3/data
cd "$scratch" || exit 1
shape="--preset tiny --hidden-size 32 --intermediate-size 48 --num-hidden-layers 1 --num-attention-heads 2 \
--context 32 --batch 4 --save-seconds 0 --save-every 2 --keep 1 --eval-every 1000 --sample-every 1000 --no-plot"

# train ARGUMENTS...: a run in the folder "run" of the current one.
train() {
    # shellcheck disable=SC2086 # words
    "$bitllama" train --data "$data" --out run $shape "$@" >"$scratch/stdout" 2>"$scratch/stderr"
}
said() { # COUNT PATTERN: that many lines of stderr match
    test "$(grep -c "$2" "$scratch/stderr")" -eq "$1"
}
no_leftovers() {
    ! find . -name '*.tmp' -o -name '.tmp-*' -o -name '*.old' | grep .
}
last_weights() {
    cat "run/ckpt/step-000000$1/model.safetensors" "run/ckpt/step-000000$1/optimizer.safetensors" | cksum
}
steps_recorded() {
    grep -o '"type":"train","step":[0-9]*' run/metrics.jsonl | sort | uniq -c | awk -v n="$1" '
        $1 != 1 { bad = 1 } END { exit bad || NR != n }'
}
exits() { # CODE COMMAND...
    want=$1
    shift
    "$@"
    got=$?
    [ $got -eq "$want" ] || { echo "exit $got"; cat "$scratch/stderr"; return 1; }
}

# What every run below must end with.
check "a run on a disk with room" exits 0 train --steps 12
straight=$(last_weights 12)
rm -r run

if [ "${4:-}" != mounted ]; then
    limited() { # BLOCKS ARGUMENTS...: no file past that many blocks of 512 bytes
        (ulimit -f "$1" && shift && train "$@")
    }
    check "a run with room at first" exits 0 train --steps 12 --stop-after 4
    check "resumed without room for a checkpoint: exit 4" exits 4 limited 64 --resume
    check "trained to the end" steps_recorded 12
    check "told the failure once" said 1 "a checkpoint: failed, training goes on"
    check "and why the end failed" said 1 "error: cannot write .*model.safetensors"
    check "no temporary is left" no_leftovers
    check "the last good checkpoint is a model" exits 0 "$bitllama" generate -m run -p x --max-tokens 2
    check "resumed with room" exits 0 train --resume
    check "ends with the bits of the straight run" test "$(last_weights 12)" = "$straight"
    rm -r run
    check "a new run without room: exit 4" exits 4 limited 8 --steps 12
    check "one clear line" said 1 "error: cannot .*File too large"
    check "no temporary is left" no_leftovers
    check "it begins with room, without --resume" exits 0 train --steps 12
    finish
fi

mkdir disk
mount -t tmpfs -o size=8m none disk || exit 1
cd disk || exit 1
fill() { # leaves KB kilobytes free
    rm -f ballast
    [ "$1" -eq 0 ] || head -c $(($1 * 1024)) /dev/zero >spare
    cat /dev/zero >ballast 2>/dev/null
    rm -f spare
}
room() {
    rm -f ballast
}

# ---- at the start ----
fill 0
check "no room to begin: exit 4" exits 4 train --steps 12
check "one clear line" said 1 "error: cannot .*No space left"
check "nothing else" test "$(wc -l <"$scratch/stderr")" -eq 1
fill 8
check "room for the records, not for the tokenizer: exit 4" exits 4 train --steps 12
check "no temporary is left" no_leftovers
room
check "it begins when there is room, without --resume" exits 0 train --steps 12 --stop-after 4

# ---- at a resume ----
cp -r run "$scratch/before"
fill 0
check "no room to resume: exit 4" exits 4 train --resume
check "one clear line" said 1 "error: cannot .*No space left"
check "the folder is as it was" diff -r run "$scratch/before"

# ---- from there on ----
fill 64
check "room for records only: trains to the end, exit 4" exits 4 train --resume
check "all steps" steps_recorded 12
check "one warning for the checkpoints" said 1 "warning: a checkpoint: failed, training goes on: .*No space left"
check "the failure of the last" said 1 "error: .*No space left"
check "no temporary is left" no_leftovers
check "the last good checkpoint is a model" exits 0 "$bitllama" generate -m run -p x --max-tokens 2
room
check "with room it goes on from there" exits 0 train --resume
check "and ends with the bits of the straight run" test "$(last_weights 12)" = "$straight"
check "each step once" steps_recorded 12

# ---- in the middle, and over before the end ----
recorded() { # at least N steps
    test "$(wc -l <run/metrics.jsonl)" -ge "$1"
}
rm -r run "$scratch/before"
# shellcheck disable=SC2086 # words
"$bitllama" train --data "$data" --out run $shape --steps 100000 >"$scratch/stdout" 2>"$scratch/stderr" &
process=$!
check "a run with room" wait_for recorded 5
fill 0
check "the disk fills: a warning for the records" wait_for said 1 "metrics.jsonl: failed, training goes on"
check "for TensorBoard's" wait_for said 1 "TensorBoard events: failed, training goes on"
check "for a checkpoint" wait_for said 1 "a checkpoint: failed, training goes on"
sleep 0.3
check "the run goes on" kill -0 $process
room
check "there is room again: checkpoints are written" wait_for said 1 "a checkpoint: works again"
check "so are records" wait_for said 1 "metrics.jsonl: works again"
kill -TERM $process
wait $process
code=$?
check "stopped: 143" test $code -eq 143
check "no flood: a warning for each output and its end" test "$(grep -c warning: "$scratch/stderr")" -le 12
check "whole lines only" sh -c "! grep -v '^{.*}\$' run/metrics.jsonl"
check "no temporary is left" no_leftovers
check "it is a model" exits 0 "$bitllama" generate -m run -p x --max-tokens 2

# ---- prepare ----
rm -r run
fill 32
expect "prepare" 4 '' '*error: cannot write *No space left*' prepare tales --tales-bytes 60000 --vocab-size 300 --out prepared
check "no temporary is left" no_leftovers
check "what is there is no data folder" test ! -e prepared/meta.json
room
expect "prepare with room" 0 '' '*' prepare tales --tales-bytes 60000 --vocab-size 300 --out prepared

# ---- chat ----
model=$data/../run
printf 'hi\nhi\n' >lines
input=lines
expect "a conversation that is kept" 0 '?*' '*' chat -m "$model" --max-tokens 8 --memory me.mem
cp me.mem "$scratch/before"
fill 0
input=lines
expect "a turn on a full disk" 4 '?*' '*the conversation is not kept: cannot write*No space left*' \
    chat -m "$model" --max-tokens 8 --memory me.mem
check "the memory stays as it was" cmp me.mem "$scratch/before"
check "no temporary is left" no_leftovers
room

finish
