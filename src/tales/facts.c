/* Tales that test memory: facts told among stories, and asked for later. */
#include "tales/facts.h"
#include "core/rng.h"

#include <string.h>

enum {
    FACTS = 5,     /* most a round */
    QUESTIONS = 6, /* most a round */
    AGAIN = 7,     /* one in this many facts is about a name told before */
    GAPS = 4,      /* this many of the longest gaps make the longest distance */
    NEAREST = 32,  /* bytes: the shortest distance drawn */
    NEVER = -1     /* value of a name not yet told */
};

const char *const bl_fact_names[BL_FACT_NAMES] = {
    "Mia",   "Tom",   "Nora", "Ben",   "Lucy", "Max",  "Rosie", "Sam",
    "Anna",  "Leo",   "Ella", "Jack",  "Zoe",  "Finn", "Ruby",  "Paul",
    "Julia", "Peter", "Lily", "Oscar", "Emma", "Hugo", "Clara", "Theo"};
const char *const bl_fact_values[BL_FACT_VALUES] = {"red",   "blue", "green", "yellow", "black",
                                                    "white", "pink", "brown", "orange", "purple"};

typedef struct document {
    const bl_tales *t;
    uint64_t index, distance, draws;
    bl_buf *out;
    size_t base;                /* where it begins in out */
    int value[BL_FACT_NAMES];   /* or NEVER */
    size_t told[BL_FACT_NAMES]; /* where it was last told or asked for; end of the line */
    bl_buf story;
} document;

void bl_fact_tell(bl_buf *out, size_t name, size_t value)
{
    bl_buf_printf(out, "This is %s %s.\n", bl_fact_names[name], bl_fact_values[value]);
}

void bl_fact_ask(bl_buf *out, size_t name)
{
    bl_buf_printf(out, "Who is there? It is %s", bl_fact_names[name]);
}

/* Uniform in [0, n), n > 0. */
static uint64_t draw(document *d, uint64_t n)
{
    uint64_t at = d->index << 32 | d->draws++;
    return bl_rng_below(bl_tales_seed(d->t), BL_RNG_TALES + 1, at, n);
}

/* Log-uniform up to `high`: an octave, each equally likely, then a number in it; integers, so that
 * all machines agree. */
static uint64_t draw_distance(document *d, uint64_t high)
{
    uint64_t low = high < NEAREST ? high : NEAREST, octaves = 1;
    while (low << octaves < high)
        octaves++;
    uint64_t octave = draw(d, octaves);
    low <<= octave;
    uint64_t most = octave + 1 < octaves ? 2 * low - 1 : high;
    return low + draw(d, most - low + 1);
}

static size_t age(const document *d, size_t name)
{
    return d->out->len - d->told[name];
}

/* ---- facts and questions ---- */

/* The names that were told. */
static size_t list_known(const document *d, size_t known[BL_FACT_NAMES])
{
    size_t count = 0;
    for (size_t i = 0; i < BL_FACT_NAMES; i++)
        if (d->value[i] != NEVER)
            known[count++] = i;
    return count;
}

static void tell(document *d)
{
    size_t known[BL_FACT_NAMES], count = list_known(d, known);
    int again = draw(d, AGAIN) == 0 && count;
    size_t name = again ? known[draw(d, count)] : (size_t)draw(d, BL_FACT_NAMES);
    int value = (int)draw(d, d->value[name] == NEVER ? BL_FACT_VALUES : BL_FACT_VALUES - 1);
    if (d->value[name] != NEVER && value >= d->value[name])
        value++; /* not the same as before */
    d->value[name] = value;
    bl_fact_tell(d->out, name, (size_t)value);
    d->told[name] = d->out->len;
}

static double apart(size_t a, uint64_t b)
{
    double x = (double)a + 1, y = (double)b + 1;
    return x > y ? x / y : y / x;
}

static void ask(document *d)
{
    uint64_t wanted = draw_distance(d, d->distance);
    size_t best = BL_FACT_NAMES;
    for (size_t i = 0; i < BL_FACT_NAMES; i++)
        if (d->value[i] != NEVER && age(d, i) <= d->distance &&
            (best == BL_FACT_NAMES || apart(age(d, i), wanted) < apart(age(d, best), wanted)))
            best = i;
    if (best == BL_FACT_NAMES) /* only with a distance of a line or so */
        return;
    bl_fact_ask(d->out, best);
    bl_buf_printf(d->out, " %s.\n", bl_fact_values[d->value[best]]);
    d->told[best] = d->out->len;
}

/* ---- stories between ---- */

/* The sentence at text: its bytes, with the space after it. */
static size_t sentence(const char *text)
{
    size_t n = 0;
    while (text[n] && !strchr(".!?", text[n]))
        n++;
    while (text[n] && strchr(".!?\"", text[n]))
        n++;
    while (text[n] && strchr(" \n", text[n]))
        n++;
    return n;
}

static bl_status next_story(document *d, bl_error *err)
{
    bl_buf_clear(&d->story);
    return bl_tales_story(d->t, draw(d, (uint64_t)1 << 32), &d->story, err);
}

/* As many whole sentences as fit into a number of bytes drawn, on lines of their own. */
static bl_status put_gap(document *d, bl_error *err)
{
    uint64_t room = draw_distance(d, d->distance / GAPS);
    BL_TRY(next_story(d, err));
    const char *text = d->story.data;
    for (uint64_t skip = draw(d, d->story.len); skip >= sentence(text);) {
        skip -= sentence(text);
        text += sentence(text);
    }
    size_t start = d->out->len;
    for (size_t n; (n = sentence(text)) <= room; text += n, room -= n) {
        if (*text) {
            bl_buf_append(d->out, text, n);
            continue;
        }
        bl_buf_puts(d->out, "\n");
        BL_TRY(next_story(d, err));
        text = d->story.data;
        room -= room > 0;
    }
    while (d->out->len > start && strchr(" \n", d->out->data[d->out->len - 1]))
        d->out->data[--d->out->len] = 0;
    if (d->out->len > start)
        bl_buf_puts(d->out, "\n");
    return BL_OK;
}

static bl_status put_rounds(document *d, bl_error *err)
{
    size_t known[BL_FACT_NAMES];
    while (d->out->len - d->base < 2 * d->distance) {
        for (uint64_t facts = 1 + draw(d, FACTS); facts > 0; facts--)
            tell(d);
        size_t count = list_known(d, known), most = count < QUESTIONS ? count : QUESTIONS;
        for (uint64_t questions = 1 + draw(d, most); questions > 0; questions--)
            ask(d);
        BL_TRY(put_gap(d, err));
        BL_TRY(bl_buf_status(d->out, err));
    }
    return BL_OK;
}

bl_status bl_tales_facts(const bl_tales *t, uint64_t index, uint64_t distance, bl_buf *out,
                         bl_error *err)
{
    document d = {.t = t, .index = index, .distance = distance, .out = out, .base = out->len};
    for (size_t i = 0; i < BL_FACT_NAMES; i++)
        d.value[i] = NEVER;
    bl_status status = put_rounds(&d, err);
    bl_buf_release(&d.story);
    if (status == BL_OK)
        out->data[--out->len] = 0; /* the last line's end */
    return status;
}
