/* The weights of a model: checked against config and machine before anything of their size is
 * allocated. */
#ifndef BL_API_WEIGHTS_H
#define BL_API_WEIGHTS_H

#include "model/net.h"

/* Opens a model's weights (path: bl_weights_path) and finds every tensor of the config in them, with
 * its shape; no data is read.  As bl_st_open(), and BL_EFORMAT names the tensor and both shapes. */
bl_status bl_weights_open(bl_st **st, const char *path, const bl_config *c, bl_weight_form form,
                          bl_error *err) BL_NODISCARD;

/* What an open model with one session holds on this device, whose request says how many threads.
 * tables: how a packed one's file has embedding and head (bl_packed_form). */
bl_status bl_weights_plan(bl_plan_result *result, bl_dev *dev, const bl_device_request *request,
                          const bl_config *c, bl_weight_form form, bl_table_form tables,
                          bl_error *err) BL_NODISCARD;

/* BL_ENOMEM when that is more than this process may use, BL_EDEVICE when it is more than a device
 * has of its own; `path` names the model, `request` the device as the user does. */
bl_status bl_weights_fit(const char *path, bl_dev *dev, const bl_device_request *request,
                         const bl_config *c, bl_weight_form form, bl_table_form tables,
                         bl_error *err) BL_NODISCARD;

#endif
