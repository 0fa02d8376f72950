"""A Hugging Face Hub by HTTPS that holds a small TinyStories, with a certification authority of its own.

https_hub.py FOLDER: writes FOLDER/authority.crt and, when it listens, its address to FOLDER/endpoint;
ends when its standard input does.
"""
import hashlib
import os
import subprocess
import sys

from hub_server import Hub

folder = sys.argv[1]
NAMES = "subjectAltName=IP:127.0.0.1,DNS:localhost"


def at(name):
    return os.path.join(folder, name)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def stories(count):
    return "".join(f"Once upon a time there was a fox number {i}.\nIt slept.\n<|endoftext|>\n" for i in range(count)).encode()


FILES = {"TinyStoriesV2-GPT4-valid.txt": stories(7), "TinyStoriesV2-GPT4-train.txt": stories(300)}


def choose(handler):
    """The content that the path names, by its file or its digest; the Hub itself does the rest."""
    for name, text in FILES.items():
        digest = hashlib.sha256(text).hexdigest()
        if name in handler.path or digest in handler.path:
            handler.server.content, handler.server.size, handler.server.digest = text, len(text), digest


key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
openssl("req", "-x509", *key, "-keyout", at("authority.key"), "-out", at("authority.crt"), "-days", "2",
        "-subj", "/CN=Bit-Llama test authority")
openssl("req", *key, "-keyout", at("server.key"), "-out", at("server.csr"), "-subj", "/CN=localhost", "-addext", NAMES)
with open(at("names"), "w") as f:
    f.write(NAMES + "\n")
openssl("x509", "-req", "-in", at("server.csr"), "-CA", at("authority.crt"), "-CAkey", at("authority.key"),
        "-CAcreateserial", "-days", "2", "-extfile", at("names"), "-out", at("server.crt"))
with Hub(b"", certificate=(at("server.crt"), at("server.key")), reply=choose) as hub:
    with open(at("endpoint.part"), "w") as f:
        f.write(hub.url + "\n")
    os.rename(at("endpoint.part"), at("endpoint"))
    sys.stdin.read()
