/* The sources of a preparation, and "tinystories" as its two files. */
#include "core/alloc.h"
#include "corpus/tinystories.h"
#include "prepare/preparation.h"
#include "prepare/summary.h"

#include <stdio.h>
#include <string.h>

static int is_tinystories(const char *source)
{
    return strcmp(source, "tinystories") == 0;
}

const char *bl_prepare_validation(const bl_preparation *p)
{
    return p->job->options->validation[0] ? p->job->options->validation : NULL;
}

void bl_prepare_describe(bl_preparation *p)
{
    const bl_prepare_job *job = p->job;
    p->aside = bl_prepare_validation(p) != NULL;
    for (size_t i = 0; i < job->count; i++)
        p->aside |= is_tinystories(job->sources[i]) && !job->share_given;
    bl_prepare_name_sources(p->meta.source, job->sources, job->count);
    p->meta.seed = p->job->options->seed;
    p->meta.val_split = p->aside ? 0 : p->job->options->val_split;
    p->split = (bl_split){.seed = p->job->options->seed,
                          .share = p->job->options->val_split,
                          .given = p->aside,
                          .whole = bl_prepare_talks(p)};
}

static bl_status open_parts(bl_preparation *p, const char *const *parts, size_t count,
                            bl_error *err)
{
    bl_source_options from = bl_source_options_of(p->job->options);
    from.cutter.idle = bl_prepare_ask;
    from.cutter.user = p;
    from.cutter.form = &p->chosen.form;
    from.aside = bl_prepare_validation(p);
    if (p->aside && !from.aside)
        from.aside = p->valid.data;
    from.keep = from.writing = p->job->dir;
    bl_status status = bl_source_open(&p->source, parts, count, &from, err);
    if (status == BL_ENOENT && err) {
        size_t n = strlen(err->message);
        (void)snprintf(err->message + n, sizeof err->message - n,
                       " (sources are tinystories, tales, files, folders and -)");
    }
    return status;
}

/* The validation data is one side, and the sources are the other. */
static bl_status check_validation(const bl_preparation *p, bl_error *err)
{
    const bl_prepare_job *job = p->job;
    const char *validation = bl_prepare_validation(p);
    if (!validation)
        return BL_OK;
    if (job->share_given)
        return bl_fail(err, BL_EINVAL, "`val_split` and `validation` are both given; choose one");
    if (is_tinystories(validation))
        return bl_fail(err, BL_EINVAL, "`validation` tinystories: a source that has two sides");
    for (size_t i = 0; i < job->count; i++) {
        if (strcmp(job->sources[i], validation) == 0)
            return bl_fail(err, BL_EINVAL, "%s is a source and `validation`", validation);
        if (is_tinystories(job->sources[i]))
            return bl_fail(err, BL_EINVAL,
                           "tinystories has validation data of its own: leave `validation` out");
    }
    return BL_OK;
}

bl_status bl_prepare_open_source(bl_preparation *p, bl_error *err)
{
    const bl_prepare_job *job = p->job;
    BL_TRY(check_validation(p, err));
    const char **parts = bl_calloc(job->count + 1, 2 * sizeof *parts);
    size_t n = 0;
    bl_status status = parts ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK && bl_prepare_validation(p))
        parts[n++] = bl_prepare_validation(p);
    for (size_t i = 0; i < job->count && status == BL_OK; i++) {
        if (!is_tinystories(job->sources[i])) {
            parts[n++] = job->sources[i];
        } else if (p->stories.len) {
            status = bl_fail(err, BL_EINVAL, "tinystories can be given only once");
        } else {
            status =
                bl_tinystories_files(&p->stories, &p->valid, p->job->progress, p->job->user, err);
            parts[n++] = p->stories.data;
            parts[n++] = p->valid.data;
        }
    }
    if (status == BL_OK)
        status = open_parts(p, parts, n, err);
    bl_free(parts);
    return status;
}
