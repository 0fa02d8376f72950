/* The tables of named values: model config, device, training, preparing, generating,
 * the Hub.
 *
 * A line here is a field everywhere: member of the struct, default, bounds in words, JSON in and
 * out, flag of the command line, help and man page. */
#ifndef BL_FORMAT_OPTIONS_H
#define BL_FORMAT_OPTIONS_H

#include "core/status.h"

enum { BL_TEXT_MAX = 1024 };

/* Kinds of fields and the C type of each. */
typedef size_t bl_opt_size;
typedef double bl_opt_real;
typedef int bl_opt_flag;
typedef int bl_opt_choice; /* index into the choices "a|b|c" */
typedef char bl_opt_text[BL_TEXT_MAX];

/* clang-format off */

/* X(kind, field, default, min, max, choices, help) */
#define BL_CONFIG_FIELDS(X)                                                                         \
    X(size, vocab_size, "16384", 2, 1 << 24, NULL, "entries of the vocabulary (taken from the data when training)") \
    X(size, hidden_size, "256", 2, 65536, NULL, "width D of the residual stream")                   \
    X(size, intermediate_size, "688", 1, 131072, NULL, "width I of the SwiGLU block")               \
    X(size, num_hidden_layers, "8", 1, 1024, NULL, "layers L")                                      \
    X(size, num_attention_heads, "4", 1, 4096, NULL, "TTT heads H; head width F = D / H")           \
    X(real, rms_norm_eps, "1e-6", 0, 1, NULL, "epsilon of RMSNorm")                                 \
    X(real, rope_theta, "10000", 1, 1e9, NULL, "base of the rotary positions inside a chunk")       \
    X(choice, ttt_layer_type, "linear", 0, 0, "linear|mlp", "inner model of the TTT layer")         \
    X(real, ttt_base_lr, "1", 0, 1000, NULL, "inner learning rate before its gate (default for mlp: 0.1)") \
    X(size, mini_batch_size, "16", 1, 64, NULL, "chunk C: tokens between two updates of the inner model") \
    X(flag, ttt_forget, "true", 0, 1, NULL, "the inner model returns to its start at a rate that each head learns") \
    X(real, ttt_half_life_min, "0", 0, 1e12, NULL, "tokens until half is forgotten, of the first head at the start of training; 0: 4 chunks") \
    X(real, ttt_half_life_max, "0", 0, 1e12, NULL, "the same of the last head; 0: 4 training contexts") \
    X(size, conv_kernel, "4", 2, 8, NULL, "taps K of the causal convolutions")                      \
    X(flag, share_qk, "true", 0, 1, NULL, "queries and keys from one projection through two convolutions") \
    X(flag, use_gate, "true", 0, 1, NULL, "output gate of the TTT layer")                           \
    X(flag, pre_conv, "true", 0, 1, NULL, "a convolution before every TTT layer")                   \
    X(flag, tie_word_embeddings, "true", 0, 1, NULL, "one matrix for the embedding and the head")   \
    X(real, initializer_range, "0.02", 0, 10, NULL, "standard deviation of the initial weights")    \
    X(real, conv_initializer_range, "0", 0, 10, NULL, "standard deviation of the initial convolutions; 0: 0.8 sqrt(256 / max(D, 256))") \
    X(choice, quantization, "ternary", 0, 0, "ternary|none", "weights of the projections")          \
    X(size, bos_token_id, "0", 0, 1 << 24, NULL, "token fed before a text")                         \
    X(size, eos_token_id, "0", 0, 1 << 24, NULL, "token that ends a text")                          \
    X(size, pad_token_id, "1", 0, 1 << 24, NULL, "padding token")

#define BL_DEVICE_FIELDS(X)                                                                         \
    X(text, device, "cpu", 0, 0, NULL, "where to compute: cpu, ref, or a plug-in's name, as NAME:1 its second device; trace:cpu times the ops, fault:cpu guards memory") \
    X(size, threads, "0", 0, 1024, NULL, "threads; 0: as many as this process may use processors")  \
    X(choice, precision, "auto", 0, 0, "auto|f32|bf16", "of activations and products; on the CPU bf16 is of the products for gradients; auto: the device's usual one, on the CPU the faster one when a run begins")

