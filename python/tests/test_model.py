"""Models and sessions: the values of the command line, and of themselves by other ways."""

import json
import math
import os
import struct
import unittest

import bitllama

from . import support

PROMPT = "Once upon a time"


def floats(view):
    """The numbers of a view, with numpy or without."""
    return [float(one) for one in view]


def npy(path):
    """The rows of a .npy file of float32."""
    with open(path, "rb") as file:
        data = file.read()
    head = struct.unpack("<H", data[8:10])[0]
    rows, width = eval(data[10:10 + head])["shape"]
    values = struct.unpack("<%df" % (rows * width), data[10 + head:])
    return [list(values[i * width:(i + 1) * width]) for i in range(rows)]


class Models(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = support.model()

    # ---- against the program ----

    def test_greedy_text(self):
        printed = support.program("generate", "-m", support.run(), "-p", PROMPT, "--temperature", "0", "--max-tokens", "60")
        text = self.model.generate(PROMPT, temperature=0, max_new_tokens=60)
        self.assertEqual(printed.rstrip("\n"), text.rstrip("\n"))

    def test_sampled_text(self):
        for seed in range(3):
            printed = support.program("generate", "-m", support.run(), "-p", PROMPT, "--seed", str(seed), "--max-tokens",
                                      "40", "--repeat-penalty", "1.3", "--top-k", "20")
            text = self.model.generate(PROMPT, seed=seed, max_new_tokens=40, repeat_penalty=1.3, top_k=20)
            self.assertEqual(printed.rstrip("\n"), text.rstrip("\n"))

    def test_loss(self):
        path = os.path.join(support.place(), "tale.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write(support.TALE * 40)
        printed = json.loads(support.program("eval", "-m", support.run(), "--data", path, "--json"))
        points = []
        result = self.model.evaluate(path, points=points)
        self.assertAlmostEqual(result.loss, printed["loss"], places=7)
        self.assertEqual(result.tokens, printed["tokens"])
        self.assertEqual(sum(one.tokens for one in points), result.tokens)
        ids = self.model.tokenizer.encode((support.TALE * 40).strip()) + [self.model.info.eos]
        score = self.fed([self.model.info.bos]).score(ids)
        self.assertEqual(score.tokens, result.tokens)
        self.assertAlmostEqual(-score.log_probability / score.tokens, result.loss, places=6)

    def test_logits(self):
        ids = self.model.tokenizer.encode(support.TALE)
        path = os.path.join(support.place(), "logits.npy")
        support.program("logits", "-m", support.run(), "--ids", ",".join(map(str, ids)), "-o", path)
        rows = npy(path)
        each = self.model.session().feed_each(ids)
        self.assertEqual([floats(row) for row in each.tolist()], rows)
        session = self.model.session()
        for id, row in zip(ids, rows):
            self.assertEqual(floats(session.feed([id])), row)
        self.assertEqual(floats(session.logits), rows[-1])

    # ---- writing ----

    def test_a_stream_is_the_text(self):
        for how in (dict(temperature=0, seed=4), dict(seed=5), dict(seed=6, stop=["e", "zz"]), dict(seed=7, stop="a t"),
                    dict(seed=8, grammar='root ::= "yes" | "no" [a-z]*'), dict(seed=9, ignore_eos=True)):
            whole = self.model.generate(PROMPT, max_new_tokens=50, **how)
            self.assertEqual("".join(self.model.generate(PROMPT, max_new_tokens=50, stream=True, **how)), whole, how)
            one, other = self.model.session(), self.model.session()
            one.generate(PROMPT, max_new_tokens=50, **how)
            for _ in other.tokens(PROMPT, max_new_tokens=50, **how):
                pass
            for name in ("tokens", "prompt_tokens", "ended", "stopped", "whole", "waiting_bytes"):
                self.assertEqual(getattr(one.result, name), getattr(other.result, name), (how, name))
            self.assertEqual(one.save_bytes(), other.save_bytes(), how)

    def test_stop_texts(self):
        text = self.model.generate(PROMPT, temperature=0, max_new_tokens=60)
        stop = text[10:13]
        for stream in (False, True):
            out = self.model.generate(PROMPT, temperature=0, max_new_tokens=60, stop=["never", stop], stream=stream)
            self.assertEqual("".join(out), text[:text.index(stop)])
        session = self.model.session()
        session.generate(PROMPT, temperature=0, max_new_tokens=60, stop=["never", stop])
        self.assertEqual(session.result.stopped, 2)

    def test_several_prompts(self):
        prompts = [PROMPT, "A hero", ""]
        texts = self.model.generate(prompts, temperature=0, max_new_tokens=20)
        self.assertEqual(texts, [self.model.generate(one, temperature=0, max_new_tokens=20) for one in prompts])
        self.assertEqual(self.model.generate([]), [])
        self.assertEqual(list(self.model.generate([], stream=True)), [])
        self.assertEqual(self.model.generate(prompts, max_new_tokens=0), [""] * 3)
        for bad in (["a", 5], [["a"]], [[1, 2]]):
            with self.assertRaises(TypeError):
                self.model.generate(bad)
        with self.assertRaises(bitllama.BadData):
            self.model.generate(["a", b"\xff"])
        with self.assertRaises(ValueError):
            self.model.generate(prompts, batch_size=0)

    def test_a_list_is_what_each_is_alone(self):
        """Of whatever length, with whatever ends a reply, in batches smaller than the list."""
        prompts = ["", "a", "Once upon a time", "für 本", " ", "<|endoftext|>", support.TALE * 40, "b\nc"] * 3
        e = self.model.tokenizer.find(b"e")
        for how in (dict(temperature=0), dict(seed=5, repeat_penalty=1.3), dict(seed=6, stop=["e", "zz"]),
                    dict(seed=7, stop="a t", max_new_tokens=1), dict(seed=8, grammar='root ::= ("a" | "bc ")+ "!"'),
                    dict(seed=8, grammar='root ::= ("a" | "bc ")+ "!"', finish=False, ignore_eos=True),
                    dict(seed=9, ignore_eos=True, logit_bias={e: -5.0}), dict(seed=1, special=True, top_k=0),
                    dict(seed=2, json_schema={"type": "string"}, max_new_tokens=12)):
            how = dict(dict(max_new_tokens=25), **how)
            alone = [self.model.generate(one, **how) for one in prompts]
            for size in (1, 3, 64, None):
                self.assertEqual(self.model.generate(prompts, batch_size=size, **how), alone, (size, how))
            texts = [""] * len(prompts)
            for which, piece in self.model.generate(prompts, stream=True, batch_size=4, **how):
                self.assertTrue(piece)
                texts[which] += piece
            self.assertEqual(texts, alone, how)
        many = self.model.generate(["a"] * 40, max_new_tokens=5, temperature=5.0, top_k=0, top_p=1.0)
        self.assertGreater(len(set(many)), 10)  # without a seed each has its own

    def test_lists_are_scored(self):
        texts = [support.TALE, "a", PROMPT]
        self.assertEqual(self.model.score(texts), [self.model.score(one) for one in texts])
        choices = [" a time", "", "on", "\u0308 b"]
        for context in ("Once upon", "Once upon ", ""):
            self.assertEqual(self.model.loglikelihood(context, choices),
                             [self.model.loglikelihood(context, one) for one in choices])
        self.assertEqual(self.model.loglikelihood("a", []), [])

    def test_schema_and_grammar(self):
        schema = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 5}}, "required": ["name"]}
        written = self.model.generate(PROMPT, max_new_tokens=60, json_schema=schema, seed=3)
        self.assertIsInstance(json.loads(written)["name"], str)
        grammar = bitllama.Grammar(self.model, 'root ::= ("a" | "b") "!"')
        for text in self.model.generate(["x", "y"], grammar=grammar, max_new_tokens=9):
            self.assertIn(text, ("a!", "b!"))
        with self.assertRaises(bitllama.BadData):
            self.model.generate(PROMPT, grammar="root ::= (")
        with self.assertRaises(TypeError):
            self.model.generate(PROMPT, grammar=grammar, json_schema=schema)

    def test_biases(self):
        id = self.model.tokenizer.find(b"e")
        text = self.model.generate(PROMPT, logit_bias={id: 1000.0}, max_new_tokens=5, temperature=0)
        self.assertEqual(text, "eeeee")
        self.assertNotIn("eeeee", self.model.generate(PROMPT, logit_bias={id: -math.inf}, max_new_tokens=5, seed=1))

    def test_tokens_tell_their_likelihood(self):
        session = self.model.session()
        events = list(session.tokens(PROMPT, max_new_tokens=8, temperature=0, logprobs=3))
        for event in events:
            self.assertEqual(event.likeliest[0], event.id)
            self.assertEqual(event.likeliest_log_probabilities[0], event.log_probability)
        ids = self.model.tokenizer.encode(PROMPT)
        other = self.model.session()
        other.feed([self.model.info.bos] + ids)
        each, greedy = other.score_each([event.id for event in events])
        self.assertTrue(all(greedy))
        for one, event in zip(each, events):
            self.assertAlmostEqual(one, event.log_probability, places=9)

    def test_between_two_tokens(self):
        """The session is at the token that was given last, and can be used."""
        how = dict(max_new_tokens=12, seed=3, ignore_eos=True)
        expected = self.model.session()
        expected.generate(PROMPT, **dict(how, max_new_tokens=5))
        session = self.model.session(undo=1)
        tokens = session.tokens(PROMPT, **how)
        ids = [next(tokens).id for _ in range(5)]
        self.assertEqual((session.pending, session.result.tokens), (ids[-1], 5))
        self.assertEqual(session.save_bytes(), expected.save_bytes())
        self.assertEqual(session.fork().generate("", **how), expected.fork().generate("", **how))
        session.score("a")
        self.assertEqual(next(tokens).position, session.position)
        session.undo()  # what goes on has read nothing
        self.assertEqual((next(tokens).position, session.position), (1, 1))
        tokens.close()
        nothing = self.model.session()
        self.assertEqual(list(nothing.tokens(PROMPT, max_new_tokens=0)), [])
        self.assertEqual(nothing.result.prompt_tokens, len(self.model.tokenizer.encode(PROMPT)) + 1)

    def test_options(self):
        for how in (dict(top_q=3), dict(max_tokens=3, max_new_tokens=3), dict(lr=1)):
            with self.assertRaises(TypeError):
                self.model.generate(PROMPT, **how)
        with self.assertRaisesRegex(ValueError, "`top_p`"):
            self.model.generate(PROMPT, top_p=2)
        with self.assertRaises(ValueError):
            self.model.generate(PROMPT, seed="a\0b")
        self.assertEqual(self.model.generate(PROMPT, max_new_tokens=0), "")
        with self.assertRaises(TypeError):
            self.model.generate([1, 2])
        with self.assertRaises(TypeError):
            self.model.generate(5)

    # ---- how likely ----

    def test_scores(self):
        score = self.model.score(support.TALE)
        each, _ = self.fed([self.model.info.bos]).score_each(support.TALE)
        self.assertAlmostEqual(sum(each), score.log_probability, places=9)
        logits = floats(self.fed([self.model.info.bos]).logits)
        first = self.model.tokenizer.encode(support.TALE)[0]
        most = max(logits)
        self.assertAlmostEqual(each[0], logits[first] - most - math.log(sum(math.exp(one - most) for one in logits)), places=4)

    def fed(self, ids):
        session = self.model.session()
        session.feed(ids, logits=False)
        return session

    def test_loglikelihood(self):
        for context, continuation in (("Once upon", " a time"), ("Once upon ", "a time"), ("", "Once"), ("a", "")):
            value, greedy = self.model.loglikelihood(context, continuation)
            whole = self.model.score(context + continuation).log_probability
            self.assertAlmostEqual(value, whole - self.model.score(context.rstrip()).log_probability, places=4)
        text = self.model.generate(PROMPT, temperature=0, max_new_tokens=3)
        self.assertIsInstance(self.model.loglikelihood(PROMPT, text)[1], bool)

    # ---- the rest of a model ----

    def test_what_it_is(self):
        info = self.model.info
        self.assertEqual((info.hidden_size, info.layers, info.vocab_size), (64, 2, 300))
        self.assertEqual(self.model.config["hidden_size"], "64")
        self.assertEqual(self.model.num_parameters(), info.parameters)
        self.assertEqual(len(self.model.fingerprint()), 32)
        self.assertTrue(os.path.samefile(os.path.commonpath([self.model.path, support.run()]), support.run()))
        self.assertIn("cpu", [one.name for one in bitllama.devices() if one.usable])

    def test_exported(self):
        folder = os.path.join(support.place(), "exported")
        self.model.save_pretrained(folder, dtype="f32")
        with bitllama.BitLlama.from_pretrained(folder, device="cpu", threads=1) as other:
            self.assertEqual(other.fingerprint(), self.model.fingerprint())
            self.assertEqual(other.generate(PROMPT, seed=4), self.model.generate(PROMPT, seed=4))
        with self.assertRaises(ValueError):
            self.model.save_pretrained(support.data())
        with self.assertRaises(ValueError):
            self.model.save_pretrained(folder + "2", dtype="f3")

    def test_random(self):
        with bitllama.BitLlama.random(preset="tiny", vocab_size=100, ttt_layer_type="mlp", tie_word_embeddings=False) as m:
            self.assertIsNone(m.tokenizer)
            self.assertEqual(len(m.session().feed([1, 2, 3])), 100)
            with self.assertRaises(bitllama.Unsupported):
                m.session().generate("a")
            with self.assertRaises(bitllama.Unsupported):
                m.session().feed("a")

    def test_not_there_or_no_model(self):
        with self.assertRaisesRegex(FileNotFoundError, "/nowhere"):
            bitllama.BitLlama.from_pretrained("/nowhere")
        with self.assertRaises(OSError):
            bitllama.BitLlama.from_pretrained(os.path.join(support.place(), "nothing"))
        with self.assertRaises(bitllama.DeviceError):
            bitllama.BitLlama.from_pretrained(support.run(), device="cuda:77")
        with self.assertRaises(ValueError):
            bitllama.BitLlama.from_pretrained(support.run(), threads=5000)
        with self.assertRaises(ValueError):
            bitllama.BitLlama.from_pretrained("a\0b")
        broken = os.path.join(support.place(), "broken")
        os.makedirs(broken, exist_ok=True)
        with open(os.path.join(broken, "config.json"), "w", encoding="utf-8") as file:
            file.write("{")
        with self.assertRaises(bitllama.BitLlamaError):
            bitllama.BitLlama.from_pretrained(broken)


