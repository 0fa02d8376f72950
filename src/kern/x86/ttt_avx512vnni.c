/* The TTT kernels for AVX-512. */
#define BL_KERN_FILL bl_kern_ttt_avx512vnni
#include "kern/body/ttt.h"
