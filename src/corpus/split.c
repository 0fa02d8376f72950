/* Drawing documents, and cutting off the ends of long ones. */
#include "corpus/split.h"
#include "core/rng.h"
#include "corpus/tidy.h"

#include <string.h>

int bl_split_draw(const bl_split *s, uint64_t hash)
{
    return bl_rng_uniform(s->seed, BL_RNG_SPLIT, hash) < s->share;
}

void bl_split_note(bl_split *s, int drawn, size_t bytes)
{
    if (bytes > s->longest) {
        s->longest = bytes;
        s->longest_at = s->documents;
    }
    s->documents++;
    s->bytes += bytes;
    if (drawn) {
        s->drawn++;
        s->drawn_bytes += bytes;
    }
}

/* A side that got nothing gets one document, also drawn, if there are two; training comes first. */
static void balance(bl_split *s)
{
    int no_training = s->drawn == s->documents;
    int no_validation = s->drawn == 0 && s->share > 0 && s->documents > 1;
    if (no_training || no_validation)
        s->forced = bl_rng_below(s->seed, BL_RNG_SPLIT + 1, 0, s->documents);
}

void bl_split_decide(bl_split *s)
{
    double wanted = s->share * (double)s->bytes, drawn = (double)s->drawn_bytes;
    int poor =
        s->drawn == 0 || s->drawn == s->documents || drawn * 2 < wanted || drawn > wanted * 2;
    s->forced = UINT64_MAX;
    s->ends = !s->given && !s->whole && s->share > 0 && poor && (double)s->longest > wanted &&
              s->longest >= BL_SPLIT_LEAST_DOCUMENT;
    if (!s->ends)
        balance(s);
}

/* ---- where a document is cut ---- */

typedef int is_place_fn(const char *text, size_t at);

static int is_line(const char *text, size_t at)
{
    return text[at - 1] == '\n';
}

static int is_paragraph(const char *text, size_t at)
{
    size_t i = at - 1;
    if (text[i] != '\n')
        return 0;
    while (i > 0 && (text[i - 1] == ' ' || text[i - 1] == '\t'))
        i--;
    return i > 0 && text[i - 1] == '\n';
}

static int is_sentence(const char *text, size_t at)
{
    if (at >= 3 && (memcmp(text + at - 3, "\xE3\x80\x82", 3) == 0 || /* ideographic full stop */
                    memcmp(text + at - 3, "\xEF\xBC\x81", 3) == 0 || /* ! and ? of full width */
                    memcmp(text + at - 3, "\xEF\xBC\x9F", 3) == 0))
        return 1;
    size_t i = at - 1;
    if (!bl_is_space(text[i]))
        return 0;
    while (i > 0 && (text[i - 1] == '"' || text[i - 1] == '\'' || text[i - 1] == ')'))
        i--;
    return i > 0 && strchr(".!?", text[i - 1]) != NULL;
}

static int is_word(const char *text, size_t at)
{
    return bl_is_space(text[at - 1]);
}

static int is_character(const char *text, size_t at)
{
    return ((unsigned char)text[at] & 0xC0) != 0x80;
}

/* The best place within a quarter of the end, the nearest of its kind, the earlier of two. */
static size_t place_to_cut(const char *text, size_t bytes, size_t end)
{
    static is_place_fn *const kinds[] = {is_paragraph, is_line, is_sentence, is_word, is_character};
    size_t wanted = bytes - end, reach = end / 4;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t far = 0; far <= reach; far++) {
            if (wanted > far && kinds[k](text, wanted - far))
                return wanted - far;
            if (wanted + far < bytes && kinds[k](text, wanted + far))
                return wanted + far;
        }
    return wanted; /* not reached: a character has at most 4 bytes */
}

size_t bl_split_place(const bl_split *s, uint64_t document, int drawn, const char *text,
                      size_t bytes)
{
    if (document == s->forced)
        drawn = !drawn;
    if (!s->ends)
        return drawn ? 0 : bytes;
    size_t end = (size_t)(s->share * (double)bytes + 0.5);
    if (end < BL_SPLIT_LEAST_END && document == s->longest_at)
        end = BL_SPLIT_LEAST_END;
    if (end < BL_SPLIT_LEAST_END)
        return drawn ? 0 : bytes;
    return place_to_cut(text, bytes, end);
}
