"""Data table: the functions, structs and constants of bitllama.h for ctypes.

Written by python/tools/generate.py: change the header, not this file.
"""
import ctypes
from ctypes import (CFUNCTYPE, POINTER, c_char, c_char_p, c_double, c_float, c_int, c_int32,
                    c_int64, c_size_t, c_ubyte, c_uint, c_uint64, c_void_p)
from . import _library
BL_VERSION_NUMBER = 200
BL_ABI = 1
BL_OK = 0
BL_EINVAL = -1
BL_ENOENT = -2
BL_EFORMAT = -3
BL_EUNSUPPORTED = -4
BL_EIO = -5
BL_ENOMEM = -6
BL_EBUSY = -7
BL_ENETWORK = -8
BL_EDIVERGED = -9
BL_EDEVICE = -10
BL_EINTERRUPTED = -11
BL_LOG_DEBUG = 0
BL_LOG_INFO = 1
BL_LOG_WARNING = 2
BL_SHOWN_LINE = 1
BL_SHOWN_JSON = 2
BL_SHOWN_PART = 4
BL_OPTIONS_CONFIG = 0
BL_OPTIONS_TRAIN = 1
BL_OPTIONS_PREPARE = 2
BL_OPTIONS_GENERATE = 3
BL_OPTIONS_DEVICE = 4
BL_OPTIONS_PULL = 5
BL_OPTIONS_PUSH = 6
BL_OPTIONS_KINDS = 7
BL_ENCODE_SPECIAL = 1
BL_ENCODE_TEMPLATE = 2
BL_ENCODE_OFFSETS = 4
BL_DECODE_SPECIAL = 1
BL_HUB_MODEL = 0
BL_HUB_DATASET = 1
BL_PREPARE_TOP = 10
BL_TRAIN_START = 0
BL_TRAIN_RESUME = 1
BL_TRAIN_STEP = 2
BL_TRAIN_EVAL = 3
BL_TRAIN_SAMPLE = 4
BL_TRAIN_CHECKPOINT = 5
BL_TRAIN_WARNING = 6
BL_TRAIN_END = 7
BL_RECALL_MOST = 1073741824

class bl_feature(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        ("name", c_char_p),
        ("text", c_char_p),
        ("present", c_int),
    )

class bl_error(ctypes.Structure):
    _fields_ = (
        ("code", c_int),
        ("message", c_char * 500),
    )

class bl_buffer(ctypes.Structure):
    """A file in memory: its name, without a folder, and its bytes."""
    _fields_ = (
        ("name", c_char_p),
        ("bytes", c_void_p),
        ("size", c_size_t),
    )

class bl_field_info(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        ("name", c_char_p),
        ("type", c_char_p),
        ("fallback", c_char_p),
        ("choices", c_char_p),
        ("help", c_char_p),
        ("min", c_double),
        ("max", c_double),
    )

class bl_span(ctypes.Structure):
    """A piece of text; it need not end in a 0."""
    _fields_ = (
        ("text", c_char_p),
        ("bytes", c_size_t),
    )

class bl_offset(ctypes.Structure):
    """The bytes of a text that a token comes from: text[start] to text[end - 1], exact also inside a
    character; where NFC changed the text, the whole character with its marks.  In sequence they
    leave no gap; they overlap in such a character, and where two added tokens take the same spaces.
    Empty for what has no source: a token that is only the added space, and those of a template."""
    _fields_ = (
        ("start", c_size_t),
        ("end", c_size_t),
    )

class bl_device_info(ctypes.Structure):
    """Where models compute, the option `device`: "cpu" and "ref" (slow, the definition) are built in;
    another NAME is a plug-in, libbitllama_NAME.so, found as docs/ARCHITECTURE.md says; "NAME:1" is
    its second device.  Before any name, "trace:" writes the time and calls of every op through
    bl_log_to() when the device is closed, "fault:" ends the process with SIGSEGV when device memory
    is touched outside an op, and "graph:" records the ops between two waits and runs them as one;
    results stay the same bits."""
    _fields_ = (
        ("size", c_size_t),
        ("name", c_char_p),
        ("text", c_char_p),
        ("memory_bytes", c_uint64),
        ("usable", c_int),
    )

class bl_machine_info(ctypes.Structure):
    """What this build is, and what the machine lets this process use.  Texts are valid during the
    call, and empty when not known."""
    _fields_ = (
        ("size", c_size_t),
        ("compiler", c_char_p),
        ("system", c_char_p),
        ("processor", c_char_p),
        ("simd", c_char_p),
        ("simd_best", c_char_p),
        ("threads", c_size_t),
        ("processors", c_size_t),
        ("affinity", c_size_t),
        ("quota", c_size_t),
        ("memory_bytes", c_uint64),
        ("folders", POINTER(c_char_p)),
        ("plugins", POINTER(c_char_p)),
        ("folder_count", c_size_t),
        ("plugin_count", c_size_t),
        ("cache", c_char_p),
        ("cache_free", c_uint64),
        ("levels", POINTER(c_char_p)),
        ("level_count", c_size_t),
        ("precision", c_char_p),
        ("bf16_by", c_char_p),
        ("bf16_gain", c_double),
        ("simd_missing", c_char_p),
    )

class bl_limit(ctypes.Structure):
    """A ceiling of the machine; a multiplication and an addition count as two."""
    _fields_ = (
        ("size", c_size_t),
        ("name", c_char_p),
        ("unit", c_char_p),
        ("one", c_double),
        ("all", c_double),
        ("bytes", c_uint64),
    )

class bl_pull_result(ctypes.Structure):
    """What bl_hub_pull() has found."""
    _fields_ = (
        ("size", c_size_t),
        ("commit", c_char * 41),
        ("files", c_size_t),
        ("bytes", c_uint64),
        ("fetched", c_uint64),
    )

class bl_push_file(ctypes.Structure):
    """A file of a folder that is sent, by its path in the repository."""
    _fields_ = (
        ("size", c_size_t),
        ("path", c_char_p),
        ("bytes", c_uint64),
        ("state", c_char_p),
    )

class bl_push_result(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        ("commit", c_char * 41),
        ("files", c_size_t),
        ("changed", c_size_t),
        ("bytes", c_uint64),
        ("sent", c_uint64),
    )

class bl_prepare_result(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        ("documents", c_uint64),
        ("val_documents", c_uint64),
        ("bytes", c_uint64),
        ("val_bytes", c_uint64),
        ("tokens", c_uint64),
        ("val_tokens", c_uint64),
        ("vocab_size", c_uint64),
        ("longest_document", c_uint64),
        ("exact_duplicates", c_uint64),
        ("near_duplicates", c_uint64),
        ("documents_cut", c_uint64),
        ("characters_replaced", c_uint64),
        ("val_ends", c_uint64),
        ("tokens_unused", c_uint64),
        ("returns_replaced", c_uint64),
        ("marks_dropped", c_uint64),
        ("bad_dropped", c_uint64),
        ("first_bad", c_char * 256),
        ("files_passed", c_uint64),
        ("ours_passed", c_uint64),
        ("top", c_int32 * BL_PREPARE_TOP),
        ("top_count", c_uint64 * BL_PREPARE_TOP),
        ("eos", c_int32),
        ("counted", c_uint64),
        ("val_counted", c_uint64),
        ("answers_rewritten", c_uint64),
    )

class bl_advice(ctypes.Structure):
    """What suits a data folder, by rules of thumb (docs/TRAINING.md)."""
    _fields_ = (
        ("size", c_size_t),
        ("bytes", c_uint64),
        ("tokens", c_uint64),
        ("val_tokens", c_uint64),
        ("vocab_size", c_uint64),
        ("suits_vocab_size", c_uint64),
        ("preset", c_char_p),
        ("batch", c_uint64),
        ("context", c_uint64),
        ("steps", c_uint64),
        ("epochs", c_double),
    )

class bl_corpus(ctypes.Structure):
    """A data folder of a run, and its share of the windows in any unit; 0: by its training tokens."""
    _fields_ = (
        ("dir", c_char_p),
        ("weight", c_double),
    )

class bl_train_corpus(ctypes.Structure):
    """How far one of several data folders has been read."""
    _fields_ = (
        ("size", c_size_t),
        ("dir", c_char_p),
        ("weight", c_double),
        ("tokens", c_uint64),
        ("epochs", c_double),
        ("loss", c_double),
    )

class bl_train_layer(ctypes.Structure):
    """What a layer remembers."""
    _fields_ = (
        ("size", c_size_t),
        ("half_life_min", c_double),
        ("half_life_max", c_double),
        ("distance", c_double),
    )

class bl_train_event(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        ("kind", c_int),
        ("step", c_uint64),
        ("steps", c_uint64),
        ("tokens", c_uint64),
        ("loss", c_double),
        ("bits_per_byte", c_double),
        ("lr", c_double),
        ("grad_norm", c_double),
        ("tokens_per_s", c_double),
        ("text", c_char_p),
        ("corpora", POINTER(bl_train_corpus)),
        ("corpus_count", c_size_t),
        ("layers", POINTER(bl_train_layer)),
        ("layer_count", c_size_t),
    )

class bl_plan_result(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        ("weights", c_uint64),
        ("optimizer", c_uint64),
        ("activations", c_uint64),
        ("scratch", c_uint64),
        ("state", c_uint64),
        ("total", c_uint64),
        ("machine", c_uint64),
        ("parameters", c_uint64),
        ("base", c_uint64),
        ("device", c_char * 208),
    )

class bl_op_work(ctypes.Structure):
    """What an op has done on devices "trace:NAME", by its shapes: the least that it must read and
    write, and its products, in which an addition is an operation too."""
    _fields_ = (
        ("size", c_size_t),
        ("op", c_char_p),
        ("calls", c_uint64),
        ("seconds", c_double),
        ("bytes", c_double),
        ("int_ops", c_double),
        ("float_ops", c_double),
        ("bf16_ops", c_double),
    )

class bl_model_info(ctypes.Structure):
    """Sizes of a model, and tokens with a meaning."""
    _fields_ = (
        ("size", c_size_t),
        ("parameters", c_uint64),
        ("vocab_size", c_uint64),
        ("hidden_size", c_uint64),
        ("layers", c_uint64),
        ("heads", c_uint64),
        ("head_width", c_uint64),
        ("intermediate_size", c_uint64),
        ("chunk", c_uint64),
        ("context", c_uint64),
        ("ternary", c_int),
        ("forgets", c_int),
        ("bos", c_int32),
        ("eos", c_int32),
        ("pad", c_int32),
        ("unk", c_int32),
    )

