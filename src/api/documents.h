/* The documents of a text one after the other, as the model's tokens. */
#ifndef BL_API_DOCUMENTS_H
#define BL_API_DOCUMENTS_H

#include "api/model_open.h"

/* What is read, and who is told. */
typedef struct bl_documents {
    const bl_model *model; /* whose tokenizer */
    const char *path;
    const bl_prepare_options *reading;
    const char *stage; /* "evaluating" */
    bl_progress_fn *progress;
    void *user;
    uint64_t bytes, count; /* of the documents so far */
} bl_documents;

/* Receives one document; sets *stop when no more are wanted. */
typedef bl_status bl_document_fn(void *user, const int32_t *ids, size_t count, int *stop,
                                 bl_error *err);

/* Calls fn for each.  BL_EUNSUPPORTED without a tokenizer, BL_EFORMAT when there is no document. */
bl_status bl_documents_read(bl_documents *d, bl_document_fn *fn, void *user,
                            bl_error *err) BL_NODISCARD;

#endif
