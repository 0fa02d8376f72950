/* Products of bfloat16 for NEON. */
#define BL_KERN_FILL bl_kern_bf16_neon
#include "kern/body/bf16.h"
