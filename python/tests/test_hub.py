"""Models by their names on the Hub, from a server on this machine: downloaded, from the cache, with a broken network."""

import hashlib
import json
import os
import sys
import tempfile
import unittest

from . import support

SERVER = os.path.join(support.ROOT, "tests", "hub")
NAME = "bit-ttt/small"
UNSET = ("BITLLAMA_CACHE", "HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE")
CODE = """
import json, sys
import bitllama
try:
    model = bitllama.BitLlama.from_pretrained(sys.argv[1], **json.loads(sys.argv[2]))
    print(json.dumps([model.fingerprint(), model.generate("Once", temperature=0, max_new_tokens=20)]))
except bitllama.BitLlamaError as error:
    kinds = [kind.__name__ for kind in type(error).__mro__]
    print(json.dumps({"kinds": kinds[:kinds.index("Exception")], "words": str(error)}))
"""


@unittest.skipUnless(os.path.exists(SERVER), "the server is in the source tree only")
class OnTheHub(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        sys.path.insert(0, SERVER)
        try:
            from repo_server import Hub, breaking
            from shards import shards_of
        finally:
            sys.path.remove(SERVER)
        cls.files, cls.Hub, cls.breaking, cls.shards_of = {}, Hub, staticmethod(breaking), staticmethod(shards_of)
        with support.model() as model, tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder + "/packed", dtype="f32")
            cls.right = [model.fingerprint(), model.generate("Once", temperature=0, max_new_tokens=20)]
            for name in os.listdir(folder + "/packed"):
                with open(os.path.join(folder, "packed", name), "rb") as file:
                    cls.files[name] = file.read()
        cls.weights = cls.files["model.safetensors"]
        cls.digest = hashlib.sha256(cls.weights).hexdigest()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="Hub 本 ")
        self.addCleanup(folder.cleanup)
        self.home = folder.name

    def hub(self, **behaviour):
        hub = self.Hub(**behaviour)
        hub.make(NAME, self.files)
        self.addCleanup(hub.__exit__)
        return hub

    def said(self, endpoint, name=None, variables=(), **how):
        """What a Python of its own says of from_pretrained: [fingerprint, text], or kinds and words of the error."""
        given = {"HOME": self.home, "HF_ENDPOINT": endpoint, "no_proxy": "127.0.0.1,localhost", **dict.fromkeys(UNSET, ""),
                 **dict(variables)}
        code, out, errors = support.python(CODE, name or NAME, json.dumps(how), **given)
        self.assertEqual(code, 0, errors)
        self.warned = errors
        return json.loads(out)

    def refused(self, said, kinds, *words):
        self.assertIsInstance(said, dict, said)
        self.assertLessEqual(set(kinds), set(said["kinds"]), said)
        for word in words:
            self.assertIn(word, said["words"])

    def test_downloaded_and_then_offline(self):
        hub = self.hub()
        self.refused(self.said(hub.url, local_files_only=True), ["NetworkError", "OSError"], NAME, "not in the cache")
        self.refused(self.said(hub.url, variables={"HF_HUB_OFFLINE": "1"}), ["NetworkError"], "HF_HUB_OFFLINE")
        self.assertEqual(hub.log, [])
        self.assertEqual(self.said(hub.url), self.right)
        self.assertEqual(len(hub.asked("GET", "/large/" + self.digest)), 1)
        usual = os.path.join(self.home, ".cache", "huggingface", "hub", "models--bit-ttt--small")
        self.assertEqual(os.listdir(usual + "/snapshots"), [hub.repos[NAME]["refs"]["main"]])
        hub.log.clear()
        self.assertEqual(self.said(hub.url, local_files_only=True), self.right)
        self.assertEqual(self.said(hub.url, variables={"HF_HUB_OFFLINE": "1"}), self.right)
        self.assertEqual(hub.log, [])
        nobody = "http://127.0.0.1:1"
        quick = {"HF_HUB_ETAG_TIMEOUT": "1"}
        self.assertEqual(self.said(nobody, variables=quick), self.right)
        self.assertIn("the copy in the cache is taken", self.warned)
        self.refused(self.said(nobody, variables=quick, cache_dir=self.home + "/none"), ["NetworkError", "OSError"], "127.0.0.1:1")

    def test_weights_in_several_files(self):
        hub, files = self.hub(), {**self.files, **self.shards_of(self.weights, 3)}
        del files["model.safetensors"]
        hub.make("bit-ttt/parts", files)
        self.assertEqual(self.said(hub.url, "bit-ttt/parts"), self.right)
        self.assertEqual(self.said(hub.url, "bit-ttt/parts", local_files_only=True), self.right)
        hub.commit("bit-ttt/parts", "bad", {**files, "model.safetensors.index.json": b'{"weight_map": {"a": "../a.safetensors"}}'}, "bad")
        self.refused(self.said(hub.url, "bit-ttt/parts", revision="bad"), ["BadData", "ValueError"], "is no name of a safetensors file")

    def test_revisions_and_caches(self):
        hub = self.hub()
        first = hub.repos[NAME]["refs"]["main"]
        hub.commit(NAME, "v2", {**self.files, "README.md": b"# two\n"}, "second")
        other = os.path.join(self.home, "other")
        for revision in ("v2", first):
            self.assertEqual(self.said(hub.url, revision=revision, cache_dir=other), self.right)
        commits = {first, hub.repos[NAME]["refs"]["v2"]}
        self.assertEqual(set(os.listdir(other + "/models--bit-ttt--small/snapshots")), commits)
        self.assertEqual(os.listdir(self.home), ["other"])
        self.assertEqual(len(hub.asked("GET", "/large/")), 2 if len(self.files["tokenizer.json"]) > hub.large_from else 1)
        hub.log.clear()
        self.assertEqual(self.said(hub.url, NAME + "@" + first, cache_dir=other), self.right)
        self.assertEqual(hub.log, [])  # a commit that is there is not asked for
        self.refused(self.said(hub.url, revision="nothing"), ["NotFound", "FileNotFoundError"], "nothing", NAME)
        self.refused(self.said(hub.url, NAME + "@v2", revision="v1"), ["InvalidArgument", "ValueError"], "give one of both")
        self.refused(self.said(hub.url, "bit-ttt/none"), ["NotFound", "FileNotFoundError"], "bit-ttt/none")
        hub.make("bit-ttt/other", {"config.json": b'{"model_type": "llama"}', "model.safetensors": b"x" * 5000})
        self.refused(self.said(hub.url, "bit-ttt/other"), ["BitLlamaError"], "not a model of bitllama", "llama")

    def test_private(self):
        hub = self.hub()
        hub.repos[NAME]["private"] = True
        for how in ({}, {"token": "wrong"}):
            self.refused(self.said(hub.url, **how), ["NotFound"], "or a private one")
        hub.log.clear()
        self.assertEqual(self.said(hub.url, token="reader"), self.right)
        for _, path, headers, host, _ in hub.log:
            self.assertEqual(headers.get("Authorization"), "Bearer reader" if host == "127.0.0.1" else None, path)

    def test_connections_that_break(self):
        """The weights arrive in three parts, each from where the one before ended."""
        hub, size = self.hub(), len(self.weights)
        hub.hooks.append(self.breaking(self.weights, [size // 3, size // 3]))
        self.assertEqual(self.said(hub.url), self.right)
        ranges = [h.get("Range") for m, p, h, *_ in hub.log if m == "GET" and p.endswith(self.digest)]
        self.assertEqual(ranges, [None, "bytes=%d-" % (size // 3), "bytes=%d-" % (2 * (size // 3))])

    def test_contents_that_are_forged(self):
        """What has the right size and is not what was announced never gets its name."""
        hub = self.hub()

        def forged(h):
            if h.command != "GET" or not h.where.endswith(self.digest):
                return False
            h.answer(200, {"ETag": '"large"'}, b"y" * len(self.weights))
            return True
        hub.hooks.append(forged)
        self.refused(self.said(hub.url), ["NetworkError", "OSError"], "SHA-256")
        self.refused(self.said(hub.url, local_files_only=True), ["NetworkError"], "not in the cache")
        hub.hooks.clear()
        self.assertEqual(self.said(hub.url), self.right)
