# Chat that is kept in a file: loaded, written turn by turn, never torn, killed at any moment without losing a turn.
#
#   sh kept.sh PROGRAM SCRATCH MODEL [KILLS]     (20 kills; by hand: 100)
. "$(dirname "$0")/expect.sh"
run=$3/run
kills=${4:-20}
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
position() { # FILE
    "$bitllama" memory show "$1" -m "$run" --json | sed 's/.*"position": \([0-9]*\).*/\1/'
}

# ---- loaded at the start, written at the end and after every turn ----
for how in "--temperature 0 --seed 3" "--seed 7"; do
    # shellcheck disable=SC2086 # words
    {
        rm -f me.mem
        say "straight ($how)" 0 '?*' 'saved*' 'Once upon a time\nthe dog\nran\n/save straight.mem\n' $how
        cp stdout straight
        say "a new memory ($how)" 0 '?*' '' 'Once upon a time\nthe dog\n' $how --memory me.mem
        cp stdout parts
        say "going on from it ($how)" 0 '?*' "going on from me.mem: * tokens read" 'ran\n' $how --memory me.mem
        cat stdout >>parts
        equal "the same text ($how)" parts straight
        equal "the same memory ($how)" me.mem straight.mem
    }
done
cp me.mem before.mem
say "nothing said" 0 '' "going on from me.mem*" '' --memory me.mem
equal "changes nothing" me.mem before.mem
say "/load into a kept conversation" 0 '' "*going on from straight.mem*" '/reset\n/load straight.mem\n' --memory me.mem
equal "is kept" me.mem straight.mem
say "/reset of it" 0 '' "*forgotten" '/reset\n' --memory me.mem
check "is kept, too" test "$(position me.mem)" -eq 0
cp me.mem before.mem
say "a line that fails" 3 '' "*UTF-8*" 'x\377y\n' --memory me.mem
equal "changes nothing, either" me.mem before.mem
check "and nothing stands beside it" sh -c '! ls -A | grep -q tmp'
ln -s me.mem link.mem
say "through a link" 0 '?*' "*" 'hi\n' --memory link.mem
check "which stays one" test -L link.mem
check "the file that it names is written" test "$(position me.mem)" -gt 0

# ---- what is refused ----
say "--memory beside --load" 2 '' "*--load*--memory*give one of them" '' --memory me.mem --load me.mem
say "a memory that is no file" 4 '' "*" 'hi\n' --memory /proc/x.mem
mkdir folder
say "a folder" 4 '' "*folder*" 'hi\n' --memory folder
head -c 5000 "$run/model.safetensors" >cut.mem
cp cut.mem before.mem
say "what is no memory" 3 '' "*cut.mem*" 'hi\n' --memory cut.mem
equal "stays as it is" cut.mem before.mem

# ---- two of them, and other writers ----
rm -f me.mem
mkfifo first second
"$bitllama" chat -m "$run" --max-tokens 12 --memory me.mem <first >out 2>err &
exec 3>first
check "a memory is there before the first turn" wait_for test -s me.mem
say "a second chat with the file" 4 '' "*me.mem is in use by another chat" 'hi\n' --memory me.mem
printf 'hi\n' >&3
check "a turn ends" wait_for grep -q . out
line_ends() {
    test "$(tail -c 1 out | od -An -tx1 | tr -d ' ')" = 0a
}
check "by a line break" wait_for line_ends
say "a second chat after a turn" 4 '' "*me.mem is in use by another chat" 'hi\n' --memory me.mem
at=$(position me.mem)
check "its turn is in the file" test "$at" -gt 0
cp straight.mem other && mv other me.mem
printf 'hi\n/save me.mem\nhi\n' >&3
exec 3>&-
wait $!
check "a file that another program wrote: exit 4" test $? -eq 4
check "it is told once" test "$(grep -c '^error: .*me.mem was written by another program' err)" -eq 1
check "/save takes it back" grep -q "saved to me.mem" err
check "the last turn was written" test "$(position me.mem)" -gt "$at"
rm -f me.mem
"$bitllama" chat -m "$run" --max-tokens 12 --memory me.mem <second >out 2>err &
exec 3>second
check "another one" wait_for test -s me.mem
rm me.mem
printf 'hi\n' >&3
check "a file that was removed is made again" wait_for test -s me.mem
exec 3>&-
wait $!
check "without a word" test $? -eq 0

