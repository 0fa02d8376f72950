/* Lists of words for stories: how things look, sound, taste and feel. */
#include "tales/grammar.h"

/* clang-format off */
const bl_tale_rule bl_tale_words[] = {
    {"small", BL_ALTS(
        "small", "little", "tiny", "wee", "neat", "tidy", "cozy", "snug", "narrow", "crooked")},
    {"big", BL_ALTS(
        "big", "large", "huge", "giant", "enormous", "tall", "wide", "mighty", "great")},
    {"kindly", BL_ALTS(
        "kind", "gentle", "friendly", "clever", "cheerful", "curious", "brave", "quiet", "careful",
        "lively", "polite", "thoughtful", "honest", "patient", "playful", "merry", "shy",
        "helpful", "busy", "dreamy", "funny", "sleepy", "spirited", "generous", "bold", "sensible",
        "loyal", "good-hearted", "bright", "jolly", "daring", "eager", "humble", "modest")},
    {"glad", BL_ALTS(
        "glad", "happy", "proud", "cheerful", "thankful", "delighted", "pleased", "joyful",
        "merry", "overjoyed", "relieved", "grateful", "content")},
    {"sad", BL_ALTS(
        "sad", "upset", "unhappy", "gloomy", "worried", "troubled", "miserable", "sorry",
        "downcast", "heavy-hearted")},
    {"afraid", BL_ALTS(
        "afraid", "scared", "nervous", "frightened", "uneasy", "anxious")},
    {"tired", BL_ALTS(
        "tired", "sleepy", "drowsy", "worn out", "weary", "half asleep")},
    {"nice", BL_ALTS(
        "nice", "lovely", "wonderful", "fine", "splendid", "pleasant", "perfect", "marvelous",
        "delightful", "beautiful", "special", "happy", "cheerful", "grand")},
    {"softly", BL_ALTS(
        "softly", "gently", "quietly", "kindly", "calmly", "warmly", "tenderly", "in a low voice",
        "with a smile", "in a friendly voice")},
    {"loudly", BL_ALTS(
        "loudly", "happily", "cheerfully", "excitedly", "proudly", "merrily", "joyfully",
        "brightly")},
    {"slowly", BL_ALTS(
        "slowly", "carefully", "quietly", "bravely", "patiently", "steadily", "cautiously",
        "silently", "firmly")},
    {"sadly", BL_ALTS(
        "sadly", "with a sigh", "in a small voice", "unhappily", "with wet eyes",
        "in a trembling voice", "quietly")},
    {"walked", BL_ALTS(
        "walked", "ran", "skipped", "hurried", "marched", "strolled", "wandered", "hopped",
        "trotted", "raced", "dashed", "tiptoed", "danced")},
    {"soon", BL_ALTS(
        "Soon", "Before long", "After a while", "A little later", "In a few minutes", "At last",
        "Finally", "A moment later")},
    {"suddenly", BL_ALTS(
        "Suddenly", "All at once", "Just then", "At that very moment", "In the blink of an eye")},
    {"sunny", BL_ALTS(
        "sunny", "warm", "bright", "quiet", "breezy", "fine", "lovely", "clear", "golden", "mild",
        "still", "pleasant", "cloudless", "fresh")},
    {"daytime", BL_ALTS(
        "morning", "afternoon", "day", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
        "Saturday", "Sunday", "summer day", "spring day", "spring morning", "summer morning")},
    {"plain_day", BL_ALTS(
        "morning", "afternoon", "day", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
        "Saturday", "Sunday")},
    {"month", BL_ALTS(
        "March", "April", "May", "June", "July", "August", "September", "October")},
    {"weekday", BL_ALTS(
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")},
    {"number", BL_ALTS(
        "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
        "twenty")},
    {"minutes", BL_ALTS(
        "a minute", "five minutes", "ten minutes", "half an hour", "an hour", "a long time",
        "the whole morning", "a good while", "nearly two hours")},
    {"smell", BL_ALTS(
        "fresh bread", "pine needles", "roses", "wet grass", "honey", "warm hay", "clover",
        "cinnamon", "mint", "ripe apples", "rain", "lavender", "woodsmoke", "salt and seaweed",
        "lemon", "vanilla", "wild thyme", "peaches", "freshly cut wood", "moss", "lilac",
        "melted butter", "ginger cake", "jasmine", "damp earth")},
    {"sound", BL_ALTS(
        "a cow mooing", "a rooster crowing", "bells ringing", "a train humming",
        "children laughing", "a dog barking", "water splashing", "bees buzzing", "an owl hooting",
        "a door creaking", "leaves rustling", "someone whistling", "a clock ticking",
        "geese honking", "a hammer tapping", "a kettle singing", "frogs croaking",
        "wheels rattling", "a sheep bleating", "crickets chirping")},
    {"meal", BL_ALTS(
        "cheese sandwiches", "apple slices", "carrot sticks", "oat cookies", "blueberry muffins",
        "grapes", "pancakes", "boiled eggs", "crackers", "raisins", "warm rolls",
        "plum jam on toast", "pear tarts", "walnuts", "cherry pie", "strawberries", "corn bread",
        "pumpkin bread", "cucumber sandwiches", "peanut butter toast", "dried apricots",
        "roasted chestnuts", "banana bread", "waffles", "popcorn", "mashed potatoes",
        "tomato soup", "noodles", "rice pudding", "melon slices", "raspberry cake", "biscuits",
        "pretzels", "ginger cookies", "potato cakes", "bean stew", "spinach pie", "buttered peas",
        "peach slices", "almond cake")},
    {"drink", BL_ALTS(
        "milk", "apple juice", "lemonade", "cocoa", "peppermint tea", "cold water", "orange juice",
        "berry tea", "grape juice", "warm milk with honey", "ginger tea", "pear juice")},
    {"body", BL_ALTS(
        "nose", "cheeks", "back", "ears", "face", "shoulders")},
    {"cloudlike", BL_ALTS(
        "sheep", "pillows", "ships", "feathers", "dragons", "whales", "castles", "swans",
        "snowballs", "bunnies", "mountains", "sleepy bears", "lumps of sugar", "cotton balls",
        "popcorn")},
    {"boat_mat", BL_ALTS(
        "paper", "cork", "bark", "wood", "cloth", "cardboard", "string", "leaves", "straw",
        "twigs")},
    {"raft_part", BL_ALTS(
        "logs", "planks", "branches", "empty barrels", "old boards", "bamboo poles", "tree trunks",
        "reeds")},
    {"hard", BL_ALTS(
        "wood", "stone", "iron", "glass", "copper", "oak", "bronze", "silver")},
    {"furry", BL_ALTS(
        "cat", "dog", "kitten", "puppy", "guinea pig")},
    {"silly", BL_ALTS(
        "silly", "funny", "goofy", "wobbly", "clumsy", "crazy", "upside-down", "squeaky", "bouncy",
        "giggly")},
    {"game", BL_ALTS(
        "tag", "hopscotch", "leapfrog", "catch", "checkers", "dominoes", "cards",
        "follow the leader", "statues", "pirates", "kings and queens", "explorers", "circus",
        "store", "school", "doctor", "astronauts", "detectives", "firefighters", "marbles",
        "knights", "sailors")},
    {"job", BL_ALTS(
        "baker", "teacher", "farmer", "doctor", "sailor", "painter", "carpenter", "gardener",
        "tailor", "shepherd", "fisherman", "miller", "librarian", "cobbler", "potter", "weaver",
        "blacksmith", "beekeeper", "pilot", "plumber", "engineer", "cook", "musician", "nurse",
        "mechanic", "scientist", "dentist", "postman", "grocer")},
    {"hobby", BL_ALTS(
        "climb trees", "draw pictures", "count the stars", "sing silly songs", "collect shells",
        "look at bugs", "jump in puddles", "bake cookies", "tell stories", "watch the clouds",
        "build towers", "dance in the kitchen", "feed the ducks", "roll down hills",
        "pick flowers", "listen to the rain", "read about ships", "chase butterflies",
        "skip stones on the pond", "fold paper birds", "run barefoot in the grass",
        "ask questions", "whistle tunes", "tell jokes", "solve puzzles", "dig for worms",
        "make mud pies", "paint pebbles", "play the drum", "invent machines", "knit",
        "write little poems", "look at maps", "learn new words", "swing high", "blow bubbles",
        "fix broken toys", "press leaves in a book", "learn the names of birds",
        "swim in the lake", "hunt for fossils", "catch fireflies and let them go",
        "arrange buttons", "bang on pots and pans", "make up riddles")},
    {"lookplace", BL_ALTS(
        "under the bench", "behind the bushes", "in the tall grass", "under the leaves",
        "behind the shed", "between the rocks", "beside the fence", "near the well",
        "under the steps", "behind the big oak", "in the flower bed", "next to the mailbox",
        "inside the hollow log", "under the picnic blanket", "by the wheelbarrow", "in the ditch",
        "beneath the hedge", "behind the woodpile", "in the empty barrel", "below the window",
        "under the table", "beside the water pump", "behind the curtain of ivy",
        "next to the anthill", "in the corner of the yard", "under the old cart",
        "among the ferns", "behind the haystack", "beside the sandbox", "under the footbridge")},
    {"tool", BL_ALTS(
        "shovel", "rake", "hammer", "ladder", "broom", "rope", "basket", "bucket", "wheelbarrow",
        "saw", "net", "hook", "pole", "stick", "umbrella")},
    {"flower", BL_ALTS(
        "rose", "tulip", "daisy", "sunflower", "poppy", "violet", "lily", "buttercup", "pansy",
        "daffodil", "bluebell", "marigold", "snowdrop", "dandelion", "foxglove", "primrose",
        "cornflower", "geranium", "peony")},
    {"vegetable", BL_ALTS(
        "carrot", "bean", "pea", "pumpkin", "radish", "cabbage", "onion", "turnip", "squash",
        "cucumber", "pepper", "leek", "melon", "potato", "beet")},
    {"treat", BL_ALTS(
        "honey cake", "plum pie", "apple pie", "a bowl of berries", "hot soup", "warm bread",
        "vanilla pudding", "pancakes with syrup", "baked apples", "noodle soup", "cheese toast",
        "ice cream", "chocolate cake", "vegetable stew", "fried potatoes", "cornbread with butter",
        "dumplings", "oatmeal with raisins", "lentil soup", "mushroom pie", "pizza", "spaghetti",
        "roasted corn", "peach cobbler", "scrambled eggs", "macaroni and cheese")},
    {"song", BL_ALTS(
        "a song about the moon", "an old sailing song", "a song about three frogs",
        "a counting song", "a marching song", "a lullaby", "a song with no words",
        "a song about a lazy cat", "a funny song about soup", "a song about rain",
        "a round about a rooster", "a song about the mountains")},
    {"book", BL_ALTS(
        "a dragon who could not breathe fire", "a whale and a snail", "a king who lost his crown",
        "a mouse who went to sea", "the stars", "a bear who liked to dance",
        "a princess who built bridges", "faraway islands", "a lion with a toothache",
        "a turtle who won a race", "steam trains", "a clever spider", "how honey is made",
        "a pirate who was afraid of water", "deep caves", "a giant who grew cabbages",
        "a tailor and an elf", "knights and ladders", "a camel in the desert",
        "how volcanoes work", "a penguin who missed the ice", "an owl detective",
        "a crocodile who sold shoes", "a balloon trip around the world")},
    {"dreamt", BL_ALTS(
        "flying over the rooftops", "riding on a whale", "sailing to an island",
        "a mountain of pillows", "a talking moon", "a garden in the clouds", "dancing with bears",
        "a castle made of bread", "swimming with dolphins", "a train full of songs",
        "riding a friendly dragon", "a forest where lanterns grew on trees",
        "a staircase to the stars", "a parade of elephants", "a snowman who told jokes",
        "a river of lemonade", "a kingdom of kittens")},
    {NULL, NULL},
};
/* clang-format on */
