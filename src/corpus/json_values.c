/* Where JSON values end: brackets and strings counted, nothing else looked at. */
#include "corpus/json_values.h"
#include "corpus/json_text.h"

/* One character of a value; 1 when the value ends with it. */
static int step_inside(bl_json_values *v, char c)
{
    if (v->in_string) {
        int ends = c == '"' && !v->escaped;
        v->escaped = c == '\\' && !v->escaped;
        v->in_string = !ends;
        return ends && v->depth == 0;
    }
    v->in_string = c == '"';
    if (c == '{' || c == '[')
        v->depth++;
    else if ((c == '}' || c == ']') && v->depth)
        return --v->depth == 0;
    return 0;
}

/* A number or a name ends before what cannot be in it. */
static int ends_scalar(const bl_json_values *v, char c)
{
    return v->depth == 0 && !v->in_string &&
           (bl_json_is_space(c) || c == ',' || c == ']' || c == '}' || c == '"' || c == '[' ||
            c == '{');
}

/* Whether to skip what cannot be here.  Only the first at its place counts. */
static int pass_over(bl_json_values *v, int counts)
{
    v->odd += v->lax && counts;
    return v->lax;
}

/* A character between two values; 0 when it cannot be there. */
static int step_between(bl_json_values *v, char c)
{
    if (bl_json_is_space(c))
        return 1;
    if (!v->begun) {
        v->begun = 1;
        v->array = c == '[';
        v->comma = 1;
        if (v->array)
            return 1;
    }
    if (v->over) {
        int first = v->over == 1;
        v->over = 2;
        return pass_over(v, first);
    }
    if (v->array && c == ']') {
        int early = v->comma && v->begun != 1;
        v->over = 1;
        return !early || pass_over(v, 1);
    }
    if (v->array && c == ',' && !v->comma) {
        v->comma = 1;
        return 1;
    }
    if (c == ',' || c == ']' || c == '}')
        return pass_over(v, 1);
    if ((v->array ? !v->comma : c != '{') &&
        !pass_over(v, v->array)) /* a word is counted as it ends */
        return 0;
    v->begun = 2; /* a value was there */
    v->in_value = 1;
    v->comma = 0;
    return 1;
}

bl_json_step bl_json_values_next(bl_json_values *v, const char *text, size_t bytes, size_t *at,
                                 size_t *first)
{
    for (; *at < bytes; ++*at) {
        char c = text[*at];
        int began = 0;
        if (!v->in_value) {
            if (!step_between(v, c))
                return BL_JSON_WRONG;
            if (!v->in_value)
                continue;
            *first = *at;
            began = 1;
        }
        if (!began && ends_scalar(v, c)) {
            v->in_value = 0;
            return BL_JSON_VALUE;
        }
        if (step_inside(v, c)) {
            v->in_value = 0;
            ++*at;
            return BL_JSON_VALUE;
        }
    }
    return BL_JSON_MORE;
}

int bl_json_values_complete(const bl_json_values *v)
{
    return !v->in_value && (!v->begun || !v->array || v->over || v->lax);
}
