/* Real corpora: JSON with extra fields, other encodings, files that are not text, folders in which
 * this program wrote. */
#include "scratch.h"

#include "core/buf.h"
#include "corpus/json_text.h"
#include "corpus/source.h"

#include <sys/stat.h>

/* All documents of a source, each in brackets, or the status that ended them. */
static bl_status read_documents(bl_source *s, bl_buf *out)
{
    bl_buf_clear(out);
    for (;;) {
        bl_span d;
        bl_status status = bl_source_next(s, &d, &failure);
        if (status != BL_OK || !d.text) {
            bl_buf_append(out, "", 1);
            return status;
        }
        bl_buf_puts(out, "[");
        bl_buf_append(out, d.text, d.bytes);
        bl_buf_puts(out, "]");
    }
}

/* The source as a pass reads it; close it. */
static bl_source *expect(const char *path, const bl_source_options *o, const char *want)
{
    bl_source *s;
    bl_buf got = {0};
    assert_ok(bl_source_open(&s, &path, 1, o, &failure));
    for (int pass = 0; pass < 2; pass++) { /* the second reading gives the same */
        if (pass)
            assert_ok(bl_source_rewind(s, &failure));
        assert_ok(read_documents(s, &got));
        assert_string_equal(got.data, want);
    }
    bl_buf_release(&got);
    return s;
}

static void expect_refusal(const char *path, const bl_source_options *o, bl_status status,
                           const char *said)
{
    bl_source *s;
    bl_buf got = {0};
    assert_ok(bl_source_open(&s, &path, 1, o, &failure));
    assert_int_equal(read_documents(s, &got), status);
    if (!strstr(failure.message, said))
        fail_msg("\"%s\" does not say \"%s\"", failure.message, said);
    bl_source_close(s);
    bl_buf_release(&got);
}

static bl_source_options by_name(void)
{
    return (bl_source_options){.cut_by_name = 1, .cutter = {.most = 1 << 20}};
}

/* ---- the string in a field ---- */

