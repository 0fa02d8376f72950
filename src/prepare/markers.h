/* What a chat template writes around messages: words that must be one token each. */
#ifndef BL_PREPARE_MARKERS_H
#define BL_PREPARE_MARKERS_H

#include "template/chat_template.h"

/* Adds a text to a list of them, once. */
bl_status bl_prepare_add_marker(json_t *markers, const char *text, size_t bytes,
                                bl_error *err) BL_NODISCARD;

/* Adds to a list of texts the words that a template writes around messages and that should be
 * tokens. */
bl_status bl_prepare_find_markers(json_t *markers, const bl_template *t, int64_t now,
                                  bl_error *err) BL_NODISCARD;

#endif
