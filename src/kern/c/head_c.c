/* The kernels of the head in plain C. */
#define BL_KERN_FILL   bl_kern_head_c
#define BL_COARSE_PAYS 0
#include "kern/body/head.h"
