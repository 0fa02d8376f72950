# What the command line tests share: expect() runs a command and judges exit code, stdout and stderr.
#
# Every suite is called as: sh SUITE.sh PROGRAM SCRATCH MODEL, all absolute paths: the program, a
# folder of its own, and the folder of the tiny model that model.sh makes.
# Patterns are those of the shell's case; '' is exactly nothing.
set -u
unset COLUMNS NO_COLOR 2>/dev/null || true
export LC_ALL=C
bitllama=$1
scratch=$2
# For `sh -c '... "$scratch"'`: single quotes, because the names of folders may have any character.
export bitllama scratch run data
for path in "$bitllama" "$scratch" "${3:-/}"; do
    case $path in
    /*) ;;
    *) echo "not an absolute path: $path" && exit 1 ;;
    esac
done
rm -rf "$scratch"
mkdir -p "$scratch" || exit 1
failures=0
cases=0
input=/dev/null # what the next command reads
output=         # where its stdout goes, if not into a file that is judged

fail() { # NAME WHAT FILE
    failures=$((failures + 1))
    echo "FAIL $1: $2"
    sed 's/^/    it said: /' "$3" | head -n 20
}

matches() { # FILE PATTERN
    text=$(cat "$1")
    # shellcheck disable=SC2254 # the pattern is meant to be one
    case $text in
    $2) return 0 ;;
    esac
    return 1
}

# expect NAME EXIT STDOUT STDERR ARGUMENTS...: runs bitllama with the arguments.
expect() {
    name=$1 code=$2 out=$3 err=$4
    shift 4
    cases=$((cases + 1))
    : >"$scratch/stdout"
    "$bitllama" "$@" <"$input" >"${output:-$scratch/stdout}" 2>"$scratch/stderr"
    got=$?
    if [ "$got" -ne "$code" ]; then
        fail "$name" "exit $got, expected $code" "$scratch/stderr"
    elif ! matches "$scratch/stdout" "$out"; then
        fail "$name" "stdout is not $out" "$scratch/stdout"
    elif ! matches "$scratch/stderr" "$err"; then
        fail "$name" "stderr is not $err" "$scratch/stderr"
    fi
    input=/dev/null
    output=
}

# check NAME COMMAND...: any other condition.
check() {
    name=$1
    shift
    cases=$((cases + 1))
    "$@" >"$scratch/said" 2>&1 || fail "$name" "$* says no" "$scratch/said"
}

# wait_for COMMAND...: until it succeeds, for a minute or more.
wait_for() {
    for _ in $(seq 600); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    return 1
}

# into_closed ARGUMENTS...: bitllama with a pipe for its stdout that nobody reads.
into_closed() {
    mkfifo "$scratch/nobody"
    exec 3<>"$scratch/nobody" 4>"$scratch/nobody" 3>&-
    "$bitllama" "$@" <"$input" >&4 2>"$scratch/stderr" 4>&-
    got=$?
    exec 4>&-
    rm "$scratch/nobody"
    return $got
}

finish() {
    echo "$cases cases, $failures failures"
    [ "$failures" -eq 0 ] && [ "$cases" -gt 0 ]
    exit
}
