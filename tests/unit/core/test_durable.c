/* What is written, and onto what: links, devices, pipes, private files, planted names, killed
 * writers, two writers at once, folders that change places. */
#include "scratch.h"

#include "core/alloc.h"
#include "core/file.h"
#include "core/lock.h"
#include "core/partial.h"
#include "core/path.h"
#include "train/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static void assert_holds(const char *path, const char *expected)
{
    bl_map map;
    assert_ok(bl_map_open(&map, path, &failure));
    assert_int_equal(map.size, strlen(expected));
    assert_memory_equal(map.data, expected, map.size);
    bl_map_close(&map);
}

static size_t names_in(const char *path)
{
    bl_names names;
    assert_ok(bl_dir_list(&names, path, &failure));
    size_t count = names.count;
    bl_names_release(&names);
    return count;
}

static mode_t mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    return info.st_mode;
}

/* A path that stays valid. */
static const char *lasting(char buffer[700], const char *name)
{
    (void)snprintf(buffer, 700, "%s", scratch(name));
    return buffer;
}

/* A fresh folder. */
static const char *folder(const char *name)
{
    assert_ok(bl_dir_make(scratch(name), &failure));
    return scratch(name);
}

static void refuses(const char *path, const char *why)
{
    mode_t before = mode_of(path);
    assert_int_equal(bl_file_replace(path, "x", 1, &failure), BL_EIO);
    if (!strstr(failure.message, why) || !strstr(failure.message, path))
        fail_msg("%s", failure.message);
    assert_int_equal(mode_of(path), before);
}

static void what_is_no_file(void **state)
{
    (void)state;
    (void)folder("kinds");
    const char *pipe_path = scratch("kinds/pipe"), *bound = scratch("kinds/socket");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(bound) < sizeof address.sun_path);
    memcpy(address.sun_path, bound, strlen(bound) + 1);
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(s, (const struct sockaddr *)&address, sizeof address), 0);
    assert_ok(bl_dir_make(scratch("kinds/dir"), &failure));
    assert_int_equal(symlink("/dev/null", scratch("kinds/null")), 0);
    refuses(pipe_path, "it is a pipe, not a file");
    refuses(bound, "it is a socket, not a file");
    refuses(scratch("kinds/dir"), "it is a folder, not a file");
    refuses(scratch("kinds/null"), "it is a device, not a file");
    refuses("/dev/null", "it is a device, not a file");
    assert_int_equal(bl_file_replace("/proc/self/fd/1", "x", 1, &failure), BL_EIO);
    assert_int_equal(bl_file_replace(scratch("kinds/new/"), "x", 1, &failure), BL_EIO);
    assert_int_equal(bl_file_replace("", "x", 1, &failure), BL_EIO);
    uint64_t size = 0; /* nor does a log or a download wait for somebody to read the pipe */
    assert_int_equal(bl_file_append(pipe_path, &size, "x", 1, &failure), BL_EIO);
    assert_non_null(strstr(failure.message, "a pipe"));
    assert_int_equal(bl_file_append("/dev/null", &size, "x", 1, &failure), BL_EIO);
    bl_partial *partial;
    assert_int_equal(bl_partial_open(&partial, pipe_path, &failure), BL_EIO);
    bl_lock *lock;
    assert_int_equal(bl_lock_open(&lock, pipe_path, &failure), BL_EIO);
    assert_int_equal(bl_path_link("to", pipe_path, &failure), BL_EIO);
    assert_int_equal(names_in(scratch("kinds")), 4);
    (void)close(s);
}

