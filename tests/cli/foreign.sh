# From text to text with tokenizers that others have made: prepare, train, evaluate, generate, whatever id ends a document.
. "$(dirname "$0")/expect.sh"
fixtures=$(cd "$(dirname "$0")/../fixtures/tokenizer" && pwd)
cd "$scratch" || exit 1
printf 'the small boat sat on the still lake 12 times\n<|endoftext|>\nthe lake, the boat\n' >story.txt

# last FILE: its last id.
last() {
    od -An -v -tu2 -w2 "$1" | tail -n 1 | tr -d ' '
}

# The name of a tokenizer, the id that ends its documents, and how that is shown
while read -r style id shown; do
    expect "$style: prepare" 0 '' "*documents end  *\"$shown\", id $id*" \
        prepare story.txt --tokenizer "$fixtures/$style.json" --out "$style-data" --val-split 0
    check "$style: a document ends with it" test "$(last "$style-data/train.bin")" -eq "$id"
    check "$style: so meta.json says" grep -q "\"eos_token_id\": $id," "$style-data/meta.json"
    expect "$style: train" 0 '*' '*' train --preset tiny --data "$style-data" --out "$style" --steps 2 --batch 1 --context 16
    for file in config.json generation_config.json; do
        check "$style: $file" grep -q "\"eos_token_id\": $id[,}]*" "$style/$file"
        check "$style: $file, in front" grep -q "\"bos_token_id\": $id[,}]*" "$style/$file"
    done
    check "$style: tokenizer.json is theirs" cmp "$fixtures/$style.json" "$style/tokenizer.json"
    expect "$style: generate" 0 '?*' '*' generate -m "$style" -p 'the boat' --max-tokens 5 --ignore-eos --seed 1
    expect "$style: chat" 0 '*' '*' chat -m "$style" --max-tokens 5
    expect "$style: eval by documents" 0 '*' '*' eval -m "$style" --data story.txt
    expect "$style: logits after it" 0 '*' '*' logits -m "$style" -p 'a' -o "$style-p.npy"
    expect "$style: the same by ids" 0 '*' '*' tokenize -m "$style" -p 'a'
    ids=$(cat stdout)
    expect "$style: logits by ids" 0 '*' '*' logits -m "$style" --ids "$id $ids" -o "$style-i.npy"
    check "$style: it is fed in front" cmp "$style-p.npy" "$style-i.npy"
done <<END
falcon 500 <|endoftext|>
roberta 501 </s>
llama3 504 <|end_of_text|>
END

expect "another token" 0 '' '*documents end  *"<mask>", id 502*' \
    prepare story.txt --tokenizer "$fixtures/roberta.json" --eos '<mask>' --out other --val-split 0
check "another token: it is what ends" test "$(last other/train.bin)" -eq 502
expect "by its id" 0 '' '*documents end  *"<s>", id 500*' \
    prepare story.txt --tokenizer "$fixtures/roberta.json" --eos 500 --out by-id --val-split 0
expect "no such token" 2 '' '*no token is <nope>*--eos*' \
    prepare story.txt --tokenizer "$fixtures/roberta.json" --eos '<nope>' --out nope
expect "ends that do not agree" 2 '' '*end with id 502*with id 500*`eos` of the other*' \
    train --preset tiny --data other --data by-id --out mixed --steps 1
expect "one's own in a folder" 0 '' '*documents end  *"</s>", id 501*' \
    prepare story.txt --tokenizer roberta-data --out again --val-split 0
check "it is the same tokenizer" cmp roberta-data/tokenizer.json again/tokenizer.json
finish
