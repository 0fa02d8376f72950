"""Models by their names on the Hub: what is fetched, refused, resumed and found in the cache.

  pull_test.py HUB_PROBE BITLLAMA
"""
import hashlib
import json
import os
import shutil
import signal
import sys
import time

from hub_case import LONG, Cache, case, cases, failures, scratch
from repo_case import LATENT, MADE, MODEL, OTHERS, files_of, fine, refused, run, start
from repo_server import Hub
from shards import shards_of

NAME = "bit-ttt/small"
unreachable = start(Cache(), None, "pull", NAME)  # five tries take some seconds: looked at in the end


def hub_of(files=None, **behaviour):
    hub = Hub(**behaviour)
    hub.make(NAME, {**MODEL, **OTHERS} if files is None else files)
    return hub


def folder_of(cache, hub, branch="main", name=NAME):
    return f"{cache.path}/hub/models--{name.replace('/', '--')}/snapshots/{hub.repos[name]['refs'][branch]}"


def listing_is(answer):
    def hook(h):
        return h.where.startswith("/api/models/") and answer(h)
    return hook


def as_listing(siblings, sha="a" * 40):
    def answer(h):
        h.json({"sha": sha, "siblings": siblings})
        return True
    return answer


# ---- what goes well ----

@case
def pull_fetches_what_a_model_needs():
    with hub_of() as hub:
        c = Cache()
        folder = fine(run(c, hub, "pull", NAME)).strip()
        assert folder == folder_of(c, hub), folder
        assert files_of(folder) == MODEL, sorted(files_of(folder))
        assert f"{len(MODEL)} files" in c.said and "MB" in c.said, c.said
        assert not [p for _, p, *_ in hub.log if any(o in p for o in OTHERS)], hub.log
        order = [p.split("/")[-1] for p in hub.asked("GET", "resolve")]
        assert order[0] == "config.json" and order[-1] == "model.safetensors", order
        hub.log.clear()
        assert fine(run(c, hub, "pull", NAME)).strip() == folder
        assert [m for m, *_ in hub.log] == ["GET"] and c.said == "", (hub.log, c.said)  # the listing alone


@case
def pull_tells_json():
    with hub_of() as hub:
        c = Cache()
        told = json.loads(fine(run(c, hub, "pull", NAME, "--json")))
        size = sum(map(len, MODEL.values()))
        assert told == {"name": NAME, "commit": hub.repos[NAME]["refs"]["main"], "path": folder_of(c, hub),
                        "files": len(MODEL), "bytes": size, "fetched_bytes": size}, told
        assert json.loads(fine(run(c, hub, "pull", NAME, "--json")))["fetched_bytes"] == 0
        told = json.loads(fine(run(c, hub, "pull", f"{MADE}/packed", "--json")))
        assert (told["path"], told["commit"]) == (f"{MADE}/packed", None), told


@case
def every_command_takes_a_name():
    """What it writes is what it writes of the folder."""
    with hub_of() as hub:
        c, folder = Cache(), f"{MADE}/packed"
        with open(f"{c.path}/text", "w") as f:
            f.write("Once there was a cat. " * 40)
        for words, stdin in (
                (["generate", "-m", "@", "-p", "Once", "--max-tokens", "8", "--temperature", "0"], ""),
                (["chat", "-m", "@", "--max-tokens", "8", "--temperature", "0"], "Hello\n"),
                (["eval", "-m", "@", "--data", "text", "--json"], ""),
                (["learn", "-m", "@", "text", "--memory", "memory"], ""),
                (["memory", "show", "memory", "-m", "@"], ""),
                (["plan", "-m", "@", "--json"], ""),
                (["logits", "-m", "@", "-p", "a cat", "-o", "logits.npy"], ""),
                (["info", "@", "--json"], ""),
                (["tokenize", "-m", "@"], "a cat"),
                (["tokenize", "--tokenizer", "@"], "a cat"),
                (["detokenize", "-m", "@"], "40 41 42"),
                (["export", "-m", "@", "--out", "copy", "--force"], "")):
            outputs = []
            for name in (folder, NAME):
                if words[0] == "learn" and os.path.exists(f"{c.path}/memory"):
                    os.remove(f"{c.path}/memory")
                run(c, hub, *[name if w == "@" else w for w in words], stdin=stdin)
                words_shown = c.out.replace(folder_of(c, hub), folder)
                outputs.append((c.code, "".join(l for l in words_shown.splitlines(True) if "seconds" not in l)))
                assert c.code in (0, 2), (words, c.code, c.said)
            assert outputs[0] == outputs[1], (words, outputs, c.said)
            assert outputs[0][0] == 0, (words, c.said)
        fine(run(c, hub, "prepare", "text", "--out", "data", "--tokenizer", NAME, "--val-split", "0.2"))
        with open(f"{c.path}/data/tokenizer.json", "rb") as f:
            assert f.read() == MODEL["tokenizer.json"]


