/* check: is every version of every kernel the one in plain C?
 *
 * usage: check [--bench] [--level LEVEL] [KERNEL]
 *
 * For every level above C that this processor has, each kernel is run with the inputs of the C one:
 * odd lengths, misaligned buffers that end at a guard page, extreme values.  Integers must be
 * equal; floats must be within the bound in units in the last place or within the absolute one. */
#define _DEFAULT_SOURCE 1
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sigjmp_buf resume;
static volatile sig_atomic_t caught;

#define X(family) family##_checks,
static const check_case *const families[] = {BL_KERN_FAMILY_LIST(X)};
#undef X
enum { SKIPPED = 77 }; /* as CTest takes it */
enum { FAMILIES = sizeof families / sizeof *families };

static void on_signal(int number)
{
    caught = number;
    siglongjmp(resume, 1);
}

static void run_case(check *k, const check_case *one)
{
    k->kernel = one->kernel;
    k->ulp = one->ulp;
    k->abs = one->abs;
    k->worst_ulp = k->worst_abs = 0;
    k->draws = 0;
    int before = k->failures;
    if (sigsetjmp(resume, 1) == 0) {
        one->run(k);
    } else {
        printf("FAILED %s, level %s: signal %d\n", k->kernel, bl_cpu_level_name(k->x->level),
               (int)caught);
        k->failures++;
    }
    check_release(k);
    if (!k->bench)
        printf("  %-16s %-7s ulp %8.1f  abs %9.2e  %s\n", k->kernel, bl_cpu_level_name(k->x->level),
               k->worst_ulp, k->worst_abs, k->failures > before ? "FAILED" : "ok");
}

/* Kernels of the table that no case names. */
static int count_unchecked(void)
{
    static const char *const kernels[] = {
#define X(ret, kernel, params, meaning) #kernel,
        BL_KERN_LIST(X)
#undef X
    };
    int unchecked = 0;
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        int found = 0;
        for (size_t j = 0; j < FAMILIES; j++)
            for (const check_case *one = families[j]; one->kernel; one++)
                found |= strcmp(one->kernel, kernels[i]) == 0;
        if (!found)
            printf("FAILED %s: no check\n", kernels[i]);
        unchecked += !found;
    }
    return unchecked;
}

int main(int argc, char **argv)
{
    check k = {0};
    const char *only = NULL, *level_only = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bench") == 0)
            k.bench = 1;
        else if (strcmp(argv[i], "--level") == 0 && i + 1 < argc)
            level_only = argv[++i];
        else
            only = argv[i];
    }
    signal(SIGSEGV, on_signal);
    signal(SIGBUS, on_signal);
    signal(SIGILL, on_signal);
    bl_kern c, x;
    bl_kern_init(&c, BL_CPU_C);
    k.c = &c;
    k.x = &x;
    int failures = count_unchecked(), levels = 0;
    for (int level = (int)bl_cpu_best() + 1; level < (int)BL_CPU_LEVELS; level++)
        printf("skipped: kernels of %s (%s)\n", bl_cpu_level_name((bl_cpu_level)level),
               level == (int)bl_cpu_best() + 1 ? bl_cpu_missing() : "not on this machine");
    for (int level = k.bench ? BL_CPU_C : BL_CPU_C + 1; level <= (int)bl_cpu_best(); level++) {
        bl_kern_init(&x, (bl_cpu_level)level);
        if (level_only && strcmp(level_only, bl_cpu_level_name((bl_cpu_level)level)) != 0)
            continue;
        if (x.level != (bl_cpu_level)level)
            continue; /* a level without kernels of its own */
        levels++;
        for (size_t i = 0; i < FAMILIES; i++)
            for (const check_case *one = families[i]; one->kernel; one++)
                if (!only || strcmp(only, one->kernel) == 0)
                    run_case(&k, one);
    }
    for (int level = (int)bl_cpu_best() + 1; level_only && level < (int)BL_CPU_LEVELS; level++)
        if (strcmp(level_only, bl_cpu_level_name((bl_cpu_level)level)) == 0)
            return SKIPPED;
    failures += k.failures + (level_only && !levels);
    printf("check: %d levels, %d failures\n", levels, failures);
    return failures ? 1 : 0;
}
