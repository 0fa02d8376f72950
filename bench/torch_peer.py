"""The same model in PyTorch, eager and compiled, beside the program, in turn: tokens a second.

Of each turn the fastest and the mean by the clock, and the mean by processor time over the number
of threads, from which other programs take less; then ours over the peer's for these three.

    bench/torch_peer.py PROGRAM --task train|read|write [--preset micro] [--shape 32x128]
        [--threads 1] [--ways eager:f32,layer:f32,layer:bf16] [--turns 3] [--seconds 5]
        [--precision auto] [--check]

A way is what is compiled and what products are made of.  What: nothing (eager), the functions of
a layer and the chunk (parts), a layer, or all of a pass over the model (whole; tokens written).
Products: f32, bf16, or for reading and writing int8.  All ways are compiled before the first turn;
TORCHINDUCTOR_CACHE_DIR keeps what was compiled.  The interpreter that runs this needs torch, and a
C++ compiler.  --check compares the model with tests/golden first.
"""
import argparse
import math
import os
import pathlib
import subprocess
import sys
import time
import types

import torch
import torch_model as tm

PRESETS = {"tiny": (4096, 128, 4, 2, 352), "micro": (16384, 256, 8, 4, 688),
           "code": (16384, 768, 12, 12, 2048)}
CHUNK = 16
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "int8": torch.int8, "none": None}


def settings(tensors, H, dtype, what="eager"):
    """What functions of the model need beside tensors, compiled as far as `what` says."""
    make = (lambda f: torch.compile(f, dynamic=False)) if what == "parts" else lambda f: f
    D = tensors["model.embed_tokens.weight"].shape[1]
    return types.SimpleNamespace(D=D, H=H, dtype=dtype, chunk=make(tm.chunk), views=make(tm.views),
                                 output=make(tm.output))


def compiled(f, wanted):
    return torch.compile(f, dynamic=False) if wanted else f


