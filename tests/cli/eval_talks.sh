# eval on conversations: the loss on answers that it finds in JSON Lines is that of the data folder which prepare makes of them, by
# ChatML and by templates without generation blocks and with them; in documents, in a stream, by position and from a memory; refusals.
# learn reads the same conversations, with the loss of the stream, and leaves what a conversation begins behind.
. "$(dirname "$0")/expect.sh"
cp -R "$(dirname "$0")/../fixtures/templates" "$scratch" && cd "$scratch" || exit 1
shape="--preset tiny --hidden-size 64 --intermediate-size 96 --num-hidden-layers 2 --num-attention-heads 2 --steps 3 --batch 2 --context 64 --lr 4e-3"
quiet="--no-samples --no-plot --save-seconds 0 --seed 1 --eval-tokens 0"

# Conversations of one length in bytes, of which a tokenizer without merges makes as many tokens.
talk() { # NUMBER
    printf '{"messages": [{"role": "user", "content": "Say %02d."}, {"role": "assistant", "content": "It is %02d!"}, ' "$1" $((97 - $1))
    printf '{"role": "user", "content": "And %02d?"}, {"role": "assistant", "content": "No, %02d."}]}\n' $(($1 + 30)) $((3 * $1))
}
for i in 10 17; do talk $i; done >ends.jsonl
for i in 11 12 13 14 15 16; do talk $i; done >rest.jsonl
(sed 1q ends.jsonl && cat rest.jsonl && sed 1d ends.jsonl) >all.jsonl
prepared() { # DATA OUT TEMPLATE...
    file=$1 out=$2
    shift 2
    expect "$out: prepared" 0 '' '*of answers *' prepare "$file" --documents messages --val-split 0 --out "$out" "$@"
}
eval_json() { # ARGUMENTS...: loss * tokens, tokens, loss
    "$bitllama" eval -m run --json "$@" 2>stderr | sed 's/.*"loss": \([0-9.]*\).*"tokens": \([0-9]*\), "bytes": null.*/\1 \2/;q' |
        awk 'NF == 2 { printf "%.9g %s %s\n", $1 * $2, $2, $1 }'
}
same() { # A B: to five digits
    awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; exit !(a != "" && b != "" && a > 0.1 && d * d <= 1e-10 * a * a) }'
}
counted() { # DATA: tokens of answers
    grep -o '"counted": [0-9]*' "$1/meta.json" | head -n 1 | tr -dc 0-9
}
length() { # DATA: tokens
    echo $(($(wc -c <"$1/train.bin") / 2))
}