#define BL_TRAIN_FIELDS(X)                                                                          \
    X(choice, preset, "micro", 0, 0, "micro|code|tiny", "model size and its defaults")              \
    BL_DEVICE_FIELDS(X)                                                                             \
    X(size, seed, "0", 0, 1e15, NULL, "seed of initial weights, data order and dropout")            \
    X(size, batch, "32", 1, 65536, NULL, "sequences B a micro-batch")                               \
    X(size, context, "128", 1, 1 << 20, NULL, "tokens T a sequence")                                \
    X(size, accum, "1", 1, 4096, NULL, "micro-batches a step")                                      \
    X(size, steps, "0", 0, 1e12, NULL, "optimizer steps of the schedule; 0: the preset's")          \
    X(size, tokens, "0", 0, 1e15, NULL, "the same as tokens, rounded up to whole steps")            \
    X(size, stop_after, "0", 0, 1e12, NULL, "stop after this step, schedule unchanged; 0: never")   \
    X(real, lr, "0", 0, 10, NULL, "peak learning rate; 0: the preset's")                            \
    X(real, embedding_rate, "1", 0, 100, NULL, "learning rate of embedding and head, as a multiple of the others'")  \
    X(size, warmup, "0", 0, 1e9, NULL, "warm-up steps; 0: min(50, steps / 20)")                     \
    X(choice, schedule, "two-stage", 0, 0, "two-stage|cosine|linear|constant", "how the learning rate falls after the warm-up; two-stage: linearly, from 2/3 of the peak in the second half") \
    X(real, min_lr, "0", 0, 10, NULL, "learning rate that the schedule falls to")                   \
    X(real, weight_decay, "0.1", 0, 10, NULL, "AdamW decay of matrices and embedding")              \
    X(real, decay_until, "1", 0, 1, NULL, "share of the steps after the warm-up that have it; 0.5: none in the second half") \
    X(real, beta1, "0.9", 0, 0.999999, NULL, "AdamW beta 1")                                        \
    X(real, beta2, "0.95", 0, 0.999999, NULL, "AdamW beta 2")                                       \
    X(real, adam_eps, "1e-8", 1e-30, 1, NULL, "AdamW epsilon")                                          \
    X(real, clip, "1", 0, 1e6, NULL, "largest gradient norm; 0: no clipping")                       \
    X(real, dropout, "0", 0, 0.9, NULL, "dropout on embedding and residual additions")              \
    X(real, carry, "0", 0, 1, NULL, "rows of a batch continue where they ended, with the inner state, and begin anew with this probability a window; 0: every row always begins anew") \
    X(choice, windows, "auto", 0, 0, "auto|anywhere|documents", "where the rows of a batch begin: anywhere in the data, or, documents, at the start of the document where they would, if all of it fits; auto: documents for conversations, else anywhere") \
    X(choice, prefetch, "auto", 0, 0, "auto|on|off", "make the next batch while a step runs; auto: when the data exceeds half of the memory") \
    X(flag, recompute, "false", 0, 1, NULL, "keep the activations of one layer and compute the others again in the backward pass: less memory, slower, the same bits") \
    X(text, init, "", 0, 0, NULL, "begin with the weights of this run, checkpoint, model folder or repository of the Hub (OWNER/NAME), optimizer and schedule fresh; its shape is the run's, its tokenizer the data's") \
    X(choice, resume, "false", 0, 0, "false|true|auto", "continue from the newest good checkpoint; auto: or begin where there is none") \
    X(size, save_every, "10", 1, 1e12, NULL, "steps between checkpoints")                           \
    X(real, save_seconds, "60", 0, 1e9, NULL, "but not sooner than this after the last one")        \
    X(size, keep, "3", 1, 1e6, NULL, "checkpoints kept, beside the best")                           \
    X(size, eval_every, "0", 0, 1e12, NULL, "steps between evaluations; 0: ten a run")              \
    X(size, eval_tokens, "65536", 0, 1e12, NULL, "validation tokens an evaluation; 0: all of val.bin") \
    X(flag, samples, "true", 0, 1, NULL, "write samples in passing")                                \
    X(size, sample_every, "0", 0, 1e12, NULL, "steps between samples; 0: with every evaluation")    \
    X(text, sample_prompt, "Once upon a time", 0, 0, NULL, "how samples begin")

