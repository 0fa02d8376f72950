/* Documents out of compressed files, JSON Lines, pipes and folders: what comes, in which order, and
 * what is said about damaged input. */
#include "scratch.h"

#include "core/alloc.h"
#include "core/buf.h"
#include "corpus/source.h"

#include <fcntl.h>
#include <lzma.h>
#include <pthread.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

static const bl_source_options plain = {.cutter = {.most = 1 << 20}};

/* All documents of a source, each in brackets, or the status that ended them. */
static bl_status read_documents(bl_source *s, bl_buf *out)
{
    bl_buf_clear(out);
    for (;;) {
        bl_span d;
        bl_status status = bl_source_next(s, &d, &failure);
        if (status != BL_OK || !d.text)
            return status;
        bl_buf_puts(out, "[");
        bl_buf_append(out, d.text, d.bytes);
        bl_buf_puts(out, "]");
    }
}

/* Reads a source twice: the second time it must give the same. */
static void expect_documents(const char *path, const bl_source_options *options, const char *want)
{
    bl_source *s;
    bl_buf got = {0};
    assert_ok(bl_source_open(&s, &path, 1, options, &failure));
    for (int pass = 0; pass < 2; pass++) {
        assert_ok(read_documents(s, &got));
        bl_buf_append(&got, "", 1);
        assert_string_equal(got.data, want);
        assert_ok(bl_source_rewind(s, &failure));
    }
    bl_source_close(s);
    bl_buf_release(&got);
}

static void expect_failure(const char *path, const bl_source_options *options, const char *said)
{
    bl_source *s;
    bl_buf got = {0};
    assert_ok(bl_source_open(&s, &path, 1, options, &failure));
    assert_int_equal(read_documents(s, &got), BL_EFORMAT);
    if (!strstr(failure.message, said))
        fail_msg("\"%s\" does not say \"%s\"", failure.message, said);
    bl_source_close(s);
    bl_buf_release(&got);
}

/* ---- compressed files ---- */

enum { ROOM = 4096 };
typedef size_t compress_fn(const char *text, unsigned char out[ROOM]);

static size_t as_gzip(const char *text, unsigned char out[ROOM])
{
    z_stream z = {.next_in = (z_const Bytef *)text,
                  .avail_in = (uInt)strlen(text),
                  .next_out = out,
                  .avail_out = ROOM};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&z), Z_OK);
    return z.total_out;
}

static size_t as_zstd(const char *text, unsigned char out[ROOM])
{
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
    size_t n = ZSTD_compress2(c, out, ROOM, text, strlen(text));
    assert_false(ZSTD_isError(n));
    ZSTD_freeCCtx(c);
    return n;
}

static size_t as_xz(const char *text, unsigned char out[ROOM])
{
    size_t n = 0;
    assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, (const uint8_t *)text,
                                             strlen(text), out, &n, ROOM),
                     LZMA_OK);
    return n;
}

static const struct format {
    const char *name;
    compress_fn *compress;
} formats[] = {
    {"a.txt.gz", as_gzip},
    {"a.txt.zst", as_zstd},
    {"a.txt.xz", as_xz},
    {"no-such-ending", as_gzip},
};

static void compressed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const struct format *f = &formats[i];
        unsigned char bytes[2 * ROOM];
        const char *path = scratch(f->name);
        size_t n = f->compress("one\n<|endoftext|>\ntwo", bytes);
        size_t more = f->compress(" halves\n", bytes + n); /* a second piece: one text */
        scratch_write(path, bytes, n + more);
        expect_documents(path, &plain, "[one][two halves]");
        for (size_t cut = n + more - 1; cut > n + 6; cut -= 3) {
            scratch_write(path, bytes, cut);
            expect_failure(path, &plain, f->name);
        }
        bytes[n - 6] ^= 0x55; /* inside what ends the first piece: its checksum or index */
        scratch_write(path, bytes, n + more);
        expect_failure(path, &plain, f->name);
        scratch_write(path, bytes, 0);
        expect_documents(path, &plain, "");
    }
}

/* ---- where documents end ---- */

static void expect_cut(bl_cut rule, const char *text, const char *want)
{
    bl_source_options o = plain;
    o.cut = rule;
    o.cutter.field = "text";
    const char *path = scratch("cut.txt");
    scratch_write(path, text, strlen(text));
    expect_documents(path, &o, want);
}

