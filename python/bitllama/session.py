"""Sessions: one text each, with a state of constant size over a model."""

from __future__ import annotations

import ctypes
import functools
import json
import sys
from ctypes import CFUNCTYPE, byref, c_char, c_double, c_float, c_int, c_size_t, c_void_p, cast, string_at
from typing import (TYPE_CHECKING, Any, Dict, Iterator, List, Literal, Mapping, Optional, Sequence, Tuple, TypeVar,
                    Union, overload)

from . import capi
from ._calls import (Progress, Watch, begin_loop, call, end_loop, ending, leave_at_the_end, opened,
                     progress_function)
from ._handles import Handle
from ._values import Ids, Path, ids_array, options, path_bytes, spans, split, takes_options, text_bytes
from .errors import Interrupted, InvalidArgument, error_of
from .options import GenerateOptions, PrepareOptions
from .results import GenerateResult, HeadInfo, LearnResult, ScoreResult, TokenEvent

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .model import BitLlama

Prompt = Union[str, bytes, Ids]
_LISTENS, _SHOWS = 0.05, 1 / 30  # seconds from one look at signals, and from one piece of a stream, to the next
_function: Any = capi.bl_generate_next
_NEXT = CFUNCTYPE(c_int)(cast(_function, c_void_p).value or 0)  # of arguments that are converted already
_LONG = 64  # tokens from which on reading can be stopped by Ctrl-C
_S = TypeVar("_S", bound="Session")


class Grammar:
    """What a text that is written must be: a grammar in GBNF, or a JSON schema."""

    def __init__(self, model: BitLlama, gbnf: Optional[str] = None, *,
                 json_schema: Union[None, str, Mapping[str, object]] = None) -> None:
        if (gbnf is None) == (json_schema is None):
            raise TypeError("a grammar is made of either gbnf or json_schema")
        if gbnf is None and not isinstance(json_schema, str):
            json_schema = json.dumps(json_schema)
        data = text_bytes(gbnf if gbnf is not None else str(json_schema))
        make = capi.bl_grammar_open if gbnf is not None else capi.bl_grammar_open_schema
        with model._required_tokenizer()._use() as pointer:
            self._handle = Handle("grammar", opened(make, pointer, data, len(data)), capi.bl_grammar_close)

    def close(self) -> None:
        """Frees it; sessions that use it go on."""
        self._handle.close()


