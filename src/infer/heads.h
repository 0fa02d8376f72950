/* What the heads of the TTT layers remember: for how long, and how far each state is from where it
 * began. */
#ifndef BL_INFER_HEADS_H
#define BL_INFER_HEADS_H

#include "model/state.h"

/* heads [L*H], layer by layer: half-lives, and the distances of a sequence's state (NULL: 0).
 * BL_ENOMEM, BL_EDEVICE. */
bl_status bl_heads_measure(const bl_net *net, const bl_state *s, bl_head_info *heads,
                           bl_error *err) BL_NODISCARD;

/* The same between two sequences of the model: |W - W'| / |W0|. */
bl_status bl_heads_between(const bl_net *net, const bl_state *s, const bl_state *other,
                           bl_head_info *heads, bl_error *err) BL_NODISCARD;

/* Squares of the differences from where the model begins, and of the beginning itself, summed for
 * each head. */
typedef struct bl_head_sums {
    const bl_net *net;
    float *start;            /* host, room for one tensor of all heads */
    double *moved, *squares; /* [L*H] */
} bl_head_sums;

/* All 0.  BL_ENOMEM leaves nothing to release. */
bl_status bl_head_sums_open(bl_head_sums *s, const bl_net *net, bl_error *err) BL_NODISCARD;
void bl_head_sums_release(bl_head_sums *s);
void bl_head_sums_clear(bl_head_sums *s, size_t layer);

/* A tensor of that shape (model/state.h) of a layer, and where the model begins. */
bl_status bl_head_sums_add(bl_head_sums *s, size_t layer, const float *now, const bl_param *start,
                           const char *shape, bl_error *err) BL_NODISCARD;

/* The same, but what is moved is counted from `then` (NULL: where the model begins). */
bl_status bl_head_sums_add_from(bl_head_sums *s, size_t layer, const float *now, const float *then,
                                const bl_param *start, const char *shape,
                                bl_error *err) BL_NODISCARD;

/* Of a head, counted layer by layer: |now - start| / |start|. */
double bl_head_sums_distance(const bl_head_sums *s, size_t head);

#endif
