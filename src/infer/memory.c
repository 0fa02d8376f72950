/* Memory files: a sequence in a safetensors file (docs/FORMATS.md). */
#include "core/alloc.h"
#include "core/log.h"
#include "format/number.h"
#include "infer/feed.h"
#include "infer/heads.h"
#include "infer/sequence.h"
#include "model/base.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_name[] = "bitllama-memory";
static const char *const versions[] = {"1", "2"}; /* without and with a base of its own */
static const char learned_name[] = "learned";     /* tokens that lessons gave */
static const char share_name[] = "consolidate";   /* of a consolidation that waits */
static const uint64_t window_most = 1 << 20;      /* of the option repeat_last */
static const char recent_name[] = "recent";       /* ids in the penalty window, the oldest first */

/* One tensor of the state: where it is, and its name in a file. */
typedef struct state_place {
    void *at;              /* device */
    const bl_param *start; /* of a base: what the model says; else NULL */
    bl_kind kind;
    size_t rank, shape[4], count, layer;
    const char *letters;
    char name[64];
} state_place;

typedef bl_status visit_fn(const state_place *p, void *user, bl_error *err);

/* Calls `visit` for every tensor of the state, in file order; `based`: those of its base too. */
static bl_status visit_state(const bl_sequence *s, const bl_net *net, int based, visit_fn *visit,
                             void *user, bl_error *err)
{
    const bl_config *c = &net->config;
    const bl_ttt_params none = {0}; /* places of a base that is not there yet */
    for (size_t l = 0; l < net->m.L; l++) {
        const bl_layer_state *a = &s->state.layer[l];
        const bl_ttt_params *b = s->state.base ? &s->state.base[l] : &none;
        const bl_ttt_params *r = s->state.rest ? &s->state.rest[l] : &none;
        const bl_layer_params *w = &net->w.layer[l];
#define PLACE(at, start, type, key, shape_, present)                                               \
    {at, start, BL_KIND_##type, strlen(shape_), {0}, (present) ? 1u : 0u, l, shape_, key},
#define X(type, member, key, shape_, present) PLACE(a->member, NULL, type, key, shape_, present)
#define B(type, member, key, shape_, present)                                                      \
    PLACE(b->member, w->member, type, "base." key, shape_, based && (present))
#define R(type, member, key, shape_, present)                                                      \
    PLACE(r->member, NULL, type, "rest." key, shape_, based && (present))
        state_place places[] = {BL_LAYER_STATE(X) BL_LAYER_BASE(B) BL_LAYER_BASE(R)};
#undef PLACE
#undef X
#undef B
#undef R
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            state_place *p = &places[i];
            char key[sizeof p->name];
            if (!p->count) /* the variant does not have it */
                continue;
            (void)snprintf(key, sizeof key, "%s", p->name);
            (void)snprintf(p->name, sizeof p->name, "layers.%zu.%.32s", l, key);
            p->count = bl_shape_elements(&net->m, p->letters);
            for (size_t d = 0; d < p->rank; d++)
                p->shape[d] = bl_dims_letter(&net->m, p->letters[d]);
            BL_TRY(visit(p, user, err));
        }
    }
    return BL_OK;
}

/* What could not be loaded again is not saved either. */
static bl_status check_finite(const state_place *p, const float *x, const char *path, bl_error *err)
{
    for (size_t i = 0; i < p->count; i++)
        if (!isfinite(x[i]))
            return bl_fail(err, BL_EFORMAT, "%s: tensor %s: element %zu is not finite", path,
                           p->name, i);
    return BL_OK;
}

/* ---- saving ---- */

typedef struct saver {
    const bl_net *net;
    bl_st_writer *w;
    float *host;
    size_t most; /* floats of the largest tensor */
} saver;

static bl_status declare(const state_place *p, void *user, bl_error *err)
{
    saver *v = user;
    v->most = p->count > v->most ? p->count : v->most;
    return bl_st_writer_declare(v->w, p->name, BL_F32, p->rank, p->shape, err);
}

