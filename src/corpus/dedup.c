/* Duplicates: a table of hashes for exact ones, MinHash with banded tables for near ones. */
#include "corpus/dedup.h"
#include "core/alloc.h"
#include "core/rng.h"
#include "core/team.h"
#include "core/utf8.h"
#include "core/watch.h"

#include <string.h>
#include <xxhash.h>

enum {
    BANDS = 20,
    ROWS = BL_MINHASHES / BANDS,
    SHINGLE = 5,
    CROWD = 64, /* documents of one band that are compared; more would make bad luck quadratic */
    FIRST_SLOTS = 1 << 10,
    SLICE_BYTES = 1 << 19, /* of documents hashed between two polls of the watch */
    POLL = 256,            /* documents looked up between two */
};

/* Numbers of documents, found by a hash; 0 is empty. */
typedef struct band {
    uint32_t *slot;
} band;

struct bl_dedup {
    double near;
    size_t threads;
    bl_hash128 *seen; /* [slots] open addressing; all 0 is empty */
    size_t seen_count, seen_slots;
    unsigned char *bits; /* [kept, BL_MINHASHES] the low 8 bits of each minimum */
    size_t kept, bits_cap;
    band bands[BANDS]; /* [band_slots] each: number of a kept document + 1 */
    size_t band_slots;
    uint32_t *signatures; /* [batch, BL_MINHASHES] */
    size_t signatures_cap;
};

bl_status bl_dedup_open(bl_dedup **d, double near, size_t threads, bl_error *err)
{
    *d = bl_calloc(1, sizeof **d);
    if (!*d)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    (*d)->near = near;
    (*d)->threads = threads;
    return BL_OK;
}

void bl_dedup_close(bl_dedup *d)
{
    if (!d)
        return;
    bl_free(d->seen);
    bl_free(d->bits);
    for (size_t i = 0; i < BANDS; i++)
        bl_free(d->bands[i].slot);
    bl_free(d->signatures);
    bl_free(d);
}

/* ---- exact ---- */

/* The slot of a hash, or the empty one where it belongs. */
static bl_hash128 *slot_of(bl_hash128 *seen, size_t slots, bl_hash128 hash)
{
    size_t i = (size_t)hash.low & (slots - 1);
    while ((seen[i].low || seen[i].high) && (seen[i].low != hash.low || seen[i].high != hash.high))
        i = (i + 1) & (slots - 1);
    return &seen[i];
}

static bl_status make_room(bl_dedup *d, bl_error *err)
{
    if (d->seen_count * 4 < d->seen_slots * 3)
        return BL_OK;
    size_t slots = d->seen_slots ? 2 * d->seen_slots : FIRST_SLOTS;
    bl_hash128 *seen = bl_calloc(slots, sizeof *seen);
    if (!seen)
        return bl_fail(err, BL_ENOMEM, "out of memory: hashes of %zu documents", d->seen_count);
    for (size_t i = 0; i < d->seen_slots; i++)
        if (d->seen[i].low || d->seen[i].high)
            *slot_of(seen, slots, d->seen[i]) = d->seen[i];
    bl_free(d->seen);
    d->seen = seen;
    d->seen_slots = slots;
    return BL_OK;
}

static bl_status look_exact(bl_dedup *d, bl_hash128 hash, int *known, bl_error *err)
{
    BL_TRY(make_room(d, err));
    if (!hash.low && !hash.high)
        hash.low = 1;
    bl_hash128 *slot = slot_of(d->seen, d->seen_slots, hash);
    *known = slot->low || slot->high;
    if (!*known) {
        *slot = hash;
        d->seen_count++;
    }
    return BL_OK;
}

/* ---- signatures ---- */

/* The multipliers and offsets of the hash functions x -> a x + b mod 2^32. */
static void hash_functions(uint32_t a[BL_MINHASHES], uint32_t b[BL_MINHASHES])
{
    for (uint64_t i = 0; i < BL_MINHASHES; i++) {
        uint32_t r[4];
        bl_philox(0, BL_RNG_DEDUP, i, r);
        a[i] = r[0] | 1;
        b[i] = r[1];
    }
}

typedef struct shingles {
    uint32_t a[BL_MINHASHES], b[BL_MINHASHES];
    uint64_t word[SHINGLE]; /* hashes of the last words */
    size_t words;
    uint32_t *least;
} shingles;

