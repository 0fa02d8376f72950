/* Somebody's program: uses options, and says whether header and library are of one make. */
#include <bitllama.h>
#include <stdio.h>

int main(void)
{
    bl_options *o;
    bl_error err;
    if (bl_options_open(&o, BL_OPTIONS_CONFIG, &err) != BL_OK)
        return 1;
    bl_options_close(o);
    puts(bl_abi() == BL_ABI ? "abi agrees" : "another abi");
    return 0;
}
