/* Letters in Unicode as Python's str sees them: cases and classes. */
#include "template/cases.h"
#include "template/lexer.h"
#include "core/utf8.h"

#include <utf8proc.h>

/* ---- one character ---- */

static int is_category(uint32_t c, utf8proc_category_t a, utf8proc_category_t b)
{
    utf8proc_category_t is = utf8proc_category((utf8proc_int32_t)c);
    return is >= a && is <= b;
}

/* Other_Uppercase and Other_Lowercase of Unicode: what has a case without being such a letter. */
static int is_other_upper(uint32_t c)
{
    return (c >= 0x2160 && c <= 0x216F) || (c >= 0x24B6 && c <= 0x24CF) ||
           (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
           (c >= 0x1F170 && c <= 0x1F189);
}

static int is_other_lower(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        {0xAA, 0xAA},       {0xBA, 0xBA},       {0x2B0, 0x2B8},     {0x2C0, 0x2C1},
        {0x2E0, 0x2E4},     {0x345, 0x345},     {0x37A, 0x37A},     {0x1D2C, 0x1D6A},
        {0x1D78, 0x1D78},   {0x1D9B, 0x1DBF},   {0x2071, 0x2071},   {0x207F, 0x207F},
        {0x2090, 0x209C},   {0x2170, 0x217F},   {0x24D0, 0x24E9},   {0x2C7C, 0x2C7D},
        {0xA69C, 0xA69D},   {0xA770, 0xA770},   {0xA7F8, 0xA7F9},   {0xAB5C, 0xAB5F},
        {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return 1;
    return 0;
}

static int is_upper(uint32_t c)
{
    return is_category(c, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LU) || is_other_upper(c);
}

static int is_lower(uint32_t c)
{
    return is_category(c, UTF8PROC_CATEGORY_LL, UTF8PROC_CATEGORY_LL) || is_other_lower(c);
}

static int is_cased(uint32_t c)
{
    return is_upper(c) || is_lower(c) || is_category(c, UTF8PROC_CATEGORY_LT, UTF8PROC_CATEGORY_LT);
}

/* Letters whose other case is several characters (SpecialCasing.txt), as ranges. */
static int is_special(uint32_t c)
{
    static const uint32_t ranges[][2] = {
        {0x130, 0x130},   {0x149, 0x149},   {0x1F0, 0x1F0},   {0x390, 0x390},   {0x3B0, 0x3B0},
        {0x587, 0x587},   {0x1E96, 0x1E9A}, {0x1F50, 0x1F50}, {0x1F52, 0x1F52}, {0x1F54, 0x1F54},
        {0x1F56, 0x1F56}, {0x1F80, 0x1FAF}, {0x1FB2, 0x1FB4}, {0x1FB6, 0x1FB7}, {0x1FBC, 0x1FBC},
        {0x1FC2, 0x1FC4}, {0x1FC6, 0x1FC7}, {0x1FCC, 0x1FCC}, {0x1FD2, 0x1FD3}, {0x1FD6, 0x1FD7},
        {0x1FE2, 0x1FE4}, {0x1FE6, 0x1FE7}, {0x1FF2, 0x1FF4}, {0x1FF6, 0x1FF7}, {0x1FFC, 0x1FFC},
        {0xFB00, 0xFB06}, {0xFB13, 0xFB17}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return 1;
    return 0;
}

/* Case_Ignorable, as far as it matters for a final sigma. */
static int is_ignorable(uint32_t c)
{
    static const uint32_t marks[] = {0x27,   0x2E,   0x3A,   0xB7,   0x387,  0x55F,
                                     0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                     0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (c == marks[i])
            return 1;
    utf8proc_category_t is = utf8proc_category((utf8proc_int32_t)c);
    return is == UTF8PROC_CATEGORY_MN || is == UTF8PROC_CATEGORY_ME || is == UTF8PROC_CATEGORY_CF ||
           is == UTF8PROC_CATEGORY_LM || is == UTF8PROC_CATEGORY_SK;
}

/* Is the sigma at text[at .. next) the last letter of a word? */
static int is_final(const bl_chars *c, size_t at, size_t next)
{
    size_t used;
    uint32_t code = 0;
    for (size_t i = at; i > 0;) {
        i = bl_utf8_before(c->text, i);
        code = bl_utf8_get(c->text + i, &used);
        if (!is_ignorable(code))
            break;
        code = 0;
    }
    if (!code || !is_cased(code))
        return 0;
    for (size_t i = next; i < c->bytes; i += used) {
        code = bl_utf8_get(c->text + i, &used);
        if (!is_ignorable(code))
            return !is_cased(code);
    }
    return 1;
}

static void put(bl_run *r, bl_writer *w, const bl_chars *c, size_t at, size_t n, bl_case how)
{
    unsigned mark = c->marks ? c->marks[at] : 0;
    size_t used;
    uint32_t code = bl_utf8_get(c->text + at, &used);
    utf8proc_int32_t from = (utf8proc_int32_t)code;
    if (code < 0x80) {
        int up = code >= 'a' && code <= 'z', down = code >= 'A' && code <= 'Z';
        code = how == BL_CASE_LOWER ? code + (down ? 32 : 0) : code - (up ? 32 : 0);
    } else if (code == 0xDF && how != BL_CASE_LOWER) {
        bl_write_code(r, w, 'S', mark);
        code = how == BL_CASE_UPPER ? 'S' : 's';
    } else if (is_special(code) && (how != BL_CASE_LOWER || code == 0x130)) {
        bl_run_fail(r, BL_EUNSUPPORTED, "another case of U+%04lX, which is several characters",
                    (unsigned long)code);
    } else if (code == 0x3A3 && how == BL_CASE_LOWER) {
        code = is_final(c, at, at + n) ? 0x3C2 : 0x3C3;
    } else {
        code = (uint32_t)(how == BL_CASE_LOWER   ? utf8proc_tolower(from)
                          : how == BL_CASE_UPPER ? utf8proc_toupper(from)
                                                 : utf8proc_totitle(from));
    }
    bl_write_code(r, w, code, mark);
}

/* ---- texts ---- */

bl_value bl_cased(bl_run *r, const bl_chars *c, bl_case how)
{
    bl_writer w = {.most = SIZE_MAX};
    int after_letter = 0;
    for (size_t at = 0, n; at < c->bytes && r->status == BL_OK; at += n) {
        uint32_t code = bl_utf8_get(c->text + at, &n);
        bl_case one = how;
        if (how == BL_CASE_TITLE)
            one = after_letter ? BL_CASE_LOWER : BL_CASE_TITLE;
        else if (how == BL_CASE_CAPITALIZE)
            one = at ? BL_CASE_LOWER : BL_CASE_TITLE;
        put(r, &w, c, at, n, one);
        after_letter = how == BL_CASE_TITLE && is_cased(code);
    }
    bl_value v = bl_written(r, &w);
    if (r->status == BL_OK)
        v.u.chars->safe = c->safe;
    return v;
}

bl_value bl_cased_words(bl_run *r, const bl_chars *c)
{
    bl_writer w = {.most = SIZE_MAX};
    int begins = 1;
    for (size_t at = 0, n; at < c->bytes && r->status == BL_OK; at += n) {
        char first = c->text[at];
        (void)bl_utf8_get(c->text + at, &n);
        int between = first == '-' || first == '(' || first == '{' || first == '[' ||
                      first == '<' || bl_space_at(c->text + at, c->bytes - at) > 0;
        if (between)
            bl_write(r, &w, c->text + at, c->marks ? c->marks + at : NULL, n);
        else
            put(r, &w, c, at, n, begins ? BL_CASE_UPPER : BL_CASE_LOWER);
        begins = between;
    }
    return bl_written(r, &w);
}

static int is_alpha(uint32_t c)
{
    return is_category(c, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO);
}

static int is_digit(uint32_t c)
{
    return is_category(c, UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_ND) || c == 0xB2 || c == 0xB3 ||
           c == 0xB9;
}

int bl_chars_class(bl_run *r, const bl_chars *c, bl_class which)
{
    int all = c->bytes > 0, letters = 0, wrong = 0;
    for (size_t at = 0, n; at < c->bytes && bl_run_step(r, 0); at += n) {
        uint32_t code = bl_utf8_get(c->text + at, &n);
        if (code >= 0x80 && which < BL_CLASS_SPACE && !is_alpha(code) &&
            is_category(code, UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO))
            bl_run_fail(r, BL_EUNSUPPORTED, "whether U+%04lX is a digit", (unsigned long)code);
        switch (which) {
        case BL_CLASS_ALPHA:
            all = all && is_alpha(code);
            break;
        case BL_CLASS_ALNUM:
            all = all && (is_alpha(code) || is_digit(code));
            break;
        case BL_CLASS_DIGIT:
            all = all && is_digit(code);
            break;
        case BL_CLASS_SPACE:
            all = all && bl_space_at(c->text + at, c->bytes - at);
            break;
        case BL_CLASS_UPPER:
        case BL_CLASS_LOWER:
            letters |= which == BL_CLASS_UPPER ? is_upper(code) : is_lower(code);
            wrong |= is_cased(code) && !(which == BL_CLASS_UPPER ? is_upper(code) : is_lower(code));
            break;
        }
    }
    return which >= BL_CLASS_UPPER ? letters && !wrong : all;
}
