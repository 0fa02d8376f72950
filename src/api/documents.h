/* The documents of texts one after the other, as the model's tokens. */
#ifndef BL_API_DOCUMENTS_H
#define BL_API_DOCUMENTS_H

#include "api/model_open.h"

/* What is read, and who is told. */
typedef struct bl_documents {
    const bl_model *model;      /* whose tokenizer */
    const char *const *sources; /* files, folders, "-" */
    size_t source_count;
    const bl_prepare_options *reading;
    const char *stage; /* "evaluating" */
    bl_progress_fn *progress;
    void *user;
    uint64_t bytes, count;          /* of the documents so far */
    uint64_t files_passed, ours;    /* of folders left out: no text; what this program wrote */
    uint64_t replaced, bad_dropped; /* characters; lines of JSON Lines */
    int talks;                      /* they are conversations */
} bl_documents;

/* Receives one document; sets *stop when no more are wanted.  counts[count + 1]: of a conversation
 * which tokens are answers, and whether the one that ends it is; NULL: all count. */
typedef bl_status bl_document_fn(void *user, const int32_t *ids, const unsigned char *counts,
                                 size_t count, int *stop, bl_error *err);

/* Does a conversation begin with the token that begins a text?  Some templates write it. */
static inline int bl_document_begins(int32_t token, const int32_t *ids, const unsigned char *counts,
                                     size_t count)
{
    return counts && count && ids[0] == token;
}

/* Calls fn for each.  Conversations are written by the template that bl_prepare_folder() takes with
 * the model as tokenizer.  BL_EUNSUPPORTED without a tokenizer; BL_EFORMAT when there is no
 * document; errors of bl_chosen_template_open(). */
bl_status bl_documents_read(bl_documents *d, bl_document_fn *fn, void *user,
                            bl_error *err) BL_NODISCARD;

#endif
