"""Holds our reading of tokenizer.json files against Hugging Face's: many kinds of files, the same ids, or exit code 1.

    pip install tokenizers==0.21.4
    python tests/oracle/tokenizer_files.py --probe build/tests/oracle/tokenizer_probe [--count N] [FILE ...]

Small tokenizers of every supported kind are trained here on sentences of our own, or on the text of FILE; random
strings, mixed with their added tokens, are encoded by both, and what we save is loaded by them and encodes the same.
"""

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tokenizer_diff import PIECES, id_records, parse, random_string, text_records, their_offsets
from tokenizer_fixtures import DEEPSEEK, DOCUMENTS, O200K

SPECIALS = ["<|endoftext|>", "<|padding|>"]
SOUP = ["lake", "the", "x", " ", "  ", "\n", "\t", "\u3000", "é", "1", "_", "<", "<|", "|>", "-", "\u0301", "'s", "λ", "中"]


def trained(docs, size, prefix_space=True, specials=SPECIALS):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(docs, trainers.BpeTrainer(
        vocab_size=size, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False))
    return t


def some_added(rng, count, separate):
    """Tokens with every flag.  Separate: none begins or ends with white space, as rstrip makes such overlap."""
    out = {}
    while len(out) < count:
        text = "".join(rng.choice(SOUP) for _ in range(rng.randint(1, 4)))
        if text.strip() != text and separate or not text:
            continue
        flags = {name: rng.random() < 0.35 for name in ("single_word", "lstrip", "rstrip", "normalized", "special")}
        out[text] = AddedToken(text, **flags)
    return list(out.values())


def changed(t, change):
    """The tokenizer with its file changed by a function."""
    root = json.loads(t.to_str())
    change(root)
    return json.dumps(root, ensure_ascii=False)


def with_gaps(root):
    """Every tenth token of the vocabulary that no merge needs moves up, and leaves its id without a token."""
    vocab, merges = root["model"]["vocab"], root["model"]["merges"]
    used = {part for pair in merges for part in pair} | {"".join(pair) for pair in merges}
    for k, token in enumerate([x for x in vocab if x not in used and len(x) == 1]):
        if k % 10 == 0:
            vocab[token] += 5000
    root["added_tokens"] = root["added_tokens"][:2]


def added_files(rng, docs):
    """(name, file, texts to mix in) of tokenizers with added tokens."""
    for number in range(12):
        t = trained(docs, 400, prefix_space=True)
        tokens = some_added(rng, rng.choice([1, 3, 8, 30]), number % 2 == 0)
        t.add_tokens(tokens)
        yield f"added {number}", t.to_str(), [a.content for a in tokens]
    t = trained(docs, 500)
    many = [f"<|reserved_{i}|>" for i in range(1500)]
    t.add_special_tokens(many)
    yield "1,500 added", t.to_str(), many[:50] + many[-50:] + ["<|reserved_1", "<|reserved_"]
    yield "gaps in the vocabulary", changed(trained(docs, 500), with_gaps), SPECIALS


LINES = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
         r"\s+(?!\S)|\s+")
