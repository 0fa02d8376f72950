"""From text to a model: data folders, tokenizers, training."""

from __future__ import annotations

import ctypes
import os
import tempfile
from ctypes import byref, c_int32, c_ubyte, create_string_buffer
from typing import TYPE_CHECKING, Any, Callable, List, Mapping, Optional, Sequence, TypeVar, Union

from . import capi
from ._calls import Progress, Watch, call, opened, progress_function
from ._handles import Handle
from ._values import Ids, Path, ids_array, options, path_bytes, shape, split, takes_options
from .errors import Interrupted
from .model import BitLlama, device_values
from .options import ConfigOptions, PrepareOptions, TrainOptions
from .results import Advice, EvalResult, PlanResult, PrepareResult, StepResult, TrainEvent, TrainEventKind
from .tokenizer import Tokenizer

if TYPE_CHECKING:
    from typing_extensions import Unpack

    class RunOptions(TrainOptions, ConfigOptions, total=False):
        """All that a run can be told."""

Data = Union[Path, Mapping[str, float], None]
"""A data folder; or several with their weights; or none, for a trainer that is given its rows."""
Callback = Callable[[TrainEvent], object]
"""Called for each event of a run; to stop the run, raise (StopTraining ends it without an error)."""
_T = TypeVar("_T", bound="Trainer")


class StopTraining(Exception):
    """Raised in a callback: the run saves a checkpoint and ends."""


@takes_options("PREPARE")
def prepare(sources: Union[Path, Sequence[Path]], out: Path, *, progress: Optional[Progress] = None,
            **how: Unpack[PrepareOptions]) -> PrepareResult:
    """Text to a data folder: a tokenizer, and the documents as its tokens.

    A source is a file (text, .jsonl or .json; plain, gzip, zstd or xz), a folder, "tinystories" (downloaded), or
    "tales" (the built-in story generator).  What was there before is replaced only when all is done.
    """
    several = [sources] if isinstance(sources, (str, bytes, os.PathLike)) else list(sources)
    names = (ctypes.c_char_p * len(several))(*[path_bytes(one) for one in several])
    result = capi.bl_prepare_result(size=ctypes.sizeof(capi.bl_prepare_result))
    set_of = options("PREPARE", *split("prepare", how, "PREPARE"))
    with set_of.shared() as o, Watch(progress):
        call(capi.bl_prepare, names, len(several), path_bytes(out), o, progress_function(), None, byref(result))
    return PrepareResult._of(result)


@takes_options("PREPARE", without=("tokenizer", "val_split", "force"))
def train_tokenizer(sources: Union[Path, Sequence[Path]], path: Path, *, progress: Optional[Progress] = None,
                    **how: Unpack[PrepareOptions]) -> Tokenizer:
    """Learns a tokenizer from texts, writes it to a tokenizer.json, and opens it.  Sources are as of prepare()."""
    if how.get("tokenizer"):
        raise TypeError("train_tokenizer() makes a tokenizer, and was given one")
    folder = os.path.dirname(os.path.abspath(os.fsdecode(path)))
    with tempfile.TemporaryDirectory(prefix=".tokenizer-", dir=folder) as place:
        prepare(sources, os.path.join(place, "data"), progress=progress, **how)
        os.replace(os.path.join(place, "data", "tokenizer.json"), path)
    return Tokenizer(path)


def advise(data: Path) -> Advice:
    """What suits a data folder: vocabulary, preset, batch, steps (docs/TRAINING.md)."""
    advice = capi.bl_advice(size=ctypes.sizeof(capi.bl_advice))
    call(capi.bl_advise, path_bytes(data), byref(advice))
    return Advice._of(advice)


