"""Writes the modules of the package that say again what include/bitllama.h and src/format/options.h say.

    python3 python/tools/generate.py            writes them
    python3 python/tools/generate.py --check    says which differ, exit code 1
"""

import os
import re
import sys
import textwrap

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import header

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = os.path.join(ROOT, "python", "bitllama")
MADE = "Written by python/tools/generate.py: change the header, not this file."

# C types: of ctypes, and as a type checker sees them in a struct and as an argument or result.
PLAIN = {
    "void": ("None", "None"), "int": ("c_int", "int"), "unsigned": ("c_uint", "int"),
    "size_t": ("c_size_t", "int"), "uint64_t": ("c_uint64", "int"), "int64_t": ("c_int64", "int"),
    "int32_t": ("c_int32", "int"), "float": ("c_float", "float"), "double": ("c_double", "float"),
    "char": ("c_char", "bytes"), "unsigned char": ("c_ubyte", "int"),
}
COUNTS = {"corpora": "corpus_count", "layers": "layer_count", "folders": "folder_count",
          "plugins": "plugin_count", "levels": "level_count", "likeliest": "likeliest_count",
          "likeliest_log_probabilities": "likeliest_count"}
# Results made for every token: tuples of what one call reads of the struct, which is what costs the least.
OFTEN = ("bl_token_event",)
LETTERS = {"size_t": "N", "int": "i", "int32_t": "i", "uint64_t": "Q", "double": "d"}  # of the module struct


class Types:
    """How the types of a header look in Python."""

    def __init__(self, declared):
        self.h = declared

    def ctypes(self, ctype, array="", counted=False):
        """The expression for ctypes; a text with its length beside it is an address."""
        base, stars = ctype.replace("const ", "").rstrip("*"), ctype.count("*")
        if array:
            return "%s * %s" % (PLAIN[base][0], array)
        if base in self.h.enums:
            base = "int"
        if base in self.h.callbacks:
            return base
        if base in self.h.handles:
            return "c_void_p" if stars == 1 else "POINTER(c_void_p)"
        if base == "void" and stars:
            return "c_void_p"
        if base == "char" and stars:
            one = "c_void_p" if counted else "c_char_p"
            return one if stars == 1 else "POINTER(c_char_p)"
        name = PLAIN[base][0] if base in PLAIN else base
        return "POINTER(%s)" % name if stars else name

    def member(self, ctype, array="", counted=False):
        """What reading a member of a struct gives."""
        expression = self.ctypes(ctype, array, counted)
        if array:
            return "_Bytes" if ctype == "char" else "Array[%s]" % PLAIN[ctype][0]
        return self.python(expression, "_Pointer[%s]")

    def argument(self, ctype, array=""):
        expression = self.ctypes(ctype + "*" if array else ctype)
        if expression == "c_void_p":
            return "Address" if "void" in ctype else "Handle"
        if expression == "c_char_p":
            return "Text"
        if expression in self.h.callbacks:
            return "Any"
        return self.python(expression, "Ref[%s]")

    def python(self, expression, pointer):
        match = re.match(r"POINTER\((\w+)\)$", expression)
        if match:
            return pointer % match.group(1)
        if expression == "c_void_p":
            return "int | None"
        if expression == "c_char_p":
            return "_Bytes | None"
        return dict(PLAIN.values()).get(expression, expression)


def doc(text, indent):
    """A docstring, or nothing."""
    if not text:
        return ""
    text = text.replace("\\", "\\\\").replace('"""', "'''")
    text += " " if text.endswith('"') else ""
    lines = ("\n" + indent).join(text.split("\n"))
    return '%s"""%s"""\n' % (indent, re.sub(r"[ \t]+\n", "\n", lines))


def flat(text, width):
    return "\n".join(textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False))


def counted(fields, i):
    """Is it a text that the library gives, whose length is the next member or parameter?"""
    return (fields[0].name in ("size", "user") and fields[i].ctype == "const char*" and i + 1 < len(fields)
            and fields[i + 1].ctype == "size_t" and fields[i + 1].name == "bytes")


