"""Reads include/bitllama.h, and the tables of src/format/options.h, which have a regular form.

Not a parser of C: what the header does not do (bit fields, unions, function pointers in structs,
nested structs) is refused by an error, so that a new form is noticed and not misread.
"""

import ast
import re


class Field:
    """A member of a struct or a parameter: its C type without the name, and what is said of it."""

    def __init__(self, name, ctype, array, doc=""):
        self.name, self.ctype, self.array, self.doc = name, ctype, array, doc


class Header:
    """What the header declares, in its order."""

    def __init__(self):
        self.numbers = {}  # macros and unnamed enums: name -> value
        self.enums = {}  # name -> [(name, value)]
        self.structs = {}  # name -> ([Field], doc)
        self.handles = []  # incomplete types
        self.callbacks = {}  # name -> (result, [Field], doc)
        self.functions = {}  # name -> (result, [Field], doc)


def words(comment):
    """The text of a comment, without its stars."""
    text = re.sub(r"^/\*+|\*+/$", "", comment.strip())
    return "\n".join(re.sub(r"^\s*\* {0,2}", "", line).rstrip() for line in text.split("\n")).strip()


def arguments(text):
    """Splits at commas outside of quotes and parentheses."""
    parts = re.findall(r'(?:"(?:[^"\\]|\\.)*"|\([^()]*\)|[^,()"])+', text)
    return [part.strip() for part in parts]


def string(text):
    """A C string literal, or several beside each other."""
    return "".join(ast.literal_eval(one) for one in re.findall(r'"(?:[^"\\]|\\.)*"', text))


def rows(text, name):
    """The lines X(...) of a list macro; a list in a list is left as its name."""
    body = re.search(r"#define %s\(X\)((?:.*\\\n)*.*)" % name, text).group(1).replace("\\\n", "\n")
    found = re.findall(r'X\(((?:"(?:[^"\\]|\\.)*"|[^()"]|\([^()]*\))*)\)|(\w+)\(X\)', body)
    return [other if other else arguments(row) for row, other in found]


def expand(text):
    """Puts the lists in the place of their uses: #define X(...) body / LIST(X) / #undef X."""
    def use(match):
        names, body = [one.strip() for one in match.group(1).split(",")], match.group(2)
        out = []
        for row in rows(text, match.group(3)):
            values = dict(zip(names, row))
            line = re.sub(r"\b\w+\b", lambda word: values.get(word.group(), word.group()), body)
            help_text = string(row[-1]) if row[-1].startswith('"') else ""
            out.append("%s /* %s */" % (line, help_text) if line.endswith(";") else line)
        return "\n".join(out)

    text = re.sub(r"#define X\(([^)]*)\) (.*)\n\s*(\w+)\(X\)\n#undef X", use, text)
    text = re.sub(r"#define \w+\(X\)(?:.*\\\n)*.*", "", text)
    return re.sub(r"^#(?!define BL_\w+ +\d+$).*$", "", text, flags=re.M)


def field(text, doc=""):
    """One declarator: "const char *name", "uint64_t top[4]"."""
    match = re.match(r"^(.*?[\s*])(\w+)((?:\[\w*\])?)$", " ".join(text.split()))
    if not match or "(" in text or ":" in text:
        raise ValueError("not understood: %r" % text)
    ctype = re.sub(r"\s*\*\s*", "*", match.group(1)).replace("*const*", "**").strip()
    return Field(match.group(2), ctype, match.group(3).strip("[]"), doc)


def members(body):
    """The members of a struct, with the comment that follows or precedes each."""
    out, ahead = [], ""
    parts = re.findall(r"(/\*.*?\*/)|([^;/]+(?:/\*.*?\*/[^;/]*)*);([ \t]*/\*.*?\*/|\s*\n\s+/\* .*?\*/(?=\s*$))?",
                       body, re.S)
    for before, declaration, behind in parts:
        if before:
            ahead = words(before)
            continue
        inner = " ".join(words(c) for c in re.findall(r"/\*.*?\*/", declaration, re.S))
        declaration = re.sub(r"/\*.*?\*/", " ", declaration, flags=re.S)
        doc = " ".join((words(behind) or inner or ahead).split())
        first, *more = [one.strip() for one in declaration.split(",")]
        fields = [field(first, doc)]
        base = re.match(r"((?:const )?\w*)", first).group(1)
        fields += [field(base + " " + one, doc) for one in more]
        out += fields
        ahead = ""
    return out