def loss_of(tensors, c, what, n=CHUNK):
    layers = [tm.layer_of(tensors, l) for l in range(depth(tensors))]
    through = compiled(lambda x, w, tables, s: tm.layer(x, w, tables, s, c)[0], what == "layer")
    head = compiled(lambda h, w, E, t: tm.head_loss(h, w, E, t, c.dtype or torch.float32),
                    what != "eager")
    E, norm = tensors["model.embed_tokens.weight"], tensors["model.norm.weight"]

    def loss(ids, targets):
        x, tables = E[ids], tm.tables_of(0, ids.shape[1], n, c.D // c.H)
        for w in layers:
            x = through(x, w, tables, tm.start(w, len(ids), c))
        return head(x, norm, E, targets)

    return loss


def depth(tensors):
    return sum(name.endswith("seq_norm.weight") for name in tensors)


def training(tensors, c, what, shape):
    B, T = map(int, shape.split("x"))
    leaves = {k: v.requires_grad_() for k, v in tensors.items()}
    loss = loss_of(leaves, c, what)
    optimizer = torch.optim.AdamW(leaves.values(), 1e-3, fused=True)

    def step():
        ids = torch.randint(0, tensors["model.embed_tokens.weight"].shape[0], (B, T + 1))
        optimizer.zero_grad(set_to_none=True)
        loss(ids[:, :-1], ids[:, 1:]).backward()
        torch.nn.utils.clip_grad_norm_(leaves.values(), 1.0)
        optimizer.step()

    return step, B * T


def ready_to_read(tensors, dtype):
    """Layers whose matrices are (Wt, g), and the head in dtype (bf16 where int8 is asked)."""
    layers = []
    for l in range(depth(tensors)):
        w = tm.layer_of(tensors, l)
        for name in tm.MATRICES:
            Wt, g = tm.ternarise(w[name])
            w[name] = Wt.to(dtype).t().contiguous() if dtype != torch.int8 else Wt.to(dtype).t(), g
        layers.append(w)
    wide = torch.bfloat16 if dtype == torch.int8 else dtype
    return layers, tensors["model.embed_tokens.weight"].to(wide).t().contiguous()


def best(x, norm, head):
    return (tm.rms(x, norm).to(head.dtype) @ head).argmax(-1)


def reading(tensors, c, what, shape):
    """A prompt, 128 tokens at once, and the likeliest token behind it."""
    T, piece = int(shape), 128
    layers, head = ready_to_read(tensors, c.dtype)
    through = compiled(lambda x, w, tables, s: tm.layer(x, w, tables, s, c), what == "layer")
    last = compiled(best, what != "eager")
    tables = tm.tables_of(0, piece, CHUNK, c.D // c.H)
    E, norm = tensors["model.embed_tokens.weight"], tensors["model.norm.weight"]
    ids = torch.randint(0, len(E), (1, T))

    def read():
        states = [tm.start(w, 1, c) for w in layers]
        states = [(tails, W.contiguous(), b.contiguous()) for tails, W, b in states]
        for at in range(0, T, piece):
            x = E[ids[:, at : at + piece]]
            for l, w in enumerate(layers):
                x, states[l] = through(x, w, tables, states[l])
        return last(x[:, -1:], norm, head)

    return read, T


def writing(tensors, c, what, shape):
    """Tokens one by one, each the likeliest after the one before."""
    count, f = int(shape), c.D // c.H
    layers, head = ready_to_read(tensors, c.dtype)
    E, norm = tensors["model.embed_tokens.weight"], tensors["model.norm.weight"]
    cos, sin = tm.tables_of(0, CHUNK, CHUNK, f)
    room = lambda: torch.zeros(1, c.H, CHUNK, f)
    states = [[x.clone() for x in tm.start(w, 1, c)[1:]] + [room(), room()] for w in layers]
    tails = [tm.start(w, 1, c)[0] for w in layers]
    one = compiled(lambda *a: tm.token(*a, c), what == "layer")
    last = compiled(best, what in ("layer", "parts"))

    def through(ids, i, tails):
        x, after = E[ids], []
        for w, s, tail in zip(layers, states, tails):
            x, tail = one(x, w, (cos[i], sin[i]), i, tail, *s)
            after.append(tail)
        return last(x, norm, head), after

    def folded():
        for w, s in zip(layers, states):
            tm.fold(w, *s)

    through, folded = compiled(through, what == "whole"), compiled(folded, what != "eager")
    places = [torch.tensor([i]) for i in range(CHUNK)]

    def write():
        nonlocal tails
        ids = torch.zeros(1, 1, dtype=torch.long)
        for t in range(count):
            ids, tails = through(ids, places[t % CHUNK], tails)
            if t % CHUNK == CHUNK - 1:
                folded()
        return ids

    return write, count


TASKS = {"train": training, "read": reading, "write": writing}


def worker(args, way):
    what, kind = way.split(":")
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    V, D, L, H, I = PRESETS[args.preset]
    tensors = tm.random_tensors(V, D, L, H, I)
    began = time.monotonic()
    with torch.set_grad_enabled(args.task == "train"):
        run, tokens = TASKS[args.task](tensors, settings(tensors, H, DTYPES[kind], what), what,
                                       args.shape)
        for _ in range(3):
            run()
        print(f"{time.monotonic() - began:.0f}", flush=True)
        for _ in sys.stdin:
            times, used, stop = [], time.process_time(), time.monotonic() + args.seconds
            while len(times) < 2 or time.monotonic() < stop:
                t = time.monotonic()
                run()
                times.append(time.monotonic() - t)
            count = tokens * len(times)
            used = (time.process_time() - used) / args.threads
            print(tokens / min(times), count / sum(times), count / used, flush=True)


def ours(args):
    """The same three of `bitllama bench`; processor time is that of n + 1 repetitions less one."""
    flags = {"train": ["-p", "0", "-n", "0", "--train"], "read": ["-n", "0", "-p"],
             "write": ["-p", "0", "-n"]}[args.task]
    n, used = {"train": 2, "read": 20, "write": 40}[args.task], []
    for repetitions in (1, n + 1):
        before = os.times()
        out = subprocess.run([args.program, "bench", "--preset", args.preset, "--csv",
                              "--precision", args.precision, "-t", str(args.threads), "-r",
                              str(repetitions), *flags, args.shape], check=True, capture_output=True, text=True)
        after = os.times()
        used.append(after.children_user + after.children_system - before.children_user -
                    before.children_system)
    mean, _, fastest = out.stdout.strip().splitlines()[-1].split(",")[-3:]
    tokens = math.prod(map(int, args.shape.split("x")))
    return float(fastest), float(mean), tokens * n / ((used[1] - used[0]) / args.threads)


def turns(args):
    peers = {}
    for way in args.ways.split(","):
        command = [sys.executable, "-W", "ignore", __file__, *sys.argv[1:], "--worker", way]
        peers[way] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True)
        print(f"{way}: ready after {peers[way].stdout.readline().strip()} s", flush=True)
    for turn in range(args.turns):
        line = [("ours", *ours(args))]
        for way, p in peers.items():
            p.stdin.write("turn\n")
            p.stdin.flush()
            line.append((way, *map(float, p.stdout.readline().split())))
        mine = line[0][1:]
        for name, *speeds in line:
            ratios = [f"{m / s:.2f}" for m, s in zip(mine, speeds)] if name != "ours" else []
            print(f"turn {turn}: {name:12}", *(f"{s:8.0f}" for s in speeds), *ratios, flush=True)
    for p in peers.values():
        p.stdin.close()
        p.wait()


def check():
    """Loss and all gradients of the golden models; then a layer token by token."""
    folder = pathlib.Path(__file__).parent.parent / "tests/golden/data"
    for kind, dtype in (("none", None), ("ternary", torch.float32)):
        p = {k: v.clone().requires_grad_() for k, v in
             tm.read_safetensors(folder / "model.safetensors").items()}
        want = tm.read_safetensors(folder / f"model_{kind}.safetensors")
        loss = loss_of(p, settings(p, 2, dtype), "eager", 4)
        loss = loss(want["ids"].long(), want["targets"].long())
        loss.backward()
        assert abs(loss.item() - want["loss"].item()) < 1e-5, (loss, want["loss"])
        for name, t in p.items():
            d, g = t.grad - want["grad." + name], want["grad." + name]
            assert d.norm() <= 1e-4 * g.norm() + 1e-7, (kind, name, d.norm(), g.norm())
        print(f"{kind}: loss {loss.item():.6f} and {len(p)} gradients as in tests/golden")
    with torch.no_grad():
        token_by_token()


def token_by_token():
    """A layer's output of whole chunks and a part of one is that of its tokens."""
    D, H, T = 64, 2, 2 * CHUNK + 5
    tensors = tm.random_tensors(16, D, 1, H, 96)
    c, w, x = settings(tensors, H, None), tm.layer_of(tensors, 0), torch.randn(1, T, D)
    want, _ = tm.layer(x, w, tm.tables_of(0, T, CHUNK, D // H), tm.start(w, 1, c), c)
    tails, W, b = tm.start(w, 1, c)
    W, b, room = W.clone(), b.clone(), [torch.zeros(1, H, CHUNK, D // H) for _ in range(2)]
    tables, got = tm.tables_of(0, CHUNK, CHUNK, D // H), []
    for t in range(T):
        i = torch.tensor([t % CHUNK])
        y, tails = tm.token(x[:, t : t + 1], w, [a[i] for a in tables], i, tails, W, b, *room, c)
        got.append(y)
        if t % CHUNK == CHUNK - 1:
            tm.fold(w, W, b, *room)
    error = (torch.cat(got, 1) - want).norm() / want.norm()
    assert error < 1e-5, error
    print(f"token by token: the same but for {error:.1e}")


def main():
    parse = argparse.ArgumentParser(description=__doc__,
                                    formatter_class=argparse.RawTextHelpFormatter)
    parse.add_argument("program")
    parse.add_argument("--task", choices=TASKS, default="train")
    parse.add_argument("--preset", choices=PRESETS, default="micro")
    parse.add_argument("--shape", default="32x128")
    parse.add_argument("--threads", type=int, default=1)
    parse.add_argument("--ways", default="eager:f32,layer:f32,layer:bf16")
    parse.add_argument("--turns", type=int, default=3)
    parse.add_argument("--seconds", type=float, default=5)
    parse.add_argument("--precision", default="auto", help="of the program")
    parse.add_argument("--check", action="store_true")
    parse.add_argument("--worker", help=argparse.SUPPRESS)
    args = parse.parse_args()
    if args.worker:
        worker(args, args.worker)
        return
    if args.check:
        check()
    turns(args)


if __name__ == "__main__":
    main()
