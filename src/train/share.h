/* Which micro-batch is whose.
 *
 * A process is a share of the micro-batches of a step (option accum): process r of n computes those
 * numbered r, r + n, ...  The number stays that of the whole step, so dropout, rows that start
 * fresh, windows and checkpoints are those of one process, and a run continues with any number of
 * them.  Its gradients differ from those of one process by the order of their float sums alone:
 * each process adds up its own in their order, and the sums are added in that of the processes.
 * (Equal bits would need the gradients of every micro-batch apart, and so more memory and another
 * sum of one process too: an op adds to what is there, some elements several times.)
 *
 * Process 0 leads: it alone has outputs, evaluates and decides when to save.  Of what a process
 * cannot know alone (a loss that is not finite, a request to stop or save) all know before any acts
 * on it. */
#ifndef BL_TRAIN_SHARE_H
#define BL_TRAIN_SHARE_H

#include "comm/comm.h"
#include "data/batches.h"

typedef struct bl_share {
    const bl_comm *comm; /* borrowed */
    size_t accum;        /* micro-batches of a step */
} bl_share;

/* BL_EINVAL when there are fewer micro-batches than processes. */
bl_status bl_share_check(const bl_share *s, bl_error *err) BL_NODISCARD;

int bl_share_leads(const bl_share *s);

/* The process of a micro-batch, and whether that is this one. */
size_t bl_share_owner(const bl_share *s, uint64_t micro);
int bl_share_has(const bl_share *s, uint64_t micro);

/* How many micro-batches are ours; the number of one among those of its process. */
size_t bl_share_slots(const bl_share *s);
size_t bl_share_slot(const bl_share *s, uint64_t micro);

/* The same for who makes the batches. */
bl_turns bl_share_turns(const bl_share *s);

#endif
