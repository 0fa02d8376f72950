"""Lists of prompts, whose replies are written together, a token of each in one pass over the weights."""

from __future__ import annotations

import time
from ctypes import CFUNCTYPE, byref, c_int32, c_size_t, c_void_p, cast
from typing import TYPE_CHECKING, Any, Iterator, List, Optional, Sequence, Tuple, Union

from . import capi
from ._calls import Watch, call, opened
from ._handles import Handle
from ._values import ids_array
from .results import _bl_token_event, _span
from .session import Wanted

if TYPE_CHECKING:
    from .model import BitLlama

_MOST, _ROOM = 64, 1 << 30  # replies at a time unless the caller says, and bytes of their states
_ROWS = 64  # tokens of a pass, at least: prompts are read by as many at a time
_SHOWS = 1 / 30  # seconds from one piece of a stream to the next
_function: Any = capi.bl_batch_event
_EVENT = CFUNCTYPE(c_void_p, c_void_p, c_size_t)(cast(_function, c_void_p).value or 0)  # gives a plain address


class _Place:
    """A session of the batch, and the prompt whose reply it writes."""

    __slots__ = ("session", "which", "left", "parts", "ids", "options")

    def __init__(self, session: Handle) -> None:
        self.session = session
        self.which = 0
        self.left = 0
        self.parts: List[str] = []
        self.ids: Any = None  # of the prompt
        self.options: Optional[Handle] = None  # of its own, where it matters how many tokens are left


class Batch:
    """As many replies at a time as there are places; where one ends, the next prompt takes its place.

    Each is, to the byte, what the prompt alone would have got: a session of its own, with the same seed.
    """

    def __init__(self, model: BitLlama, prompts: Sequence[Union[str, bytes]], wanted: Wanted,
                 batch_size: Optional[int]) -> None:
        if batch_size is not None and batch_size < 1:
            raise ValueError("a batch_size of %d: it is 1 or more" % batch_size)
        self._model, self._prompts, self._wanted = model, prompts, wanted
        self._parts: List[List[str]] = [[] for _ in prompts]
        self._begun = 0  # of the prompts
        self._ended: List[int] = []  # since somebody looked
        self._places: List[_Place] = []
        self._special = wanted.value(b"special") == b"true"
        self._counts = wanted.constrained and wanted.value(b"finish") == b"true"
        self._last = wanted.copy(1)  # the options of a last token
        self._open(batch_size)

    def _open(self, batch_size: Optional[int]) -> None:
        first = self._session()
        with first.shared() as s:
            room = _ROOM // max(1, capi.bl_session_bytes(s))
        count = min(len(self._prompts), batch_size or max(1, min(_MOST, room)))
        with self._model._handle.shared() as m:
            pointer = opened(capi.bl_batch_open, m, max(count, _ROWS), None)
        self._batch = Handle("batch", pointer, capi.bl_batch_close)
        self._turns, self._ids = (capi.bl_batch_turn * count)(), (c_int32 * count)()
        self._options = (c_void_p * count)()
        for i in range(count):
            place = _Place(first if i == 0 else self._session())
            with self._batch.alone() as b, place.session.alone() as s:
                call(capi.bl_batch_join, b, s)
            self._places.append(place)
            self._begin(i)

    def _session(self) -> Handle:
        with self._model._handle.shared() as m:
            return Handle("session", opened(capi.bl_session_open, m, None), capi.bl_session_close)

    def close(self) -> None:
        self._batch.close()
        for place in self._places:
            place.session.close()
        self._places = []

    def _begin(self, i: int) -> None:
        """The next prompt, at place i."""
        place, turn = self._places[i], self._turns[i]
        place.which, self._begun = self._begun, self._begun + 1
        place.left = self._wanted.most
        place.parts = self._parts[place.which]
        place.options = self._wanted.copy(place.left) if self._counts else None
        words = self._model._required_tokenizer()
        place.ids = ids_array(words.encode(self._prompts[place.which], False, not self._special))
        with place.session.alone() as s:
            self._wanted.set(s)
            turn.session = s
        turn.ids, turn.count = place.ids, len(place.ids)
        self._choose(i)

    def _choose(self, i: int) -> None:
        """The options of the next token at place i."""
        place = self._places[i]
        if place.options is not None:
            with place.options.shared() as o:
                call(capi.bl_options_set, o, b"max_tokens", b"%d" % place.left)
        own = place.options or (self._last if place.left == 1 else self._wanted.options)
        self._options[i] = own.anyhow()

    def _end(self, i: int) -> None:
        """The reply at place i is over.  When no prompt is left, the last place becomes this one."""
        place = self._places[i]
        self._ended.append(place.which)
        if self._begun < len(self._prompts):
            with place.session.alone() as s:
                call(capi.bl_session_reset, s)
            self._begin(i)
            return
        place.session.close()
        last = self._places.pop()
        if last is not place:
            self._places[i] = last
            self._turns[i], self._options[i] = self._turns[len(self._places)], self._options[len(self._places)]

    def _step(self, batch: int) -> None:
        """A token of every reply."""
        call(capi.bl_batch_next, batch, self._turns, len(self._places), self._options, self._ids)
        event = capi.bl_token_event.from_address
        for i in range(len(self._places) - 1, -1, -1):
            place = self._places[i]
            _, _, ends, _, text, size, _, _, _, _, stopped = _bl_token_event(event(_EVENT(batch, i) or 0))
            if size:
                place.parts.append(_span(text, size))
            place.left -= 1
            if ends or stopped or not place.left:
                self._end(i)
                continue
            self._turns[i].count = 0  # the prompt was read
            if place.options is not None or place.left == 1:
                self._choose(i)

    def texts(self) -> List[str]:
        """All of them."""
        with self._batch.alone() as b, Watch() as watch:
            while self._places and not watch.stopped():
                self._step(b)
        return ["".join(parts) for parts in self._parts]

    def pieces(self) -> Iterator[Tuple[int, str]]:
        """What was written of which prompt, as it is written."""
        try:
            while self._places:
                until = time.monotonic() + _SHOWS
                with self._batch.alone() as b, Watch() as watch:
                    while self._places and not watch.stopped():
                        self._step(b)
                        if time.monotonic() >= until:
                            break
                ended, self._ended = self._ended, []
                for which in sorted({*ended, *(place.which for place in self._places)}):
                    piece = "".join(self._parts[which])
                    self._parts[which].clear()
                    if piece:
                        yield which, piece
        finally:
            self.close()
