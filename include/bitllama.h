/* Bit-Llama: make and run a small ternary language model with Test-Time-Training layers.
 *
 * The path from text to text:  bl_prepare() -> bl_trainer_run() -> bl_model_open() ->
 * bl_session_open() -> bl_generate().
 *
 * Conventions.  Functions that can fail return a bl_status and describe the failure in a bl_error
 * that the caller owns (may be NULL); after BL_OK it holds BL_OK and an empty message.  Pointers
 * passed in are borrowed for the call; results go to the caller's buffers; handles come from *_open
 * and end with *_close (NULL is fine), after which they must not be used, like freed memory.  A
 * handle is used by one thread at a time, except that an open bl_tokenizer and an open bl_model
 * never change and may be shared.  Paths and texts are UTF-8.  While BL_ABI is the same, a later
 * version keeps what is here (docs/API.md).
 *
 * NULL.  err, user and the handle given to a *_close may be NULL everywhere; so may a buffer of no
 * elements (cap or count 0), and any argument whose function says so.  Any other NULL, and a set of
 * options of another kind, is BL_EINVAL, with the function and the argument named; a function
 * without a status then does nothing and returns 0, -1 for an id, or NULL.
 *
 * After a failure handles are NULL, counts 0, results all zero and paths and texts empty, except
 * where a function reports what it had done by then; other buffers may hold anything.
 *
 * Room.  A function that fills an array or a text of the caller's, with its room `cap`, succeeds
 * whatever the room: it writes what fits and gives the number of the whole in *count or *bytes (may
 * be NULL where it stands after cap), so cap 0 only asks.  Texts that programs use as names or JSON
 * end in a 0, also when cut short, which is not counted.
 *
 * Structs grow at their end, except bl_error, bl_span, bl_offset, bl_buffer, bl_corpus and
 * bl_batch_turn.  The first member of the others is their size: the caller sets it in a result, to
 * its sizeof, before the call (what cannot be a size is BL_EINVAL), and receives what both versions
 * have; the library sets it in what it hands out, where it is also the step in an array.
 *
 * Callbacks run in the thread of the call and may call anything but functions of the handles in
 * use: those return BL_EBUSY, also from a second thread (noticed, but not guaranteed).  On a
 * session in use a callback may call bl_session_position(), bl_session_bytes() and
 * bl_session_seed(), which takes effect from the next token.  A handle in use may be closed: it is
 * freed when the call returns.  A running trainer and bl_generate() with a function for tokens end
 * soon after (BL_EINTERRUPTED); others run to their end and may call back until then.  No callback
 * may leave by longjmp() or an exception.
 *
 * In your process the library prints nothing, does not exit, installs no handlers and changes no
 * locale, signal mask, umask or working directory.  Its threads take no signals.  The
 * floating-point settings of the caller's thread (rounding, flushing of denormals, traps), its
 * locale and errno affect no result, and are what they were in every callback and after every call.
 * Relative paths are resolved when a call needs them, also by an open trainer or model: a program
 * that changes its working directory should give absolute ones. */
#ifndef BITLLAMA_H
#define BITLLAMA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BL_API __attribute__((visibility("default")))
#else
#define BL_API
#endif

/* The version of this header: as a number, 10,000 major + 100 minor + patch; and of its binary
 * interface, which changes when a program has to be compiled again. */
#define BL_VERSION_NUMBER 200
#define BL_ABI            1

/** The library's version, "major.minor.patch"; and the BL_ABI that it was made with: a program that
 *  finds another one than its own has loaded the wrong library.  Threads: any. */
BL_API const char *bl_version(void);
BL_API int bl_abi(void);

typedef struct bl_feature {
    size_t size;
    const char *name; /* "curl" */
    const char *text; /* what it is for */
    int present;      /* 1: the library was built with it */
} bl_feature;

/** The i-th thing that a build of the library may or may not have; NULL past the last.  Static.
 *  Threads: any. */
BL_API const bl_feature *bl_feature_at(size_t i);

/* ------------------------------------------------------------------ status */

/* X(code, value, exit code of the command line, text) */
#define BL_STATUS_LIST(X)                                                                          \
    X(BL_OK, 0, 0, "ok")                                                                           \
    X(BL_EINVAL, -1, 2, "invalid argument")                                                        \
    X(BL_ENOENT, -2, 3, "no such file")                                                            \
    X(BL_EFORMAT, -3, 3, "bad input data")                                                         \
    X(BL_EUNSUPPORTED, -4, 3, "not supported")                                                     \
    X(BL_EIO, -5, 4, "input or output failed")                                                     \
    X(BL_ENOMEM, -6, 4, "out of memory")                                                           \
    X(BL_EBUSY, -7, 4, "in use elsewhere")                                                         \
    X(BL_ENETWORK, -8, 5, "network failure")                                                       \
    X(BL_EDIVERGED, -9, 6, "training diverged")                                                    \
    X(BL_EDEVICE, -10, 7, "device failure")                                                        \
    X(BL_EINTERRUPTED, -11, 130, "interrupted")

typedef enum bl_status {
#define X(code, value, exit_code, text) code = value,
    BL_STATUS_LIST(X)
#undef X
} bl_status;

typedef struct bl_error {
    bl_status code;
    char message[500]; /* one line as bl_text_shown() makes it: the file or tensor, what is wrong,
                          the remedy.  Options are in backquotes: `vocab_size` */
} bl_error;

/** The status in words, and the exit code a command ends with.  Threads: any. */
BL_API const char *bl_status_name(bl_status status);
BL_API int bl_status_exit_code(bl_status status);

/* ------------------------------------------------------------------ threads */

/** How many threads to compute with where neither an option `threads` nor an argument says: for
 *  models, sessions, trainers and encoders opened, and functions called, from now on.  0, the
 *  default: one for each processor that this process may use, by its affinity and the quota of its
 *  control groups.  More than 1024 counts as 1024.  Results are bit-identical with any number.
 *
 *  The library's threads are one pool for the process; they sleep while they wait and take no
 *  signals.  The child of a fork() starts its own and may keep using everything that is open
 *  and that no other thread was using at the time, unless the fork was made from a progress
 *  function.  Threads: any. */
BL_API void bl_set_threads(size_t count);

/* ------------------------------------------------------------------ messages and progress */

typedef enum bl_log_level { BL_LOG_DEBUG, BL_LOG_INFO, BL_LOG_WARNING } bl_log_level;
typedef void bl_log_fn(void *user, bl_log_level level, const char *line);

/** Sends the library's warnings to a function (NULL: nowhere).  Call before anything else.  A
 *  warning may come from a thread of the library.
 *  Threads: not while other calls run. */
BL_API void bl_log_to(bl_log_fn *fn, void *user);

/** Sends those of calls of this thread to another function instead (NULL: no longer), so that who
 *  shares a process, or has several models, hears what concerns a call or a handle: set it before
 *  the call, and take it away afterwards.  Threads: any; each has its own function. */
BL_API void bl_log_thread_to(bl_log_fn *fn, void *user);

/** A text [bytes] made safe for a terminal: control characters (C0 but \n and \t, DEL, C1),
 *  bidirectional controls, line and paragraph separators as <U+001B>, a byte that is not UTF-8 as
 *  <9B>, all else unchanged.  Names, metadata, and what a model writes may hold any of these.
 *  Writes whole characters while they fit into shown[cap] (8 bytes for each byte of the text always
 *  suffice), without a 0, and returns the bytes written; *taken (may be NULL) is how many bytes of
 *  the text they stand for.  Threads: any. */
enum {
    BL_SHOWN_LINE = 1, /* \n and \t are spelled out too: a name cannot begin another line */
    BL_SHOWN_JSON =
        2,            /* as \u001b, for JSON text, which keeps its meaning; invalid UTF-8: U+FFFD */
    BL_SHOWN_PART = 4 /* more follows: a character whose end is missing is not taken yet */
};
BL_API size_t bl_text_shown(const char *text, size_t bytes, unsigned flags, char *shown, size_t cap,
                            size_t *taken);

/** Called now and then with the progress of a long call; return 0 to continue, anything else to
 *  stop it with BL_EINTERRUPTED.  May be NULL where a function takes one.  `total` is 0 while
 *  unknown; `unit` names what is counted ("B", "merges"). */
typedef int bl_progress_fn(void *user, const char *stage, uint64_t done, uint64_t total,
                           const char *unit);

/** Sends the progress of long calls of this thread to a function (NULL: nowhere), so that it can
 *  show them and stop them.  It covers the calls that take no function of their own:
 *  bl_model_open() ("loading"), bl_generate() while it encodes and reads the prompt ("encoding",
 *  "reading"), bl_session_feed(), bl_session_feed_each(), bl_score(), bl_batch_feed() and
 *  bl_batch_next() of more than a pass ("reading"), the first bl_model_fingerprint(), or the first
 *  loading or saving of a memory, of a model ("hashing": later ones know its fingerprint),
 *  bl_tokenizer_encode() and bl_encoder_run() ("encoding"), bl_export() ("packing"), bl_info()
 *  ("reading"), bl_trainer_open() ("checking"), a session's first
 *  bl_session_consolidate() ("finding its rest").  It is called at least once every 256 tokens, pass of a batch, 64 KB of text, or tensor.
 *  A stopped call returns BL_EINTERRUPTED: what it opens, loads or writes is as after any other
 *  failure; tokens read by then stay read, nothing is pending, and bl_session_position() counts
 *  them.  Threads: any; each has its own function. */
BL_API void bl_progress_to(bl_progress_fn *fn, void *user);

/* ------------------------------------------------------------------ files */

/* A file that appears whole or not at all, like all that the library writes: written under a hidden
 * name beside `path`, synced to disk and renamed by commit, removed by abandon.  A symbolic link
 * stays, and the file that it names is replaced; anything there that is not a regular file (a
 * folder, device, pipe, socket) is refused. */
typedef struct bl_out bl_out;

/** Errors: BL_EIO names the path and the reason, BL_ENOMEM. */
BL_API bl_status bl_out_open(bl_out **out, const char *path, bl_error *err);

/** Appends bytes; a failure is kept, and reported by check and commit (BL_EIO; so is bytes
 *  NULL). */
BL_API void bl_out_write(bl_out *out, const void *bytes, size_t n);
BL_API bl_status bl_out_check(const bl_out *out, bl_error *err);

/** Puts the file in its place and frees the handle, also on failure (BL_EIO), which leaves what was
 *  there before. */
BL_API bl_status bl_out_commit(bl_out *out, bl_error *err);
BL_API void bl_out_abandon(bl_out *out); /* frees; NULL is fine */

/** A file in memory: its name, without a folder, and its bytes. */
typedef struct bl_buffer {
    const char *name; /* "model.safetensors" */
    const void *bytes;
    size_t size;
} bl_buffer;

/** A folder that is in memory, with files[count] in it.  bl_files_path() is valid until it is
 *  closed, and can be given to bl_model_open(), bl_tokenizer_open(), bl_template_open() and, with
 *  "/" and a name after it, to bl_session_load() and bl_options_load().  What they refuse of a file
 *  they refuse here.  The bytes are read where they are, and a model keeps no copy of them, so they
 *  must stay until the folder is closed: after all that was opened from it, or else bl_export() and
 *  bl_template_ends() find its files no more (BL_ENOENT), and while no call reads them.
 *  Errors: BL_EINVAL (a name that is empty, has a "/" or stands twice), BL_ENOMEM.  Threads: any. */
