/* A grammar over a vocabulary, and where a text that is written by it stands. */
#include "constrain/constraint.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/mutex.h"
#include "constrain/automaton.h"
#include "constrain/gbnf.h"
#include "constrain/schema.h"
#include "constrain/token_trie.h"
#include "text/tokenizer.h"

#include <string.h>

struct bl_grammar {
    bl_graph graph;
    bl_trie trie;
    uint64_t tag; /* the tokenizer's */
    bl_mutex *lock;
    /* behind the lock */
    bl_automaton automaton;
    bl_constraint *first; /* of all that stand somewhere in it */
    size_t holders, constraints;
    struct walk_level *walk; /* [deepest + 1] on the way down the trie */
};

/* Nodes side by side that are still to be looked at, and the state before their bytes. */
typedef struct walk_level {
    uint32_t at, end, state;
    const uint32_t *next; /* of the state */
} walk_level;

struct bl_constraint {
    bl_grammar *g;
    bl_constraint *before, *after;
    uint32_t state;
};

/* ---- opening ---- */

typedef enum grammar_kind { FROM_GBNF, FROM_SCHEMA } grammar_kind;

static bl_status open_parts(bl_grammar *g, const bl_tokenizer *t, grammar_kind kind,
                            const char *text, size_t bytes, bl_error *err)
{
    BL_TRY(bl_mutex_open(&g->lock, err));
    BL_TRY(kind == FROM_GBNF ? bl_gbnf_read(&g->graph, text, bytes, err)
                             : bl_schema_read(&g->graph, text, bytes, err));
    BL_TRY(bl_trie_open(&g->trie, t, err));
    g->tag = t->tag;
    g->walk = bl_calloc(g->trie.deepest + 1, sizeof *g->walk);
    if (!g->walk)
        return bl_fail(err, BL_ENOMEM, "out of memory for a grammar");
    return bl_automaton_open(&g->automaton, &g->graph, (t->ids + 63) / 64, err);
}

static bl_status open_grammar(bl_grammar **result, const bl_tokenizer *t, grammar_kind kind,
                              const char *text, size_t bytes, bl_error *err)
{
    bl_grammar *g = bl_calloc(1, sizeof *g);
    if (!g)
        return bl_fail(err, BL_ENOMEM, "out of memory for a grammar");
    g->holders = 1;
    bl_status status = open_parts(g, t, kind, text, bytes, err);
    if (status != BL_OK) {
        bl_grammar_close(g);
        return status;
    }
    *result = g;
    return BL_OK;
}

bl_status bl_grammar_open(bl_grammar **g, const bl_tokenizer *t, const char *gbnf, size_t bytes,
                          bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, g);
    *g = NULL;
    BL_NOT_NULL(err, t);
    BL_NOT_NULL_IF(err, bytes, gbnf);
    bl_call_begin(&call, err);
    return bl_call_end(&call, open_grammar(g, t, FROM_GBNF, gbnf, bytes, err), err);
}

bl_status bl_grammar_open_schema(bl_grammar **g, const bl_tokenizer *t, const char *schema,
                                 size_t bytes, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, g);
    *g = NULL;
    BL_NOT_NULL(err, t);
    BL_NOT_NULL_IF(err, bytes, schema);
    bl_call_begin(&call, err);
    return bl_call_end(&call, open_grammar(g, t, FROM_SCHEMA, schema, bytes, err), err);
}

void bl_grammar_hold(bl_grammar *g)
{
    bl_mutex_hold(g->lock);
    g->holders++;
    bl_mutex_release(g->lock);
}

void bl_grammar_close(bl_grammar *g)
{
    size_t left = 0;
    if (!g)
        return;
    if (g->lock) {
        bl_mutex_hold(g->lock);
        left = --g->holders;
        bl_mutex_release(g->lock);
    }
    if (left)
        return;
    bl_automaton_release(&g->automaton);
    bl_trie_release(&g->trie);
    bl_graph_release(&g->graph);
    bl_mutex_close(g->lock);
    bl_free(g->walk);
    bl_free(g);
}

int bl_grammar_is_of(const bl_grammar *g, const bl_tokenizer *t)
{
    return g->tag == t->tag;
}

/* ---- constraints ---- */

