"""Downloads against a hostile server: what is cut, lied about, refused, forged or stalled.

  hub_test.py HUB_PROBE BITLLAMA
"""
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from hub_case import BITLLAMA, CONTENT, LONG, Cache, bad, case, cases, failures, good, scratch
from hub_server import COMMIT, Hub, git_sha1


# ---- what goes well ----

@case
def plain():
    with Hub(CONTENT) as hub:
        c = Cache().fetch(hub)
        good(c)
        assert [(m, p.split("?")[0]) for m, p, _ in hub.log] == [
            ("HEAD", "/datasets/o/n/resolve/main/a.txt"), ("GET", f"/datasets/o/n/resolve/{COMMIT}/a.txt"),
            ("GET", f"/cdn/{hub.digest}")], hub.log
        assert c.blobs() == [hub.digest]
        assert open(f"{c.folder}/refs/main").read() == COMMIT
        assert c.said == "", c.said


@case
def cached_needs_one_head():
    with Hub(CONTENT) as hub:
        c = Cache().fetch(hub)
        hub.log.clear()
        good(c.fetch(hub))
        assert [m for m, _, _ in hub.log] == ["HEAD"], hub.log


@case
def commit_in_the_cache_needs_no_request():
    with Hub(CONTENT) as hub:
        c = Cache().fetch(hub)
        hub.log.clear()
        good(c.fetch(hub, COMMIT))
        assert not hub.log


@case
def offline():
    with Hub(CONTENT) as hub:
        c = Cache().fetch(hub, HF_HUB_OFFLINE="1")
        bad(c, 5, "not in the cache", "HF_HUB_OFFLINE")
        assert not hub.log
        good(c.fetch(hub))
        hub.log.clear()
        good(c.fetch(hub, HF_HUB_OFFLINE="true"))
        assert not hub.log


@case
def a_server_that_is_gone_leaves_the_cache():
    with Hub(CONTENT) as hub:
        c = Cache().fetch(hub)
    good(c.fetch(None))
    assert "the copy in the cache is taken" in c.said, c.said


@case
def changed_on_the_hub():
    with Hub(CONTENT) as hub:
        c = Cache().fetch(hub)
        hub.content, hub.commit = CONTENT[:-1] + b"!", COMMIT[::-1]
        hub.digest = hashlib.sha256(hub.content).hexdigest()
        c.fetch(hub)
        assert c.code == 0 and COMMIT[::-1] in c.file and open(c.file, "rb").read() == hub.content, c.said


@case
def small_file():
    with Hub(b"a few words\n", small=True) as hub:
        c = Cache().fetch(hub, file="b/c d.txt")
        good(c, b"a few words\n", "b/c d.txt")
        assert c.blobs() == [git_sha1(b"a few words\n")]
        assert "/resolve/main/b/c%20d.txt" in hub.log[0][1], hub.log[0]


@case
def empty_file():
    with Hub(b"", small=True) as hub:
        good(Cache().fetch(hub), b"")


@case
def revision_with_a_slash():
    with Hub(CONTENT) as hub:
        good(Cache().fetch(hub, "refs/pr/1"))
        assert "/resolve/refs%2Fpr%2F1/a.txt" in hub.log[0][1]


# ---- cuts and lies ----

@case
def cut_many_times():
    with Hub(CONTENT, cuts=[50_000, 1, 70_000, 0, 60_000, 30_000]) as hub:
        good(Cache().fetch(hub))
        assert [h.get("Range") for h in hub.gets()] == [
            None, "bytes=50000-", "bytes=50001-", "bytes=120001-", "bytes=120001-", "bytes=180001-", "bytes=210001-"]
        assert all(h.get("If-Range") == '"cdn"' for h in hub.gets()[1:])


@case
def cut_before_an_answer():
    with Hub(CONTENT, statuses=[("cut", {}), ("cut", {})]) as hub:
        good(Cache().fetch(hub))


@case
def cut_without_progress_is_given_up():
    with Hub(CONTENT, cuts=[100_000] + [0] * 20) as hub:
        c = Cache().fetch(hub)
        bad(c, 5, "/resolve/")
        assert len(hub.gets()) == 5, len(hub.gets())  # one with bytes, then four without
        assert os.path.getsize(c.incomplete(hub)) == 100_000
        hub.cuts = []
        hub.log.clear()
        good(c.fetch(hub))
        assert [h.get("Range") for h in hub.gets()] == ["bytes=100000-"]


