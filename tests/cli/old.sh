# Models, a memory and a run from before the TTT layer forgot stay what they were, to the bit.
#
# tests/golden/data/old was written by version 0.1.0 of November 2026 with these commands (BITLLAMA_CPU=c):
#   prepare tales --vocab-size 258 --tales-bytes 9000 --val-split 0.1 --seed 5 --out data
#   train --data data --preset tiny --hidden-size 16 --intermediate-size 16 --num-hidden-layers 1 --num-attention-heads 1
#     --batch 2 --context 24 --eval-every 6 --eval-tokens 200 --sample-every 1000 --seed 7 --no-plot, and
#     run:   --steps 12 --stop-after 6 --dropout 0.1
#     mlp:   --steps 3 --ttt-layer-type mlp --pre-conv
#     plain: --steps 3 --no-share-qk --no-use-gate --quantization none
#   generate -m run -p "Once upon a time there was a cat" --max-tokens 30 --seed 3 --ignore-eos --save memory
# The sums are of its own logits, its own reply from the memory, and its own weights after 12 steps; the last since
# dot products are added in another order, by which 11 of 6,529 weights are 1e-9 off.
. "$(dirname "$0")/expect.sh"
old=$(cd "$(dirname "$0")/../golden/data/old" && pwd)
cd "$scratch" || exit 1
export BITLLAMA_CPU=c

sum_is() { # SHA-256 FILE
    [ "$(sha256sum <"$2")" = "$1  -" ]
}
while read -r model fingerprint logits; do
    "$bitllama" info "$old/$model" --json >info 2>stderr
    check "$model: its fingerprint" grep -q "\"fingerprint\": \"$fingerprint\"" info
    check "$model: nothing is forgotten" sh -c '! grep -q "\"ttt_forget\": true" info'
    expect "$model: reads" 0 '' '*' logits -m "$old/$model" --ids "$(seq -s, 2 41)" -o "$model.logits"
    check "$model: its logits" sum_is "$logits" "$model.logits"
done <<END
run 7e23d3e894ed6b62ad54adfd223817a5 a0b1060cdc08028a3c1fe627e6180f2ee50eac5ece8a9301c22f9d15bd51a38b
mlp 9e45f6619de4405476c50e2aa5470f65 13bdbf9c560e042ad2a767f97ec840e870f0a5b4b3e35a4d65f941dbda98869a
plain 3b4c1a74571d44a4a37191b6ddfce62a 8ccbd86420891223d0f94e4856aa063ec4ad0e50c5b73364377bc2dc6ecba7c4
END

"$bitllama" generate -m "$old/run" --load "$old/memory" -p ' and' --max-tokens 30 --seed 4 --ignore-eos >reply 2>stderr
check "the memory goes on as it did" sum_is ef168cd29834188e31b644c84e2c4fca5881b9ffb8cacd85cc56736c8dd3b24f reply
expect "and is saved" 0 '' '*' generate -m "$old/run" --load "$old/memory" -p '' --max-tokens 0 --save again
check "as it was: version 1" cmp again "$old/memory"

cp -r "$old/run" "$old/data" . # the data folder notes its runs
expect "the run resumes" 0 '*' '*' train --data data --out run --resume --no-plot
last=run/ckpt/step-00000012
check "to the weights it had" sum_is ffc52f71b1b0bdff6405ea8ab3cdf0c502bd1fd0781b511de30c6b3867d0fcbb $last/model.safetensors
check "and the moments" sum_is 5113984a787a50d1f4f0bdc7efd79fab1accc8c0321b7abeefa1833ecbf83aa6 $last/optimizer.safetensors
finish
