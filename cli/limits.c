/* What the machine reaches at most, collected and printed. */
#include "limits.h"
#include "output.h"

#include <string.h>

static void add(void *user, const bl_limit *limit)
{
    bl_limit_list *list = user;
    if (list->count < BL_LIMITS_CAP)
        list->at[list->count++] = *limit;
}

static void note_threads(void *user, const bl_machine_info *machine)
{
    *(size_t *)user = machine->threads;
}

bl_status bl_limits_collect(bl_limit_list *list, size_t threads, bl_error *err)
{
    *list = (bl_limit_list){.threads = threads};
    bl_status status = threads ? BL_OK : bl_machine(note_threads, &list->threads, err);
    return status == BL_OK ? bl_machine_limits(list->threads, add, list, err) : status;
}

const bl_limit *bl_limits_find(const bl_limit_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->at[i].name, name) == 0)
            return &list->at[i];
    return NULL;
}

static void print_rate(double rate)
{
    if (rate > 0)
        printf(" %12.1f", rate);
    else
        printf(" %12s", "-");
}

void bl_limits_print(const bl_limit_list *list)
{
    char all[32];
    (void)snprintf(all, sizeof all, "%zu %s", list->threads,
                   list->threads == 1 ? "thread" : "threads");
    printf("\n%-12s %12s %12s\n", "limits", "1 thread", all);
    for (size_t i = 0; i < list->count; i++) {
        const bl_limit *l = &list->at[i];
        printf("  %-10s", l->name);
        print_rate(l->one);
        print_rate(l->all);
        printf("  %s%s\n", l->unit, strcmp(l->unit, "GB/s") == 0 ? " read" : "");
    }
}

static void print_json_rate(const char *name, double rate)
{
    printf(", \"%s\": ", name);
    if (rate > 0)
        printf("%.2f", rate);
    else
        fputs("null", stdout);
}

void bl_limits_print_json(const bl_limit_list *list)
{
    putchar('[');
    for (size_t i = 0; i < list->count; i++) {
        const bl_limit *l = &list->at[i];
        printf("%s\n  {\"name\": \"%s\", \"unit\": \"%s\"", i ? "," : "", l->name, l->unit);
        print_json_rate("one", l->one);
        print_json_rate("all", l->all);
        printf(", \"threads\": %zu}", list->threads);
    }
    putchar(']');
}
