/* The values of a template, Python's as far as templates see them, and the run that owns them.
 *
 * All memory of a run is taken from one pool with a limit and given back at its end.  A failure is
 * kept in the run: functions then return something harmless, loops stop, and the end reports it. */
#ifndef BL_TEMPLATE_VALUES_H
#define BL_TEMPLATE_VALUES_H

#include "core/status.h"

/* Memory that is given back as a whole. */
typedef struct bl_pool {
    struct bl_pool_block *block;
    size_t used, limit; /* bytes */
} bl_pool;

/* NULL: no memory, or more than the limit (then used > limit). */
void *bl_pool_take(bl_pool *p, size_t bytes);
void bl_pool_release(bl_pool *p);

typedef enum bl_value_kind {
    BL_VALUE_UNDEFINED,
    BL_VALUE_NONE,
    BL_VALUE_BOOL,
    BL_VALUE_INT,
    BL_VALUE_FLOAT,
    BL_VALUE_STRING,
    BL_VALUE_LIST, /* and what else is gone through in order: see bl_list_kind */
    BL_VALUE_DICT,
    BL_VALUE_NAMESPACE,
    BL_VALUE_MACRO,
    BL_VALUE_METHOD,   /* of the value that it was looked up in */
    BL_VALUE_FUNCTION, /* a global one */
    BL_VALUE_LOOP
} bl_value_kind;

typedef enum bl_list_kind {
    BL_LIST_PLAIN,
    BL_LIST_TUPLE,
    BL_LIST_RANGE,
    BL_LIST_VIEW,     /* keys, values or items of a dict */
    BL_LIST_GENERATOR /* gone through once: what a lazy filter returns */
} bl_list_kind;

/* Where a byte of a text comes from; none of these: the template's own text. */
enum {
    BL_MARK_INPUT = 1,  /* the caller's values: messages, tools, documents */
    BL_MARK_ANSWER = 2, /* written in a {% generation %} block */
};

typedef struct bl_value {
    unsigned char kind;   /* bl_value_kind */
    unsigned char number; /* of a method or function */
    union {
        int truth;
        int64_t whole;
        double real;
        struct bl_chars *chars;
        struct bl_list *list;
        struct bl_dict *dict; /* a namespace too */
        const char *name;     /* of what is undefined, or NULL */
        const struct bl_macro *macro;
        const struct bl_value *owner; /* of a method */
        struct bl_loop *loop;
    } u;
} bl_value;

/* Text in UTF-8. */
typedef struct bl_chars {
    const char *text;
    const unsigned char *marks; /* [bytes], or NULL: no byte has one */
    size_t bytes;
    size_t count; /* code points; SIZE_MAX: not counted yet */
    int safe;     /* went through the filter safe: text added to it is escaped for HTML */
} bl_chars;

typedef struct bl_list {
    bl_list_kind kind;
    bl_value *item;
    size_t count, cap;
    size_t at; /* of a generator: how many were taken */
} bl_list;

typedef struct bl_dict {
    bl_value *key, *value; /* in the order they came */
    size_t count, cap;
} bl_dict;

enum {
    BL_RUN_DEPTH = 800,      /* of expressions, statements and macros inside each other */
    BL_RUN_STEPS = 20000000, /* of all that is counted */
    BL_RUN_NESTING = 200,    /* of lists in lists, where they are compared or written */
    BL_RUN_RANGE = 100000    /* the longest range(), as in Jinja's sandbox */
};

/* The arguments of a call, filter or test. */
typedef struct bl_call_list {
    const bl_value *item;    /* [count], then those with names */
    const char *const *name; /* [named] */
    size_t count, named;
} bl_call_list;

/* One rendering. */
typedef struct bl_run {
    bl_pool pool;
    const char *what; /* begins messages: the template's name */
    bl_error *err;
    bl_status status; /* of the first failure */
    size_t line;      /* of the template */
    size_t depth, nesting;
    uint64_t steps;
    int64_t now;    /* for strftime_now, seconds since 1970 */
    unsigned marks; /* of text that is written: BL_MARK_ANSWER in a generation block */
    struct bl_scope *global;
    const struct bl_program *program;
    struct bl_writer *out;
    size_t most; /* bytes of output */
    /* What lies above those who need it. */
    bl_value (*call_macro)(struct bl_run *r, const struct bl_macro *m, const bl_call_list *l);
    bl_value (*filter)(struct bl_run *r, unsigned number, bl_value v, const bl_call_list *l);
} bl_run;

