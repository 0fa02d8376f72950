# The script ./demo as far as it is quick: what the models of models/ say without a terminal and on one.  Building, preparing and training are
# only noted here.
#
#   demo.sh ROOT SCRATCH BITLLAMA
. "$(dirname "$0")/../tools/judge.sh"
dir="a folder, ä"
mkdir -p "$dir/tools" "$dir/build"
cp "$root/demo" "$dir"
ln -s "$root/models" "$dir/models"
for tool in setup build; do
    printf '#!/bin/sh\necho "%s $*" >>calls\n' $tool >"$dir/tools/$tool"
done
cat >"$dir/build/bitllama" <<END_OF_PROGRAM
#!/bin/sh
case "\$1 \$3" in
"generate models/"* | "chat models/"*) exec '$(printf '%s' "$3" | sed "s/'/'\\\\''/g")' "\$@" ;;
esac
echo "\$*" >>calls
END_OF_PROGRAM
chmod +x "$dir/tools/setup" "$dir/tools/build" "$dir/build/bitllama"

# ---- without a terminal ----
check "no terminal" sh -c './"$1"/demo </dev/null >out 2>err' demo "$dir"
check "a story and a talk" holds out 'Once upon a time*
> Hello! My name is Anna.
*Anna*
> Tell me a story about a cat named Tom.
*Tom*
> What is my name?
Your name is Anna.
*Once upon a time*'
check "its own model after that" holds "$dir/calls" 'setup *
build --quiet bitllama
prepare tales *
train --preset tiny *
generate -m demo-run/run *'
cp out first
check "once more" sh -c './"$1"/demo </dev/null >out 2>err' demo "$dir"
check "is the same" cmp first out

# ---- on a terminal ----
if command -v script >/dev/null && script --version 2>/dev/null | grep -q util-linux; then
    on_terminal() { # what is typed comes from standard input
        (cd "$dir" && rm -f calls && script -qec ./demo /dev/null) >typescript 2>&1
    }
    printf 'n\n' | on_terminal
    check "asks, and goes on" sh -c 'grep -q "Talk with it now" typescript && grep -q "^train" "$1/calls" &&
        ! grep -q "10.7M parameters" typescript' demo "$dir"
    printf 'y\nHello! My name is Anna.\n/quit\n' | on_terminal
    check "talks, and goes on" sh -c 'grep -q "Bit-Llama-Micro-Chat, 10.7M parameters" typescript && grep -q "^train" "$1/calls"' demo "$dir"
else
    echo "skipped: ./demo on a terminal (no script of util-linux here)"
fi
finish
