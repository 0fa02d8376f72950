/* Classes of characters as explicit code points: those of pre-tokenizers' patterns, what added
 * tokens with single_word may not be next to, and what canonical composition may change. */
#ifndef BL_TEXT_UNICODE_CLASSES_H
#define BL_TEXT_UNICODE_CLASSES_H

#include <stddef.h>
#include <stdint.h>

typedef struct bl_code_range {
    uint32_t first, last;
} bl_code_range;

typedef struct bl_code_class {
    const bl_code_range *ranges; /* rising, disjoint */
    size_t count;
} bl_code_class;

enum {
    BL_CODE_SPACE,       /* \s of a pattern */
    BL_CODE_WORD,        /* of single_word */
    BL_CODE_WORD_ESCAPE, /* \w of a pattern, */
    BL_CODE_WORD_IN_SET, /* smaller within [...]: the two of their library do not agree */
    BL_CODE_PUNCTUATION, /* of the pre-tokenizer Punctuation, ASCII symbols included */
    BL_CODE_CHANGES,     /* by itself */
    BL_CODE_JOINS,       /* with what comes before it */
    BL_CODE_CLASSES
};

extern const bl_code_class bl_code_classes[BL_CODE_CLASSES];

int bl_code_is(int name, uint32_t code);

/* Writes a value for each code point of a class into a table of all of them. */
void bl_code_fill(unsigned char *table, int name, int value);

/* General categories, by their names in a \p{...}. */
/* clang-format off */
#define BL_CATEGORY_LIST(X) \
    X(Lu) X(Ll) X(Lt) X(Lm) X(Lo) X(Mn) X(Mc) X(Me) X(Nd) X(Nl) X(No) X(Pc) X(Pd) X(Ps) X(Pe) \
    X(Pi) X(Pf) X(Po) X(Sm) X(Sc) X(Sk) X(So) X(Zs) X(Zl) X(Zp) X(Cc) X(Cf) X(Co) X(Cn)
/* clang-format on */

#define BL_CATEGORY_ENUM(name) BL_CATEGORY_##name,
enum { BL_CATEGORY_LIST(BL_CATEGORY_ENUM) BL_CATEGORIES };
#undef BL_CATEGORY_ENUM

/* A run ends where the next one begins; the last is followed by one that begins past all codes. */
typedef struct bl_category_run {
    uint32_t first, category;
} bl_category_run;

extern const bl_category_run bl_category_runs[];
extern const size_t bl_category_run_count;

/* The set of categories that a name stands for, such as Lu, or L for all that begin with it, as a
 * bit for each; 0 when there is none. */
uint32_t bl_categories_named(const char *name, size_t bytes);

#endif
