# Weights in several files: every command reads them as it reads the one file, and says what is wrong with an index.
. "$(dirname "$0")/expect.sh"
data=$3/data
cd "$scratch" || exit 1
index=model.safetensors.index.json
"$bitllama" export -m "$3/run" --out whole --dtype bf16 2>/dev/null
mkdir latent
cp "$3/run/config.json" "$3/run/tokenizer.json" "$3/run/tokenizer_config.json" "$3/run/model.safetensors" latent
cp -r whole parts
cp -r latent pieces
check "weights are cut" "$BL_TEST_DAMAGE" split parts 3
check "into one piece too" "$BL_TEST_DAMAGE" split pieces 1
check "and only shards are there" test ! -e parts/model.safetensors -a -e "parts/$index" -a -e parts/model-00003-of-00003.safetensors
printf 'Once there was a cat. It sat on a mat, and a dog came by.\n' >text

# both NAME WORDS: what a command prints of each folder, where @ is its name.
both() {
    for kind in whole parts; do
        # shellcheck disable=SC2046 # words
        "$bitllama" $(echo "$2" | sed "s/@/$kind/g") <text >out 2>err || fail "$1" "exit code $? of $kind" err
        sed "s/$kind/FOLDER/g; /seconds/d" out >"$kind.said"
    done
    check "$1" cmp whole.said parts.said
}
both generate "generate -m @ -p Once --max-tokens 20 --temperature 0"
both "named by its file" "generate -m @/config.json -p Once --max-tokens 20 --seed 3"
both chat "chat -m @ --max-tokens 8 --temperature 0"
both eval "eval -m @ --data text --json"
both learn "learn -m @ text --memory @.memory"
check "the same memory" cmp whole.memory parts.memory
both "memory show" "memory show @.memory -m @"
both logits "logits -m @ -p cat -o @.npy"
check "the same logits" cmp whole.npy parts.npy
both plan "plan -m @ --json"
both tokenize "tokenize -m @"
both export "export -m @ --out @.again"
for file in whole.again/*; do
    check "the same ${file##*/}" cmp "$file" "parts.again/${file##*/}"
done

expect "the index may be named" 0 '?*' '*' generate -m "parts/$index" -p Once --max-tokens 3
expect "also to tokenize" 0 '?*' '*' tokenize -m "parts/$index" -p Once
expect "a shard may not" 3 '' '*a file, and not a model folder*' generate -m parts/model-00001-of-00003.safetensors -p Once
"$bitllama" info whole --json >whole.json
"$bitllama" info parts --json >parts.json
for key in fingerprint tensor_count elements weight_bytes bits_per_parameter weight_form; do
    check "info: $key" test "$(grep "\"$key\"" whole.json)" = "$(grep "\"$key\"" parts.json)"
done
check "info: weights" grep -q "\"weights\": \"parts/$index\"" parts.json
expect "info of the index" 0 "*\"kind\": \"safetensors\"*\"tensor_count\"*model.embed_tokens.weight*" '' info "parts/$index" --json
expect "training begins with them" 0 '' '*began with the weights of*' train --data "$data" --out tuned --init pieces \
    --batch 2 --context 16 --steps 1 --no-samples --no-plot
expect "but not from packed ones" 3 '' '*packed weights are rounded*' train --data "$data" --out none --init parts --steps 1
expect "export does not write into its own shards" 2 '' '*is not empty*' export -m parts --out parts --force
export HF_HUB_OFFLINE=1 BITLLAMA_CACHE="$scratch"
expect "a folder with shards is one to send" 5 '' '*HF_HUB_OFFLINE forbids to send*' push parts o/n --dry-run
cp whole/model.safetensors parts
rm parts/model-00002-of-00003.safetensors
expect "the one file goes before an index" 0 '?*' '*' generate -m parts -p Once --max-tokens 3
rm parts/model.safetensors

# ---- what is wrong ----
expect "a missing shard" 3 '' "*$index: its file model-00002-of-00003.safetensors is not there*" generate -m parts -p Once
check "in one line" test "$(wc -l <stderr)" -eq 1
expect "which is not sent either" 3 '' "*$index: its file model-00002-of-00003.safetensors is not there; with --any *" push parts o/n --dry-run
bad() { # NAME WORDS SED: an index that sed makes of the right one
    rm -rf broken
    cp -r latent broken
    "$BL_TEST_DAMAGE" split broken 2
    cp broken/$index right
    sed "$3" right >broken/$index
    for command in "info broken" "generate -m broken -p a" "plan -m broken" "export -m broken --out none"; do
        # shellcheck disable=SC2086 # words
        expect "$1: ${command%% *}" 3 '' "*$2*" $command
    done
}
bad "outside" '"../x.safetensors" is no name of a safetensors file beside it' '0,/model-00001-of-00002/s//..\/x/'
bad "absolute" 'is no name of a safetensors file beside it' '0,/"model-00001-of-00002/s//"\/etc\/x/'
bad "another kind" 'is no name of a safetensors file beside it' '0,/model-00001-of-00002.safetensors/s//config.json/'
bad "in the other file" 'by the index in model-00002-of-00002.safetensors' '0,/model-00001-of-00002/s//model-00002-of-00002/'
bad "twice" 'duplicate object key' '0,/"model.embed_tokens.weight": \(.*\)/s//"model.embed_tokens.weight": \1"model.embed_tokens.weight": \1/'
bad "lost" 'is not in the index' '/"model.norm.weight"/d'
bad "too many" 'tensor more is not in model-00001-of-00002.safetensors' 's/"weight_map": {/&"more": "model-00001-of-00002.safetensors",/'
bad "no map" 'weight_map says which tensor is in which file' 's/weight_map/map/'
# ---- parts of models/parts that nobody has joined ----
rm -rf unjoined
mkdir unjoined
cp latent/*.json unjoined
rm -f unjoined/$index
echo "a manifest" >unjoined/model.safetensors.parts
for command in "info unjoined" "generate -m unjoined -p a" "plan -m unjoined" "export -m unjoined --out none"; do
    # shellcheck disable=SC2086 # words
    expect "unjoined: ${command%% *}" 3 '' "*unjoined/model.safetensors: in parts, *: models/parts join unjoined/model.safetensors.parts*" $command
done
finish
