# Chat without a terminal: lines from a pipe, sessions carried through files, every kind of bad line.
# (With one: tests/chat.)
. "$(dirname "$0")/expect.sh"
run=$3/run
cd "$scratch" || exit 1

# say NAME EXIT STDOUT STDERR LINES ARGUMENTS...: chat with these lines (printf's format) to read.
say() {
    name=$1 code=$2 out=$3 err=$4
    # shellcheck disable=SC2059 # the format is meant
    printf "$5" >lines
    shift 5
    input=lines
    expect "$name" "$code" "$out" "$err" chat -m "$run" --max-tokens 12 --ignore-eos "$@"
}
equal() { # NAME FILE FILE
    check "$1" cmp "$2" "$3"
}

# ---- the text of a turn is what generate makes of it ----
say "a line and /quit" 0 '?*' '' 'hi\n/quit\n' --temperature 0
cp stdout reply
expect "the same by generate" 0 '?*' '*' generate -m "$run" -p hi --temperature 0 --max-tokens 12 --ignore-eos
equal "one reply, no prompt, no noise" stdout reply
say "what stands behind /quit is not read" 0 '?*' '' 'hi\n/quit\nhi\n/frob\n' --temperature 0
equal "nor answered" stdout reply
say "no /quit" 0 '?*' '' 'hi\n' --temperature 0
equal "the end of the input leaves" stdout reply
say "the end in the middle of a line" 0 '?*' '' 'hi' --temperature 0
equal "is the end of that line" stdout reply
say "a line that ends as on Windows" 0 '?*' '' 'hi\r\n' --temperature 0
equal "is that line" stdout reply
say "nothing at all" 0 '' '' ''
say "only commands" 0 '' '' '/temp 1\n/seed 4\n/quit\n'
say "special tokens are letters" 0 '?*' "position *2[0-9] tokens read*" 'a<|endoftext|>b\n/stats\n' --temperature 0
say "unless wanted" 0 '?*' "position *15 tokens read*" 'a<|endoftext|>b\n/stats\n' --temperature 0 --special
say "no text and no bos" 2 '' "*nothing to read*" '\n' --no-bos

# ---- two short replies are one long one; a slash ----
say "twelve tokens, and an empty line for twelve more" 0 '?*' '' 'Once\n\n' --seed 5
tr -d '\n' <stdout >twice
say "twenty-four" 0 '?*' '' 'Once\n' --seed 5 --max-tokens 24
tr -d '\n' <stdout >once
equal "are the same" twice once
say "text with a slash" 0 '?*' '' '//x\n' --temperature 0
cp stdout reply
expect "is one slash" 0 '?*' '*' generate -m "$run" -p /x --temperature 0 --max-tokens 12 --ignore-eos
equal "to the model" stdout reply

# ---- messages of several lines ----
# block TEXT LINES: these lines say that text.
block() {
    expect "generate of $2" 0 '?*' '*' generate -m "$run" -p "$1" --temperature 0 --max-tokens 12 --ignore-eos
    cp stdout reply
    say "a block: $2" 0 '?*' '' "$2" --temperature 0
    equal "says that text: $2" stdout reply
}
two='the dog
ran'
block "$two" '"""the dog\nran"""\n'
block "$two" '"""\nthe dog\nran\n"""\n'
block "$two" '"""\r\nthe dog\r\nran\r\n"""  \r\n'
block "$two" '"""the dog\nran\n"""'
block "
$two
" '"""\n\nthe dog\nran\n\n"""\n'
block 'the dog' '"""the dog"""\n'
block '/stats' '"""/stats"""\n'
block '//x
/quit' '"""\n//x\n/quit\n"""\n'
block 'a """ b
"""c' '"""a """ b\n"""c"""\n'
block '""' '"""""\n"""\n'
block 'the dog\' 'the dog\\\n'
say "an empty block" 0 '?*' '' 'hi\n""""""\n"""\n"""\n' --temperature 0
cp stdout reply
say "empty lines" 0 '?*' '' 'hi\n\n\n' --temperature 0
equal "an empty block is an empty line" stdout reply
say "a block that does not end" 2 '?*' '*error: the input ended after """ that no """ closes*' 'hi\n"""\nthe dog\n/quit\n' --temperature 0
cp stdout reply
say "what stands before it" 0 '?*' '' 'hi\n' --temperature 0
equal "is all that is said" stdout reply
say "a byte 0 in a block" 0 '?*' '' '"""a\000b\nc"""\n/quit\n'
say "invalid UTF-8 in a block" 3 '' "*UTF-8*" '"""a\377\nb"""\n'
{
    echo '"""'
    yes 'the dog ran to the tree and said hello' | head -n 10000
    echo '"""'
    echo /stats
} >lines
input=lines
expect "a block of 10,000 lines" 0 '?*' "position *tokens read*" chat -m "$run" --max-tokens 5 --ignore-eos
check "is one message" test "$(wc -c <stdout)" -lt 100

