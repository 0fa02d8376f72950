/* Threads that share a loop: one pool for the whole process.
 *
 * The pool's threads begin with the first loop that wants them and end with the process.  After a
 * fork() the child has none of them and begins its own. */
#ifndef BL_CORE_TEAM_H
#define BL_CORE_TEAM_H

#include <stddef.h>

enum { BL_TEAM_MOST = 1024 };

/* How many threads where `wanted` are asked for, at most BL_TEAM_MOST: for 0 those of
 * bl_threads_choose(), and for 0 there bl_os_processors().  Threads: any. */
size_t bl_threads(size_t wanted);
void bl_threads_choose(size_t count);

/* Tasks first .. last - 1 of a loop, by member `member` (below `threads`) of the team: no two
 * threads are the same member at the same time, so scratch may belong to a member. */
typedef void bl_team_fn(void *user, size_t first, size_t last, size_t member);

/* Does tasks 0 .. count - 1 on up to `threads` threads, the caller's among them, and returns when
 * all are done.  Each member begins with a share of its own, the same one in every loop of a size,
 * and then helps the others: a thread that gets no processor delays nobody with what it has not
 * begun.  Which member does a task must not show in the result.
 *
 * While another caller has the pool the tasks are done by this one alone, as member 0; so they are
 * for a loop inside a loop, which must not use its member's scratch.  Threads: any. */
void bl_team_run(size_t threads, size_t count, bl_team_fn *fn, void *user);

/* The same for tasks of very different size: they are begun one by one, in ascending order. */
void bl_team_deal(size_t threads, size_t count, bl_team_fn *fn, void *user);

#endif
