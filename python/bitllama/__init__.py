"""Bit-Llama: make and run a small ternary language model with Test-Time-Training layers.

    import bitllama
    model = bitllama.BitLlama.from_pretrained("run")
    print(model.generate("Once upon a time", max_new_tokens=100))

docs/PYTHON.md is the tour; bitllama.capi has every function of include/bitllama.h.
"""

from __future__ import annotations

from . import capi as _capi
from .errors import (BadData, BitLlamaError, Busy, Closed, DeviceError, Diverged, InputOutputError, Interrupted,
                     InvalidArgument, NetworkError, NotFound, OutOfMemory, Unsupported)
from .model import BitLlama, devices
from .results import TrainEvent, TrainEventKind
from .session import Grammar, Session
from .tokenizer import Tokenizer
from .training import ProgressBar, StopTraining, Trainer, advise, prepare, train, train_tokenizer

__version__: str = (_capi.bl_version() or b"").decode()


def set_threads(count: int) -> None:
    """How many threads to compute with where no option says; 0: as many as this process may use processors."""
    _capi.bl_set_threads(count)


__all__ = [
    "BadData", "BitLlama", "BitLlamaError", "Busy", "Closed", "DeviceError", "Diverged", "Grammar", "InputOutputError",
    "Interrupted", "InvalidArgument", "NetworkError", "NotFound", "OutOfMemory", "ProgressBar", "Session",
    "StopTraining", "Tokenizer", "TrainEvent", "TrainEventKind", "Trainer", "Unsupported", "advise", "devices",
    "prepare", "set_threads", "train", "train_tokenizer",
]