@case
def cut_in_the_headers():
    def reply(h):
        if "/cdn/" in h.path and len(h.server.gets()) < 3:
            h.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
            h.cut()
            return True
    with Hub(CONTENT, reply=reply) as hub:
        good(Cache().fetch(hub))


@case
def length_too_long():
    with Hub(CONTENT, length=400_000) as hub:
        good(Cache().fetch(hub))


@case
def length_too_short():
    with Hub(CONTENT, length=100_000) as hub:
        c = Cache().fetch(hub)  # what is beyond the announced end is not read; the rest by ranges
        good(c)
        assert len(hub.gets()) == 3, hub.log


@case
def more_than_announced():
    with Hub(CONTENT, size=200_000) as hub:
        c = Cache().fetch(hub)
        bad(c, 5, "more came than the 200000 bytes announced")
        assert os.path.getsize(c.incomplete(hub)) == 0


@case
def less_than_announced():
    with Hub(CONTENT, size=400_000) as hub:
        bad(Cache().fetch(hub), 5)


@case
def wrong_contents():
    with Hub(CONTENT, digest="ab" * 32) as hub:
        c = Cache().fetch(hub)
        bad(c, 5, "is not the file that the Hub announced", "SHA-256", "it was removed")
        assert c.blobs() == [], c.blobs()
        assert len(hub.gets()) == 1


@case
def wrong_small_contents():
    def reply(h):
        if h.command == "GET":
            h.server.content = b"other words"
    with Hub(b"these words", small=True, reply=reply) as hub:
        bad(Cache().fetch(hub), 5, "git SHA-1")


@case
def wrong_start_begins_afresh():
    with Hub(CONTENT) as hub:
        c = Cache()
        c.leave(hub, b"x" * 1000)
        good(c.fetch(hub))
        assert [h.get("Range") for h in hub.gets()] == ["bytes=1000-", None]
        assert "starts afresh" in c.said


@case
def whole_start_needs_no_bytes():
    with Hub(CONTENT) as hub:
        c = Cache()
        c.leave(hub, CONTENT)
        good(c.fetch(hub))
        assert not hub.gets()


@case
def start_that_is_too_long():
    with Hub(CONTENT) as hub:
        c = Cache()
        c.leave(hub, CONTENT + b"x")
        good(c.fetch(hub))


@case
def ranges_ignored():
    with Hub(CONTENT, ranges=False, cuts=[200_000, 250_000]) as hub:
        good(Cache().fetch(hub))


@case
def ranges_ignored_without_progress():
    with Hub(CONTENT, ranges=False, cuts=[200_000] * 30) as hub:
        bad(Cache().fetch(hub), 5)
        assert len(hub.gets()) == 5, len(hub.gets())


@case
def range_not_satisfiable():
    def reply(h):
        if h.headers.get("Range"):
            h.answer(416, {"Content-Range": "bytes */10"})
            return True
    with Hub(CONTENT, reply=reply, cuts=[1000]) as hub:
        good(Cache().fetch(hub))


@case
def another_range():
    def reply(h):
        if h.headers.get("Range") and not hasattr(h.server, "lied"):
            h.server.lied = True
            h.answer(206, {"Content-Range": "bytes 5-299999/300000"}, CONTENT[5:])
            return True
    with Hub(CONTENT, reply=reply, cuts=[1000]) as hub:
        good(Cache().fetch(hub))


@case
def etag_changes_between_tries():
    def reply(h):
        if len(h.server.gets()) == 2:
            h.server.etag = '"another"'
    with Hub(CONTENT, reply=reply, cuts=[1000]) as hub:
        good(Cache().fetch(hub))
        assert hub.gets()[1]["If-Range"] == '"cdn"'


@case
def file_changes_between_head_and_get():
    def reply(h):
        if h.command == "GET" and h.server.content == CONTENT:
            h.server.content = CONTENT[::-1]
            h.server.digest = hashlib.sha256(h.server.content).hexdigest()
    with Hub(CONTENT, reply=reply) as hub:
        good(Cache().fetch(hub), CONTENT[::-1])


