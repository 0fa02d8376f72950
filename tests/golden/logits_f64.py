"""Holds the program's logits against docs/MODEL.md in float64, for every variant, or exits with 1.

    pip install numpy safetensors
    python tests/golden/logits_f64.py --bitllama build/bitllama

First the float64 code proves itself: a chunk against plain gradient descent with numerical gradients
of the inner loss, and the dual form against the buffered one. Then each line of the table writes a
random model, picks a text on which no activation comes near a rounding tie (MODEL 2, "Comparing
implementations"), and runs the program on every device and SIMD level, latent and packed, in one
call and in pieces.
"""

import argparse
import dataclasses
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import types

import numpy as np
from safetensors.numpy import load_file

from bitllama_f64 import (Model, Reader, chunk_linear, chunk_mlp, gelu, standardise)
from f64_models import CASES, pack, random_tensors, write_model

MARGIN = 3e-4  # of an int8 step: float32 must make the same integers
BOUND = {True: 1e-9, False: 1e-10}  # NMSE, ternary and float weights
CANDIDATES = 24
SPLIT = "1,7,16"


# ---- the float64 code against itself ----

def inner_model(theta, k, layer):
    """k + LN(k W + b), or the MLP in its place, written down once more."""
    z = k @ theta[0] + theta[1]
    if len(theta) == 4:
        z = gelu(z) @ theta[2] + theta[3]
    return k + layer.gamma * standardise(z)[0] + layer.beta


def numerical_gradient(theta, k, v, layer):
    """Of 1/2 |inner model - v|^2 by every element of theta, for each row of k: arrays [n, ...]."""
    step, gradients = 1e-5, []
    for part in theta:
        gradient = np.zeros((k.shape[1], *part.shape))
        for at in np.ndindex(part.shape):
            kept, losses = part[at], []
            for part[at] in (kept + step, kept - step):
                losses.append(0.5 * ((inner_model(theta, k, layer) - v) ** 2).sum((0, 2)))
            part[at] = kept
            gradient[(slice(None), *at)] = (losses[0] - losses[1]) / (2 * step)
        gradients.append(gradient)
    return gradients


def descent_error(mlp, forgets):
    """Worst difference between a chunk and its definition: token t reads the inner model after its
    step tau[t] along the gradients of tokens 1 .. t, all of them taken at the chunk's start.  A head
    that forgets loses a share of its distance from the learned start, once the chunk is full."""
    rng, F, C = np.random.default_rng(5), 6, 5
    layer = types.SimpleNamespace(C=C, tau=rng.uniform(0.1, 1, C), gamma=1 + 0.2 * rng.standard_normal((1, 1, F)),
                                  beta=0.1 * rng.standard_normal((1, 1, F)))
    layer.answer = lambda q, zb: q + layer.gamma * standardise(zb)[0] + layer.beta
    M = 4 * F if mlp else F
    shapes = [(1, F, M), (1, 1, M)] + ([(1, M, F), (1, 1, F)] if mlp else [])
    theta, start = ([0.5 * rng.standard_normal(shape) for shape in shapes] for _ in range(2))
    rho = 0.8 if forgets else 1
    layer.kept = lambda state: [b + rho * (a - b) for a, b in zip(state, start)]
    q, k, v = rng.standard_normal((3, 1, C, F))
    lam = rng.uniform(0.05, 0.2, (1, C))
    o, after = (chunk_mlp if mlp else chunk_linear)(layer, theta, q, k, v, lam)
    gradients = numerical_gradient(theta, k, v, layer)
    worst = 0
    for t in range(C):
        now = [part - layer.tau[t] * np.tensordot(lam[0, :t + 1], gradient[:t + 1], 1)
               for part, gradient in zip(theta, gradients)]
        worst = max(worst, np.abs(inner_model(now, q[:, t:t + 1], layer) - o[:, t:t + 1]).max())
    now = [part - (1 - rho) * (was - first) for part, was, first in zip(now, theta, start)]
    return max([worst] + [np.abs(a - b).max() for a, b in zip(now, after)])