typedef struct bl_files bl_files;
BL_API bl_status bl_files_open(bl_files **f, const bl_buffer *files, size_t count, bl_error *err);
BL_API const char *bl_files_path(const bl_files *f);

/** The i-th of its files, valid until it is closed: 1; or 0 and nothing, past the last. */
BL_API int bl_files_at(const bl_files *f, size_t i, bl_buffer *file);
BL_API void bl_files_close(bl_files *f);

/* ------------------------------------------------------------------ options */

/* A set of named values; the sets and their fields are tables in the library, which also make the
 * command line's flags and help.  Values are passed as text: "2e-3", "true", "ternary". */
typedef enum bl_options_kind {
    BL_OPTIONS_CONFIG,   /* the model: vocab_size, hidden_size, ...  (docs/MODEL.md) */
    BL_OPTIONS_TRAIN,    /* training: lr, batch, context, steps, ... */
    BL_OPTIONS_PREPARE,  /* text to tokens: vocab_size, val_split, ... */
    BL_OPTIONS_GENERATE, /* sampling: temperature, top_k, seed, ... */
    BL_OPTIONS_DEVICE,   /* where to compute: device, threads, precision */
    BL_OPTIONS_PULL,     /* models from the Hugging Face Hub: revision, parts, offline, ... */
    BL_OPTIONS_PUSH,     /* and to it: revision, message, visibility, ... */
    BL_OPTIONS_KINDS
} bl_options_kind;

typedef struct bl_options bl_options;

typedef struct bl_field_info {
    size_t size;
    const char *name;     /* vocab_size; as a flag --vocab-size */
    const char *type;     /* "integer", "number", "boolean", "text", "choice" */
    const char *fallback; /* the default, as text */
    const char *choices;  /* "a|b|c", or NULL */
    const char *help;     /* one line */
    double min, max;      /* of integers and numbers */
} bl_field_info;

/** How many fields a kind has; the i-th of them.  Static.  Threads: any. */
BL_API size_t bl_options_count(bl_options_kind kind);
BL_API const bl_field_info *bl_options_field(bl_options_kind kind, size_t i);

/** A set with every field at its default.  Errors: BL_ENOMEM. */
BL_API bl_status bl_options_open(bl_options **o, bl_options_kind kind, bl_error *err);
BL_API void bl_options_close(bl_options *o);

/** Sets one field from text.  Errors: BL_EINVAL for an unknown name or a value out of bounds. */
BL_API bl_status bl_options_set(bl_options *o, const char *name, const char *value, bl_error *err);

/** The value of a field as text into buffer[cap], with a 0; *bytes is its length, at most 1,023.
 *  Errors: BL_EINVAL (the name). */
BL_API bl_status bl_options_get(const bl_options *o, const char *name, char *buffer, size_t cap,
                                size_t *bytes, bl_error *err);

/** 1 when the field was set by the caller or loaded from a file, 0 when it has its default or a
 *  preset's value, does not exist, or name or o is NULL. */
BL_API int bl_options_is_set(const bl_options *o, const char *name);

/** The name of the i-th model preset; NULL past the last.  Static.  Threads: any. */
BL_API const char *bl_preset_at(size_t i);

/** Applies a model preset by its name to a BL_OPTIONS_CONFIG set.  Errors: BL_EINVAL. */
BL_API bl_status bl_options_preset(bl_options *config, const char *preset, bl_error *err);

/** Applies a config.json to a BL_OPTIONS_CONFIG set.  Errors: BL_ENOENT, BL_EFORMAT. */
BL_API bl_status bl_options_load(bl_options *config, const char *path, bl_error *err);

/* ------------------------------------------------------------------ tokenizer */

/** A piece of text; it need not end in a 0. */
typedef struct bl_span {
    const char *text;
    size_t bytes;
} bl_span;

typedef struct bl_tokenizer bl_tokenizer;

/** A byte-level BPE tokenizer from a tokenizer.json, or from the folder that holds one.
 *  Errors: BL_ENOENT, BL_EFORMAT (not JSON, not a tokenizer), BL_EUNSUPPORTED (another model,
 *  normaliser or pre-tokenizer; a pattern with unknown syntax), BL_ENOMEM.  Threads: the open
 *  tokenizer may be shared. */
BL_API bl_status bl_tokenizer_open(bl_tokenizer **t, const char *path, bl_error *err);
BL_API void bl_tokenizer_close(bl_tokenizer *t);

/** 1 when encoding puts a space before a text that does not begin with one, else 0. */
BL_API int bl_tokenizer_prefix_space(const bl_tokenizer *t);

/** One past the greatest id, added tokens included. */
BL_API size_t bl_tokenizer_vocab_size(const bl_tokenizer *t);

enum {
    BL_ENCODE_SPECIAL = 1,  /* <|endoftext|> and the like in the text are special tokens; without
                               it they are text, as what a user types must be */
    BL_ENCODE_TEMPLATE = 2, /* with the special tokens that the file's post_processor puts around
                                 a text, such as <|begin_of_text|> */
    BL_ENCODE_OFFSETS = 4   /* bl_encoder_run: for bl_encoder_offsets() */
};

/** The bytes of a text that a token comes from: text[start] to text[end - 1], exact also inside a
 *  character; where NFC changed the text, the whole character with its marks.  In sequence they
 *  leave no gap; they overlap in such a character, and where two added tokens take the same spaces.
 *  Empty for what has no source: a token that is only the added space, and those of a template. */
typedef struct bl_offset {
    size_t start, end;
} bl_offset;

/** Text [bytes] to ids; with BL_ENCODE_SPECIAL | BL_ENCODE_TEMPLATE those of Hugging Face's
 *  tokenizers by default.  Writes the first `cap` ids and
 *  the number of all to *count; with cap 0 it only counts.  For much text a bl_encoder is faster:
 *  this call keeps nothing for the next.
 *  Errors: BL_EFORMAT when the text is not UTF-8 (the byte offset is named), BL_EUNSUPPORTED (the
 *  file's pattern takes too long on the text; a word of 4 GiB), BL_ENOMEM. */
BL_API bl_status bl_tokenizer_encode(const bl_tokenizer *t, const char *text, size_t bytes,
                                     unsigned flags, int32_t *ids, size_t cap, size_t *count,
                                     bl_error *err);

/** The same, and the first `cap` offsets too; offsets may be NULL. */
BL_API bl_status bl_tokenizer_encode_offsets(const bl_tokenizer *t, const char *text, size_t bytes,
                                             unsigned flags, int32_t *ids, bl_offset *offsets,
                                             size_t cap, size_t *count, bl_error *err);

/** Encodes many texts at once, on several threads, and keeps the words that it has met for the next
 *  texts.  The tokenizer must outlive it.  threads: 0 for those of bl_set_threads().
 *  Errors: BL_EINVAL (more than 1024 threads), BL_ENOMEM.  Threads: an encoder is used by one
 *  thread at a time; several may share a tokenizer. */
typedef struct bl_encoder bl_encoder;
BL_API bl_status bl_encoder_open(bl_encoder **e, const bl_tokenizer *t, size_t threads,
                                 bl_error *err);
BL_API void bl_encoder_close(bl_encoder *e);

/** Encodes texts[count], each as bl_tokenizer_encode() would; `flags` as there.  The result does
 *  not depend on the number of threads.  It replaces that of the previous run, whose memory is
 *  reused.  On failure there is no result, and the message names the first text that fails.
 *  Errors: those of bl_tokenizer_encode(), with the index of the text, from 0. */
BL_API bl_status bl_encoder_run(bl_encoder *e, const bl_span *texts, size_t count, unsigned flags,
                                bl_error *err);

/** The ids [*count] of text i of the last run, valid until the next run or close; NULL and 0 when
 *  there is no such text.  count may be NULL, here and below. */
BL_API const int32_t *bl_encoder_ids(const bl_encoder *e, size_t i, size_t *count);

/** Their offsets, *count of them; NULL as well without BL_ENCODE_OFFSETS. */
BL_API const bl_offset *bl_encoder_offsets(const bl_encoder *e, size_t i, size_t *count);

enum { BL_DECODE_SPECIAL = 1 }; /* special tokens too, as they are spelled */

/** Ids to text, special tokens left out, bytes that are not UTF-8 as U+FFFD, the prefix space kept.
 *  Writes the first `cap` bytes and the number of all to *bytes.
 *  Errors: BL_EFORMAT when an id is past the vocabulary, BL_ENOMEM. */
BL_API bl_status bl_tokenizer_decode(const bl_tokenizer *t, const int32_t *ids, size_t count,
                                     unsigned flags, char *text, size_t cap, size_t *bytes,
                                     bl_error *err);

/** The id of a token as spelled in tokenizer.json, or -1; the raw bytes of an id (NULL past the
 *  vocabulary), valid until the tokenizer is closed; their number (bytes may be NULL). */
BL_API int32_t bl_tokenizer_id(const bl_tokenizer *t, const char *token);
BL_API const char *bl_tokenizer_bytes(const bl_tokenizer *t, int32_t id, size_t *bytes);

/** The other way: the id whose raw bytes are exactly these, a special token only when no other has
 *  them, of several the least; or -1.  Looks through the vocabulary. */
BL_API int32_t bl_tokenizer_find(const bl_tokenizer *t, const char *text, size_t bytes);

/** 1 for a special token, whose text is left out of what is decoded and generated; else 0. */
BL_API int bl_tokenizer_is_special(const bl_tokenizer *t, int32_t id);

/* ------------------------------------------------------------------ chat templates */

/** How a model wants conversations written (docs/TEMPLATES.md): chat_template.jinja of a folder, or
 *  chat_template of its tokenizer_config.json, or a file that is a template.  Of several the one
 *  with this name; NULL: "default", and "tool_use" when tools are given.  Errors: BL_ENOENT (no
 *  template), BL_EFORMAT, BL_EUNSUPPORTED (what is not supported of Jinja), BL_ENOMEM.  Threads:
 *  the open template may be shared. */
typedef struct bl_template bl_template;
BL_API bl_status bl_template_open(bl_template **t, const char *path, const char *name,
                                  bl_error *err);
BL_API void bl_template_close(bl_template *t);

/** Messages as text.  json: [{"role": "user", "content": "Hi"}], or an object of all that the
 *  template sees: "messages", "tools", "documents", "add_generation_prompt" (false) and others.
 *  now: the time in seconds since 1970, for templates that write the date; -1: the present.  Writes
 *  the first `cap` bytes and the number of all to *bytes.  Errors: BL_EFORMAT (json; the template
 *  refuses the messages, fails, or takes too much), BL_EUNSUPPORTED, BL_ENOMEM. */
BL_API bl_status bl_template_render(const bl_template *t, const char *json, size_t json_bytes,
                                    int64_t now, char *text, size_t cap, size_t *bytes,
                                    bl_error *err);

/** The same as ids; those of special tokens only where the template wrote them, unless flags has
 *  BL_ENCODE_SPECIAL: then also where they stand in a message.  answers (may be NULL) is 1 for
 *  tokens of {% generation %} blocks, else 0. */
