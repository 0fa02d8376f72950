"""lm-evaluation-harness over a local task of tales: its scores against eval and against reading everything."""

import array
import importlib.util
import json
import math
import os
import subprocess
import sys
import types
import unittest

import bitllama

from . import support

# Without a network, and with its caches in our folder; read when the harness is imported.
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
TOLERANCE = 1e-6  # nats a token

CHOICES = """task: tales_ends
dataset_path: json
dataset_kwargs: {data_files: {test: %(file)s}}
test_split: test
output_type: multiple_choice
description: %(description)s
doc_to_text: "{{begin}}"
doc_to_choice: ends
doc_to_target: right
target_delimiter: ""
metric_list: [{metric: acc}, {metric: acc_norm}]
"""
ROLLING = """task: tales_whole
dataset_path: json
dataset_kwargs: {data_files: {test: %(file)s}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{text}}"
metric_list: [{metric: word_perplexity}, {metric: byte_perplexity}, {metric: bits_per_byte}]
"""
WRITING = """task: tales_written
dataset_path: json
dataset_kwargs: {data_files: {test: %(file)s}}
test_split: test
output_type: generate_until
doc_to_text: "{{begin}}"
doc_to_target: "{{written}}"
generation_kwargs: {until: [%(until)s, "no such text"], max_gen_toks: 30}
metric_list: [{metric: exact_match}]
"""
NAMES = ["tales_ends", "tales_whole", "tales_written"]
STOP = "e w"


def setUpModule():
    for name in ("lm_eval", "datasets"):
        if importlib.util.find_spec(name) is None:
            raise unittest.SkipTest("%s is not installed" % name)
    os.environ.update(OFFLINE, HF_HOME=os.path.join(support.place(), "hf"))
    tasks()


def tales(count):
    """Documents of the data folder."""
    ids = array.array("H")
    with open(os.path.join(support.data(), "train.bin"), "rb") as file:
        ids.frombytes(file.read())
    tokenizer, out, text = support.model().tokenizer, [], []
    for id in ids:
        if tokenizer.is_special(id):
            out.append(tokenizer.decode(text).strip())
            text = []
            if len(out) == count:
                return out
        else:
            text.append(id)
    raise AssertionError("there are only %d tales" % len(out))


