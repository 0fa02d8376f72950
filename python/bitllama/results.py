"""Data table: what calls of the library give, as dataclasses.

Written by python/tools/generate.py: change the header, not this file.
"""

from __future__ import annotations

import enum
import struct
from ctypes import c_char
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Tuple

from . import capi

_bytes_at: Any = (c_char * (1 << 30)).from_address  # bytes of a text, however many
_tuple: Any = tuple.__new__  # of those that are made for every token, without functions of Python


def _text(text: Optional[bytes]) -> str:
    return (text or b"").decode("utf-8", "replace")


def _span(address: Optional[int], size: int) -> str:
    return str(_bytes_at(address)[:size], "utf-8", "replace") if address and size else ""


class Status(enum.IntEnum):
    """bl_status of the header."""

    OK = 0
    INVAL = -1
    NOENT = -2
    FORMAT = -3
    UNSUPPORTED = -4
    IO = -5
    NOMEM = -6
    BUSY = -7
    NETWORK = -8
    DIVERGED = -9
    DEVICE = -10
    INTERRUPTED = -11


class LogLevel(enum.IntEnum):
    """bl_log_level of the header."""

    DEBUG = 0
    INFO = 1
    WARNING = 2


class OptionsKind(enum.IntEnum):
    """bl_options_kind of the header."""

    CONFIG = 0
    TRAIN = 1
    PREPARE = 2
    GENERATE = 3
    DEVICE = 4
    PULL = 5
    PUSH = 6


class HubKind(enum.IntEnum):
    """bl_hub_kind of the header."""

    MODEL = 0
    DATASET = 1


class TrainEventKind(enum.IntEnum):
    """bl_train_event_kind of the header."""

    START = 0
    RESUME = 1
    STEP = 2
    EVAL = 3
    SAMPLE = 4
    CHECKPOINT = 5
    WARNING = 6
    END = 7


@dataclass(frozen=True)
class Feature:
    """bl_feature of the header."""

    name: str
    """"curl" """
    text: str
    """what it is for"""
    present: bool
    """1: the library was built with it"""

    @classmethod
    def _of(cls, s: capi.bl_feature) -> Feature:
        return cls(
            _text(s.name),
            _text(s.text),
            bool(s.present),
        )


@dataclass(frozen=True)
class FieldInfo:
    """bl_field_info of the header."""

    name: str
    """vocab_size; as a flag --vocab-size"""
    type: str
    """"integer", "number", "boolean", "text", "choice" """
    fallback: str
    """the default, as text"""
    choices: str
    """"a|b|c", or NULL"""
    help: str
    """one line"""
    min: float
    """of integers and numbers"""
    max: float
    """of integers and numbers"""

    @classmethod
    def _of(cls, s: capi.bl_field_info) -> FieldInfo:
        return cls(
            _text(s.name),
            _text(s.type),
            _text(s.fallback),
            _text(s.choices),
            _text(s.help),
            s.min,
            s.max,
        )


@dataclass(frozen=True)
class DeviceInfo:
    """Where models compute, the option `device`: "cpu" and "ref" (slow, the definition) are built in;
    another NAME is a plug-in, libbitllama_NAME.so, found as docs/ARCHITECTURE.md says; "NAME:1" is
    its second device.  Before any name, "trace:" writes the time and calls of every op through
    bl_log_to() when the device is closed, "fault:" ends the process with SIGSEGV when device memory
    is touched outside an op, and "graph:" records the ops between two waits and runs them as one;
    results stay the same bits."""

    name: str
    """as the option takes it"""
    text: str
    """what it is, or why it cannot be used"""
    memory_bytes: int
    """all it has; 0 when it cannot be used, UINT64_MAX when not known"""
    usable: int

    @classmethod
    def _of(cls, s: capi.bl_device_info) -> DeviceInfo:
        return cls(
            _text(s.name),
            _text(s.text),
            s.memory_bytes,
            s.usable,
        )


