/* Parsing of expressions, by Jinja's grammar. */
#include "template/parser.h"
#include "template/builtins.h"

#include <string.h>

/* ---- arguments ---- */

/* One more name of the arguments that have one. */
static void add_name(bl_parser *x, bl_node *n, const char *name)
{
    if (n->named_count % 8 == 0) {
        const char **grown = bl_program_take(x->p, n->named_count + 8, sizeof *grown);
        if (!grown) {
            bl_parse_full(x);
            return;
        }
        if (n->named_count)
            memcpy(grown, n->named, n->named_count * sizeof *grown);
        n->named = grown;
    }
    n->named[n->named_count++] = name;
}

/* "(a, b, c=d)" of a call, filter or test. */
static void arguments(bl_parser *x, bl_node *n)
{
    size_t cap = 0;
    bl_parse_expect(x, '(');
    for (int first = 1; x->status == BL_OK && !bl_parse_is(x, ')'); first = 0) {
        if (!first)
            bl_parse_expect(x, ',');
        if (!first && bl_parse_is(x, ')'))
            break;
        if (bl_parse_is(x, '*') || bl_parse_is(x, BL_OPERATOR('*', '*')))
            bl_parse_fail(x, BL_EUNSUPPORTED, "arguments by * or ** are not supported");
        if (x->at->kind == BL_LEX_NAME && x->at[1].kind == BL_LEX_OPERATOR &&
            x->at[1].number == '=') {
            const char *name = bl_parse_name(x, "a name");
            x->at += x->status == BL_OK;
            bl_parse_add(x, n, &cap, bl_parse_expression(x));
            if (x->status == BL_OK)
                add_name(x, n, name);
        } else {
            if (n->named_count)
                bl_parse_fail(x, BL_EFORMAT, "an argument without a name after one with a name");
            bl_parse_add(x, n, &cap, bl_parse_expression(x));
        }
    }
    bl_parse_expect(x, ')');
}

/* ---- what is not made of operators ---- */

static bl_node *constant(bl_parser *x, bl_value value)
{
    bl_node *n = bl_parse_node(x, BL_NODE_CONST);
    n->value = value;
    x->at += x->status == BL_OK;
    return n;
}

/* Texts that follow one another are one. */
static bl_node *text(bl_parser *x)
{
    size_t bytes = 0, used = 0;
    bl_node *n = bl_parse_node(x, BL_NODE_CONST);
    for (const bl_lexeme *t = x->at; t->kind == BL_LEX_STRING; t++)
        bytes += t->bytes;
    char *joined = bl_program_take(x->p, bytes + 1, 1);
    bl_chars *c = bl_program_take(x->p, 1, sizeof *c);
    if (!joined || !c) {
        bl_parse_full(x);
        return n;
    }
    for (; x->at->kind == BL_LEX_STRING; x->at++) {
        memcpy(joined + used, x->at->text, x->at->bytes);
        used += x->at->bytes;
    }
    *c = (bl_chars){.text = joined, .bytes = bytes, .count = SIZE_MAX};
    (void)bl_chars_count(c);
    n->value = (bl_value){.kind = BL_VALUE_STRING, .u.chars = c};
    return n;
}

static bl_node *list(bl_parser *x)
{
    size_t cap = 0;
    bl_node *n = bl_parse_node(x, BL_NODE_LIST);
    bl_parse_expect(x, '[');
    while (x->status == BL_OK && !bl_parse_is(x, ']')) {
        if (n->count)
            bl_parse_expect(x, ',');
        if (bl_parse_is(x, ']'))
            break;
        bl_parse_add(x, n, &cap, bl_parse_expression(x));
    }
    bl_parse_expect(x, ']');
    return n;
}