@case
def a_tokenizer_is_fetched_alone():
    """Also of a repository whose model is none of ours."""
    files = {"config.json": b'{"model_type": "llama"}', "model.safetensors": b"x" * 5000,
             "tokenizer.json": MODEL["tokenizer.json"], "tokenizer_config.json": MODEL["tokenizer_config.json"]}
    with hub_of(files) as hub:
        c = Cache()
        ids = fine(run(c, hub, "tokenize", "-m", NAME, stdin="a cat"))
        assert ids == fine(run(c, hub, "tokenize", "-m", f"{MADE}/packed", stdin="a cat"))
        assert not [p for _, p, *_ in hub.log if "safetensors" in p], hub.log
        assert sorted(os.listdir(folder_of(c, hub))) == ["config.json", "tokenizer.json", "tokenizer_config.json"]
        refused(run(c, hub, "pull", NAME, "--parts", "model"), 3, "not a model of bitllama", "llama")


@case
def train_begins_with_a_name():
    with hub_of(LATENT) as hub:
        c = Cache()
        hub.commit(NAME, "v2", LATENT, "the same")
        small = "--batch 2 --context 16 --steps 1 --no-samples --no-plot".split()
        fine(run(c, hub, "train", "--data", f"{MADE}/data", "--out", "tuned", "--init", f"{NAME}@v2", *small))
        assert "began with the weights of" in c.said and hub.asked("GET", "/revision/v2"), c.said


@case
def revisions():
    with hub_of() as hub:
        c = Cache()
        other = {**MODEL, "README.md": b"# another\n"}
        first = hub.repos[NAME]["refs"]["main"]
        hub.commit(NAME, "refs/pr/1", other, "asked for")
        hub.repos[NAME]["refs"]["v1"] = hub.commit(NAME, "side", {**MODEL, "README.md": b"# a tag\n"}, "side")
        for revision, words in (("refs/pr/1", b"# another\n"), ("v1", b"# a tag\n"), (first, MODEL["README.md"])):
            for given in ([f"{NAME}@{revision}"], [NAME, "--revision", revision]):
                folder = fine(run(c, hub, "pull", *given)).strip()
                assert open(f"{folder}/README.md", "rb").read() == words, folder
        hub.log.clear()
        fine(run(c, hub, "pull", f"{NAME}@{first}"))
        assert not hub.log, hub.log  # a commit that is whole needs no request
        refused(run(c, hub, "pull", f"{NAME}@none"), 3, "no branch, tag or commit 'none'")
        refused(run(c, hub, "pull", f"{NAME}@v1", "--revision", "v2"), 2, "give one of both")
        refused(run(c, hub, "pull", f"{NAME}@../x"), 3)