@case
def endless_headers():
    def reply(h):
        h.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-A: %s\r\n" % (b"a" * 1000) * 3000)
        h.cut()
        return True
    with Hub(CONTENT, reply=reply) as hub:
        bad(Cache().fetch(hub, "main", 0.001, 1), 5)


@case
def no_http_at_all():
    def reply(h):
        h.wfile.write(b"\x00\x01SSH-2.0 hello\r\n" * 10)
        h.cut()
        return True
    with Hub(CONTENT, reply=reply) as hub:
        bad(Cache().fetch(hub), 5)


@case
def no_hub():
    with Hub(CONTENT, reply=lambda h: h.answer(200, {"ETag": '"x"'}, b"hello") or True) as hub:
        bad(Cache().fetch(hub), 5, "no Hugging Face Hub there?")


@case
def hostile_names_in_headers():
    for commit, digest in (("../../../../x" + "0" * 27, None), ("0" * 40, "../../../evil"), ("0" * 39, None)):
        with Hub(CONTENT) as hub:
            hub.commit, hub.digest = commit, digest or hub.digest
            bad(Cache().fetch(hub), 5, "does not say commit and checksum")


# ---- statuses ----

@case
def sizes_that_are_none():
    """A size that is absent, no number or more than files have is refused before a byte is asked for."""
    for size in ("", "x", "300000x", "0x493e0", "-1", "+300000", " ", "3e5", str(1 << 51), str(1 << 63), "9" * 40):
        with Hub(CONTENT, size=size) as hub:
            c = Cache().fetch(hub)
            bad(c, 5, "does not say a size that a file can have (X-Linked-Size)")
            assert not hub.gets() and c.blobs() == [], (size, hub.log)


@case
def size_missing():
    def reply(h):
        h.send_response(200)
        for name, value in {"ETag": f'"{git_sha1(CONTENT)}"', "X-Repo-Commit": COMMIT, "Connection": "close"}.items():
            h.send_header(name, value)
        h.end_headers()
        h.close_connection = True
        return True
    with Hub(CONTENT, reply=reply) as hub:
        c = Cache().fetch(hub)
        bad(c, 5, "does not say a size that a file can have (Content-Length)")
        assert [m for m, _, _ in hub.log] == ["HEAD"]


@case
def ranges_that_contradict_themselves():
    for words in ("bytes 100-99/300000", "bytes 100-300000/300000", "bytes 100-/300000", "bytes 100/300000",
                  "bytes 100x-299999/300000", "bytes -100-299999/300000", "100-299999/300000"):
        def reply(h):
            if "/cdn/" in h.path and h.headers.get("Range") == "bytes=100-":
                h.answer(206, {"ETag": '"cdn"', "Content-Range": words}, CONTENT[100:])
                return True
        with Hub(CONTENT, reply=reply) as hub:
            c = Cache()
            c.leave(hub, CONTENT[:100])
            good(c.fetch(hub))  # begun afresh
            assert "another range than asked for" in c.said, (words, c.said)


@case
def not_found():
    with Hub(CONTENT, statuses=[(404, {"X-Error-Message": "Entry not found"})]) as hub:
        bad(Cache().fetch(hub), 3, "404", hub.url + "/datasets/o/n/resolve/main/a.txt", "Entry not found")
        assert len(hub.log) == 1


@case
def no_access():
    for status in (401, 403):
        with Hub(CONTENT, statuses=[(status, {"X-Error-Message": "gated"}), (status, {})]) as hub:
            bad(Cache().fetch(hub), 5, str(status), "set HF_TOKEN", "gated")
            bad(Cache().fetch(hub, HF_TOKEN="hf_x"), 5, "the token in HF_TOKEN gives no access")


@case
def busy_then_fine():
    with Hub(CONTENT, statuses=[(429, {"Retry-After": "1"}), (500, {}), (503, {}), (502, {})]) as hub:
        start = time.monotonic()
        c = Cache().fetch(hub)
        good(c)
        assert time.monotonic() - start >= 1
        assert "429" in c.said and "another try in 1 s (2 of 5)" in c.said, c.said


@case
def busy_for_too_long():
    with Hub(CONTENT, statuses=[(429, {"Retry-After": "86400"})]) as hub:
        bad(Cache().fetch(hub), 5, "429")
        assert len(hub.log) == 1