BL_API bl_status bl_template_encode(const bl_template *t, const bl_tokenizer *tokenizer,
                                    const char *json, size_t json_bytes, int64_t now,
                                    unsigned flags, int32_t *ids, unsigned char *answers,
                                    size_t cap, size_t *count, bl_error *err);

/** What a conversation gains when the user says a text [bytes], up to where the answer begins:
 *  first, from its beginning, with the system prompt (NULL: none); later, from where the last
 *  answer ended, with the token that ends it, which a model may have written already. */
BL_API bl_status bl_template_turn(const bl_template *t, const bl_tokenizer *tokenizer,
                                  const char *system, const char *user, size_t bytes, int first,
                                  int32_t *ids, size_t cap, size_t *count, bl_error *err);

/** The tokens that end an answer: the one that the template writes behind it, eos_token_id of
 *  generation_config.json and config.json, eos_token. */
BL_API bl_status bl_template_ends(const bl_template *t, const bl_tokenizer *tokenizer, int32_t *ids,
                                  size_t cap, size_t *count, bl_error *err);

/* ------------------------------------------------------------------ devices */

/* Where models compute, the option `device`: "cpu" and "ref" (slow, the definition) are built in;
 * another NAME is a plug-in, libbitllama_NAME.so, found as docs/ARCHITECTURE.md says; "NAME:1" is
 * its second device.  Before any name, "trace:" writes the time and calls of every op through
 * bl_log_to() when the device is closed, "fault:" ends the process with SIGSEGV when device memory
 * is touched outside an op, and "graph:" records the ops between two waits and runs them as one;
 * results stay the same bits. */
typedef struct bl_device_info {
    size_t size;
    const char *name;      /* as the option takes it */
    const char *text;      /* what it is, or why it cannot be used */
    uint64_t memory_bytes; /* all it has; 0 when it cannot be used, UINT64_MAX when not known */
    int usable;
} bl_device_info;

typedef void bl_device_fn(void *user, const bl_device_info *device);

/** Calls fn for each, also for plug-ins that cannot be used.  Errors: BL_ENOMEM.  Threads: any. */
BL_API bl_status bl_devices(bl_device_fn *fn, void *user, bl_error *err);

/* What this build is, and what the machine lets this process use.  Texts are valid during the
 * call, and empty when not known. */
typedef struct bl_machine_info {
    size_t size;
    const char *compiler, *system, *processor;
    const char *simd, *simd_best; /* of `levels`: in use (empty when BITLLAMA_CPU asks for what is
                                     not there), and the processor's best */
    size_t threads;               /* of a computation (bl_set_threads) */
    size_t processors, affinity;  /* of the machine, and those that this process may run on */
    size_t quota;                 /* processors that its control groups pay for; 0: no limit */
    uint64_t memory_bytes;        /* that this process may use; UINT64_MAX: not known */
    const char *const *folders;   /* [folder_count], searched for plug-ins, in this order */
    const char *const *plugins;   /* [plugin_count], their files found there: bl_devices() asks them
                                     in this order */
    size_t folder_count, plugin_count;
    const char *cache;         /* of downloads: a folder that may not exist yet */
    uint64_t cache_free;       /* bytes that may be written there; UINT64_MAX: not known */
    const char *const *levels; /* [level_count], rising: "c", "avx2", "avx512", "amx"; on 64-bit ARM
                                  "c", "neon", "dotprod", "i8mm" */
    size_t level_count;
    const char *precision; /* of training on the CPU with `precision` auto: "bf16" or "f32" */
    const char *bf16_by;   /* what makes products of bfloat16: "AMX", "AVX-512 BF16", "float32" */
    double bf16_gain;      /* how many times as fast they are as those of float32, measured in a
                              millisecond; 0: nothing is made for them */
    const char *simd_missing; /* why simd_best is not the next of `levels`; empty: it is the last */
} bl_machine_info;

typedef void bl_machine_fn(void *user, const bl_machine_info *machine);

/** Calls fn once; loads no plug-in.  Errors: BL_ENOMEM.  Threads: any. */
BL_API bl_status bl_machine(bl_machine_fn *fn, void *user, bl_error *err);

/* A ceiling of the machine; a multiplication and an addition count as two. */
typedef struct bl_limit {
    size_t size;
    const char *name; /* reading: "dram", "l3", "l2"; products by the SIMD level in use: "int8",
                         "f32", "bf16" */
    const char *unit; /* "GB/s", "GOP/s", "GFLOP/s" */
    double one, all;  /* of one thread and of all; 0: there is none, or it cannot be known */
    uint64_t bytes;   /* of "l3", "l2": what those of all threads hold; else 0 */
} bl_limit;

typedef void bl_limit_fn(void *user, const bl_limit *limit);

/** Measures them, which takes a few seconds and up to a quarter of the memory, with `threads` (0:
 *  those of bl_set_threads()).  Errors: BL_EINVAL (threads), BL_ENOMEM, BL_EINTERRUPTED
 *  (bl_progress_to(), "measuring"). */
BL_API bl_status bl_machine_limits(size_t threads, bl_limit_fn *fn, void *user, bl_error *err);

/* ---------------------------------------------------------------- files of the Hugging Face Hub */

typedef enum bl_hub_kind { BL_HUB_MODEL, BL_HUB_DATASET } bl_hub_kind;

/** Finds a file of a repository ("owner/name") at a revision (a branch, tag or commit; NULL: main)
 *  and writes its path to path[cap], with a 0; *bytes is its length.  It is downloaded into the
 *  cache when it is not there: resumed where an earlier download stopped, retried while there is
 *  progress, and verified by size and checksum.  A file in the cache costs one request, or none
 *  when the revision is a commit.  The environment says where the cache and the Hub are
 *  (docs/FORMATS.md).  progress counts bytes.  Errors: BL_ENETWORK, BL_ENOENT (no such file on the
 *  Hub), BL_EINVAL (a name, a variable), BL_EIO (a full disk; what has arrived is kept for the next
 *  call), BL_EINTERRUPTED (the same), BL_ENOMEM, BL_EUNSUPPORTED (a build without libcurl).
 *  Threads: any; waits for a process that downloads the same file. */
BL_API bl_status bl_hub_fetch(bl_hub_kind kind, const char *repo, const char *revision,
                              const char *file, char *path, size_t cap, size_t *bytes,
                              bl_progress_fn *progress, void *user, bl_error *err);

/* What bl_hub_pull() has found. */
typedef struct bl_pull_result {
    size_t size;
    char commit[41];         /* of the repository; "" for a folder that is not the Hub's */
    size_t files;            /* of the model in the folder */
    uint64_t bytes, fetched; /* of these files; of those that were not in the cache */
} bl_pull_result;

/** Finds the folder of a model by its name, for bl_model_open(), bl_tokenizer_open() and
 *  bl_template_open(), and writes its path to path[cap] as bl_hub_fetch() does.  A file or folder of
 *  that name is itself the answer; otherwise the name is a repository's on the Hub, "owner/name" or
 *  "owner/name@revision".  What a model needs of it (not all that it holds) is downloaded into the
 *  cache when it is not there, config.json first, and nothing more when that is not of a model of
 *  this library.  When the Hub cannot be reached, what the cache has is taken, with a warning.
 *  `options` is a BL_OPTIONS_PULL set or NULL; result may be NULL.  progress counts the bytes of all
 *  files.  Errors: those of bl_hub_fetch(); BL_ENOENT (no such repository, revision or file),
 *  BL_EFORMAT and BL_EUNSUPPORTED (no model of this library).  Threads: any. */
BL_API bl_status bl_hub_pull(const char *name, const bl_options *options, char *path, size_t cap,
                             size_t *bytes, bl_progress_fn *progress, void *user,
                             bl_pull_result *result, bl_error *err);

/* A file of a folder that is sent, by its path in the repository. */
typedef struct bl_push_file {
    size_t size;
    const char *path;
    uint64_t bytes;
    const char *state; /* "new", "changed", "same": it is there already, and not sent */
} bl_push_file;

typedef void bl_push_fn(void *user, const bl_push_file *file);

typedef struct bl_push_result {
    size_t size;
    char commit[41];       /* that holds them; "" when there is none (dry_run) */
    size_t files, changed; /* in the folder; new or changed */
    uint64_t bytes, sent;  /* of the latter; of large files that the Hub did not have */
} bl_push_result;

/** Sends the files of a folder to a repository ("owner/name") in one commit, makes repository and
 *  branch where they are not there, and reads back what was sent.  A file that the Hub has is not
 *  sent; one that only the repository has stays.  Hidden files are not sent.  `options` is a
 *  BL_OPTIONS_PUSH set or NULL; fn (may be NULL) is called for each file once it is known what the
 *  Hub has; progress counts bytes.  result may be NULL.  Errors: BL_ENOENT, BL_EINVAL (a name; a
 *  run), BL_EFORMAT, BL_EUNSUPPORTED (no model of this library, without the option any),
 *  BL_ENETWORK (no token, refused, what came back is something else; the words say which),
 *  BL_EIO, BL_EINTERRUPTED, BL_ENOMEM.  Threads: any. */
BL_API bl_status bl_hub_push(const char *folder, const char *repo, const bl_options *options,
                             bl_push_fn *fn, void *fn_user, bl_progress_fn *progress, void *user,
                             bl_push_result *result, bl_error *err);

/* ------------------------------------------------------------------ prepare */

enum { BL_PREPARE_TOP = 10 };

typedef struct bl_prepare_result {
    size_t size;
    uint64_t documents, val_documents, bytes, val_bytes, tokens, val_tokens;
    uint64_t vocab_size, longest_document;       /* in tokens */
    uint64_t exact_duplicates, near_duplicates;  /* documents dropped */
    uint64_t documents_cut, characters_replaced; /* for their length; by U+FFFD */
    uint64_t val_ends;      /* documents whose end is for validation: there were too few to draw */
    uint64_t tokens_unused; /* ids of the vocabulary that never occur */
    uint64_t returns_replaced, marks_dropped; /* CR (LF) as LF; byte order marks inside texts */
    uint64_t bad_dropped;                     /* lines of JSON, by skip_bad */
    char first_bad[256];                      /* the first of them: file, line, fault; or "" */
    uint64_t files_passed, ours_passed; /* in folders: not text; written by this library itself */
    int32_t top[BL_PREPARE_TOP];        /* most frequent ids; -1: fewer occur */
    uint64_t top_count[BL_PREPARE_TOP];
    int32_t eos;                   /* the id after every document */
    uint64_t counted, val_counted; /* tokens whose loss counts, of conversations; else 0 */
    uint64_t answers_rewritten;    /* by the chat template, and so not learned */
} bl_prepare_result;

