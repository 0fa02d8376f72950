/* tokenizer.json that is broken, or asks for what is not supported: one clear line each. */
#include "core/file.h"
#include "text/added.h"
#include "text/text.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURES BL_TEST_DATA "/fixtures/tokenizer/"
#define PATH     "test_tokenizer_hostile.tmp.json"

/* Opens the text; the status must be `want` and the message one line with the path and `says`. */
static void expect(const char *text, size_t bytes, bl_status want, const char *says)
{
    bl_tokenizer *t = NULL;
    bl_error err = {0};
    assert_int_equal(bl_file_replace(PATH, text, bytes, NULL), BL_OK);
    bl_status got = bl_tokenizer_open(&t, PATH, &err);
    if (got != want)
        fail_msg("status %d instead of %d (%s): %s", got, want, says, err.message);
    if (want == BL_OK) {
        bl_tokenizer_close(t);
    } else {
        assert_null(t);
        assert_null(strchr(err.message, '\n'));
        if (!strstr(err.message, PATH) || !strstr(err.message, says))
            fail_msg("the message lacks the path or \"%s\": %s", says, err.message);
    }
    assert_int_equal(bl_file_remove(PATH, NULL), BL_OK);
}

/* The place that a path such as model.merges.3 names: its parent, and the last name. */
static json_t *parent_of(json_t *root, const char *path, const char **last)
{
    char name[64];
    const char *dot;
    while ((dot = strchr(path, '.')) != NULL) {
        memcpy(name, path, (size_t)(dot - path));
        name[dot - path] = 0;
        root = json_is_array(root) ? json_array_get(root, strtoull(name, NULL, 10))
                                   : json_object_get(root, name);
        assert_non_null(root);
        path = dot + 1;
    }
    *last = path;
    return root;
}

#define SPLIT(regex, behavior, invert)                                                             \
    "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Split\", \"pattern\": {\"Regex\": " \
    "\"" regex "\"}, \"behavior\": \"" behavior "\", \"invert\": " invert                          \
    "}, {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}]}"
#define SEQUENCE(list, members) "{\"type\": \"Sequence\", \"" list "\": [" members "]}"
#define BYTE_LEVEL              "{\"type\": \"ByteLevel\", \"add_prefix_space\": true}"
#define DIGITS(individual)      "{\"type\": \"Digits\", \"individual_digits\": " individual "}"
#define PUNCTUATION(behavior)   "{\"type\": \"Punctuation\", \"behavior\": \"" behavior "\"}"
#define SPLIT_AT(pattern)                                                                          \
    "{\"type\": \"Split\", \"pattern\": {" pattern                                                 \
    "}, \"behavior\": \"Isolated\", \"invert\": false}"
#define FIVE                                                                                       \
    DIGITS("true") ", " DIGITS("true") ", " DIGITS("true") ", " DIGITS("true") ", " BYTE_LEVEL
#define TEN FIVE ", " FIVE
#define AROUND(kind, cls, more)                                                                    \
    "{\"type\": \"" kind "Processing\", \"sep\": [\"e\", 0], \"cls\": " cls more "}"
#define TEMPLATE(piece, id)                                                                        \
    "{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"b\"}}, " piece  \
    "], \"pair\": [], \"special_tokens\": {\"b\": {\"id\": \"b\", \"ids\": [" id "]}}}"

/* One change to a good file: the value at `path` becomes `value` (JSON; NULL: taken away; an array
 * index past the end appends). */
