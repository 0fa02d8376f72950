# Writes conversations about animals as JSON Lines of messages: awk -v count=N -v seed=S -f messages.awk
#
# Every third line has a system message, every line one to three questions, some of which ask on ("And the dog?"). With
# -v pairs=1 lines have the two fields prompt and completion. The same numbers give the same text.

function pick(n) { # Park and Miller's generator
    state = state * 16807 % 2147483647
    return int(state / 2147483647 * n)
}

function question(i, again) {
    if (again && pick(2))
        return "And the " name[i] "?"
    return pick(2) ? "What does the " name[i] " say?" : "Tell me what a " name[i] " says."
}

function answer(i) {
    return sound[i] ", says the " name[i] ". It lives in the " home[i] "."
}

function message(role, text) {
    return "{\"role\": \"" role "\", \"content\": \"" text "\"}"
}

BEGIN {
    kinds = split("cat dog hen cow duck owl bee sheep pig frog", name, " ")
    split("Meow Woof Cluck Moo Quack Hoot Buzz Baa Oink Croak", sound, " ")
    split("house yard barn field pond forest garden meadow mud lake", home, " ")
    state = seed * 7919 + 12345
    for (n = 0; n < count; n++) {
        line = n % 3 ? "" : message("system", "You know all the animals.")
        turns = 1 + pick(3)
        for (t = 0; t < turns; t++) {
            i = 1 + pick(kinds)
            ask = question(i, t > 0)
            if (pairs) {
                print "{\"prompt\": \"" ask "\", \"completion\": \"" answer(i) "\"}"
                break
            }
            line = line (line == "" ? "" : ", ") message("user", ask) ", " message("assistant", answer(i))
        }
        if (!pairs)
            print "{\"messages\": [" line "]}"
    }
}
