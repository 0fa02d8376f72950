/* How a line of chat may go on: commands, and what they take. */
#include "chat_complete.h"
#include "chat.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096 };

static void complete_commands(const char *begun, bl_candidates *c)
{
    c->from = 1;
    for (const bl_term *t = bl_chat_terms; t->word; t++) {
        char name[64];
        const char *word = t->word + 1;
        size_t bytes = strcspn(word, " ");
        (void)snprintf(name, sizeof name, "%.*s", (int)bytes, word);
        if (strncmp(name, begun, strlen(begun)) == 0)
            bl_candidates_add(c, "", name, "");
    }
}

/* The folder that is read, and how it stands in the line; 0: none. */
static int find_folder(const char *begun, size_t bytes, char folder[PATH_BYTES])
{
    const char *home = getenv("HOME");
    int n = strncmp(begun, "~/", 2) == 0 && home && *home == '/'
                ? snprintf(folder, PATH_BYTES, "%s/%.*s", home, (int)bytes - 2, begun + 2)
                : snprintf(folder, PATH_BYTES, "%.*s", (int)bytes, begun);
    return n >= 0 && n < PATH_BYTES;
}

/* Names of a folder that begin like the last part of a path.  Hidden ones have to be asked for. */
static void complete_files(const char *begun, bl_candidates *c)
{
    char folder[PATH_BYTES], path[PATH_BYTES];
    const char *slash = strrchr(begun, '/'), *part = slash ? slash + 1 : begun;
    if (!find_folder(begun, (size_t)(part - begun), folder))
        return;
    DIR *all = opendir(*folder ? folder : ".");
    c->shown = strlen(folder);
    for (struct dirent *one; all && (one = readdir(all));) {
        struct stat info;
        const char *name = one->d_name;
        if (strncmp(name, part, strlen(part)) != 0 || (*name == '.' && *part != '.') ||
            strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        int n = snprintf(path, sizeof path, "%s%s", folder, name);
        int is_folder = n > 0 && n < PATH_BYTES && stat(path, &info) == 0 && S_ISDIR(info.st_mode);
        bl_candidates_add(c, folder, name, is_folder ? "/" : "");
    }
    if (all)
        (void)closedir(all);
    c->goes_on = c->count == 1 && c->word[0][strlen(c->word[0]) - 1] == '/';
}

static void complete_options(const char *begun, bl_candidates *c)
{
    if (strchr(begun, ' ')) /* its value */
        return;
    for (size_t i = 0; i < bl_options_count(BL_OPTIONS_GENERATE); i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "%s", bl_options_field(BL_OPTIONS_GENERATE, i)->name);
        for (char *letter = name; *letter; letter++) /* as flags are written */
            *letter = *letter == '_' ? '-' : *letter;
        if (strncmp(name, begun, strlen(begun)) == 0)
            bl_candidates_add(c, "", name, "");
    }
}

/* What an argument is called in bl_chat_terms, and what completes it. */
static const struct {
    const char *name;
    void (*complete)(const char *begun, bl_candidates *c);
} kinds[] = {
    {"FILE", complete_files},
    {"OPTION", complete_options},
};

void bl_chat_complete(const char *line, bl_candidates *c)
{
    size_t name = strcspn(line, " \t"), bytes = strlen(line);
    if (*line != '/' || line[1] == '/')
        return;
    if (name == bytes) {
        complete_commands(line + 1, c);
        return;
    }
    c->from = name + strspn(line + name, " \t");
    for (const bl_term *t = bl_chat_terms; t->word; t++) {
        size_t length = strcspn(t->word, " ");
        if (length != name || memcmp(t->word, line, name) != 0)
            continue;
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (strstr(t->word + length, kinds[i].name)) {
                kinds[i].complete(line + c->from, c);
                return;
            }
    }
}