static void add_shingle(shingles *s, size_t length)
{
    uint64_t x = 0;
    for (size_t i = length; i > 0; i--)
        x = x * 0x9E3779B97F4A7C15u + s->word[(s->words - i) % SHINGLE];
    x ^= x >> 32;
    x *= 0xD6E8FEB86659FD93u;
    uint32_t mixed = (uint32_t)(x >> 32);
    for (size_t j = 0; j < BL_MINHASHES; j++) {
        uint32_t v = s->a[j] * mixed + s->b[j];
        s->least[j] = v < s->least[j] ? v : s->least[j];
    }
}

static void add_word(shingles *s, uint64_t hash)
{
    s->word[s->words % SHINGLE] = hash;
    s->words++;
    if (s->words >= SHINGLE)
        add_shingle(s, SHINGLE);
}

static int is_word_byte(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c > 127;
}

/* Thai and Lao, and from the CJK radicals on. */
static int stands_alone(const char *text, size_t *used)
{
    uint32_t code = bl_utf8_get(text, used);
    return (code >= 0x0E00 && code < 0x0F00) || code >= 0x2E80;
}

/* Hashes text[0..] up to where the word ends (FNV-1a on lower case); its length to *used. */
static uint64_t hash_word(const char *text, size_t bytes, size_t *used)
{
    uint64_t h = 0xCBF29CE484222325u;
    size_t i = 0, n = 0;
    while (i < bytes && is_word_byte((unsigned char)text[i])) {
        n = 1;
        if ((unsigned char)text[i] > 127 && stands_alone(text + i, &n) && i > 0)
            break;
        int alone = n > 1 && i == 0 && stands_alone(text, &n);
        for (size_t k = 0; k < n; k++) {
            unsigned char c = (unsigned char)text[i + k];
            h = (h ^ (c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c)) * 0x100000001B3u;
        }
        i += n;
        if (alone)
            break;
    }
    *used = i;
    return h;
}

void bl_minhash(const bl_span *d, uint32_t signature[BL_MINHASHES])
{
    shingles s = {.least = signature};
    hash_functions(s.a, s.b);
    memset(signature, 0xFF, BL_MINHASHES * sizeof *signature);
    for (size_t i = 0; i < d->bytes;) {
        size_t used = 1;
        if (is_word_byte((unsigned char)d->text[i]))
            add_word(&s, hash_word(d->text + i, d->bytes - i, &used));
        i += used;
    }
    if (s.words < SHINGLE)
        add_shingle(&s, s.words);
}

/* ---- near ---- */

static size_t band_hash(const uint32_t *signature, size_t b)
{
    unsigned char bits[ROWS];
    for (size_t r = 0; r < ROWS; r++)
        bits[r] = (unsigned char)signature[b * ROWS + r];
    return (size_t)XXH3_64bits(bits, sizeof bits);
}

static int same_band(const bl_dedup *d, size_t document, const uint32_t *signature, size_t b)
{
    const unsigned char *bits = d->bits + document * BL_MINHASHES + b * ROWS;
    for (size_t r = 0; r < ROWS; r++)
        if (bits[r] != (unsigned char)signature[b * ROWS + r])
            return 0;
    return 1;
}

/* The estimate of the Jaccard index; 1 of 256 unequal minima agrees in 8 bits. */
static double likeness(const bl_dedup *d, size_t document, const uint32_t *signature)
{
    const unsigned char *bits = d->bits + document * BL_MINHASHES;
    size_t equal = 0;
    for (size_t j = 0; j < BL_MINHASHES; j++)
        equal += bits[j] == (unsigned char)signature[j];
    return ((double)equal / (double)BL_MINHASHES - 1 / 256.0) / (1 - 1 / 256.0);
}

static void insert(band *table, size_t slots, size_t hash, uint32_t number)
{
    size_t i = hash & (slots - 1);
    while (table->slot[i])
        i = (i + 1) & (slots - 1);
    table->slot[i] = number;
}

