/* A network's memory, initial values and files. */
#include "model/net.h"
#include "core/alloc.h"
#include "core/rng.h"
#include "core/watch.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Lays the ternarised matrices out; with a NULL base only measures. */
static size_t bind_terns(bl_net *net, void *base, size_t size)
{
    bl_arena arena;
    bl_arena_begin(&arena, base, size);
    for (size_t i = 0; i < net->tensors.count; i++) {
        const bl_tensor *t = &net->tensors.at[i];
        if (t->role != BL_ROLE_LATENT)
            continue;
        void *place =
            bl_arena_push(&arena, 1, BL_OP(net->dev, tern_bytes, t->shape[0], t->shape[1]));
        if (base)
            memcpy((char *)&net->terns[t->layer] + t->member, &place, sizeof place);
        if (base && !net->packed)
            net->latents[net->latent_count++] =
                (bl_latent){place, bl_net_place(net, net->block, t), t->shape[0], t->shape[1]};
    }
    return arena.failed ? SIZE_MAX : bl_arena_bytes(&arena);
}

static bl_status open_net(bl_net *net, const bl_config *config, bl_dev *dev, int packed,
                          bl_table_form form, bl_error *err)
{
    *net = (bl_net){.config = *config, .dev = dev, .packed = packed};
    BL_TRY(bl_config_check(config, NULL, err));
    net->m = bl_config_dims(config);
    bl_status status = BL_OK;
    if (!dev->ops->narrow_tables(dev))
        form = BL_TABLE_PARAMS;
    BL_TRY_GOTO(status, bl_tensors_open(&net->tensors, config, packed, form, dev->param_bytes, err),
                fail);
    net->w.layer = bl_calloc(net->m.L, sizeof *net->w.layer);
    net->terns = bl_calloc(net->m.L, sizeof *net->terns);
    net->latents = bl_calloc(net->tensors.count, sizeof *net->latents);
    net->tern_bytes = net->terns ? bind_terns(net, NULL, 0) : SIZE_MAX;
    if (!net->w.layer || !net->latents || net->tern_bytes == SIZE_MAX) {
        status = bl_fail(err, BL_ENOMEM, "out of memory for a model of %zu layers", net->m.L);
        goto fail;
    }
    size_t bytes = net->tensors.elements * dev->param_bytes;
    BL_TRY_GOTO(status, BL_OP(dev, alloc, &net->block, bytes, err), fail);
    BL_TRY_GOTO(status, BL_OP(dev, alloc, &net->tern_block, net->tern_bytes, err), fail);
    if (!packed) /* whose every tensor is loaded */
        BL_OP(dev, zero, net->block, bytes);
    bl_params_bind(&net->w, &net->tensors, net->m.L, net->block, dev->param_bytes);
    (void)bind_terns(net, net->tern_block, net->tern_bytes);
    return BL_OK;
fail:
    bl_net_release(net);
    return status;
}

bl_status bl_net_open(bl_net *net, const bl_config *config, bl_dev *dev, bl_error *err)
{
    return open_net(net, config, dev, 0, BL_TABLE_PARAMS, err);
}

bl_status bl_net_open_packed(bl_net *net, const bl_config *config, bl_dev *dev, bl_table_form form,
                             bl_error *err)
{
    return open_net(net, config, dev, 1, form, err);
}

void bl_net_release(bl_net *net)
{
    if (net->dev) {
        BL_OP(net->dev, free, net->block);
        BL_OP(net->dev, free, net->tern_block);
        BL_OP(net->dev, free, net->coarse);
    }
    bl_free(net->w.layer);
    bl_free(net->terns);
    bl_free(net->latents);
    bl_tensors_release(&net->tensors);
    *net = (bl_net){0};
}

/* ---- initial values, files ---- */

static size_t largest_tensor(const bl_net *net)
{
    size_t most = 0;
    for (size_t i = 0; i < net->tensors.count; i++)
        if (net->tensors.at[i].count > most)
            most = net->tensors.at[i].count;
    return most;
}

