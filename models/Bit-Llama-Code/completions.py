#!/usr/bin/env python3
"""Prompts out of held-out Python source, and the share of their completions that parse.

completions.py prompts TEXT FOLDER COUNT    FOLDER/N.prompt: the start of a document of TEXT up to a def, in any of which
                                            the text would parse with a body; at most 6,000 bytes, at least 20 lines
completions.py judge FOLDER                 what a model wrote after them, FOLDER/N.out (a line of generate --json), and what
                                            stood there, FOLDER/N.rest: whether functions end, and parse with what is before

A function ends where a line begins left of its body, which with what follows it does not count, or where the model ends its text.
One that does not end in what was written does not parse.  Documents end at lines <|endoftext|>.
"""
import ast
import json
import os
import sys
import warnings


def parses(text):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def indent(line):
    return len(line) - len(line.lstrip(" \t"))


def prompts(text, folder, count):
    os.makedirs(folder, exist_ok=True)
    made = 0
    with open(text, encoding="utf-8") as file:
        documents = file.read().split("<|endoftext|>\n")
    for document in documents:
        lines = document.split("\n")
        size = sum(len(line.encode()) + 1 for line in lines[:20])
        for i in range(20, len(lines) - 1):
            size += len(lines[i].encode()) + 1
            if size > 6000 or made == count:
                break
            line = lines[i]
            if not line.lstrip().startswith("def ") or not line.endswith(":"):
                continue
            head = "\n".join(lines[:i + 1]) + "\n"
            if indent(lines[i + 1]) > indent(line) and parses(head + " " * (indent(line) + 1) + "pass\n"):
                made += 1
                with open(os.path.join(folder, f"{made}.prompt"), "w", encoding="utf-8") as out:
                    out.write(head)
                with open(os.path.join(folder, f"{made}.rest"), "w", encoding="utf-8") as out:
                    out.write("\n".join(lines[i + 1:]))
                break
    print(made)


def function_of(prompt, text):
    """The body in a continuation, or None when it does not end."""
    level = indent(prompt.rstrip("\n").split("\n")[-1])
    lines = text.split("\n")
    for i, line in enumerate(lines):
        # the last line may go on; brackets and quotations may hold lines that begin anywhere
        if line.strip() and indent(line) <= level and i < len(lines) - 1:
            body = "\n".join(lines[:i])
            if line.lstrip()[0] not in ")]}" and body.count('"""') % 2 == 0 and body.count("'''") % 2 == 0:
                return body + "\n"
    return None


def judge(folder):
    for suffix, name in (("out", "the model"), ("rest", "what stood there")):
        asked = ended = right = 0
        for entry in sorted(os.listdir(folder)):
            stem = entry[:-len(".prompt")]
            path = os.path.join(folder, f"{stem}.{suffix}")
            if not entry.endswith(".prompt") or not os.path.exists(path):
                continue
            with open(os.path.join(folder, entry), encoding="utf-8") as file:
                prompt = file.read()
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
            if suffix == "out":
                written = json.loads(text)
                text = written["text"]
            if suffix == "rest" or written["ended"] != "length":
                text += "\nend\n"
            body = function_of(prompt, text)
            asked += 1
            ended += body is not None
            right += body is not None and bool(body.strip()) and parses(prompt + body)
        if asked:
            print(f"| {name} | {asked} | {ended / asked:.3f} | {right / asked:.3f} |")


if len(sys.argv) == 5 and sys.argv[1] == "prompts":
    prompts(sys.argv[2], sys.argv[3], int(sys.argv[4]))
elif len(sys.argv) == 3 and sys.argv[1] == "judge":
    judge(sys.argv[2])
else:
    sys.exit(__doc__)
