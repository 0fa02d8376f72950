/* The tensor tables turned into lists, shapes and places. */
#include "model/tensors.h"
#include "core/alloc.h"

#include <stdio.h>
#include <string.h>

bl_dims bl_config_dims(const bl_config *c)
{
    return (bl_dims){.V = c->vocab_size,
                     .D = c->hidden_size,
                     .L = c->num_hidden_layers,
                     .H = c->num_attention_heads,
                     .F = c->hidden_size / c->num_attention_heads,
                     .I = c->intermediate_size,
                     .C = c->mini_batch_size,
                     .K = c->conv_kernel,
                     .M = c->hidden_size / c->num_attention_heads * (BL_IS_MLP(c) ? 4 : 1)};
}

size_t bl_dims_letter(const bl_dims *m, char letter)
{
    switch (letter) {
    case 'V':
        return m->V;
    case 'D':
        return m->D;
    case 'H':
        return m->H;
    case 'F':
        return m->F;
    case 'I':
        return m->I;
    case 'C':
        return m->C;
    case 'K':
        return m->K;
    case 'M':
        return m->M;
    case 'T':
        return m->K - 1;
    default:
        return 1;
    }
}

size_t bl_shape_elements(const bl_dims *m, const char *shape)
{
    size_t count = 1;
    for (; *shape; shape++)
        count *= bl_dims_letter(m, *shape);
    return count;
}

typedef struct table_line {
    const char *key, *shape;
    bl_tensor_init init;
    bl_tensor_role role;
    int present;
    size_t member;
} table_line;

enum { ALIGN_ELEMENTS = 16 }; /* 64 bytes of float32; a multiple of it for wider elements */

static bl_status append(bl_tensor_list *list, size_t *cap, const bl_dims *m, const table_line *line,
                        size_t layer, bl_error *err)
{
    if (!line->present)
        return BL_OK;
    BL_TRY(bl_grow(&list->at, cap, list->count + 1, sizeof *list->at, err));
    bl_tensor *t = &list->at[list->count++];
    *t = (bl_tensor){.rank = strlen(line->shape),
                     .count = 1,
                     .init = line->init,
                     .role = line->role,
                     .offset = SIZE_MAX,
                     .layer = layer,
                     .member = line->member};
    if (layer == SIZE_MAX)
        (void)snprintf(t->name, sizeof t->name, "%s", line->key);
    else
        (void)snprintf(t->name, sizeof t->name, "model.layers.%zu.%s", layer, line->key);
    for (size_t i = 0; i < t->rank; i++) {
        t->shape[i] = bl_dims_letter(m, line->shape[i]);
        if (t->count > SIZE_MAX / 64 / t->shape[i])
            return bl_fail(err, BL_ENOMEM, "tensor %s is too large", t->name);
        t->count *= t->shape[i];
    }
    list->parameters += t->count;
    return BL_OK;
}

/* Elements of param_bytes that a tensor takes in the block. */
static size_t room_of(const bl_tensor *t, size_t param_bytes)
{
    if (t->form == BL_TABLE_PARAMS)
        return t->count;
    size_t bytes = t->shape[0] * bl_table_row_bytes(t->form, t->shape[1], param_bytes);
    return (bytes + param_bytes - 1) / param_bytes;
}

/* Gives the tensors of a role their places. */
static bl_status place(bl_tensor_list *list, bl_tensor_role role, size_t param_bytes, bl_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        bl_tensor *t = &list->at[i];
        size_t room = room_of(t, param_bytes);
        size_t aligned = (room + ALIGN_ELEMENTS - 1) / ALIGN_ELEMENTS * ALIGN_ELEMENTS;
        if (t->role != role)
            continue;
        if (list->elements > SIZE_MAX / 64 - aligned)
            return bl_fail(err, BL_ENOMEM, "the model is too large: tensor %s", t->name);
        t->offset = list->elements;
        list->elements += aligned;
    }
    return BL_OK;
}

bl_status bl_tensors_open(bl_tensor_list *list, const bl_config *c, int packed, bl_table_form form,
                          size_t param_bytes, bl_error *err)
{
    *list = (bl_tensor_list){0};
    bl_dims m = bl_config_dims(c);
    size_t cap = 0;
    bl_status status = BL_OK;
#define X(field, key_, shape_, init_, role_, present_)                                             \
    {.key = key_,                                                                                  \
     .shape = shape_,                                                                              \
     .init = BL_INIT_##init_,                                                                      \
     .role = BL_ROLE_##role_,                                                                      \
     .present = present_,                                                                          \
     .member = offsetof(OWNER, field)},
#define OWNER bl_params
    const table_line model[] = {BL_MODEL_TENSORS(X)};
#undef OWNER
#define OWNER bl_layer_params
    const table_line layer[] = {BL_LAYER_TENSORS(X)};
#undef OWNER
#undef X
    for (size_t i = 0; i < sizeof model / sizeof *model; i++)
        BL_TRY_GOTO(status, append(list, &cap, &m, &model[i], SIZE_MAX, err), fail);
    for (size_t l = 0; l < m.L; l++)
        for (size_t i = 0; i < sizeof layer / sizeof *layer; i++)
            BL_TRY_GOTO(status, append(list, &cap, &m, &layer[i], l, err), fail);
    for (size_t i = 0; i < list->count; i++)
        if (packed && list->at[i].role == BL_ROLE_TABLE)
            list->at[i].form = form;
    BL_TRY_GOTO(status, place(list, BL_ROLE_PLAIN, param_bytes, err), fail);
    list->undecayed = list->elements;
    BL_TRY_GOTO(status, place(list, BL_ROLE_TABLE, param_bytes, err), fail);
    list->tables = list->elements;
    if (!packed)
        BL_TRY_GOTO(status, place(list, BL_ROLE_LATENT, param_bytes, err), fail);
    return BL_OK;
fail:
    bl_tensors_release(list);
    return status;
}

void bl_tensors_release(bl_tensor_list *list)
{
    bl_free(list->at);
    *list = (bl_tensor_list){0};
}

void bl_params_bind(bl_params *p, const bl_tensor_list *list, size_t L, void *block,
                    size_t element_bytes)
{
    bl_layer_params *layers = p->layer;
    memset(layers, 0, L * sizeof *layers);
    *p = (bl_params){.layer = layers};
    for (size_t i = 0; i < list->count; i++) {
        const bl_tensor *t = &list->at[i];
        if (t->offset == SIZE_MAX)
            continue;
        char *owner = t->layer == SIZE_MAX ? (char *)p : (char *)&layers[t->layer];
        void *place = block ? (char *)block + t->offset * element_bytes + t->form : NULL;
        memcpy(owner + t->member, &place, sizeof place);
    }
}
