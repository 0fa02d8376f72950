"""Holds what `bitllama prepare --documents messages` learns against transformers: ids, and which of them the assistant says.

    pip install jinja2==3.1.6 numpy tokenizers==0.21.4 transformers==4.53.2
    python tests/oracle/messages_diff.py --bitllama build/bitllama --templates tests/fixtures/templates [--wheels WHEELS]

Conversations made from a seed are prepared by a template without generation blocks and by its twin with them; transformers then
encodes each with the tokenizer that was learned and the twin (apply_chat_template, return_assistant_tokens_mask).  train.bin and
train.mask must be these ids and masks, and what Jinja refuses must have been dropped; exit code 1 otherwise.  Then, with
--wheels, the same for the templates of well-known models in trl (Apache-2.0), which has twins for training: they are read out of
the wheel at test time (template_diff.py says how to get it), and nothing of them is kept.  Where a twin writes another text, as those do that
keep thinking which the template drops, there is nothing to compare.  Prints a row a template.
"""

import argparse
import glob
import json
import os
import random
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
from transformers import PreTrainedTokenizerFast

WORDS = ["Hello", "what is", "the answer", "42", "ß", "Größe", "漢字", "🙂", "it's", '"quoted"', "<b>&amp;</b>", "{{ x }}", "{% if %}", "\\n", "\t", "a\nb", "null",
         "1e5", "  two  spaces", "%s", "\\", "é", "ΑΣ", "(c)", "etc."]
CHATML = ("{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|im_end|>' }}"
          "{% endgeneration %}{% else %}{{ m.content + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}")
def sentence(rng):
    text = rng.choice([" ", "\n", ""]).join(rng.choice(WORDS) for _ in range(rng.choice([1, 2, 5, 12])))
    if not text.strip():  # empty messages are refused before a template sees them
        text += "x"
    return rng.choice(["", "", "", " ", "\n"]) + text + rng.choice(["", "", "", " ", "\n", "."])


def conversation(rng, tools):
    messages = [{"role": "system", "content": sentence(rng)}] if rng.random() < 0.3 else []
    more = {}
    for turn in range(rng.choice([1, 1, 2, 3, 5])):
        messages.append({"role": "user", "content": sentence(rng)})
        if tools and rng.random() < 0.3:
            call = {"name": "f", "arguments": {"a": sentence(rng), "n": rng.choice([1, None, [True]])}}
            messages.append({"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": call}]})
            messages.append({"role": "tool", "content": sentence(rng)})
            more["tools"] = [{"type": "function", "function": {"name": "f"}}]
        messages.append({"role": "assistant", "content": sentence(rng)})
    if rng.random() < 0.1:
        messages.append({"role": "user", "content": sentence(rng)})
    if rng.random() < 0.05:
        messages.insert(rng.randrange(len(messages)), {"role": rng.choice(["user", "assistant"]), "content": sentence(rng)})
    return {"messages": messages, **more}


