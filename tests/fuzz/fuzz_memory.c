/* A memory file from a stranger, for a tiny model with an inner matrix and for one with an inner
 * MLP: what loads is finite, is saved and loaded again to the bit, keeps its base within its bound,
 * and can be continued; what does not load gives a message and leaves the session as it was.  The
 * same bytes in a buffer end alike, and what is saved into one is the file. */
#include "fuzz.h"

#include "api/device.h"
#include "core/file.h"
#include "infer/heads.h"
#include "infer/sequence.h"

#include <math.h>

static const char fingerprint[] = "0123456789abcdef0123456789abcdef";
static const char parent[] = "fedcba9876543210fedcba9876543210";

enum { KINDS = 3, V = 12, STATE_MOST = 1 << 16 };

/* A model, a session that has read something, and the same as it was in the beginning. */
typedef struct subject {
    bl_net net;
    bl_reader reader;
    bl_sequence session, before;
    size_t state_bytes;
} subject;

static subject subjects[KINDS];

static const int32_t ids[] = {3, 1, 4, 1, 5, 9, 2, 6};

static void open_subject(subject *s, int mlp, int forget)
{
    bl_config c;
    bl_dev *dev;
    bl_options_defaults(BL_OPTIONS_CONFIG, &c);
    c.vocab_size = V;
    c.hidden_size = c.intermediate_size = 16;
    c.num_hidden_layers = c.num_attention_heads = 1;
    c.mini_batch_size = c.conv_kernel = 2;
    c.ttt_layer_type = mlp ? BL_TTT_MLP : BL_TTT_LINEAR;
    c.ttt_forget = forget;
    bl_config_half_lives(&c, 8);
    const bl_device_request request = {.name = "cpu", .ternary = 1, .threads = 1};
    FUZZ_CHECK(bl_device_open(&dev, &request, NULL) == BL_OK);
    FUZZ_CHECK(bl_net_open(&s->net, &c, dev, NULL) == BL_OK);
    FUZZ_CHECK(bl_net_init(&s->net, 1, NULL) == BL_OK);
    FUZZ_CHECK(bl_reader_open(&s->reader, &s->net, BL_READER_ROWS, 1, NULL) == BL_OK);
    FUZZ_CHECK(bl_sequence_open(&s->session, &s->net, NULL) == BL_OK);
    FUZZ_CHECK(bl_sequence_open(&s->before, &s->net, NULL) == BL_OK);
    FUZZ_CHECK(bl_sequence_feed(&s->before, &s->reader, ids, 5, NULL, 0, NULL) == BL_OK);
    FUZZ_CHECK(bl_sequence_copy(&s->session, &s->net, &s->before, NULL) == BL_OK);
    s->state_bytes = s->before.state.bytes;
    FUZZ_CHECK(s->state_bytes <= STATE_MOST);
}

static void get_block(const subject *s, const void *block, size_t bytes, void *to)
{
    FUZZ_CHECK(bytes <= STATE_MOST);
    FUZZ_CHECK(BL_OP(s->net.dev, get, to, block, bytes, NULL) == BL_OK);
}

/* Of two sessions: state, base, and what a memory file says beside them. */
static int same(const subject *s, const bl_sequence *a, const bl_sequence *b)
{
    static unsigned char x[STATE_MOST], y[STATE_MOST];
    get_block(s, a->state.block, s->state_bytes, x);
    get_block(s, b->state.block, s->state_bytes, y);
    if (memcmp(x, y, s->state_bytes) != 0 || a->state.position != b->state.position ||
        a->pending != b->pending || !a->state.base != !b->state.base ||
        a->sampler.seeded != b->sampler.seeded ||
        a->sampler.recent_count != b->sampler.recent_count ||
        a->decoder.waiting != b->decoder.waiting || a->decoder.started != b->decoder.started ||
        memcmp(&a->state.share, &b->state.share, sizeof a->state.share) != 0)
        return 0;
    for (size_t i = 0; i < a->sampler.recent_count; i++)
        if (bl_sampling_recent(&a->sampler, i) != bl_sampling_recent(&b->sampler, i))
            return 0;
    if (!a->state.base)
        return 1;
    get_block(s, a->state.base_block, a->state.base_bytes, x);
    get_block(s, b->state.base_block, b->state.base_bytes, y);
    return memcmp(x, y, a->state.base_bytes) == 0;
}

static void check_words(bl_status status, const bl_error *err)
{
    FUZZ_CHECK(err->code == status && *err->message && !strchr(err->message, '\n'));
}

