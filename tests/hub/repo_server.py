"""A Hugging Face Hub on this machine with repositories that can be made, listed, read and written.

The Hub is 127.0.0.1; where its large files are kept is the same server by the name localhost.  What it does
wrong is decided by `hooks`: functions of the handler, asked before anything is done, that return true when they
have answered.
"""
import base64
import hashlib
import json
import re
from urllib.parse import unquote, urlsplit

from answering import Answering, Server
from hub_server import git_sha1


class Hub(Server):
    def __init__(self, **behaviour):
        super().__init__(Handler)
        self.repos = {}         # name: {"commits": {sha: {path: content}}, "refs": {branch: sha}, "private", "titles"}
        self.large = {}         # SHA-256: content
        self.parts = {}         # (SHA-256, number): content
        self.tokens = {"writer": "rw", "reader": "r"}
        self.large_from = 1000  # bytes from which on a file is kept apart
        self.part = None        # bytes of a part, when large files are sent in parts
        self.verify = True      # a file that was sent is asked for again
        self.hooks = []
        self.log = []           # (method, path without query, headers, host, bytes of the body)
        self.__dict__.update(behaviour)
        self.begin()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def storage(self):
        return f"http://localhost:{self.port}"

    def make(self, name, files=None, private=False):
        self.repos[name] = {"commits": {}, "refs": {}, "private": private, "titles": []}
        self.commit(name, "main", files if files is not None else {".gitattributes": b"*.safetensors filter=lfs\n"}, "made")
        return self.repos[name]

    def commit(self, name, branch, files, title):
        repo = self.repos[name]
        state = str((name, branch, len(repo["commits"]), title, sorted((p, hashlib.sha256(c).hexdigest()) for p, c in files.items())))
        sha = hashlib.sha1(state.encode()).hexdigest()
        repo["commits"][sha] = dict(files)
        repo["refs"][branch] = sha
        repo["titles"].append(title)
        return sha

    def files(self, name, branch="main"):
        repo = self.repos[name]
        return repo["commits"][repo["refs"][branch]]

    def is_large(self, path, content):
        return len(content) >= self.large_from or (path.endswith(".safetensors") and len(content) > 0)

    def asked(self, method, what):
        return [p for m, p, *_ in self.log if m == method and re.search(what, p)]


def breaking(content, cuts):
    """A hook: answers with that content break off after so many bytes, one for each number."""
    digest = hashlib.sha256(content).hexdigest()

    def hook(h):
        if not cuts or h.command != "GET" or h.where != f"/large/{digest}":
            return False
        first = int((h.headers.get("Range") or "bytes=0-")[len("bytes="):].split("-")[0])
        h.send_response(206 if first else 200)
        h.send_header("ETag", '"large"')
        h.send_header("Content-Length", str(len(content) - first))
        if first:
            h.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        h.end_headers()
        h.wfile.write(content[first:first + cuts.pop()])
        h.cut()
        return True
    return hook


