/* What Tab makes of a word: candidates, what they have in common, and a list of them. */
#include "candidates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2, LISTED_MOST = 200 };

/* Whether a terminal shows it, and an editor takes it, as it is. */
static int is_plain(const char *word)
{
    char shown[512];
    size_t bytes = strlen(word);
    return bytes < sizeof shown &&
           bl_text_shown(word, bytes, BL_SHOWN_LINE, shown, sizeof shown, NULL) == bytes &&
           memcmp(word, shown, bytes) == 0;
}

void bl_candidates_add(bl_candidates *c, const char *before, const char *word, const char *after)
{
    size_t cap = strlen(before) + strlen(word) + strlen(after) + 1;
    char *text = c->count < BL_CANDIDATES_MOST && is_plain(word) ? malloc(cap) : NULL;
    if (!text)
        return;
    (void)snprintf(text, cap, "%s%s%s", before, word, after);
    c->word[c->count++] = text;
}

static int by_text(const void *a, const void *b)
{
    const char *const *first = a, *const *second = b;
    return strcmp(*first, *second);
}

size_t bl_candidates_end(bl_candidates *c)
{
    size_t same = 0;
    if (!c->count)
        return 0;
    qsort(c->word, c->count, sizeof *c->word, by_text);
    /* The first and the last differ earliest. */
    const char *first = c->word[0], *last = c->word[c->count - 1];
    while (first[same] && first[same] == last[same])
        same++;
    while (same && ((unsigned char)first[same] & 0xc0) == 0x80) /* not inside a character */
        same--;
    return same;
}

static size_t length(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void add(bl_message *list, const char *text)
{
    bl_error err;
    (void)bl_message_append(list, text, strlen(text), &err);
}

void bl_candidates_list(const bl_candidates *c, size_t columns, bl_message *list)
{
    char more[64];
    size_t widest = 1, shown = c->count < LISTED_MOST ? c->count : LISTED_MOST;
    for (size_t i = 0; i < shown; i++) {
        size_t n = length(c->word[i] + c->shown);
        widest = n > widest ? n : widest;
    }
    size_t across = columns / (widest + GAP) ? columns / (widest + GAP) : 1;
    size_t down = (shown + across - 1) / across;
    for (size_t row = 0; row < down; row++) {
        for (size_t i = row; i < shown; i += down) {
            const char *word = c->word[i] + c->shown;
            add(list, word);
            for (size_t n = length(word); i + down < shown && n < widest + GAP; n++)
                add(list, " ");
        }
        add(list, "\n");
    }
    (void)snprintf(more, sizeof more, "and %zu more\n", c->count - shown);
    if (shown < c->count)
        add(list, more);
}

void bl_candidates_release(bl_candidates *c)
{
    while (c->count)
        free(c->word[--c->count]);
}
