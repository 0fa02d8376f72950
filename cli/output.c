/* What a command makes: text on stdout, checked, and files that appear whole or not at all. */
#include "output.h"
#include "terminal.h"
#include "wrap.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int closed; /* the reader of stdout has gone */

static bl_status stdout_failed(int error, bl_error *err)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    closed |= error == EPIPE || (!error && poll(&out, 1, 0) == 1 && (out.revents & POLLERR));
    return bl_cli_fail(err, BL_EIO, "cannot write to standard output: %s",
                       error ? strerror(error) : "write failed");
}

bl_status bl_output_write(const char *text, size_t bytes, bl_error *err)
{
    errno = 0;
    if (fwrite(text, 1, bytes, stdout) != bytes || fflush(stdout) != 0)
        return stdout_failed(errno, err);
    return BL_OK;
}

/* Where the reply stands that is being written; NULL: none, or words are not moved. */
static bl_wrap reply;
static int in_reply;

static bl_status write_reply(const char *text, size_t bytes, bl_error *err)
{
    char moved[4 * BL_WRAP_WORD];
    bl_status status = BL_OK;
    size_t columns = bl_terminal_columns(stdout);
    if (columns != reply.columns)
        bl_wrap_lose(&reply, columns);
    while (status == BL_OK && bytes) {
        size_t taken, made = bl_wrap_text(&reply, text, bytes, moved, sizeof moved, &taken);
        status = bl_output_write(moved, made, err);
        text += taken;
        bytes -= taken;
    }
    return status;
}

/* The beginning of a character, in text for a terminal, whose end has not come yet. */
static struct {
    char bytes[8];
    size_t count;
} unfinished;

/* Shows a piece of text; an unfinished last character waits for the next piece. */
static bl_status show(const char *text, size_t bytes, unsigned flags, bl_error *err)
{
    char shown[4096];
    bl_status status = BL_OK;
    while (status == BL_OK && bytes) {
        size_t taken, made = bl_text_shown(text, bytes, flags, shown, sizeof shown, &taken);
        if (!taken)
            break;
        status = in_reply ? write_reply(shown, made, err) : bl_output_write(shown, made, err);
        text += taken;
        bytes -= taken;
    }
    unfinished.count = status == BL_OK && bytes < sizeof unfinished.bytes ? bytes : 0;
    memcpy(unfinished.bytes, text, unfinished.count);
    return status;
}

bl_status bl_output_text(const char *text, size_t bytes, bl_error *err)
{
    if (!isatty(STDOUT_FILENO))
        return bl_output_write(text, bytes, err);
    /* Byte by byte until the unfinished character is whole, or proves not to be one. */
    while (unfinished.count && bytes) {
        char joined[sizeof unfinished.bytes];
        size_t count = unfinished.count;
        memcpy(joined, unfinished.bytes, count);
        joined[count++] = *text++;
        bytes--;
        bl_status status = show(joined, count, BL_SHOWN_PART, err);
        if (status != BL_OK)
            return status;
    }
    return show(text, bytes, BL_SHOWN_PART, err);
}

void bl_output_reply(int begins)
{
    in_reply = begins && bl_terminal_is(stdout);
    reply = (bl_wrap){.columns = in_reply ? bl_terminal_columns(stdout) : 0};
}

void bl_output_reply_lost(void)
{
    bl_wrap_lose(&reply, reply.columns);
}

bl_status bl_output_end(bl_error *err)
{
    char rest[sizeof unfinished.bytes];
    size_t count = unfinished.count;
    memcpy(rest, unfinished.bytes, count);
    if (count && show(rest, count, 0, err) != BL_OK)
        return err->code;
    errno = 0;
    int failed = fflush(stdout) != 0;
    int error = errno;
    if (failed || ferror(stdout))
        return stdout_failed(error, err);
    /* Some file systems tell a full disk only when the last descriptor is closed. */
    int copy = dup(STDOUT_FILENO);
    if (copy >= 0 && close(copy) != 0)
        return stdout_failed(errno, err);
    return BL_OK;
}

int bl_output_closed(void)
{
    return closed;
}

void bl_output_json_text(FILE *stream, const char *text, size_t bytes)
{
    fputc('"', stream);
    while (bytes) {
        size_t plain = 0, taken;
        char shown[4096];
        while (plain < bytes && text[plain] != '"' && text[plain] != '\\' && text[plain] != '\n')
            plain++;
        for (size_t at = 0; at < plain; at += taken)
            (void)fwrite(shown, 1,
                         bl_text_shown(text + at, plain - at, BL_SHOWN_LINE | BL_SHOWN_JSON, shown,
                                       sizeof shown, &taken),
                         stream);
        if (plain < bytes) {
            fputs(text[plain] == '\n' ? "\\n" : text[plain] == '"' ? "\\\"" : "\\\\", stream);
            plain++;
        }
        text += plain;
        bytes -= plain;
    }
    fputc('"', stream);
}

void bl_output_json_number(FILE *stream, double value)
{
    if (isfinite(value))
        fprintf(stream, "%.9g", value);
    else
        fputs("null", stream);
}

static bl_status cannot_write(const char *path, int error, bl_error *err)
{
    return bl_cli_fail(err, BL_EIO, "cannot write %s: %s", path, strerror(error));
}

/* Written directly: what is neither a file nor a folder, and a name of an open descriptor, though a
 * file may be behind it. */
static int is_straight(const char *path)
{
    static const char *const names[] = {"/dev/fd/", "/dev/stdout", "/dev/stderr", "/proc/"};
    struct stat info;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(path, names[i], strlen(names[i])) == 0)
            return 1;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

bl_status bl_output_open(bl_output_file *f, const char *path, bl_error *err)
{
    *f = (bl_output_file){.path = path};
    if (strcmp(path, "-") == 0) {
        f->path = "standard output";
        f->stream = stdout;
        return BL_OK;
    }
    if (!is_straight(path))
        return bl_out_open(&f->out, path, err);
    f->stream = fopen(path, "wb");
    return f->stream ? BL_OK : cannot_write(path, errno, err);
}

bl_status bl_output_append(bl_output_file *f, const void *data, size_t bytes, bl_error *err)
{
    if (f->out) {
        bl_out_write(f->out, data, bytes);
        return bl_out_check(f->out, err);
    }
    errno = 0;
    return fwrite(data, 1, bytes, f->stream) == bytes ? BL_OK : cannot_write(f->path, errno, err);
}

bl_status bl_output_finish(bl_output_file *f, bl_error *err)
{
    if (f->out) {
        bl_out *out = f->out;
        f->out = NULL;
        return bl_out_commit(out, err);
    }
    errno = 0;
    int failed = fflush(f->stream) != 0 || ferror(f->stream);
    int error = errno;
    if (f->stream != stdout && fclose(f->stream) != 0 && !failed) {
        failed = 1;
        error = errno;
    }
    f->stream = NULL;
    return failed ? cannot_write(f->path, error, err) : BL_OK;
}

void bl_output_abandon(bl_output_file *f)
{
    if (f->stream && f->stream != stdout)
        (void)fclose(f->stream);
    bl_out_abandon(f->out);
    f->stream = NULL;
    f->out = NULL;
}
