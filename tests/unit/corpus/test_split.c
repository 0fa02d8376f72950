/* Where documents are divided for validation: many are drawn whole, few have their ends cut off. */
#include "scratch.h"

#include "core/buf.h"
#include "corpus/split.h"
#include "text/text.h"

/* A book of paragraphs of three lines, each numbered; `bytes` at least. */
static void write_book(bl_buf *b, size_t bytes)
{
    bl_buf_clear(b);
    for (unsigned i = 0; b->len < bytes; i++)
        bl_buf_printf(b, "%sParagraph %u begins here. It has\na second line, and ends\nin a third.",
                      i ? "\n\n" : "", i);
}

static bl_split decided(double share, const size_t *bytes, size_t count)
{
    bl_split s = {.share = share};
    for (size_t i = 0; i < count; i++)
        bl_split_note(&s, 0, bytes[i]);
    bl_split_decide(&s);
    return s;
}

static void one_book(void **state)
{
    (void)state;
    bl_buf b = {0};
    write_book(&b, 150000);
    static const double shares[] = {0.01, 0.02, 0.1, 0.5};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        bl_split s = decided(shares[i], &b.len, 1);
        assert_int_equal(s.ends, 1);
        size_t at = bl_split_place(&s, 0, 0, b.data, b.len);
        double share = (double)(b.len - at) / (double)b.len;
        assert_true(share > 0.75 * shares[i] && share < 1.25 * shares[i]);
        assert_memory_equal(b.data + at - 2, "\n\nParagraph ", 12);
        assert_int_equal(bl_split_place(&s, 0, 1, b.data, b.len), at); /* drawn or not */
    }
    bl_buf_release(&b);
}

static void kinds_of_places(void **state)
{
    (void)state;
    static const struct {
        const char *piece, *before; /* what is before the place */
    } cases[] = {
        {"one two three four five\n", "\n"},
        {"It ends here. It goes on there and on and on. ", ". "},
        {"\xE5\xAE\x8C\xE4\xBA\x86\xE3\x80\x82\xE5\x86\x8D\xE8\xA7\x81\xE5\x90\xA7",
         "\xE3\x80\x82"},
        {"word ", " "},
        {"\xE4\xB8\xAD", ""},
        {"\xF0\x9F\x98\x80", ""},
        {"x", ""},
    };
    bl_buf b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bl_buf_clear(&b);
        while (b.len < 100000)
            bl_buf_puts(&b, cases[i].piece);
        bl_split s = decided(0.01, &b.len, 1);
        size_t at = bl_split_place(&s, 0, 0, b.data, b.len), n = strlen(cases[i].before);
        assert_true(at > 98700 && at < 99300);
        assert_memory_equal(b.data + at - n, cases[i].before, n);
        assert_int_equal(bl_utf8_invalid(b.data, at), at); /* no character is cut */
        assert_int_equal(bl_utf8_invalid(b.data + at, b.len - at), b.len - at);
    }
    bl_buf_release(&b);
}

static void few_documents(void **state)
{
    (void)state;
    bl_buf b = {0};
    write_book(&b, 200000);
    const size_t three[] = {150000, 40000, 9000};
    bl_split s = decided(0.01, three, 3);
    assert_int_equal(s.ends, 1);
    size_t end = 150000 - bl_split_place(&s, 0, 0, b.data, 150000);
    assert_true(end > 1125 && end < 1875);
    assert_int_equal(bl_split_place(&s, 1, 0, b.data, 40000), 40000); /* its end is too short, */
    assert_int_equal(bl_split_place(&s, 1, 1, b.data, 40000), 0);     /* so it is drawn or not */
    assert_int_equal(bl_split_place(&s, 2, 0, b.data, 9000), 9000);
    const size_t small = 20000; /* the longest gives at least enough to measure */
    s = decided(0.01, &small, 1);
    end = small - bl_split_place(&s, 0, 0, b.data, small);
    assert_true(end > 380 && end < 645);
    const size_t tiny = 4000; /* too little to cut anything off: as ever */
    s = decided(0.01, &tiny, 1);
    assert_int_equal(s.ends, 0);
    assert_int_equal(bl_split_place(&s, 0, 0, b.data, tiny), tiny);
    bl_buf_release(&b);
}

/* Whatever draws a fair share of whole documents stays as it was. */
static void many_documents(void **state)
{
    (void)state;
    bl_split s = {.share = 0.01, .seed = 3};
    for (uint64_t i = 0; i < 3000; i++)
        bl_split_note(&s, bl_split_draw(&s, i * 0x9E3779B97F4A7C15u), 1000);
    bl_split_decide(&s);
    assert_int_equal(s.ends, 0);
    assert_int_equal(s.forced, UINT64_MAX);
    for (uint64_t i = 0; i < 300; i++) { /* some, of equal length, none of them drawn */
        if (i == 0)
            s = (bl_split){.share = 0.01};
        bl_split_note(&s, 0, 9000);
    }
    bl_split_decide(&s);
    assert_int_equal(s.ends, 0);
    assert_true(s.forced < 300);               /* one changes sides */
    s = (bl_split){.share = 0.01, .given = 1}; /* sides that were told */
    bl_split_note(&s, 0, 100000);
    bl_split_note(&s, 1, 90000);
    bl_split_decide(&s);
    assert_int_equal(s.ends, 0);
    s = decided(0, (const size_t[]){100000}, 1); /* none wanted */
    assert_int_equal(s.ends, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_book),
        cmocka_unit_test(kinds_of_places),
        cmocka_unit_test(few_documents),
        cmocka_unit_test(many_documents),
    };
    (void)failure;
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
