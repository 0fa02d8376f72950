/* HTTP answers: what their headers say. */
#include "hub/http_answer.h"

#include <stdio.h>
#include <string.h>

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

/* Names of headers have no case. */
static int is_named(const char *name, const char *wanted)
{
    for (; *name && *wanted; name++, wanted++)
        if ((*name >= 'A' && *name <= 'Z' ? *name + 32 : *name) != *wanted)
            return 0;
    return !*name && !*wanted;
}

void bl_http_answer_header(bl_http_answer *a, const char *name, const char *value)
{
    if (is_named(name, "x-repo-commit") && !*a->commit && strlen(value) < sizeof a->commit)
        (void)snprintf(a->commit, sizeof a->commit, "%s", value);
    else if (is_named(name, "x-linked-etag") && !*a->linked_etag)
        read_etag(a->linked_etag, sizeof a->linked_etag, value);
    else if (is_named(name, "x-linked-size") && a->linked_size < 0)
        a->linked_size = size_of(value);
    else if (is_named(name, "x-error-message") && !*a->complaint)
        (void)snprintf(a->complaint, sizeof a->complaint, "%s", value);
    else if (is_named(name, "x-error-code") && !*a->code)
        (void)snprintf(a->code, sizeof a->code, "%s", value);
    else if (is_named(name, "content-length"))
        a->length = size_of(value);
    else if (is_named(name, "content-range"))
        read_range(a, value);
    else if (is_named(name, "etag")) {
        read_etag(a->etag, sizeof a->etag, value);
        if (*value == '"' && strlen(value) < sizeof a->validator)
            (void)snprintf(a->validator, sizeof a->validator, "%s", value);
    }
}

void bl_http_answer_forget(bl_http_answer *a)
{
    a->status = 0;
    a->etag[0] = a->validator[0] = 0;
    a->length = a->range_first = a->range_total = BL_HTTP_NO_SIZE;
    a->retry_after = 0;
}
