/* The flags by which commands name a model, opening it, and describing a new one. */
#ifndef BL_CLI_MODEL_FLAGS_H
#define BL_CLI_MODEL_FLAGS_H

#include "flags.h"

/* Lines of a command's table of flags. */
#define BL_FLAG_MODEL                                                                              \
    {                                                                                              \
        .name = "model", .letter = 'm', .value = "MODEL", .required = 1,                           \
        .help = "model folder, training run or a model on the Hub (OWNER/NAME[@REVISION])",        \
        .hub = "model"                                                                             \
    }
#define BL_FLAG_MODEL_TEXT                                                                         \
    {                                                                                              \
        .name = "model", .letter = 'm', .value = "MODEL",                                          \
        .help = "model folder, training run or a model on the Hub (OWNER/NAME[@REVISION])",        \
        .hub = "tokenizer"                                                                         \
    }
#define BL_FLAG_THREADS                                                                            \
    {                                                                                              \
        .name = "threads", .letter = 't', .value = "N", .fallback = "0",                           \
        .help = "threads; 0: as many as this process may use processors"                           \
    }

#define BL_FLAG_CONFIG                                                                             \
    {                                                                                              \
        .name = "config", .value = "FILE",                                                         \
        .help = "a config.json: over the preset, under the flags"                                  \
    }

/* Replaces the value of every flag that may name a model on the Hub, and does, by the folder where
 * its files are, which are fetched when they are not there; the same of one name, whose folder is
 * args's. */
bl_status bl_cli_names_find(bl_args *args, bl_error *err);
bl_status bl_cli_name_find(bl_args *args, const char *parts, const char **name, bl_error *err);

/* Opens the model of -m on the device of BL_OPTIONS_DEVICE, whose number of threads the whole
 * command then uses. */
bl_status bl_cli_model_open(bl_model **model, const bl_args *args, bl_error *err);

/* Saves a session, even after a signal has asked to stop: only a second one ends it. */
bl_status bl_cli_session_save(const bl_session *session, const char *path, bl_error *err);

/* The options of a model to be trained: the preset, then --config, then the flags, each over what
 * came before.  NULL when none is given: the library then takes the preset, or what the run began
 * with. */
bl_status bl_cli_config_read(bl_options **config, const bl_args *args, const bl_options *train,
                             bl_error *err);

#endif
