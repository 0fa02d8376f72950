/* The parts of a corpus: the files of folders in bytewise order, files, pipes, "tales".
 *
 * Left out of folders are hidden files, what this program wrote there itself (all of a data folder,
 * run or model below the folder named; of one that is named itself, its files of that kind), and
 * the folder being written. */
#ifndef BL_CORPUS_LISTING_H
#define BL_CORPUS_LISTING_H

#include "corpus/stream.h"

typedef enum bl_part_kind { BL_PART_TALES, BL_PART_FILE, BL_PART_PIPE } bl_part_kind;

typedef struct bl_part {
    bl_part_kind kind;
    char *path;
    uint64_t bytes;    /* for progress */
    bl_stream *stream; /* of a pipe, open from the start */
    int found;         /* found in a folder, not named */
    int passed;        /* passed over: it is not text */
    int aside;         /* as bl_source_aside() */
    int seen;          /* the pipe's end was seen */
} bl_part;

typedef struct bl_listing {
    bl_part *parts;
    size_t count, cap;
    size_t ours;         /* files and folders left out because this program wrote them */
    const char *glob;    /* as in bl_source_options; NULL: all files */
    const char *writing; /* the folder being written, or NULL */
    const char *keep;    /* for pipes */
} bl_listing;

/* Adds a file, a folder's files, a pipe, "-" or "tales" (of tales_bytes).
 * BL_ENOENT, BL_EIO, BL_ENOMEM, BL_EFORMAT; BL_EINVAL for "-" given twice. */
bl_status bl_listing_add(bl_listing *l, const char *name, uint64_t tales_bytes,
                         bl_error *err) BL_NODISCARD;
void bl_listing_release(bl_listing *l);

#endif
