/* The element-wise kernels for AVX-512. */
#define BL_KERN_FILL bl_kern_elementwise_avx512vnni
#include "kern/body/elementwise.h"
