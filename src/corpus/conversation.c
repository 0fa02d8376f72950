/* Reading conversations, and ChatML. */
#include "corpus/conversation.h"
#include "format/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A conversation being read: where the words of its failure go. */
typedef struct talk_reader {
    bl_conversation *to;
    bl_conversation_found found;
    char *why;
    size_t answers;
    bl_buf content;
} talk_reader;

void bl_conversation_release(bl_conversation *c)
{
    bl_buf_release(&c->text);
    bl_buf_release(&c->said);
}

static int bad(talk_reader *r, const char *format, ...) BL_PRINTF(2, 3);

static int bad(talk_reader *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->why, BL_CONVERSATION_WHY, format, args);
    va_end(args);
    r->found = BL_CONVERSATION_BAD;
    return 0;
}

/* ---- the text ---- */

static void put(talk_reader *r, const char *text, size_t bytes, int said)
{
    bl_buf_append(&r->to->text, text, bytes);
    char *marks = bl_buf_reserve(&r->to->said, bytes);
    if (!marks)
        return;
    memset(marks, said, bytes);
    r->to->said.len += bytes;
}

static void put_word(talk_reader *r, const char *word, int said)
{
    put(r, word, strlen(word), said);
}

static void put_message(talk_reader *r, const char *role, const char *text, size_t bytes)
{
    int answer = strcmp(role, "assistant") == 0 ? BL_SAID_ANSWER : 0;
    put_word(r, "<|im_start|>", 0);
    put_word(r, role, 0);
    put_word(r, "\n", 0);
    put(r, text, bytes, BL_SAID_INPUT | answer);
    put_word(r, "<|im_end|>", answer);
    put_word(r, "\n", 0);
    r->answers += answer != 0;
}

/* ---- what is in it ---- */

static const char *known_role(const char *role)
{
    static const char *const roles[] = {"system", "user", "assistant", "tool"};
    for (size_t i = 0; role && i < sizeof roles / sizeof *roles; i++)
        if (strcmp(role, roles[i]) == 0)
            return roles[i];
    return NULL;
}

/* One part of a content that is a list. */
static int read_part(talk_reader *r, size_t number, const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    const json_t *text = json_object_get(part, "text");
    if (!json_is_object(part) || !type)
        return bad(r, "a part of the content of message %zu is no object with a \"type\"", number);
    if (strcmp(type, "text") != 0)
        return bad(r, "a part of message %zu is of type \"%.40s\"; only text is learned", number,
                   type);
    if (!json_is_string(text))
        return bad(r, "a part of message %zu has no \"text\"", number);
    bl_buf_append(&r->content, json_string_value(text), json_string_length(text));
    return 1;
}

/* The content as one text in r->content. */
static int read_content(talk_reader *r, size_t number, const json_t *content)
{
    size_t i;
    const json_t *part;
    bl_buf_clear(&r->content);
    if (json_is_string(content)) {
        bl_buf_append(&r->content, json_string_value(content), json_string_length(content));
        return 1;
    }
    if (!json_is_array(content))
        return bad(r, "the content of message %zu is %s, not text", number,
                   content ? bl_json_type_name(content) : "missing");
    json_array_foreach (content, i, part)
        if (!read_part(r, number, part))
            return 0;
    return 1;
}

static int is_blank(const bl_buf *text)
{
    for (size_t i = 0; i < text->len; i++)
        if (!strchr(" \t\n\v\f\r", text->data[i]) || !text->data[i])
            return 0;
    return 1;
}

/* An empty system message says nothing and is left out; other empty ones are refused, because what
 * they would teach is silence. */
static int read_message(talk_reader *r, size_t number, const json_t *message)
{
    const json_t *role = json_object_get(message, "role");
    const char *name = known_role(json_string_value(role));
    if (!json_is_object(message))
        return bad(r, "message %zu is %s, not an object", number, bl_json_type_name(message));
    if (!json_is_string(role))
        return bad(r, "message %zu has no \"role\"", number);
    if (!name || strlen(name) != json_string_length(role))
        return bad(r, "the role \"%.40s\" of message %zu is not system, user, assistant or tool",
                   json_string_value(role), number);
    if (!read_content(r, number, json_object_get(message, "content")))
        return 0;
    if (!is_blank(&r->content))
        put_message(r, name, r->content.data, r->content.len);
    else if (strcmp(name, "system") != 0)
        return bad(r, "message %zu (%s) is empty", number, name);
    return 1;
}

static int read_messages(talk_reader *r, const json_t *messages, const char *field)
{
    size_t i;
    const json_t *message;
    if (!json_is_array(messages))
        return bad(r, "\"%.64s\" is %s, not an array of messages", field,
                   bl_json_type_name(messages));
    json_array_foreach (messages, i, message)
        if (!read_message(r, i + 1, message))
            return 0;
    return r->answers ? 1 : bad(r, "no message of the assistant, so nothing to learn");
}

static int read_pair(talk_reader *r, const json_t *object, const char *ask, const char *answer)
{
    static const char *const roles[] = {"user", "assistant"};
    const char *const names[] = {ask, answer};
    for (size_t i = 0; i < 2; i++) {
        const json_t *text = json_object_get(object, names[i]);
        if (!json_is_string(text))
            return bad(r, "\"%.64s\" is %s, not text", names[i],
                       text ? bl_json_type_name(text) : "missing");
        bl_buf_clear(&r->content);
        bl_buf_append(&r->content, json_string_value(text), json_string_length(text));
        if (is_blank(&r->content))
            return bad(r, "\"%.64s\" is empty", names[i]);
        put_message(r, roles[i], r->content.data, r->content.len);
    }
    return 1;
}

/* Which of the two forms. */
static int read_object(talk_reader *r, const json_t *object, const char *field)
{
    char ask[128];
    const char *comma = field ? strchr(field, ',') : NULL;
    if (!json_is_object(object))
        return bad(r, "not a JSON object");
    if (comma && (size_t)(comma - field) < sizeof ask) {
        memcpy(ask, field, (size_t)(comma - field));
        ask[comma - field] = 0;
        return read_pair(r, object, ask, comma + 1);
    }
    const char *name = field ? field : "messages";
    const json_t *messages = json_object_get(object, name);
    if (messages)
        return read_messages(r, messages, name);
    if (field || !json_object_get(object, "prompt") || !json_object_get(object, "completion"))
        return bad(r, "no field \"%.64s\"%s", name,
                   field ? "" : ", nor \"prompt\" and \"completion\"");
    return read_pair(r, object, "prompt", "completion");
}

bl_conversation_found bl_conversation_read(bl_conversation *c, const char *json, size_t bytes,
                                           const char *field, char why[BL_CONVERSATION_WHY])
{
    json_error_t error;
    talk_reader r = {.to = c, .found = BL_CONVERSATION_GOOD, .why = why};
    bl_buf_clear(&c->text);
    bl_buf_clear(&c->said);
    *why = 0;
    json_t *object = bl_json_parse(
        json, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!object) {
        if (bl_json_failure(&error) == BL_ENOMEM)
            return BL_CONVERSATION_NO_MEMORY;
        (void)bad(&r, "not JSON: %.120s", error.text);
        return r.found;
    }
    (void)read_object(&r, object, field);
    json_decref(object);
    int failed = c->text.failed || c->said.failed || r.content.failed;
    bl_buf_release(&r.content);
    return failed ? BL_CONVERSATION_NO_MEMORY : r.found;
}
