#!/bin/sh
# Checks that the public header compiles alone, as C17 and (where there is a C++ compiler) as C++17.
#
#   header.sh HEADER CC CXX   (CXX may be empty)
header=$1 cc=$2 cxx=$3
temporary=$(mktemp -d) || exit 2
trap 'rm -rf "$temporary"' EXIT
flags="-Wall -Wextra -Wpedantic -Werror -fsyntax-only"
echo "#include \"$header\"" >"$temporary/alone.c"
cp "$temporary/alone.c" "$temporary/alone.cpp"
"$cc" -std=c17 $flags -Wstrict-prototypes "$temporary/alone.c" || exit 1
echo "C17: compiles"
if [ -n "$cxx" ] && command -v "$cxx" >/dev/null 2>&1; then
    "$cxx" -std=c++17 $flags "$temporary/alone.cpp" || exit 1
    echo "C++17: compiles"
else
    echo "skipped: the header as C++17 (no C++ compiler here)"
fi
