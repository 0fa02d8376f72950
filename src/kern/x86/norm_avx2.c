/* The normalisation kernels for AVX2. */
#define BL_KERN_FILL bl_kern_norm_avx2
#include "kern/body/norm.h"
