/* The Hugging Face Hub: a file of a repository, from the cache or downloaded into it. */
#include "hub/hub.h"
#include "core/clock.h"
#include "core/dir.h"
#include "core/file.h"
#include "core/lock.h"
#include "core/log.h"
#include "core/path.h"
#include "hub/digest.h"
#include "hub/fetch.h"

#include <stdio.h>
#include <string.h>

enum { CHANGES_MOST = 3 };

static const double LOOK_SECONDS = 0.1; /* between two looks at a lock that another holds */
static const double PATIENCE = 30; /* time limits without a new byte: then whoever holds it hangs */
static const double LEFT_SECONDS = 7 * 86400.0; /* an unfinished download is of no use any more */
static const int64_t SIZE_MOST = (int64_t)1 << 50; /* bytes of a file */

/* What is known of one file. */
typedef struct lookup {
    const bl_hub *hub;
    const bl_hub_file *f;
    const char *cache;
    bl_buf folder; /* CACHE/datasets--OWNER--NAME */
    char commit[BL_HUB_COMMIT_DIGITS + 1];
    char digest[80];
    int64_t size;
} lookup;

/* ---- names ---- */

static bl_status check_names(const bl_hub_file *f, bl_error *err)
{
    if (!bl_hub_is_repo(f->repo))
        return bl_fail(err, BL_EINVAL, "'%.100s' is not the name of a repository, OWNER/NAME",
                       f->repo);
    if (!bl_hub_is_path(f->revision))
        return bl_fail(err, BL_EINVAL, "'%.100s' is not a revision", f->revision);
    if (!bl_hub_is_path(f->file))
        return bl_fail(err, BL_EINVAL, "'%.100s' is not the path of a file in a repository",
                       f->file);
    return BL_OK;
}

static bl_status make_url(const lookup *l, const char *revision, bl_buf *url, bl_error *err)
{
    int model = strcmp(l->f->kind, "models") == 0;
    bl_buf_clear(url);
    bl_buf_printf(url, "%s/%s%s/resolve/", l->hub->endpoint.data, model ? "" : "datasets/",
                  l->f->repo);
    bl_hub_put_encoded(url, revision, 0);
    bl_buf_puts(url, "/");
    bl_hub_put_encoded(url, l->f->file, 1);
    return bl_buf_status(url, err);
}

static bl_status put_folder(lookup *l, const char *cache, bl_error *err)
{
    l->cache = cache;
    bl_buf_clear(&l->folder);
    bl_buf_printf(&l->folder, "%s/%s--", cache, l->f->kind);
    for (const char *c = l->f->repo; *c; c++)
        bl_buf_append(&l->folder, *c == '/' ? "--" : c, *c == '/' ? 2 : 1);
    return bl_buf_status(&l->folder, err);
}

/* Where it is; a repository that an earlier version has put elsewhere stays there. */
static bl_status make_folder(lookup *l, bl_error *err)
{
    if (l->hub->older.len) {
        BL_TRY(put_folder(l, l->hub->older.data, err));
        if (bl_path_what(l->folder.data) == BL_PATH_DIR)
            return BL_OK;
    }
    return put_folder(l, l->hub->cache.data, err);
}

/* FOLDER/what/name, or FOLDER/what/name/more. */
static bl_status in_folder(const lookup *l, bl_buf *path, const char *what, const char *name,
                           const char *more, bl_error *err)
{
    bl_buf_clear(path);
    bl_buf_printf(path, "%s/%s/%s%s%s", l->folder.data, what, name, *more ? "/" : "", more);
    return bl_buf_status(path, err);
}

static bl_status make_parent(const char *path, bl_error *err)
{
    bl_buf parent;
    bl_buf_init(&parent);
    bl_buf_append(&parent, path, (size_t)(strrchr(path, '/') - path));
    bl_status status = bl_buf_status(&parent, err);
    if (status == BL_OK)
        status = bl_dir_make(parent.data, err);
    bl_buf_release(&parent);
    return status;
}

/* ---- the cache ---- */

/* The commit of the revision when it was last asked for; "" when it never was. */
static bl_status known_commit(lookup *l, bl_buf *path, bl_error *err)
{
    bl_map map;
    l->commit[0] = 0;
    if (bl_hub_is_commit(l->f->revision)) {
        (void)snprintf(l->commit, sizeof l->commit, "%s", l->f->revision);
        return BL_OK;
    }
    BL_TRY(in_folder(l, path, "refs", l->f->revision, "", err));
    if (bl_path_what(path->data) != BL_PATH_FILE)
        return BL_OK;
    BL_TRY(bl_map_open(&map, path->data, err));
    if (map.size >= BL_HUB_COMMIT_DIGITS) {
        memcpy(l->commit, map.data, BL_HUB_COMMIT_DIGITS);
        l->commit[BL_HUB_COMMIT_DIGITS] = 0;
    }
    bl_map_close(&map);
    if (!bl_hub_is_commit(l->commit))
        l->commit[0] = 0;
    return BL_OK;
}

