/* Folders in memory: a list of those that are open, for all threads. */
#define _POSIX_C_SOURCE 200809L

#include "core/held.h"
#include "core/alloc.h"
#include "core/call.h"
#include "core/utf8.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "buffer:"

typedef struct held {
    char *name;
    const unsigned char *bytes;
    size_t size;
    int own; /* the bytes are the folder's */
} held;

struct bl_files {
    unsigned long long number;
    char path[sizeof PREFIX + 20];
    held *file; /* [count] */
    size_t count, cap;
    bl_files *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bl_files *all; /* open ones */
static unsigned long long opened;

static void release(bl_files *f)
{
    if (!f)
        return;
    for (size_t i = 0; f->file && i < f->count; i++) {
        bl_free(f->file[i].name);
        if (f->file[i].own)
            bl_free((void *)(uintptr_t)f->file[i].bytes);
    }
    bl_free(f->file);
    bl_free(f);
}

/* Names are those of files in one folder, each once. */
static bl_status check_name(const bl_buffer *files, size_t i, bl_error *err)
{
    const char *name = files[i].name;
    if (!name || (files[i].size && !files[i].bytes))
        return bl_fail(err, BL_EINVAL, "bl_files_open: files[%zu].%s is NULL", i,
                       name ? "bytes" : "name");
    if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        bl_utf8_invalid(name, strlen(name)) != strlen(name))
        return bl_fail(err, BL_EINVAL, "files[%zu]: \"%.60s\" is no name of a file in a folder", i,
                       name);
    for (size_t k = 0; k < i; k++)
        if (strcmp(files[k].name, name) == 0)
            return bl_fail(err, BL_EINVAL, "files[%zu] and files[%zu] are both named %.60s", k, i,
                           name);
    return BL_OK;
}

static bl_status fill(bl_files *f, const bl_buffer *files, size_t count, bl_error *err)
{
    static const unsigned char none[1];
    f->count = f->cap = count;
    f->file = bl_calloc(count, sizeof *f->file);
    if (!f->file)
        return bl_fail(err, BL_ENOMEM, "out of memory for %zu files", count);
    for (size_t i = 0; i < count; i++) {
        BL_TRY(check_name(files, i, err));
        f->file[i] = (held){.name = bl_strdup(files[i].name),
                            .bytes = files[i].size ? files[i].bytes : none,
                            .size = files[i].size};
        if (!f->file[i].name)
            return bl_fail(err, BL_ENOMEM, "out of memory for %zu files", count);
    }
    return BL_OK;
}

static bl_status open_files(bl_files **result, const bl_buffer *files, size_t count, bl_error *err)
{
    bl_files *f = bl_calloc(1, sizeof *f);
    bl_status status = f ? fill(f, files, count, err)
                         : bl_fail(err, BL_ENOMEM, "out of memory for %zu files", count);
    if (status != BL_OK) {
        release(f);
        return status;
    }
    (void)pthread_mutex_lock(&lock);
    f->number = ++opened;
    (void)snprintf(f->path, sizeof f->path, PREFIX "%llu", f->number);
    f->next = all;
    all = f;
    (void)pthread_mutex_unlock(&lock);
    *result = f;
    return BL_OK;
}

bl_status bl_files_open(bl_files **f, const bl_buffer *files, size_t count, bl_error *err)
{
    bl_call call;
    BL_NOT_NULL(err, f);
    *f = NULL;
    BL_NOT_NULL_IF(err, count, files);
    bl_call_begin(&call, err);
    return bl_call_end(&call, open_files(f, files, count, err), err);
}

const char *bl_files_path(const bl_files *f)
{
    return f ? f->path : NULL;
}

int bl_files_at(const bl_files *f, size_t i, bl_buffer *file)
{
    int there = 0;
    if (!file)
        return 0;
    *file = (bl_buffer){NULL, NULL, 0};
    (void)pthread_mutex_lock(&lock);
    if (f && i < f->count) {
        *file = (bl_buffer){f->file[i].name, f->file[i].bytes, f->file[i].size};
        there = 1;
    }
    (void)pthread_mutex_unlock(&lock);
    return there;
}

void bl_files_close(bl_files *f)
{
    if (!f)
        return;
    (void)pthread_mutex_lock(&lock);
    bl_files **at = &all;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    (void)pthread_mutex_unlock(&lock);
    release(f);
}

/* ---- paths ---- */

static bl_held_kind find_in(const bl_files *f, const char *name, const unsigned char **bytes,
                            size_t *size)
{
    while (*name == '/')
        name++;
    if (!*name)
        return BL_HELD_FOLDER;
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->file[i].name, name) == 0) {
            *bytes = f->file[i].bytes;
            *size = f->file[i].size;
            return BL_HELD_FILE;
        }
    return BL_HELD_NONE;
}

/* The folder that a path leads into, and the rest of the path; NULL: into none that is open.  Under
 * the lock. */
static bl_files *folder_of(const char *path, const char **name)
{
    char *end;
    if (strncmp(path, PREFIX, strlen(PREFIX)) != 0)
        return NULL;
    const char *digits = path + strlen(PREFIX);
    unsigned long long number = *digits >= '1' && *digits <= '9' ? strtoull(digits, &end, 10) : 0;
    if (!number || (*end && *end != '/'))
        return NULL;
    *name = end;
    for (bl_files *f = all; f; f = f->next)
        if (f->number == number)
            return f;
    return NULL;
}

bl_held_kind bl_held_find(const char *path, const unsigned char **bytes, size_t *size)
{
    const char *name;
    if (strncmp(path, PREFIX, strlen(PREFIX)) != 0) /* nearly always: no lock */
        return BL_HELD_NOT;
    (void)pthread_mutex_lock(&lock);
    const bl_files *f = folder_of(path, &name);
    bl_held_kind kind = f ? find_in(f, name, bytes, size) : BL_HELD_NOT;
    (void)pthread_mutex_unlock(&lock);
    return kind;
}

static bl_status put(const char *path, unsigned char *bytes, size_t size, bl_error *err)
{
    const char *name;
    bl_files *f = folder_of(path, &name);
    if (!f)
        return bl_fail(err, BL_ENOENT, "%s: the folder in memory was closed", path);
    while (*name == '/')
        name++;
    BL_TRY(bl_grow(&f->file, &f->cap, f->count + 1, sizeof *f->file, err));
    char *copy = bl_strdup(name);
    if (!copy)
        return bl_fail(err, BL_ENOMEM, "%s: out of memory", path);
    f->file[f->count++] = (held){.name = copy, .bytes = bytes, .size = size, .own = 1};
    return BL_OK;
}

bl_status bl_held_put(const char *path, unsigned char *bytes, size_t size, bl_error *err)
{
    (void)pthread_mutex_lock(&lock);
    bl_status status = put(path, bytes, size, err);
    (void)pthread_mutex_unlock(&lock);
    return status;
}
