/* A grammar's graph at work: which bytes may follow, found as they are asked for and kept. */
#include "constrain/automaton.h"
#include "core/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { SEEN_SLOTS = 2 * BL_WAYS_MOST };

typedef struct bl_rule_call {
    uint32_t rule;
    bl_return to;
} bl_rule_call;

static bl_status no_memory(bl_error *err)
{
    return bl_fail(err, BL_ENOMEM, "out of memory for the states of a grammar");
}

static uint32_t mix(uint32_t hash, uint32_t value)
{
    hash = (hash ^ value) * 0x9E3779B1u;
    return hash ^ hash >> 15;
}

/* ---- frames and states: equal ones are one ---- */

/* A larger table when a half is in use; all are put in anew by their hashes. */
typedef uint32_t hash_fn(const bl_automaton *a, size_t i);

static bl_status widen(bl_automaton *a, uint32_t **slots, size_t *slot_count, size_t count,
                       hash_fn *hash, bl_error *err)
{
    if (2 * (count + 1) <= *slot_count)
        return BL_OK;
    size_t wide = *slot_count ? 2 * *slot_count : 256;
    uint32_t *table = bl_calloc(wide, sizeof *table);
    if (!table)
        return no_memory(err);
    for (size_t i = 0; i < count; i++) {
        size_t at = hash(a, i) & (wide - 1);
        while (table[at])
            at = (at + 1) & (wide - 1);
        table[at] = (uint32_t)i + 1;
    }
    bl_free(*slots);
    *slots = table;
    *slot_count = wide;
    return BL_OK;
}

static uint32_t hash_returns(const bl_return *returns, size_t count)
{
    uint32_t hash = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        hash = mix(mix(hash, returns[i].back), returns[i].below);
    return hash;
}

static uint32_t hash_frame(const bl_automaton *a, size_t i)
{
    return hash_returns(a->returns + a->frames[i].first, a->frames[i].count);
}

static uint32_t hash_ways(const bl_way *ways, size_t count)
{
    uint32_t hash = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        hash = mix(mix(hash, ways[i].node), ways[i].frame);
    return hash;
}

static uint32_t hash_state(const bl_automaton *a, size_t i)
{
    return hash_ways(a->ways + a->states[i].first, a->states[i].count);
}

static uint32_t plus(uint32_t a, uint32_t b)
{
    return a >= BL_GRAPH_NEVER - b ? BL_GRAPH_NEVER : a + b;
}

static int by_back(const void *x, const void *y)
{
    const bl_return *a = x, *b = y;
    if (a->back != b->back)
        return a->back < b->back ? -1 : 1;
    return (a->below > b->below) - (a->below < b->below);
}

/* The frame of the first n of a->back, which are put in order; equal ones are one. */
static bl_status intern_frame(bl_automaton *a, size_t n, uint32_t *frame, bl_error *err)
{
    bl_return *back = a->back;
    size_t kept = 0;
    if (n > 1)
        qsort(back, n, sizeof *back, by_back);
    for (size_t i = 0; i < n; i++)
        if (!i || by_back(&back[i], &back[i - 1]))
            back[kept++] = back[i];
    n = kept;
    BL_TRY(widen(a, &a->frame_slots, &a->frame_slot_count, a->frame_count, hash_frame, err));
    size_t at = hash_returns(back, n) & (a->frame_slot_count - 1);
    for (; a->frame_slots[at]; at = (at + 1) & (a->frame_slot_count - 1)) {
        const bl_frame *f = &a->frames[ *frame = a->frame_slots[at] - 1];
        if (f->count == n && !memcmp(a->returns + f->first, back, n * sizeof *back))
            return BL_OK;
    }
    BL_TRY(bl_grow(&a->returns, &a->return_cap, a->return_count + n, sizeof *back, err));
    BL_TRY(bl_grow(&a->frames, &a->frame_cap, a->frame_count + 1, sizeof *a->frames, err));
    bl_frame f = {.first = a->return_count, .count = (uint32_t)n, .least = BL_GRAPH_NEVER};
    for (size_t i = 0; i < n; i++) {
        int ends = back[i].back == BL_TEXT_ENDS;
        const bl_frame *under = ends ? NULL : &a->frames[back[i].below];
        uint32_t least = ends ? 0 : plus(a->g->nodes[back[i].back].least, under->least);
        f.least = least < f.least ? least : f.least;
        if (!ends && under->depth + 1 > f.depth)
            f.depth = under->depth + 1;
        a->returns[a->return_count++] = back[i];
    }
    a->frames[a->frame_count] = f;
    *frame = (uint32_t)a->frame_count;
    a->frame_slots[at] = (uint32_t)++a->frame_count;
    return BL_OK;
}

