/* A story being told: what its rules were expanded to so far, and where it recalls a fact. */
#ifndef BL_TALES_STORY_H
#define BL_TALES_STORY_H

#include "tales/cast.h"
#include "tales/tales.h"

enum {
    BL_TALE_TABLE_BITS = 11, /* hash table of rules */
    BL_TALE_VARIABLES = 16,  /* {x=rule} a story */
    BL_TALE_VALUE_MAX = 96,  /* bytes of one */
    BL_TALE_MEMORY = 64,     /* picks that are not repeated */
    BL_TALE_PROBES = 8,      /* recalls noted a story */
    BL_TALE_ARTICLE = 1      /* mark after "a": an "n" goes here if the next word wants it */
};

struct bl_tales {
    uint64_t seed;
    const bl_tale_rule *slot[1 << BL_TALE_TABLE_BITS];
};

typedef struct bl_tale_variable {
    char name[16], value[BL_TALE_VALUE_MAX];
} bl_tale_variable;

typedef struct bl_tale_recall {
    size_t offset;
    const char *answer;
    char part; /* 'w' owner, 'c' color, 'o' noun */
} bl_tale_recall;

typedef struct bl_tale_story {
    const bl_tales *t;
    bl_tale_draws draws;
    bl_tale_cast cast;
    bl_buf text;
    bl_tale_variable variables[BL_TALE_VARIABLES];
    size_t variable_count;
    const char *picked[BL_TALE_MEMORY]; /* a ring of the latest picks */
    size_t pick_count;
    bl_tale_recall probes[BL_TALE_PROBES];
    size_t probe_count;
    int depth;
    bl_error *err;
} bl_tale_story;

/* The rule of a name; NULL: there is none. */
const bl_tale_rule *bl_tale_find_rule(const bl_tales *t, const char *name, size_t bytes);

/* Appends a person's or thing's word, a variable or a rule to the text.  `key` is in lower case;
 * with `recall` a reader who remembers knows the word.  BL_EINVAL when the grammar is faulty. */
bl_status bl_tale_expand_name(bl_tale_story *s, const char *key, int recall) BL_NODISCARD;

#endif
