/* What the assistant says, by templates with generation blocks and without: ChatML against a writer
 * of this test, families of templates in pairs that must agree, answers that are written otherwise
 * later, what a template refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/rng.h"
#include "corpus/talks.h"
#include "template/template_files.h"

#define FIXTURES BL_TEST_DATA "/fixtures/templates/"

/* A template with its special tokens. */
typedef struct kit {
    bl_template *template;
    bl_added_index index;
    bl_added special[8];
    bl_talk_form form;
    bl_conversation talk;
} kit;

static void open_kit(kit *k, const char *file, const char *const *specials)
{
    bl_error err;
    *k = (kit){.template = NULL};
    bl_status status = strchr(file, '{') ? bl_template_of_text(&k->template, "t", file, &err)
                                         : bl_template_open(&k->template, file, NULL, &err);
    if (status != BL_OK)
        fail_msg("%s", err.message);
    json_object_set_new(k->template->own, "bos_token", json_string("<s>"));
    json_object_set_new(k->template->own, "eos_token", json_string("</s>"));
    for (size_t i = 0; specials[i]; i++) {
        k->special[i] = (bl_added){.id = (uint32_t)i, .special = 1};
        assert_int_equal(
            bl_added_index_add(&k->index, &k->special[i], specials[i], strlen(specials[i]), &err),
            BL_OK);
    }
    assert_int_equal(bl_added_index_sort(&k->index, &err), BL_OK);
    k->form = (bl_talk_form){.template = k->template, .specials = &k->index, .end = -1};
    assert_int_equal(bl_talk_form_find_end(&k->form, &err), BL_OK);
}

static void close_kit(kit *k)
{
    bl_conversation_release(&k->talk);
    bl_added_index_release(&k->index);
    bl_template_close(k->template);
}

static bl_conversation_found take(kit *k, const char *json, char *why)
{
    return bl_conversation_read(&k->talk, &k->form, json, strlen(json), NULL, why);
}

/* The text with [[ ]] around what is said. */
static void is_said(kit *k, const char *json, const char *wanted)
{
    char why[BL_CONVERSATION_WHY], shown[2000];
    size_t n = 0, said = 0;
    if (take(k, json, why) != BL_CONVERSATION_GOOD)
        fail_msg("%s: %s", json, why);
    for (size_t i = 0; i <= k->talk.text.len; i++) {
        size_t now = i < k->talk.text.len && (k->talk.said.data[i] & BL_SAID_ANSWER);
        if ((now != 0) != (said != 0)) {
            memcpy(shown + n, now ? "[[" : "]]", 2);
            n += 2;
        }
        said = now;
        if (i < k->talk.text.len)
            shown[n++] = k->talk.text.data[i];
    }
    shown[n] = 0;
    assert_string_equal(shown, wanted);
}

/* ---- random conversations ---- */

static const char *const texts[] = {"a",    " b \n",   "{{ c }}",   "<|im_end|>",       "\xC3\xA9",
                                    "\"'",  "\\n",     "{% d %}",   "<|im_start|>user", "\n\n e",
                                    "</s>", "[/INST]", "<|eot_id|>"};

static void random_text(char *text, uint64_t seed, uint64_t i)
{
    *text = 0;
    for (uint64_t k = 0; k <= bl_rng_below(seed, 3, i, 5); k++)
        strcat(text, texts[bl_rng_below(seed, 4, 10 * i + k, 13)]);
}

/* Any roles in any order, or turns of two. */
static json_t *random_messages(uint64_t seed, int turns)
{
    static const char *const roles[] = {"assistant", "user", "system", "tool"};
    json_t *list = json_array();
    for (uint64_t i = 0; i <= bl_rng_below(seed, 1, 0, 6) + (uint64_t)turns; i++) {
        char text[200];
        size_t role = turns ? (i + 1) % 2 : i ? bl_rng_below(seed, 2, i, 4) : 0;
        random_text(text, seed, i);
        json_array_append_new(list,
                              json_pack("{s: s, s: s}", "role", roles[role], "content", text));
    }
    return list;
}

/* ---- ChatML ---- */

static void put(bl_buf *text, bl_buf *said, const char *words, char mark)
{
    bl_buf_puts(text, words);
    for (size_t i = 0; words[i]; i++)
        bl_buf_append(said, &mark, 1);
}

static int is_blank(const char *text)
{
    return text[strspn(text, " \t\n\v\f\r")] == 0;
}

