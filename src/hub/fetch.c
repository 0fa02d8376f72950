/* One download: resumed, retried, verified. */
#include "hub/fetch.h"
#include "core/file.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/partial.h"
#include "hub/digest.h"

#include <stdio.h>
#include <string.h>

typedef struct download {
    bl_fetch *f;
    const bl_http *http;
    bl_partial *file;
    uint64_t asked;     /* where the request began */
    int begun;          /* the answer's first bytes were seen */
    uint64_t best;      /* the most bytes there ever were */
    char validator[80]; /* the sender's ETag of what is there; "" when another process got it */
    int inherited;      /* what is there began in another process or came before a failed check */
} download;

static uint64_t on_done(void *target)
{
    return bl_partial_size(((download *)target)->file);
}

/* The answer's first bytes: does it give what was asked for? */
static bl_status begin(download *d, const bl_http_answer *a, bl_error *err)
{
    bl_fetch *f = d->f;
    d->begun = 1;
    f->changed = *a->linked_etag && strcmp(a->linked_etag, f->digest) != 0;
    if (f->changed)
        return bl_fail(err, BL_ENETWORK, "%s: the file changed while it was downloaded", f->url);
    if (a->status == 200 && d->asked) { /* no ranges there, or the file is not the same */
        BL_TRY(bl_partial_clear(d->file, err));
        d->inherited = 0;
    }
    if (a->status == 206 &&
        (a->range_first < 0 || (uint64_t)a->range_first != bl_partial_size(d->file) ||
         (f->size >= 0 && a->range_total >= 0 && a->range_total != f->size)))
        return bl_fail(err, BL_ENETWORK, "%s: the server sent another range than asked for",
                       f->url);
    (void)snprintf(d->validator, sizeof d->validator, "%s", a->validator);
    return BL_OK;
}

static bl_status on_body(void *target, const bl_http_answer *a, const void *bytes, size_t n,
                         bl_error *err)
{
    download *d = target;
    if (!d->begun)
        BL_TRY(begin(d, a, err));
    if (d->f->size >= 0 && bl_partial_size(d->file) + n > (uint64_t)d->f->size)
        return bl_fail(err, BL_ENETWORK, "%s: more came than the %lld bytes announced", d->f->url,
                       (long long)d->f->size);
    return bl_partial_write(d->file, bytes, n, err);
}

static int is_whole(const download *d, const bl_http_answer *a)
{
    uint64_t have = bl_partial_size(d->file);
    if (d->f->size >= 0)
        return have == (uint64_t)d->f->size;
    return a->length < 0 || have == d->asked * (a->status == 206) + (uint64_t)a->length;
}

/* One request for what is missing.  When the answer cannot be continued, nothing is kept. */
static bl_status request_rest(download *d, const bl_http_request *base, bl_http_answer *a,
                              bl_error *err)
{
    bl_http_request r = *base;
    bl_error wiping;
    d->asked = r.from = bl_partial_size(d->file);
    d->begun = 0;
    r.if_range = d->validator;
    bl_status status = bl_http_send(d->http, &r, a, err);
    int useless = d->f->size >= 0 && bl_partial_size(d->file) > (uint64_t)d->f->size;
    if (status == BL_ENETWORK && a->again && d->f->size > 0 &&
        bl_partial_size(d->file) == (uint64_t)d->f->size)
        status = BL_OK; /* a Content-Length that was too long */
    if (status == BL_OK && !d->begun && bl_partial_size(d->file) == d->asked) /* an empty body */
        status = begin(d, a, err);
    if (status == BL_OK && !is_whole(d, a)) {
        status = bl_fail(err, BL_ENETWORK, "%s: it ended after %llu of %lld bytes", d->f->url,
                         (unsigned long long)bl_partial_size(d->file), (long long)d->f->size);
        a->again = 1;
    } else if (status == BL_ENETWORK && (a->status == 200 || a->status == 206) && !a->again &&
               d->begun) {
        useless = 1; /* on_body() or begin() said no */
        a->again = !d->f->changed;
    } else if (a->status == 416) {
        useless = a->again = 1;
    }
    if (useless && bl_partial_size(d->file)) {
        BL_TRY(bl_partial_clear(d->file, &wiping));
        d->inherited = 0;
        d->validator[0] = 0;
    }
    return status;
}