for family in chatml llama mistral_generation; do
    rm -rf all ends rest run
    set -- --vocab-size 300 --min-frequency 1000000
    [ $family = chatml ] || set -- "$@" --chat-template "templates/$family.jinja"
    prepared all.jsonl all "$@"
    prepared ends.jsonl ends --tokenizer all
    prepared rest.jsonl rest --tokenizer all
    long=$(($(length ends) / 2))
    check "$family: as long as each other" test "$(length rest)" = $((6 * long))
    # shellcheck disable=SC2086 # words
    expect "$family: a model" 0 '' '*' train --data all --out run $shape $quiet
    set -- --data rest.jsonl --documents messages

    # A window holds a conversation and the token before it, as every conversation of a text is read; but the first of a file has
    # none, and the last window ends with the file.
    lines=$(eval_json "$@")
    whole=$(eval_json --data all/train.bin --window "$long") ends=$(eval_json --data ends/train.bin --window "$long")
    echo "$family: nats, tokens, loss of lines: $lines; of the data: $whole, its ends: $ends"
    check "$family: as many answers" test "$(echo "$lines" | cut -d ' ' -f 2)" = "$(counted rest)"
    check "$family: with the same loss" same "${lines%% *}" "$(awk -v a="${whole%% *}" -v b="${ends%% *}" 'BEGIN { printf "%.9g", a - b }')"

    # By position: the same tokens.
    expect "$family: by position" 0 '{"loss": *"by_position": *}' '*' eval -m run "$@" --by-position --json
    check "$family: the positions hold them" test "$(tr '{' '\n' <stdout | sed -n 's/.*"first": .*"tokens": \([0-9]*\).*/\1/p' | awk '{ n += $1 } END { print n }')" = "$(counted rest)"
    printf 'A b c.' >little
    expect "$family: a memory" 0 '*' '*' learn -m run little --memory mem
    expect "$family: from it" 0 '*"tokens": '"$(counted rest)"',*"beside": *' '*' eval -m run "$@" --memory mem --beside none --json
    check "$family: beside none" same "$(sed 's/.*"beside": \([0-9.]*\).*/\1/' stdout)" "${lines##* }"
    rm mem

    # A stream of both: where the template does not begin with that token the lines have one more in front.
    expect "$family: a stream" 0 '*"tokens": '"$(counted rest)"', *' '*' eval -m run "$@" --stream --json
    sed 's/.*{"loss": \([0-9.]*\).*/\1/' stdout >stream
    expect "$family: a stream of the data" 0 '*"bits_per_byte": null, "tokens": '"$(counted rest)"', *' '*' eval -m run --data rest/train.bin --stream --json
    [ $family = chatml ] || check "$family: is the same" same "$(sed 's/{"loss": \([0-9.]*\).*/\1/' stdout)" "$(sed 's/{"loss": \([0-9.]*\).*/\1/' stream)"
    check "$family: much the same" awk -v a="$(sed 's/{"loss": \([0-9.]*\).*/\1/' stdout)" -v b="$(sed 's/{"loss": \([0-9.]*\).*/\1/' stream)" \
        'BEGIN { exit !(a > 0.1 && a / b > 0.99 && a / b < 1.01) }'

    # Learned, they are a stream too, in one piece or two, from which a conversation begins.
    expect "$family: learned" 0 '*loss *nats a token*' '*' learn -m run rest.jsonl --documents messages --memory talks
    cp stdout learned_rest
    check "$family: with the loss of the stream" awk -v a="$(awk '$1 == "loss" { print $2 }' stdout)" -v b="$(cat stream)" \
        'BEGIN { exit !(a > 0.1 && a - b < 6e-5 && b - a < 6e-5) }'
    sed 3q rest.jsonl >first.jsonl
    sed 1,3d rest.jsonl >second.jsonl
    expect "$family: the first half" 0 '*' '*' learn -m run first.jsonl --documents messages --memory halves
    expect "$family: the second" 0 "*$(grep ^position learned_rest)*" '*' learn -m run second.jsonl --documents messages --memory halves
    check "$family: the same memory" cmp talks halves
    expect "$family: texts all the same" 0 '*documents*' '*' learn -m run rest.jsonl --documents line --memory halves
    rm talks halves

    # One conversation is its own stream.
    sed 1q rest.jsonl >one.jsonl
    for state in loss fresh; do
        check "$family: one conversation, $state" same "$("$bitllama" eval -m run --data one.jsonl --documents messages --stream --json 2>stderr |
            sed 's/.*[{ ]"'$state'": \([0-9.]*\), "[ps].*/\1/')" "$(eval_json --data one.jsonl --documents messages | cut -d ' ' -f 3)"
    done

    # The template named is the one that the model has, and goes before it.
    [ $family = chatml ] || check "$family: by the file" same "$(eval_json "$@" --chat-template "templates/$family.jinja" | cut -d ' ' -f 3)" "${lines##* }"
    check "$family: from standard input" same "$(eval_json --data - --documents messages <rest.jsonl | cut -d ' ' -f 3)" "${lines##* }"
    expect "$family: exported" 0 '*' '*' export -m run --out packed --force
    check "$family: counts as many" test "$("$bitllama" eval -m packed "$@" --json 2>stderr | sed 's/.*"tokens": \([0-9]*\).*/\1/')" = "$(counted rest)"
done

# ---- what training says of one long text is the answers' loss ----
for i in $(seq 10 97); do talk "$i"; done >long.jsonl
prepared long.jsonl long --vocab-size 300 --min-frequency 1000000 --val-split 0.5
rm -rf run
expect "a memory that does not last" 0 '' '*warning: the loss on one long text rises: *' train --data long --out run --preset tiny --no-pre-conv \
    --hidden-size 32 --intermediate-size 48 --num-hidden-layers 2 --num-attention-heads 2 --mini-batch-size 4 --context 16 --batch 8 --steps 300 --seed 1 \
    --lr 1e-2 --no-samples --no-plot --no-ttt-forget
