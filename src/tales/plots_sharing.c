/* Plots: sharing, rescuing, telling the truth, a rainy day, a cake. */
#include "tales/grammar.h"

/* clang-format off */
const bl_tale_rule bl_tale_plots_sharing[] = {
    {"share", BL_ALTS(
        "{open} {meet2}/{Day} the two met {outside}. {facts2} {share_want}/{share_fight} "
        "{share_grown}/{share_swap} {share_end}/{recall_who} {closing}",
        "{open}/{Day} {f}, {a} {f.kid} who lived close by, came to play. {facts2} {scene} "
        "{share_want}/{share_fight} {share_grown}/{share_swap} {share_end} "
        "{recall_color}/{closing}")},
    {"share_want", BL_ALTS(
        "After a while {p.who} looked at the {q.o}. <May I have a turn?> {p.he} asked. <No,> "
        "said {q.who}. <It is mine.>",
        "{p.who} thought that {q.who}'s {q.o} was much nicer than {p.his} own. <Give it to me!> "
        "{p.he} said. <I will not!> said {q.who}.",
        "Both of them wanted to play with the {q}, and neither wanted the {p}.")},
    {"share_fight", BL_ALTS(
        "They pulled and pulled. <Mine!> cried one. <No, mine!> cried the other. {scene_fight}",
        "{p.who} stamped {p.his} foot. {q.who} turned {q.his} back. Nobody said a word for "
        "{minutes}.",
        "They both shouted so loudly that {a} {bird} flew out of the {tree} tree.")},
    {"scene_fight", BL_ALTS(
        "A few tears fell into the grass.",
        "Then both of them sat down on the ground and were {sad}.",
        "It was not fun anymore.")},
    {"share_grown", BL_ALTS(
        "{g} came to see what was going on. <What if you trade?> {g.he} asked {softly}. <First "
        "one of you has it, and then the other. I will count to {number}.>",
        "{g} sat down between them. <Things are fun for a little while,> {g.he} said. <Friends "
        "are fun for a long, long time.>",
        "<Hmm,> said {g}. <I see two toys and two sad faces. What could you do with two toys and "
        "two happy faces?>")},
    {"share_swap", BL_ALTS(
        "{q.who} thought about it {slowly}. Then {q.he} held out the {q.o}. <You can have it "
        "first,> {q.he} said. <And you can have mine,> said {p.who}.",
        "So they traded. {p.who} played with the {?q.c} {q.o}, and {q.who} played with the "
        "{?p.c} {p.o}.",
        "<I am sorry,> said {p.who}. <I am sorry too,> said {q.who}. They put the {q.o} and the "
        "{p.o} side by side and made up a new game with both.")},
    {"share_end", BL_ALTS(
        "{soon} they were laughing again. {play2}",
        "It was much more fun that way. {play2}",
        "They even let {somebody} have a turn. {play2}")},
    {"rescue", BL_ALTS(
        "{open} {meet2}/It was a cool day in {month}. {facts2} They {walked} {outside_to}. "
        "{scene}/{rescue_find} {rescue_wrap}/{rescue_care} {rescue_free}/{rescue_recall} "
        "{closing}",
        "{open}/One cool morning in {month}, {h} went for a walk with {h.his} friend {f}. "
        "{facts2} {rescue_find} {rescue_wrap}/{rescue_care} {scene}/{rescue_free} "
        "{rescue_recall}/{closing}")},
    {"outside_to", BL_ALTS(
        "to the pond",
        "across the meadow",
        "up the hill",
        "along the stream",
        "through the orchard",
        "down to the beach",
        "around the lake",
        "past the windmill")},
    {"rescue_find", BL_ALTS(
        "{suddenly} they heard a thin little voice. {bird1=baby}{A} {bird1} was lying "
        "{lookplace}. It was cold and could not [walk|move|get up].",
        "{bird1=baby}In the grass sat {a} {bird1}, all alone. It was shaking from head to foot.",
        "<Look!> whispered {f}. {bird1=baby}{A} {bird1} had fallen into a deep hole. {h} lay "
        "down flat and lifted it out with both hands.")},
    {"baby", BL_ALTS(
        "baby sparrow", "baby owl", "young swallow", "baby robin", "gray dove", "baby crow",
        "small woodpecker", "baby blackbird", "tired little wren", "baby seagull")},
    {"rescue_wrap", BL_ALTS(
        "<It is freezing,> said {p.who}. {q.who} took {q.his} {q} and wrapped the little bird in "
        "it. {P.who} carried it home.",
        "{q.who} did not think for long. {Q.he} laid the {q} on the ground like a nest, and they "
        "put the bird in the middle.",
        "They made a bed in a box. For the bottom they used moss, and on top they laid the {q}. "
        "<It is soft and warm,> said {q.who}.")},
    {"rescue_care", BL_ALTS(
        "{g} knew what to do. <Give it water, drop by drop,> {g.he} said, <and keep it warm.> "
        "For {number} days they fed it {bird_food}.",
        "They took turns. In the morning {h} fed it {bird_food}, and in the evening {f} fed it "
        "{bird_food}. {g} showed them how to hold it.",
        "They named it {bird_name}. It ate {bird_food} and slept a lot. Every day it grew a "
        "little stronger.")},
    {"bird_food", BL_ALTS(
        "seeds", "crumbs", "soft berries", "little worms", "oats", "bits of apple", "porridge")},
    {"bird_name", BL_ALTS(
        "Peep", "Cheep", "Feather", "Pico", "Fluff", "Flap", "Chirp", "Sky", "Pea", "Tiny")},
    {"rescue_free", BL_ALTS(
        "Then one day the bird flapped its wings. They carried it outside and opened their "
        "hands. Up, up it went, over the {tree} trees, and sang.",
        "After {number} days it hopped onto the windowsill. <It wants to go home,> said {h}. "
        "{H.he} was a little sad and very {glad}. The bird flew away into the blue sky.",
        "One morning the box was empty. The bird was sitting in the {tree} tree next to the "
        "house, singing as loudly as it could.")},
    {"rescue_recall", BL_ALTS(
        "Whose {q.o} had kept the bird warm? It was {?q.who}'s.",
        "{g} washed the {q.o} and hung it up to dry. Then {g.he} gave it back to {?q.who}.",
        "There was still a small feather on the {q.o}. {?q.who} kept it forever.",
        "Sometimes the bird came back. It always landed next to {?q.who}, because it remembered "
        "the {q}.",
        "<You both helped,> said {g}. <{f} and {h}, I am proud of you. And the {q.o} will always "
        "smell a bit of feathers.> {?q.who} did not mind at all.")},
    {"truth", BL_ALTS(
        "{open} {meet3}/{g} had a shelf in the kitchen. On it stood three {t1.os}. "
        "{truth_facts}/{Day} {truth_crash} {truth_hide}/{truth_tell} {truth_forgive} "
        "{truth_mend}/{closing_calm}",
        "{open} On a shelf in {g}'s kitchen stood three {t1.os}. {truth_facts}/{Day} "
        "{truth_crash} {truth_hide}/{truth_tell}/{truth_forgive} {truth_mend} {closing_calm}")},
    {"truth_facts", BL_ALTS(
        "The {t1.c} one was {t1.who}'s, the {t2.c} one was {t2.who}'s, and the {t3.c} one was "
        "{t3.who}'s.",
        "{t1.who} always used the {t1.c} one, {t2.who} used the {t2.c} one, and {t3.who} used "
        "the {t3.c} one.",
        "One was {t1.c}, and {t1.who} used it every day. One was {t2.c} and belonged to "
        "{t2.who}. The last one was {t3.who}'s, and it was {t3.c}.")},
    {"truth_crash", BL_ALTS(
        "{h} was playing with a ball in the kitchen, although it was not allowed. The ball hit "
        "the shelf. Crash! The {q} fell down and broke.",
        "{h} climbed on a chair to get {a} {meal_one}. The chair wobbled, {h} grabbed the shelf, "
        "and the {q} fell to the floor. Crack!",
        "{h} was pretending to be {a} {job} and swung a long broom around. Bang! The broom "
        "knocked the {q} off the shelf, and it broke into {number} pieces.")},
    {"truth_hide", BL_ALTS(
        "{h} was very {afraid}. {H.he} pushed the pieces under the rug and {walked} outside. But "
        "{h.his} tummy felt strange, and playing was no fun.",
        "<Maybe nobody will notice,> {h} thought. {H.he} hid the pieces {lookplace}. All day "
        "long {h.he} could think of nothing else.",
        "Nobody had seen it. <I could say that the {furry} did it,> thought {h}. But {h.he} knew "
        "that it would not be true.")},
    {"truth_tell", BL_ALTS(
        "At last {h} took a deep breath. {H.he} went to the one it belonged to. That was "
        "{?q.who}. <I broke your {q.o},> {h.he} said. <I am so sorry.>",
        "In the evening {h} could not bear it any longer. <{g}, I broke one of the {q.os},> "
        "{h.he} said. <Which one?> asked {g}. <The one that belongs to {?q.who},> {h} said "
        "{sadly}.",
        "{h} went to {g} and told {g.him} everything. <Thank you for telling me,> said {g}. <And "
        "who do you need to talk to now?> {h} knew it. {H.he} needed to talk to {?q.who}.")},
    {"truth_forgive", BL_ALTS(
        "{q.who} was quiet for a moment. <I liked it very much,> {q.he} said. <But I like you "
        "more, and you told me the truth.>",
        "<Oh!> said {q.who}. {Q.he} looked sad. Then {q.he} gave {h} a hug. <It was brave of you "
        "to tell me.>",
        "{q.who} was {sad} at first. But {q.he} could see how sorry {h} was. <Anyone can drop "
        "something,> {q.he} said.")},
    {"truth_mend", BL_ALTS(
        "They glued the pieces together. It had a few cracks now, but it was still {?q.c}, and "
        "it could stand on the shelf again.",
        "The next day {h} bought a new {q.o} with {h.his} own money. It was {?q.c}, just like "
        "the old one.",
        "Together they painted a new {q.o}. They made it {?q.c}, with little {flower.s} all "
        "around.",
        "{h} felt as light as a feather. From then on {h.he} was much more careful.")},
    {"rain", BL_ALTS(
        "{open} {meet3}/They often slept at {g}'s house. {facts3_same} {rain_start}/{rain_idea} "
        "{rain_build} {rain_play}/{rain_guess} {rain_end}/{closing}",
        "{open} {meet3}/{rain_start} {Rain_bring} They wanted to stay overnight. "
        "{facts3_same}/{rain_idea} {rain_build}/{rain_play} {rain_guess} {rain_end} {closing}")},
    {"rain_bring", BL_ALTS(
        "{f} and {s} ran over through the rain and shook themselves like wet dogs.",
        "{f} and {s} came anyway, with wet hair and big smiles.")},
    {"rain_start", BL_ALTS(
        "It rained all morning, and it did not stop. <Now we cannot go out,> said {h} {sadly}.",
        "One {plain_day} big drops ran down the windows. The garden was one large puddle. <What "
        "can we do inside?> asked {h}.",
        "It had been raining for {number} days. Even the {bird_pl} were hiding. <I am so bored,> "
        "said {h}.")},
    {"rain_idea", BL_ALTS(
        "{f} looked at the table, and then at the {t1.os}. <Let us build a "
        "[fort|castle|ship|cave|tent]!> {f.he} said.",
        "<What if the floor is the sea?> asked {s}. <We need an island! Bring the {t1.os}!>",
        "<I know!> said {h}. <We will make a house of our own.>")},
    {"rain_build", BL_ALTS(
        "They pushed {number} chairs together and laid the {t1.os} on top. They tied the corners "
        "with string. Inside it was dark and {small}.",
        "They used the table, the {t1.os} and all the chairs. It fell down twice. The third time "
        "it held.",
        "It took them {minutes}. The {r.c} {r.o} was on the left, the {p.c} one was on the "
        "right, and the {q.c} one was in the middle, like a flag.")},
    {"rain_play", BL_ALTS(
        "They crept in and ate {meal}. The rain drummed on the roof, and it sounded like {a} "
        "{silly} song. Then they played {game}.",
        "{h} told a story about {book}. When it got scary, they all moved closer together. {g} "
        "brought them {meal} and {drink}.",
        "They were {game2} until noon. In the afternoon they sang {song} and listened to the "
        "thunder far away.")},
    {"game2", BL_ALTS(
        "pirates", "explorers", "astronauts", "sailors", "kings and queens", "treasure hunters",
        "moles under the ground")},
    {"rain_guess", BL_ALTS(
        "When it was over, they put everything away. {g} folded the {q}. <This one goes to "
        "{?q.who},> {g.he} said.",
        "In the evening two of them were asleep in there. {g} covered them with the {r} and the "
        "{p}. The {q} was still free, and {g.he} laid it over the shoulders of {?q.who}.",
        "<Who wants to give me a hand?> asked {g}. {R.who} folded the {?r.c} one. {P.who} folded "
        "the {?p.c} one. And the {q} was folded by {?q.who}.")},
    {"rain_end", BL_ALTS(
        "<I hope it rains tomorrow too,> said {s}.",
        "And then the sun came out, and there was a rainbow over the roof. But nobody wanted to "
        "leave.",
        "Rainy days, they found, could be the best days of all.",
        "<Who needs the sun?> said {f}, and they all laughed.")},
    {"cake", BL_ALTS(
        "{open} {meet3}/It was almost {g}'s birthday. <Let us bake a cake,> said {f}. "
        "{cake_want}/{cake_shop} {cake_mix} {cake_oops}/{cake_done} {cake_party}/{closing}",
        "{open}/{Day} {h}, {f} and {s} wanted to bake a cake for {g}. {cake_want} "
        "{cake_shop}/{cake_mix} {cake_oops}/{cake_done} {cake_party} {closing}")},
    {"cake_want", BL_ALTS(
        "But they could not agree on the {t1.o}. {t1.who} wanted {t1.c} {t1.o}, {t2.who} wanted "
        "{t2.c} {t2.o}, and {t3.who} wanted {t3.c} {t3.o}. <Then we will make three layers,> "
        "they said.",
        "<The {t1.o} has to be {t1.c},> said {t1.who}. <No, {t2.c}!> said {t2.who}. <I think "
        "{t3.c} would be the prettiest,> said {t3.who}. So they decided to bake three small "
        "cakes.",
        "Each of them was to make one cake. {t1.who} chose {t1.c} {t1.o} for the top, {t2.who} "
        "chose {t2.c}, and {t3.who} chose {t3.c}.")},
    {"cake_shop", BL_ALTS(
        "They needed flour, butter, eggs and sugar. There were no eggs in the house, so {h} "
        "{walked} to the neighbor and came back with {number} of them.",
        "At the market they bought flour, eggs and {smell_food}. {A} {job} gave each of them {a} "
        "{meal_one} for the way home.")},
    {"cake_mix", BL_ALTS(
        "{f} broke the eggs, {s} stirred the dough, and {h} licked the spoon. Soon there was "
        "flour on the table, on the floor and on everyone's {nose_word}.",
        "They mixed and stirred and sang {song}. The kitchen smelled of {smell_food}.")},
    {"nose_word", BL_ALTS(
        "nose", "ears", "cheeks", "knees", "elbows")},
    {"smell_food", BL_ALTS(
        "vanilla", "cinnamon", "lemon", "butter", "honey", "almonds", "chocolate", "ginger",
        "cherries")},
    {"cake_oops", BL_ALTS(
        "{suddenly} there was a smell of smoke. They had forgotten the oven! But only the edges "
        "were a little dark, and {s} cut them off carefully.",
        "Then {f} dropped the bowl! Luckily {s} caught it just in time.",
        "Then they tasted it and made a face. {h} had used salt instead of sugar! So they "
        "started again, and this time they tasted everything first.",
        "The dough rose and rose until it climbed out of the pan, and they had to laugh.")},
    {"cake_done", BL_ALTS(
        "{soon} the {t1.o} was on top. {g} came in and guessed. <The {q.c} one was made by "
        "{?q.who},> {g.he} said. <Am I right?> <Yes!> they shouted.",
        "Now only the {t1.o} was missing. {R.who} took the {?r.c} bowl, {p.who} took the {?p.c} "
        "bowl, and {q.who} took the last one. It was {?q.c}.",
        "{soon} three cakes stood on the table. {g} pointed at the {q.c} one. <And who made this "
        "one?> That was {?q.who}.")},
    {"cake_party", BL_ALTS(
        "<This is the best birthday of my life,> said {g}, and ate {number} pieces.",
        "{g} blew out the candles and made a wish. Nobody knows what it was, but {g.he} smiled "
        "the whole evening.",
        "They all sang and danced, and even the {pet} got a crumb.")},
    {"balloon", BL_ALTS(
        "{open} {meet3}/{Day} there was a fair in the village. {g} bought three {t1.os}. "
        "{balloon_facts}/{balloon_fair} {balloon_fly}/{balloon_sad} "
        "{balloon_help}/{balloon_back} {closing}",
        "{open}/{Day} {h} went to the fair with {f} and {s}. <You may each choose one {t1.o},> "
        "said {g}. {balloon_facts} {balloon_fair}/{balloon_fly} {balloon_sad}/{balloon_help} "
        "{balloon_back}/{recall_color} {closing}")},
    {"balloon_facts", BL_ALTS(
        "{t1.who} chose {a} {t1.c} one, {t2.who} chose {a} {t2.c} one, and {t3.who} chose {a} "
        "{t3.c} one.",
        "{t1.who} wanted the {t1.c} one at once. {t2.who} took the {t2.c} one. {t3.who} thought "
        "for {minutes} and then took the {t3.c} one.",
        "The {t1.c} {t1.o} was for {t1.who}, the {t2.c} {t2.o} was for {t2.who}, and the {t3.c} "
        "{t3.o} was for {t3.who}.")},
    {"balloon_fair", BL_ALTS(
        "They saw {fair} and {fair}. They ate {meal}. {h} rode on a wooden horse and waved to "
        "everyone.",
        "There was so much to see: {fair}, {fair} and {fair}. {s} won a prize, a little book "
        "about {book}.",
        "{somebody_cap} let them try {fair_try}. They laughed until their sides hurt.")},
    {"fair", BL_ALTS(
        "a man on stilts", "a dancing dog", "a woman who could swallow fire", "a puppet show",
        "a big wheel with colored lights", "a brass band", "a clown with huge shoes", "a magician",
        "a strong man who lifted a piano", "a choir of children", "a tent full of mirrors",
        "a machine that made bubbles", "a race of piglets", "an acrobat on a rope",
        "a mountain of pumpkins")},
    {"fair_try", BL_ALTS(
        "the bumper cars", "a very long slide", "the ring toss", "the trampoline",
        "the apple toss", "the merry-go-round")},
    {"somebody_cap", BL_ALTS(
        "A clown", "A juggler", "A magician", "A friendly farmer", "The mayor", "A young sailor",
        "An old baker")},
    {"balloon_fly", BL_ALTS(
        "{suddenly} there was a cry. One string had slipped, and the {q} was flying away! Up it "
        "went, over the roofs.",
        "But then {q.who} stumbled and let go. The {q} rose into the air, higher and higher.",
        "Then {a} {creature} landed on {q.who}'s nose. {Q.he} sneezed, and away went the {q.o}!")},
    {"balloon_sad", BL_ALTS(
        "It got stuck at the very top of {a} {tree} tree. {q.who} looked up and was {sad}. <It "
        "is too high,> {q.he} said {sadly}.",
        "The wind carried it to the roof of the church, where it hung on the tower. <Now it is "
        "gone,> said {q.who} {sadly}.")},
    {"balloon_help", BL_ALTS(
        "<We can reach it together,> said {p.who}. {r.who} asked {somebody} for a long pole, "
        "{p.who} held the ladder, and {g} climbed up.",
        "{p.who} had an idea. They tied {number} sticks together with a ribbon and put a hook at "
        "the end. It took {minutes}, but then {r.who} could reach the string.",
        "{x1=job}{A} {kindly} {x1} saw them and fetched a very long ladder. <Hold it tight,> "
        "said the {x1}, and climbed up step by step.")},
    {"balloon_back", BL_ALTS(
        "{soon} {g} held the {q.o} in {g.his} hand. It had not burst. <Here, this is yours, "
        "{?q.who},> said {g}, and tied it to {q.his} wrist.",
        "At last it came down again, still round and {?q.c}. {q.who} tied it to {q.his} button "
        "and never let go of it again.",
        "When it came down, everybody clapped. <To whom does it belong?> asked {somebody}. <To "
        "{?q.who}!> they all cried.")},
    {NULL, NULL},
};
/* clang-format on */
