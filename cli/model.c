/* The flags by which commands name a model, and opening it. */
#include "model.h"

bl_status bl_cli_model_open(bl_model **model, const bl_args *args, bl_error *err)
{
    return bl_model_open(model, bl_flags_text(args, "model"), bl_flags_text(args, "device"), err);
}
