/* Fixtures on a device, and the table of errors. */
#include "golden.h"
#include "../unit/numbers.h"
#include "core/alloc.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void stop_unless(int ok, const char *file, const char *words)
{
    if (ok)
        return;
    fprintf(stderr, "golden: %s: %s\n", file, words);
    exit(1);
}

void bl_golden_must(const bl_golden *g, bl_status status, const bl_error *err)
{
    stop_unless(status == BL_OK, g->file, status == BL_OK ? "" : err->message);
}

void bl_golden_open(bl_golden *g, bl_dev *d, const char *file)
{
    char path[512];
    bl_error err;
    bl_limits most = {.B = 4, .T = 64, .D = 64, .H = 4, .F = 32, .I = 64, .V = 64, .C = 32, .K = 8};
    *g = (bl_golden){.d = d, .file = file};
    snprintf(path, sizeof path, "%s/data/%s.safetensors", BL_TEST_DATA, file);
    bl_golden_must(g, bl_st_open(&g->st, path, &err), &err);
    bl_golden_must(g, BL_OP(d, reserve, &most, &err), &err);
}

void bl_golden_close(bl_golden *g)
{
    while (g->block_count)
        BL_OP(g->d, free, g->blocks[--g->block_count]);
    bl_st_close(g->st);
}

void *bl_golden_bytes(bl_golden *g, size_t bytes)
{
    bl_error err;
    stop_unless(g->block_count < sizeof g->blocks / sizeof *g->blocks, g->file, "too many arrays");
    void **p = &g->blocks[g->block_count++];
    bl_golden_must(g, BL_OP(g->d, alloc, p, bytes, &err), &err);
    BL_OP(g->d, zero, *p, bytes);
    return *p;
}

void *bl_golden_room(bl_golden *g, bl_kind kind, size_t n)
{
    return bl_golden_bytes(g, n * bl_kind_bytes(g->d, kind));
}

static void *host_room(const bl_golden *g, size_t n, size_t size)
{
    void *p = bl_alloc_aligned(n, size);
    stop_unless(p != NULL, g->file, "out of memory");
    return p;
}

static const bl_st_tensor *find(bl_golden *g, const char *prefix, const char *name)
{
    char full[192];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    const bl_st_tensor *t = bl_st_find(g->st, full);
    stop_unless(t && (t->dtype == BL_F32 || t->dtype == BL_F64), g->file, full);
    return t;
}

/* A tensor of the file, to bl_free(). */
static double *numbers_of(bl_golden *g, const bl_st_tensor *t)
{
    bl_error err;
    double *x = host_room(g, t->count, sizeof *x);
    if (t->dtype == BL_F64) {
        bl_golden_must(g, bl_st_read(t, 0, t->count * sizeof *x, x, &err), &err);
        return x;
    }
    float *narrow = host_room(g, t->count, sizeof *narrow);
    bl_golden_must(g, bl_st_read(t, 0, t->count * sizeof *narrow, narrow, &err), &err);
    for (size_t i = 0; i < t->count; i++)
        x[i] = (double)narrow[i];
    bl_free(narrow);
    return x;
}

size_t bl_golden_count(bl_golden *g, const char *prefix, const char *name)
{
    return find(g, prefix, name)->count;
}

void *bl_golden_in(bl_golden *g, bl_kind kind, const char *prefix, const char *name)
{
    const bl_st_tensor *t = find(g, prefix, name);
    void *p = bl_golden_room(g, kind, t->count);
    double *x = numbers_of(g, t);
    bl_error err;
    bl_golden_must(g, numbers_put(g->d, kind, p, x, t->count, &err), &err);
    bl_free(x);
    return p;
}

int32_t *bl_golden_ids(bl_golden *g, const char *name, size_t n)
{
    const bl_st_tensor *t = bl_st_find(g->st, name);
    bl_error err;
    int32_t *ids = host_room(g, n, sizeof *ids);
    stop_unless(t && t->dtype == BL_I32 && t->count == n, g->file, name);
    bl_golden_must(g, bl_st_read(t, 0, n * sizeof *ids, ids, &err), &err);
    return ids;
}

static void note(bl_golden *g, double error, const char *prefix, const char *name)
{
    g->compared++;
    if (error > g->worst || isnan(error)) {
        g->worst = error;
        snprintf(g->where, sizeof g->where, "%s%s", prefix, name);
    }
}

/* What a device can hold of x at best: the nearest bfloat16 where a kind has 2 bytes. */
static double nearest(const bl_dev *d, bl_kind kind, double x)
{
    float y = (float)x;
    uint32_t bits;
    if (bl_kind_bytes(d, kind) > 2)
        return x;
    memcpy(&bits, &y, sizeof bits);
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000;
    memcpy(&y, &bits, sizeof y);
    return (double)y;
}

void bl_golden_expect(bl_golden *g, bl_kind kind, const char *prefix, const char *name,
                      const void *found)
{
    const bl_st_tensor *t = find(g, prefix, name);
    double *want = numbers_of(g, t), *have = host_room(g, t->count, sizeof *have), largest = 0;
    bl_error err;
    bl_golden_must(g, numbers_get(g->d, kind, have, found, t->count, &err), &err);
    for (size_t i = 0; i < t->count; i++)
        largest = fmax(largest, fabs(want[i]));
    for (size_t i = 0; i < t->count; i++) {
        double a = nearest(g->d, kind, want[i]), b = have[i];
        note(g, a == b ? 0 : fabs(a - b) / (largest > 0 ? largest : 1), prefix, name);
    }
    bl_free(want);
    bl_free(have);
}

void bl_golden_same(bl_golden *g, bl_kind kind, const char *what, const void *a, const void *b,
                    size_t n)
{
    double *x = host_room(g, n, sizeof *x), *y = host_room(g, n, sizeof *y);
    double apart = 0, largest = DBL_MIN;
    bl_error err;
    bl_golden_must(g, numbers_get(g->d, kind, x, a, n, &err), &err);
    bl_golden_must(g, numbers_get(g->d, kind, y, b, n, &err), &err);
    for (size_t i = 0; i < n; i++) {
        apart = numbers_worst(apart, fabs(x[i] - y[i]));
        largest = fmax(largest, fabs(x[i]));
    }
    apart /= largest;
    if (memcmp(x, y, n * sizeof *x) != 0 && apart < DBL_MIN)
        apart = DBL_MIN; /* zeros of two signs */
    note(g, apart, what, "");
    bl_free(x);
    bl_free(y);
}

bl_golden_bound bl_golden_split(const bl_dev *d, bl_golden_bound otherwise)
{
    return strstr(d->name, "cuda") ? otherwise : BL_GOLDEN_BITS;
}

int bl_golden_report(bl_golden *g, const char *what, bl_golden_bound which)
{
    static const double bounds[][3] = {
#define X(name, in_double, in_float, in_bf16) {in_bf16, in_float, in_double},
        BL_GOLDEN_BOUNDS(X)
#undef X
    };
    double bound = bounds[which][g->d->act_bytes / 4]; /* 2, 4 or 8 bytes */
    int bad = !(g->worst <= bound) || g->compared == 0;
    printf("%-6s %-44s %8zu %10.2e %8.0e  %s%s\n", g->d->name, what, g->compared, g->worst, bound,
           g->where, bad ? "  FAIL" : "");
    g->compared = 0;
    g->worst = 0;
    g->where[0] = 0;
    return bad;
}