@dataclass(frozen=True)
class MachineInfo:
    """What this build is, and what the machine lets this process use.  Texts are valid during the
    call, and empty when not known."""

    compiler: str
    system: str
    processor: str
    simd: str
    """of `levels`: in use (empty when BITLLAMA_CPU asks for what is not there), and the
    processor's best"""
    simd_best: str
    """of `levels`: in use (empty when BITLLAMA_CPU asks for what is not there), and the
    processor's best"""
    threads: int
    """of a computation (bl_set_threads)"""
    processors: int
    """of the machine, and those that this process may run on"""
    affinity: int
    """of the machine, and those that this process may run on"""
    quota: int
    """processors that its control groups pay for; 0: no limit"""
    memory_bytes: int
    """that this process may use; UINT64_MAX: not known"""
    folders: Tuple[str, ...]
    """[folder_count], searched for plug-ins, in this order"""
    plugins: Tuple[str, ...]
    """[plugin_count], their files found there: bl_devices() asks them in this order"""
    cache: str
    """of downloads: a folder that may not exist yet"""
    cache_free: int
    """bytes that may be written there; UINT64_MAX: not known"""
    levels: Tuple[str, ...]
    """[level_count], rising: "c", "avx2", "avx512", "amx"; on 64-bit ARM "c", "neon", "dotprod",
    "i8mm" """
    precision: str
    """of training on the CPU with `precision` auto: "bf16" or "f32" """
    bf16_by: str
    """what makes products of bfloat16: "AMX", "AVX-512 BF16", "float32" """
    bf16_gain: float
    """how many times as fast they are as those of float32, measured in a millisecond; 0: nothing
    is made for them"""
    simd_missing: str
    """why simd_best is not the next of `levels`; empty: it is the last"""

    @classmethod
    def _of(cls, s: capi.bl_machine_info) -> MachineInfo:
        return cls(
            _text(s.compiler),
            _text(s.system),
            _text(s.processor),
            _text(s.simd),
            _text(s.simd_best),
            s.threads,
            s.processors,
            s.affinity,
            s.quota,
            s.memory_bytes,
            tuple(_text(s.folders[i]) for i in range(s.folder_count)),
            tuple(_text(s.plugins[i]) for i in range(s.plugin_count)),
            _text(s.cache),
            s.cache_free,
            tuple(_text(s.levels[i]) for i in range(s.level_count)),
            _text(s.precision),
            _text(s.bf16_by),
            s.bf16_gain,
            _text(s.simd_missing),
        )


@dataclass(frozen=True)
class Limit:
    """A ceiling of the machine; a multiplication and an addition count as two."""

    name: str
    """reading: "dram", "l3", "l2"; products by the SIMD level in use: "int8", "f32", "bf16" """
    unit: str
    """"GB/s", "GOP/s", "GFLOP/s" """
    one: float
    """of one thread and of all; 0: there is none, or it cannot be known"""
    all: float
    """of one thread and of all; 0: there is none, or it cannot be known"""
    bytes: int
    """of "l3", "l2": what those of all threads hold; else 0"""

    @classmethod
    def _of(cls, s: capi.bl_limit) -> Limit:
        return cls(
            _text(s.name),
            _text(s.unit),
            s.one,
            s.all,
            s.bytes,
        )


@dataclass(frozen=True)
class PullResult:
    """What bl_hub_pull() has found."""

    commit: str
    """of the repository; "" for a folder that is not the Hub's"""
    files: int
    """of the model in the folder"""
    bytes: int
    """of these files; of those that were not in the cache"""
    fetched: int
    """of these files; of those that were not in the cache"""

    @classmethod
    def _of(cls, s: capi.bl_pull_result) -> PullResult:
        return cls(
            _text(s.commit),
            s.files,
            s.bytes,
            s.fetched,
        )