/* As it is defined; 0: nothing is to be learned. */
static int write_chatml(const json_t *messages, bl_buf *text, bl_buf *said)
{
    size_t i;
    int answers = 0;
    json_t *m;
    bl_buf_clear(text);
    bl_buf_clear(said);
    json_array_foreach (messages, i, m) {
        const char *role = json_string_value(json_object_get(m, "role"));
        const char *content = json_string_value(json_object_get(m, "content"));
        char answer = strcmp(role, "assistant") == 0;
        if (is_blank(content) && strcmp(role, "system") == 0)
            continue;
        if (is_blank(content))
            return 0;
        put(text, said, "<|im_start|>", 0);
        put(text, said, role, 0);
        put(text, said, "\n", 0);
        put(text, said, content, answer);
        put(text, said, "<|im_end|>", answer);
        put(text, said, "\n", 0);
        answers += answer;
    }
    return answers;
}

static void chatml(void **state)
{
    enum { CASES = 400 };
    static const char *const specials[] = {"<|im_start|>", "<|im_end|>", NULL};
    static const char bare[] =
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
    kit k[2];
    bl_buf text = {0}, said = {0};
    unsigned compared = 0;
    (void)state;
    open_kit(&k[0], bl_chatml, specials);
    open_kit(&k[1], bare, specials);
    for (uint64_t seed = 0; seed < CASES; seed++) {
        char why[BL_CONVERSATION_WHY];
        json_t *messages = random_messages(seed, 0),
               *all = json_pack("{s: O}", "messages", messages);
        char *json = json_dumps(all, 0);
        int good = write_chatml(messages, &text, &said);
        for (int i = 0; i < 2; i++) {
            bl_conversation *c = &k[i].talk;
            assert_int_equal(take(&k[i], json, why),
                             good ? BL_CONVERSATION_GOOD : BL_CONVERSATION_BAD);
            if (!good)
                continue;
            assert_int_equal(c->text.len, text.len);
            assert_memory_equal(c->text.data, text.data, text.len);
            for (size_t at = 0; at < said.len; at++)
                assert_int_equal((c->said.data[at] & BL_SAID_ANSWER) != 0, said.data[at]);
            compared++;
        }
        free(json);
        json_decref(all);
        json_decref(messages);
    }
    assert_true(compared > CASES);
    for (int i = 0; i < 2; i++)
        close_kit(&k[i]);
    bl_buf_release(&text);
    bl_buf_release(&said);
}

/* ---- families ---- */

