/* The lines typed before, for calling back, and the private file that keeps them. */
#include "chat_history.h"
#include "progress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINES_KEPT = 1000, PATH_BYTES = 4096 };

struct bl_chat_history {
    History *lines;
    char path[PATH_BYTES]; /* "" when there is no place for it */
    size_t base;           /* bytes of it that are not ours to make: the home */
    int changed;
};

/* The XDG base directory specification: an absolute XDG_STATE_HOME, or else ~/.local/state. */
static void find_path(bl_chat_history *h)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct stat info;
    int n = 0;
    if (state && *state == '/') {
        n = snprintf(h->path, PATH_BYTES, "%s/bitllama/history", state);
    } else if (home && *home == '/' && stat(home, &info) == 0 && S_ISDIR(info.st_mode)) {
        n = snprintf(h->path, PATH_BYTES, "%s/.local/state/bitllama/history", home);
        h->base = strlen(home);
    }
    if (n <= 0 || n >= PATH_BYTES - 32)
        *h->path = 0;
}

bl_chat_history *bl_chat_history_open(void)
{
    HistEvent event;
    bl_chat_history *h = calloc(1, sizeof *h);
    if (!h || !(h->lines = history_init())) {
        free(h);
        return NULL;
    }
    (void)history(h->lines, &event, H_SETSIZE, LINES_KEPT);
    (void)history(h->lines, &event, H_SETUNIQUE, 1); /* a line twice in a row is kept once */
    find_path(h);
    if (*h->path)
        (void)history(h->lines, &event, H_LOAD, h->path);
    return h;
}

void bl_chat_history_attach(bl_chat_history *h, EditLine *editor)
{
    (void)el_set(editor, EL_HIST, history, h->lines);
}

void bl_chat_history_add(bl_chat_history *h, const char *line)
{
    HistEvent event;
    if (!line[strspn(line, " \t")])
        return;
    (void)history(h->lines, &event, H_ENTER, line);
    h->changed = 1;
}

/* The folders above a file, for the owner alone. */
static void make_folders(const bl_chat_history *h)
{
    char folder[PATH_BYTES];
    (void)snprintf(folder, sizeof folder, "%s", h->path);
    for (char *c = folder + h->base + 1; *c; c++) {
        if (*c != '/')
            continue;
        *c = 0;
        (void)mkdir(folder, 0700); /* it may be there; open() tells what matters */
        *c = '/';
    }
}

static int write_lines(bl_chat_history *h, int fd)
{
    HistEvent event;
    FILE *stream = fdopen(fd, "w");
    if (!stream) {
        (void)close(fd);
        return 0;
    }
    int written = history(h->lines, &event, H_SAVE_FP, stream) >= 0 && !ferror(stream);
    return fclose(stream) == 0 && written;
}

static int save(bl_chat_history *h)
{
    char temporary[PATH_BYTES];
    make_folders(h);
    (void)snprintf(temporary, sizeof temporary, "%.*s.tmp-%ld", PATH_BYTES - 32, h->path,
                   (long)getpid());
    (void)unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return 0;
    if (write_lines(h, fd) && rename(temporary, h->path) == 0)
        return 1;
    int error = errno;
    (void)unlink(temporary);
    errno = error;
    return 0;
}

void bl_chat_history_close(bl_chat_history *h)
{
    if (!h)
        return;
    if (h->changed && *h->path && !save(h))
        bl_progress_print("the history is not kept: cannot write %s: %s", h->path, strerror(errno));
    history_end(h->lines);
    free(h);
}