static const struct found {
    const char *json;
    bl_json_found found;
    const char *text; /* of TEXT; of BAD why */
    size_t lone;
} values[] = {
    {" {\"t\":\"a\"} ", BL_JSON_TEXT, "a", 0},
    {"{\"n\":10254939386542155531,\"t\":\"a\",\"m\":-123456789012345678901234567890}", BL_JSON_TEXT,
     "a", 0},
    {"{\"n\":1e999,\"t\":\"a\",\"m\":-1.5E-999}", BL_JSON_TEXT, "a", 0},
    {"{\"n\":NaN,\"t\":\"a\",\"m\":[Infinity,-Infinity]}", BL_JSON_TEXT, "a", 0},
    {"{\"\\u0000\":1,\"t\\u0000\":2,\"t\":\"a\"}", BL_JSON_TEXT, "a", 0},
    {"{\"x\":\"\\ud83d\",\"\\udc00\":0,\"t\":\"a\"}", BL_JSON_TEXT, "a", 0},
    {"{\"\\u0074\":\"a\"}", BL_JSON_TEXT, "a", 0},
    {"{\"t\":1,\"t\":\"a\",\"x\":{\"t\":\"b\"},\"y\":[{\"t\":\"c\"}]}", BL_JSON_TEXT, "a", 0},
    {"{\"t\":\"a\",\"t\":null}", BL_JSON_NULL, NULL, 0},
    {"{\"t\":\"a\",\"t\":[\"b\"]}", BL_JSON_NOT_TEXT, NULL, 0},
    {"{\"t\":\"\\ud83d\\ude00\\u00e9\\u20ac\\n\\/\"}", BL_JSON_TEXT,
     "\xF0\x9F\x98\x80\xC3\xA9\xE2\x82\xAC\n/", 0},
    {"{\"t\":\"a\\ud83dz\\ude00\"}", BL_JSON_TEXT, "a\xEF\xBF\xBDz\xEF\xBF\xBD", 2},
    {"{\"t\":\"\\ud83d\\ud83d\\ude00\"}", BL_JSON_TEXT, "\xEF\xBF\xBD\xF0\x9F\x98\x80", 1},
    {"{\"t\":\"\\ud83d\\n\"}", BL_JSON_TEXT, "\xEF\xBF\xBD\n", 1},
    {"{\"t\":\"\"}", BL_JSON_TEXT, "", 0},
    {"{}", BL_JSON_NO_FIELD, NULL, 0},
    {"{\"x\":{\"t\":\"a\"}}", BL_JSON_NO_FIELD, NULL, 0},
    {"[]", BL_JSON_NO_OBJECT, NULL, 0},
    {"\"t\"", BL_JSON_NO_OBJECT, NULL, 0},
    {"17", BL_JSON_NO_OBJECT, NULL, 0},
    {"", BL_JSON_BAD, "an end where a value should be", 0},
    {"{\"t\":\"a\"", BL_JSON_BAD, "a bracket without an end", 0},
    {"{\"t\":\"a\"} x", BL_JSON_BAD, "more behind the value", 0},
    {"{\"t\":\"a\",}", BL_JSON_BAD, "no key where one should be", 0},
    {"{\"t\" \"a\"}", BL_JSON_BAD, "a key without a colon", 0},
    {"{\"t\":\"a}", BL_JSON_BAD, "a string without an end", 0},
    {"{\"t\":\"a\n\"}", BL_JSON_BAD, "a control character in a string", 0},
    {"{\"t\":\"\\x\"}", BL_JSON_BAD, "an escape that JSON does not know", 0},
    {"{\"t\":\"\\u12g4\"}", BL_JSON_BAD, "an escape without its four digits", 0},
    {"{\"t\":\"\\ud83d\\u\"}", BL_JSON_BAD, "an escape without its four digits", 0},
    {"{\"t\":\"a\",\"x\":[1,]}", BL_JSON_BAD, "what begins no value", 0},
    {"{\"t\":\"a\",\"x\":[1 2]}", BL_JSON_BAD, "neither a comma nor the bracket's end", 0},
    {"{\"t\":\"a\",\"x\":[1}}", BL_JSON_BAD, "neither a comma nor the bracket's end", 0},
    {"{\"x\":01}", BL_JSON_BAD, "neither a comma nor the bracket's end", 0},
    {"{\"x\":1.}", BL_JSON_BAD, "a number that is none", 0},
    {"{\"x\":1e+}", BL_JSON_BAD, "a number that is none", 0},
    {"{\"x\":-}", BL_JSON_BAD, "a number that is none", 0},
    {"{\"x\":tru}", BL_JSON_BAD, "what begins no value", 0},
    {"{\"x\":nullx}", BL_JSON_BAD, "neither a comma nor the bracket's end", 0},
};

static void fields(void **state)
{
    (void)state;
    bl_json_text j = {0};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const struct found *v = &values[i];
        bl_json_found found = bl_json_text_find(&j, v->json, strlen(v->json), "t", 0);
        if (found != v->found)
            fail_msg("%s: %d, expected %d", v->json, found, v->found);
        if (found == BL_JSON_TEXT) {
            assert_int_equal(j.text.len, strlen(v->text));
            assert_memory_equal(j.text.data ? j.text.data : "", v->text, j.text.len);
            assert_int_equal(j.lone, v->lone);
        }
        if (found == BL_JSON_BAD)
            assert_string_equal(j.why, v->text);
    }
    assert_int_equal(bl_json_text_find(&j, "\"a\"", 3, "t", 1), BL_JSON_TEXT);
    assert_int_equal(bl_json_text_find(&j, "null", 4, "t", 1), BL_JSON_NULL);
    assert_int_equal(bl_json_text_find(&j, "7", 1, "t", 1), BL_JSON_NO_OBJECT);
    bl_json_text_release(&j);
}

