/* Tales that test memory: what is told, what is asked, how far apart, and that it is all a pure
 * function. */
#include "scratch.h"

#include "corpus/source.h"
#include "tales/facts.h"

#include <xxhash.h>

enum { FAR = 4096, NEVER = -1, DOCUMENTS = 300 };

/* What documents hold. */
typedef struct census {
    size_t facts, changed, questions, of_changed, once, stories;
    size_t octave[16];          /* questions by the bytes since their fact was told or asked for */
    size_t name[BL_FACT_NAMES]; /* questions */
    size_t value[BL_FACT_VALUES]; /* facts */
    size_t longest;
} census;

/* A name's fact, in one document. */
typedef struct known {
    int value, changed, asked;
    size_t end;
} known;

static size_t index_of(const char *const *list, size_t count, const char *word, size_t bytes)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(list[i]) == bytes && memcmp(list[i], word, bytes) == 0)
            return i;
    fail_msg("%.*s is no such word", (int)bytes, word);
    return 0;
}

/* "NAME VALUE." up to the line's end. */
static void read_pair(const char *text, size_t bytes, size_t *name, size_t *value)
{
    const char *space = memchr(text, ' ', bytes);
    assert_non_null(space);
    assert_int_equal(text[bytes - 1], '.');
    *name = index_of(bl_fact_names, BL_FACT_NAMES, text, (size_t)(space - text));
    *value =
        index_of(bl_fact_values, BL_FACT_VALUES, space + 1, bytes - (size_t)(space - text) - 2);
}

static void count_fact(census *c, known *k, int value, size_t end)
{
    c->facts++;
    c->value[value]++;
    if (k->value != NEVER) {
        assert_int_not_equal(k->value, value); /* not the same as before */
        c->changed++;
    }
    *k = (known){.value = value, .changed = k->value != NEVER, .end = end};
}

static void count_question(census *c, known *k, int value, size_t begin, size_t end)
{
    size_t octave = 0, distance = begin - k->end;
    assert_int_equal(k->value, value); /* the newest, of this document */
    while (distance >> octave > 1)
        octave++;
    c->octave[octave]++;
    c->longest = distance > c->longest ? distance : c->longest;
    c->questions++;
    c->of_changed += (size_t)k->changed;
    c->once += !k->asked;
    k->asked = 1;
    k->end = end;
}

static void read_document(census *c, const char *text, size_t bytes)
{
    static const char told[] = "This is ", asked[] = "Who is there? It is ";
    known facts[BL_FACT_NAMES];
    for (size_t i = 0; i < BL_FACT_NAMES; i++)
        facts[i] = (known){.value = NEVER};
    for (const char *line = text; line < text + bytes;) {
        const char *end = memchr(line, '\n', (size_t)(text + bytes - line));
        end = end ? end : text + bytes;
        size_t name, value, begin = (size_t)(line - text), after = (size_t)(end - text) + 1;
        if (strncmp(line, asked, strlen(asked)) == 0) {
            read_pair(line + strlen(asked), (size_t)(end - line) - strlen(asked), &name, &value);
            count_question(c, &facts[name], (int)value, begin, after);
            c->name[name]++;
        } else if (strncmp(line, told, strlen(told)) == 0 && end - line < 24) {
            read_pair(line + strlen(told), (size_t)(end - line) - strlen(told), &name, &value);
            count_fact(c, &facts[name], (int)value, after);
        } else {
            c->stories++;
            assert_null(memchr(line, '{', (size_t)(end - line)));
        }
        line = end + 1;
    }
}

static void take_census(census *c, uint64_t distance, size_t documents)
{
    bl_tales *t;
    bl_buf text = {0};
    *c = (census){0};
    assert_ok(bl_tales_open(&t, 5, &failure));
    for (uint64_t i = 0; i < documents; i++) {
        bl_buf_clear(&text);
        assert_ok(bl_tales_facts(t, i, distance, &text, &failure));
        assert_true(text.len + 1 >= 2 * distance && text.len < 4 * distance + 1000);
        assert_int_not_equal(text.data[text.len - 1], '\n');
        assert_null(strstr(text.data, "  "));
        read_document(c, text.data, text.len);
    }
    bl_buf_release(&text);
    bl_tales_close(t);
}

