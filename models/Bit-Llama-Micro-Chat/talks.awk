# Conversations about stories as JSON Lines of messages: a request, the story as its answer, questions about it.
#
#   awk -v seed=1 -f talks.awk STORIES >talks.jsonl
#   awk -v seed=1 -v form=tests -f talks.awk STORIES >tests.tsv
#
# STORIES has lines <|endoftext|> between stories.  A request names the hero, one to three words that the story has, and
# how it ends, or some of these.  Questions and their answers come from sentences of a few plain shapes: somebody sees,
# finds, wants, says something, goes somewhere, is glad, and nobody else does; what could be meant twice is not asked.
# What is drawn for a story depends on the seed and its text alone, not on the other stories.  With held=0.02 that share
# of the stories is set aside, by their text: side=train leaves it out, side=held gives it alone.  Stories of more than
# longest_story (6000) bytes are left out.
#
# form=tests writes what measure.sh reads, fields between tabs, texts as JSON has them: "S", the request, its words, the
# number of the story; "T", the story; and for each question "Q", its kind, the question, the words of a right answer.
# form=questions writes "S", "T" and "Q" of all questions that can be asked, for stories that a model wrote.

function pick(n) { # Park and Miller's generator
    state = state * 16807 % 2147483647
    return int(state / 2147483647 * n)
}

function chance(p) { return pick(1000000) < p * 1000000 }

function one(list,  n, choice) { # of alternatives with bars between them
    n = split(list, choice, "|")
    return choice[1 + pick(n)]
}

function set(list, into,  n, i, word) {
    n = split(list, word, " ")
    for (i = 1; i <= n; i++)
        into[word[i]] = 1
}

# A number from a text's ends and length, below 2^31 - 1 and above 0.
function number_of(text,  i, h, n, c) {
    n = length(text)
    h = n + 1
    for (i = 1; i <= 100 && i <= n; i++) {
        c = index(letters, substr(text, i, 1))
        h = (h * 131 + c) % 2147483647
        c = index(letters, substr(text, n + 1 - i, 1))
        h = (h * 131 + c) % 2147483647
    }
    return h
}