class Trainer:
    """A training run: to its end by run(), or step by step by step(), in any mixture, with the same bits.

    data: a folder of prepare(), several as {folder: weight} (0: by size), or None: then step_on() gives the rows.
    out: the folder of the run; None only without data: nothing is written then.
    """

    @takes_options("TRAIN", "CONFIG")
    def __init__(self, data: Data, out: Optional[Path] = None, *, config: Optional[Path] = None,
                 tokenizer: Optional[Path] = None, progress: Optional[Progress] = None, **how: Unpack[RunOptions]) -> None:
        """Opens a run.  config: a config.json, over the preset and under the fields that are given.  tokenizer: without
        data, the folder with the tokenizer.json of the ids."""
        train, fields = split("Trainer", how, "TRAIN", "CONFIG")
        if train.get("device") == "auto":
            train["device"] = device_values("auto", None, None)["device"]
        own = config is not None or any(value is not None for value in fields.values())
        t, c = options("TRAIN", train), shape(train.get("preset") or "micro", config, fields)
        run = None if out is None else path_bytes(out)
        self._path = None if out is None else os.fsdecode(out)
        with t.shared() as train_set, c.shared() as config_set, Watch(progress):
            model = config_set if own else None
            if data is None:
                folder = None if tokenizer is None else path_bytes(tokenizer)
                pointer = opened(capi.bl_trainer_open_given, folder, run, train_set, model)
            elif isinstance(data, Mapping):
                corpora = (capi.bl_corpus * len(data))(*[capi.bl_corpus(path_bytes(d), w) for d, w in data.items()])
                pointer = opened(capi.bl_trainer_open_corpora, corpora, len(data), run, train_set, model)
            else:
                pointer = opened(capi.bl_trainer_open, path_bytes(data), run, train_set, model)
        self._handle = Handle("trainer", pointer, capi.bl_trainer_close)
        self._running: Optional[int] = None

    @property
    def path(self) -> Optional[str]:
        """The folder of the run."""
        return self._path

    def close(self) -> None:
        """Ends it without saving; a run that is going on in another thread stops, saves, and then it is closed."""
        if not self._handle.closed:
            self._handle.close()
            running = self._running
            if running is not None:
                capi.bl_trainer_stop(running)

    def __enter__(self: _T) -> _T:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def run(self, callback: Optional[Callback] = None) -> None:
        """Trains to the end of the schedule; callback hears every event.

        Ctrl-C finishes the step, saves a checkpoint and raises KeyboardInterrupt; run() again, or a trainer with
        resume="auto", continues to the same bits.
        """
        with self._handle.alone() as t, Watch() as watch:
            quietly = False

            def tell(user: object, event: Any) -> None:
                nonlocal quietly
                try:
                    if callback is not None:
                        callback(TrainEvent._of(event.contents))
                except StopTraining:
                    quietly = True
                except BaseException as error:
                    watch.error = watch.error or error
                if quietly or watch.stopped():
                    capi.bl_trainer_stop(t)

            self._running = t
            try:
                call(capi.bl_trainer_run, t, capi.bl_train_fn(tell), None)
            except Interrupted:
                if not quietly:
                    raise
            finally:
                self._running = None

    def stop(self) -> None:
        """Asks the call at work, in whichever thread, to end after its step."""
        capi.bl_trainer_stop(self._handle.anyhow())

    def save(self) -> None:
        """Asks the run at work for a checkpoint after its step."""
        capi.bl_trainer_save(self._handle.anyhow())

    def step(self, count: int = 1) -> StepResult:
        """Does optimizer steps: the mean loss, and what else is known.  0 only tells where the run is."""
        result = capi.bl_step_result(size=ctypes.sizeof(capi.bl_step_result))
        with self._handle.alone() as t, Watch() as watch:
            fn = self._stopping(t, watch)
            try:
                call(capi.bl_trainer_step, t, count, byref(result))
            finally:
                capi.bl_trainer_events_to(t, capi.bl_train_fn(), None)
        del fn
        return StepResult._of(result)

    @staticmethod
    def _stopping(t: int, watch: Watch) -> Any:
        """Stops the call when Ctrl-C has come: seen with the events of its steps."""
        def tell(user: object, event: object) -> None:
            if watch.stopped():
                capi.bl_trainer_stop(t)

        fn = capi.bl_train_fn(tell)
        capi.bl_trainer_events_to(t, fn, None)
        return fn

    def step_on(self, ids: Sequence[Ids], mask: Optional[Sequence[Sequence[int]]] = None) -> StepResult:
        """One step on rows of T + 1 ids, of which the first T are read and the last T predicted; mask: rows of T,
        0 where a prediction does not count."""
        rows = [ids_array(row) for row in ids]
        width = len(rows[0]) if rows else 0
        if any(len(row) != width for row in rows):
            raise ValueError("rows of different lengths: %s" % sorted({len(row) for row in rows}))
        flat = (c_int32 * (len(rows) * width))(*[id for row in rows for id in row])
        counts = None
        if mask is not None:
            if len(mask) != len(rows) or any(len(row) != width - 1 for row in mask):
                raise ValueError("the mask must have %d rows of %d" % (len(rows), width - 1))
            counts = (c_ubyte * (len(rows) * (width - 1)))(*[1 if one else 0 for row in mask for one in row])
        result = capi.bl_step_result(size=ctypes.sizeof(capi.bl_step_result))
        with self._handle.alone() as t, Watch():
            call(capi.bl_trainer_step_on, t, flat, counts, len(rows), max(width, 1) - 1, byref(result))
        return StepResult._of(result)

    def evaluate(self) -> EvalResult:
        """The loss over the validation data now."""
        result = capi.bl_eval_result(size=ctypes.sizeof(capi.bl_eval_result))
        with self._handle.alone() as t, Watch():
            call(capi.bl_trainer_eval, t, byref(result))
        return EvalResult._of(result)

    def save_checkpoint(self) -> str:
        """Writes a checkpoint now, and gives its folder."""
        buffer = create_string_buffer(8192)
        with self._handle.alone() as t, Watch():
            call(capi.bl_trainer_checkpoint, t, buffer, len(buffer), None)
        return os.fsdecode(buffer.value)

    def model(self, *, device: Optional[str] = None, threads: Optional[int] = None,
              precision: Optional[str] = None) -> BitLlama:
        """A model of the weights as they are now: a copy, which further steps do not change."""
        same = device is None and threads is None and precision is None
        values = options("DEVICE", device_values(device, threads, precision))
        with self._handle.alone() as t, values.shared() as o, Watch():
            pointer = opened(capi.bl_trainer_model, t, None if same else o)
        return BitLlama(Handle("model", pointer, capi.bl_model_close))