bl_status bl_net_host_buffer(float **host, const bl_net *net, bl_error *err)
{
    *host = bl_calloc(largest_tensor(net), sizeof **host);
    return *host ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for the largest tensor");
}

void *bl_net_place(const bl_net *net, const void *block, const bl_tensor *t)
{
    return (char *)(uintptr_t)block + t->offset * net->dev->param_bytes;
}

/* Half-lives spread geometrically from the first head to the last; one head has the mean. */
static float initial_half_life(const bl_config *c, size_t head)
{
    size_t H = c->num_attention_heads;
    double least = log(c->ttt_half_life_min), most = log(c->ttt_half_life_max);
    double place = H > 1 ? (double)head / (double)(H - 1) : 0.5;
    double tokens = exp(least + (most - least) * place);
    return (float)log(fmax(tokens / (double)c->mini_batch_size, 1));
}

static double conv_deviation(const bl_config *c)
{
    if (c->conv_initializer_range > 0)
        return c->conv_initializer_range;
    return 0.8 * sqrt(256.0 / fmax((double)c->hidden_size, 256.0));
}

/* Other devices of the kind may read it from now on, so this one must have finished. */
static bl_status ternarise_now(bl_net *net, bl_error *err)
{
    bl_net_ternarise(net);
    return BL_OP(net->dev, sync, err);
}

void bl_net_fill_initial(const bl_net *net, const bl_tensor *t, uint64_t seed, uint64_t number,
                         float *host)
{
    const bl_config *c = &net->config;
    float deviation = (float)(t->init == BL_INIT_CONV ? conv_deviation(c) : c->initializer_range);
    for (size_t i = 0; i < t->count; i++) {
        switch (t->init) {
        case BL_INIT_ZEROS:
            host[i] = 0.0f;
            break;
        case BL_INIT_ONES:
            host[i] = 1.0f;
            break;
        case BL_INIT_NORMAL:
        case BL_INIT_CONV:
            host[i] = deviation * bl_rng_normal(seed, BL_RNG_INIT + number, i);
            break;
        case BL_INIT_FORGET:
            host[i] = initial_half_life(c, i);
            break;
        }
    }
}

bl_status bl_net_init(bl_net *net, uint64_t seed, bl_error *err)
{
    float *host;
    BL_TRY(bl_net_host_buffer(&host, net, err));
    bl_status status = BL_OK;
    uint64_t number = 0; /* half-lives draw nothing: with them and without, the rest starts alike */
    for (size_t i = 0; i < net->tensors.count && status == BL_OK; i++) {
        const bl_tensor *t = &net->tensors.at[i];
        bl_net_fill_initial(net, t, seed, number, host);
        number += t->init != BL_INIT_FORGET;
        status = bl_dev_put(net->dev, BL_KIND_param, bl_net_place(net, net->block, t), host,
                            t->count, err);
    }
    bl_free(host);
    return status == BL_OK ? ternarise_now(net, err) : status;
}

static bl_status prefixed(char *name, size_t cap, const char *prefix, const bl_tensor *t,
                          bl_error *err)
{
    int n = snprintf(name, cap, "%s%s", prefix, t->name);
    if (n < 0 || (size_t)n >= cap)
        return bl_fail(err, BL_EINVAL, "tensor name %s%s is too long", prefix, t->name);
    return BL_OK;
}

bl_status bl_tensors_check(const bl_tensor_list *list, const bl_st *st, const char *prefix,
                           bl_error *err)
{
    char name[128];
    for (size_t i = 0; i < list->count; i++) {
        const bl_tensor *t = &list->at[i];
        BL_TRY(prefixed(name, sizeof name, prefix, t, err));
        BL_TRY(bl_st_check_f32(st, name, t->rank, t->shape, err));
    }
    return BL_OK;
}

