/* The flags by which commands name a model, and opening it. */
#ifndef BL_CLI_MODEL_H
#define BL_CLI_MODEL_H

#include "flags.h"

/* Lines of a command's table of flags. */
#define BL_FLAG_MODEL                                                                              \
    {                                                                                              \
        .name = "model", .letter = 'm', .value = "MODEL", .required = 1,                           \
        .help = "model folder or training run"                                                     \
    }
#define BL_FLAG_DEVICE                                                                             \
    {                                                                                              \
        .name = "device", .value = "cpu|ref", .fallback = "cpu",                                   \
        .help = "where to compute; trace:cpu also times the ops, fault:cpu guards their memory"    \
    }

/* The model of -m on the device of --device. */
bl_status bl_cli_model_open(bl_model **model, const bl_args *args, bl_error *err);

#endif