static void links_stay(void **state)
{
    (void)state;
    (void)folder("links/far");
    scratch_write(scratch("links/far/real"), "old", 3);
    assert_int_equal(symlink("far/real", scratch("links/one")), 0);
    assert_int_equal(symlink("one", scratch("links/two")), 0);
    assert_int_equal(symlink("far/not yet", scratch("links/open")), 0);
    assert_int_equal(symlink("round", scratch("links/round")), 0);
    assert_ok(bl_file_replace(scratch("links/two"), "new", 3, &failure));
    assert_holds(scratch("links/far/real"), "new");
    assert_ok(bl_file_replace(scratch("links/open"), "made", 4, &failure));
    assert_holds(scratch("links/far/not yet"), "made");
    assert_int_equal(bl_file_replace(scratch("links/round"), "x", 1, &failure), BL_EIO);
    static const char *const all[] = {"links/one", "links/two", "links/open", "links/round"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        assert_true(S_ISLNK(mode_of(scratch(all[i]))));
    assert_int_equal(names_in(scratch("links/far")), 2);
    /* Where everybody may write, another user's link leads nobody on. */
    if (geteuid() != 0) {
        print_message("links of other users: not tried, for only root can make one\n");
        return;
    }
    assert_int_equal(chmod(folder("links/all"), 01777), 0);
    scratch_write(scratch("links/victim"), "mine", 4);
    assert_int_equal(symlink("../victim", scratch("links/all/trap")), 0);
    assert_int_equal(lchown(scratch("links/all/trap"), 12345, 12345), 0);
    refuses(scratch("links/all/trap"), "another user");
    assert_holds(scratch("links/victim"), "mine");
}

/* A private file is private from its first byte on, and a hard link keeps what it has. */
static void modes_stay(void **state)
{
    (void)state;
    const char *path = scratch("private"), *twin = scratch("twin");
    scratch_write(path, "old", 3);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(link(path, twin), 0);
    bl_out *out;
    assert_ok(bl_out_open(&out, path, &failure));
    assert_int_equal(mode_of(bl_out_temporary(out)) & 07777, 0600);
    bl_out_write(out, "new", 3);
    assert_ok(bl_out_commit(out, &failure));
    assert_int_equal(mode_of(path) & 07777, 0600);
    assert_holds(path, "new");
    assert_holds(twin, "old");
    mode_t mask = umask(077);
    assert_int_equal(chmod(path, 0644), 0);
    assert_ok(bl_file_replace(path, "again", 5, &failure));
    assert_int_equal(mode_of(path) & 07777, 0644); /* whatever the mask is now */
    (void)umask(mask);
}

static void names_of_any_length(void **state)
{
    (void)state;
    char name[256] = "";
    (void)folder("long");
    for (size_t n = 1; n < 256; n += 127) {
        memset(name, 'n', n);
        char *path = bl_path_join(scratch("long"), name);
        assert_ok(bl_file_replace(path, "x", 1, &failure));
        assert_holds(path, "x");
        bl_free(path);
    }
    assert_int_equal(names_in(scratch("long")), 3);
}

/* The hidden name cannot be foreseen: two in a row have nothing in common but the target's. */
static void names_are_random(void **state)
{
    (void)state;
    bl_out *a, *b;
    assert_ok(bl_out_open(&a, scratch("same"), &failure));
    assert_ok(bl_out_open(&b, scratch("same"), &failure));
    const char *x = strrchr(bl_out_temporary(a), '/'), *y = strrchr(bl_out_temporary(b), '/');
    assert_string_not_equal(x, y);
    assert_memory_equal(x, "/.same.", 7);
    assert_int_equal(strlen(x), 7 + 16 + 4);
    bl_out_write(a, "aa", 2);
    bl_out_write(b, "b", 1);
    assert_ok(bl_out_commit(a, &failure)); /* neither took the other for a leftover */
    assert_ok(bl_out_commit(b, &failure));
    assert_holds(scratch("same"), "b");
}

/* ---- killed writers ---- */

enum { KILLED_FILE, KILLED_FOLDER };

/* A process that begins to write and then waits to be killed. */
static pid_t writer(const char *path, int what)
{
    int ready[2];
    char c;
    assert_int_equal(pipe(ready), 0);
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        bl_out *out;
        bl_outdir *d;
        if ((what == KILLED_FILE ? bl_out_open(&out, path, NULL)
                                 : bl_outdir_open(&d, path, NULL)) == BL_OK)
            (void)!write(ready[1], "r", 1);
        for (;;)
            (void)pause();
    }
    (void)close(ready[1]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    (void)close(ready[0]);
    return child;
}

static void end(pid_t child)
{
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void leftovers_are_swept(void **state)
{
    (void)state;
    char lasts[2][700];
    (void)folder("swept");
    const char *dir = lasting(lasts[0], "swept");
    for (int what = KILLED_FILE; what <= KILLED_FOLDER; what++) {
        const char *path = lasting(lasts[1], what == KILLED_FILE ? "swept/file" : "swept/folder");
        pid_t live = writer(path, what), dead = writer(path, what);
        assert_int_equal(names_in(dir), 2);
        end(dead);
        assert_int_equal(names_in(dir), 2); /* what a killed one leaves */
        if (what == KILLED_FILE) {
            assert_ok(bl_file_replace(path, "x", 1, &failure));
        } else {
            bl_outdir *d;
            assert_ok(bl_outdir_open(&d, path, &failure));
            assert_ok(bl_outdir_commit(d, NULL, NULL, &failure));
        }
        assert_int_equal(names_in(dir), 2); /* the live one's stays, the dead one's is gone */
        end(live);
        bl_dir_sweep(dir);
        assert_int_equal(names_in(dir), 1);
        assert_int_equal(what == KILLED_FILE ? unlink(path) : rmdir(path), 0);
    }
    /* Nothing else is touched: other names, other kinds, fewer digits. */
    static const char *const others[] = {"swept/.file.0123456789abcde.tmp", "swept/file.1234.tmp",
                                         "swept/.file.0123456789abcdef.tm", "swept/.hidden",
                                         "swept/.0123456789abcdef.tmq"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        scratch_write(scratch(others[i]), "x", 1);
    /* A link cannot be locked; who makes one holds its folder. */
    bl_lock *maker;
    const char *link = scratch("swept/.link.0123456789abcdef.tmp");
    assert_int_equal(symlink("x", link), 0);
    assert_ok(bl_lock_share(&maker, dir, &failure));
    bl_dir_sweep(dir);
    assert_int_equal(names_in(dir), 6);
    assert_ok(bl_path_link("x", scratch("swept/link"), &failure));
    assert_int_equal(names_in(dir), 7);
    bl_lock_close(maker);
    bl_path_link_sweep(scratch("swept/other"));
    assert_int_equal(names_in(dir), 7);
    bl_path_link_sweep(scratch("swept/link"));
    assert_int_equal(names_in(dir), 6);
    assert_int_equal(symlink("x", link), 0);
    assert_ok(bl_path_link("y", scratch("swept/link"), &failure));
    assert_int_equal(names_in(dir), 6);
}

/* ---- several at once ---- */

enum { THREADS = 4, WRITES = 50 };

static void *write_often(void *digit)
{
    char text[2000];
    memset(text, *(const char *)digit, sizeof text);
    for (int i = 0; i < WRITES; i++)
        if (bl_file_replace("at-once", text, sizeof text, NULL) != BL_OK)
            return digit;
    return NULL;
}

static void threads_at_once(void **state)
{
    (void)state;
    char home[4096], digits[] = "0123";
    pthread_t thread[THREADS];
    assert_non_null(getcwd(home, sizeof home));
    assert_int_equal(chdir(folder("crowd")), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, write_often, &digits[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        assert_int_equal(pthread_join(thread[i], &wrong), 0);
        assert_null(wrong);
    }
    bl_map map;
    assert_ok(bl_map_open(&map, "at-once", &failure));
    assert_int_equal(map.size, 2000); /* one of them, whole */
    for (size_t i = 1; i < map.size; i++)
        assert_int_equal(map.data[i], map.data[0]);
    bl_map_close(&map);
    assert_int_equal(chdir(home), 0);
    assert_int_equal(names_in(scratch("crowd")), 1);
}

/* ---- folders ---- */

static void put(const char *path, const char *text, bl_outdir_check *check, bl_status want)
{
    bl_outdir *d;
    assert_ok(bl_outdir_open(&d, path, &failure));
    char *file = bl_path_join(bl_outdir_temporary(d), "file");
    assert_ok(bl_file_replace(file, text, strlen(text), &failure));
    bl_free(file);
    assert_int_equal(bl_outdir_commit(d, check, NULL, &failure), want);
}

static bl_status says_no(void *user, const char *old, bl_error *err)
{
    (void)user, (void)old;
    return bl_fail(err, BL_EINVAL, "no");
}

static void folders_change_places(void **state)
{
    (void)state;
    char lasts[700];
    (void)folder("places");
    const char *path = lasting(lasts, "places/it");
    put(path, "first", NULL, BL_OK);
    assert_holds(scratch("places/it/file"), "first");
    put(path, "second", NULL, BL_OK);
    assert_holds(scratch("places/it/file"), "second");
    put(path, "third", says_no, BL_EINVAL);
    assert_holds(scratch("places/it/file"), "second");
    assert_int_equal(names_in(scratch("places")), 1);
    bl_outdir *d;
    assert_ok(bl_outdir_open(&d, path, &failure));
    assert_int_equal(names_in(scratch("places")), 2);
    bl_outdir_abandon(d);
    bl_outdir_abandon(NULL);
    assert_int_equal(names_in(scratch("places")), 1);
    /* What a file system without exchange leaves when the process is killed between two renames: no
     * sweep takes it, and it comes back. */
    assert_int_equal(rename(path, scratch("places/.it.0123456789abcdef.old")), 0);
    bl_dir_sweep(scratch("places"));
    bl_dir_recover(path);
    assert_holds(scratch("places/it/file"), "second");
    assert_int_equal(names_in(scratch("places")), 1);
    /* With something whole in the place it is swept. */
    assert_ok(bl_dir_make(scratch("places/.it.0123456789abcdef.old"), &failure));
    bl_dir_recover(path);
    put(path, "last", NULL, BL_OK);
    assert_holds(scratch("places/it/file"), "last");
    assert_int_equal(names_in(scratch("places")), 1);
}

static void folders_are_removed_not_links(void **state)
{
    (void)state;
    (void)folder("keep/inner");
    scratch_write(scratch("keep/file"), "x", 1);
    (void)folder("go/a/b");
    assert_int_equal(symlink("../keep", scratch("go/link")), 0);
    assert_int_equal(bl_dir_remove_empty(scratch("go"), &failure), BL_OK); /* it is not: it stays */
    assert_int_equal(names_in(scratch("go")), 2);
    assert_int_equal(symlink("keep", scratch("to keep")), 0);
    assert_int_equal(bl_dir_remove(scratch("to keep"), &failure), BL_EIO);
    assert_ok(bl_dir_remove(scratch("go"), &failure));
    assert_int_equal(names_in(scratch("keep")), 2);
}

/* A machine that lost power may keep half a record; a resumed run keeps whole ones only, and a
 * failed append is cut before the next. */
static void records_are_whole(void **state)
{
    (void)state;
    static const char header[] = "{\"type\":\"header\"}\n", torn[] = "{\"type\":\"train\",\"st";
    static const uint64_t keep[] = {0, 5, sizeof header - 1, sizeof header + 3, 9999};
    char path[700], text[200];
    (void)folder("records");
    (void)lasting(path, "records/metrics.jsonl");
    for (size_t i = 0; i < sizeof keep / sizeof *keep; i++) {
        bl_metrics m;
        (void)snprintf(text, sizeof text, "%s%s", header, torn);
        scratch_write(path, text, strlen(text));
        assert_ok(bl_metrics_open(&m, scratch("records"), 1, keep[i], &failure));
        const char *whole = keep[i] < sizeof header - 1 ? "" : header;
        assert_int_equal(m.bytes, strlen(whole));
        assert_holds(path, whole);
        uint64_t size = m.bytes + 100;
        assert_ok(bl_file_append(path, &size, torn, sizeof torn - 1, &failure)); /* by a failure */
        bl_train_event event = {.kind = BL_TRAIN_WARNING, .step = 3, .text = "w"};
        assert_ok(bl_metrics_record(&m, &event, &failure));
        (void)snprintf(text, sizeof text, "%s{\"type\":\"warning\",\"step\":3,\"text\":\"w\"}\n",
                       whole);
        assert_holds(path, text);
        assert_ok(bl_metrics_sync(&m, &failure));
        bl_metrics_release(&m);
    }
}

static void parents(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"a", "."},     {"a/b", "a"},   {"/a", "/"}, {"/", "/"},
                                          {"a/b/", "a"},  {"a//b", "a"},  {"", "."},   {"//a", "/"},
                                          {"a/b//", "a"}, {"../x", ".."}, {"./", "."}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *parent = bl_path_parent(rows[i][0]);
        assert_string_equal(parent, rows[i][1]);
        bl_free(parent);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_file),
        cmocka_unit_test(links_stay),
        cmocka_unit_test(modes_stay),
        cmocka_unit_test(names_of_any_length),
        cmocka_unit_test(names_are_random),
        cmocka_unit_test(leftovers_are_swept),
        cmocka_unit_test(threads_at_once),
        cmocka_unit_test(folders_change_places),
        cmocka_unit_test(records_are_whole),
        cmocka_unit_test(parents),
        cmocka_unit_test(folders_are_removed_not_links),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
