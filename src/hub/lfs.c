/* Large files sent to where the Hub keeps them: the batch API of Git LFS, with addresses that are
 * signed. */
#include "hub/lfs.h"
#include "core/alloc.h"
#include "core/file.h"
#include "hub/hub_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MOST = 100, PARTS_MOST = 10000 };

static const char lfs_type[] = "application/vnd.git-lfs+json";

/* Bytes of a file on their way to one address. */
typedef struct sending {
    const bl_file *file;
    uint64_t first; /* of the part */
    uint64_t sent;  /* of the file, for progress */
} sending;

static bl_status on_send(void *target, uint64_t at, void *to, size_t n, bl_error *err)
{
    sending *s = target;
    BL_TRY(bl_file_read(s->file, s->first + at, to, n, err));
    s->sent = s->first + at + n;
    return BL_OK;
}

static uint64_t on_done(void *target)
{
    return ((sending *)target)->sent;
}

/* The address without what is behind its path, which is a secret. */
static void show(char *to, size_t cap, const char *url)
{
    (void)snprintf(to, cap, "%.*s", (int)strcspn(url, "?#"), url);
}

/* n bytes to an address, which gets no token: it is not the endpoint's, or has its own. */
static bl_status put(const bl_hub *hub, const bl_hub_outgoing *f, sending *s, uint64_t n,
                     const char *url, bl_http_answer *a, bl_error *err)
{
    char shown[200];
    const char *slash = strrchr(f->path, '/');
    bl_error words = {BL_OK, ""};
    bl_http http = hub->http;
    http.token = NULL;
    show(shown, sizeof shown, url);
    const bl_http_request r = {.url = url,
                               .shown = shown,
                               .method = BL_HTTP_PUT,
                               .brief = 1,
                               .stage = slash ? slash + 1 : f->path,
                               .send = on_send,
                               .send_bytes = n,
                               .total = f->size,
                               .done = on_done,
                               .target = s};
    for (unsigned count = 1;; count++) {
        bl_status status = bl_http_send(&http, &r, a, &words);
        if (status == BL_OK)
            return BL_OK;
        status = bl_http_wait(&http, &r, a, count, status, &words);
        if (status != BL_OK)
            return bl_fail(err, status, "%s: %s", f->path, words.message);
    }
}

static bl_status ask(const bl_hub *hub, const char *url, const json_t *body, const char *stage,
                     int signed_url, json_t **answer, bl_error *err)
{
    char shown[200];
    bl_http_answer a;
    bl_hub other = *hub;
    if (signed_url)
        other.http.token = NULL;
    show(shown, sizeof shown, url);
    const bl_hub_question q = {
        .url = url, .shown = shown, .stage = stage, .accept = lfs_type, .content_type = lfs_type};
    return bl_hub_post(&other, &q, body, &a, answer, err);
}

/* ---- one file ---- */

static bl_status send_parts(const bl_hub *hub, const bl_hub_outgoing *f, sending *s,
                            const json_t *header, uint64_t part, const char *complete,
                            bl_error *err)
{
    uint64_t count = f->size / part + (f->size % part != 0);
    json_t *etags = json_array();
    bl_status status = etags ? BL_OK : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK && count > PARTS_MOST)
        status = bl_fail(err, BL_ENETWORK, "%s: the server wants it in %llu parts", f->path,
                         (unsigned long long)count);
    for (uint64_t i = 0; i < count && status == BL_OK; i++) {
        char key[24];
        bl_http_answer a;
        const char *url = NULL;
        for (int digits = 1; !url && digits <= 8; digits++) { /* 1, 01, ... */
            (void)snprintf(key, sizeof key, "%0*llu", digits, (unsigned long long)i + 1);
            url = json_string_value(json_object_get(header, key));
        }
        if (!url) {
            status = bl_fail(err, BL_ENETWORK,
                             "%s: the server wants it in parts, and gives no address for part %llu",
                             f->path, (unsigned long long)i + 1);
            break;
        }
        s->first = i * part;
        status =
            put(hub, f, s, f->size - s->first < part ? f->size - s->first : part, url, &a, err);
        if (status == BL_OK && !*a.validator)
            status = bl_fail(err, BL_ENETWORK, "%s: no ETag for part %llu came back", f->path,
                             (unsigned long long)i + 1);
        if (status == BL_OK &&
            json_array_append_new(etags, json_pack("{s:I, s:s}", "partNumber", (json_int_t)i + 1,
                                                   "etag", a.validator)) != 0)
            status = bl_fail(err, BL_ENOMEM, "out of memory");
    }
    json_t *body =
        status == BL_OK ? json_pack("{s:s, s:O}", "oid", f->sha256, "parts", etags) : NULL;
    if (status == BL_OK)
        status = ask(hub, complete, body, f->path, 1, NULL, err);
    json_decref(body);
    json_decref(etags);
    return status;
}

