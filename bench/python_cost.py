"""What Python costs a token: the package beside one call of the library that has no function of Python's.

    PYTHONPATH=python python3 bench/python_cost.py MODEL [TOKENS [ROUNDS]]

Processor time of the thread, one thread, the ways in turn; the minimum and the median of the rounds.
"""

import ctypes
import statistics
import sys
import time
from ctypes import byref

from bitllama import BitLlama, _calls, _values, capi

model = BitLlama.from_pretrained(sys.argv[1], device="cpu", threads=1)
tokens = int(sys.argv[2]) if len(sys.argv) > 2 else 300
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 9
HOW = dict(max_new_tokens=tokens, ignore_eos=True, seed=1)
ids = [i * 7919 % model.info.vocab_size for i in range(tokens)]


def library():
    """bl_generate() alone."""
    options = _values.options("GENERATE", dict(max_tokens=tokens, ignore_eos=True, seed=1))
    result = capi.bl_generate_result(size=ctypes.sizeof(capi.bl_generate_result))
    with model.session() as session, session._handle.alone() as s, options.shared() as o:
        start = time.thread_time()
        _calls.call(capi.bl_generate, s, b"Once", 4, o, capi.bl_token_fn(), None, byref(result))
        return time.thread_time() - start


def generate():
    with model.session() as session:
        start = time.thread_time()
        session.generate("Once", **HOW)
        return time.thread_time() - start


def stream():
    with model.session() as session:
        start = time.thread_time()
        for _ in session.generate("Once", stream=True, **HOW):
            pass
        return time.thread_time() - start


def each_token():
    with model.session() as session:
        start = time.thread_time()
        for _ in session.tokens("Once", **HOW):
            pass
        return time.thread_time() - start


def feed_library():
    """bl_session_feed() of a token, with logits."""
    logits, error = (ctypes.c_float * model.info.vocab_size)(), capi.bl_error()
    arrays = [(ctypes.c_int32 * 1)(id) for id in ids]
    with model.session() as session, session._handle.alone() as s:
        start = time.thread_time()
        for array in arrays:
            capi.bl_session_feed(s, array, 1, logits, byref(error))
        return time.thread_time() - start


def feed():
    with model.session() as session:
        start = time.thread_time()
        for id in ids:
            session.feed([id])
        return time.thread_time() - start


def compare(first, *others):
    times = {way: [] for way in (first, *others)}
    for _ in range(rounds):
        for way in times:
            times[way].append(way())
    for way, took in times.items():
        print("%-14s %7.1f us a token, median %7.1f; beside the library %.3f, %.3f" % (
            way.__name__, 1e6 * min(took) / tokens, 1e6 * statistics.median(took) / tokens,
            min(took) / min(times[first]), statistics.median(took) / statistics.median(times[first])))


compare(library, generate, stream, each_token)
compare(feed_library, feed)
