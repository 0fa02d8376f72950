/* Text to a data folder, in two passes over the source. */
#ifndef BL_PREPARE_PREPARE_H
#define BL_PREPARE_PREPARE_H

#include "data/tokens.h"

/* May the data of a folder be replaced by that of `meta`? */
typedef bl_status bl_replace_check(const char *dir, const bl_data_meta *meta, bl_error *err);

typedef struct bl_prepare_job {
    const char *const *sources; /* "tinystories", "tales", files, folders and "-" */
    size_t count;
    const char *dir; /* what becomes a data folder; made when absent */
    const bl_prepare_options *options;
    int share_given; /* val_split was asked for; else TinyStories' own validation file is it */
    bl_replace_check *may_replace; /* NULL: yes; not asked with `force` */
    bl_progress_fn *progress;      /* or NULL */
    void *user;
} bl_prepare_job;

/* bl_prepare() of bitllama.h; result may be NULL. */
bl_status bl_prepare_folder(const bl_prepare_job *job, bl_prepare_result *result,
                            bl_error *err) BL_NODISCARD;

#endif
