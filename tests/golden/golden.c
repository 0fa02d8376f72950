/* Fixtures on a device, and the table of errors. */
#include "golden.h"
#include "core/alloc.h"

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

void bl_golden_open(bl_golden *g, bl_dev *d, const char *file)
{
    char path[512];
    bl_error err;
    bl_limits most = {.B = 4, .T = 64, .D = 64, .H = 4, .F = 32, .I = 64, .V = 64, .C = 32, .K = 8};
    *g = (bl_golden){.d = d, .file = file};
    snprintf(path, sizeof path, "%s/data/%s.safetensors", BL_TEST_DATA, file);
    stop_unless(bl_st_open(&g->st, path, &err) == BL_OK, file, err.message);
    stop_unless(BL_OP(d, reserve, &most, &err) == BL_OK, file, err.message);
}

void bl_golden_close(bl_golden *g)
{
    while (g->block_count)
        bl_free(g->blocks[--g->block_count]);
    bl_st_close(g->st);
}

void *bl_golden_bytes(bl_golden *g, size_t bytes)
{
    void *p = bl_alloc_aligned(bytes, 1);
    stop_unless(p && g->block_count < sizeof g->blocks / sizeof *g->blocks, g->file, "memory");
    memset(p, 0, bytes);
    return g->blocks[g->block_count++] = p;
}

void *bl_golden_room(bl_golden *g, size_t n)
{
    return bl_golden_bytes(g, n * g->d->act_bytes);
}

static double element(const void *data, int wide, size_t i)
{
    double x;
    float y;
    if (wide) {
        memcpy(&x, (const double *)data + i, sizeof x);
        return x;
    }
    memcpy(&y, (const float *)data + i, sizeof y);
    return (double)y;
}

static const bl_st_tensor *find(bl_golden *g, const char *prefix, const char *name)
{
    char full[192];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    const bl_st_tensor *t = bl_st_find(g->st, full);
    stop_unless(t && (t->dtype == BL_F32 || t->dtype == BL_F64), g->file, full);
    return t;
}

static const void *data_of(bl_golden *g, const bl_st_tensor *t)
{
    size_t bytes = t->count * bl_dtype_bytes(t->dtype);
    void *data = bl_golden_bytes(g, bytes);
    stop_unless(bl_st_read(g->st, t, 0, bytes, data, NULL) == BL_OK, g->file, t->name);
    return data;
}

size_t bl_golden_count(bl_golden *g, const char *prefix, const char *name)
{
    return find(g, prefix, name)->count;
}

void *bl_golden_in(bl_golden *g, const char *prefix, const char *name)
{
    const bl_st_tensor *t = find(g, prefix, name);
    void *p = bl_golden_room(g, t->count);
    const void *data = data_of(g, t);
    for (size_t i = 0; i < t->count; i++) {
        double x = element(data, t->dtype == BL_F64, i);
        if (g->d->act_bytes == sizeof(double))
            ((double *)p)[i] = x;
        else
            ((float *)p)[i] = (float)x;
    }
    return p;
}

static void note(bl_golden *g, double error, const char *prefix, const char *name)
{
    g->compared++;
    if (error > g->worst || isnan(error)) {
        g->worst = error;
        snprintf(g->where, sizeof g->where, "%s%s", prefix, name);
    }
}

void bl_golden_expect(bl_golden *g, const char *prefix, const char *name, const void *found)
{
    const bl_st_tensor *t = find(g, prefix, name);
    int wide = t->dtype == BL_F64;
    const void *data = data_of(g, t);
    double largest = 0;
    for (size_t i = 0; i < t->count; i++)
        largest = fmax(largest, fabs(element(data, wide, i)));
    for (size_t i = 0; i < t->count; i++) {
        double a = element(data, wide, i);
        double b = element(found, g->d->act_bytes == sizeof(double), i);
        note(g, a == b ? 0 : fabs(a - b) / (largest > 0 ? largest : 1), prefix, name);
    }
}

void bl_golden_same(bl_golden *g, const char *what, const void *a, const void *b, size_t n)
{
    note(g, memcmp(a, b, n * g->d->act_bytes) == 0 ? 0 : INFINITY, what, "");
}

int bl_golden_report(bl_golden *g, const char *what, double in_double, double in_single)
{
    double bound = g->d->act_bytes == sizeof(double) ? in_double : in_single;
    int bad = !(g->worst <= bound) || g->compared == 0;
    printf("%-6s %-44s %8zu %10.2e %8.0e  %s%s\n", g->d->name, what, g->compared, g->worst, bound,
           g->where, bad ? "  FAIL" : "");
    g->compared = 0;
    g->worst = 0;
    g->where[0] = 0;
    return bad;
}
