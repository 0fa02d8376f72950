/* bl_plan() and bl_plan_model(): memory before anything is allocated. */
#include "api/device.h"
#include "api/model_open.h"
#include "api/training.h"
#include "api/weights.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/give.h"
#include "core/path.h"
#include "data/tokens.h"
#include "format/shards.h"
#include "model/packed.h"
#include "train/schedule.h"
#include "train/trainer.h"

static bl_status take_vocabulary(bl_config *c, const bl_options *config, const char *data_dir,
                                 bl_error *err)
{
    bl_data *data;
    BL_TRY(bl_data_open(&data, data_dir, err));
    bl_trainer_take_data(c, config, &data->meta);
    bl_data_close(data);
    return BL_OK;
}

static bl_status plan_training(const char *data_dir, const bl_options *train,
                               const bl_options *config, bl_plan_result *result, bl_error *err)
{
    bl_config c;
    bl_train_options o;
    bl_dev *dev;
    bl_parent parent = {.path = NULL};
    bl_status chosen = bl_trainer_choose(&c, &o, &parent, train, config, err);
    bl_parent_close(&parent);
    BL_TRY(chosen);
    if (data_dir)
        BL_TRY(take_vocabulary(&c, config, data_dir, err));
    BL_TRY(bl_config_check(&c, NULL, err));
    BL_TRY(bl_train_resolve(&o, &c, err));
    const bl_device_request request = bl_device_of_training(&o, c.quantization == BL_QUANT_TERNARY);
    BL_TRY(bl_device_open(&dev, &request, err));
    const bl_share all = {&bl_comm_alone, o.accum};
    bl_status status = bl_blocks_measure(result, dev, &c, &o, &all, err);
    bl_dev_close(dev);
    if (status == BL_OK && *result->device)
        bl_device_describe(&request, result->device, sizeof result->device);
    return status;
}

bl_status bl_plan(const char *data_dir, const bl_options *train, const bl_options *config,
                  bl_plan_result *result, bl_error *err)
{
    bl_call call;
    bl_options *defaults = NULL;
    bl_plan_result found;
    BL_RESULT(err, result);
    BL_TRY(bl_options_expect(train, BL_OPTIONS_TRAIN, __func__, err));
    BL_TRY(bl_options_expect(config, BL_OPTIONS_CONFIG, __func__, err));
    bl_call_begin(&call, err);
    bl_status status = train ? BL_OK : bl_options_open(&defaults, BL_OPTIONS_TRAIN, err);
    if (status == BL_OK)
        status = plan_training(data_dir, train ? train : defaults, config, &found, err);
    if (status == BL_OK)
        bl_result_give(result, &found, sizeof found);
    bl_options_close(defaults);
    return bl_call_end(&call, status, err);
}

/* Checks the weights, if there are any, against the config, and sees how the tables are kept. */
static bl_status check_weights(const bl_model_files *files, const bl_config *c, bl_weight_form form,
                               bl_table_form *tables, bl_error *err)
{
    char *path;
    bl_st *st = NULL;
    BL_TRY(bl_weights_path(&path, files->weights_dir, err));
    bl_status status = BL_OK;
    if (bl_path_what(path) != BL_PATH_NONE)
        status = bl_weights_open(&st, path, c, form, err);
    *tables = st ? bl_packed_form(c, st) : BL_TABLE_PARAMS;
    bl_st_close(st);
    bl_free(path);
    return status;
}

static bl_status plan_model(const char *path, const bl_options *device, bl_plan_result *result,
                            bl_error *err)
{
    bl_model_files files;
    bl_config c;
    bl_weight_form form;
    bl_table_form tables;
    bl_dev *dev = NULL;
    BL_TRY(bl_model_files_find(&files, path, err));
    bl_status status = bl_model_files_config(&files, &c, &form, err);
    if (status == BL_OK)
        status = check_weights(&files, &c, form, &tables, err);
    bl_model_files_release(&files);
    BL_TRY(status);
    const bl_device_request request =
        bl_device_requested(device, c.quantization == BL_QUANT_TERNARY);
    status = bl_device_open(&dev, &request, err);
    if (status == BL_OK)
        status = bl_weights_plan(result, dev, &request, &c, form, tables, err);
    bl_dev_close(dev);
    if (status == BL_OK && *result->device)
        bl_device_describe(&request, result->device, sizeof result->device);
    return status;
}

bl_status bl_plan_model(const char *path, const bl_options *device, bl_plan_result *result,
                        bl_error *err)
{
    bl_call call;
    bl_plan_result found;
    BL_RESULT(err, result);
    BL_NOT_NULL(err, path);
    BL_TRY(bl_options_expect(device, BL_OPTIONS_DEVICE, __func__, err));
    bl_call_begin(&call, err);
    bl_status status = plan_model(path, device, &found, err);
    if (status == BL_OK)
        bl_result_give(result, &found, sizeof found);
    return bl_call_end(&call, status, err);
}
