/* Buffers of one checked op. */
#include "io.h"
#include "core/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void must(bl_status status, const bl_error *err)
{
    if (status == BL_OK)
        return;
    fprintf(stderr, "checkops: %s\n", err->message);
    exit(1);
}

void io_open(io *b, bl_dev *d)
{
    *b = (io){.d = d};
}

void io_close(io *b)
{
    for (size_t i = 0; i < b->count; i++)
        BL_OP(b->d, free, b->buffer[i].p);
}

void *io_bytes(io *b, size_t bytes)
{
    bl_error err;
    if (b->count == IO_MOST)
        abort();
    void **p = &b->buffer[b->count++].p;
    must(BL_OP(b->d, alloc, p, bytes, &err), &err);
    BL_OP(b->d, zero, *p, bytes);
    return *p;
}

void *io_put(io *b, const void *from, size_t bytes)
{
    bl_error err;
    void *p = io_bytes(b, bytes);
    must(BL_OP(b->d, put, p, from, bytes, &err), &err);
    return p;
}

/* The nearest bfloat16, half to even. */
static float rounded(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000;
    memcpy(&x, &bits, sizeof x);
    return x;
}

void *io_act_room(io *b, size_t n)
{
    return io_bytes(b, n * b->d->act_bytes);
}

void *io_put_act(io *b, const float *from, size_t n)
{
    bl_error err;
    float *host = malloc((n ? n : 1) * sizeof *host);
    for (size_t i = 0; i < n; i++)
        host[i] = b->bf16 ? rounded(from[i]) : from[i];
    void *p = io_bytes(b, n * b->d->act_bytes);
    must(bl_put_act(b->d, p, host, n, &err), &err);
    b->buffer[b->count - 1].act = 1;
    free(host);
    return p;
}

static void *from_host(io *b, float *host, size_t n)
{
    void *p = io_put(b, host, n * sizeof *host);
    free(host);
    return p;
}

static float *draw(io *b, size_t n, float spread)
{
    float *host = malloc((n ? n : 1) * sizeof *host);
    uint64_t stream = b->draws++;
    for (size_t i = 0; i < n; i++)
        host[i] = b->zeros ? 0.0f : spread * (2.0f * bl_rng_uniform(7, stream, i) - 1.0f);
    return host;
}

void *io_in(io *b, size_t n, float spread)
{
    return from_host(b, draw(b, n, spread), n);
}

void *io_act(io *b, size_t n, float spread)
{
    float *host = draw(b, n, spread);
    void *p = io_put_act(b, host, n);
    free(host);
    return p;
}

void *io_act_out(io *b, const char *name, size_t n, float spread)
{
    void *p = io_act(b, n, spread);
    b->buffer[b->count - 1].n = n;
    b->buffer[b->count - 1].name = name;
    return p;
}

void *io_out(io *b, const char *name, size_t n, float spread)
{
    void *p = io_in(b, n, spread);
    b->buffer[b->count - 1].n = n;
    b->buffer[b->count - 1].name = name;
    return p;
}

void *io_fill(io *b, size_t n, float value)
{
    float *host = malloc((n ? n : 1) * sizeof *host);
    for (size_t i = 0; i < n; i++)
        host[i] = value;
    return from_host(b, host, n);
}

bl_dev_id *io_ids(io *b, size_t n, size_t V)
{
    int32_t *host = malloc((n ? n : 1) * sizeof *host);
    uint64_t stream = b->draws++;
    for (size_t i = 0; i < n; i++)
        host[i] = (int32_t)bl_rng_below(7, stream, i, V);
    void *p = io_put(b, host, n * sizeof *host);
    free(host);
    return p;
}

size_t io_outputs(const io *b)
{
    size_t outputs = 0;
    for (size_t i = 0; i < b->count; i++)
        outputs += b->buffer[i].name != NULL;
    return outputs;
}

const char *io_output(const io *b, size_t i, float **host, size_t *n)
{
    bl_error err;
    size_t at = 0;
    for (;; at++)
        if (b->buffer[at].name && i-- == 0)
            break;
    *n = b->buffer[at].n;
    *host = malloc(*n * sizeof **host);
    bl_kind kind = b->buffer[at].act ? BL_KIND_act : BL_KIND_real;
    must(bl_dev_get(b->d, kind, *host, b->buffer[at].p, *n, &err), &err);
    return b->buffer[at].name;
}
