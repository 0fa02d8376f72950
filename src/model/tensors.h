/* The tensors of a model: one table line each, which gives structs, names in files, shapes,
 * initial values and weight-decay groups. */
#ifndef BL_MODEL_TENSORS_H
#define BL_MODEL_TENSORS_H

#include "format/options.h"
#include "ops/ops.h"

/* The model's dimension letters (docs/NOTATION.md); M is F, or 4F when the inner model is an
 * MLP. */
typedef struct bl_dims {
    size_t V, D, L, H, F, I, C, K, M;
} bl_dims;

bl_dims bl_config_dims(const bl_config *c);

/* The size a letter of a shape stands for: one of the above, T for K - 1, and 1 for '1'. */
size_t bl_dims_letter(const bl_dims *m, char letter);

/* Elements of a tensor of that shape. */
size_t bl_shape_elements(const bl_dims *m, const char *shape);

/* How a tensor starts (MODEL 4). */
typedef enum bl_tensor_init {
    BL_INIT_ZEROS,
    BL_INIT_ONES,
    BL_INIT_NORMAL, /* Normal(0, initializer_range) */
    BL_INIT_CONV,   /* Normal(0, conv_initializer_range), or 0.8 sqrt(256 / max(D, 256)) when 0 */
    BL_INIT_FORGET  /* logarithms of half-lives spread over the heads (MODEL 3.7) */
} bl_tensor_init;

/* What training and inference do with it. */
typedef enum bl_tensor_role {
    BL_ROLE_PLAIN, /* norms, biases, convolutions, gates, the inner model: no weight decay */
    BL_ROLE_TABLE, /* embedding and head: weight decay */
    BL_ROLE_LATENT /* BitLinear: weight decay, ternarised */
} bl_tensor_role;

/* Whether the inner model of a bl_config is an MLP (MODEL 3.6). */
#define BL_IS_MLP(c) ((c)->ttt_layer_type == BL_TTT_MLP)

/* clang-format off */

/* X(field, key, shape, init, role, present) with the shape in dimension letters ('1' is 1) as the
 * file stores it, and `present` a condition on bl_config *c. */
#define BL_MODEL_TENSORS(X)                                                                        \
    X(embed,     "model.embed_tokens.weight", "VD", NORMAL, TABLE, 1)                              \
    X(norm,      "model.norm.weight",         "D",  ONES,   PLAIN, 1)                              \
    X(head,      "lm_head.weight",            "VD", NORMAL, TABLE, !c->tie_word_embeddings)

