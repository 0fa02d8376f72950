/* The tiles of AMX in plain C, for tests of kernels where the processor has none: what Intel's manual
 * says of each instruction, and abort() where it says that one is refused.  Include tiles_amx.h first. */
#ifndef BL_TESTS_TILES_EMULATED_H
#define BL_TESTS_TILES_EMULATED_H

void tiles_emulated_configure(const tiles_config *config);
void tiles_emulated_release(void);
void tile_emulated_zero(int t);
void tile_emulated_load(int t, const void *from, size_t stride);
void tile_emulated_store(int t, void *to, size_t stride);
void tile_emulated_dot(int c, int a, int b);
void tile_emulated_dot_bf16(int c, int a, int b);

/* Are this thread's tiles configured? */
int tiles_emulated_held(void);

#if defined(BL_TILES_EMULATED)
#define TILES_CONFIGURE(config)    tiles_emulated_configure(config)
#define TILES_RELEASE()            tiles_emulated_release()
#define TILE_ZERO(t)               tile_emulated_zero(t)
#define TILE_LOAD(t, from, stride) tile_emulated_load(t, from, stride)
#define TILE_STORE(t, to, stride)  tile_emulated_store(t, to, stride)
#define TILE_DOT(c, a, b)          tile_emulated_dot(c, a, b)
#define TILE_DOT_BF16(c, a, b)     tile_emulated_dot_bf16(c, a, b)
#endif

#endif
