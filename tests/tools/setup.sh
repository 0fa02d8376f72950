# tools/setup on a machine that lacks the certificates: what it installs, how, and what it says if it may not.
#
#   setup.sh ROOT SCRATCH
. "$(dirname "$0")/judge.sh"
"$root/tools/setup" --check >out 2>err
if [ $? -eq 4 ]; then
    echo "skipped: tools/setup (this machine lacks more packages than the one it is tried with)"
    exit 77
fi

# A machine of our own making: root or not, with sudo or without; apt-get writes down what it is told.
mkdir bin
for tool in apt-get sudo id; do
    printf '#!/bin/sh\n. "%s/%s.sh"\n' "$PWD" "$tool" >"bin/$tool"
    chmod +x "bin/$tool"
done
echo 'echo "$*" >>"'"$PWD/calls"'"; exit ${APT_FAILS:-0}' >apt-get.sh
echo 'echo "sudo $*" >>"'"$PWD/calls"'"; exec "$@"' >sudo.sh
echo 'echo ${ID:-0}' >id.sh
setup() { # CODE ARGUMENTS...
    code=$1
    shift
    : >calls
    PATH="$PWD/bin:$PATH" "$root/tools/setup" "$@" >out 2>err
    got=$?
    [ $got -eq "$code" ] || { echo "exit $got"; cat out err; return 1; }
}

check "nothing is missing" setup 0
check "so nothing is said" holds out ''
check "and nothing called" holds calls ''
export SSL_CERT_FILE="$PWD/none.crt"
check "no certificates: installs them" setup 0
check "names the package and why" holds out 'Missing on this machine:*ca-certificates*Installing with: apt-get install *ca-certificates'
check "as root" holds calls '*update*install -y --no-install-recommends ca-certificates*'
check "no certificates, asked only" setup 4 --check
check "installs nothing" holds calls ''
check "tells the command" holds out '*apt-get update && apt-get install -y --no-install-recommends ca-certificates'
export ID=1000
check "as a user with sudo" setup 0
check "through sudo" holds calls '*sudo*apt-get update*sudo*apt-get install*ca-certificates*'
rm bin/sudo
if PATH="$PWD/bin:$PATH" command -v sudo >/dev/null; then
    echo "skipped: no sudo (this machine has one)"
else
    check "as a user without" setup 4
    check "is told what to run as root" holds out '*needs root*apt-get update && apt-get install *ca-certificates'
fi
export ID=0 APT_FAILS=100
check "apt-get fails" setup 4
check "told what to run" holds out '*That failed.*apt-get update && apt-get install *ca-certificates'
check "usage" setup 2 --everything
finish
