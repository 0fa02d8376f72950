/* MANIFEST: the size and XXH3-128 of each file of a folder, one line each. */
#ifndef BL_TRAIN_MANIFEST_H
#define BL_TRAIN_MANIFEST_H

#include "core/status.h"

/* Lines of "hash  size  name".  Reads the files back, so what is recorded is what is there. */
bl_status bl_manifest_write(const char *dir, const char *const *files, size_t count,
                            bl_error *err) BL_NODISCARD;

/* BL_OK when MANIFEST lists exactly these files and each has that size and hash; BL_EFORMAT names
 * the first that does not. */
bl_status bl_manifest_verify(const char *dir, const char *const *files, size_t count,
                             bl_error *err) BL_NODISCARD;

#endif
