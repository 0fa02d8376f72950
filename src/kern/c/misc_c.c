/* The element-wise, softmax and convolution kernels in plain C. */
#define BL_KERN_FILL bl_kern_misc_c
#include "kern/body/misc.h"