static bl_status send_bytes(const bl_hub *hub, const bl_hub_outgoing *f, const json_t *action,
                            bl_error *err)
{
    const char *url = json_string_value(json_object_get(action, "href"));
    const json_t *header = json_object_get(action, "header");
    const json_t *size = json_object_get(header, "chunk_size");
    const char *text = json_string_value(size);
    long long part = text ? strtoll(text, NULL, 10) : (long long)json_integer_value(size);
    sending s = {.sent = 0};
    bl_file *file;
    bl_http_answer a;
    if (!url)
        return bl_fail(err, BL_ENETWORK, "%s: the server gives no address to send it to", f->path);
    if (size && part <= 0)
        return bl_fail(err, BL_ENETWORK, "%s: the server wants it in parts of %lld bytes", f->path,
                       part);
    BL_TRY(bl_file_open(&file, f->file, err));
    s.file = file;
    bl_status status = BL_OK;
    if (bl_file_size(file) != f->size)
        status = bl_fail(err, BL_EIO, "%s changed while it was sent: try again", f->file);
    else if (size)
        status = send_parts(hub, f, &s, header, (uint64_t)part, url, err);
    else
        status = put(hub, f, &s, f->size, url, &a, err);
    bl_file_close(file);
    return status;
}

/* ---- all files ---- */

/* The first of that content. */
static const bl_hub_outgoing *find(const bl_hub_upload *u, const char *oid)
{
    for (size_t i = 0; i < u->count; i++)
        if (strcmp(u->file[i].sha256, oid) == 0 && u->file[i].large)
            return &u->file[i];
    return NULL;
}

static bl_status send_object(const bl_hub *hub, bl_hub_upload *u, const json_t *object,
                             bl_error *err)
{
    const char *oid = json_string_value(json_object_get(object, "oid"));
    const bl_hub_outgoing *f = oid ? find(u, oid) : NULL;
    const json_t *wrong = json_object_get(object, "error");
    const json_t *actions = json_object_get(object, "actions");
    const json_t *upload = json_object_get(actions, "upload");
    const char *verify =
        json_string_value(json_object_get(json_object_get(actions, "verify"), "href"));
    if (!f)
        return bl_fail(err, BL_ENETWORK, "%s: the server answers for a file that was not asked for",
                       u->repo);
    if (wrong) {
        const char *why = json_string_value(json_object_get(wrong, "message"));
        return bl_fail(err, BL_ENETWORK, "%s: the server does not take it: %.200s", f->path,
                       why ? why : "it does not say why");
    }
    if (!upload)
        return BL_OK; /* it has it */
    BL_TRY(send_bytes(hub, f, upload, err));
    u->sent += f->size;
    if (!verify)
        return BL_OK;
    json_t *body = json_pack("{s:s, s:I}", "oid", f->sha256, "size", (json_int_t)f->size);
    bl_status status = ask(hub, verify, body, f->path, 0, NULL, err);
    json_decref(body);
    return status;
}

/* The files from the i-th on, as many as one request may name; *next is where the others begin. */
static json_t *batch_from(const bl_hub_upload *u, size_t i, size_t *next, size_t *count)
{
    json_t *objects = json_array();
    int bad = !objects;
    for (*count = 0; i < u->count && *count < BATCH_MOST; i++) {
        const bl_hub_outgoing *f = &u->file[i];
        if (!f->large || strcmp(f->state, "same") == 0 || find(u, f->sha256) != f)
            continue;
        bad |= json_array_append_new(objects, json_pack("{s:s, s:I}", "oid", f->sha256, "size",
                                                        (json_int_t)f->size)) != 0;
        ++*count;
    }
    *next = i;
    json_t *body = bad ? NULL
                       : json_pack("{s:s, s:[s,s], s:O, s:s, s:{s:s}}", "operation", "upload",
                                   "transfers", "basic", "multipart", "objects", objects,
                                   "hash_algo", "sha256", "ref", "name", u->revision);
    json_decref(objects);
    return body;
}

static bl_status send_batch(const bl_hub *hub, bl_hub_upload *u, const char *url,
                            const json_t *body, size_t count, bl_error *err)
{
    json_t *answer = NULL;
    bl_status status = ask(hub, url, body, u->repo, 0, &answer, err);
    const json_t *objects = json_object_get(answer, "objects"), *object;
    size_t i;
    if (status == BL_OK && json_array_size(objects) != count)
        status = bl_fail(err, BL_ENETWORK, "%s: the server answers for %zu of %zu files", u->repo,
                         json_array_size(objects), count);
    json_array_foreach (objects, i, object)
        if (status == BL_OK)
            status = send_object(hub, u, object, err);
    json_decref(answer);
    return status;
}

bl_status bl_hub_send_large(const bl_hub *hub, bl_hub_upload *u, bl_error *err)
{
    bl_buf url;
    bl_buf_init(&url);
    bl_buf_printf(&url, "%s/%s.git/info/lfs/objects/batch", hub->endpoint.data, u->repo);
    bl_status status = bl_buf_status(&url, err);
    for (size_t i = 0, count; i < u->count && status == BL_OK;) {
        json_t *body = batch_from(u, i, &i, &count);
        if (!body)
            status = bl_fail(err, BL_ENOMEM, "out of memory");
        else if (count)
            status = send_batch(hub, u, url.data, body, count, err);
        json_decref(body);
    }
    bl_buf_release(&url);
    return status;
}
