/* Products of bfloat16 in plain C. */
#define BL_KERN_FILL bl_kern_bf16_c
#include "kern/body/bf16.h"
