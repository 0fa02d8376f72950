/* The files that hold a model's chat templates. */
#ifndef BL_TEMPLATE_TEMPLATE_FILES_H
#define BL_TEMPLATE_TEMPLATE_FILES_H

#include "template/jinja.h"

struct bl_template {
    bl_program *program;
    bl_program *with_tools; /* the one named tool_use, where no name was asked for; or NULL */
    json_t *own;            /* bos_token and the like, and what is not given: tools, documents */
    json_t *source;         /* as chat_template of tokenizer_config.json: a text or a list */
    char *folder;           /* of the model; NULL: a template that is a file of its own */
};

/* As bl_template_open(). */
bl_status bl_template_files_read(bl_template *t, const char *path, const char *name,
                                 bl_error *err) BL_NODISCARD;

/* bos_token and its kin, texts, and additional_special_tokens, a list of some: as the
 * tokenizer_config.json of a folder names them, if it has one. */
bl_status bl_template_tokens_read(json_t *into, const char *folder, bl_error *err) BL_NODISCARD;

/* From now on the template sees these and no others. */
bl_status bl_template_name_tokens(bl_template *t, const json_t *tokens, bl_error *err) BL_NODISCARD;

/* A template that is a text; `what` begins messages. */
bl_status bl_template_text_read(bl_template *t, const char *what, const char *text,
                                bl_error *err) BL_NODISCARD;

#endif
