/* Checkpoints: RUN/ckpt/step-00001000/{model.safetensors, optimizer.safetensors, state.json,
 * MANIFEST}, written under a hidden name and put in place in one step (bl_outdir), so that one that
 * exists is whole, and stays until another takes its place. */
#ifndef BL_TRAIN_CHECKPOINT_H
#define BL_TRAIN_CHECKPOINT_H

#include "data/mix.h"
#include "format/options.h"
#include "model/net.h"
#include "train/carried.h"
#include "core/lock.h"

/* One of several data folders: what it is and how far it was read. */
typedef struct bl_train_part {
    uint64_t tokens; /* of its train.bin */
    char train_hash[64];
    char mask_hash[64];
    double weight;
    uint64_t epoch, position, windows; /* the loader's cursor, windows taken in all */
    uint64_t tokens_read;
} bl_train_part;

/* Everything besides the tensors that a run needs to continue identically. */
typedef struct bl_train_state {
    uint64_t step;            /* optimizer steps done */
    uint64_t tokens;          /* read so far */
    uint64_t epoch, position; /* the loader's cursor; of several folders: 0, windows taken */
    uint64_t best_step;       /* 0: none evaluated yet */
    double best_loss;
    double lr_scale;        /* 1, or 1/2 after a recovery from divergence */
    uint64_t bad_steps;     /* how many of the last steps were skipped, their loss not finite */
    uint64_t metrics_bytes; /* of metrics.jsonl when this was saved */
    char data_id[64];       /* which data: the run refuses to continue on other data */
    char train_hash[64];    /* XXH3-128 of train.bin; "" in older states */
    char mask_hash[64];     /* of train.mask; "": there is none */
    char parent[64];        /* fingerprint of the model whose weights it began with, or "" */
    size_t part_count;      /* data folders when there are several, else 0 */
    bl_train_part part[BL_MIX_MOST];
    bl_train_options options;
} bl_train_state;

/* The optimizer's blocks, laid out like the parameters. */
typedef struct bl_moments {
    void *m, *v;
} bl_moments;

/* What a checkpoint is made from. */
typedef struct bl_checkpoint_source {
    const bl_net *net;
    const bl_moments *moments;
    const bl_carried *carried;
    const bl_train_state *state;
} bl_checkpoint_source;

/* Writes a checkpoint for state->step and names it in LATEST, and in BEST when it is the best.
 * One of the same step is replaced, or kept when it is byte-identical.  *dir receives its path
 * (free with bl_free).  On failure nothing is left but what was there before. */
bl_status bl_checkpoint_save(const char *run_dir, const bl_checkpoint_source *from, char **dir,
                             bl_error *err) BL_NODISCARD;

/* How many times a reader retries: a trainer that has written a newer checkpoint may remove the one
 * that a reader has just found and does not hold yet. */
enum { BL_CHECKPOINT_LOOKS = 100 };

/* For the process that holds the run's lock, before the run is swept: when only a hidden checkpoint
 * is whole (an earlier version, or a save on a file system that cannot exchange folders, was cut
 * off between two renames), it gets its name back, with a warning. */
bl_status bl_checkpoint_recover(const char *run_dir, bl_error *err) BL_NODISCARD;

/* The newest checkpoint before step `below` (UINT64_MAX: of all) whose MANIFEST verifies; *dir is
 * NULL when there is none.  Skips damaged ones with a warning, and takes a hidden one when nothing
 * else is whole; BL_EFORMAT when all are damaged.  *hold keeps it from being pruned until
 * bl_lock_close() (NULL where there are no locks); a process that holds the run's lock needs none:
 * hold NULL. */
bl_status bl_checkpoint_newest(char **dir, bl_lock **hold, const char *run_dir, uint64_t below,
                               bl_error *err) BL_NODISCARD;

/* The one named in BEST if it verifies, or else the newest. */
bl_status bl_checkpoint_best(char **dir, bl_lock **hold, const char *run_dir,
                             bl_error *err) BL_NODISCARD;

/* state.json alone; then the tensors. */
bl_status bl_checkpoint_state(bl_train_state *state, const char *dir, bl_error *err) BL_NODISCARD;

/* Are all tensors of the config there, in model and optimizer, with their shapes?  No data is read.
 * BL_EFORMAT. */
bl_status bl_checkpoint_check(const char *dir, const bl_config *config, bl_error *err) BL_NODISCARD;
bl_status bl_checkpoint_tensors(bl_net *net, const bl_moments *moments, const char *dir,
                                bl_error *err) BL_NODISCARD;

/* Loads the rows that `carried` expects, of `count` corpora. */
bl_status bl_checkpoint_carried(bl_carried *carried, const bl_net *net, const char *dir,
                                size_t count, bl_error *err) BL_NODISCARD;

/* Removes all but the best, the one named in BEST and, of those up to state->step, the newest
 * `keep` of its options; also what an earlier process left half-written.  One that a reader holds
 * stays until next time. */
bl_status bl_checkpoint_prune(const char *run_dir, const bl_train_state *state,
                              bl_error *err) BL_NODISCARD;

#endif
