"""Writes tests/fixtures/tokenizer: what Hugging Face's tokenizers make of small texts of our own.

    pip install tokenizers==0.21.4
    python tests/oracle/tokenizer_fixtures.py

train.txt        the documents, each followed by a line of %%
vocab-N.json     trained on them at N tokens, as Tokenizer.save writes it
cases-N.json     [{"text", "ids", "ids_as_text" (specials not recognised), "decoded"}]
added.json, cases-added.json   the same with added tokens past the vocabulary
no-prefix.json, cases-no-prefix.json   and with add_prefix_space false
flags.json, cases-flags.json   and with single_word, lstrip, rstrip, in a vocabulary with gaps
"""

import json
import os

import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "tokenizer")
SPECIALS = ["<|endoftext|>", "<|padding|>"]
SIZES = [200, 258, 300, 500, 2000]

DOCUMENTS = [
    "The small boat went out on the still lake. The lake was so still that the boat didn't move, and it's "
    "there where we've seen it. There the others stayed; they'll say they weren't there, I'm sure you'd agree.",
    "Once the baker's daughter baked thirteen loaves, and then thirteen more. \"Who'll eat the loaves?\" asked "
    "the baker. \"The thirteen travellers,\" she said, \"whether or not they've eaten.\"",
    "def gather(rows, width=80):\n    \"\"\"Rows of one width.\"\"\"\n    out = []\n    for row in rows:\n"
    "        if len(row) != width:\n            raise ValueError(f\"row of {len(row)}, not {width}\")\n"
    "        out.append([x * 2 + 1 for x in row])\n    return out\n",
    "class Counter:\n\tdef __init__(self):\n\t\tself.n = 0x1F\n\n\tdef add(self, k: int) -> None:\n\t\tself.n += k  # k >= 0\n",
    "湖面很平静，小船停在湖中央。我们在湖边等了三个小时，小船还是没有动。",
    "كان القارب الصغير واقفا في وسط البحيرة، ولم يتحرك القارب ثلاث ساعات. ١٢٣",
    "छोटी नाव झील के बीच में रुकी थी। हम झील के किनारे तीन घंटे बैठे रहे। १२३",
    "A family 👩‍👩‍👧 waved: 👋🏽👋🏽! Flags 🇫🇮🇳🇱, a heart ❤️, keycaps 1️⃣2️⃣ and tears 😭😭😭.",
    "aaaa aaaaaaaa aaaaaaaaaaaaaaaa abababab ababab banana bananas ananas",
    "1 12 123 1234 12345 ½ ¼ x² Ⅷ 3.14159 1,000,000 0b1010",
    "tabs\tand\t\ttabs,  two   three    four spaces\n\n\nlines\r\nwindows \n \n mixed \u00a0nbsp \u3000ideographic\u2028separators\u2029",
    "nothing in this document ends well <|endoftext|> or so the <|padding|> says",
    " begins with a space",
    "naïve façade, Straße, smörgåsbord; e\u0301te\u0301, Zoë's jalapeño",
]

CASES = [
    "", " ", "  ", "a", " a", "  a", "\n", "\n\n", " \n a", "a ", "a  ", "a\n", "\ta", "a\u00a0b", "a\u3000 b", "\u3000\u3000x",
    "The small boat", "the travellers' loaves aren't theirs, they'd've said", "WE'RE 'S 's 't'll''d",
    "def f(x):\n    return x  ", "x\n\n\n    y", "湖边小船", "القارب ١٢٣", "झील १२३", "한국어 텍스트", "👩‍👩‍👧 👋🏽", "🇫🇮🇳🇱❤️",
    "e\u0301", "\u0301", "\u200d\ufe0f\u200b", "\x00\x01\x1f\x7f\x80\x9f\u00ad", "\ufeffbom", "\U0010ffff\ue000\ufffe\ufffd",
    "Ġ Ċ ĠĠ Ń", "½²Ⅷ١२", "a1b2c3", "_under_score__", "$100 & 50% #1 @x *y*", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "ab" * 40, "a" * 33, " " * 70 + "x", "thirteen" * 30, "é" * 100,
    "<|endoftext|>", "<|endoftext|><|endoftext|>", "a<|endoftext|>b", "a <|endoftext|> b", " <|endoftext|>\n",
    "<|padding|>x<|endoftext|", "<<|endoftext|>>", "<|endoftext|>|>", "<|end<|padding|>oftext|>", "no <| specials |> here",
]