def parameters(text):
    text = " ".join(re.sub(r"/\*.*?\*/", "", text, flags=re.S).split())
    return [] if text == "void" else [field(one) for one in text.split(",")]


def value_of(text, numbers):
    """An integer constant of the header: digits, names that were there before, shifts, ors."""
    text = re.sub(r"\b[A-Z_]\w*\b", lambda word: str(numbers[word.group()]), text.strip())
    if not re.fullmatch(r"[-0-9x<| ()]+", text):
        raise ValueError("not a constant: %r" % text)
    return eval(text, {"__builtins__": {}})  # digits and operators alone


def enumerators(body, numbers):
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    out, following = [], 0
    for one in filter(None, (part.strip() for part in body.split(","))):
        name, _, value = one.partition("=")
        following = value_of(value, dict(numbers, **dict(out))) if value.strip() else following
        out.append((name.strip(), following))
        following += 1
    return out


def declare(header, text, doc):
    """Takes in one declaration, which ended in a semicolon."""
    text = text.strip()
    match = re.match(r"^(?:typedef )?enum\s*(\w*)\s*{(.*)}\s*(\w*)$", text, re.S)
    if match:
        found = enumerators(match.group(2), header.numbers)
        if match.group(1):
            header.enums[match.group(1)] = found
        header.numbers.update(found)
        return
    match = re.match(r"^typedef struct (\w+)\s*{(.*)}\s*\w+$", text, re.S)
    if match:
        header.structs[match.group(1)] = (members(match.group(2)), doc)
        return
    match = re.match(r"^typedef struct (\w+) \1$", text)
    if match:
        header.handles.append(match.group(1))
        return
    match = re.match(r"^(BL_API|typedef) (.*?)(\w+)\((.*)\)$", text, re.S)
    if not match:
        raise ValueError("not understood: %r" % text)
    result = re.sub(r"\s*\*\s*", "*", match.group(2)).strip()
    kind = header.functions if match.group(1) == "BL_API" else header.callbacks
    kind[match.group(3)] = (result, parameters(match.group(4)), doc)


def read(path):
    """The declarations of the header at path."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text = expand(text[text.index("#define BL_VERSION_NUMBER"):].split("#ifdef __cplusplus\n}")[0])
    header = Header()
    for name, number in re.findall(r"^#define (BL_\w+) +(\d+)$", text, re.M):
        header.numbers[name] = int(number)
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    doc, at = "", 0
    while True:
        match = re.compile(r"\s*(/\*.*?\*/|$)|\s*([^/;{]*(?:{(?:[^{}/]|/\*.*?\*/)*})?(?:[^/;{]|/\*.*?\*/)*);", re.S).match(text, at)
        if not match:
            raise ValueError("not understood: %r" % text[at:at + 200])
        if "\n\n" in match.group(0)[:len(match.group(0)) - len(match.group(0).lstrip())]:
            doc = ""
        if match.group(2) is None and not match.group(1):
            return header
        if match.group(1):
            doc = words(match.group(1))
        else:
            declare(header, match.group(2), doc)
        at = match.end()


class Option:
    """A line of an option table."""

    def __init__(self, kind, name, fallback, choices, help_text):
        self.kind, self.name, self.fallback, self.choices, self.help = kind, name, fallback, choices, help_text


def read_options(path):
    """The tables of src/format/options.h: {"CONFIG": [Option], ...}."""
    with open(path, encoding="utf-8") as file:
        text = file.read()

    def table(macro):
        out = []
        for row in rows(text, macro):
            if isinstance(row, str):
                out += table(row)
                continue
            kind, name, fallback, _, _, choices, help_text = row
            out.append(Option(kind, name, string(fallback), string(choices) if choices != "NULL" else "",
                              string(help_text)))
        return out

    return {macro: table("BL_%s_FIELDS" % macro) for macro in re.findall(r"#define BL_(\w+)_FIELDS\(X\)", text)}
