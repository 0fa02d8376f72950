"""A Hugging Face Hub and its CDN on this machine, which lie and cut as they are told.

The Hub is 127.0.0.1, the CDN the same server by the name localhost.
"""
import hashlib
import ssl

from answering import Answering, Server

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git_sha1(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Hub(Server):
    def __init__(self, content, certificate=None, **behaviour):
        super().__init__(Handler)
        self.scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.content = content
        self.digest = hashlib.sha256(content).hexdigest()
        self.commit = COMMIT
        self.size = len(content)
        self.cuts = []          # bytes after which the n-th GET of the content is cut
        self.statuses = []      # (status, headers) of the first requests, whatever they want
        self.ranges = True
        self.small = False      # an ordinary file: no redirect, git's SHA-1 as ETag
        self.location = None    # where the Hub redirects, instead of to its CDN
        self.length = None      # Content-Length of the content, instead of the truth
        self.etag = '"cdn"'
        self.reply = None       # function(handler) that answers everything
        self.log = []           # (method, path, headers)
        self.__dict__.update(behaviour)
        self.begin()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def gets(self, what="/cdn/"):
        return [h for m, p, h in self.log if m == "GET" and what in p]


class Handler(Answering):
    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        hub = self.server
        hub.log.append((self.command, self.path, dict(self.headers)))
        if hub.reply and hub.reply(self):
            return
        if hub.statuses:
            status, headers = hub.statuses.pop(0)
            if status == "cut":
                return self.cut()
            return self.answer(status, headers, b"words of the server")
        if "/cdn/" in self.path:
            return self.serve_content({"ETag": hub.etag})
        if "/resolve/" not in self.path:
            return self.answer(404, {"X-Error-Message": "Repository not found"})
        if hub.small:
            return self.serve_content({"ETag": f'"{git_sha1(hub.content)}"', "X-Repo-Commit": hub.commit})
        self.answer(302, {"X-Repo-Commit": hub.commit, "X-Linked-Etag": f'"{hub.digest}"',
                          "X-Linked-Size": str(hub.size),
                          "Location": hub.location or f"{hub.scheme}://localhost:{hub.port}/cdn/{hub.digest}?Signature=s"})

    def serve_content(self, headers):
        hub = self.server
        content, first, status = hub.content, 0, 200
        wanted = self.headers.get("Range")
        condition = self.headers.get("If-Range")
        if hub.ranges and wanted and condition in (None, headers["ETag"]):
            first = int(wanted[len("bytes="):-1])
            if first >= len(content):
                return self.answer(416, {"Content-Range": f"bytes */{len(content)}"})
            status = 206
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        body = content[first:]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if hub.length is None else hub.length))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = hub.cuts.pop(0) if hub.cuts else None
        self.wfile.write(body[:cut])
        if cut is not None or hub.length is not None:
            self.cut()
