# Files in parts: sizes around a part, odd names, parts that are missing, damaged, cut off, exchanged, manifests that lie.
#
#   parts.sh ROOT SCRATCH
. "$(dirname "$0")/../tools/judge.sh"
parts=$root/models/parts
command -v sha256sum >/dev/null || { echo "skipped: files in parts (no sha256sum here)"; exit 77; }
refuses() { # PATTERN ARGUMENTS...
    pattern=$1
    shift
    if sh "$parts" "$@" >out 2>err; then
        echo "it was taken"
        return 1
    fi
    holds err "$pattern"
}
dir="a folder, ä"
for size in 1 99 100 101 300 1234; do
    awk -v n=$size 'BEGIN { srand(n); for (i = 0; i < n; i++) printf "%c", 33 + int(rand() * 90) }' >w.bin
    check "$size bytes in parts" sh "$parts" split w.bin "$dir" 100
    check "as many as needed" test "$(find "$dir" -name 'w.bin.[0-9]*' | wc -l)" -eq $(((size + 99) / 100))
    check "are whole" sh "$parts" check "$dir/w.bin.parts"
    check "come together" sh "$parts" join "$dir/w.bin.parts"
    check "as they were" cmp w.bin "$dir/w.bin"
    rm "$dir/w.bin"
done
check "into another place" sh "$parts" join "$dir/w.bin.parts" "out, ö"
check "the same" cmp w.bin "out, ö"
check "parts of an older split are gone" test "$(find "$dir" -name '*.[0-9]*' | wc -l)" -eq 13
cp -r "$dir" good
damage() { rm -rf bad; cp -r good bad; }
damage; rm bad/w.bin.005
check "one missing" refuses '*w.bin.005 is missing' join bad/w.bin.parts
damage; printf x | dd of=bad/w.bin.003 bs=1 seek=50 conv=notrunc 2>/dev/null; printf y | dd of=bad/w.bin.003 bs=1 seek=51 conv=notrunc 2>/dev/null
check "one damaged" refuses '*w.bin.003 is damaged*' join bad/w.bin.parts
damage; head -c 20 good/w.bin.013 >bad/w.bin.013
check "one cut off" refuses '*w.bin.013 has 20 bytes, not 34' join bad/w.bin.parts
damage; mv bad/w.bin.001 x; mv bad/w.bin.002 bad/w.bin.001; mv x bad/w.bin.002
check "two exchanged" refuses '*w.bin.001 is damaged*' join bad/w.bin.parts
damage; sed '1s/^................/0000000000000000/' good/w.bin.parts >bad/w.bin.parts
check "another whole" refuses '*w.bin would be damaged*' join bad/w.bin.parts
damage; sed '3d' good/w.bin.parts >bad/w.bin.parts
check "a line missing" refuses '*line 3 is none of a manifest' join bad/w.bin.parts
damage; sed '$d' good/w.bin.parts >bad/w.bin.parts
check "the last missing" refuses '*its parts are not the whole' join bad/w.bin.parts
damage; sed '2s/w.bin.001/..\/good\/w.bin.001/' good/w.bin.parts >bad/w.bin.parts
check "a path in the place of a name" refuses '*line 2 is none of a manifest' join bad/w.bin.parts
damage; : >bad/w.bin.parts
check "an empty manifest" refuses '*not the whole*' check bad/w.bin.parts
check "nothing was left of all that" test ! -e bad/w.bin
check "no manifest" refuses '*no such file' check bad/none.parts
check "no file" refuses '*no such file' split none bad
: >empty
check "an empty file" refuses '*is empty' split empty bad
check "no number" refuses '*split FILE*' split w.bin bad 1k
check "too many parts" refuses '*1234 parts*' split w.bin bad 1
finish