static bl_node *dict(bl_parser *x)
{
    size_t cap = 0;
    bl_node *n = bl_parse_node(x, BL_NODE_DICT);
    bl_parse_expect(x, '{');
    while (x->status == BL_OK && !bl_parse_is(x, '}')) {
        if (n->count)
            bl_parse_expect(x, ',');
        if (bl_parse_is(x, '}'))
            break;
        bl_parse_add(x, n, &cap, bl_parse_expression(x));
        bl_parse_expect(x, ':');
        bl_parse_add(x, n, &cap, bl_parse_expression(x));
    }
    bl_parse_expect(x, '}');
    return n;
}

static int is_constant(const char *name, bl_value *value)
{
    static const char *const names[] = {"true", "True", "false", "False", "none", "None"};
    for (size_t i = 0; i < 6; i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        *value = i < 4 ? bl_bool(i < 2) : bl_none();
        return 1;
    }
    return 0;
}

static bl_node *name(bl_parser *x)
{
    bl_value value;
    if (is_constant(x->at->text, &value))
        return constant(x, value);
    bl_node *n = bl_parse_node(x, BL_NODE_NAME);
    n->name = bl_parse_name(x, "a name");
    if (bl_function_is_elsewhere(n->name))
        bl_parse_fail(x, BL_EUNSUPPORTED, "the function %s is not supported", n->name);
    if (x->macro && strcmp(n->name, "varargs") == 0) {
        x->macro->varargs = 1;
        x->macro->varargs_name = n->name;
    }
    if (x->macro && strcmp(n->name, "kwargs") == 0) {
        x->macro->kwargs = 1;
        x->macro->kwargs_name = n->name;
    }
    if (x->macro && strcmp(n->name, "caller") == 0)
        bl_parse_fail(x, BL_EUNSUPPORTED, "call blocks and their caller are not supported");
    return n;
}

static bl_node *primary(bl_parser *x)
{
    switch (x->at->kind) {
    case BL_LEX_NAME:
        return name(x);
    case BL_LEX_STRING:
        return text(x);
    case BL_LEX_INT:
        return constant(x, bl_whole(x->at->number));
    case BL_LEX_FLOAT:
        return constant(x, bl_fraction(x->at->real));
    default:
        break;
    }
    if (bl_parse_is(x, '[') || bl_parse_is(x, '{'))
        return bl_parse_is(x, '[') ? list(x) : dict(x);
    if (bl_parse_is(x, '(')) {
        x->at++;
        bl_node *n =
            bl_parse_is(x, ')') ? bl_parse_node(x, BL_NODE_LIST) : bl_parse_tuple(x, 1, NULL);
        if (bl_parse_is(x, ')') && n->kind == BL_NODE_LIST && !n->count)
            n->op = 1;
        bl_parse_expect(x, ')');
        return n;
    }
    bl_parse_unexpected(x, "an expression");
    return bl_parse_node(x, BL_NODE_CONST);
}

/* One of "b", "b:c", "b:c:d", ":" and so on. */
static bl_node *subscript(bl_parser *x, bl_node *of)
{
    size_t cap = 0, n = 0;
    bl_node *part[3] = {NULL, NULL, NULL}, *node;
    if (!bl_parse_is(x, ':'))
        part[0] = bl_parse_expression(x);
    if (!bl_parse_is(x, ':')) {
        node = bl_parse_node(x, BL_NODE_ITEM);
        node->a = of;
        node->b = part[0];
        return node;
    }
    while (x->status == BL_OK && n < 2 && bl_parse_skip(x, ':')) {
        n++;
        if (!bl_parse_is(x, ':') && !bl_parse_is(x, ']') && !bl_parse_is(x, ','))
            part[n] = bl_parse_expression(x);
    }
    node = bl_parse_node(x, BL_NODE_SLICE);
    node->a = of;
    for (size_t i = 0; i < 3; i++)
        bl_parse_add(x, node, &cap, part[i]);
    return node;
}

static bl_node *attribute(bl_parser *x, bl_node *of)
{
    bl_node *n;
    if (x->at->kind == BL_LEX_INT) {
        n = bl_parse_node(x, BL_NODE_ITEM);
        n->a = of;
        n->b = constant(x, bl_whole(x->at->number));
        return n;
    }
    n = bl_parse_node(x, BL_NODE_ATTRIBUTE);
    n->a = of;
    n->name = bl_parse_name(x, "a name after the dot");
    return n;
}

