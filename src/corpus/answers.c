/* Rendering conversations, and finding what the assistant says. */
#include "corpus/answers.h"

#include <string.h>

/* Bytes of JSON for each answer that is rendered by itself: a long conversation would take time
 * that grows with its square. */
enum { MOST_WORK = 1 << 30 };

/* An answer that no template knows. */
#define ANSWER "\xEE\x83\xB2"

/* ---- where an answer ends ---- */

/* Behind the last byte of `made` from `from` on that comes from a message; `from`: there is none. */
static size_t behind_words(const bl_rendering *made, size_t from)
{
    size_t at = made->bytes;
    while (at > from && !(made->marks && (made->marks[at - 1] & BL_MARK_INPUT)))
        at--;
    return at;
}

static int begins_with(const bl_rendering *made, const char *text, size_t bytes)
{
    return made->bytes >= bytes && (!bytes || memcmp(made->text, text, bytes) == 0);
}

/* Behind the token that ends the answer that begins at `from`: the usual one, or else the first
 * special one behind its words, with those directly behind it that the whole has too.  Without one
 * (*open), the end of the text. */
static size_t behind_answer(const bl_talk_form *f, const bl_rendering *made, size_t from,
                            const bl_rendering *whole, int *open)
{
    static const bl_added_index none;
    size_t last = behind_words(made, from), found = 0, begin, end;
    const bl_added *token;
    int usual = 0;
    bl_added_scan scan = {.index = f->specials ? f->specials : &none,
                          .text = made->bytes ? made->text + last : "",
                          .bytes = made->bytes - last,
                          .take_special = 1};
    while ((token = bl_added_next(&scan, &begin, &end)) != NULL) {
        int next = found && begin == found && begins_with(whole, made->text, last + end);
        if (!found || next || (!usual && token->id == f->end))
            found = end;
        else if (usual)
            break;
        usual |= token->id == f->end;
    }
    *open = !found;
    return found ? last + found : made->bytes;
}

bl_status bl_talk_form_find_end(bl_talk_form *f, bl_error *err)
{
    bl_rendering made = {.text = NULL};
    bl_error why;
    size_t begin, end;
    f->end = -1;
    json_t *input = json_pack("{s: [{s: s, s: s}, {s: s, s: s}]}", "messages", "role", "user",
                              "content", "?", "role", "assistant", "content", ANSWER);
    if (!input)
        return bl_fail(err, BL_ENOMEM, "out of memory for a conversation");
    bl_status status = bl_template_run(f->template, input, 1000, f->now, &made, &why);
    json_decref(input);
    size_t last = status == BL_OK ? behind_words(&made, 0) : 0;
    if (f->specials && last) {
        bl_added_scan scan = {.index = f->specials,
                              .text = made.text + last,
                              .bytes = made.bytes - last,
                              .take_special = 1};
        const bl_added *token = bl_added_next(&scan, &begin, &end);
        f->end = token ? (int64_t)token->id : -1;
    }
    bl_rendering_release(&made);
    return status == BL_ENOMEM ? bl_fail(err, status, "%s", why.message) : BL_OK;
}

/* ---- answers of a template without generation blocks ---- */

/* A conversation being rendered. */
typedef struct telling {
    const bl_talk_form *f;
    const json_t *input;
    json_t *part; /* the same with its first messages only */
    size_t bytes;
    bl_rendering whole;
    char *said;
    size_t learned, rewritten;
} telling;

static bl_status begin_part(telling *t, bl_error *err)
{
    t->part = json_copy((json_t *)(uintptr_t)t->input);
    return t->part && json_object_set_new(t->part, "messages", json_array()) == 0
               ? BL_OK
               : bl_fail(err, BL_ENOMEM, "out of memory for a conversation");
}

/* The first `count` messages, which never become fewer, and the prompt for an answer behind them. */
static bl_status render_first(telling *t, size_t count, int prompt, bl_rendering *made,
                              bl_error *err)
{
    const json_t *all = json_object_get(t->input, "messages");
    json_t *some = json_object_get(t->part, "messages");
    int failed = json_object_set_new(t->part, "add_generation_prompt", json_boolean(prompt)) != 0;
    for (size_t i = json_array_size(some); i < count && !failed; i++)
        failed = json_array_append(some, json_array_get(all, i)) != 0;
    return failed ? bl_fail(err, BL_ENOMEM, "out of memory for a conversation")
                  : bl_template_run(t->f->template, t->part, t->bytes, t->f->now, made, err);
}