class Handler(Answering):
    def json(self, value, status=200):
        self.answer(status, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def refuse(self, status, code, words):
        self.answer(status, {"X-Error-Code": code, "X-Error-Message": words, "Content-Type": "application/json"},
                    json.dumps({"error": words}).encode())

    def rights(self):
        bearer = self.headers.get("Authorization", "")
        return self.server.tokens.get(bearer[len("Bearer "):], "")

    def do_HEAD(self):
        self.respond()

    do_GET = do_POST = do_PUT = do_HEAD

    def respond(self):
        hub, url = self.server, urlsplit(self.path)
        self.where = unquote(url.path)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        hub.log.append((self.command, self.where, dict(self.headers), self.headers.get("Host", "").split(":")[0], self.body))
        if any(hook(self) for hook in hub.hooks):
            return
        for method, pattern, function in ROUTES:
            found = re.fullmatch(pattern, url.path)
            if found and self.command in method.split():
                return function(self, *map(unquote, found.groups()))
        self.refuse(404, "EntryNotFound", "nothing there")

    def repo(self, name, right="r"):
        """The repository, or None when it was refused."""
        repo = self.server.repos.get(name)
        if right == "w" and "w" not in self.rights():
            return self.refuse(403 if self.rights() else 401, "", "this token may not write")
        if not repo or (repo["private"] and not self.rights()):
            return self.refuse(404 if self.rights() else 401, "RepoNotFound", "Repository not found")
        return repo

    def commit_of(self, repo, revision):
        sha = repo["refs"].get(revision, revision)
        if sha not in repo["commits"]:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return sha

    # ---- reading ----

    def listing(self, name, revision="main"):
        repo = self.repo(name)
        sha = repo and self.commit_of(repo, revision)
        if not sha:
            return
        siblings = []
        for path, content in repo["commits"][sha].items():
            entry = {"rfilename": path, "size": len(content), "blobId": git_sha1(content)}
            if self.server.is_large(path, content):
                entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
            siblings.append(entry)
        self.json({"_id": "1", "id": name, "modelId": name, "sha": sha, "private": repo["private"], "tags": [],
                   "downloads": 0, "likes": 0, "siblings": siblings})

    def resolve(self, name, revision, path):
        repo = self.repo(name)
        sha = repo and self.commit_of(repo, revision)
        if not sha:
            return
        content = repo["commits"][sha].get(path)
        if content is None:
            return self.refuse(404, "EntryNotFound", "Entry not found")
        if not self.server.is_large(path, content):
            return self.content(content, {"ETag": f'"{git_sha1(content)}"', "X-Repo-Commit": sha})
        digest = hashlib.sha256(content).hexdigest()
        self.server.large[digest] = content
        self.answer(302, {"X-Repo-Commit": sha, "X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content)),
                          "Location": f"{self.server.storage}/large/{digest}?Signature=secret"})

    def read_large(self, digest):
        self.content(self.server.large[digest], {"ETag": '"large"'})

    def content(self, content, headers):
        first, wanted = 0, self.headers.get("Range")
        if wanted and self.headers.get("If-Range") in (None, headers["ETag"]):
            first = int(wanted[len("bytes="):].rstrip("-"))
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        self.answer(206 if first else 200, headers, content[first:])

    # ---- writing ----

    def create(self):
        wanted = json.loads(self.body)
        name = f"{wanted['organization']}/{wanted['name']}" if wanted.get("organization") else f"me/{wanted['name']}"
        if "w" not in self.rights():
            return self.refuse(403 if self.rights() else 401, "", "this token may not write")
        if name in self.server.repos:
            return self.refuse(409, "", "You already created this model repo")
        self.server.make(name, private=bool(wanted.get("private")))
        self.json({"url": f"{self.server.url}/{name}", "name": name, "id": name})

    def branch(self, name, branch):
        repo = self.repo(name, "w")
        if not repo:
            return
        repo["refs"][branch] = repo["refs"]["main"]
        self.answer(201)

    def preupload(self, name, revision):
        repo = self.repo(name, "w")
        if not repo or not self.commit_of(repo, revision):
            return
        there = self.server.files(name, revision)
        answers = []
        for f in json.loads(self.body)["files"]:
            path, content = f["path"], there.get(f["path"])
            large = f["size"] >= self.server.large_from or path.endswith(".safetensors")
            oid = None if content is None else hashlib.sha256(content).hexdigest() if large else git_sha1(content)
            answers.append({"path": path, "shouldIgnore": False, "uploadMode": "lfs" if large else "regular", "oid": oid})
        self.json({"files": answers})

    def batch(self, name):
        repo, hub = self.repo(name, "w"), self.server
        if not repo:
            return
        objects = []
        for o in json.loads(self.body)["objects"]:
            entry = {"oid": o["oid"], "size": o["size"]}
            if o["oid"] not in hub.large:
                upload = {"href": f"{hub.storage}/storage/{o['oid']}?X-Signature=secret&size={o['size']}", "header": {}}
                if hub.part and o["size"] > hub.part:
                    upload["href"] = f"{hub.storage}/complete/{o['oid']}?X-Signature=secret"
                    upload["header"] = {"chunk_size": str(hub.part)}
                    for i in range(-(-o["size"] // hub.part)):
                        upload["header"][f"{i + 1:05d}"] = f"{hub.storage}/storage/{o['oid']}/{i + 1}?X-Signature=secret"
                entry["actions"] = {"upload": upload}
                if hub.verify:
                    entry["actions"]["verify"] = {"href": f"{hub.url}/{name}.git/info/lfs/verify", "header": {}}
            objects.append(entry)
        self.json({"transfer": "multipart" if hub.part else "basic", "objects": objects})

    def store(self, digest, number=None):
        if "X-Signature=secret" not in self.path:
            return self.refuse(403, "", "not signed")
        if number:
            self.server.parts[digest, int(number)] = self.body
            return self.answer(200, {"ETag": f'"{hashlib.md5(self.body).hexdigest()}"'})
        if hashlib.sha256(self.body).hexdigest() != digest:
            return self.refuse(400, "", "content does not match its checksum")
        self.server.large[digest] = self.body
        self.answer(200, {"ETag": '"stored"'})

    def complete(self, digest):
        parts = json.loads(self.body)["parts"]
        pieces = [self.server.parts[digest, p["partNumber"]] for p in parts]
        if [p["etag"] for p in parts] != [f'"{hashlib.md5(x).hexdigest()}"' for x in pieces]:
            return self.refuse(400, "", "wrong parts")
        if hashlib.sha256(b"".join(pieces)).hexdigest() != digest:
            return self.refuse(400, "", "content does not match its checksum")
        self.server.large[digest] = b"".join(pieces)
        self.json({})

    def verified(self, name):
        wanted = json.loads(self.body)
        if "w" not in self.rights():
            return self.refuse(401, "", "who asks?")
        content = self.server.large.get(wanted["oid"])
        if content is None or len(content) != wanted["size"]:
            return self.refuse(404, "", "not stored")
        self.answer(200)

    def commit(self, name, revision):
        repo = self.repo(name, "w")
        sha = repo and self.commit_of(repo, revision)
        if not sha:
            return
        lines = [json.loads(line) for line in self.body.splitlines() if line.strip()]
        head, files = lines[0]["value"], dict(repo["commits"][sha])
        if head.get("parentCommit") not in (None, sha):
            return self.refuse(412, "", "A commit has happened since. Please refresh and try again.")
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"], validate=True)
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.server.large:
                    return self.refuse(400, "", f"{value['path']}: its content was not sent")
                files[value["path"]] = self.server.large[value["oid"]]
            else:
                return self.refuse(400, "", f"unknown operation {line['key']}")
        oid = self.server.commit(name, revision, files, head["summary"])
        self.json({"success": True, "commitOid": oid, "commitUrl": f"{self.server.url}/{name}/commit/{oid}",
                   "hookOutput": ""})

    def yaml(self):
        self.json({"errors": [], "warnings": []})


REPO = "([^/]+/[^/]+)"
ROUTES = [
    ("GET", f"/api/models/{REPO}", Handler.listing),
    ("GET", f"/api/models/{REPO}/revision/([^/]+)", Handler.listing),
    ("GET HEAD", f"/{REPO}/resolve/([^/]+)/(.+)", Handler.resolve),
    ("GET HEAD", "/large/([0-9a-f]+)", Handler.read_large),
    ("POST", "/api/repos/create", Handler.create),
    ("POST", f"/api/models/{REPO}/branch/([^/]+)", Handler.branch),
    ("POST", f"/api/models/{REPO}/preupload/([^/]+)", Handler.preupload),
    ("POST", rf"/{REPO}\.git/info/lfs/objects/batch", Handler.batch),
    ("PUT", "/storage/([0-9a-f]+)", Handler.store),
    ("PUT", "/storage/([0-9a-f]+)/([0-9]+)", Handler.store),
    ("POST", "/complete/([0-9a-f]+)", Handler.complete),
    ("POST", rf"/{REPO}\.git/info/lfs/verify", Handler.verified),
    ("POST", f"/api/models/{REPO}/commit/([^/]+)", Handler.commit),
    ("POST", "/api/validate-yaml", Handler.yaml),
]
