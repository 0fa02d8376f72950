/* Options of a test as pairs of name and value, and a data folder of tales made with them. */
#ifndef BL_TESTS_OPTION_PAIRS_H
#define BL_TESTS_OPTION_PAIRS_H

#include "scratch.h"

typedef const char *pair[2];

/* Up to a NULL name. */
static inline void set_all(bl_options *o, const pair *set)
{
    for (; (*set)[0]; set++)
        assert_ok(bl_options_set(o, (*set)[0], (*set)[1], &failure));
}

/* Conversations as JSON Lines in scratch("NAME.jsonl"), and a data folder NAME of them with the
 * tokenizer of another (NULL: one of their own). */
static inline void prepare_talks(const char *name, const char *tokenizer)
{
    static const char *const kinds[] = {"cat", "dog", "hen", "old brown cow"};
    static const char *const words[] = {"Meow.", "Woof, woof!", "Cluck?", "Moo moo moo, moo."};
    char jsonl[80], path[700], folder[700];
    bl_options *o;
    (void)snprintf(jsonl, sizeof jsonl, "%s.jsonl", name);
    (void)snprintf(path, sizeof path, "%s", scratch(jsonl));
    (void)snprintf(folder, sizeof folder, "%s", scratch(name));
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    for (unsigned i = 0; i < 240; i++) {
        (void)fprintf(f, "{\"messages\": [");
        for (unsigned t = 0; t <= i % 3; t++)
            (void)fprintf(f,
                          "%s{\"role\": \"user\", \"content\": \"What says the %s number %u?\"}, "
                          "{\"role\": \"assistant\", \"content\": \"%s\"}",
                          t ? ", " : "", kinds[(i * 7 + t) % 4], i * 31 % 17,
                          words[(i * 7 + t) % 4]);
        (void)fprintf(f, "]}\n");
    }
    assert_int_equal(fclose(f), 0);
    assert_ok(bl_options_open(&o, BL_OPTIONS_PREPARE, &failure));
    assert_ok(bl_options_set(o, "documents", "messages", &failure));
    assert_ok(bl_options_set(o, "vocab_size", "400", &failure));
    assert_ok(bl_options_set(o, "val_split", "0.1", &failure));
    if (tokenizer)
        assert_ok(bl_options_set(o, "tokenizer", scratch(tokenizer), &failure));
    const char *source = path;
    assert_ok(bl_prepare(&source, 1, folder, o, NULL, NULL, NULL, &failure));
    bl_options_close(o);
}

/* scratch("data") */
static inline void prepare_tales(const pair *set)
{
    const char *source = "tales";
    bl_options *o;
    assert_ok(bl_options_open(&o, BL_OPTIONS_PREPARE, &failure));
    set_all(o, set);
    assert_ok(bl_prepare(&source, 1, scratch("data"), o, NULL, NULL, NULL, &failure));
    bl_options_close(o);
}

#endif
