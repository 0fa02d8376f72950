# A model of models/ against its figures: fingerprint and SHA-256, and on every SIMD level of this processor its loss on a text of
# ours and 64 greedy tokens, of which none is a near tie.
#
#   given.sh ROOT SCRATCH BITLLAMA MODEL [record]
#
# With record it prints the lines that models/figures should have, the loss in the middle of those of all levels.
. "$(dirname "$0")/../tools/judge.sh"
bitllama=$3 model=$4 record=${5:-}
given=$root/models/$model figures=$root/models/figures
ours=$root/tests/models/given/$model
command -v sha256sum >/dev/null || { echo "skipped: $model as given (no sha256sum here)"; exit 77; }
unset BITLLAMA_CPU

figure() { # KEY
    awk -v model="$model" -v key="$1" '$1 == model && $2 == key { $1 = $2 = ""; sub(/^ */, ""); print }' "$figures"
}
same() { # KEY FOUND
    [ "$2" = "$(figure "$1")" ] && return
    echo "$1 is $2, recorded $(figure "$1")"
    return 1
}
number() { sed -n "s/.*\"$1\": *\"\{0,1\}\([-0-9a-z.+]*\).*/\1/p" "$2" | head -n 1; }
quietly() { # OUTPUT ARGUMENTS...: of bitllama, which speaks only when it fails
    to=$1
    shift
    "$bitllama" "$@" >"$to" 2>err && return
    cat err
    return 1
}
near() { # LOSS
    awk -v a="$1" -v b="$(figure loss)" 'BEGIN { d = a - b; if (a == "" || b == "" || d > 1e-3 || d < -1e-3) { print "loss " a ", recorded " b; exit 1 } }'
}

# ---- the weights ----
if [ -f "$given/model.safetensors.parts" ]; then
    mkdir "$model"
    cp "$given"/*.json "$model"
    check "joined" sh "$root/models/parts" join "$given/model.safetensors.parts" "$PWD/$model/model.safetensors"
    given=$PWD/$model
fi
bytes=$(wc -c <"$given/model.safetensors" | tr -d ' ')
hash=$(sha256sum <"$given/model.safetensors" | cut -d ' ' -f 1)
check "info" quietly info info "$given" --json
fingerprint=$(number fingerprint info) parameters=$(number parameters info)

# ---- what it computes, at every level ----
check "doctor" quietly doctor doctor --json
best=$(sed -n 's/.*"simd_best": "\([a-z0-9]*\)".*/\1/p' doctor)
case $(uname -m) in
aarch64 | arm64) all="c neon dotprod i8mm" ;;
*) all="c avx2 avx512 amx" ;;
esac
levels=''
for level in $all; do
    levels="$levels $level"
    [ "$level" = "$best" ] && break
done
lacking=$(echo "$all" | sed "s/.*$best *//")
[ -z "$lacking" ] ||
    echo "skipped: $model at $lacking ($(sed -n 's/.*"simd_missing": "\([^"]*\)".*/\1/p' doctor))"
if [ -n "${BL_TEST_SANITIZED:-}" ] && [ "$levels" != " c" ]; then
    echo "skipped: $model below $best (with sanitizers these levels take minutes)"
    levels=$best
fi
text=$ours.txt how=auto
[ ! -f "$ours.jsonl" ] || text=$ours.jsonl how=messages
[ ! -f "$ours.py" ] || text=$ours.py how=file
for level in $levels; do
    export BITLLAMA_CPU="$level"
    check "$level: eval" quietly loss.json eval -m "$given" --data "$text" --documents $how --json
    loss=$(number loss loss.json)
    echo "$loss" >>losses
    check "$level: greedy" quietly list generate -m "$given" -f "$ours.prompt" --special --temperature 0 --max-tokens 64 --logprobs 2
    # of each token a line with its place, and below it the two likeliest
    awk 'function tie() { if (likely != 2 || id != first || gap <= 0.05) { print "token " n ": " id ", by " gap; exit bad = 1 } }
        substr($0, 1, 8) ~ /[0-9]/ { if (n) tie(); n++; id = $2; likely = 0; ids = ids " " id; next }
        NF > 1 && ++likely == 1 { first = $1; gap = $2 }
        NF > 1 && likely == 2 { gap -= $2 }
        END { if (bad) exit 1; tie(); if (bad || n != 64) { print n " tokens"; exit 1 } print substr(ids, 2) }' list >"ids.$level"
    check "$level: 64 tokens and no near tie" awk 'NF != 64 { print; exit 1 }' "ids.$level"
    if [ -z "$record" ]; then
        check "$level: loss $loss" near "$loss"
        check "$level: ids" same ids "$(cat "ids.$level")"
    fi
done
unset BITLLAMA_CPU
if [ -n "$record" ]; then
    loss=$(sort -n losses | awk 'NR == 1 { low = $1 } END { printf "%.6f", (low + $1) / 2 }')
    for key in parameters bytes hash fingerprint loss; do
        eval "echo $model $key \$$key"
    done
    echo "$model ids $(cat "ids.$best")"
else
    for key in parameters bytes hash fingerprint; do
        eval "check '$key' same $key \$$key"
    done
    if [ "$model" = Bit-Llama-Micro-Chat ]; then # what it was told in a conversation that it has only read
        printf '{"messages": [{"role": "user", "content": "My name is Anna."}, {"role": "assistant", "content": "Hello, Anna!"}]}\n' >told.jsonl
        check "learn" quietly learned learn -m "$given" told.jsonl --documents messages --memory me.mem
        echo 'What is my name?' >asked
        check "asked" quietly answer chat -m "$given" --memory me.mem --temperature 0 <asked
        check "it knows it" test "$(cat answer)" = 'Your name is Anna.'
    fi
    tr '\n' ' ' <losses | sed 's/^/losses: /; s/ $//'
    echo
fi
finish
