"""A gate in front of the S3-compatible server: it refuses requests, or lets them through and loses the answer."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

_REFUSAL = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Gate:
    """Listens on a free loopback port and passes everything on to `port`.

    Attributes:
        refuse, lose: how many of the next requests that fit `method` and `part` get a refusal, or no answer.
        seen: such requests so far.
    """

    def __init__(self, port: int) -> None:
        self.refuse = self.lose = self.seen = 0
        self.method, self.part = "PUT", ""
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fate = gate.fate(self.command, self.path)
                if fate == "refuse":
                    self._answer(403, [("Content-Type", "application/xml")], _REFUSAL)
                    return
                inner = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                inner.request(self.command, self.path, body, dict(self.headers))
                answer = inner.getresponse()
                data = answer.read()
                inner.close()
                if fate == "lose":
                    self.close_connection = True
                    return
                self._answer(answer.status, answer.getheaders(), data)

            def _answer(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(name, value)
                length = dict((name.lower(), value) for name, value in headers).get("content-length", "0")
                self.send_header("Content-Length", length if self.command == "HEAD" else str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass

            def log_message(self, *details: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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
