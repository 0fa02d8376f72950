/* bitllama bench: the tests, and running them. */
#ifndef BL_CLI_BENCH_TESTS_H
#define BL_CLI_BENCH_TESTS_H

#include "cli.h"
#include "limits.h"

typedef enum bl_bench_kind {
    BL_BENCH_PROMPT, /* one sequence reads `tokens` */
    BL_BENCH_WRITE,  /* `rows` sequences write `tokens` each */
    BL_BENCH_TRAIN   /* an optimizer step of `rows` sequences of `tokens` */
} bl_bench_kind;

enum { BL_BENCH_OPS = 96, BL_BENCH_REPETITIONS = 10000 };

typedef struct bl_bench_test {
    bl_bench_kind kind;
    size_t threads, rows, tokens;
    double *seconds; /* [count] of each repetition */
    size_t count;
    bl_op_work ops[BL_BENCH_OPS]; /* with --ops: of all `passes` together */
    size_t op_count;
    double passes;               /* prompts, tokens of each sequence, or steps */
    const bl_limit_list *limits; /* of the processor, or NULL */
} bl_bench_test;

/* What all tests have in common. */
typedef struct bl_bench {
    const char *path;         /* of the model; NULL: random weights */
    const bl_options *config; /* of these, and of training */
    bl_options *device;       /* its threads are set for each test */
    bl_options *train;
    const bl_options *draw; /* how tokens are drawn */
    size_t repetitions;
    int ops;
} bl_bench;

/* "pp512", "tg128", "tg128x8", "train32x128". */
typedef struct bl_bench_name {
    char text[64];
} bl_bench_name;
bl_bench_name bl_bench_name_of(const bl_bench_test *t);

/* Of the tokens a second of the repetitions, of all rows together. */
typedef struct bl_bench_rates {
    double mean, deviation, fastest;
} bl_bench_rates;
bl_bench_rates bl_bench_rates_of(const bl_bench_test *t);

/* Runs a test: a warm-up, the repetitions, and with `ops` as many more under a trace (bl_log_to()
 * is then bl_progress_log() again).  *model is what an earlier test with as many threads has
 * opened, or NULL.  BL_EINTERRUPTED when a signal came: t->count repetitions are whole. */
bl_status bl_bench_run(const bl_bench *b, bl_bench_test *t, bl_model **model, bl_error *err);

#endif
