#!/bin/sh
# Does a lesson last?  What a model still knows of what it was told, when it has read much else since, consolidated and not.
#
#   models/Bit-Llama-Micro-Chat/lessons.sh PROGRAM STORIES FOLDER MODEL
#
# Each of COUNT (16) lessons is one thing that somebody says of themselves (remember.awk, seed SEED, 1), learned as a conversation,
# once with `learn --consolidate SHARE --every EVERY` (0.05 and 16) and once without.  Then come so many of the LENGTHS
# (4000 40000 400000) bytes of STORIES, which have nothing to do with it, and the question.  A line each: right answers of all.  STORIES is a
# text that the model has not read; what is there in FOLDER is not computed again.
set -eu
[ $# -eq 4 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
program=$1 stories=$2 folder=$3 model=$4
count=${COUNT:-16} share=${SHARE:-0.05} every=${EVERY:-16} lengths=${LENGTHS:-4000 40000 400000}
mkdir -p "$folder"
LC_ALL=C awk -v seed=1 -f "$here/talks.awk" "$stories" 2>/dev/null |
    LC_ALL=C awk -v seed="${SEED:-1}" -v form=tests -v between=0 -f "$here/remember.awk" | head -n "$count" >"$folder/lessons.tsv"
n=0
while IFS="$(printf '\t')" read -r _ messages words; do
    n=$((n + 1))
    # the question is the last message
    printf '{"messages": %s]}\n' "${messages%, \{\"role\": \"user\"*}" >"$folder/$n.jsonl"
    question=${messages##*\"content\": \"}
    printf '%s\n' "${question%\"\}]}" >"$folder/$n.question"
    for way in plain consolidated; do
        [ $way = plain ] && flags= || flags="--consolidate $share --every $every"
        rm -f "$folder/lesson"
        for length in 0 $lengths; do
            answer=$folder/$n.$way.$length
            [ ! -e "$answer" ] || continue
            # shellcheck disable=SC2086 # words
            [ -e "$folder/lesson" ] || "$program" learn -m "$model" -f "$folder/$n.jsonl" --documents messages --memory "$folder/lesson" $flags >/dev/null 2>>"$folder/log"
            cp "$folder/lesson" "$folder/memory"
            if [ "$length" -gt 0 ]; then
                head -c "$length" "$stories" >"$folder/else.txt"
                "$program" learn -m "$model" -f "$folder/else.txt" --memory "$folder/memory" >/dev/null 2>>"$folder/log"
            fi
            "$program" chat -m "$model" --load "$folder/memory" --temperature 0 --max-tokens 40 <"$folder/$n.question" >"$answer.part" 2>>"$folder/log"
            mv "$answer.part" "$answer"
        done
    done
    printf '%s\n' "$words" >"$folder/$n.words"
done <"$folder/lessons.tsv"
echo "| $n lessons, then bytes of stories |$(printf ' %s |' 0 $lengths)"
echo "|---|$(printf -- '---|%.0s' 0 $lengths)"
for way in plain consolidated; do
    line="| $([ $way = plain ] && echo "learned" || echo "learned with \`--consolidate $share --every $every\`") |"
    for length in 0 $lengths; do
        right=0 i=0
        while [ $i -lt $n ]; do
            i=$((i + 1))
            ! grep -qiF -- "$(cat "$folder/$i.words")" "$folder/$i.$way.$length" || right=$((right + 1))
        done
        line="$line $right |"
    done
    echo "$line"
done
