/* The operating-system floor: atomic replacement, mapping, folders and locks. */
#include "scratch.h"

#include "core/alloc.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/lock.h"
#include "core/machine.h"
#include "core/path.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>

static void assert_holds(const char *path, const char *expected)
{
    bl_map map;
    assert_ok(bl_map_open(&map, path, &failure));
    assert_int_equal(map.size, strlen(expected));
    assert_memory_equal(map.data, expected, map.size);
    bl_map_close(&map);
    bl_map_close(&map);
}

static void maps(void **state)
{
    (void)state;
    bl_map map;
    assert_int_equal(bl_map_open(&map, scratch("absent"), &failure), BL_ENOENT);
    assert_non_null(strstr(failure.message, scratch("absent")));
    assert_int_equal(map.size, 0);
    bl_map_close(&map);
    assert_int_equal(bl_map_open(&map, scratch_folder, &failure), BL_EIO);
    assert_int_equal(bl_map_open(&map, "/dev/null", &failure), BL_EIO);
    scratch_write(scratch("empty"), "", 0);
    assert_ok(bl_map_open(&map, scratch("empty"), &failure));
    assert_int_equal(map.size, 0);
    assert_non_null(map.data);
    bl_map_close(&map);
    assert_int_equal(bl_path_what(scratch("empty")), BL_PATH_FILE);
    assert_int_equal(bl_path_what(scratch_folder), BL_PATH_DIR);
    assert_int_equal(bl_path_what("/dev/null"), BL_PATH_OTHER);
    assert_int_equal(bl_path_what(scratch("absent")), BL_PATH_NONE);
}

/* The old file stays whole until commit; a mapping of it outlives the replacement. */
static void replacement_is_atomic(void **state)
{
    (void)state;
    const char *path = scratch("replaced");
    assert_ok(bl_file_replace(path, "old", 3, &failure));
    assert_holds(path, "old");
    bl_map old;
    assert_ok(bl_map_open(&old, path, &failure));
    bl_out *out = NULL;
    assert_ok(bl_out_open(&out, path, &failure));
    static char megabyte[1 << 20];
    memset(megabyte, 'n', sizeof megabyte);
    bl_out_write(out, "head", 4);
    bl_out_write(out, megabyte, sizeof megabyte); /* larger than the buffer */
    bl_out_write(out, "", 0);
    bl_out_write(out, "tail", 4);
    assert_ok(bl_out_check(out, &failure));
    assert_holds(path, "old");
    assert_ok(bl_out_commit(out, &failure));
    assert_memory_equal(old.data, "old", 3);
    bl_map_close(&old);
    bl_map map;
    assert_ok(bl_map_open(&map, path, &failure));
    assert_int_equal(map.size, sizeof megabyte + 8);
    assert_memory_equal(map.data, "headnnnn", 8);
    assert_memory_equal(map.data + map.size - 8, "nnnntail", 8);
    bl_map_close(&map);
}

static size_t files_in(const char *path)
{
    bl_names names;
    assert_ok(bl_dir_list(&names, path, &failure));
    size_t count = names.count;
    bl_names_release(&names);
    return count;
}

static void nothing_half_written(void **state)
{
    (void)state;
    assert_ok(bl_dir_make(scratch("half"), &failure));
    const char *path = scratch("half/file");
    bl_out *out = NULL;
    assert_ok(bl_out_open(&out, path, &failure));
    bl_out_write(out, "lost", 4);
    bl_out_abandon(out);
    bl_out_abandon(NULL);
    assert_int_equal(files_in(scratch("half")), 0);
    assert_int_equal(bl_out_open(&out, scratch("half/no/file"), &failure), BL_EIO);
    assert_null(out);
    assert_ok(bl_dir_make(path, &failure)); /* a folder in the way of the rename */
    assert_ok(bl_dir_make(scratch("half/file/inner"), &failure));
    assert_int_equal(bl_file_replace(path, "x", 1, &failure), BL_EIO);
    assert_int_equal(files_in(scratch("half")), 1);
}

/* A full disk, played by a file size limit: the failure is sticky, comes out as words, and the old
 * file is untouched. */
static void a_full_disk(void **state)
{
    (void)state;
    const char *path = scratch("limited");
    assert_ok(bl_file_replace(path, "old", 3, &failure));
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        bl_out *out;
        bl_error err;
        static char block[100000];
        (void)signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){1000, 1000}) != 0 ||
            bl_out_open(&out, path, &err) != BL_OK)
            _exit(2);
        bl_out_write(out, block, sizeof block);
        if (bl_out_check(out, &err) != BL_EIO)
            _exit(3);
        bl_out_write(out, "more", 4);
        _exit(bl_out_commit(out, &err) == BL_EIO && strstr(err.message, "limited: ") ? 0 : 4);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_holds(path, "old");
}

static void appending(void **state)
{
    (void)state;
    const char *path = scratch("log");
    uint64_t size = 0;
    assert_ok(bl_file_append(path, &size, "one\n", 4, &failure));
    assert_ok(bl_file_append(path, &size, "two\n", 4, &failure));
    assert_int_equal(size, 8);
    assert_holds(path, "one\ntwo\n");
    assert_ok(bl_file_sync(path, &failure));
    size = 4; /* what was after the last whole record is cut */
    assert_ok(bl_file_append(path, &size, "2\n", 2, &failure));
    assert_int_equal(size, 6);
    assert_holds(path, "one\n2\n");
    size = 100; /* somebody has cut the file */
    assert_ok(bl_file_append(path, &size, "3\n", 2, &failure));
    assert_int_equal(size, 8);
    assert_ok(bl_file_truncate(path, 4, &failure));
    assert_holds(path, "one\n");
    assert_ok(bl_file_remove(path, &failure));
    assert_ok(bl_file_remove(path, &failure)); /* absent already: the wish is fulfilled */
    assert_int_equal(bl_file_truncate(path, 0, &failure), BL_EIO);
    assert_int_equal(bl_file_append(scratch("no/log"), &size, "x", 1, &failure), BL_EIO);
    assert_int_equal(bl_file_sync(scratch("no/log"), &failure), BL_EIO);
}