static int by_place(const void *x, const void *y)
{
    const bl_way *a = x, *b = y;
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    return (a->frame > b->frame) - (a->frame < b->frame);
}

/* The state of the ways found. */
static bl_status intern_state(bl_automaton *a, uint32_t *state, bl_error *err)
{
    size_t n = a->found_count;
    if (n > 1)
        qsort(a->found, n, sizeof *a->found, by_place);
    BL_TRY(widen(a, &a->state_slots, &a->state_slot_count, a->state_count, hash_state, err));
    size_t at = hash_ways(a->found, n) & (a->state_slot_count - 1);
    for (; a->state_slots[at]; at = (at + 1) & (a->state_slot_count - 1)) {
        const bl_gstate *s = &a->states[ *state = a->state_slots[at] - 1];
        if (s->count == n && (!n || !memcmp(a->ways + s->first, a->found, n * sizeof *a->found)))
            return BL_OK;
    }
    if (bl_automaton_bytes(a) > (size_t)4 * BL_AUTOMATON_BYTES)
        return bl_fail(err, BL_EUNSUPPORTED,
                       "the grammar is too ambiguous: its states take more than %d MB",
                       4 * (BL_AUTOMATON_BYTES >> 20));
    BL_TRY(bl_grow(&a->ways, &a->way_cap, a->way_count + n, sizeof *a->ways, err));
    BL_TRY(bl_grow(&a->states, &a->state_cap, a->state_count + 1, sizeof *a->states, err));
    bl_gstate *s = &a->states[a->state_count];
    *s = (bl_gstate){
        .first = a->way_count, .count = n, .least = BL_GRAPH_NEVER, .only = BL_ONLY_UNKNOWN};
    for (size_t i = 0; i < n; i++) {
        const bl_way *w = &a->found[i];
        uint32_t least = plus(a->g->nodes[w->node].least, a->frames[w->frame].least);
        s->least = least < s->least ? least : s->least;
        a->ways[a->way_count++] = *w;
    }
    *state = (uint32_t)a->state_count;
    a->state_slots[at] = (uint32_t)++a->state_count;
    return BL_OK;
}

/* ---- steps ---- */

static void forget_step(bl_automaton *a)
{
    for (size_t i = 0; i < a->seen_count; i++) {
        size_t at = mix(mix(2, a->seen[i].node), a->seen[i].frame) & (SEEN_SLOTS - 1);
        for (; a->found_slots[at]; at = (at + 1) & (SEEN_SLOTS - 1))
            a->found_slots[at] = 0;
    }
    a->found_count = a->todo_count = a->seen_count = a->call_count = 0;
}

static bl_status too_many(bl_error *err)
{
    return bl_fail(err, BL_EUNSUPPORTED,
                   "the grammar is too ambiguous: a text can be read in more than %d ways",
                   BL_WAYS_MOST);
}

/* Notes a way to follow, once. */
static bl_status follow(bl_automaton *a, uint32_t node, uint32_t frame, bl_error *err)
{
    if (a->g->nodes[node].least == BL_GRAPH_NEVER) /* it leads nowhere */
        return BL_OK;
    size_t at = mix(mix(2, node), frame) & (SEEN_SLOTS - 1);
    for (; a->found_slots[at]; at = (at + 1) & (SEEN_SLOTS - 1)) {
        const bl_way *w = &a->seen[a->found_slots[at] - 1];
        if (w->node == node && w->frame == frame)
            return BL_OK;
    }
    if (a->seen_count == BL_WAYS_MOST)
        return too_many(err);
    a->seen[a->seen_count] = a->todo[a->todo_count++] = (bl_way){node, frame};
    a->found_slots[at] = (uint32_t)++a->seen_count;
    return BL_OK;
}

