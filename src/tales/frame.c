/* What all plots share: openings, facts to remember, recalls and endings. */
#include "tales/grammar.h"

/* clang-format off */
const bl_tale_rule bl_tale_frame[] = {
    {"open", BL_ALTS(
        "Once upon a time there was {a} {kindly} {h.kid} named {h}. {trait}",
        "Once there was {a} {kindly} {h.kid} called {h}, who lived in {a} {small} {house} "
        "{near}. {trait}",
        "{h} was {a} {kindly} {h.kid} who lived in {a} {small} {house} {near}. {trait}",
        "In {a} {small} {house} {near} lived {a} {kindly} {h.kid} named {h}. {trait}",
        "There was once {a} {kindly} {h.kid} whose name was {h}. {H.he} lived in {a} "
        "[big|large|tall|sunny|very old|long|round|noisy] {house} {near}.",
        "{h} was {a} {kindly} {h.kid}. {trait}",
        "Not so long ago, {a} {h.kid} named {h} lived in {a} {house} {near}. {trait}",
        "This is a story about {a} {kindly} {h.kid} named {h}. {trait}")},
    {"trait", BL_ALTS(
        "{H.he} loved to {hobby}.",
        "Most of all, {h.he} loved to {hobby}.",
        "{H.he} liked to {hobby} and to {hobby}.",
        "{H.he} liked nothing better than to {hobby}.",
        "Everyone said that {h} was very {kindly}.",
        "When {h.he} grew up, {h.he} wanted to be {a} {job}.",
        "{H.he} lived there with {grand_family}.",
        "Every evening {h.he} read a story about {book}.",
        "{H.he} was always [hungry|busy|full of ideas|ready for an adventure].",
        "{H.he} could {hobby} all day long.")},
    {"grand_family", BL_ALTS(
        "{h.his} family and {a} {pet_look} {pet}",
        "{h.his} parents and {number} {pets}",
        "{h.his} grandparents")},
    {"pet_look", BL_ALTS(
        "lazy", "fat", "lively", "old", "noisy", "gentle", "fluffy", "greedy")},
    {"pet", BL_ALTS(
        "cat", "dog", "parrot", "canary", "goldfish", "guinea pig", "hen", "goose")},
    {"pets", BL_ALTS(
        "cats", "hens", "fish", "birds", "sheep", "ducks", "geese")},
    {"meet2", BL_ALTS(
        "{H.his} best friend was {a} {f.kid} named {f}.",
        "{h} had {a} {kindly} friend. It was {a} {f.kid} named {f}.",
        "{A} {f.kid} named {f} lived next door and came over almost every day.",
        "{H.he} and {f}, {a} {kindly} {f.kid}, did everything together.",
        "{H.his} friend {f} was {a} {kindly} {f.kid} who liked to {hobby}.",
        "{h} was never alone for long, because {f}, {a} {f.kid} from down the road, was {h.his} "
        "best friend.")},
    {"meet3", BL_ALTS(
        "{H.his} best friends were {f} and {s}.",
        "{H.he} had two good friends. {f} was {a} {kindly} {f.kid}, and {s} was {a} {kindly} "
        "{s.kid}.",
        "{h}, {f} and {s} did everything together.",
        "{A} {f.kid} named {f} and {a} {s.kid} named {s} were {h.his} best friends.",
        "There were two others who lived close by: {f}, who liked to {hobby}, and {s}, who liked "
        "to {hobby}.")},
    {"day", BL_ALTS(
        "One {sunny} {daytime},",
        "On {a} {sunny} {daytime},",
        "One {plain_day} in {month},",
        "It was {a} {sunny} {daytime}, and")},
    {"facts3", BL_ALTS(
        "{t1.who} had {a} {t1}, {t2.who} had {a} {t2}, and {t3.who} had {a} {t3}.",
        "{t1.who} brought {a} {t1}. {t2.who} brought {a} {t2}. {t3.who} came last and brought "
        "{a} {t3}.",
        "Each of them had brought something. {t1.who}'s {t1.o} was {t1.c}, {t2.who}'s {t2.o} was "
        "{t2.c}, and {t3.who}'s {t3.o} was {t3.c}.",
        "{t1.who} came with {a} {t1}. {t2.who} came with {a} {t2}. <And look, I have {a} {t3},> "
        "said {t3.who}.",
        "<This is my {t1},> said {t1.who}. {t2.who} showed them {t2.his} {t2}, and {t3.who} had "
        "{a} {t3}.",
        "The {t1} belonged to {t1.who}, the {t2} belonged to {t2.who}, and the {t3} belonged to "
        "{t3.who}.")},
    {"facts3_wear", BL_ALTS(
        "{t1.who} wore {a} {t1}, {t2.who} wore {a} {t2}, and {t3.who} wore {a} {t3}.",
        "It was a little cold, so they all put something on. {t1.who} put on {a} {t1}, {t2.who} "
        "{a} {t2}, and {t3.who} {a} {t3}.",
        "{t1.who} had {a} new {t1}. {t2.who} wore {a} {t2} that had once been {g}'s, and "
        "{t3.who} wore {a} {t3} with a [star|pocket|button|flower|zigzag|heart] on it.",
        "You could see them from far away: {t1.who} in {a} {t1}, {t2.who} in {a} {t2}, and "
        "{t3.who} in {a} {t3}.")},
    {"facts3_same", BL_ALTS(
        "There were three {t1.os}. {t1.who}'s was {t1.c}, {t2.who}'s was {t2.c}, and {t3.who}'s "
        "was {t3.c}.",
        "{t1.who} picked the {t1.c} {t1.o}. {t2.who} picked the {t2.c} one, and so the {t3.c} "
        "one was for {t3.who}.",
        "Each of them had {a} {t1.o}: {t1.who}'s {t1.o} was {t1.c}, {t2.who}'s was {t2.c}, and "
        "{t3.who}'s was {t3.c}.",
        "<The {t1.c} {t1.o} is mine,> said {t1.who}. {t2.who} took the {t2.c} one, and {t3.who} "
        "was happy with the {t3.c} one.",
        "{g} gave {a} {t1} to {t1.who}, {a} {t2} to {t2.who} and {a} {t3} to {t3.who}.")},
    {"facts2", BL_ALTS(
        "{t1.who} had {a} {t1}, and {t2.who} had {a} {t2}.",
        "{t1.who} brought {a} {t1}, and {t2.who} brought {a} {t2}.",
        "The {t1} belonged to {t1.who}, and the {t2} belonged to {t2.who}.",
        "<Look at my {t1}!> said {t1.who}. <And look at my {t2}!> said {t2.who}.",
        "{t1.who}'s {t1.o} was {t1.c}, and {t2.who}'s {t2.o} was {t2.c}.")},
    {"recall", BL_ALTS(
        "{recall_who}",
        "{recall_color}")},
    {"recall_who", BL_ALTS(
        "In the evening {g} found the {q} lying [on the grass|by the gate|near the door|on the "
        "bench]. <Whose is this?> {g.he} asked. It was {?q.who}'s.",
        "One thing was left behind: the {q}. {g} knew at once whose it was. It was {?q.who}'s.",
        "<Who forgot the {q}?> asked {g}. It was {?q.who}, of course.",
        "And whose was the {q}? It was {?q.who}'s.",
        "<Somebody left the {q} here,> said {g}. <Yes, that one is {?q.who}'s,> said {p.who}.",
        "Do you remember who had the {q}? It was {?q.who}.")},
    {"recall_color", BL_ALTS(
        "Later {h} drew a picture of that day. {H.he} drew {q.own} {q.o} too and colored it "
        "{?q.c}.",
        "<What color was {q.who}'s {q.o}?> asked {g} in the evening. <It was {?q.c},> said "
        "{p.who}.",
        "Do you still know what color {q.who}'s {q.o} was? It was {?q.c}.",
        "{g} wanted to hear about {q.who}'s {q.o}. <It is {?q.c},> said {h}, <and I like it.>",
        "And every time {p.who} saw something {?q.c}, {p.he} thought of {q.who}'s {q.o}.",
        "{g} wrote {q.who}'s name on a label, for it was {q.who} who had the {?q.c} {q.o}.")},
    {"closing", BL_ALTS(
        "{closing_calm}",
        "{closing_calm}",
        "{closing_fun}")},
    {"closing_calm", BL_ALTS(
        "That night {h} dreamt of {dreamt}.",
        "Then they all went home and had {treat} for supper.",
        "In the evening they had {treat}, and {h} ate two big [helpings|portions].",
        "That night {h} fell asleep with a smile.",
        "When the stars came out, {h} was already fast asleep.",
        "{g} tucked {h} in and read {h.him} a story about {book}. Soon {h.his} eyes fell shut.",
        "It was late, and the moon was [round and bright|thin and silver|hiding behind a cloud]. "
        "{h} slept and dreamt of {dreamt}.",
        "{h} went to bed {glad} and {tired}.",
        "On the way home, {h} hummed {song}.",
        "Outside, the {bird_pl} were quiet, and soon {h} was quiet too.",
        "<Good night, {h},> said {g}. <Good night,> said {h}, and closed {h.his} eyes.")},
    {"closing_fun", BL_ALTS(
        "<What {a} {nice} day,> said {h}, and {h.he} [yawned|smiled].",
        "<Can we do that again tomorrow?> asked {h}. <Of course,> said {g}.",
        "And that was the end of {a} very {nice} day.",
        "They were all {tired}, and they were all {glad}.",
        "It had been {a} {nice} {day_word}, and nobody wanted it to end.",
        "<That was fun,> said {f}. <That was more than fun,> said {h}.")},
    {"day_word", BL_ALTS(
        "day", "afternoon", "adventure")},
    {NULL, NULL},
};
/* clang-format on */
