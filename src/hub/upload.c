/* Files sent to a repository of the Hub, in one commit, and read back. */
#include "hub/upload.h"
#include "core/alloc.h"
#include "core/file.h"
#include "core/log.h"
#include "hub/digest.h"
#include "hub/hub_ask.h"
#include "hub/lfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE = 512, ASKED_AT_ONCE = 256, SMALL_MOST = 1 << 26 }; /* bytes, files, bytes */

/* ---- requests ---- */

static bl_status api_url(const bl_hub *hub, const bl_hub_upload *u, const char *what,
                         const char *revision, bl_buf *url, bl_error *err)
{
    bl_buf_clear(url);
    bl_buf_printf(url, "%s/api/models/%s/%s/", hub->endpoint.data, u->repo, what);
    bl_hub_put_encoded(url, revision, 0);
    return bl_buf_status(url, err);
}

static bl_status post(const bl_hub *hub, const char *url, const bl_hub_upload *u,
                      const json_t *body, bl_http_answer *a, json_t **answer, bl_error *err)
{
    const bl_hub_question q = {.url = url, .stage = u->repo};
    return bl_hub_post(hub, &q, body, a, answer, err);
}

/* ---- base64 ---- */

typedef struct base64_text {
    bl_buf *to;
    unsigned char rest[3];
    size_t have, most;
} base64_text;

static void put_four(bl_buf *to, const unsigned char *b, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char four[4] = {digit[b[0] >> 2], digit[(b[0] & 3) << 4 | (n > 1 ? b[1] >> 4 : 0)],
                          n > 1 ? digit[(b[1] & 15) << 2 | (n > 2 ? b[2] >> 6 : 0)] : '=',
                          n > 2 ? digit[b[2] & 63] : '='};
    bl_buf_append(to, four, sizeof four);
}

static bl_status encode_piece(void *user, const void *bytes, size_t n, bl_error *err)
{
    base64_text *e = user;
    const unsigned char *b = bytes;
    for (size_t i = 0; i < n && e->most; i++, e->most--) {
        e->rest[e->have++] = b[i];
        if (e->have == 3) {
            put_four(e->to, e->rest, 3);
            e->have = 0;
        }
    }
    return bl_buf_status(e->to, err);
}

/* The first `most` bytes of a file. */
static bl_status encode_file(bl_buf *to, const char *path, size_t most, bl_error *err)
{
    base64_text e = {.to = to, .most = most};
    BL_TRY(bl_file_pieces(path, encode_piece, &e, err));
    if (e.have)
        put_four(to, e.rest, e.have);
    return bl_buf_status(to, err);
}

/* ---- what is there ---- */

static bl_status hash_files(const bl_hub *hub, bl_hub_upload *u, bl_error *err)
{
    const bl_http *h = &hub->http;
    for (size_t i = 0; i < u->count; i++) {
        bl_hub_outgoing *f = &u->file[i];
        BL_TRY(bl_file_bytes(f->file, &f->size, err));
        BL_TRY(bl_digest_file(f->file, 0, "hashing", h->progress, h->user, f->sha256, err));
        char git[BL_DIGEST_TEXT];
        BL_TRY(bl_digest_file(f->file, 1, "hashing", h->progress, h->user, git, err));
        (void)snprintf(f->git, sizeof f->git, "%.40s", git);
    }
    return BL_OK;
}

static int is_same(const bl_hub_outgoing *f, const bl_hub_entry *e)
{
    return e && e->size == f->size &&
           strcmp(e->digest, strlen(e->digest) == 64 ? f->sha256 : f->git) == 0;
}

bl_status bl_hub_compare(const bl_hub *hub, bl_hub_upload *u, bl_error *err)
{
    bl_hub_listing listing;
    int unreachable;
    const bl_hub_file where = {"models", u->repo, u->revision, NULL};
    BL_TRY(hash_files(hub, u, err));
    bl_status status = bl_hub_list(hub, &where, 0, &listing, &unreachable, err);
    if (status == BL_ENOENT)
        status = BL_OK;
    memcpy(u->commit, listing.commit, sizeof u->commit);
    u->changed = 0;
    u->total = 0;
    for (size_t i = 0; i < u->count && status == BL_OK; i++) {
        bl_hub_outgoing *f = &u->file[i];
        const bl_hub_entry *e = bl_hub_listed(&listing, f->path);
        f->state = !e ? "new" : is_same(f, e) ? "same" : "changed";
        if (e && is_same(f, e))
            continue;
        u->changed++;
        u->total += f->size;
    }
    bl_hub_listing_release(&listing);
    return status;
}