static const struct {
    const char *file, *with;
    const char *specials[8];
} families[] = {
    {FIXTURES "llama.jinja",
     FIXTURES "llama_generation.jinja",
     {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>"}},
    {FIXTURES "gemma.jinja",
     FIXTURES "gemma_generation.jinja",
     {"<start_of_turn>", "<end_of_turn>"}},
    {FIXTURES "mistral.jinja", FIXTURES "mistral_generation.jinja", {"[INST]", "[/INST]", "</s>"}},
};

static void pairs_agree(void **state)
{
    (void)state;
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        kit k[2];
        open_kit(&k[0], families[f].file, families[f].specials);
        open_kit(&k[1], families[f].with, families[f].specials);
        unsigned good = 0;
        for (uint64_t seed = 0; seed < 150; seed++) {
            char why[2][BL_CONVERSATION_WHY];
            json_t *all = json_pack("{s: o}", "messages", random_messages(seed, 1));
            char *json = json_dumps(all, 0);
            bl_conversation_found found = take(&k[0], json, why[0]);
            assert_int_equal(found, take(&k[1], json, why[1]));
            good += found == BL_CONVERSATION_GOOD;
            if (found == BL_CONVERSATION_GOOD) {
                assert_int_equal(k[0].talk.said.len, k[1].talk.said.len);
                assert_memory_equal(k[0].talk.text.data, k[1].talk.text.data, k[0].talk.text.len);
                assert_memory_equal(k[0].talk.said.data, k[1].talk.said.data, k[0].talk.said.len);
            }
            free(json);
            json_decref(all);
        }
        assert_int_equal(k[0].talk.rewritten, 0);
        assert_true(good > 100);
        close_kit(&k[0]);
        close_kit(&k[1]);
    }
}

#define ASK "{\"role\": \"user\", \"content\": \"Hi </s>\"}"
#define SAY "{\"role\": \"assistant\", \"content\": \" Yes [/INST] \"}"
#define CALL                                                                                       \
    "{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"function\": {\"name\": "     \
    "\"f\", \"arguments\": {\"a\": \"<|eot_id|>\"}}}]}, {\"role\": \"tool\", \"content\": \"1\"}"

/* Texts that were written by hand. */
static void families_are_written(void **state)
{
    kit k;
    (void)state;
    open_kit(&k, families[0].file, families[0].specials);
    is_said(&k, "{\"messages\": [" ASK ", " CALL ", " SAY ", " ASK "], \"tools\": [1]}",
            "<s><|start_header_id|>system<|end_header_id|>\n\nYou may call: [1]<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nHi </s><|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n[[{\"name\": \"f\", \"parameters\": "
            "{\"a\": \"<|eot_id|>\"}}<|eom_id|>]]"
            "<|start_header_id|>ipython<|end_header_id|>\n\n1<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n[[Yes [/INST]<|eot_id|>]]"
            "<|start_header_id|>user<|end_header_id|>\n\nHi </s><|eot_id|>");
    close_kit(&k);
    open_kit(&k, families[1].file, families[1].specials);
    is_said(&k, "{\"messages\": [" ASK ", " SAY "]}",
            "<s><start_of_turn>user\nHi </s><end_of_turn>\n<start_of_turn>model\n"
            "[[Yes [/INST]<end_of_turn>]]\n");
    close_kit(&k);
    open_kit(&k, families[2].file, families[2].specials);
    is_said(&k,
            "{\"messages\": [{\"role\": \"system\", \"content\": \"Be.\"}, " ASK ", " SAY ", " ASK
            ", " SAY "]}",
            "<s>[INST] Be.\n\nHi </s> [/INST][[ Yes [/INST]</s>]][INST] Hi </s> [/INST]"
            "[[ Yes [/INST]</s>]]");
    close_kit(&k);
}

/* ---- what is not said so ---- */

static void rewritten_answers_do_not_count(void **state)
{
    static const char *const specials[] = {"<|im_start|>", "<|im_end|>", NULL};
    char why[BL_CONVERSATION_WHY];
    kit k;
    (void)state;
    open_kit(&k, FIXTURES "thinking.jinja", specials);
#define THINK "{\"role\": \"assistant\", \"content\": \"<think>\\nt\\n</think>\\n\\nA\"}"
    is_said(&k, "{\"messages\": [" ASK ", " THINK ", " ASK ", " THINK "]}",
            "<|im_start|>user\nHi </s><|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n"
            "<|im_start|>user\nHi </s><|im_end|>\n<|im_start|>assistant\n"
            "[[<think>\nt\n</think>\n\nA<|im_end|>]]\n");
    assert_int_equal(k.talk.rewritten, 1);
    /* one without thinking is as it was */
    is_said(
        &k, "{\"messages\": [" ASK ", " SAY ", " ASK ", " THINK "]}",
        "<|im_start|>user\nHi </s><|im_end|>\n<|im_start|>assistant\n[[ Yes [/INST] <|im_end|>]]\n"
        "<|im_start|>user\nHi </s><|im_end|>\n<|im_start|>assistant\n"
        "[[<think>\nt\n</think>\n\nA<|im_end|>]]\n");
    assert_int_equal(k.talk.rewritten, 1);
    assert_int_equal(take(&k, "{\"messages\": [" ASK ", " THINK ", " ASK "]}", why),
                     BL_CONVERSATION_BAD);
    assert_non_null(strstr(why, "no answer as it would be said"));
    close_kit(&k);
    /* one that begins answers otherwise than its prompt does */
    open_kit(
        &k,
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}",
        specials);
    assert_int_equal(take(&k, "{\"messages\": [" ASK ", " SAY "]}", why), BL_CONVERSATION_BAD);
    is_said(&k, "{\"messages\": [" ASK ", " THINK "]}",
            "<|im_start|>user\nHi </s><|im_end|>\n<|im_start|>assistant\n<think>\n"
            "[[t\n</think>\n\nA<|im_end|>]]\n");
    close_kit(&k);
    /* something stands behind the last message only */
    open_kit(&k,
             "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|>\n{% endfor %}"
             "{% if add_generation_prompt %}<|im_start|>{% else %}{{ eos_token }}{% endif %}",
             (const char *const[]){"<|im_start|>", "<|im_end|>", "</s>", NULL});
    is_said(&k, "{\"messages\": [" ASK ", " SAY ", " ASK ", " SAY "]}",
            "<|im_start|>Hi </s><|im_end|>\n<|im_start|>[[ Yes [/INST] <|im_end|>]]\n"
            "<|im_start|>Hi </s><|im_end|>\n<|im_start|>[[ Yes [/INST] <|im_end|>]]\n</s>");
    close_kit(&k);
    /* two tokens end an answer, and a third the last one */
    open_kit(&k,
             "{% for m in messages %}<|im_start|>{{ m.content }}<|im_end|><|end|>{% endfor %}"
             "{% if add_generation_prompt %}<|im_start|>{% else %}{{ eos_token }}{% endif %}",
             (const char *const[]){"<|im_start|>", "<|im_end|>", "<|end|>", "</s>", NULL});
    is_said(
        &k, "{\"messages\": [" ASK ", " SAY ", " ASK ", " SAY "]}",
        "<|im_start|>Hi </s><|im_end|><|end|><|im_start|>[[ Yes [/INST] <|im_end|><|end|>]]"
        "<|im_start|>Hi </s><|im_end|><|end|><|im_start|>[[ Yes [/INST] <|im_end|><|end|></s>]]");
    close_kit(&k);
}

