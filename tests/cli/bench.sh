# bench: its tables, JSON and CSV; models, presets and random weights; flags refused; Ctrl-C.  Never a speed.
. "$(dirname "$0")/expect.sh"
run=$3/run
cd "$scratch" || exit 1
number='[0-9][0-9]*[.][0-9]'
says() { # NAME PATTERN: a line of stdout is this
    check "$1" grep -qx -e "$2" stdout
}
valid() { # NAME: stdout is one JSON value
    if command -v python3 >/dev/null 2>&1; then
        check "$1: valid JSON" python3 -m json.tool stdout
    else
        echo "skipped: $1: valid JSON (no python3 here)"
    fi
}
small="--preset tiny --vocab-size 300 --hidden-size 32 --intermediate-size 48 --num-hidden-layers 2 --num-attention-heads 2"

# ---- tables ----
# shellcheck disable=SC2086 # words
expect "a preset" 0 'bitllama *; *
tiny, changed, random weights, [0-9,]* parameters; device cpu, precision auto; 2 repetitions

test *' '' bench $small -p 5,70 -n 3 -b 1,4 -t 1,2 -r 2 --train 2x16,1x32
for threads in 1 2; do
    for test in pp5 pp70 tg3 tg3x4 train2x16 train1x32; do
        says "$test with $threads" "$test  *$threads  *$number  *$number  *$number  *${number}[0-9][0-9]"
    done
done
check "a row for each" test "$(grep -c "$number" stdout)" -eq 13
# shellcheck disable=SC2086
expect "0 tokens are no test" 0 '*' '' bench $small -p 0,4 -n 0 -r 1
check "one row" test "$(grep -c '^pp4 ' stdout)" -eq 1
check "and no other" sh -c "! grep -q '^pp0\|^tg' stdout"
expect "a run" 0 "*
$run, [0-9,]* parameters; *pp16 *pp512 *tg128 *" '' bench -m "$run" -r 1 -t 1
expect "packed, trained as it is shaped" 0 '*' '*' export -m "$run" --out packed
expect "a packed model" 0 '*
packed, *tg4 *train1x16 *' '' bench -m packed -p 0 -n 4 -r 1 --train 1x16 --draw temperature=0.8,top_k=5
# shellcheck disable=SC2086
expect "the reference" 0 '*; device ref, *pp3 *tg2 *train1x16 *' '' bench $small --device ref -p 3 -n 2 -r 1 --train 1x16
# shellcheck disable=SC2086
expect "float weights" 0 '*tg2 *' '' bench $small --quantization none -p 0 -n 2 -r 1

# ---- ops ----
# shellcheck disable=SC2086
expect "ops" 0 '*
pp20, 1 thread, a prompt:*
tg4, 1 thread, a token:*
train1x16, 1 thread, a step:*' '' bench $small -t 1 -p 20 -n 4 -r 1 --train 1x16 --ops
says "ops: a ternary product" "  bitlinear_fwd  *10[.]0  *${number}[0-9][0-9]  *$number%  *${number}[0-9]  *$number  *$number%  l[23]\|  bitlinear_fwd  *10[.]0 .*dram"
check "ops: each test has its head" test "$(grep -c '^  head_logits \|^  head_best \|^  head_loss ' stdout)" -eq 3
check "ops: memory that is freed is none" sh -c "! grep -q '^  free ' stdout"
says "ops: what only waits has no figures" "  put  *[0-9.]*  *${number}[0-9][0-9]  *$number%  *-  *-  *- *"
# shellcheck disable=SC2086
expect "ops of a device without limits" 0 '*bitlinear_fwd *- *' '' bench $small --device ref -p 3 -n 0 -r 1 --ops

