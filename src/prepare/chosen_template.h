/* The chat template that conversations are written by, for a tokenizer: which one it is, the special
 * tokens that it sees and needs, and what tokenizer_config.json says of it.
 *
 * It is the one asked for, else that of the tokenizer's folder, else, of conversations, ChatML. */
#ifndef BL_PREPARE_CHOSEN_TEMPLATE_H
#define BL_PREPARE_CHOSEN_TEMPLATE_H

#include "corpus/answers.h"
#include "format/options.h"
#include "text/roles.h"

/* What one is chosen for. */
typedef struct bl_template_choice {
    const char *given;             /* the template asked for, a file or folder; "": none */
    const char *path;              /* of the tokenizer or its folder */
    const bl_tokenizer *tokenizer; /* NULL: one that is trained */
    bl_token_roles roles;
    int talks;          /* there are conversations */
    const char *remedy; /* where the tokenizer has not the special tokens */
} bl_template_choice;

/* Zero-initialise, do not move, and release. */
typedef struct bl_chosen_template {
    bl_template *template; /* or NULL */
    int beside;            /* it is that of the tokenizer's folder */
    bl_talk_form form;     /* of conversations by it */
    json_t *described;     /* what tokenizer_config.json says of template and tokens */
    json_t *markers;       /* texts of special tokens that it writes */
    bl_added_index index;  /* the special tokens that are looked for in what it writes */
    bl_added *special;
} bl_chosen_template;

/* BL_EINVAL when the tokenizer has not the special tokens that the template writes; errors of
 * bl_template_open().  One in the folder that cannot be read is only an error where there are
 * conversations.  With a tokenizer its special tokens must still be looked for; without, there are
 * no markers yet. */
bl_status bl_chosen_template_open(bl_chosen_template *c, const bl_template_choice *choice,
                                  bl_error *err) BL_NODISCARD;
void bl_chosen_template_release(bl_chosen_template *c);

/* That of conversations which are read for a model as `reading` says: of its tokenizer, which `path`
 * or a folder of that name holds, with whose special tokens looked for; t is NULL when there is
 * none, and then for those that the template writes around messages. */
bl_status bl_chosen_template_for_reading(bl_chosen_template *c, const bl_tokenizer *t,
                                         const char *path, const bl_prepare_options *reading,
                                         bl_error *err) BL_NODISCARD;

/* The markers as an array of borrowed texts, to be freed; NULL without memory. */
const char **bl_chosen_template_markers(const bl_chosen_template *c, size_t *count, bl_error *err);

/* Looks for these tokens from now on, as ids 0 and on; or for those of a tokenizer. */
bl_status bl_chosen_template_seek(bl_chosen_template *c, const char *const *specials, size_t count,
                                  bl_error *err) BL_NODISCARD;
bl_status bl_chosen_template_seek_all(bl_chosen_template *c, const bl_tokenizer *t,
                                      bl_error *err) BL_NODISCARD;

#endif