/** Text to a data folder: out_dir/{tokenizer.json, tokenizer_config.json, train.bin, val.bin,
 *  meta.json} (docs/FORMATS.md).  A source is "tinystories" (downloaded as bl_hub_fetch() does; its
 *  own validation file is the validation data unless val_split is set), "tales" (the built-in story
 *  generator), a file (text, .jsonl or .json; plain, gzip, zstd or xz), a folder, a pipe, or "-"
 *  for standard input; `options` is a BL_OPTIONS_PREPARE set or NULL; result may be NULL.  Sources
 *  are read twice, document by document, and may be larger than memory; what a pipe gives is kept
 *  meanwhile in an unnamed file in out_dir.  What this library wrote in folders is never a source.
 *  The folder lists the runs trained on it (RUNS); while one of them exists, other data replaces it
 *  only with the option force.
 *  Errors: BL_ENOENT, BL_EFORMAT (not UTF-8, damaged, no documents), BL_EUNSUPPORTED (a named file
 *  that is not text), BL_EINVAL (a run depends on the data that is there), BL_EIO, BL_ENOMEM,
 *  BL_EBUSY (another process is writing there), BL_EINTERRUPTED, those of bl_hub_fetch(); nothing
 *  half-written stays behind, and files that were there before are replaced only when all is
 *  done. */
BL_API bl_status bl_prepare(const char *const *sources, size_t count, const char *out_dir,
                            const bl_options *options, bl_progress_fn *progress, void *user,
                            bl_prepare_result *result, bl_error *err);

/** What suits a data folder, by rules of thumb (docs/TRAINING.md). */
typedef struct bl_advice {
    size_t size;
    uint64_t bytes, tokens, val_tokens, vocab_size; /* what it holds: source text, entries */
    uint64_t suits_vocab_size;                      /* for this much text */
    const char *preset;                             /* static */
    uint64_t batch, context;
    uint64_t steps; /* 0: the preset's own */
    double epochs;  /* that these steps read */
} bl_advice;

/** Errors: BL_ENOENT, BL_EFORMAT, BL_EIO, BL_ENOMEM.  Threads: any. */
BL_API bl_status bl_advise(const char *data_dir, bl_advice *advice, bl_error *err);

/* ------------------------------------------------------------------ training */

typedef struct bl_trainer bl_trainer;

typedef enum bl_train_event_kind {
    BL_TRAIN_START,      /* text: the run in words */
    BL_TRAIN_RESUME,     /* step: where the run continues; text: the checkpoint */
    BL_TRAIN_STEP,       /* one optimizer step is done */
    BL_TRAIN_EVAL,       /* loss, bits_per_byte on the validation data */
    BL_TRAIN_SAMPLE,     /* text: a sample of the model's writing */
    BL_TRAIN_CHECKPOINT, /* text: the folder just written */
    BL_TRAIN_WARNING,    /* text: a skipped step, a full disk, a skipped checkpoint, ... */
    BL_TRAIN_END         /* text: why */
} bl_train_event_kind;

/** A data folder of a run, and its share of the windows in any unit; 0: by its training tokens. */
typedef struct bl_corpus {
    const char *dir;
    double weight;
} bl_corpus;

/** How far one of several data folders has been read. */
typedef struct bl_train_corpus {
    size_t size;
    const char *dir;
    double weight;   /* its share of the windows, 0 to 1 */
    uint64_t tokens; /* read from it so far */
    double epochs;   /* the same, in passes over the folder */
    double loss;     /* of BL_TRAIN_EVAL: on its validation data; NaN when that is too short */
} bl_train_corpus;

/** What a layer remembers. */
typedef struct bl_train_layer {
    size_t size;
    double half_life_min, half_life_max; /* tokens, over its heads; 0: it never forgets */
    /* |W - W0| / |W0| at the end of a validation window: the mean over its heads and every 128th
     * window */
    double distance;
} bl_train_layer;

typedef struct bl_train_event {
    size_t size;
    bl_train_event_kind kind;
    uint64_t step, steps; /* done, and of the whole schedule (or stop_after) */
    uint64_t tokens;      /* seen so far */
    double loss;          /* mean cross-entropy, nats a token */
    double bits_per_byte; /* 0 when the data does not say its bytes */
    double lr, grad_norm, tokens_per_s;
    const char *text; /* valid during the call, or NULL */
    const bl_train_corpus
        *corpora;                 /* of BL_TRAIN_EVAL and BL_TRAIN_END over several data folders, */
    size_t corpus_count;          /* valid during the call; otherwise NULL and 0 */
    const bl_train_layer *layers; /* of BL_TRAIN_EVAL, likewise */
    size_t layer_count;
} bl_train_event;

typedef void bl_train_fn(void *user, const bl_train_event *event);

/* X(part, what it is): memory by lifetime */
#define BL_PLAN_LIST(X)                                                                            \
    X(weights, "parameters, and the matrices as inference uses them")                              \
    X(optimizer, "gradients and AdamW's two moments")                                              \
    X(activations, "what a batch, an evaluation or a prompt leaves for the next op")               \
    X(scratch, "room in which ops compute")                                                        \
    X(state, "of one sequence being decoded, whatever its length")

typedef struct bl_plan_result {
    size_t size;
#define X(part, help) uint64_t part;
    BL_PLAN_LIST(X)
#undef X
    uint64_t total;      /* bytes, like the others */
    uint64_t machine;    /* what this process may use: the lowest of its limits, or what is free of
                            a device's own memory; UINT64_MAX when neither is known */
    uint64_t parameters; /* elements of all tensors */
    uint64_t base;       /* of a model: what a session takes in addition once consolidated
                            (bl_session_consolidate); not in total; 0 without ttt_forget */
    char device[208];    /* whose `machine` is: "NAME: what it is"; empty: the host's */
} bl_plan_result;

/** The memory of a run with these options, measured by the code that later allocates it; libraries,
 *  tokenizer and one tensor come on top.  Arguments as of bl_trainer_open(); either set may be
 *  NULL; so may data_dir, which gives the vocabulary.  Errors: BL_ENOENT, BL_EFORMAT (data),
 *  BL_EINVAL, BL_ENOMEM. */
BL_API bl_status bl_plan(const char *data_dir, const bl_options *train, const bl_options *config,
                         bl_plan_result *result, bl_error *err);

/** The same for a model of bl_model_open() with one session.  Another takes `state` and a row of
 *  `activations` more, and each further thread that computes at once takes activations and scratch
 *  again.  Errors: as bl_model_open(). */
BL_API bl_status bl_plan_model(const char *path, const bl_options *device, bl_plan_result *result,
                               bl_error *err);

/** A training run in folder run_dir over a data folder from bl_prepare().  `train` is a
 *  BL_OPTIONS_TRAIN set or NULL, `config` a BL_OPTIONS_CONFIG set or NULL (the preset of `train`).
 *  With the option init (also under its older name, init_from) it starts from the weights and the
 *  shape of that model, a folder, run or repository of the Hub, which `config`
 *  must not contradict, and whose tokenizer the data must have.
 *  With the option resume the newest checkpoint that verifies is loaded, and options that differ
 *  from its own are reported through bl_log_to(); true demands one, auto starts a new run where
 *  there is none.  A folder that holds a run is refused without the option, and so is a run that
 *  needs more memory than there is (bl_plan): BL_ENOMEM, or BL_EDEVICE for a device's own.
 *  Errors: BL_ENOENT (also nothing to resume), BL_EFORMAT (data; no checkpoint is whole), BL_EINVAL
 *  (options), BL_EBUSY (two trainers on one folder), BL_ENOMEM, BL_EIO, BL_EDEVICE. */
BL_API bl_status bl_trainer_open(bl_trainer **t, const char *data_dir, const char *run_dir,
                                 const bl_options *train, const bl_options *config, bl_error *err);

/** The same over 1 to 32 data folders of one tokenizer, whose windows are drawn by weight; either
 *  all weights are positive or all are 0.  Each folder is read without repetition in epochs of its
 *  own; a run must be resumed with the same folders and weights in the same order (BL_EINVAL). */
BL_API bl_status bl_trainer_open_corpora(bl_trainer **t, const bl_corpus *corpora, size_t count,
                                         const char *run_dir, const bl_options *train,
                                         const bl_options *config, bl_error *err);

/** Trains to the end, calling `fn` (may be NULL) for each event: BL_TRAIN_START first, then
 *  BL_TRAIN_RESUME when the run continues from a checkpoint, and BL_TRAIN_END last, after the last
 *  BL_TRAIN_CHECKPOINT, also when the run fails or its last checkpoint cannot be written.
 *  BL_EINTERRUPTED after bl_trainer_stop(), with a checkpoint saved.  After the last step of the
 *  schedule a loss that rises on one long validation text is a BL_TRAIN_WARNING (docs/TRAINING.md).
 *
 *  Called again, it continues where it was, bit-identically, as if it had not stopped; at the end
 *  of the run it only saves.  A run that failed elsewhere than in its last checkpoint cannot
 *  continue: BL_EINVAL, and no event; open it again with the option resume.
 *  Errors: also BL_EDIVERGED, BL_ENOMEM, BL_EIO, BL_EDEVICE, BL_EBUSY (it is running). */
BL_API bl_status bl_trainer_run(bl_trainer *t, bl_train_fn *fn, void *user, bl_error *err);

/** Asks a running trainer to finish its step, save and return; to save and continue.  If it is not
 *  running, the request is for the next run, which stops before its first step.  A request holds
 *  for one run and expires when that returns, even if it came too late to stop it.  A device that
 *  computes in its own time may have begun one step more than the caller has heard of, which is
 *  finished, too.  Threads: any, and signal handlers. */
BL_API void bl_trainer_stop(bl_trainer *t);
BL_API void bl_trainer_save(bl_trainer *t);

/** While it runs: bl_trainer_stop(), and the run closes it on returning, without another event. */
BL_API void bl_trainer_close(bl_trainer *t);

/** Times optimizer steps on random tokens, with random weights and no files: `train` says `batch`,
 *  `context`, `recompute`, `dropout` and where to compute, or is NULL, and `config` what, as of
 *  bl_trainer_open().  fn is called after each step, until it returns non-zero: BL_OK.
 *  Errors: BL_EINVAL, BL_ENOMEM, BL_EDEVICE, BL_EINTERRUPTED (bl_progress_to(), "training"). */
typedef int bl_step_fn(void *user, double seconds);
BL_API bl_status bl_time_steps(const bl_options *train, const bl_options *config, bl_step_fn *fn,
                               void *user, bl_error *err);

/* What an op has done on devices "trace:NAME", by its shapes: the least that it must read and
 * write, and its products, in which an addition is an operation too. */
typedef struct bl_op_work {
    size_t size;
    const char *op;
    uint64_t calls;
    double seconds, bytes, int_ops, float_ops;
    double bf16_ops; /* products of bfloat16, where float32 is rounded to it for them */
} bl_op_work;

typedef void bl_op_fn(void *user, const bl_op_work *work);

/** Calls fn for each op since the last call, slowest first, and forgets them; fn may be NULL.
 *  Threads: not while such a device computes. */
BL_API bl_status bl_ops_counted(bl_op_fn *fn, void *user, bl_error *err);

/* ------------------------------------------------------------------ model and sessions */

typedef struct bl_model bl_model;
typedef struct bl_session bl_session;

/** A model from a model folder or from a training run (its best checkpoint, or else the latest);
 *  also from one checkpoint of a run, or from a model.safetensors named instead of its folder.
 *  Weights may be in shards, with model.safetensors.index.json.
 *  device: a BL_OPTIONS_DEVICE set, for its sessions and evaluations too, or NULL: the defaults.
 *  Errors: BL_ENOENT, BL_EFORMAT, BL_EUNSUPPORTED, BL_ENOMEM; BL_EINVAL, BL_EDEVICE (device).
 *  Threads: an open model may be shared by sessions. */
