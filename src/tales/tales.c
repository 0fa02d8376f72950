/* The story generator: casts a story, expands its plot's rules, and finds where it recalls a fact.
 *
 * Every choice is a Philox draw numbered (seed, story, draw), so a story depends on
 * nothing else. */
#include "tales/tales.h"
#include "tales/story.h"

#include <string.h>

/* Does the word take "an"?  By its first letter, and the few that sound otherwise. */
static int wants_an(const char *word)
{
    static const char *const consonant[] = {"uni", "use", "one"};
    static const char *const vowel[] = {"hour", "honest"};
    for (size_t i = 0; i < sizeof consonant / sizeof *consonant; i++)
        if (strncmp(word, consonant[i], strlen(consonant[i])) == 0)
            return 0;
    for (size_t i = 0; i < sizeof vowel / sizeof *vowel; i++)
        if (strncmp(word, vowel[i], strlen(vowel[i])) == 0)
            return 1;
    return *word && strchr("aeiouAEIOU", *word) != NULL;
}

/* Appends the text to out with its articles resolved and double spaces closed; moves the probes. */
static void finish(bl_tale_story *s, bl_buf *out)
{
    size_t base = out->len, next = 0;
    for (size_t i = 0; i < s->text.len; i++) {
        while (next < s->probe_count && s->probes[next].offset <= i)
            s->probes[next++].offset = out->len - base;
        char c = s->text.data[i];
        char last = out->len > base ? out->data[out->len - 1] : '\n';
        if (c == BL_TALE_ARTICLE) {
            if (wants_an(s->text.data + i + 2))
                bl_buf_append(out, "n", 1);
        } else if (c != ' ' || (last != ' ' && last != '\n')) {
            if (c == '\n' && last == ' ')
                out->data[--out->len] = 0;
            bl_buf_append(out, &c, 1);
        }
    }
    while (out->len > base && strchr(" \n", out->data[out->len - 1]))
        out->data[--out->len] = 0;
}

static bl_status tell(bl_tale_story *s, const bl_tales *t, uint64_t index, bl_buf *out,
                      bl_error *err)
{
    *s = (bl_tale_story){.t = t, .err = err};
    s->draws = (bl_tale_draws){.seed = t->seed, .story = index};
    const bl_tale_plot *plot = &bl_tale_plots[bl_tale_draw(&s->draws, bl_tale_plot_count)];
    const bl_tale_rule *things = bl_tale_find_rule(t, plot->things, strlen(plot->things));
    if (!things)
        return bl_fail(err, BL_EINVAL, "tales: no rule \"%s\"", plot->things);
    bl_tale_cast_make(&s->cast, &s->draws, plot, things->alt);
    bl_status status = bl_tale_expand_name(s, plot->rule, 0);
    if (status == BL_OK)
        status = bl_buf_status(&s->text, err);
    if (status == BL_OK) {
        finish(s, out);
        status = bl_buf_status(out, err);
    }
    bl_buf_release(&s->text);
    return status;
}

bl_status bl_tales_story(const bl_tales *t, uint64_t index, bl_buf *out, bl_error *err)
{
    bl_tale_story s;
    return tell(&s, t, index, out, err);
}

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Where the word stands on its own for the last time in text[0..bytes); bytes when it does not. */
static size_t last_word(const char *text, size_t bytes, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = bytes >= n ? bytes - n + 1 : 0; i-- > 0;)
        if (memcmp(text + i, word, n) == 0 && (i == 0 || !is_letter(text[i - 1])) &&
            (i + n == bytes || !is_letter(text[i + n])))
            return i;
    return bytes;
}

/* The alternatives of one probe: the same part of all things told so far. */
static int choices_of(const bl_tale_story *s, const bl_tale_recall *from, const char *text,
                      bl_tales_probe *to)
{
    *to = (bl_tales_probe){.prompt = from->offset, .right = BL_TALES_CHOICES};
    if (to->prompt && text[to->prompt - 1] == ' ')
        to->prompt--;
    for (int i = 0; i < s->cast.owners; i++) {
        const char *word = bl_tale_thing_part(&s->cast.thing[i], from->part);
        size_t told = last_word(text, to->prompt, word);
        int usable = told < to->prompt;
        for (size_t k = 0; k < to->count; k++)
            usable = usable && strcmp(to->choice[k], word) != 0;
        if (!usable)
            continue;
        if (strcmp(word, from->answer) == 0) {
            to->right = to->count;
            to->distance = to->prompt - told;
        }
        to->choice[to->count++] = word;
    }
    return to->count >= 2 && to->right < to->count;
}

bl_status bl_tales_recall(const bl_tales *t, uint64_t index, bl_buf *out, bl_tales_probe *result,
                          int *found, bl_error *err)
{
    bl_tale_story s;
    size_t base = out->len;
    *found = 0;
    *result = (bl_tales_probe){0};
    BL_TRY(tell(&s, t, index, out, err));
    for (size_t i = 0; i < s.probe_count; i++) {
        bl_tales_probe one;
        if (choices_of(&s, &s.probes[i], out->data + base, &one) &&
            one.distance > result->distance) {
            *result = one;
            *found = 1;
        }
    }
    return BL_OK;
}