@case
def changed_on_the_hub():
    with hub_of() as hub:
        c = Cache()
        fine(run(c, hub, "pull", NAME))
        hub.commit(NAME, "main", {**MODEL, "README.md": b"# new\n"}, "changed")
        hub.log.clear()
        folder = fine(run(c, hub, "pull", NAME)).strip()
        assert open(f"{folder}/README.md", "rb").read() == b"# new\n"
        assert files_of(folder) == {**MODEL, "README.md": b"# new\n"}
        assert not hub.asked("GET", "/large/"), hub.log  # the same weights are not fetched again


@case
def offline_from_the_cache():
    with hub_of() as hub:
        c = Cache()
        refused(run(c, hub, "generate", "-m", NAME, "-p", "a", HF_HUB_OFFLINE="1"), 5, "no file or folder", "is not in the cache",
                "HF_HUB_OFFLINE")
        fine(run(c, hub, "pull", NAME))
        hub.log.clear()
        fine(run(c, hub, "generate", "-m", NAME, "-p", "a", "--max-tokens", "2", HF_HUB_OFFLINE="1"))
        fine(run(c, hub, "pull", NAME, "--offline"))
        assert not hub.log
        os.remove(f"{folder_of(c, hub)}/model.safetensors")
        refused(run(c, hub, "pull", NAME, "--offline"), 5, "model.safetensors")
        assert fine(run(c, hub, "tokenize", "-m", NAME, stdin="a", HF_HUB_OFFLINE="1"))


@case
def a_hub_that_is_gone_leaves_the_cache():
    c = Cache()
    with hub_of() as hub:
        fine(run(c, hub, "pull", NAME))
    fine(run(c, None, "generate", "-m", NAME, "-p", "a", "--max-tokens", "2"))
    assert "the copy in the cache is taken" in c.said, c.said


@case
def a_local_folder_has_precedence():
    with hub_of() as hub:
        c = Cache()
        shutil.copytree(f"{MADE}/packed", f"{c.path}/{NAME}")
        fine(run(c, hub, "generate", "-m", NAME, "-p", "a", "--max-tokens", "2"))
        assert fine(run(c, hub, "pull", NAME)).strip() == NAME
        assert not hub.log


@case
def places_of_the_cache():
    with hub_of() as hub:
        for variables, place in (({"HF_HOME": "@/a"}, "a/hub"), ({"HF_HUB_CACHE": "@/b", "HF_HOME": "@/a"}, "b"),
                                 ({"XDG_CACHE_HOME": "@/c"}, "c/huggingface/hub"), ({}, ".cache/huggingface/hub"),
                                 ({"BITLLAMA_CACHE": "@/d", "HF_HUB_CACHE": "@/b"}, "d/hub")):
            c = Cache()
            given = {"BITLLAMA_CACHE": None, "XDG_CACHE_HOME": None, **{k: v.replace("@", c.path) for k, v in variables.items()}}
            folder = fine(run(c, hub, "pull", NAME, **given)).strip()
            assert folder.startswith(f"{c.path}/{place}/models--bit-ttt--small/snapshots/"), (variables, folder)
        folder = fine(run(c, hub, "pull", NAME, "--cache-dir", f"{c.path}/e")).strip()
        assert folder.startswith(f"{c.path}/e/models--bit-ttt--small/"), folder
        c = Cache()  # what version 0.2 has fetched stays where it is
        os.makedirs(f"{c.path}/.cache/bitllama/hub/models--bit-ttt--small")
        folder = fine(run(c, hub, "pull", NAME, BITLLAMA_CACHE=None, XDG_CACHE_HOME=None)).strip()
        assert folder.startswith(f"{c.path}/.cache/bitllama/hub/models--bit-ttt--small/"), folder