/* Any depth, in a bit a level: no recursion. */
static void nesting(void **state)
{
    (void)state;
    enum { DEEP = 200000 };
    bl_buf b = {0};
    bl_json_text j = {0};
    bl_buf_puts(&b, "{\"x\":");
    for (int i = 0; i < DEEP; i++)
        bl_buf_puts(&b, i % 3 ? "[" : "{\"k\":");
    bl_buf_puts(&b, "0");
    for (int i = DEEP - 1; i >= 0; i--)
        bl_buf_puts(&b, i % 3 ? "]" : "}");
    bl_buf_puts(&b, ",\"t\":\"a\"}");
    assert_int_equal(bl_json_text_find(&j, b.data, b.len, "t", 0), BL_JSON_TEXT);
    assert_string_equal(j.text.data, "a");
    assert_true(j.nest.cap < DEEP);
    b.data[b.len - 10] = ']'; /* the outermost of them, which is an object */
    assert_int_equal(bl_json_text_find(&j, b.data, b.len, "t", 0), BL_JSON_BAD);
    bl_json_text_release(&j);
    bl_buf_release(&b);
}

/* ---- lines and arrays of JSON ---- */

static void bad_lines(void **state)
{
    (void)state;
    static const char text[] = "{\"text\":\"one\",\"hash\":18446744073709551615}\n"
                               "{\"text\":\"tw\\ud83do\"}\n"
                               "{broken\n"
                               "{\"txt\":\"no\"}\n"
                               "\xEF\xBB\xBF{\"text\":\"three\\r\\n\"}\r\n"
                               "{\"text\":\"\xE9\"}\n"
                               "{\"text\":[4]}\n"
                               "{\"text\":\"five\"}";
    bl_source_options o = by_name();
    const char *path = scratch("bad.jsonl");
    scratch_write(path, text, sizeof text - 1);
    expect_refusal(path, &o, BL_EFORMAT,
                   "bad.jsonl: line 2: half of a surrogate pair in \"text\"; `replace_invalid`");
    o.cutter.skip_bad = 1;
    bl_source *s = expect(path, &o, "[one][three][five]");
    assert_int_equal(bl_source_counted(s).bad, 5);
    assert_int_equal(bl_source_counted(s).marks, 1);
    assert_non_null(strstr(bl_source_passed_over(s).first_bad, "bad.jsonl: line 2: half of a"));
    bl_source_close(s);
    o.cutter.replace_invalid = 1;
    s = expect(path, &o, "[one][tw\xEF\xBF\xBDo][three][\xEF\xBF\xBD][five]");
    assert_int_equal(bl_source_counted(s).bad, 3);
    assert_int_equal(bl_source_counted(s).replaced, 2);
    assert_non_null(strstr(bl_source_passed_over(s).first_bad, "bad.jsonl: line 3: not JSON: "));
    bl_source_close(s);
}

static const struct array {
    const char *json, *want, *said; /* want NULL: refused with `said` */
} arrays[] = {
    {"[{\"text\":\"a\"},{\"text\":\"b\"}]", "[a][b]", NULL},
    {"\xEF\xBB\xBF [ \"a\" ,\"b ]\\\"\" , null , {\"text\":\"c\",\"x\":[{}]} ] \n", "[a][b ]\"][c]",
     NULL},
    {"{\"text\":\"a\"}\n{\"text\":\"b\"}{\n\"text\"\n:\"c\"}", "[a][b][c]", NULL},
    {"[]", "", NULL},
    {" \n", "", NULL},
    {"[\"a\"", NULL, "line 1: not JSON: it ends too early"},
    {"[\"a\",\n\"b\"\n\"c\"]", NULL, "line 3: not JSON: what cannot stand between two values"},
    {"[\"a\",]", NULL, "line 1: not JSON: what cannot"},
    {"[\"a\"] x", NULL, "line 1: not JSON: what cannot"},
    {"[\"a\",\n\n7]", NULL, "line 3: not a JSON object"},
    {"[\"a\",\n{\"text\":\n1},2]", NULL, "line 2: \"text\" is not text"},
    {"[\"a\",{\"text\":\n1x},2]", NULL, "line 1: not JSON: "},
    {"[\"a\",\n\n\n{\n\n\"text\":\"b\"},\n\"\\ud800\"]", NULL, "line 7: half of a surrogate"},
};