/* Elements `first` to first + n - 1 of a tensor; a pass without branches finds whether to look. */
static bl_status check_finite(const float *x, size_t first, size_t n, const char *path,
                              const char *name, bl_error *err)
{
    const uint32_t exponent = 0x7f800000;
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bad |= (bits & exponent) == exponent;
    }
    for (size_t i = 0; bad && i < n; i++)
        if (!isfinite(x[i]))
            return bl_fail(err, BL_EFORMAT, "%s: tensor %s: element %zu is not finite", path, name,
                           first + i);
    return BL_OK;
}

/* Pieces that stay in the cache on their way: a whole tensor on the host would be as much memory
 * again. */
static bl_status load_tensor(const bl_net *net, void *block, const bl_tensor *t, const bl_st *st,
                             const char *name, const char *path, float *host, bl_error *err)
{
    char *to = bl_net_place(net, block, t);
    for (size_t at = 0; at < t->count; at += BL_NET_PIECE) {
        size_t n = t->count - at < BL_NET_PIECE ? t->count - at : BL_NET_PIECE;
        BL_TRY(bl_st_get_f32_part(st, name, t->rank, t->shape, at, n, host, err));
        BL_TRY(check_finite(host, at, n, path, name, err));
        BL_TRY(bl_dev_put(net->dev, BL_KIND_param, to + at * net->dev->param_bytes, host, n, err));
    }
    return BL_OK;
}

bl_status bl_net_tensor_load(const bl_net *net, const bl_tensor *t, const bl_st *st,
                             const char *path, float *host, bl_error *err)
{
    return load_tensor(net, net->block, t, st, t->name, path, host, err);
}

bl_status bl_net_halves_get(const bl_tensor *t, const bl_st *st, const char *path, size_t first,
                            size_t n, float *host, void *halves, bl_error *err)
{
    BL_TRY(bl_st_get_f32_part(st, t->name, t->rank, t->shape, first, n, host, err));
    BL_TRY(check_finite(host, first, n, path, t->name, err));
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, host + i, sizeof bits);
        const uint16_t half = (uint16_t)(bits >> 16);
        memcpy((char *)halves + i * sizeof half, &half, sizeof half);
    }
    return BL_OK;
}

/* Rows of a table that is kept narrower, as floats. */
static void widen_rows(const bl_tensor *t, const unsigned char *from, size_t rows, float *host)
{
    size_t D = t->shape[1], bytes = bl_table_row_bytes(t->form, D, sizeof *host);
    for (size_t v = 0; v < rows; v++, from += bytes, host += D) {
        float scale;
        memcpy(&scale, from, sizeof scale);
        for (size_t i = 0; i < D; i++) {
            uint16_t half;
            if (t->form == BL_TABLE_BF16) {
                memcpy(&half, from + i * sizeof half, sizeof half);
                uint32_t bits = (uint32_t)half << 16;
                memcpy(host + i, &bits, sizeof bits);
            } else {
                host[i] = scale * (float)(int8_t)from[sizeof scale + i];
            }
        }
    }
}

static bl_status get_rows(const bl_net *net, const bl_tensor *t, float *host, bl_error *err)
{
    size_t V = t->shape[0], D = t->shape[1], bytes = bl_table_row_bytes(t->form, D, sizeof *host);
    size_t most = BL_NET_PIECE / bytes + 1;
    const char *from = bl_net_place(net, net->block, t);
    unsigned char *room = bl_calloc(most, bytes);
    bl_status status =
        room ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for a piece of a tensor");
    for (size_t v = 0; v < V && status == BL_OK; v += most) {
        size_t n = V - v < most ? V - v : most;
        status = bl_dev_get(net->dev, BL_KIND_byte, room, from + v * bytes, n * bytes, err);
        if (status == BL_OK)
            widen_rows(t, room, n, host + v * D);
    }
    bl_free(room);
    return status;
}

bl_status bl_net_floats_get(const bl_net *net, const bl_tensor *t, float *host, bl_error *err)
{
    if (t->form != BL_TABLE_PARAMS)
        return get_rows(net, t, host, err);
    return bl_dev_get(net->dev, BL_KIND_param, host, bl_net_place(net, net->block, t), t->count,
                      err);
}

