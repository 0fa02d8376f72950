/* Hidden names beside a target: making and sweeping them, and checking the target, POSIX. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* flock, S_ISVTX */

#include "core/temporary.h"
#include "core/alloc.h"
#include "core/dir.h"
#include "core/machine.h"
#include "core/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    NAME_KEPT = 200, /* bytes of the target's name: with the digits, below every system limit */
    DIGITS = 16,
    ATTEMPTS = 100,
    LINKS_MOST = 40,
    LINK_AGE = 3600 /* seconds after which a link is a leftover where nothing can be locked */
};

/* Where the last part of a path begins. */
static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ".NAME." of a target: how its hidden names begin. */
static void put_prefix(char prefix[NAME_KEPT + 3], const char *path)
{
    const char *name = last_part(path);
    (void)snprintf(prefix, NAME_KEPT + 3, "%s%.*s.", *name == '.' ? "" : ".", NAME_KEPT, name);
}

char *bl_temporary_name(const char *path, const char *ending)
{
    char prefix[NAME_KEPT + 3];
    put_prefix(prefix, path);
    size_t dir = (size_t)(last_part(path) - path);
    size_t room = dir + strlen(prefix) + DIGITS + strlen(ending) + 1;
    char *name = bl_calloc(room, 1);
    if (name)
        (void)snprintf(name, room, "%.*s%s%016" PRIx64 "%s", (int)dir, path, prefix,
                       bl_os_entropy(), ending);
    return name;
}

/* 1 when the descriptor is ours alone and what it refers to still has a name: a sweeper may have
 * come between the making and the lock.  A file system without locks sweeps nothing. */
static int hold(int fd)
{
    struct stat info;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return 0;
    return fstat(fd, &info) == 0 && info.st_nlink > 0;
}

static int make(char **name, int *fd, const char *path, int folder, unsigned mode)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        *fd = -1;
        *name = bl_temporary_name(path, ".tmp");
        if (!*name)
            return ENOMEM;
        int error = folder && mkdir(*name, 0777) != 0 ? errno : 0;
        if (!error) {
            *fd = folder ? open(*name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                         : open(*name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                (mode_t)mode);
            error = *fd < 0 ? errno : 0;
        }
        if (!error && hold(*fd))
            return 0;
        if (*fd >= 0)
            (void)close(*fd);
        else if (error && folder && error != EEXIST)
            (void)rmdir(*name);
        bl_free(*name);
        *name = NULL;
        *fd = -1;
        if (error && error != EEXIST)
            return error;
    }
    return EEXIST;
}

int bl_temporary_file(char **name, int *fd, const char *path, unsigned mode)
{
    return make(name, fd, path, 0, mode);
}

int bl_temporary_folder(char **name, int *fd, const char *path)
{
    return make(name, fd, path, 1, 0);
}

/* ---- removing ---- */

/* What is in an open folder, and the folder itself. */
static int remove_at(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    int error = dir ? 0 : errno;
    if (!dir && fd >= 0)
        (void)close(fd);
    for (struct dirent *e; dir && !error && (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        error = unlinkat(fd, e->d_name, 0) != 0 ? errno : 0;
        if (error == EISDIR || error == EPERM) /* POSIX and Linux name a folder so */
            error = remove_at(fd, e->d_name);
        if (error == ENOENT)
            error = 0;
    }
    if (dir)
        (void)closedir(dir);
    if (!error && unlinkat(parent, name, AT_REMOVEDIR) != 0)
        error = errno;
    return error == ENOENT ? 0 : error;
}

int bl_temporary_remove_folder(const char *path)
{
    return remove_at(AT_FDCWD, path);
}

/* Does `name` end in a dot, random digits, and .tmp or .old?  Where the dot and
 * the digits begin. */
static const char *hidden_ending(const char *name)
{
    size_t n = strlen(name), ending = 1 + DIGITS + 4;
    const char *at = name + (n > ending ? n - ending : n);
    return *name == '.' && *at == '.' && strspn(at + 1, "0123456789abcdef") == DIGITS &&
                   (strcmp(at + 1 + DIGITS, ".tmp") == 0 || strcmp(at + 1 + DIGITS, ".old") == 0)
               ? at
               : NULL;
}

static int is_hidden_name(const char *name, const char *prefix)
{
    const char *ending = hidden_ending(name);
    return ending && (size_t)(ending + 1 - name) == strlen(prefix) &&
           strncmp(name, prefix, strlen(prefix)) == 0;
}

/* A link cannot be locked: who makes one has a shared lock on the folder. */
static int is_left(int dir, const struct stat *link)
{
    return link->st_mtime + LINK_AGE < time(NULL) || flock(dir, LOCK_EX | LOCK_NB) == 0;
}

/* Removes one that nobody has locked. */
static void sweep_one(int dir, const char *name)
{
    struct stat info;
    if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || info.st_uid != geteuid())
        return;
    if (S_ISLNK(info.st_mode)) {
        if (is_left(dir, &info))
            (void)unlinkat(dir, name, 0);
        return;
    }
    int is_folder = S_ISDIR(info.st_mode);
    if (!is_folder && !S_ISREG(info.st_mode))
        return;
    int flags = O_CLOEXEC | O_NOFOLLOW | (is_folder ? O_RDONLY | O_DIRECTORY : O_RDWR | O_NONBLOCK);
    int fd = openat(dir, name, flags);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        if (is_folder)
            (void)remove_at(dir, name);
        else
            (void)unlinkat(dir, name, 0);
    }
    (void)close(fd);
}

