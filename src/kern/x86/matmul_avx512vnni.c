/* Small float matrix products for AVX-512: register tiles of 8 rows x 32 columns. */
#include "kern/x86/lanes_avx512.h"

enum { LANES = 16, TILE_ROWS = 8 };

/* clang-format off */
#define VEC                     __m512
#define LOAD(p)                 _mm512_loadu_ps(p)
#define STORE(p, x)             _mm512_storeu_ps(p, x)
#define SPLAT(p)                _mm512_set1_ps(*(p))
#define FMA(a, b, c)            _mm512_fmadd_ps(a, b, c)
#define PART                    __mmask16
#define PART_OF(n)              lanes16(n)
#define LOAD_PART(p, part)      _mm512_maskz_loadu_ps(part, p)
#define STORE_PART(p, part, x)  _mm512_mask_storeu_ps(p, part, x)
#define SEVERAL(X)              X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define LONG_ROWS(X)            X(8) X(4)
/* clang-format on */
#include "kern/body/matmul_tile.h"

void bl_kern_matmul_avx512vnni(bl_kern *k)
{
    k->matmul = matmul;
    k->tile_rows = TILE_ROWS;
    k->tile_cols = 2 * LANES;
}
