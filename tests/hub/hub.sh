#!/bin/sh
# Runs the test of downloads where there is a Python, and says so where there is none.
if ! command -v python3 >/dev/null 2>&1; then
    echo "skipped: downloads (the hostile server wants python3, which is not here)"
    exit 77
fi
exec python3 "$(dirname "$0")/hub_test.py" "$@"
