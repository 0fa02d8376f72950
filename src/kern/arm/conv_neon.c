/* The convolution kernels for NEON. */
#define BL_KERN_FILL bl_kern_conv_neon
#include "kern/body/conv.h"