static const struct {
    const char *path, *value;
    bl_status status;
    const char *says;
} changes[] = {
    {"version", "\"1.0\"", BL_OK, ""},
    {"version", "\"2.0\"", BL_EUNSUPPORTED, "version is \"2.0\""},
    {"version", NULL, BL_EFORMAT, "version is missing"},
    {"truncation", "{\"max_length\": 8}", BL_OK, ""},
    {"truncation", "8", BL_EFORMAT, "truncation is 8, neither null nor an object"},
    {"padding", "{}", BL_OK, ""},
    {"padding", "[]", BL_EFORMAT, "padding is [], neither"},
    {"normalizer", "null", BL_OK, ""},
    {"normalizer", "{\"type\": \"NFC\"}", BL_OK, ""},
    {"normalizer", "{\"type\": \"NFKC\"}", BL_EUNSUPPORTED,
     "normalizer.type is \"NFKC\"; only NFC"},
    {"normalizer", "{\"type\": \"NFC\", \"x\": 1}", BL_EUNSUPPORTED, "unknown field in normalizer"},
    {"normalizer", SEQUENCE("normalizers", ""), BL_OK, ""},
    {"normalizer", SEQUENCE("normalizers", "{\"type\": \"NFC\"}"), BL_OK, ""},
    {"normalizer", SEQUENCE("normalizers", SEQUENCE("normalizers", "{\"type\": \"NFC\"}")), BL_OK,
     ""},
    {"normalizer", SEQUENCE("normalizers", "{\"type\": \"NFC\"}, {\"type\": \"Lowercase\"}"),
     BL_EUNSUPPORTED, "normalizer.type is \"Lowercase\""},
    {"normalizer", SEQUENCE("normalizers", "7"), BL_EUNSUPPORTED, "normalizer is no object"},
    {"normalizer", SEQUENCE("decoders", ""), BL_EUNSUPPORTED, "unknown field in normalizer"},
    {"normalizer", "{\"type\": \"Sequence\"}", BL_EFORMAT, "normalizer.normalizers is missing"},
    {"normalizer", "{\"type\": \"Sequence\", \"normalizers\": {}}", BL_EFORMAT,
     "normalizer.normalizers is no array"},
    {"normalizer", "[]", BL_EUNSUPPORTED, "normalizer is no object"},
    {"post_processor", "{\"type\": \"ByteLevel\"}", BL_EFORMAT,
     "post_processor.add_prefix_space is missing"},
    {"post_processor", "{\"type\": \"ByteLevel\", \"add_prefix_space\": true}", BL_OK, ""},
    {"post_processor", SEQUENCE("processors", ""), BL_OK, ""},
    {"post_processor", "{\"type\": \"BertTemplate\"}", BL_EUNSUPPORTED,
     "post_processor.type is \"BertTemplate\""},
    {"post_processor", "{\"type\": \"RobertaProcessing\"}", BL_EFORMAT,
     "post_processor.sep is missing"},
    {"post_processor", AROUND("Roberta", "[\"b\", 299]", ", \"trim_offsets\": true"), BL_OK, ""},
    {"post_processor", AROUND("Bert", "[\"b\", 1]", ""), BL_OK, ""},
    {"post_processor", AROUND("Bert", "[\"b\", 1]", ", \"trim_offsets\": true"), BL_EUNSUPPORTED,
     "unknown field in post_processor"},
    {"post_processor", AROUND("Bert", "[\"b\", 300]", ""), BL_EFORMAT,
     "id 300 is past the vocabulary"},
    {"post_processor", AROUND("Bert", "[\"b\", -1]", ""), BL_EFORMAT, "are none"},
    {"post_processor", AROUND("Bert", "[1, \"b\"]", ""), BL_EFORMAT,
     "post_processor.cls is [1,\"b\"]"},
    {"post_processor", AROUND("Bert", "7", ""), BL_EFORMAT, "post_processor.cls is 7"},
    {"post_processor",
     SEQUENCE("processors", AROUND("Bert", "[\"b\", 1]", "") ", " AROUND("Bert", "[\"b\", 1]", "")),
     BL_EUNSUPPORTED, "two templates"},
    {"post_processor", "7", BL_EUNSUPPORTED, "post_processor is no object"},
    {"post_processor", TEMPLATE("{\"Sequence\": {\"id\": \"A\"}}", "1"), BL_OK, ""},
    {"post_processor", TEMPLATE("{\"Sequence\": {\"id\": \"A\"}}", "300"), BL_EFORMAT,
     "id 300 is past the vocabulary"},
    {"post_processor", TEMPLATE("{\"Sequence\": {\"id\": \"A\"}}", "-1"), BL_EFORMAT, "are none"},
    {"post_processor", TEMPLATE("{\"SpecialToken\": {\"id\": \"b\"}}", "1"), BL_EUNSUPPORTED,
     "0 sequences"},
    {"post_processor", TEMPLATE("{\"SpecialToken\": {\"id\": \"c\"}}", "1"), BL_EFORMAT,
     "post_processor.single 1"},
    {"pre_tokenizer", SEQUENCE("pretokenizers", ""), BL_EUNSUPPORTED, "has no ByteLevel"},
    {"pre_tokenizer", SEQUENCE("pretokenizers", BYTE_LEVEL), BL_OK, ""},
    {"pre_tokenizer", SEQUENCE("pretokenizers", SEQUENCE("pretokenizers", BYTE_LEVEL)), BL_OK, ""},
    {"pre_tokenizer", SEQUENCE("pretokenizers", BYTE_LEVEL ", " BYTE_LEVEL), BL_EUNSUPPORTED,
     "two ByteLevels"},
    {"pre_tokenizer", DIGITS("true"), BL_EUNSUPPORTED, "has no ByteLevel"},
    {"pre_tokenizer", SEQUENCE("pretokenizers", BYTE_LEVEL ", " DIGITS("true")), BL_OK, ""},
    {"pre_tokenizer", SEQUENCE("pretokenizers", DIGITS("1") ", " BYTE_LEVEL), BL_EUNSUPPORTED,
     "pre_tokenizer Digits.individual_digits is 1"},
    {"pre_tokenizer", SEQUENCE("pretokenizers", PUNCTUATION("Removed") ", " BYTE_LEVEL), BL_OK, ""},
    {"pre_tokenizer", SEQUENCE("pretokenizers", "{\"type\": \"Punctuation\"}, " BYTE_LEVEL), BL_OK,
     ""},
    {"pre_tokenizer", SEQUENCE("pretokenizers", PUNCTUATION("removed") ", " BYTE_LEVEL),
     BL_EUNSUPPORTED, "Punctuation.behavior is \"removed\""},
    {"pre_tokenizer", SEQUENCE("pretokenizers", "{\"type\": \"Metaspace\"}, " BYTE_LEVEL),
     BL_EUNSUPPORTED, "pre_tokenizer.type is \"Metaspace\""},
    {"pre_tokenizer",
     SEQUENCE("pretokenizers", TEN ", " TEN ", " TEN ", " TEN ", " TEN ", " TEN ", " TEN),
     BL_EUNSUPPORTED, "more than 64 parts"},
    {"pre_tokenizer", SEQUENCE("pretokenizers", SPLIT_AT("\"String\": \"a.\\n\"") ", " BYTE_LEVEL),
     BL_OK, ""},
    {"pre_tokenizer", SEQUENCE("pretokenizers", SPLIT_AT("\"String\": \"\"") ", " BYTE_LEVEL),
     BL_EUNSUPPORTED, "a pattern of 0 bytes"},
    {"pre_tokenizer", SEQUENCE("pretokenizers", SPLIT_AT("\"Glob\": \"a\"") ", " BYTE_LEVEL),
     BL_EUNSUPPORTED, "only a Regex or a String"},
    {"pre_tokenizer", SPLIT("\\\\p{L}+|\\\\s", "Isolated", "false"), BL_OK, ""},
    {"pre_tokenizer", SPLIT("x", "Removed", "false"), BL_OK, ""},
    {"pre_tokenizer", SPLIT("x", "Isolated", "true"), BL_OK, ""},
    {"pre_tokenizer", SPLIT("x", "Merged", "true"), BL_EUNSUPPORTED, "behavior is \"Merged\""},
    {"pre_tokenizer", SPLIT("x", "Isolated", "1"), BL_EUNSUPPORTED, "invert is 1"},
    {"pre_tokenizer", SPLIT("x*", "Isolated", "false"), BL_EUNSUPPORTED, "matches an empty text"},
    {"pre_tokenizer", SPLIT("", "Isolated", "false"), BL_EUNSUPPORTED, "a pattern of 0 bytes"},
    {"pre_tokenizer", SPLIT("a(?<=b)", "Isolated", "false"), BL_EUNSUPPORTED, "at byte 1"},
    {"pre_tokenizer", SPLIT("(*COMMIT)", "Isolated", "false"), BL_EUNSUPPORTED, "quantifier"},
    {"pre_tokenizer", SPLIT("\\\\p{Greek}", "Isolated", "false"), BL_EUNSUPPORTED, "escape"},
    {"pre_tokenizer", SPLIT("[a[b]]", "Isolated", "false"), BL_OK, ""},
    {"pre_tokenizer", SPLIT("[^a[^[b]c]]", "Isolated", "false"), BL_OK, ""},
    {"pre_tokenizer", SPLIT("[a[b]", "Isolated", "false"), BL_EUNSUPPORTED, "open ["},
    {"pre_tokenizer", SPLIT("[a[]]", "Isolated", "false"), BL_EUNSUPPORTED, "an empty or open ["},
    {"pre_tokenizer", SPLIT("[a-[b]]", "Isolated", "false"), BL_EUNSUPPORTED, "a range of"},
    {"pre_tokenizer", SPLIT("[[a]-b]", "Isolated", "false"), BL_EUNSUPPORTED, "a range of"},
    {"pre_tokenizer", SPLIT("[[:alpha:]]", "Isolated", "false"), BL_EUNSUPPORTED, "class of POSIX"},
    {"pre_tokenizer", SPLIT("[a&&[b]]", "Isolated", "false"), BL_EUNSUPPORTED, "intersection"},
    {"pre_tokenizer", SPLIT("(?i:[a[b]])", "Isolated", "false"), BL_EUNSUPPORTED, "(?i:"},
    {"pre_tokenizer", SPLIT("[[[[[[[[a]]]]]]]]", "Isolated", "false"), BL_OK, ""},
    {"pre_tokenizer", SPLIT("[[[[[[[[[a]]]]]]]]]", "Isolated", "false"), BL_EUNSUPPORTED,
     "too many sets"},
    {"pre_tokenizer", SPLIT("[a", "Isolated", "false"), BL_EUNSUPPORTED, "open ["},
    {"pre_tokenizer", SPLIT("(a", "Isolated", "false"), BL_EUNSUPPORTED, "an open ("},
    {"pre_tokenizer", SPLIT("a)", "Isolated", "false"), BL_EUNSUPPORTED, "a ) too many"},
    {"pre_tokenizer", SPLIT("a{1,3}+", "Isolated", "false"), BL_EUNSUPPORTED, "of a quantifier"},
    {"pre_tokenizer", SPLIT("a{9999}", "Isolated", "false"), BL_EUNSUPPORTED, "quantifier"},
    {"pre_tokenizer", SPLIT("(?i:fi)", "Isolated", "false"), BL_EUNSUPPORTED, "may stand for"},
    {"pre_tokenizer", SPLIT("^|$", "Isolated", "false"), BL_EUNSUPPORTED, "matches an empty text"},
    {"pre_tokenizer", SPLIT("c(?:a?|b){2}", "Isolated", "false"), BL_EUNSUPPORTED, "may be empty"},
    {"pre_tokenizer", SPLIT("(a|(b?c*)+){1,2}", "Isolated", "false"), BL_EUNSUPPORTED, "be empty"},
    {"pre_tokenizer", SPLIT("(a(b?)|c+){1,2}", "Isolated", "false"), BL_OK, ""},
    {"pre_tokenizer", SPLIT("^+a", "Isolated", "false"), BL_EUNSUPPORTED, "without anything"},
    {"pre_tokenizer", SPLIT("a$*", "Isolated", "false"), BL_EUNSUPPORTED, "without anything"},
    {"pre_tokenizer", SPLIT("\\\\p{Lu", "Isolated", "false"), BL_EUNSUPPORTED, "escape"},
    {"pre_tokenizer", SPLIT("\\\\p{}", "Isolated", "false"), BL_EUNSUPPORTED, "escape"},
    {"pre_tokenizer", SPLIT("\\\\p{Cs}", "Isolated", "false"), BL_EUNSUPPORTED, "escape"},
    {"pre_tokenizer", SPLIT("\\\\pL", "Isolated", "false"), BL_EUNSUPPORTED, "escape"},
    {"pre_tokenizer", SPLIT("\\\\b", "Isolated", "false"), BL_EUNSUPPORTED, "escape"},
    {"pre_tokenizer", SPLIT("[a-\\\\d]", "Isolated", "false"), BL_EUNSUPPORTED, "a range of"},
    {"pre_tokenizer", SPLIT("(?i:[\\\\p{Lu}])", "Isolated", "false"), BL_EUNSUPPORTED, "(?i:"},
    {"surprise", "1", BL_EUNSUPPORTED, "unknown field \"surprise\""},
    {"model.surprise\\n", "1", BL_EUNSUPPORTED, "unknown field model."},
    {"pre_tokenizer", "null", BL_EUNSUPPORTED, "pre_tokenizer has no ByteLevel"},
    {"pre_tokenizer", "7", BL_EUNSUPPORTED, "pre_tokenizer is no object"},
    {"pre_tokenizer.type", "\"Metaspace\"", BL_EUNSUPPORTED, "pre_tokenizer.type is \"Metaspace\""},
    {"pre_tokenizer.add_prefix_space", "false", BL_OK, ""},
    {"pre_tokenizer.add_prefix_space", "0", BL_EUNSUPPORTED, "pre_tokenizer.add_prefix_space"},
    {"pre_tokenizer.add_prefix_space", NULL, BL_EFORMAT, "pre_tokenizer.add_prefix_space"},
    {"pre_tokenizer.use_regex", "false", BL_OK, ""},
    {"pre_tokenizer.use_regex", "0", BL_EUNSUPPORTED, "pre_tokenizer.use_regex"},
    {"pre_tokenizer.use_regex", NULL, BL_OK, ""},
    {"decoder", "null", BL_EUNSUPPORTED, "decoder has no ByteLevel"},
    {"decoder", SEQUENCE("decoders", ""), BL_EUNSUPPORTED, "decoder has no ByteLevel"},
    {"decoder", SEQUENCE("decoders", BYTE_LEVEL), BL_OK, ""},
    {"decoder", SEQUENCE("decoders", BYTE_LEVEL ", {\"type\": \"Fuse\"}"), BL_OK, ""},
    {"decoder", SEQUENCE("decoders", "{\"type\": \"Fuse\"}, " BYTE_LEVEL), BL_EUNSUPPORTED,
     "decoder.type is \"Fuse\""},
    {"decoder", SEQUENCE("decoders", BYTE_LEVEL ", " BYTE_LEVEL), BL_EUNSUPPORTED,
     "decoder.type is \"ByteLevel\""},
    {"decoder.type", "\"WordPiece\"", BL_EUNSUPPORTED, "decoder.type"},
    {"decoder.trim_offsets", "false", BL_OK, ""},
    {"model", "[]", BL_EUNSUPPORTED, "model is no object"},
    {"model", NULL, BL_EFORMAT, "model is missing"},
    {"model.type", "\"Unigram\"", BL_EUNSUPPORTED, "model.type is \"Unigram\""},
    {"model.dropout", "0.0", BL_OK, ""},
    {"model.dropout", "0.1", BL_EUNSUPPORTED, "model.dropout"},
    {"model.unk_token", "\"<unk>\"", BL_OK, ""},
    {"model.end_of_word_suffix", "\"\"", BL_OK, ""},
    {"model.continuing_subword_prefix", "\"##\"", BL_EUNSUPPORTED,
     "model.continuing_subword_prefix"},
    {"model.end_of_word_suffix", "\"</w>\"", BL_EUNSUPPORTED, "model.end_of_word_suffix"},
    {"model.byte_fallback", "true", BL_OK, ""},
    {"model.ignore_merges", "true", BL_OK, ""},
    {"model.ignore_merges", "1", BL_EUNSUPPORTED, "only true or false"},
    {"model.vocab", NULL, BL_EFORMAT, "model.vocab is missing"},
    {"model.vocab", "[]", BL_EFORMAT, "model.vocab"},
    {"model.vocab", "{}", BL_EFORMAT, "model.vocab"},
    {"model.vocab", "{\"a\": 0}", BL_EFORMAT, "model.merges 0"},
    {"model.vocab.new", "300", BL_OK, ""},
    {"model.vocab.new", "301", BL_OK, ""},
    {"model.vocab.new", "1048876", BL_OK, ""},
    {"model.vocab.new", "1048877", BL_EFORMAT, "token \"new\""},
    {"model.vocab.new", "299", BL_EFORMAT, "model.vocab: token"},
    {"model.vocab.new", "-1", BL_EFORMAT, "token \"new\""},
    {"model.vocab.new", "4294967296", BL_EFORMAT, "token \"new\""},
    {"model.vocab.new", "9223372036854775807", BL_EFORMAT, "token \"new\""},
    {"model.vocab.new", "300.0", BL_EFORMAT, "token \"new\""},
    {"model.vocab.new", "\"300\"", BL_EFORMAT, "token \"new\""},
    {"model.vocab.", "300", BL_EFORMAT, "token \"\""},
    {"model.vocab.!", "7", BL_EFORMAT, "model.vocab"},
    {"model.merges", NULL, BL_EFORMAT, "model.merges is missing"},
    {"model.merges", "{}", BL_EFORMAT, "model.merges"},
    {"model.merges", "[]", BL_OK, ""},
    {"model.merges.0", "[\"!\", \"qqq\"]", BL_EFORMAT, "merges 0: [\"!\",\"qqq\"]: its right half"},
    {"model.merges.3", "[\"qqq\", \"!\"]", BL_EFORMAT, "merges 3: [\"qqq\",\"!\"]: its left half"},
    {"model.merges.3", "[\"!\", \"!\"]", BL_EFORMAT, "the token it makes"},
    {"model.merges.3", "[\"!\"]", BL_EFORMAT, "merges 3 is no pair"},
    {"model.merges.3", "[\"a\", \"b\", \"c\"]", BL_EFORMAT, "merges 3 is no pair"},
    {"model.merges.3", "[1, 2]", BL_EFORMAT, "merges 3 is no pair"},
    {"model.merges.3", "7", BL_EFORMAT, "merges 3 is no pair"},
    {"model.merges.3", "\"ab\"", BL_EFORMAT, "merges 3 is no pair"},
    {"model.merges.3", "\"a b c\"", BL_EFORMAT, "merges 3 is no pair"},
    {"model.merges.3", "[\"\", \"!\"]", BL_EFORMAT, "its left half"},
    {"added_tokens", NULL, BL_EFORMAT, "added_tokens is missing"},
    {"added_tokens", "null", BL_EFORMAT, "added_tokens"},
    {"added_tokens", "[]", BL_OK, ""},
    {"added_tokens", "[7]", BL_EFORMAT, "added_tokens 0"},
    {"added_tokens.0.id", "5", BL_EFORMAT, "added_tokens 0 has id 5"},
    {"added_tokens.1.id", "99999999999", BL_EFORMAT, "added_tokens 1 has id 99999999999"},
    {"added_tokens.1.id", "true", BL_EFORMAT, "added_tokens 1"},
    {"added_tokens.1.content", "\"\"", BL_EFORMAT, "added_tokens 1"},
    {"added_tokens.1.content", "\"fresh\"", BL_EFORMAT, "the next free id 300"},
    {"added_tokens.1.special", NULL, BL_EFORMAT, "added_tokens 1"},
    {"added_tokens.1.lstrip", "true", BL_OK, ""},
    {"added_tokens.1.rstrip", "true", BL_OK, ""},
    {"added_tokens.0.single_word", "true", BL_OK, ""},
    {"added_tokens.0.single_word", "1", BL_EFORMAT, "added_tokens 0"},
    {"added_tokens.1.normalized", "null", BL_EFORMAT, "added_tokens 1"},
    {"added_tokens.2",
     "{\"id\": 0, \"content\": \"<|endoftext|>\", \"special\": true, \"normalized\": false}",
     BL_EFORMAT, "id 0 is given twice"},
    {"added_tokens.2",
     "{\"id\": 299, \"content\": \"fresh\", \"special\": true, \"normalized\": false}", BL_EFORMAT,
     "the next free id 300"},
    {"added_tokens.2",
     "{\"id\": 300, \"content\": \"fresh\", \"special\": true, \"normalized\": false}", BL_OK, ""},
    {"added_tokens.2",
     "{\"id\": 305, \"content\": \"fresh\", \"special\": true, \"normalized\": false}", BL_OK, ""},
};

