/* HTTP requests through libcurl.
 *
 * Redirects are followed here and not by libcurl, because each hop is looked at: what the Hub says
 * about a file is in the headers of its own answer, a hop from https to http is refused, and the
 * token goes to its own origin only. */
#include "hub/http.h"

#ifndef BL_HAVE_CURL

bl_status bl_http_send(const bl_http *http, const bl_http_request *request, bl_http_answer *answer,
                       bl_error *err)
{
    (void)http;
    *answer = (bl_http_answer){0};
    return bl_fail(err, BL_EUNSUPPORTED,
                   "%s: this build cannot download (it was configured with BITLLAMA_CURL=OFF)",
                   request->stage);
}

#else

#include "core/buf.h"
#include "core/clock.h"
#include "hub/http_answer.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HOPS_MOST = 10,
    HEADERS_MOST = 1 << 20, /* bytes of one answer */
    ERROR_BODY_MOST = 1 << 16,
    BYTES_A_SECOND_LEAST = 100, /* fewer for stall_seconds: the connection stalls */
    URL_MOST = 1 << 16
};

/* An answer may drip for five time limits; then its body must begin. */
static const double HOP_PATIENCE = 5;

typedef struct exchange {
    const bl_http *http;
    const bl_http_request *request;
    bl_http_answer *answer;
    CURL *curl;
    char *next;          /* where a redirect leads; libcurl's */
    size_t header_bytes; /* of this hop */
    size_t ignored;      /* of a body nobody asked for */
    uint64_t sent;       /* of what is sent; the next byte asked for */
    int hop, stopped, enough, late;
    int begun;        /* the body that was asked for */
    double deadline;  /* of all before it, of a HEAD and of a brief answer */
    bl_status status; /* of body() and send() */
    bl_error *err;
} exchange;

/* ---- headers ---- */

static size_t on_header(char *line, size_t size, size_t n, void *user)
{
    exchange *x = user;
    char copy[512];
    n *= size;
    x->header_bytes += n;
    if (x->header_bytes > HEADERS_MOST)
        return 0;
    if (n > 5 && memcmp(line, "HTTP/", 5) == 0) { /* also after a 100 Continue */
        bl_http_answer_forget(x->answer);
        return n;
    }
    size_t length = n;
    while (length && (unsigned char)line[length - 1] <= ' ')
        length--;
    if (length == 0 || length >= sizeof copy) /* Location is asked of libcurl */
        return n;
    memcpy(copy, line, length);
    copy[length] = 0;
    char *colon = strchr(copy, ':');
    if (!colon)
        return n;
    *colon++ = 0;
    bl_http_answer_header(x->answer, copy, colon + strspn(colon, " \t"));
    return n;
}

/* ---- the bodies, and waiting ---- */

static int sends(const exchange *x)
{
    return x->request->method == BL_HTTP_POST || x->request->method == BL_HTTP_PUT;
}

static const char *shown(const exchange *x)
{
    return x->request->shown ? x->request->shown : x->request->url;
}

static double patience(const exchange *x);

static size_t on_send(char *to, size_t size, size_t n, void *user)
{
    exchange *x = user;
    uint64_t left = x->request->send_bytes - x->sent;
    n *= size;
    if (n > left)
        n = (size_t)left;
    x->status = n ? x->request->send(x->request->target, x->sent, to, n, x->err) : BL_OK;
    if (x->status != BL_OK)
        return CURL_READFUNC_ABORT;
    x->sent += n;
    x->deadline = bl_clock_seconds() + patience(x);
    return n;
}

static int on_seek(void *user, curl_off_t at, int origin)
{
    exchange *x = user;
    if (origin != SEEK_SET || at < 0 || (uint64_t)at > x->request->send_bytes)
        return CURL_SEEKFUNC_FAIL;
    x->sent = (uint64_t)at;
    return CURL_SEEKFUNC_OK;
}

static int is_wanted(long status)
{
    return status == 200 || status == 201 || status == 202 || status == 206;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *user)
{
    exchange *x = user;
    n *= size;
    (void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->answer->status);
    if (!is_wanted(x->answer->status)) {
        x->ignored += n;
        x->enough = x->ignored > ERROR_BODY_MOST;
        return x->enough ? 0 : n;
    }
    x->begun = 1;
    if (x->request->body)
        x->status = x->request->body(x->request->target, x->answer, bytes, n, x->err);
    return x->status == BL_OK ? n : 0;
}

