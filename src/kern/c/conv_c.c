/* The convolution kernels in plain C. */
#define BL_KERN_FILL bl_kern_conv_c
#include "kern/body/conv.h"
