/* Optional ops expressed by other ops: the default of every slot a backend leaves empty. */
#ifndef BL_OPS_COMPOSITE_H
#define BL_OPS_COMPOSITE_H

#include "ops/ops.h"

void bl_composite_bitlinear_residual(bl_dev *d, bl_act *x, bl_act *y, const bl_q8 *xq,
                                     const bl_tern *w, size_t N, size_t out, size_t in);

/* Of a device whose decode_rows is 0: nobody calls it. */
void bl_composite_decode(bl_dev *d, bl_act *x, const bl_decode_model *m, const bl_dev_rows *rows,
                         size_t count);

#endif
