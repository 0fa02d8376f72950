/* The normalisation kernels for NEON. */
#define BL_KERN_FILL bl_kern_norm_neon
#include "kern/body/norm.h"
