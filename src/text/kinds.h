/* Kinds of characters: two are of one kind when no part of any pattern tells them apart. */
#ifndef BL_TEXT_KINDS_H
#define BL_TEXT_KINDS_H

#include "text/pretokenize.h"
#include "text/unicode_classes.h"

enum {
    BL_KINDS = 256, /* at most: a kind is a byte */
    BL_CODES = 0x110000,
    BL_SETS = 8 /* at most in one another */
};

/* Characters that follow one another and that the patterns can only mean together. */
typedef struct bl_code_run {
    uint64_t properties; /* its general category and those below, as bits */
    uint32_t first, kind;
} bl_code_run;

enum {
    BL_PROPERTY_SPACE = BL_CATEGORIES, /* \s */
    BL_PROPERTY_WORD_ESCAPE,           /* \w */
    BL_PROPERTY_WORD_IN_SET,           /* \w within [...] */
    BL_PROPERTY_PUNCTUATION,
    BL_PROPERTIES
};
_Static_assert(BL_PROPERTIES <= 64, "a bit for each");

typedef struct bl_kinds {
    size_t count, runs;
    bl_code_run *run;      /* [runs + 1] one ends where the next one begins */
    unsigned char *sets;   /* [BL_SETS, runs] 1 for runs in the sets that are put together, */
    unsigned char *member; /* and in the innermost of them */
    unsigned char *of;     /* [BL_CODES] once settled */
} bl_kinds;

/* Knows one kind, to be parted by the sets of characters that these rules speak of. */
bl_status bl_kinds_open(bl_kinds **k, const bl_split_rule *rules, size_t count,
                        bl_error *err) BL_NODISCARD;
void bl_kinds_close(bl_kinds *k);

/* A set is put together: nothing; characters from one to another, both ASCII or in the patterns or
 * a case of those; those that have one of the properties, or none of them. */
void bl_kinds_clear(bl_kinds *k);
void bl_kinds_add(bl_kinds *k, uint32_t first, uint32_t last);
void bl_kinds_add_having(bl_kinds *k, uint64_t properties, int none);

/* A set within it is put together, and then what is in that, or with `negated` what is not, is
 * added. 0: there are BL_SETS already. */
int bl_kinds_begin_set(bl_kinds *k);
void bl_kinds_end_set(bl_kinds *k, int negated);

/* Parts the kinds that the set holds a part of; 0 when there would be too many. */
int bl_kinds_part(bl_kinds *k);

/* 1 for each kind of which the set holds a part. */
void bl_kinds_members(const bl_kinds *k, unsigned char in[BL_KINDS]);

/* Appends the set, or with `negated` what is not in it, as a [...] of bytes, in which a kind that
 * is not parted yet may be missing or too much. */
void bl_kinds_put_set(const bl_kinds *k, int negated, bl_buf *out);

/* No set comes any more: `of` is filled in. */
void bl_kinds_settle(bl_kinds *k);

/* The kinds of a text (valid UTF-8) into out (a byte for each of the text's suffices); returns the
 * number of characters. */
size_t bl_kinds_map(const bl_kinds *k, const char *text, size_t bytes, unsigned char *out);

#endif
