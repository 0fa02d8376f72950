/* Chat templates of model folders: which file holds them, ids of messages in which somebody typed
 * special tokens, the turns of a conversation, what ends an answer. */
#include "scratch.h"

#include "bitllama.h"
#include "core/dir.h"

#define FIXTURES BL_TEST_DATA "/fixtures/tokenizer/"
#define CHATML                                                                                     \
    "{% for m in messages %}<|im_start|>{{ m.role }}\\n{% if m.role == 'assistant' %}"             \
    "{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}"        \
    "<|im_end|>{% endif %}{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}"                   \
    "<|im_start|>assistant\\n{% endif %}"

enum { START = 501, END = 502, ENDOFTEXT = 500, ROOM = 2000 };

static bl_tokenizer *t;

static void file(const char *name, const char *text)
{
    scratch_write(scratch(name), text, strlen(text));
}

static int make(void **state)
{
    if (scratch_make(state) != 0)
        return -1;
    assert_ok(bl_tokenizer_open(&t, FIXTURES "qwen2.json", &failure));
    return 0;
}

static int end(void **state)
{
    bl_tokenizer_close(t);
    return scratch_remove(state);
}

static void renders(const char *name, const char *json, const char *wanted)
{
    bl_template *template;
    char text[ROOM];
    size_t bytes;
    assert_ok(bl_template_open(&template, scratch_folder, name, &failure));
    assert_ok(bl_template_render(template, json, strlen(json), 0, text, sizeof text - 1, &bytes,
                                 &failure));
    assert_true(bytes < sizeof text);
    text[bytes] = 0;
    assert_string_equal(text, wanted);
    bl_template_close(template);
}

static void refuses(const char *name, bl_status status, const char *says)
{
    bl_template *template;
    assert_int_equal(bl_template_open(&template, scratch_folder, name, &failure), status);
    assert_null(template);
    if (!strstr(failure.message, says))
        print_error("%s\n", failure.message);
    assert_non_null(strstr(failure.message, says));
}

static void files_are_found(void **state)
{
    (void)state;
    static const char hi[] = "[{\"role\": \"user\", \"content\": \"Hi\"}]";
    static const char tools[] = "{\"messages\": [], \"tools\": [1]}";
    refuses(NULL, BL_ENOENT, "no chat template");
    file("tokenizer_config.json",
         "{\"eos_token\": {\"content\": \"</s>\"}, \"bos_token\": \"<s>\", "
         "\"chat_template\": \"{{ bos_token }}{{ messages[0].content }}"
         "{{ eos_token }}{{ pad_token is defined }}{{ tools }}\"}");
    renders(NULL, hi, "<s>Hi</s>FalseNone");
    renders("default", hi, "<s>Hi</s>FalseNone");
    refuses("other", BL_ENOENT, "no chat template named other");
    file("tokenizer_config.json",
         "{\"chat_template\": [{\"name\": \"tool_use\", \"template\": \"T\"}, {\"name\": "
         "\"default\", "
         "\"template\": \"D\"}, {\"name\": \"rag\", \"template\": \"R\"}]}");
    renders(NULL, hi, "D");
    renders(NULL, tools, "T");
    renders("rag", tools, "R");
    refuses("no", BL_ENOENT, "named no");
    file("chat_template.jinja", "file {{ messages | length }}{{ bos_token }}\n");
    renders(NULL, hi, "file 1");
    renders("rag", hi, "R");
    assert_ok(bl_dir_make(scratch("additional_chat_templates"), &failure));
    file("additional_chat_templates/rag.jinja", "other");
    renders("rag", hi, "other");
    refuses("../chat_template", BL_ENOENT, "no chat template");
    file("chat_template.jinja", "a\n{% if %}");
    refuses(NULL, BL_EFORMAT, "chat_template.jinja: line 2");
    assert_int_equal(remove(scratch("chat_template.jinja")), 0);
    file("tokenizer_config.json", "{\"chat_template\": 5}");
    refuses(NULL, BL_EFORMAT, "a text or a list");
    file("tokenizer_config.json", "{\"chat_template\": \"{% include 'x' %}\"}");
    refuses(NULL, BL_EUNSUPPORTED, "tokenizer_config.json: line 1: the statement include");
    file("tokenizer_config.json", "{\"chat_template\": null}");
    refuses(NULL, BL_ENOENT, "no chat template");
    file("tokenizer_config.json", "{");
    refuses(NULL, BL_EFORMAT, "tokenizer_config.json");
}

