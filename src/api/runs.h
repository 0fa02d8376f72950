/* Which runs were trained on a data folder: a list in it, so that nobody replaces it unawares. */
#ifndef BL_API_RUNS_H
#define BL_API_RUNS_H

#include "data/tokens.h"

/* Notes the run in the folder's list.  If the folder cannot be written to, it does nothing and does
 * not fail. */
void bl_runs_note(const char *data_dir, const char *run_dir);

/* May the folder's data become that of `meta`?  BL_EINVAL names a run that was trained on the
 * present data, still exists, and could not be resumed on other tokens. */
bl_status bl_runs_check(const char *data_dir, const bl_data_meta *meta, bl_error *err) BL_NODISCARD;

#endif
