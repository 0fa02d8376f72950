/* The pool of threads: every task once, in shares, dealt out and in chains, with two callers, loops
 * in loops, and after a fork(). */
#define _POSIX_C_SOURCE 200809L

#include "core/clock.h"
#include "core/team.h"
#include "core/worker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { TASKS = 1000, THREADS = 5 };

/* How often each task was done, and by how many threads at most as one member. */
typedef struct tally {
    atomic_int done[TASKS];
    atomic_int inside[THREADS], crowd, strangers;
    double sleep;
} tally;

static void count_tasks(void *user, size_t first, size_t last, size_t member)
{
    tally *t = user;
    if (member >= THREADS) {
        atomic_fetch_add(&t->strangers, 1);
        return;
    }
    if (atomic_fetch_add(&t->inside[member], 1))
        atomic_fetch_add(&t->crowd, 1);
    for (size_t i = first; i < last; i++)
        atomic_fetch_add(&t->done[i], 1);
    if (t->sleep > 0)
        bl_os_sleep(t->sleep);
    atomic_fetch_sub(&t->inside[member], 1);
}

typedef void run_fn(size_t threads, size_t count, bl_team_fn *fn, void *user);
static run_fn *const runs[] = {bl_team_run, bl_team_deal};

/* 0 when the first `count` tasks were done once and no other. */
static int wrong(const tally *t, size_t count)
{
    int bad = atomic_load(&t->crowd) + atomic_load(&t->strangers);
    for (size_t i = 0; i < TASKS; i++)
        bad += atomic_load(&t->done[i]) != (i < count);
    return bad;
}

/* Steps of 0 to 40 tasks; before a task all of the steps before must be done. */
enum { STEPS = 60 };
typedef struct ladder {
    atomic_size_t done[STEPS];
    atomic_int bad, inside[THREADS];
    double sleep;
} ladder;

static size_t tasks_of(void *user, size_t step)
{
    static const size_t counts[] = {3, 1, 40, 0, 2, 1, 1, 7, 5, 0, 0, 19};
    (void)user;
    return counts[step % (sizeof counts / sizeof *counts)];
}

static void climb(void *user, size_t step, size_t first, size_t last, size_t member)
{
    ladder *l = user;
    if (member >= THREADS || atomic_fetch_add(&l->inside[member], 1))
        atomic_fetch_add(&l->bad, 1);
    if (first >= last || last > tasks_of(l, step))
        atomic_fetch_add(&l->bad, 1);
    for (size_t s = 0; s < step; s++)
        if (atomic_load(&l->done[s]) != tasks_of(l, s))
            atomic_fetch_add(&l->bad, 1);
    if (l->sleep > 0 && step % 4 == 0)
        bl_os_sleep(l->sleep);
    atomic_fetch_add(&l->done[step], last - first);
    if (member < THREADS)
        atomic_fetch_sub(&l->inside[member], 1);
}

static int wrong_chain(size_t threads, size_t steps, double sleep)
{
    ladder l = {.sleep = sleep};
    bl_team_chain(threads, &(bl_team_steps){steps, tasks_of, climb, &l}, &(bl_team_record){0});
    int bad = atomic_load(&l.bad);
    for (size_t s = 0; s < STEPS; s++)
        bad += atomic_load(&l.done[s]) != (s < steps ? tasks_of(&l, s) : 0);
    return bad;
}

static int wrong_loops(void)
{
    static const size_t counts[] = {0, 1, 2, 3, 4, 5, 6, 39, 40, 41, 999, TASKS};
    int bad = 0;
    for (size_t r = 0; r < 2; r++)
        for (size_t threads = 1; threads <= THREADS; threads++)
            for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
                tally t = {0};
                runs[r](threads, counts[i], count_tasks, &t);
                bad += wrong(&t, counts[i]);
            }
    for (size_t threads = 1; threads <= THREADS; threads++)
        for (size_t steps = 0; steps <= STEPS; steps += 12)
            bad += wrong_chain(threads, steps, 0);
    return bad;
}

static void test_every_task_once(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        assert_int_equal(wrong_loops(), 0);
}

/* Each task takes so long that the caller sleeps, and then the threads do. */
static void test_sleeping(void **state)
{
    (void)state;
    for (size_t r = 0; r < 2; r++)
        for (int i = 0; i < 5; i++) {
            tally t = {.sleep = 0.001};
            runs[r](THREADS, 7, count_tasks, &t);
            assert_int_equal(wrong(&t, 7), 0);
            bl_os_sleep(0.001);
        }
    for (int i = 0; i < 3; i++)
        assert_int_equal(wrong_chain(THREADS, STEPS, 0.001), 0);
}

static size_t two_tasks(void *user, size_t step)
{
    (void)user, (void)step;
    return 2;
}

/* What another thread than the caller takes, it holds for long. */
static void hold_up(void *user, size_t step, size_t first, size_t last, size_t member)
{
    atomic_int *others = user;
    (void)step, (void)first, (void)last;
    if (!member)
        return;
    atomic_fetch_add(others, 1);
    bl_os_sleep(0.005);
}

/* First of all tests, while no team is insisted on: a team that did not pay is one record's. */
static void test_record_of_each_team(void **state)
{
    (void)state;
    atomic_int others = 0;
    const bl_team_steps steps = {4, two_tasks, hold_up, &others};
    bl_team_record bad = {0}, good = {0};
    bl_team_chain(2, &steps, &bad);
    assert_int_equal(bad.alone, 0);
    assert_int_equal(bad.later, 1);
    bl_team_chain(2, &steps, &bad);
    assert_int_equal(bad.alone, 1);
    assert_int_equal(bad.later, 3);
    bl_team_insist();
    bl_team_chain(2, &steps, &good);
    assert_int_equal(good.alone + good.later, 0);
    assert_int_equal(bad.alone, 1);
    atomic_store(&others, 0);
    bl_team_chain(2, &steps, &bad);
    assert_int_equal(bad.alone, 0);
    assert_int_equal(bad.later, 3);
    assert_int_equal(atomic_load(&others), 0);
}

