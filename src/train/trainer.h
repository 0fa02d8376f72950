/* The trainer: all that a run holds, and its parts (opening, one step, the loop). */
#ifndef BL_TRAIN_TRAINER_H
#define BL_TRAIN_TRAINER_H

#include "core/busy.h"
#include "core/call.h"
#include "core/lock.h"
#include "data/batches.h"
#include "data/corpora.h"
#include "train/blocks.h"
#include "train/outputs.h"
#include "train/share.h"

/* Rows that a caller gives for one step. */
typedef struct bl_given_rows {
    const int32_t *ids;        /* [B,T+1] */
    const unsigned char *mask; /* [B,T]: does the prediction of ids[b][t+1] count; NULL: all do */
    size_t B, T;               /* at most those of a whole step */
} bl_given_rows;

/* A step that was begun and has not ended. */
typedef struct bl_begun_step {
    bl_step outcome;     /* written at its end */
    bl_mix_cursor place; /* after its batches */
    double counted;      /* targets whose loss counts, of all processes */
    uint64_t tokens;     /* read by it */
    double at;           /* clock */
} bl_begun_step;

enum { BL_TRAIN_AHEAD = 2 }; /* steps begun at once, at most */

/* The lowest validation loss so far and its step; 0: none. */
typedef struct bl_train_best {
    uint64_t step;
    double loss;
} bl_train_best;

struct bl_trainer {
    bl_dev *dev; /* owned */
    bl_train_options o;
    bl_share share;
    char *run_dir;       /* "": none, and nothing is written */
    bl_corpora *data;    /* owned; without folders, batches are given */
    char *tokenizer_dir; /* owned; NULL: there is no tokenizer */
    bl_tokenizer *tokenizer;
    bl_mix *mix;
    bl_batches *batches;        /* NULL: there is no data */
    const bl_given_rows *given; /* what the next step reads; NULL: a batch of the data */

    bl_plan_result plan; /* what was measured before it was opened */
    bl_blocks blocks;
    bl_train_layer *layers; /* [L], [L*H]: of an evaluation */
    bl_head_info *heads;
    int32_t *window; /* [2,T] */

    bl_train_state state;                /* after the step that ended last */
    bl_begun_step begun[BL_TRAIN_AHEAD]; /* of step n: n % BL_TRAIN_AHEAD */
    size_t begun_count;
    int ahead;          /* a step may be begun before the one before it has ended */
    double ended;       /* clock, of the last step */
    bl_train_best kept; /* as the newest checkpoint has it */
    bl_outputs outputs;
    char *resumed_from; /* the checkpoint that the next run continues from, or NULL */
    double rate;        /* tokens a second, smoothed */

    bl_train_fn *fn; /* of the call at work */
    void *user;
    bl_train_fn *listener; /* of those that have none of their own */
    void *listening;
    atomic_int stop, save; /* also set by signal handlers and other threads */
    bl_busy busy;
    bl_status broken; /* a failure after which a second run cannot continue */
};

/* What a run starts from: a checkpoint; or, when that is NULL, the weights of a model or (NULL)
 * those of its seed.  Who computes it: NULL is this process alone. */
typedef struct bl_train_begin {
    const char *checkpoint;
    const bl_st *weights;      /* latent, of the run's config */
    const char *path;          /* of their file, for messages */
    const char *tokenizer_dir; /* of a run without data folders, or NULL */
    const bl_comm *comm; /* outlives the trainer, which leaves it when it fails or is closed */
} bl_train_begin;

/* Opens a run on a device, in a folder or ("") in none; takes over device, data and lock, also on
 * failure.  `config` has the vocabulary already; `o` is resolved, on top of the options of the
 * checkpoint when there is one.  The processes of a run open it with the same of all these, each on
 * its own device; those that do not lead write nothing and need no lock.  What is opened is not
 * compared. */
bl_status bl_trainer_open_on(bl_trainer **t, bl_dev *dev, bl_corpora *data, const char *run_dir,
                             bl_lock *lock, const bl_config *config, const bl_train_options *o,
                             const bl_train_begin *begin, bl_error *err) BL_NODISCARD;

/* The step after which this invocation ends. */
uint64_t bl_trainer_last(const bl_trainer *t);

/* One optimizer step in three parts: loader -> host memory; enqueued: micro-batches of the share ->
 * sum over the processes -> clip -> AdamW -> ternarise; and its outcome, which waits for it.  The next
 * may be drawn and begun before the outcome, where t->ahead allows it.  A step that cannot be drawn
 * leaves those begun as they are.  The outcome fills in the event, of all of the step: its loss or
 * grad_norm is not finite when the step was skipped. */