@dataclass(frozen=True)
class PushFile:
    """A file of a folder that is sent, by its path in the repository."""

    path: str
    bytes: int
    state: str
    """"new", "changed", "same": it is there already, and not sent"""

    @classmethod
    def _of(cls, s: capi.bl_push_file) -> PushFile:
        return cls(
            _text(s.path),
            s.bytes,
            _text(s.state),
        )


@dataclass(frozen=True)
class PushResult:
    """bl_push_result of the header."""

    commit: str
    """that holds them; "" when there is none (dry_run)"""
    files: int
    """in the folder; new or changed"""
    changed: int
    """in the folder; new or changed"""
    bytes: int
    """of the latter; of large files that the Hub did not have"""
    sent: int
    """of the latter; of large files that the Hub did not have"""

    @classmethod
    def _of(cls, s: capi.bl_push_result) -> PushResult:
        return cls(
            _text(s.commit),
            s.files,
            s.changed,
            s.bytes,
            s.sent,
        )


@dataclass(frozen=True)
class PrepareResult:
    """bl_prepare_result of the header."""

    documents: int
    val_documents: int
    bytes: int
    val_bytes: int
    tokens: int
    val_tokens: int
    vocab_size: int
    """in tokens"""
    longest_document: int
    """in tokens"""
    exact_duplicates: int
    """documents dropped"""
    near_duplicates: int
    """documents dropped"""
    documents_cut: int
    """for their length; by U+FFFD"""
    characters_replaced: int
    """for their length; by U+FFFD"""
    val_ends: int
    """documents whose end is for validation: there were too few to draw"""
    tokens_unused: int
    """ids of the vocabulary that never occur"""
    returns_replaced: int
    """CR (LF) as LF; byte order marks inside texts"""
    marks_dropped: int
    """CR (LF) as LF; byte order marks inside texts"""
    bad_dropped: int
    """lines of JSON, by skip_bad"""
    first_bad: str
    """the first of them: file, line, fault; or "" """
    files_passed: int
    """in folders: not text; written by this library itself"""
    ours_passed: int
    """in folders: not text; written by this library itself"""
    top: Tuple[int, ...]
    """most frequent ids; -1: fewer occur"""
    top_count: Tuple[int, ...]
    eos: int
    """the id after every document"""
    counted: int
    """tokens whose loss counts, of conversations; else 0"""
    val_counted: int
    """tokens whose loss counts, of conversations; else 0"""
    answers_rewritten: int
    """by the chat template, and so not learned"""

    @classmethod
    def _of(cls, s: capi.bl_prepare_result) -> PrepareResult:
        return cls(
            s.documents,
            s.val_documents,
            s.bytes,
            s.val_bytes,
            s.tokens,
            s.val_tokens,
            s.vocab_size,
            s.longest_document,
            s.exact_duplicates,
            s.near_duplicates,
            s.documents_cut,
            s.characters_replaced,
            s.val_ends,
            s.tokens_unused,
            s.returns_replaced,
            s.marks_dropped,
            s.bad_dropped,
            _text(s.first_bad),
            s.files_passed,
            s.ours_passed,
            tuple(s.top),
            tuple(s.top_count),
            s.eos,
            s.counted,
            s.val_counted,
            s.answers_rewritten,
        )


@dataclass(frozen=True)
class Advice:
    """What suits a data folder, by rules of thumb (docs/TRAINING.md)."""

    bytes: int
    """what it holds: source text, entries"""
    tokens: int
    """what it holds: source text, entries"""
    val_tokens: int
    """what it holds: source text, entries"""
    vocab_size: int
    """what it holds: source text, entries"""
    suits_vocab_size: int
    """for this much text"""
    preset: str
    """static"""
    batch: int
    context: int
    steps: int
    """0: the preset's own"""
    epochs: float
    """that these steps read"""

    @classmethod
    def _of(cls, s: capi.bl_advice) -> Advice:
        return cls(
            s.bytes,
            s.tokens,
            s.val_tokens,
            s.vocab_size,
            s.suits_vocab_size,
            _text(s.preset),
            s.batch,
            s.context,
            s.steps,
            s.epochs,
        )