@case
def tokens_stay_with_the_hub():
    with hub_of() as hub:
        hub.repos[NAME]["private"] = True
        c = Cache()
        refused(run(c, hub, "pull", NAME), 3, "no such repository", "or a private one", "HF_TOKEN")
        refused(run(c, hub, "pull", NAME, HF_TOKEN="wrong"), 3, "no such repository")
        hub.log.clear()
        with open(f"{c.path}/token", "w") as f:
            f.write("reader\n")
        for given, flags in (({"HF_TOKEN": "reader"}, []), ({"HF_HOME": c.path}, []), ({"HF_TOKEN": "wrong"}, ["--token", "reader"])):
            shutil.rmtree(f"{c.path}/hub", ignore_errors=True)
            fine(run(c, hub, "pull", NAME, *flags, **given))
            assert "reader" not in c.said + c.out
        for _, path, headers, host, _ in hub.log:
            assert ("Authorization" in headers) == (host == "127.0.0.1"), (path, host)


# ---- what is no model ----

@case
def no_model_of_ours_is_refused_before_its_weights():
    big = b"x" * 5000
    for files, words in (({**MODEL, "config.json": b'{"model_type": "llama"}'}, ("its config.json:", "llama")),
                         ({**MODEL, "config.json": b"{"}, ("its config.json:",)),
                         ({**MODEL, "config.json": b"[" * 5000}, ("its config.json:",)),
                         ({"model.safetensors": big}, ("no config.json in it",)),
                         ({"config.json": MODEL["config.json"]}, ("no model.safetensors in it",)),
                         ({}, ("no config.json",))):
        with hub_of(files) as hub:
            c = Cache()
            for command in (["pull", NAME], ["generate", "-m", NAME, "-p", "a"]):
                refused(run(c, hub, *command), 3, NAME, *words)
            assert not [p for p in hub.asked("GET", "resolve|large") if "config.json" not in p and "/large/" not in p], hub.log
            assert not os.path.exists(f"{c.path}/hub/models--bit-ttt--small/refs/main")


@case
def no_repository():
    with hub_of() as hub:
        c = Cache()
        refused(run(c, hub, "generate", "-m", "runs/typo", "-p", "a"), 3, "no file or folder runs/typo is here", "no such repository on")
        hub.log.clear()
        for name in ("./runs/typo", "/no/typo", "../typo", "typo", "a/b/c", "~/typo"):
            refused(run(c, hub, "generate", "-m", name, "-p", "a"), 3, "no such model folder")
        assert not hub.log, hub.log  # a path is never asked for


# ---- weights in several files ----

SHARDS = shards_of(MODEL["model.safetensors"], 3)
IN_PARTS = {**{name: content for name, content in MODEL.items() if name != "model.safetensors"}, **SHARDS}
INDEX = "model.safetensors.index.json"


@case
def shards_are_all_fetched():
    with hub_of({**IN_PARTS, **OTHERS, "model-00004-of-00004.safetensors": b"x" * 5000}) as hub:
        c = Cache()
        told = json.loads(fine(run(c, hub, "pull", NAME, "--json")))
        size = sum(map(len, IN_PARTS.values()))
        assert files_of(told["path"]) == IN_PARTS, sorted(files_of(told["path"]))
        assert (told["files"], told["bytes"], told["fetched_bytes"]) == (len(IN_PARTS), size, size), told
        order = [p.split("/")[-1] for p in hub.asked("HEAD", "resolve")]
        assert order[:2] == ["config.json", INDEX] and order[-3:] == sorted(SHARDS)[:3], order
        hub.log.clear()
        assert json.loads(fine(run(c, hub, "pull", NAME, "--json")))["fetched_bytes"] == 0
        assert [m for m, *_ in hub.log] == ["GET"], hub.log  # the listing alone
        hub.log.clear()
        texts = [fine(run(c, hub, "generate", "-m", model, "-p", "Once", "--max-tokens", "9", "--temperature", "0", HF_HUB_OFFLINE="1"))
                 for model in (NAME, f"{MADE}/packed")]
        assert texts[0] == texts[1] and not hub.log, (texts, hub.log)
        os.remove(f"{told['path']}/model-00002-of-00003.safetensors")
        refused(run(c, hub, "generate", "-m", NAME, "-p", "a", HF_HUB_OFFLINE="1"), 5, "model-00002-of-00003.safetensors", "not in the cache")
        fine(run(c, hub, "pull", NAME))
        assert files_of(told["path"]) == IN_PARTS
        fine(run(c, hub, "tokenize", "-m", NAME, stdin="a"))


