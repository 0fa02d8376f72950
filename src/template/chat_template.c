/* Chat templates of the public API: messages in, text or ids out. */
#include "template/chat_template.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/clock.h"
#include "core/give.h"
#include "core/path.h"
#include "format/json.h"
#include "template/template_files.h"

#include <string.h>

/* An answer that no template knows, to find where one ends. */
#define ANSWER                                                                                     \
    "\xEE\x83\xB1"                                                                                 \
    "answer"                                                                                       \
    "\xEE\x83\xB1"

const char bl_chatml[] =
    "{% for message in messages %}{% if message['role'] == 'assistant' %}"
    "{{ '<|im_start|>assistant\\n' }}{% generation %}{{ message['content'] + '<|im_end|>' }}"
    "{% endgeneration %}{{ '\\n' }}{% else %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/* Gives what was made, or closes it. */
static bl_status give(bl_template **t, bl_template *made, bl_status status)
{
    if (status == BL_OK)
        *t = made;
    else
        bl_template_close(made);
    return status;
}

bl_status bl_template_open(bl_template **t, const char *path, const char *name, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, t);
    *t = NULL;
    BL_NOT_NULL(err, path);
    bl_call_begin(&call, err);
    bl_template *made = bl_calloc(1, sizeof *made);
    bl_status status = made ? bl_template_files_read(made, path, name, err)
                            : bl_fail(err, BL_ENOMEM, "out of memory for a chat template");
    return bl_call_end(&call, give(t, made, status), err);
}

bl_status bl_template_of_text(bl_template **t, const char *what, const char *text, bl_error *err)
{
    bl_template *made = bl_calloc(1, sizeof *made);
    *t = NULL;
    return give(t, made,
                made ? bl_template_text_read(made, what, text, err)
                     : bl_fail(err, BL_ENOMEM, "out of memory for a chat template"));
}

void bl_template_close(bl_template *t)
{
    if (!t)
        return;
    bl_program_close(t->program);
    bl_program_close(t->with_tools);
    json_decref(t->own);
    json_decref(t->source);
    bl_free(t->folder);
    bl_free(t);
}

/* ---- messages ---- */

/* A list of messages, or an object of variables, as an object with "messages". */
static bl_status read_input(json_t **input, const char *json, size_t bytes, bl_error *err)
{
    json_error_t why;
    json_t *value = bl_json_parse_strict(json, bytes, JSON_ALLOW_NUL, &why);
    *input = NULL;
    if (!value)
        return bl_fail(err, bl_json_failure(&why), "the messages: line %d: %s", why.line, why.text);
    if (json_is_array(value)) {
        json_t *around = json_pack("{s: o}", "messages", value); /* takes it, also when it fails */
        if (!around)
            return bl_fail(err, BL_ENOMEM, "out of memory for messages");
        value = around;
    }
    const json_t *messages = json_object_get(value, "messages");
    if (!json_is_array(messages)) {
        bl_status status = bl_fail(err, BL_EFORMAT,
                                   "the messages: expected a list, or an object with a list "
                                   "\"messages\", found %s",
                                   bl_json_type_name(messages ? messages : value));
        json_decref(value);
        return status;
    }
    *input = value;
    return BL_OK;
}

/* The one for such input. */
static const bl_program *program_for(const bl_template *t, const json_t *input)
{
    const json_t *tools = json_object_get(input, "tools");
    return t->with_tools && tools && !json_is_null(tools) ? t->with_tools : t->program;
}

bl_status bl_template_run(const bl_template *t, const json_t *input, size_t bytes, int64_t now,
                          bl_rendering *made, bl_error *err)
{
    return bl_program_render(program_for(t, input), t->own, input, bytes,
                             now < 0 ? (int64_t)bl_clock_wall() : now, made, err);
}

int bl_template_generates(const bl_template *t, const json_t *input)
{
    return bl_program_generates(program_for(t, input));
}