BL_API bl_status bl_model_open(bl_model **m, const char *path, const bl_options *device,
                               bl_error *err);

/** A model of random weights, ternary ones packed, that is in no file (its path is ""), has no
 *  tokenizer and cannot be exported: to measure with.  config: a BL_OPTIONS_CONFIG set.
 *  Errors: BL_EINVAL, BL_ENOMEM, BL_EDEVICE, BL_EINTERRUPTED (bl_progress_to(), "making
 *  weights"). */
BL_API bl_status bl_model_random(bl_model **m, const bl_options *config, const bl_options *device,
                                 bl_error *err);

/** While sessions and batches of it are open or a call uses it, the model stays for them, and is
 *  freed with the last of them. */
BL_API void bl_model_close(bl_model *m);

/** The folder the weights came from, the model's options (a BL_OPTIONS_CONFIG set), its tokenizer
 *  (NULL when the folder has none), number of parameters.  Valid until the model is closed. */
BL_API const char *bl_model_path(const bl_model *m);
BL_API const bl_options *bl_model_config(const bl_model *m);
BL_API const bl_tokenizer *bl_model_tokenizer(const bl_model *m);
BL_API uint64_t bl_model_parameters(const bl_model *m);

/** Sizes of a model, and tokens with a meaning. */
typedef struct bl_model_info {
    size_t size;
    uint64_t parameters, vocab_size, hidden_size, layers, heads, head_width, intermediate_size;
    uint64_t chunk;   /* tokens after which the inner model takes a step: mini_batch_size */
    uint64_t context; /* tokens of the windows it was trained with; 0: its folder does not say */
    int ternary;      /* 1: its matrices are -1, 0 and 1; 0: floats */
    int forgets;      /* 1: bl_session_consolidate() can be called */
    int32_t bos, eos; /* the token before the first text, and the one that ends a text */
    int32_t pad, unk; /* unk: of tokenizer.json, -1 when there is none; nothing is encoded as it */
} bl_model_info;

/** Errors: BL_ENOMEM.  Threads: any. */
BL_API bl_status bl_model_describe(const bl_model *m, bl_model_info *info, bl_error *err);

/** Which function the model computes, as 32 hexadecimal digits and a 0 (docs/FORMATS.md).  Latent
 *  weights, and the same weights packed with the rest in float32, have the same fingerprint.
 *  Errors: BL_ENOMEM, BL_EDEVICE.  Threads: any. */
BL_API bl_status bl_model_fingerprint(const bl_model *m, char hex[33], bl_error *err);

/** Writes a model folder for others to read: ternary matrices packed to 2 bits, embedding and head
 *  as `dtype` "f32", "bf16" or "f16" (without quantization, all matrices), the rest float32; or
 *  "int8" (of a ternary model only), which leaves the inner model's matrices as bf16; with
 *  tokenizer, config and model card.  It is written under a hidden name, read back, compared, and
 *  renamed.  `out` must be absent or empty, or with `replace` hold an export and nothing else;
 *  never the model itself or its weights.
 *  Errors: BL_EINVAL (dtype; the place is taken), BL_EUNSUPPORTED (int8 of a model of floats;
 *  random weights; a matrix whose rows are not a multiple of 4; a value too large for the dtype),
 *  BL_EIO, BL_ENOMEM; nothing half-written stays.  Threads: not while sessions of the model compute or close. */
BL_API bl_status bl_export(bl_model *m, const char *out, const char *dtype, int replace,
                           bl_error *err);

/** The same folder in memory: a model to hand on, and bl_files_path() opens it.  Errors: as above, of
 *  the model and the dtype; BL_ENOMEM. */
BL_API bl_status bl_export_files(bl_files **f, bl_model *m, const char *dtype, bl_error *err);

/** One conversation: a state of constant size over a model.  Besides what was read it holds what it
 *  needs to continue identically: the last token drawn (pending: the next call that reads begins
 *  with it), the place in the sampler's random numbers and its window of tokens.  device: NULL, or
 *  a BL_OPTIONS_DEVICE set with nothing set but `threads`.
 *
 *  The sessions of a model share the room in which they compute: there is as much as the most calls
 *  at once have needed, until the last session is closed.  So any function of a session may return
 *  BL_ENOMEM or BL_EDEVICE, but one call at a time finds what bl_session_open() has made.
 *  Errors: BL_EINVAL (device), BL_ENOMEM, BL_EDEVICE.  Threads: one at a time for each session,
 *  several for several sessions of one model. */
BL_API bl_status bl_session_open(bl_session **s, bl_model *m, const bl_options *device,
                                 bl_error *err);
BL_API void bl_session_close(bl_session *s);

/** A separate session that continues exactly as s would.  Errors: BL_ENOMEM, BL_EDEVICE.
 *  Threads: several may fork one session at once, while no other call on it is at work. */
BL_API bl_status bl_session_fork(bl_session **fork, const bl_session *s, bl_error *err);

/** Writes a session to a memory file, whole or not at all (docs/FORMATS.md), and makes a session
 *  what such a file holds: it then continues bit-identically.
 *  Errors of saving: BL_EFORMAT (the state is not finite), BL_EIO, BL_ENOMEM, BL_EDEVICE.
 *  Of loading: BL_ENOENT, BL_EFORMAT (not a memory file, damaged), BL_EUNSUPPORTED (another version
 *  of the format), BL_EINVAL (a memory of another model: both fingerprints are named), BL_ENOMEM;
 *  the session is then as it was. */
BL_API bl_status bl_session_save(const bl_session *s, const char *path, bl_error *err);
BL_API bl_status bl_session_load(bl_session *s, const char *path, bl_error *err);

/** The same bytes in memory: written to buffer[cap] as far as they fit, the number of all to
 *  *bytes, which cap 0 only asks for (it changes with the text); and read from buffer[bytes].
 *  Errors: those of bl_session_save() and bl_session_load(). */
BL_API bl_status bl_session_save_buffer(const bl_session *s, void *buffer, size_t cap,
                                        size_t *bytes, bl_error *err);
BL_API bl_status bl_session_load_buffer(bl_session *s, const void *buffer, size_t bytes,
                                        bl_error *err);

/** Restarts the random numbers from this seed, beginning with the next token drawn. */
BL_API void bl_session_seed(bl_session *s, uint64_t seed);

/** Forgets everything read, drawn and seeded. */
BL_API bl_status bl_session_reset(bl_session *s, bl_error *err);

/** The same, but what was consolidated stays: the session begins at its base, if it has one. */
BL_API bl_status bl_session_restart(bl_session *s, bl_error *err);

/** Reads the pending token, if there is one, and then `count` tokens.  logits: NULL, or [V] for
 *  those after the last token; of bl_session_feed_each() [count,V], row t after token t.  The
 *  result does not depend on how a text is cut into calls.  Eq: docs/MODEL.md, the buffered form.
 *
 *  With no tokens, bl_session_feed() takes the last token of an earlier call, and gives the logits
 *  that that call would have given: BL_OK always means that they are written.  BL_EINVAL when there
 *  is none, because nothing has been read since the session was opened, reset or loaded.
 *  Errors: BL_EFORMAT (an id past the vocabulary: nothing was read then; logits that are not
 *  numbers: all was read), BL_ENOMEM, BL_EDEVICE, BL_EINTERRUPTED (bl_progress_to(), "reading"). */
BL_API bl_status bl_session_feed(bl_session *s, const int32_t *ids, size_t count, float *logits,
                                 bl_error *err);
BL_API bl_status bl_session_feed_each(bl_session *s, const int32_t *ids, size_t count,
                                      float *logits, bl_error *err);

/** A batch reads tokens of many sessions of a model in one pass, which is faster than one session
 *  after the other; each has the bits that it has alone.  Sessions join and leave between any two
 *  tokens.  One that has joined can be used, saved, forked and closed like any other while the
 *  batch is not at work; a fork has not joined.
 *
 *  rows: tokens of a pass, and the most sessions joined, 1 to 65,536; the batch takes about as much
 *  memory as rows / 64 calls of a session do (bl_plan_model, activations and scratch).  device: as
 *  of bl_session_open(); the threads are those of the batch, whatever the sessions have.  The model
 *  stays while a batch of it is open.
 *  Errors: BL_EINVAL (rows, device), BL_ENOMEM, BL_EDEVICE. */
typedef struct bl_batch bl_batch;
BL_API bl_status bl_batch_open(bl_batch **b, bl_model *m, size_t rows, const bl_options *device,
                               bl_error *err);

/** Its sessions are unchanged and no longer belong to a batch. */
BL_API void bl_batch_close(bl_batch *b);

/** Errors: BL_EINVAL (a session of another model, in a batch already, or one too many; of leaving,
 *  not in this batch), BL_EBUSY (batch or session is at work). */
BL_API bl_status bl_batch_join(bl_batch *b, bl_session *s, bl_error *err);
BL_API bl_status bl_batch_leave(bl_batch *b, bl_session *s, bl_error *err);

/** What a session reads in bl_batch_feed(): as bl_session_feed() would, its pending token and then
 *  ids[count].  logits: NULL, or [V] for those after the last token, of this call or an earlier
 *  one. */
typedef struct bl_batch_turn {
    bl_session *session;
    const int32_t *ids;
    size_t count;
    float *logits;
} bl_batch_turn;

/** Reads turns[count], at most one of each session, in any order; sessions without one wait.  A
 *  turn may have any number of tokens: when all together have more than `rows`, they take several
 *  passes and share each evenly.
 *  Errors: as of bl_session_feed(), with the index of the turn, from 0; BL_EINVAL (a session twice
 *  or not joined), BL_EBUSY (one that is at work), BL_EINTERRUPTED (bl_progress_to(), "reading").
 *  On BL_EINVAL, BL_EBUSY or an id past the vocabulary nothing has been read; on logits that are
 *  not numbers, all turns; on other errors each session has read some of its tokens, as
 *  bl_session_position() says.  Threads: a batch is used by one at a time, while other sessions
 *  and batches of the model may be at work. */
BL_API bl_status bl_batch_feed(bl_batch *b, const bl_batch_turn *turns, size_t count,
                               bl_error *err);

/** Reads turns as bl_batch_feed() does, and draws a token of each session after what its turn reads:
 *  the one that bl_generate() draws which reads the same with these options, from the session's own
 *  random numbers and window.  It stays pending, so a turn of no tokens reads it and draws the next
 *  one: called again and again with such turns this writes a reply of each session.  ids[count]
 *  receives what was drawn, -1 where nothing was.  A token that is the model's eos_token_id
 *  (bl_model_config()) ends a text; whether the session goes on is for the caller to say.
 *
 *  options: [count] BL_OPTIONS_GENERATE sets, one a turn, the same or others; NULL, or NULL for a
 *  turn: the defaults.  The tokens of a turn enter the window of repeat_penalty.  With bos, a
 *  session that has read nothing begins with bos_token_id.  A seed means what it means to
 *  bl_generate(): -1 and the one in use continue.  special means nothing here, heal is refused, max_tokens is how many
 *  tokens are left for the text, this one among them (for `finish`, and what is held back comes with
 *  the last one), and ignore_eos only that the token's text belongs to the reply.  log_probability
 *  and logprobs are for bl_batch_event(), and take all logits.  logits of a turn may be asked for,
 *  but what they are drawn from is found where the model computes, and fetching all costs more.  A
 *  turn with nothing to read draws from the logits that bl_session_feed() of no tokens would give.
 *  Errors: as of bl_batch_feed(); BL_EINVAL (a set of other options).  A failure leaves what was
 *  drawn by then in ids, and pending. */
