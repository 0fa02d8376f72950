# doctor: build, machine, devices and places in text and JSON; plug-ins that load, do not fit, hang and crash.
. "$(dirname "$0")/expect.sh"
cd "$scratch" || exit 1
plugins=$BL_TEST_PLUGINS
mkdir alone && cp "$bitllama" alone && bitllama=$PWD/alone/bitllama # no plug-in lies beside it there
unset BITLLAMA_PLUGINS BITLLAMA_CPU
export BITLLAMA_CACHE="$scratch/cache of downloads/not yet"
line='
'
says() { # NAME PATTERN: a line of stdout is this
    check "$1" grep -qx -e "$2" stdout
}
valid() { # NAME: stdout is one JSON value
    if command -v python3 >/dev/null 2>&1; then
        check "$1: valid JSON" python3 -m json.tool stdout
    else
        echo "skipped: $1: valid JSON (no python3 here)"
    fi
}

# ---- no plug-ins ----
expect "no plug-ins" 0 "*plug-ins found$line  none$line*" '' doctor
says "version and compiler" "version      $("$bitllama" version | cut -d ' ' -f 2), compiled by \(gcc\|clang\) [0-9].*"
says "features" 'built with   .*avx.*\|built with   .*neon.*\|built with   curl\|built with   nothing.*'
says "system" "system       $(uname -s) $(uname -r) $(uname -m)"
model=$(sed -n 's/^model name[[:space:]]*:[[:space:]]*//p' /proc/cpuinfo 2>/dev/null | head -n 1)
check "processor" grep -qxF -e "processor    ${model:-not known}" stdout
case $(uname -m) in
aarch64 | arm64) levels="c, neon, dotprod or i8mm" ;;
*) levels="c, avx2, avx512 or amx" ;;
esac
says "SIMD" "SIMD         [a-z0-9]*; BITLLAMA_CPU forces another: $levels"
says "threads" 'threads      [1-9][0-9]*: .*'
says "memory" 'memory       [0-9.]*[kMGT]B for this process'
says "the processor as a device" "  cpu  *[0-9.]*[kMGT]B  ${model:-this processor}, [a-z0-9]*, [0-9]* threads*"
says "a folder" "  $(dirname "$bitllama")"
check "the cache, not there yet" grep -qx -e "  $BITLLAMA_CACHE/hub, room for [0-9.]*[kMGT]B" stdout
check "and not made" test ! -e "cache of downloads"
if command -v taskset >/dev/null 2>&1 && [ "$(getconf _NPROCESSORS_ONLN)" -gt 1 ]; then
    first=$(taskset -cp $$ | sed 's/.*: *//; s/[-,].*//')
    taskset -c "$first" "$bitllama" doctor >stdout 2>stderr
    says "one processor by affinity" "threads      1: by affinity, 1 of $(getconf _NPROCESSORS_ONLN) processors.*"
else
    echo "skipped: affinity (no taskset, or one processor)"
fi
(unset BITLLAMA_CACHE HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_HOME HOME XDG_CACHE_HOME && "$bitllama" doctor >stdout 2>stderr)
check "no home: exit 0" test $? -eq 0
says "no home" '  none: set HF_HOME, BITLLAMA_CACHE or HOME'
expect "JSON" 0 '{"version": "[0-9]*", "compiler": "*", "features": {"curl": *}*"plugins": [[]]*"cache": "*not yet/hub", "cache_free_bytes": [0-9]*' \
    '' doctor --json
valid "no plug-ins"
check "one device each" test "$(grep -c '{"name": ' stdout)" -eq 3
best=$(sed -n 's/.*"simd_best": "\([a-z0-9]*\)".*/\1/p' stdout)
case $best in
amx | i8mm) check "no SIMD level is missing" grep -q '"simd_missing": null' stdout ;;
*) check "the next SIMD level is missing" grep -q '"simd_missing": "[a-z][^"]*"' stdout ;;
esac
missing=$(sed -n 's/.*"simd_missing": "\([^"]*\)".*/\1/p' stdout)
"$bitllama" doctor >stdout 2>stderr
check "and in text" test "$(grep -c "^             not [a-z0-9]*: $missing\$" stdout)" -eq "$(test -z "$missing"; echo $?)"
if [ -n "$missing" ]; then
    next=$(sed -n "s/^             not \([a-z0-9]*\): .*/\1/p" stdout)
    BITLLAMA_CPU=$next "$bitllama" doctor >stdout 2>stderr
    says "a level that is missing" "  cpu  *-  cannot be used: BITLLAMA_CPU=$next: this machine only has level $best ($missing)"
fi