/* Is the word in a text, between quotes, and no key in brackets? */
static int quotes(const json_t *source, const char *word)
{
    const char *text = json_string_value(source);
    size_t n = strlen(word);
    for (const char *at = text; at && (at = strstr(at, word)) != NULL; at++)
        if (at > text && (at[-1] == '\'' || at[-1] == '"') && at[n] == at[-1] &&
            !(at - 1 > text && at[-2] == '[' && at[n + 1] == ']'))
            return 1;
    return 0;
}

int bl_template_quotes(const bl_template *t, const char *word)
{
    size_t i;
    json_t *one;
    json_array_foreach (t->source, i, one)
        if (quotes(json_object_get(one, "template"), word))
            return 1;
    return quotes(t->source, word);
}

static bl_status run_json(const bl_template *t, const char *json, size_t bytes, int64_t now,
                          bl_rendering *made, bl_error *err)
{
    json_t *input;
    *made = (bl_rendering){.text = NULL};
    BL_TRY(read_input(&input, json, bytes, err));
    bl_status status = bl_template_run(t, input, bytes, now, made, err);
    json_decref(input);
    return status;
}

bl_status bl_template_render(const bl_template *t, const char *json, size_t json_bytes, int64_t now,
                             char *text, size_t cap, size_t *bytes, bl_error *err)
{
    bl_call call;
    bl_rendering made;
    BL_NOT_NULL(err, bytes);
    *bytes = 0;
    BL_NOT_NULL(err, t);
    BL_NOT_NULL_IF(err, json_bytes, json);
    BL_NOT_NULL_IF(err, cap, text);
    bl_call_begin(&call, err);
    bl_status status = run_json(t, json ? json : "", json_bytes, now, &made, err);
    if (status == BL_OK) {
        size_t n = made.bytes < cap ? made.bytes : cap;
        if (n)
            memcpy(text, made.text, n);
        *bytes = made.bytes;
    }
    bl_rendering_release(&made);
    return bl_call_end(&call, status, err);
}

/* ---- ids ---- */

bl_status bl_template_ids(const bl_tokenizer *tokenizer, bl_word_cache *cache,
                          const bl_rendering *made, size_t from, unsigned flags, bl_id_list *ids,
                          bl_error *err)
{
    int all = (flags & BL_ENCODE_SPECIAL) || !made->marks;
    return bl_tokenizer_append_typed(tokenizer, cache, made->bytes ? made->text + from : "",
                                     made->bytes - from, all ? NULL : made->marks + from,
                                     BL_MARK_INPUT, BL_ENCODE_SPECIAL | BL_ENCODE_OFFSETS, ids,
                                     err);
}

int bl_template_is_answer(const bl_rendering *made, size_t from, bl_offset offset)
{
    for (size_t i = offset.start; made->marks && i < offset.end; i++)
        if (made->marks[from + i] & BL_MARK_ANSWER)
            return 1;
    return 0;
}

/* What a caller asked for of the ids of a rendering. */
static bl_status give_ids(const bl_tokenizer *tokenizer, const bl_rendering *made, size_t from,
                          unsigned flags, int32_t *ids, unsigned char *answers, size_t cap,
                          size_t *count, bl_error *err)
{
    bl_id_list all = {0};
    bl_word_cache *cache;
    BL_TRY(bl_word_cache_open(&cache, err));
    bl_status status = bl_template_ids(tokenizer, cache, made, from, flags, &all, err);
    for (size_t i = 0; status == BL_OK && i < all.count && i < cap; i++) {
        ids[i] = all.ids[i];
        if (answers)
            answers[i] = (unsigned char)bl_template_is_answer(made, from, all.offsets[i]);
    }
    *count = status == BL_OK ? all.count : 0;
    bl_word_cache_close(cache);
    bl_id_list_release(&all);
    return status;
}

