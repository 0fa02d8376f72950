"""Writes tests/fixtures/tokenizer: what Hugging Face's tokenizers make of small texts of our own.

    pip install tokenizers==0.21.4
    python tests/oracle/tokenizer_fixtures.py

train.txt        the documents, each followed by a line of %%
vocab-N.json     trained on them at N tokens, as Tokenizer.save writes it
cases-N.json     [{"text", "ids", "ids_as_text" (specials not recognised), "decoded"}]
added.json, cases-added.json   the same with added tokens past the vocabulary
no-prefix.json, cases-no-prefix.json   and with add_prefix_space false
flags.json, cases-flags.json   and with single_word, lstrip, rstrip, in a vocabulary with gaps
falcon.json, roberta.json, and their cases   the same, with each construct that these have and those lack
rules.json       [{"pre_tokenizer", "texts": [{"text", "words": [[as byte characters, first byte in the text], ...]}]}]
patterns.json    [{"patterns" of Splits one behind the other, "words": [[of a text], ...]}]
gpt2.json, llama3.json, qwen2.json, and their cases   of the make of published files, cases with "ids_in_template"
"""

import json
import os
import random

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

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

SCRIPTS = [
    "Маленькая лодка стоит посреди озера. Лодка, озеро, берег: 3 часа ждали, 45 минут спали.",
    "Η μικρή βάρκα έμεινε στη λίμνη. Η ΛΊΜΝΗ ήταν ήσυχη· «πού είναι η βάρκα;» ρώτησε.",
    "הסירה הקטנה עמדה באמצע האגם. שָׁלוֹם, אמר הדייג; ״איפה הסירה?״",
    "작은 배가 호수 한가운데 멈춰 있었다. 배는 세 시간 동안 움직이지 않았다.",
    "小さな舟が湖の真ん中に止まっていた。舟は、三時間うごかなかった。カタカナのボート「１２３」",
    "เรือลำเล็กจอดอยู่กลางทะเลสาบ เรือไม่ขยับเลยสามชั่วโมง ๑๒๓๔",
    "ছোট নৌকাটি হ্রদের মাঝখানে ছিল। নৌকা নড়েনি ৩ ঘণ্টা।",
    "சிறிய படகு ஏரியின் நடுவில் நின்றது. படகு நகரவில்லை ௧௨௩",
    "პატარა ნავი ტბის შუაში იდგა. ნავი არ მოძრაობდა.",
    "Փոքրիկ նավակը կանգնած էր լճի մեջտեղում։ Նավակը չշարժվեց։",
    "ትንሿ ጀልባ በሐይቁ መካከል ቆመች። ጀልባዋ አልተንቀሳቀሰችም።",
    "ទូកតូចនៅកណ្តាលបឹង។ ទូកមិនបានកម្រើកទេ ១២៣",
    "མཚོ་དཀྱིལ་དུ་གྲུ་ཆུང་ཞིག་འདུག གྲུ་དེ་མ་འགུལ།",
    "Łódka na jeziorze, Žluťoučký čoln, İstanbul'da ılık göl, Đà Nẵng: chiếc thuyền nhỏ",
    "𝔗𝔥𝔢 𝓫𝓸𝓪𝓽 𝟙𝟚𝟛 𐍈𐌰𐌹𐍂 𒀀𒁀 𓀀𓃠 🜁 𠀋𠂢",
    "The boat's and the BOAT'S, we'LL, I'D, they'Ve, it'ſ, 'TIS, 'RE'm''s, x'd'D",
    "    four\n\n\n  two \t\n  \r\n\r\nboat\u00a0 \u2003lake \n",
    "if (lake[3] != -1) { boat->next += 100000; } // 1234567890 x²³ ½⅓ Ⅻ㊿",
    "boat!!!\n\n...lake?\r\n--\n#$%\n'\n's\n't",
    "zzz boat ships lakes zzzz 123 12345 湖面 湖面湖面",
]

