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

static bl_status compare(void *user, const bl_split_word *word, bl_error *err)
{
    expected *e = user;
    const json_t *want = json_array_get(e->words, e->next++);
    (void)err;
    e->same &= want && json_string_length(want) == word->bytes &&
               memcmp(json_string_value(want), word->text, word->bytes) == 0;
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
    if (bl_splitter_run(s, w, text.data, text.len, compare, &e, &err) != BL_OK)
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
        bl_split_rule rule[8];
        size_t count = json_array_size(patterns);
        assert_true(count > 0 && count <= 8);
        for (i = 0; i < count; i++)
            rule[i] = (bl_split_rule){.pattern = json_string_value(json_array_get(patterns, i))};
        for (int regex = 0; regex < 2; regex++) {
            bl_splitter *s;
            bl_error err = {0};
            if (bl_splitter_open(&s, rule, count, regex, "patterns.json", &err) != BL_OK)
                fail_msg("%s: %s", rule[0].pattern, err.message);
            json_array_foreach (json_object_get(row, "words"), i, words) {
                check_text(s, &w, words, rule[0].pattern);
                texts++;
            }
            bl_splitter_close(s);
        }
    }
    assert_true(texts > 800);
    bl_split_work_release(&w);
    json_decref(all);
}

static bl_status count_word(void *user, const bl_split_word *word, bl_error *err)
{
    size_t *words = user;
    (void)word, (void)err;
    ++*words;
    return BL_OK;
}

/* Long texts are shown to PCRE2 in windows: at their ends no line may begin or end. */
static void test_lines_past_a_window(void **state)
{
    (void)state;
    static const bl_split_rule rules[] = {
        {.pattern = "a+\\n^b|a"}, {.pattern = ".+$"}, {.pattern = "a+(?!$)|\\n"}};
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
            assert_int_equal(bl_splitter_open(&s, &rules[i], 1, 1, "p", NULL), BL_OK);
            assert_int_equal(bl_split_work_init(&w, NULL), BL_OK);
            assert_int_equal(bl_splitter_run(s, &w, text, line + 2, count_word, &words, NULL),
                             BL_OK);
            assert_int_equal(words, want[i]);
            bl_split_work_release(&w);
            bl_splitter_close(s);
        }
    }
}

/* Runs of spaces as code has them, by the pattern that DeepSeek's older files look for at the ends
 * of lines: each is looked at from every one of its spaces, and that is no reason to refuse. */
static void test_spaces_that_end_nothing(void **state)
{
    (void)state;
    enum { LINE = 1001, LINES = 20 };
    static const bl_split_rule rule = {.pattern = "\\s+$"};
    static char text[LINE * LINES];
    bl_splitter *s;
    bl_split_work w;
    bl_error err = {0};
    size_t words = 0;
    memset(text, ' ', sizeof text);
    for (size_t i = 0; i < LINES; i++)
        text[LINE * i] = 'x';
    assert_int_equal(bl_splitter_open(&s, &rule, 1, 0, "p", NULL), BL_OK);
    assert_int_equal(bl_split_work_init(&w, NULL), BL_OK);
    if (bl_splitter_run(s, &w, text, sizeof text, count_word, &words, &err) != BL_OK)
        fail_msg("%s", err.message);
    assert_int_equal(words, 2);
    bl_split_work_release(&w);
    bl_splitter_close(s);
}

/* The words' ends as bytes. */
static bl_status end_word(void *user, const bl_split_word *word, bl_error *err)
{
    bl_buf *ends = user;
    (void)err;
    bl_buf_printf(ends, "%zu ", word->bytes);
    return BL_OK;
}

/* Scanners count bytes, PCRE2 characters: in turn they cut as PCRE2 does alone. */
static void test_scanners_between(void **state)
{
    (void)state;
    const bl_split_rule rules[] = {{.pattern = "[a-f\xC3\xA9]+1"},
                                   {.pattern = bl_pattern_gpt2},
                                   {.pattern = "[^\xE4\xB8\x80x]{2}"}};
    static const char *const texts[] = {"一二三 café1 naïve😀😀 x", "\xC3\xA9\xC3\xA9",
                                        "a1\xC2\xA0\xC2\xA0\xE3\x80\x80  b's \xE4\xB8\x80"};
    bl_split_work w;
    assert_int_equal(bl_split_work_init(&w, NULL), BL_OK);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        bl_buf ends[2];
        for (int regex = 0; regex < 2; regex++) {
            bl_splitter *s;
            bl_buf_init(&ends[regex]);
            assert_int_equal(bl_splitter_open(&s, rules, 3, regex, "p", NULL), BL_OK);
            assert_int_equal(
                bl_splitter_run(s, &w, texts[i], strlen(texts[i]), end_word, &ends[regex], NULL),
                BL_OK);
            bl_splitter_close(s);
        }
        assert_true(ends[0].len > 0);
        assert_string_equal(ends[0].data, ends[1].data);
        bl_buf_release(&ends[0]);
        bl_buf_release(&ends[1]);
    }
    bl_split_work_release(&w);
}

/* Each character of such a pattern is a kind, and all others are one. */
static void test_kinds_run_out(void **state)
{
    (void)state;
    for (unsigned count = 250; count < 262; count++) {
        char pattern[600] = {0}, text[600] = {0};
        const bl_split_rule rule = {.pattern = pattern};
        size_t words = 0;
        for (unsigned i = 0; i < count; i++) {
            char both[2] = {(char)(0xC3 + i / 64), (char)(0x80 + i % 64)};
            memcpy(pattern + 2 * i, both, 2);
            memcpy(text + 2 * i, both, 2);
        }
        bl_splitter *s;
        bl_split_work w;
        bl_error err = {0};
        bl_status status = bl_splitter_open(&s, &rule, 1, 1, "p", &err);
        if (count >= 256) {
            assert_int_equal(status, BL_EUNSUPPORTED);
            assert_non_null(strstr(err.message, "256 kinds"));
            continue;
        }
        assert_int_equal(status, BL_OK);
        assert_int_equal(bl_split_work_init(&w, NULL), BL_OK);
        text[2 * count] = 'x';
        assert_int_equal(bl_splitter_run(s, &w, text, 2 * count + 1, count_word, &words, NULL),
                         BL_OK);
        assert_int_equal(words, 2);
        bl_split_work_release(&w);
        bl_splitter_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_words),
        cmocka_unit_test(test_lines_past_a_window),
        cmocka_unit_test(test_spaces_that_end_nothing),
        cmocka_unit_test(test_scanners_between),
        cmocka_unit_test(test_kinds_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