static void *loop_often(void *user)
{
    int *bad = user;
    for (int i = 0; i < 200; i++) {
        tally t = {0};
        runs[i % 2](THREADS, TASKS, count_tasks, &t);
        *bad += wrong(&t, TASKS);
        *bad += wrong_chain(THREADS, STEPS, 0);
    }
    return NULL;
}

static void test_two_callers(void **state)
{
    (void)state;
    pthread_t other;
    int mine = 0, theirs = 0;
    assert_int_equal(pthread_create(&other, NULL, loop_often, &theirs), 0);
    (void)loop_often(&mine);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(mine + theirs, 0);
}

static void loop_inside(void *user, size_t first, size_t last, size_t member)
{
    (void)member;
    for (size_t i = first; i < last; i++) {
        tally t = {0};
        bl_team_run(THREADS, 40, count_tasks, &t);
        atomic_fetch_add((atomic_int *)user, wrong(&t, 40));
    }
}

static void test_loop_in_loop(void **state)
{
    (void)state;
    atomic_int bad = 0;
    bl_team_run(THREADS, 64, loop_inside, &bad);
    assert_int_equal(atomic_load(&bad), 0);
}

static void keep_order(void *user, size_t first, size_t last, size_t member)
{
    atomic_size_t *begun = user;
    (void)member;
    assert_int_equal(first + 1, last);
    /* Of those before it, each of the other threads may have taken one that it has not counted. */
    assert_true(first < atomic_fetch_add(begun, 1) + THREADS);
}

static void test_deal_is_in_order(void **state)
{
    (void)state;
    atomic_size_t begun = 0;
    bl_team_deal(THREADS, TASKS, keep_order, &begun);
    assert_int_equal(atomic_load(&begun), TASKS);
}

/* A thread that hangs in a task does not delay the others' tasks: they all get done. */
static void hold_one(void *user, size_t first, size_t last, size_t member)
{
    atomic_size_t *done = user;
    for (size_t i = first; i < last; i++) {
        if (i == 0)
            for (int k = 0; k < 5000 && atomic_load(done) < TASKS - last; k++)
                bl_os_sleep(0.001);
        atomic_fetch_add(done, i > 0 || atomic_load(done) >= TASKS - last);
    }
    (void)member;
}

static void test_others_help(void **state)
{
    (void)state;
    atomic_size_t done = 0;
    bl_team_run(2, TASKS, hold_one, &done);
    assert_int_equal(atomic_load(&done), TASKS);
}

/* ThreadSanitizer cannot follow threads that begin in the child of a process with threads. */
static void need_fork(void)
{
#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#define TSAN __has_feature(thread_sanitizer)
#else
#define TSAN 0
#endif
    if (TSAN) {
        print_message("skipped: ThreadSanitizer knows no threads after a fork()\n");
        skip();
    }
}

/* The exit code of a child that runs loops of its own. */
static int child_of_fork(void)
{
    pid_t child = fork();
    int how = 0;
    if (child == 0) {
        (void)alarm(60); /* it hangs when it waits for the parent's threads */
        exit(wrong_loops() ? 1 : 0);
    }
    return child < 0 || waitpid(child, &how, 0) != child || !WIFEXITED(how) ? -1 : WEXITSTATUS(how);
}

static void test_fork(void **state)
{
    (void)state;
    need_fork();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wrong_loops(), 0);
        assert_int_equal(child_of_fork(), 0);
    }
    assert_int_equal(wrong_loops(), 0);
}

/* The child is made while another thread is in a loop. */
static void test_fork_beside_a_loop(void **state)
{
    (void)state;
    pthread_t other;
    int theirs = 0;
    need_fork();
    assert_int_equal(pthread_create(&other, NULL, loop_often, &theirs), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(child_of_fork(), 0);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(theirs, 0);
}

static void add_one(void *user)
{
    bl_os_sleep(0.005);
    ++*(int *)user;
}

/* The job under way is done before the fork; the child's worker takes more, and is closed. */
static void test_worker_and_fork(void **state)
{
    (void)state;
    need_fork();
    bl_worker *w;
    int jobs = 0, how;
    assert_int_equal(bl_worker_open(&w, NULL), BL_OK);
    bl_worker_start(w, add_one, &jobs);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        (void)alarm(60);
    bl_worker_wait(w);
    assert_int_equal(jobs, 1);
    for (int i = 2; i < 4; i++) {
        bl_worker_start(w, add_one, &jobs);
        bl_worker_wait(w);
        assert_int_equal(jobs, i);
    }
    pid_t grandchild = child ? 1 : fork();
    bl_worker_close(w);
    if (child == 0) {
        if (grandchild > 0)
            assert_int_equal(waitpid(grandchild, &how, 0), grandchild);
        exit(jobs == 3 && (grandchild == 0 || (WIFEXITED(how) && WEXITSTATUS(how) == 0)) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_record_of_each_team),
                                       cmocka_unit_test(test_every_task_once),
                                       cmocka_unit_test(test_sleeping),
                                       cmocka_unit_test(test_two_callers),
                                       cmocka_unit_test(test_loop_in_loop),
                                       cmocka_unit_test(test_deal_is_in_order),
                                       cmocka_unit_test(test_others_help),
                                       cmocka_unit_test(test_fork),
                                       cmocka_unit_test(test_fork_beside_a_loop),
                                       cmocka_unit_test(test_worker_and_fork)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
