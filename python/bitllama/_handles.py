"""Handles of the library with their lifetimes: closed once, never in use, and refused afterwards."""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType
from typing import Callable, List, Optional, Type

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

    __slots__ = ("what", "_pointer", "_free", "_users", "_alone", "_closing", "__weakref__")

    def __init__(self, what: str, pointer: Optional[int], close: Callable[[Optional[int]], object]) -> None:
        self.what = what
        self._pointer = pointer
        self._users: List[int] = []  # the threads that use it
        self._alone = False
        self._closing = False
        self._free = weakref.finalize(self, close, pointer)
        self._free.atexit = False  # type: ignore[misc]  # the process ends: daemon threads may still compute

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
            if self._alone and threading.get_ident() not in self._users:
                raise Busy("the %s is in use by another thread" % self.what)
            return self._pointer or 0

    def anyhow(self) -> int:
        """The pointer, for the calls that every thread may make at any time."""
        with _LOCK:
            self._check()
            return self._pointer or 0

    def _check(self) -> None:
        if self._closing or not self._free.alive:
            raise Closed("the %s is closed" % self.what)

    def _take(self, alone: bool) -> int:
        with _LOCK:
            self._check()
            if self._alone or (alone and self._users):
                mine = threading.get_ident() in self._users
                raise Busy("the %s is in use by %s" % (
                    self.what, "the call whose callback this is" if mine else "another thread"))
            self._alone = alone
            self._users.append(threading.get_ident())
            return self._pointer or 0

    def _give(self) -> None:
        with _LOCK:
            self._users.remove(threading.get_ident())
            self._alone = False
            last = self._closing and not self._users
        if last:
            self._free()

    @property
    def closed(self) -> bool:
        return self._closing or not self._free.alive

    def close(self) -> None:
        """Frees it, now or when the calls that use it have returned.  Again: nothing."""
        with _LOCK:
            self._closing = True
            if self._users:
                return
        self._free()


class Use:
    """A handle in the hands of a call."""

    __slots__ = ("_handle", "_alone")

    def __init__(self, handle: Handle, alone: bool) -> None:
        self._handle = handle
        self._alone = alone

    def __enter__(self) -> int:
        return self._handle._take(self._alone)

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self._handle._give()
