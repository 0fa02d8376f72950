/* Opening and listing devices. */
#include "api/device.h"
#include "api/backends.h"
#include "core/call.h"
#include "core/team.h"
#include "cpu/cpu_dev.h"
#include "format/number.h"
#include "ops/fault.h"
#include "ops/graph.h"
#include "ops/late.h"
#include "ops/trace.h"

#include <stdio.h>
#include <string.h>

enum { INDEX_MOST = 1024 };

/* Devices that wrap another one, by the prefix of its name. */
typedef struct wrapper {
    const char *prefix;
    bl_status (*open)(bl_dev **d, bl_dev *inner, bl_error *err);
} wrapper;

static const wrapper wrappers[] = {
    {"trace:", bl_trace_open},
    {"fault:", bl_fault_open},
    {"graph:", bl_graph_open},
    {"late:", bl_late_open},
};

/* "cuda:1" as a name and an index; anything else stays whole, a name that no back end has. */
static void split_name(char *name, size_t *index)
{
    char *colon = strchr(name, ':');
    uint64_t number;
    if (colon && bl_number_read_u64(colon + 1, &number) && number <= INDEX_MOST) {
        *index = (size_t)number;
        *colon = 0;
    }
}

/* The widths that src/ops/border.c knows. */
static bl_status check_opened(bl_dev **d, const char *name, bl_error *err)
{
    static const bl_kind kinds[] = {BL_KIND_act, BL_KIND_param, BL_KIND_real};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t bytes = bl_kind_bytes(*d, kinds[i]);
        int half = bytes == sizeof(uint16_t) && kinds[i] == BL_KIND_act;
        if (half || bytes == sizeof(float) || bytes == sizeof(double))
            continue;
        bl_dev_close(*d);
        *d = NULL;
        return bl_fail(err, BL_EUNSUPPORTED, "device %s: numbers of %zu bytes", name, bytes);
    }
    return BL_OK;
}

/* The back end of a name without what wraps it, and the index; `name` has BL_TEXT_MAX bytes. */
static bl_status find_inner(bl_backend *b, char *name, size_t *index,
                            const bl_device_request *request, bl_error *err)
{
    (void)snprintf(name, BL_TEXT_MAX, "%s", request->name);
    *index = request->index;
    split_name(name, index);
    return bl_backend_find(b, name, err);
}

static bl_status open_inner(bl_dev **d, const bl_device_request *request, bl_error *err)
{
    char name[BL_TEXT_MAX];
    bl_backend b;
    bl_device_request inner = *request;
    bl_device_about about;
    bl_error why = {.message = ""};
    BL_TRY(find_inner(&b, name, &inner.index, request, err));
    /* What is built in has its first device, and about() of the processor may take long. */
    bl_status status = b.is_plugin || inner.index ? b.about(&about, inner.index, &why) : BL_OK;
    if (status == BL_ENOENT) /* there is none: the back end says why */
        return bl_fail(err, BL_EDEVICE, "device %s: %.400s", request->name, why.message);
    if (status != BL_OK)
        return bl_fail(err, status, "%s", why.message);
    inner.name = name;
    inner.threads = bl_threads(request->threads); /* a plug-in does not know bl_set_threads() */
    BL_TRY(b.open(d, &inner, err));
    return check_opened(d, request->name, err);
}

/* The wrapper that a name begins with, or NULL. */
static const wrapper *wrapper_of(const char *name)
{
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (strncmp(name, wrappers[i].prefix, strlen(wrappers[i].prefix)) == 0)
            return &wrappers[i];
    return NULL;
}

bl_status bl_device_open(bl_dev **d, const bl_device_request *request, bl_error *err)
{
    bl_device_request inner = *request;
    bl_dev *wrapped;
    *d = NULL;
    if (!inner.name)
        inner.name = "cpu";
    const wrapper *w = wrapper_of(inner.name);
    if (!w)
        return open_inner(d, &inner, err);
    inner.name += strlen(w->prefix);
    BL_TRY(bl_device_open(&wrapped, &inner, err));
    return w->open(d, wrapped, err);
}

void bl_device_describe(const bl_device_request *request, char *text, size_t cap)
{
    bl_device_request inner = *request;
    char name[BL_TEXT_MAX];
    bl_backend b;
    bl_device_about about;
    for (const wrapper *w; (w = wrapper_of(inner.name)) != NULL;)
        inner.name += strlen(w->prefix);
    int known = find_inner(&b, name, &inner.index, &inner, NULL) == BL_OK &&
                b.about(&about, inner.index, NULL) == BL_OK;
    (void)snprintf(text, cap, "%s%s%s", inner.name, known ? ": " : "", known ? about.text : "");
}

bl_device_request bl_device_requested(const bl_options *options, int ternary)
{
    bl_device_request r = {.name = "cpu", .ternary = ternary};
    if (options) {
        const bl_device_options *o = bl_options_device(options);
        r.name = o->device;
        r.precision = o->precision;
        r.threads = o->threads;
    }
    return r;
}

int bl_device_is_cpu(const char *name)
{
    for (const wrapper *w; (w = wrapper_of(name)) != NULL;)
        name += strlen(w->prefix);
    return strcmp(name, "cpu") == 0 || strcmp(name, "cpu:0") == 0;
}

bl_device_request bl_device_of_training(const bl_train_options *o, int ternary)
{
    const char *by;
    bl_device_request r = {
        .name = o->device, .precision = o->precision, .ternary = ternary, .threads = o->threads};
    if (r.precision == BL_PRECISION_AUTO && bl_device_is_cpu(r.name))
        r.precision =
            bl_cpu_bf16_pays(bl_cpu_bf16_gain(&by)) ? BL_PRECISION_BF16 : BL_PRECISION_F32;
    return r;
}

int bl_device_precision(const bl_dev *d, const bl_device_request *request)
{
    if (request->precision != BL_PRECISION_AUTO)
        return request->precision;
    return d->act_bytes < sizeof(float) ? BL_PRECISION_BF16 : BL_PRECISION_F32;
}

typedef struct device_listing {
    bl_device_fn *fn;
    void *user;
} device_listing;

static void hand_over(const device_listing *l, const bl_device_info *device)
{
    bl_call *call = bl_call_out();
    l->fn(l->user, device);
    bl_call_back(call);
}

static void tell(void *user, const bl_backend *b, const char *trouble)
{
    const device_listing *l = user;
    bl_error why = {.message = ""};
    bl_device_about about;
    if (trouble) {
        hand_over(
            l, &(bl_device_info){.size = sizeof(bl_device_info), .name = b->name, .text = trouble});
        return;
    }
    for (size_t i = 0; i <= INDEX_MOST; i++) {
        char name[BL_BACKEND_NAME_MOST + 16];
        bl_status status = b->about(&about, i, &why);
        if (status != BL_OK && i)
            return;
        (void)snprintf(name, sizeof name, i ? "%s:%zu" : "%s", b->name, i);
        hand_over(l, &(bl_device_info){sizeof(bl_device_info), name,
                                       status == BL_OK ? about.text : why.message,
                                       status == BL_OK ? about.memory_bytes : 0, status == BL_OK});
        if (status != BL_OK)
            return;
    }
}

bl_status bl_devices(bl_device_fn *fn, void *user, bl_error *err)
{
    bl_call call;
    device_listing l = {fn, user};
    BL_NOT_NULL(err, fn);
    bl_call_begin(&call, err);
    return bl_call_end(&call, bl_backends_each(tell, &l, err), err);
}