/* Twice the slots: the bands of all that is kept are hashed again, from their bits. */
static bl_status grow_bands(bl_dedup *d, bl_error *err)
{
    if (2 * (d->kept + 1) <= d->band_slots)
        return BL_OK;
    size_t slots = d->band_slots ? 2 * d->band_slots : FIRST_SLOTS;
    for (size_t b = 0; b < BANDS; b++) {
        band fresh = {bl_calloc(slots, sizeof *fresh.slot)};
        if (!fresh.slot)
            return bl_fail(err, BL_ENOMEM, "out of memory: signatures of %zu documents", d->kept);
        for (size_t i = 0; i < d->band_slots; i++) {
            uint32_t number = d->bands[b].slot[i];
            if (number) {
                const unsigned char *bits =
                    d->bits + (number - 1) * (size_t)BL_MINHASHES + b * ROWS;
                insert(&fresh, slots, (size_t)XXH3_64bits(bits, ROWS), number);
            }
        }
        bl_free(d->bands[b].slot);
        d->bands[b] = fresh;
    }
    d->band_slots = slots;
    return BL_OK;
}

/* Is there a kept document that is near?  crowded[b]: band b holds enough of its kind. */
static int find_near(const bl_dedup *d, const uint32_t *signature, unsigned char crowded[BANDS])
{
    memset(crowded, 0, BANDS);
    for (size_t b = 0; b < BANDS && d->band_slots; b++) {
        size_t met = 0, mask = d->band_slots - 1;
        for (size_t i = band_hash(signature, b) & mask; d->bands[b].slot[i]; i = (i + 1) & mask) {
            size_t document = d->bands[b].slot[i] - 1;
            if (!same_band(d, document, signature, b))
                continue;
            if (likeness(d, document, signature) >= d->near)
                return 1;
            if (++met == CROWD) {
                crowded[b] = 1;
                break;
            }
        }
    }
    return 0;
}

static bl_status look_near(bl_dedup *d, const uint32_t *signature, int *known, bl_error *err)
{
    unsigned char crowded[BANDS];
    *known = find_near(d, signature, crowded);
    if (*known)
        return BL_OK;
    if (d->kept >= UINT32_MAX - 1)
        return bl_fail(err, BL_EUNSUPPORTED, "more than 2^32 documents");
    BL_TRY(grow_bands(d, err));
    BL_TRY(bl_grow(&d->bits, &d->bits_cap, (d->kept + 1) * BL_MINHASHES, 1, err));
    for (size_t j = 0; j < BL_MINHASHES; j++)
        d->bits[d->kept * BL_MINHASHES + j] = (unsigned char)signature[j];
    d->kept++;
    for (size_t b = 0; b < BANDS; b++)
        if (!crowded[b])
            insert(&d->bands[b], d->band_slots, band_hash(signature, b), (uint32_t)d->kept);
    return BL_OK;
}

typedef struct minhash_slice {
    const bl_span *documents;
    const unsigned char *copy;
    uint32_t *signatures;
} minhash_slice;

static void sign_documents(void *user, size_t first, size_t last, size_t member)
{
    const minhash_slice *b = user;
    (void)member;
    for (size_t i = first; i < last; i++)
        if (!b->copy[i])
            bl_minhash(&b->documents[i], b->signatures + i * BL_MINHASHES);
}

/* The documents looked at between two polls. */
static size_t end_of_slice(const bl_span *documents, size_t from, size_t count)
{
    size_t to = from, bytes = 0;
    while (to < count && bytes < SLICE_BYTES)
        bytes += documents[to++].bytes;
    return to;
}

bl_status bl_dedup_look(bl_dedup *d, const bl_span *documents, const bl_hash128 *hash, size_t count,
                        unsigned char *copy, bl_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int known;
        BL_TRY(look_exact(d, hash[i], &known, err));
        copy[i] = known ? BL_COPY_EXACT : BL_COPY_NONE;
    }
    if (d->near <= 0)
        return BL_OK;
    BL_TRY(bl_grow(&d->signatures, &d->signatures_cap, count * BL_MINHASHES, sizeof *d->signatures,
                   err));
    for (size_t from = 0, to; from < count; from = to) {
        to = end_of_slice(documents, from, count);
        minhash_slice slice = {documents + from, copy + from, d->signatures + from * BL_MINHASHES};
        bl_team_deal(d->threads, to - from, sign_documents, &slice);
        BL_TRY(bl_watch_poll(to, count, err));
    }
    for (size_t i = 0; i < count; i++) {
        int known = 0;
        if (i % POLL == POLL - 1)
            BL_TRY(bl_watch_poll(i, count, err));
        if (!copy[i])
            BL_TRY(look_near(d, d->signatures + i * BL_MINHASHES, &known, err));
        if (known)
            copy[i] = BL_COPY_NEAR;
    }
    return BL_OK;
}