static int on_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t a, curl_off_t b)
{
    exchange *x = user;
    const bl_http_request *r = x->request;
    (void)total, (void)now, (void)a, (void)b;
    uint64_t done = r->done ? r->done(r->target) : 0;
    if (x->http->progress && x->http->progress(x->http->user, r->stage, done, r->total, "B") != 0)
        x->stopped = 1;
    x->late = (!x->begun || r->brief) && bl_clock_seconds() > x->deadline;
    return x->stopped || x->late;
}

/* ---- one hop ---- */

/* The parts of a URL that make its origin, as "https://host:443"; "" when there is none. */
static void origin_of(char *to, size_t cap, const char *url)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    *to = 0;
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
        snprintf(to, cap, "%s://%s:%s", scheme, host, port) >= (int)cap)
        *to = 0;
    for (char *c = to; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
}

static int add_line(struct curl_slist **lines, const char *format, const char *value)
{
    bl_buf text;
    bl_buf_init(&text);
    if (value)
        bl_buf_printf(&text, "%s: %s", format, value);
    else
        bl_buf_puts(&text, format);
    struct curl_slist *longer = text.failed ? NULL : curl_slist_append(*lines, text.data);
    bl_buf_release(&text);
    if (longer)
        *lines = longer;
    return longer != NULL;
}

static int set_lines(exchange *x, struct curl_slist **lines, const char *url)
{
    char here[512], home[512];
    const bl_http_request *r = x->request;
    int fine = add_line(lines, "Accept-Encoding: identity", NULL);
    origin_of(here, sizeof here, url);
    origin_of(home, sizeof home, x->http->home);
    if (x->http->token && *here && strcmp(here, home) == 0) {
        bl_buf bearer;
        bl_buf_init(&bearer);
        bl_buf_printf(&bearer, "Bearer %s", x->http->token);
        fine = fine && !bearer.failed && add_line(lines, "Authorization", bearer.data);
        bl_buf_release(&bearer);
    }
    if (r->accept)
        fine = fine && add_line(lines, "Accept", r->accept);
    if (sends(x))
        fine = fine && (r->content_type ? add_line(lines, "Content-Type", r->content_type)
                                        : add_line(lines, "Content-Type:", NULL));
    if (r->method == BL_HTTP_GET && r->from && r->if_range && *r->if_range)
        fine = fine && add_line(lines, "If-Range", r->if_range);
    if (r->method == BL_HTTP_GET && r->from) {
        char range[64];
        (void)snprintf(range, sizeof range, "bytes=%llu-", (unsigned long long)r->from);
        fine = fine && add_line(lines, "Range", range);
    }
    return fine && curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, *lines) == CURLE_OK;
}

static double seconds_of(const exchange *x)
{
    return x->request->method == BL_HTTP_HEAD ? x->http->head_seconds : x->http->stall_seconds;
}

static double patience(const exchange *x)
{
    return HOP_PATIENCE * seconds_of(x);
}

/* A server that stores what came may be silent for long: only the deadline ends that. */
static int set_up_sending(exchange *x)
{
    const bl_http_request *r = x->request;
    CURL *c = x->curl;
    int post = r->method == BL_HTTP_POST;
    int fine = curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, 0L) == CURLE_OK;
#define SET(option, value) fine = fine && curl_easy_setopt(c, option, value) == CURLE_OK
    if (post) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->send_bytes);
    } else {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->send_bytes);
    }
    SET(CURLOPT_READFUNCTION, on_send);
    SET(CURLOPT_READDATA, x);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, x);
#undef SET
    return fine;
}

/* Everything that bounds the request; failures are those of memory. */
static int set_up(exchange *x, const char *url, char *words)
{
    CURL *c = x->curl;
    const bl_http *h = x->http;
    double seconds = seconds_of(x);
    int fine = 1;
#define SET(option, value) fine = fine && curl_easy_setopt(c, option, value) == CURLE_OK
    SET(CURLOPT_URL, url);
    SET(CURLOPT_ERRORBUFFER, words);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NOBODY, (long)(x->request->method == BL_HTTP_HEAD));
    SET(CURLOPT_USERAGENT, "bitllama/" BITLLAMA_VERSION);
#if LIBCURL_VERSION_NUM >= 0x075500
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (h->ca_file)
        SET(CURLOPT_CAINFO, h->ca_file);
    if (h->ca_dir)
        SET(CURLOPT_CAPATH, h->ca_dir);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(seconds * 1000));
    SET(CURLOPT_LOW_SPEED_LIMIT, (long)BYTES_A_SECOND_LEAST);
    SET(CURLOPT_LOW_SPEED_TIME, seconds < 1 ? 1L : (long)seconds);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, x);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, x);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, x);