@case
def broken_for_ever():
    with Hub(CONTENT, statuses=[(500, {})] * 20) as hub:
        bad(Cache().fetch(hub), 5, "500")
        assert len(hub.log) == 5


@case
def nobody_there():
    bad(Cache().fetch(None), 5, "127.0.0.1")


# ---- redirects ----

@case
def relative_redirect():
    def reply(h):
        if h.path.startswith("/datasets/o/n/"):
            h.answer(307, {"Location": h.path.replace("/o/n/", "/renamed/n/")})
            return True
    with Hub(CONTENT, reply=reply) as hub:
        good(Cache().fetch(hub, HF_TOKEN="hf_secret"))
        assert all("Authorization" in h for m, p, h in hub.log if "/cdn/" not in p)


@case
def redirects_in_a_circle():
    with Hub(CONTENT, reply=lambda h: h.answer(302, {"Location": h.path}) or True) as hub:
        bad(Cache().fetch(hub), 5, "more than 10 redirects")
        assert len(hub.log) == 11


@case
def redirects_to_elsewhere():
    for place in ("file:///etc/passwd", "FILE:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:1/x", "dict://127.0.0.1:1/x"):
        with Hub(CONTENT, location=place) as hub:
            c = Cache().fetch(hub)
            assert c.code == 5 and c.file == "" and "root:" not in c.said, (place, c.said)


@case
def token_stays_with_its_host():
    with Hub(CONTENT) as hub:
        good(Cache().fetch(hub, HF_TOKEN=" hf_secret\n"))
        assert [h.get("Authorization") for m, p, h in hub.log] == ["Bearer hf_secret"] * 2 + [None]
    with Hub(CONTENT) as other, Hub(CONTENT, location=f"{other.url}/cdn/x") as hub:  # another port
        good(Cache().fetch(hub, HF_TOKEN="hf_secret"))
        assert all("Authorization" not in h for _, _, h in other.log) and other.log


@case
def token_from_files():
    for name, path in (("HF_TOKEN_PATH", "/t"), ("HF_HOME", "/token"), (None, "/.cache/huggingface/token")):
        with Hub(CONTENT) as hub:
            c = Cache()
            os.makedirs(os.path.dirname(c.path + path), exist_ok=True)
            with open(c.path + path, "w") as f:
                f.write("hf_file\n")
            more = {name: c.path + (path if name == "HF_TOKEN_PATH" else "")} if name else {"XDG_CACHE_HOME": None}
            good(c.fetch(hub, **more))
            assert hub.log[0][2].get("Authorization") == "Bearer hf_file", name
            hub.log.clear()
            good(Cache().fetch(hub, HF_HUB_DISABLE_IMPLICIT_TOKEN="1", **more))
            assert "Authorization" not in hub.log[0][2]


@case
def token_with_a_line_break():
    with Hub(CONTENT) as hub:
        bad(Cache().fetch(hub, HF_TOKEN="a\r\nX-Evil: 1"), 2, "HF_TOKEN")
        assert not hub.log


@case
def endpoints_that_are_none():
    for url in ("ftp://127.0.0.1", "file:///etc", "127.0.0.1", "http://u:p@127.0.0.1", "http://", "http://a b"):
        bad(Cache().fetch(None, HF_ENDPOINT=url), 2, "HF_ENDPOINT")


@case
def names_that_leave_the_cache():
    for how in ({"repo": "../x"}, {"repo": "a/b/c"}, {"file": "../x"}, {"file": "/etc/passwd"}, {"file": "a//b"}, {"file": "a/.."}, {"repo": "a?b"}):
        bad(Cache().fetch(None, **how), 2, "is not")
    bad(Cache().fetch(None, "../../x"), 2, "is not a revision")


# ---- proxies and certificates ----

@case
def proxy():
    def reply(h):  # absolute URLs come to a proxy
        if h.path.startswith("http://hub.invalid/"):
            h.path = h.path[len("http://hub.invalid"):]
    with Hub(CONTENT, reply=reply) as hub:
        hub.location = "http://hub.invalid/cdn/x"
        for name in ("http_proxy", "all_proxy"):
            good(Cache().fetch(hub, HF_ENDPOINT="http://hub.invalid", **{name: hub.url}))
        bad(Cache().fetch(hub, "main", 0.001, 1, HF_ENDPOINT="http://hub.invalid", http_proxy=hub.url, no_proxy="hub.invalid"), 5)