bl_status bl_net_tensor_get(const bl_net *net, const bl_tensor *t, float *host, bl_error *err)
{
    BL_TRY(bl_net_floats_get(net, t, host, err));
    /* what could not be loaded again is not written */
    return check_finite(host, 0, t->count, "nothing written", t->name, err);
}

bl_status bl_net_block_load(const bl_net *net, void *block, const bl_st *st, const char *prefix,
                            const char *path, bl_error *err)
{
    bl_status status = BL_OK;
    float *host = bl_calloc(BL_NET_PIECE, sizeof *host);
    if (!host)
        return bl_fail(err, BL_ENOMEM, "out of memory for a piece of a tensor");
    for (size_t i = 0; i < net->tensors.count; i++) {
        const bl_tensor *t = &net->tensors.at[i];
        char name[128];
        BL_TRY_GOTO(status, prefixed(name, sizeof name, prefix, t, err), done);
        BL_TRY_GOTO(status, load_tensor(net, block, t, st, name, path, host, err), done);
        BL_TRY_GOTO(status, bl_watch_poll(i + 1, net->tensors.count, err), done);
    }
done:
    bl_free(host);
    return status;
}

bl_status bl_net_block_declare(const bl_net *net, bl_st_writer *w, const char *prefix,
                               bl_error *err)
{
    for (size_t i = 0; i < net->tensors.count; i++) {
        const bl_tensor *t = &net->tensors.at[i];
        char name[128];
        BL_TRY(prefixed(name, sizeof name, prefix, t, err));
        BL_TRY(bl_st_writer_declare(w, name, BL_F32, t->rank, t->shape, err));
    }
    return BL_OK;
}

bl_status bl_net_block_write(const bl_net *net, const void *block, bl_st_writer *w, bl_error *err)
{
    float *host;
    BL_TRY(bl_net_host_buffer(&host, net, err));
    bl_status status = BL_OK;
    for (size_t i = 0; i < net->tensors.count && status == BL_OK; i++) {
        const bl_tensor *t = &net->tensors.at[i];
        status =
            bl_dev_get(net->dev, BL_KIND_param, host, bl_net_place(net, block, t), t->count, err);
        if (status == BL_OK) /* what could not be loaded again is not written */
            status = check_finite(host, 0, t->count, "nothing written", t->name, err);
        if (status == BL_OK)
            status = bl_st_writer_data(w, host, t->count * sizeof *host, err);
        if (status == BL_OK)
            status = bl_watch_poll(i + 1, net->tensors.count, err);
    }
    bl_free(host);
    return status;
}

bl_status bl_net_load(bl_net *net, const bl_st *st, const char *path, bl_error *err)
{
    BL_TRY(bl_net_block_load(net, net->block, st, "", path, err));
    return ternarise_now(net, err);
}

bl_status bl_net_copy(bl_net *net, const bl_net *from, bl_error *err)
{
    float *host;
    bl_status status = BL_OK;
    assert(net->tensors.count == from->tensors.count && !net->packed && !from->packed);
    BL_TRY(bl_net_host_buffer(&host, from, err));
    for (size_t i = 0; status == BL_OK && i < net->tensors.count; i++) {
        const bl_tensor *t = &net->tensors.at[i];
        BL_TRY_GOTO(status, bl_net_tensor_get(from, &from->tensors.at[i], host, err), done);
        BL_TRY_GOTO(status,
                    bl_dev_put(net->dev, BL_KIND_param, bl_net_place(net, net->block, t), host,
                               t->count, err),
                    done);
        BL_TRY_GOTO(status, bl_watch_poll(i + 1, net->tensors.count, err), done);
    }
    status = ternarise_now(net, err);
done:
    bl_free(host);
    return status;
}