@dataclass(frozen=True)
class TrainCorpus:
    """How far one of several data folders has been read."""

    dir: str
    weight: float
    """its share of the windows, 0 to 1"""
    tokens: int
    """read from it so far"""
    epochs: float
    """the same, in passes over the folder"""
    loss: float
    """of BL_TRAIN_EVAL: on its validation data; NaN when that is too short"""

    @classmethod
    def _of(cls, s: capi.bl_train_corpus) -> TrainCorpus:
        return cls(
            _text(s.dir),
            s.weight,
            s.tokens,
            s.epochs,
            s.loss,
        )


@dataclass(frozen=True)
class TrainLayer:
    """What a layer remembers."""

    half_life_min: float
    """tokens, over its heads; 0: it never forgets"""
    half_life_max: float
    """tokens, over its heads; 0: it never forgets"""
    distance: float
    """|W - W0| / |W0| at the end of a validation window: the mean over its heads and every 128th
    window"""

    @classmethod
    def _of(cls, s: capi.bl_train_layer) -> TrainLayer:
        return cls(
            s.half_life_min,
            s.half_life_max,
            s.distance,
        )


@dataclass(frozen=True)
class TrainEvent:
    """bl_train_event of the header."""

    kind: TrainEventKind
    step: int
    """done, and of the whole schedule (or stop_after)"""
    steps: int
    """done, and of the whole schedule (or stop_after)"""
    tokens: int
    """seen so far"""
    loss: float
    """mean cross-entropy, nats a token"""
    bits_per_byte: float
    """0 when the data does not say its bytes"""
    lr: float
    grad_norm: float
    tokens_per_s: float
    text: str
    """valid during the call, or NULL"""
    corpora: Tuple[TrainCorpus, ...]
    """of BL_TRAIN_EVAL and BL_TRAIN_END over several data folders,"""
    layers: Tuple[TrainLayer, ...]
    """of BL_TRAIN_EVAL, likewise"""

    @classmethod
    def _of(cls, s: capi.bl_train_event) -> TrainEvent:
        return cls(
            TrainEventKind(s.kind),
            s.step,
            s.steps,
            s.tokens,
            s.loss,
            s.bits_per_byte,
            s.lr,
            s.grad_norm,
            s.tokens_per_s,
            _text(s.text),
            tuple(TrainCorpus._of(s.corpora[i]) for i in range(s.corpus_count)),
            tuple(TrainLayer._of(s.layers[i]) for i in range(s.layer_count)),
        )


@dataclass(frozen=True)
class PlanResult:
    """bl_plan_result of the header."""

    weights: int
    """parameters, and the matrices as inference uses them"""
    optimizer: int
    """gradients and AdamW's two moments"""
    activations: int
    """what a batch, an evaluation or a prompt leaves for the next op"""
    scratch: int
    """room in which ops compute"""
    state: int
    """of one sequence being decoded, whatever its length"""
    total: int
    """bytes, like the others"""
    machine: int
    """what this process may use: the lowest of its limits, or what is free of a device's own
    memory; UINT64_MAX when neither is known"""
    parameters: int
    """elements of all tensors"""
    base: int
    """of a model: what a session takes in addition once consolidated (bl_session_consolidate); not
    in total; 0 without ttt_forget"""
    device: str
    """whose `machine` is: "NAME: what it is"; empty: the host's"""

    @classmethod
    def _of(cls, s: capi.bl_plan_result) -> PlanResult:
        return cls(
            s.weights,
            s.optimizer,
            s.activations,
            s.scratch,
            s.state,
            s.total,
            s.machine,
            s.parameters,
            s.base,
            _text(s.device),
        )