def prepare(program, folder, lines, template, tokenizer=None, bad=("--skip-bad",)):
    out = os.path.join(folder, "twin" if tokenizer else "data")
    source = os.path.join(folder, "talk.jsonl")
    with open(source, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    command = [program, "prepare", source, "--documents", "messages", *bad, "--val-split", "0", "--vocab-size", "700", "--out", out, "--force"]
    if template is not None:
        path = os.path.join(folder, "t.jinja")
        with open(path, "w", encoding="utf-8") as f:
            f.write(template)
        command += ["--chat-template", path]
    if tokenizer:
        command += ["--tokenizer", tokenizer]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr.strip().splitlines()[-1]
    ids = np.fromfile(os.path.join(out, "train.bin"), np.uint16).tolist()
    bits = np.unpackbits(np.fromfile(os.path.join(out, "train.mask"), np.uint8), bitorder="little").tolist()[: len(ids)]
    return out, (ids, bits)


def expected(tokenizer, line):
    """(ids, mask) of one conversation; None: Jinja refuses it."""
    try:
        got = tokenizer.apply_chat_template(line["messages"], tools=line.get("tools"), return_dict=True, return_assistant_tokens_mask=True)
    except Exception:  # whatever it raises is a refusal
        return None
    return got["input_ids"], got["assistant_masks"]


def rendered(tokenizer, line, template):
    try:
        return tokenizer.apply_chat_template(line["messages"], tools=line.get("tools"), tokenize=False, chat_template=template)
    except Exception:
        return None


def compare(name, got, wanted):
    """The number of conversations that differ."""
    ids, bits = got
    at = wrong = 0
    for line, (want_ids, want_mask) in wanted:
        n = len(want_ids)
        same = ids[at : at + n] == want_ids and bits[at : at + n] == want_mask and at + n < len(ids) and ids[at + n] == 0 and bits[at + n] == 0
        if not same:
            wrong += 1
            if wrong == 1:
                print(f"{name}: {json.dumps(line, ensure_ascii=False)[:400]}\n    ids {ids[at:at + n + 1]}\n    of transformers {want_ids}\n"
                      f"    mask {bits[at:at + n + 1]}\n    of transformers {want_mask}")
            if ids[at : at + n] != want_ids:
                return len(wanted)  # what follows stands elsewhere
        at += n + 1
    return wrong + (at != len(ids))


def own(program, templates, count, seed):
    wrong = 0
    pairs = [("ChatML", None, CHATML)]
    for path in sorted(glob.glob(os.path.join(templates, "*_generation.jinja"))):
        family = os.path.basename(path)[: -len("_generation.jinja")]
        with open(os.path.join(templates, family + ".jinja"), encoding="utf-8") as f, open(path, encoding="utf-8") as g:
            pairs.append((family, f.read(), g.read()))
    for name, plain, twin in pairs:
        rng = random.Random(f"{seed} {name}")
        lines = [conversation(rng, name == "llama") for _ in range(count)]
        with tempfile.TemporaryDirectory() as folder:
            out, got = prepare(program, folder, lines, plain)
            if out is None:
                raise SystemExit(f"{name}: {got}")
            tokenizer = PreTrainedTokenizerFast.from_pretrained(out)
            tokenizer.chat_template = twin
            wanted = [(line, expected(tokenizer, line)) for line in lines]
            kept = [(line, e) for line, e in wanted if e is not None]
            differ = compare(name, got, kept)
            _, again = prepare(program, folder, lines, twin, out)
            differ += compare(name + " with generation blocks", again, kept)
        print(f"{name:32} {len(kept):6} conversations, {len(lines) - len(kept):4} refused by both, {sum(len(e[0]) for _, e in kept):8} tokens, {differ} differences")
        wrong += differ
    return wrong


def runs(mask):
    """Where the ones of a mask begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask, [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist()))


def compare_twin(tokenizer, name, got, wanted, prompt):
    """Conversations whose masks do not agree but for what twins of trl count besides: the prompt that is given for an answer, and white space and further
    special tokens behind the one that ends it.  Answers of ours must be theirs; theirs may be read only (those that the template writes otherwise later)."""
    ids, bits = got
    at = wrong = answers = unlearned = 0
    for line, (want_ids, want_mask) in wanted:
        n = len(want_ids)
        if ids[at : at + n] != want_ids:
            print(f"{name}: other ids")
            return len(wanted), answers, unlearned
        theirs, begins = runs(want_mask), {b for b, _ in runs(want_mask)}
        ours = [(b + (b + 1 in begins and tokenizer.decode(want_ids[b]) == " "), e) for b, e in runs(bits[at : at + n])]  # a space that the tokenizer adds
        bad = 0
        for begin, end in theirs:
            inside = [r for r in ours if begin <= r[0] and r[1] <= end]
            if not inside:
                unlearned += 1
                continue
            answers += 1
            before = "".join(tokenizer.decode(want_ids[begin : inside[0][0]]).split())
            behind = tokenizer.decode(want_ids[inside[0][1] : end], skip_special_tokens=True)
            if len(inside) > 1 or not "".join(prompt.split()).endswith(before) or behind.strip():
                bad = 1
        bad |= any(not any(b <= r[0] and r[1] <= e for b, e in theirs) for r in ours) or bits[at + n] != 0
        if bad and not wrong:
            print(f"{name}: {json.dumps(line, ensure_ascii=False)[:300]}\n    ours {[tokenizer.decode(want_ids[b:e]) for b, e in ours]}\n"
                  f"    theirs {[tokenizer.decode(want_ids[b:e]) for b, e in theirs]}")
        wrong += bad
        at += n + 1
    return wrong, answers, unlearned


def in_turns(line):
    """One answer at a time, and the last message is one."""
    roles = [m["role"] for m in line["messages"]]
    return roles[-1] == "assistant" and ("assistant", "assistant") not in zip(roles, roles[1:])


def published(program, wheels, count, seed):
    paths = glob.glob(os.path.join(wheels, "trl-*.whl"))
    if len(paths) != 1:
        raise SystemExit(f"{wheels}: no wheel of trl")
    with zipfile.ZipFile(paths[0]) as z:
        texts = {os.path.basename(n)[:-6]: z.read(n).decode() for n in z.namelist() if n.startswith("trl/chat_templates/") and n.endswith(".jinja")}
    wrong = total = said = left = 0
    for name in sorted(t for t in texts if t + "_training" in texts):
        rng = random.Random(f"{seed} {name}")
        lines = [line for line in (conversation(rng, False) for _ in range(2 * count)) if in_turns(line)][:count]
        with tempfile.TemporaryDirectory() as folder:
            out, got = prepare(program, folder, lines, texts[name])
            if out is None:  # all that can be said of one is the first
                out, got = prepare(program, folder, lines[:1], texts[name], bad=[])
                print(f"{name:32} refused: {got[got.find('line 1: ') :][:120]}")
                continue
            tokenizer = PreTrainedTokenizerFast.from_pretrained(out)
            tokenizer.chat_template = texts[name + "_training"]
            ask = [{"role": "user", "content": "?"}]
            prompt = tokenizer.apply_chat_template(ask, tokenize=False, add_generation_prompt=True, chat_template=texts[name])
            kept = []
            for line in lines:
                text = rendered(tokenizer, line, texts[name])
                if text is not None and text == rendered(tokenizer, line, texts[name + "_training"]):
                    kept.append(line)
            wanted = [(line, e) for line in kept if (e := expected(tokenizer, line)) is not None]
            differ, answers, unlearned = 0, 0, 0
            if wanted:
                out, got = prepare(program, folder, [line for line, _ in wanted], texts[name], out)
                differ, answers, unlearned = compare_twin(tokenizer, name, got, wanted, prompt) if out else (len(wanted), 0, 0)
        print(f"{name:32} {len(wanted):4} of {len(lines)} conversations that its twin writes alike, {answers:4} answers, {unlearned:3} read only, {differ} differences")
        wrong, total, said, left = wrong + differ, total + len(wanted), said + answers, left + unlearned
    print(f"{total} conversations by published templates, {said} answers, {left} read only, {wrong} differences")
    return wrong


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bitllama", required=True)
    p.add_argument("--templates", required=True)
    p.add_argument("--wheels")
    p.add_argument("--count", type=int, default=300)
    p.add_argument("--seed", type=int, default=1)
    o = p.parse_args()
    wrong = own(o.bitllama, o.templates, o.count, o.seed)
    if o.wheels:
        wrong += published(o.bitllama, o.wheels, min(o.count, 60), o.seed)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