class Session:
    """One text: what was read and written, as a state of constant size.  BitLlama.session() makes it.

    It is used by one thread at a time: a second one is refused (Busy).  With undo=N the last N calls that read or
    write can be taken back, for which it keeps N copies of its state.
    """

    def __init__(self, model: BitLlama, undo: int = 0) -> None:
        with model._handle.shared() as m:
            pointer = opened(capi.bl_session_open, m, None)
        self._begin(model, Handle("session", pointer, capi.bl_session_close), undo)

    def _begin(self, model: BitLlama, handle: Handle, undo: int) -> None:
        self._model = model
        self._handle = handle
        self._undo = undo
        self._kept: List[Handle] = []
        self._logits: Optional[_Room] = None
        self._result: Optional[capi.bl_generate_result] = None

    @property
    def model(self) -> BitLlama:
        return self._model

    def close(self) -> None:
        """Frees it.  Again: nothing."""
        self._handle.close()
        for handle in self._kept:
            handle.close()
        self._kept = []

    def __enter__(self: _S) -> _S:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # ---- what it is ----

    @property
    def position(self) -> int:
        """Tokens read so far."""
        return capi.bl_session_position(self._handle.peek())

    @property
    def nbytes(self) -> int:
        """Bytes of the state."""
        return capi.bl_session_bytes(self._handle.peek())

    @property
    def pending(self) -> Optional[int]:
        """The token that was drawn last and is not read yet."""
        with self._handle.alone() as s:
            id = capi.bl_session_pending(s)
        return None if id < 0 else id

    @property
    def result(self) -> Optional[GenerateResult]:
        """What the last generate() has done, as far as it has come."""
        return None if self._result is None else GenerateResult._of(self._result)

    def heads(self, other: Optional[Session] = None) -> List[HeadInfo]:
        """Each head of each TTT layer: how long it remembers, and how far it has moved from where the model begins,
        or from another session."""
        out: List[HeadInfo] = []
        with Watch() as watch:
            def take(user: object, head: Any) -> None:
                watch.guard(lambda: out.append(HeadInfo._of(head.contents)))

            fn = capi.bl_head_fn(take)
            with self._handle.shared() as s:
                if other is None:
                    call(capi.bl_session_heads, s, fn, None)
                else:
                    with other._handle.shared() as o:
                        call(capi.bl_session_diff, s, o, fn, None)
        return out

    # ---- reading ----

    def feed(self, ids: Prompt, logits: bool = True) -> Any:
        """Reads tokens (a text is encoded), and gives the logits after the last: a read-only float32 array of numpy,
        or a memoryview without numpy, of what the library has written, not copied.

        They stay what they are also when the session reads on.
        """
        array = self._ids(ids)
        if self._undo > 0:
            self._keep()
        room = self._room() if logits else None
        buffer = None if room is None else room.buffer
        if len(array) < _LONG:
            error = capi.bl_error()
            if self._handle.run(capi.bl_session_feed, self._handle.anyhow(), array, len(array), buffer, byref(error)):
                raise error_of(error)
        else:
            with self._handle.alone() as s, Watch():
                call(capi.bl_session_feed, s, array, len(array), buffer)
        return None if room is None else room.view()

    def feed_each(self, ids: Prompt) -> Any:
        """The same with the logits after every token: [count, vocab_size]."""
        array = self._ids(ids)
        self._keep()
        width = self._model.info.vocab_size
        buffer = (c_float * (len(array) * width))()
        with self._handle.alone() as s, Watch():
            call(capi.bl_session_feed_each, s, array, len(array), buffer)
        return _view(buffer, (len(array), width))

    @property
    def logits(self) -> Any:
        """Those after the last token that was read or written."""
        with self._handle.alone() as s:
            room = self._room()
            call(capi.bl_session_feed, s, None, 0, room.buffer)
        return room.view()

    def _ids(self, ids: Prompt) -> Any:
        if isinstance(ids, (str, bytes)):
            return ids_array(self._model._required_tokenizer().encode(ids, False, True))
        return ids_array(ids)

    def _room(self) -> _Room:
        """That of the last call, unless somebody still looks at it."""
        if self._logits is None or self._logits.seen():
            self._logits = _Room(self._model.info.vocab_size)
        return self._logits

    def learn(self, *sources: Path, share: float = 0.0, every: int = 0, keep: Optional[Path] = None,
              keep_seconds: float = 60.0, progress: Optional[Progress] = None,
              **reading: Unpack[PrepareOptions]) -> LearnResult:
        """Reads the documents of files and folders.  With a share above 0 the lesson is consolidated after every
        `every` tokens, and at the end, so that it outlasts the half-lives; with keep the session is saved to this
        file now and then."""
        names = (ctypes.c_char_p * len(sources))(*[path_bytes(one) for one in sources])
        result = capi.bl_learn_result(size=ctypes.sizeof(capi.bl_learn_result))
        self._keep()
        set_of = options("PREPARE", *split("learn", reading, "PREPARE"))
        with self._handle.alone() as s, set_of.shared() as o, Watch(progress):
            call(capi.bl_session_learn_all, s, names, len(sources), o, share, every,
                 None if keep is None else path_bytes(keep), keep_seconds, progress_function(), None, byref(result))
        return LearnResult._of(result)

    def consolidate(self, share: float) -> None:
        """Makes what was read outlast the half-lives (docs/MODEL.md 3.8)."""
        self._keep()
        with self._handle.alone() as s, Watch():
            call(capi.bl_session_consolidate, s, share)

    def merge(self, other: Session, weight: float = 1.0) -> None:
        """Adds what another session of the model has learned (docs/MODEL.md 3.10)."""
        self._keep()
        with self._handle.alone() as s, other._handle.shared() as o:
            call(capi.bl_session_merge, s, o, weight)

    # ---- going back, copies, files ----

    def fork(self: _S, undo: Optional[int] = None) -> _S:
        """A separate session that continues exactly as this one would."""
        out = type(self).__new__(type(self))
        out._begin(self._model, self._copy(), self._undo if undo is None else undo)
        return out

    def _copy(self) -> Handle:
        with self._handle.shared() as s:
            return Handle("session", opened(capi.bl_session_fork, s), capi.bl_session_close)

    def _keep(self) -> None:
        """A copy to go back to, before a call that changes the session."""
        if self._undo <= 0:
            return
        self._kept.append(self._copy())
        while len(self._kept) > self._undo:
            self._kept.pop(0).close()

    def undo(self) -> None:
        """Takes back the last call that read, wrote, learned, loaded or reset."""
        if not self._kept:
            raise InvalidArgument("nothing can be taken back: the session keeps its last %d calls" % self._undo)
        with self._handle.alone():  # nobody else is at work
            old, self._handle = self._handle, self._kept.pop()
        old.close()

    def reset(self) -> None:
        """Forgets everything."""
        self._keep()
        with self._handle.alone() as s:
            call(capi.bl_session_reset, s)

    def restart(self) -> None:
        """Forgets everything but what was consolidated."""
        self._keep()
        with self._handle.alone() as s:
            call(capi.bl_session_restart, s)

    def seed(self, seed: int) -> None:
        """Restarts the random numbers, beginning with the next token drawn; also from a callback."""
        capi.bl_session_seed(self._handle.peek(), seed)

    def save(self, path: Path) -> None:
        """Writes a memory file, whole or not at all."""
        with self._handle.alone() as s, Watch():
            call(capi.bl_session_save, s, path_bytes(path))

    def load(self, path: Path) -> None:
        """Becomes what a memory file holds, and continues bit-identically."""
        self._keep()
        with self._handle.alone() as s, Watch():
            call(capi.bl_session_load, s, path_bytes(path))

    def save_bytes(self) -> bytes:
        """The bytes of a memory file."""
        size = c_size_t()
        with self._handle.alone() as s, Watch():
            call(capi.bl_session_save_buffer, s, None, 0, byref(size))
            buffer = (c_char * size.value)()
            call(capi.bl_session_save_buffer, s, buffer, size.value, byref(size))
        return buffer.raw

    def load_bytes(self, memory: bytes) -> None:
        """Becomes what these bytes of a memory file hold."""
        self._keep()
        with self._handle.alone() as s, Watch():
            call(capi.bl_session_load_buffer, s, bytes(memory), len(memory))

    # ---- scoring ----

    def score(self, ids: Prompt) -> ScoreResult:
        """How likely a text or ids are after what was read; the session stays as it is.  Several threads may score
        after one session at once."""
        return self._scored(self._ids(ids), None)

    def score_each(self, ids: Prompt) -> Tuple[List[float], List[bool]]:
        """The same token by token: the log-probabilities, and whether each was the likeliest."""
        array = self._ids(ids)
        each, greedy = (c_double * len(array))(), (c_int * len(array))()
        self._scored(array, each, greedy)
        return list(each), [bool(one) for one in greedy]

    def _scored(self, array: Any, each: Any, greedy: Any = None) -> ScoreResult:
        result = capi.bl_score_result(size=ctypes.sizeof(capi.bl_score_result))
        with self._handle.shared() as s, Watch():
            call(capi.bl_score, s, array, len(array), each, greedy, byref(result))
        return ScoreResult._of(result)

    # ---- writing ----

    @overload
    def generate(self, prompt: Prompt = ..., *, stream: Literal[False] = ..., max_new_tokens: Optional[int] = ...,
                 stop: Union[None, str, Sequence[str]] = ..., logit_bias: Optional[Mapping[int, float]] = ...,
                 grammar: Union[None, str, Grammar] = ...,
                 json_schema: Union[None, str, Mapping[str, object]] = ...,
                 **sampling: Unpack[GenerateOptions]) -> str: ...

    @overload
    def generate(self, prompt: Prompt = ..., *, stream: Literal[True], max_new_tokens: Optional[int] = ...,
                 stop: Union[None, str, Sequence[str]] = ..., logit_bias: Optional[Mapping[int, float]] = ...,
                 grammar: Union[None, str, Grammar] = ...,
                 json_schema: Union[None, str, Mapping[str, object]] = ...,
                 **sampling: Unpack[GenerateOptions]) -> Iterator[str]: ...

    @takes_options("GENERATE", without=("max_tokens",))
    def generate(self, prompt: Prompt = "", *, stream: bool = False, max_new_tokens: Optional[int] = None,
                 stop: Union[None, str, Sequence[str]] = None, logit_bias: Optional[Mapping[int, float]] = None,
                 grammar: Union[None, str, Grammar] = None,
                 json_schema: Union[None, str, Mapping[str, object]] = None,
                 **sampling: Unpack[GenerateOptions]) -> Union[str, Iterator[str]]:
        """Reads a prompt, a text or ids, and continues it: gives what the model writes, without the prompt; with
        stream=True an iterator over the pieces as they are written.

        stop: texts before the first of which the reply ends.  grammar: GBNF, or a Grammar; json_schema: a schema as
        text or as a dictionary.  logit_bias: {id: what is added to its logit}.  An empty prompt continues where the
        last reply ended.  Ctrl-C ends it with KeyboardInterrupt; what was read and written by then counts.
        """
        wanted = Wanted(self._model, max_new_tokens, stop, logit_bias, grammar, json_schema, sampling)
        writing = _Writing(self, prompt, wanted)
        if stream:
            return writing.pieces()
        return writing.text()

    def _write(self, prompt: Prompt, wanted: Wanted) -> str:
        return _Writing(self, prompt, wanted).text()

    @takes_options("GENERATE", without=("max_tokens",))
    def tokens(self, prompt: Prompt = "", *, max_new_tokens: Optional[int] = None,
               stop: Union[None, str, Sequence[str]] = None, logit_bias: Optional[Mapping[int, float]] = None,
               grammar: Union[None, str, Grammar] = None,
               json_schema: Union[None, str, Mapping[str, object]] = None,
               **sampling: Unpack[GenerateOptions]) -> Iterator[TokenEvent]:
        """The same as an iterator over tokens, with all that is known of each: id, text, and with logprobs=N its
        log-probability and the N likeliest."""
        wanted = Wanted(self._model, max_new_tokens, stop, logit_bias, grammar, json_schema, sampling)
        return _Writing(self, prompt, wanted).tokens()