static void link_in(bl_constraint *c)
{
    bl_grammar *g = c->g;
    c->after = g->first;
    if (g->first)
        g->first->before = c;
    g->first = c;
    g->constraints++;
    g->holders++;
}

static bl_status open_constraint(bl_constraint **result, bl_grammar *g, const bl_constraint *from,
                                 bl_error *err)
{
    bl_constraint *c = bl_calloc(1, sizeof *c);
    if (!c)
        return bl_fail(err, BL_ENOMEM, "out of memory for the place in a grammar");
    c->g = g;
    bl_mutex_hold(g->lock);
    bl_status status = BL_OK;
    if (from)
        c->state = from->state;
    else
        status = bl_automaton_start(&g->automaton, &c->state, err);
    if (status == BL_OK)
        link_in(c);
    bl_mutex_release(g->lock);
    if (status == BL_OK)
        *result = c;
    else
        bl_free(c);
    return status;
}

bl_status bl_constraint_open(bl_constraint **c, bl_grammar *g, bl_error *err)
{
    return open_constraint(c, g, NULL, err);
}

bl_status bl_constraint_copy(bl_constraint **to, const bl_constraint *from, bl_error *err)
{
    return open_constraint(to, from->g, from, err);
}

void bl_constraint_close(bl_constraint *c)
{
    if (!c)
        return;
    bl_grammar *g = c->g;
    bl_mutex_hold(g->lock);
    if (c->before)
        c->before->after = c->after;
    else
        g->first = c->after;
    if (c->after)
        c->after->before = c->before;
    g->constraints--;
    bl_mutex_release(g->lock);
    bl_free(c);
    bl_grammar_close(g);
}

/* ---- what may be next; all of this behind the lock ---- */

/* Before new states are made: those that nobody is in go when there are too many. */
static bl_status make_room(bl_grammar *g, bl_error *err)
{
    if (bl_automaton_bytes(&g->automaton) <= BL_AUTOMATON_BYTES)
        return BL_OK;
    uint32_t **held = bl_calloc(g->constraints, sizeof *held);
    size_t n = 0;
    if (!held)
        return bl_fail(err, BL_ENOMEM, "out of memory for the states of a grammar");
    for (bl_constraint *c = g->first; c; c = c->after)
        held[n++] = &c->state;
    bl_status status = bl_automaton_drop(&g->automaton, held, n, err);
    bl_free((void *)held);
    return status;
}

static uint32_t least_of(const bl_grammar *g, uint32_t state)
{
    return g->automaton.states[state].least;
}

/* Where a token leads.  A token without text, and one that is only the space that is dropped, lead
 * nowhere: a text would never come to an end by them. */
static bl_status walk_token(bl_grammar *g, uint32_t state, int drop, int32_t id, uint32_t *to,
                            bl_error *err)
{
    const bl_trie *t = &g->trie;
    *to = BL_STATE_DEAD;
    if (id < 0 || (size_t)id >= t->ids)
        return BL_OK;
    size_t at = t->start[id], end = t->start[id + 1];
    if (drop && at < end && t->text[at] == ' ')
        at++;
    if (at == end)
        return BL_OK;
    for (; at < end && state != BL_STATE_DEAD; at++)
        BL_TRY(bl_automaton_step(&g->automaton, state, t->text[at], &state, err));
    *to = state;
    return BL_OK;
}

/* Whether a token may have to be refused that leads too far from the end; from here on there is
 * always one that does not, byte by byte. */
static int is_counted(const bl_constraint *c, const bl_token_limit *limit)
{
    return least_of(c->g, c->state) < limit->left;
}

static bl_status allows(bl_constraint *c, const bl_token_limit *limit, int counted, int32_t id,
                        int *yes, bl_error *err)
{
    bl_grammar *g = c->g;
    uint32_t to;
    if (id == limit->end) {
        *yes = least_of(g, c->state) == 0;
        return BL_OK;
    }
    BL_TRY(walk_token(g, c->state, limit->drop, id, &to, err));
    *yes = to != BL_STATE_DEAD && (!counted || (uint64_t)least_of(g, to) + 1 < limit->left);
    return BL_OK;
}

