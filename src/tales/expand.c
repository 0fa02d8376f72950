/* Expanding the rules of a story: alternatives are picked, slots filled. */
#include "tales/story.h"

#include <string.h>

enum { DEPTH_MAX = 24 }; /* of rules within rules */

static bl_status expand(bl_tale_story *s, const char *text, size_t bytes);

static int picked_lately(const bl_tale_story *s, const char *alternative)
{
    size_t n = s->pick_count < BL_TALE_MEMORY ? s->pick_count : BL_TALE_MEMORY;
    for (size_t i = 0; i < n; i++)
        if (strcmp(s->picked[i], alternative) == 0)
            return 1;
    return 0;
}

/* One of a rule's alternatives, if possible none that this story has used lately. */
static const char *pick(bl_tale_story *s, const char *const *alternatives)
{
    size_t count = 0;
    while (alternatives[count])
        count++;
    const char *choice = NULL;
    for (int attempt = 0; attempt < 8 && (!choice || picked_lately(s, choice)); attempt++)
        choice = alternatives[bl_tale_draw(&s->draws, count)];
    s->picked[s->pick_count++ % BL_TALE_MEMORY] = choice;
    return choice;
}

/* [one|two|three] at text, after the bracket: expands one of them and returns what follows. */
static bl_status expand_choice(bl_tale_story *s, const char *text, const char *end,
                               const char **after)
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

static bl_tale_variable *find_variable(bl_tale_story *s, const char *name, size_t bytes)
{
    for (size_t i = 0; i < s->variable_count; i++)
        if (strlen(s->variables[i].name) == bytes && memcmp(s->variables[i].name, name, bytes) == 0)
            return &s->variables[i];
    return NULL;
}

/* {x=rule}: expands the rule at the end of the text, moves it into the variable. */
static bl_status assign(bl_tale_story *s, const char *name, size_t bytes, const bl_tale_rule *rule)
{
    bl_tale_variable *v = find_variable(s, name, bytes);
    if (!v && s->variable_count < BL_TALE_VARIABLES)
        v = &s->variables[s->variable_count++];
    if (!v || bytes >= sizeof v->name)
        return bl_fail(s->err, BL_EINVAL, "tales: no room for variable \"%.*s\"", (int)bytes, name);
    memset(v, 0, sizeof *v);
    memcpy(v->name, name, bytes);
    size_t start = s->text.len;
    const char *alternative = pick(s, rule->alt);
    BL_TRY(expand(s, alternative, strlen(alternative)));
    if (s->text.len - start >= BL_TALE_VALUE_MAX)
        return bl_fail(s->err, BL_EINVAL, "tales: \"%.40s\" is too long to keep", alternative);
    if (s->text.len > start)
        memcpy(v->value, s->text.data + start, s->text.len - start);
    s->text.len = start;
    return BL_OK;
}

static void capitalize(bl_tale_story *s, size_t at)
{
    if (at < s->text.len && s->text.data[at] >= 'a' && s->text.data[at] <= 'z')
        s->text.data[at] = (char)(s->text.data[at] - 'a' + 'A');
}

static void put_plural(bl_tale_story *s, const char *noun)
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

bl_status bl_tale_expand_name(bl_tale_story *s, const char *key, int recall)
{
    const char *dot = strchr(key, '.');
    size_t stem = dot ? (size_t)(dot - key) : strlen(key);
    const char *part = dot ? dot + 1 : "";
    bl_tale_word word;
    if (bl_tale_cast_word(&s->cast, key, stem, part, &word)) {
        if (recall && s->probe_count < BL_TALE_PROBES)
            s->probes[s->probe_count++] =
                (bl_tale_recall){.offset = s->text.len, .answer = word.last, .part = part[0]};
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
    const bl_tale_variable *v = find_variable(s, key, stem);
    if (v) {
        if (strcmp(part, "s") == 0)
            put_plural(s, v->value);
        else
            bl_buf_puts(&s->text, v->value);
        return BL_OK;
    }
    const bl_tale_rule *rule = bl_tale_find_rule(s->t, key, stem);
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
static bl_status expand_slot(bl_tale_story *s, const char *slot, size_t bytes)
{
    int recall = bytes && slot[0] == '?';
    slot += recall;
    bytes -= (size_t)recall;
    const char *equals = memchr(slot, '=', bytes);
    if (equals) {
        size_t name = (size_t)(equals - slot);
        const bl_tale_rule *rule = bl_tale_find_rule(s->t, equals + 1, bytes - name - 1);
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
        bl_buf_append(&s->text, (const char[]){'a', BL_TALE_ARTICLE}, 2);
    else
        BL_TRY(bl_tale_expand_name(s, key, recall));
    if (capital)
        capitalize(s, start);
    return BL_OK;
}

static bl_status expand(bl_tale_story *s, const char *text, size_t bytes)
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
