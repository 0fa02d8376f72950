/* Plots: a garden, snow, something stuck, a cold, somebody new. */
#include "tales/grammar.h"

/* clang-format off */
const bl_tale_rule bl_tale_plots_garden[] = {
    {"garden", BL_ALTS(
        "{open} {meet3}/In {month}, {g} gave each of them a seed. <Put it into the earth and "
        "wait,> {g.he} said. {garden_facts}/{garden_wait} {garden_doubt}/{garden_grow} "
        "{garden_end}/{closing}",
        "{open} {meet3}/{Day} they wanted to grow {flower_or}. {garden_facts} "
        "{garden_wait}/{garden_doubt}/{garden_grow} {garden_end} {closing}")},
    {"flower_or", BL_ALTS(
        "flowers",
        "sunflowers",
        "vegetables",
        "beans and peas")},
    {"garden_facts", BL_ALTS(
        "They planted the seeds in {t1.os}. {t1.who} used {a} {t1.c} {t1.o}, {t2.who} used {a} "
        "{t2.c} one, and {t3.who} used {a} {t3.c} one.",
        "{t1.who} found {a} {t1} for the seed, {t2.who} found {a} {t2}, and {t3.who} took {g}'s "
        "old {t3}.",
        "Three {t1.os} stood in the sun: {a} {t1.c} one for {t1.who}, {a} {t2.c} one for "
        "{t2.who}, and {a} {t3.c} one for {t3.who}.")},
    {"garden_wait", BL_ALTS(
        "They gave the seeds water every morning. A day went by, then another. Nothing happened. "
        "{h} put {h.his} ear close to the earth, but there was no sound.",
        "They watered them, sang {song} to them and pulled out the weeds. For {number} days "
        "there was only brown earth to see.",
        "Every day after breakfast they came with the watering can. <Grow!> ordered {h}. But "
        "nothing grew.")},
    {"garden_doubt", BL_ALTS(
        "<I think my seed is asleep,> said {s} {sadly}. <Seeds need time,> said {g}. <You cannot "
        "pull a plant out of the ground.>",
        "<Maybe we should dig them up and look,> said {f}. <No,> said {g} {softly}. <Waiting is "
        "part of it.>",
        "<This takes too long,> said {h}, and wanted to give up. But {s} said, <Let us wait for "
        "{number} more days.>")},
    {"garden_grow", BL_ALTS(
        "Then, one {sunny} morning, something green peeked out of the {q.c} {q.o}. <Yours is the "
        "first, {?q.who}!> cried the others.",
        "{h} was the first to get up that {weekday}. {H.he} rubbed {h.his} eyes. There was a "
        "tiny leaf in one of the {t1.os}, the {q.c} one! {H.he} {walked} to tell {?q.who}.",
        "It rained in the night. In the morning the plant in the {q.c} {q.o} was as long as a "
        "finger. It was the plant of {?q.who}.")},
    {"garden_end", BL_ALTS(
        "Soon the others came up too. In {month2} there was {a} {flower} in every {q.o}, and "
        "{q.who}'s stood in the middle, in the {?q.c} one.",
        "A week later all three were green. When the first {flower} opened, they gave it to {g}. "
        "<That was worth the wait,> {g.he} said.",
        "By the end of summer they had {number} big {vegetable.s}. {g} made soup, and it tasted "
        "better than any soup before.")},
    {"month2", BL_ALTS(
        "June", "July", "August", "September")},
    {"snow", BL_ALTS(
        "{open} {meet3}/In the night it had snowed. Everything was white: the roofs, the trees "
        "and the road. {facts3_wear} Then they ran outside./{snow_play} {snow_man}/{snow_cold} "
        "{snow_recall}/{snow_end}",
        "{open}/One winter morning the whole world was white. {f} and {s} came to fetch {h}. "
        "{facts3_wear}/{snow_play} {snow_man}/{snow_cold} {snow_recall} {snow_end}")},
    {"snow_play", BL_ALTS(
        "They threw snowballs, caught snowflakes on their tongues and slid down the hill on {a} "
        "{snow_slide}.",
        "First they made angels in the snow. Then they pulled each other around on {a} "
        "{snow_slide}.",
        "They followed the tracks of {a} {snow_track} as far as the frozen pond. Everything was "
        "so quiet that they could hear {sound}.")},
    {"snow_slide", BL_ALTS(
        "old sled", "tray", "big sack", "wooden board", "piece of cardboard")},
    {"snow_track", BL_ALTS(
        "deer", "hare", "wolf", "crow", "cat", "goose", "tiny mouse")},
    {"snow_man", BL_ALTS(
        "Then they built a snowman. It got {snow_eyes} for eyes, a carrot for a nose and "
        "{snow_hat} for a hat.",
        "They rolled three big balls and put one on top of the other. <It needs a face,> said "
        "{f}. They took {snow_eyes} for the eyes and {a} {vegetable} for the nose.")},
    {"snow_eyes", BL_ALTS(
        "two stones", "two buttons", "two walnuts", "two bottle caps", "two chestnuts")},
    {"snow_hat", BL_ALTS(
        "an old pot", "a bucket", "a flowerpot", "a basket", "a paper bag")},
    {"snow_cold", BL_ALTS(
        "<The poor snowman looks cold,> said {p.who}. <It can have my {q.o},> said {q.who}, and "
        "dressed the snowman in the {q}.",
        "<Something is missing,> said {r.who}. {q.who} took off the {q} and put it on the "
        "snowman. <Now it looks very fine,> {q.he} said.",
        "{q.who} lent the snowman the {q}, and they all bowed and said, <Good day, sir!>")},
    {"snow_recall", BL_ALTS(
        "In the evening {g} looked out of the window. <Who is standing there in the yard in {a} "
        "{q.c} {q.o}?> {g.he} asked. <It is only the snowman,> they said. <It is wearing the "
        "{q.o} of {?q.who}.>",
        "They went in and drank hot cocoa by the fire. When {somebody} came by and asked whose "
        "{q.o} that was, they all said, <It is {?q.who}'s.>",
        "Then the sun came out, and {number} days later the snowman was gone. Only {snow_left} "
        "and the {q} lay in the grass. {g} picked up the {q.o}, dried it and took it back to "
        "{?q.who}.")},
    {"snow_left", BL_ALTS(
        "a carrot", "a puddle", "two stones", "an old pot")},
    {"snow_end", BL_ALTS(
        "<Snow is the best thing in the world,> said {h}. <After cocoa,> said {f}.",
        "<Good night, snowman,> said {h} at the window, and it looked as if the snowman was "
        "smiling.",
        "They warmed their hands by the stove, and {g} gave them {treat}.",
        "All night long it kept on snowing, softly and quietly. {h} dreamt of {dreamt}.")},
    {"stuck", BL_ALTS(
        "{open} {meet2}/{Day} they went out to play {outside}. {facts2} {scene}/{stuck_how} "
        "{stuck_try1} {stuck_try2}/{stuck_help} {stuck_down}/{recall_color} {closing}",
        "{open}/{Day} {h} and {h.his} friend {f} were {outside}. {facts2} {play2}/{stuck_how} "
        "{stuck_try1} {stuck_try2} {stuck_help}/{stuck_down} {closing}")},
    {"stuck_how", BL_ALTS(
        "{suddenly} the {q.o} flew up too high and got stuck in {a} {tree} tree.",
        "{f} wanted to see how far the {q.o} could fly. One, two, three! It landed on the roof "
        "of the barn and stayed there.",
        "{A} {silly} crow came down, picked up the {q.o} and dropped it high up in {a} {tree} "
        "tree.")},
    {"stuck_try1", BL_ALTS(
        "They shook the trunk, but only leaves and {a} {creature} came down.",
        "{h} jumped as high as {h.he} could. {H.he} was too small.",
        "They threw a stick at it. Now the stick was stuck as well.")},
    {"stuck_try2", BL_ALTS(
        "{f} climbed onto {h}'s shoulders, but they wobbled and fell into the grass.",
        "They called the wind. They called the birds. They even said a magic word. Nothing "
        "helped.",
        "They brought {a} {tool}, but it was too short.",
        "They pulled a cart over and stood on it. It was still too high.")},
    {"stuck_help", BL_ALTS(
        "<It is no use,> said {q.who} {sadly}. Just then {x1=job}{a} {x1} came along. The {x1} "
        "had {a} {tool2} and was very tall.",
        "<Let us think instead of jumping,> said {p.who}. They tied the garden hose to a pole, "
        "and {p.who} sprayed a big jet of water up there.",
        "Then {p.who} had an idea. {P.he} ran home and came back with {g} and a long ladder.")},
    {"stuck_down", BL_ALTS(
        "And plop, down it came! Who was so {glad} that {q.he} danced? It was {?q.who}, for the "
        "{q.o} was {q.his} own.",
        "The {q.o} fell down, right into the arms of {?q.who}, and that was good, because it was "
        "{q.his} {q.o}.",
        "Down came the {q}, and {q.who} caught it. From then on they only played with it in the "
        "middle of the field, far away from every tree. And when they came home, {g} asked whose "
        "{q.o} had been up there. It was {?q.who}'s.")},
    {"tool2", BL_ALTS(
        "ladder", "long pole", "fishing rod", "strong rope", "long rake")},
    {"sick", BL_ALTS(
        "{open} {meet2}/{facts2} They always took them along when they met. "
        "{sick_bad}/{sick_think} {sick_give}/{sick_laugh} {sick_recall}/{closing_calm}",
        "{open} {meet2} {facts2}/{sick_bad} {sick_think}/{sick_give} {sick_laugh}/{sick_recall} "
        "{closing_calm}")},
    {"sick_bad", BL_ALTS(
        "But on {weekday}, {f} was not there. <{f} is ill,> said {g}. <{F.he} has to stay in "
        "bed.>",
        "One {weekday} {f} woke up with a hot head and a sore throat. {F.he} could not go out to "
        "play.",
        "Then {f} caught a cold. {F.he} coughed and sneezed and had to drink {drink} all day.")},
    {"sick_think", BL_ALTS(
        "{h} sat on the steps and was {sad}. How could {h.he} help? {H.he} thought about it for "
        "{minutes}.",
        "<What makes someone feel better?> {h} asked. <Soup,> said {g}, <and knowing that "
        "somebody is thinking of you.>",
        "{h} looked at {h.his} toys, and then {h.he} smiled. {H.he} had an idea.")},
    {"sick_give", BL_ALTS(
        "{H.he} cooked {treat} with {g}, and {walked} over to {f}'s house. <I brought you "
        "something,> {h.he} called through the door.",
        "{H.he} picked {number} {flower.s}, wrote a card and put it all into a basket. On top "
        "{h.he} laid a book about {book}.",
        "{H.he} stood under {f}'s window and gave a puppet show with two socks. One sock was {a} "
        "{job}, and the other was a dragon.")},
    {"sick_laugh", BL_ALTS(
        "{f} laughed so much that {f.he} forgot to cough. <Laughing is good medicine,> said {g}.",
        "{f} sat up in bed. {F.his} eyes were bright again. They talked about {game} and about "
        "all the things they would do together.",
        "<You are the best doctor in the world,> said {f}.")},
    {"sick_recall", BL_ALTS(
        "{soon} {f} was well again. {f} and {h} met outside, just like before. {q.who} brought "
        "the {?q.c} {q.o}, and {p.who} brought the {?p.c} {p.o}.",
        "After [three|four|five|six] days {f} could go out again. The first thing they did was "
        "to fetch the {q} and the {p}. {p.who} took the {?p.o}, and {q.who} took the {?q.o}.",
        "{soon} {f} could get up. <Let us play,> {f.he} said. {q.who} looked for the {q.o}. It "
        "was easy to find, because it was {?q.c}.")},
    {"newkid", BL_ALTS(
        "{open}/A new family had moved into the {house} {near}. Their child was {a} {s.kid} "
        "named {s}. {f} and {h} wanted to meet {s.him}. {new_facts}/{new_shy} "
        "{new_try}/{new_mix} {new_friends}/{closing}",
        "{open} {H.his} friend {f} lived next door./{Day} there was someone new. It was {a} "
        "{s.kid} named {s}. {new_facts} {new_shy}/{new_try}/{new_mix} {new_friends} "
        "{recall_color}/{closing}")},
    {"new_facts", BL_ALTS(
        "{t1.who} had {a} {t1}, {t2.who} had {a} {t2}, and {t3.who} had {a} {t3}.",
        "{t1.who}'s {t1.o} was {t1.c}, {t2.who}'s was {t2.c}, and {t3.who}'s was {t3.c}.",
        "{t1.who} came with {a} {t1}, {t2.who} with {a} {t2.c} one, and {t3.who} with {a} {t3.c} "
        "one.")},
    {"new_shy", BL_ALTS(
        "{s} was shy. {S.he} sat {lookplace} and did not say a word.",
        "{s} did not know anyone. {S.he} stood by the fence and looked at {s.his} feet.",
        "<Hello,> said {f} to {s}. But {s} only whispered {s.his} name and turned red.")},
    {"new_try", BL_ALTS(
        "{h} remembered how it felt to be new. {H.he} went over {slowly}. <Do you like to "
        "{hobby}?> {h.he} asked. {s} nodded.",
        "<I have {meal},> said {h}. <Do you want some?> {s} took one, and then {s.he} smiled.",
        "{h} sat down beside {s} and began to draw in the sand. {h} drew {a} {creature}. After a "
        "while {s} drew {a} {creature} next to it.")},
    {"new_mix", BL_ALTS(
        "At noon all the {q.os} lay in one big heap. <Help me, please,> said {g}. <Whose is the "
        "{p.c} one?> <It is {?p.who}'s,> they said. <And the {q.c} one?> <It is {?q.who}'s.>",
        "When they wanted to go in, there was one {q.o} left on the bench. It was {q.c}. <That "
        "must be {?q.who}'s,> said {h}, and took it along.",
        "It began to rain, and everybody ran. {g} carried the {p} and the {q}. Inside {g.he} "
        "gave the {p.c} one to {?p.who} and the {q.c} one to {?q.who}.")},
    {"new_friends", BL_ALTS(
        "From then on there were three of them. {play3}",
        "<Will you come again tomorrow?> asked {s}. <Tomorrow, and the day after, and every "
        "day,> said {f}.",
        "<I was afraid of today,> said {s}, <but it was the best day of all.>",
        "<A friend is someone who asks first,> said {g}.")},
    {NULL, NULL},
};
/* clang-format on */
