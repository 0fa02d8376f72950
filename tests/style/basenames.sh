#!/bin/sh
# Checks that no two files of src/ and cli/ have one name, and none that of another folder: a name is an address.
#
#   basenames.sh ROOT         (x.c and x.h beside each other are one thing; so is a family of the back ends)
cd "$1" || exit 2

{
    find src cli -name '*.[ch]' -print | sed 's,[^/]*$,,' | sort -u
    find src cli -name '*.[ch]' -print | LC_ALL=C sort
} | awk '
/\/$/ { # a folder, by its last name
    path = substr($0, 1, length($0) - 1)
    name = path
    sub(/^.*\//, "", name)
    folder[name] = path
    next
}
{
    path = $0
    sub(/\.[ch]$/, "", path)
    if (path in seen)
        next
    seen[path] = 1
    files++
    name = where = path
    sub(/^.*\//, "", name)
    sub(/\/[^\/]*$/, "", where)
    backend = where ~ /^src\/(ops\/ref|cpu|cuda|kern)($|\/)/
    if (name in first && !(backend && first_backend[name])) {
        printf "%s: the name of %s too\n", path, first[name]
        bad = 1
    } else {
        first[name] = path
        first_backend[name] = backend
    }
    if (name in folder && folder[name] != where) {
        printf "%s: the name of the folder %s\n", path, folder[name]
        bad = 1
    }
}
END {
    printf "%d names, %s\n", files, bad ? "some of two things" : "each of one thing"
    exit bad || !files
}'
