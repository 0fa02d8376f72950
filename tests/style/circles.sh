#!/bin/sh
# Checks that within a folder no files need each other: whoever reads one can read those below it first.
#
#   circles.sh NM OBJECT...   (objects by their paths in a CMake build; a folder of src/ with those in it is one)
nm=$1
shift
command -v "$nm" >/dev/null 2>&1 || { echo "skipped: circles of files (no nm here)"; exit 77; }
symbols=$(mktemp) || exit 2
trap 'rm -f "$symbols"' EXIT
"$nm" -A -P "$@" >"$symbols" 2>/dev/null
grep -q ' T ' "$symbols" || { echo "skipped: circles of files (nm reads no such objects)"; exit 77; }

awk '
# ".../bl_objects.dir/src/core/alloc.c.o: bl_free T 0 1c" -> src/core/alloc; those of cli/ have no folder.
{
    file = $1
    sub(/^.*\.dir\//, "", file)
    sub(/\.c\.o(bj)?:$/, "", file)
    if (file !~ /\//)
        file = "cli/" file
    files[file] = 1
    if ($3 == "U")
        use[++uses] = file " " $2
    else if ($3 ~ /^[A-Z]$/)
        home[$2] = file
}
function folder(file) {
    return match(file, /^src\/[^\/]*/) ? substr(file, 1, RLENGTH) : "cli"
}
END {
    for (i = 1; i <= uses; i++) {
        split(use[i], word, " ")
        to = home[word[2]]
        if (to == "" || to == word[1] || folder(to) != folder(word[1]))
            continue
        arrow = word[1] " -> " to
        if (!(arrow in why))
            arrows++
        why[arrow] = why[arrow] " " word[2]
    }
    total = arrows
    # Take off what nobody needs, or what needs nobody, until nothing changes: circles are left, and the ways
    # between them.
    for (before = -1; before != arrows;) {
        before = arrows
        split("", out)
        split("", in_)
        for (arrow in why) {
            split(arrow, end, " -> ")
            out[end[1]] = in_[end[2]] = 1
        }
        for (arrow in why) {
            split(arrow, end, " -> ")
            if (!(end[1] in in_) || !(end[2] in out)) {
                delete why[arrow]
                arrows--
            }
        }
    }
    for (arrow in why)
        print arrow ":" why[arrow] | "LC_ALL=C sort"
    close("LC_ALL=C sort")
    for (file in files)
        count++
    printf "%d files, %d uses inside a folder, %s\n", count, total, arrows ? "with circles" : "no circle"
    exit arrows > 0
}' "$symbols"