@dataclass(frozen=True)
class OpWork:
    """What an op has done on devices "trace:NAME", by its shapes: the least that it must read and
    write, and its products, in which an addition is an operation too."""

    op: str
    calls: int
    seconds: float
    bytes: float
    int_ops: float
    float_ops: float
    bf16_ops: float
    """products of bfloat16, where float32 is rounded to it for them"""

    @classmethod
    def _of(cls, s: capi.bl_op_work) -> OpWork:
        return cls(
            _text(s.op),
            s.calls,
            s.seconds,
            s.bytes,
            s.int_ops,
            s.float_ops,
            s.bf16_ops,
        )


@dataclass(frozen=True)
class ModelInfo:
    """Sizes of a model, and tokens with a meaning."""

    parameters: int
    vocab_size: int
    hidden_size: int
    layers: int
    heads: int
    head_width: int
    intermediate_size: int
    chunk: int
    """tokens after which the inner model takes a step: mini_batch_size"""
    context: int
    """tokens of the windows it was trained with; 0: its folder does not say"""
    ternary: bool
    """1: its matrices are -1, 0 and 1; 0: floats"""
    forgets: bool
    """1: bl_session_consolidate() can be called"""
    bos: int
    """the token before the first text, and the one that ends a text"""
    eos: int
    """the token before the first text, and the one that ends a text"""
    pad: int
    """unk: of tokenizer.json, -1 when there is none; nothing is encoded as it"""
    unk: int
    """unk: of tokenizer.json, -1 when there is none; nothing is encoded as it"""

    @classmethod
    def _of(cls, s: capi.bl_model_info) -> ModelInfo:
        return cls(
            s.parameters,
            s.vocab_size,
            s.hidden_size,
            s.layers,
            s.heads,
            s.head_width,
            s.intermediate_size,
            s.chunk,
            s.context,
            bool(s.ternary),
            bool(s.forgets),
            s.bos,
            s.eos,
            s.pad,
            s.unk,
        )


@dataclass(frozen=True)
class HeadInfo:
    """A head of a TTT layer in a session."""

    layer: int
    """from 0"""
    head: int
    """from 0"""
    half_life: float
    """tokens after which half of what it learned is forgotten; 0: never"""
    distance: float
    """|W - W0| / |W0|, Frobenius norms over the matrices of its inner model: how far what was read
    has moved it from where the model begins"""
    base: float
    """the same for what it forgets towards (bl_session_consolidate), biases included; 0 while that
    is where the model begins"""
    base_most: float
    """its bound; 0 for a model that never forgets"""

    @classmethod
    def _of(cls, s: capi.bl_head_info) -> HeadInfo:
        return cls(
            s.layer,
            s.head,
            s.half_life,
            s.distance,
            s.base,
            s.base_most,
        )


@dataclass(frozen=True)
class MemoryDifference:
    """Two memory files beside each other, for which no model is needed."""

    same: int
    """they hold the same: sessions go on alike from both"""
    same_model: int
    """they name the same model"""
    version_a: int
    version_b: int
    position_a: int
    """tokens read"""
    position_b: int
    """tokens read"""

    @classmethod
    def _of(cls, s: capi.bl_memory_difference) -> MemoryDifference:
        return cls(
            s.same,
            s.same_model,
            s.version_a,
            s.version_b,
            s.position_a,
            s.position_b,
        )


class TokenEvent(NamedTuple):
    """A token that was drawn."""

    id: int
    ends: bool
    """1: the model's end-of-text token, after which the call returns; its text is what was held
    back (bl_session_stop)"""
    position: int
    """of the token: how many were read before it"""
    text: str
    """what it adds in whole UTF-8 characters, valid during the call"""
    log_probability: float
    """natural, of the model's own distribution, before biases, grammar and the options of
    sampling; with the option log_probability or logprobs, otherwise NaN"""
    likeliest: Tuple[int, ...]
    """with the option logprobs: as many likeliest tokens in its place, best first (of equals the
    least id), and the same of them; valid during the call. Otherwise 0 of them"""
    likeliest_log_probabilities: Tuple[float, ...]
    stopped: int
    """1 + the number of the text that ends the reply here (bl_session_stop); else 0"""

    @classmethod
    def _of(cls, s: capi.bl_token_event) -> TokenEvent:
        (_, id, ends, position, text, bytes, log_probability, _, _, likeliest_count, stopped) = _bl_token_event(s)
        out: TokenEvent = _tuple(cls, (
            id,
            bool(ends),
            position,
            str(_bytes_at(text)[:bytes], "utf-8", "replace") if bytes else "",
            log_probability,
            tuple(s.likeliest[:likeliest_count]) if likeliest_count else (),
            tuple(s.likeliest_log_probabilities[:likeliest_count]) if likeliest_count else (),
            stopped,
        ))
        return out