static bl_status note_call(bl_automaton *a, uint32_t rule, bl_return to, bl_error *err)
{
    if (a->call_count == BL_WAYS_MOST)
        return too_many(err);
    a->calls[a->call_count++] = (bl_rule_call){rule, to};
    return BL_OK;
}

/* A rule to begin, and to return from to behind it, or, where only its own rule ends there, to what
 * that returns to. */
static bl_status call(bl_automaton *a, const bl_gnode *n, uint32_t frame, bl_error *err)
{
    bl_frame f = a->frames[frame];
    if (a->g->nodes[n->b].kind != BL_GNODE_END)
        return f.depth == BL_NESTED_MOST ? BL_OK
                                         : note_call(a, n->a, (bl_return){n->b, frame}, err);
    for (size_t i = 0; i < f.count; i++)
        BL_TRY(note_call(a, n->a, a->returns[f.first + i], err));
    return BL_OK;
}

/* Where a rule that ends returns to. */
static bl_status end_rule(bl_automaton *a, bl_way w, bl_error *err)
{
    bl_frame f = a->frames[w.frame];
    for (size_t i = 0; i < f.count; i++) {
        bl_return to = a->returns[f.first + i];
        if (to.back == BL_TEXT_ENDS)
            a->found[a->found_count++] = (bl_way){w.node, 0};
        else
            BL_TRY(follow(a, to.back, to.below, err));
    }
    return BL_OK;
}

/* Follows all ways to where they want a byte, the text ends, or a rule is to begin. */
static bl_status follow_all(bl_automaton *a, bl_error *err)
{
    while (a->todo_count) {
        bl_way w = a->todo[--a->todo_count];
        const bl_gnode *n = &a->g->nodes[w.node];
        switch (n->kind) {
        case BL_GNODE_BOTH:
            BL_TRY(follow(a, n->a, w.frame, err));
            BL_TRY(follow(a, n->b, w.frame, err));
            break;
        case BL_GNODE_CALL:
            if (n->least != BL_GRAPH_NEVER)
                BL_TRY(call(a, n, w.frame, err));
            break;
        case BL_GNODE_END:
            BL_TRY(end_rule(a, w, err));
            break;
        case BL_GNODE_BYTES:
            a->found[a->found_count++] = w;
        }
    }
    return BL_OK;
}

/* Begins, of all rules to begin, one that no other of them may begin with: for all that called it. */
static bl_status begin_rule(bl_automaton *a, bl_error *err)
{
    uint32_t rule = a->calls[0].rule, frame;
    size_t n = 0, kept = 0;
    for (size_t i = 1; i < a->call_count; i++)
        if (a->g->rules[a->calls[i].rule].order > a->g->rules[rule].order)
            rule = a->calls[i].rule;
    for (size_t i = 0; i < a->call_count; i++)
        if (a->calls[i].rule == rule)
            a->back[n++] = a->calls[i].to;
        else
            a->calls[kept++] = a->calls[i];
    a->call_count = kept;
    BL_TRY(intern_frame(a, n, &frame, err));
    return follow(a, a->g->rules[rule].start, frame, err);
}

static bl_status follow_and_begin(bl_automaton *a, bl_error *err)
{
    BL_TRY(follow_all(a, err));
    while (a->call_count) {
        BL_TRY(begin_rule(a, err));
        BL_TRY(follow_all(a, err));
    }
    return BL_OK;
}

