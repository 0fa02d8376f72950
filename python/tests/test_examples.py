"""The programs of python/examples, as a newcomer runs them, with small sizes."""

import os
import re
import subprocess
import sys
import unittest

import bitllama

from . import support

EXAMPLES = os.path.join(support.ROOT, "python", "examples")


def run(name, *arguments, say=""):
    done = subprocess.run([sys.executable, os.path.join(EXAMPLES, name), *arguments], input=say.encode(),
                          cwd=support.place(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=dict(os.environ, PYTHONPATH=support.ABOVE, PYTHONIOENCODING="utf-8"))
    if done.returncode:
        raise AssertionError("%s: %s" % (name, done.stdout.decode()))
    return done.stdout.decode()


@unittest.skipUnless(os.path.isdir(EXAMPLES), "the examples are in the source tree only")
class Examples(unittest.TestCase):
    def test_own_text(self):
        text = os.path.join(support.place(), "my stories.txt")
        with open(text, "w", encoding="utf-8") as file:
            file.write("\n\n".join("%s It was day %d." % (support.TALE, day) for day in range(400)))
        arguments = [text, "--out", "mine", "--steps", "40", "--batch", "2", "--vocab-size", "300",
                     "--max-new-tokens", "9"]
        said = run("own_text.py", *arguments, say="Once upon a time\n\n")
        self.assertRegex(said, r"^\d+ documents, \d{4} tokens\n")
        losses = [float(one) for one in re.findall(r"step \d+: loss ([0-9.]+)", said)]
        self.assertEqual(len(losses), 2, said)
        self.assertLess(losses[1], 3)  # of 5.7 for guessing
        with bitllama.BitLlama.from_pretrained(os.path.join(support.place(), "mine", "run")) as model:
            read = len(model.tokenizer.encode("Once upon a time")) + 1  # after the token between texts
        places = [int(one) for one in re.findall(r"\[(\d+) tokens read and written\]", said)]
        self.assertEqual(len(places), 2, said)
        self.assertLessEqual(read, places[0])
        self.assertLess(places[0], places[1])
        self.assertLessEqual(places[1], read + 18)
        again = run("own_text.py", *arguments)  # what is there is used
        self.assertNotIn("documents", again)
        self.assertNotIn("loss", again)

    def test_memory(self):
        lesson = os.path.join(support.place(), "my lesson.txt")
        with open(lesson, "w", encoding="utf-8") as file:
            file.write("A wizard had three cats, and all of them could sing. " * 30)
        for arguments in ([support.run()], [support.run(), lesson]):
            said = run("memory.py", *arguments)
            rows = {}
            for line in said.splitlines():
                what, losses = re.fullmatch(r"(.*?)((?: +\d+\.\d{4})+)", line).groups()
                rows[re.sub(r"\d+", "N", what).strip()] = losses.split()
            fresh, reader = rows["before either has read it"]
            self.assertEqual(fresh, reader)
            still, taught = rows["one has read N tokens"]
            self.assertEqual(still, fresh)
            self.assertNotEqual(taught, fresh)
            branch, still = rows["a fork has read on"]
            self.assertNotEqual(branch, taught)
            self.assertEqual(still, taught)
            self.assertEqual(rows["loaded from N bytes"], [taught])
            self.assertEqual(rows["restarted"], [fresh])
            self.assertGreater(float(rows["the N heads have moved by a mean of"][0]), 0)
            self.assertEqual(len(rows["the model, by evaluate()"]), 1)


if __name__ == "__main__":
    unittest.main()