# ---- saving in one process and continuing in another ----
for how in "--temperature 0" "--seed 7" "--seed 7 --repeat-penalty 1.3 --top-k 0"; do
    # shellcheck disable=SC2086 # words
    {
        say "straight ($how)" 0 '?*' '' 'Once upon a time\nthe dog\nran\n' $how
        cp stdout straight
        say "saved ($how)" 0 '?*' "saved to kept.mem*" 'Once upon a time\nthe dog\n/save kept.mem\n' $how
        cp stdout parts
        say "--load ($how)" 0 '?*' '' 'ran\n' $how --load kept.mem
        cp stdout last
        cat last >>parts
        equal "the same text ($how)" parts straight
        say "/load ($how)" 0 '?*' "going on from kept.mem*" 'noise\n/load kept.mem\nran\n' $how
        tail -c "$(wc -c <last)" stdout >again
        equal "the same over another conversation ($how)" again last
    }
done
say "kept with a seed" 0 '?*' "*" 'Once upon a time\nthe dog\n/save kept.mem\n' --seed 7
say "going on" 0 '?*' '' 'ran\n' --load kept.mem
cp stdout last
say "after another seed" 0 '?*' '*' '/seed 9\nnoise\n/load kept.mem\nran\n' --seed 9
tail -c "$(wc -c <last)" stdout >again
equal "the seed of the file counts" again last
say "the seed of the file" 0 '?*' "*seed *7*" 'ran\n/stats\n' --load kept.mem
say "a seed said anew" 0 '?*' "forgotten" 'a\n/reset\n/seed 9\na\n' --seed 9
half=$(($(wc -c <stdout) / 2)) # a reply may have more lines than one
head -c $half stdout >first
tail -c $half stdout >again
equal "begins again" first again
say "a temperature of 0" 0 '?*' '' 'hi\n' --temperature 0
cp stdout reply
say "/temp 0" 0 '?*' "*temperature *0*" '/temp 0\nhi\n/stats\n'
equal "takes effect" stdout reply

# ---- bad lines: one line each, the conversation continues, the exit code is the first one's ----
say "a good conversation" 0 '?*' '' 'Once\nthe dog\n' --temperature 0
cp stdout good
head -c 5000 "$run/model.safetensors" >cut.mem
head -c 3000 /dev/urandom >noise.mem
printf '%2000s' '' | tr ' ' '[' >deep.mem
: >empty.mem
head -c "$(($(wc -c <kept.mem) - 7))" kept.mem >short.mem
sed 's/bitllama-memory/bitllama-memorx/' kept.mem >other.mem
for file in cut noise deep empty short other; do
    say "/load of a file that is $file" 3 '?*' "*$file.mem*of the lines failed, the first: *$file.mem*" \
        "Once\n/load $file.mem\nthe dog\n" --temperature 0
    equal "/load of $file keeps the conversation" stdout good
    check "/load of $file is told in one line" test "$(wc -l <stderr)" -eq 2
    say "--load of a file that is $file" 3 '' "*$file.mem*" 'Once\n' --load "$file.mem"
