#!/bin/sh
# Runs the tests of the Python package, or says why they cannot be run here.
#
#   run.sh PYTHON [unittest's arguments...]       (PYTHON may be empty; CMakeLists.txt says what is in the environment)
here=$(cd "$(dirname "$0")/.." && pwd) || exit 2
python=$1
[ $# -eq 0 ] || shift
if [ -z "$python" ]; then
    echo "skipped: the Python package (there is no python3 on this machine)"
    exit 77
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))'; then
    echo "skipped: the Python package ($("$python" --version 2>&1) is older than 3.9)"
    exit 77
fi
if [ -n "$BITLLAMA_TEST_SANITIZER" ]; then
    echo "skipped: the Python package (a library with $BITLLAMA_TEST_SANITIZER sanitizers cannot be loaded into python3)"
    exit 77
fi
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
if [ -z "$BITLLAMA_TEST_INSTALLED" ]; then
    PYTHONPATH=$here
    export PYTHONPATH
    cd "$here" && exec "$python" -m tests "$@"
fi
# The package that is installed, and not the one beside the tests.
place=$(mktemp -d) || exit 2
trap 'rm -rf "$place"' EXIT
ln -s "$here/tests" "$place/tests" && cd "$place" && "$python" -m tests "$@"