MARKS = [
    "e\u0301", "cafe\u0301 cafe\u0301s", "\u0301e\u0301", "a\u0316\u0301\u0315 b", "q\u0307\u0323", "s\u0323\u0307", "\u212b \u2126m \u212a",
    "\u1100\u1161\u11a8\u1100\u1161", "\uac00\u11a8 \u1161", "\u0958\u0915\u093c", "\u0344 \u0374 \u037e", "\uf900\ufa10\U0002f800", "\u0c46\u0c56",
    "\U0001d15e x", "<|im_start|>e\u0301<|im_end|>\u0301", "e<|im_end|>\u0301", "a\u0898\u0316\u0345", "\u0898\u0316\u0301", "\u1e9b\u0323 \ufb01",
    "Vie\u0302\u0323t Nam, tie\u0302\u0301ng", "\u0928\u093c\u0930\u093c", "\u3046\u3099\u304b\u3099", "lac\u0327 x", "xlac\u0327y",
]


def byte_level(prefix=False, trim=True, regex=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": regex}


def sequence(field, *members):
    return {"type": "Sequence", field: list(members)}


def pre(*members):
    return sequence("pretokenizers", *members)


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def digits(individual):
    return {"type": "Digits", "individual_digits": individual}


def punctuation(behavior):
    return {"type": "Punctuation", "behavior": behavior}


BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
FALCON = pre(punctuation("Contiguous"), byte_level(), digits(False), split("[0-9][0-9][0-9]"))
# Every construct of a pre-tokenizer, also where no known family has it.
CONSTRUCTS = [
    *[(f"Split {b}, {'' if invert else 'not '}inverted", pre(split(r"\s+|[^\s\p{L}]", b, invert), byte_level()))
      for b in ("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous") for invert in (False, True)],
    *[(f"Punctuation {b}", pre(punctuation(b), byte_level()))
      for b in ("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous")],
    ("Split at a text", pre(split("\n", "MergedWithPrevious", kind="String"), split("a.", kind="String"), byte_level(regex=False))),
    ("Split behind bytes", pre(byte_level(), split("[¡-ÿ]+|Ġ", "MergedWithNext"), punctuation("Removed"))),
    ("numbers, a space in front of each", pre(digits(False), byte_level(prefix=True))),
    ("numbers, a space and then bytes", pre(digits(True), punctuation("Isolated"), byte_level(prefix=True), digits(True), punctuation("Contiguous"))),
    ("WhitespaceSplit", pre({"type": "WhitespaceSplit"}, byte_level(prefix=True))),
    ("Sequences in Sequences", pre(pre(), pre(pre(digits(True)), pre(byte_level())), pre())),
    ("sets in sets", pre(split(r"[^a[^\p{L}\s][b-d[xyé]]]+|[[0-9][^0-9]]"), byte_level(regex=False))),
    ("BLOOM", pre(split(BLOOM), byte_level(regex=False))),
    ("Falcon", FALCON),
]


def encoded(t, text):
    t.encode_special_tokens = False
    ids = t.encode(text, add_special_tokens=False).ids
    t.encode_special_tokens = True
    as_text = t.encode(text, add_special_tokens=False).ids
    t.encode_special_tokens = False
    row = {"text": text, "ids": ids, "ids_as_text": as_text, "decoded": t.decode(ids, skip_special_tokens=True)}
    if t.post_processor is not None:
        row["ids_in_template"] = t.encode(text).ids
    return row


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


LINES = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
         r"\s+(?!\S)|\s+")