bl_status bl_template_encode(const bl_template *t, const bl_tokenizer *tokenizer, const char *json,
                             size_t json_bytes, int64_t now, unsigned flags, int32_t *ids,
                             unsigned char *answers, size_t cap, size_t *count, bl_error *err)
{
    bl_call call;
    bl_rendering made;
    BL_NOT_NULL(err, count);
    *count = 0;
    BL_NOT_NULL(err, t);
    BL_NOT_NULL(err, tokenizer);
    BL_NOT_NULL_IF(err, json_bytes, json);
    BL_NOT_NULL_IF(err, cap, ids);
    bl_call_begin(&call, err);
    bl_status status = run_json(t, json ? json : "", json_bytes, now, &made, err);
    if (status == BL_OK)
        status = give_ids(tokenizer, &made, 0, flags, ids, answers, cap, count, err);
    bl_rendering_release(&made);
    return bl_call_end(&call, status, err);
}

/* ---- a conversation, turn by turn ---- */

static int add_message(json_t *messages, const char *role, const char *content, size_t bytes)
{
    return json_array_append_new(
        messages, json_pack("{s: s, s: s%}", "role", role, "content", content, bytes));
}

/* The messages of a turn; when it is not the first, a short exchange before it. */
static bl_status turn_messages(json_t **input, const char *system, const char *user, size_t bytes,
                               int first, bl_error *err)
{
    json_t *messages = json_array();
    int failed = !messages;
    if (system && !failed)
        failed = add_message(messages, "system", system, strlen(system)) != 0;
    if (!first && !failed)
        failed = add_message(messages, "user", "?", 1) != 0 ||
                 add_message(messages, "assistant", ANSWER, strlen(ANSWER)) != 0;
    if (user && !failed)
        failed = add_message(messages, "user", user, bytes) != 0;
    if (failed) {
        json_decref(messages);
        *input = NULL;
    } else {
        *input =
            json_pack("{s: o, s: b}", "messages", messages, "add_generation_prompt", user != NULL);
    }
    return *input ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for messages");
}

/* Behind the last answer of a rendering; 0: there is none. */
static size_t after_answer(const bl_rendering *made)
{
    size_t n = strlen(ANSWER);
    for (size_t at = made->bytes; at >= n; at--)
        if (memcmp(made->text + at - n, ANSWER, n) == 0)
            return at;
    return 0;
}

static bl_status run_turn(const bl_template *t, const char *system, const char *user, size_t bytes,
                          int first, bl_rendering *made, size_t *from, bl_error *err)
{
    json_t *input;
    size_t all = bytes + (system ? strlen(system) : 0) + 1000;
    *made = (bl_rendering){.text = NULL};
    *from = 0;
    BL_TRY(turn_messages(&input, system, user, bytes, first, err));
    bl_status status = bl_template_run(t, input, all, -1, made, err);
    json_decref(input);
    BL_TRY(status);
    if (first)
        return BL_OK;
    *from = after_answer(made);
    return *from ? BL_OK
                 : bl_fail(err, BL_EUNSUPPORTED,
                           "the chat template does not write what the assistant said before");
}

bl_status bl_template_turn(const bl_template *t, const bl_tokenizer *tokenizer, const char *system,
                           const char *user, size_t bytes, int first, int32_t *ids, size_t cap,
                           size_t *count, bl_error *err)
{
    bl_call call;
    bl_rendering made;
    size_t from;
    BL_NOT_NULL(err, count);
    *count = 0;
    BL_NOT_NULL(err, t);
    BL_NOT_NULL(err, tokenizer);
    BL_NOT_NULL_IF(err, bytes, user);
    BL_NOT_NULL_IF(err, cap, ids);
    bl_call_begin(&call, err);
    size_t invalid = bl_utf8_invalid(user ? user : "", bytes);
    bl_status status = invalid < bytes
                           ? bl_fail(err, BL_EFORMAT, "the text is not UTF-8 at byte %zu", invalid)
                           : run_turn(t, system, user ? user : "", bytes, first, &made, &from, err);
    if (status == BL_OK)
        status = give_ids(tokenizer, &made, from, 0, ids, NULL, cap, count, err);
    if (invalid == bytes)
        bl_rendering_release(&made);
    return bl_call_end(&call, status, err);
}

