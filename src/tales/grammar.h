/* The tables of the story generator: rules, plots, and the little language of their texts.
 *
 *   {rule}      one of the rule's alternatives;  {Rule}: with a capital letter;  {rule.s}: plural
 *   {x=rule}    the same, kept in x and not written;  {x} writes it, {x.s} its plural
 *   {a}         "a" or "an", as the next word wants it
 *   [one|two]   one of these
 *   <Hello!>    quotation marks
 *   {h} {f} {s} {g}   names: hero, friend, second friend, grown-up.  Also {h.he} {h.him} {h.his}
 *               {h.self} {h.kid} ("girl", "fox")
 *   {t1} {t2} {t3}    "red kite": the things people have, in the order in which they are told;
 *   {q} {p} {r}       the same things in an order that the telling does not give away.  Parts:
 *               {q.c} color, {q.o} noun, {q.os} nouns, {q.who} owner, {q.he} {q.him} {q.his},
 *               {q.own} "Mia's", or "her own" when it is the hero's
 *   {?q.who} {?q.c} {?q.o}   the same, and a reader who remembers the beginning knows this word
 *   /           paragraph
 */
#ifndef BL_TALES_GRAMMAR_H
#define BL_TALES_GRAMMAR_H

#include <stddef.h>

typedef struct bl_tale_rule {
    const char *name;       /* NULL ends a table */
    const char *const *alt; /* ends with NULL */
} bl_tale_rule;

#define BL_ALTS(...)                                                                               \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

enum {
    BL_TALE_KIDS = 1,    /* the cast may be children */
    BL_TALE_ANIMALS = 2, /* the cast may be animals */
    BL_TALE_ALL = BL_TALE_KIDS | BL_TALE_ANIMALS,
    BL_TALE_SAME = 4,   /* all have the same kind of thing, in different colors */
    BL_TALE_Q_OTHER = 8 /* {q} is not the hero's */
};

typedef struct bl_tale_plot {
    const char *rule;
    const char *things; /* the rule that names the things */
    int owners;         /* 2: hero and friend have one; 3: the second friend too */
    int flags;
} bl_tale_plot;

extern const bl_tale_plot bl_tale_plots[];
extern const size_t bl_tale_plot_count;

extern const bl_tale_rule bl_tale_names[];  /* people, animals, colors, things */
extern const bl_tale_rule bl_tale_words[];  /* lists of words */
extern const bl_tale_rule bl_tale_places[]; /* lists of places and what can be seen there */
extern const bl_tale_rule bl_tale_frame[];  /* openings, facts, endings that all plots share */
extern const bl_tale_rule bl_tale_plots_lost[], bl_tale_plots_sharing[], bl_tale_plots_garden[],
    bl_tale_plots_storm[];

#endif
