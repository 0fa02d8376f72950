/* TinyStories, the public corpus of short stories. */
#include "corpus/tinystories.h"
#include "hub/hub.h"

bl_status bl_tinystories_files(bl_buf *train, bl_buf *valid, bl_progress_fn *progress, void *user,
                               bl_error *err)
{
    bl_hub_file f = {.kind = "datasets", .repo = "roneneldan/TinyStories", .revision = "main"};
    bl_hub hub;
    bl_status status = bl_hub_open(&hub, progress, user, err);
    f.file = "TinyStoriesV2-GPT4-valid.txt"; /* the small one first: failures come early */
    if (status == BL_OK)
        status = bl_hub_get(&hub, &f, valid, err);
    f.file = "TinyStoriesV2-GPT4-train.txt";
    if (status == BL_OK)
        status = bl_hub_get(&hub, &f, train, err);
    bl_hub_close(&hub);
    return status;
}
