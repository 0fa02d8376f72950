# Signals and stopping: a stopped and resumed run is the straight run, bit for bit.
. "$(dirname "$0")/expect.sh"
data=$3/data
cd "$scratch" || exit 1
shape="--preset tiny --hidden-size 32 --intermediate-size 48 --num-hidden-layers 2 --num-attention-heads 2 --context 32 --batch 8 --save-seconds 0"

# train NAME ARGUMENTS...: a run in the background; $! is its process.
train() {
    folder=$1
    shift
    # shellcheck disable=SC2086 # words
    "$bitllama" train --data "$data" --out "$folder" $shape "$@" >stdout 2>stderr &
}

# Waits for a step in the run's metrics.
wait_for_steps() { # RUN COUNT
    wait_for has_steps "$@"
}
has_steps() { # RUN COUNT
    [ "$(grep -c '"train"' "$1/metrics.jsonl" 2>/dev/null || true)" -ge "$2" ]
}

# stop_with NUMBER NAME RUN: sends a signal after some steps and judges the exit code.
stop_with() {
    train "$3" --steps 100000 --save-every 100000 --eval-every 100000 --sample-every 100000
    process=$!
    check "$2: the run begins" wait_for_steps "$3" 3
    kill -"$1" "$process"
    wait "$process"
    code=$?
    check "$2: exit $((128 + $1))" test $code -eq $((128 + $1))
    check "$2: says how to go on" grep -q 'go on with: .*bitllama.* train .* --resume$' stderr
    check "$2: a checkpoint" test -s "$3/LATEST"
}

stop_with 2 SIGINT interrupted
stop_with 15 SIGTERM terminated
stop_with 1 SIGHUP hung-up
expect "the stopped run is a model" 0 '?*' '*' generate -m interrupted -p x --max-tokens 3

# ---- SIGUSR1 ----
train saved --steps 100000 --save-every 100000 --eval-every 100000 --sample-every 100000
process=$!
check "SIGUSR1: the run begins" wait_for_steps saved 2
kill -USR1 "$process"
check "SIGUSR1 saves" wait_for test -s saved/LATEST
check "and the run goes on" kill -0 "$process"
first=$(cat saved/LATEST)
expect "what it saved is a model" 0 '?*' '*' generate -m saved -p x --max-tokens 3
check "after some steps" wait_for_steps saved $(($(grep -c '"train"' saved/metrics.jsonl) + 2))
kill -USR1 "$process"
saved_anew() {
    [ "$(cat saved/LATEST)" != "$first" ]
}
check "SIGUSR1 saves again" wait_for saved_anew
check "and the run goes on again" kill -0 "$process"
kill -KILL "$process"
wait "$process" 2>/dev/null

# ---- a hang-up that nohup keeps away ----
folder=kept
# shellcheck disable=SC2086 # words
(
    trap '' HUP
    exec "$bitllama" train --data "$data" --out $folder $shape --steps 100000 --save-every 100000 \
        --eval-every 100000 --sample-every 100000 >stdout 2>stderr
) &
process=$!
check "under nohup the run begins" wait_for_steps kept 2
kill -HUP "$process"
check "and goes on after SIGHUP" wait_for_steps kept $(($(grep -c '"train"' kept/metrics.jsonl) + 3))
kill -KILL "$process"
wait "$process" 2>/dev/null

# ---- the second signal, in the middle of an endless step after a good one ----
# shellcheck disable=SC2086 # words
expect "a run with a checkpoint" 0 '' '*' train --data "$data" --out aborted $shape --steps 10 --stop-after 3
find aborted -type f ! -name 'events.*' -exec cksum {} + | sort >before
abort_with() { # FIRST SECOND CODE
    for patience in 0.3 1 3 10 30; do # until the signal comes in the step, not before it
        train aborted --resume --accum 4096 --batch 64 --stop-after 0
        process=$!
        check "$1: the run begins" wait_for grep -q 'going on at step 3' stderr
        sleep $patience
        kill -"$1" "$process"
        check "$1: the first signal says so" wait_for grep -q 'once more: at once' stderr
        sleep $patience
        if kill -0 "$process" 2>/dev/null; then
            break
        fi
        wait "$process"
    done
    check "$1: and waits for the step" kill -0 "$process"
    kill -"$2" "$process"
    wait "$process"
    code=$?
    check "$2: the second does not: $3" test $code -eq "$3"
    find aborted -type f ! -name 'events.*' ! -name metrics.jsonl -exec cksum {} + | sort >after
    check "$2: it left all as it was" sh -c 'grep -v metrics.jsonl before | cmp - after'
}
abort_with INT INT 130
abort_with TERM TERM 143
abort_with INT TERM 143
expect "the aborted run goes on" 0 '' '*going on at step 3*' train --data "$data" --out aborted --resume

