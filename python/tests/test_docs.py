"""The code of docs/PYTHON.md, from top to bottom."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

from . import support

PAGE = os.path.join(support.ROOT, "docs", "PYTHON.md")


@unittest.skipUnless(os.path.exists(PAGE), "the page is in the source tree only")
class Page(unittest.TestCase):
    def test_every_snippet_runs(self):
        with open(PAGE, encoding="utf-8") as file:
            snippets = re.findall(r"```python\n(.*?)```", file.read(), re.S)
        self.assertGreater(len(snippets), 10)
        with tempfile.TemporaryDirectory(dir=support.place()) as folder:
            with open(os.path.join(folder, "stories.txt"), "w", encoding="utf-8") as file:
                for i in range(200):
                    file.write("Once upon a time there was a girl named Mia, who had %d cats.\n"
                               "A hero came, and then another.\n\n" % i)
            code = os.path.join(folder, "page.py")
            with open(code, "w", encoding="utf-8") as file:
                file.write("\n".join(snippets))
            done = subprocess.run([sys.executable, code], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  env=dict(os.environ, PYTHONPATH=support.ABOVE))
            said = done.stdout.decode()
            self.assertEqual(done.returncode, 0, said)
            self.assertIn("the model is closed", said)
