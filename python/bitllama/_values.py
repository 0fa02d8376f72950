"""Values of Python as the library takes them: options, paths, texts and ids."""

from __future__ import annotations

import inspect
import operator
import os
from ctypes import c_int32
from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence, Tuple, TypeVar, Union

from . import capi
from ._calls import call, opened
from ._handles import Handle
from .options import TABLES, Option

Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Ids = Union[Sequence[int], "SupportsBuffer", Iterable[int]]
SupportsBuffer = Any  # numpy and torch arrays, array.array, memoryview
_KIND_OF: Dict[str, int] = {name: getattr(capi, "BL_OPTIONS_" + name) for name in TABLES}


def path_bytes(path: Path) -> bytes:
    """A path as the library takes it."""
    out = os.fsencode(path)
    if b"\0" in out:
        raise ValueError("a path with a zero byte: %r" % (path,))
    return out


def text_bytes(text: Union[str, bytes]) -> bytes:
    """A text in UTF-8."""
    if isinstance(text, str):
        return text.encode("utf-8")
    if isinstance(text, bytes):
        return text
    raise TypeError("a text must be str or bytes, not %s" % type(text).__name__)


def spans(texts: Sequence[bytes]) -> Any:
    """Texts as an array of pieces; they must outlive it."""
    return (capi.bl_span * len(texts))(*[capi.bl_span(text, len(text)) for text in texts])


def name_bytes(text: str) -> bytes:
    """A text that the library reads up to a 0."""
    out = text_bytes(text)
    if b"\0" in out:
        raise ValueError("a zero byte in %r" % (text,))
    return out


def ids_array(ids: Ids) -> Any:
    """Ids as an array of int32: of a sequence of integers, or of what has a buffer (numpy, array, memoryview)."""
    if isinstance(ids, (list, tuple, range)):
        return _checked(ids)
    try:
        view = memoryview(ids)  # type: ignore[arg-type]
    except TypeError:
        return _checked([operator.index(one) for one in ids])
    if view.ndim != 1:
        raise ValueError("ids of %d dimensions, expected one" % view.ndim)
    if view.format in ("i", "=i", "<i") and view.c_contiguous:
        return (c_int32 * len(view)).from_buffer_copy(view)
    return _checked([operator.index(one) for one in view.tolist()])


def _checked(ids: Sequence[int]) -> Any:
    array = (c_int32 * len(ids))(*ids)
    if len(ids) and (min(ids) < -(1 << 31) or max(ids) >= 1 << 31):  # ctypes would cut off the upper bits
        raise ValueError("an id past 32 bits: %d" % next(one for one in ids if not -(1 << 31) <= one < 1 << 31))
    return array


def as_text(value: object) -> str:
    """A value of an option as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "%d" % value if value.is_integer() else repr(value)
    if isinstance(value, (str, bytes, os.PathLike)):
        return os.fsdecode(value)
    index = getattr(value, "__index__", None)
    if index is not None:
        return str(operator.index(value))  # type: ignore[arg-type]
    number = getattr(value, "__float__", None)
    if number is not None:
        return as_text(float(value))  # type: ignore[arg-type]
    raise TypeError("an option cannot be %s: %r" % (type(value).__name__, value))


def options(kind: str, values: Mapping[str, object]) -> Handle:
    """A set of options of a kind, from what is not None."""
    handle = Handle("set of options", opened(capi.bl_options_open, _KIND_OF[kind]), capi.bl_options_close)
    with handle.shared() as pointer:
        _set(pointer, values)
    return handle


def shape(preset: object, file: Union[Path, None], values: Mapping[str, object]) -> Handle:
    """The options of a model: of a preset, over it those of a config.json, over these the values."""
    handle = options("CONFIG", {})
    with handle.shared() as pointer:
        call(capi.bl_options_preset, pointer, name_bytes(as_text(preset)))
        if file is not None:
            call(capi.bl_options_load, pointer, path_bytes(file))
        _set(pointer, values)
    return handle


def _set(pointer: int, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        if value is not None:
            call(capi.bl_options_set, pointer, name_bytes(name), name_bytes(as_text(value)))


def names_of(kind: str) -> List[str]:
    return [one.name for one in TABLES[kind]]


def split(where: str, values: Mapping[str, object], *kinds: str) -> List[Dict[str, object]]:
    """Keyword arguments by the table that has each; TypeError for one that none has."""
    out: List[Dict[str, object]] = [{} for _ in kinds]
    for name, value in values.items():
        for i, kind in enumerate(kinds):
            if name in names_of(kind):
                out[i][name] = value
                break
        else:
            raise TypeError("%s() got an unexpected keyword argument '%s'" % (where, name))
    return out


_F = TypeVar("_F", bound=Callable[..., Any])


def takes_options(*kinds: str, without: Tuple[str, ...] = ()) -> Callable[[_F], _F]:
    """Shows the options of tables in the signature and the docstring of a function that takes **options."""
    rows: List[Option] = [row for kind in kinds for row in TABLES[kind] if row.name not in without]

    def decorate(function: _F) -> _F:
        signature = inspect.signature(function)
        named = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        known = {one.name for one in named}
        more = [inspect.Parameter(row.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=row.type)
                for row in rows if row.name not in known]
        function.__signature__ = signature.replace(parameters=named + more)  # type: ignore[attr-defined]
        lines = ["    %s: %s%s" % (row.name, row.help, " (default %s)" % row.default if row.default else "")
                 for row in rows if row.name not in known]
        function.__doc__ = "%s\n\nOptions, as keywords; those that are None have their defaults:\n\n%s\n" % (
            inspect.cleandoc(function.__doc__ or ""), "\n".join(lines))
        return function

    return decorate
