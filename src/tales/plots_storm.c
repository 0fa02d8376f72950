/* Plots: a storm, a treasure, a contest, a wish, a mix-up, a bridge. */
#include "tales/grammar.h"

/* clang-format off */
const bl_tale_rule bl_tale_plots_storm[] = {
    {"storm", BL_ALTS(
        "{open} {meet3}/One night they all slept at {g}'s house. Each of them had brought a "
        "light. {facts3_same}/{storm_begin} {storm_fear}/{storm_light} "
        "{storm_calm}/{storm_morning} {closing_day}",
        "{open}/{f} and {s} were allowed to sleep at {h}'s {house}. They all had lights for the "
        "dark. {facts3_same} {storm_begin}/{storm_fear} {storm_light}/{storm_calm} "
        "{storm_morning}")},
    {"storm_begin", BL_ALTS(
        "In the middle of the night there was a storm. The thunder rumbled, and the wind shook "
        "the windows.",
        "They had just fallen asleep when the thunder woke them. Boom! The rain beat against the "
        "roof, and a branch scratched at the wall.",
        "Late at night {h} woke up. It was very dark. Something went tap, tap, tap at the "
        "window.")},
    {"storm_fear", BL_ALTS(
        "<I am not afraid,> said {h}, but {h.his} voice was shaking. {f} pulled the blanket over "
        "{f.his} head. {s} held on to {s.his} pillow.",
        "<What was that?> whispered {s}. <Maybe a wolf,> said {f}. <Or a giant,> said {h}. They "
        "were all very {afraid}.",
        "Nobody wanted to admit it, but they were all {afraid}. They sat close together and "
        "counted to {number} after each flash.")},
    {"storm_light", BL_ALTS(
        "Then there was a click. A light went on in the dark. It was {q.c}, so they knew who had "
        "done it. It was {?q.who}. <Now we can see each other,> {q.he} said.",
        "<Light your {q.o}, {q.who},> said {p.who}. Soon there was a warm light in the room, and "
        "it came from the {q.o} that was {?q.c}.",
        "In the dark they felt around for the lights. <I have the {r.c} one,> said {p.who}. "
        "<Then give it to {?r.who}.> <And here is the {q.c} one.> <Then give it to {?q.who}.> "
        "Now it was not so dark anymore.")},
    {"storm_calm", BL_ALTS(
        "{g} came in with {drink}. <Thunder is only noise,> {g.he} said {softly}. <The clouds "
        "bump into each other, and the sky gets a wash.> They listened, and now it sounded like "
        "a big drum.",
        "They went to look. It was only {a} {tree} branch at the window! They laughed until the "
        "bed shook.",
        "<Being brave does not mean that you are never {afraid},> said {g}. <It means that you "
        "hold hands.> So they held hands.",
        "{h} began to sing {song}. The others sang along, and they sang so loudly that they "
        "could not hear the thunder at all.")},
    {"storm_morning", BL_ALTS(
        "In the morning the sky was blue, and the garden was full of puddles and {tree} leaves.",
        "When the sun came up, they were all asleep. One light was still on. It was the {q.c} "
        "one, and {g} turned it off softly. <Sleep well, {?q.who},> {g.he} whispered.",
        "For breakfast they had {treat}. <Will there be another storm soon?> asked {f}. Now "
        "{f.he} was almost looking forward to it.")},
    {"closing_day", BL_ALTS(
        "<You can come again next {weekday},> said {g}.",
        "And the next time it thundered, {h} only turned over and went on sleeping.",
        "From then on, {h} was not afraid of storms.")},
    {"treasure", BL_ALTS(
        "{open} {meet3}/{Day} {h} found an old map {lookplace}. There was a cross on it. <A "
        "treasure!> cried {f}. {treasure_facts}/{treasure_way} {treasure_clue}/{treasure_find} "
        "{treasure_share}/{closing}",
        "{open}/<Today there is a treasure hunt,> said {g} one {daytime}. {f} and {s} were there "
        "too. {treasure_facts} {treasure_way}/{treasure_clue} {treasure_find}/{treasure_share} "
        "{recall_color} {closing}")},
    {"treasure_facts", BL_ALTS(
        "They packed their things. {t1.who} took {a} {t1}, {t2.who} took {a} {t2}, and {t3.who} "
        "took {a} {t3}.",
        "{t1.who} carried everything to eat in {a} {t1}. {t2.who} had a rope in {a} {t2.c} one, "
        "and {t3.who} had an empty one for the gold. It was {t3.c}.",
        "<We need bags for the gold,> said {s}. {t1.who}'s {t1.o} was {t1.c}, {t2.who}'s was "
        "{t2.c}, and {t3.who}'s was {t3.c}.")},
    {"treasure_way", BL_ALTS(
        "They {walked} {number} steps to the north and {number} steps to the east. {scene} "
        "{scene}",
        "The map led them past {by_path} and past {by_path}. {scene}",
        "First they had to cross a stream on stones that were as slippery as soap. Then they "
        "crept through a thorny hedge. {scene}")},
    {"treasure_clue", BL_ALTS(
        "There was a note {lookplace}. It said: <Look where {clue}.> <I know where that is!> "
        "said {h}.",
        "They came to a rock that looked like {a} {clue_rock}. <Dig here,> it said on the map. "
        "They dug for {minutes}, and found nothing but {a} {creature}.",
        "A door of {hard} was in their way. On it was a riddle: <What has hands but cannot "
        "clap?> {clue_answer} <A clock!> said {s}, and the door opened.")},
    {"clue", BL_ALTS(
        "the owl sleeps", "the water sings", "the oldest tree stands", "two paths meet",
        "the moss is thickest", "the bees live", "the stones make a ring",
        "the shadow ends at noon")},
    {"clue_rock", BL_ALTS(
        "bear", "sleeping cow", "big nose", "turtle", "loaf of bread", "ship", "throne", "hat")},
    {"clue_answer", BL_ALTS(
        "They thought for a long time. {f} scratched {f.his} head. {h} looked up at the clouds.")},
    {"treasure_find", BL_ALTS(
        "At last they found a chest. It was so heavy that all three had to pull. Inside were "
        "{gold}! They filled the {q.o} of {q.who} to the top. It was as {?q.c} as ever, and now "
        "it was heavy too.",
        "{soon} there was a clonk under the shovel. It was a box of {hard}, and it was full of "
        "{gold}. <Quick, the {q.c} {q.o}!> said {g}. <Who has it?> It was {?q.who}.",
        "Behind a bush stood a box with a rusty lock. {A} {q.c} {q.o} was just the right size "
        "for everything inside: {gold}. So {?q.who} carried the treasure home.")},
    {"gold", BL_ALTS(
        "chocolate coins", "colored stones", "glass beads", "old coins",
        "shells from faraway seas", "lollipops", "shiny buttons", "wooden animals",
        "golden nuts")},
    {"treasure_share", BL_ALTS(
        "They shared everything fairly, and one piece was left. They gave it to {somebody}.",
        "<The best treasure was the way here,> said {h}. <And the gold,> said {f}, and they "
        "laughed.",
        "They hid one of them again, {lookplace}, so that somebody else could find it one day.",
        "<Who hid all this?> asked {s}. {g} only smiled and said nothing.")},
    {"paint", BL_ALTS(
        "{open} {meet3}/{Day} there was a painting contest at school. {paint_facts}/{paint_work} "
        "{paint_oops}/{paint_win} {paint_end}/{closing}",
        "{open} {meet3}/{Day} {g} gave them paper, brushes and paint. {paint_facts} "
        "{paint_work}/{paint_oops}/{paint_win} {paint_end} {recall_color} {closing}")},
    {"paint_facts", BL_ALTS(
        "{t1.who} painted {a} {t1}. {t2.who} painted {a} {t2}, and {t3.who} painted {a} {t3}.",
        "{t1.who} wanted to paint {a} {t1}, {t2.who} wanted to paint {a} {t2}, and {t3.who} "
        "wanted to paint {a} {t3}.",
        "{t1.who} had only {t1.c} paint and made {a} {t1.o}. {t2.who} made {a} {t2.o} and "
        "painted it {t2.c}. {t3.who} made {a} {t3.o}, and it was {t3.c}.")},
    {"paint_work", BL_ALTS(
        "They worked for {minutes}. Nobody talked. All that could be heard was {sound}.",
        "{h} stuck out {h.his} tongue while {h.he} worked. {s} had paint on {s.his} elbows, and "
        "{f} had some on {f.his} cheeks.",
        "They mixed and dripped and brushed. The table got {number} new spots.")},
    {"paint_oops", BL_ALTS(
        "{suddenly} the {furry} jumped on the table and ran right across the pictures. Now there "
        "were paw prints everywhere! {p.who} was close to tears. <They look like little "
        "flowers,> said {r.who}, and so they painted petals around them.",
        "{q.who} knocked over the water, and it ran over the picture. <It is ruined,> {q.he} "
        "said {sadly}. <No,> said {p.who}. <Now it looks like rain.> That was true.",
        "<Mine is not pretty at all,> said {p.who} {sadly}. <It does not have to be pretty,> "
        "said {g} {softly}. <It has to be yours.>")},
    {"paint_win", BL_ALTS(
        "Then {g} hung them all up in a row. <Who painted the {q.o}?> asked {somebody}. <I did,> "
        "said {?q.who} {loudly}.",
        "In the end everyone could choose a favorite. {g} liked the {q.o} best. It had been "
        "painted by {?q.who}.",
        "The one with the {q.o} won first prize, and the prize went to {?q.who}. The prize was a "
        "box of {number} crayons.",
        "{g} looked at the pictures for a long time. <I like the {p.o} that {?p.who} made,> "
        "{g.he} said, <and I love the {q.o} by {?q.who}.>")},
    {"paint_end", BL_ALTS(
        "The pictures hung on the wall for many years. When the paint grew pale, the {q.o} was "
        "still a little {?q.c}.",
        "<Everyone sees the world in a different way,> said {g}, <and so we need all of you.>",
        "They clapped for each other until their hands were red.")},
    {"wish", BL_ALTS(
        "{open} {meet2}/{facts2} {wish_meet}/{wish_offer} {wish_think}/{wish_first} "
        "{wish_second} {wish_end}/{closing}",
        "{open} {meet2}/{Day} they were {outside}. {facts2} {scene}/{wish_meet} "
        "{wish_offer}/{wish_think} {wish_first}/{wish_second} {wish_end} {closing}")},
    {"wish_meet", BL_ALTS(
        "Not far away they found {x1=fairy}{a} {x1} that was caught in a net. <Please help me,> "
        "it said. They were surprised that it could talk, but they untied the knots {slowly}.",
        "Under a bush sat {x1=fairy}{a} {x1} and cried. <I have lost my way,> it said in a tiny "
        "voice. They showed it the way to {wish_place}.",
        "{x1=fairy}{A} {x1} had fallen on its back and could not turn over. {h} and {f} set it "
        "on its feet again. <You are kind,> it said.")},
    {"fairy", BL_ALTS(
        "little fairy", "golden fish", "talking frog", "tiny elf", "silver snail", "magic beetle",
        "small dragon", "talking turtle", "cheerful gnome")},
    {"wish_place", BL_ALTS(
        "the waterfall", "the hollow oak", "the old bridge", "the blue hills", "the mill pond",
        "the rainbow", "the deep woods")},
    {"wish_offer", BL_ALTS(
        "<For that you have a wish,> said the {x1}. <One wish, for both of you.>",
        "<I can do a little magic,> said the {x1}. <You may wish for one thing. Choose well!>",
        "The {x1} shook itself, and sparks flew through the air. <One wish is yours,> it said.")},
    {"wish_think", BL_ALTS(
        "<I want a mountain of ice cream,> said {f}. <I want to fly,> said {h}. They thought and "
        "talked for {minutes}.",
        "They could have wished for gold, or for a castle, or for a pony. But then {h} looked at "
        "{f}, and {f} looked at {h}.",
        "<Do not be too quick,> said {h}. <In stories, people always wish for silly things.> "
        "They sat down and thought.")},
    {"wish_first", BL_ALTS(
        "<I wish that we will always be friends,> said {h}. <That is easy,> said the {x1}. <That "
        "wish has come true already. Have another!>",
        "In the end they wished for something to eat, because they were hungry. At once there "
        "were {meal} and {meal}, and a jug of {drink}.",
        "<We wish that {g}'s garden would bloom, even in winter,> they said. And so it did.")},
    {"wish_second", BL_ALTS(
        "Then the {x1} touched the {q.o}. It began to glow, and it was more {?q.c} than ever "
        "before. <Now it brings luck,> said the {x1}.",
        "Then the {x1} looked at {q.who}. <And you, do not lose your {q.o},> it said. <It is "
        "{?q.c}, and {q.c} is the color of luck.>",
        "<And one thing more,> said the {x1}. <The {q} will never break. Whose is it?> <It is "
        "{?q.who}'s,> said {p.who}.")},
    {"wish_end", BL_ALTS(
        "Then it was gone, and only a little dust was sparkling in the air.",
        "When they told {g} about it, {g.he} laughed. But there was {a} {flower} on the "
        "windowsill that had not been there before.",
        "They never saw it again. But sometimes, when it was very quiet, they heard a tiny voice "
        "singing {song}.")},
    {"laundry", BL_ALTS(
        "{open} {meet3}/{laundry_dirty} {facts3_wear}/{laundry_fall} "
        "{laundry_wash}/{laundry_line} {laundry_end}/{closing}",
        "{open}/{laundry_dirty} {f} and {s} came along. {facts3_wear} "
        "{laundry_fall}/{laundry_wash} {laundry_line} {laundry_end}/{closing}")},
    {"laundry_dirty", BL_ALTS(
        "It had rained, and there was mud everywhere. {h} wanted to go out all the same.",
        "{Day} {h} wanted to look for {mud_thing} in the swamp.")},
    {"laundry_fall", BL_ALTS(
        "They jumped into one puddle after another. They slipped and slid. When they came home, "
        "everything was brown, and nobody could tell what belonged to whom.",
        "{h} slipped and held on to {f}. {f} held on to {s}. And then they all sat in the mud! "
        "{A} {creature} looked at them and seemed to laugh.",
        "They made mud pies and a mud castle with a mud king. After {minutes} they looked like "
        "three mud people.")},
    {"mud_thing", BL_ALTS(
        "frogs", "salamanders", "cattails", "wild ducks", "dragonflies")},
    {"laundry_wash", BL_ALTS(
        "<Oh dear,> said {g}. {G.he} put them all into the bathtub and their clothes into the "
        "wash. There were {number} bubbles on {h}'s nose.",
        "<Take everything off!> called {g} when {g.he} saw them. The water in the tub turned "
        "brown. {s} made a beard of foam and said {s.he} was {a} {job}.")},
    {"laundry_line", BL_ALTS(
        "Then the clothes hung on the line, clean and bright. {g} took them down one by one. "
        "<The {r.o} is {?r.who}'s. The {p.o} is {?p.who}'s. And the {q.o} is {?q.who}'s.>",
        "In the sun everything was soon dry. The {q.o} was as {?q.c} as before, and the {p.o} "
        "was as {?p.c} as before. {r.who} looked for the {r.o}. It had turned out {?r.c} and "
        "clean.",
        "Now they could see the colors again. <Who gets the {q}?> asked {g}. It was {?q.who}. "
        "<And the {p}?> That was {?p.who}.")},
    {"laundry_end", BL_ALTS(
        "<May we go out again?> asked {h}. {g} only sighed.",
        "Everything smelled of soap and {smell}.",
        "<Next time I will come with you,> said {g}, <and I will wear my oldest boots.>")},
    {"bridge", BL_ALTS(
        "{open} {meet2}/{Day} they wanted to visit {g}, who lived on the other side of the "
        "river. {facts2} {scene}/{bridge_gone} {bridge_idea}/{bridge_cross} "
        "{bridge_slip}/{bridge_there} {closing}",
        "{open} {meet2} {facts2}/{Day} they set out to see {g} on the far side of the river. "
        "{scene} {bridge_gone}/{bridge_idea} {bridge_cross}/{bridge_slip} {bridge_there} "
        "{closing}")},
    {"bridge_gone", BL_ALTS(
        "But when they came to the river, the bridge was gone. The water had carried it away.",
        "But the river was high, and the stepping stones were under water. <We cannot swim "
        "across with our things,> said {f}.",
        "At the river, the boat was not there. It was on the other side.")},
    {"bridge_idea", BL_ALTS(
        "<We could turn back,> said {f}. <Or we could build something,> said {h}. They looked "
        "for {raft_part}, {raft_part} and rope.",
        "They sat on the bank and thought. {h} watched {a} {creature} floating by on a leaf. "
        "<That is it!> {h.he} cried. <A raft!>",
        "<Let us ask somebody,> said {h}. {Somebody} showed them how to tie logs together with a "
        "good knot.")},
    {"bridge_cross", BL_ALTS(
        "They worked for {minutes}. Then they pushed off with long poles. The raft turned in a "
        "circle, but little by little it moved across.",
        "The raft was not pretty, but it could float. {f} pushed with a pole, and {h} sang "
        "{song}, so that they kept time.")},
    {"bridge_slip", BL_ALTS(
        "In the middle of the river a wave came, and the {q.o} fell into the water! {p.who} "
        "caught it with the pole just in time and gave it back to {?q.who}.",
        "{suddenly} the raft tilted. <Hold on!> cried {p.who}. Everything held, and only the "
        "{q.o} got wet. {q.who} shook it. It was still {?q.c}, so it could not be that bad.",
        "A big fish looked out of the water. It looked at the {p}, and it looked at the {q}. "
        "<You cannot have it!> cried {?q.who}, and held the {q.o} tight.")},
    {"bridge_there", BL_ALTS(
        "{g} was waiting on the other side and waved with both arms. <You came all alone?> "
        "{g.he} asked. <We came together,> said {h}.",
        "{g} could hardly believe it. <You built this by yourselves? You must be hungry,> {g.he} "
        "said, and {g.he} gave them {treat}.",
        "They tied the raft to {a} {tree} tree. It is still there today, and anyone who wants to "
        "cross the river may use it.")},
    {NULL, NULL},
};
/* clang-format on */