static void arrays_of_json(void **state)
{
    (void)state;
    bl_source_options o = by_name();
    const char *path = scratch("array.json");
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        scratch_write(path, arrays[i].json, strlen(arrays[i].json));
        if (arrays[i].want)
            bl_source_close(expect(path, &o, arrays[i].want));
        else
            expect_refusal(path, &o, BL_EFORMAT, arrays[i].said);
    }
    static const char *const none[] = {"{\"name\":\"x\"}", "[[1,2]]", "7", "[{\"txt\":\"a\"}]",
                                       "x"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        scratch_write(path, none[i], strlen(none[i]));
        expect_refusal(path, &o, BL_EUNSUPPORTED, "array.json: JSON without documents; ");
    }
    o.cutter.skip_bad = 1;
    scratch_write(path, "[{\"txt\":1},\"a\",[],\"b\"]", 22);
    bl_source *s = expect(path, &o, "[a][b]");
    assert_int_equal(bl_source_counted(s).bad, 2);
    bl_source_close(s);
    static const struct array odd[] = {
        {"[\"a\" \"b\",\n,{\"text\":\"c\"},]", "[a][b][c]", "line 1: not JSON: what cannot stand"},
        {"[\"a\",\n\"b\"},,\"c\"", "[a][b][c]", "line 2: not JSON: what cannot stand"},
        {"[\"a\"]]\n,\"b\" x", "[a]", "line 2: not JSON: what cannot stand"},
        {"{\"text\":\"a\"},\n{\"text\":\"b\"}", "[a][b]", "line 2: not JSON: what cannot stand"},
        {"[\"a\",\"b\"", "[a][b]", "line 1: not JSON: it ends too early"},
        {"{\"text\":\"a\"} some {\"text\":\"b\"}\n, {\"text\":\"c\"}", "[a][b][c]", "line 1: "}};
    static const uint64_t bad[] = {3, 3, 1, 1, 1, 2};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        scratch_write(path, odd[i].json, strlen(odd[i].json));
        s = expect(path, &o, odd[i].want);
        assert_int_equal(bl_source_counted(s).bad, bad[i]);
        if (!strstr(bl_source_passed_over(s).first_bad, odd[i].said))
            fail_msg("%s", bl_source_passed_over(s).first_bad);
        bl_source_close(s);
    }
    static const char swallowed[] = "[\"a\", {\"text\":\"b\", \"c\"";
    scratch_write(path, swallowed, sizeof swallowed - 1);
    expect_refusal(path, &o, BL_EFORMAT, "line 1: not JSON: it ends too early");
    scratch_write(path, "[{\"txt\":1},\"a\",[],\"b\"]", 22);
    o.cut_by_name = 0; /* whoever says how documents end gets that */
    bl_source_close(expect(path, &o, "[[{\"txt\":1},\"a\",[],\"b\"]]"));
}

/* An array far larger than what is read at once, its values across every seam. */
static void large_arrays(void **state)
{
    (void)state;
    enum { COUNT = 40000 };
    bl_buf b = {0};
    bl_buf_puts(&b, "[");
    for (int i = 0; i < COUNT; i++)
        bl_buf_printf(&b, "%s{\"n\": [%d, {\"]\": \"}\\\"\"}],\n \"text\": \"story %d\"}",
                      i ? ",\n" : "", i, i);
    bl_buf_puts(&b, "]\n");
    const char *path = scratch("large.json");
    scratch_write(path, b.data, b.len);
    bl_buf_release(&b);
    bl_source_options o = by_name();
    bl_source *s;
    bl_span d;
    assert_ok(bl_source_open(&s, &path, 1, &o, &failure));
    for (int i = 0; i < COUNT; i++) {
        char want[32];
        assert_ok(bl_source_next(s, &d, &failure));
        (void)snprintf(want, sizeof want, "story %d", i);
        assert_int_equal(d.bytes, strlen(want));
        assert_memory_equal(d.text, want, d.bytes);
    }
    assert_ok(bl_source_next(s, &d, &failure));
    assert_null(d.text);
    bl_source_close(s);
}

/* ---- encodings ---- */

static const char plain[] = "The caf\xC3\xA9 cost \xE2\x82\xAC 3.\nAnd it was a good one.";

