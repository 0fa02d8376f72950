/* The operating system: files read, atomic replacement, folders, locks, clocks.
 *
 * All that is POSIX lives behind this header.  Paths are UTF-8 and relative to the working
 * directory.  Messages name the path. */
#ifndef BL_CORE_OS_H
#define BL_CORE_OS_H

#include "core/status.h"

/* ---- reading ---- */

/* A regular file, read at any offset.  Nothing is mapped: a file cut short by another process is an
 * error and not a SIGBUS.  Opening never waits: a pipe, device, socket or folder is BL_EIO, and the
 * message says what it is.  BL_ENOENT, BL_EIO, BL_ENOMEM.  Threads: any may read. */
typedef struct bl_file bl_file;
bl_status bl_file_open(bl_file **f, const char *path, bl_error *err) BL_NODISCARD;
void bl_file_close(bl_file *f);          /* NULL is fine */
uint64_t bl_file_size(const bl_file *f); /* when it was opened; later growth is not seen */

/* n bytes from byte `at` on, all within that size.  BL_EIO. */
bl_status bl_file_read(const bl_file *f, uint64_t at, void *to, size_t n,
                       bl_error *err) BL_NODISCARD;

/* The size of a regular file by its name. */
bl_status bl_file_bytes(const char *path, uint64_t *bytes, bl_error *err) BL_NODISCARD;

/* BL_EIO when the file has become shorter. */
bl_status bl_file_still(const bl_file *f, bl_error *err) BL_NODISCARD;

/* Hints for a file larger than memory: its parts are read in no order, so do not read ahead; these
 * bytes are wanted soon. */
void bl_file_scattered(const bl_file *f);
void bl_file_want(const bl_file *f, uint64_t first, size_t bytes);

/* A whole file through fn, piece by piece in order, until it does not return BL_OK. */
typedef bl_status bl_piece_fn(void *user, const void *bytes, size_t n, bl_error *err);
bl_status bl_file_pieces(const char *path, bl_piece_fn *fn, void *user, bl_error *err) BL_NODISCARD;

/* A whole file in memory, of at most BL_MAP_MOST bytes; an empty one has data "" and size 0.
 * BL_EFORMAT: it is larger; otherwise as bl_file_open(). */
typedef struct bl_map {
    const unsigned char *data;
    size_t size;
} bl_map;
#define BL_MAP_MOST ((uint64_t)1 << 28)

bl_status bl_map_open(bl_map *m, const char *path, bl_error *err) BL_NODISCARD;
void bl_map_close(bl_map *m);

typedef enum bl_path_kind { BL_PATH_NONE, BL_PATH_FILE, BL_PATH_DIR, BL_PATH_OTHER } bl_path_kind;
bl_path_kind bl_path_what(const char *path);            /* of what a link points to */
int bl_path_has(const char *dir, const char *name);     /* anything of that name */
int bl_path_has_own(const char *dir, const char *name); /* a regular file, not a link to one */
int bl_path_is_link(const char *path);
char *bl_path_absolute(const char *path); /* from the root, in a fresh string; NULL: not known */

/* Does what `path` leads to lie below the folder, with all links followed?  0 when either does not
 * exist. */
int bl_path_is_inside(const char *path, const char *dir);
double bl_path_age(const char *path); /* seconds since it was last written; 0 when not known */
int bl_path_same(const char *a, const char *b); /* one file or folder, however it is spelt */

/* A file, or standard input (path NULL), from its start to its end.  What comes out of a pipe is
 * kept in an unnamed file in the folder `keep`, so that it can be read again too; with keep NULL it
 * cannot.  BL_ENOENT, BL_EIO. */
typedef struct bl_in bl_in;
bl_status bl_in_open(bl_in **in, const char *path, const char *keep, bl_error *err) BL_NODISCARD;
void bl_in_close(bl_in *in);

/* Up to `cap` bytes.  None without *end: a pipe had nothing for a fifth of a second, and the caller
 * may check for Ctrl-C.  A file ends where it ended when it was opened.  A named pipe that nobody
 * opens for writing is BL_EIO after ten seconds, or after the patience set. */
void bl_in_patience(bl_in *in, int milliseconds);
bl_status bl_in_read(bl_in *in, void *to, size_t cap, size_t *n, int *end,
                     bl_error *err) BL_NODISCARD;

/* Back to the first byte, after the end was seen. */
bl_status bl_in_rewind(bl_in *in, bl_error *err) BL_NODISCARD;
uint64_t bl_in_size(const bl_in *in); /* bytes; 0 while a pipe has not ended */

/* ---- writing ---- */

/* bl_out_open() and its kin in bitllama.h are how every file is written.
 * Errors of single writes are sticky and reported at commit, so writers need one check. */
bl_status bl_out_sync(bl_out *out, bl_error *err) BL_NODISCARD; /* all so far is on disk */
const char *bl_out_temporary(const bl_out *out); /* its name until commit, for looking at it */

/* open, write, commit in one. */
bl_status bl_file_replace(const char *path, const void *bytes, size_t n,
                          bl_error *err) BL_NODISCARD;

/* A log file that only grows, made when absent: *size is the length of its whole records (at most;
 * 0 for a new one), and grows by n.  What follows them, half a record of a failed append, is cut
 * off first; after an error the file ends where it did. */
bl_status bl_file_append(const char *path, uint64_t *size, const void *bytes, size_t n,
                         bl_error *err) BL_NODISCARD;
bl_status bl_file_sync(const char *path, bl_error *err) BL_NODISCARD; /* its bytes are on disk */
bl_status bl_file_truncate(const char *path, uint64_t size, bl_error *err) BL_NODISCARD;
bl_status bl_file_remove(const char *path, bl_error *err) BL_NODISCARD;

