/* Look-ups in the tables of classes, which tools/unicode_classes.py writes. */
#include "text/unicode/classes.h"

#include <string.h>

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

void bl_code_fill(unsigned char *table, int name, int value)
{
    const bl_code_class *c = &bl_code_classes[name];
    for (size_t i = 0; i < c->count; i++)
        memset(table + c->ranges[i].first, value, c->ranges[i].last - c->ranges[i].first + 1);
}

uint32_t bl_categories_named(const char *name, size_t bytes)
{
#define SPELLED(name) #name,
    static const char *const names[] = {BL_CATEGORY_LIST(SPELLED)};
    uint32_t set = 0;
    for (size_t i = 0; i < BL_CATEGORIES; i++)
        if ((bytes == 1 || bytes == 2) && memcmp(names[i], name, bytes) == 0)
            set |= UINT32_C(1) << i;
    return set;
#undef SPELLED
}
