# prepare on real input: compressed files, JSON Lines, pipes, duplicates, bytes that are not text.
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

mkdir a-folder
printf 'some other stories\n' >a-folder/1.txt
printf 'and more\n<|endoftext|>\nof them\n' >a-folder/2.txt

# tokens_of WORD DIR: of how many tokens of the folder's tokenizer a word is.
tokens_of() {
    printf '%s' "$1" | "$bitllama" tokenize -m "$2" -f - 2>/dev/null | wc -w
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
    printf 'three dogs ran far away from home today\n<|endoftext|>\none cat sat\n' >held.txt
    expect "validation documents of their own" 0 '' '*documents * 1 * 2 * 3*dropped *2 exact duplicates*' \
        prepare stories.txt --validation held.txt --dedup exact --out held --vocab-size 300
    check "are named" grep -q '"split_rule": "the validation documents are those of held.txt"' held/meta.json
    check "with no share drawn" grep -q '"val_split": 0' held/meta.json
    check "and taught the tokenizer nothing" test "$(tokens_of dogs held)" -gt 1
    expect "a folder of them" 0 '' '*documents * 3 * 3 * 6*' \
        prepare stories.txt --validation a-folder --out aside --vocab-size 300
    check "with the same training tokens" cmp aside/train.bin a/train.bin
    expect "and a share" 2 '' '*--val-split and --validation are both given*' prepare stories.txt --validation held.txt --out p $small
    expect "the same text twice" 2 '' '*stories.txt is a source and --validation*' prepare stories.txt --validation stories.txt --out p --vocab-size 300
    expect "tinystories" 2 '' '*leave --validation out*' prepare tinystories --validation held.txt --out p --vocab-size 300
    expect "as both" 2 '' '*two sides*' prepare stories.txt --validation tinystories --out p --vocab-size 300
    expect "no such file" 3 '' '*missing.txt: no such file*' prepare stories.txt --validation missing.txt --out p --vocab-size 300
    printf '\n' >blank.txt
    expect "an empty one" 3 '' '*blank.txt: no documents*' prepare stories.txt --validation blank.txt --out p --vocab-size 300
    printf 'one cat sat\n' >cat.txt
    expect "nothing that it has not" 3 '' '*cat.txt: no documents*' prepare cat.txt --validation stories.txt --dedup exact --out p --vocab-size 300
    check "leaves no folder at all" test ! -e p
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

    # Corpora as they are.
    expect "another encoding by its name" 0 '' '*documents * 1 *' prepare latin.txt --encoding windows-1252 --out latin1 $small
    printf 'caf\303\251 au lait' >utf8.txt
    expect "and in UTF-8" 0 '' '*documents * 1 *' prepare utf8.txt --out utf8 $small
    check "gives the same tokens" cmp utf8/train.bin latin1/train.bin
    printf 'one\r\ntwo\r\n' >crlf.txt && printf 'one\ntwo\n' >lf.txt
    expect "line ends of Windows" 0 '' '*line ends *1 carriage returns*' prepare crlf.txt --out crlf $small
    expect "and of the others" 0 '' '*documents * 1 *' prepare lf.txt --out lf $small
    check "give the same" cmp crlf/train.bin lf/train.bin
    printf '{"text": "a", "id": 10254939386542155531}\n{"text": "b\\ud83d", "x": NaN}\n{"text": 7}\n' >hard.jsonl
    expect "a lone surrogate" 3 '' '*hard.jsonl: line 2: half of a surrogate pair*--replace-invalid*' prepare hard.jsonl --out hard $small
    expect "bad lines dropped" 0 '' '*documents * 1 *bad lines *2 dropped, the first: hard.jsonl: line 2: *' \
        prepare hard.jsonl --skip-bad --out hard $small
    expect "and the surrogate replaced" 0 '' '*documents * 2 *replaced *1 invalid*bad lines *1 dropped, the first: hard.jsonl: line 3: *' \
        prepare hard.jsonl --skip-bad --replace-invalid --out hard $small
    printf '[{"text": "one cat sat"}, "two cats sat here", {"text": "one cat sat"}]' >stories.json
    expect "an array" 0 '' '*documents * 3 *' prepare stories.json --out array $small
    same "an array" array
    printf 'a,b\n' >table.csv
    expect "a table" 3 '' '*table.csv: a table; *JSON Lines*' prepare table.csv --out table $small
    mkdir folder && cp stories.txt table.csv folder
    expect "a folder" 0 '' '*folder/table.csv: a table, passed over*documents * 3 *passed over *1 files that*, 0 *' \
        prepare folder --out folder/data $small
    same "a folder" folder/data
    expect "once more, over what it wrote" 0 '' '*documents * 3 *passed over *1 files that*, 1 files and folders*' \
        prepare folder --out folder/data $small
    same "a folder with its data folder" folder/data

    # One book: its end is for validation.
    i=0
    while [ $i -lt 400 ]; do
        printf 'Paragraph %s tells of a day.\nIt has a second line of words,\nand a third.\n\n' $i
        i=$((i + 1))
    done >book.txt
    expect "one book" 0 '' '*documents * 1 * 1 * 2*validation *the last 10% of 1 document: *next: *train --data book --out RUN --preset tiny --batch 8 --steps *' \
        prepare book.txt --out book --vocab-size 300 --val-split 0.1
    check "it says so" grep -q '"ends": 1' book/meta.json
    check "a tenth" sh -c "set -- \$(sed -n 's/.*\"bytes\": \([0-9]*\).*/\1/p' book/meta.json); test \$((\$2 * 100 / (\$1 + \$2))) -ge 9 -a \$((\$2 * 100 / (\$1 + \$2))) -le 10"
    check "both sides end as documents do" sh -c "for f in train val; do tail -c 2 book/\$f.bin | od -An -tu2; done | tr -d ' \n' | grep -qx 00"
    check "from a paragraph on" sh -c '"$bitllama" detokenize --tokenizer book -p "$(od -An -v -tu2 -w2 book/val.bin | tr "\n" " ")" | head -n 1 | grep -q "^ *Paragraph [0-9]* tells"'
    expect "once more" 0 '' '*' prepare book.txt --out book2 --vocab-size 300 --val-split 0.1 --threads 3
    check "to the bit" cmp book/val.bin book2/val.bin
    expect "none is wanted" 0 '' '*documents * 1 * 0 * 1*' prepare book.txt --out book3 --vocab-size 300 --val-split 0
    # What was there stays until all is done, and what a killed run left goes.
    cp a/meta.json before
    expect "a failure keeps what was there" 3 '' '*' prepare cut.gz --out a $small
    check "the folder is whole" cmp before a/meta.json
    : >a/train.bin.123.tmp
    expect "the next run" 0 '' '*' prepare stories.txt --out a $small
    check "sweeps" test ! -e a/train.bin.123.tmp
    check "and gives the same" cmp before a/meta.json

    # Killed between the step to the new data and the moves of its files: every reader sees the new.
    printf 'Another text.\n<|endoftext|>\nAnd its end.\n<|endoftext|>\n' >other.txt
    expect "other data" 0 '' '*' prepare other.txt --out other $small
    "$bitllama" info other --json | grep -v '"path"' >want
    for moved in "" "train.bin tokenizer.json" "train.bin val.bin tokenizer.json tokenizer_config.json meta.json"; do
        rm -rf half && cp -r a half && cp -r other half/.bitllama-next
        for file in $moved; do
            mv half/.bitllama-next/$file half/$file
        done
        "$bitllama" info half --json | grep -v '"path"' >got
        check "half moved ($moved): info reads the new" cmp want got
        check "and moves nothing" test -d half/.bitllama-next
        expect "plan reads it and finishes" 0 '*' '*' plan --data half --preset tiny
        check "all files have their names" test "$(ls -A half | tr '\n' ' ')" = "$(ls -A other | tr '\n' ' ')"
        check "and are the new ones" diff -r half other
    done
    rm -rf half && cp -r a half && cp -r other half/.bitllama-next && mkdir half/.bitllama-next.0123456789abcdef.tmp
    : >half/notes
    expect "prepare over it" 3 '' '*' prepare cut.gz --out half $small
    check "finishes it too, and sweeps" test "$(ls -A half | tr '\n' ' ')" = \
        "meta.json notes tokenizer.json tokenizer_config.json train.bin val.bin "
    mkdir made && : >made/notes
    expect "a failure in a folder with a file of somebody" 3 '' '*' prepare cut.gz --out made $small
    check "leaves the file" test -e made/notes
}

# ---- interrupted while it waits for a pipe, and while it reads one that never ends ----
interrupted() { # NAME COMMAND...
    title=$1
    shift
    mkfifo pipe
    "$@" >pipe 2>/dev/null &
    feeder=$!
    # shellcheck disable=SC2086 # words
    "$bitllama" prepare - --out stopped --vocab-size 300 $how <pipe 2>stderr &
    process=$!
    check "$title: it runs" wait_for test -d stopped
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
how=
interrupted "a silent pipe" sleep 100
interrupted "an endless pipe" yes "a line"
how="--documents messages --threads 3"
interrupted "a silent pipe of conversations" sleep 100
interrupted "an endless pipe of conversations" yes '{"prompt": "a", "completion": "b"}'

finish
