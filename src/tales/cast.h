/* The cast of a story: who is in it, who owns what, and the words for them. */
#ifndef BL_TALES_CAST_H
#define BL_TALES_CAST_H

#include "tales/grammar.h"

#include <stdint.h>

/* The draws of one story, in order. */
typedef struct bl_tale_draws {
    uint64_t seed, story, count;
    uint32_t block[4];
} bl_tale_draws;

/* Uniform in [0, n), n > 0. */
uint64_t bl_tale_draw(bl_tale_draws *d, uint64_t n);

typedef struct bl_tale_person {
    const char *name, *kid;
    int male;
} bl_tale_person;

enum { BL_TALE_HERO, BL_TALE_FRIEND, BL_TALE_SECOND, BL_TALE_GROWN_UP, BL_TALE_PEOPLE };
enum { BL_TALE_THINGS = 3 };

typedef struct bl_tale_thing {
    const char *color, *noun;
    const bl_tale_person *owner;
} bl_tale_thing;

typedef struct bl_tale_cast {
    bl_tale_person person[BL_TALE_PEOPLE];
    bl_tale_thing thing[BL_TALE_THINGS]; /* in the order of telling */
    int asked[BL_TALE_THINGS];           /* {q} {p} {r} */
    int owners;
} bl_tale_cast;

void bl_tale_cast_make(bl_tale_cast *cast, bl_tale_draws *d, const bl_tale_plot *plot,
                       const char *const *nouns);

/* "first last", or only the last, then a suffix. */
typedef struct bl_tale_word {
    const char *first, *last, *suffix;
} bl_tale_word;

/* The word of slot {name.part} (name[0..bytes)); 0 when it names nobody and nothing in the cast. */
int bl_tale_cast_word(const bl_tale_cast *cast, const char *name, size_t bytes, const char *part,
                      bl_tale_word *word);

/* Part 'w': owner's name, 'c': color, 'o': noun. */
const char *bl_tale_thing_part(const bl_tale_thing *thing, char part);

#endif
