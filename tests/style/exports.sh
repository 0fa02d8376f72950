#!/bin/sh
# Checks that the shared library exports the functions of the public header and nothing else.
#
#   exports.sh LIBRARY HEADER
exported=$(nm -D --defined-only "$1" | awk '{ print $NF }' | sed 's/@.*//' | LC_ALL=C sort -u)
declared=$(tr '\n' ' ' <"$2" | grep -oE 'BL_API [^;]*;' | grep -oE 'bl_[a-z0-9_]+ ?\(' | tr -d ' (' | LC_ALL=C sort -u)
[ -n "$exported" ] && [ -n "$declared" ] || { echo "nothing exported, or nothing declared"; exit 1; }
temporary=$(mktemp -d) || exit 2
trap 'rm -rf "$temporary"' EXIT
printf '%s\n' "$exported" >"$temporary/exported"
printf '%s\n' "$declared" >"$temporary/declared"
if ! diff "$temporary/declared" "$temporary/exported"; then
    echo "  < declared and not exported        > exported and not declared"
    exit 1
fi
echo "$(wc -l <"$temporary/exported") functions, all of them in the header"
