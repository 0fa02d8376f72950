/* bl_hub_pull(): a model by its name on the Hugging Face Hub. */
#include "api/hub_model.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/file.h"
#include "core/give.h"
#include "core/log.h"
#include "core/path.h"
#include "hub/hub_list.h"

#include <stdio.h>
#include <string.h>

/* The files that are looked for, in the order in which they are fetched: what a model is refused by
 * comes first, and its weights come last. */
static const struct {
    const char *name;
    int needed[2]; /* by BL_PARTS_*: -1 never taken, 0 if it is there, 1 needed */
} wanted[] = {{"config.json", {1, 0}},
              {"tokenizer.json", {0, 1}},
              {"tokenizer_config.json", {0, 0}},
              {"special_tokens_map.json", {0, 0}},
              {"generation_config.json", {0, 0}},
              {"chat_template.jinja", {0, 0}},
              {"README.md", {0, -1}},
              {"model.safetensors", {1, -1}}};

enum { WANTED = sizeof wanted / sizeof *wanted };

/* A model on its way. */
typedef struct pulling {
    const bl_pull_options *options;
    bl_hub hub;
    char *repo, *revision; /* of one block */
    bl_progress_fn *progress;
    void *user;
    bl_hub_listing listing;
    char commit[BL_HUB_COMMIT_DIGITS + 1];
    uint64_t total, before; /* bytes to fetch, and of files that are done */
    uint64_t size;          /* of the file under way */
    bl_pull_result result;
} pulling;

/* Progress of one file as that of all. */
static int on_progress(void *user, const char *stage, uint64_t done, uint64_t total,
                       const char *unit)
{
    pulling *p = user;
    int bytes = p->size && total == p->size && done <= total;
    if (!p->progress)
        return 0;
    return p->progress(p->user, stage, bytes ? p->before + done : done, bytes ? p->total : total,
                       unit);
}

static bl_hub_file file_of(const pulling *p, const char *name)
{
    return (bl_hub_file){"models", p->repo, *p->commit ? p->commit : p->revision, name};
}

/* ---- names ---- */

/* OWNER/NAME@REVISION in two. */
static bl_status take_name(pulling *p, const char *name, bl_error *err)
{
    const char *given = p->options->revision;
    size_t room = strlen(name) + strlen(given) + sizeof "main";
    p->repo = bl_calloc(1, room + 1);
    if (!p->repo)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    memcpy(p->repo, name, strlen(name));
    char *at = strchr(p->repo, '@');
    if (at)
        *at++ = 0;
    p->revision = at ? at : p->repo + strlen(name) + 1;
    if (at && *given && strcmp(at, given) != 0)
        return bl_fail(err, BL_EINVAL, "%.200s: `revision` is %.100s: give one of both", name,
                       given);
    if (!at)
        (void)snprintf(p->revision, strlen(given) + sizeof "main", "%s", *given ? given : "main");
    if (!bl_hub_is_repo(p->repo) || !bl_hub_is_path(p->revision))
        return bl_fail(err, BL_ENOENT,
                       "%.200s: nothing here has that name, and it is none of a repository on the "
                       "Hub (OWNER/NAME or OWNER/NAME@REVISION)",
                       name);
    return BL_OK;
}

/* ---- what is there ---- */

/* Without a request: the commit is that of the last time, and all that is needed must be there. */
static bl_status use_cache(pulling *p, bl_buf *folder, bl_error *err)
{
    bl_buf path;
    const bl_hub_file any = {"models", p->repo, p->revision, wanted[0].name};
    BL_TRY(bl_hub_ref(&p->hub, &any, p->commit, err));
    bl_buf_init(&path);
    bl_status status = BL_OK;
    for (size_t i = 0; i < WANTED && status == BL_OK; i++) {
        const bl_hub_file f = file_of(p, wanted[i].name);
        int there, needed = wanted[i].needed[p->options->parts];
        uint64_t bytes = 0;
        bl_buf_clear(&path);
        status = bl_hub_cached(&p->hub, &f, &path, &there, err);
        if (status == BL_OK && there && needed >= 0) {
            status = bl_file_bytes(path.data, &bytes, err);
            p->result.files++;
            p->result.bytes += bytes;
            if (!folder->len)
                bl_buf_append(folder, path.data, path.len - strlen(f.file) - 1);
        } else if (status == BL_OK && needed > 0) {
            status = bl_fail(err, BL_ENETWORK,
                             "%s: it is not in the cache %s with its %s, and HF_HUB_OFFLINE "
                             "forbids to download it",
                             p->repo, p->hub.cache.data, f.file);
        }
    }
    bl_buf_release(&path);
    return status == BL_OK ? bl_buf_status(folder, err) : status;
}

