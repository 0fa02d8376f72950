# A device with activations of 2 bytes trains, carries rows, generates, saves and loads memories, learns and consolidates, guarded.
. "$(dirname "$0")/../cli/expect.sh"
cd "$scratch" || exit 1

"$bitllama" prepare tales --vocab-size 400 --tales-bytes 40000 --val-split 0.1 --out data >log 2>&1
size="--preset tiny --hidden-size 32 --intermediate-size 48 --num-hidden-layers 2 --num-attention-heads 2"
step="--context 32 --batch 2 --accum 2 --dropout 0.1 --eval-every 2 --eval-tokens 200 --sample-every 4 --carry 0.25 --no-plot"
train() { # NAME DEVICE RUN flags...
    name=$1 device=$2 run=$3
    shift 3
    # shellcheck disable=SC2086 # a list of flags
    expect "$name" 0 '' '*step*' train --data data --out "$run" $size $step --steps 4 --device "$device" "$@"
}
train "four steps on ref" ref exact
train "four steps" fault:half whole
train "two of them" half parts --stop-after 2
# shellcheck disable=SC2086
expect "and the others" 0 '' '*done after 4 steps*' train --data data --out parts --resume --device fault:half --no-plot
last=ckpt/step-00000004
check "resumed: the same weights" cmp -s whole/model.safetensors parts/model.safetensors
check "resumed: the same moments and rows" cmp -s "whole/$last/optimizer.safetensors" "parts/$last/optimizer.safetensors"

# Activations are rounded, so the loss is not that of float32, but close to it.
losses() { sed -n 's/.*"step".*"loss":\([0-9.]*\).*/\1/p' "$1/metrics.jsonl" | head -n 1; }
near() {
    awk -v a="$(losses exact)" -v b="$(losses whole)" 'BEGIN { d = a > b ? a - b : b - a; exit !(a > 1 && d > 0 && d < 0.05) }'
}
check "close to float32, and not it" near

# ---- memories ----
for run in whole variants; do
    [ $run = whole ] || train "the other inner model and a second convolution" fault:half $run --ttt-layer-type mlp --pre-conv
    tokens="--ignore-eos --seed 1 -m $run"
    # shellcheck disable=SC2086
    expect "$run: a story" 0 '*' '*' generate $tokens -p "Once upon a time" --max-tokens 37 --device fault:half
    cp stdout text
    # shellcheck disable=SC2086
    expect "$run: its beginning, saved" 0 '*' '*' generate $tokens -p "Once upon a time" --max-tokens 21 --device fault:half --save a.mem
    cp stdout begins
    for device in half fault:half; do
        # shellcheck disable=SC2086
        expect "$run: its end on $device, from the memory" 0 '*' '*' generate $tokens -p "" --max-tokens 16 --device $device --load a.mem \
            --save "$device.mem"
        cat begins stdout | tr -d '\n' >both
        tr -d '\n' <text >one
        check "$run: the same text" cmp -s one both
    done
    check "$run: the same memory" cmp -s half.mem fault:half.mem
    # shellcheck disable=SC2086
    expect "$run: a memory of it on ref" 0 '*' '*' generate $tokens -p "" --max-tokens 3 --device ref --load a.mem
    expect "$run: a memory shown" 0 '*' '*' memory show a.mem -m $run --device fault:half
done

# ---- lessons that last ----
tr -d '\n' <text >lesson
for device in half fault:half; do
    rm -f learnt.mem
    expect "a lesson on $device" 0 '*' '*' learn -m whole -f lesson --memory learnt.mem --consolidate 0.1 --every 32 --device $device
    expect "what follows it" 0 '*' '*' generate -m whole -p "" --load learnt.mem --seed 2 --max-tokens 20 --ignore-eos --device $device
    cp stdout "learnt-$device"
    cp learnt.mem "learnt-$device.mem"
done
check "a lesson guarded is the same" cmp -s learnt-half.mem learnt-fault:half.mem
check "and what follows it" cmp -s learnt-half learnt-fault:half
finish
