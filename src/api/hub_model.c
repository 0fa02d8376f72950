/* bl_hub_pull(): a model by its name on the Hugging Face Hub. */
#include "api/hub_model.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/file.h"
#include "core/give.h"
#include "core/log.h"
#include "core/path.h"
#include "format/shards.h"
#include "hub/hub_list.h"

#include <stdio.h>
#include <string.h>

/* The files that are looked for, in the order in which they are fetched: what a model is refused by
 * comes first, and its weights come behind them. */
static const struct {
    const char *name;
    int needed[2]; /* by BL_PARTS_*: -1 never taken, 0 if it is there, 1 needed */
} wanted[] = {{"config.json", {1, 0}},
              {"tokenizer.json", {0, 1}},
              {"tokenizer_config.json", {0, 0}},
              {"special_tokens_map.json", {0, 0}},
              {"generation_config.json", {0, 0}},
              {"chat_template.jinja", {0, 0}},
              {"README.md", {0, -1}}};

enum { WANTED = sizeof wanted / sizeof *wanted };

/* A model on its way. */
typedef struct pulling {
    const bl_pull_options *options;
    bl_hub hub;
    char *repo, *revision; /* of one block */
    bl_progress_fn *progress;
    void *user;
    bl_hub_listing listing;
    bl_names weights; /* one file, or an index and its shards; none when they are not wanted */
    char commit[BL_HUB_COMMIT_DIGITS + 1];
    uint64_t total, before; /* bytes to fetch, and of files that are done */
    uint64_t early;         /* bytes of what had to be read before the rest was known */
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

/* All that are looked for: those of the table, and behind them the weights. */
static size_t file_count(const pulling *p)
{
    return WANTED + p->weights.count;
}

static const char *file_name(const pulling *p, size_t i)
{
    return i < WANTED ? wanted[i].name : p->weights.name[i - WANTED];
}

static int file_needed(const pulling *p, size_t i)
{
    return i < WANTED ? wanted[i].needed[p->options->parts] : 1;
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

/* ---- weights in one file or in several ---- */

/* A failure that names a file of the cache, as one of the repository. */
static bl_status of_repository(const pulling *p, bl_status status, const char *what,
                               const char *path, const bl_error *why, bl_error *err)
{
    size_t n = strlen(path);
    const char *words = strncmp(why->message, path, n) == 0
                            ? why->message + n + strspn(why->message + n, ": ")
                            : why->message;
    return bl_fail(err, status, "%s: %s: %s", p->repo, what, words);
}

/* The index, and behind it its shards. */
static bl_status add_shards(pulling *p, const char *index, bl_error *err)
{
    bl_names shards = {0};
    bl_error why = {BL_OK, ""};
    BL_TRY(bl_names_add(&p->weights, BL_WEIGHTS_INDEX, err));
    bl_status status = bl_shards_list(&shards, index, &why);
    if (status != BL_OK)
        return of_repository(p, status, BL_WEIGHTS_INDEX, index, &why, err);
    for (size_t i = 0; i < shards.count && status == BL_OK; i++)
        status = bl_names_add(&p->weights, shards.name[i], err);
    bl_names_release(&shards);
    return status;
}

static bl_status find_cached_weights(pulling *p, bl_error *err)
{
    bl_buf path;
    int whole, sharded = 0;
    const bl_hub_file file = file_of(p, BL_WEIGHTS_FILE), index = file_of(p, BL_WEIGHTS_INDEX);
    bl_names_release(&p->weights);
    if (p->options->parts != BL_PARTS_MODEL)
        return BL_OK;
    bl_buf_init(&path);
    bl_status status = bl_hub_cached(&p->hub, &file, &path, &whole, err);
    bl_buf_clear(&path);
    if (status == BL_OK && !whole)
        status = bl_hub_cached(&p->hub, &index, &path, &sharded, err);
    if (status == BL_OK)
        status = sharded ? add_shards(p, path.data, err)
                         : bl_names_add(&p->weights, BL_WEIGHTS_FILE, err);
    bl_buf_release(&path);
    return status;
}

/* ---- what is there ---- */

/* Without a request: the commit is that of the last time, and all that is needed must be there. */
static bl_status use_cache(pulling *p, bl_buf *folder, bl_error *err)
{
    bl_buf path;
    const bl_hub_file any = {"models", p->repo, p->revision, wanted[0].name};
    BL_TRY(bl_hub_ref(&p->hub, &any, p->commit, err));
    BL_TRY(find_cached_weights(p, err));
    bl_buf_init(&path);
    bl_status status = BL_OK;
    for (size_t i = 0; i < file_count(p) && status == BL_OK; i++) {
        const bl_hub_file f = file_of(p, file_name(p, i));
        int there, needed = file_needed(p, i);
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

/* What the repository lacks, before it is fetched. */
static bl_status check_listing(const pulling *p, bl_error *err)
{
    for (size_t i = 0; i < file_count(p); i++)
        if (file_needed(p, i) > 0 && !bl_hub_listed(&p->listing, file_name(p, i)))
            return bl_fail(err, BL_EFORMAT, "%s: no %s in it, so %s", p->repo, file_name(p, i),
                           p->options->parts == BL_PARTS_MODEL
                               ? "not a model of bitllama"
                               : "no tokenizer that bitllama reads");
    return BL_OK;
}

static bl_status announce(pulling *p, bl_error *err)
{
    bl_buf path;
    bl_status status = BL_OK;
    size_t missing = 0;
    bl_buf_init(&path);
    for (size_t i = 0; i < file_count(p) && status == BL_OK; i++) {
        const bl_hub_entry *e = bl_hub_listed(&p->listing, file_name(p, i));
        const bl_hub_file f = file_of(p, file_name(p, i));
        int there;
        if (!e || file_needed(p, i) < 0)
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
    p->result.fetched = p->early + p->total;
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
    return of_repository(p, status, "not a model of bitllama: its config.json", path, &why, err);
}

/* One file into the cache; *path is where. */
static bl_status fetch_file(pulling *p, const char *name, bl_buf *path, uint64_t *fetched,
                            bl_error *err)
{
    const bl_hub_file f = file_of(p, name);
    int there = 0;
    bl_buf_clear(path);
    BL_TRY(bl_hub_cached(&p->hub, &f, path, &there, err));
    p->size = bl_hub_listed(&p->listing, name)->size;
    bl_buf_clear(path);
    BL_TRY(bl_hub_get(&p->hub, &f, path, err));
    *fetched += there ? 0 : p->size;
    return BL_OK;
}

/* Which files have the weights.  An index says so only when it is here, so it and what decides
 * whether this is a model at all come before anything is announced. */
static bl_status find_listed_weights(pulling *p, bl_error *err)
{
    const char *const first[] = {wanted[0].name, BL_WEIGHTS_INDEX};
    const bl_hub_entry *index = bl_hub_listed(&p->listing, BL_WEIGHTS_INDEX);
    bl_buf path;
    bl_names_release(&p->weights);
    BL_TRY(check_listing(p, err));
    if (p->options->parts != BL_PARTS_MODEL)
        return BL_OK;
    if (bl_hub_listed(&p->listing, BL_WEIGHTS_FILE) || !index) {
        BL_TRY(bl_names_add(&p->weights, BL_WEIGHTS_FILE, err));
        return check_listing(p, err);
    }
    if (index->size > BL_INDEX_MOST)
        return bl_fail(err, BL_EFORMAT, "%s: " BL_WEIGHTS_INDEX ": %llu bytes; at most %d", p->repo,
                       (unsigned long long)index->size, BL_INDEX_MOST);
    bl_buf_init(&path);
    bl_status status = BL_OK;
    for (size_t i = 0; i < sizeof first / sizeof *first && status == BL_OK; i++) {
        p->total = bl_hub_listed(&p->listing, first[i])->size;
        status = fetch_file(p, first[i], &path, &p->early, err);
        if (status == BL_OK && i == 0)
            status = check_config(p, path.data, err);
    }
    if (status == BL_OK)
        status = add_shards(p, path.data, err);
    p->total = 0;
    bl_buf_release(&path);
    return status == BL_OK ? check_listing(p, err) : status;
}

static bl_status fetch_files(pulling *p, bl_buf *folder, bl_error *err)
{
    bl_buf path;
    bl_status status = BL_OK;
    bl_buf_init(&path);
    for (size_t i = 0; i < file_count(p) && status == BL_OK; i++) {
        const char *name = file_name(p, i);
        if (!bl_hub_listed(&p->listing, name) || file_needed(p, i) < 0)
            continue;
        status = fetch_file(p, name, &path, &p->before, err);
        if (status == BL_OK && i == 0 && p->options->parts == BL_PARTS_MODEL)
            status = check_config(p, path.data, err);
        if (status == BL_OK && !folder->len)
            bl_buf_append(folder, path.data, path.len - strlen(name) - 1);
    }
    bl_buf_release(&path);
    return status == BL_OK ? bl_buf_status(folder, err) : status;
}

/* The commit is named by its branch only when all is there. */
static bl_status use_hub(pulling *p, bl_buf *folder, bl_error *err)
{
    const bl_hub_file named = {"models", p->repo, p->revision, wanted[0].name};
    (void)snprintf(p->commit, sizeof p->commit, "%s", p->listing.commit);
    BL_TRY(find_listed_weights(p, err));
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
    bl_names_release(&p.weights);
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
