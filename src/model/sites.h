/* What the two columns of the model share: dropout sites, and the TTT op by the inner model. */
#ifndef BL_MODEL_SITES_H
#define BL_MODEL_SITES_H

#include "model/net.h"

/* Numbers of the places where dropout is applied: each draws its own mask. */
#define BL_SITE_EMBED  0u
#define BL_SITE_TTT(l) ((uint32_t)(2 * (l) + 1))
#define BL_SITE_FFN(l) ((uint32_t)(2 * (l) + 2))

/* The TTT op of this model's inner model: BL_TTT_OP(net, fwd, o, ...). */
#define BL_TTT_OP(net, verb, ...)                                                                  \
    (BL_IS_MLP(&(net)->config) ? BL_OP((net)->dev, ttt_mlp_##verb, __VA_ARGS__)                    \
                               : BL_OP((net)->dev, ttt_linear_##verb, __VA_ARGS__))

#endif
