/* Reading from start to end, from a file or a pipe, and a second time. */
#define _POSIX_C_SOURCE 200809L
#include "core/alloc.h"
#include "core/file.h"
#include "core/in.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 200,
    WRITER_MS = 10000, /* for somebody to open the other end of a named pipe */
    UNSIZED = 1 << 26  /* bytes of a file that says it has none, as those of /proc do */
};

struct bl_in {
    int fd;
    int borrowed; /* standard input: not ours to close */
    int pipe;     /* cannot seek */
    int kept;     /* a copy of what a pipe gave, or -1; later read instead of it */
    int replay;   /* reading the copy */
    int ended;
    int nameless;         /* a pipe that nobody can open for writing again */
    int lonely, patience; /* how long nobody has had it open, and how long that may last, in ms */
    off_t first;          /* where the file began for us */
    uint64_t size;        /* of a pipe: so far */
    uint64_t left;        /* of a file: up to the end it had at first, even if it grows */
    char *path, *keep;
};

static bl_status in_fail(const bl_in *in, int error, bl_error *err)
{
    return bl_fail_errno(err, BL_EIO, error, "%s: cannot be read", in->path);
}

/* Pipes without a name, which /dev/fd/N opens again, are a file system of their own. */
static int is_nameless(const struct stat *pipe_st)
{
    struct stat st;
    int fd[2], same = 0;
    if (pipe(fd) != 0)
        return 0;
    same = fstat(fd[0], &st) == 0 && st.st_dev == pipe_st->st_dev;
    (void)close(fd[0]);
    (void)close(fd[1]);
    return same;
}

static uint64_t to_read(const bl_in *in)
{
    return in->size ? in->size : UNSIZED;
}

static bl_status in_look(bl_in *in, bl_error *err)
{
    struct stat st;
    if (fstat(in->fd, &st) != 0)
        return in_fail(in, errno, err);
    if (S_ISDIR(st.st_mode))
        return in_fail(in, EISDIR, err);
    if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode) && !in->borrowed)
        return bl_fail(err, BL_EIO, "%s: neither a file nor a folder nor a pipe", in->path);
    if (!S_ISREG(st.st_mode)) {
        in->pipe = 1;
        in->nameless = S_ISFIFO(st.st_mode) && is_nameless(&st);
        return in->keep ? bl_file_unnamed(&in->kept, in->keep, err) : BL_OK;
    }
    in->first = in->borrowed ? lseek(in->fd, 0, SEEK_CUR) : 0;
    if (in->first < 0)
        return in_fail(in, errno, err);
    in->size = st.st_size > in->first ? (uint64_t)(st.st_size - in->first) : 0;
    in->left = to_read(in);
    return BL_OK;
}

/* Opening a device may do something, even where it is then refused. */
static bl_status look_first(const char *path, bl_error *err)
{
    struct stat st;
    if (stat(path, &st) == 0 &&
        (S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode) || S_ISSOCK(st.st_mode)))
        return bl_fail(err, BL_EIO, "%s: neither a file nor a folder nor a pipe", path);
    return BL_OK;
}

bl_status bl_in_open(bl_in **result, const char *path, const char *keep, bl_error *err)
{
    *result = NULL;
    bl_in *in = bl_calloc(1, sizeof *in);
    if (!in)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    *in = (bl_in){.fd = STDIN_FILENO, .borrowed = !path, .kept = -1, .patience = WRITER_MS};
    in->path = bl_strdup(path ? path : "standard input");
    in->keep = keep ? bl_strdup(keep) : NULL;
    bl_status status = BL_OK;
    if (!in->path || (keep && !in->keep))
        status = bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK && path) /* a pipe without a writer is waited for in bl_in_read() */
        status = look_first(path, err);
    if (status == BL_OK && path &&
        (in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) < 0)
        status = bl_fail_errno(err, errno == ENOENT ? BL_ENOENT : BL_EIO, errno,
                               "%s: cannot be opened", path);
    if (status == BL_OK)
        status = in_look(in, err);
    if (status != BL_OK) {
        bl_in_close(in);
        return status;
    }
    *result = in;
    return BL_OK;
}

