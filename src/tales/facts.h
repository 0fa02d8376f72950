/* Tales that test memory: facts told among stories, and asked for later.
 *
 * A fact gives a name a color, "This is Clara red."; a question repeats the words around the name,
 * "Who is there? It is Clara red."  When it is told again with another color, the newest counts.
 * The same sentences make the training text (`tales_facts`) and the scored task
 * (infer/recall.h). */
#ifndef BL_TALES_FACTS_H
#define BL_TALES_FACTS_H

#include "tales/tales.h"

enum { BL_FACT_NAMES = 24, BL_FACT_VALUES = 10 };

extern const char *const bl_fact_names[BL_FACT_NAMES];
extern const char *const bl_fact_values[BL_FACT_VALUES];

/* Appends "This is NAME VALUE.\n", and "Who is there? It is NAME", after which
 * " VALUE" is right. */
void bl_fact_tell(bl_buf *out, size_t name, size_t value);
void bl_fact_ask(bl_buf *out, size_t name);

/* Appends document `index` to out, a pure function of the seed of t, index and distance:
 *
 *   document   rounds until there are 2 * distance bytes
 *   round      1 to 5 facts, 1 to 6 questions with their answers (no more than names told), a gap;
 *              a line each
 *   fact       a name, one time in seven one told before, with a different color
 *   question   on the fact last told or asked for nearest to d bytes ago, and at most
 *              `distance`
 *   gap        sentences of ordinary stories, beginning anywhere in one, in at most g bytes
 *   d, g       each time drawn log-uniformly (by octaves) from 32 to distance, to distance / 4
 *
 * distance is at least 1.  BL_ENOMEM. */
bl_status bl_tales_facts(const bl_tales *t, uint64_t index, uint64_t distance, bl_buf *out,
                         bl_error *err) BL_NODISCARD;

#endif
