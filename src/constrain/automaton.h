/* A grammar's graph at work: which bytes may follow, found as they are asked for and kept.
 *
 * A state is where a text may be in the grammar: a set of ways, each a node and what its rule returns
 * to.  Rules that several ways begin at one place are begun once and return to all of them, so that
 * ways do not double where alternatives begin alike.  Equal sets are one state, and a state knows where each class of bytes leads, once
 * it was asked: what has been walked before costs a look into a table. */
#ifndef BL_CONSTRAIN_AUTOMATON_H
#define BL_CONSTRAIN_AUTOMATON_H

#include "constrain/pushdown.h"

enum {
    BL_WAYS_MOST = 4096,           /* of a state */
    BL_NESTED_MOST = 1024,         /* rules to return to; deeper ways are not taken */
    BL_STATE_DEAD = 0,             /* nothing fits any more */
    BL_AUTOMATON_BYTES = 32 << 20, /* when states take more, those that nobody is in are dropped */
};
#define BL_STATE_UNKNOWN UINT32_MAX

/* What is known of the tokens that fit in a state, where it is not the only one that does. */
enum { BL_ONLY_UNKNOWN = -1, BL_ONLY_NONE = -2, BL_ONLY_SEVERAL = -3 };

/* Where the end of a rule leads: to node `back`, and from the end of its rule as frame `below`
 * says; BL_TEXT_ENDS: to nowhere. */
typedef struct bl_return {
    uint32_t back, below;
} bl_return;
#define BL_TEXT_ENDS UINT32_MAX

/* All that a rule may return to that was begun at one place of a text, by whichever ways. */
typedef struct bl_frame {
    size_t first; /* returns */
    uint32_t count, depth;
    uint32_t least; /* bytes from them to the end of the text */
} bl_frame;

typedef struct bl_way {
    uint32_t node, frame;
} bl_way;

typedef struct bl_gstate {
    size_t first, count; /* ways */
    uint32_t least;      /* bytes to the end of a text; 0: it may end here */
    uint32_t *next;      /* [classes], BL_STATE_UNKNOWN where nobody asked; or NULL */
    uint64_t *mask;      /* of the tokens that fit, kept here for their owner; or NULL */
    uint32_t reach;      /* with it: the greatest `least` of where these lead */
    int32_t only;        /* the only token that fits, or BL_ONLY_*: kept for the same owner */
} bl_gstate;

typedef struct bl_automaton {
    const bl_graph *g;
    size_t mask_words; /* of a state's mask */
    bl_return *returns;
    bl_frame *frames; /* number 0: the end of the text; others lead to lower ones */
    bl_way *ways;
    bl_gstate *states; /* number 0: BL_STATE_DEAD */
    size_t return_count, return_cap, frame_count, frame_cap, way_count, way_cap, state_count,
        state_cap;
    uint32_t *frame_slots, *state_slots; /* hash tables of numbers plus 1 */
    size_t frame_slot_count, state_slot_count;
    size_t kept_bytes; /* of next and mask */
    /* of one step */
    bl_way *found, *todo;       /* [BL_WAYS_MOST] */
    uint32_t *found_slots;      /* places in seen, plus 1 */
    bl_way *seen;               /* [BL_WAYS_MOST] */
    struct bl_rule_call *calls; /* [BL_WAYS_MOST] of rules that are not begun yet */
    bl_return *back;            /* [BL_WAYS_MOST] of one of them */
    size_t found_count, todo_count, seen_count, call_count;
} bl_automaton;

/* Over a graph that was checked, which must outlive it. */
bl_status bl_automaton_open(bl_automaton *a, const bl_graph *g, size_t mask_words,
                            bl_error *err) BL_NODISCARD;
void bl_automaton_release(bl_automaton *a);

/* Where a text begins; where a byte leads from a state, BL_STATE_DEAD when it does not fit.
 * BL_EUNSUPPORTED when a text could be read in more than BL_WAYS_MOST ways, or states take more
 * than four times BL_AUTOMATON_BYTES; BL_ENOMEM. */
bl_status bl_automaton_start(bl_automaton *a, uint32_t *state, bl_error *err) BL_NODISCARD;
bl_status bl_automaton_learn(bl_automaton *a, uint32_t state, unsigned char byte, uint32_t *next,
                             bl_error *err) BL_NODISCARD;

static inline bl_status bl_automaton_step(bl_automaton *a, uint32_t state, unsigned char byte,
                                          uint32_t *next, bl_error *err)
{
    const uint32_t *known = a->states[state].next;
    *next = known ? known[a->g->class_of[byte]] : BL_STATE_UNKNOWN;
    return *next != BL_STATE_UNKNOWN ? BL_OK : bl_automaton_learn(a, state, byte, next, err);
}

/* Where each class of bytes leads from a state, those that must be learned BL_STATE_UNKNOWN; it stays
 * where it is while states are not dropped.  NULL: no memory. */
const uint32_t *bl_automaton_row(bl_automaton *a, uint32_t state);

/* A state's mask, zeroed when it is new; NULL: no memory. */
uint64_t *bl_automaton_mask(bl_automaton *a, uint32_t state);

/* Bytes that states take; drops all states but those held, whose numbers it changes. */
size_t bl_automaton_bytes(const bl_automaton *a);
bl_status bl_automaton_drop(bl_automaton *a, uint32_t *const *held, size_t count,
                            bl_error *err) BL_NODISCARD;

#endif