static bl_status write(const state_place *p, void *user, bl_error *err)
{
    saver *v = user;
    BL_TRY(bl_dev_get(v->net->dev, p->kind, v->host, p->at, p->count, err));
    BL_TRY(check_finite(p, v->host, "nothing saved", err));
    return bl_st_writer_data(v->w, v->host, p->count * sizeof *v->host, err);
}

static bl_status write_number(bl_st_writer *w, const char *key, uint64_t value, bl_error *err)
{
    char text[BL_NUMBER_MAX];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    return bl_st_writer_metadata(w, key, text, err);
}

static bl_status write_metadata(const bl_sequence *s, const bl_memory_owner *owner, bl_st_writer *w,
                                bl_error *err)
{
    char waiting[2 * sizeof s->decoder.pending + 1] = "";
    for (size_t i = 0; i < s->decoder.waiting; i++)
        (void)snprintf(waiting + 2 * i, 3, "%02x", s->decoder.pending[i]);
    BL_TRY(bl_st_writer_metadata(w, "format", format_name, err));
    BL_TRY(bl_st_writer_metadata(w, "version", versions[s->state.base != NULL], err));
    BL_TRY(bl_st_writer_metadata(w, "fingerprint", owner->fingerprint, err));
    BL_TRY(write_number(w, "position", s->state.position, err));
    if (s->pending != BL_NO_TOKEN)
        BL_TRY(write_number(w, "pending", (uint64_t)s->pending, err));
    if (s->learned)
        BL_TRY(write_number(w, learned_name, s->learned, err));
    if (*waiting)
        BL_TRY(bl_st_writer_metadata(w, "waiting", waiting, err));
    if (!s->decoder.started)
        BL_TRY(write_number(w, "started", 0, err));
    if (s->sampler.recent_size)
        BL_TRY(write_number(w, "window", s->sampler.recent_size, err));
    if (s->state.share > 0) {
        char share[BL_NUMBER_MAX];
        bl_number_write_real((double)s->state.share, share);
        BL_TRY(bl_st_writer_metadata(w, share_name, share, err));
    }
    if (!s->sampler.seeded)
        return BL_OK;
    BL_TRY(write_number(w, "seed", s->sampler.seed, err));
    return write_number(w, "draws", s->sampler.draws, err);
}

static bl_status write_recent(const bl_sampling *s, bl_st_writer *w, bl_error *err)
{
    for (size_t i = 0; i < s->recent_count; i++) {
        uint32_t id = (uint32_t)bl_sampling_recent(s, i);
        unsigned char bytes[4] = {(unsigned char)id, (unsigned char)(id >> 8),
                                  (unsigned char)(id >> 16), (unsigned char)(id >> 24)};
        BL_TRY(bl_st_writer_data(w, bytes, sizeof bytes, err));
    }
    return BL_OK;
}

static bl_status write_file(const bl_sequence *s, const bl_memory_owner *owner, saver *v,
                            bl_error *err)
{
    size_t recent[] = {s->sampler.recent_count};
    BL_TRY(write_metadata(s, owner, v->w, err));
    int based = s->state.base != NULL;
    BL_TRY(visit_state(s, v->net, based, declare, v, err));
    if (*recent)
        BL_TRY(bl_st_writer_declare(v->w, recent_name, BL_I32, 1, recent, err));
    v->host = bl_calloc(v->most, sizeof *v->host);
    if (!v->host)
        return bl_fail(err, BL_ENOMEM, "out of memory for the largest tensor of the state");
    BL_TRY(visit_state(s, v->net, based, write, v, err));
    return write_recent(&s->sampler, v->w, err);
}

static bl_status save(const bl_sequence *s, const bl_memory_owner *owner, saver *v, bl_error *err)
{
    bl_status status = write_file(s, owner, v, err);
    bl_free(v->host);
    if (status == BL_OK)
        return bl_st_writer_commit(v->w, err);
    bl_st_writer_abandon(v->w);
    return status;
}

bl_status bl_memory_save(const bl_sequence *s, const bl_net *net, const bl_memory_owner *owner,
                         const char *path, bl_error *err)
{
    saver v = {.net = net};
    BL_TRY(bl_st_writer_open(&v.w, path, err));
    return save(s, owner, &v, err);
}

