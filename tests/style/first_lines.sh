#!/bin/sh
# Checks that the first line of every file says in a comment what the file is.
#
#   first_lines.sh ROOT       (a line "#!" may come before it)
cd "$1" || exit 2

find . \( -name .git -o -name build -o -name demo-run -o -name __pycache__ \) -prune -o -type f \
    \( -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' -o -name '*.cc' -o -name '*.sh' -o -name '*.py' -o -name '*.cmake' -o -name '*.in' \
    -o -name CMakeLists.txt -o -name Makefile -o -path ./check -o -path ./demo -o -path './tools/*' \
    -o -path './.ci/*' \) -print | LC_ALL=C sort | xargs awk '
FNR == 1 { files++; seen = 0 }
seen || (FNR == 1 && /^#!/) { next }
{
    seen = 1
    # A comment of three words or more that begins with one, not with stars or dashes.
    if ($0 !~ /^(\/\*|#|""")[ ]?[A-Za-z0-9_][^ ]* [^ ]+ [^ ]/) {
        printf "%s: the first line does not say what the file is: %s\n", FILENAME, $0
        bad = 1
    }
}
END {
    printf "%d files\n", files
    exit bad || !files
}'
