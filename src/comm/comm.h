/* The processes of a training run: how many they are, which one this is, and how they agree.
 *
 * Each holds the same weights and computes a share of every step (train/share.h).  Every call but
 * leave is made by all processes, in the same order and with the same sizes.  What one gives has
 * the same bits in all of them, and again in another run of as many.  A process that fails or ends
 * leaves: a call that waits for it, and every later one, fails with BL_ENETWORK in the others. */
#ifndef BL_COMM_COMM_H
#define BL_COMM_COMM_H

#include "ops/ops.h"

typedef struct bl_comm bl_comm;

typedef struct bl_comm_ops {
    /* g[n], on device d, becomes the sum over all processes.  Only enqueues, like an op; its failure
     * is that of the next call which returns a status, and the values are undefined then. */
    void (*sum)(const bl_comm *c, bl_dev *d, bl_param *g, size_t n);
    /* The same of a few host values, at once: a value that is not finite anywhere makes a sum that
     * is not finite. */
    bl_status (*total)(const bl_comm *c, double *value, size_t n, bl_error *err);
    /* Host bytes of process `root` to all. */
    bl_status (*broadcast)(const bl_comm *c, void *bytes, size_t n, size_t root, bl_error *err);
    /* This process takes part no longer; any number of times. */
    void (*leave)(const bl_comm *c);
} bl_comm_ops;

struct bl_comm {
    size_t rank, size; /* rank: 0 .. size - 1 */
    const bl_comm_ops *ops;
    void *impl;
};

/* One process: every call returns at once. */
extern const bl_comm bl_comm_alone;

void bl_comm_sum(const bl_comm *c, bl_dev *d, bl_param *g, size_t n);
bl_status bl_comm_total(const bl_comm *c, double *value, size_t n, bl_error *err) BL_NODISCARD;
bl_status bl_comm_broadcast(const bl_comm *c, void *bytes, size_t n, size_t root,
                            bl_error *err) BL_NODISCARD;
void bl_comm_leave(const bl_comm *c);

enum { BL_COMM_FLAGS = 4 };

/* Each of n <= BL_COMM_FLAGS flags becomes 1 when it is not 0 in any process. */
bl_status bl_comm_any(const bl_comm *c, int *flag, size_t n, bl_error *err) BL_NODISCARD;

/* Text of process 0, or NULL, to all: *text of the others is written (free with bl_free). */
bl_status bl_comm_text(const bl_comm *c, char **text, bl_error *err) BL_NODISCARD;

#endif
