/* The open tokenizer: open, close, its tables and what they say about ids. */
#include "text/tokenizer.h"
#include "core/alloc.h"
#include "core/os.h"
#include "text/bytechars.h"
#include "text/text.h"
#include "text/utf8.h"

#include <string.h>

bl_status bl_tokenizer_new(bl_tokenizer **t, bl_error *err)
{
    *t = bl_calloc(1, sizeof **t);
    return *t ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for a tokenizer");
}

void bl_tokenizer_close(bl_tokenizer *t)
{
    if (!t)
        return;
    bl_strtab_release(&t->tokens);
    bl_free(t->merges);
    bl_free(t->added);
    bl_buf_release(&t->bytes);
    bl_free(t->bytes_start);
    bl_free(t->special);
    bl_pairmap_release(&t->ranks);
    bl_splitter_close(t->splitter);
    bl_free(t);
}

/* The raw bytes of every token, one after the other. */
static bl_status bind_bytes(bl_tokenizer *t, bl_error *err)
{
    size_t ids = t->tokens.count;
    t->bytes_start = bl_calloc(ids + 1, sizeof *t->bytes_start);
    t->special = bl_calloc(ids, 1);
    if (!t->bytes_start || !t->special)
        return bl_fail(err, BL_ENOMEM, "out of memory: a vocabulary of %zu tokens", ids);
    for (size_t id = 0; id < ids; id++) {
        size_t n;
        const char *token = bl_strtab_get(&t->tokens, id, &n);
        bl_bytechar_read(&t->bytes, token, n);
        t->bytes_start[id + 1] = t->bytes.len;
    }
    return bl_buf_status(&t->bytes, err);
}

static bl_status bind_byte_ids(bl_tokenizer *t, const char *what, bl_error *err)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char spelled[2];
        size_t n = bl_utf8_put(bl_bytechar_of((unsigned char)byte), spelled);
        size_t id = bl_strtab_find(&t->tokens, spelled, n);
        if (id >= t->vocab_count && t->some_bytes)
            id = BL_NO_BYTE_ID;
        else if (id >= t->vocab_count)
            return bl_fail(err, BL_EUNSUPPORTED,
                           "%s: model.vocab has no token for the byte 0x%02X; only vocabularies "
                           "with all 256 byte characters are supported",
                           what, byte);
        t->byte_id[byte] = (uint32_t)id;
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
    for (size_t i = 0; i < t->added_count; i++) {
        size_t n;
        const char *token = bl_strtab_get(&t->tokens, t->added[i].id, &n);
        t->special[t->added[i].id] = t->added[i].special;
        t->cut[t->added[i].normalized][(unsigned char)token[0]] = 1;
    }
    return bl_splitter_open(&t->splitter, err);
}

bl_status bl_tokenizer_open(bl_tokenizer **t, const char *path, bl_error *err)
{
    *t = NULL;
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

int bl_tokenizer_prefix_space(const bl_tokenizer *t)
{
    return !t->no_prefix_space;
}

size_t bl_tokenizer_vocab_size(const bl_tokenizer *t)
{
    return t->tokens.count;
}

int32_t bl_tokenizer_id(const bl_tokenizer *t, const char *token)
{
    size_t id = bl_strtab_find(&t->tokens, token, strlen(token));
    return id == BL_STRTAB_NONE ? -1 : (int32_t)id;
}

const char *bl_tokenizer_bytes(const bl_tokenizer *t, int32_t id, size_t *bytes)
{
    if (bytes)
        *bytes = 0;
    if (id < 0 || (size_t)id >= t->tokens.count)
        return NULL;
    if (bytes)
        *bytes = t->bytes_start[id + 1] - t->bytes_start[id];
    return t->bytes.data + t->bytes_start[id];
}
