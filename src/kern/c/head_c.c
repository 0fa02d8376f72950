/* The kernels of the head in plain C. */
#define BL_KERN_FILL   bl_kern_head_c
#define BL_COARSE_PAYS 0
#include "kern/body/head.h"

static void dot16(int32_t *high, int32_t *low, const uint8_t *panel, const bl_coarse_x *x,
                  size_t ins)
{
    for (size_t r = 0; r < BL_COARSE_ROWS; r++) {
        high[r] = -128 * x->high_sum, low[r] = -128 * x->low_sum;
        for (size_t i = 0; i < ins; i++) {
            int q = panel[i / 4 * (4 * BL_COARSE_ROWS) + 4 * r + i % 4];
            high[r] += q * x->high[i];
            low[r] += q * x->low[i];
        }
    }
}
