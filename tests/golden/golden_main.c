/* Back ends against fixtures made by PyTorch; of their own accord the reference in float and in
 * double, and the CPU. */
#include "golden.h"
#include "api/device.h"

#include <stdio.h>
#include <string.h>

static int check_backend(const char *name, int precision)
{
    bl_dev *none = NULL, *ternary = NULL;
    bl_error err;
    bl_device_request request = {.name = name, .precision = precision, .threads = 2};
    bl_status status = bl_device_open(&none, &request, &err);
    request.ternary = 1;
    if (status != BL_OK || bl_device_open(&ternary, &request, &err) != BL_OK) {
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

/* golden [DEVICE... [f32|bf16]] */
int main(int argc, char **argv)
{
    static const char *const usual[] = {"ref64", "ref", "cpu"};
    size_t count = argc > 1 ? (size_t)argc - 1 : sizeof usual / sizeof *usual;
    int failures = 0, precision = BL_PRECISION_AUTO;
    if (argc > 2 && strcmp(argv[argc - 1], "f32") == 0)
        precision = BL_PRECISION_F32;
    if (argc > 2 && strcmp(argv[argc - 1], "bf16") == 0)
        precision = BL_PRECISION_BF16;
    count -= precision != BL_PRECISION_AUTO;
    printf("%-6s %-44s %8s %10s %8s  %s\n", "device", "what", "numbers", "worst", "bound", "where");
    for (size_t i = 0; i < count; i++)
        failures += check_backend(argc > 1 ? argv[i + 1] : usual[i], precision);
    if (failures)
        printf("%d comparisons are above their bound\n", failures);
    return failures ? 1 : 0;
}
