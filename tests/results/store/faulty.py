"""A gate in front of the S3-compatible server: it refuses requests, or lets them through and loses the answer."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

_REFUSAL = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
_OURS = ("transfer-encoding", "expect", "content-length", "connection")


class _Handler(BaseHTTPRequestHandler):
    """Passes one request on, or not. A subclass knows the gate."""

    protocol_version = "HTTP/1.1"
    gate: Gate

    def _pass(self) -> None:
        body = self._body()
        fate = self.gate.fate(self.command, self.path)
        if fate == "refuse":
            self._answer(403, [("Content-Type", "application/xml")], _REFUSAL)
            return
        inner = http.client.HTTPConnection("127.0.0.1", self.gate.inner, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OURS}
        inner.request(self.command, self.path, body, headers)
        answer = inner.getresponse()
        data = answer.read()
        inner.close()
        if fate == "lose":
            self.close_connection = True
        else:
            self._answer(answer.status, answer.getheaders(), data)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _OURS:
                self.send_header(name, value)
        promised = {name.lower(): value for name, value in headers}.get("content-length", "0")
        self.send_header("Content-Length", promised if self.command == "HEAD" else str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass

    def log_message(self, *details: object) -> None:
        pass


class Gate:
    """Listens on a free loopback port and passes everything on to the port `inner`.

    Attributes:
        refuse, lose: how many of the next requests that fit `method` and `part` get a refusal, or no answer.
        seen: such requests so far.
    """

    def __init__(self, inner: int) -> None:
        self.inner = inner
        self.refuse = self.lose = self.seen = 0
        self.method, self.part = "PUT", ""
        handler = type("Handler", (_Handler,), {"gate": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._mutex = threading.Lock()

    def fate(self, method: str, path: str) -> str:
        """What becomes of a request."""
        with self._mutex:
            if method != self.method or self.part not in path:
                return "pass"
            self.seen += 1
            if self.refuse:
                self.refuse -= 1
                return "refuse"
            if self.lose:
                self.lose -= 1
                return "lose"
            return "pass"

    def __enter__(self) -> Gate:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