static void test_one_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        json_t *root = json_load_file(FIXTURES "vocab-300.json", 0, NULL);
        const char *last;
        json_t *parent = parent_of(root, changes[i].path, &last);
        json_t *value =
            changes[i].value ? json_loads(changes[i].value, JSON_DECODE_ANY, NULL) : NULL;
        assert_true(!changes[i].value || value);
        size_t index = strtoull(last, NULL, 10);
        if (!json_is_array(parent))
            assert_int_equal(
                value ? json_object_set(parent, last, value) : json_object_del(parent, last), 0);
        else if (index < json_array_size(parent))
            assert_int_equal(json_array_set(parent, index, value), 0);
        else
            assert_int_equal(json_array_append(parent, value), 0);
        char *text = json_dumps(root, 0);
        expect(text, strlen(text), changes[i].status, changes[i].says);
        free(text);
        json_decref(value);
        json_decref(root);
    }
}

/* Files from before 2024 spell merges as "a b". */
static void test_old_merges_are_read(void **state)
{
    (void)state;
    json_t *root = json_load_file(FIXTURES "vocab-500.json", 0, NULL);
    json_t *model = json_object_get(root, "model"), *merges = json_object_get(model, "merges");
    for (size_t i = 0; i < json_array_size(merges); i++) {
        json_t *pair = json_array_get(merges, i);
        json_t *old = json_sprintf("%s %s", json_string_value(json_array_get(pair, 0)),
                                   json_string_value(json_array_get(pair, 1)));
        assert_int_equal(json_array_set_new(merges, i, old), 0);
    }
    assert_int_equal(json_dump_file(root, PATH, 0), 0);
    json_decref(root);
    bl_tokenizer *a, *b;
    static const char text[] = "thirteen loaves and the others";
    int32_t x[64], y[64];
    size_t nx, ny;
    assert_int_equal(bl_tokenizer_open(&a, PATH, NULL), BL_OK);
    assert_int_equal(bl_tokenizer_open(&b, FIXTURES "vocab-500.json", NULL), BL_OK);
    assert_int_equal(
        bl_tokenizer_encode(a, text, strlen(text), BL_ENCODE_SPECIAL, x, 64, &nx, NULL), BL_OK);
    assert_int_equal(
        bl_tokenizer_encode(b, text, strlen(text), BL_ENCODE_SPECIAL, y, 64, &ny, NULL), BL_OK);
    assert_int_equal(nx, ny);
    assert_memory_equal(x, y, nx * sizeof *x);
    bl_tokenizer_close(a);
    bl_tokenizer_close(b);
    assert_int_equal(bl_file_remove(PATH, NULL), BL_OK);
}