sed -n 's/.*rises: it is \([0-9.]*\) nats a token after \([0-9]*\) tokens, where a fresh state has \([0-9.]*\);.*/\2 \1 \3/p' stderr >told
after() { # DATA: loss and fresh of the octave that it names
    "$bitllama" eval -m run --data "$1" --stream --window 16 --json 2>stderr | tr '{' '\n' |
        sed -n 's/^"first": '"$(cut -d ' ' -f 1 told)"', .*"loss": \([0-9.]*\), "fresh": \([0-9.]*\).*/\1 \2/p' |
        awk -v first="$(cut -d ' ' -f 1 told)" '{ printf "%s %.4f %.4f\n", first, $1, $2 }'
}
check "as eval --stream has it" test "$(after long)" = "$(cat told)"
mkdir all_tokens && cp long/val.bin all_tokens
check "and not of all tokens" test "$(after all_tokens/val.bin)" != "$(cat told)"
check "which it has too" test -n "$(after all_tokens/val.bin)"

# ---- where no template is named ----
without() { # the packed model without its template
    rm -rf bare && cp -R packed bare && printf '{"eos_token": "<|endoftext|>"}' >bare/tokenizer_config.json
}
without # of mistral_generation
expect "no template, and no marks of ChatML" 2 '' '*bare has no special token <|im_start|>, which ChatML writes: *--chat-template*' \
    eval -m bare --data rest.jsonl --documents messages
expect "one that is named" 0 '{*' '*' eval -m bare --data rest.jsonl --documents messages --chat-template templates/mistral_generation.jinja --json
expect "one that does not go with it" 2 '' '*bare has no special token <|start_header_id|>, which the chat template writes: *' \
    eval -m bare --data rest.jsonl --documents messages --chat-template templates/llama.jinja
expect "one that is none" 3 '' '*nothing.jinja: no such file*' eval -m bare --data rest.jsonl --documents messages --chat-template nothing.jinja
expect "one for a text" 2 '' '*--chat-template writes conversations: it needs --documents messages*' eval -m bare --data little --chat-template templates/llama.jinja
printf '{"chat_template": "{%% include %%}"}' >bare/tokenizer_config.json
expect "a folder's that cannot be read" 3 '' '*the statement include is not supported*' eval -m bare --data rest.jsonl --documents messages
prepared all.jsonl marks --vocab-size 300 --min-frequency 1000000
rm -rf run
# shellcheck disable=SC2086
expect "a model with the marks of ChatML" 0 '' '*' train --data marks --out run $shape $quiet
expect "packed" 0 '*' '*' export -m run --out packed --force
expect "by its template" 0 '*' '*' eval -m packed --data rest.jsonl --documents messages
cp stdout by_its_own
without
expect "and without it" 0 "$(cat by_its_own)" '*' eval -m bare --data rest.jsonl --documents messages

# ---- what is no conversation; texts as ever ----
printf '{"messages": [{"role": "user", "content": "Hi."}]}\n' >none.jsonl
expect "no answer" 3 '' '*none.jsonl: line 1: no message of the assistant*' eval -m packed --data none.jsonl --documents messages
cat none.jsonl rest.jsonl >some.jsonl
expect "one line of that kind" 0 "$(cat by_its_own)" '*' eval -m packed --data some.jsonl --documents messages --skip-bad
expect "a text is read as before" 0 '*bits per byte  [0-9]*tokens         [78]*' '*' eval -m packed --data little
expect "talks taken for texts" 3 '' '*rest.jsonl: line 1: no field "text"; --documents messages reads conversations*' learn -m packed rest.jsonl --memory none
expect "a template that is not used" 2 '' '*--chat-template writes conversations: it needs --documents messages*' \
    learn -m packed rest.jsonl --chat-template templates/llama.jinja --memory none
check "leaves no memory" test ! -e none
expect "a bad line is told" 3 '' '*some.jsonl: line 1: no message of the assistant*' learn -m packed some.jsonl --documents messages --memory none
expect "the others" 0 '*' '*' learn -m packed rest.jsonl --documents messages --memory none
cp stdout learned_rest
printf '/learn rest.jsonl --documents messages\n/learn rest.jsonl --documents letters\n/save chat.mem\n' >lines
input=lines
expect "a chat learns them" 2 '' '*learned rest.jsonl: *[0-9] tokens, *.[0-9]* nats a token*documents*letters*' chat -m packed
check "the same memory" cmp none chat.mem
expect "or dropped" 0 "$(sed '/^distance/d' learned_rest)*" '*bad lines *1 dropped*' learn -m packed some.jsonl --documents messages --memory skipped --skip-bad
finish
