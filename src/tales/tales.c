/* The story generator: casts a story, expands its plot's rules, and notes where it recalls a fact.
 *
 * Every choice is a Philox draw numbered (seed, story, draw), so a story depends on
 * nothing else. */
#include "tales/tales.h"
#include "core/alloc.h"
#include "tales/cast.h"

#include <string.h>
#include <xxhash.h>

enum {
    DEPTH_MAX = 24,  /* of rules within rules */
    TABLE_BITS = 11, /* hash table of rules */
    VARIABLES = 16,  /* {x=rule} a story */
    VALUE_MAX = 96,  /* bytes of one */
    MEMORY = 64,     /* picks that are not repeated */
    PROBES = 8,      /* recalls noted a story */
    ARTICLE = 1      /* mark behind "a": an "n" goes here if the next word wants it */
};

struct bl_tales {
    uint64_t seed;
    const bl_tale_rule *slot[1 << TABLE_BITS];
};

typedef struct variable {
    char name[16], value[VALUE_MAX];
} variable;

typedef struct probe {
    size_t offset;
    const char *answer;
    char part; /* 'w' owner, 'c' color, 'o' noun */
} probe;

typedef struct story {
    const bl_tales *t;
    bl_tale_draws draws;
    bl_tale_cast cast;
    bl_buf text;
    variable variables[VARIABLES];
    size_t variable_count;
    const char *picked[MEMORY]; /* a ring of the latest picks */
    size_t pick_count;
    probe probes[PROBES];
    size_t probe_count;
    int depth;
    bl_error *err;
} story;

static bl_status expand(story *s, const char *text, size_t bytes);

/* ---- the index of rules ---- */

static const bl_tale_rule *find_rule(const bl_tales *t, const char *name, size_t bytes)
{
    size_t mask = ((size_t)1 << TABLE_BITS) - 1;
    for (size_t i = XXH3_64bits(name, bytes) & mask; t->slot[i]; i = (i + 1) & mask)
        if (strncmp(t->slot[i]->name, name, bytes) == 0 && !t->slot[i]->name[bytes])
            return t->slot[i];
    return NULL;
}

static bl_status add_rules(bl_tales *t, const bl_tale_rule *rules, bl_error *err)
{
    size_t mask = ((size_t)1 << TABLE_BITS) - 1;
    for (; rules->name; rules++) {
        size_t bytes = strlen(rules->name);
        if (find_rule(t, rules->name, bytes))
            return bl_fail(err, BL_EINVAL, "tales: rule \"%s\" is there twice", rules->name);
        size_t i = XXH3_64bits(rules->name, bytes) & mask;
        while (t->slot[i])
            i = (i + 1) & mask;
        t->slot[i] = rules;
    }
    return BL_OK;
}

bl_status bl_tales_open(bl_tales **result, uint64_t seed, bl_error *err)
{
    static const bl_tale_rule *const tables[] = {
        bl_tale_names,      bl_tale_words,         bl_tale_places,       bl_tale_frame,
        bl_tale_plots_lost, bl_tale_plots_sharing, bl_tale_plots_garden, bl_tale_plots_storm};
    *result = NULL;
    bl_tales *t = bl_calloc(1, sizeof *t);
    if (!t)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    t->seed = seed;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        bl_status status = add_rules(t, tables[i], err);
        if (status != BL_OK) {
            bl_tales_close(t);
            return status;
        }
    }
    *result = t;
    return BL_OK;
}

void bl_tales_close(bl_tales *t)
{
    bl_free(t);
}

uint64_t bl_tales_seed(const bl_tales *t)
{
    return t->seed;
}

/* ---- choosing ---- */

static int picked_lately(const story *s, const char *alternative)
{
    size_t n = s->pick_count < MEMORY ? s->pick_count : MEMORY;
    for (size_t i = 0; i < n; i++)
        if (strcmp(s->picked[i], alternative) == 0)
            return 1;
    return 0;
}

/* One of a rule's alternatives, if possible none that this story has used lately. */
static const char *pick(story *s, const char *const *alternatives)
{
    size_t count = 0;
    while (alternatives[count])
        count++;
    const char *choice = NULL;
    for (int attempt = 0; attempt < 8 && (!choice || picked_lately(s, choice)); attempt++)
        choice = alternatives[bl_tale_draw(&s->draws, count)];
    s->picked[s->pick_count++ % MEMORY] = choice;
    return choice;
}

