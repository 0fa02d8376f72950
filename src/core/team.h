/* Threads that share a loop: one pool for the whole process.
 *
 * The pool's threads start with the first loop that wants them and end with the process.  After a
 * fork() the child has none of them and starts its own. */
#ifndef BL_CORE_TEAM_H
#define BL_CORE_TEAM_H

#include <stddef.h>

enum { BL_TEAM_MOST = 1024 };

/* How many threads to use when `wanted` are asked for, at most BL_TEAM_MOST: 0 means the number set
 * by bl_threads_choose(), and 0 there means bl_os_processors().  Threads: any. */
size_t bl_threads(size_t wanted);
void bl_threads_choose(size_t count);

/* Tasks first .. last - 1 of a loop, by member `member` (below `threads`) of the team: no two
 * threads are the same member at the same time, so scratch may belong to a member. */
typedef void bl_team_fn(void *user, size_t first, size_t last, size_t member);

/* Does tasks 0 .. count - 1 on up to `threads` threads, the caller's among them, and returns when
 * all are done.  Each member begins with a share of its own, the same one in every loop of a size,
 * and then helps the others: a thread that gets no processor does not hold up the tasks that it has
 * not begun.  Which member does a task must not affect the result.
 *
 * While another caller has the pool, this one does all tasks alone, as member 0; the same holds for
 * a loop inside a loop, which must not use its member's scratch.  Threads: any. */
void bl_team_run(size_t threads, size_t count, bl_team_fn *fn, void *user);

/* A chain of loops on one team: step s is tasks 0 .. count(user, s) - 1 of fn and begins when all
 * tasks of the step before are done.  Between two steps no thread is woken, so short ones are worth
 * sharing; a step of one task is done by the thread that ended the step before.  The caller does
 * not wait for a thread that holds no task, not even for one that has taken part already.  Members
 * as in bl_team_run, at most BL_TEAM_CHAIN. */
enum { BL_TEAM_CHAIN = 32 };
typedef struct bl_team_steps {
    size_t steps;
    size_t (*count)(void *user, size_t step);
    void (*fn)(void *user, size_t step, size_t first, size_t last, size_t member);
    void *user;
} bl_team_steps;
/* Whether a team has paid: chains to be done alone now, and after the next one that was not worth a
 * team.  At zero at first; of chains alike, as those of one caller with one number of threads. */
typedef struct bl_team_record {
    size_t alone, later;
} bl_team_record;
void bl_team_chain(size_t threads, const bl_team_steps *steps, bl_team_record *record);

/* For tests, while no chain runs: from now on no team is one that did not pay. */
void bl_team_insist(void);

/* The same as bl_team_run for tasks of very different size: they are started one by one, in ascending order. */
void bl_team_deal(size_t threads, size_t count, bl_team_fn *fn, void *user);

#endif
