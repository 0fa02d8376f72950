/* Training steps on random tokens, without data, checkpoints or schedule: to be timed. */
#ifndef BL_TRAIN_REHEARSAL_H
#define BL_TRAIN_REHEARSAL_H

#include "model/pass.h"

typedef struct bl_rehearsal {
    bl_net net;
    bl_pass pass;
    bl_params grads;
    void *block[3]; /* gradients, first and second moments */
} bl_rehearsal;

/* Memory on a device that must outlive it, then weights and tokens; release in any case.  `config`
 * is that of a new model, with its half-lives. */
bl_status bl_rehearsal_open(bl_rehearsal *r, bl_dev *dev, const bl_config *config, size_t B,
                            size_t T, bl_pass_kind kind, bl_error *err) BL_NODISCARD;
bl_status bl_rehearsal_fill(bl_rehearsal *r, bl_error *err) BL_NODISCARD;
void bl_rehearsal_release(bl_rehearsal *r);

/* One optimizer step, from the first op until the device has done the last; dropout is its rate. */
bl_status bl_rehearsal_step(bl_rehearsal *r, double dropout, double *seconds,
                            bl_error *err) BL_NODISCARD;

/* Does a run of this size fit into the memory of the device?  As bl_measure_fits(). */
bl_status bl_rehearsal_fits(bl_dev *dev, const char *device, const bl_config *config, size_t B,
                            size_t T, bl_pass_kind kind, bl_error *err) BL_NODISCARD;

#endif
