/* Files: read at an offset or whole, written whole or not at all, or growing by records.
 *
 * All that is POSIX lives behind headers like this one.  Paths are UTF-8 and relative to the
 * working directory.  Messages name the path. */
#ifndef BL_CORE_FILE_H
#define BL_CORE_FILE_H

#include "core/status.h"

/* A regular file, or one in memory (core/held.h), read at any offset.  Nothing is mapped: a file cut short by another process is an
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
    int held; /* it is somebody else's memory */
} bl_map;
#define BL_MAP_MOST ((uint64_t)1 << 28)

bl_status bl_map_open(bl_map *m, const char *path, bl_error *err) BL_NODISCARD;
void bl_map_close(bl_map *m);

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

#endif
