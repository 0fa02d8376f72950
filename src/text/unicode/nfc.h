/* Canonical composition (NFC, Unicode Standard Annex 15), as the pinned tokenizers do it. */
#ifndef BL_TEXT_UNICODE_NFC_H
#define BL_TEXT_UNICODE_NFC_H

#include "core/buf.h"

/* What each code point may do: never changes, may be shared by threads. */
typedef struct bl_nfc bl_nfc;

bl_status bl_nfc_open(bl_nfc **n, bl_error *err) BL_NODISCARD;
void bl_nfc_close(bl_nfc *n);

/* A stretch that was recomposed: the source's bytes and those that they became. */
typedef struct bl_nfc_change {
    size_t from, from_end, to, to_end;
} bl_nfc_change;

/* What one thread needs; all zero at first. */
typedef struct bl_nfc_work {
    bl_buf text; /* of the last run, if it changed anything */
    bl_nfc_change *change;
    size_t count, cap;
    int32_t *code, *room; /* a stretch decomposed */
    size_t code_cap, room_cap;
} bl_nfc_work;

void bl_nfc_work_release(bl_nfc_work *w);

/* Composes a text (valid UTF-8).  With w->count 0 it was composed already, else w->text is the
 * result.  The time is linear, whatever the text. */
bl_status bl_nfc_run(const bl_nfc *n, bl_nfc_work *w, const char *text, size_t bytes,
                     bl_error *err) BL_NODISCARD;

/* The place in the source that a place in the result comes from, as a beginning or, with `end`, as
 * an end.  Inside a change it is that of the whole stretch. */
size_t bl_nfc_source(const bl_nfc_work *w, size_t at, int end);

#endif
