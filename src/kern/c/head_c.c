/* The softmax kernels in plain C. */
#define BL_KERN_FILL bl_kern_head_c
#include "kern/body/head.h"