/* Keys follow "model.layers.N.". */
#define BL_LAYER_TENSORS(X)                                                                        \
    X(pre_norm,  "conv.norm.weight",                           "D",   ONES,   PLAIN,  c->pre_conv) \
    X(pre_conv,  "conv.conv.weight",                           "D1K", CONV,   PLAIN,  c->pre_conv) \
    X(pre_conv_b,"conv.conv.bias",                             "D",   ZEROS,  PLAIN,  c->pre_conv) \
    X(seq_norm,  "seq_norm.weight",                            "D",   ONES,   PLAIN,  1)           \
    X(q_proj,    "seq_modeling_block.q_proj.weight",           "DD",  NORMAL, LATENT, 1)           \
    X(k_proj,    "seq_modeling_block.k_proj.weight",           "DD",  NORMAL, LATENT, !c->share_qk)\
    X(v_proj,    "seq_modeling_block.v_proj.weight",           "DD",  NORMAL, LATENT, 1)           \
    X(g_proj,    "seq_modeling_block.g_proj.weight",           "DD",  NORMAL, LATENT, c->use_gate) \
    X(o_proj,    "seq_modeling_block.o_proj.weight",           "DD",  NORMAL, LATENT, 1)           \
    X(conv_q,    "seq_modeling_block.conv_q.weight",           "D1K", CONV,   PLAIN,  c->share_qk) \
    X(conv_q_b,  "seq_modeling_block.conv_q.bias",             "D",   ZEROS,  PLAIN,  c->share_qk) \
    X(conv_k,    "seq_modeling_block.conv_k.weight",           "D1K", CONV,   PLAIN,  c->share_qk) \
    X(conv_k_b,  "seq_modeling_block.conv_k.bias",             "D",   ZEROS,  PLAIN,  c->share_qk) \
    X(lr_w,      "seq_modeling_block.learnable_ttt_lr_weight", "H1D", NORMAL, PLAIN,  1)           \
    X(lr_b,      "seq_modeling_block.learnable_ttt_lr_bias",   "H1",  ZEROS,  PLAIN,  1)           \
    X(delta,     "seq_modeling_block.learnable_token_idx",     "C",   ZEROS,  PLAIN,  1)           \
    X(gamma,     "seq_modeling_block.ttt_norm_weight",         "HF",  ONES,   PLAIN,  1)           \
    X(beta,      "seq_modeling_block.ttt_norm_bias",           "HF",  ZEROS,  PLAIN,  1)           \
    X(W0,        "seq_modeling_block.W1",                      "HFM", NORMAL, PLAIN,  1)           \
    X(b0,        "seq_modeling_block.b1",                      "H1M", ZEROS,  PLAIN,  1)           \
    X(W2,        "seq_modeling_block.W2",                      "HMF", NORMAL, PLAIN,  BL_IS_MLP(c))\
    X(b2,        "seq_modeling_block.b2",                      "H1F", ZEROS,  PLAIN,  BL_IS_MLP(c))\
    X(post_w,    "seq_modeling_block.post_norm.weight",        "D",   ONES,   PLAIN,  1)           \
    X(post_b,    "seq_modeling_block.post_norm.bias",          "D",   ZEROS,  PLAIN,  1)           \
    X(attn_sub,  "seq_modeling_block.attn_sub_norm.weight",    "D",   ONES,   PLAIN,  1)           \
    X(ffn_norm,  "ffn_norm.weight",                            "D",   ONES,   PLAIN,  1)           \
    X(gate_proj, "mlp.gate_proj.weight",                       "ID",  NORMAL, LATENT, 1)           \
    X(up_proj,   "mlp.up_proj.weight",                         "ID",  NORMAL, LATENT, 1)           \
    X(down_proj, "mlp.down_proj.weight",                       "DI",  NORMAL, LATENT, 1)           \
    X(ffn_sub,   "mlp.ffn_sub_norm.weight",                    "I",   ONES,   PLAIN,  1)           \
    X(half_life, "seq_modeling_block.learnable_ttt_half_life", "H",   FORGET, PLAIN,  c->ttt_forget)
/* clang-format on */

#define X(field, key, shape, init, role, present) bl_param *field;
typedef struct bl_layer_params {
    BL_LAYER_TENSORS(X)
} bl_layer_params;
typedef struct bl_params {
    BL_MODEL_TENSORS(X)
    bl_layer_params *layer; /* [L] */
} bl_params;
#undef X

/* The ternarised matrices of a layer: members of latent tensors are set, the others stay NULL. */
#define X(field, key, shape, init, role, present) bl_tern *field;
typedef struct bl_layer_terns {
    BL_LAYER_TENSORS(X)
} bl_layer_terns;
#undef X

/* One tensor of this model. */
typedef struct bl_tensor {
    char name[96];
    size_t rank, shape[4], count; /* count: elements */
    bl_tensor_init init;
    bl_tensor_role role;
    size_t offset;      /* elements from the start of the parameter block; SIZE_MAX: not in it */
    bl_table_form form; /* other than BL_TABLE_PARAMS only of BL_ROLE_TABLE */
    size_t layer;       /* SIZE_MAX: not of a layer */
    size_t member;      /* offsetof in bl_params, or in bl_layer_params and bl_layer_terns */
} bl_tensor;

typedef struct bl_tensor_list {
    bl_tensor *at;
    size_t count;
    size_t elements;   /* of the block that holds all of them, by role, each aligned to 64 bytes */
    size_t undecayed;  /* the first so many are of BL_ROLE_PLAIN */
    size_t tables;     /* and those up to here of BL_ROLE_TABLE */
    size_t parameters; /* without the padding */
} bl_tensor_list;

/* All tensors of a model in file order; in the block those of a role lie together, so that an
 * optimizer meets few ranges.  Of a packed one the latent matrices take no place in the
 * block, and tables one for rows of `form`, as a device of param_bytes keeps them.  BL_ENOMEM when sizes overflow or memory is short. */
bl_status bl_tensors_open(bl_tensor_list *list, const bl_config *c, int packed, bl_table_form form,
                          size_t param_bytes, bl_error *err) BL_NODISCARD;
void bl_tensors_release(bl_tensor_list *list);

/* Points the members of p (p->layer has room for L) to their places in a block of list->elements
 * elements; tensors that are absent or have no place become NULL, and without a block all do. */
void bl_params_bind(bl_params *p, const bl_tensor_list *list, size_t L, void *block,
                    size_t element_bytes);

#endif
