/* The normalisation kernels for AVX-512. */
#define BL_KERN_FILL bl_kern_norm_avx512vnni
#include "kern/body/norm.h"
