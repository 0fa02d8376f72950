"""Pull and push while an operation on files or an allocation fails, or the process is killed there.

  fault_test.py SHIM BITLLAMA [RUNS OF EACH KIND [malloc]]

Operations on files; by hand allocations, of which a few crash in OpenSSL 3.0 itself while that is set up.  Whatever happens, the program ends with a documented exit code, nothing half-done has a name, and the same
command then comes to the right end.
"""
import os
import random
import shutil
import sys

from hub_case import Cache, PROBE as SHIM, case, cases, failures, scratch
from repo_case import MADE, MODEL, files_of, fine, run
from repo_server import Hub

NAME = "bit-ttt/small"
RUNS = int(sys.argv[3]) if len(sys.argv) > 3 else 6
KINDS = [("malloc", "12")] if "malloc" in sys.argv[4:] else [("files", "before"), ("files", "after"), ("files", "5"), ("files", "28")]
shutil.copy(SHIM, f"{scratch}/shim.so")  # LD_PRELOAD is split at spaces and colons
draw = random.Random(1)
runs = 0


def named(folder):
    """Its files; a link that was on its way to its name is there, hidden, until the next pull."""
    return {n: c for n, c in files_of(folder).items() if not os.path.basename(n).startswith(".")}


def count_of(what, begin):
    """How many there are in a run without a fault; 0: nothing can be preloaded."""
    hub, cache, words = begin()
    with hub:
        told = f"{cache.path}/count"
        run(cache, hub, *words, HF_TOKEN="writer", LD_PRELOAD=f"{scratch}/shim.so", BL_FAULT_WHAT=what, BL_FAULT_COUNT=told)
    if not os.path.exists(told):  # a sanitizer's program ends at once
        return 0
    fine(cache)
    return int(open(told).read())


def sweep(begin, look):
    global runs
    for what, how in KINDS:
        count = count_of(what, begin)
        if not count and what == "files" and runs:
            continue  # a push writes none
        if not count:
            print("skipped: faults of pull and push (nothing can be preloaded into this program)")
            return
        for at in sorted(draw.sample(range(1, count + 1), min(RUNS * (3 if what == "malloc" else 1), count))):
            hub, cache, words = begin()
            with hub:
                run(cache, hub, *words, HF_TOKEN="writer", LD_PRELOAD=f"{scratch}/shim.so", BL_FAULT_WHAT=what, BL_FAULT_AT=str(at),
                    BL_FAULT_HOW=how)
                where = (what, how, at, cache.code, cache.said)
                assert cache.code in (0, 3, 4, 5) or (cache.code == -9 and how in ("before", "after")), where
                assert cache.code == 0 or cache.code == -9 or "error:" in cache.said, where
                assert "writer" not in cache.said and "Signature" not in cache.said, where
                look(hub, cache, where)
                out = fine(run(cache, hub, *words, HF_TOKEN="writer"))
                look(hub, cache, where, out)
                runs += 1


@case
def pull_with_faults():
    def begin():
        hub = Hub()
        hub.make(NAME, MODEL)
        return hub, Cache(), ["pull", NAME]

    def look(hub, cache, where, out=None):
        folder = f"{cache.path}/hub/models--bit-ttt--small"
        if out is not None:
            assert files_of(out.strip()) == MODEL, where
        if os.path.exists(f"{folder}/refs/main"):
            assert named(f"{folder}/snapshots/{open(f'{folder}/refs/main').read()}") == MODEL, where
        elif out is None and os.path.isdir(f"{folder}/snapshots"):
            there = {os.path.basename(n): c for n, c in files_of(f"{folder}/snapshots").items()}
            assert all(MODEL[n] == c for n, c in there.items() if n in MODEL), where
    sweep(begin, look)


@case
def push_with_faults():
    def begin():
        return Hub(part=40_000), Cache(), ["push", f"{MADE}/packed", NAME]

    def look(hub, cache, where, out=None):
        there = {n: c for n, c in hub.files(NAME).items() if n != ".gitattributes"} if NAME in hub.repos else {}
        assert there == MODEL or (not there and out is None), where
    sweep(begin, look)


shutil.rmtree(scratch)
print(f"{len(cases)} cases, {runs} runs, {len(failures)} failures")
sys.exit(1 if failures or not cases else 0 if runs else 77)