/* A link of a snapshot leads to a content of this repository, and nowhere else. */
static int stays_inside(const lookup *l, const char *path)
{
    return !bl_path_is_link(path) || bl_path_is_inside(path, l->folder.data);
}

/* *path is that of the file at the known commit; *there says whether it exists. */
static bl_status look_in_cache(lookup *l, bl_buf *path, int *there, bl_error *err)
{
    BL_TRY(known_commit(l, path, err));
    *there = 0;
    if (!*l->commit)
        return BL_OK;
    BL_TRY(in_folder(l, path, "snapshots", l->commit, l->f->file, err));
    *there = bl_path_what(path->data) == BL_PATH_FILE && stays_inside(l, path->data);
    return BL_OK;
}

static bl_status write_ref(const lookup *l, bl_buf *path, bl_error *err)
{
    if (bl_hub_is_commit(l->f->revision))
        return BL_OK;
    BL_TRY(in_folder(l, path, "refs", l->f->revision, "", err));
    BL_TRY(make_parent(path->data, err));
    return bl_file_replace(path->data, l->commit, BL_HUB_COMMIT_DIGITS, err);
}

/* snapshots/COMMIT/FILE -> ../../blobs/DIGEST, and refs/REVISION. */
static bl_status publish(const lookup *l, bl_buf *path, bl_error *err)
{
    bl_buf target;
    bl_status status = BL_OK;
    bl_buf_init(&target);
    BL_TRY(write_ref(l, path, err));
    bl_buf_puts(&target, "../../");
    for (const char *c = l->f->file; *c; c++)
        if (*c == '/')
            bl_buf_puts(&target, "../");
    bl_buf_printf(&target, "blobs/%s", l->digest);
    BL_TRY_GOTO(status, bl_buf_status(&target, err), done);
    BL_TRY_GOTO(status, in_folder(l, path, "snapshots", l->commit, l->f->file, err), done);
    BL_TRY_GOTO(status, make_parent(path->data, err), done);
    status = bl_path_link(target.data, path->data, err);
done:
    bl_buf_release(&target);
    return status;
}

/* ---- the Hub ---- */

static bl_status ask_hub(lookup *l, unsigned tries, int *again, bl_error *err)
{
    bl_buf url;
    bl_error words = {BL_OK, ""};
    bl_http_answer a = {0};
    bl_http http = l->hub->http;
    http.tries = tries;
    bl_buf_init(&url);
    bl_status status = make_url(l, l->f->revision, &url, err);
    bl_http_request r = {.url = url.data, .method = BL_HTTP_HEAD, .stage = l->f->file};
    for (unsigned count = 1; status == BL_OK; count++) {
        status = bl_http_send(&http, &r, &a, &words);
        if (status == BL_OK)
            break;
        status = bl_http_wait(&http, &r, &a, count, status, &words);
        if (status != BL_OK && err)
            *err = words;
    }
    *again = a.again;
    const char *digest = *a.linked_etag ? a.linked_etag : a.etag;
    if (status == BL_OK && (!bl_hub_is_commit(a.commit) || !bl_digest_is_name(digest)))
        status = bl_fail(err, BL_ENETWORK,
                         "%s: the answer does not say commit and checksum (X-Repo-Commit, ETag): "
                         "no Hugging Face Hub there?",
                         url.data);
    if (status == BL_OK && bl_hub_is_commit(l->f->revision) &&
        strcmp(a.commit, l->f->revision) != 0)
        status = bl_fail(err, BL_ENETWORK, "%s: the answer is of another commit, %s", url.data,
                         a.commit);
    int64_t size = *a.linked_etag ? a.linked_size : a.length;
    if (status == BL_OK && (size < 0 || size > SIZE_MOST))
        status = bl_fail(err, BL_ENETWORK,
                         "%s: the answer does not say a size that a file can have (%s), so it is "
                         "not downloaded",
                         url.data, *a.linked_etag ? "X-Linked-Size" : "Content-Length");
    if (status == BL_OK) {
        memcpy(l->commit, a.commit, sizeof l->commit); /* with its 0 */
        (void)snprintf(l->digest, sizeof l->digest, "%s", digest);
        l->size = size;
    }
    bl_buf_release(&url);
    return status;
}