static void test_repeated_merge_and_missing_byte(void **state)
{
    (void)state;
    json_t *root = json_load_file(FIXTURES "vocab-300.json", 0, NULL);
    json_t *model = json_object_get(root, "model"), *merges = json_object_get(model, "merges");
    assert_int_equal(json_array_append(merges, json_array_get(merges, 4)), 0);
    char *text = json_dumps(root, 0);
    expect(text, strlen(text), BL_EFORMAT, "is the same as 4");
    free(text);
    json_decref(root);

    root = json_load_file(FIXTURES "vocab-258.json", 0, NULL);
    json_t *vocab = json_object_get(json_object_get(root, "model"), "vocab");
    json_t *id = json_incref(json_object_get(vocab, "!"));
    assert_int_equal(json_object_del(vocab, "!"), 0);
    assert_int_equal(json_object_set_new(vocab, "!!", id), 0);
    text = json_dumps(root, 0);
    expect(text, strlen(text), BL_EUNSUPPORTED, "byte 0x21");
    free(text);
    json_decref(root);

    /* 0xC0, 0xC1 and those from 0xF5 on are in no UTF-8, 0xC2 and 0xF4 are */
    static const struct {
        const char *token;
        bl_status status;
    } bytes[] = {{"\xC3\x80", BL_OK}, {"\xC3\x81", BL_OK},           {"\xC3\xB5", BL_OK},
                 {"\xC3\xBF", BL_OK}, {"\xC3\x82", BL_EUNSUPPORTED}, {"\xC3\xB4", BL_EUNSUPPORTED}};
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        root = json_load_file(FIXTURES "vocab-258.json", 0, NULL);
        vocab = json_object_get(json_object_get(root, "model"), "vocab");
        assert_int_equal(json_object_del(vocab, bytes[i].token), 0);
        text = json_dumps(root, 0);
        expect(text, strlen(text), bytes[i].status, "has no token for the byte");
        free(text);
        json_decref(root);
    }
}

