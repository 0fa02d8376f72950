# The states of a chat: what /undo, /retry, /edit, branches, /learn and /set leave is what a conversation without them has.
. "$(dirname "$0")/expect.sh"
run=$3/run
model=$run
cd "$scratch" || exit 1

# say NAME EXIT STDOUT STDERR LINES ARGUMENTS...: chat with these lines (printf's format) to read.
say() {
    name=$1 code=$2 out=$3 err=$4
    # shellcheck disable=SC2059 # the format is meant
    printf "$5" >lines
    shift 5
    input=lines
    expect "$name" "$code" "$out" "$err" chat -m "$model" --max-tokens 12 --ignore-eos "$@"
}
# same NAME LINES LINES ARGUMENTS...: both conversations end in the same memory.
same() {
    title=$1
    # shellcheck disable=SC2059 # the format is meant
    printf "$2/save one.mem\n" >one.txt
    # shellcheck disable=SC2059
    printf "$3/save two.mem\n" >two.txt
    shift 3
    rm -f one.mem two.mem
    for way in one two; do
        input=$way.txt
        expect "$title: $way" 0 '*' '*' chat -m "$model" --max-tokens 12 --ignore-eos "$@"
    done
    check "$title" cmp one.mem two.mem
}
# ---- taking back ----
for how in "--temperature 0 --seed 3" "--seed 7" "--seed 7 --repeat-penalty 1.3 --top-k 0" "--seed 7 -j {}"; do
    # shellcheck disable=SC2086 # words
    {
        same "/undo ($how)" 'Once\nthe dog\n/undo\nran\n' 'Once\nran\n' $how
        same "/undo twice ($how)" 'Once\nthe dog\nran\n/undo\n/undo\nran\n' 'Once\nran\n' $how
        same "/undo of the first turn ($how)" 'the dog\n/undo\nOnce\n' 'Once\n' $how
        same "/undo of an empty line ($how)" 'Once\n\n\n/undo\n' 'Once\n\n' $how
        same "/edit ($how)" 'Once\nthe cat\n/edit the dog\nran\n' 'Once\nthe dog\nran\n' $how
        same "/edit goes back to what was said ($how)" 'Once\nthe cat\n\n\n/edit the dog\n' 'Once\nthe dog\n' $how
        same "/edit of the first ($how)" 'a\n/edit Once\nran\n' 'Once\nran\n' $how
    }
done
same "/undo of everything" 'Once\nthe dog\n/undo\n/undo\n' '' --seed 7
same "/undo of /reset" 'Once\n/reset\nthe dog\n/undo\n/undo\n' 'Once\n' --seed 7
say "a memory" 0 '?*' '*' 'Once\n/save kept.mem\n' --seed 5
same "/undo of /load" 'the dog\n/load kept.mem\n/undo\n' 'the dog\n' --seed 7
say "a failed /load is no step" 3 '?*' '*took back what you said, "the dog": *' 'Once\nthe dog\n/load lines\n/undo\n'
say "a failed line is no step" 3 '?*' '*took back what you said, "the dog": *' 'Once\nthe dog\nx\377y\n/undo\n'
say "/undo of nothing" 2 '' "*no turn to go back to*" '/undo\n'
say "nor is there one after /undo" 2 '?*' "*no turn to go back to*" 'hi\n/undo\n/undo\n'
{
    yes hi | head -n 40
    yes /undo | head -n 33
    echo /stats
} >lines
input=lines
expect "the last 32 turns are kept" 2 '?*' "*1 of the lines failed, the first: there is no turn*" chat -m "$run" \
    --max-tokens 3 --ignore-eos
check "and not more" test "$(grep -c '^took back' stderr)" -eq 32

