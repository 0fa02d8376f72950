/* The file that a conversation is kept in: loaded at its start, written after every turn. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* flock */
#endif

#include "chat_memory.h"
#include "cli.h"
#include "model_flags.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct bl_chat_memory {
    const char *path;
    int fd; /* of the file as it was read or written last, or -1; it holds the lock */
    struct stat written;
};

static int is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Takes the file that stands there, and lets go of the one before, which no longer has a name.
 * Where the file system has no locks there is none, and where the file has gone at once, nothing. */
static bl_status hold(bl_chat_memory *m, bl_error *err)
{
    struct stat there;
    int fd = open(m->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int failed = (fd < 0 && errno != ENOENT) || (fd >= 0 && fstat(fd, &m->written) != 0);
    if (failed)
        (void)bl_cli_fail(err, BL_EIO, "%s: %s", m->path, strerror(errno));
    int busy = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    busy = busy || (fd >= 0 && stat(m->path, &there) == 0 && !is_same(&there, &m->written));
    if (m->fd >= 0)
        (void)close(m->fd);
    m->fd = failed || busy ? -1 : fd;
    if (fd >= 0 && m->fd < 0)
        (void)close(fd);
    if (failed)
        return BL_EIO;
    return busy ? bl_cli_fail(err, BL_EBUSY, "%s is in use by another chat", m->path) : BL_OK;
}

/* Whether what stands there is what was read or written last, or nothing. */
static int is_unchanged(const bl_chat_memory *m)
{
    struct stat now;
    if (stat(m->path, &now) != 0)
        return errno == ENOENT;
    return m->fd >= 0 && is_same(&now, &m->written) && now.st_size == m->written.st_size &&
           now.st_mtime == m->written.st_mtime;
}

static bl_status begin(bl_chat_memory *m, bl_session *s, int *loaded, bl_error *err)
{
    struct stat info;
    *loaded = stat(m->path, &info) == 0 || errno != ENOENT;
    if (!*loaded)
        return bl_chat_memory_save(m, s, 1, err);
    if (stat(m->path, &info) == 0 && S_ISREG(info.st_mode)) {
        bl_status status = hold(m, err);
        if (status != BL_OK)
            return status;
    }
    return bl_session_load(s, m->path, err);
}

bl_status bl_chat_memory_open(bl_chat_memory **result, bl_session *s, const char *path, int *loaded,
                              bl_error *err)
{
    bl_chat_memory *m = calloc(1, sizeof *m);
    *result = NULL;
    if (!m)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    m->path = path;
    m->fd = -1;
    bl_status status = begin(m, s, loaded, err);
    if (status == BL_OK)
        *result = m;
    else
        bl_chat_memory_close(m);
    return status;
}

bl_status bl_chat_memory_save(bl_chat_memory *m, const bl_session *s, int replace, bl_error *err)
{
    if (!replace && !is_unchanged(m))
        return bl_cli_fail(err, BL_EBUSY,
                           "%s was written by another program and stays as it is; /save %s "
                           "replaces it",
                           m->path, m->path);
    bl_status status = bl_cli_session_save(s, m->path, err);
    return status == BL_OK ? hold(m, err) : status;
}

int bl_chat_memory_is(const bl_chat_memory *m, const char *path)
{
    return m && strcmp(m->path, path) == 0;
}

void bl_chat_memory_close(bl_chat_memory *m)
{
    if (!m)
        return;
    if (m->fd >= 0)
        (void)close(m->fd);
    free(m);
}
