/* Damages a file from a seed, and watches a program that reads it; cuts weights into shards.
 *
 * damage hurt FILE SEED [OTHER...]
 *   in place; OTHER: files that may stand in its place, or in half of it
 *
 * damage manifest FOLDER
 *   writes a checkpoint's MANIFEST again, so that the damage is read
 *
 * damage watch SECONDS MEGABYTES COMMAND...
 *   prints "EXIT ERRORS MEGABYTES": its exit code (signals as 128 + number, 99 after SECONDS), how
 *   many lines of its stderr say "error:", and its largest resident size; then the first of these
 *   lines.  Exit 1 when any of this is not as documented.
 *
 * damage split FOLDER SHARDS
 *   puts that many shards and their index in the place of FOLDER/model.safetensors */
#define _GNU_SOURCE /* wait4 */
#include "core/rng.h"
#include "format/shards.h"
#include "train/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 1 << 22, HEAD = 4096, LATE = 99 };

static struct {
    unsigned char at[2 * MOST];
    size_t size;
    uint64_t seed, draws;
} file;

static _Noreturn void give_up(const char *what)
{
    perror(what);
    exit(2);
}

static size_t below(size_t n)
{
    return n ? (size_t)bl_rng_below(file.seed, 0, file.draws++, n) : 0;
}

/* Headers are where it hurts: half of all places are near the beginning. */
static size_t place(void)
{
    return below(below(2) && file.size > HEAD ? HEAD : file.size);
}

static size_t load(const char *path, unsigned char *to, size_t cap)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        give_up(path);
    size_t n = fread(to, 1, cap, f);
    (void)fclose(f);
    return n;
}

/* ---- kinds of damage ---- */

static void replace(size_t at, size_t old, const void *with, size_t bytes)
{
    if (file.size - old + bytes > sizeof file.at)
        return;
    memmove(file.at + at + bytes, file.at + at + old, file.size - at - old);
    memcpy(file.at + at, with, bytes);
    file.size += bytes - old;
}

/* The length of a range from here: mostly short. */
static size_t length(size_t at)
{
    size_t rest = file.size - at, most = below(2) ? 16 : below(2) ? 256 : rest;
    return rest ? 1 + below(most < rest ? most : rest) : 0;
}

static void flip_bits(void)
{
    for (size_t n = 1 + below(8); n && file.size; n--)
        file.at[place()] ^= (unsigned char)(1u << below(8));
}

static void set_bytes(void)
{
    static const unsigned char extreme[] = {0, 1, 0x7F, 0x80, 0xFE, 0xFF, '"', '{', '\\', '\n'};
    for (size_t n = 1 + below(4); n && file.size; n--)
        file.at[place()] = extreme[below(sizeof extreme)];
}

static void cut(void)
{
    file.size = place();
}

static void take_out(void)
{
    size_t at = place();
    replace(at, length(at), "", 0);
}

static void repeat(void)
{
    static unsigned char copy[2 * MOST];
    size_t at = place(), n = length(at);
    memcpy(copy, file.at + at, n);
    replace(below(2) ? at : place(), 0, copy, n);
}

/* A binary number becomes an extreme one: a length, an offset, a weight. */
static void set_word(void)
{
    static const uint64_t extreme[] = {
        0,          1,          7,          8,          100000000,
        INT32_MAX,  UINT32_MAX, INT64_MAX,  UINT64_MAX, (uint64_t)1 << 63,
        0x7F800000, 0x7FC00000, 0xFF7FFFFF, 0x7F7FFFFF};
    uint64_t word = extreme[below(sizeof extreme / sizeof *extreme)];
    size_t bytes = below(2) ? 8 : 4, at = below(3) ? place() & ~(size_t)3 : 0;
    if (file.size >= bytes && at <= file.size - bytes)
        memcpy(file.at + at, &word, bytes);
}

/* The first run of these characters from a drawn place on. */
static int find_run(const char *of, size_t *at, size_t *bytes)
{
    size_t start = place();
    while (start < file.size && !(file.at[start] && strchr(of, file.at[start])))
        start++;
    *at = start;
    while (start < file.size && file.at[start] && strchr(of, file.at[start]))
        start++;
    *bytes = start - *at;
    return *bytes > 0;
}