/* What large numbers may end in: words, not what is not a number. */
static void check_end(bl_status status, const bl_error *err)
{
    if (status != BL_OK) {
        FUZZ_CHECK(status == BL_EFORMAT);
        check_words(status, err);
    }
}

static void check_base(const subject *s)
{
    bl_head_info head;
    FUZZ_CHECK(bl_heads_measure(&s->net, &s->session.state, &head, NULL) == BL_OK);
    FUZZ_CHECK(isfinite(head.distance));
    FUZZ_CHECK(head.base <= head.base_most * 1.0501); /* 0 without forgetting */
}

static void read_on(subject *s)
{
    bl_generate_options o;
    bl_sequence *t = &s->session;
    bl_error err = {0};
    bl_options_defaults(BL_OPTIONS_GENERATE, &o);
    FUZZ_CHECK(bl_sampling_configure(&t->sampler, &o, NULL) == BL_OK);
    for (size_t i = 0; i < 3; i++) {
        bl_status status = bl_sequence_feed(t, &s->reader, ids + i, 1, s->reader.host, 0, &err);
        check_end(status, &err);
        int32_t id = bl_sampling_next(&t->sampler, s->reader.host, NULL);
        FUZZ_CHECK(id >= 0 && id < V);
        bl_sampling_accept(&t->sampler, id);
        if (i == 1 && t->state.base) /* else it would write for long to find its rest */
            check_end(bl_sequence_consolidate(t, &s->reader, 0.5f, &err), &err);
    }
    check_end(bl_sequence_feed(t, &s->reader, ids, 8, s->reader.host, 0, &err), &err);
}

/* A buffer receives what the file `saved` has. */
static void check_buffer(subject *s, const bl_memory_owner *owner, const char *saved)
{
    static unsigned char bytes[1 << 18];
    size_t n;
    bl_map map;
    FUZZ_CHECK(bl_map_open(&map, saved, NULL) == BL_OK);
    FUZZ_CHECK(bl_memory_give(&s->session, &s->net, owner, bytes, sizeof bytes, &n, NULL) == BL_OK);
    FUZZ_CHECK(n == map.size && n <= sizeof bytes && memcmp(bytes, map.data, n) == 0);
    bl_map_close(&map);
}

static bl_status try_file(subject *s, const char *path)
{
    const bl_memory_owner owner = {fingerprint, parent};
    const char *saved = fuzz_in_folder("saved.mem");
    bl_sequence *t = &s->session, again;
    bl_error err = {0};
    bl_status status = bl_memory_load(t, &s->net, &owner, path, &err);
    if (status != BL_OK) {
        check_words(status, &err);
        FUZZ_CHECK(same(s, t, &s->before));
        return status;
    }
    check_base(s);
    FUZZ_CHECK(bl_memory_save(t, &s->net, &owner, saved, NULL) == BL_OK);
    check_buffer(s, &owner, saved);
    FUZZ_CHECK(bl_sequence_open(&again, &s->net, NULL) == BL_OK);
    FUZZ_CHECK(bl_memory_load(&again, &s->net, &owner, saved, NULL) == BL_OK);
    FUZZ_CHECK(same(s, t, &again));
    bl_sequence_release(&again, &s->net);
    read_on(s);
    check_end(bl_memory_save(t, &s->net, &owner, saved, &err), &err); /* not what is not finite */
    FUZZ_CHECK(bl_sequence_copy(t, &s->net, &s->before, NULL) == BL_OK);
    return status;
}

/* What `memory show` says without a model. */
static void describe(const char *path)
{
    static char text[1 << 16];
    size_t bytes = 0;
    bl_error err = {0};
    bl_status status = bl_info(path, text, sizeof text, &bytes, &err);
    if (status != BL_OK)
        check_words(status, &err);
    else
        FUZZ_CHECK(bytes > 0 && (bytes >= sizeof text || strlen(text) == bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int opened;
    const char *path = fuzz_file(data, size);
    const bl_buffer one = {"memory", data, size};
    char held[64];
    bl_files *files;
    FUZZ_CHECK(bl_files_open(&files, &one, 1, NULL) == BL_OK);
    (void)snprintf(held, sizeof held, "%s/memory", bl_files_path(files));
    for (int i = 0; i < KINDS; i++) {
        if (opened < KINDS)
            open_subject(&subjects[opened++], i == 1, i < 2);
        FUZZ_CHECK(try_file(&subjects[i], path) == try_file(&subjects[i], held));
    }
    bl_files_close(files);
    describe(path);
    return 0;
}