#define BL_PREPARE_FIELDS(X)                                                                        \
    X(size, vocab_size, "16384", 258, 1 << 24, NULL, "entries of the vocabulary")                   \
    X(size, min_frequency, "0", 0, 1e15, NULL, "how often a pair must occur to become a token")         \
    X(text, tokenizer, "", 0, 0, NULL, "use this tokenizer.json instead of training one")           \
    X(text, eos, "", 0, 0, NULL, "its token, or id, that ends a document; default: as the files beside it say, or the usual name") \
    X(text, chat_template, "", 0, 0, NULL, "chat template: a .jinja file, tokenizer_config.json or a folder with one; default: that of `tokenizer`'s folder, else of conversations ChatML") \
    X(text, special_tokens, "", 0, 0, NULL, "special tokens of a tokenizer that is trained, with spaces between them; default: what the chat template writes around messages") \
    X(real, val_split, "0.01", 0, 0.9, NULL, "share of the documents set aside for validation")     \
    X(text, validation, "", 0, 0, NULL, "source of the validation documents, all of them: nothing is drawn from the others, and no tokenizer learns from it; it is read first, so that `dedup` drops what is like it from the others") \
    X(size, seed, "0", 0, 1e15, NULL, "seed of the split and of tales")                             \
    X(text, glob, "*", 0, 0, NULL, "files to take from folders; *.txt takes a.txt.gz too")          \
    X(choice, documents, "auto", 0, 0, "auto|blank-line|line|file|jsonl|messages", "where documents end; auto: at lines <|endoftext|>; .jsonl and .json by their form; messages: JSON Lines of conversations, of which the answers are learned") \
    X(text, field, "", 0, 0, NULL, "field of JSON Lines that holds the text (text); given, auto means jsonl; of conversations the messages (messages), or question and answer (prompt,completion)") \
    X(choice, encoding, "auto", 0, 0, "auto|utf-8|utf-16|utf-16le|utf-16be|latin-1|windows-1252", "encoding of files without a byte order mark; auto: UTF-8, and UTF-16 where its zeros show it") \
    X(choice, dedup, "none", 0, 0, "none|exact|near", "drop documents that were there before, exactly or nearly") \
    X(real, near, "0.8", 0.3, 1, NULL, "how alike near is: Jaccard index of five-word shingles")      \
    X(flag, replace_invalid, "false", 0, 1, NULL, "U+FFFD in place of invalid bytes, and of half characters in JSON, instead of stopping") \
    X(flag, skip_bad, "false", 0, 1, NULL, "drop lines of JSON Lines that are no JSON or have no text, and count them, instead of stopping") \
    X(size, max_document, "67108864", 64, 1e12, NULL, "bytes after which a document is cut in two")   \
    X(flag, force, "false", 0, 1, NULL, "replace other data that a run was trained on: it can then not be resumed") \
    X(size, tales_bytes, "20000000", 1, 1e12, NULL, "bytes of text that tales writes")              \
    X(size, tales_facts, "0", 0, 1 << 24, NULL, "tales tells facts and asks for each at most this many bytes after it was last told or asked for; 0: plain stories") \
    X(size, threads, "0", 0, 1024, NULL, "threads; 0: as many as this process may use processors")

#define BL_GENERATE_FIELDS(X)                                                                       \
    X(size, max_tokens, "256", 0, 1e9, NULL, "most tokens to write")                                \
    X(real, temperature, "0.8", 0, 100, NULL, "0: always the likeliest token")                      \
    X(size, top_k, "40", 0, 1 << 24, NULL, "keep the k likeliest tokens; 0: all")                   \
    X(real, top_p, "0.95", 0, 1, NULL, "keep the likeliest tokens up to this mass")                 \
    X(real, min_p, "0.05", 0, 1, NULL, "drop tokens below this share of the likeliest")             \
    X(real, repeat_penalty, "1", 0.01, 100, NULL, "divide the logits of recent tokens by this")     \
    X(size, repeat_last, "64", 0, 1 << 20, NULL, "how many tokens are recent")                      \
    X(real, seed, "-1", -1, 1e15, NULL, "seed of the sampler; -1: a random one")                    \
    X(flag, bos, "true", 0, 1, NULL, "feed the end-of-text token before the first prompt")                  \
    X(flag, special, "false", 0, 1, NULL, "<|endoftext|> and the like in a prompt are special tokens, not letters") \
    X(flag, heal, "false", 0, 1, NULL, "write a prompt's last word, or the spaces and line ends at its end, anew with what follows: they are often in one token with it") \
    X(flag, log_probability, "false", 0, 1, NULL, "tell the log-probability of every token") \
    X(size, logprobs, "0", 0, 256, NULL, "tell it, and those of the N likeliest tokens in its place: of the model alone, before biases, grammar, penalty and temperature") \
    X(flag, ignore_eos, "false", 0, 1, NULL, "go on past the end-of-text token") \
    X(flag, finish, "true", 0, 1, NULL, "under a grammar, bring its text to an end within max_tokens where that is possible")