static void set_number(void)
{
    static const char *const extreme[] = {"0",
                                          "-1",
                                          "1",
                                          "2",
                                          "63",
                                          "65535",
                                          "65536",
                                          "1048577",
                                          "2147483647",
                                          "2147483648",
                                          "4294967296",
                                          "9223372036854775807",
                                          "9223372036854775808",
                                          "18446744073709551616",
                                          "1e308",
                                          "1e999",
                                          "-1e999",
                                          "1e-320",
                                          "0.5",
                                          "-0",
                                          "NaN",
                                          "null",
                                          "true",
                                          "\"\"",
                                          "\"x\"",
                                          "[]",
                                          "{}",
                                          "[[[[[[[[",
                                          "00",
                                          ""};
    const char *with = extreme[below(sizeof extreme / sizeof *extreme)];
    size_t at, bytes;
    if (find_run("0123456789.", &at, &bytes))
        replace(at, bytes, with, strlen(with));
}

/* A word takes the place of another: keys given twice, types that are others. */
static void move_word(void)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    unsigned char word[64];
    size_t from, n, at, bytes;
    if (!find_run(letters, &from, &n))
        return;
    n = n < sizeof word ? n : sizeof word;
    memcpy(word, file.at + from, n);
    if (find_run(letters, &at, &bytes))
        replace(at, bytes, word, n);
}

static void put_noise(void)
{
    unsigned char noise[64];
    size_t n = 1 + below(sizeof noise);
    for (size_t i = 0; i < n; i++)
        noise[i] = (unsigned char)below(256);
    replace(below(2) ? place() : file.size, 0, noise, n);
}

static void put_other(const char *path)
{
    static unsigned char other[MOST];
    size_t n = load(path, other, sizeof other), at = below(2) ? 0 : place();
    size_t from = below(2) || !n ? 0 : below(n);
    replace(at, file.size - at, other + from, n - from);
}

static int hurt(const char *path, const char *seed, char *const *others, size_t count)
{
    static void (*const kinds[])(void) = {flip_bits, set_bytes,  cut,        take_out,  repeat,
                                          set_word,  set_number, set_number, move_word, put_noise};
    file.seed = strtoull(seed, NULL, 10);
    file.size = load(path, file.at, MOST);
    if (count && below(10) == 0) {
        put_other(others[below(count)]);
    } else {
        for (size_t n = 1 + below(3); n; n--)
            kinds[below(sizeof kinds / sizeof *kinds)]();
    }
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(file.at, 1, file.size, f) != file.size || fclose(f) != 0)
        give_up(path);
    return 0;
}

static int manifest(const char *dir)
{
    static const char *const files[] = {"model.safetensors", "optimizer.safetensors", "state.json"};
    bl_error err;
    if (bl_manifest_write(dir, files, 3, &err) == BL_OK)
        return 0;
    (void)fprintf(stderr, "%s\n", err.message);
    return 2;
}

/* ---- watching ---- */

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* What the program says on stderr, as far as there is room; 0 when it is not done in time. */
static int listen(int fd, double seconds, char *said, size_t cap)
{
    size_t n = 0;
    char spill[4096];
    for (double end = now() + seconds; now() < end;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 100) <= 0)
            continue;
        int full = n == cap - 1;
        ssize_t got = read(fd, full ? spill : said + n, full ? sizeof spill : cap - 1 - n);
        if (got <= 0)
            return 1;
        n += full ? 0 : (size_t)got;
        said[n] = 0;
    }
    return 0;
}

static _Noreturn void begin(int fd, char **command)
{
    int none = open("/dev/null", O_RDWR);
    if (none < 0 || dup2(none, 0) < 0 || dup2(none, 1) < 0 || dup2(fd, 2) < 0)
        _exit(126);
    (void)execvp(command[0], command);
    _exit(127);
}

static int judge(int code, int errors, long megabytes, long most, const char *said)
{
    const char *line = strstr(said, "error:");
    (void)printf("%d %d %ld %.*s\n", code, errors, megabytes, line ? (int)strcspn(line, "\r\n") : 0,
                 line ? line : "");
    int fine = code >= 0 && code <= 7 && errors == (code > 1) && megabytes <= most;
    return fine ? 0 : 1;
}

