# Files of Python source, one name a line, to documents: what is no source of people's own hand is left out.
#
#   find ... | LC_ALL=C awk -v side=train -v out=FOLDER -v package=NAME -f filter.awk
#
# Adds documents, each followed by a line <|endoftext|>, to FOLDER/train.txt or FOLDER/heldout.txt, and a line a file to
# FOLDER/index.tsv: side, package, bytes, name.  Left out by name: tests, migrations, copies of other packages, generated
# files, set-up.  By content: fewer than 256 or more than 150,000 bytes, fewer than 8 lines, a line of more than 300 bytes,
# lines of more than 90 on average, digits above 12%, bytes beyond ASCII above 5%, more than half of the lines data, signs
# of a generator in the first 40 lines, text that is not UTF-8, control characters, "<|".  A licence at the start, white
# space at line ends and more than two blank lines in a row are taken away.

function other_hand(name) {
    return name ~ /\/(tests?|testing|testdata|fixtures?|migrations?|migrate_repo|versions|_?vendor(ed)?|third_?party|externs?|external|locale|i18n|encodings|validators)\// \
        || name ~ /\/(test_[^\/]*|[^\/]*_tests?|tests?|conftest|setup|_?version|_?versioneer|parsetab|[a-z_]*lextab|__main__)\.py$/ \
        || name ~ /(_pb2|_pb2_grpc|_rc|_ui|_tables?)\.py$/ || name ~ /\/(ui_|unicodedata|mappings?\/)[^\/]*/
}

# Takes a leading comment away that speaks of rights.
function begin_after(  i, j, rights) {
    i = 1
    while (i <= n && (line[i] == "" || line[i] ~ /^#!/ || line[i] ~ /^#.*coding[:=]/))
        i++
    for (j = i; j <= n && (line[j] == "" || line[j] ~ /^#/); j++)
        if (tolower(line[j]) ~ /copyright|licen[cs]e|all rights reserved|warranty|spdx/)
            rights = 1
    return rights ? j : i
}

function why_not(  i, text, low, digits, high, data, filled, all, rest) {
    for (i = first; i <= n; i++) {
        text = line[i]
        if (text == "")
            continue
        filled++
        all += length(text)
        if (length(text) > 300)
            return "long line"
        if (index(text, "<|"))
            return "special token"
        if (text ~ /[\001-\010\013-\037\177]/)
            return "control characters"
        if (i < 40 && (text ~ /[Gg]enerated (by|from|using|auto)|GENERATED|[Dd]o [Nn][Oo][Tt] (edit|modify)|DO NOT (EDIT|MODIFY)|[Aa]uto-?(matically)? ?generated/))
            return "generated"
        if (text ~ /[\200-\377]/) {
            rest = text
            gsub(/[\302-\337][\200-\277]|[\340-\357][\200-\277][\200-\277]|[\360-\364][\200-\277][\200-\277][\200-\277]/, "", rest)
            if (rest ~ /[\200-\377]/)
                return "encoding"
            high += gsub(/[\200-\377]/, "", text)
        }
        if (text ~ /^[ \t]*[0-9"'(\[{-]/)
            data++
        digits += gsub(/[0-9]/, "", text)
    }
    if (filled < 8 || all < 256)
        return "small"
    if (all > 90 * filled)
        return "mean line"
    if (digits > 0.12 * all)
        return "digits"
    if (high > 0.05 * all)
        return "not ASCII"
    return data > 0.55 * filled ? "data" : ""
}

{
    if (other_hand($0)) {
        left["name"]++
        next
    }
    n = bytes = 0
    while ((getline text <$0) > 0 && bytes <= 150000) {
        bytes += length(text) + 1
        gsub(/\f/, "", text)
        sub(/[ \t\r]+$/, "", text)
        if (!n)
            sub(/^\357\273\277/, "", text)
        line[++n] = text
    }
    close($0)
    while (n && line[n] == "")
        n--
    if (bytes > 150000 || bytes < 256) {
        left[bytes < 256 ? "small" : "large"]++
        next
    }
    first = begin_after()
    while (first <= n && line[first] == "")
        first++
    why = why_not()
    if (why != "") {
        left[why]++
        next
    }
    bytes = blank = 0
    for (i = first; i <= n; i++) {
        blank = line[i] == "" ? blank + 1 : 0
        if (blank > 2)
            continue
        print line[i] >>(out "/" side ".txt")
        bytes += length(line[i]) + 1
    }
    print "<|endoftext|>" >>(out "/" side ".txt")
    print side "\t" package "\t" bytes "\t" $0 >>(out "/index.tsv")
    kept++
    total += bytes
}

END {
    text = package ": " kept + 0 " files, " total + 0 " bytes; left out:"
    m = split("name small large long-line special-token control-characters generated encoding mean-line digits not-ASCII data", reason, " ")
    for (i = 1; i <= m; i++) {
        gsub(/-/, " ", reason[i])
        if (reason[i] in left)
            text = text " " reason[i] " " left[reason[i]]
    }
    print text
}
