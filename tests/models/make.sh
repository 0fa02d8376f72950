# Every make.sh of models/ as far as it goes without data: the same again, files that are not the listed ones, the card.
#
#   make.sh ROOT SCRATCH BITLLAMA
. "$(dirname "$0")/../tools/judge.sh"
export BITLLAMA=$3
command -v sha256sum >/dev/null || { echo "skipped: models made from scratch (no sha256sum here)"; exit 77; }
dir="folder, ä"
mkdir "$dir"
makes() { # MODEL ARGUMENTS...
    model=$1
    shift
    sh "$root/models/$model/make.sh" "$@" >out 2>err && return
    tail -n 20 err
    return 1
}
refuses() { # PATTERN MODEL ARGUMENTS...
    pattern=$1
    shift
    if makes "$@" >said; then return 1; fi
    holds err "$pattern"
}
card() { # MODEL: no place is left open, and the figures are in it
    ! grep -n '{{' "$1/README.md" && grep -q 'nats a token' "$1/README.md" && grep -q '^Seed 3:' "$1/README.md" && grep -q -- '--steps 20' "$1/README.md"
}
check "Micro" makes Bit-Llama-Micro --smoke "$dir/micro"
check "has a card" card "$dir/micro"
check "is a model" "$BITLLAMA" generate -m "$dir/micro" -p Once --max-tokens 3
cp "$dir/micro/model.safetensors" first
check "once more" makes Bit-Llama-Micro --smoke "$dir/micro"
check "is the same" cmp first "$dir/micro/model.safetensors"
export BASE=$PWD/$dir/micro.work COUNT=2
check "Chat" makes Bit-Llama-Micro-Chat --smoke "$dir/chat"
check "has a card" card "$dir/chat"
check "with the base model beside it" grep -q '^| run | ' "$dir/chat/README.md"
check "and its template" grep -q chat_template "$dir/chat/tokenizer_config.json"
check "Code" makes Bit-Llama-Code --smoke "$dir/code"
check "has a card" card "$dir/code"
check "with its packages" grep -q '^| *MIT *|' "$dir/code/README.md"
command -v python3 >/dev/null || echo "skipped: functions that parse (no python3 here)"
if command -v gzip >/dev/null; then
    check "and other compressors" grep -q "^| gzip -9 |" "$dir/code/README.md"
fi
mkdir data
check "no file" refuses '*tinystories-train.txt is missing; *data says what it is' Bit-Llama-Micro data "$dir/none"
echo "Once there was another file." >data/tinystories-train.txt
check "another file" refuses '*tinystories-train.txt is another file: its SHA-256 is not *' Bit-Llama-Micro data "$dir/none"
check "no packages" refuses '*.deb is missing' Bit-Llama-Code data "$dir/none"
check "nothing prepared" refuses '*train.bin is missing' Bit-Llama-Micro --prepared "$dir/none"
rm -rf "$dir/none.work"
cp -r "$dir/micro.work" "$dir/none.work"
check "other data prepared" refuses '*data/train.bin is another file than *' Bit-Llama-Micro --prepared "$dir/none"
check "no arguments" refuses '*make.sh DATA OUT*' Bit-Llama-Micro
finish