/* The text above in UTF-16 or UTF-32, with a mark if wanted. */
static size_t widen(unsigned char *out, size_t unit, int big, int mark)
{
    uint32_t codes[128];
    size_t n = 0, bytes = 0;
    if (mark)
        codes[n++] = 0xFEFF;
    for (const char *at = plain; *at; n++) {
        unsigned char c = (unsigned char)*at;
        int more = c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0;
        codes[n] = more == 2 ? c & 15u : more ? c & 31u : c;
        for (at++; more; more--, at++)
            codes[n] = codes[n] << 6 | ((unsigned char)*at & 63u);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < unit; k++)
            out[bytes++] = (unsigned char)(codes[i] >> 8 * (big ? unit - 1 - k : k));
    return bytes;
}

static void encodings(void **state)
{
    (void)state;
    bl_source_options o = by_name();
    unsigned char bytes[600];
    char want[128];
    const char *path = scratch("wide.txt");
    (void)snprintf(want, sizeof want, "[%s]", plain);
    for (size_t unit = 2; unit <= 4; unit += 2)
        for (int big = 0; big < 2; big++)
            for (int mark = unit == 4; mark < 2; mark++) {
                scratch_write(path, bytes, widen(bytes, unit, big, mark));
                bl_source_close(expect(path, &o, want));
            }
    size_t n = widen(bytes, 2, 0, 1);
    bytes[10] = 0x00, bytes[11] = 0xDC; /* half of a pair */
    scratch_write(path, bytes, n);
    expect_refusal(path, &o, BL_EFORMAT, "wide.txt: not UTF-16LE at byte 10 (0x00)");
    o.cutter.replace_invalid = 1;
    bl_source *s = expect(path, &o,
                          "[The \xEF\xBF\xBD"
                          "af\xC3\xA9 cost \xE2\x82\xAC 3.\nAnd it was a good one.]");
    assert_int_equal(bl_source_counted(s).replaced, 1);
    bl_source_close(s);

    o = by_name();
    scratch_write(path, "the caf\xE9 \x80 3", 12);
    expect_refusal(path, &o, BL_EFORMAT, "wide.txt: not UTF-8 at byte 7 (0xE9); `encoding`");
    o.encoding = BL_ENCODING_WINDOWS1252;
    bl_source_close(expect(path, &o, "[the caf\xC3\xA9 \xE2\x82\xAC 3]"));
    o.encoding = BL_ENCODING_LATIN1;
    bl_source_close(expect(path, &o, "[the caf\xC3\xA9 \xC2\x80 3]"));
    scratch_write(path, "\xEF\xBB\xBF\xC3\xA9", 5); /* its mark says more than the option */
    bl_source_close(expect(path, &o, "[\xC3\xA9]"));
    o.encoding = BL_ENCODING_UTF16BE; /* Chinese without a zero anywhere */
    scratch_write(path, "\x4E\x2D\x65\x87", 4);
    bl_source_close(expect(path, &o, "[\xE4\xB8\xAD\xE6\x96\x87]"));

    o = by_name(); /* JSON Lines in UTF-16 too */
    path = scratch("wide.jsonl");
    scratch_write(path, "\xFF\xFE{\0\"\0t\0e\0x\0t\0\"\0:\0\"\0\xE9\0\"\0}\0\r\0\n\0", 30);
    bl_source_close(expect(path, &o, "[\xC3\xA9]"));
}

/* A conversion over many pieces, characters across their seams. */
static void long_conversion(void **state)
{
    (void)state;
    enum { UNITS = 150001 };
    static unsigned char bytes[2 * UNITS + 2];
    size_t n = 0;
    bytes[n++] = 0xFF, bytes[n++] = 0xFE;
    for (int i = 0; i < UNITS - 1; i += 2) { /* U+1F600 */
        bytes[n++] = 0x3D, bytes[n++] = 0xD8;
        bytes[n++] = 0x00, bytes[n++] = 0xDE;
    }
    const char *path = scratch("faces.txt");
    scratch_write(path, bytes, n);
    bl_source_options o = by_name();
    bl_source *s;
    bl_span d;
    assert_ok(bl_source_open(&s, &path, 1, &o, &failure));
    assert_ok(bl_source_next(s, &d, &failure));
    assert_int_equal(d.bytes, (n - 2) / 4 * 4);
    for (size_t i = 0; i < d.bytes; i += 4)
        assert_memory_equal(d.text + i, "\xF0\x9F\x98\x80", 4);
    bl_source_close(s);
}