/* Keeps the first failure; the line of the template is put in front. */
void bl_run_fail(bl_run *r, bl_status status, const char *format, ...) BL_PRINTF(3, 4);

/* Counts work; 0 after a failure, or when there were too many. */
int bl_run_step(bl_run *r, size_t steps);
void *bl_run_take(bl_run *r, size_t count, size_t size); /* zeroed; NULL after a failure */

bl_value bl_undefined(const char *name);
bl_value bl_none(void);
bl_value bl_bool(int truth);
bl_value bl_whole(int64_t n);
bl_value bl_fraction(double x);
bl_value bl_string(bl_run *r, const char *text, size_t bytes); /* a copy, without marks */
bl_value bl_string_of(bl_run *r, const bl_chars *c);           /* shares the bytes */
bl_value bl_text(bl_run *r, const char *text);                 /* shares a text that stays */

/* Characters `from` .. `to` - 1 (bytes) of a string, which share its bytes. */
bl_value bl_part(bl_run *r, const bl_chars *c, size_t from, size_t to);
size_t bl_chars_count(bl_chars *c);                       /* code points */
size_t bl_chars_offset(const bl_chars *c, size_t number); /* of a code point, in bytes */
int bl_chars_are(const bl_chars *c, const char *text);

/* Where a text is in another, from byte `at` on; SIZE_MAX: nowhere. */
size_t bl_chars_find(bl_run *r, const bl_chars *in, const bl_chars *what, size_t at);

bl_value bl_list_new(bl_run *r, bl_list_kind kind);
void bl_list_add(bl_run *r, bl_value list, bl_value item);
bl_value bl_pair(bl_run *r, bl_value a, bl_value b); /* a tuple */
bl_value bl_dict_new(bl_run *r);
void bl_dict_set(bl_run *r, bl_value dict, bl_value key, bl_value value);
bl_value *bl_dict_find(bl_run *r, const bl_dict *d, bl_value key); /* NULL: not there */
bl_value *bl_dict_named(bl_run *r, const bl_dict *d, const char *name);

static inline int bl_is(bl_value v, bl_value_kind kind)
{
    return v.kind == kind;
}
int bl_is_number(bl_value v); /* bools too, as in Python */
double bl_number_of(bl_value v);
int64_t bl_whole_of(bl_value v); /* of an int or bool */
int bl_is_whole(bl_value v);

const char *bl_kind_name(bl_value v); /* as Python calls it: "str" */
int bl_truth(bl_value v);
int bl_equal(bl_run *r, bl_value a, bl_value b);
int bl_compare(bl_run *r, bl_value a,
               bl_value b); /* -1, 0, 1; a failure when Python has no order */
int bl_contains(bl_run *r, bl_value in, bl_value what);

/* What a for loop goes through, as a list of its own or one that is there already; fails where
 * Python cannot.  Takes all that is left of a generator. */
bl_list *bl_items(bl_run *r, bl_value v);
int bl_is_iterable(bl_value v);

/* Text that is put together, with marks; `mark` is added to every byte. */
typedef struct bl_writer {
    char *text;
    unsigned char *marks; /* NULL while no byte has one */
    size_t bytes, cap, most;
    unsigned mark;
} bl_writer;

void bl_write(bl_run *r, bl_writer *w, const char *text, const unsigned char *marks, size_t bytes);
void bl_write_chars(bl_run *r, bl_writer *w, const bl_chars *c);
void bl_write_text(bl_run *r, bl_writer *w, const char *text);
void bl_write_code(bl_run *r, bl_writer *w, uint32_t code, unsigned mark);
bl_value bl_written(bl_run *r, const bl_writer *w);

/* Nesting of lists in lists, where a function calls itself. */
int bl_run_enter(bl_run *r);
void bl_run_leave(bl_run *r);

#endif
