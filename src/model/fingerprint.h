/* The fingerprint of a model: which function it computes, in 32 hexadecimal digits. */
#ifndef BL_MODEL_FINGERPRINT_H
#define BL_MODEL_FINGERPRINT_H

#include "model/net.h"

enum { BL_FINGERPRINT = 33 }; /* 32 digits and a 0 */

/* XXH3-128 over the config fields that say what is computed and over every tensor as inference uses
 * it: ternary codes and g of the BitLinear matrices, float32 of the rest.  So a latent model and
 * its packed float32 export have the same fingerprint, on every device.  docs/FORMATS.md has the
 * bytes.  BL_ENOMEM, BL_EDEVICE. */
bl_status bl_net_fingerprint(const bl_net *net, char hex[BL_FINGERPRINT],
                             bl_error *err) BL_NODISCARD;

#endif
