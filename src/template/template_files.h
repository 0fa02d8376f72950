/* The files that hold a model's chat templates. */
#ifndef BL_TEMPLATE_TEMPLATE_FILES_H
#define BL_TEMPLATE_TEMPLATE_FILES_H

#include "template/jinja.h"

struct bl_template {
    bl_program *program;
    bl_program *with_tools; /* the one named tool_use, where no name was asked for; or NULL */
    json_t *own;            /* bos_token and the like, and what is not given: tools, documents */
    char *folder;           /* of the model; NULL: a template that is a file of its own */
};

/* As bl_template_open(). */
bl_status bl_template_files_read(bl_template *t, const char *path, const char *name,
                                 bl_error *err) BL_NODISCARD;

#endif
