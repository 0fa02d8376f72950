/* The byte characters of GPT-2. */
#include "text/bytechars.h"
#include "core/utf8.h"

/* The 188 printable bytes 21..7E, A1..AC and AE..FF are themselves; the other 68, in rising order,
 * are the code points from 256 on: 00..20 -> 256..288, 7F..A0 -> 289..322, AD -> 323. */
uint32_t bl_bytechar_of(unsigned char byte)
{
    if (byte <= 0x20)
        return byte + 256u;
    if (byte >= 0x7F && byte <= 0xA0)
        return byte - 0x7Fu + 289u;
    return byte == 0xAD ? 323u : byte;
}

int bl_bytechar_byte(uint32_t code)
{
    if (code >= BL_BYTECHAR_END)
        return -1;
    if (code >= 256)
        return code <= 288 ? (int)code - 256 : code <= 322 ? (int)code - 289 + 0x7F : 0xAD;
    return bl_bytechar_of((unsigned char)code) == code ? (int)code : -1;
}

void bl_bytechar_spell(bl_buf *out, const char *bytes, size_t n)
{
    char *to = bl_buf_reserve(out, 2 * n);
    if (!to)
        return;
    for (size_t i = 0; i < n; i++)
        to += bl_utf8_put(bl_bytechar_of((unsigned char)bytes[i]), to);
    out->len = (size_t)(to - out->data);
    *to = 0;
}

void bl_bytechar_read(bl_buf *out, const char *token, size_t n)
{
    size_t before = out->len, used;
    for (size_t i = 0; i < n; i += used) {
        int byte = bl_bytechar_byte(bl_utf8_get(token + i, &used));
        char c = (char)byte;
        if (byte < 0) {
            out->len = before;
            bl_buf_append(out, token, n);
            return;
        }
        bl_buf_append(out, &c, 1);
    }
}
