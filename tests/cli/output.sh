# What cannot be written: a full disk, a folder that takes no files, a closed pipe.
. "$(dirname "$0")/expect.sh"
data=$3/data run=$3/run
cd "$scratch" || exit 1

# ---- stdout ----
to_full() { # ARGUMENTS...
    output=/dev/full
    expect "$1 to a full disk" 4 '' "*cannot write to standard output: *" "$@"
}
to_full info "$run"
to_full info "$data" --json
to_full tokenize -m "$run" -p hello
to_full detokenize -m "$run" -p 300
to_full eval -m "$run" --data "$data/val.bin" --json
to_full generate -m "$run" -p x --max-tokens 5
{
    "$bitllama" generate -m "$run" -p x --max-tokens 100000000 --ignore-eos 2>stderr
    echo $? >code
} | head -c 1 >first
check "generate into a closed pipe ends by SIGPIPE" test "$(cat code)" -eq 141
check "without a word" test ! -s stderr
check "and the pipe got its byte" test -s first

# What is printed at once, and what was not yet flushed; a memory is saved all the same.
to_closed() { # ARGUMENTS...
    into_closed "$@"
    check "$1 into a closed pipe" test $? -eq 141
    check "$1: no error" sh -c '! grep -q "error:" stderr'
}
to_closed tokenize -m "$run" -p hello
to_closed info "$run"
to_closed info "$data" --json
to_closed plan -m "$run"
to_closed generate --help
to_closed help --man train
to_closed eval -m "$run" --data "$data/val.bin" --json
into_closed generate -m "$run" -p x --max-tokens 500 --ignore-eos --save closed.mem
check "the memory is saved" test -s closed.mem

# A run does not die with whoever watches it.
"$bitllama" train --data "$data" --out watched --preset tiny --hidden-size 32 --intermediate-size 48 \
    --num-hidden-layers 1 --num-attention-heads 2 --context 32 --batch 4 --steps 6 --save-seconds 0 2>&1 | head -n 1 >first
check "its first words" grep -q parameters first
check "the run is trained to its end" test -s watched/ckpt/step-00000006/MANIFEST
expect "it is whole" 0 '?*' '*' generate -m watched -p x --max-tokens 2

# ---- files: /proc takes none, whoever asks; /dev/full takes no bytes ----
expect "logits where no file can be" 4 '' "*cannot write /proc/x.npy*" logits -m "$run" --ids 1 -o /proc/x.npy
expect "logits to a full disk" 4 '' "*cannot write /dev/full*" logits -m "$run" --ids 1 -o /dev/full
expect "logits over a folder" 4 '' "*cannot write */output*" logits -m "$run" --ids 1 -o "$scratch"
expect "logits into no folder" 4 '' "*cannot write no/x.npy*" logits -m "$run" --ids 1 -o no/x.npy
expect "prepare where no folder can be" 4 '' "*/proc/d*" prepare tales --tales-bytes 20000 --vocab-size 300 --out /proc/d
expect "train where no folder can be" 4 '' "*/proc/r*" train --data "$data" --out /proc/r --preset tiny --steps 1
: >file
expect "prepare over a file" 4 '' "*file*" prepare tales --tales-bytes 20000 --vocab-size 300 --out file
expect "train over a file" 4 '' "*file*" train --data "$data" --out file --preset tiny --steps 1

# ---- onto what is not a file ----
mkfifo fifo
: >real
ln -s real link
ln -s /dev/null null
for target in fifo null . /dev/null; do
    expect "--save onto $target" 4 '*' "*cannot write $target: it is a *, not a file*" \
        generate -m "$run" -p x --max-tokens 1 --save "$target"
done
check "the pipe is there" test -p fifo
check "the link to a device is there" test -L null
check "the device is there" test -c /dev/null
expect "--save through a link" 0 '*' '*' generate -m "$run" -p x --max-tokens 1 --save link
check "the link stays" test -L link
check "the file behind it is the memory" test -s real
printf '/save fifo\n/save link\n' >typed
input=typed
expect "/save onto a pipe" 4 '*' '*cannot write fifo: it is a pipe, not a file*' chat -m "$run"
for data_file in train.bin meta.json; do
    mkdir -p linked && ln -sf ../real linked/$data_file
    expect "prepare over a link" 4 '' "*linked/$data_file: it is a symbolic link*" \
        prepare tales --tales-bytes 20000 --vocab-size 300 --out linked
    rm -r linked
done
"$bitllama" logits -m "$run" --ids 1,2 -o want.npy 2>stderr
output=piped.npy
expect "logits to /dev/stdout" 0 '' '*' logits -m "$run" --ids 1,2 -o /dev/stdout
check "the same bytes" cmp want.npy piped.npy
cat fifo >through.npy &
expect "logits into a pipe" 0 '' '*' logits -m "$run" --ids 1,2 -o fifo
wait $!
check "the same bytes again" cmp want.npy through.npy
printf precious >victim
# The names that an earlier version used, which anybody could foresee, lead nowhere now.
sh -c 'ln -s victim x.mem.$$.tmp; ln -s victim y.npy.tmp-$$; exec "$0" "$@"' \
    "$bitllama" generate -m "$run" -p x --max-tokens 1 --save x.mem >stdout 2>stderr
check "a planted link is not followed" test "$(cat victim)" = precious
rm -f x.mem* y.npy*

# ---- a failure leaves what was there ----
printf 'precious' >keep.npy
expect "bad ids" 3 '' '*' logits -m "$run" --ids 1,999 -o keep.npy
check "the old file stays" test "$(cat keep.npy)" = precious
(
    ulimit -f 8 # 4 KB of the 16
    exec "$bitllama" logits -m "$run" --ids 1,2,3,4,5,6,7,8,9,10 -o keep.npy >stdout 2>stderr
)
check "logits past the file size limit" test $? -eq 4
check "says so" grep -q 'cannot write keep.npy' stderr
check "the old file stays again" test "$(cat keep.npy)" = precious
check "no temporary file stays" sh -c '! ls -A | grep tmp'

finish
