/* A loop of sixteen chains of one instruction, written out so that no compiler computes once what is
 * the same in every turn. */
#ifndef BL_KERN_ARM_LIMIT_NEON_H
#define BL_KERN_ARM_LIMIT_NEON_H

#define LIMIT_CHAINS 16

/* STEP(register) is the instruction; v0 is the factor, the word `factor` in all its lanes. */
/* clang-format off */
#define LIMIT_ALL(STEP)                                                                            \
    STEP("16") STEP("17") STEP("18") STEP("19") STEP("20") STEP("21") STEP("22") STEP("23")        \
    STEP("24") STEP("25") STEP("26") STEP("27") STEP("28") STEP("29") STEP("30") STEP("31")
#define LIMIT_BEGIN(to) "mov v" to ".16b, v0.16b\n\t"
/* clang-format on */
#define LIMIT_LOOP(STEP)                                                                           \
    __asm__ volatile(                                                                              \
        "dup v0.4s, %w1\n\t" LIMIT_ALL(LIMIT_BEGIN) "1:\n\t" LIMIT_ALL(STEP) "subs %0, %0, #1\n\t" \
                                                                             "b.ne 1b"             \
        : "+r"(turns)                                                                              \
        : "r"(factor)                                                                              \
        : "cc", "v0", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", \
          "v27", "v28", "v29", "v30", "v31")

#endif
