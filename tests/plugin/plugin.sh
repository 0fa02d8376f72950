# A back end in a shared object of its own computes what it computes built in; what does not fit is refused in one line.
. "$(dirname "$0")/../cli/expect.sh"
cd "$scratch" || exit 1
plugins=$BITLLAMA_PLUGINS library=$(dirname "$bitllama")/libbitllama.so.0
mkdir alone && cp "$bitllama" alone && bitllama=$PWD/alone/bitllama # no plug-in lies beside it there

"$bitllama" prepare tales --vocab-size 400 --tales-bytes 40000 --val-split 0.1 --out data >log 2>&1
size="--preset tiny --hidden-size 32 --intermediate-size 48 --num-hidden-layers 2 --num-attention-heads 2"
for device in ref plain trace:fault:plain plain:0; do
    # shellcheck disable=SC2086 # a list of flags
    expect "train on $device" 0 '' '*done after 3 steps*' train --data data --out "run-$device" $size --context 20 --batch 2 \
        --steps 3 --device "$device" --no-plot
    check "$device: the same weights" cmp -s run-ref/model.safetensors "run-$device/model.safetensors"
    check "$device: the same moments" cmp -s run-ref/ckpt/step-00000003/optimizer.safetensors \
        "run-$device/ckpt/step-00000003/optimizer.safetensors"
    expect "a story on $device" 0 '*' '*' generate -m run-ref -p "Once" --max-tokens 20 --seed 1 --device "$device" \
        --save "$device.mem"
    cp stdout "$device.txt"
    check "$device: the same story" cmp -s ref.txt "$device.txt"
    check "$device: the same memory" cmp -s ref.mem "$device.mem"
done
expect "a run of one back end goes on with another" 0 '' '*step 3*' train --data data --out run-plain --resume --steps 4 --device cpu

# ---- what does not fit ----
: >small.so
mkdir -p hostile "with space"
cp small.so hostile/libbitllama_empty.so
cp "$plugins/libbitllama_plain.so" "with space/libbitllama_spaced.so"
cp "$library" hostile/libbitllama_library.so
export BITLLAMA_PLUGINS="/nowhere::hostile:with space:$plugins"
refused() { # NAME EXIT MESSAGE DEVICE
    expect "$1" "$2" '' "bitllama generate: error: $3" generate -m run-ref -p x --device "$4"
    check "$1: one line" test "$(wc -l <stderr)" -eq 1
}
refused "another version" 3 '*libbitllama_strange.so: built for another version of this library (signature 0123abcd, this one has *' strange
refused "no shared object" 7 '*hostile/libbitllama_empty.so: cannot be loaded: *' empty
refused "a library that is no plug-in" 3 '*hostile/libbitllama_library.so: not a plug-in*' library
refused "no such name" 2 'device nvidia: built in are cpu, ref, ref64, *; no libbitllama_nvidia.so is in /nowhere, hostile, with space, *' nvidia
refused "a path" 2 'device ../x: built in are *' ../x
refused "an empty name" 2 'device : built in are *' ""
refused "a device past the last" 7 'device plain:1: there is one ref device*' plain:1
refused "an index that is none" 2 'device plain:x: built in are *' plain:x
expect "a folder with a space" 0 '*' '*' generate -m run-ref -p "Once" --max-tokens 20 --seed 1 --device spaced
check "the same story" cmp -s ref.txt stdout
expect "no such precision" 3 '' '*device ref computes in f32: no --precision bf16*' generate -m run-ref -p x --device ref --precision bf16
refused "no CUDA plug-in" 7 \
    'device cuda: no CUDA back end is installed: no libbitllama_cuda.so is in /nowhere, hostile, with space, *' cuda
refused "nor its second device" 7 'device cuda: no CUDA back end is installed: *' trace:cuda:1
refused "no device of a plug-in" 7 'device none: no such device: its driver is not installed' none
expect "train: no device of a plug-in" 7 '' 'bitllama train: error: device none: no such device: its driver is not installed' \
    train --data data --out nothing --device none

# ---- too little memory: whose it is decides the exit code ----
# shellcheck disable=SC2086 # a list of flags
expect "a device of 1 MB" 7 '' \
    'bitllama train: error: this run needs [0-9]*.[0-9]* GB of memory, and device fault:small has 0.001 GB free; lower --batch, --context or *' \
    train --data data --out large $size --device fault:small
check "one line" test "$(wc -l <stderr)" -eq 1
refused "a device of 1 kB" 7 'run-ref/ckpt/*: this model needs 0.00[0-9] GB of memory, and device tight has 0.000 GB free (bitllama plan -m *' tight
# shellcheck disable=SC2086 # a list of flags
expect "the host's memory" 4 '' 'bitllama train: error: this run needs * GB of memory, and there are * GB; lower *' \
    train --data data --out large --num-hidden-layers 1024 --batch 65536 --context 1024 --device cpu
expect "plan: a device's own memory" 0 '*
machine          1.00MB  too little: train would refuse; device small: the definition, in float32, slow' '' \
    plan --data data --preset tiny --device small
expect "plan -m" 0 '*
machine*; device tight: the definition, in float32, slow*' '' plan -m run-ref --device fault:tight
expect "plan --json" 0 '*"machine": 1000000, "device": "small:0: the definition, in float32, slow", *' '' \
    plan --data data --preset tiny --device small:0 --json
expect "plan: the host's" 0 '*"machine": [0-9]*, "device": null, *' '' plan --data data --preset tiny --json
expect "plan: a device that does not say" 0 '*"machine": null, "device": null, *' '' plan --data data --preset tiny --device plain --json

# ---- without the variable ----
unset BITLLAMA_PLUGINS
mkdir -p planted together
cp "$plugins/libbitllama_plain.so" planted/
cp "$bitllama" "$plugins/libbitllama_plain.so" together/
through_path() { # FOLDER: runs the program in it by its name alone
    (cd planted && PATH=$1:$PATH bitllama generate -m ../run-ref -p "Once" --max-tokens 20 --seed 1 --device plain) >heard 2>&1
}
not_found() {
    ! through_path "$(dirname "$bitllama")"
}
check "a plug-in where one happens to stand is not loaded" not_found
check "it says where it looked" grep -q "no libbitllama_plain.so is in $(dirname "$bitllama")," heard
check "one beside the program is" through_path "$scratch/together"
finish