static int watch(double seconds, long most, char **command)
{
    static char said[1 << 20];
    int fd[2], status = 0, errors = 0;
    if (pipe(fd) != 0)
        give_up("pipe");
    pid_t child = fork();
    if (child < 0)
        give_up("fork");
    if (child == 0)
        begin(fd[1], command);
    (void)close(fd[1]);
    int done = listen(fd[0], seconds, said, sizeof said);
    if (!done)
        (void)kill(child, SIGKILL);
    struct rusage used;
    if (wait4(child, &status, 0, &used) != child)
        give_up("wait4");
    for (const char *at = said; (at = strstr(at, "error:")) != NULL; at += strcspn(at, "\r\n"))
        errors++;
    int code = !done ? LATE : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return judge(code, errors, used.ru_maxrss / 1024, most, said);
}

/* ---- shards ---- */

static void must(bl_status status, const bl_error *err)
{
    if (status == BL_OK)
        return;
    (void)fprintf(stderr, "%s\n", err->message);
    exit(2);
}

/* Tensors number shard, shard + shards, ...: the order of a file is not that of its neighbour. */
static void write_shard(const bl_st *st, const char *path, size_t shard, size_t shards)
{
    bl_st_writer *w;
    bl_error err;
    must(bl_st_writer_open(&w, path, &err), &err);
    for (size_t i = 0; i < bl_st_metadata_count(st); i++) {
        const char *key = bl_st_metadata_key(st, i);
        must(bl_st_writer_metadata(w, key, bl_st_metadata(st, key), &err), &err);
    }
    for (size_t i = shard; i < bl_st_count(st); i += shards) {
        const bl_st_tensor *t = bl_st_at(st, i);
        must(bl_st_writer_declare(w, t->name, t->dtype, t->rank, t->shape, &err), &err);
    }
    for (size_t i = shard; i < bl_st_count(st); i += shards) {
        const bl_st_tensor *t = bl_st_at(st, i);
        size_t bytes = t->count * bl_dtype_bytes(t->dtype);
        for (size_t at = 0, n; at < bytes; at += n) {
            n = bytes - at < MOST ? bytes - at : MOST;
            must(bl_st_read(t, at, n, file.at, &err), &err);
            must(bl_st_writer_data(w, file.at, n, &err), &err);
        }
    }
    must(bl_st_writer_commit(w, &err), &err);
}

static int split(const char *folder, size_t shards)
{
    bl_error err;
    bl_st *st;
    char name[64];
    if (chdir(folder) != 0)
        give_up(folder);
    must(bl_st_open(&st, BL_WEIGHTS_FILE, &err), &err);
    FILE *index = fopen(BL_WEIGHTS_INDEX, "w");
    if (!index)
        give_up(BL_WEIGHTS_INDEX);
    (void)fprintf(index, "{\n  \"metadata\": {},\n  \"weight_map\": {");
    for (size_t k = 0; k < shards; k++) {
        (void)snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", k + 1, shards);
        write_shard(st, name, k, shards);
        for (size_t i = k; i < bl_st_count(st); i += shards)
            (void)fprintf(index, "%s\n    \"%s\": \"%s\"", i ? "," : "", bl_st_at(st, i)->name,
                          name);
    }
    (void)fprintf(index, "\n  }\n}\n");
    if (fclose(index) != 0 || remove(BL_WEIGHTS_FILE) != 0)
        give_up(folder);
    bl_st_close(st);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "split") == 0)
        return split(argv[2], strtoul(argv[3], NULL, 10));
    if (argc >= 4 && strcmp(argv[1], "hurt") == 0)
        return hurt(argv[2], argv[3], argv + 4, (size_t)argc - 4);
    if (argc == 3 && strcmp(argv[1], "manifest") == 0)
        return manifest(argv[2]);
    if (argc >= 5 && strcmp(argv[1], "watch") == 0)
        return watch(strtod(argv[2], NULL), strtol(argv[3], NULL, 10), argv + 4);
    (void)fprintf(stderr, "see the first lines of damage.c\n");
    return 2;
}
