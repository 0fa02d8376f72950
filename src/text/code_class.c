/* Is a code point in a class?  Apart from the tables, which tools/unicode_classes.py writes. */
#include "text/unicode_classes.h"

int bl_code_is(int name, uint32_t code)
{
    const bl_code_class *c = &bl_code_classes[name];
    size_t low = 0, high = c->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (c->ranges[middle].last < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->count && c->ranges[low].first <= code;
}
