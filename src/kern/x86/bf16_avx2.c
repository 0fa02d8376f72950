/* Products of bfloat16 for AVX2. */
#define BL_KERN_FILL bl_kern_bf16_avx2
#include "kern/body/bf16.h"
