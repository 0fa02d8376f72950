/* The normalisation kernels in plain C. */
#define BL_KERN_FILL bl_kern_norm_c
#include "kern/body/norm.h"
