#!/bin/sh
# Every file that the program reads, damaged from a seed: what reads it ends in time, in little memory, and with
# a documented exit code and one line.
#
# usage: sweep.sh BITLLAMA DAMAGE [--runs N] [--seed S] [--keep FOLDER] [--most MEGABYTES] [KIND ...]
#
# N runs of each line of the table below (default 2), with the seeds S, S + 1, ... (default 1).  What failed is
# named with its seed, and kept in FOLDER.
set -u
export LC_ALL=C ASAN_OPTIONS="exitcode=98:allocator_may_return_null=1:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="halt_on_error=1:exitcode=98:print_stacktrace=1:${UBSAN_OPTIONS:-}"
bitllama=$(realpath "$1") damage=$(realpath "$2")
shift 2
runs=2 seed=1 keep='' most=128 seconds=60
while :; do
    case ${1:-} in
    --runs) runs=$2 ;;
    --seed) seed=$2 ;;
    --keep) mkdir -p "$2" && keep=$(realpath "$2") ;;
    --most) most=$2 ;;
    *) break ;;
    esac
    shift 2
done
work=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")" bitllama-hostile.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 1

# ---- what is damaged: one of everything ----
quietly() {
    "$@" >"$work/out" 2>"$work/err" || { echo "cannot begin: $*"; cat "$work/err"; exit 1; }
}
small="--batch 1 --context 16 --accum 1 --save-seconds 0 --save-every 2 --keep 2 --eval-every 2 --eval-tokens 64 \
--sample-every 1000 --no-plot --threads 1"
shape="--preset tiny --hidden-size 16 --num-attention-heads 1 --num-hidden-layers 1 --intermediate-size 16 $small"
words="--vocab-size 270 --val-split 0.2 --threads 1"
ckpt=run/ckpt/step-00000004
mkdir whole && cd whole || exit 1
# shellcheck disable=SC2086 # words, here and below
{
    quietly "$bitllama" prepare tales --tales-bytes 3000 --seed 1 $words --out data
    quietly "$bitllama" train --data data --out run $shape --steps 6 --stop-after 4
    quietly "$bitllama" export -m run --out packed
    quietly "$bitllama" export -m run --out rows --dtype int8
    cp -r packed shards && quietly "$damage" split shards 3
    quietly "$bitllama" generate -m packed -p "A fox" --max-tokens 2 --seed 1 --save memory
    mkdir latent && cp run/*.json run/model.safetensors latent
    printf 'A fox met a hen.\n<|endoftext|>\nThe hen ran \303\244way, \342\202\254 5!\n' >tale.txt
    printf '{"text": "A fox", "n": 1e999}\n{"text": "a \\ud83d\\ude00 hen", "n": [{}]}\n' >tale.jsonl
    quietly "$bitllama" learn -m packed -f tale.txt --memory learned --consolidate 0.5
    printf '{"messages": [{"role": "user", "content": "A fox?"}, {"role": "assistant", "content": [{"type": "text", "text": "A hen!"}]}]}\n' >talk.jsonl
    for n in 1 2 3 4 5 6 7 8 9; do printf '{"prompt": "Say %d.", "completion": "It is %d."}\n' $n $n; done >>talk.jsonl
    quietly "$bitllama" prepare talk.jsonl --documents messages $words --out talk
    printf '[{"n": 1, "text": "A fox"},\n "a hen", {"text": null}]' >tale.json
    gzip -nc tale.jsonl >tale.jsonl.gz
    printf '{"ids": [4, 60, 70, 80, 0, 1]}' >ids
    printf '%s' "{% macro show(x) %}{{ x | trim | tojson }}{% endmacro %}{% for m in messages %}{% if loop.first or m.role != 'system' %}\
<|{{ m['role'] }}|>{{ show(m.content.split('a')[-1] ~ m.n * 2) }}{% generation %}{{ m.content[1:] }}{% endgeneration %}{% endif %}\
{% endfor %}{% set ns = namespace(i=0) %}{% for k, v in messages[0] | dictsort %}{% set ns.i = ns.i + 1 %}{{ k }}{{ ns.i }}{% endfor %}" >chat.jinja
    printf '[{"role": "user", "content": "A f\303\244x", "n": 2}, {"role": "assistant", "content": "a hen", "n": 1.5}]' >messages
    printf 'root ::= (item "\\n"){1,3} # lines\nitem ::= [a-z \\x22\\u00e9]+ | "(" item? ")" | .{2}\n' >lines.gbnf
    printf '{"$defs": {"t": {"type": ["string", "null"], "maxLength": 9}}, "type": "object", "properties": {"n": {"type": "integer", "minimum": -5}, \
"t": {"$ref": "#/$defs/t"}, "d": {"format": "date"}, "p": {"pattern": "^a{2}[0-9]+$"}}, "required": ["n"], "additionalProperties": false}' >shape.json
    cp -r packed talks && printf '{"eos_token": "<|endoftext|>", "chat_template": "{%% for m in messages %%}[{{ m.role }}] {{ m.content }}{{ eos_token }}{%% endfor %%}"}' >talks/tokenizer_config.json
    rm -f run/events.* && : >empty
    head -c 20000 "$bitllama" >program
}
cd "$work" || exit 1
others="../whole/data/train.bin ../whole/data/meta.json ../whole/packed/model.safetensors ../whole/run/model.safetensors \
../whole/packed/config.json ../whole/run/config.json ../whole/packed/tokenizer.json ../whole/$ckpt/state.json \
../whole/talk/train.mask ../whole/$ckpt/optimizer.safetensors ../whole/$ckpt/MANIFEST ../whole/memory ../whole/learned ../whole/tale.txt ../whole/tale.jsonl.gz \
../whole/shards/model-00001-of-00003.safetensors ../whole/empty ../whole/program"
over="prepare tales --tales-bytes 4000 --seed 2 $words --out data"
onward="train --data data --out run --resume --steps 6 $small"
new="train --data data --out out $shape --steps 2"
talked="train --data talk --out out $shape --steps 2"
reply="--max-tokens 4 --seed 1 --threads 1"

# ---- kind, file, command; of a checkpoint "+": the MANIFEST then says what there is ----
table="
config packed/config.json info packed
config packed/config.json generate -m packed -p ab $reply
config packed/config.json plan -m packed
config packed/config.json tokenize -m packed -p ab
config latent/config.json export -m latent --out out --dtype f32
config run/config.json $onward
weights latent/model.safetensors info latent
weights latent/model.safetensors generate -m latent -p ab $reply
weights latent/model.safetensors export -m latent --out out --dtype f16
weights latent/model.safetensors eval -m latent --data tale.txt
weights packed/model.safetensors info packed --json
weights packed/model.safetensors generate -m packed -p ab $reply
weights packed/model.safetensors logits -m packed --ids 1,2,3 -o out.npy
weights packed/model.safetensors export -m packed --out out
shards shards/model.safetensors.index.json info shards
shards shards/model.safetensors.index.json generate -m shards -p ab $reply
shards shards/model.safetensors.index.json eval -m shards --data tale.txt
shards shards/model-00002-of-00003.safetensors generate -m shards -p ab $reply
shards shards/model-00003-of-00003.safetensors export -m shards --out out
weights rows/model.safetensors generate -m rows -p ab $reply
weights rows/model.safetensors export -m rows --out out --dtype f32
tokenizer packed/tokenizer.json tokenize -m packed -f tale.txt --offsets
tokenizer packed/tokenizer.json generate -m packed -p ab $reply
tokenizer packed/tokenizer.json eval -m packed --data tale.txt
tokenizer packed/tokenizer.json prepare tale.txt --tokenizer packed --out out
tokenizer packed/tokenizer.json detokenize -m packed -f ids
tokenizer packed/tokenizer_config.json prepare tale.txt --tokenizer packed --out out
tokenizer packed/generation_config.json prepare tale.txt --tokenizer packed --out out
card packed/README.md export -m latent --out packed --force
data data/train.bin $new
data data/train.bin info data
data data/train.bin eval -m packed --data data/train.bin
data data/train.bin $over --force
data data/val.bin $new
data data/meta.json $new
data data/meta.json info data
data data/meta.json eval -m packed --data data/val.bin
data data/meta.json $over --force
data data/meta.json plan --data data --preset tiny
data data/tokenizer.json $new
data data/RUNS $over
mask talk/train.mask $talked
mask talk/val.mask $talked
mask talk/train.bin $talked
mask talk/meta.json $talked
mask talk/meta.json info talk
mask talk/tokenizer_config.json $talked
talk talk.jsonl prepare talk.jsonl --documents messages $words --out out
talk talk.jsonl prepare talk.jsonl --documents messages --skip-bad --replace-invalid $words --out out
talk talk/tokenizer.json prepare talk.jsonl --documents messages --tokenizer talk --out out
talk talk/tokenizer_config.json prepare talk.jsonl --documents messages --tokenizer talk --out out
talk talks/tokenizer_config.json prepare talk.jsonl --documents messages --chat-template talks/tokenizer_config.json $words --out out
run $ckpt/MANIFEST $onward
run $ckpt/MANIFEST info run
run $ckpt/MANIFEST generate -m run -p ab $reply
run $ckpt/state.json $onward
run +$ckpt/state.json $onward
run +$ckpt/state.json $onward
run +$ckpt/state.json info run
run +$ckpt/state.json $over
run $ckpt/optimizer.safetensors $onward
run +$ckpt/optimizer.safetensors $onward
run +$ckpt/optimizer.safetensors $onward
run $ckpt/model.safetensors info run --json
run +$ckpt/model.safetensors $onward
run +$ckpt/model.safetensors generate -m $ckpt -p ab $reply
run run/LATEST $onward
run run/BEST generate -m run -p ab $reply
run run/BEST $onward
run run/tokenizer.json $onward
run run/metrics.jsonl $onward
run run/metrics.jsonl info run
memory memory generate -m packed -p ab --load memory $reply
memory memory chat -m packed --load memory --threads 1
memory learned generate -m packed -p ab --load learned $reply
memory learned memory show learned -m packed
memory learned memory diff memory learned
memory memory memory diff learned memory -m packed
memory learned memory reset learned -m packed
memory learned memory merge memory learned -m packed -o new
memory learned learn -m packed -f tale.txt --memory learned
text tale.txt learn -m packed tale.txt --memory learned
text tale.jsonl.gz learn -m packed tale.jsonl.gz tale.json --skip-bad --memory new
text tale.txt prepare tale.txt $words --out out
text tale.txt generate -m packed -f tale.txt $reply
text tale.jsonl prepare tale.jsonl $words --out out
text tale.jsonl prepare tale.jsonl --skip-bad $words --out out
text tale.json prepare tale.json $words --out out
text tale.json prepare tale.json --skip-bad --replace-invalid $words --out out
text tale.jsonl.gz prepare tale.jsonl.gz $words --out out
text ids detokenize -m packed -f ids
grammar lines.gbnf generate -m packed -p ab --grammar-file lines.gbnf $reply
grammar lines.gbnf chat -m packed --grammar-file lines.gbnf $reply
grammar shape.json generate -m packed -p ab --json-schema-file shape.json $reply
grammar shape.json generate -m packed -p ab -j @shape.json --samples 3 --json --top-k 0 $reply
template chat.jinja template --template chat.jinja -f messages
template messages template -m talks -f messages --json
template talks/tokenizer_config.json template -m talks -f messages --tokens
template talks/tokenizer_config.json chat -m talks $reply
template talks/generation_config.json chat -m talks $reply
"

# ---- the sweep ----
one_run() { # FILE COMMAND...
    path=$1
    shift
    rm -rf now && cp -r whole now && cd now || exit 1
    # shellcheck disable=SC2086
    "$damage" hurt "${path#+}" "$seed" $others || exit 1
    case $path in +*) "$damage" manifest "$ckpt" || exit 1 ;; esac
    "$damage" watch "$seconds" "$most" "$bitllama" "$@" >../said
    fine=$?
    cd "$work" || exit 1
    read -r code errors megabytes line <said
    eval "code_$code=\$((\${code_$code:-0} + 1))"
    [ "$megabytes" -le "$largest" ] || largest=$megabytes
    total=$((total + 1))
    [ $fine -eq 0 ] && return
    failed=$((failed + 1))
    echo "FAIL $path, seed $seed: $*: exit $code, $errors errors, $megabytes MB: $line"
    [ -z "$keep" ] || { rm -rf "${keep:?}/$seed" && cp -r now "$keep/$seed"; }
}

total=0 failed=0 largest=0 line_number=0
codes="0 1 2 3 4 5 6 7 98 99 134 137 139"
printf '%s' "$table" >table
while read -r kind path command; do
    line_number=$((line_number + 1))
    case " ${*:-$kind} " in *" $kind "*) ;; *) continue ;; esac
    k=0
    while [ $k -lt "$runs" ] && [ -n "$kind" ]; do
        # shellcheck disable=SC2086
        one_run "$path" $command
        seed=$((seed + 1)) k=$((k + 1))
    done
done <table
counts=
for code in $codes; do
    eval "n=\${code_$code:-0}"
    # shellcheck disable=SC2154 # set by eval
    [ "$n" -eq 0 ] || counts="$counts, $n with exit $code"
done
echo "$total runs${counts}; at most $largest MB; $failed failed"
[ $total -gt 0 ] && [ $failed -eq 0 ]
