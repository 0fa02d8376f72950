/* bitllama doctor: what this machine offers to the program. */
#include "cli.h"
#include "doctor_devices.h"
#include "figures.h"
#include "limits.h"
#include "output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL = 13, WAIT_MOST = 3600 };

static const char *const variables[] = {"BITLLAMA_CPU", "BITLLAMA_PLUGINS"};
enum { VARIABLES = sizeof variables / sizeof *variables };

typedef struct doctor {
    bl_asked asked;
    bl_limit_list limits;
    int as_json, with_limits;
    bl_status status;
    bl_error *err;
} doctor;

/* ---- for people ---- */

/* Names of a machine, a driver or a folder are others' text. */
static void put(const char *text)
{
    size_t left = strlen(text), taken;
    char shown[1024];
    while (left) {
        size_t n = bl_text_shown(text, left, BL_SHOWN_LINE, shown, sizeof shown, &taken);
        (void)fwrite(shown, 1, n, stdout);
        text += taken;
        left -= taken;
    }
}

static void put_row(const char *label, const char *text)
{
    printf("%-*s", LABEL, label);
    put(*text ? text : "not known");
    putchar('\n');
}

static bl_short scaled_bytes(uint64_t bytes)
{
    bl_short s = {"-"};
    if (bytes && bytes < UINT64_MAX)
        (void)snprintf(s.text, sizeof s.text, "%.30sB", bl_format_scaled((double)bytes).text);
    return s;
}

static void print_build(const bl_machine_info *m)
{
    const bl_feature *f;
    const char *comma = "";
    printf("%-*s%s, compiled by %s\n", LABEL, "version", bl_version(),
           *m->compiler ? m->compiler : "a compiler not known");
    printf("%-*s", LABEL, "built with");
    for (size_t i = 0; (f = bl_feature_at(i)) != NULL; i++)
        if (f->present) {
            printf("%s%s", comma, f->name);
            comma = ", ";
        }
    puts(*comma ? "" : "nothing that a build may lack");
    for (size_t i = 0; (f = bl_feature_at(i)) != NULL; i++)
        if (!f->present)
            printf("%-*s%s: %s\n", LABEL, "without", f->name, f->text);
}

static void print_threads(const bl_machine_info *m)
{
    printf("%-*s%zu: ", LABEL, "threads", m->threads);
    if (m->affinity < m->processors)
        printf("by affinity, %zu of %zu processors", m->affinity, m->processors);
    else
        printf("the machine has %zu %s", m->processors,
               m->processors == 1 ? "processor" : "processors");
    if (m->quota)
        printf(", and control groups pay for %zu", m->quota);
    puts("; --threads chooses another number");
}

static void print_levels(const bl_machine_info *m)
{
    char text[160] = "";
    size_t used =
        (size_t)snprintf(text, sizeof text, "%s; BITLLAMA_CPU forces another: ",
                         *m->simd ? m->simd : "none that BITLLAMA_CPU asks for (see cpu)");
    for (size_t i = 0; i < m->level_count && used < sizeof text; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%s",
                             i == 0 ? "" : (i + 1 < m->level_count ? ", " : " or "), m->levels[i]);
    put_row("SIMD", text);
    for (size_t i = 0; i + 1 < m->level_count; i++)
        if (strcmp(m->levels[i], m->simd_best) == 0) {
            (void)snprintf(text, sizeof text, "not %s: %s", m->levels[i + 1], m->simd_missing);
            put_row("", text);
        }
}

static void print_precision(const bl_machine_info *m)
{
    char text[160];
    if (m->bf16_gain > 0)
        (void)snprintf(
            text, sizeof text,
            "trains in %s: products of bfloat16 (%s) are %.2g times as fast as float32's",
            m->precision, m->bf16_by, m->bf16_gain);
    else
        (void)snprintf(text, sizeof text, "trains in %s: nothing is made for products of bfloat16",
                       m->precision);
    put_row("precision", text);
}

static void print_machine(const bl_machine_info *m)
{
    put_row("system", m->system);
    put_row("processor", m->processor);
    print_levels(m);
    print_threads(m);
    print_precision(m);
    printf("%-*s%s for this process\n", LABEL, "memory", scaled_bytes(m->memory_bytes).text);
}

static void print_devices(const bl_asked *asked)
{
    puts("\ndevices (--device)");
    for (size_t i = 0; i < asked->count; i++) {
        const bl_asked_device *d = &asked->device[i];
        printf("  %-10s %9s  %s", d->name, scaled_bytes(d->memory_bytes).text,
               d->usable ? "" : "cannot be used: ");
        put(d->text);
        putchar('\n');
    }
}

static void print_list(const char *title, const char *const *item, size_t count)
{
    printf("\n%s\n", title);
    for (size_t i = 0; i < count; i++) {
        fputs("  ", stdout);
        put(item[i]);
        putchar('\n');
    }
    if (!count)
        puts("  none");
}

static void print_text(const doctor *d, const bl_machine_info *m)
{
    print_build(m);
    print_machine(m);
    for (size_t i = 0; i < VARIABLES; i++)
        if (getenv(variables[i])) {
            printf("%s=", variables[i]);
            put(getenv(variables[i]));
            putchar('\n');
        }
    print_devices(&d->asked);
    print_list("plug-ins found", m->plugins, m->plugin_count);
    print_list("folders searched for plug-ins, those of BITLLAMA_PLUGINS first", m->folders,
               m->folder_count);
    puts("\ncache of downloads");
    if (*m->cache) {
        fputs("  ", stdout);
        put(m->cache);
        printf(", room for %s\n", scaled_bytes(m->cache_free).text);
    } else {
        puts("  none: set HF_HOME, BITLLAMA_CACHE or HOME");
    }
    if (d->with_limits)
        bl_limits_print(&d->limits);
}

