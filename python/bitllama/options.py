"""Data table: the options of the library, as the keyword arguments that they are here.

Written by python/tools/generate.py: change src/format/options.h, not this file.
"""

from __future__ import annotations

from os import PathLike
from typing import Dict, Literal, NamedTuple, Tuple, TypedDict, Union


class Option(NamedTuple):
    """A line of a table."""

    name: str
    type: str
    default: str
    help: str


class ConfigOptions(TypedDict, total=False):
    """BL_OPTIONS_CONFIG."""

    vocab_size: int
    """entries of the vocabulary (taken from the data when training) (default 16384)"""
    hidden_size: int
    """width D of the residual stream (default 256)"""
    intermediate_size: int
    """width I of the SwiGLU block (default 688)"""
    num_hidden_layers: int
    """layers L (default 8)"""
    num_attention_heads: int
    """TTT heads H; head width F = D / H (default 4)"""
    rms_norm_eps: float
    """epsilon of RMSNorm (default 1e-6)"""
    rope_theta: float
    """base of the rotary positions inside a chunk (default 10000)"""
    ttt_layer_type: Literal["linear", "mlp"]
    """inner model of the TTT layer (default linear)"""
    ttt_base_lr: float
    """inner learning rate before its gate (default for mlp: 0.1) (default 1)"""
    mini_batch_size: int
    """chunk C: tokens between two updates of the inner model (default 16)"""
    ttt_forget: bool
    """the inner model returns to its start at a rate that each head learns (default true)"""
    ttt_half_life_min: float
    """tokens until half is forgotten, of the first head at the start of training; 0: 4 chunks
    (default 0)"""
    ttt_half_life_max: float
    """the same of the last head; 0: 4 training contexts (default 0)"""
    conv_kernel: int
    """taps K of the causal convolutions (default 4)"""
    share_qk: bool
    """queries and keys from one projection through two convolutions (default true)"""
    use_gate: bool
    """output gate of the TTT layer (default true)"""
    pre_conv: bool
    """a convolution before every TTT layer (default true)"""
    tie_word_embeddings: bool
    """one matrix for the embedding and the head (default true)"""
    initializer_range: float
    """standard deviation of the initial weights (default 0.02)"""
    conv_initializer_range: float
    """standard deviation of the initial convolutions; 0: 0.8 sqrt(256 / max(D, 256)) (default 0)"""
    quantization: Literal["ternary", "none"]
    """weights of the projections (default ternary)"""
    bos_token_id: int
    """token fed before a text (default 0)"""
    eos_token_id: int
    """token that ends a text (default 0)"""
    pad_token_id: int
    """padding token (default 1)"""


class DeviceOptions(TypedDict, total=False):
    """BL_OPTIONS_DEVICE."""

    device: Union[str, PathLike[str]]
    """where to compute: cpu, ref, or a plug-in's name, as NAME:1 its second device; trace:cpu
    times the ops, fault:cpu guards memory (default cpu)"""
    threads: int
    """threads; 0: as many as this process may use processors (default 0)"""
    precision: Literal["auto", "f32", "bf16"]
    """of activations and products; on the CPU bf16 is of the products for gradients; auto: the
    device's usual one, on the CPU the faster one when a run begins (default auto)"""


