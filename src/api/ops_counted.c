/* bl_ops_counted(): what traced devices have done. */
#include "core/call.h"
#include "ops/trace.h"

bl_status bl_ops_counted(bl_op_fn *fn, void *user, bl_error *err)
{
    bl_call call;
    bl_trace_row row[BL_OPS_COUNT];
    bl_call_begin(&call, err);
    size_t rows = bl_trace_take(row);
    for (size_t i = 0; fn && i < rows; i++) {
        const bl_op_work work = {.size = sizeof work,
                                 .op = row[i].op,
                                 .calls = row[i].calls,
                                 .seconds = row[i].seconds,
                                 .bytes = row[i].bytes,
                                 .int_ops = row[i].int_ops,
                                 .float_ops = row[i].float_ops,
                                 .bf16_ops = row[i].bf16_ops};
        bl_call *out = bl_call_out();
        fn(user, &work);
        bl_call_back(out);
    }
    return bl_call_end(&call, BL_OK, err);
}