BL_API bl_status bl_batch_next(bl_batch *b, const bl_batch_turn *turns, size_t count,
                               const bl_options *const *options, int32_t *ids, bl_error *err);

/** Makes a lesson outlast the half-lives: what every head forgets towards (at first where the model
 *  begins) moves by `share`, above 0 up to 1, of the way to that beginning plus what the head has
 *  learned beyond any text, and is kept within base_most of bl_head_info.  This happens at the next
 *  chunk border: at once after a multiple of mini_batch_size tokens, else when the chunk is full;
 *  one that waits is saved and forked with the session, and with a second one it becomes a share
 *  of 1 - (1 - a) (1 - b).
 *
 *  The first one of a session takes longer: a text of 2,048 tokens is written for comparison, in a
 *  separate sequence.  From then on the session holds this base, in forks and memory files too; a
 *  reset drops it.  Shares of 0.05 after every 256 tokens or so do better than one large share at
 *  the end.  Eq: docs/MODEL.md 3.8.
 *  Errors: BL_EINVAL (share), BL_EUNSUPPORTED (a model without ttt_forget), BL_ENOMEM, BL_EDEVICE,
 *  BL_EINTERRUPTED (bl_progress_to(), "finding its rest"); the session is then as it was. */
BL_API bl_status bl_session_consolidate(bl_session *s, double share, bl_error *err);

/** 1 when the session has a base of its own, so that its memory file is of version 2; else 0. */
BL_API int bl_session_has_base(const bl_session *s);

/** Tokens read so far; bytes of the state, a base of its own included. */
BL_API uint64_t bl_session_position(const bl_session *s);
/** Tokens that bl_session_learn() gave, of those read and the pending one; memory files keep it.
 *  Where these are all, no conversation has begun.  Threads: as of the calls above. */
BL_API uint64_t bl_session_learned(const bl_session *s);
BL_API size_t bl_session_bytes(const bl_session *s);

/** A head of a TTT layer in a session. */
typedef struct bl_head_info {
    size_t size;
    size_t layer, head; /* from 0 */
    double half_life;   /* tokens after which half of what it learned is forgotten; 0: never */
    double distance;  /* |W - W0| / |W0|, Frobenius norms over the matrices of its inner model: how
                         far what was read has moved it from where the model begins */
    double base;      /* the same for what it forgets towards (bl_session_consolidate), biases
                         included; 0 while that is where the model begins */
    double base_most; /* its bound; 0 for a model that never forgets */
} bl_head_info;

typedef void bl_head_fn(void *user, const bl_head_info *head);

/** Calls fn for each head, layer by layer.  Errors: BL_ENOMEM, BL_EDEVICE. */
BL_API bl_status bl_session_heads(const bl_session *s, bl_head_fn *fn, void *user, bl_error *err);

/** The same with the distances between two sessions of one model, |W - W'| / |W0|, in the place of
 *  those from where the model begins.  Errors: also BL_EINVAL (two models), BL_EBUSY. */
BL_API bl_status bl_session_diff(const bl_session *s, const bl_session *other, bl_head_fn *fn,
                                 void *user, bl_error *err);

/** Adds to s what another session of its model has learned, times `weight`, above 0 up to 1 (1 was
 *  the best of those measured): its W and b as far as they are from where the model begins, the last
 *  chunk as if it had ended, and likewise its base, kept within the bound.  The text that goes on is
 *  that of s; to its position come the full chunks of the other.  Eq: docs/MODEL.md 3.10.
 *  Errors: BL_EINVAL (weight, two models, one session), BL_EBUSY, BL_ENOMEM: s goes on as it would
 *  have; BL_EDEVICE: it must be reset. */
BL_API bl_status bl_session_merge(bl_session *s, const bl_session *other, double weight,
                                  bl_error *err);

/** Two memory files beside each other, for which no model is needed. */
typedef struct bl_memory_difference {
    size_t size;
    int same;       /* they hold the same: sessions go on alike from both */
    int same_model; /* they name the same model */
    int version_a, version_b;
    uint64_t position_a, position_b; /* tokens read */
} bl_memory_difference;

/** Errors: BL_ENOENT, BL_EFORMAT, BL_EUNSUPPORTED, BL_EIO, BL_ENOMEM. */
BL_API bl_status bl_memory_diff(const char *a, const char *b, bl_memory_difference *difference,
                                bl_error *err);

/* ------------------------------------------------------------------ grammars and biases */

/* What a text that is written must be (docs/GRAMMARS.md).  It is compiled once, for a tokenizer, and
 * may be used by many sessions and threads at once; what one finds out about it is kept for all. */
typedef struct bl_grammar bl_grammar;

/** A grammar in GBNF, whose rule root is the whole text; or a JSON schema, for texts that are JSON
 *  and for which it holds.  Errors: BL_EFORMAT (the line, or the place in the schema, is named),
 *  BL_EUNSUPPORTED (a rule that begins with itself, a keyword; too large), BL_ENOMEM. */
BL_API bl_status bl_grammar_open(bl_grammar **g, const bl_tokenizer *t, const char *gbnf,
                                 size_t bytes, bl_error *err);
BL_API bl_status bl_grammar_open_schema(bl_grammar **g, const bl_tokenizer *t, const char *schema,
                                        size_t bytes, bl_error *err);
BL_API void bl_grammar_close(bl_grammar *g); /* sessions that use it go on */

/** From the next token drawn, by bl_generate() or bl_batch_next(), what s writes is a text of the
 *  grammar from its beginning; what it reads does not matter.  Of the top_k likeliest tokens those
 *  are kept that the grammar allows, or, when it allows none of these, of all tokens.  The model's
 *  eos_token_id may be drawn where the text may end, and ends it, also with ignore_eos; after it
 *  nothing is constrained.  A fork stands where s does; a memory file and a reset have no grammar.
 *  NULL takes it away.  Drawing then fails with BL_EUNSUPPORTED where no token can go on (the
 *  vocabulary lacks a byte, or rules nest 1,024 deep) or a text can be read in too many ways.
 *  Errors: BL_EINVAL (a grammar of another tokenizer than the model's), BL_ENOMEM. */
BL_API bl_status bl_session_constrain(bl_session *s, bl_grammar *g, bl_error *err);

/** 0: no grammar constrains s; 1: its text is not whole; 2: it is, but may go on. */
BL_API int bl_session_constrained(const bl_session *s);

/** Adds bias[i] to the logit of ids[i], before everything else, for all tokens that s draws;
 *  -INFINITY: it is never drawn.  Replaces what was set before; count 0: none.  Forks have it,
 *  memory files do not; a reset keeps it.  Errors: BL_EINVAL (an id past the vocabulary or given
 *  twice, a bias that is NaN or +INFINITY, all tokens forbidden), BL_ENOMEM. */
BL_API bl_status bl_session_bias(bl_session *s, const int32_t *ids, const float *bias, size_t count,
                                 bl_error *err);

/** Replies of bl_generate() end before the first of these texts, 1 to 4,096 bytes each, at most 256,
 *  wherever the borders of tokens are.  Text that may become the beginning of one is held back and
 *  comes with a later token; the tokens of the text that ended it were drawn, and the last one is
 *  pending.  A call that ends at max_tokens hands out what it holds, and one that fn stops holds it
 *  for the next; a text that has begun there ends the call that goes on from it (an empty prompt) as
 *  if it were one.  Replaces those set before; forks have them, memory files do not; a reset keeps
 *  them.
 *  Errors: BL_EINVAL (empty, too long, too many), BL_ENOMEM. */
BL_API bl_status bl_session_stop(bl_session *s, const bl_span *texts, size_t count, bl_error *err);

/* ------------------------------------------------------------------ samplers */

/* A sampler draws tokens as a session does, from logits that its caller has: those of
 * bl_session_feed(), bl_batch_feed() or of a program of its own.  It has its own random numbers,
 * window of repeat_penalty, biases and grammar; with the same seed, options and logits it draws
 * what bl_generate() draws. */
typedef struct bl_sampler bl_sampler;

/** For the vocabulary of a model, which stays while it is open.  Errors: BL_ENOMEM.  Threads: a
 *  sampler is used by one thread at a time. */
BL_API bl_status bl_sampler_open(bl_sampler **s, bl_model *m, bl_error *err);
BL_API void bl_sampler_close(bl_sampler *s);

/** A separate one that goes on exactly as s would.  Errors: BL_ENOMEM.  Threads: several at once. */
BL_API bl_status bl_sampler_fork(bl_sampler **fork, const bl_sampler *s, bl_error *err);

/** As of a session: bl_session_seed(), _bias(), _constrain(), _constrained(); and bl_session_reset(),
 *  which leaves biases. */
BL_API void bl_sampler_seed(bl_sampler *s, uint64_t seed);
BL_API bl_status bl_sampler_bias(bl_sampler *s, const int32_t *ids, const float *bias, size_t count,
                                 bl_error *err);
BL_API bl_status bl_sampler_constrain(bl_sampler *s, bl_grammar *g, bl_error *err);
BL_API int bl_sampler_constrained(const bl_sampler *s);
BL_API bl_status bl_sampler_reset(bl_sampler *s, bl_error *err);

/** Notes what was read, a prompt or a token that somebody else has chosen, for the window of
 *  repeat_penalty, whose width is that of the options (BL_OPTIONS_GENERATE or NULL).  With a
 *  tokenizer that puts a space before a text, more than bos_token_id makes what is drawn go on with
 *  a text and not begin one.  Errors: BL_EFORMAT (an id past the vocabulary: nothing was noted
 *  then), BL_ENOMEM. */
BL_API bl_status bl_sampler_accept(bl_sampler *s, const int32_t *ids, size_t count,
                                   const bl_options *options, bl_error *err);

/** Draws a token from logits[V], by options as bl_batch_next() takes them, and notes it.  mask:
 *  NULL, or [(V + 63) / 64], in which bit i % 64 of mask[i / 64] says whether token i may be drawn;
 *  the grammar, if there is one, must allow it too.  log_probability: NULL, or receives its natural
 *  logarithm by the logits alone.  eos_token_id is drawn like any other: it is for the caller to end.
 *  Errors: BL_EUNSUPPORTED (no token may be drawn), BL_ENOMEM; nothing is noted then. */
BL_API bl_status bl_sampler_draw(bl_sampler *s, const float *logits, const uint64_t *mask,
                                 const bl_options *options, int32_t *id, double *log_probability,
                                 bl_error *err);

/* ------------------------------------------------------------------ generation and evaluation */

