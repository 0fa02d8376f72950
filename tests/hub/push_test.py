"""Folders sent to the Hub: what is sent, what is not sent again, and what a server may do wrong.

  push_test.py HUB_PROBE BITLLAMA
"""
import json
import os
import shutil
import signal
import sys
import time

from hub_case import LONG, Cache, case, cases, failures, scratch
from repo_case import MADE, MODEL, fine, refused, run, start
from repo_server import Hub

NAME = "bit-ttt/small"
WEIGHTS = "model.safetensors"


def folder_with(cache, **more):
    folder = f"{cache.path}/my model"
    shutil.copytree(f"{MADE}/packed", folder, dirs_exist_ok=True)
    for name, content in more.items():
        os.makedirs(os.path.dirname(f"{folder}/{name}"), exist_ok=True)
        with open(f"{folder}/{name}", "wb") as f:
            f.write(content)
    return folder


def push(cache, hub, *flags, folder=f"{MADE}/packed", name=NAME, token="writer"):
    return run(cache, hub, "push", folder, name, *flags, HF_TOKEN=token)


def model_files(hub, branch="main"):
    return {n: c for n, c in hub.files(NAME, branch).items() if n != ".gitattributes"}


# ---- what goes well ----

@case
def a_repository_is_made():
    for part in (None, 30_000):
        with Hub(part=part) as hub:
            c = Cache()
            out = fine(push(c, hub, "--private", "--message", "the first"))
            repo = hub.repos[NAME]
            assert model_files(hub) == MODEL and repo["private"] and repo["titles"] == ["made", "the first"], repo["titles"]
            assert "sent and read back" in c.said and all(n in out and "new" in out for n in MODEL), (out, c.said)
            assert bool(hub.asked("POST", "/complete/")) == bool(part)
            for _, path, headers, host, _ in hub.log:  # the token goes to the Hub, the secret of an address nowhere
                assert ("Authorization" in headers) == (host == "127.0.0.1"), (path, host)
            assert "writer" not in out + c.said and "Signature" not in out + c.said
            folder = fine(run(c, hub, "pull", NAME, HF_TOKEN="reader")).strip()
            fine(run(c, hub, "generate", "-m", folder, "-p", "a", "--max-tokens", "2"))


@case
def what_is_there_is_not_sent_again():
    with Hub() as hub:
        c = Cache()
        folder = folder_with(c)
        fine(push(c, hub, folder=folder))
        hub.log.clear()
        out = fine(push(c, hub, folder=folder))
        assert "nothing to send" in c.said and [m for m, *_ in hub.log] == ["GET"] and out.count("same") == len(MODEL), (c.said, hub.log)
        with open(f"{folder}/README.md", "w") as f:
            f.write("# another\n")
        told = json.loads(fine(push(c, hub, "--json", folder=folder)))
        assert {f["path"]: f["state"] for f in told["files"]} == {n: "changed" if n == "README.md" else "same" for n in MODEL}
        assert (told["changed"], told["bytes"], told["sent_bytes"], told["commit"]) == (1, 10, 0, hub.repos[NAME]["refs"]["main"])
        assert not hub.asked("PUT", "") and hub.files(NAME)["README.md"] == b"# another\n"


@case
def a_dry_run_sends_nothing():
    with Hub() as hub:
        c = Cache()
        out = fine(push(c, hub, "--dry-run", token=None))
        assert {m for m, *_ in hub.log} == {"GET"} and not hub.repos and out.count("new") == len(MODEL), (out, hub.log)
        assert f"{len(MODEL)} of {len(MODEL)} files" in c.said and "would be sent" in c.said, c.said


@case
def a_branch_is_made():
    with Hub() as hub:
        hub.make(NAME)
        c = Cache()
        fine(push(c, hub, "--revision", "next/one"))
        assert model_files(hub, "next/one") == MODEL and not model_files(hub), hub.repos[NAME]["refs"]


@case
def names_and_links():
    with Hub() as hub:
        c = Cache()
        more = {"notes/how it was made.txt": b"x", "bild-\u00fc\u4e2d.svg": b"<svg/>", ".secret": b"no", ".git/config": b"no", "empty": b""}
        folder = folder_with(c, **more)
        os.symlink(f"{MADE}/packed/README.md", f"{folder}/linked.md")
        os.symlink(MADE, f"{folder}/elsewhere")
        os.symlink("nowhere", f"{folder}/broken")
        fine(push(c, hub, folder=folder))
        wanted = {**MODEL, **{n: f for n, f in more.items() if not n.startswith(".")}, "linked.md": MODEL["README.md"]}
        assert model_files(hub) == wanted, set(model_files(hub)) ^ set(wanted)
        pulled = fine(run(c, hub, "pull", NAME)).strip()  # a folder of links
        fine(push(c, hub, folder=pulled, name="other/name"))