/* Marks the answer that message `number` is, when the whole has it as it would be said. */
static void mark(telling *t, const bl_rendering *prompt, const bl_rendering *said)
{
    size_t from = prompt->bytes, end;
    int good = begins_with(said, prompt->text, from) && said->bytes > from, open = 0;
    end = good ? behind_answer(t->f, said, from, &t->whole, &open) : 0;
    if (!good || !begins_with(&t->whole, said->text, end)) {
        t->rewritten++;
        return;
    }
    for (size_t i = from; i < end; i++)
        t->said[i] |= BL_SAID_ANSWER;
    if (open && end == t->whole.bytes)
        t->said[end - 1] |= BL_SAID_LAST;
    t->learned++;
}

static bl_status tell_answer(telling *t, size_t number, size_t count, bl_error *err)
{
    bl_rendering prompt = {.text = NULL}, own = {.text = NULL};
    const bl_rendering *said = &t->whole;
    bl_error why;
    bl_status status = render_first(t, number, 1, &prompt, &why);
    if (status == BL_OK && number + 1 < count) {
        status = render_first(t, number + 1, 0, &own, &why);
        said = &own;
    }
    if (status == BL_OK)
        mark(t, &prompt, said);
    else
        t->rewritten++; /* not said where it would be */
    bl_rendering_release(&prompt);
    bl_rendering_release(&own);
    return status == BL_ENOMEM ? bl_fail(err, status, "%s", why.message) : BL_OK;
}

static int is_answer(const json_t *message)
{
    const char *role = json_string_value(json_object_get(message, "role"));
    return role && strcmp(role, "assistant") == 0;
}

static bl_status tell_answers(telling *t, bl_error *err)
{
    size_t i, answers = 0;
    json_t *messages = json_object_get(t->input, "messages"), *message;
    size_t count = json_array_size(messages);
    json_array_foreach (messages, i, message)
        answers += (size_t)is_answer(message);
    if (answers > 1 && t->bytes > MOST_WORK / answers)
        return bl_fail(err, BL_EFORMAT,
                       "%zu answers in %zu bytes are too many to render one by one; a template "
                       "with generation blocks needs not",
                       answers, t->bytes);
    BL_TRY(begin_part(t, err));
    json_array_foreach (messages, i, message)
        if (is_answer(message))
            BL_TRY(tell_answer(t, i, count, err));
    return BL_OK;
}

/* ---- of one with them ---- */

static void count_answers(telling *t)
{
    int before = 0, now = 0, open;
    size_t n = t->whole.bytes;
    for (size_t i = 0; i < n; i++, before = now) {
        now = (t->said[i] & BL_SAID_ANSWER) != 0;
        t->learned += (size_t)(now && !before);
    }
    if (now && behind_answer(t->f, &t->whole, 0, &t->whole, &open) == n && open)
        t->said[n - 1] |= BL_SAID_LAST;
}

/* ---- all ---- */

bl_status bl_answers_write(const bl_talk_form *f, json_t *input, size_t bytes, bl_buf *text,
                           bl_buf *said, size_t *learned, size_t *rewritten, bl_error *err)
{
    telling t = {.f = f, .input = input, .bytes = bytes};
    *learned = *rewritten = 0;
    BL_TRY(bl_template_run(f->template, input, bytes, f->now, &t.whole, err));
    size_t n = t.whole.bytes;
    bl_status status = BL_OK;
    bl_buf_append(text, t.whole.text ? t.whole.text : "", n);
    t.said = bl_buf_reserve(said, n);
    if (!t.said || text->failed)
        status = bl_fail(err, BL_ENOMEM, "out of memory for a conversation");
    if (status == BL_OK) {
        if (n && t.whole.marks)
            memcpy(t.said, t.whole.marks, n);
        else
            memset(t.said, 0, n);
        if (bl_template_generates(f->template, input))
            count_answers(&t);
        else
            status = tell_answers(&t, err);
        said->len += n;
    }
    bl_rendering_release(&t.whole);
    json_decref(t.part);
    *learned = t.learned;
    *rewritten = t.rewritten;
    return status;
}

/* ---- of its tokens ---- */

/* Does the assistant say any of these bytes? */
static unsigned char is_said(const unsigned char *said, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++)
        if (said[i] & BL_SAID_ANSWER)
            return 1;
    return 0;
}

/* A token counts when any of its bytes is the assistant's; one that is only the space that the
 * tokenizer puts in front of a text, when what follows does. */
void bl_answers_count(const unsigned char *said, size_t bytes, const bl_offset *from, size_t count,
                      unsigned char *counts)
{
    counts[count] = 0;
    for (size_t i = count; i-- > 0;)
        counts[i] = from[i].start == from[i].end ? counts[i + 1]
                                                 : is_said(said, from[i].start, from[i].end);
    counts[count] = bytes && (said[bytes - 1] & BL_SAID_LAST) != 0;
}
