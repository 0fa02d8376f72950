"""Models: opened from a folder or a run, asked, evaluated and exported."""

from __future__ import annotations

import ctypes
import os
import re
from ctypes import byref, c_char
from typing import (TYPE_CHECKING, Any, Dict, Iterator, List, Literal, Mapping, Optional, Sequence, Tuple, Type, TypeVar,
                    Union, overload)

from . import capi
from ._calls import Progress, Watch, call, opened, progress_function, text_of
from ._handles import Handle
from ._values import Path, names_of, options, path_bytes, shape, split, takes_options
from .batch import Batch
from .errors import Unsupported
from .options import ConfigOptions, GenerateOptions, PrepareOptions
from .results import DeviceInfo, EvalPoint, EvalResult, ModelInfo, ScoreResult
from .session import Grammar, Session, Wanted
from .tokenizer import Tokenizer

if TYPE_CHECKING:
    from typing_extensions import Unpack

_M = TypeVar("_M", bound="BitLlama")


def devices() -> List[DeviceInfo]:
    """Where models can compute, and what cannot be used, with the reason."""
    out: List[DeviceInfo] = []
    with Watch() as watch:
        def take(user: object, device: Any) -> None:
            watch.guard(lambda: out.append(DeviceInfo._of(device.contents)))

        call(capi.bl_devices, capi.bl_device_fn(take), None)
    return out


def device_values(device: Optional[str], threads: Optional[int], precision: Optional[str]) -> Dict[str, object]:
    """The options of a device; "auto" is the first GPU that can be used, else the CPU."""
    if device == "auto":
        gpus = [one.name for one in devices() if one.usable and one.name.startswith("cuda")]
        device = gpus[0] if gpus else "cpu"
    return {"device": device, "threads": threads, "precision": precision}


def pulled(name: Path, *, revision: Optional[str] = None, cache_dir: Optional[Path] = None,
           local_files_only: bool = False, token: Optional[str] = None, parts: str = "model",
           progress: Optional[Progress] = None) -> bytes:
    """The folder of a model that is on this machine, or is downloaded from the Hub."""
    if os.path.exists(name) or not re.match(r"[^/]+/[^/]+$", os.fsdecode(name)):
        return path_bytes(name)
    values = options("PULL", {"revision": revision, "cache_dir": cache_dir, "token": token, "parts": parts,
                              "offline": True if local_files_only else None})
    with values.shared() as o, Watch(progress):
        return text_of(capi.bl_hub_pull, path_bytes(name), o, room=4096, behind=(progress_function(), None, None))