def tasks():
    """A folder of the three tasks, made once."""
    folder = os.path.join(support.place(), "tasks")
    if os.path.exists(folder):
        return folder
    os.mkdir(folder)
    model, texts = support.model(), tales(24)
    halves = []
    for text in texts:
        at = text.rindex(" ", 0, min(300, len(text) // 2))
        halves.append((text[:at], text[at:at + 60]))
    path = os.path.join(folder, "tales.jsonl")
    with open(path, "w", encoding="utf-8") as file:
        for i, (begin, end) in enumerate(halves):
            ends = [halves[(i + j) % len(halves)][1] for j in range(4)]
            written = model.generate(begin, temperature=0, max_new_tokens=30, stop=[STOP])
            file.write(json.dumps(dict(text=texts[i], begin=begin, ends=ends[i % 4:] + ends[:i % 4], right=-i % 4,
                                       written=written)) + "\n")
    fields = dict(file=json.dumps(path), until=json.dumps(STOP), description=json.dumps(texts[0][:400] + "\n\n"))
    for name, text in zip(NAMES, (CHOICES, ROLLING, WRITING)):
        with open(os.path.join(folder, name + ".yaml"), "w", encoding="utf-8") as file:
            file.write(text % fields)
    return folder


def docs():
    with open(os.path.join(tasks(), "tales.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def requests(*all_arguments):
    return [types.SimpleNamespace(args=arguments) for arguments in all_arguments]


def evaluated(lm, names=NAMES, **how):
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager
    return simple_evaluate(model=lm, tasks=list(names), bootstrap_iters=0, log_samples=True,
                           task_manager=TaskManager(include_path=tasks(), include_defaults=False), **how)


def show(metric, harness, ours, worst):
    """A row of the table of docs/PYTHON.md."""
    print("| %s | %.6f | %.6f | %s |" % (metric, harness, ours, worst if isinstance(worst, str) else "%.1e" % worst), file=sys.stderr)


def read_whole(model, context, continuation):
    """The log-probabilities by one reading of everything, and whether each token is the likeliest."""
    logits = model.session().feed_each(context + continuation).tolist()
    out, greedy = 0.0, True
    for row, id in zip(logits[len(context) - 1:], continuation):
        most = max(row)
        out += row[id] - most - math.log(sum(math.exp(one - most) for one in row))
        greedy = greedy and row.index(most) == id
    return out, greedy


class Harness(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        from bitllama.lm_eval import BitLlamaLM
        cls.model = support.model()
        cls.lm = BitLlamaLM(cls.model)
        cls.results = evaluated(cls.lm)

    # ---- through the harness's evaluator ----

    def test_choices_are_as_by_reading_everything(self):
        samples = self.results["samples"]["tales_ends"]
        self.assertEqual(len(samples), 24)
        worst = right = 0
        for sample in samples:
            values = []
            for (context, continuation), (value, greedy) in zip(
                    [(one["arg_0"], one["arg_1"]) for one in sample["arguments"].values()]
                    if isinstance(sample["arguments"], dict) else sample["arguments"], sample["filtered_resps"]):
                before, after = self.lm._encode_pair(context, continuation)
                expected, likeliest = read_whole(self.model, before, after)
                worst = max(worst, abs(float(value) - expected) / len(after))
                self.assertEqual(str(greedy), str(likeliest))
                self.assertAlmostEqual(self.model.loglikelihood(context, continuation)[0], float(value), places=9)
                values.append(expected)
            right += values.index(max(values)) == sample["doc"]["right"]
        self.assertLess(worst, TOLERANCE)
        accuracy = self.results["results"]["tales_ends"]["acc,none"]
        self.assertAlmostEqual(accuracy, right / 24)
        show("choices, `acc`", accuracy, right / 24, worst)

    def test_rolling_is_as_eval(self):
        worst = loss = size = words = 0
        samples = self.results["samples"]["tales_whole"]
        for sample in samples:
            text = sample["doc"]["text"]
            path = os.path.join(support.place(), "one-tale.txt")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            result = self.model.evaluate(path)
            with self.model.session() as session:  # eval predicts the end of the text, too
                session.feed(self.lm.tok_encode(text), logits=False)
                end = session.score([self.model.info.eos]).log_probability
            by_eval = result.loss * result.tokens + end
            worst = max(worst, abs(by_eval + float(sample["resps"][0][0])) / (result.tokens - 1))
            loss, size, words = loss + by_eval, size + len(text.encode()), words + len(text.split())
        self.assertEqual(len(samples), 24)
        self.assertLess(worst, TOLERANCE)
        told = self.results["results"]["tales_whole"]
        bits = loss / size / math.log(2)
        self.assertAlmostEqual(told["bits_per_byte,none"], bits, places=6)
        show("documents, `bits_per_byte`", told["bits_per_byte,none"], bits, worst)
        self.assertAlmostEqual(math.log(told["word_perplexity,none"]), loss / words, places=5)

    def test_what_is_written_is_what_generate_writes(self):
        exact = self.results["results"]["tales_written"]["exact_match,none"]
        self.assertEqual(exact, 1.0)
        texts = [sample["resps"][0][0] for sample in self.results["samples"]["tales_written"]]
        self.assertEqual(texts, [one["written"] for one in docs()])
        self.assertNotIn(STOP, "|".join(texts))
        same = sum(text == one["written"] for text, one in zip(texts, docs())) / 24
        show("replies, `exact_match`", exact, same, "the same texts")

    def test_a_shared_beginning_is_read_once(self):
        from bitllama.lm_eval import BitLlamaLM
        lm = BitLlamaLM(self.model)
        result = evaluated(lm, NAMES[:1])
        self.assertEqual(result["results"]["tales_ends"]["acc,none"], self.results["results"]["tales_ends"]["acc,none"])
        shared = docs()[0]["text"][:400] + "\n\n"
        contexts = [tuple(lm._encode_pair(shared + one["begin"], " a")[0]) for one in docs()]
        beginnings = {context[:n] for context in contexts for n in range(1, len(context) + 1)}
        self.assertEqual(lm.tokens_read, len(beginnings))
        self.assertLess(3 * lm.tokens_read, 4 * sum(map(len, contexts)))
        read = lm.tokens_read
        lm.loglikelihood(requests(*[("Once upon", end) for end in (" a", " a time", " the", " a")]), disable_tqdm=True)
        self.assertEqual(lm.tokens_read - read, len(lm.tok_encode("Once upon")))

    def test_it_is_found_by_name(self):
        from lm_eval.api.registry import get_model
        from bitllama.lm_eval import BitLlamaLM
        self.assertIs(get_model("bitllama"), BitLlamaLM)
        folder = os.path.join(support.place(), "results")
        above = os.pathsep.join([support.ABOVE] + os.environ.get("PYTHONPATH", "").split(os.pathsep)).rstrip(os.pathsep)
        done = subprocess.run(
            [sys.executable, "-m", "bitllama.lm_eval", "run", "--model", "bitllama", "--model_args",
             "pretrained=%s,threads=1" % support.run(), "--tasks", ",".join(NAMES), "--include_path", tasks(),
             "--limit", "8", "--output_path", folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=support.place(),
            env=dict(os.environ, PYTHONPATH=above))
        self.assertEqual(done.returncode, 0, done.stdout.decode())
        names = [os.path.join(where, one) for where, _, files in os.walk(folder) for one in files]
        self.assertEqual(len(names), 1, names)
        with open(names[0], encoding="utf-8") as file:
            told = json.load(file)
        expected = evaluated(self.lm, limit=8)["results"]
        for name, metric in zip(NAMES, ("acc,none", "bits_per_byte,none", "exact_match,none")):
            self.assertAlmostEqual(told["results"][name][metric], expected[name][metric], places=9)
        self.assertEqual(told["config"]["model_fingerprint"], self.model.fingerprint())

    # ---- the corners ----

    def test_contexts_and_continuations_of_all_kinds(self):
        bos = self.model.info.bos
        spelled = self.model.tokenizer.decode([bos])
        pairs = [("", "Once upon"), ("", ""), ("Once", ""), (" ", "a"), ("Once ", "upon"), ("a", "b"), ("ü 本", " ü"),
                 (spelled + "Once", " upon"), ("", spelled + "Once")]
        got = self.lm.loglikelihood(requests(*pairs), disable_tqdm=True)
        for (context, continuation), (value, greedy) in zip(pairs, got):
            with self.subTest(context=context, continuation=continuation):
                whole = self.lm.tok_encode(context + continuation)
                self.assertEqual(whole.count(bos), 1)
                before = len(self.lm.tok_encode(context.rstrip())) if context else 1
                expected, likeliest = read_whole(self.model, whole[:before], whole[before:])
                self.assertAlmostEqual(value, expected, places=5)
                self.assertEqual(greedy, likeliest)
        self.assertEqual(self.lm.loglikelihood([], disable_tqdm=True), [])
        self.assertEqual(self.lm.loglikelihood_rolling(requests(("",)), disable_tqdm=True), [0.0])

    def test_more_beginnings_than_sessions_are_kept(self):
        pairs = [("a" * n, "b") for n in range(1, 60)]
        got = self.lm.loglikelihood(requests(*pairs), disable_tqdm=True)
        alone = [self.lm.loglikelihood(requests(one), disable_tqdm=True)[0] for one in pairs]
        for (value, greedy), (expected, likeliest) in zip(got, alone):
            self.assertAlmostEqual(value, expected, places=5)

    def write(self, context="Once upon a time", **asked):
        return self.lm.generate_until(requests((context, asked)), disable_tqdm=True)[0]

    def test_generation_kwargs(self):
        whole = self.model.generate("Once upon a time", temperature=0, max_new_tokens=40)
        self.assertEqual(self.write(max_gen_toks=40), whole)
        self.assertEqual(self.write(max_new_tokens=40, until=None, do_sample=False), whole)
        self.assertEqual(self.write(max_gen_toks=40, until=""), whole)
        at = whole[10:13]
        self.assertEqual(self.write(max_gen_toks=40, until=at), whole[:whole.index(at)])
        self.assertEqual(self.write(max_gen_toks=40, until=["no such", at, whole[5:9]]),
                         whole[:min(whole.index(at), whole.index(whole[5:9]))])
        self.assertEqual(self.write(max_gen_toks=0), "")
        self.assertEqual(self.write("", max_gen_toks=20), self.model.generate("", temperature=0, max_new_tokens=20))
        with self.assertRaisesRegex(ValueError, "num_beams"):
            self.write(num_beams=4)

    def test_sampling(self):
        from bitllama.lm_eval import BitLlamaLM
        asked = dict(do_sample=True, temperature=0.9, top_k=20, repetition_penalty=1.1, max_gen_toks=30)
        self.lm, kept = BitLlamaLM(self.model, seed=5), self.lm
        try:
            texts = [self.write(**asked) for _ in range(4)]
        finally:
            self.lm = kept
        self.assertEqual(len(set(texts)), 4)
        self.assertEqual(texts, [self.model.generate("Once upon a time", temperature=0.9, top_k=20, top_p=1, min_p=0,
                                                     repeat_penalty=1.1, seed=5 + i, max_new_tokens=30)
                                 for i in range(4)])

    def test_special_tokens_end_replies(self):
        ids = [token.id for token in self.model.session().tokens("Once upon a time", temperature=0, max_new_tokens=40)]
        whole = self.model.generate("Once upon a time", temperature=0, max_new_tokens=40)
        end = ids[max(map(ids.index, ids))]  # the one that comes last for the first time
        self.lm._ends, ends = (lambda stop: {end}), self.lm._ends
        try:
            text = self.write(max_gen_toks=40)
            self.assertEqual(text.lstrip(), self.model.tokenizer.decode(ids[:ids.index(end)]).lstrip())
            self.assertTrue(whole.startswith(text))
            stop = text[1:3]
            self.assertEqual(self.write(max_gen_toks=40, until=["no such", stop]), text[:text.index(stop)])
        finally:
            self.lm._ends = ends
        self.assertEqual(self.lm._ends([self.model.tokenizer.decode([self.model.info.eos])]), set())

    def test_conversations(self):
        results = evaluated(self.lm, apply_chat_template=True, fewshot_as_multiturn=True)
        sample = results["samples"]["tales_ends"][3]
        one = docs()[3]
        text = json.dumps(sample["arguments"])
        bos = self.model.tokenizer.decode([self.model.info.bos])
        expected = "%ssystem: %s\nuser: %s\nassistant: " % (bos, docs()[0]["text"][:400] + "\n\n", one["begin"])
        self.assertIn(json.dumps(expected)[1:-1], text)
        before, after = self.lm._encode_pair(expected, one["ends"][0])
        self.assertEqual(before.count(self.model.info.bos), 1)
        value = float(sample["filtered_resps"][0][0])
        self.assertAlmostEqual(value / len(after), read_whole(self.model, before, after)[0] / len(after), delta=TOLERANCE)
        begun = self.lm.apply_chat_template([{"role": "user", "content": "Who?"},
                                             {"role": "assistant", "content": "It is"}], add_generation_prompt=False)
        self.assertTrue(begun.endswith("assistant: It is"), begun)
        self.assertEqual(self.lm.chat_template(True), support.TEMPLATE)
        self.assertRegex(self.lm.tokenizer_name, "^bitllama-[0-9a-f]{16}$")


class Transformers(unittest.TestCase):
    """The harness's own model over transformers, with the model in PyTorch: another program, the same scores."""

    def test_the_same_scores(self):
        for name in ("torch", "transformers", "accelerate"):
            if importlib.util.find_spec(name) is None:
                self.skipTest("%s is not installed" % name)
        import bitllama.hf  # noqa: F401
        from lm_eval.models.huggingface import HFLM
        from bitllama.lm_eval import BitLlamaLM
        ours = evaluated(BitLlamaLM(support.run()), limit=2)
        # With add_bos_token the harness's rolling scores bos, too, as a token after bos; without it choices have none.
        theirs = []
        for bos, names in ((True, [NAMES[0], NAMES[2]]), (False, [NAMES[1]])):
            lm = HFLM(support.run(), device="cpu", dtype="float32", batch_size=4, max_length=4096, add_bos_token=bos)
            theirs.append(evaluated(lm, names, limit=2))
        for name, other in zip(NAMES, (theirs[0], theirs[1], theirs[0])):
            for metric in ("acc,none", "acc_norm,none", "bits_per_byte,none", "exact_match,none"):
                if metric in ours["results"][name]:
                    self.assertAlmostEqual(ours["results"][name][metric], other["results"][name][metric], places=4)
            for one, another in zip(ours["samples"][name], other["samples"][name]):
                for mine, its in zip(one["resps"], another["resps"]):
                    self.near(mine[0], its[0])

    def near(self, mine, its):
        if isinstance(mine, tuple):
            self.assertEqual(mine[1], its[1])
            mine, its = mine[0], its[0]
        if isinstance(mine, str):
            self.assertEqual(mine, its)
        else:
            self.assertLess(abs(mine - its), 1e-5 * max(1, abs(its)))


if __name__ == "__main__":
    unittest.main()
