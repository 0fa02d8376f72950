/* The element-wise kernels for NEON. */
#define BL_KERN_FILL bl_kern_elementwise_neon
#include "kern/body/elementwise.h"
