"""Calls of the library: failures become exceptions, and Ctrl-C and callbacks that raise end long ones."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
import time
from ctypes import byref, c_size_t, c_void_p, create_string_buffer
from types import FrameType, TracebackType
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Tuple, Type

from . import capi
from .errors import error_of
from .results import LogLevel

Progress = Callable[[str, int, int, str], object]
"""progress(stage, done, total, unit) of a long call: total is 0 while it is unknown.  To stop the call, raise."""


def call(function: Any, *arguments: Any) -> None:
    """Calls what returns a status and takes a bl_error last."""
    error = capi.bl_error()
    if function(*arguments, byref(error)):
        raise error_of(error)


def opened(function: Any, *arguments: Any) -> Optional[int]:
    """The same of what opens a handle, its first argument."""
    pointer = c_void_p()
    call(function, byref(pointer), *arguments)
    return pointer.value


def text_of(function: Any, *arguments: Any, room: int = 1024, behind: Sequence[Any] = ()) -> bytes:
    """The same of what writes a text: (..., text, cap, &bytes, behind..., err)."""
    size = c_size_t()
    while True:
        buffer = create_string_buffer(room)
        call(function, *arguments, buffer, room, byref(size), *behind)
        if size.value < room:  # with room for a 0
            return buffer.raw[:size.value]
        room = size.value + 1


# ---- messages ----

_LEVELS = {LogLevel.DEBUG: logging.DEBUG, LogLevel.INFO: logging.INFO, LogLevel.WARNING: logging.WARNING}


def _log(user: object, level: int, line: bytes) -> None:
    logging.getLogger("bitllama").log(_LEVELS.get(LogLevel(level), logging.WARNING), "%s",
                                      line.decode("utf-8", "replace"))


_LOG = capi.bl_log_fn(_log)
capi.bl_log_to(_LOG, None)
atexit.register(capi.bl_log_to, capi.bl_log_fn(), None)


# ---- interruption ----


class _Local(threading.local):
    def __init__(self) -> None:
        self.watches: List[Watch] = []


_local = _Local()
# Python runs its handlers of signals anywhere between two bytecodes of the main thread: also where a callback has
# not reached its "try" yet, and an exception of the handler would be lost in C.  So while a call is watched, those that
# may raise are replaced by one that takes notes, and run where they can be listened to.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM") if hasattr(signal, name))
_handlers: Dict[int, Callable[[int, Optional[FrameType]], object]] = {}
_pending: List[Tuple[int, Optional[FrameType]]] = []


def _note(number: int, frame: Optional[FrameType]) -> None:
    _pending.append((number, frame))


# A callback that comes when Python is gone is the end of the process, and daemon threads go on while Python goes: so at
# the end their calls are told to stop, and are waited for.
_others: Set[Any] = set()  # of threads other than the main one: each says whether it is at_work()
ending: List[bool] = []  # not empty: for loops that look between their calls
_PATIENCE = 10.0  # seconds; what does not call back that long will hardly do so in the last moment


def _end() -> None:
    ending.append(True)
    until = time.monotonic() + _PATIENCE
    while any(one.at_work() for one in list(_others)) and time.monotonic() < until:
        time.sleep(0.001)


def begin_loop(loop: Any) -> None:
    """Of calls without a Watch, which are waited for, too."""
    _others.add(loop)


def end_loop(loop: Any) -> None:
    _others.discard(loop)


def leave_at_the_end() -> None:
    """For a loop that sees the end of the process."""
    if threading.current_thread() is not threading.main_thread():
        raise SystemExit


atexit.register(_end)
os.register_at_fork(after_in_child=_others.clear)  # those threads are not in the child


class Watch:
    """Around a long call: its callbacks are watched, and what ended it is raised when it has returned.

    A call of C has no bytecodes, so that Ctrl-C would wait for its end; but the library calls us back now and then, in
    progress functions and with every token and step, and that is when signals are seen.
    """

    def __init__(self, progress: Optional[Progress] = None) -> None:
        self._progress = progress
        self._main = threading.current_thread() is threading.main_thread()
        self._installed: List[int] = []
        self.error: Optional[BaseException] = None

    def at_work(self) -> bool:
        return True

    def stopped(self) -> bool:
        """Must the call end?  Runs the handlers of signals that have come."""
        while _pending and self._main:
            try:
                number, frame = _pending.pop(0)
                _handlers[number](number, frame)
            except BaseException as error:
                self.error = self.error or error
        if ending and not self._main:
            self.error = self.error or SystemExit()
        return self.error is not None

    def guard(self, function: Callable[..., object], *arguments: object) -> int:
        """Calls a callback's body, for the callback: 0 to go on, 1 to stop."""
        try:
            function(*arguments)
        except BaseException as error:  # it may not leave through C
            self.error = self.error or error
        return 1 if self.stopped() else 0

    def __enter__(self) -> Watch:
        if not self._main:
            _others.add(self)
            if ending:
                _others.discard(self)
                raise SystemExit
        try:
            for number in _SIGNALS if self._main else ():
                handler = signal.getsignal(number)
                if callable(handler) and handler is not _note:
                    _handlers[number] = handler
                    self._installed.append(number)
                    signal.signal(number, _note)
            _local.watches.append(self)
        except BaseException:  # of a handler that is still in its place
            self._restore()
            raise
        if len(_local.watches) == 1:
            capi.bl_progress_to(_PROGRESS, None)
        return self

    def _restore(self) -> None:
        for number in reversed(self._installed):
            if signal.getsignal(number) is _note:  # unless a callback has set another
                signal.signal(number, _handlers[number])

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        _local.watches.remove(self)
        if not _local.watches:
            capi.bl_progress_to(_NOTHING, None)
        self._restore()
        _others.discard(self)  # last: the call before it lets other threads run
        if self.stopped() and self.error is not None:
            raise self.error from None


def _tell(user: object, stage: bytes, done: int, total: int, unit: bytes) -> int:
    try:
        watch = _local.watches[-1]
    except BaseException:  # nothing may leave through C
        return 1
    if watch._progress is None:
        return 1 if watch.stopped() else 0
    return watch.guard(watch._progress, stage.decode(), done, total, unit.decode())


_PROGRESS = capi.bl_progress_fn(_tell)
_NOTHING = capi.bl_progress_fn()


def progress_function() -> Any:
    """For functions that take one of their own; within a Watch."""
    return _PROGRESS
