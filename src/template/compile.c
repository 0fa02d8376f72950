/* Parsing of statements: the blocks of a template, and the template as a whole. */
#include "template/jinja.h"
#include "template/builtins.h"
#include "template/parser.h"
#include "core/alloc.h"
#include "core/utf8.h"

#include <string.h>

enum { SOURCE = 1 << 18, MEMORY = 48 << 20 };

/* Statements up to a tag that begins with one of these words, which becomes the token at hand. */
static void statements(bl_parser *x, bl_node *into, const char *const *until);

static void close_tag(bl_parser *x)
{
    if (x->at->kind == BL_LEX_BLOCK_CLOSE)
        x->at++;
    else
        bl_parse_unexpected(x, "the end of the tag");
}

/* The statements of a block behind its tag, and its end tag. */
static void body(bl_parser *x, bl_node *into, const char *ends)
{
    const char *until[] = {ends, NULL};
    close_tag(x);
    statements(x, into, until);
    x->at += x->status == BL_OK;
}

static bl_node *parse_if(bl_parser *x)
{
    static const char *const until[] = {"elif", "else", "endif", NULL};
    bl_node *first = bl_parse_node(x, BL_NODE_IF), *n = first;
    for (;;) {
        n->a = bl_parse_tuple(x, 0, NULL);
        close_tag(x);
        statements(x, n, until);
        if (!bl_parse_skip_word(x, "elif"))
            break;
        n->b = bl_parse_node(x, BL_NODE_IF);
        n = n->b;
    }
    if (bl_parse_skip_word(x, "else")) {
        n->b = bl_parse_node(x, BL_NODE_BLOCK);
        body(x, n->b, "endif");
    } else {
        x->at += x->status == BL_OK;
    }
    return first;
}

static bl_node *parse_for(bl_parser *x)
{
    static const char *const until[] = {"endfor", "else", NULL};
    bl_node *n = bl_parse_node(x, BL_NODE_FOR);
    n->name = bl_parse_intern(x, "loop");
    n->a = bl_parse_target(x, 0, "in");
    if (!bl_parse_skip_word(x, "in"))
        bl_parse_unexpected(x, "'in'");
    n->b = bl_parse_tuple(x, 0, "recursive");
    if (bl_parse_skip_word(x, "if"))
        n->c = bl_parse_expression(x);
    if (bl_parse_is_word(x, "recursive"))
        bl_parse_fail(x, BL_EUNSUPPORTED, "recursive loops are not supported");
    close_tag(x);
    x->loops++;
    statements(x, n, until);
    x->loops--;
    if (bl_parse_skip_word(x, "else")) {
        n->d = bl_parse_node(x, BL_NODE_BLOCK);
        body(x, n->d, "endfor");
    } else {
        x->at += x->status == BL_OK;
    }
    return n;
}

static bl_node *parse_set(bl_parser *x)
{
    bl_node *n = bl_parse_node(x, BL_NODE_SET);
    n->a = bl_parse_target(x, 1, NULL);
    if (bl_parse_skip(x, '=')) {
        n->b = bl_parse_tuple(x, 1, NULL);
        return n;
    }
    n->op = 1;
    n->b = bl_parse_filters(x, NULL, 0);
    body(x, n, "endset");
    return n;
}

/* The parameters of a macro, with their defaults in d. */
static void parameters(bl_parser *x, bl_node *n)
{
    size_t cap = 0, named = 0;
    bl_node *d = n->d = bl_parse_node(x, BL_NODE_LIST);
    bl_parse_expect(x, '(');
    while (x->status == BL_OK && !bl_parse_is(x, ')')) {
        if (d->count)
            bl_parse_expect(x, ',');
        if (named % 8 == 0) {
            const char **grown = bl_program_take(x->p, named + 8, sizeof *grown);
            if (!grown) {
                bl_parse_full(x);
                return;
            }
            if (named)
                memcpy(grown, d->named, named * sizeof *grown);
            d->named = grown;
        }
        d->named[named++] = bl_parse_name(x, "the name of a parameter");
        int has = bl_parse_skip(x, '=');
        if (!has && d->count && d->item[d->count - 1])
            bl_parse_fail(x, BL_EFORMAT, "a parameter without a default after one with it");
        bl_parse_add(x, d, &cap, has ? bl_parse_expression(x) : NULL);
    }
    d->named_count = d->count;
    bl_parse_expect(x, ')');
}