def certificate():
    key, crt = f"{scratch}/key.pem", f"{scratch}/crt.pem"
    if not os.path.exists(crt):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-keyout", key, "-out", crt, "-days", "2", "-subj", "/CN=bl-test",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return crt, key


def https():
    crt, key = certificate()
    with Hub(CONTENT, certificate=(crt, key)) as hub:
        hub.location = hub.url + "/cdn/x"
        for name in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
            good(Cache().fetch(hub, **{name: crt}))
        bad(Cache().fetch(hub), 5, "certificate is not trusted", "SSL_CERT_FILE")
        hub.location = f"https://localhost:{hub.port}/cdn/x"  # not a name of the certificate
        bad(Cache().fetch(hub, SSL_CERT_FILE=crt), 5, "certificate is not trusted")


def https_to_http():
    crt, key = certificate()
    with Hub(CONTENT) as plain_hub, Hub(CONTENT, certificate=(crt, key)) as hub:
        hub.location = f"{plain_hub.url}/cdn/x"
        bad(Cache().fetch(hub, SSL_CERT_FILE=crt), 5, "from https to unprotected http")
        assert not plain_hub.log
        plain_hub.location = hub.url + "/cdn/x"  # the other way is fine
        good(Cache().fetch(plain_hub, SSL_CERT_FILE=crt))


if shutil.which("openssl"):
    case(https)
    case(https_to_http)
else:
    print("skipped: https and https_to_http (no openssl command here to make a certificate)")


# ---- time, signals, disks, neighbours ----

def stalls_after(count):
    """The content up to there, when it is asked for the first time; then nothing, until who asked has gone."""
    def reply(h):
        if "/cdn/" in h.path and len(h.server.gets()) == 1:
            h.send_response(200)
            h.send_header("ETag", h.server.etag)
            h.send_header("Content-Length", str(len(CONTENT)))
            h.end_headers()
            h.wfile.write(CONTENT[:count])
            h.wait_for_the_end()
            return True
    return reply


UNTIL_OVER = ["main", 0.001, 1000]  # as many tries as a busy machine may want


@case
def stalls_are_cut_and_resumed():
    with Hub(CONTENT, reply=stalls_after(100)) as hub:
        c = Cache().fetch(hub, *UNTIL_OVER, HF_HUB_DOWNLOAD_TIMEOUT="1")
        good(c)
        assert "too slow for the time limit of 1 s (HF_HUB_DOWNLOAD_TIMEOUT)" in c.said, c.said
        assert hub.gets()[1]["Range"] == "bytes=100-"


@case
def silence_instead_of_headers():
    with Hub(CONTENT, reply=lambda h: h.wait_for_the_end() or True) as hub:
        bad(Cache().fetch(hub, "main", 0.001, 1, HF_HUB_ETAG_TIMEOUT="1"), 5,
            "too slow for the time limit of 1 s (HF_HUB_ETAG_TIMEOUT)")


@case
def answers_that_drip():
    """Headers, and a body that nobody asked for, fast enough never to stall and without an end."""
    def drip(h, start, piece):
        try:
            h.wfile.write(start)
            while True:
                h.wfile.write(piece)
                time.sleep(0.1)
        except OSError:
            h.close_connection = True
        return True
    with Hub(CONTENT, reply=lambda h: drip(h, b"HTTP/1.1 200 OK\r\n", b"X-A: %s\r\n" % (b"a" * 40))) as hub:
        bad(Cache().fetch(hub, "main", 0.001, 1, HF_HUB_ETAG_TIMEOUT="1"), 5,
            "too slow for the time limit of 1 s (HF_HUB_ETAG_TIMEOUT)")
    moved = b"HTTP/1.1 302 Found\r\nLocation: /cdn/x\r\nContent-Length: 60000\r\n\r\n"
    with Hub(CONTENT, reply=lambda h: h.command == "GET" and drip(h, moved, b"a" * 40)) as hub:
        bad(Cache().fetch(hub, "main", 0.001, 1, HF_HUB_DOWNLOAD_TIMEOUT="1"), 5,
            "too slow for the time limit of 1 s (HF_HUB_DOWNLOAD_TIMEOUT)")


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def grown(cache, hub, size):
    return lambda: os.path.exists(cache.incomplete(hub)) and os.path.getsize(cache.incomplete(hub)) == size