static bl_status check_room(const download *d, bl_error *err)
{
    uint64_t have = bl_partial_size(d->file);
    uint64_t missing =
        d->f->size > 0 && have < (uint64_t)d->f->size ? (uint64_t)d->f->size - have : 0;
    uint64_t room = bl_os_disk_free(d->f->incomplete);
    if (missing > room)
        return bl_fail(err, BL_EIO,
                       "cannot write %s: %llu bytes are missing, the disk has room "
                       "for %llu; make room, or set HF_HOME to a folder on another disk",
                       d->f->incomplete, (unsigned long long)missing, (unsigned long long)room);
    return BL_OK;
}

static bl_status get_all(download *d, bl_error *err)
{
    const bl_fetch *f = d->f;
    bl_http_request r = {.url = f->url,
                         .stage = f->name,
                         .total = f->size > 0 ? (uint64_t)f->size : 0,
                         .body = on_body,
                         .done = on_done,
                         .target = d};
    bl_http_answer a = {0};
    bl_error words = {BL_OK, ""};
    if (f->size >= 0 && bl_partial_size(d->file) > (uint64_t)f->size)
        BL_TRY(bl_partial_clear(d->file, err));
    d->best = bl_partial_size(d->file);
    d->inherited = d->best > 0;
    if (f->size >= 0 && d->best == (uint64_t)f->size && d->best > 0)
        return BL_OK;
    BL_TRY(check_room(d, err));
    for (unsigned count = 1;; count++) {
        bl_status status = request_rest(d, &r, &a, &words);
        if (status == BL_OK)
            return BL_OK;
        if (bl_partial_size(d->file) > d->best) {
            d->best = bl_partial_size(d->file);
            count = 1;
        }
        status = bl_http_wait(d->http, &r, &a, count, status, &words);
        if (status != BL_OK) {
            if (err)
                *err = words;
            return status;
        }
    }
}

/* The file gets its name when it is what the Hub said; otherwise it is removed. */
static bl_status verify(download *d, int *equal, bl_error *err)
{
    const bl_fetch *f = d->f;
    BL_TRY(bl_digest_check(f->incomplete, f->digest, "verifying", d->http->progress, d->http->user,
                           equal, err));
    if (*equal)
        return bl_partial_publish(d->file, f->path, err);
    return bl_partial_clear(d->file, err);
}

bl_status bl_fetch_file(bl_fetch *f, const bl_http *http, bl_error *err)
{
    download d = {.f = f, .http = http};
    int equal = 0;
    BL_TRY(bl_partial_open(&d.file, f->incomplete, err));
    bl_status status = get_all(&d, err);
    if (status == BL_OK)
        status = verify(&d, &equal, err);
    if (status == BL_OK && !equal && d.inherited) {
        bl_log(BL_LOG_WARNING, "%s: what an earlier download left was wrong; it starts afresh",
               f->name);
        d.validator[0] = 0;
        status = get_all(&d, err);
        if (status == BL_OK)
            status = verify(&d, &equal, err);
    }
    bl_partial_close(d.file);
    if (f->changed || (status == BL_OK && !equal)) {
        bl_status removed = bl_file_remove(f->incomplete, NULL);
        (void)removed; /* it is empty */
    }
    if (status == BL_OK && !equal)
        return bl_fail(err, BL_ENETWORK,
                       "%s: what came is not the file that the Hub announced (its %s is not %s); "
                       "it was removed",
                       f->url, strlen(f->digest) == 40 ? "git SHA-1" : "SHA-256", f->digest);
    return status;
}
