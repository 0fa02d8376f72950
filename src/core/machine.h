/* What the machine has for this process: memory, processors, room on the disk, random bits. */
#ifndef BL_CORE_MACHINE_H
#define BL_CORE_MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of memory that this process may use: those of the machine, or what its control groups allow
 * or its own limits (RLIMIT_AS, RLIMIT_DATA) still leave; UINT64_MAX when the system does not
 * say. */
uint64_t bl_os_memory(void);

/* Asks for large pages, where the system has them, under what of a block fills such pages: they cost
 * fewer faults and fewer look-ups of addresses.  What the block holds stays. */
void bl_os_large_pages(void *block, size_t bytes);

/* Processors that this process may use at a time: its affinity, or the quota of its control groups
 * rounded up; at least 1. */
size_t bl_os_processors(void);

/* Processors that the system runs, and those of them that the affinity of this process allows; both
 * at least 1. */
size_t bl_os_processors_all(void);
size_t bl_os_processors_allowed(void);

/* The name of the processor, "" when not known; as a file like /proc/cpuinfo has it. */
void bl_os_processor_name(char *name, size_t cap);
void bl_cpuinfo_name(const char *path, char *name, size_t cap);

/* The size of the first processor's cache of a level, and how many processors share it; 0 and 1 when
 * not known; and from a folder like /sys/devices/system/cpu/cpu0/cache. */
uint64_t bl_os_cache_bytes(int level, size_t *processors);
uint64_t bl_cache_bytes(const char *folder, int level, size_t *processors);

/* "Linux 6.1.0-18-amd64 x86_64". */
void bl_os_system(char *text, size_t cap);

/* The lowest limit of the groups named in a file like /proc/self/cgroup, in a tree like
 * /sys/fs/cgroup of version 1 or 2, in bytes or processors; UINT64_MAX without any. */
uint64_t bl_cgroup_memory(const char *groups, const char *root);
uint64_t bl_cgroup_cpus(const char *groups, const char *root);

/* Bytes that may still be written to the file system of a folder; UINT64_MAX when not known. */
uint64_t bl_os_disk_free(const char *path);

uint64_t bl_os_entropy(void); /* 64 random bits of the system */

#endif
