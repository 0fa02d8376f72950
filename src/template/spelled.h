/* Values as text: Python's str() and repr(), JSON. */
#ifndef BL_TEMPLATE_SPELLED_H
#define BL_TEMPLATE_SPELLED_H

#include "template/values.h"

/* As str() and as repr(), appended. */
void bl_spell(bl_run *r, bl_writer *w, bl_value v);
void bl_spell_exactly(bl_run *r, bl_writer *w, bl_value v);

/* The same as a string; a string is itself. */
bl_value bl_spelled(bl_run *r, bl_value v);

/* As json.dumps() of Python. */
typedef struct bl_json_style {
    int ascii;              /* ensure_ascii */
    int sorted;             /* sort_keys */
    const bl_chars *indent; /* NULL: on one line */
    const bl_chars *comma, *colon;
} bl_json_style;
void bl_spell_json(bl_run *r, bl_writer *w, bl_value v, const bl_json_style *style);

/* Appends text with & < > " ' escaped for HTML. */
void bl_spell_html(bl_run *r, bl_writer *w, const bl_chars *c);

#endif