# ---- for programs ----
# shellcheck disable=SC2086
expect "JSON" 0 '{"version": "*", "compiler": *"model": "tiny, changed, random weights", "parameters": [0-9]*, "device": "cpu", "precision": "auto", "repetitions": 3, "interrupted": false,
 "tests": [[]
  {"test": "pp5", "kind": "prompt", "threads": 1, "rows": 1, "tokens": 5, "tokens_per_s": [0-9]*
  {"test": "tg3x4", "kind": "write", "threads": 1, "rows": 4, "tokens": 3, *"seconds": [[]*, *, *[]],*"ops": [[]*"op": "head_best", "calls": *"limits": [[]*' \
    '' bench $small -p 5 -n 3 -b 4 -t 1 -r 3 --json --ops
valid "all of it"
# shellcheck disable=SC2086
expect "CSV" 0 'version,*,fastest
"*,pp5,prompt,1,1,5,2,*
"*,tg3,write,1,1,3,2,*' '' bench $small -p 5 -n 3 -t 1 -r 2 --csv
check "CSV: the columns of its head" awk -F, 'NR == 1 { n = NF } { gsub(/"[^"]*"/, "x"); if (NF != n) exit 1 } END { exit NR != 3 }' stdout
mkdir "odd \"name\", folder"
cp packed/* "odd \"name\", folder/"
expect "a name with quotes" 0 '*"odd \\"name\\", folder"*' '' bench -m "odd \"name\", folder" -p 3 -n 0 -r 1 --json
valid "a name with quotes"
expect "and in CSV" 0 '*"odd ""name"", folder",*' '' bench -m "odd \"name\", folder" -p 3 -n 0 -r 1 --csv

# ---- refused ----
expect "no tests" 2 '' '*nothing to measure*' bench -p 0 -n 0
expect "both forms" 2 '' '*--json and --csv*' bench --json --csv
expect "a preset that is none" 2 '' "*huge*" bench --preset huge
expect "a model and a preset" 2 '' '*-m is a model as it is*' bench -m "$run" --preset tiny
expect "a model and its fields" 2 '' '*-m is a model as it is*' bench -m "$run" --hidden-size 64
expect "no such model" 3 '' '*nowhere*' bench -m nowhere
expect "no repetitions" 2 '' '*--repetitions is a whole number from 1 to*' bench -r 0
for bad in '' x '1,' ',1' '1,x' -3 1.5 99999999999999999999 "$(seq -s, 33)"; do
    expect "a list '$bad'" 2 '' '*--n-gen is a list of*' bench "--n-gen=$bad"
done
expect "a batch of none" 2 '' '*--batch is a list of*' bench -b 0
expect "threads" 2 '' '*--threads is a list of*' bench -t 1,2000
for bad in '' 32 32x 0x16 32x128x2 '32x128,' x; do
    expect "train '$bad'" 2 '' '*--train is a list of*' bench "--train=$bad"
done
expect "train in chunks" 2 '' '*' bench --train 65537x1
expect "draw without a value" 2 '' '*--draw is a list of OPTION=VALUE*' bench --draw top_k
expect "draw by a value too long" 2 '' '*--draw is a list of OPTION=VALUE*' bench --draw "top_k=$(printf %0300d 5)"
expect "draw by no option" 2 '' '*hotness*' bench --draw hotness=3
expect "a shape that cannot be" 2 '' '*' bench --preset tiny --num-attention-heads 3
expect "a device that is none" 2 '' '*device gpu:*' bench --preset tiny --device gpu
expect "more memory than there is" 4 '*' '*random weights: this model needs*' bench --vocab-size 16777216 \
    --hidden-size 16384 --intermediate-size 64 --num-hidden-layers 1 --num-attention-heads 128
expect "for more sequences than there is memory" 4 '' '*--batch 65536: the states of so many sequences take*' \
    bench --preset code --num-hidden-layers 64 -b 1,65536
expect "for more rows" 4 '*' '*a batch of 65536 rows needs*take fewer rows' bench --preset tiny --num-hidden-layers 1 \
    --hidden-size 32 --num-attention-heads 2 --vocab-size 1000000 -p 0 -n 1 -b 65536
expect "and for training" 4 '*' '*training needs*take a smaller batch or context' bench --preset tiny -p 0 -n 0 \
    --train 65536x1048576
output=/dev/full
# shellcheck disable=SC2086
expect "to a full disk" 4 '' '*cannot write to standard output: *' bench $small -p 3 -n 0 -r 1

# ---- Ctrl-C: what was measured stays ----
stop_after() { # FILE LINE ARGUMENTS...: sends SIGINT once the file has that line
    file=$1 line=$2
    shift 2
    : >stdout # of the one before
    # shellcheck disable=SC2086
    "$bitllama" bench $small "$@" >stdout 2>stderr &
    process=$!
    wait_for grep -q "$line" "$file"
    kill -INT "$process"
    wait "$process"
    code=$?
}
stop_after stdout '^pp4 ' -p 4 -n 1000000 -r 2 -t 1
check "Ctrl-C: exit 130" test $code -eq 130
check "Ctrl-C: without a message" test ! -s stderr
says "Ctrl-C: the row that was there" "pp4  *1  *$number  *$number  *$number  *${number}[0-9][0-9]"
check "Ctrl-C: and no half one" sh -c "! grep -q '^tg' stdout"
stop_after stdout '^pp4 ' -p 4 -n 0 -r 1 -t 1 --train 64x1024
check "Ctrl-C in training: exit 130" test $code -eq 130
for patience in 1 4 16 64; do # until something was measured
    # shellcheck disable=SC2086
    "$bitllama" bench $small -p 4 -n 1000000 -r 1 -t 1 --json >stdout 2>stderr &
    process=$!
    sleep $patience
    kill -INT "$process"
    wait "$process"
    code=$?
    ! grep -q '"test": "pp4"' stdout || break
done
check "Ctrl-C with JSON: exit 130" test $code -eq 130
check "Ctrl-C with JSON: it says so" grep -q '"interrupted": true' stdout
check "Ctrl-C with JSON: what was measured" grep -q '"test": "pp4"' stdout
check "Ctrl-C with JSON: and no more" sh -c "! grep -q 'tg1000000' stdout"
valid "interrupted"

finish