/** A token that was drawn. */
typedef struct bl_token_event {
    size_t size;
    int32_t id;
    int ends;               /* 1: the model's end-of-text token, after which the call returns; its
                               text is what was held back (bl_session_stop) */
    uint64_t position;      /* of the token: how many were read before it */
    const char *text;       /* what it adds in whole UTF-8 characters, valid during the call */
    size_t bytes;           /* of the text; 0 while the end of a character is missing */
    double log_probability; /* natural, of the model's own distribution, before biases, grammar and
                               the options of sampling; with the option log_probability or
                               logprobs, otherwise NaN */
    /* with the option logprobs: as many likeliest tokens in its place, best first (of equals the
       least id), and the same of them; valid during the call.  Otherwise 0 of them */
    const int32_t *likeliest;
    const double *likeliest_log_probabilities;
    size_t likeliest_count;
    int stopped; /* 1 + the number of the text that ends the reply here (bl_session_stop); else 0 */
} bl_token_event;

/** What bl_generate() would tell of the token that bl_batch_next(), the last call with the batch,
 *  drew for turns[turn], its text and how likely it was among it; NULL where nothing was drawn.
 *  Valid until the next call with the batch. */
BL_API const bl_token_event *bl_batch_event(const bl_batch *b, size_t turn);

/** Receives a text, return 0 to continue. */
typedef int bl_text_fn(void *user, const char *text, size_t bytes);

/** Receives every token as it is drawn; return 0 to continue. */
typedef int bl_token_fn(void *user, const bl_token_event *token);

typedef struct bl_generate_result {
    size_t size;
    uint64_t seed; /* the one used */
    uint64_t prompt_tokens, tokens;
    double prompt_seconds, seconds;
    int ended;            /* 1: the model wrote its end-of-text token */
    size_t waiting_bytes; /* of a character whose end the next token may bring */
    int whole;            /* under a grammar: 1 when its text is whole; else 0 */
    int stopped;          /* 1 + the number of the text that ended it (bl_session_stop); else 0 */
} bl_generate_result;

/** Continues a prompt and hands out each token as it is drawn.  `options`: a BL_OPTIONS_GENERATE
 *  set or NULL; fn and result may be NULL; result says what was done, after a failure too.  The
 *  session continues from where it is; unless the option bos is off, bos_token_id is fed first to a
 *  session that has read nothing.
 *
 *  The last token drawn stays pending, also after fn stopped the call: an empty prompt continues
 *  from there, and several short calls give the text of one long one.  A call for no tokens leaves
 *  the prompt's last token pending, for the same reason.  A chat reads a line, calls this with it,
 *  and repeats: it need keep nothing else.  A seed in the options that differs from the one in use
 *  begins new random numbers; -1 and the same seed continue with those in use.
 *
 *  A prompt that ends within a word, in a space or in a line end is cut where the text of training
 *  never was: such an end is in one token with what follows.  With the option heal the tokens of
 *  its last word, or of the spaces and line ends at its end, at most 8, are not read: tokens are
 *  drawn in their place among those that spell the same, or begin with it, and the part that goes
 *  beyond the prompt is what is told.  Not with ids, a grammar (BL_EINVAL), or max_tokens 0.
 *  Errors: BL_EINVAL (nothing to read: an empty prompt, nothing pending and no bos), BL_EFORMAT
 *  (prompt is not UTF-8; nothing was read then), BL_EUNSUPPORTED (model without a tokenizer),
 *  BL_ENOMEM, BL_EDEVICE, BL_EINTERRUPTED when fn returned non-zero, but for the token
 *  that ends the text. */
BL_API bl_status bl_generate(bl_session *s, const char *prompt, size_t bytes,
                             const bl_options *options, bl_token_fn *fn, void *user,
                             bl_generate_result *result, bl_error *err);

/** The same with a prompt of ids, such as those of bl_template_turn(): no bos is fed.
 *  Errors: those of bl_generate(); BL_EINVAL (an id past the vocabulary). */
BL_API bl_status bl_generate_ids(bl_session *s, const int32_t *ids, size_t count,
                                 const bl_options *options, bl_token_fn *fn, void *user,
                                 bl_generate_result *result, bl_error *err);

/** Either, for callers to whom a function for every token is dear: of the prompt `ids` where that is not
 *  NULL, and else of `prompt`.  fn receives the text in pieces of whole characters: what was written
 *  in `every` seconds (0: by each token), empty where nothing was, and at the end the rest; to stop
 *  as a function for tokens does it returns non-zero, which means nothing at the end.
 *  Errors: those of bl_generate() and bl_generate_ids(). */
BL_API bl_status bl_generate_text(bl_session *s, const char *prompt, size_t bytes,
                                  const int32_t *ids, size_t count, const bl_options *options,
                                  double every, bl_text_fn *fn, void *user,
                                  bl_generate_result *result, bl_error *err);

/** Either, a token a call, for callers who would rather ask than be called: reads the prompt while
 *  result->tokens is 0, draws a token and gives of it what a function for tokens is told, its texts
 *  until the next call with the session.  *result is that of the reply: zero but for its size before
 *  the first call, and then left as it is, the calls add to it.  When the reply is over, by a token with
 *  `ends` or `stopped` or after max_tokens, which says how many it has in all, the token's id is -1.
 *  Between two calls the session can be used, saved, forked or left like any other.
 *  Errors: those of bl_generate() and bl_generate_ids(). */
BL_API bl_status bl_generate_next(bl_session *s, const char *prompt, size_t bytes,
                                  const int32_t *ids, size_t count, const bl_options *options,
                                  bl_token_event *token, bl_generate_result *result, bl_error *err);

/** The token that was drawn last and is not read yet, or -1. */
BL_API int32_t bl_session_pending(const bl_session *s);

typedef struct bl_score_result {
    size_t size;
    double log_probability;         /* natural: the sum over the tokens */
    uint64_t tokens, greedy_tokens; /* all; those that were the likeliest (of equals, the least id):
                                       a greedy reader writes the text when both are the same */
} bl_score_result;

/** How likely ids[count] are after what a session has read and its pending token: the sum of the
 *  log-probabilities that the model gives each after those before it, the first one included, from
 *  its own distribution, without biases and grammar.  each and greedy: NULL, or [count] for the
 *  values of the tokens: the log-probability, and 1 for the likeliest or else 0.  s is unchanged: a
 *  copy reads, so many continuations of one context are calls on one session, which reads it once.
 *  A text from its beginning is scored after bos_token_id.  No ids give 0 and 0 of 0.
 *  Errors: those of bl_session_feed(), but an id past the vocabulary, the last too, is found before
 *  anything is read; BL_EINVAL (nothing read and nothing pending).  Threads: any number may score
 *  after one session at once. */
BL_API bl_status bl_score(const bl_session *s, const int32_t *ids, size_t count, double *each,
                          int *greedy, bl_score_result *result, bl_error *err);

typedef struct bl_eval_result {
    size_t size;
    double loss, perplexity, bits_per_byte; /* nats a token; 0 bits when bytes are unknown */
    uint64_t tokens, bytes, documents;
    double seconds;
} bl_eval_result;

/** Mean loss of a model over a token file (.bin: windows of `window` tokens with a fresh state, the
 *  tail dropped; 0: the context the model was trained with) or a text (document by document, each
 *  from a fresh state and bos_token_id), read as bl_prepare() reads it by default.
 *  Errors: BL_ENOENT, BL_EFORMAT, BL_ENOMEM, BL_EDEVICE, BL_EINTERRUPTED. */
BL_API bl_status bl_eval(bl_model *m, const char *path, size_t window, bl_progress_fn *progress,
                         void *user, bl_eval_result *result, bl_error *err);

typedef struct bl_eval_point {
    size_t size;
    uint64_t first, last; /* positions, from 0: how many tokens were read before, not counting the
                             one that a window or a document (bos_token_id) begins with */
    uint64_t tokens;      /* predicted there, over all windows or documents */
    double loss;          /* their mean */
} bl_eval_point;

typedef void bl_eval_point_fn(void *user, const bl_eval_point *point);

/** bl_eval(), and at its end the loss by position, in rising order: for a token file a point for
 *  each position of its windows; for a text the positions 0, 1, 2-3, 4-7, ... in its documents.  A
 *  model that learns while it reads has a falling curve.  `user` is handed to both functions. */
BL_API bl_status bl_eval_by_position(bl_model *m, const char *path, size_t window,
                                     bl_progress_fn *progress, bl_eval_point_fn *point, void *user,
                                     bl_eval_result *result, bl_error *err);

/** Both, over a text read as `reading` (a BL_OPTIONS_PREPARE set or NULL) says: where its documents
 *  end, their field in JSON, its encoding.  Conversations (`documents` messages) are written by the
 *  template that bl_prepare() takes with the model's folder as `tokenizer`: `chat_template`, else the
 *  folder's, else ChatML; as of a data folder with a mask only answers count, and bytes are unknown.
 *  One that begins with bos_token_id itself has no other in front.  `point` may be NULL.
 *  Errors: as of bl_eval(); BL_EINVAL when the model's tokenizer has not the special tokens that the
 *  template writes. */
BL_API bl_status bl_eval_text(bl_model *m, const char *path, const bl_options *reading,
                              size_t window, bl_progress_fn *progress, bl_eval_point_fn *point,
                              void *user, bl_eval_result *result, bl_error *err);

/** bl_eval_text() of a text, not a token file, with what a session knows: a copy of it reads each
 *  document, after its pending token or else bos_token_id.  s is unchanged. */
BL_API bl_status bl_eval_session(const bl_session *s, const char *path, const bl_options *reading,
                                 bl_progress_fn *progress, bl_eval_point_fn *point, void *user,
                                 bl_eval_result *result, bl_error *err);

typedef struct bl_learn_result {
    size_t size;
    double loss; /* nats a token, each predicted from what was read before it */
    uint64_t tokens, bytes, documents; /* read; `tokens` includes those between documents */
    uint64_t consolidations;
    double seconds;
    uint64_t files_passed, ours_passed; /* left out of folders, as of bl_prepare_result */
    uint64_t characters_replaced, bad_dropped;
} bl_learn_result;

/** Reads the documents of a text into a session, in order, each followed by eos_token_id, which
 *  stays pending after the last; bos_token_id comes first in a session that has read nothing.  With
 *  a `share` above 0 it is consolidated (bl_session_consolidate) after every `every` tokens (0: not
 *  before the end) and at the end.  path and reading: as of bl_eval_text(), but no token file
 *  (BL_EUNSUPPORTED); of conversations the loss is that of the answers.
 *  *result says what was done, after a failure too: after BL_EINTERRUPTED what was read stays read,
 *  whole documents or not.
 *  Errors: as of bl_session_feed(), bl_session_consolidate() and bl_eval_text(). */
BL_API bl_status bl_session_learn(bl_session *s, const char *path, const bl_options *reading,
                                  double share, uint64_t every, bl_progress_fn *progress,
                                  void *user, bl_learn_result *result, bl_error *err);

/** The same of sources[count]: files, folders and "-", read as bl_prepare() reads them.  Unless `keep` is NULL, the session is saved to this file after
 *  every keep_seconds or so: what was read by then is not lost when the process ends.  Where that
 *  fails there is a warning, and the lesson goes on; at the end nothing is saved. */
