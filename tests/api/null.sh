#!/bin/sh
# Checks that the tests have a row for every pointer that a function of the public header takes.
#
#   null.sh HEADER TEST...    (all but err, with and without which each row runs, and user)
temporary=$(mktemp -d) || exit 2
trap 'rm -rf "$temporary"' EXIT
header=$1
shift
awk '{ gsub(/\/\*[^*]*\*\//, "") } 1' "$header" | tr '\n' ' ' | grep -oE 'BL_API [^;]*;' |
    sed -E 's/^.*[ *](bl_[a-z0-9_]+)\((.*)\);/\1,\2/' | tr -s ' ' | awk -F, '
    {
        for (i = 2; i <= NF; i++) {
            if ($i !~ /\*|_fn |\[/)
                continue
            name = $i
            sub(/\[.*/, "", name)
            sub(/.*[ *]/, "", name)
            if (name != "err" && name != "user")
                print $1 " " name
        }
    }' | LC_ALL=C sort -u >"$temporary/declared"
cat "$@" | tr '\n' ' ' | grep -oE '(REFUSED|FINE|GIVES|NOTHING)\(bl_[a-z0-9_]+, *[a-z_]+' |
    sed -E 's/^[A-Z]+\(([a-z0-9_]+), */\1 /' | LC_ALL=C sort -u >"$temporary/tested"
[ "$(wc -l <"$temporary/declared")" -gt 80 ] || { echo "only $(wc -l <"$temporary/declared") pointers found in $header"; exit 1; }
missing=$(comm -23 "$temporary/declared" "$temporary/tested")
if [ -n "$missing" ]; then
    echo "pointers without a row in $*:"
    echo "$missing"
    exit 1
fi
echo "$(wc -l <"$temporary/declared") pointers of public functions, each with a row"