#define BL_PULL_FIELDS(X)                                                                           \
    X(text, revision, "", 0, 0, NULL, "a branch, a tag or a commit; none: what follows @ in the name, or else main") \
    X(choice, parts, "model", 0, 0, "model|tokenizer", "what is fetched: a model, or only what its tokenizer and its chat template are") \
    X(flag, offline, "false", 0, 1, NULL, "ask nobody, the cache must do, as with HF_HUB_OFFLINE=1") \
    X(text, cache_dir, "", 0, 0, NULL, "the folder of the cache, in the layout of huggingface_hub, instead of the usual one") \
    X(text, token, "", 0, 0, NULL, "access token, instead of that of HF_TOKEN or a file, which nobody else can see")

#define BL_PUSH_FIELDS(X)                                                                           \
    X(text, revision, "main", 0, 0, NULL, "the branch; one that is not there begins where main is") \
    X(text, message, "Upload with bitllama", 0, 0, NULL, "of the commit")                          \
    X(choice, visibility, "public", 0, 0, "public|private", "of a repository that is made")        \
    X(flag, any, "false", 0, 1, NULL, "send any folder, also a run or one that holds no model")    \
    X(flag, dry_run, "false", 0, 1, NULL, "send nothing, and list what would be sent")             \
    X(flag, verify, "true", 0, 1, NULL, "read back what was sent; without, the Hub's list of checksums must do") \
    X(text, token, "", 0, 0, NULL, "access token, instead of that of HF_TOKEN or a file, which nobody else can see")
/* clang-format on */

#define X(kind, field, fallback, min, max, choices, help) bl_opt_##kind field;
typedef struct bl_config {
    BL_CONFIG_FIELDS(X)
} bl_config;
typedef struct bl_device_options {
    BL_DEVICE_FIELDS(X)
} bl_device_options;
typedef struct bl_train_options {
    BL_TRAIN_FIELDS(X)
} bl_train_options;
typedef struct bl_prepare_options {
    BL_PREPARE_FIELDS(X)
} bl_prepare_options;
typedef struct bl_generate_options {
    BL_GENERATE_FIELDS(X)
} bl_generate_options;
typedef struct bl_pull_options {
    BL_PULL_FIELDS(X)
} bl_pull_options;
typedef struct bl_push_options {
    BL_PUSH_FIELDS(X)
} bl_push_options;
#undef X

enum { BL_TTT_LINEAR, BL_TTT_MLP };                                  /* ttt_layer_type */
enum { BL_QUANT_TERNARY, BL_QUANT_NONE };                            /* quantization */
enum { BL_PRECISION_AUTO, BL_PRECISION_F32, BL_PRECISION_BF16 };     /* precision */
enum { BL_WINDOWS_AUTO, BL_WINDOWS_ANYWHERE, BL_WINDOWS_DOCUMENTS }; /* windows */
enum { BL_PREFETCH_AUTO, BL_PREFETCH_ON, BL_PREFETCH_OFF };          /* prefetch */
enum {                                                               /* schedule */
       BL_SCHEDULE_TWO_STAGE,
       BL_SCHEDULE_COSINE,
       BL_SCHEDULE_LINEAR,
       BL_SCHEDULE_CONSTANT
};
enum { BL_RESUME_NO, BL_RESUME_YES, BL_RESUME_AUTO };     /* resume */
enum { BL_PRESET_MICRO, BL_PRESET_CODE, BL_PRESET_TINY }; /* preset */
enum {                                                    /* documents */
       BL_DOCUMENTS_AUTO,
       BL_DOCUMENTS_BLANK_LINE,
       BL_DOCUMENTS_LINE,
       BL_DOCUMENTS_FILE,
       BL_DOCUMENTS_JSONL,
       BL_DOCUMENTS_MESSAGES
};
enum { BL_VISIBILITY_PUBLIC, BL_VISIBILITY_PRIVATE };  /* visibility */
enum { BL_PARTS_MODEL, BL_PARTS_TOKENIZER };           /* parts */
enum { BL_DEDUP_NONE, BL_DEDUP_EXACT, BL_DEDUP_NEAR }; /* dedup */