/* ---- a place for them ---- */

static bl_status make_repository(const bl_hub *hub, const bl_hub_upload *u, bl_error *err)
{
    bl_buf url;
    bl_http_answer a = {0};
    const char *slash = strchr(u->repo, '/');
    char owner[201];
    (void)snprintf(owner, sizeof owner, "%.*s", slash ? (int)(slash - u->repo) : 0, u->repo);
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:b}", "type", "model", "name", slash ? slash + 1 : u->repo,
                  "organization", owner, "private", u->hidden);
    if (body && !slash)
        (void)json_object_del(body, "organization");
    bl_buf_init(&url);
    bl_buf_printf(&url, "%s/api/repos/create", hub->endpoint.data);
    bl_status status = bl_buf_status(&url, err);
    if (status == BL_OK)
        status = post(hub, url.data, u, body, &a, NULL, err);
    if (status == BL_ENETWORK && a.status == 409)
        status = bl_fail(err, BL_ENETWORK,
                         "%s: it is there, and this token may not read it: is the name another's?",
                         u->repo);
    else if (status == BL_OK)
        bl_log(BL_LOG_INFO, "%s is made, %s", u->repo, u->hidden ? "private" : "public");
    json_decref(body);
    bl_buf_release(&url);
    return status;
}

/* A branch that is not there begins where main is. */
static bl_status make_place(const bl_hub *hub, bl_hub_upload *u, bl_error *err)
{
    int unreachable;
    bl_hub_listing listing;
    bl_hub_file where = {"models", u->repo, "main", NULL};
    bl_status status = bl_hub_list(hub, &where, 0, &listing, &unreachable, err);
    bl_hub_listing_release(&listing);
    if (status == BL_ENOENT)
        status = make_repository(hub, u, err);
    if (status == BL_OK && strcmp(u->revision, "main") != 0) {
        bl_buf url;
        bl_http_answer a;
        json_t *body = json_object();
        bl_buf_init(&url);
        status = api_url(hub, u, "branch", u->revision, &url, err);
        if (status == BL_OK)
            status = post(hub, url.data, u, body, &a, NULL, err);
        json_decref(body);
        bl_buf_release(&url);
    }
    where.revision = u->revision;
    if (status == BL_OK)
        status = bl_hub_list(hub, &where, 0, &listing, &unreachable, err);
    if (status == BL_OK)
        memcpy(u->commit, listing.commit, sizeof u->commit);
    bl_hub_listing_release(&listing);
    return status;
}

/* ---- how each is sent ---- */

static bl_status describe(json_t *files, const bl_hub_outgoing *f, bl_error *err)
{
    bl_buf sample;
    bl_buf_init(&sample);
    bl_status status = encode_file(&sample, f->file, SAMPLE, err);
    if (status == BL_OK &&
        json_array_append_new(files, json_pack("{s:s, s:s, s:I}", "path", f->path, "sample",
                                               sample.len ? sample.data : "", "size",
                                               (json_int_t)f->size)) != 0)
        status = bl_fail(err, BL_EINVAL, "%s: its name is not UTF-8", f->path);
    bl_buf_release(&sample);
    return status;
}

static bl_status read_modes(bl_hub_upload *u, const json_t *answer, bl_error *err)
{
    const json_t *files = json_object_get(answer, "files"), *file;
    size_t at;
    json_array_foreach (files, at, file) {
        const char *path = json_string_value(json_object_get(file, "path"));
        const char *mode = json_string_value(json_object_get(file, "uploadMode"));
        if (!path || !mode)
            return bl_fail(err, BL_ENETWORK, "%s: the server does not say how to send the files",
                           u->repo);
        for (size_t i = 0; i < u->count; i++)
            if (strcmp(u->file[i].path, path) == 0)
                u->file[i].large = strcmp(mode, "lfs") == 0 && u->file[i].size > 0;
    }
    return BL_OK;
}

