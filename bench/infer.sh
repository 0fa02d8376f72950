#!/bin/bash
# Tokens a second of reading 512 and writing 128 tokens, by preset, threads and SIMD level, and the
# time and memory until the first token of the packed code preset; beside a peer when there is one.
#
#   bench/infer.sh PROGRAM [ROUNDS] [PEER]
#
# PEER is a folder with another engine's llama-bench, llama-cli, micro.gguf and code.gguf, models of
# the presets' shapes.  All take turns on the processors PIN (0,1; one thread: the first of them),
# ROUNDS (3) times; printed are the medians, and the median of ours over the peer's of the same round.  LEVELS ("best avx512 avx2") are
# values of BITLLAMA_CPU, PRESETS ("micro code") what is measured.
set -eu
program=$1 rounds=${2:-3} peer=${3:-}
pin=${PIN:-0,1} levels=${LEVELS:-best avx512 avx2} presets=${PRESETS:-micro code}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tests=(pp512 tg128)

pinned() { # pinned THREADS COMMAND...
    local threads=$1
    shift
    if [ "$threads" = 1 ]; then taskset -c "${pin%%,*}" "$@"; else taskset -c "$pin" "$@"; fi
}

at_level() { # at_level LEVEL COMMAND...
    local level=$1
    shift
    if [ "$level" = best ]; then "$@"; else BITLLAMA_CPU=$level "$@"; fi
}

ours() { # ours LEVEL PRESET THREADS: a number in each file of a test
    at_level "$1" pinned "$3" "$program" bench --preset "$2" -t "$3" -p 512 -n 128 -r 3 --csv 2>"$work/log" |
        awk -F, -v to="$work/$2.$3.$1" 'NR > 1 { gsub(/"/, ""); print $(NF - 2) >> (to "." $(NF - 8)) }'
}

theirs() { # theirs PRESET THREADS
    pinned "$2" "$peer/llama-bench" -m "$peer/$1.gguf" -t "$2" -p 512 -n 128 -fa 0 -r 3 -o csv 2>"$work/log" |
        awk -F'","' -v to="$work/$1.$2.peer" '
            NR == 1 { gsub(/,/, "\",\""); for (i = split($0, name); i; i--) at[name[i]] = i; next }
            { print $at["avg_ts"] >> (to (($at["n_gen"] + 0) ? ".tg128" : ".pp512")) }'
}

median() { # median FILE [COLUMN]
    sort -g -k "${2:-1},${2:-1}" "$1" | awk -v c="${2:-1}" '{ v[NR] = $c } END { print v[int((NR + 1) / 2)] }'
}

head_of() { # head_of COLUMNS...
    printf '| %s |' "$1"
    shift
    printf ' %s |' "$@"
    echo
    printf '|---|'
    for _ in "$@"; do printf -- '---|'; done
    echo
}

speed() {
    for ((i = 0; i < rounds; i++)); do
        for preset in $presets; do
            for threads in 1 2; do
                [ -z "$peer" ] || theirs "$preset" $threads
                for level in $levels; do ours "$level" "$preset" $threads; done
            done
        done
    done
    # shellcheck disable=SC2086
    head_of "tokens/s" ${peer:+peer} $levels
    for preset in $presets; do
        for test in "${tests[@]}"; do
            for threads in 1 2; do
                printf '| %s %s, %s |' "$preset" "$test" "$threads"
                [ -z "$peer" ] || printf ' %.0f |' "$(median "$work/$preset.$threads.peer.$test")"
                for level in $levels; do
                    printf ' %.0f' "$(median "$work/$preset.$threads.$level.$test")"
                    if [ -n "$peer" ]; then
                        paste "$work/$preset.$threads.$level.$test" "$work/$preset.$threads.peer.$test" |
                            awk '{ print $1 / $2 }' >"$work/ratios"
                        printf ', %.2f' "$(median "$work/ratios")"
                    fi
                    printf ' |'
                done
                echo
            done
        done
    done
}

# Words enough that a tokenizer of 16,384 entries can be learnt from them.
words() {
    awk 'BEGIN { srand(1); for (i = 0; i < 200000; i++) {
        w = ""; for (n = 3 + int(6 * rand()); n; n--) w = w sprintf("%c", 97 + int(26 * rand() * rand()));
        printf "%s%s", w, i % 12 == 11 ? "\n" : " " } }'
}

first_token() {
    local ways=()
    words >"$work/words.txt"
    {
        "$program" prepare "$work/words.txt" --out "$work/data" --vocab-size 16384
        "$program" train --data "$work/data" --out "$work/run" --preset code --steps 1 --batch 1 --context 16 \
            --no-plot --no-samples
    } 2>"$work/log" || { cat "$work/log"; exit 1; }
    for dtype in f32 bf16 int8; do
        "$program" export -m "$work/run" --out "$work/$dtype" --dtype $dtype >"$work/log" 2>&1
        ways+=("$dtype")
    done
    [ -z "$peer" ] || ways+=(peer)
    for ((i = 0; i < 3 * rounds; i++)); do
        for way in "${ways[@]}"; do
            if [ "$way" = peer ]; then
                pinned 1 /usr/bin/time -a -o "$work/first.peer" -f '%e %M' "$peer/llama-cli" -m "$peer/code.gguf" \
                    -t 1 -n 1 -p a --no-warmup -fa 0
            else
                pinned 1 /usr/bin/time -a -o "$work/first.$way" -f '%e %M' "$program" generate -m "$work/$way" \
                    -t 1 --max-tokens 1 -p a --seed 1 --ignore-eos
            fi >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
        done
    done
    head_of "load and first token of code" "s" "peak MB"
    for way in "${ways[@]}"; do
        printf '| %s | %.2f | %.0f |\n' "$way" "$(median "$work/first.$way" 1)" "$(median "$work/first.$way" 2 | awk '{ print $1 / 1024 }')"
    done
}

echo "load: $(uptime | sed 's/.*average: //'), processors: $(nproc), pinned to $pin"
echo
speed
echo
if [ -x /usr/bin/time ]; then first_token; else echo "skipped: the first token (no /usr/bin/time)"; fi
