#!/usr/bin/env python3
"""The Hub's cache and protocol against huggingface_hub's own client, over one server on this machine.

  hub_diff.py BITLLAMA

What one program has fetched the other reads offline; what one has sent the other fetches; and nothing that is
there already is sent a second time, whoever sent it.
"""
import os
import subprocess
import sys
import tempfile

BITLLAMA = os.path.abspath(sys.argv[1])
scratch = tempfile.mkdtemp(prefix="bl-hub-")
for name in list(os.environ):
    if name.startswith("HF_") or name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ.update(HF_HOME=f"{scratch}/home", HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1", HF_TOKEN="writer",
                  HF_HUB_DISABLE_PROGRESS_BARS="1", no_proxy="127.0.0.1,localhost")

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "hub"))
sys.argv = [sys.argv[0], "", BITLLAMA]
from repo_case import MADE, MODEL, OTHERS, files_of  # noqa: E402
from repo_server import Hub  # noqa: E402

hub = Hub()
os.environ["HF_ENDPOINT"] = hub.url
import huggingface_hub as hf  # noqa: E402  (reads these variables)

compared = 0


def ours(*words, **environment):
    done = subprocess.run([BITLLAMA, *words], capture_output=True, text=True, timeout=300,
                          env={**os.environ, **environment})
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout.strip()


def same(what, a, b):
    global compared
    assert a == b, f"{what}: {sorted(a) if isinstance(a, dict) else a} and {sorted(b) if isinstance(b, dict) else b}"
    compared += len(a) if isinstance(a, dict) else 1


for part in (None, 40_000):
    for kept in (hub.repos, hub.large, hub.parts):
        kept.clear()
    hub.part = part
    api = hf.HfApi(token="writer")
    parted = "parts" if part else "whole"
    cache = f"{scratch}/{parted}"

    # what we send, they fetch; they have nothing more to send
    ours("push", f"{MADE}/packed", "a/ours", "--private")
    theirs = api.snapshot_download("a/ours", cache_dir=f"{cache}/theirs")
    same("sent by us", {n: c for n, c in files_of(theirs).items() if n != ".gitattributes"}, MODEL)
    puts = len(hub.asked("PUT", ""))
    commit = api.upload_folder(folder_path=f"{MADE}/packed", repo_id="a/ours").oid
    same("nothing to send for them", (commit, len(hub.asked("PUT", ""))), (hub.repos["a/ours"]["refs"]["main"], puts))
    same("their commits", len(hub.repos["a/ours"]["commits"]), 2)

    # what they send, we fetch; we have nothing more to send
    api.create_repo("a/theirs")
    api.upload_folder(folder_path=f"{MADE}/packed", repo_id="a/theirs")
    folder = ours("pull", "a/theirs", "--cache-dir", f"{cache}/ours")
    same("sent by them", files_of(folder), MODEL)
    puts, commits = len(hub.asked("PUT", "")), len(hub.repos["a/theirs"]["commits"])
    ours("push", f"{MADE}/packed", "a/theirs")
    same("nothing to send for us", (len(hub.asked("PUT", "")), len(hub.repos["a/theirs"]["commits"])), (puts, commits))

    # one cache, filled by us and read by them without a request, and the other way round
    sha = hub.commit("a/theirs", "v1", {**MODEL, **OTHERS}, "more")
    for name, revision in (("a/theirs", "main"), ("a/theirs", "v1"), ("a/theirs", sha), ("a/ours", "main")):
        folder = ours("pull", f"{name}@{revision}", "--cache-dir", f"{cache}/one")
        hub.log.clear()
        found = hf.snapshot_download(name, revision=revision, cache_dir=f"{cache}/one", local_files_only=True)
        same(f"{name}@{revision} in our cache", os.path.realpath(found), os.path.realpath(folder))
        for file, content in MODEL.items():
            path = hf.hf_hub_download(name, file, revision=revision, cache_dir=f"{cache}/one", local_files_only=True)
            same(f"{file} in our cache", open(path, "rb").read(), content)
        found = api.snapshot_download(name, revision=revision, cache_dir=f"{cache}/two")
        requests = len(hub.log)
        folder = ours("pull", f"{name}@{revision}", "--cache-dir", f"{cache}/two", HF_HUB_OFFLINE="1")
        same(f"{name}@{revision} in their cache", os.path.realpath(folder), os.path.realpath(found))
        same("no request", len(hub.log), requests)
        same("files in their cache", {n: c for n, c in files_of(folder).items() if n in MODEL}, MODEL)

    # a cache of one continued by the other: nothing is fetched again
    hub.log.clear()
    api.snapshot_download("a/ours", cache_dir=f"{cache}/one")
    same("content fetched again", [p for p in hub.asked("GET", "/large/")], [])
    same("their scan of our cache", len(hf.scan_cache_dir(f"{cache}/one").warnings), 0)

    # as default, both look in one place
    ours("pull", "a/ours")
    same("the usual place", os.path.isdir(hf.constants.HF_HUB_CACHE + "/models--a--ours"), True)
    subprocess.run(["rm", "-r", hf.constants.HF_HUB_CACHE], check=True)

print(f"huggingface_hub {hf.__version__}: {compared} comparisons, 0 differences")
