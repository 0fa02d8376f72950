#!/usr/bin/env python3
"""Writing and training by the command line, the Python package and transformers, in turn.

    python3 bench/python_speed.py build/bitllama [--torch PYTHON] [--rounds 5] [--tokens 6000] [--steps 8] [--preset micro]

Each way is a process of its own with one thread; its time for all tokens less its time for the first of them (or the first step), so
that starting and loading are not in it.  Prints rows of a table: tokens/s of processor time (by the least time of the rounds, the median), by
the least time of the clock, and how many times the command line's the first is.  PYTHON has torch and transformers, or that way is left out; it gets fewer tokens.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BATCH, CONTEXT = 8, 128

GENERATE = """
import sys, bitllama
model = bitllama.BitLlama.from_pretrained(sys.argv[1], device="cpu", threads=1)
how = dict(max_new_tokens=int(sys.argv[2]), ignore_eos=True, seed=1)
for _ in model.generate("Once", stream=True, **how) if sys.argv[3:] else [model.generate("Once", **how)]:
    pass
"""
TRAIN = """
import sys, bitllama
bitllama.train(sys.argv[1], sys.argv[2], preset=sys.argv[4], steps=int(sys.argv[3]), batch=%d, context=%d, threads=1, samples=False, precision="f32")
""" % (BATCH, CONTEXT)
TORCH = """
import os, sys
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")
import torch, bitllama.hf
from transformers import AutoModelForCausalLM, AutoTokenizer, logging
logging.disable_progress_bar()
torch.set_num_threads(1)
model = AutoModelForCausalLM.from_pretrained(sys.argv[2])
n = int(sys.argv[3])
if sys.argv[1] == "generate":
    ids = AutoTokenizer.from_pretrained(sys.argv[2])("<|endoftext|>Once", return_tensors="pt")
    model.eval().generate(**ids, max_new_tokens=n, min_new_tokens=n, do_sample=True, top_k=40)
else:
    step = torch.optim.AdamW(model.train().parameters(), lr=1e-4)
    for _ in range(n):
        ids = torch.randint(0, model.config.vocab_size, (%d, %d))
        model(ids, labels=ids).loss.backward()
        step.step()
        step.zero_grad()
""" % (BATCH, CONTEXT)


def spent(words):
    """Seconds of processor time and of the clock of a command."""
    environment = {**os.environ, "PYTHONPATH": os.path.join(ROOT, "python"), "OMP_NUM_THREADS": "1"}
    start = time.monotonic()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{words}: {said.decode(errors='replace')[-2000:]}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start


def compare(title, ways, units, rounds):
    """ways: {name: (words of a count, count)}; each counted has so many units, which are tokens."""
    times = {name: ([], []) for name in ways}
    for _ in range(rounds):
        for name, (words, count) in ways.items():
            for kept, n in zip(times[name], (count, 1)):
                kept.append(spent(words(n)))
    base = None

    def rate(name, of, which):
        whole, first = (of(one[which] for one in kept) for kept in times[name])
        return (ways[name][1] - 1) * units / (whole - first)

    print(f"\n| {title} | processor time, least | median | by the clock, least | beside the command line |\n|---|---|---|---|---|")
    for name in ways:
        least = rate(name, min, 0)
        base = base or least
        print(f"| {name} | {least:,.0f} | {rate(name, statistics.median, 0):,.0f} | {rate(name, min, 1):,.0f} | {least / base:.3f} |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--torch", help="a python with torch and transformers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=6000)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--preset", default="micro")
    o = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        data, run, packed, out = (os.path.join(work, name) for name in ("data", "run", "packed", "out"))
        small = ["--batch", str(BATCH), "--context", str(CONTEXT), "--threads", "1", "--no-samples", "--no-plot", "--precision", "f32", "--preset", o.preset]
        spent([o.program, "prepare", "tales", "--tales-bytes", "3000000", "--vocab-size", "4000", "--out", data])
        spent([o.program, "train", "--data", data, "--out", run, "--steps", "2", *small])
        spent([o.program, "export", "-m", run, "--out", packed, "--dtype", "bf16"])
        fresh = iter(f"{out}{i}" for i in range(10**6))
        write = {
            "`bitllama generate`": (lambda n: [o.program, "generate", "-m", packed, "-p", "Once", "--max-tokens", str(n), "--ignore-eos", "--seed", "1",
                                               "--threads", "1"], o.tokens),
            "`model.generate()`": (lambda n: [sys.executable, "-c", GENERATE, packed, str(n)], o.tokens),
            "`model.generate(stream=True)`": (lambda n: [sys.executable, "-c", GENERATE, packed, str(n), "stream"], o.tokens),
        }
        train = {
            "`bitllama train`": (lambda n: [o.program, "train", "--data", data, "--out", next(fresh), "--steps", str(n), *small], o.steps),
            "`bitllama.train()`": (lambda n: [sys.executable, "-c", TRAIN, data, next(fresh), str(n), o.preset], o.steps),
        }
        if o.torch:
            write["transformers, `generate()`"] = (lambda n: [o.torch, "-c", TORCH, "generate", packed, str(n)], max(o.tokens // 60, 2))
            train["transformers, `loss.backward()`, AdamW"] = (lambda n: [o.torch, "-c", TORCH, "train", run, str(n)], max(o.steps // 2, 2))
        compare(f"{o.preset}, tokens written a second", write, 1, o.rounds)
        compare(f"{o.preset}, tokens trained a second", train, BATCH * CONTEXT, o.rounds)


if __name__ == "__main__":
    main()