function json(text) {
    gsub(/\\/, "&&", text)
    gsub(/"/, "\\\\&", text)
    gsub(/\n/, "\\n", text)
    gsub(/\t/, " ", text)
    gsub(/[\001-\037]/, "", text)
    return "\"" text "\""
}

function message(role, text) { return "{\"role\": \"" role "\", \"content\": " json(text) "}" }

function lower_first(text) { return tolower(substr(text, 1, 1)) substr(text, 2) }
function upper_first(text) { return toupper(substr(text, 1, 1)) substr(text, 2) }

# ---- reading a story ----

# The sentences of a paragraph, each with the quotation that it holds.
function cut_sentences(text,  from, rest, piece) {
    piece = ""
    rest = text
    while (match(rest, /[.!?]["']*( |$)/)) {
        piece = piece substr(rest, 1, RSTART + RLENGTH - 1)
        rest = substr(rest, RSTART + RLENGTH)
        from = piece
        # inside a quotation, or in front of who says it
        if (gsub(/"/, "", from) % 2 || (piece ~ /["'] $/ && rest ~ /^[a-z]/) || \
            (piece ~ /[!?,]" $/ && rest ~ /^[A-Z][a-z]* (said|asked|replied|cried|shouted|yelled)[ .]/))
            continue
        sub(/ $/, "", piece)
        sentence[++sentences] = piece
        piece = ""
    }
    if (piece rest != "")
        sentence[++sentences] = piece rest
}

# Names are capitals within a sentence that never occur in lower case; who occurs twice is a character.
function find_names(text,  i, n, word, rest, at) {
    split("", count)
    split("", person)
    split("", in_lower)
    n = split(text, word, /[^A-Za-z']+/)
    for (i = 1; i <= n; i++) {
        sub(/'s?$/, "", word[i])
        count[word[i]]++
    }
    rest = text
    while (match(rest, /[a-z,] [A-Z][a-z]+/)) {
        at = substr(rest, RSTART + 2, RLENGTH - 2)
        rest = substr(rest, RSTART + RLENGTH)
        if (rest !~ /^[A-Za-z]/ && !(at in no_name) && count[at] > 1 && !(tolower(at) in count))
            person[at] = count[at]
    }
}

# The noun phrase that ends in front of place `at` of a text: "a little girl".
function phrase_before(text, at,  from, word, n, i) {
    text = " " substr(text, 1, at - 1)
    sub(/,? *$/, "", text)
    from = 0
    n = split(text, word, " ")
    for (i = n; i > 0 && n - i < 4 && !from; i--)
        if (tolower(word[i]) == "a" || tolower(word[i]) == "an")
            from = i
        else if (word[i] !~ /^[a-z]+$/ || (i < n && word[i] in no_kind))
            return ""
    if (!from || from == n)
        return ""
    text = tolower(word[from])
    for (i = from + 1; i <= n; i++)
        text = text " " word[i]
    return text
}

function find_hero(text,  at, rest, before, most, n, i, word, kind_word) {
    hero = kind = ""
    rest = text
    before = 0
    while (hero == "" && match(rest, /(named|called) [A-Z][a-z]+/)) {
        at = substr(rest, RSTART, RLENGTH)
        sub(/^[a-z]+ /, "", at)
        if ((at in person) && before + RSTART < 400) {
            hero = at
            kind = phrase_before(rest, RSTART)
        }
        before += RSTART + RLENGTH - 1
        rest = substr(rest, RSTART + RLENGTH)
    }
    most = 2
    if (hero == "")
        for (at in person) # the name first in the alphabet among equals, so that no order of a table counts
            if (person[at] > most || (person[at] == most && (hero == "" || at < hero))) {
                most = person[at]
                hero = at
            }
    if (hero == "" && match(sentence[1], /(was|lived|is|lives) an? [a-z]+( [a-z]+)?( [a-z]+)?/)) {
        at = substr(sentence[1], RSTART, RLENGTH)
        sub(/^[a-z]+ /, "", at)
        n = split(at, word, " ")
        kind = word[1]
        for (i = 2; i <= n && !(word[i] in ends_phrase); i++)
            kind = kind " " word[i]
        if (i == 2 || word[i - 1] in stop)
            kind = ""
    }
    n = split(kind, word, " ")
    kind_word = n ? word[n] : ""
    if (kind_word in stop && !(kind_word in sexes))
        kind = ""
    noun = kind == "" ? "" : kind_word
}

# ---- facts ----

# Cuts what follows a clause, and says whether anything useful is left.
function trim_object(text,  n, word, adjective) {
    while (match(text, /^[a-z]+ [a-z]+, [a-z]/)) { # "a big, red ball"
        adjective = substr(text, index(text, " ") + 1, RLENGTH - index(text, " ") - 3)
        if (!(adjective in adjectives))
            break
        sub(/,/, "", text)
    }
    sub(/[.,!?;:"].*$/, "", text)
    sub(/ (and|but|because|so|when|while|until|that|who|which|as|if|before|after|then|or|where|he|she|they|it|to) .*$/, "", text)
    sub(/ (next|again|too)$/, "", text)
    n = split(text, word, " ")
    return n >= 1 && n <= 8 && text !~ /[^A-Za-z' -]/ ? text : ""
}

# The noun of a noun phrase; "" when it says nothing.
function head(text,  n, word) {
    sub(/ (in|on|at|with|from|of|for|to|near|under|by|into|inside|behind|through|over|around|about|like|next|again|very|too|there|outside|together|every|all|one|up|down|away|back|home|off|out) .*$/, "", text)
    sub(/ (again|too|there|outside|together|up|down|away|back|home|off|out|inside)$/, "", text)
    n = split(text, word, " ")
    return n >= 2 && !(word[n] in vague) && !(word[n] in adjectives) && word[n] ~ /^[a-z]+$/ ? word[n] : ""
}

function ask(what, text, reply, right) {
    questions++
    q_kind[questions] = what
    question[questions] = text
    answer[questions] = reply
    keys[questions] = right
}

# A fact is kept under a key, and forgotten when another has the same.
function fact(key, text, reply, right, what) {
    if (key in fact_at) {
        fact_at[key] = 0
        return
    }
    fact_at[key] = ++facts
    fact_key[facts] = key
    fact_kind[facts] = what
    fact_text[facts] = text
    fact_reply[facts] = reply
    fact_right[facts] = right
}

function said(who, text,  words, n) {
    n = split(text, words, " ")
    if (n < 3 || n > 20 || text ~ /"/)
        n = 0
    fact("say " who, "What did " who " say?", upper_first(who) " said, \"" text "\"", longest(text), n ? "say" : "")
    if (n)
        fact("who says " text, "Who said \"" text "\"", upper_first(who) " did.", last_word(who), "who")
}

function last_word(text,  n, word) {
    n = split(text, word, " ")
    return word[n]
}

# The longest words of a text that say something, at most three.
function longest(text,  n, word, i, j, best, list, taken) {
    n = split(text, word, /[^A-Za-z]+/)
    for (j = 0; j < 3; j++) {
        best = 0
        for (i = 1; i <= n; i++)
            if (!(i in taken) && length(word[i]) > 2 && !(tolower(word[i]) in stop) && length(word[i]) > (best ? length(word[best]) : 0))
                best = i
        if (!best)
            break
        taken[best] = 1
        list = list (list == "" ? "" : " ") tolower(word[best])
    }
    return list
}

# "Tim saw a big bus." and its like, from who did it and what follows.
function clause(who, verb, rest,  object, noun_of, base, doing) {
    if (verb in past) {
        base = past[verb]
        if (rest ~ /^to [a-z]/ && base in wishes) {
            doing = rest
            sub(/^to /, "", doing)
            object = trim_object(doing)
            sub(/ .*/, "", doing)
            if (object != "" && doing ~ /^[a-z]+$/ && doing != "be")
                fact(base " " who, "What did " who " " base " to do?", upper_first(who) " " verb " to " object ".", longest(object) == "" ? doing : longest(object), "want")
            else
                fact(base " " who, "", "", "", "")
            return
        }
        object = trim_object(rest)
        noun_of = object ~ /^(a|an|the|his|her|their|its|some|two|three|four|five|many) / ? head(object) : ""
        fact(base " " who, (base in social ? "Who did " : "What did ") who " " base "?", upper_first(who) " " verb " " object ".", noun_of, noun_of == "" ? "" : "what")
        if (noun_of != "")
            fact("who " base " " noun_of, "Who " verb " " object "?", upper_first(who) " did.", last_word(who), "who")
    } else if (verb in moves && match(rest, /^(to|into|in|inside|at|up|down|near|under|through) (a|an|the|his|her|their) /)) {
        object = trim_object(substr(rest, index(rest, " ") + 1))
        noun_of = head(object)
        rest = substr(rest, 1, index(rest, " "))
        fact(moves[verb] " " who, "Where did " who " " moves[verb] "?", upper_first(who) " " verb " " rest object ".", noun_of, noun_of == "" || (noun_of in people) ? "" : "where")
    } else if (verb ~ /^(was|felt)$/) {
        base = rest
        sub(/^(so|very|really|too|also) /, "", base)
        if (match(base, /^[a-z]+/) && (substr(base, 1, RLENGTH) in feelings)) {
            base = substr(base, 1, RLENGTH)
            object = substr(rest, 1, index(rest, base) + length(base) - 1)
            doing = rest
            if (sub(/^.* because /, "", doing) && doing ~ /^[^".!?]*[.!]$/)
                fact("why " who " " base, "Why was " who " " base "?", "Because " doing, longest(doing), longest(doing) == "" ? "" : "why")
            fact("feel " who, "How did " who " feel?", upper_first(who) " " verb " " object ".", base, "feel")
            if (at_sentence >= sentences - 1)
                fact("end feel " who, "How did " who " feel at the end?", upper_first(who) " " verb " " object ".", base, "feel")
        }
    }
}

# Who a sentence is about: a name, "the bird", or whom "he" or "she" means when only one can be meant.
function subject_of(text,  word, other, many) {
    after = ""
    match(text, /^[A-Z][a-z]*/)
    word = substr(text, 1, RLENGTH)
    if (RLENGTH < 1 || substr(text, RLENGTH + 1, 1) != " ")
        return ""
    after = substr(text, RLENGTH + 2)
    if (word in person)
        return word
    if (word == "The" && match(after, /^[a-z]+ /)) {
        word = substr(after, 1, RLENGTH - 1)
        if (word in stop && match(after, /^[a-z]+ [a-z]+ /))
            word = substr(after, 1, RLENGTH - 1)
        after = substr(after, RLENGTH + 1)
        return "the " word
    }
    if (word != "He" && word != "She")
        return ""
    many = 0
    for (other in person)
        if (index(last_text, other))
            many++
    return many == 1 && (last_subject in person) ? last_subject : ""
}

function read_sentence(text,  who, verb, rest, quote) {
    while (sub(/^(One day|One sunny day|One morning|One night|Then|So|Suddenly|Later|Finally|Soon|Now|After that|The next day|Every day|In the end|At first|At last|First|Next|Yesterday|Today), /, "", text) || sub(/^(But|And|Then|So) /, "", text))
        text = upper_first(text)
    quote = ""
    # "..." said Tim.   Tim said, "..."
    if (match(text, /^"[^"]*"/)) {
        quote = substr(text, 2, RLENGTH - 2)
        rest = substr(text, RLENGTH + 2)
        if (match(rest, /^(said|asked|replied|cried|shouted) [A-Z][a-z]+\.$/)) {
            who = rest
            sub(/^[a-z]+ /, "", who)
            sub(/\.$/, "", who)
        } else if (match(rest, /^[A-Z][a-z]+ (said|asked|replied|cried|shouted)\.$/)) {
            who = substr(rest, 1, index(rest, " ") - 1)
        }
        if (who in person) {
            sub(/,$/, ".", quote)
            said(who, quote)
        }
        last_text = text
        last_subject = ""
        return
    }
    who = subject_of(text)
    rest = after
    if (who != "") {
        verb = substr(rest, 1, index(rest, " ") - 1)
        rest = substr(rest, index(rest, " ") + 1)
        if (verb == "said" && match(rest, /^"[^"]*"$/) == 0 && match(rest, /^, /))
            verb = "said,"
        if (verb ~ /^(said|asked|replied|shouted),$/ && match(rest, /^"[^"]*"$/))
            said(who, substr(rest, 2, length(rest) - 2))
        else if (verb != "")
            clause(who, verb, rest)
    }
    last_text = text
    last_subject = who
}

function find_questions(story,  i, n, lines, right, count_words) {
    questions = facts = 0
    split("", fact_at)
    last_subject = last_text = ""
    for (i = 1; i <= sentences; i++) {
        at_sentence = i
        read_sentence(sentence[i])
    }
    if (hero != "") {
        ask("about", one("Who is the story about?|Who is this story about?|Who was the story about?"), \
            (kind == "" ? "It is about " hero "." : "It is about " kind " named " hero "."), hero)
        if (noun in sexes)
            ask("name", "What is the name of the " noun "?", (sexes[noun] == "f" ? "Her" : sexes[noun] == "m" ? "His" : "Its") " name is " hero ".", hero)
    } else if (noun != "")
        ask("about", one("Who is the story about?|Who is this story about?|What is the story about?"), "It is about " kind ".", noun)
    for (i = 1; i <= facts; i++)
        if (fact_at[fact_key[i]] == i && fact_kind[i] != "" && fact_right[i] != "")
            ask(fact_kind[i], fact_text[i], fact_reply[i], fact_right[i])
    right = longest(sentence[sentences])
    n = split(sentence[sentences], count_words, " ")
    if (right ~ / .* / && n >= 4 && n <= 30)
        ask("end", one("How does the story end?|How did the story end?|What happens at the end?"), sentence[sentences], right)
}

# ---- requests ----

# How a story ends, by its last two sentences, in words for a request.
function ending_of(  text) {
    text = tolower(sentence[sentences - 1] " " sentence[sentences])
    if (text ~ /lesson|learned|learnt|always remember|moral/)
        return "lesson"
    if (text ~ /happ|smile|laugh|hug|joy|proud|ever after|fun|glad|thank/)
        return text ~ /friend/ ? "friends" : "happy"
    if (text ~ / sad|cried|lost|never|alone|sorry|gone|died|broke/)
        return "sad"
    return ""
}

function ask_ending(how) {
    if (how == "lesson")
        return one("It should end with a lesson.|At the end somebody should learn a lesson.|Let it teach a lesson.")
    if (how == "friends")
        return one("At the end they should be friends.|Let it end with friends.|It should end with friendship.")
    if (how == "sad")
        return one("It should have a sad ending.|Let it end sadly.|Give it a sad ending.")
    return one("It should have a happy ending.|Let it end well.|Give it a happy ending.")
}

# One to three words of the story that say something, into `wanted`.
function choose_words(text,  n, word, i, list, k, j, t, total) {
    split("", list)
    n = split(text, word, /[^A-Za-z']+/)
    total = 0
    for (i = 1; i <= n; i++)
        if (word[i] ~ /^[a-z][a-z][a-z]+$/ && !(word[i] in stop) && length(word[i]) < 13 && !(word[i] in list)) {
            list[word[i]] = 1
            word[++total] = word[i]
        }
    wanted = ""
    k = 1 + pick(3)
    if (k > total)
        k = total
    for (i = 1; i <= k; i++) {
        j = i + pick(total - i + 1)
        t = word[i]
        word[i] = word[j]
        word[j] = t
        wanted = wanted (i > 1 ? " " : "") word[i]
    }
}

function with_words(  n, word, list) {
    n = split(wanted, word, " ")
    list = n == 1 ? word[1] : n == 2 ? word[1] " and " word[2] : word[1] ", " word[2] " and " word[3]
    if (n == 1)
        return one("Use the word " list ".|It should have the word " list " in it.|The word " list " should be in it.")
    return one("Use the words " list ".|It should have the words " list " in it.|Please use these words: " list ".")
}

function request(  text, about, words, ending, how) {
    about = chance(0.8)
    words = chance(0.75)
    how = ending_of()
    ending = how != "" && chance(0.4)
    text = one("Tell me a story|Write a story|Please tell me a story|Can you tell me a story|Write a short story|Make up a story|I would like a story")
    if (about && hero != "" && kind != "")
        text = text " about " one(kind " named " hero "|" kind " called " hero "|" hero)
    else if (about && hero != "")
        text = text " about " hero
    else if (about && kind != "")
        text = text " about " kind
    else
        words = words || chance(0.7)
    text = text (text ~ /^Can/ ? "?" : ".")
    if (!words)
        wanted = ""
    if (wanted != "")
        text = text " " with_words()
    if (ending)
        text = text " " ask_ending(how)
    return text
}

# ---- conversations ----

# Up to four questions: those that every story has not too often, the others in an order that is drawn.
function choose_questions(  i, j, t, order, taken, limit, general, found) {
    limit = 1 + pick(4)
    split("", taken)
    asked = 0
    for (i = 1; i <= questions; i++)
        order[i] = i
    for (i = questions; i > 1; i--) {
        j = 1 + pick(i)
        t = order[i]
        order[i] = order[j]
        order[j] = t
    }
    general = chance(0.4) + chance(0.4)
    for (i = 1; i <= questions && asked < limit; i++) {
        found = q_kind[order[i]]
        if (found ~ /^(about|name|end|feel)$/ && ((found in taken) || general-- <= 0))
            continue
        taken[found] = 1
        chosen[++asked] = order[i]
    }
    if (!asked && questions)
        chosen[++asked] = order[1]
}

function turns(story,  line, i) {
    choose_words(story)
    line = request()
    if (questions && chance(0.15)) { # somebody else's story
        line = message("user", one("Here is a story.|Read this story.|Listen to this story.") "\n\n" story "\n\n" question[chosen[1]])
        i = 1
        line = line ", " message("assistant", answer[chosen[1]])
    } else {
        line = message("user", line) ", " message("assistant", story)
        i = 0
    }
    while (++i <= asked)
        line = line ", " message("user", question[chosen[i]]) ", " message("assistant", answer[chosen[i]])
    return line
}

function tell(text,  i, line) {
    stories++
    sub(/^[ \n]+/, "", text)
    sub(/[ \n]+$/, "", text)
    if (length(text) < 150 || length(text) > longest_story || index(text, "<|"))
        return
    state = number_of(text)
    if (held > 0) {
        line = (state * 16807 % 2147483647) / 2147483647 < held
        if (line != (side == "held"))
            return
    }
    state = (state + seed * 7919 + 12345) % 2147483646 + 1
    for (i = 0; i < 3; i++)
        pick(2)
    story = text
    gsub(/\342\200\234|\342\200\235/, "\"", text)
    gsub(/\342\200\231/, "'", text)
    sentences = 0
    line = split(text, paragraph, "\n")
    for (i = 1; i <= line; i++)
        cut_sentences(paragraph[i])
    if (sentences < 3)
        return
    find_names(text)
    find_hero(text)
    find_questions(text)
    choose_questions()
    told++
    for (i = 1; i <= asked; i++)
        kinds[q_kind[chosen[i]]]++
    if (form == "talks") {
        line = turns(story)
        if (before != "") {
            print "{\"messages\": [" before ", " line "]}"
            before = ""
        } else if (chance(0.1))
            before = line
        else
            print "{\"messages\": [" line "]}"
        return
    }
    choose_words(text)
    line = request()
    print "S\t" json(line) "\t" wanted "\t" stories
    print "T\t" json(story)
    if (form == "questions") {
        asked = questions
        for (i = 1; i <= asked; i++)
            chosen[i] = i
    }
    for (i = 1; i <= asked; i++)
        print "Q\t" q_kind[chosen[i]] "\t" json(question[chosen[i]]) "\t" tolower(keys[chosen[i]])
}

BEGIN {
    if (form == "")
        form = "talks"
    if (longest_story == 0)
        longest_story = 6000
    letters = " etaoinshrdlcumwfgypbvkjxqzETAOINSHRDLCUMWFGYPBVKJXQZ.,'\"!?-\n0123456789"
    set("I Mom Mommy Mama Mum Mummy Dad Daddy Papa Mother Father Grandma Grandpa Granny Grandmother Grandfather Mr Mrs Miss Ms Christmas Monday Tuesday Wednesday Thursday Friday Saturday Sunday Halloween English God Yes No OK Oh The She He They It You We Sir Dr Captain Princess Prince King Queen Aunt Uncle", no_name)
    set("who that which was were is and but had has in on with to of his her the", no_kind)
    set("who that which was were named called in on at with and but by near from of inside living living whose he she they", ends_phrase)
    set("lot lots thing things time times way day it one bit other everything something anything nothing part kind look looking turn end rest same them himself herself", vague)
    split("boy m girl f man m woman f king m queen f prince m princess f dog i cat i bird i bear i rabbit i bunny i fish i frog i mouse i duck i bee i lion i elephant i monkey i kitten i puppy i fox i turtle i squirrel i horse i pig i cow i owl i ant i butterfly i dragon i whale i dolphin i tiger i giraffe i snail i car i truck i train i boat i robot i doll i child i kid i fairy f mermaid f wizard m farmer m pirate m lady f spider i crab i worm i deer i sheep i goat i hen i chicken i parrot i penguin i seal i shark i wolf i zebra i hippo i camel i donkey i pony i lizard i snake i toad i beetle i bug i", sex_words, " ")
    for (i = 1; i in sex_words; i += 2)
        sexes[sex_words[i]] = sex_words[i + 1]
    n = split("saw see found find heard hear wanted want had have liked like loved love made make ate eat took take bought buy got get met meet lost lose brought bring gave give opened open built build drew draw caught catch wore wear held hold needed need kept keep broke break cleaned clean fixed fix painted paint pushed push pulled pull threw throw watched watch noticed notice touched touch visited visit hugged hug helped help drank drink carried carry chased chase hid hide planted plant washed wash counted count read read wrote write cooked cook baked bake shared share used use ordered order kicked kick hit hit tried try decided decide learned learn started start climbed climb followed follow dropped drop missed miss picked pick thanked thank", word, " ")
    for (i = 1; i < n; i += 2)
        past[word[i]] = word[i + 1]
    set("big small little red new old tall pretty shiny long soft round beautiful nice bright blue green yellow huge tiny loud warm cold good great special lovely cute fluffy yummy tasty scary dark thick heavy sweet brown black white pink purple orange happy cozy colorful quiet strong wise kind deep high fast hot large", adjectives)
    set("meet hug help thank miss chase kick follow visit", social)
    set("mom mommy mum dad daddy mama papa mother father parents friend friends grandma grandpa brother sister family teacher doctor girl boy man woman bed", people)
    set("want need try decide love like learn start", wishes)
    n = split("went go ran run walked walk lived live played play swam swim flew fly jumped jump climbed climb sat sit slept sleep drove drive hopped hop came come moved move", word, " ")
    for (i = 1; i < n; i += 2)
        moves[word[i]] = word[i + 1]
    set("happy sad scared angry tired hungry excited proud surprised lonely worried glad afraid mad upset bored curious brave thirsty cold sorry sleepy nervous embarrassed jealous grateful amazed frightened ashamed", feelings)
    set("the and a an to of in it is was were be been being he she they them his her hers him their its you your yours my me mine we us our i that this these those there here with for on at by from as but not no yes so very too then than when while where who whom whose what why how which if because about into onto out over under up down off again once upon day days one two three time times little big small had has have having did do does done said say says saying asked ask replied went go goes going gone came come coming saw see sees seen looked look looking looks got get gets getting made make makes making took take takes taking put puts could can would will should may might must want wanted wants wanting like liked likes loved love loves know knew knows thought think thinks felt feel feels feeling told tell tells play played playing plays fun gave give gives found find finds let lets started start began begin tried try trying kept keep keeps every all some any many much more most other another both each few lots lot also just only even still soon now never always ever after before until together away back around through inside outside home named called name there's didn't don't can't couldn't wasn't it's i'm let's good nice happy sad boy girl mom mommy dad daddy mum mama papa man woman friend friends people them something everything thing things way really own new old first last next long well right left same such sure okay oh hi hello thank thanks please everyone someone nothing anything himself herself themselves itself later suddenly without near next everybody somebody till yet", stop)
}

{ sub(/\r$/, "") }
/^<\|endoftext\|>$/ {
    tell(read)
    read = ""
    next
}
{ read = read $0 "\n" }
END {
    tell(read)
    if (before != "")
        print "{\"messages\": [" before "]}"
    line = told + 0 " stories, questions:"
    n = split("about name end what who where say want feel why", word, " ")
    for (i = 1; i <= n; i++)
        line = line " " word[i] " " kinds[word[i]] + 0
    print line >"/dev/stderr"
}
