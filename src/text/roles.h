/* The tokens of a tokenizer that have a role: which one ends a document, which one pads. */
#ifndef BL_TEXT_ROLES_H
#define BL_TEXT_ROLES_H

#include "core/status.h"

typedef struct bl_token_roles {
    uint32_t eos; /* ends every document, and comes before the first */
    uint32_t pad;
} bl_token_roles;

/* Those of tokenizers that we train, and of files written before there were others. */
#define BL_TOKEN_ROLES_OWN ((bl_token_roles){0, 1})

/* Finds them for the tokenizer opened from `path`.  eos is `asked`, a token as tokenizer.json
 * spells it or the number of an id, if that is not empty; else what the files beside it say,
 * tokenizer_config.json (eos_token) before generation_config.json and config.json (eos_token_id,
 * the first of several); else the first of the usual names that it has.  pad is the pad_token of
 * tokenizer_config.json, else a usual name, else eos.
 * BL_EINVAL: no such token; BL_EFORMAT: a file beside it is not JSON, or names a token that the
 * tokenizer does not have; BL_EUNSUPPORTED: nothing was found. */
bl_status bl_token_roles_find(bl_token_roles *roles, const bl_tokenizer *t, const char *path,
                              const char *asked, bl_error *err) BL_NODISCARD;

#endif