class ProgressBar:
    """A callback that shows a run as a bar of tqdm, which has to be installed."""

    def __init__(self, **how: Any) -> None:
        from tqdm.auto import tqdm  # type: ignore[import-untyped,unused-ignore]
        self._bar = tqdm(unit="step", **how)

    def __call__(self, event: TrainEvent) -> None:
        if event.kind is TrainEventKind.STEP:
            self._bar.total = event.steps
            self._bar.set_postfix(loss="%.3f" % event.loss, refresh=False)
            self._bar.update(event.step - self._bar.n)
        elif event.kind is TrainEventKind.RESUME:
            self._bar.update(event.step)
        elif event.kind in (TrainEventKind.WARNING, TrainEventKind.SAMPLE, TrainEventKind.EVAL):
            said = event.text or "step %d: validation loss %.4f" % (event.step, event.loss)
            self._bar.write(said)
        elif event.kind is TrainEventKind.END:
            self._bar.close()


@takes_options("TRAIN", "CONFIG")
def train(data: Data, out: Path, *, config: Optional[Path] = None, callback: Union[None, Callback, Sequence[Callback]] = None,
          progress_bar: bool = False, **how: Unpack[RunOptions]) -> BitLlama:
    """Trains a model to the end of its schedule, and opens it: the best checkpoint of the run.

    callback: called with every event, one or several.  progress_bar: a bar of tqdm.  Ctrl-C saves a checkpoint and
    raises KeyboardInterrupt; resume="auto" then continues.
    """
    several: List[Callback] = [] if callback is None else [callback] if callable(callback) else list(callback)
    if progress_bar:
        several.append(ProgressBar())

    def tell(event: TrainEvent) -> None:
        for one in several:
            one(event)

    with Trainer(data, out, config=config, **how) as trainer:
        trainer.run(tell if several else None)
    return BitLlama.from_pretrained(out, device=str(how.get("device") or "cpu"), threads=how.get("threads"))
