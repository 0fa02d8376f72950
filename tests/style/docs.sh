#!/bin/sh
# Checks that what the documents name is there: commands, flags, files, links; and README's length.
#
#   docs.sh ROOT BITLLAMA
cd "$1" || exit 2
bitllama=$2
temporary=$(mktemp -d) || exit 2
trap 'rm -rf "$temporary"' EXIT
bad=0
complain() {
    echo "$*"
    bad=1
}

commands=0
for document in README.md docs/*.md; do
    # "bitllama COMMAND ...", in a block or between backticks, up to a comment; DOCUMENT is for no value.
    grep -ohE '(^ +|`|[ (])(build/)?bitllama [a-z]+[^`#|]*' "$document" |
        sed 's/^[` (]*\(build\/\)\{0,1\}bitllama //' >"$temporary/lines"
    while read -r command rest; do
        help="$temporary/help-$command"
        [ -f "$help" ] || "$bitllama" "$command" --help >"$help" 2>&1 || rm -f "$help"
        case $rest in
        -* | *' -'* | '') ;;
        *) [ -f "$help" ] || continue ;; # words of a sentence: "bitllama runs on"
        esac
        [ -f "$help" ] || { complain "$document: no such command: bitllama $command $rest"; continue; }
        commands=$((commands + 1))
        for flag in $(printf '%s\n' "$rest" | grep -oE '(^| |\[)--?[a-z][a-z0-9-]*' | tr -d ' ['); do
            plain=$(printf '%s' "$flag" | sed 's/^--no-/--/')
            grep -qE -e "(^|[ ,])$plain([ =,[]|\$)" "$help" || grep -qE -e "(^|[ ,])$flag([ =,[]|\$)" "$help" ||
                complain "$document: bitllama $command knows no $flag"
        done
    done <"$temporary/lines"
done

names=0
for document in README.md docs/*.md; do
    # Files between backticks: a first folder of this tree; NAME, capital letters and ... stand for others.
    for name in $(grep -oE '`\.?/?(src|tests|tools|bench|docs|cli|include|cmake|\.ci)/[A-Za-z0-9_./*-]*[A-Za-z0-9_/*]' "$document" |
        sed 's/^`//; s/^\.\///' | grep -v '[A-Z][A-Z]' | LC_ALL=C sort -u); do
        names=$((names + 1))
        set -- $name "$name".[ch] # a pattern is one, and a pair of files may be named without its ending
        found=
        for one in "$@"; do
            [ ! -e "$one" ] || found=yes
        done
        [ -n "$found" ] || complain "$document: no such file: $name"
    done
    for link in $(grep -oE '\]\([^)]*\)' "$document" | sed 's/^](//; s/)$//; s/#.*//' | grep -v ':' | LC_ALL=C sort -u); do
        names=$((names + 1))
        [ -e "$(dirname "$document")/$link" ] || complain "$document: no such link: $link"
    done
done

lines=$(wc -l <README.md)
[ "$lines" -lt 150 ] || complain "README.md has $lines lines, at most 149"
echo "$commands command lines, $names names, README of $lines lines"
[ "$commands" -ge 10 ] && [ "$names" -ge 50 ] || complain "the documents were not understood"
exit $bad