/* ---- what ends an answer ---- */

typedef struct ends {
    int32_t *ids;
    size_t cap, count;
    int32_t seen[64];
} ends;

static void add_end(ends *e, const bl_tokenizer *tokenizer, int64_t id)
{
    if (id < 0 || (uint64_t)id >= bl_tokenizer_vocab_size(tokenizer))
        return;
    for (size_t i = 0; i < e->count; i++)
        if (e->seen[i] == id)
            return;
    if (e->count == sizeof e->seen / sizeof *e->seen)
        return;
    if (e->count < e->cap)
        e->ids[e->count] = (int32_t)id;
    e->seen[e->count++] = (int32_t)id;
}

/* eos_token_id of a file of the model, a number or a list. */
static bl_status read_ends(ends *e, const bl_template *t, const bl_tokenizer *tokenizer,
                           const char *name, bl_error *err)
{
    json_t *config = NULL;
    char *path = t->folder ? bl_path_join(t->folder, name) : NULL;
    if (t->folder && !path)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_status status =
        path && bl_path_what(path) == BL_PATH_FILE ? bl_json_load(&config, path, err) : BL_OK;
    const json_t *ids = json_object_get(config, "eos_token_id");
    if (json_is_integer(ids))
        add_end(e, tokenizer, json_integer_value(ids));
    for (size_t i = 0; i < json_array_size(ids); i++)
        if (json_is_integer(json_array_get(ids, i)))
            add_end(e, tokenizer, json_integer_value(json_array_get(ids, i)));
    json_decref(config);
    bl_free(path);
    return status;
}

/* The special token that the template writes right behind an answer. */
static bl_status read_mark(ends *e, const bl_template *t, const bl_tokenizer *tokenizer,
                           bl_error *err)
{
    bl_rendering made;
    size_t from, count, bytes;
    int32_t id = -1;
    bl_error why;
    bl_status status = run_turn(t, NULL, "?", 1, 0, &made, &from, &why);
    if (status == BL_OK)
        status = give_ids(tokenizer, &made, from, 0, &id, NULL, 1, &count, &why);
    bl_rendering_release(&made);
    if (bl_status_is_passing(status))
        return bl_fail(err, status, "%s", why.message);
    const char *spelled = id >= 0 ? bl_tokenizer_bytes(tokenizer, id, &bytes) : NULL;
    char text[2];
    if (spelled && bl_tokenizer_decode(tokenizer, &id, 1, 0, text, 1, &bytes, NULL) == BL_OK &&
        bytes == 0)
        add_end(e, tokenizer, id); /* special: decoding leaves it out */
    return BL_OK;
}

static bl_status find_ends(ends *e, const bl_template *t, const bl_tokenizer *tokenizer,
                           bl_error *err)
{
    const char *eos = json_string_value(json_object_get(t->own, "eos_token"));
    BL_TRY(read_mark(e, t, tokenizer, err));
    BL_TRY(read_ends(e, t, tokenizer, "generation_config.json", err));
    BL_TRY(read_ends(e, t, tokenizer, "config.json", err));
    add_end(e, tokenizer, eos ? bl_tokenizer_id(tokenizer, eos) : -1);
    return BL_OK;
}

bl_status bl_template_ends(const bl_template *t, const bl_tokenizer *tokenizer, int32_t *ids,
                           size_t cap, size_t *count, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, count);
    *count = 0;
    BL_NOT_NULL(err, t);
    BL_NOT_NULL(err, tokenizer);
    BL_NOT_NULL_IF(err, cap, ids);
    bl_call_begin(&call, err);
    ends e = {.ids = ids, .cap = cap};
    bl_status status = find_ends(&e, t, tokenizer, err);
    *count = status == BL_OK ? e.count : 0;
    return bl_call_end(&call, status, err);
}
