#!/bin/sh
# Runs a program where it finds a locale with a decimal comma, when the system can make one.
#
#   comma.sh PROGRAM          (localedef and its sources: Debian's package locales)
temporary=$(mktemp -d) || exit 2
trap 'rm -rf "$temporary"' EXIT
if localedef -i de_DE -f UTF-8 "$temporary/de_DE.UTF-8" >"$temporary/log" 2>&1; then
    # The C library keeps what it made of LOCPATH, which LeakSanitizer calls a leak.
    export ASAN_OPTIONS="detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
    LOCPATH=$temporary "$1"
else
    echo "no locale made: $(head -n 1 "$temporary/log")"
    "$1"
fi