def capi(h, t):
    """The module for ctypes."""
    out = ['"""Data table: the functions, structs and constants of bitllama.h for ctypes.\n\n%s\n"""\n' % MADE]
    out.append("import ctypes\nfrom ctypes import (CFUNCTYPE, POINTER, c_char, c_char_p, c_double, c_float, c_int,"
               " c_int32,\n                    c_int64, c_size_t, c_ubyte, c_uint, c_uint64, c_void_p)\n")
    out.append("from . import _library\n")
    out.append("".join("%s = %d\n" % (name, value) for name, value in h.numbers.items()))
    callbacks, later = dict(h.callbacks), []

    def callback(name):
        result, fields, text = callbacks.pop(name)
        types = [t.ctypes(f.ctype, f.array, counted(fields, i)) for i, f in enumerate(fields)]
        out.append("%s = CFUNCTYPE(%s)\n" % (name, ", ".join([t.ctypes(result)] + types)))

    for name, (fields, text) in h.structs.items():
        lines = ["        (\"%s\", %s),\n" % (f.name, t.ctypes(f.ctype, f.array, counted(fields, i)))
                 for i, f in enumerate(fields)]
        out.append("\nclass %s(ctypes.Structure):\n%s    _fields_ = (\n%s    )\n"
                   % (name, doc(text, "    "), "".join(lines)))
    out.append("\n")
    for name in list(callbacks):
        callback(name)
    out.append("\n# name: (result, arguments, what it is)\nFUNCTIONS = {\n")
    for name, (result, fields, text) in h.functions.items():
        result = "c_void_p" if text_of_bytes(result, fields) else t.ctypes(result)
        types = [t.ctypes(f.ctype + "*" if f.array else f.ctype) for f in fields]
        body = text.replace("\\", "\\\\").replace('"""', "'''")
        out.append('    "%s": (%s, (%s), """%s"""),\n'
                   % (name, result, "".join(one + ", " for one in types).strip(), guarded(body)))
    out.append("}\n\n_library.bind(globals(), FUNCTIONS, BL_ABI)\n")
    return "".join(out)


def guarded(text):
    return text + " " if text.endswith('"') else text


def text_of_bytes(result, fields):
    """A text that a function gives with its length, which may hold zeros."""
    return result == "const char*" and any(f.name == "bytes" for f in fields)


def capi_stub(h, t):
    """The same for type checkers and editors."""
    out = ["# The functions, structs and constants of bitllama.h for ctypes, as type checkers see them.\n#\n# %s\n" % MADE]
    out.append("import ctypes\nfrom ctypes import Array, c_char, c_char_p, c_double, c_float, c_int, c_int32, "
               "c_int64, c_size_t, c_ubyte, c_uint, c_uint64, c_void_p, _CArgObject, _Pointer\n"
               "from typing import Any, Final, TypeVar\n\n_T = TypeVar(\"_T\", bound=ctypes._CData)\n"
               "_Bytes = bytes  # some structs have a member of that name\n"
               "Ref = Array[_T] | _Pointer[_T] | _CArgObject | None\n"
               "Handle = c_void_p | int | None\n"
               "Text = bytes | Array[c_char] | c_char_p | None\n"
               "Address = c_void_p | int | bytes | Array[Any] | _Pointer[Any] | _CArgObject | None\n\n")
    out.append("".join("%s: Final = %d\n" % one for one in h.numbers.items()))
    for name, (fields, text) in h.structs.items():
        out.append("\nclass %s(ctypes.Structure):\n%s" % (name, doc(text, "    ")))
        for i, f in enumerate(fields):
            out.append("    %s: %s\n%s" % (f.name, t.member(f.ctype, f.array, counted(fields, i)),
                                          doc(flat(f.doc, 90), "    ")))
    out.append("\nclass _Callback:\n    def __init__(self, function: Any = ...) -> None: ...\n")
    for name, (result, fields, text) in h.callbacks.items():
        out.append("\nclass %s(_Callback):%s" % (name, "\n" + doc(text, "    ") if text else " ...\n"))
    out.append("\nFUNCTIONS: dict[str, tuple[Any, tuple[Any, ...], str]]\n")
    for name, (result, fields, text) in h.functions.items():
        types = ["%s: %s" % (f.name, t.argument(f.ctype, f.array)) for f in fields]
        gives = "int | None" if text_of_bytes(result, fields) else t.member(result)
        body = doc(text, "    ")
        out.append("\ndef %s(%s) -> %s:%s" % (name, ", ".join(types), gives,
                                              "\n%s    ...\n" % body if body else " ...\n"))
    return "".join(out)