# ---- resume ----
# shellcheck disable=SC2086 # words
expect "a straight run" 0 '' '*' train --data "$data" --out straight $shape --steps 20 --eval-every 10
# shellcheck disable=SC2086 # words
expect "--stop-after" 0 '' '*' train --data "$data" --out halves $shape --steps 20 --eval-every 10 --stop-after 7
expect "--resume" 0 '' '*going on at step 7*' train --data "$data" --out halves --resume
check "the same weights" cmp straight/ckpt/step-00000020/model.safetensors halves/ckpt/step-00000020/model.safetensors
check "the same moments" cmp straight/ckpt/step-00000020/optimizer.safetensors halves/ckpt/step-00000020/optimizer.safetensors
check "a record for every step, none twice" test "$(grep -c '"type": *"train"' halves/metrics.jsonl)" -eq 20
expect "--resume of a finished run" 0 '' '*' train --data "$data" --out halves --resume

# ---- generate ----
: >stdout # of the one before
"$bitllama" generate -m straight -p x --max-tokens 1000000 --ignore-eos --save reply.mem >stdout 2>stderr &
process=$!
check "generate: it writes" wait_for test -s stdout
kill -INT "$process"
wait "$process"
code=$?
check "generate: exit 130" test $code -eq 130
check "generate: the memory is saved" test -s reply.mem
check "generate: ends with a newline" test "$(tail -c 1 stdout | od -An -tx1 | tr -d ' ')" = 0a

# ---- learn ----
i=0
while [ $i -lt 14 ]; do # some 100,000 tokens
    [ $i -eq 0 ] && printf 'Once there was a fox who saw a hen near the old mill.\n' >book.txt
    cat book.txt book.txt >twice.txt && mv twice.txt book.txt
    i=$((i + 1))
done
mkfifo silent && exec 3<>silent # behind the book it waits for ever
"$bitllama" learn -m straight book.txt - --memory book.mem --save-seconds 0 <silent >stdout 2>stderr &
process=$!
check "learn: it reads" wait_for test -s book.mem
kill -INT "$process"
wait "$process"
code=$?
exec 3>&-
check "learn: exit 130" test $code -eq 130
check "learn: what was read is kept" test -s book.mem
check "learn: and told" grep -q '^learned *[1-9]' stdout
tail -n 2 book.txt >tail.txt
expect "learn: it goes on from there" 0 'learned *' '*' learn -m straight -f tail.txt --memory book.mem

# Killed at any time: what was saved meanwhile is there, whole, and only grows.
position() {
    "$bitllama" memory show book.mem 2>/dev/null | sed -n 's/^ *position *\([0-9,]*\).*/\1/p' | tr -d ,
}
before=$(position)
lost=0
for patience in 0.5 0.2 0.4 0.3 0.6; do
    "$bitllama" learn -m straight book.txt --memory book.mem --save-seconds 0 >stdout 2>stderr &
    process=$!
    sleep $patience
    kill -KILL "$process"
    wait "$process" 2>killed
    after=$(position)
    [ "${after:-0}" -ge "$before" ] || lost=$((lost + 1))
    before=${after:-0}
done
check "learn: five kills, nothing lost" test $lost -eq 0
check "learn: something was saved meanwhile" test "$before" -gt "$(wc -w <tail.txt)"
check "learn: what a killed one left is swept" sh -c '"$bitllama" learn -m straight tail.txt --memory book.mem >stdout 2>stderr && ! ls -a | grep -q "^\..*book"'

# A second Ctrl-C ends it at once.
"$bitllama" learn -m straight book.txt --memory book.mem --save-seconds 0 --consolidate 0.05 >stdout 2>stderr &
process=$!
sleep 0.3
kill -INT "$process"
kill -INT "$process"
wait "$process" 2>killed
code=$?
check "learn: two Ctrl-C end it" test $code -eq 130
expect "learn: the memory is whole" 0 '*' '*' memory show book.mem -m straight

finish