bl_status bl_net_coarsen(bl_net *net, bl_error *err)
{
    const bl_dims *m = &net->m;
    const bl_limits least = bl_net_limits(net, 1, 1);
    void *place;
    net->coarse_bytes = BL_OP(net->dev, head_coarse_bytes, m->V, m->D);
    if (!net->coarse_bytes)
        return BL_OK;
    BL_TRY(BL_OP(net->dev, alloc, &place, net->coarse_bytes, err));
    net->coarse = place;
    if (bl_table_form_of(bl_net_head(net)) !=
        BL_TABLE_PARAMS) /* whose rows are widened in scratch */
        BL_TRY(BL_OP(net->dev, reserve, &least, err));
    BL_OP(net->dev, head_coarse, net->coarse, bl_net_head(net), m->V, m->D);
    return BL_OP(net->dev, sync, err);
}

bl_status bl_net_save(const bl_net *net, const char *path, bl_error *err)
{
    bl_st_writer *w;
    BL_TRY(bl_st_writer_open(&w, path, err));
    bl_status status = bl_st_writer_metadata(w, "format", "pt", err);
    if (status == BL_OK)
        status = bl_net_block_declare(net, w, "", err);
    if (status == BL_OK)
        status = bl_net_block_write(net, net->block, w, err);
    if (status == BL_OK)
        return bl_st_writer_commit(w, err);
    bl_st_writer_abandon(w);
    return status;
}

/* ---- what forward, backward and decoding share ---- */

bl_tern *bl_net_tern(const bl_net *net, const bl_tensor *t)
{
    bl_tern *w;
    memcpy(&w, (const char *)&net->terns[t->layer] + t->member, sizeof w);
    return w;
}

void bl_net_ternarise(bl_net *net)
{
    const bl_latents all = {net->latents, net->latent_count};
    if (all.count)
        BL_OP(net->dev, ternarise, &all);
}

/* AdamW over elements first .. end - 1 of the blocks. */
static void adamw(const bl_net *net, void *const block[4], size_t first, size_t end, int decay,
                  const bl_dev_step *step)
{
    bl_param *at[4];
    for (size_t i = 0; i < 4; i++)
        at[i] = (bl_param *)((char *)block[i] + first * net->dev->param_bytes);
    BL_OP(net->dev, adamw, at[0], at[1], at[2], at[3], end - first, decay, step);
}

void bl_net_update(bl_net *net, void *grads, void *m, void *v, bl_dev_step *step)
{
    void *const blocks[] = {net->block, grads, m, v};
    size_t plain = net->tensors.undecayed, tables = net->tensors.tables;
    size_t all = net->tensors.elements;
    BL_OP(net->dev, grad_norm, step, (const bl_param *)grads, all);
    adamw(net, blocks, 0, plain, BL_ADAMW_PLAIN, step);
    adamw(net, blocks, plain, tables, BL_ADAMW_TABLE, step);
    if (tables < all)
        adamw(net, blocks, tables, all, BL_ADAMW_DECAY, step);
    bl_net_ternarise(net);
}

const bl_param *bl_net_head(const bl_net *net)
{
    return net->config.tie_word_embeddings ? net->w.embed : net->w.head;
}

bl_ttt_shape bl_net_ttt_shape(const bl_net *net, size_t B, size_t T)
{
    return (bl_ttt_shape){.B = B,
                          .T = T,
                          .H = net->m.H,
                          .F = net->m.F,
                          .C = net->m.C,
                          .rope_theta = (float)net->config.rope_theta};
}

bl_limits bl_net_limits(const bl_net *net, size_t B, size_t T)
{
    const bl_dims *m = &net->m;
    return (bl_limits){.B = B,
                       .T = T,
                       .D = m->D,
                       .H = m->H,
                       .F = m->F,
                       .I = m->I,
                       .V = m->V,
                       .C = m->C,
                       .K = m->K,
                       .M = m->M};
}

bl_ttt_params bl_net_ttt_params(const bl_layer_params *w)
{
    return (bl_ttt_params){.W0 = w->W0,
                           .b0 = w->b0,
                           .W2 = w->W2,
                           .b2 = w->b2,
                           .gamma = w->gamma,
                           .beta = w->beta,
                           .delta = w->delta,
                           .half_life = w->half_life};
}

float bl_net_lr_scale(const bl_net *net)
{
    return (float)net->config.ttt_base_lr / (float)net->m.F;
}
