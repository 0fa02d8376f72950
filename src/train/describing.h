/* Which of its data folders a run takes its description from. */
#ifndef BL_TRAIN_DESCRIBING_H
#define BL_TRAIN_DESCRIBING_H

#include "data/corpora.h"

/* The folder whose tokenizer_config.json the run gets: the first of conversations, else the first
 * that has a chat template, else the first; NULL: there is none.  BL_EINVAL: conversations of two folders were written by
 * different templates, which the run could not keep apart; errors of reading the files. */
bl_status bl_describing_folder(const char **dir, const bl_corpora *data,
                               bl_error *err) BL_NODISCARD;

#endif
