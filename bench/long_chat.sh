#!/bin/sh
# A conversation of a million tokens: how much memory the program holds at its start, and at its end.
#
#   long_chat.sh BITLLAMA MODEL [TOKENS] [CHAT FLAGS ...]     (Linux: /proc)
set -eu
bitllama=$1 model=$2 tokens=${3:-1000000}
shift 2
[ $# -eq 0 ] || shift
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkfifo "$work/lines"
"$bitllama" chat -m "$model" --max-tokens 240 --ignore-eos --seed 1 "$@" <"$work/lines" >"$work/said" 2>"$work/told" &
chat=$!
exec 3>"$work/lines"

# After so many /stats: tokens read, and what is held.
count=0
look() {
    count=$((count + 1))
    echo /stats >&3
    until [ "$(grep -c '^temperature' "$work/told")" -eq $count ]; do
        kill -0 $chat || { cat "$work/told"; exit 1; }
        sleep 0.2
    done
    at=$(sed -n 's/^position *\([0-9,]*\) tokens.*/\1/p' "$work/told" | tail -n 1)
    awk -v what="$1" -v at="$at" '/^VmRSS/ { printf "%-24s %12s tokens read  %8d kB resident\n", what, at, $2 }' "/proc/$chat/status"
}
say() { # TURNS
    i=0
    while [ $i -lt "$1" ]; do
        echo "and what did the dog say then in the garden?" >&3
        i=$((i + 1))
    done
}

say 1
look "one turn"
say 39
look "40 turns"
while [ "$(echo "$at" | tr -d ,)" -lt $((tokens / 10)) ]; do say 50 && look "" >/dev/null; done
look "a tenth"
while [ "$(echo "$at" | tr -d ,)" -lt "$tokens" ]; do say 500 && look "" >/dev/null; done
look "the end"
exec 3>&-
wait $chat
