/* The bytes of a vocabulary's tokens as a tree: tokens that begin alike are looked at together. */
#include "constrain/token_trie.h"
#include "core/alloc.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

void bl_trie_release(bl_trie *t)
{
    bl_free(t->nodes);
    bl_free(t->byte);
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

/* The tokens of a node, which begin alike. */
typedef struct token_span {
    size_t first, end;
} token_span;

/* Nodes below node i, whose tokens have the same first `depth` bytes. */
static void add_below(bl_trie *t, token_span *spans, const token_text *tokens, size_t i,
                      size_t depth)
{
    size_t at = spans[i].first, end = spans[i].end;
    t->nodes[i] = (bl_trie_node){.first = (uint32_t)t->count, .token = -1};
    for (; at < end && tokens[at].bytes == depth; at++) {
        t->same[tokens[at].id] = t->nodes[i].token;
        t->nodes[i].token = tokens[at].id;
    }
    while (at < end) {
        size_t first = at;
        unsigned char byte = tokens[at].text[depth];
        while (at < end && tokens[at].text[depth] == byte)
            at++;
        t->byte[t->count] = byte;
        spans[t->count++] = (token_span){first, at};
    }
}

/* Spans: room for one of each node. */
static void build(bl_trie *t, token_text *tokens, token_span *spans)
{
    size_t count = 0;
    for (size_t id = 0; id < t->ids; id++) {
        size_t bytes = t->start[id + 1] - t->start[id];
        if (bytes)
            tokens[count++] = (token_text){t->text + t->start[id], bytes, (int32_t)id};
        t->same[id] = -1;
        t->deepest = bytes > t->deepest ? bytes : t->deepest;
    }
    if (count > 1)
        qsort(tokens, count, sizeof *tokens, by_text);
    spans[0] = (token_span){0, count};
    t->count = 1;
    for (size_t i = 0, depth = 0; i < t->count; depth++)
        for (size_t level = t->count; i < level; i++)
            add_below(t, spans, tokens, i, depth);
    t->nodes[t->count].first = (uint32_t)t->count;
}

static bl_status no_memory(const bl_trie *t, bl_error *err)
{
    return bl_fail(err, BL_ENOMEM, "out of memory for a tree of %zu tokens", t->ids);
}

static bl_status open_nodes(bl_trie *t, bl_error *err)
{
    size_t most = t->start[t->ids] + 1; /* a byte of all texts is one at most */
    t->nodes = bl_calloc(most + 1, sizeof *t->nodes);
    t->byte = bl_calloc(most, sizeof *t->byte);
    token_text *tokens = bl_calloc(t->ids, sizeof *tokens);
    token_span *spans = bl_calloc(most, sizeof *spans);
    int there = t->nodes && t->byte && tokens && spans;
    if (there)
        build(t, tokens, spans);
    bl_free(tokens);
    bl_free(spans);
    return there ? BL_OK : no_memory(t, err);
}

bl_status bl_trie_open(bl_trie *t, const bl_tokenizer *tokenizer, bl_error *err)
{
    *t = (bl_trie){.ids = tokenizer->ids};
    t->same = bl_calloc(t->ids, sizeof *t->same);
    t->start = bl_calloc(t->ids + 1, sizeof *t->start);
    bl_status status = t->same && t->start ? copy_texts(t, tokenizer, err) : no_memory(t, err);
    if (status == BL_OK)
        status = open_nodes(t, err);
    if (status != BL_OK)
        bl_trie_release(t);
    return status;
}