/* In a folder: those of one prefix, or of all (NULL); old ones, which may be the last whole copy,
 * only on request. */
static void sweep(const char *parent, const char *prefix, int old)
{
    DIR *dir = opendir(parent);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        const char *ending = hidden_ending(e->d_name);
        if (ending && (!prefix || is_hidden_name(e->d_name, prefix)) &&
            (old || !strstr(ending, ".old")))
            sweep_one(dirfd(dir), e->d_name);
    }
    if (dir)
        (void)closedir(dir);
}

void bl_temporary_sweep(const char *path)
{
    char prefix[NAME_KEPT + 3];
    put_prefix(prefix, path);
    char *parent = bl_path_parent(path);
    if (parent)
        sweep(parent, prefix, bl_path_what(path) == BL_PATH_DIR);
    bl_free(parent);
}

void bl_dir_sweep(const char *path)
{
    sweep(path, NULL, 0);
}

char *bl_temporary_find_old(const char *path)
{
    char prefix[NAME_KEPT + 3], *found = NULL;
    put_prefix(prefix, path);
    char *parent = bl_path_parent(path);
    DIR *dir = parent ? opendir(parent) : NULL;
    for (struct dirent *e; dir && !found && (e = readdir(dir)) != NULL;)
        if (is_hidden_name(e->d_name, prefix) && strstr(hidden_ending(e->d_name), ".old"))
            found = bl_path_join(parent, e->d_name);
    if (dir)
        (void)closedir(dir);
    bl_free(parent);
    return found;
}

/* ---- the target ---- */

bl_status bl_target_check(const char *path, unsigned mode, bl_error *err)
{
    const char *what = S_ISDIR(mode)                    ? "a folder"
                       : S_ISCHR(mode) || S_ISBLK(mode) ? "a device"
                       : S_ISFIFO(mode)                 ? "a pipe"
                       : S_ISSOCK(mode)                 ? "a socket"
                                                        : "something else";
    if (S_ISREG(mode))
        return BL_OK;
    return bl_fail(err, BL_EIO, "cannot write %s: it is %s, not a file", path, what);
}

/* May this link be followed?  Not one that somebody else put where everybody may write, nor those
 * of /proc, which lead to open descriptors. */
static bl_status check_link(const char *path, const char *at, const char *parent,
                            const struct stat *link, bl_error *err)
{
    struct stat dir;
    if (stat(parent, &dir) != 0)
        return bl_fail_errno(err, BL_EIO, errno, "cannot write %s", path);
    int open_to_all = (dir.st_mode & S_ISVTX) && (dir.st_mode & S_IWOTH);
    if (open_to_all && link->st_uid != geteuid() && link->st_uid != dir.st_uid)
        return bl_fail(err, BL_EIO,
                       "cannot write %s: %s is a link that another user put where everybody may "
                       "write",
                       path, at);
    if (strncmp(at, "/proc/", 6) == 0)
        return bl_fail(err, BL_EIO, "cannot write %s: it is an open descriptor, not a file", path);
    return BL_OK;
}

/* *at, a link, becomes what it names. */
static bl_status follow(char **at, const char *path, const struct stat *info, bl_error *err)
{
    char text[4096];
    char *parent = bl_path_parent(*at), *next = NULL;
    bl_status status = parent ? check_link(path, *at, parent, info, err)
                              : bl_fail(err, BL_ENOMEM, "out of memory");
    if (status == BL_OK) {
        ssize_t n = readlink(*at, text, sizeof text - 1);
        if (n < 0)
            status = bl_fail_errno(err, BL_EIO, errno, "cannot write %s", path);
        text[n < 0 ? 0 : n] = 0;
    }
    if (status == BL_OK) {
        next = *text == '/' ? bl_strdup(text) : bl_path_join(parent, text);
        if (!next)
            status = bl_fail(err, BL_ENOMEM, "out of memory");
    }
    bl_free(parent);
    if (status == BL_OK) {
        bl_free(*at);
        *at = next;
    }
    return status;
}

bl_status bl_target_resolve(char **target, unsigned *mode, const char *path, bl_error *err)
{
    bl_status status = BL_OK;
    *mode = 0;
    *target = NULL;
    char *at = bl_strdup(path);
    if (!at)
        return bl_fail(err, BL_ENOMEM, "out of memory");
    for (int i = 0; status == BL_OK; i++) {
        struct stat info;
        if (lstat(at, &info) != 0) {
            if (errno != ENOENT)
                status = bl_fail_errno(err, BL_EIO, errno, "cannot write %s", path);
            break;
        }
        *mode = info.st_mode;
        if (!S_ISLNK(info.st_mode)) {
            status = bl_target_check(path, info.st_mode, err);
            break;
        }
        *mode = 0;
        status = i < LINKS_MOST ? follow(&at, path, &info, err)
                                : bl_fail_errno(err, BL_EIO, ELOOP, "cannot write %s", path);
    }
    if (status == BL_OK && !*last_part(at))
        status = bl_fail_errno(err, BL_EIO, *at ? EISDIR : ENOENT, "cannot write %s", path);
    if (status != BL_OK) {
        bl_free(at);
        return status;
    }
    *target = at;
    return BL_OK;
}
