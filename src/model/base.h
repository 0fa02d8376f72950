/* What a sequence forgets towards: a base of its own (MODEL 3.8). */
#ifndef BL_MODEL_BASE_H
#define BL_MODEL_BASE_H

#include "model/state.h"

/* How many tokens one pass may read: those before a consolidation that waits, so that it falls
 * between two passes, or else SIZE_MAX. */
size_t bl_base_room(const bl_state *s, const bl_net *net);

/* The farthest that a head's base may be from where the model begins, relative to that. */
#define BL_BASE_MOST 0.125f

/* Moves the base by `share` in (0, 1] at the next chunk border.  One that already waits combines
 * with it: 1 - (1 - a) (1 - b).  There must be a base. */
bl_status bl_base_consolidate(bl_state *s, const bl_net *net, float share,
                              bl_error *err) BL_NODISCARD;

/* At a border: the rest becomes the mean of the states of `n` borders, this one the n-th. */
void bl_base_note_rest(const bl_state *s, const bl_net *net, const bl_state *writer, size_t n);

/* At a border: does what waits. */
void bl_base_settle(bl_state *s, const bl_net *net);

/* Opens a base and a rest, both equal to where the model begins, unless there are some; drops them;
 * copies those of another sequence, or drops them if it has none.  BL_ENOMEM leaves what was
 * there. */
bl_status bl_base_open(bl_state *s, const bl_net *net, bl_error *err) BL_NODISCARD;
void bl_base_drop(bl_state *s, const bl_net *net);
bl_status bl_base_copy(bl_state *to, const bl_net *net, const bl_state *from,
                       bl_error *err) BL_NODISCARD;

/* Where W0 and b0 lie in every base's block, in bytes, into layers[L].  BL_ENOMEM. */
bl_status bl_base_places(bl_decode_layer *layers, const bl_net *net, bl_error *err) BL_NODISCARD;

/* What the inner model of layer l starts from and forgets towards in this sequence. */
bl_ttt_params bl_base_params(const bl_state *s, const bl_net *net, size_t l);

#endif