class TrainOptions(TypedDict, total=False):
    """BL_OPTIONS_TRAIN."""

    preset: Literal["micro", "code", "tiny"]
    """model size and its defaults (default micro)"""
    device: Union[str, PathLike[str]]
    """where to compute: cpu, ref, or a plug-in's name, as NAME:1 its second device; trace:cpu
    times the ops, fault:cpu guards memory (default cpu)"""
    threads: int
    """threads; 0: as many as this process may use processors (default 0)"""
    precision: Literal["auto", "f32", "bf16"]
    """of activations and products; on the CPU bf16 is of the products for gradients; auto: the
    device's usual one, on the CPU the faster one when a run begins (default auto)"""
    seed: int
    """seed of initial weights, data order and dropout (default 0)"""
    batch: int
    """sequences B a micro-batch (default 32)"""
    context: int
    """tokens T a sequence (default 128)"""
    accum: int
    """micro-batches a step (default 1)"""
    steps: int
    """optimizer steps of the schedule; 0: the preset's (default 0)"""
    tokens: int
    """the same as tokens, rounded up to whole steps (default 0)"""
    stop_after: int
    """stop after this step, schedule unchanged; 0: never (default 0)"""
    lr: float
    """peak learning rate; 0: the preset's (default 0)"""
    embedding_rate: float
    """learning rate of embedding and head, as a multiple of the others' (default 1)"""
    warmup: int
    """warm-up steps; 0: min(50, steps / 20) (default 0)"""
    schedule: Literal["two-stage", "cosine", "linear", "constant"]
    """how the learning rate falls after the warm-up; two-stage: linearly, from 2/3 of the peak in
    the second half (default two-stage)"""
    min_lr: float
    """learning rate that the schedule falls to (default 0)"""
    weight_decay: float
    """AdamW decay of matrices and embedding (default 0.1)"""
    decay_until: float
    """share of the steps after the warm-up that have it; 0.5: none in the second half (default 1)"""
    beta1: float
    """AdamW beta 1 (default 0.9)"""
    beta2: float
    """AdamW beta 2 (default 0.95)"""
    adam_eps: float
    """AdamW epsilon (default 1e-8)"""
    clip: float
    """largest gradient norm; 0: no clipping (default 1)"""
    dropout: float
    """dropout on embedding and residual additions (default 0)"""
    carry: float
    """rows of a batch continue where they ended, with the inner state, and begin anew with this
    probability a window; 0: every row always begins anew (default 0)"""
    windows: Literal["auto", "anywhere", "documents"]
    """where the rows of a batch begin: anywhere in the data, or, documents, at the start of the
    document where they would, if all of it fits; auto: documents for conversations, else
    anywhere (default auto)"""
    prefetch: Literal["auto", "on", "off"]
    """make the next batch while a step runs; auto: when the data exceeds half of the memory
    (default auto)"""
    recompute: bool
    """keep the activations of one layer and compute the others again in the backward pass: less
    memory, slower, the same bits (default false)"""
    init: Union[str, PathLike[str]]
    """begin with the weights of this run, checkpoint, model folder or repository of the Hub
    (OWNER/NAME), optimizer and schedule fresh; its shape is the run's, its tokenizer the data's"""
    resume: Union[bool, Literal["auto"]]
    """continue from the newest good checkpoint; auto: or begin where there is none (default false)"""
    save_every: int
    """steps between checkpoints (default 10)"""
    save_seconds: float
    """but not sooner than this after the last one (default 60)"""
    keep: int
    """checkpoints kept, beside the best (default 3)"""
    eval_every: int
    """steps between evaluations; 0: ten a run (default 0)"""
    eval_tokens: int
    """validation tokens an evaluation; 0: all of val.bin (default 65536)"""
    samples: bool
    """write samples in passing (default true)"""
    sample_every: int
    """steps between samples; 0: with every evaluation (default 0)"""
    sample_prompt: Union[str, PathLike[str]]
    """how samples begin (default Once upon a time)"""


class PrepareOptions(TypedDict, total=False):
    """BL_OPTIONS_PREPARE."""

    vocab_size: int
    """entries of the vocabulary (default 16384)"""
    min_frequency: int
    """how often a pair must occur to become a token (default 0)"""
    tokenizer: Union[str, PathLike[str]]
    """use this tokenizer.json instead of training one"""
    eos: Union[str, PathLike[str]]
    """its token, or id, that ends a document; default: as the files beside it say, or the usual
    name"""
    chat_template: Union[str, PathLike[str]]
    """chat template: a .jinja file, tokenizer_config.json or a folder with one; default: that of
    `tokenizer`'s folder, else of conversations ChatML"""
    special_tokens: Union[str, PathLike[str]]
    """special tokens of a tokenizer that is trained, with spaces between them; default: what the
    chat template writes around messages"""
    val_split: float
    """share of the documents set aside for validation (default 0.01)"""
    validation: Union[str, PathLike[str]]
    """source of the validation documents, all of them: nothing is drawn from the others, and no
    tokenizer learns from it; it is read first, so that `dedup` drops what is like it from the
    others"""
    seed: int
    """seed of the split and of tales (default 0)"""
    glob: Union[str, PathLike[str]]
    """files to take from folders; *.txt takes a.txt.gz too (default *)"""
    documents: Literal["auto", "blank-line", "line", "file", "jsonl", "messages"]
    """where documents end; auto: at lines <|endoftext|>; .jsonl and .json by their form; messages:
    JSON Lines of conversations, of which the answers are learned (default auto)"""
    field: Union[str, PathLike[str]]
    """field of JSON Lines that holds the text (text); given, auto means jsonl; of conversations
    the messages (messages), or question and answer (prompt,completion)"""
    encoding: Literal["auto", "utf-8", "utf-16", "utf-16le", "utf-16be", "latin-1", "windows-1252"]
    """encoding of files without a byte order mark; auto: UTF-8, and UTF-16 where its zeros show it
    (default auto)"""
    dedup: Literal["none", "exact", "near"]
    """drop documents that were there before, exactly or nearly (default none)"""
    near: float
    """how alike near is: Jaccard index of five-word shingles (default 0.8)"""
    replace_invalid: bool
    """U+FFFD in place of invalid bytes, and of half characters in JSON, instead of stopping
    (default false)"""
    skip_bad: bool
    """drop lines of JSON Lines that are no JSON or have no text, and count them, instead of
    stopping (default false)"""
    max_document: int
    """bytes after which a document is cut in two (default 67108864)"""
    force: bool
    """replace other data that a run was trained on: it can then not be resumed (default false)"""
    tales_bytes: int
    """bytes of text that tales writes (default 20000000)"""
    tales_facts: int
    """tales tells facts and asks for each at most this many bytes after it was last told or asked
    for; 0: plain stories (default 0)"""
    threads: int
    """threads; 0: as many as this process may use processors (default 0)"""