static bl_status ask_modes(const bl_hub *hub, bl_hub_upload *u, bl_error *err)
{
    bl_buf url;
    bl_buf_init(&url);
    bl_status status = api_url(hub, u, "preupload", u->revision, &url, err);
    for (size_t i = 0; i < u->count && status == BL_OK;) {
        bl_http_answer a;
        json_t *files = json_array(), *answer = NULL;
        for (; i < u->count && json_array_size(files) < ASKED_AT_ONCE && status == BL_OK; i++)
            if (strcmp(u->file[i].state, "same") != 0)
                status = describe(files, &u->file[i], err);
        json_t *body = json_pack("{s:O}", "files", files);
        if (status == BL_OK && json_array_size(files))
            status = post(hub, url.data, u, body, &a, &answer, err);
        if (status == BL_OK)
            status = read_modes(u, answer, err);
        json_decref(answer);
        json_decref(body);
        json_decref(files);
    }
    bl_buf_release(&url);
    return status;
}

/* ---- the commit ---- */

/* A line of JSON whose last member is open for more text. */
static bl_status put_line(bl_buf *body, const char *key, json_t *value, bl_error *err)
{
    json_t *line = value ? json_pack("{s:s, s:o}", "key", key, "value", value) : NULL;
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    if (text) {
        bl_buf_puts(body, text);
        bl_buf_puts(body, "\n");
    }
    free(text); /* jansson's */
    json_decref(line);
    return text ? bl_buf_status(body, err) : bl_fail(err, BL_ENOMEM, "out of memory");
}

static bl_status put_file(bl_buf *body, const bl_hub_outgoing *f, bl_error *err)
{
    if (f->large)
        return put_line(body, "lfsFile",
                        json_pack("{s:s, s:s, s:s, s:I}", "path", f->path, "algo", "sha256", "oid",
                                  f->sha256, "size", (json_int_t)f->size),
                        err);
    if (f->size > SMALL_MOST)
        return bl_fail(err, BL_ENETWORK, "%s: the server wants its %llu bytes inside the commit",
                       f->path, (unsigned long long)f->size);
    bl_buf content;
    bl_buf_init(&content);
    bl_status status = encode_file(&content, f->file, SMALL_MOST, err);
    if (status == BL_OK)
        status = put_line(body, "file",
                          json_pack("{s:s, s:s, s:s}", "content", content.len ? content.data : "",
                                    "path", f->path, "encoding", "base64"),
                          err);
    bl_buf_release(&content);
    return status;
}

static bl_status make_body(const bl_hub_upload *u, bl_buf *body, bl_error *err)
{
    BL_TRY(put_line(body, "header",
                    json_pack("{s:s, s:s, s:s}", "summary", u->message, "description", "",
                              "parentCommit", u->commit),
                    err));
    for (size_t i = 0; i < u->count; i++)
        if (strcmp(u->file[i].state, "same") != 0)
            BL_TRY(put_file(body, &u->file[i], err));
    return BL_OK;
}

/* A commit whose answer was lost may have been made: then all is there. */
static int was_made(const bl_hub *hub, bl_hub_upload *u)
{
    bl_hub_listing listing;
    int unreachable;
    const bl_hub_file where = {"models", u->repo, u->revision, NULL};
    int made = bl_hub_list(hub, &where, 0, &listing, &unreachable, NULL) == BL_OK &&
               strcmp(listing.commit, u->commit) != 0;
    for (size_t i = 0; i < u->count && made; i++)
        made = is_same(&u->file[i], bl_hub_listed(&listing, u->file[i].path));
    if (made)
        memcpy(u->commit, listing.commit, sizeof u->commit);
    bl_hub_listing_release(&listing);
    return made;
}

static bl_status commit(const bl_hub *hub, bl_hub_upload *u, bl_error *err)
{
    bl_buf url, body;
    bl_http_answer a = {0};
    json_t *answer = NULL;
    bl_error words = {BL_OK, ""};
    bl_buf_init(&url);
    bl_buf_init(&body);
    bl_status status = api_url(hub, u, "commit", u->revision, &url, err);
    if (status == BL_OK)
        status = make_body(u, &body, err);
    if (status == BL_OK) {
        const bl_hub_question q = {.method = BL_HTTP_POST,
                                   .url = url.data,
                                   .stage = "commit",
                                   .content_type = "application/x-ndjson",
                                   .body = &body,
                                   .tries = 1};
        status = bl_hub_ask(hub, &q, &a, &answer, &words);
        const char *oid = json_string_value(json_object_get(answer, "commitOid"));
        if (status == BL_OK && oid && bl_hub_is_commit(oid))
            memcpy(u->commit, oid, sizeof u->commit);
        else if (status == BL_OK)
            status = bl_fail(err, BL_ENETWORK, "%s: the answer does not name the commit", url.data);
        else if (status == BL_ENETWORK && (a.again || a.status == 412) && was_made(hub, u))
            status = BL_OK;
        else if (err)
            *err = words;
    }
    json_decref(answer);
    bl_buf_release(&body);
    bl_buf_release(&url);
    return status;
}