def camel(name):
    return "".join(part.capitalize() for part in name.replace("bl_", "", 1).split("_"))


def result_field(f, fields, i, h):
    """A member of a result in Python: its type and the expression that reads it; None: not there."""
    if f.name == "size" or f.name in COUNTS.values() or (i and counted(fields, i - 1)):
        return None
    at = "s.%s" % f.name
    base = f.ctype.replace("const ", "").rstrip("*")
    if f.name in COUNTS and "*" in f.ctype:
        count = "s.%s" % COUNTS[f.name]
        if base in h.structs:
            return "Tuple[%s, ...]" % camel(base), "tuple(%s._of(%s[i]) for i in range(%s))" % (camel(base), at, count)
        if base == "char":
            return "Tuple[str, ...]", "tuple(_text(%s[i]) for i in range(%s))" % (at, count)
        return "Tuple[%s, ...]" % PLAIN[base][1], "tuple(%s[:%s]) if %s else ()" % (at, count, count)
    if counted(fields, i):
        return "str", "_span(%s, s.%s)" % (at, fields[i + 1].name)
    if base == "char":
        return "str", "_text(%s)" % at
    if f.array:
        return "Tuple[int, ...]", "tuple(%s)" % at
    if base in h.enums:
        return camel(base), "%s(%s)" % (camel(base), at)
    if base == "int" and f.doc.startswith("1:"):
        return "bool", "bool(%s)" % at
    return PLAIN[base][1], at


def results(h):
    """What calls give, as dataclasses."""
    out = ['"""Data table: what calls of the library give, as dataclasses.\n\n%s\n"""\n\n' % MADE]
    out.append("from __future__ import annotations\n\nimport enum\nimport struct\nfrom ctypes import c_char\n"
               "from dataclasses import dataclass\nfrom typing import Any, NamedTuple, Optional, Tuple\n\nfrom . import capi\n\n"
               "_bytes_at: Any = (c_char * (1 << 30)).from_address  # bytes of a text, however many\n"
               "_tuple: Any = tuple.__new__  # of those that are made for every token, without functions of Python\n\n\n"
               "def _text(text: Optional[bytes]) -> str:\n    return (text or b\"\").decode(\"utf-8\", \"replace\")\n\n\n"
               "def _span(address: Optional[int], size: int) -> str:\n"
               "    return str(_bytes_at(address)[:size], \"utf-8\", \"replace\") if address and size else \"\"\n")
    for name, values in h.enums.items():
        names = [one for one, _ in values if not one.endswith("_KINDS")]
        start = len(os.path.commonprefix(names).rsplit("_", 1)[0]) + 1
        start = 4 if name == "bl_status" else start
        shown = [(one[start:] if one != "BL_OK" else "OK", value) for one, value in values if one in names]
        out.append("\n\nclass %s(enum.IntEnum):\n    \"\"\"%s of the header.\"\"\"\n\n%s" % (
            camel(name), name, "".join("    %s = %d\n" % one for one in shown)))
    for name, (fields, text) in h.structs.items():
        if fields[0].name != "size":
            continue
        shown = [(f, result_field(f, fields, i, h)) for i, f in enumerate(fields)]
        shown = [(f, one) for f, one in shown if one]
        tuples = name in OFTEN
        out.append("\n\n%s:\n%s\n" % (
            "class %s(NamedTuple)" % camel(name) if tuples else "@dataclass(frozen=True)\nclass %s" % camel(name),
            doc(text or "%s of the header." % name, "    ")))
        for f, (kind, _) in shown:
            out.append("    %s: %s\n%s" % (f.name, kind, doc(flat(f.doc, 92), "    ")))
        values = "".join("            %s,\n" % one for _, (_, one) in shown)
        if tuples:
            out.append(often(name, fields, values))
            continue
        out.append("\n    @classmethod\n    def _of(cls, s: capi.%s) -> %s:\n        return cls(\n%s        )\n" % (
            name, camel(name), values))
    return "".join(out)