def styled(pattern, specials, change=lambda root: None, normalizer=None):
    """Trained without special tokens, changed as a file, special tokens behind the vocabulary."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False) if pattern is None else pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    if normalizer is not None:
        t.normalizer = normalizer
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.train_from_iterator(DOCUMENTS + SCRIPTS, trainers.BpeTrainer(
        vocab_size=500, special_tokens=[], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    root = json.loads(t.to_str())
    change(root)
    t = Tokenizer.from_str(json.dumps(root))
    t.add_special_tokens(specials)
    return t


def end_in_vocabulary(root):
    root["model"]["vocab"]["<|endoftext|>"] = len(root["model"]["vocab"])


def words_without_merges(root):
    root["model"]["ignore_merges"] = True
    for word in ("Ġships", "zzz", "123", "æ¹ĸéĿ¢", "!!!Ċ"):
        root["model"]["vocab"].setdefault(word, len(root["model"]["vocab"]))


def write_styles():
    """Small vocabularies with all else as in the files of GPT-2, Llama 3 and Qwen 2."""
    llama_specials = ["<|begin_of_text|>", "<|end_of_text|>"] + [f"<|reserved_special_token_{i}|>" for i in range(8)]
    llama = styled(LINES % r"\p{N}{1,3}", llama_specials, words_without_merges)
    begin = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
        special_tokens=[("<|begin_of_text|>", llama.token_to_id("<|begin_of_text|>"))])
    llama.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), begin])
    files = {"gpt2": styled(None, ["<|endoftext|>"], end_in_vocabulary), "llama3": llama,
             "qwen2": styled(LINES % r"\p{N}", ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], normalizer=normalizers.NFC())}
    files["qwen2"].add_tokens([AddedToken("lac\u0327", normalized=True)])
    texts = [f"{a}{s.content}{b}" for t in files.values() for s in list(t.get_added_tokens_decoder().values())[:3]
             for a, b in (("", ""), ("boat ", "\n\nlake"))]
    for name, t in files.items():
        t.save(os.path.join(FOLDER, f"{name}.json"), pretty=True)
        write_cases(name, t, CASES + DOCUMENTS + SCRIPTS + texts + MARKS)


def small(change, specials):
    """Of the same vocabulary; the file changed by a function that is given it and the ids of the special tokens."""
    t = styled(None, specials)
    root = json.loads(t.to_str())
    change(root, t.token_to_id)
    return Tokenizer.from_str(json.dumps(root))


def as_falcon(root, token_to_id):
    root["normalizer"] = sequence("normalizers")
    root["pre_tokenizer"] = FALCON
    root["post_processor"] = sequence("processors")
    root["decoder"] = sequence("decoders", sequence("decoders", byte_level()), {"type": "Fuse"})
    root["truncation"] = {"direction": "Right", "max_length": 2048, "strategy": "LongestFirst", "stride": 0}
    root["padding"] = {"strategy": {"Fixed": 2048}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
                       "pad_token": "!"}


def as_roberta(root, token_to_id):
    root["pre_tokenizer"] = pre(pre(), pre(digits(True), byte_level(prefix=True)))
    root["post_processor"] = sequence("processors", {
        "type": "RobertaProcessing", "sep": ["</s>", token_to_id("</s>")], "cls": ["<s>", token_to_id("<s>")],
        "trim_offsets": True, "add_prefix_space": True})


def write_small():
    mask = AddedToken("<mask>", lstrip=True, special=True)
    for name, change, specials in (("falcon", as_falcon, ["<|endoftext|>"]),
                                   ("roberta", as_roberta, ["<s>", "</s>", mask])):
        t = small(change, specials)
        t.save(os.path.join(FOLDER, f"{name}.json"), pretty=True)
        t.no_truncation()
        t.no_padding()
        write_cases(name, t, CASES + SCRIPTS[-6:] + ["a <mask>, 12<mask>3", "<s> x</s>", "x²³ 1234567!!?. ½٣"])


RULE_TEXTS = ["", "a", "1", " 12 345 6", "a1b22 x² ½ ٣٤Ⅷ", "(a|b]), c... d!  e\n\nf\r\n", "!?a?!", "?  ?", "一二。三，四 e\u0301é\u00a0ü",
              "a.b a.\n\na. x", "Ġ ¡¿ ÿ", " d xyé[]9"]


def write_rules():
    rows = []
    for _, rule in CONSTRUCTS:
        t = Tokenizer.from_str(json.dumps({"version": "1.0", "added_tokens": [], "pre_tokenizer": rule, "model": {
            "type": "BPE", "vocab": {}, "merges": []}}))
        texts = []
        for text in RULE_TEXTS:
            starts = [len(text[:i].encode()) for i in range(len(text) + 1)]
            words = [[word, starts[a]] for word, (a, _) in t.pre_tokenizer.pre_tokenize_str(text)]
            texts.append({"text": text, "words": words})
        rows.append(json.dumps({"pre_tokenizer": rule, "texts": texts}, ensure_ascii=False))
    write("rules.json", "[\n" + ",\n".join(rows) + "\n]\n")


O200K_WORDS = [r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
               r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"]
O200K = "|".join(O200K_WORDS) + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
DEEPSEEK = [r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
            r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
            r"|\s*[\r\n]+|\s+(?!\S)|\s+"]
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn L M N P S Z C".split()
LINE_PATTERNS = [".+", "^a|b", "a$|b", r"\n^|a", r"\n$|a", r"\s+$|\s", r"^\s+|\s", r".{2,}|\n+", "(?:^|b)a", "(?=^a).|(?!$)b", r"\n(?!$)", r"a\n^|\n"]
CLASS_PATTERNS = [r"\w+", r"[\w]+", r"\W+", r"[\W]+", r"[^\w]", r"[\w\-²]+", r"\d+|\D", r"[\d\s]+", r"[^\D]+", r"[^\P{L}\d]+", r"\p{^Lu}+",
                  r"[\P{Lu}\W]+", r"[\p{P}\p{S}]+", r"(?i:\p{Lu}k)|\p{Lu}", r"[^\p{C}\s]+", r"\P{^N}"]
BACKTRACKING = ["A(?:a+(?:b)?+a)*"]  # PCRE2 keeps all of a+, unless it is told to give back


def first_characters():
    """The first character of every run of one category."""
    category = {}
    for name in CATEGORIES[:29]:
        only = pre_tokenizers.Split(Regex(r"\p{%s}" % name), "removed", invert=True)
        for start in range(0, 0x110000, 4096):
            chunk = [c for c in range(start, start + 4096) if not 0xD800 <= c < 0xE000]
            for _, (a, b) in only.pre_tokenize_str("".join(map(chr, chunk))):
                category.update(dict.fromkeys(chunk[a:b], name))
    return [chr(c) for c in sorted(category) if category.get(c - 1) != category[c]]


def words(patterns, text):
    splits = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(p), "isolated") for p in patterns])
    return [w for w, _ in splits.pre_tokenize_str(text)]


def write_patterns():
    rng = random.Random(1)
    runs = first_characters()
    edges = rng.sample(runs, len(runs))
    lines = ["a\nb\r\na\u2028a\x85ab\x0ba\n", "aa\n\nab\n\n", "  a\n  b  \n\n ", "\n", "a", "ba\nba", "a\n", "a\r\n", "a\r"]
    published = ["".join(rng.sample(edges, 6) + rng.sample([" ", "\n", "'S", "12", "aB", "!"], 3)) for _ in range(30)]
    rows = [([O200K], SCRIPTS + published), (DEEPSEEK, SCRIPTS + published)]
    rows += [([p], lines) for p in LINE_PATTERNS]
    rows.append((BACKTRACKING, ["Aaa", "xAaabaAaaa", "aab"]))
    some = ["".join(edges[i::200]) for i in range(4)]
    rows += [([p], some + ["aK\u212ak²½9_\u24b6-é ss"]) for p in CLASS_PATTERNS]
    rows += [([p % name], some) for name in CATEGORIES for p in (r"\p{%s}+", r"[\P{%s}]+")]
    for bit in range(5):  # the category of every run by five questions
        half = [name for i, name in enumerate(CATEGORIES[:29]) if i >> bit & 1]
        rows.append((["[" + "".join(r"\p{%s}" % name for name in half) + "]+"], ["".join(runs)]))
    write("patterns.json", "[\n" + ",\n".join(
        json.dumps({"patterns": p, "words": [words(p, x) for x in texts]}, ensure_ascii=False) for p, texts in rows) + "\n]\n")


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
    write_styles()
    write_small()
    write_rules()
    write_patterns()


if __name__ == "__main__":
    main()