class bl_batch_turn(ctypes.Structure):
    """What a session reads in bl_batch_feed(): as bl_session_feed() would, its pending token and then
    ids[count].  logits: NULL, or [V] for those after the last token, of this call or an earlier
    one."""
    _fields_ = (
        ("session", c_void_p),
        ("ids", POINTER(c_int32)),
        ("count", c_size_t),
        ("logits", POINTER(c_float)),
    )

class bl_head_info(ctypes.Structure):
    """A head of a TTT layer in a session."""
    _fields_ = (
        ("size", c_size_t),
        ("layer", c_size_t),
        ("head", c_size_t),
        ("half_life", c_double),
        ("distance", c_double),
        ("base", c_double),
        ("base_most", c_double),
    )

class bl_memory_difference(ctypes.Structure):
    """Two memory files beside each other, for which no model is needed."""
    _fields_ = (
        ("size", c_size_t),
        ("same", c_int),
        ("same_model", c_int),
        ("version_a", c_int),
        ("version_b", c_int),
        ("position_a", c_uint64),
        ("position_b", c_uint64),
    )

class bl_token_event(ctypes.Structure):
    """A token that was drawn."""
    _fields_ = (
        ("size", c_size_t),
        ("id", c_int32),
        ("ends", c_int),
        ("position", c_uint64),
        ("text", c_void_p),
        ("bytes", c_size_t),
        ("log_probability", c_double),
        ("likeliest", POINTER(c_int32)),
        ("likeliest_log_probabilities", POINTER(c_double)),
        ("likeliest_count", c_size_t),
        ("stopped", c_int),
    )

class bl_generate_result(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        ("seed", c_uint64),
        ("prompt_tokens", c_uint64),
        ("tokens", c_uint64),
        ("prompt_seconds", c_double),
        ("seconds", c_double),
        ("ended", c_int),
        ("waiting_bytes", c_size_t),
        ("whole", c_int),
        ("stopped", c_int),
    )

class bl_score_result(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        ("log_probability", c_double),
        ("tokens", c_uint64),
        ("greedy_tokens", c_uint64),
    )

class bl_eval_result(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        ("loss", c_double),
        ("perplexity", c_double),
        ("bits_per_byte", c_double),
        ("tokens", c_uint64),
        ("bytes", c_uint64),
        ("documents", c_uint64),
        ("seconds", c_double),
    )

class bl_eval_point(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        ("first", c_uint64),
        ("last", c_uint64),
        ("tokens", c_uint64),
        ("loss", c_double),
    )

class bl_learn_result(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        ("loss", c_double),
        ("tokens", c_uint64),
        ("bytes", c_uint64),
        ("documents", c_uint64),
        ("consolidations", c_uint64),
        ("seconds", c_double),
        ("files_passed", c_uint64),
        ("ours_passed", c_uint64),
        ("characters_replaced", c_uint64),
        ("bad_dropped", c_uint64),
    )

class bl_stream_point(ctypes.Structure):
    """An octave of positions in a stream."""
    _fields_ = (
        ("size", c_size_t),
        ("first", c_uint64),
        ("last", c_uint64),
        ("tokens", c_uint64),
        ("loss", c_double),
        ("fresh", c_double),
    )

class bl_recall_result(ctypes.Structure):
    _fields_ = (
        ("size", c_size_t),
        ("distance", c_uint64),
        ("questions", c_uint64),
        ("chance", c_double),
        ("right", c_double),
        ("error", c_double),
        ("greedy", c_double),
        ("control", c_double),
        ("control_error", c_double),
        ("changed", c_uint64),
        ("changed_right", c_double),
        ("changed_old", c_double),
        ("seconds", c_double),
    )

class bl_step_result(ctypes.Structure):
    """An open trainer may also be moved on by its caller, in any mixture with bl_trainer_run(), which is
    a loop over the same steps: weights, checkpoints and the continuation of either are the same bits.
    These calls only do what they say: no evaluation, sample or checkpoint comes of itself, closing
    saves nothing, and of all that a run writes there are the records of steps (metrics.jsonl,
    TensorBoard).  After the last step bl_trainer_run() finishes the folder as a run does.

    bl_trainer_stop() stops the call at work, or else the next one: it returns BL_EINTERRUPTED
    after the step under way and saves nothing; the trainer goes on.  After bl_trainer_save() a
    checkpoint follows the step.  A trainer is used by one thread at a time: BL_EBUSY."""
    _fields_ = (
        ("size", c_size_t),
        ("step", c_uint64),
        ("steps", c_uint64),
        ("done", c_uint64),
        ("skipped", c_uint64),
        ("tokens", c_uint64),
        ("loss", c_double),
        ("grad_norm", c_double),
        ("lr", c_double),
        ("seconds", c_double),
        ("went_back", c_int),
    )

bl_log_fn = CFUNCTYPE(None, c_void_p, c_int, c_char_p)
bl_progress_fn = CFUNCTYPE(c_int, c_void_p, c_char_p, c_uint64, c_uint64, c_char_p)
bl_device_fn = CFUNCTYPE(None, c_void_p, POINTER(bl_device_info))
bl_machine_fn = CFUNCTYPE(None, c_void_p, POINTER(bl_machine_info))
bl_limit_fn = CFUNCTYPE(None, c_void_p, POINTER(bl_limit))
bl_push_fn = CFUNCTYPE(None, c_void_p, POINTER(bl_push_file))
bl_train_fn = CFUNCTYPE(None, c_void_p, POINTER(bl_train_event))
bl_step_fn = CFUNCTYPE(c_int, c_void_p, c_double)
bl_op_fn = CFUNCTYPE(None, c_void_p, POINTER(bl_op_work))
bl_head_fn = CFUNCTYPE(None, c_void_p, POINTER(bl_head_info))
bl_text_fn = CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)
bl_token_fn = CFUNCTYPE(c_int, c_void_p, POINTER(bl_token_event))
bl_eval_point_fn = CFUNCTYPE(None, c_void_p, POINTER(bl_eval_point))
bl_stream_point_fn = CFUNCTYPE(None, c_void_p, POINTER(bl_stream_point))

