/* The TTT kernels for NEON. */
#define BL_KERN_FILL bl_kern_ttt_neon
#include "kern/body/ttt.h"
