/* What a command reads: a whole text, and token ids written as text. */
#include "input.h"
#include "progress.h"
#include "signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bl_status no_memory(bl_error *err)
{
    return bl_cli_fail(err, BL_ENOMEM, "out of memory");
}

bl_status bl_text_copy(bl_text *text, const char *from, bl_error *err)
{
    text->bytes = strlen(from);
    text->data = malloc(text->bytes + 1);
    if (!text->data)
        return no_memory(err);
    memcpy(text->data, from, text->bytes + 1);
    return BL_OK;
}

static int take_text(void *user, const char *data, size_t bytes)
{
    bl_text *text = user;
    text->data = malloc(bytes + 1);
    if (text->data) {
        memcpy(text->data, data, bytes);
        text->data[bytes] = 0;
        text->bytes = bytes;
    }
    return 0;
}

static int caught(void *user, const char *stage, uint64_t done, uint64_t total, const char *unit)
{
    (void)user, (void)stage, (void)done, (void)total, (void)unit;
    return bl_signals_caught() != 0;
}

/* A line of progress would get in the way of typing. */
static bl_progress_fn *progress_of(const char *path)
{
    return strcmp(path, "-") == 0 && isatty(STDIN_FILENO) ? caught : bl_progress_passing;
}

static bl_status whole(bl_text *text, bl_status status, bl_error *err)
{
    return status == BL_OK && !text->data ? no_memory(err) : status;
}

bl_status bl_text_read(bl_text *text, const char *path, bl_error *err)
{
    *text = (bl_text){0};
    return whole(text, bl_read_file(path, progress_of(path), take_text, text, err), err);
}

bl_status bl_text_read_as(bl_text *text, const char *path, const bl_options *reading, bl_error *err)
{
    *text = (bl_text){0};
    return whole(text, bl_read_text(path, reading, progress_of(path), take_text, text, err), err);
}

bl_status bl_cli_reading_check(const bl_args *args, bl_error *err)
{
    const char *documents = bl_flags_text(args, "documents");
    if (bl_flags_given(args, "chat-template") && (!documents || strcmp(documents, "messages") != 0))
        return bl_cli_fail(err, BL_EINVAL,
                           "--chat-template writes conversations: it needs --documents messages");
    return BL_OK;
}

bl_status bl_cli_reading(bl_options **reading, const bl_args *args, bl_error *err)
{
    static const struct {
        const char *flag, *option;
    } told[] = {{"encoding", "encoding"},
                {"field", "field"},
                {"glob", "glob"},
                {"documents", "documents"},
                {"chat-template", "chat_template"}};
    bl_status status = bl_options_open(reading, BL_OPTIONS_PREPARE, err);
    for (size_t i = 0; i < sizeof told / sizeof *told && status == BL_OK; i++) {
        const char *value = bl_flags_text(args, told[i].flag);
        if (value)
            status = bl_options_set(*reading, told[i].option, value, err);
    }
    if (status == BL_OK && bl_flags_on(args, "replace-invalid"))
        status = bl_options_set(*reading, "replace_invalid", "true", err);
    if (status == BL_OK && bl_flags_on(args, "skip-bad"))
        status = bl_options_set(*reading, "skip_bad", "true", err);
    return status;
}

void bl_text_release(bl_text *text)
{
    free(text->data);
    *text = (bl_text){0};
}

static int is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The place in a list of ids. */
typedef struct reader {
    const char *at, *end, *begin, *name;
} reader;

static void skip_space(reader *r)
{
    while (r->at < r->end && is_space(*r->at))
        r->at++;
}

static int take(reader *r, const char *word)
{
    size_t bytes = strlen(word);
    skip_space(r);
    if ((size_t)(r->end - r->at) < bytes || memcmp(r->at, word, bytes) != 0)
        return 0;
    r->at += bytes;
    return 1;
}

static bl_status not_ids(const reader *r, bl_error *err)
{
    if (r->at == r->end)
        return bl_cli_fail(err, BL_EINVAL, "%s: the list of token ids ends early", r->name);
    int shown = 0;
    while (r->at + shown < r->end && shown < 16 && !is_space(r->at[shown]) && r->at[shown] != ',')
        shown++;
    return bl_cli_fail(err, BL_EINVAL, "%s: expected a token id at byte %zu, not '%.*s'", r->name,
                       (size_t)(r->at - r->begin), shown, r->at);
}

