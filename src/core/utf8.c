/* UTF-8: the well-formed byte sequences of the Unicode standard, table 3-7. */
#include "core/utf8.h"

#include <string.h>

/* One line of the table: lead bytes, the length, and the bounds of the second byte; all further
 * bytes are 80..BF.  The narrowed bounds keep out overlong forms, surrogates and what lies past
 * U+10FFFF. */
typedef struct lead_class {
    unsigned char first, last, length, low, high;
} lead_class;

static const lead_class lead_classes[] = {
    {0x00, 0x7F, 1, 0x00, 0x00}, {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
    {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF},
    {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

static const lead_class *class_of(unsigned char lead)
{
    for (size_t i = 0; i < sizeof lead_classes / sizeof lead_classes[0]; i++)
        if (lead >= lead_classes[i].first && lead <= lead_classes[i].last)
            return &lead_classes[i];
    return NULL;
}

bl_utf8_kind bl_utf8_look(const char *text, size_t bytes, size_t *used)
{
    const unsigned char *s = (const unsigned char *)text;
    const lead_class *c = class_of(s[0]);
    *used = 1;
    if (!c)
        return BL_UTF8_INVALID;
    for (size_t i = 1; i < c->length; i++) {
        if (i == bytes)
            return BL_UTF8_INCOMPLETE;
        unsigned low = i == 1 ? c->low : 0x80, high = i == 1 ? c->high : 0xBF;
        if (s[i] < low || s[i] > high)
            return BL_UTF8_INVALID;
        *used = i + 1;
    }
    return BL_UTF8_VALID;
}

uint32_t bl_utf8_get(const char *text, size_t *used)
{
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80) {
        *used = 1;
        return s[0];
    }
    size_t length = bl_utf8_length(s[0]);
    uint32_t code = s[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (s[i] & 0x3Fu);
    *used = length;
    return code;
}

size_t bl_utf8_put(uint32_t code, char out[2])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    out[0] = (char)(0xC0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3F));
    return 2;
}

size_t bl_utf8_invalid(const char *text, size_t bytes)
{
    size_t at = 0;
    while (at < bytes) {
        uint64_t eight; /* most text is ASCII: eight bytes at a time without a high bit */
        while (bytes - at >= sizeof eight) {
            memcpy(&eight, text + at, sizeof eight);
            if (eight & UINT64_C(0x8080808080808080))
                break;
            at += sizeof eight;
        }
        size_t used;
        if (at < bytes) {
            if (bl_utf8_look(text + at, bytes - at, &used) != BL_UTF8_VALID)
                return at;
            at += used;
        }
    }
    return bytes;
}
