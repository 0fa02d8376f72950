"""Holds the tokenizer against Hugging Face's: the same tokenizer.json bytes, ids and texts, or a non-zero exit.

    pip install tokenizers==0.21.4
    python tests/oracle/tokenizer_diff.py --probe build/tests/oracle/tokenizer_probe \
        --count 100000 --vocab 300,1000,4096 [FILE ...]

Every FILE and the random strings are a corpus each: trained on at every vocabulary size, encoded,
decoded, with offsets.  Files with lines that are <|endoftext|> are cut there.  --sweep adds every code point.
"""

import argparse
import os
import random
import struct
import subprocess
import sys
import tempfile
import time

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SPECIALS = ["<|endoftext|>", "<|padding|>"]
SPACES = [9, 10, 11, 12, 13, 32, 0x85, 0xA0, 0x1680, 0x2003, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
PIECES = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "don't", "''", "  ", "\n\n", "\t\t", " \n", "\r\n",
          "<|endoftext|>", "<|padding|>", "<|endoftext|", "<|", "|>", "\u200d", "\ufe0f", "👩‍👩‍👧", "🇫🇮", "e\u0301",
          "नमस्ते", "السلام", "你好", "한국어", "Ġ", "Ċ", "\x00", "\x7f", "\u00ad", "\ufeff", "½", "²", "Ⅷ", "١٢", "the ", " a"]
BLOCKS = [(0x20, 0x7F), (0x20, 0x7F), (0x61, 0x7B), (0x30, 0x3A), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x530),
          (0x590, 0x700), (0x900, 0xE00), (0x2000, 0x2BFF), (0x3000, 0x3100), (0x4E00, 0xA000), (0xAC00, 0xD7A4),
          (0xE000, 0xE100), (0xFE00, 0x10000), (0x10000, 0x12000), (0x1D400, 0x1D800), (0x1F300, 0x1FB00), (0, 0x20),
          (0x20000, 0x20100), (0xE0000, 0xE01F0), (0x10FF00, 0x110000)]


def random_string(rng):
    """A few runs, each of one kind of character; a short or long run of one character now and then."""
    out = []
    for _ in range(rng.randrange(8)):
        kind = rng.random()
        if kind < 0.3:
            out.append(rng.choice(PIECES))
        elif kind < 0.45:
            out.append("".join(chr(rng.choice(SPACES)) for _ in range(rng.randint(1, 4))))
        elif kind < 0.9:
            low, high = rng.choice(BLOCKS)
            out.append("".join(chr(rng.randrange(low, high)) for _ in range(rng.randint(1, 6))))
        elif kind < 0.95:
            out.append(chr(rng.choice([c for c in (rng.randrange(0x110000),) if not 0xD800 <= c < 0xE000] or [97])))
        else:
            out.append(rng.choice("aé 你\n1!") * rng.choice([2, 3, 5, 31, 32, 33, 64, 65, 100]))
    return "".join(out)


def sweep():
    """Every code point beside a letter, a digit, a sign and spaces."""
    for c in range(0x110000):
        if not 0xD800 <= c < 0xE000:
            x = chr(c)
            yield f"a{x}b 1{x}2 !{x}! {x} {x}  {x}{x}x"


def documents(path):
    text = open(path, encoding="utf-8", newline="").read()
    lines, docs = [], []
    for line in text.split("\n") + [SPECIALS[0]]:
        if line.strip() == SPECIALS[0]:
            docs.append("\n".join(lines).strip())
            lines = []
        else:
            lines.append(line)
    return [d for d in docs if d]


def new_tokenizer():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    t.decoder = decoders.ByteLevel()
    return t