bl_status bl_trainer_draw(bl_trainer *t, bl_error *err) BL_NODISCARD;
bl_status bl_trainer_begin(bl_trainer *t, bl_error *err) BL_NODISCARD;
bl_status bl_trainer_end(bl_trainer *t, bl_train_event *event, bl_error *err) BL_NODISCARD;

/* Waits for the steps begun, whose outcome nobody wants. */
bl_status bl_trainer_forget(bl_trainer *t, bl_error *err) BL_NODISCARD;

/* A leg of a run: its steps and what became of them. */
typedef struct bl_leg {
    uint64_t last, most; /* ends after step `last`, or when `most` are done */
    /* Does this process have something to do after a step which needs what that leaves?  What follows
     * a good step when none is begun; NULL: a checkpoint, if one was asked for. */
    int (*due)(const bl_trainer *t, uint64_t step, uint64_t last);
    bl_status (*after)(bl_trainer *t, uint64_t last, bl_error *err);

    uint64_t done, skipped; /* of those done, without a finite loss and gradient */
    uint64_t tokens;        /* read */
    double losses;          /* the sum of the others' */
    bl_train_event newest;
    int went_back; /* to a checkpoint, at half the learning rate */
} bl_leg;

/* Does them, each as an event.  BL_EINTERRUPTED when the run is asked to stop; after any other failure
 * it may be in the middle of a step. */
bl_status bl_trainer_advance(bl_trainer *t, bl_leg *s, bl_error *err) BL_NODISCARD;

/* A checkpoint now, of what was gathered; or in passing, when it is due or any process was asked for
 * one: then a failed write is a warning.  Every process takes part, and only the leader writes. */
bl_status bl_trainer_write(bl_trainer *t, bl_error *err) BL_NODISCARD;
bl_status bl_trainer_write_in_passing(bl_trainer *t, int due, bl_error *err) BL_NODISCARD;

/* Between these two a call from outside (`where`) has the trainer alone, and its events go to fn.
 * BL_EBUSY; BL_EINVAL when an earlier call has failed in the middle of a step.  Leaving frees a
 * trainer that was closed meanwhile, and returns the status. */
bl_status bl_trainer_enter(bl_trainer *t, bl_train_fn *fn, void *user, const char *where,
                           bl_call *call, bl_error *err) BL_NODISCARD;
bl_status bl_trainer_leave(bl_trainer *t, bl_call *call, bl_status status, bl_error *err);

/* BL_EINVAL when there is none and steps are left to do. */
bl_status bl_trainer_has_data(const bl_trainer *t, bl_error *err) BL_NODISCARD;

/* Loads tensors, cursor and state of a checkpoint into the trainer. */
bl_status bl_trainer_restore(bl_trainer *t, const char *checkpoint, bl_error *err) BL_NODISCARD;

/* Copies the loader's place after a step to t->state. */
void bl_trainer_note_place(bl_trainer *t, const bl_mix_cursor *place);

/* Fills an event of a run over several folders with how far each was read. */
void bl_trainer_fill_corpora(const bl_trainer *t, bl_train_event *event,
                             bl_train_corpus corpora[BL_MIX_MOST]);

/* What an evaluation found, nats a token; best: the lowest loss so far. */
typedef struct bl_evaluation {
    double loss, bits_per_byte;
    uint64_t tokens;
    int best;
} bl_evaluation;

/* The mean loss over the validation data of all folders, weighted by tokens, and of each, as an
 * event; a best one is noted, and forgotten again by the next step unless a checkpoint is written
 * before.  progress (may be NULL) gets the trainer. */
bl_status bl_trainer_evaluate(bl_trainer *t, bl_progress_fn *progress, bl_evaluation *found,
                              bl_error *err) BL_NODISCARD;

/* The last octave of a long validation text, read by one state and by fresh ones over the context;
 * no tokens when the text is too short, too little of it may be evaluated, or the device is too
 * slow.  Training is not affected.  BL_EINTERRUPTED when the run is asked to stop. */
bl_status bl_trainer_stream(bl_trainer *t, bl_stream_point *end, bl_error *err) BL_NODISCARD;

/* Memory for it; fills an event with what the layers remember after some windows of the first
 * `most` tokens (0: of all) of a file that holds one. */
bl_status bl_trainer_layers_open(bl_trainer *t, bl_error *err) BL_NODISCARD;
void bl_trainer_layers_release(bl_trainer *t);
bl_status bl_trainer_fill_layers(bl_trainer *t, bl_train_event *event, const bl_token_file *file,
                                 uint64_t most, bl_error *err) BL_NODISCARD;

/* Writes a sample by the weights as they are, as an event; a failure is a warning. */
void bl_trainer_sample(bl_trainer *t);

/* Whether any folder has validation data for a window. */
int bl_trainer_can_evaluate(const bl_trainer *t);

#endif
