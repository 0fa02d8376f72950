/* The BPE trainer's first tokens: the specials, and the byte characters kept. */
#include "core/alloc.h"
#include "core/utf8.h"
#include "text/bpe/halves.h"
#include "text/bytechars.h"

#include <string.h>

static bl_status add_specials(const bl_bpe_options *o, bl_tokenizer *t, bl_error *err)
{
    static const char *const usual[] = {BL_TOKEN_END_OF_TEXT, BL_TOKEN_PADDING};
    const char *const *special = o->specials ? o->specials : usual;
    size_t count = o->specials ? o->specials_count : sizeof usual / sizeof usual[0];
    t->added = bl_calloc(count, sizeof *t->added);
    if (!t->added)
        return bl_fail(err, BL_ENOMEM, "out of memory for the special tokens");
    for (size_t i = 0; i < count; i++) {
        size_t id;
        BL_TRY(bl_strtab_add(&t->tokens, special[i], strlen(special[i]), &id, err));
        if (id == t->added_count) /* given for the first time */
            t->added[t->added_count++] = (bl_added){.id = (uint32_t)id, .special = 1};
    }
    return BL_OK;
}

/* Whether character `code` is among the `limit` most frequent of those that might be kept; among
 * equals the lower code point goes first. */
static int is_kept(const uint64_t seen[BL_BYTECHAR_END], const unsigned char *candidate,
                   uint32_t code, size_t limit)
{
    size_t ahead = 0;
    for (uint32_t c = 0; c < BL_BYTECHAR_END; c++)
        ahead += candidate[c] && (seen[c] > seen[code] || (seen[c] == seen[code] && c < code));
    return candidate[code] && (limit == 0 || ahead < limit);
}

bl_status bl_alphabet_add(const uint64_t seen[256], const bl_bpe_options *o, bl_tokenizer *t,
                          uint32_t byte_id[256], bl_error *err)
{
    uint64_t by_code[BL_BYTECHAR_END] = {0};
    unsigned char candidate[BL_BYTECHAR_END] = {0};
    char spelled[2];
    BL_TRY(add_specials(o, t, err));
    for (uint32_t code = 0; code < BL_BYTECHAR_END; code++) {
        int byte = bl_bytechar_byte(code);
        if (byte < 0)
            continue;
        by_code[code] = seen[byte];
        candidate[code] = !o->no_initial_alphabet || seen[byte];
    }
    for (uint32_t code = 0; code < BL_BYTECHAR_END; code++) {
        size_t number;
        if (is_kept(by_code, candidate, code, o->limit_alphabet))
            BL_TRY(bl_strtab_add(&t->tokens, spelled, bl_utf8_put(code, spelled), &number, err));
    }
    /* A character that is a special token has an id too, kept or not. */
    for (int byte = 0; byte < 256; byte++) {
        size_t n = bl_utf8_put(bl_bytechar_of((unsigned char)byte), spelled);
        size_t id = bl_strtab_find(&t->tokens, spelled, n);
        byte_id[byte] = id == BL_STRTAB_NONE ? BL_NO_BYTE_ID : (uint32_t)id;
    }
    t->some_bytes = 1;
    return BL_OK;
}
