# prepare on what people have: compressed files, JSON Lines, pipes, duplicates, bytes that are no text.
. "$(dirname "$0")/expect.sh"
cd "$scratch" || exit 1

printf 'one cat sat\n<|endoftext|>\ntwo cats sat here\n<|endoftext|>\none cat sat\n' >stories.txt
printf '{"text": "one cat sat", "n": 1}\n{"text": "two cats sat here"}\n\n{"text": null}\n{"text": "one cat sat"}\n' >stories.jsonl
gzip -k stories.txt
small="--vocab-size 300 --val-split 0"

# same NAME DIR: the tokens are those of the first folder.
same() {
    check "$1: the same tokens" cmp a/train.bin "$2/train.bin"
    check "$1: the same tokenizer" cmp a/tokenizer.json "$2/tokenizer.json"
}

# shellcheck disable=SC2086 # words
{
    expect "a text file" 0 '' '*documents * 3 * 0 * 3*bytes a token*most frequent*next: *' prepare stories.txt --out a $small
    for from in stories.txt.gz stories.jsonl; do
        expect "$from" 0 '' '*documents * 3 *' prepare $from --out "d-$from" $small
        same "$from" "d-$from"
    done
    input=stories.txt.gz
    expect "standard input, compressed" 0 '' '*documents * 3 *' prepare - --out stdin $small
    same "standard input" stdin
    input=stories.jsonl
    expect "standard input as JSON Lines" 0 '' '*documents * 3 *' prepare - --field text --out json $small
    same "JSON Lines from standard input" json
    expect "three threads" 0 '' '*' prepare stories.txt --out three --threads 3 $small
    same "three threads" three
    expect "no pair is frequent enough" 0 '' '*' prepare stories.txt --out rare --min-frequency 1000 $small
    check "then nothing is merged" grep -q '"merges": \[\]' rare/tokenizer.json

    expect "exact duplicates" 0 '' '*documents * 2 *dropped *1 exact duplicates, 0 near ones*' \
        prepare stories.txt --dedup exact --out exact $small
    printf 'ONE cat, sat!\n' >loud.txt
    expect "near duplicates" 0 '' '*documents * 2 *dropped *1 exact duplicates, 1 near ones*' \
        prepare stories.txt loud.txt --dedup near --out near $small
    expect "lines" 0 '' '*documents * 5 *' prepare stories.txt --documents line --out lines $small
    check "where documents end otherwise the mark is text" test "$(od -An -v -tu2 -w2 lines/train.bin | grep -c '^ *0$')" -eq 5
    expect "whole files" 0 '' '*documents * 1 *' prepare stories.txt --documents file --out file $small
    expect "blank lines" 0 '' '*documents * 1 *' prepare stories.txt --documents blank-line --out blank $small
    expect "long documents" 0 '' '*documents * 2 *cut * 1 times*' \
        prepare stories.txt --documents file --max-document 64 --out cut $small

    printf 'caf\351 au lait' >latin.txt
    expect "not UTF-8" 3 '' '*latin.txt: not UTF-8 at byte 3*' prepare latin.txt --out latin $small
    check "leaves no folder" test ! -e latin
    expect "not UTF-8, replaced" 0 '' '*replaced *1 invalid*' prepare latin.txt --replace-invalid --out latin $small
    head -c 60 stories.txt.gz >cut.gz
    expect "a download cut off" 3 '' '*cut.gz*' prepare cut.gz --out cut-gz $small
    printf '{"txt": "a"}\n' >other.jsonl
    expect "no such field" 3 '' '*other.jsonl: line 1: no field "text"*' prepare other.jsonl --out other $small
    expect "the field by name" 0 '' '*documents * 1 *' prepare other.jsonl --field txt --out other $small
    expect "a rule that is none" 2 '' '*documents*' prepare stories.txt --documents paragraph --out p $small
    printf ' \n\n' >empty.txt
    expect "no documents" 3 '' '*no documents*' prepare empty.txt --out p $small
    check "leaves no folder either" test ! -e p

    # What was there stays until all is done, and what a killed run left goes.
    cp a/meta.json before
    expect "a failure keeps what was there" 3 '' '*' prepare cut.gz --out a $small
    check "the folder is whole" cmp before a/meta.json
    : >a/train.bin.123.tmp
    expect "the next run" 0 '' '*' prepare stories.txt --out a $small
    check "sweeps" test ! -e a/train.bin.123.tmp
    check "and gives the same" cmp before a/meta.json
}

# ---- interrupted while it waits for a pipe, and while it reads one that never ends ----
interrupted() { # NAME COMMAND...
    title=$1
    shift
    mkfifo pipe
    "$@" >pipe 2>/dev/null &
    feeder=$!
    "$bitllama" prepare - --out stopped --vocab-size 300 <pipe 2>stderr &
    process=$!
    for _ in $(seq 200); do
        [ -d stopped ] && break
        sleep 0.05
    done
    check "$title: it runs" test -d stopped
    expect "$title: a second one on the same folder" 4 '' '*stopped*' prepare stories.txt --out stopped --vocab-size 300
    kill -INT $process
    wait $process
    code=$?
    check "$title: exit 130" test $code -eq 130
    check "$title: leaves no folder" test ! -e stopped
    kill $feeder 2>/dev/null
    wait $feeder 2>/dev/null
    rm pipe
}
interrupted "a silent pipe" sleep 100
interrupted "an endless pipe" yes "a line"

finish
