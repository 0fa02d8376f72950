/* Parsing a template: nodes, names and tokens, for expressions and statements alike. */
#include "template/parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void bl_parse_fail(bl_parser *x, bl_status status, const char *format, ...)
{
    char words[300];
    if (x->status != BL_OK)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(words, sizeof words, format, args);
    va_end(args);
    x->status = bl_template_fail(x->p, status, x->at->line, x->err, "%s", words);
    x->at = x->end;
}

void bl_parse_full(bl_parser *x)
{
    if (x->status == BL_OK)
        x->status = bl_program_full(x->p, x->at->line, x->err);
    x->at = x->end;
}

bl_node *bl_parse_node(bl_parser *x, bl_node_kind kind)
{
    bl_node *n = x->status == BL_OK ? bl_program_take(x->p, 1, sizeof *n) : NULL;
    if (!n) {
        bl_parse_full(x);
        x->none = (bl_node){.kind = BL_NODE_CONST};
        return &x->none;
    }
    n->kind = kind;
    n->line = x->at->line;
    return n;
}

void bl_parse_add(bl_parser *x, bl_node *list, size_t *cap, bl_node *item)
{
    if (x->status != BL_OK)
        return;
    if (list->count == *cap) {
        size_t more = *cap ? 2 * *cap : 4;
        bl_node **grown = bl_program_take(x->p, more, sizeof *grown);
        if (!grown) {
            bl_parse_full(x);
            return;
        }
        if (list->count)
            memcpy(grown, list->item, list->count * sizeof(bl_node *));
        list->item = grown;
        *cap = more;
    }
    list->item[list->count++] = item;
}

static size_t place(const char *const *names, size_t cap, const char *name)
{
    size_t h = 5381;
    for (const char *c = name; *c; c++)
        h = h * 33 + (unsigned char)*c;
    for (h &= cap - 1; names[h] && strcmp(names[h], name) != 0; h = (h + 1) & (cap - 1))
        ;
    return h;
}

const char *bl_parse_intern(bl_parser *x, const char *name)
{
    if (x->status != BL_OK)
        return "";
    if (2 * (x->names_count + 1) > x->p->names_cap) {
        size_t cap = x->p->names_cap ? 2 * x->p->names_cap : 64;
        const char **grown = bl_program_take(x->p, cap, sizeof *grown);
        if (!grown) {
            bl_parse_full(x);
            return "";
        }
        for (size_t i = 0; i < x->p->names_cap; i++)
            if (x->p->names[i])
                grown[place(grown, cap, x->p->names[i])] = x->p->names[i];
        x->p->names = grown;
        x->p->names_cap = cap;
    }
    size_t at = place(x->p->names, x->p->names_cap, name);
    x->names_count += !x->p->names[at];
    if (!x->p->names[at])
        x->p->names[at] = name;
    return x->p->names[at];
}

int bl_parse_enter(bl_parser *x)
{
    if (++x->depth > BL_PARSE_DEPTH)
        bl_parse_fail(x, BL_EFORMAT, "expressions or blocks inside each other more than %d deep",
                      BL_PARSE_DEPTH);
    return x->status == BL_OK;
}

void bl_parse_leave(bl_parser *x)
{
    x->depth--;
}

/* ---- tokens ---- */

int bl_parse_is(const bl_parser *x, int64_t op)
{
    return x->at->kind == BL_LEX_OPERATOR && x->at->number == op;
}

int bl_parse_is_word(const bl_parser *x, const char *word)
{
    return x->at->kind == BL_LEX_NAME && strcmp(x->at->text, word) == 0;
}

int bl_parse_skip(bl_parser *x, int64_t op)
{
    int is = bl_parse_is(x, op);
    x->at += is;
    return is;
}

int bl_parse_skip_word(bl_parser *x, const char *word)
{
    int is = bl_parse_is_word(x, word);
    x->at += is;
    return is;
}

/* The token at hand in words. */
static void describe(const bl_lexeme *t, char *words, size_t cap)
{
    static const char *const kinds[] = {"text",
                                        "{{",
                                        "the end of the output",
                                        "{%",
                                        "the end of the tag",
                                        "a name",
                                        "a text",
                                        "a number",
                                        "a number",
                                        "",
                                        "the end of the template"};
    if (t->kind == BL_LEX_OPERATOR)
        (void)snprintf(words, cap, "'%c%.1s'", (char)(t->number & 0x7F),
                       t->number >> 8 ? (char[]){(char)(t->number >> 8), 0} : "");
    else if (t->kind == BL_LEX_NAME)
        (void)snprintf(words, cap, "'%.60s'", t->text);
    else
        (void)snprintf(words, cap, "%s", kinds[t->kind]);
}

void bl_parse_unexpected(bl_parser *x, const char *wanted)
{
    char found[80];
    if (x->status != BL_OK)
        return;
    describe(x->at, found, sizeof found);
    bl_parse_fail(x, BL_EFORMAT, "expected %s, found %s", wanted, found);
}

void bl_parse_expect(bl_parser *x, int64_t op)
{
    char wanted[80];
    if (bl_parse_skip(x, op))
        return;
    describe(&(bl_lexeme){.kind = BL_LEX_OPERATOR, .number = op}, wanted, sizeof wanted);
    bl_parse_unexpected(x, wanted);
}

const char *bl_parse_name(bl_parser *x, const char *what)
{
    if (x->at->kind != BL_LEX_NAME) {
        bl_parse_unexpected(x, what);
        return "";
    }
    const char *name = bl_parse_intern(x, x->at->text);
    x->at += x->status == BL_OK;
    return name;
}

const char *bl_program_name(const bl_program *p, const char *name)
{
    return p->names_cap ? p->names[place(p->names, p->names_cap, name)] : NULL;
}
