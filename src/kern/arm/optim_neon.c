/* The optimizer kernels for NEON. */
#define BL_KERN_FILL bl_kern_optim_neon
#include "kern/body/optim.h"
