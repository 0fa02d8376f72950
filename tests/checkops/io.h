/* Buffers of one checked op: the same random inputs on every device, outputs gathered for
 * comparison. */
#ifndef BL_TESTS_CHECKOPS_IO_H
#define BL_TESTS_CHECKOPS_IO_H

#include "ops/ops.h"

/* Shapes of a case; an op uses what it needs. */
typedef struct shape {
    size_t B, T, D, H, I, V, C, K;
    int zeros;  /* all inputs are 0 */
    int forget; /* the TTT layers forget */
    int carry;  /* rows of the TTT layers but the first continue from a state; T is whole chunks */
} shape;

static inline size_t shape_rows(const shape *s)
{
    return s->B * s->T;
}

enum { IO_MOST = 64 };

typedef struct io {
    bl_dev *d;
    int zeros;
    int bf16;       /* activations are rounded to bfloat16, also where the device has wider ones */
    uint64_t draws; /* buffers filled so far: the random stream of the next one */
    struct {
        void *p;
        size_t n; /* floats, when it is an output */
        int act;  /* of activations */
        const char *name;
    } buffer[IO_MOST];
    size_t count;
} io;

void io_open(io *b, bl_dev *d);
void io_close(io *b);

/* n floats in [-spread, spread] (in), the same but recorded (out), n copies of a
 * value, raw bytes. */
void *io_in(io *b, size_t n, float spread);
void *io_out(io *b, const char *name, size_t n, float spread);
void *io_fill(io *b, size_t n, float value);
void *io_bytes(io *b, size_t bytes);
void *io_put(io *b, const void *from, size_t bytes);

/* The same for activations, whatever their width on the device. */
void *io_act(io *b, size_t n, float spread);
void *io_act_out(io *b, const char *name, size_t n, float spread);
void *io_put_act(io *b, const float *from, size_t n);
void *io_act_room(io *b, size_t n);

/* Ids in [0, V). */
bl_dev_id *io_ids(io *b, size_t n, size_t V);

/* The i-th recorded output on the host: malloc'ed by the caller as n floats. */
size_t io_outputs(const io *b);
const char *io_output(const io *b, size_t i, float **host, size_t *n);

/* Stops the program with words when a call that must work does not. */
void must(bl_status status, const bl_error *err);

/* Every op as a case: a line, in the file of its family. */
typedef struct op_case {
    const char *ops; /* those that it calls and whose results it compares, with spaces between */
    void (*run)(io *b, const shape *s);
    double nmse, abs; /* bounds against the reference r: sum (x-r)^2 / sum r^2, and the largest
                         |x-r| / max(1, |r|) of an element */
    int ternary;      /* 1, 0, or -1 for both */
    double nmse_bf16, abs_bf16; /* the same where activations are bfloat16 */
} op_case;

/* A file a family, whose cases end with NULL; dev is what a device does beside computing. */
#define OP_FAMILIES(X)                                                                             \
    X(dev)                                                                                         \
    X(embed)                                                                                       \
    X(elementwise) X(norm) X(bitlinear) X(conv) X(ttt) X(ttt_linear) X(ttt_mlp) X(head) X(optim)
#define X(family) extern const op_case family##_cases[];
OP_FAMILIES(X)
#undef X

/* The i-th case of all families, or NULL after the last. */
const op_case *op_case_at(size_t i);

/* Failures of the table: an op of BL_OPS_LIST without a row, a word of a row that is not an op. */
int check_rows(void);

/* Ops of a row that a device of bl_trace_open() has not seen since its reset. */
int check_called(const op_case *row, const bl_dev *traced);

/* Inference ops in one call and in pieces must give the same bits; returns failures. */
int check_splits(bl_dev *d);

#endif
