/* The open tokenizer: open, close, its tables and what they say about ids. */
#include "text/tokenizer.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/machine.h"
#include "core/path.h"
#include "core/utf8.h"
#include "format/json.h"
#include "text/bytechars.h"
#include "text/text.h"

#include <string.h>

bl_status bl_tokenizer_new(bl_tokenizer **t, bl_error *err)
{
    *t = bl_calloc(1, sizeof **t);
    return *t ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for a tokenizer");
}

bl_tokenizer *bl_tokenizer_hold(bl_tokenizer *t)
{
    if (t)
        (void)atomic_fetch_add(&t->holders, 1);
    return t;
}

void bl_tokenizer_close(bl_tokenizer *t)
{
    if (!t || atomic_fetch_sub(&t->holders, 1))
        return;
    bl_strtab_release(&t->tokens);
    for (size_t i = 0; i < BL_TOKENIZER_PARTS; i++)
        bl_free(t->parts[i]);
    for (size_t i = 0; i < t->rule_count; i++)
        bl_free((char *)t->rules[i].pattern);
    bl_free(t->rules);
    bl_free(t->template);
    bl_free(t->id_of);
    bl_free(t->number_of);
    for (size_t pass = 0; pass < 2; pass++)
        bl_added_index_release(&t->index[pass]);
    bl_free(t->merges);
    bl_free(t->added);
    bl_buf_release(&t->bytes);
    bl_free(t->bytes_start);
    bl_free(t->special);
    bl_pairmap_release(&t->ranks);
    bl_splitter_close(t->splitter);
    bl_nfc_close(t->nfc);
    bl_free(t);
}

static uint32_t id_of(const bl_tokenizer *t, size_t number)
{
    return t->id_of ? t->id_of[number] : (uint32_t)number;
}

const char *bl_tokenizer_spelling(const bl_tokenizer *t, size_t id, size_t *bytes)
{
    *bytes = 0;
    if (id >= t->ids || t->number_of[id] == BL_TOKEN_NONE)
        return NULL;
    return bl_strtab_get(&t->tokens, t->number_of[id], bytes);
}

/* The raw bytes of every token, one after the other. */
static bl_status bind_bytes(bl_tokenizer *t, bl_error *err)
{
    for (size_t i = 0; i < t->tokens.count; i++)
        t->ids = t->ids > id_of(t, i) ? t->ids : id_of(t, i) + (size_t)1;
    t->number_of = bl_calloc(t->ids, sizeof *t->number_of);
    t->bytes_start = bl_calloc(t->ids + 1, sizeof *t->bytes_start);
    t->special = bl_calloc(t->ids, 1);
    if (!t->number_of || !t->bytes_start || !t->special)
        return bl_fail(err, BL_ENOMEM, "out of memory: a vocabulary of %zu tokens", t->ids);
    memset(t->number_of, 0xFF, t->ids * sizeof *t->number_of);
    for (size_t i = 0; i < t->tokens.count; i++)
        t->number_of[id_of(t, i)] = (uint32_t)i;
    for (size_t id = 0; id < t->ids; id++) {
        size_t n;
        const char *token = bl_tokenizer_spelling(t, id, &n);
        if (token)
            bl_bytechar_read(&t->bytes, token, n);
        t->bytes_start[id + 1] = t->bytes.len;
        if (t->bytes.len - t->bytes_start[id] > t->longest)
            t->longest = t->bytes.len - t->bytes_start[id];
    }
    char *behind = bl_buf_reserve(&t->bytes, BL_BYTES_BEHIND);
    if (behind)
        memset(behind, 0, BL_BYTES_BEHIND);
    return bl_buf_status(&t->bytes, err);
}

/* An added token as it is looked for. */
static bl_status add_pattern(bl_tokenizer *t, const bl_added *a, bl_error *err)
{
    size_t n;
    const char *token = bl_tokenizer_spelling(t, a->id, &n);
    bl_nfc_work work = {0};
    bl_status status = BL_OK;
    if (a->normalized && t->nfc)
        status = bl_nfc_run(t->nfc, &work, token, n, err);
    if (status == BL_OK && work.count)
        status = bl_added_index_add(&t->index[1], a, work.text.data, work.text.len, err);
    else if (status == BL_OK)
        status = bl_added_index_add(&t->index[a->normalized], a, token, n, err);
    bl_nfc_work_release(&work);
    return status;
}

/* The added tokens by their bytes; of normalized ones that come to the same, special ones go before
 * others. */
static bl_status bind_added(bl_tokenizer *t, bl_error *err)
{
    for (int special = 1; special >= 0; special--) {
        for (size_t i = 0; i < t->added_count; i++) {
            const bl_added *a = &t->added[i];
            if (a->special != special)
                continue;
            t->special[a->id] = a->special;
            BL_TRY(add_pattern(t, a, err));
        }
    }
    BL_TRY(bl_added_index_sort(&t->index[0], err));
    return bl_added_index_sort(&t->index[1], err);
}

/* Bytes that never occur in UTF-8: nobody asks for their tokens, which vocabularies often lack. */
static int is_in_no_text(unsigned byte)
{
    return byte == 0xC0 || byte == 0xC1 || byte > 0xF4;
}

