#!/bin/sh
# Every k-th operation on files is killed or fails: what is visible then is whole, old or new, and the next run
# continues to the right end.
#
# usage: sweep.sh BITLLAMA SHIM [--all | --every N | --allocations N] [CASE ...]
#
# For each case (below: make_, run_, look_, again_NAME) and each way to end (SIGKILL before and after the
# operation, EIO, ENOSPC, EMFILE from it) one run for each k.  --every N takes each N-th of all these;
# --allocations N lets N allocations of each case fail instead, from the first to the last.
set -u
export LC_ALL=C OMP_WAIT_POLICY=passive OMP_NUM_THREADS=1
bitllama=$(realpath "$1") shim=$2
shift 2
every=1 allocations=0 hows="before after 5 28 24"
case ${1:-} in
--all) shift ;;
--every) every=$2 && shift 2 ;;
--allocations) allocations=$2 hows=12 && shift 2 ;;
esac
work=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" bitllama-faults.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 1
# LD_PRELOAD is split at spaces and colons, which the tree's path may have.
cp "$shim" "$work/shim.so" && shim=$work/shim.so || exit 1
"$bitllama" --version >out || exit 1
LD_PRELOAD=$shim BL_FAULT_COUNT=$work/count "$bitllama" --version >out 2>&1
if [ ! -s count ]; then
    echo "skipped: nothing can be preloaded into this program (a sanitizer's, or a static one)"
    exit 0
fi

[ "$allocations" -eq 0 ] || what="BL_FAULT_WHAT=malloc"

# ---- what the cases begin with ----
shape="--preset tiny --hidden-size 16 --num-attention-heads 1 --num-hidden-layers 1 --intermediate-size 16 --batch 1 \
--context 16 --save-seconds 0 --save-every 2 --keep 1 --eval-every 2 --eval-tokens 64 --sample-every 1000 --no-plot --threads 1"
tales="--vocab-size 270 --val-split 0.2 --threads 1"
quietly() {
    "$@" >"$work/out" 2>"$work/err" || { echo "cannot begin: $*"; cat "$work/err"; exit 1; }
}
# shellcheck disable=SC2086 # words, here and below
{
    quietly "$bitllama" prepare tales --tales-bytes 3000 --seed 1 $tales --out old
    quietly "$bitllama" prepare tales --tales-bytes 4000 --seed 2 $tales --out new
    for n in 1 2 3 4 5 6 7 8 9; do
        printf '{"prompt": "Say %d.", "completion": "It is %d."}\n' $n $n
    done >talk.jsonl
    quietly "$bitllama" prepare talk.jsonl --documents messages $tales --out talk
    quietly "$bitllama" train --data old --out run4 $shape --steps 6 --stop-after 4
    cp -r run4 run6 && quietly "$bitllama" train --data old --out run6 --resume --no-plot
    quietly "$bitllama" export -m run4 --out x16
    quietly "$bitllama" export -m run4 --out x32 --dtype f32
    for n in 1 2; do
        quietly "$bitllama" generate -m run4 -p x --max-tokens $n --seed 1 --save mem$n
        quietly "$bitllama" logits -m run4 --ids 1,2,$n -o logits$n
    done
    seq 300 >lesson.txt
    quietly "$bitllama" memory reset mem1 -m run4 -o mem0
    quietly "$bitllama" memory merge mem1 mem2 -m run4 -o merged
    cp mem1 learned && quietly "$bitllama" learn -m run4 lesson.txt --memory learned
}

same() { # A B: folders, or files
    diff -r "$1" "$2" >/dev/null 2>&1
}
nothing_hidden() { # FOLDER
    ! find "$1" -name '.*' ! -name .lock -mindepth 1 | grep -q .
}
# What somebody sees of a data folder: its files through the reader's eyes.
seen() {
    "$bitllama" info "$1" --json 2>/dev/null | grep -v '"path"'
}
seen old >seen-old
seen new >seen-new
seen talk >seen-talk

# ---- prepare ----
make_prepare() { :; }
run_prepare() { "$bitllama" prepare tales --tales-bytes 4000 --seed 2 $tales --out now/data; }
look_prepare() {
    seen now/data >got
    same got seen-new && echo new && return
    [ ! -s got ] && echo none || echo lost
}
again_prepare() { run_prepare && same now/data new; }

make_prepare_over() { cp -r old now/data && rm -f now/data/RUNS && echo mine >now/data/notes; }
run_prepare_over() { run_prepare; }
look_prepare_over() {
    seen now/data >got
    same got seen-new && echo new && return
    same got seen-old && [ -e now/data/notes ] && echo old || echo lost
}
again_prepare_over() { run_prepare && rm now/data/notes && same now/data new; }

