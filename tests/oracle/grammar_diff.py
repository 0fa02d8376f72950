#!/usr/bin/env python3
"""Texts under grammars and JSON schemas, of a model that knows neither, by other parsers: Python's json and jsonschema.

usage: grammar_diff.py --bitllama PROGRAM [--samples 125] [--seed 1]

Every text must be whole, JSON, and one for which its schema holds, formats too.
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time

import jsonschema

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "height": {"type": "number", "exclusiveMinimum": 0.3, "maximum": 2.75},
        "born": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"enum": ["red", "green", "\u00e9t\u00e9", None, 1.5]}, "minItems": 1, "maxItems": 3},
        "friends": {"type": "array", "items": {"$ref": "#"}, "maxItems": 2},
    },
    "required": ["name", "age"],
}
SCHEMAS = {
    "any JSON": {},
    "person": PERSON,
    "others named otherwise": {
        "properties": {"a": {"type": "integer"}, "ab": {"type": "null"}, "\"q\"": {"type": "boolean"}, "": {"const": 5}},
        "required": ["ab"],
        "additionalProperties": {"type": "string", "maxLength": 5},
    },
    "formats": {
        "type": "array",
        "prefixItems": [{"type": "string", "format": f} for f in ("date", "time", "date-time", "uuid", "ipv4")],
        "items": {"type": "string", "format": "date"},
        "minItems": 5,
        "maxItems": 7,
    },
    "numbers": {
        "type": "array",
        "items": {
            "anyOf": [
                {"type": "integer", "minimum": -117, "exclusiveMaximum": 3045},
                {"type": "integer", "exclusiveMinimum": 99999},
                {"type": "number", "minimum": -2.5, "maximum": -0.125},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": ["number", "null"], "maximum": -10},
                {"const": -0.1},
            ]
        },
        "maxItems": 6,
    },
    "patterns": {
        "properties": {
            "a": {"pattern": "^[A-Z]{2,4}-\\d+$"},
            "b": {"pattern": "(ab|c\\.)+?x"},
            "c": {"pattern": "^[^a-z\\s\"]{1,5}$|^\\W\\w\\D$"},
            "d": {"pattern": "^.{3}\\\\\"\\t[\\u00e0-\\u00ff]*$"},
        },
        "required": ["a", "b", "c", "d"],
    },
    "one of": {
        "oneOf": [
            {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["kind"]},
            {"type": "object", "properties": {"kind": {"enum": ["dog", "wolf"]}, "packs": {"type": "array", "items": {"type": "boolean"}}}, "required": ["kind"]},
            {"type": "object", "properties": {"scales": {"type": "boolean"}}, "required": ["scales"]},
            {"type": "null"},
        ]
    },
    "all of": {
        "$defs": {
            "named": {"properties": {"name": {"type": "string"}}, "required": ["name"]},
            "tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}, "right": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]}}},
        },
        "allOf": [{"$ref": "#/$defs/named"}, {"properties": {"tree": {"$ref": "#/$defs/tree"}}, "required": ["tree"]}],
    },
}

JSON_GBNF = r"""
root   ::= value
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::=
  "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) # escapes
  )* "\"" ws
number ::= ("-"? ("0" | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9]+)? ws
ws     ::= | " " | "\n" [ \t]{0,20}
"""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command[:3]}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def texts(program, model, flags, samples, seed):
    out = run(program, "generate", "-m", model, "-p", "Once", "--samples", str(samples), "--json", "--seed", str(seed), "--max-tokens", "120",
              "--temperature", "1.5", "--top-k", "0", "--min-p", "0", *flags)
    return [json.loads(line) for line in out.splitlines()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bitllama", required=True)
    parser.add_argument("--samples", type=int, default=125)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    wrong = total = 0
    with tempfile.TemporaryDirectory() as work:
        run(args.bitllama, "prepare", "tales", "--tales-bytes", "300000", "--vocab-size", "2000", "--out", work + "/data")
        run(args.bitllama, "train", "--data", work + "/data", "--out", work + "/run", "--preset", "tiny", "--batch", "2", "--context", "32",
            "--steps", "4", "--no-plot")
        rows = [(name, ["--json-schema", json.dumps(schema)], schema) for name, schema in SCHEMAS.items()]
        rows.append(("JSON in GBNF", ["--grammar", JSON_GBNF], {}))
        for name, flags, schema in rows:
            jsonschema.Draft202012Validator.check_schema(schema)
            validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
            start, different = time.time(), set()
            for reply in texts(args.bitllama, work + "/run", flags, args.samples, args.seed):
                total += 1
                different.add(reply["text"])
                try:
                    assert reply["whole"], "not whole"
                    validator.validate(json.loads(reply["text"]))
                except (AssertionError, ValueError, jsonschema.ValidationError) as why:
                    wrong += 1
                    print(f"{name}, seed {reply['seed']}: {reply['text']!r}: {str(why)[:200]}")
            print(f"{name}: {len(different)} different texts, {time.time() - start:.1f} s")
    print(f"{total} texts of {len(rows)} grammars, {wrong} wrong")
    sys.exit(wrong > 0 or total == 0)


if __name__ == "__main__":
    main()
