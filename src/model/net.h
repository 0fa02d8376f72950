/* The network: parameters on a device, their initial values and files, and shapes for the ops. */
#ifndef BL_MODEL_NET_H
#define BL_MODEL_NET_H

#include "core/arena.h"
#include "format/safetensors.h"
#include "model/tensors.h"

typedef struct bl_net {
    bl_config config;
    bl_dims m;
    bl_dev *dev; /* borrowed */
    int packed;  /* no latent matrices: for inference only */
    bl_tensor_list tensors;
    void *block;           /* device: tensors.elements parameters */
    bl_params w;           /* places in block */
    void *tern_block;      /* device: the ternarised matrices */
    size_t tern_bytes;     /* of tern_block */
    bl_layer_terns *terns; /* [L] */
    bl_latent *latents;    /* what is ternarised: tensors of BL_ROLE_LATENT, unless packed */
    size_t latent_count;
    bl_coarse *coarse; /* device: of the head as it is; NULL: there is none */
    size_t coarse_bytes;
} bl_net;

/* Memory for a model on a device; the parameters are undefined until init or load.
 * BL_EUNSUPPORTED for a variant that this version does not compute, BL_ENOMEM, BL_EDEVICE. */
bl_status bl_net_open(bl_net *net, const bl_config *config, bl_dev *dev,
                      bl_error *err) BL_NODISCARD;
void bl_net_release(bl_net *net);

/* The same for packed weights (model/packed.h): the latent matrices get no memory, and embedding and
 * head are kept in `form` where the device can (bl_packed_form). */
bl_status bl_net_open_packed(bl_net *net, const bl_config *config, bl_dev *dev, bl_table_form form,
                             bl_error *err) BL_NODISCARD;

/* Initial weights (MODEL 4): a pure function of seed and the tensor's place in the list. */
bl_status bl_net_init(bl_net *net, uint64_t seed, bl_error *err) BL_NODISCARD;

/* Random weights of a ternary net from bl_net_open_packed: no codes of a trained model, but as many,
 * and numbers that stay finite. */
bl_status bl_net_randomise(bl_net *net, uint64_t seed, bl_error *err) BL_NODISCARD;

/* The initial values of a tensor that is the number-th to draw any, into host[t->count]. */
void bl_net_fill_initial(const bl_net *net, const bl_tensor *t, uint64_t seed, uint64_t number,
                         float *host);

/* Parameters from and to a safetensors file.  Load refuses a missing tensor and a wrong shape; both
 * refuse a value that is not finite. */
bl_status bl_net_load(bl_net *net, const bl_st *st, const char *path, bl_error *err) BL_NODISCARD;
bl_status bl_net_save(const bl_net *net, const char *path, bl_error *err) BL_NODISCARD;

/* The parameters of another net with this config, on a device of any kind, as if they had been saved
 * and loaded. */
bl_status bl_net_copy(bl_net *net, const bl_net *from, bl_error *err) BL_NODISCARD;

/* One tensor from a file, piece by piece through host memory for BL_NET_PIECE floats; and one to the
 * host, which has room for t->count. */
enum { BL_NET_PIECE = 1 << 16 };
bl_status bl_net_tensor_load(const bl_net *net, const bl_tensor *t, const bl_st *st,
                             const char *path, float *host, bl_error *err) BL_NODISCARD;
bl_status bl_net_tensor_get(const bl_net *net, const bl_tensor *t, float *host,
                            bl_error *err) BL_NODISCARD;
/* The same of whatever is there, finite or not. */
bl_status bl_net_floats_get(const bl_net *net, const bl_tensor *t, float *host,
                            bl_error *err) BL_NODISCARD;

/* Elements first .. first + n - 1 of a tensor of bfloat16 as they are, by way of host [n]; refuses
 * what is not finite. */
bl_status bl_net_halves_get(const bl_tensor *t, const bl_st *st, const char *path, size_t first,
                            size_t n, float *host, void *halves, bl_error *err) BL_NODISCARD;

/* Makes what finds the best logits sooner (head_best), where the device has such a thing.  For a net
 * whose weights are loaded and stay as they are. */
bl_status bl_net_coarsen(bl_net *net, bl_error *err) BL_NODISCARD;

/* A host buffer for the largest tensor; free with bl_free. */
bl_status bl_net_host_buffer(float **host, const bl_net *net, bl_error *err) BL_NODISCARD;

/* Is every tensor of the list, as prefix + name, in the file with its shape?  No data is read.
 * BL_EFORMAT names the first that is not. */
bl_status bl_tensors_check(const bl_tensor_list *list, const bl_st *st, const char *prefix,
                           bl_error *err) BL_NODISCARD;

/* A block laid out like the parameters (gradients, moments) from and to tensors prefix + name. */
bl_status bl_net_block_load(const bl_net *net, void *block, const bl_st *st, const char *prefix,
                            const char *path, bl_error *err) BL_NODISCARD;
bl_status bl_net_block_declare(const bl_net *net, bl_st_writer *w, const char *prefix,
                               bl_error *err) BL_NODISCARD;
bl_status bl_net_block_write(const bl_net *net, const void *block, bl_st_writer *w,
                             bl_error *err) BL_NODISCARD;

/* Rounds every latent matrix (MODEL 2).  After init, load and every optimizer step; a packed model
 * has none. */
void bl_net_ternarise(bl_net *net);

/* The ternarised matrix of a latent tensor of net->tensors. */
bl_tern *bl_net_tern(const bl_net *net, const bl_tensor *t);

/* What follows the gradients of a step: clip, AdamW and the rounding of the new latents, in a few
 * calls however many tensors there are.  grads, m and v are blocks laid out like the parameters. */
void bl_net_update(bl_net *net, void *grads, void *m, void *v, bl_dev_step *step);

/* Where a tensor of net->tensors lies in a block laid out like the parameters. */
void *bl_net_place(const bl_net *net, const void *block, const bl_tensor *t);

/* The matrix of the head: the embedding when tied. */
const bl_param *bl_net_head(const bl_net *net);

/* What the TTT op is told of this model: shapes of B x T tokens, places of a layer's parameters,
 * the step size ttt_base_lr / F; and the limits of all ops. */
bl_ttt_shape bl_net_ttt_shape(const bl_net *net, size_t B, size_t T);
bl_ttt_params bl_net_ttt_params(const bl_layer_params *w);
bl_limits bl_net_limits(const bl_net *net, size_t B, size_t T);
float bl_net_lr_scale(const bl_net *net);

#endif