def pick_text(model, case, rng):
    """Token by token, the candidate that stays farthest from every tie: ids, their logits by the
    buffered form, the smallest distance."""
    reader, ids, logits, smallest = Reader(model), [], [], np.inf
    for _ in range(case.T):
        candidates = rng.choice(case.V, CANDIDATES, replace=False)
        found, distance = reader.look(candidates)
        best = int(np.argmax(distance))
        reader.keep(best)
        ids.append(int(candidates[best]))
        logits.append(found[best])
        smallest = min(smallest, distance[best])
    return ids, np.array(logits), smallest


def nmse(found, expected):
    """Of the token where it is worst."""
    return (((found - expected) ** 2).sum(1) / (expected**2).sum(1)).max()


def special(name, tensor):
    """The value at which a tensor would say nothing: 1 for norms and gammas, otherwise 0."""
    one = name.endswith("norm.weight") or name.endswith("ttt_norm_weight")
    return np.ones_like(tensor) if one else np.zeros_like(tensor)


def least_effect(model, ids, expected):
    """How much the logits move when one tensor at a time takes its special value: the least of all."""
    effects = {}
    for name, tensor in list(model.tensors.items()):
        model.tensors[name] = special(name, tensor)
        model.bind()
        effects[name] = nmse(model.logits(ids)[0], expected)
        model.tensors[name] = tensor
    model.bind()
    return min((effect, name) for name, effect in effects.items())


# ---- the program ----

class Program:
    def __init__(self, path, work):
        self.path, self.work, self.runs = os.path.abspath(path), work, 0
        self.levels = []

    def find_levels(self, folder):
        """The SIMD levels that this build has on this processor: a run at another is refused."""
        words = ["logits", "-m", folder, "--ids", "0", "-o", "out.npy"]
        self.levels = ["c"] + [level for level in ("avx2", "avx512", "amx", "neon", "dotprod", "i8mm") if not self.run(words, level).returncode]

    def run(self, words, level, threads=1):
        environment = dict(os.environ)
        environment.pop("BITLLAMA_CPU", None)
        if level:
            environment["BITLLAMA_CPU"] = level
        self.runs += 1
        return subprocess.run([self.path, *words, "--threads", str(threads)], cwd=self.work, env=environment, capture_output=True, text=True)

    def call(self, *words, level=None, threads=1):
        done = self.run(words, level, threads)
        if done.returncode:
            sys.exit(f"BITLLAMA_CPU={level} bitllama {' '.join(words)}: exit code {done.returncode}\n{done.stderr}")

    def logits(self, folder, ids, where, pieces):
        """Of one model folder at a place: a SIMD level, or "ref"."""
        words = ["logits", "-m", folder, "--ids", ",".join(map(str, ids)), "-o", "out.npy"]
        words += ["--device", "ref"] if where == "ref" else ["--device", "cpu"]
        words += ["--split", SPLIT] if pieces else []
        self.call(*words, level=None if where == "ref" else where, threads=3 if pieces else 1)
        return np.load(os.path.join(self.work, "out.npy"))