# ---- another answer ----
with_seeds() { # NAME LINES SEED LINES SEED: the same memory
    rm -f one.mem two.mem
    say "$1: one" 0 '?*' '*' "$2/save one.mem\n" --seed "$3"
    say "$1: two" 0 '?*' '*' "$4/save two.mem\n" --seed "$5"
    check "$1" cmp one.mem two.mem
}
with_seeds "/retry has the next seed" 'Once\n/retry\n' 7 'Once\n' 8
with_seeds "and the one after it" 'Once\n/retry\n/retry\nran\n' 7 'Once\nran\n' 9
with_seeds "/seed chooses it" 'Once\n/seed 5\n/retry\n' 7 'Once\n' 5
with_seeds "also the same" 'Once\n/seed 7\n/retry\n' 7 'Once\n' 7
with_seeds "/undo after /retry" 'Once\n/retry\n/undo\nthe dog\n' 7 'the dog\n' 7
with_seeds "/reset after /retry" 'Once\n/retry\n/reset\nthe dog\n' 7 'the dog\n' 7
with_seeds "/edit after /retry" 'Once\n/retry\n/edit the dog\n' 7 'the dog\n' 7
with_seeds "/seed and /undo" 'Once\nran\n/seed 5\n/undo\nthe dog\n' 7 'Once\n/seed 5\nthe dog\n' 7
say "without a seed" 0 '?*' '' 'Once\n/retry\n' --temperature 1.5
half=$(($(wc -l <stdout) / 2))
check "two answers" test "$(wc -l <stdout)" -ge 2
check "that differ" test "$(head -n $half stdout | cksum)" != "$(tail -n $half stdout | cksum)"
say "at temperature 0" 0 '?*' "(at temperature 0 there is one answer only*" 'Once\n/retry\n' --temperature 0
say "under a grammar" 0 '?*' '' 'hi\n/retry\n/edit ha\n' --grammar 'root ::= [a-z]+'
check "every answer is of it" test "$(grep -c '^[a-z][a-z]*$' stdout)" -eq 3
say "/retry of nothing" 2 '' "*no turn to go back to*" '/retry\n'
say "/retry of /reset" 2 '?*' "*no answer*" 'hi\n/reset\n/retry\n'
say "/edit of nothing" 2 '' "*no turn to go back to*" '/edit hi\n'
say "/edit without text" 2 '?*' "*/edit needs the text here*" 'hi\n/edit\n'
say "/edit that cannot be read" 3 '?*' "*UTF-8*" 'Once\n/edit x\377y\n/save one.mem\n' --seed 7
say "the turn" 0 '?*' "*" 'Once\n/save two.mem\n' --seed 7
check "stays as it was" cmp one.mem two.mem

# ---- branches ----
with_seeds "a branch goes on" 'Once\n/branch b\nthe dog\n' 7 'Once\nthe dog\n' 7
with_seeds "the other stays" 'Once\n/branch b\nthe dog\n/switch main\nran\n' 7 'Once\nran\n' 7
with_seeds "back and forth" 'Once\n/branch b\nthe dog\n/retry\n/switch main\nran\n/switch b\nran\n/switch main\nran\n' 7 \
    'Once\nran\nran\n' 7
with_seeds "/undo in each" 'Once\nthe cat\n/branch b\nthe dog\n/undo\n/switch main\n/undo\n' 7 'Once\n' 7
say "/branches" 0 '?*' "*\* main *[0-9] tokens read, * bytes*  b  *[0-9] tokens read*" 'Once\n/branch b\n/switch main\n/branches\n'
say "a branch that is there" 2 '' "*there is a branch b; /switch b*" '/branch b\n/branch b\n'
say "the one one is on" 2 '' "*you are on branch b*" '/branch b\n/switch b\n'
say "none of that name" 2 '' "*no branch c; /branches lists them*" '/switch c\n'
say "two words" 2 '' "*a name of one word*" '/branch b c\n'
say "a long name" 2 '' "*up to 32 bytes*" '/branch aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n'
seq 16 | sed 's/.*/\/branch b&/' >lines
printf '/drop b3\n/branch b17\n/branches\n' >>lines
input=lines
expect "sixteen branches" 2 '' "*1 of the lines failed, the first: there are 16 branches*" chat -m "$run"
check "and a seventeenth for one that was dropped" test "$(grep -c 'tokens read' stderr)" -eq 16