done
say "/load of no file" 3 '?*' "*no.mem*" 'Once\n/load no.mem\nthe dog\n' --temperature 0
equal "keeps the conversation" stdout good
say "/save where no file can be" 4 '?*' "*/proc/x.mem*" 'Once\n/save /proc/x.mem\nthe dog\n' --temperature 0
equal "keeps the conversation, too" stdout good
mkdir folder
say "/save over a folder" 4 '?*' "*" 'Once\n/save folder\nthe dog\n' --temperature 0
equal "and that, too" stdout good
say "/save with spaces in the name" 0 '?*' "saved to a b.mem*" 'Once\n/save   a b.mem  \n'
check "writes that file" test -s "a b.mem"
check "and nothing beside it" sh -c '! ls | grep -q tmp'
say "invalid UTF-8" 3 '?*' "*UTF-8*" 'Once\nx\377y\nthe dog\n' --temperature 0
equal "is refused, the conversation goes on" stdout good
say "unknown, near" 2 '' "*unknown command /lod; did you mean /load?*" '/lod x\n'
say "unknown, far" 2 '' "*unknown command /frobnicate; /help lists them, // begins*" '/frobnicate\n'
say "a slash alone" 2 '' "*unknown command /*" '/\n'
say "a value missing" 2 '' "*/save needs a value: /save FILE*" '/save  \n'
say "a value too many" 2 '' "*/quit takes no value*" '/quit now\n'
for bad in -1 x 1.5 99999999999999999999; do
    say "/seed $bad" 2 '' "*seed*" "/seed $bad\n"
done
for bad in -1 x 1e9 nan; do
    say "/temp $bad" 2 '' "*/temp takes a number from 0 to 100, not *" "/temp $bad\n"
done
say "/help" 0 '' "*/reset*/save FILE*/load FILE*/temp X*/seed N*/stats*/help*/quit*" '/help\n'
"$bitllama" chat --help >help
for word in '/reset' '/save FILE' '/load FILE' '/temp X' '/seed N' '/stats' '/help' '/quit'; do
    check "$word in --help" grep -qF "  $word " help
done
expect "no model" 2 '' "*-m MODEL is missing*" chat
expect "a model that is none" 3 '' "*" chat -m no

# ---- long lines ----
yes 'the dog ran to the tree and said hello ' | tr -d '\n' | head -c 1048576 >long
{
    cat long
    printf '\nhi\n'
} >lines
input=lines
expect "a line of 1 MB" 0 '?*' '' chat -m "$run" --max-tokens 5 --ignore-eos
check "one reply, and one more" test "$(wc -l <stdout)" -ge 2
{
    printf '/'
    cat long
    printf '\n'
} >lines
input=lines
expect "a command of 1 MB" 2 '' "*unknown command /the;*" chat -m "$run"

# ---- standard output and input that are not there ----
output=/dev/full
say "to a full disk" 4 '' "*cannot write to standard output: *" 'hi\nhi\n'
printf 'hi\nhi\nhi\n' | {
    "$bitllama" chat -m "$run" --max-tokens 100000000 --ignore-eos 2>stderr
    echo $? >code
} | head -c 1 >first
check "a closed pipe ends it" test "$(cat code)" -eq 141
printf 'hi\n' | "$bitllama" chat -m "$run" >&- 2>stderr
check "a closed standard output ends it" test $? -eq 4
"$bitllama" chat -m "$run" <&- >stdout 2>stderr
check "a closed standard input is told" test $? -eq 4

# ---- signals: without a terminal Ctrl-C ends the program ----
printf 'hi\nhi\n' >lines
for number in 2 15; do
    : >stdout
    "$bitllama" chat -m "$run" --max-tokens 100000000 --ignore-eos <lines >stdout 2>stderr &
    process=$!
    check "signal $number: a reply begins" wait_for test -s stdout
    kill -$number $process
    wait $process
    code=$?
    check "signal $number in a reply: exit $((128 + number))" test $code -eq $((128 + number))
    check "signal $number: the output ends with a line" test "$(tail -c 1 stdout | od -An -tx1 | tr -d ' ')" = 0a
    check "signal $number: nothing is said about it" test ! -s stderr
done

finish
