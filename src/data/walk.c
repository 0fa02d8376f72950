/* Walking through a token file with a mask, window by window. */
#include "data/walk.h"

bl_status bl_walk_open(bl_walk *w, const bl_token_file *tokens, size_t T, int32_t end,
                       bl_error *err)
{
    *w = (bl_walk){.tokens = tokens, .T = T};
    BL_TRY(bl_loader_open(&w->loader, tokens, 1, T, 0, err));
    bl_loader_documents(w->loader, end);
    return BL_OK;
}

void bl_walk_close(bl_walk *w)
{
    bl_loader_close(w->loader);
    w->loader = NULL;
}

int bl_walk_over(const bl_walk *w)
{
    return w->begun && w->done + 1 >= bl_token_file_count(w->tokens);
}

/* A place found in front of what is counted is never so far in front that nothing new is read: a
 * document or question that begins there ends there too. */
bl_status bl_walk_next(bl_walk *w, int32_t *x, int32_t *y, bl_error *err)
{
    size_t last = bl_token_file_count(w->tokens) - 1 - w->T, start = w->done;
    if (start < last)
        BL_TRY(bl_loader_place(w->loader, &start, err));
    else
        start = last;
    BL_TRY(bl_window_get(w->tokens, start, w->T, x, y, err));
    for (size_t i = 0; w->begun && i < w->T && start + 1 + i <= w->done; i++)
        y[i] = -1;
    w->done = start + w->T;
    w->begun = 1;
    return BL_OK;
}
