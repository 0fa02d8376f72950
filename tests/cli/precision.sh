# Training in float32 and bfloat16 on the CPU: what is said and recorded, what a resumed run keeps, and that bits depend
# on neither threads nor interruption.
. "$(dirname "$0")/expect.sh"
cd "$scratch" || exit 1

shape='--preset tiny --hidden-size 48 --intermediate-size 80 --num-hidden-layers 1 --num-attention-heads 2
    --batch 3 --context 40 --steps 8 --save-every 2 --save-seconds 0 --eval-every 4 --eval-tokens 200 --no-samples --no-plot --seed 3'
train() { # NAME RUN FLAGS...
    name=$1 run=$2
    shift 2
    # shellcheck disable=SC2086 # words
    expect "$name" 0 '*' '*' train --data data --out "$run" $shape "$@"
}
weights() {
    cat "$1/ckpt/step-00000008/model.safetensors" "$1/ckpt/step-00000008/optimizer.safetensors" | sha256sum
}
same() { # NAME RUN RUN
    check "$1" test "$(weights "$2")" = "$(weights "$3")"
}
said() { # NAME PATTERN: in the messages of the last command
    check "$1" grep -q "$2" stderr
}
precision_of() {
    sed -n 's/.*"precision": *"\([a-z0-9]*\)".*/\1/p' "$1/ckpt/$(cat "$1/LATEST")/state.json"
}
expect "data" 0 '*' '*' prepare tales --tales-bytes 20000 --vocab-size 300 --val-split 0.1 --out data

for level in c ''; do
    BITLLAMA_CPU=$level
    [ -n "$level" ] && export BITLLAMA_CPU || unset BITLLAMA_CPU
    train "f32$level" f32$level --precision f32
    said "f32$level: is said" ' on cpu in f32; 3 x 40'
    check "f32$level: is recorded" test "$(precision_of f32$level)" = f32
    train "bf16$level" bf16$level --precision bf16
    said "bf16$level: is said" ' on cpu in bf16; 3 x 40'
    check "bf16$level: is recorded" test "$(precision_of bf16$level)" = bf16
    check "bf16$level: in the metrics" grep -q '"type":"start".*on cpu in bf16;' bf16$level/metrics.jsonl
    check "bf16$level: other bits" test "$(weights f32$level)" != "$(weights bf16$level)"
done
export BITLLAMA_CPU=c
train "where nothing is made for it" slow --precision bf16
said "is slower" 'no products of bfloat16: --precision bf16 .* slower than f32'
train "auto" auto
said "auto is f32 there" ' on cpu in f32;'
check "and recorded so" test "$(precision_of auto)" = f32
same "to the bit" auto f32c
unset BITLLAMA_CPU

# ---- the same bits ----
train "one thread" one --precision bf16 --threads 1
train "three threads" three --precision bf16 --threads 3
same "threads change nothing" one three
train "stopped" stopped --precision bf16 --stop-after 3
expect "resumed without a word" 0 '*' '*' train --data data --out stopped --resume --no-plot --stop-after 5
said "it goes on as it began" ' on cpu in bf16;'
expect "and with auto" 0 '*' '*' train --data data --out stopped --resume --no-plot --precision auto --stop-after 8
same "to the weights of the straight run" stopped one
train "another precision" other --precision bf16 --stop-after 4
expect "when it is asked for" 0 '*' '*' train --data data --out other --resume --no-plot --precision f32 --stop-after 8
said "is told" 'changed: precision bf16 -> f32'
check "and recorded" test "$(precision_of other)" = f32

# ---- what evaluates and generates is float32 ----
expect "evaluated" 0 '*' '*' eval -m one --data data --json
cp stdout f32.json
expect "the same with bf16" 0 '*' '*' eval -m one --data data --json --precision bf16
check "to the last digit" test "$(sed 's/"seconds[^,}]*//g; s/"tokens_per[^,}]*//g' f32.json)" = "$(sed 's/"seconds[^,}]*//g; s/"tokens_per[^,}]*//g' stdout)"
finish