/* Without a token that ends answers, the end of the document does. */
static void words_end_with_the_document(void **state)
{
    static const char *const none[] = {NULL};
    kit k;
    (void)state;
    open_kit(&k, FIXTURES "words.jinja", none);
    is_said(&k, "{\"messages\": [" ASK ", " SAY ", " ASK ", " SAY "]}",
            "Question: Hi </s>\nAnswer:[[  Yes [/INST] \n]]Question: Hi </s>\n"
            "Answer:[[  Yes [/INST] \n]]");
    assert_true(k.talk.said.data[k.talk.said.len - 1] & BL_SAID_LAST);
    is_said(&k, "{\"messages\": [" ASK ", " SAY ", " ASK "]}",
            "Question: Hi </s>\nAnswer:[[  Yes [/INST] \n]]Question: Hi </s>\n");
    for (size_t i = 0; i < k.talk.said.len; i++)
        assert_false(k.talk.said.data[i] & BL_SAID_LAST);
    close_kit(&k);
}

static void templates_refuse(void **state)
{
    static const struct {
        size_t family;
        const char *json, *why;
    } cases[] = {
        {1, "{\"messages\": [{\"role\": \"system\", \"content\": \"Be.\"}, " ASK ", " SAY "]}",
         "the template, line 5: the template refuses these messages: no system message"},
        {1, "{\"messages\": [" SAY "]}", "must take turns"},
        {2, "{\"messages\": [" ASK ", {\"role\": \"tool\", \"content\": \"1\"}, " SAY "]}",
         "only system, user and assistant may speak"},
        {0,
         "{\"messages\": [{\"role\": \"ipython\", \"content\": \"1\"}, {\"role\": \"critic\", "
         "\"content\": \"1\"}, " SAY "]}",
         "the role \"critic\" of message 2"},
        {0, "{\"messages\": [" ASK ", {\"role\": \"assistant\", \"content\": null}]}", "is null"},
        {2, "{\"messages\": [" ASK ", " CALL ", " SAY "]}", "the template, line "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char why[BL_CONVERSATION_WHY] = "";
        kit k;
        open_kit(&k, families[cases[i].family].file, families[cases[i].family].specials);
        if (take(&k, cases[i].json, why) != BL_CONVERSATION_BAD || !strstr(why, cases[i].why))
            fail_msg("%s: \"%s\", expected \"%s\"", cases[i].json, why, cases[i].why);
        close_kit(&k);
    }
}

/* Many answers in much text, rendered one by one, would take too long; generation blocks do not. */
static void long_ones(void **state)
{
    enum { ANSWERS = 20000 };
    char why[BL_CONVERSATION_WHY];
    json_t *messages = json_array(), *all = json_pack("{s: o}", "messages", messages);
    kit k;
    (void)state;
    for (int i = 0; i < ANSWERS; i++) {
        json_array_append_new(messages, json_pack("{s: s, s: s}", "role", "user", "content", "?"));
        json_array_append_new(messages,
                              json_pack("{s: s, s: s}", "role", "assistant", "content", "!"));
    }
    char *json = json_dumps(all, 0);
    open_kit(&k, families[0].file, families[0].specials);
    assert_int_equal(take(&k, json, why), BL_CONVERSATION_BAD);
    assert_non_null(strstr(why, "20000 answers in "));
    close_kit(&k);
    open_kit(&k, families[0].with, families[0].specials);
    assert_int_equal(take(&k, json, why), BL_CONVERSATION_GOOD);
    close_kit(&k);
    free(json);
    json_decref(all);
}

static int stop_at_once(void *user)
{
    ++*(int *)user;
    return 1;
}

/* Long work is left when its caller asks for it; the caller alone is asked, and without it all are
 * read. */
static void reading_is_left(void **state)
{
    (void)state;
    const size_t counts[] = {
        10, 20000}; /* read whole, and left: far more than the time until it asks */
    static const char *const none[] = {NULL};
    static const char json[] = "{\"prompt\": \"a\", \"completion\": \"b\"}";
    kit k;
    bl_error err;
    open_kit(&k,
             "{% set n = namespace(i=0) %}{% for i in range(3000) %}{% set n.i = n.i + 1 %}"
             "{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}",
             none);
    for (size_t threads = 1; threads <= 4; threads += 3) {
        for (int stops = 0; stops < 2; stops++) {
            bl_talks t = {.threads = threads};
            size_t read = 0, count = counts[stops];
            int asked = 0;
            while (t.count < count)
                assert_int_equal(bl_talks_add_bad(&t, "none", &(bl_talk_place){.line = 7}, &err),
                                 BL_OK);
            t.talk[0].found = BL_CONVERSATION_BAD;
            for (size_t i = 1; i < count; i++) {
                t.talk[i].found = BL_CONVERSATION_GOOD;
                t.talk[i].json = (bl_span){json, sizeof json - 1};
                t.talk[i].is_there = 1;
            }
            assert_int_equal(
                bl_talks_read(&t, &k.form, NULL, stops ? stop_at_once : NULL, &asked, "x", &err),
                stops ? BL_EINTERRUPTED : BL_OK);
            assert_int_equal(asked, stops);
            assert_string_equal(stops ? err.message : "",
                                stops ? "interrupted while reading x" : "");
            for (const bl_talk *one; (one = bl_talks_next(&t)) != NULL;)
                read += one->made.text.len == 2;
            assert_true(stops ? read < count - 1 : read == count - 1);
            assert_string_equal(t.talk[0].why, "none");
            bl_talks_release(&t);
        }
    }
    close_kit(&k);
}

static size_t room_of(const bl_talks *t)
{
    size_t room = 0;
    for (size_t i = 0; i < t->cap; i++)
        room += t->talk[i].made.text.cap + t->talk[i].made.said.cap;
    return room;
}

/* A long text now here and now there among short ones: the room for the next ones has an end. */
static void room_is_kept(void **state)
{
    (void)state;
    enum { LONG = 1 << 20, ROUNDS = 48, ENOUGH = 1 << 26 };
    static const char *const none[] = {NULL};
    static const char before[] = "{\"prompt\": \"a\", \"completion\": \"", after[] = "\"}";
    size_t bytes = sizeof before - 1 + LONG + sizeof after - 1, most = 0;
    char *json = malloc(bytes + 1);
    bl_talks t = {.threads = 2};
    bl_error err;
    kit k;
    assert_non_null(json);
    memcpy(json, before, sizeof before - 1);
    memset(json + sizeof before - 1, 'b', LONG);
    memcpy(json + sizeof before - 1 + LONG, after, sizeof after);
    open_kit(&k, "{% for m in messages %}{{ m.content }}{% endfor %}", none);
    for (size_t round = 0; round < ROUNDS; round++) {
        bl_talks_begin(&t);
        assert_true(room_of(&t) <= ENOUGH);
        for (size_t i = 0; i < round; i++)
            assert_int_equal(bl_talks_add_bad(&t, "none", &(bl_talk_place){.line = 7}, &err),
                             BL_OK);
        assert_int_equal(
            bl_talks_add(&t, (bl_span){json, bytes}, &(bl_talk_place){.line = 8}, &err), BL_OK);
        assert_int_equal(bl_talks_read(&t, &k.form, NULL, NULL, NULL, "x", &err), BL_OK);
        assert_int_equal(t.talk[round].made.text.len, LONG + 1);
        most = room_of(&t) > most ? room_of(&t) : most;
    }
    assert_true(most > ENOUGH && most < ENOUGH + 8 * LONG);
    bl_talks_release(&t);
    close_kit(&k);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_is_left),
        cmocka_unit_test(room_is_kept),
        cmocka_unit_test(chatml),
        cmocka_unit_test(pairs_agree),
        cmocka_unit_test(families_are_written),
        cmocka_unit_test(rewritten_answers_do_not_count),
        cmocka_unit_test(words_end_with_the_document),
        cmocka_unit_test(templates_refuse),
        cmocka_unit_test(long_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
