/* The names that a template may use, found by their spelling. */
#include "template/builtins.h"

#include <stddef.h>
#include <string.h>

#define SPELLING(name, text) text,
static const char *const filters[] = {BL_FILTER_LIST(SPELLING)};
static const char *const tests[] = {BL_TEST_LIST(SPELLING)};
static const char *const functions[] = {BL_FUNCTION_LIST(SPELLING)};
static const char *const methods[] = {BL_METHOD_LIST(SPELLING)};
static const char *const filters_elsewhere[] = {BL_FILTERS_NOT_HERE};
static const char *const functions_elsewhere[] = {BL_FUNCTIONS_NOT_HERE};

static int find(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

#define COUNT(list) (sizeof(list) / sizeof *(list))

int bl_filter_number(const char *name)
{
    return find(filters, COUNT(filters), name);
}

int bl_filter_is_elsewhere(const char *name)
{
    return find(filters_elsewhere, COUNT(filters_elsewhere), name) >= 0;
}

int bl_test_number(const char *name)
{
    return find(tests, COUNT(tests), name);
}

int bl_function_number(const char *name)
{
    return find(functions, COUNT(functions), name);
}

int bl_function_is_elsewhere(const char *name)
{
    return find(functions_elsewhere, COUNT(functions_elsewhere), name) >= 0;
}

int bl_method_number(const char *name)
{
    return find(methods, COUNT(methods), name);
}

const char *bl_filter_name(unsigned number)
{
    return filters[number];
}

const char *bl_method_name(unsigned number)
{
    return methods[number];
}
