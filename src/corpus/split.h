/* Which documents, or ends of documents, are set aside for validation.
 *
 * A document is drawn by its text alone, whichever others there are.  That needs many documents:
 * nothing can be drawn from one book, and only a third from three.  Where the longest document
 * exceeds all that is wanted for validation, and the share drawn is off by more than a factor of
 * two or leaves a side empty, the ends of long documents are set aside instead; short ones are
 * drawn as before.  Where a document is cut depends on its text and the share alone. */
#ifndef BL_CORPUS_SPLIT_H
#define BL_CORPUS_SPLIT_H

#include <stddef.h>
#include <stdint.h>

enum {
    BL_SPLIT_LEAST_END = 512,      /* bytes of an end, about 128 tokens */
    BL_SPLIT_LEAST_DOCUMENT = 4096 /* the longest gives at least that much if it has this much */
};

typedef struct bl_split {
    uint64_t seed;
    double share; /* wanted for validation */
    int whole;    /* no document is cut */
    int given;    /* the sides are given, not drawn: no document is cut */
    /* documents of the first pass */
    uint64_t documents, bytes, drawn, drawn_bytes, longest, longest_at;
    /* decided from them */
    int ends;        /* long documents give their ends */
    uint64_t forced; /* document that changes sides so that no side is empty; UINT64_MAX: none */
} bl_split;

/* Is a document with this hash drawn for validation? */
int bl_split_draw(const bl_split *s, uint64_t hash);

/* The next document of the first pass, and whether it was drawn; decide when all are known. */
void bl_split_note(bl_split *s, int drawn, size_t bytes);
void bl_split_decide(bl_split *s);

/* How many bytes of document number `document`, from its first, are for training: all, none, or up
 * to the cut: between paragraphs if that is near the right place, else lines, sentences, words,
 * characters.  The text is UTF-8 and has no white space at its ends. */
size_t bl_split_place(const bl_split *s, uint64_t document, int drawn, const char *text,
                      size_t bytes);

#endif
