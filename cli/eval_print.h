/* What every evaluation prints: the figures over all tokens, ranges of positions, the speed. */
#ifndef BL_CLI_EVAL_PRINT_H
#define BL_CLI_EVAL_PRINT_H

#include "bitllama.h"
#include "figures.h"

/* To stdout, as lines; as the members of a JSON object that is still open. */
void bl_cli_eval_table(const bl_eval_result *r);
void bl_cli_eval_json(const bl_eval_result *r);

/* A range of positions, as a JSON object that is still open. */
void bl_cli_eval_point_json(uint64_t first, uint64_t last, uint64_t tokens, double loss);

/* "7", "4-7" */
bl_short bl_cli_positions(uint64_t first, uint64_t last);

/* To stderr. */
void bl_cli_eval_speed(const bl_eval_result *r);

#endif
