/* bitllama bench: what was measured, for people and for programs. */
#ifndef BL_CLI_BENCH_PRINT_H
#define BL_CLI_BENCH_PRINT_H

#include "bench_tests.h"

/* What the figures belong to. */
typedef struct bl_bench_facts {
    char compiler[128], processor[128], simd[16];
    size_t processors;
    char model[1024]; /* its path, or a preset and "random weights" */
    uint64_t parameters;
    char device[1024], precision[16];
    size_t repetitions;
    int interrupted;
} bl_bench_facts;

/* The table, row by row as it is measured; then the ops of each test. */
void bl_bench_table_begin(const bl_bench_facts *f);
void bl_bench_table_row(const bl_bench_test *t);
void bl_bench_table_ops(const bl_bench_test *t);

/* All at once. */
void bl_bench_json(const bl_bench_facts *f, const bl_bench_test *tests, size_t count);
void bl_bench_csv(const bl_bench_facts *f, const bl_bench_test *tests, size_t count);

#endif
