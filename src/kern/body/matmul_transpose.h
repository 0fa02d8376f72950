/* t[N,M] = a[M,N]^T by whole blocks of TRANSPOSE_ROWS x TRANSPOSE_COLS, which the level's transpose_block turns, and
 * the rest one by one. */
static void transpose(float *t, size_t ldt, const float *a, size_t lda, size_t M, size_t N)
{
    size_t blocks_M = M / TRANSPOSE_ROWS * TRANSPOSE_ROWS;
    size_t blocks_N = N / TRANSPOSE_COLS * TRANSPOSE_COLS;
    for (size_t i = 0; i < blocks_M; i += TRANSPOSE_ROWS)
        for (size_t j = 0; j < blocks_N; j += TRANSPOSE_COLS)
            transpose_block(t + j * ldt + i, ldt, a + i * lda + j, lda);
    for (size_t i = 0; i < M; i++)
        for (size_t j = i < blocks_M ? blocks_N : 0; j < N; j++)
            t[j * ldt + i] = a[i * lda + j];
}
