/* Earlier lines, to be recalled, and the private file that keeps them. */
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

size_t bl_chat_history_count(const bl_chat_history *h)
{
    HistEvent event;
    return history(h->lines, &event, H_GETSIZE) >= 0 && event.num > 0 ? (size_t)event.num : 0;
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

/* The lines as libedit writes them, into a file without a name: it wants a descriptor. */
static FILE *print_lines(bl_chat_history *h)
{
    HistEvent event;
    FILE *stream = tmpfile();
    if (!stream)
        return NULL;
    if (history(h->lines, &event, H_SAVE_FP, stream) >= 0 && fflush(stream) == 0 &&
        !ferror(stream) && fseek(stream, 0, SEEK_SET) == 0)
        return stream;
    (void)fclose(stream);
    return NULL;
}

/* A new file is for the owner alone, and what replaces it keeps that. */
static bl_status save(bl_chat_history *h, bl_error *err)
{
    char piece[4096];
    bl_out *out;
    make_folders(h);
    int fd = open(h->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)close(fd);
    FILE *lines = print_lines(h);
    if (!lines)
        return bl_cli_fail(err, BL_EIO, "no temporary file: %s", strerror(errno));
    bl_status status = bl_out_open(&out, h->path, err);
    if (status == BL_OK) {
        for (size_t n; (n = fread(piece, 1, sizeof piece, lines)) > 0;)
            bl_out_write(out, piece, n);
        status = bl_out_commit(out, err);
    }
    (void)fclose(lines);
    return status;
}

void bl_chat_history_close(bl_chat_history *h)
{
    if (!h)
        return;
    bl_error why;
    if (h->changed && *h->path && save(h, &why) != BL_OK)
        bl_progress_print("the history is not kept: %s", why.message);
    history_end(h->lines);
    free(h);
}
