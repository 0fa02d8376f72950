/* The element-wise kernels in plain C. */
#define BL_KERN_FILL bl_kern_elementwise_c
#include "kern/body/elementwise.h"
