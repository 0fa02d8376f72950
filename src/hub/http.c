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
    int hop, stopped, enough, late;
    int begun;        /* the body that was asked for */
    double deadline;  /* of all before it, and of a HEAD */
    bl_status status; /* of body() */
    bl_error *err;
} exchange;

/* ---- headers ---- */

/* Digits up to `end` and nothing else; BL_HTTP_NO_SIZE for everything that is not a size, including
 * sizes that no file has (2^63 and more). */
static int64_t read_size(const char *text, const char *end)
{
    int64_t n = 0;
    if (text == end)
        return BL_HTTP_NO_SIZE;
    for (; text < end; text++) {
        if (*text < '0' || *text > '9' || n > (INT64_MAX - 9) / 10)
            return BL_HTTP_NO_SIZE;
        n = 10 * n + (*text - '0');
    }
    return n;
}

static int64_t size_of(const char *text)
{
    return read_size(text, text + strlen(text));
}

/* "abc", W/"abc" or abc as abc. */
static void read_etag(char *to, size_t cap, const char *value)
{
    if (strncmp(value, "W/", 2) == 0)
        value += 2;
    value += *value == '"';
    size_t n = strcspn(value, "\"");
    if (n >= cap)
        n = 0;
    memcpy(to, value, n);
    to[n] = 0;
}

/* bytes 5-9/10, or with a star for the 10.  A range that contradicts itself is not one. */
static void read_range(bl_http_answer *a, const char *value)
{
    static const char unit[] = "bytes ";
    const char *minus = strchr(value, '-'), *slash = strchr(value, '/');
    if (strncmp(value, unit, strlen(unit)) != 0 || !minus || !slash || slash < minus)
        return;
    int64_t first = read_size(value + strlen(unit), minus), last = read_size(minus + 1, slash);
    int64_t total = size_of(slash + 1);
    int unknown = strcmp(slash + 1, "*") == 0;
    if (first < 0 || last < first || (!unknown && total <= last))
        return;
    a->range_first = first;
    a->range_total = total;
}

static void read_header(bl_http_answer *a, const char *name, const char *value)
{
    if (curl_strequal(name, "x-repo-commit") && !*a->commit && strlen(value) < sizeof a->commit)
        (void)snprintf(a->commit, sizeof a->commit, "%s", value);
    else if (curl_strequal(name, "x-linked-etag") && !*a->linked_etag)
        read_etag(a->linked_etag, sizeof a->linked_etag, value);
    else if (curl_strequal(name, "x-linked-size") && a->linked_size < 0)
        a->linked_size = size_of(value);
    else if (curl_strequal(name, "x-error-message") && !*a->complaint)
        (void)snprintf(a->complaint, sizeof a->complaint, "%s", value);
    else if (curl_strequal(name, "content-length"))
        a->length = size_of(value);
    else if (curl_strequal(name, "content-range"))
        read_range(a, value);
    else if (curl_strequal(name, "etag")) {
        read_etag(a->etag, sizeof a->etag, value);
        if (*value == '"' && strlen(value) < sizeof a->validator)
            (void)snprintf(a->validator, sizeof a->validator, "%s", value);
    }
}

static void forget_hop(bl_http_answer *a)
{
    a->status = 0;
    a->etag[0] = a->validator[0] = 0;
    a->length = a->range_first = a->range_total = BL_HTTP_NO_SIZE;
    a->retry_after = 0;
}