class Comparison:
    """What a line of the table collects: the worst NMSE and absolute error, and the failures in words."""

    def __init__(self, program, name):
        self.program, self.name, self.worst, self.absolute, self.failures = program, name, 0.0, 0.0, []

    def fail(self, what):
        self.failures.append(f"{self.name}: {what}")

    def same_bits(self, folders, ids, expected):
        """Every folder on every device, whole and in pieces: near float64, and the same bits at each place."""
        for where in self.program.levels + ["ref"]:
            first = None
            for folder, pieces in itertools.product(folders, (False, True)):
                found = self.program.logits(folder, ids, where, pieces)
                run = f"{folder}{', in pieces,' if pieces else ''} on {where}"
                if found.shape != expected.shape or not np.isfinite(found).all():
                    sys.exit(f"{self.name}: {run}: shape {found.shape}, or not finite")
                first = found if first is None else first
                if not np.array_equal(first.view(np.uint32), found.view(np.uint32)):
                    self.fail(f"{run}: other bits than {folders[0]}")
                self.worst = max(self.worst, nmse(found.astype(np.float64), expected))
                self.absolute = max(self.absolute, np.abs(found - expected).max())

    def packed(self, case, tensors):
        """Packs the model by the program and from docs/FORMATS.md: the folder of the first, after holding its
        tensors against the second's."""
        shutil.rmtree(os.path.join(self.program.work, "packed"), ignore_errors=True)
        self.program.call("export", "-m", "latent", "--out", "packed", "--dtype", "f32")
        config, expected = pack(case.config(), tensors, inverse=False)
        with open(os.path.join(self.program.work, "packed", "config.json"), encoding="utf-8") as file:
            written = json.load(file)["quantization_config"]
        if written != config["quantization_config"]:
            self.fail(f"export wrote {written}")
        found = load_file(os.path.join(self.program.work, "packed", "model.safetensors"))
        for name in sorted(expected.keys() | found.keys()):
            a, b = expected.get(name), found.get(name)
            if a is None or b is None or a.shape != b.shape or a.dtype != b.dtype or a.tobytes() != b.tobytes():
                self.fail(f"export: tensor {name} differs")
        return "packed"

    def older_scales(self, case, tensors, ids):
        """The older convention, weight_scale = 1 / g, is a model of its own: g may lose its last bit."""
        folder = os.path.join(self.program.work, "older")
        write_model(folder, *pack(case.config(), tensors, inverse=True))
        expected, distance = Model(folder).logits(ids)
        if distance.min() < MARGIN:
            self.fail(f"older scales: an activation comes within {distance.min():.1e} of a tie")
        self.same_bits(["older"], ids, expected)


def check_case(program, case, seed):
    """One line of the table; the failures."""
    line, tensors = Comparison(program, case.name), random_tensors(case, seed)
    folder, folders = os.path.join(program.work, "latent"), ["latent"]
    write_model(folder, case.config(), tensors)
    if not program.levels:
        program.find_levels("latent")
    model = Model(folder)
    ids, buffered, distance = pick_text(model, case, np.random.default_rng(seed))
    expected, _ = model.logits(ids)
    own = np.abs(buffered - expected).max() / np.abs(expected).max()
    effect, least = least_effect(model, ids, expected)
    if case.ternary and case.packs:
        folders.append(line.packed(case, tensors))
        line.older_scales(case, tensors, ids)
    line.same_bits(folders, ids, expected)
    bound = BOUND[case.ternary]
    print(f"{case.name:<38} {'ternary' if case.ternary else 'none':<8} {case.T:>4} {distance:9.1e} {own:9.1e} "
          f"{effect:9.1e} {line.worst:9.1e} {line.absolute:9.1e} {bound:7.0e}", flush=True)
    if distance < MARGIN:
        line.fail(f"an activation comes within {distance:.1e} of a tie")
    if not own < 1e-12:
        line.fail(f"the dual and the buffered form differ by {own:.1e}")
    if not effect > 1000 * bound:
        line.fail(f"{least} moves the logits by an NMSE of {effect:.1e} only")
    if not line.worst < bound:
        line.fail(f"NMSE {line.worst:.1e}")
    return line.failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bitllama", required=True)
    args = parser.parse_args()
    start, failures = time.monotonic(), []
    for mlp, forgets in itertools.product((False, True), repeat=2):
        error = descent_error(mlp, forgets)
        print(f"a chunk of {'TTT-MLP' if mlp else 'TTT-Linear'}{', forgetting,' if forgets else ''} against gradient descent with numerical gradients: "
              f"{error:.1e}, bound 1e-7")
        if not error < 1e-7:
            failures.append("the chunk is not gradient descent")
    with tempfile.TemporaryDirectory() as work:
        program = Program(args.bitllama, work)
        print(f"{'model':<38} {'weights':<8} {'T':>4} {'tie':>9} {'dual-buf.':>9} {'effect':>9} {'NMSE':>9} {'max abs':>9} "
              f"{'bound':>7}")
        for seed, case in enumerate(CASES):
            for ternary in (True, False):
                failures += check_case(program, dataclasses.replace(case, ternary=ternary), seed)
        for failure in failures:
            print("failed:", failure)
        print(f"{2 * len(CASES)} models, {program.runs} runs on {', '.join(program.levels)} and ref, "
              f"{time.monotonic() - start:.0f} s: {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
