#!/usr/bin/env python3
"""Models by their names, in transformers and in the C program, over one Hub on this machine.

  transformers_hub.py BITLLAMA

Fetched by one and read offline by the other, with connections that break, of a revision, with the code of the repository: the
same logits and the same greedy text.
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import warnings

BITLLAMA = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
scratch = tempfile.TemporaryDirectory(prefix="bl-hub-")
for name in list(os.environ):
    if name.startswith("HF_") or name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ.update(HF_HOME=f"{scratch.name}/home", HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_XET="1", OMP_NUM_THREADS="1",
                  HF_HUB_DISABLE_PROGRESS_BARS="1", TRANSFORMERS_VERBOSITY="error", no_proxy="127.0.0.1,localhost")
warnings.filterwarnings("ignore")

sys.path[:0] = [os.path.join(HERE, "..", "hub"), os.path.join(HERE, "..", "..", "python")]
sys.argv = [sys.argv[0], "", BITLLAMA]
from repo_case import LATENT, MADE, MODEL  # noqa: E402
from repo_server import Hub, breaking  # noqa: E402

hub = Hub()
os.environ["HF_ENDPOINT"] = hub.url
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402  (it reads these variables)
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

torch.set_num_threads(1)
transformers.utils.logging.disable_progress_bar()
IDS = list(range(2, 66))
compared = 0


def ours(*words, **environment):
    done = subprocess.run([BITLLAMA, *words], capture_output=True, text=True, cwd=scratch.name, timeout=300, env={**os.environ, **environment})
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def by_program(name, **environment):
    """Logits of IDS, and the tokens that are written greedily."""
    ours("logits", "-m", name, "--ids", ",".join(map(str, IDS)), "-o", "logits.npy", **environment)
    line = json.loads(ours("generate", "-m", name, "-p", "Once", "--temperature", "0", "--max-tokens", "30", "--json", **environment))
    return np.load(f"{scratch.name}/logits.npy"), line["ids"]


def by_transformers(name, **how):
    """The same; the keywords are those of from_pretrained."""
    model, info = AutoModelForCausalLM.from_pretrained(name, output_loading_info=True, **how)
    assert not any(info.values()), info
    tokenizer = AutoTokenizer.from_pretrained(name, **how)
    prompt = tokenizer("<|endoftext|>Once", return_tensors="pt")
    with torch.no_grad():
        logits = model.eval()(torch.tensor([IDS])).logits[0].numpy()
    return logits, model.generate(**prompt, max_new_tokens=30, do_sample=False)[0, prompt["input_ids"].shape[1]:].tolist()


def same(what, found, expected):
    global compared
    error = (((found[0] - expected[0]) ** 2).sum(-1) / (expected[0] ** 2).sum(-1)).max()
    assert error < 1e-3 and found[1] == expected[1], (what, error, found[1], expected[1])
    compared += 1
    print(f"{what:<72} NMSE {error:.1e}, text equal", flush=True)


CODE = {name: open(f"{MADE}/{name}", "rb").read() for name in ("configuration_bitllama.py", "modeling_bitllama.py")}
hub.make("o/code", {**MODEL, **CODE})
hub.make("o/packed", MODEL)
hub.make("o/latent", LATENT)
hub.make("o/broken", {**MODEL, "README.md": b"# another\n"})
hub.make("o/mine", MODEL, private=True)
packed, latent = by_program(f"{MADE}/packed"), by_program(f"{MADE}/run")

same("a packed model, with the code of its repository", by_transformers("o/code", trust_remote_code=True), packed)
assert hub.asked("HEAD", "modeling_bitllama.py")
import bitllama.hf  # noqa: E402  (from here on our class is known)

same("a packed model", by_transformers("o/packed"), packed)
hub.log.clear()
same("the same from the cache that transformers has filled, by the program", by_program("o/packed", HF_HUB_OFFLINE="1"), packed)
same("the same without a request", by_transformers("o/packed", local_files_only=True), packed)
assert not hub.log, hub.log

same("a latent model, fetched by the program", by_program("o/latent"), latent)
hub.log.clear()
same("the same from the cache that the program has filled", by_transformers("o/latent", local_files_only=True), latent)
assert not hub.log, hub.log

weights = MODEL["model.safetensors"]
third, digest = len(weights) // 3, hashlib.sha256(weights).hexdigest()
for reader, how, begun in ((by_transformers, {"cache_dir": f"{scratch.name}/theirs"}, [0, 0, 0]),  # it keeps pieces of 10 MB
                           (by_program, {"HF_HUB_CACHE": f"{scratch.name}/ours"}, [0, third, 2 * third])):
    hub.hooks[:] = [breaking(weights, [third, third])]
    hub.log.clear()
    found = reader("o/broken", **how)
    asked = [{k.lower(): v for k, v in h.items()}.get("range", "bytes=0-") for m, p, h, *_ in hub.log if m == "GET" and p.endswith(digest)]
    assert asked == [f"bytes={at}-" for at in begun], asked
    same(f"over connections that break ({reader.__name__})", found, packed)
hub.hooks.clear()

hub.commit("o/packed", "v2", {**LATENT, "README.md": b"# another\n"}, "other weights")
same("a revision", by_transformers("o/packed", revision="v2"), latent)
same("the same by the program", by_program("o/packed@v2"), latent)
same("a private one with a token", by_transformers("o/mine", token="reader"), packed)
for name, how in (("o/mine", {}), ("o/none", {}), ("o/packed", {"revision": "nothing"})):
    try:
        by_transformers(name, cache_dir=f"{scratch.name}/nothing", **how)
        raise SystemExit(f"{name} was loaded")
    except OSError as error:
        assert name in str(error), error

# weights in several files, as transformers cuts them
ours("export", "-m", f"{MADE}/run", "--out", f"{MADE}/rows", "--dtype", "int8")
for name, whole in (("packed", packed), ("run", latent), ("rows", by_program(f"{MADE}/rows"))):
    folder = f"{scratch.name}/parts-{name}"
    AutoModelForCausalLM.from_pretrained(f"{MADE}/{name}").save_pretrained(folder, max_shard_size="30KB")
    AutoTokenizer.from_pretrained(f"{MADE}/{name}").save_pretrained(folder)
    shards = [file for file in os.listdir(folder) if file.endswith(".safetensors")]
    assert len(shards) > 2 and not os.path.exists(f"{folder}/model.safetensors"), shards
    same(f"{len(shards)} shards of a {name} model, by transformers", by_transformers(folder), whole)
    same("the same by the program", by_program(folder), whole)
    with bitllama.BitLlama.from_pretrained(folder) as model, bitllama.BitLlama.from_pretrained(f"{MADE}/{name}") as one:
        assert model.fingerprint() == one.fingerprint()
    ours("push", folder, f"o/parts-{name}", HF_TOKEN="writer")
    same("the same by its name, fetched by the program", by_program(f"o/parts-{name}"), whole)
    same("the same from the program's cache by transformers", by_transformers(f"o/parts-{name}", local_files_only=True), whole)

print(f"transformers {transformers.__version__}: {compared} comparisons, 0 differences")
scratch.cleanup()