class BitLlama:
    """A language model.  It never changes, and its sessions may compute on several threads at once."""

    def __init__(self, handle: Handle) -> None:
        """Not for callers: from_pretrained() opens a model."""
        self._handle = handle
        with handle.shared() as m:
            info = capi.bl_model_info(size=ctypes.sizeof(capi.bl_model_info))
            call(capi.bl_model_describe, m, byref(info))
            tokenizer = capi.bl_model_tokenizer(m)
            folder = capi.bl_model_path(m) or b""
        self._info = ModelInfo._of(info)
        self._path = os.fsdecode(folder)
        self._tokenizer = Tokenizer._of_model(handle, tokenizer, folder) if tokenizer else None

    @classmethod
    def from_pretrained(cls: Type[_M], pretrained_model_name_or_path: Path, *, revision: Optional[str] = None,
                        device: str = "auto", threads: Optional[int] = None, precision: Optional[str] = None,
                        cache_dir: Optional[Path] = None, local_files_only: bool = False, token: Optional[str] = None,
                        progress: Optional[Progress] = None) -> _M:
        """Opens a model folder, a training run (its best checkpoint), one checkpoint of it, or a model of the Hugging
        Face Hub, "owner/name" or "owner/name@revision", which is downloaded into the usual cache when it is not there.

        device: "cpu", "cuda", "cuda:1", ...; "auto": the first GPU that can be used, else the CPU.  local_files_only:
        the cache must do, and nobody is asked.
        """
        folder = pulled(pretrained_model_name_or_path, revision=revision, cache_dir=cache_dir,
                        local_files_only=local_files_only, token=token, progress=progress)
        values = options("DEVICE", device_values(device, threads, precision))
        with values.shared() as o, Watch(progress):
            pointer = opened(capi.bl_model_open, folder, o)
        return cls(Handle("model", pointer, capi.bl_model_close))

    @classmethod
    def random(cls: Type[_M], *, preset: str = "micro", device: str = "cpu", threads: Optional[int] = None,
               precision: Optional[str] = None, **config: Unpack[ConfigOptions]) -> _M:
        """A model of random weights without a tokenizer, to measure with."""
        values = options("DEVICE", device_values(device, threads, precision))
        config_set = shape(preset, None, split("random", config, "CONFIG")[0])
        with values.shared() as o, config_set.shared() as c, Watch():
            pointer = opened(capi.bl_model_random, c, o)
        return cls(Handle("model", pointer, capi.bl_model_close))

    def close(self) -> None:
        """Frees it, when its sessions are closed, too.  Again: nothing."""
        self._handle.close()

    def __enter__(self: _M) -> _M:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # ---- what it is ----

    @property
    def info(self) -> ModelInfo:
        """Its sizes, and the tokens with a meaning."""
        return self._info

    @property
    def path(self) -> str:
        """The folder that the weights came from."""
        return self._path

    @property
    def config(self) -> Dict[str, str]:
        """Its options as text, by name (config.json)."""
        with self._handle.shared() as m:
            config = capi.bl_model_config(m)
            return {name: text_of(capi.bl_options_get, config, name.encode()).decode() for name in names_of("CONFIG")}

    @property
    def tokenizer(self) -> Optional[Tokenizer]:
        """Its tokenizer; None where the folder has none."""
        return self._tokenizer

    def _required_tokenizer(self) -> Tokenizer:
        if self._tokenizer is None:
            raise Unsupported("the model has no tokenizer, so it is given ids and not texts")
        return self._tokenizer

    def num_parameters(self) -> int:
        return self._info.parameters

    def fingerprint(self) -> str:
        """Which function the model computes, as 32 hexadecimal digits: memory files name it."""
        hex_digits = (c_char * 33)()
        with self._handle.shared() as m:
            call(capi.bl_model_fingerprint, m, hex_digits)
        return hex_digits.value.decode()

    def save_pretrained(self, save_directory: Path, *, dtype: str = "bf16", replace: bool = False,
                        progress: Optional[Progress] = None) -> None:
        """Writes a model folder for others to read: ternary matrices packed, embedding and head as dtype ("f32",
        "bf16", "f16" or "int8"), with tokenizer, config and model card."""
        with self._handle.shared() as m, Watch(progress):
            call(capi.bl_export, m, path_bytes(save_directory), dtype.encode(), int(replace))

    # ---- sessions and texts ----

    def session(self, undo: int = 0) -> Session:
        """A new text.  With undo=N its last N calls can be taken back."""
        return Session(self, undo)

    @overload
    def generate(self, prompt: Union[str, bytes] = ..., *, stream: Literal[False] = ...,
                 max_new_tokens: Optional[int] = ..., stop: Union[None, str, Sequence[str]] = ...,
                 logit_bias: Optional[Mapping[int, float]] = ..., grammar: Union[None, str, Grammar] = ...,
                 json_schema: Union[None, str, Mapping[str, object]] = ...,
                 **sampling: Unpack[GenerateOptions]) -> str: ...

    @overload
    def generate(self, prompt: Union[str, bytes] = ..., *, stream: Literal[True],
                 max_new_tokens: Optional[int] = ..., stop: Union[None, str, Sequence[str]] = ...,
                 logit_bias: Optional[Mapping[int, float]] = ..., grammar: Union[None, str, Grammar] = ...,
                 json_schema: Union[None, str, Mapping[str, object]] = ...,
                 **sampling: Unpack[GenerateOptions]) -> Iterator[str]: ...

    @overload
    def generate(self, prompt: List[str], *, stream: Literal[False] = ..., batch_size: Optional[int] = ...,
                 max_new_tokens: Optional[int] = ..., stop: Union[None, str, Sequence[str]] = ...,
                 logit_bias: Optional[Mapping[int, float]] = ..., grammar: Union[None, str, Grammar] = ...,
                 json_schema: Union[None, str, Mapping[str, object]] = ...,
                 **sampling: Unpack[GenerateOptions]) -> List[str]: ...

    @overload
    def generate(self, prompt: List[str], *, stream: Literal[True], batch_size: Optional[int] = ...,
                 max_new_tokens: Optional[int] = ..., stop: Union[None, str, Sequence[str]] = ...,
                 logit_bias: Optional[Mapping[int, float]] = ..., grammar: Union[None, str, Grammar] = ...,
                 json_schema: Union[None, str, Mapping[str, object]] = ...,
                 **sampling: Unpack[GenerateOptions]) -> Iterator[Tuple[int, str]]: ...

    @takes_options("GENERATE", without=("max_tokens",))
    def generate(self, prompt: Union[str, bytes, List[str]] = "", *, stream: bool = False,
                 batch_size: Optional[int] = None, max_new_tokens: Optional[int] = None, stop: Union[None, str, Sequence[str]] = None,
                 logit_bias: Optional[Mapping[int, float]] = None, grammar: Union[None, str, Grammar] = None,
                 json_schema: Union[None, str, Mapping[str, object]] = None,
                 **sampling: Unpack[GenerateOptions]) -> Union[str, List[str], Iterator[str], Iterator[Tuple[int, str]]]:
        """Continues a prompt in a session of its own: the text that the model writes, without the prompt; with
        stream=True an iterator over the pieces as they are written.  The rest is as of Session.generate().

        Of a list of prompts a list of texts, each what the prompt alone would get, with the same seed to the byte; with
        stream=True an iterator over (number of the prompt, piece).  They are written together, batch_size at a time
        (64, if their states are no more than 1 GiB); as one ends, the next begins.
        """
        if isinstance(prompt, list):
            for one in prompt:
                self._expect(one)
            wanted = Wanted(self, max_new_tokens, stop, logit_bias, grammar, json_schema, sampling)
            return self._pieces(prompt, wanted, batch_size) if stream else self._texts(prompt, wanted, batch_size)
        if stream:
            return self._new(prompt).generate(prompt, stream=True, max_new_tokens=max_new_tokens, stop=stop,
                                              logit_bias=logit_bias, grammar=grammar, json_schema=json_schema, **sampling)
        return self._new(prompt).generate(prompt, max_new_tokens=max_new_tokens, stop=stop, logit_bias=logit_bias,
                                          grammar=grammar, json_schema=json_schema, **sampling)

    def _texts(self, prompts: List[str], wanted: Wanted, batch_size: Optional[int]) -> List[str]:
        if not prompts or not wanted.most:
            return [Session(self)._write(one, wanted) for one in prompts]
        batch = Batch(self, prompts, wanted, batch_size)
        try:
            return batch.texts()
        finally:
            batch.close()

    def _pieces(self, prompts: List[str], wanted: Wanted, batch_size: Optional[int]) -> Iterator[Tuple[int, str]]:
        if prompts and wanted.most:
            yield from Batch(self, prompts, wanted, batch_size).pieces()

    def _expect(self, prompt: object) -> None:
        if not isinstance(prompt, (str, bytes)):
            raise TypeError("a prompt must be a text or a list of texts, not %s; ids are for session().generate()"
                            % type(prompt).__name__)

    def _new(self, prompt: object) -> Session:
        self._expect(prompt)
        return Session(self)

    # ---- how likely ----

    @overload
    def score(self, text: str) -> ScoreResult: ...

    @overload
    def score(self, text: List[str]) -> List[ScoreResult]: ...

    def score(self, text: Union[str, List[str]]) -> Union[ScoreResult, List[ScoreResult]]:
        """How likely a text is from its beginning: the sum of the log-probabilities of its tokens; of a list of texts
        a list."""
        with self.session() as session:
            session.feed([self._info.bos], logits=False)
            return [session.score(one) for one in text] if isinstance(text, list) else session.score(text)

    @overload
    def loglikelihood(self, context: str, continuation: str) -> Tuple[float, bool]: ...

    @overload
    def loglikelihood(self, context: str, continuation: List[str]) -> List[Tuple[float, bool]]: ...

    def loglikelihood(self, context: str, continuation: Union[str, List[str]]
                      ) -> Union[Tuple[float, bool], List[Tuple[float, bool]]]:
        """The log-probability of a text after another, and whether it is what the model would write greedily; of a
        list of texts a list, for which the context is read once.

        They are encoded together, and the tokens past those of the context are the continuation's; spaces at the end
        of the context belong to it, as tokens begin with their space.
        """
        tokenizer = self._required_tokenizer()
        begun, out = context.rstrip(), []
        count = len(tokenizer.encode(begun, False, True)) if begun else 0
        read: Dict[Tuple[int, ...], Session] = {}  # mostly one: a border may fall into a token
        for one in continuation if isinstance(continuation, list) else [continuation]:
            whole = tokenizer.encode(context + one, False, True)
            before = tuple(whole[:count])
            if before not in read:
                read[before] = self.session()
                read[before].feed([self._info.bos, *before], logits=False)
            result = read[before].score(whole[count:])
            out.append((result.log_probability, result.greedy_tokens == result.tokens))
        return out if isinstance(continuation, list) else out[0]

    def evaluate(self, path: Path, *, window: int = 0, progress: Optional[Progress] = None,
                 points: Optional[List[EvalPoint]] = None, **reading: Unpack[PrepareOptions]) -> EvalResult:
        """The mean loss over a text or a token file, as `bitllama eval` tells it.  points: a list that receives the
        loss by position."""
        result = capi.bl_eval_result(size=ctypes.sizeof(capi.bl_eval_result))
        set_of = options("PREPARE", *split("evaluate", reading, "PREPARE"))
        with self._handle.shared() as m, set_of.shared() as o, Watch(progress) as watch:
            def take(user: object, point: Any) -> None:
                if points is not None:
                    watch.guard(lambda: points.append(EvalPoint._of(point.contents)))

            call(capi.bl_eval_text, m, path_bytes(path), o, window, progress_function(), capi.bl_eval_point_fn(take),
                 None, byref(result))
        return EvalResult._of(result)
