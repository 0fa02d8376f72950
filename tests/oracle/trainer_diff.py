"""Holds the BPE trainer against Hugging Face's under random settings: the same tokenizer.json bytes, or a non-zero exit.

    pip install tokenizers==0.21.4
    python tests/oracle/trainer_diff.py --probe build/tests/oracle/tokenizer_probe --seconds 40
"""

import argparse
import collections
import os
import random
import struct
import subprocess
import sys
import tempfile
import time

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SENTENCES = {
    "english": ["The small boat went out on the still lake. ", "It didn't move, and they'll say it's where we've been; I'm sure you'd agree. ",
                "Thirteen loaves, 13 bakers' dozens: 169!\n", "  two  spaces,\ttabs\t\tand\r\nline ends \n\n"],
    "python": ["def gather(rows, width=80):\n    return [x * 2 + 1 for x in rows]\n", "class Counter:\n\tdef __init__(self):\n\t\tself.n = 0x1F\n\n",
               "if len(row) != width:\n        raise ValueError(f\"row of {len(row)}\")\n", "# -----------------\nimport os, sys\n"],
    "cjk": ["小船在平静的湖面上航行。", "面包师的女儿烤了十三个面包，然后又烤了十三个。", "ボートは静かに湖を渡った。", "작은 배가 고요한 호수로 나갔다. ", "「湖」　と　「船」"],
    "arabic": ["خرج القارب الصغير إلى البحيرة الهادئة. ", "خَبَزَتِ البِنتُ ١٣ رغيفًا، ثم ١٣ أخرى؟ "],
    "devanagari": ["छोटी नाव शांत झील पर निकली। ", "लड़की ने १३ रोटियाँ पकाईं, फिर १३ और। "],
    "thai": ["เรือลำเล็กออกไปในทะเลสาบที่สงบ ", "ลูกสาวของคนทำขนมปังอบขนมปัง ๑๓ ก้อน"],
    "emoji": ["👩‍👩‍👧 ", "🏳️‍🌈🇫🇮", "👍🏽👍🏿", "e\u0301 ☕️ ", "a\u200db "],
    "symbols": ["∀x∈ℝ: ⌈x⌉ = −⌊−x⌋ ", "∑ᵢ αᵢ² ≤ ½ ", "𝔸 → 𝔹 ⇔ ¬𝔹 → ¬𝔸\n", "x¹²Ⅷ③ "],
    "controls": ["\x00\x01a\x1f b\x7f", "\x85\u00a0\u2028x", "\x0b\x0c\x1c\x1d c", "\u00ad\ufeff"],
}
SPECIALS = ["<|endoftext|>", "<|padding|>", "<|user|>", "th", "the", "a", "Ġ", "Ġt", "Ā", "\"\\\n\t\x01", "湖", "ing", "e"]


def document(rng):
    kind = rng.random()
    if kind < 0.08:
        return ""
    if kind < 0.14:
        return rng.choice(["a", " ", "'s", "é", "湖", "  ", "ab", "\n", "aaaa"]) * rng.choice([1, 2, 3, 7, 64, 1000])
    if kind < 0.22:
        return "".join(chr(rng.choice([rng.randrange(32, 127), rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)])) for _ in range(rng.randrange(60)))
    scripts = rng.sample(sorted(SENTENCES), rng.choice([1, 1, 1, 2, 3]))
    return "".join(rng.choice(SENTENCES[rng.choice(scripts)]) for _ in range(rng.choice([1, 2, 5, 20])))


