/* The names that a template may use: filters, tests, functions, methods; all others are refused. */
#ifndef BL_TEMPLATE_BUILTINS_H
#define BL_TEMPLATE_BUILTINS_H

/* X(name in C, name): filters, of which several may have two names. */
#define BL_FILTER_LIST(X)                                                                          \
    X(abs, "abs")                                                                                  \
    X(attr, "attr")                                                                                \
    X(batch, "batch")                                                                              \
    X(capitalize, "capitalize")                                                                    \
    X(count, "count")                                                                              \
    X(d, "d")                                                                                      \
    X(default, "default")                                                                          \
    X(dictsort, "dictsort")                                                                        \
    X(e, "e")                                                                                      \
    X(escape, "escape")                                                                            \
    X(first, "first")                                                                              \
    X(float, "float")                                                                              \
    X(indent, "indent")                                                                            \
    X(int, "int")                                                                                  \
    X(items, "items")                                                                              \
    X(join, "join")                                                                                \
    X(last, "last")                                                                                \
    X(length, "length")                                                                            \
    X(list, "list")                                                                                \
    X(lower, "lower")                                                                              \
    X(map, "map")                                                                                  \
    X(max, "max")                                                                                  \
    X(min, "min")                                                                                  \
    X(reject, "reject")                                                                            \
    X(rejectattr, "rejectattr")                                                                    \
    X(replace, "replace")                                                                          \
    X(reverse, "reverse")                                                                          \
    X(round, "round")                                                                              \
    X(safe, "safe")                                                                                \
    X(select, "select")                                                                            \
    X(selectattr, "selectattr")                                                                    \
    X(sort, "sort")                                                                                \
    X(string, "string")                                                                            \
    X(sum, "sum")                                                                                  \
    X(title, "title")                                                                              \
    X(tojson, "tojson")                                                                            \
    X(trim, "trim")                                                                                \
    X(unique, "unique")                                                                            \
    X(upper, "upper")                                                                              \
    X(wordcount, "wordcount")

/* Those of Jinja that are not supported, so that a refusal can tell them from a slip. */
#define BL_FILTERS_NOT_HERE                                                                        \
    "center", "filesizeformat", "forceescape", "format", "groupby", "pprint", "random", "slice",   \
        "striptags", "truncate", "urlencode", "urlize", "wordwrap", "xmlattr"

#define BL_TEST_LIST(X)                                                                            \
    X(boolean, "boolean")                                                                          \
    X(callable, "callable")                                                                        \
    X(defined, "defined")                                                                          \
    X(divisibleby, "divisibleby")                                                                  \
    X(eq, "eq")                                                                                    \
    X(eq_sign, "==")                                                                               \
    X(equalto, "equalto")                                                                          \
    X(escaped, "escaped")                                                                          \
    X(even, "even")                                                                                \
    X(false, "false")                                                                              \
    X(filter, "filter")                                                                            \
    X(float, "float")                                                                              \
    X(ge, "ge")                                                                                    \
    X(ge_sign, ">=")                                                                               \
    X(greaterthan, "greaterthan")                                                                  \
    X(gt, "gt")                                                                                    \
    X(gt_sign, ">")                                                                                \
    X(in, "in")                                                                                    \
    X(integer, "integer")                                                                          \
    X(iterable, "iterable")                                                                        \
    X(le, "le")                                                                                    \
    X(le_sign, "<=")                                                                               \
    X(lessthan, "lessthan")                                                                        \
    X(lower, "lower")                                                                              \
    X(lt, "lt")                                                                                    \
    X(lt_sign, "<")                                                                                \
    X(mapping, "mapping")                                                                          \
    X(ne, "ne")                                                                                    \
    X(ne_sign, "!=")                                                                               \
    X(none, "none")                                                                                \
    X(number, "number")                                                                            \
    X(odd, "odd")                                                                                  \
    X(sameas, "sameas")                                                                            \
    X(sequence, "sequence")                                                                        \
    X(string, "string")                                                                            \
    X(test, "test")                                                                                \
    X(true, "true")                                                                                \
    X(undefined, "undefined")                                                                      \
    X(upper, "upper")

/* Functions that a template finds without being given them. */
#define BL_FUNCTION_LIST(X)                                                                        \
    X(dict, "dict")                                                                                \
    X(namespace, "namespace")                                                                      \
    X(raise_exception, "raise_exception")                                                          \
    X(range, "range")                                                                              \
    X(strftime_now, "strftime_now")

#define BL_FUNCTIONS_NOT_HERE "cycler", "joiner", "lipsum"

/* Methods of strings, dicts and lists that can be called. */
#define BL_METHOD_LIST(X)                                                                          \
    X(capitalize, "capitalize")                                                                    \
    X(count, "count")                                                                              \
    X(endswith, "endswith")                                                                        \
    X(find, "find")                                                                                \
    X(index, "index")                                                                              \
    X(isalnum, "isalnum")                                                                          \
    X(isalpha, "isalpha")                                                                          \
    X(isdigit, "isdigit")                                                                          \
    X(islower, "islower")                                                                          \
    X(isspace, "isspace")                                                                          \
    X(isupper, "isupper")                                                                          \
    X(join, "join")                                                                                \
    X(lower, "lower")                                                                              \
    X(lstrip, "lstrip")                                                                            \
    X(partition, "partition")                                                                      \
    X(removeprefix, "removeprefix")                                                                \
    X(removesuffix, "removesuffix")                                                                \
    X(replace, "replace")                                                                          \
    X(rfind, "rfind")                                                                              \
    X(rpartition, "rpartition")                                                                    \
    X(rsplit, "rsplit")                                                                            \
    X(rstrip, "rstrip")                                                                            \
    X(split, "split")                                                                              \
    X(splitlines, "splitlines")                                                                    \
    X(startswith, "startswith")                                                                    \
    X(strip, "strip")                                                                              \
    X(title, "title")                                                                              \
    X(upper, "upper")                                                                              \
    X(zfill, "zfill")                                                                              \
    X(copy, "copy")                                                                                \
    X(get, "get")                                                                                  \
    X(items, "items")                                                                              \
    X(keys, "keys")                                                                                \
    X(values, "values")                                                                            \
    X(cycle, "cycle")                                                                              \
    X(changed, "changed")

#define BL_NAME_FILTER(name, text)   BL_FILTER_##name,
#define BL_NAME_TEST(name, text)     BL_TEST_##name,
#define BL_NAME_FUNCTION(name, text) BL_FUNCTION_##name,
#define BL_NAME_METHOD(name, text)   BL_METHOD_##name,
enum { BL_FILTER_LIST(BL_NAME_FILTER) BL_FILTERS };
enum { BL_TEST_LIST(BL_NAME_TEST) BL_TESTS };
enum { BL_FUNCTION_LIST(BL_NAME_FUNCTION) BL_FUNCTIONS };
enum { BL_METHOD_LIST(BL_NAME_METHOD) BL_METHODS };

/* The number of a name, or -1; a name by its number. */
int bl_filter_number(const char *name);
int bl_filter_is_elsewhere(const char *name); /* Jinja has it, and it is not supported */
int bl_test_number(const char *name);
int bl_function_number(const char *name);
int bl_function_is_elsewhere(const char *name);
int bl_method_number(const char *name);
const char *bl_filter_name(unsigned number);
const char *bl_method_name(unsigned number);

#endif