class GenerateOptions(TypedDict, total=False):
    """BL_OPTIONS_GENERATE."""

    max_tokens: int
    """most tokens to write (default 256)"""
    temperature: float
    """0: always the likeliest token (default 0.8)"""
    top_k: int
    """keep the k likeliest tokens; 0: all (default 40)"""
    top_p: float
    """keep the likeliest tokens up to this mass (default 0.95)"""
    min_p: float
    """drop tokens below this share of the likeliest (default 0.05)"""
    repeat_penalty: float
    """divide the logits of recent tokens by this (default 1)"""
    repeat_last: int
    """how many tokens are recent (default 64)"""
    seed: float
    """seed of the sampler; -1: a random one (default -1)"""
    bos: bool
    """feed the end-of-text token before the first prompt (default true)"""
    special: bool
    """<|endoftext|> and the like in a prompt are special tokens, not letters (default false)"""
    heal: bool
    """write a prompt's last word, or the spaces and line ends at its end, anew with what follows:
    they are often in one token with it (default false)"""
    log_probability: bool
    """tell the log-probability of every token (default false)"""
    logprobs: int
    """tell it, and those of the N likeliest tokens in its place: of the model alone, before
    biases, grammar, penalty and temperature (default 0)"""
    ignore_eos: bool
    """go on past the end-of-text token (default false)"""
    finish: bool
    """under a grammar, bring its text to an end within max_tokens where that is possible (default
    true)"""


class PullOptions(TypedDict, total=False):
    """BL_OPTIONS_PULL."""

    revision: Union[str, PathLike[str]]
    """a branch, a tag or a commit; none: what follows @ in the name, or else main"""
    parts: Literal["model", "tokenizer"]
    """what is fetched: a model, or only what its tokenizer and its chat template are (default
    model)"""
    offline: bool
    """ask nobody, the cache must do, as with HF_HUB_OFFLINE=1 (default false)"""
    cache_dir: Union[str, PathLike[str]]
    """the folder of the cache, in the layout of huggingface_hub, instead of the usual one"""
    token: Union[str, PathLike[str]]
    """access token, instead of that of HF_TOKEN or a file, which nobody else can see"""


class PushOptions(TypedDict, total=False):
    """BL_OPTIONS_PUSH."""

    revision: Union[str, PathLike[str]]
    """the branch; one that is not there begins where main is (default main)"""
    message: Union[str, PathLike[str]]
    """of the commit (default Upload with bitllama)"""
    visibility: Literal["public", "private"]
    """of a repository that is made (default public)"""
    any: bool
    """send any folder, also a run or one that holds no model (default false)"""
    dry_run: bool
    """send nothing, and list what would be sent (default false)"""
    verify: bool
    """read back what was sent; without, the Hub's list of checksums must do (default true)"""
    token: Union[str, PathLike[str]]
    """access token, instead of that of HF_TOKEN or a file, which nobody else can see"""


