/* Large files sent to where the Hub keeps them: the batch API of Git LFS, with addresses that are
 * signed. */
#ifndef BL_HUB_LFS_H
#define BL_HUB_LFS_H

#include "hub/upload.h"

/* Sends those of u's files that are large, are not "same", and are not there yet. */
bl_status bl_hub_send_large(const bl_hub *hub, bl_hub_upload *u, bl_error *err) BL_NODISCARD;

#endif