@case
def one_file_goes_before_shards():
    with hub_of({**IN_PARTS, **MODEL}) as hub:
        c = Cache()
        assert files_of(fine(run(c, hub, "pull", NAME)).strip()) == MODEL
        assert not [p for _, p, *_ in hub.log if INDEX in p or "-of-" in p], hub.log


@case
def indexes_that_lie():
    def index_of(**weight_map):
        return json.dumps({"weight_map": weight_map}).encode()
    first = sorted(SHARDS)[0]
    for files, words in ((dict(IN_PARTS, **{INDEX: b"{}"}), "weight_map says"),
                         (dict(IN_PARTS, **{INDEX: b"[" * 100_000}), ""),
                         (dict(IN_PARTS, **{INDEX: index_of(a="../../evil.safetensors")}), "is no name of a safetensors file"),
                         (dict(IN_PARTS, **{INDEX: index_of(a="/etc/x.safetensors")}), "is no name of a safetensors file"),
                         (dict(IN_PARTS, **{INDEX: index_of(a="modeling_bitllama.py")}), "is no name of a safetensors file"),
                         (dict(IN_PARTS, **{INDEX: index_of(a="model-9.safetensors")}), "no model-9.safetensors in it"),
                         ({n: f for n, f in IN_PARTS.items() if n != first}, f"no {first} in it"),
                         (dict(IN_PARTS, **{"config.json": b'{"model_type": "llama"}'}), "its config.json:")):
        with hub_of({**files, **OTHERS}) as hub:
            c = Cache()
            refused(run(c, hub, "pull", NAME), 3, NAME, words)
            assert not [p for p in hub.asked("HEAD", "resolve") if not p.endswith(("config.json", INDEX))], hub.log
            assert not os.path.exists(f"{c.path}/hub/models--bit-ttt--small/refs/main")
    with hub_of(IN_PARTS) as hub:
        huge = [{"rfilename": n, "size": 10**12 if n == INDEX else len(f), "blobId": "0" * 40} for n, f in IN_PARTS.items()]
        hub.hooks.append(listing_is(as_listing(huge)))
        refused(run(Cache(), hub, "pull", NAME), 3, INDEX, "1000000000000 bytes", "at most")
        assert not hub.asked("GET|HEAD", "resolve"), hub.log
    other = shards_of(LATENT["model.safetensors"], 3)  # each is whole, together they are no model
    with hub_of({**IN_PARTS, first: other[first]}) as hub:
        c = Cache()
        fine(run(c, hub, "pull", NAME))
        refused(run(c, hub, "generate", "-m", NAME, "-p", "a"), 3, "index")


# ---- cuts and lies ----

def weights_are(what):
    """A hook for the request that wants the weights' content."""
    digest = hashlib.sha256(MODEL["model.safetensors"]).hexdigest()

    def hook(h):
        return h.command == "GET" and h.where == f"/large/{digest}" and what(h)
    return hook


