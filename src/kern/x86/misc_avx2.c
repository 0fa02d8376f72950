/* The element-wise, softmax and convolution kernels for AVX2. */
#define BL_KERN_FILL bl_kern_misc_avx2
#include "kern/body/misc.h"
