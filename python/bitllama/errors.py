"""Exceptions of the library: one class for each of its statuses, each also what Python calls such an error."""

from __future__ import annotations

from typing import Dict, Type

from . import capi
from .results import Status

__all__ = ["BitLlamaError", "InvalidArgument", "NotFound", "BadData", "Unsupported", "InputOutputError", "OutOfMemory",
           "Busy", "NetworkError", "Diverged", "DeviceError", "Interrupted", "Closed"]


class BitLlamaError(Exception):
    """A failure that the library reports, in its words."""

    status: Status = Status.OK


class InvalidArgument(BitLlamaError, ValueError):
    """An argument or an option is wrong."""

    status = Status.INVAL


class NotFound(BitLlamaError, FileNotFoundError):
    """A file or folder is not there."""

    status = Status.NOENT


class BadData(BitLlamaError, ValueError):
    """A file or a text is damaged, or not of the kind that it should be."""

    status = Status.FORMAT


class Unsupported(BitLlamaError):
    """What the library cannot do, or was built without."""

    status = Status.UNSUPPORTED


class InputOutputError(BitLlamaError, OSError):
    """Reading or writing failed: a full disk, no permission."""

    status = Status.IO


class OutOfMemory(BitLlamaError, MemoryError):
    """There is not enough memory."""

    status = Status.NOMEM


class Busy(BitLlamaError):
    """Another thread, or the call whose callback this is, uses the object."""

    status = Status.BUSY


class NetworkError(BitLlamaError, ConnectionError):
    """A download failed."""

    status = Status.NETWORK


class Diverged(BitLlamaError):
    """Losses or gradients of training are no longer finite."""

    status = Status.DIVERGED


class DeviceError(BitLlamaError):
    """A device is not there or failed."""

    status = Status.DEVICE


class Interrupted(BitLlamaError):
    """A call was stopped, by a function of the caller's or by another thread."""

    status = Status.INTERRUPTED


class Closed(BitLlamaError, ValueError):
    """The object has been closed, and cannot be used any more."""

    status = Status.INVAL


_CLASSES: Dict[int, Type[BitLlamaError]] = {int(one.status): one for one in (
    InvalidArgument, NotFound, BadData, Unsupported, InputOutputError, OutOfMemory, Busy, NetworkError, Diverged,
    DeviceError, Interrupted)}


def error_of(error: capi.bl_error) -> BitLlamaError:
    """The exception for what a call has reported."""
    return _CLASSES.get(error.code, BitLlamaError)(error.message.decode("utf-8", "replace"))