bl_status bl_constraint_keep(bl_constraint *c, const bl_token_limit *limit, bl_candidate *list,
                             size_t *count, bl_error *err)
{
    bl_mutex_hold(c->g->lock);
    size_t kept = 0;
    bl_status status = make_room(c->g, err);
    int counted = is_counted(c, limit);
    for (size_t i = 0; status == BL_OK && i < *count; i++) {
        int yes = 0;
        status = allows(c, limit, counted, list[i].id, &yes, err);
        if (yes)
            list[kept++] = list[i];
    }
    bl_mutex_release(c->g->lock);
    *count = kept;
    return status;
}

static void set(uint64_t *mask, size_t i)
{
    mask[i / 64] |= UINT64_C(1) << i % 64;
}

static int has(const uint64_t *mask, size_t i)
{
    return mask[i / 64] >> i % 64 & 1;
}

/* What is known of `ids` tokens for V of them, and the token of the end. */
static void copy_mask(uint64_t *mask, size_t V, const uint64_t *known, size_t ids, int32_t end,
                      int may_end)
{
    size_t both = V < ids ? V : ids;
    memcpy(mask, known, (both + 63) / 64 * sizeof *mask);
    if (both % 64)
        mask[both / 64] &= (UINT64_C(1) << both % 64) - 1;
    if (end < 0 || (size_t)end >= V)
        return;
    mask[end / 64] &= ~(UINT64_C(1) << end % 64);
    if (may_end)
        set(mask, (size_t)end);
}

/* What a walk over the tree finds of the tokens that fit in a state. */
typedef struct fitting {
    uint64_t *bits; /* of all; NULL: it is enough to know whether there are several */
    int32_t only;
    uint32_t reach;
} fitting;

static void note_fitting(const bl_grammar *g, fitting *f, int32_t id, uint32_t leads_to)
{
    for (; id >= 0; id = g->trie.same[id]) {
        f->only = f->only == BL_ONLY_NONE ? id : BL_ONLY_SEVERAL;
        f->reach = least_of(g, leads_to) > f->reach ? least_of(g, leads_to) : f->reach;
        if (f->bits)
            set(f->bits, (size_t)id);
    }
}

static bl_status begin_level(bl_grammar *g, walk_level *l, uint32_t node, uint32_t state,
                             bl_error *err)
{
    const bl_trie_node *n = &g->trie.nodes[node];
    *l = (walk_level){.at = n->first,
                      .end = n[1].first,
                      .state = state,
                      .next = bl_automaton_row(&g->automaton, state)};
    return l->next ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory for the states of a grammar");
}

static bl_status walk_tree(bl_grammar *g, uint32_t state, fitting *f, bl_error *err)
{
    const bl_trie *t = &g->trie;
    size_t depth = 0;
    f->only = BL_ONLY_NONE;
    BL_TRY(begin_level(g, &g->walk[0], 0, state, err));
    while (f->bits || f->only != BL_ONLY_SEVERAL) {
        walk_level *l = &g->walk[depth];
        if (l->at == l->end) {
            if (!depth--)
                break;
            continue;
        }
        uint32_t i = l->at++, next = l->next[g->graph.class_of[t->byte[i]]];
        if (next == BL_STATE_UNKNOWN)
            BL_TRY(bl_automaton_learn(&g->automaton, l->state, t->byte[i], &next, err));
        if (next == BL_STATE_DEAD)
            continue;
        note_fitting(g, f, t->nodes[i].token, next);
        if (t->nodes[i].first < t->nodes[i + 1].first)
            BL_TRY(begin_level(g, &g->walk[++depth], i, next, err));
    }
    return BL_OK;
}

/* The tokens that fit in a state, found in one walk over the tree and kept with it. */
static bl_status learn_mask(bl_grammar *g, uint32_t state, const uint64_t **mask, bl_error *err)
{
    bl_automaton *a = &g->automaton;
    if ((*mask = a->states[state].mask) != NULL)
        return BL_OK;
    fitting f = {.bits = bl_automaton_mask(a, state)};
    if (!f.bits)
        return bl_fail(err, BL_ENOMEM, "out of memory for a mask of %zu tokens", g->trie.ids);
    bl_status status = walk_tree(g, state, &f, err);
    a->states[state].reach = f.reach;
    if (status == BL_OK) {
        a->states[state].only = f.only;
    } else { /* half a mask is none */
        bl_free(a->states[state].mask);
        a->states[state].mask = NULL;
        a->kept_bytes -= a->mask_words * sizeof *f.bits;
    }
    *mask = f.bits;
    return status;
}

