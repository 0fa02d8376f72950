/* What a 64-bit ARM processor can do, as its system says. */
#ifndef BL_CORE_ARM_FEATURES_H
#define BL_CORE_ARM_FEATURES_H

typedef enum bl_arm_feature {
    BL_ARM_NEON,
    BL_ARM_DOTPROD, /* sdot: products of four bytes */
    BL_ARM_I8MM     /* smmla: products of 2 x 8 bytes */
} bl_arm_feature;

/* 0 on other processors, and where the system does not say. */
int bl_arm_has(bl_arm_feature feature);

#endif
