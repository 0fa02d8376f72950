/* The convolution kernels for AVX-512. */
#define BL_KERN_FILL bl_kern_conv_avx512vnni
#include "kern/body/conv.h"
