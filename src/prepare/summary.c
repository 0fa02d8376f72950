/* Sources, split and frequent tokens in words and figures. */
#include "prepare/summary.h"
#include "core/utf8.h"

#include <stdio.h>
#include <string.h>

void bl_prepare_name_sources(bl_opt_text text, const char *const *sources, size_t count)
{
    size_t used = 0, room = sizeof(bl_opt_text);
    for (size_t i = 0; i < count; i++) {
        const char *name = strcmp(sources[i], "-") == 0 ? "standard input" : sources[i];
        size_t n = strlen(name) + 2;
        if (used + n + 4 >= room) { /* long lists are cut at a name */
            (void)snprintf(text + used, room - used, "%s", ", ..");
            break;
        }
        used += (size_t)snprintf(text + used, room - used, "%s%s", i ? ", " : "", name);
    }
    if (bl_utf8_invalid(text, strlen(text)) < strlen(text)) /* a path in some other encoding */
        for (char *c = text; *c; c++)
            if ((unsigned char)*c > 127)
                *c = '?';
}

void bl_prepare_name_split(bl_opt_text text, const bl_split *split, const char *validation)
{
    size_t room = sizeof(bl_opt_text);
    bl_opt_text name;
    if (validation) {
        bl_prepare_name_sources(name, &validation, 1);
        (void)snprintf(text, room, "the validation documents are those of %.*s", (int)room - 64,
                       strlen(name) < room - 64 ? name : "a source of their own");
    } else if (split->given)
        (void)snprintf(text, room,
                       "the validation documents are those of TinyStories' own validation file");
    else if (split->ends)
        (void)snprintf(
            text, room,
            "documents are too few or too long to draw whole ones: the last val_split of "
            "each is for validation, if that is %d bytes or more or the document is the "
            "longest, from the nearest paragraph, line, sentence, word or character; "
            "shorter ones if Philox(seed, split, low half of their XXH3-128) < val_split",
            BL_SPLIT_LEAST_END);
    else
        (void)snprintf(text, room,
                       "a document is for validation if Philox(seed, split, low half of its "
                       "XXH3-128) < val_split; one changes sides if a side would be empty");
}

/* The most frequent ids, and how many are unused. */
static void find_top(bl_prepare_result *r, const uint64_t *uses, size_t vocab_size)
{
    for (size_t i = 0; i < BL_PREPARE_TOP; i++)
        r->top[i] = -1;
    for (size_t id = 0; id < vocab_size; id++) {
        uint64_t n = uses[id];
        r->tokens_unused += n == 0;
        size_t at = BL_PREPARE_TOP;
        while (n && at > 0 && n > r->top_count[at - 1])
            at--;
        for (size_t i = BL_PREPARE_TOP - 1; n && i > at; i--) {
            r->top[i] = r->top[i - 1];
            r->top_count[i] = r->top_count[i - 1];
        }
        if (n && at < BL_PREPARE_TOP) {
            r->top[at] = (int32_t)id;
            r->top_count[at] = n;
        }
    }
}

void bl_prepare_summarize(const bl_preparation *p, bl_prepare_result *r)
{
    const bl_data_split *train = &p->meta.split[BL_DATA_TRAIN], *val = &p->meta.split[BL_DATA_VAL];
    bl_cutter_counts counts = bl_source_counted(p->source);
    bl_source_passed passed = bl_source_passed_over(p->source);
    *r = p->result;
    r->documents = train->documents + val->documents;
    r->val_documents = val->documents;
    r->val_ends = p->meta.ends;
    r->bytes = train->bytes + val->bytes;
    r->val_bytes = val->bytes;
    r->tokens = train->tokens + val->tokens;
    r->val_tokens = val->tokens;
    r->counted = train->counted + val->counted;
    r->val_counted = val->counted;
    r->vocab_size = p->meta.vocab_size;
    r->eos = (int32_t)p->meta.roles.eos;
    r->longest_document = train->longest_document > val->longest_document ? train->longest_document
                                                                          : val->longest_document;
    r->documents_cut = counts.cut;
    r->characters_replaced = counts.replaced;
    r->returns_replaced = counts.returns;
    r->marks_dropped = counts.marks;
    r->bad_dropped = counts.bad;
    r->answers_rewritten = counts.rewritten;
    r->files_passed = passed.files;
    r->ours_passed = passed.ours;
    (void)snprintf(r->first_bad, sizeof r->first_bad, "%s", passed.first_bad);
    find_top(r, p->uses, p->meta.vocab_size);
}