static bl_status bind_byte_ids(bl_tokenizer *t, const char *what, bl_error *err)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char spelled[2];
        size_t n = bl_utf8_put(bl_bytechar_of((unsigned char)byte), spelled);
        size_t number = bl_strtab_find(&t->tokens, spelled, n);
        if (number >= t->vocab_count && (t->some_bytes || is_in_no_text(byte)))
            number = BL_STRTAB_NONE;
        else if (number >= t->vocab_count)
            return bl_fail(err, BL_EUNSUPPORTED,
                           "%s: model.vocab has no token for the byte 0x%02X; only vocabularies "
                           "with the characters of all bytes of UTF-8 are supported",
                           what, byte);
        t->byte_id[byte] = number == BL_STRTAB_NONE ? BL_NO_BYTE_ID : id_of(t, number);
    }
    return BL_OK;
}

bl_status bl_tokenizer_bind(bl_tokenizer *t, const char *what, bl_error *err)
{
    t->tag = bl_os_entropy();
    BL_TRY(bind_bytes(t, err));
    BL_TRY(bind_byte_ids(t, what, err));
    for (size_t i = 0; i < t->merge_count; i++) {
        uint32_t rank = (uint32_t)i;
        BL_TRY(bl_pairmap_add(&t->ranks, t->merges[i].left, t->merges[i].right, &rank, err));
        if (rank != i)
            return bl_fail(err, BL_EFORMAT, "%s: model.merges %zu is the same as %zu", what, i,
                           (size_t)rank);
    }
    if (t->composed)
        BL_TRY(bl_nfc_open(&t->nfc, err));
    BL_TRY(bind_added(t, err));
    for (size_t i = 0; i < t->template_count; i++)
        if (t->template[i] >= t->ids)
            return bl_fail(err, BL_EFORMAT, "%s: post_processor: id %lu is past the vocabulary",
                           what, (unsigned long)t->template[i]);
    static const bl_split_rule builtin[] = {{.kind = BL_RULE_SPACE}, {.pattern = bl_pattern_gpt2}};
    size_t first = t->no_prefix_space ? 1 : 0;
    return t->own_rules ? bl_splitter_open(&t->splitter, t->rules, t->rule_count, 0, what, err)
                        : bl_splitter_open(&t->splitter, builtin + first, 2 - first, 0, what, err);
}

static bl_status open_path(bl_tokenizer **t, const char *path, bl_error *err)
{
    char *inside =
        bl_path_what(path) == BL_PATH_DIR ? bl_path_join(path, "tokenizer.json") : bl_strdup(path);
    bl_tokenizer *made = NULL;
    bl_status status =
        inside ? bl_tokenizer_new(&made, err) : bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    if (status == BL_OK)
        status = bl_tokenizer_read(made, inside, err);
    if (status == BL_OK)
        status = bl_tokenizer_bind(made, inside, err);
    bl_free(inside);
    if (status != BL_OK) {
        bl_tokenizer_close(made);
        return status;
    }
    *t = made;
    return BL_OK;
}

bl_status bl_tokenizer_open(bl_tokenizer **t, const char *path, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, t);
    *t = NULL;
    BL_NOT_NULL(err, path);
    bl_call_begin(&call, err);
    return bl_call_end(&call, open_path(t, path, err), err);
}

int bl_tokenizer_prefix_space(const bl_tokenizer *t)
{
    return t && !t->no_prefix_space;
}

size_t bl_tokenizer_vocab_size(const bl_tokenizer *t)
{
    return t ? t->ids : 0;
}

int32_t bl_tokenizer_id(const bl_tokenizer *t, const char *token)
{
    if (!t || !token)
        return -1;
    size_t number = bl_strtab_find(&t->tokens, token, strlen(token));
    return number == BL_STRTAB_NONE ? -1 : (int32_t)id_of(t, number);
}

const char *bl_tokenizer_bytes(const bl_tokenizer *t, int32_t id, size_t *bytes)
{
    if (bytes)
        *bytes = 0;
    if (!t || id < 0 || (size_t)id >= t->ids)
        return NULL;
    if (bytes)
        *bytes = t->bytes_start[id + 1] - t->bytes_start[id];
    return t->bytes.data + t->bytes_start[id];
}

int32_t bl_tokenizer_find(const bl_tokenizer *t, const char *text, size_t bytes)
{
    int32_t special = -1;
    if (!t || !text || !bytes)
        return -1;
    for (size_t id = 0; id < t->ids; id++) {
        size_t start = t->bytes_start[id];
        if (t->bytes_start[id + 1] - start != bytes ||
            memcmp(t->bytes.data + start, text, bytes) != 0)
            continue;
        if (!t->special[id])
            return (int32_t)id;
        special = special < 0 ? (int32_t)id : special;
    }
    return special;
}

int bl_tokenizer_is_special(const bl_tokenizer *t, int32_t id)
{
    return t && id >= 0 && (size_t)id < t->ids && t->special[id];
}

bl_status bl_tokenizer_unknown(const bl_tokenizer *t, int32_t *id, bl_error *err)
{
    const char *part = t->parts[BL_PART_UNK_TOKEN];
    json_error_t why;
    *id = -1;
    json_t *token = part ? bl_json_parse(part, strlen(part), JSON_DECODE_ANY, &why) : NULL;
    if (part && !token)
        return bl_fail(err, bl_json_failure(&why), "unk_token: %s", why.text);
    if (json_is_string(token))
        *id = bl_tokenizer_id(t, json_string_value(token));
    json_decref(token);
    return BL_OK;
}
