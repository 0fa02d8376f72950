# tools/build and `make install`: one line of progress, only the target asked for, odd folders, failures.
#
#   build.sh ROOT SCRATCH     (the project that is built is a small one with the same targets)
. "$(dirname "$0")/judge.sh"

# project FOLDER: a program, two libraries, man pages and a test of which nobody asked.
project() {
    mkdir -p "$1/tools"
    cp "$root/tools/build" "$1/tools/"
    cp "$root/Makefile" "$1/"
    echo 'int main(void) { return 0; }' >"$1/main.c"
    cat >"$1/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.22)
project(small LANGUAGES C)
add_executable(bitllama main.c)
add_executable(large_test main.c)
foreach(kind static shared)
  string(TOUPPER ${kind} KIND)
  add_library(bitllama_${kind} ${KIND} main.c)
endforeach()
add_custom_target(man ALL)
install(TARGETS bitllama)
install(TARGETS bitllama_static ARCHIVE DESTINATION lib)
END
}
odd="Meine B$(printf '\303\274')cher it's"
project "$odd"
quiet() { # FOLDER CODE TARGET...: what it says is in err and out
    folder=$1 code=$2
    shift 2
    "$folder/tools/build" --quiet "$@" >out 2>err
    got=$?
    [ $got -eq "$code" ] || { echo "exit $got"; cat err; return 1; }
}

check "the program alone" quiet "$odd" 0 bitllama
check "says nothing to stdout" holds out ''
check "one line" test "$(wc -l <err)" -eq 1
check "what it builds" holds err 'building build/bitllama*'
check "the program is there" "$odd/build/bitllama"
check "the test is not" test ! -e "$odd/build/large_test"
check "the log is there" grep -q bitllama "$odd/build/build.log"
check "and all of it" quiet "$odd" 0
check "one line again" test "$(wc -l <err)" -eq 1
check "the test is there now" "$odd/build/large_test"

# A folder that was moved, or copied with what was built in it.
mv "$odd" moved
check "a moved folder" quiet moved 0 bitllama
cp -R moved copied
rm moved/build/bitllama
check "a copied folder" quiet copied 0 bitllama
check "builds in itself" test ! -e moved/build/bitllama

# Options of one's own survive.
cmake -S copied -B copied/build -DCMAKE_BUILD_TYPE=Debug >out 2>&1
check "a configured folder" quiet copied 0
check "keeps its options" grep -q 'CMAKE_BUILD_TYPE:[A-Z]*=Debug' copied/build/CMakeCache.txt

# Failures: exit code, the compiler's words, where the rest is.
echo 'int main(void) { return nothing; }' >copied/main.c
copied/tools/build --quiet bitllama >out 2>err
check "a failed build fails" test $? -ne 0
check "says why and where the log is" holds err "*nothing*The build failed; all that it said is in $PWD/copied/build/build.log"
project broken
echo 'message(FATAL_ERROR "no jansson")' >>broken/CMakeLists.txt
broken/tools/build --quiet >out 2>err
check "a failed configuration fails" test $? -ne 0
check "says why, and what helps" holds err "*no jansson*tools/setup installs it*The build failed; *"
for name in 'a[1]' 'a#b' 'a"b' 'a;b' 'a*b' 'a\b' 'a?b'; do
    project "$name"
    "$name/tools/build" >out 2>err
    check "$name cannot be built in" test $? -ne 0
    check "$name: says so" holds err '*cannot build in a folder with any of * in its path: rename it'
done
check "an unknown flag" quiet moved 2 --loud
check "usage" holds err 'usage: tools/build*'

# make install, in a place of its own, with a space in both names.
if command -v make >/dev/null 2>&1; then
    project new
    check "make install" make -C new install DESTDIR="$PWD/pack age" PREFIX='/opt/bit llama'
    check "puts the program there" "pack age/opt/bit llama/bin/bitllama"
    check "and builds no test" test ! -e new/build/large_test
else
    echo "skipped: make install (no make here)"
fi
finish
