/* The files: written into a hidden folder, which one rename makes the data. */
#include "core/dir.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/path.h"
#include "prepare/preparation.h"
#include "text/text.h"

static const char *const split_names[BL_DATA_SPLITS] = {"train.bin", "val.bin"};
static const char *const mask_names[BL_DATA_SPLITS] = {"train.mask", "val.mask"};
static const char *const file_names[] = {"train.bin", "val.bin",        "train.mask",
                                         "val.mask",  "tokenizer.json", "tokenizer_config.json",
                                         "meta.json"};

/* dir/name in p->path, until the next call. */
static bl_status in_dir(bl_preparation *p, const char *dir, const char *name, bl_error *err)
{
    bl_buf_clear(&p->path);
    bl_buf_printf(&p->path, "%s/%s", dir, name);
    return bl_buf_status(&p->path, err);
}

/* What has the name of one of our files must be a file: it will be replaced. */
static bl_status check_places(bl_preparation *p, bl_error *err)
{
    for (size_t i = 0; i < sizeof file_names / sizeof *file_names; i++) {
        BL_TRY(in_dir(p, p->job->dir, file_names[i], err));
        bl_path_kind kind = bl_path_what(p->path.data);
        if (bl_path_is_link(p->path.data))
            return bl_fail(err, BL_EIO, "cannot write %s: it is a symbolic link; remove it first",
                           p->path.data);
        if (kind != BL_PATH_NONE && kind != BL_PATH_FILE)
            return bl_fail(err, BL_EIO, "cannot write %s: it is there and is not a file",
                           p->path.data);
    }
    return BL_OK;
}

/* Removes what a run of an earlier version left under temporary names. */
static bl_status sweep(bl_preparation *p, bl_error *err)
{
    static const char *const pattern[] = {"train.bin.*.tmp", "val.bin.*.tmp", "meta.json.*.tmp",
                                          "tokenizer*.json.*.tmp"};
    bl_names names;
    BL_TRY(bl_dir_list(&names, p->job->dir, err));
    bl_status status = BL_OK;
    for (size_t i = 0; i < names.count && status == BL_OK; i++)
        for (size_t k = 0; k < sizeof pattern / sizeof *pattern && status == BL_OK; k++)
            if (bl_glob_match(pattern[k], names.name[i]) &&
                (status = in_dir(p, p->job->dir, names.name[i], err)) == BL_OK)
                status = bl_file_remove(p->path.data, err);
    bl_names_release(&names);
    return status;
}

bl_status bl_prepare_open_place(bl_preparation *p, bl_error *err)
{
    BL_TRY(check_places(p, err));
    BL_TRY(bl_data_settle(p->job->dir, err));
    BL_TRY(sweep(p, err));
    BL_TRY(in_dir(p, p->job->dir, BL_DATA_NEXT, err));
    return bl_outdir_open(&p->next, p->path.data, err);
}

bl_status bl_prepare_open_tokens(bl_preparation *p, bl_error *err)
{
    for (int i = 0; i < BL_DATA_SPLITS; i++) {
        BL_TRY(in_dir(p, bl_outdir_temporary(p->next), split_names[i], err));
        BL_TRY(bl_token_file_create(&p->out[i], p->path.data,
                                    bl_token_file_width(p->meta.vocab_size), err));
        if (!bl_prepare_talks(p))
            continue;
        BL_TRY(in_dir(p, bl_outdir_temporary(p->next), mask_names[i], err));
        BL_TRY(bl_mask_create(&p->mask[i], p->path.data, err));
    }
    return BL_OK;
}

/* Of the data that was there before; meta.json no longer names it. */
static bl_status remove_mask(bl_preparation *p, const char *name, bl_error *err)
{
    BL_TRY(in_dir(p, p->job->dir, name, err));
    return bl_path_what(p->path.data) == BL_PATH_FILE ? bl_file_remove(p->path.data, err) : BL_OK;
}

bl_status bl_prepare_publish(bl_preparation *p, bl_error *err)
{
    const char *dir = bl_outdir_temporary(p->next);
    p->stage = "checking";
    for (int i = 0; i < BL_DATA_SPLITS; i++) {
        bl_token_file_out *out = p->out[i];
        BL_TRY(bl_token_file_verify(out, p->meta.split[i].hash, err));
        p->out[i] = NULL;
        BL_TRY(bl_token_file_commit(out, err));
        bl_mask_out *mask = p->mask[i];
        if (!mask)
            continue;
        BL_TRY(bl_mask_verify(mask, p->meta.split[i].mask_hash, &p->meta.split[i].counted, err));
        p->mask[i] = NULL;
        BL_TRY(bl_mask_commit(mask, err));
    }
    BL_TRY(in_dir(p, dir, "tokenizer_config.json", err));
    BL_TRY(bl_tokenizer_save_config(p->tokenizer, p->meta.roles,
                                    p->chosen.template ? p->chosen.described : NULL, p->path.data,
                                    err));
    BL_TRY(in_dir(p, dir, "tokenizer.json", err));
    BL_TRY(bl_tokenizer_save(p->tokenizer, p->path.data, err));
    BL_TRY(bl_file_hash(p->path.data, p->meta.tokenizer_hash, err));
    BL_TRY(bl_data_meta_save(&p->meta, dir, err));
    if (!p->job->options->force && p->job->may_replace)
        BL_TRY(p->job->may_replace(p->job->dir, &p->meta, err));
    bl_outdir *next = p->next;
    p->next = NULL;
    BL_TRY(bl_outdir_commit(next, NULL, NULL, err));
    bl_error why;
    bl_status settled = bl_data_settle(p->job->dir, &why);
    for (int i = 0; settled == BL_OK && !bl_prepare_talks(p) && i < BL_DATA_SPLITS; i++)
        settled = remove_mask(p, mask_names[i], &why);
    if (settled == BL_OK)
        return BL_OK;
    return bl_fail(err, settled,
                   "%s: the data is whole, but not all files have their names: %.300s", p->job->dir,
                   why.message);
}
