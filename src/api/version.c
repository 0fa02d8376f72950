/* The version, from the build. */
#include "bitllama.h"

const char *bl_version(void)
{
    return BITLLAMA_VERSION;
}
