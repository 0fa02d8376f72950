/* Features of 64-bit ARM processors: from the kernel, for no user may read the registers that tell. */
#define _DEFAULT_SOURCE 1
#define _DARWIN_C_SOURCE

#include "core/arm_features.h"

#include <stddef.h>

#if defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>

/* Names that an older system does not know yet are features that its processors may have all the
 * same: then what the compiler takes for granted counts. */
static int told(const char *name, int granted)
{
    int value = 0;
    size_t bytes = sizeof value;
    return sysctlbyname(name, &value, &bytes, NULL, 0) == 0 ? value != 0 : granted;
}

int bl_arm_has(bl_arm_feature feature)
{
#if defined(__ARM_FEATURE_DOTPROD)
    enum { DOTPROD = 1 };
#else
    enum { DOTPROD = 0 };
#endif
    switch (feature) {
    case BL_ARM_NEON:
        return 1;
    case BL_ARM_DOTPROD:
        return told("hw.optional.arm.FEAT_DotProd", DOTPROD);
    case BL_ARM_I8MM:
        return told("hw.optional.arm.FEAT_I8MM", 0);
    }
    return 0;
}

#elif defined(__aarch64__) && (defined(__linux__) || defined(__FreeBSD__))
#include <sys/auxv.h>

/* Bits of the kernel's interface, which older headers lack. */
enum { ASIMD = 1 << 1, ASIMDDP = 1 << 20, I8MM = 1 << 13 };

static unsigned long bits(int word)
{
#if defined(__linux__)
    return getauxval((unsigned long)word);
#else
    unsigned long value = 0;
    return elf_aux_info(word, &value, (int)sizeof value) == 0 ? value : 0;
#endif
}

int bl_arm_has(bl_arm_feature feature)
{
    switch (feature) {
    case BL_ARM_NEON:
        return (bits(AT_HWCAP) & ASIMD) != 0;
    case BL_ARM_DOTPROD:
        return (bits(AT_HWCAP) & ASIMDDP) != 0;
    case BL_ARM_I8MM:
        return (bits(AT_HWCAP2) & I8MM) != 0;
    }
    return 0;
}

#else

int bl_arm_has(bl_arm_feature feature)
{
    (void)feature;
    return 0;
}

#endif
