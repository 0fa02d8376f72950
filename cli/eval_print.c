/* What every evaluation prints: the figures over all tokens, ranges of positions, the speed. */
#include "eval_print.h"
#include "output.h"
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>

/* No data has 0 of these: that is not known. */
static void print_known(const char *name, uint64_t n)
{
    if (n)
        printf(", \"%s\": %" PRIu64, name, n);
    else
        printf(", \"%s\": null", name);
}

void bl_cli_eval_json(const bl_eval_result *r)
{
    fputs("{\"loss\": ", stdout);
    bl_output_json_number(stdout, r->loss);
    fputs(", \"perplexity\": ", stdout);
    bl_output_json_number(stdout, r->perplexity);
    fputs(", \"bits_per_byte\": ", stdout);
    if (r->bits_per_byte > 0)
        bl_output_json_number(stdout, r->bits_per_byte);
    else
        fputs("null", stdout);
    printf(", \"tokens\": %" PRIu64, r->tokens);
    print_known("bytes", r->bytes);
    print_known("documents", r->documents);
    fputs(", \"seconds\": ", stdout);
    bl_output_json_number(stdout, r->seconds);
}

void bl_cli_eval_point_json(uint64_t first, uint64_t last, uint64_t tokens, double loss)
{
    printf("{\"first\": %" PRIu64 ", \"last\": %" PRIu64 ", \"tokens\": %" PRIu64 ", \"loss\": ",
           first, last, tokens);
    bl_output_json_number(stdout, loss);
}

void bl_cli_eval_table(const bl_eval_result *r)
{
    printf("loss           %.4f nats a token\n", r->loss);
    printf("perplexity     %.3f\n", r->perplexity);
    if (r->bits_per_byte > 0)
        printf("bits per byte  %.4f\n", r->bits_per_byte);
    else
        printf("bits per byte  unknown: the data does not say its bytes\n");
    printf("tokens         %s\n", bl_format_count(r->tokens).text);
    if (r->bytes)
        printf("bytes          %s\n", bl_format_count(r->bytes).text);
    if (r->documents)
        printf("documents      %s\n", bl_format_count(r->documents).text);
}

bl_short bl_cli_positions(uint64_t first, uint64_t last)
{
    bl_short s;
    int n = snprintf(s.text, sizeof s.text, "%" PRIu64, first);
    if (last > first)
        (void)snprintf(s.text + n, sizeof s.text - (size_t)n, "-%" PRIu64, last);
    return s;
}

void bl_cli_eval_speed(const bl_eval_result *r)
{
    bl_progress_print("%.1f s, %s tok/s", r->seconds,
                      bl_format_rate((double)r->tokens, r->seconds).text);
}
