/* What the heads of the TTT layers remember: for how long, and how far each state stands from where
 * it began. */
#ifndef BL_INFER_HEADS_H
#define BL_INFER_HEADS_H

#include "model/net.h"

/* heads [L*H], layer by layer: half-lives, and the distances of a sequence's state (NULL: 0).
 * BL_ENOMEM, BL_EDEVICE. */
bl_status bl_heads_measure(const bl_net *net, const bl_decode *s, bl_head_info *heads,
                           bl_error *err) BL_NODISCARD;

#endif