def hf_train(docs, vocab_size, min_frequency):
    t = new_tokenizer()
    t.train_from_iterator(docs, trainers.BpeTrainer(
        vocab_size=vocab_size, min_frequency=min_frequency, special_tokens=SPECIALS, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return t


def records(items):
    return b"".join(struct.pack("=I", len(i)) + i for i in items)


def text_records(docs):
    return records(d.encode() for d in docs)


def id_records(lists):
    return b"".join(struct.pack(f"={len(i) + 1}I", len(i), *i) for i in lists)


def parse(data, size):
    at, out = 0, []
    while at < len(data):
        (n,) = struct.unpack_from("=I", data, at)
        at += 4
        out.append(list(struct.unpack_from(f"={n}I", data, at)) if size == 4 else data[at : at + n].decode())
        at += n * size
    return out


def their_offsets(text, ours):
    """What ours come to in theirs: whole characters, not bytes; what the space in front stands for is a character."""
    char = [0] * (len(text.encode()) + 1)  # the character that a byte belongs to
    at = 0
    for number, c in enumerate(text):
        for _ in c.encode():
            char[at] = number
            at += 1
    char[at] = len(text)
    out = []
    for start, end in zip(ours[::2], ours[1::2]):
        out.append((char[start], char[max(start + 1, end) - 1] + 1 if start < at else len(text)))
    return out


class Comparison:
    def __init__(self, probe, folder):
        self.probe, self.folder = probe, folder
        self.trained = self.texts = self.tokens = self.offsets_compared = self.differences = 0

    def run(self, *args, data=b""):
        done = subprocess.run([self.probe, *args], input=data, capture_output=True)
        if done.returncode != 0:
            raise SystemExit(f"tokenizer_probe {' '.join(args)}: {done.stderr.decode()}")
        return done.stdout, done.stderr.decode().strip()

    def differ(self, what, name, theirs, ours):
        self.differences += 1
        if self.differences <= 20:
            print(f"DIFFERENT {what} {name!r}\n  theirs {theirs!r:.400}\n  ours   {ours!r:.400}")

    def train(self, name, docs, vocab_size, min_frequency=0):
        """Both trained on the same documents; theirs is returned, and its path."""
        theirs_path, ours_path, corpus = (os.path.join(self.folder, f) for f in ("theirs.json", "ours.json", "corpus"))
        with open(corpus, "wb") as f:
            f.write(text_records(docs))
        start = time.time()
        theirs = hf_train(docs, vocab_size, min_frequency)
        seconds = time.time() - start
        theirs.save(theirs_path, pretty=True)
        start = time.time()
        _, parts = self.run("train", corpus, ours_path, f"vocab_size={vocab_size}", f"min_frequency={min_frequency}")
        a, b = open(theirs_path, "rb").read(), open(ours_path, "rb").read()
        if a != b:
            lines = [(i, x, y) for i, (x, y) in enumerate(zip(a.split(b"\n"), b.split(b"\n")), 1) if x != y]
            self.differ("tokenizer.json", f"{name} {vocab_size}", lines[:1], (len(a), len(b)))
        self.trained += 1
        print(f"train {name}, vocabulary {vocab_size}: theirs {seconds:.2f} s, ours {time.time() - start:.2f} s ({parts})")
        return theirs, theirs_path

    def encode(self, name, docs, theirs, path):
        data = text_records(docs)
        for mode, raw in (("encode", False), ("encode-text", True)):
            theirs.encode_special_tokens = raw
            start = time.time()
            want = theirs.encode_batch(docs)
            seconds = time.time() - start
            out, parts = self.run(mode, path, data=data)
            got = parse(out, 4)
            if len(got) != len(want):
                self.differ("number of texts", name, len(want), len(got))
            for doc, w, g in zip(docs, want, got):
                if w.ids != g:
                    self.differ(mode, doc[:200], w.ids, g)
            self.texts += len(docs)
            self.tokens += sum(map(len, want))
            print(f"{mode} {name}: theirs {seconds:.2f} s, ours: {parts}")
            self.decode([e.ids for e in want], theirs, path)
            if mode == "encode":
                self.offsets(docs, [e.offsets for e in want], path, data)

    def offsets(self, docs, want, path, data):
        for doc, w, g in zip(docs, want, parse(self.run("offsets", path, data=data)[0], 4)):
            self.offsets_compared += len(w)
            if w != their_offsets(doc, g):
                self.differ("offsets", doc[:200], w, their_offsets(doc, g))

    def decode(self, lists, theirs, path):
        texts = theirs.decode_batch(lists, skip_special_tokens=True)
        for mode in ("decode", "stream"):
            for ids, want, got in zip(lists, texts, parse(self.run(mode, path, data=id_records(lists))[0], 1)):
                if want != got:
                    self.differ(mode, ids[:40], want, got)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("files", nargs="*")
    p.add_argument("--probe", required=True)
    p.add_argument("--count", type=int, default=10000, help="random strings")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--vocab", default="300,1000,4096")
    p.add_argument("--min-frequency", type=int, default=0)
    p.add_argument("--sweep", action="store_true", help="every code point as well")
    args = p.parse_args()
    rng = random.Random(args.seed)
    strings = [random_string(rng) for _ in range(args.count)]
    with tempfile.TemporaryDirectory() as folder:
        c = Comparison(args.probe, folder)
        corpora = [("random strings", strings)] if strings else []
        corpora += [(os.path.basename(f), documents(f)) for f in args.files]
        for name, docs in corpora:
            for size in map(int, args.vocab.split(",")):
                theirs, path = c.train(name, docs, size, args.min_frequency)
                c.encode(name, docs, theirs, path)
                if docs is not strings:
                    c.encode("random strings", strings[:2000], theirs, path)
                ids = [[rng.randrange(theirs.get_vocab_size()) for _ in range(rng.randrange(20))] for _ in range(2000)]
                c.decode(ids, theirs, path)
        if args.sweep:
            c.encode("every code point", list(sweep()), *c.train("every code point", list(sweep()), 2000))
    print(f"tokenizer_diff: {c.trained} tokenizers trained, {c.texts} texts, {c.tokens} tokens, "
          f"{c.offsets_compared} offsets, {c.differences} differences")
    return 1 if c.differences else 0


if __name__ == "__main__":
    sys.exit(main())
