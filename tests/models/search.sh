# A search over recipes: its table, one that fails, one stopped in the middle and gone on with, what is kept, lists that are none.
#
#   search.sh ROOT SCRATCH BITLLAMA
. "$(dirname "$0")/../tools/judge.sh"
bitllama=$3
search=$root/models/search
"$bitllama" prepare tales --tales-bytes 60000 --vocab-size 300 --val-split 0.1 --out data >/dev/null 2>&1
cat >list <<'END'
# comments, and flags for all
* --data data --preset tiny --num-hidden-layers 1 --hidden-size 32 --intermediate-size 48
* --num-attention-heads 2 --batch 2 --context 32 --steps 4 --threads 1
base
seed-1   --seed 1   # the same again
fast     --lr 8e-3 --steps 3
END
runs() { # CODE ARGUMENTS...
    code=$1
    shift
    status=0
    sh "$search" "$@" >out 2>err || status=$?
    [ $status -eq "$code" ] || { echo "exit $status"; cat out err; return 1; }
}
export JOBS=2 EXPORT='fa*' WINDOW=64
check "three runs" runs 0 "$bitllama" list found
check "all are finished" holds err '*3 of 3 runs finished, 0 failed*'
check "in a table, best first" awk -F '|' 'NR > 4 { if ($7 + 0 < last || $7 + 0 < 1) exit 1; last = $7 + 0; n++ } END { exit n != 3 }' found/table.md
check "with what they share" grep -q '^All with `--data data .* --threads 1`' found/table.md
check "and what not" grep -q '^| seed-1 | `--seed 1` | 1 | 4 | [0-9]* | [0-9.]* | [0-9.]*, [0-9]* | [0-9]* | [0-9]* |$' found/table.md
loss=$("$bitllama" eval -m found/fast/model --data data --window 64 --json 2>/dev/null | sed 's/.*"loss": \([0-9.]*\).*/\1/')
check "the model asked for is there, with that loss" awk -v loss="$loss" -F '|' '$2 == " fast " { d = $7 - loss; found = d < 0.02 && d > -0.02 } END { exit !found }' found/table.md
check "the others are not" test ! -e found/base/model -a ! -e found/base/ckpt -a ! -e found/base/model.safetensors
check "their curves are" test -s found/base/metrics.jsonl
cp found/table.md before
check "once more" runs 0 "$bitllama" list found
check "is nothing new" cmp before found/table.md
check "the table alone" sh -c 'sh "$1" --table found >again && cmp again found/table.md' table "$search"

echo 'bad --lr 11' >>list
check "a run that fails" runs 1 "$bitllama" list found
check "is told" grep -q 'error: --lr is a number' found/table.md
sed -i.old 's/--lr 11/--lr 1e-3/' list
check "and done when it is put right" runs 0 "$bitllama" list found
check "with all others" holds err '*4 of 4 runs finished, 0 failed*'

# a run too long for the time: it is saved and goes on
echo 'long --steps 1000000 --save-seconds 0 --eval-every 1000000' >long
sed -n '/^\*/p' list | cat - long >longer
JOBS=1 LIMIT=1 GRACE=1 check "the time is over" runs 3 "$bitllama" longer stopped
check "nothing is finished" holds err '*0 of 1 runs finished, 0 failed*'
sh "$search" "$bitllama" longer stopped >out 2>err &
whole=$!
steps() { sed -n 's/.*"type":"train","step":\([0-9]*\).*/\1/p' stopped/long/metrics.jsonl 2>/dev/null | tail -n 1; }
before=$(steps)
while { [ ! -s stopped/long/pid ] || [ "$(steps)" = "$before" ]; } && kill -0 $whole 2>/dev/null; do sleep 0.2; done
kill -TERM "$(cat stopped/long/pid)" # as the search does when its time is over
status=0
wait $whole || status=$?
check "one stopped in the middle" test $status -eq 3
check "is saved" test -d stopped/long/ckpt
step=$(steps)
check "after steps" test "$step" -gt 0
sed "s/--steps 1000000/--steps 1000000 --stop-after $((step + 2))/" longer >list2
check "it goes on from there" runs 0 "$bitllama" list2 stopped
check "not from the start" test "$(grep -c '"type":"train","step":1,' stopped/long/metrics.jsonl)" -eq 1
check "to its end" grep -q "^| long | .* | 0 | $((step + 2)) | " stopped/table.md
printf 'a\na --seed 1\n' >twice
check "a name twice" runs 2 "$bitllama" twice none
printf '../a\n' >out-of-it
check "a name that is a path" runs 2 "$bitllama" out-of-it none
check "no list" runs 2 "$bitllama"
finish
