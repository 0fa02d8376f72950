/* Character classes as explicit code point ranges: those of the pre-tokenizer's pattern, what added
 * tokens with single_word may not stand beside, and what canonical composition may move. */
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
    BL_CODE_LETTER,
    BL_CODE_NUMBER,
    BL_CODE_SPACE,
    BL_CODE_WORD,
    BL_CODE_CHANGES, /* by itself */
    BL_CODE_JOINS,   /* what stands in front of it */
    BL_CODE_CLASSES
};

extern const bl_code_class bl_code_classes[BL_CODE_CLASSES];

int bl_code_is(int name, uint32_t code);

#endif
