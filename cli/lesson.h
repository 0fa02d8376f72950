/* What is learned for good: --consolidate and --every, of bitllama learn and of /learn. */
#ifndef BL_CLI_LESSON_H
#define BL_CLI_LESSON_H

#include "bitllama.h"

#define BL_LESSON_EVERY "256" /* tokens, unless --every is given */

typedef struct bl_lesson_wish {
    double share; /* 0: nothing is consolidated */
    uint64_t every;
} bl_lesson_wish;

/* The values as they were given, NULL where they were not.  BL_EINVAL. */
bl_status bl_lesson_wish_read(bl_lesson_wish *w, const char *share, const char *every,
                              bl_error *err);

#endif