static void rules(void **state)
{
    (void)state;
    expect_cut(BL_CUT_END_OF_TEXT, "\xEF\xBB\xBF a\n\nb \r\n<|endoftext|>\r\n\n<|endoftext|>\nc",
               "[a\n\nb][c]");
    expect_cut(BL_CUT_END_OF_TEXT, "a <|endoftext|>\n<|endoftext|> \nb<|endoftext|>",
               "[a <|endoftext|>\n<|endoftext|> \nb<|endoftext|>]");
    expect_cut(BL_CUT_BLANK_LINE, "a\nb\n \t\r\n\n\nc\n\n<|endoftext|>\n",
               "[a\nb][c][<|endoftext|>]");
    expect_cut(BL_CUT_LINE, "a\r\n\n b \nc", "[a][b][c]");
    expect_cut(BL_CUT_FILE, "a\n\n<|endoftext|>\nb\n", "[a\n\n<|endoftext|>\nb]");
    /* Line ends of other systems, and marks of files that were joined. */
    expect_cut(BL_CUT_FILE, "a\r\nb\rc\r\r\nd", "[a\nb\nc\n\nd]");
    expect_cut(BL_CUT_END_OF_TEXT,
               "\xEF\xBB\xBF"
               "a\r\n\xEF\xBB\xBF<|endoftext|>\nb\xEF\xBB\xBF"
               "c",
               "[a][bc]");
    expect_cut(BL_CUT_END_OF_TEXT, "a\r<|endoftext|>\rb\r", "[a][b]");
    expect_cut(BL_CUT_FILE, " \n\n\t", "");
}

static void long_documents(void **state)
{
    (void)state;
    bl_source_options o = plain;
    o.cutter.most = 8;
    const char *path = scratch("long.txt");
    static const char words[] = "one two\nthree four fivesixsev\xC3\xA9"
                                "eight";
    scratch_write(path, words, sizeof words - 1);
    expect_documents(path, &o,
                     "[one two][three][four][fivesixs][ev\xC3\xA9"
                     "eigh][t]");
    o.cut = BL_CUT_JSONL;
    o.cutter.field = "text";
    scratch_write(path, "{\"text\":\"one two three\"}\n{\"text\":\"ab\"}", 38);
    bl_source *s;
    bl_buf got = {0};
    assert_ok(bl_source_open(&s, &path, 1, &o, &failure));
    assert_ok(read_documents(s, &got));
    bl_buf_append(&got, "", 1);
    assert_string_equal(got.data, "[one two][three][ab]");
    assert_int_equal(bl_source_counted(s).cut, 1);
    bl_source_close(s);
    bl_buf_release(&got);
}

static void json_lines(void **state)
{
    (void)state;
    expect_cut(
        BL_CUT_JSONL,
        "{\"text\": \" a\\n\\u00e9\\ud83d\\ude00 \", \"id\": [1, {}]}\r\n\n{\"text\": null}\n"
        "{\"text\":\"\"}\n{\"text\":\"b\",\"text\":\"c\"}",
        "[a\n\xC3\xA9\xF0\x9F\x98\x80][c]");
    static const struct {
        const char *text, *said;
    } bad[] = {
        {"{\"text\":\"a\"}\n\n{\"text\":", "cut.jsonl: line 3: not JSON"},
        {"{\"text\":\"a\"}\n[\"text\"]", "line 2: not a JSON object"},
        {"{\"txt\":\"a\"}", "line 1: no field \"text\""},
        {"{\"text\":7}", "line 1: \"text\" is not text"},
        {"{\"text\":\"a\"} {\"text\":\"b\"}", "line 1: not JSON"},
        {"{\"text\":\"\xFF\"}", "not UTF-8 at byte 9"},
    };
    bl_source_options o = plain;
    o.cut_by_name = 1;
    o.cutter.field = "text";
    const char *path = scratch("cut.jsonl");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        scratch_write(path, bad[i].text, strlen(bad[i].text));
        expect_failure(path, &o, bad[i].said);
    }
    enum { DEEP = 100000 };
    bl_buf deep = {0};
    bl_buf_puts(&deep, "{\"text\":\"a\",\"x\":");
    for (int i = 0; i < DEEP; i++)
        bl_buf_puts(&deep, "[");
    scratch_write(path, deep.data, deep.len);
    expect_failure(path, &o, "line 1: not JSON");
    bl_buf_release(&deep);
}