def interrupt(cache, process):
    """Whether a signal is heard; without it the process would wait for longer than this."""
    process.send_signal(signal.SIGINT)
    _, cache.said = process.communicate(timeout=60)
    cache.code = process.returncode
    bad(cache, 130, "interrupted")


@case
def interrupted_then_resumed():
    with Hub(CONTENT, reply=stalls_after(30_000)) as hub:
        c = Cache()
        process = c.start(hub, HF_HUB_DOWNLOAD_TIMEOUT=LONG)
        wait_for(grown(c, hub, 30_000))
        interrupt(c, process)
        good(c.fetch(hub))
        assert [h.get("Range") for h in hub.gets()] == [None, "bytes=30000-"]


@case
def interrupted_in_a_pause():
    with Hub(CONTENT, statuses=[(503, {"Retry-After": "300"})] * 9) as hub:
        c = Cache()
        process = c.start(hub)
        assert "another try in 300 s" in process.stderr.readline()
        interrupt(c, process)
        assert len(hub.log) == 1


@case
def killed_then_resumed():
    with Hub(CONTENT, reply=stalls_after(30_000)) as hub:
        c = Cache()
        process = c.start(hub, HF_HUB_DOWNLOAD_TIMEOUT=LONG)
        wait_for(grown(c, hub, 30_000))
        process.kill()
        process.communicate()
        good(c.fetch(hub))
        assert hub.gets()[-1]["Range"] == "bytes=30000-"


@case
def full_disk():
    with Hub(CONTENT) as hub:
        c = Cache().fetch(hub, limit=100_000)
        bad(c, 4, "cannot write", "File too large")
        assert len(hub.gets()) == 1
        good(c.fetch(hub))
        assert hub.gets()[-1]["Range"] == "bytes=100000-"


@case
def no_room_is_seen_before():
    with Hub(CONTENT, size=1 << 50) as hub:
        bad(Cache().fetch(hub), 4, "the disk has room for", "make room, or set HF_HOME")
        assert not hub.gets()


@case
def two_at_once():
    seen = threading.Event()

    def reply(h):
        if h.command == "GET":
            assert seen.wait(60)
    with Hub(CONTENT, reply=reply) as hub:
        c = Cache()
        first = c.start(hub, HF_HUB_DOWNLOAD_TIMEOUT=LONG)
        wait_for(lambda: hub.gets("/resolve/"))
        second = c.start(hub, HF_HUB_DOWNLOAD_TIMEOUT=LONG)
        said = second.stderr.readline()
        assert "another process downloads it" in said, said
        seen.set()
        out, said = second.communicate(timeout=60)
        first.communicate(timeout=60)
        assert (first.returncode, second.returncode) == (0, 0), said
        c.code, c.file = 0, out.strip()
        good(c)
        assert len(hub.gets()) == 1


