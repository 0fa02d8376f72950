/* CRC-32C: the remainder of a message by the polynomial 0x1EDC6F41 over GF(2). */
#include "core/crc32c.h"

/* The polynomial with its bits reversed, because bytes are sent with their lowest bit first. */
static const uint32_t polynomial = 0x82F63B78u;

uint32_t bl_crc32c(const void *bytes, size_t n)
{
    const unsigned char *at = bytes;
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < n; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
    }
    return ~crc;
}
