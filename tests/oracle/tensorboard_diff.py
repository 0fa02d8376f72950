"""Holds the event files of a run against its metrics.jsonl with TensorBoard's own readers, or exits with 1.

    pip install tensorboard
    python tests/oracle/tensorboard_diff.py --bitllama build/bitllama

A small model is trained, stopped, resumed, killed in the middle of its work and resumed again, so that steps are
trained twice.  TensorBoard must show each step once, with the values of metrics.jsonl, both when it reads the
finished run and when it has been following from the beginning.
"""

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator as PluginAccumulator

TAGS = {"train/loss": ("train", "loss"), "train/lr": ("train", "lr"), "train/grad_norm": ("train", "grad_norm"),
        "train/tokens_per_s": ("train", "tokens_per_s"), "eval/loss": ("eval", "loss"),
        "eval/bits_per_byte": ("eval", "bits_per_byte")}
LAYER_TAGS = ("distance", "half_life_min", "half_life_max")  # of the run's one layer
TAGS.update({f"layer0/{key}": ("eval", key) for key in LAYER_TAGS})
STEPS = 150


def records(run):
    """metrics.jsonl by tag: {step: value}."""
    series = {tag: {} for tag in TAGS}
    with open(os.path.join(run, "metrics.jsonl")) as file:
        for line in file.read().split("\n")[:-1]:  # the last may be half a line while a trainer writes
            record = json.loads(line)
            record.update(*record.get("layers", []))
            for tag, (kind, key) in TAGS.items():
                if record["type"] == kind and key in record:
                    if record["step"] in series[tag]:
                        sys.exit(f"metrics.jsonl has step {record['step']} twice")
                    series[tag][record["step"]] = math.nan if record[key] is None else record[key]
    return series


def from_tensors(reader, tag):
    return [(e.wall_time, e.step, float(e.tensor_proto.float_val[0])) for e in reader.Tensors(tag)]


def from_scalars(reader, tag):
    return [(e.wall_time, e.step, e.value) for e in reader.Scalars(tag)]


def compare(name, events, expected, started):
    """Every value of a reader against metrics.jsonl; metrics keep 9 digits, events are float32."""
    count = 0
    for tag, series in expected.items():
        got = events(tag)
        if [step for _, step, _ in got] != sorted(series):
            sys.exit(f"{name}: {tag} has the steps {[s for _, s, _ in got]}, metrics.jsonl {sorted(series)}")
        for wall, step, value in got:
            want = series[step]
            if not (math.isclose(value, want, rel_tol=1.3e-7) or (math.isnan(value) and math.isnan(want))):
                sys.exit(f"{name}: {tag} of step {step} is {value}, metrics.jsonl says {want}")
            if not started <= wall <= time.time():
                sys.exit(f"{name}: {tag} of step {step} has the wall time {wall}")
            count += 1
    return count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bitllama", required=True)
    bitllama = os.path.abspath(parser.parse_args().bitllama)
    started = time.time()

    with tempfile.TemporaryDirectory() as work:
        run = os.path.join(work, "run")
        size = {"purge_orphaned_data": True, "size_guidance": {"scalars": 0, "tensors": 0}}

        def command(*words):
            return [bitllama, *words]

        def train(*words):
            return command("train", "--preset", "tiny", "--data", "data", "--out", "run", "--steps", str(STEPS),
                           "--context", "32", "--batch", "4", "--hidden-size", "32", "--intermediate-size", "48",
                           "--num-hidden-layers", "1", "--eval-every", "7", "--save-every", "5",
                           "--save-seconds", "0", *words)

        def ours(words, code=0):
            done = subprocess.run(words, cwd=work, capture_output=True, text=True)
            if done.returncode != code:
                sys.exit(f"{' '.join(words)}: exit code {done.returncode}\n{done.stderr}")

        ours(command("prepare", "tales", "--out", "data", "--tales-bytes", "60000", "--vocab-size", "300"))
        ours(train("--stop-after", "12"))
        following = EventAccumulator(run, **size)
        following.Reload()
        ours(train("--resume", "--stop-after", "23"))
        following.Reload()

        # Killed between two checkpoints: what was recorded since the last is done again.
        killed = subprocess.Popen(train("--resume", "--save-every", "1000", "--eval-every", "1000"), cwd=work,
                                  stderr=subprocess.DEVNULL)
        while killed.poll() is None and len(records(run)["train/loss"]) < 40:
            time.sleep(0.002)
        killed.send_signal(signal.SIGKILL)
        if killed.wait() != -signal.SIGKILL:
            sys.exit("the run was over before it could be killed")
        following.Reload()
        lost = len(records(run)["train/loss"])
        ours(train("--resume"))
        following.Reload()

        expected = records(run)
        if sorted(expected["train/loss"]) != list(range(1, STEPS + 1)) or not expected["eval/bits_per_byte"]:
            sys.exit("metrics.jsonl does not hold the run")
        finished = EventAccumulator(run, **size)
        finished.Reload()
        modern = PluginAccumulator(run, size_guidance={"scalars": 0, "tensors": 0},
                                   tensor_size_guidance={"scalars": 0})
        modern.Reload()
        count = compare("read at the end", lambda tag: from_scalars(finished, tag), expected, started)
        count += compare("followed", lambda tag: from_scalars(following, tag), expected, started)
        count += compare("the server's reader", lambda tag: from_tensors(modern, tag), expected, started)

        files = sorted(name for name in os.listdir(run) if "tfevents" in name)
        raw = [event for name in files for event in EventFileLoader(os.path.join(run, name)).Load()]
        trained = sum(1 for event in raw if any(v.tag == "train/loss" for v in event.summary.value))
        if len(files) != 4 or trained <= STEPS:
            sys.exit(f"{len(files)} files, {trained} steps: the kill lost nothing, so nothing was tested")
        print(f"{len(files)} files, {len(raw)} records; killed at step {lost}, {trained - STEPS} steps trained "
              f"again; {count} values equal, no step twice")


if __name__ == "__main__":
    main()
