/* Where the parts of quantised rows are. */
#include "cpu/cpu_impl.h"

/* scales [N] | sums [N] | int8 rows, each part at a 64-byte boundary. */
static size_t q8_part(size_t N)
{
    return bl_blocks(N * sizeof(float), 64) * 64;
}

size_t bl_cpu_q8_bytes(bl_dev *d, size_t N, size_t K)
{
    if (!d->ternary)
        return N * K * sizeof(float);
    return 2 * q8_part(N) + N * bl_q8_stride(K);
}

bl_q8_view bl_q8_open(const bl_cpu *c, const bl_q8 *q8, size_t N, size_t K)
{
    bl_q8_view v = {0};
    char *base = (char *)(uintptr_t)q8;
    if (!c->ternary) {
        v.rows = (float *)(void *)base;
        return v;
    }
    v.scale = (float *)(void *)base;
    v.sum = (int32_t *)(void *)(base + q8_part(N));
    v.q = (int8_t *)(base + 2 * q8_part(N));
    v.ld = bl_q8_stride(K);
    return v;
}
