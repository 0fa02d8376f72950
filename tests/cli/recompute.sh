# Training that computes activations again in the backward pass: the same bits in less memory.
. "$(dirname "$0")/expect.sh"
cd "$scratch" || exit 1

"$bitllama" prepare tales --vocab-size 400 --tales-bytes 40000 --val-split 0.1 --out data >log 2>&1
size="--hidden-size 32 --intermediate-size 48 --num-hidden-layers 3 --num-attention-heads 2"
# shellcheck disable=SC2086 # lists of flags
while read -r variant flags; do
    common="--data data --preset tiny $size --context 40 --batch 2 --accum 2 --dropout 0.1 --no-samples --no-plot $flags"
    expect "$variant: kept" 0 '' '*done after 4 steps*' train $common --steps 4 --out "$variant-kept"
    expect "$variant: computed again, and stopped" 0 '' '*' train $common --steps 4 --stop-after 2 --recompute --out "$variant-again"
    expect "$variant: goes on with all kept" 0 '' '*done after 4 steps*' train --data data --out "$variant-again" --resume --no-plot
    check "$variant: the same weights" cmp -s "$variant-kept/model.safetensors" "$variant-again/model.safetensors"
    check "$variant: the same moments" cmp -s "$variant-kept/ckpt/step-00000004/optimizer.safetensors" \
        "$variant-again/ckpt/step-00000004/optimizer.safetensors"
done <<END
default
mlp --ttt-layer-type mlp --no-pre-conv
plain --no-pre-conv --no-share-qk --no-use-gate --no-ttt-forget --quantization none
END

activations() {
    "$bitllama" plan --data data --preset micro --context 4096 --batch 1 --json "$@" |
        sed 's/.*"activations": \([0-9]*\).*/\1/'
}
all=$(activations) one=$(activations --recompute)
check "plan: $all bytes of activations kept, $one computed again: less than 45 %" [ $((one * 100)) -lt $((all * 45)) ]
finish
