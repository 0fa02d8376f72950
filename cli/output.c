/* What a command makes: text on stdout, checked, and files that appear whole or not at all. */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bl_status stdout_failed(int error, bl_error *err)
{
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

bl_status bl_output_end(bl_error *err)
{
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

void bl_output_json_text(FILE *stream, const char *text, size_t bytes)
{
    fputc('"', stream);
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            fprintf(stream, "\\%c", c);
        else if (c == '\n')
            fputs("\\n", stream);
        else if (c < 0x20 || c == 0x7f)
            fprintf(stream, "\\u%04x", c);
        else
            fputc(c, stream);
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

bl_status bl_output_open(bl_output_file *f, const char *path, bl_error *err)
{
    struct stat info;
    *f = (bl_output_file){.path = path};
    if (strcmp(path, "-") == 0) {
        f->path = "standard output";
        f->stream = stdout;
        return BL_OK;
    }
    int exists = stat(path, &info) == 0;
    if (exists && S_ISDIR(info.st_mode))
        return cannot_write(path, EISDIR, err);
    if (exists && !S_ISREG(info.st_mode)) {
        f->stream = fopen(path, "wb");
        return f->stream ? BL_OK : cannot_write(path, errno, err);
    }
    size_t bytes = strlen(path) + 32;
    f->temporary = malloc(bytes);
    if (!f->temporary)
        return bl_cli_fail(err, BL_ENOMEM, "out of memory");
    (void)snprintf(f->temporary, bytes, "%s.tmp-%ld", path, (long)getpid());
    int fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    f->stream = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!f->stream) {
        int error = errno;
        if (fd >= 0) {
            (void)close(fd);
            (void)unlink(f->temporary);
        }
        free(f->temporary);
        f->temporary = NULL;
        return cannot_write(path, error, err);
    }
    return BL_OK;
}

bl_status bl_output_append(bl_output_file *f, const void *data, size_t bytes, bl_error *err)
{
    errno = 0;
    return fwrite(data, 1, bytes, f->stream) == bytes ? BL_OK : cannot_write(f->path, errno, err);
}

bl_status bl_output_finish(bl_output_file *f, bl_error *err)
{
    errno = 0;
    int failed = fflush(f->stream) != 0 || ferror(f->stream) ||
                 (f->temporary && fsync(fileno(f->stream)) != 0);
    int error = errno;
    if (f->stream != stdout && fclose(f->stream) != 0 && !failed) {
        failed = 1;
        error = errno;
    }
    f->stream = NULL;
    if (!failed && f->temporary && rename(f->temporary, f->path) != 0) {
        failed = 1;
        error = errno;
    }
    if (failed)
        return cannot_write(f->path, error, err);
    free(f->temporary);
    f->temporary = NULL;
    return BL_OK;
}

void bl_output_abandon(bl_output_file *f)
{
    if (f->stream && f->stream != stdout)
        (void)fclose(f->stream);
    f->stream = NULL;
    if (f->temporary) {
        (void)unlink(f->temporary);
        free(f->temporary);
        f->temporary = NULL;
    }
}
