/* Signals held back for a while. */
#ifndef BL_CORE_SIGNAL_MASK_H
#define BL_CORE_SIGNAL_MASK_H

#include <stdint.h>

/* Blocks signals in this thread until they are released: for calls into code that uses the stack
 * pointer in ways that a signal handler's frame would not survive. */
typedef struct bl_signal_mask {
    uint64_t bits[16];
} bl_signal_mask;
void bl_signals_hold(bl_signal_mask *before);
void bl_signals_release(const bl_signal_mask *before);

#endif
