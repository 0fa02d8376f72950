/* Sources, token files and meta.json, with hostile input of each kind. */
#include "scratch.h"

#include "core/alloc.h"
#include "core/buf.h"
#include "core/file.h"
#include "corpus/source.h"
#include "data/tokens.h"
#include "format/json.h"

/* All documents of a source as "[one][two]", read twice. */
static const char *documents(const char *part, const char *glob)
{
    static bl_buf text[2];
    const bl_source_options options = {.glob = glob};
    bl_source *s;
    assert_ok(bl_source_open(&s, &part, 1, &options, &failure));
    for (int pass = 0; pass < 2; pass++) {
        bl_buf_clear(&text[pass]);
        bl_buf_puts(&text[pass], "");
        for (;;) {
            bl_span d;
            assert_ok(bl_source_next(s, &d, &failure));
            assert_true(bl_source_done(s) <= bl_source_total(s));
            if (!d.text)
                break;
            bl_buf_puts(&text[pass], "[");
            bl_buf_append(&text[pass], d.text, d.bytes);
            bl_buf_puts(&text[pass], "]");
        }
        assert_true(bl_source_done(s) == bl_source_total(s));
        assert_ok(bl_source_rewind(s, &failure));
    }
    bl_source_close(s);
    assert_string_equal(text[0].data, text[1].data);
    bl_buf_release(&text[1]);
    static char result[4096];
    (void)snprintf(result, sizeof result, "%s", text[0].data);
    bl_buf_release(&text[0]);
    return result;
}

static const char *file_of(const char *name, const char *text)
{
    scratch_write(scratch(name), text, strlen(text));
    return scratch(name);
}

