/* The softmax kernels for AVX2. */
#define BL_KERN_FILL bl_kern_head_avx2
#include "kern/body/head.h"