@case
def stopped_and_resumed():
    half = len(MODEL["model.safetensors"]) // 2

    def stall(h):
        h.send_response(200)
        h.send_header("ETag", '"large"')
        h.send_header("Content-Length", str(2 * half + len(MODEL["model.safetensors"]) % 2))
        h.end_headers()
        h.wfile.write(MODEL["model.safetensors"][:half])
        h.wait_for_the_end()
        return True
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        with hub_of(hooks=[weights_are(stall)]) as hub:
            c = Cache()
            process = start(c, hub, "pull", NAME, HF_HUB_DOWNLOAD_TIMEOUT=LONG)
            digest = hashlib.sha256(MODEL["model.safetensors"]).hexdigest()
            incomplete = f"{c.path}/hub/models--bit-ttt--small/blobs/{digest}.incomplete"
            while not os.path.exists(incomplete) or os.path.getsize(incomplete) < half:
                assert process.poll() is None, process.communicate()
                time.sleep(0.01)
            process.send_signal(number)
            process.communicate()
            assert process.returncode == code, process.returncode
            assert not os.path.exists(f"{c.path}/hub/models--bit-ttt--small/refs/main")
            hub.hooks.clear()
            hub.log.clear()
            assert files_of(fine(run(c, hub, "pull", NAME)).strip()) == MODEL
            ranges = [h.get("Range") for m, p, h, *_ in hub.log if m == "GET" and digest in p]
            assert ranges == [f"bytes={half}-"], ranges


@case
def contents_that_are_forged():
    def forged(h):
        h.answer(200, {"ETag": '"large"'}, b"y" * len(MODEL["model.safetensors"]))
        return True
    with hub_of(hooks=[weights_are(forged)]) as hub:
        c = Cache()
        refused(run(c, hub, "pull", NAME), 5, "is not the file that the Hub announced", "SHA-256")
        assert not os.path.exists(f"{folder_of(c, hub)}/model.safetensors")
        refused(run(c, hub, "generate", "-m", NAME, "-p", "a", HF_HUB_OFFLINE="1"), 5, "not in the cache")


@case
def listings_that_lie():
    def raw(body, status=200, headers=()):
        def answer(h):
            h.answer(status, headers, body)
            return True
        return answer

    def endless(h):
        h.answer_endlessly()
        return True
    names = [{"rfilename": n, "size": 10, "blobId": "0" * 40} for n in ("../../evil", "/etc/passwd", "a\\b", "", "config.json\n", ".")]
    for answer, code, words in (
            (raw(b"<html>"), 5, "is no JSON object"), (raw(b"[]"), 5, "is no JSON object"), (raw(b""), 5, "is no JSON object"),
            (raw(b"[" * 100_000), 5, "is no JSON object"), (raw(b'{"sha": "main", "siblings": []}'), 5, "does not say commit"),
            (raw(b'{"sha": "' + b"a" * 40 + b'", "siblings": 3}'), 5, "does not say commit"),
            (endless, 5, "the answer has more than"), (as_listing(names), 3, "no config.json"),
            (as_listing([{"rfilename": "config.json", "size": -5}, {"rfilename": 7}, 8]), 3, "no "),
            (raw(b"", 302, {"Location": "ftp://127.0.0.1/x"}), 5, "no web address"),
            (raw(b"", 403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "ask \x1b[31mits author"}), 5, "<U+001B>[31mits author"),
            (raw(b"", 429, {"Retry-After": "4000"}), 5, "asks to wait for 4000 s")):
        with hub_of(hooks=[listing_is(answer)]) as hub:
            refused(run(Cache(), hub, "pull", NAME), code, words)


@case
def an_answer_of_another_commit():
    with hub_of() as hub:
        shas = [{"rfilename": n, "size": len(f), "blobId": "0" * 40} for n, f in MODEL.items()]
        hub.hooks.append(listing_is(as_listing(shas)))

        def answer(h):
            if h.command == "HEAD":
                h.answer(200, {"ETag": '"' + "0" * 40 + '"', "X-Repo-Commit": "b" * 40, "Content-Length": "5"})
                return True
        hub.hooks.append(answer)
        refused(run(Cache(), hub, "pull", NAME), 5, "of another commit")


@case
def without_network():
    out, said = unreachable.communicate(timeout=60)
    assert unreachable.returncode == 5 and out == "" and "another try" in said, (unreachable.returncode, said)


shutil.rmtree(scratch)
print(f"{len(cases)} cases, {len(failures)} failures")
sys.exit(bool(failures) or not cases)
