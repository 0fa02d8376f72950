#!/bin/sh
# Checks that no struct, union or enum is defined twice under one name: C takes either without a word.
#
#   tags.sh ROOT
. "$(dirname "$0")/code.sh"
cd "$1" || exit 2

find include src cli -name '*.[ch]' | LC_ALL=C sort | xargs awk "$awk_code"'
{
    line = code()
    while (match(line, /(struct|union|enum) +[A-Za-z0-9_]+ *([{]|$)/)) {
        name = substr(line, RSTART, RLENGTH)
        line = substr(line, RSTART + RLENGTH)
        gsub(/^[a-z]+ +| *[{]?$/, "", name)
        tags++
        if (name in first) {
            printf "%s:%d: %s is defined in %s too\n", FILENAME, FNR, name, first[name]
            bad = 1
        } else
            first[name] = FILENAME ":" FNR
    }
}
END {
    printf "%d tags, %s\n", tags, bad ? "some of two things" : "each of one thing"
    exit bad || !tags
}'
