/* One chunk of one (sequence, head) forward (MODEL 3.2): what both inner models share. */
#include "cpu/ttt.h"

#include <string.h>

enum { DOTS_ROWS = 4 }; /* rows of a triangle that the dots kernel takes at a time */

void bl_ttt_dots(const bl_ttt_call *call, float *S, const float *q, const float *k, size_t at,
                 size_t m, size_t in)
{
    for (size_t i = 0; i < m; i += DOTS_ROWS) {
        size_t rows = bl_least(m - i, DOTS_ROWS);
        call->kern->dots(S + i * call->C, call->C, q + i * in, in, k, in, rows, at + i + rows, in);
    }
}

void bl_ttt_weigh(const bl_ttt_call *call, float *mix, const float *S, size_t at, size_t m)
{
    size_t C = call->C;
    for (size_t i = 0; i < m; i++) {
        size_t j = 0;
        for (; j <= at + i; j++)
            mix[i * C + j] = -call->tau[at + i] * (S[i * C + j] + 1.0f);
        for (; j < at + m; j++)
            mix[i * C + j] = 0.0f;
    }
}

void bl_ttt_mix(const bl_ttt_call *call, float *mix, const float *q, const float *k, size_t at,
                size_t m, size_t in)
{
    bl_ttt_dots(call, mix, q, k, at, m, in);
    bl_ttt_weigh(call, mix, mix, at, m);
}

void bl_ttt_affine(const bl_ttt_call *call, float *z, const float *k, const float *W,
                   const float *b, size_t m, size_t in, size_t out)
{
    for (size_t i = 0; i < m; i++)
        memcpy(z + i * out, b, out * sizeof *z);
    call->kern->matmul(z, out, k, in, 1, W, out, m, out, in);
}

void bl_ttt_read(const bl_ttt_call *call, float *zb, const float *q, const float *W, const float *b,
                 const float *mix, const float *h, size_t at, size_t m, size_t in, size_t out)
{
    bl_ttt_affine(call, zb, q, W, b, m, in, out);
    call->kern->matmul(zb, out, mix, call->C, 1, h, out, m, out, at + m);
}

void bl_ttt_fold(const bl_ttt_call *call, int matrix, float *W, float *b, const float *k,
                 const float *h, float *tmp, size_t in, size_t out)
{
    size_t C = call->C;
    float tau = call->tau[C - 1];
    if (call->forgets) {
        const float *const *start = call->start + 2 * matrix;
        call->kern->forget(W, start[0], call->rho, in * out);
        call->kern->forget(b, start[1], call->rho, out);
    }
    for (size_t i = 0; i < C * in; i++)
        tmp[i] = -tau * k[i];
    call->kern->matmul(W, out, tmp, 1, in, h, out, in, out, C);
    for (size_t j = 0; j < C; j++)
        call->kern->axpy(b, -tau, h + j * out, out);
}
