/* Casting a story: people with different initials, things with different colors. */
#include "tales/cast.h"
#include "core/rng.h"

#include <string.h>

uint64_t bl_tale_draw(bl_tale_draws *d, uint64_t n)
{
    if (d->count % 4 == 0)
        bl_philox(d->seed, BL_RNG_TALES, d->story << 16 | d->count / 4, d->block);
    return (uint64_t)d->block[d->count++ % 4] * n >> 32;
}

static const char *const *alternatives(const char *name)
{
    const bl_tale_rule *rule = bl_tale_names;
    while (rule->name && strcmp(rule->name, name) != 0)
        rule++;
    return rule->alt;
}

static const char *choose(bl_tale_draws *d, const char *const *list)
{
    size_t count = 0;
    while (list[count])
        count++;
    return list[bl_tale_draw(d, count)];
}

static void cast_people(bl_tale_cast *cast, bl_tale_draws *d, int animals)
{
    for (int i = 0; i < BL_TALE_GROWN_UP; i++) {
        bl_tale_person *person = &cast->person[i];
        person->male = (int)bl_tale_draw(d, 2);
        const char *const *names = alternatives(animals        ? "animal_name"
                                                : person->male ? "boy_name"
                                                               : "girl_name");
        int again = 1;
        while (again) { /* until the initial and the kind of animal are new */
            person->name = choose(d, names);
            person->kid = animals        ? choose(d, alternatives("species"))
                          : person->male ? "boy"
                                         : "girl";
            again = 0;
            for (int k = 0; k < i; k++)
                again |= cast->person[k].name[0] == person->name[0] ||
                         (animals && strcmp(cast->person[k].kid, person->kid) == 0);
        }
    }
    bl_tale_person *g = &cast->person[BL_TALE_GROWN_UP];
    g->male = (int)bl_tale_draw(d, 2);
    g->name = choose(d, alternatives(g->male ? "grown_man" : "grown_woman"));
    g->kid = g->male ? "man" : "woman";
}

static void shuffle(int *order, int count, bl_tale_draws *d)
{
    for (int i = 0; i < count; i++)
        order[i] = i;
    for (int i = count - 1; i > 0; i--) {
        int k = (int)bl_tale_draw(d, (uint64_t)i + 1), kept = order[i];
        order[i] = order[k];
        order[k] = kept;
    }
}

static void cast_things(bl_tale_cast *cast, bl_tale_draws *d, const char *const *nouns, int same)
{
    int owner[BL_TALE_THINGS];
    shuffle(owner, cast->owners, d);
    const char *const *colors = alternatives("color");
    for (int i = 0; i < cast->owners; i++) {
        bl_tale_thing *thing = &cast->thing[i];
        thing->owner = &cast->person[owner[i]];
        int again = 1;
        while (again) {
            thing->color = choose(d, colors);
            thing->noun = same && i ? cast->thing[0].noun : choose(d, nouns);
            again = 0;
            for (int k = 0; k < i; k++)
                again |= cast->thing[k].color == thing->color ||
                         (!same && cast->thing[k].noun == thing->noun);
        }
    }
}

void bl_tale_cast_make(bl_tale_cast *cast, bl_tale_draws *d, const bl_tale_plot *plot,
                       const char *const *nouns)
{
    *cast = (bl_tale_cast){.owners = plot->owners};
    int may = plot->flags & BL_TALE_ALL;
    int animals = may == BL_TALE_ANIMALS || (may == BL_TALE_ALL && bl_tale_draw(d, 3) == 0);
    cast_people(cast, d, animals);
    cast_things(cast, d, nouns, plot->flags & BL_TALE_SAME);
    do
        shuffle(cast->asked, cast->owners, d);
    while (plot->flags & BL_TALE_Q_OTHER &&
           cast->thing[cast->asked[0]].owner == &cast->person[BL_TALE_HERO]);
}

const char *bl_tale_thing_part(const bl_tale_thing *thing, char part)
{
    return part == 'w' ? thing->owner->name : part == 'c' ? thing->color : thing->noun;
}

static int person_word(const bl_tale_person *person, const char *part, bl_tale_word *word)
{
    static const char *const words[][3] = {/* part, her, his */
                                           {"he", "she", "he"},
                                           {"him", "her", "him"},
                                           {"his", "her", "his"},
                                           {"self", "herself", "himself"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(part, words[i][0]) == 0)
            word->last = words[i][1 + person->male];
    if (!*part || strcmp(part, "who") == 0)
        word->last = person->name;
    if (strcmp(part, "kid") == 0)
        word->last = person->kid;
    return word->last != NULL;
}

static int thing_word(const bl_tale_cast *cast, const bl_tale_thing *thing, const char *part,
                      bl_tale_word *word)
{
    if (!*part)
        *word = (bl_tale_word){thing->color, thing->noun, ""};
    else if (strcmp(part, "c") == 0)
        word->last = thing->color;
    else if (strcmp(part, "o") == 0 || strcmp(part, "os") == 0)
        word->last = thing->noun;
    else if (strcmp(part, "own") == 0 && thing->owner == &cast->person[BL_TALE_HERO])
        *word = (bl_tale_word){thing->owner->male ? "his" : "her", "own", ""};
    else if (strcmp(part, "own") == 0)
        *word = (bl_tale_word){"", thing->owner->name, "'s"};
    else
        return person_word(thing->owner, part, word);
    return 1;
}

int bl_tale_cast_word(const bl_tale_cast *cast, const char *name, size_t bytes, const char *part,
                      bl_tale_word *word)
{
    static const char people[] = "hfsg", asked[] = "qpr";
    *word = (bl_tale_word){"", NULL, ""};
    const char *at;
    if (bytes == 1 && (at = strchr(people, name[0])) != NULL)
        return person_word(&cast->person[at - people], part, word);
    int thing = -1;
    if (bytes == 1 && (at = strchr(asked, name[0])) != NULL && at - asked < cast->owners)
        thing = cast->asked[at - asked];
    else if (bytes == 2 && name[0] == 't' && name[1] >= '1' && name[1] < '1' + cast->owners)
        thing = name[1] - '1';
    return thing >= 0 && thing_word(cast, &cast->thing[thing], part, word);
}