# From text to conversations, which have masks, and back.
make_prepare_talk() { cp -r old now/data && rm -f now/data/RUNS; }
run_prepare_talk() { "$bitllama" prepare talk.jsonl --documents messages $tales --out now/data; }
look_prepare_talk() {
    seen now/data >got
    same got seen-old && echo old && return
    same got seen-talk && "$bitllama" plan --data now/data --preset tiny >got 2>&1 && echo new || echo lost
}
again_prepare_talk() { run_prepare_talk && same now/data talk; }

make_prepare_back() { cp -r talk now/data; }
run_prepare_back() { run_prepare; }
look_prepare_back() {
    seen now/data >got
    same got seen-new && echo new && return
    same got seen-talk && "$bitllama" plan --data now/data --preset tiny >got 2>&1 && echo old || echo lost
}
again_prepare_back() { run_prepare && same now/data new; }

# ---- train ----
weights() { # RUN: of the last step
    cat "$1"/ckpt/step-00000006/model.safetensors "$1"/ckpt/step-00000006/optimizer.safetensors 2>/dev/null
}
steps() { # RUN: each once
    grep -o '"type":"train","step":[0-9]*' "$1/metrics.jsonl"
}
weights run6 >want-weights
steps run6 >want-steps
ends_right() {
    "$bitllama" train --data old --out now/run $shape --steps 6 --resume=auto || return 1
    weights now/run | cmp -s - want-weights || return 1
    grep -q 'metrics.jsonl: failed' told || steps now/run | cmp -s - want-steps # what was lost was reported
}
# A visible checkpoint is opened as a model, which verifies it.
look_train() { # NONE-IS-FINE
    if ls now/run/ckpt/step-* >/dev/null 2>&1; then
        "$bitllama" info now/run --json >got 2>complaint && [ ! -s complaint ] && echo whole || echo lost
    else
        echo "$1"
    fi
}
make_train() { rm -f old/RUNS; } # where the run notes itself
run_train() { "$bitllama" train --data old --out now/run $shape --steps 6 --stop-after 4; }
look_first() { look_train none; }
again_train() { ends_right; }

make_resave() { cp -r run4 now/run; }
run_resave() { "$bitllama" train --data old --out now/run --resume --stop-after 4 --no-plot; }
look_resave() { look_train lost; }
again_resave() { ends_right; }

make_resume() { cp -r run4 now/run; }
run_resume() { "$bitllama" train --data old --out now/run --resume --no-plot; }
look_resume() { look_train lost; }
again_resume() { ends_right; }

# ---- export ----
make_export() { :; }
run_export() { "$bitllama" export -m run4 --out now/x --dtype f32; }
look_export() { [ ! -e now/x ] && echo none || { same now/x x32 && echo new || echo lost; }; }
again_export() { "$bitllama" export -m run4 --out now/x --dtype f32 --force && same now/x x32; }

make_export_over() { cp -r x16 now/x; }
run_export_over() { "$bitllama" export -m run4 --out now/x --dtype f32 --force; }
look_export_over() { same now/x x16 && echo old || { same now/x x32 && echo new || echo lost; }; }
again_export_over() { again_export; }

# ---- memories and logits ----
make_save() { :; }
run_save() { "$bitllama" generate -m run4 -p x --max-tokens 2 --seed 1 --save now/mem; }
look_save() { [ ! -e now/mem ] && echo none || { same now/mem mem2 && echo new || echo lost; }; }
again_save() { run_save && same now/mem mem2; }

make_save_over() { cp mem1 now/mem; }
run_save_over() { run_save; }
look_save_over() { same now/mem mem1 && echo old || { same now/mem mem2 && echo new || echo lost; }; }
again_save_over() { again_save; }

# A turn of a chat that is kept; of its failures the last line counts.
make_keep() { cp mem1 now/mem; }
run_keep() {
    printf 'x\n' | "$bitllama" chat -m run4 --max-tokens 2 --memory now/mem 2>chat-err
    code=$?
    while read -r line; do
        case $line in error:*) ;; *) echo "$line" >&2 ;; esac
    done <chat-err
    return $code
}
mkdir now && make_keep && run_keep >out 2>err && mv now/mem memkept || exit 1
look_keep() { same now/mem mem1 && echo old || { same now/mem memkept && echo new || echo lost; }; }
again_keep() { make_keep && run_keep && same now/mem memkept; }

make_logits_over() { cp logits1 now/logits; }
run_logits_over() { "$bitllama" logits -m run4 --ids 1,2,2 -o now/logits; }
look_logits_over() { same now/logits logits1 && echo old || { same now/logits logits2 && echo new || echo lost; }; }
again_logits_over() { run_logits_over && same now/logits logits2; }

