# Longer conversations out of those of talks.awk, in which somebody tells of themselves and later asks what was told.
#
#   awk -v seed=1 [-v most=6] -f remember.awk TALKS >remember.jsonl
#   awk -v seed=1 -v form=tests -v between="0 1 3" -f remember.awk TALKS >tests.tsv
#
# TALKS are lines that talks.awk writes.  Each goes, in their order, into one conversation, which has one to `most` talks, a few
# more often than many.  Between them the user says a name, an age, what they like best, a pet, a brother or a sister, says some of it anew,
# and asks for it: what was told last is right, and who has told nothing is told so.  A talk about "a little dog named
# Max" may become one about "my dog", whose name was told before, and one about a little girl one about "me".
#
# form=tests writes lines "NUMBER<tab>MESSAGES<tab>WORDS", for the numbers in `between` in turn: a fact, that many talks, and a
# question about the fact, whose right answer has these words.

function pick(n) { # Park and Miller's generator
    state = state * 16807 % 2147483647
    return int(state / 2147483647 * n)
}

function chance(p) { return pick(1000000) < p * 1000000 }

function one(list,  n, choice) { # of alternatives with bars between them
    n = split(list, choice, "|")
    return choice[1 + pick(n)]
}

function other(list, not_this,  word) {
    do
        word = one(list)
    while (word == not_this)
    return word
}

function turn(question, answer) {
    return "{\"role\": \"user\", \"content\": \"" question "\"}, {\"role\": \"assistant\", \"content\": \"" answer "\"}"
}

function a(noun) { return (noun ~ /^[aeiou]/ ? "an " : "a ") noun }

# The turn that tells a fact: kinds are name, age, color, food, animal, pet, brother, sister.
function tell(kind, value, anew,  text, reply) {
    value_of[kind] = value
    if (kind == "name") {
        text = anew ? one("Please call me @ now.|My name is @ now.") : one("My name is @.|Hi, I am @.|Hello! My name is @.|I am called @.|Hello, I am @.")
        reply = one("Hello, @!|Nice to meet you, @.|Hi, @!|Hello, @! How are you?")
    } else if (kind == "age") {
        text = anew ? one("Now I am @ years old.|Today I turned @.") : one("I am @ years old.|I am @.|I just turned @.")
        reply = one("@ is a good age.|@ years old! How big you are.")
    } else if (kind == "pet") {
        text = anew ? one("Now I have " a(pet) " named @.|I got a new " pet ". It is called @.") : one("I have " a(pet) " named @.|My " pet " is called @.|I have " a(pet) ". Its name is @.|My " pet "'s name is @.")
        reply = one("@ is a nice name for " a(pet) ".|What a nice name!|I would like to meet @.")
    } else if (kind ~ /er$/) { # brother, sister
        text = anew ? "I have a new " kind " now. " (kind == "sister" ? "Her" : "His") " name is @." : one("My " kind " is called @.|I have a " kind " named @.|My " kind "'s name is @.")
        reply = one("Say hello to @!|@ is a nice name.|Is @ nice?")
    } else {
        text = anew ? one("Now my favorite " kind " is @.|I like @ best now.") : one("My favorite " kind " is @.|The " kind " that I like best is @.")
        if (!anew && kind == "food")
            text = one("My favorite food is @.|I love to eat @.|I like @ best of all food.")
        if (!anew && kind == "color")
            text = one("My favorite color is @.|I like the color @ best.|I love @. It is my favorite color.")
        reply = kind == "food" ? one("@! That is yummy.|I like @ too.") : one("I like @ too.|How nice! I like @, too.")
    }
    gsub(/@/, value, text)
    gsub(/@/, value, reply)
    return turn(text, toupper(substr(reply, 1, 1)) substr(reply, 2))
}

function ask(kind,  text, reply) {
    if (kind == "name") {
        text = one("What is my name?|Do you know my name?|Who am I?|What am I called?")
        reply = "Your name is @."
    } else if (kind == "age") {
        text = one("How old am I?|Do you know how old I am?")
        reply = "You are @ years old."
    } else if (kind == "pet") {
        text = one("What is my " pet " called?|What is the name of my " pet "?|What is my " pet "'s name?|Do you know my " pet "'s name?")
        reply = "Your " pet " is called @."
    } else if (kind ~ /er$/) {
        text = one("What is my " kind " called?|What is the name of my " kind "?|What is my " kind "'s name?")
        reply = "Your " kind " is called @."
    } else {
        text = one("What is my favorite " kind "?|Do you know my favorite " kind "?|Which " kind " do I like best?")
        reply = "Your favorite " kind " is @."
    }
    if (!(kind in value_of)) {
        reply = kind == "pet" ? "You have not told me about " a(pet) "." : kind ~ /er$/ ? "You have not told me about " a(kind) "." : \
            kind == "age" ? "You have not told me how old you are." : "You have not told me your " (kind == "name" ? "" : "favorite ") kind "."
        return turn(text, reply)
    }
    gsub(/@/, value_of[kind], reply)
    return turn(text, reply)
}

# A new value; not the one there is.
function draw(kind) {
    return other(values[kind], kind in value_of ? value_of[kind] : "")
}

# Any kind that has been told; "" when none has.
function told(  i, n, list) {
    n = 0
    for (i = 1; i <= kinds; i++)
        if (kind_of[i] in value_of)
            list[++n] = kind_of[i]
    return n ? list[1 + pick(n)] : ""
}

# Any kind that has not, and that no later talk needs.
function untold(  i, n, list) {
    n = 0
    for (i = 1; i <= kinds; i++)
        if (!(kind_of[i] in value_of) && !(kind_of[i] in later))
            list[++n] = kind_of[i]
    return n ? list[1 + pick(n)] : ""
}

