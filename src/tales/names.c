/* The names, animals, colors and things that stories are cast with. */
#include "tales/grammar.h"

/* clang-format off */
const bl_tale_rule bl_tale_names[] = {
    {"girl_name", BL_ALTS(
        "Mia", "Lily", "Anna", "Ella", "Nora", "Ruby", "Clara", "Emma", "Sophie", "Zoe", "Ivy",
        "Maya", "Lucy", "Hannah", "Rosie", "Molly", "Ada", "Stella", "Julia", "Nina", "Tilda",
        "Vera", "Wendy", "Olive", "Penny", "Quinn", "Sara", "Wilma", "Greta", "Heidi", "Ingrid",
        "Jenny", "Kira", "Nadia", "Paula", "Rita", "Tina", "Yara")},
    {"boy_name", BL_ALTS(
        "Ben", "Tom", "Max", "Sam", "Leo", "Noah", "Finn", "Jack", "Oscar", "Hugo", "Theo",
        "Felix", "Eli", "Adam", "Luke", "Daniel", "Peter", "Simon", "Victor", "Walter", "Anton",
        "Emil", "Henry", "Isaac", "Kofi", "Mateo", "Omar", "Ravi", "Will", "Yusuf", "George",
        "Paul", "Martin", "Oliver", "Nathan")},
    {"animal_name", BL_ALTS(
        "Pip", "Bramble", "Clover", "Nutmeg", "Pepper", "Fern", "Hazel", "Button", "Mossy",
        "Acorn", "Bean", "Cricket", "Daisy", "Echo", "Fig", "Ginger", "Honey", "Indigo", "Juniper",
        "Maple", "Olive", "Poppy", "Rusty", "Sunny", "Tumble", "Velvet", "Willow", "Ziggy",
        "Basil", "Cocoa", "Dusty", "Ember", "Flint", "Hop", "Jasper", "Kip", "Lark", "Misty",
        "Noodle", "Pebble", "Quill", "Rowan", "Sage", "Twig", "Waffle", "Yarrow")},
    {"species", BL_ALTS(
        "rabbit", "mouse", "fox", "bear", "squirrel", "hedgehog", "otter", "badger", "beaver",
        "kitten", "puppy", "piglet", "lamb", "goat", "raccoon", "chipmunk", "mole", "hamster",
        "fawn", "panda", "monkey", "pony", "donkey", "elephant", "koala", "weasel", "ferret",
        "calf")},
    {"grown_man", BL_ALTS(
        "Dad", "Grandpa", "Papa", "Uncle Joe", "Grandfather", "Uncle Ned", "Uncle Bill", "Daddy",
        "Uncle Fred")},
    {"grown_woman", BL_ALTS(
        "Mom", "Grandma", "Mama", "Aunt Rose", "Aunt May", "Grandmother", "Aunt Nell", "Granny",
        "Aunt Ida")},
    {"color", BL_ALTS(
        "red", "blue", "green", "yellow", "orange", "purple", "pink", "white", "black", "brown",
        "gray", "silver")},
    {"toy", BL_ALTS(
        "kite", "ball", "drum", "doll", "truck", "train", "yo-yo", "robot", "whistle", "bucket",
        "wagon", "balloon", "teddy bear", "horn", "flute", "lantern", "notebook", "cup", "basket",
        "rocket", "car", "bell", "puppet", "hoop", "shovel", "lunch box", "water bottle", "flag",
        "jump rope", "spinning top")},
    {"wear", BL_ALTS(
        "hat", "scarf", "cap", "ribbon", "cape", "apron", "vest", "coat", "sweater", "jacket",
        "raincoat", "shawl", "hood", "bow")},
    {"boat", BL_ALTS(
        "boat", "ship", "sailboat", "raft", "canoe")},
    {"door", BL_ALTS(
        "door", "gate", "front door", "garden gate")},
    {"mug", BL_ALTS(
        "mug", "cup", "bowl", "plate", "teapot")},
    {"blanket", BL_ALTS(
        "blanket", "pillow", "sleeping bag", "quilt", "cushion")},
    {"pot", BL_ALTS(
        "pot", "flowerpot", "bucket", "jar", "crate")},
    {"flyer", BL_ALTS(
        "kite", "balloon", "ball", "paper plane", "glider")},
    {"bag", BL_ALTS(
        "bag", "backpack", "lunch box", "satchel", "basket")},
    {"lamp", BL_ALTS(
        "lantern", "lamp", "flashlight", "candle")},
    {"icing", BL_ALTS(
        "icing", "frosting")},
    {"picture", BL_ALTS(
        "boat", "house", "horse", "bird", "fish", "dragon", "tree", "flower", "butterfly",
        "castle", "train", "star", "whale", "cat")},
    {"soft", BL_ALTS(
        "blanket", "scarf", "shawl", "sweater", "towel", "handkerchief")},
    {"lightwear", BL_ALTS(
        "hat", "scarf", "cap", "ribbon", "cape", "shawl", "bonnet", "bow", "handkerchief")},
    {"balloon_thing", BL_ALTS(
        "balloon")},
    {NULL, NULL},
};
/* clang-format on */