# ---- no room ----
rm -f me.mem
say "a memory" 0 '?*' '' 'Once\n' --memory me.mem --seed 7
cp me.mem before.mem
say "two turns" 0 '?*' '*' 'the dog\nran\n' --memory me.mem
cp stdout reply
cp before.mem me.mem
printf 'the dog\nran\n' >lines
(ulimit -f 2 && exec "$bitllama" chat -m "$run" --max-tokens 12 --ignore-eos --memory me.mem <lines >stdout 2>stderr)
check "no room for the memory: exit 4" test $? -eq 4
equal "the conversation goes on" stdout reply
equal "the file stays as it was" me.mem before.mem
check "each turn is told" test "$(grep -c '^error: the conversation is not kept: cannot write' stderr)" -eq 2
check "nothing stands beside it" sh -c '! ls -A | grep -q tmp'

# ---- signals: what was written counts as said ----
for number in 2 15; do
    rm -f me.mem
    : >out
    printf 'hi\n' | "$bitllama" chat -m "$run" --max-tokens 100000000 --ignore-eos --memory me.mem >out 2>err &
    check "signal $number: it writes" wait_for test -s out
    pid=$!
    kill -$number $pid
    wait $pid
    check "signal $number in a reply: exit $((128 + number))" test $? -eq $((128 + number))
    check "signal $number: the memory is written" test "$(position me.mem)" -gt 1
done

# ---- killed at any moment ----
# Replies of letters alone, so that a line is a turn; turns of the same length, so that a position is a number of turns.
turns_of() { # POSITION
    echo $((($1 - base) / each))
}
count_turns() { # TURNS
    yes hi | head -n "$1"
}
drawn() { # SEED FROM COUNT: a whole number
    awk -v k="$1" -v from="$2" -v count="$3" 'BEGIN { srand(k); printf "%03d", from + int(count * rand()) }'
}
has_turns() { # COUNT: shown by the one that is to be killed
    [ "$(wc -l <out)" -ge "$1" ]
}
talk() { # MEMORY; ends the shell
    exec "$bitllama" chat -m "$run" --max-tokens 8 --ignore-eos --seed 7 --grammar 'root ::= [a-z]+' --memory "$1"
}
rm -f one.mem two.mem killed.mem
count_turns 1 | talk one.mem >out 2>err
count_turns 2 | talk two.mem >out 2>err
check "two turns are two lines" test "$(wc -l <out)" -eq 2
each=$(($(position two.mem) - $(position one.mem)))
base=$(($(position one.mem) - each))
done=0 lost=0 torn=0 ahead=0
for k in $(seq "$kills"); do
    : >out # what the last one showed is not this one's, which may be killed before it has opened the file
    yes hi | talk killed.mem >out 2>err &
    pid=$!
    if [ $((k % 2)) -eq 0 ]; then # however slow the machine is
        wait_for has_turns "$(drawn "$k" 3 8)"
    else
        sleep "0.$(drawn "$k" 20 180)"
    fi
    kill -9 $pid
    wait $pid 2>/dev/null
    [ -e killed.mem ] || continue
    at=$(position killed.mem) || { torn=$((torn + 1)); continue; }
    now=0
    [ "$at" -eq 0 ] || now=$(turns_of "$at")
    shown=$((done + $(wc -l <out)))
    if [ "$now" -lt "$shown" ]; then
        lost=$((lost + shown - now))
    elif [ "$now" -gt "$shown" ]; then # killed between the disk and the line break
        ahead=$((ahead + now - shown))
    fi
    done=$now
done
echo "$kills kills in $done turns: $lost turns lost, $torn files torn, $ahead written before they were shown whole"
check "no turn is lost" test $lost -eq 0
check "no file is torn" test $torn -eq 0
check "none is written that was not shown" test $ahead -le "$kills"
check "it got somewhere" test "$done" -gt "$kills"
count_turns "$done" | talk whole.mem >out 2>err
equal "as if it had never been killed" killed.mem whole.mem
echo /reset | talk killed.mem >out 2>err
check "what the killed left is swept" sh -c '! ls -A | grep -q tmp'

finish