def corpus(rng):
    kind = rng.random()
    if kind < 0.04:
        return [""] * rng.randrange(3)
    if kind < 0.10:
        word = rng.choice(["a", "ab", " hello", "aaa", "नमस्ते", "湖", "\n", "'re"])
        return [word * rng.randrange(1, 3000)] * rng.randrange(1, 4)
    if kind < 0.16:  # one long line: cut into pieces for the threads
        line = "".join(document(rng) for _ in range(300))
        return [(line * (1 + rng.randrange(1_200_000) // max(1, len(line.encode()))))[: rng.randrange(200_000, 1_500_000)]]
    return [document(rng) for _ in range(rng.choice([1, 3, 10, 60]))]


def settings(rng):
    s = {"vocab_size": rng.choice([0, 5, 60, 258, 270, 300, 400, 700, 2000])}
    if rng.random() < 0.5:
        s["min_frequency"] = rng.choice([0, 1, 2, 3, 10, 1000])
    if rng.random() < 0.4:
        s["max_token_length"] = rng.choice([1, 2, 3, 4, 5, 6, 8, 16])
    if rng.random() < 0.5:
        s["no_initial_alphabet"] = 1
    if rng.random() < 0.4:
        s["limit_alphabet"] = rng.choice([1, 2, 5, 10, 20, 40, 60, 256, 300])
    if rng.random() < 0.4:
        s["no_prefix_space"] = 1
    if rng.random() < 0.5:
        s["special"] = [rng.choice(SPECIALS) for _ in range(rng.randrange(5))]
    return s


def byte_level(s):
    return pre_tokenizers.ByteLevel(add_prefix_space=not s.get("no_prefix_space"))


def ambiguous(docs, s):
    """Whether the limit of the alphabet falls between equally frequent characters: theirs then drops any of them."""
    limit = s.get("limit_alphabet")
    if not limit:
        return False
    if not s.get("no_initial_alphabet"):
        return limit < 256
    seen = collections.Counter()
    for d in docs:
        for word, _ in byte_level(s).pre_tokenize_str(d) if d else []:
            seen.update(word)
    counts = sorted(seen.values(), reverse=True)
    return limit < len(counts) and counts[limit - 1] == counts[limit]


def theirs(docs, s, path):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = byte_level(s)
    t.decoder = decoders.ByteLevel()
    options = {k: s[k] for k in ("vocab_size", "min_frequency", "max_token_length", "limit_alphabet") if k in s}
    if not s.get("no_initial_alphabet"):
        options["initial_alphabet"] = pre_tokenizers.ByteLevel.alphabet()
    t.train_from_iterator(docs, trainers.BpeTrainer(show_progress=False, special_tokens=s.get("special", SPECIALS[:2]), **options))
    t.save(path, pretty=True)


def ours(probe, corpus_path, docs, s, rng, path):
    args = [f"{k}={v}" for k, v in s.items() if k != "special"]
    if "special" in s:
        args += [f"special={v}" for v in s["special"] or [""]]
    args += [f"threads={rng.randint(1, 4)}", f"batch={rng.choice([0, 1, 2, 7])}"]
    with open(corpus_path, "wb") as f:
        for d in docs:
            data = d.encode()
            f.write(struct.pack("=I", len(data)) + data)
    done = subprocess.run([probe, "train", corpus_path, path, *args], capture_output=True)
    if done.returncode != 0:
        raise SystemExit(f"tokenizer_probe train {' '.join(args)}: {done.stderr.decode()}")
    return args


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--probe", required=True)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--seconds", type=float, default=40)
    a = p.parse_args()
    start, number, compared, differences = time.time(), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, n) for n in ("theirs.json", "ours.json", "corpus")]
        while time.time() < start + a.seconds and differences < 5:
            rng = random.Random(f"{a.seed} {number}")
            number += 1
            docs, s = corpus(rng), settings(rng)
            if ambiguous(docs, s):
                s.pop("limit_alphabet")
            theirs(docs, s, paths[0])
            args = ours(a.probe, paths[2], docs, s, rng, paths[1])
            want, got = (open(path, "rb").read() for path in paths[:2])
            compared += 1
            if want != got:
                differences += 1
                lines = [(i, x, y) for i, (x, y) in enumerate(zip(want.split(b"\n"), got.split(b"\n")), 1) if x != y]
                print(f"DIFFERENT corpus {number - 1} of seed {a.seed}, {args}: {lines[:1]!r:.600}")
    print(f"trainer_diff: {compared} tokenizers trained, {differences} differences")
    return 1 if differences or compared < 20 else 0


sys.exit(main())