/* What the repository lacks, before anything is fetched. */
static bl_status check_listing(const pulling *p, bl_error *err)
{
    const bl_hub_listing *l = &p->listing;
    for (size_t i = 0; i < WANTED; i++) {
        const char *name = wanted[i].name;
        if (wanted[i].needed[p->options->parts] <= 0 || bl_hub_listed(l, name))
            continue;
        if (strcmp(name, "model.safetensors") == 0 &&
            bl_hub_listed(l, "model.safetensors.index.json"))
            return bl_fail(err, BL_EUNSUPPORTED,
                           "%s: its weights are in several files "
                           "(model.safetensors.index.json), and they are read from one",
                           p->repo);
        return bl_fail(err, BL_EFORMAT, "%s: no %s in it, so %s", p->repo, name,
                       p->options->parts == BL_PARTS_MODEL ? "not a model of bitllama"
                                                           : "no tokenizer that bitllama reads");
    }
    return BL_OK;
}

static bl_status announce(pulling *p, bl_error *err)
{
    bl_buf path;
    bl_status status = BL_OK;
    size_t missing = 0;
    bl_buf_init(&path);
    for (size_t i = 0; i < WANTED && status == BL_OK; i++) {
        const bl_hub_entry *e = bl_hub_listed(&p->listing, wanted[i].name);
        const bl_hub_file f = file_of(p, wanted[i].name);
        int there;
        if (!e || wanted[i].needed[p->options->parts] < 0)
            continue;
        bl_buf_clear(&path);
        status = bl_hub_cached(&p->hub, &f, &path, &there, err);
        p->result.files++;
        p->result.bytes += e->size;
        p->total += there ? 0 : e->size;
        missing += !there;
    }
    if (missing)
        bl_log(BL_LOG_INFO, "%s at %.7s: %zu files, %.6g MB; %zu of them, %.6g MB, are fetched",
               p->repo, p->commit, p->result.files, (double)p->result.bytes / 1e6, missing,
               (double)p->total / 1e6);
    p->result.fetched = p->total;
    bl_buf_release(&path);
    return status;
}

/* ---- the Hub ---- */

/* Is it a model of ours? */
static bl_status check_config(const pulling *p, const char *path, bl_error *err)
{
    bl_config config;
    bl_weight_form form;
    bl_error why = {BL_OK, ""};
    bl_status status = bl_config_load(&config, path, &why);
    if (status == BL_OK)
        status = bl_config_form(&form, path, &why);
    if (status == BL_OK)
        return BL_OK;
    const char *words = strncmp(why.message, path, strlen(path)) == 0
                            ? why.message + strlen(path) + strspn(why.message + strlen(path), ": ")
                            : why.message;
    return bl_fail(err, status, "%s: not a model of bitllama: its config.json: %s", p->repo, words);
}

static bl_status fetch_files(pulling *p, bl_buf *folder, bl_error *err)
{
    bl_buf path;
    bl_status status = BL_OK;
    bl_buf_init(&path);
    for (size_t i = 0; i < WANTED && status == BL_OK; i++) {
        const bl_hub_entry *e = bl_hub_listed(&p->listing, wanted[i].name);
        const bl_hub_file f = file_of(p, wanted[i].name);
        int there = 0;
        if (!e || wanted[i].needed[p->options->parts] < 0)
            continue;
        bl_buf_clear(&path);
        BL_TRY_GOTO(status, bl_hub_cached(&p->hub, &f, &path, &there, err), done);
        p->size = e->size;
        bl_buf_clear(&path);
        BL_TRY_GOTO(status, bl_hub_get(&p->hub, &f, &path, err), done);
        if (i == 0 && p->options->parts == BL_PARTS_MODEL)
            BL_TRY_GOTO(status, check_config(p, path.data, err), done);
        p->before += there ? 0 : e->size;
        if (!folder->len)
            bl_buf_append(folder, path.data, path.len - strlen(f.file) - 1);
    }
    status = bl_buf_status(folder, err);
done:
    bl_buf_release(&path);
    return status;
}

