/* The fingerprint of a model: the bytes that are hashed (docs/FORMATS.md). */
#include "model/fingerprint.h"
#include "core/alloc.h"
#include "core/watch.h"
#include "format/fields.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

/* Fields of the config that leave the function as it is; a model that does not forget has the
 * fingerprint that it had before there was such a field. */
static int is_beside(const bl_config *c, const char *name)
{
    static const char *const beside[] = {
        "initializer_range", "conv_initializer_range", "bos_token_id",     "eos_token_id",
        "pad_token_id",      "ttt_half_life_min",      "ttt_half_life_max"};
    if (strcmp(name, "ttt_forget") == 0)
        return !c->ttt_forget;
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
        if (strcmp(name, beside[i]) == 0)
            return 1;
    return 0;
}

static void hash_u64(XXH3_state_t *hash, uint64_t x)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(x >> 8 * i);
    (void)XXH3_128bits_update(hash, bytes, sizeof bytes);
}

/* The name with its 0, then the value: a whole number, 0 or 1, the number of a choice, or the bits
 * of a double; each as 8 bytes. */
static void hash_config(XXH3_state_t *hash, const bl_config *c)
{
    const bl_field_table *table = bl_fields(BL_OPTIONS_CONFIG);
    for (size_t i = 0; i < table->count; i++) {
        const bl_field *f = &table->fields[i];
        uint64_t value = 0;
        double real;
        if (is_beside(c, f->info.name))
            continue;
        switch (f->kind) {
        case BL_FIELD_size:
            value = bl_field_size(f, c);
            break;
        case BL_FIELD_real:
            real = bl_field_real(f, c);
            memcpy(&value, &real, sizeof value);
            break;
        case BL_FIELD_flag:
        case BL_FIELD_choice:
            value = (uint64_t)bl_field_flag(f, c);
            break;
        case BL_FIELD_text: /* the config has none */
            break;
        }
        (void)XXH3_128bits_update(hash, f->info.name, strlen(f->info.name) + 1);
        hash_u64(hash, value);
    }
}

/* float32, little-endian, whatever this machine is */
static void hash_floats(XXH3_state_t *hash, const float *x, size_t count)
{
    enum { SOME = 256 };
    unsigned char bytes[4 * SOME];
    for (size_t done = 0; done < count; done += SOME) {
        size_t n = count - done < SOME ? count - done : SOME;
        for (size_t i = 0; i < n; i++) {
            uint32_t bits;
            memcpy(&bits, &x[done + i], sizeof bits);
            for (size_t k = 0; k < 4; k++)
                bytes[4 * i + k] = (unsigned char)(bits >> 8 * k);
        }
        (void)XXH3_128bits_update(hash, bytes, 4 * n);
    }
}

/* The name with its 0, rank, shape, and the elements; a ternary matrix: g, then a byte a code. */
static bl_status hash_tensor(XXH3_state_t *hash, const bl_net *net, const bl_tensor *t, float *host,
                             bl_error *err)
{
    (void)XXH3_128bits_update(hash, t->name, strlen(t->name) + 1);
    hash_u64(hash, t->rank);
    for (size_t i = 0; i < t->rank; i++)
        hash_u64(hash, t->shape[i]);
    if (t->role == BL_ROLE_LATENT && net->dev->ternary) {
        int8_t *codes = (int8_t *)(void *)host;
        float g;
        BL_TRY(BL_OP(net->dev, tern_get, codes, &g, bl_net_tern(net, t), t->shape[0], t->shape[1],
                     err));
        hash_floats(hash, &g, 1);
        (void)XXH3_128bits_update(hash, codes, t->count);
        return BL_OK;
    }
    BL_TRY(bl_net_floats_get(net, t, host, err));
    hash_floats(hash, host, t->count);
    return BL_OK;
}

bl_status bl_net_fingerprint(const bl_net *net, char hex[BL_FINGERPRINT], bl_error *err)
{
    float *host;
    BL_TRY(bl_net_host_buffer(&host, net, err));
    XXH3_state_t *hash = XXH3_createState();
    bl_status status = hash ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for a fingerprint");
    if (status == BL_OK) {
        (void)XXH3_128bits_reset(hash);
        hash_config(hash, &net->config);
    }
    for (size_t i = 0; i < net->tensors.count && status == BL_OK; i++) {
        status = hash_tensor(hash, net, &net->tensors.at[i], host, err);
        if (status == BL_OK)
            status = bl_watch_poll(i + 1, net->tensors.count, err);
    }
    if (status == BL_OK) {
        XXH128_canonical_t bytes;
        XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(hash));
        for (size_t i = 0; i < sizeof bytes.digest; i++)
            (void)snprintf(hex + 2 * i, 3, "%02x", bytes.digest[i]);
    }
    (void)XXH3_freeState(hash);
    bl_free(host);
    return status;
}
