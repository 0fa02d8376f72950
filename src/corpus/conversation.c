/* Reading conversations. */
#include "corpus/conversation.h"
#include "format/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A conversation being read: where the words of its failure go. */
typedef struct talk_reader {
    const bl_talk_form *form;
    bl_conversation_found found;
    char *why;
    size_t answers;
    json_t *messages; /* what the template is given */
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

/* ---- what is in it ---- */

/* Letters, digits, _ and -. */
static int is_word(const char *text, size_t bytes)
{
    size_t n = 0;
    while ((text[n] >= 'a' && text[n] <= 'z') || (text[n] >= 'A' && text[n] <= 'Z') ||
           (text[n] >= '0' && text[n] <= '9') || text[n] == '_' || text[n] == '-')
        n++;
    return n == bytes && n;
}

/* The roles of all templates, and those that this one names. */
static int knows_role(const talk_reader *r, const char *role, size_t bytes)
{
    static const char *const roles[] = {"system", "user", "assistant", "tool"};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strcmp(role, roles[i]) == 0)
            return strlen(role) == bytes;
    return is_word(role, bytes) && bl_template_quotes(r->form->template, role);
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

static void no_memory(talk_reader *r)
{
    r->found = BL_CONVERSATION_NO_MEMORY;
}

/* Does an assistant's message call tools?  Then it may have no words. */
static int calls_tools(const json_t *message)
{
    return json_array_size(json_object_get(message, "tool_calls")) > 0;
}

/* The message with its content as one text, which the template is given. */
static int keep_message(talk_reader *r, json_t *message, const json_t *content)
{
    if (json_is_array(content) &&
        json_object_set_new(message, "content",
                            json_stringn(r->content.data ? r->content.data : "", r->content.len)))
        no_memory(r);
    if (json_array_append(r->messages, message) != 0)
        no_memory(r);
    return r->found == BL_CONVERSATION_GOOD;
}

/* An empty system message says nothing and is left out; other empty ones are refused, because what
 * they would teach is silence. */
static int read_message(talk_reader *r, size_t number, json_t *message)
{
    const json_t *role = json_object_get(message, "role");
    const json_t *content = json_object_get(message, "content");
    const char *name = json_string_value(role);
    if (!json_is_object(message))
        return bad(r, "message %zu is %s, not an object", number, bl_json_type_name(message));
    if (!name)
        return bad(r, "message %zu has no \"role\"", number);
    if (!knows_role(r, name, json_string_length(role)))
        return bad(r,
                   "the role \"%.40s\" of message %zu is not system, user, assistant or tool, nor "
                   "one that the template names",
                   name, number);
    int answer = strcmp(name, "assistant") == 0, calls = answer && calls_tools(message);
    if ((!calls || (content && !json_is_null(content))) && !read_content(r, number, content))
        return 0;
    if (!calls && is_blank(&r->content))
        return strcmp(name, "system") == 0 || bad(r, "message %zu (%.40s) is empty", number, name);
    r->answers += (size_t)answer;
    return keep_message(r, message, content);
}

static int read_messages(talk_reader *r, json_t *messages, const char *field)
{
    size_t i;
    json_t *message;
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
        json_t *text = json_object_get(object, names[i]);
        if (!json_is_string(text))
            return bad(r, "\"%.64s\" is %s, not text", names[i],
                       text ? bl_json_type_name(text) : "missing");
        bl_buf_clear(&r->content);
        bl_buf_append(&r->content, json_string_value(text), json_string_length(text));
        if (is_blank(&r->content))
            return bad(r, "\"%.64s\" is empty", names[i]);
        if (json_array_append_new(
                r->messages, json_pack("{s: s, s: O}", "role", roles[i], "content", text)) != 0)
            no_memory(r);
    }
    return r->found == BL_CONVERSATION_GOOD;
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
    json_t *messages = json_object_get(object, name);
    if (messages)
        return read_messages(r, messages, name);
    if (field || !json_object_get(object, "prompt") || !json_object_get(object, "completion"))
        return bad(r, "no field \"%.64s\"%s", name,
                   field ? "" : ", nor \"prompt\" and \"completion\"");
    return read_pair(r, object, "prompt", "completion");
}

/* ---- the text ---- */

/* What the template is given: the messages, and what else of the object is meant for it. */
static json_t *input_of(const talk_reader *r, const json_t *object)
{
    static const char *const names[] = {"tools", "documents"};
    const json_t *more = json_object_get(object, "chat_template_kwargs");
    json_t *input = json_is_object(more) ? json_copy((json_t *)(uintptr_t)more) : json_object();
    int failed = !input;
    for (size_t i = 0; i < sizeof names / sizeof *names && !failed; i++)
        if (json_object_get(object, names[i]))
            failed = json_object_set(input, names[i], json_object_get(object, names[i])) != 0;
    failed = failed || json_object_set(input, "messages", r->messages) != 0 ||
             json_object_set_new(input, "add_generation_prompt", json_false()) != 0;
    if (!failed)
        return input;
    json_decref(input);
    return NULL;
}

/* The template's own words are enough: its name is the same for every conversation. */
static const char *without_name(const char *message)
{
    const char *line = strstr(message, ": line ");
    return line ? line + 2 : message;
}

static void write_text(talk_reader *r, bl_conversation *c, const json_t *object, size_t bytes)
{
    bl_error err;
    size_t learned, rewritten;
    json_t *input = input_of(r, object);
    if (!input) {
        no_memory(r);
        return;
    }
    bl_status status =
        bl_answers_write(r->form, input, bytes, &c->text, &c->said, &learned, &rewritten, &err);
    json_decref(input);
    if (status == BL_ENOMEM)
        no_memory(r);
    else if (status != BL_OK)
        (void)bad(r, "the template, %s", without_name(err.message));
    else if (!learned)
        (void)bad(r, "the template writes no answer as it would be said behind its prompt");
    else
        c->rewritten += rewritten;
}

bl_conversation_found bl_conversation_read(bl_conversation *c, const bl_talk_form *form,
                                           const char *json, size_t bytes, const char *field,
                                           char why[BL_CONVERSATION_WHY])
{
    json_error_t error;
    talk_reader r = {
        .form = form, .found = BL_CONVERSATION_GOOD, .why = why, .messages = json_array()};
    bl_buf_clear(&c->text);
    bl_buf_clear(&c->said);
    *why = 0;
    json_t *object =
        r.messages
            ? bl_json_parse(json, bytes, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL,
                            &error)
            : NULL;
    if (!r.messages || (!object && bl_json_failure(&error) == BL_ENOMEM))
        no_memory(&r);
    else if (!object)
        (void)bad(&r, "not JSON: %.120s", error.text);
    else if (read_object(&r, object, field))
        write_text(&r, c, object, bytes);
    json_decref(object);
    json_decref(r.messages);
    if (c->text.failed || c->said.failed || r.content.failed)
        no_memory(&r);
    bl_buf_release(&r.content);
    return r.found;
}
