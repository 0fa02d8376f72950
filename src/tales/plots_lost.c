/* Plots: things lost, blown away, hidden, raced and delivered. */
#include "tales/grammar.h"

/* clang-format off */
const bl_tale_rule bl_tale_plots_lost[] = {
    {"lost", BL_ALTS(
        "{open} {meet3}/{place=outside}{Day} the three friends met {place}. {facts3} {play3} "
        "{scene}/{lost_gone} {lost_search}/{lost_found} {lost_back} {lost_end}/{closing}",
        "{open}/{place=outside}{Day} {h} met {h.his} friends {f} and {s} {place}. {facts3} "
        "{snack} {play3}/{lost_gone} {lost_search}/{lost_found} {lost_back}/{lost_end} {closing}")},
    {"lost_gone", BL_ALTS(
        "When it was time to go home, something was missing. <The {q.o} is gone!> cried {f}.",
        "{Suddenly} {g} called them. They packed their things, but the {q} was gone.",
        "Then it began to get late. <Wait,> said {h}. <Where is the {q}?> Nobody knew.",
        "But when they wanted to go home, they could not find the {q} anywhere.")},
    {"lost_search", BL_ALTS(
        "They looked {lookplace}. They looked {lookplace}. It was not there. <[Do not "
        "worry|Never mind|Do not give up],> said {g} {softly}. <We will find it.>",
        "{h} searched {lookplace}. {f} searched {lookplace}, and {s} searched {lookplace}. They "
        "found {a} {color} button and an old spoon, but that was all.",
        "<Let us think,> said {s}. <Where did we have it last?> They went back and looked "
        "{lookplace}, and then {lookplace}.",
        "They asked {somebody}, but nobody had seen it. They searched for {minutes}.")},
    {"lost_found", BL_ALTS(
        "{soon} {p.who} saw something {q.c} {lookplace}. <There it is!> {p.he} shouted {loudly}.",
        "{soon} {p.who} bent down and looked {lookplace}. Something {q.c} was lying there. It "
        "was the {q.o}!",
        "{soon} there was {a} {silly} sound {lookplace}. {A} {creature} was sitting on the {q}, "
        "as if it were a chair! <I found it!> called {p.who}.",
        "{soon} {g} asked them all to look once more. <I see it!> cried {p.who}. The {q.o} was "
        "{lookplace}.")},
    {"lost_back", BL_ALTS(
        "{P.who} picked it up, wiped it clean and gave it back to {?q.who}.",
        "{P.who} carried the {q.o} back and put it into the hands of {?q.who}.",
        "Everybody knew whose it was. {P.who} handed it to {?q.who}.",
        "And who was the happiest of all? It was {?q.who}, because the {q.o} was {q.his} "
        "favorite thing.")},
    {"lost_end", BL_ALTS(
        "<Thank you!> said {q.who}. <I will take better care of it now.>",
        "{q.who} held it tight. <You are such good friends,> {q.he} said.",
        "<I was so {sad},> said {q.who}, <and now I am so {glad}.>",
        "{q.who} was so {glad} that {q.he} gave everyone a hug.",
        "<Looking together is faster than looking alone,> said {g}, and they all agreed.")},
    {"wind", BL_ALTS(
        "{open} {meet3}/{wind_start} {facts3_wear} {scene}/{wind_blow} {wind_run}/{wind_find1} "
        "{wind_find2}/{wind_last} {wind_end} {closing}")},
    {"wind_start", BL_ALTS(
        "It was a windy {plain_day} in {month}, and the three friends went for a walk {outside}.",
        "<Let us go up the hill and feel the wind,> said {h} one {daytime}. So they all went.",
        "One windy {daytime}, they were walking home together from {g}'s house.",
        "The wind was strong that {daytime}, but the three friends wanted to go out all the "
        "same.")},
    {"wind_blow", BL_ALTS(
        "{suddenly} came a big gust of wind. Whoosh! It pulled at their clothes and blew "
        "everything away!",
        "{suddenly}, the wind gave a great roar. It took the {t1.o}, the {t2.o} and the {t3.o} "
        "and carried them high into the air.",
        "Then the wind blew so hard that the {t1.o}, the {t2.o} and the {t3.o} all flew off like "
        "birds.")},
    {"wind_run", BL_ALTS(
        "<Come back!> cried {s}. They {walked} after their things as fast as they could.",
        "They all ran and jumped and reached, but the wind was faster. <Stop, wind!> called {f}, "
        "and that made them laugh.",
        "<After them!> shouted {h}. They ran past {by_path} and past {by_path}.")},
    {"wind_find1", BL_ALTS(
        "First they found something {lookplace}. It was {r.c}, so it belonged to {?r.who}.",
        "The first thing they saw was the {r.o}. It hung in {a} {tree} tree. They shook the "
        "branch until it fell. Then {?r.who} put it back on.")},
    {"wind_find2", BL_ALTS(
        "Next they saw something {p.c} {lookplace}. That was {?p.who}'s {p.o}. It was a little "
        "wet, but {p.who} did not mind.",
        "Then {somebody} came along the road. <Does this {p} belong to you?> <Yes,> they said, "
        "<it is {?p.who}'s!>",
        "Then they spotted the {p.o}. {A} {creature} had crept under it. <[Excuse me|Sorry, "
        "little one],> said {p.who}, <but that is mine.> The {p.o} was as {?p.c} as before.")},
    {"wind_last", BL_ALTS(
        "Now only one thing was still missing. <What are we looking for?> asked {g}, who had "
        "come to help. <A {q.o},> they said, <and it is {?q.c}.> There it was, {lookplace}!",
        "Only the {q} was still gone. They looked and looked. At last they found it {lookplace}. "
        "How glad {?q.who} was!",
        "At the very end they found the {q}. It lay {lookplace}. <That is not mine,> said "
        "{p.who}. <And it is not mine,> said {r.who}. So it had to be {?q.who}'s.")},
    {"wind_end", BL_ALTS(
        "After that, they all held on tight.",
        "<The wind only wanted to play,> said {g}, and they laughed.",
        "They tied everything on with string and walked home, arm in arm.",
        "From then on, they always looked at the trees before they went out. When the branches "
        "danced, they stayed near the house.")},
    {"hide", BL_ALTS(
        "{open} {meet3}/{Day} they all met {outside}. {facts3_wear} <Let us play hide and seek,> "
        "said {s}. <{h} has to look for us!>/{hide_count} {hide_look}/{hide_first} "
        "{hide_second}/{hide_end} {closing}",
        "{open}/{Day} {f} and {s} came over to play. {facts3_wear} {snack} Then they played hide "
        "and seek, and {h} was the one who had to look./{hide_count} {hide_look} "
        "{hide_first}/{hide_second} {hide_end} {recall}/{closing}")},
    {"hide_count", BL_ALTS(
        "{h} closed {h.his} eyes and counted to {number}. <Ready or not, here I come!> {h.he} "
        "called.",
        "{h} leaned against {a} {tree} tree, hid {h.his} face and counted slowly to {number}.",
        "{h} counted as far as {h.he} could. {H.he} only skipped the number {number}.")},
    {"hide_look", BL_ALTS(
        "{H.he} looked {lookplace}, but there was only {a} {creature_look} {creature} there. "
        "{H.he} looked {lookplace}. Nobody!",
        "First {h.he} searched {lookplace}. Then {h.he} searched {lookplace}. {scene}",
        "{H.he} {walked} around for {minutes}. {H.he} heard {sound}, but {h.he} did not see "
        "anyone.")},
    {"hide_first", BL_ALTS(
        "{suddenly}, {h.he} saw something {q.c} {lookplace}. It was {a} {q.o}! <I know that "
        "{q.o},> said {h}. <Come out, {?q.who}!>",
        "{soon} {h.he} saw a bit of {q.c} cloth {lookplace}. {h} had to smile, for {h.he} knew "
        "who wore {q.c} today. <I found you, {?q.who}!>",
        "Then {h.he} heard a giggle. Something {q.c} was moving {lookplace}. <I can see your "
        "{q.o}, {?q.who}!> called {h}.")},
    {"hide_second", BL_ALTS(
        "{Q.who} came out and laughed. Together they looked for the other one. {hide_other}",
        "<You are good at this,> said {q.who}, and helped to look. {hide_other}")},
    {"hide_other", BL_ALTS(
        "They looked for {minutes}, until somebody sneezed {lookplace}. [There was the last "
        "one!|What a funny hiding place!]",
        "They found the other one {lookplace}, fast asleep!",
        "The last one was so well hidden that they had to call, <We give up!> Then there was a "
        "rustle {lookplace}.")},
    {"hide_end", BL_ALTS(
        "<Next time I will leave my {q.o} at home,> said {q.who}, and everybody laughed.",
        "<How did you find me so fast?> asked {q.who}. <Your {q.o} is so {?q.c},> said {h}. <I "
        "could see it from far away.>",
        "<Now it is my turn to look,> said {q.who}, and they played until supper.")},
    {"race", BL_ALTS(
        "{open} {meet3}/{Day} they took their {t1.os} down to the stream. {facts3_same} <Let us "
        "have a race!> said {f}./{race_start} {race_mid}/{race_end} {race_after}/{closing}",
        "{open}/{h} and {h.his} friends {f} and {s} had made {t1.os} out of {boat_mat} and "
        "{boat_mat}. It took them {minutes}. {facts3_same}/{Day} they carried them to the "
        "stream. {race_start} {race_mid}/{race_end} {race_after} {closing}")},
    {"race_start", BL_ALTS(
        "<One, two, three, go!> called {g}, and three little {t1.os} went off down the stream.",
        "They set the three {t1.os} on the water. {g} counted to three, and off they went.",
        "{g} drew a line in the sand and held up a flag. When the flag came down, they all let "
        "go.")},
    {"race_mid", BL_ALTS(
        "The {t1.os} bobbed past a big rock and turned around and around. The {r.c} one got "
        "stuck in the reeds. The {p.c} one bumped into a lily pad. {scene}",
        "{A} {creature} jumped onto the {p.c} one and went along for the ride. The {r.c} one "
        "followed close behind. The friends {walked} along the bank and cheered.",
        "First the {p.c} one was ahead, and then the {r.c} one. Under the footbridge it was "
        "dark, and nobody could see them. {h} held {h.his} breath.",
        "They went over a tiny waterfall and through a tunnel of leaves. The {r.c} one tipped "
        "over, but the wind set it upright again.")},
    {"race_end", BL_ALTS(
        "Then the first one came around the bend. It was {q.c}! <Hooray for {?q.who}!> they "
        "shouted.",
        "{soon} the first of them floated under the finish line. It was the {q.c} one. The "
        "winner was {?q.who}!",
        "And which one came in first? It was the {q.c} {q.o}. <You won, {?q.who}!> called {g}.",
        "{soon} they saw something {q.c} in front of all the others. {g} looked closely. <The "
        "winner is {?q.who},> {g.he} said.")},
    {"race_after", BL_ALTS(
        "{q.who} was {glad}, but {q.he} did not boast. <All of them were fast,> {q.he} said. "
        "<Let us race again.>",
        "The prize was {a} {meal_one}. {q.who} broke it into three pieces and gave one to "
        "{p.who} and one to {r.who}.",
        "<I was last,> said {r.who} {sadly}. <But yours looked the prettiest,> said {q.who}, and "
        "that was kind.",
        "They raced {number} more times, and by the end everybody had won once.")},
    {"meal_one", BL_ALTS(
        "oat cookie",
        "honey bun",
        "cherry tart",
        "chocolate muffin",
        "cinnamon roll",
        "gingerbread heart",
        "almond biscuit")},
    {"mail", BL_ALTS(
        "{open} {H.he} had a job, too: every morning {h.he} helped {g} to carry the "
        "mail./{mail_facts} {h} knew them all by heart./{Day} {mail_letter} "
        "{mail_way}/{mail_there} {mail_end}/{closing_calm}",
        "{open} {mail_facts}/{Day} {g} had a cold and could not carry the mail. <I can do it,> "
        "said {h}. {Mail_letter} {mail_way}/{mail_there} {mail_end} {recall_color}/{closing}")},
    {"mail_facts", BL_ALTS(
        "In that village everybody had {a} {t1.o} of a different color. {t1.who} lived behind "
        "the {t1.c} {t1.o}, {t2.who} behind the {t2.c} one, and {t3.who} behind the {t3.c} one.",
        "Three {t1.os} in the street looked very different. The {t1.c} {t1.o} was {t1.who}'s, "
        "the {t2.c} one was {t2.who}'s, and the {t3.c} one was {t3.who}'s.",
        "{t1.who}'s family had {a} {t1}. {t2.who}'s family had painted their {t2.o} {t2.c}, and "
        "{t3.who}'s had painted theirs {t3.c}.")},
    {"mail_letter", BL_ALTS(
        "there was only one [letter|parcel|postcard] in the bag. <It is for {q.who},> said {g}.",
        "there was {a} {big} [letter|parcel|box] for {q.who} in the bag. It had {number} stamps "
        "on it and smelled of {smell}.",
        "there was something for {q.who} in the bag. It came from an aunt who lived far away.")},
    {"mail_way", BL_ALTS(
        "{h} {walked} down the street. {scene} {H.he} passed {by_path}.",
        "{h} set off {slowly}. On the way {h.he} met {somebody}, and they talked for {minutes}. "
        "{scene}",
        "The road was long, and the bag was heavy. {h} hummed {song} and kept going. {scene}")},
    {"mail_there", BL_ALTS(
        "But which {q.o} was the right one? {h} thought for a moment. Then {h.he} went straight "
        "to the one that was {?q.c} and knocked.",
        "{H.he} did not stop at the {p.c} {p.o}, and {h.he} did not stop at the {r.c} one. "
        "{H.he} stopped at the {?q.c} one.",
        "It started to rain, and the ink ran until the name could not be read. But {h} knew "
        "where to go. {H.he} looked for the {q.c} {q.o}, for that was where {?q.who} lived.")},
    {"mail_end", BL_ALTS(
        "{q.who} opened at once. <A surprise! Thank you, {h}!> Inside was a book about {book}.",
        "<For me?> said {q.who}. Inside were {number} {color} balloons and a card. <Come in and "
        "have some {drink},> {q.he} said.",
        "{q.who} was {glad}. <You have never been late, not once,> {q.he} said, and gave {h} {a} "
        "{meal_one}.")},
    {NULL, NULL},
};
/* clang-format on */
