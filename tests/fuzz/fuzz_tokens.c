/* A data folder: two bytes n, n bytes of meta.json, and what is left as train.bin and, its last
 * quarter, val.bin. */
#include "fuzz.h"

#include "data/mix.h"

enum { B = 2, T = 3 };

static void walk(const bl_data *d)
{
    bl_mix *m;
    int32_t x[B * T], y[B * T];
    bl_token_file *train = d->split[BL_DATA_TRAIN];
    const double whole = 1;
    if (bl_mix_open(&m, &train, &whole, 1, B, T, 0, NULL) != BL_OK) {
        FUZZ_CHECK(bl_token_file_count(train) <= T);
        return;
    }
    for (size_t i = 0; i < 4; i++) {
        if (i == 2)
            bl_mix_documents(m, 0, (int32_t)d->meta.roles.eos);
        FUZZ_CHECK(bl_mix_next(m, x, y, NULL) == BL_OK);
        for (size_t k = 0; k < sizeof x / sizeof *x; k++)
            FUZZ_CHECK(x[k] >= 0 && (uint64_t)x[k] < d->meta.vocab_size && y[k] >= 0 &&
                       (uint64_t)y[k] < d->meta.vocab_size);
    }
    bl_mix_close(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bl_data *d;
    bl_error err = {0};
    size_t n = size < 2 ? 0 : (size_t)(data[0] | data[1] << 8);
    if (size < 2 || n > size - 2)
        return 0;
    size_t rest = size - 2 - n, val = rest / 4 / 4 * 4;
    const uint8_t *bins = data + 2 + n;
    fuzz_write(fuzz_in_folder("tokenizer.json"), "{}", 2);
    fuzz_write(fuzz_in_folder("meta.json"), data + 2, n);
    fuzz_write(fuzz_in_folder("train.bin"), bins, rest - val);
    fuzz_write(fuzz_in_folder("val.bin"), bins + rest - val, val);
    bl_status status = bl_data_open(&d, fuzz_folder_path, &err);
    if (status != BL_OK) {
        FUZZ_CHECK(!d && err.code == status && *err.message && !strchr(err.message, '\n'));
        return 0;
    }
    walk(d);
    FUZZ_CHECK(bl_data_meta_save(&d->meta, fuzz_folder_path, NULL) == BL_OK);
    bl_data_close(d);
    FUZZ_CHECK(bl_data_open(&d, fuzz_folder_path, NULL) == BL_OK); /* what is written is read */
    bl_data_close(d);
    return 0;
}
