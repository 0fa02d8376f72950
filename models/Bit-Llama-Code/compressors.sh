#!/bin/sh
# What general compressors make of a text, in bits a byte: as one stream, and each document alone.
#
#   models/Bit-Llama-Code/compressors.sh TEXT
#
# Documents end at lines <|endoftext|>, which do not count.  A compressor that is not here is left out, in words.
set -eu
[ $# -eq 1 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/each"
grep -v '^<|endoftext|>$' "$1" >"$work/all" || :
LC_ALL=C awk -v folder="$work/each" '
    BEGIN { file = folder "/" ++n }
    /^<\|endoftext\|>$/ { close(file); file = folder "/" ++n; next }
    { print >file }' "$1"
bytes=$(wc -c <"$work/all")
for tool in 'gzip -9' 'xz -9e' 'zstd -19'; do
    name=${tool%% *}
    if ! command -v "$name" >/dev/null; then
        echo "skipped: $tool (not installed here)" >&2
        continue
    fi
    # shellcheck disable=SC2086 # words
    all=$($tool -c "$work/all" 2>/dev/null | wc -c)
    # shellcheck disable=SC2086 # words
    alone=$(find "$work/each" -type f -exec $tool -c -q {} \; 2>/dev/null | wc -c)
    awk -v tool="$tool" -v all="$all" -v alone="$alone" -v bytes="$bytes" \
        'BEGIN { printf "| %s | %.3f | %.3f |\n", tool, 8 * all / bytes, 8 * alone / bytes }'
done
