"""Handles of the library with their lifetimes: closed once, never in use, and refused afterwards."""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType
from typing import Callable, Dict, Optional, Type

from .errors import Busy, Closed

# One lock for the counts of all handles, held for a few instructions; a finaliser may run while it is held.
_LOCK = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


class Handle:
    """An open thing of the library.

    A call takes it for its duration, alone or beside others, so that no other thread closes it meanwhile: a handle
    that is closed while in use is freed when the last call has returned.  One that nobody refers to is freed, too.
    """

    __slots__ = ("what", "_pointer", "_free", "users", "closed", "__weakref__")

    def __init__(self, what: str, pointer: Optional[int], close: Callable[[Optional[int]], object]) -> None:
        self.what = what
        self._pointer = pointer
        self.users: Dict[object, int] = {}  # each call that uses it, and its thread; -1 - thread: it has it alone
        self.closed = False
        self._free = weakref.finalize(self, close, pointer)
        self._free.atexit = False  # type: ignore[misc]  # the process ends: daemon threads may still compute

    @property
    def _alone(self) -> bool:
        return any(thread < 0 for thread in list(self.users.values()))

    def shared(self) -> Use:
        """Takes it beside others."""
        return Use(self, False)

    def alone(self) -> Use:
        """Takes it, unless somebody else has: then it is Busy."""
        return Use(self, True)

    def peek(self) -> int:
        """The pointer, for the few calls that a callback may make while its own thread has the handle."""
        with _LOCK:
            self._check()
            if self._alone and -1 - threading.get_ident() not in self.users.values():
                raise Busy("the %s is in use by another thread" % self.what)
            return self._pointer or 0

    def anyhow(self) -> int:
        """The pointer, for the calls that every thread may make at any time."""
        with _LOCK:
            self._check()
            return self._pointer or 0

    def _check(self) -> None:
        if self.closed:
            raise Closed("the %s is closed" % self.what)

    def take(self, use: object, alone: bool) -> int:
        """The pointer for a call that uses it; give() in any case, also after a failure."""
        with _LOCK:
            self._check()
            if self.users and (alone or self._alone):
                self.refuse()
            me = threading.get_ident()
            self.users[use] = -1 - me if alone else me
            return self._pointer or 0

    def run(self, function: Callable[..., int], *arguments: object) -> int:
        """Has it alone for one call of the library that calls nobody back: what is done for every token takes this way,
        which is short (docs/SPEED.md), and that no signal can cut off in its middle."""
        use = object()
        try:
            self.users[use] = -1  # of no thread
            if self.closed or len(self.users) > 1:
                self.refuse(use)
            return function(*arguments)
        finally:  # whose first call cannot be interrupted
            self.users.pop(use, None)
            if self.closed:
                self.settle()

    def refuse(self, use: object = None) -> None:
        """Says why it cannot be used, beside a use that was to begin."""
        self.users.pop(use, None)
        self._check()
        me = threading.get_ident()
        mine = any(thread in (me, -1 - me) for thread in list(self.users.values()))
        raise Busy("the %s is in use by %s" % (
            self.what, "the call whose callback this is" if mine else "another thread"))

    def give(self, use: object) -> None:
        self.users.pop(use, None)
        if self.closed:
            self.settle()

    def settle(self) -> None:
        """Frees what was closed while it was in use, when nobody uses it any more."""
        with _LOCK:
            last = not self.users
        if last:
            self._free()

    def close(self) -> None:
        """Frees it, now or when the calls that use it have returned.  Again: nothing."""
        self.closed = True
        self.settle()


class Use:
    """A handle in the hands of a call."""

    __slots__ = ("_handle", "_alone")

    def __init__(self, handle: Handle, alone: bool) -> None:
        self._handle = handle
        self._alone = alone

    def __enter__(self) -> int:
        try:
            return self._handle.take(self, self._alone)
        except BaseException:  # of a handler of a signal, after it was taken
            self._handle.give(self)
            raise

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._handle.give(self)