@case
def a_neighbour_that_hangs():
    with Hub(CONTENT) as hub:
        c = Cache()
        os.makedirs(f"{c.path}/hub/.locks/datasets--o--n")
        with open(f"{c.path}/hub/.locks/datasets--o--n/{hub.digest}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            bad(c.fetch(hub, HF_HUB_DOWNLOAD_TIMEOUT="0.05"), 4, f"holds {lock.name}", "stop it and try again")
        good(c.fetch(hub))


@case
def leftovers_are_swept():
    """Unfinished downloads of other contents go after a week, unless a process has them in hand."""
    with Hub(CONTENT) as hub:
        c = Cache()
        os.makedirs(f"{c.folder}/blobs")
        os.makedirs(f"{c.path}/hub/.locks/datasets--o--n")
        names = {"a" * 64: 8, "b" * 40: 8, "c" * 64: 6, "d" * 64: 8, "notes": 8}
        for name, days in names.items():
            path = f"{c.folder}/blobs/{name}.incomplete"
            open(path, "wb").write(b"x" * 1000)
            os.utime(path, (time.time() - days * 86400,) * 2)
        with open(f"{c.path}/hub/.locks/datasets--o--n/{'d' * 64}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert c.fetch(hub).code == 0, c.said
        assert c.blobs() == sorted([hub.digest, f"{'c' * 64}.incomplete", f"{'d' * 64}.incomplete",
                                    "notes.incomplete"]), c.blobs()


@case
def links_without_a_name_are_swept():
    """What a process leaves that was killed before its link got its name; not what one is about to name."""
    with Hub(CONTENT) as hub:
        c = Cache().fetch(hub)
        folder = os.path.dirname(c.file)
        left, other = f"{folder}/.a.txt.0123456789abcdef.tmp", f"{folder}/.b.txt.0123456789abcdef.tmp"
        os.symlink("../../blobs/x", other)
        for revision in ("main", COMMIT):
            os.symlink("../../blobs/x", left)
            good(c.fetch(hub, revision, HF_HUB_OFFLINE="1"))
            maker = os.open(folder, os.O_RDONLY)
            fcntl.flock(maker, fcntl.LOCK_SH)
            good(c.fetch(hub, revision))
            assert os.path.islink(left)
            os.close(maker)
            good(c.fetch(hub, revision))
            assert not os.path.lexists(left) and os.path.islink(other), os.listdir(folder)


@case
def links_that_leave_the_cache():
    """Whoever may write into the cache decides what is in it, and no more."""
    with Hub(CONTENT) as hub:
        c = Cache().fetch(hub)
        secret = f"{c.path}/secret"
        open(secret, "w").write("no content of the Hub")
        for name in (c.file, f"{c.folder}/blobs/{hub.digest}"):
            os.remove(name)
            os.symlink(secret, name)
            good(c.fetch(hub))
            assert open(secret).read() == "no content of the Hub"
        os.remove(c.file)
        os.symlink(secret, c.file)
        bad(c.fetch(None, HF_HUB_OFFLINE="1"), 5, "is not in the cache")


# ---- the program ----

def stories(count):
    return "".join(f"Once upon a time there was a cat number {i}.\nIt slept.\n<|endoftext|>\n" for i in range(count)).encode()


def prepare(hub, cache, out, *flags, source="tinystories", **environment):
    files = {"TinyStoriesV2-GPT4-valid.txt": stories(7), "TinyStoriesV2-GPT4-train.txt": stories(300)}

    def reply(h):
        for name, text in files.items():
            if name in h.path or hashlib.sha256(text).hexdigest() in h.path:
                hub.content, hub.size, hub.digest = text, len(text), hashlib.sha256(text).hexdigest()
    hub.reply = reply
    process = subprocess.run([BITLLAMA, "prepare", source, "--out", out, "--vocab-size", "300", *flags],
                             capture_output=True, text=True, env=cache.environment(hub, **environment), timeout=60)
    cache.code, cache.said = process.returncode, process.stderr
    return json.load(open(f"{out}/meta.json")) if process.returncode == 0 else None


@case
def prepare_tinystories():
    with Hub(b"") as hub:
        c = Cache()
        meta = prepare(hub, c, f"{c.path}/data")
        assert c.code == 0, c.said
        assert (meta["train"]["documents"], meta["val"]["documents"]) == (300, 7), meta
        assert meta["source"] == "tinystories" and "own validation file" in meta["split_rule"], meta
        assert "/datasets/roneneldan/TinyStories/resolve/main/TinyStoriesV2-GPT4-valid.txt" in hub.log[0][1]
        meta = prepare(hub, c, f"{c.path}/drawn", "--val-split", "0.2", HF_HUB_OFFLINE="1")
        assert c.code == 0, c.said
        assert meta["train"]["documents"] + meta["val"]["documents"] == 307 and meta["val"]["documents"] > 20, meta
        data = prepare(hub, c, f"{c.path}/again")
        assert data["train"] and open(f"{c.path}/again/val.bin", "rb").read() == open(f"{c.path}/data/val.bin", "rb").read()


@case
def prepare_tinystories_without_network():
    c = Cache()
    with Hub(b"") as hub:
        prepare(hub, c, f"{c.path}/data", HF_HUB_OFFLINE="1")
    assert c.code == 5 and "HF_HUB_OFFLINE forbids" in c.said, (c.code, c.said)
    assert not os.path.exists(f"{c.path}/data")


shutil.rmtree(scratch)
print(f"{len(cases)} cases, {len(failures)} failures")
sys.exit(bool(failures) or not cases)
