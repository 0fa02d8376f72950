"""Our tokenizer beside Hugging Face's in one run: seconds, peak memory and ratios as a markdown table.

    pip install tokenizers==0.21.4
    python bench/tokenizer.py --build build [--parts train,encode,decode,extreme] FOLDER ...

The corpus is every *.py file below the folders, a document each, up to --bytes.  Each figure is of a process of
its own that reads the corpus from a file; the smallest of --repeat is shown.  Training is timed as a whole process,
encoding and decoding as the calls alone, 1,000 documents each: cold is the first time through the corpus, warm the
second time of the same object.  Where other work takes the processor away, compare the processor time, of all threads.
Results that differ end the run with an error.
"""

import argparse
import filecmp
import itertools
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


def records(path, size):
    """The elements of `size` bytes of every record, as bytes."""
    with open(path, "rb") as f:
        while head := f.read(4):
            yield f.read(struct.unpack("=I", head)[0] * size)


def documents(path):
    return (text.decode() for text in records(path, 1))


def write_records(out, items, size):
    for data in items:
        out.write(struct.pack("=I", len(data) // size) + data)


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


def peer_style(corpus, vocab_size, style, out):
    """A tokenizer as published models have them, trained on the corpus: a pattern, ignore_merges, a template."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "oracle"))
    from tokenizer_files import PATTERNS

    begin = "<|begin_of_text|>"
    t = Tokenizer(models.BPE(ignore_merges=style == "llama 3"))
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(p), "isolated") for p in PATTERNS[style]] +
        [pre_tokenizers.ByteLevel(False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(documents(corpus), trainers.BpeTrainer(
        vocab_size=int(vocab_size), special_tokens=[begin], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    if style == "llama 3":
        t.post_processor = processors.TemplateProcessing(single=f"{begin} $A", special_tokens=[(begin, 0)])
    t.save(out)


def peak_kib():
    """Of this process alone, which getrusage() does not give."""
    with open("/proc/self/status") as f:
        return next(line.split()[1] for line in f if line.startswith("VmHWM:"))


def peer_calls(method, tokenizer, given, out, passes):
    """All documents through a method of the tokenizer; the seconds in its calls, pass by pass, and the peak of memory."""
    from array import array

    from tokenizers import Tokenizer

    decode = method == "decode_batch"
    call = getattr(Tokenizer.from_file(tokenizer), method)
    with open(out, "wb") as f:
        for _ in range(int(passes)):
            items = (array("i", ids).tolist() for ids in records(given, 4)) if decode else documents(given)
            seconds = processor = 0.0
            while batch := list(itertools.islice(items, 1000)):
                start = time.perf_counter(), time.process_time()
                result = call(batch)
                seconds += time.perf_counter() - start[0]
                processor += time.process_time() - start[1]
                if decode:
                    write_records(f, (text.encode() for text in result), 1)
                else:
                    write_records(f, (array("i", e.ids).tobytes() for e in result), 4)
                del result
            print(f"{seconds:.4f} {processor:.4f}")
    print(peak_kib())


PEER = {"train": peer_train, "style": peer_style, "calls": peer_calls}


# ---- measuring ----


def measure(command, threads):
    """(seconds by the clock, of processor time, peak resident MiB) and the output of a command."""
    environment = dict(os.environ, RAYON_NUM_THREADS=str(threads),
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
    return (seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), said.strip()


def measure_calls(command, threads):
    """The same three of every pass."""
    *seconds, kib = measure(command, threads)[1].split()
    return [(float(s), float(p), int(kib) / 1024) for s, p in zip(seconds[::2], seconds[1::2])]


def peer(*args):
    return [sys.executable, os.path.abspath(__file__), "--peer", *args]


def same(a, b, what):
    if not filecmp.cmp(a, b, shallow=False):
        raise SystemExit(f"{what}: the results differ")


def speed(seconds, size):
    return f"{seconds:.2f} s" + (f", {size / 1e6 / seconds:.1f} MB/s" if size else "")


def add_row(rows, what, threads, ours, theirs, size=None):
    """The best of both, each by itself."""
    (x, p, m), (y, q, n) = (map(min, zip(*runs)) for runs in (ours, theirs))
    rows.append(f"| {what} | {threads} | {speed(x, size)} | {speed(y, size)} | {y / x:.1f} | {q / p:.1f} | {m:.0f} MiB | "
                f"{n:.0f} MiB | {n / m:.1f} |")
    print(rows[-1], file=sys.stderr, flush=True)


class Bench:
    def __init__(self, args, folder):
        self.args, self.folder, self.rows = args, folder, []
        self.corpus = self.path("corpus")
        self.threads, self.methods = [int(n) for n in args.threads.split(",")], args.methods.split(",")

    def path(self, name):
        return os.path.join(self.folder, name)

    def ours(self, program, *args):
        return [os.path.join(self.args.build, program), *args]

    def train(self):
        for size in self.args.vocab.split(","):
            for threads in self.threads:
                a, b = [], []
                ours, theirs = self.path("ours.json"), self.path("theirs.json")
                for _ in range(self.args.repeat):
                    a.append(measure(self.ours("tests/oracle/tokenizer_probe", "train", self.corpus, ours,
                                               f"vocab_size={size}", f"threads={threads}"), threads))
                    b.append(measure(peer("train", self.corpus, size, theirs), threads))
                print(f"ours {a[-1][1]}; theirs {b[-1][1]}", file=sys.stderr)
                add_row(self.rows, f"train, {size}", threads, [r[0] for r in a], [r[0] for r in b])
                same(ours, theirs, f"train, {size}")

    def tokenizer(self, style):
        """The file of a tokenizer of the first vocabulary size, trained the first time it is asked for."""
        path, size = self.path(style + ".json"), self.args.vocab.split(",")[0]
        if not os.path.exists(path):
            measure(self.ours("tests/oracle/tokenizer_probe", "train", self.corpus, path, f"vocab_size={size}")
                    if style == "gpt 2" else peer("style", self.corpus, size, style, path), 2)
        return path

    def calls(self, what, mode, methods, tokenizer, given, passes, threads, size):
        """Ours and theirs in turn, after the first time only with the fastest of their methods; a row for every pass."""
        a, b, mine, other = [], {m: [] for m in methods}, self.path("ours"), self.path("theirs")
        for _ in range(self.args.repeat):
            a.append(measure_calls(self.ours("bench/bench_tokenizer", mode, tokenizer, given, mine, str(threads), str(passes)),
                                   threads))
            for method in methods:
                b[method].append(measure_calls(peer("calls", method, tokenizer, given, other, str(passes)), threads))
                same(mine, other, f"{what}, {method}")
            methods = [min(methods, key=lambda m: b[m][0][0][1])]  # by processor time
        print(f"{what}, {threads} threads: ours {a}, theirs {b}", file=sys.stderr)
        for number, name in enumerate((", cold", ", warm") if passes == 2 else ("",)):
            add_row(self.rows, what + name, threads, *([run[number] for run in runs] for runs in (a, b[methods[0]])), size)

    def encode(self):
        for style in self.args.styles.split(","):
            for threads in self.threads:
                self.calls(f"encode, {style}", "encode", self.methods, self.tokenizer(style), self.corpus, 2, threads, self.size)

    def decode(self):
        tokenizer, ids = self.tokenizer("gpt 2"), self.path("ids")
        measure(self.ours("bench/bench_tokenizer", "encode", tokenizer, self.corpus, ids, "2", "1"), 2)
        for threads in self.threads:
            self.calls("decode", "decode", ["decode_batch"], tokenizer, ids, 1, threads, self.size)

    def extreme(self):
        for what, text in (("one word", b"abcdefghijklmnop"), ("spaces", b" ")):
            size = 10**7
            with open(self.path("extreme"), "wb") as f:
                write_records(f, [text * (size // len(text))], 1)
            self.calls(f"encode, {what} of {size / 1e6:g} MB", "encode", self.methods, self.tokenizer("gpt 2"),
                       self.path("extreme"), 1, 1, size)


def main():
    if sys.argv[1:2] == ["--peer"]:
        return PEER[sys.argv[2]](*sys.argv[3:])
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("folders", nargs="+")
    p.add_argument("--build", required=True)
    p.add_argument("--parts", default="train,encode,decode,extreme")
    p.add_argument("--vocab", default="16384")
    p.add_argument("--styles", default="gpt 2,llama 3,cl100k")
    p.add_argument("--methods", default="encode_batch_fast,encode_batch", help="theirs; the first has no offsets")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--bytes", type=int, default=50_000_000)
    p.add_argument("--repeat", type=int, default=3)
    args = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        b = Bench(args, folder)
        count, b.size = collect(args.folders, args.bytes, b.corpus)
        print(f"{count} files, {b.size / 1e6:.1f} MB", file=sys.stderr)
        for part in args.parts.split(","):
            getattr(b, part)()
    print("| | threads | ours | Hugging Face | faster | by processor time | memory | theirs | less |",
          "|---|---|---|---|---|---|---|---|---|", *b.rows, sep="\n")


main()
