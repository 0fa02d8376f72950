/* bitllama eval --recall: how many facts a model remembers after reading much else. */
#include "eval_recall.h"
#include "cli.h"
#include "figures.h"
#include "model_flags.h"
#include "output.h"
#include "progress.h"
#include "signals.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { DISTANCES_MOST = 32 };

bl_status bl_cli_recall_check(const bl_args *args, bl_error *err)
{
    static const char *const of_a_file[] = {"data",     "window", "by-position",    "stream",
                                            "tokens",   "svg",    "memory",         "beside",
                                            "encoding", "field",  "replace-invalid"};
    if (!bl_flags_given(args, "recall")) {
        if (!bl_flags_given(args, "data"))
            return bl_cli_fail(err, BL_EINVAL, "eval needs --data FILE or --recall LIST");
        if (bl_flags_given(args, "questions"))
            return bl_cli_fail(err, BL_EINVAL, "--questions is for --recall");
        return BL_OK;
    }
    for (size_t i = 0; i < sizeof of_a_file / sizeof *of_a_file; i++)
        if (bl_flags_given(args, of_a_file[i]))
            return bl_cli_fail(err, BL_EINVAL, "--recall reads no file: --%s does not go with it",
                               of_a_file[i]);
    return BL_OK;
}

static bl_status bad_list(const char *list, bl_error *err)
{
    return bl_cli_fail(err, BL_EINVAL,
                       "--recall is a list of up to %d numbers of tokens, as 100,1000,10000, not "
                       "'%s'",
                       DISTANCES_MOST, list);
}

static bl_status read_distances(const char *list, uint64_t distance[DISTANCES_MOST], size_t *count,
                                bl_error *err)
{
    for (const char *p = list;; p++) {
        char *end;
        if (*p < '0' || *p > '9' || *count == DISTANCES_MOST)
            return bad_list(list, err);
        unsigned long long n = strtoull(p, &end, 10);
        if (n > BL_RECALL_MOST || (*end && *end != ','))
            return bad_list(list, err);
        distance[(*count)++] = n;
        p = end;
        if (!*p)
            return BL_OK;
    }
}

static void print_numbers(const bl_recall_result *r)
{
    const struct {
        const char *name;
        double value;
    } members[] = {{"chance", r->chance},
                   {"right", r->right},
                   {"error", r->error},
                   {"greedy", r->greedy},
                   {"control", r->control},
                   {"control_error", r->control_error},
                   {"changed_right", r->changed_right},
                   {"changed_old", r->changed_old},
                   {"seconds", r->seconds}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        printf(", \"%s\": ", members[i].name);
        bl_output_json_number(stdout, members[i].value);
    }
}

static void print_json(const bl_recall_result *r, size_t count)
{
    fputs("{\"recall\": [", stdout);
    for (size_t i = 0; i < count; i++) {
        printf("%s{\"distance\": %" PRIu64 ", \"questions\": %" PRIu64 ", \"changed\": %" PRIu64,
               i ? ", " : "", r[i].distance, r[i].questions, r[i].changed);
        print_numbers(&r[i]);
        putchar('}');
    }
    fputs("]}\n", stdout);
}

static void print_table(const bl_recall_result *r, size_t count)
{
    printf("%10s %10s %15s %7s %15s %7s %14s %8s\n", "distance", "questions", "right", "chance",
           "control", "greedy", "changed: right", "old");
    for (size_t i = 0; i < count; i++)
        printf("%10s %10s %6.3f +- %.3f %7.3f %6.3f +- %.3f %7.3f %14.3f %8.3f\n",
               bl_format_count(r[i].distance).text, bl_format_count(r[i].questions).text,
               r[i].right, r[i].error, r[i].chance, r[i].control, r[i].control_error, r[i].greedy,
               r[i].changed_right, r[i].changed_old);
}

bl_status bl_cli_eval_recall(const bl_args *args, bl_error *err)
{
    uint64_t distance[DISTANCES_MOST], questions = 0;
    bl_recall_result result[DISTANCES_MOST];
    size_t count = 0;
    double seconds = 0;
    bl_model *model = NULL;
    bl_status status = read_distances(bl_flags_text(args, "recall"), distance, &count, err);
    if (status == BL_OK)
        status = bl_flags_whole(args, "questions", 1, 1 << 24, &questions, err);
    if (status == BL_OK)
        status = bl_cli_model_open(&model, args, err);
    bl_signals_catch();
    for (size_t i = 0; status == BL_OK && i < count; i++) {
        result[i] = (bl_recall_result){.size = sizeof *result};
        status = bl_eval_recall(model, distance[i], questions, bl_progress_report, NULL, &result[i],
                                err);
        seconds += result[i].seconds;
    }
    bl_progress_end();
    bl_model_close(model);
    if (status != BL_OK)
        return status;
    if (bl_flags_on(args, "json"))
        print_json(result, count);
    else
        print_table(result, count);
    bl_progress_print("%.1f s", seconds);
    return BL_OK;
}
