/* Documents of a corpus, one after the other, any number of times.
 *
 * A source is made of parts: "tales" (the story generator; "./tales" is a file), text files,
 * folders (their files, recursively, in bytewise order of the path; corpus/listing.h says which are
 * left out), named pipes and "-" (standard input).  Files may be compressed (corpus/stream.h) and in
 * encodings other than UTF-8 (corpus/file_kind.h); corpus/cutter.h cuts them into documents.  A file
 * that is not text is refused, or skipped in a folder.  What a pipe gives is kept on disk for a
 * second reading, so that no corpus has to fit into memory. */
#ifndef BL_CORPUS_SOURCE_H
#define BL_CORPUS_SOURCE_H

#include "corpus/cutter.h"
#include "corpus/file_kind.h"
#include "format/options.h"

typedef struct bl_source bl_source;

typedef struct bl_source_options {
    const char *glob;     /* files to take from folders; a pattern with a '/' is matched against the
                             path below the folder, any other against the name, both with and
                             without the ending of a compressed file; NULL: all */
    uint64_t tales_bytes; /* text that "tales" gives: whole stories until this is reached */
    uint64_t tales_facts; /* 0: plain stories; else bl_tales_facts() up to this distance */
    uint64_t seed;        /* of tales */
    int cut_by_name; /* names in .jsonl, .ndjson and .json are read as such, the others by `cut`;
                        tables, web pages and similar files are not read */
    bl_cut cut;
    bl_encoding encoding;
    bl_cutter_options cutter; /* all 0: no replacing, no longest document, waits on pipes */
    const char *aside;        /* the part whose documents bl_source_aside() reports; NULL: none */
    const char *keep;         /* folder for what pipes give; NULL: they are read only once */
    const char *writing;      /* folder being written, never read; NULL: none */
} bl_source_options;

/* What was left out of folders, and of JSON without a document. */
typedef struct bl_source_passed {
    uint64_t files;        /* not text */
    uint64_t ours;         /* files and folders that this program wrote */
    const char *first_bad; /* of bl_cutter_counts, its place and fault */
} bl_source_passed;

/* How files are read, from the options of preparing: glob, documents, field, encoding, and the
 * treatment of invalid text.  Points into `o`. */
bl_source_options bl_source_options_of(const bl_prepare_options *o);

/* Lists the files and opens the pipes; nothing is read yet.
 * BL_ENOENT, BL_EIO, BL_ENOMEM; BL_EINVAL for no parts, or "-" given twice. */
bl_status bl_source_open(bl_source **s, const char *const *parts, size_t count,
                         const bl_source_options *options, bl_error *err) BL_NODISCARD;
void bl_source_close(bl_source *s);

/* The next document, valid until the next call; text is NULL after the last.
 * BL_EFORMAT names file and byte when a text is not UTF-8. */
bl_status bl_source_next(bl_source *s, bl_span *document, bl_error *err) BL_NODISCARD;

/* Is <|endoftext|> inside the document just given the special token?  It is where such lines end
 * documents; where documents end otherwise it is text that somebody wrote. */
int bl_source_special(const bl_source *s);

/* Of each byte of the document just given who said it; NULL: it is no conversation. */
const unsigned char *bl_source_said(const bl_source *s);

/* Does the document just given belong to the part `aside`? */
int bl_source_aside(const bl_source *s);

/* Back to the first document, after the last one was seen. */
bl_status bl_source_rewind(bl_source *s, bl_error *err) BL_NODISCARD;

/* Bytes read since the start, and bytes in all (0 when a pipe leaves that open): for progress. */
uint64_t bl_source_done(const bl_source *s);
uint64_t bl_source_total(const bl_source *s);

/* Since the start. */
bl_cutter_counts bl_source_counted(const bl_source *s);
bl_source_passed bl_source_passed_over(const bl_source *s);

#endif