_bl_token_event = struct.Struct("@NiiQPNdPPNi").unpack_from


@dataclass(frozen=True)
class GenerateResult:
    """bl_generate_result of the header."""

    seed: int
    """the one used"""
    prompt_tokens: int
    tokens: int
    prompt_seconds: float
    seconds: float
    ended: bool
    """1: the model wrote its end-of-text token"""
    waiting_bytes: int
    """of a character whose end the next token may bring"""
    whole: int
    """under a grammar: 1 when its text is whole; else 0"""
    stopped: int
    """1 + the number of the text that ended it (bl_session_stop); else 0"""

    @classmethod
    def _of(cls, s: capi.bl_generate_result) -> GenerateResult:
        return cls(
            s.seed,
            s.prompt_tokens,
            s.tokens,
            s.prompt_seconds,
            s.seconds,
            bool(s.ended),
            s.waiting_bytes,
            s.whole,
            s.stopped,
        )


@dataclass(frozen=True)
class ScoreResult:
    """bl_score_result of the header."""

    log_probability: float
    """natural: the sum over the tokens"""
    tokens: int
    """all; those that were the likeliest (of equals, the least id): a greedy reader writes the
    text when both are the same"""
    greedy_tokens: int
    """all; those that were the likeliest (of equals, the least id): a greedy reader writes the
    text when both are the same"""

    @classmethod
    def _of(cls, s: capi.bl_score_result) -> ScoreResult:
        return cls(
            s.log_probability,
            s.tokens,
            s.greedy_tokens,
        )


@dataclass(frozen=True)
class EvalResult:
    """bl_eval_result of the header."""

    loss: float
    """nats a token; 0 bits when bytes are unknown"""
    perplexity: float
    """nats a token; 0 bits when bytes are unknown"""
    bits_per_byte: float
    """nats a token; 0 bits when bytes are unknown"""
    tokens: int
    bytes: int
    documents: int
    seconds: float

    @classmethod
    def _of(cls, s: capi.bl_eval_result) -> EvalResult:
        return cls(
            s.loss,
            s.perplexity,
            s.bits_per_byte,
            s.tokens,
            s.bytes,
            s.documents,
            s.seconds,
        )


@dataclass(frozen=True)
class EvalPoint:
    """bl_eval_point of the header."""

    first: int
    """positions, from 0: how many tokens were read before, not counting the one that a window or a
    document (bos_token_id) begins with"""
    last: int
    """positions, from 0: how many tokens were read before, not counting the one that a window or a
    document (bos_token_id) begins with"""
    tokens: int
    """predicted there, over all windows or documents"""
    loss: float
    """their mean"""

    @classmethod
    def _of(cls, s: capi.bl_eval_point) -> EvalPoint:
        return cls(
            s.first,
            s.last,
            s.tokens,
            s.loss,
        )


@dataclass(frozen=True)
class LearnResult:
    """bl_learn_result of the header."""

    loss: float
    """nats a token, each predicted from what was read before it"""
    tokens: int
    """read; `tokens` includes those between documents"""
    bytes: int
    """read; `tokens` includes those between documents"""
    documents: int
    """read; `tokens` includes those between documents"""
    consolidations: int
    seconds: float
    files_passed: int
    """left out of folders, as of bl_prepare_result"""
    ours_passed: int
    """left out of folders, as of bl_prepare_result"""
    characters_replaced: int
    bad_dropped: int

    @classmethod
    def _of(cls, s: capi.bl_learn_result) -> LearnResult:
        return cls(
            s.loss,
            s.tokens,
            s.bytes,
            s.documents,
            s.consolidations,
            s.seconds,
            s.files_passed,
            s.ours_passed,
            s.characters_replaced,
            s.bad_dropped,
        )