class Wanted:
    """What a reply is to be: its options, texts to stop at, biases, a grammar."""

    def __init__(self, model: BitLlama, max_new_tokens: Optional[int], stop: Union[None, str, Sequence[str]],
                 logit_bias: Optional[Mapping[int, float]], grammar: Union[None, str, Grammar],
                 json_schema: Union[None, str, Mapping[str, object]], sampling: Mapping[str, object]) -> None:
        values: Dict[str, object] = dict(sampling)
        if max_new_tokens is not None:
            if values.get("max_tokens") is not None:
                raise TypeError("generate() takes either max_new_tokens or max_tokens")
            values["max_tokens"] = max_new_tokens
        self._values = split("generate", values, "GENERATE")[0]
        self.options = options("GENERATE", self._values)
        self.most = int(self.value(b"max_tokens"))
        self._stop = [text_bytes(one) for one in ([stop] if isinstance(stop, str) else stop or ())]
        self._ids = ids_array(list(logit_bias or ()))
        self._bias = (c_float * len(self._ids))(*(logit_bias or {}).values())
        if json_schema is not None:
            if grammar is not None:
                raise TypeError("generate() takes either grammar or json_schema")
            grammar = Grammar(model, json_schema=json_schema)
        elif isinstance(grammar, str):
            grammar = Grammar(model, grammar)
        self._grammar = grammar

    @property
    def constrained(self) -> bool:
        return self._grammar is not None

    def value(self, name: bytes) -> bytes:
        """An option as text; it is a short one."""
        buffer = ctypes.create_string_buffer(64)
        with self.options.shared() as o:
            call(capi.bl_options_get, o, name, buffer, 64, None)
        return buffer.value

    def copy(self, most: int) -> Handle:
        """The options for another number of tokens."""
        return options("GENERATE", dict(self._values, max_tokens=most))

    def set(self, s: int) -> None:
        """What a session holds of it."""
        call(capi.bl_session_stop, s, spans(self._stop), len(self._stop))
        call(capi.bl_session_bias, s, self._ids, self._bias, len(self._ids))
        if self._grammar is None:
            call(capi.bl_session_constrain, s, None)
        else:
            with self._grammar._handle.shared() as g:
                call(capi.bl_session_constrain, s, g)