/* ---- for programs ---- */

static void json_text(const char *name, const char *text)
{
    printf("\"%s\": ", name);
    if (text && *text)
        bl_output_json_text(stdout, text, strlen(text));
    else
        fputs("null", stdout);
}

static void json_number(const char *name, uint64_t number)
{
    if (number == UINT64_MAX)
        printf("\"%s\": null", name);
    else
        printf("\"%s\": %" PRIu64, name, number);
}

static void json_list(const char *name, const char *const *item, size_t count)
{
    printf("\"%s\": [", name);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : "", stdout);
        bl_output_json_text(stdout, item[i], strlen(item[i]));
    }
    putchar(']');
}

static void json_features(void)
{
    const bl_feature *f;
    fputs("\"features\": {", stdout);
    for (size_t i = 0; (f = bl_feature_at(i)) != NULL; i++)
        printf("%s\"%s\": %s", i ? ", " : "", f->name, f->present ? "true" : "false");
    fputs("},\n ", stdout);
}

static void json_machine(const bl_machine_info *m)
{
    json_text("system", m->system);
    fputs(", ", stdout);
    json_text("processor", m->processor);
    fputs(", ", stdout);
    json_text("simd", m->simd);
    fputs(", ", stdout);
    json_text("simd_best", m->simd_best);
    fputs(", ", stdout);
    json_text("simd_missing", m->simd_missing);
    printf(",\n \"threads\": %zu, \"processors\": %zu, \"affinity\": %zu, ", m->threads,
           m->processors, m->affinity);
    json_number("quota", m->quota ? m->quota : UINT64_MAX);
    printf(",\n \"precision\": \"%s\", \"bf16_by\": \"%s\", \"bf16_gain\": %.3g, ", m->precision,
           m->bf16_by, m->bf16_gain);
    json_number("memory_bytes", m->memory_bytes);
}

static void json_devices(const bl_asked *asked)
{
    fputs(",\n \"devices\": [", stdout);
    for (size_t i = 0; i < asked->count; i++) {
        const bl_asked_device *d = &asked->device[i];
        fputs(i ? ",\n  {" : "\n  {", stdout);
        json_text("name", d->name);
        printf(", \"usable\": %s, ", d->usable ? "true" : "false");
        json_number("memory_bytes", d->usable ? d->memory_bytes : UINT64_MAX);
        fputs(", ", stdout);
        json_text("text", d->text);
        putchar('}');
    }
    fputs("],\n ", stdout);
}

static void print_json(const doctor *d, const bl_machine_info *m)
{
    printf("{\"version\": \"%s\", ", bl_version());
    json_text("compiler", m->compiler);
    fputs(", ", stdout);
    json_features();
    json_machine(m);
    json_devices(&d->asked);
    json_list("plugins", m->plugins, m->plugin_count);
    fputs(",\n ", stdout);
    json_list("plugin_folders", m->folders, m->folder_count);
    fputs(",\n \"variables\": {", stdout);
    for (size_t i = 0; i < VARIABLES; i++) {
        fputs(i ? ", " : "", stdout);
        json_text(variables[i], getenv(variables[i]));
    }
    fputs("},\n ", stdout);
    json_text("cache", m->cache);
    fputs(", ", stdout);
    json_number("cache_free_bytes", m->cache_free);
    if (d->with_limits) {
        fputs(",\n \"limits\": ", stdout);
        bl_limits_print_json(&d->limits);
    }
    puts("}");
}

static void print(void *user, const bl_machine_info *m)
{
    doctor *d = user;
    d->status = bl_asked_complete(&d->asked, m->plugins, m->plugin_count, d->err);
    if (d->status == BL_OK && d->as_json)
        print_json(d, m);
    else if (d->status == BL_OK)
        print_text(d, m);
}

static bl_status run(const bl_args *args, bl_error *err)
{
    uint64_t seconds = 0;
    doctor d = {.as_json = bl_flags_on(args, "json"),
                .with_limits = bl_flags_on(args, "limits"),
                .err = err};
    bl_status status = bl_flags_whole(args, "wait", 1, WAIT_MOST, &seconds, err);
    if (status == BL_OK && d.with_limits)
        status = bl_limits_collect(&d.limits, 0, err);
    if (status == BL_OK)
        status = bl_asked_begin(&d.asked, (unsigned)seconds, err);
    if (status == BL_OK)
        status = bl_machine(print, &d, err);
    bl_asked_release(&d.asked);
    return status == BL_OK ? d.status : status;
}

static const bl_flag flags[] = {
    {.name = "wait",
     .value = "SECONDS",
     .fallback = "30",
     .help = "how long a device may take to answer"},
    {.name = "limits",
     .help = "measure what the processor reaches at most: reading memory and caches, products; a "
             "few seconds"},
    {.name = "json", .help = "as JSON, memory in bytes"},
    {0},
};

const bl_command bl_command_doctor = {
    .name = "doctor",
    .summary = "Says what this machine offers: processor, threads, memory, devices, plug-ins.",
    .usage = "[--limits] [--json]",
    .details =
        "A device that cannot be used is a line that says why, and no error. Devices are "
        "asked by a "
        "process of their own, so that a driver that hangs or crashes is such a line too.\n\n"
        "Limits are those of the SIMD level in use, with one thread and with all: what other "
        "programs take meanwhile is missing in them.",
    .example = "bitllama doctor",
    .flags = flags,
    .run = run,
};
