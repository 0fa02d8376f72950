/* HTTP requests: one at a time, through libcurl (http.c alone names it), each followed through its
 * redirects to its answer. */
#ifndef BL_HUB_HTTP_H
#define BL_HUB_HTTP_H

#include "core/status.h"

/* How requests are made; the texts are borrowed. */
typedef struct bl_http {
    const char *token;        /* sent as Bearer to the origin of `home` and nowhere else; or NULL */
    const char *home;         /* any URL of that origin: scheme, host and port */
    const char *ca_file;      /* certificates to trust instead of the system's, or NULL */
    const char *ca_dir;       /* the same as a folder of OpenSSL's, or NULL */
    double head_seconds;      /* HEAD: to connect, and to wait for an answer */
    double stall_seconds;     /* GET: to connect, and with hardly a byte */
    unsigned tries;           /* in a row, counted from the last one that brought a new byte */
    double pause;             /* seconds before the second of them; doubles */
    bl_progress_fn *progress; /* called several times a second while something is awaited */
    void *user;
} bl_http;

typedef struct bl_http_answer bl_http_answer;

/* HEAD ends at the first answer that gives etag and size. */
typedef enum bl_http_method { BL_HTTP_GET, BL_HTTP_HEAD, BL_HTTP_POST, BL_HTTP_PUT } bl_http_method;

typedef struct bl_http_request {
    const char *url;
    const char *shown; /* in messages instead of the URL, which may hold a signature; or NULL */
    bl_http_method method;
    int brief;                         /* the whole answer is short, and must be there soon */
    const char *accept, *content_type; /* or NULL */
    /* POST and PUT: the n bytes from byte `at` of the `send_bytes` that are sent. */
    bl_status (*send)(void *target, uint64_t at, void *to, size_t n, bl_error *err);
    uint64_t send_bytes;
    uint64_t from;        /* GET: the first byte wanted */
    const char *if_range; /* with `from`: the ETag that came with the bytes before it, or NULL */
    const char *stage;    /* for the calls of progress */
    uint64_t total;       /* 0 while unknown */
    /* Takes the body of an answer with status 200, 201, 202 or 206; `answer` is complete except
     * for `again`. */
    bl_status (*body)(void *target, const bl_http_answer *answer, const void *bytes, size_t n,
                      bl_error *err);
    uint64_t (*done)(void *target); /* bytes so far, for progress; may be NULL */
    void *target;
} bl_http_request;

enum { BL_HTTP_NO_SIZE = -1 };

struct bl_http_answer {
    long status;
    /* from the first hop that gives them */
    char commit[64];      /* X-Repo-Commit */
    char linked_etag[80]; /* X-Linked-Etag, without quotes and W/ */
    int64_t linked_size;  /* X-Linked-Size, or BL_HTTP_NO_SIZE */
    char complaint[160];  /* X-Error-Message */
    char code[40];        /* X-Error-Code */
    /* of the last hop */
    char etag[80];                    /* without quotes and W/ */
    char validator[80];               /* the ETag as sent, when it is a strong one */
    int64_t length;                   /* Content-Length, or BL_HTTP_NO_SIZE */
    int64_t range_first, range_total; /* Content-Range of a 206, or BL_HTTP_NO_SIZE */
    double retry_after;               /* seconds; 0: not given */
    /* of a failure */
    int again; /* another try may succeed */
};

/* Any status below 400 is BL_OK.  BL_ENETWORK and BL_ENOENT (404) with words, BL_EINTERRUPTED when
 * progress says so, what body() or send() returned, BL_EUNSUPPORTED in a build without libcurl.
 * What is sent goes to the origin of its URL and to no other. */
bl_status bl_http_send(const bl_http *http, const bl_http_request *request, bl_http_answer *answer,
                       bl_error *err) BL_NODISCARD;

/* After a failed try, number `count` in a row without a new byte: waits, at least as long as the
 * answer asks, and returns BL_OK for another try; or else the failure itself, which is in *err. */
bl_status bl_http_wait(const bl_http *http, const bl_http_request *request,
                       const bl_http_answer *answer, unsigned count, bl_status failure,
                       bl_error *err) BL_NODISCARD;

#endif
