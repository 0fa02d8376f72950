"""Our tokenizer beside Hugging Face's in one run: seconds, peak memory and ratios as a markdown table.

    pip install tokenizers==0.21.4
    python bench/tokenizer.py --probe build/tests/oracle/tokenizer_probe FOLDER ...

The corpus is every *.py file below the folders, a document each, up to --bytes.  Each figure is of a process of
its own that reads the corpus from a file; the smallest of --repeat is shown.
"""

import argparse
import filecmp
import os
import struct
import subprocess
import sys
import tempfile
import time


def collect(folders, most, path):
    """Writes the documents as records (a 32-bit length and the text); how many, and their bytes."""
    count = total = 0
    with open(path, "wb") as out:
        for folder in folders:
            for place, names, files in os.walk(folder):
                names.sort()
                for name in sorted(f for f in files if f.endswith(".py")):
                    if total >= most:
                        return count, total
                    try:
                        with open(os.path.join(place, name), "rb") as f:
                            data = f.read()
                        data.decode()
                    except (OSError, UnicodeDecodeError):
                        continue
                    out.write(struct.pack("=I", len(data)) + data)
                    count, total = count + 1, total + len(data)
    return count, total


def documents(path):
    with open(path, "rb") as f:
        while head := f.read(4):
            yield f.read(struct.unpack("=I", head)[0]).decode()


# ---- the other side, in a process of its own ----


def peer_train(corpus, vocab_size, out):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    start = time.time()
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(documents(corpus), trainers.BpeTrainer(
        vocab_size=int(vocab_size), special_tokens=["<|endoftext|>", "<|padding|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.save(out, pretty=True)
    print(f"{time.time() - start:.3f} s", file=sys.stderr)


PEER = {"train": peer_train}


# ---- measuring ----


def measure(command, threads):
    """Wall-clock seconds and peak resident MiB of a command."""
    environment = dict(os.environ, RAYON_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads),
                       TOKENIZERS_PARALLELISM="true" if threads > 1 else "false")
    with tempfile.TemporaryFile() as log:
        start = time.time()
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.time() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        said = log.read().decode()
    if process.returncode != 0:
        raise SystemExit(f"{command}: {said}")
    return seconds, usage.ru_maxrss / 1024, said.strip()


def best(runs):
    return min(r[0] for r in runs), min(r[1] for r in runs)


def compare(rows, what, threads, ours, theirs, repeat):
    """The two commands in turn; a row of the table."""
    a, b = [], []
    for _ in range(repeat):
        a.append(measure(ours, threads))
        b.append(measure(theirs, threads))
    (x, m), (y, n) = best(a), best(b)
    print(f"{what}, {threads} threads: ours {a[-1][2]}; theirs {b[-1][2]}", file=sys.stderr)
    rows.append(f"| {what} | {threads} | {x:.2f} s | {y:.2f} s | {y / x:.1f} | {m:.0f} MiB | {n:.0f} MiB | {n / m:.1f} |")


def bench_train(rows, args, corpus, folder):
    paths = [os.path.join(folder, name) for name in ("ours.json", "theirs.json")]
    for size in args.vocab.split(","):
        for threads in map(int, args.threads.split(",")):
            compare(rows, f"train, {size}", threads,
                    [args.probe, "train", corpus, paths[0], f"vocab_size={size}", f"threads={threads}"],
                    [sys.executable, __file__, "--peer", "train", corpus, size, paths[1]], args.repeat)
            if not filecmp.cmp(*paths, shallow=False):
                raise SystemExit(f"the tokenizers trained at {size} differ")


PARTS = {"train": bench_train}


def main():
    if sys.argv[1:2] == ["--peer"]:
        return PEER[sys.argv[2]](*sys.argv[3:])
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("folders", nargs="+")
    p.add_argument("--probe", required=True)
    p.add_argument("--parts", default="train")
    p.add_argument("--vocab", default="16384")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--bytes", type=int, default=50_000_000)
    p.add_argument("--repeat", type=int, default=3)
    args = p.parse_args()
    rows = ["| | threads | ours | Hugging Face | faster | memory | theirs | less |", "|---|---|---|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        corpus = os.path.join(folder, "corpus")
        count, total = collect(args.folders, args.bytes, corpus)
        print(f"{count} files, {total / 1e6:.1f} MB", file=sys.stderr)
        for part in args.parts.split(","):
            PARTS[part](rows, args, corpus, folder)
    print("\n".join(rows))


main()