# ---- reading for its own sake ----
printf 'Once upon a time there was a dog. The dog ran to the tree and said hello.\n' >text.txt
rm -f one.mem two.mem
say "/learn" 0 '' "*learned text.txt: *[0-9] tokens, *.[0-9]* nats a token*" '/learn text.txt\n/save one.mem\n'
expect "learn" 0 '*' '*' learn -m "$run" text.txt --memory two.mem
check "the same memory" cmp one.mem two.mem
same "/read" 'Once\n/read text.txt\nran\n' 'Once\n/learn text.txt\nran\n' --seed 7
same "/learn of good" 'Once\n/learn text.txt --consolidate 0.1 --every 8\nran\n' 'Once\n/learn --every=8 --consolidate=0.1 text.txt\nran\n' --seed 7
say "/learn --consolidate" 0 '' "*learned text.txt: *[0-9] tokens, *, [1-9]* consolidations*" '/learn text.txt --consolidate 0.1 --every 8\n/save one.mem\n'
rm two.mem
expect "learn --consolidate" 0 '*' '*' learn -m "$run" text.txt --memory two.mem --consolidate 0.1 --every 8
check "the same memory" cmp one.mem two.mem
check "and not that of a lesson that is forgotten" sh -c '"$bitllama" memory show one.mem -m "$1" --json | grep -q "\"version\": 2"' - "$run"
cp text.txt "a text"
same "a name with blanks" '/learn --consolidate 0.1 a text --every 16\n' '/learn text.txt --consolidate 0.1 --every 16\n' --seed 7
say "/undo of a base" 0 '?*' '*took back /learn of "text.txt"*' 'Once\n/learn text.txt --consolidate 0.1\n/undo\n/save one.mem\n' --seed 7
say "is as if there was none" 0 '?*' '*' 'Once\n/save two.mem\n' --seed 7
check "to the bit" cmp one.mem two.mem
say "a share of all and more" 2 '' "*--consolidate is a share above 0 and at most 1, not '2'*" '/learn text.txt --consolidate 2\n'
say "every and no share" 2 '' "*--every needs --consolidate*" '/learn text.txt --every 8\n'
say "every so many words" 2 '' "*--every is a whole number*'x'*" '/learn --every x text.txt --consolidate 0.1\n'
say "flags and no file" 2 '' "*/learn needs a FILE*" '/learn --consolidate 0.1\n'
same "/undo of /learn" 'Once\n/learn text.txt\n/undo\nran\n' 'Once\nran\n' --seed 7
say "a failed /learn is no step" 3 '?*' '*no.txt*took back what you said, "ran": *' 'Once\nran\n/learn no.txt\n/undo\n'
say "/learn of standard input" 2 '' "*/learn reads files*" '/learn -\n'
say "/retry of /learn" 2 '' "*no answer*" '/learn text.txt\n/retry\n'
say "a kept conversation learns" 0 '?*' "*" 'Once\n/learn text.txt\n/save one.mem\n' --memory me.mem
check "and keeps it" cmp one.mem me.mem
say "takes back" 0 '?*' "*" 'ran\n/undo\n/save one.mem\n' --memory me.mem
check "and keeps that" cmp one.mem me.mem
say "goes on in a branch" 0 '?*' "*" '/branch b\nran\n/switch main\n/save one.mem\n' --memory me.mem
check "and keeps where one is" cmp one.mem me.mem

# ---- settings ----
with_flag() { # NAME LINES FLAGS...: the flags do what the lines do
    title=$1 lines=$2
    shift 2
    say "$title" 0 '?*' '*' "$lines"'Once\n' --seed 7
    cp stdout set
    say "$title as a flag" 0 '?*' '' 'Once\n' --seed 7 "$@"
    check "$title: the same" cmp stdout set
}
with_flag "/set temperature" '/set temperature 0\n' --temperature 0
with_flag "/set temp" '/set temp=1.7\n' --temp 1.7
with_flag "/set top-k" '/set top-k 1\n' --top-k 1
with_flag "/set top_p" '/set top_p 0.1\n' --top-p 0.1
with_flag "/set min_p" '/set min_p 0.5\n' --min-p 0.5
with_flag "/set repeat-penalty" '/set repeat-penalty 1.9\n/set repeat-last 5\n' --repeat-penalty 1.9 --repeat-last 5
with_flag "/set max_tokens" '/set max_tokens 5\n' --max-tokens 5
with_flag "/set seed" '/set seed 9\n' --seed 9
say "/set" 0 '' "*temperature *0.8 *top_k *40 *top_p *0.95 *ignore_eos *true *" '/set\n'
for option in $("$bitllama" chat --help | sed -n '/^sampling:/,/^device:/s/^  \(-., \)*--\([a-z-]*\).*/\2/p'); do
    [ "$option" = logprobs ] && continue
    say "/set $option" 0 '' "$(echo "$option" | tr - _) *" "/set $option\n"