/* ---- files that are not text ---- */

static const struct odd {
    const char *name, *text, *what;
    size_t bytes; /* 0: up to the end of the string */
} odd[] = {
    {"a.csv", "a,b\n", "a table", 0},
    {"b.TSV", "a\tb\n", "a table", 0},
    {"c.html", "words", "a web page", 0},
    {"d.txt", " <!DOCTYPE HTML><p>", "a web page", 0},
    {"e", "%PDF-1.7", "a PDF", 0},
    {"f.docx", "PK\3\4xx", "a zip file", 0},
    {"g", "PAR1xx", "a Parquet file", 0},
    {"h.ipynb", "{}", "a notebook", 0},
    {"i.bin", "ab\0cdefg", "binary", 8},
    {"j", "\1\2\3\4\5abc", "binary", 0},
    {"k.json", "{\"a\":1}", "JSON without documents", 0},
};

static void no_text(void **state)
{
    (void)state;
    bl_source_options o = by_name();
    size_t count = sizeof odd / sizeof odd[0];
    assert_ok(bl_dir_make(scratch("odd"), &failure));
    for (size_t i = 0; i < count; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "odd/%s", odd[i].name);
        const char *path = scratch(name);
        scratch_write(path, odd[i].text, odd[i].bytes ? odd[i].bytes : strlen(odd[i].text));
        expect_refusal(path, &o, BL_EUNSUPPORTED, odd[i].what);
    }
    scratch_write(scratch("odd/z.txt"), "text", 4);
    bl_source *s = expect(scratch("odd"), &o, "[text]");
    assert_int_equal(bl_source_passed_over(s).files, count);
    bl_source_close(s);
    o.cut_by_name = 0; /* text of its kind is taken when asked where documents end */
    o.cut = BL_CUT_LINE;
    bl_source_close(expect(scratch("odd/a.csv"), &o, "[a,b]"));
}

/* What this program wrote is not text of a corpus. */
static void own_folders(void **state)
{
    (void)state;
    bl_source_options o = by_name();
    static const char data[] = "{\"format\": \"bitllama-tokens\"}",
                      run[] = "{\"model_type\": \"bit_llama\"}";
    assert_ok(bl_dir_make(scratch("own/new"), &failure));
    assert_ok(bl_dir_make(scratch("own/old"), &failure));
    assert_ok(bl_dir_make(scratch("own/run/ckpt"), &failure));
    scratch_write(scratch("own/a.txt"), "a", 1);
    scratch_write(scratch("own/new/x.txt"), "x", 1);
    scratch_write(scratch("own/old/meta.json"), data, sizeof data - 1);
    scratch_write(scratch("own/old/train.bin"), "b", 1);
    scratch_write(scratch("own/run/config.json"), run, sizeof run - 1);
    scratch_write(scratch("own/run/metrics.jsonl"), "{}", 2);
    o.writing = scratch("own/../own/new");
    bl_source *s = expect(scratch("own"), &o, "[a]");
    assert_int_equal(bl_source_passed_over(s).ours, 2); /* today's is not reported */
    bl_source_close(s);
    o.writing = scratch("own/old"); /* named: its texts are taken, its files are not */
    scratch_write(scratch("own/old/b.txt"), "b", 1);
    s = expect(scratch("own/old"), &o, "[b]");
    assert_int_equal(bl_source_passed_over(s).ours, 2);
    bl_source_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),          cmocka_unit_test(nesting),
        cmocka_unit_test(bad_lines),       cmocka_unit_test(arrays_of_json),
        cmocka_unit_test(large_arrays),    cmocka_unit_test(encodings),
        cmocka_unit_test(long_conversion), cmocka_unit_test(no_text),
        cmocka_unit_test(own_folders),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
