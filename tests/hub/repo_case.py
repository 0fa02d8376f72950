"""What the tests of models on the Hub share: a small model, and runs of the program with a cache of its own."""
import os
import subprocess

from hub_case import BITLLAMA, Cache, scratch


def run(cache, hub, *words, cwd=None, stdin="", **environment):
    process = subprocess.run([BITLLAMA, *words], capture_output=True, text=True, timeout=120, cwd=cwd or cache.path,
                             input=stdin, env=cache.environment(hub, **environment))
    cache.code, cache.out, cache.said = process.returncode, process.stdout, process.stderr
    return cache


def start(cache, hub, *words, **environment):
    return subprocess.Popen([BITLLAMA, *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cache.path,
                            env=cache.environment(hub, **environment))


def fine(cache):
    assert cache.code == 0, (cache.code, cache.said)
    return cache.out


def refused(cache, code, *words):
    last = (cache.said.strip().splitlines() or [""])[-1]
    assert cache.code == code and "error:" in last, (cache.code, cache.said)
    for word in words:
        assert word in last, (word, last)


def files_of(folder):
    files = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            with open(path, "rb") as f:
                files[os.path.relpath(path, folder)] = f.read()
    return files


def make_model():
    """The folder of a packed model, which is a run's of one step."""
    c = Cache()
    small = "--preset tiny --batch 2 --context 16 --steps 1 --no-samples --no-plot --num-hidden-layers 1".split()
    fine(run(c, None, "prepare", "tales", "--out", "data", "--tales-bytes", "60000", "--vocab-size", "300"))
    fine(run(c, None, "train", "--data", "data", "--out", "run", *small))
    fine(run(c, None, "export", "-m", "run", "--out", "packed"))
    for name in ("configuration_bitllama.py", "modeling_bitllama.py"):  # code, which stays where it is
        os.rename(f"{c.path}/packed/{name}", f"{c.path}/{name}")
    return c.path


MADE = make_model()
MODEL = files_of(f"{MADE}/packed")
LATENT = {name: open(f"{MADE}/run/{name}", "rb").read()
          for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")}
OTHERS = {".gitattributes": b"*.safetensors filter=lfs\n", "modeling_bitllama.py": b"import os\n", "pytorch_model.bin": b"x" * 5000,
          "images/loss.svg": b"<svg/>"}
