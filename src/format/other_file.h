/* Files of other programs in place of ours: what they are, and what to do about them. */
#ifndef BL_FORMAT_OTHER_FILE_H
#define BL_FORMAT_OTHER_FILE_H

#include "core/status.h"

/* What was to be read; one bit each. */
typedef enum bl_place {
    BL_PLACE_WEIGHTS = 1, /* safetensors: weights, checkpoints, memory */
    BL_PLACE_JSON = 2,    /* configs, tokenizers, meta.json */
    BL_PLACE_TEXT = 4,    /* a corpus, a prompt */
    BL_PLACE_MODEL = 8,   /* a model folder */
    BL_PLACE_TOKENS = 16, /* a token file, whose bytes may be anything: only the plain cases */
} bl_place;

typedef struct bl_other_file {
    unsigned places; /* where it is out of place */
    size_t at, bytes;
    const char *magic;
    const char *what;   /* "a GGUF file of llama.cpp", */
    const char *remedy; /* and what to do about it */
} bl_other_file;

/* By the name and the first bytes (a few hundred suffice; `size` of them are given); NULL: not
 * known, or allowed in this place. */
const bl_other_file *bl_other_find(bl_place place, const char *path, const void *head, size_t size);

/* For a file that could not be read as what it should be: when status is BL_EFORMAT, the message
 * says what it is instead, if that is known.  Returns `status`. */
bl_status bl_other_explain(bl_status status, bl_place place, const char *path, const void *head,
                           size_t size, bl_error *err) BL_NODISCARD;

/* The same question about a file by its name: BL_EFORMAT and the message; BL_OK and *err as it was
 * when nothing is known of it or it cannot be read. */
bl_status bl_other_refuse(bl_place place, const char *path, bl_error *err);

#endif