TABLES: Dict[str, Tuple[Option, ...]] = {
    "CONFIG": (
        Option('vocab_size', 'int', '16384', 'entries of the vocabulary (taken from the data when training)'),
        Option('hidden_size', 'int', '256', 'width D of the residual stream'),
        Option('intermediate_size', 'int', '688', 'width I of the SwiGLU block'),
        Option('num_hidden_layers', 'int', '8', 'layers L'),
        Option('num_attention_heads', 'int', '4', 'TTT heads H; head width F = D / H'),
        Option('rms_norm_eps', 'float', '1e-6', 'epsilon of RMSNorm'),
        Option('rope_theta', 'float', '10000', 'base of the rotary positions inside a chunk'),
        Option('ttt_layer_type', 'Literal["linear", "mlp"]', 'linear', 'inner model of the TTT layer'),
        Option('ttt_base_lr', 'float', '1', 'inner learning rate before its gate (default for mlp: 0.1)'),
        Option('mini_batch_size', 'int', '16', 'chunk C: tokens between two updates of the inner model'),
        Option('ttt_forget', 'bool', 'true', 'the inner model returns to its start at a rate that each head learns'),
        Option('ttt_half_life_min', 'float', '0', 'tokens until half is forgotten, of the first head at the start of training; 0: 4 chunks'),
        Option('ttt_half_life_max', 'float', '0', 'the same of the last head; 0: 4 training contexts'),
        Option('conv_kernel', 'int', '4', 'taps K of the causal convolutions'),
        Option('share_qk', 'bool', 'true', 'queries and keys from one projection through two convolutions'),
        Option('use_gate', 'bool', 'true', 'output gate of the TTT layer'),
        Option('pre_conv', 'bool', 'true', 'a convolution before every TTT layer'),
        Option('tie_word_embeddings', 'bool', 'true', 'one matrix for the embedding and the head'),
        Option('initializer_range', 'float', '0.02', 'standard deviation of the initial weights'),
        Option('conv_initializer_range', 'float', '0', 'standard deviation of the initial convolutions; 0: 0.8 sqrt(256 / max(D, 256))'),
        Option('quantization', 'Literal["ternary", "none"]', 'ternary', 'weights of the projections'),
        Option('bos_token_id', 'int', '0', 'token fed before a text'),
        Option('eos_token_id', 'int', '0', 'token that ends a text'),
        Option('pad_token_id', 'int', '1', 'padding token'),
    ),
    "DEVICE": (
        Option('device', 'Union[str, PathLike[str]]', 'cpu', "where to compute: cpu, ref, or a plug-in's name, as NAME:1 its second device; trace:cpu times the ops, fault:cpu guards memory"),
        Option('threads', 'int', '0', 'threads; 0: as many as this process may use processors'),
        Option('precision', 'Literal["auto", "f32", "bf16"]', 'auto', "of activations and products; on the CPU bf16 is of the products for gradients; auto: the device's usual one, on the CPU the faster one when a run begins"),
    ),
    "TRAIN": (
        Option('preset', 'Literal["micro", "code", "tiny"]', 'micro', 'model size and its defaults'),
        Option('device', 'Union[str, PathLike[str]]', 'cpu', "where to compute: cpu, ref, or a plug-in's name, as NAME:1 its second device; trace:cpu times the ops, fault:cpu guards memory"),
        Option('threads', 'int', '0', 'threads; 0: as many as this process may use processors'),
        Option('precision', 'Literal["auto", "f32", "bf16"]', 'auto', "of activations and products; on the CPU bf16 is of the products for gradients; auto: the device's usual one, on the CPU the faster one when a run begins"),
        Option('seed', 'int', '0', 'seed of initial weights, data order and dropout'),
        Option('batch', 'int', '32', 'sequences B a micro-batch'),
        Option('context', 'int', '128', 'tokens T a sequence'),
        Option('accum', 'int', '1', 'micro-batches a step'),
        Option('steps', 'int', '0', "optimizer steps of the schedule; 0: the preset's"),
        Option('tokens', 'int', '0', 'the same as tokens, rounded up to whole steps'),
        Option('stop_after', 'int', '0', 'stop after this step, schedule unchanged; 0: never'),
        Option('lr', 'float', '0', "peak learning rate; 0: the preset's"),
        Option('embedding_rate', 'float', '1', "learning rate of embedding and head, as a multiple of the others'"),
        Option('warmup', 'int', '0', 'warm-up steps; 0: min(50, steps / 20)'),
        Option('schedule', 'Literal["two-stage", "cosine", "linear", "constant"]', 'two-stage', 'how the learning rate falls after the warm-up; two-stage: linearly, from 2/3 of the peak in the second half'),
        Option('min_lr', 'float', '0', 'learning rate that the schedule falls to'),
        Option('weight_decay', 'float', '0.1', 'AdamW decay of matrices and embedding'),
        Option('decay_until', 'float', '1', 'share of the steps after the warm-up that have it; 0.5: none in the second half'),
        Option('beta1', 'float', '0.9', 'AdamW beta 1'),
        Option('beta2', 'float', '0.95', 'AdamW beta 2'),
        Option('adam_eps', 'float', '1e-8', 'AdamW epsilon'),
        Option('clip', 'float', '1', 'largest gradient norm; 0: no clipping'),
        Option('dropout', 'float', '0', 'dropout on embedding and residual additions'),
        Option('carry', 'float', '0', 'rows of a batch continue where they ended, with the inner state, and begin anew with this probability a window; 0: every row always begins anew'),
        Option('windows', 'Literal["auto", "anywhere", "documents"]', 'auto', 'where the rows of a batch begin: anywhere in the data, or, documents, at the start of the document where they would, if all of it fits; auto: documents for conversations, else anywhere'),
        Option('prefetch', 'Literal["auto", "on", "off"]', 'auto', 'make the next batch while a step runs; auto: when the data exceeds half of the memory'),
        Option('recompute', 'bool', 'false', 'keep the activations of one layer and compute the others again in the backward pass: less memory, slower, the same bits'),
        Option('init', 'Union[str, PathLike[str]]', '', "begin with the weights of this run, checkpoint, model folder or repository of the Hub (OWNER/NAME), optimizer and schedule fresh; its shape is the run's, its tokenizer the data's"),
        Option('resume', 'Union[bool, Literal["auto"]]', 'false', 'continue from the newest good checkpoint; auto: or begin where there is none'),
        Option('save_every', 'int', '10', 'steps between checkpoints'),
        Option('save_seconds', 'float', '60', 'but not sooner than this after the last one'),
        Option('keep', 'int', '3', 'checkpoints kept, beside the best'),
        Option('eval_every', 'int', '0', 'steps between evaluations; 0: ten a run'),
        Option('eval_tokens', 'int', '65536', 'validation tokens an evaluation; 0: all of val.bin'),
        Option('samples', 'bool', 'true', 'write samples in passing'),
        Option('sample_every', 'int', '0', 'steps between samples; 0: with every evaluation'),
        Option('sample_prompt', 'Union[str, PathLike[str]]', 'Once upon a time', 'how samples begin'),
    ),
    "PREPARE": (
        Option('vocab_size', 'int', '16384', 'entries of the vocabulary'),
        Option('min_frequency', 'int', '0', 'how often a pair must occur to become a token'),
        Option('tokenizer', 'Union[str, PathLike[str]]', '', 'use this tokenizer.json instead of training one'),
        Option('eos', 'Union[str, PathLike[str]]', '', 'its token, or id, that ends a document; default: as the files beside it say, or the usual name'),
        Option('chat_template', 'Union[str, PathLike[str]]', '', "chat template: a .jinja file, tokenizer_config.json or a folder with one; default: that of `tokenizer`'s folder, else of conversations ChatML"),
        Option('special_tokens', 'Union[str, PathLike[str]]', '', 'special tokens of a tokenizer that is trained, with spaces between them; default: what the chat template writes around messages'),
        Option('val_split', 'float', '0.01', 'share of the documents set aside for validation'),
        Option('validation', 'Union[str, PathLike[str]]', '', 'source of the validation documents, all of them: nothing is drawn from the others, and no tokenizer learns from it; it is read first, so that `dedup` drops what is like it from the others'),
        Option('seed', 'int', '0', 'seed of the split and of tales'),
        Option('glob', 'Union[str, PathLike[str]]', '*', 'files to take from folders; *.txt takes a.txt.gz too'),
        Option('documents', 'Literal["auto", "blank-line", "line", "file", "jsonl", "messages"]', 'auto', 'where documents end; auto: at lines <|endoftext|>; .jsonl and .json by their form; messages: JSON Lines of conversations, of which the answers are learned'),
        Option('field', 'Union[str, PathLike[str]]', '', 'field of JSON Lines that holds the text (text); given, auto means jsonl; of conversations the messages (messages), or question and answer (prompt,completion)'),
        Option('encoding', 'Literal["auto", "utf-8", "utf-16", "utf-16le", "utf-16be", "latin-1", "windows-1252"]', 'auto', 'encoding of files without a byte order mark; auto: UTF-8, and UTF-16 where its zeros show it'),
        Option('dedup', 'Literal["none", "exact", "near"]', 'none', 'drop documents that were there before, exactly or nearly'),
        Option('near', 'float', '0.8', 'how alike near is: Jaccard index of five-word shingles'),
        Option('replace_invalid', 'bool', 'false', 'U+FFFD in place of invalid bytes, and of half characters in JSON, instead of stopping'),
        Option('skip_bad', 'bool', 'false', 'drop lines of JSON Lines that are no JSON or have no text, and count them, instead of stopping'),
        Option('max_document', 'int', '67108864', 'bytes after which a document is cut in two'),
        Option('force', 'bool', 'false', 'replace other data that a run was trained on: it can then not be resumed'),
        Option('tales_bytes', 'int', '20000000', 'bytes of text that tales writes'),
        Option('tales_facts', 'int', '0', 'tales tells facts and asks for each at most this many bytes after it was last told or asked for; 0: plain stories'),
        Option('threads', 'int', '0', 'threads; 0: as many as this process may use processors'),
    ),
    "GENERATE": (
        Option('max_tokens', 'int', '256', 'most tokens to write'),
        Option('temperature', 'float', '0.8', '0: always the likeliest token'),
        Option('top_k', 'int', '40', 'keep the k likeliest tokens; 0: all'),
        Option('top_p', 'float', '0.95', 'keep the likeliest tokens up to this mass'),
        Option('min_p', 'float', '0.05', 'drop tokens below this share of the likeliest'),
        Option('repeat_penalty', 'float', '1', 'divide the logits of recent tokens by this'),
        Option('repeat_last', 'int', '64', 'how many tokens are recent'),
        Option('seed', 'float', '-1', 'seed of the sampler; -1: a random one'),
        Option('bos', 'bool', 'true', 'feed the end-of-text token before the first prompt'),
        Option('special', 'bool', 'false', '<|endoftext|> and the like in a prompt are special tokens, not letters'),
        Option('heal', 'bool', 'false', "write a prompt's last word, or the spaces and line ends at its end, anew with what follows: they are often in one token with it"),
        Option('log_probability', 'bool', 'false', 'tell the log-probability of every token'),
        Option('logprobs', 'int', '0', 'tell it, and those of the N likeliest tokens in its place: of the model alone, before biases, grammar, penalty and temperature'),
        Option('ignore_eos', 'bool', 'false', 'go on past the end-of-text token'),
        Option('finish', 'bool', 'true', 'under a grammar, bring its text to an end within max_tokens where that is possible'),
    ),
    "PULL": (
        Option('revision', 'Union[str, PathLike[str]]', '', 'a branch, a tag or a commit; none: what follows @ in the name, or else main'),
        Option('parts', 'Literal["model", "tokenizer"]', 'model', 'what is fetched: a model, or only what its tokenizer and its chat template are'),
        Option('offline', 'bool', 'false', 'ask nobody, the cache must do, as with HF_HUB_OFFLINE=1'),
        Option('cache_dir', 'Union[str, PathLike[str]]', '', 'the folder of the cache, in the layout of huggingface_hub, instead of the usual one'),
        Option('token', 'Union[str, PathLike[str]]', '', 'access token, instead of that of HF_TOKEN or a file, which nobody else can see'),
    ),
    "PUSH": (
        Option('revision', 'Union[str, PathLike[str]]', 'main', 'the branch; one that is not there begins where main is'),
        Option('message', 'Union[str, PathLike[str]]', 'Upload with bitllama', 'of the commit'),
        Option('visibility', 'Literal["public", "private"]', 'public', 'of a repository that is made'),
        Option('any', 'bool', 'false', 'send any folder, also a run or one that holds no model'),
        Option('dry_run', 'bool', 'false', 'send nothing, and list what would be sent'),
        Option('verify', 'bool', 'true', "read back what was sent; without, the Hub's list of checksums must do"),
        Option('token', 'Union[str, PathLike[str]]', '', 'access token, instead of that of HF_TOKEN or a file, which nobody else can see'),
    ),
}
