/* Processes of a run as threads of one: sums in memory, in the order of the ranks. */
#ifndef BL_TESTS_GROUP_H
#define BL_TESTS_GROUP_H

#include "comm/comm.h"

typedef struct group group;

/* A call that waits for longer than a minute, or that another rank answers with another call, ends
 * the program with a line. */
group *group_open(size_t size);
void group_close(group *g);

/* That of a rank; lives as long as the group. */
const bl_comm *group_comm(group *g, size_t rank);

#endif