/* The struct inside an options handle of that kind, for the library's own files.  Valid until the
 * handle is closed. */
bl_config *bl_options_config(bl_options *o);
const bl_config *bl_options_config_const(const bl_options *o);
const bl_train_options *bl_options_train(const bl_options *o);
const bl_prepare_options *bl_options_prepare(const bl_options *o);
const bl_generate_options *bl_options_generate(const bl_options *o);
const bl_device_options *bl_options_device(const bl_options *o);
const bl_pull_options *bl_options_pull(const bl_options *o);
const bl_push_options *bl_options_push(const bl_options *o);

/* BL_EINVAL naming both kinds when a caller's set is of another kind; NULL is fine. */
bl_status bl_options_expect(const bl_options *o, bl_options_kind kind, const char *where,
                            bl_error *err) BL_NODISCARD;

/* All defaults of a kind into its struct. */
void bl_options_defaults(bl_options_kind kind, void *fields);

/* A new set with the values of `o`, a set of that kind, or with the defaults when it is NULL. */
bl_status bl_options_copy(bl_options **copy, bl_options_kind kind, const bl_options *o,
                          bl_error *err) BL_NODISCARD;

/* A handle of kind CONFIG that holds a copy of c. */
bl_status bl_options_from_config(bl_options **o, const bl_config *c, bl_error *err) BL_NODISCARD;

/* Checks what the bounds of a single field cannot say: D divisible by H, an even head width of
 * 16..128, the special ids inside the vocabulary, ...  `name`, a file, begins the message; NULL:
 * these are options, named in backquotes. */
bl_status bl_config_check(const bl_config *c, const char *name, bl_error *err) BL_NODISCARD;

/* Sets the half-lives of a new model that are still 0, from its chunk and training context; both
 * are 0 where nothing is forgotten (MODEL 3.7). */
void bl_config_half_lives(bl_config *c, size_t context);

/* config.json of a model folder (docs/FORMATS.md): every field, model_type, architectures and
 * quantization_config.  A field missing on reading takes its default. */
bl_status bl_config_load(bl_config *c, const char *path, bl_error *err) BL_NODISCARD;

/* How model.safetensors beside a config.json holds the ternary matrices: as latent float matrices
 * (quantization_mode online), or packed (offline) with weight_scale = g, or, in the older
 * convention (linear_class bitlinear or none), packed with weight_scale = 1 / g. */
typedef enum bl_weight_form {
    BL_WEIGHTS_LATENT,
    BL_WEIGHTS_PACKED,
    BL_WEIGHTS_PACKED_INVERSE
} bl_weight_form;
bl_status bl_config_form(bl_weight_form *form, const char *path, bl_error *err) BL_NODISCARD;

/* Writes config.json, for weights of that form (latent or packed); with `auto_map` it names the
 * classes in PyTorch that stand beside it. */
bl_status bl_config_save(const bl_config *c, bl_weight_form form, int auto_map, const char *path,
                         bl_error *err) BL_NODISCARD;

/* Any set as a JSON object {"name": value, ...} into a checkpoint's state and back.  `kind` says
 * which table `fields` is.  The object is a jansson json_t, passed as void to keep jansson out of
 * this header. */
void *bl_options_to_json(bl_options_kind kind, const void *fields);
bl_status bl_options_from_json(bl_options_kind kind, void *fields, const void *json,
                               const char *name, bl_error *err) BL_NODISCARD;

#endif