class _Writing:
    """A reply in the making."""

    def __init__(self, session: Session, prompt: Prompt, wanted: Wanted) -> None:
        self._session = session
        self._prompt: Any = text_bytes(prompt) if isinstance(prompt, (str, bytes)) else ids_array(prompt)
        self._wanted = wanted  # keeps its options
        self._options, self._left = wanted.options, wanted.most
        self._total: Optional[capi.bl_generate_result] = None
        session._keep()
        with session._handle.alone() as s:
            wanted.set(s)

    def _run(self, fn: Any, every: float) -> None:
        """Calls the library with what is left of the prompt, which is read then; fn takes pieces of text."""
        result = capi.bl_generate_result(size=ctypes.sizeof(capi.bl_generate_result))
        prompt, self._prompt = self._prompt, b""
        text, ids = (prompt, None) if isinstance(prompt, bytes) else (None, prompt)
        try:
            with self._session._handle.alone() as s, self._options.shared() as o, Watch() as watch:
                self._watch = watch
                call(capi.bl_generate_text, s, text, len(text or b""), ids, len(prompt), o, every, fn, None,
                     byref(result))
        finally:
            self._left -= result.tokens
            before, self._total = self._total, result
            if before is not None:  # a call of a stream
                result.prompt_tokens, result.prompt_seconds = before.prompt_tokens, before.prompt_seconds
                result.tokens, result.seconds = result.tokens + before.tokens, result.seconds + before.seconds
            self._session._result = result

    def text(self) -> str:
        """All of it at once."""
        parts: List[bytes] = []

        def take(user: object, text: int, size: int) -> int:
            return self._watch.guard(lambda: parts.append(string_at(text, size)))

        self._run(capi.bl_text_fn(take), _LISTENS)
        return b"".join(parts).decode("utf-8", "replace")

    def pieces(self) -> Iterator[str]:
        """As it is written: each call of the library writes a piece, and the next continues where it ended, until one
        ends the reply."""
        parts: List[bytes] = []

        def take(user: object, text: int, size: int) -> int:
            self._watch.guard(lambda: parts.append(string_at(text, size)))
            return 1

        fn = capi.bl_text_fn(take)
        ended = False
        while self._left > 0 and not ended:
            with self._options.shared() as o:
                call(capi.bl_options_set, o, b"max_tokens", b"%d" % self._left)
            try:
                self._run(fn, _SHOWS)
                ended = True
            except Interrupted:
                pass
            piece = b"".join(parts).decode("utf-8", "replace")
            parts.clear()
            if piece:
                yield piece

    def tokens(self) -> Iterator[TokenEvent]:
        """Token by token, each drawn when it is asked for, with as little between two as can be (docs/SPEED.md)."""
        session, left, error = self._session, self._left, capi.bl_error()
        token = capi.bl_token_event(size=ctypes.sizeof(capi.bl_token_event))
        result = capi.bl_generate_result(size=ctypes.sizeof(capi.bl_generate_result))
        handle: Optional[Handle] = None
        users: Dict[object, int] = {}
        arguments: Tuple[Any, ...] = ()
        made = TokenEvent._of
        begin_loop(self)
        try:
            self._begin(token, result)
            event = made(token)
            while event.id >= 0:
                yield event
                left -= 1
                if event.ends or event.stopped or left <= 0:
                    return
                if session._handle is not handle:  # at first, and after undo()
                    handle, users = session._handle, session._handle.users
                    arguments = (c_void_p(handle.anyhow()), None, c_size_t(0), None, c_size_t(0),
                                 c_void_p(self._options.anyhow()), byref(token), byref(result), byref(error))
                session._result = result
                if ending:
                    leave_at_the_end()
                try:  # handle.run(), written out
                    users[self] = -1
                    if handle.closed or len(users) > 1:
                        handle.refuse(self)
                    if ending:  # since it was looked, so that nobody waits for this call
                        leave_at_the_end()
                    status = _NEXT(*arguments)
                finally:
                    users.pop(self, None)
                    if handle.closed:
                        handle.settle()
                if status:
                    raise error_of(error)
                event = made(token)
        finally:
            end_loop(self)

    def at_work(self) -> bool:
        return self in self._session._handle.users

    def _begin(self, token: capi.bl_token_event, result: capi.bl_generate_result) -> None:
        """Reads the prompt and draws the first token."""
        text, ids = (self._prompt, None) if isinstance(self._prompt, bytes) else (None, self._prompt)
        try:
            with self._session._handle.alone() as s, self._options.shared() as o, Watch():
                call(capi.bl_generate_next, s, text, len(text or b""), ids, len(self._prompt), o, byref(token),
                     byref(result))
        finally:
            self._session._result = result