bl_status bl_memory_give(const bl_sequence *s, const bl_net *net, const bl_memory_owner *owner,
                         void *buffer, size_t cap, size_t *bytes, bl_error *err)
{
    saver v = {.net = net};
    BL_TRY(bl_st_writer_open_buffer(&v.w, buffer, cap, bytes, err));
    return save(s, owner, &v, err);
}

/* ---- loading ---- */

/* What a file says beside the state's tensors. */
typedef struct memory {
    const char *path;
    bl_st *st;
    const bl_net *net;
    float *host;
    size_t most;
    bl_head_sums base; /* of version 2 */
    uint64_t position, learned, seed, draws;
    int seeded, based; /* based: version 2 */
    float share;       /* of a consolidation that waits, or 0 */
    int32_t pending;
    bl_decoder decoder;
    bl_sampling recent; /* its window alone is used */
} memory;

/* A whole number from the metadata; when absent, *value stays and *given is 0. */
static bl_status read_number(const memory *m, const char *key, uint64_t most, uint64_t *value,
                             int *given, bl_error *err)
{
    const char *text = bl_st_metadata(m->st, key);
    *given = text != NULL;
    if (text && (!bl_number_read_u64(text, value) || *value > most))
        return bl_fail(err, BL_EFORMAT, "%s: %s \"%.40s\" is no whole number up to %" PRIu64,
                       m->path, key, text, most);
    return BL_OK;
}

bl_status bl_memory_known(const bl_st *st, const char *path, int *based, bl_error *err)
{
    const char *kind = bl_st_metadata(st, "format"), *v = bl_st_metadata(st, "version");
    if (!kind || strcmp(kind, format_name) != 0)
        return bl_fail(err, BL_EFORMAT, "%s: not a memory file", path);
    *based = v && strcmp(v, versions[1]) == 0;
    if (!v || (!*based && strcmp(v, versions[0]) != 0))
        return bl_fail(err, BL_EUNSUPPORTED,
                       "%s: version %.20s of memory files, this program "
                       "knows versions %s and %s",
                       path, v ? v : "(none)", versions[0], versions[1]);
    if (!bl_st_metadata(st, "fingerprint"))
        return bl_fail(err, BL_EFORMAT, "%s: no fingerprint of a model", path);
    return BL_OK;
}

bl_status bl_memory_position(const bl_st *st, const char *path, uint64_t *position, bl_error *err)
{
    const memory m = {.st = (bl_st *)(uintptr_t)st, .path = path};
    int given;
    BL_TRY(read_number(&m, "position", UINT64_MAX / 2, position, &given, err));
    return given ? BL_OK : bl_fail(err, BL_EFORMAT, "%s: no position", path);
}

static bl_status check_owner(memory *m, const bl_memory_owner *owner, bl_error *err)
{
    BL_TRY(bl_memory_known(m->st, m->path, &m->based, err));
    const char *theirs = bl_st_metadata(m->st, "fingerprint");
    if (strcmp(theirs, owner->fingerprint) == 0)
        return BL_OK;
    if (owner->parent && strcmp(theirs, owner->parent) == 0) {
        bl_log(BL_LOG_WARNING,
               "%s is a memory of the model that this one was exported from with loss: what "
               "follows may differ a little",
               m->path);
        return BL_OK;
    }
    return bl_fail(err, BL_EINVAL,
                   "%s is a memory of another model: fingerprint %.40s, this model "
                   "has %s",
                   m->path, theirs, owner->fingerprint);
}

/* A consolidation waits only where a chunk is partly read. */
static bl_status read_share(memory *m, bl_error *err)
{
    const char *text = bl_st_metadata(m->st, share_name);
    double share = 0;
    if (!text)
        return BL_OK;
    if (!m->based || m->position % m->net->m.C == 0 || !bl_number_read_real(text, &share) ||
        !((float)share > 0 && share <= 1))
        return bl_fail(err, BL_EFORMAT,
                       "%s: %s \"%.40s\" is no share above 0 up to 1 of a version 2 inside a chunk",
                       m->path, share_name, text);
    m->share = (float)share;
    return BL_OK;
}