static void invalid_text(void **state)
{
    (void)state;
    bl_source_options o = plain;
    const char *path = scratch("latin.txt");
    scratch_write(path, "caf\xE9 \xE4\xB8 \xF0\x9F\x98\x80", 12);
    expect_failure(path, &o, "latin.txt: not UTF-8 at byte 3");
    o.cutter.replace_invalid = 1;
    expect_documents(path, &o, "[caf\xEF\xBF\xBD \xEF\xBF\xBD \xF0\x9F\x98\x80]");
    bl_source *s;
    bl_buf got = {0};
    assert_ok(bl_source_open(&s, &path, 1, &o, &failure));
    assert_ok(read_documents(s, &got));
    assert_int_equal(bl_source_counted(s).replaced, 2);
    bl_source_close(s);
    bl_buf_release(&got);
}

/* ---- folders and pipes ---- */

static void patterns(void **state)
{
    (void)state;
    static const char *const files[] = {"g/b.py", "g/a.txt.gz", "g/c/d.py", "g/c/e.txt", "g/.h.py"};
    assert_ok(bl_dir_make(scratch("g/c"), &failure));
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        unsigned char bytes[ROOM];
        size_t n = as_gzip(files[i], bytes);
        if (strstr(files[i], ".gz"))
            scratch_write(scratch(files[i]), bytes, n);
        else
            scratch_write(scratch(files[i]), files[i], strlen(files[i]));
    }
    static const struct {
        const char *glob, *want;
    } cases[] = {{NULL, "[g/a.txt.gz][g/b.py][g/c/d.py][g/c/e.txt]"},
                 {"*.py", "[g/b.py][g/c/d.py]"},
                 {"*.txt", "[g/a.txt.gz][g/c/e.txt]"},
                 {"*.gz", "[g/a.txt.gz]"},
                 {"c/*", "[g/c/d.py][g/c/e.txt]"},
                 {"*.md", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bl_source_options o = plain;
        o.glob = cases[i].glob;
        expect_documents(scratch("g"), &o, cases[i].want);
    }
}

typedef struct feed {
    const char *path;
    const void *bytes;
    size_t count;
} feed;

/* Writes to a named pipe, in small pieces: characters and lines arrive cut. */
static void *feed_pipe(void *user)
{
    const feed *f = user;
    int fd = open(f->path, O_WRONLY | O_CLOEXEC);
    for (size_t at = 0; fd >= 0 && at < f->count; at += 7)
        if (write(fd, (const char *)f->bytes + at, f->count - at < 7 ? f->count - at : 7) < 0)
            break;
    if (fd >= 0)
        (void)close(fd);
    return NULL;
}

static void pipes(void **state)
{
    (void)state;
    static const char text[] = "one \xC3\xA9\n<|endoftext|>\ntwo\n<|endoftext|>\n";
    unsigned char bytes[ROOM];
    size_t n = as_zstd(text, bytes);
    const feed feeds[] = {{scratch("pipe"), text, sizeof text - 1}, {scratch("pipe"), bytes, n}};
    bl_source_options o = plain;
    o.keep = scratch("keep");
    assert_ok(bl_dir_make(o.keep, &failure));
    for (size_t i = 0; i < 2; i++) {
        pthread_t thread;
        assert_int_equal(mkfifo(feeds[i].path, 0600), 0);
        assert_int_equal(pthread_create(&thread, NULL, feed_pipe, (void *)&feeds[i]), 0);
        expect_documents(feeds[i].path, &o, "[one \xC3\xA9][two]");
        assert_int_equal(pthread_join(thread, NULL), 0);
        bl_names left;
        assert_ok(bl_dir_list(&left, o.keep, &failure)); /* what was kept had no name */
        assert_int_equal(left.count, 0);
        bl_names_release(&left);
        assert_int_equal(remove(feeds[i].path), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compressed),     cmocka_unit_test(rules),
        cmocka_unit_test(long_documents), cmocka_unit_test(json_lines),
        cmocka_unit_test(invalid_text),   cmocka_unit_test(patterns),
        cmocka_unit_test(pipes),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
