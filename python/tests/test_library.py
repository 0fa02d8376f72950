"""Finding the library: the wrong one, none, one of another version, and the same package in other places."""

import os
import subprocess
import tempfile
import unittest

import bitllama
from bitllama import _library

from . import support

IMPORT = "import bitllama; print(bitllama.__version__)"


def shared_object(folder, text):
    """A library of one line of C."""
    source, library = os.path.join(folder, "other.c"), os.path.join(folder, "libother.so")
    with open(source, "w", encoding="utf-8") as file:
        file.write(text)
    subprocess.run([support.COMPILER, "-shared", "-fPIC", source, "-o", library], check=True)
    return library


class Library(unittest.TestCase):
    def refused(self, library, *words):
        code, out, errors = support.python(IMPORT, BITLLAMA_LIBRARY=library)
        self.assertEqual((code, out), (1, ""))
        last = errors.strip().split("\n")[-1]
        self.assertTrue(last.startswith("ImportError: bitllama: "), last)
        for word in words:
            self.assertIn(word, last)

    def test_none(self):
        self.refused("/nowhere/libbitllama.so", "BITLLAMA_LIBRARY names /nowhere/libbitllama.so, which is not there")

    def test_no_library_at_all(self):
        with tempfile.NamedTemporaryFile(suffix=".so") as file:
            file.write(b"not a library")
            file.flush()
            self.refused(file.name, "cannot be loaded", file.name)

    def test_the_library_of_somebody_else(self):
        with tempfile.TemporaryDirectory() as folder:
            self.refused(shared_object(folder, "int other(void) { return 1; }\n"), "is not the library of Bit-Llama")

    def test_another_binary_interface(self):
        with tempfile.TemporaryDirectory() as folder:
            self.refused(shared_object(folder, "int bl_abi(void) { return 99; }\n"),
                         "binary interface 99, and this package needs 1")

    def test_an_older_version(self):
        with tempfile.TemporaryDirectory() as folder:
            text = 'int bl_abi(void) { return 1; }\nconst char *bl_version(void) { return "0.0.1"; }\n'
            self.refused(shared_object(folder, text), "version 0.0.1", "needs a newer one")

    def test_named_by_the_variable(self):
        code, out, errors = support.python(IMPORT, BITLLAMA_LIBRARY=os.path.abspath(_library.find()))
        self.assertEqual((code, out.strip(), errors), (0, bitllama.__version__, ""))

    def test_nothing_is_printed_by_import_and_end(self):
        code, out, errors = support.python("import bitllama")
        self.assertEqual((code, out, errors), (0, "", ""))
