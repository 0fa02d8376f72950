/* CRC-32C (Castagnoli), the checksum of iSCSI (RFC 3720) and of TFRecord files. */
#ifndef BL_CORE_CRC32C_H
#define BL_CORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of n bytes.  Bit by bit: meant for records of a few hundred bytes. */
uint32_t bl_crc32c(const void *bytes, size_t n);

#endif