#undef SET
    return fine && (!sends(x) || set_up_sending(x));
}

static int worth_another_try(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return 1;
    default:
        return 0;
    }
}

/* What libcurl's code means here.  URLs of later hops may hold signatures: they are not shown. */
static bl_status judge(exchange *x, CURLcode code, const char *words)
{
    const char *url = shown(x);
    if (x->status != BL_OK)
        return x->status;
    if (x->stopped)
        return bl_fail(x->err, BL_EINTERRUPTED, "interrupted while %s %s",
                       sends(x) ? "sending" : "downloading", x->request->stage);
    if (code == CURLE_OK || x->enough)
        return BL_OK;
    /* Which limit a slow server meets first, libcurl's or ours, depends on what else runs here. */
    x->answer->again = x->late || worth_another_try(code);
    if (x->late || code == CURLE_OPERATION_TIMEDOUT)
        return bl_fail(x->err, BL_ENETWORK, "%s: too slow for the time limit of %.3g s (%s)", url,
                       seconds_of(x),
                       x->request->method == BL_HTTP_HEAD ? "HF_HUB_ETAG_TIMEOUT"
                                                          : "HF_HUB_DOWNLOAD_TIMEOUT");
    if (code == CURLE_OUT_OF_MEMORY)
        return bl_fail(x->err, BL_ENOMEM, "out of memory while asking %s", url);
    if (x->header_bytes > HEADERS_MOST)
        return bl_fail(x->err, BL_ENETWORK, "%s: the answer has more than %d bytes of headers", url,
                       HEADERS_MOST);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        return bl_fail(x->err, BL_ENETWORK,
                       "%s: the server's certificate is not trusted: %.160s (SSL_CERT_FILE names "
                       "other authorities to trust)",
                       url, *words ? words : curl_easy_strerror(code));
    return bl_fail(x->err, BL_ENETWORK, "%s: %.200s", url,
                   *words ? words : curl_easy_strerror(code));
}

