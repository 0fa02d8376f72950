# Man pages: every command has one, with every flag of its help, in the right sections.
. "$(dirname "$0")/expect.sh"
here=$(cd "$(dirname "$0")" && pwd)
cd "$scratch" || exit 1
mkdir pages

expect "all pages" 0 '' '' help --man-pages pages
expect "pages where no folder is" 4 '' "*cannot write no/bitllama.1*" help --man-pages no
expect "pages of one command" 2 '' "*--man-pages*takes no COMMAND*" help --man-pages pages train
expect "the page of no command" 2 '' "*unknown command 'frobnicate'*" help --man frobnicate

# plain PAGE: the text as a reader sees it: no macros, no fonts, no escapes.
plain() {
    sed -e 's/\\f[BIR]//g' -e 's/\\-/-/g' -e "s/\\\\(aq/'/g" -e 's/\\&//g' "$1"
}
# sections NAME PAGE WANTED...: the headings of a page are these, in this order.
sections() {
    name=$1 page=$2
    shift 2
    sed -n 's/^\.SH //p' "$page" | paste -sd, - >found
    check "$name: sections" test "$(cat found)" = "$*"
}
has() { # FILE TEXT
    grep -qF -e "$2" "$1"
}

commands=$("$bitllama" help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
check "commands are found" test "$(echo "$commands" | wc -l)" -ge 10
expect "the page of the program" 0 '*' '' help --man
check "is the file" cmp stdout pages/bitllama.1
check "a page for each command and one for all" test "$(ls pages | wc -l)" -eq $(($(echo "$commands" | wc -l) + 1))
sections "bitllama" pages/bitllama.1 \
    "NAME,SYNOPSIS,DESCRIPTION,COMMANDS,EXAMPLES,EXIT STATUS,ENVIRONMENT,FILES,SEE ALSO"
for word in BITLLAMA_CPU NO_COLOR BITLLAMA_CACHE 128+n; do
    check "bitllama names $word" has pages/bitllama.1 "$word"
done

for command in $commands; do
    page=pages/bitllama-$command.1
    expect "$command: page" 0 '.TH BITLLAMA-*' '' help --man "$command"
    check "$command: is the file" cmp stdout "$page"
    plain "$page" >text
    "$bitllama" "$command" --help >help
    sed -n 's/^  \(-[^ ]* \{0,1\}[^ ]*\).*/\1/p' help | grep -o -e '^-[a-zA-Z]' -e '--[a-z0-9-]*' | sort -u >flags
    check "$command: has flags" test -s flags
    check "$command: --help among them" grep -qx -e --help flags
    while read -r flag; do
        check "$command: $flag" grep -q -e "^\(-[a-zA-Z], \)\{0,1\}$flag\( \|,\|\[\|\$\)" text
    done <flags
    check "$command: named at bitllama(1)" has pages/bitllama.1 "bitllama\\-$command\\fR(1)"
    check "$command: its example" has text "$(sed -n '/^example:/{n;s/^ *//p;}' help)"
    check "$command: macros alone begin with a dot" sh -c "! grep '^\\.' $page | grep -vE '^\\.(TH|SH|SS|PP|TP|EX|EE|nh)( |\$)'"
    check "$command: ASCII" sh -c "! LC_ALL=C grep -q '[^ -~]' $page"
done
sections "version" pages/bitllama-version.1 "NAME,SYNOPSIS,DESCRIPTION,OPTIONS,EXAMPLES,EXIT STATUS,ENVIRONMENT,SEE ALSO"
sections "train" pages/bitllama-train.1 "NAME,SYNOPSIS,DESCRIPTION,OPTIONS,EXAMPLES,EXIT STATUS,ENVIRONMENT,FILES,SEE ALSO"

# ---- what a reader must find, written by hand ----
plain pages/bitllama-train.1 >text
check "files of a run" has text "RUN/metrics.jsonl"
check "and no others" sh -c "! grep -q MODEL/ text"
check "a switch that is on" has text "(default true; --no-share-qk turns it off)"
check "bounds and default" has text "(0 to 0.9; default 0)"
check "required" has text "(required)"
check "choices" grep -qx -e "--preset micro|code|tiny" text
plain pages/bitllama-generate.1 >text
check "large bounds" has text "(0 to 1e9; default 256)"
check "exact bounds" has text "(0 to 16777216; default 40)"
check "a letter" grep -qx -e "-m, --model MODEL" text

# ---- rendered, where the formatters are installed (.ci/run installs them) ----
if command -v groff >/dev/null 2>&1 && command -v mandoc >/dev/null 2>&1; then
    check "groff and mandoc have nothing to say" sh "$here/man_lint.sh" pages
else
    echo "skipped: rendering the pages (no groff or no mandoc here; tools/setup --ci installs both)"
fi

finish