static void files_are_cut(void **state)
{
    (void)state;
    static const struct {
        const char *text, *documents;
    } cases[] = {
        {"", ""},
        {" \t\r\n\v\f", ""},
        {"one", "[one]"},
        {"  one \n two\r\n\n", "[one \n two]"},
        {"\xEF\xBB\xBFone", "[one]"},
        {"\xEF\xBB\xBF", ""},
        {"one\n<|endoftext|>\ntwo\n<|endoftext|>\n", "[one][two]"},
        {"one\r\n<|endoftext|>\r\ntwo\r\n", "[one][two]"},
        {"<|endoftext|>\n\n<|endoftext|>\none\n<|endoftext|>", "[one]"},
        {"<|endoftext|>", ""},
        {"a <|endoftext|>\n<|endoftext|> b\n <|endoftext|>", /* not a line of its own */
         "[a <|endoftext|>\n<|endoftext|> b\n <|endoftext|>]"},
        {"a\n<|endoftext|>x\n<|endoftext|\nb", "[a\n<|endoftext|>x\n<|endoftext|\nb]"},
        {"na\xC3\xAFve \xF0\x9F\x90\xBB", "[na\xC3\xAFve \xF0\x9F\x90\xBB]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(documents(file_of("cut.txt", cases[i].text), NULL), cases[i].documents);
}

static void folders_are_walked(void **state)
{
    (void)state;
    assert_ok(bl_dir_make(scratch("tree/b/deep"), &failure));
    assert_ok(bl_dir_make(scratch("tree/.hidden"), &failure));
    (void)file_of("tree/z.txt", "z");
    (void)file_of("tree/a.py", "a");
    (void)file_of("tree/b/two.txt", "two");
    (void)file_of("tree/b/deep/three.txt", "three\n<|endoftext|>\nfour");
    (void)file_of("tree/.hidden/no.txt", "no");
    (void)file_of("tree/.no.txt", "no");
    assert_string_equal(documents(scratch("tree"), NULL), "[a][three][four][two][z]");
    assert_string_equal(documents(scratch("tree"), "*"), "[a][three][four][two][z]");
    assert_string_equal(documents(scratch("tree"), "*.txt"), "[three][four][two][z]");
    assert_string_equal(documents(scratch("tree"), "b/*.txt"), "[two]");
    assert_string_equal(documents(scratch("tree"), "[az].??"), "[a]");
    assert_string_equal(documents(scratch("tree"), "*.none"), "");
    /* A link in a circle ends in words, not in a crash. */
    assert_int_equal(symlink(".", scratch("tree/b/loop")), 0);
    const char *part = scratch("tree");
    bl_source *s;
    assert_int_equal(bl_source_open(&s, &part, 1, &(bl_source_options){0}, &failure), BL_EFORMAT);
    assert_ok(bl_dir_remove(scratch("tree"), &failure));
}

static void bad_sources(void **state)
{
    (void)state;
    bl_source *s;
    bl_span d;
    const bl_source_options options = {0};
    const char *absent = scratch("absent.txt");
    assert_int_equal(bl_source_open(&s, &absent, 1, &options, &failure), BL_ENOENT);
    assert_non_null(strstr(failure.message, "absent.txt"));
    assert_null(s);
    assert_int_equal(bl_source_open(&s, &absent, 0, &options, &failure), BL_EINVAL);
    const char *device = "/dev/null";
    assert_int_equal(bl_source_open(&s, &device, 1, &options, &failure), BL_EIO);

    static const char bad[] = "good\n<|endoftext|>\n  caf\xE9 \n<|endoftext|>\nmore";
    const char *path = file_of("latin.txt", bad);
    assert_ok(bl_source_open(&s, &path, 1, &options, &failure));
    assert_ok(bl_source_next(s, &d, &failure));
    assert_int_equal(d.bytes, 4);
    assert_int_equal(bl_source_next(s, &d, &failure), BL_EFORMAT);
    assert_null(d.text);
    assert_non_null(strstr(failure.message, "latin.txt"));
    assert_non_null(strstr(failure.message, "byte 24"));
    bl_source_close(s);
    bl_source_close(NULL);
}

static void tales_reach_their_size(void **state)
{
    (void)state;
    const bl_source_options options = {.tales_bytes = 50000, .seed = 4};
    const char *part = "tales";
    bl_source *s;
    assert_ok(bl_source_open(&s, &part, 1, &options, &failure));
    for (int pass = 0; pass < 2; pass++) {
        size_t bytes = 0, last = 0;
        for (bl_span d;;) {
            assert_ok(bl_source_next(s, &d, &failure));
            if (!d.text)
                break;
            assert_true(bytes < 50000);
            bytes += last = d.bytes;
        }
        assert_true(bytes >= 50000 && bytes - last < 50000);
        assert_ok(bl_source_rewind(s, &failure));
    }
    bl_source_close(s);
}

/* ---- token files ---- */

static void write_ids(const char *path, size_t width, const int32_t *ids, size_t count)
{
    bl_token_file_out *out;
    assert_ok(bl_token_file_create(&out, path, width, &failure));
    bl_token_file_write(out, ids, count);
    assert_ok(bl_token_file_commit(out, &failure));
}

static void ids_round_trip(void **state)
{
    (void)state;
    assert_int_equal(bl_token_file_width(1), 2);
    assert_int_equal(bl_token_file_width(65536), 2);
    assert_int_equal(bl_token_file_width(65537), 4);
    enum { COUNT = 5000 };
    int32_t *ids = bl_calloc(COUNT, sizeof *ids), *back = bl_calloc(COUNT, sizeof *back);
    for (size_t width = 2; width <= 4; width += 2) {
        for (int32_t i = 0; i < COUNT; i++)
            ids[i] = (int32_t)((uint32_t)i * 2654435761u >> (width == 2 ? 16 : 8));
        const char *path = scratch("ids.bin");
        write_ids(path, width, ids, COUNT);
        bl_token_file *t;
        assert_ok(bl_token_file_open(&t, path, width, width == 2 ? 65536 : 1 << 24, &failure));
        assert_int_equal(bl_token_file_count(t), COUNT);
        assert_string_equal(bl_token_file_path(t), path);
        assert_ok(bl_token_file_get(t, 0, COUNT, back, &failure));
        assert_memory_equal(ids, back, COUNT * sizeof *ids);
        assert_ok(bl_token_file_get(t, 17, 3, back, &failure));
        assert_memory_equal(ids + 17, back, 3 * sizeof *ids);
        bl_token_file_close(t);
    }
    bl_free(ids);
    bl_free(back);
    bl_token_file_close(NULL);
    bl_map raw; /* the bytes themselves: little-endian */
    write_ids(scratch("two.bin"), 2, (const int32_t[]){1, 0x0203}, 2);
    assert_ok(bl_map_open(&raw, scratch("two.bin"), &failure));
    assert_int_equal(raw.size, 4);
    assert_memory_equal(raw.data, "\x01\x00\x03\x02", 4);
    bl_map_close(&raw);
}

static void bad_ids_are_named(void **state)
{
    (void)state;
    enum { COUNT = 100000, BAD = 70001 };
    int32_t *ids = bl_calloc(COUNT, sizeof *ids);
    bl_token_file *t;
    for (size_t width = 2; width <= 4; width += 2) {
        ids[BAD] = 300;
        const char *path = scratch("bad.bin");
        write_ids(path, width, ids, COUNT);
        assert_ok(bl_token_file_open(&t, path, width, 301, &failure));
        bl_token_file_close(t);
        assert_int_equal(bl_token_file_open(&t, path, width, 300, &failure), BL_EFORMAT);
        assert_null(t);
        assert_non_null(strstr(failure.message, "token 70001 is id 300"));
    }
    ids[BAD] = -1; /* as u32 far past every vocabulary */
    write_ids(scratch("bad.bin"), 4, ids, COUNT);
    assert_int_equal(bl_token_file_open(&t, scratch("bad.bin"), 4, 1 << 24, &failure), BL_EFORMAT);
    bl_free(ids);
    scratch_write(scratch("odd.bin"), "abc", 3);
    assert_int_equal(bl_token_file_open(&t, scratch("odd.bin"), 2, 65536, &failure), BL_EFORMAT);
    assert_int_equal(bl_token_file_open(&t, scratch("no.bin"), 2, 65536, &failure), BL_ENOENT);
    assert_int_equal(bl_token_file_open(&t, scratch_folder, 2, 65536, &failure), BL_EIO);
}

/* ---- the folder ---- */

static const char tokenizer_text[] = "{\"stands\": \"for a tokenizer\"}";

/* A sound data folder of five training tokens and two for validation. */
static bl_data_meta make_folder(const char *dir)
{
    char path[800];
    bl_data_meta meta = {.vocab_size = 300, .seed = 5, .val_split = 0.25};
    assert_ok(bl_dir_make(dir, &failure));
    (void)snprintf(path, sizeof path, "%s/train.bin", dir);
    write_ids(path, 2, (const int32_t[]){7, 299, 0, 8, 0}, 5);
    (void)snprintf(path, sizeof path, "%s/val.bin", dir);
    write_ids(path, 2, (const int32_t[]){9, 0}, 2);
    (void)snprintf(path, sizeof path, "%s/tokenizer.json", dir);
    scratch_write(path, tokenizer_text, sizeof tokenizer_text - 1);
    assert_ok(bl_file_hash(path, meta.tokenizer_hash, &failure));
    (void)snprintf(meta.source, sizeof meta.source, "a \"quoted\" name");
    (void)snprintf(meta.split_rule, sizeof meta.split_rule, "by hand");
    meta.split[BL_DATA_TRAIN] = (bl_data_split){2, 5, 11, 3, "", 0, ""};
    meta.split[BL_DATA_VAL] = (bl_data_split){1, 2, 4, 2, "", 0, ""};
    assert_ok(bl_data_meta_save(&meta, dir, &failure));
    return meta;
}

static void folder_round_trip(void **state)
{
    (void)state;
    const char *dir = scratch("data");
    bl_data_meta meta = make_folder(dir), back;
    assert_ok(bl_data_meta_load(&back, dir, &failure));
    assert_true(back.vocab_size == 300 && back.seed == 5);
    assert_true(back.val_split == 0.25);
    assert_string_equal(back.source, meta.source);
    assert_string_equal(back.split_rule, meta.split_rule);
    assert_string_equal(back.tokenizer_hash, meta.tokenizer_hash);
    assert_memory_equal(back.split, meta.split, sizeof meta.split);
    bl_data *d;
    assert_ok(bl_data_open(&d, dir, &failure));
    assert_int_equal(bl_token_file_count(d->split[BL_DATA_TRAIN]), 5);
    assert_int_equal(bl_token_file_count(d->split[BL_DATA_VAL]), 2);
    bl_data_close(d);
    bl_data_close(NULL);

    bl_token_file *t;
    bl_data_split split;
    assert_ok(bl_token_file_open_path(&t, scratch("data/val.bin"), 300, &split, &failure));
    assert_true(split.documents == 1 && split.tokens == 2 && split.bytes == 4);
    bl_token_file_close(t);
    assert_int_equal(bl_token_file_open_path(&t, scratch("data/val.bin"), 299, &split, &failure),
                     BL_EFORMAT);
    write_ids(scratch("data/own.bin"), 2, (const int32_t[]){1, 2, 3}, 3);
    assert_ok(bl_token_file_open_path(&t, scratch("data/own.bin"), 300, &split, &failure));
    assert_true(split.documents == 0 && split.tokens == 3 && split.bytes == 0);
    bl_token_file_close(t);
    write_ids(scratch("train.bin"), 2, (const int32_t[]){1, 2, 3}, 3); /* no meta.json there */
    assert_ok(bl_token_file_open_path(&t, scratch("train.bin"), 300, &split, &failure));
    assert_true(split.tokens == 3);
    bl_token_file_close(t);
}

/* Opens the folder with meta.json replaced; asserts that it is refused and names the file. */
static void refused(const char *dir, const char *text, size_t bytes)
{
    char path[800];
    bl_data *d;
    (void)snprintf(path, sizeof path, "%s/meta.json", dir);
    scratch_write(path, text, bytes);
    failure.message[0] = 0;
    if (bl_data_open(&d, dir, &failure) != BL_EFORMAT)
        fail_msg("accepted: %s", text);
    assert_null(d);
    assert_non_null(strstr(failure.message, dir));
}

static void hostile_meta(void **state)
{
    (void)state;
    const char *dir = scratch("hostile");
    (void)make_folder(dir);
    json_t *sound;
    assert_ok(bl_json_load(&sound, scratch("hostile/meta.json"), &failure));
    char *text = json_dumps(sound, 0);
    size_t bytes = strlen(text);
    for (size_t cut = 0; cut < bytes; cut++) /* every truncation */
        refused(dir, text, cut);
    refused(dir, "[]", 2);
    refused(dir, "{\"a\": 1, \"a\": 2}", 16);
    refused(dir, "\xFF\xFE{\0}\0", 6);
    free(text);

    static const char *const wrong[] = {"null",
                                        "-1",
                                        "1e300",
                                        "1.5",
                                        "true",
                                        "\"\"",
                                        "[1,2]",
                                        "{}",
                                        "16777217",
                                        "1",
                                        "9223372036854775807"};
    const char *key;
    json_t *value;
    size_t accepted = 0;
    json_object_foreach (sound, key, value) { /* every field missing, and of every wrong kind */
        json_t *copy = json_deep_copy(sound);
        json_object_del(copy, key);
        text = json_dumps(copy, 0);
        int role = strstr(key, "_token_id") != NULL; /* older folders do not name them */
        if (!role)
            refused(dir, text, strlen(text));
        free(text);
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            json_t *other = json_loads(wrong[i], JSON_DECODE_ANY, NULL);
            /* What is still sound: an empty description, version 1, another seed or share. */
            int fine = json_is_string(value) && strcmp(wrong[i], "\"\"") == 0 &&
                       (strcmp(key, "source") == 0 || strcmp(key, "split_rule") == 0);
            fine |= (role || strcmp(key, "version") == 0) && strcmp(wrong[i], "1") == 0;
            fine |= strcmp(key, "seed") == 0 && json_is_integer(other) &&
                    json_integer_value(other) >= 0;
            accepted += (size_t)fine;
            json_object_set_new(copy, key, other);
            text = json_dumps(copy, 0);
            if (!fine)
                refused(dir, text, strlen(text));
            free(text);
        }
        json_decref(copy);
    }
    assert_int_equal(accepted, 8);
    json_decref(sound);
}

static void files_must_fit_meta(void **state)
{
    (void)state;
    const char *dir = scratch("fit");
    bl_data *d;
    (void)make_folder(dir);
    write_ids(scratch("fit/train.bin"), 2, (const int32_t[]){7, 299, 0, 8}, 4);
    assert_int_equal(bl_data_open(&d, dir, &failure), BL_EFORMAT);
    assert_non_null(strstr(failure.message, "4 tokens, meta.json says 5"));
    write_ids(scratch("fit/train.bin"), 2, (const int32_t[]){7, 300, 0, 8, 0}, 5);
    assert_int_equal(bl_data_open(&d, dir, &failure), BL_EFORMAT);
    assert_non_null(strstr(failure.message, "token 1 is id 300"));
    (void)make_folder(dir);
    scratch_write(scratch("fit/tokenizer.json"), "{}", 2);
    assert_int_equal(bl_data_open(&d, dir, &failure), BL_EFORMAT);
    assert_non_null(strstr(failure.message, "tokenizer.json"));
    (void)make_folder(dir);
    assert_ok(bl_file_remove(scratch("fit/val.bin"), &failure));
    assert_int_equal(bl_data_open(&d, dir, &failure), BL_ENOENT);
    assert_ok(bl_file_remove(scratch("fit/meta.json"), &failure));
    assert_int_equal(bl_data_open(&d, dir, &failure), BL_ENOENT);
    assert_int_equal(bl_data_open(&d, scratch("nowhere"), &failure), BL_ENOENT);
    assert_null(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_cut),       cmocka_unit_test(folders_are_walked),
        cmocka_unit_test(bad_sources),         cmocka_unit_test(tales_reach_their_size),
        cmocka_unit_test(ids_round_trip),      cmocka_unit_test(bad_ids_are_named),
        cmocka_unit_test(folder_round_trip),   cmocka_unit_test(hostile_meta),
        cmocka_unit_test(files_must_fit_meta),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
