/* What a run writes into its folder: lock, metrics.jsonl, TensorBoard, checkpoints, the loss curve.
 * Outputs may be empty: then nothing is written, and its events are only told. */
#ifndef BL_TRAIN_OUTPUTS_H
#define BL_TRAIN_OUTPUTS_H

#include "core/lock.h"
#include "train/checkpoint.h"
#include "train/metrics.h"
#include "train/tensorboard.h"

/* What a run continues without when it cannot be written: X(id, name). */
#define BL_TRAIN_OUTPUTS(X)                                                                        \
    X(METRICS, "metrics.jsonl")                                                                    \
    X(TENSORBOARD, "the TensorBoard events")                                                       \
    X(CHECKPOINT, "a checkpoint")                                                                  \
    X(PRUNE, "the removal of old checkpoints")                                                     \
    X(CURVE, "loss.svg")

typedef enum bl_train_output {
#define X(id, name) BL_TRAIN_OUTPUT_##id,
    BL_TRAIN_OUTPUTS(X)
#undef X
        BL_TRAIN_OUTPUT_COUNT
} bl_train_output;

/* How often one of them failed, whether the caller thinks that it fails, and until when no failure
 * is news. */
typedef struct bl_train_trouble {
    uint64_t failures;
    int told;
    double quiet_until;
} bl_train_trouble;

typedef struct bl_outputs {
    const char *run_dir;                             /* borrowed; NULL: empty */
    bl_lock *lock;                                   /* of the folder; owned */
    bl_train_state *state;                           /* borrowed: of the run that writes */
    void (*tell)(void *user, bl_train_event *event); /* who hears of every event besides, or NULL */
    void *user;
    bl_metrics metrics;
    bl_tensorboard tensorboard;
    bl_train_trouble trouble[BL_TRAIN_OUTPUT_COUNT];
    double saved_at; /* clock of the last checkpoint */
} bl_outputs;

/* Begins the records of a new run, or continues those of a resumed one after state->step; `o` has
 * folder, lock and state.  A run that cannot write down its first words is not begun.  Close also
 * after a failure. */
bl_status bl_outputs_open(bl_outputs *o, int resume, bl_error *err) BL_NODISCARD;
void bl_outputs_close(bl_outputs *o);

/* Records an event at the state's step in metrics.jsonl and TensorBoard, and tells it; one with
 * text from a format. */
void bl_outputs_report(bl_outputs *o, bl_train_event *event);
void bl_outputs_say(bl_outputs *o, bl_train_event_kind kind, const char *format, ...)
    BL_PRINTF(3, 4);

/* Notes whether an output was written.  A failure is a warning, since a full disk does not end a
 * run: one at once, at most one a minute while it lasts, and another when it is over. */
void bl_outputs_note(bl_outputs *o, bl_train_output which, bl_status status, const bl_error *why);

/* Who asked for a checkpoint hears of a failure, however recently it failed. */
void bl_outputs_asked(bl_outputs *o, bl_train_output which);

/* Saves the state with these tensors as a checkpoint after all records, removes old ones, draws the
 * curve.  *dir receives its path (free with bl_free). */
bl_status bl_outputs_save(bl_outputs *o, const bl_net *net, const bl_moments *moments,
                          const bl_carried *carried, char **dir, bl_error *err) BL_NODISCARD;

/* The newest checkpoint that was not saved between bad steps, when a signal asked for one; *dir is
 * NULL when there is none. */
bl_status bl_outputs_last_good(const bl_outputs *o, char **dir, bl_error *err) BL_NODISCARD;

/* A run that went back to its state has not done the steps since then: their records go. */
void bl_outputs_take_back(bl_outputs *o);

#endif
