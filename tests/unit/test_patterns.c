/* Patterns of tokenizer.json: the words that Hugging Face's library cuts by them. */
#include "text/pretokenize.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURE BL_TEST_DATA "/fixtures/tokenizer/patterns.json"

/* The words that must come, and how many have. */
typedef struct expected {
    const json_t *words;
    size_t next;
    int same;
} expected;

static bl_status compare(void *user, const char *word, size_t bytes, bl_error *err)
{
    expected *e = user;
    const json_t *want = json_array_get(e->words, e->next++);
    (void)err;
    e->same &= want && json_string_length(want) == bytes &&
               memcmp(json_string_value(want), word, bytes) == 0;
    return BL_OK;
}

static void check_text(const bl_splitter *s, bl_split_work *w, const json_t *words,
                       const char *pattern)
{
    expected e = {.words = words, .same = 1};
    const json_t *word;
    size_t i;
    bl_error err = {0};
    bl_buf text;
    bl_buf_init(&text);
    json_array_foreach (words, i, word)
        bl_buf_append(&text, json_string_value(word), json_string_length(word));
    assert_int_equal(bl_buf_status(&text, NULL), BL_OK);
    if (bl_splitter_run(s, w, text.data, text.len, 0, compare, &e, &err) != BL_OK)
        fail_msg("%s: %s", pattern, err.message);
    if (!e.same || e.next != json_array_size(words))
        fail_msg("%s: other words in \"%s\"", pattern, text.data);
    bl_buf_release(&text);
}

static void test_same_words(void **state)
{
    (void)state;
    json_t *all = json_load_file(FIXTURE, JSON_ALLOW_NUL, NULL), *row, *words;
    size_t r, i, texts = 0;
    bl_split_work w;
    assert_int_equal(bl_split_work_init(&w, NULL), BL_OK);
    json_array_foreach (all, r, row) {
        const json_t *patterns = json_object_get(row, "patterns");
        const char *pattern[8];
        size_t count = json_array_size(patterns);
        bl_splitter *s;
        bl_error err = {0};
        assert_true(count > 0 && count <= 8);
        for (i = 0; i < count; i++)
            pattern[i] = json_string_value(json_array_get(patterns, i));
        if (bl_splitter_open(&s, pattern, count, 1, "patterns.json", &err) != BL_OK)
            fail_msg("%s: %s", pattern[0], err.message);
        json_array_foreach (json_object_get(row, "words"), i, words) {
            check_text(s, &w, words, pattern[0]);
            texts++;
        }
        bl_splitter_close(s);
    }
    assert_true(texts > 400);
    bl_split_work_release(&w);
    json_decref(all);
}

static bl_status count_word(void *user, const char *word, size_t bytes, bl_error *err)
{
    size_t *words = user;
    (void)word, (void)bytes, (void)err;
    ++*words;
    return BL_OK;
}

/* Long texts are shown to PCRE2 in windows: at their ends no line may begin or end. */
static void test_lines_past_a_window(void **state)
{
    (void)state;
    static const char *const patterns[] = {"a+\\n^b|a", ".+$", "a+(?!$)|\\n"};
    static const size_t want[] = {1, 3, 4};
    for (size_t line = 200; line < 400; line++) {
        char text[1024];
        memset(text, 'a', line);
        text[line] = '\n';
        text[line + 1] = 'b';
        for (size_t i = 0; i < 3; i++) {
            bl_splitter *s;
            bl_split_work w;
            size_t words = 0;
            assert_int_equal(bl_splitter_open(&s, &patterns[i], 1, 1, "p", NULL), BL_OK);
            assert_int_equal(bl_split_work_init(&w, NULL), BL_OK);
            assert_int_equal(bl_splitter_run(s, &w, text, line + 2, 0, count_word, &words, NULL),
                             BL_OK);
            assert_int_equal(words, want[i]);
            bl_split_work_release(&w);
            bl_splitter_close(s);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_words),
        cmocka_unit_test(test_lines_past_a_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