static bl_status one_hop(exchange *x, const char *url)
{
    char words[CURL_ERROR_SIZE] = "";
    struct curl_slist *lines = NULL;
    bl_status status;
    curl_off_t wait = 0;
    curl_easy_reset(x->curl); /* connections stay open */
    bl_http_answer_forget(x->answer);
    x->header_bytes = x->ignored = 0;
    x->enough = x->late = x->begun = 0;
    x->sent = 0;
    x->deadline = bl_clock_seconds() + patience(x);
    if (!set_up(x, url, words) || !set_lines(x, &lines, url)) {
        status = bl_fail(x->err, BL_ENOMEM, "%s: libcurl could not be set up", shown(x));
    } else {
        CURLcode code = curl_easy_perform(x->curl);
        (void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->answer->status);
        if (curl_easy_getinfo(x->curl, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0)
            x->answer->retry_after = (double)wait;
        status = judge(x, code, words);
    }
    curl_slist_free_all(lines);
    return status;
}

/* ---- all hops ---- */

static int is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int is_https(const char *url)
{
    return strncmp(url, "https://", 8) == 0;
}

/* The absolute URL of the next hop into *url. */
static bl_status next_url(exchange *x, char **url)
{
    char *to = NULL, here[512], there[512];
    const char *from = shown(x);
    if (curl_easy_getinfo(x->curl, CURLINFO_REDIRECT_URL, &to) != CURLE_OK || !to)
        return bl_fail(x->err, BL_ENETWORK, "%s: status %ld without a place to go to", from,
                       x->answer->status);
    CURLU *u = curl_url();
    char *next = NULL;
    if (u && strlen(to) < URL_MOST && curl_url_set(u, CURLUPART_URL, to, 0) == CURLUE_OK)
        (void)curl_url_get(u, CURLUPART_URL, &next, 0); /* the scheme in small letters */
    curl_url_cleanup(u);
    bl_status status = BL_OK;
    if (!next || (!is_https(next) && strncmp(next, "http://", 7) != 0))
        status = bl_fail(x->err, BL_ENETWORK,
                         "%s: it is redirected to %.100s, which is no web "
                         "address",
                         from, to);
    else if (is_https(*url) && !is_https(next))
        status = bl_fail(x->err, BL_ENETWORK,
                         "%s: refused to be redirected from https to unprotected http", from);
    else if (sends(x)) {
        origin_of(here, sizeof here, *url);
        origin_of(there, sizeof there, next);
        if (!*here || strcmp(here, there) != 0 ||
            (x->answer->status != 307 && x->answer->status != 308))
            status = bl_fail(x->err, BL_ENETWORK,
                             "%s: refused to be redirected (status %ld) to %.100s with what is "
                             "sent",
                             from, x->answer->status, *there ? there : "nowhere");
    }
    if (status != BL_OK) {
        curl_free(next);
        return status;
    }
    curl_free(*url);
    *url = next;
    return BL_OK;
}

static bl_status follow(exchange *x, char **url)
{
    const bl_http_answer *a = x->answer;
    for (x->hop = 0; x->hop <= HOPS_MOST; x->hop++) {
        BL_TRY(one_hop(x, *url));
        if (!is_redirect(a->status) || (x->request->method == BL_HTTP_HEAD && *a->linked_etag &&
                                        a->linked_size >= 0 && *a->commit))
            return BL_OK;
        BL_TRY(next_url(x, url));
    }
    return bl_fail(x->err, BL_ENETWORK, "%s: more than %d redirects", shown(x), HOPS_MOST);
}

/* What to do about a status; "" when there is nothing to say. */
static const char *advice(const exchange *x)
{
    switch (x->answer->status) {
    case 401:
    case 403:
        if (x->request->method == BL_HTTP_PUT)
            return "; the address to send to is no longer valid: try again";
        if (sends(x))
            return x->http->token ? "; the token in HF_TOKEN may not write there"
                                  : "; set HF_TOKEN to a token that may write there";
        return x->http->token ? "; the token in HF_TOKEN gives no access to it"
                              : "; set HF_TOKEN to a token that may read it";
    case 409:
        return "; somebody else changes the same: try again";
    case 412:
        return "; somebody else has changed it meanwhile: try again";
    case 413:
        return "; it is larger than the server takes";
    case 507:
        return "; the server has no room for it";
    default:
        return "";
    }
}

/* The words for a status that is not a success. */
static bl_status refuse(exchange *x)
{
    bl_http_answer *a = x->answer;
    char wait[48] = "";
    const char *url = shown(x), *colon = *a->complaint ? ": " : "";
    a->again = a->status == 408 || a->status == 429 || (a->status >= 500 && a->status != 507);
    if (a->status == 404)
        return bl_fail(x->err, BL_ENOENT, "%s: no such %s there (status 404)%s%s", url,
                       x->request->brief ? "thing" : "file", colon, a->complaint);
    if (a->retry_after > 0)
        (void)snprintf(wait, sizeof wait, "; it asks to wait for %.6g s", a->retry_after);
    int denied = a->status == 401 || a->status == 403;
    return bl_fail(x->err, BL_ENETWORK, "%s: %s %ld%s%s%s%s%s", url,
                   denied ? "access denied (status" : "the server answered with status", a->status,
                   denied ? ")" : "", colon, a->complaint, advice(x), wait);
}

bl_status bl_http_send(const bl_http *http, const bl_http_request *request, bl_http_answer *answer,
                       bl_error *err)
{
    exchange x = {.http = http, .request = request, .answer = answer, .err = err};
    *answer = (bl_http_answer){.linked_size = BL_HTTP_NO_SIZE};
    x.curl = curl_easy_init();
    CURLU *u = curl_url();
    char *url = NULL;
    CURLUcode code;
    bl_status status = BL_OK;
    if (!x.curl || !u)
        status = bl_fail(err, BL_ENOMEM, "out of memory while asking %s", shown(&x));
    else if ((code = curl_url_set(u, CURLUPART_URL, request->url, 0)) != CURLUE_OK ||
             (code = curl_url_get(u, CURLUPART_URL, &url, 0)) != CURLUE_OK)
        status = code == CURLUE_OUT_OF_MEMORY
                     ? bl_fail(err, BL_ENOMEM, "out of memory while asking %s", shown(&x))
                     : bl_fail(err, BL_EINVAL, "%s: not a web address", shown(&x));
    if (status == BL_OK)
        status = follow(&x, &url);
    if (status == BL_OK && answer->status >= 400)
        status = refuse(&x);
    else if (status == BL_OK && !is_wanted(answer->status) && !is_redirect(answer->status) &&
             !(sends(&x) && answer->status == 204))
        status = bl_fail(err, BL_ENETWORK, "%s: the server answered with status %ld", shown(&x),
                         answer->status);
    curl_free(url);
    curl_url_cleanup(u);
    if (x.curl)
        curl_easy_cleanup(x.curl);
    return status;
}

#endif
