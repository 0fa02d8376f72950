#!/bin/sh
# Compiles a C++17 program over the public header, with all warnings as errors, and runs it with the
# shared library.
#
#   cxx.sh SOURCE INCLUDE LIBRARY CXX FLAGS    (CXX may be empty)
source=$1 include=$2 library=$3 cxx=$4 flags=$5
if [ -z "$cxx" ] || ! command -v "$cxx" >/dev/null 2>&1; then
    echo "skipped: the library from C++ (no C++ compiler here)"
    exit 77
fi
temporary=$(mktemp -d) || exit 2
trap 'rm -rf "$temporary"' EXIT
"$cxx" -std=c++17 -Wall -Wextra -Werror -pedantic -Wconversion -Wshadow $flags -I"$include" "$source" "$library" \
    -Wl,-rpath,"$(dirname "$library")" -o "$temporary/caller" || exit 1
said=$("$temporary/caller") || { echo "failed: $said"; exit 1; }
[ "$said" = ok ] || { echo "said: $said"; exit 1; }
echo "C++17: compiled, linked, ran"
