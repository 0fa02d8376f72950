/* The scanners of published patterns against PCRE2 on the same patterns: the same words. */
#include "core/buf.h"
#include "core/rng.h"
#include "text/pretokenize.h"
#include "core/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { STRINGS = 20000, SEED = 20240817, WORDS = 1024 };

#define LINES(numbers)                                                                             \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" numbers                          \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

typedef struct cuts {
    size_t end[WORDS], count;
} cuts;

static bl_status note(void *user, const bl_split_word *word, bl_error *err)
{
    cuts *c = user;
    (void)err;
    assert_true(c->count < WORDS);
    c->end[c->count++] = word->at + word->bytes;
    return BL_OK;
}

static size_t below(size_t n)
{
    static uint64_t draws;
    return (size_t)bl_rng_below(SEED, 0, draws++, n);
}

static void put_utf8(bl_buf *out, uint32_t code)
{
    char bytes[4] = {(char)(0xF0 | code >> 18), (char)(0x80 | (code >> 12 & 0x3F)),
                     (char)(0x80 | (code >> 6 & 0x3F)), (char)(0x80 | (code & 0x3F))};
    size_t first = 0;
    if (code < 0x800) {
        first = bl_utf8_put(code, bytes);
        bl_buf_append(out, bytes, first);
        return;
    }
    if (code < 0x10000) {
        first = 1;
        bytes[1] = (char)(0xE0 | code >> 12);
    }
    bl_buf_append(out, bytes + first, 4 - first);
}

/* Blocks of every plane; the short ones are those that the patterns know by name. */
static uint32_t random_code(void)
{
    static const uint32_t block[][2] = {
        {'\n', '\r'},       {' ', ' '},         {' ', '~'},         {'a', 'z'},
        {'0', '9'},         {0, 0x1F},          {0x80, 0xFF},       {0x100, 0x24F},
        {0x2B0, 0x52F},     {0x590, 0x7FF},     {0x800, 0x109F},    {0x1100, 0x1FFF},
        {0x2000, 0x206F},   {0x2070, 0x218F},   {0x2190, 0x2FFF},   {0x3000, 0x33FF},
        {0x3400, 0x9FFF},   {0xA000, 0xD7FF},   {0xE000, 0xFFFF},   {0x10000, 0x11FFF},
        {0x12000, 0x1FFFF}, {0x20000, 0x323FF}, {0x30000, 0xDFFFF}, {0xE0000, 0x10FFFF},
        {0, 0xD7FF},
    };
    const uint32_t *b = block[below(sizeof block / sizeof block[0])];
    return b[0] + (uint32_t)below(b[1] - b[0] + 1);
}

/* Runs of one code point, of blocks mixed, and of what the patterns spell out. */
static void random_text(bl_buf *out)
{
    static const char *const pieces[] = {
        "'s",       "'T",       "'re",          "'vE",          "'M",
        "'Ll",      "'d",       "''",           "'\xC5\xBF",    "'\xE2\x84\xAA",
        " ",        "  ",       "\n",           "\r\n",         "\t",
        "\xC2\x85", "\xC2\xA0", "\xE3\x80\x80", "\xE2\x80\xA8", "1",
        "1234567",  "\xD9\xA1", "\xC2\xBD",     "e\xCC\x81",    "!",
        "?!\n\n",   "_",        "\xE2\x80\x8D", "\xEF\xBB\xBF"};
    bl_buf_clear(out);
    for (size_t parts = below(9); parts > 0; parts--) {
        uint32_t code = random_code();
        size_t times = 1 + below(4), kind = below(3);
        if (kind == 0)
            bl_buf_puts(out, pieces[below(sizeof pieces / sizeof pieces[0])]);
        for (size_t i = 0; kind != 0 && i < times; i++)
            put_utf8(out, kind == 1 ? code : random_code());
    }
}

/* The text as a C string that can be pasted. */
static void quote(bl_buf *out, const char *text, size_t bytes)
{
    bl_buf_clear(out);
    for (size_t i = 0; i < bytes; i++)
        bl_buf_printf(out, "\\x%02X", (unsigned)(unsigned char)text[i]);
}

static void cut(const bl_splitter *s, bl_split_work *w, const bl_buf *text, cuts *c)
{
    bl_error err = {0};
    c->count = 0;
    if (bl_splitter_run(s, w, text->data, text->len, note, c, &err) != BL_OK)
        fail_msg("%s", err.message);
}

static void compare(const char *pattern, const char *name)
{
    static cuts scanned, matched;
    bl_splitter *scanner, *regex;
    const bl_split_rule rule = {.pattern = pattern};
    bl_split_work work;
    bl_buf text, quoted;
    size_t words = 0;
    bl_buf_init(&text);
    bl_buf_init(&quoted);
    assert_int_equal(bl_splitter_open(&scanner, &rule, 1, 0, name, NULL), BL_OK);
    assert_int_equal(bl_splitter_open(&regex, &rule, 1, 1, name, NULL), BL_OK);
    assert_int_equal(bl_split_work_init(&work, NULL), BL_OK);
    for (size_t i = 0; i < STRINGS; i++) {
        random_text(&text);
        assert_int_equal(bl_buf_status(&text, NULL), BL_OK);
        cut(scanner, &work, &text, &scanned);
        cut(regex, &work, &text, &matched);
        words += matched.count;
        if (scanned.count == matched.count &&
            memcmp(scanned.end, matched.end, matched.count * sizeof *matched.end) == 0)
            continue;
        quote(&quoted, text.data, text.len);
        fail_msg("%s: other words than by regex in string %zu: \"%s\"", name, i, quoted.data);
    }
    assert_true(words > 3 * STRINGS);
    bl_split_work_release(&work);
    bl_splitter_close(scanner);
    bl_splitter_close(regex);
    bl_buf_release(&text);
    bl_buf_release(&quoted);
}

static void test_gpt2(void **state)
{
    (void)state;
    compare(bl_pattern_gpt2, "gpt2");
}

static void test_llama3(void **state)
{
    (void)state;
    compare(LINES("\\p{N}{1,3}"), "llama3");
}

static void test_qwen2(void **state)
{
    (void)state;
    compare(LINES("\\p{N}"), "qwen2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gpt2),
        cmocka_unit_test(test_llama3),
        cmocka_unit_test(test_qwen2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
