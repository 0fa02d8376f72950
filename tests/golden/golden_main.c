/* The reference backend in float and in double, and the CPU backend, against fixtures made by
 * PyTorch. */
#include "golden.h"
#include "cpu/cpu_dev.h"

#include <stdio.h>

typedef bl_status open_fn(bl_dev **d, int ternary, bl_error *err);

static bl_status open_cpu(bl_dev **d, int ternary, bl_error *err)
{
    return bl_cpu_open(d, ternary, 2, err);
}

static int check_backend(open_fn *open)
{
    bl_dev *none = NULL, *ternary = NULL;
    bl_error err;
    if (open(&none, 0, &err) != BL_OK || open(&ternary, 1, &err) != BL_OK) {
        fprintf(stderr, "golden: %s\n", err.message);
        return 1;
    }
    int failures = bl_golden_bitlinear(ternary) + bl_golden_ttt(none) +
                   bl_golden_blocks(none, ternary) + bl_golden_optim(none) + bl_golden_model(none) +
                   bl_golden_model(ternary) + bl_golden_f64(none) + bl_golden_f64(ternary);
    bl_dev_close(none);
    bl_dev_close(ternary);
    return failures;
}

int main(void)
{
    printf("%-6s %-44s %8s %10s %8s  %s\n", "device", "what", "numbers", "worst", "bound", "where");
    int failures =
        check_backend(bl_ref64_open) + check_backend(bl_ref32_open) + check_backend(open_cpu);
    if (failures)
        printf("%d comparisons are above their bound\n", failures);
    return failures ? 1 : 0;
}