def often(name, fields, values):
    """How a tuple is made of a struct."""
    letters = "".join("P" if "*" in f.ctype else LETTERS[f.ctype] for f in fields)
    read = {f.name: f.name if "*" not in f.ctype or counted(fields, i) else "s." + f.name for i, f in enumerate(fields)}
    values = re.sub(r"\bs\.(\w+)", lambda m: read[m.group(1)], values)
    values = re.sub(r"_span\((\w+), (\w+)\)", r'str(_bytes_at(\1)[:\2], "utf-8", "replace") if \2 else ""', values)
    names = [f.name if re.search(r"(?<![\w.])%s\b" % f.name, values) else "_" for f in fields]
    return ("\n    @classmethod\n    def _of(cls, s: capi.%s) -> %s:\n        (%s) = %s(s)\n        out: %s = _tuple(cls, (\n"
            "%s        ))\n        return out\n\n\n%s = struct.Struct(\"@%s\").unpack_from\n" % (
                name, camel(name), ",\n         ".join(textwrap.wrap(", ".join(names), 100)), "_" + name, camel(name),
                values, "_" + name, letters))


PYTHON_OF = {"size": "int", "real": "float", "flag": "bool", "text": "Union[str, PathLike[str]]"}


def option_type(option):
    if option.kind != "choice":
        return PYTHON_OF[option.kind]
    names = option.choices.split("|")
    literal = "Literal[%s]" % ", ".join('"%s"' % one for one in names if one not in ("true", "false"))
    return "Union[bool, %s]" % literal if "true" in names else literal


def options(tables):
    """The option tables: for type checkers, and for docstrings."""
    out = ['"""Data table: the options of the library, as the keyword arguments that they are here.\n\n'
           'Written by python/tools/generate.py: change src/format/options.h, not this file.\n"""\n\n'
           "from __future__ import annotations\n\nfrom os import PathLike\n"
           "from typing import Dict, Literal, NamedTuple, Tuple, TypedDict, Union\n\n\n"
           "class Option(NamedTuple):\n    \"\"\"A line of a table.\"\"\"\n\n    name: str\n    type: str\n"
           "    default: str\n    help: str\n"]
    for kind, rows in tables.items():
        out.append("\n\nclass %s(TypedDict, total=False):\n    \"\"\"BL_OPTIONS_%s.\"\"\"\n\n" % (kind.capitalize() + "Options", kind))
        for row in rows:
            text = "%s (default %s)" % (row.help, row.fallback) if row.fallback else row.help
            out.append("    %s: %s\n%s" % (row.name, option_type(row), doc(flat(text, 92), "    ")))
    out.append("\n\nTABLES: Dict[str, Tuple[Option, ...]] = {\n")
    for kind, rows in tables.items():
        out.append('    "%s": (\n%s    ),\n' % (kind, "".join(
            "        Option(%r, %r, %r, %r),\n" % (row.name, option_type(row), row.fallback, row.help) for row in rows)))
    out.append("}\n")
    return "".join(out)


def made():
    """All that is written: {path: text}."""
    h = header.read(os.path.join(ROOT, "include", "bitllama.h"))
    t, tables = Types(h), header.read_options(os.path.join(ROOT, "src", "format", "options.h"))
    return {os.path.join(PACKAGE, name): text for name, text in (
        ("capi.py", capi(h, t)), ("capi.pyi", capi_stub(h, t)),
        ("results.py", results(h)), ("options.py", options(tables)))}


def main(check):
    different = []
    for path, text in made().items():
        old = ""
        if os.path.exists(path):
            with open(path, encoding="utf-8", newline="") as file:
                old = file.read()
        if old == text:
            continue
        different.append(os.path.relpath(path, ROOT))
        if not check:
            with open(path, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
    for path in different:
        print("%s: %s" % (path, "not what the header says: run python/tools/generate.py" if check else "written"))
    return 1 if check and different else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
