"""What the servers of these tests share: a server in a thread of its own, and handlers that answer, or cut."""
import http.server
import socketserver
import threading


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.port = self.server_address[1]

    def begin(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def handle_error(self, request, client_address):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        if "Content-Length" not in dict(headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_endlessly(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.close_connection = True
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"[" * 65536)
        except OSError:
            pass

    def wait_for_the_end(self):
        """Says no more; the other side may take as long as it likes to give up."""
        self.close_connection = True
        self.wfile.flush()
        try:
            while self.connection.recv(1 << 16):
                pass
        except OSError:
            pass

    def cut(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(2)
