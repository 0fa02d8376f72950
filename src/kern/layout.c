/* The sizes of packed matrices, quantised rows and coarse rows. */
#include "kern/kern.h"

static size_t up(size_t n, size_t to)
{
    return (n + to - 1) / to;
}

size_t bl_tern_panel_bytes(size_t in)
{
    return up(in, BL_TERN_INS) * BL_TERN_TILE;
}

size_t bl_tern_packed_bytes(size_t out, size_t in)
{
    return up(out, BL_TERN_ROWS) * bl_tern_panel_bytes(in);
}

size_t bl_q8_stride(size_t in)
{
    return up(in, BL_Q8_ALIGN) * BL_Q8_ALIGN;
}

size_t bl_coarse_ins(size_t D)
{
    return up(D, BL_COARSE_ROWS) * BL_COARSE_ROWS;
}

size_t bl_coarse_panel_bytes(size_t D)
{
    return BL_COARSE_ROWS * (bl_coarse_ins(D) + 3 * sizeof(float));
}