/* [one|two|three] at text, behind the bracket: expands one of them and returns what follows. */
static bl_status expand_choice(story *s, const char *text, const char *end, const char **after)
{
    const char *begin[32];
    size_t count = 0;
    int depth = 0;
    begin[count++] = text;
    const char *p = text;
    for (; p < end && (depth || *p != ']'); p++) {
        depth += (*p == '[') - (*p == ']');
        if (*p == '|' && !depth && count < 31)
            begin[count++] = p + 1;
    }
    if (p == end)
        return bl_fail(s->err, BL_EINVAL, "tales: no ] in \"%.40s\"", text);
    begin[count] = p + 1; /* each alternative ends one before the next begins */
    *after = p + 1;
    size_t i = (size_t)bl_tale_draw(&s->draws, count);
    return expand(s, begin[i], (size_t)(begin[i + 1] - 1 - begin[i]));
}

/* ---- slots ---- */

static variable *find_variable(story *s, const char *name, size_t bytes)
{
    for (size_t i = 0; i < s->variable_count; i++)
        if (strlen(s->variables[i].name) == bytes && memcmp(s->variables[i].name, name, bytes) == 0)
            return &s->variables[i];
    return NULL;
}

/* {x=rule}: expands the rule at the end of the text, moves it into the variable. */
static bl_status assign(story *s, const char *name, size_t bytes, const bl_tale_rule *rule)
{
    variable *v = find_variable(s, name, bytes);
    if (!v && s->variable_count < VARIABLES)
        v = &s->variables[s->variable_count++];
    if (!v || bytes >= sizeof v->name)
        return bl_fail(s->err, BL_EINVAL, "tales: no room for variable \"%.*s\"", (int)bytes, name);
    memset(v, 0, sizeof *v);
    memcpy(v->name, name, bytes);
    size_t start = s->text.len;
    const char *alternative = pick(s, rule->alt);
    BL_TRY(expand(s, alternative, strlen(alternative)));
    if (s->text.len - start >= VALUE_MAX)
        return bl_fail(s->err, BL_EINVAL, "tales: \"%.40s\" is too long to keep", alternative);
    if (s->text.len > start)
        memcpy(v->value, s->text.data + start, s->text.len - start);
    s->text.len = start;
    return BL_OK;
}

static void capitalize(story *s, size_t at)
{
    if (at < s->text.len && s->text.data[at] >= 'a' && s->text.data[at] <= 'z')
        s->text.data[at] = (char)(s->text.data[at] - 'a' + 'A');
}

static void put_plural(story *s, const char *noun)
{
    size_t n = strlen(noun);
    char last = n ? noun[n - 1] : 0, before = n > 1 ? noun[n - 2] : 0;
    if (last == 'y' && !strchr("aeiou", before)) {
        bl_buf_append(&s->text, noun, n - 1);
        bl_buf_puts(&s->text, "ies");
        return;
    }
    int hiss = last == 's' || last == 'x' || (last == 'h' && (before == 'c' || before == 's'));
    bl_buf_puts(&s->text, noun);
    bl_buf_puts(&s->text, hiss ? "es" : "s");
}

/* A person's or thing's word, a variable or a rule.  `key` is in lower case. */
static bl_status expand_name(story *s, const char *key, int recall)
{
    const char *dot = strchr(key, '.');
    size_t stem = dot ? (size_t)(dot - key) : strlen(key);
    const char *part = dot ? dot + 1 : "";
    bl_tale_word word;
    if (bl_tale_cast_word(&s->cast, key, stem, part, &word)) {
        if (recall && s->probe_count < PROBES)
            s->probes[s->probe_count++] =
                (probe){.offset = s->text.len, .answer = word.last, .part = part[0]};
        bl_buf_puts(&s->text, word.first);
        if (word.first[0] && word.last[0])
            bl_buf_puts(&s->text, " ");
        if (strcmp(part, "os") == 0)
            put_plural(s, word.last);
        else
            bl_buf_puts(&s->text, word.last);
        bl_buf_puts(&s->text, word.suffix);
        return BL_OK;
    }
    const variable *v = find_variable(s, key, stem);
    if (v) {
        if (strcmp(part, "s") == 0)
            put_plural(s, v->value);
        else
            bl_buf_puts(&s->text, v->value);
        return BL_OK;
    }
    const bl_tale_rule *rule = find_rule(s->t, key, stem);
    int plural = strcmp(part, "s") == 0;
    if (!rule || (dot && !plural))
        return bl_fail(s->err, BL_EINVAL, "tales: {%s} means nothing", key);
    const char *alternative = pick(s, rule->alt);
    if (plural) {
        put_plural(s, alternative);
        return BL_OK;
    }
    return expand(s, alternative, strlen(alternative));
}

