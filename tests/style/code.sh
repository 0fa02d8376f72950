# What the style scripts share, to be sourced: an awk function that takes a line of C without comments and strings.
#
# code(): the line at hand, text in quotes emptied, comments blanked; "" inside a comment.  Call it for every line.
# shellcheck disable=SC2034 # who sources this uses it
awk_code='
FNR == 1 { comment = 0 }
function code(    line) {
    line = $0
    gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
    if (comment && sub(/^.*\*\//, "", line))
        comment = 0
    if (comment)
        return ""
    gsub(/\/\*([^*]|\*[^\/])*\*\//, " ", line)
    if (sub(/\/\*.*/, "", line))
        comment = 1
    return line
}'
