#!/bin/sh
# Checks that the library calls nothing that prints, exits, reads the environment or overruns a buffer.
#
#   banned.sh ROOT
. "$(dirname "$0")/code.sh"
cd "$1" || exit 2
bad=0

# forbid WHERE PATTERN WHY [EXCEPT]: no line outside comments and strings under WHERE may match,
# save in the file EXCEPT.
forbid() {
    hits=$(find $1 -name '*.[ch]' ! -path "${4:-}" | LC_ALL=C sort | xargs awk -v pattern="$2" "$awk_code"'
        {
            if ((" " code()) ~ pattern)
                printf "%s:%d: %s\n", FILENAME, FNR, $0
        }')
    if [ -n "$hits" ]; then
        printf '%s\n' "$hits"
        echo "  ^ $3"
        bad=1
    fi
}

word='[^A-Za-z0-9_.>]'
forbid src "$word(printf|puts|putchar|perror|vprintf)[ ]*[(]|$word(stdout|stderr)$word" \
    "the library never prints: bl_log(), or words in bl_error"
forbid src "$word(exit|_exit|abort|quick_exit)[ ]*[(]" "the library never exits: return a bl_status"
forbid src "$word(atexit)[ ]*[(]" "for the pool of threads alone" src/core/team_posix.c
forbid src "$word(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca)[ ]*[(]" "no bounds: snprintf, memcpy or bl_buf"
forbid src "$word(atoi|atol|atof|atoll)[ ]*[(]" "no errors: bl_number_read_*()"
forbid src "$word(rand|srand|random|drand48)[ ]*[(]" "randomness is bl_philox()"
forbid src "$word(system|popen|fork|setlocale|setenv|putenv)[ ]*[(]" "not a library's business"
forbid "src cli" "^ *#[ ]*if[ ]+0" "no dead code"
forbid src "$word(malloc|calloc|realloc|aligned_alloc|posix_memalign|strdup)[ ]*[(]" "the heap is core/alloc.h" \
    src/core/alloc.c

forbid "src/model src/infer src/train src/api src/ops" "BL_OP[(][^,]*, (put|get)," \
    "what crosses the border has a kind: bl_put_act(), bl_get_real(), ..." src/ops/border.c

# A program that uses the library has no flags: its messages name options in backquotes.
if find src -name '*.[ch]' -print | xargs grep -nE '"([^"\\]|\\.)*--[a-z]'; then
    echo "  ^ flags are the command line's: name the option, as in \`context\`"
    bad=1
fi

# The environment is read in core/ and, for its own library, in the backend.
forbid "src/format src/ops src/kern src/text src/hub src/comm src/tales src/corpus src/data src/model src/prepare src/train src/infer src/api" \
    "$word(getenv|secure_getenv)[ ]*[(]" "the environment is read in core/ only: make it an option"

# A folder's name may have any character: paths do not belong in the text of a command.
if grep -nE 'sh -c "[^"]*\$\{?(bitllama|scratch|run|data|made|work|root|PWD|\(pwd)' tests/*/*.sh ||
    grep -nE 'for [a-z]+ in .*"[^"]* \$(run|data|scratch|made)' tests/*/*.sh; then
    echo "  ^ breaks in a folder with an apostrophe or a space: sh -c '... \"\$scratch\"'; a function for \"\$@\""
    bad=1
fi

# Bare reminders, anywhere: say what is undecided in NEEDSWORK: with the question.
if find . \( -name .git -o -name build -o -name demo-run \) -prune -o -type f -name '*.[ch]' -print |
    xargs grep -nE '\b(TODO|FIXME|XXX|HACK)\b'; then
    echo "  ^ no bare reminders"
    bad=1
fi
exit $bad