@case
def no_model_is_sent_only_if_asked():
    with Hub() as hub:
        c = Cache()
        os.mkdir(f"{c.path}/any")
        with open(f"{c.path}/any/data.bin", "wb") as f:
            f.write(b"d" * 3000)
        refused(push(c, hub, folder="any"), 3, "no config.json", "--any")
        refused(push(c, hub, folder=f"{MADE}/run"), 2, "is a training run", "export")
        refused(push(c, hub, folder="none"), 3, "no such folder")
        for name in ("small", "a/b/c", "../x", "a b/c", "a/b@c"):
            refused(push(c, hub, name=name), 2, "OWNER/NAME")
        assert not hub.log
        fine(push(c, hub, "--any", folder="any"))
        assert model_files(hub) == {"data.bin": b"d" * 3000}


# ---- refusals ----

def when(method, what, answer, times=1 << 30):
    left = [times]

    def hook(h):
        if h.command != method or what not in h.where or not left[0]:
            return False
        left[0] -= 1
        return answer(h)
    return hook


def status(code, **headers):
    def answer(h):
        h.answer(code, {n.replace("_", "-"): v for n, v in headers.items()}, b"words")
        return True
    return answer


@case
def who_may_not_write():
    with Hub() as hub:
        hub.make(NAME)
        refused(push(Cache(), hub, token=None), 5, "no access token", "HF_TOKEN")
        refused(push(Cache(), hub, token="reader"), 5, "access denied (status 403)", "may not write")
        refused(push(Cache(), hub, token="wrong"), 5, "access denied (status 401)", "may not write there")
        assert list(hub.files(NAME)) == [".gitattributes"]


@case
def statuses_in_words():
    for what, method, answer, words in (
            ("/create", "POST", status(409), ("is the name another's?",)), ("/create", "POST", status(403), ("may not write there",)),
            ("/preupload/", "POST", status(404), ("status 404",)), ("/batch", "POST", status(413), ("larger than the server takes",)),
            ("/storage/", "PUT", status(403), ("no longer valid", WEIGHTS)), ("/storage/", "PUT", status(507), ("has no room",)),
            ("/storage/", "PUT", status(413), ("larger than the server takes",)),
            ("/storage/", "PUT", status(400, X_Error_Message="bad \x1b[2J digest"), ("bad <U+001B>[2J digest",)),
            ("/batch", "POST", status(429, Retry_After="3600"), ("asks to wait for 3600 s",)),
            ("/commit/", "POST", status(412), ("somebody else has changed it",)), ("/commit/", "POST", status(409), ("somebody else",)),
            ("/commit/", "POST", status(200), ("is no JSON object",))):
        with Hub(hooks=[when(method, what, answer)]) as hub:
            c = Cache()
            push(c, hub)
            refused(c, 3 if "status 404" in words else 5, *words)
            assert "Signature" not in c.said and "writer" not in c.said, c.said


@case
def somebody_else_was_faster():
    with Hub() as hub:
        hub.make(NAME)

        def other(h):
            hub.commit(NAME, "main", {"theirs": b"x"}, "faster")
        hub.hooks.append(when("POST", "/batch", other))
        refused(push(Cache(), hub), 5, "status 412", "A commit has happened since")
        assert hub.files(NAME) == {"theirs": b"x"}
        hub.hooks.clear()
        hub.log.clear()
        fine(push(Cache(), hub))
        assert not hub.asked("PUT", ""), hub.log  # the weights are there already


# ---- cuts ----

@case
def cut_and_sent_again():
    def cut(h):
        h.cut()
        return True
    with Hub(hooks=[when("PUT", "/storage/", cut, 1), when("POST", "/batch", status(503), 1)]) as hub:
        c = Cache()
        fine(push(c, hub))
        assert model_files(hub) == MODEL and c.said.count("another try") == 2, c.said


@case
def a_commit_whose_answer_is_lost():
    def made_and_cut(h):
        name = h.where.split("/models/")[1].split("/commit")[0]
        h.answer = lambda *_: None
        h.commit(name, "main")
        h.cut()
        return True
    with Hub(hooks=[when("POST", "/commit/", made_and_cut)]) as hub:
        fine(push(Cache(), hub))
        assert model_files(hub) == MODEL and len(hub.asked("POST", "/commit/")) == 1