/* A file without a name in a folder, for reading and writing: gone with the process, however it
 * ends.  Writes all of some bytes to a descriptor, despite short writes and signals: errno, or
 * 0. */
bl_status bl_file_unnamed(int *fd, const char *dir, bl_error *err) BL_NODISCARD;
int bl_fd_write(int fd, const void *bytes, size_t n);

/* ---- folders ---- */

/* With its parents; each level made is synced to disk. */
bl_status bl_dir_make(const char *path, bl_error *err) BL_NODISCARD;
bl_status bl_dir_sync(const char *path, bl_error *err) BL_NODISCARD;
bl_status bl_dir_sync_parent(const char *path,
                             bl_error *err) BL_NODISCARD;              /* of a file or folder */
bl_status bl_dir_remove(const char *path, bl_error *err) BL_NODISCARD; /* with all below it */
bl_status bl_dir_remove_empty(const char *path, bl_error *err) BL_NODISCARD; /* or not at all */
bl_status bl_path_rename(const char *from, const char *to, bl_error *err) BL_NODISCARD;

/* A symbolic link at `path` to `target`, replacing a file or link of that name.  BL_EIO. */
bl_status bl_path_link(const char *target, const char *path, bl_error *err) BL_NODISCARD;

/* A folder that appears whole or not at all: filled under a hidden name beside `path` (with synced
 * files, like bl_out's), put in place by commit, removed by abandon.  A folder that has the name is
 * exchanged with the new one in one step, where the file system can do that (renameat2), and is
 * then removed; elsewhere, if the process is killed between two renames, it is left hidden, for
 * bl_dir_recover().
 *
 * `check` (or NULL) looks at the old folder once it is out of the way; one that it refuses goes
 * back to its place.  After a failure the old folder has its name, or the message says which name
 * it has. */
typedef struct bl_outdir bl_outdir;
typedef bl_status bl_outdir_check(void *user, const char *old, bl_error *err);

bl_status bl_outdir_open(bl_outdir **d, const char *path, bl_error *err) BL_NODISCARD;
const char *bl_outdir_temporary(const bl_outdir *d); /* its name until commit */
bl_status bl_outdir_commit(bl_outdir *d, bl_outdir_check *check, void *user,
                           bl_error *err) BL_NODISCARD; /* frees in any case */
void bl_outdir_abandon(bl_outdir *d);                   /* frees; NULL is fine */

/* Gives an old folder its name back when nothing has it; readers and writers call this first. */
void bl_dir_recover(const char *path);

/* Removes what killed processes left half-written in a folder under hidden names, but nothing that
 * a live process is writing; every writer does the same for its own target. */
void bl_dir_sweep(const char *path);

/* Names in a folder, sorted bytewise, without "." and "..". */
typedef struct bl_names {
    char **name;
    size_t count, cap;
} bl_names;
bl_status bl_dir_list(bl_names *names, const char *path, bl_error *err) BL_NODISCARD;
void bl_names_release(bl_names *names);

/* "a/b", and the folder that a path is in ("." when it names none), in a fresh string; NULL when
 * memory is short. */
char *bl_path_join(const char *a, const char *b);
char *bl_path_parent(const char *path);

/* Does a shell pattern (star, question mark, brackets) match the whole path?  No star matches a
 * slash. */
int bl_glob_match(const char *pattern, const char *path);

/* ---- the rest ---- */

/* An exclusive lock on a folder, or on a file that is made when absent; held until closed or the
 * process ends.
 * BL_EBUSY when another process holds it. */
typedef struct bl_lock bl_lock;
bl_status bl_lock_open(bl_lock **lock, const char *path, bl_error *err) BL_NODISCARD;

/* A shared lock on a folder, so that nobody who takes an exclusive one removes it meanwhile.  Waits
 * for a quarter of a second; *lock is NULL, with BL_OK, when it still could not be had, or on a
 * file system without locks.  BL_ENOENT: the folder does not exist (any more). */
bl_status bl_lock_share(bl_lock **lock, const char *path, bl_error *err) BL_NODISCARD;

/* Is the folder of this name the locked one?  With a lock of NULL: is there such a folder? */
int bl_lock_is_of(const bl_lock *lock, const char *path);
void bl_lock_close(bl_lock *lock);

/* Blocks signals in this thread until they are released: for calls into code that uses the stack
 * pointer in ways that a signal handler's frame would not survive. */
typedef struct bl_signal_mask {
    uint64_t bits[16];
} bl_signal_mask;
void bl_signals_hold(bl_signal_mask *before);
void bl_signals_release(const bl_signal_mask *before);

/* Bytes of memory that this process may use: those of the machine, or what its control groups allow
 * or its own limits (RLIMIT_AS, RLIMIT_DATA) still leave; UINT64_MAX when the system does not
 * say. */
uint64_t bl_os_memory(void);

/* Processors that this process may use at a time: its affinity, or the quota of its control groups
 * rounded up; at least 1. */
size_t bl_os_processors(void);

/* The lowest limit of the groups named in a file like /proc/self/cgroup, in a tree like
 * /sys/fs/cgroup of version 1 or 2, in bytes or processors; UINT64_MAX without any. */
uint64_t bl_cgroup_memory(const char *groups, const char *root);
uint64_t bl_cgroup_cpus(const char *groups, const char *root);

/* Bytes that may still be written to the file system of a folder; UINT64_MAX when not known. */
uint64_t bl_os_disk_free(const char *path);

void bl_os_sleep(double seconds); /* or until a signal comes */
double bl_clock_seconds(void);    /* monotonic */
double bl_clock_wall(void);       /* seconds since 1970 */
uint64_t bl_os_entropy(void);     /* 64 random bits of the system */

#endif
