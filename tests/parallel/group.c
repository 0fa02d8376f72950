/* Threads that meet at a barrier, twice a call: when all have brought theirs, and when all have read. */
#define _POSIX_C_SOURCE 200809L
#include "group.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 8, PATIENCE = 60 /* seconds */ };

typedef struct member {
    bl_comm comm;
    group *g;
    const char *call; /* what it has come for, with which bytes */
    const void *brings;
    size_t bytes;
    int failed; /* in a sum, which returns nothing */
} member;

struct group {
    pthread_mutex_t lock;
    pthread_cond_t turn;
    size_t size, waiting;
    unsigned long meetings;
    int left[MOST];
    member member[MOST];
};

static void die(const char *why, const member *m)
{
    (void)fprintf(stderr, "rank %zu, %s of %zu bytes: %s\n", m->comm.rank, m->call, m->bytes, why);
    abort();
}

static int somebody_left(const group *g)
{
    int left = 0;
    for (size_t i = 0; i < g->size; i++)
        left |= g->left[i];
    return left;
}

/* Waits for all; 0 when somebody will not come. */
static int meet(member *m)
{
    group *g = m->g;
    struct timespec end;
    (void)clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE;
    (void)pthread_mutex_lock(&g->lock);
    unsigned long meeting = g->meetings;
    if (!somebody_left(g) && ++g->waiting == g->size) {
        g->waiting = 0;
        g->meetings++;
        (void)pthread_cond_broadcast(&g->turn);
    }
    while (g->meetings == meeting && !somebody_left(g))
        if (pthread_cond_timedwait(&g->turn, &g->lock, &end) != 0)
            die("waited for a minute", m);
    int met = g->meetings != meeting;
    (void)pthread_mutex_unlock(&g->lock);
    return met;
}

/* All have come for the same. */
static int come(member *m, const char *call, const void *brings, size_t bytes)
{
    m->call = call, m->brings = brings, m->bytes = bytes;
    if (!meet(m))
        return 0;
    for (size_t i = 0; i < m->g->size; i++)
        if (strcmp(m->g->member[i].call, call) != 0 || m->g->member[i].bytes != bytes)
            die("another rank has come for another call", m);
    return 1;
}

static bl_status lost(const member *m, bl_error *err)
{
    group *g = m->g;
    size_t who = 0;
    (void)pthread_mutex_lock(&g->lock);
    while (who + 1 < g->size && !g->left[who])
        who++;
    (void)pthread_mutex_unlock(&g->lock);
    return bl_fail(err, BL_ENETWORK, "process %zu of %zu has ended", who, g->size);
}

static int add_floats(member *m, float *sum, const float *mine, size_t n)
{
    if (!come(m, "sum", mine, n * sizeof *mine))
        return 0;
    for (size_t i = 0; i < n; i++) {
        sum[i] = ((const float *)m->g->member[0].brings)[i];
        for (size_t r = 1; r < m->g->size; r++)
            sum[i] += ((const float *)m->g->member[r].brings)[i];
    }
    return meet(m);
}

static void sum(const bl_comm *c, bl_dev *d, bl_param *g, size_t n)
{
    member *m = c->impl;
    float *mine = malloc(2 * n * sizeof *mine);
    if (!mine)
        abort();
    if (m->failed || bl_get_param(d, mine, g, n, NULL) != BL_OK ||
        !add_floats(m, mine + n, mine, n) || bl_put_param(d, g, mine + n, n, NULL) != BL_OK)
        m->failed = 1;
    free(mine);
}

static bl_status total(const bl_comm *c, double *value, size_t n, bl_error *err)
{
    member *m = c->impl;
    double sums[BL_COMM_FLAGS] = {0};
    if (m->failed || !come(m, "total", value, n * sizeof *value))
        return lost(m, err);
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < m->g->size; r++)
            sums[i] += ((const double *)m->g->member[r].brings)[i];
    if (!meet(m))
        return lost(m, err);
    memcpy(value, sums, n * sizeof *sums);
    return BL_OK;
}

static bl_status broadcast(const bl_comm *c, void *bytes, size_t n, size_t root, bl_error *err)
{
    member *m = c->impl;
    if (m->failed || !come(m, "broadcast", bytes, n))
        return lost(m, err);
    if (c->rank != root)
        memcpy(bytes, m->g->member[root].brings, n);
    return meet(m) ? BL_OK : lost(m, err);
}

static void leave(const bl_comm *c)
{
    member *m = c->impl;
    (void)pthread_mutex_lock(&m->g->lock);
    m->g->left[c->rank] = 1;
    (void)pthread_cond_broadcast(&m->g->turn);
    (void)pthread_mutex_unlock(&m->g->lock);
}

group *group_open(size_t size)
{
    static const bl_comm_ops ops = {sum, total, broadcast, leave};
    group *g = size <= MOST ? calloc(1, sizeof *g) : NULL;
    if (!g || pthread_mutex_init(&g->lock, NULL) != 0 || pthread_cond_init(&g->turn, NULL) != 0)
        abort();
    g->size = size;
    for (size_t i = 0; i < size; i++)
        g->member[i] = (member){.comm = {i, size, &ops, &g->member[i]}, .g = g};
    return g;
}

void group_close(group *g)
{
    (void)pthread_cond_destroy(&g->turn);
    (void)pthread_mutex_destroy(&g->lock);
    free(g);
}

const bl_comm *group_comm(group *g, size_t rank)
{
    return &g->member[rank].comm;
}