static bl_status learn_only(bl_grammar *g, uint32_t state, int32_t *only, bl_error *err)
{
    fitting f = {0};
    *only = g->automaton.states[state].only;
    if (*only != BL_ONLY_UNKNOWN)
        return BL_OK;
    BL_TRY(walk_tree(g, state, &f, err));
    *only = g->automaton.states[state].only = f.only;
    return BL_OK;
}

static bl_status find_mask(bl_constraint *c, const bl_token_limit *limit, uint64_t *mask, size_t V,
                           bl_error *err)
{
    bl_grammar *g = c->g;
    BL_TRY(make_room(g, err));
    int counted = is_counted(c, limit);
    const uint64_t *bits = NULL;
    memset(mask, 0, (V + 63) / 64 * sizeof *mask);
    if (!limit->drop)
        BL_TRY(learn_mask(g, c->state, &bits, err));
    int each = limit->drop || (counted && g->automaton.states[c->state].reach + 1 >= limit->left);
    for (size_t id = 0; each && id < V; id++) {
        int yes = !bits || (id < g->trie.ids && has(bits, id)) || (int32_t)id == limit->end;
        if (yes)
            BL_TRY(allows(c, limit, counted, (int32_t)id, &yes, err));
        if (yes)
            set(mask, id);
    }
    if (!each)
        copy_mask(mask, V, bits, g->trie.ids, limit->end, least_of(g, c->state) == 0);
    return BL_OK;
}

bl_status bl_constraint_mask(bl_constraint *c, const bl_token_limit *limit, uint64_t *mask,
                             size_t V, int *any, bl_error *err)
{
    bl_mutex_hold(c->g->lock);
    bl_status status = find_mask(c, limit, mask, V, err);
    bl_mutex_release(c->g->lock);
    *any = 0;
    for (size_t i = 0; status == BL_OK && i < (V + 63) / 64; i++)
        *any |= mask[i] != 0;
    return status;
}

bl_status bl_constraint_only(bl_constraint *c, const bl_token_limit *limit, size_t V, int32_t *id,
                             bl_error *err)
{
    bl_grammar *g = c->g;
    int32_t only = BL_ONLY_SEVERAL;
    *id = -1;
    if (limit->drop)
        return BL_OK;
    bl_mutex_hold(g->lock);
    bl_status status = make_room(g, err);
    if (status == BL_OK)
        status = learn_only(g, c->state, &only, err);
    int ends = least_of(g, c->state) == 0;
    bl_mutex_release(g->lock);
    if (ends && only == BL_ONLY_NONE)
        only = limit->end;
    else if (ends || only == limit->end)
        only = BL_ONLY_SEVERAL;
    if (status == BL_OK && only >= 0 && (size_t)only < V)
        *id = only;
    return status;
}

bl_status bl_constraint_ends(bl_constraint *c, int *ends, bl_error *err)
{
    bl_grammar *g = c->g;
    bl_status status = BL_OK;
    bl_mutex_hold(g->lock);
    *ends = least_of(g, c->state) == 0;
    int more = 0;
    for (size_t i = 0; status == BL_OK && *ends && !more && i < g->graph.classes; i++) {
        uint32_t next;
        status = bl_automaton_step(&g->automaton, c->state, g->graph.byte_of[i], &next, err);
        more = status == BL_OK && next != BL_STATE_DEAD;
    }
    bl_mutex_release(g->lock);
    if (*ends && !more)
        *ends = 2;
    return status;
}

bl_status bl_constraint_accept(bl_constraint *c, const bl_token_limit *limit, int32_t id,
                               bl_error *err)
{
    bl_mutex_hold(c->g->lock);
    bl_status status = BL_OK;
    uint32_t state = c->state;
    if (id != limit->end)
        status = walk_token(c->g, c->state, limit->drop, id, &state, err);
    if (status == BL_OK)
        c->state = state;
    bl_mutex_release(c->g->lock);
    return status;
}
