/* The rules of all tables, indexed by their names. */
#include "core/alloc.h"
#include "tales/story.h"

#include <string.h>
#include <xxhash.h>

const bl_tale_rule *bl_tale_find_rule(const bl_tales *t, const char *name, size_t bytes)
{
    size_t mask = ((size_t)1 << BL_TALE_TABLE_BITS) - 1;
    for (size_t i = XXH3_64bits(name, bytes) & mask; t->slot[i]; i = (i + 1) & mask)
        if (strncmp(t->slot[i]->name, name, bytes) == 0 && !t->slot[i]->name[bytes])
            return t->slot[i];
    return NULL;
}

static bl_status add_rules(bl_tales *t, const bl_tale_rule *rules, bl_error *err)
{
    size_t mask = ((size_t)1 << BL_TALE_TABLE_BITS) - 1;
    for (; rules->name; rules++) {
        size_t bytes = strlen(rules->name);
        if (bl_tale_find_rule(t, rules->name, bytes))
            return bl_fail(err, BL_EINVAL, "tales: rule \"%s\" is there twice", rules->name);
        size_t i = XXH3_64bits(rules->name, bytes) & mask;
        while (t->slot[i])
            i = (i + 1) & mask;
        t->slot[i] = rules;
    }
    return BL_OK;
}

bl_status bl_tales_open(bl_tales **result, uint64_t seed, bl_error *err)
{
    static const bl_tale_rule *const tables[] = {
        bl_tale_names,      bl_tale_words,         bl_tale_places,       bl_tale_frame,
        bl_tale_plots_lost, bl_tale_plots_sharing, bl_tale_plots_garden, bl_tale_plots_storm};
    *result = NULL;
    bl_tales *t = bl_calloc(1, sizeof *t);
    if (!t)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    t->seed = seed;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        bl_status status = add_rules(t, tables[i], err);
        if (status != BL_OK) {
            bl_tales_close(t);
            return status;
        }
    }
    *result = t;
    return BL_OK;
}

void bl_tales_close(bl_tales *t)
{
    bl_free(t);
}

uint64_t bl_tales_seed(const bl_tales *t)
{
    return t->seed;
}
