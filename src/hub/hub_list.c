/* The files of a repository, as the Hub lists them. */
#include "hub/hub_list.h"
#include "core/alloc.h"
#include "hub/digest.h"
#include "hub/hub_ask.h"

#include <stdio.h>
#include <string.h>

static bl_status make_url(const bl_hub *hub, const bl_hub_file *f, bl_buf *url, bl_error *err)
{
    bl_buf_printf(url, "%s/api/%s/%s/revision/", hub->endpoint.data, f->kind, f->repo);
    bl_hub_put_encoded(url, f->revision, 0);
    bl_buf_puts(url, "?blobs=true");
    return bl_buf_status(url, err);
}

/* A name that leads out of the repository is none: BL_OK, and nothing is added. */
static bl_status add(bl_hub_listing *l, const json_t *file, bl_error *err)
{
    const char *path = json_string_value(json_object_get(file, "rfilename"));
    const json_t *lfs = json_object_get(file, "lfs");
    const json_t *size = json_object_get(json_is_object(lfs) ? lfs : file, "size");
    const char *digest = json_string_value(json_object_get(file, "blobId"));
    if (json_is_object(lfs))
        digest = json_string_value(json_object_get(lfs, "sha256"));
    if (!path || !bl_hub_is_path(path))
        return BL_OK;
    bl_hub_entry *e = &l->entry[l->count];
    e->path = bl_strdup(path);
    if (!e->path)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    e->size = json_integer_value(size) > 0 ? (uint64_t)json_integer_value(size) : 0;
    if (digest && bl_digest_is_name(digest))
        (void)snprintf(e->digest, sizeof e->digest, "%s", digest);
    l->count++;
    return BL_OK;
}

static bl_status read_listing(bl_hub_listing *l, const json_t *answer, const char *url,
                              bl_error *err)
{
    const char *commit = json_string_value(json_object_get(answer, "sha"));
    const json_t *files = json_object_get(answer, "siblings"), *file;
    size_t i;
    if (!commit || !bl_hub_is_commit(commit) || !json_is_array(files))
        return bl_fail(err, BL_ENETWORK,
                       "%s: the answer does not say commit and files (sha, siblings): no Hugging "
                       "Face Hub there?",
                       url);
    (void)snprintf(l->commit, sizeof l->commit, "%s", commit);
    l->entry = bl_calloc(json_array_size(files) + 1, sizeof *l->entry);
    if (!l->entry)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    json_array_foreach (files, i, file)
        BL_TRY(add(l, file, err));
    return BL_OK;
}

/* What the Hub says about names, in words; others hide private repositories behind 401. */
static bl_status explain(const bl_hub *hub, const bl_hub_file *f, const bl_http_answer *a,
                         bl_status status, bl_error *err)
{
    if (strcmp(a->code, "RevisionNotFound") == 0)
        return bl_fail(err, BL_ENOENT, "%s on %s has no branch, tag or commit '%s'", f->repo,
                       hub->endpoint.data, f->revision);
    if (strcmp(a->code, "RepoNotFound") == 0 || (a->status == 404 && !*a->code))
        return bl_fail(err, BL_ENOENT,
                       "%s: no such repository on %s, or a private one, which wants %s", f->repo,
                       hub->endpoint.data,
                       hub->http.token ? "a token with access to it" : "a token (HF_TOKEN)");
    return status;
}

bl_status bl_hub_list(const bl_hub *hub, const bl_hub_file *where, unsigned tries,
                      bl_hub_listing *listing, int *unreachable, bl_error *err)
{
    bl_buf url;
    bl_http_answer a = {0};
    json_t *answer = NULL;
    *listing = (bl_hub_listing){.entry = NULL};
    *unreachable = 0;
    if (!bl_hub_is_repo(where->repo))
        return bl_fail(err, BL_EINVAL, "'%.100s' is not the name of a repository, OWNER/NAME",
                       where->repo);
    if (!bl_hub_is_path(where->revision))
        return bl_fail(err, BL_EINVAL, "'%.100s' is not a revision", where->revision);
    bl_buf_init(&url);
    bl_status status = make_url(hub, where, &url, err);
    if (status == BL_OK) {
        const bl_hub_question q = {
            .method = BL_HTTP_GET, .url = url.data, .stage = where->repo, .tries = tries};
        status = bl_hub_ask(hub, &q, &a, &answer, err);
        *unreachable = status == BL_ENETWORK && a.again;
        if (status == BL_OK)
            status = read_listing(listing, answer, url.data, err);
        else if (status == BL_ENETWORK || status == BL_ENOENT)
            status = explain(hub, where, &a, status, err);
    }
    json_decref(answer);
    bl_buf_release(&url);
    return status;
}

void bl_hub_listing_release(bl_hub_listing *l)
{
    for (size_t i = 0; i < l->count; i++)
        bl_free(l->entry[i].path);
    bl_free(l->entry);
    *l = (bl_hub_listing){.entry = NULL};
}

const bl_hub_entry *bl_hub_listed(const bl_hub_listing *l, const char *path)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->entry[i].path, path) == 0)
            return &l->entry[i];
    return NULL;
}