static bl_node *postfix(bl_parser *x, bl_node *n)
{
    while (x->status == BL_OK) {
        if (bl_parse_skip(x, '.')) {
            n = attribute(x, n);
        } else if (bl_parse_skip(x, '[')) {
            n = subscript(x, n);
            if (bl_parse_is(x, ','))
                bl_parse_fail(x, BL_EUNSUPPORTED, "an index of several parts is not supported");
            bl_parse_expect(x, ']');
        } else if (bl_parse_is(x, '(')) {
            bl_node *call = bl_parse_node(x, BL_NODE_CALL);
            call->a = n;
            arguments(x, call);
            n = call;
        } else {
            break;
        }
    }
    return n;
}

bl_node *bl_parse_filters(bl_parser *x, bl_node *of, int first)
{
    while (x->status == BL_OK && (first || bl_parse_skip(x, '|'))) {
        bl_node *n = bl_parse_node(x, BL_NODE_FILTER);
        const char *called = bl_parse_name(x, "the name of a filter");
        int number = bl_filter_number(called);
        if (number < 0 && x->status == BL_OK)
            bl_parse_fail(x, bl_filter_is_elsewhere(called) ? BL_EUNSUPPORTED : BL_EFORMAT,
                          bl_filter_is_elsewhere(called) ? "the filter %s is not supported"
                                                         : "no filter is called %s",
                          called);
        n->op = (unsigned)(number < 0 ? 0 : number);
        n->a = of;
        if (bl_parse_is(x, '('))
            arguments(x, n);
        of = n;
        first = 0;
    }
    return of;
}

static int begins_argument(const bl_parser *x)
{
    return (x->at->kind == BL_LEX_NAME && !bl_parse_is_word(x, "else") &&
            !bl_parse_is_word(x, "or") && !bl_parse_is_word(x, "and")) ||
           x->at->kind == BL_LEX_STRING || x->at->kind == BL_LEX_INT ||
           x->at->kind == BL_LEX_FLOAT || bl_parse_is(x, '[') || bl_parse_is(x, '{');
}

/* "is [not] name [argument]". */
static bl_node *test(bl_parser *x, bl_node *of)
{
    int negated = bl_parse_skip_word(x, "not");
    size_t cap = 0;
    bl_node *n = bl_parse_node(x, BL_NODE_TEST), *outer = n;
    const char *called = bl_parse_name(x, "the name of a test");
    int number = bl_test_number(called);
    if (number < 0)
        bl_parse_fail(x, BL_EFORMAT, "no test is called %s", called);
    n->op = (unsigned)(number < 0 ? 0 : number);
    n->a = of;
    if (bl_parse_is(x, '(')) {
        arguments(x, n);
    } else if (begins_argument(x)) {
        if (bl_parse_is_word(x, "is"))
            bl_parse_fail(x, BL_EFORMAT, "tests cannot be chained");
        bl_parse_add(x, n, &cap, postfix(x, primary(x)));
    }
    if (negated) {
        outer = bl_parse_node(x, BL_NODE_NOT);
        outer->a = n;
    }
    return outer;
}

static bl_node *unary(bl_parser *x, int with_filters)
{
    bl_node *n;
    int sign = bl_parse_is(x, '-') || bl_parse_is(x, '+');
    if (bl_parse_enter(x) && sign) {
        n = bl_parse_node(x, BL_NODE_SIGN);
        n->op = (unsigned)x->at->number;
        x->at++;
        n->a = unary(x, 0);
    } else {
        n = primary(x);
    }
    bl_parse_leave(x);
    n = postfix(x, n);
    while (with_filters && x->status == BL_OK) {
        if (bl_parse_is(x, '|'))
            n = bl_parse_filters(x, n, 0);
        else if (bl_parse_skip_word(x, "is"))
            n = test(x, n);
        else if (bl_parse_is(x, '('))
            n = postfix(x, n);
        else
            break;
    }
    return n;
}