bl_status bl_hub_send(const bl_hub *hub, bl_hub_upload *u, bl_error *err)
{
    if (!*u->commit)
        BL_TRY(make_place(hub, u, err));
    if (!u->changed)
        return BL_OK;
    BL_TRY(ask_modes(hub, u, err));
    BL_TRY(bl_hub_send_large(hub, u, err));
    return commit(hub, u, err);
}

/* ---- reading back ---- */

typedef struct read_back {
    const bl_hub_outgoing *f;
    bl_digest *hash;
    uint64_t have;
} read_back;

static bl_status on_body(void *target, const bl_http_answer *a, const void *bytes, size_t n,
                         bl_error *err)
{
    read_back *r = target;
    (void)a;
    r->have += n;
    if (r->have > r->f->size)
        return bl_fail(err, BL_ENETWORK, "%s: more comes back than was sent", r->f->path);
    return bl_digest_add(r->hash, bytes, n, err);
}

static uint64_t on_done(void *target)
{
    return ((read_back *)target)->have;
}

static bl_status try_read(const bl_hub *hub, read_back *r, const char *url, bl_http_answer *a,
                          char hex[BL_DIGEST_TEXT], bl_error *err)
{
    const bl_http_request q = {.url = url,
                               .method = BL_HTTP_GET,
                               .stage = "reading back",
                               .total = r->f->size,
                               .body = on_body,
                               .done = on_done,
                               .target = r};
    r->have = 0;
    BL_TRY(bl_digest_open(&r->hash, 0, 0, err));
    bl_status status = bl_http_send(&hub->http, &q, a, err);
    if (status == BL_OK)
        status = bl_digest_end(r->hash, hex, err);
    bl_digest_close(r->hash);
    return status;
}

static bl_status read_file(const bl_hub *hub, const bl_hub_upload *u, const bl_hub_outgoing *f,
                           bl_error *err)
{
    bl_buf url;
    bl_http_answer a = {0};
    bl_error words = {BL_OK, ""};
    char hex[BL_DIGEST_TEXT] = "";
    read_back r = {.f = f};
    bl_buf_init(&url);
    bl_buf_printf(&url, "%s/%s/resolve/%s/", hub->endpoint.data, u->repo, u->commit);
    bl_hub_put_encoded(&url, f->path, 1);
    bl_status status = bl_buf_status(&url, err);
    const bl_http_request waiting = {.stage = "reading back", .total = f->size};
    for (unsigned count = 1; status == BL_OK; count++) {
        status = try_read(hub, &r, url.data, &a, hex, &words);
        if (status == BL_OK)
            break;
        status = bl_http_wait(&hub->http, &waiting, &a, count, status, &words);
        if (status != BL_OK && err)
            *err = words;
    }
    if (status == BL_OK && strcmp(hex, f->sha256) != 0)
        status =
            bl_fail(err, BL_ENETWORK,
                    "%s: what comes back of %s (%llu bytes) is not what was sent (%llu bytes)",
                    url.data, f->path, (unsigned long long)r.have, (unsigned long long)f->size);
    bl_buf_release(&url);
    return status;
}

bl_status bl_hub_read_back(const bl_hub *hub, const bl_hub_upload *u, int contents, bl_error *err)
{
    bl_hub_listing listing;
    int unreachable;
    const bl_hub_file where = {"models", u->repo, u->commit, NULL};
    bl_status status = bl_hub_list(hub, &where, 0, &listing, &unreachable, err);
    for (size_t i = 0; i < u->count && status == BL_OK; i++) {
        const bl_hub_outgoing *f = &u->file[i];
        if (!is_same(f, bl_hub_listed(&listing, f->path)))
            status = bl_fail(err, BL_ENETWORK,
                             "%s: by its commit %.7s the server does not have the %s that was sent",
                             u->repo, u->commit, f->path);
        else if (contents && strcmp(f->state, "same") != 0)
            status = read_file(hub, u, f, err);
    }
    bl_hub_listing_release(&listing);
    return status;
}
