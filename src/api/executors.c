/* Executors: devices with room to read in, shared by the sessions of a model. */
#include "api/executors.h"
#include "api/device.h"
#include "core/alloc.h"
#include "core/team.h"

bl_status bl_executors_open(bl_executors *all, const bl_net *net, const bl_options *device,
                            bl_error *err)
{
    *all = (bl_executors){.net = net, .device = device};
    return bl_mutex_open(&all->lock, err);
}

static void close_list(bl_executor *e)
{
    while (e) {
        bl_executor *next = e->next;
        bl_reader_release(&e->reader);
        bl_dev_close(e->net.dev);
        bl_free(e);
        e = next;
    }
}

void bl_executors_close(bl_executors *all)
{
    close_list(all->idle);
    bl_mutex_close(all->lock);
    *all = (bl_executors){0};
}

void bl_executors_enter(bl_executors *all)
{
    bl_mutex_hold(all->lock);
    all->users++;
    bl_mutex_release(all->lock);
}

void bl_executors_leave(bl_executors *all)
{
    bl_executor *idle = NULL;
    bl_mutex_hold(all->lock);
    if (--all->users == 0) {
        idle = all->idle;
        all->idle = NULL;
    }
    bl_mutex_release(all->lock);
    close_list(idle);
}

/* A session may have threads of its own; where the weights are is settled. */
static bl_status check_own_device(const bl_options *device, bl_error *err)
{
    static const char *const settled[] = {"device", "precision"};
    for (size_t i = 0; i < sizeof settled / sizeof *settled; i++)
        if (bl_options_is_set(device, settled[i]))
            return bl_fail(err, BL_EINVAL, "`%s` is the model's: of a session's own are `threads`",
                           settled[i]);
    return BL_OK;
}

bl_status bl_executors_threads(const bl_executors *all, const bl_options *device, size_t *threads,
                               bl_error *err)
{
    BL_TRY(check_own_device(device, err));
    const bl_options *from = bl_options_is_set(device, "threads") ? device : all->device;
    *threads = bl_threads(bl_device_requested(from, 0).threads);
    return BL_OK;
}

bl_status bl_executors_view(const bl_executors *all, size_t threads, bl_net *view, bl_error *err)
{
    bl_device_request request = bl_device_requested(all->device, all->net->dev->ternary);
    request.threads = threads ? threads : request.threads;
    *view = *all->net;
    view->dev = NULL;
    return bl_device_open(&view->dev, &request, err);
}

/* Takes the first idle executor with that many threads, with or without room, off the list; NULL
 * when there is none. */
static bl_executor *find(bl_executors *all, size_t threads, int room)
{
    for (bl_executor **at = &all->idle; *at; at = &(*at)->next)
        if ((*at)->threads == threads && (*at)->has_room == room) {
            bl_executor *e = *at;
            *at = e->next;
            e->next = NULL;
            return e;
        }
    return NULL;
}

static bl_status open_executor(bl_executor **e, const bl_executors *all, size_t threads,
                               bl_error *err)
{
    *e = bl_calloc(1, sizeof **e);
    if (!*e)
        return bl_fail(err, BL_ENOMEM, "out of memory to compute with a model");
    (*e)->threads = threads;
    return bl_executors_view(all, threads, &(*e)->net, err);
}

bl_status bl_executor_take(bl_executor **e, bl_executors *all, size_t threads, int room,
                           bl_error *err)
{
    bl_status status = BL_OK;
    bl_mutex_hold(all->lock);
    *e = find(all, threads, room);
    if (!*e) /* better the other kind than a second device */
        *e = find(all, threads, !room);
    bl_mutex_release(all->lock);
    if (!*e)
        status = open_executor(e, all, threads, err);
    if (status == BL_OK && room && !(*e)->has_room) {
        status = bl_reader_open(&(*e)->reader, &(*e)->net, bl_reader_rows((*e)->net.dev, threads),
                                1, err);
        (*e)->has_room = status == BL_OK;
    }
    if (status != BL_OK) {
        close_list(*e);
        *e = NULL;
    }
    return status;
}

void bl_executor_give(bl_executor *e, bl_executors *all)
{
    bl_mutex_hold(all->lock);
    e->next = all->idle;
    all->idle = e;
    bl_mutex_release(all->lock);
}
