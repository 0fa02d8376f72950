"""Data folders, tokenizers and training: the runs of the command line, to the bit, by run() and by steps."""

import contextlib
import io
import json
import os
import shutil
import signal
import unittest

import bitllama
from bitllama import TrainEventKind

from . import support


def folder(name):
    path = os.path.join(support.place(), name)
    shutil.rmtree(path, ignore_errors=True)
    return path


def weights(run):
    """The weights that a run has ended with."""
    with open(os.path.join(run, "model.safetensors"), "rb") as file:
        return file.read()


class Preparing(unittest.TestCase):
    def test_the_folder_of_the_program(self):
        out, told = folder("data-python"), []
        result = bitllama.prepare("tales", out, tales_bytes=100000, vocab_size=300,
                                  progress=lambda *about: told.append(about))
        for name in ("train.bin", "val.bin", "tokenizer.json"):
            with open(os.path.join(out, name), "rb") as mine, open(os.path.join(support.data(), name), "rb") as theirs:
                self.assertEqual(mine.read(), theirs.read(), name)
        self.assertEqual(result.vocab_size, 300)
        with open(os.path.join(out, "meta.json"), encoding="utf-8") as file:
            meta = json.load(file)
        self.assertEqual((result.tokens - result.val_tokens, result.documents - result.val_documents),
                         (meta["train"]["tokens"], meta["train"]["documents"]))
        self.assertTrue(told)
        self.assertEqual(bitllama.advise(out).vocab_size, 300)

    def test_a_tokenizer(self):
        source, path = folder("source.txt"), folder("learned.json")
        with open(source, "w", encoding="utf-8") as file:
            file.write(support.TALE * 200)
        with bitllama.train_tokenizer(source, path, vocab_size=280) as t:
            self.assertLessEqual(t.vocab_size, 280)
            self.assertLess(len(t.encode(support.TALE)), len(support.TALE))
        self.assertEqual([one for one in os.listdir(support.place()) if one.startswith(".tokenizer-")], [])
        with self.assertRaises(TypeError):
            bitllama.train_tokenizer(source, path, tokenizer=path)
        with self.assertRaises(FileNotFoundError):
            bitllama.train_tokenizer("/nowhere.txt", path)

    def test_refused(self):
        with self.assertRaisesRegex(TypeError, "'lr'"):
            bitllama.prepare("tales", folder("no"), lr=1)
        with self.assertRaisesRegex(ValueError, "`vocab_size`"):
            bitllama.prepare("tales", folder("no"), vocab_size=1)
        with self.assertRaises(FileNotFoundError):
            bitllama.prepare(["/nowhere.txt"], folder("no"))