# name: (result, arguments, what it is)
FUNCTIONS = {
    "bl_version": (c_char_p, (), """The library's version, "major.minor.patch"; and the BL_ABI that it was made with: a program that
finds another one than its own has loaded the wrong library.  Threads: any."""),
    "bl_abi": (c_int, (), """The library's version, "major.minor.patch"; and the BL_ABI that it was made with: a program that
finds another one than its own has loaded the wrong library.  Threads: any."""),
    "bl_feature_at": (POINTER(bl_feature), (c_size_t,), """The i-th thing that a build of the library may or may not have; NULL past the last.  Static.
Threads: any."""),
    "bl_status_name": (c_char_p, (c_int,), """The status in words, and the exit code a command ends with.  Threads: any."""),
    "bl_status_exit_code": (c_int, (c_int,), """The status in words, and the exit code a command ends with.  Threads: any."""),
    "bl_set_threads": (None, (c_size_t,), """How many threads to compute with where neither an option `threads` nor an argument says: for
models, sessions, trainers and encoders opened, and functions called, from now on.  0, the
default: one for each processor that this process may use, by its affinity and the quota of its
control groups.  More than 1024 counts as 1024.  Results are bit-identical with any number.

The library's threads are one pool for the process; they sleep while they wait and take no
signals.  The child of a fork() starts its own and may keep using everything that is open
and that no other thread was using at the time, unless the fork was made from a progress
function.  Threads: any."""),
    "bl_log_to": (None, (bl_log_fn, c_void_p,), """Sends the library's warnings to a function (NULL: nowhere).  Call before anything else.  A
warning may come from a thread of the library.
Threads: not while other calls run."""),
    "bl_log_thread_to": (None, (bl_log_fn, c_void_p,), """Sends those of calls of this thread to another function instead (NULL: no longer), so that who
shares a process, or has several models, hears what concerns a call or a handle: set it before
the call, and take it away afterwards.  Threads: any; each has its own function."""),
    "bl_text_shown": (c_size_t, (c_char_p, c_size_t, c_uint, c_char_p, c_size_t, POINTER(c_size_t),), """A text [bytes] made safe for a terminal: control characters (C0 but \\n and \\t, DEL, C1),
bidirectional controls, line and paragraph separators as <U+001B>, a byte that is not UTF-8 as
<9B>, all else unchanged.  Names, metadata, and what a model writes may hold any of these.
Writes whole characters while they fit into shown[cap] (8 bytes for each byte of the text always
suffice), without a 0, and returns the bytes written; *taken (may be NULL) is how many bytes of
the text they stand for.  Threads: any."""),
    "bl_progress_to": (None, (bl_progress_fn, c_void_p,), """Sends the progress of long calls of this thread to a function (NULL: nowhere), so that it can
show them and stop them.  It covers the calls that take no function of their own:
bl_model_open() ("loading"), bl_generate() while it encodes and reads the prompt ("encoding",
"reading"), bl_session_feed(), bl_session_feed_each(), bl_score(), bl_batch_feed() and
bl_batch_next() of more than a pass ("reading"), the first bl_model_fingerprint(), or the first
loading or saving of a memory, of a model ("hashing": later ones know its fingerprint),
bl_tokenizer_encode() and bl_encoder_run() ("encoding"), bl_export() ("packing"), bl_info()
("reading"), bl_trainer_open() ("checking"), a session's first
bl_session_consolidate() ("finding its rest").  It is called at least once every 256 tokens, pass of a batch, 64 KB of text, or tensor.
A stopped call returns BL_EINTERRUPTED: what it opens, loads or writes is as after any other
failure; tokens read by then stay read, nothing is pending, and bl_session_position() counts
them.  Threads: any; each has its own function."""),
    "bl_out_open": (c_int, (POINTER(c_void_p), c_char_p, POINTER(bl_error),), """Errors: BL_EIO names the path and the reason, BL_ENOMEM."""),
    "bl_out_write": (None, (c_void_p, c_void_p, c_size_t,), """Appends bytes; a failure is kept, and reported by check and commit (BL_EIO; so is bytes
NULL)."""),
    "bl_out_check": (c_int, (c_void_p, POINTER(bl_error),), """Appends bytes; a failure is kept, and reported by check and commit (BL_EIO; so is bytes
NULL)."""),
    "bl_out_commit": (c_int, (c_void_p, POINTER(bl_error),), """Puts the file in its place and frees the handle, also on failure (BL_EIO), which leaves what was
there before."""),
    "bl_out_abandon": (None, (c_void_p,), """Puts the file in its place and frees the handle, also on failure (BL_EIO), which leaves what was
there before."""),
    "bl_files_open": (c_int, (POINTER(c_void_p), POINTER(bl_buffer), c_size_t, POINTER(bl_error),), """A folder that is in memory, with files[count] in it.  bl_files_path() is valid until it is
closed, and can be given to bl_model_open(), bl_tokenizer_open(), bl_template_open() and, with
"/" and a name after it, to bl_session_load() and bl_options_load().  What they refuse of a file
they refuse here.  The bytes are read where they are, and a model keeps no copy of them, so they
must stay until the folder is closed: after all that was opened from it, or else bl_export() and
bl_template_ends() find its files no more (BL_ENOENT), and while no call reads them.
Errors: BL_EINVAL (a name that is empty, has a "/" or stands twice), BL_ENOMEM.  Threads: any."""),
    "bl_files_path": (c_char_p, (c_void_p,), """A folder that is in memory, with files[count] in it.  bl_files_path() is valid until it is
closed, and can be given to bl_model_open(), bl_tokenizer_open(), bl_template_open() and, with
"/" and a name after it, to bl_session_load() and bl_options_load().  What they refuse of a file
they refuse here.  The bytes are read where they are, and a model keeps no copy of them, so they
must stay until the folder is closed: after all that was opened from it, or else bl_export() and
bl_template_ends() find its files no more (BL_ENOENT), and while no call reads them.
Errors: BL_EINVAL (a name that is empty, has a "/" or stands twice), BL_ENOMEM.  Threads: any."""),
    "bl_files_at": (c_int, (c_void_p, c_size_t, POINTER(bl_buffer),), """The i-th of its files, valid until it is closed: 1; or 0 and nothing, past the last."""),
    "bl_files_close": (None, (c_void_p,), """The i-th of its files, valid until it is closed: 1; or 0 and nothing, past the last."""),
    "bl_options_count": (c_size_t, (c_int,), """How many fields a kind has; the i-th of them.  Static.  Threads: any."""),
    "bl_options_field": (POINTER(bl_field_info), (c_int, c_size_t,), """How many fields a kind has; the i-th of them.  Static.  Threads: any."""),
    "bl_options_open": (c_int, (POINTER(c_void_p), c_int, POINTER(bl_error),), """A set with every field at its default.  Errors: BL_ENOMEM."""),
    "bl_options_close": (None, (c_void_p,), """A set with every field at its default.  Errors: BL_ENOMEM."""),
    "bl_options_set": (c_int, (c_void_p, c_char_p, c_char_p, POINTER(bl_error),), """Sets one field from text.  Errors: BL_EINVAL for an unknown name or a value out of bounds."""),
    "bl_options_get": (c_int, (c_void_p, c_char_p, c_char_p, c_size_t, POINTER(c_size_t), POINTER(bl_error),), """The value of a field as text into buffer[cap], with a 0; *bytes is its length, at most 1,023.
Errors: BL_EINVAL (the name)."""),
    "bl_options_is_set": (c_int, (c_void_p, c_char_p,), """1 when the field was set by the caller or loaded from a file, 0 when it has its default or a
preset's value, does not exist, or name or o is NULL."""),
    "bl_preset_at": (c_char_p, (c_size_t,), """The name of the i-th model preset; NULL past the last.  Static.  Threads: any."""),
    "bl_options_preset": (c_int, (c_void_p, c_char_p, POINTER(bl_error),), """Applies a model preset by its name to a BL_OPTIONS_CONFIG set.  Errors: BL_EINVAL."""),
    "bl_options_load": (c_int, (c_void_p, c_char_p, POINTER(bl_error),), """Applies a config.json to a BL_OPTIONS_CONFIG set.  Errors: BL_ENOENT, BL_EFORMAT."""),
    "bl_tokenizer_open": (c_int, (POINTER(c_void_p), c_char_p, POINTER(bl_error),), """A byte-level BPE tokenizer from a tokenizer.json, or from the folder that holds one.
Errors: BL_ENOENT, BL_EFORMAT (not JSON, not a tokenizer), BL_EUNSUPPORTED (another model,
normaliser or pre-tokenizer; a pattern with unknown syntax), BL_ENOMEM.  Threads: the open
tokenizer may be shared."""),
    "bl_tokenizer_close": (None, (c_void_p,), """A byte-level BPE tokenizer from a tokenizer.json, or from the folder that holds one.
Errors: BL_ENOENT, BL_EFORMAT (not JSON, not a tokenizer), BL_EUNSUPPORTED (another model,
normaliser or pre-tokenizer; a pattern with unknown syntax), BL_ENOMEM.  Threads: the open
tokenizer may be shared."""),
    "bl_tokenizer_prefix_space": (c_int, (c_void_p,), """1 when encoding puts a space before a text that does not begin with one, else 0."""),
    "bl_tokenizer_vocab_size": (c_size_t, (c_void_p,), """One past the greatest id, added tokens included."""),
    "bl_tokenizer_encode": (c_int, (c_void_p, c_char_p, c_size_t, c_uint, POINTER(c_int32), c_size_t, POINTER(c_size_t), POINTER(bl_error),), """Text [bytes] to ids; with BL_ENCODE_SPECIAL | BL_ENCODE_TEMPLATE those of Hugging Face's
tokenizers by default.  Writes the first `cap` ids and
the number of all to *count; with cap 0 it only counts.  For much text a bl_encoder is faster:
this call keeps nothing for the next.
Errors: BL_EFORMAT when the text is not UTF-8 (the byte offset is named), BL_EUNSUPPORTED (the
file's pattern takes too long on the text; a word of 4 GiB), BL_ENOMEM."""),
    "bl_tokenizer_encode_offsets": (c_int, (c_void_p, c_char_p, c_size_t, c_uint, POINTER(c_int32), POINTER(bl_offset), c_size_t, POINTER(c_size_t), POINTER(bl_error),), """The same, and the first `cap` offsets too; offsets may be NULL."""),
    "bl_encoder_open": (c_int, (POINTER(c_void_p), c_void_p, c_size_t, POINTER(bl_error),), """Encodes many texts at once, on several threads, and keeps the words that it has met for the next
texts.  The tokenizer must outlive it.  threads: 0 for those of bl_set_threads().
Errors: BL_EINVAL (more than 1024 threads), BL_ENOMEM.  Threads: an encoder is used by one
thread at a time; several may share a tokenizer."""),
    "bl_encoder_close": (None, (c_void_p,), """Encodes many texts at once, on several threads, and keeps the words that it has met for the next
texts.  The tokenizer must outlive it.  threads: 0 for those of bl_set_threads().
Errors: BL_EINVAL (more than 1024 threads), BL_ENOMEM.  Threads: an encoder is used by one
thread at a time; several may share a tokenizer."""),
    "bl_encoder_run": (c_int, (c_void_p, POINTER(bl_span), c_size_t, c_uint, POINTER(bl_error),), """Encodes texts[count], each as bl_tokenizer_encode() would; `flags` as there.  The result does
not depend on the number of threads.  It replaces that of the previous run, whose memory is
reused.  On failure there is no result, and the message names the first text that fails.
Errors: those of bl_tokenizer_encode(), with the index of the text, from 0."""),
    "bl_encoder_ids": (POINTER(c_int32), (c_void_p, c_size_t, POINTER(c_size_t),), """The ids [*count] of text i of the last run, valid until the next run or close; NULL and 0 when
there is no such text.  count may be NULL, here and below."""),
    "bl_encoder_offsets": (POINTER(bl_offset), (c_void_p, c_size_t, POINTER(c_size_t),), """Their offsets, *count of them; NULL as well without BL_ENCODE_OFFSETS."""),
    "bl_tokenizer_decode": (c_int, (c_void_p, POINTER(c_int32), c_size_t, c_uint, c_char_p, c_size_t, POINTER(c_size_t), POINTER(bl_error),), """Ids to text, special tokens left out, bytes that are not UTF-8 as U+FFFD, the prefix space kept.
Writes the first `cap` bytes and the number of all to *bytes.
Errors: BL_EFORMAT when an id is past the vocabulary, BL_ENOMEM."""),
    "bl_tokenizer_id": (c_int32, (c_void_p, c_char_p,), """The id of a token as spelled in tokenizer.json, or -1; the raw bytes of an id (NULL past the
vocabulary), valid until the tokenizer is closed; their number (bytes may be NULL)."""),
    "bl_tokenizer_bytes": (c_void_p, (c_void_p, c_int32, POINTER(c_size_t),), """The id of a token as spelled in tokenizer.json, or -1; the raw bytes of an id (NULL past the
vocabulary), valid until the tokenizer is closed; their number (bytes may be NULL)."""),
    "bl_tokenizer_find": (c_int32, (c_void_p, c_char_p, c_size_t,), """The other way: the id whose raw bytes are exactly these, a special token only when no other has
them, of several the least; or -1.  Looks through the vocabulary."""),
    "bl_tokenizer_is_special": (c_int, (c_void_p, c_int32,), """1 for a special token, whose text is left out of what is decoded and generated; else 0."""),
    "bl_template_open": (c_int, (POINTER(c_void_p), c_char_p, c_char_p, POINTER(bl_error),), """How a model wants conversations written (docs/TEMPLATES.md): chat_template.jinja of a folder, or
chat_template of its tokenizer_config.json, or a file that is a template.  Of several the one
with this name; NULL: "default", and "tool_use" when tools are given.  Errors: BL_ENOENT (no
template), BL_EFORMAT, BL_EUNSUPPORTED (what is not supported of Jinja), BL_ENOMEM.  Threads:
the open template may be shared."""),
    "bl_template_close": (None, (c_void_p,), """How a model wants conversations written (docs/TEMPLATES.md): chat_template.jinja of a folder, or
chat_template of its tokenizer_config.json, or a file that is a template.  Of several the one
with this name; NULL: "default", and "tool_use" when tools are given.  Errors: BL_ENOENT (no
template), BL_EFORMAT, BL_EUNSUPPORTED (what is not supported of Jinja), BL_ENOMEM.  Threads:
the open template may be shared."""),
    "bl_template_render": (c_int, (c_void_p, c_char_p, c_size_t, c_int64, c_char_p, c_size_t, POINTER(c_size_t), POINTER(bl_error),), """Messages as text.  json: [{"role": "user", "content": "Hi"}], or an object of all that the
template sees: "messages", "tools", "documents", "add_generation_prompt" (false) and others.
now: the time in seconds since 1970, for templates that write the date; -1: the present.  Writes
the first `cap` bytes and the number of all to *bytes.  Errors: BL_EFORMAT (json; the template
refuses the messages, fails, or takes too much), BL_EUNSUPPORTED, BL_ENOMEM."""),
    "bl_template_encode": (c_int, (c_void_p, c_void_p, c_char_p, c_size_t, c_int64, c_uint, POINTER(c_int32), POINTER(c_ubyte), c_size_t, POINTER(c_size_t), POINTER(bl_error),), """The same as ids; those of special tokens only where the template wrote them, unless flags has
BL_ENCODE_SPECIAL: then also where they stand in a message.  answers (may be NULL) is 1 for
tokens of {% generation %} blocks, else 0."""),
    "bl_template_turn": (c_int, (c_void_p, c_void_p, c_char_p, c_char_p, c_size_t, c_int, POINTER(c_int32), c_size_t, POINTER(c_size_t), POINTER(bl_error),), """What a conversation gains when the user says a text [bytes], up to where the answer begins:
first, from its beginning, with the system prompt (NULL: none); later, from where the last
answer ended, with the token that ends it, which a model may have written already."""),
    "bl_template_ends": (c_int, (c_void_p, c_void_p, POINTER(c_int32), c_size_t, POINTER(c_size_t), POINTER(bl_error),), """The tokens that end an answer: the one that the template writes behind it, eos_token_id of
generation_config.json and config.json, eos_token."""),
    "bl_devices": (c_int, (bl_device_fn, c_void_p, POINTER(bl_error),), """Calls fn for each, also for plug-ins that cannot be used.  Errors: BL_ENOMEM.  Threads: any."""),
    "bl_machine": (c_int, (bl_machine_fn, c_void_p, POINTER(bl_error),), """Calls fn once; loads no plug-in.  Errors: BL_ENOMEM.  Threads: any."""),
    "bl_machine_limits": (c_int, (c_size_t, bl_limit_fn, c_void_p, POINTER(bl_error),), """Measures them, which takes a few seconds and up to a quarter of the memory, with `threads` (0:
those of bl_set_threads()).  Errors: BL_EINVAL (threads), BL_ENOMEM, BL_EINTERRUPTED
(bl_progress_to(), "measuring")."""),
    "bl_hub_fetch": (c_int, (c_int, c_char_p, c_char_p, c_char_p, c_char_p, c_size_t, POINTER(c_size_t), bl_progress_fn, c_void_p, POINTER(bl_error),), """Finds a file of a repository ("owner/name") at a revision (a branch, tag or commit; NULL: main)
and writes its path to path[cap], with a 0; *bytes is its length.  It is downloaded into the
cache when it is not there: resumed where an earlier download stopped, retried while there is
progress, and verified by size and checksum.  A file in the cache costs one request, or none
when the revision is a commit.  The environment says where the cache and the Hub are
(docs/FORMATS.md).  progress counts bytes.  Errors: BL_ENETWORK, BL_ENOENT (no such file on the
Hub), BL_EINVAL (a name, a variable), BL_EIO (a full disk; what has arrived is kept for the next
call), BL_EINTERRUPTED (the same), BL_ENOMEM, BL_EUNSUPPORTED (a build without libcurl).
Threads: any; waits for a process that downloads the same file."""),
    "bl_hub_pull": (c_int, (c_char_p, c_void_p, c_char_p, c_size_t, POINTER(c_size_t), bl_progress_fn, c_void_p, POINTER(bl_pull_result), POINTER(bl_error),), """Finds the folder of a model by its name, for bl_model_open(), bl_tokenizer_open() and
bl_template_open(), and writes its path to path[cap] as bl_hub_fetch() does.  A file or folder of
that name is itself the answer; otherwise the name is a repository's on the Hub, "owner/name" or
"owner/name@revision".  What a model needs of it (not all that it holds) is downloaded into the
cache when it is not there, config.json first, and nothing more when that is not of a model of
this library.  When the Hub cannot be reached, what the cache has is taken, with a warning.
`options` is a BL_OPTIONS_PULL set or NULL; result may be NULL.  progress counts the bytes of all
files.  Errors: those of bl_hub_fetch(); BL_ENOENT (no such repository, revision or file),
BL_EFORMAT and BL_EUNSUPPORTED (no model of this library).  Threads: any."""),
    "bl_hub_push": (c_int, (c_char_p, c_char_p, c_void_p, bl_push_fn, c_void_p, bl_progress_fn, c_void_p, POINTER(bl_push_result), POINTER(bl_error),), """Sends the files of a folder to a repository ("owner/name") in one commit, makes repository and
branch where they are not there, and reads back what was sent.  A file that the Hub has is not
sent; one that only the repository has stays.  Hidden files are not sent.  `options` is a
BL_OPTIONS_PUSH set or NULL; fn (may be NULL) is called for each file once it is known what the
Hub has; progress counts bytes.  result may be NULL.  Errors: BL_ENOENT, BL_EINVAL (a name; a
run), BL_EFORMAT, BL_EUNSUPPORTED (no model of this library, without the option any),
BL_ENETWORK (no token, refused, what came back is something else; the words say which),
BL_EIO, BL_EINTERRUPTED, BL_ENOMEM.  Threads: any."""),
    "bl_prepare": (c_int, (POINTER(c_char_p), c_size_t, c_char_p, c_void_p, bl_progress_fn, c_void_p, POINTER(bl_prepare_result), POINTER(bl_error),), """Text to a data folder: out_dir/{tokenizer.json, tokenizer_config.json, train.bin, val.bin,
meta.json} (docs/FORMATS.md).  A source is "tinystories" (downloaded as bl_hub_fetch() does; its
own validation file is the validation data unless val_split is set), "tales" (the built-in story
generator), a file (text, .jsonl or .json; plain, gzip, zstd or xz), a folder, a pipe, or "-"
for standard input; `options` is a BL_OPTIONS_PREPARE set or NULL; result may be NULL.  Sources
are read twice, document by document, and may be larger than memory; what a pipe gives is kept
meanwhile in an unnamed file in out_dir.  What this library wrote in folders is never a source.
The folder lists the runs trained on it (RUNS); while one of them exists, other data replaces it
only with the option force.
Errors: BL_ENOENT, BL_EFORMAT (not UTF-8, damaged, no documents), BL_EUNSUPPORTED (a named file
that is not text), BL_EINVAL (a run depends on the data that is there), BL_EIO, BL_ENOMEM,
BL_EBUSY (another process is writing there), BL_EINTERRUPTED, those of bl_hub_fetch(); nothing
half-written stays behind, and files that were there before are replaced only when all is
done."""),
    "bl_advise": (c_int, (c_char_p, POINTER(bl_advice), POINTER(bl_error),), """Errors: BL_ENOENT, BL_EFORMAT, BL_EIO, BL_ENOMEM.  Threads: any."""),
    "bl_plan": (c_int, (c_char_p, c_void_p, c_void_p, POINTER(bl_plan_result), POINTER(bl_error),), """The memory of a run with these options, measured by the code that later allocates it; libraries,
tokenizer and one tensor come on top.  Arguments as of bl_trainer_open(); either set may be
NULL; so may data_dir, which gives the vocabulary.  Errors: BL_ENOENT, BL_EFORMAT (data),
BL_EINVAL, BL_ENOMEM."""),
    "bl_plan_model": (c_int, (c_char_p, c_void_p, POINTER(bl_plan_result), POINTER(bl_error),), """The same for a model of bl_model_open() with one session.  Another takes `state` and a row of
`activations` more, and each further thread that computes at once takes activations and scratch
again.  Errors: as bl_model_open()."""),
    "bl_trainer_open": (c_int, (POINTER(c_void_p), c_char_p, c_char_p, c_void_p, c_void_p, POINTER(bl_error),), """A training run in folder run_dir over a data folder from bl_prepare().  `train` is a
BL_OPTIONS_TRAIN set or NULL, `config` a BL_OPTIONS_CONFIG set or NULL (the preset of `train`).
With the option init (also under its older name, init_from) it starts from the weights and the
shape of that model, a folder, run or repository of the Hub, which `config`
must not contradict, and whose tokenizer the data must have.
With the option resume the newest checkpoint that verifies is loaded, and options that differ
from its own are reported through bl_log_to(); true demands one, auto starts a new run where
there is none.  A folder that holds a run is refused without the option, and so is a run that
needs more memory than there is (bl_plan): BL_ENOMEM, or BL_EDEVICE for a device's own.
Errors: BL_ENOENT (also nothing to resume), BL_EFORMAT (data; no checkpoint is whole), BL_EINVAL
(options), BL_EBUSY (two trainers on one folder), BL_ENOMEM, BL_EIO, BL_EDEVICE."""),
    "bl_trainer_open_corpora": (c_int, (POINTER(c_void_p), POINTER(bl_corpus), c_size_t, c_char_p, c_void_p, c_void_p, POINTER(bl_error),), """The same over 1 to 32 data folders of one tokenizer, whose windows are drawn by weight; either
all weights are positive or all are 0.  Each folder is read without repetition in epochs of its
own; a run must be resumed with the same folders and weights in the same order (BL_EINVAL)."""),
    "bl_trainer_run": (c_int, (c_void_p, bl_train_fn, c_void_p, POINTER(bl_error),), """Trains to the end, calling `fn` (may be NULL) for each event: BL_TRAIN_START first, then
BL_TRAIN_RESUME when the run continues from a checkpoint, and BL_TRAIN_END last, after the last
BL_TRAIN_CHECKPOINT, also when the run fails or its last checkpoint cannot be written.
BL_EINTERRUPTED after bl_trainer_stop(), with a checkpoint saved.  After the last step of the
schedule a loss that rises on one long validation text is a BL_TRAIN_WARNING (docs/TRAINING.md).

Called again, it continues where it was, bit-identically, as if it had not stopped; at the end
of the run it only saves.  A run that failed elsewhere than in its last checkpoint cannot
continue: BL_EINVAL, and no event; open it again with the option resume.
Errors: also BL_EDIVERGED, BL_ENOMEM, BL_EIO, BL_EDEVICE, BL_EBUSY (it is running)."""),
    "bl_trainer_stop": (None, (c_void_p,), """Asks a running trainer to finish its step, save and return; to save and continue.  If it is not
running, the request is for the next run, which stops before its first step.  A request holds
for one run and expires when that returns, even if it came too late to stop it.  A device that
computes in its own time may have begun one step more than the caller has heard of, which is
finished, too.  Threads: any, and signal handlers."""),
    "bl_trainer_save": (None, (c_void_p,), """Asks a running trainer to finish its step, save and return; to save and continue.  If it is not
running, the request is for the next run, which stops before its first step.  A request holds
for one run and expires when that returns, even if it came too late to stop it.  A device that
computes in its own time may have begun one step more than the caller has heard of, which is
finished, too.  Threads: any, and signal handlers."""),
    "bl_trainer_close": (None, (c_void_p,), """While it runs: bl_trainer_stop(), and the run closes it on returning, without another event."""),
    "bl_time_steps": (c_int, (c_void_p, c_void_p, bl_step_fn, c_void_p, POINTER(bl_error),), """Times optimizer steps on random tokens, with random weights and no files: `train` says `batch`,
`context`, `recompute`, `dropout` and where to compute, or is NULL, and `config` what, as of
bl_trainer_open().  fn is called after each step, until it returns non-zero: BL_OK.
Errors: BL_EINVAL, BL_ENOMEM, BL_EDEVICE, BL_EINTERRUPTED (bl_progress_to(), "training")."""),
    "bl_ops_counted": (c_int, (bl_op_fn, c_void_p, POINTER(bl_error),), """Calls fn for each op since the last call, slowest first, and forgets them; fn may be NULL.
Threads: not while such a device computes."""),
    "bl_model_open": (c_int, (POINTER(c_void_p), c_char_p, c_void_p, POINTER(bl_error),), """A model from a model folder or from a training run (its best checkpoint, or else the latest);
also from one checkpoint of a run, or from a model.safetensors named instead of its folder.
Weights may be in shards, with model.safetensors.index.json.
device: a BL_OPTIONS_DEVICE set, for its sessions and evaluations too, or NULL: the defaults.
Errors: BL_ENOENT, BL_EFORMAT, BL_EUNSUPPORTED, BL_ENOMEM; BL_EINVAL, BL_EDEVICE (device).
Threads: an open model may be shared by sessions."""),
    "bl_model_random": (c_int, (POINTER(c_void_p), c_void_p, c_void_p, POINTER(bl_error),), """A model of random weights, ternary ones packed, that is in no file (its path is ""), has no
tokenizer and cannot be exported: to measure with.  config: a BL_OPTIONS_CONFIG set.
Errors: BL_EINVAL, BL_ENOMEM, BL_EDEVICE, BL_EINTERRUPTED (bl_progress_to(), "making
weights")."""),
    "bl_model_close": (None, (c_void_p,), """While sessions and batches of it are open or a call uses it, the model stays for them, and is
freed with the last of them."""),
    "bl_model_path": (c_char_p, (c_void_p,), """The folder the weights came from, the model's options (a BL_OPTIONS_CONFIG set), its tokenizer
(NULL when the folder has none), number of parameters.  Valid until the model is closed."""),
    "bl_model_config": (c_void_p, (c_void_p,), """The folder the weights came from, the model's options (a BL_OPTIONS_CONFIG set), its tokenizer
(NULL when the folder has none), number of parameters.  Valid until the model is closed."""),
    "bl_model_tokenizer": (c_void_p, (c_void_p,), """The folder the weights came from, the model's options (a BL_OPTIONS_CONFIG set), its tokenizer
(NULL when the folder has none), number of parameters.  Valid until the model is closed."""),
    "bl_model_parameters": (c_uint64, (c_void_p,), """The folder the weights came from, the model's options (a BL_OPTIONS_CONFIG set), its tokenizer
(NULL when the folder has none), number of parameters.  Valid until the model is closed."""),
    "bl_model_describe": (c_int, (c_void_p, POINTER(bl_model_info), POINTER(bl_error),), """Errors: BL_ENOMEM.  Threads: any."""),
    "bl_model_fingerprint": (c_int, (c_void_p, c_char_p, POINTER(bl_error),), """Which function the model computes, as 32 hexadecimal digits and a 0 (docs/FORMATS.md).  Latent
weights, and the same weights packed with the rest in float32, have the same fingerprint.
Errors: BL_ENOMEM, BL_EDEVICE.  Threads: any."""),
    "bl_export": (c_int, (c_void_p, c_char_p, c_char_p, c_int, POINTER(bl_error),), """Writes a model folder for others to read: ternary matrices packed to 2 bits, embedding and head
as `dtype` "f32", "bf16" or "f16" (without quantization, all matrices), the rest float32; or
"int8" (of a ternary model only), which leaves the inner model's matrices as bf16; with
tokenizer, config and model card.  It is written under a hidden name, read back, compared, and
renamed.  `out` must be absent or empty, or with `replace` hold an export and nothing else;
never the model itself or its weights.
Errors: BL_EINVAL (dtype; the place is taken), BL_EUNSUPPORTED (int8 of a model of floats;
random weights; a matrix whose rows are not a multiple of 4; a value too large for the dtype),
BL_EIO, BL_ENOMEM; nothing half-written stays.  Threads: not while sessions of the model compute or close."""),
    "bl_export_files": (c_int, (POINTER(c_void_p), c_void_p, c_char_p, POINTER(bl_error),), """The same folder in memory: a model to hand on, and bl_files_path() opens it.  Errors: as above, of
the model and the dtype; BL_ENOMEM."""),
    "bl_session_open": (c_int, (POINTER(c_void_p), c_void_p, c_void_p, POINTER(bl_error),), """One conversation: a state of constant size over a model.  Besides what was read it holds what it
needs to continue identically: the last token drawn (pending: the next call that reads begins
with it), the place in the sampler's random numbers and its window of tokens.  device: NULL, or
a BL_OPTIONS_DEVICE set with nothing set but `threads`.

The sessions of a model share the room in which they compute: there is as much as the most calls
at once have needed, until the last session is closed.  So any function of a session may return
BL_ENOMEM or BL_EDEVICE, but one call at a time finds what bl_session_open() has made.
Errors: BL_EINVAL (device), BL_ENOMEM, BL_EDEVICE.  Threads: one at a time for each session,
several for several sessions of one model."""),
    "bl_session_close": (None, (c_void_p,), """One conversation: a state of constant size over a model.  Besides what was read it holds what it
needs to continue identically: the last token drawn (pending: the next call that reads begins
with it), the place in the sampler's random numbers and its window of tokens.  device: NULL, or
a BL_OPTIONS_DEVICE set with nothing set but `threads`.

The sessions of a model share the room in which they compute: there is as much as the most calls
at once have needed, until the last session is closed.  So any function of a session may return
BL_ENOMEM or BL_EDEVICE, but one call at a time finds what bl_session_open() has made.
Errors: BL_EINVAL (device), BL_ENOMEM, BL_EDEVICE.  Threads: one at a time for each session,
several for several sessions of one model."""),
    "bl_session_fork": (c_int, (POINTER(c_void_p), c_void_p, POINTER(bl_error),), """A separate session that continues exactly as s would.  Errors: BL_ENOMEM, BL_EDEVICE.
Threads: several may fork one session at once, while no other call on it is at work."""),
    "bl_session_save": (c_int, (c_void_p, c_char_p, POINTER(bl_error),), """Writes a session to a memory file, whole or not at all (docs/FORMATS.md), and makes a session
what such a file holds: it then continues bit-identically.
Errors of saving: BL_EFORMAT (the state is not finite), BL_EIO, BL_ENOMEM, BL_EDEVICE.
Of loading: BL_ENOENT, BL_EFORMAT (not a memory file, damaged), BL_EUNSUPPORTED (another version
of the format), BL_EINVAL (a memory of another model: both fingerprints are named), BL_ENOMEM;
the session is then as it was."""),
    "bl_session_load": (c_int, (c_void_p, c_char_p, POINTER(bl_error),), """Writes a session to a memory file, whole or not at all (docs/FORMATS.md), and makes a session
what such a file holds: it then continues bit-identically.
Errors of saving: BL_EFORMAT (the state is not finite), BL_EIO, BL_ENOMEM, BL_EDEVICE.
Of loading: BL_ENOENT, BL_EFORMAT (not a memory file, damaged), BL_EUNSUPPORTED (another version
of the format), BL_EINVAL (a memory of another model: both fingerprints are named), BL_ENOMEM;
the session is then as it was."""),
    "bl_session_save_buffer": (c_int, (c_void_p, c_void_p, c_size_t, POINTER(c_size_t), POINTER(bl_error),), """The same bytes in memory: written to buffer[cap] as far as they fit, the number of all to
*bytes, which cap 0 only asks for (it changes with the text); and read from buffer[bytes].
Errors: those of bl_session_save() and bl_session_load()."""),
    "bl_session_load_buffer": (c_int, (c_void_p, c_void_p, c_size_t, POINTER(bl_error),), """The same bytes in memory: written to buffer[cap] as far as they fit, the number of all to
*bytes, which cap 0 only asks for (it changes with the text); and read from buffer[bytes].
Errors: those of bl_session_save() and bl_session_load()."""),
    "bl_session_seed": (None, (c_void_p, c_uint64,), """Restarts the random numbers from this seed, beginning with the next token drawn."""),
    "bl_session_reset": (c_int, (c_void_p, POINTER(bl_error),), """Forgets everything read, drawn and seeded."""),
    "bl_session_restart": (c_int, (c_void_p, POINTER(bl_error),), """The same, but what was consolidated stays: the session begins at its base, if it has one."""),
    "bl_session_feed": (c_int, (c_void_p, POINTER(c_int32), c_size_t, POINTER(c_float), POINTER(bl_error),), """Reads the pending token, if there is one, and then `count` tokens.  logits: NULL, or [V] for
those after the last token; of bl_session_feed_each() [count,V], row t after token t.  The
result does not depend on how a text is cut into calls.  Eq: docs/MODEL.md, the buffered form.

With no tokens, bl_session_feed() takes the last token of an earlier call, and gives the logits
that that call would have given: BL_OK always means that they are written.  BL_EINVAL when there
is none, because nothing has been read since the session was opened, reset or loaded.
Errors: BL_EFORMAT (an id past the vocabulary: nothing was read then; logits that are not
numbers: all was read), BL_ENOMEM, BL_EDEVICE, BL_EINTERRUPTED (bl_progress_to(), "reading")."""),
    "bl_session_feed_each": (c_int, (c_void_p, POINTER(c_int32), c_size_t, POINTER(c_float), POINTER(bl_error),), """Reads the pending token, if there is one, and then `count` tokens.  logits: NULL, or [V] for
those after the last token; of bl_session_feed_each() [count,V], row t after token t.  The
result does not depend on how a text is cut into calls.  Eq: docs/MODEL.md, the buffered form.

With no tokens, bl_session_feed() takes the last token of an earlier call, and gives the logits
that that call would have given: BL_OK always means that they are written.  BL_EINVAL when there
is none, because nothing has been read since the session was opened, reset or loaded.
Errors: BL_EFORMAT (an id past the vocabulary: nothing was read then; logits that are not
numbers: all was read), BL_ENOMEM, BL_EDEVICE, BL_EINTERRUPTED (bl_progress_to(), "reading")."""),
    "bl_batch_open": (c_int, (POINTER(c_void_p), c_void_p, c_size_t, c_void_p, POINTER(bl_error),), """A batch reads tokens of many sessions of a model in one pass, which is faster than one session
after the other; each has the bits that it has alone.  Sessions join and leave between any two
tokens.  One that has joined can be used, saved, forked and closed like any other while the
batch is not at work; a fork has not joined.

rows: tokens of a pass, and the most sessions joined, 1 to 65,536; the batch takes about as much
memory as rows / 64 calls of a session do (bl_plan_model, activations and scratch).  device: as
of bl_session_open(); the threads are those of the batch, whatever the sessions have.  The model
stays while a batch of it is open.
Errors: BL_EINVAL (rows, device), BL_ENOMEM, BL_EDEVICE."""),
    "bl_batch_close": (None, (c_void_p,), """Its sessions are unchanged and no longer belong to a batch."""),
    "bl_batch_join": (c_int, (c_void_p, c_void_p, POINTER(bl_error),), """Errors: BL_EINVAL (a session of another model, in a batch already, or one too many; of leaving,
not in this batch), BL_EBUSY (batch or session is at work)."""),
    "bl_batch_leave": (c_int, (c_void_p, c_void_p, POINTER(bl_error),), """Errors: BL_EINVAL (a session of another model, in a batch already, or one too many; of leaving,
not in this batch), BL_EBUSY (batch or session is at work)."""),
    "bl_batch_feed": (c_int, (c_void_p, POINTER(bl_batch_turn), c_size_t, POINTER(bl_error),), """Reads turns[count], at most one of each session, in any order; sessions without one wait.  A
turn may have any number of tokens: when all together have more than `rows`, they take several
passes and share each evenly.
Errors: as of bl_session_feed(), with the index of the turn, from 0; BL_EINVAL (a session twice
or not joined), BL_EBUSY (one that is at work), BL_EINTERRUPTED (bl_progress_to(), "reading").
On BL_EINVAL, BL_EBUSY or an id past the vocabulary nothing has been read; on logits that are
not numbers, all turns; on other errors each session has read some of its tokens, as
bl_session_position() says.  Threads: a batch is used by one at a time, while other sessions
and batches of the model may be at work."""),
    "bl_batch_next": (c_int, (c_void_p, POINTER(bl_batch_turn), c_size_t, POINTER(c_void_p), POINTER(c_int32), POINTER(bl_error),), """Reads turns as bl_batch_feed() does, and draws a token of each session after what its turn reads:
the one that bl_generate() draws which reads the same with these options, from the session's own
random numbers and window.  It stays pending, so a turn of no tokens reads it and draws the next
one: called again and again with such turns this writes a reply of each session.  ids[count]
receives what was drawn, -1 where nothing was.  A token that is the model's eos_token_id
(bl_model_config()) ends a text; whether the session goes on is for the caller to say.

options: [count] BL_OPTIONS_GENERATE sets, one a turn, the same or others; NULL, or NULL for a
turn: the defaults.  The tokens of a turn enter the window of repeat_penalty.  With bos, a
session that has read nothing begins with bos_token_id.  A seed means what it means to
bl_generate(): -1 and the one in use continue.  special means nothing here, heal is refused, max_tokens is how many
tokens are left for the text, this one among them (for `finish`, and what is held back comes with
the last one), and ignore_eos only that the token's text belongs to the reply.  log_probability
and logprobs are for bl_batch_event(), and take all logits.  logits of a turn may be asked for,
but what they are drawn from is found where the model computes, and fetching all costs more.  A
turn with nothing to read draws from the logits that bl_session_feed() of no tokens would give.
Errors: as of bl_batch_feed(); BL_EINVAL (a set of other options).  A failure leaves what was
drawn by then in ids, and pending."""),
    "bl_session_consolidate": (c_int, (c_void_p, c_double, POINTER(bl_error),), """Makes a lesson outlast the half-lives: what every head forgets towards (at first where the model
begins) moves by `share`, above 0 up to 1, of the way to that beginning plus what the head has
learned beyond any text, and is kept within base_most of bl_head_info.  This happens at the next
chunk border: at once after a multiple of mini_batch_size tokens, else when the chunk is full;
one that waits is saved and forked with the session, and with a second one it becomes a share
of 1 - (1 - a) (1 - b).

The first one of a session takes longer: a text of 2,048 tokens is written for comparison, in a
separate sequence.  From then on the session holds this base, in forks and memory files too; a
reset drops it.  Shares of 0.05 after every 256 tokens or so do better than one large share at
the end.  Eq: docs/MODEL.md 3.8.
Errors: BL_EINVAL (share), BL_EUNSUPPORTED (a model without ttt_forget), BL_ENOMEM, BL_EDEVICE,
BL_EINTERRUPTED (bl_progress_to(), "finding its rest"); the session is then as it was."""),
    "bl_session_has_base": (c_int, (c_void_p,), """1 when the session has a base of its own, so that its memory file is of version 2; else 0."""),
    "bl_session_position": (c_uint64, (c_void_p,), """Tokens read so far; bytes of the state, a base of its own included."""),
    "bl_session_learned": (c_uint64, (c_void_p,), """Tokens that bl_session_learn() gave, of those read and the pending one; memory files keep it.
Where these are all, no conversation has begun.  Threads: as of the calls above."""),
    "bl_session_bytes": (c_size_t, (c_void_p,), """Tokens that bl_session_learn() gave, of those read and the pending one; memory files keep it.
Where these are all, no conversation has begun.  Threads: as of the calls above."""),
    "bl_session_heads": (c_int, (c_void_p, bl_head_fn, c_void_p, POINTER(bl_error),), """Calls fn for each head, layer by layer.  Errors: BL_ENOMEM, BL_EDEVICE."""),
    "bl_session_diff": (c_int, (c_void_p, c_void_p, bl_head_fn, c_void_p, POINTER(bl_error),), """The same with the distances between two sessions of one model, |W - W'| / |W0|, in the place of
those from where the model begins.  Errors: also BL_EINVAL (two models), BL_EBUSY."""),
    "bl_session_merge": (c_int, (c_void_p, c_void_p, c_double, POINTER(bl_error),), """Adds to s what another session of its model has learned, times `weight`, above 0 up to 1 (1 was
the best of those measured): its W and b as far as they are from where the model begins, the last
chunk as if it had ended, and likewise its base, kept within the bound.  The text that goes on is
that of s; to its position come the full chunks of the other.  Eq: docs/MODEL.md 3.10.
Errors: BL_EINVAL (weight, two models, one session), BL_EBUSY, BL_ENOMEM: s goes on as it would
have; BL_EDEVICE: it must be reset."""),
    "bl_memory_diff": (c_int, (c_char_p, c_char_p, POINTER(bl_memory_difference), POINTER(bl_error),), """Errors: BL_ENOENT, BL_EFORMAT, BL_EUNSUPPORTED, BL_EIO, BL_ENOMEM."""),
    "bl_grammar_open": (c_int, (POINTER(c_void_p), c_void_p, c_char_p, c_size_t, POINTER(bl_error),), """A grammar in GBNF, whose rule root is the whole text; or a JSON schema, for texts that are JSON
and for which it holds.  Errors: BL_EFORMAT (the line, or the place in the schema, is named),
BL_EUNSUPPORTED (a rule that begins with itself, a keyword; too large), BL_ENOMEM."""),
    "bl_grammar_open_schema": (c_int, (POINTER(c_void_p), c_void_p, c_char_p, c_size_t, POINTER(bl_error),), """A grammar in GBNF, whose rule root is the whole text; or a JSON schema, for texts that are JSON
and for which it holds.  Errors: BL_EFORMAT (the line, or the place in the schema, is named),
BL_EUNSUPPORTED (a rule that begins with itself, a keyword; too large), BL_ENOMEM."""),
    "bl_grammar_close": (None, (c_void_p,), """A grammar in GBNF, whose rule root is the whole text; or a JSON schema, for texts that are JSON
and for which it holds.  Errors: BL_EFORMAT (the line, or the place in the schema, is named),
BL_EUNSUPPORTED (a rule that begins with itself, a keyword; too large), BL_ENOMEM."""),
    "bl_session_constrain": (c_int, (c_void_p, c_void_p, POINTER(bl_error),), """From the next token drawn, by bl_generate() or bl_batch_next(), what s writes is a text of the
grammar from its beginning; what it reads does not matter.  Of the top_k likeliest tokens those
are kept that the grammar allows, or, when it allows none of these, of all tokens.  The model's
eos_token_id may be drawn where the text may end, and ends it, also with ignore_eos; after it
nothing is constrained.  A fork stands where s does; a memory file and a reset have no grammar.
NULL takes it away.  Drawing then fails with BL_EUNSUPPORTED where no token can go on (the
vocabulary lacks a byte, or rules nest 1,024 deep) or a text can be read in too many ways.
Errors: BL_EINVAL (a grammar of another tokenizer than the model's), BL_ENOMEM."""),
    "bl_session_constrained": (c_int, (c_void_p,), """0: no grammar constrains s; 1: its text is not whole; 2: it is, but may go on."""),
    "bl_session_bias": (c_int, (c_void_p, POINTER(c_int32), POINTER(c_float), c_size_t, POINTER(bl_error),), """Adds bias[i] to the logit of ids[i], before everything else, for all tokens that s draws;
-INFINITY: it is never drawn.  Replaces what was set before; count 0: none.  Forks have it,
memory files do not; a reset keeps it.  Errors: BL_EINVAL (an id past the vocabulary or given
twice, a bias that is NaN or +INFINITY, all tokens forbidden), BL_ENOMEM."""),
    "bl_session_stop": (c_int, (c_void_p, POINTER(bl_span), c_size_t, POINTER(bl_error),), """Replies of bl_generate() end before the first of these texts, 1 to 4,096 bytes each, at most 256,
wherever the borders of tokens are.  Text that may become the beginning of one is held back and
comes with a later token; the tokens of the text that ended it were drawn, and the last one is
pending.  A call that ends at max_tokens hands out what it holds, and one that fn stops holds it
for the next; a text that has begun there ends the call that goes on from it (an empty prompt) as
if it were one.  Replaces those set before; forks have them, memory files do not; a reset keeps
them.
Errors: BL_EINVAL (empty, too long, too many), BL_ENOMEM."""),
    "bl_sampler_open": (c_int, (POINTER(c_void_p), c_void_p, POINTER(bl_error),), """For the vocabulary of a model, which stays while it is open.  Errors: BL_ENOMEM.  Threads: a
sampler is used by one thread at a time."""),
    "bl_sampler_close": (None, (c_void_p,), """For the vocabulary of a model, which stays while it is open.  Errors: BL_ENOMEM.  Threads: a
sampler is used by one thread at a time."""),
    "bl_sampler_fork": (c_int, (POINTER(c_void_p), c_void_p, POINTER(bl_error),), """A separate one that goes on exactly as s would.  Errors: BL_ENOMEM.  Threads: several at once."""),
    "bl_sampler_seed": (None, (c_void_p, c_uint64,), """As of a session: bl_session_seed(), _bias(), _constrain(), _constrained(); and bl_session_reset(),
which leaves biases."""),
    "bl_sampler_bias": (c_int, (c_void_p, POINTER(c_int32), POINTER(c_float), c_size_t, POINTER(bl_error),), """As of a session: bl_session_seed(), _bias(), _constrain(), _constrained(); and bl_session_reset(),
which leaves biases."""),
    "bl_sampler_constrain": (c_int, (c_void_p, c_void_p, POINTER(bl_error),), """As of a session: bl_session_seed(), _bias(), _constrain(), _constrained(); and bl_session_reset(),
which leaves biases."""),
    "bl_sampler_constrained": (c_int, (c_void_p,), """As of a session: bl_session_seed(), _bias(), _constrain(), _constrained(); and bl_session_reset(),
which leaves biases."""),
    "bl_sampler_reset": (c_int, (c_void_p, POINTER(bl_error),), """As of a session: bl_session_seed(), _bias(), _constrain(), _constrained(); and bl_session_reset(),
which leaves biases."""),
    "bl_sampler_accept": (c_int, (c_void_p, POINTER(c_int32), c_size_t, c_void_p, POINTER(bl_error),), """Notes what was read, a prompt or a token that somebody else has chosen, for the window of
repeat_penalty, whose width is that of the options (BL_OPTIONS_GENERATE or NULL).  With a
tokenizer that puts a space before a text, more than bos_token_id makes what is drawn go on with
a text and not begin one.  Errors: BL_EFORMAT (an id past the vocabulary: nothing was noted
then), BL_ENOMEM."""),
    "bl_sampler_draw": (c_int, (c_void_p, POINTER(c_float), POINTER(c_uint64), c_void_p, POINTER(c_int32), POINTER(c_double), POINTER(bl_error),), """Draws a token from logits[V], by options as bl_batch_next() takes them, and notes it.  mask:
NULL, or [(V + 63) / 64], in which bit i % 64 of mask[i / 64] says whether token i may be drawn;
the grammar, if there is one, must allow it too.  log_probability: NULL, or receives its natural
logarithm by the logits alone.  eos_token_id is drawn like any other: it is for the caller to end.
Errors: BL_EUNSUPPORTED (no token may be drawn), BL_ENOMEM; nothing is noted then."""),
    "bl_batch_event": (POINTER(bl_token_event), (c_void_p, c_size_t,), """What bl_generate() would tell of the token that bl_batch_next(), the last call with the batch,
drew for turns[turn], its text and how likely it was among it; NULL where nothing was drawn.
Valid until the next call with the batch."""),
    "bl_generate": (c_int, (c_void_p, c_char_p, c_size_t, c_void_p, bl_token_fn, c_void_p, POINTER(bl_generate_result), POINTER(bl_error),), """Continues a prompt and hands out each token as it is drawn.  `options`: a BL_OPTIONS_GENERATE
set or NULL; fn and result may be NULL; result says what was done, after a failure too.  The
session continues from where it is; unless the option bos is off, bos_token_id is fed first to a
session that has read nothing.

The last token drawn stays pending, also after fn stopped the call: an empty prompt continues
from there, and several short calls give the text of one long one.  A call for no tokens leaves
the prompt's last token pending, for the same reason.  A chat reads a line, calls this with it,
and repeats: it need keep nothing else.  A seed in the options that differs from the one in use
begins new random numbers; -1 and the same seed continue with those in use.

A prompt that ends within a word, in a space or in a line end is cut where the text of training
never was: such an end is in one token with what follows.  With the option heal the tokens of
its last word, or of the spaces and line ends at its end, at most 8, are not read: tokens are
drawn in their place among those that spell the same, or begin with it, and the part that goes
beyond the prompt is what is told.  Not with ids, a grammar (BL_EINVAL), or max_tokens 0.
Errors: BL_EINVAL (nothing to read: an empty prompt, nothing pending and no bos), BL_EFORMAT
(prompt is not UTF-8; nothing was read then), BL_EUNSUPPORTED (model without a tokenizer),
BL_ENOMEM, BL_EDEVICE, BL_EINTERRUPTED when fn returned non-zero, but for the token
that ends the text."""),
    "bl_generate_ids": (c_int, (c_void_p, POINTER(c_int32), c_size_t, c_void_p, bl_token_fn, c_void_p, POINTER(bl_generate_result), POINTER(bl_error),), """The same with a prompt of ids, such as those of bl_template_turn(): no bos is fed.
Errors: those of bl_generate(); BL_EINVAL (an id past the vocabulary)."""),
    "bl_generate_text": (c_int, (c_void_p, c_char_p, c_size_t, POINTER(c_int32), c_size_t, c_void_p, c_double, bl_text_fn, c_void_p, POINTER(bl_generate_result), POINTER(bl_error),), """Either, for callers to whom a function for every token is dear: of the prompt `ids` where that is not
NULL, and else of `prompt`.  fn receives the text in pieces of whole characters: what was written
in `every` seconds (0: by each token), empty where nothing was, and at the end the rest; to stop
as a function for tokens does it returns non-zero, which means nothing at the end.
Errors: those of bl_generate() and bl_generate_ids()."""),
    "bl_generate_next": (c_int, (c_void_p, c_char_p, c_size_t, POINTER(c_int32), c_size_t, c_void_p, POINTER(bl_token_event), POINTER(bl_generate_result), POINTER(bl_error),), """Either, a token a call, for callers who would rather ask than be called: reads the prompt while
result->tokens is 0, draws a token and gives of it what a function for tokens is told, its texts
until the next call with the session.  *result is that of the reply: zero but for its size before
the first call, and then left as it is, the calls add to it.  When the reply is over, by a token with
`ends` or `stopped` or after max_tokens, which says how many it has in all, the token's id is -1.
Between two calls the session can be used, saved, forked or left like any other.
Errors: those of bl_generate() and bl_generate_ids()."""),
    "bl_session_pending": (c_int32, (c_void_p,), """The token that was drawn last and is not read yet, or -1."""),
    "bl_score": (c_int, (c_void_p, POINTER(c_int32), c_size_t, POINTER(c_double), POINTER(c_int), POINTER(bl_score_result), POINTER(bl_error),), """How likely ids[count] are after what a session has read and its pending token: the sum of the
log-probabilities that the model gives each after those before it, the first one included, from
its own distribution, without biases and grammar.  each and greedy: NULL, or [count] for the
values of the tokens: the log-probability, and 1 for the likeliest or else 0.  s is unchanged: a
copy reads, so many continuations of one context are calls on one session, which reads it once.
A text from its beginning is scored after bos_token_id.  No ids give 0 and 0 of 0.
Errors: those of bl_session_feed(), but an id past the vocabulary, the last too, is found before
anything is read; BL_EINVAL (nothing read and nothing pending).  Threads: any number may score
after one session at once."""),
    "bl_eval": (c_int, (c_void_p, c_char_p, c_size_t, bl_progress_fn, c_void_p, POINTER(bl_eval_result), POINTER(bl_error),), """Mean loss of a model over a token file (.bin: windows of `window` tokens with a fresh state, the
tail dropped; 0: the context the model was trained with) or a text (document by document, each
from a fresh state and bos_token_id), read as bl_prepare() reads it by default.
Errors: BL_ENOENT, BL_EFORMAT, BL_ENOMEM, BL_EDEVICE, BL_EINTERRUPTED."""),
    "bl_eval_by_position": (c_int, (c_void_p, c_char_p, c_size_t, bl_progress_fn, bl_eval_point_fn, c_void_p, POINTER(bl_eval_result), POINTER(bl_error),), """bl_eval(), and at its end the loss by position, in rising order: for a token file a point for
each position of its windows; for a text the positions 0, 1, 2-3, 4-7, ... in its documents.  A
model that learns while it reads has a falling curve.  `user` is handed to both functions."""),
    "bl_eval_text": (c_int, (c_void_p, c_char_p, c_void_p, c_size_t, bl_progress_fn, bl_eval_point_fn, c_void_p, POINTER(bl_eval_result), POINTER(bl_error),), """Both, over a text read as `reading` (a BL_OPTIONS_PREPARE set or NULL) says: where its documents
end, their field in JSON, its encoding.  Conversations (`documents` messages) are written by the
template that bl_prepare() takes with the model's folder as `tokenizer`: `chat_template`, else the
folder's, else ChatML; as of a data folder with a mask only answers count, and bytes are unknown.
One that begins with bos_token_id itself has no other in front.  `point` may be NULL.
Errors: as of bl_eval(); BL_EINVAL when the model's tokenizer has not the special tokens that the
template writes."""),
    "bl_eval_session": (c_int, (c_void_p, c_char_p, c_void_p, bl_progress_fn, bl_eval_point_fn, c_void_p, POINTER(bl_eval_result), POINTER(bl_error),), """bl_eval_text() of a text, not a token file, with what a session knows: a copy of it reads each
document, after its pending token or else bos_token_id.  s is unchanged."""),
    "bl_session_learn": (c_int, (c_void_p, c_char_p, c_void_p, c_double, c_uint64, bl_progress_fn, c_void_p, POINTER(bl_learn_result), POINTER(bl_error),), """Reads the documents of a text into a session, in order, each followed by eos_token_id, which
stays pending after the last; bos_token_id comes first in a session that has read nothing.  With
a `share` above 0 it is consolidated (bl_session_consolidate) after every `every` tokens (0: not
before the end) and at the end.  path and reading: as of bl_eval_text(), but no token file
(BL_EUNSUPPORTED); of conversations the loss is that of the answers.
*result says what was done, after a failure too: after BL_EINTERRUPTED what was read stays read,
whole documents or not.
Errors: as of bl_session_feed(), bl_session_consolidate() and bl_eval_text()."""),
    "bl_session_learn_all": (c_int, (c_void_p, POINTER(c_char_p), c_size_t, c_void_p, c_double, c_uint64, c_char_p, c_double, bl_progress_fn, c_void_p, POINTER(bl_learn_result), POINTER(bl_error),), """The same of sources[count]: files, folders and "-", read as bl_prepare() reads them.  Unless `keep` is NULL, the session is saved to this file after
every keep_seconds or so: what was read by then is not lost when the process ends.  Where that
fails there is a warning, and the lesson goes on; at the end nothing is saved."""),
    "bl_eval_stream": (c_int, (c_void_p, c_char_p, c_void_p, c_size_t, c_uint64, bl_progress_fn, bl_stream_point_fn, c_void_p, POINTER(bl_eval_result), POINTER(bl_error),), """Shows whether a memory lasts: one state reads all documents of a token file or a text, one after
the other, in constant memory.  For comparison fresh states read the same tokens in windows of
`window` tokens (0: 1,024), half a window apart, whose second halves count (of the first window,
both).  *result is for the stream; `tokens` bounds how many are predicted (0: all); of those the
ones that a mask, or conversations, let count.  A model
whose memory lasts has point->loss at or below point->fresh in all points, which come at the
end, in rising order.  Other arguments and errors: as bl_eval_text()."""),
    "bl_stream_draw": (c_int, (POINTER(bl_stream_point), c_size_t, c_char_p, POINTER(bl_error),), """Both curves as a picture, an SVG file, which is written whole or not at all.
The step from one point to the next is points->size, which the caller of another version sets to
its sizeof.  Errors: BL_EINVAL (no points; no size), BL_EIO, BL_ENOMEM.  Threads: any."""),
    "bl_eval_recall": (c_int, (c_void_p, c_uint64, c_uint64, bl_progress_fn, c_void_p, POINTER(bl_recall_result), POINTER(bl_error),), """How many facts of a story a model recalls after it has read exactly `distance` tokens of other
stories.  Five facts are told at a time, "This is Clara red.", then a third of them once more
with another color; "Who is there? It is Clara" asks for each in a branch of its own, and the
answer is the likeliest of ten colors.  The control reads the same without the facts.  Stories,
facts and questions are the same for every model, and occur in no text of bl_prepare(); a model
learns the form of the questions from tales with the option tales_facts.  Reads about 2 / 5 of
questions * distance tokens.  Errors: BL_EINVAL (more than BL_RECALL_MOST, no question),
BL_EUNSUPPORTED (no tokenizer, or one whose colors do not begin with a token each), BL_ENOMEM,
BL_EFORMAT, BL_EDEVICE, BL_EINTERRUPTED."""),
    "bl_read_text": (c_int, (c_char_p, c_void_p, bl_progress_fn, bl_text_fn, c_void_p, POINTER(bl_error),), """The text of a file ("-": standard input) as bl_prepare() would read it, a prompt for example:
decompressed, in UTF-8, without byte order marks, with LF line ends; of a .jsonl or .json file
the string of its one document.  White space is kept.  fn receives it in one call.  `reading` is
a BL_OPTIONS_PREPARE set or NULL; progress is called while a pipe is idle.  With `documents`
messages it is one conversation, as the template of `chat_template` writes it, else that of the
folder of `tokenizer` (a model's, for example), else ChatML.
Errors: BL_ENOENT, BL_EFORMAT (not UTF-8, damaged, several documents), BL_EINVAL (`tokenizer`
has not the special tokens that the template writes), BL_EUNSUPPORTED (no text; a template that
is not understood), BL_EIO (also a named pipe that nobody opens for writing within ten seconds), BL_ENOMEM
(also a text of more than 1 GiB or an eighth of the memory that this process may use),
BL_EINTERRUPTED.
Threads: any."""),
    "bl_read_file": (c_int, (c_char_p, bl_progress_fn, bl_text_fn, c_void_p, POINTER(bl_error),), """The same for the bytes of a file as they are, whatever they are."""),
    "bl_info": (c_int, (c_char_p, c_char_p, c_size_t, POINTER(c_size_t), POINTER(bl_error),), """What a model folder, run, data folder or file holds, as JSON text into buffer[cap],
with a 0; *bytes is its length.  Errors: BL_ENOENT, BL_EFORMAT, BL_ENOMEM."""),
    "bl_trainer_step": (c_int, (c_void_p, c_uint64, POINTER(bl_step_result), POINTER(bl_error),), """Does `count` optimizer steps, fewer at the end of the schedule; 0 only fills the result, which
also says what was done after a failure.  Where a device computes in its own time, the steps of
a call overlap: many at once are faster there.  Eq: docs/MODEL.md 6.

A step without a finite loss is skipped and reported; the fifth in a row takes the run back to
its newest checkpoint, at half the learning rate, once: without a checkpoint, or the second time,
it is BL_EDIVERGED.  After an error but BL_EINTERRUPTED and BL_EBUSY the trainer can only be
closed, and opened again with the option resume (BL_EINVAL).
Errors: BL_EINTERRUPTED, BL_EDIVERGED, BL_ENOMEM, BL_EIO (data that is gone), BL_EDEVICE."""),
    "bl_trainer_open_given": (c_int, (POINTER(c_void_p), c_char_p, c_char_p, c_void_p, c_void_p, POINTER(bl_error),), """A run without data folders, which bl_trainer_step_on() moves on.  tokenizer_dir: a folder with the
tokenizer.json of the ids, which gives the vocabulary; NULL: that of the model of `init`, else none,
and `config` says vocab_size.  run_dir: as of bl_trainer_open(), or NULL: nothing is read or
written, there are no checkpoints, and bl_trainer_model() is the way out.  bl_trainer_step() and
bl_trainer_run() are BL_EINVAL while steps are left.  Errors: as of bl_trainer_open()."""),
    "bl_trainer_step_on": (c_int, (c_void_p, POINTER(c_int32), POINTER(c_ubyte), c_size_t, c_size_t, POINTER(bl_step_result), POINTER(bl_error),), """One step on B rows of T + 1 ids [B,T+1], of which the first T are read and the last T predicted.
mask [B,T]: 0 where predicting ids[b][t + 1] does not count, NULL: all count; `loss` is the mean of
those that do.  Micro-batches are `batch` rows one after the other; fewer than batch x accum rows,
or than context tokens, are less to learn from but no less to compute.  Windows of a data folder
give the bits that bl_trainer_step() gives; of a trainer that has one, the windows wait.
Errors: also BL_EINVAL (B, T, nothing counts, the schedule is over, `carry`) and BL_EFORMAT (an id
past the vocabulary), after which the trainer goes on."""),
    "bl_trainer_eval": (c_int, (c_void_p, POINTER(bl_eval_result), POINTER(bl_error),), """The loss over the validation data now, as a run evaluates it (option eval_tokens); `bytes` and
`documents` are 0.  Training is not affected, but a lowest loss so far makes a checkpoint of the
same step the best one.  Errors: BL_EINVAL (the validation data has no window), BL_EINTERRUPTED
(also bl_progress_to(), "evaluating"), BL_ENOMEM, BL_EIO, BL_EDEVICE: the trainer goes on."""),
    "bl_trainer_checkpoint": (c_int, (c_void_p, c_char_p, c_size_t, POINTER(c_size_t), POINTER(bl_error),), """Writes a checkpoint now, whole or not at all, and removes old ones (option keep); its folder, with
a 0, into path[cap].  Errors: BL_EIO, BL_ENOMEM, BL_EDEVICE: the trainer goes on."""),
    "bl_trainer_model": (c_int, (POINTER(c_void_p), c_void_p, c_void_p, POINTER(bl_error),), """A model of the weights as they are now, without the disk: bl_model_open() of a checkpoint written
now gives the same bits.  It is a copy that further steps do not change and that the trainer does
not need: a sample between two steps, or the model of yesterday.  It takes what bl_plan_model()
says of such a model.  device: as of bl_model_open(), or NULL: the trainer's own and its threads.
Its path is the run folder, or "".  Errors: BL_ENOMEM; BL_EINVAL, BL_EDEVICE (device), BL_EFORMAT (weights
that are not finite), BL_EINTERRUPTED (bl_progress_to(), "copying"): the trainer goes on."""),
    "bl_trainer_events_to": (None, (c_void_p, bl_train_fn, c_void_p,), """Sends the events of these calls to a function (NULL: nowhere): BL_TRAIN_STEP, _EVAL,
_CHECKPOINT and _WARNING.  Threads: not while the trainer is at work."""),
}

_library.bind(globals(), FUNCTIONS, BL_ABI)
