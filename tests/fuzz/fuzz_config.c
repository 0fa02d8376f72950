/* config.json from a stranger: what loads is saved and loads again as the same. */
#include "fuzz.h"

#include "format/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bl_config config, again;
    bl_error err = {0};
    bl_weight_form form;
    const char *path = fuzz_file(data, size);
    bl_status status = bl_config_load(&config, path, &err);
    if (status != BL_OK) {
        FUZZ_CHECK(err.code == status && *err.message && !strchr(err.message, '\n'));
        return 0;
    }
    if (bl_config_form(&form, path, NULL) != BL_OK)
        return 0;
    if (form == BL_WEIGHTS_PACKED_INVERSE) /* read, not written */
        form = BL_WEIGHTS_PACKED;
    const char *saved = fuzz_in_folder("saved.json");
    FUZZ_CHECK(bl_config_save(&config, form, 0, saved, NULL) == BL_OK);
    FUZZ_CHECK(bl_config_load(&again, saved, NULL) == BL_OK);
#define X(kind, field, fallback, min, max, choices, help)                                          \
    FUZZ_CHECK(memcmp(&config.field, &again.field, sizeof config.field) == 0);
    BL_CONFIG_FIELDS(X)
#undef X
    return 0;
}
