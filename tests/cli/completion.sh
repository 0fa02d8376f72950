# What shells complete: by bash itself, and by zsh and fish where they are.
. "$(dirname "$0")/expect.sh"
cd "$scratch" || exit 1
mkdir -p models/tiny 'models/with space' && : >models/story.txt && : >grammar.gbnf
bin=$(dirname "$bitllama")

for shell in bash zsh fish; do
    expect "a script for $shell" 0 '*bitllama*' '' completion "$shell"
    cp stdout "script.$shell"
done
expect "no such shell" 2 '' "*no completion for 'tcsh'*" completion tcsh
expect "no shell" 2 '' '*SHELL*is missing*' completion

there() { # SHELL
    command -v "$1" >/dev/null 2>&1 && return 0
    echo "skipped: completion in $1 (no $1 here)"
    return 1
}

# ---- bash: the function, called as readline calls it ----
cat >ask.bash <<'END'
source ./script.bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
compopt() { :; } # there is no completion under way
_bitllama
((${#COMPREPLY[@]})) && printf '%s\n' "${COMPREPLY[@]}"
exit 0
END
asked() { bash --norc ask.bash bitllama "$@" >found; }
# completes NAME WANTED WORDS...: these words, the last of them begun, become one of WANTED.
completes() {
    name=$1 wanted=$2
    shift 2
    asked "$@"
    printf '%b' "$wanted" | sort >wanted
    sort found >found.sorted
    check "bash: $name" cmp wanted found.sorted
}
if there bash; then
    check "bash: syntax" bash -n script.bash
    asked ''
    check "bash: all commands" sh -c "grep -q '^generate$' found && grep -q '^doctor$' found"
    completes "a command" 'generate\n' gen
    completes "commands that begin alike" 'detokenize\ndoctor\n' d
    completes "a flag" '--json-schema\n--json-schema-file\n' generate --json-s
    completes "a flag of the table of options" '--top-k\n--top-p\n' generate --top
    completes "a switch that is on" '--no-bos\n' generate --no-b
    completes "a choice" 'bf16\n' train --precision b
    completes "a choice after =" 'bf16\n' train --precision = b
    completes "all choices" 'micro\ncode\ntiny\n' train --preset =
    completes "a choice of another table" 'utf-16\nutf-16be\nutf-16le\nutf-8\n' generate --encoding u
    completes "a folder" 'models\n' generate -m mod
    completes "folders in it" 'models/tiny\nmodels/with space\n' generate -m models/
    completes "a name with a space" 'models/with space\n' generate -m 'models/with\ '
    completes "a name in quotes" 'models/with space\n' generate -m '"models/with'
    completes "a file" 'models/story.txt\n' generate -f models/s
    completes "no pattern" '' generate -f 'models/*'
    completes "a text is nobody's" '' generate -p m
    completes "sources" 'tales\n' prepare tal
    completes "sources that are files" 'models\n' prepare mod
    completes "files behind flags" 'models\n' prepare --dedup near mod
    completes "a subcommand" 'show\n' memory sh
    completes "commands of help" 'generate\n' help gen
    completes "shells" 'bash\n' completion b
    completes "nothing of an unknown command" '' frobnicate --
fi

# ---- every flag of the help is in every script ----
for command in $("$bitllama" help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
    "$bitllama" "$command" --help | sed -n 's/^  \(-[^ ]* \{0,1\}[^ ]*\).*/\1/p' |
        grep -o -e '--[a-z0-9-]*' | sort -u >flags
    check "$command has flags" test -s flags
    sed -n "/^    1:$command)/,/^        ;;/s/.*words='\(-.*\)'/\1/p" script.bash | tr ' ' '\n' |
        sort -u >in.bash
    check "bash: flags of $command" test -z "$(comm -23 flags in.bash)"
    sed -n "/^    $command)/,/;;/p" script.zsh | sed -n "s/^        '[*]\(--[a-z0-9-]*\).*/\1/p" |
        sort -u >in.zsh
    check "zsh: flags of $command" test -z "$(comm -23 flags in.zsh)"
    sed -n "s/^complete -c bitllama -n '__bitllama_is $command' -l \([^ ]*\) .*/--\1/p" script.fish |
        sort -u >in.fish
    check "fish: flags of $command" test -z "$(comm -23 flags in.fish)"
done

# ---- zsh: on a terminal of its own, what a line is after Tab ----
cat >ask.zsh <<'END'
zmodload zsh/zpty || exit 77
zpty shell zsh -f -i
send() { zpty -w shell "$1"; }
send "PS1= PS2= RPS1=; unsetopt beep"
send 'fpath=("$PWD/functions" $fpath); autoload -Uz compinit; compinit -D -u'
send 'tell() { print -r -- "$BUFFER" >>"$PWD/lines"; BUFFER=; }; zle -N tell; bindkey "^X^T" tell'
send 'print ready >"$PWD/ready"'
for i in {1..300}; do
    zpty -r -t shell ignored 2>/dev/null
    [[ -e ready ]] && break
    sleep 0.1
done
n=0
for line; do
    n=$((n + 1))
    zpty -n -w shell "$line"$'\t\C-X\C-T'
    for i in {1..300}; do
        zpty -r -t shell ignored 2>/dev/null
        [[ -e lines && $(wc -l <lines) -ge $n ]] && break
        sleep 0.1
    done
done
zpty -d shell
END
if there zsh; then
    check "zsh: syntax" zsh -n script.zsh
    mkdir functions && cp script.zsh functions/_bitllama
    PATH=$bin:$PATH LC_ALL=C.UTF-8 zsh -f ask.zsh 'bitllama gener' 'bitllama generate --json-schema-f' \
        'bitllama train --precision b' 'bitllama generate -m models/ti' 'bitllama memory sh' \
        'bitllama prepare models/sto' 'bitllama prepare tal' 'bitllama help gen' \
        'bitllama completion z' >said 2>&1
    printf '%s\n' 'bitllama generate ' 'bitllama generate --json-schema-file=' \
        'bitllama train --precision bf16 ' 'bitllama generate -m models/tiny/' \
        'bitllama memory show ' 'bitllama prepare models/story.txt ' 'bitllama prepare tales ' \
        'bitllama help generate ' 'bitllama completion zsh ' >wanted
    check "zsh: lines after Tab" diff wanted lines
fi

# ---- fish: what it says itself ----
fish_completes() {
    name=$1 wanted=$2 line=$3
    LC_ALL=C.UTF-8 fish --no-config -c "source script.fish; complete -C '$line'" 2>said | sed 's/	.*//' |
        sort >found
    printf '%b' "$wanted" | sort >wanted
    check "fish: $name" diff wanted found
}
if there fish; then
    HOME=$scratch XDG_CONFIG_HOME=$scratch XDG_DATA_HOME=$scratch
    export HOME XDG_CONFIG_HOME XDG_DATA_HOME
    check "fish: syntax" fish -n script.fish
    fish_completes "a command" 'generate\n' 'bitllama gen'
    fish_completes "a flag" '--json-schema\n--json-schema-file\n' 'bitllama generate --json-s'
    fish_completes "a choice" 'bf16\n' 'bitllama train --precision b'
    fish_completes "a folder" 'models/tiny/\n' 'bitllama generate -m models/ti'
    fish_completes "no file for a folder" '' 'bitllama generate -m models/sto'
    fish_completes "a file" 'models/story.txt\n' 'bitllama generate -f models/sto'
    fish_completes "a text is nobody's" '' 'bitllama generate -p mod'
    fish_completes "a text that is a command's name" '--samples\n' 'bitllama generate -p train --samp'
    fish_completes "a subcommand" 'show\n' 'bitllama memory sh'
    fish_completes "commands of help" 'generate\n' 'bitllama help gen'
fi
finish
