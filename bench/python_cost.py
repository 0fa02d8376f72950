"""What Python costs a token: the package beside one call of the library that has no function of Python's.  And a list of
64 prompts, beside each of them alone and beside a loop of bl_batch_next() that looks at nothing.

    PYTHONPATH=python python3 bench/python_cost.py MODEL [TOKENS [ROUNDS]]

Processor time of the thread, one thread; every round lets each way go on with its text for so many tokens, one way
after the other, and what is compared is its time with that of the library in the same round: the median of the rounds.
"""

import ctypes
import itertools
import statistics
import sys
import time
from ctypes import byref

from bitllama import BitLlama, _calls, _values, capi

model = BitLlama.from_pretrained(sys.argv[1], device="cpu", threads=1)
tokens = int(sys.argv[2]) if len(sys.argv) > 2 else 400
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 25
HOW = dict(ignore_eos=True, seed=1)
ids = [i * 7919 % model.info.vocab_size for i in range(tokens)]


def library():
    """bl_generate() alone."""
    options = _values.options("GENERATE", dict(HOW, max_tokens=tokens))
    result = capi.bl_generate_result(size=ctypes.sizeof(capi.bl_generate_result))
    with model.session() as session, session._handle.alone() as s, options.shared() as o:
        while True:
            _calls.call(capi.bl_generate, s, b"", 0, o, capi.bl_token_fn(), None, byref(result))
            yield


def generate():
    with model.session() as session:
        while True:
            session.generate("", max_new_tokens=tokens, **HOW)
            yield


def stream():
    with model.session() as session:
        while True:
            for _ in session.generate("", stream=True, max_new_tokens=tokens, **HOW):
                pass
            yield


def each_token():
    with model.session() as session:
        events = session.tokens("", max_new_tokens=10**9, **HOW)
        while True:
            for _ in itertools.islice(events, tokens):
                pass
            yield


def feed_library():
    """bl_session_feed() of a token, with logits."""
    logits, error = (ctypes.c_float * model.info.vocab_size)(), capi.bl_error()
    arrays = [(ctypes.c_int32 * 1)(id) for id in ids]
    with model.session() as session, session._handle.alone() as s:
        while True:
            for array in arrays:
                capi.bl_session_feed(s, array, 1, logits, byref(error))
            yield


def feed():
    with model.session() as session:
        while True:
            for id in ids:
                session.feed([id])
            yield


PROMPTS = ["Once upon a time there was number %d" % i for i in range(64)]
EACH = max(1, tokens // 4)


def prompts_alone():
    while True:
        for prompt in PROMPTS:
            model.generate(prompt, max_new_tokens=EACH, **HOW)
        yield


def prompts_in_a_list():
    while True:
        model.generate(PROMPTS, max_new_tokens=EACH, **HOW)
        yield


def prompts_in_a_batch():
    count = len(PROMPTS)
    options = _values.options("GENERATE", dict(HOW, max_tokens=EACH))
    turns, ids, sets = (capi.bl_batch_turn * count)(), (ctypes.c_int32 * count)(), (ctypes.c_void_p * count)()
    while True:
        sessions = [model.session() for _ in PROMPTS]
        words = [_values.ids_array(model.tokenizer.encode(prompt, False, True)) for prompt in PROMPTS]
        with model._handle.shared() as m, options.shared() as o:
            batch = _calls.opened(capi.bl_batch_open, m, count, None)
            for i, session in enumerate(sessions):
                s = session._handle.peek()
                _calls.call(capi.bl_batch_join, batch, s)
                turns[i], sets[i] = capi.bl_batch_turn(s, words[i], len(words[i])), o
            for _ in range(EACH):
                _calls.call(capi.bl_batch_next, batch, turns, count, sets, ids)
                for turn in turns if turns[0].count else ():
                    turn.count = 0
            capi.bl_batch_close(batch)
        yield


def compare(*ways, tokens=tokens, rounds=rounds):
    goes = [way() for way in ways]
    times = [[] for _ in ways]
    for go in goes:
        next(go)  # the session, and the beginning of its text
    for _ in range(rounds):
        for go, took in zip(goes, times):
            start = time.thread_time()
            next(go)
            took.append(time.thread_time() - start)
    for way, took in zip(ways, times):
        print("%-18s %7.1f us a token, median %7.1f; beside the library %.3f" % (
            way.__name__, 1e6 * min(took) / tokens, 1e6 * statistics.median(took) / tokens,
            statistics.median(a / b for a, b in zip(took, times[0]))))


compare(library, generate, stream, each_token)
compare(feed_library, feed)
compare(prompts_in_a_batch, prompts_in_a_list, prompts_alone, tokens=EACH * len(PROMPTS), rounds=max(1, rounds // 5))
