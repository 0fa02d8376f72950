#!/bin/sh
# Installs a build, moves it, and has a foreign project find, build and run against it.
#
#   find_package.sh CMAKE BUILD PROJECT CC FLAGS
cmake=$1 build=$2 project=$3 cc=$4 flags=$5
temporary=$(mktemp -d) || exit 2
trap 'rm -rf "$temporary"' EXIT
run() { "$@" >"$temporary/log" 2>&1 || { cat "$temporary/log"; echo "failed: $*"; exit 1; }; }
run "$cmake" --install "$build" --prefix "$temporary/first"
mv "$temporary/first" "$temporary/moved"
run "$cmake" -S "$project" -B "$temporary/b" "-DCMAKE_PREFIX_PATH=$temporary/moved" \
    "-DCMAKE_C_COMPILER=$cc" "-DCMAKE_C_FLAGS=$flags"
run "$cmake" --build "$temporary/b"
for kind in shared static; do
    said=$("$temporary/b/with_$kind") || { echo "with_$kind failed"; exit 1; }
    [ "$said" = "abi agrees" ] || { echo "with_$kind said: $said"; exit 1; }
    echo "$kind: found, built, ran"
done
run "$cmake" -S "$project/../../../examples" -B "$temporary/e" \
    "-DCMAKE_PREFIX_PATH=$temporary/moved" "-DCMAKE_C_COMPILER=$cc" "-DCMAKE_C_FLAGS=$flags"
run "$cmake" --build "$temporary/e"
"$temporary/e/train" >"$temporary/log" 2>&1
[ $? = 2 ] || { cat "$temporary/log"; echo "failed: examples"; exit 1; }
echo "examples: built alone"
