/* An open model and a session over it: the handles of the public API. */
#ifndef BL_API_MODEL_OPEN_H
#define BL_API_MODEL_OPEN_H

#include "api/executors.h"
#include "api/roster.h"
#include "core/busy.h"
#include "core/lock.h"
#include "infer/told.h"
#include "model/fingerprint.h"

struct bl_model {
    char *path;       /* the folder of the weights; "": they are in none */
    char *config_dir; /* of config.json and tokenizer.json */
    int random;       /* made up */
    bl_options *config;
    bl_tokenizer *tokenizer; /* NULL: none */
    bl_options *device;      /* what it was opened with, for more devices of the kind */
    bl_dev *dev;             /* that of the weights; after opening under executors.lock */
    bl_net net;
    bl_executors executors;
    size_t context;         /* the run's training context, or a default */
    size_t trained_context; /* the former, or 0 */
    bl_weight_form form;
    char parent[33];       /* fingerprint of the model that it is a lossy copy of, or "" */
    char begun_with[64];   /* of the model whose weights its run began with, or "" */
    atomic_size_t holders; /* besides the caller: sessions, and calls at work */
    char fingerprint[BL_FINGERPRINT]; /* once it was asked for, */
    atomic_int fingerprinted;         /* as owner.c says */
};

struct bl_session {
    bl_model *model;
    bl_options *device; /* NULL: as the model's */
    size_t threads;     /* of the executor that it computes with */
    bl_sequence text;   /* its memory comes from executors, and goes by the model's device */
    bl_told told;       /* of bl_generate_next() */
    bl_roster *roster;  /* of the batch that it is in, or was in until that was closed; or NULL */
    bl_busy busy;
};

/* A call that changes a session has it alone between these two: BL_EBUSY, naming the call (`where`)
 * and the session (`name`), while another is at work; leaving frees it when it was closed
 * meanwhile. */
bl_status bl_session_enter(bl_session *s, const char *name, const char *where,
                           bl_error *err) BL_NODISCARD;
void bl_session_leave(bl_session *s);

/* BL_EUNSUPPORTED for a model that never forgets. */
bl_status bl_session_can_consolidate(const bl_session *s, bl_error *err) BL_NODISCARD;

/* Whose its memory files are: the fingerprint, written into `hex`, takes a while when it is the first
 * that is asked of the model. */
bl_status bl_session_owner(const bl_session *s, const bl_net *net, char hex[BL_FINGERPRINT],
                           bl_memory_owner *owner, bl_error *err) BL_NODISCARD;

/* Keeps a model alive while it is used, even if its owner closes it: bl_model_close() ends a hold
 * as well as the caller's own. */
void bl_model_hold(bl_model *m);

/* Where a model's files are: a model folder, or a run with its best checkpoint. */
typedef struct bl_model_files {
    char *weights_dir; /* holds its weights (bl_weights_path) */
    char *config_dir;  /* holds config.json and tokenizer.json */
    int is_run;
    bl_lock *hold; /* keeps a trainer from pruning the checkpoint; NULL: not a run, or no locks */
} bl_model_files;

bl_status bl_model_files_find(bl_model_files *f, const char *path, bl_error *err) BL_NODISCARD;
bl_status bl_model_files_config(const bl_model_files *f, bl_config *config, bl_weight_form *form,
                                bl_error *err) BL_NODISCARD;
void bl_model_files_release(bl_model_files *f);

/* Finds them and calls `fn`; does so again when the checkpoint found was removed or replaced
 * meanwhile. */
typedef bl_status bl_model_files_fn(void *user, const bl_model_files *f, bl_error *err);
bl_status bl_model_files_use(const char *path, bl_model_files_fn *fn, void *user,
                             bl_error *err) BL_NODISCARD;

#endif
