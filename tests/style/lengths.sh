#!/bin/sh
# Checks file lengths: more than 600 lines is a warning, more than 800 a failure; the one public header may have 1700.
#
#   lengths.sh ROOT           (a file that holds only a table of data says "Data table:" in line 1)
cd "$1" || exit 2

find . \( -name .git -o -name build -o -name demo-run -o -path ./docs -o -path ./tests/fixtures \) -prune -o -type f \
    \( -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' -o -name '*.cc' -o -name '*.sh' -o -name '*.py' -o -name CMakeLists.txt \) -print |
    LC_ALL=C sort | xargs awk '
function finish() {
    if (name == "")
        return
    lines[files++] = count
    most = name == "./include/bitllama.h" ? 1700 : 800
    if (count > most && !table) {
        printf "%s: %d lines, at most %d\n", name, count, most
        bad = 1
    } else if (count > 600 && !table)
        printf "%s: %d lines; over 600 it is two files\n", name, count
}
FNR == 1 { finish(); name = FILENAME; table = /Data table:/ }
{ count = FNR }
END {
    finish()
    for (i = 1; i < files; i++) {           # by insertion: there are a few hundred
        v = lines[i]
        for (j = i - 1; j >= 0 && lines[j] > v; j--)
            lines[j + 1] = lines[j]
        lines[j + 1] = v
    }
    printf "%d files, median %d lines, longest %d\n", files, lines[int(files / 2)], lines[files - 1]
    exit bad || !files
}'