/* The newest value is the right one, facts change, and distances fill every octave to the last. */
static void facts_among_stories(void **state)
{
    (void)state;
    census c;
    take_census(&c, FAR, DOCUMENTS);
    print_message(
        "%zu facts, %zu of them changes; %zu questions, %zu of facts not asked for before\n",
        c.facts, c.changed, c.questions, c.once);
    assert_true(c.longest <= FAR && c.longest > FAR * 9 / 10);
    for (size_t i = 5; i < 12; i++) /* 32-63 to 2048-4095 */
        assert_true(c.octave[i] > c.questions / 20);
    assert_true(c.changed > c.facts / 5 && c.changed < c.facts);
    assert_true(c.of_changed > c.questions / 10);
    assert_true(c.once > c.questions / 3);
    for (size_t i = 0; i < BL_FACT_NAMES; i++)
        assert_true(c.name[i] > c.questions / BL_FACT_NAMES / 2);
    for (size_t i = 0; i < BL_FACT_VALUES; i++) /* uniform: guessing gets a tenth */
        assert_true(c.value[i] * 10 > c.facts * 8 / 10 && c.value[i] * 10 < c.facts * 12 / 10);
}

/* A short distance makes dense facts: few lines of stories, short documents. */
static void dense_facts(void **state)
{
    (void)state;
    census c;
    take_census(&c, 256, 10 * DOCUMENTS);
    assert_true(c.longest <= 256);
    assert_true(c.stories * 4 < c.facts + c.questions);
    assert_true(c.questions > c.facts / 2);
    take_census(&c, 1, 3);
    assert_int_equal(c.stories, 0);
}

static void pure_function(void **state)
{
    (void)state;
    bl_tales *a, *b, *other;
    bl_buf first = {0}, second = {0};
    assert_ok(bl_tales_open(&a, 7, &failure));
    assert_ok(bl_tales_open(&b, 7, &failure));
    assert_ok(bl_tales_open(&other, 8, &failure));
    for (uint64_t i = 20; i-- > 0;) {
        bl_buf_clear(&first);
        bl_buf_clear(&second);
        bl_buf_puts(&second, "before ");
        assert_ok(bl_tales_facts(a, i, 300, &first, &failure));
        assert_ok(bl_tales_facts(b, i, 300, &second, &failure));
        assert_memory_equal(second.data, "before ", 7);
        assert_string_equal(first.data, second.data + 7);
        bl_buf_clear(&second);
        assert_ok(bl_tales_facts(other, i, 300, &second, &failure));
        assert_string_not_equal(first.data, second.data);
    }
    bl_buf_release(&first);
    bl_buf_release(&second);
    bl_tales_close(a);
    bl_tales_close(b);
    bl_tales_close(other);
}

static uint64_t hash_source(const bl_source_options *options, size_t *documents)
{
    const char *part = "tales";
    bl_source *s;
    bl_span d;
    XXH3_state_t *hash = XXH3_createState();
    assert_non_null(hash);
    XXH3_64bits_reset(hash);
    *documents = 0;
    assert_ok(bl_source_open(&s, &part, 1, options, &failure));
    for (;;) {
        assert_ok(bl_source_next(s, &d, &failure));
        if (!d.text)
            break;
        XXH3_64bits_update(hash, d.text, d.bytes + 1); /* with the 0 after it */
        ++*documents;
    }
    bl_source_close(s);
    uint64_t all = XXH3_64bits_digest(hash);
    XXH3_freeState(hash);
    return all;
}

/* Plain tales are the bytes they always were; facts are another text, whose bytes are fixed too,
 * because a model trained on them must be reproducible. */
static void bytes_stay(void **state)
{
    (void)state;
    size_t plain, facts;
    bl_source_options o = {.tales_bytes = 100000, .seed = 3};
    uint64_t before = hash_source(&o, &plain);
    o.tales_facts = 512;
    uint64_t with = hash_source(&o, &facts);
    print_message("%zu stories %016llx, %zu documents of facts %016llx\n", plain,
                  (unsigned long long)before, facts, (unsigned long long)with);
    assert_true(before == 0x1e4786b1d2d21069);
    assert_true(with == 0x0bff5043f1ad90c1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_among_stories),
        cmocka_unit_test(dense_facts),
        cmocka_unit_test(pure_function),
        cmocka_unit_test(bytes_stay),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