BL_API bl_status bl_session_learn_all(bl_session *s, const char *const *sources, size_t count,
                                      const bl_options *reading, double share, uint64_t every,
                                      const char *keep, double keep_seconds,
                                      bl_progress_fn *progress, void *user, bl_learn_result *result,
                                      bl_error *err);

/** An octave of positions in a stream. */
typedef struct bl_stream_point {
    size_t size;
    uint64_t first, last; /* 0, 1, 2-3, 4-7, ...: how many tokens were read before, not counting the
                             one that the stream begins with */
    uint64_t tokens;      /* predicted there */
    double loss;          /* their mean, of one state through the whole stream */
    double fresh;         /* of the same tokens, read by fresh states in windows */
} bl_stream_point;

typedef void bl_stream_point_fn(void *user, const bl_stream_point *point);

/** Shows whether a memory lasts: one state reads all documents of a token file or a text, one after
 *  the other, in constant memory.  For comparison fresh states read the same tokens in windows of
 *  `window` tokens (0: 1,024), half a window apart, whose second halves count (of the first window,
 *  both).  *result is for the stream; `tokens` bounds how many are predicted (0: all); of those the
 *  ones that a mask, or conversations, let count.  A model
 *  whose memory lasts has point->loss at or below point->fresh in all points, which come at the
 *  end, in rising order.  Other arguments and errors: as bl_eval_text(). */
BL_API bl_status bl_eval_stream(bl_model *m, const char *path, const bl_options *reading,
                                size_t window, uint64_t tokens, bl_progress_fn *progress,
                                bl_stream_point_fn *point, void *user, bl_eval_result *result,
                                bl_error *err);

/** Both curves as a picture, an SVG file, which is written whole or not at all.
 *  The step from one point to the next is points->size, which the caller of another version sets to
 *  its sizeof.  Errors: BL_EINVAL (no points; no size), BL_EIO, BL_ENOMEM.  Threads: any. */
BL_API bl_status bl_stream_draw(const bl_stream_point *points, size_t count, const char *path,
                                bl_error *err);

/** The largest distance, and the most questions, of bl_eval_recall(). */
enum { BL_RECALL_MOST = 1 << 30 };

typedef struct bl_recall_result {
    size_t size;
    uint64_t distance, questions;  /* as asked for */
    double chance;                 /* share that guessing gets right: the mean of 1 / choices */
    double right, error;           /* share answered right, and its standard error */
    double greedy;                 /* share where the right one is the likeliest of all tokens */
    double control, control_error; /* share answered right without having read the fact */
    uint64_t changed;              /* questions about facts told twice: the newest counts */
    double changed_right, changed_old; /* shares of these answered with the newest, the older */
    double seconds;
} bl_recall_result;

/** How many facts of a story a model recalls after it has read exactly `distance` tokens of other
 *  stories.  Five facts are told at a time, "This is Clara red.", then a third of them once more
 *  with another color; "Who is there? It is Clara" asks for each in a branch of its own, and the
 *  answer is the likeliest of ten colors.  The control reads the same without the facts.  Stories,
 *  facts and questions are the same for every model, and occur in no text of bl_prepare(); a model
 *  learns the form of the questions from tales with the option tales_facts.  Reads about 2 / 5 of
 *  questions * distance tokens.  Errors: BL_EINVAL (more than BL_RECALL_MOST, no question),
 *  BL_EUNSUPPORTED (no tokenizer, or one whose colors do not begin with a token each), BL_ENOMEM,
 *  BL_EFORMAT, BL_EDEVICE, BL_EINTERRUPTED. */
BL_API bl_status bl_eval_recall(bl_model *m, uint64_t distance, uint64_t questions,
                                bl_progress_fn *progress, void *user, bl_recall_result *result,
                                bl_error *err);

/** The text of a file ("-": standard input) as bl_prepare() would read it, a prompt for example:
 *  decompressed, in UTF-8, without byte order marks, with LF line ends; of a .jsonl or .json file
 *  the string of its one document.  White space is kept.  fn receives it in one call.  `reading` is
 *  a BL_OPTIONS_PREPARE set or NULL; progress is called while a pipe is idle.  With `documents`
 *  messages it is one conversation, as the template of `chat_template` writes it, else that of the
 *  folder of `tokenizer` (a model's, for example), else ChatML.
 *  Errors: BL_ENOENT, BL_EFORMAT (not UTF-8, damaged, several documents), BL_EINVAL (`tokenizer`
 *  has not the special tokens that the template writes), BL_EUNSUPPORTED (no text; a template that
 *  is not understood), BL_EIO (also a named pipe that nobody opens for writing within ten seconds), BL_ENOMEM
 *  (also a text of more than 1 GiB or an eighth of the memory that this process may use),
 *  BL_EINTERRUPTED.
 *  Threads: any. */
BL_API bl_status bl_read_text(const char *path, const bl_options *reading, bl_progress_fn *progress,
                              bl_text_fn *fn, void *user, bl_error *err);

/** The same for the bytes of a file as they are, whatever they are. */
BL_API bl_status bl_read_file(const char *path, bl_progress_fn *progress, bl_text_fn *fn,
                              void *user, bl_error *err);

/** What a model folder, run, data folder or file holds, as JSON text into buffer[cap],
 *  with a 0; *bytes is its length.  Errors: BL_ENOENT, BL_EFORMAT, BL_ENOMEM. */
BL_API bl_status bl_info(const char *path, char *buffer, size_t cap, size_t *bytes, bl_error *err);

/* ------------------------------------------------------------------ training step by step */

/* An open trainer may also be moved on by its caller, in any mixture with bl_trainer_run(), which is
 * a loop over the same steps: weights, checkpoints and the continuation of either are the same bits.
 * These calls only do what they say: no evaluation, sample or checkpoint comes of itself, closing
 * saves nothing, and of all that a run writes there are the records of steps (metrics.jsonl,
 * TensorBoard).  After the last step bl_trainer_run() finishes the folder as a run does.
 *
 * bl_trainer_stop() stops the call at work, or else the next one: it returns BL_EINTERRUPTED
 * after the step under way and saves nothing; the trainer goes on.  After bl_trainer_save() a
 * checkpoint follows the step.  A trainer is used by one thread at a time: BL_EBUSY. */
typedef struct bl_step_result {
    size_t size;
    uint64_t step, steps; /* done in all, and of the whole schedule (or stop_after) */
    uint64_t done,
        skipped;          /* by this call; of these, how many changed nothing because their loss or
                               gradient was not finite */
    uint64_t tokens;      /* read by this call */
    double loss;          /* nats a token, before its update: the mean of the steps not skipped;
                               NaN: none */
    double grad_norm, lr; /* of the last step; the norm before clipping */
    double seconds;       /* of the call */
    int went_back;        /* 1: to a checkpoint, whose step `step` is then */
} bl_step_result;

/** Does `count` optimizer steps, fewer at the end of the schedule; 0 only fills the result, which
 *  also says what was done after a failure.  Where a device computes in its own time, the steps of
 *  a call overlap: many at once are faster there.  Eq: docs/MODEL.md 6.
 *
 *  A step without a finite loss is skipped and reported; the fifth in a row takes the run back to
 *  its newest checkpoint, at half the learning rate, once: without a checkpoint, or the second time,
 *  it is BL_EDIVERGED.  After an error but BL_EINTERRUPTED and BL_EBUSY the trainer can only be
 *  closed, and opened again with the option resume (BL_EINVAL).
 *  Errors: BL_EINTERRUPTED, BL_EDIVERGED, BL_ENOMEM, BL_EIO (data that is gone), BL_EDEVICE. */
BL_API bl_status bl_trainer_step(bl_trainer *t, uint64_t count, bl_step_result *result,
                                 bl_error *err);

/** A run without data folders, which bl_trainer_step_on() moves on.  tokenizer_dir: a folder with the
 *  tokenizer.json of the ids, which gives the vocabulary; NULL: that of the model of `init`, else none,
 *  and `config` says vocab_size.  run_dir: as of bl_trainer_open(), or NULL: nothing is read or
 *  written, there are no checkpoints, and bl_trainer_model() is the way out.  bl_trainer_step() and
 *  bl_trainer_run() are BL_EINVAL while steps are left.  Errors: as of bl_trainer_open(). */
BL_API bl_status bl_trainer_open_given(bl_trainer **t, const char *tokenizer_dir,
                                       const char *run_dir, const bl_options *train,
                                       const bl_options *config, bl_error *err);

/** One step on B rows of T + 1 ids [B,T+1], of which the first T are read and the last T predicted.
 *  mask [B,T]: 0 where predicting ids[b][t + 1] does not count, NULL: all count; `loss` is the mean of
 *  those that do.  Micro-batches are `batch` rows one after the other; fewer than batch x accum rows,
 *  or than context tokens, are less to learn from but no less to compute.  Windows of a data folder
 *  give the bits that bl_trainer_step() gives; of a trainer that has one, the windows wait.
 *  Errors: also BL_EINVAL (B, T, nothing counts, the schedule is over, `carry`) and BL_EFORMAT (an id
 *  past the vocabulary), after which the trainer goes on. */
BL_API bl_status bl_trainer_step_on(bl_trainer *t, const int32_t *ids, const unsigned char *mask,
                                    size_t B, size_t T, bl_step_result *result, bl_error *err);

/** The loss over the validation data now, as a run evaluates it (option eval_tokens); `bytes` and
 *  `documents` are 0.  Training is not affected, but a lowest loss so far makes a checkpoint of the
 *  same step the best one.  Errors: BL_EINVAL (the validation data has no window), BL_EINTERRUPTED
 *  (also bl_progress_to(), "evaluating"), BL_ENOMEM, BL_EIO, BL_EDEVICE: the trainer goes on. */
BL_API bl_status bl_trainer_eval(bl_trainer *t, bl_eval_result *result, bl_error *err);

/** Writes a checkpoint now, whole or not at all, and removes old ones (option keep); its folder, with
 *  a 0, into path[cap].  Errors: BL_EIO, BL_ENOMEM, BL_EDEVICE: the trainer goes on. */
BL_API bl_status bl_trainer_checkpoint(bl_trainer *t, char *path, size_t cap, size_t *bytes,
                                       bl_error *err);

/** A model of the weights as they are now, without the disk: bl_model_open() of a checkpoint written
 *  now gives the same bits.  It is a copy that further steps do not change and that the trainer does
 *  not need: a sample between two steps, or the model of yesterday.  It takes what bl_plan_model()
 *  says of such a model.  device: as of bl_model_open(), or NULL: the trainer's own and its threads.
 *  Its path is the run folder, or "".  Errors: BL_ENOMEM; BL_EINVAL, BL_EDEVICE (device), BL_EFORMAT (weights
 *  that are not finite), BL_EINTERRUPTED (bl_progress_to(), "copying"): the trainer goes on. */
BL_API bl_status bl_trainer_model(bl_model **m, bl_trainer *t, const bl_options *device,
                                  bl_error *err);

/** Sends the events of these calls to a function (NULL: nowhere): BL_TRAIN_STEP, _EVAL,
 *  _CHECKPOINT and _WARNING.  Threads: not while the trainer is at work. */
BL_API void bl_trainer_events_to(bl_trainer *t, bl_train_fn *fn, void *user);

#ifdef __cplusplus
}
#endif
#endif
