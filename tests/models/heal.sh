# generate --heal with the models of models/: a text of Micro's own, cut after any character, goes on as it did; Code goes on with an
# indentation that the prompt began, or did not.
#
#   heal.sh ROOT SCRATCH BITLLAMA
. "$(dirname "$0")/../tools/judge.sh"
bitllama=$3
micro=$root/models/Bit-Llama-Micro
write() { # MODEL PROMPT TOKENS ARGUMENTS...: what follows, and a dot
    model=$1 prompt=$2 tokens=$3
    shift 3
    "$bitllama" generate -m "$model" -p "$prompt" --temperature 0 --max-tokens "$tokens" "$@" 2>err || cat err
    echo .
}

begin="Once upon a"
text=$(write "$micro" "$begin" 24)
text=${text%.}
check "a text" test ${#text} -gt 60
plain=0
for cut in 1 2 3 4 5 6 8 11 14 17 20 23 26 29 32 35 38 41; do
    head=$(printf "%.${cut}s." "$text")
    head=${head%.}
    rest=${text#"$head"}
    rest=$(printf '%.20s' "$rest")
    case $(write "$micro" "$begin$head" 12 --heal) in
    "$rest"*) check "cut after '$head'" true ;;
    *) check "cut after '$head', not '$rest'" false ;;
    esac
    case $(write "$micro" "$begin$head" 12) in
    "$rest"*) plain=$((plain + 1)) ;;
    esac
done
echo "without it $plain of 18 go on so"
check "which is what it is for" test $plain -lt 12

write "$micro" "$begin " 3 >said.text
check "a prompt that ends in a space is told of it" grep -q 'ends in a space.*--heal' err
write "$micro" "$begin " 3 --heal >said.text
check "but not with it" sh -c '! grep -q "ends in" err'
write "$micro" "$begin" 3 --heal --samples 2 >said.text
check "several are refused" holds said.text '*--heal is for one text*'
write "$micro" "$begin" 3 --heal --grammar 'root ::= "a"' >said.text
check "a grammar, too" holds said.text '*--heal is for texts without a grammar*'

models=$root/models
mkdir code
cp "$models"/Bit-Llama-Code/*.json code
check "joined" sh "$models/parts" join "$models/Bit-Llama-Code/model.safetensors.parts" "$PWD/code/model.safetensors"
push='class Stack:
    def __init__(self):
        self.items = []

    def push(self, item):'
line='        self.items.append(item)
'
write code "$push
" 12 --heal >said.lines
check "an indented line after a line end" holds said.lines "$line*"
for spaces in 1 4 7 8; do
    begun=$(printf "%.${spaces}s" "$line")
    write code "$push
$begun" 12 --heal >said.lines
    check "$spaces spaces in" holds said.lines "${line#"$begun"}*"
done
finish
