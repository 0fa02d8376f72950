/* What help and man pages say: flags in words, exit codes, environment, files. */
#ifndef BL_CLI_DESCRIBE_H
#define BL_CLI_DESCRIBE_H

#include "cli.h"

/* One flag in words. */
typedef struct bl_flag_words {
    char name[80];     /* "-m, --model", "--top-k" */
    char value[80];    /* what follows it: "MODEL", "N", "a|b"; or "" */
    const char *help;  /* one sentence */
    int required;      /* 1: the command needs it */
    char fallback[64]; /* its default, or "" */
    char off[80];      /* "--no-share-qk" of a switch that is on, or "" */
    char bounds[64];   /* "0 to 100" of a number, or "" */
} bl_flag_words;

void bl_describe_flag(bl_flag_words *words, const bl_flag *flag);
void bl_describe_field(bl_flag_words *words, const bl_field_info *field);

/* The texts of all statuses that end the program with this code, joined by "; "; "" for none. */
void bl_describe_exit(int code, char *text, size_t cap);

enum { BL_EXIT_CODES = 128 }; /* above: 128 + the number of a signal */

/* X(variable, meaning) */
#define BL_ENVIRONMENT_LIST(X)                                                                     \
    X("BITLLAMA_CPU",                                                                              \
      "the SIMD level to use instead of the processor's best: c, avx2, avx512 or amx; "            \
      "on ARM c, neon, dotprod or i8mm")                                                           \
    X("BITLLAMA_PLUGINS",                                                                          \
      "folders to search first for back ends, libbitllama_NAME.so, with : between")                \
    X("NO_COLOR", "when set and not empty: no colours on a terminal")                              \
    X("BITLLAMA_CACHE", "where downloads are kept, instead of HF_HOME")                            \
    X("HF_HOME", "where downloads are kept, below hub/; ~/.cache/huggingface by default")          \
    X("HF_ENDPOINT", "the Hugging Face Hub or a mirror of it")                                     \
    X("HF_TOKEN", "access token, sent to that host only")                                          \
    X("HF_HUB_OFFLINE", "1: nothing is downloaded, the cache must do")                             \
    X("XDG_STATE_HOME", "where chat keeps its history; ~/.local/state by default")                 \
    X("COLUMNS", "the width to write for, instead of the terminal's")

/* X(the word of a usage line, or the command, that it belongs to, path, meaning) */
#define BL_FILE_LIST(X)                                                                            \
    X("MODEL", "MODEL/config.json", "sizes and choices of the model")                              \
    X("MODEL", "MODEL/model.safetensors",                                                          \
      "its weights; or model.safetensors.index.json and shards")                                   \
    X("MODEL", "MODEL/tokenizer.json", "its vocabulary and merges")                                \
    X("chat", "~/.local/state/bitllama/history", "the lines typed")                                \
    X("RUN", "RUN/ckpt/step-NNNNNNNN/",                                                            \
      "a checkpoint: the model and all that training goes on "                                     \
      "from")                                                                                      \
    X("RUN", "RUN/LATEST", "the name of the newest checkpoint")                                    \
    X("RUN", "RUN/metrics.jsonl", "a record of every step and evaluation")                         \
    X("RUN", "RUN/events.out.tfevents.*", "the same for TensorBoard")                              \
    X("RUN", "RUN/loss.svg", "the loss curve")                                                     \
    X("DIR", "DIR/train.bin, DIR/val.bin", "token ids, for training and for validation")           \
    X("DIR", "DIR/train.mask, DIR/val.mask", "of conversations: which tokens are learned")         \
    X("DIR", "DIR/tokenizer.json", "the tokenizer that made them")                                 \
    X("DIR", "DIR/meta.json", "counts, and the hash of the tokenizer")

#endif