def encoded(t, text):
    t.encode_special_tokens = False
    ids = t.encode(text).ids
    t.encode_special_tokens = True
    as_text = t.encode(text).ids
    t.encode_special_tokens = False
    return {"text": text, "ids": ids, "ids_as_text": as_text, "decoded": t.decode(ids, skip_special_tokens=True)}


def write(name, text):
    with open(os.path.join(FOLDER, name), "w", encoding="utf-8", newline="") as f:
        f.write(text)


def write_cases(name, t, texts):
    rows = [json.dumps(encoded(t, x), ensure_ascii=False) for x in texts]
    write(f"cases-{name}.json", "[\n" + ",\n".join(rows) + "\n]\n")


def trained(size, prefix_space=True):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(DOCUMENTS, trainers.BpeTrainer(
        vocab_size=size, special_tokens=SPECIALS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return t


def write_flags():
    """Every flag, alone and together; saved as the library saves what it loads."""
    root = json.loads(trained(300).to_str())
    for token in ("\u0100", "\u0101", "\u0102"):  # bytes of control characters, in no merge
        root["model"]["vocab"][token] += 1000
    t = Tokenizer.from_str(json.dumps(root))
    flags = [(s, l, r) for s in (False, True) for l in (False, True) for r in (False, True)]
    t.add_tokens([AddedToken(f"w{i}", single_word=s, lstrip=l, rstrip=r, normalized=i % 3 == 0, special=i % 2 == 1)
                  for i, (s, l, r) in enumerate(flags)][1:])
    t.add_tokens([AddedToken("\n", rstrip=True, normalized=False)])
    t.save(os.path.join(FOLDER, "flags.json"), pretty=True)
    texts = [f"{a}w{i}{b}" for i in range(8) for a, b in (
        ("", ""), ("x", " y"), ("x ", "y"), (" \t", "  "), ("\u3000", "\u2028z"), ("-", "-"), ("_", ""), ("e\u0301", "é"))]
    texts += ["w1 w2 w3 w4 w5 w6 w7", "w1w2w3w4w5w6w7", "w3 w3\tw3", "\n\n x\n \n\n", "w1\n w2 \nw3", "\x00\x01\x02 w7",
              "a\n\u3000\n\nw6", "w5 \u3000中 w5", "w7\u200dw7"]
    write_cases("flags", t, CASES + texts)


def main():
    if tokenizers.__version__ != "0.21.4":
        raise SystemExit("tokenizers 0.21.4 is wanted")
    os.makedirs(FOLDER, exist_ok=True)
    write("train.txt", "".join(d + "\n%%\n" for d in DOCUMENTS))
    for size in SIZES:
        t = trained(size)
        t.save(os.path.join(FOLDER, f"vocab-{size}.json"), pretty=True)
        write_cases(str(size), t, CASES + DOCUMENTS)
    t = trained(300, prefix_space=False)
    t.save(os.path.join(FOLDER, "no-prefix.json"), pretty=True)
    write_cases("no-prefix", t, CASES + DOCUMENTS)
    t = trained(300)
    t.add_tokens([AddedToken("lake", normalized=True), AddedToken("lake house", normalized=True),
                  AddedToken("e|>x", normalized=False), AddedToken("x\t\"\\\n\u0001", normalized=False)])
    t.add_special_tokens(["<|user|>", "<|use"])
    t.save(os.path.join(FOLDER, "added.json"), pretty=True)
    write_cases("added", t, CASES + DOCUMENTS + [
        "the lake house", "lakelake house lake", "<|user|>hi<|use<|used", "<|use|>x", "e|>x<|endofte|>xtext|>", "the lake e|>xlake",
        "<|user|>lake<|padding|>", "x\t\"\\\n\u0001y"])
    write_flags()


if __name__ == "__main__":
    main()
