# From text to a tiny trained model: prepare and train; the other suites use what this one makes.
. "$(dirname "$0")/expect.sh"
made=$3
rm -rf "$made"
mkdir -p "$made"

expect "prepare" 0 '' "*documents*bytes*tokens*vocabulary 400*next: *bitllama* train --data *" \
    prepare tales --tales-bytes 200000 --vocab-size 400 --val-split 0.05 --out "$made/data"
for file in tokenizer.json tokenizer_config.json train.bin val.bin meta.json; do
    check "prepare writes $file" test -s "$made/data/$file"
done

expect "train" 0 '' "*step 30: validation loss*loss by step*30*/run/loss.svg*next: *generate -m */run*" \
    train --data "$made/data" --out "$made/run" --preset tiny --hidden-size 32 \
    --intermediate-size 48 --num-hidden-layers 2 --num-attention-heads 2 --context 32 --batch 8 \
    --steps 30 --save-every 10 --save-seconds 0
ascii_curve() { # what names the run is not part of it: the folder may have any name
    sed -n '/loss by step/,$p' "$scratch/stderr" | grep -v '/run' >"$scratch/curve"
    test -s "$scratch/curve" && ! LC_ALL=C grep '[^ -~]' "$scratch/curve"
}
check "the curve is ASCII off a terminal" ascii_curve
for file in config.json tokenizer.json model.safetensors metrics.jsonl loss.svg LATEST \
    ckpt/step-00000030/MANIFEST; do
    check "train writes $file" test -s "$made/run/$file"
done
check "a record for every step" test "$(grep -c '"type": *"train"' "$made/run/metrics.jsonl")" -eq 30

finish