@dataclass(frozen=True)
class StreamPoint:
    """An octave of positions in a stream."""

    first: int
    """0, 1, 2-3, 4-7, ...: how many tokens were read before, not counting the one that the stream
    begins with"""
    last: int
    """0, 1, 2-3, 4-7, ...: how many tokens were read before, not counting the one that the stream
    begins with"""
    tokens: int
    """predicted there"""
    loss: float
    """their mean, of one state through the whole stream"""
    fresh: float
    """of the same tokens, read by fresh states in windows"""

    @classmethod
    def _of(cls, s: capi.bl_stream_point) -> StreamPoint:
        return cls(
            s.first,
            s.last,
            s.tokens,
            s.loss,
            s.fresh,
        )


@dataclass(frozen=True)
class RecallResult:
    """bl_recall_result of the header."""

    distance: int
    """as asked for"""
    questions: int
    """as asked for"""
    chance: float
    """share that guessing gets right: the mean of 1 / choices"""
    right: float
    """share answered right, and its standard error"""
    error: float
    """share answered right, and its standard error"""
    greedy: float
    """share where the right one is the likeliest of all tokens"""
    control: float
    """share answered right without having read the fact"""
    control_error: float
    """share answered right without having read the fact"""
    changed: int
    """questions about facts told twice: the newest counts"""
    changed_right: float
    """shares of these answered with the newest, the older"""
    changed_old: float
    """shares of these answered with the newest, the older"""
    seconds: float

    @classmethod
    def _of(cls, s: capi.bl_recall_result) -> RecallResult:
        return cls(
            s.distance,
            s.questions,
            s.chance,
            s.right,
            s.error,
            s.greedy,
            s.control,
            s.control_error,
            s.changed,
            s.changed_right,
            s.changed_old,
            s.seconds,
        )


@dataclass(frozen=True)
class StepResult:
    """An open trainer may also be moved on by its caller, in any mixture with bl_trainer_run(), which is
    a loop over the same steps: weights, checkpoints and the continuation of either are the same bits.
    These calls only do what they say: no evaluation, sample or checkpoint comes of itself, closing
    saves nothing, and of all that a run writes there are the records of steps (metrics.jsonl,
    TensorBoard).  After the last step bl_trainer_run() finishes the folder as a run does.

    bl_trainer_stop() stops the call at work, or else the next one: it returns BL_EINTERRUPTED
    after the step under way and saves nothing; the trainer goes on.  After bl_trainer_save() a
    checkpoint follows the step.  A trainer is used by one thread at a time: BL_EBUSY."""

    step: int
    """done in all, and of the whole schedule (or stop_after)"""
    steps: int
    """done in all, and of the whole schedule (or stop_after)"""
    done: int
    """by this call; of these, how many changed nothing because their loss or gradient was not
    finite"""
    skipped: int
    """by this call; of these, how many changed nothing because their loss or gradient was not
    finite"""
    tokens: int
    """read by this call"""
    loss: float
    """nats a token, before its update: the mean of the steps not skipped; NaN: none"""
    grad_norm: float
    """of the last step; the norm before clipping"""
    lr: float
    """of the last step; the norm before clipping"""
    seconds: float
    """of the call"""
    went_back: bool
    """1: to a checkpoint, whose step `step` is then"""

    @classmethod
    def _of(cls, s: capi.bl_step_result) -> StepResult:
        return cls(
            s.step,
            s.steps,
            s.done,
            s.skipped,
            s.tokens,
            s.loss,
            s.grad_norm,
            s.lr,
            s.seconds,
            bool(s.went_back),
        )