/* The commit is named by its branch only when all is there. */
static bl_status use_hub(pulling *p, bl_buf *folder, bl_error *err)
{
    const bl_hub_file named = {"models", p->repo, p->revision, wanted[0].name};
    (void)snprintf(p->commit, sizeof p->commit, "%s", p->listing.commit);
    BL_TRY(check_listing(p, err));
    BL_TRY(announce(p, err));
    BL_TRY(fetch_files(p, folder, err));
    return bl_hub_set_ref(&p->hub, &named, p->commit, err);
}

/* A commit that is whole in the cache needs no request. */
static bl_status ask(pulling *p, bl_buf *folder, bl_error *err)
{
    int unreachable;
    bl_error words = {BL_OK, ""}, lacking;
    bl_buf cached;
    bl_buf_init(&cached);
    bl_status there = use_cache(p, &cached, &lacking), status;
    if (there == BL_OK && (p->hub.offline || bl_hub_is_commit(p->revision))) {
        bl_buf_append(folder, cached.data, cached.len);
        status = bl_buf_status(folder, err);
    } else if (there != BL_OK && (p->hub.offline || there == BL_ENOMEM)) {
        if (err)
            *err = lacking;
        status = there;
    } else {
        const bl_hub_file where = {"models", p->repo, p->revision, NULL};
        const bl_pull_result found = p->result;
        p->result = (bl_pull_result){.size = sizeof p->result};
        status =
            bl_hub_list(&p->hub, &where, there == BL_OK ? 1 : 0, &p->listing, &unreachable, &words);
        if (status == BL_OK) {
            status = use_hub(p, folder, err);
        } else if (unreachable && there == BL_OK) {
            bl_log(BL_LOG_WARNING, "%s; the copy in the cache is taken", words.message);
            p->result = found;
            bl_buf_append(folder, cached.data, cached.len);
            status = bl_buf_status(folder, err);
        } else if (err) {
            *err = words;
        }
    }
    bl_buf_release(&cached);
    return status;
}

static bl_status find(pulling *p, const char *name, bl_buf *folder, bl_error *err)
{
    BL_TRY(take_name(p, name, err));
    BL_TRY(bl_hub_open(&p->hub, on_progress, p, err));
    BL_TRY(bl_hub_use(&p->hub, p->options->cache_dir, p->options->token, err));
    p->hub.offline |= p->options->offline;
    BL_TRY(ask(p, folder, err));
    memcpy(p->result.commit, p->commit, sizeof p->commit);
    return BL_OK;
}

bl_status bl_hub_model_find(const char *name, const bl_pull_options *options,
                            bl_progress_fn *progress, void *user, bl_buf *folder,
                            bl_pull_result *result, bl_error *err)
{
    pulling p = {.options = options,
                 .progress = progress,
                 .user = user,
                 .result = {.size = sizeof p.result}};
    bl_status status = BL_OK;
    if (bl_path_what(name) != BL_PATH_NONE) {
        bl_buf_puts(folder, name);
        status = bl_buf_status(folder, err);
    } else {
        status = find(&p, name, folder, err);
    }
    bl_hub_listing_release(&p.listing);
    bl_hub_close(&p.hub);
    bl_free(p.repo);
    if (result)
        *result = p.result;
    return status;
}

bl_status bl_hub_pull(const char *name, const bl_options *options, char *path, size_t cap,
                      size_t *bytes, bl_progress_fn *progress, void *user, bl_pull_result *result,
                      bl_error *err)
{
    bl_call call;
    bl_buf folder;
    bl_pull_options chosen;
    bl_pull_result found = {.size = sizeof found};
    bl_outside_progress outside = {progress, user};
    if (bytes)
        *bytes = 0;
    if (path && cap)
        *path = 0;
    BL_NOT_NULL(err, name);
    BL_NOT_NULL_IF(err, cap, path);
    if (result)
        BL_TRY(bl_result_begin(result, __func__, err));
    BL_TRY(bl_options_expect(options, BL_OPTIONS_PULL, __func__, err));
    bl_call_begin(&call, err);
    bl_buf_init(&folder);
    bl_options_defaults(BL_OPTIONS_PULL, &chosen);
    if (options)
        chosen = *bl_options_pull(options);
    bl_status status = bl_hub_model_find(name, &chosen, progress ? bl_outside_progress_call : NULL,
                                         &outside, &folder, &found, err);
    if (status == BL_OK)
        bl_give_text(folder.data, folder.len, path, cap, bytes);
    if (status == BL_OK && result)
        bl_result_give(result, &found, sizeof found);
    bl_buf_release(&folder);
    return bl_call_end(&call, status, err);
}
