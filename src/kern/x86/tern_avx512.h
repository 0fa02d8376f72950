/* The two ternary products of AVX-512 VNNI, and how a field of codes is unpacked by GFNI. */
#ifndef BL_KERN_X86_TERN_AVX512_H
#define BL_KERN_X86_TERN_AVX512_H

#include "kern/kern.h"

/* The matrix of vgf2p8affineqb that moves bits 2 f and 2 f + 1 of each byte to bits 0 and 1: 8 x 8
 * bits, the row of bit 0 last. */
#define TERN_FIELD(f) ((long long)(UINT64_C(1) << (56 + 2 * (f)) | UINT64_C(1) << (49 + 2 * (f))))

/* bl_kern.tern_matmul: of any processor of the level, and of one with GFNI. */
void bl_tern_matmul_masked(float *y, size_t ldy, const uint8_t *packed, float g,
                           const bl_q8_rows *x, size_t outs, size_t in, int accumulate);
void bl_tern_matmul_gfni(float *y, size_t ldy, const uint8_t *packed, float g, const bl_q8_rows *x,
                         size_t outs, size_t in, int accumulate);

#endif
