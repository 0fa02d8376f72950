/* Tiles that are emulated need nobody's permission. */
#include "core/tiles.h"

#include <stddef.h>

const char *bl_tiles_missing(bl_tiles_feature feature)
{
    (void)feature;
    return NULL;
}
