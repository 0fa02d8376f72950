#!/bin/sh
# Renders every man page of a folder with groff and mandoc; a word of warning from either is a failure.
#
#   man_lint.sh FOLDER
set -u
export GROFF_NO_SGR=1 # bold by overstriking, as mandoc does
bad=0 pages=0
for page in "$1"/*.1; do
    pages=$((pages + 1))
    # A date would make the same sources give different pages.
    said=$(groff -ww -man -Tascii -z "$page" 2>&1
        mandoc -T lint -W warning "$page" 2>&1 | grep -v 'missing date, using ""')
    if [ -n "$said" ]; then
        echo "$said"
        bad=$((bad + 1))
    fi
    for text in "$(groff -man -Tascii "$page")" "$(mandoc -T ascii "$page")"; do
        printf '%s\n' "$text" | sed "s/.$(printf '\b')//g" | grep -q '^SEE ALSO' && continue
        echo "$page: ends before SEE ALSO"
        bad=$((bad + 1))
    done
done
echo "$pages pages, $bad with warnings"
[ "$bad" -eq 0 ] && [ "$pages" -gt 0 ]
