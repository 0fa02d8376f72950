/* Tiles that are emulated need nobody's permission. */
#include "core/tiles.h"

#include <stddef.h>

const char *bl_tiles_missing(bl_tiles_feature feature)
{
    return feature == BL_TILES_INT8 ? NULL : "only products of bytes are emulated";
}
