/* Devices, asked by a process of their own, which a driver may hang or end. */
#include "doctor_devices.h"
#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PREFIX "libbitllama_"
#define SUFFIX ".so"

/* ---- the process that asks ---- */

typedef struct asking {
    int to;
    unsigned seconds;
} asking;

/* One write of less than PIPE_BUF bytes arrives whole; a device without a name is the end. */
static void send_device(void *user, const bl_device_info *d)
{
    const asking *a = user;
    bl_asked_device told = {.memory_bytes = d->memory_bytes, .usable = d->usable};
    (void)snprintf(told.name, sizeof told.name, "%s", d->name);
    (void)snprintf(told.text, sizeof told.text, "%s", d->text);
    if (write(a->to, &told, sizeof told) != (ssize_t)sizeof told)
        _exit(1);
    (void)alarm(a->seconds + 1);
}

/* Ends by itself, also when nobody waits for it any more. */
static void ask(int to, unsigned seconds)
{
    asking a = {to, seconds};
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGALRM, SIG_DFL);
    (void)dup2(STDERR_FILENO, STDOUT_FILENO); /* a driver may print */
    (void)alarm(seconds + 1);
    if (bl_devices(send_device, &a, NULL) != BL_OK)
        _exit(1);
    send_device(&a, &(bl_device_info){.name = "", .text = ""});
    _exit(0);
}

/* ---- the one that waits ---- */

static bl_status add(bl_asked *asked, const bl_asked_device *device, bl_error *err)
{
    if (asked->count == asked->cap) {
        size_t cap = asked->cap ? 2 * asked->cap : 16;
        bl_asked_device *more = realloc(asked->device, cap * sizeof *more);
        if (!more)
            return bl_cli_fail(err, BL_ENOMEM, "out of memory");
        asked->device = more;
        asked->cap = cap;
    }
    asked->device[asked->count++] = *device;
    return BL_OK;
}

/* Did it end within the time?  One that a driver holds in the kernel may not, even when killed. */
static int reap(pid_t pid, int *how, double seconds)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    for (double waited = 0; waited <= seconds; waited += 0.01) {
        pid_t ended = waitpid(pid, how, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR))
            return ended == pid;
        (void)nanosleep(&pause, NULL);
    }
    return 0;
}

/* Reads devices until there are no more, or too long none: 1 at the end, 0 at an early one, -1 when
 * none came in time. */
static int listen_to(int from, unsigned seconds, bl_asked *asked, bl_status *status, bl_error *err)
{
    struct pollfd source = {.fd = from, .events = POLLIN};
    bl_asked_device told;
    for (;;) {
        int ready = poll(&source, 1, (int)(1000 * seconds));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return -1;
        ssize_t n = read(from, &told, sizeof told);
        if (n < 0 && errno == EINTR)
            continue;
        if (n != (ssize_t)sizeof told)
            return 0;
        if (!*told.name)
            return 1;
        *status = add(asked, &told, err);
        if (*status != BL_OK)
            return 1;
    }
}

static void note_trouble(bl_asked *asked, pid_t pid, int end, unsigned seconds)
{
    int how = 0, ended = end >= 0 && reap(pid, &how, 2);
    if (!ended) {
        (void)kill(pid, SIGKILL);
        (void)reap(pid, &how, 1);
    }
    if (end > 0)
        return;
    if (ended && WIFSIGNALED(how))
        (void)snprintf(asked->trouble, sizeof asked->trouble,
                       "it crashed when it was asked: signal %d, %s", WTERMSIG(how),
                       strsignal(WTERMSIG(how)));
    else if (ended)
        (void)snprintf(asked->trouble, sizeof asked->trouble,
                       "it ended the process that asked it, with exit code %d", WEXITSTATUS(how));
    else
        (void)snprintf(asked->trouble, sizeof asked->trouble, "it did not answer within %u s",
                       seconds);
}

bl_status bl_asked_begin(bl_asked *asked, unsigned seconds, bl_error *err)
{
    int ends[2];
    bl_status status = BL_OK;
    *asked = (bl_asked){0};
    (void)fflush(NULL);
    int made = pipe(ends) == 0;
    pid_t pid = made ? fork() : -1;
    if (pid == 0) {
        (void)close(ends[0]);
        ask(ends[1], seconds);
    }
    if (pid < 0)
        (void)snprintf(asked->trouble, sizeof asked->trouble, "no process to ask it: %s",
                       strerror(errno));
    if (made)
        (void)close(ends[1]);
    if (pid > 0) {
        int end = listen_to(ends[0], seconds, asked, &status, err);
        note_trouble(asked, pid, end, seconds);
    }
    if (made)
        (void)close(ends[0]);
    return status;
}

void bl_asked_release(bl_asked *asked)
{
    free(asked->device);
    *asked = (bl_asked){0};
}

/* ---- of which nothing was told ---- */

/* The name in "FOLDER/libbitllama_NAME.so". */
static void name_of(const char *plugin, char *name, size_t cap)
{
    const char *slash = strrchr(plugin, '/');
    const char *begin = (slash ? slash + 1 : plugin) + sizeof PREFIX - 1;
    (void)snprintf(name, cap, "%.*s", (int)(strlen(begin) - (sizeof SUFFIX - 1)), begin);
}

static int was_told(const bl_asked *asked, const char *name)
{
    for (size_t i = 0; i < asked->count; i++)
        if (strcmp(asked->device[i].name, name) == 0)
            return 1;
    return 0;
}

bl_status bl_asked_complete(bl_asked *asked, const char *const *plugins, size_t count,
                            bl_error *err)
{
    char first[sizeof asked->device->name] = "";
    bl_status status = BL_OK;
    for (size_t i = 0; *asked->trouble && i < count && status == BL_OK; i++) {
        bl_asked_device d = {.usable = 0};
        name_of(plugins[i], d.name, sizeof d.name);
        if (was_told(asked, d.name))
            continue;
        if (*first)
            (void)snprintf(d.text, sizeof d.text, "not asked, because of %s", first);
        else
            (void)snprintf(d.text, sizeof d.text, "%.300s: %s", plugins[i], asked->trouble);
        if (!*first)
            (void)snprintf(first, sizeof first, "%s", d.name);
        status = add(asked, &d, err);
    }
    return status;
}
