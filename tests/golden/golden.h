/* A fixture on a device: its tensors as the device's arrays, and results held against it. */
#ifndef BL_TESTS_GOLDEN_H
#define BL_TESTS_GOLDEN_H

#include "format/safetensors.h"
#include "ops/ops.h"

/* A device whose memory is the host's and whose elements are all of one width. */
typedef struct bl_golden {
    bl_dev *d;
    bl_st *st;
    const char *file;
    void *blocks[1024];
    size_t block_count;
    /* since the last report */
    size_t compared; /* numbers */
    double worst;    /* error relative to the largest magnitude of its tensor */
    char where[96];
} bl_golden;

/* Opens BL_TEST_DATA/data/file.safetensors and reserves the device for small shapes.  Failures of the
 * test's own means (files, memory) end the program. */
void bl_golden_open(bl_golden *g, bl_dev *d, const char *file);
void bl_golden_close(bl_golden *g);

/* Tensor prefix + name as the device's elements; zeroed room for n elements, or for bytes. */
void *bl_golden_in(bl_golden *g, const char *prefix, const char *name);
size_t bl_golden_count(bl_golden *g, const char *prefix, const char *name);
void *bl_golden_room(bl_golden *g, size_t n);
void *bl_golden_bytes(bl_golden *g, size_t bytes);

/* Holds the device's array against tensor prefix + name. */
void bl_golden_expect(bl_golden *g, const char *prefix, const char *name, const void *found);

/* Holds a device's array against another, bit by bit. */
void bl_golden_same(bl_golden *g, const char *what, const void *a, const void *b, size_t n);

/* Prints a line of the table and starts the next; 1 when the worst error is above the bound for the
 * device's width (0: the bits must agree). */
int bl_golden_report(bl_golden *g, const char *what, double in_double, double in_single);

/* The tests; each returns its failures. */
int bl_golden_bitlinear(bl_dev *d);
int bl_golden_blocks(bl_dev *none, bl_dev *ternary);
int bl_golden_ttt(bl_dev *d);
int bl_golden_model(bl_dev *d);
int bl_golden_optim(bl_dev *d);
int bl_golden_f64(bl_dev *d);

#endif
