/* The softmax kernels for AVX-512. */
#define BL_KERN_FILL bl_kern_head_avx512vnni
#include "kern/body/head.h"
