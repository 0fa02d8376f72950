/* Kinds of characters: two are of one kind when no part of any pattern distinguishes them. */
#ifndef BL_TEXT_UNICODE_KINDS_H
#define BL_TEXT_UNICODE_KINDS_H

#include "text/pretokenize.h"
#include "text/unicode/classes.h"

enum {
    BL_KINDS = 256, /* at most: a kind is a byte */
    BL_CODES = 0x110000,
    BL_SETS = 8 /* nested at most */
};

/* Consecutive characters that the patterns can only name together. */
typedef struct bl_code_run {
    uint64_t properties; /* its general category and the properties below, as bits */
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
    bl_code_run *run;      /* [runs + 1] each ends where the next begins */
    unsigned char *sets;   /* [BL_SETS, runs] 1 for runs in the sets being built, */
    unsigned char *member; /* and in the innermost of them */
    unsigned char *of;     /* [BL_CODES] once settled */
} bl_kinds;

/* Starts with one kind, to be divided by the sets of characters that these rules name. */
bl_status bl_kinds_open(bl_kinds **k, const bl_split_rule *rules, size_t count,
                        bl_error *err) BL_NODISCARD;
void bl_kinds_close(bl_kinds *k);

/* Builds a set: empties it; adds the characters from one to another, both ASCII or in the patterns
 * or a case of those; adds those that have one of the properties, or with `none` none of them. */
void bl_kinds_clear(bl_kinds *k);
void bl_kinds_add(bl_kinds *k, uint32_t first, uint32_t last);
void bl_kinds_add_having(bl_kinds *k, uint64_t properties, int none);

/* Builds a set within it, and then adds what is in that, or with `negated` what is not.  0: there
 * are BL_SETS already. */
int bl_kinds_begin_set(bl_kinds *k);
void bl_kinds_end_set(bl_kinds *k, int negated);

/* Divides the kinds that are partly in the set; 0 when there would be too many. */
int bl_kinds_part(bl_kinds *k);

/* 1 for each kind that is at least partly in the set. */
void bl_kinds_members(const bl_kinds *k, unsigned char in[BL_KINDS]);

/* Appends the set, or with `negated` what is not in it, as a [...] of bytes; a kind not yet divided
 * may wrongly be in it or missing. */
void bl_kinds_put_set(const bl_kinds *k, int negated, bl_buf *out);

/* After the last set: fills in `of`. */
void bl_kinds_settle(bl_kinds *k);

/* The kinds of a text (valid UTF-8) into out (as many bytes as the text has suffice); returns the
 * number of characters. */
size_t bl_kinds_map(const bl_kinds *k, const char *text, size_t bytes, unsigned char *out);

#endif
