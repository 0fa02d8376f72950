/* The version and the features, from the build, and the binary interface. */
#include "bitllama.h"

_Static_assert(BL_VERSION_NUMBER == BITLLAMA_VERSION_NUMBER,
               "bitllama.h and CMakeLists.txt name two versions");

const char *bl_version(void)
{
    return BITLLAMA_VERSION;
}

int bl_abi(void)
{
    return BL_ABI;
}

#ifdef BL_HAVE_CURL
enum { CURL = 1 };
#else
enum { CURL = 0 };
#endif
#ifdef __x86_64__
enum { X86 = 1 };
#else
enum { X86 = 0 };
#endif
#ifdef __aarch64__
enum { ARM64 = 1 };
#else
enum { ARM64 = 0 };
#endif

const bl_feature *bl_feature_at(size_t i)
{
    static const bl_feature all[] = {
        {sizeof(bl_feature), "curl", "downloads from the Hugging Face Hub", CURL},
        {sizeof(bl_feature), "avx2", "kernels for processors with AVX2 and FMA", X86},
        {sizeof(bl_feature), "avx512vnni", "kernels for processors with AVX-512 VNNI", X86},
        {sizeof(bl_feature), "amx", "kernels for processors with AMX-INT8", X86},
        {sizeof(bl_feature), "neon", "kernels for 64-bit ARM: NEON, sdot and smmla", ARM64},
    };
    return i < sizeof all / sizeof *all ? &all[i] : NULL;
}