/* That of huggingface_hub, so that the two wait for each other. */
static bl_status lock_path(const lookup *l, const char *digest, bl_buf *path, bl_error *err)
{
    bl_buf_clear(path);
    bl_buf_printf(path, "%s/.locks%s/%s.lock", l->cache, strrchr(l->folder.data, '/'), digest);
    return bl_buf_status(path, err);
}

/* How much the process that holds the lock has got so far. */
static uint64_t bytes_of(const char *path)
{
    uint64_t bytes;
    return bl_file_bytes(path, &bytes, NULL) == BL_OK ? bytes : 0;
}

/* Waits while another process downloads the same, as long as that one makes progress. */
static bl_status take_lock(const lookup *l, const char *incomplete, bl_lock **lock, bl_error *err)
{
    const bl_http *http = &l->hub->http;
    bl_buf path;
    bl_buf_init(&path);
    bl_status status = lock_path(l, l->digest, &path, err);
    if (status == BL_OK)
        status = make_parent(path.data, err);
    double since = bl_clock_seconds();
    uint64_t before = bytes_of(incomplete), now;
    for (int told = 0; status == BL_OK;) {
        status = bl_lock_open(lock, path.data, err);
        if (status != BL_EBUSY)
            break;
        if (!told++)
            bl_log(BL_LOG_WARNING, "%s: another process downloads it; waiting", l->f->file);
        status = BL_OK;
        if ((now = bytes_of(incomplete)) != before) {
            before = now;
            since = bl_clock_seconds();
        }
        if (bl_clock_seconds() - since > PATIENCE * http->stall_seconds)
            status = bl_fail(err, BL_EBUSY,
                             "%s: another process holds %s and has got nothing for %.3g s; stop it "
                             "and try again",
                             l->f->file, path.data, bl_clock_seconds() - since);
        else if (http->progress && http->progress(http->user, "waiting", 0, 0, "B") != 0)
            status = bl_fail(err, BL_EINTERRUPTED, "interrupted while waiting for %s", l->f->file);
        else
            bl_os_sleep(LOOK_SECONDS);
    }
    bl_buf_release(&path);
    return status;
}

static int is_there(const char *path, int64_t size)
{
    uint64_t bytes;
    return !bl_path_is_link(path) && bl_file_bytes(path, &bytes, NULL) == BL_OK &&
           bytes == (uint64_t)size;
}

/* Removes what is left of a download that nobody has continued for a week; one that another process
 * has in hand is locked. */
static bl_status sweep_one(const lookup *l, const char *name, bl_buf *path, bl_error *err)
{
    static const char ending[] = ".incomplete";
    char digest[80];
    size_t n = strlen(name), tail = strlen(ending);
    bl_lock *lock = NULL;
    if (n <= tail || n - tail >= sizeof digest || strcmp(name + n - tail, ending) != 0)
        return BL_OK;
    (void)snprintf(digest, sizeof digest, "%.*s", (int)(n - tail), name);
    if (!bl_digest_is_name(digest) || strcmp(digest, l->digest) == 0)
        return BL_OK;
    BL_TRY(in_folder(l, path, "blobs", name, "", err));
    if (bl_path_age(path->data) < LEFT_SECONDS)
        return BL_OK;
    BL_TRY(lock_path(l, digest, path, err));
    if (bl_lock_open(&lock, path->data, NULL) != BL_OK)
        return BL_OK;
    bl_status status = in_folder(l, path, "blobs", name, "", err);
    if (status == BL_OK)
        status = bl_file_remove(path->data, err);
    bl_lock_close(lock);
    return status;
}

static bl_status sweep(const lookup *l, bl_error *err)
{
    bl_buf path;
    bl_names names = {0};
    bl_buf_init(&path);
    bl_buf_printf(&path, "%s/blobs", l->folder.data);
    bl_status status = bl_buf_status(&path, err);
    if (status == BL_OK)
        status = bl_dir_list(&names, path.data, err);
    for (size_t i = 0; i < names.count && status == BL_OK; i++)
        status = sweep_one(l, names.name[i], &path, err);
    bl_names_release(&names);
    bl_buf_release(&path);
    return status;
}

