/* Guarded buffers, random numbers, comparison and timing of the kernel checks. */
#define _DEFAULT_SOURCE 1
#include "check.h"
#include "core/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { PATTERN = 128 };

const size_t check_lengths[] = {1, 2, 7, 8, 9, 16, 23, 64, 130, 256, 688};

void *check_buffer(check *k, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t whole = (bytes + PATTERN + page - 1) / page * page;
    char *map =
        mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || k->buffers == CHECK_BUFFERS ||
        mprotect(map + whole, page, PROT_NONE) != 0) {
        fprintf(stderr, "check: no memory for a buffer of %zu bytes\n", bytes);
        exit(1);
    }
    memset(map, 0xA5, whole);
    size_t i = k->buffers++;
    k->buffer[i].map = map;
    k->buffer[i].map_bytes = whole + page;
    k->buffer[i].bytes = bytes;
    k->buffer[i].p = map + whole - bytes;
    return k->buffer[i].p;
}

void check_pattern(check *k)
{
    for (size_t i = 0; i < k->buffers; i++)
        for (const char *p = k->buffer[i].p - PATTERN; p < k->buffer[i].p; p++)
            if (*(const unsigned char *)p != 0xA5) {
                printf("FAILED %s: wrote before buffer %zu of %zu bytes\n", k->kernel, i,
                       k->buffer[i].bytes);
                k->failures++;
                break;
            }
}

void check_release(check *k)
{
    check_pattern(k);
    for (size_t i = 0; i < k->buffers; i++)
        munmap(k->buffer[i].map, k->buffer[i].map_bytes);
    k->buffers = 0;
}

uint32_t check_random(check *k)
{
    uint32_t r[4];
    bl_philox(11, 0, k->draws++, r);
    return r[0];
}

float *check_floats(check *k, size_t n, float spread)
{
    float *p = check_buffer(k, n * sizeof *p);
    for (size_t i = 0; i < n; i++)
        p[i] = spread * ((float)(check_random(k) >> 8) * 0x1p-23f - 1.0f);
    return p;
}

void check_twins(check *k, float **a, float **b, size_t n, float spread)
{
    *a = check_floats(k, n, spread);
    *b = check_buffer(k, n * sizeof **b);
    memcpy(*b, *a, n * sizeof **b);
}

int8_t *check_int8(check *k, size_t n)
{
    int8_t *p = check_buffer(k, n);
    for (size_t i = 0; i < n; i++)
        p[i] = (int8_t)((int)(check_random(k) % 255) - 127);
    return p;
}

void check_same(check *k, const char *what, const void *c, const void *x, size_t bytes)
{
    if (memcmp(c, x, bytes) == 0)
        return;
    printf("FAILED %s: %s differs\n", k->kernel, what);
    k->failures++;
}

/* Floats as integers in their order, so that the distance counts the floats between. */
static double ulps(float a, float b)
{
    int32_t i, j;
    memcpy(&i, &a, sizeof i);
    memcpy(&j, &b, sizeof j);
    int64_t x = i < 0 ? (int64_t)INT32_MIN - i : i, y = j < 0 ? (int64_t)INT32_MIN - j : j;
    return fabs((double)(x - y));
}

void check_close(check *k, const char *what, const float *c, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (isnan(c[i]) && isnan(x[i]))
            continue;
        double d = fabs((double)c[i] - (double)x[i]), u = ulps(c[i], x[i]);
        if (u <= k->ulp || d <= k->abs) {
            if (d > k->worst_abs)
                k->worst_abs = d;
            if (d > k->abs && u > k->worst_ulp)
                k->worst_ulp = u;
            continue;
        }
        printf("FAILED %s: %s[%zu] of %zu: %.9g, C %.9g (%.0f ulp)\n", k->kernel, what, i, n,
               (double)x[i], (double)c[i], u);
        k->failures++;
        return;
    }
}

void check_close1(check *k, const char *what, float c, float x)
{
    check_close(k, what, &c, &x, 1);
}

double check_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void check_report(check *k, const char *shape, double ns, double ops)
{
    printf("  %-16s %-7s %-16s %12.1f ns %10.2f GOP/s\n", k->kernel, bl_cpu_level_name(k->x->level),
           shape, ns, ops / ns);
}
