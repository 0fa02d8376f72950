#!/bin/sh
# Checks from the #includes that every file uses only its own floor of the architecture or a lower one.
#
#   floors.sh ROOT            (docs/ARCHITECTURE.md has the picture)
cd "$1" || exit 2

find src cli include -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' | LC_ALL=C sort | xargs awk '
BEGIN {
    split("core 0 format 1 hub 1 tales 1 ops 2 cpu 2 cuda 2 kern 2 comm 2 text 2 template 2 data 2 model 3 corpus 3 constrain 3 " \
          "prepare 4 train 4 infer 4 api 5", words, " ")
    for (i = 1; i in words; i += 2)
        floor[words[i]] = words[i + 1]
    # Folders that only these may name.  Backends plug in from below, through the op table; a tokenizer is used
    # without what learns one; whoever trains on a data folder knows nothing of documents.
    guests["cpu"] = "cpu api"
    guests["cuda"] = "cuda" # a plug-in
    guests["ops/ref"] = "ops/ref cpu api"
    guests["kern"] = "kern cpu api"
    guests["text/bpe"] = "text/bpe prepare"
    guests["text/unicode"] = "text text/unicode"
    guests["tales"] = "tales corpus infer"
    guests["corpus"] = "corpus prepare api"
    guests["prepare"] = "prepare api"
    posix = "^(iconv|unistd|fcntl|dirent|pthread|termios|dlfcn|strings)[.]h$|^sys/"
}
function complain(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    bad = 1
}
function folder_of(path) {
    if (match(path, /^(ops\/ref|text\/bpe|text\/unicode)\//))
        return substr(path, 1, RLENGTH - 1)
    return path ~ /\// ? substr(path, 1, index(path, "/") - 1) : ""
}
FNR == 1 {
    here = FILENAME
    top = substr(here, 1, index(here, "/") - 1)
    sub(/^src\//, "", here)
    mine = top == "src" ? folder_of(here) : top
    files++
    if (top == "src" && !(substr(here, 1, index(here, "/") - 1) in floor))
        complain("this folder has no floor")
}
/^[ \t]*#[ \t]*include[ \t]*</ {
    name = $0
    gsub(/^[^<]*<|>.*$/, "", name)
    if (top == "src" && name ~ posix && here !~ "^core/[a-z_]+_posix[.]c$")
        complain("<" name "> belongs in a core/*_posix.c")
    next
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    name = $0
    gsub(/^[^"]*"|".*$/, "", name)
    theirs = folder_of(name)
    if (name == "bitllama.h" || (theirs == "" && mine != ""))
        next                                    # the public header; a file beside this one
    base = theirs
    sub(/\/.*/, "", base)
    if (top == "include")
        complain("the public header includes \"" name "\"")
    else if (top == "cli")
        complain("the command line includes \"" name "\"; it may use bitllama.h and its own files")
    else if (!(base in floor))
        complain("\"" name "\" is on no floor")
    else {
        if (floor[base] > floor[substr(here, 1, index(here, "/") - 1)])
            complain("\"" name "\" is a floor above")
        if (theirs in guests && index(" " guests[theirs] " ", " " mine " ") == 0)
            complain("\"" name "\" may be named by " guests[theirs] " only")
    }
}
END {
    if (!files) {
        print "no files found"
        bad = 1
    }
    printf "%d files, %s\n", files, bad ? "the floors do not hold" : "every include on its own floor or below"
    exit bad
}'
