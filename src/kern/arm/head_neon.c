/* The softmax kernels for NEON. */
#define BL_KERN_FILL bl_kern_head_neon
#include "kern/body/head.h"
