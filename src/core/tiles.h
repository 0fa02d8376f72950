/* Tiles of x86-64 processors (AMX): whether this process may use them, asked of the system once. */
#ifndef BL_CORE_TILES_H
#define BL_CORE_TILES_H

typedef enum bl_tiles_feature {
    BL_TILES_INT8, /* tdpbsud and the like: products of four bytes */
    BL_TILES_BF16, /* tdpbf16ps: products of two bfloat16 */
    BL_TILES_FEATURES
} bl_tiles_feature;

/* NULL when every thread of this process may use them, else why not.  Linux wants to be asked,
 * because signal frames of threads that use tiles grow by 8 KiB: the first call asks, not a process
 * that never calls this.  Whoever uses tiles configures them first and releases them at the end:
 * other libraries in the process configure them, too, and a released tile costs nobody anything. */
const char *bl_tiles_missing(bl_tiles_feature feature);

#endif
