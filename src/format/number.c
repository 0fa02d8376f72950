/* Numbers as text, with a decimal point in every locale. */
#include "format/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bl_number_read_u64(const char *text, uint64_t *value)
{
    uint64_t n = 0;
    if (!*text)
        return 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return 0;
        uint64_t digit = (uint64_t)(*text - '0');
        if (n > (UINT64_MAX - digit) / 10)
            return 0;
        n = n * 10 + digit;
    }
    *value = n;
    return 1;
}

/* strtod and printf follow the locale of the program that uses the library, files do not. */
static void exchange(char *text, char from, char to)
{
    char *sign = strchr(text, from);
    if (sign)
        *sign = to;
}

int bl_number_read_real(const char *text, double *value)
{
    char copy[64];
    size_t bytes = strlen(text);
    if (!bytes || bytes >= sizeof copy || strspn(text, "+-.0123456789eE") != bytes)
        return 0;
    memcpy(copy, text, bytes + 1);
    exchange(copy, '.', *localeconv()->decimal_point);
    char *end;
    double parsed = strtod(copy, &end);
    if (end == copy || *end || !isfinite(parsed))
        return 0;
    *value = parsed;
    return 1;
}

/* 1e-06 to 1e-6, 1e+22 to 1e22. */
static void shorten_exponent(char *text)
{
    char *to = strchr(text, 'e');
    if (!to)
        return;
    const char *from = ++to;
    if (*from == '-')
        to++;
    from++; /* printf always writes a sign */
    from += strspn(from, "0");
    memmove(to, from, strlen(from) + 1);
}

void bl_number_write_real(double value, char text[BL_NUMBER_MAX])
{
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(text, BL_NUMBER_MAX, "%.*g", digits, value);
        if (strtod(text, NULL) >= value && strtod(text, NULL) <= value)
            break;
    }
    exchange(text, *localeconv()->decimal_point, '.');
    shorten_exponent(text);
}