static bl_node *parse_macro(bl_parser *x)
{
    bl_node *n = bl_parse_node(x, BL_NODE_MACRO);
    bl_macro *m = bl_program_take(x->p, 1, sizeof *m), *outer = x->macro;
    size_t loops = x->loops;
    if (!m) {
        bl_parse_full(x);
        return n;
    }
    n->name = bl_parse_name(x, "the name of a macro");
    *m = (bl_macro){.name = n->name, .node = n};
    n->value = (bl_value){.kind = BL_VALUE_MACRO, .u.macro = m};
    x->macro = m;
    x->loops = 0;
    parameters(x, n);
    body(x, n, "endmacro");
    x->macro = outer;
    x->loops = loops;
    return n;
}

/* A block with an end of its own and nothing to say. */
static bl_node *parse_generation(bl_parser *x)
{
    bl_node *n = bl_parse_node(x, BL_NODE_GENERATION);
    size_t loops = x->loops;
    x->p->generates = 1;
    x->loops = 0; /* as in Jinja, where it is a call */
    body(x, n, "endgeneration");
    x->loops = loops;
    return n;
}

static bl_node *parse_filter_block(bl_parser *x)
{
    bl_node *n = bl_parse_node(x, BL_NODE_FILTER_BLOCK);
    n->b = bl_parse_filters(x, NULL, 1);
    body(x, n, "endfilter");
    return n;
}

static bl_node *parse_with(bl_parser *x)
{
    size_t cap = 0;
    bl_node *n = bl_parse_node(x, BL_NODE_WITH);
    n->d = bl_parse_node(x, BL_NODE_LIST);
    while (x->status == BL_OK && x->at->kind != BL_LEX_BLOCK_CLOSE) {
        if (n->d->count)
            bl_parse_expect(x, ',');
        bl_parse_add(x, n->d, &cap, bl_parse_target(x, 0, NULL));
        bl_parse_expect(x, '=');
        bl_parse_add(x, n->d, &cap, bl_parse_expression(x));
    }
    body(x, n, "endwith");
    return n;
}

static bl_node *parse_leave(bl_parser *x, bl_node_kind kind, const char *word)
{
    bl_node *n = bl_parse_node(x, kind);
    if (!x->loops)
        bl_parse_fail(x, BL_EFORMAT, "%s outside of a loop", word);
    return n;
}

static int is_elsewhere(const char *word)
{
    static const char *const words[] = {"block",  "extends", "print", "include",
                                        "import", "from",    "call",  "autoescape",
                                        "do",     "trans",   "debug", "pluralize"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], word) == 0)
            return 1;
    return 0;
}

/* What stands in a tag behind its first word. */
static bl_node *statement(bl_parser *x)
{
    static const struct {
        const char *word;
        bl_node *(*parse)(bl_parser *x);
    } kinds[] = {{"if", parse_if},
                 {"for", parse_for},
                 {"set", parse_set},
                 {"macro", parse_macro},
                 {"with", parse_with},
                 {"generation", parse_generation},
                 {"filter", parse_filter_block}};
    const char *word = x->at->kind == BL_LEX_NAME ? x->at->text : "";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(word, kinds[i].word) == 0) {
            x->at++;
            return kinds[i].parse(x);
        }
    }
    if (bl_parse_skip_word(x, "break"))
        return parse_leave(x, BL_NODE_BREAK, "break");
    if (bl_parse_skip_word(x, "continue"))
        return parse_leave(x, BL_NODE_CONTINUE, "continue");
    if (!*word)
        bl_parse_unexpected(x, "the name of a statement");
    else if (is_elsewhere(word))
        bl_parse_fail(x, BL_EUNSUPPORTED, "the statement %s is not supported", word);
    else
        bl_parse_fail(x, BL_EFORMAT, "no statement is called %.60s, or none can end here", word);
    return bl_parse_node(x, BL_NODE_CONST);
}

