"""Holds the model of python/bitllama/hf, in transformers, against the C program, or exits with 1.

    pip install numpy torch transformers accelerate
    python tests/oracle/transformers_diff.py --bitllama build/bitllama --probe build/tests/oracle/tokenizer_probe

Random models of every variant on texts without rounding ties (MODEL 2, "Comparing implementations"), latent
and packed, in float32 and float64; four trained models with every export: logits and greedy text; batches,
caches, gradients, one step of Trainer, what save_pretrained leaves, the tokenizer.
"""

import argparse
import copy
import dataclasses
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "golden"), os.path.join(HERE, "..", "..", "python")]
os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", HF_HUB_DISABLE_PROGRESS_BARS="1")
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer  # noqa: E402

import bitllama.hf  # noqa: E402
from bitllama_f64 import Model  # noqa: E402
from f64_models import CASES, pack, random_tensors, write_model  # noqa: E402
from logits_f64 import MARGIN, pick_text  # noqa: E402

torch.set_num_threads(1)  # small products, and a machine that others use
transformers.utils.logging.disable_progress_bar()
failures = []


def check(right, what):
    if not right:
        failures.append(what)
        print("failed:", what, flush=True)


def nmse(found, expected):
    """Of the token where it is worst."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    return (((found - expected) ** 2).sum(-1) / (expected**2).sum(-1)).max()


class Program:
    def __init__(self, path, probe, work):
        self.path, self.probe, self.work = os.path.abspath(path), os.path.abspath(probe), work

    def __call__(self, *words, text=None):
        done = subprocess.run([self.path, *map(str, words)], cwd=self.work, input=text, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"bitllama {' '.join(map(str, words))}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout

    def at(self, *names):
        return os.path.join(self.work, *names)

    def logits(self, folder, ids):
        self("logits", "-m", folder, "--ids", ",".join(map(str, ids)), "-o", "out.npy")
        return np.load(self.at("out.npy"))


def load(folder, **kwargs):
    """A model by the Auto class; nothing may be missing, left over or of another shape."""
    model, info = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, **kwargs)
    wrong = {what: names for what, names in info.items() if len(names)}
    check(not wrong, f"{folder}: from_pretrained says {wrong}")
    return model.eval()


@torch.no_grad()
def logits(model, ids, **kwargs):
    return model(torch.tensor([ids]), **kwargs).logits[0].double().numpy()


# ---- every variant ----


def strict(folder, model):
    """The state of a model is the tensors of its file, by torch's own rules."""
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    fresh = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    fresh.load_state_dict(tensors, strict=True)
    for name, tensor in model.state_dict().items():
        check(name in tensors and torch.equal(tensor, tensors[name]), f"{folder}: {name} is not that of the file")


def variants(program):
    print(f"{'model':<40} {'weights':<8} {'folder':<7} {'float32':>9} {'float64':>9}   bound 1e-9, NMSE to the C program")
    for seed, case in enumerate(CASES):
        for ternary in (True, False):
            case = dataclasses.replace(case, ternary=ternary)
            tensors = random_tensors(case, seed)
            write_model(program.at("latent"), case.config(), tensors)
            ids, _, distance = pick_text(Model(program.at("latent")), case, np.random.default_rng(seed))
            check(distance > MARGIN, f"{case.name}: a tie")
            folders = ["latent"]
            if ternary and case.packs:
                for name, inverse in (("packed", False), ("older", True)):
                    write_model(program.at(name), *pack(case.config(), tensors, inverse))
                    folders.append(name)
            for name in folders:
                expected, model = program.logits(name, ids), load(program.at(name))
                strict(program.at(name), model)
                single, double = nmse(logits(model, ids), expected), nmse(logits(model.double(), ids), expected)
                print(f"{case.name:<40} {'ternary' if ternary else 'none':<8} {name:<7} {single:9.1e} {double:9.1e}")
                check(single < 1e-9 and double < 1e-9, f"{case.name}, {name}: NMSE {single:.1e}, {double:.1e}")
            reading_apart(case, model.double(), ids)