# ---- a level that is not there ----
BITLLAMA_CPU=mmx "$bitllama" doctor >stdout 2>stderr
check "BITLLAMA_CPU: exit 0" test $? -eq 0
says "BITLLAMA_CPU: the device" '  cpu  *-  cannot be used: BITLLAMA_CPU=mmx: the levels are '"${levels% or *} and ${levels##* }"
says "BITLLAMA_CPU: the variable" 'BITLLAMA_CPU=mmx'
export BITLLAMA_CPU=c
expect "BITLLAMA_CPU=c" 0 "*SIMD         c; *precision    trains in f32: nothing *  cpu  *, c, [0-9]* thread*" '' doctor
expect "in JSON" 0 '*"simd": "c", "simd_best": "*"precision": "f32", "bf16_by": "float32", "bf16_gain": 0, "memory_bytes"*"variables": {"BITLLAMA_CPU": "c", "BITLLAMA_PLUGINS": null}*' '' doctor --json
unset BITLLAMA_CPU

# ---- what the processor reaches: a figure for each, whatever it is ----
expect "limits" 0 "*limits *1 thread *thread*$line  dram *" '' doctor --limits
for name in dram l3 l2; do
    says "limits: $name" "  $name  *\([0-9.]*  *[0-9.]*\|-  *-\)  GB/s read"
done
says "limits: int8" '  int8  *[0-9.-]*  *[0-9.-]*  GOP/s' # a level may have no loop of its own
says "limits: f32" '  f32  *[0-9.-]*  *[0-9.-]*  GFLOP/s'
says "limits: bf16" '  bf16  *[0-9.-]*  *[0-9.-]*  GFLOP/s'
export BITLLAMA_CPU=c
expect "limits in JSON" 0 '*"limits": [[]*{"name": "int8", "unit": "GOP/s", "one": [0-9]*, "all": [0-9]*, "threads": [0-9]*}*
  {"name": "bf16", "unit": "GFLOP/s", "one": null, "all": null, "threads": [0-9]*}]}' '' doctor --limits --json
valid "limits"
unset BITLLAMA_CPU

# ---- plug-ins that load and that do not fit ----
mkdir -p "with space" broken/hang broken/crash broken/end
cp "$plugins/libbitllama_plain.so" "$plugins/libbitllama_strange.so" "$plugins/libbitllama_none.so" "with space/"
export BITLLAMA_PLUGINS="/nowhere:with space"
expect "plug-ins" 0 "*
folders searched for plug-ins, those of BITLLAMA_PLUGINS first
  /nowhere
  with space
  /*" '' doctor
says "one that loads" '  plain  *[0-9.]*[kMGT]B  the definition, in float32, slow'
says "one without a device" '  none  *-  cannot be used: no such device: its driver is not installed'
says "one of another version" '  strange  *-  cannot be used: with space/libbitllama_strange.so: built for another version of this library .*'
says "its file" '  with space/libbitllama_strange.so'
says "the variable" 'BITLLAMA_PLUGINS=/nowhere:with space'
expect "plug-ins in JSON" 0 '*{"name": "plain", "usable": true, "memory_bytes": [0-9]*, "text": "the definition, in float32, slow"}*
  {"name": "strange", "usable": false, "memory_bytes": null, "text": "with space/*another version*"}*
 "plugins": \["with space/libbitllama_none.so", "with space/libbitllama_plain.so", "with space/libbitllama_strange.so"\]*' '' doctor --json
valid "plug-ins"

# ---- broken drivers ----
for kind in hang crash end; do
    cp "$plugins/broken/libbitllama_$kind.so" broken/$kind/
    cp "$plugins/libbitllama_plain.so" broken/$kind/libbitllama_zero.so
done
export BITLLAMA_PLUGINS="with space:broken/crash"
expect "a crash" 0 '*' '*a driver that prints*' doctor --json
check "a crash: the line" grep -qF -e \
    '{"name": "crash", "usable": false, "memory_bytes": null, "text": "broken/crash/libbitllama_crash.so: it crashed when it was asked: signal 9, ' stdout
check "a crash: told before it" grep -qF -e '{"name": "plain", "usable": true' stdout
check "a crash: not asked after it" grep -qF -e '{"name": "zero", "usable": false, "memory_bytes": null, "text": "not asked, because of crash"}' stdout
valid "a crash"
export BITLLAMA_PLUGINS=broken/hang
for patience in 1 4 16 64; do # until the processor has answered
    "$bitllama" doctor --wait $patience >stdout 2>stderr
    code=$?
    ! grep -q '^  cpu  *[0-9]' stdout || break
done
check "a hang: exit 0" test $code -eq 0
check "a hang: what it printed" grep -q 'a driver that prints' stderr
says "a hang: the line" "  hang  *-  cannot be used: broken/hang/libbitllama_hang.so: it did not answer within $patience s"
says "a hang: the processor" '  cpu  *[0-9.]*[kMGT]B  .*'
export BITLLAMA_PLUGINS=broken/end
expect "an exit" 0 '*' '*' doctor
says "an exit: the line" '  end  *-  cannot be used: broken/end/libbitllama_end.so: it ended the process that asked it, with exit code 0'
unset BITLLAMA_PLUGINS

# ---- usage ----
expect "no time to answer" 2 '' '*--wait is a whole number from 1 to 3600, not *0*' doctor --wait 0
expect "an argument" 2 '' "*unexpected argument 'cuda'*" doctor cuda
output=/dev/full
expect "to a full disk" 4 '' '*cannot write to standard output: *' doctor
finish
