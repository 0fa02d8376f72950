"""The tokenizer and chat templates, against the command line."""

import json
import os
import shutil
import unittest

import bitllama

from . import support

TEXTS = ["", "Once upon a time", "  two  spaces ", "für 本 \U0001f600!", "a\u0301e\u0301", "line\nline\n\n\tx", "\0\x01",
         "<|endoftext|>", "x" * 500]
TALK = [{"role": "user", "content": "Who is thére? <|endoftext|>"}, {"role": "assistant", "content": "Mia."}]


def prefixed(text):
    """The text as these tokenizers encode it: with a space in front."""
    return text if text[:1] in ("", " ") else " " + text


class Tokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.t = bitllama.Tokenizer(os.path.join(support.run(), "tokenizer.json"))

    def test_ids_are_those_of_the_program(self):
        for text in TEXTS[1:-1]:
            if "\0" in text:
                continue
            printed = support.program("tokenize", "-m", support.run(), "--no-special", "-p", text)
            self.assertEqual(self.t.encode(text, split_special_tokens=True), [int(one) for one in printed.split()], text)

    def test_back_and_forth(self):
        for text in TEXTS:
            ids = self.t.encode(text)
            if text != "<|endoftext|>":
                self.assertEqual(self.t.decode(ids), prefixed(text))
                self.assertEqual(b"".join(self.t.token_bytes(one) for one in ids), prefixed(text).encode())
        self.assertEqual(self.t.encode_batch(TEXTS), [self.t.encode(text) for text in TEXTS])
        self.assertEqual(self.t.encode_batch([]), [])

    def test_special_tokens(self):
        (end,) = self.t.encode("<|endoftext|>")
        self.assertTrue(self.t.is_special(end))
        self.assertGreater(len(self.t.encode("<|endoftext|>", split_special_tokens=True)), 1)
        self.assertEqual((self.t.decode([end]), self.t.decode([end], skip_special_tokens=True)), ("<|endoftext|>", ""))
        self.assertEqual(self.t.token_to_id("<|endoftext|>"), end)
        self.assertEqual(self.t.find(b"e"), self.t.encode(" e")[-1])
        self.assertTrue(self.t.prefix_space)
        self.assertIsNone(self.t.find(b"no such token"))

    def test_offsets_are_characters(self):
        for text in TEXTS:
            ids, offsets = self.t.encode_with_offsets(text)
            self.assertEqual(ids, self.t.encode(text))
            for id, (start, end) in zip(ids, offsets):
                piece = self.t.token_bytes(id)
                self.assertTrue(piece in text[start:end].encode() or piece.lstrip() == text[start:end].encode(),
                                (piece, text[start:end]))
                if piece == text[start:end].encode():
                    self.assertEqual(self.t.decode([id]), text[start:end])
            if text:
                self.assertEqual((offsets[0][0], offsets[-1][1]), (0, len(text)))
        out = self.t(["für", "a"], return_offsets_mapping=True)
        self.assertEqual(out["offset_mapping"][1][-1], (0, 1))
        self.assertEqual(len(out["attention_mask"][0]), len(out["input_ids"][0]))
        self.assertEqual(self.t("a")["input_ids"], self.t.encode("a"))

    def test_refused(self):
        with self.assertRaises(UnicodeEncodeError):
            self.t.encode("\ud800")
        with self.assertRaisesRegex(bitllama.BadData, "UTF-8"):
            self.t.encode(b"\xff")
        with self.assertRaises(bitllama.BadData):
            self.t.decode([self.t.vocab_size])
        for id in (-1, self.t.vocab_size, 1 << 40):
            with self.assertRaises(IndexError):
                self.t.token_bytes(id)
        with self.assertRaisesRegex(ValueError, "32 bits"):
            self.t.decode([1 << 40])
        with self.assertRaises(TypeError):
            self.t.encode(5)
        with self.assertRaises(FileNotFoundError):
            bitllama.Tokenizer("/nowhere")

    def test_large(self):
        text = support.TALE * 20000
        ids = self.t.encode(text)
        self.assertEqual(self.t.decode(ids), prefixed(text))

    def test_closed(self):
        other = bitllama.Tokenizer(support.run())
        other.close()
        other.close()
        with self.assertRaisesRegex(ValueError, "the tokenizer is closed"):
            other.encode("a")


class Templates(unittest.TestCase):
    def test_text_and_ids(self):
        with support.model() as model:
            t = model.tokenizer
            text = t.apply_chat_template(TALK, add_generation_prompt=True, tokenize=False)
            self.assertEqual(text, "<|endoftext|>user: Who is thére? <|endoftext|>\nassistant: Mia.\nassistant: ")
            ids = t.apply_chat_template(TALK, add_generation_prompt=True)
            self.assertEqual(t.decode(ids).replace("> user", ">user"), text)
            self.assertEqual(ids.count(t.token_to_id("<|endoftext|>")), 1)  # what the user wrote is no special token
            printed = support.program("template", "-m", support.run(), "--prompt", input=json.dumps(TALK).encode())
            self.assertEqual(printed.rstrip("\n"), text.rstrip("\n"))

    def test_another_template_and_mask(self):
        folder = os.path.join(support.place(), "masked")
        os.makedirs(folder, exist_ok=True)
        shutil.copy(os.path.join(support.run(), "tokenizer.json"), folder)
        path = os.path.join(folder, "chat_template.jinja")
        with open(path, "w", encoding="utf-8") as file:
            file.write("{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
                       "{% endgeneration %}{% elif m.role == 'user' %}{{ m.content }}|{% else %}"
                       "{{ raise_exception('who is that?') }}{% endif %}{% endfor %}")
        with support.model() as model:
            t = model.tokenizer
            self.assertEqual(t.apply_chat_template(TALK[1:], chat_template=path, tokenize=False), "Mia.")
            with self.assertRaisesRegex(bitllama.BadData, "who is that?"):
                t.apply_chat_template([{"role": "nobody", "content": ""}], chat_template=path)
            with self.assertRaises(FileNotFoundError):
                t.apply_chat_template(TALK, chat_template="/nowhere.jinja")
        with bitllama.Tokenizer(folder) as t:
            ids, answers = t.assistant_mask(TALK)
            said = [id for id, one in zip(ids, answers) if one]
            self.assertEqual((t.decode(ids), t.decode(said)), (prefixed(TALK[0]["content"]) + "|Mia.", "Mia."))

    def test_what_ends_an_answer(self):
        folder = os.path.join(support.place(), "ended")
        os.makedirs(folder, exist_ok=True)
        shutil.copy(os.path.join(support.run(), "tokenizer.json"), folder)
        with open(os.path.join(folder, "chat_template.jinja"), "w", encoding="utf-8") as file:
            file.write("{% for m in messages %}{{ m.content }}<|endoftext|>{% endfor %}")
        with open(os.path.join(folder, "generation_config.json"), "w", encoding="utf-8") as file:
            file.write('{"eos_token_id": [7, 9]}')
        with bitllama.Tokenizer(folder) as tokenizer:
            mark = tokenizer.token_to_id("<|endoftext|>")
            self.assertEqual(tokenizer.answer_ends(), [mark, 7, 9])

    def test_no_template(self):
        with self.assertRaises(FileNotFoundError):
            bitllama.Tokenizer(support.data()).answer_ends()
        with self.assertRaises(FileNotFoundError):
            bitllama.Tokenizer(support.data()).apply_chat_template(TALK)
