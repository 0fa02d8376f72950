/* bl_set_threads(): the number of threads of the process. */
#include "bitllama.h"
#include "core/team.h"

void bl_set_threads(size_t count)
{
    bl_threads_choose(count);
}