/* One number; numbers past int32 are well-formed but not ids. */
static bl_status take_id(reader *r, int32_t *id, bl_error *err)
{
    const char *start = r->at;
    int64_t n = 0;
    int negative = r->at < r->end && *r->at == '-';
    if (negative)
        r->at++;
    const char *digits = r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        if (n <= INT32_MAX)
            n = n * 10 + (*r->at - '0');
    int ended = r->at == r->end || is_space(*r->at) || *r->at == ',' || *r->at == ']';
    if (r->at == digits || !ended) {
        r->at = start;
        return not_ids(r, err);
    }
    if (n > INT32_MAX || (negative && n > 0))
        return bl_cli_fail(err, BL_EFORMAT, "%s: %.*s is past every vocabulary", r->name,
                           (int)(r->at - start < 40 ? r->at - start : 40), start);
    *id = (int32_t)n;
    return BL_OK;
}

bl_status bl_ids_parse(bl_ids *ids, const char *text, size_t bytes, const char *name, bl_error *err)
{
    reader r = {text, text + bytes, text, name};
    int object = take(&r, "{");
    if (object && (!take(&r, "\"ids\"") || !take(&r, ":")))
        return not_ids(&r, err);
    int array = take(&r, "[");
    if (object && !array)
        return not_ids(&r, err);
    ids->count = 0;
    ids->id = malloc((bytes / 2 + 1) * sizeof *ids->id); /* an id and its separator: two bytes */
    if (!ids->id)
        return no_memory(err);
    int comma = 0;
    for (;;) {
        skip_space(&r);
        if (r.at == r.end || *r.at == ']' || *r.at == '}')
            break;
        if (array && ids->count && !comma)
            return not_ids(&r, err);
        bl_status status = take_id(&r, &ids->id[ids->count], err);
        if (status != BL_OK)
            return status;
        ids->count++;
        comma = take(&r, ",");
    }
    if (comma || (array && !take(&r, "]")) || (object && !take(&r, "}")))
        return not_ids(&r, err);
    skip_space(&r);
    return r.at == r.end ? BL_OK : not_ids(&r, err);
}

/* Room for `count` ids, and for as many offsets if they are wanted. */
static bl_status room(bl_ids *ids, size_t count, int offsets, bl_error *err)
{
    int32_t *id = realloc(ids->id, count * sizeof *id);
    if (!id)
        return no_memory(err);
    ids->id = id;
    bl_offset *offset = offsets ? realloc(ids->offset, count * sizeof *offset) : NULL;
    if (offsets && !offset)
        return no_memory(err);
    ids->offset = offset;
    return BL_OK;
}

bl_status bl_ids_encode(bl_ids *ids, size_t first, const bl_tokenizer *tokenizer,
                        const bl_text *text, unsigned flags, bl_error *err)
{
    /* One id a byte is nearly always enough; the count tells when it was not. */
    size_t cap = text->bytes + 16, count = 0;
    for (int again = 0; again < 2; again++) {
        bl_status status = room(ids, first + cap, (flags & BL_ENCODE_OFFSETS) != 0, err);
        if (status == BL_OK)
            status = bl_tokenizer_encode_offsets(
                tokenizer, text->data, text->bytes, flags, ids->id + first,
                ids->offset ? ids->offset + first : NULL, cap, &count, err);
        if (status != BL_OK)
            return status;
        if (count <= cap)
            break;
        cap = count;
    }
    ids->count = first + count;
    return BL_OK;
}

bl_status bl_ids_turn(bl_ids *ids, const bl_template *t, const bl_tokenizer *tokenizer,
                      const char *system, const bl_text *text, int first, bl_error *err)
{
    size_t count = 0;
    bl_status status = bl_template_turn(t, tokenizer, system, text->data, text->bytes, first, NULL,
                                        0, &count, err);
    if (status == BL_OK && !(ids->id = malloc((count + 1) * sizeof *ids->id)))
        status = no_memory(err);
    if (status == BL_OK)
        status = bl_template_turn(t, tokenizer, system, text->data, text->bytes, first, ids->id,
                                  count, &ids->count, err);
    return status;
}

void bl_ids_release(bl_ids *ids)
{
    free(ids->id);
    free(ids->offset);
    *ids = (bl_ids){0};
}
