#!/bin/sh
# Debian packages of Python source to the text that Bit-Llama-Code is trained on.
#
#   models/Bit-Llama-Code/corpus.sh DEBS OUT [LIST]
#
# DEBS has the files of LIST (packages, beside this script), each of which must have the SHA-256 that stands there.  OUT, made new, gets
# train.txt and heldout.txt (whole packages), documents with a line <|endoftext|> after each, index.tsv (side, package, bytes, file) and
# log (files kept and left out, by package).  filter.awk says what is left out; copies are dropped afterwards, by prepare.
# Needs dpkg-deb, or ar and tar, and 30 MB of disk for a package at a time.
set -eu
[ $# -ge 2 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
debs=$1 out=$2 list=${3:-$here/packages}
[ ! -e "$out" ] || { echo "corpus.sh: $out is there" >&2; exit 2; }
part=$out.part
rm -rf "$part"
mkdir -p "$part"
: >"$part/train.txt"
: >"$part/heldout.txt"
part=$(cd "$part" && pwd)

unpack() { # DEB FOLDER: its Python files
    if command -v dpkg-deb >/dev/null; then
        dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --no-same-owner --wildcards '*.py'
    else
        data=$(ar t "$1" | grep '^data\.tar')
        (cd "$2" && ar p "$1" "$data" >"$data" && tar -x -f "$data" --no-same-owner --wildcards '*.py' && rm "$data")
    fi
}

debs=$(cd "$debs" && pwd)
# held-out packages first, then by name
grep -v '^ *\(#\|$\)' "$list" | LC_ALL=C sort -k 3,3 -k 2,2 >"$part/list"
while read -r hash file side _; do
    [ -f "$debs/$file" ] || { echo "corpus.sh: $debs/$file is missing" >&2; exit 3; }
    found=$(sha256sum <"$debs/$file" | cut -d ' ' -f 1)
    [ "$found" = "$hash" ] || { echo "corpus.sh: $debs/$file is another file: SHA-256 $found, expected $hash" >&2; exit 3; }
    mkdir "$part/tree"
    unpack "$debs/$file" "$part/tree"
    (cd "$part/tree" && find . -type f -name '*.py' | LC_ALL=C sort |
        LC_ALL=C awk -v side="$side" -v out=.. -v package="${file%%_*}" -f "$here/filter.awk") >>"$part/log"
    rm -rf "$part/tree"
done <"$part/list"
rm "$part/list"
mv "$part" "$out"
