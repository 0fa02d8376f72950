/* The built-in corpus: little stories from a grammar, a pure function of (seed, index).
 *
 * A story casts people (or animals), gives each of them a thing of some colour early on, and asks
 * for it later: "Whose red kite was it?  It was Mia's."  To write the right word a model must
 * remember the beginning, so the corpus shows memory as well as language. */
#ifndef BL_TALES_TALES_H
#define BL_TALES_TALES_H

#include "core/buf.h"

typedef struct bl_tales bl_tales;

/* Indexes the grammar.  BL_ENOMEM; BL_EINVAL when the grammar itself is faulty (a rule is missing
 * or occurs twice). */
bl_status bl_tales_open(bl_tales **t, uint64_t seed, bl_error *err) BL_NODISCARD;
void bl_tales_close(bl_tales *t);
uint64_t bl_tales_seed(const bl_tales *t);

/* Appends story `index` to out: plain ASCII, paragraphs separated by one empty line, no newline at
 * the end.  BL_ENOMEM. */
bl_status bl_tales_story(const bl_tales *t, uint64_t index, bl_buf *out,
                         bl_error *err) BL_NODISCARD;

enum { BL_TALES_CHOICES = 4 };

/* A story cut before a word that recalls who owns something, or its colour. */
typedef struct bl_tales_probe {
    size_t prompt;                        /* the story's bytes before the word's space or quote */
    size_t count;                         /* choices, at least 2 */
    size_t right;                         /* index of the right one */
    size_t distance;                      /* bytes since the right one was last told */
    const char *choice[BL_TALES_CHOICES]; /* words of the story before the cut; static */
} bl_tales_probe;

/* Appends story `index` to out and gives the probe whose answer was told longest ago; offsets count
 * from the story's beginning.  *found is 0 when the story recalls nothing with two possible
 * answers. */
bl_status bl_tales_recall(const bl_tales *t, uint64_t index, bl_buf *out, bl_tales_probe *probe,
                          int *found, bl_error *err) BL_NODISCARD;

#endif
