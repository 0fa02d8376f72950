/* Which documents, or ends of documents, are set aside for validation.
 *
 * A document is drawn by its text alone, so it does not matter which others there are.  That needs
 * many documents: of one book nothing can be drawn, of three a third.  Where the longest document
 * is longer than all that is wanted for validation, and the share that was drawn is off by more
 * than a factor of two or leaves a side empty, the ends of long documents are set aside instead;
 * short ones are drawn as ever.  Where a document is cut depends on its text and the
 * share alone. */
#ifndef BL_DATA_SPLIT_H
#define BL_DATA_SPLIT_H

#include <stddef.h>
#include <stdint.h>

enum {
    BL_SPLIT_LEAST_END = 512,      /* bytes of an end, about 128 tokens */
    BL_SPLIT_LEAST_DOCUMENT = 4096 /* the longest gives an end of at least that if it has these */
};

typedef struct bl_split {
    uint64_t seed;
    double share; /* wanted for validation */
    int given;    /* the sides were told, not drawn: no document is cut */
    /* documents of the first pass */
    uint64_t documents, bytes, drawn, drawn_bytes, longest, longest_at;
    /* decided from them */
    int ends;        /* long documents give their ends */
    uint64_t forced; /* document that changes sides so that no side is empty; UINT64_MAX: none */
} bl_split;

/* Is a document with this hash drawn for validation? */
int bl_split_draw(const bl_split *s, uint64_t hash);

/* The next document of the first pass, and whether it was drawn; when all are known: decide. */
void bl_split_note(bl_split *s, int drawn, size_t bytes);
void bl_split_decide(bl_split *s);

/* How many bytes of document number `document` are for training, from its first: all, none, or up
 * to where it is cut: between paragraphs if the right place is near, else lines, sentences, words,
 * characters.  The text is UTF-8 and has no white space at its ends. */
size_t bl_split_place(const bl_split *s, uint64_t document, int drawn, const char *text,
                      size_t bytes);

#endif
