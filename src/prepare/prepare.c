/* A preparation from beginning to end.
 *
 * The first pass finds duplicates, counts the documents and trains the tokenizer, the second
 * encodes.  Whether a document is set aside for validation is drawn from its text, so it does not
 * depend on the tokenizer or on the other documents, and copies of a document are on one side;
 * where documents are too few or too long for that, the ends of long ones are set aside
 * (corpus/split.h).  All files are written into a hidden folder in the data folder; when it is
 * whole, one rename makes it the data (BL_DATA_NEXT), and then its files move up to their own
 * names. */
#include "prepare/prepare.h"
#include "core/alloc.h"
#include "core/lock.h"
#include "core/log.h"
#include "core/path.h"
#include "core/watch.h"
#include "prepare/summary.h"

static void release(bl_preparation *p)
{
    for (int i = 0; i < BL_DATA_SPLITS; i++)
        bl_token_file_abandon(p->out[i]);
    for (int i = 0; i < BL_DATA_SPLITS; i++)
        bl_mask_abandon(p->mask[i]);
    bl_free(p->stretches.text);
    bl_free(p->counts);
    bl_free(p->said);
    bl_free(p->specials);
    bl_chosen_template_release(&p->chosen);
    bl_outdir_abandon(p->next);
    bl_free(p->dropped);
    bl_free(p->uses);
    bl_buf_release(&p->batch.text);
    bl_buf_release(&p->batch.said);
    bl_free(p->batch.doc);
    bl_free(p->batch.hash);
    bl_free(p->batch.copy);
    bl_free(p->batch.piece);
    bl_free(p->batch.side);
    bl_tokenizer_close(p->tokenizer);
    bl_source_close(p->source);
    bl_buf_release(&p->stories);
    bl_buf_release(&p->valid);
    bl_buf_release(&p->path);
}

bl_status bl_prepare_folder(const bl_prepare_job *job, bl_prepare_result *result, bl_error *err)
{
    bl_preparation p = {.job = job, .meta.roles = BL_TOKEN_ROLES_OWN, .stage = "reading"};
    bl_lock *lock = NULL;
    bl_watch watch; /* of the parts that poll, in their own units or none */
    bl_status status;
    if (job->count == 0 || !job->dir[0])
        return bl_fail(err, BL_EINVAL, "prepare needs a source and a folder to write");
    int made = bl_path_what(job->dir) == BL_PATH_NONE;
    bl_prepare_describe(&p);
    BL_TRY(bl_dir_make(job->dir, err));
    bl_watch_begin_with(&watch, bl_prepare_ask_progress, &p, "preparing", "B", 0);
    BL_TRY_GOTO(status, bl_lock_open(&lock, job->dir, err), done);
    BL_TRY_GOTO(status, bl_prepare_open_place(&p, err), done);
    BL_TRY_GOTO(status, bl_prepare_open_source(&p, err), done);
    BL_TRY_GOTO(status, bl_prepare_learn(&p, err), done);
    BL_TRY_GOTO(status, bl_prepare_encode(&p, err), done);
    BL_TRY_GOTO(status, bl_prepare_publish(&p, err), done);
    if (result)
        bl_prepare_summarize(&p, result);
done:
    bl_watch_end(&watch);
    release(&p);
    /* Only when it is empty: somebody else's files, or the data, may have got into it. */
    if (status != BL_OK && made && status != BL_EBUSY &&
        bl_dir_remove_empty(job->dir, NULL) != BL_OK)
        bl_log(BL_LOG_WARNING, "%s: an empty folder could not be removed", job->dir);
    bl_lock_close(lock);
    return status;
}
