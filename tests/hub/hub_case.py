"""A case of hub_test.py: a cache of its own, a run of the probe, and what is to come of it."""
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

from hub_server import COMMIT

PROBE, BITLLAMA = sys.argv[1:3]
CONTENT = random.Random(1).randbytes(300_000)
scratch = tempfile.mkdtemp(prefix="bl-net-")
LONG = "100000"  # seconds: a time limit that nobody meets
cases, failures = [], []


class Cache:
    """An empty cache folder and an environment without any other setting."""

    def __init__(self):
        self.path = tempfile.mkdtemp(dir=scratch)
        self.folder = f"{self.path}/hub/datasets--o--n"

    def environment(self, hub, **more):
        clean = {k: v for k, v in os.environ.items()
                 if not k.startswith(("HF_", "SSL_")) and "CA_BUNDLE" not in k and not k.lower().endswith("_proxy")}
        clean.update(BITLLAMA_CACHE=self.path, HF_ENDPOINT=hub.url if hub else "http://127.0.0.1:1",
                     HOME=self.path, no_proxy="127.0.0.1,localhost")
        clean.update(more)
        return {k: v for k, v in clean.items() if v is not None}

    def start(self, hub, *arguments, repo="o/n", file="a.txt", limit=None, **environment):
        return subprocess.Popen([PROBE, repo, file, *map(str, arguments)], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=self.environment(hub, **environment),
                                preexec_fn=limit and (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))))

    def fetch(self, hub, *arguments, **how):
        process = self.start(hub, *arguments, **how)
        out, self.said = process.communicate(timeout=60)
        self.code = process.returncode
        self.file = out.strip()
        return self

    def blobs(self):
        return sorted(os.listdir(f"{self.folder}/blobs")) if os.path.isdir(f"{self.folder}/blobs") else []

    def incomplete(self, hub):
        return f"{self.folder}/blobs/{hub.digest}.incomplete"

    def leave(self, hub, content):
        os.makedirs(f"{self.folder}/blobs", exist_ok=True)
        with open(self.incomplete(hub), "wb") as f:
            f.write(content)


def case(function):
    """Runs it; a failed assertion is told with the case's name and the words of the last run."""
    cases.append(function.__name__)
    start = time.time()
    try:
        function()
    except Exception as e:  # also a failed assertion
        failures.append(function.__name__)
        print(f"FAILED {function.__name__}: {type(e).__name__} {e}")
    if time.time() - start > 3:
        print(f"({function.__name__}: {time.time() - start:.1f} s)")
    return function


def good(cache, content=CONTENT, file="a.txt"):
    assert cache.code == 0, (cache.code, cache.said)
    assert cache.file == f"{cache.folder}/snapshots/{COMMIT}/{file}", cache.file
    with open(cache.file, "rb") as f:
        assert f.read() == content
    assert not [b for b in cache.blobs() if b.endswith(".incomplete")], cache.blobs()


def bad(cache, code, *words):
    assert cache.code == code, (cache.code, cache.said)
    last = cache.said.strip().splitlines()[-1]
    assert last.startswith("error: "), cache.said
    for word in words:
        assert word in last, (word, last)
