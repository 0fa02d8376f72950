/* The table of pairs, and what their setups share. */
#include "pairs.h"

#include <string.h>

size_t bl_pair_rows(const pair_run *r)
{
    return r->m.B * r->m.T;
}

void bl_pair_ids(pair_run *r, size_t n, size_t V)
{
    int32_t *ids = bl_pair_memory(r, n * sizeof *ids);
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)((i * i + 3 * i + 1) % V);
    r->ids = (void *)ids;
}

const pair_ops *bl_pair_find(const char *name)
{
#define X(family) family##_pairs,
    static const pair_ops *const families[] = {PAIR_FAMILIES(X)};
#undef X
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (const pair_ops *p = families[i]; p->name; p++)
            if (strcmp(p->name, name) == 0)
                return p;
    return NULL;
}