@case
def stopped_and_resumed():
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        waiting = []

        def stall(h):
            waiting.append(1)
            h.wait_for_the_end()
            return True
        with Hub() as hub:
            c = Cache()
            folder = folder_with(c, **{"zz.safetensors": b"z" * 4000})
            hub.hooks.append(lambda h: h.command == "PUT" and h.body == b"z" * 4000 and stall(h))
            process = start(c, hub, "push", folder, NAME, HF_TOKEN="writer", HF_HUB_DOWNLOAD_TIMEOUT=LONG)
            while not waiting:
                assert process.poll() is None, process.communicate()
                time.sleep(0.01)
            process.send_signal(number)
            process.communicate()
            assert process.returncode == code and list(hub.files(NAME)) == [".gitattributes"], process.returncode
            hub.hooks.clear()
            hub.log.clear()
            fine(push(c, hub, folder=folder))
            assert len(hub.asked("PUT", "")) == 1, hub.asked("PUT", "")  # the other file had arrived


# ---- lies ----

@case
def contents_that_are_not_kept():
    """The server answers that all is well, and has something else."""
    def other_bytes(h):
        digest = h.where.split("/")[-1]
        hub.large[digest] = b"y" * len(h.body)
        h.answer(200)
        return True
    with Hub(hooks=[when("PUT", "/storage/", other_bytes)]) as hub:
        refused(push(Cache(), hub), 5, WEIGHTS, "does not have the")

    def swapped(h):
        h.answer(200, {"ETag": '"large"'}, b"y" * len(MODEL[WEIGHTS]))
        return True
    with Hub(hooks=[when("GET", "/large/", swapped)]) as hub:
        refused(push(Cache(), hub), 5, "is not what was sent", WEIGHTS)
    with Hub(hooks=[when("GET", "/large/", swapped)]) as hub:
        fine(push(Cache(), hub, "--no-verify"))


def batch(change):
    """The answer of the batch API, changed."""
    def hook(h):
        if not h.where.endswith("/batch"):
            return False
        answer = h.json

        def changed(value, *more):
            answer(change(value) or value, *more)
        h.json = changed
        return False
    return hook


def header(**values):
    def change(value):
        value["objects"][0]["actions"]["upload"]["header"] = values
    return change


@case
def batches_that_lie():
    oid = "ab" * 32
    for change, words in (
            (lambda v: {"objects": []}, "answers for 0 of 2 files"), (lambda v: {"objects": 5}, "answers for 0 of 2 files"),
            (lambda v: v["objects"][0].update(oid=oid), "was not asked for"), (lambda v: v["objects"][0].update(oid=5), "was not asked for"),
            (lambda v: v["objects"][0].update(error={"code": 422, "message": "no\nroom"}), "does not take it: no"),
            (lambda v: v["objects"][0]["actions"].update(upload={}), "no address"),
            (lambda v: v["objects"][0]["actions"]["upload"].update(href="file:///etc/passwd"), "Protocol"),
            (header(chunk_size="0"), "in parts of 0 bytes"), (header(chunk_size="-7"), "in parts of -7 bytes"),
            (header(chunk_size="1"), "parts"), (header(chunk_size="20000"), "no address for part 1"),
            (header(chunk_size=["x"]), "in parts of 0 bytes")):
        with Hub(hooks=[batch(change)]) as hub:
            refused(push(Cache(), hub), 5, words)
            assert not hub.asked("POST", "/commit/")


@case
def redirects_with_what_is_sent():
    with Hub() as away:
        def to(url, code=307):
            return status(code, Location=url)
        for method, what in (("PUT", "/storage/"), ("POST", "/commit/"), ("POST", "/create"), ("POST", "/batch")):
            for code in (302, 307):
                with Hub(hooks=[when(method, what, to(f"{away.url}/x", code))]) as hub:
                    refused(push(Cache(), hub), 5, f"refused to be redirected (status {code})", away.url)
        assert not away.log, away.log
    with Hub() as hub:
        hub.make("new/name")
        hub.hooks.append(lambda h: "bit-ttt" in h.path and to(hub.url + h.path.replace(NAME, "new/name"))(h))
        fine(push(Cache(), hub))  # a repository that was renamed
        assert hub.files("new/name")[WEIGHTS] == MODEL[WEIGHTS]


@case
def endless_answers():
    def endless(h):
        h.answer_endlessly()
        return True
    for what in ("/batch", "/preupload/"):
        with Hub(hooks=[when("POST", what, endless)]) as hub:
            refused(push(Cache(), hub), 5, "the answer has more than")


shutil.rmtree(scratch)
print(f"{len(cases)} cases, {len(failures)} failures")
sys.exit(bool(failures) or not cases)
