/* Several data folders as the data of one run. */
#include "data/corpora.h"
#include "core/alloc.h"

#include <string.h>

/* Folder i against those before it. */
static bl_status compare(const bl_corpora *c, size_t i, bl_error *err)
{
    const bl_data_meta *first = &c->data[0]->meta, *meta = &c->data[i]->meta;
    if (strcmp(meta->tokenizer_hash, first->tokenizer_hash) != 0)
        return bl_fail(err, BL_EINVAL,
                       "%s and %s were made by different tokenizers (%s, %s); prepare one with "
                       "the `tokenizer` of the other",
                       c->dir[0], c->dir[i], first->tokenizer_hash, meta->tokenizer_hash);
    if (meta->roles.eos != first->roles.eos)
        return bl_fail(err, BL_EINVAL,
                       "the documents of %s end with id %lu, those of %s with id %lu; prepare one "
                       "with the `eos` of the other",
                       c->dir[0], (unsigned long)first->roles.eos, c->dir[i],
                       (unsigned long)meta->roles.eos);
    for (size_t k = 0; k < i; k++)
        if (meta->split[BL_DATA_TRAIN].tokens && strcmp(c->hash[i], c->hash[k]) == 0)
            return bl_fail(err, BL_EINVAL, "%s and %s hold the same train.bin; give it once",
                           c->dir[k], c->dir[i]);
    return BL_OK;
}

static bl_status open_one(bl_corpora *c, const bl_corpus *from, bl_error *err)
{
    size_t i = c->count;
    c->dir[i] = bl_strdup(from->dir);
    if (!c->dir[i])
        return bl_fail(err, BL_ENOMEM, "out of memory");
    BL_TRY(bl_data_open(&c->data[i], from->dir, err));
    memcpy(c->hash[i], bl_token_file_hash(c->data[i]->split[BL_DATA_TRAIN]), sizeof c->hash[i]);
    c->count++;
    return compare(c, i, err);
}

static bl_status check_weights(const bl_corpus *list, size_t count, bl_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!(list[i].weight >= 0) || list[i].weight > 1e9)
            return bl_fail(err, BL_EINVAL, "%s: weight %g; a weight is a positive number",
                           list[i].dir, list[i].weight);
        if ((list[i].weight > 0) != (list[0].weight > 0))
            return bl_fail(err, BL_EINVAL,
                           "%s has a weight and %s has none: give all data folders one, or none",
                           list[list[0].weight > 0 ? 0 : i].dir,
                           list[list[0].weight > 0 ? i : 0].dir);
    }
    return BL_OK;
}

static void set_weights(bl_corpora *c, const bl_corpus *list)
{
    double sum = 0;
    for (size_t i = 0; i < c->count; i++) {
        c->weight[i] = list[i].weight > 0 ? list[i].weight
                                          : (double)c->data[i]->meta.split[BL_DATA_TRAIN].tokens;
        sum += c->weight[i];
    }
    for (size_t i = 0; i < c->count; i++)
        c->weight[i] = sum > 0 ? c->weight[i] / sum : 1.0 / (double)c->count;
}

bl_status bl_corpora_open(bl_corpora **result, const bl_corpus *list, size_t count, bl_error *err)
{
    *result = NULL;
    if (count < 1 || count > BL_MIX_MOST)
        return bl_fail(err, BL_EINVAL, "%zu data folders: there can be 1 to %d", count,
                       BL_MIX_MOST);
    BL_TRY(check_weights(list, count, err));
    bl_corpora *c = bl_calloc(1, sizeof *c);
    if (!c)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    bl_status status = BL_OK;
    for (size_t i = 0; status == BL_OK && i < count; i++)
        status = open_one(c, &list[i], err);
    if (status != BL_OK) {
        bl_corpora_close(c);
        return status;
    }
    set_weights(c, list);
    *result = c;
    return BL_OK;
}

bl_status bl_corpora_none(bl_corpora **c, bl_error *err)
{
    *c = bl_calloc(1, sizeof **c);
    return *c ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
}

void bl_corpora_close(bl_corpora *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < BL_MIX_MOST; i++) {
        bl_data_close(c->data[i]);
        bl_free(c->dir[i]);
    }
    bl_free(c);
}

uint64_t bl_corpora_tokens(const bl_corpora *c, int split)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < c->count; i++)
        sum += c->data[i]->meta.split[split].tokens;
    return sum;
}

uint64_t bl_corpora_bytes(const bl_corpora *c)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < c->count; i++)
        sum += bl_token_file_size(c->data[i]->split[BL_DATA_TRAIN]);
    return sum;
}

int bl_corpora_masked(const bl_corpora *c)
{
    for (size_t i = 0; i < c->count; i++)
        if (bl_data_meta_masked(&c->data[i]->meta))
            return 1;
    return 0;
}
