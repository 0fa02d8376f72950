/* A template as a tree: what the parser makes and the evaluator walks. */
#ifndef BL_TEMPLATE_TREE_H
#define BL_TEMPLATE_TREE_H

#include "template/values.h"

typedef enum bl_node_kind {
    /* expressions */
    BL_NODE_CONST,
    BL_NODE_NAME,
    BL_NODE_LIST,    /* items; op 1: a tuple */
    BL_NODE_DICT,    /* items: key, value, key, value, ... */
    BL_NODE_IF_ELSE, /* a if b else c; c may be NULL */
    BL_NODE_OR,
    BL_NODE_AND,
    BL_NODE_NOT,
    BL_NODE_COMPARE,   /* a, then items compared in a chain by `ops` */
    BL_NODE_BINARY,    /* a op b: one of + - * / % and 'f' (floor division), 'p' (power) */
    BL_NODE_CONCAT,    /* items */
    BL_NODE_SIGN,      /* op a: + or - */
    BL_NODE_ATTRIBUTE, /* a.name */
    BL_NODE_ITEM,      /* a[b] */
    BL_NODE_SLICE,     /* a[items 0 : 1 : 2], which may be NULL */
    BL_NODE_CALL,      /* a(items) */
    BL_NODE_FILTER,    /* a|number(items); a NULL: of a block */
    BL_NODE_TEST,      /* a is number(items) */
    /* statements */
    BL_NODE_TEXT,
    BL_NODE_OUTPUT,        /* a */
    BL_NODE_SET,           /* target a = b, or the text of items through the filters b */
    BL_NODE_SET_ATTRIBUTE, /* as a target: name.text */
    BL_NODE_IF,            /* a: items; else b (a block) */
    BL_NODE_FOR,           /* target a in b if c: items; else d */
    BL_NODE_BLOCK,         /* items */
    BL_NODE_MACRO,
    BL_NODE_GENERATION,
    BL_NODE_FILTER_BLOCK, /* filters b of the text of items */
    BL_NODE_WITH,         /* ops pairs of target and value in d; items */
    BL_NODE_BREAK,
    BL_NODE_CONTINUE
} bl_node_kind;

typedef struct bl_node {
    bl_node_kind kind;
    unsigned op; /* of an operator; of filters and tests their number */
    size_t line;
    const char *name; /* of a variable, attribute, parameter: one pointer for one spelling */
    struct bl_node *a, *b, *c, *d;
    struct bl_node **item;
    size_t count;
    const char **named; /* [named_count]: the last items are arguments with these names */
    size_t named_count;
    unsigned char *ops; /* of a chain of comparisons */
    bl_value value;
} bl_node;

enum {
    BL_COMPARE_IN = 'i',
    BL_COMPARE_NOT_IN = 'n',
    BL_COMPARE_NE = '!',
    BL_COMPARE_LE = 'l',
    BL_COMPARE_GE = 'g'
}; /* and '=', '<', '>' */

/* Its parameters are the names of d, whose items are their defaults (NULL: none); its body, items. */
typedef struct bl_macro {
    const char *name;
    const bl_node *node;
    int varargs, kwargs;                    /* whether its body names them, */
    const char *varargs_name, *kwargs_name; /* and how the program spells that */
    struct bl_scope *scope;
} bl_macro;

/* A compiled template. */
typedef struct bl_program {
    bl_pool pool;
    bl_node *body; /* a block */
    char *what;
    const char **names; /* [names_cap], a table by hash: all that the template names */
    size_t names_cap;
    int generates; /* it has a generation block */
} bl_program;

#endif