class _Room:
    """An array that logits are written to, and views of it."""

    __slots__ = ("buffer", "_all")

    def __init__(self, count: int) -> None:
        self.buffer: Any = (c_float * count)()
        self._all = _view(self.buffer) if _numpy() else None  # what arrays of numpy that are made of it refer to

    def seen(self) -> bool:
        """Does anybody look at it?"""
        count = getattr(sys, "getrefcount", None)
        if count is None:
            return True
        return bool(count(self.buffer if self._all is None else self._all) > 2)

    def view(self) -> Any:
        return _view(self.buffer) if self._all is None else self._all[:]


def _view(buffer: Any, shape: Optional[Tuple[int, ...]] = None) -> Any:
    """A read-only view of floats."""
    flat = memoryview(buffer).cast("B").cast("f").toreadonly()
    numpy = _numpy()
    if numpy is None:
        return flat if shape is None else memoryview(flat.cast("B")).cast("f", shape)
    array = numpy.frombuffer(flat, dtype=numpy.float32)
    return array if shape is None else array.reshape(shape)


def _numpy() -> Any:
    return sys.modules.get("numpy") or _imported_numpy()


@functools.lru_cache(maxsize=None)
def _imported_numpy() -> Any:
    """None without it, for which it is looked for once."""
    try:
        import numpy
    except ImportError:
        return None
    return numpy
