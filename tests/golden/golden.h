/* A fixture on a device: its tensors as the device's arrays, and results held against it. */
#ifndef BL_TESTS_GOLDEN_H
#define BL_TESTS_GOLDEN_H

#include "format/safetensors.h"
#include "ops/ops.h"

/* X(name, in double, in float, with activations of bfloat16): the largest error of a comparison,
 * relative to the largest magnitude of its tensor; 0: the bits agree.  The fixtures' inputs are
 * float, so in bfloat16 they are rounded first, and where activations are quantised one in about a
 * hundred becomes the next integer: those bounds say that the equation is the right one, and no
 * more.  Inputs that are given as parameters are not rounded: there integers agree in all three. */
/* clang-format off */
#define BL_GOLDEN_BOUNDS(X)                                                                        \
    X(BITS,       0,     0,    0)                                                                  \
    X(STRAIGHT,   1e-13, 1e-6, 2e-2) /* gradients through BitLinear */                             \
    X(TTT,        1e-13, 2e-6, 2e-2) /* the chunks, forward and backward, and the buffered form */ \
    X(BLOCK,      1e-13, 5e-6, 1e-1) /* a layer put together from ops, forward and backward */     \
    X(VARIANT,    1e-12, 5e-6, 5e-2) /* logits of the variants */                                  \
    X(MODEL,      1e-12, 2e-5, 1e-1) /* losses and logits of a model */                            \
    X(GRADIENTS,  1e-7,  2e-5, 5e-1) /* its gradients, in the fixture float */                     \
    X(ADAMW,      1e-9,  1e-6, 1e-6) /* its bias corrections pass through the floats of bl_step */ \
    X(DROPOUT,    1e-13, 1e-6, 4e-3)
/* clang-format on */
typedef enum bl_golden_bound {
#define X(name, in_double, in_float, in_bf16) BL_GOLDEN_##name,
    BL_GOLDEN_BOUNDS(X)
#undef X
} bl_golden_bound;

typedef struct bl_golden {
    bl_dev *d;
    bl_st *st;
    const char *file;
    void *blocks[1024]; /* device memory */
    size_t block_count;
    /* since the last report */
    size_t compared; /* numbers */
    double worst;    /* error relative to the largest magnitude of its tensor */
    char where[96];
} bl_golden;

/* Opens BL_TEST_DATA/data/file.safetensors and reserves the device for small shapes.  Failures of the
 * test's own means (files, memory, the device) end the program, here and below. */
void bl_golden_open(bl_golden *g, bl_dev *d, const char *file);
void bl_golden_close(bl_golden *g);
void bl_golden_must(const bl_golden *g, bl_status status, const bl_error *err);

/* Device memory: tensor prefix + name as elements of a kind; zeroed room for n of them, or for bytes. */
void *bl_golden_in(bl_golden *g, bl_kind kind, const char *prefix, const char *name);
size_t bl_golden_count(bl_golden *g, const char *prefix, const char *name);
void *bl_golden_room(bl_golden *g, bl_kind kind, size_t n);
void *bl_golden_bytes(bl_golden *g, size_t bytes);

/* Host memory: tensor `name` of n token ids, to bl_free(). */
int32_t *bl_golden_ids(bl_golden *g, const char *name, size_t n);

/* Holds the device's array of a kind against tensor prefix + name. */
void bl_golden_expect(bl_golden *g, bl_kind kind, const char *prefix, const char *name,
                      const void *found);

/* Holds a device's array against another: 0 when the bits agree, else as above. */
void bl_golden_same(bl_golden *g, bl_kind kind, const char *what, const void *a, const void *b,
                    size_t n);

/* The bound for reading a text in pieces against reading it at once: every back end but cuda promises
 * the same bits (ops.h), and that one what is said. */
bl_golden_bound bl_golden_split(const bl_dev *d, bl_golden_bound otherwise);

/* Prints a line of the table and starts the next; 1 when the worst error is above the bound for the
 * width of the device's activations. */
int bl_golden_report(bl_golden *g, const char *what, bl_golden_bound bound);

/* The tests; each returns its failures. */
int bl_golden_bitlinear(bl_dev *d);
int bl_golden_blocks(bl_dev *none, bl_dev *ternary);
int bl_golden_ttt(bl_dev *d);
int bl_golden_model(bl_dev *d);
int bl_golden_optim(bl_dev *d);
int bl_golden_f64(bl_dev *d);

#endif