static bl_status take_byte(bl_automaton *a, const bl_gstate *s, unsigned char byte, bl_error *err)
{
    for (size_t i = 0; i < s->count; i++) {
        bl_way w = a->ways[s->first + i];
        const bl_gnode *n = &a->g->nodes[w.node];
        for (uint32_t e = n->a; n->kind == BL_GNODE_BYTES && e < n->a + n->b; e++) {
            const bl_edge *edge = &a->g->edges[e];
            if (byte >= edge->low && byte <= edge->high)
                BL_TRY(follow(a, edge->to, w.frame, err));
        }
    }
    return follow_and_begin(a, err);
}

/* Of a new state's classes those that some way wants; all others lead to BL_STATE_DEAD. */
static void note_wanted(const bl_automaton *a, const bl_gstate *s, uint32_t *row)
{
    const bl_graph *g = a->g;
    for (size_t i = 0; i < s->count; i++) {
        const bl_gnode *n = &g->nodes[a->ways[s->first + i].node];
        for (uint32_t e = n->a; n->kind == BL_GNODE_BYTES && e < n->a + n->b; e++)
            for (unsigned byte = g->edges[e].low; byte <= g->edges[e].high; byte++)
                row[g->class_of[byte]] = BL_STATE_UNKNOWN;
    }
}

const uint32_t *bl_automaton_row(bl_automaton *a, uint32_t state)
{
    bl_gstate *s = &a->states[state];
    if (!s->next && (s->next = bl_calloc(a->g->classes, sizeof *s->next)) != NULL) {
        a->kept_bytes += a->g->classes * sizeof *s->next;
        note_wanted(a, s, s->next);
    }
    return s->next;
}

bl_status bl_automaton_learn(bl_automaton *a, uint32_t state, unsigned char byte, uint32_t *next,
                             bl_error *err)
{
    const uint32_t *row = bl_automaton_row(a, state);
    if (!row)
        return no_memory(err);
    *next = row[a->g->class_of[byte]];
    if (*next != BL_STATE_UNKNOWN)
        return BL_OK;
    bl_status status = take_byte(a, &a->states[state], byte, err);
    if (status == BL_OK)
        status = intern_state(a, next, err);
    forget_step(a);
    if (status == BL_OK)
        a->states[state].next[a->g->class_of[byte]] = *next;
    return status;
}

bl_status bl_automaton_start(bl_automaton *a, uint32_t *state, bl_error *err)
{
    bl_status status = follow(a, a->g->rules[a->g->root].start, 0, err);
    if (status == BL_OK)
        status = follow_and_begin(a, err);
    if (status == BL_OK)
        status = intern_state(a, state, err);
    forget_step(a);
    return status;
}

/* ---- the whole ---- */

/* The state of no ways, and the frame of the end. */
static bl_status begin(bl_automaton *a, bl_error *err)
{
    uint32_t number;
    a->back[0] = (bl_return){BL_TEXT_ENDS, 0};
    BL_TRY(intern_frame(a, 1, &number, err));
    return intern_state(a, &number, err);
}

bl_status bl_automaton_open(bl_automaton *a, const bl_graph *g, size_t mask_words, bl_error *err)
{
    *a = (bl_automaton){.g = g, .mask_words = mask_words};
    a->found = bl_calloc(BL_WAYS_MOST, sizeof *a->found);
    a->todo = bl_calloc(BL_WAYS_MOST, sizeof *a->todo);
    a->seen = bl_calloc(BL_WAYS_MOST, sizeof *a->seen);
    a->found_slots = bl_calloc(SEEN_SLOTS, sizeof *a->found_slots);
    a->calls = bl_calloc(BL_WAYS_MOST, sizeof *a->calls);
    a->back = bl_calloc(BL_WAYS_MOST, sizeof *a->back);
    int there = a->found && a->todo && a->seen && a->found_slots && a->calls && a->back;
    bl_status status = there ? begin(a, err) : no_memory(err);
    if (status != BL_OK)
        bl_automaton_release(a);
    return status;
}

static void drop_states(bl_automaton *a)
{
    for (size_t i = 0; i < a->state_count; i++) {
        bl_free(a->states[i].next);
        bl_free(a->states[i].mask);
    }
    bl_free(a->returns);
    bl_free(a->frames);
    bl_free(a->ways);
    bl_free(a->states);
    bl_free(a->frame_slots);
    bl_free(a->state_slots);
}