PATTERNS = {
    "llama 3": [LINES % r"\p{N}{1,3}"],
    "qwen 2": [LINES % r"\p{N}"],
    "cl100k": [r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|"
               r"\s+(?!\S)|\s+"],
    "llama 3, by regex": ["(?:" + LINES % r"\p{N}{1,3}" + ")"],
    "gpt 2, by regex": [r"(?:'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"],
    "parts": [r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+", r"[\r\n]", r" ?\p{L}+|\S"],
    "gaps": [r"\P{L}+?[a-f\-x]|é+", r"(?i:k+s)(?=[^\S\t]|\s)"],
}
CATEGORY_PATTERNS = {
    "o200k": [O200K],
    "deepseek": DEEPSEEK,
    "lines": [r"^\s+|\s+$|(?:^|\w).+", r"\d{2,}|[^\w\s]+(?!$)", r"\w+|[\W\d]"],
    "categories": [r"[\P{Ll}\d]\p{M}+|\p{Lo}{2,}", r"\p{Nd}+|[\p{No}\p{Nl}]|\p{Zs}+", r"[^\p{C}\p{Z}]+|\p{^Po}"],
}


def composed(t, rng):
    """With NFC as normaliser, and with normalized added tokens that it changes; the texts to mix in have marks."""
    t.normalizer = normalizers.NFC()
    t.add_tokens([AddedToken("e\u0301t", normalized=True), AddedToken("\u212bx", normalized=True, rstrip=True),
                  AddedToken("o\u0308", normalized=False), AddedToken("n\u0303", normalized=True, single_word=True)])
    marks = [chr(c) for c in range(0x110000) if unicodedata.combining(chr(c))]
    parts = {x for c in range(0xA0, 0x30000) if not 0xD800 <= c < 0xE000 for x in unicodedata.normalize("NFD", chr(c))}
    whole = [chr(c) for c in range(0xA0, 0x30000) if unicodedata.decomposition(chr(c))]
    mix = rng.sample(sorted(parts), 300) + rng.sample(marks, 200) + rng.sample(whole, 300)
    mix += ["\u1100", "\u1161", "\u11a8", "\uac00", "\uac01", "\u0301", "\u0316", "\u0345", "\u0898"] * 10
    return t.to_str(), mix + ["e", "et", "o", "n", "\u212b", "x", "e\u0301t", "o\u0308", "n\u0303"] * 10


def split_tokenizer(docs, patterns, use_regex=False, post=None):
    t = Tokenizer(models.BPE())
    splits = [pre_tokenizers.Split(Regex(p), "isolated") for p in patterns]
    t.pre_tokenizer = pre_tokenizers.Sequence(splits + [pre_tokenizers.ByteLevel(False, use_regex=use_regex)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(docs, trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<|begin_of_text|>", "<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    if post:
        t.post_processor = post
    return t


def strange_words(root):
    """ignore_merges, and words in the vocabulary that no merge makes; empty texts where null is meant."""
    root["model"]["ignore_merges"] = True
    for word in ("Ġboat", "zzz", "Ġxyz", "123", "中文"):
        root["model"]["vocab"].setdefault(word, len(root["model"]["vocab"]))
    new = [a for a in root["added_tokens"] if a["content"] not in root["model"]["vocab"]]
    for number, added in enumerate(new):
        added["id"] = len(root["model"]["vocab"]) + number
    for field in ("continuing_subword_prefix", "end_of_word_suffix", "unk_token"):
        root["model"][field] = ""
    root["model"]["merges"] = [" ".join(pair) for pair in root["model"]["merges"]]


def styled_files(rng, docs):
    """Files as they are written for published models."""
    for name, patterns in PATTERNS.items():
        yield name, split_tokenizer(docs, patterns).to_str(), []
        yield name + ", ByteLevel's too", split_tokenizer(docs, patterns, use_regex=True).to_str(), []
    begin = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
        special_tokens=[("<|begin_of_text|>", 0)])
    both = processors.TemplateProcessing(single="<|begin_of_text|> <|end|> $0 <|end|>", special_tokens=[
        ("<|begin_of_text|>", 0), ("<|end|>", 1)])
    for post in (begin, both, processors.Sequence([processors.ByteLevel(trim_offsets=False), begin])):
        t = split_tokenizer(docs, PATTERNS["llama 3"], post=post)
        t.add_special_tokens([f"<|reserved_special_token_{i}|>" for i in range(256)])
        yield "llama 3 with a template", changed(t, strange_words), ["<|begin_of_text|>", "<|reserved_special_token_17|>", "xyz"]
    for prefix_space in (False, True):
        yield "composed", *composed(trained(docs, 500, prefix_space), rng)
    yield "qwen 2, composed", *composed(split_tokenizer(docs, PATTERNS["qwen 2"]), rng)
    for prefix_space in (False, True):
        t = trained(docs, 500, prefix_space, specials=[])
        t.add_special_tokens(["<|endoftext|>"])
        t.post_processor = processors.ByteLevel(trim_offsets=False)
        yield "gpt 2", changed(t, strange_words), ["<|endoftext|>", "zzz", " xyz"]
    for name, patterns in CATEGORY_PATTERNS.items():
        yield name, split_tokenizer(docs, patterns).to_str(), []


class Comparison:
    def __init__(self, probe, folder):
        self.probe, self.folder = probe, folder
        self.files = self.texts = self.tokens = self.offsets_compared = self.differences = self.panics = 0

    def run(self, *args, data=b""):
        done = subprocess.run([self.probe, *args], input=data, capture_output=True)
        if done.returncode != 0:
            raise SystemExit(f"tokenizer_probe {' '.join(args)}: {done.stderr.decode()}")
        return done.stdout

    def differ(self, what, text, theirs, ours):
        self.differences += 1
        if self.differences <= 20:
            print(f"DIFFERENT {what} {text!r:.300}\n  theirs {theirs!r:.400}\n  ours   {ours!r:.400}")

    def encoded(self, t, texts, template):
        """Their encodings; None where their library panics, which it does where two tokens take one white space."""
        out = []
        for text in texts:
            try:
                out.append(t.encode(text, add_special_tokens=template))
            except BaseException as e:  # pyo3's PanicException is not an Exception
                if "PanicException" not in type(e).__name__:
                    raise
                out.append(None)
                self.panics += 1
        return out

    def offsets(self, name, text, theirs, ours, composes):
        want = [o for o, special in zip(theirs.offsets, theirs.special_tokens_mask) if not special]
        got = [o for o, special in zip(their_offsets(text, ours), theirs.special_tokens_mask) if not special]
        self.offsets_compared += len(want)
        if composes:  # theirs leave marks out that were joined, ours have the whole stretch that was changed
            spans = [(a, b, g, w) for a, b, g, w in zip(ours[::2], ours[1::2], got, want) if a < b]
            in_order = all(a[0] <= b[0] <= a[1] <= b[1] for a, b in zip(spans, spans[1:]))
            inside = all(g[0] <= w[0] and w[1] <= g[1] for _, _, g, w in spans)
            if not in_order or not inside or spans[0][0] or spans[-1][1] != len(text.encode()):
                self.differ(f"{name}: offsets", text, want, ours)
        elif want != got:
            self.differ(f"{name}: offsets", text, want, got)

    def file(self, name, content, texts):
        path, saved = (os.path.join(self.folder, f) for f in ("theirs.json", "saved.json"))
        with open(path, "w", encoding="utf-8") as f:
            f.write(content)
        self.run("save", path, saved)
        t, again = Tokenizer.from_file(path), Tokenizer.from_file(saved)
        self.files += 1
        data = text_records(texts)
        for mode, raw in (("encode", False), ("encode-text", True), ("template", False)):
            t.encode_special_tokens = again.encode_special_tokens = raw
            want = self.encoded(t, texts, mode == "template")
            back = self.encoded(again, texts, mode == "template")
            ours = parse(self.run(mode, path, data=data), 4)
            self.texts += len(texts)
            for text, w, b, o in zip(texts, want, back, ours):
                if w is None:
                    continue
                self.tokens += len(o)
                if w.ids != o:
                    self.differ(f"{name}: {mode}", text, w.ids, o)
                if w.ids != b.ids:
                    self.differ(f"{name}: saved, {mode}", text, w.ids, b.ids)
            if mode == "template":
                for text, w, o in zip(texts, want, parse(self.run("offsets", path, data=data), 4)):
                    if w is not None:
                        self.offsets(name, text, w, o, t.normalizer is not None and t.normalizer.normalize_str(text) != text)
            lists = [w.ids for w in want if w is not None]
            for way, skip in (("decode", True), ("decode-all", False)):
                decoded = parse(self.run(way, path, data=id_records(lists)), 1)
                for ids, w, o in zip(lists, t.decode_batch(lists, skip_special_tokens=skip), decoded):
                    if w != o:
                        self.differ(f"{name}: {way}", ids, w, o)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("files", nargs="*")
    p.add_argument("--probe", required=True)
    p.add_argument("--count", type=int, default=1500, help="random strings a file")
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    rng = random.Random(args.seed)
    docs = [open(f, encoding="utf-8", newline="").read() for f in args.files] or DOCUMENTS
    with tempfile.TemporaryDirectory() as folder:
        c = Comparison(args.probe, folder)
        for name, content, pieces in itertools.chain(added_files(rng, docs), styled_files(rng, docs)):
            mix = pieces + SOUP + PIECES[:12]
            texts = [random_string(rng) for _ in range(args.count // 3)]
            texts += ["".join(rng.choice(mix) for _ in range(rng.randrange(12))) for _ in range(args.count)]
            c.file(name, content, texts + docs)
    print(f"tokenizer_files: {c.files} files, {c.texts} texts, {c.tokens} tokens, {c.offsets_compared} offsets, {c.panics} panics of theirs, "
          f"{c.differences} differences")
    return 1 if c.differences else 0


if __name__ == "__main__":
    sys.exit(main())
