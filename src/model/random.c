/* Random weights for measuring: as fast to make as to load, whatever the size. */
#include "core/alloc.h"
#include "core/rng.h"
#include "core/watch.h"
#include "model/net.h"

#include <math.h>

/* Codes of all matrices come from one stretch of random ones, each from another place in it. */
enum { SPARE = 1 << 16, CODES_A_DRAW = 20 /* 3^20 < 2^32 */ };

static void fill_codes(int8_t *codes, size_t n, uint64_t seed)
{
    uint32_t draw[4];
    for (size_t i = 0; i < n;) {
        bl_philox(seed, BL_RNG_INIT, i, draw);
        for (size_t k = 0; k < 4; k++)
            for (int c = 0; c < CODES_A_DRAW && i < n; c++, draw[k] /= 3)
                codes[i++] = (int8_t)((int)(draw[k] % 3) - 1);
    }
}

/* As large as initial values are, which are normal: a normal number takes ten times as long. */
static void fill_table(float *x, size_t n, double deviation, uint64_t seed, uint64_t stream)
{
    const float scale = (float)(deviation * sqrt(12) / 4294967296.0);
    uint32_t draw[4];
    for (size_t i = 0; i < n; i++) {
        if (i % 4 == 0)
            bl_philox(seed, BL_RNG_INIT + stream, i, draw);
        x[i] = ((float)draw[i % 4] - 2147483648.0f) * scale;
    }
}

static bl_status put_codes(const bl_net *net, const bl_tensor *t, const int8_t *codes,
                           bl_error *err)
{
    size_t out = t->shape[0], in = t->shape[1];
    float g = (float)sqrt(1.5 / (double)in); /* rows of length 1 stay so */
    return BL_OP(net->dev, tern_put, bl_net_tern(net, t), codes, g, out, in, err);
}

static bl_status put_floats(const bl_net *net, const bl_tensor *t, uint64_t seed, uint64_t number,
                            float *host, bl_error *err)
{
    if (t->role == BL_ROLE_TABLE)
        fill_table(host, t->count, net->config.initializer_range, seed, number);
    else
        bl_net_fill_initial(net, t, seed, number, host);
    return bl_dev_put(net->dev, BL_KIND_param, bl_net_place(net, net->block, t), host, t->count,
                      err);
}

bl_status bl_net_randomise(bl_net *net, uint64_t seed, bl_error *err)
{
    float *host;
    BL_TRY(bl_net_host_buffer(&host, net, err));
    size_t most = 0;
    for (size_t i = 0; i < net->tensors.count; i++)
        if (net->tensors.at[i].role == BL_ROLE_LATENT && net->tensors.at[i].count > most)
            most = net->tensors.at[i].count;
    int8_t *codes = bl_calloc(most + SPARE, 1);
    bl_status status = codes ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for a matrix");
    if (status == BL_OK)
        fill_codes(codes, most + SPARE, seed);
    for (size_t i = 0; i < net->tensors.count && status == BL_OK; i++) {
        const bl_tensor *t = &net->tensors.at[i];
        status = t->role == BL_ROLE_LATENT ? put_codes(net, t, codes + i * 7919 % SPARE, err)
                                           : put_floats(net, t, seed, i, host, err);
        if (status == BL_OK)
            status = bl_watch_poll(i + 1, net->tensors.count, err);
    }
    bl_free(codes);
    bl_free(host);
    return status == BL_OK ? BL_OP(net->dev, sync, err) : status;
}