/* The text of vocab-300 with the tokens added; the caller frees it. */
static char *with_added(size_t first_id, const char *const *contents, size_t count,
                        const char *extra)
{
    json_t *root = json_load_file(FIXTURES "vocab-300.json", 0, NULL);
    json_t *added = json_object_get(root, "added_tokens");
    if (extra)
        assert_int_equal(
            json_object_set_new(json_object_get(json_object_get(root, "model"), "vocab"), extra,
                                json_integer(300 + (json_int_t)count)),
            0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(json_array_append_new(added, json_pack("{sI, ss, sb, sb, sb}", "id",
                                                                (json_int_t)(first_id + i),
                                                                "content", contents[i], "special",
                                                                1, "normalized", 0, "rstrip", 1)),
                         0);
    char *text = json_dumps(root, 0);
    json_decref(root);
    return text;
}

/* The same string twice, one that is too long, and an id that the vocabulary has past a gap. */
static void test_added_that_collide(void **state)
{
    (void)state;
    char longest[BL_ADDED_BYTES + 2];
    const char *const twice[] = {"fresh", "fresh"}, *const one[] = {longest};
    memset(longest, 'x', sizeof longest);
    longest[BL_ADDED_BYTES] = 0;
    char *text = with_added(300, twice, 2, NULL);
    expect(text, strlen(text), BL_EFORMAT, "added_tokens 3 is given twice");
    free(text);
    text = with_added(300, one, 1, NULL);
    expect(text, strlen(text), BL_OK, "");
    free(text);
    text = with_added(301, one, 1, "past a gap");
    expect(text, strlen(text), BL_EUNSUPPORTED, "the next free id 301 is taken");
    free(text);
    longest[BL_ADDED_BYTES] = 'x';
    longest[BL_ADDED_BYTES + 1] = 0;
    text = with_added(300, one, 1, NULL);
    expect(text, strlen(text), BL_EUNSUPPORTED, "added_tokens 2 has 1025 bytes");
    free(text);
}

/* Texts that would take long where a search started over at every byte, or looked at the same white
 * space again for every token in it. */
static void test_added_in_linear_time(void **state)
{
    (void)state;
    enum { BYTES = 4000000 };
    char nearly[BL_ADDED_BYTES + 1];
    const char *const contents[] = {nearly, "\n", "<<"};
    memset(nearly, '<', sizeof nearly);
    nearly[BL_ADDED_BYTES - 1] = '>';
    nearly[BL_ADDED_BYTES] = 0;
    char *file = with_added(300, contents, 3, NULL), *text = malloc(BYTES);
    bl_tokenizer *t;
    size_t count;
    assert_int_equal(bl_file_replace(PATH, file, strlen(file), NULL), BL_OK);
    assert_int_equal(bl_tokenizer_open(&t, PATH, NULL), BL_OK);
    memset(text, '<', BYTES);
    assert_int_equal(bl_tokenizer_encode(t, text, BYTES, BL_ENCODE_SPECIAL, NULL, 0, &count, NULL),
                     BL_OK);
    assert_int_equal(count, BYTES / 2);
    memset(text, '\n', BYTES);
    assert_int_equal(bl_tokenizer_encode(t, text, BYTES, BL_ENCODE_SPECIAL, NULL, 0, &count, NULL),
                     BL_OK);
    assert_int_equal(count, BYTES);
    free(text);
    free(file);
    bl_tokenizer_close(t);
    assert_int_equal(bl_file_remove(PATH, NULL), BL_OK);
}

/* A pattern that goes back and forth ends with an error, soon; scanners and PCRE2
 * take long words. */
static void test_patterns_in_bounded_time(void **state)
{
    (void)state;
    enum { BYTES = 300000 };
    static const struct {
        const char *pattern;
        bl_status status;
        char fill, end;
    } cases[] = {
        {SPLIT("(?:a+)+b|a", "Isolated", "false"), BL_EUNSUPPORTED, 'a', 'a'},
        {SPLIT("a*a*a*a*b|a", "Isolated", "false"), BL_EUNSUPPORTED, 'a', 'a'},
        {SPLIT("a*b|a", "Isolated", "false"), BL_EUNSUPPORTED, 'a', 'a'},
        {SPLIT("\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+", "Isolated", "false"), BL_OK, ' ', 'x'},
        {SPLIT("\\\\p{L}+", "Isolated", "false"), BL_OK, 'a', '.'},
        {SPLIT("\\\\s+$", "Isolated", "false"), BL_OK, ' ', ' '},
        {SPLIT("\\\\s+$", "Isolated", "false"), BL_OK, ' ', 'x'},
        {SPLIT("\\\\s+$|\\\\S", "Isolated", "false"), BL_EUNSUPPORTED, ' ', 'x'},
        /* what PCRE2 passes over without counting: possessive, in a lookahead, counted */
        {SPLIT(".*[^q]*+[qz]", "Isolated", "false"), BL_EUNSUPPORTED, 'a', 'a'},
        {SPLIT("(?:.*?(?:[^q]*+)b)+", "Isolated", "false"), BL_EUNSUPPORTED, 'a', 'a'},
        {SPLIT("a?(?=[^q]*)b|c", "Isolated", "false"), BL_EUNSUPPORTED, 'a', 'a'},
        {SPLIT(".*a{900}b", "Isolated", "false"), BL_EUNSUPPORTED, 'a', 'a'},
        {SPLIT("[^x]?+\\\\p{L}++|\\\\p{N}{1,3}| ?[^a ]++[\\\\r\\\\n]*+|\\\\s*[\\\\r\\\\n]|"
               "\\\\s+(?!\\\\S)|\\\\s",
               "Isolated", "false"),
         BL_OK, ' ', 'x'},
        {SPLIT("[^x]?+\\\\p{L}++|\\\\p{N}{1,3}| ?[^a ]++[\\\\r\\\\n]*+|\\\\s+", "Isolated",
               "false"),
         BL_OK, 'a', 'x'},
        {"{\"type\": \"ByteLevel\", \"add_prefix_space\": false}", BL_OK, ' ', 'x'},
    };
    char *text = malloc(BYTES);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *root = json_load_file(FIXTURES "vocab-300.json", 0, NULL);
        json_t *value = json_loads(cases[i].pattern, 0, NULL);
        assert_non_null(value);
        assert_int_equal(json_object_set_new(root, "pre_tokenizer", value), 0);
        assert_int_equal(json_dump_file(root, PATH, 0), 0);
        json_decref(root);
        bl_tokenizer *t;
        bl_error err = {0};
        size_t count;
        memset(text, cases[i].fill, BYTES - 1);
        text[BYTES - 1] = cases[i].end;
        assert_int_equal(bl_tokenizer_open(&t, PATH, NULL), BL_OK);
        bl_status status =
            bl_tokenizer_encode(t, text, BYTES, BL_ENCODE_SPECIAL, NULL, 0, &count, &err);
        if (status != cases[i].status)
            fail_msg("case %zu: status %d: %s", i, status, err.message);
        if (status != BL_OK)
            assert_non_null(strstr(err.message, PATH));
        bl_tokenizer_close(t);
    }
    free(text);
    assert_int_equal(bl_file_remove(PATH, NULL), BL_OK);
}

