# What the tests of scripts share: check() judges a command, finish() counts.
set -u
unset NO_COLOR DESTDIR PREFIX CMAKE_GENERATOR MAKEFLAGS MAKELEVEL 2>/dev/null || true
export LC_ALL=C TERM=dumb
root=$1 scratch=$2
rm -rf "$scratch"
mkdir -p "$scratch" && cd "$scratch" || exit 1
cases=0 failures=0

check() { # NAME COMMAND...
    name=$1
    shift
    cases=$((cases + 1))
    if ! "$@" >said 2>&1; then
        failures=$((failures + 1))
        echo "FAIL $name: $*"
        sed 's/^/    it said: /' said | head -n 20
    fi
}
holds() { # FILE PATTERN: the whole file, a pattern of the shell's case
    text=$(cat "$1")
    # shellcheck disable=SC2254 # the pattern is meant to be one
    case $text in
    $2) return 0 ;;
    esac
    cat "$1"
    return 1
}
finish() {
    echo "$cases cases, $failures failures"
    [ "$failures" -eq 0 ] && [ "$cases" -gt 0 ]
    exit
}