# A lesson in two pieces, saved after each; what was saved between is whole too.
make_learn_over() { cp mem1 now/mem; }
run_learn_over() { "$bitllama" learn -m run4 lesson.txt --memory now/mem --save-seconds 0 --threads 1; }
look_learn_over() {
    same now/mem mem1 && echo old && return
    same now/mem learned && echo new && return
    "$bitllama" memory show now/mem -m run4 >got 2>&1 && echo none || echo lost
}
again_learn_over() { make_learn_over && run_learn_over && same now/mem learned; }

make_reset() { cp mem1 now/mem; }
run_reset() { "$bitllama" memory reset now/mem -m run4 --threads 1; }
look_reset() { same now/mem mem1 && echo old || { same now/mem mem0 && echo new || echo lost; }; }
again_reset() { run_reset && same now/mem mem0; }

make_merge() { cp mem1 now/mem; }
run_merge() { "$bitllama" memory merge now/mem mem2 -m run4 -o now/mem --threads 1; }
look_merge() { same now/mem mem1 && echo old || { same now/mem merged && echo new || echo lost; }; }
again_merge() { make_merge && run_merge && same now/mem merged; }

# ---- the same on a file system that cannot exchange folders ----
# Between two renames nothing has the name: the first reader gives the old one its name back, or reads it where it is.
look_resave_two() { "$bitllama" info now/run --json >got 2>complaint && [ ! -s complaint ] && echo whole || echo lost; }
look_export_two() {
    [ -e now/x ] || "$bitllama" info now/x >got 2>&1
    look_export_over
}
make_resave_two() { make_resave; }
run_resave_two() { run_resave; }
again_resave_two() { ends_right; }
make_export_two() { make_export_over; }
run_export_two() { run_export_over; }
again_export_two() { again_export; }

# ---- the sweep ----
failed() { # WHAT
    lost=$((lost + 1))
    echo "LOST $name: $how at operation $k: $1"
    sed 's/^/    it said: /' "$work/err" | head -n 3
}
fresh() {
    rm -rf now && mkdir now && "make_$name"
}
one_run() {
    fresh
    (export ${what:-what=}; LD_PRELOAD=$shim BL_FAULT_AT=$k BL_FAULT_HOW=$how "run_$name" >out 2>err </dev/null) 2>/dev/null
    code=$?
    cp err told
    state=$("$look")
    runs=$((runs + 1))
    case $how:$code in
    before:137 | after:137) ;;
    before:* | after:*) failed "was not killed (exit $code)" ;;
    *:0 | *:4) ;;
    12:[23]) misnamed=$((misnamed + 1)) ;; # a part that calls it bad input
    *) failed "exit $code" ;;
    esac
    # A failure is reported in one line; what is not reported must have been done.
    [ $code -eq 0 ] || [ $code -ge 128 ] || [ "$(tr '\r' '\n' <err | grep -c 'error: ')" -eq 1 ] || failed "no clear line"
    [ $code -ne 0 ] || case $state in new | whole) ;; *) failed "exit 0, and it is not done" ;; esac
    case $state in
    old) old=$((old + 1)) ;;
    new | whole) new=$((new + 1)) ;;
    none) none=$((none + 1)) ;;
    *) failed "neither the old nor the new is there" ;;
    esac
    "again_$name" >out 2>err </dev/null || failed "the next run does not come to the right end"
    nothing_hidden now || failed "the next run leaves $(find now -name '.*' ! -name .lock -mindepth 1 | head -n 1)"
}

all="prepare prepare_over prepare_talk prepare_back train resave resume export export_over save save_over learn_over reset merge logits_over resave_two export_two
keep"
total=0 total_lost=0 turn=0 misnamed=0
printf '%-14s %10s %6s %6s %6s %6s %6s\n' case operations runs old new none lost
for name in ${*:-$all}; do
    look=look_$name
    [ "$name" != train ] || look=look_first
    unset BL_FAULT_NO_EXCHANGE
    case $name in *_two) export BL_FAULT_NO_EXCHANGE=1 ;; esac
    fresh
    (export ${what:-what=}; LD_PRELOAD=$shim BL_FAULT_COUNT=$work/count "run_$name" >out 2>err </dev/null)
    operations=$(cat count)
    runs=0 old=0 new=0 none=0 lost=0 k=0
    step=1
    [ "$allocations" -eq 0 ] || step=$((operations / allocations + 1))
    while [ $((k + step)) -le "$operations" ]; do
        k=$((k + step))
        for how in $hows; do
            turn=$((turn + 1))
            [ $((turn % every)) -eq 0 ] && one_run
        done
    done
    printf '%-14s %10d %6d %6d %6d %6d %6d\n' "$name" "$operations" $runs $old $new $none $lost
    total=$((total + runs)) total_lost=$((total_lost + lost))
done
echo "$total runs, $total_lost lost"
[ $misnamed -eq 0 ] || echo "$misnamed of them call a lack of memory bad input"
[ $total -gt 0 ] && [ $total_lost -eq 0 ]
