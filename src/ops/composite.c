/* Optional ops expressed by other ops. */
#include "ops/composite.h"

#include <assert.h>

void bl_composite_bitlinear_residual(bl_dev *d, bl_act *x, bl_act *y, const bl_q8 *xq,
                                     const bl_tern *w, size_t N, size_t out, size_t in)
{
    BL_OP(d, bitlinear_fwd, y, xq, w, N, out, in);
    BL_OP(d, add, x, y, N * out);
}

void bl_composite_decode(bl_dev *d, bl_act *x, const bl_decode_model *m, const bl_dev_rows *rows,
                         size_t count)
{
    (void)d, (void)x, (void)m, (void)rows, (void)count;
    assert(0 && "decode_rows is 0");
}