done
say "/set of a near name" 2 '' "*no option topk; did you mean top_k?*" '/set topk 5\n'
say "/set of a far name" 2 '' "*no option frobnicate; /set lists them*" '/set frobnicate\n'
say "/set out of bounds" 2 '' "*top_p*" '/set top_p 2\n'
say "/set of no number" 2 '' "*temperature*" '/set temperature warm\n'
say "/set of what is a list" 2 '' "*no option logprobs*" '/set logprobs 3\n'
say "/bye" 0 '' '' '/bye\nhi\n'
say "/exit" 0 '' '' '/exit\nhi\n'

# ---- with a chat template ----
say "/system without a template" 2 '' "*chat template*" '/system hi\n'
cp -r "$run" chat
model=$scratch/chat
cat >chat/chat_template.jinja <<'EOF'
{% for m in messages %}[{{ m.role }}]{{ m.content }}
{% if m.role == 'assistant' %}<|endoftext|>{% endif %}{% endfor %}{% if add_generation_prompt %}[answer]{% endif %}
EOF
same "/undo of the first turn of a template" 'the dog\n/undo\nOnce\n' 'Once\n' --seed 7 --system S
same "/edit of it" 'the dog\n/edit Once\nran\n' 'Once\nran\n' --seed 7 --system S
same "/system at first" '/system Be brief.\nOnce\n' '/system S\n/system Be brief.\nOnce\n' --seed 7
say "a system prompt by flag" 0 '?*' "*system prompt: Be brief.*" 'Once\n/system\n/save one.mem\n' --seed 7 --system "Be brief."
say "by command" 0 '?*' "*" '/system Be brief.\nOnce\n/save two.mem\n' --seed 7
check "are the same" cmp one.mem two.mem
say "later" 0 '?*' "(from the next conversation on; /reset begins one)*" 'Hi\n/system Be brief.\n/reset\nOnce\n/save two.mem\n' --seed 7
check "from the next conversation on" cmp one.mem two.mem
say "none" 0 '?*' "*no system prompt*" '/system ""\n/system\nOnce\n/save one.mem\n' --seed 7 --system S
say "as without the flag" 0 '?*' "*" 'Once\n/save two.mem\n' --seed 7
check "are the same, too" cmp one.mem two.mem
at() { # LINES: the position after them
    # shellcheck disable=SC2059
    printf "$1/stats\n" | "$bitllama" chat -m "$model" --max-tokens 12 --ignore-eos --seed 7 --system S 2>&1 >/dev/null |
        sed -n 's/^position *\([0-9,]*\) tokens.*/\1/p' | tr -d ,
}
check "a text that is learned is no turn: the first one comes after it" \
    test "$(at '/learn text.txt\nOnce\n')" -eq $(($(at '/learn text.txt\n') + $(at 'Once\n') + 1))

# ---- a memory that was learned begins a conversation ----
learned() { # MEMORY
    rm -f "$1"
    expect "learn for $1" 0 '*' '*' learn -m "$model" text.txt --memory "$1"
}
learned one.mem
say "the first turn after learn" 0 '?*' '*' 'Once\n' --seed 7 --system S --memory one.mem
say "in one program" 0 '?*' '*' '/learn text.txt\nOnce\n/save two.mem\n' --seed 7 --system S
check "is the same" cmp one.mem two.mem
learned one.mem
say "and with --load" 0 '?*' '*' 'Once\n/save one.mem\n' --seed 7 --system S --load one.mem
check "is the same, too" cmp one.mem two.mem
learned one.mem
say "after /load" 0 '?*' '*' '/load one.mem\n/seed 7\nOnce\n/save one.mem\n' --system S
check "and there" cmp one.mem two.mem
say "the second turn" 0 '?*' '*' 'ran\n' --system S --memory one.mem
say "in one program" 0 '?*' '*' '/learn text.txt\nOnce\nran\n/save two.mem\n' --seed 7 --system S
check "begins nothing" cmp one.mem two.mem
expect "learn into a conversation" 0 '*' '*' learn -m "$model" text.txt --memory one.mem
say "and after it" 0 '?*' '*' 'hi\n' --system S --memory one.mem
say "in one program" 0 '?*' '*' '/learn text.txt\nOnce\nran\n/learn text.txt\nhi\n/save two.mem\n' --seed 7 --system S
check "nor does that" cmp one.mem two.mem
learned one.mem
say "/reset of a lesson" 0 '?*' '*' '/reset\nOnce\n/save one.mem\n' --seed 7 --system S --load one.mem
say "leaves nothing of it" 0 '?*' '*' 'Once\n/save two.mem\n' --seed 7 --system S
check "to count" cmp one.mem two.mem

finish