static bl_status read_waiting(memory *m, bl_error *err)
{
    int given;
    uint64_t started = 1;
    BL_TRY(read_number(m, "started", 1, &started, &given, err));
    const char *text = bl_st_metadata(m->st, "waiting");
    size_t n = text ? strlen(text) : 0;
    m->decoder = (bl_decoder){.started = (int)started, .waiting = n / 2};
    if (n % 2 || n / 2 >= sizeof m->decoder.pending ||
        strspn(text ? text : "", "0123456789abcdef") != n)
        return bl_fail(err, BL_EFORMAT, "%s: waiting \"%.40s\" is not up to 3 bytes in hexadecimal",
                       m->path, text);
    for (size_t i = 0; i < n / 2; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], 0};
        m->decoder.pending[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    return BL_OK;
}

static bl_status read_recent(memory *m, bl_error *err)
{
    int given;
    uint64_t size = 0;
    BL_TRY(read_number(m, "window", window_most, &size, &given, err));
    const bl_st_tensor *t = bl_st_find(m->st, recent_name);
    if (t && (t->dtype != BL_I32 || t->rank != 1 || t->count == 0 || t->count > size))
        return bl_fail(err, BL_EFORMAT,
                       "%s: tensor %s is not I32 of one dimension, 1 to %" PRIu64 " (window)",
                       m->path, recent_name, size);
    if (!size)
        return BL_OK;
    m->recent.recent = bl_calloc((size_t)size, sizeof *m->recent.recent);
    if (!m->recent.recent)
        return bl_fail(err, BL_ENOMEM, "out of memory for a window of %" PRIu64 " tokens", size);
    m->recent.recent_size = (size_t)size;
    if (!t)
        return BL_OK;
    for (size_t i = 0; i < t->count; i++) {
        unsigned char bytes[4];
        BL_TRY(bl_st_read(t, 4 * i, sizeof bytes, bytes, err));
        m->recent.recent[i] = (int32_t)(bytes[0] | (uint32_t)bytes[1] << 8 |
                                        (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24);
    }
    m->recent.recent_count = t->count;
    m->recent.recent_next = t->count % (size_t)size;
    bl_status status = bl_infer_check_ids(m->net, m->recent.recent, t->count, err);
    if (status != BL_OK)
        return bl_fail(err, status, "%s: tensor %s holds an id past the vocabulary", m->path,
                       recent_name);
    return BL_OK;
}

/* Checks the shape, that values are finite, and that rows of the partial chunk past the position
 * are zero. */
static bl_status check(const state_place *p, void *user, bl_error *err)
{
    memory *m = user;
    if (p->count > m->most) {
        float *host = bl_realloc(m->host, p->count, sizeof *host);
        if (!host)
            return bl_fail(err, BL_ENOMEM, "out of memory for the largest tensor of the state");
        m->host = host;
        m->most = p->count;
    }
    BL_TRY(bl_st_get_f32(m->st, p->name, p->rank, p->shape, m->host, err));
    BL_TRY(check_finite(p, m->host, m->path, err));
    if (p->start)
        BL_TRY(bl_head_sums_add(&m->base, p->layer, m->host, p->start, p->letters, err));
    if (p->letters[1] != 'C')
        return BL_OK;
    size_t C = p->shape[1], width = p->shape[2], filled = (size_t)(m->position % C);
    for (size_t i = 0; i < p->count; i++)
        if (i / width % C >= filled && (m->host[i] < 0 || m->host[i] > 0))
            return bl_fail(err, BL_EFORMAT,
                           "%s: tensor %s holds more rows than position %" PRIu64 " has in its "
                           "chunk",
                           m->path, p->name, m->position);
    return BL_OK;
}

/* A base stands within its bound of where the model begins, except for how far rounding moves the
 * latter when a model is exported with loss. */
static bl_status check_bound(const memory *m, bl_error *err)
{
    const double most = (double)BL_BASE_MOST * 1.05;
    size_t H = m->net->m.H;
    for (size_t i = 0; i < m->net->m.L * H; i++)
        if (!(sqrt(m->base.moved[i]) <= most * sqrt(m->base.squares[i])))
            return bl_fail(err, BL_EFORMAT,
                           "%s: layers.%zu.base: head %zu is %.3g of the model's own matrices away "
                           "from them, and a base at most %g",
                           m->path, i / H, i % H, bl_head_sums_distance(&m->base, i),
                           (double)BL_BASE_MOST);
    return BL_OK;
}

static bl_status check_state(memory *m, const bl_sequence *s, bl_error *err)
{
    if (m->based)
        BL_TRY(bl_head_sums_open(&m->base, m->net, err));
    BL_TRY(visit_state(s, m->net, m->based, check, m, err));
    return m->based ? check_bound(m, err) : BL_OK;
}

static bl_status put(const state_place *p, void *user, bl_error *err)
{
    memory *m = user;
    BL_TRY(bl_st_get_f32(m->st, p->name, p->rank, p->shape, m->host, err));
    return bl_dev_put(m->net->dev, p->kind, p->at, m->host, p->count, err);
}

static bl_status read_file(memory *m, const bl_sequence *s, const bl_memory_owner *owner,
                           bl_error *err)
{
    int given;
    uint64_t pending = 0;
    BL_TRY(check_owner(m, owner, err));
    if (m->based && !m->net->config.ttt_forget)
        return bl_fail(err, BL_EFORMAT,
                       "%s: holds a base, which a model that never forgets does not have", m->path);
    BL_TRY(bl_memory_position(m->st, m->path, &m->position, err));
    BL_TRY(read_number(m, "pending", m->net->m.V - 1, &pending, &given, err));
    m->pending = given ? (int32_t)pending : BL_NO_TOKEN;
    BL_TRY(read_number(m, learned_name, m->position + (uint64_t)given, &m->learned, &given, err));
    BL_TRY(read_number(m, "seed", UINT64_MAX, &m->seed, &m->seeded, err));
    BL_TRY(read_number(m, "draws", UINT64_MAX, &m->draws, &given, err));
    BL_TRY(read_share(m, err));
    BL_TRY(read_waiting(m, err));
    BL_TRY(read_recent(m, err));
    return check_state(m, s, err);
}

static bl_status apply(memory *m, bl_sequence *s, bl_error *err)
{
    bl_sampling from = s->sampler;
    from.recent = m->recent.recent;
    from.recent_size = m->recent.recent_size;
    from.recent_count = m->recent.recent_count;
    from.recent_next = m->recent.recent_next;
    from.seeded = m->seeded;
    from.seed = m->seed;
    from.draws = m->draws;
    int had_base = s->state.base != NULL;
    if (m->based)
        BL_TRY(bl_base_open(&s->state, m->net, err));
    bl_status status = bl_sampling_copy(&s->sampler, &from, err);
    if (status == BL_OK ? !m->based : !had_base)
        bl_base_drop(&s->state, m->net);
    BL_TRY(status);
    BL_TRY(visit_state(s, m->net, m->based, put, m, err));
    s->state.share = m->share;
    s->state.position = m->position;
    s->state.has_last = 0; /* the file does not hold it */
    s->pending = m->pending;
    s->learned = m->learned;
    s->decoder = m->decoder;
    bl_stops_begin(&s->stops);
    return BL_OP(m->net->dev, sync, err);
}

bl_status bl_memory_load(bl_sequence *s, const bl_net *net, const bl_memory_owner *owner,
                         const char *path, bl_error *err)
{
    memory m = {.path = path, .net = net};
    BL_TRY(bl_st_open(&m.st, path, err));
    bl_status status = read_file(&m, s, owner, err);
    if (status == BL_OK)
        status = apply(&m, s, err);
    bl_free(m.host);
    bl_head_sums_release(&m.base);
    bl_free(m.recent.recent);
    bl_st_close(m.st);
    return status;
}
