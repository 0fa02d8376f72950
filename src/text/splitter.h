/* An open splitter: its stages, made by splitter.c and run by pretokenize.c. */
#ifndef BL_TEXT_SPLITTER_H
#define BL_TEXT_SPLITTER_H

#include "text/unicode/kinds.h"
#include "text/pretokenize.h"
#include "text/wordscan.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* How the matches of a stage are found, or what else it does to the text. */
typedef enum bl_scanner {
    BL_BY_REGEX,
    BL_BY_SET, /* each character of a set, */
    BL_BY_RUN, /* or a run of them */
    BL_BY_GPT2,
    BL_BY_LLAMA3,
    BL_BY_QWEN2,
    BL_ADDS_SPACE,
    BL_TO_BYTES
} bl_scanner;

typedef struct bl_stage {
    bl_scanner scanner;
    bl_behavior behavior;
    int invert;
    pcre2_code *code; /* BL_BY_REGEX */
    int in_vain;      /* where a match fails, it also fails at the next places that may begin one */
    unsigned char begins[BL_KINDS]; /* 1 for kinds that a match may begin with, or the set */
} bl_stage;

struct bl_splitter {
    bl_wordscan *scan;
    bl_kinds *kinds; /* NULL: no stage asks for them */
    unsigned char byte_kind[256];
    char *what;
    bl_stage *stage;
    size_t count;
};

#endif
