"""What is made from the header: written anew it is the same, and a C program sees the same structs."""

import ctypes
import importlib.util
import os
import subprocess
import tempfile
import unittest

from bitllama import capi, options

from . import support

TOOLS = os.path.join(support.ROOT, "python", "tools")


def tool():
    spec = importlib.util.spec_from_file_location("generate", os.path.join(TOOLS, "generate.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@unittest.skipUnless(os.path.exists(TOOLS), "the tools are in the source tree only")
class Generated(unittest.TestCase):
    def test_files_are_what_the_header_says(self):
        for path, text in tool().made().items():
            with open(path, encoding="utf-8", newline="") as file:
                self.assertEqual(file.read(), text, "%s: run python/tools/generate.py" % path)

    def test_structs_lie_as_in_c(self):
        header = tool().header.read(os.path.join(support.ROOT, "include", "bitllama.h"))
        lines, expected = [], []
        for name, (fields, _) in header.structs.items():
            struct = getattr(capi, name)
            lines.append('printf("%s %%zu\\n", sizeof(%s));' % (name, name))
            expected.append("%s %d" % (name, ctypes.sizeof(struct)))
            for f in fields:
                lines.append('printf("%s.%s %%zu %%zu\\n", offsetof(%s, %s), sizeof((%s *)0)->%s);'
                             % (name, f.name, name, f.name, name, f.name))
                there = getattr(struct, f.name)
                expected.append("%s.%s %d %d" % (name, f.name, there.offset, there.size))
        for name, value in header.numbers.items():
            lines.append('printf("%s %%d\\n", (int)%s);' % (name, name))
            expected.append("%s %d" % (name, getattr(capi, name)))
        self.assertGreater(len(expected), 250)
        with tempfile.TemporaryDirectory() as folder:
            source, binary = os.path.join(folder, "layout.c"), os.path.join(folder, "layout")
            with open(source, "w", encoding="utf-8") as file:
                file.write("#include <bitllama.h>\n#include <stdio.h>\nint main(void)\n{\n%s\nreturn 0;\n}\n"
                           % "\n".join(lines))
            subprocess.run([support.COMPILER, "-std=c17", "-I", os.path.join(support.ROOT, "include"), source, "-o",
                            binary], check=True)
            printed = subprocess.run([binary], stdout=subprocess.PIPE, check=True).stdout.decode()
        self.assertEqual(printed.split("\n")[:-1], expected)

    def test_what_is_not_understood_is_refused(self):
        header = tool().header
        for text in ("typedef struct bl_x { int (*f)(void); } bl_x", "int bl_f", "typedef int bl_y[3]"):
            with self.assertRaises(ValueError):
                header.declare(header.Header(), text, "")
        with self.assertRaises(ValueError):
            header.members("int bits : 3;")


class Loaded(unittest.TestCase):
    def test_the_tables_of_options_are_those_of_the_library(self):
        kinds = {name: getattr(capi, "BL_OPTIONS_" + name) for name in options.TABLES}
        self.assertEqual(len(kinds), capi.BL_OPTIONS_KINDS)
        for name, kind in kinds.items():
            rows = [capi.bl_options_field(kind, i).contents for i in range(capi.bl_options_count(kind))]
            self.assertEqual([(row.name.decode(), row.fallback.decode(), row.help.decode()) for row in rows],
                             [(row.name, row.default, row.help) for row in options.TABLES[name]])

    def test_every_function_is_bound(self):
        self.assertGreater(len(capi.FUNCTIONS), 140)
        for name, (result, arguments, text) in capi.FUNCTIONS.items():
            function = getattr(capi, name)
            self.assertEqual((function.restype, tuple(function.argtypes)), (result, arguments), name)
            self.assertTrue(text, name)

    def test_enums_are_those_of_the_header(self):
        from bitllama.results import Status, TrainEventKind
        self.assertEqual(Status.NOENT, capi.BL_ENOENT)
        self.assertEqual(TrainEventKind.CHECKPOINT, capi.BL_TRAIN_CHECKPOINT)
        self.assertEqual(capi.bl_status_name(Status.NOENT), b"no such file")
