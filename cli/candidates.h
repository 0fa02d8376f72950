/* What Tab makes of a word: candidates, what they have in common, and a list of them. */
#ifndef BL_CLI_CANDIDATES_H
#define BL_CLI_CANDIDATES_H

#include "message.h"

enum { BL_CANDIDATES_MOST = 4096 };

/* Candidates for the end of a line; begins as {0}. */
typedef struct bl_candidates {
    size_t from;  /* the byte of the line where the word begins that they take the place of */
    size_t shown; /* bytes at their begin that a list leaves out: the folder */
    char *word[BL_CANDIDATES_MOST];
    size_t count;
    int goes_on; /* a single one may be longer yet: no blank behind it */
} bl_candidates;

/* Finds them for a line that ends at the cursor. */
typedef void bl_complete_fn(const char *line, bl_candidates *c);

/* Adds "BEFORE" "WORD" "AFTER" unless it would be shown otherwise than it is; a failure drops it. */
void bl_candidates_add(bl_candidates *c, const char *before, const char *word, const char *after);

/* Sorts them; returns how many bytes all have in common. */
size_t bl_candidates_end(bl_candidates *c);

/* A list in columns for a terminal of that width, with line ends. */
void bl_candidates_list(const bl_candidates *c, size_t columns, bl_message *list);
void bl_candidates_release(bl_candidates *c);

#endif
