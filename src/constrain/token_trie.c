/* The bytes of a vocabulary's tokens as a tree: tokens that begin alike are looked at together. */
#include "constrain/token_trie.h"
#include "core/alloc.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

void bl_trie_release(bl_trie *t)
{
    bl_free(t->nodes);
    bl_free(t->same);
    bl_free(t->text);
    bl_free(t->start);
    *t = (bl_trie){0};
}

typedef struct token_text {
    const unsigned char *text;
    size_t bytes;
    int32_t id;
} token_text;

static int by_text(const void *x, const void *y)
{
    const token_text *a = x, *b = y;
    size_t bytes = a->bytes < b->bytes ? a->bytes : b->bytes;
    int order = memcmp(a->text, b->text, bytes);
    if (order)
        return order;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? -1 : 1;
    return a->id > b->id ? -1 : 1; /* chained to rise */
}

static bl_status copy_texts(bl_trie *t, const bl_tokenizer *tokenizer, bl_error *err)
{
    size_t all = 0, bytes;
    for (int pass = 0; pass < 2; pass++) {
        size_t at = 0;
        for (size_t id = 0; id < t->ids; id++) {
            const char *text = bl_tokenizer_bytes(tokenizer, (int32_t)id, &bytes);
            bytes = text && !tokenizer->special[id] ? bytes : 0;
            if (pass && bytes)
                memcpy(t->text + at, text, bytes);
            if (pass)
                t->start[id] = at;
            at += bytes;
        }
        all = at;
        if (pass)
            t->start[t->ids] = at;
        else if (!(t->text = bl_calloc(all, 1)))
            return bl_fail(err, BL_ENOMEM, "out of memory for the texts of %zu tokens", t->ids);
    }
    return BL_OK;
}

/* Nodes for a token behind the first `shared` bytes, which the last one has too. */
static bl_status add_token(bl_trie *t, const token_text *token, size_t shared, bl_error *err)
{
    BL_TRY(bl_grow(&t->nodes, &t->cap, t->count + token->bytes, sizeof *t->nodes, err));
    for (size_t i = shared; i < token->bytes; i++)
        t->nodes[t->count++] =
            (bl_trie_node){.depth = (uint32_t)i, .token = -1, .byte = token->text[i]};
    t->deepest = token->bytes > t->deepest ? token->bytes : t->deepest;
    bl_trie_node *last = &t->nodes[t->count - 1];
    t->same[token->id] = last->token;
    last->token = token->id;
    return BL_OK;
}

/* Where what is below each node ends: the first node after it that is no deeper. */
static bl_status find_ends(bl_trie *t, bl_error *err)
{
    uint32_t *open =
        bl_calloc(t->deepest + 1, sizeof *open); /* the first node of a depth or less */
    if (!open)
        return bl_fail(err, BL_ENOMEM, "out of memory for a tree of tokens");
    for (size_t d = 0; d <= t->deepest; d++)
        open[d] = (uint32_t)t->count;
    for (size_t i = t->count; i-- > 0;) {
        size_t d = t->nodes[i].depth;
        t->nodes[i].after = open[d];
        for (size_t k = d; k <= t->deepest && (k == d || open[k] > i); k++)
            open[k] = (uint32_t)i;
    }
    bl_free(open);
    return BL_OK;
}

static bl_status build(bl_trie *t, token_text *tokens, bl_error *err)
{
    size_t count = 0;
    for (size_t id = 0; id < t->ids; id++) {
        size_t bytes = t->start[id + 1] - t->start[id];
        if (bytes)
            tokens[count++] = (token_text){t->text + t->start[id], bytes, (int32_t)id};
        t->same[id] = -1;
    }
    if (count > 1)
        qsort(tokens, count, sizeof *tokens, by_text);
    for (size_t i = 0; i < count; i++) {
        size_t shared = 0;
        while (i && shared < tokens[i - 1].bytes && shared < tokens[i].bytes &&
               tokens[i - 1].text[shared] == tokens[i].text[shared])
            shared++;
        BL_TRY(add_token(t, &tokens[i], shared, err));
    }
    return find_ends(t, err);
}

bl_status bl_trie_open(bl_trie *t, const bl_tokenizer *tokenizer, bl_error *err)
{
    *t = (bl_trie){.ids = tokenizer->ids};
    t->same = bl_calloc(t->ids, sizeof *t->same);
    t->start = bl_calloc(t->ids + 1, sizeof *t->start);
    token_text *tokens = bl_calloc(t->ids, sizeof *tokens);
    bl_status status = BL_OK;
    if (!t->same || !t->start || !tokens)
        status = bl_fail(err, BL_ENOMEM, "out of memory for a tree of %zu tokens", t->ids);
    if (status == BL_OK)
        status = copy_texts(t, tokenizer, err);
    if (status == BL_OK)
        status = build(t, tokens, err);
    bl_free(tokens);
    if (status != BL_OK)
        bl_trie_release(t);
    return status;
}
