"""Models by their names on the Hub, from a server on this machine: downloaded, from the cache, with a broken network."""

import os
import sys
import tempfile
import unittest

from . import support

SERVER = os.path.join(support.ROOT, "tests", "hub")
CODE = """
import sys
import bitllama
how = eval(sys.argv[2])
try:
    model = bitllama.BitLlama.from_pretrained(sys.argv[1], **how)
    print(model.fingerprint(), model.generate("Once", temperature=0, max_new_tokens=5) is not None)
except bitllama.BitLlamaError as error:
    print(type(error).__name__, error)
"""


@unittest.skipUnless(os.path.exists(SERVER), "the server is in the source tree only")
class OnTheHub(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        sys.path.insert(0, SERVER)
        try:
            from repo_server import Hub
        finally:
            sys.path.remove(SERVER)
        cls.files, cls.Hub = {}, Hub
        with support.model() as model, tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder + "/packed", dtype="f32")
            cls.fingerprint = model.fingerprint()
            for name in os.listdir(folder + "/packed"):
                with open(os.path.join(folder, "packed", name), "rb") as file:
                    cls.files[name] = file.read()

    def said(self, cache, endpoint, name, **how):
        code, out, errors = support.python(CODE, name, repr(how), BITLLAMA_CACHE=cache, HF_ENDPOINT=endpoint,
                                           HOME=cache, no_proxy="127.0.0.1,localhost", HF_TOKEN="", HF_HUB_OFFLINE="")
        self.assertEqual(code, 0, errors)
        return out.strip()

    def test_downloaded_and_then_offline(self):
        well = self.fingerprint + " True"
        with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as other, self.Hub() as hub:
            hub.make("bit-ttt/small", self.files)
            self.assertRegex(self.said(cache, hub.url, "bit-ttt/small", local_files_only=True),
                             "^(NotFound|NetworkError) .*bit-ttt/small")
            self.assertEqual(hub.log, [])
            self.assertEqual(self.said(cache, hub.url, "bit-ttt/small"), well)
            self.assertEqual(self.said(cache, hub.url, "bit-ttt/small", revision="main"), well)
            hub.log.clear()
            self.assertEqual(self.said(cache, hub.url, "bit-ttt/small", local_files_only=True), well)
            self.assertEqual(hub.log, [])
            self.assertEqual(self.said(cache, hub.url, "bit-ttt/small", cache_dir=other), well)
            self.assertTrue(os.listdir(other))
            self.assertTrue(self.said(cache, hub.url, "bit-ttt/none").startswith("NotFound"))
            self.assertTrue(self.said(cache, hub.url, "bit-ttt/small", revision="nothing").startswith("NotFound"))
        with tempfile.TemporaryDirectory() as cache:
            self.assertTrue(self.said(cache, "http://127.0.0.1:1", "bit-ttt/small").startswith("NetworkError"))

    def test_private(self):
        with tempfile.TemporaryDirectory() as cache, self.Hub() as hub:
            hub.make("bit-ttt/mine", self.files, private=True)
            self.assertNotIn("True", self.said(cache, hub.url, "bit-ttt/mine"))
            self.assertEqual(self.said(cache, hub.url, "bit-ttt/mine", token="reader"), self.fingerprint + " True")
