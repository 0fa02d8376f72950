"""Lifetimes: closed and used, from callbacks and other threads, in forks, at Ctrl-C, at the end of the process."""

import gc
import os
import sys
import threading
import unittest

import bitllama
from bitllama import _calls
from bitllama.results import LogLevel

from . import support

HEAD = """
import os, signal, sys, threading
import bitllama
model = bitllama.BitLlama.from_pretrained(sys.argv[1])
"""


class Lives(unittest.TestCase):
    def test_use_after_close(self):
        model = support.model()
        session, tokenizer = model.session(undo=1), model.tokenizer
        session.feed("Once")
        other = model.session()
        stream = other.tokens("Once")
        session.close()
        session.close()
        for use in (lambda: session.feed([1]), lambda: session.position, lambda: session.fork(), lambda: session.logits,
                    lambda: session.generate("a"), lambda: session.save_bytes(), lambda: session.seed(1),
                    lambda: session.score("a"), lambda: session.heads(), lambda: session.pending, session.reset):
            with self.assertRaisesRegex(bitllama.Closed, "the session is closed"):
                use()
        model.close()
        model.close()
        for use in (model.session, lambda: model.generate("a"), lambda: tokenizer.encode("a"), model.fingerprint,
                    lambda: tokenizer.vocab_size, lambda: model.config, lambda: model.evaluate("x")):
            with self.assertRaisesRegex(ValueError, "the model is closed"):
                use()
        self.assertTrue(next(stream).id >= 0)  # its session is open, and keeps what it needs
        other.close()
        with self.assertRaises(bitllama.Closed):
            next(stream)
            next(stream)

    def test_order_of_the_end(self):
        for _ in range(3):
            model = support.model()
            session = model.session()
            session.feed("Once")
            grammar = bitllama.Grammar(model, 'root ::= "a"')
            things = [model, session, grammar, model.tokenizer]
            del model, session, grammar
            while things:
                things.pop(0)
                gc.collect()

    def test_cycles_are_collected(self):
        session = support.model().session()
        session.me = session
        handle = session._handle
        final = handle._free
        del session, handle
        gc.collect()
        self.assertFalse(final.alive)

    def test_busy(self):
        with support.model() as model:
            session = model.session()
            session.feed("a")
            asked = []

            def tell(stage, done, total, unit):
                for use in (lambda: session.feed([1]), lambda: session.generate("a")):
                    with self.assertRaisesRegex(bitllama.Busy, "the call whose callback this is"):
                        use()
                asked.append(session.position)
                other = threading.Thread(target=self.refused, args=(session,))
                other.start()
                other.join()

            path = os.path.join(support.place(), "busy.txt")
            with open(path, "w", encoding="utf-8") as file:
                file.write(support.TALE * 50)
            session.learn(path, progress=tell)
            self.assertTrue(asked)
            self.assertEqual(self.refusals, ["the session is in use by another thread"] * len(self.refusals))
            self.assertTrue(self.refusals)

    refusals = []

    def refused(self, session):
        try:
            session.feed([1])
        except bitllama.Busy as error:
            self.refusals.append(str(error))

    def test_closed_in_its_own_callback(self):
        model = support.model()
        session = model.session()
        path = os.path.join(support.place(), "close.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write(support.TALE * 50)
        final = session._handle._free

        def tell(*about):
            session.close()
            model.close()

        session.learn(path, progress=tell)
        self.assertFalse(final.alive)
        with self.assertRaises(bitllama.Closed):
            session.feed([1])

    def test_closed_between_two_tokens(self):
        """By another thread, at any moment: no token of a freed session, and freed in the end."""
        with support.model() as model:
            for _ in range(20):
                session, given = model.session(), threading.Event()
                final = session._handle._free

                def close():
                    given.wait()
                    session.close()

                thread = threading.Thread(target=close)
                thread.start()
                with self.assertRaises(bitllama.Closed):
                    for token in session.tokens("Once", max_new_tokens=10**9, ignore_eos=True):
                        given.set()
                thread.join()
                self.assertFalse(final.alive)

    def test_a_callback_that_raises(self):
        class Mine(Exception):
            pass

        def tell(*about):
            raise Mine("enough")

        with support.model() as model:
            path = os.path.join(support.place(), "raise.txt")
            with open(path, "w", encoding="utf-8") as file:
                file.write(support.TALE * 500)
            session = model.session()
            with self.assertRaisesRegex(Mine, "enough"):
                session.learn(path, progress=tell)
            self.assertTrue(session.generate("Once", max_new_tokens=5, temperature=0) is not None)
        with self.assertRaises(Mine):
            bitllama.BitLlama.from_pretrained(support.run(), progress=tell)
        with self.assertRaises(Mine):
            bitllama.prepare(path, os.path.join(support.place(), "never"), vocab_size=300, progress=tell)
        self.assertFalse(os.path.exists(os.path.join(support.place(), "never", "train.bin")))

    def test_threads(self):
        with support.model() as one, support.model() as two:
            expected = one.generate("Once", seed=1, max_new_tokens=80)
            out = []

            def work(model):
                out.append(model.generate("Once", seed=1, max_new_tokens=80))

            threads = [threading.Thread(target=work, args=(model,)) for model in (one, two) * 4]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(out, [expected] * 8)
            session = one.session()
            session.feed("Once")
            scores = []
            threads = [threading.Thread(target=lambda: scores.append(session.score(support.TALE))) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(scores, scores[:1] * 4)

    def test_other_threads_run_meanwhile(self):
        """The GIL is released: a thread gets on while another is in one call of the library."""
        with support.model() as model:
            session, gate, seen = model.session(), threading.Semaphore(0), []

            def look():
                while len(seen) < 1000:
                    gate.acquire()
                    seen.append(session._handle._alone)

            thread, interval = threading.Thread(target=look, daemon=True), sys.getswitchinterval()
            thread.start()
            sys.setswitchinterval(1000)  # nobody else runs but where the GIL is released
            try:
                while True not in seen and len(seen) < 900:
                    gate.release()
                    session.feed([1] * 1000, logits=False)
            finally:
                sys.setswitchinterval(interval)
            self.assertIn(True, seen)

    @unittest.skipUnless(hasattr(os, "fork"), "no fork here")
    def test_fork(self):
        with support.model() as model:
            session = model.session()
            session.feed("Once upon")
            expected = session.fork().generate("x", max_new_tokens=30, seed=2)
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                try:
                    os.write(writing, session.generate("x", max_new_tokens=30, seed=2).encode())
                    os._exit(0)
                except BaseException:
                    os._exit(1)
            os.close(writing)
            with os.fdopen(reading, "rb") as file:
                self.assertEqual(file.read().decode(), expected)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
            self.assertEqual(session.generate("x", max_new_tokens=30, seed=2), expected)

    def test_messages_go_to_logging(self):
        with self.assertLogs("bitllama", "WARNING") as logs:
            _calls._LOG(None, LogLevel.WARNING, b"a warning with % in it")
        self.assertEqual(logs.records[0].getMessage(), "a warning with % in it")


class Interrupts(unittest.TestCase):
    """Ctrl-C, in processes of their own; each sends itself the signal when the call is known to be at work."""

    def ends(self, code, *expected, before=""):
        status, out, errors = support.python(before + HEAD + code, support.run())
        self.assertEqual((status, out.split("\n")[:-1]), (0, list(expected)), errors)

    def test_generate(self):
        self.ends("""
session = model.session()
main = threading.main_thread().ident
def interrupt():
    while not session._handle._alone:
        pass
    signal.pthread_kill(main, signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    session.generate("Once", max_new_tokens=10**9, ignore_eos=True)
except KeyboardInterrupt:
    print("interrupted")
session.generate("", max_new_tokens=3)
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
""", "interrupted", "True")

    def test_a_stream(self):
        self.ends("""
session, count = model.session(), 0
try:
    for text in session.generate("Once", max_new_tokens=10**9, ignore_eos=True, stream=True):
        count += 1
        if count == 20:
            os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted", count)
other = model.session()
list(other.tokens("Once", max_new_tokens=5))
""", "interrupted 20")

    def test_a_list(self):
        self.ends("""
main, held = threading.main_thread().ident, []
session = model.session
from bitllama import batch
step = batch.Batch._step
def noted(self, b):
    held.append(self)
    if len(held) == 20:
        signal.pthread_kill(main, signal.SIGINT)
    step(self, b)
batch.Batch._step = noted
for stream in (False, True):
    del held[:]
    try:
        for _ in model.generate(["a", "b", "c"] * 9, max_new_tokens=10**9, ignore_eos=True, batch_size=4, stream=stream):
            pass
    except KeyboardInterrupt:
        print("interrupted", len(held), held[0]._batch.closed, held[0]._batch.users)
print(model.generate(["a"], temperature=0) == [model.generate("a", temperature=0)])
""", "interrupted 20 True {}", "interrupted 20 True {}", "True")

    def test_tokens(self):
        self.ends("""
session, count = model.session(), 0
main = threading.main_thread().ident
def interrupt():
    while not session._handle._alone:
        pass
    signal.pthread_kill(main, signal.SIGINT)
for _ in range(20):
    tokens = session.tokens("Once", max_new_tokens=10**9, ignore_eos=True)
    next(tokens)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        for token in tokens:
            pass
    except KeyboardInterrupt:
        count += 1
    thread.join()
    session.feed([1])
print(count, session._handle.users)
""", "20 {}")

    def test_a_long_prompt(self):
        self.ends("""
session = model.session()
def tell(stage, done, total, unit):
    os.kill(os.getpid(), signal.SIGINT)
path = "lesson %d.txt" % os.getpid()
with open(path, "w") as file:
    file.write("Once upon a time. " * 20000)
try:
    session.learn(path, progress=tell)
except KeyboardInterrupt:
    print("interrupted", session.position < 20000)
""", "interrupted True")

    def test_the_handler_of_the_program(self):
        self.ends("""
class Mine(Exception):
    pass
def handler(number, frame):
    raise Mine
signal.signal(signal.SIGINT, handler)
session = model.session()
main = threading.main_thread().ident
def interrupt():
    while not session._handle._alone:
        pass
    signal.pthread_kill(main, signal.SIGINT)
threading.Thread(target=interrupt).start()
try:
    session.generate("Once", max_new_tokens=10**9, ignore_eos=True)
except Mine:
    print("mine")
print(signal.getsignal(signal.SIGINT) is handler)
""", "mine", "True")

    def test_another_thread_is_left_alone(self):
        self.ends("""
texts = []
worker = threading.Thread(target=lambda: texts.append(model.generate("Once", max_new_tokens=200, seed=1)))
worker.start()
try:
    os.kill(os.getpid(), signal.SIGINT)
    worker.join()
except KeyboardInterrupt:
    print("interrupted")
worker.join()
print(texts == [model.generate("Once", max_new_tokens=200, seed=1)])
""", "interrupted", "True")

    def test_the_end_of_a_process_with_a_thread_at_work(self):
        """Its call has ended before Python goes, of which it would be the end."""
        for start in ("""
with open("end %d.txt" % os.getpid(), "w") as file:
    file.write("Once upon a time. " * 10**5)
work = lambda: held.learn(file.name)""", """
work = lambda: held.generate("Once", max_new_tokens=10**9, ignore_eos=True)""", """
work = lambda: [None for _ in held.tokens("Once", max_new_tokens=10**9, ignore_eos=True)]""", """
held = bitllama.Trainer(sys.argv[1][:-3] + "data", "at the end", preset="tiny", steps=10**6, batch=2, context=32, samples=False)
work = held.run"""):
            self.ends("""
held = model.session()
""" + start + """
threading.Thread(target=work, daemon=True).start()
while not held._handle._alone:
    pass
print("end")
""", "end", "at rest", before="""
import atexit, time
def last():  # a handle is given back a moment after its call has ended; one that goes on would do so for hours
    until = time.monotonic() + 60
    while held._handle._alone and time.monotonic() < until:
        time.sleep(0.001)
    print("at work" if held._handle._alone else "at rest", flush=True)
atexit.register(last)
""")