/* One {slot}. */
static bl_status expand_slot(story *s, const char *slot, size_t bytes)
{
    int recall = bytes && slot[0] == '?';
    slot += recall;
    bytes -= (size_t)recall;
    const char *equals = memchr(slot, '=', bytes);
    if (equals) {
        size_t name = (size_t)(equals - slot);
        const bl_tale_rule *rule = find_rule(s->t, equals + 1, bytes - name - 1);
        if (!rule)
            return bl_fail(s->err, BL_EINVAL, "tales: {%.*s}: no such rule", (int)bytes, slot);
        return assign(s, slot, name, rule);
    }
    char key[40] = "";
    if (bytes == 0 || bytes >= sizeof key)
        return bl_fail(s->err, BL_EINVAL, "tales: {%.*s}: bad length", (int)bytes, slot);
    memcpy(key, slot, bytes);
    int capital = key[0] >= 'A' && key[0] <= 'Z';
    if (capital)
        key[0] = (char)(key[0] - 'A' + 'a');
    size_t start = s->text.len;
    if (strcmp(key, "a") == 0)
        bl_buf_append(&s->text, (const char[]){'a', ARTICLE}, 2);
    else
        BL_TRY(expand_name(s, key, recall));
    if (capital)
        capitalize(s, start);
    return BL_OK;
}

static bl_status expand(story *s, const char *text, size_t bytes)
{
    if (++s->depth > DEPTH_MAX)
        return bl_fail(s->err, BL_EINVAL, "tales: rules nest too deep at \"%.40s\"", text);
    const char *end = text + bytes;
    while (text < end) {
        size_t plain = 0;
        while (text + plain < end && !strchr("{[<>/", text[plain]))
            plain++;
        bl_buf_append(&s->text, text, plain);
        text += plain;
        if (text == end)
            break;
        char c = *text++;
        if (c == '[') {
            BL_TRY(expand_choice(s, text, end, &text));
        } else if (c == '{') {
            const char *close = memchr(text, '}', (size_t)(end - text));
            if (!close)
                return bl_fail(s->err, BL_EINVAL, "tales: no } in \"%.40s\"", text);
            BL_TRY(expand_slot(s, text, (size_t)(close - text)));
            text = close + 1;
        } else {
            bl_buf_puts(&s->text, c == '/' ? "\n\n" : "\"");
        }
    }
    s->depth--;
    return BL_OK;
}

/* ---- finishing ---- */

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
static void finish(story *s, bl_buf *out)
{
    size_t base = out->len, next = 0;
    for (size_t i = 0; i < s->text.len; i++) {
        while (next < s->probe_count && s->probes[next].offset <= i)
            s->probes[next++].offset = out->len - base;
        char c = s->text.data[i];
        char last = out->len > base ? out->data[out->len - 1] : '\n';
        if (c == ARTICLE) {
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

static bl_status tell(story *s, const bl_tales *t, uint64_t index, bl_buf *out, bl_error *err)
{
    *s = (story){.t = t, .err = err};
    s->draws = (bl_tale_draws){.seed = t->seed, .story = index};
    const bl_tale_plot *plot = &bl_tale_plots[bl_tale_draw(&s->draws, bl_tale_plot_count)];
    const bl_tale_rule *things = find_rule(t, plot->things, strlen(plot->things));
    if (!things)
        return bl_fail(err, BL_EINVAL, "tales: no rule \"%s\"", plot->things);
    bl_tale_cast_make(&s->cast, &s->draws, plot, things->alt);
    bl_status status = expand_name(s, plot->rule, 0);
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
    story s;
    return tell(&s, t, index, out, err);
}

/* ---- probes ---- */

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

/* The alternatives of one probe: the same part of all things, as far as they were told. */
static int choices_of(const story *s, const probe *from, const char *text, bl_tales_probe *to)
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
    story s;
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
