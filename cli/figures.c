/* Numbers as people read them. */
#include "figures.h"

#include <stdio.h>
#include <string.h>

bl_short bl_format_count(uint64_t n)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    bl_short s = {{0}};
    char *to = s.text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = 0;
    return s;
}

bl_short bl_format_scaled(double value)
{
    static const char unit[] = {0, 'k', 'M', 'G', 'T', 'P'};
    size_t u = 0;
    while (value >= 999.5 && u + 1 < sizeof unit) {
        value /= 1000;
        u++;
    }
    int digits = u == 0 && value >= 100 ? 0 : value < 10 ? 2 : value < 100 ? 1 : 0;
    bl_short s;
    (void)snprintf(s.text, sizeof s.text - 1, "%.*f", digits, value);
    size_t length = strlen(s.text);
    s.text[length] = unit[u];
    s.text[length + 1] = 0;
    return s;
}

bl_short bl_format_rate(double n, double seconds)
{
    return n > 0 && seconds > 0 ? bl_format_scaled(n / seconds) : (bl_short){"-"};
}

bl_short bl_format_duration(double seconds)
{
    bl_short s;
    if (!(seconds >= 0 && seconds < 1e8)) {
        (void)snprintf(s.text, sizeof s.text, "?");
        return s;
    }
    unsigned long total = (unsigned long)(seconds + 0.5);
    unsigned long hours = total / 3600, minutes = total / 60 % 60;
    if (hours)
        (void)snprintf(s.text, sizeof s.text, "%lu:%02lu:%02lu", hours, minutes, total % 60);
    else
        (void)snprintf(s.text, sizeof s.text, "%02lu:%02lu", minutes, total % 60);
    return s;
}