class Training(unittest.TestCase):
    def test_the_run_of_the_program(self):
        out, events = folder("run-train"), []
        model = bitllama.train(support.data(), out, callback=events.append, **support.SHAPE)
        self.assertEqual(weights(out), weights(support.run()))
        self.assertEqual(model.fingerprint(), support.model().fingerprint())
        steps = [event for event in events if event.kind is TrainEventKind.STEP]
        self.assertEqual([event.step for event in steps], list(range(1, 21)))
        self.assertEqual((events[0].kind, events[-1].kind), (TrainEventKind.START, TrainEventKind.END))
        (layer, *_) = next(event.layers for event in events if event.kind is TrainEventKind.EVAL)
        self.assertGreater(layer.half_life_max, 0)

    def test_by_steps(self):
        out, losses = folder("run-steps"), []
        with bitllama.Trainer(support.data(), out, **support.SHAPE) as trainer:
            result = trainer.step(0)
            self.assertEqual((result.step, result.steps), (0, 20))
            while result.step < result.steps:
                result = trainer.step(3)
                losses.append(result.loss)
            self.assertEqual(len(losses), 7)
            self.assertLess(losses[-1], losses[0])
            self.assertGreater(trainer.evaluate().loss, 0)
            self.assertTrue(os.path.isdir(trainer.save_checkpoint()))
            with trainer.model() as now:
                text = now.generate("Once", temperature=0, max_new_tokens=10)
            trainer.run()
        self.assertEqual(weights(out), weights(support.run()))
        self.assertEqual(support.model().generate("Once", temperature=0, max_new_tokens=10), text)
        with self.assertRaises(bitllama.Closed):
            trainer.step()
        with self.assertRaises(bitllama.Closed):
            trainer.stop()

    def test_stopped_by_a_callback_and_resumed(self):
        out = folder("run-stopped")

        def stop(event):
            if event.kind is TrainEventKind.STEP and event.step == 7:
                raise bitllama.StopTraining

        with bitllama.Trainer(support.data(), out, **support.SHAPE) as trainer:
            trainer.run(stop)
            self.assertEqual(trainer.step(0).step, 7)
        bitllama.train(support.data(), out, resume="auto", **support.SHAPE)
        self.assertEqual(weights(out), weights(support.run()))

    def test_ctrl_c(self):
        out, steps = folder("run-interrupted"), []

        def interrupt(event):
            if event.kind is TrainEventKind.STEP:
                steps.append(event.step)
                if event.step == 5:
                    os.kill(os.getpid(), signal.SIGINT)

        with self.assertRaises(KeyboardInterrupt):
            bitllama.train(support.data(), out, callback=interrupt, **support.SHAPE)
        self.assertEqual(steps[-1], 5)
        with bitllama.Trainer(support.data(), out, resume=True, **support.SHAPE) as trainer:
            self.assertEqual(trainer.step(0).step, 5)
            trainer.run()
        self.assertEqual(weights(out), weights(support.run()))

    def test_a_callback_that_fails(self):
        def fail(event):
            raise ZeroDivisionError("mine")

        with self.assertRaisesRegex(ZeroDivisionError, "mine"):
            bitllama.train(support.data(), folder("run-fails"), callback=[fail], **support.SHAPE)

    def test_closed_in_its_callback(self):
        with bitllama.Trainer(support.data(), folder("run-closed"), **support.SHAPE) as trainer:
            with self.assertRaises(bitllama.Interrupted):
                trainer.run(lambda event: trainer.close())
        with self.assertRaises(bitllama.Closed):
            trainer.run()

    def test_rows_of_the_program(self):
        how = dict(support.SHAPE, init=support.run(), schedule="constant", lr=1e-3)
        for name in ("hidden_size", "intermediate_size", "num_hidden_layers"):
            del how[name]
        with bitllama.Trainer(None, **how) as trainer:
            rows = [[(3 * i + j) % 7 + 10 for j in range(33)] for i in range(4)]
            losses = [trainer.step_on(rows).loss for _ in range(10)]
            self.assertLess(losses[-1], losses[0])
            masked = trainer.step_on(rows, mask=[[0] * 31 + [1]] * 4)
            self.assertNotEqual(masked.loss, losses[-1])
            with self.assertRaises(ValueError):
                trainer.step_on([[1, 2], [3]])
            with self.assertRaises(ValueError):
                trainer.step_on(rows, mask=[[1]])
            with self.assertRaises(ValueError):
                trainer.step_on([])
            with self.assertRaises(bitllama.BadData):
                trainer.step_on([[1, 999]])
            with self.assertRaises(ValueError):
                trainer.step()
            self.assertIsNone(trainer.path)
            model = trainer.model()
        self.assertTrue(model.session().feed([10]) is not None)

    def test_several_corpora(self):
        other, events = folder("data-two"), []
        bitllama.prepare("tales", other, tales_bytes=100000, seed=1, tokenizer=support.data())
        data = {support.data(): 2.0, other: 1.0}
        with bitllama.Trainer(data, folder("run-two"), **dict(support.SHAPE, steps=2)) as trainer:
            trainer.run(events.append)
        last = events[-1]
        self.assertEqual([round(one.weight, 6) for one in last.corpora], [0.666667, 0.333333])

    def test_options(self):
        with self.assertRaisesRegex(TypeError, "'temperature'"):
            bitllama.Trainer(support.data(), folder("no"), temperature=1)
        with self.assertRaisesRegex(ValueError, "`batch`"):
            bitllama.Trainer(support.data(), folder("no"), batch=0)
        with self.assertRaises(ValueError):
            bitllama.Trainer(support.data(), None)
        with self.assertRaises(ValueError):
            bitllama.Trainer(support.data(), support.run(), **support.SHAPE)  # holds a run
        help_text = bitllama.train.__doc__ + bitllama.Trainer.__init__.__doc__
        for name in ("weight_decay", "hidden_size", "resume", "peak learning rate"):
            self.assertIn(name, help_text)

    def test_the_bar(self):
        try:
            import tqdm  # noqa: F401
        except ImportError:
            self.skipTest("no tqdm here")
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            bitllama.train(support.data(), folder("run-bar"), progress_bar=True, **support.SHAPE)
        self.assertIn("20/20", said.getvalue())