# What is said between two talks.
function between_talks(at, last,  line, i, kind) {
    line = ""
    for (i = 1; i <= kinds; i++) # what a later talk needs
        if ((kind_of[i] in later) && later[kind_of[i]] == at) {
            delete later[kind_of[i]]
            line = line ", " tell(kind_of[i], value_later[kind_of[i]], 0)
        }
    for (i = at == 0 ? pick(4) : pick(2); i > 0; i--) {
        kind = untold()
        if (kind != "")
            line = line ", " tell(kind, draw(kind), 0)
    }
    if (at > 0 && chance(0.25) && (kind = told()) != "" && !(kind in bound))
        line = line ", " tell(kind, draw(kind), 1)
    for (i = last ? 1 + pick(4) : at > 0 ? pick(3) : pick(2); i > 0; i--)
        if (chance(0.08) && (kind = untold()) != "")
            line = line ", " ask(kind)
        else if ((kind = told()) != "")
            line = line ", " ask(kind)
    return line
}

# A talk that begins with a request for a story about a pet or a child may be about the user's: the fact is told at some place before.
function bind(at,  text, name, noun, kind) {
    if (!match(talk[at], /^\{"role": "user", "content": "[^"]* about an? ([a-z]+ )?[a-z]+ (named|called) [A-Z][a-z]+[."]/))
        return
    text = substr(talk[at], RSTART, RLENGTH - 1)
    rest = substr(talk[at], RSTART + RLENGTH - 1)
    match(text, / about an? ([a-z]+ )?[a-z]+ (named|called) [A-Z][a-z]+$/)
    before = substr(text, 1, RSTART - 1)
    text = substr(text, RSTART + 1)
    name = text
    sub(/^.* /, "", name)
    noun = text
    sub(/ (named|called) .*$/, "", noun)
    sub(/^.* /, "", noun)
    if (noun in pets)
        kind = "pet"
    else if (noun == "girl" || noun == "boy")
        kind = "name"
    else
        return
    if (kind in bound || chance(0.3))
        return
    bound[kind] = 1
    if (kind == "pet")
        pet = noun
    later[kind] = pick(at)
    value_later[kind] = name
    talk[at] = before (kind == "pet" ? " about my " noun : " about me") rest
}

function write(  i, line) {
    split("", value_of)
    split("", bound)
    split("", later)
    pet = one("dog|cat|rabbit|bird|fish|frog|mouse|duck|turtle|hamster|pony|kitten|puppy")
    for (i = 1; i <= talks; i++)
        bind(i)
    line = ""
    for (i = 0; i <= talks; i++) {
        line = line between_talks(i, i == talks)
        if (i < talks)
            line = line ", " talk[i + 1]
    }
    sub(/^, /, "", line)
    print "{\"messages\": [" line "]}"
    talks = 0
}

function write_test(  i, kind, line) {
    split("", value_of)
    pet = one("dog|cat|rabbit|bird|fish|frog|mouse|duck|turtle|hamster|pony|kitten|puppy")
    kind = kind_of[1 + pick(kinds)]
    line = tell(kind, draw(kind), 0)
    for (i = 1; i <= talks; i++)
        line = line ", " talk[i]
    i = ask(kind)
    sub(/, \{"role": "assistant".*$/, "", i)
    print need "\t[" line ", " i "]\t" tolower(value_of[kind])
    talks = 0
}

function begin() {
    if (form == "tests") {
        need = distance[1 + number++ % distances]
    } else {
        need = 1 + int(exp(pick(1000000) / 1000000 * log(most + 1)) - 0.0001)
        if (need > most)
            need = most
    }
}

BEGIN {
    if (most == 0)
        most = 6
    if (between == "")
        between = "0 1 2 4 8 16"
    distances = split(between, distance, " ")
    state = (seed * 7919 + 12345) % 2147483646 + 1
    for (i = 0; i < 3; i++)
        pick(2)
    kinds = split("name age color food animal pet brother sister", kind_of, " ")
    values["name"] = "Anna|Ben|Clara|David|Emma|Felix|Grace|Henry|Ida|Jack|Kate|Leo|Lily|Mia|Nina|Oscar|Peter|Rosie|Sam|Sara|Tim|Tom|Zoe|Max|Lucy|Ella|Jake|Amy|Bob|Sue"
    values["age"] = "three|four|five|six|seven|eight|nine|ten"
    values["color"] = "red|blue|green|yellow|pink|purple|orange|brown|black|white"
    values["food"] = "pizza|soup|cake|apples|bread|cheese|rice|pasta|bananas|cookies|carrots|honey"
    values["animal"] = "dogs|cats|horses|bears|birds|elephants|lions|monkeys|rabbits|ducks|frogs|whales"
    values["pet"] = "Max|Spot|Fluffy|Bella|Rex|Tiny|Daisy|Lucky|Sunny|Teddy|Molly|Rocky|Buddy|Kitty|Coco|Milo|Luna|Oscar"
    values["brother"] = "Ben|Jack|Tom|Sam|Tim|Max|Leo|Bob|Jake|Peter|Mark|Adam"
    values["sister"] = "Anna|Lily|Mia|Sara|Sue|Lucy|Emma|Amy|Ella|Kate|Jane|Zoe"
    n = split("dog cat rabbit bunny bird fish frog mouse duck turtle pony kitten puppy horse", word, " ")
    for (i = 1; i <= n; i++)
        pets[word[i]] = 1
    begin()
}

function ready() {
    if (talks < need)
        return
    if (form == "tests")
        write_test()
    else
        write()
    begin()
}

form == "tests" { ready() } # with none between, too
sub(/^\{"messages": \[/, "") {
    sub(/\]\}$/, "")
    talk[++talks] = $0
    ready()
}
END {
    if (form != "tests" && talks)
        write()
}
