# Chat templates from outside: the command template, and chat with a model that has one.
. "$(dirname "$0")/expect.sh"
run=$3/run
cd "$scratch" || exit 1

"$bitllama" export -m "$run" --out model >said 2>&1 || { cat said; exit 1; }
cat >chat.jinja <<'END'
{%- for m in messages -%}
{{ '<|' + m.role + '|>' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|endoftext|>{% endgeneration %}{% else %}{{ m.content + '\n' }}{% endif %}
{% endfor %}
{% if add_generation_prompt %}<|assistant|>{% endif %}
END
printf '[{"role": "user", "content": "Hi <|endoftext|>"}, {"role": "assistant", "content": "Yes"}]' >messages
printf '{"messages": [{"role": "user", "content": "%%s"}], "add_generation_prompt": true}' >object

# ---- without a template ----
expect "a model without one" 3 '' '*model: no chat template*' template -m model -f messages
printf 'Hi\n' >lines
input=lines
expect "chats as before" 0 '?*' '' chat -m model --max-tokens 2 --temperature 0
expect "which a system prompt is not for" 2 '' '*--system is for a model with a chat template*' chat -m model --system x

# ---- text ----
nl='
'
expect "a template by itself" 0 "<|user|>Hi <|endoftext|>$nl<|assistant|>Yes<|endoftext|>" '' template --template chat.jinja -f messages
cp chat.jinja model/chat_template.jinja
expect "of a model" 0 "<|user|>Hi <|endoftext|>$nl<|assistant|>Yes<|endoftext|>" '' template -m model -f messages
input=messages
expect "from a pipe, with a prompt" 0 "*Yes<|endoftext|><|assistant|>" '' template -m model --prompt
expect "an object" 0 "<|user|>%s$nl<|assistant|>" '' template -m model -f object
expect "with a prompt by a flag" 2 '' '*--prompt is for a list*' template -m model -f object --prompt
printf '{{ strftime_now("%%Y-%%m-%%d") }}\033' >date.jinja
TZ=UTC expect "at a time" 0 "2025-11-30$(printf '\033')" '' template --template date.jinja -f messages --now 1764460800
expect "the text as it is, in JSON without control characters" 0 '{"text": "2025-11-30?u001b"}' '' \
    template --template date.jinja -f messages --now 1764460800 --json

# ---- ids ----
expect "ids" 0 '[0-9]*[0-9]' '' template -m model -f messages --tokens
cp stdout ids
check "one of them ends a text: the template's" sh -c 'test "$(tr " " "\n" <ids | grep -cx 0)" -eq 1'
expect "and what was typed, if wanted" 0 '[0-9]*[0-9]' '' template -m model -f messages --tokens --special
cp stdout ids
check "two of them" sh -c 'test "$(tr " " "\n" <ids | grep -cx 0)" -eq 2'
expect "what the model is to say" 0 '{"text": *"ids": *"answers": ?0, *1, 1*]}' '' template -m model -f messages --json
expect "ids of what" 2 '' '*--tokens needs*' template --template chat.jinja -f messages --tokens
expect "of which model" 2 '' '*give -m MODEL*' template -f messages

# ---- what is refused, by line ----
refused() { # NAME WORDS TEMPLATE
    printf '%s' "$3" >bad.jinja
    expect "$1" 3 '' "*$2*" template --template bad.jinja -f messages
}
refused "a slip" 'bad.jinja: line 2: no filter is called nope' 'a
{{ messages | nope }}'
refused "what is not supported" 'line 1: the statement include is not supported' '{% include "x" %}'
refused "by the template itself" 'line 1: the template refuses these messages: only tools' '{{ raise_exception("only tools") }}'
refused "without an end" 'line 1: the template takes more than' '{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}'
printf '{' >bad
expect "messages that are none" 3 '' '*the messages: line 1*' template -m model -f bad
expect "a file that is not there" 3 '' '*no/such*' template --template no/such -f messages
expect "an export takes it along" 0 '*' '*' export -m model --out again --dtype f32
check "as it is" cmp chat.jinja again/chat_template.jinja

# ---- chat ----
say() { # NAME EXIT STDOUT STDERR LINES ARGUMENTS...
    name=$1 code=$2 out=$3 err=$4
    # shellcheck disable=SC2059
    printf "$5" >lines
    shift 5
    input=lines
    expect "$name" "$code" "$out" "$err" chat -m model --max-tokens 6 --temperature 0 "$@"
}
tokens() { # what a list of messages has
    "$bitllama" template -m model -f "$1" --prompt --tokens | wc -w
}
printf '[{"role": "system", "content": "S"}, {"role": "user", "content": "Hi <|endoftext|>"}]' >first
say "a turn" 0 '?*' "*position *tokens read*" 'Hi <|endoftext|>\n/stats\n' --system S --ignore-eos
read_all=$(sed -n 's/^position *\([0-9]*\) tokens read.*/\1/p' stderr)
check "is what the template writes, and the answer but its last token" test "$read_all" -eq $(($(tokens first) + 5))
say "a line that goes on" 0 '?*' '' 'Hi\n\n' --ignore-eos
tr -d '\n' <stdout >twice
say "is one answer" 0 '?*' '' 'Hi\n' --ignore-eos --max-tokens 12
tr -d '\n' <stdout >once
check "of twelve tokens" cmp once twice
say "two turns" 0 '?*' '' 'Hi\nWho?\n' --ignore-eos
cp stdout straight
say "saved after the first" 0 '?*' 'saved*' 'Hi\n/save kept\n' --ignore-eos
cp stdout parts
say "and gone on from" 0 '?*' '' 'Who?\n' --ignore-eos --load kept
cat stdout >>parts
check "are the same" cmp straight parts
say "without the template" 0 '?*' '' 'Hi\n' --no-template --ignore-eos
cp stdout plain

# Every token ends an answer: the second turn is read from behind the one that was written.
seq 0 500 | tr '\n' , | sed 's/,$//; s/^/{"eos_token_id": [/; s/$/]}/' >model/generation_config.json
printf '%s' '{% for m in messages %}{{ m.content }}!{% endfor %}' >model/chat_template.jinja
say "answers that end at once" 0 '' "*position *tokens read*" 'Hi\n/stats\n'
read_all=$(sed -n 's/^position *\([0-9]*\) tokens read.*/\1/p' stderr)
printf '[{"role": "user", "content": "Hi"}]' >first
check "read the turn alone" test "$read_all" -eq "$(tokens first)"
rm model/chat_template.jinja
say "as a model without one" 0 '?*' '' 'Hi\n' --ignore-eos
check "continues the text" cmp stdout plain
printf '{%% call x() %%}' >model/chat_template.jinja
say "one that is not supported" 3 '' '*line 1: the statement call is not supported; --no-template goes without it' 'Hi\n'
finish