void bl_automaton_release(bl_automaton *a)
{
    drop_states(a);
    bl_free(a->found);
    bl_free(a->todo);
    bl_free(a->seen);
    bl_free(a->found_slots);
    bl_free(a->calls);
    bl_free(a->back);
    *a = (bl_automaton){0};
}

uint64_t *bl_automaton_mask(bl_automaton *a, uint32_t state)
{
    bl_gstate *s = &a->states[state];
    if (!s->mask && (s->mask = bl_calloc(a->mask_words, sizeof *s->mask)) != NULL)
        a->kept_bytes += a->mask_words * sizeof *s->mask;
    return s->mask;
}

size_t bl_automaton_bytes(const bl_automaton *a)
{
    return a->kept_bytes + a->frame_count * sizeof *a->frames +
           a->return_count * sizeof *a->returns + a->way_count * sizeof *a->ways +
           a->state_count * sizeof *a->states +
           (a->frame_slot_count + a->state_slot_count) * sizeof *a->state_slots;
}

/* Marks frames that states held return to, by whichever way: those above come first. */
static void mark_frames(const bl_automaton *a, uint32_t *const *held, size_t count, uint32_t *mark)
{
    for (size_t i = 0; i < count; i++) {
        const bl_gstate *s = &a->states[*held[i]];
        for (size_t k = 0; k < s->count; k++)
            mark[a->ways[s->first + k].frame] = 1;
    }
    for (size_t i = a->frame_count; i-- > 1;)
        for (size_t k = 0; mark[i] && k < a->frames[i].count; k++)
            mark[a->returns[a->frames[i].first + k].below] = 1;
}

/* The frames marked, in another automaton; their marks become their numbers there. */
static bl_status carry_frames(bl_automaton *to, const bl_automaton *from, uint32_t *mark,
                              bl_error *err)
{
    mark[0] = 0;
    for (size_t i = 1; i < from->frame_count; i++) {
        const bl_frame *f = &from->frames[i];
        if (!mark[i])
            continue;
        for (size_t k = 0; k < f->count; k++) {
            to->back[k] = from->returns[f->first + k];
            to->back[k].below = mark[to->back[k].below];
        }
        BL_TRY(intern_frame(to, f->count, &mark[i], err));
    }
    return BL_OK;
}

static bl_status carry_state(bl_automaton *to, const bl_automaton *from, const uint32_t *frames,
                             uint32_t state, uint32_t *carried, bl_error *err)
{
    const bl_gstate *s = &from->states[state];
    to->found_count = s->count;
    for (size_t i = 0; i < s->count; i++) {
        const bl_way *w = &from->ways[s->first + i];
        to->found[i] = (bl_way){w->node, frames[w->frame]};
    }
    bl_status status = intern_state(to, carried, err);
    to->found_count = 0;
    return status;
}

bl_status bl_automaton_drop(bl_automaton *a, uint32_t *const *held, size_t count, bl_error *err)
{
    uint32_t *carried = bl_calloc(count, sizeof *carried);
    uint32_t *mark = bl_calloc(a->frame_count, sizeof *mark);
    bl_automaton fresh = {0};
    bl_status status =
        carried && mark ? bl_automaton_open(&fresh, a->g, a->mask_words, err) : no_memory(err);
    if (status == BL_OK) {
        mark_frames(a, held, count, mark);
        status = carry_frames(&fresh, a, mark, err);
    }
    for (size_t i = 0; status == BL_OK && i < count; i++)
        status = carry_state(&fresh, a, mark, *held[i], &carried[i], err);
    if (status == BL_OK) {
        for (size_t i = 0; i < count; i++)
            *held[i] = carried[i];
        bl_automaton_release(a);
        *a = fresh;
    } else {
        bl_automaton_release(&fresh);
    }
    bl_free(carried);
    bl_free(mark);
    return status;
}
