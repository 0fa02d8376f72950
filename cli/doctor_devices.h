/* Devices, asked by a process of their own: a driver that hangs or crashes is a line. */
#ifndef BL_CLI_DOCTOR_DEVICES_H
#define BL_CLI_DOCTOR_DEVICES_H

#include "bitllama.h"

/* As bl_device_info. */
typedef struct bl_asked_device {
    char name[64], text[512];
    uint64_t memory_bytes;
    int usable;
} bl_asked_device;

typedef struct bl_asked {
    bl_asked_device *device; /* [count], in the order of bl_devices() */
    size_t count, cap;
    char trouble[128]; /* why no more were told; or "" */
} bl_asked;

/* Waits up to `seconds` for each device.  BL_ENOMEM.  Released by the caller, then too. */
bl_status bl_asked_begin(bl_asked *asked, unsigned seconds, bl_error *err);
void bl_asked_release(bl_asked *asked);

/* Adds those of these plug-ins ("FOLDER/libbitllama_NAME.so", in the order in which they are asked)
 * of which nothing was told: the first is the one in trouble.  BL_ENOMEM. */
bl_status bl_asked_complete(bl_asked *asked, const char *const *plugins, size_t count,
                            bl_error *err);

#endif
