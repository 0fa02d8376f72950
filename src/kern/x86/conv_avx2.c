/* The convolution kernels for AVX2. */
#define BL_KERN_FILL bl_kern_conv_avx2
#include "kern/body/conv.h"
