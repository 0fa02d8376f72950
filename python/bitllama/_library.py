"""Finds libbitllama, loads it and binds its functions, or says in words why not."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any, Dict, List, Tuple

_SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"
_HERE = os.path.dirname(os.path.abspath(__file__))
_TREE = os.path.dirname(os.path.dirname(_HERE))


def candidates() -> List[str]:
    """Where the library may be; the first that is there is taken.  The last is a name for the system's loader.

    What BITLLAMA_LIBRARY names goes before all others: who sets it means it.
    """
    named = os.environ.get("BITLLAMA_LIBRARY")
    if named:
        return [named]
    places = [os.path.join(_HERE, "lib", "libbitllama" + _SUFFIX)]  # of a wheel
    if os.path.exists(os.path.join(_TREE, "include", "bitllama.h")):  # of a source tree
        places.append(os.path.join(_TREE, "build", "libbitllama" + _SUFFIX))
    return places + ["libbitllama.0.dylib" if sys.platform == "darwin" else "libbitllama.so.0"]


def find() -> str:
    """The path of the library, or its name where the system's loader has to find it."""
    places = candidates()
    for place in places:
        if os.path.exists(place):
            return place
    if os.environ.get("BITLLAMA_LIBRARY"):
        raise ImportError("bitllama: BITLLAMA_LIBRARY names %s, which is not there" % places[0])
    return places[-1]


def load(abi: int) -> ctypes.CDLL:
    """The library with this binary interface.  ImportError says what is wrong with another."""
    path = find()
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError("bitllama: the library cannot be loaded: %s; looked for %s. Install the wheel, build the tree, "
                          "or name the library in BITLLAMA_LIBRARY" % (error, ", ".join(candidates()))) from None
    try:
        found = library.bl_abi()
    except AttributeError:
        raise ImportError("bitllama: %s is not the library of Bit-Llama: it has no bl_abi()" % path) from None
    if found != abi:
        raise ImportError("bitllama: %s has the binary interface %d, and this package needs %d: they are of different "
                          "versions of Bit-Llama" % (path, found, abi))
    return library


def bind(names: Dict[str, Any], functions: Dict[str, Tuple[Any, Tuple[Any, ...], str]], abi: int) -> None:
    """Puts the functions of the library, with their types, into a module's names."""
    library = load(abi)
    for name, (result, arguments, text) in functions.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            library.bl_version.restype = ctypes.c_char_p
            raise ImportError("bitllama: %s, of version %s, has no %s(): this package needs a newer one"
                              % (find(), library.bl_version().decode(), name)) from None
        function.restype, function.argtypes, function.__doc__ = result, arguments, text
        names[name] = function
