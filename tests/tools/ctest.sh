# tools/ctest over tests that pass, fail, leave something out, and cannot run: counts, reasons, exit code.
#
#   ctest.sh ROOT SCRATCH
. "$(dirname "$0")/judge.sh"
cat >CTestTestfile.cmake <<'END'
add_test(whole sh -c "echo all well")
add_test(part sh -c "echo 'skipped: colours (no terminal here)'; echo 'skipped: colours (no terminal here)'")
add_test(none sh -c "echo 'skipped: downloads (no python3 here)'; exit 77")
set_tests_properties(none PROPERTIES SKIP_RETURN_CODE 77)
END
judge() { # CODE ARGUMENTS...
    code=$1
    shift
    "$root/tools/ctest" "$PWD" "$@" >out 2>err
    got=$?
    [ $got -eq "$code" ] || { echo "exit $got"; cat out err; return 1; }
}
check "nothing fails" judge 0
check "reasons, then the counts" holds out '*skipped: none: downloads (no python3 here)
2 passed, 0 failed, 1 skipped'
check "each once" test "$(grep -c '^skipped: part: colours (no terminal here)$' out)" -eq 1
check "one of them" judge 0 -R whole
check "is one, with no older reasons" holds out '*% tests passed*
1 passed, 0 failed, 0 skipped'
check "and none of the others' reasons" test "$(grep -c '^skipped:' out)" -eq 0
echo 'add_test(bad sh -c "echo broken; exit 1")' >>CTestTestfile.cmake
check "one fails" judge 8
check "its words and the counts" holds out '*broken*
2 passed, 1 failed, 1 skipped'
"$root/tools/ctest" --parallel 2 >out 2>err
check "no folder named" test $? -eq 2
finish