static size_t on_header(char *line, size_t size, size_t n, void *user)
{
    exchange *x = user;
    char copy[512];
    n *= size;
    x->header_bytes += n;
    if (x->header_bytes > HEADERS_MOST)
        return 0;
    if (n > 5 && memcmp(line, "HTTP/", 5) == 0) { /* also after a 100 Continue */
        forget_hop(x->answer);
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
    read_header(x->answer, copy, colon + strspn(colon, " \t"));
    return n;
}

/* ---- the body, and waiting ---- */

static size_t on_body(char *bytes, size_t size, size_t n, void *user)
{
    exchange *x = user;
    n *= size;
    (void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->answer->status);
    if (x->answer->status != 200 && x->answer->status != 206) {
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
    x->late = !x->begun && bl_clock_seconds() > x->deadline;
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
    if (!r->head && r->from && r->if_range && *r->if_range)
        fine = fine && add_line(lines, "If-Range", r->if_range);
    if (!r->head && r->from) {
        char range[64];
        (void)snprintf(range, sizeof range, "bytes=%llu-", (unsigned long long)r->from);
        fine = fine && add_line(lines, "Range", range);
    }
    return fine && curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, *lines) == CURLE_OK;
}

static double seconds_of(const exchange *x)
{
    return x->request->head ? x->http->head_seconds : x->http->stall_seconds;
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
    SET(CURLOPT_NOBODY, (long)x->request->head);
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
    return fine;
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
    const char *url = x->request->url;
    if (x->status != BL_OK)
        return x->status;
    if (x->stopped)
        return bl_fail(x->err, BL_EINTERRUPTED, "interrupted while downloading %s",
                       x->request->stage);
    if (code == CURLE_OK || x->enough)
        return BL_OK;
    x->answer->again = x->late;
    if (x->late)
        return bl_fail(x->err, BL_ENETWORK, "%s: too slow: no answer after %.3g s", url,
                       HOP_PATIENCE * seconds_of(x));
    if (code == CURLE_OUT_OF_MEMORY)
        return bl_fail(x->err, BL_ENOMEM, "out of memory while downloading %s", url);
    if (x->header_bytes > HEADERS_MOST)
        return bl_fail(x->err, BL_ENETWORK, "%s: the answer has more than %d bytes of headers", url,
                       HEADERS_MOST);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        return bl_fail(x->err, BL_ENETWORK,
                       "%s: the server's certificate is not trusted: %.160s (SSL_CERT_FILE names "
                       "other authorities to trust)",
                       url, *words ? words : curl_easy_strerror(code));
    x->answer->again = worth_another_try(code);
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
    forget_hop(x->answer);
    x->header_bytes = x->ignored = 0;
    x->enough = x->late = x->begun = 0;
    x->deadline = bl_clock_seconds() + HOP_PATIENCE * seconds_of(x);
    if (!set_up(x, url, words) || !set_lines(x, &lines, url)) {
        status = bl_fail(x->err, BL_ENOMEM, "%s: libcurl could not be set up", x->request->url);
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
    char *to = NULL;
    const char *from = x->request->url;
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
        if (!is_redirect(a->status) ||
            (x->request->head && *a->linked_etag && a->linked_size >= 0 && *a->commit))
            return BL_OK;
        BL_TRY(next_url(x, url));
    }
    return bl_fail(x->err, BL_ENETWORK, "%s: more than %d redirects", x->request->url, HOPS_MOST);
}

/* The words for a status that is not a success. */
static bl_status refuse(exchange *x)
{
    bl_http_answer *a = x->answer;
    const char *url = x->request->url, *colon = *a->complaint ? ": " : "";
    a->again = a->status == 408 || a->status == 429 || a->status >= 500;
    if (a->status == 401 || a->status == 403)
        return bl_fail(x->err, BL_ENETWORK, "%s: access denied (status %ld)%s%s; %s", url,
                       a->status, colon, a->complaint,
                       x->http->token ? "the token in HF_TOKEN gives no access to it"
                                      : "set HF_TOKEN to a token that may read it");
    if (a->status == 404)
        return bl_fail(x->err, BL_ENOENT, "%s: no such file there (status 404)%s%s", url, colon,
                       a->complaint);
    return bl_fail(x->err, BL_ENETWORK, "%s: the server answered with status %ld%s%s", url,
                   a->status, colon, a->complaint);
}

bl_status bl_http_send(const bl_http *http, const bl_http_request *request, bl_http_answer *answer,
                       bl_error *err)
{
    exchange x = {.http = http, .request = request, .answer = answer, .err = err};
    *answer = (bl_http_answer){.linked_size = BL_HTTP_NO_SIZE};
    x.curl = curl_easy_init();
    CURLU *u = curl_url();
    char *url = NULL;
    bl_status status = BL_OK;
    if (!x.curl || !u)
        status = bl_fail(err, BL_ENOMEM, "out of memory while downloading %s", request->url);
    else if (curl_url_set(u, CURLUPART_URL, request->url, 0) != CURLUE_OK ||
             curl_url_get(u, CURLUPART_URL, &url, 0) != CURLUE_OK)
        status = bl_fail(err, BL_EINVAL, "%s: not a web address", request->url);
    if (status == BL_OK)
        status = follow(&x, &url);
    if (status == BL_OK && answer->status >= 400)
        status = refuse(&x);
    else if (status == BL_OK && answer->status != 200 && answer->status != 206 &&
             !is_redirect(answer->status))
        status = bl_fail(err, BL_ENETWORK, "%s: the server answered with status %ld", request->url,
                         answer->status);
    curl_free(url);
    curl_url_cleanup(u);
    if (x.curl)
        curl_easy_cleanup(x.curl);
    return status;
}

#endif
