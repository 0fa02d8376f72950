/* What may be drawn, set for a session or for a sampler: both are sequences that draw. */
#ifndef BL_API_DRAWING_H
#define BL_API_DRAWING_H

#include "api/model_open.h"

/* bl_session_bias() and bl_session_constrain() on their parts: of a sequence that draws for `m`. */
bl_status bl_drawing_bias(bl_sequence *s, const int32_t *ids, const float *bias, size_t count,
                          bl_error *err) BL_NODISCARD;
bl_status bl_drawing_constrain(bl_sequence *s, const bl_model *m, bl_grammar *g,
                               bl_error *err) BL_NODISCARD;
int bl_drawing_constrained(const bl_sequence *s);

#endif