/* ---- operators, from those that bind most ---- */

static bl_node *binary(bl_parser *x, unsigned op, bl_node *a)
{
    bl_node *n = bl_parse_node(x, BL_NODE_BINARY);
    n->op = op;
    n->a = a;
    x->at += x->status == BL_OK;
    return n;
}

static bl_node *power(bl_parser *x)
{
    bl_node *n = unary(x, 1);
    while (bl_parse_is(x, BL_OPERATOR('*', '*'))) {
        n = binary(x, 'p', n);
        n->b = unary(x, 1);
    }
    return n;
}

static bl_node *product(bl_parser *x)
{
    bl_node *n = power(x);
    for (;;) {
        unsigned op = bl_parse_is(x, '*')                     ? '*'
                      : bl_parse_is(x, '/')                   ? '/'
                      : bl_parse_is(x, BL_OPERATOR('/', '/')) ? 'f'
                      : bl_parse_is(x, '%')                   ? '%'
                                                              : 0;
        if (!op)
            return n;
        n = binary(x, op, n);
        n->b = power(x);
    }
}

static bl_node *concat(bl_parser *x)
{
    bl_node *first = product(x), *n = first;
    size_t cap = 0;
    if (!bl_parse_is(x, '~'))
        return first;
    n = bl_parse_node(x, BL_NODE_CONCAT);
    bl_parse_add(x, n, &cap, first);
    while (x->status == BL_OK && bl_parse_skip(x, '~'))
        bl_parse_add(x, n, &cap, product(x));
    return n;
}

static bl_node *sum(bl_parser *x)
{
    bl_node *n = concat(x);
    while (bl_parse_is(x, '+') || bl_parse_is(x, '-')) {
        n = binary(x, (unsigned)x->at->number, n);
        n->b = concat(x);
    }
    return n;
}

/* The operator of a comparison at hand, passed over; 0: none. */
static unsigned char comparison(bl_parser *x)
{
    static const struct {
        int64_t op;
        unsigned char code;
    } ops[] = {{BL_OPERATOR('=', '='), '='},
               {BL_OPERATOR('!', '='), BL_COMPARE_NE},
               {BL_OPERATOR('<', '='), BL_COMPARE_LE},
               {BL_OPERATOR('>', '='), BL_COMPARE_GE},
               {'<', '<'},
               {'>', '>'}};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (bl_parse_skip(x, ops[i].op))
            return ops[i].code;
    if (bl_parse_skip_word(x, "in"))
        return BL_COMPARE_IN;
    if (bl_parse_is_word(x, "not") && x->at[1].kind == BL_LEX_NAME &&
        strcmp(x->at[1].text, "in") == 0) {
        x->at += 2;
        return BL_COMPARE_NOT_IN;
    }
    return 0;
}

static bl_node *compare(bl_parser *x)
{
    bl_node *first = sum(x), *n = NULL;
    size_t cap = 0;
    for (unsigned char op; (op = comparison(x)) != 0 && x->status == BL_OK;) {
        if (!n) {
            n = bl_parse_node(x, BL_NODE_COMPARE);
            n->a = first;
        }
        if (n->count % 8 == 0) {
            unsigned char *ops = bl_program_take(x->p, n->count + 8, 1);
            if (!ops) {
                bl_parse_full(x);
                break;
            }
            if (n->count)
                memcpy(ops, n->ops, n->count);
            n->ops = ops;
        }
        n->ops[n->count] = op;
        bl_parse_add(x, n, &cap, sum(x));
    }
    return n ? n : first;
}

static bl_node *negation(bl_parser *x)
{
    if (!bl_parse_is_word(x, "not"))
        return compare(x);
    bl_node *n = bl_parse_node(x, BL_NODE_NOT);
    x->at++;
    n->a = bl_parse_enter(x) ? negation(x) : n;
    bl_parse_leave(x);
    return n;
}