void bl_in_patience(bl_in *in, int milliseconds)
{
    in->patience = milliseconds;
}

void bl_in_close(bl_in *in)
{
    if (!in)
        return;
    if (!in->borrowed && in->fd >= 0)
        (void)close(in->fd);
    if (in->kept >= 0)
        (void)close(in->kept);
    bl_free(in->path);
    bl_free(in->keep);
    bl_free(in);
}

uint64_t bl_in_size(const bl_in *in)
{
    return in->pipe && !in->replay && !in->ended ? 0 : in->size;
}

/* Is there something to read, or the end, within our patience? */
static int ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = poll(&p, 1, PATIENCE_MS);
    return n != 0 && !(n < 0 && errno == EINTR);
}

static bl_status copy_out(bl_in *in, const char *bytes, size_t n, bl_error *err)
{
    int error = bl_fd_write(in->kept, bytes, n);
    return error
               ? bl_fail_errno(err, BL_EIO, error, "%s: cannot keep standard input there", in->keep)
               : BL_OK;
}

/* A pipe that was silent had no bytes and no writer: it has ended, or a writer is still awaited. */
static bl_status no_writer(bl_in *in, int *end, bl_error *err)
{
    in->lonely += PATIENCE_MS;
    if (in->size || in->nameless)
        *end = in->ended = 1;
    else if (in->lonely >= in->patience)
        return bl_fail(err, BL_EIO, "%s: a pipe that nobody opened for writing within %d s",
                       in->path, in->patience / 1000);
    return BL_OK;
}

/* The most that a file without a size may hold has been read: is that its end? */
static bl_status past_unsized(bl_in *in, int *end, bl_error *err)
{
    char more;
    if (read(in->fd, &more, 1) > 0)
        return bl_fail(err, BL_EIO, "%s: says it has no bytes and has more than %d", in->path,
                       UNSIZED);
    *end = in->ended = 1;
    return BL_OK;
}

bl_status bl_in_read(bl_in *in, void *to, size_t cap, size_t *n, int *end, bl_error *err)
{
    *n = 0;
    *end = in->ended;
    int live = in->pipe && !in->replay;
    if (in->ended)
        return BL_OK;
    int silent = live && !ready(in->fd);
    if (silent && in->borrowed) /* a read might wait */
        return BL_OK;
    if (!in->pipe && !in->left && !in->size)
        return past_unsized(in, end, err);
    if (!in->pipe && cap > in->left)
        cap = (size_t)in->left;
    ssize_t done;
    do
        done = read(in->replay ? in->kept : in->fd, to, cap);
    while (done < 0 && errno == EINTR);
    if (done < 0 && errno != EAGAIN)
        return in_fail(in, errno, err);
    if (silent && done == 0)
        return no_writer(in, end, err);
    in->lonely = 0;
    if (done < 0)
        return BL_OK;
    *n = (size_t)done;
    *end = in->ended = done == 0;
    if (!in->pipe)
        in->left -= *n;
    if (!live)
        return BL_OK;
    in->size += *n;
    return in->kept >= 0 ? copy_out(in, to, *n, err) : BL_OK;
}

bl_status bl_in_rewind(bl_in *in, bl_error *err)
{
    if (in->pipe && (in->kept < 0 || !in->ended))
        return bl_fail(err, BL_EIO, "%s: a pipe cannot be read twice", in->path);
    in->replay = in->pipe;
    in->ended = 0;
    in->left = to_read(in);
    if (lseek(in->replay ? in->kept : in->fd, in->replay ? 0 : in->first, SEEK_SET) < 0)
        return in_fail(in, errno, err);
    return BL_OK;
}
