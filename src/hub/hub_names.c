/* Names that the Hub knows: repositories, revisions, files, and how URLs spell them. */
#include "hub/hub_names.h"

#include <string.h>

int bl_hub_is_path(const char *path)
{
    for (const char *part = path;;) {
        size_t n = strcspn(part, "/");
        if (n == 0 || (part[0] == '.' && (n == 1 || (n == 2 && part[1] == '.'))))
            return 0;
        if (!part[n])
            break;
        part += n + 1;
    }
    for (; *path; path++)
        if ((unsigned char)*path < 0x20 || *path == 0x7f || *path == '\\')
            return 0;
    return 1;
}

int bl_hub_is_repo(const char *repo)
{
    const char *slash = strchr(repo, '/');
    size_t n = strspn(repo, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./");
    return bl_hub_is_path(repo) && !repo[n] && n <= 200 && (!slash || !strchr(slash + 1, '/'));
}

int bl_hub_is_commit(const char *text)
{
    return strspn(text, "0123456789abcdef") == BL_HUB_COMMIT_DIGITS && !text[BL_HUB_COMMIT_DIGITS];
}

void bl_hub_put_encoded(bl_buf *url, const char *text, int kept)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    for (; *text; text++)
        if (strchr(plain, *text) || (kept && *text == '/'))
            bl_buf_append(url, text, 1);
        else
            bl_buf_printf(url, "%%%02X", (unsigned char)*text);
}