static bl_node *conjunction(bl_parser *x)
{
    bl_node *n = negation(x);
    while (bl_parse_is_word(x, "and")) {
        n = binary(x, 0, n);
        n->kind = BL_NODE_AND;
        n->b = negation(x);
    }
    return n;
}

static bl_node *disjunction(bl_parser *x)
{
    bl_node *n = conjunction(x);
    while (bl_parse_is_word(x, "or")) {
        n = binary(x, 0, n);
        n->kind = BL_NODE_OR;
        n->b = conjunction(x);
    }
    return n;
}

bl_node *bl_parse_expression(bl_parser *x)
{
    bl_node *n = bl_parse_enter(x) ? disjunction(x) : bl_parse_node(x, BL_NODE_CONST);
    while (x->status == BL_OK && bl_parse_is_word(x, "if")) {
        n = binary(x, 0, n);
        n->kind = BL_NODE_IF_ELSE;
        n->b = disjunction(x);
        n->c = bl_parse_skip_word(x, "else") ? bl_parse_expression(x) : NULL;
    }
    bl_parse_leave(x);
    return n;
}

/* ---- several, with commas ---- */

static int is_end(const bl_parser *x, const char *until)
{
    return x->at->kind == BL_LEX_CLOSE || x->at->kind == BL_LEX_BLOCK_CLOSE ||
           x->at->kind == BL_LEX_END || bl_parse_is(x, ')') ||
           (until && bl_parse_is_word(x, until));
}

bl_node *bl_parse_tuple(bl_parser *x, int choice, const char *until)
{
    size_t cap = 0;
    if (is_end(x, until))
        bl_parse_unexpected(x, "an expression");
    bl_node *first = choice ? bl_parse_expression(x) : disjunction(x);
    if (!bl_parse_is(x, ','))
        return first;
    bl_node *n = bl_parse_node(x, BL_NODE_LIST);
    n->op = 1;
    bl_parse_add(x, n, &cap, first);
    while (x->status == BL_OK && bl_parse_skip(x, ',') && !is_end(x, until))
        bl_parse_add(x, n, &cap, choice ? bl_parse_expression(x) : disjunction(x));
    return n;
}

/* A name, an attribute of a namespace, or a tuple in parentheses. */
static bl_node *target(bl_parser *x, int spaces)
{
    bl_value value;
    if (bl_parse_skip(x, '(')) {
        bl_node *n =
            bl_parse_enter(x) ? bl_parse_target(x, spaces, NULL) : bl_parse_node(x, BL_NODE_CONST);
        bl_parse_leave(x);
        bl_parse_expect(x, ')');
        return n;
    }
    if (x->at->kind == BL_LEX_NAME && is_constant(x->at->text, &value))
        bl_parse_fail(x, BL_EFORMAT, "%s cannot be assigned to", x->at->text);
    bl_node *n = bl_parse_node(x, BL_NODE_NAME);
    n->name = bl_parse_name(x, "a name to assign to");
    if (spaces && bl_parse_skip(x, '.')) {
        n->kind = BL_NODE_SET_ATTRIBUTE;
        n->a = bl_parse_node(x, BL_NODE_NAME);
        n->a->name = bl_parse_name(x, "the name of an attribute");
    }
    return n;
}

bl_node *bl_parse_target(bl_parser *x, int spaces, const char *until)
{
    size_t cap = 0;
    bl_node *first = target(x, spaces);
    if (!bl_parse_is(x, ','))
        return first;
    bl_node *n = bl_parse_node(x, BL_NODE_LIST);
    n->op = 1;
    bl_parse_add(x, n, &cap, first);
    while (x->status == BL_OK && bl_parse_skip(x, ',') && !is_end(x, until) && !bl_parse_is(x, '='))
        bl_parse_add(x, n, &cap, target(x, spaces));
    return n;
}