static void test_not_json(void **state)
{
    (void)state;
    static const char *const texts[] = {" ",
                                        "{",
                                        "[1, 2",
                                        "nonsense",
                                        "{\"version\": \"\xFF\"}",
                                        "{\"a\": 1, \"a\": 2}",
                                        "{\"a\": \"\\u0000\"} x",
                                        "{}\n{}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        expect(texts[i], strlen(texts[i]), BL_EFORMAT, "not valid JSON");
    expect("", 0, BL_EFORMAT, "an empty file");
    expect("\20\0\0\0\0\0\0\0{\"a\":", 13, BL_EFORMAT, "weights (safetensors)");
    expect("version https://git-lfs.github.com", 34, BL_EFORMAT, "a pointer of Git LFS");
    expect("{\"model_type\": \"llama\"}", 23, BL_EFORMAT, "a config.json; the tokenizer is");
    expect("{\"tokenizer_class\": \"T\"}", 24, BL_EFORMAT, "a tokenizer_config.json");
    expect("[]", 2, BL_EFORMAT, "no object");
    expect("{}", 2, BL_EFORMAT, "is missing");
    static char deep[100000];
    memset(deep, '[', sizeof deep);
    expect(deep, sizeof deep, BL_EFORMAT, "not valid JSON");
}

/* Every beginning of a good file is refused (the last byte is the brace that closes it). */
static void test_truncated(void **state)
{
    (void)state;
    bl_map map;
    assert_int_equal(bl_map_open(&map, FIXTURES "vocab-258.json", NULL), BL_OK);
    for (size_t n = 1; n < map.size; n += n < map.size - 40 ? 97 : 1)
        expect((const char *)map.data, n, BL_EFORMAT, "not valid JSON");
    expect((const char *)map.data, map.size, BL_OK, "");
    bl_map_close(&map);
}

static void test_no_file(void **state)
{
    (void)state;
    bl_tokenizer *t = NULL;
    bl_error err = {0};
    assert_int_equal(bl_tokenizer_open(&t, "no/such/file.json", &err), BL_ENOENT);
    assert_non_null(strstr(err.message, "no/such/file.json"));
    assert_int_equal(bl_tokenizer_open(&t, BL_TEST_DATA, &err), BL_ENOENT);
    assert_non_null(strstr(err.message, "tokenizer.json"));
    assert_null(t);
    bl_tokenizer_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_change),
        cmocka_unit_test(test_old_merges_are_read),
        cmocka_unit_test(test_repeated_merge_and_missing_byte),
        cmocka_unit_test(test_added_that_collide),
        cmocka_unit_test(test_added_in_linear_time),
        cmocka_unit_test(test_patterns_in_bounded_time),
        cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
