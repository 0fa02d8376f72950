/* Distinct words and their counts, by open addressing: 24 to 32 bytes a word besides its text. */
#include "text/bpe/wordcount.h"
#include "core/alloc.h"

#include <string.h>
#include <xxhash.h>

void bl_wordcount_release(bl_wordcount *w)
{
    bl_buf_release(&w->text);
    bl_free(w->word);
    bl_free(w->slot);
    memset(w, 0, sizeof *w);
}

void bl_wordcount_clear(bl_wordcount *w)
{
    bl_buf_clear(&w->text);
    w->count = 0;
    if (w->slots)
        memset(w->slot, 0, w->slots * sizeof *w->slot);
}

uint64_t bl_word_hash(const char *word, size_t bytes)
{
    return XXH3_64bits(word, bytes);
}

/* Twice the slots, at most three quarters of them used. */
static bl_status grow_slots(bl_wordcount *w, bl_error *err)
{
    size_t slots = w->slots ? 2 * w->slots : 64;
    bl_word_slot *slot = bl_calloc(slots, sizeof *slot);
    if (!slot)
        return bl_fail(err, BL_ENOMEM, "out of memory: an index of %zu words", slots / 4 * 3);
    for (size_t i = 0; i < w->slots; i++)
        if (w->slot[i].number) {
            size_t at = w->slot[i].hash & (slots - 1);
            while (slot[at].number)
                at = (at + 1) & (slots - 1);
            slot[at] = w->slot[i];
        }
    bl_free(w->slot);
    w->slot = slot;
    w->slots = slots;
    return BL_OK;
}

bl_status bl_wordcount_add(bl_wordcount *w, const char *word, size_t bytes, uint64_t hash,
                           uint64_t count, bl_error *err)
{
    if (4 * (w->count + 1) > 3 * w->slots)
        BL_TRY(grow_slots(w, err));
    uint32_t low = (uint32_t)hash;
    size_t at = low & (w->slots - 1);
    for (; w->slot[at].number; at = (at + 1) & (w->slots - 1)) {
        if (w->slot[at].hash != low)
            continue;
        bl_word_entry *e = &w->word[w->slot[at].number - 1];
        if (e->bytes == bytes && memcmp(w->text.data + e->start, word, bytes) == 0) {
            e->count += count;
            return BL_OK;
        }
    }
    if (bytes > UINT32_MAX - w->text.len || w->count >= UINT32_MAX - 1)
        return bl_fail(err, BL_EUNSUPPORTED, "too many different words: %zu of %zu bytes", w->count,
                       w->text.len);
    BL_TRY(bl_grow(&w->word, &w->cap, w->count + 1, sizeof *w->word, err));
    w->word[w->count] = (bl_word_entry){count, (uint32_t)w->text.len, (uint32_t)bytes};
    bl_buf_append(&w->text, word, bytes);
    BL_TRY(bl_buf_status(&w->text, err));
    w->slot[at] = (bl_word_slot){low, (uint32_t)++w->count};
    return BL_OK;
}
