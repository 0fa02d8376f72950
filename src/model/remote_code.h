/* The model in PyTorch, python/bitllama/hf: the files that transformers loads from an export. */
#ifndef BL_MODEL_REMOTE_CODE_H
#define BL_MODEL_REMOTE_CODE_H

#include <stddef.h>

enum { BL_REMOTE_FILES = 2 };

typedef struct bl_remote_file {
    const char *name;
    const unsigned char *bytes;
    size_t size;
} bl_remote_file;

/* Written by the build (cmake/remote_code.cmake). */
extern const bl_remote_file bl_remote_files[BL_REMOTE_FILES];

#endif
