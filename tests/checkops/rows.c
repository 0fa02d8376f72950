/* The table of cases: does it cover the list of ops? */
#include "io.h"
#include "ops/trace.h"

#include <stdio.h>
#include <string.h>

const op_case *op_case_at(size_t i)
{
#define X(family) family##_cases,
    static const op_case *const families[] = {OP_FAMILIES(X)};
#undef X
    for (size_t f = 0; f < sizeof families / sizeof *families; f++)
        for (const op_case *at = families[f]; at->ops; at++)
            if (i-- == 0)
                return at;
    return NULL;
}

/* The next word of a list, its length in *n; NULL at the end. */
static const char *next_word(const char *list, size_t *n)
{
    list += strspn(list, " ");
    *n = strcspn(list, " ");
    return *n ? list : NULL;
}

static int lists(const char *list, const char *op)
{
    size_t n, length = strlen(op);
    for (const char *word = list; (word = next_word(word, &n)); word += n)
        if (n == length && memcmp(word, op, n) == 0)
            return 1;
    return 0;
}

/* close has no row: it ends every device of this program.  A token in one call is held against the
 * other ops of its device (tests/decode/decode.c). */
static const char elsewhere[] = "close decode decode_rows";

#define X(op, params, args) " " #op
static const char all_ops[] = BL_OPS_LIST(X);
#undef X

int check_rows(void)
{
    int failures = 0;
#define X(op, params, args)                                                                        \
    {                                                                                              \
        int rows = lists(elsewhere, #op);                                                          \
        for (size_t i = 0; op_case_at(i); i++)                                                     \
            rows += lists(op_case_at(i)->ops, #op);                                                \
        if (!rows)                                                                                 \
            printf("FAILED: op %s has no row\n", #op);                                             \
        failures += !rows;                                                                         \
    }
    BL_OPS_LIST(X)
#undef X
    for (size_t i = 0; op_case_at(i); i++) {
        size_t n;
        for (const char *word = op_case_at(i)->ops; (word = next_word(word, &n)); word += n) {
            char op[64];
            (void)snprintf(op, sizeof op, "%.*s", (int)n, word);
            if (lists(all_ops, op))
                continue;
            printf("FAILED: a row names %s, which is no op\n", op);
            failures++;
        }
    }
    return failures;
}

int check_called(const op_case *row, const bl_dev *traced)
{
    bl_trace_row seen[BL_OPS_COUNT];
    size_t n, count = bl_trace_rows(traced, seen);
    int failures = 0;
    for (const char *word = row->ops; (word = next_word(word, &n)); word += n) {
        int called = 0;
        for (size_t i = 0; i < count; i++)
            called += strlen(seen[i].op) == n && memcmp(seen[i].op, word, n) == 0;
        if (!called)
            printf("FAILED: the row of %.*s does not call it\n", (int)n, word);
        failures += !called;
    }
    return failures;
}
