/* The element-wise kernels for AVX2. */
#define BL_KERN_FILL bl_kern_elementwise_avx2
#include "kern/body/elementwise.h"
