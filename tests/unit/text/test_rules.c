/* Pre-tokenizers of tokenizer.json: the words that Hugging Face's library cuts by them. */
#include "core/alloc.h"
#include "text/bytechars.h"
#include "text/tokenizer_json.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURE BL_TEST_DATA "/fixtures/tokenizer/rules.json"

/* The words of one text: what must come, and what has. */
typedef struct expected {
    const json_t *text, *words, *rule;
    size_t next;
} expected;

static void differ(const expected *e, const char *what)
{
    char *rule = json_dumps(e->rule, JSON_COMPACT);
    fail_msg("%s \"%s\": %s %zu", rule, json_string_value(e->text), what, e->next);
}

/* Their offsets are those of whole characters, and of the space in front the next character's. */
static bl_status compare(void *user, const bl_split_word *word, bl_error *err)
{
    expected *e = user;
    const char *text = json_string_value(e->text);
    const json_t *want = json_array_get(e->words, e->next);
    const char *spelled = json_string_value(json_array_get(want, 0));
    json_int_t first = json_integer_value(json_array_get(want, 1));
    size_t at = word->at;
    bl_buf got;
    (void)err;
    bl_buf_init(&got);
    bl_bytechar_spell(&got, word->text, word->bytes);
    assert_int_equal(bl_buf_status(&got, NULL), BL_OK);
    while (((unsigned char)text[at] & 0xC0) == 0x80)
        at--;
    if (!spelled || strcmp(spelled, got.data) != 0)
        differ(e, "another word");
    if ((json_int_t)at != first)
        differ(e, "another place of word");
    bl_buf_release(&got);
    e->next++;
    return BL_OK;
}

static void check_rule(const json_t *rule, const json_t *texts, bl_split_work *w, int regex)
{
    bl_tokenizer *t;
    bl_splitter *s;
    bl_error err = {0};
    const json_t *row;
    size_t i;
    assert_int_equal(bl_tokenizer_new(&t, NULL), BL_OK);
    if (bl_json_rules(t, rule, "rules.json", &err) != BL_OK ||
        bl_splitter_open(&s, t->rules, t->rule_count, regex, "rules.json", &err) != BL_OK)
        fail_msg("%s", err.message);
    json_array_foreach (texts, i, row) {
        const json_t *text = json_object_get(row, "text");
        expected e = {text, json_object_get(row, "words"), rule, 0};
        if (bl_splitter_run(s, w, json_string_value(text), json_string_length(text), compare, &e,
                            &err) != BL_OK)
            fail_msg("%s", err.message);
        if (e.next != json_array_size(e.words))
            differ(&e, "words are missing from");
    }
    bl_splitter_close(s);
    bl_tokenizer_close(t);
}

/* By the scanners, and by PCRE2 alone. */
static void test_same_words(void **state)
{
    (void)state;
    json_t *all = json_load_file(FIXTURE, 0, NULL), *row;
    bl_split_work w;
    size_t i;
    assert_true(json_array_size(all) > 20);
    assert_int_equal(bl_split_work_init(&w, NULL), BL_OK);
    json_array_foreach (all, i, row)
        for (int regex = 0; regex < 2; regex++)
            check_rule(json_object_get(row, "pre_tokenizer"), json_object_get(row, "texts"), &w,
                       regex);
    bl_split_work_release(&w);
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_words)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
