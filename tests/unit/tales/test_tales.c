/* The story generator: a pure function, no story twice, a rich vocabulary, recalls that can be
 * judged. */
#include "scratch.h"

#include "core/alloc.h"
#include "tales/tales.h"

#include <xxhash.h>

enum { CORPUS = 20000000, WORD_SLOTS = 1 << 15 };

static void same_seed_same_story(void **state)
{
    (void)state;
    bl_tales *a, *b, *other;
    bl_buf first = {0}, second = {0};
    assert_ok(bl_tales_open(&a, 7, &failure));
    assert_ok(bl_tales_open(&b, 7, &failure));
    assert_ok(bl_tales_open(&other, 8, &failure));
    for (uint64_t i = 100; i-- > 0;) {
        bl_buf_clear(&first);
        bl_buf_clear(&second);
        assert_ok(bl_tales_story(a, i, &first, &failure));
        assert_ok(bl_tales_story(b, i, &second, &failure));
        assert_string_equal(first.data, second.data);
        bl_buf_clear(&second);
        assert_ok(bl_tales_story(other, i, &second, &failure));
        assert_string_not_equal(first.data, second.data);
    }
    bl_buf_clear(&first);
    bl_buf_puts(&first, "before ");
    assert_ok(bl_tales_story(a, 3, &first, &failure));
    bl_buf_clear(&second);
    assert_ok(bl_tales_story(a, 3, &second, &failure));
    assert_memory_equal(first.data, "before ", 7);
    assert_string_equal(first.data + 7, second.data);
    bl_buf_release(&first);
    bl_buf_release(&second);
    bl_tales_close(a);
    bl_tales_close(b);
    bl_tales_close(other);
    bl_tales_close(NULL);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

typedef struct vocabulary {
    uint64_t slot[WORD_SLOTS];
    size_t count;
} vocabulary;

static void add_word(vocabulary *v, uint64_t hash)
{
    size_t i = hash % WORD_SLOTS;
    while (v->slot[i] && v->slot[i] != hash)
        i = (i + 1) % WORD_SLOTS;
    if (!v->slot[i]) {
        v->slot[i] = hash;
        v->count++;
    }
}

/* Adds the words of a story, in lower case; returns how many there are. */
static size_t add_words(vocabulary *v, const char *text)
{
    char word[64];
    size_t n = 0, words = 0;
    for (;; text++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
        if (c >= 'a' && c <= 'z' && n < sizeof word) {
            word[n++] = c;
        } else if (n) {
            add_word(v, XXH3_64bits(word, n));
            words++;
            n = 0;
        }
        if (!*text)
            return words;
    }
}

/* What no story may hold: marks of the grammar, broken spacing, "a apple". */
static void check_text(const char *text, size_t bytes)
{
    static const char *const never[] = {
        "{",   "}",  "[",  "]",      "|",    "=",    "/",    "\x01", "  ",        " ,", " .", " \n",
        "\n ", "..", ",,", "\n\n\n", " a a", " a e", " a i", " a o", " the the ", "?.", "!."};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (strstr(text, never[i]))
            fail_msg("\"%s\" in: %s", never[i], text);
    size_t quotes = 0;
    for (size_t i = 0; i < bytes; i++) {
        quotes += text[i] == '"';
        assert_true(text[i] == '\n' || (text[i] >= 32 && text[i] < 127));
    }
    assert_int_equal(quotes % 2, 0);
    assert_true(text[0] >= 'A' && text[0] <= 'Z');
    assert_non_null(strchr(".!?\"", text[bytes - 1]));
}

static void corpus_is_varied(void **state)
{
    (void)state;
    bl_tales *t;
    bl_buf story = {0};
    static vocabulary words;
    size_t count = 0, cap = 0, bytes = 0, all_words = 0;
    uint64_t *hashes = NULL;
    assert_ok(bl_tales_open(&t, 0, &failure));
    for (; bytes < CORPUS; count++) {
        bl_buf_clear(&story);
        assert_ok(bl_tales_story(t, count, &story, &failure));
        check_text(story.data, story.len);
        size_t n = add_words(&words, story.data);
        assert_true(n >= 80 && n <= 320);
        all_words += n;
        bytes += story.len;
        assert_ok(bl_grow(&hashes, &cap, count + 1, sizeof *hashes, &failure));
        hashes[count] = XXH3_64bits(story.data, story.len);
    }
    qsort(hashes, count, sizeof *hashes, by_value);
    for (size_t i = 1; i < count; i++)
        assert_true(hashes[i] != hashes[i - 1]);
    assert_true(count >= 15000);
    assert_true(words.count >= 1500);
    print_message("%zu stories, %zu distinct words, %zu words a story\n", count, words.count,
                  all_words / count);
    bl_free(hashes);
    bl_buf_release(&story);
    bl_tales_close(t);
}

/* Answers and all other choices are words of the story's beginning, and guessing gets nowhere near
 * 1. */
static void recalls(void **state)
{
    (void)state;
    enum { STORIES = 2000 };
    bl_tales *t;
    bl_buf story = {0}, plain = {0};
    size_t probes = 0, place[BL_TALES_CHOICES] = {0}, first_told = 0;
    assert_ok(bl_tales_open(&t, 1, &failure));
    for (uint64_t i = 0; i < STORIES; i++) {
        bl_tales_probe p;
        int found;
        bl_buf_clear(&story);
        bl_buf_clear(&plain);
        assert_ok(bl_tales_recall(t, i, &story, &p, &found, &failure));
        assert_ok(bl_tales_story(t, i, &plain, &failure));
        assert_string_equal(story.data, plain.data);
        if (!found)
            continue;
        probes++;
        assert_true(p.count >= 2 && p.count <= BL_TALES_CHOICES && p.right < p.count);
        const char *answer = p.choice[p.right], *cut = story.data + p.prompt;
        cut += *cut == ' ';
        assert_memory_equal(cut, answer, strlen(answer));
        assert_true(p.distance >= strlen(answer) && p.distance <= p.prompt);
        assert_memory_equal(story.data + p.prompt - p.distance, answer, strlen(answer));
        story.data[p.prompt] = 0;
        for (size_t k = 0; k < p.count; k++) {
            assert_non_null(strstr(story.data, p.choice[k]));
            for (size_t m = 0; m < k; m++)
                assert_string_not_equal(p.choice[k], p.choice[m]);
        }
        place[p.right]++;
        first_told += p.right == 0;
    }
    assert_true(probes > STORIES * 9 / 10);
    assert_true(first_told < probes * 6 / 10); /* the order of telling does not give it away */
    assert_true(place[1] > probes / 5 && place[2] > probes / 10);
    bl_buf_release(&story);
    bl_buf_release(&plain);
    bl_tales_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_story),
        cmocka_unit_test(corpus_is_varied),
        cmocka_unit_test(recalls),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