static int ends(const bl_parser *x, const char *const *until)
{
    for (; until && *until; until++)
        if (bl_parse_is_word(x, *until))
            return 1;
    return 0;
}

static void statements(bl_parser *x, bl_node *into, const char *const *until)
{
    size_t cap = 0;
    if (!bl_parse_enter(x))
        return;
    while (x->status == BL_OK) {
        bl_node *n = NULL;
        if (x->at->kind == BL_LEX_DATA) {
            n = bl_parse_node(x, BL_NODE_TEXT);
            bl_chars *c = bl_program_take(x->p, 1, sizeof *c);
            if (!c) {
                bl_parse_full(x);
                break;
            }
            *c = (bl_chars){.text = x->at->text, .bytes = x->at->bytes, .count = SIZE_MAX};
            n->value = (bl_value){.kind = BL_VALUE_STRING, .u.chars = c};
            x->at++;
        } else if (x->at->kind == BL_LEX_OPEN) {
            n = bl_parse_node(x, BL_NODE_OUTPUT);
            x->at++;
            n->a = bl_parse_tuple(x, 1, NULL);
            if (x->at->kind != BL_LEX_CLOSE)
                bl_parse_unexpected(x, "the end of the output");
            x->at += x->status == BL_OK;
        } else if (x->at->kind == BL_LEX_BLOCK_OPEN) {
            x->at++;
            if (ends(x, until))
                break;
            n = statement(x);
            if (x->status == BL_OK)
                close_tag(x);
        } else if (!until) {
            break;
        } else {
            bl_parse_fail(x, BL_EFORMAT, "a block that begins in line %zu has no %s", into->line,
                          until[0]);
        }
        if (n)
            bl_parse_add(x, into, &cap, n);
    }
    bl_parse_leave(x);
}

static bl_status parse(bl_program *p, const char *text, size_t bytes, bl_error *err)
{
    bl_lexeme *tokens = NULL;
    size_t invalid = bl_utf8_invalid(text, bytes);
    if (bytes > SOURCE)
        return bl_fail(err, BL_EFORMAT, "%s: a template of %zu bytes; at most %d are read", p->what,
                       bytes, SOURCE);
    if (invalid < bytes)
        return bl_fail(err, BL_EFORMAT, "%s: not UTF-8 at byte %zu", p->what, invalid);
    BL_TRY(bl_lex(&tokens, p, text, bytes, err));
    bl_parser x = {.p = p, .at = tokens, .end = tokens, .err = err};
    while (x.end->kind != BL_LEX_END)
        x.end++;
    bl_node *body_of_all = bl_parse_node(&x, BL_NODE_BLOCK);
    statements(&x, body_of_all, NULL);
    p->body = body_of_all;
    return x.status;
}

bl_status bl_program_open(bl_program **p, const char *what, const char *text, size_t bytes,
                          bl_error *err)
{
    bl_program *made = bl_calloc(1, sizeof *made);
    *p = NULL;
    if (!made)
        return bl_fail(err, BL_ENOMEM, "out of memory for a template");
    made->pool.limit = MEMORY;
    made->what = bl_strdup(what);
    bl_status status = made->what ? parse(made, text, bytes, err)
                                  : bl_fail(err, BL_ENOMEM, "out of memory for a template");
    if (status != BL_OK) {
        bl_program_close(made);
        return status;
    }
    *p = made;
    return BL_OK;
}

void bl_program_close(bl_program *p)
{
    if (!p)
        return;
    bl_pool_release(&p->pool);
    bl_free(p->what);
    bl_free(p);
}

int bl_program_generates(const bl_program *p)
{
    return p->generates;
}
