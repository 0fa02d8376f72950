/* Places of stories, and what can be seen and done there. */
#include "tales/grammar.h"

/* clang-format off */
const bl_tale_rule bl_tale_places[] = {
    {"house", BL_ALTS(
        "house", "cottage", "cabin", "farmhouse", "hut", "home")},
    {"near", BL_ALTS(
        "near the forest", "by the sea", "on top of a hill", "beside a slow river",
        "at the end of a quiet street", "next to an apple orchard", "across from the bakery",
        "at the edge of the village", "behind the old mill", "near a wide meadow",
        "in a green valley", "beside the lighthouse", "not far from the mountains",
        "close to a small lake", "between two tall oaks", "near the train tracks",
        "at the foot of a mountain", "by a mossy well", "next to a duck pond", "on a windy cliff",
        "near the harbor", "beside a cornfield", "around the corner from the market",
        "at the bend of the road")},
    {"outside", BL_ALTS(
        "in the park", "by the pond", "in the meadow", "on the hill", "at the edge of the woods",
        "in the orchard", "beside the stream", "on the village green", "in the big field",
        "behind the barn", "by the old stone wall", "near the windmill", "on the sandy beach",
        "in the school yard", "under the chestnut trees", "at the playground", "beside the lake",
        "in the clearing", "next to the sheep farm", "down by the river")},
    {"creature", BL_ALTS(
        "beetle", "snail", "lizard", "butterfly", "ladybug", "toad", "dragonfly", "caterpillar",
        "grasshopper", "frog", "spider", "moth", "bumblebee", "salamander", "earthworm",
        "duckling", "sparrow", "robin", "gray goose", "wagtail")},
    {"creature_look", BL_ALTS(
        "spotted", "shiny", "tiny", "fat", "striped", "sleepy", "fuzzy", "plump", "speckled",
        "busy", "proud", "dusty", "green", "golden", "curious", "very old", "lazy", "velvety",
        "slender", "wrinkled")},
    {"creature_do", BL_ALTS(
        "resting on a warm stone", "hiding under a leaf", "napping in the sun",
        "looking for its dinner", "crossing the path", "sitting on a mushroom",
        "drinking from a puddle", "climbing up a stalk", "cleaning itself",
        "having a rest on a twig", "peeking out of a hole", "sitting very still",
        "enjoying the shade", "hurrying home", "exploring an empty flowerpot", "carrying a crumb",
        "balancing on a blade of grass", "sunning itself on a log")},
    {"bird", BL_ALTS(
        "robin", "lark", "thrush", "finch", "wren", "blackbird", "sparrow", "cuckoo", "woodpecker",
        "swallow", "magpie", "nightingale", "jay", "dove", "starling")},
    {"tree", BL_ALTS(
        "apple", "cherry", "oak", "maple", "willow", "pine", "birch", "chestnut", "pear", "plum",
        "walnut", "elm", "linden", "beech", "fig", "cedar", "hazel")},
    {"by_path", BL_ALTS(
        "an old mill", "a row of beehives", "a sleepy gray donkey", "a field of wheat",
        "a broken gate", "a wooden bridge", "a farmer on a tractor",
        "a woman with a basket of eggs", "a boy selling lemons", "a stone well",
        "a barn with a rooster on the roof", "two goats on a wall", "a scarecrow in a torn coat",
        "a cart full of pumpkins", "a fountain", "a man painting a fence",
        "a bakery with steamy windows", "a church with a tall tower", "a pond with lily pads",
        "a line of laundry", "a sleeping cat", "a tall ladder against a wall",
        "a shop with clocks in the window", "a tractor without wheels", "a patch of nettles",
        "a rusty bicycle", "a fisherman with a bent hat", "a family of hedgehogs",
        "a row of sunflowers", "a nest high in a tree")},
    {"scene", BL_ALTS(
        "{A} {creature_look} {creature} was {creature_do}.",
        "{A} {bird} sang in {a} {tree} tree.",
        "From somewhere far away came the sound of {sound}.",
        "If you listened closely, you could hear {sound}.",
        "The air smelled of {smell}.",
        "The air smelled of {smell} and {smell}.",
        "White clouds like {cloudlike} drifted across the sky.",
        "The sun felt warm on {h.his} {body}.",
        "The way led past {by_path}.",
        "There was {by_path}, and behind it {by_path}.",
        "A soft wind moved the branches of the {tree} trees.",
        "{x1=flower}{x2=flower}The path was lined with {x1.s} and {x2.s}.",
        "{number_cap} little {bird_pl} flew by overhead.",
        "{Somebody} waved from the other side of the road.",
        "Light fell through the leaves and made {silly_pattern} on the ground.")},
    {"silly_pattern", BL_ALTS(
        "bright spots", "golden coins", "little stars", "dancing patterns", "funny shapes",
        "stripes like a tiger's")},
    {"number_cap", BL_ALTS(
        "Two", "Three", "Four", "Five", "Six", "Seven")},
    {"bird_pl", BL_ALTS(
        "robins", "finches", "sparrows", "swallows", "doves", "geese", "ducks", "crows", "gulls",
        "starlings")},
    {"somebody", BL_ALTS(
        "the {job}",
        "an old {job}",
        "{a} {kindly} {job}",
        "{a} {job} with a big mustache",
        "the {job} and her dog")},
    {"snack", BL_ALTS(
        "They shared {meal} and {meal}.",
        "{g} had packed {meal}, {meal} and a jar of {drink}.",
        "For lunch there were {meal2} and {drink}.",
        "They sat down and ate {meal}. {f} had {a} [second|third] helping.",
        "{h} shared {h.his} {meal} with the others.")},
    {"meal2", BL_ALTS(
        "hot noodles", "warm buns", "bean wraps", "egg sandwiches", "thick soup with bread",
        "tomato sandwiches", "baked potatoes", "rice and peas")},
    {"play3", BL_ALTS(
        "They played {game} until they were out of breath.",
        "First they played {game}, and then they played {game}.",
        "They sang {song} and made up {silly} new verses.",
        "They lay on their backs and found clouds that looked like {cloudlike}.",
        "{f} taught the others {song}, and {s} beat time with a stick.",
        "They told each other stories about {book} and laughed a lot.",
        "{h} pretended to be {a} {job}, and the others had to guess what {h.he} was doing.")},
    {"play2", BL_ALTS(
        "{f} told a joke about {a} {creature}, and {h} laughed so hard that {h.he} had to sit "
        "down.",
        "They played {game} until they were out of breath.",
        "First they played {game}, and then they played {game}.",
        "They sang {song} and made up {silly} new verses.",
        "They lay on their backs and found clouds that looked like {cloudlike}.",
        "{f} told a long story about {book}, and {h} listened with big eyes.",
        "{f} pretended to be {a} {job}, and {h} had to guess what {f.he} was doing.",
        "They talked about what they wanted to be one day. {h} wanted to be {a} {job}, and {f} "
        "wanted to be {a} {job}.")},
    {NULL, NULL},
};
/* clang-format on */
