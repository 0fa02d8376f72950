/* The model's config inside this folder: presets, and a config.json applied over given values. */
#ifndef BL_FORMAT_CONFIG_H
#define BL_FORMAT_CONFIG_H

#include "format/options.h"

/* The fields by number, as in the table. */
#define X(kind, field, fallback, min, max, choices, help) BL_CONFIG_##field,
enum { BL_CONFIG_FIELDS(X) BL_CONFIG_COUNT };
#undef X

/* The one default that depends on another field: a ttt_base_lr not given is 1, or 0.1 when the
 * inner model is an MLP (MODEL 3.6). */
void bl_config_settle(bl_config *c, int base_lr_given);

/* The fields of a preset by name (MODEL 5).  BL_EINVAL lists the presets. */
bl_status bl_config_preset(bl_config *c, const char *preset, bl_error *err) BL_NODISCARD;

/* Applies the fields of a config.json to *c; present[i] becomes 1 for the i-th field of the table
 * when the file has it.  On failure *c is half-written. */
bl_status bl_config_overlay(bl_config *c, unsigned char present[BL_CONFIG_COUNT], const char *path,
                            bl_error *err) BL_NODISCARD;

#endif