class Sessions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = support.model()

    def test_files_and_forks(self):
        one = self.model.session()
        one.generate(PROMPT, max_new_tokens=10, seed=1)
        path = os.path.join(support.place(), "me.mem")
        one.save(path)
        with open(path, "rb") as file:
            self.assertEqual(file.read(), one.save_bytes())
        fork, loaded, read = one.fork(), self.model.session(), self.model.session()
        loaded.load(path)
        read.load_bytes(one.save_bytes())
        texts = [session.generate("", max_new_tokens=20) for session in (one, fork, loaded, read)]
        self.assertEqual(texts, texts[:1] * 4)
        with self.assertRaises(bitllama.BadData):
            read.load_bytes(b"no memory")
        self.assertEqual(read.generate(" ", max_new_tokens=5, temperature=0), one.generate(" ", max_new_tokens=5, temperature=0))

    def test_undo(self):
        session = self.model.session(undo=3)
        states = []
        for act in (lambda: session.feed(PROMPT), lambda: session.generate("x", max_new_tokens=9, seed=3),
                    lambda: session.reset(), lambda: session.feed([5])):
            states.append(session.save_bytes() if session.position else None)
            act()
        for state in reversed(states[1:]):
            session.undo()
            self.assertEqual(session.save_bytes() if session.position else None, state)
        with self.assertRaisesRegex(ValueError, "nothing can be taken back"):
            session.undo()
        with self.assertRaises(ValueError):
            self.model.session().undo()

    def test_logits_stay(self):
        session = self.model.session()
        views = [session.feed([id]) for id in (3, 4, 5)]
        kept = [floats(view) for view in views]
        for id in range(20):
            session.feed([id])
        self.assertEqual([floats(view) for view in views], kept)
        self.assertNotEqual(kept[0], kept[1])
        with self.assertRaises((ValueError, TypeError)):
            views[0][0] = 1.0
        part = session.feed([7])[2:5]
        before = floats(part)
        session.feed([8])
        self.assertEqual(floats(part), before)
        session.close()
        self.assertEqual(floats(part), before)
        self.assertIsNone(self.model.session().feed([1], logits=False))

    def test_one_buffer_is_used_again(self):
        session = self.model.session()
        session.feed([1])
        room = session._logits
        for one in range(10):
            session.feed([one])
            self.assertIs(session._logits, room)
        view = session.feed([1])
        session.feed([2])
        self.assertIsNot(session._logits, room)
        del view

    def test_ids_of_all_kinds(self):
        import array
        session = self.model.session()
        expected = floats(session.feed([1, 2, 3]))
        kinds = [(1, 2, 3), range(1, 4), array.array("i", [1, 2, 3]), array.array("q", [1, 2, 3]), iter([1, 2, 3]),
                 memoryview(array.array("i", [1, 2, 3]))]
        try:
            import numpy
            kinds += [numpy.array([1, 2, 3], dtype=t) for t in (numpy.int32, numpy.int64, numpy.uint8)]
            kinds += [numpy.array([1, 9, 2, 9, 3, 9], dtype=numpy.int32)[::2], list(numpy.array([1, 2, 3]))]
        except ImportError:
            pass
        for kind in kinds:
            self.assertEqual(floats(self.model.session().feed(kind)), expected, type(kind))
        for bad in ([1.5], ["a"], [[1]], None, 5):
            with self.assertRaises(TypeError):
                session.feed(bad)
        with self.assertRaises(ValueError):
            session.feed([1 << 35])
        with self.assertRaisesRegex(bitllama.BadData, "300"):
            session.feed([300])
        with self.assertRaisesRegex(ValueError, "nothing"):
            self.model.session().feed([])

    def test_learning(self):
        path = os.path.join(support.place(), "lesson.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write((support.TALE * 100).strip())
        session = self.model.session(undo=1)
        result = session.learn(path, share=0.05, every=256)
        self.assertGreater(result.consolidations, 1)
        self.assertEqual(result.bytes, len(support.TALE) * 100 - 1)
        heads = session.heads()
        self.assertEqual(len(heads), 2 * int(self.model.config["num_attention_heads"]))
        self.assertGreater(heads[0].distance, 0)
        self.assertEqual([one.distance for one in session.heads(session.fork())], [0.0] * len(heads))
        other = self.model.session()
        other.feed(support.TALE)
        other.merge(session)
        session.restart()
        self.assertEqual(session.position, 0)
        session.undo()
        with self.assertRaises(ValueError):
            session.consolidate(2)
        with self.assertRaises(TypeError):
            session.learn(path, lr=3)
        session.consolidate(0.1)
