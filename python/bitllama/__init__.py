"""Bit-Llama: make and run a small ternary language model with Test-Time-Training layers.

bitllama.capi has every function of include/bitllama.h.
"""

from __future__ import annotations

from . import capi as _capi

__version__: str = (_capi.bl_version() or b"").decode()
