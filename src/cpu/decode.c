/* A token through all layers in one call: not offered, the ops are called in turn. */
#include "cpu/cpu_impl.h"
#include "ops/composite.h"

size_t bl_cpu_decode_rows(bl_dev *d, const bl_decode_model *m)
{
    (void)d, (void)m;
    return 0;
}

void bl_cpu_decode(bl_dev *d, bl_act *x, const bl_decode_model *m, const bl_dev_rows *rows,
                   size_t count)
{
    bl_composite_decode(d, x, m, rows, count);
}
