/* What two sequences have learned, in one (MODEL 3.10). */
#ifndef BL_INFER_MEMORY_MERGE_H
#define BL_INFER_MEMORY_MERGE_H

#include "infer/sequence.h"

/* bl_session_merge().  After BL_ENOMEM or BL_EINVAL s is as it was, but that it may have a base of
 * its own equal to where the model begins; after BL_EDEVICE it can only be started again. */
bl_status bl_sequence_merge(bl_sequence *s, const bl_net *net, const bl_sequence *other,
                            double weight, bl_error *err) BL_NODISCARD;

#endif
