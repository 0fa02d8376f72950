# What the make.sh of the models share: their arguments, files that are checked, training, figures, the card.
#
# A make.sh sets `here`, its folder, and reads this.  Then `program` is bitllama, `source` the folder of the public files, `out`
# the model folder to make, `work` (OUT.work) what is kept meanwhile: an interrupted make.sh goes on from there.  In a
# trial (`--smoke OUT`) `smoke` is 1 and nothing from outside is needed; with `--prepared OUT` `prepared` is 1: another
# machine has made OUT.work/data.
here=${here:?}
root=$(cd "$here/../.." && pwd)
program=${BITLLAMA:-$root/build/bitllama}
smoke='' prepared='' source='' out='' work=''

die() {
    echo "make.sh: $*" >&2
    exit 1
}

# begin ARGUMENTS OF make.sh
begin() {
    [ $# -eq 2 ] || usage
    if [ "$1" = --smoke ]; then
        smoke=1
        shift
    elif [ "$1" = --prepared ]; then
        prepared=1
        shift
    else
        source=$(cd "$1" && pwd) || exit 1
        shift
    fi
    [ -x "$program" ] || die "$program is missing: build it, or name it in BITLLAMA"
    mkdir -p "$1.work"
    work=$(cd "$1.work" && pwd)
    out=${work%.work}
    : >"$work/facts"
}

usage() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$here/make.sh" >&2
    exit 2
}

# has_hash FILE SHA256
has_hash() { [ "$(sha256sum <"$1" | cut -d ' ' -f 1)" = "$2" ]; }

# file NAME: work/NAME is the file of that name in `source`, plain or .xz, and the one that the list `data` names.
file() {
    hash=$(awk -v name="$1" '$2 == name { print $1 }' "$here/data")
    [ -n "$hash" ] || die "$1 is not listed in $here/data"
    if [ -f "$source/$1" ]; then
        cp "$source/$1" "$work/$1"
    elif [ -f "$source/$1.xz" ]; then
        xz -dc "$source/$1.xz" >"$work/$1"
    else
        die "$source/$1 is missing; $here/data says what it is"
    fi
    has_hash "$work/$1" "$hash" || die "$source/$1 is another file: its SHA-256 is not $hash"
}

# made NAME...: these files of `work`, made on another machine, are the ones that the list names.
made() {
    for name; do
        [ -f "$work/$name" ] || die "$work/$name is missing"
        has_hash "$work/$name" "$(awk -v name="$name" '$2 == name { print $1 }' "$here/data")" ||
            die "$work/$name is another file than $here/data lists"
    done
}

# fact NAME VALUE: for the card
fact() { printf '%s\t%s\n' "$1" "$2" >>"$work/facts"; }

# run ARGUMENTS: bitllama, without the models' folder being changed by what it reads
run() { "$program" "$@"; }

# train_model DATA RUN FLAGS: or goes on with it, here or where else it was begun; RUN/seconds adds up
train_model() {
    folder=$1 to=$2
    shift 2
    fact recipe "$*"
    began=$(date +%s)
    run train --data "$folder" --out "$to" --resume=auto --no-plot --seed "${SEED:-1}" "$@" </dev/null
    echo $(($(cat "$to/seconds" 2>/dev/null || echo 0) + $(date +%s) - began)) >"$to/seconds"
    fact seconds "$(cat "$to/seconds")"
    fact date "$(LC_ALL=C date -u +%Y-%m-%d)"
    fact started "$(sed -n 's/.*"type": *"start".*"text": *"\(.*\)".*/\1/p' "$to/metrics.jsonl" | head -n 1)"
}

# number KEY FILE: of a line of JSON
number() { sed -n "s/.*\"$1\": *\([-0-9.e+]*\).*/\1/p" "$2" | head -n 1; }

# loss_of NAME MODEL FLAGS OF eval: facts NAME and NAME_bits
loss_of() {
    key=$1 model=$2
    shift 2
    run eval -m "$model" --json "$@" >"$work/$key.json"
    fact "$key" "$(number loss "$work/$key.json")"
    fact "${key}_bits" "$(number bits_per_byte "$work/$key.json")"
    fact "${key}_tokens" "$(number tokens "$work/$key.json")"
}

# samples MODEL PROMPT: three, of seeds 1, 2, 3, as they come
samples() {
    : >"$work/samples.md"
    for seed in 1 2 3; do
        printf 'Seed %s:\n\n' "$seed" >>"$work/samples.md"
        run generate -m "$1" -p "$2" --echo --max-tokens "${3:-200}" --seed "$seed" | sed 's/^/    /' >>"$work/samples.md"
        printf '\n' >>"$work/samples.md"
    done
}

# export_model RUN DTYPE: to OUT, with its facts
export_model() {
    run export -m "$1" --out "$out" --dtype "$2" --force
    run info "$out" >"$work/info"
    fact parameters "$(sed -n 's/^parameters  *//p' "$work/info")"
    fact fingerprint "$(sed -n 's/^fingerprint  *//p' "$work/info")"
    fact parent "$(sed -n 's/^parent_fingerprint  *//p' "$work/info" | head -n 1)"
    fact bytes "$(wc -c <"$out/model.safetensors" | tr -d ' ')"
    fact head "$2"
    fact version "$(run version | head -n 1)"
}

# card: OUT/README.md from card.md.  {{NAME}} is a fact, a line {{NAME.md}} that file of `work`, {{NAME}} of a file of the model's own folder likewise.
card() {
    awk -v work="$work" -v here="$here" '
        FILENAME == work "/facts" { at = index($0, "\t"); fact[substr($0, 1, at - 1)] = substr($0, at + 1); next }
        /^\{\{[a-z]+\.md\}\}$/ {
            name = substr($0, 3, length($0) - 4)
            found = 0
            while ((getline text <(work "/" name)) > 0) {
                print text
                found = 1
            }
            if (!found) {
                print "card: there is no " name >"/dev/stderr"
                exit 1
            }
            next
        }
        {
            while (match($0, /\{\{[a-z_]+\}\}/)) {
                name = substr($0, RSTART + 2, RLENGTH - 4)
                if (!(name in fact)) {
                    print "card: nothing is known of " name >"/dev/stderr"
                    exit 1
                }
                $0 = substr($0, 1, RSTART - 1) fact[name] substr($0, RSTART + RLENGTH)
            }
            print
        }' "$work/facts" "$here/card.md" >"$work/README.md"
    cp "$work/README.md" "$out/README.md"
}
