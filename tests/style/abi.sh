#!/bin/sh
# Checks that what a released header declares is still declared: functions and structs as they were,
# enums and structs that say their size with the same beginning.
#
#   abi.sh HEADER CC LIST...
#   abi.sh HEADER CC          prints what such a list holds
header=$1 cc=$2
shift 2
temporary=$(mktemp -d) || exit 2
trap 'rm -rf "$temporary"' EXIT

# A declaration a line, after the preprocessor, without spaces that mean nothing.
"$cc" -std=c17 -E -P "$header" >"$temporary/text" || exit 1
tr '\n' ' ' <"$temporary/text" | sed 's/__attribute__ *((visibility("default")))//g' | awk '
    {
        n = split($0, c, "")
        for (i = 1; i <= n; i++) {
            depth += (c[i] == "{") - (c[i] == "}")
            if (c[i] == ";" && !depth) {
                print line
                line = ""
            } else
                line = line c[i]
        }
    }' | grep -E 'bl_|BL_' | tr -s ' \t' ' ' |
    sed -E 's/ *([][(){},;*=]) */\1/g; s/^ //; s/ $//' | grep -v '^extern "C"' >"$temporary/now"
[ "$(wc -l <"$temporary/now")" -gt 150 ] || { echo "the header was not understood"; exit 1; }
[ $# -gt 0 ] || { cat "$temporary/now"; exit 0; }

awk '
    # What a struct or an enum must begin with: its members; the last of an enum may be their number.
    function beginning(text) {
        sub(/}[^}]*$/, "", text)
        sub(/,BL_[A-Z_]*_KINDS$/, "", text)
        return text
    }
    FILENAME == ARGV[1] {
        now[$0] = 1
        if ($0 ~ /{/)
            shape[++shapes] = $0
        next
    }
    /^#/ { next }
    {
        listed++
        if ($0 in now)
            next
        found = 0
        start = beginning($0)
        grows = /typedef enum|^enum|{size_t size;/
        for (i = 1; grows && i <= shapes && !found; i++) {
            after = substr(shape[i], length(start) + 1, 1)
            found = index(shape[i], start) == 1 && (start ~ /[;,]$/ || after ~ /[,}]/)
        }
        if (!found) {
            printf "%s: no longer there, or changed:\n  %s\n", FILENAME, $0
            bad = 1
        }
    }
    END {
        printf "%d declarations, all as they were or grown\n", listed
        exit bad || listed < 150
    }' "$temporary/now" "$@"
