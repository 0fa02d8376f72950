# Usage of the command line: help, version, and every kind of wrong flag.
. "$(dirname "$0")/expect.sh"

# ---- commands ----
expect "no command" 2 '' "bitllama: error: a command is missing; bitllama help lists them"
expect "unknown command, near" 2 '' "*unknown command 'trian'; did you mean train?" trian
expect "unknown command, far" 2 '' "*unknown command 'frobnicate'; bitllama help lists them" frobnicate
expect "a flag as a command" 2 '' "*unknown command '--data'*" --data x
expect "help of an unknown command" 2 '' "*unknown command 'frobnicate'*" help frobnicate
expect "version" 0 'bitllama [0-9]*.[0-9]*.[0-9]*' '' version
expect "--version" 0 'bitllama [0-9]*.[0-9]*.[0-9]*' '' --version
expect "help" 0 'usage: bitllama COMMAND*commands:*prepare*train*plan*generate*logits*eval*info*tokenize*detokenize*' '' help
cp "$scratch/stdout" "$scratch/overview"
expect "--help" 0 '*' '' --help
check "--help is help" cmp "$scratch/stdout" "$scratch/overview"
expect "-h" 0 'usage: *' '' -h

# ---- help of each command ----
for command in prepare train plan generate learn logits eval bench export info memory tokenize detokenize doctor version help; do
    expect "$command --help" 0 "usage: bitllama $command*example:*bitllama *flags:*--help*" '' "$command" --help
    cp "$scratch/stdout" "$scratch/help"
    expect "help $command" 0 '*' '' help "$command"
    check "help $command is $command --help" cmp "$scratch/stdout" "$scratch/help"
    expect "$command -h beside other errors" 0 'usage: *' '' "$command" -h
done
expect "defaults in the help" 0 '*--temperature X *(default 0.8)*--top-k N *(default 40)*' '' generate --help
expect "groups of train" 0 '*flags:*--data DIR\[:WEIGHT\] *(required)*training:*--lr X*--resume\[=auto\]*--no-samples*model:*--hidden-size N*--quantization ternary|none*' '' train --help
expect "a switch that is on" 0 '*--share-qk *--no-share-qk*--use-gate*' '' train --help
COLUMNS=70 "$bitllama" train --help >"$scratch/narrow" 2>&1
check "help keeps to the width" awk '/^flags:/ { on = 1 } on && length($0) > 70 { print; bad = 1 } END { exit bad || !on }' "$scratch/narrow"

# ---- flags ----
expect "unknown flag, near" 2 '' "*unknown flag --vocab-sise; did you mean --vocab-size?" train --data d --out r --vocab-sise 3
expect "unknown flag with underscores" 2 '' "*did you mean --weight-decay?" train --data d --out r --wieght_decay=1
expect "unknown flag, near a switch's no-" 2 '' "*did you mean --no-share-qk?" train --data d --out r --no-shareqk
expect "unknown flag, far" 2 '' "*unknown flag --frobnicate; bitllama train --help lists them" train --data d --out r --frobnicate
expect "flag of another command" 2 '' "*unknown flag --temperature;*" train --data d --out r --temperature 1
expect "no- before what is no switch" 2 '' "*unknown flag --no-lr*" train --data d --out r --no-lr
expect "no- with a value" 2 '' "*--no-share-qk takes no value" train --data d --out r --no-share-qk=true
expect "unknown letter" 2 '' "*unknown flag -z;*" generate -z
expect "very long unknown flag" 2 '' "*unknown flag --aaaaaaa*" train "--$(printf '%0999d' 0 | tr 0 a)"
expect "value missing at the end" 2 '' "*--data needs a value" train --data
expect "value missing before a flag" 2 '' "*--data needs a value; write --data=--out *" train --data --out r
expect "letter without its value" 2 '' "*-m needs a value" generate -m
expect "required flag missing" 2 '' "*--data DIR\[:WEIGHT\] is missing; usage: bitllama train *" train --out r
expect "required letter missing" 2 '' "*-m MODEL is missing; usage: bitllama generate *" generate -p x
expect "operand missing" 2 '' "*SOURCE*is missing; usage: bitllama prepare *" prepare --out d
expect "operand too many" 2 '' "*unexpected argument 'more'*" info one more
expect "operand where none is taken" 2 '' "*unexpected argument 'x'*" train --data d --out r x
expect "switch with a wrong value" 2 '' "*--json is true or false, not 'maybe'" info x --json=maybe

# ---- values ----
for bad in abc -1 1.5 '' ' ' 0x10 99999999999999999999 nan; do
    expect "steps '$bad'" 2 '' "*steps*" train --data d --out r --steps "$bad"
done
for bad in abc -1 '' nan inf 1e999 0,1; do
    expect "lr '$bad'" 2 '' "*lr*" train --data d --out r "--lr=$bad"
done
expect "dropout past its bound" 2 '' "*dropout*" train --data d --out r --dropout 0.95
expect "unknown choice" 2 '' "*error: --preset is one of micro|code|tiny, not 'huge'" train --data d --out r --preset huge
expect "unknown choice of the model" 2 '' "*error: --ttt-layer-type is one of linear|mlp, not 'cubic'" train --data d --out r --ttt-layer-type cubic
expect "a switch with a third value" 2 '' "*error: --resume is one of false|true|auto, not 'maybe'" train --data d --out r --resume=maybe
expect "underscores as typed by programs" 2 '' "*error: --weight-decay is a number from 0 to 10, not '-1'" train --data d --out r --weight_decay=-1
expect "wrong boolean" 2 '' "*error: --share-qk is true or false, not 'maybe'" train --data d --out r --share-qk=maybe
expect "model that cannot be" 2 '' "*error: --vocab-size is a whole number from 258 to 16777216, not '3'" prepare tales --out d --vocab-size 3
expect "temperature" 2 '' "*error: --temperature is a number from 0 to 100, not 'hot'" generate -m m -p x --temperature hot
expect "window" 2 '' "*--window is a whole number*not '-3'" eval -m m --data f --window -3
expect "both -p and -f" 2 '' "*either*" generate -m m -p x -f y
expect "neither -p nor -f" 2 '' "*either*" generate -m m
expect "no tokenizer" 2 '' "*--tokenizer*-m*" tokenize -p x
expect "two tokenizers" 2 '' "*--tokenizer*-m*" tokenize -p x -m m --tokenizer t
expect "both --ids and -p" 2 '' "*either*" logits -m m -p x --ids 1 -o "$scratch/x.npy"
expect "bad split" 2 '' "*--split*0 tokens*" logits -m m --ids 1 --split 3,0 -o "$scratch/x.npy"
expect "split of words" 2 '' "*--split*" logits -m m --ids 1 --split seven -o "$scratch/x.npy"

# ---- stdout that takes nothing ----
for command in version help "help train" "generate --help"; do
    output=/dev/full
    # shellcheck disable=SC2086 # two words
    expect "$command to a full disk" 4 '' "*cannot write to standard output: *" $command
done
"$bitllama" help >&- 2>"$scratch/stderr"
check "closed stdout" test $? -eq 4
into_closed help train
check "closed pipe: ended by SIGPIPE" test $? -eq 141
check "closed pipe: without a word" test ! -s "$scratch/stderr"
"$bitllama" version >"$scratch/stdout" 2>&-
check "closed stderr" test $? -eq 0

finish