def reading_apart(case, model, ids):
    """In float64: in pieces, token by token, and padded on the left as on the right, with any neighbours."""
    ids = ids[: 2 * case.C + 10]
    whole = logits(model, ids)
    for cut in ([1] * len(ids), [7, 1, 16, 30, 2, 1, 1] * 10):
        cache, parts, at = bitllama.hf.BitLlamaCache(), [], 0
        for n in cut:
            if at < len(ids):
                parts.append(logits(model, ids[at : at + n], past_key_values=cache))
                at += n
        check(nmse(np.concatenate(parts), whole) < 1e-20, f"{case.name}: in pieces of {cut[:3]} other logits")
    lengths = [len(ids), max(len(ids) // 3, 1), 1, max(len(ids) - 5, 1)]
    for side in ("left", "right"):
        batch, mask = torch.full((4, len(ids)), 1), torch.zeros(4, len(ids), dtype=torch.long)
        for row, n in enumerate(lengths):
            cut = slice(len(ids) - n, None) if side == "left" else slice(0, n)
            batch[row, cut], mask[row, cut] = torch.tensor(ids[:n]), 1
        with torch.no_grad():
            out = model(batch, attention_mask=mask).logits
        for row, n in enumerate(lengths):
            found = out[row][mask[row].bool()].numpy()
            check(nmse(found, whole[:n]) < 1e-20, f"{case.name}: row {row} padded on the {side} has other logits")
    check(torch.isfinite(out).all(), f"{case.name}: padding is not finite")


# ---- trained models ----

KINDS = {
    "linear": [],
    "mlp": ["--ttt-layer-type", "mlp", "--mini-batch-size", 8],
    "plain": ["--no-share-qk", "--no-use-gate", "--no-pre-conv", "--no-ttt-forget", "--no-tie-word-embeddings"],
    "float": ["--quantization", "none"],
}


def train(program):
    program("prepare", "tales", "--out", "data", "--tales-bytes", 200000, "--vocab-size", 500)
    for kind, flags in KINDS.items():
        program("train", "--preset", "tiny", "--data", "data", "--out", kind, "--steps", 60, "--context", 64, "--batch", 8,
                "--hidden-size", 64, "--intermediate-size", 96, "--num-hidden-layers", 2, *flags)


def prompt_ids(program, kind, text):
    return [0] + json.loads(program("tokenize", "-m", kind, "-p", text, "--json"))["ids"]


def greedy(program, folder, text, n):
    line = json.loads(program("generate", "-m", folder, "-p", text, "--temperature", 0, "--max-tokens", n, "--json"))
    return line["ids"], line["text"]


def same_choice(name, found, expected, most):
    """The likeliest token wherever it is ahead by more than that; the others are listed."""
    best, two = expected.argmax(-1), np.sort(expected, -1)[:, -2:]
    differs = np.flatnonzero(found.argmax(-1) != best)
    margins = (two[:, 1] - two[:, 0])[differs]
    check((margins <= most).all(), f"{name}: another likeliest token though it is ahead by {margins.max(initial=0):.4f}")
    return ", ".join(f"{at} (ahead by {margin:.5f})" for at, margin in zip(differs, margins)) or "none"


def package(folder, ids, text, n):
    """What the Python package says of the same: logits, and a greedy text."""
    with bitllama.BitLlama.from_pretrained(folder) as model, model.session() as session:
        return np.asarray(session.feed_each(ids)), model.generate(text, temperature=0, max_new_tokens=n)


def exports(program, kind):
    """A row of the table each: the folder, the dtype that it is loaded in, the folder that the C program reads."""
    rows = [(kind, None, kind), (kind, torch.bfloat16, f"{kind}-bf16")]
    for dtype in ("f32", "bf16", "int8"):
        if dtype != "int8" or kind != "float":
            folder = f"{kind}-{dtype}"
            program("export", "-m", kind, "--out", folder, "--dtype", dtype)
            rows.append((folder, None, folder))
    return rows


def trained(program):
    """Texts as they come have ties: a rounding that differs is a step of an input, seen in the logits of a token."""
    rng, text = np.random.default_rng(3), "Once upon a time there was a"
    print("`package`: the Python package beside the C program; else transformers beside it")
    print(f"{'model':<14} {'package: logits, text':<22} {'loaded as':<10} {'NMSE':>9}   bound 1e-3  greedy text  other likeliest tokens of 500")
    for kind in KINDS:
        tokens = np.fromfile(program.at("data", "train.bin"), "<u2")
        at = int(rng.integers(0, len(tokens) - 500))
        ids = tokens[at : at + 500].tolist()
        prompt = torch.tensor([prompt_ids(program, kind, text)])
        for folder, dtype, beside in exports(program, kind):
            expected, (theirs, written) = program.logits(beside, ids), greedy(program, beside, text, 60)
            bits, told = package(program.at(beside), ids, text, 60)
            differ, alike = int((bits != expected).sum()), "equal" if told == written else "differs"
            check(not differ and alike == "equal", f"{beside}: {differ} logits of the package differ; it says {told!r}")
            model = load(program.at(folder), **({} if dtype is None else {"dtype": dtype}))
            found = logits(model, ids)
            error, others = nmse(found, expected), same_choice(folder, found, expected, 0.01 if dtype is None else 0.1)
            out = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=60)
            ours = out[0, prompt.shape[1] :].tolist()
            decoded = AutoTokenizer.from_pretrained(program.at(folder)).decode(ours, skip_special_tokens=True)
            same = ours[: len(theirs)] == theirs
            check(dtype or same and decoded == written, f"{folder}: {decoded!r}, but {written!r}")
            check(error < 1e-3, f"{folder} as {dtype}: NMSE {error:.1e}")
            print(f"{folder:<14} {f'{differ} differ, {alike}':<22} {str(model.dtype)[6:]:<10} {error:9.1e}{'':<14} {'equal' if same else 'differs':<11}  {others}", flush=True)
            if dtype is None:
                saved_again(program, folder, model, ids, expected)
                if folder == kind:
                    generation(program, kind, model)


def saved_again(program, folder, model, ids, expected):
    """What save_pretrained leaves is a model folder: the C program computes the same bits from it."""
    shutil.rmtree(program.at("saved"), ignore_errors=True)
    model.save_pretrained(program.at("saved"))
    check(np.array_equal(program.logits("saved", ids), expected), f"{folder}: saved and read by the C program, other logits")
    check(nmse(logits(load(program.at("saved")), ids), logits(model, ids)) == 0, f"{folder}: saved and loaded, other logits")


def generation(program, kind, model):
    """A batch padded on the left is each of its rows alone; caches continue, fork and are not cut."""
    model, rows = model.double(), [prompt_ids(program, kind, text) for text in ("The", "Once there lived a fox who", "Anna and Tom")]
    longest = max(map(len, rows))
    batch = torch.tensor([[1] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    said = {"do_sample": False, "max_new_tokens": 30, "eos_token_id": None, "pad_token_id": 1}
    together = model.generate(batch, attention_mask=mask, **said)[:, longest:]
    for row, ids in enumerate(rows):
        alone = torch.tensor([ids])
        alone = model.generate(alone, attention_mask=torch.ones_like(alone), **said)[0, len(ids) :]
        check(torch.equal(alone, together[row]), f"{kind}: row {row} of a batch is not what it is alone")
    uncached = model.generate(batch, attention_mask=mask, use_cache=False, **said)[:, longest:]
    check(torch.equal(uncached, together), f"{kind}: without a cache another text")
    beams = [model.generate(batch, attention_mask=mask, num_beams=3, use_cache=cached, **said) for cached in (True, False)]
    check(torch.equal(*beams), f"{kind}: beams differ with a cache and without")
    field = bitllama.hf.modeling_bitllama.CACHE_FIELD
    first = model.generate(batch, attention_mask=mask, return_dict_in_generate=True, **{**said, "max_new_tokens": 10})
    cache = first[field]
    fork, so_far = copy.deepcopy(cache), first.sequences
    more = torch.cat([mask, mask.new_ones(len(rows), 10)], 1)
    for goes_on in (cache, fork):
        end = model.generate(so_far, attention_mask=more, **{**said, "max_new_tokens": 20, field: goes_on})
        check(torch.equal(end[:, longest:], together), f"{kind}: a cache that goes on writes another text")
    try:
        cache.crop(3)
        check(False, f"{kind}: a cache was cropped")
    except NotImplementedError as error:
        check("fast weights" in str(error), f"{kind}: {error}")


# ---- learning ----


def gradients(program):
    """One step of the C program with beta1 0 and no clipping: the first moment is the gradient."""
    program("prepare", "tales", "--out", "few", "--tales-bytes", 1200, "--vocab-size", 300)
    ids = np.fromfile(program.at("few", "train.bin"), "<u2").tolist()
    print(f"gradients of {len(ids) - 1} tokens{'':<12} {'all':>9} {'worst':>9}  bound")
    for kind, flags in KINDS.items():
        run = f"step-{kind}"
        program("train", "--preset", "tiny", "--data", "few", "--out", run, "--steps", 1, "--lr", "1e-30", "--beta1", 0, "--clip", 0,
                "--batch", 1, "--context", len(ids) - 1, "--hidden-size", 64, "--intermediate-size", 96, "--num-hidden-layers", 2,
                "--initializer-range", 0.1, "--precision", "f32", *flags)
        moments = load_file(program.at(run, "ckpt", "step-00000001", "optimizer.safetensors"))
        model = load(program.at(run)).train()
        loss = model(torch.tensor([ids]), labels=torch.tensor([ids])).loss
        loss.backward()
        with open(program.at(run, "metrics.jsonl"), encoding="utf-8") as file:
            theirs = next(line["loss"] for line in map(json.loads, file) if line["type"] == "train")
        check(abs(loss.item() - theirs) < 1e-3, f"{run}: loss {loss.item()}, but {theirs}")
        errors, over, under = [], 0, 0
        for name, parameter in model.named_parameters():
            expected, found = moments[f"m.{name}"].double(), parameter.grad.double()
            apart, size = (found - expected).square().sum(), expected.square().sum()
            over, under = over + apart, under + size
            errors.append(((apart / size).item() if size else apart.item(), name))
        bound = 1e-8 if kind == "float" else 1e-3  # a tie of rounding changes an input by a whole step
        print(f"{run:<36} {over / under:9.1e} {max(errors)[0]:9.1e}  {bound:.0e}   worst {max(errors)[1]}", flush=True)
        check(over / under < bound, f"{run}: gradients differ by {over / under:.1e}")
        checkpointed(run, model, torch.tensor([ids[:250], ids[250:500]]))
    one_step(program, ids)


def checkpointed(run, model, ids):
    """Layers that are computed again have the gradients of layers that are kept, to the bit: rows padded, and with a cache."""
    mask = torch.ones_like(ids)
    mask[0, :33] = 0

    def learn(cached, **how):
        model.zero_grad()
        model.gradient_checkpointing_enable(**how) if how else model.gradient_checkpointing_disable()
        cache = bitllama.hf.BitLlamaCache() if cached else None
        parts = ((0, 97), (97, 250)) if cached else ((0, 250),)
        losses = [model(ids[:, a:b], attention_mask=mask[:, :b], labels=ids[:, a:b], past_key_values=cache).loss for a, b in parts]
        sum(losses).backward()
        return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}

    kept = {}
    handle = model.model.layers[0].seq_norm.register_forward_hook(lambda *_: kept.update(times=kept.get("times", 0) + 1))
    for cached in (False, True):
        expected = learn(cached)
        for reentrant in (False, True):
            how, kept["times"] = {"gradient_checkpointing_kwargs": {"use_reentrant": reentrant}}, 0
            try:
                found = learn(cached, **how)
            except ValueError as error:
                check(cached and reentrant and "use_reentrant" in str(error), f"{run}: {error}")
                continue
            check(not (cached and reentrant), f"{run}: reentrant checkpoints with a cache were not refused")
            check(kept["times"] == 2 * (1 + cached), f"{run}: the first layer was computed {kept['times']} times")
            wrong = [name for name in expected if not torch.equal(found[name], expected[name])]
            check(not wrong, f"{run}, cached {cached}, reentrant {reentrant}: other gradients of {wrong}")
    handle.remove()
    model.gradient_checkpointing_disable()
    print(f"{run}: the same gradients with checkpoints", flush=True)


def one_step(program, ids):
    """transformers' Trainer, and that its step made the loss of what it read smaller."""
    model = load(program.at("step-linear"))
    rows = [{"input_ids": ids[at : at + 64], "labels": ids[at : at + 64]} for at in range(0, 256, 64)]
    settings = transformers.TrainingArguments(output_dir=program.at("trainer"), max_steps=1, per_device_train_batch_size=4, use_cpu=True,
                                              learning_rate=1e-3, gradient_checkpointing=True, report_to=[], save_strategy="no", disable_tqdm=True, lr_scheduler_type="constant")
    batch = torch.tensor([row["input_ids"] for row in rows])

    def loss():
        with torch.no_grad():
            return model.eval()(batch, labels=batch).loss.item()

    before = loss()
    transformers.Trainer(model=model, args=settings, train_dataset=rows).train()
    after = loss()
    print(f"Trainer: loss {before:.4f} before its step, {after:.4f} behind it")
    check(after < before, "Trainer's step made the loss no smaller")


# ---- the tokenizer ----


def tokenizer(program, count=1000):
    """Ids of random texts, by the class that tokenizer_config.json names."""
    theirs = AutoTokenizer.from_pretrained(program.at("linear"))
    rng, words = random.Random(1), ["the", " fox", "\n\n", "  ", "Äpfel", "日本", "🦊", "12,5", "don't", "<|endoftext|>", "\t", "e\u0301", " \u00a0", "X" * 40]
    texts = ["".join(rng.choice(words) if rng.random() < 0.7 else chr(rng.randrange(1, 0xD800)) for _ in range(rng.randrange(1, 30)))
             for _ in range(count)]
    records = b"".join(struct.pack("=I", len(data)) + data for data in (text.encode() for text in texts))
    done = subprocess.run([program.probe, "encode", program.at("linear", "tokenizer.json")], input=records, capture_output=True, check=True)
    wrong, at = 0, 0
    for text in texts:
        (n,) = struct.unpack_from("=I", done.stdout, at)
        ours = list(struct.unpack_from(f"={n}I", done.stdout, at + 4))
        at += 4 + 4 * n
        wrong += ours != theirs(text, add_special_tokens=False)["input_ids"]
    check(at == len(done.stdout), "the probe has said more")
    print(f"{type(theirs).__name__}: {count} strings, {wrong} with other ids")
    check(not wrong, f"{wrong} strings with other ids")


# ---- nothing of ours installed ----

REMOTE = """
import sys, numpy, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, ids, out = sys.argv[1], [int(word) for word in sys.argv[2].split(",")], sys.argv[3]
assert not [path for path in sys.path if path.rstrip("/").endswith("python")], sys.path
model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
assert type(model).__module__.startswith("transformers_modules."), type(model).__module__
AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
with torch.no_grad():
    numpy.save(out, model.eval()(torch.tensor([ids])).logits[0].numpy())
"""


def remote(program):
    """An export opened by a Python that knows transformers and no package of ours."""
    ids = list(range(2, 102))
    for kind, dtype in (("linear", "int8"), ("plain", "bf16"), ("float", "f32")):
        folder = f"remote {kind}"
        program("export", "-m", kind, "--out", folder, "--dtype", dtype)
        environment = {**os.environ, "HF_MODULES_CACHE": program.at("modules"), "PYTHONPATH": ""}
        done = subprocess.run([sys.executable, "-c", REMOTE, program.at(folder), ",".join(map(str, ids)), program.at("remote.npy")],
                              cwd=program.work, env=environment, capture_output=True, text=True)
        check(not done.returncode, f"{folder}: {done.stderr[-2000:]}")
        if not done.returncode:
            error = nmse(np.load(program.at("remote.npy")), program.logits(folder, ids))
            print(f"trust_remote_code: {folder}, {dtype}: NMSE {error:.1e}", flush=True)
            check(error < 1e-3, f"{folder}: NMSE {error:.1e}")
            spread(program, folder, ids)


def spread(program, folder, ids):
    """device_map: a layer from the disk, the rest on the processor."""
    whole = load(program.at(folder))
    names = [name for name, _ in whole.model.named_children() if name != "layers"]
    places = {f"model.{name}": "cpu" for name in names} | {"lm_head": "cpu"} | {f"model.layers.{i}": "cpu" if i else "disk" for i in range(2)}
    if whole.config.tie_word_embeddings:
        del places["lm_head"]
    apart = load(program.at(folder), device_map=places, offload_folder=program.at("offload"))
    check(nmse(logits(apart, ids), logits(whole, ids)) == 0, f"{folder}: spread over devices, other logits")


# ---- what a model begins with ----


def deviation(tensors):
    convs = torch.cat([t.detach().flatten() for name, t in tensors if name.endswith(("conv.conv.weight", "conv_q.weight", "conv_k.weight"))])
    return convs.std().item(), 4 / (2 * len(convs)) ** 0.5


def initial(program):
    """The deviation of convolutions (MODEL 4), of the program's new models and of those in PyTorch."""
    for width, asked, expected in ((64, 0, 0.8), (512, 0, 0.5657), (64, 0.1, 0.1), (512, 0.1, 0.1)):
        program("train", "--preset", "tiny", "--data", "data", "--out", f"begun-{width}-{asked}", "--steps", 1, "--lr", "1e-30", "--hidden-size", width,
                "--num-attention-heads", max(2, width // 128), "--intermediate-size", 96, "--num-hidden-layers", 2,
                "--batch", 1, "--conv-initializer-range", asked)
        folder = program.at(f"begun-{width}-{asked}")
        torch.manual_seed(1)
        fresh = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
        for whose, tensors in (("the program", load_file(os.path.join(folder, "model.safetensors")).items()), ("transformers", fresh.named_parameters())):
            found, bound = deviation(tensors)
            print(f"convolutions of {whose}, D {width}, asked for {asked}: deviation {found:.4f}")
            check(abs(found / expected - 1) < bound, f"{whose}: convolutions of deviation {found:.4f}, not {expected}")


PARTS = {"remote": remote, "initial": initial, "variants": variants, "trained": trained, "gradients": gradients, "tokenizer": tokenizer}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bitllama", required=True)
    parser.add_argument("--probe", required=True, help="tokenizer_probe")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part of it")
    args, start = parser.parse_args(), time.monotonic()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}")
    with tempfile.TemporaryDirectory() as work:
        program = Program(args.bitllama, args.probe, work)
        train(program)
        for name, part in PARTS.items():
            if name in (args.only or PARTS):
                begun = time.monotonic()
                part(program)
                print(f"({name}: {time.monotonic() - begun:.0f} s)", flush=True)
    for failure in failures:
        print("failed:", failure)
    print(f"{time.monotonic() - start:.0f} s: {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
