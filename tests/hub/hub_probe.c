/* Fetches one file as bl_hub_fetch() does, with short pauses: for the test beside it.
 *
 *   hub_probe REPO FILE [REVISION [PAUSE [TRIES]]] */
#include "core/status.h"
#include "hub/hub.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    stopped = number;
}

static int on_progress(void *user, const char *stage, uint64_t done, uint64_t total,
                       const char *unit)
{
    (void)user, (void)stage, (void)done, (void)total, (void)unit;
    return stopped != 0;
}

static void on_log(void *user, bl_log_level level, const char *line)
{
    (void)user, (void)level;
    fprintf(stderr, "log: %s\n", line);
}

int main(int argc, char **argv)
{
    bl_error err = {BL_OK, ""};
    bl_hub hub;
    bl_buf path;
    if (argc < 3)
        return 2;
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGXFSZ, SIG_IGN);
    bl_log_to(on_log, NULL);
    bl_buf_init(&path);
    bl_status status = bl_hub_open(&hub, on_progress, NULL, &err);
    hub.http.pause = argc > 4 ? strtod(argv[4], NULL) : 0.001;
    if (argc > 5)
        hub.http.tries = (unsigned)strtoul(argv[5], NULL, 10);
    const bl_hub_file f = {.kind = "datasets",
                           .repo = argv[1],
                           .revision = argc > 3 ? argv[3] : "main",
                           .file = argv[2]};
    if (status == BL_OK)
        status = bl_hub_get(&hub, &f, &path, &err);
    if (status == BL_OK)
        printf("%s\n", path.data);
    else
        fprintf(stderr, "error: %s\n", err.message);
    bl_buf_release(&path);
    bl_hub_close(&hub);
    return bl_status_exit_code(status);
}
