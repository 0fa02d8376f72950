/* The sizes of the table of state tensors. */
#include "model/state.h"

size_t bl_shape_elements(const bl_dims *m, const char *shape)
{
    size_t count = 1;
    for (; *shape; shape++)
        count *= bl_dims_letter(m, *shape);
    return count;
}

size_t bl_state_elements(const bl_config *c)
{
    bl_dims m = bl_config_dims(c);
    size_t count = 0;
#define X(type, member, key, shape, present) count += (present) ? bl_shape_elements(&m, shape) : 0;
    BL_LAYER_STATE(X)
#undef X
    return count * m.L;
}
