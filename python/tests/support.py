"""What the tests share: the program, a model that is trained once, and processes of their own."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile

import bitllama

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
ABOVE = os.path.dirname(os.path.dirname(os.path.abspath(bitllama.__file__)))
PROGRAM = os.environ.get("BITLLAMA_PROGRAM", os.path.join(ROOT, "build", "bitllama"))
COMPILER = os.environ.get("BITLLAMA_TEST_CC", "cc")
TALE = "Once upon a time there was a girl named Mia. "
TEMPLATE = """{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}
{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"""

_place = None


def place():
    """A folder for the tests of this process, with an odd name."""
    global _place
    if _place is None:
        above = tempfile.mkdtemp(prefix="bitllama-python-")
        atexit.register(shutil.rmtree, above, ignore_errors=True)
        _place = os.path.join(above, "Bücher 本 'x'")
        os.mkdir(_place)
    return _place


def program(*arguments, **how):
    """What the command line prints."""
    done = subprocess.run([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)
    if done.returncode:
        raise AssertionError("%s: exit code %d: %s" % (arguments, done.returncode, done.stderr.decode()))
    return done.stdout.decode()


def data():
    """A data folder of 100,000 bytes of tales."""
    folder = os.path.join(place(), "data")
    if not os.path.exists(folder):
        program("prepare", "tales", "--tales-bytes", "100000", "--vocab-size", "300", "--out", folder)
    return folder


SHAPE = dict(preset="tiny", hidden_size=64, intermediate_size=96, num_hidden_layers=2, batch=4, context=32, steps=20,
             samples=False, threads=2)


def run():
    """A run of a very small model over data()."""
    folder = os.path.join(place(), "run")
    if not os.path.exists(folder):
        flags = []
        for name, value in SHAPE.items():
            flags += ["--no-samples"] if name == "samples" else ["--" + name.replace("_", "-"), str(value)]
        program("train", "--data", data(), "--out", folder, *flags)
        with open(os.path.join(folder, "chat_template.jinja"), "w", encoding="utf-8") as file:
            file.write(TEMPLATE)
    return folder


def model():
    return bitllama.BitLlama.from_pretrained(run())


def python(code, *arguments, **variables):
    """Runs code in a process of its own; gives exit code, output and errors."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=dict(os.environ, PYTHONPATH=ABOVE, **variables), cwd=place(), timeout=600)
    return done.returncode, done.stdout.decode(), done.stderr.decode()