static void messages_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "{",
                                      "5",
                                      "{}",
                                      "{\"messages\": 1}",
                                      "[1}",
                                      "[{\"content\": \"\xFF\"}]",
                                      "[{\"content\": 99999999999999999999}]"};
    bl_template *template;
    char text[8];
    size_t bytes;
    file("tokenizer_config.json", "{\"chat_template\": \"" CHATML "\"}");
    assert_ok(bl_template_open(&template, scratch_folder, NULL, &failure));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(bl_template_render(template, bad[i], strlen(bad[i]), 0, text, sizeof text,
                                            &bytes, &failure),
                         BL_EFORMAT);
        assert_non_null(strstr(failure.message, "the messages: "));
        assert_int_equal(bytes, 0);
    }
    bl_template_close(template);
}

/* ---- ids ---- */

static size_t encode(const char *json, unsigned flags, int32_t *ids, unsigned char *answers)
{
    bl_template *template;
    size_t count;
    assert_ok(bl_template_open(&template, scratch_folder, NULL, &failure));
    assert_ok(bl_template_encode(template, t, json, strlen(json), 0, flags, ids, answers, ROOM,
                                 &count, &failure));
    assert_true(count <= ROOM);
    bl_template_close(template);
    return count;
}

static size_t encode_text(const char *text, unsigned flags, int32_t *ids)
{
    size_t count;
    assert_ok(bl_tokenizer_encode(t, text, strlen(text), flags, ids, ROOM, &count, &failure));
    return count;
}

static void same_ids(const int32_t *a, size_t n, const int32_t *b, size_t m)
{
    assert_int_equal(n, m);
    assert_memory_equal(a, b, n * sizeof *a);
}

static void typed_tokens_are_text(void **state)
{
    (void)state;
    int32_t ids[ROOM], wanted[ROOM];
    unsigned char answers[ROOM];
    file("tokenizer_config.json", "{\"chat_template\": \"" CHATML "\"}");
    /* without any, the ids are those of the whole text */
    size_t n = encode("[{\"role\": \"user\", \"content\": \"\\n Hi \\u0065\\u0301 <|im_\"}]", 0,
                      ids, NULL);
    same_ids(ids, n, wanted,
             encode_text("<|im_start|>user\n\n Hi e\xCC\x81 <|im_<|im_end|>\n", BL_ENCODE_SPECIAL,
                         wanted));
    /* one that was typed is letters, and nothing else changes */
    static const char typed[] = "[{\"role\": \"user\", \"content\": \"a<|im_end|>b\"}]";
    n = encode(typed, 0, ids, NULL);
    size_t m = 0, k;
    wanted[m++] = START;
    m += encode_text("user\na<|im_end|>b", 0, wanted + m);
    wanted[m++] = END;
    m += encode_text("\n", 0, wanted + m);
    same_ids(ids, n, wanted, m);
    /* unless that is wanted */
    n = encode(typed, BL_ENCODE_SPECIAL, ids, answers);
    same_ids(ids, n, wanted,
             encode_text("<|im_start|>user\na<|im_end|>b<|im_end|>\n", BL_ENCODE_SPECIAL, wanted));
    /* a usual role may be part of one that the template writes, another is the caller's too */
    file("tokenizer_config.json", "{\"chat_template\": \"{{ '<|im_' + messages[0].role }}\"}");
    n = encode("[{\"role\": \"end|>\"}]", 0, ids, NULL);
    same_ids(ids, n, wanted, encode_text("<|im_end|>", 0, wanted));
    file("tokenizer_config.json", "{\"chat_template\": \"" CHATML "\"}");
    n = encode("[{\"role\": \"<|im_end|>\", \"content\": \"\"}]", 0, ids, NULL);
    for (k = m = 0; k < n; k++)
        m += ids[k] == END;
    assert_int_equal(m, 1);
    /* nor does half of one from each side make one */
    file("tokenizer_config.json", "{\"chat_template\": \"<|im{{ messages[0] }}<|im_end|>\"}");
    n = encode("[\"_end|>\"]", 0, ids, NULL);
    m = encode_text("<|im_end|>", 0, wanted);
    wanted[m++] = END;
    same_ids(ids, n, wanted, m);
    /* also where NFC has moved bytes */
    n = encode("[\"e\\u0301e\\u0301e\\u0301<|im_end|>e\\u0301\"]", 0, ids, NULL);
    m = encode_text("<|ime\xCC\x81"
                    "e\xCC\x81"
                    "e\xCC\x81<|im_end|>e\xCC\x81",
                    0, wanted);
    wanted[m++] = END;
    same_ids(ids, n, wanted, m);
}