/* The content into blobs/DIGEST. */
static bl_status download(lookup *l, bl_buf *path, int *changed, bl_error *err)
{
    bl_buf url, incomplete;
    bl_lock *lock = NULL;
    const char *slash = strrchr(l->f->file, '/');
    bl_buf_init(&url);
    bl_buf_init(&incomplete);
    bl_status status = in_folder(l, path, "blobs", l->digest, "", err);
    if (status != BL_OK || is_there(path->data, l->size))
        goto done;
    BL_TRY_GOTO(status, make_parent(path->data, err), done);
    bl_buf_printf(&incomplete, "%s.incomplete", path->data);
    BL_TRY_GOTO(status, bl_buf_status(&incomplete, err), done);
    BL_TRY_GOTO(status, take_lock(l, incomplete.data, &lock, err), done);
    if (is_there(path->data, l->size))
        goto done;
    BL_TRY_GOTO(status, sweep(l, err), done);
    BL_TRY_GOTO(status, make_url(l, l->commit, &url, err), done);
    bl_fetch f = {.url = url.data,
                  .name = slash ? slash + 1 : l->f->file,
                  .incomplete = incomplete.data,
                  .path = path->data,
                  .digest = l->digest,
                  .size = l->size};
    status = bl_fetch_file(&f, &l->hub->http, err);
    *changed = f.changed;
done:
    bl_lock_close(lock);
    bl_buf_release(&url);
    bl_buf_release(&incomplete);
    return status;
}

static bl_status get_from_hub(lookup *l, bl_buf *path, int cached, bl_error *err)
{
    bl_error words = {BL_OK, ""};
    for (int changes = 0;; changes++) {
        int again = 0, changed = 0;
        bl_status status = ask_hub(l, cached ? 1 : l->hub->http.tries, &again, &words);
        if (status == BL_ENETWORK && again && cached) {
            bl_log(BL_LOG_WARNING, "%s; the copy in the cache is taken", words.message);
            return BL_OK;
        }
        if (status == BL_OK)
            status = download(l, path, &changed, &words);
        if (status == BL_OK)
            return publish(l, path, err);
        if (changed && changes < CHANGES_MOST)
            continue;
        if (err)
            *err = words;
        return status;
    }
}

static bl_status get(lookup *l, bl_buf *path, bl_error *err)
{
    int cached;
    BL_TRY(make_folder(l, err));
    BL_TRY(look_in_cache(l, path, &cached, err));
    if (cached && (l->hub->offline || bl_hub_is_commit(l->f->revision))) {
        if (!l->hub->offline)
            bl_path_link_sweep(path->data);
        return BL_OK;
    }
    if (l->hub->offline)
        return bl_fail(err, BL_ENETWORK,
                       "%s of %s is not in the cache %s, and HF_HUB_OFFLINE forbids to download it",
                       l->f->file, l->f->repo, l->folder.data);
    return get_from_hub(l, path, cached, err);
}

bl_status bl_hub_get(const bl_hub *hub, const bl_hub_file *file, bl_buf *path, bl_error *err)
{
    lookup l = {.hub = hub, .f = file};
    BL_TRY(check_names(file, err));
    bl_buf_init(&l.folder);
    bl_status status = get(&l, path, err);
    bl_buf_release(&l.folder);
    return status;
}

bl_status bl_hub_cached(const bl_hub *hub, const bl_hub_file *file, bl_buf *path, int *there,
                        bl_error *err)
{
    lookup l = {.hub = hub, .f = file};
    *there = 0;
    BL_TRY(check_names(file, err));
    bl_buf_init(&l.folder);
    bl_status status = make_folder(&l, err);
    if (status == BL_OK)
        status = look_in_cache(&l, path, there, err);
    bl_buf_release(&l.folder);
    return status;
}

bl_status bl_hub_ref(const bl_hub *hub, const bl_hub_file *file,
                     char commit[BL_HUB_COMMIT_DIGITS + 1], bl_error *err)
{
    lookup l = {.hub = hub, .f = file};
    bl_buf path;
    BL_TRY(check_names(file, err));
    bl_buf_init(&l.folder);
    bl_buf_init(&path);
    bl_status status = make_folder(&l, err);
    if (status == BL_OK)
        status = known_commit(&l, &path, err);
    memcpy(commit, l.commit, sizeof l.commit);
    bl_buf_release(&path);
    bl_buf_release(&l.folder);
    return status;
}

bl_status bl_hub_set_ref(const bl_hub *hub, const bl_hub_file *file, const char *commit,
                         bl_error *err)
{
    lookup l = {.hub = hub, .f = file};
    bl_buf path;
    BL_TRY(check_names(file, err));
    (void)snprintf(l.commit, sizeof l.commit, "%s", commit);
    bl_buf_init(&l.folder);
    bl_buf_init(&path);
    bl_status status = make_folder(&l, err);
    if (status == BL_OK)
        status = write_ref(&l, &path, err);
    bl_buf_release(&path);
    bl_buf_release(&l.folder);
    return status;
}