static void folders(void **state)
{
    (void)state;
    assert_ok(bl_dir_make(scratch("tree/a/b//c/"), &failure));
    assert_ok(bl_dir_make(scratch("tree/a"), &failure));
    const char *names_made[] = {"tree/zeta", "tree/Alpha", "tree/a/.hidden", "tree/\xc3\xa9"};
    for (size_t i = 0; i < 4; i++)
        scratch_write(scratch(names_made[i]), "x", 1);
    assert_int_equal(symlink("/", scratch("tree/link")), 0);
    bl_names names;
    assert_ok(bl_dir_list(&names, scratch("tree"), &failure));
    const char *sorted[] = {"Alpha", "a", "link", "zeta", "\xc3\xa9"};
    assert_int_equal(names.count, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(names.name[i], sorted[i]);
    bl_names_release(&names);
    assert_int_equal(bl_dir_make(scratch("tree/zeta/sub"), &failure), BL_EIO);
    assert_int_equal(bl_dir_make(scratch("tree/zeta"), &failure), BL_EIO);
    assert_int_equal(bl_dir_list(&names, scratch("nowhere"), &failure), BL_ENOENT);
    assert_int_equal(names.count, 0);
    assert_ok(bl_dir_sync(scratch("tree"), &failure));
    assert_ok(bl_path_rename(scratch("tree"), scratch("moved"), &failure));
    assert_int_equal(bl_path_rename(scratch("tree"), scratch("again"), &failure), BL_EIO);
    assert_ok(bl_dir_remove(scratch("moved"), &failure)); /* and not what the link points to */
    assert_int_equal(bl_path_what(scratch("moved")), BL_PATH_NONE);
    assert_int_equal(bl_path_what("/etc"), BL_PATH_DIR);
    assert_int_equal(bl_dir_remove(scratch("moved"), &failure), BL_ENOENT);
}

static void paths(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"a", "", "a/"}};
    for (size_t i = 0; i < 4; i++) {
        char *path = bl_path_join(rows[i][0], rows[i][1]);
        assert_string_equal(path, rows[i][2]);
        bl_free(path);
    }
}

static void locks(void **state)
{
    (void)state;
    const char *path = scratch("lock");
    bl_lock *first = NULL, *second = NULL;
    assert_ok(bl_lock_open(&first, path, &failure));
    assert_int_equal(bl_lock_open(&second, path, &failure), BL_EBUSY);
    assert_null(second);
    assert_non_null(strstr(failure.message, path));
    bl_lock_close(first);
    assert_ok(bl_lock_open(&second, path, &failure));
    bl_lock_close(second);
    bl_lock_close(NULL);
    assert_int_equal(bl_lock_open(&first, scratch("no/lock"), &failure), BL_EIO);
}

static void clocks(void **state)
{
    (void)state;
    double before = bl_clock_seconds();
    assert_true(bl_clock_seconds() >= before);
    assert_true(bl_clock_wall() > 1.6e9);
    assert_true(bl_os_entropy() != bl_os_entropy());
}

static void processors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name;
    } files[] = {
        {"processor\t: 0\nmodel name\t: A Processor(R) 9 @ 2.0GHz\nmodel name\t: B\n",
         "A Processor(R) 9 @ 2.0GHz"},
        {"processor : 0\nmodel : 3\n", ""},
        {"model name\nmodel name:\nmodel name :  C", "C"},
        {"", ""},
    };
    char name[64], system[200];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        scratch_write(scratch("cpuinfo"), files[i].text, strlen(files[i].text));
        bl_cpuinfo_name(scratch("cpuinfo"), name, sizeof name);
        assert_string_equal(name, files[i].name);
    }
    bl_cpuinfo_name(scratch("no cpuinfo"), name, sizeof name);
    assert_string_equal(name, "");
    scratch_write(scratch("cpuinfo"), "model name : abcdef\n", 20);
    bl_cpuinfo_name(scratch("cpuinfo"), name, 4);
    assert_string_equal(name, "abc");
    bl_os_system(system, sizeof system);
    assert_non_null(strchr(system, ' '));
    assert_true(bl_os_processors() >= 1);
    assert_true(bl_os_processors_allowed() >= bl_os_processors());
}

/* Large pages or not, a block holds what it held, from end to end. */
static void large_pages(void **state)
{
    static const size_t sizes[] = {64, 4096, (2u << 20) - 64, 2u << 20, (5u << 20) + 64};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = sizes[i];
        unsigned char *block = bl_alloc_aligned(n, 1);
        assert_non_null(block);
        memset(block, 1, n / 2);
        bl_os_large_pages(block, n);
        memset(block + n / 2, 2, n - n / 2);
        for (size_t at = 0; at < n; at++)
            if (block[at] != (at < n / 2 ? 1 : 2))
                fail_msg("byte %zu of %zu is %d", at, n, block[at]);
        bl_free(block);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps),
        cmocka_unit_test(replacement_is_atomic),
        cmocka_unit_test(nothing_half_written),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(appending),
        cmocka_unit_test(folders),
        cmocka_unit_test(paths),
        cmocka_unit_test(locks),
        cmocka_unit_test(clocks),
        cmocka_unit_test(processors),
        cmocka_unit_test(large_pages),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