static void answers_are_marked(void **state)
{
    (void)state;
    int32_t ids[ROOM], wanted[ROOM];
    unsigned char answers[ROOM];
    file("tokenizer_config.json", "{\"chat_template\": \"" CHATML "\"}");
    size_t n = encode("[{\"role\": \"user\", \"content\": \"Hi\"}, {\"role\": \"assistant\", "
                      "\"content\": \"Yes, I do.\"}, {\"role\": \"user\", \"content\": \"No\"}]",
                      0, ids, answers);
    size_t first = 0, last = n;
    while (first < n && !answers[first])
        first++;
    while (last > first && !answers[last - 1])
        last--;
    for (size_t i = first; i < last; i++)
        assert_int_equal(answers[i], 1);
    size_t m = encode_text("Yes, I do.", 0, wanted);
    wanted[m++] = END;
    same_ids(ids + first, last - first, wanted, m);
}

/* ---- conversations ---- */

static void turns_make_the_whole(void **state)
{
    (void)state;
    int32_t ids[ROOM], whole[ROOM];
    size_t n = 0, count;
    bl_template *template;
    file("tokenizer_config.json", "{\"chat_template\": \"" CHATML "\"}");
    assert_ok(bl_template_open(&template, scratch_folder, NULL, &failure));
    static const char *const said[] = {"Hi <|im_end|>", "", " Who\n"}, *const answered[] = {
                                                                           "Hello.", "Yes", NULL};
    for (size_t i = 0; i < 3; i++) {
        assert_ok(bl_template_turn(template, t, "Be kind.", said[i], strlen(said[i]), i == 0,
                                   ids + n, ROOM - n, &count, &failure));
        if (i)
            assert_int_equal(ids[n], END);
        n += count;
        if (answered[i])
            n += encode_text(answered[i], 0, ids + n);
    }
    size_t m = encode("{\"messages\": [{\"role\": \"system\", \"content\": \"Be kind.\"}, "
                      "{\"role\": \"user\", \"content\": \"Hi <|im_end|>\"}, "
                      "{\"role\": \"assistant\", \"content\": \"Hello.\"}, "
                      "{\"role\": \"user\", \"content\": \"\"}, "
                      "{\"role\": \"assistant\", \"content\": \"Yes\"}, "
                      "{\"role\": \"user\", \"content\": \" Who\\n\"}], "
                      "\"add_generation_prompt\": true}",
                      0, whole, NULL);
    same_ids(ids, n, whole, m);
    assert_int_equal(bl_template_turn(template, t, NULL, "\xFF", 1, 1, ids, ROOM, &count, &failure),
                     BL_EFORMAT);
    bl_template_close(template);
    file("tokenizer_config.json", "{\"chat_template\": \"{{ messages[-1].content }}\"}");
    assert_ok(bl_template_open(&template, scratch_folder, NULL, &failure));
    assert_int_equal(bl_template_turn(template, t, NULL, "a", 1, 0, ids, ROOM, &count, &failure),
                     BL_EUNSUPPORTED);
    bl_template_close(template);
}

static void ends_are_found(void **state)
{
    (void)state;
    int32_t ids[4] = {-1, -1, -1, -1};
    size_t count;
    bl_template *template;
    file("tokenizer_config.json",
         "{\"eos_token\": \"<|endoftext|>\", \"chat_template\": \"" CHATML "\"}");
    file("generation_config.json", "{\"eos_token_id\": [502, 7, 999999, -1, \"x\"]}");
    assert_ok(bl_template_open(&template, scratch_folder, NULL, &failure));
    assert_ok(bl_template_ends(template, t, ids, 4, &count, &failure));
    assert_int_equal(count, 3);
    assert_int_equal(ids[0], END);
    assert_int_equal(ids[1], 7);
    assert_int_equal(ids[2], ENDOFTEXT);
    assert_ok(bl_template_ends(template, t, NULL, 0, &count, &failure));
    assert_int_equal(count, 3);
    bl_template_close(template);
    file("generation_config.json", "{\"eos_token_id\": 3}");
    file("tokenizer_config.json", "{\"chat_template\": \"{{ raise_exception('no') }}\"}");
    assert_ok(bl_template_open(&template, scratch_folder, NULL, &failure));
    assert_ok(bl_template_ends(template, t, ids, 4, &count, &failure));
    assert_int_equal(count, 1);
    assert_int_equal(ids[0], 3);
    bl_template_close(template);
    assert_int_equal(remove(scratch("generation_config.json")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_found),       cmocka_unit_test(messages_are_checked),
        cmocka_unit_test(typed_tokens_are_text), cmocka_unit_test(answers_are_marked),
        cmocka_unit_test(turns_make_the_whole),  cmocka_unit_test(ends_are_found),
    };
    return cmocka_run_group_tests(tests, make, end);
}
