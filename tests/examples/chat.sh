# examples/chat.c: a model that continues texts, one with a chat template, a memory from one start to the next.
#
#   chat.sh BITLLAMA SCRATCH MODEL PROGRAM
. "$(dirname "$0")/../cli/expect.sh"
run=$3/run chat=$4
cd "$scratch" || exit 1
program() { # NAME EXIT STDERR ARGUMENTS...: chat with the lines of `lines`, judged
    name=$1 code=$2 err=$3
    shift 3
    cases=$((cases + 1))
    "$chat" "$@" <lines >stdout 2>stderr
    got=$?
    [ "$got" -eq "$code" ] || fail "$name" "exit $got, expected $code" stderr
    matches stderr "$err" || fail "$name" "stderr is not $err" stderr
}
position() {
    "$bitllama" memory show "$1" --json 2>/dev/null | sed -n 's/.*"position": *"\([0-9]*\)".*/\1/p'
}

printf 'Once upon\n and then\n' >lines
program "a text, and another" 0 '' "$run"
check "a reply to each" test "$(wc -c <stdout)" -gt 20
program "with a memory that is not there yet" 0 '' "$run" it.mem
check "is made" test -s it.mem
first=$(position it.mem)
check "and has read all of it" test "$first" -gt 10
program "which goes on" 0 '' "$run" it.mem
check "where it was" test "$(position it.mem)" -gt $((first + 10))
printf 'nonsense' >bad.mem
program "not a memory" 3 'chat: bad.mem: *' "$run" bad.mem
check "is left alone" test "$(cat bad.mem)" = nonsense
program "no model" 3 'chat: nothing: *' nothing
program "no argument" 2 'usage: chat *'
printf '' >lines
program "nothing to say" 0 '' "$run"
printf 'caf\351\n' >lines
program "not UTF-8" 3 'chat: *UTF-8*' "$run"

"$bitllama" export -m "$run" --out model >log 2>&1 || { cat log; exit 1; }
cat >model/chat_template.jinja <<'END'
{%- for m in messages -%}
{{ '<|' + m.role + '|>' + m.content }}{% if m.role == 'assistant' %}<|endoftext|>{% endif %}
{% endfor %}
{% if add_generation_prompt %}<|assistant|>{% endif %}
END
printf 'Hi\nAnd you?\nAh\n' >lines
program "by a chat template" 0 '' model talk.mem
check "an answer to each line" test "$(wc -l <stdout)" -ge 3
check "no special token is shown" sh -c '! grep -q "endoftext" stdout'
check "and read" test "$(position talk.mem)" -gt 30
head -c 8000 /dev/zero | tr '\0' 'a' >lines
program "a long line" 0 '' model

# Ctrl-C while a reply is written: the chat says goodbye at the end of its input, and has saved.
mkfifo line || exit 1
"$chat" "$run" cut.mem <line >stdout 2>stderr &
child=$!
exec 3>line
printf 'Once upon\n' >&3
for _ in $(seq 400); do # a Ctrl-C while the model is loaded would end it with 130
    [ -s stdout ] && break
    sleep 0.05
done
check "a reply has begun" test -s stdout
kill -INT $child
exec 3>&-
wait $child
check "ended well" test $? -eq 0
check "and saved" test "$(position cut.mem)" -gt 0
finish
